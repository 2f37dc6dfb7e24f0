//! What `lint` does: finds what is deployed, builds it, has it judged.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap as HashMap;

use crate::argo::{self, Found};
use crate::catalog::{self, Catalog, PLATFORM_FILE};
use crate::diag::{Diagnostic, Diagnostics, Excused, Finding, Outcome, Rule, Severity};
use crate::kube::KUSTOMIZATIONS;
use crate::kustomize::{self, Finished, Helm, KustomizationFile, Options, Origins, Resource, Session};
use crate::layout;
use crate::policy::{self, External, Flags, Made, Overlay, Parts, Policybook, Subject, Unused};
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
}

impl Place<'_> {
    /// A path of the tree as people see it.
    fn shown<'p>(&self, path: &'p str) -> &'p str {
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
    /// The catalog, where the repository has one.
    pub catalog: Option<Catalog>,
    /// Overlays that do not build, and may.
    pub excused: Vec<Excused>,
    origins: Origins,
    overlays: Vec<Overlay>,
    made: Vec<Objects>,
    kustomizations: Vec<KustomizationFile>,
    argo: Found,
    notes: Vec<Diagnostic>,
    unused: Vec<Unused>,
    /// For each overlay whether it is what was to be looked at.
    wanted: Vec<bool>,
    /// The directories and files of the tree that each overlay is made of.
    parts: Vec<BTreeSet<Arc<str>>>,
}

/// The objects of an overlay.
#[derive(Debug)]
enum Objects {
    Built(Vec<Arc<Resource>>),
    Read(Vec<Datum>),
}

/// Finds, reads and builds what a target is, and what surrounds it; `helm` renders charts, where that is allowed.
pub fn gather(place: &Place<'_>, target: &Target, helm: Option<Helm<'_>>) -> Gathered {
    let mut gathered = Gathered::default();
    if place.home.has_file(PLATFORM_FILE) {
        gathered.catalog = catalog::load(place.home, &mut gathered.sources, &mut gathered.diagnostics);
    }
    match target {
        Target::Text(path, text) => gathered.read(path, &[(path.clone(), text.clone())], true),
        Target::File(path) => gathered.read_files(place, std::slice::from_ref(path), true),
        Target::Directory(directory) => gathered.build(place, directory, helm),
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
            match argo::manifests(text, file, path) {
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

    fn read_files(&mut self, place: &Place<'_>, files: &[String], is_strict: bool) {
        let mut texts = Vec::new();
        for file in files {
            match place.tree.text(file) {
                Ok(Some(text)) => texts.push((place.shown(file).to_owned(), text.to_string())),
                Ok(None) => {}
                Err(failure) => self.diagnostics.push(*failure),
            }
        }
        let shown = match files {
            [file] => place.shown(file),
            _ => files.first().and_then(|file| file.rsplit_once('/')).map_or(".", |(folder, _)| place.shown(folder)),
        };
        let shown = shown.to_owned();
        self.read(&shown, &texts, is_strict);
    }

    fn patterns(&self) -> Vec<String> {
        let patterns = self.catalog.iter().flat_map(|catalog| &catalog.platform.layout.patterns);
        patterns.map(|pattern| pattern.value.clone()).collect()
    }

    /// Builds the overlay roots of the whole repository, since what one refers to may come from another; those in or
    /// below the directory are wanted.
    fn build(&mut self, place: &Place<'_>, directory: &str, helm: Option<Helm<'_>>) {
        let sources = std::mem::take(&mut self.sources);
        let options = Options { shared: true, graph: true, ..place.options };
        let session = Session::new(place.tree, place.repository, sources, options).with_helm(helm);
        let is_kustomization = KUSTOMIZATIONS.iter().any(|name| place.tree.has_file(&join(directory, name)));
        let around = layout::roots(place.tree, place.repository, place.repository, |path| session.text_of(path));
        let is_below = |path: &String| {
            directory.is_empty()
                || path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let mut roots: Vec<String> = if is_kustomization && directory != place.repository {
            vec![directory.to_owned()]
        } else if around.iter().any(is_below) {
            around.iter().filter(|path| is_below(path)).cloned().collect()
        } else {
            layout::roots(place.tree, place.repository, directory, |path| session.text_of(path))
        };
        if roots.is_empty() && is_kustomization {
            roots.push(directory.to_owned());
        }
        let wanted = roots.len();
        if wanted > 0 {
            let others: Vec<_> = around.into_iter().filter(|path| !roots.contains(path)).collect();
            roots.extend(others);
        }
        let built: Vec<_> = roots.par_iter().map(|root| kustomize::build(&session, root)).collect();
        let Finished { sources, diagnostics, origins, kustomizations, .. } = session.finish();
        (self.sources, self.origins, self.kustomizations) = (sources, origins, kustomizations);
        self.notes = diagnostics.iter().cloned().collect();
        let patterns = self.patterns();
        for (at, (root, built)) in roots.iter().zip(built).enumerate() {
            let path = place.shown(root).to_owned();
            match built {
                Ok(build) => {
                    let (service, environment) = layout::owner(&path, &patterns);
                    self.overlays.push(Overlay { path, service, environment, is_built: true, ..Overlay::default() });
                    self.made.push(Objects::Built(build.resources));
                    self.wanted.push(at < wanted);
                    self.parts.push(self.parts_of(place, root));
                }
                // What surrounds the target is no concern of whoever asks about the target.
                Err(_) if at >= wanted => {}
                Err(failure) => match self.excuse(&path) {
                    Some(reason) => self.excused.push(Excused { overlay: path, reason }),
                    None => self.diagnostics.push(*failure),
                },
            }
        }
        if wanted == 0 {
            let is_yaml = |path: &String| [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending));
            let files: Vec<_> = place.tree.files(directory).into_iter().filter(is_yaml).collect();
            let texts: Vec<_> = files
                .iter()
                .filter_map(|file| Some((place.shown(file).to_owned(), place.tree.text(file).ok()??.to_string())))
                .collect();
            let shown = place.shown(directory).to_owned();
            self.read(&shown, &texts, false);
        }
        self.find_unused(place);
        for file in &mut self.kustomizations {
            file.directory = place.shown(&file.directory).to_owned();
        }
    }

    fn excuse(&self, path: &str) -> Option<String> {
        let excuses = self.catalog.iter().flat_map(|catalog| &catalog.platform.policies.excuse);
        let found = excuses
            .into_iter()
            .find(|excuse| excuse.overlay.as_ref().is_some_and(|pattern| policy::fits(pattern, path)));
        found.map(|excuse| excuse.reason.clone())
    }

    /// The directories and files that a root is made of.
    fn parts_of(&self, place: &Place<'_>, root: &str) -> BTreeSet<Arc<str>> {
        let by_directory = |directory: &str| {
            let at = self.kustomizations.binary_search_by(|file| file.directory.as_str().cmp(directory));
            at.ok().map(|at| &self.kustomizations[at])
        };
        let mut parts: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut open: Vec<Arc<str>> = vec![root.into()];
        while let Some(directory) = open.pop() {
            if !parts.insert(place.shown(&directory).into()) {
                continue;
            }
            if let Some(file) = by_directory(&directory) {
                parts.insert(place.shown(&join(&directory, file.name)).into());
                parts.extend(file.files.iter().map(|path| place.shown(path).into()));
                open.extend(file.directories.iter().cloned());
            }
        }
        parts
    }

    /// Manifests beside kustomizations that nothing names.
    fn find_unused(&mut self, place: &Place<'_>) {
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
            let Some(text) = place.tree.text(&path).ok().flatten().filter(|text| is_manifest(text)) else { continue };
            let shown = place.shown(&path).to_owned();
            let file = self.sources.add(&*shown, text);
            let kustomization = place.shown(&kustomization).to_owned();
            self.unused.push(Unused { path: shown, origin: Origin::at(file, 0), kustomization });
        }
    }

    /// What is judged.
    fn subject(&self) -> Subject<'_> {
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
        Subject::new(Parts {
            overlays,
            objects,
            kustomizations,
            applications: Vec::new(),
            argo: &self.argo,
            catalog: self.catalog.as_ref(),
            notes: &self.notes,
            unused: &self.unused,
            external: self.external(),
            files,
            origins: &self.origins,
            sources: &self.sources,
        })
    }

    /// What someone else makes: by the settings, and by the services' files.
    fn external(&self) -> External {
        let Some(catalog) = &self.catalog else { return External::default() };
        let declared = catalog.platform.policies.external.iter().map(|pattern| pattern.value.clone());
        let secrets = catalog.services.iter().flat_map(|entry| &entry.service.secrets);
        let secrets = secrets.filter(|secret| secret.external).filter_map(|secret| secret.name.as_ref());
        External { patterns: declared.chain(secrets.map(|name| format!("Secret/{}", name.value))).collect() }
    }
}

/// Whether a text holds Kubernetes objects: fields of the outermost level say so.
fn is_manifest(text: &str) -> bool {
    let has = |field: &str| text.starts_with(field) || text.contains(&format!("\n{field}"));
    (has("apiVersion:") && has("kind:")) || text.trim_start().starts_with('{') && text.contains("\"apiVersion\"")
}

/// How to judge.
pub struct Rules<'a> {
    /// All policies.
    pub book: &'a Policybook,
    /// What the command line says about them.
    pub flags: &'a Flags,
    /// Settings, waivers and comments of another revision, where those count.
    pub settings: Option<&'a Catalog>,
    /// `YYYY-MM-DD`; empty: everything still holds.
    pub today: &'a str,
    /// Whether a comment or annotation counts, by its file and line.
    pub trusts: &'a (dyn Fn(&str, &str) -> bool + Sync),
    /// What was there before.
    pub baseline: Option<&'a BTreeMap<String, usize>>,
    /// The paths that changed, where only what they can affect is wanted.
    pub changed: Option<&'a BTreeSet<String>>,
}

/// Judges what was gathered. What does not build is among the findings, under the code of the build.
pub fn judge(gathered: &mut Gathered, rules: &Rules<'_>) -> Outcome {
    let mut diagnostics = std::mem::take(&mut gathered.diagnostics);
    let settings = rules.settings.or(gathered.catalog.as_ref());
    let policies = settings.map(|catalog| &catalog.platform.policies);
    let active = rules.book.active(policies, rules.flags, &mut diagnostics);
    let subject = gathered.subject();
    let wanted: Vec<bool> = gathered.wanted_overlays(rules.changed);
    let all = wanted.iter().all(|wanted| *wanted);
    let request = policy::Request {
        subject: &subject,
        book: rules.book,
        active: &active,
        settings,
        today: rules.today,
        trusts: rules.trusts,
        baseline: rules.baseline,
        wanted: (!all).then_some(&wanted[..]),
    };
    let (mut findings, faults) = policy::lint(&request);
    faults.into_iter().for_each(|fault| diagnostics.push(fault));
    let judged = |at: &usize| wanted.get(*at).copied().unwrap_or(false);
    let objects = (0..gathered.overlays.len()).filter(judged).map(|at| subject.objects_of(at).len()).sum();
    let overlays = (0..gathered.overlays.len()).filter(judged).count();
    drop(subject);
    let errors = diagnostics.sorted().into_iter().filter(|item| item.severity == Severity::Error).map(as_finding);
    findings.splice(0..0, errors.collect::<Vec<_>>());
    gathered.diagnostics = diagnostics;
    Outcome { findings, objects, overlays, excused: gathered.excused.clone() }
}

impl Gathered {
    /// For each overlay whether its findings are wanted: it is in the target, and made of something that changed.
    fn wanted_overlays(&self, changed: Option<&BTreeSet<String>>) -> Vec<bool> {
        let is_touched = |parts: &BTreeSet<Arc<str>>| {
            changed.is_none_or(|changed| parts.iter().any(|part| changed.contains(&**part)))
        };
        self.wanted.iter().zip(&self.parts).map(|(wanted, parts)| *wanted && is_touched(parts)).collect()
    }
}

/// A diagnostic of another stage in the shape of a finding, so that every format shows it.
fn as_finding(diagnostic: &Diagnostic) -> Finding {
    let rule = Rule {
        id: diagnostic.code.id.to_owned(),
        title: diagnostic
            .code
            .explanation
            .split_inclusive(". ")
            .next()
            .unwrap_or_default()
            .trim_end_matches(['.', ' '])
            .to_owned(),
        rationale: diagnostic.code.explanation.to_owned(),
        remediation: diagnostic.help.join("; "),
        aliases: Vec::new(),
    };
    Finding {
        rule: Arc::new(rule),
        severity: diagnostic.severity,
        message: diagnostic.message.clone(),
        help: (!diagnostic.help.is_empty()).then(|| diagnostic.help.join("; ")),
        object: None,
        container: None,
        field: String::new(),
        labels: diagnostic.labels.clone(),
        overlays: Vec::new(),
        environments: Vec::new(),
        suppressed: None,
        fingerprint: policy::fingerprint_of(&[diagnostic.code.id, &diagnostic.message]),
    }
}
