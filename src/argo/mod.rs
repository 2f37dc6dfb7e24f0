//! The layer of Argo CD: which Applications there are, what each does to a build, and in which order it applies and prunes.
//!
//! In: objects, built or read, and the tree they deploy. Out: Applications (those that ApplicationSets generate among
//! them), projects, the overrides of a build, the tasks of a sync. Reads no cluster and no network; what would need one is
//! said. Knows no policy.

mod application;
mod diags;
mod directory;
mod environment;
mod gates;
mod glob;
mod manifests;
mod order;
mod overrides;
mod project;
mod repository;
mod sets;
mod template;
mod value;
mod waves;

use crate::diag::Diagnostics;
use crate::source::Origin;
use crate::tree::Tree;
use crate::yaml::data::Datum;

pub use application::{Application, Automated, Destination, Directory, Source};
pub use diags::codes;
pub use directory::{SourceType, files as directory_files, source_type};
pub use environment::Environment;
pub use gates::{DELAY, HealthChecks, Kept, Step, Wait, deletion, kept, steps, wait};
pub use manifests::{manifests, unnamed_manifests};
pub use order::{Action, Phase, Sync, Task, tasks};
pub use overrides::{Overridden, effective_source, overrides};
pub use project::{AppProject, Resource as ProjectResource, Target as ProjectDestination};
pub use repository::normalized as normalized_url;
pub use sets::{ApplicationSet, Generated};
pub use waves::{ANNOTATIONS, DELETE_POLICIES, HOOK, HOOK_DELETE_POLICY, HOOK_TYPES, SYNC_OPTIONS, WAVE, has_health};

/// The wave that a text stands for; `None` where Argo CD does not read it as a number, and takes 0.
pub fn wave(text: &str) -> Option<i64> {
    order::atoi(text)
}

/// A cluster that Argo CD deploys to, as the settings declare it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// The URL of its API server.
    pub server: String,
    /// Labels of its Secret, which generators select by.
    pub labels: Vec<(String, String)>,
    /// Annotations of its Secret.
    pub annotations: Vec<(String, String)>,
}

/// What Applications and generators refer to.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The files.
    pub tree: &'a Tree,
    /// The path of the repository's root in the tree; empty where both are the same.
    pub repository: &'a str,
    /// The clusters there are; none where nobody declared them.
    pub clusters: &'a [Cluster],
    /// URLs of this repository, as [`normalized_url`] has them; where there are none, every URL counts as this one.
    pub own_repos: &'a [String],
}

impl Context<'_> {
    /// Whether a URL means this repository.
    pub fn is_own(&self, url: &str) -> bool {
        self.own_repos.is_empty() || self.own_repos.iter().any(|own| **own == *repository::normalized(url))
    }
}

/// What documents say to Argo CD.
#[derive(Debug, Default)]
pub struct Found {
    /// The Applications in the order of the documents, those of a set where the set stands.
    pub applications: Vec<Application>,
    /// The projects.
    pub projects: Vec<AppProject>,
    /// The sets.
    pub sets: Vec<ApplicationSet>,
    /// What could not be evaluated or fails.
    pub diagnostics: Diagnostics,
}

impl Found {
    /// Where everything that was found starts.
    pub fn origins(&self) -> impl Iterator<Item = Origin> + '_ {
        let applications = self.applications.iter().map(|application| application.origin);
        let projects = self.projects.iter().map(|project| project.origin);
        applications.chain(projects).chain(self.sets.iter().map(|set| set.origin))
    }
}

/// Reads Applications, projects and ApplicationSets; other documents are passed over.
pub fn read(documents: &[&Datum], context: &Context<'_>) -> Found {
    let mut found = Found::default();
    let files = sets::Files::new(context);
    for document in documents {
        if document.text_of("apiVersion").split('/').next() != Some("argoproj.io") {
            continue;
        }
        match document.text_of("kind") {
            "Application" => found.applications.push(Application::read(document, None)),
            "AppProject" => found.projects.push(AppProject::read(document)),
            "ApplicationSet" => {
                let (set, applications) = sets::evaluate(document, &files, &mut found.diagnostics);
                found.sets.push(set);
                found.applications.extend(applications);
            }
            _ => {}
        }
    }
    found
}
