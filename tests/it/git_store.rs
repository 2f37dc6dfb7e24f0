//! One commit written into a local repository of each kind, by the library, held against what git says of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use gitopsctl::git::{GitError, Head, Identities, Landed, LandedFile, Landing, Revision, Sign, Store, TargetState};
use gitopsctl::tree::Tree;
use tempfile::TempDir;

type Tested = Result<(), Box<dyn std::error::Error>>;

const FILE: &str = "apps/order/kustomization.yaml";
const OLD: &str = "images:\n- name: order\n  newTag: v1.0.0\n";
const NEW: &str = "images:\n- name: order\n  newTag: v1.0.1\n";

/// Runs git in a directory; what it prints.
fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false", "-C"])
        .arg(directory)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

fn write(directory: &Path, path: &str, text: &str) {
    let full = directory.join(path);
    fs::create_dir_all(full.parent().unwrap_or(directory)).unwrap_or_else(|error| panic!("{error}"));
    fs::write(full, text).unwrap_or_else(|error| panic!("{path}: {error}"));
}

fn read(directory: &Path, path: &str) -> String {
    fs::read_to_string(directory.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What every repository of these tests says of itself, whatever the machine's own settings are.
fn settle(directory: &Path) {
    for (key, value) in [
        ("user.name", "Ada"),
        ("user.email", "ada@example.com"),
        ("commit.gpgsign", "false"),
        ("core.autocrlf", "false"),
    ] {
        git(directory, &["config", key, value]);
    }
}

/// A repository with two commits of a few files.
fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
    let top = folder.path();
    git(top, &["init", "-q", "-b", "main"]);
    settle(top);
    for (path, text) in
        [(FILE, OLD), ("apps/order/other.yaml", "a: 1\n"), ("apps/base.yaml", "b: 1\n"), ("README", "r\n")]
    {
        write(top, path, text);
    }
    git(top, &["add", "-A"]);
    git(top, &["commit", "-q", "-m", "one"]);
    write(top, "README", "second\n");
    git(top, &["commit", "-q", "-a", "-m", "two"]);
    folder
}

/// A commit on HEAD that sets the file, and its landing in the work tree.
struct Step {
    parent: String,
    commit: String,
}

fn committed(store: &Store, parent: &str, text: &str) -> Result<Step, GitError> {
    let by = store.identities(None, None)?;
    let files = [(FILE.to_owned(), text.as_bytes().to_vec())];
    let commit = store.write_commit(parent, &files, "Update order to v1.0.1\n\nBody\n", &by, Sign::Config)?;
    Ok(Step { parent: parent.to_owned(), commit })
}

fn landing<'a>(branch: &'a str, step: &'a Step, before: Option<&str>, after: Option<&str>) -> Landing<'a> {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let file = LandedFile { path: FILE.to_owned(), before: before.map(bytes), after: after.map(bytes) };
    Landing { branch, old: Some(&step.parent), new: &step.commit, files: vec![file], reflog: "bump: order", by: None }
}

/// Commits and lands the new text on the branch that is checked out.
fn bump(store: &Store) -> Result<Step, Box<dyn std::error::Error>> {
    let head = store.head()?;
    let step = committed(store, &head.commit.ok_or("unborn")?, NEW)?;
    let branch = format!("refs/heads/{}", head.branch.ok_or("detached")?);
    let landed = store.land(&landing(&branch, &step, Some(OLD), Some(NEW)))?;
    assert_eq!(landed, Landed::Done(Vec::new()));
    Ok(step)
}

/// Nothing is left over, and nothing is broken.
fn is_sound(directory: &Path, status: &str) {
    git(directory, &["fsck", "--strict", "--no-dangling"]);
    assert_eq!(git(directory, &["status", "--porcelain"]), status.trim_end());
    let folder = PathBuf::from(git(directory, &["rev-parse", "--absolute-git-dir"]));
    assert!(!folder.join("gitopsctl").exists());
}

#[test]
fn a_commit_differs_in_its_files_alone_and_all_else_stays() -> Tested {
    let folder = repository();
    let top = folder.path();
    // Staged, changed and new elsewhere: all of that is the user's.
    write(top, "apps/base.yaml", "b: 2\n");
    git(top, &["add", "apps/base.yaml"]);
    write(top, "README", "dirty\n");
    write(top, "new", "n\n");
    let store = Store::open(&top.join("apps"))?;
    assert_eq!(store.top().map(Path::canonicalize).transpose()?, Some(top.canonicalize()?));
    let step = bump(&store)?;
    assert_eq!(git(top, &["rev-parse", "HEAD", "HEAD^"]), format!("{}\n{}", step.commit, step.parent));
    assert_eq!(git(top, &["diff", "--name-status", "HEAD^", "HEAD"]), format!("M\t{FILE}"));
    assert_eq!(
        git(top, &["cat-file", "commit", "HEAD"]).split_once("\n\n").map(|it| it.1),
        Some("Update order to v1.0.1\n\nBody")
    );
    assert_eq!(git(top, &["log", "-1", "--format=%an <%ae> %cn <%ce>"]), "Ada <ada@example.com> Ada <ada@example.com>");
    assert_eq!(read(top, FILE), NEW);
    assert_eq!(git(top, &["log", "-g", "-1", "--format=%gs"]), "bump: order");
    // Not even a plumbing command that refreshes nothing takes the file for changed.
    assert_eq!(git(top, &["diff-files", "--name-only"]), "README");
    is_sound(top, " M README\nM  apps/base.yaml\n?? new\n".trim_start_matches('\n'));
    Ok(())
}

#[cfg(unix)]
#[test]
fn the_mode_of_a_file_stays_in_the_commit_and_on_disk() -> Tested {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = repository();
    let top = folder.path();
    fs::set_permissions(top.join(FILE), fs::Permissions::from_mode(0o755))?;
    git(top, &["commit", "-q", "-a", "-m", "executable"]);
    bump(&Store::open(top)?)?;
    assert_eq!(git(top, &["ls-tree", "HEAD", FILE]).split(' ').next(), Some("100755"));
    assert_eq!(fs::metadata(top.join(FILE))?.permissions().mode() & 0o777, 0o755);
    is_sound(top, "");
    Ok(())
}

#[test]
fn line_endings_that_a_checkout_changed_stay_on_both_sides() -> Tested {
    let folder = repository();
    let top = folder.path();
    git(top, &["config", "core.autocrlf", "true"]);
    fs::remove_file(top.join(FILE))?;
    git(top, &["checkout", "-q", "--", FILE]);
    let (old, new) = (OLD.replace('\n', "\r\n"), NEW.replace('\n', "\r\n"));
    assert_eq!(read(top, FILE), old);
    let store = Store::open(top)?;
    assert_eq!(store.target_state(FILE)?, TargetState::Clean);
    let parent = store.commit_of("HEAD")?.ok_or("no HEAD")?;
    assert_eq!(store.file(&parent, FILE)?, Some((OLD.as_bytes().to_vec(), 0o100_644)));
    let step = committed(&store, &parent, NEW)?;
    let landed = store.land(&landing("refs/heads/main", &step, Some(&old), Some(&new)))?;
    assert_eq!(landed, Landed::Done(Vec::new()));
    assert_eq!(git(top, &["show", &format!("HEAD:{FILE}")]), NEW.trim_end());
    assert_eq!(read(top, FILE), new);
    is_sound(top, "");
    Ok(())
}

#[test]
fn files_of_a_work_tree_have_their_states() -> Tested {
    let folder = repository();
    let top = folder.path();
    let store = Store::open(top)?;
    assert_eq!(store.target_state(FILE)?, TargetState::Clean);
    write(top, FILE, NEW);
    assert_eq!(store.target_state(FILE)?, TargetState::Dirty);
    git(top, &["add", FILE]);
    write(top, "apps/[x].yaml", "");
    assert_eq!(
        store.target_states(&["apps/[x].yaml", FILE, "apps/base.yaml"])?,
        [TargetState::Untracked, TargetState::Staged, TargetState::Clean]
    );
    git(top, &["checkout", "-q", "-b", "other"]);
    git(top, &["commit", "-q", "-m", "theirs"]);
    git(top, &["checkout", "-q", "main"]);
    write(top, FILE, &NEW.replace("v1.0.1", "v1.0.2"));
    git(top, &["commit", "-q", "-a", "-m", "ours"]);
    assert_eq!(store.in_progress(), None);
    assert!(!Command::new("git").arg("-C").arg(top).args(["merge", "-q", "other"]).output()?.status.success());
    assert_eq!((store.target_state(FILE)?, store.in_progress()), (TargetState::Conflict, Some("merge")));
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("apps", top.join("link"))?;
        assert_eq!(store.target_state("link/base.yaml")?, TargetState::Link);
    }
    Ok(())
}

#[test]
fn a_linked_work_tree_gets_its_own_index_and_files() -> Tested {
    let folder = repository();
    let (top, linked) = (folder.path(), tempfile::tempdir()?);
    let linked = linked.path().join("linked");
    git(top, &["worktree", "add", "-q", "-b", "release", &linked.to_string_lossy()]);
    let store = Store::open(&linked)?;
    assert_eq!(store.head()?.branch.as_deref(), Some("release"));
    assert_ne!(store.git_dir(), store.common_dir());
    let step = bump(&store)?;
    is_sound(&linked, "");
    assert_eq!((git(top, &["rev-parse", "release"]), read(top, FILE)), (step.commit.clone(), OLD.to_owned()));
    is_sound(top, "");
    // A branch that another work tree shows is not moved under its feet.
    let main = Store::open(top)?;
    let next = committed(&main, &step.commit, OLD)?;
    let refused = main.land(&landing("refs/heads/release", &next, None, None));
    assert!(matches!(refused, Err(GitError::CheckedOut { .. })), "{refused:?}");
    Ok(())
}

#[test]
fn a_bare_repository_gets_the_commit_alone() -> Tested {
    let (folder, place) = (repository(), tempfile::tempdir()?);
    let bare = place.path().join("bare.git");
    git(folder.path(), &["clone", "-q", "--bare", ".", &bare.to_string_lossy()]);
    settle(&bare);
    let store = Store::open(&bare)?;
    assert!(store.is_bare() && store.top().is_none());
    let step = committed(&store, &store.commit_of("refs/heads/main")?.ok_or("no main")?, NEW)?;
    assert_eq!(store.land(&landing("refs/heads/main", &step, None, None))?, Landed::Done(Vec::new()));
    assert_eq!(git(&bare, &["rev-parse", "main"]), step.commit);
    assert_eq!(git(&bare, &["show", &format!("main:{FILE}")]), NEW.trim_end());
    git(&bare, &["fsck", "--strict"]);
    Ok(())
}

#[test]
fn a_detached_head_stays_while_a_branch_moves() -> Tested {
    let folder = repository();
    let top = folder.path();
    git(top, &["checkout", "-q", "--detach"]);
    let store = Store::open(top)?;
    let tip = git(top, &["rev-parse", "HEAD"]);
    assert_eq!(store.head()?, Head { branch: None, commit: Some(tip.clone()) });
    let step = committed(&store, &tip, NEW)?;
    assert!(matches!(store.land(&landing("HEAD", &step, None, None)), Err(GitError::BadBranch(_))));
    assert_eq!(store.land(&landing("refs/heads/main", &step, None, None))?, Landed::Done(Vec::new()));
    assert_eq!((git(top, &["rev-parse", "main"]), git(top, &["rev-parse", "HEAD"])), (step.commit, tip));
    is_sound(top, "");
    Ok(())
}

#[test]
fn an_unborn_branch_has_no_commit() -> Tested {
    let folder = tempfile::tempdir()?;
    git(folder.path(), &["init", "-q", "-b", "main"]);
    let store = Store::open(folder.path())?;
    assert_eq!(store.head()?, Head { branch: Some("main".to_owned()), commit: None });
    Ok(())
}

#[test]
fn a_shallow_clone_says_where_it_ends_and_takes_a_commit() -> Tested {
    let (folder, place) = (repository(), tempfile::tempdir()?);
    let clone = place.path().join("clone");
    let url = format!("file://{}", folder.path().display());
    git(place.path(), &["clone", "-q", "--depth", "1", &url, "clone"]);
    settle(&clone);
    let store = Store::open(&clone)?;
    let tip = git(&clone, &["rev-parse", "HEAD"]);
    assert_eq!(store.shallow().into_iter().collect::<Vec<_>>(), [tip]);
    assert!(Store::open(folder.path())?.shallow().is_empty());
    let step = bump(&store)?;
    assert_eq!(git(&clone, &["log", "--format=%H"]), format!("{}\n{}", step.commit, step.parent));
    is_sound(&clone, "");
    Ok(())
}

/// Partial clones in both forms that Git has written: with the extension, which libgit2 refuses, and without.
#[test]
fn a_partial_clone_fetches_what_is_read_and_takes_a_commit() -> Tested {
    for filter in ["blob:none", "tree:0"] {
        for extension in [false, true] {
            let (folder, place) = (repository(), tempfile::tempdir()?);
            git(folder.path(), &["config", "uploadpack.allowFilter", "true"]);
            git(folder.path(), &["config", "uploadpack.allowAnySHA1InWant", "true"]);
            let clone = place.path().join("clone");
            let url = format!("file://{}", folder.path().display());
            git(place.path(), &["clone", "-q", &format!("--filter={filter}"), "--no-checkout", &url, "clone"]);
            settle(&clone);
            if extension {
                git(&clone, &["config", "extensions.partialClone", "origin"]);
            }
            assert_eq!(git2::Repository::open(&clone).is_err(), extension);
            let missing = || {
                let listed = git(&clone, &["rev-list", "--objects", "--all", "--missing=print"]);
                listed.lines().filter(|line| line.starts_with('?')).count()
            };
            assert!(missing() > 0, "{filter}");
            let facts = gitopsctl::git::facts(&clone).ok_or("no facts")?;
            assert_eq!((facts.origin, facts.branch.as_deref()), (Some(url.clone()), Some("main")));
            let tree = Tree::revision(Revision::open(&clone, "main")?);
            assert_eq!(tree.read(FILE)?, Some(OLD.as_bytes().to_vec()), "{filter} {extension}");
            assert_eq!(tree.files("apps"), ["apps/base.yaml", FILE, "apps/order/other.yaml"]);
            assert_eq!((tree.read("apps/none")?, tree.fault()), (None, None));
            let store = Store::open(&clone)?;
            let head = store.head()?;
            assert_eq!(head.branch.as_deref(), Some("main"));
            let step = committed(&store, &head.commit.ok_or("unborn")?, NEW)?;
            // Nothing is checked out: neither files nor an index.
            git(&clone, &["update-ref", "refs/heads/release", "HEAD"]);
            assert_eq!(store.land(&landing("refs/heads/release", &step, None, None))?, Landed::Done(Vec::new()));
            assert_eq!(git(&clone, &["diff", "--name-only", "main", "release"]), FILE);
            git(&clone, &["checkout", "-q", "release"]);
            let (parent, old) = (step.commit, NEW);
            let back = committed(&store, &parent, OLD)?;
            let landed = store.land(&landing("refs/heads/release", &back, Some(old), Some(OLD)))?;
            assert_eq!((landed, read(&clone, FILE)), (Landed::Done(Vec::new()), OLD.to_owned()));
            is_sound(&clone, "");
        }
    }
    Ok(())
}

#[test]
fn a_promise_that_cannot_be_kept_is_said() -> Tested {
    let (folder, place) = (repository(), tempfile::tempdir()?);
    git(folder.path(), &["config", "uploadpack.allowFilter", "true"]);
    let clone = place.path().join("clone");
    let url = format!("file://{}", folder.path().display());
    git(place.path(), &["clone", "-q", "--filter=blob:none", "--no-checkout", &url, "clone"]);
    git(&clone, &["config", "remote.origin.url", "file:///nowhere/at/all"]);
    let error = Revision::open(&clone, "HEAD")?.read(FILE);
    assert!(matches!(error, Err(GitError::Missing { .. })), "{error:?}");
    Ok(())
}

#[test]
fn a_part_of_the_work_tree_that_is_not_shown_stays_hidden() -> Tested {
    let folder = repository();
    let top = folder.path();
    write(top, "lib/x.yaml", "x: 1\n");
    git(top, &["add", "lib"]);
    git(top, &["commit", "-q", "-m", "lib"]);
    git(top, &["sparse-checkout", "set", "lib"]);
    let store = Store::open(top)?;
    assert_eq!(store.target_state(FILE)?, TargetState::Absent);
    let step = committed(&store, &store.commit_of("HEAD")?.ok_or("no HEAD")?, NEW)?;
    assert_eq!(store.land(&landing("refs/heads/main", &step, None, None))?, Landed::Done(Vec::new()));
    assert!(!top.join("apps").exists());
    is_sound(top, "");
    git(top, &["sparse-checkout", "disable"]);
    assert_eq!(read(top, FILE), NEW);
    Ok(())
}

#[test]
fn whoever_comes_second_is_told_and_changes_nothing() -> Tested {
    let folder = repository();
    let top = folder.path();
    let store = Store::open(top)?;
    let step = committed(&store, &store.commit_of("HEAD")?.ok_or("no HEAD")?, NEW)?;
    git(top, &["commit", "-q", "--allow-empty", "-m", "faster"]);
    let tip = git(top, &["rev-parse", "HEAD"]);
    assert_eq!(store.land(&landing("refs/heads/main", &step, Some(OLD), Some(NEW)))?, Landed::Moved);
    assert_eq!((git(top, &["rev-parse", "HEAD"]), read(top, FILE)), (tip, OLD.to_owned()));
    is_sound(top, "");
    Ok(())
}

#[test]
fn a_file_that_changed_meanwhile_or_is_a_link_is_not_written() -> Tested {
    let folder = repository();
    let top = folder.path();
    let store = Store::open(top)?;
    let step = committed(&store, &store.commit_of("HEAD")?.ok_or("no HEAD")?, NEW)?;
    write(top, FILE, "edited\n");
    let refused = store.land(&landing("refs/heads/main", &step, Some(OLD), Some(NEW)));
    assert!(matches!(refused, Err(GitError::Changed { .. })), "{refused:?}");
    #[cfg(unix)]
    {
        let outside = tempfile::tempdir()?;
        write(outside.path(), "kustomization.yaml", OLD);
        fs::remove_dir_all(top.join("apps/order"))?;
        std::os::unix::fs::symlink(outside.path(), top.join("apps/order"))?;
        let refused = store.land(&landing("refs/heads/main", &step, Some(OLD), Some(NEW)));
        assert!(matches!(refused, Err(GitError::Link { .. })), "{refused:?}");
        assert_eq!(read(outside.path(), "kustomization.yaml"), OLD);
    }
    assert_eq!(git(top, &["rev-parse", "main"]), step.parent);
    Ok(())
}

#[test]
fn a_lock_that_stays_is_named_with_its_remedy() -> Tested {
    let folder = repository();
    let top = folder.path();
    let store = Store::open(top)?.with_patience(Duration::from_millis(50));
    let step = committed(&store, &store.commit_of("HEAD")?.ok_or("no HEAD")?, NEW)?;
    for lock in [".git/index.lock", ".git/refs/heads/main.lock"] {
        write(top, lock, "");
        let refused = store.land(&landing("refs/heads/main", &step, Some(OLD), Some(NEW)));
        let Err(GitError::Locked { path }) = &refused else { panic!("{refused:?}") };
        assert!(path.ends_with(lock), "{}", path.display());
        let said = refused.map_or_else(|error| error.to_string(), |_| String::new());
        assert!(said.contains("if none runs, remove that file"), "{said}");
        assert_eq!((git(top, &["rev-parse", "main"]), read(top, FILE)), (step.parent.clone(), OLD.to_owned()));
        fs::remove_file(top.join(lock))?;
    }
    // One that goes away in time is waited for.
    let store = store.with_patience(Duration::from_secs(20));
    write(top, ".git/index.lock", "");
    let lock = top.join(".git/index.lock");
    let opener = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        fs::remove_file(lock)
    });
    assert_eq!(store.land(&landing("refs/heads/main", &step, Some(OLD), Some(NEW)))?, Landed::Done(Vec::new()));
    opener.join().map_err(|_| "the thread ended")??;
    is_sound(top, "");
    Ok(())
}

#[test]
fn what_cannot_be_written_is_named_and_nothing_is_changed() -> Tested {
    let folder = repository();
    let top = folder.path();
    let store = Store::open(top)?;
    let step = committed(&store, &store.commit_of("HEAD")?.ok_or("no HEAD")?, NEW)?;
    // A file where the journal's folder would be: even the superuser cannot write there.
    write(top, ".git/gitopsctl", "");
    let refused = store.land(&landing("refs/heads/main", &step, Some(OLD), Some(NEW)));
    assert!(matches!(refused, Err(GitError::NotWritten { .. })), "{refused:?}");
    fs::remove_file(top.join(".git/gitopsctl"))?;
    assert_eq!((git(top, &["rev-parse", "main"]), read(top, FILE)), (step.parent, OLD.to_owned()));
    is_sound(top, "");
    Ok(())
}

#[cfg(unix)]
#[test]
fn a_hook_that_refuses_is_heard() -> Tested {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = repository();
    let top = folder.path();
    let store = Store::open(top)?;
    let step = committed(&store, &store.commit_of("HEAD")?.ok_or("no HEAD")?, NEW)?;
    let hook = ".git/hooks/reference-transaction";
    write(top, hook, "#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n");
    fs::set_permissions(top.join(hook), fs::Permissions::from_mode(0o755))?;
    let refused = store.land(&landing("refs/heads/main", &step, Some(OLD), Some(NEW)));
    let Err(GitError::Hook { said, .. }) = &refused else { panic!("{refused:?}") };
    assert!(said.contains("not on a Friday"), "{said}");
    fs::remove_file(top.join(hook))?;
    assert_eq!((git(top, &["rev-parse", "main"]), read(top, FILE)), (step.parent, OLD.to_owned()));
    is_sound(top, "");
    Ok(())
}

#[test]
fn nobody_is_guessed_and_flags_are_enough() -> Tested {
    let folder = repository();
    git(folder.path(), &["config", "user.name", ""]);
    git(folder.path(), &["config", "user.email", ""]);
    let store = Store::open(folder.path())?;
    let unknown = store.identities(None, None);
    assert!(matches!(unknown, Err(GitError::NoIdentity { role: "author" })), "{unknown:?}");
    let Identities { author, committer, .. } = store.identities(Some("CI Bot <ci@example.com>"), None)?;
    assert_eq!((&*author.name, &*author.mail), ("CI Bot", "ci@example.com"));
    assert_eq!((&*committer.name, &*committer.mail), ("CI Bot", "ci@example.com"));
    let named = store.identities(Some("A <a@b>"), Some("C <c@d>"))?;
    assert_eq!((&*named.author.mail, &*named.committer.mail), ("a@b", "c@d"));
    Ok(())
}

#[test]
fn what_is_no_file_is_not_replaced() -> Tested {
    let folder = repository();
    let top = folder.path();
    #[cfg(unix)]
    std::os::unix::fs::symlink("order", top.join("apps/link"))?;
    git(top, &["add", "-A"]);
    git(top, &["commit", "-q", "--allow-empty", "-m", "link"]);
    let store = Store::open(top)?;
    let (parent, by) = (store.commit_of("HEAD")?.ok_or("no HEAD")?, store.identities(None, None)?);
    let at = |path: &str| store.write_commit(&parent, &[(path.to_owned(), Vec::new())], "m", &by, Sign::No);
    for path in ["apps", "README/x", "apps/link", "apps/link/x"] {
        if path.contains("link") && cfg!(not(unix)) {
            continue;
        }
        assert!(matches!(at(path), Err(GitError::NotAFile { .. })), "{path}: {:?}", at(path));
    }
    for path in ["../x", ".git/config", "apps/.GIT/hooks/x"] {
        assert!(matches!(at(path), Err(GitError::BadPath(_))), "{path}");
    }
    Ok(())
}

/// A repository that several users share keeps objects that all of them may write beside.
#[cfg(unix)]
#[test]
fn a_shared_repository_stays_shared() -> Tested {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = repository();
    let top = folder.path();
    git(top, &["config", "core.sharedRepository", "group"]);
    let step = bump(&Store::open(top)?)?;
    let object = top.join(".git/objects").join(&step.commit[..2]);
    assert_eq!(fs::metadata(&object)?.permissions().mode() & 0o070, 0o070);
    is_sound(top, "");
    Ok(())
}

/// Needs `ssh-keygen`, which every machine has that can push over ssh.
#[test]
fn a_commit_signed_by_ssh_is_one_that_git_verifies() -> Tested {
    let folder = repository();
    let top = folder.path();
    let keys = tempfile::tempdir()?;
    let key = keys.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).output()?;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let public = read(keys.path(), "key.pub");
    write(keys.path(), "allowed", &format!("ada@example.com {public}"));
    for (name, value) in [
        ("gpg.format", "ssh"),
        ("user.signingkey", &*key.to_string_lossy()),
        ("gpg.ssh.allowedSignersFile", &*keys.path().join("allowed").to_string_lossy()),
    ] {
        git(top, &["config", name, value]);
    }
    let store = Store::open(top)?;
    let parent = store.commit_of("HEAD")?.ok_or("no HEAD")?;
    let files = [(FILE.to_owned(), NEW.as_bytes().to_vec())];
    let message = "Update order\n\nno line break at the end";
    let by = store.identities(None, None)?;
    assert!(!by.signs);
    let commit = store.write_commit(&parent, &files, message, &by, Sign::Yes)?;
    git(top, &["verify-commit", &commit]);
    let text = git(top, &["cat-file", "commit", &commit]);
    assert_eq!(text.rsplit_once("\n\nUpdate order\n\n").map(|it| it.1), Some("no line break at the end"));
    git(top, &["config", "commit.gpgsign", "true"]);
    let by = store.identities(None, None)?;
    let step = Step { commit: store.write_commit(&parent, &files, message, &by, Sign::Config)?, parent };
    git(top, &["verify-commit", &step.commit]);
    assert!(store.land(&landing("refs/heads/main", &step, Some(OLD), Some(NEW))).is_ok());
    is_sound(top, "");
    // A key that is not there: the commit is not made without a signature.
    git(top, &["config", "user.signingkey", "/nowhere/key"]);
    let refused = store.write_commit(&step.parent, &files, "m", &by, Sign::Config);
    assert!(matches!(refused, Err(GitError::NotSigned { .. })), "{refused:?}");
    assert!(store.write_commit(&step.parent, &files, "m", &by, Sign::No).is_ok());
    git(top, &["config", "user.signingkey", &key.to_string_lossy()]);
    // As well where libgit2 does not open the repository, and git has to be handed the tree.
    git(top, &["config", "core.repositoryFormatVersion", "1"]);
    git(top, &["config", "extensions.partialClone", "origin"]);
    let foreign = Store::open(top)?;
    let files = [(FILE.to_owned(), b"images: []\n".to_vec())];
    let commit = foreign.write_commit(&step.commit, &files, message, &by, Sign::Config)?;
    git(top, &["verify-commit", &commit]);
    assert_eq!(git(top, &["diff", "--name-only", &step.commit, &commit]), FILE);
    Ok(())
}
