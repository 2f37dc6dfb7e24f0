//! What a plain scalar means to go-yaml v3, the parser behind Kustomize and Argo CD: its mix of YAML 1.1 and 1.2.
//!
//! Source: `scalars.json` of the conformance corpus, recorded from Kustomize v5.8.1.

use crate::yaml::data::Tag;
use crate::yaml::node::Style;

/// A scalar's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Nothing, `~` or `null`.
    Null,
    /// `true` or `false`; `yes` and `on` are strings.
    Bool(bool),
    /// A whole number that fits 64 bits, signed or not.
    Int(i128),
    /// Any other number; `.inf` and `.nan` among them.
    Float(f64),
    /// Anything else.
    String(String),
}

impl Value {
    /// What a person calls this type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) => "an integer",
            Value::Float(_) => "a number",
            Value::String(_) => "a string",
        }
    }
}

impl From<Value> for serde_json::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Int(value) => match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) => value.into(),
                (_, Ok(value)) => value.into(),
                _ => Self::Null, // `resolve` makes no other
            },
            // JSON has no infinity: the text of it is the nearest thing, and no number to any schema.
            Value::Float(value) => serde_json::Number::from_f64(value).map_or(value.to_string().into(), Self::Number),
            Value::String(value) => Self::String(value),
        }
    }
}

/// The value of a scalar: `tag` is resolved, such as `tag:yaml.org,2002:str`.
pub fn resolve(text: &str, style: Style, tag: Option<&str>) -> Value {
    let core = tag.and_then(|tag| tag.strip_prefix("tag:yaml.org,2002:"));
    if core == Some("str") || style != Style::Plain && !matches!(core, Some("int" | "float" | "bool" | "null")) {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Value::Float(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Value::Float(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Value::Float(f64::NAN),
        _ => number(text).unwrap_or_else(|| Value::String(text.to_owned())),
    }
}

/// The tag that go-yaml v3 gives a plain scalar.
pub fn tag(text: &str) -> Tag {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Tag::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => Tag::Bool,
        "<<" => Tag::Merge,
        _ if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) => Tag::Str,
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf" | "-.INF" | ".nan" | ".NaN"
        | ".NAN" => Tag::Float,
        _ if timestamp(text).is_some() => Tag::Timestamp,
        _ => match number(text) {
            Some(Value::Int(_)) => Tag::Int,
            Some(_) => Tag::Float,
            None => Tag::Str,
        },
    }
}

/// A point in time as RFC 3339 writes it, where a text is one in YAML 1.1's spellings that go-yaml knows.
pub(super) fn timestamp(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || bytes[4] != b'-' || !bytes[..4].iter().all(u8::is_ascii_digit) {
        return None;
    }
    let year: u32 = text.get(..4)?.parse().ok()?;
    let (month, rest) = digits(text.get(5..)?)?;
    let (day, rest) = digits(rest.strip_prefix('-')?)?;
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(leap),
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    let date = format!("{year:04}-{month:02}-{day:02}");
    if rest.is_empty() {
        return Some(date + "T00:00:00Z");
    }
    let with_zone = rest.starts_with(['T', 't']);
    let (hour, rest) = digits(rest.strip_prefix(['T', 't', ' '])?)?;
    let (minute, rest) = digits(rest.strip_prefix(':')?)?;
    let (second, mut rest) = digits(rest.strip_prefix(':')?)?;
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut time = format!("{date}T{hour:02}:{minute:02}:{second:02}");
    if let Some(fraction) = rest.strip_prefix('.') {
        let end = fraction.find(|char: char| !char.is_ascii_digit()).unwrap_or(fraction.len());
        if end == 0 {
            return None;
        }
        let kept = fraction[..end.min(9)].trim_end_matches('0');
        if !kept.is_empty() {
            time = format!("{time}.{kept}");
        }
        rest = &fraction[end..];
    }
    match (with_zone, rest) {
        (false, "") | (true, "Z") => Some(time + "Z"),
        (true, zone) => {
            let bytes = zone.as_bytes();
            let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
            let fits = bytes.len() == 6 && bytes[3] == b':' && [1, 2, 4, 5].into_iter().all(digit);
            if !fits || !matches!(bytes[0], b'+' | b'-') {
                return None;
            }
            let (hours, minutes): (u32, u32) = (zone[1..3].parse().ok()?, zone[4..].parse().ok()?);
            let fits = hours <= 24 && minutes < 60;
            let zone = if hours == 0 && minutes == 0 { "Z" } else { zone };
            fits.then(|| time + zone)
        }
        _ => None,
    }
}

/// One or two digits at the start, and what follows.
fn digits(text: &str) -> Option<(u32, &str)> {
    let count = text.bytes().take(2).take_while(u8::is_ascii_digit).count();
    Some((text.get(..count)?.parse().ok()?, &text[count..]))
}

/// A number, in any of the spellings that go-yaml takes for one.
pub(super) fn number(text: &str) -> Option<Value> {
    if !text.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.')) {
        return None;
    }
    let digits = text.replace('_', "");
    integer(&digits).map(Value::Int).or_else(|| float(&digits).map(Value::Float))
}

/// `12`, `-0x1F`, `0b1`, `0o17`, `017` (octal); nothing beyond 64 bits.
fn integer(digits: &str) -> Option<i128> {
    let (negative, rest) = match digits.as_bytes().first()? {
        b'-' => (true, &digits[1..]),
        b'+' => (false, &digits[1..]),
        _ => (false, digits),
    };
    let lower = rest.to_ascii_lowercase();
    let (base, body) = match lower.get(..2) {
        Some("0x") => (16, &lower[2..]),
        Some("0b") => (2, &lower[2..]),
        Some("0o") => (8, &lower[2..]),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    if body.starts_with(['+', '-']) {
        return None;
    }
    let magnitude = i128::from_str_radix(body, base).ok()?;
    let value = if negative { -magnitude } else { magnitude };
    (value >= i128::from(i64::MIN) && value <= i128::from(u64::MAX)).then_some(value)
}

/// `[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?`; what overflows stays a string.
fn float(digits: &str) -> Option<f64> {
    let unsigned = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mantissa_fits = all_digits(whole) && all_digits(fraction) && !(whole.is_empty() && fraction.is_empty());
    let exponent_fits = exponent.is_none_or(|text| {
        let text = text.strip_prefix(['+', '-']).unwrap_or(text);
        !text.is_empty() && all_digits(text)
    });
    if !mantissa_fits || !exponent_fits {
        return None;
    }
    digits.parse::<f64>().ok().filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_typed_as_go_yaml_types_them() {
        let typed = |text: &str| resolve(text, Style::Plain, None);
        for (text, value) in [
            ("017", Value::Int(15)),
            ("0o17", Value::Int(15)),
            ("08", Value::Float(8.0)),
            ("0x1F", Value::Int(31)),
            ("1_000", Value::Int(1000)),
            ("18446744073709551615", Value::Int(u64::MAX.into())),
            ("18446744073709551616", Value::Float(18_446_744_073_709_551_616.0)),
            ("1.10", Value::Float(1.1)),
            ("553640e6", Value::Float(553_640e6)),
            ("+12", Value::Int(12)),
            ("~", Value::Null),
            ("True", Value::Bool(true)),
        ] {
            assert_eq!(typed(text), value, "{text}");
        }
        for text in ["yes", "on", "12:30:45", "1e400", "v1.2.3", "1.2.3", "0x", "-", ".", "1e", "<<", "0b2", "_1"] {
            assert_eq!(typed(text), Value::String(text.to_owned()), "{text}");
        }
    }

    #[test]
    fn quotes_and_the_string_tag_make_a_string() {
        assert_eq!(resolve("12", Style::Quoted, None), Value::String("12".to_owned()));
        assert_eq!(resolve("12", Style::Plain, Some("tag:yaml.org,2002:str")), Value::String("12".to_owned()));
        assert_eq!(resolve("12", Style::Quoted, Some("tag:yaml.org,2002:int")), Value::Int(12));
    }
}
