//! What an overlay takes away from its base, or makes weaker: patches are read by people as additions.

use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] =
    &[("safeguard-removed", Check::Unit(removed)), ("safeguard-weakened", Check::Unit(weakened))];

/// A patch sets a field to another value than the safe one that stood there. Params: `safe`, a list of `field=value`.
fn weakened<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let safe = unit.params.list("safe");
    let safe: Vec<(&str, &str)> = safe.iter().filter_map(|pair| pair.split_once('=')).collect();
    let mut open = vec![unit.node];
    while let Some(node) = open.pop() {
        open.extend(node.items());
        for (key, value) in node.pairs() {
            let Some((field, safe)) = safe.iter().find(|(field, _)| *field == key.text()) else {
                open.push(value);
                continue;
            };
            if value.is_scalar() && value.text() != *safe && unit.subject.replaced(value) == Some(safe) {
                let message = format!("a patch sets `{field}` of {} to {}", unit.object.title(), value.text());
                report.at(unit.object, value).say(message);
            }
        }
    }
}

/// A patch took away a field that protects. Params: `fields`, the names of such fields. A removal counts where nothing of
/// that name is there in the end, so that a patch which puts another value there is none.
fn removed<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for removed in unit.object.removed {
        let Some(field) = removed.steps.iter().rev().find(|step| unit.params.has("fields", step)) else { continue };
        let (mut node, mut left) = (unit.object.root, &removed.steps[..]);
        while let Some((first, rest)) = left.split_first() {
            let Some(next) = child(node, first) else { break };
            (node, left) = (next, rest);
        }
        if left.is_empty() || node.is_null() {
            continue;
        }
        let path: Vec<&str> = removed.steps.iter().map(compact_str::CompactString::as_str).collect();
        let container = path.iter().position(|step| matches!(*step, "containers" | "initContainers"));
        let of = container.and_then(|at| path.get(at + 1)).map(|name| format!(" of container `{name}`"));
        let what = path.last().copied().filter(|last| last != field);
        let what = what.map_or_else(|| format!("`{field}`"), |last| format!("`{last}` of `{field}`"));
        let message = format!("a patch takes {what}{} away from {}", of.unwrap_or_default(), unit.object.title());
        let found = report.missing(unit.object, node, &left.join("/"));
        found.say(message);
    }
}

/// The child of a node, elements of lists by their names.
fn child<'a>(node: &'a Datum, step: &str) -> Option<&'a Datum> {
    if node.is_sequence() {
        return node.items().iter().find(|item| {
            ["name", "containerPort", "mountPath", "port", "key"].into_iter().any(|field| item.text_of(field) == step)
        });
    }
    node.get(step)
}
