//! What the API server refuses to change once it is there, and what keeps data.

/// Fields that cannot be changed, by group and kind; an absent one is filled in with what is there.
const IMMUTABLE: &[(&str, &str, &[&[&str]])] = &[
    ("apps", "Deployment", &[&["spec", "selector"]]),
    ("apps", "DaemonSet", &[&["spec", "selector"]]),
    ("apps", "ReplicaSet", &[&["spec", "selector"]]),
    (
        "apps",
        "StatefulSet",
        &[
            &["spec", "selector"],
            &["spec", "serviceName"],
            &["spec", "volumeClaimTemplates"],
            &["spec", "podManagementPolicy"],
        ],
    ),
    ("batch", "Job", &[&["spec", "template"], &["spec", "selector"], &["spec", "completions"]]),
    ("", "Service", &[&["spec", "clusterIP"]]),
    (
        "",
        "PersistentVolumeClaim",
        &[
            &["spec", "accessModes"],
            &["spec", "storageClassName"],
            &["spec", "volumeName"],
            &["spec", "selector"],
            &["spec", "volumeMode"],
        ],
    ),
    (
        "storage.k8s.io",
        "StorageClass",
        &[&["provisioner"], &["parameters"], &["reclaimPolicy"], &["volumeBindingMode"]],
    ),
    ("rbac.authorization.k8s.io", "RoleBinding", &[&["roleRef"]]),
    ("rbac.authorization.k8s.io", "ClusterRoleBinding", &[&["roleRef"]]),
    ("", "Secret", &[&["type"]]),
    ("scheduling.k8s.io", "PriorityClass", &[&["value"]]),
];

/// Kinds whose removal takes data, or what others depend on, with it: group and kind.
const KEEPING: &[(&str, &str)] = &[
    ("", "PersistentVolumeClaim"),
    ("", "PersistentVolume"),
    ("apps", "StatefulSet"),
    ("", "Namespace"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("postgresql.cnpg.io", "Cluster"),
    ("postgresql.cnpg.io", "Database"),
];

/// The fields of a kind that cannot be changed, as paths from the root.
pub fn immutable_fields(group: &str, kind: &str) -> &'static [&'static [&'static str]] {
    let row = IMMUTABLE.iter().find(|(known, named, _)| *known == group && *named == kind);
    row.map_or(&[], |(.., fields)| fields)
}

/// Whether removing an object of a kind loses data, or what others depend on.
pub fn keeps_data(group: &str, kind: &str) -> bool {
    KEEPING.contains(&(group, kind))
}
