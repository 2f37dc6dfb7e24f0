//! Where the pods of a workload run: spread over nodes and zones, or all on one. And what production asks of a service.

use crate::kube::Selector;
use crate::policy::checks::disruptions::kept;
use crate::policy::checks::scaling::{fewest, is_production};
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::{Object, Pod};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("replicas-together", Check::Unit(together)),
    ("spread-selects-others", Check::Unit(selects_others)),
    ("spread-missing", Check::Unit(spread_missing)),
    ("production-bundle", Check::Unit(production)),
];

/// The terms of a pod's anti-affinity, required and preferred.
fn terms(pod: Pod<'_>) -> impl Iterator<Item = &Datum> {
    let affinity = pod.spec.at(["affinity", "podAntiAffinity"]);
    let list = move |kind: &str| {
        let field = format!("{kind}DuringSchedulingIgnoredDuringExecution");
        affinity.and_then(|affinity| affinity.get(&field)).map_or(&[][..], Datum::items).iter()
    };
    list("required").chain(list("preferred").filter_map(|term| term.get("podAffinityTerm")))
}

/// Whether a term keeps the pods of a workload away from each other.
fn keeps_apart(term: &Datum, object: &Object<'_>, pod: Pod<'_>, keys: &[&str]) -> bool {
    let namespaces = term.get("namespaces").map_or(&[][..], Datum::items);
    let is_own = namespaces.is_empty() || namespaces.iter().any(|namespace| namespace.text() == object.namespace);
    let selector = term.get("labelSelector").filter(|selector| selector.is_mapping());
    is_own
        && keys.contains(&term.text_of("topologyKey"))
        && selector.is_some_and(|selector| Selector::Full(selector).matches(pod.labels()))
}

/// Params: `topologyKeys`; `spreadCounts`: whether a topology spread constraint will do as well; `unsaid`: whether
/// replicas that are not written down count as several.
fn together<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let (Some(pod), Some((count, place))) = (subject.template(object), fewest(subject, object)) else { return };
    let is_unsaid = place.is_none() && subject.scalers(object).next().is_none();
    if count < 2 && !(is_unsaid && unit.params.flag("unsaid")) || subject.lends_template(object) {
        return;
    }
    let keys = unit.params.list("topologyKeys");
    let is_spread = unit.params.flag("spreadCounts") && constraints(pod).any(|_| true);
    if is_spread || terms(pod).any(|term| keeps_apart(term, object, pod, &keys)) {
        return;
    }
    let message = if count < 2 {
        format!("nothing keeps the pods of {} apart", object.title())
    } else {
        format!("nothing keeps the {count} pods of {} apart", object.title())
    };
    let affinity = pod.spec.at(["affinity", "podAntiAffinity"]).filter(|affinity| !affinity.is_null());
    // Of a Rollout that lends its template, the template is another object's.
    let found = match (affinity, object.pod) {
        (_, None) => report.at(object, object.root),
        (Some(affinity), _) => report.at(object, affinity),
        (None, _) => report.missing(object, pod.spec, "affinity/podAntiAffinity"),
    };
    found.say(message);
}

fn constraints(pod: Pod<'_>) -> impl Iterator<Item = &Datum> {
    pod.spec.get("topologySpreadConstraints").map_or(&[][..], Datum::items).iter()
}

/// A constraint that does not count the pods that it is to spread.
fn selects_others<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (object, Some(pod)) = (unit.object, unit.pod()) else { return };
    for constraint in constraints(pod) {
        let Some(selector) = constraint.get("labelSelector").filter(|selector| selector.is_mapping()) else { continue };
        if !Selector::Full(selector).matches(pod.labels()) {
            let message = format!("a spread constraint of {} does not count its own pods", object.title());
            let found = report.at(object, selector).say(message);
            found.related(pod.labels().unwrap_or(pod.template), "the labels of its pods");
        }
    }
}

/// No spread constraint on what runs more than once, as far as it says so.
fn spread_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(pod) = object.pod.filter(|pod| constraints(*pod).next().is_none()) else { return };
    if fewest(subject, object).is_some_and(|(count, _)| count >= 2) {
        report.missing(object, pod.spec, "topologySpreadConstraints");
    }
}

/// What production asks of what serves: two replicas, a budget that lets one go, pods apart. Params: `declared`: only of
/// services in the catalog, in environments that are highly available there.
fn production<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let (Some(pod), Some((count, place))) = (subject.template(object), fewest(subject, object)) else { return };
    if !is_meant(unit) || count == 0 || subject.lends_template(object) {
        return;
    }
    let mut lacks: Vec<String> = Vec::new();
    let mut at: Option<&Datum> = None;
    let mut own_field = "";
    if count < 2 {
        lacks.push(format!("a second replica (it may run with {count})"));
        at = place.filter(|(owner, _)| std::ptr::eq(*owner, object)).map(|(_, node)| node);
        own_field = "spec/replicas";
    }
    if constraints(pod).next().is_none() && terms(pod).next().is_none() {
        lacks.push("a spread over nodes".to_owned());
        own_field = if own_field.is_empty() { "spec/template/spec/topologySpreadConstraints" } else { own_field };
    }
    let budget = subject.selecting(object, "PodDisruptionBudget").next();
    match budget {
        None => lacks.push("a PodDisruptionBudget".to_owned()),
        Some(budget) if count > 1 && kept(budget, count).is_some_and(|(kept, _)| kept >= count) => {
            lacks.push(format!("a PodDisruptionBudget that lets one of {count} pods go"));
        }
        Some(_) => {}
    }
    if lacks.is_empty() {
        return;
    }
    let message = format!("{} is in production without {}", object.title(), lacks.join(", "));
    let found = match at {
        Some(node) => report.at(object, node),
        None if own_field.is_empty() => {
            report.at(object, pod.labels().filter(|_| object.pod.is_some()).unwrap_or(object.root))
        }
        None => report.missing(object, object.root, own_field),
    };
    found.say(message);
    if let Some(node) = budget.and_then(|budget| budget.at(&["spec", "selector"])) {
        found.related(node, "its PodDisruptionBudget");
    }
}

/// Whether production's demands hold for a workload.
fn is_meant(unit: &Unit<'_>) -> bool {
    let overlay = unit.overlay();
    let Some(environment) = &overlay.environment else { return false };
    let serves = unit.subject.selecting(unit.object, "Service").next().is_some();
    if !unit.params.flag("declared") {
        return is_production(environment) && serves;
    }
    let Some(catalog) = unit.subject.catalog else { return false };
    let declared = catalog.platform.environments.iter().find(|(name, _)| name.value == *environment);
    let service = overlay.service.as_ref().and_then(|name| catalog.service(name)).map(|entry| &entry.service);
    serves
        && declared.is_some_and(|(_, declared)| declared.highly_available)
        && service.is_some_and(|service| service.lifetime != crate::catalog::Lifetime::Cutover)
}
