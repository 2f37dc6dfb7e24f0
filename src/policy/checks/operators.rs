//! What operators look up: stores of secrets, sealed secrets, monitors and rules.

use crate::kube::Selector;
use crate::policy::checks::hosts::look_up;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::Object;
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("monitor-unselected", Check::Unit(monitor_unselected)),
    ("pod-monitor-selects-nothing", Check::Unit(pod_monitor)),
    ("sealed-secret-moved", Check::Unit(sealed_secret)),
    ("secret-store-missing", Check::Unit(store)),
];

/// An ExternalSecret whose store does not exist, where the repository has stores of that kind.
fn store<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let spec = unit.object.root.get("spec");
    // A ClusterExternalSecret holds the spec of an ExternalSecret.
    let inner = spec.and_then(|spec| spec.get("externalSecretSpec")).or(spec);
    let Some(inner) = inner else { return };
    let list = |field: &str| inner.get(field).map_or(&[][..], Datum::items).iter();
    let own = inner.get("secretStoreRef").into_iter().chain(list("secretStoreRefs"));
    let of_entries = list("data").chain(list("dataFrom")).filter_map(|entry| entry.at(["sourceRef", "storeRef"]));
    for reference in own.chain(of_entries) {
        let Some(name) = reference.get("name").filter(|name| !name.text().is_empty()) else { continue };
        let kind = match reference.text_of("kind") {
            "" => "SecretStore",
            kind => kind,
        };
        let namespace = match kind {
            "SecretStore" => unit.object.namespace.as_str(),
            "ClusterSecretStore" => "",
            _ => continue,
        };
        let is_seen = unit.subject.of_kind(unit.object, kind).next().is_some();
        if is_seen && look_up(unit, "external-secrets.io", kind, namespace, name.text()).is_missing() {
            let message = format!("{} reads from {kind} `{}`, which does not exist", unit.object.title(), name.text());
            report.at(unit.object, name).say(message);
        }
    }
}

/// A SealedSecret that was sealed for another name or namespace than it has now: nothing can open it.
fn sealed_secret<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let is_on = |scope: &str| {
        let own = unit.object.annotation(&format!("sealedsecrets.bitnami.com/{scope}"));
        own.is_some_and(|value| value.text() == "true")
    };
    if is_on("cluster-wide") {
        return;
    }
    let meta = |field: &str| unit.object.at(&["metadata", field]);
    let sealed = |field: &str| {
        let node = unit.object.at(&["spec", "template", "metadata", field]);
        node.filter(|node| !node.text().is_empty() && !node.is_null())
    };
    if let (Some(now), Some(then)) = (meta("namespace").filter(|now| !now.text().is_empty()), sealed("namespace"))
        && now.text() != then.text()
    {
        let message = format!(
            "SealedSecret `{}` was sealed for namespace `{}`, and is in `{}`",
            unit.object.name,
            then.text(),
            now.text()
        );
        report.at(unit.object, now).say(message).related(then, "it was sealed for this one");
    }
    if is_on("namespace-wide") {
        return;
    }
    let Some(now) = meta("name") else { return };
    let then = sealed("name").map_or(unit.object.stable_name.as_str(), Datum::text);
    if now.text() != then {
        let message = format!("SealedSecret `{}` was sealed under the name `{then}`", unit.object.name);
        report.at(unit.object, now).say(message);
    }
}

/// Which namespaces a monitor looks into: its own unless it says others.
fn is_in_reach(monitor: &Object<'_>, namespace: &str) -> bool {
    let Some(selector) = monitor.at(&["spec", "namespaceSelector"]) else { return monitor.namespace == namespace };
    let names = selector.get("matchNames").map_or(&[][..], Datum::items);
    selector.get("any").and_then(Datum::flag) == Some(true)
        || names.iter().any(|name| name.text() == namespace)
        || names.is_empty() && monitor.namespace == namespace
}

/// A PodMonitor whose selector no pod has.
fn pod_monitor<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(selector) = unit.object.at(&["spec", "selector"]).filter(|selector| selector.is_mapping()) else { return };
    let pods: Vec<_> = unit.subject.objects_near(unit.object).filter(|object| object.pod.is_some()).collect();
    let mut reach = pods.iter().filter(|object| is_in_reach(unit.object, &object.namespace)).peekable();
    let labels = |object: &Object<'a>| object.pod.and_then(|pod| pod.labels());
    // Where nothing runs in the namespaces that it means, they are out of sight.
    if reach.peek().is_some() && !reach.any(|object| Selector::Full(selector).matches(labels(object))) {
        report.at(unit.object, selector);
    }
}

/// The field of a Prometheus that selects objects of a kind.
fn selector_field(kind: &str) -> Option<(&'static str, &'static str)> {
    Some(match kind {
        "PrometheusRule" => ("ruleSelector", "ruleNamespaceSelector"),
        "ServiceMonitor" => ("serviceMonitorSelector", "serviceMonitorNamespaceSelector"),
        "PodMonitor" => ("podMonitorSelector", "podMonitorNamespaceSelector"),
        "Probe" => ("probeSelector", "probeNamespaceSelector"),
        _ => return None,
    })
}

/// A monitor or rule that no Prometheus in sight selects: it is applied, and nothing comes of it.
fn monitor_unselected<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((field, namespaces)) = selector_field(unit.object.kind) else { return };
    let group = "monitoring.coreos.com";
    let servers: Vec<_> = ["Prometheus", "PrometheusAgent", "ThanosRuler"]
        .iter()
        .flat_map(|kind| unit.subject.of_kind(unit.object, kind))
        .filter(|server| server.group == group)
        .collect();
    let Some(first) = servers.first().copied() else { return };
    let is_selected = servers.iter().any(|server| {
        let selector = server.at(&["spec", field]).filter(|selector| !selector.is_null());
        let reach = server.at(&["spec", namespaces]).filter(|selector| !selector.is_null());
        let is_near = reach.is_some() || server.namespace == unit.object.namespace;
        is_near
            && selector
                .is_some_and(|selector| Selector::Full(selector).matches(unit.object.at(&["metadata", "labels"])))
    });
    if !is_selected {
        let message = format!("no Prometheus selects {}", unit.object.title());
        let place = unit.object.at(&["metadata", "labels"]);
        let found = match place {
            Some(labels) => report.at(unit.object, labels),
            None => report.missing(unit.object, unit.node, "metadata/labels"),
        };
        found.say(message);
        if let Some(selector) = first.at(&["spec", field]) {
            found.related(selector, "what it selects by");
        }
    }
}
