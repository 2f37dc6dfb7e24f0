//! What `lint` found as SARIF 2.1.0, the format of code scanning.
//!
//! Stricter than the standard where GitHub is: it refuses a whole file if one result names no artifact and line. No lines of the
//! files are quoted: some may hold a secret.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::{Map, Value, json};

use crate::diag::{By, Finding, Label, Outcome, Rule, Severity};
use crate::report::place::{Place, Places, stand_in};
use crate::report::{Options, human, json, words};
use crate::source::SourceMap;

pub(super) fn render(outcome: &Outcome, sources: &SourceMap, _: Options) -> String {
    let places = Places::new(sources);
    let mut rules: IndexMap<&str, (&Arc<Rule>, Severity)> = IndexMap::new();
    for finding in &outcome.findings {
        let (_, worst) = rules.entry(&finding.rule.id).or_insert((&finding.rule, finding.severity));
        *worst = finding.severity.max(*worst);
    }
    let results =
        outcome.findings.iter().map(|finding| result(finding, rules.get_index_of(&*finding.rule.id), &places));
    json::text(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "gitopsctl",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules.values().map(|(rule, severity)| descriptor(rule, *severity)).collect::<Vec<_>>(),
            }},
            "originalUriBaseIds": {"%SRCROOT%": {"description": {"text": "The root of the repository."}}},
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    }))
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}

/// A policy as the viewer lists it.
fn descriptor(rule: &Rule, severity: Severity) -> Value {
    let Rule { id, title, rationale, remediation, aliases } = rule;
    let category = id.split('/').next().unwrap_or_default();
    let more = human::more(id);
    json!({
        "id": id,
        "shortDescription": {"text": title},
        "fullDescription": {"text": if rationale.is_empty() { title } else { rationale }},
        "help": {
            "text": format!("{remediation}\n\nMore: {more}").trim_start(),
            "markdown": format!("{remediation}\n\nMore: `{more}`").trim_start(),
        },
        "defaultConfiguration": {"level": level(severity)},
        "properties": {"tags": [category], "aliases": aliases},
    })
}

fn result(finding: &Finding, rule: Option<usize>, places: &Places) -> Value {
    let text = format!("{}{}", finding.message, words::details(finding, false));
    let mut result = fields([
        ("ruleId", json!(finding.rule.id)),
        ("ruleIndex", json!(rule)),
        ("level", json!(level(finding.severity))),
        ("message", message(&text)),
        ("locations", json!([location(finding, places)])),
        ("partialFingerprints", json!({"gitopsctl/v1": finding.fingerprint})),
        (
            "properties",
            json!({
                "container": finding.container,
                "field": finding.field,
                "overlays": finding.overlays,
                "environments": finding.environments,
            }),
        ),
    ]);
    let related: Vec<_> = places.related(finding).map(|(label, place)| at_label(label, place)).collect();
    if !related.is_empty() {
        result.insert("relatedLocations".to_owned(), Value::Array(related));
    }
    if let Some(suppressed) = &finding.suppressed {
        let kind = match suppressed.by {
            By::Comment | By::Annotation => "inSource",
            By::Config | By::Baseline => "external",
        };
        let suppression = fields([("kind", json!(kind)), ("justification", reason(&suppressed.reason))]);
        result.insert("suppressions".to_owned(), json!([suppression]));
    }
    Value::Object(result)
}

/// Where the finding is: the line to edit, and the object it is about.
fn location(finding: &Finding, places: &Places) -> Value {
    let logical = finding.object.as_ref().map(|object| {
        let parts = [&object.namespace, &object.api_version, &object.kind, &object.name];
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect();
        json!([{"name": object.name, "fullyQualifiedName": parts.join("/"), "kind": "resource"}])
    });
    let mut location = match (finding.labels.first(), places.primary(finding)) {
        (Some(label), Some(place)) => at_label(label, place),
        _ => {
            let region = json!({"startLine": 1});
            json!({"physicalLocation": {"artifactLocation": artifact(stand_in(finding)), "region": region}})
        }
    };
    if let Some(logical) = logical {
        location["logicalLocations"] = logical;
    }
    location
}

fn at_label(label: &Label, place: Place) -> Value {
    let Place { file, start, end } = place;
    let mut region = fields([("startLine", json!(start.line)), ("startColumn", json!(start.column))]);
    if start != end {
        if start.line != end.line {
            region.insert("endLine".to_owned(), json!(end.line));
        }
        region.insert("endColumn".to_owned(), json!(end.column));
    }
    let text = if label.text.is_empty() { Value::Null } else { message(&label.text) };
    Value::Object(fields([
        ("physicalLocation", json!({"artifactLocation": artifact(file), "region": region})),
        ("message", text),
    ]))
}

/// In a message, `[text](1)` is a link to a related location. None is meant here.
fn message(text: &str) -> Value {
    json!({"text": text.replace("](", "\\](")})
}

fn reason(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { json!(text) }
}

/// A path as a URI: below the root of the repository, or on this machine where it is not.
fn artifact(path: &str) -> Value {
    match path.strip_prefix('/') {
        Some(rest) => json!({"uri": format!("file:///{}", encoded(rest))}),
        None => json!({"uri": encoded(path), "uriBaseId": "%SRCROOT%"}),
    }
}

/// A path with everything percent-encoded that is not plainly a part of one. A colon could end a scheme.
fn encoded(path: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    path.bytes().map(byte).collect()
}

/// An object without the fields that are null: the schema allows none.
fn fields<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{sample, visible};

    fn run(outcome: &Outcome, sources: &SourceMap) -> Value {
        let text = render(outcome, sources, Options::default());
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        value["runs"][0].clone()
    }

    #[test]
    fn a_result_has_its_rule_its_places_and_its_object() {
        let (outcome, sources) = sample::every_kind();
        let run = run(&outcome, &sources);
        let overlay = "gitops/apps/order-service/overlays/production/kustomization.yaml";
        let expected = json!({
            "ruleId": "images/tag-mutable",
            "ruleIndex": 0,
            "level": "error",
            "message": {"text": "container `order-service` uses the tag `latest`\n\
                release a version: `gitopsctl bump order-service v1.2.3`\nin production"},
            "locations": [{
                "physicalLocation": {
                    "artifactLocation": {"uri": overlay, "uriBaseId": "%SRCROOT%"},
                    "region": {"startLine": 3, "startColumn": 13, "endColumn": 19},
                },
                "message": {"text": "this value reaches the cluster"},
                "logicalLocations": [{
                    "name": "order-service",
                    "fullyQualifiedName": "production/apps/v1/Deployment/order-service",
                    "kind": "resource",
                }],
            }],
            "relatedLocations": [{
                "physicalLocation": {
                    "artifactLocation": {
                        "uri": "gitops/apps/order-service/base/deployment.yaml", "uriBaseId": "%SRCROOT%",
                    },
                    "region": {"startLine": 10, "startColumn": 16, "endColumn": 46},
                },
                "message": {"text": "the image"},
            }],
            "partialFingerprints": {"gitopsctl/v1": "f-47"},
            "properties": {
                "container": "order-service",
                "field": "/spec/template/spec/containers/0/image",
                "overlays": ["gitops/apps/order-service/overlays/production"],
                "environments": ["production"],
            },
        });
        assert_eq!(run["results"][0], expected);
        let levels: Vec<_> = run["results"].as_array().into_iter().flatten().map(|result| &result["level"]).collect();
        assert_eq!(levels, ["error", "warning", "note", "warning", "error"]);
        assert_eq!(run["results"][4]["ruleIndex"], 2);
    }

    #[test]
    fn rules_say_what_they_are_for() {
        let (outcome, sources) = sample::every_kind();
        let driver = run(&outcome, &sources)["tool"]["driver"].clone();
        let expected = json!({
            "id": "images/tag-mutable",
            "shortDescription": {"text": "containers keep to it"},
            "fullDescription": {"text": "It matters."},
            "help": {
                "text": "Set `it`.\n\nMore: gitopsctl explain images/tag-mutable",
                "markdown": "Set `it`.\n\nMore: `gitopsctl explain images/tag-mutable`",
            },
            "defaultConfiguration": {"level": "error"},
            "properties": {"tags": ["images"], "aliases": ["kube-linter/latest-tag", "polaris/tagNotSpecified"]},
        });
        assert_eq!(driver["rules"][0], expected);
        assert_eq!(driver["rules"].as_array().map(Vec::len), Some(3));
        assert_eq!(driver["version"], env!("CARGO_PKG_VERSION"));
    }

    #[test]
    fn what_is_suppressed_says_so_and_why() {
        let (outcome, sources) = sample::every_kind();
        let results = run(&outcome, &sources)["results"].clone();
        assert_eq!(results[2].get("suppressions"), None);
        assert_eq!(results[3]["suppressions"], json!([{"kind": "inSource", "justification": "batch job"}]));
        assert_eq!(results[4]["suppressions"], json!([{"kind": "external"}]));
    }

    #[test]
    fn each_result_names_an_artifact() {
        let (mut outcome, sources) = sample::every_kind();
        outcome.findings[4].overlays = vec!["a b/overlays/x".to_owned()];
        let results = run(&outcome, &sources)["results"].clone();
        let uri = |index: usize| results[index]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone();
        assert_eq!(uri(1), "services/%E6%97%A5%E6%9C%AC.yaml");
        assert_eq!(uri(2), "gitopsctl.yaml");
        assert_eq!(uri(4), "a%20b/overlays/x");
        assert_eq!(results[4]["locations"][0]["physicalLocation"]["region"], json!({"startLine": 1}));
        assert_eq!(artifact("/tmp/a:b"), json!({"uri": "file:///tmp/a%3Ab"}));
        assert_eq!(artifact("c:d/100%"), json!({"uri": "c%3Ad/100%25", "uriBaseId": "%SRCROOT%"}));
    }

    #[test]
    fn regions_count_code_points_and_may_span_lines() {
        let mut sources = SourceMap::default();
        let file = sources.add("f", "é: |\n  one\n  two\nx:\n");
        let span = |part| sample::span(&sources, file, part);
        let empty = crate::source::Span { start: span("x:").end, ..span("x:") };
        for (span, expected) in [
            (span("|"), json!({"startLine": 1, "startColumn": 4, "endColumn": 5})),
            (span("|\n  one\n"), json!({"startLine": 1, "startColumn": 4, "endLine": 3, "endColumn": 1})),
            (empty, json!({"startLine": 4, "startColumn": 3})),
        ] {
            let label = Label { span, text: String::new() };
            let location = at_label(&label, Places::new(&sources).of(span));
            assert_eq!(location["physicalLocation"]["region"], expected);
            assert_eq!(location.get("message"), None);
        }
    }

    #[test]
    fn nothing_found_has_results_all_the_same() {
        let run = run(&Outcome::default(), &SourceMap::default());
        assert_eq!(run["results"], json!([]));
        assert_eq!(run["tool"]["driver"]["rules"], json!([]));
        assert_eq!(run["columnKind"], "unicodeCodePoints");
    }

    #[test]
    fn hostile_texts_link_nowhere() {
        let (outcome, sources) = sample::hostile();
        let text = render(&outcome, &sources, Options::default());
        assert!(!text.contains(|char| visible::is_hidden(char) && char != '\n'), "{text:?}");
        let run = run(&outcome, &sources);
        let message = run["results"][0]["message"]["text"].as_str().unwrap_or_default();
        assert!(message.contains("[l\\](http://h)") && !message.contains("[l](http"), "{message}");
        let uri = &run["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"];
        let uri = uri.as_str().unwrap_or_default();
        assert!(uri.starts_with("dir/%3Cimg%20") && !uri.contains([':', ' ', '\n', '<']), "{uri}");
    }

    #[test]
    fn a_great_many_are_all_there() {
        let (outcome, sources) = sample::many(20_000);
        let results = run(&outcome, &sources)["results"].clone();
        assert_eq!(results.as_array().map(Vec::len), Some(20_000));
    }

    #[test]
    fn no_field_is_null_outside_the_property_bags() {
        fn nulls(value: &Value, path: &str, found: &mut Vec<String>) {
            match value {
                Value::Null => found.push(path.to_owned()),
                Value::Array(items) => items.iter().for_each(|item| nulls(item, path, found)),
                Value::Object(fields) => {
                    for (name, value) in fields.iter().filter(|(name, _)| *name != "properties") {
                        nulls(value, &format!("{path}/{name}"), found);
                    }
                }
                _ => {}
            }
        }
        for (outcome, sources) in [sample::every_kind(), sample::hostile()] {
            let mut found = Vec::new();
            nulls(&run(&outcome, &sources), "", &mut found);
            assert!(found.is_empty(), "{found:?}");
        }
    }
}
