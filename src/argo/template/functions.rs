//! The functions of templates: those of Go, of numbers and of choices. Those of texts, lists and maps have files of their own.

use std::cmp::Ordering;

use crate::argo::template::{MOST, Outcome, Wrong, collections, fails, patterns, texts};
use crate::argo::value::Value;

/// What a function is given, in order; what was piped comes last.
pub(super) type Arguments = Vec<Value>;

const KNOWN: &[&str] = &[
    "and",
    "or",
    "not",
    "len",
    "index",
    "slice",
    "print",
    "println",
    "printf",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "default",
    "empty",
    "coalesce",
    "ternary",
    "all",
    "any",
    "fail",
    "add",
    "add1",
    "sub",
    "mul",
    "div",
    "mod",
    "max",
    "min",
    "floor",
    "ceil",
    "round",
    "int",
    "int64",
    "float64",
    "atoi",
    "toDecimal",
    "kindOf",
    "kindIs",
    "typeOf",
    "typeIs",
    "until",
    "untilStep",
    "toString",
];

/// Whether there is a function of this name.
pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
        || patterns::KNOWN.contains(&name)
        || texts::KNOWN.contains(&name)
        || collections::KNOWN.contains(&name)
}

/// Calls a function.
pub(super) fn call(name: &str, arguments: Arguments) -> Outcome<Value> {
    if texts::KNOWN.contains(&name) {
        return texts::call(name, &arguments);
    }
    if patterns::KNOWN.contains(&name) {
        return patterns::call(name, &arguments);
    }
    if collections::KNOWN.contains(&name) {
        return collections::call(name, arguments);
    }
    let all = &arguments[..];
    match (name, all) {
        ("not" | "empty", [value]) => Ok(Value::Bool(!value.is_true())),
        ("len", [value]) => length(value),
        ("index", [value, path @ ..]) => index(value, path),
        ("slice", [value, path @ ..]) => slice(value, path),
        ("print", _) => Ok(Value::Text(spaced(all))),
        ("println", _) => {
            let words: Vec<_> = all.iter().map(Value::printed).collect();
            Ok(Value::Text(words.join(" ") + "\n"))
        }
        ("printf", [format, rest @ ..]) => texts::printf(text(format)?, rest).map(Value::Text),
        ("eq", [first, rest @ ..]) if !rest.is_empty() => {
            for other in rest {
                if equal(first, other)? {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        ("ne", [a, b]) => Ok(Value::Bool(!equal(a, b)?)),
        ("lt", [a, b]) => Ok(Value::Bool(order(a, b)? == Ordering::Less)),
        ("le", [a, b]) => Ok(Value::Bool(order(a, b)? != Ordering::Greater)),
        ("gt", [a, b]) => Ok(Value::Bool(order(a, b)? == Ordering::Greater)),
        ("ge", [a, b]) => Ok(Value::Bool(order(a, b)? != Ordering::Less)),
        ("default", [otherwise]) => Ok(otherwise.clone()),
        ("default", [otherwise, value, ..]) => Ok(if value.is_true() { value } else { otherwise }.clone()),
        ("coalesce", _) => Ok(all.iter().find(|value| value.is_true()).cloned().unwrap_or(Value::Null)),
        ("ternary", [yes, no, Value::Bool(is)]) => Ok(if *is { yes } else { no }.clone()),
        ("all", _) => Ok(Value::Bool(all.iter().all(Value::is_true))),
        ("any", _) => Ok(Value::Bool(all.iter().any(Value::is_true))),
        ("fail", [message]) => fails(text(message)?),
        ("kindOf", [value]) => Ok(Value::text(value.kind())),
        ("kindIs", [kind, value]) => Ok(Value::Bool(text(kind)? == value.kind())),
        ("typeOf", [value]) => Ok(Value::text(type_of(value))),
        ("typeIs", [kind, value]) => Ok(Value::Bool(text(kind)? == type_of(value))),
        ("toString", [value]) => Ok(Value::Text(value.printed())),
        ("until", [count]) => {
            let count = int(count);
            steps(0, count, if count < 0 { -1 } else { 1 })
        }
        ("untilStep", [start, stop, step]) => steps(int(start), int(stop), int(step)),
        _ => math(name, all),
    }
}

fn math(name: &str, all: &[Value]) -> Outcome<Value> {
    let fold = |start: i64, step: fn(i64, i64) -> i64| Value::Int(all.iter().map(int).fold(start, step));
    Ok(match (name, all) {
        ("add", _) => fold(0, i64::wrapping_add),
        ("add1", [value]) => Value::Int(int(value).wrapping_add(1)),
        ("sub", [a, b]) => Value::Int(int(a).wrapping_sub(int(b))),
        ("mul", [_, _, ..]) => fold(1, i64::wrapping_mul),
        ("div" | "mod", [_, b]) if int(b) == 0 => return fails("integer divide by zero"),
        ("div", [a, b]) => Value::Int(int(a).wrapping_div(int(b))),
        ("mod", [a, b]) => Value::Int(int(a).wrapping_rem(int(b))),
        ("max", [first, ..]) => fold(int(first), i64::max),
        ("min", [first, ..]) => fold(int(first), i64::min),
        ("int" | "int64" | "atoi" | "toDecimal", [value]) => Value::Int(whole(name, value)),
        ("float64", [value]) => Value::Float(float(value)),
        ("floor", [value]) => Value::Float(float(value).floor()),
        ("ceil", [value]) => Value::Float(float(value).ceil()),
        ("round", [value, digits, ..]) => {
            let scale = 10_f64.powi(i32::try_from(int(digits)).unwrap_or(0));
            Value::Float((float(value) * scale).round() / scale)
        }
        _ => return wrong_arguments(name),
    })
}

/// Number or kinds of arguments that a function does not take.
pub(super) fn wrong_arguments<T>(name: &str) -> Outcome<T> {
    fails(format!("`{name}` does not take these arguments"))
}

/// The text that a function must be given.
pub(super) fn text(value: &Value) -> Outcome<&str> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Null => fails("invalid value; expected string"),
        other => fails(format!("wrong type for value; expected string; got {}", other.kind())),
    }
}

/// The number that a function must be given as one.
pub(super) fn count(value: &Value) -> Outcome<i64> {
    match value {
        Value::Int(value) => Ok(*value),
        other => fails(format!("wrong type for value; expected int; got {}", other.kind())),
    }
}

/// What sprig makes a number of; 0 of what is none.
#[allow(clippy::cast_possible_truncation)] // so does Go
pub(super) fn int(value: &Value) -> i64 {
    match value {
        Value::Int(value) => *value,
        Value::Float(value) => *value as i64,
        Value::Bool(value) => i64::from(*value),
        Value::Text(text) => number(text),
        _ => 0,
    }
}

/// A text as a whole number, in the bases that Go's literals have.
fn number(text: &str) -> i64 {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    i64::from_str_radix(digits, base).map_or(0, |value| sign * value)
}

fn whole(name: &str, value: &Value) -> i64 {
    match (name, value) {
        ("toDecimal", value) => i64::from_str_radix(&value.printed(), 8).unwrap_or(0),
        ("atoi", Value::Text(text)) => text.parse().unwrap_or(0),
        _ => int(value),
    }
}

#[allow(clippy::cast_precision_loss)] // so does Go
fn float(value: &Value) -> f64 {
    match value {
        Value::Float(value) => *value,
        Value::Text(text) => text.parse().unwrap_or(0.0),
        other => int(other) as f64,
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
        other => other.kind(),
    }
}

/// Words with a space between two of which neither is a text, as Go's `Sprint` has it.
fn spaced(all: &[Value]) -> String {
    let mut out = String::new();
    for (at, value) in all.iter().enumerate() {
        let is_text = |value: &Value| matches!(value, Value::Text(_));
        if at > 0 && !is_text(value) && !is_text(&all[at - 1]) {
            out.push(' ');
        }
        out += &value.printed();
    }
    out
}

#[allow(clippy::cast_possible_wrap)] // nothing is that long
fn length(value: &Value) -> Outcome<Value> {
    Ok(Value::Int(match value {
        Value::Text(text) => text.len() as i64,
        Value::List(items) => items.len() as i64,
        Value::Map(map) => map.len() as i64,
        Value::Null => return fails("len of nil pointer"),
        other => return fails(format!("len of type {}", other.kind())),
    }))
}

fn index(value: &Value, path: &[Value]) -> Outcome<Value> {
    let mut value = value;
    for key in path {
        value = match (value, key) {
            (Value::Map(map), Value::Text(key)) => map.get(key).unwrap_or(&Value::Null),
            (Value::List(items), Value::Int(at)) => match usize::try_from(*at).ok().and_then(|at| items.get(at)) {
                Some(item) => item,
                None => return fails(format!("index out of range: {at}")),
            },
            (Value::Text(text), Value::Int(at)) => {
                let byte = usize::try_from(*at).ok().and_then(|at| text.as_bytes().get(at));
                return byte.map_or_else(|| fails("index out of range"), |byte| Ok(Value::Int(i64::from(*byte))));
            }
            (Value::Null, _) => return fails("index of untyped nil"),
            (other, _) => return fails(format!("can't index item of type {}", other.kind())),
        };
    }
    Ok(value.clone())
}

fn slice(value: &Value, path: &[Value]) -> Outcome<Value> {
    // It is sprig's, for lists alone, which hides Go's.
    let Value::List(items) = value else { return fails("list should be type of slice or array") };
    let length = items.len();
    let at = |place: usize, otherwise: usize| match path.get(place) {
        None => Ok(otherwise),
        Some(value) => usize::try_from(count(value)?).or_else(|_| fails("index out of range")),
    };
    let (from, to) = (at(0, 0)?, at(1, length)?);
    if from > to || to > length {
        return fails("index out of range");
    }
    Ok(Value::List(items[from..to].to_vec()))
}

#[allow(clippy::float_cmp)] // so does Go
fn equal(a: &Value, b: &Value) -> Outcome<bool> {
    match (a, b) {
        (Value::Null, Value::Null) => Ok(true),
        (Value::Null, _) | (_, Value::Null) => Ok(false),
        (Value::Text(a), Value::Text(b)) => Ok(a == b),
        (Value::Bool(a), Value::Bool(b)) => Ok(a == b),
        (Value::Int(a), Value::Int(b)) => Ok(a == b),
        (Value::Float(a), Value::Float(b)) => Ok(a == b),
        (Value::List(_), Value::List(_)) | (Value::Map(_), Value::Map(_)) => fails("non-comparable type"),
        _ => fails("incompatible types for comparison"),
    }
}

fn order(a: &Value, b: &Value) -> Outcome<Ordering> {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => Ok(a.cmp(b)),
        (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => Ok(a.total_cmp(b)),
        _ => fails("incompatible types for comparison"),
    }
}

fn steps(start: i64, stop: i64, step: i64) -> Outcome<Value> {
    let mut list = Vec::new();
    let mut at = start;
    while step != 0 && (if step > 0 { at < stop } else { at > stop }) {
        if list.len() >= MOST {
            return Err(Wrong::Unknown("a list is longer than what is worked out here".to_owned()));
        }
        list.push(Value::Int(at));
        at = at.saturating_add(step);
    }
    Ok(Value::List(list))
}
