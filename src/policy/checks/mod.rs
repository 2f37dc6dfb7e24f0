//! The built-in checks by name. A policy file says which one it uses, with which params; a check knows no ids, severities
//! or messages of policies, and may serve several.

mod argocd;
mod changes;
mod dapr;
mod disruptions;
mod gateway;
mod hosts;
mod images;
mod isolation;
mod istio;
mod kustomization;
mod labels;
mod namespaces;
mod operators;
mod platform;
mod pods;
mod ports;
mod probes;
mod rbac;
mod references;
mod resources;
mod rollout;
mod rollouts;
mod routes;
mod scaling;
mod secrets;
mod security;
mod selectors;
mod spread;
mod suppressions;
mod waves;
mod weakened;

use crate::policy::report::{Report, Unit, Whole};

/// A check.
#[derive(Clone, Copy, Debug)]
pub(super) enum Check {
    /// Judges one unit.
    Unit(for<'a> fn(&Unit<'a>, &mut Report<'a>)),
    /// Judges all at once.
    Whole(for<'a> fn(&Whole<'a>, &mut Report<'a>)),
}

/// A check and its name.
pub(super) type Named = (&'static str, Check);

/// Every check, by file.
const ALL: &[&[Named]] = &[
    argocd::CHECKS,
    changes::CHECKS,
    dapr::CHECKS,
    disruptions::CHECKS,
    gateway::CHECKS,
    images::CHECKS,
    isolation::CHECKS,
    istio::CHECKS,
    kustomization::CHECKS,
    labels::CHECKS,
    namespaces::CHECKS,
    operators::CHECKS,
    platform::CHECKS,
    pods::CHECKS,
    ports::CHECKS,
    probes::CHECKS,
    rbac::CHECKS,
    references::CHECKS,
    resources::CHECKS,
    rollout::CHECKS,
    rollouts::CHECKS,
    routes::CHECKS,
    scaling::CHECKS,
    secrets::CHECKS,
    security::CHECKS,
    selectors::CHECKS,
    spread::CHECKS,
    suppressions::CHECKS,
    waves::CHECKS,
    weakened::CHECKS,
];

fn all() -> impl Iterator<Item = &'static Named> {
    ALL.iter().copied().flatten()
}

/// The check of a name.
pub(super) fn find(name: &str) -> Option<Check> {
    all().find(|(known, _)| *known == name).map(|(_, check)| *check)
}

/// Whether there is a check of a name that judges all at once, or one unit.
pub(super) fn is_known(name: &str, is_whole: bool) -> bool {
    find(name).is_some_and(|check| matches!(check, Check::Whole(_)) == is_whole)
}

/// The names of all checks.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|(name, _)| *name)
}
