//! Istio: the hosts, ports, subsets and gateways that routes name.
//!
//! Hosts that are neither a short name nor of the cluster's domain are someone else's, and nothing is said about them.

use crate::kube::Selector;
use crate::policy::checks::hosts::{Sight, has_port, is_placed, look_up, ports_of, service_name};
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::Object;
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("destination-rule-host-missing", Check::Unit(rule_host)),
    ("destination-rule-subset-empty", Check::Unit(rule_subset)),
    ("mesh-policy-selects-nothing", Check::Unit(policy_selector)),
    ("virtual-service-delegate-missing", Check::Unit(delegate)),
    ("virtual-service-gateway-missing", Check::Unit(gateway)),
    ("virtual-service-host-missing", Check::Unit(host)),
    ("virtual-service-port-missing", Check::Unit(port)),
    ("virtual-service-subset-missing", Check::Unit(subset)),
];

pub(super) const GROUP: &str = "networking.istio.io";

/// The destinations of a VirtualService: those of routes and of mirrors.
fn destinations<'a>(root: &'a Datum) -> Vec<&'a Datum> {
    let spec = root.get("spec");
    let items = |node: &'a Datum, field: &str| node.get(field).map_or(&[][..], Datum::items).iter();
    let mut found = Vec::new();
    for protocol in ["http", "tls", "tcp"] {
        for route in spec.into_iter().flat_map(|spec| items(spec, protocol)) {
            let weighted = items(route, "route").chain(items(route, "mirrors"));
            found.extend(weighted.filter_map(|entry| entry.get("destination")));
            found.extend(route.get("mirror"));
        }
    }
    found
}

/// The Service that a host means, or nothing that can be judged.
fn service<'a>(unit: &Unit<'a>, host: &str) -> Sight<'a> {
    let Some((name, namespace)) = service_name(host, &unit.object.namespace) else { return Sight::Unknown };
    let sight = look_up(unit, "", "Service", namespace, name);
    let full = format!("{name}.{namespace}.svc.cluster.local");
    let is_entered = |entry: &Object<'_>| {
        let hosts = entry.at(&["spec", "hosts"]).map_or(&[][..], Datum::items);
        hosts.iter().any(|known| known.text() == host || known.text() == full)
    };
    if sight.is_missing() && unit.subject.of_kind(unit.object, "ServiceEntry").any(is_entered) {
        return Sight::Unknown;
    }
    sight
}

fn host<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let destinations = destinations(unit.node);
    let mut said: Vec<&str> = Vec::new();
    for host in destinations.iter().filter_map(|destination| destination.get("host")) {
        if service(unit, host.text()).is_missing() {
            said.push(host.text());
            let message =
                format!("VirtualService `{}` routes to `{}`, which is no Service", unit.object.name, host.text());
            report.at(unit.object, host).say(message);
        }
    }
    // Only what the mesh asks for must be there: a gateway takes any name.
    let gateways = unit.object.at(&["spec", "gateways"]).map_or(&[][..], Datum::items);
    if !gateways.is_empty() && !gateways.iter().any(|gateway| gateway.text() == "mesh") {
        return;
    }
    for host in unit.object.at(&["spec", "hosts"]).map_or(&[][..], Datum::items) {
        if !said.contains(&host.text()) && service(unit, host.text()).is_missing() {
            let message =
                format!("VirtualService `{}` is about `{}`, which is no Service", unit.object.name, host.text());
            report.at(unit.object, host).say(message);
        }
    }
}

fn port<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for destination in destinations(unit.node) {
        let Some(number) = destination.at(["port", "number"]) else { continue };
        let Some(service) = service(unit, destination.text_of("host")).found() else { continue };
        if number.int().is_some_and(|wanted| !has_port(service, wanted)) {
            let message = format!(
                "VirtualService `{}` routes to port {} of `{}`, which has {}",
                unit.object.name,
                number.text(),
                service.name,
                ports_of(service)
            );
            let found = report.at(unit.object, number).say(message);
            if let Some(ports) = service.at(&["spec", "ports"]) {
                found.related(ports, "its ports");
            }
        }
    }
}

/// A host in full: two ways to write it mean the same.
fn full(host: &str, namespace: &str) -> String {
    match service_name(host, namespace) {
        Some((name, namespace)) => format!("{name}.{namespace}.svc.cluster.local"),
        None => host.to_owned(),
    }
}

/// The DestinationRules of a host.
pub(super) fn rules_of<'a>(unit: &Unit<'a>, host: &str) -> Vec<&'a Object<'a>> {
    let wanted = full(host, &unit.object.namespace);
    let is_of_host = |rule: &&Object<'a>| {
        let host = rule.at(&["spec", "host"]).map_or("", Datum::text);
        let is_pattern = host.strip_prefix('*').is_some_and(|end| wanted.ends_with(end));
        rule.group == GROUP && (is_pattern || full(host, &rule.namespace) == wanted)
    };
    unit.subject.of_kind(unit.object, "DestinationRule").filter(is_of_host).collect()
}

fn subset<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for destination in destinations(unit.node) {
        let Some(subset) = destination.get("subset").filter(|subset| !subset.text().is_empty()) else { continue };
        let host = destination.text_of("host");
        let rules = rules_of(unit, host);
        let subsets = |rule: &Object<'a>| rule.at(&["spec", "subsets"]).map_or(&[][..], Datum::items).iter();
        if rules.iter().any(|rule| subsets(rule).any(|known| known.text_of("name") == subset.text())) {
            continue;
        }
        // Where the Service is out of sight, its DestinationRule may be too.
        if rules.is_empty() && matches!(service(unit, host), Sight::Unknown) {
            continue;
        }
        let message = match rules.first() {
            Some(rule) => format!(
                "VirtualService `{}` routes to the subset `{}` of `{host}`, which DestinationRule `{}` does not have",
                unit.object.name,
                subset.text(),
                rule.name
            ),
            None => format!(
                "VirtualService `{}` routes to the subset `{}` of `{host}`, which has no DestinationRule",
                unit.object.name,
                subset.text()
            ),
        };
        let found = report.at(unit.object, subset).say(message);
        if let Some(subsets) = rules.first().and_then(|rule| rule.at(&["spec", "subsets"])) {
            found.related(subsets, "the subsets that there are");
        }
    }
}

fn gateway<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    // Gateways belong to whoever runs the mesh: where none of the namespace is in sight, they come from elsewhere.
    let known: Vec<_> = unit.subject.of_kind(unit.object, "Gateway").filter(|gateway| gateway.group == GROUP).collect();
    let is_seen = |namespace: &str| {
        known.iter().any(|gateway| gateway.namespace == namespace || namespace == unit.object.namespace)
    };
    let routes = unit.object.at(&["spec", "http"]).map_or(&[][..], Datum::items).iter();
    let matches = routes.flat_map(|route| route.get("match").map_or(&[][..], Datum::items));
    let lists = unit.object.root.get("spec").into_iter().chain(matches);
    for gateway in lists.flat_map(|node| node.get("gateways").map_or(&[][..], Datum::items)) {
        let text = gateway.text();
        let qualified = text.split_once('/');
        let by_host = || service_name(text, &unit.object.namespace).map(|(name, namespace)| (namespace, name));
        let Some((namespace, name)) = qualified.or_else(by_host) else { continue };
        if text != "mesh" && is_seen(namespace) && look_up(unit, GROUP, "Gateway", namespace, name).is_missing() {
            report.at(unit.object, gateway);
        }
    }
}

fn delegate<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for route in unit.object.at(&["spec", "http"]).map_or(&[][..], Datum::items) {
        let Some(delegate) = route.get("delegate") else { continue };
        let Some(name) = delegate.get("name") else { continue };
        let namespace = match delegate.text_of("namespace") {
            "" => &unit.object.namespace,
            other => other,
        };
        if look_up(unit, GROUP, "VirtualService", namespace, name.text()).is_missing() {
            report.at(unit.object, name);
        }
    }
}

fn rule_host<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(host) = unit.object.at(&["spec", "host"]) else { return };
    if service(unit, host.text()).is_missing() {
        report.at(unit.object, host);
    }
}

/// A subset whose labels no pod of the Service has. Where the Service selects no pod at all, that is the defect.
fn rule_subset<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let host = unit.object.at(&["spec", "host"]).map_or("", Datum::text);
    let Some(service) = service(unit, host).found() else { return };
    let Some(selector) = service.at(&["spec", "selector"]).filter(|selector| !selector.is_empty()) else { return };
    let pods = unit.subject.selected(service, &service.namespace, Selector::Plain(selector));
    if pods.is_empty() {
        return;
    }
    for subset in unit.object.at(&["spec", "subsets"]).map_or(&[][..], Datum::items) {
        let Some(labels) = subset.get("labels").filter(|labels| !labels.is_empty()) else { continue };
        // The controller of Rollouts adds it at run time.
        let is_added = labels.get("rollouts-pod-template-hash").is_some();
        let is_met = pods.iter().any(|pod| pod.pod.is_some_and(|pod| Selector::Plain(labels).matches(pod.labels())));
        if !is_added && !is_met {
            let message = format!(
                "the subset `{}` of `{}` matches no pod of Service `{}`",
                subset.text_of("name"),
                unit.object.name,
                service.name
            );
            report.at(unit.object, labels).say(message);
        }
    }
}

/// A policy with a selector that no pod of its namespace has: it protects nothing.
fn policy_selector<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(labels) = unit.object.at(&["spec", "selector", "matchLabels"]).filter(|labels| !labels.is_empty()) else {
        return;
    };
    let namespace = &unit.object.namespace;
    // In the root namespace it is about pods everywhere.
    let is_seen = is_placed(unit, unit.object)
        && unit.subject.workloads(unit.object, namespace).next().is_some()
        && namespace != "istio-system";
    if is_seen && unit.subject.selected(unit.object, namespace, Selector::Plain(labels)).is_empty() {
        report.at(unit.object, labels);
    }
}
