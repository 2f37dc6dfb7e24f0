//! [`Datum`] → JSON as Go's `encoding/json` writes it, which Kustomize hashes and stores in texts.

use std::fmt::Write as _;

use crate::yaml::data::{Content, Datum};
use crate::yaml::print::{PrintError, Printed, typed};

/// Compact JSON with sorted keys.
pub fn compact(node: &Datum) -> Result<String, PrintError> {
    let mut out = String::new();
    write(node, None, &mut out)?;
    Ok(out)
}

/// JSON with sorted keys, indented by two spaces.
pub fn indented(node: &Datum) -> Result<String, PrintError> {
    let mut out = String::new();
    write(node, Some(0), &mut out)?;
    Ok(out)
}

fn write(node: &Datum, indent: Option<usize>, out: &mut String) -> Result<(), PrintError> {
    let line = |out: &mut String, depth: usize| {
        if let Some(indent) = indent {
            out.push('\n');
            out.extend(std::iter::repeat_n("  ", indent + depth));
        }
    };
    let inner = indent.map(|indent| indent + 1);
    match &node.content {
        Content::Scalar(_) => match typed(node)? {
            Printed::Null => out.push_str("null"),
            Printed::Bool(value) => out.push_str(if value { "true" } else { "false" }),
            Printed::Int(value) => out.push_str(&value.to_string()),
            Printed::Float(value) => out.push_str(&number(value)),
            Printed::Text(text) => string(&text, out),
        },
        Content::Sequence(items) if items.is_empty() => out.push_str("[]"),
        Content::Mapping(pairs) if pairs.is_empty() => out.push_str("{}"),
        Content::Sequence(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                line(out, 1);
                write(item, inner, out)?;
            }
            line(out, 0);
            out.push(']');
        }
        Content::Mapping(pairs) => {
            let mut pairs: Vec<_> = pairs.iter().map(|(key, value)| (key.text(), value)).collect();
            pairs.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (at, (key, value)) in pairs.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                line(out, 1);
                string(key, out);
                out.push_str(if indent.is_some() { ": " } else { ":" });
                write(value, inner, out)?;
            }
            line(out, 0);
            out.push('}');
        }
    }
    Ok(())
}

/// A number as `encoding/json` writes it: without exponent from 1e-6 to below 1e21.
fn number(value: f64) -> String {
    if value == 0.0 || (1e-6..1e21).contains(&value.abs()) {
        return format!("{value}");
    }
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.strip_prefix('-') {
        Some(exponent) => format!("{mantissa}e-{exponent:0>2}").replace("e-0", "e-"),
        None => format!("{mantissa}e+{exponent}"),
    }
}

/// A string with Go's escapes, HTML signs among them.
pub fn string(text: &str, out: &mut String) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out.push('"');
}

/// A JSON value; of a key that occurs twice the last one counts.
pub fn value(node: &Datum) -> Result<serde_json::Value, PrintError> {
    use serde_json::{Number, Value};
    Ok(match &node.content {
        Content::Scalar(_) => match typed(node)? {
            Printed::Null => Value::Null,
            Printed::Bool(value) => Value::Bool(value),
            Printed::Int(value) => match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) => value.into(),
                (_, Ok(value)) => value.into(),
                #[allow(clippy::cast_precision_loss)] // as every reader of JSON has it
                _ => Number::from_f64(value as f64).map_or(Value::Null, Value::Number),
            },
            Printed::Float(value) => Number::from_f64(value).map_or(Value::Null, Value::Number),
            Printed::Text(text) => Value::String(text.into_owned()),
        },
        Content::Sequence(items) => Value::Array(items.iter().map(value).collect::<Result<_, _>>()?),
        Content::Mapping(pairs) => {
            let pair = |(key, node): &(Datum, Datum)| Ok((key.text().to_owned(), value(node)?));
            Value::Object(pairs.iter().map(pair).collect::<Result<_, PrintError>>()?)
        }
    })
}
