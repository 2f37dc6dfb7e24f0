//! A new entry of `images`, and `images` itself, in the style of the file around.

use crate::release::change::{New, Value, ends_line, put_in, quote_of, quoted, separator};
use crate::release::entries::{Located, Pair};
use crate::release::splice::{Edits, before_on_line, is_blank, line_break, line_end, line_start, next_line};
use crate::yaml::{Kind, NodeId};

/// Keys and decoded values.
type Fields<'a> = [(&'static str, &'a str)];

/// The ways to put an entry at the end of `images`, the best first: the first that proves right is taken.
pub(super) fn entry(at: &Located<'_>, fields: &Fields<'_>) -> Vec<Edits> {
    let mut edits = Edits::default();
    let Some(images) = at.images else { return section(at, fields) };
    let range = at.range(images);
    let key = at.pairs(at.document.root()).into_iter().find(|pair| pair.name == "images");
    match at.items.last() {
        Some(last) if at.is_flow(images) => append_flow(at, *last, fields, &mut edits),
        Some(last) => append_block(at, *last, fields, &mut edits),
        None if matches!(at.document.node(images).kind, Kind::Sequence(_)) => {
            let sample = Sample::of(at, at.pairs(at.document.root()).first());
            edits.insert(range.start + 1, sample.flow(fields));
        }
        None => match key {
            Some(key) if key.value.is_empty() && !at.is_flow(at.document.root()) => {
                let feed = line_break(at.text, key.key.start);
                let prefix = format!("{}{}", before_on_line(at.text, key.key.start), habit(at));
                edits.insert(line_end(at.text, key.value.end), format!("{feed}{}", block(fields, &prefix, " ", feed)));
            }
            Some(key) => {
                let list = format!("[{}]", Sample::of(at, Some(&key)).flow(fields));
                let with = if key.value.is_empty() { format!(" {list}") } else { list };
                edits.replace(key.value, with);
            }
            None => {}
        },
    }
    vec![edits]
}

/// Behind a sibling of a block list: the same dash, the same kind of mapping.
fn append_block(at: &Located<'_>, last: NodeId, fields: &Fields<'_>, edits: &mut Edits) {
    let (text, range) = (at.text, at.range(last));
    let Some(dash) = dash(text, range.start) else { return };
    let feed = line_break(text, dash);
    let gap = text[dash + 1..range.start].to_owned();
    let gap = if is_blank(&gap) && !gap.is_empty() { gap } else { " ".to_owned() };
    let prefix = before_on_line(text, dash);
    let written = if at.is_flow(last) && matches!(at.document.node(last).kind, Kind::Mapping(_)) {
        format!("{prefix}-{gap}{}", Sample::of_item(at, last).flow(fields))
    } else {
        block(fields, prefix, &gap, feed)
    };
    edits.insert(line_end(text, range.end), format!("{feed}{written}"));
}

/// An entry as lines of a block list.
fn block(fields: &Fields<'_>, prefix: &str, gap: &str, feed: &str) -> String {
    let indent = format!("{prefix} {}", " ".repeat(gap.len()));
    let lines = fields.iter().enumerate().map(|(at, (key, value))| {
        let start = if at == 0 { format!("{prefix}-{gap}") } else { indent.clone() };
        format!("{start}{key}: {}", quoted(value, None))
    });
    lines.collect::<Vec<_>>().join(feed)
}

/// Behind a sibling between brackets: on its line, or on lines of its own as that one has.
fn append_flow(at: &Located<'_>, last: NodeId, fields: &Fields<'_>, edits: &mut Edits) {
    let (text, range) = (at.text, at.range(last));
    let sample = Sample::of_item(at, last);
    let before = before_on_line(text, range.start);
    let rest = text[range.end..].trim_start_matches(' ');
    if !is_blank(before) || !ends_line(text, range.end) {
        let comma = if sample.separator == ":" { "," } else { ", " };
        edits.insert(range.end, format!("{comma}{}", sample.flow(fields)));
        return;
    }
    let feed = line_break(text, range.end);
    let inner = at.pairs(last).first().map(|pair| before_on_line(text, pair.key.start).to_owned());
    let has_lines = text[range.clone()].contains('\n');
    let written = match inner.filter(|inner| has_lines && is_blank(inner)) {
        Some(inner) => {
            let pairs: Vec<String> =
                fields.iter().map(|field| format!("{feed}{inner}{}", sample.pair(field))).collect();
            format!("{{{}{feed}{before}}}", pairs.join(","))
        }
        None => sample.flow(fields),
    };
    if rest.starts_with(',') {
        edits.insert(line_end(text, range.end), format!("{feed}{before}{written},"));
    } else {
        edits.insert(range.end, ",");
        edits.insert(line_end(text, range.end), format!("{feed}{before}{written}"));
    }
}

/// `images` as a new key of the document: at its end, after comments, before what ends it.
fn section(at: &Located<'_>, fields: &Fields<'_>) -> Vec<Edits> {
    let (text, root) = (at.text, at.document.root());
    let pairs = at.pairs(root);
    let range = at.range(root);
    if at.is_flow(root) {
        let mut edits = Edits::default();
        let sample = Sample::of(at, pairs.last());
        let list = format!("[{}]", sample.flow(fields));
        match pairs.last() {
            Some(last) => {
                let new = New { key: "images", value: Value::Raw { value: &list, pair: None } };
                put_in(at, root, last, &[new], &mut edits);
            }
            None => edits.insert(range.start + 1, format!("images: {list}")),
        }
        return vec![edits];
    }
    let feed = line_break(text, range.start);
    let margin = before_on_line(text, range.start).trim_start_matches('\u{feff}');
    let margin = if is_blank(margin) { margin } else { "" };
    let written = format!("{margin}images:{feed}{}", block(fields, &format!("{margin}{}", habit(at)), " ", feed));
    let end = document_end(text, range.end);
    let content = text[..end].trim_end().len().max(range.end);
    // Blank lines at the end stay there, unless they belong to a block scalar.
    let mut ways = [Edits::default(), Edits::default()];
    ways[0].insert(content, format!("{feed}{written}"));
    let starts_line = line_start(text, end) == end;
    ways[1].insert(end, if starts_line { format!("{written}{feed}") } else { format!("{feed}{written}") });
    ways.into()
}

/// Where a line ends the document that holds a byte (`...`, `---`); the text's length where none does.
fn document_end(text: &str, from: usize) -> usize {
    let mut at = next_line(text, from);
    while at < text.len() {
        let line = &text[at..line_end(text, at)];
        if ["...", "---"]
            .iter()
            .any(|marker| line.strip_prefix(marker).is_some_and(|rest| !rest.starts_with(|c: char| !c.is_whitespace())))
        {
            return at;
        }
        at = next_line(text, at);
    }
    text.len()
}

/// How the file's other lists are indented below their keys.
fn habit(at: &Located<'_>) -> String {
    for pair in at.pairs(at.document.root()) {
        let is_list = matches!(at.document.node(pair.node).kind, Kind::Sequence(_));
        let dash = if is_list && !at.is_flow(pair.node) { dash(at.text, pair.value.start) } else { None };
        if let Some(dash) = dash {
            let (key, dash) = (before_on_line(at.text, pair.key.start), before_on_line(at.text, dash));
            return dash.strip_prefix(key.trim_start_matches('\u{feff}')).unwrap_or_default().to_owned();
        }
    }
    String::new()
}

/// The dash of the list item that starts at a byte, or some lines above where an anchor or a comment stands between.
pub(super) fn dash(text: &str, start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        let line = line_start(text, at);
        let upto = &text[line..line_end(text, at)];
        let dash = line + (upto.len() - upto.trim_start_matches(' ').len());
        let after = text[dash.min(text.len())..].strip_prefix('-');
        if dash <= start && after.is_some_and(|after| after.starts_with([' ', '\t', '\r', '\n'])) {
            return Some(dash);
        }
        at = line.checked_sub(1)?;
    }
}

/// How pairs between braces are written.
struct Sample<'a> {
    quote: Option<char>,
    separator: &'a str,
    /// Between the brace and the first key.
    pad: &'a str,
}

impl<'a> Sample<'a> {
    /// As this pair is.
    fn of(at: &Located<'a>, pair: Option<&Pair>) -> Self {
        let is_flow = at.is_flow(at.document.root());
        let quote = pair.and_then(|pair| quote_of(&at.text[pair.key.clone()])).filter(|_| is_flow);
        let separator = pair.filter(|_| is_flow).map_or(": ", |pair| separator(at.text, pair));
        Self { quote, separator, pad: "" }
    }

    /// As the pairs of this item are.
    fn of_item(at: &Located<'a>, item: NodeId) -> Self {
        let pairs = at.pairs(item);
        let Some(first) = pairs.first().filter(|_| at.is_flow(item)) else { return Self::of(at, None) };
        let pad = at.text.get(at.range(item).start + 1..first.key.start).unwrap_or_default();
        let pad = if is_blank(pad) { pad } else { "" };
        Self { quote: quote_of(&at.text[first.key.clone()]), separator: separator(at.text, first), pad }
    }

    fn pair(&self, (key, value): &(&'static str, &str)) -> String {
        let value = quoted(value, self.quote.filter(|quote| *quote == '"'));
        format!("{}{}{value}", quoted(key, self.quote), self.separator)
    }

    /// An entry on one line.
    fn flow(&self, fields: &Fields<'_>) -> String {
        let comma = if self.separator == ":" { "," } else { ", " };
        let pairs: Vec<String> = fields.iter().map(|field| self.pair(field)).collect();
        format!("{{{}{}{}}}", self.pad, pairs.join(comma), self.pad)
    }
}
