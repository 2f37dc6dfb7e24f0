//! What a landing is about to do, on disk before it does it: the next run finishes what a killed one began, or takes its
//! traces away.
//!
//! A journal stands in Git's folder of the work tree, `gitopsctl/<commit>-<process>.json`, and is locked as long as its
//! process lives.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::git::command::printed;
use crate::git::error::GitError;
use crate::git::land::Unfinished;
use crate::git::store::Store;

/// The folder of journals, in Git's.
const FOLDER: &str = "gitopsctl";

/// Where files cannot be locked, a journal this old belongs to no living process: a landing takes milliseconds.
const OLD: Duration = Duration::from_mins(10);

/// One move of a branch and what follows it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    /// The branch, in full.
    pub(super) branch: String,
    /// The commit that it moves to.
    pub(super) new: String,
    /// The files of the work tree and the index that follow.
    pub(super) files: Vec<Step>,
}

/// One file that follows a branch.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Step {
    /// From the top.
    pub(super) path: String,
    /// Its mode, as Git writes it: `100644`.
    pub(super) mode: String,
    /// The object of the old commit; `None`: it was not there.
    pub(super) old: Option<String>,
    /// The object of the new commit.
    pub(super) new: String,
    /// The object that the old bytes in the work tree would be; `None`: they are not there, nor will be.
    pub(super) before: Option<String>,
    /// The bytes to be in the work tree, in base64; `None`: there is no such file, nor will be.
    pub(super) after: Option<String>,
    /// The name of the file, beside the one in the work tree, that takes its place.
    pub(super) staged: String,
}

impl Step {
    pub(super) fn bytes(&self) -> Option<Vec<u8>> {
        BASE64.decode(self.after.as_ref()?).ok()
    }

    pub(super) fn encoded(bytes: &[u8]) -> String {
        BASE64.encode(bytes)
    }

    /// Where the file to take its place lies.
    pub(super) fn staged_in(&self, top: &Path) -> PathBuf {
        top.join(&self.path).with_file_name(&self.staged)
    }
}

/// A journal of this process.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl Journal {
    /// Writes down what is to be done.
    pub(super) fn begin(git_dir: &Path, plan: &Plan) -> Result<Self, GitError> {
        let folder = git_dir.join(FOLDER);
        let failed = |error| GitError::not_written(format!("`{}`", folder.display()), &error);
        let name = format!("{}-{}", plan.new, std::process::id());
        let text = serde_json::to_string(plan).map_err(|error| failed(error.into()))?;
        let mut attempts = 0;
        loop {
            // Another process may remove the folder while it is empty, or the file before it is locked.
            match Self::attempt(&folder, &name, &text) {
                Err(error) if error.kind() == ErrorKind::NotFound && attempts < 100 => {
                    attempts += 1;
                    std::thread::sleep(Duration::from_millis(attempts.min(20)));
                }
                result => return result.map_err(failed),
            }
        }
    }

    fn attempt(folder: &Path, name: &str, text: &str) -> std::io::Result<Self> {
        fs::create_dir_all(folder)?;
        let (draft, path) = (folder.join(format!("{name}.draft")), folder.join(format!("{name}.json")));
        let mut file = File::create(&draft)?;
        // Where locks are not supported the age has to do. Whoever else holds it takes it for a dead run's, and away.
        if matches!(file.try_lock(), Err(TryLockError::WouldBlock)) {
            return Err(ErrorKind::NotFound.into());
        }
        if let Err(error) = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&draft, &path)) {
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        Ok(Self { path, _file: file })
    }

    /// All is done, or nothing.
    pub(super) fn end(self) {
        let _ = fs::remove_file(&self.path);
        self.path.parent().map(fs::remove_dir);
    }
}

/// What a run found of one that was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The commit that was being landed.
    pub commit: String,
    /// The branch, in full.
    pub branch: String,
    /// What became of it now.
    pub outcome: Outcome,
}

/// What became of a landing that was killed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The branch had moved; index and work tree follow now, except for files that somebody has changed since.
    Finished(Vec<Unfinished>),
    /// The branch had not moved, and nothing is left of it.
    Undone,
}

impl Store {
    /// Finishes what killed runs in this work tree began, or takes their traces away. To be called before anything else.
    pub fn recover(&self) -> Result<Vec<Recovered>, GitError> {
        let folder = self.home.git_dir.join(FOLDER);
        let mut found = Vec::new();
        let mut names: Vec<PathBuf> = match fs::read_dir(&folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => return Ok(found),
        };
        names.sort();
        for path in names {
            let Some(mut held) = dead(&path) else { continue };
            let mut text = Vec::new();
            let plan = held.read_to_end(&mut text).ok().and_then(|_| serde_json::from_slice::<Plan>(&text).ok());
            let is_draft = path.extension().is_some_and(|extension| extension == "draft");
            if let Some(plan) = plan.filter(|_| !is_draft) {
                let outcome = self.take_up(&plan)?;
                found.push(Recovered { commit: plan.new, branch: plan.branch, outcome });
            }
            // A draft is dropped: nothing was done before it got its name.
            let _ = fs::remove_file(&path);
            drop(held);
        }
        let _ = fs::remove_dir(&folder);
        Ok(found)
    }

    fn take_up(&self, plan: &Plan) -> Result<Outcome, GitError> {
        for step in &plan.files {
            if let Some(top) = self.top() {
                let _ = fs::remove_file(step.staged_in(top));
            }
        }
        if !self.has_moved(plan)? {
            return Ok(Outcome::Undone);
        }
        let head = self.head()?;
        let shown = head.branch.map(|name| format!("refs/heads/{name}"));
        let Some(tip) = head.commit.filter(|_| shown.as_deref() == Some(&plan.branch)) else {
            let left = |step: &Step| Unfinished::new(&step.path, "another branch is checked out by now");
            return Ok(Outcome::Finished(plan.files.iter().map(left).collect()));
        };
        let revision = self.revision(&tip)?;
        let (mut open, mut left) = (Vec::new(), Vec::new());
        for step in &plan.files {
            let is_same = revision.stands(&step.path)?.is_some_and(|(object, _)| object.to_string() == step.new);
            let indexed = self.indexed(&step.path)?;
            if !is_same {
                left.push(Unfinished::new(&step.path, "a later commit changed it"));
            } else if indexed == step.old || indexed.as_deref() == Some(&step.new) {
                open.push(step.clone());
            } else {
                left.push(Unfinished::new(&step.path, "it was staged meanwhile"));
            }
        }
        left.extend(self.follow(&open, true)?);
        Ok(Outcome::Finished(left))
    }

    /// Whether the branch has, or has had, the new commit.
    fn has_moved(&self, plan: &Plan) -> Result<bool, GitError> {
        let Some(tip) = self.commit_of(&plan.branch)? else { return Ok(false) };
        if tip == plan.new {
            return Ok(true);
        }
        let ended = self.home.git.read(&["merge-base", "--is-ancestor", &plan.new, &tip], b"")?;
        Ok(ended.code == Some(0))
    }

    /// The object of a file in the index.
    fn indexed(&self, path: &str) -> Result<Option<String>, GitError> {
        let listed = printed(self.home.git.read(&["ls-files", "--stage", "-z", "--", path], b"")?, "ls-files", "")?;
        let text = String::from_utf8_lossy(&listed).into_owned();
        Ok(text.split(' ').nth(1).map(str::to_owned))
    }
}

/// A journal whose process has ended, held so that no other run takes it up.
fn dead(path: &Path) -> Option<File> {
    let file = File::options().read(true).write(true).open(path).ok()?;
    match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock) => None,
        Err(TryLockError::Error(_)) => {
            let age = file.metadata().and_then(|facts| facts.modified()).ok()?.elapsed().ok()?;
            (age > OLD).then_some(file)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::git::{Landed, LandedFile, Landing, Sign};

    type Tested = Result<(), Box<dyn std::error::Error>>;

    const FILE: &str = "a/kustomization.yaml";

    fn git(directory: &Path, arguments: &[&str]) -> String {
        let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false"];
        let run = Command::new("git").args(identity).arg("-C").arg(directory).args(arguments).output();
        let output = run.unwrap_or_else(|error| panic!("{error}"));
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// A repository with a file, and a commit that changes it and has not landed.
    struct Case {
        folder: tempfile::TempDir,
        store: Store,
        old: String,
        new: String,
    }

    impl Case {
        fn new() -> Result<Self, Box<dyn std::error::Error>> {
            let folder = tempfile::tempdir()?;
            let top = folder.path();
            git(top, &["init", "-q", "-b", "main"]);
            fs::create_dir(top.join("a"))?;
            fs::write(top.join(FILE), "1\n")?;
            fs::write(top.join("other"), "1\n")?;
            git(top, &["config", "core.autocrlf", "false"]);
            git(top, &["add", "-A"]);
            git(top, &["commit", "-q", "-m", "one"]);
            let store = Store::open(top)?;
            let old = store.commit_of("HEAD")?.ok_or("no HEAD")?;
            let by = store.identities(Some("Ada <ada@example.com>"), None)?;
            let new = store.write_commit(&old, &[(FILE.to_owned(), b"2\n".to_vec())], "two\n", &by, Sign::No)?;
            Ok(Self { folder, store, old, new })
        }

        fn plan(&self) -> Result<Plan, Box<dyn std::error::Error>> {
            let file =
                LandedFile { path: FILE.to_owned(), before: Some(b"1\n".to_vec()), after: Some(b"2\n".to_vec()) };
            let landing = Landing {
                branch: "refs/heads/main",
                old: Some(&self.old),
                new: &self.new,
                files: vec![file],
                reflog: "bump",
                by: None,
            };
            let files = self.store.steps(self.folder.path(), &landing)?;
            Ok(Plan { branch: "refs/heads/main".to_owned(), new: self.new.clone(), files })
        }

        /// Leaves what a run leaves that is killed after it has staged the new texts.
        fn killed(&self) -> Tested {
            let plan = self.plan()?;
            drop(Journal::begin(&self.store.home.git_dir, &plan)?);
            fs::write(plan.files[0].staged_in(self.folder.path()), "2")?;
            Ok(())
        }

        fn recovered(&self) -> Result<Outcome, Box<dyn std::error::Error>> {
            // A program that another test starts holds every lock for as long as it has not begun.
            let mut found = self.store.recover()?;
            for _ in 0..200 {
                if found.is_empty() {
                    std::thread::sleep(Duration::from_millis(10));
                    found = self.store.recover()?;
                }
            }
            assert_eq!((found.len(), &*found[0].commit), (1, &*self.new));
            assert!(!self.folder.path().join(".git/gitopsctl").exists());
            let left = fs::read_dir(self.folder.path().join("a"))?.count();
            assert_eq!(left, 1, "a staged text was left behind");
            assert_eq!(self.store.recover()?, []);
            Ok(found.remove(0).outcome)
        }

        fn status(&self) -> String {
            git(self.folder.path(), &["status", "--porcelain"])
        }

        fn text(&self) -> String {
            fs::read_to_string(self.folder.path().join(FILE)).unwrap_or_default()
        }
    }

    #[test]
    fn what_was_killed_before_the_branch_moved_leaves_nothing() -> Tested {
        let case = Case::new()?;
        case.killed()?;
        assert_eq!(case.recovered()?, Outcome::Undone);
        assert_eq!((case.text(), case.status()), ("1\n".to_owned(), String::new()));
        Ok(())
    }

    #[test]
    fn what_was_killed_after_the_branch_moved_is_finished() -> Tested {
        // Neither file nor index followed; the file did; another commit came on top, for which the user had to reset.
        for after in ["nothing", "file", "commit"] {
            let case = Case::new()?;
            let top = case.folder.path();
            case.killed()?;
            git(top, &["update-ref", "refs/heads/main", &case.new, &case.old]);
            match after {
                "file" => fs::write(top.join(FILE), "2\n")?,
                "commit" => {
                    fs::write(top.join("other"), "2\n")?;
                    git(top, &["reset", "-q"]);
                    git(top, &["commit", "-q", "-m", "three", "other"]);
                }
                _ => {}
            }
            assert_ne!((case.status(), after), (String::new(), after));
            assert_eq!(case.recovered()?, Outcome::Finished(Vec::new()), "{after}");
            assert_eq!((case.text(), case.status()), ("2\n".to_owned(), String::new()), "{after}");
            git(top, &["fsck", "--strict"]);
        }
        Ok(())
    }

    #[test]
    fn what_somebody_has_changed_since_is_left_alone() -> Tested {
        let case = Case::new()?;
        let top = case.folder.path();
        case.killed()?;
        git(top, &["update-ref", "refs/heads/main", &case.new, &case.old]);
        fs::write(top.join(FILE), "edited\n")?;
        let Outcome::Finished(left) = case.recovered()? else { return Err("undone".into()) };
        assert_eq!(left.len(), 1);
        assert_eq!((case.text(), case.status()), ("edited\n".to_owned(), format!(" M {FILE}").trim_end().to_owned()));
        let case = Case::new()?;
        let top = case.folder.path();
        case.killed()?;
        git(top, &["update-ref", "refs/heads/main", &case.new, &case.old]);
        fs::write(top.join(FILE), "staged\n")?;
        git(top, &["add", FILE]);
        let Outcome::Finished(left) = case.recovered()? else { return Err("undone".into()) };
        assert_eq!((left.len(), case.status()), (1, format!("M  {FILE}")));
        Ok(())
    }

    #[test]
    fn a_living_process_is_not_disturbed() -> Tested {
        let case = Case::new()?;
        let journal = Journal::begin(&case.store.home.git_dir, &case.plan()?)?;
        assert_eq!(case.store.recover()?, []);
        assert!(case.folder.path().join(".git/gitopsctl").exists());
        journal.end();
        assert!(!case.folder.path().join(".git/gitopsctl").exists());
        Ok(())
    }

    #[test]
    fn an_index_that_stays_locked_is_finished_by_the_next_run() -> Tested {
        let case = Case::new()?;
        let top = case.folder.path();
        // The branch moves; then, as if another process were faster, somebody holds the index.
        let hook = top.join(".git/hooks/reference-transaction");
        fs::create_dir_all(top.join(".git/hooks"))?;
        fs::write(&hook, "#!/bin/sh\n[ \"$1\" != committed ] || touch .git/index.lock\n")?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(&hook, fs::Permissions::from_mode(0o755))?;
        }
        let store = Store::open(top)?.with_patience(Duration::from_millis(50));
        let files =
            vec![LandedFile { path: FILE.to_owned(), before: Some(b"1\n".to_vec()), after: Some(b"2\n".to_vec()) }];
        let (old, branch) = (Some(&*case.old), "refs/heads/main");
        let landed = store.land(&Landing { branch, old, new: &case.new, files, reflog: "bump", by: None })?;
        let Landed::Done(left) = landed else { return Err("lost".into()) };
        assert!(left[0].why.contains("index.lock") && left[0].why.ends_with("the next run finishes it"), "{left:?}");
        assert_eq!(case.text(), "2\n");
        fs::remove_file(top.join(".git/index.lock"))?;
        fs::remove_file(hook)?;
        assert_eq!(case.recovered()?, Outcome::Finished(Vec::new()));
        assert_eq!(case.status(), "");
        Ok(())
    }
}
