//! JSON 6902 patches, as the Go library that Kustomize uses applies them.

use compact_str::CompactString;

use crate::diag::Diagnostic;
use crate::kustomize::decode::{Text, typed_1_1};
use crate::kustomize::diags::{Failure, at, codes, failure};
use crate::kustomize::layer::Run;
use crate::kustomize::origin::{Removed, Step};
use crate::kustomize::resource::Resource;
use crate::source::{Change, Origin};
use crate::yaml::data::{Content, Datum, Quoting, Tag};
use crate::yaml::print::{Printed, float_g, reads_as_string, typed};
use crate::yaml::{json, plain_tag};

/// A list of operations.
#[derive(Debug)]
pub(super) struct JsonPatch {
    operations: Vec<Operation>,
}

#[derive(Debug)]
struct Operation {
    origin: Origin,
    op: CompactString,
    path: Option<Text>,
    from: Option<Text>,
    value: Option<Datum>,
}

/// A patch that stands within a kustomization.
pub(super) fn parse_inline(run: &Run<'_>, text: &Text) -> Result<JsonPatch, Failure> {
    check_json(text, text.origin)?;
    parse(&run.inline_document(text)?, text.origin, text.starts_with('['))
}

/// A patch in a file.
pub(super) fn parse_file(run: &Run<'_>, real: &str, path: &Text) -> Result<JsonPatch, Failure> {
    let chained = |failure: Failure| Box::new(at(*failure, path.origin, "named here"));
    let loaded = run.session.text(real);
    let text = match &*loaded {
        Ok(loaded) => loaded.text.clone(),
        Err(failure) => return Err(chained(failure.clone())),
    };
    check_json(&text, path.origin)?;
    let (document, _) = run.session.document(real).map_err(chained)?;
    parse(&document, path.origin, text.starts_with('[')).map_err(chained)
}

/// A text that starts as JSON must be JSON.
fn check_json(text: &str, origin: Origin) -> Result<(), Failure> {
    if !text.starts_with('[') {
        return Ok(());
    }
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(failure(&codes::PATCH, format!("the JSON patch is not valid JSON: {error}"), origin, "this patch"))
        }
    }
}

fn parse(document: &Datum, origin: Origin, is_json: bool) -> Result<JsonPatch, Failure> {
    let wrong = |node: &Datum, message: &str| failure(&codes::PATCH, message, node.origin, "here");
    if document.is_null() {
        return Err(failure(&codes::PATCH, "a patch is empty", origin, "this patch"));
    }
    if !document.is_sequence() {
        let message = "a patch is neither a resource with kind and name nor a list of JSON patch operations";
        let help = "a strategic merge patch needs apiVersion, kind and metadata.name; a JSON patch is a list of `op`, `path`, `value`";
        return Err(Box::new(wrong(document, message).help(help)));
    }
    let mut operations = Vec::new();
    for item in document.items() {
        if !item.is_mapping() {
            return Err(wrong(item, "an operation of a JSON patch is no mapping"));
        }
        let text = |key: &str| -> Result<Option<Text>, Failure> {
            let Some(node) = item.get(key) else { return Ok(None) };
            match typed_1_1(node)? {
                Printed::Text(text) if node.is_scalar() => {
                    Ok(Some(Text { text: (&*text).into(), origin: node.origin }))
                }
                _ => Err(wrong(node, &format!("`{key}` of a JSON patch operation is no string"))),
            }
        };
        let value = item.get("value").map(|value| normal(value, !is_json)).transpose()?;
        let op = text("op")?.map(|op| op.text).unwrap_or_default();
        operations.push(Operation { origin: item.origin, op, path: text("path")?, from: text("from")?, value });
    }
    Ok(JsonPatch { operations })
}

/// A value after its way through JSON: numbers as Go prints floats, no styles.
fn normal(node: &Datum, yaml_1_1: bool) -> Result<Datum, Failure> {
    let key = |key: &Datum| -> Result<Datum, Failure> {
        let text = match if yaml_1_1 { typed_1_1(key)? } else { Printed::Text(key.text().into()) } {
            Printed::Text(text) => text.into_owned(),
            Printed::Bool(value) => value.to_string(),
            Printed::Null => "null".to_owned(),
            Printed::Int(value) => value.to_string(),
            Printed::Float(value) => float_g(value),
        };
        Ok(string(&text, key.origin))
    };
    let content = match &node.content {
        Content::Mapping(pairs) => {
            let pairs = pairs.iter().map(|(name, value)| Ok((key(name)?, normal(value, yaml_1_1)?)));
            Content::Mapping(pairs.collect::<Result<_, Failure>>()?)
        }
        Content::Sequence(items) => {
            Content::Sequence(items.iter().map(|item| normal(item, yaml_1_1)).collect::<Result<_, Failure>>()?)
        }
        Content::Scalar(_) => {
            let value = if yaml_1_1 {
                typed_1_1(node)?
            } else {
                typed(node).map_err(|error| failure(&codes::OUTPUT, error.message, error.origin, "this value"))?
            };
            return Ok(from_json(value, node.origin));
        }
    };
    Ok(Datum { content, quoting: Quoting::Plain, shared: 0, ..node.clone() })
}

#[allow(clippy::cast_precision_loss)] // Go's decoder makes floats of all numbers
fn from_json(value: Printed<'_>, origin: Origin) -> Datum {
    let number = |value: f64| {
        let text = float_g(value);
        Datum { tag: plain_tag(&text), ..Datum::open(text, origin) }
    };
    match value {
        Printed::Null => Datum::null(origin),
        Printed::Bool(value) => Datum { tag: Tag::Bool, ..Datum::open(if value { "true" } else { "false" }, origin) },
        Printed::Int(value) => number(value as f64),
        Printed::Float(value) => number(value),
        Printed::Text(text) => string(&text, origin),
    }
}

fn string(text: &str, origin: Origin) -> Datum {
    let quoting = if text.contains('\n') {
        Quoting::Literal
    } else if plain_tag(text) == Tag::Str && reads_as_string(text) {
        Quoting::Plain
    } else {
        Quoting::Double
    };
    Datum { quoting, ..Datum::string(text, origin) }
}

/// Holds the place of Kustomize's own annotations while a patch is applied.
const MARK: &str = "internal.config.kubernetes.io/previousNames";

impl JsonPatch {
    /// Changes a resource.
    pub(super) fn apply(&self, run: &Run<'_>, resource: &mut Resource) -> Result<(), Failure> {
        let mut root = normal(&resource.root, false)?;
        let origin = root.origin;
        if resource.has_notes() {
            let meta = root.child_mapping("metadata", origin);
            if let Some(annotations) = meta.and_then(|meta| meta.child_mapping("annotations", origin)) {
                annotations.push(Datum::open(MARK, origin), Datum::string("", origin));
            }
        }
        for operation in &self.operations {
            let taken = operation.takes_away(&root);
            resource.removed.extend(taken.map(|steps| Removed { steps, origin: operation.origin }));
            operation.apply(&mut root, run).map_err(|why| refuse(operation, resource, &why))?;
        }
        if let Some(annotations) = root.get_mut("metadata").and_then(|meta| meta.get_mut("annotations")) {
            annotations.remove(MARK);
        }
        resource.root = root;
        Ok(())
    }
}

fn refuse(operation: &Operation, resource: &Resource, why: &str) -> Failure {
    let path = operation.path.as_ref();
    let message =
        format!("`{} {}` does not fit {}: {why}", operation.op, path.map_or("", |path| &**path), resource.title());
    let origin = path.map_or(operation.origin, |path| path.origin);
    let diagnostic = at(Diagnostic::error(&codes::PATCH, message), origin, "this operation");
    Box::new(at(diagnostic, resource.root.origin, "the resource"))
}

type Done<T> = Result<T, String>;

impl Operation {
    /// The steps to what it removes, elements of lists by their names.
    fn takes_away(&self, root: &Datum) -> Option<Vec<CompactString>> {
        let path = match &*self.op {
            "remove" => self.path.as_ref()?,
            "move" => self.from.as_ref()?,
            _ => return None,
        };
        let (mut node, mut steps) = (root, Vec::new());
        for part in path.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let name = match &node.content {
                Content::Mapping(_) => {
                    node = node.get(&part)?;
                    part.into()
                }
                Content::Sequence(items) => {
                    node = items.get(part.parse::<usize>().ok()?)?;
                    let name = node.text_of("name");
                    if name.is_empty() { part.into() } else { name.into() }
                }
                Content::Scalar(_) => return None,
            };
            steps.push(name);
        }
        Some(steps)
    }

    fn apply(&self, root: &mut Datum, run: &Run<'_>) -> Done<()> {
        let path = self.path.as_ref().ok_or("it has no `path`")?;
        let noted = |mut value: Datum, replaced: Origin| {
            value.origin = run.session.origins.note(Change { step: Step::JsonPatch, place: value.origin, replaced });
            value
        };
        let value = || noted(self.value.clone().unwrap_or_else(|| Datum::null(self.origin)), Origin::NONE);
        let from = || self.from.as_ref().ok_or_else(|| "it has no `from`".to_owned());
        match &*self.op {
            "add" => add(root, path, value()),
            "remove" => remove(root, path).map(drop),
            "replace" => {
                if path.is_empty() {
                    *root = value();
                    return Ok(());
                }
                let (place, key) = container(root, path)?;
                match &mut place.content {
                    Content::Sequence(items) => {
                        let at = index(&key, items.len())?;
                        let replaced = items[at].origin;
                        items[at] = noted(self.value.clone().unwrap_or_else(|| Datum::null(self.origin)), replaced);
                    }
                    _ => {
                        let replaced = place.get(&key).map_or(Origin::NONE, |old| old.origin);
                        put(
                            place,
                            &key,
                            noted(self.value.clone().unwrap_or_else(|| Datum::null(self.origin)), replaced),
                        );
                    }
                }
                Ok(())
            }
            "move" => {
                let value = remove(root, from()?)?;
                add(root, path, value)
            }
            "copy" => {
                let (place, key) = container(root, from()?)?;
                let value = get(place, &key)?.ok_or("there is nothing to copy")?.clone();
                add(root, path, value)
            }
            "test" => self.test(root, path),
            other => Err(format!("`{other}` is no operation")),
        }
    }

    fn test(&self, root: &mut Datum, path: &str) -> Done<()> {
        let wanted = self.value.as_ref().filter(|value| !value.is_null());
        let found = if path.is_empty() {
            Some(root.clone())
        } else {
            let (place, key) = container(root, path)?;
            get(place, &key)?.filter(|value| !value.is_null()).cloned()
        };
        let text = |node: &Datum| json::compact(node).map_err(|error| error.message);
        match (wanted, &found) {
            (None, None) => Ok(()),
            (Some(wanted), Some(found)) if text(wanted)? == text(found)? => Ok(()),
            _ => Err("the value is another one".to_owned()),
        }
    }
}

/// The collection that a path ends in, and the last key.
fn container<'a>(root: &'a mut Datum, path: &str) -> Done<(&'a mut Datum, String)> {
    let parts: Vec<String> = path.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect();
    if parts.len() < 2 {
        return Err("the path has no `/`".to_owned());
    }
    let mut node = root;
    for part in &parts[1..parts.len() - 1] {
        let missing = || format!("there is no `{part}` on the way");
        node = match &mut node.content {
            Content::Sequence(items) => {
                let at = index(part, items.len()).map_err(|_| missing())?;
                &mut items[at]
            }
            Content::Mapping(pairs) => {
                let found = pairs.iter_mut().find(|(key, _)| key.text() == part);
                found.map(|(_, value)| value).ok_or_else(missing)?
            }
            Content::Scalar(_) => return Err(missing()),
        };
        if node.is_scalar() {
            return Err(format!("`{part}` is a scalar"));
        }
    }
    Ok((node, parts.last().cloned().unwrap_or_default()))
}

/// A place that exists; negative ones count from the end.
fn index(key: &str, length: usize) -> Done<usize> {
    let number: i64 = key.parse().map_err(|_| format!("`{key}` is no place in a list"))?;
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let at = if number < 0 { number + length } else { number };
    if at < 0 || at >= length {
        return Err(format!("the list has no element {number}"));
    }
    usize::try_from(at).map_err(|_| format!("the list has no element {number}"))
}

fn get<'a>(place: &'a Datum, key: &str) -> Done<Option<&'a Datum>> {
    match &place.content {
        Content::Sequence(items) => Ok(items.get(index(key, items.len())?)),
        _ => Ok(place.get(key)),
    }
}

fn put(place: &mut Datum, key: &str, value: Datum) {
    match place.get_mut(key) {
        Some(old) => *old = value,
        None => {
            let key = string(key, value.origin);
            place.push(key, value);
        }
    }
}

fn add(root: &mut Datum, path: &str, value: Datum) -> Done<()> {
    let (place, key) = container(root, path)?;
    let Content::Sequence(items) = &mut place.content else {
        put(place, &key, value);
        return Ok(());
    };
    let at = if key == "-" { items.len() } else { index(&key, items.len() + 1)? };
    items.insert(at, value);
    Ok(())
}

fn remove(root: &mut Datum, path: &str) -> Done<Datum> {
    let (place, key) = container(root, path)?;
    match &mut place.content {
        Content::Sequence(items) => {
            let at = index(&key, items.len())?;
            Ok(items.remove(at))
        }
        _ => place.remove(&key).ok_or_else(|| "there is no such field".to_owned()),
    }
}
