//! Several `gitopsctl bump` at once: what one does is worked out again on what the others did.

use std::process::{Command, Stdio};

use crate::bump::{clone, is_sound, target};
use crate::remote::World;
use crate::rollback::{Shop, git, json, overlay};
use crate::support::gitopsctl;

const PUSH: [&str; 3] = ["--env=production", "--push", "--format=json"];

fn bump<'a>(service: &'a str, tag: &'a str) -> Vec<&'a str> {
    [&["bump", service, tag], &PUSH[..]].concat()
}

#[test]
fn the_intent_is_applied_anew_where_the_branch_has_moved() {
    let mut world = World::serving(Shop::new().repository.path());
    let url = format!("{}/srv.git", world.daemon());
    let (_one, early) = clone(&url, &[]);
    let (_two, late) = clone(&url, &["--depth=1"]);
    // A neighbour's release, and an edit by hand in the very file, beside the line.
    gitopsctl(&early, &bump("user-service", "v2.0.0")).exits(0);
    let text = std::fs::read_to_string(early.join(target())).unwrap_or_default();
    let edited = text
        .replace("# CI owns the tag.", "# CI owns the tag,\n# and nobody else.")
        .replace("namespace:", "namePrefix: x-\nnamespace:");
    std::fs::write(early.join(target()), &edited).unwrap_or_else(|error| panic!("{error}"));
    git(&early, &["commit", "--quiet", "--all", "--message", "By hand"]);
    git(&early, &["push", "--quiet"]);
    let head = git(&late, &["rev-parse", "HEAD"]);
    let told = json(&gitopsctl(&late, &bump("order-service", "v1.2.2")).exits(0));
    assert_eq!((&told["attempts"], &told["pushed"]), (&2.into(), &true.into()));
    let show = |path: &str| git(&world.server(), &["show", &format!("main:{path}")]);
    assert_eq!(show(&target()), edited.replace("v1.2.1", "v1.2.2").trim_end());
    assert!(show(&overlay("user-service", "production")).contains("v2.0.0"));
    assert_eq!(git(&world.server(), &["log", "--format=%s", "-2", "main"]), "Update order-service to v1.2.2\nBy hand");
    assert_eq!(git(&world.server(), &["rev-list", "--count", "--merges", "main"]), "0");
    // The clone's own branch and files wait for a pull, which goes through.
    assert_eq!((git(&late, &["rev-parse", "HEAD"]), git(&late, &["status", "--porcelain"])), (head, String::new()));
    git(&late, &["pull", "--quiet", "--ff-only"]);
    is_sound(&late);
}

#[test]
fn guards_and_proof_speak_again_at_the_new_tip() {
    let mut world = World::serving(Shop::new().repository.path());
    let url = format!("{}/srv.git", world.daemon());
    let (_one, early) = clone(&url, &[]);
    let late = || clone(&url, &[]);
    let stale: Vec<_> = (0..6).map(|_| late()).collect();
    let line = ["bump", "order-service", "v1.4.0", "--env=production", "--push", "--build-number=10"];
    gitopsctl(&early, &line).exits(0);
    let tip = world.tip();
    let refused = |at: &std::path::Path, line: &[&str], code: i32, says: &str| {
        let before = (git(at, &["rev-parse", "HEAD"]), git(at, &["status", "--porcelain"]));
        let run = gitopsctl(at, line).exits(code).says(says);
        assert_eq!((git(at, &["rev-parse", "HEAD"]), git(at, &["status", "--porcelain"])), before);
        assert_eq!(world.tip(), tip);
        run
    };
    refused(&stale[0].1, &bump("order-service", "v1.3.0"), 5, "v1.3.0 is older than v1.4.0, which runs");
    let older = [&bump("order-service", "v1.5.0")[..], &["--build-number=9"]].concat();
    refused(&stale[1].1, &older, 5, "build 9 is older than build 10");
    let expect = [&bump("order-service", "v1.5.0")[..], &["--expect=v1.2.1"]].concat();
    refused(&stale[2].1, &expect, 5, "has v1.4.0 in production, and not v1.2.1");
    // The same release by another pipeline: done.
    let told = json(&refused(&stale[3].1, &bump("order-service", "v1.4.0"), 0, ""));
    assert_eq!((&told["commit"], &told["unchanged"][0]["version"]), (&().into(), &"v1.4.0".into()));
    // What does not build any more by somebody else's commit.
    let path = early.join("apps/order-service/base/kustomization.yaml");
    std::fs::write(&path, "resources: [gone.yaml]\n").unwrap_or_else(|error| panic!("{error}"));
    git(&early, &["commit", "--quiet", "--all", "--message", "Oops"]);
    git(&early, &["push", "--quiet"]);
    let run = gitopsctl(&stale[4].1, &bump("order-service", "v1.5.0")).exits(3).says("error[release/unbuilt]");
    run.says("gone.yaml");
    // A service that is gone.
    git(&early, &["rm", "-r", "--quiet", "apps/order-service"]);
    git(&early, &["commit", "--quiet", "--message", "Gone"]);
    git(&early, &["push", "--quiet"]);
    gitopsctl(&stale[5].1, &bump("order-service", "v1.5.0")).exits(2).says("there is no service `order-service`");
}

/// Starts all of them before it waits for any; what each printed.
fn at_once(commands: Vec<Command>) -> Vec<String> {
    let start = |mut command: Command| {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap_or_else(|error| panic!("{error}"))
    };
    let running: Vec<_> = commands.into_iter().map(start).collect();
    let ended = running.into_iter().map(|child| {
        let output = child.wait_with_output().unwrap_or_else(|error| panic!("{error}"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    });
    ended.collect()
}

fn fleet(size: usize) -> (Shop, Vec<String>) {
    let shop = Shop::new();
    let names: Vec<String> = (0..size).map(|number| format!("service-{number}")).collect();
    for name in &names {
        shop.service(name, "");
    }
    shop.commit("A fleet");
    (shop, names)
}

/// Asserts that the branch has one commit for each service, in line, each of one line.
fn is_linear(at: &std::path::Path, old: &str, names: &[String]) {
    let log = git(at, &["log", "--format=%s %P", "--reverse", &format!("{old}..main")]);
    assert!(log.lines().all(|line| line.split(' ').count() == 5), "one parent each: {log}");
    let mut subjects: Vec<_> =
        log.lines().filter_map(|line| line.rsplit_once(' ')).map(|(subject, _)| subject).collect();
    subjects.sort_unstable();
    let expected: Vec<_> = names.iter().map(|name| format!("Update {name} to v2.0.0")).collect();
    assert_eq!(subjects, expected);
    for commit in git(at, &["rev-list", &format!("{old}..main")]).lines() {
        let changed = git(at, &["diff", "--numstat", &format!("{commit}^"), commit]);
        assert!(changed.lines().count() == 1 && changed.starts_with("1\t1\tapps/service-"), "{changed}");
    }
    is_sound(at);
}

#[test]
fn eight_pipelines_push_at_once_and_all_land() {
    let (shop, names) = fleet(8);
    let mut world = World::serving(shop.repository.path());
    let url = format!("{}/srv.git", world.daemon());
    let old = world.tip();
    let clones: Vec<_> = names.iter().map(|_| clone(&url, &["--depth=1"])).collect();
    let command = |(name, (_, at)): (&String, &(_, std::path::PathBuf))| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gitopsctl"));
        command.args(bump(name, "v2.0.0")).current_dir(at);
        command
    };
    let told = at_once(names.iter().zip(&clones).map(command).collect());
    assert!(told.iter().all(|text| text.contains("\"pushed\": true")), "{told:?}");
    is_linear(&world.server(), &old, &names);
    for (_, at) in &clones {
        assert_eq!(git(at, &["status", "--porcelain"]), "");
        git(at, &["pull", "--quiet", "--ff-only"]);
    }
}

#[test]
fn eight_processes_in_one_clone_and_all_commit() {
    let (shop, names) = fleet(8);
    let old = shop.tip();
    let command = |name: &String| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gitopsctl"));
        command.args(["bump", name, "v2.0.0", "--env=production"]).current_dir(shop.repository.path());
        command
    };
    at_once(names.iter().map(command).collect());
    is_linear(shop.repository.path(), &old, &names);
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
}
