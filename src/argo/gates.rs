//! What a sync waits for between its waves, and what it does not.
//!
//! Argo CD goes on to the next wave when what it has applied is healthy, as far as it has a health check for the kind; what
//! has none counts as healthy at once, and only the delay between waves passes. Source: `Sync` of Argo CD's sync engine, its
//! `controller/sync.go` and `controller/sort_delete.go`, read for their behaviour.

use crate::argo::has_health;
use crate::argo::order::{Action, Meta, Phase, Task, rank};
use crate::yaml::data::Datum;

/// Seconds that pass after each wave but the last, unless `ARGOCD_SYNC_WAVE_DELAY` says another number.
pub const DELAY: u32 = 2;

/// For what of an object a sync waits before it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// For nothing: it counts as healthy as soon as it is applied.
    Nothing,
    /// Until it is healthy.
    Health,
    /// Until the hook has run to its end.
    Completion,
    /// Until it is gone.
    Deletion,
}

impl Wait {
    /// What it has come to when the waiting ends.
    pub fn name(self) -> &'static str {
        match self {
            Self::Nothing => "applied",
            Self::Health => "healthy",
            Self::Completion => "completed",
            Self::Deletion => "gone",
        }
    }
}

/// The kinds whose health Argo CD judges: those it brings a check for, and those that `argocd-cm` adds.
#[derive(Clone, Debug, Default)]
pub struct HealthChecks(Vec<String>);

impl HealthChecks {
    /// With what `argocd-cm` adds, as `group/Kind`.
    pub fn new(own: Vec<String>) -> Self {
        Self(own)
    }

    /// Whether the health of a kind is judged.
    pub fn knows(&self, group: &str, kind: &str) -> bool {
        let is_own = |known: &String| known.split_once('/').unwrap_or(("", known)) == (group, kind);
        has_health(group, kind) || self.0.iter().any(is_own)
    }

    /// Whether the health of Applications is judged, which Argo CD does not do of itself since 1.8.
    pub fn knows_applications(&self) -> bool {
        self.knows("argoproj.io", "Application")
    }
}

/// Whether an object that is to be pruned or deleted stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It stays: `Prune=false`, `Delete=false`, or Helm's `resource-policy: keep`.
    Always,
    /// It goes when somebody confirms it.
    UntilConfirmed,
}

/// Whether an object stays that left Git; `None` where it goes.
pub fn kept(object: &Datum) -> Option<Kept> {
    held(object, "Prune")
}

fn held(object: &Datum, option: &str) -> Option<Kept> {
    let meta = Meta::of(object);
    if meta.has_option(&format!("{option}=false")) || meta.list("helm.sh/resource-policy").contains(&"keep") {
        return Some(Kept::Always);
    }
    meta.has_option(&format!("{option}=confirm")).then_some(Kept::UntilConfirmed)
}

/// For what of an object a sync waits.
pub fn wait(task: &Task, object: &Datum, checks: &HealthChecks) -> Wait {
    if task.action == Action::Prune {
        return if kept(object).is_some() { Wait::Nothing } else { Wait::Deletion };
    }
    // Only one that gets an address from outside can be anything but healthy.
    let is_inner = || {
        let kind = object.at(["spec", "type"]).map(Datum::text);
        task.group.is_empty() && task.kind == "Service" && kind != Some("LoadBalancer")
    };
    if !checks.knows(&task.group, &task.kind) || is_inner() {
        Wait::Nothing
    } else if task.hook {
        Wait::Completion
    } else {
        Wait::Health
    }
}

/// The tasks of one phase and wave, and what stands between them and all that follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The phase.
    pub phase: Phase,
    /// The wave of it.
    pub wave: i64,
    /// Which of the tasks.
    pub tasks: Vec<usize>,
    /// Those of them that all that follows waits for, or the end of the sync where nothing follows.
    pub waits: Vec<usize>,
    /// Seconds that pass at least before what follows.
    pub delay: u32,
    /// Whether nothing follows.
    pub is_last: bool,
}

/// The steps of a sync, of its tasks in the engine's order, each with what is waited for.
///
/// The last step is waited for only where there are hooks in it: a sync without waves and hooks has succeeded as soon as all
/// is applied. What runs when a sync fails comes after the last step, and nothing leads to it.
pub fn steps<'a>(tasks: impl IntoIterator<Item = (usize, &'a Task, Wait)>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut has_hook: Vec<bool> = Vec::new();
    for (at, task, wait) in tasks {
        let is_same = |step: &Step| (step.phase, step.wave) == (task.phase, task.wave);
        if !steps.last().is_some_and(is_same) {
            let (phase, wave) = (task.phase, task.wave);
            steps.push(Step { phase, wave, tasks: vec![], waits: vec![], delay: DELAY, is_last: false });
            has_hook.push(false);
        }
        let (Some(step), Some(has_hook)) = (steps.last_mut(), has_hook.last_mut()) else { continue };
        step.tasks.push(at);
        *has_hook |= task.hook;
        if wait != Wait::Nothing {
            step.waits.push(at);
        }
    }
    let last = steps.iter().rposition(|step| step.phase != Phase::SyncFail);
    for (at, (step, has_hook)) in steps.iter_mut().zip(has_hook).enumerate() {
        if last.is_none_or(|last| at >= last) {
            (step.is_last, step.delay) = (true, 0);
            if !has_hook || step.phase == Phase::SyncFail {
                step.waits.clear();
            }
        }
    }
    steps
}

/// What goes when an Application is deleted that has the finalizer for it: one wave at a time, the highest first, each
/// before the next is gone. Custom resource definitions stay, and so does what says so. In order; the phase of the tasks
/// means nothing.
pub fn deletion(live: &[&Datum], namespace: &str) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    for (at, object) in live.iter().enumerate() {
        let meta = Meta::of(object);
        let task = meta.task(Phase::Sync, Action::Prune, at, namespace);
        let stays = task.kind == "CustomResourceDefinition" || held(object, "Delete") == Some(Kept::Always);
        if !meta.is_hook() && !meta.is_skipped() && !stays {
            tasks.push(task);
        }
    }
    tasks.sort_by(|a, b| b.wave.cmp(&a.wave).then(rank(&a.kind).cmp(&rank(&b.kind))).then_with(|| a.name.cmp(&b.name)));
    tasks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::argo::{Sync, tasks};
    use crate::source::FileId;
    use crate::yaml::load;

    fn objects(lines: &[(&str, &str, &str)]) -> Vec<Datum> {
        let text =
            |(version, kind, rest): &(&str, &str, &str)| format!("apiVersion: {version}\nkind: {kind}\n{rest}\n---\n");
        load::documents(&lines.iter().map(text).collect::<String>(), FileId::NONE)
            .unwrap_or_default()
            .into_iter()
            .filter(|document| !document.is_empty())
            .collect()
    }

    fn named(name: &str, annotations: &str) -> String {
        format!("metadata: {{name: {name}, annotations: {{{annotations}}}}}")
    }

    fn shown(objects: &[Datum], checks: &HealthChecks) -> Vec<(i64, Vec<String>, u32)> {
        let objects: Vec<&Datum> = objects.iter().collect();
        let tasks = tasks(&Sync { objects: &objects, namespace: "a", ..Sync::default() });
        let waits: Vec<Wait> = tasks.iter().map(|task| wait(task, objects[task.object], checks)).collect();
        let parts = tasks.iter().zip(&waits).enumerate().map(|(at, (task, wait))| (at, task, *wait));
        let name = |at: &usize| format!("{} {}", tasks[*at].kind, waits[*at].name());
        steps(parts).iter().map(|step| (step.wave, step.waits.iter().map(name).collect(), step.delay)).collect()
    }

    #[test]
    fn a_wave_is_waited_for_as_far_as_health_is_known() {
        let wave = |number: i64| named("x", &format!("argocd.argoproj.io/sync-wave: '{number}'"));
        let balanced = format!("{}\nspec: {{type: LoadBalancer}}", wave(0));
        let all = objects(&[
            ("v1", "Service", &wave(0)),
            ("v1", "Service", &balanced),
            ("v1", "ConfigMap", &wave(0)),
            ("dapr.io/v1alpha1", "Component", &wave(1)),
            ("argoproj.io/v1alpha1", "Application", &wave(2)),
            ("apps/v1", "Deployment", &wave(3)),
        ]);
        let service = vec!["Service healthy".to_owned()];
        let none = Vec::new;
        assert_eq!(
            shown(&all, &HealthChecks::default()),
            [(0, service.clone(), 2), (1, none(), 2), (2, none(), 2), (3, none(), 0)]
        );
        let checks = HealthChecks::new(vec!["argoproj.io/Application".to_owned()]);
        assert!(checks.knows_applications());
        let application = vec!["Application healthy".to_owned()];
        assert_eq!(shown(&all, &checks), [(0, service, 2), (1, none(), 2), (2, application, 2), (3, none(), 0)]);
    }

    #[test]
    fn hooks_are_waited_for_to_their_end_and_the_last_wave_only_with_them() {
        let hook = |phase: &str| named("x", &format!("argocd.argoproj.io/hook: {phase}"));
        let all = objects(&[
            ("batch/v1", "Job", &hook("PreSync")),
            ("apps/v1", "Deployment", &named("x", "")),
            ("batch/v1", "Job", &hook("PostSync")),
            ("v1", "ConfigMap", &hook("PostSync")),
            ("batch/v1", "Job", &hook("SyncFail")),
        ]);
        let job = vec!["Job completed".to_owned()];
        assert_eq!(
            shown(&all, &HealthChecks::default()),
            [(0, job.clone(), 2), (0, vec!["Deployment healthy".to_owned()], 2), (0, job, 0), (0, vec![], 0)]
        );
    }

    #[test]
    fn deletion_goes_from_the_last_wave_to_the_first_and_leaves_what_is_kept() {
        let wave = |name: &str, number: i64| named(name, &format!("argocd.argoproj.io/sync-wave: '{number}'"));
        let option = |option: &str| named("kept", &format!("argocd.argoproj.io/sync-options: {option}"));
        let all = objects(&[
            ("v1", "ConfigMap", &wave("first", 0)),
            ("v1", "Secret", &option("Delete=false")),
            ("v1", "Secret", &named("kept", "helm.sh/resource-policy: keep")),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition", &named("kept", "")),
            ("batch/v1", "Job", &named("hook", "argocd.argoproj.io/hook: PreSync")),
            ("apps/v1", "Deployment", &wave("last", 2)),
        ]);
        let live: Vec<&Datum> = all.iter().collect();
        let names: Vec<_> = deletion(&live, "a").into_iter().map(|task| task.name).collect();
        assert_eq!(names, ["last", "first"]);
        assert_eq!(kept(&objects(&[("v1", "Secret", &option("Prune=confirm"))])[0]), Some(Kept::UntilConfirmed));
    }
}
