//! The baseline: what was found before, so that a repository can be held to "no more than that".

use serde_json::{Value, json};

use crate::diag::Outcome;
use crate::policy::{self, Known};
use crate::source::SourceMap;

/// The file for what is found now, in a form that reviews can read and that merges well: one finding a line.
pub fn text(outcome: &Outcome, sources: &SourceMap) -> String {
    let mut lines: Vec<String> = outcome
        .findings
        .iter()
        .filter(|finding| finding.is_open())
        .map(|finding| {
            let file = finding.labels.first().map_or("", |label| &*sources.file(label.span.file).path);
            let entry = json!({
                "policy": finding.rule.id, "file": file, "message": finding.message, "fingerprint": finding.fingerprint,
                "in": policy::places(finding),
            });
            format!("    {entry}")
        })
        .collect();
    lines.sort();
    let list = if lines.is_empty() { "[]".to_owned() } else { format!("[\n{}\n  ]", lines.join(",\n")) };
    format!("{{\n  \"version\": 1,\n  \"findings\": {list}\n}}\n")
}

/// What a baseline file holds. A finding that says not where it is `in` is known everywhere.
pub fn read(text: &str) -> Result<Known, String> {
    let root: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if root["version"] != 1 {
        return Err("its version is not 1".to_owned());
    }
    let findings = root["findings"].as_array().ok_or("it has no list of findings")?;
    let mut known = Known::default();
    for finding in findings {
        let fingerprint = finding["fingerprint"].as_str().ok_or("a finding has no fingerprint")?;
        let places = finding["in"]
            .as_array()
            .map(|names| names.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>());
        known.add(fingerprint, places);
    }
    Ok(known)
}

/// The findings that count.
pub fn known(outcome: &Outcome) -> Known {
    let mut known = Known::default();
    for finding in outcome.findings.iter().filter(|finding| finding.is_open()) {
        known.add_finding(finding);
    }
    known
}

/// Leaves only what was not there before. What does not build is never old news.
pub fn drop_known(outcome: &mut Outcome, before: &Known) {
    let mut left = before.clone();
    outcome.findings.retain(|finding| {
        let is_fault = ["build/", "load/", "policy/"].iter().any(|stage| finding.rule.id.starts_with(stage));
        !(finding.is_open() && !is_fault && left.take(finding))
    });
}
