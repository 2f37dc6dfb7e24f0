//! Reads a directory path by path, with edits in memory laid over it, and writes changes atomically.
//!
//! In: a directory, or files in memory. Out: bytes, listings, written files. The only module that touches the disk.
//! Knows no format.

mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use walkdir::WalkDir;

use crate::diag::{Diagnostic, Diagnostics};
use crate::source::{FileId, SourceMap};

pub use write::{Change, WriteError, write};

/// The codes of this stage.
pub mod codes {
    crate::diag::codes! {
        UNREADABLE = "load/unreadable", "The file is there but cannot be read: its permissions, its size, or what it is (a pipe or a device) stand in the way.";
        NOT_UTF8 = "load/not-utf8", "Manifests and catalog files are UTF-8 text. Save the file as UTF-8.";
    }
}

/// No file that a person edits is larger; what is larger is not read, so that it cannot fill the memory.
const LARGEST_FILE: u64 = 32 << 20;

/// Files by their path relative to the root, with `/`.
#[derive(Clone, Debug)]
pub struct Tree {
    root: Option<PathBuf>,
    edits: BTreeMap<String, Option<Arc<str>>>,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// A pipe, a device, a socket.
    #[error("it is not a regular file")]
    NotAFile,
    /// Larger than any manifest.
    #[error("it is larger than {} MiB", LARGEST_FILE >> 20)]
    TooLarge,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name alone.
    pub name: String,
    /// Whether it is a directory (a link to one is not).
    pub is_directory: bool,
}

impl Tree {
    /// A directory on disk.
    pub fn directory(root: impl Into<PathBuf>) -> Self {
        Self { root: Some(root.into()), edits: BTreeMap::new() }
    }

    /// Files in memory alone.
    pub fn memory(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let edits = files.into_iter().map(|(path, text)| (path, Some(text.into()))).collect();
        Self { root: None, edits }
    }

    /// The directory, where there is one.
    pub fn root(&self) -> Option<&Path> {
        self.root.as_deref()
    }

    /// Lays a text over a path, in memory; `None` takes the file away.
    pub fn edit(&mut self, path: impl Into<String>, text: Option<Arc<str>>) {
        self.edits.insert(path.into(), text);
    }

    /// The bytes of a file; `None` where there is none.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, ReadError> {
        if let Some(edit) = self.edits.get(path) {
            return Ok(edit.as_ref().map(|text| text.as_bytes().to_vec()));
        }
        let Some(root) = &self.root else { return Ok(None) };
        let full = root.join(path);
        let kind = match std::fs::metadata(&full) {
            Ok(kind) => kind,
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if !kind.is_file() {
            return Err(ReadError::NotAFile);
        }
        if kind.len() > LARGEST_FILE {
            return Err(ReadError::TooLarge);
        }
        let mut bytes = Vec::with_capacity(usize::try_from(kind.len()).unwrap_or_default());
        // The file may grow while it is read.
        std::fs::File::open(&full)?.take(LARGEST_FILE).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Whether a file is there, readable or not.
    pub fn has_file(&self, path: &str) -> bool {
        match (self.edits.get(path), &self.root) {
            (Some(edit), _) => edit.is_some(),
            (None, Some(root)) => root.join(path).is_file(),
            (None, None) => false,
        }
    }

    /// Whether a directory is there.
    pub fn has_directory(&self, path: &str) -> bool {
        let below = format!("{path}/");
        self.edits.iter().any(|(file, edit)| edit.is_some() && file.starts_with(&below))
            || self.root.as_ref().is_some_and(|root| root.join(path).is_dir())
    }

    /// A directory whose last part may be a link, with that resolved; `None` where there is none within the tree.
    pub fn real_directory(&self, path: &str) -> Option<String> {
        let kind = self.root.as_ref().and_then(|root| std::fs::symlink_metadata(root.join(path)).ok());
        match (&self.root, kind) {
            (_, Some(kind)) if kind.is_dir() => Some(path.to_owned()),
            (Some(root), Some(kind)) if kind.is_symlink() && root.join(path).is_dir() => Self::resolved(root, path),
            _ => self.has_directory(path).then(|| path.to_owned()),
        }
    }

    /// A path whose last part may be a link, with that resolved, and whether it is a directory; `None` where there is
    /// nothing within the tree.
    pub fn real_file(&self, path: &str) -> Option<(String, bool)> {
        if self.edits.get(path).is_some_and(Option::is_some) {
            return Some((path.to_owned(), false));
        }
        let Some(root) = &self.root else { return self.has_directory(path).then(|| (path.to_owned(), true)) };
        let kind = std::fs::symlink_metadata(root.join(path)).ok()?;
        if !kind.is_symlink() {
            return Some((path.to_owned(), kind.is_dir()));
        }
        let real = Self::resolved(root, path)?;
        let is_directory = root.join(&real).is_dir();
        Some((real, is_directory))
    }

    fn resolved(root: &Path, path: &str) -> Option<String> {
        let real = root.join(path).canonicalize().ok()?;
        let real = real.strip_prefix(root.canonicalize().ok()?).ok()?.to_str()?;
        Some(real.replace(std::path::MAIN_SEPARATOR, "/"))
    }

    /// The text of a file, entered into the source map. `None` where there is no file, or where it cannot be used, which
    /// is reported.
    pub fn load(&self, path: &str, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Option<FileId> {
        match self.text(path) {
            Ok(text) => text.map(|text| sources.add(path, text)),
            Err(diagnostic) => {
                diagnostics.push(*diagnostic);
                None
            }
        }
    }

    /// The text of a file, or why it cannot be used.
    pub fn text(&self, path: &str) -> Result<Option<Arc<str>>, Box<Diagnostic>> {
        let unreadable = |error: ReadError| {
            Box::new(Diagnostic::error(&codes::UNREADABLE, format!("`{path}` cannot be read: {error}")))
        };
        let Some(bytes) = self.read(path).map_err(unreadable)? else { return Ok(None) };
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(text.into())),
            Err(error) => {
                let at = error.utf8_error().valid_up_to();
                let line = error.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
                Err(Box::new(Diagnostic::error(
                    &codes::NOT_UTF8,
                    format!("`{path}` is not UTF-8 text: see line {line}"),
                )))
            }
        }
    }

    /// The names in a directory, sorted; none where there is no such directory.
    pub fn list(&self, directory: &str) -> Vec<Entry> {
        let mut entries = BTreeSet::new();
        if let Some(root) = &self.root {
            for entry in std::fs::read_dir(root.join(directory)).into_iter().flatten().flatten() {
                let Ok(name) = entry.file_name().into_string() else { continue };
                let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
                entries.insert(Entry { name, is_directory });
            }
        }
        let below = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        for (path, edit) in self.edits.range(below.clone()..) {
            let Some(rest) = path.strip_prefix(&below) else { break };
            let (name, is_directory) = rest.split_once('/').map_or((rest, false), |(name, _)| (name, true));
            let entry = Entry { name: name.to_owned(), is_directory };
            if edit.is_some() {
                entries.insert(entry);
            } else if !is_directory {
                entries.remove(&entry);
            }
        }
        entries.into_iter().collect()
    }

    /// Every file below a directory, sorted; `.git` and links to directories are not entered.
    pub fn files(&self, directory: &str) -> Vec<String> {
        let mut files = BTreeSet::new();
        if let Some(root) = &self.root {
            let walk = WalkDir::new(root.join(directory)).into_iter();
            let entries = walk.filter_entry(|entry| entry.file_name() != ".git").flatten();
            for entry in entries.filter(|entry| !entry.file_type().is_dir()) {
                let path = entry.path().strip_prefix(root).ok().and_then(Path::to_str);
                files.extend(path.map(|path| path.replace(std::path::MAIN_SEPARATOR, "/")));
            }
        }
        let below = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        for (path, edit) in self.edits.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)) {
            if edit.is_some() {
                files.insert(path.clone());
            } else {
                files.remove(path);
            }
        }
        files.into_iter().collect()
    }
}

/// `a/./b/../c` → `a/c`, from a directory or, where the path starts with `/`, from the root; `None` where it leaves the
/// tree.
pub fn normal(directory: &str, path: &str) -> Option<String> {
    let absolute = path.starts_with('/');
    let start = if absolute { "" } else { directory };
    let mut parts: Vec<&str> = start.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if parts.pop().is_none() && !absolute {
                    return None;
                }
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// A name below a directory of a tree; the root is the empty path.
pub fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_lie_over_the_directory() {
        let folder = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        std::fs::create_dir(folder.path().join("a")).unwrap_or_else(|error| panic!("{error}"));
        std::fs::write(folder.path().join("a/x"), "1").unwrap_or_else(|error| panic!("{error}"));
        let mut tree = Tree::directory(folder.path());
        tree.edit("a/y", Some("2".into()));
        tree.edit("b/z", Some("3".into()));
        assert_eq!(tree.files(""), ["a/x", "a/y", "b/z"]);
        tree.edit("a/x", None);
        assert_eq!(tree.files(""), ["a/y", "b/z"]);
        assert!(!tree.has_file("a/x") && tree.has_directory("b") && !tree.has_directory("c"));
        assert!(matches!(tree.read("a"), Err(ReadError::NotAFile)));
    }
}
