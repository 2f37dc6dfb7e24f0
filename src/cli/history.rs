//! `gitopsctl history`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::complete::{environments, services};
use crate::cli::release::{EXIT_CODES, Where, ground_at, told};
use crate::cli::terminal::{Failure, Terminal, columns};
use crate::cli::{Exit, Format};
use crate::git::{End, Store};
use crate::pipeline::land;
use crate::pipeline::release;
use crate::release::{self as releases, Change, Class, Place, Refusal, Row, Scope, Target, abbreviated, codes};
use crate::source::SourceMap;
use crate::tree::join;

/// Tell when which version of a service ran, from Git alone
///
/// Bumps, promotions, rollbacks, and changes that somebody made by hand, by what the image's value was on the branch.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct History {
    /// The service; with --path the image
    #[arg(value_name = "SERVICE", add = services())]
    service: String,
    /// One environment; default: all
    #[arg(long, value_name = "ENV", conflicts_with = "path", add = environments())]
    env: Option<String>,
    /// A folder with a kustomization
    #[arg(long, value_name = "OVERLAY")]
    path: Option<PathBuf>,
    /// The image that is meant, by its name in `images`, where the service has several
    #[arg(long = "image", value_name = "NAME")]
    images: Vec<String>,
    /// How many versions of each environment to show
    #[arg(short = 'n', long, value_name = "N", default_value_t = 10)]
    number: usize,
    /// All versions
    #[arg(long, conflicts_with = "number")]
    all: bool,
    /// The branch or commit to look from
    #[arg(long, value_name = "REV", default_value = "HEAD")]
    rev: String,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// The versions of one image.
struct Told {
    target: Target,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl History {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let mut sources = SourceMap::default();
        let found = match self.found(directory, &mut sources) {
            Ok(found) => found,
            Err(refusal) => return told(&refusal, Some(&sources), self.format, terminal),
        };
        let notes: std::collections::BTreeSet<&String> = found.iter().flat_map(|told| &told.notes).collect();
        for note in notes {
            terminal.say(note);
        }
        match self.format {
            Format::Json => terminal.print(&format!("{:#}\n", self.json(&found)))?,
            Format::Human => terminal.print(&table(&found))?,
        }
        Ok(Exit::Fine)
    }

    fn found(&self, directory: &Path, sources: &mut SourceMap) -> Result<Vec<Told>, Refusal> {
        let store = Store::open(directory).map_err(|error| land::of_git(&error))?;
        let commit = store.commit_of(&self.rev).map_err(|error| land::of_git(&error))?.ok_or_else(|| {
            if self.rev == "HEAD" {
                return Refusal::new(Class::Environment, &codes::UNBORN, "the repository has no commit yet");
            }
            let message = format!("the repository has no revision `{}`", self.rev.escape_debug());
            Refusal::new(Class::Usage, &codes::BRANCH, message)
        })?;
        let at = Where { env: self.env.clone(), path: self.path.clone() };
        let scope: Scope = at.scope();
        ground_at(&store, directory, &commit, &scope, sources, &mut |ground, sources| {
            let (place, settings, book) = (ground.place, ground.settings, ground.book);
            let (service, scope) = (&self.service, &ground.scope);
            let targets = release::targets(place, settings, book, service, scope, &self.images, sources)?;
            targets.into_iter().map(|target| self.told(&store, &commit, place.repository, target)).collect()
        })
    }

    fn told(&self, store: &Store, commit: &str, root: &str, target: Target) -> Result<Told, Refusal> {
        let folder = if root.is_empty() { target.folder.path.clone() } else { join(root, &target.folder.path) };
        let folder = folder.trim_end_matches('/').to_owned();
        let place = Place {
            service: &self.service,
            environment: Some(target.folder.environment_or_path()),
            folder: &folder,
            image: &target.image,
        };
        let most = if self.all { usize::MAX } else { self.number.max(1) };
        let mut changes: Vec<Change> = Vec::new();
        let ended = releases::changes(&store.history(), place, commit, usize::MAX, &mut |change| {
            changes.push(change);
            if changes.len() >= most { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let ended = ended.map_err(|error| land::of_git(&error))?;
        let mut notes = Vec::new();
        match &ended.end {
            End::Shallow(_) => {
                notes.push("the clone is shallow: what came before its boundary is not shown".to_owned());
            }
            End::Missing(commit) => {
                let commit = abbreviated(commit);
                notes.push(format!("the clone lacks what came before {commit}: that is not shown"));
            }
            End::Stopped | End::Limit(_) | End::Root => {}
        }
        for hash in ended.unreadable.iter().take(3) {
            notes.push(format!("{} in {} cannot be read: passed over", target.folder.file, abbreviated(hash)));
        }
        let rows = releases::rows(&changes, &ended);
        Ok(Told { target, rows, notes })
    }

    fn json(&self, found: &[Told]) -> Value {
        let mut entries: Vec<(Option<i64>, Value)> = Vec::new();
        for told in found {
            let target = &told.target;
            entries.extend(told.rows.iter().map(|row| (row.since, entry(row, target))));
        }
        // From the newest on; what is of no known time is the oldest. The order of one environment stays.
        entries.sort_by_key(|(since, _)| std::cmp::Reverse(since.unwrap_or(i64::MIN)));
        let entries: Vec<Value> = entries.into_iter().map(|(_, entry)| entry).collect();
        json!({"version": 1, "service": self.service, "entries": entries})
    }
}

fn entry(row: &Row, target: &Target) -> Value {
    let moment = |seconds: Option<i64>| {
        seconds.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok()).map(|moment| moment.to_string())
    };
    let author = row.author.as_ref();
    json!({
        "environment": target.folder.environment_or_path(),
        "image": target.image,
        "file": target.folder.file,
        "from": row.previous.as_ref().map(|release| release.version.to_string()),
        "to": row.version.as_ref().map(|release| release.version.to_string()),
        "newName": row.version.as_ref().and_then(|release| release.new_name.clone()),
        "since": moment(row.since),
        "until": moment(row.until),
        "kind": row.kind.map(releases::Kind::name),
        "author": author.map(|(name, _)| name),
        "mail": author.map(|(_, mail)| mail),
        "commit": row.commit,
        "subject": row.subject,
        "promotedFrom": row.promoted_from,
    })
}

/// A table an environment, the newest version first.
fn table(found: &[Told]) -> String {
    let mut text = String::new();
    for (at, told) in found.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        let target = &told.target;
        text += &format!("{} in {}\n", target.service, target.folder.environment_or_path());
        let mut rows = vec![["SINCE", "VERSION", "HOW", "BY", "COMMIT", "SUBJECT"].map(str::to_owned).to_vec()];
        for row in &told.rows {
            let moment = row.since.and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
            let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
            rows.push(vec![
                or_dash(moment.map(|moment| moment.strftime("%Y-%m-%d %H:%M").to_string())),
                row.version.as_ref().map_or_else(|| "none".to_owned(), |release| releases::short(&release.version)),
                or_dash(row.kind.map(|kind| kind.name().to_owned())),
                or_dash(row.author.as_ref().map(|(name, _)| releases::line(name))),
                or_dash(row.commit.as_deref().map(|commit| abbreviated(commit).to_owned())),
                row.subject.as_deref().map(releases::line).unwrap_or_default(),
            ]);
        }
        text += &columns(&rows);
    }
    text
}
