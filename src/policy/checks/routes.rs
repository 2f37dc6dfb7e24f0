//! Ingresses, and the Services and ports that they lead to.

use crate::diag::closest;
use crate::policy::checks::ports::ports;
use crate::policy::checks::references::{has_namespace, is_slip};
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::Object;
use crate::yaml::data::Datum;
use crate::yaml::print::{Printed, typed};

pub(super) const CHECKS: &[Named] =
    &[("ingress-backend-missing", Check::Unit(backend_missing)), ("ingress-port-missing", Check::Unit(port_missing))];

/// A Service that a route leads to.
struct Backend<'a> {
    name: &'a Datum,
    /// As it is written, which may be more than the Service's name.
    service: String,
    namespace: String,
    port: Option<&'a Datum>,
}

/// The backends of an Ingress as they are written, in the form of any version.
fn ingress_backends<'a>(object: &Object<'a>) -> impl Iterator<Item = &'a Datum> {
    let spec = |field: &str| object.at(&["spec", field]);
    let rules = spec("rules").map_or(&[][..], Datum::items).iter();
    let paths = rules.filter_map(|rule| rule.at(["http", "paths"])).flat_map(Datum::items);
    let defaults = [spec("defaultBackend"), spec("backend")];
    defaults.into_iter().flatten().chain(paths.filter_map(|path| path.get("backend")))
}

fn backends<'a>(object: &Object<'a>) -> Vec<Backend<'a>> {
    let backend = |backend: &'a Datum| {
        let (name, port) = match backend.get("service") {
            Some(service) => {
                (service.get("name")?, service.get("port").and_then(|port| port.get("number").or(port.get("name"))))
            }
            None if object.version == "v1" => return None,
            None => (backend.get("serviceName")?, backend.get("servicePort")),
        };
        // The load balancer controller of AWS reads such a backend from an annotation.
        let is_action = port.is_some_and(|port| port.text() == "use-annotation");
        let service = name.as_text().filter(|text| !text.is_empty() && !is_action)?.to_owned();
        Some(Backend { name, service, namespace: object.namespace.clone(), port })
    };
    ingress_backends(object).filter_map(backend).collect()
}

fn services<'a>(unit: &Unit<'a>, backend: &Backend<'_>) -> Vec<&'a Object<'a>> {
    let found = unit.subject.named(unit.object, "Service", &backend.namespace, &backend.service);
    let mut found: Vec<_> = found.filter(|service| service.group.is_empty()).collect();
    if found.iter().any(|service| service.overlay == unit.object.overlay) {
        found.retain(|service| service.overlay == unit.object.overlay);
    }
    found
}

/// Params: `sure`: whether to tell of Services that are surely missing, or of those that others may make.
fn backend_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let mut told: Vec<String> = Vec::new();
    if object.kind == "Ingress" && object.version == "v1" && unit.params.flag("sure") {
        for name in ingress_backends(object).filter_map(|backend| backend.get("serviceName")) {
            let message = format!("{} names a Service in the way of v1beta1, which v1 does not know", object.title());
            report.at(object, name).say(message).help("write `service.name` and `service.port`");
        }
    }
    for backend in backends(object) {
        let key = format!("{}/{}", backend.namespace, backend.service);
        let is_external = subject.external.has("Service", &backend.namespace, &backend.service);
        if is_external || told.contains(&key) || !services(unit, &backend).is_empty() {
            continue;
        }
        // A Knative Service makes one of the core of the same name, and an Argo Rollout none.
        let has_other = subject.find(object, "Service", &backend.namespace, &backend.service).is_some();
        if has_other {
            continue;
        }
        told.push(key);
        let others = subject.of_kind(object, "Service").filter(|service| service.namespace == backend.namespace);
        let names: Vec<&str> = others.map(|service| service.name).collect();
        let near = closest(&backend.service, names.iter().copied());
        let is_elsewhere = subject.of_kind(object, "Service").any(|service| service.name == backend.service);
        let is_sure = (!is_elsewhere || has_namespace(subject, object))
            && !subject.may_be_made(object, &backend.namespace, &backend.service)
            && !subject.is_operated(object, &backend.namespace)
            && (!names.is_empty() || is_slip(&backend.service, near))
            && backend.namespace != "kube-system";
        if is_sure != unit.params.flag("sure") {
            continue;
        }
        let found = report.at(object, backend.name);
        found.say(format!(
            "{} leads to the Service `{}`, which is not in the namespace `{}`",
            object.title(),
            backend.service,
            backend.namespace
        ));
        if let Some(near) = near {
            found.help(format!("did you mean `{near}`?"));
        } else if is_elsewhere {
            found.help("a Service of this name is in another namespace");
        }
    }
}

fn port_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for backend in backends(unit.object) {
        let Some(wanted) = backend.port.filter(|port| port.is_scalar() && !port.is_null()) else { continue };
        let services = services(unit, &backend);
        let Some(first) = services.first() else { continue };
        let is_number = matches!(typed(wanted), Ok(Printed::Int(_)));
        let field = if is_number { "port" } else { "name" };
        let fits = |port: &Datum| port.text_of(field) == wanted.text() && !wanted.text().is_empty();
        // Without ports of its own, an ExternalName lets all through.
        if services.iter().any(|service| ports(service).is_empty() || ports(service).iter().any(fits)) {
            continue;
        }
        let found = report.at(unit.object, wanted);
        found.say(format!(
            "{} leads to the port `{}`, which the Service `{}` does not have",
            unit.object.title(),
            wanted.text(),
            backend.service
        ));
        let names: Vec<&str> =
            ports(first).iter().map(|port| port.text_of(field)).filter(|name| !name.is_empty()).collect();
        match closest(wanted.text(), names.iter().copied()).filter(|_| !is_number) {
            Some(near) => drop(found.help(format!("did you mean `{near}`?"))),
            None if !names.is_empty() => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                found.help(format!("it has {}", names.join(", ")));
            }
            None => {}
        }
        if let Some(node) = first.at(&["spec", "ports"]) {
            found.related(node, "the ports of the Service");
        }
    }
}
