//! The one door to Git: where the repository is, where it comes from, and the files of its commits. The only module that
//! names git2; what needs a network, a signature or a repository that libgit2 cannot read is done by the user's `git`.
//!
//! In: a directory, the name of a revision. Out: facts of the repository around it, files from the object store. Knows no
//! manifests.

mod revision;
mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Repository};

pub use revision::Revision;
pub use walk::{BlobId, CommitInfo, End, Found, History, Signature, Touch};

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
