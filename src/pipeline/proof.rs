//! What `release` asks before it writes: does the edited overlay build, is the new image really in it, and is no new error
//! in it. Only what a release touches is built, not the repository.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::catalog::PLATFORM_FILE;
use crate::diag::{Diagnostic, Finding, Outcome, Severity};
use crate::kube::{Image, KUSTOMIZATIONS};
use crate::kustomize::Session;
use crate::pipeline::baseline;
use crate::pipeline::deployed::{self, Deployment};
use crate::pipeline::gather::{Gathered, Place};
use crate::pipeline::hindrances;
use crate::pipeline::lint::{self, Rules};
use crate::pipeline::plan::{Objects, build_all};
use crate::policy::{Flags, Policybook};
use crate::release::{Edit, Fault, Objection, Outlook, Planned, Prover, Target, Version};
use crate::render::OUTPUT;
use crate::report::{self, Format};
use crate::tree::{Tree, join};
use crate::yaml::data::{Content, Datum};

/// Builds and judges single folders.
pub(super) struct Proving<'a> {
    place: Place<'a>,
    services: &'a [String],
    book: &'a Policybook,
    today: &'a str,
    /// Files that may declare what Argo CD deploys, with their texts, once they were looked for.
    declaring: OnceLock<Declaring>,
    images: Mutex<HashMap<String, Vec<String>>>,
}

impl<'a> Proving<'a> {
    pub(super) fn new(place: Place<'a>, services: &'a [String], book: &'a Policybook, today: &'a str) -> Self {
        Self { place, services, book, today, declaring: OnceLock::new(), images: Mutex::default() }
    }

    fn declaring(&self) -> &Declaring {
        self.declaring.get_or_init(|| {
            let files = declaring_files(self.place.home, self.place.home.has_file(PLATFORM_FILE));
            Declaring { texts: self.place.home.holding(&files, ARGO) }
        })
    }

    /// The folders, built with what Applications put over them.
    fn gather(&self, place: &Place<'_>, folders: &[String], declaring: &Declaring) -> Gathered {
        let mut gathered = Gathered::default();
        gathered.load_settings_of(place, self.services);
        gathered.build_only(place, folders, declaring);
        gathered
    }

    fn judge(&self, gathered: &mut Gathered) -> Outcome {
        let flags = Flags::default();
        let rules = Rules {
            book: self.book,
            flags: &flags,
            today: self.today,
            trusts: &|_, _, _| true,
            baseline: None,
            before: None,
            changed: None,
            old: None,
            least: Severity::Error,
        };
        lint::judge(gathered, &rules)
    }
}

impl Prover for Proving<'_> {
    fn images(&self, folder: &str) -> Result<Vec<String>, Box<Diagnostic>> {
        let known = self.images.lock().unwrap_or_else(PoisonError::into_inner).get(folder).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let gathered = self.gather(&self.place, &[folder.to_owned()], self.declaring());
        if gathered.made.is_empty()
            && let Some(fault) = gathered.diagnostics.iter().find(|item| item.severity == Severity::Error)
        {
            // Its places are in a source map that ends here.
            let shown = report::human(fault, &gathered.sources, false);
            let mut told = Diagnostic::error(fault.code, format!("`{folder}` does not build"));
            told.help.push(shown);
            return Err(Box::new(told));
        }
        let mut found = Vec::new();
        for root in gathered.made.iter().flat_map(roots) {
            image_fields(root, &mut found);
        }
        found.sort_unstable();
        found.dedup();
        let found: Vec<String> = found.into_iter().map(str::to_owned).collect();
        self.images.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned(), found.clone());
        Ok(found)
    }

    fn prove(&self, planned: &Planned) -> Vec<Objection> {
        let mut folders: Vec<String> = planned.steps.iter().map(|(_, target)| target.folder.path.clone()).collect();
        folders.sort();
        folders.dedup();
        let (mut tree, mut home) = (self.place.tree.clone(), self.place.home.clone());
        for Edit { path, after, .. } in &planned.edits {
            tree.edit(join(self.place.repository, path), Some(after.clone()));
            home.edit(path.as_str(), Some(after.clone()));
        }
        let edited = Place { tree: &tree, home: &home, ..self.place };
        let declaring = self.declaring();
        let declaring_then = declaring.with(&planned.edits);
        let (mut before, mut after) = rayon::join(
            || self.gather(&self.place, &folders, declaring),
            || self.gather(&edited, &folders, &declaring_then),
        );
        let mut objections = Vec::new();
        for (step, target) in &planned.steps {
            let folder = if target.folder.path.is_empty() { "." } else { &target.folder.path };
            let objection = |message: String, details: String, fault: Fault| Objection {
                service: step.service.clone(),
                message,
                details,
                fault,
            };
            if let Some(excused) = after.excused.iter().find(|excused| excused.overlay == folder) {
                let message = format!("`{folder}` is not built, by the settings: {}", excused.reason);
                objections.push(objection(message, String::new(), Fault::Excused));
                continue;
            }
            let Some(now) = after.built_at(folder) else {
                let faults = after.diagnostics.sorted().into_iter();
                let faults = faults.filter(|item| item.severity == Severity::Error);
                let shown = faults.map(|fault| report::human(fault, &after.sources, false) + "\n\n").collect();
                objections.push(objection(format!("`{folder}` does not build"), shown, Fault::Unbuilt));
                continue;
            };
            let then = before.built_at(folder).unwrap_or_default();
            if step.to.is_empty() {
                if let Some(text) = unversioned(&now, &target.image) {
                    let message = format!("the build of `{folder}` would have `{text}`, without a version");
                    objections.push(objection(message, String::new(), Fault::Unproven));
                }
            } else if !shows(&then, &now, target, &step.to) {
                let name = target.entry.as_ref().and_then(|entry| entry.new_name.as_ref()).unwrap_or(&target.image);
                let message = format!("the build of `{folder}` would not have `{name}` as {}", step.to);
                objections.push(objection(message, elsewhere(&now, name), Fault::Unproven));
            }
        }
        if objections.iter().any(|objection| objection.fault == Fault::Unbuilt) {
            return objections;
        }
        let mut outcome = self.judge(&mut after);
        outcome.findings.retain(|finding| finding.is_open() && finding.severity == Severity::Error);
        // What was there before matters only where there is something now.
        if !outcome.findings.is_empty() {
            let mut known = baseline::known(&self.judge(&mut before));
            outcome.findings.retain(|finding| !known.take(finding));
        }
        for (step, target) in &planned.steps {
            let folder = &target.folder.path;
            let is_here = |finding: &&Finding| finding.overlays.is_empty() || finding.overlays.contains(folder);
            let own: Vec<Finding> = outcome.findings.iter().filter(is_here).cloned().collect();
            let Some(first) = own.first() else { continue };
            let message = format!("there is a new error in `{folder}`: {}", first.message);
            let own = Outcome { findings: own, ..Outcome::default() };
            let options = report::Options { colour: false, verbose: true, fail_on: Severity::Error };
            let details = report::render(Format::Human, &own, &after.sources, options);
            objections.push(Objection { service: step.service.clone(), message, details, fault: Fault::Unproven });
        }
        objections
    }

    fn outlook(&self, target: &Target) -> Outlook {
        let folder = &target.folder.path;
        // A set or an updater names no folders, but patterns.
        let speaks = |text: &&Arc<str>| {
            text.contains("argoproj.io/") && (text.contains(folder.as_str()) || text.contains("kind: ApplicationSet"))
                || text.contains("kind: ImageUpdater")
        };
        let texts = self.declaring().texts.iter().map(|(_, text)| text);
        let declaring: Vec<String> = texts.filter(speaks).map(ToString::to_string).collect();
        let mut warnings = hindrances::updaters(self.place.home, target, &declaring);
        let gathered = self.gather(&self.place, std::slice::from_ref(folder), self.declaring());
        let shown = if folder.is_empty() { "." } else { folder };
        warnings.extend(hindrances::waiting(&gathered.built_at(shown).unwrap_or_default(), target));
        let own = gathered.overlays.iter().filter(|overlay| overlay.path == shown);
        let applications = own.flat_map(|overlay| &overlay.applications);
        let applications = applications.filter_map(|at| gathered.argo.applications.get(*at));
        let applications = applications.map(|application| application.name.text.to_string()).collect();
        Outlook { warnings, applications }
    }
}

/// Whether a build has the new reference of a target, and had it not before.
fn shows(then: &[&Datum], now: &[&Datum], target: &Target, version: &Version) -> bool {
    let count = |roots: &[&Datum]| {
        let mut count = 0;
        for root in roots {
            each_text(root, &mut |text| count += usize::from(is_it(text, target, version)));
        }
        count
    };
    count(now) > count(then)
}

fn is_it(text: &str, target: &Target, version: &Version) -> bool {
    let image = Image::of(text);
    let name = target.entry.as_ref().and_then(|entry| entry.new_name.as_ref()).unwrap_or(&target.image);
    // A name may be a pattern to Kustomize.
    let is_pattern = name.contains(['*', '+', '?', '[', '(', '|', '\\', '^', '$']);
    image.tag == version.tag.as_deref()
        && image.digest == version.digest.as_deref()
        && (is_pattern || image.repository == name)
}

/// An image that nothing gives a version any more.
fn unversioned<'d>(now: &[&'d Datum], name: &str) -> Option<&'d str> {
    let mut found = Vec::new();
    for root in now {
        image_fields(root, &mut found);
    }
    found.into_iter().find(|text| {
        let image = Image::of(text);
        image.repository == name && image.tag.is_none() && image.digest.is_none()
    })
}

/// Where a build has the image in another version.
fn elsewhere(now: &[&Datum], name: &str) -> String {
    let mut found = Vec::new();
    for root in now {
        each_text(root, &mut |text| {
            if Image::of(text).repository == name && text != name {
                found.push(format!("it has `{text}` in {} {}\n", root.text_of("kind"), name_of(root)));
            }
        });
    }
    found.dedup();
    found.truncate(5);
    found.concat()
}

fn name_of(root: &Datum) -> &str {
    root.at(["metadata", "name"]).map_or("", Datum::text)
}

fn each_text<'d>(node: &'d Datum, visit: &mut dyn FnMut(&'d str)) {
    match &node.content {
        Content::Scalar(text) => visit(text),
        Content::Sequence(items) => items.iter().for_each(|item| each_text(item, visit)),
        Content::Mapping(pairs) => pairs.iter().for_each(|(_, value)| each_text(value, visit)),
    }
}

/// The values of all fields called `image`.
fn image_fields<'d>(node: &'d Datum, found: &mut Vec<&'d str>) {
    match &node.content {
        Content::Scalar(_) => {}
        Content::Sequence(items) => items.iter().for_each(|item| image_fields(item, found)),
        Content::Mapping(pairs) => {
            for (key, value) in pairs {
                if key.text() == "image" && matches!(value.content, Content::Scalar(_)) && !value.is_null() {
                    found.push(value.text());
                }
                image_fields(value, found);
            }
        }
    }
}

fn roots(objects: &Objects) -> Vec<&Datum> {
    match objects {
        Objects::Built(resources) => resources.iter().map(|resource| &resource.root).collect(),
        Objects::Read(objects) => objects.iter().collect(),
    }
}

/// What every file has that declares something to Argo CD, or configures it.
pub(super) const ARGO: &str = "argoproj.io";

/// Files that speak of Argo CD, with their texts.
#[derive(Clone, Debug, Default)]
struct Declaring {
    texts: Vec<(String, Arc<str>)>,
}

impl Declaring {
    /// The same after some edits.
    fn with(&self, edits: &[Edit]) -> Self {
        let mut texts = self.texts.clone();
        texts.retain(|(path, _)| !edits.iter().any(|edit| edit.path == *path));
        let speaking = edits.iter().filter(|edit| edit.after.contains(ARGO));
        texts.extend(speaking.map(|edit| (edit.path.clone(), edit.after.clone())));
        Self { texts }
    }

    /// Those that may say what is deployed from one of some folders.
    fn naming<'d>(&'d self, folders: &[String]) -> impl Iterator<Item = &'d str> {
        let names = move |text: &str| {
            text.contains("argoproj.io/")
                && (text.contains("kind: ApplicationSet")
                    || text.contains("kind: Application")
                        && folders.iter().any(|folder| text.contains(folder.as_str())))
        };
        self.texts.iter().filter(move |(_, text)| names(text)).map(|(path, _)| path.as_str())
    }

    /// Whether one sets a health check of Argo CD's for Applications.
    fn know_application_health(&self) -> bool {
        self.texts.iter().any(|(_, text)| deployed::says_application_health(text))
    }
}

/// The files that may hold Applications. In a rendered repository a service's own folder holds none, and a kustomization
/// nowhere does.
pub(super) fn declaring_files(home: &Tree, is_rendered: bool) -> Vec<String> {
    if !is_rendered {
        return home.files("").into_iter().filter(|path| may_declare(path, false)).collect();
    }
    let (skipped, others) = skipped();
    let mut open = vec![String::new()];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in home.list(&folder) {
            let path = join(&folder, &entry.name);
            if !entry.is_directory() {
                files.push(path);
            } else if !skipped.contains(&path) && !others.contains(&&*path) {
                open.push(path);
            }
        }
    }
    files.into_iter().filter(|path| may_declare(path, true)).collect()
}

/// The folders of a rendered repository in which no Application lies: paths, and names of any.
fn skipped() -> ([String; 2], [&'static str; 5]) {
    let skipped = [format!("{OUTPUT}/apps"), format!("{OUTPUT}/infrastructure")];
    (skipped, ["services", "templates", "policies", ".git", ".gitopsctl"])
}

/// Whether a file may hold Applications, by its path.
pub(super) fn may_declare(path: &str, is_rendered: bool) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let is_manifest = (path.ends_with(".yaml") || path.ends_with(".yml")) && !KUSTOMIZATIONS.contains(&name);
    let is_skipped = || {
        let (paths, names) = skipped();
        let is_below = |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'));
        paths.iter().any(|folder| is_below(folder)) || names.into_iter().any(is_below)
    };
    is_manifest && !(is_rendered && is_skipped())
}

impl Gathered {
    /// Builds folders alone, with what the Applications among some files put over them.
    fn build_only(&mut self, place: &Place<'_>, folders: &[String], declaring: &Declaring) {
        let sources = std::mem::take(&mut self.sources);
        let options = crate::kustomize::Options { shared: true, graph: true, ..place.options };
        let session = Session::new(place.tree, place.repository, sources, options);
        let files: Vec<String> = declaring.naming(folders).map(|path| join(place.repository, path)).collect();
        let (raw, unread) = deployed::documents_in(place, &session, &files);
        let documents: Vec<&Datum> = raw.iter().map(|(_, document)| document).collect();
        let mut deployed =
            deployed::deployed(place, &session, self.catalog(), &documents, declaring.know_application_health());
        let roots: Vec<String> = folders.iter().map(|folder| join(place.repository, folder)).collect();
        let mut plan: Vec<Deployment> = std::mem::take(&mut deployed.deployments);
        plan.retain(|deployment| roots.contains(&deployment.root) && deployment.files.is_none());
        for root in roots {
            if !plan.iter().any(|deployment| deployment.root == root) {
                plan.push(Deployment::of(root));
            }
        }
        let built = build_all(place, &session, &plan, &|_| ());
        let wanted = plan.len();
        self.finish(place, session, &plan, built, wanted, deployed, unread);
        self.shorten(place);
    }

    /// The objects of a folder by all Applications that deploy it; `None` where one of them does not build.
    fn built_at(&self, folder: &str) -> Option<Vec<&Datum>> {
        let at: Vec<usize> = (0..self.overlays.len()).filter(|at| self.overlays[*at].path == folder).collect();
        (!at.is_empty()).then(|| at.into_iter().flat_map(|at| roots(&self.made[at])).collect())
    }
}
