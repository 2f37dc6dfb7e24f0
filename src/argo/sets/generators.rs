//! An entry of `generators` → lists of parameters.

use std::collections::BTreeMap;

use crate::argo::Cluster;
use crate::argo::application::{flag, text};
use crate::argo::sets::git::{self, Files};
use crate::argo::sets::{Trouble, failing, not_evaluated, of_template, render, selector};
use crate::argo::template::{self, Mode, Wrong, merge, normalized};
use crate::argo::value::{Params, Value, flattened};
use crate::source::{FileId, Origin};
use crate::yaml::data::{Content, Datum};
use crate::yaml::load;

/// The kinds of generators, in the order in which Argo CD looks for them in an entry.
const KINDS: &[&str] =
    &["list", "clusters", "git", "scmProvider", "clusterDecisionResource", "pullRequest", "matrix", "merge", "plugin"];

/// The cluster that Argo CD itself runs in.
const IN_CLUSTER: &str = "https://kubernetes.default.svc";
const SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";

/// No set generates more Applications.
const MOST: usize = 50_000;

/// How a generator is read, and where its entry starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Given {
    pub(super) mode: Mode,
    pub(super) origin: Origin,
}

/// What a generator of a kind came to.
type OfKind = (&'static str, Result<Vec<Params>, Trouble>);

/// The parameters of each kind that an entry has; usually there is one. Parameters of a generator before it, if any, are
/// put into it first.
pub(super) fn transform(entry: &Datum, files: &Files<'_>, mode: Mode, before: &Params) -> Vec<OfKind> {
    let given = Given { mode, origin: entry.origin };
    let kinds = KINDS.iter().filter_map(|kind| Some((*kind, entry.get(kind).filter(|node| !node.is_null())?)));
    kinds
        .map(|(kind, node)| {
            let interpolated = if before.is_empty() {
                Ok(node.clone())
            } else {
                interpolated(kind, node, before, mode).map_err(|wrong| of_template(given.origin, &wrong))
            };
            let params = interpolated.and_then(|node| generate(kind, &node, files, given));
            (kind, params.and_then(|params| selected(entry, params)))
        })
        .collect()
}

fn generate(kind: &str, node: &Datum, files: &Files<'_>, given: Given) -> Result<Vec<Params>, Trouble> {
    match kind {
        "list" => list(node, given),
        "clusters" => clusters(node, files.context.clusters, given),
        "git" => git::params(node, files, given),
        "matrix" => matrix(node, files, given),
        "merge" => merged(node, files, given),
        "scmProvider" | "pullRequest" => {
            Err(not_evaluated(given.origin, format!("the generator `{kind}` asks a forge")))
        }
        "plugin" => Err(not_evaluated(given.origin, "the generator `plugin` asks a program")),
        _ => Err(not_evaluated(given.origin, format!("the generator `{kind}` asks a cluster"))),
    }
}

/// Those that the selector of the entry means; it is not interpolated.
fn selected(entry: &Datum, params: Vec<Params>) -> Result<Vec<Params>, Trouble> {
    let Some(wanted) = entry.get("selector").filter(|wanted| !wanted.is_null()) else { return Ok(params) };
    let mut kept = Vec::new();
    for params in params {
        if selector::fits(wanted, &flattened(&params)).map_err(|why| failing(wanted.origin, why))? {
            kept.push(params);
        }
    }
    Ok(kept)
}

/// A generator with the parameters of another in its texts. In its `values` what is not there stays for later.
fn interpolated(kind: &str, node: &Datum, params: &Params, mode: Mode) -> Result<Datum, (Wrong, Origin)> {
    let Content::Mapping(pairs) = &node.content else { return render::rendered(node, params, mode) };
    let has_values = !matches!(kind, "list" | "matrix" | "merge");
    let mut made = Vec::new();
    for (key, value) in pairs {
        let value = match key.text() {
            "template" => value.clone(),
            "values" if has_values && value.is_mapping() => {
                let mut values = value.clone();
                for (_, value) in values.pairs_mut().into_iter().flatten() {
                    match render::rendered(value, params, Mode { strict: true, ..mode }) {
                        Ok(resolved) => *value = resolved,
                        Err((Wrong::MissingKey(_), _)) => {}
                        Err(wrong) => return Err(wrong),
                    }
                }
                values
            }
            "generators" if matches!(kind, "matrix" | "merge") => {
                let entry = |entry: &Datum| {
                    let mut entry = entry.clone();
                    for (key, value) in entry.pairs_mut().into_iter().flatten() {
                        *value = interpolated(key.text(), value, params, mode)?;
                    }
                    Ok(entry)
                };
                let items = value.items().iter().map(entry).collect::<Result<Vec<_>, _>>()?;
                Datum { content: Content::Sequence(items), ..value.clone() }
            }
            _ => render::rendered(value, params, mode)?,
        };
        made.push((key.clone(), value));
    }
    Ok(Datum { content: Content::Mapping(made), ..node.clone() })
}

/// Adds `values` of a generator to parameters, which may be named in them.
pub(super) fn add_values(node: &Datum, params: &mut Params, given: Given) -> Result<(), Trouble> {
    let mut values = Params::new();
    for (key, value) in node.get("values").map_or(&[][..], Datum::pairs) {
        let text = template::render(value.text(), params, given.mode)
            .map_err(|wrong| of_template(given.origin, &(wrong, value.origin)))?;
        values.insert(key.text().to_owned(), Value::Text(text));
    }
    if values.is_empty() {
    } else if given.mode.go {
        params.insert("values".to_owned(), Value::Map(values));
    } else {
        params.extend(values.into_iter().map(|(key, value)| (format!("values.{key}"), value)));
    }
    Ok(())
}

fn list(node: &Datum, given: Given) -> Result<Vec<Params>, Trouble> {
    let wrong = |origin: Origin, what: &str| failing(origin, format!("an element of a list generator {what}"));
    let mut all = Vec::new();
    for element in node.get("elements").map_or(&[][..], Datum::items) {
        let Value::Map(map) = Value::of(element) else { return Err(wrong(element.origin, "is no mapping")) };
        if given.mode.go {
            all.push(map);
            continue;
        }
        let mut params = Params::new();
        for (key, value) in map {
            match (&*key, value) {
                ("values", Value::Map(values)) => {
                    for (key, value) in values {
                        if !matches!(value, Value::Text(_)) {
                            return Err(wrong(element.origin, &format!("has `values.{key}`, which is no string")));
                        }
                        params.insert(format!("values.{key}"), value);
                    }
                }
                (_, value @ Value::Text(_)) => drop(params.insert(key, value)),
                _ => return Err(wrong(element.origin, &format!("has `{key}`, which is no string"))),
            }
        }
        all.push(params);
    }
    if let Some(yaml) = text(node, "elementsYaml") {
        let document = load::first_document(&yaml, 0, FileId::NONE)
            .map_err(|error| failing(yaml.origin, format!("`elementsYaml` is no YAML: {}", error.message)))?;
        for element in document.as_ref().map_or(&[][..], Datum::items) {
            let Value::Map(map) = Value::of(element) else { return Err(wrong(yaml.origin, "is no mapping")) };
            all.push(map);
        }
    }
    Ok(all)
}

fn clusters(node: &Datum, declared: &[Cluster], given: Given) -> Result<Vec<Params>, Trouble> {
    if declared.is_empty() {
        return Err(not_evaluated(given.origin, "the generator `clusters` needs to know the clusters"));
    }
    let wanted = node.get("selector").filter(|wanted| !wanted.is_empty());
    let mut all = Vec::new();
    for cluster in declared {
        let mut labels: BTreeMap<_, _> = cluster.labels.iter().cloned().collect();
        labels.entry(SECRET_TYPE.to_owned()).or_insert_with(|| "cluster".to_owned());
        let fits = wanted.map_or(Ok(true), |wanted| selector::fits(wanted, &labels));
        if !fits.map_err(|why| failing(given.origin, why))? {
            continue;
        }
        let mut params = of_cluster(&cluster.name, &cluster.server);
        let texts = |pairs: &mut dyn Iterator<Item = (String, String)>| -> Params {
            pairs.map(|(key, value)| (key, Value::Text(value))).collect()
        };
        let labels = texts(&mut labels.into_iter());
        let annotations = texts(&mut cluster.annotations.iter().cloned());
        if given.mode.go {
            let mut meta = Params::new();
            for (key, map) in [("annotations", annotations), ("labels", labels)] {
                if !map.is_empty() {
                    meta.insert(key.to_owned(), Value::Map(map));
                }
            }
            params.insert("metadata".to_owned(), Value::Map(meta));
        } else {
            for (part, map) in [("annotations", annotations), ("labels", labels)] {
                params.extend(map.into_iter().map(|(key, value)| (format!("metadata.{part}.{key}"), value)));
            }
        }
        all.push(params);
    }
    if wanted.is_none() && declared.iter().all(|cluster| cluster.server != IN_CLUSTER) {
        all.push(of_cluster("in-cluster", IN_CLUSTER));
    }
    for params in &mut all {
        add_values(node, params, given)?;
    }
    if flag(node, "flatList") {
        let all = all.into_iter().map(Value::Map).collect();
        return Ok(vec![Params::from([("clusters".to_owned(), Value::List(all))])]);
    }
    Ok(all)
}

fn of_cluster(name: &str, server: &str) -> Params {
    let entry = |key: &str, value: String| (key.to_owned(), Value::Text(value));
    Params::from([
        entry("name", name.to_owned()),
        entry("nameNormalized", normalized(name)),
        entry("server", server.to_owned()),
        entry("project", String::new()),
    ])
}

/// The parameters of a generator within another.
fn nested(entry: &Datum, files: &Files<'_>, given: Given, before: &Params) -> Result<Vec<Params>, Trouble> {
    let mut results = transform(entry, files, given.mode, before);
    match (results.pop(), results.is_empty()) {
        (Some((_, result)), true) => result,
        (None, _) => Err(failing(entry.origin, "a generator within another is none that Argo CD knows")),
        (Some(_), false) => Err(failing(entry.origin, "a generator within another has more than one kind")),
    }
}

fn matrix(node: &Datum, files: &Files<'_>, given: Given) -> Result<Vec<Params>, Trouble> {
    let [first, second] = node.get("generators").map_or(&[][..], Datum::items) else {
        return Err(failing(given.origin, "a matrix needs exactly two generators"));
    };
    let mut all = Vec::new();
    for a in nested(first, files, given, &Params::new())? {
        for b in nested(second, files, given, &a)? {
            let mut both = b;
            if given.mode.go {
                merge(&mut both, &a, true);
            } else {
                both = texts(both);
                for (key, value) in texts(a.clone()) {
                    if both.get(&key).is_some_and(|known| *known != value) {
                        let message = format!("both generators of a matrix give `{key}`, and not the same value");
                        return Err(failing(given.origin, message));
                    }
                    both.insert(key, value);
                }
            }
            all.push(both);
            if all.len() > MOST {
                return Err(not_evaluated(given.origin, format!("a matrix makes more than {MOST} sets of parameters")));
            }
        }
    }
    Ok(all)
}

fn texts(params: Params) -> Params {
    params.into_iter().map(|(key, value)| (key, Value::Text(value.printed()))).collect()
}

fn merged(node: &Datum, files: &Files<'_>, given: Given) -> Result<Vec<Params>, Trouble> {
    let generators = node.get("generators").map_or(&[][..], Datum::items);
    let keys: Vec<&str> = node.get("mergeKeys").map_or(&[][..], Datum::items).iter().map(Datum::text).collect();
    if generators.len() < 2 {
        return Err(failing(given.origin, "a merge needs at least two generators"));
    }
    if keys.is_empty() {
        return Err(failing(given.origin, "a merge has no `mergeKeys`"));
    }
    let key_of = |params: &Params| -> Vec<Value> {
        keys.iter().map(|key| params.get(*key).cloned().unwrap_or(Value::Null)).collect()
    };
    let mut base: Vec<Params> = Vec::new();
    for (at, generator) in generators.iter().enumerate() {
        let all = nested(generator, files, given, &Params::new())?;
        let all_keys: Vec<_> = all.iter().map(key_of).collect();
        if let Some(twice) = (1..all_keys.len()).find(|at| all_keys[..*at].contains(&all_keys[*at])) {
            let shown: Vec<_> = all_keys[twice].iter().map(Value::printed).collect();
            let message = format!("the merge keys are not unique: `{}` occurs twice", shown.join(", "));
            return Err(failing(generator.origin, message));
        }
        if at == 0 {
            base = all;
            continue;
        }
        for params in &mut base {
            let key = key_of(params);
            let Some(index) = all_keys.iter().position(|known| *known == key) else { continue };
            if given.mode.go {
                merge(params, &all[index], true);
            } else {
                params.extend(all[index].clone());
            }
        }
    }
    Ok(base)
}
