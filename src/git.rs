//! The one door to Git: where the repository is, where it comes from. The only module that names git2.
//!
//! In: a directory. Out: facts of the repository around it. Knows no manifests.

use std::path::{Path, PathBuf};

use git2::Repository;

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
