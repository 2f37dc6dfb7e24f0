//! The command line: one file a command, whose doc comment is its help. Only here the environment, the terminal and the
//! exit code are touched.

mod blame;
mod build;
mod build_all;
mod bump;
mod compat;
mod complete;
mod completions;
mod diff;
mod explain;
mod gate;
mod helm;
mod history;
mod init;
mod lint;
mod list;
mod lsp;
mod man;
mod new;
mod place;
mod policies;
mod policy;
mod promote;
mod release;
mod render;
mod report;
mod rollback;
mod schema;
mod terminal;
mod waves;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::CompleteEnv;

use crate::catalog::PLATFORM_FILE;
use crate::git;
use terminal::{Failure, Terminal};

/// Render and build Kustomize repositories that Argo CD deploys.
#[derive(Debug, Parser)]
#[command(name = "gitopsctl", version, propagate_version = true, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Global {
    /// Work in this directory instead of the current one
    #[arg(
        short = 'C',
        long = "directory",
        global = true,
        value_name = "DIR",
        default_value = ".",
        hide_default_value = true
    )]
    directory: PathBuf,
    /// When to use colours; NO_COLOR and CLICOLOR_FORCE are honoured
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: terminal::Color,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Init),
    New(Box<new::New>),
    List(list::List),
    Render(render::Render),
    Build(build::Build),
    Blame(blame::Blame),
    Lint(Box<lint::Lint>),
    Policy(policy::Policy),
    Waves(waves::Waves),
    Bump(Box<bump::Bump>),
    Promote(Box<promote::Promote>),
    Rollback(Box<rollback::RollbackCommand>),
    History(history::History),
    Diff(diff::Diff),
    Report(Box<report::Report>),
    Lsp(lsp::Lsp),
    Explain(explain::Explain),
    Schema(schema::Schema),
    Completions(completions::Completions),
    Man(man::Man),
}

/// How to print what people and tools read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people
    Human,
    /// One object, for tools
    Json,
}

/// What a command ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exit {
    /// All is well.
    Fine = 0,
    /// `lint` found something, or `--check` a difference.
    Findings = 1,
    /// The arguments are wrong, or do not say which service or environment.
    Usage = 2,
    /// The input does not load, render or build, or there is nothing to do.
    Input = 3,
    /// The disk or Git refused.
    Environment = 4,
    /// A guard refused a release.
    Guard = 5,
}

/// The exit codes, as `--help` shows them.
const EXIT_CODES: &str = "Exit codes: 0 fine · 1 findings, or a difference that --check found · 2 usage · 3 the input does \
                          not load, render or build, or there is nothing to check · 4 the disk or Git refused · 101 a bug";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Runs the command that the arguments name.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    // A shell that asks what to offer says so by a variable, which no other program has a reason to set: a gate must not
    // pass for want of having run.
    let completions = CompleteEnv::with_factory(Cli::command).var(completions::VARIABLE);
    match completions.try_complete(arguments.clone(), None) {
        Ok(true) => return Exit::Fine.into(),
        Ok(false) => {}
        Err(error) => {
            let _ = error.print();
            return Exit::Usage.into();
        }
    }
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to stdout and are no failure. A reader that went away is none either.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage.into() } else { Exit::Fine.into() };
        }
    };
    let mut terminal = Terminal::new(cli.global.color);
    let directory = &cli.global.directory;
    let result = match cli.command {
        Command::Init(command) => command.run(directory, &mut terminal),
        Command::New(command) => command.run(directory, &mut terminal),
        Command::List(command) => command.run(directory, &mut terminal),
        Command::Render(command) => command.run(directory, &mut terminal),
        Command::Build(command) => command.run(directory, &mut terminal),
        Command::Blame(command) => command.run(directory, &mut terminal),
        Command::Lint(command) => command.run(directory, &mut terminal),
        Command::Policy(command) => command.run(directory, &mut terminal),
        Command::Waves(command) => command.run(directory, &mut terminal),
        Command::Bump(command) => command.run(directory, &mut terminal),
        Command::Promote(command) => command.run(directory, &mut terminal),
        Command::Rollback(command) => command.run(directory, &mut terminal),
        Command::History(command) => command.run(directory, &mut terminal),
        Command::Diff(command) => command.run(directory, &mut terminal),
        Command::Report(command) => command.run(directory, &mut terminal),
        Command::Lsp(command) => command.run(directory),
        Command::Explain(command) => command.run(directory, &mut terminal),
        Command::Schema(command) => command.run(&mut terminal),
        Command::Completions(command) => command.run(&mut terminal),
        Command::Man(command) => command.run(&mut terminal),
    };
    match result {
        Ok(exit) => exit.into(),
        Err(Failure::BrokenPipe) => Exit::Fine.into(),
        Err(Failure::Told { exit, message, help }) => {
            terminal.failure(&message, &help);
            exit.into()
        }
    }
}

/// The root of the repository around a directory: the nearest folder upwards with a gitopsctl.yaml, within the Git
/// repository where there is one; else the directory itself.
fn root_of(directory: &Path) -> Result<PathBuf, Failure> {
    let start = directory.canonicalize().map_err(|error| {
        Failure::told(Exit::Usage, format!("cannot enter the directory `{}`: {error}", directory.display()))
    })?;
    if !start.is_dir() {
        return Err(Failure::told(Exit::Usage, format!("`{}` is not a directory", directory.display())));
    }
    let top = git::top(&start);
    let upwards = start.ancestors().take_while(|folder| top.is_none_or(|top| folder.starts_with(top)));
    let with_platform = upwards.into_iter().find(|folder| folder.join(PLATFORM_FILE).is_file());
    Ok(with_platform.unwrap_or(&start).to_owned())
}
