//! Strategic merge: a patch into a tree, list elements found by the keys of the schema.
//!
//! Follows what Kustomize's walker does, its oddities included: every field of the object is visited, patched or not;
//! a subtree that the object lacks is merged with itself; lists of merged elements put the patch's first.

use std::cell::RefCell;

use compact_str::CompactString;

use crate::kube::schema::{OpenApi, Schema, built_in};
use crate::kustomize::diags::{Failure, codes, failure};
use crate::kustomize::merge_lists::{
    Directive, append, directive, has_keys, is_empty_mapping, key_value, list_directive, list_directive_text,
    set_element, unify,
};
use crate::kustomize::origin::{Removed, Step};
use crate::kustomize::session::Session;
use crate::source::{Change, Origin};
use crate::yaml::data::{Content, Datum, Tag};

/// What a patch has at a place.
enum Patch {
    /// Nothing.
    Absent,
    /// The very node that the object has there.
    Same,
    /// Something else.
    Node(Datum),
}

/// What becomes of the whole object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merged {
    /// It stands, changed.
    Kept,
    /// The patch deletes it.
    Deleted,
}

/// Merges a patch into an object in place.
pub(super) fn merge(
    object: &mut Datum,
    patch: Datum,
    openapi: Option<&OpenApi>,
    session: &Session<'_>,
    removed: &mut Vec<Removed>,
) -> Result<Merged, Failure> {
    let merger = Merger {
        openapi,
        session,
        overwritten: RefCell::default(),
        path: RefCell::default(),
        removed: RefCell::default(),
    };
    match directive(patch.get("$patch"))? {
        Directive::Delete => return Ok(Merged::Deleted),
        Directive::Replace => return Ok(Merged::Kept),
        Directive::Merge => {}
    }
    let mut patch = patch;
    patch.remove("$patch");
    let schema = merger.kind_schema(object).or_else(|| merger.kind_schema(&patch));
    merger.fields(object, Patch::Node(patch), schema)?;
    for value in merger.overwritten.take() {
        object.share(&value);
    }
    removed.append(&mut merger.removed.borrow_mut());
    Ok(Merged::Kept)
}

struct Merger<'a> {
    openapi: Option<&'a OpenApi>,
    session: &'a Session<'a>,
    /// Values that were set in a place which shares its node with others.
    overwritten: RefCell<Vec<Datum>>,
    /// Where the walk is, as far as the patch has something there.
    path: RefCell<Vec<CompactString>>,
    /// What the patch took away.
    removed: RefCell<Vec<Removed>>,
}

/// What a comment behind the key of a list says: the merge keys, or that the list is replaced.
type Commented = Option<Vec<String>>;

impl<'a> Merger<'a> {
    /// The schema of an object that says what it is.
    fn kind_schema(&self, node: &Datum) -> Option<Schema<'a>> {
        let (api_version, kind) = (node.text_of("apiVersion"), node.text_of("kind"));
        if api_version.is_empty() || kind.is_empty() {
            return None;
        }
        match self.openapi {
            Some(document) => document.schema(api_version, kind),
            None => built_in(api_version, kind),
        }
    }

    /// Notes that the patch took something away: a step below where the walk is, or where it is.
    fn takes_away(&self, step: Option<&str>, origin: Origin) {
        let steps = self.path.borrow().iter().cloned().chain(step.map(CompactString::from)).collect();
        self.removed.borrow_mut().push(Removed { steps, origin });
    }

    fn changed(&self, place: Origin, replaced: Origin) -> Origin {
        self.session.origins.note(Change { step: Step::Patch, place, replaced })
    }

    /// The schema that a comment behind a key holds, as `# {"x-kubernetes-patch-merge-key": "name", …}`.
    fn commented(&self, key: &Datum) -> Option<Commented> {
        let comment = self.session.comment_behind(key)?;
        let schema: serde_json::Value = serde_json::from_str(&comment).ok()?;
        let text = |key: &str| schema.get(key).and_then(serde_json::Value::as_str);
        let strategy = text("x-kubernetes-patch-strategy").unwrap_or_default();
        if !strategy.split(',').any(|strategy| strategy == "merge") {
            return Some(None);
        }
        Some(Some(text("x-kubernetes-patch-merge-key").map(str::to_owned).into_iter().collect()))
    }

    /// Merges what the patch has into what the object has; `None` where nothing is left.
    fn walk(&self, object: Option<Datum>, patch: Patch, schema: Option<Schema<'a>>) -> Result<Option<Datum>, Failure> {
        let patch = match patch {
            Patch::Same if object.is_none() => Patch::Absent,
            patch => patch,
        };
        let other = match &patch {
            Patch::Node(node) => Some(node),
            _ => None,
        };
        let first = [object.as_ref(), other].into_iter().flatten().find(|node| !node.is_null());
        let Some(first) = first else { return Ok(nulls(object, &patch)) };
        let same_kind = |node: &Datum| {
            node.is_null() || std::mem::discriminant(&node.content) == std::mem::discriminant(&first.content)
        };
        if let Some(patch) = other.filter(|node| !same_kind(node)) {
            let kind = |node: &Datum| match node.content {
                Content::Scalar(_) => "a scalar",
                Content::Sequence(_) => "a list",
                Content::Mapping(_) => "a mapping",
            };
            let message = format!("the patch has {} where the resource has {}", kind(patch), kind(first));
            return Err(failure(&codes::PATCH, message, patch.origin, "of another kind"));
        }
        let schema = schema.or_else(|| first.is_mapping().then(|| self.kind_schema(first)).flatten());
        match &first.content {
            Content::Mapping(_) => self.mapping(object, patch, schema),
            Content::Sequence(_) => match schema.and_then(Schema::merge_keys) {
                Some(keys) => self.keyed_list(object, patch, &keys, schema.and_then(Schema::elements)),
                None => Ok(self.whole(object, patch)),
            },
            Content::Scalar(_) => Ok(self.whole(object, patch)),
        }
    }

    /// A scalar, or a list that is replaced: the patch's, where it has one.
    fn whole(&self, object: Option<Datum>, patch: Patch) -> Option<Datum> {
        let Patch::Node(mut node) = patch else { return object };
        node.origin = self.changed(node.origin, object.map_or(Origin::NONE, |object| object.origin));
        Some(node)
    }

    fn mapping(
        &self,
        object: Option<Datum>,
        patch: Patch,
        schema: Option<Schema<'a>>,
    ) -> Result<Option<Datum>, Failure> {
        let Some(mut object) = object.filter(|object| !object.is_null()) else {
            let Patch::Node(mut node) = patch else { return Ok(None) };
            let wanted = directive(node.get("$patch")).unwrap_or(Directive::Merge);
            if matches!(node.get("$patch").map(Datum::text), Some("merge" | "replace" | "delete")) {
                node.remove("$patch");
            }
            if wanted == Directive::Delete {
                return Ok(None);
            }
            node.origin = self.changed(node.origin, Origin::NONE);
            self.fields(&mut node, Patch::Same, schema)?;
            return Ok(Some(node));
        };
        let wanted = match &patch {
            Patch::Absent => Directive::Merge,
            Patch::Same => directive(object.get("$patch"))?,
            Patch::Node(node) if node.is_null() => Directive::Delete,
            Patch::Node(node) => directive(node.get("$patch"))?,
        };
        match (wanted, patch) {
            (Directive::Delete, _) => Ok(None),
            (_, Patch::Same) => {
                object.remove("$patch");
                self.fields(&mut object, Patch::Same, schema)?;
                Ok(Some(object))
            }
            (Directive::Replace, Patch::Node(mut node)) => {
                node.remove("$patch");
                for (key, _) in object.pairs().iter().filter(|(key, _)| node.get(key.text()).is_none()) {
                    self.takes_away(Some(key.text()), node.origin);
                }
                node.origin = self.changed(node.origin, object.origin);
                self.fields(&mut node, Patch::Same, schema)?;
                Ok(Some(node))
            }
            (_, patch) => {
                let patch = match patch {
                    Patch::Node(mut node) => {
                        node.remove("$patch");
                        Patch::Node(node)
                    }
                    patch => patch,
                };
                self.fields(&mut object, patch, schema)?;
                Ok(Some(object))
            }
        }
    }

    /// Every field of both, in the order of their names.
    fn fields(&self, object: &mut Datum, patch: Patch, schema: Option<Schema<'a>>) -> Result<(), Failure> {
        let (mut incoming, same) = match patch {
            Patch::Node(Datum { content: Content::Mapping(pairs), .. }) => (pairs, false),
            Patch::Same => (Vec::new(), true),
            _ => (Vec::new(), false),
        };
        let Content::Mapping(pairs) = &mut object.content else { return Ok(()) };
        let mut at = 0;
        while at < pairs.len() {
            let name = pairs[at].0.text();
            let schema = schema.and_then(|schema| schema.field(name));
            let patch = if same {
                Patch::Same
            } else {
                match incoming.iter().position(|(key, _)| key.text() == name) {
                    Some(found) => {
                        let name = incoming[found].0.clone();
                        let (_, value) = incoming.remove(found);
                        // Of equal keys in a patch the first counts.
                        incoming.retain(|(key, _)| key.text() != name.text());
                        Patch::Node(value)
                    }
                    None => Patch::Absent,
                }
            };
            let is_plain = pairs[at].1.is_scalar() && !pairs[at].1.is_null() && !matches!(patch, Patch::Node(_));
            if is_plain {
                at += 1;
                continue;
            }
            let was_absent = matches!(patch, Patch::Absent);
            let by = match &patch {
                Patch::Node(node) => Some(node.origin),
                _ => None,
            };
            if by.is_some() {
                self.path.borrow_mut().push(name.into());
            }
            let old = std::mem::replace(&mut pairs[at].1, Datum::null(Origin::NONE));
            let (quoting, shared, before) = (old.quoting, old.shared, old.origin);
            let commented = if old.is_sequence() { self.commented(&pairs[at].0) } else { None };
            let merged = match commented {
                None => self.walk(Some(old), patch, schema)?,
                Some(None) => self.whole(Some(old), patch),
                Some(Some(keys)) => {
                    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                    self.keyed_list(Some(old), patch, &keys, schema.and_then(Schema::elements))?
                }
            };
            match merged {
                Some(mut value) if !value.is_null() || was_absent => {
                    value.quoting = quoting;
                    if shared > 0 && value.origin != before {
                        value.shared = shared;
                        self.overwritten.borrow_mut().push(value.clone());
                    }
                    pairs[at].1 = value;
                    at += 1;
                }
                _ => {
                    pairs.remove(at);
                    if let Some(origin) = by {
                        self.takes_away(None, origin);
                    }
                }
            }
            if by.is_some() {
                self.path.borrow_mut().pop();
            }
        }
        for (mut key, value) in incoming {
            let schema = schema.and_then(|schema| schema.field(key.text()));
            let Some(value) = self.walk(None, Patch::Node(value), schema)?.filter(|value| !value.is_null()) else {
                continue;
            };
            key.tag = Tag::Empty;
            pairs.push((key, value));
        }
        Ok(())
    }

    fn keyed_list(
        &self,
        object: Option<Datum>,
        patch: Patch,
        keys: &[&str],
        elements: Option<Schema<'a>>,
    ) -> Result<Option<Datum>, Failure> {
        let (mut list, mut other) = match (object.filter(|object| !object.is_null()), patch) {
            (None, Patch::Node(mut node)) => {
                node.origin = self.changed(node.origin, Origin::NONE);
                (node, Patch::Same)
            }
            (None, _) => return Ok(None),
            (Some(list), patch) => {
                let mut list = list;
                let found = match &patch {
                    Patch::Absent => Directive::Merge,
                    Patch::Node(node) if node.is_null() => return Ok(None),
                    Patch::Same => list_directive(&list)?,
                    Patch::Node(node) => list_directive(node)?,
                };
                let elided = list_directive_text(match &patch {
                    Patch::Node(node) => node,
                    _ => &list,
                });
                let mut patch = patch;
                if let Some(text) = elided {
                    let patched = match &mut patch {
                        Patch::Node(node) => Some(node),
                        Patch::Same => Some(&mut list),
                        Patch::Absent => None,
                    };
                    if let Some(items) = patched.and_then(Datum::items_mut) {
                        set_element(items, None, &["$patch"], &[&text])?;
                    }
                }
                match (found, patch) {
                    (Directive::Delete, _) => return Ok(None),
                    (Directive::Replace, Patch::Node(mut node)) => {
                        let is_kept = |old: &Datum| {
                            keys.iter()
                                .all(|key| node.items().iter().any(|new| key_value(new, key) == key_value(old, key)))
                        };
                        for old in list.items().iter().filter(|old| !is_kept(old)) {
                            let name = keys.first().map(|key| key_value(old, key)).unwrap_or_default();
                            self.takes_away(Some(&name), node.origin);
                        }
                        node.origin = self.changed(node.origin, list.origin);
                        (node, Patch::Same)
                    }
                    (_, patch) => (list, patch),
                }
            }
        };
        if let Content::Sequence(items) = &mut list.content {
            let mut incoming = match &mut other {
                Patch::Node(Datum { content: Content::Sequence(items), .. }) => Some(std::mem::take(items)),
                Patch::Same => None,
                _ => Some(Vec::new()),
            };
            *items = self.elements(std::mem::take(items), incoming.as_mut(), keys, elements)?;
        }
        Ok(Some(list))
    }

    /// Elements merged by their keys; `incoming` is `None` where both lists are the same one.
    fn elements(
        &self,
        mut items: Vec<Datum>,
        incoming: Option<&mut Vec<Datum>>,
        keys: &[&str],
        schema: Option<Schema<'a>>,
    ) -> Result<Vec<Datum>, Failure> {
        let by_value = [""];
        let keys = if keys.is_empty() { &by_value[..] } else { keys };
        let mut empty = Vec::new();
        let (patches, same) = match incoming {
            Some(patches) => (patches, false),
            None => (&mut empty, true),
        };
        let mut tuples: Vec<Vec<String>> = Vec::new();
        for element in patches.iter().chain(&items) {
            let tuple: Vec<String> = keys.iter().map(|key| key_value(element, key)).collect();
            if !tuples.contains(&tuple) {
                tuples.push(tuple);
            }
        }
        if tuples.is_empty() {
            return Ok(items);
        }
        if keys.len() > 1 {
            unify(&mut tuples);
        }
        let mut used: Vec<usize> =
            (0..keys.len()).filter(|at| tuples.iter().any(|tuple| !tuple[*at].is_empty())).collect();
        if used.is_empty() {
            used = (0..keys.len()).collect();
        }
        let used_keys: Vec<&str> = used.iter().map(|at| keys[*at]).collect();
        let mut result: Vec<Datum> = Vec::new();
        for tuple in &tuples {
            let values: Vec<&str> = used.iter().map(|at| &*tuple[*at]).collect();
            let mut own: Vec<usize> = (0..values.len()).filter(|at| !values[*at].is_empty()).collect();
            if own.is_empty() {
                own = (0..values.len()).collect();
            }
            let wanted: Vec<(&str, &str)> = own.iter().map(|at| (used_keys[*at], values[*at])).collect();
            let found = items.iter().position(|element| has_keys(element, &wanted));
            let patch = match patches.iter().position(|element| has_keys(element, &wanted)) {
                Some(at) => Patch::Node(patches[at].clone()),
                None if same => Patch::Same,
                None => Patch::Absent,
            };
            let replaces = matches!(&patch, Patch::Node(node) if node.text_of("$patch") == "replace");
            let object = found.map(|at| items[at].clone());
            let by = match &patch {
                Patch::Node(node) => Some(node.origin),
                _ => None,
            };
            let name = object.as_ref().map_or("", |object| object.text_of("name"));
            let name = if name.is_empty() { values.first().copied().unwrap_or_default() } else { name };
            if by.is_some() {
                self.path.borrow_mut().push(name.into());
            }
            let value = self.walk(object, patch, schema)?;
            if let Some(origin) = by {
                if found.is_some() && value.as_ref().is_none_or(|value| value.is_null() || is_empty_mapping(value)) {
                    self.takes_away(None, origin);
                }
                self.path.borrow_mut().pop();
            }
            let Some(mut value) = value.filter(|value| !value.is_null() && !is_empty_mapping(value)) else {
                set_element(&mut items, None, &used_keys, &values)?;
                continue;
            };
            if value.is_mapping() {
                for (key, text) in used_keys.iter().zip(&values) {
                    if value.get(key).is_none() && !text.is_empty() {
                        value.set(key, Datum::open(text, value.origin));
                    }
                }
            }
            // The walker changes the element where it stands, unless it is replaced.
            if let Some(at) = found.filter(|_| !replaces) {
                items[at] = value.clone();
            }
            set_element(&mut result, Some(&value), &used_keys, &values)?;
        }
        append(&mut result, &items, &used_keys)?;
        Ok(result)
    }
}

/// Both sides are null or absent: a null that is written out stays, unless the patch has one.
fn nulls(object: Option<Datum>, patch: &Patch) -> Option<Datum> {
    match patch {
        Patch::Absent => object.filter(|object| !object.text().is_empty()),
        _ => None,
    }
}
