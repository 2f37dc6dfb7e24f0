//! The order as one JSON object. Its shape is a promise: fields are added, never renamed.

use serde_json::{Value, json};

use crate::argo::{Action, Step, Wait};
use crate::view::waves::{Application, State, Task, Waves};

pub(super) fn render(waves: &Waves) -> String {
    let applications: Vec<Value> = waves.applications.iter().map(|one| application(waves, one)).collect();
    format!("{:#}\n", json!({"version": 1, "base": waves.base, "applications": applications}))
}

fn application(waves: &Waves, application: &Application) -> Value {
    let parent = application.parent.and_then(|at| waves.applications.get(at)).and_then(|parent| parent.name.as_ref());
    let gates: Vec<Value> = application
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| gate(application, step, application.steps.get(at + 1).filter(|_| !step.is_last)))
        .collect();
    let state = match application.state {
        State::Synced => "synced",
        State::Added => "added",
        State::Deleted => "deleted",
        State::Orphaned => "orphaned",
    };
    json!({
        "name": application.name, "namespace": application.namespace,
        "environment": application.environment, "path": application.path,
        "state": state, "parent": parent, "notes": application.notes,
        "tasks": application.tasks.iter().map(|one| task(application, one)).collect::<Vec<_>>(),
        "gates": gates,
    })
}

fn phase<'a>(application: &Application, phase: &'a str) -> &'a str {
    if application.is_deleted() { "Delete" } else { phase }
}

fn task(application: &Application, one: &Task) -> Value {
    let task = &one.task;
    json!({
        "phase": phase(application, task.phase.name()), "wave": task.wave,
        "action": match task.action { Action::Apply => "apply", Action::Prune => "prune" },
        "hook": task.hook, "group": task.group, "version": task.version, "kind": task.kind,
        "namespace": task.namespace, "name": task.name,
        "waitsFor": (one.wait != Wait::Nothing).then(|| one.wait.name()),
        "change": one.change.map(super::Change::name), "note": one.note,
    })
}

/// What stands between a step and the next.
fn gate(application: &Application, step: &Step, next: Option<&Step>) -> Value {
    let at = |step: &Step| json!({"phase": phase(application, step.phase.name()), "wave": step.wave});
    let waited = |task: &Task| {
        let (wait, task) = (task.wait.name(), &task.task);
        json!({"until": wait, "group": task.group, "kind": task.kind, "namespace": task.namespace, "name": task.name})
    };
    json!({
        "after": at(step), "before": next.map(at), "delaySeconds": step.delay,
        "waits": application.waits_of(step).map(waited).collect::<Vec<_>>(),
    })
}
