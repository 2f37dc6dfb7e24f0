//! Which folders with kustomizations changed paths can reach, before anything is built: a kustomization is touched by what it
//! names, and by what lies around it; and then whatever names it. Too many are no harm, since their builds do not differ.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::kube::KUSTOMIZATIONS;
use crate::source::FileId;
use crate::tree::{Tree, join, normal};
use crate::yaml::data::{Content, Datum};
use crate::yaml::load;

/// What each folder with a kustomization names: files and folders.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    names: BTreeMap<String, Arc<Names>>,
}

#[derive(Clone, Debug, Default)]
struct Names {
    paths: BTreeSet<String>,
    is_component: bool,
}

impl Graph {
    /// That of a repository. What cannot be read names nothing.
    pub(super) fn of(home: &Tree, files: &[String]) -> Self {
        let kustomizations: Vec<(&str, &String)> = files
            .iter()
            .filter_map(|path| {
                let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
                KUSTOMIZATIONS.contains(&name).then_some((folder, path))
            })
            .collect();
        let read = |(folder, path): &(&str, &String)| ((*folder).to_owned(), Arc::new(Names::of(home, folder, path)));
        Self { names: kustomizations.par_iter().map(read).collect() }
    }

    /// That of another state of the repository, which differs in some paths.
    pub(super) fn with(&self, home: &Tree, changed: &BTreeSet<String>) -> Self {
        let mut names = self.names.clone();
        let folder = |path: &String| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
        // A kustomization that changed, and one of which a configuration did.
        let naming = self.names.iter().filter(|(_, names)| names.paths.iter().any(|path| changed.contains(path)));
        let folders: BTreeSet<String> =
            changed.iter().map(folder).chain(naming.map(|(folder, _)| folder.clone())).collect();
        for folder in folders {
            let file = KUSTOMIZATIONS.into_iter().map(|name| join(&folder, name)).find(|file| home.has_file(file));
            match file {
                Some(file) => _ = names.insert(folder.clone(), Arc::new(Names::of(home, &folder, &file))),
                None => _ = names.remove(&folder),
            }
        }
        Self { names }
    }

    /// The folders that changed paths reach.
    pub(super) fn touched(&self, changed: &BTreeSet<String>) -> BTreeSet<String> {
        let mut touched: BTreeSet<String> = BTreeSet::new();
        for path in changed {
            // What lies below a kustomization, up to the next one, may be a part of it: a chart, a file that it lists.
            let mut folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            loop {
                if self.names.contains_key(folder) {
                    touched.insert(folder.to_owned());
                    break;
                }
                match folder.rsplit_once('/') {
                    Some((parent, _)) => folder = parent,
                    None if folder.is_empty() => break,
                    None => folder = "",
                }
            }
        }
        let names_changed = |names: &Arc<Names>| names.paths.iter().any(|path| changed.contains(path));
        touched.extend(self.names.iter().filter(|(_, names)| names_changed(names)).map(|(folder, _)| folder.clone()));
        let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (folder, names) in &self.names {
            for path in names.paths.iter().filter(|path| self.names.contains_key(path.as_str())) {
                users.entry(path).or_default().push(folder);
            }
        }
        let mut open: Vec<String> = touched.iter().cloned().collect();
        while let Some(folder) = open.pop() {
            for user in users.get(folder.as_str()).into_iter().flatten() {
                if touched.insert((*user).to_owned()) {
                    open.push((*user).to_owned());
                }
            }
        }
        touched
    }

    /// The overlay roots among some folders, as the names of folders say it: `…/overlays/*` where there are any, else what
    /// no kustomization includes.
    pub(super) fn roots<'f>(&self, folders: &'f BTreeSet<String>) -> Vec<&'f String> {
        let is_overlay = |folder: &str| folder.rsplit('/').nth(1) == Some("overlays");
        if !self.names.keys().any(|folder| is_overlay(folder)) {
            return self.tops(folders);
        }
        folders.iter().filter(|folder| is_overlay(folder) && self.names.contains_key(*folder)).collect()
    }

    /// Those among some folders that no kustomization includes, and that are none of the parts that others include.
    pub(super) fn tops<'f>(&self, folders: &'f BTreeSet<String>) -> Vec<&'f String> {
        let included: BTreeSet<&String> = self.names.values().flat_map(|names| &names.paths).collect();
        let is_component = |folder: &String| self.names.get(folder).is_none_or(|names| names.is_component);
        folders.iter().filter(|folder| !included.contains(folder) && !is_component(folder)).collect()
    }
}

impl Names {
    fn of(home: &Tree, folder: &str, path: &str) -> Self {
        let document = document(home, path);
        let mut paths = BTreeSet::new();
        if let Some(document) = &document {
            named(document, folder, &mut paths);
            // Configurations of generators and transformers are files that name files.
            for field in ["generators", "transformers", "validators"] {
                for item in document.get(field).map_or(&[][..], Datum::items) {
                    let path = normal(folder, item.text()).filter(|path| home.has_file(path));
                    if let Some(inner) = path.and_then(|path| self::document(home, &path)) {
                        named(&inner, folder, &mut paths);
                    }
                }
            }
        }
        let is_component = document.is_some_and(|document| document.text_of("kind") == "Component");
        Self { paths, is_component }
    }
}

fn document(home: &Tree, path: &str) -> Option<Datum> {
    load::first_document(&home.text(path).ok()??, 0, FileId::NONE).ok().flatten()
}

/// Everything in a document that may be a path, from a folder on.
fn named(node: &Datum, folder: &str, paths: &mut BTreeSet<String>) {
    match &node.content {
        Content::Scalar(text) => {
            // `key=path` names the file of a generator.
            for text in [text.as_str(), text.split_once('=').map_or("", |(_, path)| path)] {
                let is_path = !text.is_empty() && text.len() < 4096 && !text.contains(['\n', ':']);
                paths.extend(is_path.then(|| normal(folder, text)).flatten());
            }
        }
        Content::Sequence(items) => items.iter().for_each(|item| named(item, folder, paths)),
        Content::Mapping(pairs) => pairs.iter().for_each(|(_, value)| named(value, folder, paths)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touched(files: &[(&str, &str)], changed: &[&str]) -> Vec<String> {
        let tree = Tree::memory(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let graph = Graph::of(&tree, &tree.files(""));
        graph.touched(&changed.iter().map(|path| (*path).to_owned()).collect()).into_iter().collect()
    }

    const FILES: &[(&str, &str)] = &[
        ("a/base/kustomization.yaml", "resources: [deployment.yaml]"),
        ("a/overlays/dev/kustomization.yaml", "resources: [../../base]\ncomponents: [../../../shared]"),
        ("b/base/kustomization.yaml", "configMapGenerator: [{name: c, files: [app.conf=../../files/app.conf]}]"),
        ("b/prod/kustomization.yaml", "resources: [../base]"),
        ("shared/kustomization.yaml", "kind: Component\ngenerators: [generator.yaml]"),
        ("shared/generator.yaml", "kind: ConfigMapGenerator\nenvs: [../files/shared.env]"),
    ];

    #[test]
    fn what_names_a_changed_path_is_touched_and_what_includes_it() {
        assert_eq!(touched(FILES, &["a/base/deployment.yaml"]), ["a/base", "a/overlays/dev"]);
        assert_eq!(touched(FILES, &["files/app.conf"]), ["b/base", "b/prod"]);
        assert_eq!(touched(FILES, &["files/shared.env"]), ["a/overlays/dev", "shared"]);
        assert_eq!(touched(FILES, &["b/prod/new/patch.yaml"]), ["b/prod"]);
        assert!(touched(FILES, &["README.md"]).is_empty());
    }

    #[test]
    fn tops_are_what_nothing_includes() {
        let tree = Tree::memory(FILES.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let graph = Graph::of(&tree, &tree.files(""));
        let all: BTreeSet<String> = graph.names.keys().cloned().collect();
        assert_eq!(graph.tops(&all), ["a/overlays/dev", "b/prod"]);
    }
}
