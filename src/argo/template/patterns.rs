//! The functions of templates that take regular expressions.

use regex::Regex;

use crate::argo::template::functions::{count, text, wrong_arguments};
use crate::argo::template::{Outcome, Wrong, fails};
use crate::argo::value::Value;

pub(super) const KNOWN: &[&str] = &[
    "regexMatch",
    "mustRegexMatch",
    "regexFind",
    "mustRegexFind",
    "regexFindAll",
    "mustRegexFindAll",
    "regexReplaceAll",
    "mustRegexReplaceAll",
    "regexReplaceAllLiteral",
    "mustRegexReplaceAllLiteral",
    "regexSplit",
    "mustRegexSplit",
];

/// Calls a function.
pub(super) fn call(name: &str, all: &[Value]) -> Outcome<Value> {
    let plain = name.strip_prefix("mustR").map_or(name.to_owned(), |rest| format!("r{rest}"));
    let [pattern, whole, rest @ ..] = all else { return wrong_arguments(name) };
    let whole = text(whole)?;
    let regex = match Regex::new(text(pattern)?) {
        Ok(regex) => regex,
        Err(_) if name == "regexMatch" => return Ok(Value::Bool(false)),
        Err(_) => return fails("a bad regular expression"),
    };
    let most = |value: &Value| Ok::<_, Wrong>(usize::try_from(count(value)?).unwrap_or(usize::MAX));
    let list = |parts: &mut dyn Iterator<Item = &str>| Value::List(parts.map(Value::text).collect());
    Ok(match (&*plain, rest) {
        ("regexMatch", []) => Value::Bool(regex.is_match(whole)),
        ("regexFind", []) => Value::text(regex.find(whole).map_or("", |found| found.as_str())),
        ("regexFindAll", [most_found]) => {
            list(&mut regex.find_iter(whole).take(most(most_found)?).map(|found| found.as_str()))
        }
        ("regexReplaceAll", [by]) => Value::text(regex.replace_all(whole, text(by)?)),
        ("regexReplaceAllLiteral", [by]) => Value::text(regex.replace_all(whole, regex::NoExpand(text(by)?))),
        ("regexSplit", [most_parts]) => match most(most_parts)? {
            usize::MAX => list(&mut regex.split(whole)),
            most => list(&mut regex.splitn(whole, most)),
        },
        _ => return wrong_arguments(name),
    })
}

/// Whether a text has a part that a regular expression means; a malformed one means nothing.
pub(in crate::argo) fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
}
