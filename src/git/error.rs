//! What Git, or the disk below it, answers instead of what was asked, told apart as far as a user can act on it.

use std::path::PathBuf;

use crate::git::Kind;
use crate::program::ProgramError;

/// What Git answered instead of what was asked of it. Until a branch has moved, an error means that nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// The directory belongs to no repository.
    #[error("`{}` is in no Git repository", .0.display())]
    NoRepository(PathBuf),
    /// The repository belongs to another user, and Git does not read it then.
    #[error("the repository around `{}` belongs to another user: `git config --global --add safe.directory …` allows it", .0.display())]
    NotYours(PathBuf),
    /// The repository is of a kind that is not read here.
    #[error("the repository names its objects by {0}, which is not supported: only SHA-1 is")]
    ObjectFormat(String),
    /// No commit has that name.
    #[error("the repository has no revision `{0}`")]
    NoRevision(String),
    /// An object is not there, nor can it be had from where the repository was cloned.
    #[error("the object {id} is missing, and could not be fetched: {said}")]
    Missing {
        /// The object's hash.
        id: String,
        /// Why, in Git's words, without credentials.
        said: String,
    },
    /// Nobody is named as the one who commits, and a guess from the host's name would be wrong for good.
    #[error("Git knows no {role}: neither flags, nor the environment, nor its configuration name one")]
    NoIdentity {
        /// `author` or `committer`.
        role: &'static str,
    },
    /// What should be a name and a mail address.
    #[error("`{0}` is no identity: `Name <mail>` is one")]
    BadIdentity(String),
    /// What should be the name of a branch, in full.
    #[error("`{0}` is not the full name of a branch, such as `refs/heads/main`")]
    BadBranch(String),
    /// A path that leads out of the repository or into its own folder.
    #[error("`{0}` is no path of a file in the repository")]
    BadPath(String),
    /// A file cannot take the place of what is there.
    #[error("`{path}` is {} in the commit, not a file", named(*.kind))]
    NotAFile {
        /// From the top of the repository.
        path: String,
        /// What it is.
        kind: Kind,
    },
    /// A link would lead a write elsewhere.
    #[error("will not write `{path}`: `{link}` is a symbolic link")]
    Link {
        /// From the top of the repository.
        path: String,
        /// The part of it that is a link.
        link: String,
    },
    /// Somebody else wrote the file meanwhile.
    #[error("will not write `{path}`: it changed while this ran; nothing was changed")]
    Changed {
        /// From the top of the repository.
        path: String,
    },
    /// The branch is what another work tree shows, which would then seem to undo the commit.
    #[error("`{branch}` is checked out in the work tree of `{}`: run there", .place.display())]
    CheckedOut {
        /// In full.
        branch: String,
        /// That work tree's folder in the repository.
        place: PathBuf,
    },
    /// A lock file that did not go away.
    #[error("`{}` is there: another Git process works in this repository, or one was killed; if none runs, remove that file", .path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A hook of the repository refused a ref's new value.
    #[error("a hook of the repository refused to move `{branch}`{}; nothing was changed", after_colon(.said))]
    Hook {
        /// In full.
        branch: String,
        /// What it said.
        said: String,
    },
    /// The disk takes no more, or is not to be written.
    #[error("cannot write {what}: {cause}; nothing was changed")]
    NotWritten {
        /// What should have been written.
        what: String,
        /// Why not.
        cause: Cause,
    },
    /// The commit was to be signed, and is not.
    #[error("the commit could not be signed{}; nothing was changed", after_colon(.said))]
    NotSigned {
        /// What Git or the signing program said.
        said: String,
    },
    /// The user's Git failed at something else.
    #[error("`git {command}` failed{}", after_colon(.said))]
    Failed {
        /// Its command, without arguments.
        command: String,
        /// What it said, without credentials.
        said: String,
    },
    /// The user's Git is missing or broken.
    #[error("{0}")]
    Program(#[from] ProgramError),
    /// Anything else, in libgit2's words.
    #[error("{}", .0.message())]
    Git(#[from] git2::Error),
}

/// Why the disk did not take what was to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// No space, or no quota, is left.
    Full,
    /// A limit of the process or the file system for the size of files is reached (`ulimit -f`).
    TooLarge,
    /// The file system is mounted for reading alone.
    ReadOnly,
    /// The permissions say no.
    Denied,
    /// Anything else, in the operating system's words.
    Other(String),
}

impl std::fmt::Display for Cause {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Full => "the disk is full",
            Self::TooLarge => "a limit for the size of files is reached (`ulimit -f`)",
            Self::ReadOnly => "the file system is read-only",
            Self::Denied => "permission denied",
            Self::Other(said) => said,
        })
    }
}

impl Cause {
    /// The cause that libgit2 and git name in the words of the C library.
    pub(super) fn told(said: &str) -> Option<Self> {
        let causes = [
            ("No space left on device", Self::Full),
            ("Disk quota exceeded", Self::Full),
            ("File too large", Self::TooLarge),
            ("Read-only file system", Self::ReadOnly),
            ("Permission denied", Self::Denied),
            ("Operation not permitted", Self::Denied),
            ("insufficient permission", Self::Denied),
        ];
        causes.into_iter().find(|(text, _)| said.contains(text)).map(|(_, cause)| cause)
    }

    /// The cause behind an error of the operating system.
    pub(super) fn of(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::Full,
            std::io::ErrorKind::FileTooLarge => Self::TooLarge,
            std::io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly,
            std::io::ErrorKind::PermissionDenied => Self::Denied,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl GitError {
    /// What the operating system did not let be written.
    pub(super) fn not_written(what: impl Into<String>, error: &std::io::Error) -> Self {
        Self::NotWritten { what: what.into(), cause: Cause::of(error) }
    }

    /// What libgit2 could not write.
    pub(super) fn unwritten(what: &str, error: git2::Error) -> Self {
        match Cause::told(error.message()) {
            Some(cause) => Self::NotWritten { what: what.to_owned(), cause },
            None => Self::Git(error),
        }
    }
}

fn named(kind: Kind) -> &'static str {
    match kind {
        Kind::File => "a file",
        Kind::Directory => "a directory",
        Kind::Link => "a symbolic link",
        Kind::Other => "a submodule",
    }
}

fn after_colon(said: &str) -> String {
    match said.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}
