//! What happens once, at the root: hashes, references, variables, order, clean annotations.

use std::sync::Arc;

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::diag::Diagnostic;
use crate::kustomize::compat;
use crate::kustomize::diags::{Failure, codes, failure};
use crate::kustomize::layer::{Accumulated, Run};
use crate::kustomize::metadata::{ORIGIN, TRANSFORMATIONS};
use crate::kustomize::order;
use crate::kustomize::origin::Step;
use crate::kustomize::overrides::Overrides;
use crate::kustomize::parts::SortOptions;
use crate::kustomize::references;
use crate::kustomize::resource::Resource;
use crate::kustomize::roots::Root;
use crate::kustomize::session::Session;
use crate::kustomize::variables;
use crate::source::{Change, Origin};
use crate::yaml::data::Datum;
use crate::yaml::json;
use crate::yaml::print::PrintError;

/// Builds a directory, its kustomization edited first where there are overrides.
pub(super) fn build(
    session: &Session<'_>,
    directory: &str,
    overrides: Option<&Overrides>,
) -> Result<Vec<Arc<Resource>>, Failure> {
    let Some(directory) = session.directory(directory) else {
        let message = format!("no directory `{}`", session.shown(directory));
        return Err(Box::new(Diagnostic::error(&codes::PATH, message)));
    };
    let mut run = Run::new(session);
    let root = Root { directory: &directory, trail: "", parent: None, namespace: "" };
    let mut file = run.load(&directory)?;
    if let Some(overrides) = overrides.filter(|overrides| !overrides.is_empty()) {
        let mut edited = (*file).clone();
        overrides.apply(session, &root, &mut edited)?;
        file = Arc::new(edited);
    }
    run.set_openapi(&root, &file)?;
    run.metadata = file.build_metadata.iter().map(|word| word.text.to_string()).collect();
    let mut all = run.accumulate(&root, &file, Accumulated::empty())?;
    hash_names(&run, &mut all)?;
    references::resolve(&run, &all.config, &mut all.set)?;
    variables::resolve(&run, &mut all)?;
    drop_local(&mut all)?;
    let mut resources = all.set.into_list();
    if session.options.compat {
        note_of_releases(session, &resources, file.sort_options.as_ref());
    }
    order::sort(&mut resources, file.sort_options.as_ref())?;
    let mut all = crate::kustomize::set::Set::default();
    all.append_all(resources)?;
    let mut resources = all.into_list();
    if resources.len() < references::FEW {
        for resource in &mut resources {
            clean(&run, Arc::make_mut(resource));
        }
    } else {
        resources.par_iter_mut().for_each(|resource| clean(&run, Arc::make_mut(resource)));
    }
    Ok(resources)
}

/// Notes what earlier releases drop, or print in another order.
fn note_of_releases(session: &Session<'_>, resources: &[Arc<Resource>], order: Option<&SortOptions>) {
    let lists = resources.iter().filter(|resource| resource.kind().ends_with("List"));
    lists.for_each(|list| session.meets(compat::LIST_WITHOUT_ITEMS, list.root.origin));
    let namespaces: Vec<_> = resources.iter().filter(|resource| resource.kind() == "Namespace").collect();
    let is_core = |resource: &&Arc<Resource>| resource.api_version() == "v1";
    let is_sorted = order.is_none_or(|order| &*order.order == "legacy");
    if let (true, true, Some(other)) =
        (is_sorted, namespaces.iter().any(is_core), namespaces.iter().find(|resource| !is_core(resource)))
    {
        session.meets(compat::TWO_NAMESPACES, other.root.origin);
    }
}

/// Appends the hash of its content to the name of each generated resource.
fn hash_names(run: &Run<'_>, all: &mut Accumulated) -> Result<(), Failure> {
    if !all.set.resources().iter().any(|resource| resource.notes.needs_hash) {
        return Ok(());
    }
    for resource in all.set.change().iter_mut().filter(|resource| resource.notes.needs_hash) {
        let resource = Arc::make_mut(resource);
        let hash = content_hash(resource).map_err(|error| {
            failure(&codes::GENERATOR, format!("{}: {}", resource.title(), error.message), error.origin, "this value")
        })?;
        resource.remember();
        let name = format!("{}-{hash}", resource.name());
        let replaced = resource.root.at(["metadata", "name"]).map_or(Origin::NONE, |name| name.origin);
        let origin = run.session.origins.note(Change { step: Step::NameHash, place: replaced, replaced });
        resource.set_name(&name, origin);
    }
    Ok(())
}

/// The hash of what a resource holds, in letters that make no words.
fn content_hash(resource: &Resource) -> Result<String, PrintError> {
    let field = |key: &str, otherwise: &str| match resource.root.get(key) {
        Some(value) => json::compact(value),
        None => Ok(otherwise.to_owned()),
    };
    let text = |key: &str, value: &str| format!("\"{key}\":{value}");
    let is_map = |key: &str| resource.root.get(key).is_some_and(Datum::is_mapping);
    let mut fields = Vec::new();
    match resource.kind() {
        "ConfigMap" => {
            if is_map("binaryData") {
                fields.push(text("binaryData", &field("binaryData", "")?));
            }
            fields.push(text("data", &field("data", "\"\"")?));
            fields.push(text("kind", "\"ConfigMap\""));
            fields.push(text("name", "\"\""));
        }
        "Secret" => {
            fields.push(text("data", &field("data", "\"\"")?));
            fields.push(text("kind", "\"Secret\""));
            fields.push(text("name", "\"\""));
            if is_map("stringData") {
                fields.push(text("stringData", &field("stringData", "")?));
            }
            fields.push(text("type", &field("type", "\"\"")?));
        }
        _ => {
            let digest = hex(&json::compact(&resource.root)?);
            return Ok(encoded(&digest));
        }
    }
    Ok(encoded(&hex(&format!("{{{}}}", fields.join(",")))))
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn encoded(digest: &str) -> String {
    let letter = |char: char| match char {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        char => char,
    };
    digest.chars().take(10).map(letter).collect()
}

/// Takes out what is marked as configuration of tools.
fn drop_local(all: &mut Accumulated) -> Result<(), Failure> {
    for resource in all.set.resources() {
        let what = if resource.kind().is_empty() { "kind" } else { "metadata.name" };
        if resource.kind().is_empty() || resource.name().is_empty() && !resource.kind().ends_with("List") {
            let message = format!("a resource has lost its `{what}` in the build");
            return Err(failure(&codes::RESOURCE, message, resource.root.origin, "this one"));
        }
    }
    let is_local = |resource: &Resource| {
        let annotations = resource.root.at(["metadata", "annotations"]);
        let mark = annotations.and_then(|annotations| annotations.get("config.kubernetes.io/local-config"));
        mark.is_some_and(|mark| mark.text() != "false")
    };
    if all.set.resources().iter().any(|resource| is_local(resource)) {
        all.set.change().retain(|resource| !is_local(resource));
    }
    Ok(())
}

/// Annotations that Kustomize takes away after a build, whoever wrote them.
const BUILD_ANNOTATIONS: &[&str] = &[
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/seqindent",
    "internal.config.kubernetes.io/id",
    "internal.config.kubernetes.io/annotations-migration-resource-id",
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
];

const MANAGED_BY: &str = "app.kubernetes.io/managed-by";

/// The label, and the annotations as strings without Kustomize's own.
fn clean(run: &Run<'_>, resource: &mut Resource) {
    let wants = |word: &str| run.metadata.iter().any(|wanted| wanted == word);
    let origin = resource.root.origin;
    if wants("managedByLabel") || run.session.options.managed_by {
        run.session.meets(compat::MANAGED_BY, Origin::NONE);
        let mut labels = resource.meta_entries("labels");
        labels.retain(|(key, ..)| key != MANAGED_BY);
        let value = format!("kustomize-v{}", run.session.options.release.name());
        let set = run.session.origins.note(Change { step: Step::BuildMetadata, place: origin, replaced: Origin::NONE });
        labels.push((MANAGED_BY.into(), value.into(), set));
        resource.set_meta_map("labels", labels);
    }
    let had_notes = resource.has_notes();
    let annotations = resource.root.at(["metadata", "annotations"]);
    if annotations.is_none() && !had_notes && resource.root.get("metadata").is_some() {
        return;
    }
    let mut entries = resource.meta_entries("annotations");
    entries.retain(|(key, ..)| {
        !BUILD_ANNOTATIONS.contains(&&**key)
            && !key.starts_with(crate::kustomize::resource::INTERNAL)
            && (key != ORIGIN || wants("originAnnotations"))
            && (key != TRANSFORMATIONS || wants("transformerAnnotations"))
    });
    resource.set_meta_map("annotations", entries);
}
