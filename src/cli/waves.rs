//! `gitopsctl waves`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::argo::{self, Action, Sync, Task};
use crate::cli::build::{release, worth_telling};
use crate::cli::helm::{Flags, Program};
use crate::cli::place::Place;
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{EXIT_CODES, Exit, Format};
use crate::diag::Diagnostics;
use crate::git;
use crate::kustomize::Options;
use crate::pipeline::gather::{self, Target};
use crate::source::SourceMap;
use crate::yaml::data::Datum;

/// Show the order in which Argo CD applies and prunes
///
/// The exact order of Argo CD's sync engine: phase, wave, kind, name; Namespaces and CRDs before their first user; what is
/// pruned in reverse. A target is a directory with a kustomization, a directory above several, a file or a directory of
/// plain manifests, or - for standard input.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Waves {
    /// What is synced
    #[arg(value_name = "TARGET", default_value = ".")]
    target: PathBuf,
    /// Namespace of the Application's destination, which objects without one get
    #[arg(long, value_name = "NS", default_value = "default")]
    namespace: String,
    /// What is in the cluster: what of it is no longer in the target is pruned
    #[arg(long, value_name = "TARGET")]
    live: Option<PathBuf>,
    /// The target as it is in this commit is what is in the cluster
    #[arg(long, value_name = "REV", conflicts_with = "live")]
    live_rev: Option<String>,
    /// Whether the Application has the sync option PruneLast=true
    #[arg(long)]
    prune_last: bool,
    /// Read this commit, branch or tag from the object store instead of the files on disk
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    #[command(flatten)]
    helm: Flags,
}

/// Objects that are synced together.
struct Unit {
    /// The Application, where one is known.
    name: Option<String>,
    /// Its destination's namespace.
    namespace: Option<String>,
    environment: Option<String>,
    /// Whether the Application prunes last.
    prunes_last: bool,
    /// The overlay; `None` for plain manifests.
    path: Option<String>,
    objects: Vec<Datum>,
}

impl Unit {
    fn plain(objects: Vec<Datum>) -> Self {
        Self { name: None, namespace: None, environment: None, prunes_last: false, path: None, objects }
    }

    /// Whether two are the same part of a repository.
    fn is_same(&self, other: &Self) -> bool {
        (&self.name, &self.path) == (&other.name, &other.path)
    }
}

impl Waves {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let is_stdin = |target: &PathBuf| target == Path::new("-");
        let from_revision = self.rev.is_some() || self.live_rev.is_some();
        if is_stdin(&self.target) && (from_revision || self.live.as_ref().is_some_and(is_stdin)) {
            let message = "`-` is read once, and from no revision";
            return Err(Failure::told(Exit::Usage, message).with_help("name a file"));
        }
        let units = self.units(directory, &self.target, self.rev.as_deref(), terminal)?;
        let live = match (&self.live, &self.live_rev) {
            (Some(live), _) => self.units(directory, live, None, terminal)?,
            (None, Some(rev)) => self.units(directory, &self.target, Some(rev), terminal)?,
            (None, None) => Some(Vec::new()),
        };
        let (Some(units), Some(live)) = (units, live) else { return Ok(Exit::Input) };
        // Of several overlays each has its own live objects: those of the same path.
        let is_pair = units.len() == 1 && live.len() == 1;
        if !is_pair && units.iter().chain(&live).any(|unit| unit.path.is_none()) && !live.is_empty() {
            let message = "several overlays cannot be held against plain manifests";
            return Err(Failure::told(Exit::Usage, message).with_help("name one overlay"));
        }
        for path in live.iter().filter(|live| !is_pair && !units.iter().any(|unit| unit.is_same(live))) {
            let path = path.path.as_deref().unwrap_or_default();
            terminal.say(&format!("`{path}` is only in what is live: whether it is pruned, its Application decides"));
        }
        let live_of = |unit: &Unit| -> Vec<&Datum> {
            let partners = live.iter().filter(|live| is_pair || live.is_same(unit));
            partners.flat_map(|live| &live.objects).collect()
        };
        let mut applications = Vec::new();
        for unit in &units {
            let objects: Vec<&Datum> = unit.objects.iter().collect();
            let live = live_of(unit);
            let namespace = unit.namespace.as_deref().unwrap_or(&self.namespace);
            let prune_last = self.prune_last || unit.prunes_last;
            let sync = Sync { objects: &objects, live: &live, namespace, prune_last };
            applications.push((unit, argo::tasks(&sync)));
        }
        match self.format {
            Format::Human => {
                let parts: Vec<_> = applications.iter().map(|(unit, tasks)| human(unit, tasks)).collect();
                terminal.print(&parts.join("\n"))?;
            }
            Format::Json => {
                let applications: Vec<_> =
                    applications.iter().map(|(unit, tasks)| application(unit, tasks, &self.namespace)).collect();
                terminal.print(&format!("{:#}\n", json!({"version": 1, "applications": applications})))?;
            }
        }
        Ok(Exit::Fine)
    }

    /// What a target holds; `None` where something of it cannot be read or built, which is reported.
    fn units(
        &self,
        directory: &Path,
        target: &Path,
        rev: Option<&str>,
        terminal: &mut Terminal,
    ) -> Result<Option<Vec<Unit>>, Failure> {
        if target == Path::new("-") {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::told(Exit::Input, format!("standard input cannot be read: {error}")))?;
            return Ok(plain(vec![("-".to_owned(), text)], terminal).map(|unit| vec![unit]));
        }
        let place = Place::of(directory, target, rev)?;
        if place.is_file() {
            return Ok(plain(read(&place, vec![place.directory.clone()])?, terminal).map(|unit| vec![unit]));
        }
        let place = place.at_top(None);
        let home = place.home();
        let options = Options { release: release(&place, None)?, ..Options::default() };
        let origin = git::facts(directory).and_then(|facts| facts.origin);
        let from = gather::Place {
            tree: &place.tree,
            repository: &place.repository,
            home: &home,
            options,
            origin: origin.as_deref(),
            settings: None,
        };
        let program = Program::new(&self.helm, &place.tree);
        let wanted = Target::Directory(place.directory.clone());
        let gathered = gather::gather(&from, &wanted, SourceMap::default(), program.helm(), &|_| ());
        place.is_whole()?;
        let is_bad = terminal.report(&worth_telling(&gathered.diagnostics), &gathered.sources);
        let units: Vec<Unit> = gathered
            .syncs()
            .into_iter()
            .filter(|unit| !unit.objects.is_empty())
            .map(|unit| Unit {
                name: unit.application.map(|application| application.name.text.to_string()),
                namespace: unit
                    .application
                    .and_then(|application| application.destination.namespace.as_ref())
                    .map(|namespace| namespace.text.to_string()),
                environment: unit.environment.map(str::to_owned),
                prunes_last: unit.application.is_some_and(|application| application.has_option("PruneLast=true")),
                path: gathered.is_built().then(|| unit.path.to_owned()),
                objects: unit.objects.into_iter().cloned().collect(),
            })
            .collect();
        if units.is_empty() && !is_bad {
            let message = format!("no kustomization and no manifest in or below `{}`", target.display());
            return Err(Failure::told(Exit::Input, message));
        }
        Ok((!is_bad).then_some(units))
    }
}

/// The texts of files by the paths that people see.
fn read(place: &Place, files: Vec<String>) -> Result<Vec<(String, String)>, Failure> {
    let mut texts = Vec::new();
    for file in files {
        let text = place.tree.text(&file).map_err(|failure| Failure::told(Exit::Input, failure.message.clone()))?;
        let shown = place.shown(&file).to_owned();
        let Some(text) = text else {
            return Err(Failure::told(Exit::Input, format!("`{shown}` leads to nothing")));
        };
        texts.push((shown, text.to_string()));
    }
    place.is_whole()?;
    Ok(texts)
}

fn plain(texts: Vec<(String, String)>, terminal: &mut Terminal) -> Option<Unit> {
    let mut sources = SourceMap::default();
    let mut diagnostics = Diagnostics::default();
    let mut objects = Vec::new();
    for (path, text) in texts {
        let file = sources.add(&*path, &*text);
        match argo::manifests(&text, file, &path) {
            Ok(found) => objects.extend(found),
            Err(failure) => diagnostics.push(*failure),
        }
    }
    let is_whole = diagnostics.iter().next().is_none();
    terminal.report(&diagnostics, &sources);
    is_whole.then(|| Unit::plain(objects))
}

fn action(task: &Task) -> &'static str {
    match task.action {
        Action::Apply => "apply",
        Action::Prune => "prune",
    }
}

fn human(unit: &Unit, tasks: &[Task]) -> String {
    let mut out = match (&unit.name, &unit.path) {
        (Some(name), Some(path)) => format!("{name} ({path})\n"),
        (Some(one), None) | (None, Some(one)) => format!("{one}\n"),
        (None, None) => String::new(),
    };
    let mut before = None;
    for task in tasks {
        if before != Some((task.phase, task.wave)) {
            out += &format!("{} wave {}\n", task.phase.name(), task.wave);
            before = Some((task.phase, task.wave));
        }
        let prune = if task.action == Action::Prune { "prune " } else { "" };
        let hook = if task.hook { " (hook)" } else { "" };
        out += &format!("  {prune}{} {}{hook}\n", task.kind, task.name);
    }
    out
}

fn application(unit: &Unit, tasks: &[Task], namespace: &str) -> Value {
    let task = |task: &Task| {
        json!({
            "phase": task.phase.name(), "wave": task.wave, "action": action(task), "hook": task.hook,
            "group": task.group, "version": task.version, "kind": task.kind, "namespace": task.namespace, "name": task.name,
        })
    };
    json!({
        "name": unit.name, "namespace": unit.namespace.as_deref().unwrap_or(namespace),
        "environment": unit.environment, "path": unit.path,
        "tasks": tasks.iter().map(task).collect::<Vec<_>>(),
    })
}
