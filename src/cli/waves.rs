//! `gitopsctl waves`.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::argo::{self, HealthChecks};
use crate::cli::build::{release, worth_telling};
use crate::cli::helm::{Flags, Program};
use crate::cli::place::Place;
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{EXIT_CODES, Exit};
use crate::diag::Diagnostics;
use crate::git;
use crate::kustomize::Options;
use crate::pipeline::gather::{self, Target};
use crate::pipeline::waves::{self, Part, Question};
use crate::source::SourceMap;
use crate::view;

/// Show the order in which Argo CD applies and prunes
///
/// The exact order of Argo CD's sync engine: phase, wave, kind, name; Namespaces and CRDs before their first user; what is
/// pruned in reverse; and what each wave waits for: the health of the kinds that Argo CD has a check for, the end of hooks,
/// else 2 s. The formats mermaid, dot and svg are diagrams of it. A target is a directory with a kustomization, a directory above several, a file or a directory of
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
    /// The target as it is in this commit is what is in the cluster: shows the sync of what changed since, pruning included
    #[arg(long, value_name = "REV", conflicts_with = "live")]
    live_rev: Option<String>,
    /// Whether the Application has the sync option PruneLast=true
    #[arg(long)]
    prune_last: bool,
    /// Read this commit, branch or tag from the object store instead of the files on disk
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Only these environments
    #[arg(long = "env", value_name = "ENV")]
    environments: Vec<String>,
    /// With --live-rev: show what does not change too
    #[arg(long, requires = "live_rev")]
    all: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    /// Write to this file
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    helm: Flags,
}

/// How to print an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One object, for tools
    Json,
    /// A flowchart for Mermaid, which forges draw
    Mermaid,
    /// A graph for Graphviz
    Dot,
    /// A picture that stands alone
    Svg,
}

impl From<Format> for view::waves::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Human => Self::Human,
            Format::Json => Self::Json,
            Format::Mermaid => Self::Mermaid,
            Format::Dot => Self::Dot,
            Format::Svg => Self::Svg,
        }
    }
}

/// What a target holds.
#[derive(Debug, Default)]
struct Found {
    parts: Vec<Part>,
    /// The names of all Applications of the repository.
    applications: Vec<String>,
    checks: HealthChecks,
}

impl Found {
    fn plain(part: Part) -> Self {
        Self { parts: vec![part], ..Self::default() }
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
        let found = self.found(directory, &self.target, self.rev.as_deref(), terminal)?;
        let live = match (&self.live, &self.live_rev) {
            (Some(live), _) => self.found(directory, live, None, terminal)?,
            (None, Some(rev)) => self.found(directory, &self.target, Some(rev), terminal)?,
            (None, None) => Some(Found::default()),
        };
        let (Some(found), Some(live)) = (found, live) else { return Ok(Exit::Input) };
        let question = Question {
            parts: &found.parts,
            live: &live.parts,
            is_past: self.live_rev.is_some(),
            applications: &found.applications,
            namespace: &self.namespace,
            prune_last: self.prune_last,
            checks: &found.checks,
        };
        // Of several overlays each has its own live objects: those of the same path.
        let mut parts = question.parts.iter().chain(question.live);
        if !question.is_pair() && !question.live.is_empty() && parts.any(|part| part.path.is_none()) {
            let message = "several overlays cannot be held against plain manifests";
            return Err(Failure::told(Exit::Usage, message).with_help("name one overlay"));
        }
        for path in question.strays() {
            terminal.say(&format!("`{path}` is only in what is live: whether it is pruned, its Application decides"));
        }
        let mut shown = waves::waves(&question);
        self.select(&mut shown)?;
        shown.base = self.live_rev.clone().filter(|_| !self.all);
        let text = view::waves::render(self.format.into(), &shown);
        match &self.output {
            None => terminal.print(&text)?,
            Some(path) => std::fs::write(directory.join(path), text).map_err(|error| {
                Failure::told(Exit::Environment, format!("`{}` cannot be written: {error}", path.display()))
            })?,
        }
        Ok(Exit::Fine)
    }

    /// Leaves the environments that are asked for, and says what is shown.
    fn select(&self, shown: &mut view::waves::Waves) -> Result<(), Failure> {
        let environments: BTreeSet<String> =
            shown.applications.iter().filter_map(|application| application.environment.clone()).collect();
        if let Some(unknown) = self.environments.iter().find(|wanted| !environments.contains(*wanted)) {
            let message = format!("nothing is deployed to `{}`", unknown.escape_debug());
            let known = environments.into_iter().collect::<Vec<_>>().join(", ");
            return Err(Failure::told(Exit::Usage, message).with_help(format!("there are: {known}")));
        }
        if !self.environments.is_empty() {
            shown.retain(|application| {
                application.environment.as_ref().is_some_and(|own| self.environments.contains(own))
            });
        }
        shown.title = match (shown.applications.as_slice(), self.environments.as_slice()) {
            ([one], _) => one.title().to_owned(),
            (_, []) if self.target == Path::new(".") => "all that is deployed".to_owned(),
            (_, []) => self.target.to_string_lossy().into_owned(),
            (_, environments) => environments.join(", "),
        };
        Ok(())
    }

    /// What a target holds; `None` where something of it cannot be read or built, which is reported.
    fn found(
        &self,
        directory: &Path,
        target: &Path,
        rev: Option<&str>,
        terminal: &mut Terminal,
    ) -> Result<Option<Found>, Failure> {
        if target == Path::new("-") {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::told(Exit::Input, format!("standard input cannot be read: {error}")))?;
            return Ok(plain(vec![("-".to_owned(), text)], terminal).map(Found::plain));
        }
        let place = Place::of(directory, target, rev)?;
        if place.is_file() {
            return Ok(plain(read(&place, vec![place.directory.clone()])?, terminal).map(Found::plain));
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
        let syncs = gathered.syncs();
        let syncs = syncs.iter().filter(|unit| !unit.objects.is_empty());
        let parts: Vec<Part> = syncs.map(|unit| Part::of(unit, gathered.is_built())).collect();
        if parts.is_empty() && !is_bad {
            let message = format!("no kustomization and no manifest in or below `{}`", target.display());
            return Err(Failure::told(Exit::Input, message));
        }
        let (applications, checks) = (gathered.application_names(), gathered.health_checks());
        Ok((!is_bad).then_some(Found { parts, applications, checks }))
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

fn plain(texts: Vec<(String, String)>, terminal: &mut Terminal) -> Option<Part> {
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
    is_whole.then(|| Part::plain(objects))
}
