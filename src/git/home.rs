//! Where a repository is, and how its objects are reached: by libgit2 itself where that opens the repository, else by
//! libgit2 over the bare object store, with names resolved by the user's `git` (refs kept in a table, extensions that
//! libgit2 does not know).

use std::path::{Path, PathBuf};
use std::sync::Once;

use git2::{ErrorCode, Odb, Oid, Repository};

use crate::git::command::{Git, printed};
use crate::git::error::GitError;

/// A repository that was found.
#[derive(Clone, Debug)]
pub(super) struct Home {
    /// The folder of this work tree's HEAD and index.
    pub(super) git_dir: PathBuf,
    /// The folder of what all work trees share: objects, branches.
    pub(super) common_dir: PathBuf,
    /// The top of the work tree; `None` in a bare repository.
    pub(super) top: Option<PathBuf>,
    /// libgit2 does not open it.
    pub(super) is_foreign: bool,
    /// The user's `git`, in it.
    pub(super) git: Git,
}

impl Home {
    /// The repository around a directory, and a first handle on it.
    pub(super) fn find(directory: &Path) -> Result<(Self, Repository), GitError> {
        // libgit2 hashes each object that it reads, which is most of the time of a walk among 1,000 services. Git itself
        // leaves that to `git fsck`. It also keeps objects, which nobody here asks for twice. Both switches are of the whole
        // process: there is none of a repository.
        static FAST: Once = Once::new();
        FAST.call_once(|| {
            git2::opts::strict_hash_verification(false);
            git2::opts::enable_caching(false);
        });
        match Repository::discover(directory) {
            Ok(repository) => {
                let top = repository.workdir().map(Path::to_owned);
                let git_dir = repository.path().to_owned();
                let common_dir = repository.commondir().to_owned();
                let git = top.as_deref().map_or_else(|| Git::bare(&git_dir), Git::at);
                Ok((Self { git_dir, common_dir, top, is_foreign: false, git }, repository))
            }
            Err(error) => match error.code() {
                ErrorCode::NotFound => Err(GitError::NoRepository(directory.to_owned())),
                ErrorCode::Owner => Err(GitError::NotYours(directory.to_owned())),
                _ => Self::foreign(directory, error),
            },
        }
    }

    /// What libgit2 refused to open, as the user's `git` sees it.
    fn foreign(directory: &Path, refused: git2::Error) -> Result<(Self, Repository), GitError> {
        let git = Git::at(directory);
        let facts = [
            "rev-parse",
            "--path-format=absolute",
            "--git-dir",
            "--git-common-dir",
            "--is-inside-work-tree",
            "--show-object-format",
        ];
        let ended = git.read(&facts, b"")?;
        if ended.stderr.contains("dubious ownership") {
            return Err(GitError::NotYours(directory.to_owned()));
        }
        let text = printed(ended, "rev-parse", "").ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.unwrap_or_default();
        let mut lines = text.lines();
        let (Some(git_dir), Some(common_dir), Some(is_inside), Some(format)) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(GitError::Git(refused));
        };
        if format != "sha1" {
            return Err(GitError::ObjectFormat(format.to_owned()));
        }
        let top = if is_inside == "true" {
            let bytes = printed(git.read(&["rev-parse", "--show-toplevel"], b"")?, "rev-parse", "")?;
            Some(PathBuf::from(String::from_utf8_lossy(&bytes).trim_end_matches('\n')))
        } else {
            None
        };
        let git_dir = PathBuf::from(git_dir);
        let git = top.as_deref().map_or_else(|| Git::bare(&git_dir), Git::at);
        let home = Self { git_dir, common_dir: common_dir.into(), top, is_foreign: true, git };
        let repository = home.handle()?;
        Ok((home, repository))
    }

    /// A further handle: one serves one thread at a time.
    pub(super) fn handle(&self) -> Result<Repository, git2::Error> {
        if self.is_foreign { Repository::from_odb(self.store()?) } else { Repository::open(&self.git_dir) }
    }

    /// The objects alone. They are written into memory, for `git` to take them from there.
    fn store(&self) -> Result<Odb<'static>, git2::Error> {
        let store = Odb::new()?;
        let objects = self.common_dir.join("objects");
        let objects = objects.to_str().ok_or_else(|| git2::Error::from_str("the repository's path is not UTF-8"))?;
        store.add_disk_alternate(objects)?;
        Ok(store)
    }

    /// A handle whose new objects stay in memory, for `git` to store them.
    pub(super) fn handle_in_memory(&self) -> Result<Repository, git2::Error> {
        let store = self.store()?;
        store.add_new_mempack_backend(1000)?;
        Repository::from_odb(store)
    }

    /// Whether objects must be stored by `git`, since libgit2 does not open the repository or would give them permissions
    /// that lock out those whom the repository is shared with.
    pub(super) fn stores_by_git(&self, repository: &Repository) -> bool {
        let shared =
            |value: String| !matches!(&*value.to_ascii_lowercase(), "" | "umask" | "false" | "no" | "off" | "0");
        let is_shared =
            || repository.config().and_then(|config| config.get_string("core.sharedRepository")).map(shared);
        self.is_foreign || is_shared().unwrap_or(false)
    }

    /// The commit that a name stands for; `None` where there is none.
    pub(super) fn resolve(&self, repository: &Repository, name: &str) -> Result<Option<Oid>, GitError> {
        if !self.is_foreign {
            let found = repository.revparse_single(name).and_then(|object| object.peel_to_commit());
            return Ok(found.ok().map(|commit| commit.id()));
        }
        if name.contains(['\0', '\n']) {
            return Ok(None);
        }
        let name = format!("{name}^{{commit}}");
        let ended = self.git.read(&["rev-parse", "--verify", "--quiet", "--end-of-options", &name], b"")?;
        Ok((ended.code == Some(0)).then(|| Oid::from_str(String::from_utf8_lossy(&ended.stdout).trim()).ok()).flatten())
    }
}
