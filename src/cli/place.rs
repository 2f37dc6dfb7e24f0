//! Where a command reads: a directory on disk, or a commit of the repository around it.

use std::path::{Path, PathBuf};

use crate::catalog::PLATFORM_FILE;
use crate::cli::Exit;
use crate::cli::helm::Program;
use crate::cli::root_of;
use crate::cli::terminal::Failure;
use crate::git::{self, GitError, Revision};
use crate::kustomize::{Options, Session};
use crate::source::SourceMap;
use crate::tree::{Tree, join, normal};

/// A directory in a tree.
pub(super) struct Place {
    pub(super) tree: Tree,
    /// The directory, as a path in the tree.
    pub(super) directory: String,
    /// The top of the repository, as a path in the tree.
    pub(super) repository: String,
    /// What is cut off the paths that people see.
    pub(super) base: String,
}

/// A path of the disk as a path in a tree of the whole disk.
pub(super) fn inside(path: &Path) -> String {
    path.to_string_lossy().trim_start_matches('/').to_owned()
}

/// What of a path lies below a directory.
pub(super) fn below<'p>(path: &'p str, directory: &str) -> Option<&'p str> {
    match path.strip_prefix(directory)? {
        rest if directory.is_empty() => Some(rest),
        rest => rest.strip_prefix('/').or(rest.is_empty().then_some("")),
    }
}

impl Place {
    /// `path` is relative to `directory`. On disk, what is read may lie outside of the repository, as it may for
    /// Kustomize; of a revision nothing does.
    pub(super) fn of(directory: &Path, path: &Path, revision: Option<&str>) -> Result<Self, Failure> {
        match revision {
            None => Self::on_disk(directory, path),
            Some(name) => Self::in_revision(directory, path, name),
        }
    }

    fn on_disk(directory: &Path, path: &Path) -> Result<Self, Failure> {
        let real = directory.join(path).canonicalize().map_err(|error| {
            Failure::told(Exit::Input, format!("cannot enter the directory `{}`: {error}", path.display()))
        })?;
        let own = root_of(directory).ok().filter(|own| real.starts_with(own));
        // The folder of a file, and never the top of the disk.
        let folder = if real.is_dir() { &real } else { real.parent().unwrap_or(&real) };
        let repository = own.map_or_else(|| root_of(folder), Ok).map(|root| inside(&root)).unwrap_or_default();
        let base = repository.clone();
        Ok(Self { tree: Tree::directory("/"), directory: inside(&real), repository, base })
    }

    fn in_revision(directory: &Path, path: &Path, name: &str) -> Result<Self, Failure> {
        let start = directory.canonicalize().map_err(|error| {
            Failure::told(Exit::Usage, format!("cannot enter the directory `{}`: {error}", directory.display()))
        })?;
        let revision = Revision::open(&start, name).map_err(|error| match error {
            GitError::NoRepository(_) | GitError::NoRevision(_) => Failure::told(Exit::Usage, error.to_string()),
            GitError::NotYours(_) => Failure::told(Exit::Environment, error.to_string()),
            _ => Failure::told(Exit::Environment, format!("Git cannot be read: {error}")),
        })?;
        let top = revision.top.as_ref().and_then(|top| top.canonicalize().ok());
        let outside = || {
            let message = format!("`{}` lies outside of the repository", path.display());
            Failure::told(Exit::Usage, message).with_help("a revision holds what is below its top alone")
        };
        // The directory need not be there on disk: what stands in the revision counts.
        let full = match &top {
            Some(top) => {
                let full: PathBuf = if path.is_absolute() { path.to_owned() } else { start.join(path) };
                let full = normal("", &full.to_string_lossy()).ok_or_else(outside)?;
                let below = Path::new(&full).strip_prefix(inside(top)).map_err(|_| outside())?;
                below.to_string_lossy().into_owned()
            }
            // A repository without a work tree: paths start at the top.
            None => normal("", &path.to_string_lossy()).ok_or_else(outside)?,
        };
        let (tree, base) = (Tree::revision(revision), String::new());
        let place = Self { tree, directory: full, repository: String::new(), base };
        let found = place.tree.has_directory(&place.directory) || place.is_file();
        place.is_whole()?;
        if !found {
            let message = format!("the revision `{name}` has no directory `{}`", place.directory);
            return Err(Failure::told(Exit::Input, message));
        }
        Ok(place)
    }

    /// The same place in the repository around it, which begins at the nearest gitopsctl.yaml, else at the top of Git's: what
    /// Applications name, and what others refer to, may lie anywhere in it. `settings` has the files of the top of Git's
    /// repository in which that gitopsctl.yaml is looked for, where it is not this tree.
    pub(super) fn at_top(self, settings: Option<&Tree>) -> Self {
        let top = self.git_top();
        let mut folder = Some(self.directory.as_str());
        while let Some(here) = folder {
            let found = match (settings, &top) {
                (Some(tree), Some(top)) => {
                    below(here, top).is_some_and(|below| tree.has_file(&join(below, PLATFORM_FILE)))
                }
                _ => self.tree.has_file(&join(here, PLATFORM_FILE)),
            };
            if found {
                let root = here.to_owned();
                return self.rooted(root);
            }
            folder = match here.rsplit_once('/') {
                _ if here.is_empty() || top.as_deref() == Some(here) => None,
                Some((parent, _)) => Some(parent),
                None => Some(""),
            };
        }
        match top {
            Some(top) => self.rooted(top),
            None => self,
        }
    }

    /// The same place in a repository that begins at a directory of the tree.
    pub(super) fn rooted(mut self, root: String) -> Self {
        self.base.clone_from(&root);
        self.repository = root;
        self
    }

    /// The top of Git's repository, as a path in the tree.
    pub(super) fn git_top(&self) -> Option<String> {
        if self.tree.root().is_none() {
            return Some(String::new());
        }
        git::top(&Path::new("/").join(&self.directory)).map(inside)
    }

    /// The files from the top of the repository on.
    pub(super) fn home(&self) -> Tree {
        self.tree.below(&self.repository)
    }

    /// A session of builds in the tree.
    pub(super) fn session<'a>(&'a self, options: Options, program: &'a Program<'_>) -> Session<'a> {
        Session::new(&self.tree, &self.base, SourceMap::default(), options).with_helm(program.helm())
    }

    /// A path of the tree as people see it.
    pub(super) fn shown<'p>(&self, path: &'p str) -> &'p str {
        if path == self.base {
            return ".";
        }
        let below = path.strip_prefix(&*self.base).filter(|_| !self.base.is_empty());
        below.and_then(|below| below.strip_prefix('/')).unwrap_or(path)
    }

    /// Whether a file stands there, of which only some commands make something.
    pub(super) fn is_file(&self) -> bool {
        self.tree.has_file(&self.directory)
    }

    /// Fails where the object store of the revision could not give all that was asked of it.
    pub(super) fn is_whole(&self) -> Result<(), Failure> {
        match self.tree.fault() {
            None => Ok(()),
            Some(fault) => {
                let message = format!("the revision cannot be read: {fault}");
                Err(Failure::told(Exit::Environment, message)
                    .with_help("fetch what is missing, or repair the repository"))
            }
        }
    }
}
