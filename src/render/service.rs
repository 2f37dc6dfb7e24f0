//! One service's unit: base, an overlay an environment, and its Applications.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::catalog::{Entry, Extra};
use crate::diag::Diagnostics;
use crate::render::context::{EnvironmentFacts, ExtraFacts, InstanceFacts, ServiceFacts, instance, is_deployed};
use crate::render::engine::{Value, context, value};
use crate::render::kept::{self, Image};
use crate::render::{Inputs, OUTPUT, Outcome, Owner, Unit, diags, header};
use crate::source::{FileId, SourceMap, Span};
use crate::yaml;

/// Renders one service.
pub(super) fn render(entry: &Entry, inputs: &Inputs<'_>, sources: SourceMap) -> Outcome {
    let facts = &inputs.facts.services[&entry.name];
    let command = format!("gitopsctl render {}", entry.name);
    let mut work = Work::new(inputs, sources, header(&entry.path, &command));
    let archetype = &inputs.facts.archetypes[&entry.name];
    let part = |prefix: &str| -> BTreeMap<String, String> {
        let below = |(path, name): (&String, &String)| Some((path.strip_prefix(prefix)?.to_owned(), name.clone()));
        archetype.files.iter().filter_map(below).collect()
    };
    let shared = context! { platform => inputs.facts.platform.clone(), service => value(facts) };
    let base = format!("{OUTPUT}/apps/{}/base", entry.name);
    let extra = ExtraFacts::of(&base, kept::found(inputs.tree, &base), &entry.service.extra);
    work.origins.push(("service", &entry.document));
    work.folder(&base, &part("base/"), &shared, &extra);
    for environment in &inputs.facts.environments {
        if is_deployed(&entry.service, &environment.name) {
            overlay(entry, facts, environment, &part("overlays/"), &shared, &mut work);
        }
    }
    work.finish(Owner::Service(entry.name.clone()))
}

/// The overlay of an environment, and the Application that deploys it.
fn overlay(
    entry: &Entry,
    facts: &ServiceFacts,
    environment: &EnvironmentFacts,
    templates: &BTreeMap<String, String>,
    shared: &Value,
    work: &mut Work<'_>,
) {
    let inputs = work.inputs;
    let folder = format!("{OUTPUT}/apps/{}/overlays/{}", entry.name, environment.name);
    let mut instance = instance(entry, inputs.catalog, facts, environment);
    let none = Extra::default();
    let named = entry.service.environments.get(environment.name.as_str()).map_or(&none, |own| &own.extra);
    instance.extra = ExtraFacts::of(&folder, kept::found(inputs.tree, &folder), named);
    read_elsewhere(&mut instance, entry, named);
    images(entry, environment, &folder, &mut instance, work);
    let values = context! {
        environment => value(environment),
        instance => value(&instance),
        ..shared.clone()
    };
    work.folder(&folder, templates, &values, &instance.extra);
    let application = format!("{OUTPUT}/argocd/{}/{}.yaml", environment.name, entry.name);
    work.file(&application, "argocd/application.yaml", values);
}

/// Folders elsewhere in the repository that the overlay reads: Argo CD must look at them too.
fn read_elsewhere(instance: &mut InstanceFacts, entry: &Entry, named: &Extra) {
    for path in
        [&entry.service.extra, named].into_iter().flat_map(|extra| extra.resources.iter().chain(&extra.components))
    {
        let path = format!("/{}", path.value);
        if !instance.reads.iter().any(|read| path.starts_with(&format!("{read}/")) || path == *read) {
            instance.reads.push(path);
        }
    }
}

/// The service's own image with the tag and digest that CI wrote, or with the first tag; and the entries that people
/// added for other images.
fn images(
    entry: &Entry,
    environment: &EnvironmentFacts,
    folder: &str,
    instance: &mut InstanceFacts,
    work: &mut Work<'_>,
) {
    let present = kept::images(work.inputs.tree, folder, &mut work.sources, &mut work.diagnostics);
    let (own, others): (Vec<_>, Vec<_>) = present.into_iter().partition(|image| image.name == entry.name);
    instance.images = others;
    let own = own.into_iter().next_back().unwrap_or_default();
    let has_version = own.new_tag.is_some() || own.digest.is_some();
    let first = entry.service.initial_tag.as_deref().map(yaml::scalar).filter(|_| !has_version);
    let is_told = work.diagnostics.iter().any(|told| told.code == &diags::codes::NO_TAG);
    if !has_version && first.is_none() && !is_told {
        let document = &entry.document;
        let place = document.entry(document.root(), "name").map_or(document.root(), |(key, _)| key);
        work.diagnostics.push(diags::no_tag(document.span(place), &entry.name, &environment.name));
    }
    let facts = &work.inputs.facts.services[&entry.name];
    instance.image = Some(Image {
        name: entry.name.clone(),
        new_name: Some(yaml::scalar(facts.repository())),
        new_tag: own.new_tag.or(first),
        digest: own.digest,
    });
}

/// What is being rendered for one unit.
pub(super) struct Work<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) sources: SourceMap,
    pub(super) diagnostics: Diagnostics,
    /// The catalog files behind the context.
    pub(super) origins: Vec<(&'a str, &'a yaml::Document)>,
    header: String,
    files: BTreeMap<String, Arc<str>>,
}

impl<'a> Work<'a> {
    pub(super) fn new(inputs: &'a Inputs<'a>, sources: SourceMap, header: String) -> Self {
        let origins = inputs.catalog.document.iter().map(|document| ("platform", document)).collect();
        Self { inputs, sources, diagnostics: Diagnostics::default(), origins, header, files: BTreeMap::new() }
    }

    pub(super) fn finish(self, owner: Owner) -> Outcome {
        let unit = Some(Unit { owner, files: self.files });
        Outcome { unit, sources: self.sources, diagnostics: self.diagnostics }
    }

    /// The files of a folder, its kustomization last, since that lists the others. Whether there is a kustomization.
    pub(super) fn folder(
        &mut self,
        folder: &str,
        templates: &BTreeMap<String, String>,
        values: &Value,
        extra: &ExtraFacts,
    ) -> bool {
        let mut files = Vec::new();
        for (path, template) in templates.iter().filter(|(path, _)| *path != KUSTOMIZATION) {
            if self.file(&format!("{folder}/{path}"), template, values.clone()) {
                files.push(path.clone());
            }
        }
        let template = templates.get(KUSTOMIZATION);
        template.is_some_and(|template| self.kustomization(folder, template, values, &files, extra))
    }

    /// The kustomization of a folder, which lists `files` and `extra`.
    pub(super) fn kustomization(
        &mut self,
        folder: &str,
        template: &str,
        values: &Value,
        files: &[String],
        extra: &ExtraFacts,
    ) -> bool {
        let extra = value(extra);
        let values = context! { files => value(files), extra => extra, ..values.clone() };
        self.file(&format!("{folder}/{KUSTOMIZATION}"), template, values)
    }

    /// One file; whether there is one: a template that renders nothing but white space and comments makes none.
    pub(super) fn file(&mut self, path: &str, template: &str, values: Value) -> bool {
        let text = match self.inputs.engine.render(template, values, &self.origins, &mut self.sources) {
            Ok(text) => text,
            Err(diagnostic) => {
                self.diagnostics.push(*diagnostic);
                return false;
            }
        };
        let says_something = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        if !text.lines().any(says_something) {
            return false;
        }
        let text = format!("{}{}\n", self.header, text.trim_end_matches('\n'));
        if is_yaml(path) && !self.reads_as_yaml(path, template, &text) {
            return false;
        }
        self.put(path, text);
        true
    }

    /// A file that no template makes.
    pub(super) fn put(&mut self, path: &str, text: String) {
        self.files.insert(path.to_owned(), text.into());
    }

    /// What was rendered is read once before anybody else does.
    fn reads_as_yaml(&mut self, path: &str, template: &str, text: &str) -> bool {
        let mut found = Diagnostics::default();
        // The text enters the map only if there is something to show in it; this is the id it would get.
        let file: FileId = self.sources.next();
        yaml::parse(text, file, &mut found);
        let Some(first) = found.iter().next() else { return true };
        let label = first.labels.first();
        let place = label.map_or(Span { file, start: 0, end: 0 }, |label| label.span);
        let detail = match label.map(|label| label.text.as_str()) {
            Some(text) if !text.is_empty() => format!("{}: {text}", first.message),
            _ => first.message.clone(),
        };
        self.sources.add(format!("{path} (as rendered)"), text);
        self.diagnostics.push(diags::not_yaml(place, path, template, &detail));
        false
    }
}

pub(super) const KUSTOMIZATION: &str = "kustomization.yaml";

fn is_yaml(path: &str) -> bool {
    path.ends_with(".yaml") || path.ends_with(".yml")
}
