//! Pods as a whole: who they run as in the cluster, the names of their ports, how they resolve names.

use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("service-account-default", Check::Unit(service_account_default)),
    ("service-account-token", Check::Unit(service_account_token)),
    ("service-account-field", Check::Unit(service_account_field)),
    ("port-names", Check::Unit(port_names)),
    ("port-name-twice", Check::Unit(port_name_twice)),
    ("port-number-twice", Check::Unit(port_number_twice)),
    ("port-conflict", Check::Unit(port_conflict)),
    ("dns-option", Check::Unit(dns_option)),
];

/// The service account of a pod; empty where it names none.
fn account(pod: &Datum) -> &str {
    match pod.text_of("serviceAccountName") {
        "" => pod.text_of("serviceAccount"),
        name => name,
    }
}

/// Whether pods get a token, and what says so: the pod itself, else its service account, else the default, which is yes.
fn token<'a>(unit: &Unit<'a>) -> (bool, Option<&'a Datum>) {
    let flag = |node: Option<&'a Datum>| node.and_then(|node| Some((node.flag()?, Some(node))));
    let name = Some(account(unit.node)).filter(|name| !name.is_empty()).unwrap_or("default");
    let of_account = || {
        let account = unit.subject.find(unit.object, "ServiceAccount", &unit.object.namespace, name)?;
        account.root.get("automountServiceAccountToken")
    };
    flag(unit.node.get("automountServiceAccountToken")).or_else(|| flag(of_account())).unwrap_or((true, None))
}

/// A pod that runs as the service account which all pods of the namespace share, and gets its token.
fn service_account_default<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let name = account(unit.node);
    if !matches!(name, "" | "default") || !token(unit).0 {
        return;
    }
    let message = format!("the pods of {} run as the service account that all pods share", unit.object.title());
    let named = ["serviceAccountName", "serviceAccount"].into_iter().find_map(|field| unit.node.get(field));
    let found = match named.filter(|_| !name.is_empty()) {
        Some(node) => report.at(unit.object, node),
        None => report.missing(unit.object, unit.node, "serviceAccountName"),
    };
    found.say(message);
}

/// A pod that gets a token for the API server.
fn service_account_token<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (is_mounted, said) = token(unit);
    if !is_mounted {
        return;
    }
    let message = format!("the pods of {} get a token for the API server", unit.object.title());
    match unit.node.get("automountServiceAccountToken") {
        Some(node) => drop(report.at(unit.object, node).say(message)),
        None => {
            let found = report.missing(unit.object, unit.node, "automountServiceAccountToken").say(message);
            if let Some(said) = said {
                found.related(said, "the service account says so");
            }
        }
    }
}

/// The old name of the field, where it says something that the new one does not.
fn service_account_field<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let old = unit.node.text_of("serviceAccount");
    if let Some(node) = unit.node.get("serviceAccount").filter(|_| !old.is_empty())
        && old != unit.node.text_of("serviceAccountName")
    {
        report.at(unit.object, node);
    }
}

/// Why a text cannot name a port. Source: `IsValidPortName` of Kubernetes.
fn port_name_fault(name: &str) -> Option<&'static str> {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if name.len() > 15 {
        Some("has more than 15 characters")
    } else if !name.bytes().all(is_word) {
        Some("has other characters than small letters, digits and hyphens")
    } else if !name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        Some("has no letter")
    } else if name.starts_with('-') || name.ends_with('-') || name.contains("--") {
        Some("has a hyphen at an end, or two in a row")
    } else {
        None
    }
}

/// A name of a port that the API server refuses.
fn port_names<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(name) = unit.node.get("name").filter(|name| !name.is_null() && !name.text().is_empty()) else { return };
    if let Some(fault) = port_name_fault(name.text()) {
        let message = format!("the port name `{}` of container `{}` {fault}", name.text(), unit.container_name());
        report.at(unit.object, name).say(message);
    }
}

fn ports(container: &Datum) -> impl Iterator<Item = &Datum> {
    container.get("ports").map_or(&[][..], Datum::items).iter()
}

fn protocol(port: &Datum) -> &str {
    match port.text_of("protocol") {
        "" => "TCP",
        protocol => protocol,
    }
}

/// Two ports of a container by one name.
fn port_name_twice<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let mut seen: Vec<&Datum> = Vec::new();
    for port in ports(unit.node) {
        let Some(name) = port.get("name").filter(|name| !name.is_null() && !name.text().is_empty()) else { continue };
        match seen.iter().find(|known| known.text() == name.text()) {
            Some(known) => {
                let message =
                    format!("two ports of container `{}` are called `{}`", unit.container_name(), name.text());
                report.at(unit.object, name).say(message).related(known, "the other one");
            }
            None => seen.push(name),
        }
    }
}

/// A port of a container that is there twice.
fn port_number_twice<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let mut seen: Vec<(&Datum, &str)> = Vec::new();
    for port in ports(unit.node) {
        let Some(number) = port.get("containerPort").filter(|number| !number.is_null()) else { continue };
        let known = seen.iter().find(|(known, of)| known.text() == number.text() && *of == protocol(port));
        match known {
            Some((known, of)) => {
                let name = unit.container_name();
                let message = format!("container `{name}` declares port {} for {of} twice", number.text());
                report.at(unit.object, number).say(message).related(known, "the other one");
            }
            None => seen.push((number, protocol(port))),
        }
    }
}

/// Two containers of a pod that declare the same port, at which only one of them can listen.
fn port_conflict<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(pod) = unit.pod() else { return };
    let sidecars = pod.init_containers().iter().filter(|container| container.text_of("restartPolicy") == "Always");
    let containers: Vec<&Datum> = sidecars.chain(pod.containers()).collect();
    let mut seen: Vec<(&Datum, &Datum, &str)> = Vec::new();
    for container in containers {
        for port in ports(container) {
            let Some(number) = port.get("containerPort").filter(|number| !number.is_null()) else { continue };
            let is_same =
                |(_, known, of): &&(&Datum, &Datum, &str)| known.text() == number.text() && *of == protocol(port);
            match seen.iter().find(is_same) {
                Some((other, known, _)) if !std::ptr::eq(*other, container) => {
                    let (first, second) = (other.text_of("name"), container.text_of("name"));
                    let message = format!("containers `{first}` and `{second}` both declare port {}", number.text());
                    let found = report.at(unit.object, number).say(message).of_container(container);
                    found.related(known, "the other one");
                }
                Some(_) => {}
                None => seen.push((container, number, protocol(port))),
            }
        }
    }
}

/// An option of the resolver that is not set, or has another value. Params: `option`, `value`.
fn dns_option<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (wanted, value) = (unit.params.text("option"), unit.params.text("value"));
    let options = unit.node.at(["dnsConfig", "options"]).map_or(&[][..], Datum::items);
    match options.iter().find(|option| option.text_of("name") == wanted) {
        None => drop(report.missing(unit.object, unit.node, "dnsConfig/options")),
        Some(option) if option.text_of("value") != value => {
            report.at(unit.object, option.get("value").unwrap_or(option));
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_names_are_judged_as_kubernetes_does() {
        let faults = ["http", "a1-b2", "8080", "HTTP", "a--b", "-a", "a-", "abcdefghijklmnop", "a_b"];
        let faults = faults.map(|name| port_name_fault(name).is_some());
        assert_eq!(faults, [false, false, true, true, true, true, true, true, true]);
    }
}
