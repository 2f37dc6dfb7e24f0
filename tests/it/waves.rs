//! `gitopsctl waves`: the order in which Argo CD's sync engine works. The corpus of the real engine's orders is run by
//! `tests/corpora`, where it is at hand.

use serde_json::Value;

use crate::build::git;
use crate::support::{Repository, Run};

fn object(api_version: &str, kind: &str, name: &str, annotations: &str) -> String {
    format!(
        "apiVersion: {api_version}\nkind: {kind}\nmetadata:\n  name: {name}\n  annotations: {{{annotations}}}\n---\n"
    )
}

/// `phase wave action kind name` of each task.
fn tasks(run: &Run) -> Vec<String> {
    let printed: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout));
    assert_eq!(printed["version"], 1);
    let tasks = printed["applications"][0]["tasks"].as_array().cloned().unwrap_or_default();
    let text = |task: &Value, key: &str| task[key].to_string().trim_matches('"').to_owned();
    tasks.iter().map(|task| ["phase", "wave", "action", "kind", "name"].map(|key| text(task, key)).join(" ")).collect()
}

#[test]
fn phases_waves_kinds_and_names_in_the_engines_order() {
    let repository = Repository::empty();
    let text = [
        object("example.com/v1", "Thing", "b", ""),
        object("v1", "Service", "a", ""),
        object("apps/v1", "Deployment", "late", "argocd.argoproj.io/sync-wave: '2'"),
        object("apps/v1", "Deployment", "odd", "argocd.argoproj.io/sync-wave: ' 2'"),
        object("batch/v1", "Job", "migrate", "argocd.argoproj.io/hook: PreSync"),
        object("batch/v1", "Job", "gone", "argocd.argoproj.io/hook: presync"),
        object("batch/v1", "Job", "skipped", "argocd.argoproj.io/hook: Skip"),
        object("batch/v1", "Job", "both", "helm.sh/hook: 'pre-install,post-install', helm.sh/hook-weight: '-5'"),
        object("v1", "Namespace", "shop", "argocd.argoproj.io/sync-wave: '9'"),
    ];
    repository.write("a.yaml", &text.concat());
    let run = repository.run(&["waves", "a.yaml", "--namespace", "shop", "--format", "json"]).exits(0);
    let expected = [
        "PreSync -5 apply Namespace shop",
        "PreSync -5 apply Job both",
        "PreSync 0 apply Job migrate",
        "Sync 0 apply Service a",
        "Sync 0 apply Deployment odd",
        "Sync 0 apply Thing b",
        "Sync 2 apply Deployment late",
        "PostSync -5 apply Job both",
    ];
    assert_eq!(tasks(&run), expected);
}

#[test]
fn what_is_no_longer_there_is_pruned_in_reverse() {
    let repository = Repository::empty();
    let map =
        |name: &str, wave: &str| object("v1", "ConfigMap", name, &format!("argocd.argoproj.io/sync-wave: '{wave}'"));
    repository.write("a.yaml", &map("kept", "1"));
    repository.write("live.yaml", &[map("kept", "1"), map("first", "0"), map("second", "3")].concat());
    let run = repository.run(&["waves", "a.yaml", "--live", "live.yaml", "--format", "json"]).exits(0);
    assert_eq!(
        tasks(&run),
        ["Sync 0 prune ConfigMap second", "Sync 1 apply ConfigMap kept", "Sync 3 prune ConfigMap first"]
    );
    let run = repository.run(&["waves", "a.yaml", "--live", "live.yaml", "--prune-last", "--format", "json"]).exits(0);
    assert_eq!(
        tasks(&run),
        ["Sync 1 apply ConfigMap kept", "Sync 4 prune ConfigMap first", "Sync 4 prune ConfigMap second"]
    );
}

#[test]
fn a_target_is_a_kustomization_several_or_plain_manifests() {
    let repository = Repository::rendered();
    let one = repository.run(&["waves", "gitops/apps/order-service/overlays/production"]).exits(0);
    assert!(one.stdout.contains("PreSync wave 0\n") && one.stdout.contains("Sync wave 2\n"), "{}", one.stdout);
    let all = repository.run(&["waves"]).exits(0);
    let title = "order-service-dev (gitops/apps/order-service/overlays/dev)\n";
    assert!(all.stdout.contains(title), "{}", all.stdout);
    repository.write("plain/a.yaml", &object("v1", "ConfigMap", "a", ""));
    assert!(repository.run(&["waves", "plain"]).exits(0).stdout.contains("  ConfigMap a\n"));
    repository.write("plain/b.yaml", "kind: ConfigMap\nmetadata: {name: b}\n");
    repository.run(&["waves", "plain"]).exits(3).says("has no apiVersion or kind");
    repository.run(&["waves", "nothing"]).exits(3).says("cannot enter the directory `nothing`");
    repository.write("empty/readme.md", "nothing");
    repository.run(&["waves", "empty"]).exits(3).says("no kustomization and no manifest");
}

#[test]
fn a_revision_says_what_is_live() {
    let repository = Repository::empty();
    let map =
        |name: &str, wave: &str| object("v1", "ConfigMap", name, &format!("argocd.argoproj.io/sync-wave: '{wave}'"));
    for (overlay, names) in [("dev", ["a", "b"]), ("production", ["c", "d"])] {
        repository.write(&format!("overlays/{overlay}/kustomization.yaml"), "resources: [all.yaml]\n");
        repository.write(&format!("overlays/{overlay}/all.yaml"), &[map(names[0], "0"), map(names[1], "1")].concat());
    }
    git(&repository, &["init", "--quiet"]);
    git(&repository, &["add", "--all"]);
    git(&repository, &["commit", "--quiet", "--message", "first"]);
    repository.write("overlays/dev/all.yaml", &map("a", "0"));
    let run = repository.run(&["waves", "overlays/dev", "--live-rev", "HEAD", "--format", "json"]).exits(0);
    assert_eq!(tasks(&run), ["Sync 0 apply ConfigMap a", "Sync 1 prune ConfigMap b"]);
    let all = repository.run(&["waves", "--live-rev", "HEAD"]).exits(0);
    assert_eq!(all.stdout.matches("prune").count(), 1, "{}", all.stdout);
    repository.run(&["waves", "overlays/dev/all.yaml", "--live-rev", "HEAD"]).exits(0).prints("prune ConfigMap b");
    repository.write("plain/a.yaml", &map("a", "0"));
    repository.run(&["waves", "--live", "plain"]).exits(2).says("several overlays");
    repository.run(&["waves", "-", "--live-rev", "HEAD"]).exits(2).says("`-` is read once");
    repository.remove("overlays/dev/kustomization.yaml");
    let gone = repository.run(&["waves", "overlays", "--live-rev", "HEAD"]).exits(0);
    gone.says("`overlays/dev` is only in what is live");
    std::fs::write(repository.path().join("plain/b.yaml"), b"\xff").unwrap_or_else(|error| panic!("{error}"));
    repository.run(&["waves", "plain"]).exits(3).says("is not UTF-8 text");
    repository.run(&["waves", "--live-rev", "nothing"]).exits(2).says("no revision `nothing`");
}
