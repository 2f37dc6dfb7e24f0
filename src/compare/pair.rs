//! Which object after a change is which before it: by group, kind, namespace and name, generated ones by the name that their
//! hash is put behind.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::kube::group_version;
use crate::yaml::data::Datum;

/// An object on one side.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The object.
    pub root: &'a Datum,
    /// Its name before prefixes, suffixes and hashes; empty where that is not known.
    pub stable_name: &'a str,
    /// The namespace that it comes into where it says none; may be empty.
    pub namespace: &'a str,
}

/// Which object it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// Its group; empty for the core.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty where it says none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The version of its API.
    pub version: String,
}

impl fmt::Display for Thing {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.kind, self.name)
    }
}

impl<'a> Side<'a> {
    pub(super) fn name(&self) -> &'a str {
        self.root.at(["metadata", "name"]).map_or("", Datum::text)
    }

    fn namespace(&self) -> &'a str {
        self.root.at(["metadata", "namespace"]).map(Datum::text).filter(|own| !own.is_empty()).unwrap_or(self.namespace)
    }

    fn group(&self) -> &'a str {
        group_version(self.root.text_of("apiVersion")).0
    }

    pub(super) fn kind(&self) -> &'a str {
        self.root.text_of("kind")
    }

    /// Which object it is.
    pub fn thing(&self) -> Thing {
        let (group, version) = group_version(self.root.text_of("apiVersion"));
        Thing {
            group: group.to_owned(),
            kind: self.kind().to_owned(),
            namespace: self.namespace().to_owned(),
            name: self.name().to_owned(),
            version: version.to_owned(),
        }
    }

    /// What stands before a hash: the name of a generated object changes with its content.
    fn before_hash(&self) -> Option<&'a str> {
        if !matches!(self.kind(), "ConfigMap" | "Secret") {
            return None;
        }
        let (stem, hash) = self.name().rsplit_once('-')?;
        // The letters and digits that Kubernetes takes for hashes.
        let is_hash = hash.len() == 10 && hash.bytes().all(|byte| b"2456789bcdfghkmt".contains(&byte));
        let is_known = self.stable_name.is_empty() || self.stable_name != self.name();
        (is_hash && is_known).then_some(stem)
    }
}

/// The same object on both sides, or what has no counterpart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub(super) before: Option<Side<'a>>,
    pub(super) after: Option<Side<'a>>,
}

type Key<'a> = (&'a str, &'a str, &'a str, &'a str);

fn key<'a>(side: &Side<'a>, name: &'a str) -> Key<'a> {
    (side.group(), side.kind(), side.namespace(), name)
}

/// How much two objects may differ and still be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// As the cluster has it: group, kind, namespace and name.
    Cluster,
    /// As a repository has it, from one environment to another: group, kind, and the name before prefixes.
    Source,
}

/// Pairs objects: those after the change in their order, then those that are gone.
pub(super) fn pairs<'a>(before: &[Side<'a>], after: &[Side<'a>], identity: Identity) -> Vec<Pair<'a>> {
    let mut open: HashMap<Key<'a>, Vec<usize>> = HashMap::new();
    for (at, side) in before.iter().enumerate().rev() {
        open.entry(key(side, side.name())).or_default().push(at);
    }
    let mut partners: Vec<Option<usize>> =
        after.iter().map(|side| open.get_mut(&key(side, side.name())).and_then(Vec::pop)).collect();
    let mut is_taken = vec![false; before.len()];
    partners.iter().flatten().for_each(|at| is_taken[*at] = true);
    // What is left of generated objects, by what stands before the hash.
    let mut generated: BTreeMap<Key<'a>, Vec<usize>> = BTreeMap::new();
    for (at, side) in before.iter().enumerate().rev().filter(|(at, _)| !is_taken[*at]) {
        if let Some(stem) = side.before_hash() {
            generated.entry(key(side, stem)).or_default().push(at);
        }
    }
    for (side, partner) in after.iter().zip(&mut partners).filter(|(_, partner)| partner.is_none()) {
        let stem = side.before_hash();
        *partner = stem.and_then(|stem| generated.get_mut(&key(side, stem)).and_then(Vec::pop));
        if let Some(at) = partner {
            is_taken[*at] = true;
        }
    }
    if identity == Identity::Source {
        for (side, partner) in after.iter().zip(&mut partners).filter(|(_, partner)| partner.is_none()) {
            let name = |side: &Side<'a>| if side.stable_name.is_empty() { side.name() } else { side.stable_name };
            let is_it = |other: &Side<'a>| {
                (other.group(), other.kind(), name(other)) == (side.group(), side.kind(), name(side))
            };
            *partner = (0..before.len()).find(|at| !is_taken[*at] && is_it(&before[*at]));
            if let Some(at) = partner {
                is_taken[*at] = true;
            }
        }
    }
    let kept = after
        .iter()
        .zip(partners)
        .map(|(side, partner)| Pair { before: partner.and_then(|at| before.get(at)).copied(), after: Some(*side) });
    let gone = before.iter().zip(is_taken).filter(|(_, is_taken)| !is_taken);
    kept.chain(gone.map(|(side, _)| Pair { before: Some(*side), after: None })).collect()
}

/// Names of generated objects before and after: what refers to them changes with them, and says nothing new.
pub(super) type Renamed = HashMap<String, String>;

pub(super) fn renamed(pairs: &[Pair<'_>]) -> Renamed {
    let names = |pair: &Pair<'_>| {
        let (before, after) = (pair.before?.name(), pair.after?.name());
        (before != after).then(|| (before.to_owned(), after.to_owned()))
    };
    pairs.iter().filter_map(names).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;
    use crate::yaml::load;

    fn objects(names: &[&str]) -> Vec<Datum> {
        let text = |name: &&str| {
            let (kind, name) = name.split_once('/').unwrap_or(("ConfigMap", name));
            format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\n")
        };
        let documents = names.iter().map(text).collect::<Vec<_>>().join("---\n");
        load::documents(&documents, FileId::NONE).unwrap_or_default()
    }

    fn paired(before: &[&str], after: &[&str]) -> Vec<(String, String)> {
        let (before, after) = (objects(before), objects(after));
        let sides = |objects: &'_ [Datum]| -> Vec<Datum> { objects.to_vec() };
        let (before, after) = (sides(&before), sides(&after));
        let side = |root| Side { root, stable_name: "", namespace: "" };
        let (before, after): (Vec<_>, Vec<_>) = (before.iter().map(side).collect(), after.iter().map(side).collect());
        let name = |side: Option<Side<'_>>| side.map_or_else(|| "-".to_owned(), |side| side.name().to_owned());
        pairs(&before, &after, Identity::Cluster).iter().map(|pair| (name(pair.before), name(pair.after))).collect()
    }

    #[test]
    fn generated_objects_are_paired_by_what_stands_before_the_hash() {
        let pair = |before: &str, after: &str| (before.to_owned(), after.to_owned());
        assert_eq!(
            paired(&["a-2456789bcd", "b"], &["a-fghkmt2456", "b"]),
            [pair("a-2456789bcd", "a-fghkmt2456"), pair("b", "b")]
        );
        // Not a hash, of another kind, of another name.
        assert_eq!(paired(&["a-0123456789"], &["a-2456789bcd"]).len(), 2);
        assert_eq!(paired(&["Service/a-2456789bcd"], &["Service/a-fghkmt2456"]).len(), 2);
        assert_eq!(paired(&["a-2456789bcd"], &["b-fghkmt2456"]).len(), 2);
        // What has the same name stays what it is.
        assert_eq!(
            paired(&["a-2456789bcd", "a-bbbbbbbbbb"], &["a-bbbbbbbbbb", "a-cccccccccc"]),
            [pair("a-bbbbbbbbbb", "a-bbbbbbbbbb"), pair("a-2456789bcd", "a-cccccccccc")]
        );
    }
}
