//! Which overlays a repository has, and which part of their paths names the service and which the environment.
//!
//! In: a tree. Out: the patterns and environments that `init` writes into gitopsctl.yaml. Knows no catalog's services.

mod roots;

use std::collections::{BTreeMap, BTreeSet};

use crate::kube::KUSTOMIZATIONS;
use crate::tree::Tree;

pub use roots::{roots, tops};

/// Words that name environments in most repositories, as whole path components or their first or last part.
const ENVIRONMENTS: [&str; 24] = [
    "dev",
    "develop",
    "development",
    "test",
    "testing",
    "qa",
    "uat",
    "int",
    "integration",
    "ci",
    "sandbox",
    "preview",
    "stage",
    "staging",
    "stg",
    "preprod",
    "pre-production",
    "prod",
    "production",
    "prd",
    "live",
    "demo",
    "local",
    "perf",
];

/// Folders that are called after what lies in them, not after a service.
const TECHNICAL: [&str; 8] =
    ["k8s", "kubernetes", "kustomize", "deploy", "deployment", "deployments", "manifests", "config"];

/// What was found in a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// Where overlays lie, such as `apps/{service}/overlays/{environment}`; the most common first.
    pub patterns: Vec<String>,
    /// The environments that the patterns find, in the usual order of promotion.
    pub environments: Vec<String>,
    /// How many overlays there are.
    pub overlays: usize,
    /// How many kustomizations there are, overlays among them.
    pub kustomizations: usize,
}

/// Looks for overlays: the folders `…/overlays/*` with a kustomization; where there is none of that name, the folders
/// with a kustomization whose path names an environment.
pub fn detect(tree: &Tree) -> Layout {
    let files = tree.files("");
    let folder = |path: &str| {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        KUSTOMIZATIONS.contains(&name).then(|| folder.to_owned())
    };
    let folders: BTreeSet<String> = files.iter().filter_map(|path| folder(path)).collect();
    let mut patterns: BTreeMap<String, usize> = BTreeMap::new();
    let mut environments = BTreeSet::new();
    let by_name: Vec<_> = folders.iter().filter_map(|folder| by_overlays(folder)).collect();
    let found =
        if by_name.is_empty() { folders.iter().filter_map(|folder| by_words(folder)).collect() } else { by_name };
    for (pattern, environment) in &found {
        *patterns.entry(pattern.clone()).or_default() += 1;
        environments.insert(environment.clone());
    }
    let mut patterns: Vec<_> = patterns.into_iter().collect();
    patterns.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut environments: Vec<_> = environments.into_iter().collect();
    environments.sort_by_key(|name| (rank(name).unwrap_or(usize::MAX), name.clone()));
    Layout {
        patterns: patterns.into_iter().map(|(pattern, _)| pattern).collect(),
        environments,
        overlays: found.len(),
        kustomizations: folders.len(),
    }
}

/// Which service and environment an overlay belongs to, as far as its path says it: by the patterns of the settings, else
/// by the folder `overlays`, else by words that name environments.
pub fn owner(folder: &str, patterns: &[String]) -> (Option<String>, Option<String>) {
    if let Some(found) = patterns.iter().find_map(|pattern| by_pattern(folder, pattern)) {
        return found;
    }
    let Some((pattern, environment)) = by_overlays(folder).or_else(|| by_words(folder)) else { return (None, None) };
    let place = pattern.split('/').position(|part| part == "{service}");
    let service = place.and_then(|at| folder.split('/').nth(at)).map(str::to_owned);
    (service, Some(environment))
}

/// The parts of a path that a pattern names; a pattern may end before the path does.
fn by_pattern(folder: &str, pattern: &str) -> Option<(Option<String>, Option<String>)> {
    let (mut service, mut environment) = (None, None);
    let mut parts = folder.split('/');
    for wanted in pattern.split('/') {
        let part = parts.next()?;
        match wanted {
            "{service}" => service = Some(part.to_owned()),
            "{environment}" => environment = Some(part.to_owned()),
            wanted if wanted.starts_with('{') && wanted.ends_with('}') => {}
            wanted if wanted == part => {}
            _ => return None,
        }
    }
    Some((service, environment))
}

/// `apps/order/overlays/dev` → `apps/{service}/overlays/{environment}` and `dev`. `overlays/dev` has no service.
fn by_overlays(folder: &str) -> Option<(String, String)> {
    let mut parts: Vec<&str> = folder.split('/').collect();
    let (environment, above) = parts.split_last()?;
    if *above.last()? != "overlays" {
        return None;
    }
    let environment = (*environment).to_owned();
    let last = parts.len() - 1;
    parts[last] = "{environment}";
    // `src/frontend/k8s/overlays/dev`: the folder says what lies in it, the one above whose it is.
    let service = (0..last - 1).rev().find(|at| !TECHNICAL.contains(&parts[*at]));
    if let Some(service) = service {
        parts[service] = "{service}";
    }
    Some((parts.join("/"), environment))
}

/// `production/eu/order` → `production/…` with the environment's part replaced; the last other part is the service.
fn by_words(folder: &str) -> Option<(String, String)> {
    let mut parts: Vec<&str> = folder.split('/').collect();
    let at = parts.iter().position(|part| rank(part).is_some())?;
    let environment = parts[at].to_owned();
    parts[at] = "{environment}";
    let service = if at + 1 < parts.len() { parts.len() - 1 } else { at.checked_sub(1)? };
    parts[service] = "{service}";
    Some((parts.join("/"), environment))
}

/// How far on the way to production an environment is, by its name.
pub fn rank(name: &str) -> Option<usize> {
    let position = |word: &str| ENVIRONMENTS.iter().position(|known| *known == word);
    position(name).or_else(|| name.split(['-', '_']).find_map(position))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detected(folders: &[&str]) -> Layout {
        let file = |folder: &&str| (format!("{folder}/kustomization.yaml"), String::new());
        detect(&Tree::memory(folders.iter().map(file)))
    }

    #[test]
    fn overlays_are_found_by_the_usual_folder() {
        let layout =
            detected(&["apps/a/base", "apps/a/overlays/production", "apps/a/overlays/dev", "apps/b/overlays/dev"]);
        assert_eq!(layout.patterns, ["apps/{service}/overlays/{environment}"]);
        assert_eq!(layout.environments, ["dev", "production"]);
        assert_eq!((layout.overlays, layout.kustomizations), (3, 4));
    }

    #[test]
    fn a_folder_of_manifests_is_no_service() {
        let layout =
            detected(&["src/a/k8s/overlays/dev", "src/b/k8s/overlays/dev", "overlays/prod", "k8s/overlays/prod"]);
        let patterns =
            ["src/{service}/k8s/overlays/{environment}", "k8s/overlays/{environment}", "overlays/{environment}"];
        assert_eq!(layout.patterns, patterns);
    }

    #[test]
    fn overlays_are_found_by_the_names_of_environments() {
        let layout = detected(&["base/a", "staging/eu/a", "prod/eu/a", "prod/us/a"]);
        assert_eq!(layout.patterns, ["{environment}/eu/{service}", "{environment}/us/{service}"]);
        assert_eq!(layout.environments, ["staging", "prod"]);
    }

    #[test]
    fn a_path_says_whose_it_is() {
        let of = |path: &str, patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            owner(path, &patterns)
        };
        let some = |service: &str, environment: &str| (Some(service.to_owned()), Some(environment.to_owned()));
        assert_eq!(of("apps/order/overlays/dev", &[]), some("order", "dev"));
        assert_eq!(of("prod/eu/order", &[]), some("order", "prod"));
        assert_eq!(of("x/blue/order", &["x/{environment}/{service}"]), some("order", "blue"));
        assert_eq!(of("monitoring", &[]), (None, None));
    }

    #[test]
    fn a_repository_without_environments_has_no_pattern() {
        assert_eq!(detected(&["base", "monitoring"]).patterns, Vec::<String>::new());
    }
}
