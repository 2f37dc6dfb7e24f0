//! Manifests as Argo CD reads them from a directory of plain YAML or JSON: documents, and the items of lists.

use crate::argo::diags::codes;
use crate::diag::Diagnostic;
use crate::source::{FileId, Origin, Span};
use crate::yaml::data::{Content, Datum};
use crate::yaml::load;

/// The objects of a text, each with a name; empty documents are none.
pub fn manifests(text: &str, file: FileId, path: &str) -> Result<Vec<Datum>, Box<Diagnostic>> {
    let objects = unnamed_manifests(text, file, path)?;
    let has_name = |object: &&Datum| {
        let meta = object.get("metadata");
        meta.is_some_and(|meta| !meta.text_of("name").is_empty() || !meta.text_of("generateName").is_empty())
    };
    match objects.iter().find(|object| !has_name(object)) {
        None => Ok(objects),
        Some(object) => {
            let message = format!("a {} of `{path}` has no name", object.text_of("kind"));
            let diagnostic = Diagnostic::error(&codes::MANIFEST, message);
            Err(Box::new(diagnostic.at(place(object.origin), "this object".to_owned())))
        }
    }
}

/// The objects of a text, with names or without, for whoever judges that by itself.
pub fn unnamed_manifests(text: &str, file: FileId, path: &str) -> Result<Vec<Datum>, Box<Diagnostic>> {
    let wrong = |message: String, span: Span, label: &str| {
        Box::new(Diagnostic::error(&codes::MANIFEST, message).at(span, label.to_owned()))
    };
    let documents = load::documents(text, file)
        .map_err(|error| wrong(format!("`{path}` is no manifest"), error.span, &error.message))?;
    let mut objects = Vec::new();
    let mut open: Vec<Datum> = documents.into_iter().rev().filter(|document| !document.is_empty()).collect();
    while let Some(mut object) = open.pop() {
        let at = place(object.origin);
        if !object.is_mapping() {
            return Err(wrong(format!("a document of `{path}` is no object"), at, "an object is due here"));
        }
        let kind = object.text_of("kind").to_owned();
        if kind.is_empty() || object.text_of("apiVersion").is_empty() {
            return Err(wrong(format!("an object of `{path}` has no apiVersion or kind"), at, "this object"));
        }
        if kind.ends_with("List")
            && let Some(Datum { content: Content::Sequence(items), .. }) = object.remove("items")
        {
            open.extend(items.into_iter().rev().filter(|item| !item.is_empty()));
            continue;
        }
        objects.push(object);
    }
    Ok(objects)
}

fn place(origin: Origin) -> Span {
    let (file, start) = origin.place().unwrap_or((FileId::NONE, 0));
    Span { file, start, end: start }
}
