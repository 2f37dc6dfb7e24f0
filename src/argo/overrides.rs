//! What an Application puts over the kustomization it deploys: `kustomize` of its source, changed by the files
//! `.argocd-source.yaml` and `.argocd-source-<application>.yaml` beside the manifests.

use crate::argo::application::{Application, Source, flag, present, text, texts};
use crate::argo::diags::{at, codes, failure};
use crate::argo::environment::{Environment, instance_name};
use crate::diag::{Diagnostic, Diagnostics};
use crate::kustomize::{Overrides, Text};
use crate::source::SourceMap;
use crate::tree::{Tree, join};
use crate::yaml::data::{Content, Datum};
use crate::yaml::load;

/// What is said of the deployment beside the Application itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overridden<'a> {
    /// The directory of the manifests in the tree.
    pub directory: &'a str,
    /// The commit that is deployed, where it is known.
    pub revision: Option<&'a str>,
    /// The namespace in which Argo CD runs, where it is known.
    pub own_namespace: Option<&'a str>,
}

/// A source with the files beside its manifests merged onto it. Repository, path, chart and revision stay. The files are
/// added to the sources.
pub fn effective_source(
    application: &Application,
    source: &Source,
    tree: &Tree,
    place: &Overridden<'_>,
    sources: &mut SourceMap,
) -> Result<Source, Box<Diagnostic>> {
    let name = instance_name(application, place.own_namespace);
    let mut merged: Option<Datum> = None;
    for file in [".argocd-source.yaml".to_owned(), format!(".argocd-source-{name}.yaml")] {
        let path = join(place.directory, &file);
        if !tree.has_file(&path) {
            continue;
        }
        let Some(content) = tree.text(&path)? else { continue };
        let id = sources.add(&*path, content.clone());
        let document = load::first_document(&content, 0, id).map_err(|error| {
            let message = format!("`{path}` is not valid YAML");
            Box::new(Diagnostic::error(&codes::SOURCE_FILE, message).at(error.span, error.message))
        })?;
        let Some(document) = document.filter(|document| !document.is_null()) else { continue };
        if !document.is_mapping() {
            let message = format!("`{path}` holds no fields of a source");
            return Err(failure(&codes::SOURCE_FILE, message, document.origin, "a mapping is due here"));
        }
        overlay(merged.get_or_insert_with(|| source.datum.clone()), &document);
    }
    let Some(merged) = merged else { return Ok(source.clone()) };
    Ok(Source {
        repo_url: source.repo_url.clone(),
        path: source.path.clone(),
        chart: source.chart.clone(),
        target_revision: source.target_revision.clone(),
        is_hydrated: source.is_hydrated,
        ..Source::read(&merged)
    })
}

/// Merges as Argo CD comes to do it: a JSON merge patch, decoded over the old value. So a null takes nothing away, and the
/// elements of a list go over the elements that were there, field by field.
fn overlay(old: &mut Datum, new: &Datum) {
    match (&mut old.content, &new.content) {
        (Content::Mapping(pairs), Content::Mapping(more)) => {
            for (key, value) in more.iter().filter(|(_, value)| !value.is_null()) {
                match pairs.iter_mut().find(|(known, _)| known.text() == key.text()) {
                    Some((_, old)) => overlay(old, value),
                    None => pairs.push((key.clone(), value.clone())),
                }
            }
        }
        (Content::Sequence(items), Content::Sequence(more)) => {
            items.truncate(more.len());
            let kept = items.len();
            for (old, new) in items.iter_mut().zip(more) {
                overlay(old, new);
            }
            items.extend(more[kept..].iter().cloned());
            old.origin = new.origin;
        }
        _ => *old = new.clone(),
    }
}

/// What a source, its files merged onto it already, puts over the kustomization. `kustomize.version`, `kubeVersion` and
/// `apiVersions` are no overrides.
pub fn overrides(
    application: &Application,
    source: &Source,
    place: &Overridden<'_>,
    diagnostics: &mut Diagnostics,
) -> Overrides {
    let Some(settings) = &source.kustomize else { return Overrides::default() };
    let environment = Environment::new(application, source, place.revision, place.own_namespace);
    let mut unknown = None;
    let mut expanded = |value: Text| {
        if environment.lacks_revision(&value) {
            unknown.get_or_insert(value.origin);
        }
        Text::new(environment.expand(&value), value.origin)
    };
    let annotations_expand = flag(settings, "commonAnnotationsEnvsubst");
    let overrides = Overrides {
        name_prefix: text(settings, "namePrefix"),
        name_suffix: text(settings, "nameSuffix"),
        images: texts(settings, "images").into_iter().map(&mut expanded).collect(),
        replicas: items(settings, "replicas").iter().map(replica).collect(),
        common_labels: map(settings, "commonLabels").into_iter().map(|(key, value)| (key, expanded(value))).collect(),
        force_common_labels: flag(settings, "forceCommonLabels"),
        label_without_selector: flag(settings, "labelWithoutSelector"),
        label_include_templates: flag(settings, "labelIncludeTemplates"),
        common_annotations: map(settings, "commonAnnotations")
            .into_iter()
            .map(|(key, value)| (key, if annotations_expand { expanded(value) } else { value }))
            .collect(),
        force_common_annotations: flag(settings, "forceCommonAnnotations"),
        namespace: text(settings, "namespace"),
        patches: items(settings, "patches").to_vec(),
        components: texts(settings, "components"),
        ignore_missing_components: flag(settings, "ignoreMissingComponents"),
    };
    if let Some(origin) = unknown {
        let message = format!("the revision that `{}` deploys is not known before", &*application.name);
        let diagnostic = at(Diagnostic::info(&codes::REVISION, message), origin, "has the revision in it");
        diagnostics.push(diagnostic);
    }
    overrides
}

fn items<'a>(settings: &'a Datum, key: &str) -> &'a [Datum] {
    settings.get(key).map_or(&[], Datum::items)
}

/// Name and count; a count that is absent is 0.
fn replica(entry: &Datum) -> (Text, Text) {
    let part = |key: &str, otherwise: &str| text(entry, key).unwrap_or_else(|| Text::new(otherwise, entry.origin));
    (part("name", ""), part("count", "0"))
}

/// A map of texts; a null is an empty one.
fn map(settings: &Datum, key: &str) -> Vec<(Text, Text)> {
    let pairs = present(settings, key).map_or(&[][..], Datum::pairs);
    let value = |value: &Datum| Text::new(if value.is_null() { "" } else { value.text() }, value.origin);
    pairs.iter().map(|(key, entry)| (Text::new(key.text(), key.origin), value(entry))).collect()
}
