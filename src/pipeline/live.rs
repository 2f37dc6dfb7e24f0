//! `lint` while somebody types: the whole repository once, then only what the edits since then can reach, judged before and
//! after them, so that what a part alone cannot know (who else refers to it) stays as the whole had it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use rayon::prelude::*;

use crate::catalog::PLATFORM_FILE;
use crate::diag::{Diagnostics, Finding, Severity};
use crate::kustomize::{Options, Session};
use crate::layout;
use crate::pipeline::baseline;
use crate::pipeline::deployed::{self, Deployed, Deployment};
use crate::pipeline::gather::{self, Gathered, Place, Target};
use crate::pipeline::lint::{self, Rules};
use crate::pipeline::plan::build_all;
use crate::pipeline::proof::declaring_files;
use crate::pipeline::touched::Graph;
use crate::policy::{Flags, Policybook};
use crate::source::SourceMap;
use crate::tree::{Tree, join};
use crate::yaml::data::Datum;

/// Texts that are open in an editor, by their path from the top of the repository.
pub type Texts = BTreeMap<String, Arc<str>>;

/// How a repository is read and judged.
#[derive(Debug)]
pub struct Setup {
    /// The top of the repository, without links on the way.
    pub root: PathBuf,
    /// The URL that it was cloned from.
    pub origin: Option<String>,
    /// How to build.
    pub options: Options,
    /// All policies.
    pub book: Policybook,
    /// The repository's policy files.
    pub own: SourceMap,
    /// What is wrong with them.
    pub faults: Diagnostics,
    /// `YYYY-MM-DD`
    pub today: String,
}

/// The files of a repository with texts laid over them: the whole disk, since a build may read beside the repository.
#[derive(Debug)]
pub struct View {
    tree: Tree,
    /// The files from the top of the repository on.
    pub home: Tree,
    repository: String,
}

impl View {
    /// The repository as an editor shows it.
    pub fn of(setup: &Setup, texts: &Texts) -> Self {
        let repository = setup.root.to_string_lossy().trim_start_matches('/').to_owned();
        let (mut tree, mut home) = (Tree::directory("/"), Tree::directory(&setup.root));
        for (path, text) in texts {
            tree.edit(join(&repository, path), Some(text.clone()));
            home.edit(path.as_str(), Some(text.clone()));
        }
        Self { tree, home, repository }
    }

    fn place<'a>(&'a self, setup: &'a Setup) -> Place<'a> {
        Place {
            tree: &self.tree,
            repository: &self.repository,
            home: &self.home,
            options: setup.options,
            origin: setup.origin.as_deref(),
            settings: None,
        }
    }
}

/// A repository, linted as a whole.
#[derive(Debug)]
pub struct Whole {
    /// How.
    pub setup: Setup,
    /// What was read and built.
    pub gathered: Gathered,
    /// What was found and counts.
    pub findings: Vec<Finding>,
    /// What was open.
    pub texts: Texts,
    graph: Graph,
    /// The files that speak of Argo CD, with their texts.
    declaring: Texts,
}

/// What every file has that declares something to Argo CD, or configures it.
const ARGO: &str = "argoproj.io";

/// Lints a repository.
pub fn whole(setup: Setup, texts: Texts) -> Whole {
    let view = View::of(&setup, &texts);
    let place = view.place(&setup);
    let target = Target::Directory(view.repository.clone());
    let mut gathered = gather::gather(&place, &target, setup.own.clone(), None, &|_| ());
    for fault in setup.faults.iter() {
        gathered.diagnostics.push(fault.clone());
    }
    let findings = judged(&mut gathered, &setup, &view.home);
    let graph = Graph::of(&view.home, &view.home.files(""));
    let files = declaring_files(&view.home, view.home.has_file(PLATFORM_FILE));
    let declaring = view.home.holding(&files, ARGO).into_iter().collect();
    Whole { setup, gathered, findings, texts, graph, declaring }
}

/// What counts of what is found.
fn judged(gathered: &mut Gathered, setup: &Setup, home: &Tree) -> Vec<Finding> {
    let file = gathered.settings().and_then(|catalog| catalog.platform.policies.baseline.as_ref());
    let text = file.and_then(|file| home.text(&file.value).ok().flatten());
    let known = text.and_then(|text| baseline::read(&text).ok());
    let flags = Flags::default();
    let rules = Rules {
        book: &setup.book,
        flags: &flags,
        today: &setup.today,
        trusts: &|_, _, _| true,
        baseline: known.as_ref(),
        before: None,
        changed: None,
        old: None,
        least: Severity::Info,
    };
    let mut findings = lint::judge(gathered, &rules).findings;
    findings.retain(Finding::is_open);
    findings
}

/// What edits since the whole reach.
#[derive(Debug)]
pub struct Part {
    /// What was read and built of it.
    pub gathered: Gathered,
    /// What was found there and counts.
    pub findings: Vec<Finding>,
    /// The overlays that were built anew.
    pub reached: BTreeSet<String>,
    /// What is open.
    pub texts: Texts,
    touched: BTreeSet<String>,
    graph: Graph,
    /// What the same part had before the edits.
    then: Arc<Then>,
}

#[derive(Debug)]
struct Then {
    paths: BTreeSet<String>,
    fingerprints: HashSet<String>,
}

/// Whose finding it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The whole's, as it was before the edits.
    Whole,
    /// The part's.
    Part,
}

impl Whole {
    /// The paths whose texts are others than they were.
    pub fn changed(&self, now: &Texts) -> BTreeSet<String> {
        let disk = Tree::directory(&self.setup.root);
        let paths: BTreeSet<&String> = self.texts.keys().chain(now.keys()).collect();
        let differs = |path: &&&String| match (self.texts.get(**path), now.get(**path)) {
            (Some(then), Some(now)) => then != now,
            (Some(text), None) | (None, Some(text)) => disk.text(path).ok().flatten().as_ref() != Some(text),
            (None, None) => false,
        };
        paths.iter().filter(differs).map(|path| (*path).clone()).collect()
    }

    /// Whether an edit of a path changes how everything is judged, or what is deployed at all, so that a part says nothing.
    pub fn concerns_all(&self, path: &str) -> bool {
        self.gathered.concerns_all(path)
    }

    /// Lints what the changed paths reach; `before` is the last such part.
    pub fn part(&self, before: Option<&Part>, now: &Texts, changed: &BTreeSet<String>) -> Part {
        let (then, view) = (View::of(&self.setup, &self.texts), View::of(&self.setup, now));
        let past = before.map_or(&self.graph, |before| &before.graph);
        let mut touched = past.touched(changed);
        let graph = past.with(&view.home, changed);
        touched.extend(graph.touched(changed));
        touched.extend(before.iter().flat_map(|before| &before.touched).cloned());
        let known = before.filter(|before| before.touched == touched).map(|before| before.then.clone());
        let old = || {
            known.unwrap_or_else(|| {
                let (gathered, findings) = self.look(&then, &self.declaring, &touched, changed);
                let paths = gathered.planned.iter().cloned().collect();
                Arc::new(Then { paths, fingerprints: fingerprints(&findings) })
            })
        };
        let mut declaring = self.declaring.clone();
        for path in changed {
            match now.get(path).filter(|text| text.contains(ARGO)) {
                Some(text) => declaring.insert(path.clone(), text.clone()),
                None => declaring.remove(path),
            };
        }
        let (then, (gathered, findings)) = rayon::join(old, || self.look(&view, &declaring, &touched, changed));
        let reached = then.paths.iter().chain(&gathered.planned).cloned().collect();
        Part { gathered, findings, reached, texts: now.clone(), touched, graph, then }
    }

    /// Builds and judges folders alone.
    fn look(
        &self,
        view: &View,
        declaring: &Texts,
        touched: &BTreeSet<String>,
        changed: &BTreeSet<String>,
    ) -> (Gathered, Vec<Finding>) {
        let place = view.place(&self.setup);
        let mut gathered = Gathered::default();
        let services: BTreeSet<String> = touched.iter().filter_map(|folder| layout::owner(folder, &[]).0).collect();
        gathered.sources = self.setup.own.clone();
        gathered.load_settings_of(&place, &services.into_iter().collect::<Vec<_>>());
        let options = Options { shared: true, graph: true, ..self.setup.options };
        let session = Session::new(place.tree, place.repository, std::mem::take(&mut gathered.sources), options);
        let (plan, deployed, unread) = self.plan(&place, &session, &gathered, declaring, touched, changed);
        let built = build_all(&place, &session, &plan, &|_| ());
        gathered.finish(&place, session, &plan, built, plan.len(), deployed, unread);
        gathered.find_unused(&place);
        gathered.shorten(&place);
        let findings = judged(&mut gathered, &self.setup, &view.home);
        (gathered, findings)
    }

    fn plan(
        &self,
        place: &Place<'_>,
        session: &Session<'_>,
        gathered: &Gathered,
        declaring: &Texts,
        touched: &BTreeSet<String>,
        changed: &BTreeSet<String>,
    ) -> (Vec<Deployment>, Deployed, Vec<crate::diag::Diagnostic>) {
        let is_meant = |(path, text): &(&String, &Arc<str>)| {
            changed.contains(*path)
                || text.contains("kind: ApplicationSet")
                || text.contains("kind: Application") && names_any(text, touched)
        };
        let all: Vec<(&String, &Arc<str>)> = declaring.iter().collect();
        let files = all.into_par_iter().filter(is_meant).map(|(path, _)| join(place.repository, path));
        let files: Vec<String> = files.collect();
        let (raw, unread) = deployed::documents_in(place, session, &files);
        let documents: Vec<&Datum> = raw.iter().map(|(_, document)| document).collect();
        let has_health = declaring.values().any(|text| deployed::says_application_health(text));
        let mut deployed = deployed::deployed(place, session, gathered.catalog(), &documents, has_health);
        let mut plan = std::mem::take(&mut deployed.deployments);
        let is_declared_anew = |at: &usize| {
            let Some(application) = deployed.found.applications.get(*at) else { return false };
            let set = application.generated_by.as_deref();
            let set = deployed.found.sets.iter().find(|known| Some(&*known.name) == set);
            let origins = [Some(application.origin), set.map(|set| set.origin)];
            let files = origins.into_iter().flatten().filter_map(crate::source::Origin::place);
            let mut paths = files.map(|(file, _)| session.sources().file(file).path.clone());
            paths.any(|path| changed.contains(&*path))
                || set.is_some_and(|set| changed.iter().any(|path| set.reads(path)))
        };
        plan.retain(|deployment| {
            let root = shown(place, &deployment.root);
            let is_around =
                |path: &String| root.is_empty() || path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
            touched.contains(root)
                || deployment.files.is_some() && changed.iter().any(is_around)
                || deployment.applications.iter().any(is_declared_anew)
        });
        // What the whole built is built again, whoever deploys it.
        for folder in &self.gathered.planned {
            let root = if folder == "." { "" } else { folder };
            if touched.contains(root) && !plan.iter().any(|known| shown(place, &known.root) == root) {
                let root = if root.is_empty() { place.repository.to_owned() } else { join(place.repository, root) };
                plan.push(Deployment::of(root));
            }
        }
        (plan, deployed, unread)
    }

    /// What to show: what the part found, unless a part finds it only because it is one; and what the whole found and the
    /// part does not look for.
    pub fn shown<'a>(&'a self, part: Option<&'a Part>) -> Vec<(Side, &'a Finding)> {
        let Some(part) = part else { return self.findings.iter().map(|finding| (Side::Whole, finding)).collect() };
        let whole = fingerprints(&self.findings);
        let now = fingerprints(&part.findings);
        let is_anothers = |finding: &Finding| {
            !finding.overlays.is_empty() && finding.overlays.iter().any(|path| !part.reached.contains(path))
        };
        let is_kept = |finding: &&Finding| {
            !now.contains(&finding.fingerprint)
                && (!part.then.fingerprints.contains(&finding.fingerprint) || is_anothers(finding))
        };
        let is_true = |finding: &&Finding| {
            whole.contains(&finding.fingerprint) || !part.then.fingerprints.contains(&finding.fingerprint)
        };
        let kept = self.findings.iter().filter(is_kept).map(|finding| (Side::Whole, finding));
        kept.chain(part.findings.iter().filter(is_true).map(|finding| (Side::Part, finding))).collect()
    }
}

fn shown<'p>(place: &Place<'_>, root: &'p str) -> &'p str {
    let root = place.shown(root);
    if root == "." { "" } else { root }
}

fn fingerprints(findings: &[Finding]) -> HashSet<String> {
    findings.iter().map(|finding| finding.fingerprint.clone()).collect()
}

/// Whether a text of Argo CD's names one of some folders.
fn names_any(text: &str, folders: &BTreeSet<String>) -> bool {
    let is_word = |char: char| char.is_ascii_alphanumeric() || "-._/".contains(char);
    text.split(|char| !is_word(char)).any(|word| folders.contains(word.trim_start_matches("./").trim_matches('/')))
}
