//! What the history says to the guards.

use std::path::Path;

use crate::git::{self, Fetch, Reach, Remote, Store};
use crate::release::{self, Known, Limit, Past, Place, Rejected, Step, parse_trailers, trailers};

/// How far a rejection is looked for: releases of the service, and commits of whatever.
const FAR: Limit = Limit { changes: 20, commits: 2_000 };

/// How many commits more a shallow clone is given, in turn.
const DEEPER: [u32; 3] = [200, 2_000, 20_000];

/// The history of a branch up to a commit, and that of the source.
#[derive(Debug)]
pub struct Chronicle<'a> {
    store: &'a Store,
    /// Where more of a shallow clone's history comes from, and the branch there.
    remote: Option<(&'a Remote, &'a str)>,
    commit: &'a str,
    /// The folder of the settings, from the top of Git's repository.
    root: &'a str,
    source: Option<&'a Path>,
}

impl<'a> Chronicle<'a> {
    /// The history up to a commit; `source` is a clone of what is released.
    pub fn new(
        store: &'a Store,
        remote: Option<(&'a Remote, &'a str)>,
        commit: &'a str,
        root: &'a str,
        source: Option<&'a Path>,
    ) -> Self {
        Self { store, remote, commit, root, source }
    }
}

/// The folder of a file, from the top of Git's repository.
fn folder(root: &str, file: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    match (root.is_empty(), folder.is_empty()) {
        (true, _) => folder.to_owned(),
        (false, true) => root.to_owned(),
        (false, false) => crate::tree::join(root, folder),
    }
}

impl Past for Chronicle<'_> {
    fn known(&self, step: &Step, file: &str, image: &str) -> Result<Known, String> {
        let folder = folder(self.root, file);
        let place = Place { service: &step.service, environment: Some(&step.environment), folder: &folder, image };
        for turn in 0.. {
            let history = self.store.history();
            let current =
                release::current(&history, place, self.commit, usize::MAX).map_err(|error| error.to_string())?;
            let Some(since) = current.since else {
                if current.ended.end.is_cut() && self.deepen(turn) {
                    continue;
                }
                return Err("the history does not reach back to the release that runs".to_owned());
            };
            let made = since.made_by();
            let said = parse_trailers(&format!("{}\n\n{}", made.subject, made.body));
            let value = |name: &str| {
                said.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
            };
            return Ok(Known {
                source: value("Argocd-reference-commit-sha").map(|sha| sha.to_ascii_lowercase()),
                build: value(trailers::BUILD).and_then(|number| number.parse().ok()),
            });
        }
        Err("the history does not reach back to the release that runs".to_owned())
    }

    fn rejected(&self, step: &Step, file: &str, image: &str) -> Result<Rejected, String> {
        let folder = folder(self.root, file);
        let place = Place { service: &step.service, environment: Some(&step.environment), folder: &folder, image };
        // A rejection is a trailer: where no message has one for the service, no file need be compared.
        let words = [trailers::REJECTS, &step.service];
        if self.store.history().mentions(self.commit, &words, FAR.commits).is_ok_and(|found| found == Some(false)) {
            return Ok(Rejected::No);
        }
        for turn in 0.. {
            let history = self.store.history();
            let found = release::rejections(&history, place, self.commit, FAR).map_err(|error| error.to_string())?;
            if let Some(rejection) = found.of(&step.to) {
                return Ok(Rejected::By(rejection.commit.hash.clone()));
            }
            if !found.end.is_cut() {
                return Ok(Rejected::No);
            }
            if !self.deepen(turn) {
                break;
            }
        }
        Ok(Rejected::Unknown)
    }

    fn is_older(&self, commit: &str, than: &str) -> Option<bool> {
        git::is_before(self.source?, commit, than)
    }

    fn deepen(&self, turn: usize) -> bool {
        let (Some((remote, branch)), Some(more)) = (self.remote, DEEPER.get(turn)) else { return false };
        let before = self.store.shallow();
        let fetch = Fetch { history: Reach::Deeper(*more), ..Fetch::default() };
        remote.fetch(branch, &fetch).is_ok() && self.store.shallow() != before
    }
}
