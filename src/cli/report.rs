//! `gitopsctl report`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::build::{Version, release};
use crate::cli::helm::{self, Program};
use crate::cli::place::{Place, below};
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{Exit, policies};
use crate::diag::Severity;
use crate::git::{self, Store};
use crate::kustomize::Options;
use crate::pipeline::gather::{self, Gathered, Target};
use crate::pipeline::lint::{self, Rules};
use crate::pipeline::report::{self, Asked, Past};
use crate::policy::Flags;

/// Commits that are looked at for releases, of all services together: walking takes some microseconds each.
const MOST_COMMITS: usize = 60_000;
/// And of each service at least.
const LEAST_COMMITS: usize = 200;

/// Write one page to look at: what is deployed, and who set it
///
/// One HTML file that needs no server and no network: services × environments with versions, replicas, resources and findings;
/// waves; of each service its releases and its built manifests with the line that set each of theirs. Secrets are not shown.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 written · 2 usage · 3 nothing to show, or something does not build: the page says \
                        what · 4 the disk or Git refused · 101 a bug"
)]
pub(super) struct Report {
    /// A directory with a kustomization, or above several
    #[arg(value_name = "TARGET", default_value = ".")]
    target: PathBuf,
    /// Write to this file
    #[arg(short = 'o', long, value_name = "FILE", default_value = "report.html")]
    output: PathBuf,
    /// Only these environments
    #[arg(long = "env", value_name = "ENV", value_delimiter = ',')]
    environments: Vec<String>,
    /// Read this commit, branch or tag from the object store instead of the files on disk
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Which release of Kustomize to reproduce [default: `kustomizeVersion` of gitopsctl.yaml, else 5.8.1]
    #[arg(long, value_name = "VERSION")]
    kustomize_version: Option<Version>,
    #[command(flatten)]
    helm: helm::Flags,
}

impl Report {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let place = Place::of(directory, &self.target, self.rev.as_deref())?;
        if place.is_file() {
            let message = format!("`{}` is a file", self.target.display());
            return Err(Failure::told(Exit::Usage, message).with_help("name a directory"));
        }
        let place = place.at_top(None);
        let home = place.home();
        let start = if self.rev.is_none() { directory.join(&self.target) } else { directory.to_owned() };
        let origin = git::facts(&start).and_then(|facts| facts.origin);
        let options = Options { release: release(&place, self.kustomize_version)?, ..Options::default() };
        let from = gather::Place {
            tree: &place.tree,
            repository: &place.repository,
            home: &home,
            options,
            origin: origin.as_deref(),
            settings: None,
        };
        let (book, (sources, faults)) = policies::book(&home)?;
        let program = Program::new(&self.helm, &place.tree);
        let target = Target::Directory(place.directory.clone());
        let mut gathered = gather::gather(&from, &target, sources, program.helm(), &|_| ());
        gathered.diagnostics.append(faults);
        place.is_whole()?;
        let now = jiff::Timestamp::now();
        let rules = Rules {
            book: &book,
            flags: &Flags::default(),
            today: &now.strftime("%Y-%m-%d").to_string(),
            trusts: &|_, _, _| true,
            baseline: None,
            before: None,
            changed: None,
            old: None,
            least: Severity::Info,
        };
        let outcome = lint::judge(&mut gathered, &rules);
        let is_broken = gathered.diagnostics.iter().any(|item| item.severity == Severity::Error);
        if outcome.objects == 0 && !is_broken {
            let message = format!("there is nothing to show in `{}`", self.target.display());
            return Err(Failure::told(Exit::Input, message));
        }
        let store = Store::open(&start).ok();
        let commit =
            store.as_ref().and_then(|store| store.commit_of(self.rev.as_deref().unwrap_or("HEAD")).ok().flatten());
        let git_top = place.git_top().unwrap_or_default();
        let past = commit.as_deref().map(|commit| Past {
            directory: &start,
            commit,
            below: below(&place.repository, &git_top).unwrap_or_default(),
            home: &home,
            most: (MOST_COMMITS / outcome.overlays.max(1)).max(LEAST_COMMITS),
        });
        let asked = Asked { environments: &self.environments, past: past.as_ref() };
        let mut page = report::report(&gathered, &outcome, asked);
        if page.rows.is_empty() && !self.environments.is_empty() {
            let message = format!("nothing is deployed to {}", self.environments.join(", "));
            return Err(Failure::told(Exit::Usage, message));
        }
        page.title = self.title(&gathered, &start);
        page.revision = match (&self.rev, &commit) {
            (Some(rev), _) => rev.clone(),
            (None, Some(commit)) => format!("work tree at {}", crate::release::abbreviated(commit)),
            (None, None) => String::new(),
        };
        page.made = now.strftime("%Y-%m-%d %H:%M UTC").to_string();
        page.program = format!("gitopsctl {}", env!("CARGO_PKG_VERSION"));
        let path = directory.join(&self.output);
        std::fs::write(&path, page.page()).map_err(|error| {
            Failure::told(Exit::Environment, format!("`{}` cannot be written: {error}", self.output.display()))
        })?;
        terminal.say(&format!("wrote {}", self.output.display()));
        let exit = if is_broken { Exit::Input } else { Exit::Fine };
        // The process ends here, as after `lint`.
        std::mem::forget((gathered, outcome, page));
        Ok(exit)
    }

    /// The platform's name, else that of the folder.
    fn title(&self, gathered: &Gathered, start: &Path) -> String {
        let platform = gathered.settings().and_then(|catalog| catalog.platform.platform.as_ref());
        if let Some(name) = platform {
            return name.value.clone();
        }
        let path = start.canonicalize().ok();
        let name = path.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| self.target.display().to_string())
    }
}
