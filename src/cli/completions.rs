//! `gitopsctl completions`.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{Cli, Exit};

/// Print a shell's completions
///
/// For bash: gitopsctl completions bash > /etc/bash_completion.d/gitopsctl
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "gitopsctl", &mut script);
        terminal.print(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Fine)
    }
}
