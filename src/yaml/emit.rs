//! Values → YAML text that reads back as the same values, in the style in which Kustomize prints.
//!
//! Source: `scalars.json` of the conformance corpus. Long lines are not folded: what this writes is edited by people.

use std::fmt::Write as _;

use serde_json::Value as Json;

use crate::yaml::node::Style;
use crate::yaml::scalar::{self, Value};

/// A string as a scalar on one line: plain where that reads back as this string, else quoted.
pub fn scalar(text: &str) -> String {
    if reads_as_other(text) || needs_escapes(text) {
        double_quoted(text)
    } else if plain_is_allowed(text) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "''"))
    }
}

/// A string in double quotes.
pub fn double_quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            _ if is_printable(char) => quoted.push(char),
            _ => {
                let code = u32::from(char);
                let _ = match code {
                    0..=0xff => write!(quoted, "\\x{code:02X}"),
                    0x100..=0xffff => write!(quoted, "\\u{code:04X}"),
                    _ => write!(quoted, "\\U{code:08X}"),
                };
            }
        }
    }
    quoted.push('"');
    quoted
}

/// A value as block YAML; every line after the first is indented by `indent` columns. No line feed at the end.
pub fn block(value: &Json, indent: usize) -> String {
    let mut out = String::new();
    write_block(&mut out, value, indent);
    out
}

fn write_block(out: &mut String, value: &Json, indent: usize) {
    let line = |out: &mut String, first: bool| {
        if !first {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
        }
    };
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(_) | Json::Number(_) => out.push_str(&value.to_string()),
        Json::String(text) => write_string(out, text, indent),
        Json::Array(items) if items.is_empty() => out.push_str("[]"),
        Json::Object(entries) if entries.is_empty() => out.push_str("{}"),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                line(out, index == 0);
                out.push_str("- ");
                write_block(out, item, indent + 2);
            }
        }
        Json::Object(entries) => {
            for (index, (key, value)) in entries.iter().enumerate() {
                line(out, index == 0);
                out.push_str(&scalar(key));
                out.push(':');
                match value {
                    // Sequences stand at the indentation of their key, mappings two columns further in.
                    Json::Array(items) if !items.is_empty() => {
                        line(out, false);
                        write_block(out, value, indent);
                    }
                    Json::Object(entries) if !entries.is_empty() => {
                        line(out, false);
                        out.push_str("  ");
                        write_block(out, value, indent + 2);
                    }
                    Json::String(text) => {
                        out.push(' ');
                        write_string(out, text, indent + 2);
                    }
                    _ => {
                        out.push(' ');
                        write_block(out, value, indent);
                    }
                }
            }
        }
    }
}

/// A string, as a literal block where it has several lines that such a block can hold.
fn write_string(out: &mut String, text: &str, indent: usize) {
    let fits_literal = text.trim_end_matches('\n').contains('\n')
        && !text.starts_with([' ', '\n'])
        && text.chars().all(|char| char == '\n' || is_printable(char))
        && text.lines().all(|line| !line.ends_with(' '));
    if !fits_literal {
        out.push_str(&scalar(text));
        return;
    }
    out.push_str(if text.ends_with("\n\n") {
        "|+"
    } else if text.ends_with('\n') {
        "|"
    } else {
        "|-"
    });
    for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            out.extend(std::iter::repeat_n(' ', indent));
            out.push_str(line);
        }
    }
}

/// Whether a parser of YAML 1.1 or 1.2 might read the plain text as anything but this string.
fn reads_as_other(text: &str) -> bool {
    const WORDS: &[&str] = &["y", "yes", "on", "n", "no", "off", "true", "false", "null", "~", ""];
    let lower = text.to_ascii_lowercase();
    WORDS.contains(&lower.as_str())
        || !matches!(scalar::resolve(text, Style::Plain, None), Value::String(_))
        || is_sexagesimal(text)
        || is_date(text)
}

/// `12:30:45`: base 60 in YAML 1.1.
fn is_sexagesimal(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let mut parts = unsigned.split(':');
    let first = parts.next().unwrap_or_default();
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    unsigned.contains(':')
        && digits(first)
        && parts.all(|part| part.len() <= 2 && digits(part.split('.').next().unwrap_or_default()))
}

/// `2026-01-31`, with or without a time behind it.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 8
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[5].is_ascii_digit()
        && text[5..].contains('-')
}

fn needs_escapes(text: &str) -> bool {
    text.chars().any(|char| !is_printable(char))
}

/// What the emitters of libyaml's family write as it is.
fn is_printable(char: char) -> bool {
    matches!(char, ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && char != '\u{feff}'
        && !matches!(char, '\u{2028}' | '\u{2029}')
}

fn plain_is_allowed(text: &str) -> bool {
    let mut chars = text.chars();
    let Some(first) = chars.next() else { return false };
    let second = chars.next();
    let indicator =
        matches!(first, '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`')
            || matches!(first, '?' | ':' | '-') && second.is_none_or(|second| second == ' ')
            || text.starts_with("---")
            || text.starts_with("...");
    // Commas and brackets inside a plain scalar end it in a flow collection, and templates may print it into one.
    !indicator
        && !text.starts_with(' ')
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.contains([',', '[', ']', '{', '}'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Diagnostics;
    use crate::source::SourceMap;

    fn read(text: &str) -> Json {
        let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
        let file = sources.add("a.yaml", text);
        let documents = crate::yaml::parse(text, file, &mut diagnostics);
        assert!(diagnostics.is_empty(), "{text}: {diagnostics:?}");
        documents[0].to_json(documents[0].root()).unwrap_or_default()
    }

    const TEXTS: &[&str] = &[
        "v1.2.3",
        "1.10",
        "553640e6",
        "0x1F",
        "123",
        "yes",
        "~",
        "",
        "null",
        "a: b",
        "a #b",
        "-",
        "- a",
        "it's",
        "\"",
        "#a",
        "é",
        "😀",
        "a\tb",
        "12:30:45",
        "2026-01-31",
        "latest",
        "a, b",
        "[a]",
        "@x",
        "%x",
        " a",
        "a ",
        "---",
        "true",
        "TRUE",
        "off",
        ":8000",
        "a:",
        "\u{7f}",
        "<<",
        "*a",
        "&a",
        "!a",
        "`",
        "=",
        "\u{feff}a",
        "--final-sync",
        "?x",
        ".",
        ".5",
        "0o7",
        "1_0",
        "a\\b",
    ];

    #[test]
    fn scalars_read_back_in_block_and_in_flow() {
        for text in TEXTS {
            let written = scalar(text);
            assert_eq!(read(&format!("a: {written}\n")), serde_json::json!({"a": text}), "{written}");
            assert_eq!(
                read(&format!("a: [{written}, {written}]\n")),
                serde_json::json!({"a": [text, text]}),
                "{written}"
            );
            assert_eq!(read(&format!("a: {}\n", double_quoted(text))), serde_json::json!({"a": text}));
        }
    }

    #[test]
    fn tags_are_quoted_only_when_plain_would_not_be_a_string() {
        assert_eq!(scalar("v1.2.3"), "v1.2.3");
        assert_eq!(scalar("1.10"), "\"1.10\"");
        assert_eq!(scalar("2024-01-01"), "\"2024-01-01\"");
        assert_eq!(scalar("a: b"), "'a: b'");
    }

    #[test]
    fn blocks_read_back() {
        for value in [
            serde_json::json!({"a": {"b": [1, {"c": "x", "d": []}, ["y", null]], "e": {}}, "f": "l1\nl2\n", "g": "l1\nl2", "h": "a\n\nb\n\n", "on": "1.5"}),
            serde_json::json!([{"a": "l1\n\nl2\n"}, " lead\nx", "\n", "x\n"]),
        ] {
            let indented = format!("root:\n    {}\n", block(&value, 4));
            assert_eq!(read(&indented), serde_json::json!({"root": value}), "{indented}");
        }
        assert_eq!(block(&serde_json::json!({"a": ["b"], "c": {"d": 1}}), 0), "a:\n- b\nc:\n  d: 1");
    }
}
