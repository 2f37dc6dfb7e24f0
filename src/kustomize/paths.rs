//! Field paths of replacements and vars: `spec.containers.[name=app].image`, `a.*.b`, `a.0`, `[x.y/z]`.

use crate::kustomize::select::Regex;
use crate::source::{FileId, Origin};
use crate::yaml::data::{Content, Datum, Quoting, Tag};
use crate::yaml::{json, load, plain};

/// What the last part of a path becomes where it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Created {
    Scalar,
    Sequence,
    Mapping,
}

/// The parts of a path: `\.` is a dot within a key, and `[…]` is one part whatever it holds.
pub(super) fn split(path: &str) -> Vec<String> {
    let mut rough: Vec<String> = Vec::new();
    let mut joins = false;
    let whole = path.strip_prefix('.').unwrap_or(path);
    for part in whole.split('.') {
        let part_text = part.strip_suffix('\\').unwrap_or(part);
        match rough.last_mut().filter(|_| joins) {
            Some(last) => {
                last.push('.');
                last.push_str(part_text);
            }
            None => rough.push(part_text.to_owned()),
        }
        joins = part.ends_with('\\');
    }
    let mut parts = Vec::new();
    let mut rough = rough.into_iter();
    while let Some(mut part) = rough.next() {
        if part.starts_with('[') && !part.ends_with(']') {
            for more in rough.by_ref() {
                part = format!("{part}.{more}");
                if part.ends_with(']') {
                    break;
                }
            }
            if !part.contains('=') {
                part = part.trim_matches(['[', ']']).to_owned();
            }
        }
        parts.push(part);
    }
    parts
}

fn is_element(part: &str) -> bool {
    part.starts_with('[') && part.ends_with(']')
}

/// Key and text of `[key=text]`; the key is empty for elements that are scalars.
fn element(part: &str) -> Result<(&str, &str), String> {
    let inner = part.strip_prefix('[').unwrap_or(part);
    let inner = inner.strip_suffix(']').unwrap_or(inner);
    inner.split_once('=').ok_or_else(|| format!("`{part}` is no `[key=value]`"))
}

/// The field at a path, elements found by their exact text. `None` where there is none.
pub(super) fn lookup<'a>(root: &'a Datum, parts: &[String]) -> Result<Option<&'a Datum>, String> {
    let mut node = root;
    for part in parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty()) {
        let list = |node: &'a Datum| {
            let fits = node.is_sequence() || node.is_null();
            if fits { Ok(node.items()) } else { Err(format!("`{part}` is looked for in what is no list")) }
        };
        let next = if let Ok(index) = part.parse::<i64>() {
            let index = usize::try_from(index).map_err(|_| format!("`{part}` is negative"))?;
            list(node)?.get(index)
        } else if part == "-" {
            list(node)?.last()
        } else if part == "*" {
            return Err("`*` is for targets alone".to_owned());
        } else if is_element(part) {
            let (key, text) = element(part)?;
            list(node)?.iter().find(|item| {
                if key.is_empty() {
                    item.text() == text
                } else {
                    item.get(key).is_some_and(|value| value.text() == text)
                }
            })
        } else {
            if !node.is_mapping() && !node.is_null() {
                return Err(format!("`{part}` is looked for in what is no mapping"));
            }
            node.get(part)
        };
        let Some(next) = next else { return Ok(None) };
        node = next;
    }
    Ok(Some(node))
}

/// Where a field stands: positions of values, from the root.
pub(super) type Place = Vec<usize>;

/// The field at a place.
pub(super) fn at_place<'a>(root: &'a mut Datum, place: &[usize]) -> Option<&'a mut Datum> {
    place.iter().try_fold(root, |node, at| match &mut node.content {
        Content::Sequence(items) => items.get_mut(*at),
        Content::Mapping(pairs) => pairs.get_mut(*at).map(|(_, value)| value),
        Content::Scalar(_) => None,
    })
}

/// Every place that a path leads to. With `create`, what is absent is made on the way.
pub(super) fn find(root: &mut Datum, parts: &[String], create: Option<Created>) -> Result<Vec<Place>, String> {
    let mut found = Vec::new();
    walk(root, parts, create, &mut Vec::new(), &mut found)?;
    Ok(found)
}

fn made(next: Option<&String>, last: Created, origin: Origin) -> Datum {
    let kind = match next {
        None => last,
        Some(part) if is_element(part) || part.parse::<usize>().is_ok() => Created::Sequence,
        Some(_) => Created::Mapping,
    };
    match kind {
        Created::Scalar => Datum::open("", origin),
        Created::Sequence => Datum { tag: Tag::Empty, ..Datum::sequence(origin) },
        Created::Mapping => Datum { tag: Tag::Empty, ..Datum::mapping(origin) },
    }
}

/// A value as its own document, on which patterns are matched: with its quotes.
fn printed(node: &Datum) -> String {
    match (&node.content, node.quoting) {
        (Content::Scalar(text), Quoting::Double) => format!("\"{text}\""),
        (Content::Scalar(text), Quoting::Single) => format!("'{text}'"),
        (Content::Scalar(text), _) => text.trim().to_owned(),
        _ => plain::document(node).trim().to_owned(),
    }
}

fn walk(
    node: &mut Datum,
    parts: &[String],
    create: Option<Created>,
    place: &mut Place,
    found: &mut Vec<Place>,
) -> Result<(), String> {
    let Some((part, rest)) = parts.split_first() else {
        found.push(place.clone());
        return Ok(());
    };
    let origin = node.origin;
    let not_a = |what: &str| format!("`{part}` is looked for in what is no {what}");
    if let Ok(index) = part.parse::<usize>() {
        if node.is_null() {
            return Err(format!("the list has no element {index}"));
        }
        let items = node.items_mut().ok_or_else(|| not_a("list"))?;
        if let Some(last) = create.filter(|_| items.len() == index) {
            items.push(made(rest.first(), last, origin));
        }
        let item = items.get_mut(index).ok_or_else(|| format!("the list has no element {index}"))?;
        return below(item, index, rest, create, place, found);
    }
    if is_element(part) {
        let (key, pattern) = element(part)?;
        if node.is_null() && create.is_none() {
            return Ok(());
        }
        let regex = Regex::new(pattern).map_err(|_| format!("`{pattern}` is no regular expression"))?;
        let before = found.len();
        let items = node.items_mut().ok_or_else(|| not_a("list"))?;
        for round in 0..2 {
            for (at, item) in items.iter_mut().enumerate() {
                let fits = match (key, item.get(key)) {
                    ("", _) => regex.is_match(&printed(item)),
                    (_, Some(value)) => regex.is_match(&printed(value)),
                    (_, None) => false,
                };
                if !fits {
                    continue;
                }
                if key.is_empty() {
                    place.push(at);
                    found.push(place.clone());
                    place.pop();
                } else {
                    below(item, at, rest, create, place, found)?;
                }
            }
            if round > 0 || found.len() > before || create.is_none() {
                break;
            }
            let value = Datum::open(pattern, origin);
            items.push(if key.is_empty() {
                value
            } else {
                let mut made = Datum::mapping(origin);
                made.push(Datum::open(key, origin), value);
                made
            });
        }
        return Ok(());
    }
    if part == "*" {
        if node.is_null() {
            return Ok(());
        }
        let items = node.items_mut().ok_or_else(|| not_a("list"))?;
        return items.iter_mut().enumerate().try_for_each(|(at, item)| below(item, at, rest, create, place, found));
    }
    if node.is_null() {
        return Ok(());
    }
    let pairs = node.pairs_mut().ok_or_else(|| not_a("mapping"))?;
    let at = match (pairs.iter().position(|(key, _)| key.text() == part), create) {
        (Some(at), _) => at,
        (None, Some(last)) => {
            pairs.push((Datum::open(part, origin), made(rest.first(), last, origin)));
            pairs.len() - 1
        }
        (None, None) => return Ok(()),
    };
    let field = &mut pairs[at].1;
    if field.is_scalar() && !rest.is_empty() {
        return Ok(());
    }
    below(field, at, rest, create, place, found)
}

fn below(
    node: &mut Datum,
    at: usize,
    rest: &[String],
    create: Option<Created>,
    place: &mut Place,
    found: &mut Vec<Place>,
) -> Result<(), String> {
    place.push(at);
    let result = walk(node, rest, create, place, found);
    place.pop();
    result
}

/// Changes a field within a text that is YAML or JSON, where the path leads through one. An error where it does not.
pub(super) fn in_structured_text(
    root: &mut Datum,
    parts: &[String],
    create: Option<Created>,
    set: &dyn Fn(&mut Datum) -> Result<(), String>,
) -> Result<(), String> {
    let none = || "the path leads through no structured text".to_owned();
    let length = (1..parts.len()).find(|length| {
        matches!(lookup(root, &parts[..*length]), Ok(Some(node)) if node.is_scalar() && parsed(node.text()).is_some())
    });
    let length = length.ok_or_else(none)?;
    let Ok(Some(scalar)) = lookup(root, &parts[..length]) else { return Err(none()) };
    let original = scalar.text().to_owned();
    let mut document = parsed(&original).ok_or_else(none)?;
    let places = find(&mut document, &parts[length..], create)?;
    if places.is_empty() {
        return Err("there is no such field in the text".to_owned());
    }
    for place in &places {
        at_place(&mut document, place).map_or(Ok(()), set)?;
    }
    let text = if original.trim_start().starts_with(['{', '[']) {
        let pretty = original.contains('\n') && original.contains("  ");
        let text = if pretty { json::indented(&document) } else { json::compact(&document) };
        text.map_err(|error| error.message)?
    } else {
        plain::document(&document).trim().to_owned()
    };
    let exact = place_of(root, &parts[..length]).ok_or_else(none)?;
    if let Some(node) = at_place(root, &exact) {
        node.content = Content::Scalar(text.into());
    }
    Ok(())
}

fn parsed(text: &str) -> Option<Datum> {
    load::first_document(text, 0, FileId::NONE).ok().flatten().filter(|document| !document.is_scalar())
}

/// The place that [`lookup`] finds.
fn place_of(root: &Datum, parts: &[String]) -> Option<Place> {
    let mut place = Vec::new();
    let mut node = root;
    for length in 1..=parts.len() {
        let Ok(Some(next)) = lookup(node, &parts[length - 1..length]) else { return None };
        let same = |value: &Datum| std::ptr::eq(value, next);
        place.push(match &node.content {
            Content::Sequence(items) => items.iter().position(same)?,
            Content::Mapping(pairs) => pairs.iter().position(|(_, value)| same(value))?,
            Content::Scalar(_) => return None,
        });
        node = next;
    }
    Some(place)
}
