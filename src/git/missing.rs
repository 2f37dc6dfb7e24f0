//! The objects that a partial clone left on the server, fetched when they are asked for: many at once, since each fetch is
//! a connection of its own.

use std::sync::{Mutex, OnceLock, PoisonError};

use git2::{ErrorClass, ErrorCode, ObjectType, OdbLookupFlags, Oid, Repository, TreeWalkMode, TreeWalkResult};

use crate::git::error::GitError;
use crate::git::home::Home;

/// More are not fetched at once unasked: the repository is larger than what one service needs of it.
const MOST_AT_ONCE: usize = 5_000;

/// What fetches, for all threads that read a repository.
#[derive(Debug, Default)]
pub(super) struct Missing {
    /// Held while one fetches.
    turn: Mutex<()>,
    /// The remote that promised the missing objects, once it was looked for; `None` where none did.
    promisor: OnceLock<Option<String>>,
}

/// Whether an error says that an object is not in the store, rather than that a tree has no such name.
pub(super) fn is_missing(error: &git2::Error) -> bool {
    error.code() == ErrorCode::NotFound && error.class() == ErrorClass::Odb
}

impl Missing {
    /// Fetches an object that was not found, and with it the files below a tree, at best all that are missing: whoever reads
    /// one reads more. What is not missing by a promise is an error.
    pub(super) fn fetch(
        &self,
        home: &Home,
        repository: &Repository,
        id: Oid,
        trees: &[Oid],
        not_found: git2::Error,
    ) -> Result<(), GitError> {
        // One thread fetches for all: the others find what they miss when it is their turn.
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let store = repository.odb()?;
        if store.exists(id) {
            return Ok(());
        }
        if self.promisor.get().is_none() {
            let found = remote(home)?;
            self.promisor.get_or_init(|| found);
        }
        let promisor = self.promisor.get().and_then(Option::as_ref);
        let Some(remote) = promisor else { return Err(GitError::Git(not_found)) };
        let with = trees.iter().map(|tree| files(repository, *tree)).find(|files| files.len() <= MOST_AT_ONCE);
        let mut ids = with.unwrap_or_default();
        if !ids.contains(&id) {
            ids.push(id);
        }
        let list: String = ids.iter().map(|id| format!("{id}\n")).collect();
        // As git itself does it, without what a user's own fetch would do besides.
        let fetch = [
            "-c",
            "fetch.negotiationAlgorithm=noop",
            "-c",
            "maintenance.auto=false",
            "-c",
            "gc.auto=0",
            "fetch",
            "--quiet",
            "--no-tags",
            "--no-write-fetch-head",
            "--recurse-submodules=no",
            "--filter=blob:none",
            "--stdin",
            "--end-of-options",
            remote,
        ];
        let ended = home.git.run(&fetch, list.as_bytes(), &[])?;
        store.refresh()?;
        if ended.code == Some(0) && store.exists(id) {
            return Ok(());
        }
        Err(GitError::Missing { id: id.to_string(), said: ended.stderr.trim().to_owned() })
    }
}

/// The remote that promised what a partial clone left out; `None` in any other clone.
fn remote(home: &Home) -> Result<Option<String>, GitError> {
    let asked = ["config", "--null", "--get-regexp", r"^(remote\..*\.promisor|extensions\.partialclone)$"];
    let ended = home.git.read(&asked, b"")?;
    let text = String::from_utf8_lossy(&ended.stdout).into_owned();
    let named = |entry: &str| {
        // A key without a value stands for true.
        let (key, value) = entry.split_once('\n').unwrap_or((entry, "true"));
        match key.strip_prefix("remote.").and_then(|rest| rest.strip_suffix(".promisor")) {
            Some(name) => matches!(&*value.to_ascii_lowercase(), "true" | "yes" | "on" | "1").then(|| name.to_owned()),
            None => Some(value.to_owned()),
        }
    };
    Ok(text.split('\0').filter(|entry| !entry.is_empty()).find_map(named).filter(|name| !name.starts_with('-')))
}

/// The missing files below a tree that builds read.
fn files(repository: &Repository, tree: Oid) -> Vec<Oid> {
    let (Ok(tree), Ok(store)) = (repository.find_tree(tree), repository.odb()) else { return Vec::new() };
    let mut found = Vec::new();
    // A walk ends early where trees are missing too: then less is fetched at once, and more in turn.
    let _ = tree.walk(TreeWalkMode::PreOrder, |_, entry| {
        if entry.kind() == Some(ObjectType::Blob)
            && entry.name().is_ok_and(is_read)
            && !store.exists_ext(entry.id(), OdbLookupFlags::NO_REFRESH)
        {
            found.push(entry.id());
        }
        if found.len() > MOST_AT_ONCE { TreeWalkResult::Abort } else { TreeWalkResult::Ok }
    });
    found.sort();
    found.dedup();
    found
}

/// By its name.
fn is_read(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    matches!(extension, "yaml" | "yml" | "json" | "env" | "properties" | "") || name.starts_with('.')
}
