//! `service`: one service with every default filled in and every link resolved.

use std::collections::HashMap;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::json;

use crate::catalog::{Catalog, Consumed, Egress, Entry, Lifetime, Platform, Probe, Resources, Secret, Service};
use crate::render::archetype::{self, Archetype};
use crate::render::context::extra::ExtraFacts;
use crate::render::context::instance::fewest_replicas;
use crate::render::context::probe::{Kind, probe};
use crate::render::context::{EnvironmentFacts, Texts, is_deployed, texts};

/// PostgreSQL's port.
const POSTGRESQL_PORT: u16 = 5432;

/// `service`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::render) struct ServiceFacts {
    pub(in crate::render) name: String,
    pub(super) archetype: String,
    pub(in crate::render) role: String,
    pub(in crate::render) domain: String,
    pub(super) owner: String,
    pub(super) description: String,
    pub(super) lifetime: Lifetime,
    pub(super) critical: bool,
    pub(super) image: String,
    pub(super) repository: String,
    pub(super) ports: PortFacts,
    pub(super) probes: serde_json::Value,
    pub(super) args: Vec<String>,
    pub(super) env: Texts,
    pub(super) config: Texts,
    pub(super) secrets: Vec<SecretFacts>,
    pub(super) store: Option<StoreFacts>,
    pub(super) elasticsearch: bool,
    pub(super) state: bool,
    pub(super) dapr: bool,
    pub(super) legacy: bool,
    pub(super) migrations: Option<serde_json::Value>,
    pub(super) calls: Vec<CallFacts>,
    pub(super) callers: Vec<CallFacts>,
    pub(super) egress: Vec<Egress>,
    pub(super) publishes: Vec<String>,
    pub(super) consumes: Vec<EventFacts>,
    pub(super) resources: ResourceFacts,
    pub(super) autoscaling: Option<ScalingFacts>,
    pub(super) disruption_budget: bool,
    pub(super) wave: i32,
    pub(super) namespace: Option<String>,
    pub(super) foreign: bool,
    pub(super) ingress: Option<IngressFacts>,
    pub(super) params: IndexMap<String, serde_json::Value>,
    pub(super) waivers: Vec<serde_json::Value>,
    pub(super) extra: ExtraFacts,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct PortFacts {
    pub(super) http: u16,
    pub(super) grpc: Option<u16>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct SecretFacts {
    pub(super) name: String,
    pub(super) external: bool,
    pub(super) keys: Texts,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct StoreFacts {
    pub(super) database: String,
    pub(super) role: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) secret: String,
}

/// A service at the other end of a call, and the port that is called.
#[derive(Clone, Debug, Serialize)]
pub(super) struct CallFacts {
    pub(super) name: String,
    pub(super) port: u16,
    pub(super) protocol: &'static str,
    pub(super) namespace: Option<String>,
    /// Whether it is in another namespace than the service, as the catalog names them.
    pub(super) foreign: bool,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct EventFacts {
    pub(super) event: String,
    pub(super) route: String,
    pub(super) name: String,
}

#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct ResourceFacts {
    pub(super) requests: Texts,
    pub(super) limits: Texts,
}

#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ScalingFacts {
    pub(super) min: u32,
    pub(super) max: u32,
    pub(super) cpu: Option<u32>,
    pub(super) memory: Option<u32>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct IngressFacts {
    pub(super) class: String,
    pub(super) issuer: Option<String>,
    pub(super) namespace: String,
}

impl ServiceFacts {
    /// Registry, path and name of the image.
    pub(in crate::render) fn repository(&self) -> &str {
        &self.repository
    }
}

pub(super) fn service(
    entry: &Entry,
    catalog: &Catalog,
    archetypes: &HashMap<String, Archetype>,
    environments: &[EnvironmentFacts],
) -> ServiceFacts {
    let (service, platform) = (&entry.service, &catalog.platform);
    let role = archetypes.get(&entry.name).map_or("services", |archetype| archetype.role.as_str());
    let domain = service.domain.as_ref().map_or("", |domain| domain.as_str());
    let domain_owner = platform.domains.get(domain).and_then(|domain| domain.owner.as_ref());
    let owner = service.owner.as_ref().or(domain_owner).map_or("", |owner| owner.as_str());
    let ports = ports(service);
    let autoscaling = service.autoscaling.as_ref().map(|scaling| ScalingFacts {
        min: scaling.min.map_or(1, |min| min.value),
        max: scaling.max.map_or(1, |max| max.value),
        cpu: scaling.cpu.or(scaling.memory.is_none().then_some(70)),
        memory: scaling.memory,
    });
    let several = |environment: &EnvironmentFacts| {
        let own = &platform.environments[environment.name.as_str()];
        is_deployed(service, &environment.name) && fewest_replicas(service, role, own, &environment.name) > 1
    };
    ServiceFacts {
        name: entry.name.clone(),
        archetype: service.archetype.as_ref().map_or(archetype::DEFAULT, |name| name.as_str()).to_owned(),
        role: role.to_owned(),
        domain: domain.to_owned(),
        owner: owner.to_owned(),
        description: service.description.clone(),
        lifetime: service.lifetime,
        critical: service.critical,
        image: entry.name.clone(),
        repository: format!(
            "{}/{domain}/{}",
            platform.registry.as_ref().map_or("", |registry| registry.as_str()),
            entry.name
        ),
        ports,
        probes: json!({
            "startup": probe(&service.probes.startup, Kind::Startup, ports, &service.probes.liveness),
            "liveness": probe(&service.probes.liveness, Kind::Liveness, ports, &service.probes.liveness),
            "readiness": probe(&service.probes.readiness, Kind::Readiness, ports, &Probe::default()),
        }),
        args: service.args.clone(),
        env: texts(&service.env),
        config: texts(&service.config),
        secrets: secrets(service),
        store: store(service, platform),
        // A service that uses what the platform does not have is broken; the infrastructure is rendered without.
        elasticsearch: service.store.elasticsearch.is_some_and(|used| used.value) && platform.elasticsearch.is_some(),
        state: service.store.state.is_some_and(|used| used.value) && platform.dapr.is_some(),
        dapr: uses_dapr(service) && platform.dapr.is_some(),
        legacy: is_legacy_client(&entry.name, platform),
        migrations: service.migrations.as_ref().map(|migrations| json!(migrations.value)),
        calls: service.calls.iter().filter_map(|callee| call(callee, service, catalog)).collect(),
        callers: callers(&entry.name, catalog),
        egress: service.egress.clone(),
        publishes: service.publishes.iter().map(|event| event.value.clone()).collect(),
        consumes: service.consumes.iter().map(|consumed| event(consumed)).collect(),
        resources: resources(service, platform, "base"),
        autoscaling,
        disruption_budget: environments.iter().any(several),
        wave: service.wave.or(platform.waves.of(role)).unwrap_or_default(),
        namespace: service.namespace.as_ref().map(|name| name.value.clone()),
        foreign: service.namespace.is_some(),
        ingress: service.ingress.as_ref().map(|ingress| IngressFacts {
            class: ingress.class.clone(),
            issuer: ingress.issuer.clone(),
            namespace: ingress.namespace.clone().unwrap_or_else(|| format!("ingress-{}", ingress.class)),
        }),
        params: service.params.clone(),
        waivers: service
            .waivers
            .iter()
            .map(|waiver| {
                let policy = waiver.policy.as_ref().map(|policy| policy.as_str());
                json!({"policy": policy, "reason": waiver.reason, "until": waiver.until})
            })
            .collect(),
        extra: ExtraFacts::default(),
    }
}

pub(super) fn ports(service: &Service) -> PortFacts {
    PortFacts {
        http: service.ports.http.map(|port| port.value).unwrap_or_default(),
        grpc: service.ports.grpc.map(|port| port.value),
    }
}

pub(super) fn uses_dapr(service: &Service) -> bool {
    let state = service.store.state.is_some_and(|used| used.value);
    state || !service.publishes.is_empty() || !service.consumes.is_empty()
}

pub(super) fn is_legacy_client(name: &str, platform: &Platform) -> bool {
    let legacy = platform.databases.as_ref().and_then(|databases| databases.legacy.as_ref());
    legacy.is_some_and(|legacy| legacy.clients.iter().any(|client| client.value == name))
}

pub(super) fn secrets(service: &Service) -> Vec<SecretFacts> {
    let facts = |secret: &Secret| SecretFacts {
        name: secret.name.as_ref().map_or("", |name| name.as_str()).to_owned(),
        external: secret.external,
        keys: texts(&secret.keys),
    };
    service.secrets.iter().map(facts).collect()
}

pub(super) fn store(service: &Service, platform: &Platform) -> Option<StoreFacts> {
    let (database, server) = (service.store.database.as_ref()?, platform.databases.as_ref()?);
    Some(StoreFacts {
        database: database.value.clone(),
        role: database.value.clone(),
        host: server.host.clone(),
        port: POSTGRESQL_PORT,
        secret: format!("{}-db", database.replace('_', "-")),
    })
}

/// The callee of a call, and the port that is called: gRPC where the callee has it.
pub(super) fn call(callee: &str, caller: &Service, catalog: &Catalog) -> Option<CallFacts> {
    let service = &catalog.service(callee)?.service;
    let ports = ports(service);
    Some(CallFacts {
        name: callee.to_owned(),
        port: ports.grpc.unwrap_or(ports.http),
        protocol: if ports.grpc.is_some() { "grpc" } else { "http" },
        namespace: service.namespace.as_ref().map(|name| name.value.clone()),
        foreign: service.namespace != caller.namespace,
    })
}

/// The callers of a service; the port is the one they call, its own.
pub(super) fn callers(name: &str, catalog: &Catalog) -> Vec<CallFacts> {
    let calls = |entry: &&Entry| entry.service.calls.iter().any(|callee| callee.value == name);
    let callers = catalog.services.iter().filter(calls);
    let caller = |entry: &Entry| {
        let namespace = entry.service.namespace.as_ref().map(|namespace| namespace.value.clone());
        Some(CallFacts { name: entry.name.clone(), namespace, ..call(name, &entry.service, catalog)? })
    };
    callers.filter_map(caller).collect()
}

pub(super) fn event(consumed: &Consumed) -> EventFacts {
    EventFacts { event: consumed.event.clone(), route: consumed.route.clone(), name: consumed.event.replace('.', "-") }
}

/// A resource profile with what a service says otherwise.
pub(super) fn resources(service: &Service, platform: &Platform, profile: &str) -> ResourceFacts {
    let mut facts = ResourceFacts::default();
    let layers = [platform.profiles.get(profile), service.resources.get(profile)];
    for Resources { requests, limits } in layers.into_iter().flatten() {
        facts.requests.extend(requests.iter().map(|(name, amount)| (name.value.clone(), amount.value.clone())));
        facts.limits.extend(limits.iter().map(|(name, amount)| (name.value.clone(), amount.value.clone())));
    }
    facts
}
