//! Which lists a strategic merge patch merges, and by which keys: the built-in table, or an OpenAPI document of the user.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use crate::kube::group_version;
use crate::yaml::data::Datum;

/// What is known of the kinds: merge keys, and scopes beyond the built-in ones.
#[derive(Debug, Default)]
pub struct OpenApi {
    root: Option<Datum>,
    kinds: HashMap<(String, String), String>,
}

/// A place in a schema.
#[derive(Clone, Copy, Debug)]
pub enum Schema<'a> {
    /// In the table of built-in kinds.
    BuiltIn(&'static Entry),
    /// In the user's document.
    Custom(&'a OpenApi, &'a Datum),
}

/// A node of the built-in table.
#[derive(Debug, Default)]
pub struct Entry {
    fields: HashMap<&'static str, Entry>,
    items: Option<Box<Entry>>,
    keys: Option<Vec<&'static str>>,
}

/// The kinds that were asked for: parsing the whole table would take as long as a small build.
static BUILT_IN: LazyLock<Mutex<HashMap<String, Option<&'static Entry>>>> = LazyLock::new(Mutex::default);

const TABLE: &str = include_str!("data/merge-keys.tsv");

/// The schema of a kind that is built into Kubernetes 1.21.2.
pub fn built_in(api_version: &str, kind: &str) -> Option<Schema<'static>> {
    let (group, version) = group_version(api_version);
    let name = format!("{group}\t{version}\t{kind}\t");
    let mut known = BUILT_IN.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = *known.entry(name).or_insert_with_key(|name| parsed(name).map(|entry| &*Box::leak(Box::new(entry))));
    entry.map(Schema::BuiltIn)
}

/// The rows of a kind, which stand together; `None` where there are none.
fn parsed(name: &str) -> Option<Entry> {
    let mut rows = TABLE[first_from(name)..].lines().map_while(|line| line.strip_prefix(name)).peekable();
    rows.peek()?;
    let mut root = Entry::default();
    for line in rows {
        let (path, keys) = line.split_once('\t').unwrap_or((line, ""));
        let mut entry = &mut root;
        for part in path.split('.') {
            let name = part.trim_end_matches("[]");
            entry = entry.fields.entry(name).or_default();
            if part.ends_with("[]") && !path.ends_with(part) {
                entry = entry.items.get_or_insert_default();
            }
        }
        entry.keys = Some(keys.split(',').filter(|key| !key.is_empty()).collect());
    }
    Some(root)
}

/// Where the first row starts that is not before a text. The rows are sorted by their bytes, and start behind a comment.
fn first_from(name: &str) -> usize {
    let line_of = |at: usize| TABLE[..at].rfind('\n').map_or(0, |end| end + 1);
    let after = |at: usize| TABLE[at..].find('\n').map_or(TABLE.len(), |end| at + end + 1);
    let (mut low, mut high) = (after(0), TABLE.len());
    while low < high {
        let row = line_of(low.midpoint(high));
        if TABLE[row..after(row)] < *name { low = after(row) } else { high = row }
    }
    low
}

impl OpenApi {
    /// From a document with `definitions`. Kinds are found by their `x-kubernetes-group-version-kind`.
    pub fn new(root: Datum) -> Arc<Self> {
        let mut kinds = HashMap::new();
        for (name, definition) in root.get("definitions").map_or(&[][..], Datum::pairs) {
            for kind in definition.get("x-kubernetes-group-version-kind").map_or(&[][..], Datum::items) {
                let group = kind.text_of("group");
                let version = kind.text_of("version");
                let api_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
                kinds.insert((api_version, kind.text_of("kind").to_owned()), name.text().to_owned());
            }
        }
        Arc::new(Self { root: Some(root), kinds })
    }

    /// The schema of a kind.
    pub fn schema(&self, api_version: &str, kind: &str) -> Option<Schema<'_>> {
        let name = self.kinds.get(&(api_version.to_owned(), kind.to_owned()))?;
        let definition = self.root.as_ref()?.get("definitions")?.get(name)?;
        Some(Schema::Custom(self, definition))
    }

    /// The node, its `$ref` followed.
    fn resolve<'a>(&'a self, mut node: &'a Datum) -> Option<&'a Datum> {
        for _ in 0..64 {
            let Some(reference) = node.get("$ref") else { return Some(node) };
            let name = reference.text().strip_prefix("#/definitions/")?;
            node = self.root.as_ref()?.get("definitions")?.get(name)?;
        }
        None
    }
}

impl<'a> Schema<'a> {
    /// The schema of a field.
    pub fn field(self, name: &str) -> Option<Schema<'a>> {
        match self {
            Self::BuiltIn(entry) => entry.fields.get(name).map(Schema::BuiltIn),
            Self::Custom(document, node) => {
                let node = document.resolve(node)?;
                let field = node.get("properties").and_then(|properties| properties.get(name));
                let field = field.or_else(|| node.get("additionalProperties").filter(|node| node.is_mapping()))?;
                Some(Schema::Custom(document, field))
            }
        }
    }

    /// The schema of a list's elements.
    pub fn elements(self) -> Option<Schema<'a>> {
        match self {
            Self::BuiltIn(entry) => entry.items.as_deref().map(Schema::BuiltIn),
            Self::Custom(document, node) => Some(Schema::Custom(document, document.resolve(node)?.get("items")?)),
        }
    }

    /// The keys by which a list is merged: none for a list of scalars that is merged by value. `None` for a list that is
    /// replaced.
    pub fn merge_keys(self) -> Option<Vec<&'a str>> {
        match self {
            Self::BuiltIn(entry) => entry.keys.clone(),
            Self::Custom(document, node) => {
                let strategy = |node: &'a Datum| node.get("x-kubernetes-patch-strategy").map(Datum::text);
                let resolved = document.resolve(node)?;
                let node = if strategy(node).is_some() { node } else { resolved };
                if !strategy(node)?.split(',').any(|strategy| strategy == "merge") {
                    return None;
                }
                let list_keys: Vec<_> = node
                    .get("x-kubernetes-list-map-keys")
                    .map_or(&[][..], Datum::items)
                    .iter()
                    .map(Datum::text)
                    .collect();
                if !list_keys.is_empty() {
                    return Some(list_keys);
                }
                Some(node.get("x-kubernetes-patch-merge-key").map(Datum::text).into_iter().collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_of_the_sorted_table_is_found() {
        let rows: Vec<&str> = TABLE.lines().skip(1).collect();
        assert!(rows.is_sorted() && rows.len() > 500);
        for row in rows {
            let columns: Vec<&str> = row.split('\t').collect();
            let api_version = [columns[0], columns[1]].join("/");
            let api_version = api_version.trim_start_matches('/');
            assert!(built_in(api_version, columns[2]).is_some(), "{row}");
        }
    }

    #[test]
    fn built_in_lists_have_their_keys() {
        let keys = |api_version: &str, kind: &str, path: &[&str]| {
            let start = built_in(api_version, kind);
            let end = path.iter().fold(start, |schema, part| match *part {
                "[]" => schema?.elements(),
                name => schema?.field(name),
            });
            end.and_then(Schema::merge_keys)
        };
        let containers = ["spec", "template", "spec", "containers"];
        assert_eq!(keys("apps/v1", "Deployment", &containers), Some(vec!["name"]));
        let ports = ["spec", "template", "spec", "containers", "[]", "ports"];
        assert_eq!(keys("apps/v1", "Deployment", &ports), Some(vec!["containerPort", "protocol"]));
        assert_eq!(keys("v1", "Service", &["spec", "ports"]), Some(vec!["port", "protocol"]));
        assert_eq!(keys("v1", "Pod", &["metadata", "finalizers"]), Some(vec![]));
        assert_eq!(keys("apps/v1", "Deployment", &["spec", "template", "spec", "tolerations"]), None);
        assert_eq!(keys("extensions/v1beta1", "Deployment", &containers), None);
    }
}
