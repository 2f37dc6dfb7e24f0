//! The order of a sync: annotations that Argo CD does not understand, and objects that come after what needs them.

use crate::argo::{self, Phase};
use crate::diag::closest;
use crate::kube::pod_references;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::{Object, Subject};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("wave-invalid", Check::Unit(wave_invalid)),
    ("annotation-words", Check::Unit(annotation_words)),
    ("annotation-unknown", Check::Unit(annotation_unknown)),
    ("reference-later", Check::Unit(reference_later)),
    ("gate-without-health", Check::Unit(gate_without_health)),
    ("after-unbounded-pause", Check::Unit(after_unbounded_pause)),
    ("volume-claim-waits", Check::Unit(volume_claim_waits)),
    ("rollout-needs-later", Check::Unit(rollout_needs_later)),
    ("definition-later", Check::Unit(definition_later)),
];

/// A wave that Argo CD does not read as a number: it takes 0, and says nothing.
fn wave_invalid<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(wave) = unit.object.annotation(argo::WAVE) else { return };
    // A plain number is quoted by Kustomize, and refused by Argo CD in a directory of plain manifests.
    let is_number = wave.int().is_some() && !unit.overlay().is_built;
    if is_number {
        let message =
            format!("the wave {} of {} is a number, and an annotation must be text", wave.text(), unit.object.title());
        report.at(unit.object, wave).say(message).help("write it in quotes");
    } else if !wave.is_scalar() || argo::wave(wave.text()).is_none() {
        let message = format!("`{}` is no wave, so {} is applied in wave 0", wave.text(), unit.object.title());
        report.at(unit.object, wave).say(message).help("a wave is a whole number in quotes, such as \"-1\"");
    }
}

/// A list of words of which Argo CD does not know one. Params: `annotation`, `words`.
fn annotation_words<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(list) = unit.object.annotation(unit.params.text("annotation")) else { return };
    let known = unit.params.list("words");
    for word in list.text().split(',').map(str::trim) {
        if word.is_empty() && !list.text().trim().is_empty() || known.contains(&word) {
            continue;
        }
        let found = report.at(unit.object, list);
        let near = closest(word, known.iter().copied());
        found.help(near.map_or_else(|| format!("use {}", known.join(", ")), |near| format!("did you mean `{near}`?")));
    }
}

/// A key that looks like one of Argo CD's and is none.
fn annotation_unknown<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let annotations = unit.object.at(&["metadata", "annotations"]).map_or(&[][..], Datum::pairs);
    for (key, value) in annotations {
        let key = key.text();
        // Keys with something before the domain belong to Argo CD's add-ons.
        let is_own = key.starts_with("argocd.argoproj.io/");
        let near = closest(key, argo::ANNOTATIONS.iter().copied());
        let is_slip = near.is_some_and(|near| {
            let domain = key.split('/').next().unwrap_or_default();
            closest(domain, ["argocd.argoproj.io"]).is_some() && near.split('/').nth(1) == key.split('/').nth(1)
        });
        if argo::ANNOTATIONS.contains(&key) || !is_own && !is_slip {
            continue;
        }
        let found = report.at(unit.object, value);
        found.say(format!("Argo CD knows no annotation `{key}`, and ignores it"));
        if let Some(near) = near {
            found.help(format!("did you mean `{near}`?"));
        }
    }
}

/// When an object is applied, and how a person says it.
fn when(subject: &Subject<'_>, object: &Object<'_>) -> Option<((Phase, i64), String)> {
    let (phase, wave) = subject.applied(object)?;
    let text = if phase == Phase::Sync { format!("wave {wave}") } else { format!("{} wave {wave}", phase.name()) };
    Some(((phase, wave), text))
}

/// Whether an object is applied by the same sync as another: waves say nothing of what other Applications apply.
fn is_together(subject: &Subject<'_>, one: &Object<'_>, other: &Object<'_>) -> bool {
    one.overlay == other.overlay || {
        let (one, other) = (&subject.overlays[one.overlay].applications, &subject.overlays[other.overlay].applications);
        one.iter().any(|application| other.contains(application))
    }
}

/// The kinds that make an object of a name: an ExternalSecret makes a Secret.
fn makers(kind: &str) -> &'static [&'static str] {
    match kind {
        "Secret" => &["Secret", "ExternalSecret", "SealedSecret", "Certificate"],
        "ConfigMap" => &["ConfigMap"],
        "PersistentVolumeClaim" => &["PersistentVolumeClaim"],
        _ => &["ServiceAccount"],
    }
}

/// The name of what an object makes.
fn made<'a>(object: &Object<'a>) -> &'a str {
    let set = match object.kind {
        "ExternalSecret" => object.at(&["spec", "target", "name"]),
        "SealedSecret" => object.at(&["spec", "template", "metadata", "name"]),
        "Certificate" => object.at(&["spec", "secretName"]),
        _ => None,
    };
    set.map(Datum::text).filter(|name| !name.is_empty()).unwrap_or(object.name)
}

/// A pod that refers to what a later phase or wave of the same sync brings: its wave never turns healthy, so that later one
/// never comes.
fn reference_later<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(pod) = object.pod else { return };
    let Some((own, own_text)) = when(subject, object) else { return };
    let mut told: Vec<(&str, &str)> = Vec::new();
    for reference in pod_references(pod.spec).into_iter().filter(|reference| !reference.optional) {
        let name = reference.name.text();
        if told.contains(&(reference.kind, name)) {
            continue;
        }
        let is_meant = |other: &&Object<'a>| {
            other.namespace == object.namespace && made(other) == name && is_together(subject, object, other)
        };
        let found = makers(reference.kind).iter().flat_map(|kind| subject.of_kind(object, kind)).filter(is_meant);
        let mut first: Option<(&Object<'_>, (Phase, i64), String)> = None;
        for other in found {
            if let Some((at, text)) = when(subject, other)
                && first.as_ref().is_none_or(|(_, earliest, _)| at < *earliest)
            {
                first = Some((other, at, text));
            }
        }
        let Some((other, at, text)) = first.filter(|(_, at, _)| *at > own) else { continue };
        told.push((reference.kind, name));
        let message =
            format!("{} in {own_text} needs {} `{name}`, which comes in {text}", object.title(), reference.kind);
        let annotation = other.annotation(argo::WAVE).or_else(|| other.annotation(argo::HOOK));
        let found = report.at(object, reference.name);
        found.say(message).related(annotation.unwrap_or(other.root), text);
        found.help(if at.0 == own.0 {
            format!("give {} an earlier wave, or this one a later one", other.title())
        } else {
            format!("make {} a hook of an earlier phase, or this a part of a later one", other.title())
        });
    }
}

/// A wave of which Argo CD waits for nothing, with a wave behind it: the order is one of time alone. Told at the first object
/// of the wave.
fn gate_without_health<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(wave) = object.annotation(argo::WAVE) else { return };
    let Some(own) = subject.applied(object) else { return };
    let beside =
        || subject.objects_of(object.overlay).iter().filter_map(|other| Some((other, subject.applied(other)?)));
    let mut in_wave = beside().filter(|(_, at)| *at == own);
    let is_first = in_wave.next().is_some_and(|(first, _)| std::ptr::eq(first, object));
    if !is_first || beside().any(|(other, at)| at == own && argo::has_health(other.group, other.kind)) {
        return;
    }
    if beside().any(|(_, at)| at.0 == own.0 && at.1 > own.1) {
        let message = format!("Argo CD waits for nothing in wave {}: after it only two seconds pass", own.1);
        report.at(object, wave).say(message);
    }
}

/// A Rollout that waits for a person, with waves behind it: they wait too, and so does every newer commit.
fn after_unbounded_pause<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let steps = object.at(&["spec", "strategy", "canary", "steps"]).map_or(&[][..], Datum::items);
    let pauses = |step: &&Datum| step.get("pause").is_some_and(|pause| pause.get("duration").is_none());
    let promotion = object.at(&["spec", "strategy", "blueGreen", "autoPromotionEnabled"]);
    let manual = promotion.filter(|promotion| promotion.flag() == Some(false));
    let Some(pause) = steps.iter().find(pauses).or(manual) else { return };
    let Some(own) = subject.applied(object) else { return };
    let later =
        subject.objects_of(object.overlay).iter().find(|other| subject.applied(other).is_some_and(|at| at > own));
    if let Some(later) = later {
        let message = format!("{} waits for a person here, and {} waits for it", object.title(), later.title());
        report.at(object, pause).say(message).related(later.root, "comes after it");
    }
}

/// A claim in an earlier wave than its only consumer, of a class that binds when a pod uses it.
fn volume_claim_waits<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(class) = object.at(&["spec", "storageClassName"]) else { return };
    let waits = subject
        .of_kind(object, "StorageClass")
        .find(|known| known.name == class.text())
        .is_some_and(|known| known.root.text_of("volumeBindingMode") == "WaitForFirstConsumer");
    let Some((own, own_text)) = when(subject, object).filter(|_| waits) else { return };
    let uses = |other: &&Object<'a>| {
        let volumes = other.pod.map_or(&[][..], |pod| pod.volumes());
        volumes
            .iter()
            .any(|volume| volume.at(["persistentVolumeClaim", "claimName"]).map(Datum::text) == Some(object.name))
    };
    let users: Vec<_> = subject
        .workloads(object, &object.namespace)
        .filter(|other| other.overlay == object.overlay)
        .filter(uses)
        .collect();
    let first = users.iter().filter_map(|user| Some((user, when(subject, user)?))).min_by_key(|(_, (at, _))| *at);
    if let Some((user, (at, text))) = first.filter(|(_, (at, _))| *at > own) {
        debug_assert!(at > own);
        let message =
            format!("{} in {own_text} is bound only when {} uses it, in {text}", object.title(), user.title());
        report.at(object, class).say(message).related(user.root, text);
    }
}

/// What a Rollout names and needs: a kind, and the path to the name.
const NEEDED: &[(&str, &[&str])] = &[
    ("Service", &["spec", "strategy", "canary", "stableService"]),
    ("Service", &["spec", "strategy", "canary", "canaryService"]),
    ("Service", &["spec", "strategy", "blueGreen", "activeService"]),
    ("Service", &["spec", "strategy", "blueGreen", "previewService"]),
    ("VirtualService", &["spec", "strategy", "canary", "trafficRouting", "istio", "virtualService", "name"]),
    ("DestinationRule", &["spec", "strategy", "canary", "trafficRouting", "istio", "destinationRule", "name"]),
];

/// A Rollout that names what a later wave brings.
fn rollout_needs_later<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some((own, own_text)) = when(subject, object) else { return };
    let mut names: Vec<(&str, &Datum)> =
        NEEDED.iter().filter_map(|(kind, path)| Some((*kind, object.at(path)?))).collect();
    let steps = object.at(&["spec", "strategy", "canary", "steps"]).map_or(&[][..], Datum::items).iter();
    let background = object.at(&["spec", "strategy", "canary", "analysis"]);
    let analyses = steps.filter_map(|step| step.get("analysis")).chain(background);
    let templates = analyses.filter_map(|analysis| analysis.get("templates")).flat_map(Datum::items);
    names.extend(templates.filter_map(|template| Some(("AnalysisTemplate", template.get("templateName")?))));
    for (kind, name) in names {
        let other = subject.named(object, kind, &object.namespace, name.text());
        for other in other.filter(|other| is_together(subject, object, other)) {
            if let Some((_, text)) = when(subject, other).filter(|(at, _)| *at > own) {
                let message =
                    format!("{} in {own_text} needs {}, which comes in {text}", object.title(), other.title());
                report.at(object, name).say(message).related(other.annotation(argo::WAVE).unwrap_or(other.root), text);
            }
        }
    }
}

/// A custom resource whose definition comes in a later wave of the same sync. Argo CD moves the definition before it, so
/// the annotation says what does not happen.
fn definition_later<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let object = unit.object;
    let Some(wave) = object.annotation(argo::WAVE) else { return };
    let Some(own) = argo::wave(wave.text()) else { return };
    let spec = |path: &[&str]| object.at(path).map_or("", Datum::text);
    let (group, kind) = (spec(&["spec", "group"]), spec(&["spec", "names", "kind"]));
    let user = unit.subject.objects_of(object.overlay).iter().find(|other| {
        other.is(group, kind)
            && unit.subject.applied(other).is_some_and(|(phase, wave)| phase == Phase::Sync && wave < own)
    });
    if let Some(user) = user {
        let message = format!("{} says wave {own}, and is moved before {}", object.title(), user.title());
        report.at(object, wave).say(message).related(user.root, "its first user");
    }
}
