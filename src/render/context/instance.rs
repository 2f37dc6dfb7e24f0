//! `instance`: a service in an environment.

use serde::Serialize;

use crate::catalog::{Bounds, CRITICAL_REPLICAS, Catalog, Entry, Environment, Platform, Service};
use crate::render::OUTPUT;
use crate::render::context::extra::ExtraFacts;
use crate::render::context::service::{CallFacts, ResourceFacts, SecretFacts, ServiceFacts, resources};
use crate::render::context::{EnvironmentFacts, Texts, is_deployed, real_namespace, texts};
use crate::render::kept::Image;

/// `instance`: a service in an environment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::render) struct InstanceFacts {
    pub(in crate::render) namespace: String,
    pub(super) replicas: u32,
    pub(super) autoscaling: Option<BoundFacts>,
    pub(super) resources: ResourceFacts,
    pub(super) config: Texts,
    pub(super) env: Texts,
    pub(super) host: Option<String>,
    pub(super) secrets: Vec<RemoteSecretFacts>,
    /// Calls and callers that are deployed here, with their real namespaces.
    pub(super) calls: Vec<CallFacts>,
    pub(super) callers: Vec<CallFacts>,
    /// Key in the secret store of the database credential.
    pub(super) database_key: Option<String>,
    pub(in crate::render) image: Option<Image>,
    pub(in crate::render) images: Vec<Image>,
    pub(in crate::render) extra: ExtraFacts,
    pub(in crate::render) reads: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct BoundFacts {
    pub(super) min: u32,
    pub(super) max: u32,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct RemoteSecretFacts {
    pub(super) name: String,
    pub(super) key: String,
    pub(super) keys: Texts,
}

/// Bounds in an environment: the service's own for it, else the environment's, else the service's general ones.
pub(super) fn bounds(service: &Service, environment: &Environment, name: &str) -> Option<BoundFacts> {
    let general = service.autoscaling.as_ref()?.bounds();
    let own = service.environments.get(name).and_then(|variation| variation.autoscaling.as_ref());
    let Bounds { min, max } = own.map(|own| own.value).or(environment.autoscaling).unwrap_or(general);
    let min = min.map_or(1, |min| min.value);
    Some(BoundFacts { min, max: max.map_or(min, |max| max.value) })
}

/// Replicas in an environment, the fewest where the service scales by itself.
pub(super) fn fewest_replicas(service: &Service, role: &str, environment: &Environment, name: &str) -> u32 {
    let own = service.environments.get(name).and_then(|variation| variation.replicas);
    let is_critical = (service.critical || role == "gateway") && environment.highly_available;
    match (bounds(service, environment, name), own) {
        (Some(bounds), _) => bounds.min,
        (None, Some(own)) => own.value,
        (None, None) => environment.replicas.max(if is_critical { CRITICAL_REPLICAS } else { 0 }),
    }
}

/// The key of a secret in the store.
pub(super) fn remote_key(platform: &Platform, environment: &str, name: &str) -> String {
    platform.secrets.path.replace("{environment}", environment).replace("{name}", name)
}

/// A service in an environment, without what lies in the tree.
pub(in crate::render) fn instance(
    entry: &Entry,
    catalog: &Catalog,
    facts: &ServiceFacts,
    environment: &EnvironmentFacts,
) -> InstanceFacts {
    let (service, platform) = (&entry.service, &catalog.platform);
    let own = &platform.environments[environment.name.as_str()];
    let variation = service.environments.get(environment.name.as_str());
    let profile = variation.and_then(|variation| variation.profile.as_ref());
    let profile = profile.map_or(environment.profile.as_str(), |profile| profile.as_str());
    let here = |peer: &CallFacts| {
        let deployed = catalog.service(&peer.name).is_some_and(|peer| is_deployed(&peer.service, &environment.name));
        let namespace = Some(real_namespace(own, &environment.namespace, peer.namespace.as_deref()));
        deployed.then(|| CallFacts { namespace, ..peer.clone() })
    };
    let remote = |secret: &SecretFacts| RemoteSecretFacts {
        name: secret.name.clone(),
        key: remote_key(platform, &environment.name, &entry.name),
        keys: secret.keys.clone(),
    };
    let folder = format!("/{OUTPUT}/apps/{}", entry.name);
    let overlay = format!("{folder}/overlays/{}", environment.name);
    InstanceFacts {
        namespace: real_namespace(own, &environment.namespace, facts.namespace.as_deref()),
        replicas: fewest_replicas(service, &facts.role, own, &environment.name),
        autoscaling: bounds(service, own, &environment.name),
        resources: resources(service, platform, profile),
        config: variation.map(|variation| texts(&variation.config)).unwrap_or_default(),
        env: variation.map(|variation| texts(&variation.env)).unwrap_or_default(),
        host: service.ingress.as_ref().and_then(|ingress| ingress.hosts.get(environment.name.as_str()).cloned()),
        secrets: facts.secrets.iter().filter(|secret| !secret.external).map(remote).collect(),
        calls: facts.calls.iter().filter_map(here).collect(),
        callers: facts.callers.iter().filter_map(here).collect(),
        database_key: facts
            .store
            .as_ref()
            .map(|store| remote_key(platform, &environment.name, &format!("databases/{}", store.database))),
        image: None,
        images: Vec::new(),
        extra: ExtraFacts::default(),
        reads: vec![format!("{folder}/base"), overlay],
    }
}
