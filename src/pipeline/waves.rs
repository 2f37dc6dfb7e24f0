//! The syncs of Applications, each with what it waits for and what a change does in it, and which of them applies which.

use std::collections::HashMap;

use crate::argo::{self, Action, HealthChecks, Kept, Step, Sync, Wait};
use crate::compare::{self, Identity, Side, What};
use crate::pipeline::gather::Gathered;
use crate::pipeline::plan::Objects;
use crate::view::waves::{Application, Change, State, Task, Waves};
use crate::yaml::data::Datum;

/// What Argo CD syncs in one go.
#[derive(Clone, Debug)]
pub struct Unit<'a> {
    index: Option<usize>,
    /// The Application; `None` for what none is known to deploy.
    pub application: Option<&'a argo::Application>,
    /// The overlay, or the first of several.
    pub path: &'a str,
    /// Its environment.
    pub environment: Option<&'a str>,
    /// What is applied.
    pub objects: Vec<&'a Datum>,
}

impl Gathered {
    /// What Argo CD syncs in one go, of what was to be looked at: the objects of all sources of an Application, else those
    /// of an overlay.
    pub fn syncs(&self) -> Vec<Unit<'_>> {
        let mut units: Vec<Unit<'_>> = Vec::new();
        let wanted = (0..self.overlays.len()).filter(|at| self.wanted[*at]);
        for at in wanted {
            let overlay = &self.overlays[at];
            let objects: Vec<&Datum> = match &self.made[at] {
                Objects::Built(resources) => resources.iter().map(|resource| &resource.root).collect(),
                Objects::Read(objects) => objects.iter().collect(),
            };
            let applications: Vec<Option<usize>> = overlay.applications.iter().map(|at| Some(*at)).collect();
            for application in if applications.is_empty() { vec![None] } else { applications } {
                let known = units.iter_mut().find(|unit| application.is_some() && unit.index == application);
                match known {
                    Some(unit) => unit.objects.extend(&objects),
                    None => units.push(Unit {
                        index: application,
                        application: application.and_then(|at| self.argo.applications.get(at)),
                        path: &overlay.path,
                        environment: overlay.environment.as_deref(),
                        objects: objects.clone(),
                    }),
                }
            }
        }
        units
    }

    /// The names of all Applications that were found, deployed from what was to be looked at or not.
    pub fn application_names(&self) -> Vec<String> {
        self.argo.applications.iter().map(|application| application.name.text.to_string()).collect()
    }

    /// The kinds whose health Argo CD judges here.
    pub fn health_checks(&self) -> HealthChecks {
        let declared = self.catalog().map_or(&[][..], |catalog| &catalog.platform.argocd.health_checks);
        let applications = self.facts.has_application_health.then(|| "argoproj.io/Application".to_owned());
        HealthChecks::new(declared.iter().cloned().chain(applications).collect())
    }
}

/// Objects that are synced together.
#[derive(Clone, Debug, Default)]
pub struct Part {
    /// The Application, where one is known.
    pub name: Option<String>,
    /// Its destination's namespace.
    pub namespace: Option<String>,
    /// Its environment.
    pub environment: Option<String>,
    /// The overlay; `None` for plain manifests.
    pub path: Option<String>,
    /// What is applied.
    pub objects: Vec<Datum>,
    prunes_last: bool,
    skips_synced: bool,
    /// Whether its deletion takes along what it deployed.
    cascades: bool,
    /// Whether Argo CD prunes without being asked; `None` where it does not even sync.
    prunes: Option<bool>,
}

impl Part {
    /// Manifests that no Application is known for.
    pub fn plain(objects: Vec<Datum>) -> Self {
        Self { objects, ..Self::default() }
    }

    /// What was gathered of an Application, or of an overlay.
    pub fn of(unit: &Unit<'_>, is_built: bool) -> Self {
        let application = unit.application;
        let has = |option: &str| application.is_some_and(|application| application.has_option(option));
        let finalizers = application.and_then(|application| application.datum.at(["metadata", "finalizers"]));
        let mut finalizers = finalizers.map_or(&[][..], Datum::items).iter();
        let automated = application.and_then(|application| application.automated).filter(|automated| automated.enabled);
        Self {
            name: application.map(|application| application.name.text.to_string()),
            namespace: application
                .and_then(|application| application.destination.namespace.as_ref())
                .map(|namespace| namespace.text.to_string()),
            environment: unit.environment.map(str::to_owned),
            path: is_built.then(|| unit.path.to_owned()),
            objects: unit.objects.iter().map(|object| (*object).clone()).collect(),
            prunes_last: has("PruneLast=true"),
            skips_synced: has("ApplyOutOfSyncOnly=true"),
            cascades: finalizers.any(|name| name.text().starts_with("resources-finalizer.argocd.argoproj.io")),
            prunes: automated.map(|automated| automated.prune),
        }
    }

    /// Whether two are the same part of a repository: the same Application, else the same folder.
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.name, &other.name) {
            (Some(one), Some(other)) => one == other,
            (None, None) => self.path == other.path,
            _ => false,
        }
    }
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What is synced.
    pub parts: &'a [Part],
    /// What is in the cluster.
    pub live: &'a [Part],
    /// Whether that is an earlier state of the same, so that the two can be compared.
    pub is_past: bool,
    /// The Applications there are, within what is synced and beside it.
    pub applications: &'a [String],
    /// The namespace where no Application says one.
    pub namespace: &'a str,
    /// Whether all prune last.
    pub prune_last: bool,
    /// The kinds whose health is judged.
    pub checks: &'a HealthChecks,
}

impl Question<'_> {
    /// Whether there is one part on either side, so that they belong together whatever their names.
    pub fn is_pair(&self) -> bool {
        self.parts.len() == 1 && self.live.len() == 1
    }

    /// The parts of what is live that are no longer synced.
    fn gone(&self) -> impl Iterator<Item = &Part> {
        let is_kept = |live: &Part| self.is_pair() || self.parts.iter().any(|part| part.is_same(live));
        self.live.iter().filter(move |live| !is_kept(live))
    }

    /// Whether what is gone was an Application that Git has no longer.
    fn is_deleted(&self, part: &Part) -> bool {
        self.is_past && part.name.as_ref().is_some_and(|name| !self.applications.contains(name))
    }

    /// Paths that are only in what is live, and of which nobody knows here what becomes of them.
    pub fn strays(&self) -> impl Iterator<Item = &str> {
        self.gone().filter(|part| !self.is_deleted(part)).map(|part| part.path.as_deref().unwrap_or_default())
    }
}

/// The syncs of all parts, and the deletions of those that are gone.
pub fn waves(question: &Question<'_>) -> Waves {
    let mut applications: Vec<Application> = question.parts.iter().map(|part| synced(question, part)).collect();
    let deleted = question.gone().filter(|part| question.is_deleted(part));
    applications.extend(deleted.map(|part| deleted_whole(question, part)));
    let names: HashMap<String, usize> =
        applications.iter().enumerate().filter_map(|(at, one)| Some((one.name.clone()?, at))).collect();
    let mut parents: Vec<(usize, usize)> = Vec::new();
    for (at, application) in applications.iter_mut().enumerate() {
        for task in &mut application.tasks {
            let is_application = task.task.kind == "Application" && task.task.group == "argoproj.io";
            task.child = names.get(&task.task.name).copied().filter(|child| is_application && *child != at);
            parents.extend(task.child.map(|child| (child, at)));
        }
    }
    for (child, parent) in parents {
        applications[child].parent.get_or_insert(parent);
    }
    for application in &mut applications {
        note_children(application, question.checks);
    }
    Waves { applications, ..Waves::default() }
}

/// What an Application of Applications cannot do by its waves.
fn note_children(application: &mut Application, checks: &HealthChecks) {
    let is_parent = application.tasks.iter().any(|task| task.child.is_some());
    if !is_parent || application.steps.len() < 2 {
        return;
    }
    let note = "its waves hold while it syncs; a change within one of its Applications syncs that one alone, unordered";
    application.notes.push(note.to_owned());
    if !checks.knows_applications() {
        application.notes.push(
            "argocd-cm has no health check for Applications: each counts as healthy as soon as it is there".to_owned(),
        );
    }
}

fn synced(question: &Question<'_>, part: &Part) -> Application {
    let partners = || question.live.iter().filter(|live| question.is_pair() || live.is_same(part));
    let live: Vec<&Datum> = partners().flat_map(|live| &live.objects).collect();
    let objects: Vec<&Datum> = part.objects.iter().collect();
    let namespace = part.namespace.as_deref().unwrap_or(question.namespace);
    let prune_last = question.prune_last || part.prunes_last;
    let changes = question.is_past.then(|| changes(&live, &objects, namespace));
    let tasks = argo::tasks(&Sync { objects: &objects, live: &live, namespace, prune_last });
    let task = |task: argo::Task| -> Task {
        let object = match task.action {
            Action::Apply => objects.get(task.object),
            Action::Prune => live.get(task.object),
        };
        let wait = object.map_or(Wait::Nothing, |object| argo::wait(&task, object, question.checks));
        let is_pruned = task.action == Action::Prune;
        let note = object.filter(|_| is_pruned).and_then(|object| argo::kept(object)).map(words);
        let key = || (task.group.clone(), task.kind.clone(), task.namespace.clone(), task.name.clone());
        let change = changes.as_ref().map(|changes| changes.get(&key()).copied().unwrap_or(Change::Unchanged));
        Task { change: change.filter(|_| !is_pruned), wait, note, child: None, task }
    };
    let tasks: Vec<Task> = tasks.into_iter().map(task).collect();
    // With this option what is in sync already is no task, and its wave is not waited for.
    let is_skipped = |task: &Task| part.skips_synced && !task.task.hook && task.change == Some(Change::Unchanged);
    let parts = tasks.iter().enumerate().filter(|(_, task)| !is_skipped(task));
    let steps = argo::steps(parts.map(|(at, task)| (at, &task.task, task.wait)));
    let is_new = question.is_past && part.name.is_some() && partners().next().is_none();
    let mut notes = Vec::new();
    note_sync(part, &tasks, &mut notes);
    Application {
        state: if is_new { State::Added } else { State::Synced },
        tasks,
        steps,
        notes,
        ..frame(part, namespace)
    }
}

fn frame(part: &Part, namespace: &str) -> Application {
    Application {
        name: part.name.clone(),
        path: part.path.clone(),
        namespace: namespace.to_owned(),
        environment: part.environment.clone(),
        state: State::Synced,
        parent: None,
        tasks: Vec::new(),
        steps: Vec::new(),
        notes: Vec::new(),
    }
}

/// What keeps a change from being synced or pruned by itself.
fn note_sync(part: &Part, tasks: &[Task], notes: &mut Vec<String>) {
    let is_news = |task: &&Task| task.change.is_some_and(|change| change != Change::Unchanged);
    let is_pruned = |task: &Task| task.task.action == Action::Prune;
    if tasks.iter().filter(is_news).count() > 0
        && tasks.iter().filter(is_news).all(|task| task.task.hook)
        && !tasks.iter().any(is_pruned)
    {
        notes.push("only hooks change: that alone does not make Argo CD sync".to_owned());
    }
    if part.prunes == Some(false) && tasks.iter().any(is_pruned) {
        notes.push("its automated sync does not prune: what left Git stays until somebody prunes it".to_owned());
    }
    if part.skips_synced {
        notes.push("ApplyOutOfSyncOnly: only what is not in sync is applied and waited for".to_owned());
    }
}

fn words(kept: Kept) -> &'static str {
    match kept {
        Kept::Always => "stays, as it says",
        Kept::UntilConfirmed => "stays until confirmed",
    }
}

/// An Application that left Git, and what it deployed.
fn deleted_whole(question: &Question<'_>, part: &Part) -> Application {
    let namespace = part.namespace.as_deref().unwrap_or(question.namespace);
    let live: Vec<&Datum> = part.objects.iter().collect();
    let mut application = frame(part, namespace);
    if !part.cascades {
        application.state = State::Orphaned;
        return application;
    }
    application.state = State::Deleted;
    let task = |task: argo::Task| Task { task, wait: Wait::Deletion, change: None, note: None, child: None };
    application.tasks = argo::deletion(&live, namespace).into_iter().map(task).collect();
    for (at, task) in application.tasks.iter().enumerate() {
        match application.steps.last_mut().filter(|step| step.wave == task.task.wave) {
            Some(step) => {
                step.tasks.push(at);
                step.waits.push(at);
            }
            None => application.steps.push(Step {
                phase: task.task.phase,
                wave: task.task.wave,
                tasks: vec![at],
                waits: vec![at],
                delay: 0,
                is_last: false,
            }),
        }
    }
    if let Some(last) = application.steps.last_mut() {
        last.is_last = true;
        last.waits.clear();
    }
    application
}

/// Group, kind, namespace and name: which object it is, as the cluster has it.
type Key = (String, String, String, String);

/// What becomes of the objects of a part.
fn changes<'a>(live: &[&'a Datum], objects: &[&'a Datum], namespace: &'a str) -> HashMap<Key, Change> {
    let side = |root: &&'a Datum| Side { root, stable_name: "", namespace };
    let (before, after): (Vec<_>, Vec<_>) = (live.iter().map(side).collect(), objects.iter().map(side).collect());
    let found = compare::compare(&before, &after, Identity::Cluster).into_iter();
    let change = |difference: compare::Difference| {
        let change = match difference.what {
            What::Removed => return None,
            // Under another name it is another object.
            What::Changed if difference.was.is_none() => Change::Changed,
            What::Changed | What::Added => Change::Added,
        };
        let compare::Thing { group, kind, namespace, name, .. } = difference.thing;
        Some(((group, kind, namespace, name), change))
    };
    found.filter_map(change).collect()
}
