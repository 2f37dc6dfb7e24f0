//! Which Application stands within which, in a diagram: in the wave of its parent that applies it.

use crate::view::waves::{Application, Task, Waves};

/// Applications beside each other that are drawn in full; more are drawn small.
const FULL: usize = 3;

/// The same of a change, of which every object is to be seen.
const FULL_OF_CHANGE: usize = 12;

/// What is drawn.
pub(super) struct Forest<'a> {
    pub(super) waves: &'a Waves,
    is_shown: Vec<bool>,
    /// The parent in whose box each is drawn.
    parents: Vec<Option<usize>>,
}

impl<'a> Forest<'a> {
    pub(super) fn of(waves: &'a Waves) -> Self {
        let mut is_shown = vec![false; waves.applications.len()];
        for (at, _) in waves.shown() {
            is_shown[at] = true;
        }
        let mut parents: Vec<Option<usize>> = vec![None; waves.applications.len()];
        for (at, application) in waves.applications.iter().enumerate().filter(|(at, _)| is_shown[*at]) {
            let in_steps = application.steps.iter().flat_map(|step| application.tasks_of(step));
            for task in in_steps.filter(|task| waves.is_shown(task)) {
                let Some(child) = task.child.filter(|child| is_shown.get(*child) == Some(&true)) else { continue };
                // Of Applications that apply each other, the first is the parent.
                let mut up = Some(at);
                while let Some(here) = up.filter(|here| *here != child) {
                    up = parents[here];
                }
                if up.is_none() && parents[child].is_none() {
                    parents[child] = Some(at);
                }
            }
        }
        Self { waves, is_shown, parents }
    }

    /// The Applications that stand in no other.
    pub(super) fn roots(&self) -> Vec<usize> {
        (0..self.parents.len()).filter(|at| self.is_shown[*at] && self.parents[*at].is_none()).collect()
    }

    pub(super) fn application(&self, at: usize) -> Option<&'a Application> {
        self.waves.applications.get(at)
    }

    /// The Application that is drawn where a task of another stands.
    pub(super) fn child(&self, parent: usize, task: &Task) -> Option<usize> {
        task.child.filter(|child| self.parents.get(*child) == Some(&Some(parent)) && self.waves.is_shown(task))
    }

    /// Whether one of so many Applications beside each other is drawn small.
    pub(super) fn is_small(&self, at: usize, count: usize) -> bool {
        let most = if self.waves.base.is_some() { FULL_OF_CHANGE } else { FULL };
        count > most && !self.has_children(at)
    }

    pub(super) fn has_children(&self, at: usize) -> bool {
        self.parents.contains(&Some(at))
    }
}
