//! Routes: Ingresses, routes of the Gateway API and VirtualServices, and the Services and ports that they lead to.

use crate::diag::closest;
use crate::policy::checks::ports::ports;
use crate::policy::checks::references::{has_namespace, is_slip};
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::Object;
use crate::yaml::data::Datum;
use crate::yaml::print::{Printed, typed};

pub(super) const CHECKS: &[Named] = &[
    ("route-backend-missing", Check::Unit(backend_missing)),
    ("route-port-missing", Check::Unit(port_missing)),
    ("route-backend-ungranted", Check::Unit(ungranted)),
    ("route-listener-missing", Check::Unit(listener_missing)),
    ("route-gateway-missing", Check::Unit(gateway_missing)),
];

/// A Service that a route leads to.
struct Backend<'a> {
    name: &'a Datum,
    /// As it is written, which may be more than the Service's name.
    service: String,
    namespace: String,
    port: Option<&'a Datum>,
}

/// The backends of a route, of any kind.
fn backends<'a>(object: &Object<'a>) -> Vec<Backend<'a>> {
    match (object.group, object.kind) {
        (_, "Ingress") => of_ingress(object),
        ("gateway.networking.k8s.io", _) => of_gateway_route(object),
        ("networking.istio.io", "VirtualService") => of_virtual_service(object),
        _ => Vec::new(),
    }
}

/// The backends of an Ingress as they are written, in the form of any version.
fn ingress_backends<'a>(object: &Object<'a>) -> impl Iterator<Item = &'a Datum> {
    let spec = |field: &str| object.at(&["spec", field]);
    let rules = spec("rules").map_or(&[][..], Datum::items).iter();
    let paths = rules.filter_map(|rule| rule.at(["http", "paths"])).flat_map(Datum::items);
    let defaults = [spec("defaultBackend"), spec("backend")];
    defaults.into_iter().flatten().chain(paths.filter_map(|path| path.get("backend")))
}

fn of_ingress<'a>(object: &Object<'a>) -> Vec<Backend<'a>> {
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

fn of_gateway_route<'a>(object: &Object<'a>) -> Vec<Backend<'a>> {
    let rules = object.at(&["spec", "rules"]).map_or(&[][..], Datum::items).iter();
    let references = rules.filter_map(|rule| rule.get("backendRefs")).flat_map(Datum::items);
    let backend = |reference: &'a Datum| {
        let is_service = matches!(reference.text_of("kind"), "" | "Service") && reference.text_of("group").is_empty();
        let name = reference.get("name").filter(|_| is_service)?;
        let namespace = Some(reference.text_of("namespace")).filter(|text| !text.is_empty());
        let namespace = namespace.unwrap_or(&object.namespace).to_owned();
        let service = name.as_text().filter(|text| !text.is_empty())?.to_owned();
        Some(Backend { name, service, namespace, port: reference.get("port") })
    };
    references.filter_map(backend).collect()
}

fn of_virtual_service<'a>(object: &Object<'a>) -> Vec<Backend<'a>> {
    let rules =
        ["http", "tcp", "tls"].into_iter().filter_map(|field| object.at(&["spec", field])).flat_map(Datum::items);
    let routes = rules.filter_map(|rule| rule.get("route")).flat_map(Datum::items);
    let backend = |route: &'a Datum| {
        let destination = route.get("destination")?;
        let name = destination.get("host")?;
        let host = name.as_text().filter(|host| !host.is_empty())?;
        let host = host.strip_suffix(".svc.cluster.local").or(host.strip_suffix(".svc")).unwrap_or(host);
        let mut parts = host.split('.');
        let service = parts.next()?.to_owned();
        let namespace = parts.next().unwrap_or(&object.namespace).to_owned();
        // More parts are a host outside of the cluster, or one that a ServiceEntry brings.
        let is_service = parts.next().is_none() && !service.contains('*');
        let port = destination.at(["port", "number"]);
        is_service.then_some(Backend { name, service, namespace, port })
    };
    routes.filter_map(backend).collect()
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
        let of_istio = object.kind == "VirtualService" && subject.of_kind(object, "ServiceEntry").next().is_some();
        if has_other {
            continue;
        }
        told.push(key);
        let others = subject.of_kind(object, "Service").filter(|service| service.namespace == backend.namespace);
        let names: Vec<&str> = others.map(|service| service.name).collect();
        let near = closest(&backend.service, names.iter().copied());
        let is_elsewhere = subject.of_kind(object, "Service").any(|service| service.name == backend.service);
        let is_sure = !of_istio
            && (!is_elsewhere || has_namespace(subject, object))
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

/// A route of the Gateway API to a Service of another namespace, which no ReferenceGrant there allows.
fn ungranted<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    for backend in of_gateway_route(object) {
        if backend.namespace == object.namespace || !has_namespace(subject, object) {
            continue;
        }
        let grants = subject.of_kind(object, "ReferenceGrant").filter(|grant| grant.namespace == backend.namespace);
        let allows = |grant: &Object<'_>| {
            let list = |field: &str| grant.at(&["spec", field]).map_or(&[][..], Datum::items).iter();
            let from = list("from")
                .any(|from| from.text_of("namespace") == object.namespace && from.text_of("kind") == object.kind);
            let is_meant =
                |to: &Datum| matches!(to.text_of("name"), name if name.is_empty() || name == backend.service);
            from && list("to").any(|to| to.text_of("kind") == "Service" && is_meant(to))
        };
        // What lies in a namespace that the repository does not make may be granted there.
        let is_seen = !services(unit, &backend).is_empty();
        if is_seen && !grants.into_iter().any(allows) {
            let message = format!(
                "{} leads to the Service `{}` in `{}`, where no ReferenceGrant allows it",
                object.title(),
                backend.service,
                backend.namespace
            );
            report.at(object, backend.name).say(message);
        }
    }
}

/// The Gateways that a route belongs to: the reference, and the namespace that it is looked for in.
fn parents<'a>(object: &Object<'a>) -> impl Iterator<Item = (&'a Datum, String)> {
    let own = object.namespace.clone();
    object.at(&["spec", "parentRefs"]).map_or(&[][..], Datum::items).iter().filter_map(move |parent| {
        let namespace = Some(parent.text_of("namespace")).filter(|text| !text.is_empty()).unwrap_or(&own).to_owned();
        (matches!(parent.text_of("kind"), "" | "Gateway") && !parent.text_of("name").is_empty())
            .then_some((parent, namespace))
    })
}

fn gateway_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    for (parent, namespace) in parents(object) {
        let name = parent.text_of("name");
        let Some(node) = parent.get("name") else { continue };
        if subject.find(object, "Gateway", &namespace, name).is_none()
            && !subject.external.has("Gateway", &namespace, name)
        {
            let message = format!("{} belongs to the Gateway `{name}`, which is not in `{namespace}`", object.title());
            report.at(object, node).say(message);
        }
    }
}

/// A route to a listener that its Gateway does not have.
fn listener_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let object = unit.object;
    for (parent, namespace) in parents(object) {
        let Some(section) = parent.get("sectionName").filter(|section| !section.text().is_empty()) else { continue };
        let gateways: Vec<_> = unit.subject.named(object, "Gateway", &namespace, parent.text_of("name")).collect();
        let listeners = |gateway: &&Object<'a>| gateway.at(&["spec", "listeners"]).map_or(&[][..], Datum::items);
        let names: Vec<&str> = gateways.iter().flat_map(listeners).map(|listener| listener.text_of("name")).collect();
        if gateways.is_empty() || names.contains(&section.text()) {
            continue;
        }
        let found = report.at(object, section);
        found.say(format!("the Gateway `{}` has no listener `{}`", parent.text_of("name"), section.text()));
        if let Some(near) = closest(section.text(), names.iter().copied()) {
            found.help(format!("did you mean `{near}`?"));
        }
    }
}
