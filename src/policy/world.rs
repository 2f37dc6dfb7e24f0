//! The objects that can meet in one cluster, indexed once: by kind, by name, by the labels of their pods.

use std::sync::OnceLock;

use rustc_hash::FxHashMap as HashMap;

use crate::policy::lookup::Lookup;
use crate::policy::subject::{Object, Overlay};
use crate::yaml::data::Datum;

/// Objects that can meet in a cluster, found by name, kind and label.
#[derive(Debug, Default)]
pub struct World {
    /// The environment; `None` for overlays of no known one.
    pub environment: Option<String>,
    pub(super) all: Vec<usize>,
    pub(super) by_kind: HashMap<String, Vec<usize>>,
    pub(super) by_name: HashMap<(String, String, String), Vec<usize>>,
    /// Workloads by namespace and one label of their pods.
    pub(super) by_label: HashMap<(String, String, String), Vec<usize>>,
    pub(super) by_namespace: HashMap<String, Vec<usize>>,
    /// What they are to each other, worked out when somebody asks.
    pub(super) lookup: OnceLock<Lookup>,
}

impl World {
    pub(super) fn new(environment: Option<&str>, overlays: &[Overlay], objects: &[Object<'_>]) -> Self {
        let mut world = Self { environment: environment.map(str::to_owned), ..Self::default() };
        let is_near = |overlay: &Overlay| {
            environment.is_none() || overlay.environment.is_none() || overlay.environment.as_deref() == environment
        };
        for (at, object) in objects.iter().enumerate().filter(|(_, object)| is_near(&overlays[object.overlay])) {
            let (kind, namespace, name) = (object.kind.to_owned(), object.namespace.clone(), object.name.to_owned());
            world.all.push(at);
            world.by_kind.entry(kind.clone()).or_default().push(at);
            world.by_name.entry((kind, namespace.clone(), name)).or_default().push(at);
            let Some(pod) = object.pod else { continue };
            world.by_namespace.entry(namespace.clone()).or_default().push(at);
            for (key, value) in pod.labels().map_or(&[][..], Datum::pairs) {
                let key = (namespace.clone(), key.text().to_owned(), value.text().to_owned());
                world.by_label.entry(key).or_default().push(at);
            }
        }
        world
    }
}
