//! Reads policy files: YAML → [`Policy`], with what is wrong at its line.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::diag::{Diagnostic, Rule, Severity, closest};
use crate::policy::checks;
use crate::policy::definition::{Demand, Each, Expression, Fix, FixOp, Logic, Matches, Param, ParamKind, Policy};
use crate::policy::diags::codes;
use crate::source::{FileId, Origin, Span};
use crate::yaml::data::Datum;
use crate::yaml::{json, load};

/// What a policy file of a repository says, so that those of other tools are told apart.
pub const API_VERSION: &str = "gitopsctl.io/v1";

/// A diagnostic at the beginning of a policy.
pub fn told(diagnostic: Diagnostic, policy: &Policy) -> Diagnostic {
    match policy.origin.place() {
        Some((file, start)) if policy.is_own => diagnostic.at(Span { file, start, end: start }, "this policy"),
        _ => diagnostic,
    }
}

/// Why a policy does not load.
type Failure = Box<Diagnostic>;

pub(super) fn wrong(message: impl Into<String>, origin: Origin, label: &str) -> Failure {
    let diagnostic = Diagnostic::error(&codes::POLICY, message);
    Box::new(match origin.place() {
        Some((file, start)) => diagnostic.at(Span { file, start, end: start }, label),
        None => diagnostic,
    })
}

/// The policies of a file, which may hold several documents.
pub fn policies(text: &str, file: FileId, path: &str, is_own: bool) -> Result<Vec<Policy>, Failure> {
    documents(text, file, path)?.iter().map(|document| policy(document, path, is_own)).collect()
}

/// The documents of a file that are not empty.
pub(super) fn documents(text: &str, file: FileId, path: &str) -> Result<Vec<Datum>, Failure> {
    let documents = load::documents(text, file).map_err(|error| {
        Box::new(Diagnostic::error(&codes::POLICY, format!("`{path}` cannot be read")).at(error.span, error.message))
    })?;
    Ok(documents.into_iter().filter(|document| !document.is_empty()).collect())
}

const FIELDS: [&str; 20] = [
    "apiVersion",
    "kind",
    "id",
    "title",
    "severity",
    "profiles",
    "platform",
    "aliases",
    "rationale",
    "remediation",
    "match",
    "each",
    "params",
    "message",
    "schema",
    "cel",
    "check",
    "fix",
    "tests",
    "examples",
];

/// Category and name: small letters, digits and hyphens.
pub fn is_id(text: &str) -> bool {
    let is_word = |word: &str| {
        !word.is_empty()
            && word.starts_with(|first: char| first.is_ascii_lowercase())
            && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    text.split_once('/').is_some_and(|(category, name)| is_word(category) && is_word(name))
}

fn policy(root: &Datum, path: &str, is_own: bool) -> Result<Policy, Failure> {
    fields(root, "the policy", &FIELDS)?;
    let id = required(root, "id")?;
    if !is_id(id.text()) {
        let message = format!("`{}` is no policy id", id.text());
        return Err(wrong(message, id.origin, "`category/name`, in small letters, digits and hyphens"));
    }
    let severity = match optional(root, "severity")? {
        None => Severity::Warning,
        Some(level) => one_of(level, &SEVERITIES)?,
    };
    let each = optional(root, "each")?.map_or(Ok(Each::Object), |each| one_of(each, Each::NAMES))?;
    let params = root.get("params").map_or(Ok(Vec::new()), params)?;
    let rule = Rule {
        id: id.text().to_owned(),
        title: required(root, "title")?.text().to_owned(),
        rationale: required(root, "rationale")?.text().trim().to_owned(),
        remediation: required(root, "remediation")?.text().trim().to_owned(),
        aliases: texts(root, "aliases")?,
    };
    Ok(Policy {
        rule: Arc::new(rule),
        severity,
        profiles: texts(root, "profiles")?,
        demand: optional(root, "platform")?.map(|place| one_of(place, Demand::NAMES)).transpose()?,
        matches: root.get("match").map_or(Ok(Matches::default()), matches)?,
        each,
        message: optional(root, "message")?.map(|text| text.text().to_owned()),
        logic: logic(root, each, &params)?,
        params,
        fix: root.get("fix").map(fix).transpose()?,
        path: path.to_owned(),
        origin: root.origin,
        is_own,
    })
}

pub(super) const SEVERITIES: [(&str, Severity); 3] =
    [("error", Severity::Error), ("warning", Severity::Warning), ("info", Severity::Info)];

fn logic(root: &Datum, each: Each, params: &[Param]) -> Result<Logic, Failure> {
    let given: Vec<_> = ["schema", "cel", "check"].into_iter().filter(|field| root.get(field).is_some()).collect();
    match given[..] {
        ["schema"] => {
            let schema = root.get("schema").unwrap_or(root);
            known_params(schema, params)?;
            if each == Each::Repository {
                return Err(wrong("a schema judges one unit at a time", schema.origin, "and `each` is `repository`"));
            }
            Ok(Logic::Schema(value(schema)?))
        }
        ["cel"] => {
            let list = root.get("cel").unwrap_or(root);
            if !list.is_sequence() || list.is_empty() {
                return Err(wrong("`cel` is no list of expressions", list.origin, "a list is due here"));
            }
            let expression = |entry: &Datum| {
                fields(entry, "an expression", &["expression", "message", "at"])?;
                let text = required(entry, "expression")?;
                let at = optional(entry, "at")?.map_or("", Datum::text).to_owned();
                let message = optional(entry, "message")?.map(|message| message.text().to_owned());
                Ok::<_, Failure>(Expression { text: text.text().to_owned(), message, at, origin: text.origin })
            };
            Ok(Logic::Cel(list.items().iter().map(expression).collect::<Result<_, _>>()?))
        }
        ["check"] => {
            let name = required(root, "check")?;
            if !checks::is_known(name.text(), each == Each::Repository) {
                let failure =
                    wrong(format!("there is no check `{}`", name.text()), name.origin, "built into gitopsctl");
                let near = closest(name.text(), checks::names());
                return Err(Box::new(failure.near(near)));
            }
            Ok(Logic::Check(name.text().to_owned()))
        }
        _ => Err(wrong("a policy has one of `schema`, `cel` and `check`", root.origin, "this policy")),
    }
}

/// Every `$param` of a schema must be one of the policy's.
fn known_params(schema: &Datum, params: &[Param]) -> Result<(), Failure> {
    if let Some(name) = schema.get("$param") {
        if !params.iter().any(|param| param.name == name.text()) {
            return Err(wrong(format!("there is no param `{}`", name.text()), name.origin, "not under `params`"));
        }
        return Ok(());
    }
    schema
        .pairs()
        .iter()
        .map(|(_, value)| value)
        .chain(schema.items())
        .try_for_each(|value| known_params(value, params))
}

fn matches(root: &Datum) -> Result<Matches, Failure> {
    fields(root, "`match`", &["kinds", "except", "environments"])?;
    Ok(Matches {
        kinds: texts(root, "kinds")?,
        except: texts(root, "except")?,
        environments: texts(root, "environments")?,
    })
}

fn params(root: &Datum) -> Result<Vec<Param>, Failure> {
    let param = |(name, entry): &(Datum, Datum)| {
        fields(entry, "a param", &["type", "default", "description"])?;
        let kind = one_of(required(entry, "type")?, ParamKind::NAMES)?;
        let Some(default) = entry.get("default") else {
            return Err(wrong(format!("the param `{}` has no default", name.text()), name.origin, "this param"));
        };
        let json = value(default)?;
        if !kind.takes(&json) {
            return Err(wrong("the default is not of the param's type", default.origin, "this value"));
        }
        let description = optional(entry, "description")?.map_or("", Datum::text).to_owned();
        Ok(Param { name: name.text().to_owned(), kind, default: json, description })
    };
    root.pairs().iter().map(param).collect()
}

fn fix(root: &Datum) -> Result<Fix, Failure> {
    fields(root, "`fix`", &["op", "path", "value"])?;
    let ops = [("add", FixOp::Add), ("replace", FixOp::Replace), ("remove", FixOp::Remove)];
    Ok(Fix {
        op: one_of(required(root, "op")?, &ops)?,
        path: optional(root, "path")?.map_or("", Datum::text).to_owned(),
        value: root.get("value").map_or(Ok(Value::Null), value)?,
    })
}

/// Refuses what is no mapping, and fields it does not know.
pub(super) fn fields(root: &Datum, what: &str, known: &[&str]) -> Result<(), Failure> {
    if !root.is_mapping() {
        return Err(wrong(format!("{what} is no mapping"), root.origin, "a mapping is due here"));
    }
    for (key, _) in root.pairs() {
        if !known.contains(&key.text()) {
            let failure = wrong(format!("{what} has no field `{}`", key.text()), key.origin, "not known");
            return Err(Box::new(failure.near(closest(key.text(), known.iter().copied()))));
        }
    }
    Ok(())
}

pub(super) fn required<'a>(root: &'a Datum, field: &str) -> Result<&'a Datum, Failure> {
    let missing = || wrong(format!("`{field}` is missing"), root.origin, "here");
    optional(root, field)?.filter(|value| !value.text().is_empty()).ok_or_else(missing)
}

/// The value of a field that holds a text.
pub(super) fn optional<'a>(root: &'a Datum, field: &str) -> Result<Option<&'a Datum>, Failure> {
    match root.get(field).filter(|value| !value.is_null()) {
        Some(value) if value.is_scalar() => Ok(Some(value)),
        Some(value) => Err(wrong(format!("`{field}` is no text"), value.origin, "a text is due here")),
        None => Ok(None),
    }
}

pub(super) fn texts(root: &Datum, field: &str) -> Result<Vec<String>, Failure> {
    let Some(list) = root.get(field).filter(|value| !value.is_null()) else { return Ok(Vec::new()) };
    let is_list = list.is_sequence() && list.items().iter().all(Datum::is_scalar);
    if !is_list {
        return Err(wrong(format!("`{field}` is no list of texts"), list.origin, "a list is due here"));
    }
    Ok(list.items().iter().map(|item| item.text().to_owned()).collect())
}

pub(super) fn one_of<T: Copy>(value: &Datum, names: &[(&str, T)]) -> Result<T, Failure> {
    if let Some((_, found)) = names.iter().find(|(name, _)| *name == value.text()) {
        return Ok(*found);
    }
    let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
    let failure =
        wrong(format!("`{}` is not known here", value.text()), value.origin, "one of a few words is due here");
    let help = format!("use {}", known.join(", "));
    Err(Box::new(failure.help(help).near(closest(value.text(), known.iter().copied()))))
}

pub(super) fn value(node: &Datum) -> Result<Value, Failure> {
    json::value(node).map_err(|error| wrong(error.message, error.origin, "this value"))
}

/// A mapping as JSON.
pub(super) fn object(node: &Datum) -> Result<Map<String, Value>, Failure> {
    match value(node)? {
        Value::Object(map) => Ok(map),
        _ => Err(wrong("this is no mapping", node.origin, "a mapping is due here")),
    }
}
