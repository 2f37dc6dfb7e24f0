//! `gitopsctl bump` wherever it runs: what its commit changes, and all that it leaves as it was.

use std::fs;
use std::path::{Path, PathBuf};

use crate::rollback::{FLEET, Shop, git, json, overlay};
use crate::support::{Repository, files, gitopsctl, gitopsctl_with};

pub(crate) const BUMP: [&str; 4] = ["bump", "order-service", "v1.2.2", "--env=production"];

pub(crate) fn target() -> String {
    overlay("order-service", "production")
}

/// Clones a repository, with somebody who commits; the clone lies in the folder.
pub(crate) fn clone(url: &str, arguments: &[&str]) -> (Repository, PathBuf) {
    let folder = Repository::empty();
    let to = folder.path().join("clone");
    git(folder.path(), &[&["clone", "--quiet"], arguments, &[url, &to.to_string_lossy()]].concat());
    for (key, value) in [("user.name", "Bob"), ("user.email", "bob@example.com")] {
        git(&to, &["config", key, value]);
    }
    (folder, to)
}

/// Asserts that a branch went one commit on from `old`, in nothing but these lines of this file, and that all is sound.
pub(crate) fn went_on(at: &Path, branch: &str, old: &str, path: &str, lines: [&str; 2]) {
    assert_eq!(git(at, &["rev-parse", &format!("{branch}^@")]), old, "one parent");
    let raw = git(at, &["diff-tree", "-r", "--no-renames", old, branch]);
    let files: Vec<_> = raw.lines().collect();
    assert!(files.len() == 1 && raw.starts_with(":100644 100644 ") && raw.ends_with(&format!("M\t{path}")), "{raw}");
    let diff = git(at, &["diff", "--unified=0", old, branch]);
    let changed: Vec<_> = diff.lines().skip_while(|line| !line.starts_with("@@")).skip(1).collect();
    let expected = [format!("-{}", lines[0]), format!("+{}", lines[1])];
    assert_eq!(changed, expected, "{diff}");
    is_sound(at);
}

pub(crate) fn is_sound(at: &Path) {
    git(at, &["fsck", "--strict", "--no-dangling"]);
    assert_eq!(git(at, &["for-each-ref", "refs/gitopsctl"]), "", "a reference was left behind");
    let folder = PathBuf::from(git(at, &["rev-parse", "--absolute-git-dir"]));
    assert!(!folder.join("gitopsctl").exists(), "a journal was left behind");
}

const ORDER: [&str; 2] = ["  newTag: v1.2.1", "  newTag: v1.2.2"];

/// A repository of the kind that a test is about, with what must be told.
struct Ground<'a> {
    what: &'a str,
    at: PathBuf,
    arguments: &'a [&'a str],
    branch: &'a str,
}

impl Ground<'_> {
    /// Bumps, and holds the repository against what it was.
    fn bump(&self) {
        let (at, what) = (self.at.as_path(), self.what);
        let is_bare = git(at, &["rev-parse", "--is-bare-repository"]) == "true";
        let status = || if is_bare { String::new() } else { git(at, &["status", "--porcelain", "--branch"]) };
        let head = || (git(at, &["rev-parse", "--symbolic-full-name", "HEAD"]), git(at, &["rev-parse", "HEAD"]));
        let config = || git(at, &["config", "--list", "--local"]);
        let (old, before, tip, settings) = (git(at, &["rev-parse", self.branch]), status(), head(), config());
        gitopsctl(at, &[&BUMP[..], self.arguments].concat())
            .exits(0)
            .prints("order-service in production: v1.2.1 -> v1.2.2");
        went_on(at, self.branch, &old, &target(), ORDER);
        let shows = tip.0 == format!("refs/heads/{}", self.branch);
        let tag = if shows { "newTag: v1.2.2" } else { "newTag: v1.2.1" };
        let is_at_top = git(at, &["rev-parse", "--show-prefix"]).is_empty();
        if !is_bare && is_at_top {
            let text = fs::read_to_string(at.join(target())).unwrap_or_default();
            assert!(text.contains(tag), "{what}: {text}");
        }
        let strip = |text: String| text.lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(strip(status()), strip(before), "{what}");
        assert_eq!(head().0, tip.0, "{what}: HEAD");
        assert!(shows || head() == tip, "{what}: HEAD stays");
        assert_eq!(config(), settings, "{what}");
        // Once more there is nothing to do.
        let tip = git(at, &["rev-parse", self.branch]);
        let again = gitopsctl(at, &[&BUMP[..], self.arguments].concat()).exits(0);
        again.prints("order-service has v1.2.2 in production already");
        assert_eq!(git(at, &["rev-parse", self.branch]), tip, "{what}");
    }
}

#[test]
fn every_kind_of_repository_gets_the_one_commit() {
    let shop = Shop::new();
    for number in 0..25 {
        shop.write("notes.txt", &format!("{number}\n"));
        shop.commit("A note");
    }
    let (server, url) = shop.serve();
    git(&server.path().join("shop.git"), &["config", "uploadpack.allowFilter", "true"]);
    let main = |what, at, arguments| Ground { what, at, arguments, branch: "main" };
    let (_folder, at) = clone(&url, &[]);
    main("a branch", at, &[]).bump();
    let (_folder, at) = clone(&url, &[]);
    main("a folder below the top", at.join("apps/order-service"), &[]).bump();
    let (_folder, at) = clone(&url, &["--depth=1"]);
    main("one commit deep", at, &[]).bump();
    let (_folder, at) = clone(&url, &["--depth=20"]);
    main("twenty commits deep", at, &[]).bump();
    let (_folder, at) = clone(&url, &["--filter=blob:none"]);
    main("a partial clone", at, &[]).bump();
    let (_folder, at) = clone(&url, &["--filter=tree:0", "--sparse"]);
    git(&at, &["sparse-checkout", "set", "apps"]);
    main("a partial, sparse clone", at, &[]).bump();
    let (_folder, at) = clone(&url, &["--bare"]);
    main("a bare repository", at, &[]).bump();
    let (_folder, at) = clone(&url, &[]);
    git(&at, &["checkout", "--quiet", "--detach"]);
    let stays = git(&at, &["rev-parse", "HEAD"]);
    let run = gitopsctl(&at, &BUMP).exits(4).says("error[release/detached]").says("name the branch with --branch");
    assert_eq!((run.stdout.as_str(), git(&at, &["rev-parse", "main"])), ("", stays));
    main("a detached HEAD", at, &["--branch=main"]).bump();
    // As CI leaves it: no branch but the server's.
    let (_folder, at) = clone(&url, &[]);
    git(&at, &["checkout", "--quiet", "--detach"]);
    git(&at, &["branch", "--quiet", "-D", "main"]);
    gitopsctl(&at, &[&BUMP[..], &["--branch=main"]].concat()).exits(0).prints("is on `main`");
    went_on(&at, "main", &git(&at, &["rev-parse", "HEAD"]), &target(), ORDER);
    let (folder, at) = clone(&url, &[]);
    git(&at, &["worktree", "add", "--quiet", "-b", "side", "../linked"]);
    let linked = folder.path().join("linked");
    Ground { what: "a linked work tree", at: linked.clone(), arguments: &[], branch: "side" }.bump();
    assert_eq!(git(&at, &["status", "--porcelain"]), "");
    // What another work tree shows must not change under it.
    let run = gitopsctl(&linked, &[&BUMP[..], &["--branch=main"]].concat()).exits(4);
    run.says("`refs/heads/main` is checked out in the work tree of").says(&at.to_string_lossy());
    let (_folder, at) = clone(&url, &[]);
    git(&at, &["checkout", "--quiet", "-b", "release/next"]);
    let grounds = [main("another branch than the one shown", at.clone(), &["--branch=main"])];
    grounds.iter().for_each(Ground::bump);
    Ground { what: "a branch with a slash", at, arguments: &[], branch: "release/next" }.bump();
}

#[test]
fn the_repository_may_be_named_from_outside_and_its_settings_lie_in_a_folder() {
    let shop = Shop::new();
    let platform = shop.repository.path().join("platform");
    fs::create_dir(&platform).unwrap_or_else(|error| panic!("{error}"));
    gitopsctl(&platform, &["init"]).exits(0);
    gitopsctl(&platform, &["render"]).exits(0);
    let old = shop.commit("A platform in a folder");
    let file = "platform/gitops/apps/order-service/overlays/production/kustomization.yaml";
    let was = shop.read(file).lines().find(|line| line.contains("newTag:")).map(str::to_owned).unwrap_or_default();
    for (at, tag) in [("platform", "v7.0.0"), ("platform/services", "v7.0.1")] {
        let before = shop.tip();
        let now = shop.read(file).lines().find(|line| line.contains("newTag:")).map(str::to_owned).unwrap_or_default();
        let at = shop.repository.path().join(at);
        // The environment is the platform's own.
        gitopsctl(&at, &["bump", "order-service", tag]).exits(0).prints("order-service in production: ");
        let next = now.replace(now.trim().trim_start_matches("newTag: "), tag);
        went_on(shop.repository.path(), "main", &before, file, [&now, &next]);
        assert_eq!(shop.git(&["status", "--porcelain"]), "");
        assert!(shop.read(file).contains(tag));
    }
    assert!(!shop.read(file).contains(&was));
    // A path is relative to where the command stands.
    let folder = shop.repository.path().join("platform/gitops/apps");
    let image =
        json(&gitopsctl(&platform, &["bump", "order-service", "v7.0.2", "--dry-run", "--format=json"]).exits(0));
    let image = image["released"][0]["image"].as_str().unwrap_or_default().to_owned();
    let line = ["bump", &image, "v7.0.2", "--path=order-service/overlays/production"];
    gitopsctl(&folder, &line).exits(0).prints(&format!("{image} in production: v7.0.1 -> v7.0.2"));
    gitopsctl(&folder, &["bump", &image, "v7.0.3", "--path=../../../.."]).exits(2).says("outside of the repository");
    assert_eq!(shop.git(&["rev-list", "--count", &format!("{old}..main")]), "3");
}

/// A home that cannot be read, written or even entered.
#[test]
fn no_home_is_needed() {
    let shop = Shop::new();
    let old = shop.tip();
    let nowhere = [("HOME", "/dev/null/home"), ("XDG_CONFIG_HOME", "/dev/null/config")];
    gitopsctl_with(shop.repository.path(), &BUMP, &nowhere).exits(0);
    went_on(shop.repository.path(), "main", &old, &target(), ORDER);
    let (server, url) = shop.serve();
    let (_folder, at) = clone(&url, &[]);
    let line = ["bump", "order-service", "v1.2.3", "--env=production", "--push"];
    gitopsctl_with(&at, &line, &nowhere).exits(0);
    went_on(&server.path().join("shop.git"), "main", &shop.tip(), &target(), [ORDER[1], "  newTag: v1.2.3"]);
}

#[test]
fn what_else_is_going_on_in_the_work_tree_stays() {
    let shop = Shop::new();
    shop.write("kept.bin", "a\r\nb\n\0");
    shop.write("staged.txt", "1\n");
    shop.write("both.txt", "1\n");
    shop.write("gone.txt", "1\n");
    shop.write(".gitignore", "ignored.txt\n");
    shop.commit("More files");
    shop.write("untracked.txt", "new\n");
    shop.write("ignored.txt", "new\n");
    shop.write("staged.txt", "2\n");
    shop.write("both.txt", "2\n");
    shop.write("added.txt", "1\n");
    shop.git(&["add", "staged.txt", "both.txt", "added.txt"]);
    shop.write("both.txt", "3\n");
    shop.edit(FLEET, "newTag: v1", "newTag: v8");
    shop.git(&["rm", "--quiet", "--cached", "kept.bin"]);
    shop.repository.remove("gone.txt");
    // The neighbour's overlay, and another file in the very folder.
    shop.edit(&overlay("user-service", "production"), "v1.2.1", "v9");
    shop.write("apps/order-service/overlays/production/note.txt", "mine\n");
    let old = shop.tip();
    let work = || {
        let mut all = shop.repository.files();
        all.retain(|path, _| !path.starts_with(".git/"));
        all
    };
    let index = || shop.git(&["ls-files", "--stage"]);
    let status = || shop.git(&["status", "--porcelain=v1", "--ignored"]);
    let (mut files, staged, before) = (work(), index(), status());
    shop.bump("order-service", "v1.2.2");
    went_on(shop.repository.path(), "main", &old, &target(), ORDER);
    assert_eq!(status(), before);
    let text = String::from_utf8_lossy(&files[&target()]).replace("v1.2.1", "v1.2.2");
    files.insert(target(), text.into_bytes());
    assert_eq!(work(), files);
    let now = index();
    let differs: Vec<_> = staged.lines().zip(now.lines()).filter(|(old, new)| old != new).collect();
    assert_eq!((differs.len(), staged.lines().count()), (1, now.lines().count()), "{differs:?}");
    assert!(differs[0].1.ends_with(&target()));
    // The index knows the file as it is on disk: nobody has to look at it again.
    assert!(!shop.git(&["diff-files", "--name-only"]).contains(&target()));
}

#[test]
fn a_file_that_is_not_as_it_was_committed_is_refused() {
    let shop = Shop::new();
    let (path, tip) = (target(), shop.tip());
    let refused = |says: &str| {
        let before = (shop.repository.files(), shop.git(&["ls-files", "--stage"]));
        let run = shop.run("bump order-service v1.2.2 --env production").exits(4);
        run.says("error[release/dirty]").says(&path).says(says).says("git stash");
        assert_eq!(
            (shop.repository.files(), shop.git(&["ls-files", "--stage"]), shop.tip()),
            (before.0, before.1, tip.clone())
        );
    };
    shop.edit(&path, "# CI owns", "# We own");
    refused("has changes that are not committed");
    shop.git(&["add", &path]);
    refused("has staged changes");
    // What is staged and taken back in the work tree is staged all the same.
    shop.edit(&path, "# We own", "# CI owns");
    refused("has staged changes");
    shop.git(&["reset", "--quiet", "--hard"]);
    shop.repository.remove(&path);
    refused("has changes that are not committed");
    shop.git(&["rm", "--quiet", "--cached", &path]);
    refused("has staged changes");
    shop.git(&["reset", "--quiet", "--hard"]);
    #[cfg(unix)]
    {
        let (full, aside) = (shop.repository.path().join(&path), shop.repository.path().join("aside.yaml"));
        fs::rename(&full, &aside).unwrap_or_else(|error| panic!("{error}"));
        std::os::unix::fs::symlink(&aside, &full).unwrap_or_else(|error| panic!("{error}"));
        refused("symbolic link");
        fs::rename(&aside, &full).unwrap_or_else(|error| panic!("{error}"));
    }
    // Another file that is not committed changes what would be proved, and not what is committed.
    shop.edit("apps/order-service/base/kustomization.yaml", "deployment.yaml", "gone.yaml");
    shop.bump("order-service", "v1.2.2");
    assert_eq!(shop.git(&["status", "--porcelain"]), " M apps/order-service/base/kustomization.yaml");
}

#[test]
fn line_endings_and_filters_change_no_other_byte() {
    let shop = Shop::new();
    // A file with both kinds of line ends, and no last one.
    let mixed =
        "resources: [../../base]\r\nimages:\n- name: user-service\r\n  newTag: v1.2.1 # CI\r\nnamespace: production";
    shop.write(&overlay("user-service", "production"), mixed);
    shop.write(".gitattributes", "apps/user-service/** -text\n");
    shop.commit("Mixed line ends");
    let (_server, url) = shop.serve();
    for (name, options, attributes) in [
        ("autocrlf", &["--config=core.autocrlf=true"][..], None),
        ("eol", &[][..], Some("*.yaml text eol=crlf\napps/user-service/** -text\n")),
        (
            "a filter elsewhere",
            &["--config=filter.up.clean=tr A-Z a-z", "--config=filter.up.smudge=tr a-z A-Z"][..],
            Some("*.txt filter=up\napps/user-service/** -text\n"),
        ),
    ] {
        let (_folder, at) = clone(&url, options);
        if let Some(attributes) = attributes {
            fs::write(at.join(".gitattributes"), attributes).unwrap_or_else(|error| panic!("{error}"));
            fs::write(at.join("shouted.txt"), "SHOUTED\n").unwrap_or_else(|error| panic!("{error}"));
            git(&at, &["add", "--all"]);
            git(&at, &["commit", "--quiet", "--message", "Attributes"]);
            git(&at, &["rm", "-r", "--quiet", "--cached", "."]);
            git(&at, &["reset", "--quiet", "--hard"]);
        }
        let read = |path: &str| fs::read_to_string(at.join(path)).unwrap_or_default();
        let (old, shown) = (git(&at, &["rev-parse", "HEAD"]), read(&target()));
        assert_eq!(shown.contains('\r'), name != "a filter elsewhere", "{name}");
        gitopsctl(&at, &BUMP).exits(0);
        went_on(&at, "main", &old, &target(), ORDER);
        assert_eq!(read(&target()), shown.replace("v1.2.1", "v1.2.2"), "{name}");
        assert_eq!(git(&at, &["status", "--porcelain"]), "", "{name}");
        gitopsctl(&at, &["bump", "user-service", "v1.3", "--env=production"]).exits(0);
        assert_eq!(read(&overlay("user-service", "production")), mixed.replace("v1.2.1", "v1.3"), "{name}");
        let blob = git(&at, &["cat-file", "-p", &format!("HEAD:{}", overlay("user-service", "production"))]);
        assert_eq!(blob, mixed.replace("v1.2.1", "v1.3"), "{name}");
        assert_eq!(git(&at, &["status", "--porcelain"]), "", "{name}");
    }
    // A filter that changes the very file would be gone around.
    let (_folder, at) = clone(&url, &["--config=filter.up.clean=tr X x", "--config=filter.up.smudge=tr x X"]);
    fs::write(at.join(".gitattributes"), "*.yaml filter=up\n").unwrap_or_else(|error| panic!("{error}"));
    fs::write(at.join(target()), fs::read_to_string(at.join(target())).unwrap_or_default() + "# XYZ\n")
        .unwrap_or_else(|error| panic!("{error}"));
    git(&at, &["add", "--all"]);
    git(&at, &["commit", "--quiet", "--message", "A filter"]);
    let before = (files(&at.join("apps")), git(&at, &["rev-parse", "HEAD"]));
    gitopsctl(&at, &BUMP).exits(4).says("error[release/dirty]").says("is shown by a filter of Git as something else");
    assert_eq!((files(&at.join("apps")), git(&at, &["rev-parse", "HEAD"])), before);
}

#[test]
fn without_a_commit_or_in_the_middle_of_a_merge_it_is_refused() {
    let nothing = Repository::empty();
    nothing.run(&BUMP).exits(2).says("is in no Git repository");
    let shop = Shop::new();
    shop.git(&["checkout", "--quiet", "--orphan", "fresh"]);
    shop.run("bump order-service v1.2.2 --env production")
        .exits(4)
        .says("error[release/unborn]")
        .says("`fresh` has no commit");
    shop.git(&["checkout", "--quiet", "--force", "main"]);
    // A merge, a cherry-pick, a revert and a rebase, each stopped by a conflict.
    shop.git(&["checkout", "--quiet", "-b", "side"]);
    shop.edit(FLEET, "newTag: v1", "newTag: v2");
    shop.commit("side");
    shop.git(&["checkout", "--quiet", "main"]);
    shop.edit(FLEET, "newTag: v1", "newTag: v3");
    let tip = shop.commit("main");
    for what in ["merge", "cherry-pick", "rebase"] {
        let mut command = std::process::Command::new("git");
        command.args(["-c", "user.name=A", "-c", "user.email=a@example.com", what, "side"]);
        let output = command.current_dir(shop.repository.path()).output().unwrap_or_else(|error| panic!("{error}"));
        assert!(!output.status.success(), "a conflict");
        let run = shop.run("bump order-service v1.2.2 --env production").exits(4);
        match what {
            "rebase" => run.says("error[release/detached]"),
            _ => run
                .says("error[release/in-progress]")
                .says(&format!("a {what} is in progress"))
                .says(&format!("git {what} --abort")),
        };
        shop.git(&[what, "--abort"]);
        assert_eq!(shop.tip(), tip);
    }
    // A merge without a conflict as well: the commit would become part of it.
    shop.git(&["merge", "--quiet", "--no-commit", "--strategy=ours", "side"]);
    shop.run("bump order-service v1.2.2 --env production").exits(4).says("error[release/in-progress]");
    shop.git(&["merge", "--abort"]);
    shop.bump("order-service", "v1.2.2");
}

#[test]
fn nothing_is_written_where_only_a_look_is_asked_for() {
    let shop = Shop::new();
    let before = shop.repository.files();
    let run = shop.run("bump order-service v1.2.2 --env production --dry-run").exits(0);
    run.prints("order-service in production: v1.2.1 -> v1.2.2")
        .prints("-  newTag: v1.2.1\n+  newTag: v1.2.2\n")
        .prints("\nUpdate order-service to v1.2.2\n\nGitopsctl-Service: order-service\n");
    assert_eq!(shop.repository.files(), before);
    let told = json(&shop.run("bump order-service v1.2.2 --env production --dry-run --format json").exits(0));
    assert_eq!(
        (&told["dryRun"], &told["commit"], &told["released"][0]["to"]),
        (&true.into(), &().into(), &"v1.2.2".into())
    );
    assert_eq!(shop.repository.files(), before);
    // Only the file, and no commit: for those who commit by other means.
    let tip = shop.tip();
    let shown = shop.run("bump order-service v1.2.2 --env production --no-commit --dry-run").exits(0);
    shown.prints("+  newTag: v1.2.2");
    assert_eq!(shop.repository.files(), before);
    shop.run("bump order-service v1.2.2 --env production --no-commit").exits(0).prints("v1.2.1 -> v1.2.2");
    assert_eq!((shop.tip(), shop.git(&["diff", "--name-only"])), (tip, target()));
    assert_eq!(shop.read(&target()), String::from_utf8_lossy(&before[&target()]).replace("v1.2.1", "v1.2.2"));
    // What is not committed is what counts then.
    shop.run("bump order-service v1.2.2 --env production --no-commit")
        .exits(0)
        .prints("has v1.2.2 in production already");
    shop.run("bump order-service v1.2.0 --env production --no-commit").exits(5).says("release/downgrade");
    // Outside of Git as well.
    let plain = Repository::empty();
    for (path, content) in &before {
        if !path.starts_with(".git/") {
            plain.write(path, &String::from_utf8_lossy(content));
        }
    }
    plain.run(&[&BUMP[..], &["--no-commit"]].concat()).exits(0);
    assert!(plain.read(&target()).contains("newTag: v1.2.2"));
    shop.run("bump order-service v1.2.3 --env production --no-commit --push").exits(2);
}
