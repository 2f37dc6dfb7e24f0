//! A directory for files that another program is to read; it is gone when it goes out of scope.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::tree::{ReadError, Tree};

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

    /// Writes a file, with the directories on the way to it; where that is on disk.
    pub fn write(&self, name: &str, content: &[u8]) -> io::Result<PathBuf> {
        let path = self.path().join(name);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(&path, content)?;
        Ok(path)
    }

    /// Where a file or directory of a tree is on disk. What is there only in a revision or in memory is written into
    /// `folder` below this directory, under its own name.
    pub fn on_disk(&self, tree: &Tree, path: &str, folder: &str) -> Result<PathBuf, ReadError> {
        if let Some(root) = tree.root() {
            return Ok(root.join(path));
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        let mut files = tree.files(path);
        if files.is_empty() {
            files.push(path.to_owned());
        }
        for file in files {
            let content = tree.read(&file)?.unwrap_or_default();
            let below = file.strip_prefix(path).unwrap_or_default();
            self.write(&format!("{folder}/{name}{below}"), &content)?;
        }
        Ok(self.path().join(folder).join(name))
    }
}
