//! `gitopsctl man`.

use std::fs;
use std::path::PathBuf;

use clap::{Args, CommandFactory};

use crate::cli::terminal::{Failure, Terminal, counted};
use crate::cli::{Cli, Exit};

/// Print the manual page, or write the pages of all commands into a directory
#[derive(Debug, Args)]
pub(super) struct Man {
    /// Where to write them; default: gitopsctl(1) goes to stdout
    #[arg(value_name = "DIR")]
    pages: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let mut command = Cli::command();
        command.build();
        let Some(directory) = self.pages else {
            terminal.print(&page(&command)?)?;
            return Ok(Exit::Fine);
        };
        let refused = |error: std::io::Error| {
            Failure::told(Exit::Environment, format!("cannot write to `{}`: {error}", directory.display()))
        };
        fs::create_dir_all(&directory).map_err(refused)?;
        let mut written = 1;
        fs::write(directory.join("gitopsctl.1"), page(&command)?).map_err(refused)?;
        for subcommand in command.get_subcommands() {
            let name = format!("gitopsctl-{}", subcommand.get_name());
            fs::write(directory.join(format!("{name}.1")), page(subcommand)?).map_err(refused)?;
            written += 1;
        }
        terminal.say(&format!("{} written", counted(written, "page")));
        Ok(Exit::Fine)
    }
}

fn page(command: &clap::Command) -> Result<String, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    Ok(String::from_utf8_lossy(&page).into_owned())
}
