//! A repository that is opened for one more commit: what it is, where its HEAD stands, what is under way in it.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use git2::{Oid, Repository};

use crate::git::command::{Git, printed};
use crate::git::error::GitError;
use crate::git::home::Home;
use crate::git::revision::Readers;
use crate::git::walk::History;
use crate::git::{Kind, Revision, kind};

/// A repository, opened for writing: with a work tree, a linked one or none; whole, shallow or partial.
pub struct Store {
    pub(super) home: Arc<Home>,
    pub(super) repository: Repository,
    readers: Readers,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.home.fmt(out)
    }
}

/// Where HEAD stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The branch, without `refs/heads/`; `None` when HEAD is detached.
    pub branch: Option<String>,
    /// The full hash of the commit; `None` where there is none yet.
    pub commit: Option<String>,
}

impl Store {
    /// The repository around a directory.
    pub fn open(directory: &Path) -> Result<Self, GitError> {
        let (home, repository) = Home::find(directory)?;
        Ok(Self { home: Arc::new(home), repository, readers: Readers::default() })
    }

    /// Waits so long for locks that other processes hold, instead of three seconds.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        let mut home = (*self.home).clone();
        home.git.patience = patience;
        self.home = Arc::new(home);
        self
    }

    /// The top of the work tree.
    pub fn top(&self) -> Option<&Path> {
        self.home.top.as_deref()
    }

    /// The folder of this work tree's HEAD and index.
    pub fn git_dir(&self) -> &Path {
        &self.home.git_dir
    }

    /// The folder of what all work trees of the repository share.
    pub fn common_dir(&self) -> &Path {
        &self.home.common_dir
    }

    /// Whether there is no work tree.
    pub fn is_bare(&self) -> bool {
        self.home.top.is_none()
    }

    /// Where HEAD stands.
    pub fn head(&self) -> Result<Head, GitError> {
        let target = if self.home.is_foreign {
            let ended = self.home.git.read(&["symbolic-ref", "--quiet", "HEAD"], b"")?;
            match ended.code {
                Some(1) => None, // detached
                _ => Some(String::from_utf8_lossy(&printed(ended, "symbolic-ref", "")?).trim().to_owned()),
            }
        } else {
            let head = self.repository.find_reference("HEAD")?;
            head.symbolic_target()?.map(str::to_owned)
        };
        let branch = target.map(|name| name.strip_prefix("refs/heads/").map_or(name.clone(), str::to_owned));
        Ok(Head { branch, commit: self.commit_of("HEAD")? })
    }

    /// What the user has begun and not ended, in git's words: `merge`, `rebase`, `am`, `cherry-pick`, `revert`; or `bisect`,
    /// which stands in nobody's way.
    pub fn in_progress(&self) -> Option<&'static str> {
        let signs = [
            ("MERGE_HEAD", "merge"),
            ("rebase-merge", "rebase"),
            ("rebase-apply/applying", "am"),
            ("rebase-apply", "rebase"),
            ("CHERRY_PICK_HEAD", "cherry-pick"),
            ("REVERT_HEAD", "revert"),
            ("sequencer/todo", "cherry-pick"),
            ("BISECT_LOG", "bisect"),
        ];
        signs.into_iter().find(|(name, _)| self.home.git_dir.join(name).exists()).map(|(_, what)| what)
    }

    /// The full hash of the commit that a name stands for: a full ref, a hash, any revision. `None` where there is none.
    pub fn commit_of(&self, name: &str) -> Result<Option<String>, GitError> {
        Ok(self.home.resolve(&self.repository, name)?.map(|commit| commit.to_string()))
    }

    /// The commits whose parents a shallow clone left out; none in any other.
    pub fn shallow(&self) -> BTreeSet<String> {
        let list = fs::read_to_string(self.home.common_dir.join("shallow")).unwrap_or_default();
        list.lines().map(str::to_owned).collect()
    }

    /// Whether a branch that went on from `base` to `tip` has a commit among what came to it; `None` where that cannot be
    /// told, because commits are missing.
    pub fn came_with(&self, base: &str, tip: &str, commit: &str) -> Option<bool> {
        let id = |hash: &str| Oid::from_str(hash).ok();
        let (base, commit) = (id(base)?, id(commit)?);
        let mut seen = HashSet::from([base]);
        let mut open = vec![id(tip)?];
        while let Some(next) = open.pop() {
            if next == commit {
                return Some(true);
            }
            if seen.insert(next) {
                open.extend(self.repository.find_commit(next).ok()?.parent_ids());
            }
        }
        Some(false)
    }

    /// The history, for walking.
    pub fn history(&self) -> History<'_> {
        History::of(&self.repository, &self.home, &self.readers.missing)
    }

    /// The files of a commit, by its full hash.
    pub fn revision(&self, commit: &str) -> Result<Revision, GitError> {
        let id = Oid::from_str(commit).map_err(|_| GitError::NoRevision(commit.to_owned()))?;
        Revision::of(self.home.clone(), self.readers.clone(), id)
    }

    /// The content of a file of a commit, and its mode; `None` where no file is, or something else.
    pub fn file(&self, commit: &str, path: &str) -> Result<Option<(Vec<u8>, u32)>, GitError> {
        let revision = self.revision(commit)?;
        match revision.stands(path)? {
            Some((_, mode)) if kind(mode) == Kind::File => {
                Ok(revision.read(path)?.map(|content| (content, mode.unsigned_abs())))
            }
            _ => Ok(None),
        }
    }

    /// The folder of another work tree that shows a branch; `None` where no other does.
    pub(super) fn shown_elsewhere(&self, branch: &str) -> Option<PathBuf> {
        let linked = fs::read_dir(self.home.common_dir.join("worktrees")).into_iter().flatten().flatten();
        let mut folders: Vec<PathBuf> = linked.map(|entry| entry.path()).collect();
        if !self.is_main_bare() {
            folders.push(self.home.common_dir.clone());
        }
        let own = self.home.git_dir.canonicalize().ok();
        folders.into_iter().find(|folder| {
            let head = fs::read_to_string(folder.join("HEAD")).unwrap_or_default();
            let shows = head.strip_prefix("ref:").is_some_and(|target| target.trim() == branch);
            shows && folder.canonicalize().ok() != own
        })
    }

    /// Whether the HEAD of the folder that work trees share belongs to no work tree.
    fn is_main_bare(&self) -> bool {
        if self.home.git_dir == self.home.common_dir {
            return self.is_bare();
        }
        if !self.home.is_foreign {
            return Repository::open(&self.home.common_dir).is_ok_and(|main| main.is_bare());
        }
        let main = Git::bare(&self.home.common_dir);
        main.read(&["rev-parse", "--is-bare-repository"], b"").is_ok_and(|ended| ended.stdout.starts_with(b"true"))
    }
}
