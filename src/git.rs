//! The one door to Git: where the repository is, where it comes from, and the files of its commits. The only module that
//! names git2.
//!
//! In: a directory, the name of a revision. Out: facts of the repository around it, files from the object store. Knows no
//! manifests.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use git2::{ErrorCode, ObjectType, Oid, Repository};

/// What a repository says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The top of the work tree.
    pub root: PathBuf,
    /// The URL of the remote `origin`, without user name and password.
    pub origin: Option<String>,
    /// The branch that is checked out; none when HEAD is detached.
    pub branch: Option<String>,
}

/// The repository around a directory; `None` outside of any, or when it has no work tree.
pub fn facts(directory: &Path) -> Option<Facts> {
    let repository = Repository::discover(directory).ok()?;
    let root = repository.workdir()?.to_owned();
    let origin = repository.find_remote("origin").ok().and_then(|remote| remote.url().ok().map(without_credentials));
    // HEAD of a repository without commits names a branch that does not exist yet.
    let head = repository.find_reference("HEAD").ok();
    let target = head.as_ref().and_then(|head| head.symbolic_target().ok().flatten());
    let branch = target.and_then(|name| name.strip_prefix("refs/heads/")).map(str::to_owned);
    Some(Facts { root, origin, branch })
}

/// The top of the work tree around a directory, told by its `.git` alone: for finding files, where opening the repository
/// would take longer than reading them.
pub fn top(directory: &Path) -> Option<&Path> {
    directory.ancestors().find(|folder| folder.join(".git").exists())
}

/// What Git answered instead of what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The directory belongs to no repository.
    #[error("`{}` is in no Git repository", .0.display())]
    NoRepository(PathBuf),
    /// The repository belongs to another user, and Git does not read it then.
    #[error("the repository around `{}` belongs to another user: `git config --global --add safe.directory …` allows it", .0.display())]
    NotYours(PathBuf),
    /// No commit has that name.
    #[error("the repository has no revision `{0}`")]
    NoRevision(String),
    /// Anything else, in libgit2's words.
    #[error("{}", .0.message())]
    Git(#[from] git2::Error),
}

/// What a name in a directory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A submodule, a pipe, a device.
    Other,
}

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

/// What changed since a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// The commit that it is held against: the merge base, where there is one.
    pub base: String,
    /// The paths that were added, changed or removed, from the top of the repository.
    pub paths: BTreeSet<String>,
}

fn discover(directory: &Path) -> Result<Repository, GitError> {
    Repository::discover(directory).map_err(|error| match error.code() {
        ErrorCode::NotFound => GitError::NoRepository(directory.to_owned()),
        ErrorCode::Owner => GitError::NotYours(directory.to_owned()),
        _ => GitError::Git(error),
    })
}

fn commit<'r>(repository: &'r Repository, name: &str) -> Result<git2::Commit<'r>, GitError> {
    let no_revision = |_| GitError::NoRevision(name.to_owned());
    repository.revparse_single(name).map_err(no_revision)?.peel_to_commit().map_err(no_revision)
}

/// What changed between the merge base of a revision with another, and that other: the work tree with its untracked files
/// where `until` is `None`, which is based on HEAD.
pub fn changes(directory: &Path, since: &str, until: Option<&str>) -> Result<Changes, GitError> {
    let repository = discover(directory)?;
    let since = commit(&repository, since)?;
    let head = commit(&repository, until.unwrap_or("HEAD"))?;
    // Histories without a common commit, as in a shallow clone, are compared as they are.
    let base = repository.merge_base(since.id(), head.id()).unwrap_or(since.id());
    let old = repository.find_commit(base)?.tree()?;
    let mut options = git2::DiffOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).include_typechange(true);
    let diff = match until {
        Some(_) => repository.diff_tree_to_tree(Some(&old), Some(&head.tree()?), Some(&mut options))?,
        None => repository.diff_tree_to_workdir_with_index(Some(&old), Some(&mut options))?,
    };
    let sides = diff.deltas().flat_map(|delta| {
        let path = |file: git2::DiffFile<'_>| file.path().and_then(Path::to_str).map(str::to_owned);
        [path(delta.old_file()), path(delta.new_file())]
    });
    let paths = sides.flatten().map(|path| path.replace('\\', "/")).collect();
    Ok(Changes { base: base.to_string(), paths })
}

/// The branch that merge requests go to, by its usual names; `None` where there is none of them.
pub fn default_branch(directory: &Path) -> Option<String> {
    let repository = discover(directory).ok()?;
    let head = repository.find_reference("refs/remotes/origin/HEAD").ok();
    let named = head.and_then(|head| head.symbolic_target().ok().flatten().map(str::to_owned));
    let known = ["refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master"];
    let mut names = named.into_iter().chain(known.into_iter().map(str::to_owned));
    names.find(|name| repository.find_reference(name).is_ok())
}

/// The kind behind Git's file mode.
fn kind(mode: i32) -> Kind {
    match mode & 0o170_000 {
        0o100_000 => Kind::File,
        0o040_000 => Kind::Directory,
        0o120_000 => Kind::Link,
        _ => Kind::Other,
    }
}

/// `https://user:token@host/x` → `https://host/x`. What looks like `git@host:x` names no secret and stays.
fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').filter(|_| scheme.starts_with("http")).map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_do_not_get_out() {
        assert_eq!(without_credentials("https://me:token@git.example.com/a/b.git"), "https://git.example.com/a/b.git");
        assert_eq!(without_credentials("git@git.example.com:a/b.git"), "git@git.example.com:a/b.git");
        assert_eq!(without_credentials("ssh://git@git.example.com/a"), "ssh://git@git.example.com/a");
    }

    #[test]
    fn a_new_repository_has_a_branch_and_no_origin() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let mut options = git2::RepositoryInitOptions::new();
        Repository::init_opts(folder.path(), options.initial_head("main"))?;
        std::fs::create_dir(folder.path().join("a"))?;
        let facts = facts(&folder.path().join("a")).ok_or("no repository")?;
        assert_eq!(facts.root.canonicalize()?, folder.path().canonicalize()?);
        assert_eq!((facts.origin, facts.branch.as_deref()), (None, Some("main")));
        Ok(())
    }
}
