//! Runs the user's `git` in one repository, and tells its failures apart.
//!
//! Refs, the index and signatures are left to it: it knows every way to store refs, sparse and split indexes, hooks,
//! filters and the user's configuration.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::git::error::{Cause, GitError};
use crate::program::{Run, run};

/// What would make `git` look at another repository than the one it is run in, as `git rev-parse --local-env-vars` lists
/// them; and what would change the meaning of paths. Set where this runs in a hook.
const ELSEWHERE: &[&str] = &[
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GLOB_PATHSPECS",
    "GIT_GRAFT_FILE",
    "GIT_ICASE_PATHSPECS",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NOGLOB_PATHSPECS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
];

/// How a command ended.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub(super) code: Option<i32>,
    /// What it printed.
    pub(super) stdout: Vec<u8>,
    /// What it said, without credentials.
    pub(super) stderr: String,
}

/// The user's `git` in one repository.
#[derive(Clone, Debug)]
pub(super) struct Git {
    /// How the repository is named to it.
    place: Vec<OsString>,
    /// How long a lock of another process is waited for.
    pub(super) patience: Duration,
}

impl Git {
    /// In whatever repository is around a directory.
    pub(super) fn at(directory: &Path) -> Self {
        Self { place: vec!["-C".into(), directory.into()], patience: Duration::from_secs(3) }
    }

    /// In a repository without a work tree, whatever `safe.bareRepository` says: it was named by the user.
    pub(super) fn bare(folder: &Path) -> Self {
        let mut place = OsString::from("--git-dir=");
        place.push(folder);
        Self { place: vec![place], patience: Duration::from_secs(3) }
    }

    /// Runs a command that only reads: it takes no locks. Paths are literal and from the top.
    pub(super) fn read(&self, arguments: &[&str], input: &[u8]) -> Result<Ended, GitError> {
        self.run(arguments, input, &[("GIT_OPTIONAL_LOCKS", "0".into())])
    }

    /// Runs a command, with variables added to its environment.
    pub(super) fn run(&self, arguments: &[&str], input: &[u8], added: &[(&str, OsString)]) -> Result<Ended, GitError> {
        let mut all = self.place.clone();
        all.push("--literal-pathspecs".into());
        all.extend(arguments.iter().map(OsString::from));
        let mut variables: Vec<(&str, Option<OsString>)> = ELSEWHERE.iter().map(|name| (*name, None)).collect();
        variables.extend([("GIT_TERMINAL_PROMPT", Some("0".into())), ("LC_ALL", Some("C".into()))]);
        variables.extend(added.iter().map(|(name, value)| (*name, Some(value.clone()))));
        let input = Some(input).filter(|input| !input.is_empty());
        let (arguments, variables) = (&all[..], &variables[..]);
        let call = Run { program: "git", arguments, variables, directory: None, input, deadline: None };
        let ended = run(&call)?;
        let code = ended.status.and_then(|status| status.code());
        let stderr = without_secrets(&String::from_utf8_lossy(&ended.stderr));
        Ok(Ended { code, stdout: ended.stdout, stderr })
    }

    /// Runs a command that takes a lock, again and again while another process holds that.
    pub(super) fn patiently(
        &self,
        arguments: &[&str],
        input: &[u8],
        added: &[(&str, OsString)],
    ) -> Result<Ended, GitError> {
        let mut pause = Pause::new(self.patience);
        loop {
            let ended = self.run(arguments, input, added)?;
            match lock(&ended) {
                Some(_) if pause.wait() => {}
                Some(path) => return Err(GitError::Locked { path }),
                None => return Ok(ended),
            }
        }
    }
}

/// Waits a little longer each time, until the time is up.
pub(super) struct Pause {
    end: Instant,
    next: Duration,
}

impl Pause {
    pub(super) fn new(patience: Duration) -> Self {
        Self { end: Instant::now() + patience, next: Duration::from_millis(10) }
    }

    /// Whether there was time left to wait.
    pub(super) fn wait(&mut self) -> bool {
        let left = self.end.saturating_duration_since(Instant::now());
        std::thread::sleep(self.next.min(left));
        self.next = (self.next * 2).min(Duration::from_millis(200));
        !left.is_zero()
    }
}

/// The lock file that stood in the way of a command.
fn lock(ended: &Ended) -> Option<PathBuf> {
    if ended.code == Some(0) || !ended.stderr.contains("File exists") {
        return None;
    }
    let (_, rest) = ended.stderr.split_once("Unable to create '")?;
    rest.split_once('\'')
        .map(|(path, _)| PathBuf::from(path))
        .filter(|path| path.extension().is_some_and(|it| it == "lock"))
}

/// What a command printed, or what its failure means for the user; `what` would have been written by it.
pub(super) fn printed(ended: Ended, command: &str, what: &str) -> Result<Vec<u8>, GitError> {
    if ended.code == Some(0) {
        return Ok(ended.stdout);
    }
    Err(match Cause::told(&ended.stderr) {
        Some(cause) if !what.is_empty() => GitError::NotWritten { what: what.to_owned(), cause },
        _ => GitError::Failed { command: command.to_owned(), said: ended.stderr.trim().to_owned() },
    })
}

/// A text without the user names and passwords of the URLs in it.
fn without_secrets(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        clean.push_str(before);
        let end =
            after.find(|char: char| char.is_whitespace() || matches!(char, '/' | '\'' | '"')).unwrap_or(after.len());
        rest = after[..end].rfind('@').map_or(after, |at| &after[at + 1..]);
    }
    clean.push_str(rest);
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_git_says_has_no_secrets() {
        assert_eq!(
            without_secrets("fatal: unable to access 'https://ci:t0k@n@git.example.com/a.git/': no 'ssh://git@h/x'"),
            "fatal: unable to access 'https://git.example.com/a.git/': no 'ssh://h/x'"
        );
        assert_eq!(without_secrets("a://b c@d"), "a://b c@d");
    }

    #[test]
    fn locks_are_told_from_other_failures() {
        let ended = |stderr: &str| Ended { code: Some(128), stdout: Vec::new(), stderr: stderr.to_owned() };
        let index =
            "fatal: Unable to create '/r/.git/index.lock': File exists.\n\nAnother git process seems to be running";
        assert_eq!(lock(&ended(index)), Some("/r/.git/index.lock".into()));
        let other = "fatal: Unable to create '/r/.git/index.lock': Permission denied";
        assert_eq!(lock(&ended(other)), None);
        let error = printed(ended(other), "update-index", "the index");
        assert!(matches!(error, Err(GitError::NotWritten { cause: Cause::Denied, .. })), "{error:?}");
    }
}
