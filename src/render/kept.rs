//! What rendering must not change: the tags and digests that CI wrote, the values of flags, and what people put beside
//! the rendered files. Read from the tree as it is, as raw text, so that quotes stay too.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::diag::Diagnostics;
use crate::kube::KUSTOMIZATIONS;
use crate::source::{SourceMap, Span};
use crate::tree::{Tree, join};
use crate::yaml::{self, Document, Kind, NodeId, Style};

/// An entry of `images`; every field but the name is raw YAML.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Image {
    /// The image that it changes.
    pub(super) name: String,
    pub(super) new_name: Option<String>,
    pub(super) new_tag: Option<String>,
    pub(super) digest: Option<String>,
}

/// What people put into `extra/` and `patches/` beside a kustomization, relative to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) resources: Vec<String>,
    pub(super) patches: Vec<String>,
}

/// The entries of `images` in an overlay's kustomization. A file that is not YAML is reported: nobody could tell its tag.
pub(super) fn images(tree: &Tree, overlay: &str, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Vec<Image> {
    let Some(document) = document(tree, &join(overlay, "kustomization.yaml"), sources, diagnostics) else {
        return Vec::new();
    };
    let Some(images) = document.get(document.root(), "images") else { return Vec::new() };
    let reader = Reader { document: &document, sources };
    let entry = |item: &NodeId| {
        Some(Image {
            name: document.get(*item, "name").and_then(|name| document.text(name))?.to_owned(),
            new_name: reader.raw(*item, "newName"),
            new_tag: reader.raw(*item, "newTag"),
            digest: reader.raw(*item, "digest"),
        })
    };
    document.items(images).iter().filter_map(entry).collect()
}

/// The version that an overlay deploys of an image: `tag`, `tag@digest` or `@digest`.
pub(super) fn version(
    tree: &Tree,
    overlay: &str,
    image: &str,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<String> {
    let document = document(tree, &join(overlay, "kustomization.yaml"), sources, diagnostics)?;
    let images = document.get(document.root(), "images")?;
    let text = |item: &NodeId, key| document.get(*item, key).and_then(|value| document.text(value));
    let entry = document.items(images).iter().rfind(|item| text(item, "name") == Some(image))?;
    let digest = text(entry, "digest").map(|digest| format!("@{digest}")).unwrap_or_default();
    let version = format!("{}{digest}", text(entry, "newTag").unwrap_or_default());
    (!version.is_empty()).then_some(version)
}

/// The values in `data` of a ConfigMap, raw.
pub(super) fn data(
    tree: &Tree,
    path: &str,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> BTreeMap<String, String> {
    let Some(document) = document(tree, path, sources, diagnostics) else { return BTreeMap::new() };
    let Some(data) = document.get(document.root(), "data") else { return BTreeMap::new() };
    let reader = Reader { document: &document, sources };
    let pair = |(key, value): (NodeId, NodeId)| Some((document.text(key)?.to_owned(), reader.scalar(value)?));
    document.entries(data).into_iter().filter_map(pair).collect()
}

fn document(tree: &Tree, path: &str, sources: &mut SourceMap, diagnostics: &mut Diagnostics) -> Option<Document> {
    let file = tree.load(path, sources, diagnostics)?;
    let text = sources.file(file).text.clone();
    yaml::parse(&text, file, diagnostics).into_iter().next()
}

struct Reader<'a> {
    document: &'a Document,
    sources: &'a SourceMap,
}

impl Reader<'_> {
    fn raw(&self, mapping: NodeId, key: &str) -> Option<String> {
        self.scalar(self.document.get(mapping, key)?)
    }

    /// A scalar as it is written where that is a string on one line; else quoted, so that it becomes one. Nothing for
    /// null, which Kustomize takes for absent.
    fn scalar(&self, id: NodeId) -> Option<String> {
        let node = self.document.node(id);
        let written = self.sources.text(node.span);
        let value = match (self.document.scalar(id)?, &node.kind) {
            (yaml::Value::Null, _) => None,
            (yaml::Value::String(_), Kind::Scalar { style, .. })
                if *style != Style::Block && !written.contains('\n') && node.tag.is_none() =>
            {
                Some(written.to_owned())
            }
            _ => self.document.text(id).map(yaml::scalar),
        }?;
        Some(format!("{value}{}", self.comment_after(node.span)))
    }

    /// A comment behind a value on its line, with the space before it: it is about the value, so it stays with it.
    fn comment_after(&self, span: Span) -> &str {
        let text = &self.sources.file(span.file).text;
        let rest = text.get(span.end as usize..).and_then(|rest| rest.lines().next()).unwrap_or_default();
        if rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#') { rest.trim_end() } else { "" }
    }
}

/// What lies in `extra/` and `patches/` of a folder: manifests, and folders with a kustomization.
pub(super) fn found(tree: &Tree, folder: &str) -> Found {
    Found { resources: manifests(tree, folder, "extra"), patches: manifests(tree, folder, "patches") }
}

fn manifests(tree: &Tree, folder: &str, name: &str) -> Vec<String> {
    let below = join(folder, name);
    let entries = tree.list(&below);
    if entries.iter().any(|entry| KUSTOMIZATIONS.contains(&entry.name.as_str())) {
        return vec![name.to_owned()];
    }
    let is_manifest = |file: &str| file.ends_with(".yaml") || file.ends_with(".yml");
    let has_kustomization =
        |entry: &str| KUSTOMIZATIONS.iter().any(|file| tree.has_file(&join(&join(&below, entry), file)));
    entries
        .into_iter()
        .filter(|entry| if entry.is_directory() { has_kustomization(&entry.name) } else { is_manifest(&entry.name) })
        .map(|entry| join(name, &entry.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kustomization: &str) -> (Vec<Image>, usize) {
        let tree = Tree::memory([("o/kustomization.yaml".to_owned(), kustomization.to_owned())]);
        let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
        let images = images(&tree, "o", &mut sources, &mut diagnostics);
        (images, diagnostics.len())
    }

    #[test]
    fn tags_stay_as_they_are_written() {
        for (written, kept) in [
            ("v1.2.3", "v1.2.3"),
            ("\"v1.2.3\"", "\"v1.2.3\""),
            ("'1.10'", "'1.10'"),
            ("1.10", "\"1.10\""),
            ("!!str 123", "\"123\""),
            ("v1  # by CI", "v1  # by CI"),
            ("1.10 # by CI", "\"1.10\" # by CI"),
            ("|-\n    v9", "v9"),
        ] {
            let (images, problems) = read(&format!("images:\n- name: a\n  newTag: {written}\n  digest: ~\n"));
            assert_eq!((images[0].new_tag.as_deref(), problems), (Some(kept), 0), "{written}");
            assert_eq!(images[0].digest, None);
        }
    }

    #[test]
    fn a_kustomization_with_conflict_markers_is_reported() {
        let (images, problems) = read("images:\n<<<<<<< HEAD\n- name: a\n  newTag: v1\n=======\n- name: a\n");
        assert!(problems > 0, "{images:?}");
    }

    #[test]
    fn what_people_put_beside_is_found() {
        let files = ["b/extra/x.yaml", "b/extra/y.txt", "b/extra/z/kustomization.yaml", "b/patches/p.yml", "b/q.yaml"];
        let tree = Tree::memory(files.map(|file| (file.to_owned(), String::new())));
        let found = found(&tree, "b");
        assert_eq!(found.resources, ["extra/x.yaml", "extra/z"]);
        assert_eq!(found.patches, ["patches/p.yml"]);
    }
}
