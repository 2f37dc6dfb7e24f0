//! Dapr: sidecars, components, subscriptions, and whether they find each other.

use rustc_hash::FxHashMap as HashMap;

use crate::argo;
use crate::diag::closest;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit, Whole};
use crate::policy::subject::{Object, Subject};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("dapr-app-id-twice", Check::Whole(app_id_twice)),
    ("dapr-app-port", Check::Unit(app_port)),
    ("dapr-unscoped", Check::Unit(unscoped)),
    ("dapr-scope-unknown", Check::Unit(scope_unknown)),
    ("dapr-pubsub-missing", Check::Unit(pubsub_missing)),
    ("dapr-pubsub-out-of-scope", Check::Unit(pubsub_out_of_scope)),
    ("dapr-configuration-missing", Check::Unit(configuration_missing)),
    ("dapr-secret-missing", Check::Unit(secret_missing)),
    ("dapr-actor-stores", Check::Whole(actor_stores)),
    ("dapr-component-later", Check::Unit(component_later)),
];

/// The app id of a workload with a sidecar: its annotation, else the workload's name.
fn app_id<'a>(object: &Object<'a>) -> Option<(&'a str, &'a Datum)> {
    let pod = object.pod?;
    let enabled = pod.annotation("dapr.io/enabled")?;
    if !matches!(enabled.text().to_ascii_lowercase().as_str(), "true" | "y" | "yes" | "on" | "1") {
        return None;
    }
    match pod.annotation("dapr.io/app-id").filter(|id| !id.text().is_empty()) {
        Some(id) => Some((id.text(), id)),
        None => Some((object.name, enabled)),
    }
}

/// The app ids of a namespace.
fn app_ids<'a>(subject: &'a Subject<'a>, beside: &Object<'_>, namespace: &str) -> Vec<&'a str> {
    subject.workloads(beside, namespace).filter_map(|object| app_id(object).map(|(id, _)| id)).collect()
}

/// Two workloads of one namespace with one app id: Dapr sends to either.
fn app_id_twice<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    let mut known: HashMap<(Option<&str>, &str, &str), &'a Object<'a>> = HashMap::default();
    for object in &subject.objects {
        let Some((id, node)) = app_id(object) else { continue };
        let environment = subject.overlays[object.overlay].environment.as_deref();
        let first = known.entry((environment, &object.namespace, id)).or_insert(object);
        if !std::ptr::eq(*first, object) && (first.name != object.name || first.kind != object.kind) {
            let message = format!("{} has the app id `{id}` of {}", object.title(), first.title());
            report.at(object, node).say(message).related(first.root, "the first one");
        }
    }
}

/// A port to which the sidecar sends and no container declares.
fn app_port<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(pod) = unit.object.pod.filter(|_| app_id(unit.object).is_some()) else { return };
    let Some(port) = pod.annotation("dapr.io/app-port") else { return };
    let ports = pod.containers().iter().filter_map(|container| container.get("ports")).flat_map(Datum::items);
    let mut ports = ports.filter_map(|port| port.get("containerPort")).peekable();
    if ports.peek().is_some() && !ports.any(|declared| declared.text() == port.text()) {
        let message = format!(
            "the sidecar of {} sends to port {}, which no container declares",
            unit.object.title(),
            port.text()
        );
        report.at(unit.object, port).say(message);
    }
}

/// A component that every app of its namespace may use.
fn unscoped<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    if unit.node.get("scopes").is_none_or(|scopes| scopes.items().is_empty()) {
        report.missing(unit.object, unit.node, "scopes");
    }
}

/// A scope that is no app id of the namespace. Where no app is known there, nothing is.
fn scope_unknown<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let known = app_ids(unit.subject, unit.object, &unit.object.namespace);
    if known.is_empty() {
        return;
    }
    for scope in unit.node.get("scopes").map_or(&[][..], Datum::items) {
        if known.contains(&scope.text()) {
            continue;
        }
        let message = format!("{} is for `{}`, and no app has that id", unit.object.title(), scope.text());
        let found = report.at(unit.object, scope).say(message);
        if let Some(near) = closest(scope.text(), known.iter().copied()) {
            found.help(format!("did you mean `{near}`?"));
        }
    }
}

/// The field of a Subscription that names its component, in either version.
fn pubsub<'a>(object: &Object<'a>) -> Option<&'a Datum> {
    object.at(&["spec", "pubsubname"]).filter(|name| !name.text().is_empty())
}

/// A Subscription to a component that its namespace does not have, where components are known.
fn pubsub_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(name) = pubsub(object) else { return };
    let mut known = subject
        .of_kind(object, "Component")
        .filter(|other| other.group == "dapr.io" && other.namespace == object.namespace)
        .peekable();
    if known.peek().is_none() || subject.external.has("Component", &object.namespace, name.text()) {
        return;
    }
    let names: Vec<&str> = known.map(|other| other.name).collect();
    if !names.contains(&name.text()) {
        let message =
            format!("{} names the component `{}`, which its namespace does not have", object.title(), name.text());
        let found = report.at(object, name).say(message);
        if let Some(near) = closest(name.text(), names) {
            found.help(format!("did you mean `{near}`?"));
        }
    }
}

/// A Subscription of an app that may not use the component.
fn pubsub_out_of_scope<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(name) = pubsub(object) else { return };
    let component =
        subject.named(object, "Component", &object.namespace, name.text()).find(|other| other.group == "dapr.io");
    let Some(component) = component else { return };
    let Some(scopes) = component.root.get("scopes").filter(|scopes| !scopes.items().is_empty()) else { return };
    for app in object.root.get("scopes").map_or(&[][..], Datum::items) {
        if !scopes.items().iter().any(|scope| scope.text() == app.text()) {
            let message = format!("`{}` subscribes by way of {}, which it may not use", app.text(), component.title());
            let found = report.at(object, app).say(message).related(scopes, "those that may");
            found.help(format!("add `{}` to the scopes of {}", app.text(), component.title()));
        }
    }
}

/// A sidecar whose Configuration is not there, where any is known.
fn configuration_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(name) = object.pod.and_then(|pod| pod.annotation("dapr.io/config")) else { return };
    let mut known = subject
        .of_kind(object, "Configuration")
        .filter(|other| other.group == "dapr.io" && other.namespace == object.namespace)
        .peekable();
    if known.peek().is_some() && !known.any(|other| other.name == name.text()) {
        let message =
            format!("{} names the Configuration `{}`, which its namespace does not have", object.title(), name.text());
        report.at(object, name).say(message);
    }
}

/// A Secret of a component that nothing makes, where others of the namespace are made.
fn secret_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    // Another store than that of Kubernetes has its own names.
    let store = object.at(&["auth", "secretStore"]).map_or("kubernetes", Datum::text);
    if store != "kubernetes" {
        return;
    }
    let makers = ["Secret", "ExternalSecret", "SealedSecret"];
    let names: Vec<&str> = makers
        .iter()
        .flat_map(|kind| subject.of_kind(object, kind))
        .filter(|other| other.namespace == object.namespace)
        .map(|other| other.at(&["spec", "target", "name"]).map_or(other.name, Datum::text))
        .collect();
    if names.is_empty() {
        return;
    }
    for entry in object.at(&["spec", "metadata"]).map_or(&[][..], Datum::items) {
        let Some(name) = entry.at(["secretKeyRef", "name"]) else { continue };
        let is_known = names.contains(&name.text()) || subject.external.has("Secret", &object.namespace, name.text());
        if !is_known {
            let message = format!("{} needs the Secret `{}`, which nothing makes", object.title(), name.text());
            let found = report.at(object, name).say(message);
            if let Some(near) = closest(name.text(), names.iter().copied()) {
                found.help(format!("did you mean `{near}`?"));
            }
        }
    }
}

/// More than one state store for actors in a namespace: sidecars refuse to start actors.
fn actor_stores<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    let mut known: HashMap<(Option<&str>, &str), &'a Object<'a>> = HashMap::default();
    for object in subject.objects.iter().filter(|object| object.is("dapr.io", "Component")) {
        let entries = object.at(&["spec", "metadata"]).map_or(&[][..], Datum::items);
        let store =
            entries.iter().find(|entry| entry.text_of("name") == "actorStateStore" && entry.text_of("value") == "true");
        let Some(store) = store else { continue };
        let environment = subject.overlays[object.overlay].environment.as_deref();
        let first = known.entry((environment, &object.namespace)).or_insert(object);
        if !std::ptr::eq(*first, object) && first.name != object.name {
            let message = format!("{} and {} both keep the state of actors", first.title(), object.title());
            report.at(object, store).say(message).related(first.root, "the other one");
        }
    }
}

/// A component that comes after an app which uses it: sidecars read components when they start.
fn component_later<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(own) = subject.applied(object) else { return };
    let scopes: Vec<&str> = unit.node.get("scopes").map_or(&[][..], Datum::items).iter().map(Datum::text).collect();
    let uses = |other: &&Object<'a>| {
        other.overlay == object.overlay
            && app_id(other).is_some_and(|(id, _)| scopes.is_empty() || scopes.contains(&id))
            && subject.applied(other).is_some_and(|at| at < own)
    };
    if let Some(user) = subject.workloads(object, &object.namespace).find(uses) {
        let message = format!("{} comes after {}, whose sidecar reads it when it starts", object.title(), user.title());
        let node = object.annotation(argo::WAVE).unwrap_or(object.root);
        report.at(object, node).say(message).related(user.root, "uses it");
    }
}
