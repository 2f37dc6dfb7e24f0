//! `gitopsctl policy`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use crate::cli::terminal::{Failure, Terminal, counted};
use crate::cli::{EXIT_CODES, Exit};
use crate::diag::Diagnostics;
use crate::pipeline::trial;
use crate::policy::{self, POLICY_FILES};
use crate::source::SourceMap;
use crate::tree::Tree;

/// List, test and write policies
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Policy {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the tests that policy files carry
    Test(Test),
}

#[derive(Debug, Args)]
struct Test {
    /// Files and folders of policies; without any, those built in and those of the repository
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

impl Policy {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        match self.command {
            Command::Test(command) => command.run(directory, terminal),
        }
    }
}

impl Test {
    fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let mut files: Vec<(String, String)> = Vec::new();
        if self.paths.is_empty() {
            files.extend(POLICY_FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        }
        for path in &self.paths {
            let tree = Tree::directory(directory.join(path));
            for file in tree.files("") {
                if let Ok(Some(text)) = tree.text(&file) {
                    files.push((file, text.to_string()));
                }
            }
        }
        let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
        let (mut passed, mut failed) = (0, 0);
        for (path, text) in &files {
            let file = sources.add(&**path, &**text);
            let loaded = policy::policies(text, file, path, true)
                .and_then(|policies| Ok((policies, policy::cases(text, file, path)?)));
            let (policies, cases) = match loaded {
                Ok(loaded) => loaded,
                Err(failure) => {
                    diagnostics.push(*failure);
                    continue;
                }
            };
            for (policy, cases) in policies.iter().zip(&cases) {
                for verdict in trial::run(policy, cases) {
                    match verdict.fault {
                        None => passed += 1,
                        Some(fault) => {
                            failed += 1;
                            terminal.print(&format!("{}: {}: {fault}\n", verdict.policy, verdict.name))?;
                        }
                    }
                }
            }
        }
        let is_bad = terminal.report(&diagnostics, &sources);
        terminal.print(&format!(
            "{} in {}: {passed} passed, {failed} failed\n",
            counted(passed + failed, "test"),
            counted(files.len(), "file")
        ))?;
        Ok(match (is_bad, failed) {
            (true, _) => Exit::Input,
            (false, 0) => Exit::Fine,
            (false, _) => Exit::Findings,
        })
    }
}
