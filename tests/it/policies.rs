//! The built-in policies: their tests, their shape, and that they speak for themselves.

use std::collections::BTreeSet;

use gitopsctl::pipeline::trial;
use gitopsctl::policy::{self, POLICY_SCHEMA};
use gitopsctl::source::SourceMap;

use crate::support::{Repository, files, project};

/// Every policy file, by its path.
fn all() -> Vec<(String, String)> {
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap_or_else(|error| panic!("{error}"));
    files(&project().join("policies")).into_iter().map(|(path, bytes)| (path, text(bytes))).collect()
}

#[test]
fn every_test_of_every_policy_passes() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (path, text) in all() {
        let mut sources = SourceMap::default();
        let file = sources.add(&*path, &*text);
        let policies = policy::policies(&text, file, &path, false).unwrap_or_else(|error| panic!("{path}: {error:?}"));
        let cases = policy::cases(&text, file, &path).unwrap_or_else(|error| panic!("{path}: {error:?}"));
        for (policy, cases) in policies.iter().zip(&cases) {
            for verdict in trial::run(policy, cases) {
                count += 1;
                wrong.extend(verdict.fault.map(|fault| format!("{}: {}: {fault}", verdict.policy, verdict.name)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(count > 1000, "{count} tests");
}

#[test]
fn policies_are_called_like_their_files_and_fit_the_schema() {
    let schema: serde_json::Value = serde_json::from_str(POLICY_SCHEMA).unwrap_or_else(|error| panic!("{error}"));
    let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{error}"));
    let categories = [
        "kubernetes",
        "admission",
        "waves",
        "probes",
        "resources",
        "images",
        "kustomize",
        "argocd",
        "dapr",
        "references",
        "availability",
        "security",
        "secrets",
        "platform",
        "catalog",
        "suppressions",
    ];
    let (mut titles, mut wrong) = (BTreeSet::new(), Vec::new());
    for (path, text) in all() {
        let mut sources = SourceMap::default();
        let file = sources.add(&*path, &*text);
        let policies = policy::policies(&text, file, &path, false).unwrap_or_else(|error| panic!("{path}: {error:?}"));
        let documents =
            gitopsctl::yaml::load::documents(&text, file).unwrap_or_else(|error| panic!("{path}: {error:?}"));
        for (policy, document) in policies.iter().zip(&documents) {
            let json = gitopsctl::yaml::json::value(document).unwrap_or_else(|error| panic!("{path}: {error:?}"));
            wrong
                .extend(validator.iter_errors(&json).map(|error| format!("{path}: {} {error}", error.instance_path())));
            let rule = &policy.rule;
            if format!("{}.yaml", policy.id()) != path {
                wrong.push(format!("{path}: its id is {}", policy.id()));
            }
            if !categories.contains(&policy.category()) {
                wrong.push(format!("{path}: no such category"));
            }
            if !titles.insert(rule.title.clone()) {
                wrong.push(format!("{path}: another policy has the same title"));
            }
            let is_sentence = |text: &str| text.len() > 20 && text.trim_end().ends_with(['.', '?', '`', '"', ')']);
            if rule.title.ends_with('.') || !is_sentence(&rule.rationale) || rule.remediation.len() < 10 {
                wrong.push(format!("{path}: title, rationale or remediation is no sentence"));
            }
            if rule.aliases.iter().any(|alias| !alias.contains('/')) {
                wrong.push(format!("{path}: an alias is peer/its-own-id"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The ids of kube-linter, kube-score and Polaris, as the field has them; three wait for schemas.
#[test]
fn every_check_of_the_peers_is_known_by_its_alias() {
    let repository = Repository::empty();
    let list = repository.run(&["policy", "list", "--format", "json"]).exits(0).stdout;
    let list: serde_json::Value = serde_json::from_str(&list).unwrap_or_else(|error| panic!("{error}"));
    let aliases: BTreeSet<&str> = list["policies"]
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|policy| policy["aliases"].as_array().into_iter().flatten())
        .filter_map(|alias| alias.as_str())
        .collect();
    let count = |peer: &str| aliases.iter().filter(|alias| alias.starts_with(peer)).count();
    assert_eq!((count("kube-linter/"), count("kube-score/"), count("polaris/")), (61, 38, 44));
    for policy in list["policies"].as_array().into_iter().flatten() {
        let id = policy["id"].as_str().unwrap_or_default();
        assert!(
            policy["title"].is_string() && policy["severity"].is_string() && policy["enabled"].is_boolean(),
            "{id}"
        );
    }
}
