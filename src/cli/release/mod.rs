//! What `bump`, `promote` and `rollback` share: where a release goes, and how it is told.

mod ground;
mod tell;

use std::mem::ManuallyDrop;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::complete::environments;
use crate::cli::place::Place;
use crate::cli::release::ground::{NoPast, Seen, at_commit, on, refused};
use crate::cli::release::tell::{change, tell};
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{Exit, Format};
use crate::git::{self, Remote, RemoteError, Store};
use crate::pipeline::land::{self, Goal, Landed, Proposal};
use crate::pipeline::past::Chronicle;
use crate::release::{Class, Plan, Refusal, Scope, codes, short};
use crate::source::SourceMap;
use crate::tree::{self, Change, Scratch, join};

pub(super) use ground::{Ground, ground_at};
pub(super) use tell::told;

/// The exit codes of releases, as `--help` shows them.
pub(super) const EXIT_CODES: &str = "Exit codes: 0 released, or nothing to do · 2 usage, or an ambiguous service or \
                                     environment · 3 the overlay does not load or build · 4 the disk, Git, the push or \
                                     the signature failed · 5 a guard refused · 101 a bug";

/// Where a release goes.
#[derive(Debug, Args)]
pub(super) struct Where {
    /// The environment; default: `release.environment` of gitopsctl.yaml
    #[arg(long, value_name = "ENV", conflicts_with = "path", add = environments())]
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
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
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
        let seen = Seen { directory, scope, origin: None, past: &NoPast, at: None };
        let mut work = |ground: &Ground<'_>, sources: &mut SourceMap| propose(ground, sources);
        let proposed = match on(&place, &home, &seen, &mut sources, &mut work) {
            Ok(proposed) => proposed,
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
            is_request: false,
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
        // The end of the process frees what was read of a large repository at once; libgit2 takes a tenth of our time.
        let store = &*ManuallyDrop::new(store);
        let branch = match (&self.branch, &remote) {
            (Some(branch), _) => branch.clone(),
            (None, Some((remote, _))) => own_branch(remote, deadline)?.ok_or_else(|| {
                Refusal::new(Class::Usage, &codes::BRANCH, "the server does not say which branch is its own")
                    .help("name one with --branch")
            })?,
            (None, None) => head_branch(store)?,
        };
        if (self.push || self.merge_request) && remote.is_none() {
            let name = self.remote.clone().or_else(|| Remote::default_for(directory, &branch)).ok_or_else(|| {
                Refusal::new(Class::Environment, &codes::NO_REMOTE, "the repository has no remote to push to")
                    .help("name one with --remote, or the repository with --repo")
            })?;
            remote = Some((Remote::of(directory, &name).map_err(to_server)?, Some(name)));
        }
        let goal = Goal {
            store,
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
        let landed = land::land(&goal, &mut |commit| {
            let place = at_commit(store, directory, commit)?;
            let from = goal.remote.map(|remote| (remote, branch.as_str()));
            let past = Chronicle::new(store, from, commit, &place.repository, source_repo);
            let home = place.home();
            // The last attempt alone is told.
            *sources = SourceMap::default();
            let at = Some((store, commit));
            let seen = Seen { directory, scope, origin: origin.as_deref(), past: &past, at };
            let mut work = |ground: &Ground<'_>, sources: &mut SourceMap| {
                let proposed = propose(ground, sources)?;
                let mut steps = proposed.plan.planned.steps.iter();
                let by_merge_request = steps.any(|(step, _)| ground.settings.is_by_merge_request(&step.environment));
                Ok((proposed, by_merge_request))
            };
            let (proposed, by_merge_request) = on(&place, &home, &seen, sources, &mut work)?;
            place.is_whole().map_err(refused)?;
            let files = proposed
                .plan
                .planned
                .edits
                .iter()
                .map(|edit| (join(&place.repository, &edit.path), edit.before.to_string(), edit.after.to_string()));
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

/// The branch that a server calls its own.
fn own_branch(remote: &Remote, deadline: Option<Instant>) -> Result<Option<String>, Refusal> {
    land::patiently(deadline, &mut || remote.default_branch(deadline)).map_err(|error| land::of_remote(&error))
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

/// What a branch of its own is called after.
fn name_of(plan: &Plan) -> String {
    match plan.planned.steps.as_slice() {
        [] => String::new(),
        [(step, _)] => format!("{}-{}", step.service, short(&step.to)),
        [(first, _), ..] => format!("{}-and-{}-more", first.service, plan.planned.steps.len() - 1),
    }
}
