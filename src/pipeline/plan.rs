//! What is built for `lint`, in which order, and the builds themselves.

use std::sync::Arc;

use rayon::prelude::*;

use crate::argo;
use crate::diag::Diagnostic;
use crate::kube::KUSTOMIZATIONS;
use crate::kustomize::{self, Resource, Session};
use crate::layout;
use crate::pipeline::deployed::{self, Deployed, Deployment};
use crate::pipeline::gather::Place;
use crate::tree::join;
use crate::yaml::data::Datum;

/// The objects of an overlay.
#[derive(Debug)]
pub(super) enum Objects {
    Built(Vec<Arc<Resource>>),
    Read(Vec<Datum>),
}

/// What is to be built: first what lies in or below the directory, then the rest. How many of the first there are.
pub(super) fn planned(
    place: &Place<'_>,
    session: &Session<'_>,
    deployments: Vec<Deployment>,
    directory: &str,
) -> (Vec<Deployment>, usize) {
    let around =
        if deployments.is_empty() { deployed::by_folders(place, session, place.repository) } else { deployments };
    let is_kustomization = KUSTOMIZATIONS.iter().any(|name| place.tree.has_file(&join(directory, name)));
    let is_one = is_kustomization && directory != place.repository;
    let is_meant = |deployment: &Deployment| {
        let below = deployment.root.strip_prefix(directory).filter(|_| !directory.is_empty());
        match below {
            Some("") => true,
            Some(rest) => rest.starts_with('/') && !is_one,
            None => directory.is_empty(),
        }
    };
    let (mut plan, others): (Vec<_>, Vec<_>) = around.into_iter().partition(is_meant);
    if plan.is_empty() {
        plan = if is_one { Vec::new() } else { deployed::by_folders(place, session, directory) };
        if plan.is_empty() && is_kustomization {
            plan.push(Deployment::of(directory.to_owned()));
        }
    }
    let wanted = plan.len();
    if wanted > 0 {
        let others = others.into_iter().filter(|other| !plan[..wanted].iter().any(|known| known.root == other.root));
        let others: Vec<_> = others.collect();
        plan.extend(others);
    }
    (plan, wanted)
}

/// Builds or reads what is planned, side by side.
pub(super) fn build_all(
    place: &Place<'_>,
    session: &Session<'_>,
    plan: &[Deployment],
    progress: &(dyn Fn(usize) + Sync),
) -> Vec<Result<Objects, Box<Diagnostic>>> {
    let build = |deployment: &Deployment| {
        let built = match &deployment.files {
            Some(files) => read_all(place, session, files),
            None => kustomize::build_with(session, &deployment.root, &deployment.overrides)
                .map(|build| Objects::Built(build.resources)),
        };
        progress(plan.len());
        built
    };
    plan.par_iter().map(build).collect()
}

fn read_all(place: &Place<'_>, session: &Session<'_>, files: &[String]) -> Result<Objects, Box<Diagnostic>> {
    let mut objects = Vec::new();
    for file in files {
        let path = if place.repository.is_empty() { file.clone() } else { join(place.repository, file) };
        match (session.text_of(&path), session.file_of(&path)) {
            (Some(text), Some(id)) => objects.extend(argo::manifests(&text, id, file)?),
            // What cannot be read says why; nothing else is silent.
            _ => _ = place.home.text(file)?,
        }
    }
    Ok(Objects::Read(objects))
}

/// The objects among what was built that Argo CD reads for itself, each with the file that it comes from.
pub(super) fn built_documents(
    session: &Session<'_>,
    built: &[Result<Objects, Box<Diagnostic>>],
) -> Vec<(Option<String>, Datum)> {
    let mut found = Vec::new();
    let file = |root: &Datum| root.origin.place().map(|(file, _)| session.sources().file(file).path.to_string());
    for objects in built.iter().flatten() {
        let roots: Vec<&Datum> = match objects {
            Objects::Built(resources) => resources.iter().map(|resource| &resource.root).collect(),
            Objects::Read(objects) => objects.iter().collect(),
        };
        let is_argo = |root: &&Datum| root.text_of("apiVersion").starts_with("argoproj.io/");
        let is_meant = |root: &&Datum| matches!(root.text_of("kind"), "Application" | "ApplicationSet" | "AppProject");
        found.extend(roots.into_iter().filter(is_argo).filter(is_meant).map(|root| (file(root), root.clone())));
    }
    found
}

/// Whether builds changed any of the documents.
pub(super) fn differs(built: &[(Option<String>, Datum)], raw: &[&Datum]) -> bool {
    let text = |document: &Datum| crate::yaml::json::compact(document).unwrap_or_default();
    let known: std::collections::HashSet<String> = raw.iter().map(|document| text(document)).collect();
    built.iter().any(|(_, document)| !known.contains(&text(document)))
}

/// The environment that the destination of a deployment names.
pub(super) fn environment_of(deployment: &Deployment, deployed: &Deployed) -> Option<String> {
    let application = deployed.found.applications.get(*deployment.applications.first()?)?;
    let names = [&application.destination.namespace, &application.destination.name];
    let words = names.into_iter().flatten().map(|name| name.text.to_string());
    words.into_iter().find(|name| layout::rank(name).is_some())
}
