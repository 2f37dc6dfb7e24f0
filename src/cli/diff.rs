//! `gitopsctl diff`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::complete::{environments, services};
use crate::cli::place::{Place, below};
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{Exit, build, gate, policies};
use crate::git;
use crate::kustomize::{Options, Release};
use crate::pipeline::diff::{self, Sides, Terrain};
use crate::pipeline::{drift, gather};
use crate::tree::Tree;
use crate::view;

/// Show what a change does to the cluster, and the line that did it
///
/// Both sides are read from Git's objects, without checkout; what the change can reach is built before and after it, with what
/// Applications put over it. Secrets are not shown. New and fixed findings are those in what the change reaches; `lint` has all.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 shown, or nothing changes · 1 something changes, with --exit-code · 2 usage · 3 an \
                        overlay does not build after the change · 4 Git cannot be read · 101 a bug"
)]
pub(super) struct Diff {
    /// The state before; default: the merge base with the default branch. With --between the services
    #[arg(value_name = "BASE")]
    base: Option<String>,
    /// The state after; default: the work tree
    #[arg(value_name = "HEAD")]
    head: Option<String>,
    /// More services, with --between
    #[arg(hide = true)]
    more: Vec<String>,
    /// Only these environments
    #[arg(long = "env", value_name = "ENV", add = environments())]
    environments: Vec<String>,
    /// Only these services
    #[arg(long = "service", value_name = "SERVICE", add = services())]
    services: Vec<String>,
    /// Compare two environments with each other: `--between dev production order-service`
    #[arg(long, num_args = 2, value_names = ["ENV", "ENV"], conflicts_with_all = ["environments", "live", "kustomize_version"])]
    between: Vec<String>,
    /// Compare the cluster, as `kubectl get -o yaml` has saved it, with what Git says
    #[arg(long, value_name = "FILE", conflicts_with = "kustomize_version")]
    live: Option<PathBuf>,
    /// Compare what two releases of Kustomize build, such as 5.8.1..5.8.2
    #[arg(long, value_name = "FROM..TO")]
    kustomize_version: Option<String>,
    /// Read this revision in place of the work tree, with --between, --live and --kustomize-version
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    /// Write to this file
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Exit with 1 where something changes
    #[arg(long)]
    exit_code: bool,
}

/// How to print a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// For a comment of a merge request
    Markdown,
    /// One object, for tools
    Json,
    /// A page that stands alone
    Html,
}

impl Diff {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let is_own = self.between.is_empty() && self.live.is_none() && self.kustomize_version.is_none();
        if is_own && self.rev.is_some() {
            let failure = Failure::told(Exit::Usage, "--rev is for --between, --live and --kustomize-version");
            return Err(failure.with_help("name the revisions: `gitopsctl diff BASE HEAD`"));
        }
        if !self.more.is_empty() && self.between.is_empty() || !is_own && self.between.is_empty() && self.base.is_some()
        {
            return Err(Failure::told(Exit::Usage, "there are more revisions than are compared"));
        }
        let (found, shown) = if is_own { self.change(directory)? } else { self.other(directory)? };
        self.tell(shown, &found, terminal)
    }

    /// What a change does.
    fn change(&self, directory: &Path) -> Result<(diff::Diff, view::Changes), Failure> {
        let after = place(directory, self.head.as_deref())?;
        let home_after = after.home();
        let (changes, terrain) = rayon::join(
            || gate::changes(directory, self.base.as_deref(), self.head.as_deref()),
            || Terrain::of(&home_after),
        );
        let changes = changes?;
        // The repository may have begun elsewhere: the same folder counts on both sides.
        let folder = below(&after.repository, &after.git_top().unwrap_or_default()).unwrap_or_default().to_owned();
        let before = place(directory, Some(&changes.base))?.rooted(folder.clone());
        let paths: BTreeSet<String> =
            changes.paths.iter().filter_map(|path| below(path, &folder).map(str::to_owned)).collect();
        let origin = git::facts(directory).and_then(|facts| facts.origin);
        let home_before = before.home();
        let options = |place: &Place| -> Result<Options, Failure> {
            Ok(Options { release: build::release(place, None)?, ..Options::default() })
        };
        let from = gathered(&before, &home_before, options(&before)?, origin.as_deref());
        let to = gathered(&after, &home_after, options(&after)?, origin.as_deref());
        let (book, _) = policies::book(&home_after)?;
        let sides = Sides { before: &from, after: &to, changed: Some((&paths, &terrain)) };
        let found = diff::diff(&sides, &book, &today());
        before.is_whole()?;
        after.is_whole()?;
        let mut shown = found.shown(Some(&paths));
        shown.base = short(&changes.base);
        shown.head = self.head.as_deref().map_or_else(|| "the work tree".to_owned(), str::to_owned);
        Ok((found, shown))
    }

    /// A comparison of one state with something else than its past.
    fn other(&self, directory: &Path) -> Result<(diff::Diff, view::Changes), Failure> {
        let place = place(directory, self.rev.as_deref())?;
        let home = place.home();
        let origin = git::facts(directory).and_then(|facts| facts.origin);
        let with = |release| Options { release, ..Options::default() };
        let here = gathered(&place, &home, with(build::release(&place, None)?), origin.as_deref());
        let state = self.rev.as_deref().unwrap_or("the work tree").to_owned();
        let (found, base, head) = if let [one, other] = self.between.as_slice() {
            let services: Vec<String> = [&self.base, &self.head]
                .into_iter()
                .flatten()
                .chain(&self.more)
                .chain(&self.services)
                .cloned()
                .collect();
            let found = drift::between(&here, (one, other), &services);
            if found.before.is_empty() && found.after.is_empty() {
                let failure = Failure::told(Exit::Usage, format!("nothing is deployed to `{one}` or `{other}`"));
                return Err(failure.with_help("`gitopsctl list` shows services and environments"));
            }
            (found, one.clone(), other.clone())
        } else if let Some(file) = &self.live {
            let text = std::fs::read_to_string(directory.join(file))
                .map_err(|error| Failure::told(Exit::Input, format!("`{}` cannot be read: {error}", file.display())))?;
            let found = drift::live(&here, &file.to_string_lossy(), &text).map_err(|(fault, sources)| {
                let shown = crate::report::human(&fault, &sources, false);
                Failure::told(Exit::Input, shown.trim_start_matches("error: ").to_owned())
            })?;
            if found.compared == 0 {
                return Err(Failure::told(Exit::Input, "the file has no object that Git deploys"));
            }
            (found, format!("the cluster ({})", file.display()), state)
        } else {
            let words = self.kustomize_version.as_deref().unwrap_or_default();
            let (from, to) = versions(words)?;
            let older = gather::Place { options: with(from), ..here };
            let newer = gather::Place { options: with(to), ..here };
            let (book, _) = policies::book(&home)?;
            let sides = Sides { before: &older, after: &newer, changed: None };
            let found = diff::diff(&sides, &book, &today());
            (found, format!("Kustomize {}", from.name()), to.name().to_owned())
        };
        place.is_whole()?;
        let shown = view::Changes { base, head, ..found.shown(None) };
        Ok((found, shown))
    }

    fn tell(&self, mut shown: view::Changes, found: &diff::Diff, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let is_meant = |overlay: &view::changes::Overlay| {
            let fits = |wanted: &[String], own: &Option<String>| {
                wanted.is_empty() || own.as_ref().is_some_and(|own| wanted.contains(own))
            };
            fits(&self.environments, &overlay.environment) && fits(&self.services, &overlay.service)
        };
        shown.overlays.retain(is_meant);
        let format = match self.format {
            Format::Human => view::Format::Human,
            Format::Markdown => view::Format::Markdown,
            Format::Json => view::Format::Json,
            Format::Html => view::Format::Html,
        };
        let is_coloured = self.output.is_none() && terminal.is_coloured();
        let text = view::changes(format, &shown, is_coloured);
        match &self.output {
            Some(path) => std::fs::write(path, text).map_err(|error| {
                Failure::told(Exit::Environment, format!("`{}` cannot be written: {error}", path.display()))
            })?,
            None => terminal.print(&text)?,
        }
        let is_unbuilt = shown.overlays.iter().any(|overlay| overlay.what == view::changes::What::Unbuilt);
        if is_unbuilt {
            terminal.report(&found.after.diagnostics, &found.after.sources);
            return Ok(Exit::Input);
        }
        Ok(if self.exit_code && !shown.is_empty() { Exit::Findings } else { Exit::Fine })
    }
}

/// The first letters of a commit's hash, as people know it.
fn short(name: &str) -> String {
    name.get(..10).unwrap_or(name).to_owned()
}

/// `5.8.1..5.8.2`
fn versions(words: &str) -> Result<(Release, Release), Failure> {
    let known: Vec<_> = Release::ALL.into_iter().map(Release::name).collect();
    let release = |name: &str| {
        let name = name.trim_start_matches('v');
        Release::ALL.into_iter().find(|release| release.name() == name).ok_or_else(|| {
            let failure = Failure::told(Exit::Usage, format!("Kustomize {} is not known", name.escape_debug()));
            failure.with_help(format!("known are {}", known.join(", ")))
        })
    };
    let (from, to) = words.split_once("..").ok_or_else(|| {
        Failure::told(Exit::Usage, format!("`{}` is not FROM..TO", words.escape_debug()))
            .with_help("such as 5.8.1..5.8.2")
    })?;
    Ok((release(from)?, release(to)?))
}

/// The repository at a revision, or on disk. The directory of the command need not have been there.
fn place(directory: &Path, revision: Option<&str>) -> Result<Place, Failure> {
    let place = Place::of(directory, Path::new("."), revision).or_else(|failure| {
        let top = directory.canonicalize().ok().and_then(|start| git::top(&start).map(Path::to_owned));
        top.filter(|_| revision.is_some()).map_or(Err(failure), |top| Place::of(&top, Path::new("."), revision))
    })?;
    Ok(place.at_top(None))
}

fn gathered<'a>(place: &'a Place, home: &'a Tree, options: Options, origin: Option<&'a str>) -> gather::Place<'a> {
    gather::Place { tree: &place.tree, repository: &place.repository, home, options, origin, settings: None }
}

fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}
