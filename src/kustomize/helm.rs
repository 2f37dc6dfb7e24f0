//! `helmCharts`: the charts of the repository, rendered by the user's `helm` as Kustomize has it rendered.
//!
//! The program is started by whoever hands in a [`Helm`]; here its arguments and values are worked out.

use std::cell::RefCell;

use crate::diag::Diagnostic;
use crate::kustomize::decode::{PLUGIN, Reader, Text, typed_1_1};
use crate::kustomize::diags::{Failure, at, codes, failure};
use crate::kustomize::layer::Run;
use crate::kustomize::resource::Resource;
use crate::kustomize::roots::Root;
use crate::kustomize::{manifest, merge};
use crate::source::Origin;
use crate::tree::{Kind, normal};
use crate::yaml::data::{Content, Datum, Quoting, Tag};
use crate::yaml::print::Printed;
use crate::yaml::{json, load};

/// How charts are rendered.
pub struct Helm<'a> {
    /// `--helm-api-versions`
    pub api_versions: Vec<String>,
    /// `--helm-kube-version`
    pub kube_version: String,
    /// `--helm-debug`
    pub debug: bool,
    /// Who starts it.
    pub runner: &'a dyn Runner,
}

/// One that starts `helm`.
pub trait Runner: Sync {
    /// Runs `helm` with arguments; gives what it prints, or says why it does not.
    fn run(&self, call: &Command) -> Result<String, String>;
}

impl std::fmt::Debug for Helm<'_> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Helm").finish_non_exhaustive()
    }
}

/// A call of `helm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The arguments, in order.
    pub arguments: Vec<Argument>,
    /// Where `helm` finds its configuration, as a path of the disk; a new empty directory where there is none.
    pub config_home: Option<String>,
}

/// An argument of `helm`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A word.
    Text(String),
    /// A file or directory of the tree.
    Path(String),
    /// A file that is made for this call.
    Made {
        /// Its name.
        name: String,
        /// What is in it.
        content: Vec<u8>,
    },
}

/// What holds for all charts of a kustomization.
#[derive(Clone, Debug, Default)]
pub(super) struct Globals {
    chart_home: Option<Text>,
    config_home: Option<Text>,
}

/// A chart to render.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    pub(super) origin: Origin,
    name: Option<Text>,
    version: Option<Text>,
    repo: Option<Text>,
    release_name: Option<Text>,
    namespace: Option<Text>,
    additional_values_files: Vec<Text>,
    values_file: Option<Text>,
    values_inline: Option<Datum>,
    values_merge: Option<Text>,
    include_crds: bool,
    skip_hooks: bool,
    api_versions: Vec<Text>,
    kube_version: Option<Text>,
    name_template: Option<Text>,
    skip_tests: bool,
    debug: bool,
    devel: bool,
}

const CHART: &[&str] = &[
    "name",
    "version",
    "repo",
    "releaseName",
    "namespace",
    "additionalValuesFiles",
    "valuesFile",
    "valuesInline",
    "valuesMerge",
    "includeCRDs",
    "skipHooks",
    "apiVersions",
    "kubeVersion",
    "nameTemplate",
    "skipTests",
    "debug",
    "devel",
];

const OLD_CHART: &[&str] = &[
    "chartName",
    "chartVersion",
    "chartRepoUrl",
    "chartHome",
    "chartRepoName",
    "helmBin",
    "helmHome",
    "values",
    "valuesLocal",
    "valuesMerge",
    "releaseName",
    "releaseNamespace",
    "extraArgs",
];

/// `helmGlobals`.
pub(super) fn globals(reader: Reader, node: &Datum) -> Result<Globals, Failure> {
    let mut globals = Globals::default();
    for (field, value) in reader.object(node, "`helmGlobals`", &["chartHome", "configHome"])? {
        let text = reader.text(value, field)?.filter(|text| !text.is_empty());
        *(if field == "chartHome" { &mut globals.chart_home } else { &mut globals.config_home }) = text;
    }
    Ok(globals)
}

impl Chart {
    fn new(origin: Origin) -> Self {
        Self {
            origin,
            name: None,
            version: None,
            repo: None,
            release_name: None,
            namespace: None,
            additional_values_files: Vec::new(),
            values_file: None,
            values_inline: None,
            values_merge: None,
            include_crds: false,
            skip_hooks: false,
            api_versions: Vec::new(),
            kube_version: None,
            name_template: None,
            skip_tests: false,
            debug: false,
            devel: false,
        }
    }
}

/// An entry of `helmCharts`.
pub(super) fn chart(reader: Reader, node: &Datum) -> Result<Chart, Failure> {
    let mut chart = Chart::new(node.origin);
    for (field, value) in reader.object(node, "a chart", CHART)? {
        let text = || Ok::<_, Failure>(reader.text(value, field)?.filter(|text| !text.is_empty()));
        match field {
            "name" => chart.name = text()?,
            "version" => chart.version = text()?,
            "repo" => chart.repo = text()?,
            "releaseName" => chart.release_name = text()?,
            "namespace" => chart.namespace = text()?,
            "additionalValuesFiles" => chart.additional_values_files = reader.texts(value, field)?,
            "valuesFile" => chart.values_file = text()?,
            "valuesInline" => chart.values_inline = inline(reader, value, field)?,
            "valuesMerge" => chart.values_merge = text()?,
            "includeCRDs" => chart.include_crds = reader.flag(value, field)?,
            "skipHooks" => chart.skip_hooks = reader.flag(value, field)?,
            "apiVersions" => chart.api_versions = reader.texts(value, field)?,
            "kubeVersion" => chart.kube_version = text()?,
            "nameTemplate" => chart.name_template = text()?,
            "skipTests" => chart.skip_tests = reader.flag(value, field)?,
            "debug" => chart.debug = reader.flag(value, field)?,
            _ => chart.devel = reader.flag(value, field)?,
        }
    }
    Ok(chart)
}

/// An entry of `helmChartInflationGenerator`, the older form; what it says of all charts goes into `globals`.
pub(super) fn old_chart(reader: Reader, node: &Datum, globals: &mut Globals) -> Result<Chart, Failure> {
    let mut chart = Chart::new(node.origin);
    for (field, value) in reader.object(node, "a chart", OLD_CHART)? {
        let text = || Ok::<_, Failure>(reader.text(value, field)?.filter(|text| !text.is_empty()));
        match field {
            "chartName" => chart.name = text()?,
            "chartVersion" => chart.version = text()?,
            "chartRepoUrl" => chart.repo = text()?,
            "chartHome" => globals.chart_home = text()?.or(globals.chart_home.take()),
            "helmHome" => globals.config_home = text()?.or(globals.config_home.take()),
            "values" => chart.values_file = text()?,
            "valuesLocal" => chart.values_inline = inline(reader, value, field)?,
            "valuesMerge" => chart.values_merge = text()?,
            "releaseName" => chart.release_name = text()?,
            "extraArgs" => drop(reader.texts(value, field)?),
            _ => drop(text()?),
        }
    }
    Ok(chart)
}

/// Values within a kustomization, with the types that its reader sees.
fn inline(reader: Reader, node: &Datum, field: &str) -> Result<Option<Datum>, Failure> {
    if !node.is_mapping() {
        let message = format!("`{field}` must be a mapping");
        return Err(failure(reader.code, message, node.origin, "a mapping is due here"));
    }
    let mut values = node.clone();
    if reader.yaml_1_1 {
        retype(&mut values)?;
    }
    Ok(Some(values).filter(|values| !values.pairs().is_empty()))
}

fn retype(node: &mut Datum) -> Result<(), Failure> {
    match &mut node.content {
        Content::Sequence(items) => items.iter_mut().try_for_each(retype),
        Content::Mapping(pairs) => pairs.iter_mut().try_for_each(|(_, value)| retype(value)),
        Content::Scalar(_) => {
            let typed = match typed_1_1(node)? {
                Printed::Bool(value) => Some((if value { "true" } else { "false" }.to_owned(), Tag::Bool)),
                Printed::Text(text) => Some((text.into_owned(), Tag::Str)),
                _ => None,
            };
            if let Some((text, tag)) = typed {
                *node = Datum { tag, quoting: Quoting::Plain, ..Datum::open(text, node.origin) };
            }
            Ok(())
        }
    }
}

/// Whether a plugin is a chart.
pub(super) fn is_chart(plugin: &Resource) -> bool {
    (plugin.api_version(), plugin.kind()) == ("builtin", "HelmChartInflationGenerator")
}

/// The resources of a chart that a plugin configures.
pub(super) fn of_plugin(run: &Run<'_>, root: &Root<'_>, plugin: &Resource) -> Result<Vec<Resource>, Failure> {
    rendered(run, root, &chart(PLUGIN, &plugin.root)?, &globals(PLUGIN, &plugin.root)?, "")
}

/// The resources of a chart. `namespace` is the one of the kustomization, or of one that includes it.
pub(super) fn rendered(
    run: &Run<'_>,
    root: &Root<'_>,
    chart: &Chart,
    globals: &Globals,
    namespace: &str,
) -> Result<Vec<Resource>, Failure> {
    let session = run.session;
    let Some(helm) = &session.helm else {
        let failure = failure(
            &codes::PLUGIN,
            "a Helm chart is not rendered without being asked to",
            chart.origin,
            "needs `helm`",
        );
        return Err(Box::new(failure.help("`--enable-helm` runs it; or commit the output of `helm template`")));
    };
    let wrong = |origin, message: String, label: &str| failure(&codes::KUSTOMIZATION, message, origin, label);
    let Some(name) = &chart.name else {
        return Err(wrong(chart.origin, "a chart has no `name`".to_owned(), "this entry"));
    };
    // An argument in the place of a name that starts so would be an option, and options of `helm` start programs.
    if let Some(release) = chart.release_name.as_ref().filter(|release| release.starts_with('-')) {
        return Err(wrong(
            release.origin,
            format!("`releaseName: {}` is no name", &**release),
            "starts as an option does",
        ));
    }
    let home = globals.chart_home.as_ref().map_or("charts", |home| &**home);
    let home = match (&chart.version, &chart.repo) {
        (Some(version), Some(_)) => format!("{home}/{}-{}", &**name, &**version),
        _ => home.to_owned(),
    };
    let spelled = format!("{home}/{}", &**name);
    let place = normal(root.directory, &spelled).and_then(|full| session.place(&full));
    let Some((directory, Kind::Directory)) = place else {
        let message = format!("no chart `{spelled}` beside the kustomization");
        let diagnostic =
            at(Diagnostic::error(&codes::PLUGIN, message), name.origin, "not read from a chart repository");
        let pull = match (&chart.repo, &chart.version) {
            (Some(repo), Some(version)) => {
                format!("`helm pull --untar --untardir {home} --repo {} --version {} {}`", &**repo, &**version, &**name)
            }
            _ => format!("`helm pull --untar --untardir {home} …`"),
        };
        return Err(Box::new(diagnostic.help(format!("vendor it: {pull}, and commit what that brings"))));
    };
    let mut arguments =
        vec![word("template"), word(chart.release_name.as_ref().map_or("--generate-name", |name| name))];
    arguments.push(Argument::Path(directory.to_string()));
    let mut option = |option: &str, value: &str| {
        if !value.is_empty() {
            arguments.extend([word(option), word(value)]);
        }
    };
    option("--namespace", chart.namespace.as_ref().map_or(namespace, |namespace| namespace));
    option("--name-template", chart.name_template.as_ref().map_or("", |template| template));
    arguments.extend([word("-f"), values(run, root, chart, name, &spelled)?]);
    for file in &chart.additional_values_files {
        arguments.extend([word("-f"), Argument::Path(root.file(session, file)?.to_string())]);
    }
    let own: Vec<&str> = chart.api_versions.iter().map(|version| &**version).collect();
    let versions: Vec<&str> = if own.is_empty() { helm.api_versions.iter().map(String::as_str).collect() } else { own };
    arguments.extend(versions.into_iter().flat_map(|version| [word("--api-versions"), word(version)]));
    let kube_version = chart.kube_version.as_ref().map_or(&*helm.kube_version, |version| version);
    if !kube_version.is_empty() {
        arguments.extend([word("--kube-version"), word(kube_version)]);
    }
    let flags = [
        (chart.include_crds, "--include-crds"),
        (chart.skip_tests, "--skip-tests"),
        (chart.skip_hooks, "--no-hooks"),
        (chart.debug || helm.debug, "--debug"),
        (chart.devel, "--devel"),
    ];
    arguments.extend(flags.into_iter().filter(|(given, _)| *given).map(|(_, flag)| word(flag)));
    let config_home = globals.config_home.as_ref().map(|home| home.to_string());
    let printed = helm.runner.run(&Command { arguments, config_home }).map_err(|why| {
        let message = format!("the chart `{}` cannot be rendered: {why}", &**name);
        failure(&codes::PLUGIN, message, chart.origin, "this chart")
    })?;
    resources(run, session.shown(&directory), &printed)
}

fn word(text: &str) -> Argument {
    Argument::Text(text.to_owned())
}

/// The file of values: the chart's own or another, as it is or merged with those of the kustomization.
fn values(run: &Run<'_>, root: &Root<'_>, chart: &Chart, name: &Text, spelled: &str) -> Result<Argument, Failure> {
    let session = run.session;
    // The chart's own values are read under the same restriction as any other file.
    let own = || Text { text: format!("{spelled}/values.yaml").into(), origin: name.origin };
    let path = || root.file(session, &chart.values_file.clone().unwrap_or_else(own));
    let mode = chart.values_merge.as_ref().map_or("override", |mode| mode);
    if !["merge", "override", "replace"].contains(&mode) {
        let origin = chart.values_merge.as_ref().map_or(chart.origin, |mode| mode.origin);
        let message = format!("`valuesMerge: {mode}` is not known");
        return Err(failure(&codes::KUSTOMIZATION, message, origin, "must be `merge`, `override` or `replace`"));
    }
    let content = match &chart.values_inline {
        None => session.bytes(&path()?)?.0,
        Some(inline) => {
            let merged = if mode == "replace" {
                inline.clone()
            } else {
                let (file, _) = session.document(&path()?)?;
                let (mut base, over) = if mode == "override" { (file, inline.clone()) } else { (inline.clone(), file) };
                if base.is_null() {
                    base = Datum::mapping(base.origin);
                }
                merge::merge(&mut base, over, None, session, &mut Vec::new())?;
                base
            };
            let text = json::compact(&merged).map_err(|error| {
                failure(
                    &codes::PLUGIN,
                    format!("the values cannot be written: {}", error.message),
                    error.origin,
                    "here",
                )
            })?;
            text.into_bytes()
        }
    };
    let last = name.rsplit('/').next().unwrap_or_default();
    Ok(Argument::Made { name: format!("{last}-kustomize-values.yaml"), content })
}

/// The resources in what `helm` prints. It may print other things before them.
fn resources(run: &Run<'_>, chart: &str, printed: &str) -> Result<Vec<Resource>, Failure> {
    let path = format!("{chart} (helm template)");
    let release = run.session.options.release;
    let read = |text: &str| {
        let file = run.session.add_text(&path, text);
        manifest::resources(text, file, &path, release)
    };
    let resources = read(printed).or_else(|failure| match load::after_first_separator(printed) {
        Some(rest) => read(rest),
        None => Err(failure),
    });
    let mut resources = resources?;
    for resource in &mut resources {
        resource.notes.from_helm = true;
    }
    Ok(resources)
}

/// `helmChartInflationGenerator`: its charts, and what they say of all.
pub(super) fn old_charts(reader: Reader, node: &Datum, field: &str) -> Result<(Vec<Chart>, Globals), Failure> {
    let globals = RefCell::new(Globals::default());
    let charts = reader.list(node, field, |item| old_chart(reader, item, &mut globals.borrow_mut()))?;
    Ok((charts, globals.into_inner()))
}
