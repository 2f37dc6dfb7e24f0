//! Two builds → what changes in the cluster, field by field, and who set each value.
//!
//! In: the objects of one overlay before and after. Out: changes, with the origins of both sides; values that are secret
//! are masked already. Knows no files, no formats and no policies.

mod danger;
mod fields;
mod live;
mod mask;
mod pair;

pub use danger::Danger;
pub use fields::{Field, Kind, Step, Value};
pub use live::as_desired;
pub use mask::{MASK, masked_line, masked_object};
pub use pair::{Identity, Side, Thing};

use crate::source::Origin;

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// It is there no longer.
    Removed,
    /// It was not there before.
    Added,
    /// It is another than before.
    Changed,
}

/// An object that is not the same on both sides.
#[derive(Clone, Debug)]
pub struct Difference {
    /// What becomes of it.
    pub what: What,
    /// Which it is: after the change, or before where it is gone.
    pub thing: Thing,
    /// Its name before, where that was another: a generated name follows what it is made of.
    pub was: Option<String>,
    /// Who made it: after the change, or before where it is gone.
    pub origin: Origin,
    /// What is not the same; empty for what is added or removed.
    pub fields: Vec<Field>,
    /// What is added or removed, as YAML, masked.
    pub text: Option<String>,
    /// What may go wrong with it.
    pub dangers: Vec<Danger>,
}

/// Compares the objects of one overlay. Sorted by kind of difference, kind, namespace and name.
pub fn compare(before: &[Side<'_>], after: &[Side<'_>], identity: Identity) -> Vec<Difference> {
    let pairs = pair::pairs(before, after, identity);
    let renamed = pair::renamed(&pairs);
    let mut found: Vec<Difference> = pairs.iter().filter_map(|pair| difference(pair, &renamed, identity)).collect();
    found.sort_by(|one, other| (one.what, &one.thing).cmp(&(other.what, &other.thing)));
    found
}

fn difference(pair: &pair::Pair<'_>, renamed: &pair::Renamed, identity: Identity) -> Option<Difference> {
    match (&pair.before, &pair.after) {
        (Some(before), Some(after)) => {
            let mut fields = fields::fields(before, after, renamed);
            if identity == Identity::Source {
                // Where it lies is what the two differ in.
                fields.retain(|field| !matches!(field.path().as_str(), "metadata.namespace" | "metadata.name"));
            }
            if fields.is_empty() {
                return None;
            }
            let (old, new) = (before.thing(), after.thing());
            Some(Difference {
                what: What::Changed,
                was: (old.name != new.name).then_some(old.name),
                thing: new,
                origin: after.root.origin,
                dangers: if identity == Identity::Cluster { danger::of_change(before, after) } else { Vec::new() },
                fields,
                text: None,
            })
        }
        (Some(before), None) => Some(Difference {
            what: What::Removed,
            thing: before.thing(),
            was: None,
            origin: before.root.origin,
            fields: Vec::new(),
            dangers: if identity == Identity::Cluster { danger::of_removal(before) } else { Vec::new() },
            text: Some(fields::whole(before)),
        }),
        (None, Some(after)) => Some(Difference {
            what: What::Added,
            thing: after.thing(),
            was: None,
            origin: after.root.origin,
            fields: Vec::new(),
            dangers: Vec::new(),
            text: Some(fields::whole(after)),
        }),
        (None, None) => None,
    }
}
