//! Fetching and pushing, against real servers: Git's own daemon, HTTP, files.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gitopsctl::git::{Fetch, Pushed, Reach, Remote, RemoteError, Trouble};

pub(crate) const TOKEN: &str = "s3cret-t0ken";

/// What a test needs to go on.
trait Must<T> {
    fn must(self, what: &str) -> T;
}

impl<T> Must<T> for Option<T> {
    fn must(self, what: &str) -> T {
        self.unwrap_or_else(|| panic!("not {what}"))
    }
}

impl<T, E: std::fmt::Debug> Must<T> for Result<T, E> {
    fn must(self, what: &str) -> T {
        self.unwrap_or_else(|error| panic!("not {what}: {error:?}"))
    }
}

/// Runs `git`, which must succeed; what it prints.
fn git(directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"]);
    let output = command.arg("-C").arg(directory).args(arguments).stdin(Stdio::null()).output().must("git starts");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).must("text").trim().to_owned()
}

/// A server's repository, and what works on it.
pub(crate) struct World {
    folder: tempfile::TempDir,
    running: Vec<Child>,
}

impl Drop for World {
    fn drop(&mut self) {
        for child in &mut self.running {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

impl World {
    /// One with three commits on `main`.
    fn new() -> Self {
        let seeds = tempfile::tempdir().must("a directory");
        git(seeds.path(), &["init", "--quiet", "seed"]);
        let seed = seeds.path().join("seed");
        for number in 1..=3 {
            fs::write(seed.join("a"), number.to_string()).must("written");
            git(&seed, &["add", "a"]);
            git(&seed, &["commit", "--quiet", "-m", "one more"]);
        }
        Self::serving(&seed)
    }

    /// One with what a repository has.
    pub(crate) fn serving(repository: &Path) -> Self {
        let folder = tempfile::tempdir().must("a directory");
        let world = Self { folder, running: Vec::new() };
        git(world.path(), &["clone", "--quiet", "--bare", &repository.to_string_lossy(), "srv.git"]);
        git(&world.server(), &["config", "http.receivepack", "true"]);
        world
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn server(&self) -> PathBuf {
        self.path().join("srv.git")
    }

    pub(crate) fn file_url(&self) -> String {
        format!("file://{}", self.server().display())
    }

    pub(crate) fn clone(&self, name: &str, options: &[&str]) -> PathBuf {
        let url = self.file_url();
        let arguments: Vec<_> =
            ["clone", "--quiet"].into_iter().chain(options.iter().copied()).chain([url.as_str(), name]).collect();
        git(self.path(), &arguments);
        self.path().join(name)
    }

    pub(crate) fn tip(&self) -> String {
        git(&self.server(), &["rev-parse", "main"])
    }

    /// Another commit at the tip of the server's branch, by somebody else.
    fn moves_on(&self) -> String {
        let commit = commit_on(&self.server(), "main", "somebody else's");
        git(&self.server(), &["update-ref", "refs/heads/main", &commit]);
        commit
    }

    pub(crate) fn hook(&self, name: &str, script: &str) {
        script_at(&self.server().join("hooks").join(name), script);
    }

    /// `git daemon`; its address.
    pub(crate) fn daemon(&mut self) -> String {
        let port = free_port();
        // Itself rather than `git daemon`, whose end it would outlive.
        let mut command = Command::new(Path::new(&git(self.path(), &["--exec-path"])).join("git-daemon"));
        command.args(["--export-all", "--enable=receive-pack", "--reuseaddr", "--listen=127.0.0.1"]);
        command.args([format!("--port={port}"), format!("--base-path={}", self.path().display())]);
        let child = command.arg(self.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().must("a daemon");
        self.running.push(child);
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "the daemon does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        format!("git://127.0.0.1:{port}")
    }

    /// The forge of forge.py; its host and port.
    pub(crate) fn forge(&mut self) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/forge.py");
        let mut command = Command::new("python3");
        command.arg(script).arg(self.path()).env("GIT_CONFIG_GLOBAL", "/dev/null").stdout(Stdio::piped());
        let mut child = command.spawn().must("python3 starts");
        let mut port = String::new();
        BufReader::new(child.stdout.take().must("its output")).read_line(&mut port).must("a port");
        self.running.push(child);
        format!("127.0.0.1:{}", port.trim())
    }
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr()).must("a port").port()
}

pub(crate) fn script_at(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().must("a folder")).must("made");
    fs::write(path, format!("#!/bin/sh\n{script}\n")).must("written");
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).must("executable");
}

fn commit_on(directory: &Path, parent: &str, message: &str) -> String {
    git(directory, &["commit-tree", "-p", parent, "-m", message, &format!("{parent}^{{tree}}")])
}

fn remote(directory: &Path, name: &str) -> Remote {
    Remote::of(directory, name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn fetched(remote: &Remote, branch: &str) -> String {
    remote.fetch(branch, &Fetch::default()).unwrap_or_else(|error| panic!("{error}"))
}

fn push(remote: &Remote, commit: &str) -> Result<Pushed, RemoteError> {
    remote.push(commit, "main", &[], Some(Instant::now() + Duration::from_mins(1)))
}

fn trouble<T: std::fmt::Debug>(result: Result<T, RemoteError>) -> (Trouble, String) {
    let error = result.err().must("a refusal");
    (error.trouble, error.to_string())
}

#[test]
fn a_fetch_works_in_every_kind_of_clone_and_leaves_no_trace() {
    let world = World::new();
    git(&world.server(), &["config", "uploadpack.allowFilter", "true"]);
    git(&world.server(), &["branch", "other", "main~1"]);
    let mut clones = vec![
        world.clone("plain", &[]),
        world.clone("bare", &["--bare"]),
        world.clone("shallow", &["--depth=1"]),
        world.clone("detached", &["--depth=2", "--no-single-branch"]),
        world.clone("narrow", &["--single-branch", "--branch=other"]),
        world.clone("partial", &["--filter=blob:none"]),
    ];
    git(&clones[3], &["checkout", "--quiet", "--detach"]);
    git(&clones[0], &["worktree", "add", "--quiet", "--detach", "../linked"]);
    git(&clones[0], &["config", "fetch.prune", "true"]);
    clones.push(world.path().join("linked"));
    clones.push(world.path().join("plain/.git"));
    fs::create_dir(clones[0].join("sub")).must("made");
    clones.push(clones[0].join("sub"));
    for clone in &clones {
        let head = git(clone, &["rev-parse", "HEAD"]);
        let moved = world.moves_on();
        let remote = remote(clone, "origin");
        assert_eq!(fetched(&remote, "main"), moved, "{}", clone.display());
        git(clone, &["cat-file", "-e", &moved]);
        assert_eq!(git(clone, &["rev-parse", "HEAD"]), head);
        assert_eq!(git(clone, &["for-each-ref", "refs/gitopsctl"]), "");
        let directory = PathBuf::from(git(clone, &["rev-parse", "--absolute-git-dir"]));
        assert!(!directory.join("FETCH_HEAD").exists(), "{}", clone.display());
    }
    assert_eq!(git(&clones[0], &["rev-parse", "origin/main"]), world.tip(), "the reference that keeps track moved");
    assert_eq!(git(&clones[2], &["rev-parse", "--is-shallow-repository"]), "true");
    assert_eq!(remote(&clones[0], "origin").url(), world.file_url());
}

#[test]
fn history_is_deepened_and_never_cut() {
    let world = World::new();
    let (whole, shallow) = (world.clone("whole", &[]), world.clone("shallow", &["--depth=1"]));
    let known = |clone: &Path| git(clone, &["rev-list", "--count", "origin/main"]);
    let fetch = |clone: &Path, history| {
        let options = Fetch { history, ..Fetch::default() };
        assert_eq!(remote(clone, "origin").fetch("main", &options), Ok(world.tip()), "{history:?}");
        known(clone)
    };
    for history in [Reach::Depth(1), Reach::Deeper(1), Reach::Whole, Reach::AsItIs] {
        assert_eq!(fetch(&whole, history), "3", "{history:?}");
    }
    assert_eq!(fetch(&shallow, Reach::AsItIs), "1");
    assert_eq!(fetch(&shallow, Reach::Deeper(1)), "2");
    assert_eq!(fetch(&shallow, Reach::Whole), "3");
    let empty = world.path().join("temporary");
    fs::create_dir(&empty).must("made");
    let temporary = Remote::temporary(&empty, &world.file_url()).must("a repository");
    let options = Fetch { history: Reach::Depth(1), ..Fetch::default() };
    let tip = temporary.fetch("main", &options).must("a tip");
    assert_eq!(git(&empty, &["rev-list", "--count", &tip]), "1");
    let commit = commit_on(&empty, &tip, "from nowhere");
    assert!(matches!(push(&temporary, &commit), Ok(Pushed::Landed { .. })));
    assert_eq!((world.tip(), git(&world.server(), &["rev-list", "--count", "main"])), (commit, "4".to_owned()));
}

#[test]
fn who_is_late_is_told_to_try_again() {
    let mut world = World::new();
    let clone = world.clone("clone", &[]);
    let daemon = world.daemon();
    for url in [world.file_url(), format!("{daemon}/srv.git")] {
        let remote = remote(&clone, &url);
        let late = commit_on(&clone, &fetched(&remote, "main"), "late");
        world.moves_on();
        assert_eq!(push(&remote, &late), Ok(Pushed::Race { reason: "fetch first".to_owned() }), "{url}");
        let tip = fetched(&remote, "main");
        assert_eq!(push(&remote, &late), Ok(Pushed::Race { reason: "non-fast-forward".to_owned() }), "{url}");
        let again = commit_on(&clone, &tip, "again");
        assert_eq!(push(&remote, &again), Ok(Pushed::Landed { messages: Vec::new() }), "{url}");
        assert_eq!(world.tip(), again);
        // Once more changes nothing.
        assert!(matches!(push(&remote, &again), Ok(Pushed::Landed { .. })));
    }
    // Whoever holds the server's lock is about to be faster.
    let lock = world.server().join("refs/heads/main.lock");
    fs::write(&lock, "").must("written");
    let remote = remote(&clone, "origin");
    let commit = commit_on(&clone, &fetched(&remote, "main"), "locked out");
    assert_eq!(push(&remote, &commit), Ok(Pushed::Race { reason: "failed to update ref".to_owned() }));
}

#[test]
fn refusals_are_told_apart() {
    let mut world = World::new();
    let clone = world.clone("clone", &[]);
    let url = format!("{}/srv.git", world.daemon());
    let at = remote(&clone, &url);
    let commit = commit_on(&clone, &world.tip(), "refused");
    world.hook("pre-receive", "printf '\\033[31mnot on \\033]0;title\\007Fridays\\n' >&2; exit 1");
    let said = "not on ]0;titleFridays";
    let expected = format!("a hook of `{url}` declined the push to `main`: pre-receive hook declined; {said}");
    assert_eq!(trouble(push(&at, &commit)), (Trouble::Hook, expected));
    world.hook(
        "pre-receive",
        "echo 'GitLab: You are not allowed to push code to protected branches on this project.'; exit 1",
    );
    assert_eq!(trouble(push(&at, &commit)).0, Trouble::Protected);
    fs::remove_file(world.server().join("hooks/pre-receive")).must("removed");
    world.hook("update", "exit 1");
    assert_eq!(trouble(push(&at, &commit)).0, Trouble::Hook);
    fs::remove_file(world.server().join("hooks/update")).must("removed");
    script_at(&clone.join(".git/hooks/pre-push"), "echo 'own check failed' >&2; exit 1");
    let (kind, text) = trouble(push(&at, &commit));
    assert!(kind == Trouble::OwnHook && text.ends_with(": own check failed"), "{text}");
    fs::remove_file(clone.join(".git/hooks/pre-push")).must("removed");

    let asked = ["merge_request.create".to_owned()];
    assert_eq!(trouble(at.push(&commit, "main", &asked, None)).0, Trouble::NoPushOptions);
    git(&world.server(), &["config", "receive.advertisePushOptions", "true"]);
    world.hook(
        "post-receive",
        "echo; echo \"View merge request for $GIT_PUSH_OPTION_0:\"; echo '  https://h/-/merge_requests/1'",
    );
    let pushed = at.push(&commit, "bump/order-service", &asked, None).must("pushed");
    assert_eq!(pushed.link(), Some("https://h/-/merge_requests/1"));
    assert!(format!("{pushed:?}").contains("View merge request for merge_request.create:"), "{pushed:?}");
    assert_eq!(git(&world.server(), &["rev-parse", "bump/order-service"]), commit);

    assert_eq!(
        trouble(at.fetch("missing", &Fetch::default())),
        (Trouble::NoBranch, format!("`{url}` has no branch `missing`"))
    );
    let none = remote(&clone, &format!("{}none.git", world.file_url().trim_end_matches("srv.git")));
    assert_eq!(trouble(none.fetch("main", &Fetch::default())).0, Trouble::NoRepository);
    let none = remote(&clone, &url.replace("srv.git", "none.git"));
    assert_eq!(trouble(push(&none, &commit)).0, Trouble::NoRepository);

    let shallow = world.clone("shallow", &["--depth=1"]);
    git(world.path(), &["init", "--quiet", "--bare", "empty.git"]);
    let empty = remote(&shallow, &url.replace("srv.git", "empty.git"));
    assert_eq!(trouble(empty.fetch("main", &Fetch::default())).0, Trouble::NoBranch);
    assert_eq!(trouble(push(&empty, &git(&shallow, &["rev-parse", "HEAD"]))).0, Trouble::Shallow);
    // From a shallow clone to where it came from is no trouble.
    let commit = commit_on(&shallow, "HEAD", "shallow");
    assert!(matches!(push(&remote(&shallow, "origin"), &commit), Ok(Pushed::Landed { .. })));
    assert_eq!(world.tip(), commit);
}

#[test]
fn servers_that_are_dead_silent_or_broken_are_told_apart() {
    let mut world = World::new();
    let clone = world.clone("clone", &[]);
    let commit = commit_on(&clone, "main", "nowhere");
    let dead = free_port();
    for scheme in ["git", "http"] {
        let at = remote(&clone, &format!("{scheme}://127.0.0.1:{dead}/srv.git"));
        assert_eq!(trouble(push(&at, &commit)).0, Trouble::Unreachable);
        assert_eq!(trouble(at.fetch("main", &Fetch::default())).0, Trouble::Unreachable);
    }
    let forge = world.forge();
    let expected = [
        (404, Trouble::NoRepository),
        (403, Trouble::Credentials),
        (500, Trouble::Unreachable),
        (503, Trouble::Broken),
        (429, Trouble::Broken),
    ];
    for (status, kind) in expected {
        let at = remote(&clone, &format!("http://{forge}/status/{status}/srv.git"));
        assert_eq!(trouble(push(&at, &commit)).0, kind, "{status}");
    }
    let start = Instant::now();
    let silent = remote(&clone, &format!("http://{forge}/silent/srv.git"));
    let deadline = Some(Instant::now() + Duration::from_millis(300));
    let (kind, text) = trouble(silent.fetch("main", &Fetch { deadline, ..Fetch::default() }));
    assert!(kind == Trouble::Deadline && start.elapsed() < Duration::from_secs(20), "{text}");
    assert_eq!(trouble(silent.push(&commit, "main", &[], deadline)).0, Trouble::Deadline);
    git(&clone, &["fsck"]);
}

#[test]
fn credentials_of_a_url_reach_the_server_and_nobody_else() {
    let mut world = World::new();
    let forge = world.forge();
    let directory = world.path().join("temporary");
    fs::create_dir(&directory).must("made");
    let url = format!("http://me:{TOKEN}@{forge}/closed/srv.git");
    let at = Remote::temporary(&directory, &url).must("a repository");
    let tip = fetched(&at, "main");
    let commit = commit_on(&directory, &tip, "with a token");
    world.hook("post-receive", &format!("echo 'thank you, {TOKEN} of http://me:{TOKEN}@{forge}/'"));
    let pushed = push(&at, &commit).must("pushed");
    assert_eq!(world.tip(), commit);
    assert_eq!(pushed, Pushed::Landed { messages: vec![format!("thank you, *** of http://{forge}/")] });
    assert_eq!(at.url(), format!("http://{forge}/closed/srv.git"));

    let mut told = vec![format!("{at:?} {} {pushed:?}", at.url())];
    world.hook("pre-receive", &format!("echo '{TOKEN}!'; exit 1"));
    told.push(trouble(push(&at, &commit_on(&directory, &commit, "refused"))).1);
    for info in ["", "me:wrong-t0ken@", "other@", "wrong-t0ken:@"] {
        let wrong = remote(&directory, &format!("http://{info}{forge}/closed/srv.git"));
        let (kind, text) = trouble(wrong.fetch("main", &Fetch::default()));
        assert_eq!(kind, Trouble::Credentials, "{info} {text}");
        assert!(!text.contains("wrong-t0ken"), "{text}");
        told.push(text);
    }
    for url in [
        format!("https://me:{TOKEN}/@h"),
        format!("ssh://me:{TOKEN}@h/a"),
        format!("me:{TOKEN}@h:a"),
        format!("ext::{TOKEN}@"),
    ] {
        let (kind, text) = trouble(Remote::of(&directory, &url));
        assert_eq!(kind, Trouble::Address);
        told.push(text);
    }
    // A remote that was cloned with its token: in the settings for good, but not in messages.
    git(&directory, &["remote", "add", "tokened", &format!("http://me:{TOKEN}@127.0.0.1:1/a")]);
    let tokened = remote(&directory, "tokened");
    told.extend([tokened.url().to_owned(), trouble(tokened.fetch("main", &Fetch::default())).1]);
    assert!(told.iter().all(|text| !text.contains(TOKEN)), "{told:#?}");

    let processes = fs::read(world.path().join("processes")).must("what was started");
    let processes = String::from_utf8_lossy(&processes).into_owned();
    assert!(
        processes.contains(&format!("git-remote-http http://{forge}/closed/srv.git"))
            || processes.contains("remote-http")
    );
    let shown: Vec<_> = processes.lines().filter(|line| line.contains(TOKEN) || line.contains("wrong-t0ken")).collect();
    assert!(shown.is_empty(), "{shown:#?}");
    git(&directory, &["remote", "remove", "tokened"]);
    let config = fs::read_to_string(directory.join("config")).must("settings");
    assert!(!config.contains(TOKEN), "{config}");
}

#[test]
fn nothing_that_git_could_run_is_handed_on() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    let trap = world.path().join("trap");
    let upload = format!("--upload-pack=touch {}", trap.display());
    for name in [upload.as_str(), "ext::sh -c touch% trap", "ssh://-oProxyCommand=touch/a", "/srv/a.git", "", "a b"] {
        assert_eq!(trouble(Remote::of(&clone, name)).0, Trouble::Address, "{name}");
    }
    assert_eq!(trouble(Remote::of(&clone, "upstream")).0, Trouble::NoRemote);
    let at = remote(&clone, "origin");
    for branch in [upload.as_str(), "-d", "a:b", "a b", "", "a..b", "main\n"] {
        assert_eq!(trouble(at.fetch(branch, &Fetch::default())).0, Trouble::Name, "{branch}");
        assert_eq!(trouble(at.push(&world.tip(), branch, &[], None)).0, Trouble::Name, "{branch}");
    }
    for commit in ["", "main", "--all", ":refs/heads/main", "+abc"] {
        assert_eq!(trouble(push(&at, commit)).0, Trouble::Other, "{commit}");
    }
    assert!(!trap.exists());
}

#[test]
fn the_remote_of_a_branch_is_its_own_then_origin_then_the_only_one() {
    let world = World::new();
    let clone = world.clone("clone", &[]);
    let default = |branch: &str| Remote::default_for(&clone, branch);
    assert_eq!(default("main").as_deref(), Some("origin"));
    git(&clone, &["remote", "add", "Fork.x", "file:///nowhere"]);
    git(&clone, &["config", "branch.a/B.remote", "Fork.x"]);
    git(&clone, &["config", "branch.local.remote", "."]);
    assert_eq!(
        [default("a/B"), default("local"), default("other")].map(Option::unwrap_or_default),
        ["Fork.x", "origin", "origin"]
    );
    git(&clone, &["remote", "remove", "origin"]);
    assert_eq!(default("other").as_deref(), Some("Fork.x"));
    git(&clone, &["remote", "add", "second", "file:///nowhere"]);
    assert_eq!(default("other"), None);
}
