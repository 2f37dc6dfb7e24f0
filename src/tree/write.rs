//! Writes a set of changes: every new text lies on the disk before the first file is replaced, each file is replaced in
//! one step, and a failure half-way puts back what was replaced.

use std::collections::HashSet;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::{Builder, NamedTempFile};

/// What becomes of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Relative to the root, with `/`.
    pub path: String,
    /// Its text now; `None`: it is not there.
    pub before: Option<Arc<str>>,
    /// Its text to be; `None`: it is removed.
    pub after: Option<Arc<str>>,
}

/// Why a change was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The operating system refused.
    #[error("cannot write `{path}`: {error}")]
    Io {
        /// The file, relative to the root.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// A link would lead the write elsewhere.
    #[error("will not write `{path}`: `{link}` is a symbolic link")]
    Link {
        /// The file, relative to the root.
        path: String,
        /// The part of it that is a link.
        link: String,
    },
    /// Someone else wrote the file meanwhile.
    #[error("will not write `{path}`: it changed while this ran; run again")]
    Changed {
        /// The file, relative to the root.
        path: String,
    },
}

/// Applies all of the changes below a root, or none.
pub fn write(root: &Path, changes: &[Change]) -> Result<(), WriteError> {
    let io = |path: &str| {
        let path = path.to_owned();
        move |error| WriteError::Io { path, error }
    };
    let mut staged = Vec::with_capacity(changes.len());
    let mut ready = HashSet::new();
    for change in changes {
        refuse_links(root, &change.path)?;
        let target = root.join(&change.path);
        refuse_foreign_text(&target, change)?;
        let Some(after) = &change.after else { continue };
        let folder = target.parent().unwrap_or(root).to_owned();
        if ready.insert(folder.clone()) {
            fs::create_dir_all(&folder).map_err(io(&change.path))?;
        }
        staged.push((change, stage(&folder, &target, after).map_err(io(&change.path))?, target));
    }
    let mut done: Vec<(&Change, PathBuf)> = Vec::with_capacity(changes.len());
    for (change, file, target) in staged {
        if let Err(error) = file.persist(&target) {
            put_back(&done);
            return Err(io(&change.path)(error.error));
        }
        done.push((change, target));
    }
    for change in changes.iter().filter(|change| change.after.is_none()) {
        let target = root.join(&change.path);
        if let Err(error) = fs::remove_file(&target) {
            if error.kind() == ErrorKind::NotFound {
                continue;
            }
            put_back(&done);
            return Err(io(&change.path)(error));
        }
        done.push((change, target));
    }
    for change in changes.iter().filter(|change| change.after.is_none()) {
        remove_empty_folders(root, &change.path);
    }
    Ok(())
}

/// A temporary file beside the target, with the target's mode, or a new file's.
fn stage(folder: &Path, target: &Path, text: &str) -> std::io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(".gitopsctl-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666)); // less the umask, as any new file
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    if let Ok(present) = fs::metadata(target) {
        file.as_file().set_permissions(present.permissions())?;
    }
    Ok(file)
}

/// A link anywhere on the way could lead out of the repository.
fn refuse_links(root: &Path, path: &str) -> Result<(), WriteError> {
    let mut so_far = root.to_owned();
    for part in path.split('/') {
        so_far.push(part);
        match fs::symlink_metadata(&so_far) {
            Ok(kind) if kind.file_type().is_symlink() => {
                let link = so_far.strip_prefix(root).unwrap_or(&so_far).to_string_lossy().into_owned();
                return Err(WriteError::Link { path: path.to_owned(), link });
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    Ok(())
}

/// The plan was made from a text that must still be there.
fn refuse_foreign_text(target: &Path, change: &Change) -> Result<(), WriteError> {
    let present = match fs::read(target) {
        Ok(bytes) => Some(bytes),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => None,
        Err(error) => return Err(WriteError::Io { path: change.path.clone(), error }),
    };
    if present.as_deref() == change.before.as_ref().map(|text| text.as_bytes()) {
        Ok(())
    } else {
        Err(WriteError::Changed { path: change.path.clone() })
    }
}

/// Best effort: the disk that refused a write may refuse this too, and the first error is the one to report.
fn put_back(done: &[(&Change, PathBuf)]) {
    for (change, target) in done.iter().rev() {
        let _ = match &change.before {
            Some(before) => fs::write(target, before.as_bytes()),
            None => fs::remove_file(target),
        };
    }
}

fn remove_empty_folders(root: &Path, path: &str) {
    let mut folder = root.join(path);
    while folder.pop() && folder != root {
        if fs::remove_dir(&folder).is_err() {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &str, before: Option<&str>, after: Option<&str>) -> Change {
        Change { path: path.to_owned(), before: before.map(Into::into), after: after.map(Into::into) }
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn all_changes_are_written_and_emptied_folders_go() -> Result<(), Box<dyn std::error::Error>> {
        let folder = folder();
        write(folder.path(), &[change("a/b/x", None, Some("1")), change("y", None, Some("2"))])?;
        assert_eq!(fs::read_to_string(folder.path().join("a/b/x"))?, "1");
        write(folder.path(), &[change("a/b/x", Some("1"), None), change("y", Some("2"), Some("3"))])?;
        assert!(!folder.path().join("a").exists());
        assert_eq!(fs::read_to_string(folder.path().join("y"))?, "3");
        Ok(())
    }

    #[test]
    fn a_failure_leaves_everything_as_it_was() -> Result<(), Box<dyn std::error::Error>> {
        let folder = folder();
        fs::write(folder.path().join("x"), "1")?;
        fs::create_dir(folder.path().join("y"))?;
        // `y` is a directory: its replacement fails after `x` was replaced, unless it is noticed before.
        assert!(write(folder.path(), &[change("x", Some("1"), Some("2")), change("y", None, Some("2"))]).is_err());
        assert_eq!(fs::read_to_string(folder.path().join("x"))?, "1");
        assert_eq!(fs::read_dir(folder.path())?.count(), 2);
        Ok(())
    }

    #[test]
    fn text_that_someone_else_wrote_is_not_overwritten() -> Result<(), Box<dyn std::error::Error>> {
        let folder = folder();
        fs::write(folder.path().join("x"), "other")?;
        let result = write(folder.path(), &[change("x", Some("1"), Some("2"))]);
        assert!(matches!(result, Err(WriteError::Changed { .. })));
        assert_eq!(fs::read_to_string(folder.path().join("x"))?, "other");
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() -> Result<(), Box<dyn std::error::Error>> {
        let (folder, outside) = (folder(), folder());
        std::os::unix::fs::symlink(outside.path(), folder.path().join("a"))?;
        let result = write(folder.path(), &[change("a/x", None, Some("1"))]);
        assert!(matches!(result, Err(WriteError::Link { .. })));
        assert_eq!(fs::read_dir(outside.path())?.count(), 0);
        Ok(())
    }

    #[cfg(unix)]
    #[test]
    fn the_mode_of_a_file_stays() -> Result<(), Box<dyn std::error::Error>> {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = folder();
        let path = folder.path().join("x");
        fs::write(&path, "1")?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        write(folder.path(), &[change("x", Some("1"), Some("2"))])?;
        assert_eq!(fs::metadata(&path)?.permissions().mode() & 0o777, 0o755);
        Ok(())
    }
}
