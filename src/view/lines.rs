//! What becomes of an object's fields, as lines of a diff: what every format of a change says in its own way.

use similar::{ChangeTag, TextDiff};

use crate::report::counted;
use crate::view::changes::{Field, Object, Value, What};

/// Values up to this length stand on one line, in characters.
const SHORT: usize = 100;

/// Lines of a text that did not change and are shown around those that did.
const CONTEXT: usize = 2;

/// A line about an object's fields.
pub(super) enum Line {
    /// Of a value, with its sign: ` `, `+`, `-` or `~`.
    Value(char, String),
    /// The place that did what stands above it.
    Cause(String),
    /// What follows from another object, and is no news.
    Aside(String),
}

/// What becomes of the fields of an object.
pub(super) fn of(object: &Object) -> Vec<Line> {
    let (follows, fields): (Vec<&Field>, Vec<&Field>) = object.fields.iter().partition(|field| field.follows);
    let mut lines = Vec::new();
    for field in fields {
        lines.extend(values(field).into_iter().map(|(sign, text)| Line::Value(sign, text)));
        if let Some(cause) = &field.cause {
            let by = field.step.map_or_else(String::new, |step| format!(", by {step}"));
            let before = if field.is_before { ", before the change" } else { "" };
            lines.push(Line::Cause(format!("{cause}{by}{before}")));
        }
    }
    if !follows.is_empty() {
        let what = counted(follows.len(), "reference");
        lines.push(Line::Aside(format!("{what} to a generated object: the name follows its content")));
    }
    lines
}

/// What a field's change looks like: its path, then its values where they do not fit beside it.
fn values(field: &Field) -> Vec<(char, String)> {
    let sign = field.what.sign();
    let short = |value: &Value| value.is_scalar && !value.text.contains('\n') && value.text.chars().count() <= SHORT;
    let path = &field.path;
    match (&field.old, &field.new) {
        (Some(old), Some(new)) if old.is_masked && new.is_masked && old.text == new.text => {
            vec![(sign, format!("{path}: a secret, another than before"))]
        }
        (Some(old), Some(new)) if field.what == What::Reordered => {
            vec![(sign, format!("{path}: the order {} becomes {}", old.text, new.text))]
        }
        (Some(old), Some(new)) if short(old) && short(new) => {
            vec![(sign, format!("{path}: {} -> {}", shown(old), shown(new)))]
        }
        (Some(old), Some(new)) => {
            let mut lines = vec![(sign, format!("{path}:"))];
            lines.extend(unified(&old.text, &new.text));
            lines
        }
        (None, Some(value)) | (Some(value), None) if short(value) => vec![(sign, format!("{path}: {}", shown(value)))],
        (None, Some(value)) | (Some(value), None) => {
            let mut lines = vec![(sign, format!("{path}:"))];
            lines.extend(value.text.lines().map(|line| (sign, format!("  {line}"))));
            lines
        }
        (None, None) => Vec::new(),
    }
}

fn shown(value: &Value) -> &str {
    if value.text.is_empty() { "\"\"" } else { &value.text }
}

/// Two texts, line by line: what did not change is left out beyond a little.
fn unified(old: &str, new: &str) -> Vec<(char, String)> {
    let diff = TextDiff::from_lines(old, new);
    let mut lines = Vec::new();
    for (at, group) in diff.grouped_ops(CONTEXT).iter().enumerate() {
        if at > 0 {
            lines.push((' ', "  …".to_owned()));
        }
        for change in group.iter().flat_map(|operation| diff.iter_changes(operation)) {
            let sign = match change.tag() {
                ChangeTag::Equal => ' ',
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
            };
            lines.push((sign, format!("  {}", change.value().trim_end_matches('\n'))));
        }
    }
    lines
}
