//! The entries of a kustomization's lists.

use compact_str::CompactString;

use crate::kube::Gvk;
use crate::kustomize::decode::{Reader, Text};
use crate::kustomize::diags::Failure;
use crate::kustomize::fields::FieldSpec;
use crate::kustomize::file::field_specs;
use crate::source::Origin;
use crate::yaml::data::Datum;

/// An entry of `labels`.
#[derive(Clone, Debug, Default)]
pub(super) struct Label {
    pub(super) pairs: Vec<(Text, Text)>,
    pub(super) include_selectors: bool,
    pub(super) include_templates: bool,
    pub(super) include_volume_claims: bool,
    /// The value of `includeVolumeClaimTemplates`' key, which not every release knows.
    pub(super) volume_claims: Option<Origin>,
    pub(super) fields: Vec<FieldSpec>,
}

/// An entry of `patches` or `patchesJson6902`.
#[derive(Clone, Debug)]
pub(super) struct Patch {
    pub(super) origin: Origin,
    pub(super) path: Option<Text>,
    pub(super) patch: Option<Text>,
    pub(super) target: Option<Selector>,
    pub(super) allow_name_change: bool,
    pub(super) allow_kind_change: bool,
}

/// Which resources an entry is about; empty parts fit all.
#[derive(Clone, Debug)]
pub(super) struct Selector {
    pub(super) origin: Origin,
    pub(super) gvk: Gvk,
    pub(super) name: CompactString,
    pub(super) namespace: CompactString,
    pub(super) labels: CompactString,
    pub(super) annotations: CompactString,
}

impl Selector {
    /// What it asks for, in words.
    pub(super) fn described(&self) -> String {
        let version = match (&*self.gvk.group, &*self.gvk.version) {
            ("", "") => String::new(),
            ("", version) => version.to_owned(),
            (group, "") => group.to_owned(),
            (group, version) => format!("{group}/{version}"),
        };
        let parts = [
            ("", &*version),
            ("kind ", &*self.gvk.kind),
            ("name ", &*self.name),
            ("namespace ", &*self.namespace),
            ("labels ", &*self.labels),
            ("annotations ", &*self.annotations),
        ];
        let said = parts.into_iter().filter(|(_, text)| !text.is_empty());
        said.map(|(what, text)| format!("{what}`{text}`")).collect::<Vec<_>>().join(", ")
    }
}

/// An entry of `images`.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) origin: Origin,
    pub(super) name: CompactString,
    pub(super) new_name: Option<Text>,
    pub(super) tag_suffix: Option<Text>,
    pub(super) new_tag: Option<Text>,
    pub(super) digest: Option<Text>,
}

/// An entry of `replicas`.
#[derive(Clone, Debug)]
pub(super) struct Replica {
    pub(super) name: CompactString,
    pub(super) count: i64,
    pub(super) origin: Origin,
}

/// An entry of `vars`.
#[derive(Clone, Debug)]
pub(super) struct Variable {
    pub(super) name: Text,
    pub(super) gvk: Gvk,
    pub(super) object: CompactString,
    pub(super) namespace: CompactString,
    pub(super) field_path: CompactString,
}

/// `sortOptions`
#[derive(Clone, Debug)]
pub(super) struct SortOptions {
    pub(super) origin: Origin,
    pub(super) order: CompactString,
    pub(super) legacy: Option<(Vec<Text>, Vec<Text>)>,
}

/// What generated resources get beside their data.
#[derive(Clone, Debug, Default)]
pub(super) struct GeneratorOptions {
    pub(super) labels: Vec<(Text, Text)>,
    pub(super) annotations: Vec<(Text, Text)>,
    pub(super) disable_hash: bool,
    pub(super) immutable: bool,
}

/// An entry of `configMapGenerator` or `secretGenerator`.
#[derive(Clone, Debug)]
pub(super) struct GeneratorArgs {
    pub(super) origin: Origin,
    pub(super) name: Option<Text>,
    pub(super) namespace: Option<Text>,
    pub(super) behavior: CompactString,
    pub(super) literals: Vec<Text>,
    pub(super) files: Vec<Text>,
    pub(super) envs: Vec<Text>,
    pub(super) options: GeneratorOptions,
    /// The type of a Secret.
    pub(super) secret_type: Option<Text>,
    pub(super) is_secret: bool,
}

/// One replacement.
#[derive(Clone, Debug)]
pub(super) struct Replacement {
    pub(super) origin: Origin,
    pub(super) source: Option<Source>,
    pub(super) source_value: Option<Text>,
    pub(super) targets: Option<Vec<Target>>,
}

/// Where a replacement takes its value from.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) select: Selector,
    pub(super) field_path: Option<Text>,
    pub(super) options: FieldOptions,
}

/// Where a replacement puts its value.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) origin: Origin,
    pub(super) select: Option<Selector>,
    pub(super) reject: Vec<Selector>,
    pub(super) field_paths: Vec<Text>,
    pub(super) options: FieldOptions,
}

/// How a part of a text is taken or replaced.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldOptions {
    pub(super) delimiter: CompactString,
    pub(super) index: i64,
    pub(super) create: bool,
}

fn plain(reader: Reader, node: &Datum, field: &str) -> Result<CompactString, Failure> {
    Ok(reader.text(node, field)?.map(|text| text.text).unwrap_or_default())
}

fn filled(reader: Reader, node: &Datum, field: &str) -> Result<Option<Text>, Failure> {
    Ok(reader.text(node, field)?.filter(|text| !text.is_empty()))
}

pub(super) fn label(reader: Reader, node: &Datum) -> Result<Label, Failure> {
    let mut label = Label::default();
    let known = ["pairs", "includeSelectors", "includeTemplates", "includeVolumeClaimTemplates", "fields"];
    for (field, value) in reader.object(node, "`labels`", &known)? {
        match field {
            "pairs" => label.pairs = reader.map(value, field)?,
            "includeSelectors" => label.include_selectors = reader.flag(value, field)?,
            "includeTemplates" => label.include_templates = reader.flag(value, field)?,
            "includeVolumeClaimTemplates" => {
                label.volume_claims = Some(value.origin);
                label.include_volume_claims = reader.flag(value, field)?;
            }
            _ => label.fields = field_specs(reader, value, field)?,
        }
    }
    Ok(label)
}

pub(super) fn patch(reader: Reader, node: &Datum) -> Result<Patch, Failure> {
    let mut patch = Patch {
        origin: node.origin,
        path: None,
        patch: None,
        target: None,
        allow_name_change: false,
        allow_kind_change: false,
    };
    for (field, value) in reader.object(node, "a patch", &["path", "patch", "target", "options"])? {
        match field {
            "path" => patch.path = filled(reader, value, field)?,
            "patch" => patch.patch = reader.text(value, field)?,
            "target" => patch.target = Some(selector(reader, value)?),
            _ => {
                for (field, value) in reader.object(value, "`options`", &["allowNameChange", "allowKindChange"])? {
                    match field {
                        "allowNameChange" => patch.allow_name_change = reader.flag(value, field)?,
                        _ => patch.allow_kind_change = reader.flag(value, field)?,
                    }
                }
            }
        }
    }
    Ok(patch)
}

const SELECTOR: &[&str] = &["group", "version", "kind", "name", "namespace", "annotationSelector", "labelSelector"];

pub(super) fn selector(reader: Reader, node: &Datum) -> Result<Selector, Failure> {
    let mut selector = no_selector(node.origin);
    for (field, value) in reader.object(node, "a selector", SELECTOR)? {
        let text = plain(reader, value, field)?;
        match field {
            "group" => selector.gvk.group = text,
            "version" => selector.gvk.version = text,
            "kind" => selector.gvk.kind = text,
            "name" => selector.name = text,
            "namespace" => selector.namespace = text,
            "annotationSelector" => selector.annotations = text,
            _ => selector.labels = text,
        }
    }
    Ok(selector)
}

/// A selector that fits all.
pub(super) fn no_selector(origin: Origin) -> Selector {
    Selector {
        origin,
        gvk: Gvk::default(),
        name: CompactString::default(),
        namespace: CompactString::default(),
        labels: CompactString::default(),
        annotations: CompactString::default(),
    }
}

pub(super) fn image(reader: Reader, node: &Datum) -> Result<Image, Failure> {
    let mut image = Image {
        origin: node.origin,
        name: CompactString::default(),
        new_name: None,
        tag_suffix: None,
        new_tag: None,
        digest: None,
    };
    for (field, value) in reader.object(node, "`images`", &["name", "newName", "tagSuffix", "newTag", "digest"])? {
        match field {
            "name" => image.name = plain(reader, value, field)?,
            "newName" => image.new_name = filled(reader, value, field)?,
            "tagSuffix" => image.tag_suffix = filled(reader, value, field)?,
            "newTag" => image.new_tag = filled(reader, value, field)?,
            _ => image.digest = filled(reader, value, field)?,
        }
    }
    Ok(image)
}

pub(super) fn replica(reader: Reader, node: &Datum) -> Result<Replica, Failure> {
    let mut replica = Replica { name: CompactString::default(), count: 0, origin: node.origin };
    for (field, value) in reader.object(node, "`replicas`", &["name", "count"])? {
        if field == "name" {
            replica.name = plain(reader, value, field)?;
        } else {
            replica.count = reader.int(value, field)?;
            replica.origin = value.origin;
        }
    }
    Ok(replica)
}

pub(super) fn variable(reader: Reader, node: &Datum) -> Result<Variable, Failure> {
    let mut variable = Variable {
        name: Text { text: CompactString::default(), origin: node.origin },
        gvk: Gvk::default(),
        object: CompactString::default(),
        namespace: CompactString::default(),
        field_path: "metadata.name".into(),
    };
    for (field, value) in reader.object(node, "`vars`", &["name", "objref", "fieldref"])? {
        match field {
            "name" => {
                if let Some(name) = reader.text(value, field)? {
                    variable.name = name;
                }
            }
            "fieldref" => {
                for (field, value) in reader.object(value, "`fieldref`", &["fieldPath"])? {
                    if let Some(path) = filled(reader, value, field)? {
                        variable.field_path = path.text;
                    }
                }
            }
            _ => {
                let known = ["apiVersion", "group", "version", "kind", "name", "namespace"];
                let (mut api_version, mut gvk) = (CompactString::default(), Gvk::default());
                for (field, value) in reader.object(value, "`objref`", &known)? {
                    let text = plain(reader, value, field)?;
                    match field {
                        "apiVersion" => api_version = text,
                        "group" => gvk.group = text,
                        "version" => gvk.version = text,
                        "kind" => gvk.kind = text,
                        "name" => variable.object = text,
                        _ => variable.namespace = text,
                    }
                }
                // An apiVersion, where there is one, says group and version.
                variable.gvk = if api_version.is_empty() { gvk } else { Gvk::of(&api_version, &gvk.kind) };
            }
        }
    }
    Ok(variable)
}

pub(super) fn sort_options(reader: Reader, node: &Datum) -> Result<SortOptions, Failure> {
    let mut options = SortOptions { origin: node.origin, order: CompactString::default(), legacy: None };
    for (field, value) in reader.object(node, "`sortOptions`", &["order", "legacySortOptions"])? {
        if field == "order" {
            options.order = plain(reader, value, field)?;
            continue;
        }
        let (mut first, mut last) = (Vec::new(), Vec::new());
        for (field, value) in reader.object(value, "`legacySortOptions`", &["orderFirst", "orderLast"])? {
            let texts = reader.texts(value, field)?;
            *if field == "orderFirst" { &mut first } else { &mut last } = texts;
        }
        options.legacy = Some((first, last));
    }
    Ok(options)
}

pub(super) fn generator_options(reader: Reader, node: &Datum) -> Result<GeneratorOptions, Failure> {
    let mut options = GeneratorOptions::default();
    let known = ["labels", "annotations", "disableNameSuffixHash", "immutable"];
    for (field, value) in reader.object(node, "generator options", &known)? {
        match field {
            "labels" => options.labels = reader.map(value, field)?,
            "annotations" => options.annotations = reader.map(value, field)?,
            "disableNameSuffixHash" => options.disable_hash = reader.flag(value, field)?,
            _ => options.immutable = reader.flag(value, field)?,
        }
    }
    Ok(options)
}

const GENERATOR: &[&str] = &["namespace", "name", "behavior", "literals", "files", "envs", "env", "options", "type"];

/// `type` is a field of Secrets alone.
pub(super) fn generator(reader: Reader, node: &Datum, is_secret: bool) -> Result<GeneratorArgs, Failure> {
    let mut args = GeneratorArgs {
        origin: node.origin,
        name: None,
        namespace: None,
        behavior: CompactString::default(),
        literals: Vec::new(),
        files: Vec::new(),
        envs: Vec::new(),
        options: GeneratorOptions::default(),
        secret_type: None,
        is_secret,
    };
    let known = if is_secret { GENERATOR } else { &GENERATOR[..GENERATOR.len() - 1] };
    let mut env = None;
    for (field, value) in reader.object(node, "a generator", known)? {
        match field {
            "namespace" => args.namespace = filled(reader, value, field)?,
            "name" => args.name = filled(reader, value, field)?,
            "behavior" => args.behavior = plain(reader, value, field)?,
            "literals" => args.literals = reader.texts(value, field)?,
            "files" => args.files = reader.texts(value, field)?,
            "envs" => args.envs = reader.texts(value, field)?,
            "env" => env = filled(reader, value, field)?,
            "options" => args.options = generator_options(reader, value)?,
            _ => args.secret_type = filled(reader, value, field)?,
        }
    }
    args.envs.extend(env);
    Ok(args)
}
