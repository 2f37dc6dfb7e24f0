//! Exactly what templates may see: the catalog with every default filled in and every link resolved.
//!
//! Names are those of the catalog wherever a thing has one, so that a failing expression leads back to its line. The
//! shapes are listed for authors of templates in CONTRIBUTING.md.

use std::collections::{BTreeMap, HashMap};

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::json;

use crate::catalog::{
    Bounds, CRITICAL_REPLICAS, Catalog, Dapr, Databases, Egress, Elasticsearch, Entry, Environment, Lifetime, Platform,
    Probe, Redis, Resources, Service, Store,
};
use crate::render::OUTPUT;
use crate::render::archetype::{self, Archetype};
use crate::render::engine::{Value, value};
use crate::render::kept::{Found, Image};
use crate::yaml::Spanned;

type Texts = IndexMap<String, String>;

/// PostgreSQL's port.
const POSTGRESQL_PORT: u16 = 5432;

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

/// `service`.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServiceFacts {
    pub(super) name: String,
    archetype: String,
    pub(super) role: String,
    pub(super) domain: String,
    owner: String,
    description: String,
    lifetime: Lifetime,
    critical: bool,
    image: String,
    repository: String,
    ports: PortFacts,
    probes: serde_json::Value,
    args: Vec<String>,
    env: Texts,
    config: Texts,
    secrets: Vec<SecretFacts>,
    store: Option<StoreFacts>,
    elasticsearch: bool,
    state: bool,
    dapr: bool,
    legacy: bool,
    migrations: Option<serde_json::Value>,
    calls: Vec<CallFacts>,
    callers: Vec<CallFacts>,
    egress: Vec<Egress>,
    publishes: Vec<String>,
    consumes: Vec<EventFacts>,
    resources: ResourceFacts,
    autoscaling: Option<ScalingFacts>,
    disruption_budget: bool,
    wave: i32,
    namespace: Option<String>,
    foreign: bool,
    ingress: Option<IngressFacts>,
    params: IndexMap<String, serde_json::Value>,
    waivers: Vec<serde_json::Value>,
    extra: ExtraFacts,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct PortFacts {
    http: u16,
    grpc: Option<u16>,
}

#[derive(Clone, Debug, Serialize)]
struct SecretFacts {
    name: String,
    external: bool,
    keys: Texts,
}

#[derive(Clone, Debug, Serialize)]
struct StoreFacts {
    database: String,
    role: String,
    host: String,
    port: u16,
    secret: String,
}

/// A service at the other end of a call, and the port that is called.
#[derive(Clone, Debug, Serialize)]
struct CallFacts {
    name: String,
    port: u16,
    protocol: &'static str,
    namespace: Option<String>,
    /// Whether it is in another namespace than the service, as the catalog names them.
    foreign: bool,
}

#[derive(Clone, Debug, Serialize)]
struct EventFacts {
    event: String,
    route: String,
    name: String,
}

#[derive(Clone, Debug, Default, Serialize)]
struct ResourceFacts {
    requests: Texts,
    limits: Texts,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct ScalingFacts {
    min: u32,
    max: u32,
    cpu: Option<u32>,
    memory: Option<u32>,
}

#[derive(Clone, Debug, Serialize)]
struct IngressFacts {
    class: String,
    issuer: Option<String>,
    namespace: String,
}

/// `extra` of a kustomization: paths relative to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct ExtraFacts {
    pub(super) resources: Vec<String>,
    pub(super) patches: Vec<String>,
    pub(super) components: Vec<String>,
}

/// `instance`: a service in an environment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct InstanceFacts {
    pub(super) namespace: String,
    replicas: u32,
    autoscaling: Option<BoundFacts>,
    resources: ResourceFacts,
    config: Texts,
    env: Texts,
    host: Option<String>,
    secrets: Vec<RemoteSecretFacts>,
    /// Calls and callers that are deployed here, with their real namespaces.
    calls: Vec<CallFacts>,
    callers: Vec<CallFacts>,
    /// Key in the secret store of the database credential.
    database_key: Option<String>,
    pub(super) image: Option<Image>,
    pub(super) images: Vec<Image>,
    pub(super) extra: ExtraFacts,
    pub(super) reads: Vec<String>,
}

#[derive(Clone, Copy, Debug, Serialize)]
struct BoundFacts {
    min: u32,
    max: u32,
}

#[derive(Clone, Debug, Serialize)]
struct RemoteSecretFacts {
    name: String,
    key: String,
    keys: Texts,
}

impl ServiceFacts {
    /// Registry, path and name of the image.
    pub(super) fn repository(&self) -> &str {
        &self.repository
    }
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
            .map(|entry| (entry.name.clone(), service(entry, catalog, &archetypes, &environments)))
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

fn service(
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
        elasticsearch: service.store.elasticsearch.is_some_and(|used| used.value),
        state: service.store.state.is_some_and(|used| used.value),
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

fn ports(service: &Service) -> PortFacts {
    PortFacts {
        http: service.ports.http.map(|port| port.value).unwrap_or_default(),
        grpc: service.ports.grpc.map(|port| port.value),
    }
}

fn uses_dapr(service: &Service) -> bool {
    let state = service.store.state.is_some_and(|used| used.value);
    state || !service.publishes.is_empty() || !service.consumes.is_empty()
}

fn is_legacy_client(name: &str, platform: &Platform) -> bool {
    let legacy = platform.databases.as_ref().and_then(|databases| databases.legacy.as_ref());
    legacy.is_some_and(|legacy| legacy.clients.iter().any(|client| client.value == name))
}

fn secrets(service: &Service) -> Vec<SecretFacts> {
    let facts = |secret: &crate::catalog::Secret| SecretFacts {
        name: secret.name.as_ref().map_or("", |name| name.as_str()).to_owned(),
        external: secret.external,
        keys: texts(&secret.keys),
    };
    service.secrets.iter().map(facts).collect()
}

fn store(service: &Service, platform: &Platform) -> Option<StoreFacts> {
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
fn call(callee: &str, caller: &Service, catalog: &Catalog) -> Option<CallFacts> {
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
fn callers(name: &str, catalog: &Catalog) -> Vec<CallFacts> {
    let calls = |entry: &&Entry| entry.service.calls.iter().any(|callee| callee.value == name);
    let callers = catalog.services.iter().filter(calls);
    let caller = |entry: &Entry| {
        let namespace = entry.service.namespace.as_ref().map(|namespace| namespace.value.clone());
        Some(CallFacts { name: entry.name.clone(), namespace, ..call(name, &entry.service, catalog)? })
    };
    callers.filter_map(caller).collect()
}

fn event(consumed: &crate::catalog::Consumed) -> EventFacts {
    EventFacts { event: consumed.event.clone(), route: consumed.route.clone(), name: consumed.event.replace('.', "-") }
}

/// A resource profile with what a service says otherwise.
fn resources(service: &Service, platform: &Platform, profile: &str) -> ResourceFacts {
    let mut facts = ResourceFacts::default();
    let layers = [platform.profiles.get(profile), service.resources.get(profile)];
    for Resources { requests, limits } in layers.into_iter().flatten() {
        facts.requests.extend(requests.iter().map(|(name, amount)| (name.value.clone(), amount.value.clone())));
        facts.limits.extend(limits.iter().map(|(name, amount)| (name.value.clone(), amount.value.clone())));
    }
    facts
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Startup,
    Liveness,
    Readiness,
}

/// A complete Kubernetes Probe. Liveness asks gRPC; without gRPC, and without a path of its own, it only opens the port,
/// since asking what readiness asks would restart pods that are merely busy. Startup asks what liveness asks, which
/// `like` says, unless it says otherwise itself.
fn probe(own: &Probe, kind: Kind, ports: PortFacts, like: &Probe) -> serde_json::Value {
    let says = if own.grpc.is_some() || own.path.is_some() { own } else { like };
    let wants_grpc = says.grpc.map_or(kind != Kind::Readiness && says.path.is_none(), |grpc| grpc.value);
    let path = says.path.as_deref().or((kind == Kind::Readiness).then_some("/health"));
    let mut probe = match (ports.grpc.filter(|_| wants_grpc), path) {
        (Some(port), _) => json!({"grpc": {"port": port}}),
        (None, Some(path)) => json!({"httpGet": {"path": path, "port": "http"}}),
        (None, None) if says.grpc.is_some() => json!({"httpGet": {"path": "/health", "port": "http"}}),
        (None, None) => json!({"tcpSocket": {"port": "http"}}),
    };
    // A startup probe tells a slow start from a dead one: two and a half minutes.
    let (delay, period, failures) = match kind {
        Kind::Startup => (0, 5, 30),
        Kind::Liveness => (10, 30, 3),
        Kind::Readiness => (5, 10, 3),
    };
    for (key, value) in [
        ("initialDelaySeconds", own.initial_delay_seconds.unwrap_or(delay)),
        ("periodSeconds", own.period_seconds.unwrap_or(period)),
        ("timeoutSeconds", own.timeout_seconds.unwrap_or(3)),
        ("failureThreshold", own.failure_threshold.unwrap_or(failures)),
    ] {
        if value > 0 {
            probe[key] = value.into();
        }
    }
    probe
}

/// Bounds in an environment: the service's own for it, else the environment's, else the service's general ones.
fn bounds(service: &Service, environment: &Environment, name: &str) -> Option<BoundFacts> {
    let general = service.autoscaling.as_ref()?.bounds();
    let own = service.environments.get(name).and_then(|variation| variation.autoscaling.as_ref());
    let Bounds { min, max } = own.map(|own| own.value).or(environment.autoscaling).unwrap_or(general);
    let min = min.map_or(1, |min| min.value);
    Some(BoundFacts { min, max: max.map_or(min, |max| max.value) })
}

/// Replicas in an environment, the fewest where the service scales by itself.
fn fewest_replicas(service: &Service, role: &str, environment: &Environment, name: &str) -> u32 {
    let own = service.environments.get(name).and_then(|variation| variation.replicas);
    let is_critical = (service.critical || role == "gateway") && environment.highly_available;
    match (bounds(service, environment, name), own) {
        (Some(bounds), _) => bounds.min,
        (None, Some(own)) => own.value,
        (None, None) => environment.replicas.max(if is_critical { CRITICAL_REPLICAS } else { 0 }),
    }
}

/// The key of a secret in the store.
fn remote_key(platform: &Platform, environment: &str, name: &str) -> String {
    platform.secrets.path.replace("{environment}", environment).replace("{name}", name)
}

/// A service in an environment, without what lies in the tree.
pub(super) fn instance(
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

impl ExtraFacts {
    /// What a catalog entry names, relative to the folder of a kustomization, after what was found beside it.
    pub(super) fn of(folder: &str, found: Found, named: &crate::catalog::Extra) -> Self {
        let relative = |paths: &[Spanned<String>], before: Vec<String>| {
            let mut all = before;
            for path in paths.iter().map(|path| relative(folder, path)) {
                if !all.contains(&path) {
                    all.push(path);
                }
            }
            all
        };
        Self {
            resources: relative(&named.resources, found.resources),
            patches: relative(&named.patches, found.patches),
            components: relative(&named.components, Vec::new()),
        }
    }
}

/// A path from the root of the repository as seen from a folder.
fn relative(folder: &str, path: &str) -> String {
    let (from, to): (Vec<_>, Vec<_>) = (folder.split('/').collect(), path.split('/').collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = vec![".."; from.len() - shared];
    [&up[..], &to[shared..]].concat().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_folder() {
        assert_eq!(relative("gitops/apps/a/base", "gitops/apps/a/base/extra/x.yaml"), "extra/x.yaml");
        assert_eq!(relative("gitops/apps/a/base", "components/mesh"), "../../../../components/mesh");
    }
}
