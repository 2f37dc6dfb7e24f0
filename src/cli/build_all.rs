//! `gitopsctl build --all`.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::cli::Exit;
use crate::cli::helm::{Flags, Program};
use crate::cli::place::Place;
use crate::cli::terminal::{Failure, Terminal, counted};
use crate::diag::Diagnostic;
use crate::kustomize::{self, Finished, Options};
use crate::layout;

/// Builds every overlay root below a directory into a folder, or into one stream in the order of the paths.
pub(super) fn run(
    place: &Place,
    path: &Path,
    output: Option<&Path>,
    options: Options,
    flags: &Flags,
    terminal: &mut Terminal,
) -> Result<Exit, Failure> {
    let Place { tree, directory: start, repository, .. } = place;
    let program = Program::new(flags, tree);
    let session = place.session(Options { shared: true, ..options }, &program);
    let roots = layout::roots(tree, repository, start, |path| session.text_of(path));
    place.is_whole()?;
    if roots.is_empty() {
        let message = format!("no kustomization in or below `{}`", path.display());
        return Err(Failure::told(Exit::Input, message));
    }
    let build = |root: &String| kustomize::build(&session, root).and_then(|build| build.text());
    let below = |root: &str| match root.strip_prefix(&**start).map(|rest| rest.trim_start_matches('/')) {
        None | Some("") => "root".to_owned(),
        Some(rest) => rest.to_owned(),
    };
    let write = |root: &String| -> Result<(), Outcome> {
        let text = build(root)?;
        let Some(folder) = output else { return Ok(()) };
        let file = folder.join(below(root) + ".yaml");
        write(&file, &text).map_err(|error| Outcome::Disk(file, error))
    };
    let mut failures = Vec::new();
    let mut disk = None;
    if output.is_some() {
        for outcome in roots.par_iter().map(write).collect::<Vec<_>>() {
            match outcome {
                Ok(()) => {}
                Err(Outcome::Build(failure)) => failures.push(failure),
                Err(Outcome::Disk(file, error)) => disk = Some((file, error)),
            }
        }
    } else {
        let mut first = true;
        // A part at a time, so that a large repository's output need not be held as a whole.
        for part in roots.chunks(256) {
            for built in part.par_iter().map(build).collect::<Vec<_>>() {
                match built {
                    Ok(text) if text.is_empty() => {}
                    Ok(text) => {
                        terminal.print_raw([if first { "" } else { "---\n" }, &*text])?;
                        first = false;
                    }
                    Err(failure) => failures.push(failure),
                }
            }
        }
    }
    let Finished { sources, mut diagnostics, caches, .. } = session.finish();
    std::mem::forget(caches); // the process ends here
    let failed = failures.len();
    for failure in failures {
        diagnostics.push(*failure);
    }
    terminal.report(&super::build::worth_telling(&diagnostics), &sources);
    if let Some((file, error)) = disk {
        return Err(Failure::told(Exit::Environment, format!("cannot write `{}`: {error}", file.display())));
    }
    place.is_whole()?;
    terminal.say(&format!("{} built, {failed} failed", counted(roots.len() - failed, "root")));
    Ok(if failed > 0 { Exit::Input } else { Exit::Fine })
}

/// Why a root has no file.
enum Outcome {
    Build(Box<Diagnostic>),
    Disk(PathBuf, std::io::Error),
}

impl From<Box<Diagnostic>> for Outcome {
    fn from(failure: Box<Diagnostic>) -> Self {
        Self::Build(failure)
    }
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text)
}
