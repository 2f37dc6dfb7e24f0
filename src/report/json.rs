//! What `lint` found as one JSON object. Its shape is a promise: fields are added, never renamed.

use serde_json::{Value, json};

use crate::diag::{Finding, Outcome, Severity};
use crate::report::place::{Place, Places};
use crate::report::{Options, visible};
use crate::source::SourceMap;

pub(super) fn render(outcome: &Outcome, sources: &SourceMap, _: Options) -> String {
    let places = Places::new(sources);
    let findings: Vec<_> = outcome.findings.iter().map(|finding| shape(finding, &places)).collect();
    let excused = outcome.excused.iter().map(|one| json!({"overlay": one.overlay, "reason": one.reason}));
    text(&json!({
        "version": 1,
        "findings": findings,
        "summary": {
            "errors": outcome.count(Severity::Error),
            "warnings": outcome.count(Severity::Warning),
            "infos": outcome.count(Severity::Info),
            "suppressed": outcome.suppressed(),
            "objects": outcome.objects,
            "overlays": outcome.overlays,
            "excused": excused.collect::<Vec<_>>(),
        },
    }))
}

fn shape(finding: &Finding, places: &Places) -> Value {
    let object = finding.object.as_ref().map(|object| {
        json!({
            "apiVersion": object.api_version,
            "kind": object.kind,
            "namespace": object.namespace,
            "name": object.name,
        })
    });
    let related = places.related(finding).map(|(label, place)| json!({"message": label.text, "location": at(place)}));
    let suppressed = finding.suppressed.as_ref().map(|why| json!({"by": why.by.name(), "reason": why.reason}));
    json!({
        "policy": finding.rule.id,
        "aliases": finding.rule.aliases,
        "severity": finding.severity.name(),
        "message": finding.message,
        "help": finding.help,
        "object": object,
        "container": finding.container,
        "field": finding.field,
        "location": places.primary(finding).map(at),
        "related": related.collect::<Vec<_>>(),
        "overlays": finding.overlays,
        "environments": finding.environments,
        "suppressed": suppressed,
        "fingerprint": finding.fingerprint,
    })
}

fn at(place: Place) -> Value {
    json!({"file": place.file, "line": place.start.line, "column": place.start.column})
}

/// A value as text. What JSON allows raw but a terminal acts on is escaped as well; such characters are only in strings.
pub(super) fn text(value: &Value) -> String {
    let text = format!("{value:#}\n");
    let raw = |char: char| visible::is_hidden(char) && !char.is_ascii_control() || char == '\u{7f}';
    if !text.contains(raw) {
        return text;
    }
    text.chars().map(|char| if raw(char) { format!("\\u{:04x}", u32::from(char)) } else { char.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    #[test]
    fn the_shape_is_as_promised() {
        let (outcome, sources) = sample::every_kind();
        let value = parsed(&render(&outcome, &sources, Options::default()));
        let first = json!({
            "policy": "images/tag-mutable",
            "aliases": ["kube-linter/latest-tag", "polaris/tagNotSpecified"],
            "severity": "error",
            "message": "container `order-service` uses the tag `latest`",
            "help": "release a version: `gitopsctl bump order-service v1.2.3`",
            "object": {
                "apiVersion": "apps/v1", "kind": "Deployment", "namespace": "production", "name": "order-service",
            },
            "container": "order-service",
            "field": "/spec/template/spec/containers/0/image",
            "location": {
                "file": "gitops/apps/order-service/overlays/production/kustomization.yaml", "line": 3, "column": 13,
            },
            "related": [{
                "message": "the image",
                "location": {"file": "gitops/apps/order-service/base/deployment.yaml", "line": 10, "column": 16},
            }],
            "overlays": ["gitops/apps/order-service/overlays/production"],
            "environments": ["production"],
            "suppressed": null,
            "fingerprint": "f-47",
        });
        assert_eq!(value["findings"][0].to_string(), first.to_string(), "also in the same order");
        assert_eq!(value["findings"][1]["location"]["column"], 12, "columns count characters");
        let third = json!({
            "policy": "platform/no-owner",
            "aliases": [],
            "severity": "info",
            "message": "nobody owns `inventory`",
            "help": null,
            "object": null,
            "container": null,
            "field": "",
            "location": null,
            "related": [],
            "overlays": [],
            "environments": [],
            "suppressed": null,
            "fingerprint": "f-23",
        });
        assert_eq!(value["findings"][2].to_string(), third.to_string());
        assert_eq!(value["findings"][3]["suppressed"], json!({"by": "annotation", "reason": "batch job"}));
        assert_eq!(value["findings"][4]["suppressed"], json!({"by": "baseline", "reason": ""}));
        let summary = json!({
            "errors": 1, "warnings": 1, "infos": 1, "suppressed": 2, "objects": 126, "overlays": 42,
            "excused": [{"overlay": "legacy/overlays/old", "reason": "is switched off in May"}],
        });
        assert_eq!(value["summary"].to_string(), summary.to_string());
    }

    #[test]
    fn nothing_found_is_still_an_object() {
        let text = render(&Outcome::default(), &SourceMap::default(), Options::default());
        let expected = r#"{
  "version": 1,
  "findings": [],
  "summary": {
    "errors": 0,
    "warnings": 0,
    "infos": 0,
    "suppressed": 0,
    "objects": 0,
    "overlays": 0,
    "excused": []
  }
}
"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn hostile_texts_come_back_as_they_are() {
        let (outcome, sources) = sample::hostile();
        let text = render(&outcome, &sources, Options::default());
        assert!(!text.contains(|char| visible::is_hidden(char) && char != '\n'), "{text:?}");
        assert_eq!(parsed(&text)["findings"][0]["message"], sample::EVIL);
    }

    #[test]
    fn a_great_many_are_all_there() {
        let (outcome, sources) = sample::many(30_000);
        let value = parsed(&render(&outcome, &sources, Options::default()));
        assert_eq!(value["findings"].as_array().map(Vec::len), Some(30_000));
        assert_eq!(value["findings"][29_999]["location"]["line"], 30_000);
    }
}
