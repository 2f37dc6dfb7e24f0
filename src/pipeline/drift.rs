//! Comparisons of what is deployed with something else than its own past: another environment, the cluster.

use std::collections::{BTreeMap, BTreeSet};

use crate::compare::{self, Difference, Identity, Side, as_desired};
use crate::diag::Diagnostic;
use crate::pipeline::diff::{Diff, Half, Scope, Unit, What, built, halves, sides, unit};
use crate::pipeline::gather::{Gathered, Place};
use crate::source::SourceMap;
use crate::yaml::data::Datum;

/// Compares what services are in one environment with what they are in another. Namespaces and prefixes do not count.
pub fn between(place: &Place<'_>, environments: (&str, &str), services: &[String]) -> Diff {
    let ((before, _), (after, failed)) = rayon::join(
        || built(place, Scope::Environment(environments.0, services)),
        || built(place, Scope::Environment(environments.1, services)),
    );
    let mut units = Vec::new();
    let service = |gathered: &Gathered, half: &Half<'_>| gathered.overlays[half.at].service.clone();
    let mut old = halves(&before);
    for half in halves(&after) {
        let owner = service(&after, &half);
        let partner = old.iter().position(|other| owner.is_some() && service(&before, other) == owner);
        let then = partner.map(|at| old.remove(at));
        let objects = then.as_ref().map(|then| sides(&before, then.at)).unwrap_or_default();
        let differences = compare::compare(&objects, &sides(&after, half.at), Identity::Source);
        let what = if then.is_some() { What::Changed } else { What::Added };
        if !differences.is_empty() || what == What::Added {
            units.push(unit(&after, &half, what, differences));
        }
    }
    for half in old {
        let differences = compare::compare(&sides(&before, half.at), &[], Identity::Source);
        units.push(unit(&before, &half, What::Removed, differences));
    }
    units.extend(failed.into_iter().map(unbuilt));
    units.sort_by(|one, other| (&one.service, &one.path).cmp(&(&other.service, &other.path)));
    let compared = before.overlays.len().max(after.overlays.len());
    Diff { units, before, after, new: Vec::new(), fixed: Vec::new(), compared }
}

fn unbuilt(path: String) -> Unit {
    let (service, environment) = crate::layout::owner(&path, &[]);
    let applications = Vec::new();
    Unit { what: What::Unbuilt, applications, path, service, environment, differences: Vec::new(), was_unbuilt: false }
}

/// Annotation and label by which Argo CD knows what it has made.
const TRACKING: &str = "argocd.argoproj.io/tracking-id";
const INSTANCE: &str = "app.kubernetes.io/instance";

/// Compares a cluster, as `kubectl get -o yaml` has saved it, with what Git says: what a sync would change. Objects count of
/// which the file holds others of the same kind and namespace. `name` is that of the file.
pub fn live(place: &Place<'_>, name: &str, text: &str) -> Result<Diff, (Box<Diagnostic>, SourceMap)> {
    let mut sources = SourceMap::default();
    let file = sources.add(name, text);
    let documents = match crate::argo::unnamed_manifests(text, file, name) {
        Ok(documents) => documents,
        Err(fault) => return Err((fault, sources)),
    };
    let live: Vec<&Datum> = documents.iter().collect();
    let (after, failed) = built(place, Scope::All);
    let mut before = Gathered::default();
    before.sources = sources;
    let identity = |root: &Datum, namespace: &str| {
        let side = Side { root, stable_name: "", namespace };
        let thing = side.thing();
        let namespace = if thing.namespace.is_empty() { namespace.to_owned() } else { thing.namespace };
        (thing.group, thing.kind, namespace, thing.name)
    };
    let mut known: BTreeMap<_, &Datum> = BTreeMap::new();
    let mut kinds = BTreeSet::new();
    for root in &live {
        let (group, kind, namespace, name) = identity(root, "");
        kinds.insert((group.clone(), kind.clone(), namespace.clone()));
        known.insert((group, kind, namespace, name), *root);
    }
    let mut units = Vec::new();
    let mut wanted = BTreeSet::new();
    let mut compared = 0;
    for half in halves(&after) {
        let namespace = after.overlays[half.at].namespace.clone().unwrap_or_default();
        let all = sides(&after, half.at);
        let mut desired: Vec<Side<'_>> = Vec::new();
        let mut shapes: Vec<Datum> = Vec::new();
        for side in all {
            let (group, kind, own, name) = identity(side.root, &namespace);
            // What has no namespace in the cluster says none.
            let keys = [own, String::new()].map(|own| (group.clone(), kind.clone(), own, name.clone()));
            let found = keys.iter().find_map(|key| known.get(key).map(|root| (key, *root)));
            wanted.extend(keys.iter().cloned());
            let is_covered =
                keys.iter().any(|(group, kind, own, _)| kinds.contains(&(group.clone(), kind.clone(), own.clone())));
            if is_covered {
                desired.push(side);
            }
            if let Some((_, root)) = found {
                shapes.push(as_desired(root, side.root));
            }
        }
        if shapes.is_empty() {
            continue;
        }
        compared += 1;
        let is: Vec<Side<'_>> =
            shapes.iter().map(|root| Side { root, stable_name: "", namespace: &namespace }).collect();
        let differences = compare::compare(&is, &desired, Identity::Cluster);
        if !differences.is_empty() {
            units.push(unit(&after, &half, What::Changed, differences));
        }
    }
    let pruned: Vec<Difference> = live
        .iter()
        .filter(|root| !wanted.contains(&identity(root, "")) && is_of(root, &after))
        .flat_map(|root| compare::compare(&[Side { root, stable_name: "", namespace: "" }], &[], Identity::Cluster))
        .collect();
    if !pruned.is_empty() {
        units.push(Unit {
            what: What::Changed,
            applications: Vec::new(),
            path: "in the cluster, and not in Git".to_owned(),
            service: None,
            environment: None,
            differences: pruned,
            was_unbuilt: false,
        });
    }
    units.extend(failed.into_iter().map(unbuilt));
    Ok(Diff { units, before, after, new: Vec::new(), fixed: Vec::new(), compared })
}

/// Whether Argo CD has made an object for one of the Applications.
fn is_of(root: &Datum, after: &Gathered) -> bool {
    let metadata = |field: &str, name: &str| root.at(["metadata", field, name]).map_or("", Datum::text);
    let tracked = metadata("annotations", TRACKING).split(':').next().unwrap_or_default();
    let instance = metadata("labels", INSTANCE);
    let owned = root.at(["metadata", "ownerReferences"]).is_some_and(|owners| !owners.items().is_empty());
    let names = after.argo.applications.iter().map(|application| application.name.to_string());
    !owned && names.into_iter().any(|name| name == tracked || tracked.is_empty() && name == instance)
}
