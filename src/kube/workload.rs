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

/// The pod template of an object; a Pod is its own. `None` where the kind has none, or the object lacks it.
pub fn pod_template<'a>(group: &str, kind: &str, root: &'a Datum) -> Option<&'a Datum> {
    let (.., path) = WORKLOADS.iter().find(|(known_group, known, _)| *known == kind && *known_group == group)?;
    root.at(path.iter().copied()).filter(|template| template.is_mapping())
}

/// Whether a kind runs pods.
pub fn is_workload(group: &str, kind: &str) -> bool {
    WORKLOADS.iter().any(|(known_group, known, _)| *known == kind && *known_group == group)
}
