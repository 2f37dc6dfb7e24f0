//! Keys of one mapping changed in place: a scalar replaced, a pair taken out or put in, in the mapping's own style.

use std::ops::Range;

use crate::diag::Diagnostic;
use crate::release::diags::{codes, refuse};
use crate::release::entries::{KEYS, Located, Pair};
use crate::release::splice::{
    Edits, before_on_line, is_blank, line_break, line_end, line_start, next_line, whole_lines,
};
use crate::source::Span;
use crate::yaml::{self, Kind, NodeId, Style};

/// What is to become of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Want<'a> {
    /// It stays as it is.
    Keep,
    /// It gets this value, quoted as the old one was, else as it needs.
    Text(&'a str),
    /// It gets this value, as it is written elsewhere; and the pair as it is written there where it is to be put in.
    Raw { value: &'a str, pair: &'a str },
    /// It goes.
    Gone,
}

/// A pair to put in.
pub(super) struct New<'a> {
    pub(super) key: &'a str,
    pub(super) value: Value<'a>,
}

/// The value of a pair to put in.
pub(super) enum Value<'a> {
    /// A text, to be quoted as it needs.
    Text(&'a str),
    /// As it is written, and the whole pair where a block mapping takes it.
    Raw { value: &'a str, pair: Option<&'a str> },
}

/// Changes the values under [`KEYS`] of an entry. `order` has the keys of an entry in the order in which a new one is put in.
pub(super) fn change(
    at: &Located<'_>,
    item: NodeId,
    wants: [Want<'_>; 3],
    order: &[&str],
    edits: &mut Edits,
) -> Result<(), Box<Diagnostic>> {
    let pairs = at.pairs(item);
    let index = |key: &str| pairs.iter().position(|pair| pair.name == key);
    let (mut gone, mut added) = (Vec::new(), Vec::new());
    for (key, want) in KEYS.into_iter().zip(wants) {
        match (want, index(key)) {
            (Want::Keep, _) | (Want::Gone, None) => {}
            (Want::Gone, Some(index)) => {
                check(at, &pairs[index])?;
                gone.push(index);
            }
            (want, Some(index)) => replace(at, &pairs[index], want, at.is_flow(item), edits)?,
            (Want::Text(text), None) => added.push(New { key, value: Value::Text(text) }),
            (Want::Raw { value, pair }, None) => {
                added.push(New { key, value: Value::Raw { value, pair: Some(pair) } });
            }
        }
    }
    if at.is_flow(item) {
        // One that comes takes the place of one that goes, and so commas stay as they are.
        while !gone.is_empty() && !added.is_empty() {
            let (pair, new) = (&pairs[gone.remove(0)], added.remove(0));
            let quote = quote_of(&at.text[pair.key.clone()]);
            edits.replace(pair.key.clone(), quoted(new.key, quote));
            edits.replace(pair.value.clone(), new.written(quote));
        }
    }
    let mut places: Vec<(usize, Vec<New<'_>>)> = Vec::new();
    for new in added {
        let before = order.iter().take_while(|key| **key != new.key).filter_map(|key| index(key));
        let before = before.filter(|index| !gone.contains(index)).last();
        let Some(after) = before.or_else(|| index("name")) else { continue };
        match places.iter_mut().find(|(place, _)| *place == after) {
            Some((_, news)) => news.push(new),
            None => places.push((after, vec![new])),
        }
    }
    for (after, mut news) in places {
        let rank = |key: &str| order.iter().position(|other| *other == key);
        news.sort_by_key(|new| rank(new.key));
        put_in(at, item, &pairs[after], &news, edits);
    }
    let members: Vec<Range<usize>> =
        pairs.iter().map(|pair| pair.key.start..pair.value.end.max(pair.key.end)).collect();
    for index in gone {
        if at.is_flow(item) {
            take_out(at.text, &members, index, edits);
        } else {
            take_line_out(at.text, &members, index, edits);
        }
    }
    Ok(())
}

/// Refuses a value that is not one scalar on one line that counts here alone.
pub(super) fn check(at: &Located<'_>, pair: &Pair) -> Result<(), Box<Diagnostic>> {
    at.own(pair.node, &format!("`{}`", pair.name))?;
    let node = at.document.node(pair.node);
    let is_absent = pair.value.is_empty();
    let what = match &node.kind {
        Kind::Sequence(_) | Kind::Mapping(_) => "is a list or a mapping",
        Kind::Scalar { style: Style::Block, .. } => "is a block scalar",
        _ if at.text[pair.value.clone()].contains('\n') => "stands on several lines",
        _ if node.tag.as_deref().is_some_and(|tag| is_absent || tag != "tag:yaml.org,2002:str") => "has a YAML tag",
        _ if is_absent && node.anchored => "is an anchor without a value",
        _ => return Ok(()),
    };
    let span = if is_absent { at.place(&pair.key) } else { node.span };
    let refusal = refuse(&codes::UNSUPPORTED_STYLE, format!("the value of `{}` {what}", pair.name), span, what);
    Err(Box::new(refusal.help("write it as a text on one line")))
}

fn replace(
    at: &Located<'_>,
    pair: &Pair,
    want: Want<'_>,
    is_flow: bool,
    edits: &mut Edits,
) -> Result<(), Box<Diagnostic>> {
    check(at, pair)?;
    let written = &at.text[pair.value.clone()];
    let key_quote = quote_of(&at.text[pair.key.clone()]).filter(|quote| is_flow && *quote == '"');
    let with = match want {
        Want::Text(text) => {
            if at.document.scalar(pair.node) == Some(yaml::Value::String(text.to_owned())) && is_string(at, pair) {
                return Ok(());
            }
            quoted(text, quote_of(written).or(key_quote))
        }
        Want::Raw { value, .. } => value.to_owned(),
        Want::Keep | Want::Gone => return Ok(()),
    };
    if with == written {
        return Ok(());
    }
    if with.is_empty() {
        let before = before_on_line(at.text, pair.value.start);
        edits.remove(pair.value.start - (before.len() - before.trim_end().len())..pair.value.end);
    } else if written.is_empty() {
        fill(at.text, pair, &with, edits);
    } else {
        edits.replace(pair.value.clone(), with);
    }
    Ok(())
}

/// Whether a scalar is a string to readers of YAML 1.1 too.
fn is_string(at: &Located<'_>, pair: &Pair) -> bool {
    match &at.document.node(pair.node).kind {
        Kind::Scalar { text, style: Style::Plain } => {
            at.document.node(pair.node).tag.is_some() || reads_as_string(text)
        }
        _ => true,
    }
}

/// Gives a key without a value one: behind its colon and one blank, before what follows.
fn fill(text: &str, pair: &Pair, with: &str, edits: &mut Edits) {
    let colon = pair.value.start;
    let rest = &text[colon..line_end(text, colon)];
    let blanks = rest.len() - rest.trim_start_matches(' ').len();
    if !text[..colon].ends_with(':') || colon == pair.key.end {
        edits.insert(colon, format!(": {with}"));
    } else if blanks == 0 {
        edits.insert(colon, format!(" {with}"));
    } else if blanks == 1 && rest.len() > 1 {
        edits.insert(colon + 1, format!("{with} "));
    } else {
        edits.insert(colon + 1, with);
    }
}

impl New<'_> {
    /// The value as it is written behind a key with these quotes.
    fn written(&self, quote: Option<char>) -> String {
        match self.value {
            Value::Text(text) => quoted(text, quote.filter(|quote| *quote == '"')),
            Value::Raw { value, .. } => value.to_owned(),
        }
    }
}

/// Puts pairs in behind another one of their mapping.
pub(super) fn put_in(at: &Located<'_>, mapping: NodeId, after: &Pair, news: &[New<'_>], edits: &mut Edits) {
    let text = at.text;
    let quote = quote_of(&text[after.key.clone()]);
    let end = after.value.end.max(after.key.end);
    let feed = line_break(text, end);
    let before = before_on_line(text, after.key.start);
    let separator = separator(text, after);
    let pair = |new: &New<'_>| format!("{}{separator}{}", quoted(new.key, quote), new.written(quote));
    if !at.is_flow(mapping) {
        // The dash of a list is as wide as the indentation of the lines below it.
        let indent: String = before.chars().map(|char| if char == '\t' { '\t' } else { ' ' }).collect();
        let lines = news.iter().map(|new| match new.value {
            Value::Raw { pair: Some(pair), .. } => format!("{feed}{indent}{pair}"),
            _ => format!("{feed}{indent}{}", pair(new)),
        });
        edits.insert(line_end(text, end), lines.collect::<String>());
        return;
    }
    if is_blank(before) && ends_line(text, end) {
        let has_comma = text[end..].trim_start_matches(' ').starts_with(',');
        let lines: Vec<String> = news.iter().map(|new| format!("{feed}{before}{}", pair(new))).collect();
        let lines = lines.join(",");
        if has_comma {
            edits.insert(line_end(text, end), lines + ",");
        } else {
            edits.insert(end, ",");
            edits.insert(line_end(text, end), lines);
        }
        return;
    }
    let comma = if separator == ":" { "," } else { ", " };
    edits.insert(end, news.iter().map(|new| format!("{comma}{}", pair(new))).collect::<String>());
}

/// What stands between a key and its value, where that is a colon and blanks.
pub(super) fn separator<'a>(text: &'a str, pair: &Pair) -> &'a str {
    let between = text.get(pair.key.end..pair.value.start).unwrap_or_default();
    let is_usual = between.starts_with(':') && is_blank(&between[1..]) && !pair.value.is_empty();
    if is_usual { between } else { ": " }
}

/// Whether a member of a flow collection that ends here is the last on its line.
pub(super) fn ends_line(text: &str, end: usize) -> bool {
    let rest = text[end..line_end(text, end)].trim_start_matches([' ', '\t']);
    let rest = rest.strip_prefix(',').unwrap_or(rest);
    is_blank(rest) && end < text.len() || rest.trim_start().starts_with('#')
}

/// Takes a member out of a collection between braces or brackets, with the comma that it no longer needs.
pub(super) fn take_out(text: &str, members: &[Range<usize>], index: usize, edits: &mut Edits) {
    let Some(member) = members.get(index) else { return };
    let previous = index.checked_sub(1).and_then(|index| members.get(index));
    let next = members.get(index + 1);
    let before = before_on_line(text, member.start);
    if is_blank(before) && ends_line(text, member.end) {
        let has_comma = text[member.end..].trim_start_matches(' ').starts_with(',');
        if let Some(comma) =
            previous.filter(|_| !has_comma).and_then(|previous| comma(text, previous.end, member.start))
        {
            edits.remove(comma..comma + 1);
        }
        edits.remove(line_start(text, member.start)..next_line(text, member.end));
        return;
    }
    match (previous, next) {
        (_, Some(next)) if !text[member.end..next.start].contains('\n') => edits.remove(member.start..next.start),
        (Some(previous), _) => {
            let start = comma(text, previous.end, member.start).unwrap_or(previous.end);
            edits.remove(start..member.end);
        }
        (None, Some(next)) => edits.remove(member.start..next.start),
        (None, None) => edits.remove(member.clone()),
    }
}

/// The comma between two members; comments between them may hold others.
fn comma(text: &str, from: usize, to: usize) -> Option<usize> {
    let mut at = from;
    while at < to {
        match text.as_bytes()[at] {
            b',' => return Some(at),
            b'#' => at = next_line(text, at),
            _ => at += 1,
        }
    }
    None
}

/// Takes a pair out of a block mapping: its lines, or what stands behind the dash of a list.
pub(super) fn take_line_out(text: &str, members: &[Range<usize>], index: usize, edits: &mut Edits) {
    let Some(member) = members.get(index) else { return };
    let before = before_on_line(text, member.start);
    if is_blank(before) {
        edits.remove(whole_lines(text, member.start, member.end));
        return;
    }
    match members.get(index + 1) {
        Some(next) if is_blank(text.get(next_line(text, member.end)..next.start).unwrap_or("?")) => {
            edits.remove(member.start..next.start);
        }
        // Comments between the two stay, below a dash of its own.
        _ => edits.remove(member.start - (before.len() - before.trim_end().len())..line_end(text, member.end)),
    }
}

/// The quote that a scalar starts with.
pub(super) fn quote_of(written: &str) -> Option<char> {
    written.chars().next().filter(|first| matches!(first, '"' | '\''))
}

/// A text in these quotes, or plain where that reads as a string, else in double quotes.
pub(super) fn quoted(text: &str, quote: Option<char>) -> String {
    let is_word =
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'@' | b':'));
    match quote {
        Some('\'') => format!("'{}'", text.replace('\'', "''")),
        Some(_) => yaml::double_quoted(text),
        // A tag or a digest, with `:` never at its end.
        None if is_word && text.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '_') => {
            if reads_as_string(text) {
                text.to_owned()
            } else {
                yaml::double_quoted(text)
            }
        }
        None => yaml::scalar(text),
    }
}

/// Whether a plain tag or digest is a string to every reader: to go-yaml, and by the rules of YAML 1.1 and 1.2.
fn reads_as_string(text: &str) -> bool {
    const WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let lower = text.to_ascii_lowercase();
    let title = || text[1..].bytes().all(|byte| byte.is_ascii_lowercase());
    if WORDS.contains(&lower.as_str()) {
        return !(text == lower || text == text.to_ascii_uppercase() || title());
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let all = |text: &str, is: fn(&u8) -> bool| !text.is_empty() && text.bytes().all(|byte| is(&byte) || byte == b'_');
    // Beyond 64 bits go-yaml has a string, and others have a number.
    let is_number = match lower.get(..2) {
        Some("0x") => all(&lower[2..], u8::is_ascii_hexdigit),
        Some("0o" | "0b") => all(&lower[2..], u8::is_ascii_digit),
        _ => {
            let (mantissa, exponent) =
                lower.split_once('e').map_or((&*lower, None), |(left, right)| (left, Some(right)));
            let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
            let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
            whole.starts_with(|first: char| first.is_ascii_digit())
                && all(whole, u8::is_ascii_digit)
                && (fraction.is_empty() || all(fraction, u8::is_ascii_digit))
                && exponent.is_none_or(digits)
        }
    };
    // A day that no month has is a date by its looks, and an error to some readers.
    let mut date = text.split('-');
    let mut part = |lengths: std::ops::RangeInclusive<usize>| {
        date.next().is_some_and(|part| digits(part) && lengths.contains(&part.len()))
    };
    let is_date = part(4..=4) && part(1..=2) && part(1..=2) && date.next().is_none();
    !is_number && !is_date && yaml::plain_tag(text) == yaml::data::Tag::Str
}

/// The place of a value in a text, for a label.
pub(super) fn value_place(at: &Located<'_>, item: NodeId) -> Span {
    let pairs = at.pairs(item);
    let value = |key: &str| pairs.iter().find(|pair| pair.name == key && !pair.value.is_empty());
    let pair = value("newTag").or_else(|| value("digest")).or_else(|| value("newName"));
    pair.map_or(at.document.span(item), |pair| at.place(&pair.value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_quoted_exactly_where_plain_is_no_string() {
        for tag in [
            "1.10",
            "553640e6",
            "553640e999",
            "0x1F",
            "0xffffffffffffffffff",
            "0755",
            "0o17",
            "0b11",
            "123",
            "20260101",
            "1e3",
            "1E+3",
            "on",
            "Off",
            "YES",
            "y",
            "N",
            "null",
            "NULL",
            "true",
            "False",
            "1_000",
            "1.",
            "08",
            "1.5e3",
            "2024-01-01",
            "2024-1-2",
            "2024-13-45",
            "123456789012345678901234567890",
            "0_7",
        ] {
            assert_eq!(quoted(tag, None), format!("\"{tag}\""));
        }
        for tag in [
            "v1.2.3",
            "2.0.0",
            "latest-2",
            "main-3f2a1bc",
            "1.2.3.4",
            "v7.7.7-rc.1",
            "3f2a1bc",
            "1e",
            "0x",
            "0xg",
            "yes-1",
            "2024-01-01-3f2a1bc",
            "2024-01",
            "20240101-1",
            "_1",
            "nO",
            "e3",
            "1.x",
            "1e3a",
            "12-3",
        ] {
            assert_eq!(quoted(tag, None), tag);
        }
    }
}
