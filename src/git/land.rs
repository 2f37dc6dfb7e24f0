//! Moves a branch to a commit that is already written, and makes index and work tree follow in the files of that commit,
//! so that a kill at any moment leaves a repository that is whole.
//!
//! The branch moves by compare-and-swap. Everything that can fail is tried before: the new texts lie beside the files that
//! they replace, and a journal says what is to follow. After it, what is not done can be finished by the next run.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use git2::{ObjectType, Oid, Reference};

use crate::git::command::{Pause, printed};
use crate::git::error::{Cause, GitError};
use crate::git::identity::{Identity, Role};
use crate::git::journal::{Journal, Plan, Step};
use crate::git::state::{check_path, link_in};
use crate::git::store::Store;

/// A commit for a branch.
#[derive(Clone, Debug)]
pub struct Landing<'a> {
    /// The branch, in full: `refs/heads/main`.
    pub branch: &'a str,
    /// The commit that it must be at; `None`: it must not exist.
    pub old: Option<&'a str>,
    /// The commit that it is to be at.
    pub new: &'a str,
    /// The files in which the new commit differs from the old; heeded where the branch is the one that is checked out.
    pub files: Vec<LandedFile>,
    /// What the reflog is to say, in one line.
    pub reflog: &'a str,
    /// Who moves it, for the reflog; `None`: as git knows it.
    pub by: Option<&'a Identity>,
}

/// A file of the work tree: its bytes there, which filters and line endings may set apart from those of the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LandedFile {
    /// From the top of the repository.
    pub path: String,
    /// Its bytes now; `None`: the work tree does not show it.
    pub before: Option<Vec<u8>>,
    /// Its bytes to be; `None` where it is not shown.
    pub after: Option<Vec<u8>>,
}

/// What became of a landing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Landed {
    /// The branch is at the new commit. What did not follow is named, and left as it was.
    Done(Vec<Unfinished>),
    /// The branch was not at the old commit: somebody else was faster. Nothing was changed.
    Moved,
}

/// A file that did not follow the branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfinished {
    /// From the top of the repository.
    pub path: String,
    /// Why not.
    pub why: String,
}

impl Unfinished {
    pub(super) fn new(path: &str, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), why: why.into() }
    }
}

impl Store {
    /// Moves a branch to a commit. An error means that nothing was changed.
    pub fn land(&self, landing: &Landing<'_>) -> Result<Landed, GitError> {
        let is_branch = landing.branch.starts_with("refs/heads/") && Reference::is_valid_name(landing.branch);
        if !is_branch {
            return Err(GitError::BadBranch(landing.branch.to_owned()));
        }
        for commit in landing.old.into_iter().chain([landing.new]) {
            Oid::from_str(commit).map_err(|_| GitError::NoRevision(commit.to_owned()))?;
        }
        if let Some(place) = self.shown_elsewhere(landing.branch) {
            return Err(GitError::CheckedOut { branch: landing.branch.to_owned(), place });
        }
        let head = self.head()?.branch.map(|name| format!("refs/heads/{name}"));
        match self.top().filter(|_| head.as_deref() == Some(landing.branch)) {
            None => Ok(if self.move_branch(landing)? { Landed::Done(Vec::new()) } else { Landed::Moved }),
            Some(top) => self.land_in(top, landing),
        }
    }

    fn land_in(&self, top: &Path, landing: &Landing<'_>) -> Result<Landed, GitError> {
        let files = self.steps(top, landing)?;
        self.await_index()?;
        let plan = Plan { branch: landing.branch.to_owned(), new: landing.new.to_owned(), files };
        let journal = Journal::begin(&self.home.git_dir, &plan)?;
        let moved = stage(top, &plan.files).and_then(|()| self.move_branch(landing));
        if !matches!(moved, Ok(true)) {
            for step in &plan.files {
                let _ = fs::remove_file(step.staged_in(top));
            }
            journal.end();
            return moved.map(|_| Landed::Moved);
        }
        // From here on the commit has landed: what cannot be done now is said, and done by the next run.
        match self.follow(&plan.files, false) {
            Ok(unfinished) => {
                journal.end();
                Ok(Landed::Done(unfinished))
            }
            Err(error) => {
                let why = format!("{error}; the next run finishes it");
                Ok(Landed::Done(plan.files.iter().map(|step| Unfinished::new(&step.path, &*why)).collect()))
            }
        }
    }

    /// What follows for each file, after every check.
    pub(super) fn steps(&self, top: &Path, landing: &Landing<'_>) -> Result<Vec<Step>, GitError> {
        let new = self.revision(landing.new)?;
        let old = landing.old.map(|commit| self.revision(commit)).transpose()?;
        let mut steps = Vec::with_capacity(landing.files.len());
        for (at, file) in landing.files.iter().enumerate() {
            let path = &file.path;
            check_path(path)?;
            if let Some(link) = link_in(top, path) {
                return Err(GitError::Link { path: path.clone(), link });
            }
            if on_disk(&top.join(path)).map_err(|error| GitError::not_written(format!("`{path}`"), &error))?
                != file.before
            {
                return Err(GitError::Changed { path: path.clone() });
            }
            let Some((object, mode)) = new.stands(path)? else { return Err(GitError::BadPath(path.clone())) };
            let before = old.as_ref().map(|old| old.stands(path)).transpose()?.flatten();
            let hash = |bytes: &Vec<u8>| Oid::hash_object(ObjectType::Blob, bytes).map(|id| id.to_string());
            steps.push(Step {
                path: path.clone(),
                mode: format!("{mode:o}"),
                old: before.map(|(object, _)| object.to_string()),
                new: object.to_string(),
                before: file.before.as_ref().map(hash).transpose()?,
                after: file.after.as_deref().map(Step::encoded),
                staged: format!(".gitopsctl-{}-{at}-{}", std::process::id(), &landing.new[..12]),
            });
        }
        Ok(steps)
    }

    /// Waits until nobody holds the index: a branch that has moved should not wait for that.
    fn await_index(&self) -> Result<(), GitError> {
        let path = self.home.git_dir.join("index.lock");
        let mut pause = Pause::new(self.home.git.patience);
        while path.symlink_metadata().is_ok() {
            if !pause.wait() {
                return Err(GitError::Locked { path });
            }
        }
        Ok(())
    }

    /// Whether the branch was at the old commit, and is at the new one now.
    fn move_branch(&self, landing: &Landing<'_>) -> Result<bool, GitError> {
        let none = "0".repeat(landing.new.len());
        let old = landing.old.unwrap_or(&none);
        let reflog = landing.reflog.replace(char::is_control, " ");
        let arguments = ["update-ref", "-m", &reflog, landing.branch, landing.new, old];
        let variables = landing.by.map(|by| by.variables(Role::Committer).to_vec()).unwrap_or_default();
        let ended = self.home.git.patiently(&arguments, b"", &variables)?;
        if ended.code == Some(0) {
            return Ok(true);
        }
        match self.commit_of(landing.branch)? {
            // The very same commit by another run, or by a git that was killed after it: what follows is done once.
            Some(tip) if tip == landing.new => return Ok(true),
            tip if tip.as_deref() != landing.old => return Ok(false),
            _ => {}
        }
        if ended.stderr.contains("hook") {
            let said = ended.stderr.trim().to_owned();
            return Err(GitError::Hook { branch: landing.branch.to_owned(), said });
        }
        printed(ended, "update-ref", &format!("`{}`", landing.branch)).map(|_| true)
    }

    /// Makes work tree and index follow the branch; the files that were changed meanwhile are left alone in the work tree.
    /// Where this is done `again`, the new texts are staged first.
    pub(super) fn follow(&self, steps: &[Step], again: bool) -> Result<Vec<Unfinished>, GitError> {
        let Some(top) = self.top() else { return Ok(Vec::new()) };
        let mut unfinished = Vec::new();
        // By what the index learns of them: files that are as the commit has them, those that are not shown.
        let (mut same, mut hidden) = (Vec::new(), Vec::new());
        for step in steps {
            if step.after.is_none() {
                hidden.push(&*step.path);
                continue;
            }
            match replace(top, step, again) {
                Ok(true) => same.push(&*step.path),
                Ok(false) => unfinished.push(Unfinished::new(&step.path, "it was changed in the work tree meanwhile")),
                Err(error) => unfinished.push(Unfinished::new(&step.path, Cause::of(&error).to_string())),
            }
        }
        let entries: Vec<String> =
            steps.iter().map(|step| format!("{},{},{}", step.mode, step.new, step.path)).collect();
        if !entries.is_empty() {
            // First the entries, so that none keeps a mark of an earlier time; then the times of the files just written,
            // so that nobody takes them for changed.
            let mut update = vec!["update-index", "--add"];
            update.extend(entries.iter().flat_map(|entry| ["--cacheinfo", entry.as_str()]));
            update.push("--");
            update.extend(same);
            printed(self.home.git.patiently(&update, b"", &[])?, "update-index", "the index")?;
        }
        if !hidden.is_empty() {
            let mut update = vec!["update-index", "--skip-worktree", "--"];
            update.extend(hidden);
            printed(self.home.git.patiently(&update, b"", &[])?, "update-index", "the index")?;
        }
        Ok(unfinished)
    }
}

/// The bytes of a file; `None` where there is none.
fn on_disk(path: &Path) -> std::io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Writes the new texts beside the files whose places they take, with their modes.
fn stage(top: &Path, steps: &[Step]) -> Result<(), GitError> {
    for step in steps.iter().filter(|step| step.after.is_some()) {
        stage_one(top, step).map_err(|error| GitError::not_written(format!("`{}`", step.path), &error))?;
    }
    Ok(())
}

fn stage_one(top: &Path, step: &Step) -> std::io::Result<()> {
    let bytes = step.bytes().ok_or_else(|| std::io::Error::from(ErrorKind::InvalidData))?;
    let (target, staged) = (top.join(&step.path), step.staged_in(top));
    if let Some(folder) = target.parent().filter(|_| step.before.is_none()) {
        fs::create_dir_all(folder)?;
    }
    // Of a process that had our number before: its journal would have been taken up.
    let _ = fs::remove_file(&staged);
    let mut file = File::options().write(true).create_new(true).open(&staged)?;
    file.write_all(&bytes)?;
    if let Ok(present) = fs::metadata(&target) {
        file.set_permissions(present.permissions())?;
    }
    Ok(())
}

/// Puts the new text in a file's place; whether it is there now. `false`: somebody has changed the file, which stays.
fn replace(top: &Path, step: &Step, again: bool) -> std::io::Result<bool> {
    let target = top.join(&step.path);
    let here = on_disk(&target)?;
    let hash = here.as_ref().and_then(|bytes| Oid::hash_object(ObjectType::Blob, bytes).ok()).map(|id| id.to_string());
    let staged = step.staged_in(top);
    if link_in(top, &step.path).is_some() || (hash != step.before && here != step.bytes()) {
        let _ = fs::remove_file(&staged);
        return Ok(false);
    }
    if hash != step.before {
        let _ = fs::remove_file(&staged);
        return Ok(true);
    }
    if again {
        stage_one(top, step)?;
    }
    fs::rename(&staged, &target)?;
    Ok(true)
}
