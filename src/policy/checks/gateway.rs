//! The Gateway API: the Gateways that routes attach to, whether those take them, and the Services behind them.

use rustc_hash::FxHashMap as HashMap;

use crate::kube::Selector;
use crate::policy::checks::hosts::{Sight, has_port, look_up, ports_of};
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit, Whole};
use crate::policy::subject::Object;
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("gateway-certificate-not-granted", Check::Unit(certificate_granted)),
    ("route-backend-missing", Check::Unit(backend)),
    ("route-backend-not-granted", Check::Unit(backend_granted)),
    ("route-not-accepted", Check::Unit(accepted)),
    ("route-parent-missing", Check::Unit(parent)),
    ("routes-clash", Check::Whole(clash)),
];

const GROUP: &str = "gateway.networking.k8s.io";

fn items<'a>(node: &'a Datum, path: &[&str]) -> &'a [Datum] {
    node.at(path.iter().copied()).map_or(&[], Datum::items)
}

/// A reference with its defaults.
#[derive(Clone, Copy)]
struct Reference<'a> {
    group: &'a str,
    kind: &'a str,
    namespace: &'a str,
    name: &'a str,
}

impl<'a> Reference<'a> {
    fn of(node: &'a Datum, group: &'a str, kind: &'a str, namespace: &'a str) -> Self {
        let or =
            |field: &str, other: &'a str| Some(node.text_of(field)).filter(|text| !text.is_empty()).unwrap_or(other);
        Self {
            // An empty group is the core.
            group: if node.get("group").is_some() { node.text_of("group") } else { group },
            kind: or("kind", kind),
            namespace: or("namespace", namespace),
            name: node.text_of("name"),
        }
    }

    fn look_up(&self, unit: &Unit<'a>) -> Sight<'a> {
        look_up(unit, self.group, self.kind, self.namespace, self.name)
    }
}

/// The Gateways and Services that a route attaches to.
fn parents<'a>(object: &'a Object<'a>) -> impl Iterator<Item = (&'a Datum, Reference<'a>)> {
    let nodes = items(object.root, &["spec", "parentRefs"]).iter();
    nodes.map(|node| (node, Reference::of(node, GROUP, "Gateway", &object.namespace)))
}

fn parent<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (node, reference) in parents(unit.object) {
        let is_known = reference.group == GROUP && reference.kind == "Gateway" || reference.kind == "Service";
        let Some(name) = node.get("name").filter(|_| is_known && !reference.name.is_empty()) else { continue };
        if reference.look_up(unit).is_missing() {
            let message = format!(
                "{} attaches to {} `{}` in namespace `{}`, which does not exist",
                unit.object.title(),
                reference.kind,
                reference.name,
                reference.namespace
            );
            report.at(unit.object, name).say(message);
        }
    }
}

/// The listeners of a Gateway that a parent reference means.
fn listeners<'a>(gateway: &Object<'a>, reference: &Datum) -> Vec<&'a Datum> {
    let section = reference.text_of("sectionName");
    let port = reference.get("port").and_then(Datum::int);
    let is_meant = |listener: &&Datum| {
        (section.is_empty() || listener.text_of("name") == section)
            && port.is_none_or(|port| listener.get("port").and_then(Datum::int) == Some(port))
    };
    items(gateway.root, &["spec", "listeners"]).iter().filter(is_meant).collect()
}

/// Whether two host names can mean the same; an empty one means all, and a star stands for labels in front.
fn meet(one: &str, other: &str) -> bool {
    let covers = |pattern: &str, name: &str| pattern.strip_prefix('*').is_some_and(|end| name.ends_with(end));
    one.is_empty() || other.is_empty() || one == other || covers(one, other) || covers(other, one)
}

/// Whether a listener takes routes of the namespace of a route, as far as that can be seen.
fn takes_namespace(unit: &Unit<'_>, gateway: &Object<'_>, listener: &Datum) -> bool {
    let from = listener.at(["allowedRoutes", "namespaces", "from"]).map_or("", Datum::text);
    match from {
        "Selector" => {
            let namespace = unit.subject.find(unit.object, "Namespace", "", &unit.object.namespace);
            let selector = listener.at(["allowedRoutes", "namespaces", "selector"]);
            match (namespace, selector) {
                (Some(namespace), Some(selector)) => {
                    // The API server adds the name as a label.
                    let is_by_name =
                        Selector::Full(selector).pairs().any(|(key, _)| key == "kubernetes.io/metadata.name")
                            || items(selector, &["matchExpressions"])
                                .iter()
                                .any(|e| e.text_of("key") == "kubernetes.io/metadata.name");
                    is_by_name || Selector::Full(selector).matches(namespace.at(&["metadata", "labels"]))
                }
                _ => true,
            }
        }
        "" | "Same" => gateway.namespace == unit.object.namespace,
        _ => true,
    }
}

/// A route that no listener takes: a section or port that does not exist, another namespace, host names that nobody serves.
fn accepted<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (node, reference) in parents(unit.object) {
        if reference.group != GROUP || reference.kind != "Gateway" {
            continue;
        }
        let Sight::Found(gateway) = reference.look_up(unit) else { continue };
        if items(gateway.root, &["spec", "listeners"]).is_empty() {
            continue;
        }
        let listeners = listeners(gateway, node);
        let title = unit.object.title();
        if listeners.is_empty() {
            let place = node.get("sectionName").or_else(|| node.get("port")).unwrap_or(node);
            let message = format!(
                "{title} attaches to a listener `{}` that Gateway `{}` does not have",
                place.text(),
                gateway.name
            );
            report.at(unit.object, place).say(message);
            continue;
        }
        let is_known_place =
            gateway.at(&["metadata", "namespace"]).is_some() && unit.object.at(&["metadata", "namespace"]).is_some();
        if is_known_place && !listeners.iter().any(|listener| takes_namespace(unit, gateway, listener)) {
            let message = format!(
                "no listener of Gateway `{}` takes routes of namespace `{}`",
                gateway.name, unit.object.namespace
            );
            report.at(unit.object, node).say(message);
            continue;
        }
        let hosts = items(unit.object.root, &["spec", "hostnames"]);
        let is_served = |host: &Datum| listeners.iter().any(|listener| meet(host.text(), listener.text_of("hostname")));
        for host in hosts.iter().filter(|host| !host.text().contains(['$', '{']) && !is_served(host)) {
            let is_open = listeners.iter().any(|listener| listener.text_of("hostname").contains(['$', '{']));
            if !is_open {
                let message =
                    format!("no listener of Gateway `{}` serves the host `{}` of {title}", gateway.name, host.text());
                report.at(unit.object, host).say(message);
            }
        }
    }
}

/// The backends of a route, those of mirrors too.
fn backends<'a>(object: &'a Object<'a>) -> Vec<(&'a Datum, Reference<'a>)> {
    let mut nodes: Vec<&Datum> = Vec::new();
    for rule in items(object.root, &["spec", "rules"]) {
        let references = items(rule, &["backendRefs"]);
        let filters =
            items(rule, &["filters"]).iter().chain(references.iter().flat_map(|node| items(node, &["filters"])));
        nodes.extend(filters.filter_map(|filter| filter.at(["requestMirror", "backendRef"])));
        nodes.extend(references);
    }
    nodes.into_iter().map(|node| (node, Reference::of(node, "", "Service", &object.namespace))).collect()
}

fn backend<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (node, reference) in backends(unit.object) {
        let Some(name) = node.get("name").filter(|_| reference.group.is_empty() && reference.kind == "Service") else {
            continue;
        };
        match reference.look_up(unit) {
            Sight::Missing => {
                let message =
                    format!("{} routes to Service `{}`, which does not exist", unit.object.title(), reference.name);
                report.at(unit.object, name).say(message);
            }
            Sight::Found(service) => {
                let port = node.get("port").filter(|port| port.int().is_some_and(|wanted| !has_port(service, wanted)));
                if let Some(port) = port {
                    let message = format!(
                        "{} routes to port {} of Service `{}`, which has {}",
                        unit.object.title(),
                        port.text(),
                        service.name,
                        ports_of(service)
                    );
                    report.at(unit.object, port).say(message);
                }
            }
            Sight::Unknown => {}
        }
    }
}

/// Whether a grant lets objects of a kind and namespace refer to something in another.
fn is_granted(unit: &Unit<'_>, to: Reference<'_>) -> bool {
    let from_matches = |from: &Datum| {
        from.text_of("kind") == unit.object.kind
            && from.text_of("namespace") == unit.object.namespace
            && from.text_of("group") == GROUP
    };
    let to_matches = |node: &Datum| {
        node.text_of("kind") == to.kind
            && node.text_of("group") == to.group
            && (node.text_of("name").is_empty() || node.text_of("name") == to.name)
    };
    unit.subject.of_kind(unit.object, "ReferenceGrant").any(|grant| {
        grant.namespace == to.namespace
            && items(grant.root, &["spec", "from"]).iter().any(from_matches)
            && items(grant.root, &["spec", "to"]).iter().any(to_matches)
    })
}

/// A reference into another namespace that no ReferenceGrant there allows; where the target is out of sight, so is the grant.
fn granted<'a>(unit: &Unit<'a>, node: &'a Datum, reference: Reference<'a>, report: &mut Report<'a>) {
    let is_elsewhere = node.get("namespace").is_some() && reference.namespace != unit.object.namespace;
    let is_placed = unit.object.at(&["metadata", "namespace"]).is_some() || unit.overlay().namespace.is_some();
    if is_elsewhere && is_placed && reference.look_up(unit).found().is_some() && !is_granted(unit, reference) {
        let message = format!(
            "{} refers to {} `{}` in namespace `{}`, where no ReferenceGrant allows it",
            unit.object.title(),
            reference.kind,
            reference.name,
            reference.namespace
        );
        report.at(unit.object, node).say(message);
    }
}

fn backend_granted<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (node, reference) in backends(unit.object) {
        granted(unit, node, reference, report);
    }
}

fn certificate_granted<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for listener in items(unit.node, &["spec", "listeners"]) {
        for node in items(listener, &["tls", "certificateRefs"]) {
            granted(unit, node, Reference::of(node, "", "Secret", &unit.object.namespace), report);
        }
    }
}

/// Two routes that ask the same listener for the same requests: the older one gets them.
fn clash<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    let mut seen: HashMap<String, (&Object<'a>, &Datum)> = HashMap::default();
    let is_route = |object: &&Object<'a>| object.group == GROUP && matches!(object.kind, "HTTPRoute" | "GRPCRoute");
    for object in subject.objects.iter().filter(is_route) {
        let world = subject.world(object);
        // Where the environment is not known, two overlays may be alternatives.
        let place = world.environment.clone().unwrap_or_else(|| format!("#{}", object.overlay));
        let rules = items(object.root, &["spec", "rules"]);
        let matches: Vec<String> = rules.iter().flat_map(questions).collect();
        let matches = if rules.is_empty() { vec![String::new()] } else { matches };
        let hosts = items(object.root, &["spec", "hostnames"]);
        let hosts: Vec<(&str, &Datum)> = match hosts {
            [] => vec![("", object.root.get("spec").unwrap_or(object.root))],
            hosts => hosts.iter().map(|host| (host.text(), host)).collect(),
        };
        for (node, reference) in parents(object) {
            for (host, host_node) in &hosts {
                let mut is_clash = None;
                for question in &matches {
                    let parent = format!("{}/{}/{}", reference.kind, reference.namespace, reference.name);
                    let listener = format!("{}:{}", node.text_of("sectionName"), node.text_of("port"));
                    let key = format!("{place}\n{}\n{parent}\n{listener}\n{host}\n{question}", object.kind);
                    let (first, place) = *seen.entry(key).or_insert((object, host_node));
                    let is_same = first.name == object.name && first.namespace == object.namespace;
                    if !is_same {
                        is_clash = Some((first, place));
                    }
                }
                if let Some((first, place)) = is_clash {
                    let host = if host.is_empty() { "any host".to_owned() } else { format!("`{host}`") };
                    let message =
                        format!("{} asks for the same requests to {host} as {}", object.title(), first.title());
                    report.at(object, host_node).say(message).related(place, "the other route");
                }
            }
        }
    }
}

/// What a rule asks for, as texts that are the same where the questions are.
fn questions(rule: &Datum) -> Vec<String> {
    match items(rule, &["matches"]) {
        [] => vec![String::new()],
        matches => matches.iter().map(question).collect(),
    }
}

/// A match as a text; one that asks for every path asks nothing.
fn question(entry: &Datum) -> String {
    let json = crate::yaml::json::compact(entry).unwrap_or_default();
    if matches!(json.as_str(), r#"{"path":{"type":"PathPrefix","value":"/"}}"# | r#"{"path":{"value":"/"}}"# | "{}") {
        return String::new();
    }
    json
}
