//! NetworkPolicies: whom none holds, and whom they hold only one way.

use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::Object;
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[("pod-not-isolated", Check::Unit(not_isolated))];

/// Whether a policy holds what comes in, and what goes out.
fn directions(policy: &Object<'_>) -> (bool, bool) {
    let has = |field: &str| policy.at(&["spec", field]).is_some_and(|rules| !rules.is_null());
    if policy.group == "cilium.io" {
        return (has("ingress") || has("ingressDeny"), has("egress") || has("egressDeny"));
    }
    let types = policy.at(&["spec", "policyTypes"]).map_or(&[][..], Datum::items);
    if types.is_empty() {
        let has_egress = policy.at(&["spec", "egress"]).is_some_and(|rules| !rules.items().is_empty());
        return (true, has_egress);
    }
    let has = |name: &str| types.iter().any(|kind| kind.text() == name);
    (has("Ingress"), has("Egress"))
}

/// Params: `bothWays`: whether policies must hold what comes in as well as what goes out.
fn not_isolated<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some(pod) = subject.template(object).filter(|_| !subject.lends_template(object)) else { return };
    let policies = subject.selecting(object, "NetworkPolicy").chain(subject.selecting(object, "CiliumNetworkPolicy"));
    let held: Vec<(bool, bool)> = policies.map(directions).collect();
    let (comes, goes) = (held.iter().any(|(comes, _)| *comes), held.iter().any(|(_, goes)| *goes));
    let what = match (held.is_empty(), comes, goes) {
        (true, ..) => "no NetworkPolicy holds",
        _ if !unit.params.flag("bothWays") || comes && goes => return,
        (_, false, false) => "no NetworkPolicy holds",
        (_, true, _) => "no NetworkPolicy holds what goes out of",
        (_, false, true) => "no NetworkPolicy holds what comes into",
    };
    let labels = pod.labels().filter(|_| object.pod.is_some()).unwrap_or(object.root);
    report.at(object, labels).say(format!("{what} the pods of {}", object.title()));
}
