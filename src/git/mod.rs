//! The one door to Git: where the repository is, where it comes from, and the files of its commits. The only module that
//! names git2; what needs a network, a signature or a repository that libgit2 cannot read is done by the user's `git`.
//!
//! In: a directory, the name of a revision. Out: facts of the repository around it, files from the object store. Knows no
//! manifests.

mod answer;
mod command;
mod commit;
mod error;
mod home;
mod identity;
mod journal;
mod land;
mod listing;
mod missing;
mod pause;
mod remote;
mod revision;
mod state;
mod store;
mod url;
mod walk;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

pub use answer::{RemoteError, Trouble};
pub use commit::Sign;
pub use error::{Cause, GitError};
pub use identity::{Asked, Identities, Identity};
pub use journal::{Outcome, Recovered};
pub use land::{Landed, LandedFile, Landing, Unfinished};
pub use pause::{pause, random};
pub use remote::{Fetch, Pushed, Reach, Remote};
pub use revision::Revision;
pub use state::TargetState;
pub use store::{Head, Store};
pub use url::is_branch_name;
pub use walk::{BlobId, CommitInfo, End, Found, History, Signature, Touch};

use command::printed;
use home::Home;

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
    let (home, repository) = Home::find(directory).ok()?;
    let root = home.top.clone()?;
    if home.is_foreign {
        let said = |arguments: &[&str]| {
            let bytes = printed(home.git.read(arguments, b"").ok()?, arguments[0], "").ok()?;
            String::from_utf8(bytes).ok().map(|text| text.trim().to_owned())
        };
        let origin = said(&["config", "--get", "remote.origin.url"]).map(|url| without_credentials(&url));
        let head = said(&["symbolic-ref", "--quiet", "HEAD"]);
        let branch = head.and_then(|name| name.strip_prefix("refs/heads/").map(str::to_owned));
        return Some(Facts { root, origin, branch });
    }
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

/// What changed between the merge base of a revision with another, and that other: the work tree with its untracked files
/// where `until` is `None`, which is based on HEAD.
pub fn changes(directory: &Path, since: &str, until: Option<&str>) -> Result<Changes, GitError> {
    let (home, repository) = Home::find(directory)?;
    let commit = |name: &str| {
        let found = home.resolve(&repository, name)?;
        found.ok_or_else(|| GitError::NoRevision(name.to_owned()))
    };
    let since = commit(since)?;
    let head = commit(until.unwrap_or("HEAD"))?;
    // Histories without a common commit, as in a shallow clone, are compared as they are.
    let base = repository.merge_base(since, head).unwrap_or(since);
    if home.is_foreign && until.is_none() {
        return changes_of_foreign(&home, base.to_string());
    }
    let old = repository.find_commit(base)?.tree()?;
    let mut options = git2::DiffOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).include_typechange(true);
    let diff = match until {
        Some(_) => {
            let new = repository.find_commit(head)?.tree()?;
            repository.diff_tree_to_tree(Some(&old), Some(&new), Some(&mut options))?
        }
        None => repository.diff_tree_to_workdir_with_index(Some(&old), Some(&mut options))?,
    };
    let sides = diff.deltas().flat_map(|delta| {
        let path = |file: git2::DiffFile<'_>| file.path().and_then(Path::to_str).map(str::to_owned);
        [path(delta.old_file()), path(delta.new_file())]
    });
    let paths = sides.flatten().map(|path| path.replace('\\', "/")).collect();
    Ok(Changes { base: base.to_string(), paths })
}

/// The same where libgit2 knows no work tree.
fn changes_of_foreign(home: &Home, base: String) -> Result<Changes, GitError> {
    let differing = ["diff-index", "--name-only", "-z", "--no-renames", &base, "--"];
    let untracked = ["ls-files", "-z", "--others", "--exclude-standard", "--full-name"];
    let mut paths = BTreeSet::new();
    for arguments in [&differing[..], &untracked[..]] {
        let bytes = printed(home.git.read(arguments, b"")?, arguments[0], "")?;
        let names = bytes.split(|byte| *byte == 0).filter(|name| !name.is_empty());
        paths.extend(names.filter_map(|name| std::str::from_utf8(name).ok().map(str::to_owned)));
    }
    Ok(Changes { base, paths })
}

/// Whether one commit of a repository comes before another, on any way to it; `None` where either is not there.
pub fn is_before(directory: &Path, commit: &str, other: &str) -> Option<bool> {
    let (_, repository) = Home::find(directory).ok()?;
    let id = |name: &str| Some(repository.revparse_single(name).ok()?.peel_to_commit().ok()?.id());
    let (own, other) = (id(commit)?, id(other)?);
    Some(own != other && repository.graph_descendant_of(other, own).ok()?)
}

/// The branch that merge requests go to, by its usual names; `None` where there is none of them.
pub fn default_branch(directory: &Path) -> Option<String> {
    let (home, repository) = Home::find(directory).ok()?;
    let known = ["refs/remotes/origin/main", "refs/remotes/origin/master", "refs/heads/main", "refs/heads/master"];
    if home.is_foreign {
        let mut names = std::iter::once("refs/remotes/origin/HEAD").chain(known);
        return names.find(|name| home.resolve(&repository, name).is_ok_and(|it| it.is_some())).map(str::to_owned);
    }
    let head = repository.find_reference("refs/remotes/origin/HEAD").ok();
    let named = head.and_then(|head| head.symbolic_target().ok().flatten().map(str::to_owned));
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
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').filter(|_| scheme.starts_with("http")).map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}/{path}")
}

#[cfg(test)]
mod tests {
    use git2::Repository;

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
