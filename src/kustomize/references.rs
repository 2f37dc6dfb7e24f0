//! Names that follow the resources they name: after prefixes, suffixes, hashes and moves.

use std::sync::Arc;

use compact_str::CompactString;
use rayon::prelude::*;
use rustc_hash::FxHashMap as HashMap;

use crate::diag::Diagnostic;
use crate::kube::Gvk;
use crate::kustomize::compat;
use crate::kustomize::diags::{Failure, at, codes, failure};
use crate::kustomize::fields::{Config, FieldSpec, Made, visit_any};
use crate::kustomize::layer::Run;
use crate::kustomize::order::described;
use crate::kustomize::origin::Step;
use crate::kustomize::resource::{Id, Resource};
use crate::kustomize::set::Set;
use crate::source::{Change, Origin};
use crate::yaml::data::{Content, Datum};

/// What is known of a resource that others may name.
struct Named {
    now: Id,
    former: Vec<Id>,
    is_cluster_scoped: bool,
    raw_namespace: CompactString,
    original_namespace: CompactString,
    prefixes: Vec<CompactString>,
    suffixes: Vec<CompactString>,
    name_origin: Origin,
    origin: Origin,
}

impl Named {
    fn of(resource: &Resource) -> Self {
        Self {
            now: resource.id(),
            former: resource.former_ids().collect(),
            is_cluster_scoped: resource.is_cluster_scoped(),
            raw_namespace: resource.namespace().into(),
            original_namespace: resource.original_id().namespace,
            prefixes: resource.notes.prefixes.clone(),
            suffixes: resource.notes.suffixes.clone(),
            name_origin: resource.root.at(["metadata", "name"]).map_or(resource.root.origin, |name| name.origin),
            origin: resource.root.origin,
        }
    }
}

/// Follows every reference.
pub(super) fn resolve(run: &Run<'_>, config: &Config, set: &mut Set) -> Result<(), Failure> {
    let all: Vec<Named> = set.resources().iter().map(|resource| Named::of(resource)).collect();
    let mut by_name: HashMap<&str, Vec<usize>> = HashMap::default();
    for (at, named) in all.iter().enumerate() {
        for former in &named.former {
            let places = by_name.entry(&former.name).or_default();
            if places.last() != Some(&at) {
                places.push(at);
            }
        }
    }
    let original = |named: &'_ Named| named.former.first().unwrap_or(&named.now).gvk.clone();
    let mut specs: HashMap<Gvk, Vec<(&Gvk, &FieldSpec)>> = HashMap::default();
    for named in &all {
        specs.entry(original(named)).or_insert_with_key(|gvk| {
            let entries = config.name_references.iter();
            let pairs = entries.flat_map(|entry| entry.referrers.iter().map(move |spec| (&entry.gvk, spec)));
            pairs.filter(|(_, spec)| gvk.is_selected(&spec.gvk)).collect()
        });
    }
    let follow = |(at, resource): (usize, &mut Arc<Resource>)| -> Result<(), Failure> {
        let mut referrer = Referrer { run, all: &all, by_name: &by_name, own: at, subjects: None, role: None };
        for (target, spec) in specs.get(&original(&all[at])).into_iter().flatten() {
            if !leads_somewhere(&resource.root, spec) {
                continue;
            }
            referrer.prepare(resource, spec)?;
            visit_any(Arc::make_mut(resource), spec, Made::Nothing, Origin::NONE, &mut |node| {
                let before = node.origin;
                referrer.follow(node, target)?;
                if node.origin != before && &*target.kind == "ValidatingAdmissionPolicy" {
                    run.session.meets(compat::ADMISSION_POLICY_NAME, before);
                }
                Ok(())
            })?;
        }
        Ok(())
    };
    let resources = set.change();
    if resources.len() < FEW {
        return resources.iter_mut().enumerate().try_for_each(follow);
    }
    // Of several failures the first resource's is told, as if they came one after the other.
    let failures: Vec<_> = resources.par_iter_mut().enumerate().map(follow).collect();
    failures.into_iter().collect()
}

/// Fewer resources are done with before another thread has started.
pub(super) const FEW: usize = 64;

/// Whether the first part of a path is there at all, which spares most resources a copy.
fn leads_somewhere(root: &Datum, spec: &FieldSpec) -> bool {
    let mut parts = spec.path.split('/');
    let mut node = root;
    for _ in 0..3 {
        let Some(part) = parts.next() else { return true };
        if node.is_sequence() || part.contains('\\') {
            return true;
        }
        match node.get(part.trim_end_matches("[]")) {
            Some(next) if next.is_mapping() || next.is_sequence() => node = next,
            Some(_) => return true,
            None => return false,
        }
    }
    true
}

/// What stands beside a name.
#[derive(Clone, Copy)]
enum Beside<'a> {
    /// Nothing: the name stands alone.
    Nothing,
    /// Other fields of a mapping, and no namespace.
    Fields,
    /// A namespace.
    Namespace(&'a str),
}

struct Referrer<'a> {
    run: &'a Run<'a>,
    all: &'a [Named],
    by_name: &'a HashMap<&'a str, Vec<usize>>,
    own: usize,
    /// The namespaces of a RoleBinding's ServiceAccounts.
    subjects: Option<Vec<CompactString>>,
    /// The group and kind of a binding's role, while its name is followed.
    role: Option<Gvk>,
}

impl Referrer<'_> {
    fn prepare(&mut self, resource: &Resource, spec: &FieldSpec) -> Result<(), Failure> {
        if self.subjects.is_none() {
            self.subjects = Some(service_account_namespaces(resource)?);
        }
        self.role = None;
        if spec.path.ends_with("roleRef/name") {
            let role = resource.root.get("roleRef");
            let text = |key: &str| role.and_then(|role| role.get(key)).map(|value| value.text().to_owned());
            if let (Some(group), Some(kind)) = (text("apiGroup"), text("kind")) {
                self.role = Some(Gvk { group: group.into(), kind: kind.into(), version: CompactString::default() });
            }
        }
        Ok(())
    }

    fn follow(&self, node: &mut Datum, target: &Gvk) -> Result<(), Failure> {
        if node.is_null() {
            return Ok(());
        }
        match &mut node.content {
            Content::Scalar(_) => self.scalar(node, target),
            Content::Mapping(_) => self.mapping(node, target),
            Content::Sequence(items) => items.iter_mut().try_for_each(|item| match &item.content {
                _ if item.is_null() => Ok(()),
                Content::Scalar(_) => self.scalar(item, target),
                Content::Mapping(_) => self.mapping(item, target),
                Content::Sequence(_) => {
                    let message = "a list within a list cannot name anything";
                    Err(failure(&codes::TRANSFORMER, message, item.origin, "a name is due here"))
                }
            }),
        }
    }

    fn renamed(&self, node: &Datum, named: &Named) -> Origin {
        let change = Change { step: Step::NameReference, place: named.name_origin, replaced: node.origin };
        self.run.session.origins.note(change)
    }

    fn scalar(&self, node: &mut Datum, target: &Gvk) -> Result<(), Failure> {
        let Some(named) = self.select(node.text(), target, Beside::Nothing, node.origin)? else { return Ok(()) };
        if named.now.name != node.text() {
            let origin = self.renamed(node, named);
            node.set_scalar(Datum::open(&named.now.name, origin));
        }
        Ok(())
    }

    fn mapping(&self, node: &mut Datum, target: &Gvk) -> Result<(), Failure> {
        let Some(name) = node.get("name") else {
            let message = "a reference has no `name`";
            return Err(failure(&codes::TRANSFORMER, message, node.origin, "this mapping"));
        };
        let namespace = node.get("namespace").map(|namespace| namespace.text().to_owned());
        let old = name.text().to_owned();
        let beside = namespace.as_deref().map_or(Beside::Fields, Beside::Namespace);
        let Some(named) = self.select(&old, target, beside, name.origin)? else { return Ok(()) };
        if named.now.name == old && named.raw_namespace.is_empty() {
            return Ok(());
        }
        for (key, text) in [("name", &named.now.name), ("namespace", &named.raw_namespace)] {
            if text.is_empty() || node.get(key).is_some_and(|value| value.text() == text) {
                continue;
            }
            let origin = node.get(key).map_or_else(|| self.renamed(node, named), |old| self.renamed(old, named));
            node.set(key, Datum::open(text, origin));
        }
        Ok(())
    }

    /// Whether a resource can be named from here at all.
    fn is_in_reach(&self, named: &Named) -> bool {
        let own = &self.all[self.own];
        own.is_cluster_scoped
            || named.is_cluster_scoped
            || named.now.namespace == own.now.namespace
            || self.subjects.as_ref().is_some_and(|namespaces| namespaces.contains(&named.raw_namespace))
    }

    /// The resource that a name means.
    fn select(&self, old: &str, target: &Gvk, beside: Beside<'_>, origin: Origin) -> Result<Option<&Named>, Failure> {
        let own = &self.all[self.own];
        let Some(places) = self.by_name.get(old) else { return Ok(None) };
        let selected = |named: &Named, gvk: &Gvk| named.former.iter().any(|id| id.gvk.is_selected(gvk));
        let mut found: Vec<&Named> = places
            .iter()
            .map(|at| &self.all[*at])
            .filter(|named| self.is_in_reach(named) && selected(named, target))
            .filter(|named| self.role.as_ref().is_none_or(|role| selected(named, role)))
            .filter(|named| {
                own.is_cluster_scoped
                    || named.is_cluster_scoped
                    || &*named.now.gvk.kind == "ServiceAccount"
                    || named.now.namespace == own.now.namespace
            })
            .collect();
        if let Beside::Namespace(namespace) = beside {
            let is_cluster = |id: &str| id == crate::kustomize::resource::CLUSTER;
            let originally =
                |named: &Named| named.original_namespace == namespace && !is_cluster(&named.original_namespace);
            if self.all.iter().any(|named| self.is_in_reach(named) && originally(named)) {
                found.retain(|named| originally(named));
            } else {
                found.retain(|named| named.now.namespace == namespace && !named.is_cluster_scoped);
            }
        }
        if found.len() > 1 {
            found.retain(|named| alike(named, own, true));
        } else if found.is_empty() {
            return Ok(None);
        } else {
            return Ok(Some(found[0]));
        }
        if found.len() > 1 {
            found.retain(|named| alike(named, own, false));
        }
        match found[..] {
            [] => Ok(None),
            [named] => Ok(Some(named)),
            [first, ..] => {
                let same = |named: &&Named| {
                    named.now.name == first.now.name
                        && (matches!(beside, Beside::Nothing) || named.raw_namespace == first.raw_namespace)
                };
                if found.iter().all(same) {
                    return Ok(Some(first));
                }
                let message =
                    format!("the name `{old}` could mean {} or {}", described(&first.now), described(&found[1].now));
                let diagnostic = at(Diagnostic::error(&codes::REFERENCE, message), origin, "this name");
                let diagnostic = at(diagnostic, first.origin, "this one");
                Err(Box::new(at(diagnostic, found[1].origin, "or this one")))
            }
        }
    }
}

/// Whether prefixes and suffixes end alike; an empty side fits where `lenient`.
fn alike(a: &Named, b: &Named, lenient: bool) -> bool {
    let same = |a: &[CompactString], b: &[CompactString]| {
        if lenient && (a.is_empty() || b.is_empty()) {
            return true;
        }
        let length = a.len().min(b.len());
        if length == 0 {
            return a.len() == b.len();
        }
        a[a.len() - length..] == b[b.len() - length..]
    };
    same(&a.prefixes, &b.prefixes) && same(&a.suffixes, &b.suffixes)
}

fn service_account_namespaces(resource: &Resource) -> Result<Vec<CompactString>, Failure> {
    if resource.kind() != "RoleBinding" {
        return Ok(Vec::new());
    }
    let mut namespaces = Vec::new();
    for subject in resource.root.get("subjects").map_or(&[][..], Datum::items) {
        if let (Some(namespace), "ServiceAccount") = (subject.get("namespace"), subject.text_of("kind")) {
            if !namespace.is_string() {
                let message = format!("the namespace of a subject of {} is no string", resource.title());
                return Err(failure(&codes::TRANSFORMER, message, namespace.origin, "this value"));
            }
            namespaces.push(namespace.text().into());
        }
    }
    Ok(namespaces)
}
