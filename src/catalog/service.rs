//! What services/<name>.yaml says. The schema judges shapes and types before; every field may be absent here.

use indexmap::IndexMap;
use serde::de::{Deserializer, Error as _};
use serde::{Deserialize, Serialize};

use crate::catalog::platform::{Bounds, Map, Resources};
use crate::yaml::Spanned;

/// One service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Service {
    /// Its name, which is the file's stem.
    pub name: Option<Spanned<String>>,
    /// The archetype it is rendered from.
    pub archetype: Option<Spanned<String>>,
    /// Its business domain.
    pub domain: Option<Spanned<String>>,
    /// The team that owns it; default: the domain's.
    pub owner: Option<Spanned<String>>,
    /// What it does.
    pub description: String,
    /// How long it lives.
    pub lifetime: Lifetime,
    /// Whether it is on the money path.
    pub critical: bool,
    /// Its ports.
    pub ports: Ports,
    /// What differs from the default probes.
    pub probes: Probes,
    /// Arguments of the container.
    pub args: Vec<String>,
    /// Environment variables of the container.
    pub env: Map<String>,
    /// Entries of the ConfigMap.
    pub config: Map<String>,
    /// Secrets it gets as environment variables.
    pub secrets: Vec<Secret>,
    /// What it keeps its data in.
    pub store: ServiceStore,
    /// Schema migrations.
    pub migrations: Option<Spanned<Migrations>>,
    /// Services whose API it uses.
    pub calls: Vec<Spanned<String>>,
    /// Addresses outside of the cluster that it reaches.
    pub egress: Vec<Egress>,
    /// Events it publishes.
    pub publishes: Vec<Spanned<String>>,
    /// Events it consumes.
    pub consumes: Vec<Spanned<Consumed>>,
    /// What differs from the platform's profiles.
    pub resources: Map<Resources>,
    /// Present: it scales by itself.
    pub autoscaling: Option<Autoscaling>,
    /// What differs in an environment.
    pub environments: Map<Variation>,
    /// Sync wave; default: that of the archetype's role.
    pub wave: Option<i32>,
    /// A namespace of its own.
    pub namespace: Option<Spanned<String>>,
    /// How the outside reaches it.
    pub ingress: Option<Ingress>,
    /// Tag of the image when an overlay is first rendered.
    pub initial_tag: Option<String>,
    /// Policies that do not hold for it.
    pub waivers: Vec<Waiver>,
    /// Parameters of a repository's own archetype.
    pub params: IndexMap<String, serde_json::Value>,
    /// A person's own resources, patches and components.
    pub extra: Extra,
}

/// How long a service lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Lifetime {
    /// For good.
    #[default]
    Permanent,
    /// Until the migration is over.
    Cutover,
}

/// Ports of a service.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ports {
    /// Health, metrics and REST.
    pub http: Option<Spanned<u16>>,
    /// gRPC, where the service has it.
    pub grpc: Option<Spanned<u16>>,
}

/// What differs from the default probes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Probes {
    /// Restarts the container.
    pub liveness: Probe,
    /// Takes the pod out of its Service.
    pub readiness: Probe,
    /// Holds the other two back while the container starts.
    pub startup: Probe,
}

/// What differs from a default probe.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Probe {
    /// Whether it asks the gRPC health service.
    pub grpc: Option<Spanned<bool>>,
    /// GET this path on the HTTP port.
    pub path: Option<String>,
    /// Seconds before the first one.
    pub initial_delay_seconds: Option<u32>,
    /// Seconds between two.
    pub period_seconds: Option<u32>,
    /// Seconds until an answer counts as missing.
    pub timeout_seconds: Option<u32>,
    /// Failures in a row that count.
    pub failure_threshold: Option<u32>,
}

/// A Secret that a service gets as environment variables.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Secret {
    /// Name of the Secret.
    pub name: Option<Spanned<String>>,
    /// Whether someone else makes it.
    pub external: bool,
    /// Environment variable: key in the store.
    pub keys: Map<String>,
}

/// What a service keeps its data in.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServiceStore {
    /// Its own database.
    pub database: Option<Spanned<String>>,
    /// Whether it uses the search index.
    pub elasticsearch: Option<Spanned<bool>>,
    /// Whether it uses Dapr's state store.
    pub state: Option<Spanned<bool>>,
}

/// Schema migrations.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Migrations {
    /// Arguments of the container.
    pub args: Vec<String>,
}

impl Default for Migrations {
    fn default() -> Self {
        Self { args: vec!["migrate".to_owned(), "up".to_owned()] }
    }
}

/// An address outside of the cluster that a service reaches.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Egress {
    /// Address range.
    pub cidr: String,
    /// TCP port.
    pub port: u16,
    /// Who is there.
    pub description: String,
}

/// An event that a service consumes, and the route that takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consumed {
    /// The event.
    pub event: String,
    /// The route that Dapr posts it to.
    pub route: String,
}

impl<'de> Deserialize<'de> for Consumed {
    /// An event alone, or a mapping of event and route.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
        let event = text(&value).or_else(|| text(&value["event"])).ok_or_else(|| D::Error::custom("no event"))?;
        let route = text(&value["route"]).unwrap_or_else(|| format!("/events/{}", event.replace('.', "-")));
        Ok(Self { event, route })
    }
}

/// How a service scales by itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Autoscaling {
    /// Fewest replicas.
    pub min: Option<Spanned<u32>>,
    /// Most replicas.
    pub max: Option<Spanned<u32>>,
    /// Target utilization of the requested CPU, in percent.
    pub cpu: Option<u32>,
    /// Target utilization of the requested memory, in percent.
    pub memory: Option<u32>,
}

impl Autoscaling {
    /// Fewest and most replicas.
    pub fn bounds(&self) -> Bounds {
        Bounds { min: self.min, max: self.max }
    }
}

/// What differs in an environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Variation {
    /// Whether the service is deployed there.
    pub enabled: bool,
    /// Replicas of a service that does not scale by itself.
    pub replicas: Option<Spanned<u32>>,
    /// Bounds of a service that does.
    pub autoscaling: Option<Spanned<Bounds>>,
    /// Resource profile.
    pub profile: Option<Spanned<String>>,
    /// Entries of the ConfigMap.
    pub config: Map<String>,
    /// Environment variables.
    pub env: Map<String>,
    /// A person's own resources, patches and components.
    pub extra: Extra,
}

impl Default for Variation {
    fn default() -> Self {
        Self {
            enabled: true,
            replicas: None,
            autoscaling: None,
            profile: None,
            config: Map::default(),
            env: Map::default(),
            extra: Extra::default(),
        }
    }
}

/// How the outside reaches a service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Ingress {
    /// IngressClass.
    pub class: String,
    /// ClusterIssuer of cert-manager.
    pub issuer: Option<String>,
    /// Namespace of the ingress controller.
    pub namespace: Option<String>,
    /// Host name by environment.
    pub hosts: Map<String>,
}

/// A policy that does not hold for a service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Waiver {
    /// Its id.
    pub policy: Option<Spanned<String>>,
    /// Why.
    pub reason: String,
    /// Last day, `YYYY-MM-DD`.
    pub until: Option<String>,
}

/// A person's own resources, patches and components, by path from the root of the repository.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Extra {
    /// Files beside the kustomization, or folders with a kustomization.
    pub resources: Vec<Spanned<String>>,
    /// Files beside the kustomization.
    pub patches: Vec<Spanned<String>>,
    /// Folders with a Component.
    pub components: Vec<Spanned<String>>,
}
