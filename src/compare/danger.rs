//! What may go wrong when a change reaches the cluster: data that goes with an object, fields that cannot be changed.

use crate::argo;
use crate::compare::pair::Side;
use crate::kube::{immutable_fields, keeps_data};
use crate::yaml::data::Datum;
use crate::yaml::json;

/// What may go wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Danger {
    /// In a sentence, lower case, no full stop.
    pub message: String,
}

impl Danger {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// What stands in an annotation that tells Argo CD how to sync.
fn options<'a>(side: &Side<'a>) -> impl Iterator<Item = &'a str> {
    let text = side.root.at(["metadata", "annotations", argo::SYNC_OPTIONS]).map_or("", Datum::text);
    text.split(',').map(str::trim)
}

/// What an object takes with it when it goes.
pub(super) fn of_removal(before: &Side<'_>) -> Vec<Danger> {
    let thing = before.thing();
    if options(before).any(|option| matches!(option, "Prune=false" | "Delete=false")) {
        return vec![Danger::new("it stays in the cluster: its annotation keeps Argo CD from deleting it")];
    }
    if keeps_data(&thing.group, &thing.kind) {
        return vec![Danger::new("its data, or what depends on it, goes with it where Argo CD prunes")];
    }
    Vec::new()
}

/// What the API server refuses of a change.
pub(super) fn of_change(before: &Side<'_>, after: &Side<'_>) -> Vec<Danger> {
    let replaces = |option: &str| matches!(option, "Replace=true" | "Force=true");
    let is_hook = after.root.at(["metadata", "annotations", argo::HOOK]).is_some();
    if is_hook || options(after).any(replaces) {
        return Vec::new();
    }
    let text = |node: Option<&Datum>| node.and_then(|node| json::compact(node).ok());
    let mut dangers = Vec::new();
    let thing = after.thing();
    for path in immutable_fields(&thing.group, &thing.kind) {
        let (old, new) = (before.root.at(path.iter().copied()), after.root.at(path.iter().copied()));
        if old.is_some() && new.is_some() && text(old) != text(new) {
            let path = path.join(".");
            dangers.push(Danger::new(format!("`{path}` cannot be changed: the API server refuses it")));
        }
    }
    let is_fixed = before.root.get("immutable").is_some_and(|flag| flag.text() == "true");
    if is_fixed && before.name() == after.name() && matches!(after.kind(), "ConfigMap" | "Secret") {
        let differs = |field: &&str| text(before.root.get(field)) != text(after.root.get(field));
        if ["data", "stringData", "binaryData"].iter().any(differs) {
            dangers.push(Danger::new("it is `immutable`: the API server refuses the change"));
        }
    }
    dangers
}
