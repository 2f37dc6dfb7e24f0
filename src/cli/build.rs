//! `gitopsctl build`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::catalog;
use crate::cli::build_all;
use crate::cli::compat;
use crate::cli::helm::{Flags, Program};
use crate::cli::place::Place;
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{EXIT_CODES, Exit};
use crate::diag::Diagnostics;
use crate::kustomize::{self, Caches, Finished, Options, Origins, Release};
use crate::source::SourceMap;

/// Build a kustomization as `kustomize build` does
///
/// Prints what Kustomize v5.8.1 prints, byte for byte. What Kustomize refuses is refused, with the file and line to edit.
/// Nothing is read from the network, and no program is started but `helm` with --enable-helm.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Build {
    /// The directory of the kustomization
    #[arg(value_name = "DIR", default_value = ".")]
    path: PathBuf,
    /// Build every overlay root in or below the directory: what Argo CD's Applications name, else `**/overlays/*`, else
    /// what no other kustomization includes
    #[arg(long)]
    all: bool,
    /// With --all, write each root to its path below this directory
    #[arg(long, value_name = "OUT", requires = "all", conflicts_with = "output")]
    output_dir: Option<PathBuf>,
    /// Write the output here: a file, or a directory for one file a resource
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Whether files outside of the kustomization's directory may be read
    #[arg(long, value_name = "MODE", default_value = "LoadRestrictionsRootOnly")]
    load_restrictor: Restriction,
    /// Which release of Kustomize to reproduce [default: `kustomizeVersion` of gitopsctl.yaml, else 5.8.1]
    #[arg(long, value_name = "VERSION")]
    kustomize_version: Option<Version>,
    /// Instead of building, list what Kustomize 5.4.0 to 5.8.2 make something else of
    #[arg(long, conflicts_with_all = ["output", "output_dir", "kustomize_version"])]
    compat: bool,
    /// Read this commit, branch or tag from the object store instead of the files on disk
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    #[command(flatten)]
    helm: Flags,
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
pub(super) enum Version {
    /// The reference.
    #[value(name = "5.8.1")]
    V5_8_1,
    /// The next one.
    #[value(name = "5.8.2")]
    V5_8_2,
}

impl From<Version> for Release {
    fn from(version: Version) -> Self {
        match version {
            Version::V5_8_1 => Self::V5_8_1,
            Version::V5_8_2 => Self::V5_8_2,
        }
    }
}

/// The release to reproduce: the one that the flag names, else the setting of the repository.
pub(super) fn release(place: &Place, flag: Option<Version>) -> Result<Release, Failure> {
    if let Some(flag) = flag {
        return Ok(flag.into());
    }
    let Some((name, path)) = catalog::kustomize_version(&place.tree, &place.repository) else {
        return Ok(Release::default());
    };
    let release = Release::ALL.into_iter().find(|release| release.name() == name.text);
    release.ok_or_else(|| {
        let path = place.shown(&path);
        let message = format!("{path}:{}:{}: `kustomizeVersion: {}` is not known", name.line, name.column, name.text);
        let known: Vec<_> = Release::ALL.into_iter().map(Release::name).collect();
        Failure::told(Exit::Input, message).with_help(format!("must be {}", known.join(" or ")))
    })
}

/// What became of a directory.
pub(super) struct Built {
    /// `None` where it failed, which the diagnostics say.
    pub(super) build: Option<kustomize::Build>,
    pub(super) sources: SourceMap,
    pub(super) diagnostics: Diagnostics,
    pub(super) origins: Origins,
    caches: Caches,
}

impl Built {
    /// Builds the directory of a place.
    pub(super) fn of(place: &Place, options: Options, flags: &Flags) -> Self {
        let program = Program::new(flags, &place.tree);
        let session = place.session(options, &program);
        let built = kustomize::build(&session, &place.directory);
        let Finished { sources, mut diagnostics, origins, caches, .. } = session.finish();
        let build = built.map_err(|failure| diagnostics.push(*failure)).ok();
        Self { build, sources, diagnostics, origins, caches }
    }
}

impl Build {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let place = Place::of(directory, &self.path, self.rev.as_deref())?;
        let options = Options {
            release: release(&place, self.kustomize_version)?,
            unrestricted: self.load_restrictor == Restriction::None,
            managed_by: self.enable_managedby_label,
            ..Options::default()
        };
        if self.compat {
            return compat::run(&place, self.all, options, &self.helm, terminal);
        }
        if self.all {
            let output = self.output_dir.map(|output| directory.join(output));
            return build_all::run(&place, &self.path, output.as_deref(), options, &self.helm, terminal);
        }
        let mut built = Built::of(&place, options, &self.helm);
        place.is_whole()?;
        let texts = built.build.as_ref().map(kustomize::Build::texts).transpose();
        let texts = texts.map_err(|failure| built.diagnostics.push(*failure)).ok().flatten();
        terminal.report(&worth_telling(&built.diagnostics), &built.sources);
        let (Some(texts), Some(build)) = (texts, &built.build) else { return Ok(Exit::Input) };
        match self.output.map(|output| directory.join(output)) {
            None => {
                let separated =
                    texts.iter().enumerate().flat_map(|(at, text)| [if at > 0 { "---\n" } else { "" }, text]);
                terminal.print_raw(separated)?;
            }
            Some(output) if output.is_dir() => {
                for (name, text) in build.file_names().iter().zip(&texts) {
                    std::fs::write(output.join(name), text)?;
                }
            }
            Some(output) => std::fs::write(output, texts.join("---\n"))?,
        }
        // The process ends here: taking a large build apart node by node would take a tenth of its time.
        std::mem::forget((built.build, built.caches, built.sources));
        Ok(Exit::Fine)
    }
}

/// What a build tells: failures, and what Kustomize warns of. The rest is for `lint`.
pub(super) fn worth_telling(diagnostics: &Diagnostics) -> Diagnostics {
    let mut told = Diagnostics::default();
    for diagnostic in diagnostics.iter().filter(|diagnostic| diagnostic.severity > crate::diag::Severity::Info) {
        told.push(diagnostic.clone());
    }
    told
}
