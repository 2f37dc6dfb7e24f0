//! The one place that starts other programs.
//!
//! In: a name and arguments. Out: what the program printed, or why it gave none. Knows nothing of what they are for.

use std::ffi::OsString;
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
