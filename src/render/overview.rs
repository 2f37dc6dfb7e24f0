//! What is deployed where, at a glance: the catalog's services with the tags in their overlays.

use indexmap::IndexMap;
use serde::Serialize;

use crate::catalog::Catalog;
use crate::diag::Diagnostics;
use crate::render::context::is_deployed;
use crate::render::{OUTPUT, Templates, archetype, kept};
use crate::source::SourceMap;
use crate::tree::Tree;

/// One service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Overview {
    /// Its name.
    pub name: String,
    /// Its domain.
    pub domain: String,
    /// The team that owns it.
    pub owner: String,
    /// Its sync wave; `None` where its archetype is not known.
    pub wave: Option<i32>,
    /// HTTP port.
    pub http: Option<u16>,
    /// gRPC port.
    pub grpc: Option<u16>,
    /// Tag (and digest, after `@`) by environment; `None` where it is not deployed or not rendered yet.
    pub tags: IndexMap<String, Option<String>>,
}

/// All services that can be read, by name.
pub fn overview(
    catalog: &Catalog,
    templates: &Templates,
    tree: &Tree,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Vec<Overview> {
    let archetypes = archetype::resolve(catalog, templates, sources, diagnostics);
    let platform = &catalog.platform;
    let mut services = Vec::with_capacity(catalog.services.len());
    for entry in &catalog.services {
        let service = &entry.service;
        let domain = service.domain.as_ref().map(|domain| domain.as_str()).unwrap_or_default();
        let domain_owner = platform.domains.get(domain).and_then(|domain| domain.owner.as_ref());
        let owner = service.owner.as_ref().or(domain_owner).map(|owner| owner.value.clone()).unwrap_or_default();
        let role_wave = archetypes.get(&entry.name).and_then(|archetype| platform.waves.of(&archetype.role));
        let mut tags = IndexMap::new();
        for environment in platform.environments.keys() {
            let overlay = format!("{OUTPUT}/apps/{}/overlays/{}", entry.name, environment.value);
            let deployed = is_deployed(service, environment);
            let tag = deployed.then(|| kept::version(tree, &overlay, &entry.name, sources, diagnostics)).flatten();
            tags.insert(environment.value.clone(), tag);
        }
        services.push(Overview {
            name: entry.name.clone(),
            domain: domain.to_owned(),
            owner,
            wave: service.wave.or(role_wave),
            http: service.ports.http.map(|port| port.value),
            grpc: service.ports.grpc.map(|port| port.value),
            tags,
        });
    }
    services
}
