//! An Application on one line: its steps in a few words each.

use crate::argo::{Action, Step};
use crate::view::waves::{Application, Waves, words};

/// A step in a few words.
pub(super) struct Chip {
    pub(super) text: String,
    /// Whether it only prunes.
    pub(super) is_pruned: bool,
    /// Whether what follows waits for more than the delay; `None` where nothing follows.
    pub(super) gate: Option<bool>,
    /// The gate in words.
    pub(super) about: String,
}

/// The steps of an Application, each as `Sync 2: 7 objects`.
pub(super) fn chips(waves: &Waves, application: &Application) -> Vec<Chip> {
    application.steps.iter().map(|step| chip(waves, application, step)).collect()
}

fn chip(waves: &Waves, application: &Application, step: &Step) -> Chip {
    let shown: Vec<_> = application.tasks_of(step).filter(|task| waves.is_shown(task)).collect();
    let pruned = shown.iter().filter(|task| task.task.action == Action::Prune).count();
    let groups = words::groups(waves, application, step, |_| false);
    let is_pruned = pruned > 0 && pruned == shown.len();
    let what = match (groups.as_slice(), shown.len()) {
        _ if is_pruned => format!("{pruned} pruned"),
        ([], _) => words::unchanged(waves, application, step).unwrap_or_default(),
        ([group], 1) => group.what().0,
        ([group], _) => group.label(),
        (_, count) => format!("{count} objects"),
    };
    let heading = application.heading(step).replacen(" wave", "", 1);
    let what = if pruned > 0 && !is_pruned { format!("{what}, {pruned} pruned") } else { what };
    Chip {
        text: format!("{heading}: {what}"),
        is_pruned,
        gate: (!step.is_last).then_some(!step.waits.is_empty()),
        about: words::gate(application, step).unwrap_or_default(),
    }
}
