//! Ports of Services: that they go together, and that they lead to something.

use std::collections::BTreeSet;

use crate::diag::closest;
use crate::policy::checks::selectors::monitored;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::{Object, Pod};
use crate::yaml::data::Datum;
use crate::yaml::print::{Printed, typed};

pub(super) const CHECKS: &[Named] = &[
    ("service-ports-clash", Check::Unit(ports_clash)),
    ("target-port-illegal", Check::Unit(target_illegal)),
    ("target-port-missing", Check::Unit(target_missing)),
    ("monitor-port-missing", Check::Unit(monitor_port_missing)),
    ("port-without-protocol", Check::Unit(without_protocol)),
];

pub(super) fn ports<'a>(service: &Object<'a>) -> &'a [Datum] {
    service.at(&["spec", "ports"]).map_or(&[], Datum::items)
}

fn protocol(port: &Datum) -> &str {
    Some(port.text_of("protocol")).filter(|protocol| !protocol.is_empty()).unwrap_or("TCP")
}

/// Several ports need names, and neither a name nor a number may come twice.
fn ports_clash<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let list = ports(unit.object);
    for (at, port) in list.iter().enumerate().filter(|(_, port)| port.is_mapping()) {
        let name = port.text_of("name");
        if name.is_empty() && list.len() > 1 {
            let message = format!("Service `{}` has several ports, and this one has no name", unit.object.name);
            report.missing(unit.object, port, "name").say(message);
        }
        let before = &list[..at];
        if let Some(first) = before.iter().find(|other| !name.is_empty() && other.text_of("name") == name)
            && let Some(node) = port.get("name")
        {
            let message = format!("Service `{}` has two ports called `{name}`", unit.object.name);
            report.at(unit.object, node).say(message).related(first, "the other");
        }
        let number = port.get("port").and_then(Datum::int);
        let is_same =
            |other: &&Datum| other.get("port").and_then(Datum::int) == number && protocol(other) == protocol(port);
        if let Some(first) = before.iter().find(is_same)
            && let (Some(node), Some(number)) = (port.get("port"), number)
        {
            let message = format!("Service `{}` has port {number} twice", unit.object.name);
            report.at(unit.object, node).say(message).related(first, "the other");
        }
    }
}

/// The name of a port: at most 15 small letters, digits and hyphens, one of them a letter.
fn is_port_name(text: &str) -> bool {
    text.len() <= 15
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
        && !text.contains("--")
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn target_illegal<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for target in ports(unit.object).iter().filter_map(|port| port.get("targetPort")) {
        let why = match typed(target) {
            Ok(Printed::Int(number)) if !(0..=65_535).contains(&number) => "is no port number",
            Ok(Printed::Text(name)) if !name.is_empty() && !is_port_name(&name) => "is no legal port name",
            _ => continue,
        };
        let message = format!("the targetPort `{}` of Service `{}` {why}", target.text(), unit.object.name);
        let found = report.at(unit.object, target).say(message);
        if target.text().bytes().all(|byte| byte.is_ascii_digit()) {
            found.help("write the number without quotes: with them it is a name");
        }
    }
}

/// The ports that a pod declares, those of sidecars among its init containers too.
fn declared(pod: Pod<'_>) -> impl Iterator<Item = &Datum> {
    let sidecars = pod.init_containers().iter().filter(|container| container.text_of("restartPolicy") == "Always");
    let containers = pod.containers().iter().chain(sidecars);
    containers.flat_map(|container| container.get("ports").map_or(&[][..], Datum::items))
}

/// Names of ports that an injected sidecar brings.
fn is_injected(name: &str) -> bool {
    name.starts_with("dapr-") || name.starts_with("http-envoy") || name.starts_with("linkerd-")
}

/// Params: `named`: whether to judge names, which must be declared, or numbers, which need not.
fn target_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let workloads = subject.selects(object);
    let pods: Vec<Pod<'a>> = workloads.iter().filter_map(|workload| subject.template(workload)).collect();
    if pods.is_empty() {
        return;
    }
    for port in ports(object) {
        let Some(target) = port.get("targetPort").or_else(|| port.get("port")).filter(|target| !target.is_null())
        else {
            continue;
        };
        let is_named = match typed(target) {
            Ok(Printed::Text(name)) if !name.is_empty() && !is_injected(&name) => true,
            Ok(Printed::Int(number)) if number > 0 => false,
            _ => continue,
        };
        if is_named != unit.params.flag("named") {
            continue;
        }
        let field = if is_named { "name" } else { "containerPort" };
        let fits = |declared: &Datum| declared.text_of(field) == target.text() && protocol(declared) == protocol(port);
        if pods.iter().any(|pod| declared(*pod).any(fits)) {
            continue;
        }
        let title = workloads.first().map(|workload| workload.title()).unwrap_or_default();
        // Pods that declare no port at all tell nothing of their numbers.
        if !is_named && !pods.iter().any(|pod| declared(*pod).next().is_some()) {
            continue;
        }
        let found = report.at(object, target);
        found.say(format!(
            "Service `{}` leads to the port `{}`, which the pods of {title} do not declare",
            object.name,
            target.text()
        ));
        let names: BTreeSet<&str> =
            pods.iter().flat_map(|pod| declared(*pod)).map(|port| port.text_of(field)).collect();
        let names: Vec<&str> = names.into_iter().filter(|name| !name.is_empty()).collect();
        if let Some(near) = closest(target.text(), names.iter().copied()) {
            found.help(format!("did you mean `{near}`?"));
        } else if !names.is_empty() {
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            found.help(format!("they declare {}", names.join(", ")));
        }
        if let Some(container) = pods.iter().find_map(|pod| pod.containers().first()) {
            found.related(container.get("ports").unwrap_or(container), "the ports of its pods");
        }
    }
}

/// ServiceMonitors and PodMonitors whose port none of what they select has.
fn monitor_port_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let object = unit.object;
    let is_pods = object.kind == "PodMonitor";
    let endpoints = object.at(&["spec", if is_pods { "podMetricsEndpoints" } else { "endpoints" }]);
    let named = endpoints.map_or(&[][..], Datum::items).iter().filter_map(|endpoint| endpoint.get("port"));
    let named: Vec<&Datum> = named.filter(|port| !port.text().is_empty() && !port.is_null()).collect();
    if named.is_empty() {
        return;
    }
    let targets = monitored(unit);
    let names: BTreeSet<&str> = if is_pods {
        let pods = targets.iter().filter_map(|workload| unit.subject.template(workload));
        pods.flat_map(declared).map(|port| port.text_of("name")).collect()
    } else {
        targets.iter().flat_map(|service| ports(service)).map(|port| port.text_of("name")).collect()
    };
    let Some(first) = targets.first() else { return };
    for port in named.into_iter().filter(|port| !names.contains(port.text()) && !is_injected(port.text())) {
        let found = report.at(object, port);
        found.say(format!(
            "{} asks at the port `{}`, which {} does not have",
            object.title(),
            port.text(),
            first.title()
        ));
        found.related(first.root.at(["metadata", "name"]).unwrap_or(first.root), "selected");
        if let Some(near) = closest(port.text(), names.iter().copied()) {
            found.help(format!("did you mean `{near}`?"));
        }
    }
}

/// The protocols that Istio takes from the first part of a port's name.
const PROTOCOLS: [&str; 12] =
    ["grpc", "http", "http2", "https", "mongo", "mysql", "redis", "tcp", "tls", "udp", "thrift", "grpc-web"];

/// Ports whose protocol Istio has to guess, where a repository uses Istio.
fn without_protocol<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let uses_istio = ["VirtualService", "DestinationRule", "PeerAuthentication"].into_iter().any(|kind| {
        subject.of_kind(object, kind).any(|rule| rule.group.ends_with("istio.io") && rule.namespace == object.namespace)
    });
    if !uses_istio || object.at(&["spec", "type"]).is_some_and(|kind| kind.text() == "ExternalName") {
        return;
    }
    for port in ports(object).iter().filter(|port| port.is_mapping() && protocol(port) == "TCP") {
        let name = port.text_of("name");
        let is_told = !port.text_of("appProtocol").is_empty()
            || PROTOCOLS
                .iter()
                .any(|known| name == *known || name.strip_prefix(known).is_some_and(|rest| rest.starts_with('-')));
        if !is_told {
            let message = format!(
                "Istio has to guess the protocol of the port `{}` of Service `{}`",
                if name.is_empty() { port.text_of("port") } else { name },
                object.name
            );
            report.missing(object, port, "appProtocol").say(message);
        }
    }
}
