//! What a change can affect: changed paths → the overlays that are made of them, or deployed by them.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::catalog::{PLATFORM_FILE, SERVICES_FOLDER};
use crate::pipeline::gather::{Gathered, Place};
use crate::policy::POLICIES_FOLDER;
use crate::source::Origin;
use crate::tree::join;

impl Gathered {
    /// The directories and files that a root is made of.
    pub(super) fn parts_of(&self, place: &Place<'_>, root: &str) -> BTreeSet<Arc<str>> {
        let by_directory = |directory: &str| {
            let at = self.kustomizations.binary_search_by(|file| file.directory.as_str().cmp(directory));
            at.ok().map(|at| &self.kustomizations[at])
        };
        let mut parts: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut open: Vec<Arc<str>> = vec![root.into()];
        while let Some(directory) = open.pop() {
            if !parts.insert(place.shown(&directory).into()) {
                continue;
            }
            if let Some(file) = by_directory(&directory) {
                parts.insert(place.shown(&join(&directory, file.name)).into());
                parts.extend(file.files.iter().map(|path| place.shown(path).into()));
                open.extend(file.directories.iter().cloned());
            }
        }
        parts
    }

    /// For each overlay whether its findings are wanted: it is in the target, and the changed paths can affect it.
    pub(super) fn wanted_overlays(&self, changed: Option<&BTreeSet<String>>) -> Vec<bool> {
        let Some(changed) = changed else { return self.wanted.clone() };
        if changed.iter().any(|path| self.concerns_all(path)) {
            return self.wanted.clone();
        }
        // Who deploys what: a file of Applications affects what these deploy, and what patches the file does too.
        let declaring: BTreeSet<&str> = self.argo.origins().filter_map(|origin| self.path_of(origin)).collect();
        let others: BTreeSet<String> =
            changed.iter().filter(|path| !declaring.contains(path.as_str())).cloned().collect();
        let patching: Vec<usize> = (0..self.overlays.len())
            .filter(|at| self.overlays[*at].is_built && self.is_made_of(*at, &others))
            .collect();
        let is_deployed_by = |at: usize| {
            self.overlays[at].applications.iter().any(|at| {
                let application = self.argo.applications.get(*at);
                let set = application.and_then(|application| application.generated_by.as_deref());
                let set = self.argo.sets.iter().find(|known| Some(&*known.name) == set);
                let is_patched = |path: &str| patching.iter().any(|other| self.parts[*other].contains(path));
                self.files_of(*at).any(|path| changed.contains(path) || is_patched(path))
                    || set.is_some_and(|set| changed.iter().any(|path| set.reads(path)))
            })
        };
        let is_affected = |at: usize| self.is_made_of(at, changed) || is_deployed_by(at);
        (0..self.wanted.len()).map(|at| self.wanted[at] && is_affected(at)).collect()
    }

    /// The files whose findings about no overlay are wanted: those that changed; where Applications changed, all.
    pub(super) fn wanted_files(&self, changed: &BTreeSet<String>) -> BTreeSet<String> {
        let mut files = changed.clone();
        if self.argo.origins().filter_map(|origin| self.path_of(origin)).any(|path| changed.contains(path)) {
            files.extend(self.sources.all().map(|(file, _)| self.sources.file(file).path.to_string()));
        }
        files
    }

    /// The file of an Application, and that of its project.
    pub(super) fn files_of(&self, at: usize) -> impl Iterator<Item = &str> {
        let application = self.argo.applications.get(at);
        let name = application.map(|application| application.project.text.as_str());
        let project = self.argo.projects.iter().find(|project| Some(project.name.text.as_str()) == name);
        let origins = application.map(|application| application.origin).into_iter();
        origins.chain(project.map(|project| project.origin)).filter_map(|origin| self.path_of(origin))
    }

    fn path_of(&self, origin: Origin) -> Option<&str> {
        origin.place().map(|(file, _)| &*self.sources.file(file).path)
    }

    /// Whether a path says how everything is judged.
    pub(super) fn concerns_all(&self, path: &str) -> bool {
        let is_in = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        let baseline = self.settings().and_then(|catalog| catalog.platform.policies.baseline.as_ref());
        path == PLATFORM_FILE
            || is_in(POLICIES_FOLDER)
            || is_in(SERVICES_FOLDER) && self.catalog().is_some()
            || baseline.is_some_and(|baseline| baseline.value == path)
    }

    /// Whether an overlay is made of one of the paths. What lies beside its manifests may be new, or gone.
    pub(super) fn is_made_of(&self, at: usize, paths: &BTreeSet<String>) -> bool {
        let (overlay, parts) = (&self.overlays[at], &self.parts[at]);
        let is_manifest = |path: &str| [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending));
        paths.iter().any(|path| {
            let folder = path.rsplit_once('/').map_or(".", |(folder, _)| folder);
            let below = path.strip_prefix(&*overlay.path).is_some_and(|rest| rest.starts_with('/'));
            let is_beside = parts.contains(&Arc::from(folder)) || !overlay.is_built && (below || overlay.path == ".");
            parts.contains(&Arc::from(path.as_str())) || is_beside && is_manifest(path)
        })
    }
}
