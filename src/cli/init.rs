//! `gitopsctl init`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::catalog::{PLATFORM_FILE, PLATFORM_SCHEMA, SERVICE_SCHEMA, is_git_url};
use crate::cli::terminal::{Failure, Terminal, counted};
use crate::cli::{EXIT_CODES, Exit, render};
use crate::git;
use crate::kube;
use crate::layout::{self, Layout};
use crate::render::{EXAMPLE, SCHEMAS, TEMPLATE_VERSION};
use crate::tree::{self, Change, Tree};
use crate::yaml;

/// Write a catalog to begin with
///
/// In an empty directory: the example platform of 21 services, ready for `gitopsctl render`. Where kustomizations lie
/// already: only a gitopsctl.yaml that says where services and environments are. Nothing is ever overwritten.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Init {
    /// Where; made if it is not there
    #[arg(value_name = "DIR", default_value = ".")]
    target: PathBuf,
    /// Write the example platform, whatever lies there already
    #[arg(long, conflicts_with = "empty")]
    example: bool,
    /// Write a platform without services
    #[arg(long)]
    empty: bool,
    /// Write nothing; show what would be written
    #[arg(long)]
    dry_run: bool,
}

impl Init {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let target = directory.join(&self.target);
        if target.exists() && !target.is_dir() {
            return Err(Failure::told(Exit::Usage, format!("`{}` is not a directory", target.display())));
        }
        let tree = Tree::directory(&target);
        let repository = Repository::at(&target);
        let (files, next) = if self.example {
            example(&repository)
        } else if self.empty {
            empty(&target, &repository)
        } else {
            match layout::detect(&tree) {
                layout if layout.kustomizations > 0 => found(&target, &repository, &layout, terminal),
                _ if is_empty(&tree) => example(&repository),
                _ => {
                    let message = format!("`{}` is not empty and holds no kustomization", self.target.display());
                    return Err(Failure::told(Exit::Usage, message)
                        .with_help("`--example` writes the example platform, `--empty` one without services"));
                }
            }
        };
        if let Some((path, _)) = files.iter().find(|(path, _)| target.join(path).symlink_metadata().is_ok()) {
            let message = format!("`{path}` is there already, and nothing is overwritten");
            return Err(Failure::told(Exit::Usage, message).with_help("move it away, or choose another directory"));
        }
        let changes: Vec<_> =
            files.into_iter().map(|(path, text)| Change { path, before: None, after: Some(text.into()) }).collect();
        if self.dry_run {
            terminal.print_diff(&changes.iter().map(render::diff).collect::<String>())?;
            return Ok(Exit::Fine);
        }
        let refused = |error: &dyn std::fmt::Display| Failure::told(Exit::Environment, error.to_string());
        fs::create_dir_all(&target).map_err(|error| refused(&error))?;
        tree::write(&target, &changes).map_err(|error| refused(&error))?;
        terminal.say(&format!("{} written. Next: {next}", counted(changes.len(), "file")));
        Ok(Exit::Fine)
    }
}

type Files = Vec<(String, String)>;

/// What Git says of the repository, or an example of it.
struct Repository {
    url: String,
    branch: String,
}

const EXAMPLE_URL: &str = "https://git.example.com/shop/gitops.git";

impl Repository {
    /// A directory below the top of a repository is somebody's try-out, not what Argo CD will read.
    fn at(target: &Path) -> Self {
        let is_top = |facts: &git::Facts| facts.root.canonicalize().ok() == target.canonicalize().ok();
        let facts = git::facts(target).filter(is_top);
        let origin = facts.as_ref().and_then(|facts| facts.origin.clone()).filter(|url| is_git_url(url));
        let url = origin.unwrap_or_else(|| EXAMPLE_URL.to_owned());
        let branch = facts.and_then(|facts| facts.branch).unwrap_or_else(|| "main".to_owned());
        Self { url, branch }
    }
}

/// Nothing but what a new repository brings.
fn is_empty(tree: &Tree) -> bool {
    tree.list("").iter().all(|entry| {
        entry.name.starts_with('.') || entry.name.starts_with("README") || entry.name.starts_with("LICENSE")
    })
}

fn schemas() -> Files {
    [("platform", PLATFORM_SCHEMA), ("service", SERVICE_SCHEMA)]
        .map(|(name, text)| (format!("{SCHEMAS}/{name}.schema.json"), text.to_owned()))
        .to_vec()
}

fn example(repository: &Repository) -> (Files, &'static str) {
    let mut files = schemas();
    for (path, text) in EXAMPLE {
        let mut text = (*text).to_owned();
        if *path == PLATFORM_FILE {
            let own =
                format!("url: {}\n  revision: {}\n", yaml::scalar(&repository.url), yaml::scalar(&repository.branch));
            text = text.replace(&format!("url: {EXAMPLE_URL}\n  revision: main\n"), &own);
        }
        files.push(((*path).to_owned(), text));
    }
    (files, "`gitopsctl render`")
}

const SCHEMA_LINE: &str = "# yaml-language-server: $schema=.gitopsctl/platform.schema.json\n";

/// The directory's name, where it is one for a platform.
fn platform_name(target: &Path) -> String {
    let full = target.canonicalize().unwrap_or_else(|_| target.to_owned());
    let name = full.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name: String = name.chars().map(|char| if char.is_ascii_alphanumeric() { char } else { '-' }).collect();
    let name = name.trim_matches('-');
    if kube::is_label(name) && yaml::scalar(name) == name { name.to_owned() } else { "platform".to_owned() }
}

fn empty(target: &Path, repository: &Repository) -> (Files, &'static str) {
    let name = platform_name(target);
    let text = format!(
        "{SCHEMA_LINE}\
platform: {name}
templateVersion: {TEMPLATE_VERSION}
registry: registry.example.com/{name}
repository:
  url: {url}
  revision: {revision}
# Teams and their handles in CODEOWNERS.
owners:
  platform: \"@{name}/platform\"
domains:
  core:
    description: What the platform is about
    owner: platform
# In the order of promotion.
environments:
  dev:
    cluster: https://kubernetes.default.svc
    profile: small
    replicas: 1
  production:
    cluster: https://production.kubernetes.example.com
    replicas: 3
    highlyAvailable: true
release:
  environment: production
# `base` is what base/ carries; the others are what environments name.
profiles:
  base:
    requests: {{cpu: 100m, memory: 128Mi}}
    limits: {{cpu: 500m, memory: 512Mi}}
  small:
    requests: {{cpu: 50m, memory: 64Mi}}
    limits: {{cpu: 250m, memory: 256Mi}}
",
        url = yaml::scalar(&repository.url),
        revision = yaml::scalar(&repository.branch),
    );
    let mut files = schemas();
    files.push((PLATFORM_FILE.to_owned(), text));
    (files, "`gitopsctl new SERVICE`")
}

/// A description of what lies there already.
fn found(target: &Path, repository: &Repository, layout: &Layout, terminal: &mut Terminal) -> (Files, &'static str) {
    let mut text = format!("{SCHEMA_LINE}platform: {}\n", platform_name(target));
    if repository.url != EXAMPLE_URL {
        text += &format!("repository:\n  url: {}\n", yaml::scalar(&repository.url));
        text += &format!("  revision: {}\n", yaml::scalar(&repository.branch));
    }
    if !layout.patterns.is_empty() {
        text += "layout:\n  patterns:\n";
        text.extend(layout.patterns.iter().map(|pattern| format!("  - {}\n", yaml::double_quoted(pattern))));
    }
    let names: Vec<_> = layout.environments.iter().filter(|name| kube::is_label(name)).collect();
    if !names.is_empty() {
        text += "# In the order of promotion: please check.\nenvironments:\n";
        text.extend(names.iter().map(|name| format!("  {}: {{}}\n", yaml::scalar(name))));
    }
    terminal.say(&format!(
        "found {}, {} of them overlays of {}",
        counted(layout.kustomizations, "kustomization"),
        layout.overlays,
        counted(names.len(), "environment")
    ));
    (vec![(PLATFORM_FILE.to_owned(), text)], "look at gitopsctl.yaml")
}
