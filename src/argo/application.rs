//! Applications as plain structs whose values keep their places.

use crate::argo::diags::{codes, failure};
use crate::diag::Diagnostic;
use crate::kustomize::Text;
use crate::source::Origin;
use crate::yaml::data::Datum;

/// Where an Application takes manifests from: an entry of `spec.sources`, or `spec.source`.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Where it starts.
    pub origin: Origin,
    /// The repository of manifests or charts; empty where it is missing.
    pub repo_url: Text,
    /// The directory in the repository.
    pub path: Option<Text>,
    /// A branch, tag, commit or version of a chart.
    pub target_revision: Option<Text>,
    /// The chart, where the repository is one of charts.
    pub chart: Option<Text>,
    /// By this name other sources of the Application refer to files of this one.
    pub ref_name: Option<Text>,
    /// Its name.
    pub name: Option<Text>,
    /// What overrides the kustomization.
    pub kustomize: Option<Datum>,
    /// The release of Kustomize that is to build it.
    pub kustomize_version: Option<Text>,
    /// How plain manifests are found.
    pub directory: Option<Directory>,
    /// Whether it has settings for Helm.
    pub helm: bool,
    /// Whether it has settings for a plug-in.
    pub plugin: bool,
    /// Whether a hydrator renders it, and Argo CD deploys what that commits.
    pub is_hydrated: bool,
    /// The source as it is written.
    pub datum: Datum,
}

/// `directory` of a source.
#[derive(Clone, Debug, PartialEq)]
pub struct Directory {
    /// Where it stands.
    pub origin: Origin,
    /// Whether directories below are read too.
    pub recurse: bool,
    /// Pattern of the files to read.
    pub include: Option<Text>,
    /// Pattern of the files not to read.
    pub exclude: Option<Text>,
    /// Whether it has settings for Jsonnet.
    pub jsonnet: bool,
    /// Whether files of any name are manifests.
    pub any_extension: bool,
}

/// Where an Application deploys to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Destination {
    /// The URL of the API server.
    pub server: Option<Text>,
    /// The name of the cluster.
    pub name: Option<Text>,
    /// The namespace of objects that name none.
    pub namespace: Option<Text>,
}

/// `syncPolicy.automated`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Automated {
    /// Where it stands.
    pub origin: Origin,
    /// Whether what left the repository is deleted.
    pub prune: bool,
    /// Whether changes in the cluster are undone.
    pub self_heal: bool,
    /// Whether it is in force.
    pub enabled: bool,
}

/// An Application, written or generated.
#[derive(Clone, Debug, PartialEq)]
pub struct Application {
    /// Its name.
    pub name: Text,
    /// The namespace it lies in itself.
    pub namespace: Option<Text>,
    /// Where it starts; of a generated one, its template.
    pub origin: Origin,
    /// Its project.
    pub project: Text,
    /// Its sources.
    pub sources: Vec<Source>,
    /// Where it deploys to.
    pub destination: Destination,
    /// `syncPolicy.syncOptions`
    pub sync_options: Vec<Text>,
    /// Automated sync, where it is set.
    pub automated: Option<Automated>,
    /// The ApplicationSet that generates it.
    pub generated_by: Option<String>,
    /// The whole object.
    pub datum: Datum,
}

/// The text of a field; `None` where it is absent, empty or no scalar.
pub(super) fn text(node: &Datum, key: &str) -> Option<Text> {
    node.get(key).and_then(text_here)
}

fn text_here(value: &Datum) -> Option<Text> {
    let is_text = value.is_scalar() && !value.is_null() && !value.text().is_empty();
    is_text.then(|| Text::new(value.text(), value.origin))
}

/// The texts of a list.
pub(super) fn texts(node: &Datum, key: &str) -> Vec<Text> {
    node.get(key).map_or(&[][..], Datum::items).iter().filter_map(text_here).collect()
}

/// Whether a field is true.
pub(super) fn flag(node: &Datum, key: &str) -> bool {
    node.text_of(key).eq_ignore_ascii_case("true")
}

/// A field that is more than null.
pub(super) fn present<'a>(node: &'a Datum, key: &str) -> Option<&'a Datum> {
    node.get(key).filter(|value| !value.is_null())
}

impl Source {
    /// A source as it stands in an Application, or as overrides left it.
    pub fn read(node: &Datum) -> Self {
        let kustomize = present(node, "kustomize").cloned();
        Self {
            origin: node.origin,
            repo_url: text(node, "repoURL").unwrap_or_else(|| Text::new("", node.origin)),
            path: text(node, "path"),
            target_revision: text(node, "targetRevision"),
            chart: text(node, "chart"),
            ref_name: text(node, "ref"),
            name: text(node, "name"),
            kustomize_version: kustomize.as_ref().and_then(|kustomize| text(kustomize, "version")),
            kustomize,
            directory: present(node, "directory").map(|directory| Directory {
                origin: directory.origin,
                recurse: flag(directory, "recurse"),
                include: text(directory, "include"),
                exclude: text(directory, "exclude"),
                jsonnet: directory.get("jsonnet").is_some_and(|jsonnet| !jsonnet.is_empty()),
                any_extension: flag(directory, "disableExtensionFilter"),
            }),
            helm: present(node, "helm").is_some(),
            plugin: present(node, "plugin").is_some(),
            is_hydrated: false,
            datum: node.clone(),
        }
    }

    /// The directory of the manifests below the repository's root, `.` and `./` taken off.
    pub fn directory_path(&self) -> Option<String> {
        crate::tree::normal("", self.path.as_deref()?)
    }
}

/// A hydrator renders its dry source; otherwise several sources win over a single one.
fn sources(spec: &Datum) -> Vec<Source> {
    if let Some(dry) = spec.at(["sourceHydrator", "drySource"]).filter(|dry| dry.is_mapping()) {
        return vec![Source { is_hydrated: true, ..Source::read(dry) }];
    }
    let several = spec.get("sources").map_or(&[][..], Datum::items);
    if !several.is_empty() {
        return several.iter().map(Source::read).collect();
    }
    spec.get("source").filter(|source| source.is_mapping()).map(Source::read).into_iter().collect()
}

impl Application {
    /// An object of kind Application.
    pub fn read(node: &Datum, generated_by: Option<&str>) -> Self {
        let nothing = Datum::null(node.origin);
        let meta = node.get("metadata").unwrap_or(&nothing);
        let spec = node.get("spec").unwrap_or(&nothing);
        let destination = spec.get("destination").unwrap_or(&nothing);
        let policy = spec.get("syncPolicy").unwrap_or(&nothing);
        let automated = present(policy, "automated").map(|automated| Automated {
            origin: automated.origin,
            prune: flag(automated, "prune"),
            self_heal: flag(automated, "selfHeal"),
            enabled: present(automated, "enabled").is_none() || flag(automated, "enabled"),
        });
        Self {
            name: text(meta, "name").unwrap_or_else(|| Text::new("", meta.origin)),
            namespace: text(meta, "namespace"),
            origin: node.origin,
            project: text(spec, "project").unwrap_or_else(|| Text::new("default", spec.origin)),
            sources: sources(spec),
            destination: Destination {
                server: text(destination, "server"),
                name: text(destination, "name"),
                namespace: text(destination, "namespace"),
            },
            sync_options: texts(policy, "syncOptions"),
            automated,
            generated_by: generated_by.map(str::to_owned),
            datum: node.clone(),
        }
    }

    /// The value of an annotation.
    pub fn annotation(&self, name: &str) -> Option<&Datum> {
        self.datum.at(["metadata", "annotations", name])
    }

    /// The value of a label.
    pub fn label(&self, name: &str) -> Option<&Datum> {
        self.datum.at(["metadata", "labels", name])
    }

    /// Whether a sync option is set, such as `CreateNamespace=true`.
    pub fn has_option(&self, option: &str) -> bool {
        self.sync_options.iter().any(|known| &**known == option)
    }

    /// What Argo CD needs of every Application and this one lacks.
    pub fn check(&self) -> Result<(), Box<Diagnostic>> {
        if self.sources.is_empty() {
            let message = format!("the Application `{}` has no source", &*self.name);
            return Err(failure(&codes::APPLICATION, message, self.origin, "`spec.source` or `spec.sources` is due"));
        }
        for source in &self.sources {
            if source.repo_url.is_empty() {
                let message = format!("a source of the Application `{}` has no `repoURL`", &*self.name);
                return Err(failure(&codes::APPLICATION, message, source.origin, "this source"));
            }
            let has_place = source.path.is_some() || source.chart.is_some() || source.ref_name.is_some();
            if !has_place {
                let message = format!("a source of the Application `{}` has neither `path` nor `chart`", &*self.name);
                return Err(failure(&codes::APPLICATION, message, source.origin, "this source"));
            }
        }
        Ok(())
    }
}
