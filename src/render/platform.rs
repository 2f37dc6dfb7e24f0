//! The platform's own unit: infrastructure, Argo CD's projects and parents, CODEOWNERS, and the schemas for editors.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::catalog::{Extra, PLATFORM_SCHEMA, SERVICE_SCHEMA};
use crate::render::context::{EnvironmentFacts, ExtraFacts, InstanceFacts, ServiceFacts, instance, is_deployed};
use crate::render::engine::{Value, context, value};
use crate::render::service::{KUSTOMIZATION, Work};
use crate::render::{Inputs, OUTPUT, Outcome, Owner, SCHEMAS, Unit, diags, header, is_rendered, kept};
use crate::source::SourceMap;
use crate::tree::join;

/// A service and its instance in the environment at hand.
#[derive(Serialize)]
struct Deployed<'a> {
    #[serde(flatten)]
    service: &'a ServiceFacts,
    instance: InstanceFacts,
}

/// A domain with its services and where they are deployed.
#[derive(Serialize)]
struct DomainFacts<'a> {
    name: &'a str,
    description: &'a str,
    owner: Option<&'a str>,
    services: Vec<Placed<'a>>,
    /// Every cluster and namespace that one of its services is deployed to.
    destinations: Vec<Place<'a>>,
}

#[derive(Serialize)]
struct Placed<'a> {
    #[serde(flatten)]
    service: &'a ServiceFacts,
    namespaces: Vec<Place<'a>>,
}

#[derive(Clone, PartialEq, Serialize)]
struct Place<'a> {
    environment: &'a str,
    cluster: &'a str,
    namespace: String,
}

/// Renders what belongs to no single service. `units` are the services' own, whose Applications are listed here.
pub(super) fn render(inputs: &Inputs<'_>, units: &[Unit], sources: SourceMap) -> Outcome {
    let mut work = Work::new(inputs, sources, header("gitopsctl.yaml and services/", "gitopsctl render"));
    for (name, schema) in [("platform", PLATFORM_SCHEMA), ("service", SERVICE_SCHEMA)] {
        work.put(&format!("{SCHEMAS}/{name}.schema.json"), schema.to_owned());
    }
    let shared = context! { platform => inputs.facts.platform.clone(), services => inputs.facts.all.clone() };
    if !inputs.facts.environments.is_empty() && !inputs.facts.services.is_empty() {
        let bases = infrastructure(&mut work, &shared);
        argocd(&mut work, &context! { bases => value(bases), ..shared.clone() }, units);
    }
    for (path, template) in inputs.templates.below("repository") {
        work.file(&path, &template, shared.clone());
    }
    work.finish(Owner::Platform)
}

fn deployed<'a>(inputs: &'a Inputs<'_>, environment: &EnvironmentFacts) -> Vec<Deployed<'a>> {
    let entries = inputs.catalog.services.iter().filter(|entry| is_deployed(&entry.service, &environment.name));
    entries
        .map(|entry| {
            let service = &inputs.facts.services[&entry.name];
            Deployed { service, instance: instance(entry, inputs.catalog, service, environment) }
        })
        .collect()
}

/// The bases, each a folder, and an overlay an environment. Returns the names of the bases that hold something.
///
/// There is no base in gitops/infrastructure/ itself: Kustomize takes an overlay that reads a folder around it for a
/// cycle.
fn infrastructure(work: &mut Work<'_>, shared: &Value) -> Vec<String> {
    let inputs = work.inputs;
    let infrastructure = format!("{OUTPUT}/infrastructure");
    let mut folders: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    for (path, template) in inputs.templates.below("infrastructure/base") {
        match path.split_once('/') {
            Some((folder, file)) => {
                folders.entry(folder.to_owned()).or_default().insert(file.to_owned(), template);
            }
            None => work.diagnostics.push(diags::misplaced(&template)),
        }
    }
    let mut bases = Vec::new();
    for (name, templates) in folders {
        let folder = join(&infrastructure, &name);
        let extra = ExtraFacts::of(&folder, kept::found(inputs.tree, &folder), &Extra::default());
        if work.folder(&folder, &templates, shared, &extra) {
            bases.push(name);
        }
    }
    let shared = &context! { bases => value(&bases), ..shared.clone() };
    let declared = inputs.catalog.platform.flags.as_ref();
    for environment in &inputs.facts.environments {
        let folder = format!("{infrastructure}/overlays/{}", environment.name);
        let path = join(&folder, "feature-flags.yaml");
        let present = kept::data(inputs.tree, &path, &mut work.sources, &mut work.diagnostics);
        // The catalog says which flags there are, CI what they are set to.
        let flags: indexmap::IndexMap<_, _> = declared
            .into_iter()
            .flat_map(|flags| &flags.values)
            .map(|(name, first)| {
                let value = present.get(name.as_str()).cloned().unwrap_or_else(|| crate::yaml::double_quoted(first));
                (name.value.clone(), value)
            })
            .collect();
        let values = context! {
            environment => value(environment),
            deployed => value(deployed(inputs, environment)),
            flags => value(flags),
            ..shared.clone()
        };
        let extra = ExtraFacts::of(&folder, kept::found(inputs.tree, &folder), &Extra::default());
        work.folder(&folder, &inputs.templates.below("infrastructure/overlays"), &values, &extra);
    }
    bases
}

fn argocd(work: &mut Work<'_>, shared: &Value, units: &[Unit]) {
    let inputs = work.inputs;
    let root = format!("{OUTPUT}/argocd");
    for environment in &inputs.facts.environments {
        let values = context! {
            environment => value(environment),
            deployed => value(deployed(inputs, environment)),
            ..shared.clone()
        };
        let folder = join(&root, &environment.name);
        let mut listed = applications(inputs, &folder, units);
        folder_of_argocd(work, &folder, "argocd/environment", &values, &mut listed);
    }
    let projects = join(&root, "projects");
    let mut listed = BTreeSet::new();
    for (name, domain) in &inputs.catalog.platform.domains {
        let services: Vec<_> = inputs.facts.services.values().filter(|service| service.domain == name.value).collect();
        let services: Vec<_> = services.into_iter().map(|service| placed(inputs, service)).collect();
        let mut destinations: Vec<Place<'_>> = Vec::new();
        for place in services.iter().flat_map(|service| &service.namespaces) {
            if !destinations.contains(place) {
                destinations.push(place.clone());
            }
        }
        let domain = DomainFacts {
            name: &name.value,
            description: &domain.description,
            owner: domain.owner.as_ref().map(|owner| owner.as_str()),
            services,
            destinations,
        };
        let values = context! { domain => value(domain), ..shared.clone() };
        if work.file(&format!("{projects}/{}.yaml", name.value), "argocd/project.yaml", values) {
            listed.insert(format!("projects/{}.yaml", name.value));
        }
    }
    listed.extend(present(inputs, &projects, units).into_iter().map(|file| format!("projects/{file}")));
    folder_of_argocd(work, &root, "argocd/root", shared, &mut listed);
}

fn placed<'a>(inputs: &'a Inputs<'_>, service: &'a ServiceFacts) -> Placed<'a> {
    let entry = inputs.catalog.service(&service.name);
    let here = |environment: &'a EnvironmentFacts| {
        let entry = entry.filter(|entry| is_deployed(&entry.service, &environment.name))?;
        let namespace = instance(entry, inputs.catalog, service, environment).namespace;
        Some(Place { environment: &environment.name, cluster: &environment.cluster, namespace })
    };
    Placed { service, namespaces: inputs.facts.environments.iter().filter_map(here).collect() }
}

/// The files of a folder and its kustomization, which lists `listed` besides them.
fn folder_of_argocd(work: &mut Work<'_>, folder: &str, templates: &str, values: &Value, listed: &mut BTreeSet<String>) {
    let templates: BTreeMap<_, _> = work.inputs.templates.below(templates);
    for (path, template) in templates.iter().filter(|(path, _)| *path != KUSTOMIZATION) {
        if work.file(&join(folder, path), template, values.clone()) {
            listed.insert(path.clone());
        }
    }
    let files: Vec<_> = listed.iter().cloned().collect();
    if let Some(template) = templates.get(KUSTOMIZATION) {
        let extra = ExtraFacts::of(folder, kept::found(work.inputs.tree, folder), &Extra::default());
        work.kustomization(folder, template, values, &files, &extra);
    }
}

/// The Applications of services in an environment's folder: those just rendered, and those that lie there and stay. One
/// that went missing from the list would be deleted by its parent, and all that it deployed with it.
fn applications(inputs: &Inputs<'_>, folder: &str, units: &[Unit]) -> BTreeSet<String> {
    let prefix = format!("{folder}/");
    let rendered = units.iter().flat_map(|unit| unit.files.keys()).filter_map(|path| path.strip_prefix(&prefix));
    let mut files: BTreeSet<String> = rendered.map(str::to_owned).collect();
    files.extend(present(inputs, folder, units));
    files
}

/// The rendered files that lie in a folder and stay there: all of them, or, when leftovers are to go, those of services
/// that could not be rendered.
fn present(inputs: &Inputs<'_>, folder: &str, units: &[Unit]) -> Vec<String> {
    let was_rendered =
        |path: &str| inputs.tree.text(path).is_ok_and(|text| text.is_some_and(|text| is_rendered(path, &text)));
    let stays = |name: &str| {
        let stem = name.strip_suffix(".yaml").unwrap_or(name);
        let is_rendered = units.iter().any(|unit| matches!(&unit.owner, Owner::Service(name) if name == stem));
        !inputs.prune || inputs.catalog.has(stem) && !is_rendered
    };
    let files =
        inputs.tree.list(folder).into_iter().filter(|entry| !entry.is_directory() && entry.name != KUSTOMIZATION);
    let names = files.map(|entry| entry.name).filter(|name| name.ends_with(".yaml"));
    names.filter(|name| stays(name) && was_rendered(&join(folder, name))).collect()
}
