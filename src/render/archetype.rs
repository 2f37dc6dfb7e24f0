//! Archetypes: which templates make a service's files, along the chain of `extends`.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value;

use crate::catalog::{Catalog, Entry, judge};
use crate::diag::Diagnostics;
use crate::render::diags;
use crate::render::templates::{BUILT_IN, Templates};
use crate::source::{FileId, SourceMap, Span};
use crate::yaml::{self, Document, Spanned};

/// What a service is rendered from when its file names no archetype.
pub(super) const DEFAULT: &str = "service";
const FILE: &str = "archetype.yaml";
const SCHEMA: &str = include_str!("archetype.schema.json");

/// An archetype with what it inherits.
#[derive(Clone, Debug)]
pub(super) struct Archetype {
    /// Rung of the wave ladder: `services` or `gateway`.
    pub(super) role: String,
    /// Path below the archetype's folder (`base/deployment.yaml`) → name of the template.
    pub(super) files: BTreeMap<String, String>,
    /// JSON Schema of `params`; `None`: the archetype takes none.
    params: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Declaration {
    #[serde(rename = "description")]
    _description: String,
    role: Option<String>,
    extends: Option<Spanned<String>>,
    params: Option<Value>,
}

/// The archetype of each healthy service, by the service's name. A service whose archetype is unknown or broken, or whose
/// parameters do not fit it, is reported and left out.
pub(super) fn resolve(
    catalog: &Catalog,
    templates: &Templates,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> HashMap<String, Archetype> {
    let mut known: HashMap<String, Option<Archetype>> = HashMap::new();
    let mut resolved = HashMap::new();
    for entry in &catalog.services {
        let name = entry.service.archetype.as_ref().map_or(DEFAULT, |name| name.as_str());
        if !known.contains_key(name) {
            let mut reader = Reader { templates, sources, diagnostics, seen: HashSet::new() };
            let archetype = reader.read(name, None);
            known.insert(name.to_owned(), archetype);
        }
        if templates.get(&format!("{name}/{FILE}")).is_none() {
            if let Some(place) = &entry.service.archetype {
                diagnostics.push(diags::unknown_archetype(place.span, name, &templates.archetypes()));
            }
        } else if let Some(Some(archetype)) = known.get(name)
            && params_fit(entry, name, archetype, diagnostics)
        {
            resolved.insert(entry.name.clone(), archetype.clone());
        }
    }
    resolved
}

/// Judges a service's `params` by the archetype's schema for them.
fn params_fit(entry: &Entry, name: &str, archetype: &Archetype, diagnostics: &mut Diagnostics) -> bool {
    let Some((key, node)) = entry.document.entry(entry.document.root(), "params") else { return true };
    let Some(schema) = &archetype.params else {
        if entry.service.params.is_empty() {
            return true;
        }
        diagnostics.push(diags::no_params(entry.document.span(key), name));
        return false;
    };
    let before = diagnostics.len();
    match judge(schema, &entry.document, node, diagnostics) {
        Ok(_) => diagnostics.len() == before,
        Err(error) => {
            diagnostics.push(diags::bad_params_schema(entry.document.span(key), name, &error));
            false
        }
    }
}

struct Reader<'a> {
    templates: &'a Templates,
    sources: &'a mut SourceMap,
    diagnostics: &'a mut Diagnostics,
    seen: HashSet<String>,
}

impl Reader<'_> {
    /// Reads an archetype and what it extends. `extended_at` is where its name stands, for messages.
    fn read(&mut self, folder: &str, extended_at: Option<Span>) -> Option<Archetype> {
        if !self.seen.insert(folder.to_owned()) {
            self.diagnostics.push(diags::archetype_cycle(extended_at, folder));
            return None;
        }
        let template = self.templates.get(&format!("{folder}/{FILE}"));
        let Some(template) = template else {
            if let Some(place) = extended_at {
                self.diagnostics.push(diags::unknown_archetype(place, folder, &self.templates.archetypes()));
            }
            return None;
        };
        let file = self.sources.add(template.place.as_str(), template.text.clone());
        let declaration = declaration(&template.text, file, self.diagnostics)?;
        let mut inherited = None;
        if let Some(parent) = &declaration.extends {
            // A repository's archetype of a built-in one's name may build on that.
            let own_name = parent.value == folder && self.templates.is_own_archetype(folder);
            let parent_folder = if own_name { format!("{BUILT_IN}{folder}") } else { parent.value.clone() };
            inherited = Some(self.read(&parent_folder, Some(parent.span))?);
        }
        let (role, params, mut files) = match inherited {
            Some(parent) => (Some(parent.role), parent.params, parent.files),
            None => (None, None, BTreeMap::new()),
        };
        files.extend(self.templates.below(folder));
        files.remove(FILE);
        let role = declaration.role.or(role).unwrap_or_else(|| "services".to_owned());
        Some(Archetype { role, files, params: declaration.params.or(params) })
    }
}

fn declaration(text: &str, file: FileId, diagnostics: &mut Diagnostics) -> Option<Declaration> {
    let before = diagnostics.len();
    let documents = yaml::parse(text, file, diagnostics);
    let Some(document) = documents.first() else { return Some(Declaration::default()) };
    if document.scalar(document.root()) == Some(yaml::Value::Null) {
        return Some(Declaration::default());
    }
    let schema: Value = serde_json::from_str(SCHEMA).unwrap_or_default();
    let refused = judge(&schema, document, document.root(), diagnostics).unwrap_or_default();
    if diagnostics.len() > before {
        return None;
    }
    decoded(document, &refused, diagnostics)
}

fn decoded(document: &Document, refused: &HashSet<yaml::NodeId>, diagnostics: &mut Diagnostics) -> Option<Declaration> {
    match yaml::decode(document, document.root(), refused) {
        Ok(declaration) => Some(declaration),
        Err(error) => {
            diagnostics.push(diags::undecodable(document.span(document.root()), &error.to_string()));
            None
        }
    }
}
