//! The order for people at a terminal.

use crate::report::visible;
use crate::view::waves::{Application, Change, State, Task, Waves, words};

pub(super) fn render(waves: &Waves) -> String {
    let parts: Vec<String> = waves.shown().map(|(_, application)| one(waves, application)).collect();
    if parts.is_empty() && waves.base.is_some() {
        return "nothing that is synced changes\n".to_owned();
    }
    parts.join("\n")
}

fn one(waves: &Waves, application: &Application) -> String {
    let mut out = match (&application.name, &application.path) {
        (Some(name), Some(path)) => format!("{} ({})", visible::line(name), visible::line(path)),
        (Some(one), None) | (None, Some(one)) => visible::line(one).into_owned(),
        (None, None) => String::new(),
    };
    out += match application.state {
        State::Added if waves.base.is_some() => ": new",
        State::Synced | State::Added => "",
        State::Deleted => ": deleted, with all that it deployed",
        State::Orphaned => ": deleted; what it deployed stays in the cluster",
    };
    if !out.is_empty() {
        out.push('\n');
    }
    for note in &application.notes {
        out += &format!("  note: {}\n", visible::line(note));
    }
    for step in &application.steps {
        out += &format!("{}\n", application.heading(step));
        for task in application.tasks_of(step).filter(|task| waves.is_shown(task)) {
            out += &line(waves, application, task);
        }
        if let Some(unchanged) = words::unchanged(waves, application, step) {
            out += &format!("  {unchanged}\n");
        }
        if let Some(gate) = words::gate(application, step) {
            out += &format!("  -> {gate}\n");
        }
    }
    out
}

fn line(waves: &Waves, application: &Application, task: &Task) -> String {
    let namespace = words::elsewhere(application, task);
    let group = words::Group { first: task, namespace, names: vec![&task.task.name] };
    let prune = if group.is_pruned() { "prune " } else { "" };
    let change = match task.change {
        Some(Change::Added) if waves.base.is_some() => "add ",
        Some(Change::Changed) if waves.base.is_some() => "change ",
        _ => "",
    };
    let remark = group.remark().map_or_else(String::new, |remark| format!(" ({remark})"));
    format!("  {prune}{change}{}{remark}\n", group.label())
}
