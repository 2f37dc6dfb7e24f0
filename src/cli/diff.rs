//! `gitopsctl diff`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::place::{Place, below};
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{Exit, gate, policies};
use crate::git;
use crate::kustomize::Options;
use crate::pipeline::diff::{self, Sides};
use crate::pipeline::gather;
use crate::tree::Tree;
use crate::view;

/// Show what a change does to the cluster: objects, fields, and the line that caused each
///
/// Both sides are read from Git's objects, without checkout; what the change can reach is built before and after it, with what
/// Applications put over it. Secrets are not shown. New and fixed findings are those in what the change reaches; `lint` has all.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 shown, or nothing changes · 1 something changes, with --exit-code · 2 usage · 3 an \
                        overlay does not build after the change · 4 Git cannot be read · 101 a bug"
)]
pub(super) struct Diff {
    /// The state before; default: the merge base with the default branch
    #[arg(value_name = "BASE")]
    base: Option<String>,
    /// The state after; default: the work tree
    #[arg(value_name = "HEAD")]
    head: Option<String>,
    /// Only these environments
    #[arg(long = "env", value_name = "ENV")]
    environments: Vec<String>,
    /// Only these services
    #[arg(long = "service", value_name = "SERVICE")]
    services: Vec<String>,
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
        let changes = gate::changes(directory, self.base.as_deref(), self.head.as_deref())?;
        let before = Place::of(directory, Path::new("."), Some(&changes.base))
            .or_else(|failure| above(directory, &changes.base, failure))?
            .at_top(None);
        let after = match &self.head {
            Some(head) => Place::of(directory, Path::new("."), Some(head))
                .or_else(|failure| above(directory, head, failure))?
                .at_top(None),
            None => Place::of(directory, Path::new("."), None)?.at_top(None),
        };
        let folder = below(&after.repository, &after.git_top().unwrap_or_default()).unwrap_or_default().to_owned();
        // The repository may have begun elsewhere: the same folder counts on both sides.
        let before = before.rooted(folder.clone());
        let paths: BTreeSet<String> =
            changes.paths.iter().filter_map(|path| below(path, &folder).map(str::to_owned)).collect();
        let origin = git::facts(directory).and_then(|facts| facts.origin);
        let (home_before, home_after) = (before.home(), after.home());
        let release = super::build::release(&after, None)?;
        let options = Options { release, ..Options::default() };
        let from = gather_place(&before, &home_before, options, origin.as_deref());
        let to = gather_place(&after, &home_after, options, origin.as_deref());
        let (book, _) = policies::book(&home_after)?;
        let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
        let sides = Sides { before: &from, after: &to, changed: Some(&paths) };
        let found = diff::diff(&sides, &book, &today);
        before.is_whole()?;
        after.is_whole()?;
        let mut shown = found.shown(Some(&paths));
        shown.base = short(&changes.base);
        shown.head = self.head.as_deref().map_or_else(|| "the work tree".to_owned(), str::to_owned);
        self.tell(shown, &found, terminal)
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

/// The top of the repository at a revision, where the directory of the command was not there.
fn above(directory: &Path, revision: &str, failure: Failure) -> Result<Place, Failure> {
    let top = directory.canonicalize().ok().and_then(|start| git::top(&start).map(Path::to_owned));
    match top {
        Some(top) => Place::of(&top, Path::new("."), Some(revision)),
        None => Err(failure),
    }
}

fn gather_place<'a>(place: &'a Place, home: &'a Tree, options: Options, origin: Option<&'a str>) -> gather::Place<'a> {
    gather::Place { tree: &place.tree, repository: &place.repository, home, options, origin, settings: None }
}
