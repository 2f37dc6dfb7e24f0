//! The order of Argo CD's sync engine: phase, wave, kind, name; Namespaces and CRDs before their first user; what is pruned
//! in reverse.
//!
//! Source: `gitops-engine/pkg/sync` of Argo CD, read for its behaviour; the corpus of recorded orders is the oracle.

use std::cmp::Ordering;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::argo::waves::{HOOK, SYNC_OPTIONS, WAVE};
use crate::kube::{cluster_scoped_since, group_version};
use crate::yaml::data::Datum;
use crate::yaml::print::{Printed, typed};

/// A phase of a sync, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Before anything is applied.
    PreSync,
    /// What is no hook, and hooks among it.
    Sync,
    /// After all is healthy.
    PostSync,
    /// When a sync failed.
    SyncFail,
}

impl Phase {
    /// As the annotation spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PreSync => "PreSync",
            Self::Sync => "Sync",
            Self::PostSync => "PostSync",
            Self::SyncFail => "SyncFail",
        }
    }
}

/// What is done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Created or changed.
    Apply,
    /// Deleted: it is in the cluster and no longer in Git.
    Prune,
}

/// One step of a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// When.
    pub phase: Phase,
    /// In which wave of the phase.
    pub wave: i64,
    /// What.
    pub action: Action,
    /// Whether the object is a hook.
    pub hook: bool,
    /// API group; empty for the core.
    pub group: String,
    /// API version within the group.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace; the Application's where the object says none.
    pub namespace: String,
    /// Name; the `generateName` of a hook that has none.
    pub name: String,
    /// Which of the objects that came in: of the manifests, or of the live ones for what is pruned.
    pub object: usize,
}

/// What is synced.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sync<'a> {
    /// The manifests.
    pub objects: &'a [&'a Datum],
    /// What is in the cluster and belongs to the Application.
    pub live: &'a [&'a Datum],
    /// The destination's namespace.
    pub namespace: &'a str,
    /// Whether the Application says `PruneLast=true`.
    pub prune_last: bool,
}

const HELM_HOOK: &str = "helm.sh/hook";
const HELM_WEIGHT: &str = "helm.sh/hook-weight";

/// Kinds in the order in which a wave applies them; all others come after these.
const KINDS: &[&str] = &[
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
];

/// The place of a kind within a wave.
pub(super) fn rank(kind: &str) -> usize {
    KINDS.iter().position(|known| *known == kind).unwrap_or(KINDS.len())
}

/// The tasks of a sync in the engine's order. Objects that a hook annotation without a known type makes vanish have none.
pub fn tasks(sync: &Sync<'_>) -> Vec<Task> {
    let mut all: Vec<Task> = Vec::new();
    let objects = sync.objects.iter().enumerate().map(|(at, object)| (at, Meta::of(object)));
    for (at, meta) in objects {
        let phases = meta.phases();
        all.extend(phases.into_iter().map(|phase| meta.task(phase, Action::Apply, at, sync.namespace)));
    }
    let key = |task: &Task| {
        let cluster = cluster_scoped_since(&task.group, &task.version, &task.kind).is_some();
        let namespace = match &*task.namespace {
            _ if cluster => "",
            "" => sync.namespace,
            namespace => namespace,
        };
        let namespace = namespace.to_owned();
        (task.group.clone(), task.kind.clone(), namespace, task.name.clone())
    };
    let wanted: HashSet<_> = all.iter().filter(|task| !task.hook).map(key).collect();
    let mut pruned: Vec<(Task, bool)> = Vec::new();
    for (at, object) in sync.live.iter().enumerate() {
        let meta = Meta::of(object);
        let task = meta.task(Phase::Sync, Action::Prune, at, sync.namespace);
        // Hooks that were left over are not the sync's to prune.
        if !meta.is_hook() && !meta.is_skipped() && !wanted.contains(&key(&task)) {
            pruned.push((task, meta.has_option("PruneLast=true")));
        }
    }
    reverse_waves(&mut pruned);
    let last = all.iter().chain(pruned.iter().map(|(task, _)| task));
    let last =
        last.filter(|task| task.phase == Phase::Sync).map(|task| task.wave).max().unwrap_or(0).max(0).wrapping_add(1);
    for (task, prunes_last) in &mut pruned {
        if sync.prune_last || *prunes_last {
            task.wave = last;
        }
    }
    all.extend(pruned.into_iter().map(|(task, _)| task));
    sort(&mut all);
    before_first_user(
        &mut all,
        |task| (task.kind == "Namespace" && task.group.is_empty()).then(|| task.name.clone()),
        |task| (!task.namespace.is_empty()).then(|| task.namespace.clone()),
    );
    let defined = |task: &Task| {
        if task.kind != "CustomResourceDefinition" || task.group != "apiextensions.k8s.io" {
            return None;
        }
        let spec = sync.objects.get(task.object)?.get("spec")?;
        Some(format!("{}/{}", spec.get("group")?.as_text()?, spec.at(["names", "kind"])?.as_text()?))
    };
    before_first_user(&mut all, defined, |task| Some(format!("{}/{}", task.group, task.kind)));
    all
}

/// Phase, wave, kind, name. The engine subtracts waves in 64 bits, so two that lie further apart than that compare the other
/// way round. Its order is then none, and what comes out depends on which tasks it happens to compare; neighbours it
/// surely does.
fn sort(tasks: &mut [Task]) {
    let compare = |a: &Task, b: &Task, waves: Ordering| {
        let kinds = rank(&a.kind).cmp(&rank(&b.kind));
        a.phase.cmp(&b.phase).then(waves).then(kinds).then_with(|| a.name.cmp(&b.name))
    };
    tasks.sort_by(|a, b| compare(a, b, a.wave.cmp(&b.wave)));
    for end in 1..tasks.len() {
        let mut at = end;
        let is_before = |a: &Task, b: &Task| compare(a, b, a.wave.wrapping_sub(b.wave).cmp(&0)).is_lt();
        while at > 0 && is_before(&tasks[at], &tasks[at - 1]) {
            tasks.swap(at, at - 1);
            at -= 1;
        }
    }
}

/// What is pruned goes in reverse: the objects of the first wave swap with those of the last, and so on inwards.
fn reverse_waves(pruned: &mut [(Task, bool)]) {
    let waves: BTreeSet<i64> = pruned.iter().map(|(task, _)| task.wave).collect();
    let opposite: HashMap<i64, i64> = waves.iter().copied().zip(waves.iter().rev().copied()).collect();
    for (task, _) in pruned {
        task.wave = opposite.get(&task.wave).copied().unwrap_or(task.wave);
    }
}

/// Moves what others need before the first of them, into its phase and wave.
fn before_first_user(
    tasks: &mut Vec<Task>,
    defines: impl Fn(&Task) -> Option<String>,
    uses: impl Fn(&Task) -> Option<String>,
) {
    let mut first_user: HashMap<String, usize> = HashMap::new();
    for at in 0..tasks.len() {
        if tasks[at].action == Action::Prune {
            continue;
        }
        if let Some(name) = defines(&tasks[at]) {
            let Some(user) = first_user.get(&name).copied() else { continue };
            let mut task = tasks.remove(at);
            (task.phase, task.wave) = (tasks[user].phase, tasks[user].wave);
            tasks.insert(user, task);
            first_user.values_mut().filter(|first| **first >= user).for_each(|first| *first += 1);
        } else if let Some(name) = uses(&tasks[at]) {
            first_user.entry(name).or_insert(at);
        }
    }
}

/// What the engine reads of an object.
pub(super) struct Meta<'a> {
    object: &'a Datum,
    annotations: HashMap<&'a str, &'a str>,
}

impl<'a> Meta<'a> {
    pub(super) fn of(object: &'a Datum) -> Self {
        let pairs = object.at(["metadata", "annotations"]).map_or(&[][..], Datum::pairs);
        // One value that is no string makes all annotations unreadable.
        let are_texts =
            pairs.iter().all(|(_, value)| value.is_scalar() && matches!(typed(value), Ok(Printed::Text(_))));
        let pairs = if are_texts { pairs } else { &[] };
        Self { object, annotations: pairs.iter().map(|(key, value)| (key.text(), value.text())).collect() }
    }

    /// The parts of an annotation that is a list.
    pub(super) fn list(&self, annotation: &str) -> Vec<&'a str> {
        let text = self.annotations.get(annotation).copied().unwrap_or_default();
        text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
    }

    /// Whether a sync option is set on it.
    pub(super) fn has_option(&self, option: &str) -> bool {
        self.list(SYNC_OPTIONS).contains(&option)
    }

    /// The types of hook it has, Helm's only where there is none of Argo CD's; `Skip` is `None`.
    fn hook_types(&self) -> Vec<Option<Phase>> {
        let own: Vec<_> = self
            .list(HOOK)
            .into_iter()
            .filter_map(|name| match name {
                "PreSync" => Some(Some(Phase::PreSync)),
                "Sync" => Some(Some(Phase::Sync)),
                "PostSync" => Some(Some(Phase::PostSync)),
                "SyncFail" => Some(Some(Phase::SyncFail)),
                "Skip" => Some(None),
                _ => None,
            })
            .collect();
        if !own.is_empty() {
            return own;
        }
        let helm = self.list(HELM_HOOK).into_iter().filter_map(|name| match name {
            "pre-install" | "pre-upgrade" => Some(Some(Phase::PreSync)),
            "post-install" | "post-upgrade" => Some(Some(Phase::PostSync)),
            _ => None,
        });
        helm.collect()
    }

    /// Whether it is never applied.
    pub(super) fn is_skipped(&self) -> bool {
        self.hook_types().iter().all(Option::is_none) && self.hook_types().len() == 1
    }

    /// Whether it is a hook.
    pub(super) fn is_hook(&self) -> bool {
        if self.annotations.contains_key(HOOK) {
            return !self.is_skipped();
        }
        self.annotations.get(HELM_HOOK).is_some_and(|value| *value != "crd-install")
    }

    /// The phases in which it is applied, in order; none for what is skipped, or vanishes.
    fn phases(&self) -> Vec<Phase> {
        if self.is_skipped() {
            return Vec::new();
        }
        if !self.is_hook() {
            return vec![Phase::Sync];
        }
        let mut phases: Vec<Phase> = self.hook_types().into_iter().flatten().collect();
        phases.sort_unstable();
        phases.dedup();
        phases
    }

    fn wave(&self) -> i64 {
        let number = |annotation: &str| self.annotations.get(annotation).and_then(|text| atoi(text));
        number(WAVE).or_else(|| number(HELM_WEIGHT)).unwrap_or(0)
    }

    pub(super) fn task(&self, phase: Phase, action: Action, object: usize, namespace: &str) -> Task {
        let meta = |field: &str| self.object.get("metadata").map_or("", |meta| meta.text_of(field));
        let (group, version) = group_version(self.object.text_of("apiVersion"));
        let or = |text: &'a str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
        Task {
            phase,
            wave: self.wave(),
            action,
            hook: self.is_hook(),
            group: group.to_owned(),
            version: version.to_owned(),
            kind: self.object.text_of("kind").to_owned(),
            namespace: if action == Action::Prune {
                meta("namespace").to_owned()
            } else {
                or(meta("namespace"), namespace)
            },
            name: or(meta("name"), meta("generateName")),
            object,
        }
    }
}

/// A decimal number as Go's `strconv.Atoi` reads one: a sign, digits, 64 bits.
pub(super) fn atoi(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.strip_prefix('+').unwrap_or(text).parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waves_are_what_go_reads_as_a_number() {
        assert_eq!([atoi("-1"), atoi("+1"), atoi("007")], [Some(-1), Some(1), Some(7)]);
        for text in ["", " 1", "1.0", "1_0", "0x1", "+", "9223372036854775808", "１"] {
            assert_eq!(atoi(text), None, "{text}");
        }
    }
}
