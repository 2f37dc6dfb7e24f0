//! `patches`, `patchesStrategicMerge`, `patchesJson6902`: what they mean, and which resources they change.

use std::sync::Arc;

use crate::diag::{Diagnostic, closest};
use crate::kube::schema::OpenApi;
use crate::kustomize::compat;
use crate::kustomize::decode::Text;
use crate::kustomize::diags::{Failure, at, codes, failure};
use crate::kustomize::json_patch::{self, JsonPatch};
use crate::kustomize::layer::Run;
use crate::kustomize::merge::{Merged, merge};
use crate::kustomize::order::described;
use crate::kustomize::parts::{Patch, Selector};
use crate::kustomize::resource::{Id, Notes, Resource};
use crate::kustomize::roots::Root;
use crate::kustomize::select::Matcher;
use crate::kustomize::set::Set;
use crate::source::Origin;
use crate::yaml::data::Datum;

/// `patchesStrategicMerge`: files, or texts.
pub(super) fn strategic_merges(run: &Run<'_>, root: &Root<'_>, entries: &[Text], set: &mut Set) -> Result<(), Failure> {
    let mut found = 0;
    for entry in entries {
        let patches: Vec<Arc<Resource>> = match run.inline(entry).filter(|_| entry.contains(':')) {
            Some(patches) => patches.into_iter().map(Arc::new).collect(),
            None => match &*run.session.manifest(&root.file(run.session, entry)?) {
                Ok(patches) => patches.clone(),
                Err(failure) => return Err(Box::new(at((**failure).clone(), entry.origin, "named here"))),
            },
        };
        found += patches.len();
        merge_by_id(run, &patches, entry.origin, set)?;
    }
    if let (0, Some(entry)) = (found, entries.first()) {
        let message = "there is nothing in any of these patches";
        return Err(failure(&codes::PATCH, message, entry.origin, "this one, and those after it"));
    }
    set.drop_gone();
    Ok(())
}

/// Notes what earlier releases refuse in a file of patches.
fn note_of_releases(run: &Run<'_>, patches: &[Arc<Resource>], origin: Origin) {
    let deletes = |patch: &&Arc<Resource>| patch.root.text_of("$patch") == "delete";
    if patches.is_empty() {
        run.session.meets(compat::EMPTY_PATCH_FILE, origin);
    }
    if patches.iter().filter(deletes).nth(1).is_some() {
        run.session.meets(compat::SEVERAL_DELETIONS, origin);
    }
}

/// An entry of `patches`.
pub(super) fn apply(run: &Run<'_>, root: &Root<'_>, patch: &Patch, set: &mut Set) -> Result<(), Failure> {
    let text = patch.patch.clone().filter(|text| !text.trim().is_empty());
    let (merges, operations) = match (&text, &patch.path) {
        (None, None) => {
            let message = "a patch has neither `patch` nor `path`";
            return Err(failure(&codes::PATCH, message, patch.origin, "this entry"));
        }
        (Some(_), Some(path)) => {
            let message = "a patch has both `patch` and `path`";
            return Err(failure(&codes::PATCH, message, path.origin, "keep one of them"));
        }
        (Some(text), None) => {
            let trimmed = Text { text: text.trim().into(), origin: text.origin };
            match run.inline(&trimmed) {
                Some(patches) => (Some(patches.into_iter().map(Arc::new).collect::<Vec<_>>()), None),
                None => (None, Some(json_patch::parse_inline(run, &trimmed)?)),
            }
        }
        (None, Some(path)) => {
            let real = root.file(run.session, path)?;
            match &*run.session.manifest(&real) {
                Ok(patches) => (Some(patches.clone()), None),
                Err(_) => (None, Some(json_patch::parse_file(run, &real, path)?)),
            }
        }
    };
    if let Some(operations) = operations {
        let Some(target) = &patch.target else {
            let failure = failure(&codes::PATCH, "a JSON patch has no `target`", patch.origin, "this entry");
            return Err(Box::new(failure.help("say which resources it changes, under `target:`")));
        };
        return apply_operations(run, target, &operations, true, set);
    }
    let patches = merges.unwrap_or_default();
    if let Some(path) = &patch.path {
        note_of_releases(run, &patches, path.origin);
    }
    let patches = match (patch.allow_name_change, patch.allow_kind_change) {
        (false, false) => patches,
        (name, kind) => patches
            .into_iter()
            .map(|mut patch| {
                let resource = Arc::make_mut(&mut patch);
                resource.notes.name_may_change |= name;
                resource.notes.kind_may_change |= kind;
                patch
            })
            .collect(),
    };
    let origin = patch.path.as_ref().or(patch.patch.as_ref()).map_or(patch.origin, |text| text.origin);
    match &patch.target {
        None => merge_by_id(run, &patches, origin, set)?,
        Some(target) => merge_by_target(run, &patches, target, origin, set)?,
    }
    set.drop_gone();
    Ok(())
}

/// An entry of `patchesJson6902`.
pub(super) fn json(run: &Run<'_>, root: &Root<'_>, patch: &Patch, set: &mut Set) -> Result<(), Failure> {
    let operations = match (&patch.patch, &patch.path) {
        (Some(text), None) if !text.is_empty() => json_patch::parse_inline(run, text)?,
        (_, Some(path)) if patch.patch.as_ref().is_none_or(|text| text.is_empty()) => {
            let real = root.file(run.session, path)?;
            json_patch::parse_file(run, &real, path)?
        }
        _ => {
            let message = "a JSON patch needs either `patch` or `path`";
            return Err(failure(&codes::PATCH, message, patch.origin, "this entry"));
        }
    };
    let Some(target) = &patch.target else {
        return Err(failure(&codes::PATCH, "a JSON patch has no `target`", patch.origin, "this entry"));
    };
    if target.name.is_empty() {
        return Err(failure(&codes::PATCH, "the target of a JSON patch has no name", target.origin, "this target"));
    }
    apply_operations(run, target, &operations, false, set)
}

/// Applies operations to what a target means; `remembers` notes the id that each resource had before.
fn apply_operations(
    run: &Run<'_>,
    target: &Selector,
    operations: &JsonPatch,
    remembers: bool,
    set: &mut Set,
) -> Result<(), Failure> {
    let matcher = Matcher::new(target)?;
    let mut found = false;
    for resource in set.change().iter_mut().filter(|resource| matcher.fits_target(resource)) {
        found = true;
        let resource = Arc::make_mut(resource);
        if remembers {
            resource.remember();
        }
        operations.apply(run, resource)?;
    }
    note_no_effect(run, found, target);
    set.drop_gone();
    Ok(())
}

fn note_no_effect(run: &Run<'_>, found: bool, target: &Selector) {
    run.session.tries(target.origin, found, || {
        let message = format!("the target of a patch matches no resource: {}", target.described());
        let diagnostic = Diagnostic::info(&codes::PATCH_UNMATCHED, message);
        at(diagnostic, target.origin, "matches nothing")
    });
}

fn merge_by_id(run: &Run<'_>, patches: &[Arc<Resource>], origin: Origin, set: &mut Set) -> Result<(), Failure> {
    let openapi = run.openapi();
    for patch in patches {
        let id = patch.original_id();
        let found = set.ever(&id);
        let [at_place] = found[..] else { return Err(no_target(&id, patch, found.len(), origin, set)) };
        let changes_ids = patch.notes.name_may_change || patch.notes.kind_may_change;
        let merged = merge_into(run, set.change_body(at_place), patch.root.clone(), patch, openapi.as_deref())?;
        if merged == Merged::Deleted {
            set.delete(at_place);
        } else if changes_ids {
            set.change();
        }
    }
    Ok(())
}

fn merge_by_target(
    run: &Run<'_>,
    patches: &[Arc<Resource>],
    target: &Selector,
    origin: Origin,
    set: &mut Set,
) -> Result<(), Failure> {
    let matcher = Matcher::new(target)?;
    let patch = match patches {
        [] => return Ok(()),
        [patch] => patch,
        [_, second, ..] => {
            let message = "a patch with a `target` has more than one document";
            let diagnostic = failure(&codes::PATCH, message, origin, "named here");
            return Err(Box::new(at(*diagnostic, second.root.origin, "the second one")));
        }
    };
    let openapi = run.openapi();
    let selected: Vec<Id> =
        set.resources().iter().filter(|resource| matcher.fits_target(resource)).map(|resource| resource.id()).collect();
    note_no_effect(run, !selected.is_empty(), target);
    if selected.is_empty() {
        return Ok(());
    }
    let selected: std::collections::HashSet<Id> = selected.into_iter().collect();
    for resource in set.change().iter_mut().filter(|resource| selected.contains(&resource.id())) {
        let resource = Arc::make_mut(resource);
        let mut root = patch.root.clone();
        if resource.api_version() != root.text_of("apiVersion") {
            root.set("apiVersion", Datum::open(resource.api_version(), root.origin));
        }
        if merge_into(run, resource, root, patch, openapi.as_deref())? == Merged::Deleted {
            resource.root = Datum::null(resource.root.origin);
        }
    }
    set.drop_gone();
    set.check_ids()
}

/// Merges a patch; name, namespace and kind stay unless the patch may change them.
fn merge_into(
    run: &Run<'_>,
    resource: &mut Resource,
    patch: Datum,
    with: &Resource,
    openapi: Option<&OpenApi>,
) -> Result<Merged, Failure> {
    let keep = |key: &str, root: &Datum| root.get(key).cloned();
    let meta = |key: &str, root: &Datum| root.get("metadata").and_then(|meta| meta.get(key)).cloned();
    let (kind, name, namespace) =
        (keep("kind", &resource.root), meta("name", &resource.root), meta("namespace", &resource.root));
    if with.notes.name_may_change || with.notes.kind_may_change {
        resource.remember();
    }
    let wipes = wipes_annotations(&patch);
    let title = resource.title().into_owned();
    let chained = |failure: Failure| Box::new(failure.help(format!("it is merged into {title}")));
    if merge(&mut resource.root, patch, openapi, run.session, &mut resource.removed).map_err(chained)?
        == Merged::Deleted
    {
        return Ok(Merged::Deleted);
    }
    if wipes {
        resource.notes = Notes::default();
    }
    if resource.root.is_empty() {
        return Ok(Merged::Deleted);
    }
    let restore = |root: &mut Datum, key: &str, value: Option<Datum>| match value {
        Some(value) => match root.get_mut(key) {
            Some(old) => *old = value,
            None => root.push(Datum::open(key, value.origin), value),
        },
        None => drop(root.remove(key)),
    };
    if !with.notes.kind_may_change {
        restore(&mut resource.root, "kind", kind);
    }
    let origin = resource.root.origin;
    if let Some(meta) = resource.root.child_mapping("metadata", origin) {
        if !with.notes.name_may_change {
            restore(meta, "name", name);
        }
        restore(meta, "namespace", namespace.filter(|namespace| !namespace.is_empty() && !namespace.text().is_empty()));
    }
    Ok(Merged::Kept)
}

/// Whether a patch takes away the annotations as they are, in which Kustomize keeps its notes.
fn wipes_annotations(patch: &Datum) -> bool {
    let replaces = |node: &Datum| node.is_null() || matches!(node.text_of("$patch"), "replace" | "delete");
    let Some(meta) = patch.get("metadata") else { return false };
    replaces(meta) || meta.get("annotations").is_some_and(replaces)
}

/// Nothing, or more than one thing, has the id of a patch.
fn no_target(id: &Id, patch: &Resource, found: usize, origin: Origin, set: &Set) -> Failure {
    let message = match found {
        0 => format!("a patch is for {}, and there is no such resource", described(id)),
        count => format!("a patch is for {}, and {count} resources are or were called so", described(id)),
    };
    let diagnostic = Diagnostic::error(&codes::PATCH_TARGET, message);
    let diagnostic = at(diagnostic, patch.root.origin, "this patch");
    let diagnostic = at(diagnostic, origin, "named here");
    let ids: Vec<Id> = set.resources().iter().flat_map(|resource| resource.ids()).collect();
    Box::new(match nearest(id, &ids) {
        Some((near, differs)) => diagnostic.help(format!("there is {}: the {differs} differs", described(near))),
        None => diagnostic,
    })
}

/// The id that comes nearest, and in what it differs.
fn nearest<'a>(id: &Id, ids: &'a [Id]) -> Option<(&'a Id, &'static str)> {
    let same_kind = |other: &&Id| other.gvk.kind == id.gvk.kind;
    let find = |fits: &dyn Fn(&Id) -> bool| ids.iter().find(|other| fits(other));
    if let Some(near) = find(&|other| other.gvk == id.gvk && other.name == id.name) {
        return Some((near, "namespace"));
    }
    if let Some(near) = find(&|other| other.gvk.kind == id.gvk.kind && other.name == id.name) {
        return Some((near, "apiVersion"));
    }
    let names = ids.iter().filter(same_kind).map(|other| &*other.name);
    if let Some(name) = closest(&id.name, names) {
        return find(&|other| other.gvk.kind == id.gvk.kind && other.name == name).map(|near| (near, "name"));
    }
    find(&|other| other.name == id.name).map(|near| (near, "kind"))
}
