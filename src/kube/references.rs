//! What a pod needs to be there before it can start: ConfigMaps, Secrets, claims, its ServiceAccount.

use crate::yaml::data::Datum;

/// A name in a pod's spec that stands for another object of its namespace.
#[derive(Clone, Copy, Debug)]
pub struct PodReference<'a> {
    /// `ConfigMap`, `Secret`, `PersistentVolumeClaim` or `ServiceAccount`.
    pub kind: &'static str,
    /// The name, as a node.
    pub name: &'a Datum,
    /// The key of a ConfigMap or Secret, where one is named.
    pub key: Option<&'a Datum>,
    /// Whether the pod starts without it.
    pub optional: bool,
    /// The container, where one refers.
    pub container: Option<&'a Datum>,
}

/// The references of a pod's spec.
pub fn pod_references(spec: &Datum) -> Vec<PodReference<'_>> {
    let mut found = Vec::new();
    for field in ["initContainers", "containers", "ephemeralContainers"] {
        for container in spec.get(field).map_or(&[][..], Datum::items) {
            of_container(container, &mut found);
        }
    }
    for volume in spec.get("volumes").map_or(&[][..], Datum::items) {
        of_volume(volume, &mut found);
    }
    for secret in spec.get("imagePullSecrets").map_or(&[][..], Datum::items) {
        add(&mut found, "Secret", secret.get("name"), Some(secret), None, None);
    }
    let account = spec.get("serviceAccountName").or_else(|| spec.get("serviceAccount"));
    if account.is_some_and(|name| name.text() != "default") {
        add(&mut found, "ServiceAccount", account, None, None, None);
    }
    found
}

fn add<'a>(
    found: &mut Vec<PodReference<'a>>,
    kind: &'static str,
    name: Option<&'a Datum>,
    holder: Option<&'a Datum>,
    key: Option<&'a Datum>,
    container: Option<&'a Datum>,
) {
    let Some(name) = name.filter(|name| name.is_scalar() && !name.is_null() && !name.text().is_empty()) else { return };
    let optional = holder.and_then(|holder| holder.get("optional")).and_then(Datum::flag) == Some(true);
    let key = key.filter(|key| key.is_scalar() && !key.is_null());
    found.push(PodReference { kind, name, key, optional, container });
}

fn of_container<'a>(container: &'a Datum, found: &mut Vec<PodReference<'a>>) {
    for variable in container.get("env").map_or(&[][..], Datum::items) {
        for (field, kind) in [("configMapKeyRef", "ConfigMap"), ("secretKeyRef", "Secret")] {
            if let Some(source) = variable.get("valueFrom").and_then(|from| from.get(field)) {
                add(found, kind, source.get("name"), Some(source), source.get("key"), Some(container));
            }
        }
    }
    for source in container.get("envFrom").map_or(&[][..], Datum::items) {
        for (field, kind) in [("configMapRef", "ConfigMap"), ("secretRef", "Secret")] {
            if let Some(source) = source.get(field) {
                add(found, kind, source.get("name"), Some(source), None, Some(container));
            }
        }
    }
}

fn of_volume<'a>(volume: &'a Datum, found: &mut Vec<PodReference<'a>>) {
    let whole_or_items = |found: &mut Vec<PodReference<'a>>, kind, name_field: &str, source: &'a Datum| {
        let items = source.get("items").map_or(&[][..], Datum::items);
        if items.is_empty() {
            add(found, kind, source.get(name_field), Some(source), None, None);
        }
        for item in items {
            add(found, kind, source.get(name_field), Some(source), item.get("key"), None);
        }
    };
    if let Some(source) = volume.get("configMap") {
        whole_or_items(found, "ConfigMap", "name", source);
    }
    if let Some(source) = volume.get("secret") {
        whole_or_items(found, "Secret", "secretName", source);
    }
    if let Some(claim) = volume.get("persistentVolumeClaim") {
        add(found, "PersistentVolumeClaim", claim.get("claimName"), None, None, None);
    }
    if let Some(csi) = volume.get("csi") {
        let secret = csi.get("nodePublishSecretRef");
        add(found, "Secret", secret.and_then(|secret| secret.get("name")), None, None, None);
    }
    for source in volume.at(["projected", "sources"]).map_or(&[][..], Datum::items) {
        for (field, kind) in [("configMap", "ConfigMap"), ("secret", "Secret")] {
            if let Some(source) = source.get(field) {
                whole_or_items(found, kind, "name", source);
            }
        }
    }
}
