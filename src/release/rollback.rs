//! What a rollback changes: the last releases of a service, found by what its image's value was on the branch, and the
//! entry's old text put back as it was.
//!
//! Messages are in the form of `git revert` (2.43 and later), since other tools read them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::Timestamp;

use crate::git::{CommitInfo, Store};
use crate::release::diags::codes;
use crate::release::guard::{self, abbreviated};
use crate::release::message::{line, short, trailers};
use crate::release::{
    Change, Class, Edit, Ended, Fault, Freeze, Guard, Kind, Lookup, Past, Place, Plan, Planned, Prover, Refusal,
    Release, Ruling, Scope, Step, Target, Unchanged, Verdict, Version, changes, restore,
};
use crate::source::SourceMap;
use crate::tree::join;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Rollback {
    /// The service; with a path the image.
    pub service: String,
    /// Where.
    pub scope: Scope,
    /// The images that are meant; empty: the one that is the service's own.
    pub images: Vec<String>,
    /// How many releases are undone.
    pub releases: usize,
    /// The version to go back to, in place of a number.
    pub to: Option<Version>,
    /// What must run until then, or nothing is done.
    pub expect: Option<Version>,
    /// Why.
    pub reason: Option<String>,
    /// Whether a folder may fail to build afterwards.
    pub is_unproven_fine: bool,
    /// The moment of it.
    pub now: Timestamp,
    /// The windows of the settings: they warn.
    pub freezes: Vec<Freeze>,
}

/// A repository at a commit.
#[derive(Clone, Copy)]
pub struct At<'a> {
    /// The repository.
    pub store: &'a Store,
    /// The commit.
    pub commit: &'a str,
    /// The folder of the settings, from the top.
    pub root: &'a str,
}

/// What a rollback would do.
#[derive(Debug)]
pub struct RolledBack {
    /// What it changes.
    pub plan: Plan,
    /// The message of its commit.
    pub message: String,
}

/// What of the history is undone for one image.
struct Undone {
    /// The changes that are undone, from the newest on.
    changes: Vec<Change>,
    /// The changes that were passed over: rollbacks, and what they had undone.
    passed: Vec<Change>,
}

/// Works out a rollback at a commit.
pub fn rollback(
    request: &Rollback,
    lookup: &Lookup<'_>,
    at: At<'_>,
    past: &dyn Past,
    prover: &dyn Prover,
    sources: &mut SourceMap,
) -> Result<RolledBack, Refusal> {
    let is_image = matches!(request.scope, Scope::Path(_));
    let mut texts: BTreeMap<String, (Arc<str>, Arc<str>)> = BTreeMap::new();
    let (mut steps, mut unchanged, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut commits, mut rejected): (Vec<CommitInfo>, Vec<Version>) = (Vec::new(), Vec::new());
    for folder in lookup.folders(&request.service, &request.scope)? {
        for target in lookup.targets(&request.service, &folder, &request.images, is_image, prover, sources)? {
            let now = target.entry.as_ref().map(crate::release::Entry::version).filter(|version| !version.is_empty());
            expected(request, &target, now.as_ref())?;
            if let (Some(to), Some(now)) = (&request.to, &now)
                && now.is_same_release(to)
            {
                let environment = folder.environment_or_path().to_owned();
                unchanged.push(Unchanged { service: request.service.clone(), environment, version: now.clone() });
                continue;
            }
            let undone = undone(request, &target, at, past)?;
            let Some(last) = undone.changes.last() else { continue };
            let back = put_back(&target, last, lookup, at, &mut texts, sources)?;
            for change in &undone.passed {
                let made = change.made_by();
                notes.push(format!("passed over: {} {}", abbreviated(&change.commit.hash), made.subject));
            }
            for change in &undone.changes {
                if !commits.iter().any(|known| known.hash == change.commit.hash) {
                    commits.push(change.commit.clone());
                }
                let version = change.to.as_ref().map(|to| to.version.clone()).filter(|version| !version.is_empty());
                let is_return = change.kind == Kind::Rollback;
                rejected.extend(version.filter(|version| !is_return && !rejected.contains(version)));
            }
            let image = (target.image != request.service).then(|| target.image.clone());
            let environment = folder.environment_or_path().to_owned();
            let step = Step { service: request.service.clone(), environment, image, from: now, to: back };
            steps.push((step, target));
        }
    }
    let edits = texts.into_iter().map(|(path, (before, after))| Edit { path, before, after }).collect();
    let planned = Planned { steps, edits };
    let verdicts = verdicts(request, &planned, prover)?;
    for (_, target) in &planned.steps {
        notes.extend(prover.hindrances(target));
    }
    let message = message(request, &planned, &commits, &rejected);
    Ok(RolledBack { plan: Plan { planned, unchanged, verdicts, notes }, message })
}

fn expected(request: &Rollback, target: &Target, now: Option<&Version>) -> Result<(), Refusal> {
    let Some(expected) = request.expect.as_ref().filter(|expected| Some(*expected) != now) else { return Ok(()) };
    let runs = now.map_or_else(|| "no version".to_owned(), ToString::to_string);
    let place = target.folder.environment_or_path();
    let message = format!("`{}` has {runs} in {place}, and not {expected}", target.service);
    Err(Refusal::new(Class::Guard, &codes::UNEXPECTED, message)
        .help("somebody else released it meanwhile: look at `gitopsctl history`"))
}

/// Finds what is to be undone, deepening a shallow clone where that is possible.
fn undone(request: &Rollback, target: &Target, at: At<'_>, past: &dyn Past) -> Result<Undone, Refusal> {
    for turn in 0.. {
        let (found, ended) = walked(request, target, at)?;
        let known = match found {
            Ok(undone) => return Ok(undone),
            Err(known) => known,
        };
        let name = &request.service;
        if ended.end.is_cut() {
            if past.deepen(turn) {
                continue;
            }
            let message = format!("the clone is shallow, and the earlier releases of `{name}` lie beyond its boundary");
            return Err(Refusal::new(Class::Environment, &codes::SHALLOW, message)
                .help("`git fetch --unshallow`, or clone with a greater depth"));
        }
        let place = target.folder.environment_or_path();
        let message = match &request.to {
            Some(to) => format!("`{name}` never had {to} in {place}"),
            None if known.is_empty() => format!("`{name}` was never released in {place}"),
            None => format!("`{name}` has no earlier version in {place}"),
        };
        let refusal = Refusal::new(Class::Input, &codes::NOTHING_TO_ROLL_BACK, message);
        let known = known.into_iter().take(8).collect::<Vec<_>>();
        return Err(if known.is_empty() { refusal } else { refusal.help(format!("it had: {}", known.join(", "))) });
    }
    Err(Refusal::new(Class::Environment, &codes::SHALLOW, "the history cannot be read far enough"))
}

/// What to undo, or the versions that there were.
type Walked = Result<Undone, Vec<String>>;

fn walked(request: &Rollback, target: &Target, at: At<'_>) -> Result<(Walked, Ended), Refusal> {
    let folder = target.folder.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = match (at.root.is_empty(), folder.is_empty()) {
        (true, _) => folder.to_owned(),
        (false, true) => at.root.to_owned(),
        (false, false) => join(at.root, folder),
    };
    let place = Place {
        service: &target.service,
        environment: Some(target.folder.environment_or_path()),
        folder: &folder,
        image: &target.image,
    };
    let mut walk = Walk::new(request);
    let history = at.store.history();
    let ended = changes(&history, place, at.commit, usize::MAX, &mut |change| walk.take(change));
    let ended = ended.map_err(|error| Refusal::new(Class::Environment, &codes::GIT, error.to_string()))?;
    Ok((walk.end(), ended))
}

/// What a walk passes changes over for.
enum Seeks {
    Nothing,
    /// The change that made this value: what came after it is undone already.
    Value(Option<Release>),
}

/// Walks back over changes, and tells what is undone.
struct Walk<'a> {
    request: &'a Rollback,
    /// The value that a rollback went back to.
    seeks: Seeks,
    changes: Vec<Change>,
    passed: Vec<Change>,
    known: Vec<String>,
    is_done: bool,
    /// A change that was not made by a release: whether it undid the one before shows there.
    open: Option<Change>,
}

impl<'a> Walk<'a> {
    fn new(request: &'a Rollback) -> Self {
        Self {
            request,
            seeks: Seeks::Nothing,
            changes: Vec::new(),
            passed: Vec::new(),
            known: Vec::new(),
            is_done: false,
            open: None,
        }
    }

    fn take(&mut self, change: Change) -> ControlFlow<()> {
        if let Some(from) = change.from.as_ref().filter(|from| !from.version.is_empty()) {
            let text = from.version.to_string();
            if !self.known.contains(&text) {
                self.known.push(text);
            }
        }
        if let Some(open) = self.open.take() {
            let is_undoing = open.to == change.from && open.from == change.to;
            if is_undoing {
                self.seeks = Seeks::Value(open.to.clone());
                self.passed.push(open);
            } else if self.count(open).is_break() {
                return ControlFlow::Break(());
            }
        }
        if matches!(&self.seeks, Seeks::Value(value) if change.to != *value) {
            self.passed.push(change);
            return ControlFlow::Continue(());
        }
        match change.kind {
            // What a rollback took back returns by undoing that rollback.
            Kind::Rollback if self.is_wanted(&change) => {
                self.changes.push(change);
                self.is_done = true;
                ControlFlow::Break(())
            }
            Kind::Rollback => {
                self.seeks = Seeks::Value(change.to.clone());
                self.passed.push(change);
                ControlFlow::Continue(())
            }
            Kind::ByHand => {
                self.seeks = Seeks::Nothing;
                self.open = Some(change);
                ControlFlow::Continue(())
            }
            Kind::Bump | Kind::Promotion | Kind::Reapply => {
                self.seeks = Seeks::Nothing;
                self.count(change)
            }
        }
    }

    fn count(&mut self, change: Change) -> ControlFlow<()> {
        // Before the first version there is nothing to go back to.
        if change.before.is_none() {
            return ControlFlow::Continue(());
        }
        let is_wanted = self.is_wanted(&change);
        self.changes.push(change);
        let is_enough = self.request.to.is_none() && self.changes.len() == self.request.releases;
        if is_wanted || is_enough {
            self.is_done = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn is_wanted(&self, change: &Change) -> bool {
        let from = change.from.as_ref();
        self.request.to.as_ref().is_some_and(|to| from.is_some_and(|from| from.version.is_same_release(to)))
    }

    fn end(mut self) -> Walked {
        if let Some(open) = self.open.take() {
            let _ = self.count(open);
        }
        if self.is_done { Ok(Undone { changes: self.changes, passed: self.passed }) } else { Err(self.known) }
    }
}

/// Puts the entry's old text back into the file as it is now; the version that this comes to.
fn put_back(
    target: &Target,
    last: &Change,
    lookup: &Lookup<'_>,
    at: At<'_>,
    texts: &mut BTreeMap<String, (Arc<str>, Arc<str>)>,
    sources: &mut SourceMap,
) -> Result<Version, Refusal> {
    let path = &target.folder.file;
    let (before, now) = match texts.get(path) {
        Some((before, now)) => (before.clone(), now.clone()),
        None => {
            let text = lookup.home.text(path).map_err(Refusal::input)?.unwrap_or_default();
            (text.clone(), text)
        }
    };
    let unreadable = |why: String| {
        let hash = abbreviated(&last.commit.hash);
        Refusal::new(Class::Environment, &codes::GIT, format!("what was before {hash} cannot be read: {why}"))
    };
    let found = last.before.ok_or_else(|| unreadable("there was no file".to_owned()))?;
    let old = at.store.history().blob(found.blob).map_err(|error| unreadable(error.to_string()))?;
    let old = String::from_utf8(old).map_err(|_| unreadable("it is not UTF-8".to_owned()))?;
    let file = sources.add(path.as_str(), now.clone());
    let shown = format!("{path} before {}", abbreviated(&last.commit.hash));
    let other = sources.add(shown.as_str(), old.clone());
    let edited = restore(&now, file, &target.image, &old, other).map_err(Refusal::input)?;
    let version = edited.after.map(|entry| entry.version()).unwrap_or_default();
    texts.insert(path.clone(), (before, edited.text.into()));
    Ok(version)
}

/// What stands against it: a folder that does not build refuses, all else warns.
fn verdicts(request: &Rollback, planned: &Planned, prover: &dyn Prover) -> Result<Vec<Verdict>, Refusal> {
    let mut verdicts = Vec::new();
    let verdict = |guard: Guard, service: &str, ruling: Ruling, details: String| Verdict {
        guard,
        service: service.to_owned(),
        ruling,
        details,
        is_unbuilt: false,
    };
    for (step, target) in &planned.steps {
        let environment = target.folder.environment.as_deref();
        if let Ruling::Refused(why) = guard::freeze(environment, &request.freezes, request.now) {
            verdicts.push(verdict(Guard::Freeze, &step.service, Ruling::Overruled(why), String::new()));
        }
    }
    if planned.steps.is_empty() {
        return Ok(verdicts);
    }
    for objection in prover.prove(planned) {
        let is_entry_gone = planned.steps.iter().any(|(step, _)| step.to.is_empty());
        match objection.fault {
            Fault::Unbuilt if !request.is_unproven_fine => {
                let mut refusal = Refusal::new(Class::Input, &codes::UNBUILT, objection.message);
                refusal.details = objection.details;
                return Err(refusal.help("to go back all the same: --overrule verify --reason TEXT"));
            }
            Fault::Excused => {
                let ruling = Ruling::NotEvaluated(objection.message);
                verdicts.push(verdict(Guard::Verify, &objection.service, ruling, String::new()));
            }
            Fault::Unproven if is_entry_gone => {}
            Fault::Unbuilt | Fault::Unproven => {
                let ruling = Ruling::Overruled(objection.message);
                verdicts.push(verdict(Guard::Verify, &objection.service, ruling, objection.details));
            }
        }
    }
    Ok(verdicts)
}

/// `Revert "SUBJECT"`, or `Reapply "…"` of what reverted something, as Git writes it.
fn reverting(subject: &str) -> String {
    match subject.strip_prefix("Revert \"") {
        Some(rest) if !rest.starts_with("Revert \"") => format!("Reapply \"{rest}"),
        _ => format!("Revert \"{subject}\""),
    }
}

fn message(request: &Rollback, planned: &Planned, commits: &[CommitInfo], rejected: &[Version]) -> String {
    let mut text = match (commits, planned.steps.first()) {
        ([], _) | (_, None) => return String::new(),
        ([commit], _) => format!("{}\n", reverting(&commit.subject)),
        (_, Some((step, _))) => format!("Revert {} to {}\n", request.service, short(&step.to)),
    };
    for commit in commits {
        text += &match commit.parents.as_slice() {
            [first, _, ..] => {
                format!("\nThis reverts commit {}, reversing\nchanges made to {first}.\n", commit.hash)
            }
            _ => format!("\nThis reverts commit {}.\n", commit.hash),
        };
    }
    text.push('\n');
    let mut add = |name: &str, value: &str| text += &format!("{name}: {}\n", line(value));
    for (step, _) in &planned.steps {
        add(trailers::SERVICE, &step.service);
        add(trailers::ENVIRONMENT, &step.environment);
        if let Some(image) = &step.image {
            add(trailers::IMAGE, image);
        }
        if let Some(from) = &step.from {
            add(trailers::FROM, &from.to_string());
        }
        if !step.to.is_empty() {
            add(trailers::TO, &step.to.to_string());
        }
    }
    for version in rejected {
        add(trailers::REJECTS, &format!("{} {version}", request.service));
    }
    if let Some(reason) = &request.reason {
        add(trailers::REASON, reason);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_those_of_git() {
        let first = reverting("Update order-service to v1.2.3");
        assert_eq!(first, "Revert \"Update order-service to v1.2.3\"");
        let second = reverting(&first);
        assert_eq!(second, "Reapply \"Update order-service to v1.2.3\"");
        assert_eq!(reverting(&second), "Revert \"Reapply \"Update order-service to v1.2.3\"\"");
        assert_eq!(reverting("Revert \"Revert \"a\"\""), "Revert \"Revert \"Revert \"a\"\"\"");
    }
}
