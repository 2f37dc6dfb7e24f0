//! What a change does to the cluster: what it can reach is built before and after, and compared object by object.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use crate::catalog::PLATFORM_FILE;
use crate::compare::{self, Difference, Identity, Side};
use crate::diag::{Finding, Severity};
use crate::kustomize::{Session, Setter};
use crate::pipeline::baseline;
use crate::pipeline::deployed::{self, Deployment};
use crate::pipeline::gather::{Gathered, Place};
use crate::pipeline::lint::{self, Rules};
use crate::pipeline::plan::{Objects, build_all, environment_of};
use crate::pipeline::proof::declaring_files;
use crate::pipeline::touched::Graph;
use crate::policy::{Flags, Policybook};
use crate::source::Origin;
use crate::tree::join;
use crate::view::{Changes, changes as view};
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
    /// The paths that changed, from the top of the repository; `None`: everything may have.
    pub changed: Option<&'a BTreeSet<String>>,
}

/// What is to be built on one side.
struct Plan {
    deployments: Vec<Deployment>,
    deployed: deployed::Deployed,
    unread: Vec<crate::diag::Diagnostic>,
}

/// Compares what is deployed before and after a change.
pub fn diff(sides: &Sides<'_>, book: &Policybook, today: &str) -> Diff {
    let (files_before, files_after) = rayon::join(|| sides.before.home.files(""), || sides.after.home.files(""));
    let reached = sides.changed.map(|changed| {
        let (before, after) =
            rayon::join(|| Graph::of(sides.before.home, &files_before), || Graph::of(sides.after.home, &files_after));
        let (mut touched, other) = (before.touched(changed), after.touched(changed));
        touched.extend(other);
        let tops = (
            before.tops(&touched).into_iter().cloned().collect::<Vec<_>>(),
            after.tops(&touched).into_iter().cloned().collect::<Vec<_>>(),
        );
        Reached { changed, touched, tops }
    });
    let tops = |side: usize| reached.as_ref().map(|reached| if side == 0 { &reached.tops.0 } else { &reached.tops.1 });
    let scope = |side: usize| match reached.as_ref().zip(tops(side)) {
        Some((reached, tops)) => Scope::Reached(reached, tops),
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
}

impl Reached<'_> {
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
    /// What a change reaches, and those of its folders that nothing includes.
    Reached(&'a Reached<'a>, &'a [String]),
    /// Those of one environment, of some services; none: of all.
    Environment(&'a str, &'a [String]),
}

/// Builds one side; the folders that do not build beside it.
pub(super) fn built(place: &Place<'_>, scope: Scope<'_>) -> (Gathered, Vec<String>) {
    let mut gathered = Gathered::default();
    let services: Vec<String> = match scope {
        Scope::Reached(reached, _) => {
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
    let reached = if let Scope::Reached(reached, _) = scope { Some(reached) } else { None };
    let text = |path: &String| place.home.text(path).ok().flatten();
    let is_meant = |path: &&String| {
        text(path).is_some_and(|text| {
            text.contains("argoproj.io/")
                && (reached.is_none_or(|reached| reached.changed.contains(*path) || reached.is_named_in(&text))
                    || text.contains("kind: ApplicationSet"))
        })
    };
    let declaring = declaring_files(place.home, place.home.has_file(PLATFORM_FILE));
    let files: Vec<String> = declaring.par_iter().filter(is_meant).map(|path| join(place.repository, path)).collect();
    let (raw, unread) = deployed::documents_in(place, session, &files);
    let documents: Vec<&Datum> = raw.iter().map(|(_, document)| document).collect();
    let has_health = deployed::knows_application_health(place, session);
    let mut deployed = deployed::deployed(place, session, gathered.catalog(), &documents, has_health);
    let mut deployments = std::mem::take(&mut deployed.deployments);
    let Scope::Reached(reached, tops) = scope else {
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

impl Diff {
    /// What is shown of it; of a line that changed it is said that it did.
    pub fn shown(&self, changed: Option<&BTreeSet<String>>) -> Changes {
        Changes {
            overlays: self.units.iter().map(|unit| self.overlay(unit, changed)).collect(),
            new: self.new.iter().map(|one| finding(one, &self.after)).collect(),
            fixed: self.fixed.iter().map(|one| finding(one, &self.before)).collect(),
            compared: self.compared,
            ..Changes::default()
        }
    }

    fn overlay(&self, unit: &Unit, changed: Option<&BTreeSet<String>>) -> view::Overlay {
        let mut notes = Vec::new();
        if unit.was_unbuilt {
            notes.push("it did not build before".to_owned());
        }
        if unit.what == What::Removed && !unit.applications.is_empty() {
            notes.push("its Application is gone, or deploys something else: what it made is pruned".to_owned());
        }
        view::Overlay {
            what: match unit.what {
                What::Removed => view::What::Removed,
                What::Added => view::What::Added,
                What::Changed => view::What::Changed,
                What::Unbuilt => view::What::Unbuilt,
            },
            path: unit.path.clone(),
            applications: unit.applications.clone(),
            service: unit.service.clone(),
            environment: unit.environment.clone(),
            objects: unit.differences.iter().map(|difference| self.object(difference, changed)).collect(),
            notes,
        }
    }

    fn object(&self, difference: &Difference, changed: Option<&BTreeSet<String>>) -> view::Object {
        let thing = &difference.thing;
        let (what, side) = match difference.what {
            compare::What::Removed => (view::What::Removed, &self.before),
            compare::What::Added => (view::What::Added, &self.after),
            compare::What::Changed => (view::What::Changed, &self.after),
        };
        let group = if thing.group.is_empty() { String::new() } else { format!("{}/", thing.group) };
        view::Object {
            what,
            api_version: format!("{group}{}", thing.version),
            kind: thing.kind.clone(),
            namespace: thing.namespace.clone(),
            name: thing.name.clone(),
            was: difference.was.clone(),
            place: place(side, difference.origin).map(|(place, _)| place),
            fields: difference.fields.iter().map(|one| self.field(one, changed)).collect(),
            dangers: difference.dangers.iter().map(|danger| danger.message.clone()).collect(),
            text: difference.text.clone(),
        }
    }

    fn field(&self, field: &compare::Field, changed: Option<&BTreeSet<String>>) -> view::Field {
        let (old, new) = (place(&self.before, field.old_origin), place(&self.after, field.new_origin));
        let is_changed = |found: &Option<(view::Place, Option<&'static str>)>| {
            let file = found.as_ref().map(|(place, _)| place.file.as_str());
            file.is_some_and(|file| changed.is_none_or(|changed| changed.contains(file)))
        };
        // A value that shows again because what was set over it went has its cause in what went.
        let is_before = new.is_none() || !is_changed(&new) && is_changed(&old);
        let (cause, step) = if is_before { old } else { new }.unzip();
        let value = |value: &Option<compare::Value>| {
            value.as_ref().map(|value| view::Value {
                text: value.text.clone(),
                is_scalar: value.is_scalar,
                is_masked: value.is_masked,
            })
        };
        view::Field {
            path: field.path(),
            pointer: field.pointer(),
            what: match field.kind {
                compare::Kind::Added => view::What::Added,
                compare::Kind::Removed => view::What::Removed,
                compare::Kind::Changed => view::What::Changed,
                compare::Kind::Reordered => view::What::Reordered,
            },
            old: value(&field.old),
            new: value(&field.new),
            cause,
            step: step.flatten(),
            is_before,
            follows: field.follows,
        }
    }
}

/// The line to edit behind an origin, and how it reaches the object.
fn place(side: &Gathered, origin: Origin) -> Option<(view::Place, Option<&'static str>)> {
    let setter = side.setters(origin).into_iter().find(|setter| setter.place.is_some())?;
    let place = setter.place?;
    let place = view::Place { file: place.file, line: place.line, column: place.column };
    Some((place, setter.step.map(crate::kustomize::Step::name)))
}

fn finding(finding: &Finding, side: &Gathered) -> view::Finding {
    let place = finding.labels.first().map(|label| {
        let position = side.sources.position(label.span.file, label.span.start);
        let file = side.sources.file(label.span.file).path.to_string();
        view::Place { file, line: position.line, column: position.column }
    });
    view::Finding {
        id: finding.rule.id.clone(),
        severity: finding.severity.name(),
        message: finding.message.clone(),
        place,
        environments: finding.environments.clone(),
    }
}

impl Gathered {
    /// Those that set a value, the last one first.
    pub fn setters(&self, origin: Origin) -> Vec<Setter> {
        crate::kustomize::setters(origin, self.origins(), &self.sources)
    }
}
