//! The functions of templates that make lists and maps.

use crate::argo::template::functions::{Arguments, count, text, wrong_arguments};
use crate::argo::template::{Outcome, fails};
use crate::argo::value::{Params, Value};

pub(super) const KNOWN: &[&str] = &[
    "list",
    "tuple",
    "first",
    "last",
    "rest",
    "initial",
    "append",
    "push",
    "prepend",
    "concat",
    "has",
    "without",
    "uniq",
    "reverse",
    "compact",
    "chunk",
    "dict",
    "get",
    "set",
    "unset",
    "hasKey",
    "pluck",
    "keys",
    "values",
    "pick",
    "omit",
    "merge",
    "mergeOverwrite",
    "mustMerge",
    "mustMergeOverwrite",
    "dig",
    "deepCopy",
];

/// Calls a function.
pub(super) fn call(name: &str, arguments: Arguments) -> Outcome<Value> {
    if matches!(name, "list" | "tuple") {
        return Ok(Value::List(arguments));
    }
    if name == "concat" {
        let mut all = Vec::new();
        for argument in &arguments {
            all.extend_from_slice(list(name, argument)?);
        }
        return Ok(Value::List(all));
    }
    if let Some(result) = of_list(name, &arguments)? {
        return Ok(result);
    }
    of_map(name, &arguments)
}

fn list<'a>(name: &str, value: &'a Value) -> Outcome<&'a [Value]> {
    match value {
        Value::List(items) => Ok(items),
        _ => fails(format!("`{name}` needs a list")),
    }
}

fn of_list(name: &str, all: &[Value]) -> Outcome<Option<Value>> {
    let made = match (name, all) {
        ("first", [items]) => list(name, items)?.first().cloned().unwrap_or(Value::Null),
        ("last", [items]) => list(name, items)?.last().cloned().unwrap_or(Value::Null),
        ("rest", [items]) => match list(name, items)? {
            [] => Value::Null,
            [_, rest @ ..] => Value::List(rest.to_vec()),
        },
        ("initial", [items]) => match list(name, items)? {
            [] => Value::Null,
            [initial @ .., _] => Value::List(initial.to_vec()),
        },
        ("append" | "push", [items, item]) => Value::List([list(name, items)?, std::slice::from_ref(item)].concat()),
        ("prepend", [items, item]) => Value::List([std::slice::from_ref(item), list(name, items)?].concat()),
        ("has", [_, Value::Null]) => Value::Bool(false),
        ("has", [item, items]) => Value::Bool(list(name, items)?.contains(item)),
        ("without", [items, gone @ ..]) => {
            Value::List(list(name, items)?.iter().filter(|item| !gone.contains(item)).cloned().collect())
        }
        ("uniq", [items]) => {
            let mut unique: Vec<Value> = Vec::new();
            for item in list(name, items)? {
                if !unique.contains(item) {
                    unique.push(item.clone());
                }
            }
            Value::List(unique)
        }
        ("reverse", [items]) => Value::List(list(name, items)?.iter().rev().cloned().collect()),
        ("compact", [items]) => Value::List(list(name, items)?.iter().filter(|item| item.is_true()).cloned().collect()),
        ("chunk", [size, items]) => {
            let size = usize::try_from(count(size)?).unwrap_or(0).max(1);
            Value::List(list(name, items)?.chunks(size).map(|chunk| Value::List(chunk.to_vec())).collect())
        }
        ("deepCopy", [value]) => value.clone(),
        _ => return Ok(None),
    };
    Ok(Some(made))
}

fn map<'a>(name: &str, value: &'a Value) -> Outcome<&'a Params> {
    match value {
        Value::Map(map) => Ok(map),
        _ => fails(format!("`{name}` needs a map")),
    }
}

fn of_map(name: &str, all: &[Value]) -> Outcome<Value> {
    Ok(match (name, all) {
        ("dict", pairs) => {
            let pair = |pair: &[Value]| (pair[0].printed(), pair.get(1).cloned().unwrap_or(Value::text("")));
            Value::Map(pairs.chunks(2).map(pair).collect())
        }
        // A key that is not there is an empty text.
        ("get", [from, key]) => map(name, from)?.get(text(key)?).cloned().unwrap_or(Value::text("")),
        ("hasKey", [from, key]) => Value::Bool(map(name, from)?.contains_key(text(key)?)),
        ("set", [into, key, value]) => {
            let mut changed = map(name, into)?.clone();
            changed.insert(text(key)?.to_owned(), value.clone());
            Value::Map(changed)
        }
        ("unset", [from, key]) => {
            let mut changed = map(name, from)?.clone();
            changed.remove(text(key)?);
            Value::Map(changed)
        }
        ("pluck", [key, maps @ ..]) => {
            let key = text(key)?;
            let mut values = Vec::new();
            for from in maps {
                values.extend(map(name, from)?.get(key).cloned());
            }
            Value::List(values)
        }
        ("keys", maps) => {
            let mut keys = Vec::new();
            for from in maps {
                keys.extend(map(name, from)?.keys().map(Value::text));
            }
            Value::List(keys)
        }
        ("values", [from]) => Value::List(map(name, from)?.values().cloned().collect()),
        ("pick" | "omit", [from, keys @ ..]) => {
            let mut names = Vec::new();
            for key in keys {
                names.push(text(key)?);
            }
            let stays = |key: &String| names.contains(&&**key) == (name == "pick");
            Value::Map(
                map(name, from)?.iter().filter(|(key, _)| stays(key)).map(|(k, v)| (k.clone(), v.clone())).collect(),
            )
        }
        ("merge" | "mustMerge" | "mergeOverwrite" | "mustMergeOverwrite", [first, rest @ ..]) => {
            let mut merged = map(name, first)?.clone();
            for more in rest {
                merge(&mut merged, map(name, more)?, name.ends_with("Overwrite"));
            }
            Value::Map(merged)
        }
        ("dig", [path @ .., otherwise, from]) if !path.is_empty() => {
            let mut value = from;
            for key in path {
                match map(name, value)?.get(text(key)?) {
                    Some(next) => value = next,
                    None => return Ok(otherwise.clone()),
                }
            }
            value.clone()
        }
        _ => return wrong_arguments(name),
    })
}

/// Merges maps into maps, all the way down. What is there and not empty stays, unless the new value wins.
pub(in crate::argo) fn merge(into: &mut Params, more: &Params, wins: bool) {
    for (key, value) in more {
        match (into.get_mut(key), value) {
            (Some(Value::Map(old)), Value::Map(new)) => merge(old, new, wins),
            (Some(old), new) if wins || !old.is_true() => *old = new.clone(),
            (Some(_), _) => {}
            (None, value) => drop(into.insert(key.clone(), value.clone())),
        }
    }
}
