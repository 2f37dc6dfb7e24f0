//! The baseline: what was found before, so that a repository can be held to "no more than that".

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::diag::Outcome;
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
            });
            format!("    {entry}")
        })
        .collect();
    lines.sort();
    let list = if lines.is_empty() { "[]".to_owned() } else { format!("[\n{}\n  ]", lines.join(",\n")) };
    format!("{{\n  \"version\": 1,\n  \"findings\": {list}\n}}\n")
}

/// How often each fingerprint occurs in a baseline file.
pub fn read(text: &str) -> Result<BTreeMap<String, usize>, String> {
    let root: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if root["version"] != 1 {
        return Err("its version is not 1".to_owned());
    }
    let findings = root["findings"].as_array().ok_or("it has no list of findings")?;
    let mut counts = BTreeMap::new();
    for finding in findings {
        let fingerprint = finding["fingerprint"].as_str().ok_or("a finding has no fingerprint")?;
        *counts.entry(fingerprint.to_owned()).or_default() += 1;
    }
    Ok(counts)
}

/// How often each fingerprint occurs among findings that count.
pub fn counts(outcome: &Outcome) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for finding in outcome.findings.iter().filter(|finding| finding.is_open()) {
        *counts.entry(finding.fingerprint.clone()).or_default() += 1;
    }
    counts
}

/// Leaves only what was not there before. What does not build is never old news.
pub fn drop_known(outcome: &mut Outcome, before: &BTreeMap<String, usize>) {
    let mut left = before.clone();
    outcome.findings.retain(|finding| {
        let is_fault = ["build/", "load/", "policy/"].iter().any(|stage| finding.rule.id.starts_with(stage));
        match left.get_mut(&finding.fingerprint) {
            Some(count) if *count > 0 && finding.is_open() && !is_fault => {
                *count -= 1;
                false
            }
            _ => true,
        }
    });
}
