//! The one place that starts other programs.
//!
//! In: a name and arguments. Out: what the program printed, or why it gave none. Knows nothing of what they are for.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Why a program gave no output.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be started.
    #[error("`{program}` cannot be started: {error}")]
    NotStarted {
        /// Its name.
        program: String,
        /// The operating system's words.
        error: std::io::Error,
    },
    /// It ended with another exit code than 0.
    #[error("`{program}` failed ({status}){}", said(.stderr))]
    Failed {
        /// Its name.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// It printed what is no text.
    #[error("`{0}` printed what is not UTF-8 text")]
    NotText(String),
}

fn said(stderr: &str) -> String {
    match stderr.trim() {
        "" => String::new(),
        text => format!(": {text}"),
    }
}

/// Runs a program to its end, without input, with variables added to the environment; what it prints.
pub fn output(program: &str, arguments: &[OsString], variables: &[(&str, OsString)]) -> Result<String, ProgramError> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    for (name, value) in variables {
        command.env(name, value);
    }
    let ended = command.output().map_err(|error| ProgramError::NotStarted { program: program.to_owned(), error })?;
    if !ended.status.success() {
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        return Err(ProgramError::Failed { program: program.to_owned(), status: ended.status, stderr });
    }
    String::from_utf8(ended.stdout).map_err(|_| ProgramError::NotText(program.to_owned()))
}

/// A run of a program whose exit code and diagnostics its caller judges.
#[derive(Clone, Copy, Debug, Default)]
pub struct Call<'a> {
    /// Its name, looked up in PATH.
    pub program: &'a str,
    /// Its arguments.
    pub arguments: &'a [OsString],
    /// Variables that are added to its environment.
    pub variables: &'a [(&'a str, OsString)],
    /// Variables that it must not inherit.
    pub without: &'a [&'a str],
    /// What it reads from its standard input.
    pub input: &'a [u8],
}

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it said, with what is not UTF-8 replaced.
    pub stderr: String,
}

/// Runs a program to its end, whatever that is.
pub fn run(call: &Call<'_>) -> Result<Ended, ProgramError> {
    let not_started = |error| ProgramError::NotStarted { program: call.program.to_owned(), error };
    let mut command = Command::new(call.program);
    command.args(call.arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if call.input.is_empty() { Stdio::null() } else { Stdio::piped() });
    for name in call.without {
        command.env_remove(name);
    }
    for (name, value) in call.variables {
        command.env(name, value);
    }
    let mut child = command.spawn().map_err(not_started)?;
    let stdin = child.stdin.take();
    // Written beside the reading: either pipe may be full. A program that does not read to the end says so itself.
    let ended = std::thread::scope(|scope| {
        if let Some(mut stdin) = stdin {
            scope.spawn(move || stdin.write_all(call.input));
        }
        child.wait_with_output()
    });
    let ended = ended.map_err(not_started)?;
    let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
    Ok(Ended { code: ended.status.code(), stdout: ended.stdout, stderr })
}
