//! How a new version takes the place of the old one, in numbers.

use crate::policy::checks::probes::budget;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("rollout-stuck", Check::Unit(stuck)),
    ("rollout-takes-all-down", Check::Unit(takes_all_down)),
    ("rollout-deadline", Check::Unit(deadline)),
    ("rollout-gives-up-early", Check::Unit(gives_up_early)),
];

/// The default of `progressDeadlineSeconds`.
const DEADLINE: i64 = 600;

/// The numbers of a rolling update: of a Deployment, or of a Rollout's canary.
fn update<'a>(unit: &Unit<'a>) -> Option<&'a Datum> {
    let path = if unit.object.kind == "Rollout" { "canary" } else { "rollingUpdate" };
    unit.node.at(["spec", "strategy", path])
}

/// A number of pods, or a percentage; what is neither is none.
fn share(node: &Datum) -> Option<(i64, bool)> {
    match node.text().strip_suffix('%') {
        Some(percent) => Some((percent.parse().ok()?, true)),
        None => Some((node.int()?, false)),
    }
}

/// Neither a pod more nor a pod less is allowed: the API server refuses it.
fn stuck<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(update) = update(unit) else { return };
    let zero = |field: &str| update.get(field).filter(|node| share(node).is_some_and(|(share, _)| share == 0));
    if let (Some(surge), Some(unavailable)) = (zero("maxSurge"), zero("maxUnavailable")) {
        report.at(unit.object, unavailable).related(surge, "no pod more");
    }
}

/// As many pods may be missing as there are.
fn takes_all_down<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(node) = update(unit).and_then(|update| update.get("maxUnavailable")) else { return };
    let Some(replicas) = unit.node.at(["spec", "replicas"]) else { return };
    let (Some((share, is_percent)), Some(count)) = (share(node), replicas.int()) else { return };
    let missing = if is_percent { share.saturating_mul(count) / 100 } else { share };
    if count > 0 && missing >= count {
        let message = format!("a rollout of {} may take all {count} of its pods down", unit.object.title());
        report.at(unit.object, node).say(message).related(replicas, "its pods");
    }
}

fn seconds(unit: &Unit<'_>, field: &str, default: i64) -> i64 {
    unit.node.at(["spec", field]).and_then(Datum::int).unwrap_or(default)
}

/// A rollout that has failed before a pod can count as available: the API server refuses it.
fn deadline<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (ready, deadline) = (seconds(unit, "minReadySeconds", 0), seconds(unit, "progressDeadlineSeconds", DEADLINE));
    let Some(node) =
        ["progressDeadlineSeconds", "minReadySeconds"].into_iter().find_map(|name| unit.object.at(&["spec", name]))
    else {
        return;
    };
    if ready > 0 && ready >= deadline {
        let title = unit.object.title();
        report
            .at(unit.object, node)
            .say(format!("{title} has {deadline} s for a rollout, and a pod counts only after {ready} s"));
    }
}

/// A rollout that counts as failed while its containers still may start.
fn gives_up_early<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(pod) = unit.pod() else { return };
    let (ready, deadline) = (seconds(unit, "minReadySeconds", 0), seconds(unit, "progressDeadlineSeconds", DEADLINE));
    for container in pod.containers() {
        let Some(budget) = budget(container).map(|budget| budget.saturating_add(ready)) else { continue };
        let Some(probe) = container.get("startupProbe").filter(|_| budget > deadline) else { continue };
        let name = container.text_of("name");
        let message =
            format!("container `{name}` may take {budget} s to start, and its rollout fails after {deadline} s");
        report.at(unit.object, probe).say(message).of_container(container);
    }
}
