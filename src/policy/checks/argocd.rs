//! Applications, projects and ApplicationSets: what Argo CD would refuse after the merge, or silently not do.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap as HashMap;

use crate::argo::{self, AppProject, Application};
use crate::diag::Diagnostic;
use crate::policy::checks::{Check, Named};
use crate::policy::facts::{Lies, fits};
use crate::policy::report::{Report, Unit, Whole};
use crate::policy::subject::{Object, Subject};
use crate::source::Origin;
use crate::tree::normal;
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] = &[
    ("application-invalid", Check::Unit(invalid)),
    ("application-path", Check::Unit(path)),
    ("application-generate-paths", Check::Unit(generate_paths)),
    ("applications-unrendered", Check::Whole(unrendered)),
    ("application-project-missing", Check::Unit(project_missing)),
    ("application-project-refuses", Check::Unit(project_refuses)),
    ("application-revision-moving", Check::Unit(revision_moving)),
    ("application-wave-without-health", Check::Unit(wave_without_health)),
    ("application-orders-in-vain", Check::Unit(orders_in_vain)),
    ("set-wave", Check::Whole(set_wave)),
    ("set-generates-nothing", Check::Whole(set_generates_nothing)),
    ("argo-note", Check::Whole(argo_note)),
    ("object-twice", Check::Whole(object_twice)),
    ("overlay-unreached", Check::Whole(overlay_unreached)),
    ("kustomizations-unjudged", Check::Whole(kustomizations_unjudged)),
    ("override-hides-tag", Check::Whole(override_hides_tag)),
    ("definition-elsewhere", Check::Unit(definition_elsewhere)),
    ("destination-undeclared", Check::Unit(destination_undeclared)),
];

/// The Application that a unit is.
fn application<'a>(unit: &Unit<'a>) -> Option<(usize, &'a Application)> {
    let at = unit.subject.applications.element_offset(unit.object)?;
    Some((at, unit.subject.argo.applications.get(at)?))
}

/// Its sources as they stand in the object.
fn sources(root: &Datum) -> Vec<&Datum> {
    let Some(spec) = root.get("spec") else { return Vec::new() };
    if let Some(dry) = spec.at(["sourceHydrator", "drySource"]).filter(|dry| dry.is_mapping()) {
        return vec![dry];
    }
    let several = spec.get("sources").map_or(&[][..], Datum::items);
    if several.is_empty() { spec.get("source").into_iter().collect() } else { several.iter().collect() }
}

/// What Argo CD refuses about an Application by itself.
fn invalid<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((_, application)) = application(unit) else { return };
    let Some(spec) = unit.object.root.get("spec") else { return };
    if let (Some(_), Some(name)) = (&application.destination.server, &application.destination.name) {
        let message = format!("the destination of Application `{}` has a server and a name", unit.object.name);
        let node = spec.get("destination").unwrap_or(spec);
        report.at(unit.object, node).say(message).help(format!("keep one of them: `{}` is the name", &**name));
    }
    if !has_cluster(application) {
        let message = format!("the destination of Application `{}` has neither a server nor a name", unit.object.name);
        report.missing(unit.object, spec, "destination/server").say(message);
    }
    let Err(fault) = application.check() else { return };
    let node = fault.labels.first().and_then(|label| node_at(unit.object.root, label.span.start));
    let found = report.at(unit.object, node.unwrap_or(unit.object.root));
    found.say(format!("Argo CD refuses Application `{}`: {}", unit.object.name, fault.message));
    if let Some(help) = fault.help.first() {
        found.help(help);
    }
}

/// Whether a destination says which cluster it means.
fn has_cluster(application: &Application) -> bool {
    let texts = [&application.destination.server, &application.destination.name];
    texts.into_iter().flatten().any(|text| !text.is_empty())
}

fn node_at(node: &Datum, start: u32) -> Option<&Datum> {
    if node.origin.place().is_some_and(|(_, at)| at == start) {
        return Some(node);
    }
    let children = node.pairs().iter().map(|(_, value)| value).chain(node.items());
    children.into_iter().find_map(|child| node_at(child, start))
}

/// A path in this repository that leads to nothing, or to no manifests. Params: `lies`, `nowhere` or `empty`.
fn path<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((at, _)) = application(unit) else { return };
    let wanted = if unit.params.text("lies") == "empty" { Lies::Empty } else { Lies::Nowhere };
    let nodes = sources(unit.object.root);
    for (_, index, _) in unit.subject.facts.sources.iter().filter(|(of, _, lies)| *of == at && *lies == wanted) {
        let Some(source) = nodes.get(*index) else { continue };
        report.at(unit.object, source.get("path").unwrap_or(source));
    }
}

/// Applications of charts and plug-ins, told once: nothing of what they deploy is judged.
fn unrendered<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    let sources = subject.facts.sources.iter().filter(|(.., lies)| *lies == Lies::Unrendered);
    let mut found: Vec<(&Application, Origin)> = sources
        .filter_map(|(at, index, _)| {
            let application = subject.argo.applications.get(*at)?;
            let source = self::sources(&application.datum).into_iter().nth(*index)?;
            Some((application, source.get("path").unwrap_or(source).origin))
        })
        .collect();
    found.sort_by_key(|(application, origin)| (origin.place(), application.name.text.clone()));
    let Some(((first, origin), others)) = found.split_first() else { return };
    let name = &first.name.text;
    let more = match others.len() {
        0 => String::new(),
        count => format!(" and of {count} more"),
    };
    let message = format!("the chart or plug-in of Application `{name}`{more} is not rendered, so not judged");
    let told = report.elsewhere(*origin, &overlays_at(subject, *origin)).say(message);
    let mut places: Vec<Origin> = others.iter().map(|(_, place)| *place).filter(|place| place != origin).collect();
    places.dedup();
    told.related.extend(places.into_iter().take(3).map(|place| (place, "nor is this".to_owned())));
}

fn project<'a>(subject: &'a Subject<'a>, application: &Application) -> Option<&'a AppProject> {
    subject.argo.projects.iter().find(|project| project.name.text == application.project.text)
}

/// A project that the repository, which has projects, does not have. `default` is made by Argo CD.
fn project_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((_, application)) = application(unit) else { return };
    let projects = &unit.subject.argo.projects;
    if projects.is_empty() || &*application.project == "default" || project(unit.subject, application).is_some() {
        return;
    }
    let found = match unit.object.at(&["spec", "project"]) {
        Some(node) => report.at(unit.object, node),
        None => report.missing(unit.object, unit.object.root, "spec/project"),
    };
    let message = format!(
        "Application `{}` is of the project `{}`, which the repository does not have",
        unit.object.name, &*application.project
    );
    found.say(message);
    let names = projects.iter().map(|project| project.name.text.as_str());
    if let Some(near) = crate::diag::closest(&application.project, names) {
        found.help(format!("did you mean `{near}`?"));
    }
}

/// A repository, destination or kind that the Application's project does not permit.
fn project_refuses<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((at, application)) = application(unit) else { return };
    let Some(project) = project(unit.subject, application) else { return };
    let name = &project.name.text;
    if let Some(refused) = project.refused_source(application) {
        let node = sources(unit.object.root).into_iter().find(|node| node.origin == refused.origin);
        let node = node.and_then(|node| node.get("repoURL")).unwrap_or(unit.object.root);
        let message = format!("the project `{name}` does not permit the repository `{}`", &*refused.repo_url);
        report.at(unit.object, node).say(message).related(&project.datum, "the project");
    }
    if has_cluster(application) && !project.permits_destination(&application.destination) {
        let node = unit.object.at(&["spec", "destination"]).unwrap_or(unit.object.root);
        let message = format!("the project `{name}` does not permit this destination");
        report.at(unit.object, node).say(message).related(&project.datum, "the project");
    }
    let mut told: Vec<(&str, &str)> = Vec::new();
    let overlays = unit.subject.overlays.iter().enumerate().filter(|(_, overlay)| overlay.applications.contains(&at));
    for object in overlays.flat_map(|(overlay, _)| unit.subject.objects_of(overlay)) {
        let kind = (object.group, object.kind);
        let is_namespaced = !object.namespace.is_empty();
        if told.contains(&kind) || project.permits_kind(object.group, object.kind, object.name, is_namespaced) {
            continue;
        }
        told.push(kind);
        let message =
            format!("the project `{name}` of Application `{}` does not permit {}", unit.object.name, object.title());
        report.at(object, object.root).say(message).related(&project.datum, "the project");
    }
}

/// A branch where a commit or a tag is due.
fn revision_moving<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for source in sources(unit.object.root) {
        let Some(revision) = source.get("targetRevision").filter(|revision| !revision.text().is_empty()) else {
            report.missing(unit.object, source, "targetRevision");
            continue;
        };
        let text = revision.text();
        let is_commit = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_version = text.starts_with(|first: char| first.is_ascii_digit())
            || text.strip_prefix('v').is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
        if !is_commit && !is_version || text.contains(['*', '>', '<', '^', '~']) {
            report.at(unit.object, revision);
        }
    }
}

/// A wave of an Application, which orders nothing unless Argo CD is told how to judge an Application's health.
fn wave_without_health<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(wave) = unit.object.annotation(argo::WAVE) else { return };
    let is_generated = application(unit).is_some_and(|(_, application)| application.generated_by.is_some());
    if !is_generated && !unit.subject.facts.has_application_health {
        report.at(unit.object, wave);
    }
}

/// `ApplyOutOfSyncOnly` together with waves: what is in sync already is not waited for.
fn orders_in_vain<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((at, application)) = application(unit) else { return };
    let option = "ApplyOutOfSyncOnly=true";
    let Some(set) = application.sync_options.iter().find(|set| &***set == option) else { return };
    let overlays = unit.subject.overlays.iter().enumerate().filter(|(_, overlay)| overlay.applications.contains(&at));
    let mut waves: Vec<i64> = overlays
        .flat_map(|(overlay, _)| unit.subject.objects_of(overlay))
        .filter_map(|object| unit.subject.applied(object).map(|(_, wave)| wave))
        .collect();
    waves.sort_unstable();
    waves.dedup();
    if waves.len() > 1 {
        let options = unit.object.at(&["spec", "syncPolicy", "syncOptions"]).map_or(&[][..], Datum::items);
        let node = options.iter().find(|node| node.origin == set.origin).unwrap_or(unit.object.root);
        report.at(unit.object, node);
    }
}

/// A wave in the template of an ApplicationSet: the controller makes its Applications in no order.
fn set_wave<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    for set in &whole.subject.argo.sets {
        if let Some(wave) = set.datum.at(["spec", "template", "metadata", "annotations", argo::WAVE]) {
            let message = format!("the wave in the template of ApplicationSet `{}` orders nothing", &*set.name);
            report.elsewhere(wave.origin, &overlays_at(whole.subject, wave.origin)).say(message);
        }
    }
}

/// A generator that gives no Application.
fn set_generates_nothing<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    for set in &whole.subject.argo.sets {
        for generated in set.generated.iter().filter(|generated| generated.count == Some(0)) {
            let message =
                format!("the {} generator of ApplicationSet `{}` gives nothing", generated.generator, &*set.name);
            report.elsewhere(generated.origin, &overlays_at(whole.subject, generated.origin)).say(message);
        }
    }
}

/// The overlays that a file is part of.
pub(super) fn overlays_at(subject: &Subject<'_>, origin: Origin) -> Vec<usize> {
    let file = origin.place().map(|(file, _)| &*subject.sources.file(file).path);
    file.and_then(|file| subject.files.get(file)).cloned().unwrap_or_default()
}

/// What was said when Applications and ApplicationSets were read, by its code, once for all places of which it holds. Params:
/// `code`.
fn argo_note<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let notes = whole.subject.argo.diagnostics.iter();
    let mut by_message: BTreeMap<&str, Vec<&Diagnostic>> = BTreeMap::new();
    for note in notes.filter(|note| note.code.id == whole.params.text("code") && !note.labels.is_empty()) {
        by_message.entry(&note.message).or_default().push(note);
    }
    for (message, notes) in by_message {
        let place = |note: &Diagnostic| note.labels.first().map(|label| Origin::at(label.span.file, label.span.start));
        let places: Vec<Origin> = notes.iter().filter_map(|note| place(note)).collect();
        let Some((first, others)) = places.split_first() else { continue };
        let mut overlays: Vec<usize> = places.iter().flat_map(|place| overlays_at(whole.subject, *place)).collect();
        overlays.sort_unstable();
        overlays.dedup();
        let found = report.elsewhere(*first, &overlays);
        match others.len() {
            0 => found.say(message),
            count => found.say(format!("{message}, here and in {count} more places")),
        };
        found.related.extend(others.iter().take(3).map(|place| (*place, "here too".to_owned())));
        if let Some(help) = notes.first().and_then(|note| note.help.first()) {
            found.help(help);
        }
    }
}

/// Where an Application deploys to.
fn cluster(application: &Application) -> String {
    let text = |text: &Option<crate::kustomize::Text>| text.as_ref().map(|text| text.text.to_string());
    text(&application.destination.server).or_else(|| text(&application.destination.name)).unwrap_or_default()
}

/// An object in a cluster: the cluster, group, kind, namespace and name.
type Deployed<'a> = (String, &'a str, &'a str, &'a str, &'a str);

/// One object in two Applications of one cluster: each undoes the other, and pruning one deletes it for both.
fn object_twice<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    let mut first: HashMap<Deployed<'_>, (&'a Object<'a>, usize)> = HashMap::default();
    for object in &subject.objects {
        for at in &subject.overlays[object.overlay].applications {
            let Some(application) = subject.argo.applications.get(*at) else { continue };
            let key = (cluster(application), object.group, object.kind, &*object.namespace, object.name);
            match first.get(&key) {
                None => drop(first.insert(key, (object, *at))),
                Some((known, other)) if other != at && !std::ptr::eq(*known, object) => {
                    let name = |at: usize| subject.argo.applications[at].name.text.clone();
                    let message = format!(
                        "{} is deployed by Application `{}` and by Application `{}`",
                        object.title(),
                        name(*other),
                        name(*at)
                    );
                    report.at(object, object.root).say(message).related(known.root, "deployed here too");
                }
                Some(_) => {}
            }
        }
    }
}

/// Whether a folder is called as overlays mostly are.
fn is_overlay(path: &str) -> bool {
    path.rsplit('/').nth(1) == Some("overlays")
}

/// An overlay that no Application deploys, where others are deployed.
fn overlay_unreached<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    for (path, origin) in whole.subject.facts.unreached.iter().filter(|(path, _)| is_overlay(path)) {
        report.elsewhere(*origin, &[]).say(format!("no Application deploys the overlay `{path}`"));
    }
}

/// Kustomizations of other folders that no Application deploys, and that are not judged therefore; told once.
fn kustomizations_unjudged<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let others: Vec<_> = whole.subject.facts.unreached.iter().filter(|(path, _)| !is_overlay(path)).collect();
    let Some(((first, origin), rest)) = others.split_first() else { return };
    let found = report.elsewhere(*origin, &[]);
    match rest.len() {
        0 => found.say(format!("no Application deploys `{first}`, so it is not judged")),
        count => found
            .say(format!("no Application deploys `{first}` and {count} more kustomizations, so they are not judged")),
    };
    found.related.extend(rest.iter().take(4).map(|(path, origin)| (*origin, format!("`{path}` neither"))));
}

/// An image override of an Application that wins over the tag in the overlay, which pipelines go on to change.
fn override_hides_tag<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    for hidden in &whole.subject.facts.hidden {
        let application = &whole.subject.argo.applications[hidden.application];
        let message = format!(
            "Application `{}` sets the image `{}`, so the tag in `{}` is not what runs",
            &*application.name, hidden.image, hidden.overlay
        );
        report.elsewhere(hidden.by, &overlays_at(whole.subject, hidden.by)).say(message);
    }
}

/// The annotation that names the paths whose changes make Argo CD render an Application again.
const GENERATE_PATHS: &str = "argocd.argoproj.io/manifest-generate-paths";

/// The annotation leaves out what a build reads: Argo CD does not notice when that changes.
fn generate_paths<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    let Some((at, _)) = application(unit) else { return };
    let Some(node) = object.root.at(["metadata", "annotations", GENERATE_PATHS]).filter(|node| !node.is_empty()) else {
        return;
    };
    let deployed = subject.overlays.iter().enumerate().filter(|(_, overlay)| overlay.applications.contains(&at));
    for (overlay, known) in deployed {
        let root = if known.path == "." { "" } else { known.path.as_str() };
        let listed = node.text().split(';').map(str::trim).filter(|path| !path.is_empty());
        let listed: Vec<String> = listed
            .filter_map(|path| match path.strip_prefix('/') {
                Some(path) => normal("", path),
                None => normal(root, path),
            })
            .collect();
        let is_listed = |path: &str| {
            let mut ways = std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(folder, _)| folder));
            ways.any(|way| listed.iter().any(|pattern| pattern.is_empty() || fits(pattern, way)))
        };
        let read = subject.files.iter().filter(|(_, reach)| reach.contains(&overlay)).map(|(path, _)| path.as_str());
        let left: BTreeSet<&str> = read.filter(|path| *path != "." && !is_listed(path)).collect();
        // A folder says more than each of its files.
        let Some(first) = left.first() else { continue };
        let message = format!(
            "`manifest-generate-paths` of Application `{}` leaves out `{first}`, which its build reads: Argo CD does not notice a change there",
            object.name
        );
        report.at(object, node).say(message).help(format!("add `/{first}`"));
        return;
    }
}

/// A custom resource whose definition another sync brings: the dry run before the sync fails until it is there.
fn definition_elsewhere<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (subject, object) = (unit.subject, unit.object);
    if !object.group.contains('.') || object.group.ends_with(".k8s.io") || object.overlay_has_no_application(subject) {
        return;
    }
    let defines = |other: &&Object<'a>| {
        other.at(&["spec", "group"]).map(Datum::text) == Some(object.group)
            && other.at(&["spec", "names", "kind"]).map(Datum::text) == Some(object.kind)
    };
    let Some(definition) = subject.of_kind(object, "CustomResourceDefinition").find(defines) else { return };
    let options = object.annotation(argo::SYNC_OPTIONS).map_or("", Datum::text);
    let option = "SkipDryRunOnMissingResource=true";
    let applications = &subject.overlays[object.overlay].applications;
    let skips =
        |at: &usize| subject.argo.applications.get(*at).is_some_and(|application| application.has_option(option));
    if definition.overlay != object.overlay
        && !options.split(',').any(|set| set.trim() == option)
        && !applications.iter().all(skips)
    {
        let message = format!("another Application brings the definition of {}", object.title());
        report.at(object, object.root).say(message).related(definition.root, "the definition");
    }
}

/// A destination namespace that nothing makes, where the repository makes others.
fn destination_undeclared<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some((at, application)) = application(unit) else { return };
    let Some(namespace) = &application.destination.namespace else { return };
    let known = ["default", "argocd", "kube-system", "kube-public", ""];
    if known.contains(&&**namespace) || application.has_option("CreateNamespace=true") {
        return;
    }
    let overlay = unit.subject.overlays.iter().position(|overlay| overlay.applications.contains(&at));
    let Some(beside) = overlay.and_then(|overlay| unit.subject.objects_of(overlay).first()) else { return };
    let mut namespaces = unit.subject.of_kind(beside, "Namespace").peekable();
    if namespaces.peek().is_none() || namespaces.any(|object| object.name == &**namespace) {
        return;
    }
    if unit.subject.external.has("Namespace", "", namespace) {
        return;
    }
    let node = unit.object.at(&["spec", "destination", "namespace"]).unwrap_or(unit.object.root);
    report.at(unit.object, node);
}
