//! `gitopsctl bump --push` and `--repo`: what arrives, what is refused, and that nothing is half done then.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::bump::{BUMP, clone, is_sound, target, went_on};
use crate::remote::{TOKEN, World, free_port, script_at};
use crate::rollback::{Shop, git, json};
use crate::support::{Repository, Run, gitopsctl, gitopsctl_with};

const ORDER: [&str; 2] = ["  newTag: v1.2.1", "  newTag: v1.2.2"];

/// A server, and a clone of it.
struct Site {
    world: World,
    url: String,
    _folder: Repository,
    at: PathBuf,
}

impl Site {
    fn new() -> Self {
        let mut world = World::serving(Shop::new().repository.path());
        let url = format!("{}/srv.git", world.daemon());
        let (folder, at) = clone(&url, &[]);
        Self { world, url, _folder: folder, at }
    }

    fn bump(&self, flags: &[&str]) -> Run {
        gitopsctl(&self.at, &[&BUMP[..], flags].concat())
    }

    /// What there is of commits, branches and files, here and there.
    fn state(&self) -> [String; 4] {
        let refs = ["for-each-ref", "--format=%(refname) %(objectname)"];
        [
            git(&self.at, &refs),
            git(&self.world.server(), &refs),
            git(&self.at, &["status", "--porcelain", "--branch"]),
            std::fs::read_to_string(self.at.join(target())).unwrap_or_default(),
        ]
    }

    /// Asserts that a push is refused with a code, and that nothing was changed here or there.
    fn refuses(&self, flags: &[&str], code: &str, says: &[&str]) {
        let before = self.state();
        let run = self.bump(&[flags, &["--push"]].concat()).exits(4).says(&format!("error[{code}]"));
        says.iter().fold(run, |run, text| run.says(text));
        let told = json(&self.bump(&[flags, &["--push", "--format=json"]].concat()).exits(4));
        assert_eq!(
            (&told["error"]["code"], &told["commit"], &told["pushed"]),
            (&code.into(), &().into(), &false.into())
        );
        assert_eq!(self.state(), before);
        is_sound(&self.at);
    }
}

#[test]
fn what_is_pushed_is_there_and_here() {
    let site = Site::new();
    let old = site.world.tip();
    let run = site.bump(&["--push"]).exits(0).prints(&format!(" is on `main` of {}\n", site.url));
    assert!(!run.stdout.contains("attempts"), "{}", run.stdout);
    went_on(&site.world.server(), "main", &old, &target(), ORDER);
    went_on(&site.at, "main", &old, &target(), ORDER);
    assert_eq!(git(&site.at, &["status", "--porcelain", "--branch"]), "## main...origin/main");
    let told = json(&site.bump(&["--push", "--format=json"]).exits(0));
    assert_eq!(
        (&told["pushed"], &told["commit"], &told["unchanged"][0]["version"]),
        (&false.into(), &().into(), &"v1.2.2".into())
    );
    // What else lies on the local branch is not pushed along.
    git(&site.at, &["commit", "--quiet", "--allow-empty", "--message", "mine"]);
    let mine = git(&site.at, &["rev-parse", "HEAD"]);
    let run = gitopsctl(&site.at, &["bump", "order-service", "v1.2.3", "--env=production", "--push"]).exits(0);
    run.says("your `main` is another than the server's: `git pull`");
    assert_eq!(git(&site.at, &["rev-parse", "HEAD"]), mine);
    assert_eq!(
        git(&site.at, &["log", "--format=%s", "-2", "origin/main"]),
        "Update order-service to v1.2.3\nUpdate order-service to v1.2.2"
    );
    // Detached, as CI checks out: the branch is named, and HEAD stays.
    let (_folder, at) = clone(&site.url, &["--depth=1"]);
    git(&at, &["checkout", "--quiet", "--detach"]);
    let head = git(&at, &["rev-parse", "HEAD"]);
    let line = ["bump", "user-service", "v2.0.0", "--env=production", "--push", "--branch=main"];
    gitopsctl(&at, &line).exits(0);
    assert_eq!((git(&at, &["rev-parse", "HEAD"]), git(&at, &["status", "--porcelain"])), (head.clone(), String::new()));
    assert_eq!(git(&site.world.server(), &["rev-parse", "main^"]), head);
}

#[test]
fn each_refusal_of_a_server_has_its_words_and_leaves_nothing() {
    let site = Site::new();
    site.world.hook("pre-receive", "echo 'no releases on Fridays'; exit 1");
    let says = format!("a hook of `{}` declined the push to `main`", site.url);
    site.refuses(&[], "release/hook-refused", &[&says, "no releases on Fridays"]);
    site.world.hook(
        "pre-receive",
        "echo 'GitLab: You are not allowed to push code to protected branches on this project.'; exit 1",
    );
    let says = format!("`{}` protects `main` from this push", site.url);
    site.refuses(&[], "release/protected", &[&says, "not allowed", "release by merge request: --merge-request"]);
    std::fs::remove_file(site.world.server().join("hooks/pre-receive")).unwrap_or_else(|error| panic!("{error}"));
    site.world.hook("update", "echo 'only on Mondays'; exit 1");
    site.refuses(&[], "release/hook-refused", &["only on Mondays"]);
    std::fs::remove_file(site.world.server().join("hooks/update")).unwrap_or_else(|error| panic!("{error}"));
    script_at(&site.at.join(".git/hooks/pre-push"), "echo 'tests are red' >&2; exit 1");
    site.refuses(&[], "release/hook-refused", &["the repository's own pre-push hook declined", "tests are red"]);
    std::fs::remove_file(site.at.join(".git/hooks/pre-push")).unwrap_or_else(|error| panic!("{error}"));
    site.refuses(&["--branch=nowhere"], "release/branch", &["has no branch `nowhere`"]);
    // A server that only lets read.
    git(&site.world.server(), &["config", "daemon.receivepack", "false"]);
    site.refuses(&[], "release/no-remote", &["is no repository, or not one this user may"]);
    git(&site.world.server(), &["config", "daemon.receivepack", "true"]);
    // A lock that somebody left there looks like a race that does not end, and is told as what the server said.
    let lock = site.world.server().join("refs/heads/main.lock");
    std::fs::write(&lock, "").unwrap_or_else(|error| panic!("{error}"));
    site.refuses(
        &["--attempts=2"],
        "release/race",
        &["others were faster 2 times; the last push: ", "nothing was released"],
    );
    std::fs::remove_file(&lock).unwrap_or_else(|error| panic!("{error}"));
    let dead = format!("git://127.0.0.1:{}/srv.git", free_port());
    git(&site.at, &["config", "remote.origin.url", &dead]);
    site.refuses(&[], "release/unreachable", &[&format!("`{dead}` cannot be reached"), "refused"]);
    git(&site.at, &["config", "remote.origin.url", &site.url.replace("srv.git", "none.git")]);
    site.refuses(&[], "release/no-remote", &["is no repository"]);
    git(&site.at, &["config", "remote.origin.url", &site.url]);
    site.refuses(&["--author=Ann <a@b>", "--branch=main/x"], "release/branch", &["has no branch `main/x`"]);
    let run = site.bump(&["--push", "--remote=upstream"]).exits(2).says("error[release/no-remote]");
    run.says("the repository has no remote `upstream`");
    site.bump(&["--push"]).exits(0);
}

#[test]
fn what_a_clone_knows_is_old_and_what_the_server_has_counts() {
    let site = Site::new();
    let (_folder, other) = clone(&site.url, &[]);
    let elsewhere = |line: &str| gitopsctl(&other, &line.split(' ').collect::<Vec<_>>()).exits(0);
    site.bump(&["--push"]).exits(0);
    // Somebody has taken it back since: it is not there already, as the clone believes.
    git(&other, &["pull", "--quiet"]);
    elsewhere("rollback order-service --env production --push");
    site.bump(&["--push"]).exits(5).says("error[release/rejected]");
    elsewhere("bump order-service v1.2.0 --env production --push --overrule downgrade --reason x");
    let line = ["bump", "order-service", "v1.2.1", "--env=production", "--push"];
    let run = gitopsctl(&site.at, &line).exits(0).prints("order-service in production: v1.2.0 -> v1.2.1");
    run.says("your `main` is another than the server's: `git pull`");
    git(&site.at, &["pull", "--quiet", "--ff-only"]);
    // As for what the caller knows to run.
    elsewhere("bump order-service v1.5.0 --env production --push");
    let expect = |tag: &str, old: &str| {
        let expect = format!("--expect={old}");
        gitopsctl(&site.at, &["bump", "order-service", tag, "--env=production", "--push", &expect])
    };
    expect("v1.6.0", "v1.2.1").exits(5).says("`order-service` has v1.5.0 in production, and not v1.2.1");
    expect("v1.6.0", "v1.5.0").exits(0);
    // A service that the clone does not know yet.
    let shop = crate::rollback::deployment("late");
    let folder = other.join("apps/late/overlays/production");
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(folder.join("late.yaml"), shop).unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(folder.join("kustomization.yaml"), "resources: [late.yaml]\nimages: [{name: late, newTag: v1}]\n")
        .unwrap_or_else(|error| panic!("{error}"));
    git(&other, &["pull", "--quiet", "--ff-only"]);
    git(&other, &["add", "--all"]);
    git(&other, &["commit", "--quiet", "--message", "late"]);
    git(&other, &["push", "--quiet"]);
    gitopsctl(&site.at, &["bump", "late", "v2", "--env=production", "--push"]).exits(0).prints("v1 -> v2");
    is_sound(&site.at);
}

#[test]
fn a_silent_server_is_waited_for_as_long_as_is_said() {
    let mut site = Site::new();
    let forge = site.world.forge();
    git(&site.at, &["config", "remote.origin.url", &format!("http://{forge}/silent/srv.git")]);
    let before = site.state();
    let start = Instant::now();
    let run = site.bump(&["--push", "--deadline=1"]).exits(4).says("error[release/deadline]");
    run.says("the time allowed ran out while Git talked to");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    // One that is overloaded is asked again until then.
    git(&site.at, &["config", "remote.origin.url", &format!("http://{forge}/status/503/srv.git")]);
    let run = site.bump(&["--push", "--deadline=2"]).exits(4);
    assert!(run.stderr.contains("release/unreachable") || run.stderr.contains("release/deadline"), "{}", run.stderr);
    assert!(run.stderr.contains("503") || run.stderr.contains("time"), "{}", run.stderr);
    assert_eq!(site.state(), before);
}

#[test]
fn a_url_is_released_to_without_a_checkout_and_no_secret_is_told() {
    let mut site = Site::new();
    let forge = site.world.forge();
    let (open, closed) =
        (format!("http://{forge}/closed/srv.git"), format!("http://me:{TOKEN}@{forge}/closed/srv.git"));
    let nowhere = Repository::empty();
    let author = "--author=Ann <ann@example.com>";
    let mut told = Vec::new();
    let mut run = |flags: &[&str], variables: &[(&str, &str)], code: i32| {
        let line = [&BUMP[..], &[author], flags].concat();
        let run = gitopsctl_with(nowhere.path(), &line, variables).exits(code);
        told.push(format!("{}{}", run.stdout, run.stderr));
        run
    };
    let old = site.world.tip();
    run(&["--repo", &open], &[], 4)
        .says("error[release/credentials]")
        .says("does not accept the credentials, or got none");
    run(&["--repo", &format!("http://me:wr0ng@{forge}/closed/srv.git")], &[], 4).says("error[release/credentials]");
    site.world.hook("pre-receive", &format!("echo 'hello {TOKEN}, http://me:{TOKEN}@{forge}/x'; exit 1"));
    run(&["--repo", &closed], &[], 4).says("error[release/hook-refused]").says("hello ***");
    run(&["--repo", &closed, "--format=json"], &[], 4);
    assert_eq!(site.world.tip(), old);
    std::fs::remove_file(site.world.server().join("hooks/pre-receive")).unwrap_or_else(|error| panic!("{error}"));
    run(&["--repo", &closed, "--dry-run"], &[], 0).prints("+  newTag: v1.2.2");
    assert_eq!(site.world.tip(), old);
    run(&["--repo", &closed], &[], 0).prints(&format!(" is on `main` of {open}\n"));
    went_on(&site.world.server(), "main", &old, &target(), ORDER);
    run(&["--repo", &closed], &[], 0).prints("already");
    // A header of the configuration, as CI's checkouts set it up.
    let header = format!("Authorization: Basic {}", "bWU6czNjcmV0LXQwa2Vu");
    let config =
        [("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "http.extraheader"), ("GIT_CONFIG_VALUE_0", &*header)];
    let line = ["bump", "order-service", "v1.2.3", "--env=production", author, "--repo", &open];
    let run = gitopsctl_with(nowhere.path(), &line, &config).exits(0);
    told.push(format!("{}{}", run.stdout, run.stderr));
    // A remote whose URL has it.
    git(&site.at, &["config", "remote.origin.url", &closed]);
    let run = gitopsctl(&site.at, &["bump", "user-service", "v2.0.0", "--env=production", "--push", "--format=json"])
        .exits(0);
    told.push(format!("{}{}", run.stdout, run.stderr));
    let processes = std::fs::read(site.world.path().join("processes")).unwrap_or_default();
    let processes = String::from_utf8_lossy(&processes).into_owned();
    assert!(processes.contains("remote-http"), "what was started is known");
    for secret in [TOKEN, "wr0ng", "bWU6czNjcmV0LXQwa2Vu"] {
        assert!(told.iter().all(|text| !text.contains(secret)), "{secret} in {told:#?}");
        // Except for the arguments of the test itself.
        let is_shown = |line: &&str| line.contains(secret) && !line.contains("gitopsctl bump");
        let shown: Vec<_> = processes.lines().filter(is_shown).collect();
        assert!(shown.is_empty(), "{shown:#?}");
    }
    let messages = git(&site.world.server(), &["log", "--format=%B%an%ae", "main"]);
    assert!(!messages.contains(TOKEN));
    assert!(nowhere.files().is_empty());
    for url in ["ext::sh -c touch% x", "--upload-pack=touch x", "/nowhere/at all", "ssh://-oProxyCommand=x/y"] {
        let argument = format!("--repo={url}");
        gitopsctl(nowhere.path(), &[&BUMP[..], &[author, &argument]].concat())
            .exits(2)
            .says("cannot be used as a remote");
    }
}

#[test]
fn by_merge_request_the_branch_stays_and_one_of_its_own_is_pushed() {
    let site = Site::new();
    let before = site.state();
    // A server that knows no push options takes the branch.
    let name = format!("release/order-service-v1.2.2-{}", &site.world.tip()[..10]);
    let run = site.bump(&["--push", "--merge-request"]).exits(0);
    let run = run.prints(&format!(" is on `{name}` of {}\n", site.url));
    let run = run.says(&format!("open a merge request from `{name}` to `main`"));
    assert!(!run.stderr.contains("argocd app wait") && !run.stderr.contains("git pull"), "{}", run.stderr);
    let pushed = git(&site.world.server(), &["rev-parse", &name]);
    went_on(&site.world.server(), &name, &site.world.tip(), &target(), ORDER);
    assert_eq!((site.state()[2].as_str(), &site.state()[3]), (&*before[2], &before[3]), "nothing moved here");
    // The pipeline once more: it is there.
    std::thread::sleep(Duration::from_millis(1100));
    let told = json(&site.bump(&["--merge-request", "--format=json"]).exits(0));
    assert_eq!(
        (&told["branch"], &told["commit"], &told["pushed"]),
        (&name.as_str().into(), &pushed.as_str().into(), &true.into())
    );
    assert!(told["notes"].to_string().contains("has been pushed before"), "{told}");
    assert_eq!(git(&site.world.server(), &["for-each-ref", "--format=%(refname:short)", "refs/heads/release"]), name);
    // Something else under that name is left alone.
    let line = ["bump", "order-service", "v1.2.2", "--env=production", "--merge-request", "--source-sha=0123456789"];
    git(&site.world.server(), &["update-ref", &format!("refs/heads/{name}"), "main"]);
    git(&site.at, &["commit", "--quiet", "--allow-empty", "--message", "else"]);
    git(&site.at, &["push", "--quiet", "origin", &format!("HEAD:refs/heads/{name}")]);
    git(&site.at, &["reset", "--quiet", "--hard", "origin/main"]);
    let told = json(&gitopsctl(&site.at, &[&line[..], &["--format=json"]].concat()).exits(0));
    assert!(told["branch"].as_str().is_some_and(|branch| branch.starts_with(&format!("{name}-"))), "{told}");
    // With push options, the server is asked for the request, and says where it is.
    git(&site.world.server(), &["config", "receive.advertisePushOptions", "true"]);
    let script = "env | grep ^GIT_PUSH_OPTION | sort > options; echo; echo 'View merge request for it:'; echo '  https://git.example.com/shop/-/merge_requests/7'";
    site.world.hook("post-receive", script);
    let line = ["bump", "user-service", "v2.0.0", "--env=production", "--merge-request"];
    let run = gitopsctl(&site.at, &line).exits(0).prints("https://git.example.com/shop/-/merge_requests/7\n");
    assert!(!run.stderr.contains("open a merge request"), "{}", run.stderr);
    let options = std::fs::read_to_string(site.world.server().join("options")).unwrap_or_default();
    for option in [
        "=merge_request.create\n",
        "=merge_request.target=main\n",
        "=merge_request.title=Update user-service to v2.0.0\n",
    ] {
        assert!(options.contains(option), "{options}");
    }
    assert_eq!(git(&site.world.server(), &["rev-parse", "main"]), git(&site.at, &["rev-parse", "main"]));
}

#[test]
fn an_environment_may_be_released_by_merge_request_alone() {
    let site = Site::new();
    let settings = "platform: shop\nregistry: r.io\nenvironments: {dev: {}, production: {release: merge-request}}\n";
    std::fs::write(site.at.join("gitopsctl.yaml"), settings).unwrap_or_else(|error| panic!("{error}"));
    git(&site.at, &["add", "--all"]);
    git(&site.at, &["commit", "--quiet", "--message", "Settings"]);
    git(&site.at, &["push", "--quiet"]);
    let tip = site.world.tip();
    site.bump(&["--push"]).exits(0).prints(" is on `release/order-service-v1.2.2-");
    assert_eq!(site.world.tip(), tip);
    gitopsctl(&site.at, &["bump", "order-service", "v1.2.2", "--env=dev", "--push"]).exits(0).prints(" is on `main`");
    // Without a push there is nothing to request: the commit is said to go around it.
    let line = ["bump", "order-service", "v1.2.3", "--env=production"];
    gitopsctl(&site.at, &line).exits(0).says("its environment is released by merge request").says("--merge-request");
}

#[test]
fn what_is_going_on_in_the_work_tree_is_no_obstacle_to_a_push() {
    let site = Site::new();
    git(&site.at, &["checkout", "--quiet", "-b", "side"]);
    git(&site.at, &["commit", "--quiet", "--allow-empty", "--message", "side"]);
    git(&site.at, &["checkout", "--quiet", "main"]);
    git(&site.at, &["commit", "--quiet", "--allow-empty", "--message", "mine"]);
    git(&site.at, &["push", "--quiet"]);
    git(&site.at, &["merge", "--quiet", "--no-commit", "--no-ff", "side"]);
    let (old, head) = (site.world.tip(), git(&site.at, &["rev-parse", "HEAD"]));
    let run = site.bump(&["--push"]).exits(0).says("your `main` did not follow: a merge is in progress");
    run.says("git pull");
    went_on(&site.world.server(), "main", &old, &target(), ORDER);
    assert_eq!(git(&site.at, &["rev-parse", "HEAD"]), head);
    git(&site.at, &["merge", "--abort"]);
    // A target that is dirty would not follow: nothing is pushed.
    git(&site.at, &["pull", "--quiet", "--ff-only"]);
    let path = site.at.join(target());
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    std::fs::write(&path, text + "# mine\n").unwrap_or_else(|error| panic!("{error}"));
    let line = ["bump", "order-service", "v1.2.3", "--env=production", "--push"];
    let tip = site.world.tip();
    gitopsctl(&site.at, &line).exits(4).says("error[release/dirty]");
    assert_eq!(site.world.tip(), tip);
}
