//! Reads gitopsctl.yaml and services/*.yaml out of a tree, judges and decodes them.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use crate::catalog::diags::codes;
use crate::catalog::schema::{PLATFORM, SERVICE, Schema};
use crate::catalog::{Catalog, Entry, PLATFORM_FILE, Platform, SERVICES_FOLDER, check};
use crate::diag::{Diagnostic, Diagnostics};
use crate::source::{FileId, SourceMap, Span, position_in};
use crate::tree::{Tree, join};
use crate::yaml::{self, Document, load};

/// A setting, read without judging the rest of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What it says.
    pub text: String,
    /// Line of its value, from 1.
    pub line: usize,
    /// Column of its value, from 1.
    pub column: usize,
}

/// `kustomizeVersion` of the gitopsctl.yaml in a directory of a tree, and the path of that file. `None` where it is not
/// set, or where the file cannot be read, which `load` reports.
pub fn kustomize_version(tree: &Tree, directory: &str) -> Option<(Setting, String)> {
    let path = join(directory, PLATFORM_FILE);
    // Most files do not set it, and need not be parsed for that.
    let text = tree.text(&path).ok()?.filter(|text| text.contains("kustomizeVersion"))?;
    let document = load::first_document(&text, 0, FileId::NONE).ok()??;
    let value = document.get("kustomizeVersion").filter(|value| !value.is_null())?;
    let at = position_in(&text, value.origin.place().map_or(0, |(_, offset)| offset as usize));
    Some((Setting { text: value.text().to_owned(), line: at.line, column: at.column }, path))
}

/// Loads and checks the catalog of a tree. `None` where there is no gitopsctl.yaml, or where it cannot be read at all;
/// what is wrong is reported.
pub fn load(tree: &Tree, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Option<Catalog> {
    if !tree.has_file(PLATFORM_FILE) {
        diagnostics.push(
            Diagnostic::error(&codes::NO_PLATFORM, format!("there is no {PLATFORM_FILE} here"))
                .help("run `gitopsctl init` to write one, or name the repository with `-C DIR`"),
        );
        return None;
    }
    let mut catalog = load_platform(tree, sources, diagnostics)?;
    for (path, name) in service_files(tree) {
        let Some(file) = tree.load(&path, sources, diagnostics) else {
            catalog.unreadable.push(name);
            continue;
        };
        match read(&SERVICE, file, sources, diagnostics) {
            Read::Value { value, document, broken } => {
                catalog.add(Entry { service: value, name, path, file, document, broken });
            }
            Read::Nothing => catalog.unreadable.push(name),
        }
    }
    check::check(&mut catalog, tree, diagnostics);
    Some(catalog)
}

/// Loads the platform and some services, without checking one against the others. `None` where there is no
/// gitopsctl.yaml, or where it cannot be read at all.
pub fn load_some(
    tree: &Tree,
    services: &[String],
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Catalog> {
    let mut catalog = tree.has_file(PLATFORM_FILE).then(|| load_platform(tree, sources, diagnostics)).flatten()?;
    for name in services {
        let paths = [".yaml", ".yml"].map(|ending| join(SERVICES_FOLDER, &format!("{name}{ending}")));
        let Some(path) = paths.into_iter().find(|path| tree.has_file(path)) else { continue };
        let Some(file) = tree.load(&path, sources, diagnostics) else { continue };
        if let Read::Value { value, document, broken } = read(&SERVICE, file, sources, diagnostics) {
            catalog.add(Entry { service: value, name: name.clone(), path, file, document, broken });
        }
    }
    Some(catalog)
}

/// The names of the services that have a file, without reading them.
pub fn service_names(tree: &Tree) -> Vec<String> {
    service_files(tree).into_iter().map(|(_, name)| name).collect()
}

fn load_platform(tree: &Tree, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Option<Catalog> {
    let file = tree.load(PLATFORM_FILE, sources, diagnostics)?;
    let Read::Value { value, document, broken } = read::<Platform>(&PLATFORM, file, sources, diagnostics) else {
        return None;
    };
    Some(Catalog {
        platform: value,
        document: Some(document),
        broken,
        services: Vec::new(),
        unreadable: Vec::new(),
        index: HashMap::new(),
    })
}

/// The files under services/ and the stems of their names, by name.
fn service_files(tree: &Tree) -> Vec<(String, String)> {
    let entries = tree.list(SERVICES_FOLDER).into_iter().filter(|entry| !entry.is_directory());
    let stem = |name: &str| name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml")).map(str::to_owned);
    entries.filter_map(|entry| Some((join(SERVICES_FOLDER, &entry.name), stem(&entry.name)?))).collect()
}

/// Bytes that no description of a platform or a service comes near: what is larger would only cost time and memory.
const LARGEST: usize = 4 << 20;

enum Read<T> {
    Value { value: T, document: Document, broken: bool },
    Nothing,
}

/// Parses, judges and decodes one file that holds one document.
fn read<T: for<'de> Deserialize<'de>>(
    schema: &Schema,
    file: FileId,
    sources: &SourceMap,
    diagnostics: &mut Diagnostics,
) -> Read<T> {
    let mut own = Diagnostics::default();
    let text = sources.file(file).text.clone();
    if text.len() > LARGEST {
        let message = format!("the file is larger than {} MiB", LARGEST >> 20);
        diagnostics.push(Diagnostic::error(&codes::TOO_LARGE, message).at(Span { file, start: 0, end: 0 }, ""));
        return Read::Nothing;
    }
    let mut documents = yaml::parse(&text, file, &mut own);
    let end = u32::try_from(text.len()).unwrap_or(u32::MAX);
    if documents.is_empty() && !own.has_errors() {
        let place = Span { file, start: 0, end: 0 };
        own.push(Diagnostic::error(&codes::EMPTY_FILE, "the file is empty").at(place, ""));
    }
    if let Some(second) = documents.get(1) {
        let place = second.span(second.root());
        own.push(Diagnostic::error(&codes::EMPTY_FILE, "the file holds several documents").at(place, "a second one"));
    }
    // After a syntax error nothing can be said of the rest of the file.
    let cut_short = own.iter().any(|diagnostic| diagnostic.code == &yaml::codes::SYNTAX);
    let document = documents.drain(..).next().filter(|_| !cut_short);
    let Some(document) = document else {
        diagnostics.append(own);
        return Read::Nothing;
    };
    let refused = schema.judge(&document, document.root(), &mut own);
    let value = decode(&document, &refused, Span { file, start: 0, end: end.min(1) }, &mut own);
    let broken = own.has_errors();
    diagnostics.append(own);
    match value {
        Some(value) => Read::Value { value, document, broken },
        None => Read::Nothing,
    }
}

fn decode<T: for<'de> Deserialize<'de>>(
    document: &Document,
    refused: &HashSet<yaml::NodeId>,
    place: Span,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    if refused.contains(&document.root()) {
        return None;
    }
    match yaml::decode(document, document.root(), refused) {
        Ok(value) => Some(value),
        Err(error) => {
            diagnostics
                .push(Diagnostic::error(&codes::SCHEMA_MISMATCH, format!("cannot decode: {error}")).at(place, ""));
            None
        }
    }
}
