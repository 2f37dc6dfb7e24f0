//! What pods and routes name that must be there: ConfigMaps, Secrets and their keys, accounts, claims.
//!
//! Each thing that is missing is either surely missing or perhaps made elsewhere, by a person or by an operator; the param
//! `sure`, or `surety` where there is something between, says which of them a policy is about.

use std::collections::BTreeSet;

use crate::diag::{self, closest};
use crate::kube::is_everywhere;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::policy::subject::{Object, Pod, Subject};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("config-missing", Check::Unit(config_missing)),
    ("config-key-missing", Check::Unit(config_key_missing)),
    ("pull-secret-missing", Check::Unit(pull_secret_missing)),
    ("account-missing", Check::Unit(account_missing)),
    ("claim-missing", Check::Unit(claim_missing)),
    ("env-twice", Check::Unit(env_twice)),
];

/// A ConfigMap or Secret that a pod or a route names.
struct Reference<'a> {
    kind: &'static str,
    name: &'a Datum,
    keys: Vec<&'a Datum>,
    is_optional: bool,
    container: Option<&'a Datum>,
}

/// The references of a mapping such as `secretKeyRef`, by the field of the name.
fn reference<'a>(
    kind: &'static str,
    node: Option<&'a Datum>,
    field: &str,
    container: Option<&'a Datum>,
) -> Option<Reference<'a>> {
    let node = node?;
    let name = node.get(field).filter(|name| name.is_scalar() && !name.is_null() && !name.text().is_empty())?;
    let items = node.get("items").map_or(&[][..], Datum::items).iter().filter_map(|item| item.get("key"));
    let keys = node.get("key").into_iter().chain(items).filter(|key| key.is_scalar() && !key.is_null()).collect();
    let is_optional = node.get("optional").and_then(Datum::flag) == Some(true);
    Some(Reference { kind, name, keys, is_optional, container })
}

fn of_pod(pod: Pod<'_>) -> Vec<Reference<'_>> {
    let mut found = Vec::new();
    for container in pod.every_container() {
        let own = Some(container);
        for from in container.get("env").map_or(&[][..], Datum::items).iter().filter_map(|env| env.get("valueFrom")) {
            found.extend(reference("ConfigMap", from.get("configMapKeyRef"), "name", own));
            found.extend(reference("Secret", from.get("secretKeyRef"), "name", own));
        }
        for from in container.get("envFrom").map_or(&[][..], Datum::items) {
            found.extend(reference("ConfigMap", from.get("configMapRef"), "name", own));
            found.extend(reference("Secret", from.get("secretRef"), "name", own));
        }
    }
    for volume in pod.volumes() {
        found.extend(reference("ConfigMap", volume.get("configMap"), "name", None));
        found.extend(reference("Secret", volume.get("secret"), "secretName", None));
        found.extend(reference("Secret", volume.at(["csi", "nodePublishSecretRef"]), "name", None));
        found.extend(reference("Secret", volume.get("azureFile"), "secretName", None));
        for source in volume.at(["projected", "sources"]).map_or(&[][..], Datum::items) {
            found.extend(reference("ConfigMap", source.get("configMap"), "name", None));
            found.extend(reference("Secret", source.get("secret"), "name", None));
        }
    }
    found
}

/// What an object names: of a workload its pods, of an Ingress its certificates.
fn of_object<'a>(unit: &Unit<'a>) -> Vec<Reference<'a>> {
    if let Some(pod) = unit.pod() {
        return of_pod(pod);
    }
    if unit.object.kind != "Ingress" {
        return Vec::new();
    }
    let entries = unit.object.at(&["spec", "tls"]).map_or(&[][..], Datum::items);
    entries.iter().filter_map(|entry| reference("Secret", Some(entry), "secretName", None)).collect()
}

/// Whether the namespace of an object is written down; where it is not, whoever applies it chooses one.
pub(super) fn has_namespace(subject: &Subject<'_>, object: &Object<'_>) -> bool {
    object.at(&["metadata", "namespace"]).is_some_and(|namespace| !namespace.text().is_empty())
        || subject.overlays[object.overlay].namespace.is_some()
}

/// A name without the hash that Kustomize puts behind it.
fn without_hash(name: &str) -> Option<&str> {
    let (name, hash) = name.rsplit_once('-')?;
    (hash.len() == 10 && hash.bytes().all(|byte| b"2456789bcdfghkmt".contains(&byte))).then_some(name)
}

/// Whether a name is so near to another that it is a slip.
pub(super) fn is_slip(name: &str, near: Option<&str>) -> bool {
    near.is_some_and(|near| diag::is_slip(name, near))
}

fn is_external(unit: &Unit<'_>, kind: &str, name: &str) -> bool {
    let namespace = &unit.object.namespace;
    unit.subject.external.has(kind, namespace, name) || is_everywhere(kind, namespace, name)
}

fn is_made(unit: &Unit<'_>, kind: &'static str, name: &str) -> bool {
    !unit.subject.makers(unit.object, kind, &unit.object.namespace, name).is_empty()
}

/// Params: `kind`, ConfigMap or Secret; `surety`.
fn config_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    missing(unit, of_object(unit), report);
}

/// Params: `kind`, which is Secret; `surety`.
fn pull_secret_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let list = match unit.pod() {
        Some(pod) => pod.spec.get("imagePullSecrets"),
        None => unit.object.root.get("imagePullSecrets"),
    };
    let items = list.map_or(&[][..], Datum::items).iter();
    missing(unit, items.filter_map(|item| reference("Secret", Some(item), "name", None)).collect(), report);
}

/// How sure it is that something is missing: `surely`, `likely`, or `perhaps`.
fn surety(unit: &Unit<'_>, kind: &'static str, name: &str, near: Option<&str>) -> &'static str {
    let (subject, object) = (unit.subject, unit.object);
    let is_elsewhere = subject.is_made_anywhere(object, kind, name);
    if is_elsewhere && !has_namespace(subject, object) || subject.may_be_made(object, &object.namespace, name) {
        return "perhaps";
    }
    // A catalog declares what others make. Secrets are made by hand as often as not, and in several namespaces.
    let is_declared = subject.catalog.is_some() && subject.made_names(object, kind).next().is_some();
    let is_config = kind == "ConfigMap";
    let is_outdated = near.is_some() && near == without_hash(name);
    if is_slip(name, near) || is_outdated || is_declared || is_config && is_elsewhere {
        return "surely";
    }
    if is_config && subject.is_home(object, kind) { "likely" } else { "perhaps" }
}

fn missing<'a>(unit: &Unit<'a>, references: Vec<Reference<'a>>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let wanted = unit.params.text("kind");
    let mut told = BTreeSet::new();
    for reference in references.into_iter().filter(|reference| reference.kind == wanted && !reference.is_optional) {
        let (kind, name) = (reference.kind, reference.name.text());
        if name.contains("$(") || is_external(unit, kind, name) || is_made(unit, kind, name) || !told.insert(name) {
            continue;
        }
        let mut names = subject.made_names(object, kind);
        let outdated = without_hash(name).filter(|stem| names.any(|known| known == *stem));
        let near = outdated.or_else(|| closest(name, subject.made_names(object, kind)));
        if surety(unit, kind, name, near) != unit.params.text("surety") {
            continue;
        }
        let message = format!("{kind} `{name}` is not in the namespace `{}`", object.namespace);
        let found = report.at(object, reference.name).say(message);
        if let Some(container) = reference.container {
            found.of_container(container);
        }
        if near == without_hash(name) && near.is_some() {
            found.help(format!("name `{}`, and Kustomize sets the hash of the day", near.unwrap_or_default()));
        } else if let Some(near) = near {
            found.help(format!("did you mean `{near}`?"));
        } else if subject.is_made_anywhere(object, kind, name) {
            found.help(format!("a {kind} of this name is made in another namespace: pods see only their own"));
        }
    }
}

/// Params: `kind`, ConfigMap or Secret.
fn config_key_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let wanted = unit.params.text("kind");
    for reference in of_object(unit).into_iter().filter(|reference| reference.kind == wanted && !reference.is_optional)
    {
        let (kind, name) = (reference.kind, reference.name.text());
        let makers = subject.makers(object, kind, &object.namespace, name);
        if makers.is_empty() {
            continue;
        }
        for key in &reference.keys {
            if makers.iter().any(|(_, keys)| keys.may_have(key.text())) {
                continue;
            }
            let (maker, _) = &makers[0];
            let found = report.at(object, key);
            found.say(format!("{kind} `{name}` has no key `{}`", key.text()));
            found.related(
                maker.root.at(["metadata", "name"]).unwrap_or(maker.root),
                format!("made by {}", maker.title()),
            );
            let known = makers.iter().filter_map(|(_, keys)| match keys {
                crate::kube::Keys::Known(keys) => Some(keys.iter().copied()),
                crate::kube::Keys::Any => None,
            });
            let known: Vec<&str> = known.flatten().collect();
            if let Some(near) = closest(key.text(), known.iter().copied()) {
                found.help(format!("did you mean `{near}`?"));
            } else if !known.is_empty() && known.len() <= 8 {
                found.help(format!(
                    "it has {}",
                    known.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(", ")
                ));
            }
            if let Some(container) = reference.container {
                found.of_container(container);
            }
        }
    }
}

/// Params: `sure`.
fn account_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let field = |field: &str| unit.node.get(field).filter(|name| !name.text().is_empty() && !name.is_null());
    let Some(name) = field("serviceAccountName").or_else(|| field("serviceAccount")) else { return };
    plain(unit, "ServiceAccount", name, report);
}

/// Params: `sure`.
fn claim_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let volumes = unit.node.get("volumes").map_or(&[][..], Datum::items).iter();
    for name in volumes.filter_map(|volume| volume.at(["persistentVolumeClaim", "claimName"])) {
        let (subject, object) = (unit.subject, unit.object);
        let data_volume = subject.find(object, "DataVolume", &object.namespace, name.text());
        if data_volume.is_none() && !is_of_template(unit, name.text()) && !name.text().is_empty() {
            plain(unit, "PersistentVolumeClaim", name, report);
        }
    }
}

/// Whether a StatefulSet's template makes a claim: `data-mysql-0`.
fn is_of_template(unit: &Unit<'_>, name: &str) -> bool {
    let Some((rest, number)) = name.rsplit_once('-') else { return false };
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        && unit.subject.workloads(unit.object, &unit.object.namespace).filter(|set| set.kind == "StatefulSet").any(
            |set| {
                let templates = set.at(&["spec", "volumeClaimTemplates"]).map_or(&[][..], Datum::items);
                let names = templates.iter().filter_map(|template| template.at(["metadata", "name"]));
                names.map(Datum::text).any(|template| {
                    rest.strip_prefix(template).and_then(|rest| rest.strip_prefix('-')) == Some(set.name)
                })
            },
        )
}

/// An object that no operator calls otherwise than its manifest.
fn plain<'a>(unit: &Unit<'a>, kind: &'static str, name: &'a Datum, report: &mut Report<'a>) {
    let (subject, object, text) = (unit.subject, unit.object, name.text());
    if is_external(unit, kind, text) || subject.find(object, kind, &object.namespace, text).is_some() {
        return;
    }
    let names: BTreeSet<&str> = subject
        .of_kind(object, kind)
        .filter(|other| other.namespace == object.namespace)
        .map(|other| other.name)
        .collect();
    let near = closest(text, names.iter().copied());
    let is_elsewhere = !has_namespace(subject, object) && subject.of_kind(object, kind).any(|other| other.name == text);
    let mut beside = subject.of_kind(object, kind).filter(|other| other.namespace == object.namespace);
    let is_home = beside.any(|other| other.overlay == object.overlay || subject.catalog.is_some());
    let is_sure =
        !is_elsewhere && !subject.may_be_made(object, &object.namespace, text) && (is_home || is_slip(text, near));
    if is_sure != unit.params.flag("sure") {
        return;
    }
    let found = report.at(object, name);
    found.say(format!("{kind} `{text}` is not in the namespace `{}`", object.namespace));
    if let Some(near) = near {
        found.help(format!("did you mean `{near}`?"));
    }
}

/// An environment variable that is set twice: the last one wins, and a server-side apply refuses both.
fn env_twice<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let entries = unit.node.get("env").map_or(&[][..], Datum::items);
    let mut told = BTreeSet::new();
    for (at, entry) in entries.iter().enumerate() {
        let Some(name) =
            entry.get("name").filter(|name| name.is_scalar() && !name.is_null() && !name.text().is_empty())
        else {
            continue;
        };
        let first =
            entries[..at].iter().filter_map(|other| other.get("name")).find(|other| other.text() == name.text());
        if let Some(first) = first
            && told.insert(name.text())
        {
            let message = format!("container `{}` sets `{}` twice", unit.container_name(), name.text());
            report.at(unit.object, name).say(message).related(first, "set before");
        }
    }
}
