//! `gitopsctl lint`.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::build::release;
use crate::cli::helm::{self, Program};
use crate::cli::place::Place;
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{EXIT_CODES, Exit};
use crate::diag::Severity;
use crate::kustomize::Options;
use crate::pipeline::lint::{self, Rules, Target};
use crate::policy::{self, Flags};
use crate::tree::Tree;

/// Judge what Argo CD will apply, and point at the line to edit
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Lint {
    /// A directory with a kustomization or above several, a file or a directory of manifests, or `-`
    #[arg(value_name = "TARGET", default_value = ".")]
    target: PathBuf,
    /// Only these policies, whether they are on or not: ids, aliases or categories
    #[arg(long, value_name = "POLICY", value_delimiter = ',')]
    only: Vec<String>,
    /// Set of policies
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Read this commit, branch or tag from the object store instead of the files on disk
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    #[command(flatten)]
    helm: helm::Flags,
}

impl Lint {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let book = policy::built_in().map_err(|fault| Failure::told(Exit::Input, fault.message.clone()))?;
        let flags = Flags { profile: self.profile.clone(), only: self.only.clone(), ..Flags::default() };
        if let Some((word, near)) = book.unknown(&flags) {
            let failure = Failure::told(Exit::Usage, format!("there is no policy `{word}`"));
            return Err(match near {
                Some(near) => failure.with_help(format!("did you mean `{near}`?")),
                None => failure,
            });
        }
        let is_stdin = self.target == Path::new("-");
        let path = if is_stdin { Path::new(".") } else { &self.target };
        let place = Place::of(directory, path, self.rev.as_deref())?;
        let target = if is_stdin {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|error| Failure::told(Exit::Input, format!("standard input cannot be read: {error}")))?;
            Target::Text("-".to_owned(), text)
        } else if place.is_file() {
            Target::File(place.directory.clone())
        } else {
            Target::Directory(place.directory.clone())
        };
        let home = match self.rev {
            None => Tree::directory(format!("/{}", place.repository)),
            Some(_) => Place::of(directory, path, self.rev.as_deref())?.tree,
        };
        let options = Options { release: release(&place, None)?, ..Options::default() };
        let from = lint::Place { tree: &place.tree, repository: &place.repository, home: &home, options };
        let program = Program::new(&self.helm, &place.tree);
        let mut gathered = lint::gather(&from, &target, program.helm());
        place.is_whole()?;
        let rules = Rules {
            book: &book,
            flags: &flags,
            settings: None,
            today: "",
            trusts: &|_, _| true,
            baseline: None,
            changed: None,
        };
        let outcome = lint::judge(&mut gathered, &rules);
        for finding in &outcome.findings {
            let place = finding.labels.first().map(|label| {
                let file = gathered.sources.file(label.span.file);
                let at = gathered.sources.position(label.span.file, label.span.start);
                format!("{}:{}:{}", file.path, at.line, at.column)
            });
            terminal.print(&format!(
                "{:?} {} {} {}\n",
                finding.severity,
                finding.rule.id,
                finding.message,
                place.unwrap_or_default()
            ))?;
        }
        terminal.say(&format!("{} objects in {} overlays", outcome.objects, outcome.overlays));
        Ok(if outcome.count(Severity::Error) > 0 { Exit::Findings } else { Exit::Fine })
    }
}
