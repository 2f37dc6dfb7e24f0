//! Requests and limits.

use crate::catalog::Resources;
use crate::kube::quantity;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("limit-below-request", Check::Unit(limit_below_request)),
    ("limit-without-request", Check::Unit(limit_without_request)),
    ("request-differs-from-limit", Check::Unit(request_differs)),
    ("quantity-invalid", Check::Unit(quantity_invalid)),
    ("resources-out-of-bounds", Check::Unit(out_of_bounds)),
    ("resources-above-profile", Check::Unit(above_profile)),
    ("autoscaler-without-request", Check::Unit(autoscaler_without_request)),
];

/// The profile that the base of a service carries.
const BASE: &str = "base";

fn list<'a>(container: &'a Datum, field: &str) -> &'a [(Datum, Datum)] {
    container.at(["resources", field]).map_or(&[], Datum::pairs)
}

fn amount<'a>(container: &'a Datum, field: &str, name: &str) -> Option<&'a Datum> {
    let found = list(container, field).iter().find(|(known, _)| known.text() == name);
    found.map(|(_, amount)| amount).filter(|amount| !amount.is_null())
}

/// A request above its limit: the API server refuses the pod.
fn limit_below_request<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (name, request) in list(unit.node, "requests") {
        let Some(limit) = amount(unit.node, "limits", name.text()) else { continue };
        if let (Some(least), Some(most)) = (quantity(request.text()), quantity(limit.text()))
            && least > most
        {
            let message = format!(
                "container `{}` requests {} {}, more than its limit {}",
                unit.container_name(),
                request.text(),
                name.text(),
                limit.text()
            );
            report.at(unit.object, limit).say(message).related(request, "the request");
        }
    }
}

/// A limit whose request Kubernetes fills in, so that all of it is reserved.
fn limit_without_request<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (name, limit) in list(unit.node, "limits").iter().filter(|(_, limit)| !limit.is_null()) {
        let is_plain = matches!(name.text(), "cpu" | "memory" | "ephemeral-storage");
        if is_plain && amount(unit.node, "requests", name.text()).is_none() {
            let (container, name, text) = (unit.container_name(), name.text(), limit.text());
            let message =
                format!("container `{container}` limits {name} to {text} and requests none, which reserves {text}");
            report.at(unit.object, limit).say(message);
        }
    }
}

/// A request that is not its limit. A limit alone is both. Params: `resource`; `needsLimit`, whether a request without a
/// limit differs.
fn request_differs<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let name = unit.params.text("resource");
    let Some(request) = amount(unit.node, "requests", name) else { return };
    let container = unit.container_name();
    match amount(unit.node, "limits", name) {
        None if !unit.params.flag("needsLimit") => {}
        None => {
            let message = format!("container `{container}` requests {} {name} and has no limit", request.text());
            report.missing(unit.object, unit.node, &format!("resources/limits/{name}")).say(message);
        }
        Some(limit) if quantity(limit.text()) != quantity(request.text()) => {
            let message = format!(
                "container `{container}` requests {} {name}, and its limit is {}",
                request.text(),
                limit.text()
            );
            report.at(unit.object, request).say(message).related(limit, "the limit");
        }
        Some(_) => {}
    }
}

/// An amount that Kubernetes cannot read, or one below zero.
fn quantity_invalid<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for field in ["requests", "limits"] {
        for (name, amount) in list(unit.node, field).iter().filter(|(_, amount)| !amount.is_null()) {
            // A variable that something fills in after the build.
            if quantity(amount.text()).is_some_and(|amount| amount >= 0) || amount.text().contains("${") {
                continue;
            }
            let (container, text) = (unit.container_name(), amount.text());
            let what = name.text();
            let message = format!("`{text}` is no amount of {what} in the {field} of container `{container}`");
            let found = report.at(unit.object, amount).say(message);
            if let Some(meant) = meant(text) {
                found.help(format!("did you mean `{meant}`?"));
            }
        }
    }
}

/// What people write for `512Mi` and `512M`: `512MB`, `512MiB`, `512mi`, `512 Mi`.
fn meant(text: &str) -> Option<String> {
    let compact: String = text.chars().filter(|char| !char.is_whitespace()).collect();
    let start = compact.find(|char: char| char.is_ascii_alphabetic())?;
    let (number, unit) = compact.split_at(start);
    let unit = unit.trim_end_matches(['b', 'B']);
    let mut letters = unit.chars();
    let first = letters.next()?.to_ascii_uppercase();
    let rest = letters.as_str().to_ascii_lowercase();
    let first = if first == 'K' && rest.is_empty() { 'k' } else { first };
    let meant = format!("{number}{first}{rest}");
    quantity(&meant).map(|_| meant)
}

/// An amount outside of given bounds. Params: `minimumRequests`, `maximumRequests`, `minimumLimits`, `maximumLimits`, each a
/// list of `resource=amount`.
fn out_of_bounds<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (param, field, is_maximum) in [
        ("minimumRequests", "requests", false),
        ("maximumRequests", "requests", true),
        ("minimumLimits", "limits", false),
        ("maximumLimits", "limits", true),
    ] {
        for (name, bound) in unit.params.list(param).into_iter().filter_map(|pair| pair.split_once('=')) {
            let Some(node) = amount(unit.node, field, name.trim()) else { continue };
            let (Some(found), Some(limit)) = (quantity(node.text()), quantity(bound.trim())) else { continue };
            if if is_maximum { found > limit } else { found < limit } {
                let word = if is_maximum { "most" } else { "least" };
                let message = format!(
                    "container `{}` {field} {name} {}, and at {word} {bound} is allowed",
                    unit.container_name(),
                    node.text()
                );
                report.at(unit.object, node).say(message);
            }
        }
    }
}

/// More than the catalog gives a service in an environment: its profile there, or `base`, which jobs and whatever else is not
/// sized by environment keep.
fn above_profile<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(catalog) = unit.subject.catalog else { return };
    let overlay = unit.overlay();
    let (Some(environment), Some(service)) = (overlay.environment.as_deref(), overlay.service.as_deref()) else {
        return;
    };
    let (Some(own), Some(entry)) = (catalog.platform.environments.get(environment), catalog.service(service)) else {
        return;
    };
    let variation = entry.service.environments.get(environment);
    let profile = variation.and_then(|variation| variation.profile.as_ref()).or(own.profile.as_ref());
    let profiles = [profile.map_or(BASE, |profile| profile.as_str()), BASE];
    // What the service says comes before what all services get.
    let given = |profile: &str, field: &str, name: &str| {
        let layers = [entry.service.resources.get(profile), catalog.platform.profiles.get(profile)];
        layers.into_iter().flatten().find_map(|layer: &Resources| {
            let amounts = if field == "limits" { &layer.limits } else { &layer.requests };
            amounts.get(name).map(|amount| amount.value.as_str())
        })
    };
    for field in ["requests", "limits"] {
        for (name, node) in list(unit.node, field) {
            let name = name.text();
            let bounds = profiles.iter().filter_map(|profile| Some((*profile, given(profile, field, name)?)));
            let bounds = bounds.filter_map(|(profile, text)| Some((quantity(text)?, text, profile)));
            let Some((most, bound, profile)) = bounds.rev().max_by_key(|(most, ..)| *most) else { continue };
            if quantity(node.text()).is_some_and(|found| found > most) {
                let message = format!(
                    "container `{}` {field} {} {name}, more than the {bound} of the profile `{profile}` in {environment}",
                    unit.container_name(),
                    node.text(),
                );
                report.at(unit.object, node).say(message);
            }
        }
    }
}

/// An autoscaler that divides by a request that is not there: it never scales. Judges autoscalers.
fn autoscaler_without_request<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let scaler = unit.object;
    let Some(target) = scaler.at(&["spec", "scaleTargetRef"]) else { return };
    let found = unit.subject.find(scaler, target.text_of("kind"), &scaler.namespace, target.text_of("name"));
    let Some((workload, pod)) = found.and_then(|workload| Some((workload, workload.pod?))) else { return };
    for (name, metric, only) in utilizations(scaler.root) {
        let lacks = |container: &&Datum| {
            container.is_mapping()
                && (only.is_empty() || container.text_of("name") == only)
                && amount(container, "requests", name).is_none()
                && amount(container, "limits", name).is_none()
        };
        for container in pod.containers().iter().filter(lacks) {
            let message = format!(
                "{} scales {} by the share of its requested {name}, and container `{}` requests none",
                scaler.title(),
                workload.title(),
                container.text_of("name")
            );
            let found = report.missing(workload, container, &format!("resources/requests/{name}"));
            found.say(message).of_container(container).related(metric, "the metric");
        }
    }
}

/// The resources by whose utilization an autoscaler scales, each with the one container that is measured; empty: all are.
fn utilizations(scaler: &Datum) -> Vec<(&str, &Datum, &str)> {
    let Some(spec) = scaler.get("spec") else { return Vec::new() };
    let metrics = spec.get("metrics").map_or(&[][..], Datum::items).iter();
    let by_resource = metrics.filter_map(|metric| {
        let field = match metric.text_of("type") {
            "Resource" => "resource",
            "ContainerResource" => "containerResource",
            _ => return None,
        };
        let resource = metric.get(field)?;
        // `target.averageUtilization` since v2beta2, `targetAverageUtilization` before.
        let target = resource.at(["target", "averageUtilization"]).or(resource.get("targetAverageUtilization"))?;
        Some((resource.text_of("name"), target, resource.text_of("container")))
    });
    let plain = spec.get("targetCPUUtilizationPercentage").map(|target| ("cpu", target, ""));
    by_resource.chain(plain).filter(|(name, ..)| !name.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_for_amounts_is_known() {
        let meant = |text| meant(text).unwrap_or_default();
        assert_eq!(["512MB", "512MiB", "512mi", "1 Gi", "1K"].map(meant), ["512M", "512Mi", "512Mi", "1Gi", "1k"]);
        assert_eq!(["lots", "", "½"].map(meant), ["", "", ""]);
    }
}
