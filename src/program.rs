//! The one place that starts other programs.
//!
//! In: a name and arguments. Out: what the program printed, or why it gave none. Knows nothing of what they are for.

use std::ffi::OsString;
use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a running program is looked at. Its end shows by its output first, so that this seldom costs anything.
const LOOK: Duration = Duration::from_millis(20);
/// How long output is awaited from a program that has ended: a background process, such as the master of shared ssh
/// connections, keeps the pipe open for as long as it likes. Where a hundred processes share two processors, a thread that
/// reads may well not have had its turn for a quarter of a second.
const LINGER: Duration = Duration::from_secs(2);
/// The time to tidy up for a program that was told to end, before it is killed: Git removes its locks.
const GRACE: Duration = Duration::from_millis(500);
/// Of what a program says on stderr, the last bytes kept: a server may go on for ever.
const MOST_SAID: usize = 1 << 20;

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
        status: ExitStatus,
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

/// A program to run.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// Its name, or where it is.
    pub program: &'a str,
    /// What it is told.
    pub arguments: &'a [OsString],
    /// Variables set in its environment; `None` takes one away.
    pub variables: &'a [(&'a str, Option<OsString>)],
    /// The directory it starts in; that of this process without one.
    pub directory: Option<&'a Path>,
    /// What it reads; nothing without.
    pub input: Option<&'a [u8]>,
    /// When it must have ended.
    pub deadline: Option<Instant>,
}

/// How a program ended, and what it printed until then.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Its exit status; `None` when it was ended because its time was up.
    pub status: Option<ExitStatus>,
    /// What it printed.
    pub stdout: Vec<u8>,
    /// What it said, the last mebibyte.
    pub stderr: Vec<u8>,
}

impl Ended {
    /// Whether it ended by itself, with exit code 0.
    pub fn is_success(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }
}

/// Whether a variable is set, and not to nothing, in the environment that programs inherit.
pub fn inherits(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Runs a program to its end, however it ends. At the deadline it is ended together with what it started, except where a
/// person sits in front of it: then it stays in the terminal's own group of processes, so that it may ask for a
/// passphrase and ends by an interrupt, and is ended alone.
pub fn run(run: &Run<'_>) -> Result<Ended, ProgramError> {
    let failed = |error| ProgramError::NotStarted { program: run.program.to_owned(), error };
    let mut command = Command::new(run.program);
    command.args(run.arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.stdin(if run.input.is_some() { Stdio::piped() } else { Stdio::null() });
    if let Some(directory) = run.directory {
        command.current_dir(directory);
    }
    for (name, value) in run.variables {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let grouped = cfg!(unix) && run.deadline.is_some() && !std::io::stdin().is_terminal();
    #[cfg(unix)]
    if grouped {
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
    }
    let mut child = command.spawn().map_err(failed)?;
    if let (Some(mut pipe), Some(input)) = (child.stdin.take(), run.input.map(<[u8]>::to_vec)) {
        // A program that does not read all of it says why by its status.
        thread::spawn(move || pipe.write_all(&input));
    }
    let (closed, closing) = channel();
    let stdout = child.stdout.take().map(|pipe| collect(pipe, usize::MAX, closed.clone()));
    let stderr = child.stderr.take().map(|pipe| collect(pipe, MOST_SAID, closed));
    let mut open = 2;
    let mut ended: Option<(ExitStatus, Instant)> = None;
    loop {
        if ended.is_none() {
            ended = child.try_wait().map_err(failed)?.map(|status| (status, Instant::now()));
        }
        let now = Instant::now();
        if ended.is_some_and(|(_, at)| open == 0 || now >= at + LINGER) {
            break;
        }
        if ended.is_none() && run.deadline.is_some_and(|deadline| now >= deadline) {
            end(&mut child, grouped);
            break;
        }
        if open == 0 {
            thread::sleep(Duration::from_millis(1));
        } else if closing.recv_timeout(run.deadline.map_or(LOOK, |deadline| LOOK.min(deadline - now))).is_ok() {
            open -= 1;
        }
    }
    Ok(Ended { status: ended.map(|(status, _)| status), stdout: taken(stdout), stderr: taken(stderr) })
}

type Collected = Arc<Mutex<Vec<u8>>>;

/// Reads a pipe on a thread of its own; of more than `most` bytes, the last ones stay.
fn collect(mut pipe: impl Read + Send + 'static, most: usize, closed: Sender<()>) -> Collected {
    let collected = Collected::default();
    let into = collected.clone();
    thread::spawn(move || {
        let mut part = vec![0; 1 << 16];
        while let Ok(length @ 1..) = pipe.read(&mut part) {
            let mut all = into.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(part.iter().take(length));
            // Seldom, so that not every byte moves what is there.
            if all.len() / 2 > most {
                let excess = all.len() - most;
                all.drain(..excess);
            }
        }
        // Nobody listens any more where the program was given up.
        closed.send(()).ok();
    });
    collected
}

fn taken(collected: Option<Collected>) -> Vec<u8> {
    collected.map_or_else(Vec::new, |all| std::mem::take(&mut *all.lock().unwrap_or_else(PoisonError::into_inner)))
}

/// Ends a program, gently first, and with its group what it started.
fn end(child: &mut Child, grouped: bool) {
    let whom = format!("{}{}", if grouped { "-" } else { "" }, child.id());
    signal("TERM", &whom);
    let patience = Instant::now() + GRACE;
    while Instant::now() < patience && matches!(child.try_wait(), Ok(None)) {
        thread::sleep(Duration::from_millis(5));
    }
    if grouped || matches!(child.try_wait(), Ok(None)) {
        signal("KILL", &whom);
    }
    // Both fail only where it has ended already.
    child.kill().ok();
    child.wait().ok();
}

/// Sends a signal by the shell's own command: there is none in the standard library, and no program for it in slim images.
fn signal(name: &str, whom: &str) {
    if cfg!(unix) {
        let script = ["-c", "kill -s \"$0\" -- \"$1\"", name, whom];
        let silent = || Stdio::null();
        Command::new("sh").args(script).stdin(silent()).stdout(silent()).stderr(silent()).status().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, input: Option<&[u8]>, deadline: Option<Duration>) -> Result<Ended, ProgramError> {
        let arguments = ["-c", script].map(OsString::from);
        let variables = [("GITOPSCTL_A", Some("set".into())), ("HOME", None)];
        let deadline = deadline.map(|time| Instant::now() + time);
        run(&Run { program: "sh", arguments: &arguments, variables: &variables, directory: None, input, deadline })
    }

    #[test]
    fn a_failure_is_told_with_all_output() -> Result<(), ProgramError> {
        let ended = shell("cat; echo \"$GITOPSCTL_A ${HOME-none}\" >&2; exit 3", Some(b"in"), None)?;
        assert_eq!(ended.status.and_then(|status| status.code()), Some(3));
        assert_eq!((ended.stdout.as_slice(), ended.stderr.as_slice()), (&b"in"[..], &b"set none\n"[..]));
        assert!(!ended.is_success());
        Ok(())
    }

    #[test]
    fn much_input_and_much_output_do_not_block_each_other() -> Result<(), ProgramError> {
        let input = vec![b'x'; 3 << 20];
        let ended = shell("tee /dev/stderr", Some(&input), None)?;
        assert_eq!(ended.stdout, input);
        assert!(ended.stderr.len() >= MOST_SAID && ended.stderr.len() <= 2 * MOST_SAID + (1 << 16));
        Ok(())
    }

    #[test]
    fn at_the_deadline_it_ends_with_what_it_started() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let late = folder.path().join("late");
        let script = format!("trap '' TERM; echo begun; (sleep 3; touch {}) & sleep 60", late.display());
        let start = Instant::now();
        let ended = shell(&script, None, Some(Duration::from_millis(200)))?;
        assert!(ended.status.is_none() && start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
        assert_eq!(ended.stdout, b"begun\n");
        thread::sleep(Duration::from_secs(4).saturating_sub(start.elapsed()));
        // A person's terminal keeps its own group.
        assert!(!late.exists() || std::io::stdin().is_terminal());
        Ok(())
    }

    #[test]
    fn a_process_left_behind_does_not_hold_the_output() -> Result<(), ProgramError> {
        let start = Instant::now();
        let ended = shell("sleep 5 & echo done", None, None)?;
        assert_eq!(ended.stdout, b"done\n");
        assert!(ended.is_success() && start.elapsed() < Duration::from_secs(4));
        Ok(())
    }

    #[test]
    fn what_is_not_there_cannot_be_started() {
        let run = run(&Run {
            program: "gitopsctl-no-such-program",
            arguments: &[],
            variables: &[],
            directory: None,
            input: None,
            deadline: None,
        });
        assert!(matches!(run, Err(ProgramError::NotStarted { .. })));
    }
}
