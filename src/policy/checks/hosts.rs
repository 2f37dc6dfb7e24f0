//! What routes name: Services and other objects by name, and how sure one can be that what is not in sight is not there.
//!
//! A repository shows a part of the cluster. What a chart brings, or what lives in a namespace of which nothing is in
//! sight, may well be there. Where objects say no namespace, whoever applies them chooses it, and names alone count.

use crate::policy::report::Unit;
use crate::policy::subject::Object;
use crate::yaml::data::Datum;

/// What came of a search.
#[derive(Clone, Copy)]
pub(super) enum Sight<'a> {
    /// It is there.
    Found(&'a Object<'a>),
    /// It is not there.
    Missing,
    /// It may be there, out of sight.
    Unknown,
}

impl<'a> Sight<'a> {
    /// The object, where it is in sight.
    pub(super) fn found(self) -> Option<&'a Object<'a>> {
        match self {
            Self::Found(object) => Some(object),
            Self::Missing | Self::Unknown => None,
        }
    }

    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }
}

/// Whether an object says its namespace, or an Application does.
pub(super) fn is_placed(unit: &Unit<'_>, object: &Object<'_>) -> bool {
    let own = object.at(&["metadata", "namespace"]).is_some_and(|namespace| !namespace.text().is_empty());
    own || object.namespace.is_empty() || unit.subject.overlays[object.overlay].namespace.is_some()
}

/// Looks an object up in a namespace; an empty one stands for kinds that have none.
pub(super) fn look_up<'a>(unit: &Unit<'a>, group: &str, kind: &str, namespace: &str, name: &str) -> Sight<'a> {
    let subject = unit.subject;
    let named =
        |namespace: &str| subject.named(unit.object, kind, namespace, name).find(|object| object.group == group);
    if let Some(object) = named(namespace) {
        return Sight::Found(object);
    }
    if !namespace.is_empty() && namespace != "default" {
        // Whoever applies it may well put it there.
        if let Some(object) = named("default").filter(|object| !is_placed(unit, object)) {
            return Sight::Found(object);
        }
    }
    if !is_placed(unit, unit.object) && namespace == unit.object.namespace {
        let anywhere = subject.of_kind(unit.object, kind).find(|object| object.name == name && object.group == group);
        if let Some(object) = anywhere {
            return Sight::Found(object);
        }
    }
    let is_declared = subject.external.has(kind, namespace, name);
    if is_declared || has_template(name) || has_template(namespace) || is_filled_by_charts(unit, namespace) {
        return Sight::Unknown;
    }
    if namespace.is_empty() || namespace == unit.object.namespace || is_seen(unit, group, kind, namespace) {
        Sight::Missing
    } else {
        Sight::Unknown
    }
}

/// Whether something fills a name in later.
fn has_template(name: &str) -> bool {
    name.contains(['$', '{', '<'])
}

/// Whether anything of a namespace is in sight that runs or serves, or is of the kind that is looked for.
fn is_seen(unit: &Unit<'_>, group: &str, kind: &str, namespace: &str) -> bool {
    let has = |kind: &str, group: &str| {
        unit.subject.of_kind(unit.object, kind).any(|object| object.namespace == namespace && object.group == group)
    };
    unit.subject.workloads(unit.object, namespace).next().is_some() || has("Service", "") || has(kind, group)
}

/// Whether something in sight installs a chart into a namespace: what that holds nobody sees here.
fn is_filled_by_charts(unit: &Unit<'_>, namespace: &str) -> bool {
    let releases = ["HelmRelease", "HelmChart"].into_iter().flat_map(|kind| unit.subject.of_kind(unit.object, kind));
    let is_release_here = |release: &Object<'_>| {
        let target = release.at(&["spec", "targetNamespace"]).map_or("", Datum::text);
        if target.is_empty() {
            release.namespace == namespace || !is_placed(unit, release)
        } else {
            target == namespace
        }
    };
    let has_chart = |source: &Datum| !source.text_of("chart").is_empty() || source.get("helm").is_some();
    let is_application_here = |application: &Object<'_>| {
        let spec = application.root.get("spec");
        let destination = spec.and_then(|spec| spec.at(["destination", "namespace"])).map_or("", Datum::text);
        let single = spec.and_then(|spec| spec.get("source"));
        let several = spec.and_then(|spec| spec.get("sources")).map_or(&[][..], Datum::items);
        destination == namespace && single.into_iter().chain(several).any(has_chart)
    };
    releases.into_iter().any(is_release_here)
        || unit.subject.of_kind(unit.object, "Application").any(is_application_here)
}

/// The Service that an Istio host means: a short name is one of the namespace, and of the full names those of the cluster's
/// domain. `None`: it is another host, or a pattern.
pub(super) fn service_name<'h>(host: &'h str, namespace: &'h str) -> Option<(&'h str, &'h str)> {
    if host.contains('*') || host.is_empty() {
        return None;
    }
    if !host.contains('.') {
        return Some((host, namespace));
    }
    let mut parts = host.strip_suffix(".svc.cluster.local")?.split('.');
    let (name, namespace) = (parts.next()?, parts.next()?);
    parts.next().is_none().then_some((name, namespace))
}

/// Whether a Service has a port of a number. One that lists none is not asked.
pub(super) fn has_port(service: &Object<'_>, number: i64) -> bool {
    let ports = service.at(&["spec", "ports"]).map_or(&[][..], Datum::items);
    ports.is_empty() || ports.iter().any(|port| port.get("port").and_then(Datum::int) == Some(number))
}

/// The ports of a Service, for messages.
pub(super) fn ports_of(service: &Object<'_>) -> String {
    let ports = service.at(&["spec", "ports"]).map_or(&[][..], Datum::items);
    ports.iter().map(|port| port.text_of("port")).collect::<Vec<_>>().join(", ")
}
