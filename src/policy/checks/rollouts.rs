//! Argo Rollouts: the Services, routes and analyses that a Rollout shifts traffic by.

use crate::kube::Selector;
use crate::policy::checks::hosts::{Sight, look_up};
use crate::policy::checks::istio;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::Pod;
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("rollout-analysis-argument-unbound", Check::Unit(argument)),
    ("rollout-analysis-missing", Check::Unit(analysis)),
    ("rollout-ingress-missing", Check::Unit(ingress)),
    ("rollout-route-missing", Check::Unit(route)),
    ("rollout-service-missing", Check::Unit(service)),
    ("rollout-service-selects-nothing", Check::Unit(service_selects)),
    ("rollout-services-identical", Check::Unit(identical)),
    ("rollout-subset-missing", Check::Unit(subset)),
    ("rollout-workload-missing", Check::Unit(workload)),
];

const GROUP: &str = "argoproj.io";

fn items<'a>(node: &'a Datum, path: &[&str]) -> &'a [Datum] {
    node.at(path.iter().copied()).map_or(&[], Datum::items)
}

fn strategy<'a>(unit: &Unit<'a>, path: &[&str]) -> Option<&'a Datum> {
    unit.node.at(["spec", "strategy"])?.at(path.iter().copied())
}

/// The Services that a Rollout switches between, in pairs.
const SERVICES: [(&str, &str, &str); 2] =
    [("canary", "stableService", "canaryService"), ("blueGreen", "activeService", "previewService")];

fn services<'a>(unit: &Unit<'a>) -> Vec<(&'static str, &'a Datum)> {
    let fields = SERVICES.into_iter().flat_map(|(strategy, one, other)| [(strategy, one), (strategy, other)]);
    let ping_pong = [("pingService", "pingPong"), ("pongService", "pingPong")];
    let named = fields.filter_map(|(kind, field)| Some((field, strategy(unit, &[kind, field])?)));
    let more =
        ping_pong.into_iter().filter_map(|(field, parent)| Some((field, strategy(unit, &["canary", parent, field])?)));
    named.chain(more).filter(|(_, node)| !node.text().is_empty()).collect()
}

fn identical<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (kind, first, second) in SERVICES {
        let (Some(one), Some(other)) = (strategy(unit, &[kind, first]), strategy(unit, &[kind, second])) else {
            continue;
        };
        if one.text() == other.text() && !one.text().is_empty() {
            let message = format!("Rollout `{}` has `{}` as `{first}` and as `{second}`", unit.object.name, one.text());
            report.at(unit.object, other).say(message).related(one, "the same Service");
        }
    }
}

fn service<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (field, node) in services(unit) {
        if look_up(unit, "", "Service", &unit.object.namespace, node.text()).is_missing() {
            let message = format!(
                "`{field}` of Rollout `{}` names Service `{}`, which does not exist",
                unit.object.name,
                node.text()
            );
            report.at(unit.object, node).say(message);
        }
    }
}

/// The pods of a Rollout: its own template, or that of the workload that it takes over.
fn pod<'a>(unit: &Unit<'a>) -> Option<Pod<'a>> {
    if let Some(reference) = unit.node.at(["spec", "workloadRef"]) {
        let (kind, name) = (reference.text_of("kind"), reference.text_of("name"));
        return unit.subject.find(unit.object, kind, &unit.object.namespace, name)?.pod;
    }
    unit.object.pod
}

fn service_selects<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(pod) = pod(unit) else { return };
    for (field, node) in services(unit) {
        let sight = look_up(unit, "", "Service", &unit.object.namespace, node.text());
        let Some(service) = sight.found() else { continue };
        let Some(selector) = service.at(&["spec", "selector"]).filter(|selector| !selector.is_empty()) else {
            continue;
        };
        // The controller adds the hash of a revision to the selector.
        let is_added = selector.get("rollouts-pod-template-hash").is_some();
        if !is_added && !Selector::Plain(selector).matches(pod.labels()) {
            let message = format!(
                "`{field}` of Rollout `{}` names Service `{}`, which does not select its pods",
                unit.object.name,
                node.text()
            );
            report.at(unit.object, node).say(message).related(selector, "its selector");
        }
    }
}

/// The places where a Rollout runs analyses: each has templates and arguments.
fn analyses<'a>(unit: &Unit<'a>) -> Vec<&'a Datum> {
    let mut found: Vec<&Datum> = Vec::new();
    for step in strategy(unit, &["canary", "steps"]).map_or(&[][..], Datum::items) {
        found.extend(step.get("analysis"));
    }
    found.extend(strategy(unit, &["canary", "analysis"]));
    found.extend(strategy(unit, &["blueGreen", "prePromotionAnalysis"]));
    found.extend(strategy(unit, &["blueGreen", "postPromotionAnalysis"]));
    found
}

/// Names of templates, each with whether it is one for the whole cluster.
fn templates<'a>(unit: &Unit<'a>) -> Vec<(&'a Datum, bool)> {
    let listed = analyses(unit).into_iter().flat_map(|analysis| items(analysis, &["templates"]));
    let steps = strategy(unit, &["canary", "steps"]).map_or(&[][..], Datum::items);
    let experiments = steps.iter().flat_map(|step| items(step, &["experiment", "analyses"]));
    let own = items(unit.node, &["spec", "analyses"]).iter();
    let nested = items(unit.node, &["spec", "templates"]).iter();
    let nested = nested.filter(|_| unit.object.kind.ends_with("AnalysisTemplate"));
    listed
        .chain(experiments)
        .chain(own)
        .chain(nested)
        .filter_map(|entry| {
            Some((entry.get("templateName")?, entry.get("clusterScope").and_then(Datum::flag) == Some(true)))
        })
        .collect()
}

fn template<'a>(unit: &Unit<'a>, name: &str, is_cluster: bool) -> Sight<'a> {
    if is_cluster {
        look_up(unit, GROUP, "ClusterAnalysisTemplate", "", name)
    } else {
        look_up(unit, GROUP, "AnalysisTemplate", &unit.object.namespace, name)
    }
}

fn analysis<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (name, is_cluster) in templates(unit) {
        // A template for the whole cluster often comes with the controller.
        let is_out_of_sight =
            is_cluster && unit.subject.of_kind(unit.object, "ClusterAnalysisTemplate").next().is_none();
        if name.text().is_empty() || is_out_of_sight || !template(unit, name.text(), is_cluster).is_missing() {
            continue;
        }
        let kind = if is_cluster { "ClusterAnalysisTemplate" } else { "AnalysisTemplate" };
        let message = format!("{} runs {kind} `{}`, which does not exist", unit.object.title(), name.text());
        let found = report.at(unit.object, name).say(message);
        if !is_cluster && look_up(unit, GROUP, "ClusterAnalysisTemplate", "", name.text()).found().is_some() {
            found.help("it is one for the whole cluster: set `clusterScope: true`");
        }
    }
}

/// An argument without a value in a template for which the Rollout gives none: the analysis ends in an error.
fn argument<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for analysis in analyses(unit) {
        let given = items(analysis, &["args"]);
        let is_given = |name: &str| given.iter().any(|arg| arg.text_of("name") == name);
        for entry in items(analysis, &["templates"]) {
            let is_cluster = entry.get("clusterScope").and_then(Datum::flag) == Some(true);
            let Some(name) = entry.get("templateName") else { continue };
            let Some(template) = template(unit, name.text(), is_cluster).found() else { continue };
            for arg in items(template.root, &["spec", "args"]) {
                let has_value =
                    ["value", "valueFrom"].iter().any(|field| arg.get(field).is_some_and(|value| !value.is_null()));
                if !has_value && !is_given(arg.text_of("name")) {
                    let message = format!(
                        "Rollout `{}` gives no value for the argument `{}` of {} `{}`",
                        unit.object.name,
                        arg.text_of("name"),
                        template.kind,
                        template.name
                    );
                    report.at(unit.object, name).say(message).related(arg, "the argument has no value here");
                }
            }
        }
    }
}

/// The VirtualServices of a Rollout: the name node, and the routes that it names.
fn virtual_services<'a>(unit: &Unit<'a>) -> Vec<&'a Datum> {
    let Some(istio) = strategy(unit, &["canary", "trafficRouting", "istio"]) else { return Vec::new() };
    istio.get("virtualService").into_iter().chain(items(istio, &["virtualServices"])).collect()
}

fn route<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for node in virtual_services(unit) {
        let Some(name_node) = node.get("name") else { continue };
        let (name, namespace) = name_node.text().split_once('.').unwrap_or((name_node.text(), &unit.object.namespace));
        let virtual_service = match look_up(unit, istio::GROUP, "VirtualService", namespace, name) {
            Sight::Found(object) => object,
            Sight::Unknown => continue,
            Sight::Missing => {
                let message =
                    format!("Rollout `{}` shifts VirtualService `{name}`, which does not exist", unit.object.name);
                report.at(unit.object, name_node).say(message);
                continue;
            }
        };
        let routes = items(virtual_service.root, &["spec", "http"]);
        for wanted in items(node, &["routes"]) {
            if !routes.iter().any(|route| route.text_of("name") == wanted.text()) {
                let message = format!(
                    "Rollout `{}` shifts the route `{}`, which VirtualService `{name}` does not have",
                    unit.object.name,
                    wanted.text()
                );
                report.at(unit.object, wanted).say(message);
            }
        }
        let is_open = node.get("routes").is_none_or(Datum::is_empty)
            && node.get("tlsRoutes").is_none()
            && node.get("tcpRoutes").is_none();
        if is_open && routes.len() > 1 {
            let message = format!(
                "Rollout `{}` does not say which of the {} routes of VirtualService `{name}` it shifts",
                unit.object.name,
                routes.len()
            );
            report.at(unit.object, name_node).say(message);
        }
    }
}

fn subset<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(node) = strategy(unit, &["canary", "trafficRouting", "istio", "destinationRule"]) else { return };
    let Some(name) = node.get("name") else { return };
    let rule = match look_up(unit, istio::GROUP, "DestinationRule", &unit.object.namespace, name.text()) {
        Sight::Found(rule) => rule,
        Sight::Unknown => return,
        Sight::Missing => {
            let message = format!(
                "Rollout `{}` shifts DestinationRule `{}`, which does not exist",
                unit.object.name,
                name.text()
            );
            report.at(unit.object, name).say(message);
            return;
        }
    };
    for field in ["stableSubsetName", "canarySubsetName"] {
        let Some(wanted) = node.get(field).filter(|wanted| !wanted.text().is_empty()) else { continue };
        if !items(rule.root, &["spec", "subsets"]).iter().any(|subset| subset.text_of("name") == wanted.text()) {
            let message = format!(
                "`{field}` of Rollout `{}` is `{}`, which DestinationRule `{}` does not have",
                unit.object.name,
                wanted.text(),
                rule.name
            );
            report.at(unit.object, wanted).say(message);
        }
    }
}

fn ingress<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let paths = [("nginx", "stableIngress"), ("alb", "ingress")];
    let listed =
        strategy(unit, &["canary", "trafficRouting", "nginx", "stableIngresses"]).map_or(&[][..], Datum::items);
    let named =
        paths.into_iter().filter_map(|(kind, field)| strategy(unit, &["canary", "trafficRouting", kind, field]));
    for node in named.chain(listed).filter(|node| !node.text().is_empty()) {
        if look_up(unit, "networking.k8s.io", "Ingress", &unit.object.namespace, node.text()).is_missing() {
            report.at(unit.object, node);
        }
    }
}

fn workload<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(reference) = unit.node.at(["spec", "workloadRef"]) else { return };
    let Some(name) = reference.get("name") else { return };
    let group = crate::kube::group_version(reference.text_of("apiVersion")).0;
    let kind = reference.text_of("kind");
    if !kind.is_empty() && look_up(unit, group, kind, &unit.object.namespace, name.text()).is_missing() {
        let message =
            format!("Rollout `{}` takes over {kind} `{}`, which does not exist", unit.object.name, name.text());
        report.at(unit.object, name).say(message);
    }
}
