//! What a bump changes: services and versions → edits, steps and what the guards say.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::release::diags::codes;
use crate::release::edit::{self, Missing};
use crate::release::guard::{self, Freeze, Guard, Past, Ruling, Verdict};
use crate::release::{
    Class, Fault, Lookup, Objection, Outlook, Prover, Refusal, Scope, SourceCommit, Step, Target, Version,
};
use crate::source::SourceMap;

/// A service and the version that it is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The service; with a path the image.
    pub service: String,
    /// The version.
    pub version: Version,
    /// The images that are meant; empty: the one that is the service's own.
    pub images: Vec<String>,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// Services and versions.
    pub wishes: Vec<Wish>,
    /// Where.
    pub scope: Scope,
    /// What must run until then, or nothing is done.
    pub expect: Option<Version>,
    /// Where the versions come from.
    pub source: SourceCommit,
    /// Guards that do not count.
    pub overrule: Vec<Guard>,
    /// The moment of it.
    pub now: Timestamp,
    /// The windows of the settings.
    pub freezes: Vec<Freeze>,
}

/// A file and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// Its path in the tree of the lookup.
    pub path: String,
    /// Its text now.
    pub before: Arc<str>,
    /// Its text to be.
    pub after: Arc<str>,
}

/// A step and where it is made.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What is made, in the order of the arguments.
    pub steps: Vec<(Step, Target)>,
    /// The files that it changes.
    pub edits: Vec<Edit>,
}

/// A service that has the version already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchanged {
    /// The service.
    pub service: String,
    /// Its environment, or the folder.
    pub environment: String,
    /// What runs there.
    pub version: Version,
}

/// What a bump would do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What it changes.
    pub planned: Planned,
    /// What has the version already.
    pub unchanged: Vec<Unchanged>,
    /// What the guards say; none of them refuses.
    pub verdicts: Vec<Verdict>,
    /// What else there is to say.
    pub notes: Vec<String>,
    /// What awaits it; nothing where nobody asked.
    pub outlook: Outlook,
}

/// Works out what a bump changes. Refused where a guard refuses that is not overruled: all of them are told.
pub fn plan(
    request: &Request,
    lookup: &Lookup<'_>,
    past: &dyn Past,
    prover: &dyn Prover,
    sources: &mut SourceMap,
) -> Result<Plan, Refusal> {
    let is_image = matches!(request.scope, Scope::Path(_));
    let mut texts: BTreeMap<String, (Arc<str>, Arc<str>)> = BTreeMap::new();
    let (mut steps, mut unchanged) = (Vec::new(), Vec::new());
    for wish in &request.wishes {
        for folder in lookup.folders(&wish.service, &request.scope)? {
            for target in lookup.targets(&wish.service, &folder, &wish.images, is_image, prover, sources)? {
                let from = target.entry.as_ref().map(crate::release::entries::Entry::version);
                let from = from.filter(|from| !from.is_empty());
                let from = match from {
                    Some(from) => Some(from),
                    None => running(&target, prover)?,
                };
                if target.entry.as_ref().is_some_and(|entry| entry.version() == wish.version) {
                    let environment = folder.environment_or_path().to_owned();
                    let (service, version) = (wish.service.clone(), wish.version.clone());
                    unchanged.push(Unchanged { service, environment, version });
                    continue;
                }
                expected(request, &target, from.as_ref())?;
                apply(lookup, &target, &wish.version, &mut texts, sources)?;
                let image = (target.image != wish.service).then(|| target.image.clone());
                let environment = folder.environment_or_path().to_owned();
                let (service, to) = (wish.service.clone(), wish.version.clone());
                steps.push((Step { service, environment, image, from, to }, target));
            }
        }
    }
    let edits = texts.into_iter().map(|(path, (before, after))| Edit { path, before, after }).collect();
    let planned = Planned { steps, edits };
    let verdicts = judged(request, &planned, past, prover);
    refuse(&verdicts, &planned)?;
    Ok(Plan { planned, unchanged, verdicts, notes: Vec::new(), outlook: Outlook::default() })
}

/// The version that runs of an image without an entry, by what is built.
fn running(target: &Target, prover: &dyn Prover) -> Result<Option<Version>, Refusal> {
    let built = prover.images(&target.folder.path).map_err(Refusal::input)?;
    let name = target.entry.as_ref().and_then(|entry| entry.new_name.as_deref()).unwrap_or(&target.image);
    let own = built.iter().map(|image| crate::kube::Image::of(image)).find(|image| image.repository == name);
    let version =
        own.map(|image| Version { tag: image.tag.map(str::to_owned), digest: image.digest.map(str::to_owned) });
    Ok(version.filter(|version| !version.is_empty()))
}

/// Compare and set: what runs must be what the caller knows.
fn expected(request: &Request, target: &Target, from: Option<&Version>) -> Result<(), Refusal> {
    let Some(expected) = &request.expect else { return Ok(()) };
    // Of tag and digest the one that the caller names.
    let agrees = |known: &Option<String>, own: Option<&String>| known.as_ref().is_none_or(|known| own == Some(known));
    let tag = agrees(&expected.tag, from.and_then(|from| from.tag.as_ref()));
    if tag && agrees(&expected.digest, from.and_then(|from| from.digest.as_ref())) {
        return Ok(());
    }
    let runs = from.map_or_else(|| "no version".to_owned(), ToString::to_string);
    let place = target.folder.environment_or_path();
    let message = format!("`{}` has {runs} in {place}, and not {expected}", target.service);
    Err(Refusal::new(Class::Guard, &codes::UNEXPECTED, message)
        .help("somebody else released it meanwhile: look at `gitopsctl history`"))
}

/// Edits the text of the target's file, which an earlier step may have edited.
fn apply(
    lookup: &Lookup<'_>,
    target: &Target,
    version: &Version,
    texts: &mut BTreeMap<String, (Arc<str>, Arc<str>)>,
    sources: &mut SourceMap,
) -> Result<(), Refusal> {
    let path = &target.folder.file;
    let (before, now) = match texts.get(path) {
        Some((before, now)) => (before.clone(), now.clone()),
        None => {
            let text = lookup.home.text(path).map_err(Refusal::input)?.unwrap_or_default();
            (text.clone(), text)
        }
    };
    let file = sources.add(path.as_str(), now.clone());
    // An entry that is not there is for an image that is built: `Lookup::targets` has looked.
    let missing = if target.entry.is_none() { Missing::Insert } else { Missing::Refuse };
    let edited = edit::set(&now, file, &target.image, version, missing).map_err(Refusal::input)?;
    texts.insert(path.clone(), (before, edited.text.into()));
    Ok(())
}

/// What each guard says of each step.
fn judged(request: &Request, planned: &Planned, past: &dyn Past, prover: &dyn Prover) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    let mut add = |guard: Guard, service: &str, ruling: Ruling, objection: Option<&Objection>| {
        let ruling = match ruling {
            Ruling::Refused(why) if request.overrule.contains(&guard) => Ruling::Overruled(why),
            ruling => ruling,
        };
        let details = objection.map_or_else(String::new, |objection| objection.details.clone());
        let is_unbuilt = objection.is_some_and(|objection| objection.fault == Fault::Unbuilt);
        verdicts.push(Verdict { guard, service: service.to_owned(), ruling, details, is_unbuilt });
    };
    let source = (request.source.sha.as_deref(), request.source.build);
    for (step, target) in &planned.steps {
        let (file, image) = (target.folder.file.as_str(), target.image.as_str());
        add(Guard::Downgrade, &step.service, guard::downgrade(step), None);
        if source != (None, None) {
            let ruling = guard::older_source(source, past.known(step, file, image), past);
            add(Guard::OlderSource, &step.service, ruling, None);
        }
        let ruling = guard::rejected(&step.to, past.rejected(step, file, image));
        add(Guard::Rejected, &step.service, ruling, None);
        let ruling = guard::freeze(target.folder.environment.as_deref(), &request.freezes, request.now);
        add(Guard::Freeze, &step.service, ruling, None);
    }
    if planned.steps.is_empty() {
        return verdicts;
    }
    let objections = prover.prove(planned);
    for (step, _) in &planned.steps {
        let own: Vec<_> = objections.iter().filter(|objection| objection.service == step.service).collect();
        if own.is_empty() {
            add(Guard::Verify, &step.service, Ruling::Passed, None);
        }
    }
    for objection in objections {
        let ruling = match objection.fault {
            Fault::Excused => Ruling::NotEvaluated(objection.message.clone()),
            Fault::Unbuilt | Fault::Unproven => Ruling::Refused(objection.message.clone()),
        };
        add(Guard::Verify, &objection.service, ruling, Some(&objection));
    }
    verdicts.dedup();
    verdicts
}

/// Fails with everything that stands against the release.
fn refuse(verdicts: &[Verdict], planned: &Planned) -> Result<(), Refusal> {
    let refused = verdicts.iter().filter_map(|verdict| match &verdict.ruling {
        Ruling::Refused(why) => Some((verdict, why)),
        _ => None,
    });
    let mut refused = refused.collect::<Vec<_>>().into_iter();
    let Some((first, why)) = refused.next() else { return Ok(()) };
    let several = planned.steps.iter().any(|(step, _)| step.service != first.service);
    let told = |verdict: &Verdict, why: &str| {
        let whose = if several { format!("`{}`: ", verdict.service) } else { String::new() };
        format!("{whose}{why}")
    };
    let code = match first.guard {
        Guard::Downgrade => &codes::DOWNGRADE,
        Guard::OlderSource => &codes::OLDER_SOURCE,
        Guard::Rejected => &codes::REJECTED,
        Guard::Freeze => &codes::FREEZE,
        Guard::Verify if first.is_unbuilt => &codes::UNBUILT,
        Guard::Verify => &codes::VERIFY,
    };
    let class = if first.is_unbuilt { Class::Input } else { Class::Guard };
    let mut refusal = Refusal::new(class, code, told(first, why));
    refusal.details.clone_from(&first.details);
    let mut names = vec![first.guard.name()];
    for (verdict, why) in refused {
        refusal = refusal.help(format!("also: {} ({})", told(verdict, why), verdict.guard.name()));
        refusal.details.push_str(&verdict.details);
        if !names.contains(&verdict.guard.name()) {
            names.push(verdict.guard.name());
        }
    }
    let flags: Vec<_> = names.iter().map(|name| format!("--overrule {name}")).collect();
    Err(refusal.help(format!("to release it all the same: {} --reason TEXT", flags.join(" "))))
}
