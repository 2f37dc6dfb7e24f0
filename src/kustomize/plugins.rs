//! `generators`, `transformers`, `validators`: files that configure built-in plugins.

use std::sync::Arc;

use crate::kube::Gvk;
use crate::kustomize::decode::{PLUGIN, Text};
use crate::kustomize::diags::{Failure, codes, failure};
use crate::kustomize::fields::{FieldSpec, Made, visit};
use crate::kustomize::file::{Kustomization, ReplacementEntry, field_specs};
use crate::kustomize::generate::{absorb, generated};
use crate::kustomize::layer::{Accumulated, Run};
use crate::kustomize::metadata::Configured;
use crate::kustomize::names::{Affix, affix};
use crate::kustomize::order;
use crate::kustomize::origin::Step;
use crate::kustomize::parts;
use crate::kustomize::resource::Resource;
use crate::kustomize::roots::Root;
use crate::kustomize::select::Matcher;
use crate::kustomize::set::Set;
use crate::kustomize::transform::{self, Namespacing, Subjects};
use crate::kustomize::{helm, images, metadata, patches, replacements};
use crate::source::{Change, Origin};
use crate::yaml::data::{Datum, Tag};

/// The resources that configure plugins: written in the list, or in files and directories it names.
fn configured(
    run: &Run<'_>,
    root: &Root<'_>,
    file: &Kustomization,
    entries: &[Text],
) -> Result<Vec<Arc<Resource>>, Failure> {
    let mut all = Accumulated::empty();
    let mut paths = Vec::new();
    for entry in entries {
        match run.inline(entry).filter(|_| entry.contains(':')) {
            Some(resources) => all.set.append_all(resources.into_iter().map(|resource| {
                let resource = Arc::new(resource);
                if run.metadata.is_empty() {
                    return resource;
                }
                metadata::from_file(&resource, &root.spelled(file.name))
            }))?,
            None => paths.push(entry.clone()),
        }
    }
    run.resources(root, &paths, &mut all)?;
    Ok(all.set.into_list())
}

fn unknown(resource: &Resource, what: &str) -> Failure {
    let message = format!("{} is no built-in {what}", resource.title());
    let failure = failure(&codes::PLUGIN, message, resource.root.origin, "would run another program");
    Box::new(failure.help("commit what it makes, or use a built-in one (`apiVersion: builtin`)"))
}

/// Runs `generators`.
pub(super) fn generate(run: &Run<'_>, root: &Root<'_>, file: &Kustomization, set: &mut Set) -> Result<(), Failure> {
    for plugin in configured(run, root, file, &file.generators)? {
        if (plugin.api_version(), plugin.kind()) == ("builtin", "IAMPolicyGenerator") {
            absorb(run, service_account(run, &plugin)?, plugin.root.origin, set)?;
            continue;
        }
        if helm::is_chart(&plugin) {
            let by = Configured::plugin(&plugin);
            absorb_all(run, helm::of_plugin(run, root, &plugin)?, by.as_ref(), plugin.root.origin, set)?;
            continue;
        }
        let is_secret = match (plugin.api_version(), plugin.kind()) {
            ("builtin", "ConfigMapGenerator") => false,
            ("builtin", "SecretGenerator") => true,
            _ => return Err(unknown(&plugin, "generator")),
        };
        let mut args = parts::generator(PLUGIN, &plugin.root, is_secret)?;
        let meta = |key: &str| plugin.root.get("metadata").and_then(|meta| meta.get(key));
        for (key, place) in [("name", &mut args.name), ("namespace", &mut args.namespace)] {
            if let (None, Some(value)) = (&place, meta(key)) {
                *place = PLUGIN.text(value, key)?.filter(|text| !text.is_empty());
            }
        }
        let mut resource = generated(run, root, &args)?;
        if let Some(by) = Configured::plugin(&plugin) {
            metadata::generated(&mut resource, &by);
        }
        absorb(run, resource, args.origin, set)?;
    }
    Ok(())
}

/// Takes in what a generator made of many resources.
pub(super) fn absorb_all(
    run: &Run<'_>,
    resources: Vec<Resource>,
    by: Option<&Configured>,
    origin: Origin,
    set: &mut Set,
) -> Result<(), Failure> {
    for mut resource in resources {
        if let Some(by) = by {
            metadata::generated(&mut resource, by);
        }
        absorb(run, resource, origin, set)?;
    }
    Ok(())
}

/// `IAMPolicyGenerator`: a ServiceAccount that is bound to one of Google's.
fn service_account(run: &Run<'_>, plugin: &Resource) -> Result<Resource, Failure> {
    let text = |path: [&str; 2]| plugin.root.at(path).map_or("", Datum::text).to_owned();
    if plugin.root.text_of("cloud") != "gke" {
        let message = format!("the cloud `{}` is not supported", plugin.root.text_of("cloud"));
        return Err(failure(&codes::GENERATOR, message, plugin.root.origin, "only `gke` is"));
    }
    let origin = plugin.root.origin;
    let account = format!(
        "{}@{}.iam.gserviceaccount.com",
        text(["serviceAccount", "name"]),
        text(["serviceAccount", "projectId"])
    );
    let mut annotations = Datum::mapping(origin);
    annotations.push(Datum::open("iam.gke.io/gcp-service-account", origin), Datum::string(account, origin));
    let mut meta = Datum::mapping(origin);
    meta.push(Datum::open("annotations", origin), annotations);
    meta.push(Datum::open("name", origin), Datum::string(text(["kubernetesService", "name"]), origin));
    let namespace = text(["kubernetesService", "namespace"]);
    if !namespace.is_empty() {
        meta.push(Datum::open("namespace", origin), Datum::string(namespace, origin));
    }
    let mut root = Datum::mapping(origin);
    root.push(Datum::open("apiVersion", origin), Datum::string("v1", origin));
    root.push(Datum::open("kind", origin), Datum::string("ServiceAccount", origin));
    root.push(Datum::open("metadata", origin), meta);
    Ok(Resource::new(root, run.session.options.release))
}

/// `ValueAddTransformer`: a text into, before or behind parts of fields.
fn add_value(run: &Run<'_>, plugin: &Resource, set: &mut Set) -> Result<(), Failure> {
    let node = &plugin.root;
    let value = node.get("value").map_or("", Datum::text);
    for target in node.get("targets").map_or(&[][..], Datum::items) {
        let select = match target.get("selector") {
            Some(selector) => parts::selector(PLUGIN, selector)?,
            None => parts::no_selector(node.origin),
        };
        let matcher = Matcher::new(&select)?;
        let field = target.get("fieldPath").map_or("", Datum::text);
        let position = target.get("filePathPosition").map_or(0, |at| at.text().parse::<usize>().unwrap_or(0));
        let spec = FieldSpec::new(Gvk::default(), field, true);
        for resource in set.change().iter_mut().filter(|resource| matcher.fits_target(resource)) {
            visit(Arc::make_mut(resource), &spec, Made::Scalar(Tag::Str), node.origin, &mut |field| {
                let change = Change { step: Step::Replacements, place: node.origin, replaced: field.origin };
                let text = with_part(field.text(), value, position);
                field.set_scalar(Datum::string(text, run.session.origins.note(change)));
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// A path with one more part: the text alone for 0, else before the part of that number, or at the end.
fn with_part(path: &str, value: &str, position: usize) -> String {
    if position == 0 {
        return value.to_owned();
    }
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    parts.insert((position - 1).min(parts.len()), value);
    format!("{}{}", if path.starts_with('/') { "/" } else { "" }, parts.join("/"))
}

/// Runs `transformers`.
pub(super) fn transform(run: &Run<'_>, root: &Root<'_>, file: &Kustomization, set: &mut Set) -> Result<(), Failure> {
    for plugin in configured(run, root, file, &file.transformers)? {
        apply(run, root, &plugin, set)?;
        set.drop_gone();
        if let Some(by) = Configured::plugin(&plugin) {
            metadata::transformed(set, &by);
        }
    }
    Ok(())
}

/// Runs `validators`: transformers that may change nothing but one label.
pub(super) fn validate(run: &Run<'_>, root: &Root<'_>, file: &Kustomization, set: &mut Set) -> Result<(), Failure> {
    for plugin in configured(run, root, file, &file.validators)? {
        let before: Vec<Arc<Resource>> = set.resources().to_vec();
        apply(run, root, &plugin, set)?;
        let same = before.len() == set.resources().len()
            && before.iter().zip(set.resources()).all(|(before, after)| {
                let mut after = (**after).clone();
                if let Some(labels) = after.root.get_mut("metadata").and_then(|meta| meta.get_mut("labels")) {
                    labels.remove("validated-by");
                }
                let text = |resource: &Resource| crate::yaml::json::compact(&resource.root).ok();
                text(before) == text(&after)
            });
        if !same {
            let message = format!("the validator {} changes resources", plugin.title());
            return Err(failure(&codes::TRANSFORMER, message, plugin.root.origin, "this validator"));
        }
    }
    Ok(())
}

fn apply(run: &Run<'_>, root: &Root<'_>, plugin: &Resource, set: &mut Set) -> Result<(), Failure> {
    if plugin.api_version() != "builtin" {
        return Err(unknown(plugin, "transformer"));
    }
    let reader = PLUGIN;
    let node = &plugin.root;
    let field =
        |name: &str| node.pairs().iter().find(|(key, _)| key.text().eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let text = |name: &str| field(name).map(|value| reader.text(value, name)).transpose().map(Option::flatten);
    let specs = || field("fieldSpecs").map_or(Ok(Vec::new()), |value| field_specs(reader, value, "fieldSpecs"));
    let map = |name: &str| field(name).map_or(Ok(Vec::new()), |value| reader.map(value, name));
    match plugin.kind() {
        "AnnotationsTransformer" => {
            transform::set_entries(run, &map("annotations")?, &specs()?, Step::Annotations, set)
        }
        "LabelTransformer" => transform::set_entries(run, &map("labels")?, &specs()?, Step::Labels, set),
        "NamespaceTransformer" => {
            let namespace = node.at(["metadata", "namespace"]).map(|value| reader.text(value, "namespace"));
            let Some(namespace) = namespace.transpose()?.flatten().filter(|text| !text.is_empty()) else {
                return Ok(());
            };
            let subjects = match text("setRoleBindingSubjects")?.as_deref() {
                None | Some("" | "defaultOnly") => Subjects::NamedDefault,
                Some("allServiceAccounts") => Subjects::ServiceAccounts,
                Some("none") => Subjects::Untouched,
                Some(other) => {
                    let message = format!("`setRoleBindingSubjects: {other}` is not known");
                    return Err(failure(&codes::KUSTOMIZATION, message, node.origin, "this transformer"));
                }
            };
            let unset_only = field("unsetOnly").map_or(Ok(false), |value| reader.flag(value, "unsetOnly"))?;
            transform::set_namespace(run, &namespace, &specs()?, &Namespacing { unset_only, subjects }, set)
        }
        "PrefixTransformer" => affix_with(run, text("prefix")?, Affix::Prefix, &specs()?, set),
        "SuffixTransformer" => affix_with(run, text("suffix")?, Affix::Suffix, &specs()?, set),
        "PrefixSuffixTransformer" => {
            affix_with(run, text("prefix")?, Affix::Prefix, &specs()?, set)?;
            affix_with(run, text("suffix")?, Affix::Suffix, &specs()?, set)
        }
        "ImageTagTransformer" => match field("imageTag") {
            Some(value) => images::set(run, &parts::image(reader, value)?, &specs()?, set),
            None => Ok(()),
        },
        "ReplicaCountTransformer" => {
            let replica = field("replica").map(|value| parts::replica(reader, value)).transpose()?;
            let Some(replica) = replica else {
                return Err(failure(&codes::KUSTOMIZATION, "no `replica` is given", node.origin, "this transformer"));
            };
            transform::scale(run, &replica, &specs()?, set)
        }
        "PatchTransformer" => patches::apply(run, root, &parts::patch(reader, &renamed(node, "jsonOp"))?, set),
        "PatchJson6902Transformer" => patches::json(run, root, &parts::patch(reader, &renamed(node, "jsonOp"))?, set),
        "PatchStrategicMergeTransformer" => {
            let mut entries = field("paths").map_or(Ok(Vec::new()), |value| reader.texts(value, "paths"))?;
            entries.extend(text("patches")?.filter(|text| !text.is_empty()));
            patches::strategic_merges(run, root, &entries, set)
        }
        "ReplacementTransformer" => {
            let entries = field("replacements").map_or(Ok(Vec::new()), |value| {
                reader.list(value, "replacements", |item| match item.text_of("path") {
                    "" => Ok(ReplacementEntry::Inline(Box::new(replacements::decode(reader, item)?))),
                    path => Ok(ReplacementEntry::File(Text { text: path.into(), origin: item.origin })),
                })
            })?;
            replacements::run(run, root, &entries, set)
        }
        "LegacyOrderTransformer" => order::sort(set.change(), None),
        "ValueAddTransformer" => add_value(run, plugin, set),
        "HashTransformer" => Ok(()),
        _ => Err(unknown(plugin, "transformer")),
    }
}

fn affix_with(
    run: &Run<'_>,
    text: Option<Text>,
    which: Affix,
    specs: &[FieldSpec],
    set: &mut Set,
) -> Result<(), Failure> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => affix(run, &text, which, specs, set),
        None => Ok(()),
    }
}

/// The configuration with a field called `patch`, whatever the plugin calls it.
fn renamed(node: &Datum, name: &str) -> Datum {
    let mut node = node.clone();
    if let Some(value) = node.remove(name) {
        node.push(Datum::open("patch", value.origin), value);
    }
    node
}
