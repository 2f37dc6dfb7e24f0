//! From what names something to what it names: files, folders, targets of patches, objects.

use std::path::Path;

use lsp_types::{Location, Position};

use crate::kube::KUSTOMIZATIONS;
use crate::lsp::asked::Asked;
use crate::lsp::hover::at_place;
use crate::lsp::text::point;
use crate::source::FileId;
use crate::tree::{Tree, join, normal};
use crate::yaml::data::{Content, Datum};
use crate::yaml::load;

/// More places than these are no answer.
const MOST: usize = 20;

/// Which kind the name below a key is of.
const REFERENCES: &[(&str, &str, &str)] = &[
    ("configMapRef", "name", "ConfigMap"),
    ("configMapKeyRef", "name", "ConfigMap"),
    ("configMap", "name", "ConfigMap"),
    ("secretRef", "name", "Secret"),
    ("secretKeyRef", "name", "Secret"),
    ("secret", "name", "Secret"),
    ("secret", "secretName", "Secret"),
    ("imagePullSecrets", "name", "Secret"),
    ("tls", "secretName", "Secret"),
    ("service", "name", "Service"),
    ("spec", "serviceName", "Service"),
    ("persistentVolumeClaim", "claimName", "PersistentVolumeClaim"),
    ("spec", "serviceAccountName", "ServiceAccount"),
];

/// Where what stands at a place is defined.
pub(super) fn definition(asked: &Asked<'_>) -> Vec<Location> {
    let documents = load::documents(&asked.text.replace("\r\n", "\n"), FileId::NONE).unwrap_or_default();
    let mut found = Vec::new();
    if let Some(trail) = documents.iter().find_map(|document| trail(asked, document)) {
        found = by_path(asked, &trail);
        if found.is_empty() {
            found = by_reference(asked, &trail);
        }
    }
    if found.is_empty() {
        found = by_build(asked);
    }
    found.truncate(MOST);
    found
}

/// The way to the scalar under the cursor: keys from the outermost one on, and its text.
struct Trail<'d> {
    root: &'d Datum,
    keys: Vec<&'d str>,
    text: &'d str,
}

fn trail<'d>(asked: &Asked<'_>, root: &'d Datum) -> Option<Trail<'d>> {
    let offset = asked.offset();
    let mut best: Option<(usize, Vec<&'d str>, &'d str)> = None;
    let mut open = vec![(root, Vec::new())];
    while let Some((node, keys)) = open.pop() {
        match &node.content {
            Content::Scalar(text) => {
                // On the line of the cursor, the last that starts at or before it, else the first.
                let Some((_, start)) = node.origin.place() else { continue };
                let start = start as usize;
                let (from, to) = asked.line_range();
                if start < from || start > to {
                    continue;
                }
                let rank =
                    |start: usize| if start <= offset { (1, start.cast_signed()) } else { (0, -start.cast_signed()) };
                if best.as_ref().is_none_or(|(known, ..)| rank(start) > rank(*known)) {
                    best = Some((start, keys, text));
                }
            }
            Content::Sequence(items) => open.extend(items.iter().map(|item| (item, keys.clone()))),
            Content::Mapping(pairs) => open.extend(pairs.iter().map(|(key, value)| {
                let mut keys = keys.clone();
                keys.push(key.text());
                (value, keys)
            })),
        }
    }
    best.map(|(_, keys, text)| Trail { root, keys, text })
}

/// What a kustomization or an Application names by its path.
fn by_path(asked: &Asked<'_>, trail: &Trail<'_>) -> Vec<Location> {
    let (folder, name) = asked.below.rsplit_once('/').unwrap_or(("", asked.below));
    let is_argo = trail.root.text_of("apiVersion").starts_with("argoproj.io/");
    let candidates: Vec<Option<String>> = if KUSTOMIZATIONS.contains(&name) {
        // `key=path` names the file of a generator.
        let text = [Some(trail.text), trail.text.split_once('=').map(|(_, path)| path)];
        text.into_iter().flatten().map(|text| normal(folder, text)).collect()
    } else if is_argo && trail.keys.last() == Some(&"path") {
        vec![normal("", trail.text.trim_start_matches('/'))]
    } else {
        return Vec::new();
    };
    let tree = Tree::directory(&asked.repository.root);
    let is_open = |path: &str| asked.documents.open.contains_key(&asked.repository.root.join(path));
    let target = candidates.into_iter().flatten().filter(|_| !trail.text.is_empty()).find_map(|path| {
        let inner =
            KUSTOMIZATIONS.iter().map(|name| join(&path, name)).find(|file| tree.has_file(file) || is_open(file));
        inner.or_else(|| (tree.has_file(&path) || is_open(&path)).then_some(path))
    });
    target.and_then(|path| start_of(asked, &asked.repository.root.join(path))).into_iter().collect()
}

fn start_of(asked: &Asked<'_>, path: &Path) -> Option<Location> {
    Some(Location { uri: asked.documents.uri(path)?, range: point(Position::default()) })
}

/// The object that a name refers to.
fn by_reference(asked: &Asked<'_>, trail: &Trail<'_>) -> Vec<Location> {
    let [.., parent, key] = trail.keys[..] else { return Vec::new() };
    let Some((.., kind)) = REFERENCES.iter().find(|(known, own, _)| *known == parent && *own == key) else {
        return Vec::new();
    };
    let mut found: Vec<Location> = Vec::new();
    for gathered in asked.sides() {
        for thing in gathered.things(asked.below) {
            let name = thing.root.at(["metadata", "name"]);
            let is_it = name.is_some_and(|name| name.text() == trail.text) || thing.first_name == trail.text;
            if thing.root.text_of("kind") != *kind || !is_it {
                continue;
            }
            push(
                asked,
                &mut found,
                name.and_then(|name| gathered.set_by(name.origin).pop()).and_then(|last| last.place),
            );
            if found.len() >= MOST {
                return found;
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    found
}

/// What a place overrides; of a patch that overrides nothing there, the object that it is put over.
fn by_build(asked: &Asked<'_>) -> Vec<Location> {
    let mut found = Vec::new();
    for one in at_place(asked, Some(asked.line)) {
        push(asked, &mut found, one.setters.get(one.at + 1).and_then(|setter| setter.place.clone()));
    }
    if !found.is_empty() {
        return found;
    }
    for one in asked.repository.uses(asked.below, None) {
        let name = one.object.at(["metadata", "name"]).map(|name| name.origin);
        let place = name.and_then(|name| one.side.set_by(name).pop()).and_then(|setter| setter.place);
        push(asked, &mut found, place.filter(|place| place.file != asked.below));
    }
    found
}

fn push(asked: &Asked<'_>, found: &mut Vec<Location>, place: Option<crate::kustomize::Place>) {
    let location = place.and_then(|place| asked.repository.location(asked.documents, asked.units, &place));
    if let Some(location) = location.filter(|location| !found.contains(location)) {
        found.push(location);
    }
}
