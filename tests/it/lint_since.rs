//! `gitopsctl lint` of a merge request: what its changes can affect, and what is new.

use std::fs;

use serde_json::Value;

use crate::build::git;
use crate::lint_command::{DEPLOYMENT, IMAGE, commit, found, lint, report, shop, shop_in};
use crate::lint_gate::{committed, reset};
use crate::support::{Repository, Run, gitopsctl};

/// The overlays of all findings, sorted.
fn overlays(run: &Run) -> Vec<String> {
    let report = report(run);
    let findings = report["findings"].as_array().into_iter().flatten();
    let paths = findings.filter_map(|finding| finding["overlays"].as_array()).flatten();
    let mut all: Vec<String> = paths.filter_map(|path| path.as_str().map(str::to_owned)).collect();
    all.sort();
    all
}

#[test]
fn only_what_a_change_can_affect() {
    let repository = shop();
    repository.write("readme.md", "shop\n");
    repository.write("other/kustomization.yaml", "resources: [a.yaml]\n");
    repository.write("other/overlays/dev/kustomization.yaml", "resources: [deployment.yaml]\n");
    repository.write("other/overlays/dev/deployment.yaml", DEPLOYMENT);
    commit(&repository);
    let since = |repository: &Repository| -> Vec<String> {
        let mut all = overlays(&lint(repository, &["--since", "HEAD"]));
        all.dedup();
        all
    };
    let run = repository.run(&["lint", "--since", "HEAD"]).exits(0);
    run.prints("no findings").says("the changes affect no overlay");
    let (shop_overlays, other) = (["overlays/dev", "overlays/production"], "other/overlays/dev");
    let all = [other, shop_overlays[0], shop_overlays[1]];
    let changed = format!("{DEPLOYMENT}\n");
    let policy = repository.run(&["policy", "new", "shop/x", "--dry-run"]).exits(0).stdout;
    let cases: [(&str, &str, &[&str]); 7] = [
        ("readme.md", "more\n", &[]),
        ("base/deployment.yaml", &changed, &shop_overlays),
        ("overlays/dev/kustomization.yaml", "resources: [../../base]\n", &shop_overlays[..1]),
        ("overlays/production/new.yaml", "a: 1\n", &shop_overlays[1..]),
        ("overlays/production/readme.md", "new\n", &[]),
        ("gitopsctl.yaml", "platform: x\n", &all),
        ("policies/x.yaml", &policy, &all),
    ];
    for (path, text, expected) in cases {
        repository.write(path, text);
        assert_eq!(since(&repository), expected, "{path}");
        if path.starts_with("base") {
            let others = lint(&repository, &["other/overlays/dev", "--since", "HEAD"]).exits(0);
            assert!(found(&others).is_empty());
        }
        reset(&repository);
    }
    let moved = repository.path().join("overlays/moved");
    fs::rename(repository.path().join("overlays/dev"), moved).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(since(&repository), ["overlays/moved"], "a renamed directory");
    reset(&repository);
    git(&repository, &["clean", "--quiet", "--force", "-d"]);
    repository.remove("base/deployment.yaml");
    lint(&repository, &["--since", "HEAD"]).exits(3);
    reset(&repository);
    repository.write("base/deployment.yaml", &format!("{DEPLOYMENT}# more\n"));
    commit(&repository);
    assert_eq!(found(&lint(&repository, &["--since", "HEAD~1", "--rev", "HEAD"]).exits(1)), [IMAGE]);
    assert_eq!(found(&lint(&repository, &["--since", "HEAD~1", "overlays/production"]).exits(1)), [IMAGE]);
    lint(&repository, &["--since", "gone"]).exits(2).says("no revision `gone`");
}

#[test]
fn a_changed_application_affects_what_it_deploys() {
    let repository = shop();
    let application = |name: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\nspec:\n  project: default\n  source:\n    repoURL: https://git.example.com/x.git\n    path: overlays/{name}\n    targetRevision: v1\n  destination: {{namespace: {name}, name: c}}\n"
        )
    };
    repository.write("argocd/dev.yaml", &application("dev"));
    repository.write("argocd/production.yaml", &application("production"));
    repository.write("plain/deployment.yaml", DEPLOYMENT);
    repository.write("argocd/plain.yaml", &application("plain").replace("overlays/", ""));
    commit(&repository);
    git(&repository, &["remote", "add", "origin", "https://git.example.com/x.git"]);
    let overlays = |arguments: &[&str]| overlays(&lint(&repository, arguments));
    let since = ["--only", "images/tag-mutable", "--since", "HEAD"];
    assert!(overlays(&since).is_empty());
    repository.edit("argocd/dev.yaml", "namespace: dev", "namespace: develop");
    assert_eq!(overlays(&since), ["overlays/dev"]);
    reset(&repository);
    repository.write("plain/another.yaml", &DEPLOYMENT.replace("name: web", "name: another"));
    assert_eq!(overlays(&since), ["plain", "plain"]);
    reset(&repository);
    repository.write("overlays/production/.argocd-source.yaml", "kustomize: {namePrefix: a-}\n");
    assert_eq!(overlays(&since), ["overlays/production"]);
    reset(&repository);
    repository.edit("argocd/dev.yaml", "overlays/dev", "overlays/devel");
    let run = lint(&repository, &["--since", "HEAD", "--only", "argocd/path-missing"]).exits(1);
    assert_eq!(found(&run), ["argocd/path-missing argocd/dev.yaml:9"], "no overlay is affected, and yet it is wrong");
}

#[test]
fn a_set_is_affected_by_the_files_that_it_reads() {
    let repository = shop();
    repository.write("config/dev.json", "{\"name\": \"dev\"}\n");
    repository.write("argocd/set.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: shop}\nspec:\n  goTemplate: true\n  generators:\n  - git:\n      repoURL: https://git.example.com/x.git\n      revision: v1\n      files: [{path: 'config/*.json'}]\n  template:\n    metadata: {name: '{{.name}}'}\n    spec:\n      project: default\n      source: {repoURL: https://git.example.com/x.git, path: 'overlays/{{.name}}', targetRevision: v1}\n      destination: {namespace: x, name: c}\n");
    commit(&repository);
    git(&repository, &["remote", "add", "origin", "https://git.example.com/x.git"]);
    let since = ["--only", "images/tag-mutable", "--since", "HEAD"];
    assert!(found(&lint(&repository, &since).exits(0)).is_empty());
    repository.write("config/dev.json", "{\"name\": \"dev\", \"more\": 1}\n");
    let run = lint(&repository, &since).exits(1);
    assert_eq!(
        (found(&run), &report(&run)["findings"][0]["overlays"]),
        (vec![IMAGE.to_owned()], &serde_json::json!(["overlays/dev"]))
    );
}

#[test]
fn a_change_below_or_beside_the_root_of_the_settings() {
    let repository = Repository::empty();
    shop_in(&repository, "deploy/");
    repository.write("deploy/gitopsctl.yaml", "platform: x\n");
    repository.write("shared/deployment.yaml", &DEPLOYMENT.replace("name: web", "name: shared"));
    repository.write("shared/kustomization.yaml", "resources: [deployment.yaml]\n");
    repository.write("deploy/overlays/dev/kustomization.yaml", "resources: [../../../shared]\n");
    commit(&repository);
    let deploy = repository.path().join("deploy");
    let since = |arguments: &[&str]| {
        let run = gitopsctl(&deploy, &[&["lint", "--format", "json", "--since", "HEAD"], arguments].concat());
        let report = report(&run);
        report["findings"][0]["overlays"].clone()
    };
    assert_eq!(since(&[]), Value::Null);
    repository.edit("deploy/overlays/production/kustomization.yaml", "namespace: production", "namespace: prod");
    assert_eq!(since(&[]), serde_json::json!(["overlays/production"]));
    reset(&repository);
    repository.edit("shared/deployment.yaml", "apiVersion", "# outside\napiVersion");
    assert_eq!(since(&[]), serde_json::json!(["overlays/dev"]));
    assert_eq!(since(&["overlays"]), serde_json::json!(["overlays/dev"]));
    assert_eq!(since(&["overlays/production"]), Value::Null);
}

#[test]
fn a_suppression_that_a_change_adds_is_judged() {
    let repository = committed();
    repository.edit(
        "overlays/dev/kustomization.yaml",
        "namespace: dev",
        "namespace: dev # gitopsctl:ignore waves/ladder why",
    );
    let run = lint(&repository, &["--since", "HEAD"]).exits(1);
    assert_eq!(found(&run), [IMAGE, "suppressions/unused overlays/dev/kustomization.yaml:2"]);
}

#[test]
fn only_what_is_new() {
    let repository = committed();
    lint(&repository, &["--new-only"]).exits(0);
    repository.edit("base/deployment.yaml", "apiVersion", "# above\napiVersion");
    assert!(found(&lint(&repository, &["--new-only"]).exits(0)).is_empty());
    repository.edit(
        "base/deployment.yaml",
        "      - name: web",
        "      - {name: two, image: 'y:latest', resources: {limits: {memory: 1Gi}}}\n      - name: web",
    );
    let new = ["images/tag-mutable base/deployment.yaml:14"];
    assert_eq!(found(&lint(&repository, &["--new-only"]).exits(1)), new);
    assert_eq!(found(&lint(&repository, &["--new-only", "--since", "HEAD"]).exits(1)), new);
    git(&repository, &["checkout", "--quiet", "-b", "topic"]);
    commit(&repository);
    assert_eq!(found(&lint(&repository, &["--new-only", "--since", "main"]).exits(1)), new);
    assert_eq!(found(&lint(&repository, &["--new-only", "--since", "main", "--rev", "topic"]).exits(1)), new);
    // A target that was not there is new as a whole.
    repository.write("more/overlays/dev/kustomization.yaml", "resources: [deployment.yaml]\n");
    repository.write("more/overlays/dev/deployment.yaml", DEPLOYMENT);
    let run = lint(&repository, &["more", "--new-only"]).exits(1);
    assert_eq!(found(&run), ["images/tag-mutable more/overlays/dev/deployment.yaml:14"]);
    let alone = shop();
    lint(&alone, &["--new-only"]).exits(2).says("no default branch");
}

#[test]
fn a_shallow_clone_without_a_merge_base_compares_what_it_has() {
    let repository = committed();
    git(&repository, &["checkout", "--quiet", "-b", "topic"]);
    repository.edit("base/deployment.yaml", ":latest", ":latest # more");
    commit(&repository);
    let clone = Repository::empty();
    let url = format!("file://{}", repository.path().display());
    git(&clone, &["clone", "--quiet", "--depth", "1", "--branch", "topic", &url, "shop"]);
    let inside = clone.path().join("shop");
    let fetched = std::process::Command::new("git")
        .args(["fetch", "--quiet", "--depth", "1", "origin", "main:main"])
        .current_dir(&inside)
        .status();
    assert!(fetched.is_ok_and(|status| status.success()));
    let run = gitopsctl(&inside, &["lint", "--since", "main", "--format", "json"]).exits(1);
    assert_eq!(found(&run), [IMAGE]);
    gitopsctl(&inside, &["lint", "--since", "main~1"]).exits(2).says("no revision");
}
