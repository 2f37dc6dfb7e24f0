//! Probes: where they point, and whether their numbers go together.

use crate::kube::Selector;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::Pod;
use crate::yaml::data::Datum;
use crate::yaml::print::{Printed, typed};

pub(super) const CHECKS: &[Named] = &[
    ("probe-port-unknown", Check::Unit(port_unknown)),
    ("probe-port-undeclared", Check::Unit(port_undeclared)),
    ("probes-identical", Check::Unit(identical)),
    ("probe-handlers", Check::Unit(handlers)),
    ("probe-timeout-above-period", Check::Unit(timeout_above_period)),
    ("startup-budget", Check::Unit(startup_budget)),
    ("served-without-readiness", Check::Unit(served_without_readiness)),
    ("served-partly-ready", Check::Unit(served_partly_ready)),
    ("prestop-outlasts-grace", Check::Unit(prestop_outlasts_grace)),
];

/// The ways in which a probe asks.
const HANDLERS: [&str; 4] = ["httpGet", "tcpSocket", "grpc", "exec"];

pub(super) const PROBES: [&str; 3] = ["startupProbe", "livenessProbe", "readinessProbe"];

/// Of init containers only sidecars, which Kubernetes restarts, have probes.
fn has_probes(unit: &Unit<'_>) -> bool {
    let is_init = |pod: Pod<'_>| pod.init_containers().iter().any(|container| std::ptr::eq(container, unit.node));
    unit.node.text_of("restartPolicy") == "Always" || !unit.pod().is_some_and(is_init)
}

/// The way a probe asks, and the port it asks at.
fn action(probe: &Datum) -> Option<(&str, &Datum)> {
    let action = |kind: &'static str| Some((kind, probe.get(kind)?.get("port")?));
    HANDLERS.into_iter().find_map(action)
}

fn ports(container: &Datum) -> &[Datum] {
    container.get("ports").map_or(&[], Datum::items)
}

fn is_tcp(port: &Datum) -> bool {
    matches!(port.text_of("protocol"), "" | "TCP")
}

/// The port of a probe and what is wrong with it, where the container does not declare it.
fn port<'a>(unit: &Unit<'a>, report: &mut Report<'a>, is_name: bool) {
    let field = unit.params.text("probe");
    let Some((kind, port)) =
        unit.node.get(field).and_then(action).filter(|(_, port)| port.is_scalar() && has_probes(unit))
    else {
        return;
    };
    let is_declared = match typed(port) {
        Ok(Printed::Int(number)) if !is_name => ports(unit.node).iter().any(|declared| {
            declared.get("containerPort").and_then(Datum::int).map(i128::from) == Some(number) && is_tcp(declared)
        }),
        Ok(Printed::Text(name)) if is_name => {
            ports(unit.node).iter().any(|declared| declared.text_of("name") == name && is_tcp(declared))
        }
        _ => return,
    };
    if is_declared {
        return;
    }
    let (container, text) = (unit.container_name(), port.text());
    let found = report.at(unit.object, port);
    if is_name {
        found.say(format!("no port of container `{container}` is called `{text}`, at which its {field} asks"));
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        found.help(if is_number {
            "write the number without quotes".to_owned()
        } else {
            format!("name the port under `ports`, or correct `{kind}.port`")
        });
    } else {
        found.say(format!("the {field} of container `{container}` asks at port {text}, which it does not declare"));
        found.help(format!("declare the port under `ports`, or correct `{kind}.port`"));
    }
}

/// A probe that asks at a port by a name that the container's ports do not have: it fails for good. Params: `probe`, the
/// field of the probe.
fn port_unknown<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    port(unit, report, true);
}

/// A probe that asks at a number that the container does not declare. Params: `probe`, the field of the probe.
fn port_undeclared<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    port(unit, report, false);
}

/// What a probe asks, however it is written: ports by number where a name is declared, defaults filled in.
fn question(probe: &Datum, container: &Datum) -> Option<Vec<String>> {
    let kind = HANDLERS.into_iter().find(|kind| probe.get(kind).is_some_and(|action| !action.is_null()))?;
    let action = probe.get(kind)?;
    let port = action.get("port").map_or("", Datum::text);
    let declared = ports(container).iter().find(|declared| !port.is_empty() && declared.text_of("name") == port);
    let port = declared.map_or(port, |declared| declared.text_of("containerPort"));
    let or = |field: &str, default: &str| match action.text_of(field) {
        "" => default.to_owned(),
        text => text.to_owned(),
    };
    let parts = match kind {
        "httpGet" => vec![or("scheme", "HTTP"), or("host", ""), or("path", "/")],
        "grpc" => vec![or("service", "")],
        "exec" => {
            action.get("command").map_or(&[][..], Datum::items).iter().map(|word| word.text().to_owned()).collect()
        }
        _ => vec![or("host", "")],
    };
    Some([kind.to_owned(), port.to_owned()].into_iter().chain(parts).collect())
}

/// Two probes that ask the same: a container that is only slow is restarted.
fn identical<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (Some(liveness), Some(readiness)) = (unit.node.get("livenessProbe"), unit.node.get("readinessProbe")) else {
        return;
    };
    let (asked, wanted) = (question(liveness, unit.node), question(readiness, unit.node));
    if asked.is_some() && asked == wanted && has_probes(unit) {
        report.at(unit.object, liveness).related(readiness, "the same question");
    }
}

/// A probe with no way to ask, or with several: the API server refuses the pod. A patch that sets another way does not take
/// the first one away.
fn handlers<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for field in PROBES {
        let Some(probe) = unit.node.get(field).filter(|probe| probe.is_mapping()) else { continue };
        let given: Vec<_> =
            HANDLERS.into_iter().filter(|kind| probe.get(kind).is_some_and(|action| !action.is_null())).collect();
        if given.len() == 1 {
            continue;
        }
        let container = unit.container_name();
        // A patch adds what it sets at the end.
        let last = probe.pairs().iter().rev().find(|(key, value)| given.contains(&key.text()) && !value.is_null());
        let found = report.at(unit.object, last.map_or(probe, |(_, action)| action));
        if given.is_empty() {
            found.say(format!("the {field} of container `{container}` does not say how to ask"));
            found.help(format!("set one of {}", HANDLERS.join(", ")));
        } else {
            found.say(format!("the {field} of container `{container}` has {}, and may have one", given.join(" and ")));
            found.help(format!("set the one that is not meant to null in the patch, such as `{}: null`", given[0]));
        }
    }
}

fn number(probe: &Datum, field: &str, default: i64) -> i64 {
    probe.get(field).and_then(Datum::int).filter(|number| *number > 0).unwrap_or(default)
}

/// A probe that may wait longer for an answer than until the next one is due.
fn timeout_above_period<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for field in PROBES {
        let Some(probe) = unit.node.get(field) else { continue };
        let (timeout, period) = (number(probe, "timeoutSeconds", 1), number(probe, "periodSeconds", 10));
        if let Some(node) = probe.get("timeoutSeconds").filter(|_| timeout > period) {
            let name = unit.container_name();
            let message =
                format!("the {field} of container `{name}` waits {timeout} s for an answer and asks every {period} s");
            report.at(unit.object, node).say(message);
        }
    }
}

/// How long a container may take to start before it is killed; `None` where no probe bounds it. Sums saturate, since
/// manifests may hold any number.
pub(super) fn budget(container: &Datum) -> Option<i64> {
    let probe = container.get("startupProbe").filter(|probe| probe.is_mapping())?;
    let tries = number(probe, "failureThreshold", 3).saturating_mul(number(probe, "periodSeconds", 10));
    Some(number(probe, "initialDelaySeconds", 0).saturating_add(tries))
}

/// A startup probe that gives up too early, or hardly ever. Params: `minimum`, `maximum`, in seconds.
fn startup_budget<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(probe) = unit.node.get("startupProbe") else { return };
    let Some(budget) = budget(unit.node) else { return };
    let (least, most) = (unit.params.integer("minimum"), unit.params.integer("maximum"));
    if budget < least || budget > most {
        let node = probe.get("failureThreshold").unwrap_or(probe);
        let name = unit.container_name();
        let bound = if budget < least { format!("less than {least} s") } else { format!("more than {most} s") };
        report.at(unit.object, node).say(format!("container `{name}` has {budget} s to start, {bound}"));
    }
}

/// The workloads whose pods a Service sends requests to, each with the containers that are never asked whether they can
/// take any, and how many containers there are.
fn unready<'a>(unit: &Unit<'a>, mut found: impl FnMut(&'a crate::policy::subject::Object<'a>, &[&'a Datum], usize)) {
    let service = unit.object;
    let Some(selector) = service.at(&["spec", "selector"]).map(Selector::Plain) else { return };
    let is_external = service.at(&["spec", "type"]).is_some_and(|kind| kind.text() == "ExternalName");
    let takes_unready = service.at(&["spec", "publishNotReadyAddresses"]).and_then(Datum::flag) == Some(true);
    if selector.is_empty() || is_external || takes_unready {
        return;
    }
    for workload in unit.subject.selected(service, &service.namespace, selector) {
        let Some(pod) = workload.pod.filter(|_| !matches!(workload.kind, "Job" | "CronJob")) else { continue };
        let is_asked = |container: &&Datum| container.get("readinessProbe").is_some_and(Datum::is_mapping);
        let sidecars = pod.init_containers().iter().filter(|container| container.text_of("restartPolicy") == "Always");
        let all: Vec<&Datum> = pod.containers().iter().chain(sidecars).filter(|item| item.is_mapping()).collect();
        let unasked: Vec<&Datum> =
            pod.containers().iter().filter(|item| item.is_mapping() && !is_asked(item)).collect();
        if all.iter().any(is_asked) || !unasked.is_empty() {
            let asked = all.iter().filter(|container| is_asked(container)).count();
            found(workload, &unasked, asked);
        }
    }
}

/// A Service sends requests to pods of which nobody asks whether they can take any.
fn served_without_readiness<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    unready(unit, |workload, unasked, asked| {
        if let Some(container) = unasked.first().filter(|_| asked == 0) {
            let message = format!(
                "{} gets requests from {} although no container has a readiness probe",
                workload.title(),
                unit.object.title()
            );
            let found = report.missing(workload, container, "readinessProbe");
            found.say(message).of_container(container).related(unit.object.root, "the Service");
        }
    });
}

/// A Service sends requests to pods of which some containers are not asked whether they can take any.
fn served_partly_ready<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    unready(unit, |workload, unasked, asked| {
        for container in unasked.iter().filter(|_| asked > 0) {
            let message = format!(
                "container `{}` of {} has no readiness probe, and {} sends requests to its pod",
                container.text_of("name"),
                workload.title(),
                unit.object.title()
            );
            report.missing(workload, container, "readinessProbe").say(message).of_container(container);
        }
    });
}

/// The seconds that a hook before the stop sleeps, and the node that says so: by `sleep`, or by a command that does nothing
/// else.
fn pause(container: &Datum) -> Option<(i64, &Datum)> {
    let hook = container.at(["lifecycle", "preStop"])?;
    if let Some(seconds) = hook.at(["sleep", "seconds"]) {
        return Some((seconds.int()?, seconds));
    }
    let command = hook.at(["exec", "command"])?;
    let last = command.items().last()?;
    let seconds = last.text().trim().trim_end_matches(';').split_whitespace().last()?.trim_end_matches('s');
    let words: Vec<&str> = command.items().iter().flat_map(|item| item.text().split_whitespace()).collect();
    let sleeps = words.len() >= 2 && words[words.len() - 2].rsplit('/').next() == Some("sleep");
    let is_alone = !command.items().iter().any(|item| item.text().contains(['&', '|']));
    (sleeps && is_alone).then(|| Some((seconds.parse().ok()?, last)))?
}

/// A hook that sleeps for as long as the pod has to stop, or longer: the process is killed before it hears that it should
/// stop.
fn prestop_outlasts_grace<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((seconds, node)) = pause(unit.node) else { return };
    let grace = unit.pod().and_then(|pod| pod.spec.get("terminationGracePeriodSeconds"));
    let granted = grace.and_then(Datum::int).unwrap_or(30);
    if seconds >= granted {
        let name = unit.container_name();
        let message = format!("container `{name}` sleeps {seconds} s before it stops, and is killed after {granted} s");
        let found = report.at(unit.object, node);
        found.say(message);
        if let Some(grace) = grace {
            found.related(grace, "the time that the pod has to stop");
        }
    }
}
