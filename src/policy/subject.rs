//! What is judged: the objects of every overlay, and whatever else a policy may look at, indexed once.
//!
//! A reference is looked up in the *world* of an object: all overlays of its environment, since a service's overlay and
//! the one of its infrastructure meet in one cluster. Overlays of no known environment are part of every world.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use rayon::prelude::*;
use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};
use serde_json::Value;

use crate::argo::{self, Found, Phase};
use crate::catalog::Catalog;
use crate::diag::Diagnostic;
use crate::kube::{Selector, group_version, is_cluster_scoped, pod_template};
use crate::kustomize::{Origins, Removed};
use crate::policy::facts::{External, Facts, Unused};
use crate::policy::world::World;
use crate::source::SourceMap;
use crate::yaml::data::Datum;
use crate::yaml::json;

/// A directory that was built, or manifests that were read.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// As people see it; `-` for standard input.
    pub path: String,
    /// The environment, where the catalog, the settings or the path say it.
    pub environment: Option<String>,
    /// The service, likewise.
    pub service: Option<String>,
    /// The namespace of the Application's destination.
    pub namespace: Option<String>,
    /// The Applications that deploy it, as indices into those found.
    pub applications: Vec<usize>,
    /// Whether Kustomize built it; plain manifests otherwise.
    pub is_built: bool,
    /// Which world its references are looked up in.
    pub(crate) world: usize,
}

/// An object of an overlay, or a kustomization file, which policies look at in the same way.
#[derive(Debug)]
pub struct Object<'a> {
    /// The manifest.
    pub root: &'a Datum,
    /// Its overlay, as an index.
    pub overlay: usize,
    /// All overlays that it is part of: more than its own for the kustomization of a base.
    pub reach: Vec<usize>,
    /// API group; empty for the core.
    pub group: &'a str,
    /// API version within the group.
    pub version: &'a str,
    /// Kind.
    pub kind: &'a str,
    /// Its own namespace, else the Application's, else `default`; empty where the kind has none.
    pub namespace: String,
    /// Name; the `generateName` of what has none.
    pub name: &'a str,
    /// The name before prefixes, suffixes and hashes: what stays the same from build to build.
    pub stable_name: String,
    /// Fields that patches took away, with who did.
    pub removed: &'a [Removed],
    /// What its pods are made of.
    pub pod: Option<Pod<'a>>,
    /// Directory of the kustomization; empty for others.
    pub directory: String,
    json: OnceLock<Option<Value>>,
}

/// A pod template.
#[derive(Clone, Copy, Debug)]
pub struct Pod<'a> {
    /// With `metadata` and `spec`.
    pub template: &'a Datum,
    /// The pod's spec.
    pub spec: &'a Datum,
}

impl<'a> Pod<'a> {
    /// The labels of the pods.
    pub fn labels(&self) -> Option<&'a Datum> {
        self.template.at(["metadata", "labels"])
    }

    /// The value of an annotation of the pods.
    pub fn annotation(&self, name: &str) -> Option<&'a Datum> {
        self.template.at(["metadata", "annotations"])?.get(name)
    }

    /// The containers that run as long as the pod does: `containers`.
    pub fn containers(&self) -> &'a [Datum] {
        self.spec.get("containers").map_or(&[], Datum::items)
    }

    /// `initContainers`, sidecars among them.
    pub fn init_containers(&self) -> &'a [Datum] {
        self.spec.get("initContainers").map_or(&[], Datum::items)
    }

    /// Init containers, then containers, then ephemeral ones.
    pub fn every_container(&self) -> impl Iterator<Item = &'a Datum> {
        let ephemeral = self.spec.get("ephemeralContainers").map_or(&[][..], Datum::items);
        self.init_containers().iter().chain(self.containers()).chain(ephemeral)
    }

    /// The volumes.
    pub fn volumes(&self) -> &'a [Datum] {
        self.spec.get("volumes").map_or(&[], Datum::items)
    }
}

impl<'a> Object<'a> {
    /// An object of an overlay; `scopes` are kinds that definitions in the repository declare cluster-scoped.
    pub(super) fn new(
        root: &'a Datum,
        overlay: usize,
        namespace: Option<&str>,
        scopes: &HashSet<(String, String)>,
    ) -> Self {
        let (group, version) = group_version(root.text_of("apiVersion"));
        let kind = root.text_of("kind");
        let meta = |field: &str| root.get("metadata").map_or("", |meta| meta.text_of(field));
        let name = Some(meta("name")).filter(|name| !name.is_empty()).unwrap_or_else(|| meta("generateName"));
        let is_cluster_scoped = is_cluster_scoped(group, kind) || scopes.contains(&(group.to_owned(), kind.to_owned()));
        let namespace = match meta("namespace") {
            _ if is_cluster_scoped => "",
            "" => namespace.unwrap_or("default"),
            own => own,
        };
        let pod = pod_template(group, kind, root);
        let pod =
            pod.and_then(|template| Some(Pod { template, spec: template.get("spec").filter(|s| s.is_mapping())? }));
        Self {
            root,
            overlay,
            reach: vec![overlay],
            group,
            version,
            kind,
            namespace: namespace.to_owned(),
            name,
            stable_name: name.to_owned(),
            removed: &[],
            pod,
            directory: String::new(),
            json: OnceLock::new(),
        }
    }

    /// The object as JSON, made once; `None` where a value has no JSON form.
    pub fn json(&self) -> Option<&Value> {
        self.json.get_or_init(|| json::value(self.root).ok()).as_ref()
    }

    /// The value at a path of keys.
    pub fn at(&self, path: &[&str]) -> Option<&'a Datum> {
        self.root.at(path.iter().copied())
    }

    /// An annotation.
    pub fn annotation(&self, name: &str) -> Option<&'a Datum> {
        self.root.at(["metadata", "annotations"])?.get(name)
    }

    /// A label.
    pub fn label(&self, name: &str) -> Option<&'a Datum> {
        self.root.at(["metadata", "labels"])?.get(name)
    }

    /// Whether it is of a kind, in any version.
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.kind == kind && self.group == group
    }

    /// Whether no Application that is known deploys it.
    pub(super) fn overlay_has_no_application(&self, subject: &Subject<'_>) -> bool {
        subject.overlays[self.overlay].applications.is_empty()
    }

    /// How a person calls it: `Deployment `web``, without the hash of a generated name.
    pub fn title(&self) -> String {
        let is_hash = |rest: &str| {
            rest.len() == 11 && rest.starts_with('-') && rest[1..].bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        let hash = self.name.len().checked_sub(11).and_then(|at| self.name.get(at..)).filter(|rest| is_hash(rest));
        let named = hash.and_then(|hash| self.name.strip_suffix(hash)).filter(|name| name.ends_with(&self.stable_name));
        format!("{} `{}`", self.kind, named.unwrap_or(self.name))
    }
}

/// All that is judged.
#[derive(Debug)]
pub struct Subject<'a> {
    /// What was built or read.
    pub overlays: Vec<Overlay>,
    /// The objects of all overlays, in the order of overlays.
    pub objects: Vec<Object<'a>>,
    /// The kustomization files that the builds read.
    pub kustomizations: Vec<Object<'a>>,
    /// The Applications, generated ones too, in the order of those found.
    pub applications: Vec<Object<'a>>,
    /// Applications, projects and ApplicationSets that no overlay has.
    pub loose: Vec<Object<'a>>,
    /// Applications, projects and ApplicationSets.
    pub argo: &'a Found,
    /// The catalog, where the repository has one.
    pub catalog: Option<&'a Catalog>,
    /// What Kustomize says nothing about, as the builds noted it.
    pub notes: &'a [Diagnostic],
    /// Files of YAML below the overlays and bases that nothing reads.
    pub unused: &'a [Unused],
    /// What was found out beside the objects.
    pub facts: &'a Facts,
    /// What the settings declare to exist outside of the repository.
    pub external: External,
    /// The overlays that each file is part of, by the path that people see.
    pub files: HashMap<String, Vec<usize>>,
    /// Who set what.
    pub origins: &'a Origins,
    /// The texts that were read.
    pub sources: &'a SourceMap,
    /// What was there before a change, where that is known.
    pub before: Option<&'a Subject<'a>>,
    pub(super) worlds: Vec<World>,
    applied: OnceLock<Vec<Option<(Phase, i64)>>>,
}

/// The parts of a subject, as they are gathered.
#[derive(Debug)]
pub struct Parts<'a> {
    /// What was built or read.
    pub overlays: Vec<Overlay>,
    /// The objects of each overlay.
    pub objects: Vec<Vec<Made<'a>>>,
    /// The kustomization files, each with its directory and the overlays that it is part of.
    pub kustomizations: Vec<(&'a Datum, String, Vec<usize>)>,
    /// The Applications, each with the overlays that it is part of.
    pub applications: Vec<(&'a Datum, Vec<usize>)>,
    /// Applications, projects and ApplicationSets that no overlay has, with the overlays that they concern.
    pub loose: Vec<(&'a Datum, Vec<usize>)>,
    /// Applications, projects and ApplicationSets.
    pub argo: &'a Found,
    /// The catalog, where the repository has one.
    pub catalog: Option<&'a Catalog>,
    /// What the builds noted.
    pub notes: &'a [Diagnostic],
    /// Files that nothing reads.
    pub unused: &'a [Unused],
    /// What was found out beside the objects.
    pub facts: &'a Facts,
    /// What the settings declare to exist outside of the repository.
    pub external: External,
    /// The overlays that each file is part of, by the path that people see.
    pub files: HashMap<String, Vec<usize>>,
    /// Who set what.
    pub origins: &'a Origins,
    /// The texts that were read.
    pub sources: &'a SourceMap,
    /// What was there before a change, where that is known.
    pub before: Option<&'a Subject<'a>>,
}

/// An object that came out of a build or a file.
#[derive(Clone, Copy, Debug)]
pub struct Made<'a> {
    /// The manifest.
    pub root: &'a Datum,
    /// The name before prefixes, suffixes and hashes; empty where it is the same.
    pub stable_name: &'a str,
    /// Fields that patches took away.
    pub removed: &'a [Removed],
}

impl<'a> Subject<'a> {
    /// Indexes what was gathered.
    pub fn new(parts: Parts<'a>) -> Self {
        let scopes = cluster_scoped(&parts.objects);
        let mut overlays = parts.overlays;
        // What no overlay has lies in none, and so in no destination's namespace.
        let nowhere = overlays.len();
        if !parts.loose.is_empty() {
            overlays.push(Overlay { path: ".".to_owned(), ..Overlay::default() });
        }
        let environments: BTreeSet<Option<String>> =
            overlays.iter().map(|overlay| overlay.environment.clone()).collect();
        let environments: Vec<_> = environments.into_iter().collect();
        for overlay in &mut overlays {
            overlay.world = environments.iter().position(|name| *name == overlay.environment).unwrap_or(0);
        }
        let mut objects = Vec::with_capacity(parts.objects.iter().map(Vec::len).sum());
        for (at, made) in parts.objects.iter().enumerate() {
            let namespace = overlays.get(at).and_then(|overlay| overlay.namespace.as_deref());
            for made in made {
                let mut object = Object::new(made.root, at, namespace, &scopes);
                object.removed = made.removed;
                if !made.stable_name.is_empty() {
                    object.stable_name = made.stable_name.to_owned();
                }
                objects.push(object);
            }
        }
        let kustomization = |(root, directory, reach): (&'a Datum, String, Vec<usize>)| {
            let mut object = Object::new(root, reach.first().copied().unwrap_or(0), None, &scopes);
            (object.kind, object.group, object.version) = ("Kustomization", "kustomize.config.k8s.io", "v1beta1");
            object.namespace = String::new();
            object.pod = None;
            object.stable_name.clone_from(&directory);
            object.reach = reach;
            object.directory = directory;
            object
        };
        let kustomizations = parts.kustomizations.into_iter().map(kustomization).collect();
        let application = |(root, reach): (&'a Datum, Vec<usize>)| {
            let mut object = Object::new(root, reach.first().copied().unwrap_or(0), Some("argocd"), &scopes);
            object.reach = reach;
            object
        };
        let applications = parts.applications.into_iter().map(application).collect();
        let loose = parts.loose.into_iter().map(|(root, reach)| {
            let mut object = application((root, reach));
            object.overlay = nowhere;
            object
        });
        let loose = loose.collect();
        let worlds = environments.iter().map(|name| World::new(name.as_deref(), &overlays, &objects)).collect();
        Self {
            overlays,
            objects,
            kustomizations,
            applications,
            loose,
            argo: parts.argo,
            catalog: parts.catalog,
            notes: parts.notes,
            unused: parts.unused,
            facts: parts.facts,
            external: parts.external,
            files: parts.files,
            origins: parts.origins,
            sources: parts.sources,
            before: parts.before,
            worlds,
            applied: OnceLock::new(),
        }
    }

    /// The world in which an object's references are looked up.
    pub fn world(&self, object: &Object<'_>) -> &World {
        &self.worlds[self.overlays[object.overlay].world]
    }

    /// The objects of a kind, of any group, in the world of an object.
    pub fn of_kind<'s>(&'s self, beside: &Object<'_>, kind: &str) -> impl Iterator<Item = &'s Object<'a>> {
        let found = self.world(beside).by_kind.get(kind);
        found.map_or(&[][..], Vec::as_slice).iter().map(|at| &self.objects[*at])
    }

    /// The objects of a kind, namespace and name in the world of an object.
    pub fn named<'s>(
        &'s self,
        beside: &Object<'_>,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> impl Iterator<Item = &'s Object<'a>> {
        let key = (kind.to_owned(), namespace.to_owned(), name.to_owned());
        let found = self.world(beside).by_name.get(&key);
        found.map_or(&[][..], Vec::as_slice).iter().map(|at| &self.objects[*at])
    }

    /// The first of [`Subject::named`].
    pub fn find(&self, beside: &Object<'_>, kind: &str, namespace: &str, name: &str) -> Option<&Object<'a>> {
        self.named(beside, kind, namespace, name).next()
    }

    /// The workloads of a namespace in the world of an object.
    pub fn workloads<'s>(&'s self, beside: &Object<'_>, namespace: &str) -> impl Iterator<Item = &'s Object<'a>> {
        let found = self.world(beside).by_namespace.get(namespace);
        found.map_or(&[][..], Vec::as_slice).iter().map(|at| &self.objects[*at])
    }

    /// The workloads of a namespace whose pods a selector selects. An empty selector selects all of them.
    pub fn selected(&self, beside: &Object<'_>, namespace: &str, selector: Selector<'_>) -> Vec<&Object<'a>> {
        let world = self.world(beside);
        let empty: &[usize] = &[];
        let with_label = selector.pairs().map(|(key, value)| {
            let key = (namespace.to_owned(), key.to_owned(), value.to_owned());
            world.by_label.get(&key).map_or(empty, Vec::as_slice)
        });
        // The rarest label leaves the fewest to look at.
        let candidates = with_label
            .min_by_key(|found| found.len())
            .unwrap_or_else(|| world.by_namespace.get(namespace).map_or(empty, Vec::as_slice));
        let is_selected = |object: &&Object<'a>| object.pod.is_some_and(|pod| selector.matches(pod.labels()));
        candidates.iter().map(|at| &self.objects[*at]).filter(is_selected).collect()
    }

    /// All objects that can meet an object in its cluster.
    pub fn objects_near<'s>(&'s self, object: &Object<'_>) -> impl Iterator<Item = &'s Object<'a>> {
        self.world(object).all.iter().map(|at| &self.objects[*at])
    }

    /// The objects of an overlay.
    pub fn objects_of(&self, overlay: usize) -> &[Object<'a>] {
        let start = self.objects.partition_point(|object| object.overlay < overlay);
        let end = self.objects.partition_point(|object| object.overlay <= overlay);
        &self.objects[start..end]
    }

    /// What a plain scalar was before the last step that set it, as its file writes it.
    pub fn replaced(&self, node: &Datum) -> Option<&'a str> {
        let (file, start) = self.origins.change(node.origin)?.replaced.place()?;
        let rest = self.sources.file(file).text.get(start as usize..)?;
        Some(rest.lines().next()?.split(" #").next()?.trim().trim_matches(['"', '\'']))
    }

    /// The environments of overlays, in the order of promotion.
    pub(super) fn environments(&self, overlays: &[usize]) -> Vec<String> {
        let found: BTreeSet<&String> =
            overlays.iter().filter_map(|at| self.overlays[*at].environment.as_ref()).collect();
        let mut found: Vec<String> = found.into_iter().cloned().collect();
        let declared = self.catalog.map(|catalog| &catalog.platform.environments);
        found.sort_by_key(|name| {
            let place = declared.and_then(|all| all.keys().position(|known| known.value == *name));
            (place.unwrap_or(usize::MAX), crate::layout::rank(name), name.clone())
        });
        found
    }

    /// When Argo CD applies an object first, by its order: phase and wave. `None` for what it never applies.
    pub fn applied(&self, object: &Object<'_>) -> Option<(Phase, i64)> {
        let all = self.applied.get_or_init(|| {
            let of = |at: usize| {
                let objects: Vec<&Datum> = self.objects_of(at).iter().map(|object| object.root).collect();
                let namespace = self.overlays[at].namespace.as_deref().unwrap_or("default");
                let sync = argo::Sync { objects: &objects, live: &[], namespace, prune_last: false };
                let mut first = vec![None; objects.len()];
                for task in argo::tasks(&sync) {
                    first[task.object].get_or_insert((task.phase, task.wave));
                }
                first
            };
            (0..self.overlays.len()).into_par_iter().flat_map(of).collect()
        });
        let at = self.objects.element_offset(object)?;
        all.get(at).copied().flatten()
    }
}

/// The kinds that definitions among the objects declare cluster-scoped.
fn cluster_scoped(objects: &[Vec<Made<'_>>]) -> HashSet<(String, String)> {
    let definitions = objects.iter().flatten().filter(|made| made.root.text_of("kind") == "CustomResourceDefinition");
    let kinds = definitions.filter_map(|made| {
        let spec = made.root.get("spec")?;
        (spec.text_of("scope") == "Cluster")
            .then(|| Some((spec.text_of("group").to_owned(), spec.at(["names", "kind"])?.text().to_owned())))?
    });
    kinds.collect()
}
