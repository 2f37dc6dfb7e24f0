//! What a repository deploys: the directories whose builds reach a cluster.

use std::collections::BTreeSet;
use std::sync::Arc;

use rayon::prelude::*;

use crate::kube::KUSTOMIZATIONS;
use crate::source::{FileId, Origin};
use crate::tree::{Tree, join, normal};
use crate::yaml::data::Datum;
use crate::yaml::load;

/// The overlay roots in or below a directory, sorted: the paths of Argo CD's Applications; where there are none, the
/// folders `…/overlays/*`; where there are none either, the kustomizations that no other one includes. `repository` is
/// the directory that the Applications' paths start from. `text` reads a file.
pub fn roots(
    tree: &Tree,
    repository: &str,
    directory: &str,
    text: impl Fn(&str) -> Option<Arc<str>> + Sync,
) -> Vec<String> {
    let files = tree.files(directory);
    let split = |path: &str| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        (folder.to_owned(), name.to_owned())
    };
    let folders: BTreeSet<String> = files
        .iter()
        .map(|path| split(path))
        .filter(|(_, name)| KUSTOMIZATIONS.contains(&&**name))
        .map(|(folder, _)| folder)
        .collect();
    let applied: BTreeSet<String> = files
        .par_iter()
        .filter(|path| path.ends_with(".yaml") || path.ends_with(".yml"))
        .flat_map_iter(|path| application_paths(&text(path).unwrap_or_default()))
        .filter_map(|path| normal(repository, path.trim_start_matches('/')))
        .collect();
    let applied: Vec<_> = applied.into_iter().filter(|path| folders.contains(path)).collect();
    if !applied.is_empty() {
        return applied;
    }
    let is_overlay = |folder: &&String| folder.rsplit('/').nth(1) == Some("overlays");
    let overlays: Vec<_> = folders.iter().filter(is_overlay).cloned().collect();
    if !overlays.is_empty() {
        return overlays;
    }
    unreferenced(&files, &folders, text)
}

/// The kustomizations below a directory that no other one includes, sorted.
pub fn tops(tree: &Tree, directory: &str, text: impl Fn(&str) -> Option<Arc<str>> + Sync) -> Vec<String> {
    let files = tree.files(directory);
    let folder = |path: &String| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        KUSTOMIZATIONS.contains(&name).then(|| folder.to_owned())
    };
    let folders = files.iter().filter_map(folder).collect();
    unreferenced(&files, &folders, text)
}

/// The folders among those with kustomizations that no other one includes. One that cannot be read is among them, so that its
/// build says why.
fn unreferenced(
    files: &[String],
    folders: &BTreeSet<String>,
    text: impl Fn(&str) -> Option<Arc<str>> + Sync,
) -> Vec<String> {
    let nothing = || Datum::null(Origin::NONE);
    let read: Vec<(&String, Datum)> =
        folders.iter().map(|folder| (folder, document(files, &text, folder).unwrap_or_else(nothing))).collect();
    let included: BTreeSet<String> = read
        .iter()
        .flat_map(|(folder, file)| {
            let lists = ["resources", "bases", "components"].into_iter().filter_map(|field| file.get(field));
            lists.flat_map(Datum::items).filter_map(|item| normal(folder, item.text().trim_start_matches('/')))
        })
        .collect();
    let is_root =
        |(folder, file): &&(&String, Datum)| !included.contains(*folder) && file.text_of("kind") != "Component";
    read.iter().filter(is_root).map(|(folder, _)| (*folder).clone()).collect()
}

/// The paths that the Applications of a text deploy from.
fn application_paths(text: &str) -> Vec<String> {
    if !text.contains("kind: Application") {
        return Vec::new();
    }
    let Ok(documents) = load::documents(text, FileId::NONE) else { return Vec::new() };
    let of = |spec: &Datum| {
        let several = spec.get("sources").map_or(&[][..], Datum::items).iter();
        let sources: Vec<&Datum> = spec.get("source").into_iter().chain(several).collect();
        let paths = sources.into_iter().filter_map(|source| source.get("path"));
        paths.map(|path| path.text().to_owned()).filter(|path| !path.contains("{{")).collect::<Vec<_>>()
    };
    let is_argo = |document: &&Datum| document.text_of("apiVersion").starts_with("argoproj.io/");
    documents
        .iter()
        .filter(is_argo)
        .filter_map(|document| match document.text_of("kind") {
            "Application" => document.get("spec"),
            "ApplicationSet" => document.at(["spec", "template", "spec"]),
            _ => None,
        })
        .flat_map(of)
        .collect()
}

fn document(files: &[String], text: impl Fn(&str) -> Option<Arc<str>>, folder: &str) -> Option<Datum> {
    let is_file = |path: &String| files.binary_search(path).is_ok();
    let path = KUSTOMIZATIONS.into_iter().map(|name| join(folder, name)).find(is_file)?;
    load::first_document(&text(&path)?, 0, FileId::NONE).ok().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        let tree = Tree::memory(files);
        roots(&tree, "", "", |path| tree.text(path).ok().flatten())
    }

    #[test]
    fn applications_come_before_folders_and_folders_before_what_nobody_includes() {
        let base = ("base/kustomization.yaml", "resources: []");
        let overlay = ("a/overlays/dev/kustomization.yaml", "resources: [../../../base]");
        let other = ("b/prod/kustomization.yaml", "resources: [../../base]");
        let application = (
            "argocd/apps.yaml",
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: x}\nspec: {source: {path: b/prod}}\n",
        );
        assert_eq!(found(&[base, overlay, other, application]), ["b/prod"]);
        assert_eq!(found(&[base, overlay, other]), ["a/overlays/dev"]);
        assert_eq!(found(&[base, other]), ["b/prod"]);
        assert_eq!(found(&[base, other, ("c/kustomization.yaml", "resources: [")]), ["b/prod", "c"]);
    }
}
