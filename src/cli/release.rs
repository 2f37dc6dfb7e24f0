//! What `bump`, `promote` and `rollback` share: where a release goes, and how it is told.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::place::{Place, inside};
use crate::cli::render::diff;
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{Exit, Format, policies};
use crate::kustomize::Options;
use crate::pipeline::gather;
use crate::pipeline::release::{self, Settings};
use crate::release::{Class, Known, Past, Plan, Refusal, Rejected, Request, Ruling, Scope, Step, codes};
use crate::report;
use crate::source::SourceMap;
use crate::tree::{self, Change, join, normal};

/// The exit codes of releases, as `--help` shows them.
pub(super) const EXIT_CODES: &str = "Exit codes: 0 released, or nothing to do · 2 usage, or an ambiguous service or \
                                     environment · 3 the overlay does not load or build · 4 the disk, Git, the push or \
                                     the signature failed · 5 a guard refused · 101 a bug";

/// Where a release goes.
#[derive(Debug, Args)]
pub(super) struct Where {
    /// The environment; default: `release.environment` of gitopsctl.yaml
    #[arg(long, value_name = "ENV", conflicts_with = "path")]
    pub(super) env: Option<String>,
    /// A folder with a kustomization; what is released there is named as its `images` name it
    #[arg(long, value_name = "OVERLAY")]
    pub(super) path: Option<PathBuf>,
}

impl Where {
    pub(super) fn scope(&self) -> Scope {
        match &self.path {
            Some(path) => Scope::Path(path.to_string_lossy().into_owned()),
            None => Scope::Environment(self.env.clone()),
        }
    }
}

/// A scope as the tree has it: a path is relative to the directory of the command.
pub(super) fn located(scope: &Scope, directory: &Path, home: Option<&Path>) -> Result<Scope, Refusal> {
    let (Scope::Path(path), Some(home)) = (scope, home) else { return Ok(scope.clone()) };
    let outside = || {
        let message = format!("`{path}` lies outside of the repository");
        Refusal::new(Class::Usage, &codes::NO_OVERLAY, message)
    };
    let start = directory.canonicalize().map_err(|_| outside())?;
    let full = if Path::new(path).is_absolute() {
        PathBuf::from(path).canonicalize().unwrap_or_else(|_| PathBuf::from(path))
    } else {
        start.join(path)
    };
    let full = normal("", &full.to_string_lossy()).ok_or_else(outside)?;
    let below = Path::new(&full).strip_prefix(inside(home)).map_err(|_| outside())?;
    Ok(Scope::Path(below.to_string_lossy().into_owned()))
}

/// How a release reaches the branch.
#[derive(Debug, Args)]
#[command(next_help_heading = "Commit and push")]
pub(super) struct Landing {
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(super) format: Format,
    /// Only show what would change
    #[arg(long)]
    pub(super) dry_run: bool,
}

impl Landing {
    /// Edits the file in the work tree and makes no commit.
    pub(super) fn edit(
        &self,
        directory: &Path,
        request: &Request,
        source_repo: Option<&Path>,
        terminal: &mut Terminal,
    ) -> Result<Exit, Failure> {
        let _ = source_repo;
        let place = Place::of(directory, Path::new("."), None)?.at_top(None);
        let home = place.home();
        let mut sources = SourceMap::default();
        let on = gather::Place {
            tree: &place.tree,
            repository: &place.repository,
            home: &home,
            options: Options { release: super::build::release(&place, None)?, ..Options::default() },
            origin: None,
            settings: None,
        };
        let (book, _) = policies::book(&home)?;
        let planned = (|| {
            let settings = Settings::load(&on, &mut sources)?;
            let scope = located(&request.scope, directory, home.root())?;
            let freezes = settings.freezes.clone();
            let request = Request { scope, freezes, ..request.clone() };
            release::plan(&on, &settings, &book, &request, &NoPast, &mut sources)
        })();
        let plan = match planned {
            Ok(plan) => plan,
            Err(refusal) => return told(&refusal, Some(&sources), self.format, terminal),
        };
        let changes: Vec<Change> = plan
            .planned
            .edits
            .iter()
            .map(|edit| Change {
                path: edit.path.clone(),
                before: Some(edit.before.clone()),
                after: Some(edit.after.clone()),
            })
            .collect();
        if !self.dry_run {
            let root = home.root().unwrap_or(Path::new("."));
            if let Err(error) = tree::write(root, &changes) {
                let refusal = Refusal::new(Class::Environment, &codes::NOT_WRITTEN, error.to_string());
                return told(&refusal, None, self.format, terminal);
            }
        }
        let done = Done { plan: &plan, commit: None, branch: None, dry_run: self.dry_run };
        done.tell(self.format, terminal)?;
        Ok(Exit::Fine)
    }
}

/// No history to ask.
pub(super) struct NoPast;

impl Past for NoPast {
    fn known(&self, _: &Step, _: &str, _: &str) -> Result<Known, String> {
        Err("there is no commit to look at".to_owned())
    }

    fn rejected(&self, _: &Step, _: &str, _: &str) -> Result<Rejected, String> {
        Ok(Rejected::No)
    }

    fn is_older(&self, _: &str, _: &str) -> Option<bool> {
        None
    }
}

/// What was done.
pub(super) struct Done<'a> {
    pub(super) plan: &'a Plan,
    pub(super) commit: Option<&'a str>,
    pub(super) branch: Option<&'a str>,
    pub(super) dry_run: bool,
}

impl Done<'_> {
    pub(super) fn tell(&self, format: Format, terminal: &mut Terminal) -> Result<(), Failure> {
        if format == Format::Json {
            return terminal.print(&format!("{:#}\n", self.json()));
        }
        for verdict in &self.plan.verdicts {
            match &verdict.ruling {
                Ruling::NotEvaluated(why) => {
                    terminal.say(&format!("{} ({}): not evaluated: {why}", verdict.service, verdict.guard.name()));
                }
                Ruling::Overruled(why) => {
                    terminal.say(&format!("{} ({}): overruled: {why}", verdict.service, verdict.guard.name()));
                }
                Ruling::Passed | Ruling::Refused(_) => {}
            }
        }
        for unchanged in &self.plan.unchanged {
            let (service, place) = (&unchanged.service, &unchanged.environment);
            terminal.print(&format!("{service} has {} in {place} already\n", unchanged.version))?;
        }
        for (step, target) in &self.plan.planned.steps {
            let from = step.from.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            let verb = if self.dry_run { "would go" } else { "goes" };
            let (service, place) = (&step.service, &step.environment);
            terminal
                .print(&format!("{service} {verb} from {from} to {} in {place} ({})\n", step.to, target.folder.file))?;
        }
        if self.dry_run {
            for edit in &self.plan.planned.edits {
                let change = Change {
                    path: edit.path.clone(),
                    before: Some(edit.before.clone()),
                    after: Some(edit.after.clone()),
                };
                terminal.print_diff(&diff(&change))?;
            }
        }
        if let (Some(commit), Some(branch)) = (self.commit, self.branch) {
            terminal.print(&format!("committed {} on {branch}\n", crate::release::abbreviated(commit)))?;
        }
        Ok(())
    }

    fn json(&self) -> Value {
        let steps = self.plan.planned.steps.iter().map(|(step, target)| {
            json!({
                "service": step.service, "environment": step.environment, "image": target.image,
                "file": target.folder.file, "from": step.from.as_ref().map(ToString::to_string),
                "to": step.to.to_string(),
            })
        });
        let unchanged = self.plan.unchanged.iter().map(|service| {
            json!({
                "service": service.service, "environment": service.environment,
                "version": service.version.to_string(),
            })
        });
        json!({
            "version": 1,
            "released": steps.collect::<Vec<_>>(),
            "unchanged": unchanged.collect::<Vec<_>>(),
            "guards": self.plan.verdicts.iter().map(verdict).collect::<Vec<_>>(),
            "commit": self.commit,
            "branch": self.branch,
            "dryRun": self.dry_run,
            "error": null,
        })
    }
}

fn verdict(verdict: &crate::release::Verdict) -> Value {
    let (ruling, why) = match &verdict.ruling {
        Ruling::Passed => ("passed", None),
        Ruling::NotEvaluated(why) => ("not-evaluated", Some(why)),
        Ruling::Refused(why) => ("refused", Some(why)),
        Ruling::Overruled(why) => ("overruled", Some(why)),
    };
    json!({"guard": verdict.guard.name(), "service": verdict.service, "ruling": ruling, "reason": why})
}

/// Tells why nothing was released.
pub(super) fn told(
    refusal: &Refusal,
    sources: Option<&SourceMap>,
    format: Format,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let exit = match refusal.class {
        Class::Usage => Exit::Usage,
        Class::Input => Exit::Input,
        Class::Environment => Exit::Environment,
        Class::Guard => Exit::Guard,
    };
    let empty = SourceMap::default();
    let diagnostic = &refusal.diagnostic;
    terminal.say(report::human(diagnostic, sources.unwrap_or(&empty), terminal.is_coloured_err()).trim_end());
    if !refusal.details.is_empty() {
        terminal.say(&format!("\n{}", refusal.details.trim_end()));
    }
    if format == Format::Json {
        let error = json!({
            "code": diagnostic.code.id, "message": diagnostic.message, "help": diagnostic.help,
            "details": refusal.details,
        });
        let whole = json!({
            "version": 1, "released": [], "unchanged": [], "guards": [], "commit": null, "branch": null,
            "error": error,
        });
        terminal.print(&format!("{whole:#}\n"))?;
    }
    Ok(exit)
}

#[allow(dead_code)]
fn git_path(place: &Place, path: &str) -> String {
    join(&place.repository, path)
}
