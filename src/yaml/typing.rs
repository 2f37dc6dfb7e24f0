//! What a scalar comes to: go-yaml v3 types it, JSON carries it, and YAML 1.1 reads it again.

use crate::yaml::data::{Datum, Quoting, Tag};
use crate::yaml::print::{Allowed, PrintError};
use crate::yaml::scalar::{self, Value};

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
        "~" | "null"
            | "Null"
            | "NULL"
            | "y"
            | "Y"
            | "yes"
            | "Yes"
            | "YES"
            | "on"
            | "On"
            | "ON"
            | "n"
            | "N"
            | "no"
            | "No"
            | "NO"
            | "off"
            | "Off"
            | "OFF"
            | "true"
            | "True"
            | "TRUE"
            | "false"
            | "False"
            | "FALSE"
            | ".inf"
            | ".Inf"
            | ".INF"
            | "+.inf"
            | "+.Inf"
            | "+.INF"
            | "-.inf"
            | "-.Inf"
            | "-.INF"
            | ".nan"
            | ".NaN"
            | ".NAN"
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

impl Datum {
    /// The whole number that a scalar comes to.
    pub fn int(&self) -> Option<i64> {
        match typed(self).ok().filter(|_| self.is_scalar())? {
            Printed::Int(value) => i64::try_from(value).ok(),
            _ => None,
        }
    }

    /// The boolean that a scalar comes to.
    pub fn flag(&self) -> Option<bool> {
        match typed(self).ok().filter(|_| self.is_scalar())? {
            Printed::Bool(value) => Some(value),
            _ => None,
        }
    }
}
