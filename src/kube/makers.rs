//! What makes ConfigMaps, Secrets and pods without being one: kinds of operators, and what they call what they make.
//!
//! Sources: the documentation of each operator. A kind that is not listed may make anything.

use crate::yaml::data::Datum;

/// The keys of a ConfigMap or Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys<'a> {
    /// Only what runs in the cluster knows them.
    Any,
    /// These, and no others.
    Known(Vec<&'a str>),
}

impl Keys<'_> {
    /// Whether a key is there, or may be.
    pub fn may_have(&self, key: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Known(keys) => keys.contains(&key),
        }
    }
}

/// An object that another one makes, or that it is itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made<'a> {
    /// `ConfigMap` or `Secret`.
    pub kind: &'static str,
    /// Another namespace than the maker's; `*` for any.
    pub namespace: Option<&'a str>,
    /// Its name.
    pub name: String,
    /// Its keys.
    pub keys: Keys<'a>,
}

fn secret(name: impl Into<String>, keys: Keys<'_>) -> Made<'_> {
    Made { kind: "Secret", namespace: None, name: name.into(), keys }
}

fn config_map(name: impl Into<String>, keys: Keys<'_>) -> Made<'_> {
    Made { kind: "ConfigMap", ..secret(name, keys) }
}

/// The ConfigMaps and Secrets that an object is or makes.
pub fn made_by<'a>(group: &str, kind: &str, name: &str, root: &'a Datum) -> Vec<Made<'a>> {
    let spec = root.get("spec");
    let at = |path: &[&str]| spec.and_then(|spec| spec.at(path.iter().copied())).map_or("", Datum::text);
    let or_own = |text: &str| if text.is_empty() { name.to_owned() } else { text.to_owned() };
    let items = |path: &[&str]| spec.and_then(|spec| spec.at(path.iter().copied())).map_or(&[][..], Datum::items);
    let any = |names: &[&str]| -> Vec<Made<'a>> {
        names.iter().map(|suffix| secret(format!("{name}{suffix}"), Keys::Any)).collect()
    };
    let mut made = match (group, kind) {
        ("", "ConfigMap") => vec![spread(root, config_map(name, config_keys(root)))],
        ("", "Secret") => vec![spread(root, secret(name, secret_keys(root)))],
        ("", "Service") => served(root),
        ("external-secrets.io", "ExternalSecret") => {
            vec![secret(or_own(at(&["target", "name"])), spec.map_or(Keys::Any, external_keys))]
        }
        ("external-secrets.io", "ClusterExternalSecret") => {
            let inner = spec.and_then(|spec| spec.get("externalSecretSpec"));
            let target = inner.and_then(|inner| inner.at(["target", "name"])).map_or("", Datum::text);
            let target = if target.is_empty() { at(&["externalSecretName"]) } else { target };
            vec![Made { namespace: Some("*"), ..secret(or_own(target), inner.map_or(Keys::Any, external_keys)) }]
        }
        ("bitnami.com", "SealedSecret") => {
            let keys = |path: &[&str]| {
                let map = spec.and_then(|spec| spec.at(path.iter().copied()));
                map.map_or(&[][..], Datum::pairs).iter().map(|(key, _)| key.text())
            };
            let known = keys(&["encryptedData"]).chain(keys(&["template", "data"])).collect();
            vec![secret(or_own(at(&["template", "metadata", "name"])), Keys::Known(known))]
        }
        ("cert-manager.io", "Certificate") => {
            let has_more = ["additionalOutputFormats", "keystores", "secretTemplate"]
                .iter()
                .any(|field| spec.is_some_and(|spec| spec.get(field).is_some()));
            let keys = if has_more { Keys::Any } else { Keys::Known(vec!["tls.crt", "tls.key", "ca.crt"]) };
            vec![secret(at(&["secretName"]), keys)]
        }
        ("cert-manager.io", "Issuer" | "ClusterIssuer") => {
            let made = secret(at(&["acme", "privateKeySecretRef", "name"]), Keys::Any);
            vec![Made { namespace: (kind == "ClusterIssuer").then_some("*"), ..made }]
        }
        ("trust.cert-manager.io", "Bundle") => ["ConfigMap", "Secret"]
            .into_iter()
            .map(|kind| Made { kind, namespace: Some("*"), ..secret(name, Keys::Any) })
            .collect(),
        ("postgresql.cnpg.io", "Cluster") => any(&["-app", "-superuser", "-ca", "-server", "-replication"]),
        ("postgres-operator.crunchydata.com", "PostgresCluster") => {
            let users = items(&["users"]).iter().map(|user| format!("{name}-pguser-{}", user.text_of("name")));
            users.chain([format!("{name}-pguser-{name}")]).map(|name| secret(name, Keys::Any)).collect()
        }
        ("kafka.strimzi.io", "Kafka") => {
            any(&["-cluster-ca-cert", "-cluster-ca", "-clients-ca-cert", "-clients-ca", "-cluster-operator-certs"])
        }
        ("elasticsearch.k8s.elastic.co", "Elasticsearch") => any(&[
            "-es-elastic-user",
            "-es-http-certs-public",
            "-es-http-certs-internal",
            "-es-http-ca-internal",
            "-es-transport-certs-public",
        ]),
        ("kibana.k8s.elastic.co", "Kibana") => any(&["-kb-http-certs-public", "-kb-http-certs-internal"]),
        ("rabbitmq.com", "RabbitmqCluster") => any(&["-default-user", "-erlang-cookie"]),
        ("rabbitmq.com", "User") => any(&["-user-credentials"]),
        ("secrets-store.csi.x-k8s.io", "SecretProviderClass") => items(&["secretObjects"])
            .iter()
            .map(|entry| {
                let keys = entry.get("data").map_or(&[][..], Datum::items).iter().map(|item| item.text_of("key"));
                secret(entry.text_of("secretName"), Keys::Known(keys.collect()))
            })
            .collect(),
        ("secrets.hashicorp.com", _) => vec![secret(or_own(at(&["destination", "name"])), Keys::Any)],
        ("secrets.infisical.com", "InfisicalSecret") => {
            let many = items(&["managedKubeSecretReferences"]).iter().map(|entry| entry.text_of("secretName"));
            let names = many.chain([at(&["managedSecretReference", "secretName"])]);
            names.map(|name| Made { namespace: Some("*"), ..secret(name, Keys::Any) }).collect()
        }
        ("secrets.doppler.com", "DopplerSecret") => {
            vec![Made { namespace: Some("*"), ..secret(at(&["managedSecret", "name"]), Keys::Any) }]
        }
        ("kafka.strimzi.io", "KafkaUser")
        | ("onepassword.com", "OnePasswordItem")
        | ("ricoberger.de", "VaultSecret") => any(&[""]),
        ("spv.no", "AzureKeyVaultSecret") => {
            vec![secret(or_own(at(&["output", "secret", "name"])), Keys::Any)]
        }
        ("isindir.github.com", "SopsSecret") => {
            let templates = items(&["secretTemplates"]).iter().chain(items(&["secret_templates"]));
            templates.map(|entry| secret(entry.text_of("name"), Keys::Any)).collect()
        }
        ("objectbucket.io", "ObjectBucketClaim") => {
            vec![secret(name, Keys::Any), config_map(name, Keys::Any)]
        }
        ("servicecatalog.k8s.io", "ServiceBinding") => vec![secret(or_own(at(&["secretName"])), Keys::Any)],
        ("kyverno.io", "ClusterPolicy" | "Policy") => items(&["rules"])
            .iter()
            .filter_map(|rule| {
                let generate = rule.get("generate")?;
                let kind = ["ConfigMap", "Secret"].into_iter().find(|kind| generate.text_of("kind") == *kind)?;
                Some(Made { kind, namespace: Some("*"), ..secret(generate.text_of("name"), Keys::Any) })
            })
            .collect(),
        ("networking.k8s.io", "Ingress") if is_issued(root) => {
            items(&["tls"]).iter().map(|entry| secret(entry.text_of("secretName"), Keys::Any)).collect()
        }
        ("gateway.networking.k8s.io", "Gateway") if is_issued(root) => items(&["listeners"])
            .iter()
            .filter_map(|listener| listener.at(["tls", "certificateRefs"]))
            .flat_map(Datum::items)
            .map(|entry| secret(entry.text_of("name"), Keys::Any))
            .collect(),
        _ => Vec::new(),
    };
    // Crossplane's way, which others follow.
    if let Some(target) = spec.and_then(|spec| spec.get("writeConnectionSecretToRef")) {
        let namespace = Some(target.text_of("namespace")).filter(|namespace| !namespace.is_empty());
        made.push(Made { namespace, ..secret(target.text_of("name"), Keys::Any) });
    }
    made.retain(|made| !made.name.is_empty());
    made
}

/// What copies an object into other namespaces says so in its annotations.
fn spread<'a>(root: &'a Datum, made: Made<'a>) -> Made<'a> {
    let annotations = root.at(["metadata", "annotations"]).map_or(&[][..], Datum::pairs);
    let copies = |key: &str| {
        key.starts_with("reflector.v1.k8s.emberstack.com/")
            || key.starts_with("replicator.v1.mittwald.de/")
            || key.starts_with("kubed.appscode.com/")
    };
    let Some((key, _)) = annotations.iter().find(|(key, _)| copies(key.text())) else { return made };
    let keys = if key.text().ends_with("-from") { Keys::Any } else { made.keys };
    Made { namespace: Some("*"), keys, ..made }
}

/// Whether someone in the cluster fills what is written empty.
fn is_filled_later(root: &Datum) -> bool {
    let texts = |field: &str| root.at(["metadata", field]).map_or(&[][..], Datum::pairs).iter();
    texts("annotations")
        .chain(texts("labels"))
        .any(|(key, _)| key.text().contains("inject") || key.text().contains("-from"))
}

fn config_keys(root: &Datum) -> Keys<'_> {
    if is_filled_later(root) {
        return Keys::Any;
    }
    let fields = ["data", "binaryData"].into_iter().filter_map(|field| root.get(field));
    Keys::Known(fields.flat_map(Datum::pairs).map(|(key, _)| key.text()).collect())
}

fn secret_keys(root: &Datum) -> Keys<'_> {
    let fields = ["data", "stringData"].into_iter().filter_map(|field| root.get(field));
    let keys: Vec<&str> = fields.flat_map(Datum::pairs).map(|(key, _)| key.text()).collect();
    // An empty Secret waits for a person or a controller: Argo CD's own is one.
    if keys.is_empty() || root.text_of("type") == "kubernetes.io/service-account-token" || is_filled_later(root) {
        return Keys::Any;
    }
    Keys::Known(keys)
}

/// `spec` of an ExternalSecret.
fn external_keys(spec: &Datum) -> Keys<'_> {
    let template = spec.at(["target", "template"]);
    let templated = template.and_then(|template| template.get("data")).filter(|data| !data.is_empty());
    let has_other = template.is_some_and(|template| template.get("templateFrom").is_some_and(|from| !from.is_empty()));
    if has_other || matches!(spec.at(["target", "creationPolicy"]).map_or("", Datum::text), "Merge" | "None") {
        return Keys::Any;
    }
    let of_template = templated.map_or(&[][..], Datum::pairs).iter().map(|(key, _)| key.text());
    // By default a template replaces what was fetched.
    if templated.is_some() && template.is_some_and(|template| template.text_of("mergePolicy") != "Merge") {
        return Keys::Known(of_template.collect());
    }
    if spec.get("dataFrom").is_some_and(|from| !from.is_empty()) {
        return Keys::Any;
    }
    let fetched = spec.get("data").map_or(&[][..], Datum::items).iter().map(|entry| entry.text_of("secretKey"));
    Keys::Known(fetched.chain(of_template).collect())
}

/// OpenShift makes the certificate that a Service asks for.
fn served(root: &Datum) -> Vec<Made<'_>> {
    let annotations = root.at(["metadata", "annotations"]).map_or(&[][..], Datum::pairs);
    let asks = annotations.iter().filter(|(key, _)| key.text().ends_with(".openshift.io/serving-cert-secret-name"));
    asks.map(|(_, name)| secret(name.text(), Keys::Known(vec!["tls.crt", "tls.key"]))).collect()
}

/// Whether cert-manager makes the certificates that an object names.
fn is_issued(root: &Datum) -> bool {
    let annotations = root.at(["metadata", "annotations"]).map_or(&[][..], Datum::pairs);
    annotations.iter().any(|(key, _)| {
        matches!(
            key.text(),
            "cert-manager.io/cluster-issuer"
                | "cert-manager.io/issuer"
                | "kubernetes.io/tls-acme"
                | "cert-manager.io/issuer-kind"
        )
    })
}

/// Objects that a cluster has in every namespace, or of its own: kind and name.
const EVERYWHERE: &[(&str, &str)] = &[
    ("ConfigMap", "kube-root-ca.crt"),
    ("ConfigMap", "openshift-service-ca.crt"),
    ("ConfigMap", "istio-ca-root-cert"),
    ("ConfigMap", "linkerd-identity-trust-roots"),
    ("Secret", "dapr-trust-bundle"),
    ("ServiceAccount", "default"),
    // OpenShift's.
    ("ServiceAccount", "builder"),
    ("ServiceAccount", "deployer"),
    ("ServiceAccount", "pipeline"),
];

/// Whether a cluster brings an object with it.
pub fn is_everywhere(kind: &str, namespace: &str, name: &str) -> bool {
    EVERYWHERE.contains(&(kind, name))
        || matches!(namespace, "kube-system" | "kube-public" | "kube-node-lease")
        || kind == "Secret" && name.ends_with(".credentials.postgresql.acid.zalan.do")
}

/// Groups of custom resources that neither run pods nor make Secrets or ConfigMaps: routes, rules, scaling, settings.
const PASSIVE: &[&str] = &[
    "apiregistration.k8s.io",
    "bitnami.com",
    "cert-manager.io",
    "cilium.io",
    "crd.projectcalico.org",
    "dapr.io",
    "external-secrets.io",
    "flags.openfeature.dev",
    "gateway.networking.k8s.io",
    "keda.sh",
    "kustomize.config.k8s.io",
    "metrics.k8s.io",
    "networking.istio.io",
    "projectcalico.org",
    "secrets-store.csi.x-k8s.io",
    "security.istio.io",
    "snapshot.storage.k8s.io",
    "telemetry.istio.io",
    "traefik.containo.us",
    "traefik.io",
    "trust.cert-manager.io",
    "config.openshift.io",
    "route.openshift.io",
    "security.openshift.io",
];

/// Kinds of other groups of which the same is true.
const PASSIVE_KINDS: &[(&str, &str)] = &[
    ("argoproj.io", "AnalysisTemplate"),
    ("argoproj.io", "AppProject"),
    ("argoproj.io", "Application"),
    ("argoproj.io", "ApplicationSet"),
    ("argoproj.io", "ClusterAnalysisTemplate"),
    ("argoproj.io", "Rollout"),
    ("monitoring.coreos.com", "PodMonitor"),
    ("monitoring.coreos.com", "Probe"),
    ("monitoring.coreos.com", "PrometheusRule"),
    ("monitoring.coreos.com", "ServiceMonitor"),
    ("apps.openshift.io", "DeploymentConfig"),
    ("postgresql.cnpg.io", "Database"),
    ("postgresql.cnpg.io", "ScheduledBackup"),
];

/// Whether objects of a kind may run pods or make Secrets that no manifest shows.
pub fn is_operated(group: &str, kind: &str) -> bool {
    let is_built_in = !group.contains('.') || group.ends_with(".k8s.io");
    !is_built_in && !PASSIVE.contains(&group) && !PASSIVE_KINDS.contains(&(group, kind))
}

/// Labels of pods that an operator runs, with the kind whose name is the label's value.
const OPERATED_PODS: &[(&str, &str)] = &[
    ("alertmanager", "Alertmanager"),
    ("cnpg.io/cluster", "Cluster"),
    ("cnpg.io/poolerName", "Pooler"),
    ("elasticsearch.k8s.elastic.co/cluster-name", "Elasticsearch"),
    ("gateway.networking.k8s.io/gateway-name", "Gateway"),
    ("kibana.k8s.elastic.co/name", "Kibana"),
    ("postgres-operator.crunchydata.com/cluster", "PostgresCluster"),
    ("prometheus", "Prometheus"),
    ("serving.knative.dev/service", "Service"),
    ("strimzi.io/cluster", "Kafka"),
];

/// The kind whose object runs the pods of a label, by the label's value its name.
pub fn runs_pods_of(label: &str) -> Option<&'static str> {
    OPERATED_PODS.iter().find(|(known, _)| *known == label).map(|(_, kind)| *kind)
}

/// Labels that a controller sets on pods while they run, so that no manifest has them.
pub fn is_runtime_label(key: &str) -> bool {
    const NAMES: [&str; 9] = [
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/job-name",
        "controller-revision-hash",
        "job-name",
        "pod-template-hash",
        "role",
        "rollouts-pod-template-hash",
        "spilo-role",
        "statefulset.kubernetes.io/pod-name",
    ];
    NAMES.contains(&key) || key.ends_with("/role") || key.ends_with("-active") || key.ends_with("Role")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_told_from_what_the_api_server_brings() {
        assert!(is_operated("postgresql.cnpg.io", "Cluster") && is_operated("serving.knative.dev", "Service"));
        assert!(is_operated("argoproj.io", "Workflow") && is_operated("helm.toolkit.fluxcd.io", "HelmRelease"));
        assert!(
            !is_operated("", "Pod") && !is_operated("apps", "Deployment") && !is_operated("argoproj.io", "Rollout")
        );
        assert!(!is_operated("rbac.authorization.k8s.io", "Role") && !is_operated("networking.k8s.io", "Ingress"));
        assert!(is_runtime_label("spilo-role") && is_runtime_label("cnpg.io/instanceRole") && !is_runtime_label("app"));
    }
}
