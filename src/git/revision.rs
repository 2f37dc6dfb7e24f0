//! The files of a commit, from the object store.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use git2::{ErrorCode, ObjectType, Oid, Repository};

use crate::git::{GitError, Kind, commit, discover, kind};

/// The files of a commit. Paths are relative to the top of the repository, with `/`.
pub struct Revision {
    /// Where the repository was found, for further handles on it.
    path: PathBuf,
    /// The tree of the commit.
    tree: Oid,
    /// The top of the work tree; `None` where the repository has none.
    pub top: Option<PathBuf>,
    /// The full hash of the commit.
    pub commit: String,
    /// The first thing that the object store could not give.
    fault: Arc<Mutex<Option<String>>>,
    /// Open handles: a repository serves one thread at a time.
    idle: Mutex<Vec<Repository>>,
}

impl std::fmt::Debug for Revision {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Revision").field("commit", &self.commit).finish_non_exhaustive()
    }
}

impl Revision {
    /// The commit that a name (`main`, `v1.2.3`, `HEAD~2`, a hash) stands for, in the repository around a directory.
    pub fn open(directory: &Path, name: &str) -> Result<Self, GitError> {
        let repository = discover(directory)?;
        let commit = commit(&repository, name)?;
        let (tree, hash) = (commit.tree_id(), commit.id().to_string());
        drop(commit);
        let top = repository.workdir().map(Path::to_owned);
        let path = repository.path().to_owned();
        Ok(Self { path, tree, top, commit: hash, fault: Arc::default(), idle: Mutex::new(vec![repository]) })
    }

    /// The files of a directory of the commit, as if it were the top.
    #[must_use]
    pub fn below(&self, directory: &str) -> Self {
        let entry = self.noted(self.with(|repository| self.entry(repository, directory))).flatten();
        let tree = entry.filter(|(_, kind)| *kind == Kind::Directory).map_or(self.tree, |(tree, _)| tree);
        Self {
            path: self.path.clone(),
            tree,
            top: self.top.as_ref().map(|top| top.join(directory)),
            commit: self.commit.clone(),
            fault: self.fault.clone(),
            idle: Mutex::default(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&Repository) -> Result<T, git2::Error>) -> Result<T, git2::Error> {
        let known = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let repository = known.map_or_else(|| Repository::open(&self.path), Ok)?;
        let result = work(&repository);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(repository);
        result
    }

    /// What the object store could not give, if anything: then what was read is not all there is.
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn noted<T>(&self, result: Result<T, git2::Error>) -> Option<T> {
        result
            .map_err(|error| {
                let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
                fault.get_or_insert_with(|| error.message().to_owned());
            })
            .ok()
    }

    /// What stands at a path: its object and its kind.
    fn entry(&self, repository: &Repository, path: &str) -> Result<Option<(Oid, Kind)>, git2::Error> {
        if path.is_empty() {
            return Ok(Some((self.tree, Kind::Directory)));
        }
        match repository.find_tree(self.tree)?.get_path(Path::new(path)) {
            Ok(entry) => Ok(Some((entry.id(), kind(entry.filemode())))),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What stands at a path; `None` where nothing does.
    pub fn kind(&self, path: &str) -> Option<Kind> {
        self.noted(self.with(|repository| self.entry(repository, path))).flatten().map(|(_, kind)| kind)
    }

    /// The names in a directory; without those that no work tree can have.
    pub fn list(&self, path: &str) -> Vec<(String, Kind)> {
        let names = self.with(|repository| {
            let Some((tree, Kind::Directory)) = self.entry(repository, path)? else { return Ok(Vec::new()) };
            let tree = repository.find_tree(tree)?;
            let is_name = |name: &&str| !matches!(*name, "" | "." | "..") && !name.contains(['/', '\\', '\0']);
            let named = |entry: git2::TreeEntry<'_>| {
                let name = entry.name().ok().filter(is_name)?.to_owned();
                Some((name, kind(entry.filemode())))
            };
            Ok(tree.iter().filter_map(named).collect())
        });
        self.noted(names).unwrap_or_default()
    }

    /// The size of a file in bytes, without reading it; `None` where there is none.
    pub fn size(&self, path: &str) -> Result<Option<u64>, GitError> {
        let size = self.with(|repository| match self.entry(repository, path)? {
            Some((object, Kind::File | Kind::Link)) => repository.odb()?.read_header(object).map(Some),
            _ => Ok(None),
        })?;
        Ok(size.filter(|(_, kind)| *kind == ObjectType::Blob).map(|(size, _)| size as u64))
    }

    /// The content of a file, as it was committed; `None` where there is none.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        Ok(self.with(|repository| match self.entry(repository, path)? {
            Some((object, Kind::File | Kind::Link)) => Ok(Some(repository.find_blob(object)?.content().to_owned())),
            _ => Ok(None),
        })?)
    }

    /// Where a link leads, as it was committed.
    pub fn link(&self, path: &str) -> Option<String> {
        (self.kind(path)? == Kind::Link).then_some(())?;
        String::from_utf8(self.read(path).ok()??).ok()
    }
}
