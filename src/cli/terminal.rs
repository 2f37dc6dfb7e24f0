//! What is printed and asked: data to stdout, everything else to stderr, colours only where they are wanted.

use std::io::{self, ErrorKind, IsTerminal, Write};

use anstream::ColorChoice;

use crate::cli::Exit;
use crate::diag::{Diagnostics, Severity};
use crate::report;
use crate::source::SourceMap;

pub(super) use crate::report::counted;

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Color {
    /// Where the output is a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Why a command ended early.
#[derive(Debug)]
pub(super) enum Failure {
    /// The reader of the output went away.
    BrokenPipe,
    /// Something to tell and an exit code.
    Told {
        /// How to exit.
        exit: Exit,
        /// What went wrong.
        message: String,
        /// What to do.
        help: Vec<String>,
    },
}

impl Failure {
    pub(super) fn told(exit: Exit, message: impl Into<String>) -> Self {
        Self::Told { exit, message: message.into(), help: Vec::new() }
    }

    pub(super) fn with_help(self, text: impl Into<String>) -> Self {
        match self {
            Self::Told { exit, message, mut help } => {
                help.push(text.into());
                Self::Told { exit, message, help }
            }
            Self::BrokenPipe => self,
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::BrokenPipe => Self::BrokenPipe,
            _ => Self::told(Exit::Environment, format!("cannot write the output: {error}")),
        }
    }
}

/// Rows of cells as columns of one width, two blanks apart.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        text += cells.collect::<Vec<_>>().join("  ").trim_end();
        text.push('\n');
    }
    text
}

/// Standard output, standard error and, for questions, standard input.
pub(super) struct Terminal {
    out: anstream::AutoStream<io::Stdout>,
    err: anstream::AutoStream<io::Stderr>,
    colour_err: bool,
    colour_out: bool,
}

impl Terminal {
    pub(super) fn new(color: Color) -> Self {
        let choice = match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        let resolved = |auto: ColorChoice| if choice == ColorChoice::Auto { auto } else { choice };
        let out_choice = resolved(anstream::AutoStream::choice(&io::stdout()));
        let err_choice = resolved(anstream::AutoStream::choice(&io::stderr()));
        let coloured = |choice| !matches!(choice, ColorChoice::Never);
        Self {
            out: anstream::AutoStream::new(io::stdout(), out_choice),
            err: anstream::AutoStream::new(io::stderr(), err_choice),
            colour_out: coloured(out_choice),
            colour_err: coloured(err_choice),
        }
    }

    /// Data.
    pub(super) fn print(&mut self, text: &str) -> Result<(), Failure> {
        self.out.write_all(text.as_bytes())?;
        Ok(self.out.flush()?)
    }

    /// Data that goes out as it is, whatever it holds: what another program reads.
    #[allow(clippy::unused_self)] // the one way out is through here
    pub(super) fn print_raw<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) -> Result<(), Failure> {
        let mut out = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
        for text in texts {
            out.write_all(text.as_bytes())?;
        }
        Ok(out.flush()?)
    }

    /// What happened, for a person to read.
    pub(super) fn say(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}"); // nobody is left to be told of a closed stderr
    }

    /// A diff, coloured where colours are wanted.
    pub(super) fn print_diff(&mut self, text: &str) -> Result<(), Failure> {
        if !self.colour_out {
            return self.print(text);
        }
        let mut coloured = String::with_capacity(text.len() * 2);
        for line in text.split_inclusive('\n') {
            let code = match line.as_bytes().first() {
                Some(b'+') => "32",
                Some(b'-') => "31",
                Some(b'@') => "36",
                _ => "",
            };
            let body = line.trim_end_matches('\n');
            let end = &line[body.len()..];
            match code {
                "" => coloured.push_str(line),
                code => coloured.push_str(&format!("\u{1b}[{code}m{body}\u{1b}[0m{end}")),
            }
        }
        self.print(&coloured)
    }

    /// Every diagnostic and, where there are several, their count. Whether any is an error.
    pub(super) fn report(&mut self, diagnostics: &Diagnostics, sources: &SourceMap) -> bool {
        let sorted = diagnostics.sorted();
        for diagnostic in &sorted {
            let text = report::human(diagnostic, sources, self.colour_err);
            self.say(&format!("{text}\n"));
        }
        let count = |severity| sorted.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
        if errors + warnings > 1 {
            self.say(&format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")));
        }
        errors > 0
    }

    /// A failure of the world or of the arguments.
    pub(super) fn failure(&mut self, message: &str, help: &[String]) {
        let (start, end) = if self.colour_err { ("\u{1b}[1;31m", "\u{1b}[0m") } else { ("", "") };
        self.say(&format!("{start}error{end}: {message}"));
        for help in help {
            self.say(&format!("  = help: {help}"));
        }
    }

    /// Whether data goes out in colours.
    pub(super) fn is_coloured(&self) -> bool {
        self.colour_out
    }

    /// Whether what is said goes out in colours.
    pub(super) fn is_coloured_err(&self) -> bool {
        self.colour_err
    }

    /// Whether somebody watches what happens.
    #[allow(clippy::unused_self)] // what the terminal is asked of
    pub(super) fn is_watched(&self) -> bool {
        io::stderr().is_terminal()
    }

    /// Writes over the line that says how far a run is; an empty text takes it away.
    pub(super) fn progress(text: &str) {
        let _ = write!(io::stderr(), "\r\u{1b}[2K{text}"); // nobody is left to be told of a closed stderr
    }

    /// Whether somebody is there to answer.
    pub(super) fn can_ask() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks on stderr and reads a line; the default where the answer is empty. `None` when the input ends.
    pub(super) fn ask(&mut self, question: &str, default: &str) -> Result<Option<String>, Failure> {
        let hint = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        write!(self.err, "{question}{hint}: ")?;
        self.err.flush()?;
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 {
            return Ok(None);
        }
        let answer = line.trim();
        Ok(Some(if answer.is_empty() { default } else { answer }.to_owned()))
    }
}
