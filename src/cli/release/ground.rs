//! What a release is worked out on: the files of a commit or of the work tree, with their settings.

use std::path::{Path, PathBuf};

use crate::cli::place::{Place, inside};
use crate::cli::terminal::Failure;
use crate::cli::{Exit, policies};
use crate::git::{self, Store};
use crate::kustomize::Options;
use crate::pipeline::past::Chronicle;
use crate::pipeline::release::Settings;
use crate::pipeline::{gather, land};
use crate::policy::Policybook;
use crate::release::{Class, Known, Past, Refusal, Rejected, Scope, Step, codes};
use crate::source::SourceMap;
use crate::tree::{Tree, normal};

/// A scope as the tree has it: a path is relative to the directory of the command.
fn located(scope: &Scope, directory: &Path, home: Option<&Path>) -> Result<Scope, Refusal> {
    let (Scope::Path(path), Some(home)) = (scope, home) else { return Ok(scope.clone()) };
    let outside = || {
        let message = format!("`{path}` lies outside of the repository");
        Refusal::new(Class::Usage, &codes::NO_OVERLAY, message)
    };
    let start = directory.canonicalize().map_err(|_| outside())?;
    let full = if Path::new(path).is_absolute() {
        PathBuf::from(path).canonicalize().unwrap_or_else(|_| PathBuf::from(path))
    } else {
        start.join(path)
    };
    let full = normal("", &full.to_string_lossy()).ok_or_else(outside)?;
    let below = Path::new(&full).strip_prefix(inside(home)).map_err(|_| outside())?;
    Ok(Scope::Path(below.to_string_lossy().into_owned()))
}

/// The files of a commit, or of the work tree, on which a release is worked out.
pub(in crate::cli) struct Ground<'a> {
    pub(in crate::cli) place: &'a gather::Place<'a>,
    pub(in crate::cli) settings: &'a Settings,
    pub(in crate::cli) book: &'a Policybook,
    /// The scope of the command line in this tree.
    pub(in crate::cli) scope: Scope,
    pub(in crate::cli) past: &'a dyn Past,
    /// Where the commits are, and the one that this is; `None` where there is none.
    pub(in crate::cli) at: Option<(&'a Store, &'a str)>,
}

/// No history to ask.
pub(super) struct NoPast;

impl Past for NoPast {
    fn known(&self, _: &Step, _: &str, _: &str) -> Result<Known, String> {
        Err("there is no commit to look at".to_owned())
    }

    fn rejected(&self, _: &Step, _: &str, _: &str) -> Result<Rejected, String> {
        Ok(Rejected::No)
    }

    fn is_older(&self, _: &str, _: &str) -> Option<bool> {
        None
    }

    fn deepen(&self, _: usize) -> bool {
        false
    }
}

/// The place of the command in a commit.
pub(super) fn at_commit(store: &Store, directory: &Path, commit: &str) -> Result<Place, Refusal> {
    let revision = store.revision(commit).map_err(|error| land::of_git(&error))?;
    let top = store.top().and_then(|top| top.canonicalize().ok());
    let here = directory.canonicalize().ok();
    let below = top.zip(here).and_then(|(top, here)| Some(here.strip_prefix(top).ok()?.to_string_lossy().into_owned()));
    let directory = below.unwrap_or_default();
    let place = Place { tree: Tree::revision(revision), directory, repository: String::new(), base: String::new() };
    Ok(place.at_top(None))
}

/// How a release is worked out on a ground.
type Work<'w, T> = &'w mut dyn FnMut(&Ground<'_>, &mut SourceMap) -> Result<T, Refusal>;

/// What a command knows before it has read a file.
pub(super) struct Seen<'a> {
    /// The directory of the command.
    pub(super) directory: &'a Path,
    /// The scope of the command line.
    pub(super) scope: &'a Scope,
    /// The URL of the repository.
    pub(super) origin: Option<&'a str>,
    pub(super) past: &'a dyn Past,
    /// Where the commits are, and the one that is looked at.
    pub(super) at: Option<(&'a Store, &'a str)>,
}

/// Reads the settings of a place, and works something out there.
pub(super) fn on<T>(
    place: &Place,
    home: &Tree,
    seen: &Seen<'_>,
    sources: &mut SourceMap,
    work: Work<'_, T>,
) -> Result<T, Refusal> {
    let release = crate::cli::build::release(place, None).map_err(refused)?;
    let from = gather::Place {
        tree: &place.tree,
        repository: &place.repository,
        home,
        options: Options { release, ..Options::default() },
        origin: seen.origin,
        settings: None,
    };
    let (book, _) = policies::book(home).map_err(refused)?;
    let settings = Settings::load(&from, sources)?;
    let top = match (home.root(), seen.at) {
        (Some(root), _) => Some(root.to_owned()),
        (None, Some((store, _))) => store.top().map(|top| top.join(&place.repository)),
        (None, None) => None,
    };
    let top = top.map(|top| top.canonicalize().unwrap_or(top));
    let scope = located(seen.scope, seen.directory, top.as_deref())?;
    let (past, at) = (seen.past, seen.at);
    work(&Ground { place: &from, settings: &settings, book: &book, scope, past, at }, sources)
}

/// Works something out on the files of a commit.
pub(in crate::cli) fn ground_at<T>(
    store: &Store,
    directory: &Path,
    commit: &str,
    scope: &Scope,
    sources: &mut SourceMap,
    work: Work<'_, T>,
) -> Result<T, Refusal> {
    let place = at_commit(store, directory, commit)?;
    let past = Chronicle::new(store, None, commit, &place.repository, None);
    let origin = git::facts(directory).and_then(|facts| facts.origin);
    let seen = Seen { directory, scope, origin: origin.as_deref(), past: &past, at: Some((store, commit)) };
    let found = on(&place, &place.home(), &seen, sources, work)?;
    place.is_whole().map_err(refused)?;
    Ok(found)
}

/// A failure of another part of the command line.
pub(super) fn refused(failure: Failure) -> Refusal {
    match failure {
        Failure::Told { exit, message, help } => {
            let class = match exit {
                Exit::Usage => Class::Usage,
                Exit::Environment => Class::Environment,
                _ => Class::Input,
            };
            help.into_iter().fold(Refusal::new(class, &codes::USAGE, message), Refusal::help)
        }
        Failure::BrokenPipe => Refusal::new(Class::Environment, &codes::GIT, "the output went away"),
    }
}
