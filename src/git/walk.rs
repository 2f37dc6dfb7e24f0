//! The commits that changed a file, along the first parents: how a branch moved, whatever was merged into it.
//!
//! In: a repository, a commit, a path. Out: commits with the file's objects before and after. Trees are compared from the
//! top down and only as far as they differ, and raw: libgit2's own diff takes seconds where this takes tenths of one.

use std::collections::HashSet;
use std::ops::{ControlFlow, Deref};
use std::path::Path;

use git2::{ErrorCode, ObjectType, Odb, Oid, Repository};

use crate::git::GitError;
use crate::git::home::Home;
use crate::git::missing::{Missing, is_missing};

/// The object of a file's content, by its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlobId(Oid);

/// A file that goes by one of several names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which of the names it has.
    pub name: usize,
    /// Its content.
    pub blob: BlobId,
}

/// A commit that changed a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touch {
    /// The full hash of the commit.
    pub commit: String,
    /// The full hashes of its parents.
    pub parents: Vec<String>,
    /// The file at the first parent; `None` where it was not there, or where there is no parent.
    pub before: Option<Found>,
    /// The file at the commit.
    pub after: Option<Found>,
}

/// Why a walk ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Whoever looks at the commits had seen enough.
    Stopped,
    /// As many commits as were allowed were looked at, this one as the last: what it changed is not known.
    Limit(String),
    /// The first commit of the history was reached.
    Root,
    /// The clone is shallow and ends at this commit: what it changed is not known.
    Shallow(String),
    /// The clone is partial and lacks what stands before this commit: what it changed is not known.
    Missing(String),
}

impl End {
    /// Whether the clone lacks what stands before, so that a deeper one would tell more.
    pub fn is_cut(&self) -> bool {
        matches!(self, Self::Shallow(_) | Self::Missing(_))
    }
}

/// Who did something, and when.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// The name.
    pub name: String,
    /// The mail address, without angle brackets.
    pub mail: String,
    /// Seconds since 1970 in UTC.
    pub seconds: i64,
    /// Minutes east of UTC where it was done.
    pub offset: i32,
}

/// What a commit says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitInfo {
    /// Its full hash.
    pub hash: String,
    /// The full hashes of its parents; none where a shallow clone ends.
    pub parents: Vec<String>,
    /// Who made the change.
    pub author: Signature,
    /// Who made the commit.
    pub committer: Signature,
    /// The first line of its message, which `git revert` quotes.
    pub title: String,
    /// The first paragraph of its message, in one line.
    pub subject: String,
    /// What follows the subject, without blank lines around it.
    pub body: String,
}

/// The history of a repository, for walking.
pub struct History<'r> {
    repository: Held<'r>,
    /// The commits at which a shallow clone ends: their parents are named and absent.
    shallow: HashSet<Oid>,
    /// What fetches the files that a partial clone left out.
    missing: Option<(&'r Home, &'r Missing)>,
}

/// A repository of one's own, or of who opened it.
enum Held<'r> {
    Own(Box<Repository>),
    Lent(&'r Repository),
}

impl Deref for Held<'_> {
    type Target = Repository;

    fn deref(&self) -> &Repository {
        match self {
            Held::Own(repository) => repository,
            Held::Lent(repository) => repository,
        }
    }
}

impl std::fmt::Debug for History<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("History").field("shallow", &self.shallow).finish_non_exhaustive()
    }
}

/// Commits that are read at once: few, for whoever looks for the last change only, then more.
const FIRST_CHUNK: usize = 64;
const LARGEST_CHUNK: usize = 1024;

/// Merged commits whose messages are read, at most.
const MOST_MERGED: usize = 4000;

impl<'r> History<'r> {
    /// The history of the repository around a directory.
    pub fn open(directory: &Path) -> Result<Self, GitError> {
        let (home, repository) = Home::find(directory)?;
        Ok(Self::held(Held::Own(Box::new(repository)), &home.common_dir, None))
    }

    /// The history of a repository that is open.
    pub(super) fn of(repository: &'r Repository, home: &'r Home, missing: &'r Missing) -> Self {
        Self::held(Held::Lent(repository), &home.common_dir, Some((home, missing)))
    }

    fn held(repository: Held<'r>, folder: &Path, missing: Option<(&'r Home, &'r Missing)>) -> Self {
        let text = std::fs::read_to_string(folder.join("shallow")).unwrap_or_default();
        let shallow = text.lines().filter_map(|line| Oid::from_str(line.trim()).ok()).collect();
        Self { repository, shallow, missing }
    }

    /// The full hash of the commit that a name (`main`, `HEAD~2`, a hash) stands for.
    pub fn resolve(&self, name: &str) -> Result<String, GitError> {
        let no_revision = |_| GitError::NoRevision(name.to_owned());
        let found = self.repository.revparse_single(name).map_err(no_revision)?;
        Ok(found.peel_to_commit().map_err(no_revision)?.id().to_string())
    }

    /// The file that stands in a folder (from the top; empty for the top) of a commit by one of the names, the first that is
    /// there.
    pub fn find(&self, commit: &str, (folder, names): (&str, &[&str])) -> Result<Option<Found>, GitError> {
        let place = Place { odb: self.repository.odb()?, folders: parts(folder), names };
        let step = Step::read(&place.odb, Oid::from_str(commit)?)?;
        Ok(place.look(step.tree, None)?.file)
    }

    /// The content of a file.
    pub fn blob(&self, id: BlobId) -> Result<Vec<u8>, GitError> {
        match (self.repository.find_blob(id.0), self.missing) {
            (Err(error), Some((home, missing))) if is_missing(&error) => {
                missing.fetch(home, &self.repository, id.0, &[], error)?;
                Ok(self.repository.find_blob(id.0)?.content().to_owned())
            }
            (found, _) => Ok(found?.content().to_owned()),
        }
    }

    /// What a commit says of itself.
    pub fn info(&self, hash: &str) -> Result<CommitInfo, GitError> {
        let id = Oid::from_str(hash)?;
        let commit = self.repository.find_commit(id)?;
        let message = String::from_utf8_lossy(commit.message_bytes());
        let (subject, body) = subject_and_body(&message);
        let title = message.trim_start_matches('\n').lines().next().unwrap_or_default().to_owned();
        let parents = if self.shallow.contains(&id) { Vec::new() } else { commit.parent_ids().collect() };
        Ok(CommitInfo {
            hash: hash.to_owned(),
            parents: parents.iter().map(ToString::to_string).collect(),
            author: signature(&commit.author()),
            committer: signature(&commit.committer()),
            title,
            subject,
            body,
        })
    }

    /// Whether any of the commits up to one, along first parents and what was merged there, has all of some words in its
    /// message, in whatever case; `None` where the clone ends before that can be told, or where too much was merged. Messages
    /// alone are read, which takes a tenth of comparing files.
    pub fn mentions(&self, from: &str, words: &[&str], most: usize) -> Result<Option<bool>, GitError> {
        let odb = self.repository.odb()?;
        let words: Vec<Vec<u8>> = words.iter().map(|word| word.to_ascii_lowercase().into_bytes()).collect();
        let finders: Vec<_> = words.iter().map(memchr::memmem::Finder::new).collect();
        // The parents of a commit; `None` where the clone lacks it.
        let look = |commit: Oid| -> Result<Option<(bool, Vec<Oid>)>, GitError> {
            let object = match odb.read(commit) {
                Ok(object) => object,
                Err(error) if error.code() == ErrorCode::NotFound => return Ok(None),
                Err(error) => return Err(error.into()),
            };
            let text = object.data().to_ascii_lowercase();
            let has_all = finders.iter().all(|finder| finder.find(&text).is_some());
            Ok(Some((has_all, Step::of(&object, commit)?.parents)))
        };
        let mut seen = HashSet::new();
        let mut merged = Vec::new();
        let mut next = Some(Oid::from_str(from)?);
        for _ in 0..most {
            let Some(commit) = next else { break };
            let Some((has_all, parents)) = look(commit)? else { return Ok(None) };
            if has_all {
                return Ok(Some(true));
            }
            if self.shallow.contains(&commit) {
                return Ok(None);
            }
            seen.insert(commit);
            let mut parents = parents.into_iter();
            next = parents.next();
            merged.extend(parents);
        }
        // What was merged, down to where it had left the branch.
        let mut left = MOST_MERGED;
        while let Some(commit) = merged.pop() {
            if !seen.insert(commit) {
                continue;
            }
            let Some((has_all, parents)) = look(commit)?.filter(|_| left > 0 && !self.shallow.contains(&commit)) else {
                return Ok(None);
            };
            if has_all {
                return Ok(Some(true));
            }
            left -= 1;
            merged.extend(parents);
        }
        Ok(Some(false))
    }

    /// The paths, from the top, of the files that a commit changed against its first parent; none where there is none.
    pub fn changed(&self, commit: &CommitInfo) -> Result<Vec<String>, GitError> {
        let Some(parent) = commit.parents.first() else { return Ok(Vec::new()) };
        let tree = |hash: &str| self.repository.find_commit(Oid::from_str(hash)?)?.tree();
        let (before, after) = (tree(parent)?, tree(&commit.hash)?);
        let diff = self.repository.diff_tree_to_tree(Some(&before), Some(&after), None)?;
        let path = |delta: git2::DiffDelta<'_>| {
            let file = delta.new_file().path().or_else(|| delta.old_file().path());
            file.map(|path| path.to_string_lossy().into_owned())
        };
        Ok(diff.deltas().filter_map(path).collect())
    }

    /// Walks from a commit along first parents, over at most `most` commits, and shows those that changed the file in
    /// `folder` (from the top; empty for the top) that goes by the first of `names` that is there; from the newest on, until
    /// `visit` breaks off or the history ends.
    pub fn touches(
        &self,
        from: &str,
        (folder, names): (&str, &[&str]),
        most: usize,
        visit: &mut dyn FnMut(Touch) -> ControlFlow<()>,
    ) -> Result<End, GitError> {
        let place = Place { odb: self.repository.odb()?, folders: parts(folder), names };
        let mut chain = Chain::new(&place.odb, &self.shallow, Oid::from_str(from)?, most);
        let mut size = FIRST_CHUNK;
        let mut steps = chain.read(size)?;
        // The oldest commit so far: what it changed shows when its parent is looked at.
        let mut open: Option<(Step, Levels)> = None;
        while !steps.is_empty() {
            size = (size * 2).min(LARGEST_CHUNK);
            let seen = open.as_ref().map(|(_, levels)| levels);
            // While these are compared, the next ones are read: the two take about as long.
            let (looked, next) = rayon::join(|| place.look_along(&steps, seen), || chain.read(size));
            let (looked, is_all) = looked?;
            for (step, levels) in steps.into_iter().zip(looked) {
                if let Some((younger, after)) = open.take()
                    && after.file != levels.file
                    && visit(touch(&younger, levels.file, after.file)).is_break()
                {
                    return Ok(End::Stopped);
                }
                open = Some((step, levels));
            }
            if !is_all {
                return Ok(End::Missing(open.map_or_else(|| from.to_owned(), |(step, _)| step.commit.to_string())));
            }
            steps = next?;
        }
        if let (End::Root, Some((step, levels))) = (&chain.end, open)
            && levels.file.is_some()
            && visit(touch(&step, None, levels.file)).is_break()
        {
            return Ok(End::Stopped);
        }
        Ok(chain.end)
    }
}

fn touch(step: &Step, before: Option<Found>, after: Option<Found>) -> Touch {
    let parents = step.parents.iter().map(ToString::to_string).collect();
    Touch { commit: step.commit.to_string(), parents, before, after }
}

fn parts(folder: &str) -> Vec<&str> {
    folder.split('/').filter(|part| !matches!(*part, "" | ".")).collect()
}

fn signature(signature: &git2::Signature<'_>) -> Signature {
    let when = signature.when();
    Signature {
        name: String::from_utf8_lossy(signature.name_bytes()).into_owned(),
        mail: String::from_utf8_lossy(signature.email_bytes()).into_owned(),
        seconds: when.seconds(),
        offset: when.offset_minutes(),
    }
}

/// A message as Git takes it apart: its first paragraph is the subject, in one line.
fn subject_and_body(message: &str) -> (String, String) {
    let mut lines = message.lines().skip_while(|line| line.trim().is_empty());
    let subject: Vec<&str> = lines.by_ref().take_while(|line| !line.trim().is_empty()).map(str::trim).collect();
    let body: Vec<&str> = lines.map(str::trim_end).collect();
    (subject.join(" "), body.join("\n").trim_matches('\n').to_owned())
}

/// A commit of the chain, as far as a walk needs it.
struct Step {
    commit: Oid,
    tree: Oid,
    parents: Vec<Oid>,
}

impl Step {
    fn read(odb: &Odb<'_>, commit: Oid) -> Result<Self, git2::Error> {
        Self::of(&odb.read(commit)?, commit)
    }

    fn of(object: &git2::OdbObject<'_>, commit: Oid) -> Result<Self, git2::Error> {
        let broken = || git2::Error::from_str(&format!("`{commit}` is no readable commit"));
        if object.kind() != ObjectType::Commit {
            return Err(broken());
        }
        let mut lines = object.data().split(|byte| *byte == b'\n');
        let id = |hex: &[u8]| std::str::from_utf8(hex).ok().and_then(|hex| Oid::from_str(hex).ok());
        let tree = lines.next().and_then(|line| id(line.strip_prefix(b"tree ")?)).ok_or_else(broken)?;
        let parents = lines.map_while(|line| id(line.strip_prefix(b"parent ")?)).collect();
        Ok(Self { commit, tree, parents })
    }
}

/// First parents, read on demand.
struct Chain<'a> {
    odb: &'a Odb<'a>,
    shallow: &'a HashSet<Oid>,
    /// The youngest commit that is not read.
    next: Option<Oid>,
    /// Whether one was read.
    is_under_way: bool,
    /// How many may be read still.
    left: usize,
    /// Why there is no next one, as far as that is known.
    end: End,
}

impl<'a> Chain<'a> {
    fn new(odb: &'a Odb<'a>, shallow: &'a HashSet<Oid>, from: Oid, most: usize) -> Self {
        Self { odb, shallow, next: Some(from), is_under_way: false, left: most, end: End::Missing(from.to_string()) }
    }

    /// The next commits, at most so many; none after the last.
    fn read(&mut self, most: usize) -> Result<Vec<Step>, git2::Error> {
        let mut steps: Vec<Step> = Vec::new();
        while steps.len() < most {
            let Some(commit) = self.next else { break };
            if self.left == 0 {
                self.next = None;
                break;
            }
            let step = match Step::read(self.odb, commit) {
                Ok(step) => step,
                // A clone without its older commits that has no list of where it ends.
                Err(error) if error.code() == ErrorCode::NotFound && self.is_under_way => {
                    self.next = None;
                    break;
                }
                Err(error) => return Err(error),
            };
            self.is_under_way = true;
            self.left -= 1;
            self.next = step.parents.first().copied().filter(|_| !self.shallow.contains(&commit));
            self.end = match (step.parents.first(), self.next) {
                (None, _) => End::Root,
                (Some(_), None) => End::Shallow(commit.to_string()),
                _ if self.left == 0 => End::Limit(commit.to_string()),
                _ => End::Missing(commit.to_string()),
            };
            steps.push(step);
        }
        Ok(steps)
    }
}

/// The way to a file in one commit.
#[derive(Clone)]
struct Levels {
    /// The trees from the top down, as far as there are any.
    trees: Vec<Oid>,
    file: Option<Found>,
}

/// Where to look in each commit.
struct Place<'a> {
    odb: Odb<'a>,
    folders: Vec<&'a str>,
    names: &'a [&'a str],
}

impl Place<'_> {
    /// The way to the file below a top tree; what another commit had is taken over from where both are the same.
    fn look(&self, top: Oid, other: Option<&Levels>) -> Result<Levels, git2::Error> {
        let mut trees = vec![top];
        loop {
            let depth = trees.len() - 1;
            let tree = trees[depth];
            if let Some(other) = other.filter(|other| other.trees.get(depth) == Some(&tree)) {
                trees.extend(other.trees.iter().skip(depth + 1));
                return Ok(Levels { trees, file: other.file });
            }
            let object = self.odb.read(tree)?;
            let Some(folder) = self.folders.get(depth) else {
                let found = self.names.iter().enumerate().find_map(|(name, text)| {
                    let (mode, id) = entry(object.data(), text.as_bytes(), tree.as_bytes().len())?;
                    (!mode.starts_with(b"4")).then(|| id.map(|id| Found { name, blob: BlobId(id) }))?
                });
                return Ok(Levels { trees, file: found });
            };
            match entry(object.data(), folder.as_bytes(), tree.as_bytes().len()) {
                Some((b"40000", Some(id))) => trees.push(id),
                _ => return Ok(Levels { trees, file: None }),
            }
        }
    }

    /// [`Place::look`] at each of some commits that follow each other, as far as their trees are there, and whether all are.
    fn look_along(&self, steps: &[Step], seen: Option<&Levels>) -> Result<(Vec<Levels>, bool), git2::Error> {
        let mut all: Vec<Levels> = Vec::with_capacity(steps.len());
        for step in steps {
            match self.look(step.tree, all.last().or(seen)) {
                Ok(levels) => all.push(levels),
                Err(error) if error.code() == ErrorCode::NotFound => return Ok((all, false)),
                Err(error) => return Err(error),
            }
        }
        Ok((all, true))
    }
}

/// Finds a name in a raw tree: `MODE NAME\0HASH`, again and again. Its mode and its object.
fn entry<'t>(tree: &'t [u8], name: &[u8], hash: usize) -> Option<(&'t [u8], Option<Oid>)> {
    let mut rest = tree;
    loop {
        let space = rest.iter().take(8).position(|byte| *byte == b' ')?;
        let (mode, named) = (rest.get(..space)?, rest.get(space + 1..)?);
        if named.starts_with(name) && named.get(name.len()) == Some(&0) {
            let id = named.get(name.len() + 1..name.len() + 1 + hash)?;
            return Some((mode, Oid::from_bytes(id).ok()));
        }
        let end = named.iter().position(|byte| *byte == 0)?;
        rest = named.get(end + 1 + hash..)?;
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::PathBuf;
    use std::process::{Command, Stdio};

    use super::*;

    type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

    const PLACE: (&str, &[&str]) = ("apps/b/overlays", &["k.yaml", "k.yml"]);

    fn git(folder: &Path, arguments: &[&str], input: &[u8]) -> Fallible<String> {
        let mut command = Command::new("git");
        command.current_dir(folder).args(["-c", "protocol.file.allow=always"]).args(arguments);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        std::io::Write::write_all(&mut child.stdin.take().ok_or("no input")?, input)?;
        let ended = child.wait_with_output()?;
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "git {arguments:?}: {said}");
        Ok(String::from_utf8(ended.stdout)?.trim_end().to_owned())
    }

    /// A repository of some commits that change, remove and rename files, now and then on a branch that is merged.
    fn repository(folder: &Path, count: usize, loose: bool) -> Fallible<PathBuf> {
        let path = folder.join(if loose { "loose" } else { "packed" });
        git(folder, &["init", "--quiet", "--initial-branch", "main", &path.to_string_lossy()], b"")?;
        let mut stream = String::new();
        let mut seed = 7_u32;
        let mut dice = |sides: u32| {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) % sides
        };
        let mut tip = 0;
        let mut mark = 0;
        for number in 0..count {
            let name = ["apps/a/overlays/k.yaml", "apps/b/overlays/k.yaml", "apps/b/overlays/k.yml", "apps/b/x", "top"]
                [dice(5) as usize];
            let change = match dice(8) {
                0 => format!("D {name}\n"),
                1 => "D apps/b\n".to_owned(),
                _ => format!("M 100644 inline {name}\ndata 2\n{}\n\n", dice(10)),
            };
            let mut commit = |parents: &str, branch: &str, change: &str| {
                mark += 1;
                let person = format!("A <a@example.com> {} +0000", 1_700_000_000 + mark);
                let _ = write!(stream, "commit refs/heads/{branch}\nmark :{mark}\ncommitter {person}\n");
                let _ = write!(stream, "data 2\nx\n{parents}{change}\n");
                mark
            };
            let from = if tip == 0 { String::new() } else { format!("from :{tip}\n") };
            tip = if number > 0 && dice(10) == 0 {
                let side = commit(&from, "side", &change);
                // Without files, a merge has those of its first parent.
                let change = if dice(3) == 0 { String::new() } else { change };
                commit(&format!("{from}merge :{side}\n"), "main", &change)
            } else {
                commit(&from, "main", &change)
            };
        }
        let limit = format!("fastimport.unpackLimit={}", if loose { 1_000_000 } else { 1 });
        git(&path, &["-c", &limit, "fast-import", "--quiet"], stream.as_bytes())?;
        Ok(path)
    }

    fn walked(history: &History<'_>, from: &str, most: usize) -> Fallible<(Vec<Touch>, End)> {
        let mut touches = Vec::new();
        let end = history.touches(&history.resolve(from)?, PLACE, most, &mut |touch| {
            touches.push(touch);
            ControlFlow::Continue(())
        })?;
        Ok((touches, end))
    }

    fn hashes(touches: &[Touch]) -> Vec<&str> {
        touches.iter().map(|touch| touch.commit.as_str()).collect()
    }

    /// What Git says. It knows nothing of a second name that is hidden by the first, so each commit is asked.
    fn expected(path: &Path) -> Fallible<Vec<String>> {
        let format = ["log", "--first-parent", "--reverse", "--format=%H", "main"];
        let mut last = String::new();
        let mut changed = Vec::new();
        for commit in git(path, &format, b"")?.lines() {
            let listed = git(path, &["ls-tree", commit, "apps/b/overlays/k.yaml", "apps/b/overlays/k.yml"], b"")?;
            let first = listed.lines().next().unwrap_or_default().to_owned();
            if first != last {
                changed.push(commit.to_owned());
                last = first;
            }
        }
        changed.reverse();
        Ok(changed)
    }

    #[test]
    fn messages_tell_what_was_mentioned_on_the_branch_and_in_what_it_merged() -> Fallible {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("r");
        git(folder.path(), &["init", "--quiet", "--initial-branch", "main", &path.to_string_lossy()], b"")?;
        let mut stream = String::new();
        let mut commit = |mark: usize, branch: &str, message: &str, parents: &str| {
            let _ =
                write!(stream, "commit refs/heads/{branch}\nmark :{mark}\ncommitter A <a@example.com> {mark} +0000\n");
            let _ = write!(stream, "data {}\n{message}\n{parents}\n", message.len());
        };
        commit(1, "main", "Begin", "");
        commit(2, "main", "Undo\n\nGitopsctl-REJECTS: order v1", "from :1\n");
        commit(3, "side", "Undo\n\nGitopsctl-Rejects: user v1", "from :1\n");
        commit(4, "main", "Merge", "from :2\nmerge :3\n");
        commit(5, "main", "More", "from :4\n");
        git(&path, &["fast-import", "--quiet"], stream.as_bytes())?;
        let history = History::open(&path)?;
        let tip = history.resolve("main")?;
        let asked = |name: &str, most: usize| history.mentions(&tip, &["gitopsctl-rejects", name], most);
        assert_eq!((asked("order", 9)?, asked("user", 9)?, asked("other", 9)?), (Some(true), Some(true), Some(false)));
        // Two commits of the branch bring the merge, and what that merged down to the first commit.
        assert_eq!((asked("order", 2)?, asked("user", 2)?, asked("user", 1)?), (Some(false), Some(true), Some(false)));
        // Where the clone ends, nobody knows.
        let shallow = folder.path().join("s");
        let url = format!("file://{}", path.display());
        git(folder.path(), &["clone", "--quiet", "--depth", "2", &url, &shallow.to_string_lossy()], b"")?;
        let history = History::open(&shallow)?;
        let asked = |most: usize| history.mentions(&tip, &["gitopsctl-rejects", "order"], most);
        assert_eq!((asked(1)?, asked(9)?), (Some(false), None));
        Ok(())
    }

    #[test]
    fn a_walk_finds_what_git_finds() -> Fallible {
        let folder = tempfile::tempdir()?;
        for loose in [true, false] {
            let path = repository(folder.path(), 400, loose)?;
            let expected = expected(&path)?;
            assert!(expected.len() > 50);
            for repack in [false, true] {
                if repack {
                    git(&path, &["gc", "--quiet"], b"")?;
                }
                let (touches, end) = walked(&History::open(&path)?, "main", usize::MAX)?;
                assert_eq!((hashes(&touches), end), (expected.iter().map(String::as_str).collect(), End::Root));
                for pair in touches.windows(2) {
                    assert_eq!(pair[0].before, pair[1].after, "one takes up where the other ends");
                }
                assert!(
                    touches.iter().any(|touch| touch.after.is_none())
                        && touches.last().is_some_and(|last| last.before.is_none())
                );
                assert!(touches.iter().any(|touch| touch.parents.len() == 2));
            }
        }
        Ok(())
    }

    #[test]
    fn a_shallow_clone_is_walked_to_its_boundary() -> Fallible {
        let folder = tempfile::tempdir()?;
        let path = repository(folder.path(), 120, false)?;
        let expected = expected(&path)?;
        for depth in [1, 20, 70] {
            let clone = folder.path().join(format!("clone{depth}"));
            let url = format!("file://{}", path.display());
            git(
                folder.path(),
                &["clone", "--quiet", "--depth", &depth.to_string(), &url, &clone.to_string_lossy()],
                b"",
            )?;
            let boundary = git(&path, &["rev-parse", &format!("main~{}", depth - 1)], b"")?;
            let history = History::open(&clone)?;
            let (touches, end) = walked(&history, "HEAD", usize::MAX)?;
            assert_eq!(end, End::Shallow(boundary.clone()), "{depth}");
            assert_eq!(hashes(&touches), expected.iter().take(touches.len()).map(String::as_str).collect::<Vec<_>>());
            let next = expected.get(touches.len()).map(String::as_str).unwrap_or_default();
            git(&path, &["merge-base", "--is-ancestor", next, &boundary], b"")?;
            assert_eq!(history.info(&boundary)?.parents, Vec::<String>::new());
        }
        Ok(())
    }

    #[test]
    fn a_walk_ends_where_it_is_told_to_or_must() -> Fallible {
        let folder = tempfile::tempdir()?;
        let path = repository(folder.path(), 100, true)?;
        let history = History::open(&path)?;
        let (all, _) = walked(&history, "main", usize::MAX)?;
        let mut first = None;
        let end = history.touches(&history.resolve("main")?, PLACE, usize::MAX, &mut |touch| {
            first = Some(touch);
            ControlFlow::Break(())
        })?;
        assert_eq!((first.as_ref(), end), (all.first(), End::Stopped));
        let last = git(&path, &["rev-parse", "main~9"], b"")?;
        let (some, end) = walked(&history, "main", 10)?;
        assert_eq!((hashes(&some), end), (hashes(&all[..some.len()]), End::Limit(last)));
        // An object that is not there, as in a partial clone.
        let lost = git(&path, &["rev-parse", "main~80"], b"")?;
        let child = git(&path, &["rev-parse", "main~79"], b"")?;
        std::fs::remove_file(path.join(".git/objects").join(&lost[..2]).join(&lost[2..]))?;
        assert_eq!(walked(&History::open(&path)?, "main", usize::MAX)?.1, End::Missing(child));
        assert!(matches!(History::open(&path)?.find(&lost, PLACE), Err(GitError::Git(_))), "not as if it had no file");
        let tree = git(&path, &["rev-parse", "main~50^{tree}"], b"")?;
        std::fs::remove_file(path.join(".git/objects").join(&tree[..2]).join(&tree[2..]))?;
        let (_, end) = walked(&History::open(&path)?, "main", usize::MAX)?;
        let End::Missing(end) = end else { return Err("a tree is missing".into()) };
        git(&path, &["merge-base", "--is-ancestor", &end, "main"], b"")?;
        Ok(())
    }

    #[test]
    fn a_message_is_taken_apart_as_git_does() {
        for (message, subject, body) in [
            ("a\n", "a", ""),
            ("\n\na\nb\n\n\nc\n\nd\n\n", "a b", "c\n\nd"),
            ("a\r\n\r\n  c\r\n", "a", "  c"),
            ("", "", ""),
        ] {
            assert_eq!(subject_and_body(message), (subject.to_owned(), body.to_owned()), "{message:?}");
        }
    }

    #[test]
    fn a_worktree_beside_and_a_bare_clone_have_a_history() -> Fallible {
        let folder = tempfile::tempdir()?;
        let path = repository(folder.path(), 30, false)?;
        let (all, _) = walked(&History::open(&path)?, "main", usize::MAX)?;
        git(&path, &["worktree", "add", "--quiet", "--detach", "../beside", "main"], b"")?;
        git(&path, &["clone", "--quiet", "--bare", ".", "../bare"], b"")?;
        for name in ["beside", "bare"] {
            assert_eq!(
                walked(&History::open(&folder.path().join(name))?, "HEAD", usize::MAX)?,
                (all.clone(), End::Root)
            );
        }
        Ok(())
    }
}
