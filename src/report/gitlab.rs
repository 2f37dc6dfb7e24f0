//! What `lint` found as a Code Quality report of GitLab. What is suppressed is left out.

use serde_json::{Value, json};

use crate::diag::{Outcome, Severity};
use crate::report::place::{Places, stand_in};
use crate::report::words::Distinct;
use crate::report::{Options, json};
use crate::source::SourceMap;

pub(super) fn render(outcome: &Outcome, sources: &SourceMap, _: Options) -> String {
    let places = Places::new(sources);
    // GitLab shows only the first of those that have the same fingerprint.
    let mut fingerprints = Distinct::default();
    let open = outcome.findings.iter().filter(|finding| finding.is_open());
    let findings = open.map(|finding| {
        let place = places.primary(finding);
        json!({
            "description": finding.message,
            "check_name": finding.rule.id,
            "fingerprint": fingerprints.name(&finding.fingerprint),
            "severity": severity(finding.severity),
            "location": {
                "path": place.map_or(stand_in(finding), |place| place.file),
                "lines": {"begin": place.map_or(1, |place| place.start.line)},
            },
        })
    });
    json::text(&Value::Array(findings.collect()))
}

/// Of GitLab's five. `blocker` is for those who watch over the merge, and `minor` would hide a warning.
fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "critical",
        Severity::Warning => "major",
        Severity::Info => "info",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::report::sample;

    #[test]
    fn every_field_that_gitlab_asks_for_is_there() {
        let (outcome, sources) = sample::every_kind();
        let text = render(&outcome, &sources, Options::default());
        let expected = json!([
            {
                "description": "container `order-service` uses the tag `latest`",
                "check_name": "images/tag-mutable",
                "fingerprint": "f-47",
                "severity": "critical",
                "location": {
                    "path": "gitops/apps/order-service/overlays/production/kustomization.yaml",
                    "lines": {"begin": 3},
                },
            },
            {
                "description": "container `日本` uses the tag `latest`",
                "check_name": "images/tag-mutable",
                "fingerprint": "f-40",
                "severity": "major",
                "location": {"path": "services/日本.yaml", "lines": {"begin": 1}},
            },
            {
                "description": "nobody owns `inventory`",
                "check_name": "platform/no-owner",
                "fingerprint": "f-23",
                "severity": "info",
                "location": {"path": "gitopsctl.yaml", "lines": {"begin": 1}},
            },
        ]);
        assert_eq!(text, format!("{expected:#}\n"));
    }

    #[test]
    fn nothing_found_is_an_empty_list() {
        assert_eq!(render(&Outcome::default(), &SourceMap::default(), Options::default()), "[]\n");
    }

    #[test]
    fn fingerprints_are_unique() {
        let (outcome, sources) = sample::many(5_000);
        let text = render(&outcome, &sources, Options::default());
        let values: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        let unique: HashSet<_> = values.iter().map(|value| value["fingerprint"].to_string()).collect();
        assert_eq!((values.len(), unique.len()), (5_000, 5_000));
    }

    #[test]
    fn hostile_texts_come_back_as_they_are() {
        let (outcome, sources) = sample::hostile();
        let text = render(&outcome, &sources, Options::default());
        let values: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(values[0]["description"], sample::EVIL);
    }
}
