//! `gitopsctl lint`.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Args;

use crate::cli::build::{Version, release};
use crate::cli::complete;
use crate::cli::gate::{self, Trusted};
use crate::cli::helm::{self, Program};
use crate::cli::place::{self, Place};
use crate::cli::policies;
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{EXIT_CODES, Exit};
use crate::diag::{Diagnostic, Diagnostics, Finding, Outcome, Severity};
use crate::git;
use crate::kube::KUSTOMIZATIONS;
use crate::kustomize::Options;
use crate::pipeline::baseline;
use crate::pipeline::gather::{self, Gathered, Target};
use crate::pipeline::lint::{self, Rules};
use crate::policy::{Flags, Policybook, codes};
use crate::report::{self, Format, Output};
use crate::source::SourceMap;
use crate::tree::{self, Tree};

/// Judge what Argo CD will apply, and point at the line to edit
///
/// Finds the overlays and Applications of a repository by itself, builds them, and judges the result by policies. Each
/// finding is at the line of the base, patch or kustomization to edit, once for all environments it shows in.
/// `gitopsctl policy list` has all policies, `gitopsctl explain ID` says why and what to do.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Lint {
    /// A directory with a kustomization or above several, a file or a directory of manifests, or - for standard input
    #[arg(value_name = "TARGET", default_value = ".")]
    target: PathBuf,
    /// How to print, or where to: human, json, sarif, junit, github, gitlab, markdown; more than once for several
    #[arg(long = "format", value_name = "FORMAT[=FILE]")]
    formats: Vec<Output>,
    /// Findings of this severity and worse make the exit code 1
    #[arg(long, value_name = "SEVERITY", default_value = "error")]
    fail_on: Level,
    /// Only these policies, whether they are on or not: ids, aliases or categories, separated by commas
    #[arg(long, value_name = "POLICY", value_delimiter = ',', add = complete::policies())]
    only: Vec<String>,
    /// These policies too
    #[arg(long, value_name = "POLICY", value_delimiter = ',', add = complete::policies())]
    enable: Vec<String>,
    /// Not these policies
    #[arg(long, value_name = "POLICY", value_delimiter = ',', add = complete::policies())]
    disable: Vec<String>,
    /// Another severity for a policy
    #[arg(long, value_name = "POLICY=SEVERITY", value_parser = severity)]
    severity: Vec<(String, Severity)>,
    /// Set of policies: recommended, strict, kube-linter, kube-score, polaris, none [default: the setting of the
    /// repository, else recommended]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Show what is suppressed too
    #[arg(short, long)]
    verbose: bool,
    /// Only what the changes since this revision's merge base can affect
    #[arg(long, value_name = "REV")]
    since: Option<String>,
    /// Only what was not found at the merge base with the revision of --since, or with the default branch
    #[arg(long)]
    new_only: bool,
    /// Take settings, own policies, waivers, suppressions and baseline from this revision, so that a merge request cannot
    /// switch off its own gate
    #[arg(long, value_name = "REV")]
    config_from: Option<String>,
    /// File of findings that were there before [default: the setting `policies.baseline`]
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write all that is found to this baseline file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["fix", "diff", "since", "new_only"])]
    write_baseline: Option<PathBuf>,
    /// Mend what policies know how to mend, in the source files
    #[arg(long, conflicts_with = "rev")]
    fix: bool,
    /// Show what --fix would change, and change nothing
    #[arg(long, visible_alias = "dry-run")]
    diff: bool,
    /// Read this commit, branch or tag from the object store instead of the files on disk
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    /// Which release of Kustomize to reproduce [default: `kustomizeVersion` of gitopsctl.yaml, else 5.8.1]
    #[arg(long, value_name = "VERSION")]
    kustomize_version: Option<Version>,
    #[command(flatten)]
    helm: helm::Flags,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Level {
    /// It will fail, or breaks a rule of the platform
    Error,
    /// Probably not what was meant
    Warning,
    /// Worth knowing
    Info,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warning => Self::Warning,
            Level::Info => Self::Info,
        }
    }
}

fn severity(text: &str) -> Result<(String, Severity), String> {
    let (policy, level) = text.split_once('=').ok_or("write POLICY=SEVERITY")?;
    let level = <Level as clap::ValueEnum>::from_str(level, false)
        .map_err(|_| format!("`{level}` is no severity: error, warning or info"))?;
    Ok((policy.to_owned(), level.into()))
}

/// The place of a target, and what it is.
struct Reading {
    place: Place,
    home: Tree,
    target: Target,
    /// The URL that the repository was cloned from.
    origin: Option<String>,
    /// The files whose settings hold, where those are of another revision.
    settings: Option<Tree>,
}

impl Reading {
    /// Where the repository begins below the top of Git's.
    fn below(&self) -> String {
        let top = self.place.git_top().unwrap_or_default();
        place::below(&self.place.repository, &top).unwrap_or_default().to_owned()
    }
}

impl Lint {
    pub(super) fn run(mut self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        if self.formats.is_empty() {
            self.formats.push(Output { format: Format::Human, path: None });
        }
        if let Some(clash) = report::clash(&self.formats) {
            return Err(Failure::told(Exit::Usage, clash));
        }
        let text = self.standard_input()?;
        let start = self.start(directory);
        let trusted = self.config_from.as_ref().map(|name| Trusted::open(&start, name)).transpose()?;
        let read = self.read(directory, self.rev.as_deref(), text.as_deref(), trusted.as_ref(), None)?;
        let (book, own) = policies::book(read.settings.as_ref().unwrap_or(&read.home))?;
        let flags = match self.flags(&book) {
            // What is not known may stand in a file that cannot be read.
            Err(_) if terminal.report(&own.1, &own.0) => return Ok(Exit::Input),
            flags => flags?,
        };
        let is_since = self.since.is_some() || self.new_only;
        let changes =
            is_since.then(|| gate::changes(&start, self.since.as_deref(), self.rev.as_deref())).transpose()?;
        let sources = own.0.clone();
        let again = || (sources.clone(), Diagnostics::default());
        let mut gathered = self.gather(&read, own, terminal)?;
        let mut before = match &changes {
            None => None,
            // A revision without the target has nothing of it: then all of it is new.
            Some(changes) => {
                let root = Some(read.below());
                match self.read(directory, Some(&changes.base), text.as_deref(), trusted.as_ref(), root) {
                    Ok(old) => {
                        let gathered = self.gather(&old, again(), terminal)?;
                        old.place.is_whole()?;
                        Some(gathered)
                    }
                    Err(Failure::Told { exit: Exit::Input, .. }) => None,
                    Err(failure) => return Err(failure),
                }
            }
        };
        let changed = changes.as_ref().filter(|_| self.since.is_some());
        let changed = changed.map(|changes| gate::shown(&read.place, changes));
        let known = match self.write_baseline {
            // All that is found goes there.
            Some(_) => None,
            None => {
                let settings = gathered.settings();
                gate::known(directory, self.baseline.as_deref(), settings, &read.place, trusted.as_ref())?
            }
        };
        let trusts = |path: &str, text: &str, at: usize| {
            trusted.as_ref().is_none_or(|trusted| trusted.has(&read.place, path, text, at))
        };
        let today = today();
        let rules = Rules {
            book: &book,
            flags: &flags,
            today: &today,
            trusts: &trusts,
            baseline: known.as_ref(),
            before: None,
            changed: None,
            old: None,
            least: Severity::Info,
        };
        let old = before.as_mut().map(|old| baseline::known(&lint::judge(old, &rules)));
        let rules = Rules { before: before.as_ref(), changed: changed.as_ref(), old: old.as_ref(), ..rules };
        let mut outcome = lint::judge(&mut gathered, &rules);
        for path in gathered.unbuilt.iter().take(3) {
            terminal.say(&format!("`{path}` does not build: what is called missing may come from there"));
        }
        read.place.is_whole()?;
        if (self.fix || self.diff) && self.mend(&read, &book, &gathered, &outcome, terminal)? {
            // What was mended is no longer found; what is left may have moved.
            gathered = self.gather(&read, again(), terminal)?;
            outcome = lint::judge(&mut gathered, &rules);
        }
        if let (true, Some(old)) = (self.new_only, &old) {
            baseline::drop_known(&mut outcome, old);
        }
        if let Some(path) = &self.write_baseline {
            let text = baseline::text(&outcome, &gathered.sources);
            std::fs::write(directory.join(path), text).map_err(|error| unwritten(path, &error))?;
            let count = outcome.findings.iter().filter(|finding| finding.is_open()).count();
            terminal.say(&format!("wrote {} to {}", report::counted(count, "finding"), path.display()));
            return Ok(if has_faults(&gathered) { Exit::Input } else { Exit::Fine });
        }
        let is_empty = outcome.objects == 0 && outcome.excused.is_empty() && !has_faults(&gathered);
        let is_untouched =
            changed.is_some() && outcome.overlays == 0 && outcome.findings.is_empty() && gathered.has_objects();
        let is_about_content = |finding: &Finding| !finding.rule.id.starts_with("suppressions/");
        if is_empty && !is_untouched && !outcome.findings.iter().any(is_about_content) {
            let message = format!("there is nothing to check in `{}`", self.target.display());
            gathered.diagnostics.push(Diagnostic::error(&codes::NOTHING, message));
            outcome.findings.extend(gathered.diagnostics.iter().map(lint::as_finding));
        }
        self.print(directory, &gathered.sources, &outcome, terminal)?;
        if is_untouched && outcome.findings.is_empty() && !has_faults(&gathered) {
            terminal.say("the changes affect no overlay");
        }
        let fails = outcome.findings.iter().any(|item| item.is_open() && item.severity >= self.fail_on.into());
        let exit = match (has_faults(&gathered), fails) {
            (true, _) => Exit::Input,
            (false, true) => Exit::Findings,
            (false, false) => Exit::Fine,
        };
        // The process ends here: taking a large build apart node by node would take a tenth of its time.
        std::mem::forget((gathered, outcome));
        Ok(exit)
    }

    fn standard_input(&self) -> Result<Option<String>, Failure> {
        if self.target != Path::new("-") {
            return Ok(None);
        }
        if self.rev.is_some() || self.since.is_some() || self.new_only || self.fix {
            let message = "`-` is read once, and from no revision";
            return Err(Failure::told(Exit::Usage, message).with_help("name a file"));
        }
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|error| Failure::told(Exit::Input, format!("standard input cannot be read: {error}")))?;
        Ok(Some(text))
    }

    /// The directory whose repository is asked what changed, and what was in revisions.
    fn start(&self, directory: &Path) -> PathBuf {
        let target = directory.join(&self.target);
        match &self.rev {
            None if target.is_dir() => target,
            None if target.is_file() => target.parent().unwrap_or(directory).to_owned(),
            _ => directory.to_owned(),
        }
    }

    /// What is to be looked at; `root` is where the repository begins below the top of Git's, where that is known.
    fn read(
        &self,
        directory: &Path,
        revision: Option<&str>,
        text: Option<&str>,
        trusted: Option<&Trusted>,
        root: Option<String>,
    ) -> Result<Reading, Failure> {
        let path = if text.is_some() { Path::new(".") } else { &self.target };
        let place = Place::of(directory, path, revision)?;
        let place = match root {
            Some(root) => place.rooted(root),
            None => place.at_top(trusted.map(|trusted| &trusted.tree)),
        };
        let target = match text {
            Some(text) => Target::Text("-".to_owned(), text.to_owned()),
            None if place.is_file() => match place.directory.rsplit_once('/').unwrap_or(("", &place.directory)) {
                (folder, name) if KUSTOMIZATIONS.contains(&name) => Target::Directory(folder.to_owned()),
                _ => Target::File(place.directory.clone()),
            },
            None if place.tree.has_directory(&place.directory) => Target::Directory(place.directory.clone()),
            None => {
                let message = format!("`{}` is neither a directory nor a file", path.display());
                return Err(Failure::told(Exit::Input, message));
            }
        };
        let home = place.home();
        let origin = git::facts(&self.start(directory)).and_then(|facts| facts.origin);
        let mut read = Reading { place, home, target, origin, settings: None };
        read.settings = trusted.map(|trusted| trusted.tree.below(&read.below()));
        Ok(read)
    }

    fn flags(&self, book: &Policybook) -> Result<Flags, Failure> {
        let flags = Flags {
            profile: self.profile.clone(),
            only: self.only.clone(),
            enable: self.enable.clone(),
            disable: self.disable.clone(),
            severity: self.severity.clone(),
        };
        if let Some((word, near)) = book.unknown(&flags) {
            let failure = Failure::told(Exit::Usage, format!("there is no policy `{word}`"));
            return Err(match near {
                Some(near) => failure.with_help(format!("did you mean `{near}`?")),
                None => failure.with_help("`gitopsctl policy list` has all of them"),
            });
        }
        if let Some(name) = self.profile.as_ref().filter(|name| !book.has_profile(name)) {
            let failure = Failure::told(Exit::Usage, format!("there is no profile `{name}`"));
            return Err(failure.with_help(format!("use {}", book.profiles().join(", "))));
        }
        Ok(flags)
    }

    fn gather(
        &self,
        read: &Reading,
        (sources, faults): policies::Faults,
        terminal: &Terminal,
    ) -> Result<Gathered, Failure> {
        let place = &read.place;
        let options = Options { release: release(place, self.kustomize_version)?, ..Options::default() };
        let from = gather::Place {
            tree: &place.tree,
            repository: &place.repository,
            home: &read.home,
            options,
            origin: read.origin.as_deref(),
            settings: read.settings.as_ref(),
        };
        let program = Program::new(&self.helm, &place.tree);
        let progress = Progress::new(terminal);
        let mut gathered = gather::gather(&from, &read.target, sources, program.helm(), &|total| progress.step(total));
        progress.clear();
        gathered.diagnostics.append(faults);
        Ok(gathered)
    }

    /// Mends what can be mended, or shows it; whether anything was written.
    fn mend(
        &self,
        read: &Reading,
        book: &Policybook,
        gathered: &Gathered,
        outcome: &Outcome,
        terminal: &mut Terminal,
    ) -> Result<bool, Failure> {
        let fixes = lint::fixes(&read.home, book, gathered, outcome);
        for change in &fixes.changes {
            if self.diff || !self.fix {
                terminal.print_diff(&super::render::diff(change))?;
            }
        }
        for left in &fixes.left {
            terminal.say(left);
        }
        if self.fix && !self.diff {
            let root = read.home.root().unwrap_or(Path::new("."));
            tree::write(root, &fixes.changes)
                .map_err(|error| Failure::told(Exit::Environment, format!("cannot write: {error}")))?;
            let files = report::counted(fixes.changes.len(), "file");
            terminal.say(&format!("mended {} in {files}", report::counted(fixes.mended, "finding")));
        }
        Ok(self.fix && !self.diff && !fixes.changes.is_empty())
    }

    fn print(
        &self,
        directory: &Path,
        sources: &SourceMap,
        outcome: &Outcome,
        terminal: &mut Terminal,
    ) -> Result<(), Failure> {
        for output in &self.formats {
            let options = report::Options {
                colour: output.path.is_none() && terminal.is_coloured(),
                verbose: self.verbose,
                fail_on: self.fail_on.into(),
            };
            let text = report::render(output.format, outcome, sources, options);
            match &output.path {
                None if output.format == Format::Human => terminal.print(&text)?,
                None => terminal.print_raw([&*text])?,
                Some(path) => {
                    std::fs::write(directory.join(path), text).map_err(|error| unwritten(Path::new(path), &error))?;
                }
            }
        }
        Ok(())
    }
}

fn has_faults(gathered: &Gathered) -> bool {
    gathered.diagnostics.has_errors()
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    Failure::told(Exit::Environment, format!("`{}` cannot be written: {error}", path.display()))
}

/// Says on a terminal how far a long run is.
struct Progress {
    shown: bool,
    start: Instant,
    done: AtomicUsize,
    last: AtomicUsize,
}

/// A run that takes less says nothing.
const PATIENCE: Duration = Duration::from_secs(1);

impl Progress {
    fn new(terminal: &Terminal) -> Self {
        Self {
            shown: terminal.is_watched(),
            start: Instant::now(),
            done: AtomicUsize::new(0),
            last: AtomicUsize::new(0),
        }
    }

    fn step(&self, total: usize) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let elapsed = self.start.elapsed();
        if !self.shown || elapsed < PATIENCE {
            return;
        }
        let tick = usize::try_from(elapsed.as_millis() / 100).unwrap_or(0);
        if self.last.swap(tick, Ordering::Relaxed) != tick {
            Terminal::progress(&format!("built {done} of {total} overlays"));
        }
    }

    fn clear(&self) {
        if self.last.load(Ordering::Relaxed) > 0 {
            Terminal::progress("");
        }
    }
}

/// The day, `YYYY-MM-DD`, in UTC.
pub(super) fn today() -> String {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |past| past.as_secs());
    // Howard Hinnant's algorithm from days since 1970 to a date, for days after that.
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
