//! What a repository deploys, gathered for the page that `report` writes.

mod history;
mod secrets;
mod workloads;

use std::collections::BTreeMap;

use rayon::prelude::*;
use rustc_hash::FxHashMap as HashMap;

use crate::argo::{self, Task};
use crate::compare::masked_object;
use crate::diag::{Finding, Outcome};
use crate::kustomize::{Setter, Step};
use crate::layout;
use crate::pipeline::gather::Gathered;
use crate::pipeline::plan::Objects;
use crate::source::Origin;
use crate::view::report as view;
use crate::yaml::data::Datum;
use crate::yaml::print;

pub use history::Past;
use secrets::Secrets;

/// What is wanted of it.
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// Only these environments; empty: all.
    pub environments: &'a [String],
    /// Where the releases are; `None` where there is no Git.
    pub past: Option<&'a Past<'a>>,
}

/// A row, as it is found.
struct Found<'a> {
    is_service: bool,
    name: String,
    /// For each environment the overlays, as indices.
    cells: Vec<Vec<usize>>,
    domain: &'a str,
}

/// What the page shows, but for its title and the like.
pub fn report(gathered: &Gathered, outcome: &Outcome, asked: Asked<'_>) -> view::Report {
    let environments = environments(gathered, asked.environments);
    let found = found(gathered, &environments);
    let orders = orders(gathered);
    let built: Vec<(view::Row, Secrets)> =
        found.par_iter().map(|found| row(gathered, found, &environments, &orders, asked.past)).collect();
    let mut of_overlay: HashMap<&str, Vec<usize>> = HashMap::default();
    for (at, found) in found.iter().enumerate() {
        for overlay in found.cells.iter().flatten() {
            of_overlay.entry(&gathered.overlays[*overlay].path).or_default().push(at);
        }
    }
    let (rows, secrets): (Vec<view::Row>, Vec<Secrets>) = built.into_iter().unzip();
    let secrets = Secrets::all(secrets);
    let is_meant = |finding: &&Finding| {
        let of_one = |name: &String| environments.contains(name);
        finding.environments.is_empty() || finding.environments.iter().any(of_one)
    };
    let findings: Vec<&Finding> = outcome.findings.iter().filter(is_meant).collect();
    let findings = findings.par_iter().map(|one| finding(gathered, one, &of_overlay, &secrets)).collect();
    let mut notes: Vec<String> = Vec::new();
    for path in gathered.unbuilt.iter().take(3) {
        notes.push(format!("{path} does not build"));
    }
    if asked.past.is_none() {
        notes.push("There is no Git repository here: the page has no releases.".to_owned());
    }
    view::Report { environments, rows, findings, notes, ..view::Report::default() }
}

/// The environments of what was looked at, in the order of promotion; empty at the end for what belongs to none.
fn environments(gathered: &Gathered, wanted: &[String]) -> Vec<String> {
    let platform = gathered.catalog().map(|catalog| &catalog.platform);
    let declared: Vec<&str> = platform
        .into_iter()
        .flat_map(|platform| platform.environments.keys())
        .map(|name| name.value.as_str())
        .collect();
    let overlays = gathered.overlays.iter().zip(&gathered.wanted).filter(|(_, wanted)| **wanted);
    let mut names: Vec<String> = overlays.map(|(overlay, _)| overlay.environment.clone().unwrap_or_default()).collect();
    names.retain(|name| wanted.is_empty() || wanted.contains(name));
    names.sort_by_cached_key(|name| {
        let declared = declared.iter().position(|known| known == name).unwrap_or(usize::MAX);
        (name.is_empty(), declared, layout::rank(name).unwrap_or(usize::MAX), name.clone())
    });
    names.dedup();
    names
}

fn found<'a>(gathered: &'a Gathered, environments: &[String]) -> Vec<Found<'a>> {
    let catalog = gathered.catalog();
    let mut rows: BTreeMap<(bool, String), Found<'a>> = BTreeMap::new();
    for (at, overlay) in gathered.overlays.iter().enumerate().filter(|(at, _)| gathered.wanted[*at]) {
        let environment = overlay.environment.as_deref().unwrap_or_default();
        let Some(column) = environments.iter().position(|name| name == environment) else { continue };
        let service = overlay.service.as_deref();
        let service =
            service.filter(|name| catalog.is_none_or(|catalog| catalog.names().next().is_none() || catalog.has(name)));
        let name = service.map_or_else(|| shared_name(gathered, at, environment), str::to_owned);
        let entry = catalog.and_then(|catalog| catalog.service(service?));
        let domain = entry.and_then(|entry| entry.service.domain.as_ref()).map_or("", |domain| &domain.value);
        let row = rows.entry((service.is_none(), name.clone())).or_insert_with(|| Found {
            is_service: service.is_some(),
            name,
            cells: vec![Vec::new(); environments.len()],
            domain,
        });
        row.cells[column].push(at);
    }
    rows.into_values().collect()
}

/// What is shared by services is called after its Application, else after its path, both without the environment.
fn shared_name(gathered: &Gathered, at: usize, environment: &str) -> String {
    let overlay = &gathered.overlays[at];
    let application = overlay.applications.first().and_then(|at| gathered.argo.applications.get(*at));
    if let (Some(application), [_]) = (application, &overlay.applications[..]) {
        let name = application.name.text.as_str();
        let cut = name.strip_suffix(environment).and_then(|name| name.strip_suffix('-'));
        return cut.filter(|_| !environment.is_empty()).unwrap_or(name).to_owned();
    }
    let parts: Vec<&str> = overlay.path.split('/').filter(|part| *part != environment && *part != "overlays").collect();
    if parts.is_empty() { overlay.path.clone() } else { parts.join("/") }
}

/// The steps of the sync that each overlay is part of, by its path.
fn orders(gathered: &Gathered) -> HashMap<&str, Vec<Vec<Task>>> {
    let syncs = gathered.syncs();
    let tasks: Vec<(&str, Vec<Task>)> = syncs
        .par_iter()
        .map(|unit| {
            let application = unit.application;
            let namespace = application.and_then(|application| application.destination.namespace.as_ref());
            let sync = argo::Sync {
                objects: &unit.objects,
                live: &[],
                namespace: namespace.map_or("default", |namespace| &namespace.text),
                prune_last: false,
            };
            (unit.path, argo::tasks(&sync))
        })
        .collect();
    let mut orders: HashMap<&str, Vec<Vec<Task>>> = HashMap::default();
    for (path, tasks) in tasks {
        orders.entry(path).or_default().push(tasks);
    }
    orders
}

/// In phases and waves. Waves of several Applications that deploy one overlay are the same: the first counts.
fn steps(tasks: &[Task]) -> Vec<view::Step> {
    let mut steps: Vec<view::Step> = Vec::new();
    for task in tasks {
        let step = match steps.last_mut() {
            Some(last) if last.phase == task.phase.name() && last.wave == task.wave => last,
            _ => steps.push_mut(view::Step { phase: task.phase.name(), wave: task.wave, tasks: Vec::new() }),
        };
        step.tasks.push((task.kind.clone(), task.name.clone(), task.hook));
    }
    steps
}

fn objects_of(gathered: &Gathered, overlay: usize) -> Vec<&Datum> {
    match gathered.made.get(overlay) {
        Some(Objects::Built(resources)) => resources.iter().map(|resource| &resource.root).collect(),
        Some(Objects::Read(objects)) => objects.iter().collect(),
        None => Vec::new(),
    }
}

fn row(
    gathered: &Gathered,
    found: &Found<'_>,
    environments: &[String],
    orders: &HashMap<&str, Vec<Vec<Task>>>,
    past: Option<&Past<'_>>,
) -> (view::Row, Secrets) {
    let mut setting = Setting { gathered, known: HashMap::default(), chains: HashMap::default(), origins: Vec::new() };
    let mut secrets = Secrets::default();
    let mut cells = Vec::with_capacity(found.cells.len());
    for (environment, overlays) in environments.iter().zip(&found.cells) {
        if overlays.is_empty() {
            cells.push(None);
            continue;
        }
        let objects: Vec<&Datum> = overlays.iter().flat_map(|overlay| objects_of(gathered, *overlay)).collect();
        let mut cell = view::Cell { workloads: workloads::workloads(&objects, &found.name), ..view::Cell::default() };
        for overlay in overlays.iter().map(|at| &gathered.overlays[*at]) {
            cell.paths.push(overlay.path.clone());
            let applications = overlay.applications.iter().filter_map(|at| gathered.argo.applications.get(*at));
            cell.applications.extend(applications.map(|application| application.name.text.to_string()));
            let tasks = orders.get(&*overlay.path).and_then(|orders| orders.first());
            cell.steps.extend(tasks.map(|tasks| steps(tasks)).unwrap_or_default());
        }
        cell.objects = objects.iter().map(|object| setting.object(object, &mut secrets)).collect();
        if let (true, Some(past), Some(path)) = (found.is_service, past, cell.paths.first()) {
            (cell.releases, cell.releases_note) = past.releases(&found.name, environment, path);
        }
        cells.push(Some(cell));
    }
    let row = view::Row {
        name: found.name.clone(),
        is_service: found.is_service,
        domain: found.domain.to_owned(),
        cells,
        origins: setting.origins,
    };
    (row, secrets)
}

/// Who set the lines of a row.
struct Setting<'a> {
    gathered: &'a Gathered,
    known: HashMap<Origin, usize>,
    chains: HashMap<Vec<view::Setter>, usize>,
    origins: Vec<Vec<view::Setter>>,
}

impl Setting<'_> {
    fn object(&mut self, root: &Datum, secrets: &mut Secrets) -> view::Object {
        let masked = masked_object(root);
        secrets.collect(root, &masked, self.gathered);
        // What cannot be printed is found by the build, or by lint.
        let lines = print::lines(&masked).unwrap_or_default();
        let name = root.get("metadata").map_or("", |meta| meta.text_of("name"));
        view::Object {
            kind: root.text_of("kind").to_owned(),
            name: name.to_owned(),
            lines: lines.into_iter().map(|(text, origin)| (text, self.number(origin))).collect(),
        }
    }

    fn number(&mut self, origin: Origin) -> usize {
        if let Some(known) = self.known.get(&origin) {
            return *known;
        }
        let chain: Vec<view::Setter> = self.gathered.setters(origin).into_iter().map(setter).collect();
        let next = self.origins.len();
        let number = *self.chains.entry(chain).or_insert_with_key(|chain| {
            self.origins.push(chain.clone());
            next
        });
        self.known.insert(origin, number);
        number
    }
}

fn setter(setter: Setter) -> view::Setter {
    let step = setter.step.map_or("", Step::name);
    setter.place.map_or(view::Setter { step, ..view::Setter::default() }, |place| view::Setter {
        file: place.file,
        line: place.line,
        step,
    })
}

fn finding(
    gathered: &Gathered,
    finding: &Finding,
    of_overlay: &HashMap<&str, Vec<usize>>,
    secrets: &Secrets,
) -> view::Finding {
    let rows = finding.overlays.iter().filter_map(|path| of_overlay.get(path.as_str())).flatten();
    let mut rows: Vec<usize> = rows.copied().collect();
    rows.sort_unstable();
    rows.dedup();
    let (file, line, excerpt) =
        finding.labels.first().map(|label| excerpt(gathered, label.span, secrets)).unwrap_or_default();
    let suppressed = finding.suppressed.as_ref().map(|suppressed| {
        let reason = suppressed.reason.trim();
        let by = suppressed.by.name();
        if reason.is_empty() { format!("by {by}") } else { format!("by {by}: {reason}") }
    });
    let object = finding.object.as_ref().map(|about| format!("{}/{}", about.kind, about.name));
    view::Finding {
        id: finding.rule.id.clone(),
        severity: finding.severity.name(),
        message: secrets.masked(&finding.message),
        help: finding.help.as_deref().map(|help| secrets.masked(help)).unwrap_or_default(),
        object: object.unwrap_or_default(),
        file,
        line,
        excerpt,
        rows,
        environments: finding.environments.clone(),
        suppressed: suppressed.unwrap_or_default(),
    }
}

/// The line that a span begins in, and one before and after it.
fn excerpt(gathered: &Gathered, span: crate::source::Span, secrets: &Secrets) -> (String, usize, Vec<(usize, String)>) {
    let (file, offset) = gathered.sources.outermost(span.file, span.start);
    let source = gathered.sources.file(file);
    let line = gathered.sources.position(file, offset).line;
    let first = line.saturating_sub(1).max(1);
    let lines = source.text.lines().enumerate().skip(first - 1).take(line + 2 - first);
    let lines = lines.map(|(at, text)| (at + 1, secrets.line(&source.path, at + 1, text)));
    (source.path.to_string(), line, lines.collect())
}
