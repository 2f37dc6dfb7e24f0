//! Group, version and kind, and which kinds have no namespace.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use compact_str::CompactString;

/// Group, version and kind of a resource, or a selector of them, where an empty part selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Gvk {
    /// `apps`; empty for the core.
    pub group: CompactString,
    /// `v1`
    pub version: CompactString,
    /// `Deployment`
    pub kind: CompactString,
}

impl Gvk {
    /// From the fields of a manifest.
    pub fn of(api_version: &str, kind: &str) -> Self {
        let (group, version) = group_version(api_version);
        Self { group: group.into(), version: version.into(), kind: kind.into() }
    }

    /// Whether a selector, empty parts of which fit everything, fits this.
    pub fn is_selected(&self, by: &Gvk) -> bool {
        by.selects(&self.group, &self.version, &self.kind)
    }

    /// Whether this, as a selector whose empty parts fit everything, fits a kind.
    pub fn selects(&self, group: &str, version: &str, kind: &str) -> bool {
        (self.kind.is_empty() || self.kind == kind)
            && (self.group.is_empty() || self.group == group)
            && (self.version.is_empty() || self.version == version)
    }
}

/// Group and version of an apiVersion; the core has no group.
pub fn group_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

/// Whether Kustomize knows a kind as one without namespace: `Some` with the release since which it does, empty for 5.8.1.
pub fn cluster_scoped_since(group: &str, version: &str, kind: &str) -> Option<&'static str> {
    type Kinds = HashMap<(&'static str, &'static str, &'static str), &'static str>;
    static KINDS: LazyLock<Kinds> = LazyLock::new(|| {
        let lines = include_str!("data/cluster-scoped.tsv").lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| {
                let mut fields = line.split('\t');
                let kind = (fields.next()?, fields.next()?, fields.next()?);
                Some((kind, fields.next().unwrap_or_default()))
            })
            .collect()
    });
    KINDS.get(&(group, version, kind)).copied()
}

/// Custom kinds without a namespace that are met often; a definition in the repository says it of the others.
const CUSTOM_CLUSTER_SCOPED: &[(&str, &str)] = &[
    ("argoproj.io", "ClusterAnalysisTemplate"),
    ("argoproj.io", "ClusterWorkflowTemplate"),
    ("cert-manager.io", "ClusterIssuer"),
    ("cilium.io", "CiliumClusterwideNetworkPolicy"),
    ("crd.projectcalico.org", "GlobalNetworkPolicy"),
    ("external-secrets.io", "ClusterExternalSecret"),
    ("external-secrets.io", "ClusterSecretStore"),
    ("gateway.networking.k8s.io", "GatewayClass"),
    ("karpenter.sh", "NodePool"),
    ("keda.sh", "ClusterTriggerAuthentication"),
    ("kyverno.io", "ClusterPolicy"),
    ("policies.kyverno.io", "ValidatingPolicy"),
    ("postgresql.cnpg.io", "ClusterImageCatalog"),
    ("pkg.crossplane.io", "Provider"),
    ("snapshot.storage.k8s.io", "VolumeSnapshotClass"),
    ("trust.cert-manager.io", "Bundle"),
];

/// Whether a kind, in any version, has no namespace.
pub fn is_cluster_scoped(group: &str, kind: &str) -> bool {
    static KINDS: LazyLock<HashSet<(&'static str, &'static str)>> = LazyLock::new(|| {
        let lines = include_str!("data/cluster-scoped.tsv").lines().filter(|line| !line.starts_with('#'));
        let kinds = lines.filter_map(|line| {
            let mut fields = line.split('\t');
            let group = fields.next()?;
            Some((group, fields.nth(1)?))
        });
        kinds.chain(CUSTOM_CLUSTER_SCOPED.iter().copied()).collect()
    });
    KINDS.contains(&(group, kind))
}

/// Whether a text holds Kubernetes objects: fields of the outermost level say so.
pub fn is_manifest(text: &str) -> bool {
    let has = |field: &str| text.starts_with(field) || text.contains(&format!("\n{field}"));
    (has("kind:") && (has("apiVersion:") || has("metadata:")))
        || text.trim_start().starts_with('{') && text.contains("\"apiVersion\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_those_that_kustomize_knows() {
        assert_eq!(cluster_scoped_since("", "v1", "Namespace"), Some(""));
        assert_eq!(cluster_scoped_since("rbac.authorization.k8s.io", "v1", "ClusterRole"), Some(""));
        assert_eq!(
            cluster_scoped_since("admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicy"),
            Some("5.8.2")
        );
        assert_eq!(cluster_scoped_since("cert-manager.io", "v1", "ClusterIssuer"), None);
        assert_eq!(cluster_scoped_since("", "v1", "Pod"), None);
    }
}
