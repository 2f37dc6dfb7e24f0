//! What a run of `lint` is held against: the settings of another revision, what changed since one, a baseline.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::Catalog;
use crate::cli::Exit;
use crate::cli::place::{Place, below, inside};
use crate::cli::terminal::Failure;
use crate::git;
use crate::pipeline::baseline;
use crate::policy::{self, Known};
use crate::tree::{Tree, join};

/// A revision whose settings and suppressions count.
pub(super) struct Trusted {
    name: String,
    /// Its files, from the top of Git's repository on.
    pub(super) tree: Tree,
    counts: Mutex<HashMap<String, Arc<Counts>>>,
}

/// How often each mark is in a file: now, and in the revision.
type Counts = (HashMap<String, usize>, HashMap<String, usize>);

impl Trusted {
    /// The revision of the repository around a directory.
    pub(super) fn open(directory: &Path, name: &str) -> Result<Self, Failure> {
        let tree = Place::of(directory, Path::new("."), Some(name)).or_else(|failure| {
            // The directory need not have been there.
            let top = directory.canonicalize().ok().and_then(|start| git::top(&start).map(Path::to_owned));
            top.map_or(Err(failure), |top| Place::of(&top, Path::new("."), Some(name)))
        })?;
        Ok(Self { name: name.to_owned(), tree: tree.tree, counts: Mutex::default() })
    }

    /// The path below the top of Git's repository of a path that people see.
    fn path(place: &Place, shown: &str) -> String {
        let top = place.git_top().unwrap_or_default();
        match below(shown, &top).filter(|_| !top.is_empty()) {
            Some(outside_of_the_root) => outside_of_the_root.to_owned(),
            None => join(below(&place.repository, &top).unwrap_or_default(), shown),
        }
    }

    /// Whether a comment or an annotation was there too, in the same file and about the same key. One more than there were
    /// makes all of them doubtful.
    pub(super) fn has(&self, place: &Place, path: &str, text: &str, at: usize) -> bool {
        let known = self.counts.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
        let counts = known.unwrap_or_else(|| {
            let before = self.tree.text(&Self::path(place, path)).ok().flatten().unwrap_or_default();
            let counts = Arc::new((marks(text), marks(&before)));
            self.counts.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), counts.clone());
            counts
        });
        let mark = policy::mark(text, at);
        let (now, before) = (counts.0.get(&mark).copied(), counts.1.get(&mark).copied());
        before.is_some_and(|before| now.is_some_and(|now| now <= before))
    }
}

fn marks(text: &str) -> HashMap<String, usize> {
    let (mut counts, mut at) = (HashMap::new(), 0);
    for line in text.split_inclusive('\n') {
        *counts.entry(policy::mark(text, at)).or_default() += 1;
        at += line.len();
    }
    counts
}

/// What changed since the merge base with a revision, or with the default branch.
pub(super) fn changes(start: &Path, since: Option<&str>, until: Option<&str>) -> Result<git::Changes, Failure> {
    let Some(since) = since.map(str::to_owned).or_else(|| git::default_branch(start)) else {
        let failure = Failure::told(Exit::Usage, "the repository has no default branch to hold this against");
        return Err(failure.with_help("name a revision with --since"));
    };
    git::changes(start, &since, until).map_err(|error| {
        let exit = match error {
            git::GitError::NoRepository(_) | git::GitError::NoRevision(_) => Exit::Usage,
            _ => Exit::Environment,
        };
        Failure::told(exit, error.to_string())
    })
}

/// The changed paths as people see them, wherever the root of the settings is.
pub(super) fn shown(place: &Place, changes: &git::Changes) -> BTreeSet<String> {
    let top = place.git_top().unwrap_or_default();
    changes.paths.iter().map(|path| place.shown(&join(&top, path)).to_owned()).collect()
}

/// What was there before, by the baseline file: one that the command line names, else that of the settings. Of a revision
/// whose settings count, its own.
pub(super) fn known(
    directory: &Path,
    named: Option<&Path>,
    settings: Option<&Catalog>,
    place: &Place,
    trusted: Option<&Trusted>,
) -> Result<Option<Known>, Failure> {
    let set = settings.and_then(|catalog| catalog.platform.policies.baseline.as_ref());
    let (shown, text) = match (named, set) {
        (None, None) => return Ok(None),
        (Some(path), _) => {
            let shown = path.display().to_string();
            let unreadable = |why: &dyn std::fmt::Display| {
                Failure::told(Exit::Input, format!("the baseline `{shown}` cannot be read: {why}"))
            };
            let full = directory.join(path);
            let kept = trusted.and_then(|trusted| Some((trusted, in_git(place, &full)?)));
            let text = match kept {
                Some((trusted, path)) => {
                    let text = trusted.tree.text(&path).ok().flatten();
                    text.ok_or_else(|| unreadable(&format!("it is not in `{}`", trusted.name)))?.to_string()
                }
                None => std::fs::read_to_string(&full).map_err(|error| unreadable(&error))?,
            };
            (shown, text)
        }
        (None, Some(path)) => {
            let text = match trusted {
                Some(trusted) => trusted.tree.text(&Trusted::path(place, path)),
                None => place.home().text(path),
            };
            let missing = || Failure::told(Exit::Input, format!("there is no baseline `{}`", path.value));
            (path.value.clone(), text.ok().flatten().ok_or_else(missing)?.to_string())
        }
    };
    let known = baseline::read(&text).map_err(|why| {
        let failure = Failure::told(Exit::Input, format!("the baseline `{shown}` cannot be used: {why}"));
        failure.with_help("`gitopsctl lint --write-baseline FILE` writes one")
    })?;
    Ok(Some(known))
}

/// The path of a file below the top of Git's repository; `None` for one that lies elsewhere.
fn in_git(place: &Place, full: &Path) -> Option<String> {
    let folder = full.parent()?.canonicalize().ok()?;
    let top = place.tree.root().and(place.git_top())?;
    let name = full.file_name()?.to_str()?;
    Some(join(below(&inside(&folder), &top)?, name))
}
