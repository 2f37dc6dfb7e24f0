//! Kinds that run pods, and where their pod template is.

use crate::yaml::data::Datum;

/// Kinds with a pod template: group, kind, the keys that lead to the template.
pub const WORKLOADS: &[(&str, &str, &[&str])] = &[
    ("apps", "Deployment", &["spec", "template"]),
    ("apps", "StatefulSet", &["spec", "template"]),
    ("apps", "DaemonSet", &["spec", "template"]),
    ("apps", "ReplicaSet", &["spec", "template"]),
    ("argoproj.io", "Rollout", &["spec", "template"]),
    ("batch", "Job", &["spec", "template"]),
    ("batch", "CronJob", &["spec", "jobTemplate", "spec", "template"]),
    ("", "Pod", &[]),
    ("", "ReplicationController", &["spec", "template"]),
    ("", "PodTemplate", &["template"]),
    ("extensions", "Deployment", &["spec", "template"]),
    ("extensions", "DaemonSet", &["spec", "template"]),
    ("apps.openshift.io", "DeploymentConfig", &["spec", "template"]),
];

/// Whether a group and kind are those of a workload. One of Kubernetes' own that says no group, as people write it by
/// mistake, is known by its kind: what else is wrong with it is told all the same.
fn is(known: (&str, &str), group: &str, kind: &str) -> bool {
    known.1 == kind && (known.0 == group || group.is_empty() && matches!(known.0, "apps" | "batch"))
}

/// The pod template of an object; a Pod is its own. `None` where the kind has none, or the object lacks it.
pub fn pod_template<'a>(group: &str, kind: &str, root: &'a Datum) -> Option<&'a Datum> {
    let (.., path) = WORKLOADS.iter().find(|(known_group, known, _)| is((known_group, known), group, kind))?;
    root.at(path.iter().copied()).filter(|template| template.is_mapping())
}

/// Whether a kind runs pods.
pub fn is_workload(group: &str, kind: &str) -> bool {
    WORKLOADS.iter().any(|(known_group, known, _)| is((known_group, known), group, kind))
}
