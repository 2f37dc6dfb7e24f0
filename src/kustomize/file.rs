//! A kustomization file: its fields, checked as Kustomize checks them.

use std::sync::Arc;

use crate::diag::Diagnostic;
use crate::kustomize::decode::{KUSTOMIZATION, Reader, Text};
use crate::kustomize::diags::{Failure, at, codes, failure};
use crate::kustomize::fields::{FieldSpec, field_spec};
use crate::kustomize::helm::{self, Chart, Globals};
use crate::kustomize::parts::{
    GeneratorArgs, GeneratorOptions, Image, Label, Patch, Replacement, Replica, SortOptions, Variable,
};
use crate::kustomize::{parts, replacements};
use crate::source::Origin;
use crate::yaml::data::Datum;

/// The fields of a kustomization file, as Kustomize spells them.
pub const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "metadata",
    "openapi",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "images",
    "imageTags",
    "replacements",
    "replicas",
    "vars",
    "sortOptions",
    "resources",
    "components",
    "crds",
    "bases",
    "configMapGenerator",
    "secretGenerator",
    "helmGlobals",
    "helmCharts",
    "helmChartInflationGenerator",
    "generatorOptions",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "buildMetadata",
];

/// A kustomization file.
#[derive(Clone, Debug)]
pub(super) struct Kustomization {
    /// The start of the file, for what is missing in it.
    pub(super) origin: Origin,
    /// The file as it is written.
    pub(super) document: Arc<Datum>,
    /// The name of the file.
    pub(super) name: &'static str,
    pub(super) is_component: bool,
    pub(super) openapi_path: Option<Text>,
    pub(super) openapi_version: Option<Text>,
    pub(super) name_prefix: Option<Text>,
    pub(super) name_suffix: Option<Text>,
    pub(super) namespace: Option<Text>,
    pub(super) common_labels: Vec<(Text, Text)>,
    pub(super) labels: Vec<Label>,
    pub(super) common_annotations: Vec<(Text, Text)>,
    pub(super) patches_strategic_merge: Vec<Text>,
    pub(super) patches_json6902: Vec<Patch>,
    pub(super) patches: Vec<Patch>,
    pub(super) images: Vec<Image>,
    pub(super) replacements: Vec<ReplacementEntry>,
    pub(super) replicas: Vec<Replica>,
    pub(super) variables: Vec<Variable>,
    pub(super) sort_options: Option<SortOptions>,
    pub(super) resources: Vec<Text>,
    pub(super) components: Vec<Text>,
    pub(super) crds: Vec<Text>,
    pub(super) config_maps: Vec<GeneratorArgs>,
    pub(super) secrets: Vec<GeneratorArgs>,
    pub(super) generator_options: GeneratorOptions,
    pub(super) charts: Vec<Chart>,
    pub(super) helm_globals: Globals,
    pub(super) configurations: Vec<Text>,
    pub(super) generators: Vec<Text>,
    pub(super) transformers: Vec<Text>,
    pub(super) validators: Vec<Text>,
    pub(super) build_metadata: Vec<Text>,
}

/// An entry of `replacements`: written here, or in a file.
#[derive(Clone, Debug)]
pub(super) enum ReplacementEntry {
    Inline(Box<Replacement>),
    File(Text),
}

impl Kustomization {
    /// Decodes and checks. What is deprecated or written twice is told to `warn`, and stands.
    pub(super) fn decode(root: &Datum, warn: &mut dyn FnMut(Diagnostic)) -> Result<Self, Failure> {
        let reader = KUSTOMIZATION;
        warn_of_repeats(root, warn);
        let fields = reader.object(root, "the kustomization", FIELDS)?;
        let mut file = Self::empty(root.origin);
        let (mut kind, mut api_version) = (None, None);
        let (mut bases, mut image_tags) = (Vec::new(), Vec::new());
        let (mut old_charts, mut helm_globals) = ((Vec::new(), Globals::default()), None);
        let mut is_empty = true;
        for (field, value) in fields {
            is_empty &= matches!(field, "apiVersion" | "kind");
            deprecated(field, root, warn);
            match field {
                "apiVersion" => api_version = reader.text(value, field)?,
                "kind" => kind = reader.text(value, field)?,
                "metadata" => check_metadata(reader, value)?,
                "openapi" => {
                    for (key, value) in reader.map(value, field)? {
                        match &*key {
                            "path" => file.openapi_path = Some(value),
                            "version" => file.openapi_version = Some(value),
                            _ => {}
                        }
                    }
                }
                "namePrefix" => file.name_prefix = reader.text(value, field)?.filter(|text| !text.is_empty()),
                "nameSuffix" => file.name_suffix = reader.text(value, field)?.filter(|text| !text.is_empty()),
                "namespace" => file.namespace = reader.text(value, field)?.filter(|text| !text.is_empty()),
                "commonLabels" => file.common_labels = reader.map(value, field)?,
                "labels" => file.labels = reader.list(value, field, |item| parts::label(reader, item))?,
                "commonAnnotations" => file.common_annotations = reader.map(value, field)?,
                "patchesStrategicMerge" => file.patches_strategic_merge = reader.texts(value, field)?,
                "patchesJson6902" => {
                    file.patches_json6902 = reader.list(value, field, |item| parts::patch(reader, item))?;
                }
                "patches" => file.patches = reader.list(value, field, |item| parts::patch(reader, item))?,
                "images" => file.images = reader.list(value, field, |item| parts::image(reader, item))?,
                "imageTags" => image_tags = reader.list(value, field, |item| parts::image(reader, item))?,
                "replacements" => file.replacements = reader.list(value, field, |item| replacement(reader, item))?,
                "replicas" => file.replicas = reader.list(value, field, |item| parts::replica(reader, item))?,
                "vars" => file.variables = reader.list(value, field, |item| parts::variable(reader, item))?,
                "sortOptions" => file.sort_options = Some(parts::sort_options(reader, value)?),
                "resources" => file.resources = reader.texts(value, field)?,
                "components" => file.components = reader.texts(value, field)?,
                "crds" => file.crds = reader.texts(value, field)?,
                "bases" => bases = reader.texts(value, field)?,
                "configMapGenerator" => {
                    file.config_maps = reader.list(value, field, |item| parts::generator(reader, item, false))?;
                }
                "secretGenerator" => {
                    file.secrets = reader.list(value, field, |item| parts::generator(reader, item, true))?;
                }
                "generatorOptions" => file.generator_options = parts::generator_options(reader, value)?,
                "helmCharts" => file.charts = reader.list(value, field, |item| helm::chart(reader, item))?,
                "helmChartInflationGenerator" => old_charts = helm::old_charts(reader, value, field)?,
                "helmGlobals" => helm_globals = Some(helm::globals(reader, value)?),
                "configurations" => file.configurations = reader.texts(value, field)?,
                "generators" => file.generators = reader.texts(value, field)?,
                "transformers" => file.transformers = reader.texts(value, field)?,
                "validators" => file.validators = reader.texts(value, field)?,
                "buildMetadata" => file.build_metadata = reader.texts(value, field)?,
                _ => {}
            }
        }
        if is_empty {
            let message = "the kustomization is empty";
            let failure =
                failure(&codes::KUSTOMIZATION, message, root.origin, "nothing but nulls, apiVersion and kind");
            return Err(Box::new(failure.help("list what it deploys under `resources:`")));
        }
        file.resources.extend(bases);
        file.images.extend(image_tags);
        file.charts.extend(old_charts.0);
        file.helm_globals = helm_globals.unwrap_or(old_charts.1);
        file.is_component = check_type(kind.as_ref(), api_version.as_ref())?;
        Ok(file)
    }

    fn empty(origin: Origin) -> Self {
        Self {
            origin,
            document: Arc::new(Datum::null(origin)),
            name: "",
            is_component: false,
            openapi_path: None,
            openapi_version: None,
            name_prefix: None,
            name_suffix: None,
            namespace: None,
            common_labels: Vec::new(),
            labels: Vec::new(),
            common_annotations: Vec::new(),
            patches_strategic_merge: Vec::new(),
            patches_json6902: Vec::new(),
            patches: Vec::new(),
            images: Vec::new(),
            replacements: Vec::new(),
            replicas: Vec::new(),
            variables: Vec::new(),
            sort_options: None,
            resources: Vec::new(),
            components: Vec::new(),
            crds: Vec::new(),
            config_maps: Vec::new(),
            secrets: Vec::new(),
            generator_options: GeneratorOptions::default(),
            charts: Vec::new(),
            helm_globals: Globals::default(),
            configurations: Vec::new(),
            generators: Vec::new(),
            transformers: Vec::new(),
            validators: Vec::new(),
            build_metadata: Vec::new(),
        }
    }
}

fn replacement(reader: Reader, node: &Datum) -> Result<ReplacementEntry, Failure> {
    let path = reader.object(node, "`replacements`", replacements::FIELDS)?.into_iter();
    let path = path.filter(|(field, _)| *field == "path").map(|(_, value)| reader.text(value, "path")).next();
    match path.transpose()?.flatten().filter(|path| !path.is_empty()) {
        Some(path) => Ok(ReplacementEntry::File(path)),
        None => Ok(ReplacementEntry::Inline(Box::new(replacements::decode(reader, node)?))),
    }
}

/// Whether it is a component; an error for a kind or version that Kustomize does not know.
fn check_type(kind: Option<&Text>, api_version: Option<&Text>) -> Result<bool, Failure> {
    let is_component = kind.is_some_and(|kind| &**kind == "Component");
    if let Some(kind) = kind.filter(|kind| !matches!(&***kind, "Component" | "Kustomization" | "")) {
        let message = format!("kind `{}` is none of a kustomization", &**kind);
        return Err(failure(&codes::KUSTOMIZATION, message, kind.origin, "must be `Kustomization` or `Component`"));
    }
    let wanted = if is_component { "kustomize.config.k8s.io/v1alpha1" } else { "kustomize.config.k8s.io/v1beta1" };
    if let Some(version) = api_version.filter(|version| !version.is_empty() && &***version != wanted) {
        let message = format!("apiVersion `{}` is none of a kustomization", &**version);
        return Err(failure(&codes::KUSTOMIZATION, message, version.origin, &format!("must be `{wanted}`")));
    }
    Ok(is_component)
}

fn check_metadata(reader: Reader, node: &Datum) -> Result<(), Failure> {
    for (field, value) in reader.object(node, "`metadata`", &["name", "namespace", "labels", "annotations"])? {
        match field {
            "name" | "namespace" => drop(reader.text(value, field)?),
            _ => drop(reader.map(value, field)?),
        }
    }
    Ok(())
}

fn deprecated(field: &str, root: &Datum, warn: &mut dyn FnMut(Diagnostic)) {
    let instead = match field {
        "bases" => "resources",
        "commonLabels" => "labels",
        "imageTags" => "images",
        "patchesJson6902" | "patchesStrategicMerge" => "patches",
        "vars" => "replacements",
        _ => return,
    };
    let key = root.pairs().iter().find(|(key, _)| key.text().eq_ignore_ascii_case(field)).map(|(key, _)| key.origin);
    let diagnostic = Diagnostic::warning(&codes::DEPRECATED, format!("`{field}` is deprecated"));
    let diagnostic = at(diagnostic, key.unwrap_or(root.origin), "deprecated");
    warn(diagnostic.help(format!("use `{instead}`; `kustomize edit fix` rewrites it")));
}

fn warn_of_repeats(root: &Datum, warn: &mut dyn FnMut(Diagnostic)) {
    for (at_index, (key, _)) in root.pairs().iter().enumerate() {
        if root.pairs()[..at_index].iter().any(|(before, _)| before.text() == key.text()) {
            let message = format!("the field `{}` occurs twice, and Kustomize takes the last one", key.text());
            warn(at(Diagnostic::warning(&codes::DUPLICATE_KEY, message), key.origin, "occurs again"));
        }
    }
}

/// The field specs of a list.
pub(super) fn field_specs(reader: Reader, node: &Datum, field: &str) -> Result<Vec<FieldSpec>, Failure> {
    reader.list(node, field, |item| field_spec(reader, item))
}
