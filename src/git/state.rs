//! Whether a file is as it was committed: what a release must not overwrite is seen before it begins.

use std::path::Path;

use crate::git::command::printed;
use crate::git::error::GitError;
use crate::git::store::Store;

/// What has become of a file since the commit that HEAD stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TargetState {
    /// It is as it was committed, by Git's filters and line endings; or it is ignored.
    Clean,
    /// It is as it was committed, and not in the work tree, since that shows a part of the repository alone.
    Absent,
    /// The index has another content of it, for the next commit.
    Staged,
    /// It was changed, or removed, in the work tree.
    Dirty,
    /// Git does not know it.
    Untracked,
    /// It was merged, and nobody has said how.
    Conflict,
    /// It, or a folder that it is in, is a symbolic link in the work tree.
    Link,
}

impl Store {
    /// The states of files in the work tree, in their order, by paths from its top. Where there is no work tree all are
    /// clean.
    pub fn target_states(&self, paths: &[&str]) -> Result<Vec<TargetState>, GitError> {
        let Some(top) = self.top() else { return Ok(vec![TargetState::Clean; paths.len()]) };
        for path in paths {
            check_path(path)?;
        }
        // Most are clean, and libgit2 sees that without a process; whatever it does not call clean is git's to say, which
        // knows every filter and every form of the index.
        let is_unclear = |path: &&str| link_in(top, path).is_none() && !self.is_surely_clean(top, path);
        let plain: Vec<&str> = paths.iter().copied().filter(is_unclear).collect();
        let mut told = Vec::new();
        if !plain.is_empty() {
            let status = [
                "status",
                "--porcelain=v1",
                "-z",
                "--untracked-files=all",
                "--no-renames",
                "--ignore-submodules=all",
                "--",
            ];
            let arguments: Vec<&str> = status.into_iter().chain(plain).collect();
            told = printed(self.home.git.read(&arguments, b"")?, "status", "")?;
        }
        let entries: Vec<(&[u8], &[u8])> =
            told.split(|byte| *byte == 0).filter_map(|entry| Some((entry.get(..2)?, entry.get(3..)?))).collect();
        let state = |path: &&str| {
            if link_in(top, path).is_some() {
                return TargetState::Link;
            }
            match entries.iter().find(|(_, name)| *name == path.as_bytes()) {
                Some((code, _)) => coded(code),
                None if top.join(path).exists() => TargetState::Clean,
                None => TargetState::Absent,
            }
        };
        Ok(paths.iter().map(state).collect())
    }

    fn is_surely_clean(&self, top: &Path, path: &str) -> bool {
        let is_current =
            || self.repository.status_file(Path::new(path)).is_ok_and(|status| status == git2::Status::CURRENT);
        !self.home.is_foreign && top.join(path).is_file() && is_current()
    }

    /// The state of one file.
    pub fn target_state(&self, path: &str) -> Result<TargetState, GitError> {
        let states = self.target_states(&[path])?;
        Ok(states.first().copied().unwrap_or(TargetState::Clean))
    }
}

/// The two letters of `git status`.
fn coded(code: &[u8]) -> TargetState {
    match code {
        b"??" => TargetState::Untracked,
        b"AA" | b"DD" | [b'U', _] | [_, b'U'] => TargetState::Conflict,
        [b' ', _] => TargetState::Dirty,
        _ => TargetState::Staged,
    }
}

/// Refuses a path that leads out of the repository or into Git's own folder, by whatever spelling.
pub(super) fn check_path(path: &str) -> Result<(), GitError> {
    let is_own = |name: &str| {
        // Windows drops dots and blanks at the end, and has short names.
        let name = name.trim_end_matches(['.', ' ']).to_ascii_lowercase();
        name == ".git" || name == "git~1" || name.starts_with(".git:")
    };
    let is_bad = |name: &str| matches!(name, "" | "." | "..") || name.contains(['\\', '\0']) || is_own(name);
    if path.split('/').any(is_bad) { Err(GitError::BadPath(path.to_owned())) } else { Ok(()) }
}

/// The part of a path that is a link in the work tree.
pub(super) fn link_in(top: &Path, path: &str) -> Option<String> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    let is_link = |part: &&str| top.join(part).symlink_metadata().is_ok_and(|kind| kind.file_type().is_symlink());
    ends.map(|end| &path[..end]).find(is_link).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_within_the_repository_and_out_of_gits_folder() {
        for path in ["", "/a", "a/", "a//b", "../a", "a/../b", ".git/config", "a/.GIT/x", "git~1/x", ".git. /x", "a\\b"]
        {
            assert!(matches!(check_path(path), Err(GitError::BadPath(_))), "{path:?}");
        }
        for path in ["a", "a/b.yaml", ".github/x", ".gitattributes", "a b/ü"] {
            assert!(check_path(path).is_ok(), "{path:?}");
        }
    }
}
