//! A field's change as lines of a diff.

use similar::{ChangeTag, TextDiff};

use crate::view::changes::{Field, Value, What};

/// Values up to this length stand on one line, in characters.
const SHORT: usize = 100;

/// Lines of a text that did not change and are shown around those that did.
const CONTEXT: usize = 2;

/// A line with its sign: ` `, `+`, `-` or `~`.
pub(super) type Line = (char, String);

/// What a field's change looks like: its path, then its values where they do not fit beside it.
pub(super) fn of(field: &Field) -> Vec<Line> {
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
fn unified(old: &str, new: &str) -> Vec<Line> {
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
