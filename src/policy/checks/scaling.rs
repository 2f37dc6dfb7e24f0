//! Replicas and what scales them.

use crate::diag::closest;
use crate::policy::checks::references::{has_namespace, is_slip};
use crate::policy::checks::{Check, Named};
use crate::policy::lookup::scaled;
use crate::policy::report::{Report, Unit};
use crate::policy::subject::{Object, Subject};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("scale-target-missing", Check::Unit(target_missing)),
    ("replicas-scaled", Check::Unit(replicas_scaled)),
    ("scalers-clash", Check::Unit(scalers_clash)),
    ("scaler-bounds", Check::Unit(bounds)),
    ("scaler-minimum", Check::Unit(scaler_minimum)),
    ("replicas-below", Check::Unit(replicas_below)),
    ("served-recreate", Check::Unit(served_recreate)),
    ("stateful-service", Check::Unit(stateful_service)),
];

/// What an HPA, a ScaledObject or a VPA scales is not there. Params: `sure`.
fn target_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let field = if object.kind == "VerticalPodAutoscaler" { "targetRef" } else { "scaleTargetRef" };
    let Some(target) = object.at(&["spec", field]).filter(|target| target.is_mapping()) else { return };
    let (Some(name), kind) = (target.get("name").filter(|name| !name.text().is_empty()), target.text_of("kind")) else {
        return;
    };
    let kind = if kind.is_empty() && object.kind == "ScaledObject" { "Deployment" } else { kind };
    let group = crate::kube::group_version(target.text_of("apiVersion")).0;
    let is_any = target.text_of("apiVersion").is_empty();
    let fits = |found: &Object<'_>| found.kind == kind && (is_any || found.group == group);
    let mut there = subject.named(object, kind, &object.namespace, name.text());
    if kind.is_empty() || there.any(fits) || subject.external.has(kind, &object.namespace, name.text()) {
        return;
    }
    let workloads: Vec<&Object<'a>> = subject.workloads(object, &object.namespace).collect();
    let same_name = workloads.iter().find(|workload| workload.name == name.text() && !fits(workload));
    let near = closest(name.text(), workloads.iter().filter(|other| fits(other)).map(|workload| workload.name));
    let is_elsewhere = subject.of_kind(object, kind).any(|other| other.name == name.text());
    let is_sure = (crate::kube::is_workload(group, kind) || is_any && kind == "Deployment")
        && (!is_elsewhere || has_namespace(subject, object))
        && !subject.may_be_made(object, &object.namespace, name.text())
        && (same_name.is_some()
            || is_slip(name.text(), near)
            || workloads.iter().any(|workload| workload.overlay == object.overlay));
    if is_sure != unit.params.flag("sure") {
        return;
    }
    let found = report.at(object, name);
    found.say(format!(
        "{} scales the {kind} `{}`, which is not in `{}`",
        object.title(),
        name.text(),
        object.namespace
    ));
    match (same_name, near) {
        (Some(other), _) => {
            found.help(format!("there is a {} of this name, of `{}`", other.kind, other.root.text_of("apiVersion")));
        }
        (None, Some(near)) => {
            found.help(format!("did you mean `{near}`?"));
        }
        (None, None) => {}
    }
}

/// Whether an Argo CD Application of an object leaves `replicas` to the cluster.
fn is_ignored(unit: &Unit<'_>) -> bool {
    let own = &unit.overlay().applications;
    own.iter().filter_map(|at| unit.subject.applications.get(*at)).any(|application| {
        let ignored = application.at(&["spec", "ignoreDifferences"]).map_or(&[][..], Datum::items);
        ignored.iter().any(|entry| {
            let texts = |field: &str| entry.get(field).map_or(&[][..], Datum::items).iter().map(Datum::text);
            let is_meant = matches!(entry.text_of("kind"), "*") || entry.text_of("kind") == unit.object.kind;
            is_meant
                && (texts("jsonPointers").any(|pointer| pointer == "/spec/replicas")
                    || texts("jqPathExpressions").any(|path| path == ".spec.replicas"))
        })
    })
}

/// A workload says how many replicas it wants although something scales it.
fn replicas_scaled<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let object = unit.object;
    let Some(replicas) = object.at(&["spec", "replicas"]).filter(|replicas| !replicas.is_null()) else { return };
    let scaler = unit.subject.scalers(object).find(|scaler| unit.subject.meet(object, scaler));
    // Zero by hand is how one stops what is scaled.
    if let Some(scaler) = scaler.filter(|_| replicas.int() != Some(0) && !is_ignored(unit)) {
        let message = format!("{} says {} replicas, and {} scales it", object.title(), replicas.text(), scaler.title());
        report
            .at(object, replicas)
            .say(message)
            .related(scaler.at(&["spec", "scaleTargetRef"]).unwrap_or(scaler.root), "scaled here");
    }
}

/// Two that scale one workload.
fn scalers_clash<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some((kind, name)) = scaled(object) else { return };
    let Some(target) = object.at(&["spec", "scaleTargetRef"]) else { return };
    let hands_over = |scaler: &Object<'_>| {
        scaler.annotation("scaledobject.keda.sh/transfer-hpa-ownership").is_some()
            || scaler.annotation("autoscaling.keda.sh/paused").is_some()
            || scaler.annotation("autoscaling.keda.sh/paused-replicas").is_some()
    };
    for other in subject.scalers_of(object, kind, name) {
        let is_first = (object.kind, object.name) < (other.kind, other.name);
        if is_first || hands_over(object) || hands_over(other) || !subject.meet(object, other) {
            continue;
        }
        let message = format!("{} and {} both scale the {kind} `{name}`", object.title(), other.title());
        report
            .at(object, target)
            .say(message)
            .related(other.at(&["spec", "scaleTargetRef"]).unwrap_or(other.root), "the other");
    }
}

/// Bounds of an HPA. Params: `equal`: whether to tell of bounds that leave no room, or of those that are refused.
fn bounds<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let object = unit.object;
    let field = |field: &str| object.at(&["spec", field]).filter(|node| !node.is_null());
    let (low, high) = (field("minReplicas"), field("maxReplicas"));
    let least = low.and_then(Datum::int);
    let is_number = |node: Option<&Datum>| node.is_none_or(|node| node.int().is_some());
    if !is_number(low) || !is_number(high) {
        return;
    }
    let most = high.and_then(Datum::int);
    match (high, most, unit.params.flag("equal")) {
        (Some(node), Some(most), true) if most >= 1 && most == least.unwrap_or(1) => {
            let found = report.at(object, node);
            found.say(format!("{} cannot scale: its bounds are both {most}", object.title()));
            if let Some(low) = low {
                found.related(low, "the lower bound");
            }
        }
        (None, _, false) if object.at(&["spec"]).is_some_and(Datum::is_mapping) => {
            report
                .missing(object, object.root, "spec/maxReplicas")
                .say(format!("{} has no maxReplicas", object.title()));
        }
        (Some(node), Some(most), false) if most < 1 => {
            report.at(object, node).say(format!("{} allows {most} replicas at most", object.title()));
        }
        (Some(node), Some(most), false) if least.is_some_and(|least| most < least) => {
            let found = report.at(object, node);
            found.say(format!(
                "{} allows at most {most} replicas, and at least {}",
                object.title(),
                least.unwrap_or(1)
            ));
            if let Some(low) = low {
                found.related(low, "the lower bound");
            }
        }
        _ => {}
    }
}

/// An HPA that may leave too few replicas. Params: `minimum`.
fn scaler_minimum<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (object, minimum) = (unit.object, unit.params.integer("minimum"));
    let node = object.at(&["spec", "minReplicas"]).filter(|node| !node.is_null());
    let Some(least) = node.map_or(Some(1), Datum::int) else { return };
    if least >= minimum || is_trial(unit) || !object.at(&["spec"]).is_some_and(Datum::is_mapping) {
        return;
    }
    let found = match node {
        Some(node) => report.at(object, node),
        None => report.missing(object, object.root, "spec/minReplicas"),
    };
    found.say(format!("{} may leave {least} of at least {minimum} replicas", object.title()));
}

/// The fewest replicas that a workload runs with, and the node that says it, where one does: what scales it decides. `None`
/// where a kind has no replicas.
pub(super) fn fewest<'a>(
    subject: &'a Subject<'a>,
    workload: &'a Object<'a>,
) -> Option<(i64, Option<(&'a Object<'a>, &'a Datum)>)> {
    const SCALED: [&str; 6] =
        ["Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Rollout", "DeploymentConfig"];
    if !SCALED.contains(&workload.kind) {
        return None;
    }
    let mut scalers: Vec<&Object<'a>> = subject.scalers(workload).collect();
    if scalers.iter().any(|scaler| scaler.overlay == workload.overlay) {
        scalers.retain(|scaler| scaler.overlay == workload.overlay);
    }
    let least = |scaler: &&'a Object<'a>| {
        let (field, default) = if scaler.kind == "ScaledObject" { ("minReplicaCount", 0) } else { ("minReplicas", 1) };
        let node = scaler.at(&["spec", field]).filter(|node| node.int().is_some());
        (node.and_then(Datum::int).unwrap_or(default), node.map(|node| (*scaler, node)))
    };
    if let Some(least) = scalers.iter().map(least).min_by_key(|(count, _)| *count) {
        return Some(least);
    }
    let node = workload.at(&["spec", "replicas"]).filter(|node| !node.is_null());
    match node {
        None => Some((1, None)),
        Some(node) => node.int().map(|count| (count, Some((workload, node)))),
    }
}

/// Whether an environment is the real one, by its name.
pub(super) fn is_production(environment: &str) -> bool {
    let lower = environment.to_lowercase();
    let mut words = lower.split(['-', '_', '.']);
    let is_other =
        ["pre", "non", "not", "test"].iter().any(|word| lower.split(['-', '_', '.']).any(|part| part == *word));
    !is_other && words.any(|word| matches!(word, "prod" | "production" | "prd" | "live"))
}

/// Whether an object is in an environment that is known not to be the real one.
fn is_trial(unit: &Unit<'_>) -> bool {
    unit.overlay().environment.as_deref().is_some_and(|environment| !is_production(environment))
}

/// Too few replicas, unless what scales the workload sees to it. Params: `minimum`; `served`: only of what a Service leads
/// to.
fn replicas_below<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let minimum = unit.params.integer("minimum");
    if is_trial(unit) || subject.lends_template(object) || subject.scalers(object).next().is_some() {
        return;
    }
    if unit.params.flag("served") && subject.selecting(object, "Service").next().is_none() {
        return;
    }
    let Some((count, place)) = fewest(subject, object) else { return };
    // Zero is a decision.
    if count >= minimum || count == 0 && minimum <= 2 {
        return;
    }
    let message = format!("{} runs with {count} of at least {minimum} replicas", object.title());
    match place {
        Some((_, node)) => report.at(object, node).say(message),
        None => report.missing(object, object.root, "spec/replicas").say(message),
    };
}

/// A Deployment behind a Service that stops all its pods before it starts new ones.
fn served_recreate<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(strategy) = unit.object.at(&["spec", "strategy", "type"]).filter(|node| !node.is_empty()) else { return };
    if strategy.text() != "RollingUpdate" && unit.subject.selecting(unit.object, "Service").next().is_some() {
        report.at(unit.object, strategy);
    }
}

/// The headless Service of a StatefulSet. Params: `wrong`: `missing`, `headed` or `other`.
fn stateful_service<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(name) = object.at(&["spec", "serviceName"]).filter(|name| !name.text().is_empty() && !name.is_null())
    else {
        return;
    };
    let found = subject.named(object, "Service", &object.namespace, name.text());
    let mut services: Vec<&Object<'a>> = found.filter(|service| service.group.is_empty()).collect();
    if services.iter().any(|service| service.overlay == object.overlay) {
        services.retain(|service| service.overlay == object.overlay);
    }
    let wrong = unit.params.text("wrong");
    let Some(first) = services.first() else {
        let is_elsewhere = !has_namespace(subject, object)
            && subject.of_kind(object, "Service").any(|other| other.name == name.text());
        let is_external = subject.external.has("Service", &object.namespace, name.text())
            || subject.may_be_made(object, &object.namespace, name.text());
        if wrong == "missing" && !is_external && !is_elsewhere {
            let others = subject.of_kind(object, "Service").filter(|other| other.namespace == object.namespace);
            let near = closest(name.text(), others.map(|other| other.name));
            let found = report.at(object, name);
            found.say(format!(
                "{} names the Service `{}`, which is not in `{}`",
                object.title(),
                name.text(),
                object.namespace
            ));
            if let Some(near) = near {
                found.help(format!("did you mean `{near}`?"));
            }
        }
        return;
    };
    let is_headless = |service: &&Object<'a>| service.at(&["spec", "clusterIP"]).is_some_and(|ip| ip.text() == "None");
    let selects = |service: &&Object<'a>| {
        let selector = service.at(&["spec", "selector"]).filter(|selector| !selector.is_empty());
        selector.is_none_or(|node| crate::kube::Selector::Plain(node).matches(object.pod.and_then(|pod| pod.labels())))
    };
    if wrong == "headed" && !services.iter().any(is_headless) {
        let message = format!("the Service `{}` of {} is not headless", first.name, object.title());
        report.at(object, name).say(message).related(first.at(&["spec"]).unwrap_or(first.root), "the Service");
    }
    if wrong == "other" && !services.iter().any(selects) {
        let message = format!("the Service `{}` of {} does not select its pods", first.name, object.title());
        report
            .at(object, name)
            .say(message)
            .related(first.at(&["spec", "selector"]).unwrap_or(first.root), "its selector");
    }
}
