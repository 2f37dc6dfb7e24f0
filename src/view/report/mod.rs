//! What a repository deploys, as a page that stands alone: services × environments, waves, findings, releases, and the
//! built manifests with who set each line.
//!
//! In: plain data, masked where it is secret. Out: HTML with one style and one script in it. What people look at first is
//! HTML and readable without the script; manifests are data that the script shows when they are asked for.

mod data;
mod matrix;
mod page;
mod plain;
mod waves;

use crate::view::html;

/// What the page shows.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The platform, or the folder.
    pub title: String,
    /// Which state: `the work tree`, or a revision.
    pub revision: String,
    /// When the page was made, `2026-01-31 12:00 UTC`.
    pub made: String,
    /// Who made it: `gitopsctl 0.1.0`.
    pub program: String,
    /// The columns, in the order of promotion; empty for what belongs to none.
    pub environments: Vec<String>,
    /// Services first, then what else is deployed, each by name.
    pub rows: Vec<Row>,
    /// What `lint` found, suppressed findings among them.
    pub findings: Vec<Finding>,
    /// What the reader should know of the page itself.
    pub notes: Vec<String>,
}

/// A service, or something else that is deployed.
#[derive(Clone, Debug, Default)]
pub struct Row {
    /// The service; else the path without its environment.
    pub name: String,
    /// Whether it is a service.
    pub is_service: bool,
    /// What the catalog says of it in a word: its domain.
    pub domain: String,
    /// For each environment what runs there.
    pub cells: Vec<Option<Cell>>,
    /// Who set the lines of its objects.
    pub origins: Vec<Vec<Setter>>,
}

/// What runs of a service in an environment.
#[derive(Clone, Debug, Default)]
pub struct Cell {
    /// The overlays.
    pub paths: Vec<String>,
    /// The Applications that deploy it.
    pub applications: Vec<String>,
    /// The workload that the service is, first; then its others.
    pub workloads: Vec<Workload>,
    /// The order of its sync.
    pub steps: Vec<Step>,
    /// What is built.
    pub objects: Vec<Object>,
    /// The versions of its image, from the newest on.
    pub releases: Vec<Release>,
    /// Why the releases are not all there are; empty where they are.
    pub releases_note: String,
}

/// Something that runs pods.
#[derive(Clone, Debug, Default)]
pub struct Workload {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `3`, `2–10`, `per node`, a schedule.
    pub replicas: String,
    /// Of all containers of a pod together.
    pub total: Resources,
    /// The containers, that of the service first.
    pub containers: Vec<Container>,
}

/// A container of a pod.
#[derive(Clone, Debug, Default)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Whether it runs before the others, and ends.
    pub is_init: bool,
    /// Registry and path.
    pub repository: String,
    /// The tag, else the beginning of the digest; empty where there is neither.
    pub version: String,
    /// What it asks for.
    pub resources: Resources,
}

/// Requests and limits as a person writes them; empty where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// `requests.cpu`
    pub cpu: String,
    /// `limits.cpu`
    pub cpu_limit: String,
    /// `requests.memory`
    pub memory: String,
    /// `limits.memory`
    pub memory_limit: String,
}

/// A wave of a sync.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// The phase.
    pub phase: &'static str,
    /// The wave in it.
    pub wave: i64,
    /// Kind, name and whether it is a hook, in order.
    pub tasks: Vec<(String, String, bool)>,
}

/// An object that is built.
#[derive(Clone, Debug, Default)]
pub struct Object {
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Each line with the index of who set it in [`Row::origins`].
    pub lines: Vec<(String, usize)>,
}

/// One that set a line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Setter {
    /// The file; empty for what no file says.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// The step of the build that put it there; empty for the manifest that has it.
    pub step: &'static str,
}

/// A version that ran.
#[derive(Clone, Debug, Default)]
pub struct Release {
    /// Since when, `2026-01-31 12:00`; empty where that is not known.
    pub since: String,
    /// The version.
    pub version: String,
    /// How it came.
    pub how: &'static str,
    /// Who brought it.
    pub by: String,
    /// The beginning of the commit's hash.
    pub commit: String,
    /// The first line of what the commit says.
    pub subject: String,
}

/// What `lint` found.
#[derive(Clone, Debug, Default)]
pub struct Finding {
    /// The policy.
    pub id: String,
    /// `error`, `warning` or `info`.
    pub severity: &'static str,
    /// What is wrong.
    pub message: String,
    /// What to do; empty where nothing is said.
    pub help: String,
    /// The object; empty where it is about none.
    pub object: String,
    /// The file of the line to edit; empty where none is to blame.
    pub file: String,
    /// The line in it, from 1.
    pub line: usize,
    /// The line to edit and its neighbours, with their numbers.
    pub excerpt: Vec<(usize, String)>,
    /// The rows that it shows in.
    pub rows: Vec<usize>,
    /// The environments that it shows in.
    pub environments: Vec<String>,
    /// Why it does not count; empty where it does.
    pub suppressed: String,
}

impl Row {
    /// How the page refers to it, as the part of a URL behind `#`.
    fn anchor(&self) -> String {
        format!("s/{}", html::encoded(&self.name))
    }
}

impl Report {
    /// The environments that are columns of the table, with their numbers: what belongs to none has a column where there is
    /// no other.
    fn columns(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_only = self.environments.len() == 1;
        let names = self.environments.iter().map(String::as_str).enumerate();
        names.filter(move |(_, name)| is_only || !name.is_empty())
    }

    /// The page.
    pub fn page(&self) -> String {
        page::render(self)
    }
}
