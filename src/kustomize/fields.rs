//! Field specs: which fields a transformer changes, the defaults, and how a path leads to them.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use compact_str::CompactString;

use crate::kube::{Gvk, group_version};
use crate::kustomize::decode::Reader;
use crate::kustomize::diags::{Failure, codes, failure};
use crate::kustomize::release::Release;
use crate::kustomize::resource::Resource;
use crate::source::Origin;
use crate::yaml::data::{Content, Datum, Quoting, Tag};

/// A field of some kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FieldSpec {
    /// Which kinds; empty parts fit all.
    pub(super) gvk: Gvk,
    /// Keys with `/` between them; `\/` is a slash within a key.
    pub(super) path: CompactString,
    /// Whether the field is made where it is absent.
    pub(super) create: bool,
}

impl FieldSpec {
    pub(super) fn new(gvk: Gvk, path: &str, create: bool) -> Self {
        Self { gvk, path: path.into(), create }
    }
}

/// The first part of a path, and the rest where there is more; `\/` does not split.
fn first_part(path: &str) -> (Cow<'_, str>, Option<&str>) {
    let (part, mut rest) = match path.split_once('/') {
        Some((part, rest)) => (part, Some(rest)),
        None => (path, None),
    };
    let Some(start) = part.strip_suffix('\\') else { return (part.into(), rest) };
    let mut part = start.to_owned();
    while let Some(more) = rest {
        let (next, after) = more.split_once('/').map_or((more, None), |(next, after)| (next, Some(after)));
        rest = after;
        part.push('/');
        match next.strip_suffix('\\') {
            Some(next) => part.push_str(next),
            None => {
                part.push_str(next);
                break;
            }
        }
    }
    (part.into(), rest)
}

/// Decodes one field spec.
pub(super) fn field_spec(reader: Reader, node: &Datum) -> Result<FieldSpec, Failure> {
    let (mut gvk, mut path, mut create) = (Gvk::default(), CompactString::default(), false);
    for (field, value) in reader.object(node, "a field spec", &["group", "version", "kind", "path", "create"])? {
        let text = || Ok::<_, Failure>(reader.text(value, field)?.map(|text| text.text).unwrap_or_default());
        match field {
            "group" => gvk.group = text()?,
            "version" => gvk.version = text()?,
            "kind" => gvk.kind = text()?,
            "path" => path = text()?,
            _ => create = reader.flag(value, field)?,
        }
    }
    Ok(FieldSpec::new(gvk, &path, create))
}

/// The fields that hold the name of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NameReference {
    /// The kind that is named.
    pub(super) gvk: Gvk,
    /// The fields that name it.
    pub(super) referrers: Vec<FieldSpec>,
}

/// The field specs of every transformer, in force for a kustomization and those above it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Config {
    pub(super) name_prefix: Vec<FieldSpec>,
    pub(super) name_suffix: Vec<FieldSpec>,
    pub(super) namespace: Vec<FieldSpec>,
    pub(super) common_labels: Vec<FieldSpec>,
    pub(super) labels: Vec<FieldSpec>,
    pub(super) template_labels: Vec<FieldSpec>,
    pub(super) volume_claim_labels: Vec<FieldSpec>,
    pub(super) common_annotations: Vec<FieldSpec>,
    pub(super) name_references: Vec<NameReference>,
    pub(super) var_references: Vec<FieldSpec>,
    pub(super) images: Vec<FieldSpec>,
    pub(super) replicas: Vec<FieldSpec>,
}

impl Config {
    /// The list of a transformer by its name in configuration files.
    pub(super) fn list(&mut self, name: &str) -> Option<&mut Vec<FieldSpec>> {
        Some(match name {
            "namePrefix" => &mut self.name_prefix,
            "nameSuffix" => &mut self.name_suffix,
            "namespace" => &mut self.namespace,
            "commonLabels" => &mut self.common_labels,
            "labels" => &mut self.labels,
            "templateLabels" => &mut self.template_labels,
            "volumeClaimTemplateLabels" => &mut self.volume_claim_labels,
            "commonAnnotations" => &mut self.common_annotations,
            "varReference" => &mut self.var_references,
            "images" => &mut self.images,
            "replicas" => &mut self.replicas,
            _ => return None,
        })
    }

    /// What is in force without any configuration.
    pub(super) fn default_of(release: Release) -> Arc<Config> {
        static DEFAULTS: [OnceLock<Arc<Config>>; Release::ALL.len()] = [const { OnceLock::new() }; Release::ALL.len()];
        DEFAULTS[release as usize].get_or_init(|| Arc::new(defaults(release))).clone()
    }

    /// Both together, as Kustomize merges them.
    pub(super) fn merge(&self, incoming: &Config, origin: Origin) -> Result<Config, Failure> {
        let all =
            |own: &[FieldSpec], more: &[FieldSpec]| Ok::<_, Failure>(sorted(merge_all(own.to_vec(), more, origin)?));
        let sorted_references = |mut list: Vec<NameReference>| {
            list.sort_by_cached_key(|entry| sort_key(&entry.gvk));
            list
        };
        let mut references = self.name_references.clone();
        for entry in &incoming.name_references {
            match references.iter_mut().find(|known| known.gvk == entry.gvk) {
                Some(known) => {
                    known.referrers = merge_all(std::mem::take(&mut known.referrers), &entry.referrers, origin)?;
                }
                None => references.push(entry.clone()),
            }
        }
        Ok(Config {
            name_prefix: all(&self.name_prefix, &incoming.name_prefix)?,
            name_suffix: all(&self.name_suffix, &incoming.name_suffix)?,
            namespace: all(&self.namespace, &incoming.namespace)?,
            common_labels: all(&self.common_labels, &incoming.common_labels)?,
            labels: all(&self.labels, &incoming.labels)?,
            template_labels: all(&self.template_labels, &incoming.template_labels)?,
            volume_claim_labels: all(&self.volume_claim_labels, &incoming.volume_claim_labels)?,
            common_annotations: all(&self.common_annotations, &incoming.common_annotations)?,
            name_references: sorted_references(references),
            var_references: all(&self.var_references, &incoming.var_references)?,
            images: all(&self.images, &incoming.images)?,
            replicas: all(&self.replicas, &incoming.replicas)?,
        })
    }
}

fn sorted(mut list: Vec<FieldSpec>) -> Vec<FieldSpec> {
    list.sort_by_cached_key(|spec| sort_key(&spec.gvk));
    list
}

/// The order of kinds that puts specs, and by default resources, in their places.
fn sort_key(gvk: &Gvk) -> (i32, String) {
    (crate::kustomize::order::default_rank(&gvk.kind), crate::kustomize::order::gvk_text(gvk))
}

/// A list with more specs: one whose path is there for kinds that the new one selects counts as there already.
pub(super) fn merge_all(
    mut own: Vec<FieldSpec>,
    more: &[FieldSpec],
    origin: Origin,
) -> Result<Vec<FieldSpec>, Failure> {
    for spec in more {
        match own.iter().find(|known| known.path == spec.path && known.gvk.is_selected(&spec.gvk)) {
            Some(known) if known.create != spec.create => {
                let message = format!("two field specs for `{}` differ in `create`", spec.path);
                return Err(failure(&codes::KUSTOMIZATION, message, origin, "in force here"));
            }
            Some(_) => {}
            None => own.push(spec.clone()),
        }
    }
    Ok(own)
}

/// The columns of a line of a table.
fn columns<const N: usize>(line: &str) -> Option<[&str; N]> {
    // Columns are short, so looking at each byte is faster than the search of `split`.
    let (mut columns, mut count, mut start) = ([""; N], 0, 0);
    for (at, byte) in line.bytes().chain([b'\t']).enumerate() {
        if byte == b'\t' {
            *columns.get_mut(count)? = &line[start..at];
            (count, start) = (count + 1, at + 1);
        }
    }
    (count == N).then_some(columns)
}

fn defaults(release: Release) -> Config {
    let mut config = Config::default();
    let lines = |text: &'static str| text.lines().filter(|line| !line.starts_with('#'));
    let gvk = |kind: &str, group: &str, version: &str| Gvk {
        group: group.into(),
        version: version.into(),
        kind: kind.into(),
    };
    for line in lines(include_str!("data/field-specs.tsv")) {
        let Some([transformer, path, kind, group, version, create, versions]) = columns(line) else { continue };
        if let Some(list) = config.list(transformer).filter(|_| release.uses(versions)) {
            list.push(FieldSpec::new(gvk(kind, group, version), path, create == "true"));
        }
    }
    for line in lines(include_str!("data/name-references.tsv")) {
        let Some([named_kind, named_group, named_version, path, kind, group, version, create]) = columns(line) else {
            continue;
        };
        let named = gvk(named_kind, named_group, named_version);
        let spec = FieldSpec::new(gvk(kind, group, version), path, create == "true");
        match config.name_references.iter_mut().find(|entry| entry.gvk == named) {
            Some(entry) => entry.referrers.push(spec),
            None => config.name_references.push(NameReference { gvk: named, referrers: vec![spec] }),
        }
    }
    config
}

/// What a field becomes where it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Made {
    /// Fields are never made, whatever the spec says.
    Nothing,
    /// A scalar with this tag.
    Scalar(Tag),
    /// A mapping.
    Mapping,
}

/// Calls `set` on every field of a resource that a spec leads to.
pub(super) fn visit(
    resource: &mut Resource,
    spec: &FieldSpec,
    made: Made,
    origin: Origin,
    set: &mut dyn FnMut(&mut Datum) -> Result<(), Failure>,
) -> Result<(), Failure> {
    if fits(resource, &spec.gvk) { visit_any(resource, spec, made, origin, set) } else { Ok(()) }
}

/// [`visit`] for a resource whose kind was checked already.
pub(super) fn visit_any(
    resource: &mut Resource,
    spec: &FieldSpec,
    made: Made,
    origin: Origin,
    set: &mut dyn FnMut(&mut Datum) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let walk = Walk { create: spec.create, made, origin, path: &spec.path };
    walk.enter(&mut resource.root, Some(spec.path.strip_prefix('/').unwrap_or(&spec.path)), set)
}

/// Whether a spec's kinds fit a resource as it is now.
pub(super) fn fits(resource: &Resource, gvk: &Gvk) -> bool {
    let (group, version) = group_version(resource.api_version());
    gvk.selects(group, version, resource.kind())
}

struct Walk<'a> {
    create: bool,
    made: Made,
    origin: Origin,
    path: &'a str,
}

impl Walk<'_> {
    fn enter(
        &self,
        node: &mut Datum,
        path: Option<&str>,
        set: &mut dyn FnMut(&mut Datum) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let Some(way) = path else { return set(node) };
        if node.is_null() {
            return Ok(());
        }
        match &mut node.content {
            Content::Sequence(items) => items.iter_mut().try_for_each(|item| self.enter(item, path, set)),
            Content::Mapping(_) => {
                let (part, rest) = first_part(way);
                self.mapping(node, &part, rest, set)
            }
            Content::Scalar(_) => {
                let message = format!("the path `{}` leads through a scalar", self.path);
                Err(failure(&codes::TRANSFORMER, message, node.origin, "a mapping or a list is due here"))
            }
        }
    }

    fn mapping(
        &self,
        node: &mut Datum,
        part: &str,
        rest: Option<&str>,
        set: &mut dyn FnMut(&mut Datum) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let name = part.strip_suffix("[]").unwrap_or(part);
        let is_list = name.len() != part.len();
        if name.is_empty() {
            let message = format!("the path `{}` has an empty part", self.path);
            return Err(failure(&codes::TRANSFORMER, message, self.origin, "in force here"));
        }
        let creates = self.create && self.made != Made::Nothing && !is_list;
        let kind = match self.made {
            _ if !creates => None,
            Made::Scalar(tag) if rest.is_none() => Some((Content::Scalar(CompactString::default()), tag)),
            _ => Some((Content::Mapping(Vec::new()), Tag::Map)),
        };
        if node.get(name).is_none() {
            let Some((content, _)) = &kind else { return Ok(()) };
            let made = Datum {
                content: content.clone(),
                origin: self.origin,
                tag: Tag::Empty,
                quoting: Quoting::Plain,
                shared: 0,
            };
            node.push(Datum::open(name, self.origin), made);
        }
        let Some(field) = node.get_mut(name) else { return Ok(()) };
        if field.is_null() {
            if let Some((content, tag)) = kind {
                *field = Datum { content, tag, ..field.clone() };
            } else if is_list {
                *field = Datum { content: Content::Sequence(Vec::new()), tag: Tag::Empty, ..field.clone() };
            }
        }
        self.enter(field, rest, set)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_end_at_slashes_that_are_not_escaped() {
        let parts = |mut path: &'static str| {
            let mut parts = Vec::new();
            loop {
                let (part, rest) = first_part(path);
                parts.push(part.into_owned());
                match rest {
                    Some(rest) => path = rest,
                    None => return parts,
                }
            }
        };
        assert_eq!(parts("a/b"), ["a", "b"]);
        assert_eq!(parts(r"metadata/annotations/a.b\/c\/d/e"), ["metadata", "annotations", "a.b/c/d", "e"]);
        assert_eq!(parts("a//b"), ["a", "", "b"]);
    }

    #[test]
    fn the_tables_stand_as_every_merge_leaves_them() {
        for release in Release::ALL {
            let defaults = defaults(release);
            let merged = Config::default().merge(&defaults, Origin::NONE);
            assert!(merged.is_ok_and(|merged| merged == defaults), "{}", release.name());
            assert!(defaults.name_references.len() > 10 && defaults.common_labels.len() > 20);
        }
    }
}
