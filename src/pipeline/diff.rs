//! What a change does to the cluster: what it can reach is built before and after, and compared object by object.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use crate::catalog::PLATFORM_FILE;
use crate::compare::{self, Difference, Identity, Side};
use crate::diag::{Finding, Severity};
use crate::kustomize::Session;
use crate::pipeline::baseline;
use crate::pipeline::deployed::{self, Deployment};
use crate::pipeline::gather::{Gathered, Place};
use crate::pipeline::lint::{self, Rules};
use crate::pipeline::plan::{Objects, build_all, environment_of};
use crate::pipeline::proof::{ARGO, declaring_files, may_declare};
use crate::pipeline::touched::Graph;
use crate::policy::{Flags, Policybook};
use crate::tree::{Tree, join};
use crate::yaml::data::Datum;

/// What becomes of all that one Application, or one overlay, deploys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It is deployed no longer.
    Removed,
    /// It was not deployed before.
    Added,
    /// Some of it is another than before.
    Changed,
    /// It does not build after the change.
    Unbuilt,
}

/// What a change does to what one Application, or one overlay, deploys.
#[derive(Debug)]
pub struct Unit {
    /// What becomes of it.
    pub what: What,
    /// The Applications that deploy it; none where none is known to.
    pub applications: Vec<String>,
    /// Its folder, from the top of the repository.
    pub path: String,
    /// The service that it belongs to.
    pub service: Option<String>,
    /// Its environment.
    pub environment: Option<String>,
    /// The objects that are not the same.
    pub differences: Vec<Difference>,
    /// Whether it did not build before, so that all of it counts as added.
    pub was_unbuilt: bool,
}

/// What a change does.
#[derive(Debug)]
pub struct Diff {
    /// What it changes, by environment and path.
    pub units: Vec<Unit>,
    /// What was read and built before the change.
    pub before: Gathered,
    /// And after it.
    pub after: Gathered,
    /// Findings of `lint` that were not there before, in what the change reaches.
    pub new: Vec<Finding>,
    /// Findings that are there no longer.
    pub fixed: Vec<Finding>,
    /// How many overlays were compared.
    pub compared: usize,
}

/// The two sides of a comparison.
#[derive(Clone, Copy)]
pub struct Sides<'a> {
    /// Before the change.
    pub before: &'a Place<'a>,
    /// After it.
    pub after: &'a Place<'a>,
    /// The paths that changed, from the top of the repository, and what lies in it after the change; `None`: everything may
    /// have changed.
    pub changed: Option<(&'a BTreeSet<String>, &'a Terrain)>,
}

/// What lies in a repository: what kustomizations name, and what speaks of Argo CD.
#[derive(Debug)]
pub struct Terrain {
    graph: Graph,
    speaking: Texts,
}

impl Terrain {
    /// Looks through a repository, from its top.
    pub fn of(home: &Tree) -> Self {
        let files = home.files("");
        let is_rendered = home.has_file(PLATFORM_FILE);
        let declaring: Vec<String> = files.iter().filter(|path| may_declare(path, is_rendered)).cloned().collect();
        let (graph, speaking) = rayon::join(|| Graph::of(home, &files), || home.holding(&declaring, ARGO));
        Self { graph, speaking }
    }
}

/// What is to be built on one side.
struct Plan {
    deployments: Vec<Deployment>,
    deployed: deployed::Deployed,
    unread: Vec<crate::diag::Diagnostic>,
}

/// Compares what is deployed before and after a change.
pub fn diff(sides: &Sides<'_>, book: &Policybook, today: &str) -> Diff {
    let reached = sides.changed.map(|(changed, terrain)| Reached::of(sides, changed, terrain));
    let tops = |side: usize| {
        reached.as_ref().map(|reached| if side == 0 { reached.tops.0.as_slice() } else { reached.tops.1.as_slice() })
    };
    let scope = |side: usize| match reached.as_ref().zip(tops(side)) {
        Some((reached, tops)) => Scope::Reached(reached, tops, side == 1),
        None => Scope::All,
    };
    let ((mut before, unbuilt_before), (mut after, unbuilt_after)) =
        rayon::join(|| built(sides.before, scope(0)), || built(sides.after, scope(1)));
    let mut units = paired(&before, &after, &unbuilt_before, &unbuilt_after);
    units.sort_by(|one, other| {
        let rank = |unit: &Unit| unit.environment.as_deref().and_then(crate::layout::rank);
        (rank(one), &one.environment, &one.path).cmp(&(rank(other), &other.environment, &other.path))
    });
    let compared = before.overlays.len().max(after.overlays.len());
    let judge = |gathered: &mut Gathered, before: Option<&Gathered>| {
        let flags = Flags::default();
        let rules = Rules {
            book,
            flags: &flags,
            today,
            trusts: &|_, _, _| true,
            baseline: None,
            before,
            changed: None,
            old: None,
            least: Severity::Info,
        };
        lint::judge(gathered, &rules)
    };
    let old = judge(&mut before, None);
    let now = judge(&mut after, Some(&before));
    let left = |outcome: &crate::diag::Outcome, known: &crate::diag::Outcome| -> Vec<Finding> {
        let mut known = baseline::known(known);
        let findings = outcome.findings.iter().filter(|finding| finding.is_open());
        findings.filter(|finding| !known.take(finding)).cloned().collect()
    };
    let (new, fixed) = (left(&now, &old), left(&old, &now));
    Diff { units, before, after, new, fixed, compared }
}

/// What changed paths reach.
pub(super) struct Reached<'a> {
    changed: &'a BTreeSet<String>,
    touched: BTreeSet<String>,
    /// Those that nothing includes, before and after.
    tops: (Vec<String>, Vec<String>),
    /// Files that speak of Argo CD, with their texts, before and after.
    spoke: Texts,
    speaking: &'a Texts,
}

/// Paths and texts.
type Texts = Vec<(String, Arc<str>)>;

impl<'a> Reached<'a> {
    /// What changed paths reach. Only the state after is looked through: the one before is the same in all that did not change.
    fn of(sides: &Sides<'_>, changed: &'a BTreeSet<String>, terrain: &'a Terrain) -> Self {
        let before = sides.before.home;
        let Terrain { graph, speaking } = terrain;
        let past = graph.with(before, changed);
        let (mut touched, other) = (past.touched(changed), graph.touched(changed));
        touched.extend(other);
        let owned = |tops: Vec<&String>| tops.into_iter().cloned().collect::<Vec<_>>();
        // Where Applications say what is deployed, a folder counts that none of them names and nothing includes.
        let has_applications = speaking.iter().any(|(_, text)| text.contains("kind: Application"));
        let roots = |graph: &Graph| owned(if has_applications { graph.tops(&touched) } else { graph.roots(&touched) });
        let tops = (roots(&past), roots(graph));
        let mut spoke: Texts = speaking.iter().filter(|(path, _)| !changed.contains(path)).cloned().collect();
        let candidates: Vec<String> = changed.iter().filter(|path| before.has_file(path)).cloned().collect();
        spoke.extend(before.holding(&candidates, ARGO));
        Self { changed, touched, tops, spoke, speaking }
    }

    /// Whether a text of Argo CD's may deploy what is reached: it names one of the folders.
    fn is_named_in(&self, text: &str) -> bool {
        let is_word = |char: char| char.is_ascii_alphanumeric() || "-._/".contains(char);
        text.split(|char| !is_word(char)).any(|word| {
            let path = word.trim_start_matches("./").trim_matches('/');
            !path.is_empty() && (self.touched.contains(path) || self.is_around_a_change(path))
        })
    }

    /// Whether a changed path lies below a folder.
    fn is_around_a_change(&self, folder: &str) -> bool {
        let start = format!("{folder}/");
        self.changed.range(start.clone()..).next().is_some_and(|path| path.starts_with(&start))
    }

    fn is_reached(&self, place: &Place<'_>, deployment: &Deployment, deployed: &deployed::Deployed) -> bool {
        let root = place.shown(&deployment.root);
        let root = if root == "." { "" } else { root };
        let is_declared_anew = deployment.applications.iter().any(|at| {
            let application = deployed.found.applications.get(*at);
            // One that a set generates follows the set, and what the set reads.
            application.is_some_and(|application| {
                let file = application.origin.place();
                file.is_none() || application.generated_by.is_some()
            })
        });
        let is_by_files = deployment.files.is_some() && (root.is_empty() || self.is_around_a_change(root));
        self.touched.contains(root) || is_by_files || is_declared_anew
    }
}

/// Which overlays are built.
#[derive(Clone, Copy)]
pub(super) enum Scope<'a> {
    /// All that are deployed.
    All,
    /// What a change reaches, and those of its folders that nothing includes; whether it is the state after.
    Reached(&'a Reached<'a>, &'a [String], bool),
    /// Those of one environment, of some services; none: of all.
    Environment(&'a str, &'a [String]),
}

/// Builds one side; the folders that do not build beside it.
pub(super) fn built(place: &Place<'_>, scope: Scope<'_>) -> (Gathered, Vec<String>) {
    let mut gathered = Gathered::default();
    let services: Vec<String> = match scope {
        Scope::Reached(reached, ..) => {
            let owner = |path: &String| crate::layout::owner(path, &[]).0;
            let services: BTreeSet<String> = reached.touched.iter().filter_map(owner).collect();
            services.into_iter().collect()
        }
        Scope::Environment(_, services) if !services.is_empty() => services.to_vec(),
        _ => crate::catalog::service_names(place.home),
    };
    gathered.load_settings_of(place, &services);
    let sources = std::mem::take(&mut gathered.sources);
    let options = crate::kustomize::Options { shared: true, graph: true, ..place.options };
    let session = Session::new(place.tree, place.repository, sources, options);
    let plan = plan(place, &session, &gathered, scope);
    let made = build_all(place, &session, &plan.deployments, &|_| ());
    let failed = plan.deployments.iter().zip(&made).filter(|(_, made)| made.is_err());
    let failed = failed.map(|(deployment, _)| place.shown(&deployment.root).to_owned()).collect();
    let wanted = plan.deployments.len();
    gathered.finish(place, session, &plan.deployments, made, wanted, plan.deployed, plan.unread);
    gathered.shorten(place);
    (gathered, failed)
}

fn plan(place: &Place<'_>, session: &Session<'_>, gathered: &Gathered, scope: Scope<'_>) -> Plan {
    let reached = if let Scope::Reached(reached, ..) = scope { Some(reached) } else { None };
    let found;
    let speaking = match scope {
        Scope::Reached(reached, _, true) => reached.speaking,
        Scope::Reached(reached, ..) => &reached.spoke,
        _ => {
            found = place.home.holding(&declaring_files(place.home, place.home.has_file(PLATFORM_FILE)), ARGO);
            &found
        }
    };
    let is_meant = |path: &String, text: &str| {
        reached.is_none_or(|reached| reached.changed.contains(path) || reached.is_named_in(text))
            || text.contains("kind: ApplicationSet")
    };
    let files: Vec<String> = speaking
        .par_iter()
        .filter(|(path, text)| is_meant(path, text))
        .map(|(path, _)| join(place.repository, path))
        .collect();
    let has_health = speaking.iter().any(|(_, text)| deployed::says_application_health(text));
    let (raw, unread) = deployed::documents_in(place, session, &files);
    let documents: Vec<&Datum> = raw.iter().map(|(_, document)| document).collect();
    let mut deployed = deployed::deployed(place, session, gathered.catalog(), &documents, has_health);
    let mut deployments = std::mem::take(&mut deployed.deployments);
    let Scope::Reached(reached, tops, _) = scope else {
        if deployments.is_empty() {
            deployments = deployed::by_folders(place, session, place.repository);
        }
        if let Scope::Environment(name, services) = scope {
            let patterns = gathered.patterns();
            deployments.retain(|deployment| {
                let (service, environment) = crate::layout::owner(place.shown(&deployment.root), &patterns);
                let environment = environment.or_else(|| environment_of(deployment, &deployed));
                environment.as_deref() == Some(name)
                    && (services.is_empty() || service.is_some_and(|service| services.contains(&service)))
            });
        }
        return Plan { deployments, deployed, unread };
    };
    let changed_file = |at: &usize| {
        let origin = deployed.found.applications.get(*at).and_then(|application| application.origin.place());
        origin.is_some_and(|(file, _)| reached.changed.contains(&*session.sources().file(file).path))
    };
    deployments.retain(|deployment| {
        deployment.applications.iter().any(changed_file) || reached.is_reached(place, deployment, &deployed)
    });
    for top in tops {
        let root = join(place.repository, top);
        let root = if top.is_empty() { place.repository.to_owned() } else { root };
        if !deployments.iter().any(|deployment| deployment.root == root) {
            deployments.push(Deployment::of(root));
        }
    }
    Plan { deployments, deployed, unread }
}

/// An overlay on one side, as what it is paired by.
pub(super) struct Half<'a> {
    pub(super) at: usize,
    applications: Vec<String>,
    pub(super) path: &'a str,
}

pub(super) fn halves(gathered: &Gathered) -> Vec<Half<'_>> {
    let name = |at: &usize| {
        let application = gathered.argo.applications.get(*at)?;
        Some(application.name.to_string())
    };
    gathered
        .overlays
        .iter()
        .enumerate()
        .map(|(at, overlay)| Half {
            at,
            applications: overlay.applications.iter().filter_map(name).collect(),
            path: &overlay.path,
        })
        .collect()
}

pub(super) fn sides(gathered: &Gathered, at: usize) -> Vec<Side<'_>> {
    let namespace = gathered.overlays.get(at).and_then(|overlay| overlay.namespace.as_deref()).unwrap_or_default();
    match gathered.made.get(at) {
        Some(Objects::Built(resources)) => resources
            .iter()
            .map(|resource| Side { root: &resource.root, stable_name: resource.first_name(), namespace })
            .collect(),
        Some(Objects::Read(objects)) => objects.iter().map(|root| Side { root, stable_name: "", namespace }).collect(),
        None => Vec::new(),
    }
}

/// Whether two overlays are the same one.
type Fits<'f> = &'f dyn Fn(&Half<'_>, &Half<'_>) -> bool;

/// Pairs the overlays of both sides, and compares them.
fn paired(before: &Gathered, after: &Gathered, unbuilt_before: &[String], unbuilt_after: &[String]) -> Vec<Unit> {
    let (old, new) = (halves(before), halves(after));
    let mut partners: BTreeMap<usize, usize> = BTreeMap::new();
    let mut is_taken = vec![false; old.len()];
    let shares = |one: &Half<'_>, other: &Half<'_>| {
        one.applications.iter().any(|name| other.applications.contains(name))
            || one.applications.is_empty() && other.applications.is_empty()
    };
    let exact: Fits<'_> = &|one, other| one.path == other.path && shares(one, other);
    // An Application that deploys another folder now; one that has another name.
    let moved: Fits<'_> = &|one, other| !one.applications.is_empty() && shares(one, other);
    let renamed: Fits<'_> = &|one, other| one.path == other.path;
    for fits in [exact, moved, renamed] {
        for half in &new {
            if partners.contains_key(&half.at) {
                continue;
            }
            if let Some(found) = old.iter().find(|other| !is_taken[other.at] && fits(half, other)) {
                is_taken[found.at] = true;
                partners.insert(half.at, found.at);
            }
        }
    }
    let mut units: Vec<Unit> = new
        .par_iter()
        .filter_map(|half| {
            let partner = partners.get(&half.at).copied();
            let then = partner.map(|at| sides(before, at)).unwrap_or_default();
            let differences = compare::compare(&then, &sides(after, half.at), Identity::Cluster);
            let what = if partner.is_some() { What::Changed } else { What::Added };
            let is_meant = !differences.is_empty() || what == What::Added;
            let mut unit = is_meant.then(|| unit(after, half, what, differences))?;
            unit.was_unbuilt = partner.is_none() && unbuilt_before.iter().any(|path| path == half.path);
            Some(unit)
        })
        .collect();
    for half in old.iter().filter(|half| !is_taken[half.at]) {
        if unbuilt_after.iter().any(|path| path == half.path) {
            units.push(unit(before, half, What::Unbuilt, Vec::new()));
        } else {
            units.push(unit(
                before,
                half,
                What::Removed,
                compare::compare(&sides(before, half.at), &[], Identity::Cluster),
            ));
        }
    }
    // What builds on neither side.
    let is_told = |units: &[Unit], path: &str| units.iter().any(|unit| unit.path == path);
    for path in unbuilt_after {
        if !is_told(&units, path) {
            let (service, environment) = crate::layout::owner(path, &[]);
            units.push(Unit {
                what: What::Unbuilt,
                applications: Vec::new(),
                path: path.clone(),
                service,
                environment,
                differences: Vec::new(),
                was_unbuilt: unbuilt_before.contains(path),
            });
        }
    }
    units
}

pub(super) fn unit(gathered: &Gathered, half: &Half<'_>, what: What, differences: Vec<Difference>) -> Unit {
    let overlay = &gathered.overlays[half.at];
    Unit {
        what,
        applications: half.applications.clone(),
        path: half.path.to_owned(),
        service: overlay.service.clone(),
        environment: overlay.environment.clone(),
        differences,
        was_unbuilt: false,
    }
}
