//! `gitopsctl lsp`.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::lint::today;
use crate::cli::terminal::Failure;
use crate::cli::{EXIT_CODES, Exit, policies, root_of};
use crate::git;
use crate::kustomize::{Options, Release};
use crate::lsp::{self, World};
use crate::pipeline::live::{Setup, Texts, View};
use crate::{catalog, tree};

/// Serve an editor: findings while you type, what a value does, where a name leads
///
/// Speaks the Language Server Protocol over standard input and output. The findings are those of `gitopsctl lint` on what is
/// built from the open texts, each at the line to edit. The README says how to set up editors.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Lsp {
    /// Does nothing: editors pass it, and there is no other way to talk
    #[arg(long, hide = true)]
    stdio: bool,
}

impl Lsp {
    pub(super) fn run(self, directory: &Path) -> Result<Exit, Failure> {
        let Self { stdio: _ } = self;
        let start = directory.canonicalize().map_err(|error| {
            Failure::told(Exit::Usage, format!("cannot enter the directory `{}`: {error}", directory.display()))
        })?;
        let world = World { root: top_of, real: |path| path.canonicalize().ok(), setup };
        let (input, output) = (BufReader::new(std::io::stdin()), std::io::stdout());
        match lsp::serve(input, output, start, world) {
            // An editor that goes without a word is none that failed.
            Ok(_) => Ok(Exit::Fine),
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(Exit::Fine),
            Err(error) => Err(Failure::told(Exit::Environment, format!("the editor cannot be understood: {error}"))),
        }
    }
}

/// The top of the repository around a folder: the nearest gitopsctl.yaml, else Git's, else the folder.
fn top_of(folder: &Path) -> Option<PathBuf> {
    let root = root_of(folder).ok()?;
    if root.join(catalog::PLATFORM_FILE).is_file() {
        return Some(root);
    }
    Some(git::top(&root).map_or_else(|| root.clone(), Path::to_owned))
}

fn setup(root: &Path, texts: &Texts) -> Result<Setup, String> {
    let mut setup = Setup {
        root: root.to_owned(),
        origin: git::facts(root).and_then(|facts| facts.origin),
        options: Options::default(),
        book: crate::policy::built_in().map_err(|fault| fault.message.clone())?,
        own: crate::source::SourceMap::default(),
        faults: crate::diag::Diagnostics::default(),
        today: today(),
    };
    let home: tree::Tree = View::of(&setup, texts).home;
    let (book, (own, faults)) = policies::book(&home).map_err(|failure| match failure {
        Failure::Told { message, .. } => message,
        Failure::BrokenPipe => String::new(),
    })?;
    (setup.book, setup.own, setup.faults) = (book, own, faults);
    // A version that is not known is an error of the settings, which is found with all others.
    let version = catalog::kustomize_version(&home, "");
    let known = version.and_then(|(name, _)| Release::ALL.into_iter().find(|release| release.name() == name.text));
    setup.options.release = known.unwrap_or_default();
    Ok(setup)
}
