//! What rendering would change: units against the tree as it is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::catalog::Catalog;
use crate::diag::Diagnostics;
use crate::render::{OUTPUT, Owner, Unit, diags, is_rendered};
use crate::source::{SourceMap, Span};
use crate::tree::{Change, Tree};

/// The finalizer by which deleting an Application deletes what it deployed.
const FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

/// What becomes of one unit.
#[derive(Debug)]
pub struct Planned {
    /// Whose files they are.
    pub owner: Owner,
    /// What is to be written; may be nothing.
    pub changes: Vec<Change>,
    /// How many files stay as they are.
    pub unchanged: usize,
}

/// Compares units with the tree, and says what becomes of each. A unit with a file in the way is reported and left out. Leftovers are removed with
/// `prune` and reported without.
pub fn plan(
    units: Vec<Unit>,
    catalog: &Catalog,
    tree: &Tree,
    prune: bool,
    sources: &mut SourceMap,
    diagnostics: &mut Diagnostics,
) -> Vec<Planned> {
    let mut planner = Planner { catalog, tree, sources, diagnostics };
    let rendered: BTreeSet<String> = units.iter().filter_map(|unit| service_of(&unit.owner)).collect();
    let platform_is_rendered = units.iter().any(|unit| unit.owner == Owner::Platform);
    let mut leftovers = planner.leftovers(&units);
    let mut plan = Vec::with_capacity(units.len());
    for unit in units {
        let Some(mut own) = planner.changes(&unit) else { continue };
        if let Some(service) = service_of(&unit.owner) {
            // A part that the service no longer has, such as its autoscaler.
            let prefix = format!("{OUTPUT}/apps/{service}/");
            let overlays = unit.files.keys().filter_map(|path| overlay_of(path)).collect::<BTreeSet<_>>();
            let is_part = |path: &str| {
                path.starts_with(&prefix) && overlay_of(path).is_none_or(|overlay| overlays.contains(overlay))
            };
            let parts: Vec<_> = leftovers.keys().filter(|path| is_part(path)).cloned().collect();
            for path in parts {
                let before = leftovers.remove(&path);
                own.changes.push(Change { path, before, after: None });
            }
        }
        plan.push(own);
    }
    if !platform_is_rendered {
        // Nobody has said what the platform's files are to be, so none of them is left over.
        leftovers.retain(|path, _| path.starts_with(&format!("{OUTPUT}/apps/")));
    }
    let removals = planner.remove_or_report(leftovers, &rendered, prune);
    match plan.iter_mut().find(|unit| unit.owner == Owner::Platform) {
        Some(platform) => platform.changes.extend(removals),
        None if removals.is_empty() => {}
        None => plan.push(Planned { owner: Owner::Platform, changes: removals, unchanged: 0 }),
    }
    plan
}

fn service_of(owner: &Owner) -> Option<String> {
    match owner {
        Owner::Service(name) => Some(name.clone()),
        Owner::Platform => None,
    }
}

/// `gitops/apps/x/overlays/dev/…` → `dev`.
fn overlay_of(path: &str) -> Option<&str> {
    let (_, below) = path.split_once("/overlays/")?;
    below.split('/').next()
}

struct Planner<'a> {
    catalog: &'a Catalog,
    tree: &'a Tree,
    sources: &'a mut SourceMap,
    diagnostics: &'a mut Diagnostics,
}

impl Planner<'_> {
    /// The files of a unit that differ from the tree; `None` when one of them is in the way.
    fn changes(&mut self, unit: &Unit) -> Option<Planned> {
        let (mut changes, mut unchanged) = (Vec::new(), 0);
        let mut in_the_way = false;
        for (path, after) in &unit.files {
            let before = match self.tree.text(path) {
                Ok(before) => before,
                Err(diagnostic) => {
                    self.diagnostics.push(*diagnostic);
                    in_the_way = true;
                    continue;
                }
            };
            match &before {
                Some(before) if **before == **after => unchanged += 1,
                Some(_) if is_the_repositorys(path, before.as_deref()) => {
                    self.diagnostics.push(diags::kept_file(path));
                }
                Some(text) if !is_rendered(path, text) => {
                    let file = self.sources.add(path.as_str(), text.clone());
                    let end = text.find('\n').unwrap_or(text.len());
                    let place = Span { file, start: 0, end: u32::try_from(end).unwrap_or(0) };
                    self.diagnostics.push(diags::in_the_way(place, path));
                    in_the_way = true;
                }
                Some(text) => match self.cut_off(&unit.owner, text, after) {
                    Some(service) => {
                        self.diagnostics.push(diags::held(path, &service));
                        unchanged += 1;
                    }
                    None => changes.push(Change { path: path.clone(), before, after: Some(after.clone()) }),
                },
                None => changes.push(Change { path: path.clone(), before, after: Some(after.clone()) }),
            }
        }
        (!in_the_way).then(|| Planned { owner: unit.owner.clone(), changes, unchanged })
    }

    /// A service whose catalog file does not load and that the new text would cut off: the present one names it, and the
    /// new one does not. What is everybody's may speak of it in other words (its database, its team), so there no line
    /// may go at all.
    fn cut_off(&self, owner: &Owner, before: &str, after: &str) -> Option<String> {
        let broken = self.catalog.services.iter().filter(|entry| entry.broken).map(|entry| &entry.name);
        let mut broken = broken.chain(&self.catalog.unreadable);
        match owner {
            Owner::Service(_) => broken.find(|name| names(before, name) && !names(after, name)).cloned(),
            Owner::Platform => broken.next().filter(|_| loses_a_line(before, after)).cloned(),
        }
    }

    /// Rendered files under gitops/ that no unit has, with their texts. Those of services that are in the catalog and
    /// could not be rendered are none: they stay as they are.
    fn leftovers(&self, units: &[Unit]) -> BTreeMap<String, Arc<str>> {
        let wanted: BTreeSet<&str> = units.iter().flat_map(|unit| unit.files.keys().map(String::as_str)).collect();
        let rendered: BTreeSet<_> = units.iter().filter_map(|unit| service_of(&unit.owner)).collect();
        let out_of_order: Vec<&str> = self.catalog.names().filter(|name| !rendered.contains(*name)).collect();
        let at_the_root = self.tree.list("").into_iter().filter(|entry| !entry.is_directory()).map(|entry| entry.name);
        let files = self.tree.files(OUTPUT).into_iter().chain(at_the_root);
        let mut found = BTreeMap::new();
        for path in files.filter(|path| !wanted.contains(path.as_str())) {
            let Ok(Some(text)) = self.tree.text(&path) else { continue };
            let is_theirs = out_of_order.iter().any(|name| owner_by_path(&path) == Some(*name) || names(&text, name));
            if is_rendered(&path, &text) && !is_theirs {
                found.insert(path, text);
            }
        }
        found
    }

    /// Leftovers become removals, or are reported by what they belonged to.
    fn remove_or_report(
        &mut self,
        leftovers: BTreeMap<String, Arc<str>>,
        rendered: &BTreeSet<String>,
        prune: bool,
    ) -> Vec<Change> {
        if !prune {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for path in leftovers.keys() {
                let subject = match (owner_by_path(path), overlay_of(path).or(environment_by_path(path))) {
                    (Some(service), Some(environment)) if rendered.contains(service) => {
                        format!("`{service}` in {environment}")
                    }
                    (Some(service), _) => format!("`{service}`"),
                    (None, _) => format!("what made {path}"),
                };
                *counts.entry(subject).or_default() += 1;
            }
            for (subject, count) in &counts {
                self.diagnostics.push(diags::orphans(subject, *count));
            }
            return Vec::new();
        }
        let mut removals = Vec::new();
        for (path, text) in leftovers {
            if text.contains(FINALIZER) {
                self.diagnostics.push(diags::finalizer(&path));
            }
            removals.push(Change { path, before: Some(text), after: None });
        }
        removals
    }
}

/// Files at the root, such as CODEOWNERS, may be the repository's own.
fn is_the_repositorys(path: &str, text: Option<&str>) -> bool {
    !path.contains('/') && text.is_some_and(|text| !is_rendered(path, text))
}

/// `gitops/apps/x/…` and `gitops/argocd/dev/x.yaml` → `x`.
fn owner_by_path(path: &str) -> Option<&str> {
    let below = path.strip_prefix(OUTPUT)?.strip_prefix('/')?;
    let mut parts = below.split('/');
    match (parts.next()?, parts.next()?, parts.next()) {
        ("apps", service, _) => Some(service),
        ("argocd", folder, Some(file)) if folder != "projects" => file.strip_suffix(".yaml"),
        _ => None,
    }
}

/// `gitops/argocd/dev/x.yaml` → `dev`.
fn environment_by_path(path: &str) -> Option<&str> {
    let below = path.strip_prefix(OUTPUT)?.strip_prefix("/argocd/")?;
    below.split_once('/').map(|(environment, _)| environment)
}

/// Whether a line is gone, or stands in another order.
fn loses_a_line(before: &str, after: &str) -> bool {
    let mut rest = after.lines();
    before.lines().any(|line| !rest.any(|other| other == line))
}

/// Whether a text holds a name as a word of its own.
fn names(text: &str, name: &str) -> bool {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '-';
    text.match_indices(name).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(is_part)
            && !text[at + name.len()..].chars().next().is_some_and(is_part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_whole_words() {
        assert!(names("- name: order-service\n", "order-service"));
        assert!(!names("- name: order-service-v2\n", "order-service") && !names("reorder-service", "order-service"));
    }

    #[test]
    fn an_addition_loses_no_line() {
        assert!(
            !loses_a_line("a\nc\n", "a\nb\nc\n") && loses_a_line("a\nb\n", "a\n") && loses_a_line("a\nb\n", "b\na\n")
        );
    }

    #[test]
    fn paths_tell_whose_they_are() {
        assert_eq!(owner_by_path("gitops/apps/a/base/x.yaml"), Some("a"));
        assert_eq!(owner_by_path("gitops/argocd/dev/a.yaml"), Some("a"));
        assert_eq!(owner_by_path("gitops/argocd/projects/a.yaml"), None);
        assert_eq!(overlay_of("gitops/apps/a/overlays/dev/x.yaml"), Some("dev"));
    }
}
