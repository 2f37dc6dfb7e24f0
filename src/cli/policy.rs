//! `gitopsctl policy`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use crate::catalog::{self, PLATFORM_FILE};
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{EXIT_CODES, Exit, Format, policies, root_of};
use crate::diag::{Diagnostics, Severity};
use crate::pipeline::trial;
use crate::policy::{self, Active, Flags, POLICY_FILES};
use crate::report::counted;
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
    List(List),
    Test(Test),
    New(New),
}

/// List all policies, and which are on
#[derive(Debug, Args)]
struct List {
    /// Another profile than that of the settings
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Only those that are on
    #[arg(long)]
    enabled: bool,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

/// Run the tests that policy files carry
#[derive(Debug, Args)]
struct Test {
    /// Files and folders of policies; without any, those built in and those of the repository
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Write a policy to start from
#[derive(Debug, Args)]
struct New {
    /// Its id, such as platform/team-label-missing
    #[arg(value_name = "ID")]
    id: String,
    /// Show what would be written, and write nothing
    #[arg(long)]
    dry_run: bool,
}

impl Policy {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        match self.command {
            Command::List(command) => command.run(directory, terminal),
            Command::Test(command) => command.run(directory, terminal),
            Command::New(command) => command.run(directory, terminal),
        }
    }
}

/// A severity as people and machines read it.
pub(super) fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

impl List {
    fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let home = Tree::directory(root_of(directory)?);
        let (book, (own_sources, faults)) = policies::book(&home)?;
        if let Some(name) = self.profile.as_ref().filter(|name| !book.has_profile(name)) {
            let failure = Failure::told(Exit::Usage, format!("there is no profile `{name}`"));
            return Err(failure.with_help(format!("use {}", book.profiles().join(", "))));
        }
        let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
        let catalog =
            home.has_file(PLATFORM_FILE).then(|| catalog::load(&home, &mut sources, &mut diagnostics)).flatten();
        let flags = Flags { profile: self.profile, ..Flags::default() };
        let settings = catalog.as_ref().map(|catalog| &catalog.platform.policies);
        let mut wrong = Diagnostics::default();
        let active = book.active(settings, &flags, &mut wrong);
        let on = |id: &str| active.iter().find(|active| active.policy.id() == id);
        let shown: Vec<(&policy::Policy, Option<&Active<'_>>)> = book
            .policies
            .iter()
            .map(|policy| (policy, on(policy.id())))
            .filter(|(_, active)| !self.enabled || active.is_some())
            .collect();
        match self.format {
            Format::Human => {
                let width = shown.iter().map(|(policy, _)| policy.id().len()).max().unwrap_or(0);
                let line = |(policy, active): &(&policy::Policy, Option<&Active<'_>>)| {
                    let state = active.map_or("off", |active| level(active.severity));
                    format!("{:width$}  {state:7}  {}\n", policy.id(), policy.rule.title)
                };
                terminal.print(&shown.iter().map(line).collect::<String>())?;
                terminal.say(&format!("{} policies, {} on", book.policies.len(), active.len()));
            }
            Format::Json => {
                let policy = |(policy, active): &(&policy::Policy, Option<&Active<'_>>)| {
                    json!({
                        "id": policy.id(), "aliases": policy.rule.aliases, "title": policy.rule.title,
                        "severity": level(active.map_or(policy.severity, |active| active.severity)),
                        "enabled": active.is_some(), "category": policy.category(), "profiles": policy.profiles,
                        "own": policy.is_own,
                    })
                };
                let all: Vec<_> = shown.iter().map(policy).collect();
                terminal.print(&format!("{:#}\n", json!({"version": 1, "policies": all})))?;
            }
        }
        let is_bad = terminal.report(&faults, &own_sources) | terminal.report(&wrong, &sources);
        Ok(if is_bad { Exit::Input } else { Exit::Fine })
    }
}

impl Test {
    fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let files = self.files(directory)?;
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
                            terminal.print(&format!("{path}: {}: {}: {fault}\n", verdict.policy, verdict.name))?;
                        }
                    }
                }
            }
        }
        let is_bad = terminal.report(&diagnostics, &sources);
        let (tests, files) = (counted(passed + failed, "test"), counted(files.len(), "file"));
        terminal.print(&format!("{tests} in {files}: {passed} passed, {failed} failed\n"))?;
        Ok(match (is_bad, failed) {
            (true, _) => Exit::Input,
            (false, 0) => Exit::Fine,
            (false, _) => Exit::Findings,
        })
    }

    fn files(&self, directory: &Path) -> Result<Vec<(String, String)>, Failure> {
        let mut files: Vec<(String, String)> = Vec::new();
        if self.paths.is_empty() {
            files.extend(POLICY_FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
            files.extend(policies::own_files(&Tree::directory(root_of(directory)?)));
        }
        for path in &self.paths {
            let full = directory.join(path);
            let unreadable = |error: &dyn std::fmt::Display| {
                Failure::told(Exit::Input, format!("`{}` cannot be read: {error}", path.display()))
            };
            if full.is_file() {
                let text = std::fs::read_to_string(&full).map_err(|error| unreadable(&error))?;
                files.push((path.display().to_string(), text));
                continue;
            }
            let tree = Tree::directory(&full);
            let found: Vec<_> =
                tree.files("").into_iter().filter(|file| file.ends_with(".yaml") || file.ends_with(".yml")).collect();
            if found.is_empty() {
                return Err(unreadable(&"there is no policy file"));
            }
            for file in found {
                let text = tree.text(&file).map_err(|error| unreadable(&error.message))?;
                files.extend(text.map(|text| (file, text.to_string())));
            }
        }
        Ok(files)
    }
}

impl New {
    fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        if !policy::is_id(&self.id) {
            let failure = Failure::told(Exit::Usage, format!("`{}` is no policy id", self.id));
            return Err(failure.with_help("write `category/name`, in small letters, digits and hyphens"));
        }
        let root = root_of(directory)?;
        let (book, _) = policies::book(&Tree::directory(&root))?;
        if book.policies.iter().any(|policy| policy.id() == self.id) {
            return Err(Failure::told(Exit::Usage, format!("the policy `{}` is there already", self.id)));
        }
        let path = format!("{}/{}.yaml", policy::POLICIES_FOLDER, self.id.replace('/', "-"));
        let text = TEMPLATE.replace("{id}", &self.id);
        if self.dry_run {
            terminal.print(&text)?;
            return Ok(Exit::Fine);
        }
        let change = crate::tree::Change { path: path.clone(), before: None, after: Some(text.into()) };
        crate::tree::write(&root, &[change]).map_err(|error| Failure::told(Exit::Environment, error.to_string()))?;
        terminal.say(&format!("wrote {path}: try it with `gitopsctl policy test {path}`"));
        Ok(Exit::Fine)
    }
}

/// What `policy new` writes.
const TEMPLATE: &str = r#"apiVersion: gitopsctl.io/v1
kind: Policy
id: {id}
title: Deployments say which team owns them
severity: warning
profiles: [recommended, strict]
rationale: Whoever is woken up at night must know whom to call.
remediation: Add the label `team` to the Deployment.
match:
  kinds: [Deployment, StatefulSet]
each: object
message: "{kind} `{name}` has no label `team`"
schema:
  properties:
    metadata:
      required: [labels]
      properties:
        labels:
          required: [team]
tests:
- name: without the label
  expect: fail
  at: /metadata/labels/team
  object:
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: web
      labels: {app: web}
- name: with it
  expect: pass
  object:
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      name: web
      labels: {team: shop}
"#;
