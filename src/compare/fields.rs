//! What is not the same in two versions of an object, field by field. Elements of lists are matched by the keys that the API
//! server merges them by, so that one more container is one container more.

use std::collections::HashMap;

use crate::compare::mask::{Context, MASK, is_data, masked};
use crate::compare::pair::{Renamed, Side};
use crate::kube::schema::{Schema, built_in};
use crate::source::Origin;
use crate::yaml::data::{Content, Datum};
use crate::yaml::{json, print};

/// A step from a value to one below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a mapping.
    Key(String),
    /// An element of a list: what tells it from the others, such as its name, and its index on the side that has it.
    Element(String, usize),
}

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It was not there before.
    Added,
    /// It is there no longer.
    Removed,
    /// It has another value.
    Changed,
    /// The elements of a list stand in another order.
    Reordered,
}

/// A value as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// A text as it is; of anything else its YAML, without a line feed at the end.
    pub text: String,
    /// Whether it is a scalar.
    pub is_scalar: bool,
    /// Whether something in it is secret and not shown.
    pub is_masked: bool,
}

/// A field that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The way to it from the object's root.
    pub steps: Vec<Step>,
    /// What becomes of it.
    pub kind: Kind,
    /// Its value before.
    pub old: Option<Value>,
    /// Its value after.
    pub new: Option<Value>,
    /// Who had set it.
    pub old_origin: Origin,
    /// Who sets it.
    pub new_origin: Origin,
    /// Whether it only follows the name of a generated object.
    pub follows: bool,
}

impl Field {
    /// The way to it as people write it: `spec.template.spec.containers[order-service].image`.
    pub fn path(&self) -> String {
        let mut text = String::new();
        for step in &self.steps {
            match step {
                Step::Key(key) if text.is_empty() => text.push_str(key),
                Step::Key(key) if key.contains(['.', '/']) => text += &format!("[{key}]"),
                Step::Key(key) => text += &format!(".{key}"),
                Step::Element(name, _) => text += &format!("[{name}]"),
            }
        }
        text
    }

    /// JSON pointer to it, on the side that has it.
    pub fn pointer(&self) -> String {
        let step = |step: &Step| match step {
            Step::Key(key) => key.replace('~', "~0").replace('/', "~1"),
            Step::Element(_, at) => at.to_string(),
        };
        self.steps.iter().map(|one| format!("/{}", step(one))).collect()
    }
}

/// What is not the same in two versions of an object.
pub(super) fn fields(before: &Side<'_>, after: &Side<'_>, renamed: &Renamed) -> Vec<Field> {
    let api_version = after.root.text_of("apiVersion");
    let schema = built_in(api_version, after.kind());
    let mut walk = Walk { kind: after.kind(), renamed, steps: Vec::new(), found: Vec::new() };
    let (old, new) = (before.root, after.root);
    walk.mappings(old, new, schema, (Context::default(), Context::default()));
    walk.found
}

/// A whole object as it may be shown, as YAML.
pub(super) fn whole(side: &Side<'_>) -> String {
    text(&masked(side.root, Context::default(), side.kind(), true).0)
}

struct Walk<'a> {
    kind: &'a str,
    renamed: &'a Renamed,
    steps: Vec<Step>,
    found: Vec<Field>,
}

/// A value, and who set it: of a mapping or a list its key says where it is.
type Entry<'a> = (&'a Datum, Origin);

fn entry<'a>(key: &Datum, value: &'a Datum) -> Entry<'a> {
    let is_by_key = !value.is_scalar() && key.origin != Origin::NONE && value.origin.place().is_some();
    (value, if is_by_key { key.origin } else { value.origin })
}

impl Walk<'_> {
    fn mappings(&mut self, old: &Datum, new: &Datum, schema: Option<Schema<'_>>, contexts: (Context<'_>, Context<'_>)) {
        let is_root = self.steps.is_empty();
        let find = |node: &'_ Datum, name: &str| -> Option<usize> {
            node.pairs().iter().position(|(key, value)| key.text() == name && !value.is_null())
        };
        let mut names: Vec<&str> = new.pairs().iter().map(|(key, _)| key.text()).collect();
        names.extend(old.pairs().iter().map(|(key, _)| key.text()).filter(|name| find(new, name).is_none()));
        let mut seen = std::collections::HashSet::new();
        for name in names.into_iter().filter(|name| seen.insert(*name)) {
            let is_data = is_root && is_data(self.kind, name);
            let below = (contexts.0.below(old, name, is_data), contexts.1.below(new, name, is_data));
            let then = find(old, name).and_then(|at| old.pairs().get(at)).map(|(key, value)| entry(key, value));
            let now = find(new, name).and_then(|at| new.pairs().get(at)).map(|(key, value)| entry(key, value));
            self.steps.push(Step::Key(name.to_owned()));
            self.entries(then, now, schema.and_then(|schema| schema.field(name)), below);
            self.steps.pop();
        }
    }

    fn entries(
        &mut self,
        old: Option<Entry<'_>>,
        new: Option<Entry<'_>>,
        schema: Option<Schema<'_>>,
        contexts: (Context<'_>, Context<'_>),
    ) {
        match (old, new) {
            (Some((was, _)), Some((is, _))) if was.is_mapping() && is.is_mapping() => {
                self.mappings(was, is, schema, contexts);
            }
            (Some((was, from)), Some((is, to))) if was.is_sequence() && is.is_sequence() => {
                self.lists((was, from), (is, to), schema, contexts);
            }
            (Some((was, _)), Some((is, _))) if same(was, is) => {}
            (None, None) => {}
            (old, new) => self.differ(old, new, contexts),
        }
    }

    /// Notes a difference.
    fn differ(&mut self, old: Option<Entry<'_>>, new: Option<Entry<'_>>, contexts: (Context<'_>, Context<'_>)) {
        let kind = match (old, new) {
            (None, _) => Kind::Added,
            (_, None) => Kind::Removed,
            _ => Kind::Changed,
        };
        let follows = match (old, new) {
            (Some((was, _)), Some((is, _))) => {
                self.renamed.get(was.text()).is_some_and(|name| name == is.text() && is.is_scalar())
            }
            _ => false,
        };
        let value = |entry: Option<Entry<'_>>, context| {
            entry.map(|(node, _)| {
                let (shown, is_masked) = masked(node, context, self.kind, false);
                Value { text: text(&shown), is_scalar: node.is_scalar(), is_masked }
            })
        };
        let (shown_old, shown_new) = (value(old, contexts.0), value(new, contexts.1));
        self.found.push(Field {
            steps: self.steps.clone(),
            kind,
            old: shown_old,
            new: shown_new,
            old_origin: old.map_or(Origin::NONE, |(_, origin)| origin),
            new_origin: new.map_or(Origin::NONE, |(_, origin)| origin),
            follows,
        });
    }

    fn lists(
        &mut self,
        (old, from): Entry<'_>,
        (new, to): Entry<'_>,
        schema: Option<Schema<'_>>,
        contexts: (Context<'_>, Context<'_>),
    ) {
        if same(old, new) {
            return;
        }
        let (was, is) = (old.items(), new.items());
        let declared = schema.and_then(Schema::merge_keys).filter(|keys| !keys.is_empty());
        let keys: Vec<String> = match declared {
            Some(keys) => keys.into_iter().map(str::to_owned).collect(),
            None => guessed(was, is).into_iter().collect(),
        };
        let contexts = (contexts.0.element(), contexts.1.element());
        let names = |items: &[Datum]| -> Option<Vec<String>> {
            let names: Vec<String> = items.iter().map(|item| name(item, &keys)).collect::<Option<_>>()?;
            let mut sorted = names.clone();
            sorted.sort();
            sorted.windows(2).all(|two| two[0] != two[1]).then_some(names)
        };
        let (Some(was_named), Some(is_named)) = (names(was), names(is)) else {
            // Nothing tells the elements apart: the list as a whole, at the first element that is another.
            let first = is.iter().zip(was).find(|(is, was)| !same(was, is)).map(|(is, was)| (is.origin, was.origin));
            let more = |longer: &[Datum], shorter: usize| longer.get(shorter).map(|item| item.origin);
            let (to, from) = match first {
                Some((is, was)) => (is, was),
                None => (more(is, was.len()).unwrap_or(to), more(was, is.len()).unwrap_or(from)),
            };
            self.differ(Some((old, from)), Some((new, to)), contexts);
            return;
        };
        let elements = schema.and_then(Schema::elements);
        let before: HashMap<&str, usize> = was_named.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
        let count = self.found.len();
        for (at, (item, name)) in is.iter().zip(&is_named).enumerate() {
            let then = before.get(name.as_str()).and_then(|at| was.get(*at));
            self.steps.push(Step::Element(name.clone(), at));
            self.entries(then.map(|item| (item, item.origin)), Some((item, item.origin)), elements, contexts);
            self.steps.pop();
        }
        for (at, (item, name)) in was.iter().zip(&was_named).enumerate() {
            if !is_named.contains(name) {
                self.steps.push(Step::Element(name.clone(), at));
                self.entries(Some((item, item.origin)), None, elements, contexts);
                self.steps.pop();
            }
        }
        let is_ordered = matches!(self.steps.last(), Some(Step::Key(key)) if key == "initContainers" || key == "env");
        if is_ordered || self.found.len() == count {
            let kept = |names: &[String], others: &[String]| -> Vec<String> {
                names.iter().filter(|name| others.contains(name)).cloned().collect()
            };
            let (then, now) = (kept(&was_named, &is_named), kept(&is_named, &was_named));
            if then != now {
                let value = |names: &[String]| Value { text: names.join(", "), is_scalar: true, is_masked: false };
                self.found.push(Field {
                    steps: self.steps.clone(),
                    kind: Kind::Reordered,
                    old: Some(value(&then)),
                    new: Some(value(&now)),
                    old_origin: from,
                    new_origin: to,
                    follows: false,
                });
            }
        }
    }
}

/// The value as JSON has it says whether it is the same: quotes and styles do not count.
fn same(old: &Datum, new: &Datum) -> bool {
    if old.is_null() && new.is_null() {
        return true;
    }
    match (&old.content, &new.content) {
        (Content::Scalar(was), Content::Scalar(is))
            if was == is && old.tag == new.tag && old.quoting == new.quoting =>
        {
            true
        }
        _ => match (json::compact(old), json::compact(new)) {
            (Ok(was), Ok(is)) => was == is,
            // What cannot be printed is compared as it stands.
            _ => old.content == new.content,
        },
    }
}

/// Fields that tell elements of lists apart where no schema says so.
const NAMES: [&str; 7] = ["name", "key", "id", "type", "host", "mountPath", "path"];

/// The field by which all elements of two lists can be told apart.
fn guessed(was: &[Datum], is: &[Datum]) -> Option<String> {
    let has = |items: &[Datum], field: &str| {
        let mut seen = std::collections::HashSet::new();
        items.iter().all(|item| {
            let value = item.text_of(field);
            item.is_mapping() && !value.is_empty() && seen.insert(value.to_owned())
        })
    };
    if was.is_empty() && is.is_empty() {
        return None;
    }
    NAMES.into_iter().find(|field| has(was, field) && has(is, field)).map(str::to_owned)
}

/// What tells an element from the others.
fn name(item: &Datum, keys: &[String]) -> Option<String> {
    if keys.is_empty() || !item.is_mapping() {
        return None;
    }
    let values: Vec<&str> = keys.iter().map(|key| item.text_of(key)).filter(|value| !value.is_empty()).collect();
    (!values.is_empty()).then(|| values.join("/"))
}

/// A scalar's text, quoted where it would be read as something else; of anything else its YAML.
fn text(node: &Datum) -> String {
    if let Some(text) = node.as_text().filter(|text| text.contains('\n') || *text == MASK) {
        return text.to_owned();
    }
    let printed = print::document(node).unwrap_or_else(|_| node.text().to_owned());
    printed.trim_end_matches('\n').to_owned()
}
