//! ApplicationSets, evaluated from files alone: generators → parameters → Applications.

mod generators;
mod git;
mod render;
mod selector;

use std::collections::HashSet;

use crate::argo::Application;
use crate::argo::application::{flag, text};
use crate::argo::diags::{at, codes};
use crate::argo::glob;
use crate::argo::template::{Mode, Wrong};
use crate::argo::value::Params;
use crate::diag::{Diagnostic, Diagnostics};
use crate::kustomize::Text;
use crate::source::Origin;
use crate::yaml::data::Datum;

pub(super) use git::Files;

/// An ApplicationSet.
#[derive(Clone, Debug, PartialEq)]
pub struct ApplicationSet {
    /// Its name.
    pub name: Text,
    /// Where it starts.
    pub origin: Origin,
    /// The whole object.
    pub datum: Datum,
    /// What each entry of `generators` came to, in their order.
    pub generated: Vec<Generated>,
}

impl ApplicationSet {
    /// Whether one of its generators reads a file of the repository.
    pub fn reads(&self, path: &str) -> bool {
        let mut open = vec![&self.datum];
        while let Some(node) = open.pop() {
            let files = node.at(["git", "files"]).map_or(&[][..], Datum::items);
            if files.iter().any(|item| glob::is_in_pathspec(item.text_of("path"), path)) {
                return true;
            }
            open.extend(node.items().iter().chain(node.pairs().iter().map(|(_, value)| value)));
        }
        false
    }
}

/// What an entry of `generators` came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Its kind, such as `git`; empty where it is none that Argo CD knows.
    pub generator: &'static str,
    /// Where it starts.
    pub origin: Origin,
    /// How many Applications it generates; `None` where that cannot be told, which is reported.
    pub count: Option<usize>,
}

/// Why a generator gives nothing.
type Trouble = Box<Diagnostic>;

/// What needs more than files.
fn not_evaluated(origin: Origin, message: impl Into<String>) -> Trouble {
    let diagnostic = Diagnostic::info(&codes::NOT_EVALUATED, message);
    Box::new(at(diagnostic, origin, "what it generates is not judged"))
}

/// What Argo CD fails at too.
fn failing(origin: Origin, message: impl Into<String>) -> Trouble {
    Box::new(at(Diagnostic::warning(&codes::GENERATOR, message), origin, "this generator"))
}

/// A template that gives no text, and the place of the template.
fn of_template(generator: Origin, (wrong, place): &(Wrong, Origin)) -> Trouble {
    let diagnostic = match wrong {
        Wrong::Unknown(message) => not_evaluated(generator, message.clone()),
        wrong => failing(generator, format!("a template fails: {}", wrong.message())),
    };
    Box::new(at(*diagnostic, *place, "in this template"))
}

/// How the templates of a set are read.
fn mode(spec: &Datum) -> Mode {
    let options = spec.get("goTemplateOptions").map_or(&[][..], Datum::items);
    // Of several settings the last one counts.
    let missing = options.iter().rev().find_map(|option| option.text().strip_prefix("missingkey="));
    Mode { go: flag(spec, "goTemplate"), strict: missing == Some("error") }
}

/// Evaluates a set. What cannot be worked out is reported, once a generator, and the others stand.
pub(super) fn evaluate(
    document: &Datum,
    files: &Files<'_>,
    diagnostics: &mut Diagnostics,
) -> (ApplicationSet, Vec<Application>) {
    let nothing = Datum::null(document.origin);
    let meta = document.get("metadata").unwrap_or(&nothing);
    let spec = document.get("spec").unwrap_or(&nothing);
    let name = text(meta, "name").unwrap_or_else(|| Text::new("", meta.origin));
    let mode = mode(spec);
    let template = spec.get("template").unwrap_or(&nothing);
    let (mut applications, mut generated) = (Vec::new(), Vec::new());
    let mut names = HashSet::new();
    for generator in spec.get("generators").map_or(&[][..], Datum::items) {
        let results = generators::transform(generator, files, mode, &Params::new());
        if results.is_empty() {
            diagnostics.push(*failing(generator.origin, "an entry of `generators` is none that Argo CD knows"));
            generated.push(Generated { generator: "", origin: generator.origin, count: None });
        }
        for (kind, result) in results {
            let rendered = result.and_then(|params| {
                let own = generator.at([kind, "template"]).filter(|template| template.is_mapping());
                let filled = own.map(|own| render::filled(own, template));
                let template = filled.as_ref().unwrap_or(template);
                params
                    .iter()
                    .map(|params| render::application(template, document, params, mode))
                    .collect::<Result<Vec<_>, _>>()
                    .map_err(|wrong| of_template(generator.origin, &wrong))
            });
            let mut count = None;
            match rendered {
                Ok(objects) => {
                    let before = applications.len();
                    for object in objects {
                        let application = Application::read(&object, Some(&name));
                        if names.insert(application.name.to_string()) {
                            applications.push(application);
                        } else {
                            let message = format!("a second Application is called `{}`", &*application.name);
                            diagnostics.push(*failing(generator.origin, message));
                        }
                    }
                    count = Some(applications.len() - before);
                }
                Err(trouble) => diagnostics.push(*trouble),
            }
            generated.push(Generated { generator: kind, origin: generator.origin, count });
        }
    }
    (ApplicationSet { name, origin: document.origin, datum: document.clone(), generated }, applications)
}
