//! [`Datum`] → text, byte for byte as Kustomize prints it: go-yaml v3 types the scalars, JSON carries the values, and the
//! emitter of go-yaml v2 writes them.
//!
//! Every rule here is held against `scalars.json` of the conformance corpus.

use std::cmp::Ordering;

use crate::source::Origin;
use crate::yaml::data::{Content, Datum, Quoting, Tag};
use crate::yaml::scalar::{self, Value};

/// Why a value cannot be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintError {
    /// Who set it.
    pub origin: Origin,
    /// What is wrong; lower case, no full stop.
    pub message: String,
}

/// A scalar as it is printed.
#[derive(Clone, Debug, PartialEq)]
pub enum Printed<'a> {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Any other number.
    Float(f64),
    /// A string.
    Text(std::borrow::Cow<'a, str>),
}

/// One document, with a line feed at its end.
pub fn document(root: &Datum) -> Result<String, PrintError> {
    let mut printer = Printer { out: String::with_capacity(512), line: 0 };
    printer.document(root)?;
    Ok(printer.out)
}

/// The value of a scalar as Kustomize's last reading of it sees it.
pub fn typed(node: &Datum) -> Result<Printed<'_>, PrintError> {
    let text = node.text();
    let refuse = |what: &str| Err(PrintError { origin: node.origin, message: format!("`{text}` is no {what}") });
    let string = || Ok(Printed::Text(text.into()));
    let implied = || scalar::tag(text);
    if node.quoting == Quoting::Folded && text.contains('\n') && matches!(node.tag, Tag::Str | Tag::Empty) {
        return Ok(Printed::Text(refolded(text).into()));
    }
    match node.tag {
        Tag::Str | Tag::Other | Tag::Merge | Tag::Map | Tag::Seq => string(),
        _ if node.quoting.is_quoted() && (node.tag == Tag::Empty || node.tag == implied()) => string(),
        Tag::Empty => resolved(text, implied(), node),
        Tag::Binary => match base64_decoded(text) {
            Some(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Ok(Printed::Text(text.into())),
                Err(error) => Ok(Printed::Text(String::from_utf8_lossy(error.as_bytes()).into_owned().into())),
            },
            None => refuse("base64"),
        },
        tag if tag == implied() => resolved(text, tag, node),
        Tag::Float if implied() == Tag::Int => resolved(text, Tag::Int, node),
        Tag::Null => refuse("null"),
        Tag::Bool => refuse("boolean"),
        Tag::Int => refuse("integer"),
        Tag::Float => refuse("number"),
        Tag::Timestamp => refuse("date"),
    }
}

fn resolved<'a>(text: &'a str, tag: Tag, node: &Datum) -> Result<Printed<'a>, PrintError> {
    Ok(match tag {
        Tag::Null => Printed::Null,
        Tag::Bool => Printed::Bool(text.starts_with(['t', 'T'])),
        Tag::Int | Tag::Float => match scalar::number(text) {
            Some(Value::Int(value)) => Printed::Int(value),
            Some(Value::Float(value)) => Printed::Float(value),
            _ => {
                let message = format!("`{text}` has no place in JSON, which every manifest becomes");
                return Err(PrintError { origin: node.origin, message });
            }
        },
        Tag::Timestamp => Printed::Text(scalar::timestamp(text).unwrap_or_else(|| text.to_owned()).into()),
        _ => Printed::Text(text.into()),
    })
}

/// What becomes of a folded scalar (`>`) when go-yaml writes it as one and reads it again. Before a line that is indented
/// further it writes a line feed too many; fixture `folded-text`.
fn refolded(text: &str) -> String {
    let allowed = Allowed::of(text);
    if !allowed.block {
        return text.to_owned();
    }
    let is_blank = |char: Option<char>| matches!(char, Some(' ' | '\t'));
    let starts_blank = matches!(text.chars().find(|char| *char != '\n'), None | Some(' ' | '\t'));
    let (mut written, mut breaks, mut leading_spaces) = (String::with_capacity(text.len() + 16), true, true);
    for char in text.chars() {
        if char == '\n' {
            if !breaks && !leading_spaces && !starts_blank {
                written.push('\n');
            }
            written.push('\n');
            breaks = true;
        } else {
            if breaks {
                leading_spaces = is_blank(Some(char));
            }
            written.push(char);
            breaks = false;
        }
    }
    let (mut read, mut leading_break, mut leading_blank) = (String::with_capacity(text.len()), false, false);
    let mut trailing = 0;
    for line in written.split('\n') {
        if line.is_empty() {
            trailing += 1;
            continue;
        }
        let blank = is_blank(line.chars().next());
        // The first empty line is the break of the line before it.
        if leading_break && (leading_blank || blank) {
            read.push('\n');
        } else if leading_break && trailing == 0 {
            read.push(' ');
        }
        read.extend(std::iter::repeat_n('\n', trailing));
        read.push_str(line);
        (leading_break, leading_blank, trailing) = (true, blank, 0);
    }
    let ends = text.len() - text.trim_end_matches('\n').len();
    match ends {
        0 => {}
        1 if ends < text.len() => read.push('\n'),
        // The last piece of the split is no line.
        _ => read.extend(std::iter::repeat_n('\n', trailing)),
    }
    read
}

/// A number as Go's `strconv` writes it with `%g`: the shortest digits that read back as the same number.
pub fn float_text(value: f64) -> String {
    // JSON has all digits of whole numbers, and what then fits 64 bits is an integer to its reader.
    let whole = if value.fract() == 0.0 && value.abs() < 1e21 { format!("{value}").parse::<i128>().ok() } else { None };
    match whole.filter(|whole| *whole >= i128::from(i64::MIN) && *whole <= i128::from(u64::MAX)) {
        Some(whole) => whole.to_string(),
        None => float_g(value),
    }
}

/// `%g`, whole numbers too.
pub fn float_g(value: f64) -> String {
    let scientific = format!("{value:e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..21).contains(&exponent) && exponent < 6 || value == 0.0 {
        return format!("{value}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}

fn base64_decoded(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let text: String = text.chars().filter(|char| !char.is_ascii_whitespace()).collect();
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}

/// Whether a plain scalar with this text is a string to a YAML 1.1 reader.
pub fn reads_as_string(text: &str) -> bool {
    let Some(first) = text.bytes().next() else { return false };
    match first {
        b'0'..=b'9' | b'+' | b'-' | b'.' => {}
        b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~' => {
            return !(text.len() <= 5 && is_word(text));
        }
        _ => return true,
    }
    if scalar::number(text).is_some() || is_word(text) || is_base_60(text) {
        return false;
    }
    !(first.is_ascii_digit() && scalar::timestamp(text).is_some())
}

fn is_word(text: &str) -> bool {
    matches!(
        text,
        "~" | "null" | "Null" | "NULL" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "n" | "N" | "no"
            | "No" | "NO" | "off" | "Off" | "OFF" | "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | ".inf"
            | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN" | ".NAN"
    )
}

/// `[-+]?\d[\d_]*(:[0-5]?\d)+(\.[\d_]*)?`
fn is_base_60(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let Some((whole, rest)) = unsigned.split_once(':') else { return false };
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if !whole.starts_with(|first: char| first.is_ascii_digit()) || !is_number(whole) {
        return false;
    }
    let (parts, fraction) = rest.split_once('.').map_or((rest, None), |(parts, fraction)| (parts, Some(fraction)));
    fraction.is_none_or(is_number)
        && parts.split(':').all(|part| match part.as_bytes() {
            [digit] => digit.is_ascii_digit(),
            [tens, digit] => (b'0'..=b'5').contains(tens) && digit.is_ascii_digit(),
            _ => false,
        })
}

/// The order of keys: numbers within names compare as numbers. Not transitive for odd sets, as in go-yaml.
pub fn compare_keys(left: &str, right: &str) -> Ordering {
    let (a, b) = (left.as_bytes(), right.as_bytes());
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (Some(&x), Some(&y)) = (a.get(same), b.get(same)) else { return a.len().cmp(&b.len()) };
    if x.is_ascii_alphabetic() && y.is_ascii_alphabetic() {
        return x.cmp(&y);
    }
    if x.is_ascii() && y.is_ascii() {
        return at_difference(a, b, same, x.is_ascii_alphabetic(), y.is_ascii_alphabetic());
    }
    // A byte within a character differs: step back to the character.
    let mut at = same;
    while !left.is_char_boundary(at) {
        at -= 1;
    }
    let (Some(x), Some(y)) = (left[at..].chars().next(), right[at..].chars().next()) else {
        return a.len().cmp(&b.len());
    };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => x.cmp(&y),
        (false, false) if x.is_ascii() || y.is_ascii() => at_difference(a, b, at, false, false).then(x.cmp(&y)),
        (false, false) => x.cmp(&y),
        (x_letter, _) => if x_letter { Ordering::Greater } else { Ordering::Less },
    }
}

fn at_difference(a: &[u8], b: &[u8], at: usize, a_letter: bool, b_letter: bool) -> Ordering {
    if a_letter != b_letter {
        return if a_letter { Ordering::Greater } else { Ordering::Less };
    }
    let mut leading = 0;
    if a[at] == b'0' || b[at] == b'0' {
        let before = a[..at].iter().rev().take_while(|byte| byte.is_ascii_digit());
        leading = i64::from(before.into_iter().any(|digit| *digit != b'0'));
    }
    let run = |bytes: &[u8]| {
        let digits = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold((leading, 0), |(number, length), digit| {
            (number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')), length + 1)
        })
    };
    let ((a_number, a_length), (b_number, b_length)) = (run(a), run(b));
    a_number.cmp(&b_number).then(usize::cmp(&a_length, &b_length)).then(a[at].cmp(&b[at]))
}

/// Sorts by a relation that need not be an order; the standard library's sort may panic on such.
fn sort_keys(pairs: &mut [(&str, &Datum, &Datum)]) {
    if pairs.is_sorted_by(|a, b| compare_keys(a.0, b.0) != Ordering::Greater) {
        return;
    }
    if pairs.len() <= 16 {
        for end in 1..pairs.len() {
            let mut at = end;
            while at > 0 && compare_keys(pairs[at].0, pairs[at - 1].0) == Ordering::Less {
                pairs.swap(at, at - 1);
                at -= 1;
            }
        }
        return;
    }
    let (left, right) = pairs.split_at_mut(pairs.len() / 2);
    sort_keys(left);
    sort_keys(right);
    let (left, right) = (left.to_vec(), right.to_vec());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    for place in pairs.iter_mut() {
        let from_right = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) => compare_keys(b.0, a.0) == Ordering::Less,
            (None, _) => true,
            (_, None) => false,
        };
        if let Some(next) = if from_right { right.next() } else { left.next() } {
            *place = next;
        }
    }
}

struct Printer {
    out: String,
    /// Where the current line starts in `out`.
    line: usize,
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

    fn string(
        &mut self,
        text: &str,
        indent: usize,
        key: bool,
        is_key: bool,
        origin: Origin,
    ) -> Result<(), PrintError> {
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
struct Allowed {
    plain: bool,
    single: bool,
    block: bool,
}

impl Allowed {
    fn of(text: &str) -> Self {
        let Some(first) = text.chars().next() else { return Self { plain: true, single: true, block: false } };
        let is_break = |char: char| matches!(char, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        let is_blank_or_end = |char: Option<char>| char.is_none_or(|char| char == ' ' || char == '\t' || is_break(char));
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
