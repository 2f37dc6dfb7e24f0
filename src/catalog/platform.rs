//! What gitopsctl.yaml says. The schema judges shapes and types before; every field may be absent here.

use indexmap::IndexMap;
use serde::Deserialize;

use crate::catalog::policies::Policies;
use crate::catalog::release::{Release, Way};
use crate::yaml::Spanned;

/// A map that keeps the order of the file and the places of its keys.
pub(super) type Map<T> = IndexMap<Spanned<String>, T>;

/// `gitopsctl.yaml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Platform {
    /// Name of the platform.
    pub platform: Option<Spanned<String>>,
    /// Version of the built-in templates that the tree was rendered with.
    pub template_version: Option<Spanned<u32>>,
    /// The release of Kustomize that Argo CD has; default: v5.8.1.
    pub kustomize_version: Option<Spanned<String>>,
    /// Registry and path of the services' images.
    pub registry: Option<Spanned<String>>,
    /// The Git repository that Argo CD reads.
    pub repository: Option<Repository>,
    /// Where Argo CD itself runs.
    pub argocd: ArgoCd,
    /// Teams and their handles in CODEOWNERS.
    pub owners: Map<String>,
    /// Business domains.
    pub domains: Map<Domain>,
    /// Environments in the order of promotion.
    pub environments: Map<Environment>,
    /// How releases are written.
    pub release: Release,

    /// Sync waves by role.
    pub waves: Waves,
    /// Resource profiles.
    pub profiles: Map<Resources>,
    /// Dapr's building blocks.
    pub dapr: Option<Dapr>,
    /// The broker behind Dapr.
    pub redis: Option<Redis>,
    /// The search index.
    pub elasticsearch: Option<Elasticsearch>,
    /// The PostgreSQL server.
    pub databases: Option<Databases>,
    /// Where secrets come from.
    pub secrets: Secrets,
    /// Where Prometheus runs.
    pub monitoring: Option<Monitoring>,
    /// Feature flags.
    pub flags: Option<Flags>,
    /// Settings of `lint`.
    pub policies: Policies,
    /// Where things lie in a repository that gitopsctl does not render.
    pub layout: Layout,
}

/// The Git repository that Argo CD reads.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Repository {
    /// Its URL, without credentials.
    #[serde(default)]
    pub url: Option<String>,
    /// Branch or tag that Argo CD follows.
    #[serde(default = "main")]
    pub revision: String,
}

fn main() -> String {
    "main".to_owned()
}

/// Where Argo CD itself runs.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ArgoCd {
    /// Its namespace.
    pub namespace: String,
    /// API server of its cluster as it sees it.
    pub cluster: String,
    /// The clusters that it deploys to, for generators of ApplicationSets that ask for them.
    pub clusters: Vec<Cluster>,
    /// Kinds that argocd-cm has a health check for, as `group/Kind`.
    pub health_checks: Vec<String>,
}

/// A cluster that Argo CD deploys to.
#[derive(Clone, Debug, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Cluster {
    /// Its name in Argo CD.
    pub name: String,
    /// Its API server.
    pub server: String,
    /// Labels of its Secret in Argo CD.
    pub labels: IndexMap<String, String>,
    /// Annotations of its Secret in Argo CD.
    pub annotations: IndexMap<String, String>,
}

/// The API server of the cluster in which a pod runs.
const OWN_CLUSTER: &str = "https://kubernetes.default.svc";

impl Default for ArgoCd {
    fn default() -> Self {
        Self {
            namespace: "argocd".to_owned(),
            cluster: OWN_CLUSTER.to_owned(),
            clusters: Vec::new(),
            health_checks: Vec::new(),
        }
    }
}

/// A business domain.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Domain {
    /// What it is about.
    pub description: String,
    /// The team that owns its services.
    pub owner: Option<Spanned<String>>,
}

/// An environment.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Environment {
    /// API server of its cluster.
    pub cluster: String,
    /// Its namespace; default: its name.
    pub namespace: Option<Spanned<String>>,
    /// Resource profile of its pods.
    pub profile: Option<Spanned<String>>,
    /// Replicas of a service that does not scale by itself.
    pub replicas: u32,
    /// Bounds of services that scale by themselves.
    pub autoscaling: Option<Bounds>,
    /// Whether pods are spread over nodes and zones.
    pub highly_available: bool,
    /// Size of the database server.
    pub databases: DatabaseSize,
    /// Size of the search index.
    pub elasticsearch: ElasticsearchSize,
    /// Real names of the namespaces that services name.
    pub namespaces: Map<Spanned<String>>,
    /// How releases reach it.
    pub release: Way,
}

impl Environment {
    /// Whether releases reach it by a merge request.
    pub fn is_by_merge_request(&self) -> bool {
        self.release == Way::MergeRequest
    }
}

impl Default for Environment {
    fn default() -> Self {
        Self {
            cluster: OWN_CLUSTER.to_owned(),
            namespace: None,
            profile: None,
            replicas: 1,
            autoscaling: None,
            highly_available: false,
            databases: DatabaseSize::default(),
            elasticsearch: ElasticsearchSize::default(),
            namespaces: Map::default(),
            release: Way::Push,
        }
    }
}

/// How large the database server of an environment is.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DatabaseSize {
    /// Servers, one of them the primary.
    pub instances: u32,
    /// Disk of each.
    pub storage: String,
}

impl Default for DatabaseSize {
    fn default() -> Self {
        Self { instances: 1, storage: "10Gi".to_owned() }
    }
}

/// How large the search index of an environment is.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ElasticsearchSize {
    /// Nodes.
    pub replicas: u32,
}

impl Default for ElasticsearchSize {
    fn default() -> Self {
        Self { replicas: 1 }
    }
}

/// Fewest and most replicas.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Bounds {
    /// Fewest.
    pub min: Option<Spanned<u32>>,
    /// Most.
    pub max: Option<Spanned<u32>>,
}
/// Sync waves by role.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Waves {
    databases: Option<Spanned<i32>>,
    dapr: Option<Spanned<i32>>,
    services: Option<Spanned<i32>>,
    gateway: Option<Spanned<i32>>,
}

impl Waves {
    /// The roles in the order in which they come up, each with its wave and, where the file says it, its place.
    pub fn ladder(&self) -> [(&'static str, i32, Option<crate::source::Span>); 4] {
        let rung = |role, set: &Option<Spanned<i32>>, default| {
            (role, set.map_or(default, |wave| wave.value), set.map(|wave| wave.span))
        };
        [
            rung("databases", &self.databases, 0),
            rung("dapr", &self.dapr, 1),
            rung("services", &self.services, 2),
            rung("gateway", &self.gateway, 3),
        ]
    }

    /// The wave of a role.
    pub fn of(&self, role: &str) -> Option<i32> {
        self.ladder().into_iter().find(|(name, ..)| *name == role).map(|(_, wave, _)| wave)
    }
}

/// Requests and limits.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Resources {
    /// What the scheduler reserves.
    pub requests: Map<Spanned<String>>,
    /// What the kernel allows.
    pub limits: Map<Spanned<String>>,
}

/// Dapr's building blocks.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Dapr {
    /// Namespace of the control plane.
    pub namespace: String,
    /// Name of the pub/sub component.
    pub pubsub: String,
    /// Name of the state store.
    pub state_store: String,
}

impl Default for Dapr {
    fn default() -> Self {
        Self { namespace: "dapr-system".to_owned(), pubsub: "pubsub".to_owned(), state_store: "statestore".to_owned() }
    }
}

/// The broker behind Dapr.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redis {
    /// Image with tag.
    #[serde(default)]
    pub image: String,
    /// Disk.
    #[serde(default = "one_gibibyte")]
    pub storage: String,
}

fn one_gibibyte() -> String {
    "1Gi".to_owned()
}

/// The search index.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Elasticsearch {
    /// Image with tag.
    #[serde(default)]
    pub image: String,
    /// Disk of a node.
    #[serde(default = "ten_gibibytes")]
    pub storage: String,
    /// Java heap.
    #[serde(default = "one_gigabyte")]
    pub heap: String,
}

fn ten_gibibytes() -> String {
    "10Gi".to_owned()
}

fn one_gigabyte() -> String {
    "1g".to_owned()
}

/// Who runs PostgreSQL.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The operator CloudNativePG.
    #[default]
    CloudnativePg,
    /// A plain StatefulSet.
    Statefulset,
}

/// The PostgreSQL server.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Databases {
    /// Who runs it.
    #[serde(default)]
    pub engine: Engine,
    /// The Service by which it is reached.
    #[serde(default = "platform_db")]
    pub host: String,
    /// Image with tag.
    #[serde(default)]
    pub image: String,
    /// How it is backed up.
    #[serde(default)]
    pub backup: Option<Backup>,
    /// The database of the system that is being replaced.
    #[serde(default)]
    pub legacy: Option<Legacy>,
}

fn platform_db() -> String {
    "platform-db".to_owned()
}

/// How the database server is backed up.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backup {
    /// Five cron fields.
    #[serde(default)]
    pub schedule: String,
    /// VolumeSnapshotClass for cloudnative-pg.
    #[serde(default)]
    pub snapshot_class: Option<String>,
    /// Days that backups are kept.
    #[serde(default = "thirty_days")]
    pub retention: String,
}

fn thirty_days() -> String {
    "30d".to_owned()
}

/// The database of the system that is being replaced.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Legacy {
    /// The Service by which it is reached.
    #[serde(default = "magento_db")]
    pub alias: String,
    /// Where it really is.
    #[serde(default)]
    pub host: String,
    /// Its port.
    #[serde(default = "mysql_port")]
    pub port: u16,
    /// Its address range.
    #[serde(default)]
    pub cidr: String,
    /// The services that may talk to it.
    #[serde(default)]
    pub clients: Vec<Spanned<String>>,
}

fn magento_db() -> String {
    "magento-db".to_owned()
}

fn mysql_port() -> u16 {
    3306
}

/// Where secrets come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Secrets {
    /// The store of External Secrets.
    pub store: Option<Store>,
    /// How often a secret is read again.
    pub refresh_interval: String,
    /// Key in the store, with `{environment}` and `{name}`.
    pub path: String,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { store: None, refresh_interval: "1h".to_owned(), path: "{environment}/{name}".to_owned() }
    }
}

/// A store of External Secrets.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Store {
    /// ClusterSecretStore or SecretStore.
    #[serde(default = "cluster_secret_store")]
    pub kind: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
}

fn cluster_secret_store() -> String {
    "ClusterSecretStore".to_owned()
}

/// Where Prometheus runs.
#[derive(Clone, Debug, Deserialize, serde::Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Monitoring {
    /// Its namespace.
    pub namespace: String,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self { namespace: "monitoring".to_owned() }
    }
}

/// Feature flags.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Flags {
    /// The ConfigMap that holds them.
    #[serde(default = "feature_flags")]
    pub config_map: String,
    /// Flags and the values they begin with.
    #[serde(default)]
    pub values: Map<String>,
}

fn feature_flags() -> String {
    "feature-flags".to_owned()
}

/// Where things lie in a repository that gitopsctl does not render.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Layout {
    /// Such as `apps/{service}/overlays/{environment}`.
    pub patterns: Vec<Spanned<String>>,
}
