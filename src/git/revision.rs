//! The files of a commit, from the object store.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use git2::{ObjectType, Oid, Repository, Tree};

use crate::git::error::GitError;
use crate::git::home::Home;
use crate::git::missing::{Missing, is_missing};
use crate::git::{Kind, kind};

/// The files of a commit. Paths are relative to the top of the repository, with `/`.
pub struct Revision {
    /// Where the repository was found, for further handles on it.
    home: Arc<Home>,
    /// What fetches the objects that a partial clone left out.
    missing: Arc<Missing>,
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
        let (home, repository) = Home::find(directory)?;
        let commit = home.resolve(&repository, name)?.ok_or_else(|| GitError::NoRevision(name.to_owned()))?;
        Self::of(Arc::new(home), Arc::new(Missing::new()), repository, commit)
    }

    /// A commit of a repository that is open.
    pub(super) fn of(
        home: Arc<Home>,
        missing: Arc<Missing>,
        repository: Repository,
        commit: Oid,
    ) -> Result<Self, GitError> {
        let tree = repository.find_commit(commit)?.tree_id();
        let top = home.top.clone();
        let idle = Mutex::new(vec![repository]);
        Ok(Self { home, missing, tree, top, commit: commit.to_string(), fault: Arc::default(), idle })
    }

    /// The files of a directory of the commit, as if it were the top.
    #[must_use]
    pub fn below(&self, directory: &str) -> Self {
        let entry = self.noted(self.with(|repository| self.entry(repository, directory))).flatten();
        let tree = entry.filter(|(_, mode)| kind(*mode) == Kind::Directory).map_or(self.tree, |(tree, _)| tree);
        Self {
            home: self.home.clone(),
            missing: self.missing.clone(),
            tree,
            top: self.top.as_ref().map(|top| top.join(directory)),
            commit: self.commit.clone(),
            fault: self.fault.clone(),
            idle: Mutex::default(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&Repository) -> Result<T, GitError>) -> Result<T, GitError> {
        let known = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let repository = known.map_or_else(|| self.home.handle(), Ok)?;
        let result = work(&repository);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(repository);
        result
    }

    /// What the object store could not give, if anything: then what was read is not all there is.
    pub fn fault(&self) -> Option<String> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn noted<T>(&self, result: Result<T, GitError>) -> Option<T> {
        result
            .map_err(|error| {
                let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
                fault.get_or_insert_with(|| error.to_string());
            })
            .ok()
    }

    /// Gets an object, which is fetched where a partial clone left it out, with what else is missing: in the commit, or,
    /// where that is too much, below the folder that it is in.
    fn object<T>(
        &self,
        repository: &Repository,
        id: Oid,
        folder: Oid,
        get: impl Fn() -> Result<T, git2::Error>,
    ) -> Result<T, GitError> {
        match get() {
            Err(error) if is_missing(&error) => {
                self.missing.fetch(&self.home, repository, id, &[self.tree, folder], error)?;
                Ok(get()?)
            }
            got => Ok(got?),
        }
    }

    fn tree<'r>(&self, repository: &'r Repository, id: Oid) -> Result<Tree<'r>, GitError> {
        self.object(repository, id, id, || repository.find_tree(id))
    }

    /// What stands at a path: its object and its mode.
    fn entry(&self, repository: &Repository, path: &str) -> Result<Option<(Oid, i32)>, GitError> {
        let mut found = (self.tree, 0o040_000);
        if path.is_empty() {
            return Ok(Some(found));
        }
        for name in path.split('/') {
            if kind(found.1) != Kind::Directory {
                return Ok(None);
            }
            let tree = self.tree(repository, found.0)?;
            let Some(entry) = tree.get_name(name) else { return Ok(None) };
            found = (entry.id(), entry.filemode());
        }
        Ok(Some(found))
    }

    /// What stands at a path: its object and its mode; `None` where nothing does.
    pub(super) fn stands(&self, path: &str) -> Result<Option<(Oid, i32)>, GitError> {
        self.with(|repository| self.entry(repository, path))
    }

    /// What stands at a path; `None` where nothing does.
    pub fn kind(&self, path: &str) -> Option<Kind> {
        self.noted(self.stands(path)).flatten().map(|(_, mode)| kind(mode))
    }

    /// The names in a directory; without those that no work tree can have.
    pub fn list(&self, path: &str) -> Vec<(String, Kind)> {
        let names = self.with(|repository| {
            let entry = self.entry(repository, path)?.filter(|(_, mode)| kind(*mode) == Kind::Directory);
            let Some((tree, _)) = entry else { return Ok(Vec::new()) };
            let tree = self.tree(repository, tree)?;
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
        let size = self.with(|repository| match self.file(repository, path)? {
            Some((object, folder)) => {
                let store = repository.odb()?;
                self.object(repository, object, folder, || store.read_header(object)).map(Some)
            }
            None => Ok(None),
        })?;
        Ok(size.filter(|(_, kind)| *kind == ObjectType::Blob).map(|(size, _)| size as u64))
    }

    /// The content of a file, as it was committed; `None` where there is none.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        self.with(|repository| match self.file(repository, path)? {
            Some((object, folder)) => {
                let content = || Ok(repository.find_blob(object)?.content().to_owned());
                self.object(repository, object, folder, content).map(Some)
            }
            None => Ok(None),
        })
    }

    /// The object of a file or of a link, and that of its folder.
    fn file(&self, repository: &Repository, path: &str) -> Result<Option<(Oid, Oid)>, GitError> {
        let is_file = |mode: i32| matches!(kind(mode), Kind::File | Kind::Link);
        let Some((object, _)) = self.entry(repository, path)?.filter(|(_, mode)| is_file(*mode)) else {
            return Ok(None);
        };
        let folder = self.entry(repository, path.rsplit_once('/').map_or("", |(folder, _)| folder))?;
        Ok(Some((object, folder.map_or(self.tree, |(folder, _)| folder))))
    }

    /// Where a link leads, as it was committed.
    pub fn link(&self, path: &str) -> Option<String> {
        (self.kind(path)? == Kind::Link).then_some(())?;
        String::from_utf8(self.read(path).ok()??).ok()
    }
}
