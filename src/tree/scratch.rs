//! A directory for files that another program is to read; it is gone when it goes out of scope.

use std::io;
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

use crate::tree::{Kind, ReadError, Tree, join};

/// Directories within directories, links followed: none that is meant has more.
const DEEPEST: usize = 64;

/// A directory of one's own among the temporary files.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// Makes the directory.
    pub fn new() -> io::Result<Self> {
        tempfile::Builder::new().prefix("gitopsctl-").tempdir().map(Self)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file, with the directories on the way to it; where that is on disk. Names that lead out of the directory
    /// are refused.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let is_below = |part: Component<'_>| matches!(part, Component::Normal(_));
        if !Path::new(name).components().all(is_below) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("`{name}` is no name of a file")));
        }
        let path = self.path().join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, content)?;
        Ok(path)
    }

    /// Where a file or directory of a tree is on disk. What is there only in a revision or in memory is written into
    /// `folder` below this directory, under its own name and with links followed.
    pub fn on_disk(&self, tree: &Tree, path: &str, folder: &str) -> Result<PathBuf, ReadError> {
        if let Some(root) = tree.root() {
            return Ok(root.join(path));
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let target = format!("{folder}/{name}");
        self.copy(tree, path, &target, DEEPEST)?;
        Ok(self.path().join(target))
    }

    fn copy(&self, tree: &Tree, path: &str, target: &str, depth: usize) -> Result<(), ReadError> {
        let missing = |why: &str| ReadError::Io(io::Error::new(io::ErrorKind::NotFound, format!("`{path}` {why}")));
        match tree.real(path) {
            _ if depth == 0 => Err(missing("leads deeper than any real directory")),
            None => Err(missing("leads to nothing")),
            Some((real, Kind::Directory)) => tree.list(&real).into_iter().try_for_each(|entry| {
                self.copy(tree, &join(&real, &entry.name), &join(target, &entry.name), depth - 1)
            }),
            Some((real, _)) => {
                let content = tree.read_file(&real)?.ok_or_else(|| missing("is not there"))?;
                self.write(target, &content)?;
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_written_outside() -> io::Result<()> {
        let scratch = Scratch::new()?;
        for name in ["../a", "/tmp/a", "a/../../b", "a/./../../b"] {
            assert!(
                scratch.write(name, b"x").is_err_and(|error| error.kind() == io::ErrorKind::InvalidInput),
                "{name}"
            );
        }
        assert_eq!(std::fs::read(scratch.write("a/b", b"x")?)?, b"x");
        Ok(())
    }
}
