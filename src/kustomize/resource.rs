//! A resource within a build: its tree, and what Kustomize remembers about it beside the tree.

use std::borrow::Cow;

use compact_str::CompactString;

use crate::kube::{Gvk, cluster_scoped_since, group_version};
use crate::kustomize::origin::Removed;
use crate::kustomize::release::Release;
use crate::source::Origin;
use crate::yaml::data::Datum;

/// The namespace of what has none by its kind.
pub(super) const CLUSTER: &str = "_non_namespaceable_";

/// What identifies a resource: no two of a build may agree in all of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    /// Group, version, kind.
    pub gvk: Gvk,
    /// The name.
    pub name: CompactString,
    /// The effective namespace: `default` where none is set, [`CLUSTER`] where the kind has none.
    pub namespace: CompactString,
}

impl std::fmt::Display for Id {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}/{}", self.gvk.kind, self.name)?;
        if self.namespace != CLUSTER && self.namespace != "default" {
            write!(out, " in `{}`", self.namespace)?;
        }
        Ok(())
    }
}

/// A name that a resource had before a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Former {
    pub(super) name: CompactString,
    pub(super) namespace: CompactString,
    pub(super) kind: CompactString,
}

/// What a generator wants of a resource of the same id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Behavior {
    #[default]
    Create,
    Merge,
    Replace,
}

/// What Kustomize keeps in annotations while it builds. A patch that wipes the annotations wipes this too.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Notes {
    pub(super) former: Vec<Former>,
    pub(super) prefixes: Vec<CompactString>,
    pub(super) suffixes: Vec<CompactString>,
    pub(super) needs_hash: bool,
    pub(super) generated: bool,
    pub(super) name_may_change: bool,
    pub(super) kind_may_change: bool,
    pub(super) from_helm: bool,
}

/// A resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// The manifest.
    pub root: Datum,
    pub(super) notes: Notes,
    pub(super) behavior: Behavior,
    /// The names of `vars` that take their value from here.
    pub(super) variables: Vec<CompactString>,
    pub(super) release: Release,
    /// The last number that a value set in several places was given.
    pub(super) shared: u32,
    /// What patches took away, in the order of the patches.
    pub removed: Vec<Removed>,
}

/// Prefix of the annotations in which Kustomize keeps notes.
pub(super) const INTERNAL: &str = "internal.config.kubernetes.io/";

impl Resource {
    pub(super) fn new(root: Datum, release: Release) -> Self {
        let mut resource = Self {
            root,
            notes: Notes::default(),
            behavior: Behavior::Create,
            variables: Vec::new(),
            release,
            shared: 0,
            removed: Vec::new(),
        };
        resource.take_notes();
        resource
    }

    /// Notes that a person wrote into annotations work as if Kustomize had.
    fn take_notes(&mut self) {
        let Some(annotations) = self.root.at(["metadata", "annotations"]) else { return };
        if !annotations.pairs().iter().any(|(key, _)| key.text().starts_with(INTERNAL)) {
            return;
        }
        let get = |name: &str| annotations.get(&format!("{INTERNAL}{name}")).map(|value| value.text().to_owned());
        let list = |name: &str| -> Vec<CompactString> {
            get(name).map(|text| text.split(',').map(CompactString::from).collect()).unwrap_or_default()
        };
        let (names, namespaces, kinds) = (list("previousNames"), list("previousNamespaces"), list("previousKinds"));
        let former = names.into_iter().zip(namespaces).zip(kinds);
        let enabled = |name: &str| get(name).as_deref() == Some("enabled");
        self.notes = Notes {
            former: former.map(|((name, namespace), kind)| Former { name, namespace, kind }).collect(),
            prefixes: list("prefixes"),
            suffixes: list("suffixes"),
            needs_hash: enabled("needsHashSuffix"),
            generated: get("generatorBehavior").is_some(),
            name_may_change: enabled("allowNameChange"),
            kind_may_change: enabled("allowKindChange"),
            from_helm: get("helm-generated").as_deref() == Some("true"),
        };
        let Some(annotations) = self.root.get_mut("metadata").and_then(|meta| meta.get_mut("annotations")) else {
            return;
        };
        if let Some(pairs) = annotations.pairs_mut() {
            pairs.retain(|(key, _)| !key.text().starts_with(INTERNAL));
        }
    }

    /// The name that it was loaded or generated with, before prefixes, suffixes and hashes.
    pub fn first_name(&self) -> &str {
        self.notes.former.first().map_or_else(|| self.name(), |former| &former.name)
    }

    pub(super) fn kind(&self) -> &str {
        self.root.text_of("kind")
    }

    pub(super) fn api_version(&self) -> &str {
        self.root.text_of("apiVersion")
    }

    pub(super) fn gvk(&self) -> Gvk {
        Gvk::of(self.api_version(), self.kind())
    }

    pub(super) fn name(&self) -> &str {
        self.root.get("metadata").map_or("", |meta| meta.text_of("name"))
    }

    /// The namespace as it is written; empty where none is.
    pub(super) fn namespace(&self) -> &str {
        self.root.get("metadata").map_or("", |meta| meta.text_of("namespace"))
    }

    /// Whether the kind has no namespace.
    pub(super) fn is_cluster_scoped(&self) -> bool {
        self.scoped_as(self.kind())
    }

    /// Whether the kind has a namespace in this release, and none in the next.
    pub(super) fn becomes_cluster_scoped(&self) -> bool {
        let (group, version) = group_version(self.api_version());
        cluster_scoped_since(group, version, self.kind()).is_some_and(|since| !self.release.has(since))
    }

    fn scoped_as(&self, kind: &str) -> bool {
        let (group, version) = group_version(self.api_version());
        cluster_scoped_since(group, version, kind).is_some_and(|since| self.release.has(since))
    }

    pub(super) fn effective_namespace(&self) -> &str {
        if self.is_cluster_scoped() {
            return CLUSTER;
        }
        match self.namespace() {
            "" => "default",
            namespace => namespace,
        }
    }

    /// The id as it is now.
    pub fn id(&self) -> Id {
        Id { gvk: self.gvk(), name: self.name().into(), namespace: self.effective_namespace().into() }
    }

    /// The ids it had, oldest first; group and version are always those of now.
    pub(super) fn former_ids(&self) -> impl Iterator<Item = Id> {
        let (api_version, release) = (self.api_version(), self);
        self.notes.former.iter().map(move |former| {
            let namespace = match &*former.namespace {
                _ if release.scoped_as(&former.kind) => CompactString::from(CLUSTER),
                "" => "default".into(),
                _ => former.namespace.clone(),
            };
            Id { gvk: Gvk::of(api_version, &former.kind), name: former.name.clone(), namespace }
        })
    }

    /// The id it was loaded with.
    pub(super) fn original_id(&self) -> Id {
        self.former_ids().next().unwrap_or_else(|| self.id())
    }

    /// Every id it has or had, the present one first.
    pub(super) fn ids(&self) -> Vec<Id> {
        std::iter::once(self.id()).chain(self.former_ids()).collect()
    }

    /// Remembers the present name, namespace and kind.
    pub(super) fn remember(&mut self) {
        let former =
            Former { name: self.name().into(), namespace: self.effective_namespace().into(), kind: self.kind().into() };
        self.notes.former.push(former);
    }

    /// Whether Kustomize would have made annotations to keep notes in.
    pub(super) fn has_notes(&self) -> bool {
        self.notes != Notes::default()
    }

    /// The entries of labels or annotations: values are the raw texts.
    pub(super) fn meta_map(&self, field: &str) -> Vec<(&str, &str)> {
        let map = self.root.at(["metadata", field]);
        map.map_or(&[][..], Datum::pairs).iter().map(|(key, value)| (key.text(), value.text())).collect()
    }

    /// Labels or annotations rewritten as Kustomize does: sorted strings, and no field where there is none.
    pub(super) fn set_meta_map(&mut self, field: &str, entries: Vec<(CompactString, CompactString, Origin)>) {
        let origin = self.root.origin;
        let Some(meta) = self.root.child_mapping("metadata", origin) else { return };
        let field_origin = meta.pairs().iter().find(|(key, _)| key.text() == field).map(|(key, _)| key.origin);
        let old = meta.remove(field);
        if entries.is_empty() {
            return;
        }
        let first = entries.iter().map(|(.., origin)| *origin).next().unwrap_or(origin);
        let mut map = Datum::mapping(old.as_ref().map_or(first, |old| old.origin));
        let mut entries = entries;
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, value, origin) in entries {
            let known = old.as_ref().and_then(|old| old.pairs().iter().find(|(name, _)| name.text() == key));
            let key = Datum::open(&key, known.map_or(origin, |(key, _)| key.origin));
            map.push(key, Datum::string(&value, origin));
        }
        meta.push(Datum::open(field, field_origin.unwrap_or(first)), map);
    }

    /// The entries of labels or annotations with who set each.
    pub(super) fn meta_entries(&self, field: &str) -> Vec<(CompactString, CompactString, Origin)> {
        let map = self.root.at(["metadata", field]);
        let pairs = map.map_or(&[][..], Datum::pairs).iter();
        pairs.map(|(key, value)| (key.text().into(), value.text().into(), value.origin)).collect()
    }

    /// Sets the name, as a string whose type is open.
    pub(super) fn set_name(&mut self, name: &str, origin: Origin) {
        if let Some(meta) = self.root.child_mapping("metadata", origin) {
            meta.set("name", Datum::open(name, origin));
        }
    }

    /// How a person calls it.
    pub(super) fn title(&self) -> Cow<'_, str> {
        format!("{} `{}`", self.kind(), self.name()).into()
    }
}
