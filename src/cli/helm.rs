//! Charts of a build, rendered by the user's `helm`: where its files lie and how it is called.

use std::ffi::OsString;
use std::path::Path;
use std::sync::OnceLock;

use clap::Args;
use tempfile::TempDir;

use crate::kustomize::{Argument, Command, Helm};
use crate::program;
use crate::tree::Tree;

/// Flags of Kustomize that speak of Helm.
#[derive(Debug, Args)]
pub(super) struct Flags {
    /// Render the Helm charts that kustomizations name, with the `helm` program; charts must lie in the repository
    #[arg(long)]
    pub(super) enable_helm: bool,
    /// The `helm` program
    #[arg(long, value_name = "PATH", default_value = "helm")]
    pub(super) helm_command: String,
    /// API versions that charts may ask for
    #[arg(long, value_name = "VERSION")]
    pub(super) helm_api_versions: Vec<String>,
    /// Version of Kubernetes that charts may ask for
    #[arg(long, value_name = "VERSION", default_value = "", hide_default_value = true)]
    pub(super) helm_kube_version: String,
    /// Have `helm` print debug output where it fails
    #[arg(long)]
    pub(super) helm_debug: bool,
}

impl Flags {
    /// What a build is to know of Helm; `None` where charts are not to be rendered.
    pub(super) fn helm<'a>(&self, run: &'a (dyn Fn(&Command) -> Result<String, String> + Sync)) -> Option<Helm<'a>> {
        self.enable_helm.then(|| Helm {
            api_versions: self.helm_api_versions.clone(),
            kube_version: self.helm_kube_version.clone(),
            debug: self.helm_debug,
            run,
        })
    }
}

/// Runs `helm`. Each call has a directory of its own for what is made for it.
pub(super) struct Program<'a> {
    command: &'a str,
    tree: &'a Tree,
    version: OnceLock<Result<(), String>>,
}

impl<'a> Program<'a> {
    pub(super) fn new(command: &'a str, tree: &'a Tree) -> Self {
        Self { command, tree, version: OnceLock::new() }
    }

    /// What `helm` prints.
    pub(super) fn run(&self, call: &Command) -> Result<String, String> {
        let folder = tempfile::Builder::new()
            .prefix("gitopsctl-helm-")
            .tempdir()
            .map_err(|error| format!("no temporary directory can be made: {error}"))?;
        let home = call.config_home.clone().map_or_else(|| folder.path().join("helm").into_os_string(), OsString::from);
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
            program::output(self.command, arguments, &variables).map_err(|error| error.to_string())
        };
        self.version.get_or_init(|| supported(&helm(&["version".into(), "--short".into()])?)).clone()?;
        let arguments: Result<Vec<_>, _> =
            call.arguments.iter().enumerate().map(|(at, argument)| self.argument(argument, at, &folder)).collect();
        helm(&arguments?)
    }

    /// An argument as `helm` gets it: a file of a revision lies nowhere on disk yet.
    fn argument(&self, argument: &Argument, at: usize, folder: &TempDir) -> Result<OsString, String> {
        let write = |path: &Path, content: &[u8]| {
            let made =
                path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, content));
            made.map_err(|error| format!("`{}` cannot be written: {error}", path.display()))
        };
        match argument {
            Argument::Text(text) => Ok(text.into()),
            Argument::Made { name, content } => {
                let path = folder.path().join(name);
                write(&path, content)?;
                Ok(path.into_os_string())
            }
            Argument::Path(path) => {
                if let Some(root) = self.tree.root() {
                    return Ok(root.join(path).into_os_string());
                }
                // The last part of the path stays, since Helm looks at it.
                let name = path.rsplit('/').next().unwrap_or(path);
                let copy = folder.path().join(at.to_string()).join(name);
                let files = self.tree.files(path);
                let files = if files.is_empty() { vec![path.clone()] } else { files };
                for file in files {
                    let content = self.tree.read(&file).map_err(|error| format!("`{file}` cannot be read: {error}"))?;
                    let below = file.strip_prefix(path.as_str()).unwrap_or_default().trim_start_matches('/');
                    let target = if below.is_empty() { copy.clone() } else { copy.join(below) };
                    write(&target, &content.unwrap_or_default())?;
                }
                Ok(copy.into_os_string())
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
