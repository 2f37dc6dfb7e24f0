//! The documents of a manifest file → resources: what has no content goes, lists give their items.

use crate::kustomize::diags::{Failure, codes, failure, unreadable};
use crate::kustomize::release::Release;
use crate::kustomize::resource::Resource;
use crate::source::FileId;
use crate::yaml::data::{Content, Datum, Quoting};
use crate::yaml::load;

/// The resources of a text. `path` is for messages.
pub(super) fn resources(text: &str, file: FileId, path: &str, release: Release) -> Result<Vec<Resource>, Failure> {
    let documents = load::documents(text, file).map_err(|error| unreadable(&codes::RESOURCE, &error, path))?;
    Ok(of_documents(documents)?.into_iter().map(|root| Resource::new(root, release)).collect())
}

/// The objects among documents.
pub(super) fn of_documents(documents: Vec<Datum>) -> Result<Vec<Datum>, Failure> {
    let mut documents: Vec<_> = documents.into_iter().filter(|document| !document.is_empty()).collect();
    // A list alone in its file is unwrapped by the reader already.
    let is_list = |document: &Datum| matches!(document.text_of("kind"), "List" | "ResourceList");
    let alone = documents.len() == 1 && is_list(&documents[0]);
    if let Some(items) = documents.first_mut().filter(|_| alone).and_then(|list| list.remove("items")) {
        documents = match items.content {
            Content::Sequence(items) => items.into_iter().filter(|item| !item.is_empty()).collect(),
            _ => Vec::new(),
        };
    }
    let mut found = Vec::new();
    let mut open: std::collections::VecDeque<_> = checked(documents)?.into();
    while let Some(mut object) = open.pop_front() {
        let kind = object.text_of("kind").to_owned();
        if !kind.ends_with("List") || object.get("items").is_none() {
            found.push(object);
            continue;
        }
        let Some(items) = object.remove("items").filter(|items| !items.is_null()) else { continue };
        let Content::Sequence(mut items) = items.content else {
            let message = format!("`items` of a {kind} is no list");
            return Err(failure(&codes::RESOURCE, message, items.origin, "a list is due here"));
        };
        items.iter_mut().for_each(restyle);
        let items = items.into_iter().filter(|item| !item.is_empty()).collect();
        open.extend(checked(items)?);
    }
    Ok(found)
}

/// Items pass through JSON, which knows one kind of quotes.
fn restyle(node: &mut Datum) {
    match &mut node.content {
        Content::Scalar(_) => {
            if node.is_string() || node.quoting != Quoting::Plain {
                node.quoting = Quoting::Double;
            }
        }
        Content::Sequence(items) => items.iter_mut().for_each(restyle),
        Content::Mapping(pairs) => pairs.iter_mut().for_each(|(_, value)| restyle(value)),
    }
}

/// Objects that have what every resource needs.
fn checked(objects: Vec<Datum>) -> Result<Vec<Datum>, Failure> {
    for object in &objects {
        if !object.is_mapping() {
            let message = "a document is no object";
            return Err(failure(&codes::RESOURCE, message, object.origin, "apiVersion, kind and metadata are due"));
        }
        let kind = object.text_of("kind");
        if kind.is_empty() {
            let message = "a resource has no `kind`";
            return Err(failure(&codes::RESOURCE, message, object.origin, "this object"));
        }
        let name = object.get("metadata").map_or("", |meta| meta.text_of("name"));
        if name.is_empty() && !kind.ends_with("List") {
            let message = format!("a {kind} has no `metadata.name`");
            let origin = object.get("metadata").map_or(object.origin, |meta| meta.origin);
            return Err(failure(&codes::RESOURCE, message, origin, "this object"));
        }
    }
    Ok(objects)
}
