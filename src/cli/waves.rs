//! `gitopsctl waves`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::argo::{self, Action, Sync, Task};
use crate::cli::build::{Builds, release, worth_telling};
use crate::cli::helm::Flags;
use crate::cli::place::Place;
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{EXIT_CODES, Exit, Format};
use crate::diag::Diagnostics;
use crate::kube::KUSTOMIZATIONS;
use crate::kustomize::{self, Options};
use crate::layout;
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
    /// The overlay; `None` for plain manifests.
    path: Option<String>,
    objects: Vec<Datum>,
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
        for path in live.iter().filter(|live| !is_pair && !units.iter().any(|unit| unit.path == live.path)) {
            let path = path.path.as_deref().unwrap_or_default();
            terminal.say(&format!("`{path}` is only in what is live: whether it is pruned, its Application decides"));
        }
        let live_of = |unit: &Unit| -> Vec<&Datum> {
            let partners = live.iter().filter(|live| is_pair || live.path == unit.path);
            partners.flat_map(|live| &live.objects).collect()
        };
        let mut applications = Vec::new();
        for unit in &units {
            let objects: Vec<&Datum> = unit.objects.iter().collect();
            let live = live_of(unit);
            let sync = Sync { objects: &objects, live: &live, namespace: &self.namespace, prune_last: self.prune_last };
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
        let is_kustomization =
            KUSTOMIZATIONS.iter().any(|name| place.tree.has_file(&crate::tree::join(&place.directory, name)));
        let roots = if is_kustomization {
            vec![place.directory.clone()]
        } else {
            layout::roots(&place.tree, &place.repository, &place.directory, |path| place.tree.text(path).ok().flatten())
        };
        if roots.is_empty() {
            let is_manifest = |path: &String| [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending));
            let files: Vec<_> = place.tree.files(&place.directory).into_iter().filter(is_manifest).collect();
            let texts = read(&place, files)?;
            if texts.is_empty() {
                let message = format!("no kustomization and no manifest in or below `{}`", target.display());
                return Err(Failure::told(Exit::Input, message));
            }
            return Ok(plain(texts, terminal).map(|unit| vec![unit]));
        }
        let options = Options { release: release(&place, None)?, ..Options::default() };
        let Builds { builds, sources, diagnostics } = Builds::of(&place, &roots, options, &self.helm);
        place.is_whole()?;
        terminal.report(&worth_telling(&diagnostics), &sources);
        let unit = |(root, build): (&String, Option<kustomize::Build>)| {
            let objects = build?.resources.iter().map(|resource| resource.root.clone()).collect();
            Some(Unit { path: Some(place.shown(root).to_owned()), objects })
        };
        Ok(roots.iter().zip(builds).map(unit).collect())
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
    is_whole.then_some(Unit { path: None, objects })
}

fn action(task: &Task) -> &'static str {
    match task.action {
        Action::Apply => "apply",
        Action::Prune => "prune",
    }
}

fn human(unit: &Unit, tasks: &[Task]) -> String {
    let mut out = unit.path.as_ref().map(|path| format!("{path}\n")).unwrap_or_default();
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
        "name": null, "namespace": namespace, "environment": null, "path": unit.path,
        "tasks": tasks.iter().map(task).collect::<Vec<_>>(),
    })
}
