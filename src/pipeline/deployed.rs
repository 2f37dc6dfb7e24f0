//! What a repository deploys: by its Applications where it has any, else by its folders.

use std::sync::Arc;

use rayon::prelude::*;

use crate::argo::{self, Application, Found, Overridden, SourceType};
use crate::catalog::Catalog;
use crate::diag::{Diagnostic, Diagnostics};
use crate::kube::KUSTOMIZATIONS;
use crate::kustomize::{Overrides, Session};
use crate::layout;
use crate::pipeline::gather::Place;
use crate::policy::{Facts, Lies};
use crate::tree::{join, normal};
use crate::yaml::data::Datum;
use crate::yaml::load;

/// A directory that is deployed.
#[derive(Debug, PartialEq)]
pub(super) struct Deployment {
    /// The directory in the tree.
    pub(super) root: String,
    /// The Applications that deploy it in this way, as indices.
    pub(super) applications: Vec<usize>,
    /// What they put over the kustomization.
    pub(super) overrides: Overrides,
    /// The namespace of objects that name none.
    pub(super) namespace: Option<String>,
    /// The files of a directory of plain manifests, from the top of the repository; `None` for a kustomization.
    pub(super) files: Option<Vec<String>>,
}

impl Deployment {
    /// A kustomization that no Application names.
    pub(super) fn of(root: String) -> Self {
        Self { root, applications: Vec::new(), overrides: Overrides::default(), namespace: None, files: None }
    }
}

/// What the documents of a repository say to Argo CD, and what they deploy.
#[derive(Debug, Default)]
pub(super) struct Deployed {
    pub(super) found: Found,
    pub(super) deployments: Vec<Deployment>,
    /// What is wrong with files beside manifests that change a source.
    pub(super) faults: Diagnostics,
    pub(super) facts: Facts,
}

/// The documents of the repository that Argo CD reads for itself, each with its file, and what is wrong with files that hold
/// such documents and cannot be read: what they deploy would be missing without a word.
pub(super) fn documents(place: &Place<'_>, session: &Session<'_>) -> (Vec<(String, Datum)>, Vec<Diagnostic>) {
    let is_yaml = |path: &String| path.ends_with(".yaml") || path.ends_with(".yml");
    let files: Vec<String> = place.tree.files(place.repository).into_iter().filter(is_yaml).collect();
    documents_in(place, session, &files)
}

/// [`documents`] among some files.
pub(super) fn documents_in(
    place: &Place<'_>,
    session: &Session<'_>,
    files: &[String],
) -> (Vec<(String, Datum)>, Vec<Diagnostic>) {
    let read = |path: &String| -> (Vec<(String, Datum)>, Option<Diagnostic>) {
        let text = session.text_of(path).filter(is_argo);
        let Some((text, file)) = text.and_then(|text| Some((text, session.file_of(path)?))) else {
            return (Vec::new(), None);
        };
        let shown = place.shown(path);
        let Ok(documents) = load::documents(&text, file) else {
            let is_meant = is_document(&text) && !is_template(place, path, &text);
            let fault = argo::manifests(&text, file, shown).err().filter(|_| is_meant);
            return (Vec::new(), fault.map(|fault| *fault));
        };
        let is_meant = |document: &Datum| document.text_of("apiVersion").starts_with("argoproj.io/");
        (documents.into_iter().filter(is_meant).map(|document| (shown.to_owned(), document)).collect(), None)
    };
    let (found, faults): (Vec<_>, Vec<_>) = files.par_iter().map(read).unzip();
    (found.into_iter().flatten().collect(), faults.into_iter().flatten().collect())
}

/// Whether the outermost fields of a text say that it is for Argo CD.
fn is_document(text: &str) -> bool {
    let has = |start: &str| text.lines().any(|line| line.starts_with(start));
    has("apiVersion: argoproj.io/") && (has("kind: Application") || has("kind: AppProject"))
}

/// Whether a text is a template, of a chart or of another program, and so need not be YAML.
fn is_template(place: &Place<'_>, path: &str, text: &str) -> bool {
    let has_action = text.lines().map(str::trim_start).any(|line| {
        line.starts_with("{{") || line.starts_with("{%") || line.contains(": {{") || line.starts_with("- {{")
    });
    has_action || is_in_chart(place, path)
}

/// Whether a file lies in a chart, of which it may be a template.
pub(super) fn is_in_chart(place: &Place<'_>, path: &str) -> bool {
    let mut folders = path.match_indices('/').map(|(at, _)| &path[..at]);
    folders.any(|folder| place.tree.has_file(&join(folder, "Chart.yaml")))
}

fn is_argo(text: &Arc<str>) -> bool {
    text.contains("argoproj.io/") && ["Application", "AppProject"].iter().any(|kind| text.contains(kind))
}

/// Works out what documents deploy; `has_health` says whether a file of the repository has a health check for Applications.
pub(super) fn deployed(
    place: &Place<'_>,
    session: &Session<'_>,
    catalog: Option<&Catalog>,
    documents: &[&Datum],
    has_health: bool,
) -> Deployed {
    let argo_cd = catalog.map(|catalog| &catalog.platform.argocd);
    let clusters: Vec<argo::Cluster> = argo_cd.map_or(Vec::new(), |argo_cd| {
        let pairs = |map: &indexmap::IndexMap<String, String>| {
            map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
        };
        let cluster = |cluster: &crate::catalog::Cluster| argo::Cluster {
            name: cluster.name.clone(),
            server: cluster.server.clone(),
            labels: pairs(&cluster.labels),
            annotations: pairs(&cluster.annotations),
        };
        argo_cd.clusters.iter().map(cluster).collect()
    });
    let url = catalog.and_then(|catalog| catalog.platform.repository.as_ref()?.url.as_deref());
    let own_repos: Vec<String> = url.into_iter().chain(place.origin).map(argo::normalized_url).collect();
    let context = argo::Context { tree: place.home, repository: "", clusters: &clusters, own_repos: &own_repos };
    let found = argo::read(documents, &context);
    let mut deployed = Deployed::default();
    let own_namespace = argo_cd.map(|argo_cd| argo_cd.namespace.as_str());
    for (at, application) in found.applications.iter().enumerate() {
        for (index, source) in application.sources.iter().enumerate() {
            let lies = match source.directory_path().and_then(|path| normal("", &path)) {
                Some(directory) if source.chart.is_none() && is_here(place, &context, source, &directory) => {
                    deployed.look(place, session, at, source, &directory, own_namespace, application)
                }
                _ => Lies::Elsewhere,
            };
            deployed.facts.sources.push((at, index, lies));
        }
    }
    // Without a known address of this repository a path that is not there may well be one of another.
    if own_repos.is_empty() {
        let url = |at: usize, index: usize| argo::normalized_url(&found.applications[at].sources[index].repo_url);
        let here: std::collections::HashSet<String> = deployed
            .facts
            .sources
            .iter()
            .filter(|(.., lies)| matches!(lies, Lies::Here | Lies::Unrendered))
            .map(|(at, index, _)| url(*at, *index))
            .collect();
        for (at, index, lies) in &mut deployed.facts.sources {
            if *lies == Lies::Nowhere && !here.contains(&url(*at, *index)) {
                *lies = Lies::Elsewhere;
            }
        }
    }
    let checks = argo_cd.map_or(&[][..], |argo_cd| &argo_cd.health_checks);
    deployed.facts.has_application_health = has_health || checks.iter().any(|kind| kind == "argoproj.io/Application");
    deployed.found = found;
    deployed
}

/// Whether a file of the repository sets a health check of Argo CD's for Applications.
pub(super) fn knows_application_health(place: &Place<'_>, session: &Session<'_>) -> bool {
    let is_yaml = |path: &String| path.ends_with(".yaml") || path.ends_with(".yml");
    let files: Vec<String> = place.tree.files(place.repository).into_iter().filter(is_yaml).collect();
    files.par_iter().any(|path| session.text_of(path).is_some_and(|text| says_application_health(&text)))
}

/// Whether a text sets a health check of Argo CD's for Applications.
pub(super) fn says_application_health(text: &str) -> bool {
    text.contains("resource.customizations.health.argoproj.io_Application")
        || text.contains("resource.customizations:") && text.contains("argoproj.io/Application:")
}

/// Whether a source lies in this repository: by its URL, or because its path is there under another address of it.
fn is_here(place: &Place<'_>, context: &argo::Context<'_>, source: &argo::Source, directory: &str) -> bool {
    let is_kustomization = || KUSTOMIZATIONS.iter().any(|name| place.home.has_file(&join(directory, name)));
    !source.repo_url.is_empty() && context.is_own(&source.repo_url) || directory.contains('/') && is_kustomization()
}

impl Deployed {
    /// Looks at the directory of a source, and takes it in.
    #[allow(clippy::too_many_arguments)] // what says where the source lies, and what it is
    fn look(
        &mut self,
        place: &Place<'_>,
        session: &Session<'_>,
        at: usize,
        source: &argo::Source,
        directory: &str,
        own_namespace: Option<&str>,
        application: &Application,
    ) -> Lies {
        if !place.home.has_directory(directory) {
            return Lies::Nowhere;
        }
        let over = Overridden { directory, revision: None, own_namespace };
        let effective = argo::effective_source(application, source, place.home, &over, &mut session.sources());
        match effective {
            Ok(source) => self.add(place, at, application, &source, &over),
            Err(fault) => {
                self.faults.push(*fault);
                Lies::Here
            }
        }
    }

    fn add(
        &mut self,
        place: &Place<'_>,
        at: usize,
        application: &Application,
        source: &argo::Source,
        over: &Overridden<'_>,
    ) -> Lies {
        let root = if over.directory.is_empty() {
            place.repository.to_owned()
        } else {
            join(place.repository, over.directory)
        };
        let namespace = application.destination.namespace.as_ref().map(|namespace| namespace.text.to_string());
        let namespace = namespace.filter(|namespace| !namespace.is_empty());
        match argo::source_type(source, place.home, over.directory) {
            Ok(SourceType::Kustomize) => {
                let overrides = argo::overrides(application, source, over, &mut self.faults);
                let same = self.deployments.iter_mut().find(|known| {
                    known.root == root && known.files.is_none() && overrides.is_empty() && known.overrides.is_empty()
                });
                match same {
                    Some(known) => {
                        known.applications.push(at);
                        // Objects without a namespace lie in several then, and none is theirs.
                        known.namespace = known.namespace.take().filter(|own| Some(own) == namespace.as_ref());
                    }
                    None => {
                        let applications = vec![at];
                        self.deployments.push(Deployment { root, applications, overrides, namespace, files: None });
                    }
                }
            }
            Ok(SourceType::Directory) => {
                let files = argo::directory_files(place.home, over.directory, source.directory.as_ref());
                let files: Vec<_> = files.into_iter().filter(|file| !file.ends_with(".jsonnet")).collect();
                if files.is_empty() {
                    // Values and other files for a further source.
                    return if source.ref_name.is_some() { Lies::Here } else { Lies::Empty };
                }
                {
                    self.deployments.push(Deployment {
                        root,
                        applications: vec![at],
                        overrides: Overrides::default(),
                        namespace,
                        files: Some(files),
                    });
                }
            }
            // Rendered charts can be judged on standard input.
            Ok(SourceType::Helm | SourceType::Plugin) => return Lies::Unrendered,
            Err(fault) => self.faults.push(*fault),
        }
        Lies::Here
    }
}

/// What the folders of a directory say, where no Application does.
pub(super) fn by_folders(place: &Place<'_>, session: &Session<'_>, directory: &str) -> Vec<Deployment> {
    let roots = layout::roots(place.tree, place.repository, directory, |path| session.text_of(path));
    roots.into_iter().map(Deployment::of).collect()
}
