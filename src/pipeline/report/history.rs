//! The releases of a service in an environment, as the branch has them.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::Path;

use crate::git::{End, History};
use crate::kube::KUSTOMIZATIONS;
use crate::release::{self, Change, Place, Row, abbreviated, entries, own_entry};
use crate::source::FileId;
use crate::tree::{Tree, join};
use crate::view::report::Release;

/// Versions that are shown of each service and environment.
const MOST_RELEASES: usize = 20;

/// Where the releases are.
#[derive(Debug)]
pub struct Past<'a> {
    /// The directory of the repository.
    pub directory: &'a Path,
    /// The full hash of the commit to look from.
    pub commit: &'a str,
    /// Where the settings begin below the top of Git's repository.
    pub below: &'a str,
    /// The files, from the settings on.
    pub home: &'a Tree,
    /// How many commits are looked at for each.
    pub most: usize,
}

thread_local! {
    /// A repository cannot be shared between threads, and opening one for each service takes as long as looking.
    static OPEN: RefCell<Option<(std::path::PathBuf, History<'static>)>> = const { RefCell::new(None) };
}

impl Past<'_> {
    /// The versions of a service's image in an overlay, from the newest on, and why there may be more.
    pub(super) fn releases(&self, service: &str, environment: &str, path: &str) -> (Vec<Release>, String) {
        let file = KUSTOMIZATIONS.into_iter().map(|name| join(path, name)).find(|file| self.home.has_file(file));
        let text = file.and_then(|file| self.home.text(&file).ok().flatten()).unwrap_or_default();
        let entries = entries(&text, FileId::NONE).unwrap_or_default();
        let Some(entry) = own_entry(&entries, service) else { return (Vec::new(), String::new()) };
        let folder = if self.below.is_empty() { path.to_owned() } else { join(self.below, path) };
        let environment = Some(environment).filter(|name| !name.is_empty());
        let place = Place { service, environment, folder: &folder, image: &entry.name };
        OPEN.with_borrow_mut(|open| {
            if open.as_ref().is_none_or(|(directory, _)| directory != self.directory) {
                *open = History::open(self.directory).ok().map(|history| (self.directory.to_owned(), history));
            }
            open.as_ref().map_or_else(Default::default, |(_, history)| self.walked(history, place))
        })
    }

    fn walked(&self, history: &History<'_>, place: Place<'_>) -> (Vec<Release>, String) {
        let mut changes: Vec<Change> = Vec::new();
        let ended = release::changes(history, place, self.commit, self.most, &mut |change| {
            changes.push(change);
            if changes.len() >= MOST_RELEASES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let Ok(ended) = ended else { return (Vec::new(), "Git's objects cannot be read".to_owned()) };
        let note = match &ended.end {
            End::Stopped => format!("the last {MOST_RELEASES}"),
            End::Limit(_) => format!("of the last {} commits", self.most),
            End::Shallow(_) | End::Missing(_) => "as far as this clone reaches back".to_owned(),
            End::Root => String::new(),
        };
        (release::rows(&changes, &ended).into_iter().map(shown).collect(), note)
    }
}

fn shown(row: Row) -> Release {
    Release {
        since: row.since.and_then(release::moment).unwrap_or_default(),
        version: row.version.as_ref().map_or_else(|| "none".to_owned(), |one| release::short(&one.version)),
        how: row.kind.map_or("", release::Kind::name),
        by: row.author.map(|(name, _)| release::line(&name)).unwrap_or_default(),
        commit: row.commit.as_deref().map(|commit| abbreviated(commit).to_owned()).unwrap_or_default(),
        subject: row.subject.as_deref().map(release::line).unwrap_or_default(),
    }
}
