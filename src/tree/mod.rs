//! Reads a directory or a revision path by path, with edits in memory laid over it, and writes changes atomically.
//!
//! In: a directory, a Git revision, or files in memory. Out: bytes, listings, written files. The only module that touches
//! the disk. Knows no format.

pub mod glob;
mod scratch;
mod write;

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap as HashMap;
use walkdir::WalkDir;

use crate::diag::{Diagnostic, Diagnostics};
use crate::git::{GitError, Revision};
use crate::source::{FileId, SourceMap};

pub use crate::git::Kind;
pub use scratch::Scratch;
pub use write::{Change, WriteError, write};

/// The codes of this stage.
pub mod codes {
    crate::diag::codes! {
        UNREADABLE = "load/unreadable", "The file is there but cannot be read: its permissions, its size, or what it is (a pipe, a device, a Git LFS pointer) stand in the way.";
        NOT_UTF8 = "load/not-utf8", "Manifests and catalog files are UTF-8 text. Save the file as UTF-8.";
    }
}

/// No file that a person edits is larger; what is larger is not read, so that it cannot fill the memory.
const LARGEST_FILE: u64 = 32 << 20;

/// Where a tree reads what no edit covers.
#[derive(Clone, Debug)]
enum Base {
    Nothing,
    Directory(PathBuf),
    Revision(Arc<Revision>),
}

/// Files by their path relative to the root, with `/`.
#[derive(Clone, Debug)]
pub struct Tree {
    base: Base,
    edits: BTreeMap<String, Option<Arc<str>>>,
}

/// Why something could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system refused.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The object store refused.
    #[error("{0}")]
    Git(#[from] GitError),
    /// A pipe, a device, a socket, a submodule.
    #[error("it is not a regular file")]
    NotAFile,
    /// Larger than any manifest.
    #[error("it is larger than {} MiB", LARGEST_FILE >> 20)]
    TooLarge,
    /// What a revision has of a file that Git LFS keeps.
    #[error("the revision holds a Git LFS pointer, not the content")]
    LfsPointer,
}

/// One name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The name alone.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

impl Entry {
    /// Whether it is a directory (a link to one is not).
    pub fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }
}

/// How the texts start that Git LFS leaves in place of a file.
pub const LFS_POINTER: &str = "version https://git-lfs.github.com/spec/v1\n";

/// How many links may lead to one another, as on Linux.
const MOST_LINKS: usize = 40;

impl Tree {
    /// A directory on disk.
    pub fn directory(root: impl Into<PathBuf>) -> Self {
        Self { base: Base::Directory(root.into()), edits: BTreeMap::new() }
    }

    /// The files of a commit, from the object store alone.
    pub fn revision(revision: Revision) -> Self {
        Self { base: Base::Revision(Arc::new(revision)), edits: BTreeMap::new() }
    }

    /// The tree of a directory in it, without the edits.
    #[must_use]
    pub fn below(&self, directory: &str) -> Self {
        let base = match &self.base {
            base if directory.is_empty() => base.clone(),
            Base::Nothing => Base::Nothing,
            Base::Directory(root) => Base::Directory(root.join(directory)),
            Base::Revision(revision) => Base::Revision(Arc::new(revision.below(directory))),
        };
        Self { base, edits: BTreeMap::new() }
    }

    /// Files in memory alone.
    pub fn memory(files: impl IntoIterator<Item = (String, String)>) -> Self {
        let edits = files.into_iter().map(|(path, text)| (path, Some(text.into()))).collect();
        Self { base: Base::Nothing, edits }
    }

    /// The directory, where there is one.
    pub fn root(&self) -> Option<&Path> {
        match &self.base {
            Base::Directory(root) => Some(root),
            _ => None,
        }
    }

    /// Lays a text over a path, in memory; `None` takes the file away.
    pub fn edit(&mut self, path: impl Into<String>, text: Option<Arc<str>>) {
        self.edits.insert(path.into(), text);
    }

    /// The bytes of a file; `None` where there is none.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, ReadError> {
        if let (Base::Directory(root), false) = (&self.base, self.edits.contains_key(path)) {
            // Opening a pipe would wait for somebody who writes into it.
            match std::fs::metadata(root.join(path)) {
                Ok(kind) if kind.is_file() => {}
                Ok(_) => return Err(ReadError::NotAFile),
                Err(error) if is_missing(&error) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        self.read_file(path)
    }

    /// The bytes of what is known to be a regular file; `None` where there is none.
    pub fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, ReadError> {
        if let Some(edit) = self.edits.get(path) {
            return Ok(edit.as_ref().map(|text| text.as_bytes().to_vec()));
        }
        match &self.base {
            Base::Nothing => Ok(None),
            Base::Directory(root) => read_from_disk(&root.join(path)),
            Base::Revision(revision) => match self.kind(path) {
                None => Ok(None),
                Some(Kind::Link) => match self.resolved(path) {
                    Some(real) => self.read_file(&real),
                    None => Ok(None),
                },
                Some(Kind::File) => match revision.size(path)? {
                    None => Ok(None),
                    Some(size) if size > LARGEST_FILE => Err(ReadError::TooLarge),
                    Some(_) => match revision.read(path)? {
                        Some(bytes) if bytes.starts_with(LFS_POINTER.as_bytes()) => Err(ReadError::LfsPointer),
                        found => Ok(found),
                    },
                },
                Some(_) => Err(ReadError::NotAFile),
            },
        }
    }

    /// What stands at a path, links not followed; `None` where nothing does.
    pub fn kind(&self, path: &str) -> Option<Kind> {
        match self.edits.get(path) {
            Some(Some(_)) => return Some(Kind::File),
            Some(None) => return None,
            None if self.has_edits_below(path) => return Some(Kind::Directory),
            None => {}
        }
        match &self.base {
            Base::Nothing => path.is_empty().then_some(Kind::Directory),
            Base::Directory(root) => {
                std::fs::symlink_metadata(root.join(path)).ok().map(|kind| of_disk(kind.file_type()))
            }
            Base::Revision(revision) => revision.kind(path),
        }
    }

    fn has_edits_below(&self, path: &str) -> bool {
        let below = if path.is_empty() { String::new() } else { format!("{path}/") };
        let mut edits = self.edits.range(below.clone()..).take_while(|(file, _)| file.starts_with(&below));
        edits.any(|(_, edit)| edit.is_some())
    }

    /// What stands at a path whose last part may be a link: the path with that resolved, and whether it is a file or a
    /// directory. `None` where there is nothing within the tree.
    pub fn real(&self, path: &str) -> Option<(String, Kind)> {
        match self.kind(path)? {
            Kind::Link => {
                let real = self.resolved(path)?;
                let kind = self.kind(&real)?;
                Some((real, kind))
            }
            kind => Some((path.to_owned(), kind)),
        }
    }

    /// Whether a file is there, readable or not.
    pub fn has_file(&self, path: &str) -> bool {
        matches!(self.real(path), Some((_, kind)) if kind == Kind::File)
    }

    /// Whether a directory is there.
    pub fn has_directory(&self, path: &str) -> bool {
        matches!(self.real(path), Some((_, kind)) if kind == Kind::Directory)
    }

    /// A path without links; `None` where it leads out of the tree, to nothing or in circles.
    fn resolved(&self, path: &str) -> Option<String> {
        let revision = match &self.base {
            Base::Nothing => return None,
            Base::Directory(root) => {
                let real = root.join(path).canonicalize().ok()?;
                let real = real.strip_prefix(root.canonicalize().ok()?).ok()?.to_str()?;
                return Some(real.replace(std::path::MAIN_SEPARATOR, "/"));
            }
            Base::Revision(revision) => revision,
        };
        let parts = |path: &str| path.split('/').rev().map(str::to_owned).collect::<Vec<_>>();
        let (mut real, mut open, mut links) = (String::new(), parts(path), 0);
        while let Some(part) = open.pop() {
            match &*part {
                "" | "." => {}
                // What a link leads to has a parent of its own.
                ".." if real.is_empty() => return None,
                ".." => real.truncate(real.rfind('/').unwrap_or(0)),
                part => {
                    let next = join(&real, part);
                    if self.kind(&next)? == Kind::Link {
                        let target = revision.link(&next).filter(|target| !target.starts_with('/'))?;
                        links += 1;
                        if links > MOST_LINKS {
                            return None;
                        }
                        open.extend(parts(&target));
                    } else {
                        real = next;
                    }
                }
            }
        }
        Some(real)
    }

    /// What the object store of a revision could not give, if anything: then what was read is not all there is.
    pub fn fault(&self) -> Option<String> {
        match &self.base {
            Base::Revision(revision) => revision.fault(),
            _ => None,
        }
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

    /// Whether the names in a directory can be read.
    pub fn is_listable(&self, directory: &str) -> bool {
        match &self.base {
            Base::Directory(root) => std::fs::read_dir(root.join(directory)).is_ok(),
            _ => true,
        }
    }

    /// The names in a directory, sorted; none where there is no such directory.
    pub fn list(&self, directory: &str) -> Vec<Entry> {
        let mut entries: BTreeMap<String, Kind> = match &self.base {
            Base::Nothing => BTreeMap::new(),
            Base::Directory(root) => {
                let entries = std::fs::read_dir(root.join(directory)).into_iter().flatten().flatten();
                let named = |entry: std::fs::DirEntry| {
                    Some((entry.file_name().into_string().ok()?, of_disk(entry.file_type().ok()?)))
                };
                entries.filter_map(named).collect()
            }
            Base::Revision(revision) => revision.list(directory).into_iter().collect(),
        };
        let below = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        for (path, edit) in self.edits.range(below.clone()..) {
            let Some(rest) = path.strip_prefix(&below) else { break };
            let (name, is_directory) = rest.split_once('/').map_or((rest, false), |(name, _)| (name, true));
            if edit.is_some() {
                entries.insert(name.to_owned(), if is_directory { Kind::Directory } else { Kind::File });
            } else if !is_directory {
                entries.remove(name);
            }
        }
        entries.into_iter().map(|(name, kind)| Entry { name, kind }).collect()
    }

    /// Every file below a directory, sorted; `.git` and links to directories are not entered.
    pub fn files(&self, directory: &str) -> Vec<String> {
        let mut files = match &self.base {
            Base::Nothing => Vec::new(),
            Base::Directory(root) => {
                let walk = WalkDir::new(root.join(directory)).into_iter();
                let entries = walk.filter_entry(|entry| entry.file_name() != ".git").flatten();
                let entries = entries.filter(|entry| !entry.file_type().is_dir());
                let path = |entry: walkdir::DirEntry| {
                    let path = entry.path().strip_prefix(root).ok()?.to_str()?;
                    Some(path.replace(std::path::MAIN_SEPARATOR, "/"))
                };
                entries.filter_map(path).collect()
            }
            Base::Revision(revision) => revision.files(directory),
        };
        files.par_sort_unstable();
        let below = if directory.is_empty() { String::new() } else { format!("{directory}/") };
        for (path, edit) in self.edits.range(below.clone()..).take_while(|(path, _)| path.starts_with(&below)) {
            match (files.binary_search(path), edit) {
                (Err(at), Some(_)) => files.insert(at, path.clone()),
                (Ok(at), None) => _ = files.remove(at),
                _ => {}
            }
        }
        files
    }

    /// Which of some files, in their order, hold a word, each with its text: what can be read of them, is UTF-8 and no larger
    /// than any manifest. Faster than reading each, and silent.
    pub fn holding(&self, paths: &[String], word: &str) -> Vec<(String, Arc<str>)> {
        let of_edit = |path: &String| match self.edits.get(path)? {
            Some(text) if text.contains(word) => Some((path.clone(), text.clone())),
            _ => None,
        };
        let text = |(path, bytes): (String, Vec<u8>)| Some((path, Arc::from(String::from_utf8(bytes).ok()?)));
        let mut found: Vec<(String, Arc<str>)> = match &self.base {
            Base::Revision(revision) => {
                let most = usize::try_from(LARGEST_FILE).unwrap_or(usize::MAX);
                let mut places = revision.holding(paths, word.as_bytes(), most);
                places.sort_unstable_by_key(|(at, _)| *at);
                places.into_iter().filter_map(|(at, bytes)| text((paths.get(at)?.clone(), bytes))).collect()
            }
            _ => {
                let read = |path: &String| {
                    let text = self.text(path).ok().flatten().filter(|text| text.contains(word))?;
                    Some((path.clone(), text))
                };
                paths.par_iter().filter_map(read).collect()
            }
        };
        if !self.edits.is_empty() {
            found.retain(|(path, _)| !self.edits.contains_key(path));
            found.extend(paths.iter().filter_map(of_edit));
            let place: HashMap<&String, usize> = paths.iter().enumerate().map(|(at, path)| (path, at)).collect();
            found.sort_by_key(|(path, _)| place.get(path).copied());
        }
        found
    }
}

fn of_disk(kind: std::fs::FileType) -> Kind {
    match kind {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_symlink() => Kind::Link,
        _ => Kind::Other,
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn read_from_disk(path: &Path) -> Result<Option<Vec<u8>>, ReadError> {
    let mut file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if is_missing(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let kind = file.metadata()?;
    if !kind.is_file() {
        return Err(ReadError::NotAFile);
    }
    if kind.len() > LARGEST_FILE {
        return Err(ReadError::TooLarge);
    }
    // One byte more than there is, so that the end shows; the file may grow or shrink meanwhile.
    let mut bytes = vec![0; usize::try_from(kind.len()).unwrap_or_default() + 1];
    let mut filled = 0;
    loop {
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error.into()),
        }
        if filled as u64 == kind.len() {
            break;
        }
        if filled < bytes.len() {
            continue;
        }
        if filled as u64 > LARGEST_FILE {
            return Err(ReadError::TooLarge);
        }
        bytes.resize(2 * filled, 0);
    }
    bytes.truncate(filled);
    Ok(Some(bytes))
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
    fn what_holds_a_word_is_found_in_every_kind_of_tree() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir_all(folder.path().join("a/b"))?;
        let files = [("a/b/1.yaml", "x: word\n"), ("a/2.yaml", "y: 1\n"), ("a/3.yaml", "x: word\n"), ("z", "word\n")];
        for (path, text) in files {
            std::fs::write(folder.path().join(path), text)?;
        }
        std::fs::write(folder.path().join("binary"), b"word\xff")?;
        let repository = git2::Repository::init(folder.path())?;
        let mut index = repository.index()?;
        index.add_all(["*"], git2::IndexAddOption::DEFAULT, None)?;
        let tree = repository.find_tree(index.write_tree()?)?;
        let by = git2::Signature::now("A", "a@example.com")?;
        repository.commit(Some("HEAD"), &by, &by, "one", &tree, &[])?;
        for mut tree in [Tree::directory(folder.path()), Tree::revision(Revision::open(folder.path(), "HEAD")?)] {
            let all = ["a/2.yaml", "a/3.yaml", "a/b/1.yaml", "binary", "z"];
            assert_eq!(tree.files(""), all);
            assert_eq!(tree.files("a"), all[..3]);
            let found = |tree: &Tree| -> Vec<String> {
                let found = tree.holding(&tree.files(""), "word").into_iter();
                found
                    .inspect(|(path, text)| assert_eq!(tree.text(path).ok().flatten().as_ref(), Some(text)))
                    .map(|it| it.0)
                    .collect()
            };
            assert_eq!(found(&tree), ["a/3.yaml", "a/b/1.yaml", "z"]);
            tree.edit("a/3.yaml", Some("nothing".into()));
            tree.edit("a/2.yaml", Some("a word".into()));
            tree.edit("a/b/0.yaml", Some("word".into()));
            tree.edit("z", None);
            assert_eq!(found(&tree), ["a/2.yaml", "a/b/0.yaml", "a/b/1.yaml"]);
        }
        Ok(())
    }

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
