//! `gitopsctl completions`.

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use crate::cli::Exit;
use crate::cli::terminal::{Failure, Terminal};

/// Print what makes a shell complete commands, services, environments and policies
///
/// For bash: gitopsctl completions bash > /etc/bash_completion.d/gitopsctl
/// The script asks `gitopsctl` at each key, so print it again after an update.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

/// The shells.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Elvish => "elvish",
            Self::Fish => "fish",
            Self::Powershell => "powershell",
            Self::Zsh => "zsh",
        }
    }
}

/// The variable by which the script asks.
pub(super) const VARIABLE: &str = "GITOPSCTL_COMPLETE";

impl Completions {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let shells = Shells::builtins();
        let name = "gitopsctl";
        let mut script = Vec::new();
        if let Some(shell) = shells.completer(self.shell.name()) {
            shell.write_registration(VARIABLE, name, name, name, &mut script)?;
        }
        terminal.print(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Fine)
    }
}
