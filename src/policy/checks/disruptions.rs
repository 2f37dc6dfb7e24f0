//! PodDisruptionBudgets: whom they cover, and whether they let anybody go.

use crate::policy::checks::scaling::fewest;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::{Object, Subject};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("budget-missing", Check::Unit(missing)),
    ("budget-blocks", Check::Unit(blocks)),
    ("budgets-overlap", Check::Unit(overlap)),
];

/// No budget covers a workload, unless it is said to have a single replica, which no budget can help.
fn missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(pod) = subject.template(object) else { return };
    if subject.lends_template(object) || subject.selecting(object, "PodDisruptionBudget").next().is_some() {
        return;
    }
    let said = object.at(&["spec", "replicas"]).and_then(Datum::int);
    let is_scaled = subject.scalers(object).next().is_some();
    let is_single = fewest(subject, object).is_some_and(|(count, _)| count < 2) && (said.is_some() || is_scaled);
    if is_single {
        return;
    }
    let found = report.at(object, pod.labels().unwrap_or(object.root));
    found.say(format!("no PodDisruptionBudget covers {}", object.title()));
}

/// How many pods a budget keeps of so many, and the node that says it.
pub(super) fn kept<'a>(budget: &Object<'a>, replicas: i64) -> Option<(i64, &'a Datum)> {
    let value = |field: &str| budget.at(&["spec", field]).filter(|node| !node.is_null());
    let amount = |node: &Datum| {
        let percent = node.text().strip_suffix('%').and_then(|percent| percent.parse::<i64>().ok());
        // Both are rounded up.
        percent.map(|percent| (percent * replicas + 99) / 100).or_else(|| node.int())
    };
    if let Some(node) = value("minAvailable") {
        return Some((amount(node)?, node));
    }
    let node = value("maxUnavailable")?;
    Some((replicas - amount(node)?, node))
}

/// How many pods a budget covers at least; `None` where nobody can tell.
fn covered<'a>(subject: &'a Subject<'a>, budget: &'a Object<'a>) -> Option<(i64, Vec<&'a Object<'a>>)> {
    let workloads = subject.selects(budget);
    let mut count = 0;
    for workload in workloads.iter().filter(|workload| !subject.lends_template(workload)) {
        count += fewest(subject, workload)?.0;
    }
    (count > 0).then_some((count, workloads))
}

/// A budget that keeps as many pods as there are. Params: `scaled`: only where an autoscaler may go below what it keeps.
fn blocks<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some((count, workloads)) = covered(subject, object) else { return };
    let Some((kept, node)) = kept(object, count) else { return };
    // Zero and a hundred percent are another policy's.
    if object.at(&["spec", "minAvailable"]).is_none_or(Datum::is_null) || node.text() == "100%" {
        return;
    }
    let scaler = workloads.iter().find_map(|workload| subject.scalers(workload).next());
    let place = workloads.iter().find_map(|workload| fewest(subject, workload)?.1);
    let is_met =
        if unit.params.flag("scaled") { scaler.is_some() && place.is_some() && kept > count } else { kept >= count };
    if !is_met {
        return;
    }
    let title = workloads.first().map(|workload| workload.title()).unwrap_or_default();
    let found = report.at(object, node);
    found.say(format!(
        "{} keeps {kept} of the {count} pods that {title} may have, so no node can be drained",
        object.title()
    ));
    if let Some((_, place)) = place {
        found.related(place, "as many as there may be");
    }
}

/// A pod under two budgets cannot be evicted at all.
fn overlap<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(selector) = object.at(&["spec", "selector"]) else { return };
    let mut told: Vec<&str> = Vec::new();
    for workload in subject.selects(object) {
        for other in subject.selecting(workload, "PodDisruptionBudget") {
            if object.name < other.name || told.contains(&other.name) || !subject.meet(object, other) {
                continue;
            }
            told.push(other.name);
            let message =
                format!("{} and {} cover the same pods, those of {}", object.title(), other.title(), workload.title());
            let found = report.at(object, selector).say(message);
            found.related(other.at(&["spec", "selector"]).unwrap_or(other.root), "the other");
        }
    }
}
