//! Makes one commit that differs from its parent in the given files alone. Nothing points at it yet: a crash leaves objects
//! that Git's next clean-up takes away.

use std::collections::BTreeSet;

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, ObjectType, Oid, Repository};

use crate::git::command::printed;
use crate::git::error::GitError;
use crate::git::identity::{Identities, Role};
use crate::git::state::check_path;
use crate::git::store::Store;
use crate::git::{Kind, kind};

/// Whether a commit is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sign {
    /// As `commit.gpgSign` says.
    #[default]
    Config,
    /// With the user's key.
    Yes,
    /// Not.
    No,
}

impl Store {
    /// A commit with one parent and other contents of some files, by their paths from the top; its full hash. Files keep
    /// their mode; what was not there is a plain file. The message is stored byte for byte.
    pub fn write_commit(
        &self,
        parent: &str,
        files: &[(String, Vec<u8>)],
        message: &str,
        by: &Identities,
        sign: Sign,
    ) -> Result<String, GitError> {
        let by_git = self.home.stores_by_git(&self.repository);
        let own = if by_git { Some(self.home.handle_in_memory()?) } else { None };
        let repository = own.as_ref().unwrap_or(&self.repository);
        let tree = self.write_tree(repository, parent, files)?;
        if sign == Sign::Yes || (sign == Sign::Config && by.signs) {
            if by_git {
                self.store_by_git(repository, tree, files, None)?;
            }
            return self.signed(&tree.to_string(), parent, message, by);
        }
        // The encoding is UTF-8, of which Git needs no header; what a header holds has no line breaks, by `Identity`.
        let text =
            format!("tree {tree}\nparent {parent}\nauthor {}\ncommitter {}\n\n{message}", by.author, by.committer);
        let write = repository.odb()?.write(ObjectType::Commit, text.as_bytes());
        let commit = write.map_err(|error| GitError::unwritten("the commit", error))?;
        if by_git {
            self.store_by_git(repository, tree, files, Some(commit))?;
        }
        Ok(commit.to_string())
    }

    /// Whether two commits make the same of the same: their parents and their files are equal.
    pub fn is_same_change(&self, one: &str, other: &str) -> bool {
        let facts = |hash: &str| {
            let commit = self.repository.find_commit(Oid::from_str(hash).ok()?).ok()?;
            Some((commit.tree_id(), commit.parent_ids().collect::<Vec<_>>()))
        };
        facts(one).is_some_and(|one| Some(one) == facts(other))
    }

    /// The tree of a commit with other contents of some files.
    fn write_tree(&self, repository: &Repository, parent: &str, files: &[(String, Vec<u8>)]) -> Result<Oid, GitError> {
        // What stands there is looked up by what fetches: below it, nothing is missing on the way to the files.
        let revision = self.revision(parent)?;
        let mut update = TreeUpdateBuilder::new();
        for (path, content) in files {
            check_path(path)?;
            for (at, _) in path.match_indices('/') {
                let folder = revision.stands(&path[..at])?.map(|(_, mode)| kind(mode));
                if let Some(kind) = folder.filter(|kind| *kind != Kind::Directory) {
                    return Err(GitError::NotAFile { path: path[..at].to_owned(), kind });
                }
            }
            let mode = match revision.stands(path)? {
                None => FileMode::Blob,
                Some((_, mode)) if kind(mode) == Kind::File && mode & 0o100 != 0 => FileMode::BlobExecutable,
                Some((_, mode)) if kind(mode) == Kind::File => FileMode::Blob,
                Some((_, mode)) => return Err(GitError::NotAFile { path: path.clone(), kind: kind(mode) }),
            };
            let blob = repository.odb()?.write(ObjectType::Blob, content);
            update.upsert(path.as_str(), blob.map_err(|error| GitError::unwritten("an object", error))?, mode);
        }
        let parent = Oid::from_str(parent).map_err(|_| GitError::NoRevision(parent.to_owned()))?;
        let old = repository.find_commit(parent)?.tree()?;
        update.create_updated(repository, &old).map_err(|error| GitError::unwritten("an object", error))
    }

    /// Signing is git's: it knows OpenPGP, X.509 and SSH, and the user's keys and programs for them.
    fn signed(&self, tree: &str, parent: &str, message: &str, by: &Identities) -> Result<String, GitError> {
        let author = by.author.variables(Role::Author);
        let variables: Vec<_> = author.into_iter().chain(by.committer.variables(Role::Committer)).collect();
        let arguments = ["-c", "i18n.commitEncoding=UTF-8", "commit-tree", "-S", "-p", parent, tree];
        let ended = self.home.git.run(&arguments, message.as_bytes(), &variables)?;
        let is_signature = ["sign", "gpg", "key"].iter().any(|word| ended.stderr.to_ascii_lowercase().contains(word));
        if ended.code != Some(0) && is_signature {
            return Err(GitError::NotSigned { said: ended.stderr.trim().to_owned() });
        }
        let hash = printed(ended, "commit-tree", "the commit")?;
        Ok(String::from_utf8_lossy(&hash).trim().to_owned())
    }

    /// Hands the objects that lie in memory to git: the files, the trees on the way to them, the commit.
    fn store_by_git(
        &self,
        repository: &Repository,
        tree: Oid,
        files: &[(String, Vec<u8>)],
        commit: Option<Oid>,
    ) -> Result<(), GitError> {
        let mut new: BTreeSet<Oid> = commit.into_iter().chain([tree]).collect();
        for (path, _) in files {
            let mut folder = repository.find_tree(tree)?;
            for name in path.split('/') {
                let Some(entry) = folder.get_name(name) else { break };
                new.insert(entry.id());
                if entry.kind() != Some(ObjectType::Tree) {
                    break;
                }
                let next = repository.find_tree(entry.id())?;
                drop(entry);
                folder = next;
            }
        }
        let mut pack = repository.packbuilder()?;
        for id in new {
            pack.insert_object(id, None)?;
        }
        let mut bytes = git2::Buf::new();
        pack.write_buf(&mut bytes)?;
        let ended = self.home.git.run(&["unpack-objects", "-q"], &bytes, &[])?;
        printed(ended, "unpack-objects", "an object").map(drop)
    }
}
