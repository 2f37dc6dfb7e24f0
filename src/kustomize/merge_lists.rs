//! The parts of a strategic merge that know nothing of schemas: directives, and elements found by their keys.

use crate::kustomize::diags::{Failure, codes, failure};
use crate::yaml::data::Datum;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Directive {
    Merge,
    Replace,
    Delete,
}

pub(super) fn directive(value: Option<&Datum>) -> Result<Directive, Failure> {
    let Some(value) = value else { return Ok(Directive::Merge) };
    Ok(match value.text() {
        "merge" => Directive::Merge,
        "replace" => Directive::Replace,
        "delete" => Directive::Delete,
        other => {
            let message = format!("`$patch: {other}` is none of `merge`, `replace` and `delete`");
            return Err(failure(&codes::PATCH, message, value.origin, "unknown"));
        }
    })
}

pub(super) fn is_empty_mapping(node: &Datum) -> bool {
    node.is_mapping() && node.pairs().is_empty()
}

pub(super) fn list_directive_text(list: &Datum) -> Option<String> {
    let element = list.items().iter().find(|element| element.get("$patch").is_some())?;
    (element.pairs().len() == 1).then(|| element.text_of("$patch").to_owned())
}

pub(super) fn list_directive(list: &Datum) -> Result<Directive, Failure> {
    let element = list.items().iter().find(|element| element.get("$patch").is_some());
    match element.filter(|element| element.pairs().len() == 1) {
        Some(element) => directive(element.get("$patch")),
        None => Ok(Directive::Merge),
    }
}

/// The text of an element's key, or of the element itself where lists are merged by value.
pub(super) fn key_value(element: &Datum, key: &str) -> String {
    if key.is_empty() {
        return element.text().to_owned();
    }
    element.text_of(key).to_owned()
}

pub(super) fn has_keys(element: &Datum, wanted: &[(&str, &str)]) -> bool {
    wanted.iter().all(|(key, text)| {
        if key.is_empty() {
            return element.text() == *text;
        }
        element.get(key).is_some_and(|value| value.text() == *text)
    })
}

/// Tuples that agree in one place and otherwise differ only where one is empty become their union.
pub(super) fn unify(tuples: &mut [Vec<String>]) {
    for i in 0..tuples.len() {
        let left = tuples[i].clone();
        for j in 0..tuples.len() {
            let right = &tuples[j];
            let agree = left.iter().zip(right).any(|(a, b)| a == b);
            let fit = left.iter().zip(right).all(|(a, b)| a == b || a.is_empty() || b.is_empty());
            if agree && fit {
                let union: Vec<String> =
                    left.iter().zip(right).map(|(a, b)| if a.is_empty() { b } else { a }.clone()).collect();
                tuples[i].clone_from(&union);
                tuples[j] = union;
            }
        }
    }
}

/// Replaces the elements with these keys by another, or appends it; without another, takes them away. Nulls and empty
/// mappings go in any case.
pub(super) fn set_element(
    list: &mut Vec<Datum>,
    element: Option<&Datum>,
    keys: &[&str],
    values: &[&str],
) -> Result<(), Failure> {
    let by_key = keys.first().is_some_and(|key| !key.is_empty()) && values.first().is_some_and(|text| !text.is_empty());
    let mut found = false;
    let mut kept = Vec::with_capacity(list.len() + 1);
    for old in list.drain(..) {
        if old.is_null() || is_empty_mapping(&old) {
            continue;
        }
        if !old.is_mapping() && by_key {
            kept.push(old);
            continue;
        }
        let mut matches = !values.is_empty();
        for (key, text) in keys.iter().zip(values) {
            if key.is_empty() != old.is_scalar() {
                let message = "a list element is of another kind than the keys of its list need";
                return Err(failure(&codes::PATCH, message, old.origin, "this element"));
            }
            let fits = match old.get(key) {
                _ if key.is_empty() => old.text() == *text,
                Some(value) => text.is_empty() || value.text() == *text,
                None => false,
            };
            matches &= fits;
            if !fits {
                break;
            }
        }
        if matches {
            found = true;
            kept.extend(element.cloned());
        } else if !values.is_empty() {
            kept.push(old);
        }
    }
    *list = kept;
    if let Some(element) = element.filter(|element| !element.is_null() && !found) {
        list.push(element.clone());
    }
    Ok(())
}

/// The object's elements behind those that were merged; those that were merged replace themselves.
pub(super) fn append(result: &mut Vec<Datum>, items: &[Datum], keys: &[&str]) -> Result<(), Failure> {
    for element in items {
        if keys[0].is_empty() {
            set_element(result, Some(element), &[""], &[element.text()])?;
            continue;
        }
        if element.is_scalar() && !element.is_null() {
            let message = "a list element is of another kind than the keys of its list need";
            return Err(failure(&codes::PATCH, message, element.origin, "this element"));
        }
        let mut values = Vec::new();
        for key in keys {
            match element.get(key) {
                Some(value) => values.push(value.text()),
                None => result.push(element.clone()),
            }
        }
        if keys.len() > 1 {
            set_element(result, None, keys, &values)?;
        }
        set_element(result, Some(element), keys, &values)?;
    }
    Ok(())
}
