//! The everyday subset of YAML, read straight from its lines: block mappings and lists, scalars on one line, literal texts.
//!
//! Nine of ten manifests hold nothing else, and the general parser takes several times as long for them. What is not
//! certain to be in the subset is left to that parser, errors included; the tests hold the two against each other.

use compact_str::CompactString;

use crate::source::{FileId, Origin};
use crate::yaml::data::{Content, Datum, Quoting, Tag};
use crate::yaml::scalar;

/// Deeper nesting is left to the general parser.
const DEEPEST: usize = 60;

/// Longer keys are left to the general parser, which has a limit of its own.
const LONGEST_KEY: usize = 256;

/// The only document of a text; `None` where the text is not certain to be in the subset.
pub(super) fn document(text: &str, base: usize, file: FileId, most_nodes: usize) -> Option<Datum> {
    // Each node takes two bytes at least.
    if text.len() / 2 >= most_nodes || !is_everyday(text) {
        return None;
    }
    let mut reader = Reader { text, base, file, line: Line::default(), end: 0 };
    if text.starts_with("---\n") {
        reader.end = 4;
    }
    reader.next_line()?;
    if reader.line.is_end {
        return None;
    }
    let root = reader.block(reader.line.indent, 0)?;
    reader.line.is_end.then_some(root)
}

/// Whether every character means only itself to every reader of YAML. Tabs are looked at where they stand.
fn is_everyday(text: &str) -> bool {
    let is_control = |byte: u8| byte < b' ' && byte != b'\n' && byte != b'\t' || byte == 0x7f;
    if text.bytes().any(is_control) {
        return false;
    }
    let is_special = |char: char| {
        matches!(char, '\u{80}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    text.is_ascii() || !text.chars().any(is_special)
}

/// A line with something in it.
#[derive(Clone, Copy, Default)]
struct Line {
    /// Where its first character that is no space stands: in the text, and in the line.
    start: usize,
    indent: usize,
    /// Where it ends, without trailing spaces.
    end: usize,
    /// No line is left.
    is_end: bool,
}

struct Reader<'a> {
    text: &'a str,
    base: usize,
    file: FileId,
    /// The line to be read next; what was read of it is cut off its start.
    line: Line,
    /// Where the text after the line starts.
    end: usize,
}

impl<'a> Reader<'a> {
    fn origin(&self, at: usize) -> Origin {
        Origin::at(self.file, u32::try_from(self.base + at).unwrap_or(u32::MAX))
    }

    /// Goes on to the next line that is neither empty nor a comment.
    fn next_line(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        loop {
            let from = self.end;
            let Some(rest) = self.text.get(from..).filter(|rest| !rest.is_empty()) else {
                self.line = Line { start: from, indent: 0, end: from, is_end: true };
                return Some(());
            };
            let length = rest.find('\n').unwrap_or(rest.len());
            self.end = (from + length + 1).min(self.text.len());
            let line = &rest[..length];
            let indent = line.bytes().take_while(|byte| *byte == b' ').count();
            match line.as_bytes().get(indent) {
                None | Some(b'#') => continue,
                Some(b'\t') => return None,
                Some(b'-' | b'.') if indent == 0 && (line.starts_with("---") || line.starts_with("...")) => {
                    return None;
                }
                Some(_) => {}
            }
            let mut end = from + length;
            while bytes[end - 1] == b' ' {
                end -= 1;
            }
            if line.as_bytes().contains(&b'\t') {
                return None;
            }
            self.line = Line { start: from + indent, indent, end, is_end: false };
            return Some(());
        }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.line.start..self.line.end]
    }

    /// The mapping or list that starts at the line, whose entries stand at `indent`.
    fn block(&mut self, indent: usize, depth: usize) -> Option<Datum> {
        if depth > DEEPEST {
            return None;
        }
        if is_item(self.rest()) { self.list(indent, depth) } else { self.mapping(indent, depth) }
    }

    fn list(&mut self, indent: usize, depth: usize) -> Option<Datum> {
        if depth > DEEPEST {
            return None;
        }
        let mut list = Datum::sequence(self.origin(self.line.start));
        let items = list.items_mut()?;
        while !self.line.is_end && self.line.indent == indent && is_item(self.rest()) {
            let item = self.rest()[1..].trim_start_matches(' ');
            if item.is_empty() || item.starts_with('#') {
                return None;
            }
            let skipped = self.rest().len() - item.len();
            self.line.start += skipped;
            self.line.indent += skipped;
            // `- - a` and the like are rare; `- key: value` is a mapping that starts behind the dash.
            items.push(if is_item(item) {
                return None;
            } else if key(item).is_some() {
                self.mapping(self.line.indent, depth + 1)?
            } else {
                self.scalar(indent)?
            });
        }
        (self.line.is_end || self.line.indent <= indent).then_some(list)
    }

    fn mapping(&mut self, indent: usize, depth: usize) -> Option<Datum> {
        if depth > DEEPEST {
            return None;
        }
        let mut mapping = Datum::mapping(self.origin(self.line.start));
        let pairs = mapping.pairs_mut()?;
        while !self.line.is_end && self.line.indent == indent {
            if is_item(self.rest()) {
                // Where a list may stand at the indentation of its key, the key's value has taken it.
                break;
            }
            let Key { text, quoting, length } = key(self.rest())?;
            let tag = if quoting == Quoting::Plain { scalar::tag(text) } else { Tag::Str };
            let key = Datum {
                content: Content::Scalar(CompactString::new(text)),
                origin: self.origin(self.line.start),
                tag,
                quoting,
                shared: 0,
            };
            let value = self.rest()[length..].trim_start_matches(' ');
            let value = if value.is_empty() || value.starts_with('#') {
                self.next_line()?;
                if !self.line.is_end && self.line.indent == indent && is_item(self.rest()) {
                    // The general parser has such a list start behind its first dash.
                    let first = self.rest()[1..].trim_start_matches(' ');
                    let start = self.line.end - first.len();
                    Datum { origin: self.origin(start), ..self.list(indent, depth + 1)? }
                } else {
                    self.below(indent + 1, depth)?
                }
            } else {
                self.line.start = self.line.end - value.len();
                self.scalar(indent)?
            };
            pairs.push((key, value));
        }
        (self.line.is_end || self.line.indent <= indent).then_some(mapping)
    }

    /// A block on lines of its own. What is absent is left to the general parser, as are texts.
    fn below(&mut self, least_indent: usize, depth: usize) -> Option<Datum> {
        if self.line.is_end || self.line.indent < least_indent {
            return None;
        }
        self.block(self.line.indent, depth + 1)
    }

    /// The value on the rest of the line, within a block at `indent`.
    fn scalar(&mut self, indent: usize) -> Option<Datum> {
        let (rest, start) = (self.rest(), self.line.start);
        let origin = self.origin(start);
        let (text, tag, quoting) = match rest.as_bytes()[0] {
            quote @ (b'"' | b'\'') => {
                let (text, length) = quoted(rest, char::from(quote))?;
                is_over(&rest[length..]).then_some(())?;
                (text, Tag::Str, if quote == b'"' { Quoting::Double } else { Quoting::Single })
            }
            b'|' => return self.literal(indent),
            b'{' | b'[' => {
                let (empty, is_mapping) = match rest {
                    "{}" => (Datum::mapping(origin), true),
                    "[]" => (Datum::sequence(origin), false),
                    _ => return None,
                };
                debug_assert_eq!(is_mapping, empty.is_mapping());
                self.next_line()?;
                self.ends(indent)?;
                return Some(Datum { quoting: Quoting::Flow, ..empty });
            }
            _ => {
                let text = plain(rest)?;
                (text, scalar::tag(text), Quoting::Plain)
            }
        };
        self.next_line()?;
        self.ends(indent)?;
        Some(Datum { content: Content::Scalar(CompactString::new(text)), origin, tag, quoting, shared: 0 })
    }

    /// A line that stands deeper would go on with the value before it.
    fn ends(&self, indent: usize) -> Option<()> {
        (self.line.is_end || self.line.indent <= indent).then_some(())
    }

    /// A text after `|`, `|-` or `|+`.
    fn literal(&mut self, indent: usize) -> Option<Datum> {
        let mut origin = self.origin(self.line.start);
        let chomping = match self.rest() {
            "|" => None,
            "|-" => Some('-'),
            "|+" => Some('+'),
            _ => return None,
        };
        let (mut text, mut blank, mut inner) = (String::new(), 0, None);
        while let Some(rest) = self.text.get(self.end..).filter(|rest| !rest.is_empty()) {
            let (line, length) = match rest.find('\n') {
                Some(at) => (&rest[..at], at + 1),
                // Whether the last line ends is left to the general parser.
                None => return None,
            };
            let spaces = line.bytes().take_while(|byte| *byte == b' ').count();
            if spaces == line.len() {
                // Spaces beyond the text's indentation would be part of it.
                if inner.is_none_or(|inner| spaces > inner) && spaces > 0 {
                    return None;
                }
                blank += 1;
                self.end += length;
                continue;
            }
            let inner = *inner.get_or_insert(spaces);
            if text.is_empty() {
                origin = self.origin(self.end + inner);
            }
            if spaces < inner || spaces <= indent {
                if spaces > indent || line.as_bytes()[spaces] == b'\t' {
                    return None;
                }
                break;
            }
            if line[..spaces.min(inner)].len() < inner || line.as_bytes()[spaces] == b'\t' && spaces == inner {
                return None;
            }
            text.extend(std::iter::repeat_n('\n', blank));
            blank = 0;
            text.push_str(&line[inner..]);
            text.push('\n');
            self.end += length;
        }
        if text.is_empty() {
            return None;
        }
        match chomping {
            None => {}
            Some('-') => drop(text.pop()),
            Some(_) => text.extend(std::iter::repeat_n('\n', blank)),
        }
        self.next_line()?;
        self.ends(indent)?;
        let content = Content::Scalar(CompactString::from(text));
        Some(Datum { content, origin, tag: Tag::Str, quoting: Quoting::Literal, shared: 0 })
    }
}

/// Whether a line is an item of a list.
fn is_item(line: &str) -> bool {
    line == "-" || line.starts_with("- ")
}

/// Whether nothing but a comment follows.
fn is_over(rest: &str) -> bool {
    rest.is_empty() || rest.starts_with(' ') && rest.trim_start_matches(' ').starts_with('#')
}

struct Key<'a> {
    text: &'a str,
    quoting: Quoting,
    /// In bytes, with quotes and colon.
    length: usize,
}

/// The key at the start of a line, where one is.
fn key(line: &str) -> Option<Key<'_>> {
    let quote = line.chars().next().filter(|first| matches!(first, '"' | '\''));
    let ends = |rest: &str| rest.starts_with(':') && matches!(rest.as_bytes().get(1), None | Some(b' '));
    if let Some(quote) = quote {
        let (text, length) = quoted(line, quote).filter(|(text, _)| text.len() <= LONGEST_KEY)?;
        let quoting = if quote == '"' { Quoting::Double } else { Quoting::Single };
        return ends(&line[length..]).then_some(Key { text, quoting, length: length + 1 });
    }
    let mut from = 0;
    let colon = loop {
        let at = from + line[from..].find(':')?;
        if ends(&line[at..]) {
            break at;
        }
        from = at + 1;
    };
    let text = &line[..colon];
    let is_plain = starts_plain(text) && !text.contains(" #") && !text.ends_with(' ') && text.len() <= LONGEST_KEY;
    is_plain.then_some(Key { text, quoting: Quoting::Plain, length: colon + 1 })
}

/// The text between quotes that hold no escape, and the length with them.
fn quoted(line: &str, quote: char) -> Option<(&str, usize)> {
    let inner = &line[1..];
    let end = inner.find(quote)?;
    let text = &inner[..end];
    let escapes = if quote == '"' { text.contains('\\') } else { inner[end + 1..].starts_with('\'') };
    (!escapes).then_some((text, end + 2))
}

/// A plain scalar that ends with the line, without the comment behind it.
fn plain(rest: &str) -> Option<&str> {
    let text = match rest.find(" #") {
        Some(at) => rest[..at].trim_end_matches(' '),
        None => rest,
    };
    (starts_plain(text) && !text.contains(": ") && !text.ends_with(':')).then_some(text)
}

/// Whether a text starts as no other thing than a plain scalar does.
fn starts_plain(text: &str) -> bool {
    match text.as_bytes() {
        [b'-', next, ..] => *next != b' ',
        [first, ..] => {
            first.is_ascii_alphanumeric()
                || matches!(first, b'_' | b'/' | b'.' | b'$' | b'(' | b'+' | b'^' | b'~' | b'=' | b';')
        }
        [] => false,
    }
}
