//! Who set each line of what is printed, and what stood there before.

use crate::diag::Diagnostic;
use crate::kustomize::diags::{Failure, codes, failure};
use crate::kustomize::origin::{Origins, Step};
use crate::kustomize::paths;
use crate::kustomize::resource::Resource;
use crate::source::{Origin, SourceMap};
use crate::yaml::data::{Content, Datum};
use crate::yaml::print;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// As people see it.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

/// One that set a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setter {
    /// The place to edit; `None` for what no file says.
    pub place: Option<Place>,
    /// The step that put it there; `None` for the manifest that has it.
    pub step: Option<Step>,
}

/// The lines of a resource as they are printed, each with those that set it, the last one first.
pub fn blame(
    resource: &Datum,
    origins: &Origins,
    sources: &SourceMap,
) -> Result<Vec<(String, Vec<Setter>)>, Box<Diagnostic>> {
    let lines = print::lines(resource).map_err(|error| {
        failure(&codes::OUTPUT, format!("a resource cannot be printed: {}", error.message), error.origin, "this value")
    })?;
    Ok(lines.into_iter().map(|(text, origin)| (text, setters(origin, origins, sources))).collect())
}

/// No value is set more often; what is deeper is a chain of copies.
const LONGEST_CHAIN: usize = 32;

/// Those that set a value, the last one first.
pub fn setters(mut origin: Origin, origins: &Origins, sources: &SourceMap) -> Vec<Setter> {
    let mut setters = Vec::new();
    while setters.len() < LONGEST_CHAIN {
        let Some(change) = origins.change(origin) else {
            let place = place(origin, sources);
            // A field that a step makes has the step's place before it has its value.
            let is_made = setters.last().is_some_and(|setter: &Setter| setter.place == place);
            if place.is_some() && !is_made {
                setters.push(Setter { place, step: None });
            }
            break;
        };
        let mut from = change.place;
        while let Some(change) = origins.change(from) {
            from = change.place;
        }
        setters.push(Setter { place: place(from, sources), step: Some(change.step) });
        origin = change.replaced;
    }
    setters
}

fn place(origin: Origin, sources: &SourceMap) -> Option<Place> {
    let (file, start) = origin.place()?;
    let position = sources.position(file, start);
    Some(Place { file: sources.file(file).path.to_string(), line: position.line, column: position.column })
}

/// A resource with nothing but what leads to a field (`spec.template.spec.containers.[name=app].image`).
pub fn narrowed(resource: &Resource, field: &str) -> Result<Datum, Box<Diagnostic>> {
    let parts = paths::split(field);
    narrow(&resource.root, &parts).ok_or_else(|| absent(resource, field, &parts))
}

fn narrow(node: &Datum, parts: &[String]) -> Option<Datum> {
    let Some((part, rest)) = parts.split_first() else { return Some(node.clone()) };
    let next = paths::lookup(node, std::slice::from_ref(part)).ok().flatten()?;
    let below = narrow(next, rest)?;
    let content = match &node.content {
        Content::Mapping(pairs) => {
            let (key, _) = pairs.iter().find(|(_, value)| std::ptr::eq(value, next))?;
            Content::Mapping(vec![(key.clone(), below)])
        }
        _ => Content::Sequence(vec![below]),
    };
    Some(Datum { content, ..node.clone() })
}

fn absent(resource: &Resource, field: &str, parts: &[String]) -> Failure {
    let mut parent = &resource.root;
    for length in 1..parts.len() {
        match paths::lookup(&resource.root, &parts[..length]) {
            Ok(Some(node)) => parent = node,
            _ => break,
        }
    }
    let message = format!("{} has no field `{field}`", resource.title());
    failure(&codes::PATH, message, parent.origin, "the nearest thing that is there")
}
