//! Label selectors: what selects nothing, and what selects what it should not.

use crate::diag::closest;
use crate::kube::{Selector, is_runtime_label, runs_pods_of};
use crate::policy::checks::references::has_namespace;
use crate::policy::checks::{Check, Named};
use crate::policy::lookup::selector_of;
use crate::policy::report::{Report, Unit};
use crate::policy::subject::Object;
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("selects-nothing", Check::Unit(selects_nothing)),
    ("peer-selects-nothing", Check::Unit(peer_selects_nothing)),
    ("monitor-selects-nothing", Check::Unit(monitor_selects_nothing)),
    ("selector-misses-template", Check::Unit(misses_template)),
    ("workloads-share-pods", Check::Unit(share_pods)),
];

/// Params: `sure`: whether to tell of what surely selects nothing, or of what may select pods that others make.
///
/// Of a Service, a PodDisruptionBudget or a NetworkPolicy. A Service without selector has its endpoints made by hand, an
/// empty selector selects all.
fn selects_nothing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let object = unit.object;
    let Some(selector) = selector_of(object) else { return };
    if selector.is_empty() || !unit.subject.selects(object).is_empty() {
        return;
    }
    let field = if object.kind == "NetworkPolicy" { "podSelector" } else { "selector" };
    if let Some(node) = object.at(&["spec", field]) {
        no_pods(unit, selector, node, &object.title(), report);
    }
}

/// What selects nothing goes by `what`.
fn no_pods<'a>(unit: &Unit<'a>, selector: Selector<'a>, node: &'a Datum, what: &str, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let has_owner = |(key, value): (&str, &str)| {
        runs_pods_of(key).is_some_and(|kind| subject.find(object, kind, &object.namespace, value).is_some())
    };
    if is_of_runtime(unit, selector) || selector.pairs().any(has_owner) {
        return;
    }
    let nearest = nearest(unit, selector);
    let is_elsewhere = !has_namespace(subject, object)
        && subject.objects_near(object).any(|other| other.pod.is_some_and(|pod| selector.matches(pod.labels())));
    let has_foreign_key = selector.pairs().any(|(key, _)| {
        key.contains('/')
            && !key.starts_with("app.kubernetes.io/")
            && !subject.workloads(object, &object.namespace).any(|workload| labels(workload).any(|(own, _)| own == key))
    });
    let is_runtime = selector.pairs().any(|(key, _)| is_runtime_label(key));
    let is_sure = !is_elsewhere
        && !has_foreign_key
        && !is_runtime
        && object.namespace != "kube-system"
        && !subject.is_operated(object, &object.namespace)
        && nearest.is_some_and(|(workload, fitting)| fitting > 0 || workload.overlay == object.overlay);
    if is_sure != unit.params.flag("sure") {
        return;
    }
    let found = report.at(object, node);
    found.say(format!("{what} selects no pod in the namespace `{}`", object.namespace));
    let Some((workload, _)) = nearest else { return };
    let wrong =
        selector.pairs().find(|(key, value)| !labels(workload).any(|(own, other)| own == *key && other == *value));
    let Some((key, value)) = wrong else { return };
    match labels(workload).find(|(own, _)| *own == key) {
        Some((_, other)) => {
            found.help(format!("it wants `{key}: {value}`; the pods of {} have `{key}: {other}`", workload.title()));
        }
        None => {
            found.help(format!("it wants `{key}: {value}`; the pods of {} have no such label", workload.title()));
        }
    }
    if let Some(labels) = subject.template(workload).and_then(|pod| pod.labels()) {
        found.related(labels, "the labels of its pods");
    }
}

fn labels<'a>(workload: &Object<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let labels = workload.pod.and_then(|pod| pod.labels());
    labels.map_or(&[][..], Datum::pairs).iter().map(|(key, value)| (key.text(), value.text()))
}

/// Whether the pods of a workload have the labels, but for those that a controller sets while they run.
fn is_of_runtime(unit: &Unit<'_>, selector: Selector<'_>) -> bool {
    let (subject, object) = (unit.subject, unit.object);
    let is_fixed = |key: &str| key.ends_with("kubernetes.io/pod-name") || key.ends_with("kubernetes.io/pod-index");
    selector.pairs().any(|(key, _)| is_fixed(key))
        && subject.workloads(object, &object.namespace).any(|workload| {
            workload.kind == "StatefulSet"
                && selector.pairs().all(|(key, value)| match key {
                    "statefulset.kubernetes.io/pod-name" => {
                        value.rsplit_once('-').is_some_and(|(set, _)| set == workload.name)
                    }
                    key if is_fixed(key) => true,
                    key => labels(workload).any(|own| own == (key, value)),
                })
        })
}

/// The workload of the namespace that a selector fits best, and how many of its labels it fits.
fn nearest<'a>(unit: &Unit<'a>, selector: Selector<'_>) -> Option<(&'a Object<'a>, usize)> {
    let object = unit.object;
    let fitting =
        |workload: &Object<'_>| selector.pairs().filter(|pair| labels(workload).any(|own| own == *pair)).count();
    let is_near = |workload: &Object<'_>| {
        workload.name == object.name
            || selector.pairs().any(|(key, value)| {
                labels(workload).any(|(own, other)| own == key && closest(value, [other]).is_some())
            })
    };
    let workloads = unit.subject.workloads(object, &object.namespace);
    workloads
        .map(|workload| (workload, fitting(workload)))
        .max_by_key(|(workload, fitting)| (*fitting, is_near(workload), workload.overlay == object.overlay))
}

/// Peers of a NetworkPolicy in its own namespace. Params: `sure`.
fn peer_selects_nothing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (direction, side) in [("ingress", "from"), ("egress", "to")] {
        let rules = unit.object.at(&["spec", direction]).map_or(&[][..], Datum::items).iter();
        for peer in rules.filter_map(|rule| rule.get(side)).flat_map(Datum::items) {
            let Some(node) = peer.get("podSelector").filter(|node| node.is_mapping()) else { continue };
            let selector = Selector::Full(node);
            if peer.get("namespaceSelector").is_some_and(|selector| !selector.is_null()) || selector.is_empty() {
                continue;
            }
            if unit.subject.selected(unit.object, &unit.object.namespace, selector).is_empty() {
                let what = format!("a peer in the {direction} of {}", unit.object.title());
                no_pods(unit, selector, node, &what, report);
            }
        }
    }
}

/// ServiceMonitors and PodMonitors. Params: `sure`.
fn monitor_selects_nothing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    if !monitored(unit).is_empty() {
        return;
    }
    let node = object.at(&["spec", "selector"]).filter(|node| node.is_mapping());
    let places = monitor_namespaces(object);
    let is_empty = node.is_none_or(|node| Selector::Full(node).is_empty());
    let what = if object.kind == "PodMonitor" { "pod" } else { "Service" };
    let is_seen = |namespace: &str| {
        let has_any = if what == "pod" {
            subject.workloads(object, namespace).next().is_some()
        } else {
            subject
                .of_kind(object, "Service")
                .any(|service| service.is("", "Service") && service.namespace == namespace)
        };
        has_any && !subject.is_operated(object, namespace) && namespace != "kube-system"
    };
    // Charts and operators bring Services with them.
    let is_sure = !is_empty
        && has_namespace(subject, object)
        && places.as_ref().is_some_and(|places| !places.is_empty() && places.iter().all(|place| is_seen(place)));
    if is_sure != unit.params.flag("sure") {
        return;
    }
    let place = match places.as_deref() {
        None => "any namespace".to_owned(),
        Some([one]) => format!("the namespace `{one}`"),
        Some(_) => "the namespaces that it names".to_owned(),
    };
    let found = match node {
        Some(node) => report.at(object, node),
        None => report.missing(object, object.root, "spec/selector"),
    };
    found.say(format!("{} selects no {what} in {place}", object.title()));
}

/// The namespaces that a monitor looks at; `None` for all.
fn monitor_namespaces<'a>(object: &'a Object<'_>) -> Option<Vec<&'a str>> {
    let selector = object.at(&["spec", "namespaceSelector"]);
    if selector.and_then(|selector| selector.get("any")).and_then(Datum::flag) == Some(true) {
        return None;
    }
    let names = selector.and_then(|selector| selector.get("matchNames")).map_or(&[][..], Datum::items);
    if names.is_empty() {
        return Some(vec![&object.namespace]);
    }
    Some(names.iter().map(Datum::text).collect())
}

/// The Services, or workloads, that a monitor selects. An empty selector selects all of its namespaces.
pub(super) fn monitored<'a>(unit: &Unit<'a>) -> Vec<&'a Object<'a>> {
    let (subject, object) = (unit.subject, unit.object);
    let places = monitor_namespaces(object);
    let is_looked_at =
        |other: &Object<'_>| places.as_ref().is_none_or(|places| places.contains(&other.namespace.as_str()));
    let Some(node) = object.at(&["spec", "selector"]).filter(|node| node.is_mapping()) else {
        let has_places = object.at(&["spec", "namespaceSelector"]).is_some_and(|selector| !selector.is_empty());
        let services = subject.of_kind(object, "Service").filter(|service| service.is("", "Service"));
        return services.filter(|service| has_places && is_looked_at(service)).collect();
    };
    let selector = Selector::Full(node);
    if object.kind == "PodMonitor" {
        return match &places {
            Some(places) => places.iter().flat_map(|place| subject.selected(object, place, selector)).collect(),
            None => {
                let all = subject.objects_near(object).filter(|other| other.pod.is_some());
                all.filter(|other| other.pod.is_some_and(|pod| selector.matches(pod.labels()))).collect()
            }
        };
    }
    let fits = |service: &&Object<'_>| {
        service.is("", "Service") && is_looked_at(service) && selector.matches(service.at(&["metadata", "labels"]))
    };
    match selector.pairs().next() {
        Some((key, value)) => subject.services_with(object, key, value).filter(fits).collect(),
        None => subject.of_kind(object, "Service").filter(fits).collect(),
    }
}

/// A workload whose selector does not fit its own pods: the API server refuses it.
fn misses_template<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let object = unit.object;
    let Some(pod) = unit.subject.template(object) else { return };
    let path: &[&str] = match object.kind {
        "CronJob" => &["spec", "jobTemplate", "spec", "selector"],
        _ => &["spec", "selector"],
    };
    let Some(node) = object.at(path).filter(|node| !node.is_null()) else {
        // A Job's selector is made up by the API server, and so is that of old versions.
        if object.pod.is_some()
            && !matches!(
                object.kind,
                "Job" | "CronJob" | "ReplicationController" | "DeploymentConfig" | "Pod" | "PodTemplate"
            )
        {
            let found = report.missing(object, object.root, "spec/selector");
            found.say(format!("{} has no selector", object.title()));
        }
        return;
    };
    if !node.is_mapping() {
        return;
    }
    let selector = match object.kind {
        "ReplicationController" | "DeploymentConfig" => Selector::Plain(node),
        _ => Selector::Full(node),
    };
    let is_empty = selector.is_empty();
    if !is_empty && selector.matches(pod.labels()) || is_empty && matches!(object.kind, "Job" | "CronJob") {
        return;
    }
    let found = report.at(object, node);
    if is_empty {
        found.say(format!("the selector of {} is empty", object.title()));
        return;
    }
    found.say(format!("the selector of {} does not fit the labels of its own pods", object.title()));
    found.related(pod.labels().unwrap_or(pod.template), "the labels of its pods");
}

/// Workloads that hold the same pods for their own.
fn share_pods<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let own = |object: &Object<'a>| {
        let node = object.at(&["spec", "selector"]).filter(|node| node.is_mapping())?;
        let selector = match object.kind {
            "ReplicationController" | "DeploymentConfig" => Selector::Plain(node),
            _ => Selector::Full(node),
        };
        (!selector.is_empty()).then_some((selector, node))
    };
    let controls = |other: &Object<'_>| !matches!(other.kind, "Job" | "CronJob" | "Pod" | "PodTemplate");
    let Some((selector, node)) = own(object).filter(|_| controls(object)) else { return };
    for other in subject.selected(object, &object.namespace, selector) {
        let Some((others, their)) = own(other).filter(|_| controls(other)) else { continue };
        let is_lent = subject.lends_template(other) || subject.lends_template(object);
        let is_first = (object.name, object.kind) < (other.name, other.kind);
        if is_lent || is_first || !subject.meet(object, other) {
            continue;
        }
        if others.matches(object.pod.and_then(|pod| pod.labels())) {
            let message = format!("{} and {} select each other's pods", object.title(), other.title());
            report.at(object, node).say(message).related(their, "the same pods");
        }
    }
}
