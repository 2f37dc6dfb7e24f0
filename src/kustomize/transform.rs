//! The transformers of a kustomization, in their order.

use std::sync::Arc;

use compact_str::CompactString;

use crate::kube::Gvk;
use crate::kustomize::compat;
use crate::kustomize::decode::Text;
use crate::kustomize::diags::{Failure, codes, failure};
use crate::kustomize::fields::{Config, FieldSpec, Made, fits, merge_all, visit};
use crate::kustomize::file::Kustomization;
use crate::kustomize::layer::Run;
use crate::kustomize::metadata;
use crate::kustomize::names::{self, Affix};
use crate::kustomize::origin::Step;
use crate::kustomize::parts::{Label, Replica};
use crate::kustomize::resource::Resource;
use crate::kustomize::roots::Root;
use crate::kustomize::set::Set;
use crate::kustomize::{images, patches, replacements};
use crate::source::{Change, Origin};
use crate::yaml::data::{Content, Datum, Quoting, Tag};

/// Runs every transformer that a kustomization's own fields ask for.
pub(super) fn run(
    run: &Run<'_>,
    root: &Root<'_>,
    file: &Kustomization,
    config: &Config,
    set: &mut Set,
) -> Result<(), Failure> {
    let done = |set: &mut Set, kind: &str| {
        set.drop_gone();
        if let Some(by) = run.configured(root, file, kind) {
            metadata::transformed(set, &by);
        }
    };
    if !file.patches_strategic_merge.is_empty() {
        patches::strategic_merges(run, root, &file.patches_strategic_merge, set)?;
        done(set, "PatchStrategicMergeTransformer");
    }
    for patch in &file.patches {
        patches::apply(run, root, patch, set)?;
        done(set, "PatchTransformer");
    }
    if let Some(namespace) = &file.namespace {
        set_namespace(run, namespace, &config.namespace, &Namespacing::default(), set)?;
        done(set, "NamespaceTransformer");
    }
    if let Some(prefix) = &file.name_prefix {
        names::affix(run, prefix, Affix::Prefix, &config.name_prefix, set)?;
        done(set, "PrefixTransformer");
    }
    if let Some(suffix) = &file.name_suffix {
        names::affix(run, suffix, Affix::Suffix, &config.name_suffix, set)?;
        done(set, "SuffixTransformer");
    }
    for label in &file.labels {
        let specs = label_specs(run, file, label, config)?;
        set_entries(run, &label.pairs, &specs, Step::Labels, set)?;
        done(set, "LabelTransformer");
    }
    if !file.labels.is_empty() || !file.common_labels.is_empty() {
        set_entries(run, &file.common_labels, &config.common_labels, Step::Labels, set)?;
        done(set, "LabelTransformer");
    }
    if !file.common_annotations.is_empty() {
        set_entries(run, &file.common_annotations, &config.common_annotations, Step::Annotations, set)?;
        done(set, "AnnotationsTransformer");
    }
    for patch in &file.patches_json6902 {
        patches::json(run, root, patch, set)?;
        done(set, "PatchJson6902Transformer");
    }
    for replica in &file.replicas {
        scale(run, replica, &config.replicas, set)?;
        done(set, "ReplicaCountTransformer");
    }
    for image in &file.images {
        images::set(run, image, &config.images, set)?;
        done(set, "ImageTagTransformer");
    }
    if !file.replacements.is_empty() {
        replacements::run(run, root, &file.replacements, set)?;
        done(set, "ReplacementTransformer");
    }
    Ok(())
}

/// Where an entry of `labels` goes.
fn label_specs(run: &Run<'_>, file: &Kustomization, label: &Label, config: &Config) -> Result<Vec<FieldSpec>, Failure> {
    if let Some(origin) = label.volume_claims.filter(|_| !run.session.options.release.labels_volume_claims()) {
        let message = "`includeVolumeClaimTemplates` is a field of Kustomize 5.8.2 and later";
        return Err(failure(&codes::KUSTOMIZATION, message, origin, "unknown to 5.8.1"));
    }
    let origin = label.pairs.first().map_or(file.origin, |(key, _)| key.origin);
    let specs = merge_all(label.fields.clone(), &config.labels, origin)?;
    if label.include_selectors {
        return merge_all(specs, &config.common_labels, origin);
    }
    let templates = if label.include_templates { &config.template_labels[..] } else { &[] };
    let claims = if label.include_volume_claims { &config.volume_claim_labels[..] } else { &[] };
    let specs = merge_all(merge_all(specs, templates, origin)?, claims, origin)?;
    merge_all(specs, &[FieldSpec::new(Gvk::default(), "metadata/labels", true)], origin)
}

/// Sets entries of labels or annotations.
pub(super) fn set_entries(
    run: &Run<'_>,
    entries: &[(Text, Text)],
    specs: &[FieldSpec],
    step: Step,
    set: &mut Set,
) -> Result<(), Failure> {
    if entries.is_empty() {
        return Ok(());
    }
    for at in 0..set.resources().len() {
        let fitting: Vec<_> = specs.iter().filter(|spec| fits(&set.resources()[at], &spec.gvk)).collect();
        if fitting.is_empty() {
            continue;
        }
        let resource = set.change_body(at);
        // The value of a key is one node in all the places where it is new.
        let first = resource.shared + 1;
        resource.shared += u32::try_from(entries.len()).unwrap_or_default();
        for spec in fitting {
            let place = entries[0].0.origin;
            let mut overwritten: Vec<Datum> = Vec::new();
            visit(resource, spec, Made::Mapping, place, &mut |node| {
                if !node.is_mapping() {
                    if node.is_null() {
                        return Ok(());
                    }
                    let message = format!("`{}` is no mapping, so nothing can be set in it", spec.path);
                    return Err(failure(&codes::TRANSFORMER, message, node.origin, "a mapping is due here"));
                }
                if step == Step::Labels && spec.path.contains("volumeClaimTemplates") {
                    run.session.meets(compat::VOLUME_CLAIM_LABELS, place);
                }
                for ((key, value), shared) in entries.iter().zip(first..) {
                    let old = node.get(key);
                    let replaced = old.map_or(Origin::NONE, |old| old.origin);
                    let is_new = old.is_none();
                    let origin = run.session.origins.note(Change { step, place: value.origin, replaced });
                    node.set(key, Datum { shared, ..Datum::string(&**value, origin) });
                    match node.pairs_mut().and_then(|pairs| pairs.last_mut()).filter(|_| is_new) {
                        Some((name, _)) => name.origin = key.origin,
                        None => overwritten.extend(node.get(key).filter(|value| value.shared > 0).cloned()),
                    }
                }
                Ok(())
            })?;
            for value in overwritten {
                resource.root.share(&value);
            }
        }
    }
    Ok(())
}

/// How a namespace is set.
#[derive(Clone, Debug, Default)]
pub(super) struct Namespacing {
    /// Only where none is set.
    pub(super) unset_only: bool,
    /// Which subjects of role bindings get it.
    pub(super) subjects: Subjects,
}

/// Which subjects of role bindings get a namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Subjects {
    /// Those named `default`.
    #[default]
    NamedDefault,
    /// Every ServiceAccount.
    ServiceAccounts,
    /// None.
    Untouched,
}

/// Puts every resource into a namespace.
pub(super) fn set_namespace(
    run: &Run<'_>,
    namespace: &Text,
    specs: &[FieldSpec],
    how: &Namespacing,
    set: &mut Set,
) -> Result<(), Failure> {
    let note = |replaced| run.session.origins.note(Change { step: Step::Namespace, place: namespace.origin, replaced });
    let write = |node: &mut Datum| {
        if how.unset_only && !node.text().is_empty() && !node.is_null() {
            return Ok(());
        }
        if !node.is_scalar() {
            let message = "a namespace is to be set where no scalar stands";
            return Err(failure(&codes::TRANSFORMER, message, node.origin, "this value"));
        }
        node.set_scalar(Datum::string(&**namespace, note(node.origin)));
        Ok(())
    };
    for resource in set.change() {
        if resource.notes.from_helm {
            run.session.meets(compat::HELM_NAMESPACE, namespace.origin);
            continue;
        }
        let resource = Arc::make_mut(resource);
        resource.remember();
        if !resource.is_cluster_scoped() {
            let spec = FieldSpec::new(Gvk::default(), "metadata/namespace", true);
            visit(resource, &spec, Made::Scalar(Tag::Str), namespace.origin, &mut |node| write(node))?;
            if resource.becomes_cluster_scoped() {
                run.session.meets(compat::ADMISSION_POLICY_NAMESPACE, namespace.origin);
            }
        }
        let is_binding = matches!(resource.kind(), "RoleBinding" | "ClusterRoleBinding");
        if is_binding && how.subjects != Subjects::Untouched {
            set_subjects(resource, how.subjects, namespace, &write)?;
        }
        let is_core = resource.api_version() == "v1";
        for spec in specs {
            let skipped = spec.path == "metadata/namespace"
                || spec.path == "metadata/name" && !is_core
                || is_binding && spec.path == "subjects/namespace" && spec.gvk.kind.ends_with("RoleBinding");
            if !skipped {
                visit(resource, spec, Made::Scalar(Tag::Str), namespace.origin, &mut |node| write(node))?;
            }
        }
    }
    set.check_ids()
}

fn set_subjects(
    binding: &mut Resource,
    which: Subjects,
    namespace: &Text,
    write: &dyn Fn(&mut Datum) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(subjects) = binding.root.get_mut("subjects").filter(|subjects| !subjects.is_null()) else { return Ok(()) };
    let Content::Sequence(items) = &mut subjects.content else {
        let message = "`subjects` is no list";
        return Err(failure(&codes::TRANSFORMER, message, subjects.origin, "a list is due here"));
    };
    for subject in items {
        let (key, wanted) = match which {
            Subjects::NamedDefault => ("name", "default"),
            _ => ("kind", "ServiceAccount"),
        };
        if subject.get(key).is_none_or(|value| value.is_null() || value.text() != wanted) {
            continue;
        }
        if subject.get("namespace").is_none() {
            let made = Datum::open("", namespace.origin);
            subject.push(Datum::open("namespace", namespace.origin), made);
        }
        if let Some(field) = subject.get_mut("namespace") {
            write(field)?;
        }
    }
    Ok(())
}

/// Sets the number of replicas of what has a name.
pub(super) fn scale(run: &Run<'_>, replica: &Replica, specs: &[FieldSpec], set: &mut Set) -> Result<(), Failure> {
    let mut found = false;
    for spec in specs {
        for at in 0..set.resources().len() {
            let fits =
                set.resources()[at].ids().iter().any(|id| id.name == replica.name && id.gvk.is_selected(&spec.gvk));
            if !fits {
                continue;
            }
            found = true;
            let resource = set.change_body(at);
            visit(resource, spec, Made::Scalar(Tag::Int), replica.origin, &mut |node| {
                if !node.is_scalar() {
                    let message = "replicas are to be set where no scalar stands";
                    return Err(failure(&codes::TRANSFORMER, message, node.origin, "this value"));
                }
                let change = Change { step: Step::Replicas, place: replica.origin, replaced: node.origin };
                let text = CompactString::from(replica.count.to_string());
                node.set_scalar(Datum {
                    content: Content::Scalar(text),
                    origin: run.session.origins.note(change),
                    tag: Tag::Int,
                    quoting: Quoting::Plain,
                    shared: 0,
                });
                Ok(())
            })?;
        }
    }
    if found {
        return Ok(());
    }
    let message = format!("`replicas` names `{}`, and nothing of that name has replicas", replica.name);
    Err(failure(&codes::TRANSFORMER, message, replica.origin, "matches nothing"))
}
