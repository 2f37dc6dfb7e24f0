//! What a rollback changes: the last releases of a service, found by what its image's value was on the branch, and the
//! entry's old text put back as it was.
//!
//! Messages are in the form of `git revert` (2.43 and later), since other tools read them.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::git::{CommitInfo, Store};
use crate::release::diags::codes;
use crate::release::guard::{self, abbreviated};
use crate::release::message::{line, short, trailers};
use crate::release::undone::{Known, Undone, Walk};
use crate::release::{
    Change, Class, Edit, Ended, Entry, Fault, Freeze, Guard, Kind, Lookup, Outlook, Past, Place, Plan, Planned, Prover,
    Refusal, Ruling, Scope, Step, Target, Unchanged, Verdict, Version, changes, restore,
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

/// A commit that is undone.
struct Taken {
    commit: CommitInfo,
    /// Whether it was a rollback, so that what it took away comes back.
    is_return: bool,
}

/// What a rollback would do.
#[derive(Debug)]
pub struct RolledBack {
    /// What it changes.
    pub plan: Plan,
    /// The message of its commit.
    pub message: String,
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
    let (mut commits, mut rejected): (Vec<Taken>, Vec<Version>) = (Vec::new(), Vec::new());
    let mut outlook = Outlook::default();
    for folder in lookup.folders(&request.service, &request.scope)? {
        for target in lookup.targets(&request.service, &folder, &request.images, is_image, prover, sources)? {
            let now = target.entry.as_ref().map(Entry::version).filter(|version| !version.is_empty());
            expected(request, &target, now.as_ref())?;
            if let (Some(to), Some(now)) = (&request.to, &now)
                && now.is_same_release(to)
            {
                let environment = folder.environment_or_path().to_owned();
                unchanged.push(Unchanged { service: request.service.clone(), environment, version: now.clone() });
                continue;
            }
            let undone = undone(request, &target, now.as_ref(), at, past)?;
            let Some(last) = undone.changes.last() else { continue };
            outlook.add(prover.outlook(&target));
            let entry = put_back(&target, last, lookup, at, &mut texts, sources)?;
            let back = entry.as_ref().map(Entry::version).unwrap_or_default();
            for change in &undone.passed {
                let made = change.made_by();
                notes.push(format!("passed over: {} {}", abbreviated(&change.commit.hash), line(&made.subject)));
            }
            outlook.warnings.extend(undone.changes.iter().filter_map(|change| left(change, &target, at)));
            for change in &undone.changes {
                let is_return = change.kind == Kind::Rollback;
                if !commits.iter().any(|known| known.commit.hash == change.commit.hash) {
                    commits.push(Taken { commit: change.commit.clone(), is_return });
                }
                let version = change.to.as_ref().map(|to| to.version.clone()).filter(|version| !version.is_empty());
                let is_new = |version: &Version| !rejected.contains(version) && !version.is_same_release(&back);
                rejected.extend(version.filter(|version| !is_return && is_new(version)));
            }
            let image = (target.image != request.service).then(|| target.image.clone());
            let environment = folder.environment_or_path().to_owned();
            let step = Step { service: request.service.clone(), environment, image, from: now, to: back };
            // What is to be built is the entry as it comes back, with its name.
            steps.push((step, Target { entry, ..target }));
        }
    }
    let edits = texts.into_iter().map(|(path, (before, after))| Edit { path, before, after }).collect();
    let planned = Planned { steps, edits };
    let verdicts = verdicts(request, &planned, prover)?;
    let is_overruled = verdicts.iter().any(|verdict| verdict.guard == Guard::Verify && verdict.is_unbuilt);
    let message = message(request, &planned, &commits, &rejected, is_overruled);
    Ok(RolledBack { plan: Plan { planned, unchanged, verdicts, notes, outlook }, message })
}

/// What a commit that is undone changed of the service beside its image: that stays.
fn left(change: &Change, target: &Target, at: At<'_>) -> Option<String> {
    let (own, service) = (from_top(at.root, &target.folder.file), &target.service);
    let folder = from_top(at.root, &target.folder.path);
    let is_of = |path: &String| {
        *path != own && (path.split('/').any(|part| part == service) || path.starts_with(&format!("{folder}/")))
    };
    let paths = at.store.history().changed(&change.commit).unwrap_or_default();
    let paths: Vec<String> = paths.into_iter().filter(is_of).collect();
    let (first, more) = (paths.first()?, paths.len() - 1);
    let and = if more == 0 { String::new() } else { format!(" and {more} more") };
    let commit = abbreviated(&change.commit.hash);
    Some(format!("{commit} changed other files of `{service}` as well, and those stay as they are: {first}{and}"))
}

/// A path from the top of Git's repository.
fn from_top(root: &str, path: &str) -> String {
    match (root.is_empty(), path.is_empty()) {
        (true, _) => path.to_owned(),
        (false, true) => root.to_owned(),
        (false, false) => join(root, path),
    }
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
fn undone(
    request: &Rollback,
    target: &Target,
    now: Option<&Version>,
    at: At<'_>,
    past: &dyn Past,
) -> Result<Undone, Refusal> {
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
        return Err(nothing(request, target, now, known));
    }
    Err(Refusal::new(Class::Environment, &codes::SHALLOW, "the history cannot be read far enough"))
}

/// There is not enough to undo: what there is instead.
fn nothing(request: &Rollback, target: &Target, now: Option<&Version>, known: Known) -> Refusal {
    let (name, folder) = (&request.service, &target.folder);
    let place = match &folder.environment {
        Some(environment) => format!("{environment} ({})", folder.path),
        None => folder.path.clone(),
    };
    let refuse = |message: String| Refusal::new(Class::Input, &codes::NOTHING_TO_ROLL_BACK, message);
    let now = now.map_or_else(|| "what runs".to_owned(), ToString::to_string);
    let others: Vec<String> = known.versions.into_iter().filter(|version| *version != now).take(8).collect();
    let others = others.join(", ");
    let refusal = match (&request.to, known.earlier.as_slice()) {
        (Some(to), _) => refuse(format!("`{name}` never had {to} in {place}")),
        (None, []) => refuse(format!("`{name}` had no version before {now} in {place}")),
        (None, earlier) => {
            let count = earlier.len();
            refuse(format!("`{name}` has no {} versions before {now} in {place}, but {count}", request.releases))
                .help(format!("they are: {}", earlier.join(", ")))
        }
    };
    match (others.is_empty(), &request.to) {
        (true, _) => refusal,
        (false, Some(_)) => refusal.help(format!("it had: {others}")),
        (false, None) => refusal.help(format!("it had {others} too: name one with --to")),
    }
}

/// What to undo, or the versions that there were.
type Walked = Result<Undone, Known>;

fn walked(request: &Rollback, target: &Target, at: At<'_>) -> Result<(Walked, Ended), Refusal> {
    let folder = target.folder.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let folder = from_top(at.root, folder);
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

/// Puts the entry's old text back into the file as it is now; the entry that this comes to.
fn put_back(
    target: &Target,
    last: &Change,
    lookup: &Lookup<'_>,
    at: At<'_>,
    texts: &mut BTreeMap<String, (Arc<str>, Arc<str>)>,
    sources: &mut SourceMap,
) -> Result<Option<Entry>, Refusal> {
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
    texts.insert(path.clone(), (before, edited.text.into()));
    Ok(edited.after)
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
            verdicts.push(verdict(Guard::Freeze, &step.service, Ruling::Warned(why), String::new()));
        }
    }
    if planned.steps.is_empty() {
        return Ok(verdicts);
    }
    for objection in prover.prove(planned) {
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
            fault @ (Fault::Unbuilt | Fault::Unproven) => {
                let is_unbuilt = matches!(fault, Fault::Unbuilt);
                let ruling = if is_unbuilt { Ruling::Overruled } else { Ruling::Warned }(objection.message);
                let verdict = verdict(Guard::Verify, &objection.service, ruling, objection.details);
                verdicts.push(Verdict { is_unbuilt, ..verdict });
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

/// The first line: of one commit what Git would write; what brings back what rollbacks took away is a return as well.
fn subject(request: &Rollback, planned: &Planned, commits: &[Taken]) -> String {
    let versions: Vec<String> = planned.steps.iter().map(|(step, _)| short(&step.to)).collect();
    match (commits, versions.as_slice()) {
        ([only], _) => reverting(&only.commit.title),
        ([.., oldest], _) if commits.iter().all(|taken| taken.is_return) => reverting(&oldest.commit.title),
        (_, [first, others @ ..]) if others.iter().all(|other| other == first) => {
            format!("Revert {} to {first}", request.service)
        }
        _ => format!("Revert {}", request.service),
    }
}

fn message(
    request: &Rollback,
    planned: &Planned,
    commits: &[Taken],
    rejected: &[Version],
    is_overruled: bool,
) -> String {
    if planned.steps.is_empty() {
        return String::new();
    }
    let mut text = subject(request, planned, commits) + "\n";
    for Taken { commit, .. } in commits {
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
    if is_overruled {
        add(trailers::OVERRULED, Guard::Verify.name());
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
