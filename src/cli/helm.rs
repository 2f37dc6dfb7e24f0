//! Charts of a build, rendered by the user's `helm`: where its files lie and how it is called.

use std::ffi::OsString;
use std::sync::OnceLock;

use clap::Args;

use crate::kustomize::{Argument, Command, Helm, Runner};
use crate::program;
use crate::tree::{Scratch, Tree};

/// Flags of Kustomize that speak of Helm.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Render the Helm charts that kustomizations name, with the `helm` program; charts must lie in the repository
    #[arg(long)]
    enable_helm: bool,
    /// The `helm` program
    #[arg(long, value_name = "PATH", default_value = "helm")]
    helm_command: String,
    /// API versions that charts may ask for
    #[arg(long, value_name = "VERSION")]
    helm_api_versions: Vec<String>,
    /// Version of Kubernetes that charts may ask for
    #[arg(long, value_name = "VERSION", default_value = "", hide_default_value = true)]
    helm_kube_version: String,
    /// Have `helm` print debug output where it fails
    #[arg(long)]
    helm_debug: bool,
}

/// Runs `helm`. Each call has a directory of its own for what is made for it.
pub(super) struct Program<'a> {
    flags: &'a Flags,
    tree: &'a Tree,
    version: OnceLock<Result<(), String>>,
}

impl<'a> Program<'a> {
    pub(super) fn new(flags: &'a Flags, tree: &'a Tree) -> Self {
        Self { flags, tree, version: OnceLock::new() }
    }

    /// What a build is to know of Helm; `None` where charts are not to be rendered.
    pub(super) fn helm(&self) -> Option<Helm<'_>> {
        self.flags.enable_helm.then(|| Helm {
            api_versions: self.flags.helm_api_versions.clone(),
            kube_version: self.flags.helm_kube_version.clone(),
            debug: self.flags.helm_debug,
            runner: self,
        })
    }
}

impl Runner for Program<'_> {
    fn run(&self, call: &Command) -> Result<String, String> {
        let scratch = Scratch::new().map_err(|error| format!("no temporary directory can be made: {error}"))?;
        let home =
            call.config_home.clone().map_or_else(|| scratch.path().join("helm").into_os_string(), OsString::from);
        let below = |name: &str| {
            let mut path = home.clone();
            path.push(name);
            path
        };
        let variables = [
            ("HELM_CONFIG_HOME", home.clone()),
            ("HELM_CACHE_HOME", below("/.cache")),
            ("HELM_DATA_HOME", below("/.data")),
        ];
        let helm = |arguments: &[OsString]| {
            program::output(&self.flags.helm_command, arguments, &variables).map_err(|error| error.to_string())
        };
        self.version.get_or_init(|| supported(&helm(&["version".into(), "--short".into()])?)).clone()?;
        let arguments: Result<Vec<_>, _> =
            call.arguments.iter().enumerate().map(|(at, argument)| self.argument(argument, at, &scratch)).collect();
        helm(&arguments?)
    }
}

impl Program<'_> {
    /// An argument as `helm` gets it: a file of a revision lies nowhere on disk yet.
    fn argument(&self, argument: &Argument, at: usize, scratch: &Scratch) -> Result<OsString, String> {
        match argument {
            Argument::Text(text) => Ok(text.into()),
            Argument::Made { name, content } => {
                let path =
                    scratch.write(name, content).map_err(|error| format!("`{name}` cannot be written: {error}"))?;
                Ok(path.into_os_string())
            }
            Argument::Path(path) => {
                let path = scratch
                    .on_disk(self.tree, path, &at.to_string())
                    .map_err(|error| format!("`{path}` cannot be read: {error}"))?;
                Ok(path.into_os_string())
            }
        }
    }
}

/// Kustomize takes Helm 3 and 4.
fn supported(version: &str) -> Result<(), String> {
    let number = version.trim().trim_start_matches('v');
    let major = number.split('.').next().unwrap_or_default();
    if matches!(major, "3" | "4") {
        Ok(())
    } else {
        Err(format!("Helm 3 or 4 is needed, and this is `{}`", version.trim()))
    }
}
