//! `gitopsctl list`.

use std::path::Path;

use clap::Args;

use crate::cli::terminal::{Failure, Terminal, columns};
use crate::cli::{Exit, Format, root_of};
use crate::pipeline::Workspace;
use crate::render::{Overview, Templates, overview};

/// List the services with domain, owner, wave, ports and the tag in every environment
#[derive(Debug, Args)]
pub(super) struct List {
    /// How to print them
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

impl List {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let mut workspace = Workspace::open(&root_of(directory)?);
        let Some(catalog) = workspace.catalog() else {
            terminal.report(&workspace.diagnostics, &workspace.sources);
            return Ok(Exit::Input);
        };
        let templates = Templates::load(&workspace.tree, &mut workspace.diagnostics);
        let services =
            overview(&catalog, &templates, &workspace.tree, &mut workspace.sources, &mut workspace.diagnostics);
        match self.format {
            Format::Human => terminal.print(&table(&services))?,
            Format::Json => terminal.print(&json(&services))?,
        }
        if services.is_empty() {
            terminal.say("no services yet: `gitopsctl new` scaffolds one");
        }
        let has_errors = terminal.report(&workspace.diagnostics, &workspace.sources);
        Ok(if has_errors { Exit::Input } else { Exit::Fine })
    }
}

fn json(services: &[Overview]) -> String {
    format!("{:#}\n", serde_json::json!({"version": 1, "services": services}))
}

fn table(services: &[Overview]) -> String {
    let Some(first) = services.first() else { return String::new() };
    let mut header = ["SERVICE", "DOMAIN", "OWNER", "WAVE", "HTTP", "GRPC"].map(str::to_owned).to_vec();
    header.extend(first.tags.keys().map(|environment| environment.to_uppercase()));
    let number = |number: Option<String>| number.unwrap_or_else(|| "-".to_owned());
    let mut rows = vec![header];
    for service in services {
        let mut row = vec![service.name.clone(), service.domain.clone(), service.owner.clone()];
        row.push(number(service.wave.map(|wave| wave.to_string())));
        row.push(number(service.http.map(|port| port.to_string())));
        row.push(number(service.grpc.map(|port| port.to_string())));
        row.extend(service.tags.values().map(|tag| tag.clone().unwrap_or_else(|| "-".to_owned())));
        rows.push(row);
    }
    columns(&rows)
}
