//! [`Datum`] → text as go-yaml v3 writes nodes: keys in their order, quotes as they were. For texts within texts.

use crate::yaml::data::{Content, Datum, Quoting, Tag};
use crate::yaml::scalar;

/// A document with a line feed at its end.
pub fn document(root: &Datum) -> String {
    let mut out = String::new();
    node(root, 0, true, &mut out);
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

fn node(value: &Datum, indent: usize, inline: bool, out: &mut String) {
    let line = |out: &mut String, first: bool| {
        if !(first && inline) {
            if !out.ends_with('\n') && !out.is_empty() {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n(' ', indent));
        }
    };
    match &value.content {
        Content::Mapping(_) | Content::Sequence(_) if value.quoting == Quoting::Flow => flow(value, out),
        Content::Mapping(pairs) if !pairs.is_empty() => {
            for (at, (key, value)) in pairs.iter().enumerate() {
                line(out, at == 0);
                text(key, indent, out);
                out.push(':');
                match &value.content {
                    Content::Mapping(_) | Content::Sequence(_) if value.quoting == Quoting::Flow => {
                        out.push(' ');
                        flow(value, out);
                    }
                    Content::Mapping(pairs) if !pairs.is_empty() => node(value, indent + 2, false, out),
                    Content::Sequence(items) if !items.is_empty() => node(value, indent, false, out),
                    _ => {
                        out.push(' ');
                        node(value, indent + 2, true, out);
                    }
                }
            }
        }
        Content::Sequence(items) if !items.is_empty() => {
            for (at, item) in items.iter().enumerate() {
                line(out, at == 0);
                out.push_str("- ");
                node(item, indent + 2, true, out);
            }
        }
        Content::Mapping(_) => out.push_str("{}"),
        Content::Sequence(_) => out.push_str("[]"),
        Content::Scalar(_) => text(value, indent, out),
    }
}

/// `{a: b}` and `[a, b]`, on one line.
fn flow(value: &Datum, out: &mut String) {
    match &value.content {
        Content::Mapping(pairs) => {
            out.push('{');
            for (at, (key, value)) in pairs.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                text(key, 0, out);
                out.push_str(": ");
                flow(value, out);
            }
            out.push('}');
        }
        Content::Sequence(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                flow(item, out);
            }
            out.push(']');
        }
        Content::Scalar(_) => text(value, 0, out),
    }
}

fn text(value: &Datum, indent: usize, out: &mut String) {
    let text = value.text();
    match value.quoting {
        Quoting::Double => {
            out.push('"');
            out.push_str(&text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t"));
            out.push('"');
        }
        Quoting::Single => {
            out.push('\'');
            out.push_str(&text.replace('\'', "''"));
            out.push('\'');
        }
        Quoting::Literal | Quoting::Folded => block(text, indent, out),
        Quoting::Plain | Quoting::Flow if text.contains('\n') => block(text, indent, out),
        Quoting::Plain | Quoting::Flow if value.tag == Tag::Str && scalar::tag(text) != Tag::Str => {
            out.push('"');
            out.push_str(text);
            out.push('"');
        }
        Quoting::Plain | Quoting::Flow => out.push_str(text),
    }
}

fn block(text: &str, indent: usize, out: &mut String) {
    out.push('|');
    if !text.ends_with('\n') {
        out.push('-');
    } else if text.ends_with("\n\n") {
        out.push('+');
    }
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent.max(2)));
            out.push_str(line);
        }
    }
    out.push('\n');
}
