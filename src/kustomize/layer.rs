//! One kustomization, bases first: what it reads, generates and changes, in Kustomize's order.

use std::sync::{Arc, Mutex, PoisonError};

use rayon::prelude::*;

use crate::diag::Diagnostic;
use crate::kube::KUSTOMIZATIONS;
use crate::kube::schema::OpenApi;
use crate::kustomize::config;
use crate::kustomize::decode::Text;
use crate::kustomize::diags::{Failure, at, codes, failure};
use crate::kustomize::fields::Config;
use crate::kustomize::file::Kustomization;
use crate::kustomize::generate;
use crate::kustomize::helm;
use crate::kustomize::metadata::{self, Configured};
use crate::kustomize::parts::Variable;
use crate::kustomize::plugins;
use crate::kustomize::resource::Resource;
use crate::kustomize::roots::Root;
use crate::kustomize::session::Session;
use crate::kustomize::set::Set;
use crate::kustomize::transform;
use crate::kustomize::variables;
use crate::source::Origin;
use crate::tree::{Kind, join, normal};
use crate::yaml::load;

/// What a kustomization has come to.
#[derive(Clone, Debug)]
pub(super) struct Accumulated {
    pub(super) set: Set,
    pub(super) config: Arc<Config>,
    pub(super) variables: Vec<Variable>,
    /// The directories that went into it, for the search for cycles.
    pub(super) directories: Vec<String>,
}

impl Accumulated {
    pub(super) fn empty() -> Self {
        Self { set: Set::default(), config: Arc::default(), variables: Vec::new(), directories: Vec::new() }
    }
}

/// The OpenAPI schema in force: the first kustomization that names one sets it for the whole build.
#[derive(Clone, Debug, Default)]
pub(super) enum InForce {
    #[default]
    Unset,
    BuiltIn,
    Custom(Arc<OpenApi>),
}

impl InForce {
    /// Tells schemas apart.
    fn key(&self) -> usize {
        match self {
            Self::Unset => 0,
            Self::BuiltIn => 1,
            Self::Custom(document) => Arc::as_ptr(document) as usize,
        }
    }
}

/// A build of one root.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) session: &'a Session<'a>,
    openapi: Mutex<InForce>,
    /// The root's `buildMetadata`, which rules all below it.
    pub(super) metadata: Vec<String>,
}

impl<'a> Run<'a> {
    pub(super) fn new(session: &'a Session<'a>) -> Self {
        Self { session, openapi: Mutex::default(), metadata: Vec::new() }
    }

    /// A part of this build that can go on by itself, as long as it sets no schema.
    fn branch(&self) -> Self {
        let openapi = Mutex::new(self.schema_in_force().clone());
        Self { session: self.session, openapi, metadata: self.metadata.clone() }
    }

    fn schema_in_force(&self) -> std::sync::MutexGuard<'_, InForce> {
        self.openapi.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The custom schema in force.
    pub(super) fn openapi(&self) -> Option<Arc<OpenApi>> {
        match &*self.schema_in_force() {
            InForce::Custom(document) => Some(document.clone()),
            _ => None,
        }
    }

    /// Sets the schema that a kustomization names, unless one is in force already.
    pub(super) fn set_openapi(&self, root: &Root<'_>, file: &Kustomization) -> Result<(), Failure> {
        let path = file
            .openapi_path
            .as_ref()
            .map(|path| Ok::<_, Failure>((path, root.file(self.session, path)?)))
            .transpose()?;
        let mut in_force = self.schema_in_force();
        if !matches!(*in_force, InForce::Unset) {
            return Ok(());
        }
        match (path, &file.openapi_version) {
            (Some((path, _)), Some(_)) => {
                let message = "`openapi` has both a version and a path";
                return Err(failure(&codes::KUSTOMIZATION, message, path.origin, "only one can be used"));
            }
            (Some((_, path)), None) => {
                let (document, file) = self.session.document(&path)?;
                // What starts as JSON must be JSON, which is stricter than YAML.
                if let Err(why) = self.session.json_fault(&path) {
                    let message = format!("`{}` is not valid JSON", self.session.shown(&path));
                    return Err(failure(&codes::KUSTOMIZATION, message, Origin::at(file, 0), &why));
                }
                *in_force = InForce::Custom(OpenApi::new(document));
            }
            (None, Some(version)) if version.is_empty() => {}
            (None, Some(version)) if &**version == "v1.21.2" => *in_force = InForce::BuiltIn,
            (None, Some(version)) => {
                let message = format!("the OpenAPI version `{}` is not built in", &**version);
                return Err(failure(&codes::KUSTOMIZATION, message, version.origin, "only v1.21.2 is"));
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// The kustomization file of a directory.
    pub(super) fn load(&self, directory: &str) -> Result<Arc<Kustomization>, Failure> {
        let session = self.session;
        session.kustomization(directory, || Self::read(session, directory))
    }

    fn read(session: &Session<'_>, directory: &str) -> Result<Kustomization, Failure> {
        let names = session.names(directory);
        let is_file = |path: &String| matches!(session.place(path), Some((_, Kind::File)));
        let there =
            KUSTOMIZATIONS.into_iter().filter(|name| names.contains_key(*name)).map(|name| join(directory, name));
        let there: Vec<_> = there.filter(is_file).collect();
        let shown = match session.shown(directory) {
            "" => ".",
            shown => shown,
        };
        let path = match &there[..] {
            [path] => path,
            [] => {
                let message = format!("no kustomization.yaml in `{shown}`");
                return Err(Box::new(Diagnostic::error(&codes::PATH, message)));
            }
            _ => {
                let message = format!("`{shown}` has more than one kustomization file");
                return Err(Box::new(Diagnostic::error(&codes::KUSTOMIZATION, message).help("keep one of them")));
            }
        };
        let (document, _) = session.document(path)?;
        let mut file = Kustomization::decode(&document, &mut |diagnostic| session.warn(diagnostic))?;
        file.document = Arc::new(document);
        file.name = KUSTOMIZATIONS.into_iter().find(|name| path.ends_with(name)).unwrap_or_default();
        Ok(file)
    }

    /// Builds what a kustomization describes, on top of what is there already.
    pub(super) fn accumulate(
        &self,
        root: &Root<'_>,
        file: &Kustomization,
        mut so_far: Accumulated,
    ) -> Result<Accumulated, Failure> {
        let inherited;
        let mut file = file;
        if self.session.options.inherits_namespace && file.namespace.is_none() && !root.namespace.is_empty() {
            let namespace = Text { text: root.namespace.into(), origin: file.origin };
            inherited = Kustomization { namespace: Some(namespace), ..file.clone() };
            file = &inherited;
        }
        let root = &Root { namespace: file.namespace.as_ref().map_or(root.namespace, |own| own), ..*root };
        self.resources(root, &file.resources, &mut so_far)?;
        so_far.config = config::in_force(self.session, root, file, &so_far.config)?;
        generate::run(self, root, file, &mut so_far.set)?;
        for chart in &file.charts {
            let by = self.configured(root, file, "HelmChartInflationGenerator");
            let resources = helm::rendered(self, root, chart, &file.helm_globals, root.namespace)?;
            plugins::absorb_all(self, resources, by.as_ref(), chart.origin, &mut so_far.set)?;
        }
        plugins::generate(self, root, file, &mut so_far.set)?;
        for component in &file.components {
            so_far = self.include(root, component, Some(so_far))?;
        }
        transform::run(self, root, file, &so_far.config, &mut so_far.set)?;
        plugins::transform(self, root, file, &mut so_far.set)?;
        plugins::validate(self, root, file, &mut so_far.set)?;
        variables::bind(&file.variables, &mut so_far)?;
        Ok(so_far)
    }

    /// Adds files and directories.
    pub(super) fn resources(&self, root: &Root<'_>, paths: &[Text], so_far: &mut Accumulated) -> Result<(), Failure> {
        let mut ahead = self.ahead(root, paths);
        for (index, path) in paths.iter().enumerate() {
            if let Some((more, in_force)) = ahead.get_mut(index).and_then(Option::take) {
                // What was built ahead stands unless a kustomization before it has set the schema since.
                let mut now = self.schema_in_force();
                if matches!(*now, InForce::Unset) || in_force.key() == now.key() {
                    *now = in_force;
                    drop(now);
                    Self::take(so_far, more?, path)?;
                    continue;
                }
            }
            let as_file = match root.file(self.session, path) {
                Ok(real) => match &*self.session.manifest(&real) {
                    Ok(resources) => {
                        let resources = resources.iter().map(|resource| self.noted(resource, root, path));
                        match so_far.set.append_all(resources) {
                            Ok(()) => continue,
                            Err(failure) => failure,
                        }
                    }
                    Err(failure) => failure.clone(),
                },
                Err(failure) => failure,
            };
            // What is no file may be a directory; where it is neither, the first reason says more, unless it is that
            // there is no such file.
            let directory = match root.include(self.session, path) {
                Ok(_) => None,
                Err(as_directory) if as_file.code.id == codes::PATH.id && !root.has(self.session, path) => {
                    Some(as_directory)
                }
                Err(_) => Some(as_file),
            };
            if let Some(failure) = directory {
                return Err(failure);
            }
            Self::take(so_far, self.include(root, path, None)?, path)?;
        }
        Ok(())
    }

    /// Takes in what a base has come to.
    fn take(so_far: &mut Accumulated, base: Accumulated, path: &Text) -> Result<(), Failure> {
        let chained = |failure: Failure| Box::new(at(*failure, path.origin, "included here"));
        so_far.set.append_all(base.set.into_list()).map_err(chained)?;
        so_far.config = merged(&so_far.config, &base.config, path.origin)?;
        so_far.directories.extend(base.directories);
        variables::merge(&mut so_far.variables, base.variables)
    }

    /// Builds the directories among the entries side by side, where there are several. What comes out is used in the
    /// order of the entries.
    fn ahead(&self, root: &Root<'_>, paths: &[Text]) -> Vec<Option<(Result<Accumulated, Failure>, InForce)>> {
        let is_directory = |path: &Text| {
            let full = normal(root.directory, path).filter(|_| !path.starts_with('/'));
            full.is_some_and(|full| self.session.directory(&full).is_some())
        };
        if paths.len() < 2 || paths.iter().filter(|path| is_directory(path)).nth(1).is_none() {
            return Vec::new();
        }
        let build = |path: &Text| {
            is_directory(path).then(|| {
                let branch = self.branch();
                let built = branch.include(root, path, None);
                let in_force = branch.schema_in_force().clone();
                (built, in_force)
            })
        };
        paths.par_iter().map(build).collect()
    }

    /// Builds a directory: a component on top of what is there, anything else on its own.
    fn include(&self, root: &Root<'_>, path: &Text, component_of: Option<Accumulated>) -> Result<Accumulated, Failure> {
        let directory = root.include(self.session, path)?;
        let trail = root.spelled(path);
        let below = Root { directory: &directory, trail: &trail, parent: Some(root), namespace: root.namespace };
        let chained = |failure: Failure| Box::new(at(*failure, path.origin, "included here"));
        let file = self.load(&directory).map_err(chained)?;
        self.set_openapi(&below, &file).map_err(chained)?;
        if file.is_component != component_of.is_some() {
            let message = if file.is_component {
                format!("`{}` is a component", &**path)
            } else {
                format!("`{}` is no component", &**path)
            };
            let help = if file.is_component { "list it under `components:`" } else { "list it under `resources:`" };
            let failure = failure(&codes::KUSTOMIZATION, message, path.origin, "listed under the wrong field");
            return Err(Box::new(failure.help(help)));
        }
        let schema = self.schema_in_force().key();
        // Annotations of the build's root name paths from there, and a component builds on what is there already.
        let key = match &self.session.helm {
            // Charts take the namespace of what includes them.
            Some(_) => format!("{directory}\0{}", below.namespace),
            None if self.session.options.inherits_namespace => format!("{directory}\0{}", below.namespace),
            None => directory.to_string(),
        };
        let keeps = self.session.options.shared && self.metadata.is_empty() && component_of.is_none();
        if keeps {
            let known = self.session.base(&key, schema);
            if let Some(known) = known.filter(|known| known.directories.iter().all(|used| !root.is_below(used))) {
                return Ok((*known).clone());
            }
        }
        let mut built =
            self.accumulate(&below, &file, component_of.unwrap_or_else(Accumulated::empty)).map_err(chained)?;
        built.directories.push(directory.to_string());
        if keeps && self.schema_in_force().key() == schema {
            self.session.keep_base(&key, schema, &built);
        }
        Ok(built)
    }

    /// A resource as it goes into a set: with the annotation of where it came from, if the root wants one.
    fn noted(&self, resource: &Arc<Resource>, root: &Root<'_>, path: &Text) -> Arc<Resource> {
        if self.metadata.is_empty() { resource.clone() } else { metadata::from_file(resource, &root.spelled(path)) }
    }

    /// A field of a kustomization as the annotations call it; `None` where the root wants none.
    pub(super) fn configured(&self, root: &Root<'_>, file: &Kustomization, kind: &str) -> Option<Configured> {
        (!self.metadata.is_empty()).then(|| Configured::field(&root.spelled(file.name), kind))
    }

    /// The resources of a text within a kustomization; `None` where it is no manifest.
    pub(super) fn inline(&self, text: &Text) -> Option<Vec<Resource>> {
        let path = text.origin.place().map(|(file, _)| self.session.path_of(file));
        let path = path.as_deref().unwrap_or_default();
        let file = self.session.add_within(text);
        crate::kustomize::manifest::resources(text, file, path, self.session.options.release).ok()
    }

    /// The first document of a text within a kustomization.
    pub(super) fn inline_document(&self, text: &Text) -> Result<crate::yaml::data::Datum, Failure> {
        let path = text.origin.place().map(|(file, _)| self.session.path_of(file)).unwrap_or_default();
        let file = self.session.add_within(text);
        let document = load::first_document(text, 0, file)
            .map_err(|error| crate::kustomize::diags::unreadable(&codes::PATCH, &error, &path))?;
        Ok(document.unwrap_or_else(|| crate::yaml::data::Datum::null(Origin::at(file, 0))))
    }
}

/// The field specs of two kustomizations; nearly always both have the same ones.
fn merged(own: &Arc<Config>, more: &Arc<Config>, origin: Origin) -> Result<Arc<Config>, Failure> {
    if Arc::ptr_eq(own, more) || **own == Config::default() {
        return Ok(more.clone());
    }
    Ok(Arc::new(own.merge(more, origin)?))
}
