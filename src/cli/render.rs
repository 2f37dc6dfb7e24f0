//! `gitopsctl render`.

use std::path::Path;

use clap::Args;
use similar::TextDiff;

use crate::catalog::Catalog;
use crate::cli::terminal::{Failure, Terminal, counted};
use crate::cli::{EXIT_CODES, Exit, root_of};
use crate::diag::closest;
use crate::pipeline::{RenderOptions, Rendering, Workspace};
use crate::render::Owner;
use crate::tree::Change;

/// Render the catalog into gitops/
///
/// Writes base and overlays of every service, the infrastructure and Argo CD's Applications. Tags, digests and flag values
/// that CI wrote stay, and so does what people put into extra/ and patches/. A service whose file has errors is
/// reported and left as it is; the others are rendered.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Render {
    /// Render only these services and what all share; default: everything
    #[arg(value_name = "SERVICE", add = crate::cli::complete::services())]
    services: Vec<String>,
    /// Write nothing; exit with 1 and show a diff if the tree is not as it would be rendered
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change
    #[arg(long, conflicts_with = "check")]
    dry_run: bool,
    /// Remove rendered files of services, environments and domains that left the catalog
    #[arg(long)]
    prune: bool,
}

impl Render {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let mut workspace = Workspace::open(&root_of(directory)?);
        let Some(catalog) = workspace.catalog() else {
            terminal.report(&workspace.diagnostics, &workspace.sources);
            return Ok(Exit::Input);
        };
        known_services(&self.services, &catalog)?;
        let options = RenderOptions { services: self.services, prune: self.prune, check: self.check };
        let rendering = workspace.render(&catalog, &options);
        let has_errors = terminal.report(&workspace.diagnostics, &workspace.sources);
        if has_errors && rendering.plan.is_empty() {
            return Ok(Exit::Input);
        }
        let differs = rendering.changes().next().is_some();
        if self.check || self.dry_run {
            terminal.print_diff(&rendering.changes().map(diff).collect::<String>())?;
        }
        let only_shown = self.check || self.dry_run;
        if !only_shown {
            write(&workspace, &rendering, terminal)?;
        }
        terminal.say(&summary(&rendering, only_shown));
        Ok(match () {
            () if has_errors => Exit::Input,
            () if self.check && differs => Exit::Findings,
            () => Exit::Fine,
        })
    }
}

/// Every named service must be in the catalog.
pub(super) fn known_services(names: &[String], catalog: &Catalog) -> Result<(), Failure> {
    for name in names {
        if !catalog.has(name) {
            let failure = Failure::told(Exit::Usage, format!("there is no service `{name}`"));
            return Err(match closest(name, catalog.names()) {
                Some(near) => failure.with_help(format!("did you mean `{near}`?")),
                None => failure.with_help("`gitopsctl list` shows the services"),
            });
        }
    }
    Ok(())
}

/// Writes the changes; what could not be written is told, and the rest is.
pub(super) fn write(workspace: &Workspace, rendering: &Rendering, terminal: &mut Terminal) -> Result<(), Failure> {
    let failures = workspace.write(&rendering.plan);
    let Some((last, others)) = failures.split_last() else { return Ok(()) };
    for (owner, error) in others {
        terminal.failure(&format!("{owner} was left as it was: {error}"), &[]);
    }
    Err(Failure::told(Exit::Environment, format!("{} was left as it was: {}", last.0, last.1)))
}

/// One change as a unified diff.
pub(super) fn diff(change: &Change) -> String {
    let (before, after) = (change.before.as_deref().unwrap_or_default(), change.after.as_deref().unwrap_or_default());
    let name = |side: &str, there: bool| if there { format!("{side}/{}", change.path) } else { "/dev/null".to_owned() };
    let (old, new) = (name("a", change.before.is_some()), name("b", change.after.is_some()));
    TextDiff::from_lines(before, after).unified_diff().header(&old, &new).to_string()
}

/// What was done, or would be.
pub(super) fn summary(rendering: &Rendering, only_shown: bool) -> String {
    let (written, removed): (Vec<_>, Vec<_>) = rendering.changes().partition(|change| change.after.is_some());
    let (written, removed) = (written.len(), removed.len());
    let unchanged: usize = rendering.plan.iter().map(|unit| unit.unchanged).sum();
    let services = rendering.plan.iter().filter(|unit| matches!(unit.owner, Owner::Service(_))).count();
    let verb = if only_shown { "to write" } else { "written" };
    let mut text = format!("{}: {} {verb}", counted(services, "service"), counted(written, "file"));
    if removed > 0 {
        text += &format!(", {removed} {}", if only_shown { "to remove" } else { "removed" });
    }
    text += &format!(", {unchanged} unchanged");
    if !rendering.others.is_empty() {
        text += &format!(
            "\n{} would change too ({}): run `gitopsctl render`",
            counted(rendering.others.len(), "other service"),
            rendering.others.join(", ")
        );
    }
    text
}
