//! `gitopsctl blame`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::cli::build::{Built, Version, release, worth_telling};
use crate::cli::helm::Flags;
use crate::cli::place::{Place, inside};
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{EXIT_CODES, Exit, Format};
use crate::kustomize::{Options, Resource, Setter, Step, blame, narrowed};

/// Show which file and line set each line of a build
///
/// Prints the built resources with, behind each line, the place that set it, the field of the kustomization that put it
/// there, and what it replaced.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Blame {
    /// The directory of the kustomization
    #[arg(value_name = "DIR")]
    path: PathBuf,
    /// Only this resource, such as Deployment/order-service
    #[arg(value_name = "KIND/NAME")]
    object: Option<String>,
    /// Only this field, such as spec.replicas or spec.template.spec.containers.[name=app].image
    #[arg(long, value_name = "PATH")]
    field: Option<String>,
    /// How to print
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
    /// Which release of Kustomize to reproduce [default: `kustomizeVersion` of gitopsctl.yaml, else 5.8.1]
    #[arg(long, value_name = "VERSION")]
    kustomize_version: Option<Version>,
    /// Read this commit, branch or tag from the object store instead of the files on disk
    #[arg(long, value_name = "REV")]
    rev: Option<String>,
    #[command(flatten)]
    helm: Flags,
}

impl Blame {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let place = Place::of(directory, &self.path, self.rev.as_deref())?;
        let options = Options { release: release(&place, self.kustomize_version)?, ..Options::default() };
        let built = Built::of(&place, options, &self.helm);
        place.is_whole()?;
        terminal.report(&worth_telling(&built.diagnostics), &built.sources);
        let Some(build) = &built.build else { return Ok(Exit::Input) };
        let wanted: Vec<&Resource> =
            build.resources.iter().map(|resource| &**resource).filter(|resource| self.wants(resource)).collect();
        if let (Some(object), true) = (&self.object, wanted.is_empty()) {
            let message = format!("`{}` builds no `{object}`", inside(&self.path));
            return Err(Failure::told(Exit::Usage, message).with_help("name it as Kind/name, after all renaming"));
        }
        let mut objects = Vec::new();
        for resource in wanted {
            let root = match &self.field {
                None => Ok(resource.root.clone()),
                Some(field) => narrowed(resource, field),
            };
            match root.and_then(|root| blame(&root, &built.origins, &built.sources)) {
                Ok(lines) => objects.push((resource, lines)),
                Err(failure) => {
                    let mut diagnostics = crate::diag::Diagnostics::default();
                    diagnostics.push(*failure);
                    terminal.report(&diagnostics, &built.sources);
                }
            }
        }
        if objects.is_empty() {
            return Ok(Exit::Input);
        }
        let text = match self.format {
            Format::Human => objects.iter().map(|(_, lines)| human(lines)).collect::<Vec<_>>().join("---\n"),
            Format::Json => {
                let objects: Vec<_> = objects.iter().map(|(resource, lines)| object(resource, lines)).collect();
                format!("{:#}\n", json!({"version": 1, "objects": objects}))
            }
        };
        terminal.print(&text)?;
        Ok(Exit::Fine)
    }

    fn wants(&self, resource: &Resource) -> bool {
        let id = resource.id();
        self.object.as_ref().is_none_or(|object| {
            let (kind, name) = object.split_once('/').unwrap_or((object, ""));
            id.gvk.kind.eq_ignore_ascii_case(kind) && (name.is_empty() || id.name == name)
        })
    }
}

/// The widest line that comments line up behind.
const WIDEST: usize = 60;

fn human(lines: &[(String, Vec<Setter>)]) -> String {
    let width = lines.iter().map(|(text, _)| text.chars().count()).filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let mut out = String::new();
    let mut before: &[Setter] = &[];
    for (text, setters) in lines {
        out.push_str(text);
        // What the line above says already need not be said again, as in a text of many lines.
        if !setters.is_empty() && setters != before {
            let comment = setters.iter().map(described).collect::<Vec<_>>().join(" over ");
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(text.chars().count())));
            out.push_str(&format!("  # {comment}"));
        }
        before = setters;
        out.push('\n');
    }
    out
}

fn described(setter: &Setter) -> String {
    let place = setter.place.as_ref().map_or("?".to_owned(), |place| format!("{}:{}", place.file, place.line));
    match setter.step {
        Some(step) => format!("{place} ({})", step.name()),
        None => place,
    }
}

fn object(resource: &Resource, lines: &[(String, Vec<Setter>)]) -> Value {
    let id = resource.id();
    let text = |key: &str| resource.root.get(key).map(|value| value.text().to_owned());
    let namespace =
        resource.root.get("metadata").and_then(|meta| meta.get("namespace")).map(|value| value.text().to_owned());
    let setter = |setter: &Setter| {
        let location =
            setter.place.as_ref().map(|place| json!({"file": place.file, "line": place.line, "column": place.column}));
        json!({"location": location, "step": setter.step.map(Step::name)})
    };
    let line = |(text, setters): &(String, Vec<Setter>)| json!({"text": text, "setBy": setters.iter().map(setter).collect::<Vec<_>>()});
    json!({
        "object": {"apiVersion": text("apiVersion"), "kind": &*id.gvk.kind, "namespace": namespace, "name": &*id.name},
        "lines": lines.iter().map(line).collect::<Vec<_>>(),
    })
}
