//! Exactly what templates may see: the catalog with every default filled in and every link resolved.
//!
//! Names are those of the catalog wherever a thing has one, so that a failing expression leads back to its line. The
//! shapes are listed for authors of templates in CONTRIBUTING.md.

mod extra;
mod instance;
mod probe;
mod service;

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::json;

use crate::catalog::{Catalog, Dapr, Databases, Elasticsearch, Environment, Platform, Redis, Service, Store};
use crate::render::archetype::Archetype;
use crate::render::engine::{Value, value};
use crate::yaml::Spanned;

pub(super) use extra::ExtraFacts;
pub(super) use instance::{InstanceFacts, instance};
pub(super) use service::ServiceFacts;

type Texts = IndexMap<String, String>;

/// What the templates of every unit share.
pub(super) struct Facts {
    /// `platform`.
    pub(super) platform: Value,
    /// Each service's facts by name; those of broken services as far as they could be read.
    pub(super) services: BTreeMap<String, ServiceFacts>,
    /// `services`: the values of all of them, by name.
    pub(super) all: Value,
    /// The environments in the order of promotion.
    pub(super) environments: Vec<EnvironmentFacts>,
    /// The archetypes of the services that can be rendered.
    pub(super) archetypes: HashMap<String, Archetype>,
}

/// `environment`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct EnvironmentFacts {
    pub(super) name: String,
    pub(super) cluster: String,
    pub(super) namespace: String,
    profile: String,
    replicas: u32,
    highly_available: bool,
    databases: serde_json::Value,
    elasticsearch: serde_json::Value,
    /// Real namespaces that something is deployed to, the environment's own first.
    namespaces: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PlatformFacts<'a> {
    name: &'a str,
    registry: &'a str,
    repository: serde_json::Value,
    argocd: serde_json::Value,
    owners: Texts,
    domains: IndexMap<String, serde_json::Value>,
    environments: &'a [EnvironmentFacts],
    waves: IndexMap<&'a str, i32>,
    dapr: Option<&'a Dapr>,
    redis: Option<&'a Redis>,
    elasticsearch: Option<&'a Elasticsearch>,
    databases: Option<&'a Databases>,
    secrets: Option<SecretsFacts<'a>>,
    monitoring: serde_json::Value,
    flags: Option<FlagsFacts<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SecretsFacts<'a> {
    store: &'a Store,
    refresh_interval: &'a str,
    path: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct FlagsFacts<'a> {
    config_map: &'a str,
    values: Texts,
}

impl Facts {
    /// Works everything out. A service without an archetype counts as an ordinary one, for what others need of it.
    pub(super) fn gather(catalog: &Catalog, archetypes: HashMap<String, Archetype>) -> Self {
        let platform = &catalog.platform;
        let environments: Vec<_> =
            platform.environments.iter().map(|(name, own)| environment(name, own, catalog)).collect();
        let services: BTreeMap<_, _> = catalog
            .services
            .iter()
            .map(|entry| (entry.name.clone(), service::service(entry, catalog, &archetypes, &environments)))
            .collect();
        let all = value(services.values().collect::<Vec<_>>());
        Self { platform: platform_value(platform, &environments), services, all, environments, archetypes }
    }
}

/// The real namespace, in an environment, of a namespace that a service names.
fn real_namespace(environment: &Environment, own: &str, logical: Option<&str>) -> String {
    match logical {
        None => own.to_owned(),
        Some(logical) => environment.namespaces.get(logical).map_or(logical, |real| real.as_str()).to_owned(),
    }
}

/// Whether a service is deployed to an environment.
pub(super) fn is_deployed(service: &Service, environment: &str) -> bool {
    service.environments.get(environment).is_none_or(|variation| variation.enabled)
}

fn environment(name: &str, own: &Environment, catalog: &Catalog) -> EnvironmentFacts {
    let namespace = own.namespace.as_ref().map_or(name, |namespace| namespace.as_str()).to_owned();
    let mut namespaces = vec![namespace.clone()];
    for entry in catalog.services.iter().filter(|entry| is_deployed(&entry.service, name)) {
        let logical = entry.service.namespace.as_ref().map(|logical| logical.as_str());
        let real = real_namespace(own, &namespace, logical);
        if !namespaces.contains(&real) {
            namespaces.push(real);
        }
    }
    EnvironmentFacts {
        name: name.to_owned(),
        cluster: own.cluster.clone(),
        namespace,
        profile: own.profile.as_ref().map_or("base", |profile| profile.as_str()).to_owned(),
        replicas: own.replicas,
        highly_available: own.highly_available,
        databases: json!(own.databases),
        elasticsearch: json!(own.elasticsearch),
        namespaces,
    }
}

fn texts(map: &IndexMap<Spanned<String>, String>) -> Texts {
    map.iter().map(|(key, value)| (key.value.clone(), value.clone())).collect()
}

fn platform_value(platform: &Platform, environments: &[EnvironmentFacts]) -> Value {
    let domains = platform.domains.iter().map(|(name, domain)| {
        let owner = domain.owner.as_ref().map(|owner| owner.as_str());
        (name.value.clone(), json!({"description": domain.description, "owner": owner}))
    });
    value(PlatformFacts {
        name: platform.platform.as_ref().map_or("", |name| name.as_str()),
        registry: platform.registry.as_ref().map_or("", |registry| registry.as_str()),
        repository: json!(platform.repository),
        argocd: json!(platform.argocd),
        owners: texts(&platform.owners),
        domains: domains.collect(),
        environments,
        waves: platform.waves.ladder().into_iter().map(|(role, wave, _)| (role, wave)).collect(),
        dapr: platform.dapr.as_ref(),
        redis: platform.redis.as_ref(),
        elasticsearch: platform.elasticsearch.as_ref(),
        databases: platform.databases.as_ref(),
        secrets: platform.secrets.store.as_ref().map(|store| SecretsFacts {
            store,
            refresh_interval: &platform.secrets.refresh_interval,
            path: &platform.secrets.path,
        }),
        monitoring: json!(platform.monitoring),
        flags: platform
            .flags
            .as_ref()
            .map(|flags| FlagsFacts { config_map: &flags.config_map, values: texts(&flags.values) }),
    })
}
