//! Mends findings in the source: edits of bytes at the place that a finding points to, so that comments, order and quotes of
//! everything else stay. In: a text and what to change. Out: the new text, or why it stays as it is.

use serde_json::{Map, Value};

use crate::diag::Diagnostics;
use crate::policy::definition::{Fix, FixOp};
use crate::policy::schema::steps;
use crate::source::FileId;
use crate::yaml::{self, Document, Kind, NodeId};

/// An edit of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// First byte of what is replaced.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
    /// What stands there afterwards.
    pub text: String,
}

/// A node of a document and the steps that lead to it.
struct At {
    node: NodeId,
    /// The key, where it is the value of one.
    key: Option<NodeId>,
    depth: usize,
}

/// The edit that mends a finding: `offset` is where the finding points in the text, `field` its JSON pointer in the built
/// object. The error says why a person must do it.
pub fn edit(text: &str, offset: usize, field: &str, fix: &Fix) -> Result<Edit, String> {
    let mut diagnostics = Diagnostics::default();
    let documents = yaml::parse(text, FileId::NONE, &mut diagnostics);
    if diagnostics.has_errors() {
        return Err("the file cannot be read".to_owned());
    }
    let found =
        documents.iter().find_map(|document| Some((document, find(document, document.root(), None, 0, offset)?)));
    let (document, at) = found.ok_or("the place is no field of the file")?;
    let mut left: Vec<String> = steps(field);
    // The path starts at the unit, and the finding may be at any field on its way.
    let path = steps(&fix.path);
    let known = (0..=path.len()).rev().find(|count| left.ends_with(&path[..*count])).unwrap_or(0);
    left.extend_from_slice(&path[known..]);
    left.drain(..at.depth.min(left.len()));
    match fix.op {
        FixOp::Replace => replace(document, &at, &left, &fix.value),
        FixOp::Remove => remove(document, text, &at, &left),
        FixOp::Add => add(document, text, &at, &left, &fix.value),
    }
}

/// The outermost node that begins at an offset, or whose key does.
fn find(document: &Document, node: NodeId, key: Option<NodeId>, depth: usize, offset: usize) -> Option<At> {
    let begins = |node: NodeId| document.span(node).start as usize == offset;
    // A list begins where its first element does, and that is meant.
    let is_list = matches!(&document.node(node).kind, Kind::Sequence(_));
    if key.is_some_and(begins) || (depth > 0 && begins(node) && !is_list) {
        return Some(At { node, key, depth });
    }
    match &document.node(node).kind {
        Kind::Sequence(items) => items.iter().find_map(|item| find(document, *item, None, depth + 1, offset)),
        Kind::Mapping(pairs) => {
            // A mapping of a list begins with its first key: the mapping is meant, not that key.
            pairs.iter().find_map(|(key, value)| find(document, *value, Some(*key), depth + 1, offset))
        }
        _ => None,
    }
}

fn replace(document: &Document, at: &At, left: &[String], value: &Value) -> Result<Edit, String> {
    let (node, rest) = descend(document, at.node, left);
    match &document.node(node).kind {
        Kind::Scalar { .. } if rest.is_empty() => {
            let span = document.span(node);
            Ok(Edit { start: span.start as usize, end: span.end as usize, text: inline(value) })
        }
        _ => Err("there is no single value to replace".to_owned()),
    }
}

fn remove(document: &Document, text: &str, at: &At, left: &[String]) -> Result<Edit, String> {
    let (node, rest) = descend(document, at.node, left);
    let key = if rest.is_empty() && left.is_empty() { at.key } else { key_of(document, at.node, node) };
    let key = key.filter(|_| rest.is_empty()).ok_or("there is no field of a mapping to remove")?;
    let start = document.span(key).start as usize;
    let line = text[..start].rfind('\n').map_or(0, |at| at + 1);
    if !text[line..start].trim().is_empty() {
        return Err("the field shares its line with others".to_owned());
    }
    Ok(Edit { start: line, end: line_end(text, end(document, node).max(start)), text: String::new() })
}

fn add(document: &Document, text: &str, at: &At, left: &[String], value: &Value) -> Result<Edit, String> {
    let (node, rest) = descend(document, at.node, left);
    let Some((first, deeper)) = rest.split_first() else { return Err("the field is there already".to_owned()) };
    if rest.iter().any(|step| step.parse::<usize>().is_ok()) {
        return Err("an element of a list would have to be made up".to_owned());
    }
    let wrapped =
        deeper.iter().rev().fold(value.clone(), |inner, step| Value::Object(Map::from_iter([(step.clone(), inner)])));
    let entry = Value::Object(Map::from_iter([(first.clone(), wrapped)]));
    let Kind::Mapping(pairs) = &document.node(node).kind else {
        return Err("the value there is no mapping".to_owned());
    };
    let span = document.span(node);
    let is_flow = text[span.start as usize..].starts_with('{');
    if is_flow {
        let close = span.end as usize - 1;
        if !text[close..].starts_with('}') {
            return Err("the end of the mapping is not certain".to_owned());
        }
        let body = inline(&entry);
        let separator = if pairs.is_empty() { "" } else { ", " };
        let text = format!("{separator}{}", &body[1..body.len() - 1]);
        return Ok(Edit { start: close, end: close, text });
    }
    let (key, _) = pairs.first().ok_or("the mapping is empty")?;
    let start = document.span(*key).start as usize;
    let indent = start - text[..start].rfind('\n').map_or(0, |at| at + 1);
    let (_, last) = pairs.last().ok_or("the mapping is empty")?;
    let after = line_end(text, end(document, *last).max(start));
    let line_break = if text[..after].ends_with('\n') { "" } else { "\n" };
    let block = format!("{line_break}{}{}\n", " ".repeat(indent), yaml::block(&entry, indent));
    // A file keeps its kind of line ends.
    let block = if text.contains("\r\n") { block.replace('\n', "\r\n") } else { block };
    Ok(Edit { start: after, end: after, text: block })
}

/// Follows steps as far as they go.
fn descend<'s>(document: &Document, mut node: NodeId, steps: &'s [String]) -> (NodeId, &'s [String]) {
    for (at, step) in steps.iter().enumerate() {
        match document.get(node, step) {
            Some(next) => node = next,
            None => return (node, &steps[at..]),
        }
    }
    (node, &[])
}

fn key_of(document: &Document, from: NodeId, value: NodeId) -> Option<NodeId> {
    match &document.node(from).kind {
        Kind::Sequence(items) => items.iter().find_map(|item| key_of(document, *item, value)),
        Kind::Mapping(pairs) => pairs
            .iter()
            .find_map(|(key, node)| if *node == value { Some(*key) } else { key_of(document, *node, value) }),
        _ => None,
    }
}

/// Where the text of a node ends.
fn end(document: &Document, node: NodeId) -> usize {
    let own = document.span(node).end as usize;
    match &document.node(node).kind {
        Kind::Sequence(items) => items.last().map_or(own, |item| end(document, *item)),
        Kind::Mapping(pairs) => {
            pairs.last().map_or(own, |(key, value)| end(document, *value).max(document.span(*key).end as usize))
        }
        _ => own,
    }
}

/// The end of the line in which a text that ends at an offset has its last character.
fn line_end(text: &str, offset: usize) -> usize {
    let last = offset.saturating_sub(1).min(text.len());
    text[last..].find('\n').map_or(text.len(), |at| last + at + 1)
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => yaml::scalar(text),
        Value::Object(map) => {
            let pairs: Vec<_> =
                map.iter().map(|(key, value)| format!("{}: {}", yaml::scalar(key), inline(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(text: &str, place: &str, field: &str, op: FixOp, path: &str, value: Value) -> String {
        let offset = text.find(place).unwrap_or_else(|| panic!("no {place}"));
        let fix = Fix { op, path: path.to_owned(), value };
        match edit(text, offset, field, &fix) {
            Ok(edit) => format!("{}{}{}", &text[..edit.start], edit.text, &text[edit.end..]),
            Err(why) => why,
        }
    }

    const TEXT: &str = "spec:\n  containers:\n  # the only one\n  - name: web\n    image: web # built here\n    securityContext:\n      readOnlyRootFilesystem: true\n  volumes: []\n";

    #[test]
    fn a_field_is_added_behind_its_siblings() {
        let found = mended(
            TEXT,
            "securityContext",
            "/spec/containers/0/securityContext/allowPrivilegeEscalation",
            FixOp::Add,
            "",
            Value::Bool(false),
        );
        let expected = TEXT.replace(
            "readOnlyRootFilesystem: true\n",
            "readOnlyRootFilesystem: true\n      allowPrivilegeEscalation: false\n",
        );
        assert_eq!(found, expected);
    }

    #[test]
    fn parents_that_are_not_there_are_made() {
        let field = "/spec/containers/0/resources/limits/memory";
        let found = mended(TEXT, "name: web", field, FixOp::Add, "", Value::from("64Mi"));
        let expected = TEXT.replace("true\n", "true\n    resources:\n      limits:\n        memory: 64Mi\n");
        assert_eq!(found, expected);
    }

    #[test]
    fn the_path_of_a_fix_starts_at_the_unit_wherever_the_finding_is() {
        let path = "/securityContext/allowPrivilegeEscalation";
        let with = format!("/spec/containers/0{path}");
        let found = mended(TEXT, "securityContext", &with, FixOp::Add, path, Value::Bool(false));
        assert_eq!(found, TEXT.replace("true\n", "true\n      allowPrivilegeEscalation: false\n"));
        let bare = "spec:\n  containers:\n  - name: web\n";
        let found =
            mended(bare, "name: web", "/spec/containers/0/securityContext", FixOp::Add, path, Value::Bool(false));
        assert_eq!(found, format!("{bare}    securityContext:\n      allowPrivilegeEscalation: false\n"));
    }

    #[test]
    fn a_flow_mapping_stays_one() {
        let text = "spec: {containers: [{name: web, securityContext: {a: 1}}]}\n";
        let field = "/spec/containers/0/securityContext/b";
        let found = mended(text, "securityContext", field, FixOp::Add, "", Value::Bool(true));
        assert_eq!(found, "spec: {containers: [{name: web, securityContext: {a: 1, b: true}}]}\n");
    }

    #[test]
    fn values_are_replaced_and_fields_removed_with_their_lines() {
        let field = "/spec/containers/0/securityContext/readOnlyRootFilesystem";
        let found = mended(TEXT, "true", field, FixOp::Replace, "", Value::Bool(false));
        assert_eq!(found, TEXT.replace("true", "false"));
        let found = mended(TEXT, "image: web", "/spec/containers/0/image", FixOp::Remove, "", Value::Null);
        assert_eq!(found, TEXT.replace("    image: web # built here\n", ""));
    }
}
