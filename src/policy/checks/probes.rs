//! Probes: where they point, and whether their numbers go together.

use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::yaml::data::Datum;
use crate::yaml::print::{Printed, typed};

pub(super) const CHECKS: &[Named] =
    &[("probe-port-declared", Check::Unit(port_declared)), ("probes-identical", Check::Unit(identical))];

/// The way a probe asks, and the port it asks at.
fn action(probe: &Datum) -> Option<(&str, &Datum)> {
    let action = |kind: &'static str| Some((kind, probe.get(kind)?.get("port")?));
    action("httpGet").or_else(|| action("tcpSocket")).or_else(|| action("grpc"))
}

/// Params: `probe`, the field of the probe.
fn port_declared<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(probe) = unit.node.get(unit.params.text("probe")) else { return };
    let Some((kind, port)) = action(probe) else { return };
    let ports = unit.node.get("ports").map_or(&[][..], Datum::items);
    let is_declared = match typed(port) {
        Ok(Printed::Int(number)) => ports.iter().any(|declared| {
            declared.get("containerPort").and_then(Datum::int).map(i128::from) == Some(number)
                && !matches!(declared.text_of("protocol"), "UDP" | "SCTP")
        }),
        Ok(Printed::Text(name)) => ports.iter().any(|declared| declared.text_of("name") == name),
        _ => return,
    };
    if !is_declared {
        let name = unit.container_name();
        let message = format!(
            "the {} of container `{name}` asks at port `{}`, which it does not declare",
            unit.params.text("probe"),
            port.text()
        );
        let found = report.at(unit.object, port);
        found.say(message).help(format!("declare the port under `ports`, or correct `{kind}.port`"));
    }
}

/// Two probes that ask the same: a container that is only slow is restarted.
fn identical<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (Some(liveness), Some(readiness)) = (unit.node.get("livenessProbe"), unit.node.get("readinessProbe")) else {
        return;
    };
    let asks = |probe: &'a Datum| {
        ["httpGet", "tcpSocket", "grpc", "exec"].into_iter().find_map(|kind| Some((kind, probe.get(kind)?)))
    };
    let (Some(first), Some(second)) = (asks(liveness), asks(readiness)) else { return };
    let json = |node: &Datum| crate::yaml::json::compact(node).ok();
    if first.0 == second.0 && json(first.1) == json(second.1) {
        report.at(unit.object, liveness).related(readiness, "the same question");
    }
}
