//! Finds, reads and builds what `lint` judges: overlays with their objects, kustomizations, Applications, and the files that
//! all of them are made of.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap as HashMap;

use crate::argo::{self, Found};
use crate::catalog::Catalog;
use crate::diag::{Diagnostic, Diagnostics, Excused};
use crate::kube::{KUSTOMIZATIONS, is_manifest};
use crate::kustomize::{Finished, Helm, KustomizationFile, Options, Origins, Session};
use crate::layout;
use crate::pipeline::deployed::{self, Deployed, Deployment};
use crate::pipeline::plan::{Objects, build_all, built_documents, differs, environment_of, planned};
use crate::pipeline::settings::Settings;
use crate::policy::{Facts, Hidden, Made, Overlay, Parts, Subject, Unused};
use crate::render::RENDERED;
use crate::source::{Origin, SourceMap};
use crate::tree::{Tree, join};
use crate::yaml::data::Datum;

/// Where `lint` reads.
#[derive(Clone, Copy)]
pub struct Place<'a> {
    /// The files.
    pub tree: &'a Tree,
    /// The top of the repository, as a path in the tree.
    pub repository: &'a str,
    /// The files from the top of the repository on.
    pub home: &'a Tree,
    /// How to build.
    pub options: Options,
    /// The URL that the repository was cloned from, where it is known.
    pub origin: Option<&'a str>,
    /// The files whose settings hold, where those are not the repository's own.
    pub settings: Option<&'a Tree>,
}

impl Place<'_> {
    /// A path of the tree as people see it.
    pub(super) fn shown<'p>(&self, path: &'p str) -> &'p str {
        if path == self.repository {
            return ".";
        }
        let below = path.strip_prefix(self.repository).filter(|_| !self.repository.is_empty());
        below.and_then(|below| below.strip_prefix('/')).unwrap_or(path)
    }
}

/// What is to be looked at.
#[derive(Clone, Debug)]
pub enum Target {
    /// The overlay roots in or below a directory of the tree, or the manifests in it.
    Directory(String),
    /// A file of manifests.
    File(String),
    /// Manifests that came in another way, such as by standard input, with the path to show.
    Text(String, String),
}

/// Everything that a run of `lint` reads and builds.
#[derive(Debug, Default)]
pub struct Gathered {
    /// The texts that were read.
    pub sources: SourceMap,
    /// What does not read or build.
    pub diagnostics: Diagnostics,
    /// Overlays beside the target that do not build, so that what the target refers to may be missing for that.
    pub unbuilt: Vec<String>,
    /// Overlays that do not build, and may.
    pub excused: Vec<Excused>,
    /// The catalog, where the repository has one.
    pub(super) catalog: Option<Catalog>,
    /// Whose settings hold.
    pub(super) settings: Settings,
    /// Whether the whole repository is the target.
    pub(super) is_repository: bool,
    pub(super) origins: Origins,
    pub(super) overlays: Vec<Overlay>,
    pub(super) made: Vec<Objects>,
    pub(super) kustomizations: Vec<KustomizationFile>,
    pub(super) argo: Found,
    notes: Vec<Diagnostic>,
    unused: Vec<Unused>,
    pub(super) facts: Facts,
    /// The folders that were to be built, whether they do or not.
    pub(super) planned: Vec<String>,
    /// For each overlay whether it is what was to be looked at.
    pub(super) wanted: Vec<bool>,
    /// The directories and files of the tree that each overlay is made of.
    pub(super) parts: Vec<BTreeSet<Arc<str>>>,
}

/// Finds, reads and builds what a target is, and what surrounds it; `helm` renders charts, where that is allowed;
/// `progress` is told after each overlay how many there are. `sources` has the texts that were read before.
pub fn gather(
    place: &Place<'_>,
    target: &Target,
    sources: SourceMap,
    helm: Option<Helm<'_>>,
    progress: &(dyn Fn(usize) + Sync),
) -> Gathered {
    let mut gathered = Gathered { sources, ..Gathered::default() };
    gathered.load_settings(place);
    match target {
        Target::Text(path, text) => gathered.read(path, &[(path.clone(), text.clone())], true),
        Target::File(path) => {
            let shown = place.shown(path).to_owned();
            gathered.read_files(place, &shown, std::slice::from_ref(path), true);
        }
        Target::Directory(directory) => {
            gathered.is_repository = directory == place.repository;
            gathered.build(place, directory, helm, progress);
        }
    }
    gathered
}

impl Gathered {
    /// Manifests of one place as one overlay. Strictly, every document must be an object; otherwise files that hold
    /// something else are left alone.
    fn read(&mut self, shown: &str, texts: &[(String, String)], is_strict: bool) {
        let mut objects = Vec::new();
        for (path, text) in texts {
            if !is_strict && !is_manifest(text) {
                continue;
            }
            let file = self.sources.add(&**path, &**text);
            match argo::unnamed_manifests(text, file, path) {
                Ok(found) => objects.extend(found),
                Err(failure) => self.diagnostics.push(*failure),
            }
        }
        let patterns = self.patterns();
        let (service, environment) = layout::owner(shown, &patterns);
        self.overlays.push(Overlay { path: shown.to_owned(), service, environment, ..Overlay::default() });
        self.made.push(Objects::Read(objects));
        self.wanted.push(true);
        self.parts.push(texts.iter().map(|(path, _)| path.as_str().into()).collect());
    }

    fn read_files(&mut self, place: &Place<'_>, shown: &str, files: &[String], is_strict: bool) {
        let mut texts = Vec::new();
        for file in files {
            let shown = place.shown(file);
            let text = if shown == file { place.tree.text(file) } else { place.home.text(shown) };
            match text {
                Ok(Some(text)) => texts.push((shown.to_owned(), text.to_string())),
                Ok(None) => {}
                Err(failure) => self.diagnostics.push(*failure),
            }
        }
        self.read(shown, &texts, is_strict);
    }

    pub(super) fn patterns(&self) -> Vec<String> {
        let patterns = self.catalog().into_iter().flat_map(|catalog| &catalog.platform.layout.patterns);
        patterns.map(|pattern| pattern.value.clone()).collect()
    }

    /// Builds what the whole repository deploys, since what one object refers to may come from another overlay; what lies in
    /// or below the directory is wanted.
    fn build(&mut self, place: &Place<'_>, directory: &str, helm: Option<Helm<'_>>, progress: &(dyn Fn(usize) + Sync)) {
        let sources = std::mem::take(&mut self.sources);
        let options = Options { shared: true, graph: true, ..place.options };
        let session = Session::new(place.tree, place.repository, sources, options).with_helm(helm);
        let (raw, unread) = deployed::documents(place, &session);
        let documents: Vec<&Datum> = raw.iter().map(|(_, document)| document).collect();
        let has_health = deployed::knows_application_health(place, &session);
        let mut deployed = deployed::deployed(place, &session, self.catalog(), &documents, has_health);
        let (mut plan, mut wanted) = planned(place, &session, std::mem::take(&mut deployed.deployments), directory);
        let mut built = build_all(place, &session, &plan, progress);
        // Applications that are built themselves, as in an app of apps with overlays, are what the build makes of them.
        let again = built_documents(&session, &built);
        if differs(&again, &documents) {
            let files: BTreeSet<&str> = again.iter().filter_map(|(file, _)| file.as_deref()).collect();
            let others = raw.iter().filter(|(path, _)| !files.contains(path.as_str())).map(|(_, document)| document);
            let documents: Vec<&Datum> = again.iter().map(|(_, document)| document).chain(others).collect();
            deployed = deployed::deployed(place, &session, self.catalog(), &documents, has_health);
            let planned = planned(place, &session, std::mem::take(&mut deployed.deployments), directory);
            if planned.0 != plan {
                built = build_all(place, &session, &planned.0, progress);
            }
            (plan, wanted) = planned;
        }
        self.finish(place, session, &plan, built, wanted, deployed, unread);
        if wanted == 0 {
            let is_yaml = |path: &String| [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending));
            let files = place.tree.files(directory).into_iter().filter(is_yaml);
            let files: Vec<_> = files.filter(|file| !deployed::is_in_chart(place, file)).collect();
            let shown = place.shown(directory).to_owned();
            self.read_files(place, &shown, &files, false);
        }
        self.find_unused(place);
        self.find_unreached(place, &plan);
        self.shorten(place);
    }

    /// Takes in what a session of builds leaves behind.
    #[allow(clippy::too_many_arguments)] // all that was found, and where
    pub(super) fn finish(
        &mut self,
        place: &Place<'_>,
        session: Session<'_>,
        plan: &[Deployment],
        built: Vec<Result<Objects, Box<Diagnostic>>>,
        wanted: usize,
        mut deployed: Deployed,
        unread: Vec<Diagnostic>,
    ) {
        let Finished { sources, diagnostics, origins, kustomizations, .. } = session.finish();
        (self.sources, self.origins, self.kustomizations) = (sources, origins, kustomizations);
        self.notes = diagnostics.iter().cloned().collect();
        self.take(place, plan, built, wanted, &deployed);
        self.diagnostics.append(std::mem::take(&mut deployed.faults));
        for fault in unread {
            let file = |fault: &Diagnostic| fault.labels.first().map(|label| label.span.file);
            // A build that reads the file has told it.
            if !self.diagnostics.iter().any(|known| file(known) == file(&fault)) {
                self.diagnostics.push(fault);
            }
        }
        self.facts = std::mem::take(&mut deployed.facts);
        self.facts.hidden = self.hidden(place, plan);
        self.argo = deployed.found;
    }

    /// Paths as people see them, once nothing is looked up by them any more.
    pub(super) fn shorten(&mut self, place: &Place<'_>) {
        for file in &mut self.kustomizations {
            file.directory = place.shown(&file.directory).to_owned();
        }
    }

    /// Takes in what was built, in the order of the plan; the first `wanted` are what was to be looked at.
    fn take(
        &mut self,
        place: &Place<'_>,
        plan: &[Deployment],
        built: Vec<Result<Objects, Box<Diagnostic>>>,
        wanted: usize,
        deployed: &Deployed,
    ) {
        let patterns = self.patterns();
        for (at, (deployment, built)) in plan.iter().zip(built).enumerate() {
            let path = place.shown(&deployment.root).to_owned();
            self.planned.push(path.clone());
            match built {
                Ok(objects) => {
                    let (service, environment) = layout::owner(&path, &patterns);
                    let environment = environment.or_else(|| environment_of(deployment, deployed));
                    self.overlays.push(Overlay {
                        path,
                        service,
                        environment,
                        namespace: deployment.namespace.clone(),
                        applications: deployment.applications.clone(),
                        is_built: deployment.files.is_none(),
                        ..Overlay::default()
                    });
                    self.made.push(objects);
                    self.wanted.push(at < wanted);
                    let mut parts = self.parts_of(place, &deployment.root);
                    parts.extend(deployment.files.iter().flatten().map(|file| Arc::from(file.as_str())));
                    self.parts.push(parts);
                }
                // What surrounds the target is no concern of whoever asks about the target.
                Err(_) if at >= wanted => self.unbuilt.push(path),
                Err(failure) => match self.excuse(&path) {
                    Some(reason) => self.excused.push(Excused { overlay: path, reason }),
                    None => self.diagnostics.push(*failure),
                },
            }
        }
    }

    /// Overrides of images that win over an entry of the overlay's own kustomization.
    fn hidden(&self, place: &Place<'_>, plan: &[Deployment]) -> Vec<Hidden> {
        let mut hidden = Vec::new();
        for deployment in plan.iter().filter(|deployment| !deployment.overrides.images.is_empty()) {
            let file = self.kustomizations.iter().find(|file| file.directory == deployment.root);
            let entries = file.and_then(|file| file.document.get("images")).map_or(&[][..], Datum::items);
            for image in &deployment.overrides.images {
                let name = image.text.split(['=', '@']).next().unwrap_or_default();
                let name = crate::kube::Image::of(name).repository;
                let sets = |entry: &&Datum| {
                    entry.text_of("name") == name && (entry.get("newTag").is_some() || entry.get("digest").is_some())
                };
                if entries.iter().any(|entry| sets(&entry)) {
                    hidden.extend(deployment.applications.iter().map(|application| Hidden {
                        application: *application,
                        image: name.to_owned(),
                        by: image.origin,
                        overlay: place.shown(&deployment.root).to_owned(),
                    }));
                }
            }
        }
        hidden
    }

    /// Overlays that no Application deploys, where the repository has Applications.
    fn find_unreached(&mut self, place: &Place<'_>, plan: &[Deployment]) {
        if self.argo.applications.is_empty() {
            return;
        }
        // What is deployed and does not build is reached too.
        let planned = plan.iter().map(|deployment| place.shown(&deployment.root));
        let reached: BTreeSet<&str> = self.parts.iter().flatten().map(|part| &**part).chain(planned).collect();
        let tops = layout::tops(place.home, "", |path| place.home.text(path).ok().flatten());
        let unreached: Vec<String> = tops.into_iter().filter(|folder| !reached.contains(&**folder)).collect();
        for folder in unreached {
            let file =
                KUSTOMIZATIONS.into_iter().map(|name| join(&folder, name)).find(|file| place.home.has_file(file));
            let Some(file) = file else { continue };
            let Some(text) = place.home.text(&file).ok().flatten() else { continue };
            let id = self.sources.add(&*file, text);
            self.facts.unreached.push((folder, Origin::at(id, 0)));
        }
    }

    /// Manifests beside kustomizations that nothing names.
    pub(super) fn find_unused(&mut self, place: &Place<'_>) {
        let used: BTreeSet<&Arc<str>> = self.kustomizations.iter().flat_map(|file| &file.files).collect();
        let mut unused = Vec::new();
        for file in &self.kustomizations {
            let is_yaml = |name: &&String| {
                (name.ends_with(".yaml") || name.ends_with(".yml"))
                    && !name.starts_with('.')
                    && !KUSTOMIZATIONS.contains(&name.as_str())
            };
            for name in file.beside.iter().filter(is_yaml) {
                let path = join(&file.directory, name);
                if !used.contains(&Arc::from(path.as_str())) {
                    unused.push((path, join(&file.directory, file.name)));
                }
            }
        }
        unused.sort();
        for (path, kustomization) in unused {
            // What is rendered is listed where it is to be; the rest of it is for somebody else.
            let is_ours = |text: &Arc<str>| is_manifest(text) && !text.starts_with(RENDERED);
            let Some(text) = place.tree.text(&path).ok().flatten().filter(is_ours) else { continue };
            let shown = place.shown(&path).to_owned();
            let file = self.sources.add(&*shown, text);
            let kustomization = place.shown(&kustomization).to_owned();
            self.unused.push(Unused { path: shown, origin: Origin::at(file, 0), kustomization });
        }
    }

    /// Whether anything was built, rather than read.
    pub fn is_built(&self) -> bool {
        self.overlays.iter().any(|overlay| overlay.is_built)
    }

    /// What is judged.
    pub(super) fn subject<'a>(&'a self, before: Option<&'a Subject<'a>>) -> Subject<'a> {
        let mut overlays = self.overlays.clone();
        let mut objects: Vec<Vec<Made<'_>>> = self
            .made
            .iter()
            .map(|made| match made {
                Objects::Built(resources) => resources
                    .iter()
                    .map(|resource| Made {
                        root: &resource.root,
                        stable_name: resource.first_name(),
                        removed: &resource.removed,
                    })
                    .collect(),
                Objects::Read(objects) => {
                    objects.iter().map(|root| Made { root, stable_name: "", removed: &[] }).collect()
                }
            })
            .collect();
        if overlays.is_empty() {
            overlays.push(Overlay { path: ".".to_owned(), ..Overlay::default() });
            objects.push(Vec::new());
        }
        let mut files: HashMap<String, Vec<usize>> = HashMap::default();
        for (at, parts) in self.parts.iter().enumerate() {
            for part in parts {
                files.entry(part.to_string()).or_default().push(at);
            }
        }
        let kustomizations = self
            .kustomizations
            .iter()
            .map(|file| {
                // One that no overlay is made of, since what includes it does not build, is judged by itself.
                let reach = files.get(&file.directory).cloned().unwrap_or_default();
                (&*file.document, file.directory.clone(), reach)
            })
            .collect();
        let applications = self.argo.applications.iter().enumerate().map(|(at, application)| {
            let mut reach = self.files_of(at).next().and_then(|file| files.get(file)).cloned().unwrap_or_default();
            // What it deploys is what a mistake in it concerns.
            let is_of_it = |overlay: &usize| self.overlays[*overlay].applications.contains(&at);
            reach.extend((0..self.overlays.len()).filter(is_of_it));
            reach.sort_unstable();
            reach.dedup();
            (&application.datum, reach)
        });
        let applications: Vec<(&Datum, Vec<usize>)> = applications.collect();
        let is_loose = |datum: &Datum| {
            let file = datum.origin.place().map(|(file, _)| &*self.sources.file(file).path);
            file.is_some_and(|file| !files.contains_key(file))
        };
        let written = self.argo.applications.iter().zip(&applications);
        let written =
            written.filter(|(application, _)| application.generated_by.is_none()).map(|(_, known)| known.clone());
        let projects = self.argo.projects.iter().map(|project| &project.datum);
        let others = projects.chain(self.argo.sets.iter().map(|set| &set.datum)).map(|datum| (datum, Vec::new()));
        let loose = written.chain(others).filter(|(datum, _)| is_loose(datum)).collect();
        Subject::new(Parts {
            loose,
            overlays,
            objects,
            kustomizations,
            applications,
            argo: &self.argo,
            catalog: self.catalog(),
            notes: &self.notes,
            unused: &self.unused,
            facts: &self.facts,
            external: self.external(),
            files,
            origins: &self.origins,
            sources: &self.sources,
            before,
        })
    }
}
