//! What syncs in which order, and what each wave waits for: as text, as data, as a diagram.
//!
//! In: the tasks of each Application's sync with their gates. Out: text in one of five formats. Decides nothing of the
//! order; only what is drawn in full and what is counted.

mod compact;
mod dot;
mod forest;
mod human;
mod json;
mod measure;
mod mermaid;
mod svg;
mod words;

use crate::argo::{self, Step, Wait};

/// How the order is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal.
    Human,
    /// One object, for tools.
    Json,
    /// A flowchart of Mermaid's, which forges draw.
    Mermaid,
    /// A graph for Graphviz.
    Dot,
    /// A picture that stands alone.
    Svg,
}

/// What a change does with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// It was not there before.
    Added,
    /// It was another.
    Changed,
    /// It stays as it is, and is applied again.
    Unchanged,
}

impl Change {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A task of a sync.
#[derive(Clone, Debug)]
pub struct Task {
    /// What is done with which object.
    pub task: argo::Task,
    /// For what of it the sync waits.
    pub wait: Wait,
    /// What a change does with it, where one is looked at; `None` for what is pruned.
    pub change: Option<Change>,
    /// What else is to be known of it, in a few words.
    pub note: Option<&'static str>,
    /// The Application among those shown that this object is.
    pub child: Option<usize>,
}

/// What becomes of an Application as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It syncs.
    Synced,
    /// It is new, and syncs.
    Added,
    /// It is deleted, and what it deployed with it.
    Deleted,
    /// It is deleted, and what it deployed stays.
    Orphaned,
}

/// What Argo CD syncs in one go.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its name, where it is an Application.
    pub name: Option<String>,
    /// The overlay, or the first of several; `None` for plain manifests.
    pub path: Option<String>,
    /// The namespace of its destination.
    pub namespace: String,
    /// Its environment.
    pub environment: Option<String>,
    /// What becomes of it.
    pub state: State,
    /// The Application whose sync applies this one.
    pub parent: Option<usize>,
    /// What is done, in order.
    pub tasks: Vec<Task>,
    /// The phases and waves, in order; of an Application that is deleted its waves.
    pub steps: Vec<Step>,
    /// What is to be known of its sync.
    pub notes: Vec<String>,
}

/// What is shown.
#[derive(Clone, Debug, Default)]
pub struct Waves {
    /// Of what.
    pub title: String,
    /// The state before, where only the sync of a change is shown.
    pub base: Option<String>,
    /// The Applications.
    pub applications: Vec<Application>,
}

/// The order as text, with a line feed at its end.
pub fn render(format: Format, waves: &Waves) -> String {
    match format {
        Format::Human => human::render(waves),
        Format::Json => json::render(waves),
        Format::Mermaid => mermaid::render(waves),
        Format::Dot => dot::render(waves),
        Format::Svg => svg::render(waves),
    }
}

impl Application {
    /// Its name, else its folder.
    pub fn title(&self) -> &str {
        self.name.as_deref().or(self.path.as_deref()).unwrap_or("manifests")
    }

    /// Where its manifests lie and where they go to.
    fn place(&self) -> String {
        let path = self.path.as_deref().filter(|_| self.name.is_some());
        let namespace = format!("namespace {}", self.namespace);
        path.map_or_else(|| namespace.clone(), |path| format!("{path}, {namespace}"))
    }

    /// Whether a change concerns it: something is added, changed or pruned, or it comes or goes itself.
    pub fn is_changed(&self) -> bool {
        let is_news = |task: &Task| task.change != Some(Change::Unchanged);
        self.state != State::Synced || self.tasks.iter().any(is_news)
    }

    /// Whether it is deleted.
    fn is_deleted(&self) -> bool {
        matches!(self.state, State::Deleted | State::Orphaned)
    }

    /// The tasks of a step.
    fn tasks_of(&self, step: &Step) -> impl Iterator<Item = &Task> {
        step.tasks.iter().filter_map(|at| self.tasks.get(*at))
    }

    /// The tasks that all that follows a step waits for.
    fn waits_of(&self, step: &Step) -> impl Iterator<Item = &Task> {
        step.waits.iter().filter_map(|at| self.tasks.get(*at))
    }

    /// `Sync wave 2`; of what is deleted `Delete wave 2`.
    fn heading(&self, step: &Step) -> String {
        let phase = if self.is_deleted() { "Delete" } else { step.phase.name() };
        format!("{phase} wave {}", step.wave)
    }
}

impl Waves {
    /// Leaves some of the Applications; who applies whom stays known among them.
    pub fn retain(&mut self, is_kept: impl Fn(&Application) -> bool) {
        let mut count = 0;
        let places: Vec<Option<usize>> = self
            .applications
            .iter()
            .map(|application| {
                is_kept(application).then(|| {
                    count += 1;
                    count - 1
                })
            })
            .collect();
        let place = |at: usize| places.get(at).copied().flatten();
        let mut at = 0;
        self.applications.retain(|_| {
            at += 1;
            place(at - 1).is_some()
        });
        for application in &mut self.applications {
            application.parent = application.parent.and_then(place);
            application.tasks.iter_mut().for_each(|task| task.child = task.child.and_then(place));
        }
    }

    /// Whether a task is shown by itself: of a change only what changes, and hooks, which run at each sync.
    fn is_shown(&self, task: &Task) -> bool {
        self.base.is_none() || task.task.hook || task.change != Some(Change::Unchanged)
    }

    /// The Applications that are shown: of a change those that it concerns.
    fn shown(&self) -> impl Iterator<Item = (usize, &Application)> {
        let is_shown = |(_, application): &(usize, &Application)| self.base.is_none() || application.is_changed();
        self.applications.iter().enumerate().filter(is_shown)
    }

    /// What stands above all.
    fn heading(&self) -> String {
        match &self.base {
            Some(base) => format!("Sync order of the change since {base}: {}", self.title),
            None => format!("Sync order: {}", self.title),
        }
    }
}
