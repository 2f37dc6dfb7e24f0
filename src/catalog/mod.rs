//! Loads the platform and its services, and checks them: gitopsctl.yaml and services/*.yaml → [`Catalog`].
//!
//! Everything wrong is reported in one run, at its line. A service whose file has errors is marked broken and otherwise
//! kept as far as it can be read, so that what others need of it (a port, an event) stays known. Knows no templates.

mod check;
pub(crate) mod diags;
mod load;
mod platform;
mod policies;
mod release;
mod schema;
mod service;

pub(crate) use check::CRITICAL_REPLICAS;
pub use diags::codes;
pub(crate) use diags::formats::is_git_url;
pub use load::{Setting, kustomize_version, load, load_some, service_names};
pub use platform::{
    Backup, Bounds, Cluster, Dapr, Databases, Domain, Elasticsearch, Engine, Environment, Flags, Legacy, Platform,
    Redis, Resources, Secrets, Store, Waves,
};
pub use policies::{Excuse, Policies, Suppression};
pub use release::Freeze;
pub use schema::{PLATFORM_SCHEMA, SERVICE_SCHEMA, judge};
pub use service::{
    Consumed, Egress, Extra, Ingress, Lifetime, Ports, Probe, Secret, Service, ServiceStore, Variation, Waiver,
};

use std::collections::HashMap;

use crate::source::FileId;
use crate::yaml::Document;

/// The file of the platform, at the root of the repository.
pub const PLATFORM_FILE: &str = "gitopsctl.yaml";
/// The folder with one file a service.
pub const SERVICES_FOLDER: &str = "services";

/// The platform and its services.
#[derive(Debug)]
pub struct Catalog {
    /// What all services share.
    pub platform: Platform,
    /// `gitopsctl.yaml` as it is written; `None` when it is empty.
    pub document: Option<Document>,
    /// Whether gitopsctl.yaml has errors, so that nothing may be rendered from it.
    pub broken: bool,
    /// Every service whose file is YAML, by name.
    pub services: Vec<Entry>,
    /// Names of services whose file is no YAML at all, so that nothing is known of them.
    pub unreadable: Vec<String>,
    /// Where in `services` a name is.
    index: HashMap<String, usize>,
}

/// One service and its file.
#[derive(Debug)]
pub struct Entry {
    /// What the file says.
    pub service: Service,
    /// The file's stem: what the service is called whatever its file says.
    pub name: String,
    /// `services/<name>.yaml`.
    pub path: String,
    /// The file.
    pub file: FileId,
    /// The file as it is written.
    pub document: Document,
    /// Whether the file has errors, so that nothing may be rendered from it.
    pub broken: bool,
}

impl Catalog {
    /// The service of a name.
    pub fn service(&self, name: &str) -> Option<&Entry> {
        self.index.get(name).and_then(|at| self.services.get(*at))
    }

    /// Whether an environment that the catalog names serves customers: releases go there, its pods are spread over nodes,
    /// or its name says so.
    pub fn is_production(&self, environment: &str) -> bool {
        let Some(own) = self.platform.environments.get(environment) else { return false };
        let is_released = self.platform.release.environment.as_ref().is_some_and(|name| name.value == environment);
        let is_named = environment.split(['-', '_']).any(|word| matches!(word, "production" | "prod" | "live" | "prd"));
        is_released || own.highly_available || is_named
    }

    /// Takes a service in; the first of a name is the one that is found.
    fn add(&mut self, entry: Entry) {
        self.index.entry(entry.name.clone()).or_insert(self.services.len());
        self.services.push(entry);
    }

    /// Whether a service is there, broken or not.
    pub fn has(&self, name: &str) -> bool {
        self.index.contains_key(name) || self.unreadable.iter().any(|unreadable| unreadable == name)
    }

    /// The names of all services, broken ones included.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.services.iter().map(|entry| entry.name.as_str()).chain(self.unreadable.iter().map(String::as_str))
    }
}
