//! What `bump`, `promote` and `rollback` share: where a release goes, and how it is told.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::place::{Place, inside};
use crate::cli::render::diff;
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{Exit, Format, policies};
use crate::git::{self, Remote, RemoteError, Store};
use crate::kustomize::Options;
use crate::pipeline::gather;
use crate::pipeline::land::{self, Goal, Landed, Proposal};
use crate::pipeline::past::Chronicle;
use crate::pipeline::release::Settings;
use crate::policy::Policybook;
use crate::release::{Class, Known, Past, Plan, Refusal, Rejected, Ruling, Scope, Step, codes, short};
use crate::report;
use crate::source::SourceMap;
use crate::tree::{self, Change, Scratch, Tree, join, normal};

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
    /// Push; where others were faster, work it out again at the new tip
    #[arg(long)]
    push: bool,
    /// Push to this repository, without a checkout
    #[arg(long, value_name = "URL", conflicts_with = "remote")]
    repo: Option<String>,
    /// The remote to push to; default: that of the branch, else `origin`
    #[arg(long, value_name = "NAME", requires = "push")]
    remote: Option<String>,
    /// The branch; default: the one that is checked out, and with --repo the server's own
    #[arg(long, value_name = "NAME")]
    branch: Option<String>,
    /// Push a branch of its own and have a merge request opened
    #[arg(long)]
    merge_request: bool,
    /// Author of the commit, `Name <mail>`; default: as Git knows it
    #[arg(long, value_name = "AUTHOR")]
    author: Option<String>,
    /// How often to try where others are faster
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    attempts: u32,
    /// How many seconds it may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..))]
    deadline: u64,
    /// Only show what would change
    #[arg(long)]
    pub(super) dry_run: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    pub(super) format: Format,
}

/// The files of a commit, or of the work tree, on which a release is worked out.
pub(super) struct Ground<'a> {
    pub(super) place: &'a gather::Place<'a>,
    pub(super) settings: &'a Settings,
    pub(super) book: &'a Policybook,
    /// The scope of the command line in this tree.
    pub(super) scope: Scope,
    pub(super) past: &'a dyn Past,
    /// Where the commits are, and the one that this is; `None` where there is none.
    pub(super) at: Option<(&'a Store, &'a str)>,
}

/// What a release is to do, and what its commit is to say.
pub(super) struct Proposed {
    pub(super) plan: Plan,
    pub(super) message: String,
}

/// Works out a release on some ground.
pub(super) type Propose<'a> = &'a dyn Fn(&Ground<'_>, &mut SourceMap) -> Result<Proposed, Refusal>;

impl Landing {
    /// Edits the file in the work tree and makes no commit.
    pub(super) fn edit(
        &self,
        directory: &Path,
        scope: &Scope,
        propose: Propose<'_>,
        terminal: &mut Terminal,
    ) -> Result<Exit, Failure> {
        let place = Place::of(directory, Path::new("."), None)?.at_top(None);
        let mut sources = SourceMap::default();
        let home = place.home();
        let proposed = on(&place, &home, scope, directory, None, &NoPast, None, propose, &mut sources);
        let proposed = match proposed {
            Ok((proposed, _)) => proposed,
            Err(refusal) => return told(&refusal, Some(&sources), self.format, terminal),
        };
        let changes: Vec<Change> = proposed.plan.planned.edits.iter().map(change).collect();
        if !self.dry_run {
            let root = home.root().unwrap_or(Path::new("."));
            if let Err(error) = tree::write(root, &changes) {
                let refusal = Refusal::new(Class::Environment, &codes::NOT_WRITTEN, error.to_string());
                return told(&refusal, None, self.format, terminal);
            }
        }
        let done = Landed {
            report: proposed.plan,
            message: proposed.message,
            commit: None,
            branch: String::new(),
            attempts: 1,
            is_pushed: false,
            link: None,
            notes: Vec::new(),
        };
        tell(&done, None, self.dry_run, self.format, terminal)?;
        Ok(Exit::Fine)
    }

    /// Makes a commit on the branch, and pushes it where that is asked for.
    pub(super) fn release(
        &self,
        directory: &Path,
        scope: &Scope,
        source_repo: Option<&Path>,
        propose: Propose<'_>,
        terminal: &mut Terminal,
    ) -> Result<Exit, Failure> {
        let mut sources = SourceMap::default();
        match self.landed(directory, scope, source_repo, propose, &mut sources) {
            Ok((landed, remote)) => {
                tell(&landed, remote.as_deref(), self.dry_run, self.format, terminal)?;
                Ok(Exit::Fine)
            }
            Err(refusal) => told(&refusal, Some(&sources), self.format, terminal),
        }
    }

    fn landed(
        &self,
        directory: &Path,
        scope: &Scope,
        source_repo: Option<&Path>,
        propose: Propose<'_>,
        sources: &mut SourceMap,
    ) -> Result<(Landed<Plan>, Option<String>), Refusal> {
        let deadline = Some(Instant::now() + Duration::from_secs(self.deadline));
        if let Some(branch) = self.branch.as_ref().filter(|branch| !git::is_branch_name(branch)) {
            let message = format!("`{}` is no name of a branch", branch.escape_debug());
            return Err(Refusal::new(Class::Usage, &codes::BRANCH, message));
        }
        let scratch = self.repo.as_ref().map(|_| Scratch::new()).transpose().map_err(|error| {
            let message = format!("no temporary directory can be made: {error}");
            Refusal::new(Class::Environment, &codes::NOT_WRITTEN, message)
        })?;
        let to_server = |error: RemoteError| land::of_remote(&error);
        let mut remote = match (&self.repo, &scratch) {
            (Some(url), Some(scratch)) => {
                Some((Remote::temporary(scratch.path(), &as_url(directory, url)).map_err(to_server)?, None))
            }
            _ => None,
        };
        let store =
            Store::open(scratch.as_ref().map_or(directory, Scratch::path)).map_err(|error| land::of_git(&error))?;
        let branch = match (&self.branch, &remote) {
            (Some(branch), _) => branch.clone(),
            (None, Some((remote, _))) => remote.default_branch(deadline).map_err(to_server)?.ok_or_else(|| {
                Refusal::new(Class::Usage, &codes::BRANCH, "the server does not say which branch is its own")
                    .help("name one with --branch")
            })?,
            (None, None) => head_branch(&store)?,
        };
        if (self.push || self.merge_request) && remote.is_none() {
            let name = self.remote.clone().or_else(|| Remote::default_for(directory, &branch)).ok_or_else(|| {
                Refusal::new(Class::Environment, &codes::NO_REMOTE, "the repository has no remote to push to")
                    .help("name one with --remote, or the repository with --repo")
            })?;
            remote = Some((Remote::of(directory, &name).map_err(to_server)?, Some(name)));
        }
        let goal = Goal {
            store: &store,
            remote: remote.as_ref().map(|(remote, _)| remote),
            remote_name: remote.as_ref().and_then(|(_, name)| name.as_deref()),
            branch: &branch,
            merge_request: self.merge_request,
            author: self.author.as_deref(),
            attempts: self.attempts,
            deadline,
            dry_run: self.dry_run,
        };
        let origin = match goal.remote {
            Some(remote) => Some(remote.url().to_owned()),
            None => git::facts(directory).and_then(|facts| facts.origin),
        };
        let landed =
            land::land(&goal, &mut |commit| {
                let place = at_commit(&store, directory, commit)?;
                let from = goal.remote.map(|remote| (remote, branch.as_str()));
                let past = Chronicle::new(&store, from, commit, &place.repository, source_repo);
                let home = place.home();
                // The last attempt alone is told.
                *sources = SourceMap::default();
                let at = Some((&store, commit));
                let (proposed, by_merge_request) =
                    on(&place, &home, scope, directory, origin.as_deref(), &past, at, propose, sources)?;
                place.is_whole().map_err(refused)?;
                let files =
                    proposed.plan.planned.edits.iter().map(|edit| {
                        (join(&place.repository, &edit.path), edit.before.to_string(), edit.after.to_string())
                    });
                Ok(Proposal {
                    files: files.collect(),
                    name: name_of(&proposed.plan),
                    message: proposed.message,
                    by_merge_request,
                    report: proposed.plan,
                })
            })?;
        Ok((landed, goal.remote.map(|remote| remote.url().to_owned())))
    }
}

/// A folder of this machine may be named as it is.
fn as_url(directory: &Path, url: &str) -> String {
    let path = directory.join(url);
    match path.canonicalize() {
        Ok(path) if path.is_dir() && !url.contains("://") => format!("file://{}", path.display()),
        _ => url.to_owned(),
    }
}

/// The branch that is checked out.
fn head_branch(store: &Store) -> Result<String, Refusal> {
    let head = store.head().map_err(|error| land::of_git(&error))?;
    head.branch.ok_or_else(|| {
        Refusal::new(Class::Environment, &codes::DETACHED, "HEAD is detached: no branch would hold the commit")
            .help("name the branch with --branch")
    })
}

/// The place of the command in a commit.
fn at_commit(store: &Store, directory: &Path, commit: &str) -> Result<Place, Refusal> {
    let revision = store.revision(commit).map_err(|error| land::of_git(&error))?;
    let top = store.top().and_then(|top| top.canonicalize().ok());
    let here = directory.canonicalize().ok();
    let below = top.zip(here).and_then(|(top, here)| Some(here.strip_prefix(top).ok()?.to_string_lossy().into_owned()));
    let directory = below.unwrap_or_default();
    let place = Place { tree: Tree::revision(revision), directory, repository: String::new(), base: String::new() };
    Ok(place.at_top(None))
}

/// Reads the settings of a place, and works a release out there; whether they want a merge request.
#[allow(clippy::too_many_arguments)] // all that a release looks at
fn on(
    place: &Place,
    home: &Tree,
    scope: &Scope,
    directory: &Path,
    origin: Option<&str>,
    past: &dyn Past,
    at: Option<(&Store, &str)>,
    propose: Propose<'_>,
    sources: &mut SourceMap,
) -> Result<(Proposed, bool), Refusal> {
    let release = super::build::release(place, None).map_err(refused)?;
    let from = gather::Place {
        tree: &place.tree,
        repository: &place.repository,
        home,
        options: Options { release, ..Options::default() },
        origin,
        settings: None,
    };
    let (book, _) = policies::book(home).map_err(refused)?;
    let settings = Settings::load(&from, sources)?;
    let top = match (home.root(), at) {
        (Some(root), _) => Some(root.to_owned()),
        (None, Some((store, _))) => store.top().map(|top| top.join(&place.repository)),
        (None, None) => None,
    };
    let top = top.map(|top| top.canonicalize().unwrap_or(top));
    let scope = located(scope, directory, top.as_deref())?;
    let ground = Ground { place: &from, settings: &settings, book: &book, scope, past, at };
    let proposed = propose(&ground, sources)?;
    let steps = proposed.plan.planned.steps.iter();
    let by_merge_request = steps.into_iter().any(|(step, _)| settings.is_by_merge_request(&step.environment));
    Ok((proposed, by_merge_request))
}

/// A failure of another part of the command line.
fn refused(failure: Failure) -> Refusal {
    match failure {
        Failure::Told { exit, message, help } => {
            let class = match exit {
                Exit::Usage => Class::Usage,
                Exit::Environment => Class::Environment,
                _ => Class::Input,
            };
            help.into_iter().fold(Refusal::new(class, &codes::USAGE, message), Refusal::help)
        }
        Failure::BrokenPipe => Refusal::new(Class::Environment, &codes::GIT, "the output went away"),
    }
}

/// What a branch of its own is called after.
fn name_of(plan: &Plan) -> String {
    match plan.planned.steps.as_slice() {
        [] => String::new(),
        [(step, _)] => format!("{}-{}", step.service, short(&step.to)),
        [(first, _), ..] => format!("{}-and-{}-more", first.service, plan.planned.steps.len() - 1),
    }
}

fn change(edit: &crate::release::Edit) -> Change {
    Change { path: edit.path.clone(), before: Some(edit.before.clone()), after: Some(edit.after.clone()) }
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

/// Tells what was done.
fn tell(
    landed: &Landed<Plan>,
    remote: Option<&str>,
    dry_run: bool,
    format: Format,
    terminal: &mut Terminal,
) -> Result<(), Failure> {
    let plan = &landed.report;
    for note in landed.notes.iter().chain(&plan.notes) {
        terminal.say(note);
    }
    if format == Format::Json {
        return terminal.print(&format!("{:#}\n", json(landed, dry_run)));
    }
    for verdict in &plan.verdicts {
        let (what, why) = match &verdict.ruling {
            Ruling::NotEvaluated(why) => ("not evaluated", why),
            Ruling::Overruled(why) => ("overruled", why),
            Ruling::Passed | Ruling::Refused(_) => continue,
        };
        terminal.say(&format!("{} ({}): {what}: {why}", verdict.service, verdict.guard.name()));
    }
    for unchanged in &plan.unchanged {
        let (service, place) = (&unchanged.service, &unchanged.environment);
        terminal.print(&format!("{service} has {} in {place} already\n", unchanged.version))?;
    }
    for (step, target) in &plan.planned.steps {
        let from = step.from.as_ref().map_or_else(|| "nothing".to_owned(), ToString::to_string);
        let image = step.image.as_ref().map_or_else(String::new, |image| format!(" ({image})"));
        let (service, to, place, file) = (&step.service, &step.to, &step.environment, &target.folder.file);
        terminal.print(&format!("{service}{image} in {place}: {from} -> {to}, {file}\n"))?;
    }
    if dry_run && !plan.planned.edits.is_empty() {
        for edit in &plan.planned.edits {
            terminal.print_diff(&diff(&change(edit)))?;
        }
        terminal.print(&format!("\n{}", landed.message))?;
        return Ok(());
    }
    if let Some(commit) = &landed.commit {
        let commit = crate::release::abbreviated(commit);
        let attempts = match landed.attempts {
            1 => String::new(),
            attempts => format!(", after {attempts} attempts"),
        };
        let place = match remote.filter(|_| landed.is_pushed) {
            Some(remote) => format!("{commit} is on `{}` of {remote}{attempts}\n", landed.branch),
            None => format!("{commit} is on `{}`{attempts}\n", landed.branch),
        };
        terminal.print(&place)?;
        if let Some(link) = &landed.link {
            terminal.print(&format!("{link}\n"))?;
        }
    }
    Ok(())
}

fn json(landed: &Landed<Plan>, dry_run: bool) -> Value {
    let plan = &landed.report;
    let steps = plan.planned.steps.iter().map(|(step, target)| {
        json!({
            "service": step.service, "environment": step.environment, "image": target.image,
            "file": target.folder.file, "from": step.from.as_ref().map(ToString::to_string),
            "to": step.to.to_string(),
        })
    });
    let unchanged = plan.unchanged.iter().map(|service| {
        json!({
            "service": service.service, "environment": service.environment,
            "version": service.version.to_string(),
        })
    });
    let diffs = plan.planned.edits.iter().map(|edit| diff(&change(edit)));
    json!({
        "version": 1,
        "released": steps.collect::<Vec<_>>(),
        "unchanged": unchanged.collect::<Vec<_>>(),
        "guards": plan.verdicts.iter().map(verdict).collect::<Vec<_>>(),
        "commit": landed.commit,
        "branch": Some(&landed.branch).filter(|branch| !branch.is_empty()),
        "pushed": landed.is_pushed,
        "attempts": landed.attempts,
        "link": landed.link,
        "message": landed.message,
        "diff": diffs.collect::<String>(),
        "dryRun": dry_run,
        "notes": landed.notes.iter().chain(&plan.notes).collect::<Vec<_>>(),
        "error": null,
    })
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
            "pushed": false, "error": error,
        });
        terminal.print(&format!("{whole:#}\n"))?;
    }
    Ok(exit)
}
