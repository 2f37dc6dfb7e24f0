//! `gitopsctl bump` killed at any moment, and on a disk that takes no more: the repository is at the old commit or at the
//! new one, and whole.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::bump::{clone, is_sound, target};
use crate::rollback::{Shop, git, json};
use crate::support::{Repository, gitopsctl};

/// How many moments a run is killed at.
const MOMENTS: u32 = 40;

fn command(at: &Path, tag: &str, flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gitopsctl"));
    command.args(["bump", "order-service", tag, "--env=production"]).args(flags).current_dir(at);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// Starts a bump and kills it after a while.
fn killed(at: &Path, tag: &str, flags: &[&str], delay: Duration) {
    let mut child = command(at, tag, flags).spawn().unwrap_or_else(|error| panic!("{error}"));
    std::thread::sleep(delay);
    child.kill().unwrap_or_else(|error| panic!("{error}"));
    child.wait().unwrap_or_else(|error| panic!("{error}"));
}

/// The commit of a branch, once no process that the killed one had started changes it any more.
fn settled(at: &Path, branch: &str) -> String {
    let mut tip = git(at, &["rev-parse", branch]);
    loop {
        std::thread::sleep(Duration::from_millis(15));
        let now = git(at, &["rev-parse", branch]);
        if now == tip {
            return tip;
        }
        tip = now;
    }
}

fn tag_of(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("  newTag: ")).unwrap_or_default()
}

/// Bumps again and again, each time killed a little later; what came of each.
fn kills(at: &Path, flags: &[&str], server: Option<&Path>) -> [u32; 2] {
    let old = git(at, &["show", &format!("HEAD:{}", target())]) + "\n";
    let start = Instant::now();
    assert!(command(at, "v1.3.0", flags).status().is_ok_and(|status| status.success()));
    let whole = start.elapsed();
    let mut running = "v1.3.0".to_owned();
    let mut came_to = [0, 0];
    for moment in 0..MOMENTS {
        let next = format!("v1.3.{}", moment + 1);
        let before = server.map_or_else(String::new, |server| git(server, &["rev-parse", "main"]));
        let head = git(at, &["rev-parse", "HEAD"]);
        killed(at, &next, flags, whole * moment / MOMENTS);
        // Here.
        let tip = settled(at, "HEAD");
        let has_moved = tip != head;
        assert!(!has_moved || git(at, &["rev-parse", "HEAD^"]) == head, "{moment}");
        let committed = git(at, &["show", &format!("HEAD:{}", target())]) + "\n";
        let tag = tag_of(&committed).to_owned();
        assert_eq!(tag, if has_moved { next.as_str() } else { running.as_str() }, "{moment}");
        assert_eq!(committed, old.replace("v1.2.1", &tag), "{moment}");
        git(at, &["fsck", "--strict", "--no-dangling"]);
        let shown = std::fs::read_to_string(at.join(target())).unwrap_or_default();
        let is_old_or_new = [&running, &next].into_iter().any(|tag| shown == old.replace("v1.2.1", tag));
        assert!(is_old_or_new, "{moment}: {shown}");
        came_to[usize::from(has_moved)] += 1;
        // On the server.
        if let Some(server) = server {
            let tip = settled(server, "main");
            assert!(tip == before || git(server, &["rev-parse", "main^"]) == before, "{moment}");
        }
        // The next run finishes it, or does it all.
        let tag = format!("--source-subject={moment}");
        let again = gitopsctl(at, &[&["bump", "order-service", &next, "--env=production", &tag], flags].concat());
        let again = again.exits(0);
        assert!(!again.stderr.contains("left as"), "{moment}: {}", again.stderr);
        if let Some(server) = server {
            git(at, &["pull", "--quiet", "--ff-only"]);
            assert_eq!(git(at, &["rev-parse", "HEAD"]), git(server, &["rev-parse", "main"]), "{moment}");
        }
        assert_eq!(git(at, &["status", "--porcelain"]), "", "{moment}");
        assert_eq!(
            std::fs::read_to_string(at.join(target())).unwrap_or_default(),
            old.replace("v1.2.1", &next),
            "{moment}"
        );
        running = next;
    }
    // One commit each, and nothing that was left.
    assert_eq!(git(at, &["rev-list", "--count", "HEAD"]), (MOMENTS + 2).to_string());
    let left = git(at, &["for-each-ref", "--format=%(refname)", "refs/gitopsctl"]);
    for name in left.lines() {
        // They go with time.
        let old = format!("refs/gitopsctl/1600000000-1-{}", &name[name.len() - 16..]);
        git(at, &["update-ref", &old, name]);
        git(at, &["update-ref", "-d", name]);
    }
    came_to
}

#[test]
fn a_commit_that_is_killed_is_made_or_not() {
    let shop = Shop::new();
    let came_to = kills(shop.repository.path(), &[], None);
    assert!(came_to[0] > 0, "none was killed early: {came_to:?}");
    is_sound(shop.repository.path());
}

#[test]
fn a_push_that_is_killed_has_arrived_or_not() {
    let shop = Shop::new();
    let (server, url) = shop.serve();
    let (_folder, at) = clone(&url, &[]);
    git(&at, &["update-ref", "refs/gitopsctl/1600000000-1-0123456789abcdef", "HEAD"]);
    let bare = server.path().join("shop.git");
    let came_to = kills(&at, &["--push"], Some(&bare));
    assert!(came_to[0] > 0, "none was killed early: {came_to:?}");
    // What killed runs left goes with the next fetch, once it is old.
    git(&at, &["commit", "--quiet", "--allow-empty", "--message", "mine"]);
    gitopsctl(&at, &["bump", "order-service", "v1.4.0", "--env=production", "--push"]).exits(0);
    is_sound(&at);
    is_sound(&bare);
}

#[test]
fn a_lock_that_a_killed_git_left_is_named_with_its_remedy() {
    let shop = Shop::new();
    let before = (shop.tip(), shop.read(&target()));
    for lock in ["index.lock", "refs/heads/main.lock"] {
        let path = shop.repository.path().join(".git").join(lock);
        std::fs::write(&path, "").unwrap_or_else(|error| panic!("{error}"));
        let run = shop
            .run("bump order-service v1.2.2 --env production")
            .exits(4)
            .says("error[release/locked]")
            .says(lock)
            .says("if none runs, remove that file");
        assert_eq!((run.stdout.as_str(), shop.tip(), shop.read(&target())), ("", before.0.clone(), before.1.clone()));
        std::fs::remove_file(&path).unwrap_or_else(|error| panic!("{error}"));
        is_sound(shop.repository.path());
    }
    shop.bump("order-service", "v1.2.2");
}

/// Runs the program where no file may grow beyond a number of blocks of 512 bytes, as on a disk that is full.
#[cfg(unix)]
fn on_a_full_disk(at: &Path, blocks: u32, flags: &[&str]) -> std::process::Output {
    let script =
        format!("ulimit -f {blocks}; trap '' XFSZ; exec \"$0\" bump order-service v1.2.2 --env production \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_gitopsctl")]).args(flags).current_dir(at);
    command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{error}"))
}

#[cfg(unix)]
#[test]
fn on_a_full_disk_nothing_is_half_written() {
    let shop = Shop::new();
    let (server, url) = shop.serve();
    let (_folder, at) = clone(&url, &[]);
    let bare = server.path().join("shop.git");
    for (at, flags) in [(shop.repository.path(), &[][..]), (&at, &["--push"]), (&at, &["--no-commit"])] {
        let state = || {
            let work: Vec<_> = crate::support::files(&at.join("apps")).into_iter().collect();
            (
                git(at, &["rev-parse", "HEAD"]),
                git(at, &["status", "--porcelain"]),
                git(&bare, &["rev-parse", "main"]),
                work,
            )
        };
        let before = state();
        let output = on_a_full_disk(at, 0, flags);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{flags:?}: {said}");
        assert!(said.contains("error[release/not-written]"), "{flags:?}: {said}");
        assert!(output.stdout.is_empty());
        assert!(state() == before, "{flags:?}");
        is_sound(at);
        let output = on_a_full_disk(at, 0, &[flags, &["--format=json"]].concat());
        assert_eq!(output.status.code(), Some(4));
    }
    // Where there is no room even for a repository to work in.
    let nowhere = Repository::empty();
    let output = on_a_full_disk(nowhere.path(), 0, &["--repo", &url, "--author=Ann <ann@example.com>"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("error[release/"), "{said}");
    // With room again, it goes.
    let line = ["bump", "order-service", "v1.2.2", "--env=production", "--push", "--format=json"];
    assert_eq!(json(&gitopsctl(&at, &line).exits(0))["pushed"], true);
}
