//! `configurations` and `crds`: field specs beyond the defaults.

use std::sync::Arc;

use crate::kube::Gvk;
use crate::kustomize::compat;
use crate::kustomize::decode::{CONFIGURATION, Text};
use crate::kustomize::diags::{Failure, at, codes, failure};
use crate::kustomize::fields::{Config, FieldSpec, NameReference, field_spec};
use crate::kustomize::file::{Kustomization, field_specs};
use crate::kustomize::roots::Root;
use crate::kustomize::session::Session;
use crate::yaml::data::Datum;

/// What is in force for a kustomization: what its bases brought, the defaults, and its own.
pub(super) fn in_force(
    session: &Session<'_>,
    root: &Root<'_>,
    file: &Kustomization,
    so_far: &Arc<Config>,
) -> Result<Arc<Config>, Failure> {
    let defaults = Config::default_of(session.options.release);
    let is_plain = file.configurations.is_empty() && file.crds.is_empty();
    if is_plain && (**so_far == Config::default() || Arc::ptr_eq(so_far, &defaults)) {
        return Ok(defaults);
    }
    let mut own = (*defaults).clone();
    for path in &file.configurations {
        let real = root.file(session, path)?;
        let (document, _) = session.document(&real)?;
        let chained = |failure: Failure| Box::new(at(*failure, path.origin, "named here"));
        let config = decode(&document, session.options.release.labels_volume_claims()).map_err(chained)?;
        if !config.labels.is_empty() || !config.template_labels.is_empty() {
            session.meets(compat::LABEL_CONFIGURATION, path.origin);
        }
        own = own.merge(&config, path.origin).map_err(chained)?;
    }
    let mut all = so_far.merge(&own, file.origin)?;
    for path in &file.crds {
        let real = root.file(session, path)?;
        let (document, _) = session.document(&real)?;
        all = all.merge(&of_crds(&document, path)?, path.origin)?;
    }
    Ok(Arc::new(all))
}

fn decode(document: &Datum, volume_claims: bool) -> Result<Config, Failure> {
    let reader = CONFIGURATION;
    let mut known = vec![
        "namePrefix",
        "nameSuffix",
        "namespace",
        "commonLabels",
        "labels",
        "templateLabels",
        "commonAnnotations",
        "nameReference",
        "varReference",
        "images",
        "replicas",
    ];
    if volume_claims {
        known.push("volumeClaimTemplateLabels");
    }
    refuse_repeats(document)?;
    let mut config = Config::default();
    for (field, value) in reader.object(document, "a configuration", &known)? {
        if field == "nameReference" {
            config.name_references = reader.list(value, field, name_reference)?;
        } else if let Some(list) = config.list(field) {
            *list = field_specs(reader, value, field)?;
        }
    }
    // Specs of one file are merged one by one, so that equal ones are there once.
    Config::default().merge(&config, document.origin)
}

fn name_reference(node: &Datum) -> Result<NameReference, Failure> {
    let reader = CONFIGURATION;
    let (mut gvk, mut referrers) = (Gvk::default(), Vec::new());
    for (field, value) in reader.object(node, "`nameReference`", &["group", "version", "kind", "fieldSpecs"])? {
        if field == "fieldSpecs" {
            referrers = reader.list(value, field, |item| field_spec(reader, item))?;
            continue;
        }
        let text = reader.text(value, field)?.map(|text| text.text).unwrap_or_default();
        match field {
            "group" => gvk.group = text,
            "version" => gvk.version = text,
            _ => gvk.kind = text,
        }
    }
    Ok(NameReference { gvk, referrers })
}

fn refuse_repeats(node: &Datum) -> Result<(), Failure> {
    for (index, (key, value)) in node.pairs().iter().enumerate() {
        if node.pairs()[..index].iter().any(|(before, _)| before.text() == key.text()) {
            let message = format!("the field `{}` occurs twice", key.text());
            return Err(failure(&codes::KUSTOMIZATION, message, key.origin, "occurs again"));
        }
        refuse_repeats(value)?;
    }
    node.items().iter().try_for_each(refuse_repeats)
}

/// The field specs that an OpenAPI fragment of custom types describes.
fn of_crds(document: &Datum, path: &Text) -> Result<Config, Failure> {
    let mut config = Config::default();
    if !document.is_mapping() {
        let message = format!("`{}` holds no OpenAPI types", &**path);
        return Err(failure(&codes::KUSTOMIZATION, message, path.origin, "named here"));
    }
    for (name, definition) in document.pairs() {
        if !definition.is_mapping() {
            let message = format!("`{}` holds no OpenAPI types: `{}` is none", &**path, name.text());
            return Err(failure(&codes::KUSTOMIZATION, message, definition.origin, "a type with `Schema` is due here"));
        }
        let Some(properties) = properties(definition) else { continue };
        let is_type = ["kind", "apiVersion", "metadata"].into_iter().all(|key| properties.get(key).is_some());
        if !is_type {
            continue;
        }
        let kind = name.text().rsplit('.').next().unwrap_or_default();
        let gvk = Gvk { kind: kind.into(), ..Gvk::default() };
        let mut seen = Vec::new();
        walk(document, name.text(), &gvk, "", &mut seen, &mut config);
    }
    Config::default().merge(&config, document.origin)
}

fn properties(definition: &Datum) -> Option<&Datum> {
    definition.get("Schema").or_else(|| definition.get("schema"))?.get("properties")
}

fn walk(document: &Datum, name: &str, gvk: &Gvk, path: &str, seen: &mut Vec<String>, config: &mut Config) {
    let Some(properties) = document.get(name).and_then(properties) else { return };
    if seen.iter().any(|known| known == name) {
        return;
    }
    seen.push(name.to_owned());
    for (key, property) in properties.pairs() {
        let path = if path.is_empty() { key.text().to_owned() } else { format!("{path}/{}", key.text()) };
        let spec = |path: &str| FieldSpec::new(gvk.clone(), path, false);
        if property.get("x-kubernetes-annotation").is_some() {
            config.common_annotations.push(spec(&path));
        }
        if property.get("x-kubernetes-label-selector").is_some() {
            config.common_labels.push(spec(&path));
        }
        if property.get("x-kubernetes-identity").is_some() {
            config.name_prefix.push(spec(&path));
        }
        let text = |key: &str| property.get(key).map(Datum::text);
        if let (Some(version), Some(kind)) =
            (text("x-kubernetes-object-ref-api-version"), text("x-kubernetes-object-ref-kind"))
        {
            let name_key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
            let referrer = FieldSpec::new(gvk.clone(), &format!("{path}/{name_key}"), false);
            config.name_references.push(NameReference { gvk: Gvk::of(version, kind), referrers: vec![referrer] });
        }
        let reference = property.get("$ref").or_else(|| property.get("items").and_then(|items| items.get("$ref")));
        if let Some(reference) = reference {
            walk(document, reference.text().trim_start_matches("#/definitions/"), gvk, &path, seen, config);
        }
    }
    seen.pop();
}
