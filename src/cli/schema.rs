//! `gitopsctl schema`.

use clap::{Args, ValueEnum};

use crate::catalog::{PLATFORM_SCHEMA, SERVICE_SCHEMA};
use crate::cli::Exit;
use crate::cli::terminal::{Failure, Terminal};
use crate::policy::POLICY_SCHEMA;

/// Print the JSON Schema of a file of the catalog, or of a policy
///
/// `gitopsctl render` writes the same schemas into .gitopsctl/, where editors find them by the first line of each file.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Which file
    file: File,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum File {
    /// gitopsctl.yaml
    Platform,
    /// services/<name>.yaml
    Service,
    /// policies/*.yaml
    Policy,
}

impl Schema {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Failure> {
        terminal.print(match self.file {
            File::Platform => PLATFORM_SCHEMA,
            File::Service => SERVICE_SCHEMA,
            File::Policy => POLICY_SCHEMA,
        })?;
        Ok(Exit::Fine)
    }
}
