//! The directories of commits, each read once. A release asks for hundreds of paths below the same few directories, and
//! libgit2 parses a large one again for each of them.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use git2::{Oid, Repository};
use rustc_hash::FxHashMap as HashMap;

use crate::git::error::GitError;
use crate::git::{Kind, kind};

/// What a name in a directory of a commit stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    /// The object.
    pub(super) id: Oid,
    /// Git's mode of it, normalised.
    pub(super) mode: i32,
}

impl Standing {
    /// The directory of a tree.
    pub(super) fn directory(tree: Oid) -> Self {
        Self { id: tree, mode: 0o040_000 }
    }

    /// What it is.
    pub(super) fn kind(self) -> Kind {
        kind(self.mode)
    }
}

/// The names in a directory, with what they stand for.
#[derive(Debug)]
pub(super) struct Listing {
    /// The tree as Git stores it: `MODE NAME\0HASH`, again and again.
    raw: Vec<u8>,
    /// Where the names are in it, sorted by their bytes.
    names: Vec<(Range<usize>, Standing)>,
}

impl Listing {
    /// Takes a tree apart; `None` where it is none. One object of a thousand names is asked for each of them, so that
    /// libgit2's own tree, which looks at a name twice and at each anew, would cost more than the files.
    pub(super) fn parse(raw: Vec<u8>) -> Option<Self> {
        const HASH: usize = 20;
        let (mut names, mut at) = (Vec::new(), 0);
        while at < raw.len() {
            let space = at + raw[at..].iter().take(8).position(|byte| *byte == b' ')?;
            let digits = std::str::from_utf8(&raw[at..space]).ok()?;
            let mode = i32::from_str_radix(digits, 8).ok()?;
            let end = space + 1 + memchr::memchr(0, &raw[space + 1..])?;
            let id = Oid::from_bytes(raw.get(end + 1..end + 1 + HASH)?).ok()?;
            names.push((space + 1..end, Standing { id, mode: normal(mode) }));
            at = end + 1 + HASH;
        }
        // Git sorts directories as if a slash followed. A name that is there twice means the first.
        names.sort_by(|(a, _), (b, _)| raw[a.clone()].cmp(&raw[b.clone()]));
        names.dedup_by(|(later, _), (first, _)| raw[later.clone()] == raw[first.clone()]);
        Some(Self { raw, names })
    }

    /// What a name stands for.
    pub(super) fn get(&self, name: &str) -> Option<Standing> {
        let at = self.names.binary_search_by(|(known, _)| self.raw[known.clone()].cmp(name.as_bytes())).ok()?;
        Some(self.names[at].1)
    }

    /// The names that a work tree can have, those that are UTF-8.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, Standing)> {
        let is_name = |name: &&str| !matches!(*name, "" | "." | "..") && !name.contains(['/', '\\', '\0']);
        self.names.iter().filter_map(move |(name, standing)| {
            let name = std::str::from_utf8(&self.raw[name.clone()]).ok().filter(is_name)?;
            Some((name, *standing))
        })
    }
}

/// The mode that Git means by one that another program wrote.
fn normal(mode: i32) -> i32 {
    match kind(mode) {
        Kind::File if mode & 0o111 != 0 => 0o100_755,
        Kind::File => 0o100_644,
        Kind::Directory => 0o040_000,
        Kind::Link => 0o120_000,
        Kind::Other => mode,
    }
}

/// All that were read of a repository.
#[derive(Debug, Default)]
pub(super) struct Listings(RwLock<HashMap<Oid, Arc<Listing>>>);

impl Listings {
    /// The names in a directory, which `read` reads as it is stored where nobody has asked for it yet.
    pub(super) fn get(
        &self,
        tree: Oid,
        read: impl FnOnce() -> Result<Vec<u8>, GitError>,
    ) -> Result<Arc<Listing>, GitError> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner).get(&tree).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let broken = || git2::Error::from_str(&format!("`{tree}` is no readable tree"));
        let listing = Arc::new(Listing::parse(read()?).ok_or_else(broken)?);
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(tree, listing.clone());
        Ok(listing)
    }
}

/// Open handles on a repository, lent to one thread at a time: opening one reads configuration and indexes of packs.
#[derive(Default)]
pub(super) struct Handles(Mutex<Vec<Repository>>);

impl std::fmt::Debug for Handles {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Handles").finish_non_exhaustive()
    }
}

impl Handles {
    /// One that nobody uses; none where all are in use.
    pub(super) fn take(&self) -> Option<Repository> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    /// Gives one back.
    pub(super) fn put(&self, repository: Repository) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(repository);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(entries: &[(&str, &str)]) -> Vec<u8> {
        let entry = |(at, (mode, name)): (usize, &(&str, &str))| {
            let hash = [u8::try_from(at).unwrap_or_default(); 20];
            [mode.as_bytes(), b" ", name.as_bytes(), b"\0", &hash].concat()
        };
        entries.iter().enumerate().flat_map(entry).collect()
    }

    #[test]
    fn names_are_found_however_git_sorts_them() -> Result<(), &'static str> {
        // `a` is a directory and so comes after `a.yaml` and `a-b`.
        let entries = [
            ("100644", "a-b"),
            ("100664", "a.yaml"),
            ("40000", "a"),
            ("100755", "run"),
            ("120000", "z"),
            ("160000", "zz"),
            ("100644", "\u{fc}"),
        ];
        let listing = Listing::parse(raw(&entries)).ok_or("not read")?;
        let modes = [0o100_644, 0o100_644, 0o040_000, 0o100_755, 0o120_000, 0o160_000, 0o100_644];
        for (at, ((_, name), mode)) in entries.iter().zip(modes).enumerate() {
            let found = listing.get(name).ok_or("not found")?;
            assert_eq!((found.mode, found.id.as_bytes()[0] as usize), (mode, at), "{name}");
        }
        assert_eq!((listing.get("a.yam"), listing.get(""), listing.get("zzz")), (None, None, None));
        assert_eq!(listing.names().count(), entries.len());
        assert_eq!(listing.get("a").map(Standing::kind), Some(Kind::Directory));
        assert_eq!(listing.get("zz").map(Standing::kind), Some(Kind::Other));
        Ok(())
    }

    #[test]
    fn names_that_no_work_tree_can_have_are_not_listed() {
        let entries = [("100644", "."), ("100644", ".."), ("100644", "a\\b"), ("100644", "a/b"), ("100644", "c")];
        let listing = Listing::parse(raw(&entries));
        let names: Vec<String> = listing.iter().flat_map(Listing::names).map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["c"]);
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        let whole = raw(&[("100644", "a"), ("40000", "b")]);
        for end in 0..whole.len() {
            let is_whole = end == 0 || end == whole.len() / 2;
            let halves = Listing::parse(whole[..end].to_vec());
            // The first entry alone is a tree.
            assert!(halves.is_none() || is_whole || end == raw(&[("100644", "a")]).len(), "{end}");
        }
        assert!(Listing::parse(b"tree of another kind".to_vec()).is_none());
    }
}
