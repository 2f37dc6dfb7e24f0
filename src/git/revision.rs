//! The files of a commit, from the object store.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use git2::{ObjectType, Oid, Repository};
use indexmap::IndexMap;
use rayon::prelude::*;
use rustc_hash::FxBuildHasher;

use crate::git::Kind;
use crate::git::error::GitError;
use crate::git::home::Home;
use crate::git::listing::{Handles, Listing, Listings, Standing};
use crate::git::missing::{Missing, is_missing};

/// What several commits of a repository are read by.
#[derive(Clone, Debug, Default)]
pub(super) struct Readers {
    /// What fetches the objects that a partial clone left out.
    pub(super) missing: Arc<Missing>,
    /// Open handles: a repository serves one thread at a time.
    handles: Arc<Handles>,
    /// The directories that were read.
    listings: Arc<Listings>,
}

/// The files of a commit. Paths are relative to the top of the repository, with `/`.
pub struct Revision {
    /// Where the repository was found, for further handles on it.
    home: Arc<Home>,
    readers: Readers,
    /// The tree of the commit.
    tree: Oid,
    /// The top of the work tree; `None` where the repository has none.
    pub top: Option<PathBuf>,
    /// The full hash of the commit.
    pub commit: String,
    /// The first thing that the object store could not give.
    fault: Arc<Mutex<Option<String>>>,
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
        let readers = Readers::default();
        readers.handles.put(repository);
        Self::of(Arc::new(home), readers, commit)
    }

    /// A commit of a repository that is open.
    pub(super) fn of(home: Arc<Home>, readers: Readers, commit: Oid) -> Result<Self, GitError> {
        let top = home.top.clone();
        let (fault, commit_hash) = (Arc::default(), commit.to_string());
        let mut revision = Self { home, readers, tree: commit, top, commit: commit_hash, fault };
        revision.tree = revision.with(|repository| Ok(repository.find_commit(commit)?.tree_id()))?;
        Ok(revision)
    }

    /// The files of a directory of the commit, as if it were the top.
    #[must_use]
    pub fn below(&self, directory: &str) -> Self {
        let standing = self.noted(self.with(|repository| self.standing(repository, directory))).flatten();
        let tree = standing.filter(|it| it.kind() == Kind::Directory).map_or(self.tree, |it| it.id);
        Self {
            home: self.home.clone(),
            readers: self.readers.clone(),
            tree,
            top: self.top.as_ref().map(|top| top.join(directory)),
            commit: self.commit.clone(),
            fault: self.fault.clone(),
        }
    }

    fn with<T>(&self, work: impl FnOnce(&Repository) -> Result<T, GitError>) -> Result<T, GitError> {
        let repository = self.readers.handles.take().map_or_else(|| self.home.handle(), Ok)?;
        let result = work(&repository);
        self.readers.handles.put(repository);
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
                self.readers.missing.fetch(&self.home, repository, id, &[self.tree, folder], error)?;
                Ok(get()?)
            }
            got => Ok(got?),
        }
    }

    fn listing(&self, repository: &Repository, tree: Oid) -> Result<Arc<Listing>, GitError> {
        self.readers.listings.get(tree, || {
            let store = repository.odb()?;
            let object = self.object(repository, tree, tree, || store.read(tree))?;
            // What is no tree is no listing either.
            Ok(if object.kind() == ObjectType::Tree { object.data().to_vec() } else { vec![0] })
        })
    }

    /// What stands at a path.
    fn standing(&self, repository: &Repository, path: &str) -> Result<Option<Standing>, GitError> {
        Ok(self.standing_in(repository, path)?.map(|(standing, _)| standing))
    }

    /// What stands at a path, and the tree of the directory that it is in.
    fn standing_in(&self, repository: &Repository, path: &str) -> Result<Option<(Standing, Oid)>, GitError> {
        let mut found = (Standing::directory(self.tree), self.tree);
        if path.is_empty() {
            return Ok(Some(found));
        }
        for name in path.split('/') {
            if found.0.kind() != Kind::Directory {
                return Ok(None);
            }
            let tree = found.0.id;
            let Some(next) = self.listing(repository, tree)?.get(name) else { return Ok(None) };
            found = (next, tree);
        }
        Ok(Some(found))
    }

    /// What stands at a path: its object and its mode; `None` where nothing does.
    pub(super) fn stands(&self, path: &str) -> Result<Option<(Oid, i32)>, GitError> {
        let standing = self.with(|repository| self.standing(repository, path))?;
        Ok(standing.map(|standing| (standing.id, standing.mode)))
    }

    /// What stands at a path; `None` where nothing does.
    pub fn kind(&self, path: &str) -> Option<Kind> {
        self.noted(self.with(|repository| self.standing(repository, path))).flatten().map(Standing::kind)
    }

    /// The names in a directory; without those that no work tree can have.
    pub fn list(&self, path: &str) -> Vec<(String, Kind)> {
        let names = self.with(|repository| {
            let standing = self.standing(repository, path)?.filter(|it| it.kind() == Kind::Directory);
            let Some(standing) = standing else { return Ok(Vec::new()) };
            let listing = self.listing(repository, standing.id)?;
            Ok(listing.names().map(|(name, standing)| (name.to_owned(), standing.kind())).collect())
        });
        self.noted(names).unwrap_or_default()
    }

    /// The paths of all that lies below a directory and is none, in no order.
    pub fn files(&self, directory: &str) -> Vec<String> {
        let standing = self.noted(self.with(|repository| self.standing(repository, directory))).flatten();
        match standing.filter(|it| it.kind() == Kind::Directory) {
            Some(standing) => self.files_of(standing.id, directory),
            None => Vec::new(),
        }
    }

    fn files_of(&self, tree: Oid, directory: &str) -> Vec<String> {
        let Some(listing) = self.noted(self.with(|repository| self.listing(repository, tree))) else {
            return Vec::new();
        };
        let path = |name: &str| if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") };
        let (folders, others): (Vec<_>, Vec<_>) =
            listing.names().partition(|(_, standing)| standing.kind() == Kind::Directory);
        let mut files: Vec<String> = others.into_iter().map(|(name, _)| path(name)).collect();
        let below = folders.into_par_iter().map(|(name, standing)| self.files_of(standing.id, &path(name)));
        files.extend(below.collect::<Vec<_>>().into_iter().flatten());
        files
    }

    /// Which of some files, by their places in the list, hold a word, each with its content; those that are larger than
    /// `most` bytes are left out, and so is what is no regular file. Files of one content are read once.
    pub fn holding(&self, paths: &[String], word: &[u8], most: usize) -> Vec<(usize, Vec<u8>)> {
        let standing = |path: &String| self.noted(self.with(|repository| self.standing_in(repository, path))).flatten();
        let mut contents: IndexMap<Oid, (Oid, Vec<usize>), FxBuildHasher> = IndexMap::default();
        for (at, standing) in paths.par_iter().map(standing).collect::<Vec<_>>().into_iter().enumerate() {
            if let Some((standing, folder)) = standing.filter(|(standing, _)| standing.kind() == Kind::File) {
                contents.entry(standing.id).or_insert_with(|| (folder, Vec::new())).1.push(at);
            }
        }
        let find = memchr::memmem::Finder::new(word);
        // Neighbours are stored as differences of each other: one handle, which keeps what it has read, reads a run of them.
        let runs: Vec<_> = contents.as_slice().into_iter().collect::<Vec<_>>();
        let look = |run: &[(&Oid, &(Oid, Vec<usize>))]| {
            let found = self.with(|repository| {
                let store = repository.odb()?;
                let mut found = Vec::new();
                for (id, (folder, places)) in run {
                    let object = self.object(repository, **id, *folder, || store.read(**id))?;
                    let content = object.data();
                    if object.kind() == ObjectType::Blob && content.len() <= most && find.find(content).is_some() {
                        found.extend(places.iter().map(|at| (*at, content.to_vec())));
                    }
                }
                Ok(found)
            });
            self.noted(found).unwrap_or_default()
        };
        runs.par_chunks(128).flat_map_iter(look).collect()
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
        let is_file = |standing: Standing| matches!(standing.kind(), Kind::File | Kind::Link);
        let found = self.standing_in(repository, path)?.filter(|(standing, _)| is_file(*standing));
        Ok(found.map(|(standing, folder)| (standing.id, folder)))
    }

    /// Where a link leads, as it was committed.
    pub fn link(&self, path: &str) -> Option<String> {
        (self.kind(path)? == Kind::Link).then_some(())?;
        String::from_utf8(self.read(path).ok()??).ok()
    }
}
