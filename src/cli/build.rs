//! `gitopsctl build`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{EXIT_CODES, Exit, root_of};
use crate::diag::Diagnostics;
use crate::kustomize::{self, Options, Release, Session};
use crate::source::SourceMap;
use crate::tree::Tree;

/// Build a kustomization as `kustomize build` does
///
/// Prints what Kustomize v5.8.1 prints, byte for byte. What Kustomize refuses is refused, with the file and line to edit.
/// Nothing is read from the network and no program is started.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Build {
    /// The directory of the kustomization
    #[arg(value_name = "DIR", default_value = ".")]
    path: PathBuf,
    /// Write the output here: a file, or a directory for one file a resource
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Whether files outside of the kustomization's directory may be read
    #[arg(long, value_name = "MODE", default_value = "LoadRestrictionsRootOnly")]
    load_restrictor: Restriction,
    /// Which release of Kustomize to reproduce
    #[arg(long, value_name = "VERSION", default_value = "5.8.1")]
    kustomize_version: Version,
    /// Label every object with `app.kubernetes.io/managed-by`
    #[arg(long)]
    enable_managedby_label: bool,
}

/// Which files may be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Restriction {
    /// Those in or below the directory of the kustomization that names them.
    #[value(name = "LoadRestrictionsRootOnly")]
    RootOnly,
    /// All.
    #[value(name = "LoadRestrictionsNone")]
    None,
}

/// A release of Kustomize.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Version {
    /// The reference.
    #[value(name = "5.8.1")]
    V5_8_1,
    /// The next one.
    #[value(name = "5.8.2")]
    V5_8_2,
}

impl Build {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let path = directory.join(&self.path);
        let real = path.canonicalize().map_err(|error| {
            Failure::told(Exit::Input, format!("cannot enter the directory `{}`: {error}", self.path.display()))
        })?;
        let inside = |path: &Path| path.to_string_lossy().trim_start_matches('/').to_owned();
        let base = root_of(directory).map(|root| inside(&root)).unwrap_or_default();
        let options = Options {
            release: match self.kustomize_version {
                Version::V5_8_1 => Release::V5_8_1,
                Version::V5_8_2 => Release::V5_8_2,
            },
            unrestricted: self.load_restrictor == Restriction::None,
            managed_by: self.enable_managedby_label,
        };
        let tree = Tree::directory("/");
        let session = Session::new(&tree, &base, SourceMap::default(), options);
        let built = kustomize::build(&session, &inside(&real)).and_then(|build| {
            let text = build.text()?;
            Ok((build, text))
        });
        let (sources, mut diagnostics, _) = session.finish();
        let result = match built {
            Ok(result) => Some(result),
            Err(failure) => {
                diagnostics.push(*failure);
                None
            }
        };
        terminal.report(&worth_telling(diagnostics), &sources);
        let Some((_, text)) = result else { return Ok(Exit::Input) };
        match &self.output {
            None => terminal.print(&text)?,
            Some(output) => std::fs::write(directory.join(output), text)?,
        }
        Ok(Exit::Fine)
    }
}

/// What a build tells: failures, and what Kustomize warns of. The rest is for `lint`.
fn worth_telling(diagnostics: Diagnostics) -> Diagnostics {
    let mut told = Diagnostics::default();
    for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.severity > crate::diag::Severity::Info) {
        told.push(diagnostic.clone());
    }
    told
}
