//! What all formats say in the same words: objects by kind, counted where they are many, and what is waited for.

use crate::argo::{Action, Phase, Step, Wait};
use crate::report::visible;
use crate::view::waves::{Application, Change, State, Task, Waves};

/// Objects of one kind that are named; more are counted.
const NAMED: usize = 3;

/// Objects of a step that are alike but for their names.
#[derive(Clone, Debug)]
pub(super) struct Group<'a> {
    pub(super) first: &'a Task,
    /// The namespace, where it is not the one that the Application deploys to.
    pub(super) namespace: Option<&'a str>,
    pub(super) names: Vec<&'a str>,
}

impl Group<'_> {
    pub(super) fn is_pruned(&self) -> bool {
        self.first.task.action == Action::Prune
    }

    /// A sign for what a change does: `+`, `~`, and `-` for what is pruned.
    pub(super) fn sign(&self) -> Option<char> {
        if self.is_pruned() {
            return Some('-');
        }
        match self.first.change? {
            Change::Added => Some('+'),
            Change::Changed => Some('~'),
            Change::Unchanged => None,
        }
    }

    /// The kind, and the name or how many there are.
    pub(super) fn what(&self) -> (String, String) {
        let kind = visible::line(&self.first.task.kind).into_owned();
        let name = match self.names.as_slice() {
            [name] => visible::line(name).into_owned(),
            names => format!("×{}", names.len()),
        };
        (kind, name)
    }

    /// On one line: `Job migrate`, `ConfigMap ×12`.
    pub(super) fn label(&self) -> String {
        let (kind, name) = self.what();
        format!("{kind} {name}")
    }

    /// What is said behind it: another namespace than usual, whether it is a hook, and its note.
    pub(super) fn remark(&self) -> Option<String> {
        let namespace = self.namespace.map(|namespace| format!("in {}", visible::line(namespace)));
        let hook = self.first.task.hook.then(|| "hook".to_owned());
        let parts: Vec<String> = [namespace, hook, self.first.note.map(str::to_owned)].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

/// The namespace of a task, where it is not the one that the Application deploys to.
pub(super) fn elsewhere<'a>(application: &Application, task: &'a Task) -> Option<&'a str> {
    Some(task.task.namespace.as_str()).filter(|own| !own.is_empty() && *own != application.namespace)
}

fn grouped<'a>(application: &Application, tasks: impl Iterator<Item = &'a Task>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for task in tasks {
        let namespace = elsewhere(application, task);
        let is_alike = |group: &&mut Group<'a>| {
            let (one, own) = (&group.first, &task.task);
            (&one.task.group, &one.task.kind, one.task.action, one.task.hook)
                == (&own.group, &own.kind, own.action, own.hook)
                && (one.wait, one.change, one.note, group.namespace) == (task.wait, task.change, task.note, namespace)
        };
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.names.push(&task.task.name),
            None => groups.push(Group { first: task, namespace, names: vec![&task.task.name] }),
        }
    }
    let few = |group: Group<'a>| -> Vec<Group<'a>> {
        if group.names.len() > NAMED {
            return vec![group];
        }
        group.names.iter().map(|name| Group { names: vec![name], ..group.clone() }).collect()
    };
    groups.into_iter().flat_map(few).collect()
}

/// What a step does, in the engine's order of its first objects; without the Applications for which `is_elsewhere`.
pub(super) fn groups<'a>(
    waves: &Waves,
    application: &'a Application,
    step: &Step,
    is_elsewhere: impl Fn(&Task) -> bool,
) -> Vec<Group<'a>> {
    grouped(application, application.tasks_of(step).filter(|task| waves.is_shown(task) && !is_elsewhere(task)))
}

/// How many objects of a step a change leaves as they are; they are applied again.
pub(super) fn unchanged(waves: &Waves, application: &Application, step: &Step) -> Option<String> {
    let count = application.tasks_of(step).filter(|task| !waves.is_shown(task)).count();
    (count > 0).then(|| format!("{count} unchanged, applied again"))
}

/// What all that follows a step waits for: `Job b has completed; Deployment a, ConfigMap ×4 are healthy`. Empty where it
/// is nothing.
pub(super) fn waits(application: &Application, step: &Step) -> String {
    let parts = [Wait::Completion, Wait::Health, Wait::Deletion].into_iter().filter_map(|wait| {
        let alike = kinds(application.waits_of(step).filter(|task| task.wait == wait));
        let labels: Vec<String> = alike.iter().map(Group::label).collect();
        let is_all = alike.len() > NAMED && application.waits_of(step).count() == step.tasks.len();
        let labels = if is_all { vec!["all of it".to_owned()] } else { labels };
        let is_one = is_all || alike.iter().map(|group| group.names.len()).sum::<usize>() == 1;
        let verb = match (wait, is_one) {
            (Wait::Completion, true) => "has",
            (Wait::Completion, false) => "have",
            (_, true) => "is",
            (_, false) => "are",
        };
        (!labels.is_empty()).then(|| format!("{} {verb} {}", labels.join(", "), wait.name()))
    });
    parts.collect::<Vec<_>>().join("; ")
}

/// By kind alone: for what is waited for, whether the object changes says nothing.
fn kinds<'a>(tasks: impl Iterator<Item = &'a Task>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for task in tasks {
        let is_alike = |group: &&mut Group<'a>| {
            (&group.first.task.group, &group.first.task.kind) == (&task.task.group, &task.task.kind)
        };
        match groups.iter_mut().find(is_alike) {
            Some(group) => group.names.push(&task.task.name),
            None => groups.push(Group { first: task, namespace: None, names: vec![&task.task.name] }),
        }
    }
    groups
}

/// The gate behind a step, in a sentence: `waits until Deployment a is healthy; at least 2 s`. `None` where nothing follows and
/// nothing is waited for.
pub(super) fn gate(application: &Application, step: &Step) -> Option<String> {
    if step.phase == Phase::SyncFail {
        return Some("runs only when the sync fails".to_owned());
    }
    let waits = waits(application, step);
    match (step.is_last, waits.is_empty()) {
        (true, true) => None,
        (true, false) => Some(format!("the sync ends when {waits}")),
        (false, true) if step.delay == 0 => Some("nothing is waited for".to_owned()),
        (false, true) => Some(format!("{} s pass, and nothing is waited for", step.delay)),
        (false, false) if step.delay == 0 => Some(format!("waits until {waits}")),
        (false, false) => Some(format!("waits until {waits}; at least {} s", step.delay)),
    }
}

/// The name of an Application, and what becomes of it as a whole.
pub(super) fn title(application: &Application) -> String {
    let state = match application.state {
        State::Deleted => ": deleted, with all that it deployed",
        State::Orphaned => ": deleted; what it deployed stays",
        State::Synced | State::Added => "",
    };
    format!("{}{state}", visible::line(application.title()))
}

/// What stands on an arrow: what is waited for, and the seconds that pass.
pub(super) fn arrow(application: &Application, step: &Step) -> String {
    let waits = waits(application, step);
    let delay = (step.delay > 0).then(|| format!("{} s", step.delay));
    [(!waits.is_empty()).then_some(waits), delay].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// A text in lines of so many letters, broken at spaces.
pub(super) fn broken(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < most => *line += &format!(" {word}"),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
