//! What Git and servers refuse, as the refusal of a release: its class, its code, and what to do about it.

use crate::git::{GitError, RemoteError, Trouble};
use crate::release::{Class, Refusal, codes};

/// What the local repository refused.
pub fn of_git(error: &GitError) -> Refusal {
    let (class, code) = match error {
        GitError::NoRepository(_) | GitError::NoRevision(_) | GitError::BadIdentity(_) => (Class::Usage, &codes::GIT),
        GitError::BadBranch(_) => (Class::Usage, &codes::BRANCH),
        GitError::NoIdentity { .. } => (Class::Environment, &codes::NO_IDENTITY),
        GitError::NotSigned { .. } => (Class::Environment, &codes::SIGNING),
        GitError::Locked { .. } => (Class::Environment, &codes::LOCKED),
        GitError::NotWritten { .. } => (Class::Environment, &codes::NOT_WRITTEN),
        GitError::Link { .. } | GitError::NotAFile { .. } | GitError::Changed { .. } => {
            (Class::Environment, &codes::DIRTY)
        }
        _ => (Class::Environment, &codes::GIT),
    };
    let refusal = Refusal::new(class, code, error.to_string());
    match error {
        GitError::NoIdentity { .. } => refusal
            .help("`git config user.name NAME` and `git config user.email MAIL`, or --author \"NAME <MAIL>\"")
            .help("in CI: GIT_AUTHOR_NAME, GIT_AUTHOR_EMAIL, GIT_COMMITTER_NAME, GIT_COMMITTER_EMAIL"),
        // Older versions of Git keep to themselves what the program said that signs.
        GitError::NotSigned { .. } => refusal
            .help("`git config --get-regexp '^(gpg|user.signingkey)'` shows the key and the program; nobody is asked for a passphrase")
            .help("`git -c commit.gpgsign=true commit --allow-empty` fails in the same way"),
        _ => refusal,
    }
}

/// What the server refused.
pub fn of_remote(error: &RemoteError) -> Refusal {
    let (code, help) = match error.trouble {
        Trouble::Hook | Trouble::OwnHook | Trouble::Refused => (&codes::HOOK, None),
        Trouble::Protected => (&codes::PROTECTED, Some("release by merge request: --merge-request")),
        Trouble::Credentials => (&codes::CREDENTIALS, None),
        Trouble::HostKey => (&codes::HOST_KEY, None),
        Trouble::Unreachable | Trouble::Broken | Trouble::Server => (&codes::UNREACHABLE, None),
        Trouble::NoRepository | Trouble::NoRemote | Trouble::Address => (&codes::NO_REMOTE, None),
        Trouble::NoBranch | Trouble::Name => (&codes::BRANCH, None),
        Trouble::Shallow => (&codes::SHALLOW, Some("`git fetch --unshallow`")),
        Trouble::Deadline => (&codes::DEADLINE, None),
        Trouble::ReadOnly | Trouble::DiskFull => (&codes::NOT_WRITTEN, None),
        _ => (&codes::GIT, None),
    };
    let class = match error.trouble {
        Trouble::Address | Trouble::Name | Trouble::NoRemote => Class::Usage,
        _ => Class::Environment,
    };
    let refusal = Refusal::new(class, code, error.to_string());
    match help {
        Some(help) => refusal.help(help),
        None => refusal,
    }
}
