//! The resources of a build at some step, found by their ids.

use std::sync::Arc;

use rustc_hash::FxHashMap as HashMap;

use crate::diag::Diagnostic;
use crate::kustomize::diags::{Failure, at, codes};
use crate::kustomize::order::described;
use crate::kustomize::resource::{Id, Resource};
use crate::yaml::data::Datum;

/// Resources in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    list: Vec<Arc<Resource>>,
    /// By present id; built when it is asked for.
    now: Option<HashMap<Id, usize>>,
    /// By every id that a resource has or had.
    ever: Option<HashMap<Id, Vec<usize>>>,
}

impl Set {
    pub(super) fn resources(&self) -> &[Arc<Resource>] {
        &self.list
    }

    /// The resources, to change. Ids may change with them.
    pub(super) fn change(&mut self) -> &mut Vec<Arc<Resource>> {
        self.now = None;
        self.ever = None;
        &mut self.list
    }

    /// One resource, to change in what is no part of its ids.
    pub(super) fn change_body(&mut self, at: usize) -> &mut Resource {
        Arc::make_mut(&mut self.list[at])
    }

    pub(super) fn into_list(self) -> Vec<Arc<Resource>> {
        self.list
    }

    /// Adds a resource; no other may have its id.
    pub(super) fn append(&mut self, resource: Arc<Resource>) -> Result<(), Failure> {
        let list = &self.list;
        let index = self.now.get_or_insert_with(|| {
            let mut index = HashMap::with_capacity_and_hasher(list.len() + 1, rustc_hash::FxBuildHasher);
            for (at, resource) in list.iter().enumerate() {
                index.entry(resource.id()).or_insert(at);
            }
            index
        });
        match index.entry(resource.id()) {
            std::collections::hash_map::Entry::Occupied(known) => {
                Err(twice(known.key(), &self.list[*known.get()], &resource))
            }
            std::collections::hash_map::Entry::Vacant(place) => {
                place.insert(list.len());
                self.list.push(resource);
                self.ever = None;
                Ok(())
            }
        }
    }

    /// Adds many.
    pub(super) fn append_all(&mut self, resources: impl IntoIterator<Item = Arc<Resource>>) -> Result<(), Failure> {
        resources.into_iter().try_for_each(|resource| self.append(resource))
    }

    /// The places of the resources that have or had an id.
    pub(super) fn ever(&mut self, id: &Id) -> Vec<usize> {
        let list = &self.list;
        let index = self.ever.get_or_insert_with(|| {
            let mut index: HashMap<Id, Vec<usize>> =
                HashMap::with_capacity_and_hasher(list.len(), rustc_hash::FxBuildHasher);
            for (at, resource) in list.iter().enumerate() {
                for id in resource.ids() {
                    let places = index.entry(id).or_default();
                    if places.last() != Some(&at) {
                        places.push(at);
                    }
                }
            }
            index
        });
        let places = index.get(id).cloned().unwrap_or_default();
        places.into_iter().filter(|at| !self.list[*at].root.is_empty()).collect()
    }

    /// Takes out what patches have deleted.
    pub(super) fn drop_gone(&mut self) {
        if self.list.iter().any(|resource| resource.root.is_empty()) {
            self.change().retain(|resource| !resource.root.is_empty());
        }
    }

    /// Takes a resource's content away; it goes with [`Set::drop_gone`].
    pub(super) fn delete(&mut self, at: usize) {
        let resource = self.change_body(at);
        resource.root = Datum::null(resource.root.origin);
    }

    /// Refuses a set in which two resources have the same id.
    pub(super) fn check_ids(&mut self) -> Result<(), Failure> {
        let list = std::mem::take(self.change());
        self.append_all(list)
    }
}

fn twice(id: &Id, first: &Resource, second: &Resource) -> Failure {
    let diagnostic = Diagnostic::error(&codes::DUPLICATE_ID, format!("{} is there twice", described(id)));
    let diagnostic = at(diagnostic, second.root.origin, "defined again");
    Box::new(at(diagnostic, first.root.origin, "first defined here"))
}
