//! Template and parameters → an Application.

use crate::argo::application::flag;
use crate::argo::template::{self, Mode, Wrong};
use crate::argo::value::{Params, string};
use crate::source::{FileId, Origin};
use crate::yaml::data::{Content, Datum};
use crate::yaml::load;
use crate::yaml::print::{Printed, typed};

const FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

/// What of a template's metadata an Application gets.
const METADATA: &[&str] = &["name", "namespace", "labels", "annotations", "finalizers"];

/// A template with what it leaves open taken from another.
pub(super) fn filled(own: &Datum, base: &Datum) -> Datum {
    let is_open = |value: &Datum| value.is_empty() || value.is_scalar() && matches!(value.text(), "" | "false" | "0");
    let mut made = own.clone();
    for (key, value) in base.pairs() {
        match made.get_mut(key.text()) {
            Some(old) if is_open(old) => *old = value.clone(),
            Some(old) if old.is_mapping() && value.is_mapping() => *old = filled(old, value),
            Some(_) => {}
            None => made.push(key.clone(), value.clone()),
        }
    }
    made
}

/// A node with every string in it, keys among them, rendered. The places stay those of the template.
pub(super) fn rendered(node: &Datum, params: &Params, mode: Mode) -> Result<Datum, (Wrong, Origin)> {
    let text = |node: &Datum| -> Result<Datum, (Wrong, Origin)> {
        if !node.text().contains("{{") || !matches!(typed(node), Ok(Printed::Text(_))) {
            return Ok(node.clone());
        }
        let text = template::render(node.text(), params, mode).map_err(|wrong| (wrong, node.origin))?;
        Ok(string(&text, node.origin))
    };
    let content = match &node.content {
        Content::Scalar(_) => return text(node),
        Content::Sequence(items) => {
            Content::Sequence(items.iter().map(|item| rendered(item, params, mode)).collect::<Result<_, _>>()?)
        }
        Content::Mapping(pairs) => {
            let pair = |(key, value): &(Datum, Datum)| Ok((text(key)?, rendered(value, params, mode)?));
            Content::Mapping(pairs.iter().map(pair).collect::<Result<_, _>>()?)
        }
    };
    Ok(Datum { content, ..node.clone() })
}

/// The Application of one set of parameters.
pub(super) fn application(
    template: &Datum,
    set: &Datum,
    params: &Params,
    mode: Mode,
) -> Result<Datum, (Wrong, Origin)> {
    let origin = template.origin;
    let nothing = Datum::null(origin);
    let spec = set.get("spec").unwrap_or(&nothing);
    let mut object = Datum::mapping(origin);
    object.push(Datum::open("apiVersion", origin), string("argoproj.io/v1alpha1", origin));
    object.push(Datum::open("kind", origin), string("Application", origin));
    let meta = template.get("metadata").unwrap_or(&nothing);
    let kept = meta.pairs().iter().filter(|(key, _)| METADATA.contains(&key.text())).cloned().collect();
    let mut meta = Datum { content: Content::Mapping(kept), ..Datum::mapping(meta.origin) };
    let mut own = template.get("spec").cloned().unwrap_or_else(|| Datum::mapping(origin));
    // Without parameters the template stands as it is.
    if !params.is_empty() {
        (meta, own) = (rendered(&meta, params, mode)?, rendered(&own, params, mode)?);
        let preserves = spec.get("syncPolicy").is_some_and(|policy| flag(policy, "preserveResourcesOnDeletion"));
        if !preserves && meta.get("finalizers").is_none_or(Datum::is_empty) {
            let list = Datum {
                content: Content::Sequence(vec![string(FINALIZER, meta.origin)]),
                ..Datum::sequence(meta.origin)
            };
            meta.remove("finalizers");
            meta.push(Datum::open("finalizers", meta.origin), list);
        }
    }
    object.push(Datum::open("metadata", meta.origin), meta);
    object.push(Datum::open("spec", own.origin), own);
    if let Some(patch) = spec.get("templatePatch").filter(|patch| !patch.text().is_empty()) {
        let text = template::render(patch.text(), params, mode).map_err(|wrong| (wrong, patch.origin))?;
        let wrong = |why: String| (Wrong::Fails(format!("`templatePatch` is no patch: {why}")), patch.origin);
        let document = load::first_document(&text, 0, FileId::NONE).map_err(|error| wrong(error.message))?;
        if let Some(mut document) = document.filter(|document| !document.is_null()) {
            if !document.is_mapping() {
                return Err(wrong("a mapping is due".to_owned()));
            }
            relocate(&mut document, patch.origin);
            let project = object.at(["spec", "project"]).cloned();
            patched(&mut object, &document, "");
            // A patch moves no Application to another project.
            if let Some(spec) = object.get_mut("spec") {
                spec.remove("project");
                if let Some(project) = project {
                    spec.push(Datum::open("project", project.origin), project);
                }
            }
        }
    }
    let namespace = set.at(["metadata", "namespace"]).filter(|namespace| !namespace.is_empty()).cloned();
    if let Some(meta) = object.get_mut("metadata") {
        meta.remove("namespace");
        if let Some(namespace) = namespace {
            meta.push(Datum::open("namespace", namespace.origin), namespace);
        }
    }
    Ok(object)
}

/// What stands in a text within a document has the place of that text.
fn relocate(node: &mut Datum, origin: Origin) {
    node.origin = origin;
    match &mut node.content {
        Content::Scalar(_) => {}
        Content::Sequence(items) => items.iter_mut().for_each(|item| relocate(item, origin)),
        Content::Mapping(pairs) => {
            for (key, value) in pairs {
                relocate(key, origin);
                relocate(value, origin);
            }
        }
    }
}

/// A strategic merge patch by the types of an Application, of whose lists only the finalizers are merged.
fn patched(old: &mut Datum, patch: &Datum, field: &str) {
    match (&mut old.content, &patch.content) {
        (Content::Mapping(_), Content::Mapping(pairs)) => {
            match patch.text_of("$patch") {
                "replace" => {
                    old.content = Content::Mapping(Vec::new());
                }
                "delete" => {
                    old.content = Content::Mapping(Vec::new());
                    return;
                }
                _ => {}
            }
            for (key, value) in pairs.iter().filter(|(key, _)| key.text() != "$patch") {
                if value.is_null() {
                    old.remove(key.text());
                } else if let Some(known) = old.get_mut(key.text()) {
                    patched(known, value, key.text());
                } else {
                    let mut made = if value.is_mapping() { Datum::mapping(value.origin) } else { value.clone() };
                    if value.is_mapping() {
                        patched(&mut made, value, key.text());
                    }
                    old.push(key.clone(), made);
                }
            }
        }
        (Content::Sequence(items), Content::Sequence(more)) if field == "finalizers" => {
            for item in more {
                if !items.iter().any(|known| known.text() == item.text()) {
                    items.push(item.clone());
                }
            }
        }
        _ => *old = patch.clone(),
    }
}
