//! The order in which resources are printed.

use std::collections::HashMap;
use std::sync::Arc;

use compact_str::CompactString;

use crate::kube::Gvk;
use crate::kustomize::diags::{Failure, codes, failure};
use crate::kustomize::parts::SortOptions;
use crate::kustomize::resource::{CLUSTER, Id, Resource};

/// Kinds that come first in the legacy order: what others need.
const FIRST: [&str; 22] = [
    "Namespace",
    "ResourceQuota",
    "StorageClass",
    "CustomResourceDefinition",
    "ServiceAccount",
    "PodSecurityPolicy",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "ConfigMap",
    "Secret",
    "Endpoints",
    "Service",
    "LimitRange",
    "PriorityClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Kinds that come last: what could refuse the others.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

/// The rank of a kind in the legacy order; 0 for those in between.
pub(super) fn default_rank(kind: &str) -> i32 {
    let place = |list: &[&str]| list.iter().position(|known| *known == kind).and_then(|at| i32::try_from(at).ok());
    match (place(&LAST), place(&FIRST)) {
        (Some(at), _) => at + 1,
        (_, Some(at)) => at - 22,
        _ => 0,
    }
}

/// What kinds of equal rank are sorted by.
pub(super) fn gvk_text(gvk: &Gvk) -> String {
    let or = |text: &str, none: &str| if text.is_empty() { none.to_owned() } else { text.to_owned() };
    format!("{}_{}_{}", or(&gvk.group, "~G"), or(&gvk.version, "~V"), or(&gvk.kind, "~K"))
}

/// The order of [`gvk_text`], worked out without the texts where kinds are the same, as they mostly are.
fn compare_kinds(a: &Gvk, b: &Gvk) -> std::cmp::Ordering {
    if a == b { std::cmp::Ordering::Equal } else { gvk_text(a).cmp(&gvk_text(b)) }
}

/// Sorts by the options of the root; the legacy order without any.
pub(super) fn sort(resources: &mut Vec<Arc<Resource>>, options: Option<&SortOptions>) -> Result<(), Failure> {
    let ranks: Option<HashMap<&str, i32>> = match options {
        None => None,
        Some(options) => match (&*options.order, &options.legacy) {
            ("fifo", None) => return Ok(()),
            ("fifo", Some(_)) => {
                let message = "`legacySortOptions` is set, and the order is not `legacy`";
                return Err(failure(&codes::KUSTOMIZATION, message, options.origin, "here"));
            }
            ("legacy", None) => None,
            ("legacy", Some((first, last))) => {
                let rank = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
                let first_ranks = first.iter().enumerate().map(|(at, kind)| (&**kind, rank(at) - rank(first.len())));
                let last_ranks = last.iter().enumerate().map(|(at, kind)| (&**kind, rank(at) + 1));
                Some(first_ranks.chain(last_ranks).collect())
            }
            (order, _) => {
                let message = format!("`sortOptions.order` is `{order}`, and must be `fifo` or `legacy`");
                return Err(failure(&codes::KUSTOMIZATION, message, options.origin, "here"));
            }
        },
    };
    let rank = |kind: &str| match &ranks {
        Some(ranks) => ranks.get(kind).copied().unwrap_or(0),
        None => default_rank(kind),
    };
    let mut keyed: Vec<_> = std::mem::take(resources)
        .into_iter()
        .map(|resource| {
            let id = resource.id();
            let namespace = CompactString::from(match resource.namespace() {
                "" => "~X",
                namespace => namespace,
            });
            (rank(&id.gvk.kind), namespace, id, resource)
        })
        .collect();
    keyed.sort_by(|a, b| {
        let namespaces = &*a.2.gvk.kind == "Namespace" && &*b.2.gvk.kind == "Namespace";
        let core = a.2.gvk.group.is_empty() || b.2.gvk.group.is_empty();
        let by_kind = compare_kinds(&a.2.gvk, &b.2.gvk);
        let by_kind = if namespaces && core { by_kind.reverse() } else { by_kind };
        a.0.cmp(&b.0).then(by_kind).then_with(|| {
            let bytes = |namespace: &str, id: &Id| [namespace.as_bytes(), b"|", id.name.as_bytes()].concat();
            if a.1 == b.1 { a.2.name.cmp(&b.2.name) } else { bytes(&a.1, &a.2).cmp(&bytes(&b.1, &b.2)) }
        })
    });
    resources.extend(keyed.into_iter().map(|(.., resource)| resource));
    Ok(())
}

/// A short text of an id, for messages: the namespace only where there is one.
pub(super) fn described(id: &Id) -> String {
    let api_version = if id.gvk.group.is_empty() {
        id.gvk.version.to_string()
    } else {
        format!("{}/{}", id.gvk.group, id.gvk.version)
    };
    let namespace = match &*id.namespace {
        CLUSTER => String::new(),
        namespace => format!(", namespace `{namespace}`"),
    };
    format!("{} `{}` ({api_version}{namespace})", id.gvk.kind, id.name)
}
