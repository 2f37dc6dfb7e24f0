//! [`Datum`] → text, byte for byte as Kustomize prints it: go-yaml v3 types the scalars, JSON carries the values, and the
//! emitter of go-yaml v2 writes them.
//!
//! Every rule here is held against `scalars.json` of the conformance corpus.

use crate::source::Origin;
use crate::yaml::data::{Content, Datum, Tag};
use crate::yaml::keys::sort_keys;
use crate::yaml::scalar;
pub use crate::yaml::typing::{Printed, float_g, float_text, reads_as_string, typed};

/// Why a value cannot be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintError {
    /// Who set it.
    pub origin: Origin,
    /// What is wrong; lower case, no full stop.
    pub message: String,
}

/// One document, with a line feed at its end.
pub fn document(root: &Datum) -> Result<String, PrintError> {
    let mut printer = Printer { out: String::with_capacity(512), line: 0, marks: None };
    printer.document(root)?;
    Ok(printer.out)
}

/// One document, line by line, each with who set what stands on it: the value, or the key where the value follows on
/// lines of its own. Lines that continue a text have its origin.
pub fn lines(root: &Datum) -> Result<Vec<(String, Origin)>, PrintError> {
    let mut printer = Printer { out: String::new(), line: 0, marks: Some(Vec::new()) };
    printer.document(root)?;
    let marks = printer.marks.unwrap_or_default();
    let mut marks = marks.into_iter().peekable();
    let (mut at, mut origin) = (0, root.origin);
    let line = |line: &str| {
        at += line.len();
        while let Some((_, mark)) = marks.next_if(|(offset, _)| *offset < at) {
            origin = mark;
        }
        (line.trim_end_matches('\n').to_owned(), origin)
    };
    Ok(printer.out.split_inclusive('\n').map(line).collect())
}

struct Printer {
    out: String,
    /// Where the current line starts in `out`.
    line: usize,
    /// Who set what starts at an offset of `out`, where that is asked for.
    marks: Option<Vec<(usize, Origin)>>,
}

/// The column after which a scalar is folded at its next space.
const WIDTH: usize = 80;

/// The longest key that stands before its `:` on one line, in bytes.
const LONGEST_KEY: usize = 128;

impl Printer {
    fn document(&mut self, root: &Datum) -> Result<(), PrintError> {
        match &root.content {
            Content::Mapping(_) if !is_empty_mapping(root) => self.mapping(root, 0, true),
            Content::Sequence(items) if !items.is_empty() => self.sequence(root, 0, true),
            _ => self.inline(root, 2),
        }?;
        if !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        Ok(())
    }

    fn mark(&mut self, origin: Origin) {
        if let Some(marks) = &mut self.marks {
            marks.push((self.out.len(), origin));
        }
    }

    fn new_line(&mut self, indent: usize) {
        if !self.out.ends_with('\n') && !self.out.is_empty() {
            self.out.push('\n');
        }
        self.line = self.out.len();
        self.pad(indent);
    }

    fn pad(&mut self, indent: usize) {
        const SPACES: &str = "                                                                ";
        let mut left = indent;
        while left > 0 {
            let part = left.min(SPACES.len());
            self.out.push_str(&SPACES[..part]);
            left -= part;
        }
    }

    fn mapping(&mut self, node: &Datum, indent: usize, inline: bool) -> Result<(), PrintError> {
        let mut pairs = Vec::with_capacity(node.pairs().len());
        // A quoted `<<` is a merge key to Kustomize's last reader, and comes to nothing there.
        for (key, value) in node.pairs().iter().filter(|(key, _)| key.text() != "<<") {
            pairs.push((key_text(key)?, key, value));
        }
        if pairs.is_empty() {
            return Ok(());
        }
        sort_keys(&mut pairs);
        let mut before: Option<&str> = None;
        for (at, (text, key, value)) in pairs.into_iter().enumerate() {
            if before == Some(text) {
                let message = format!("the key `{text}` occurs twice");
                return Err(PrintError { origin: key.origin, message });
            }
            before = Some(text);
            if at > 0 || !inline {
                self.new_line(indent);
            }
            self.mark(key.origin);
            let simple = text.len() <= LONGEST_KEY && !text.contains(['\n', '\r', '\u{2028}', '\u{2029}']);
            if simple {
                self.string(text, indent + 2, true, true, key.origin)?;
                self.out.push(':');
                self.value(value, indent)?;
            } else {
                self.out.push_str("? ");
                self.string(text, indent + 2, false, true, key.origin)?;
                self.new_line(indent);
                self.out.push(':');
                self.item(value, indent)?;
            }
        }
        Ok(())
    }

    /// What follows `key:`.
    fn value(&mut self, value: &Datum, indent: usize) -> Result<(), PrintError> {
        match &value.content {
            Content::Mapping(_) if !is_empty_mapping(value) => self.mapping(value, indent + 2, false),
            Content::Sequence(items) if !items.is_empty() => self.sequence(value, indent, false),
            _ => {
                self.out.push(' ');
                self.inline(value, indent + 2)
            }
        }
    }

    fn sequence(&mut self, node: &Datum, indent: usize, inline: bool) -> Result<(), PrintError> {
        for (at, item) in node.items().iter().enumerate() {
            if at > 0 || !inline {
                self.new_line(indent);
            }
            self.out.push('-');
            self.item(item, indent)?;
        }
        Ok(())
    }

    /// What follows a dash.
    fn item(&mut self, item: &Datum, indent: usize) -> Result<(), PrintError> {
        self.out.push(' ');
        match &item.content {
            Content::Mapping(_) if !is_empty_mapping(item) => self.mapping(item, indent + 2, true),
            Content::Sequence(items) if !items.is_empty() => self.sequence(item, indent + 2, true),
            _ => self.inline(item, indent + 2),
        }
    }

    /// A scalar or an empty collection; `indent` is that of a line that continues it.
    fn inline(&mut self, node: &Datum, indent: usize) -> Result<(), PrintError> {
        self.mark(node.origin);
        match &node.content {
            Content::Mapping(_) => self.out.push_str("{}"),
            Content::Sequence(_) => self.out.push_str("[]"),
            Content::Scalar(_) => match typed(node)? {
                Printed::Null => self.out.push_str("null"),
                Printed::Bool(value) => self.out.push_str(if value { "true" } else { "false" }),
                Printed::Int(value) => self.out.push_str(&value.to_string()),
                Printed::Float(value) => self.out.push_str(&float_text(value)),
                Printed::Text(text) => self.string(&text, indent, false, false, node.origin)?,
            },
        }
        Ok(())
    }

    fn string(&mut self, text: &str, indent: usize, key: bool, is_key: bool, origin: Origin) -> Result<(), PrintError> {
        if is_everyday(text) && reads_as_string(text) {
            self.out.push_str(text);
            return Ok(());
        }
        // A line break of another alphabet becomes a space on the way; within a key the reader stumbles over it.
        let forbidden = |char: char| matches!(char, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}');
        let readable = if is_key { text.into() } else { std::borrow::Cow::from(text.replace('\u{85}', " ")) };
        if readable.contains(forbidden) {
            let message = "a control character, which Kustomize cannot read back".to_owned();
            return Err(PrintError { origin, message });
        }
        let text = &*readable;
        let allowed = Allowed::of(text);
        let wanted = if text.contains('\n') {
            Style::Literal
        } else if reads_as_string(text) {
            Style::Plain
        } else {
            Style::Double
        };
        let style = match wanted {
            Style::Plain if !allowed.plain => Style::Single,
            Style::Literal if !allowed.block || key => Style::Double,
            style => style,
        };
        let style = if style == Style::Single && !allowed.single { Style::Double } else { style };
        match style {
            Style::Plain => self.flowed(text, indent, key, Style::Plain),
            Style::Single => {
                self.out.push('\'');
                self.flowed(text, indent, key, Style::Single);
                self.out.push('\'');
            }
            Style::Double => self.double(text, indent, key),
            Style::Literal => self.literal(text, indent),
        }
        Ok(())
    }

    /// Whether the line is full, so that a space may become a line break.
    fn full(&self, key: bool) -> bool {
        !key && self.out.len() - self.line > WIDTH && self.out[self.line..].chars().count() > WIDTH
    }

    fn flowed(&mut self, text: &str, indent: usize, key: bool, style: Style) {
        let (mut after_space, mut after_break) = (false, false);
        let last = text.len() - text.chars().next_back().map_or(0, char::len_utf8);
        for (at, char) in text.char_indices() {
            if char == ' ' {
                let edge = style == Style::Single && (at == 0 || at == last);
                if !after_space && !edge && !text[at + 1..].starts_with(' ') && self.full(key) {
                    self.new_line(indent);
                } else {
                    self.out.push(' ');
                }
                after_space = true;
            } else if matches!(char, '\u{2028}' | '\u{2029}') {
                self.out.push(char);
                self.line = self.out.len();
                after_break = true;
                after_space = false;
            } else {
                if after_break {
                    self.pad(indent);
                    after_break = false;
                }
                if style == Style::Single && char == '\'' {
                    self.out.push('\'');
                }
                self.out.push(char);
                after_space = false;
            }
        }
    }

    fn double(&mut self, text: &str, indent: usize, key: bool) {
        use std::fmt::Write as _;
        self.out.push('"');
        let bom = text.starts_with('\u{feff}');
        let last = text.len() - text.chars().next_back().map_or(0, char::len_utf8);
        let mut after_space = false;
        for (at, char) in text.char_indices() {
            if bom || !is_printable(char) || matches!(char, '"' | '\\' | '\n' | '\r' | '\u{2028}' | '\u{2029}') {
                let short = match char {
                    '\0' => "\\0",
                    '\u{7}' => "\\a",
                    '\u{8}' => "\\b",
                    '\t' => "\\t",
                    '\n' => "\\n",
                    '\u{b}' => "\\v",
                    '\u{c}' => "\\f",
                    '\r' => "\\r",
                    '\u{1b}' => "\\e",
                    '"' => "\\\"",
                    '\\' => "\\\\",
                    '\u{85}' => "\\N",
                    '\u{a0}' => "\\_",
                    '\u{2028}' => "\\L",
                    '\u{2029}' => "\\P",
                    _ => "",
                };
                let code = u32::from(char);
                let _ = match (short, code) {
                    ("", 0..=0xff) => write!(self.out, "\\x{code:02X}"),
                    ("", 0x100..=0xffff) => write!(self.out, "\\u{code:04X}"),
                    ("", _) => write!(self.out, "\\U{code:08X}"),
                    (short, _) => self.out.write_str(short),
                };
                after_space = false;
            } else if char == ' ' {
                if !after_space && at > 0 && at < last && self.full(key) {
                    self.new_line(indent);
                    if text[at + 1..].starts_with(' ') {
                        self.out.push('\\');
                    }
                } else {
                    self.out.push(' ');
                }
                after_space = true;
            } else {
                self.out.push(char);
                after_space = false;
            }
        }
        self.out.push('"');
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.out.push('|');
        if text.starts_with([' ', '\n', '\u{2028}', '\u{2029}']) {
            self.out.push('2');
        }
        let is_break = |char: char| matches!(char, '\n' | '\u{2028}' | '\u{2029}');
        match text.strip_suffix(is_break) {
            None => self.out.push('-'),
            Some(rest) if rest.is_empty() || rest.ends_with(is_break) => self.out.push('+'),
            Some(_) => {}
        }
        self.out.push('\n');
        self.line = self.out.len();
        let mut at_start = true;
        for char in text.chars() {
            if is_break(char) {
                self.out.push(char);
                self.line = self.out.len();
                at_start = true;
            } else {
                if at_start {
                    self.pad(indent);
                    at_start = false;
                }
                self.out.push(char);
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// Whether nothing of a mapping is printed.
fn is_empty_mapping(node: &Datum) -> bool {
    node.pairs().iter().all(|(key, _)| key.text() == "<<")
}

/// Most strings: nothing in them needs a second look.
fn is_everyday(text: &str) -> bool {
    text.as_bytes().first().is_some_and(|first| first.is_ascii_alphanumeric() || *first == b'/')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-'))
}

/// The styles that a text allows, as libyaml's analysis of scalars has them.
pub(super) struct Allowed {
    plain: bool,
    single: bool,
    pub(super) block: bool,
}

impl Allowed {
    pub(super) fn of(text: &str) -> Self {
        let Some(first) = text.chars().next() else { return Self { plain: true, single: true, block: false } };
        let is_break = |char: char| matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let is_blank_or_end =
            |char: Option<char>| char.is_none_or(|char| char == ' ' || char == '\t' || is_break(char));
        let mut indicators = text.starts_with("---") || text.starts_with("...");
        let (mut special, mut breaks, mut space_break, mut break_space) = (false, false, false, false);
        let (mut before, mut blank_before) = (None, true);
        let mut chars = text.chars().peekable();
        while let Some(char) = chars.next() {
            let followed = is_blank_or_end(chars.peek().copied());
            indicators |= match char {
                '#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`'
                    if before.is_none() =>
                {
                    true
                }
                '?' | '-' if before.is_none() => followed,
                ':' => followed,
                '#' => blank_before,
                _ => false,
            };
            special |= !is_printable(char);
            breaks |= is_break(char);
            space_break |= is_break(char) && before == Some(' ');
            break_space |= char == ' ' && before.is_some_and(is_break);
            blank_before = is_blank_or_end(Some(char));
            before = Some(char);
        }
        let last = before.unwrap_or(first);
        let edges = |char: char| char == ' ' || is_break(char);
        let broken = space_break || special;
        Self {
            plain: !(edges(first) || edges(last) || break_space || broken || breaks || indicators),
            single: !(break_space || broken),
            block: !(last == ' ' || broken),
        }
    }
}

/// What libyaml writes as it is: no tab, no carriage return, nothing beyond the basic plane.
fn is_printable(char: char) -> bool {
    matches!(char, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}') && char != '\u{feff}'
}

/// The text of a key, which must be a string.
fn key_text(key: &Datum) -> Result<&str, PrintError> {
    let is_string = match (&key.content, key.tag) {
        (Content::Scalar(_), Tag::Str | Tag::Other | Tag::Merge) => true,
        (Content::Scalar(text), Tag::Empty) => key.quoting.is_quoted() || scalar::tag(text) == Tag::Str,
        _ => false,
    };
    if is_string {
        return Ok(key.text());
    }
    let message = format!("the key `{}` is no string: put it in quotes", key.text());
    Err(PrintError { origin: key.origin, message })
}
