//! `gitopsctl lint` as a gate: settings of the target branch, and baselines.

use crate::build::git;
use crate::lint_command::{DEPLOYMENT, IMAGE, commit, found, lint, report, shop, shop_in};
use crate::support::{Repository, gitopsctl};

const OFF: &str = "~images/tag-mutable base/deployment.yaml:14";

/// A shop with one commit.
pub(crate) fn committed() -> Repository {
    let repository = shop();
    commit(&repository);
    repository
}

pub(crate) fn reset(repository: &Repository) {
    git(repository, &["checkout", "--quiet", "."]);
    git(repository, &["clean", "--quiet", "--force", "-d", "-x"]);
}

#[test]
fn a_merge_request_does_not_switch_off_its_own_gate_by_settings() {
    let repository = committed();
    let gate = ["--config-from", "HEAD"];
    for settings in [
        "disable: [images/tag-mutable]",
        "profile: none",
        "severity: {images/tag-mutable: info}",
        "suppress: [{policy: images, reason: r}]",
        "baseline: b.json",
    ] {
        lint(&repository, &["--write-baseline", "b.json"]).exits(0);
        repository.write("gitopsctl.yaml", &format!("platform: x\npolicies:\n  {settings}\n"));
        lint(&repository, &[]).exits(0);
        assert_eq!(found(&lint(&repository, &gate).exits(1)), [IMAGE], "{settings}");
        commit(&repository);
        lint(&repository, &gate).exits(0);
        lint(&repository, &["--config-from", "HEAD~1"]).exits(1);
        git(&repository, &["reset", "--quiet", "--hard", "HEAD~1"]);
    }
    repository.write("gitopsctl.yaml", "platform: x\npolicies:\n  excuse: [{overlay: '*', reason: r}]\n");
    repository.edit("base/kustomization.yaml", "deployment.yaml", "gone.yaml");
    lint(&repository, &[]).exits(0);
    lint(&repository, &gate).exits(3);
    reset(&repository);
    lint(&repository, &["--write-baseline", "b.json"]).exits(0);
    lint(&repository, &["--baseline", "b.json"]).exits(0);
    let run = repository.run(&["lint", "--baseline", "b.json", "--config-from", "HEAD"]).exits(3);
    run.says("the baseline `b.json` cannot be read: it is not in `HEAD`");
    lint(&repository, &["--config-from", "nothing"]).exits(2).says("no revision `nothing`");
}

#[test]
fn settings_of_the_target_branch_count_where_they_were_taken_away() {
    let repository = shop();
    repository.write(
        "gitopsctl.yaml",
        "platform: x\npolicies:\n  severity: {images/tag-mutable: warning}\n  enable: [probes/liveness-missing]\n",
    );
    commit(&repository);
    repository.remove("gitopsctl.yaml");
    let run = lint(&repository, &["--config-from", "HEAD"]).exits(0);
    assert_eq!(found(&run), [IMAGE, "probes/liveness-missing base/deployment.yaml:13"]);
    repository.write("gitopsctl.yaml", "platform: x\npolicies:\n  disable: [probes, images]\n");
    assert_eq!(found(&lint(&repository, &["--config-from", "HEAD"]).exits(0)).len(), 2);
    let below = Repository::empty();
    shop_in(&below, "deploy/");
    below.write("deploy/gitopsctl.yaml", "platform: x\npolicies: {severity: {images/tag-mutable: warning}}\n");
    commit(&below);
    below.remove("deploy/gitopsctl.yaml");
    let deploy = below.path().join("deploy");
    let run = gitopsctl(&deploy, &["lint", "--config-from", "HEAD", "--format", "json"]).exits(0);
    assert_eq!(found(&run), [IMAGE]);
    let elsewhere = Repository::empty();
    let target = deploy.to_string_lossy().into_owned();
    assert_eq!(found(&lint(&elsewhere, &[&target, "--config-from", "HEAD"]).exits(0)), [IMAGE]);
}

#[test]
fn faults_in_the_settings_of_the_target_branch_are_told_at_their_line() {
    let repository = shop();
    repository.write("gitopsctl.yaml", "platform: x\npolicies:\n  enable: [nothing/here]\n");
    commit(&repository);
    repository.write("gitopsctl.yaml", "# mended\nplatform: x\n");
    let run = lint(&repository, &["--config-from", "HEAD"]).exits(3);
    assert_eq!(found(&run), [IMAGE, "policy/setting gitopsctl.yaml:3"]);
    repository.write("gitopsctl.yaml", "platform: x\npolicies:\n  suppress: [{policy: waves, reason: never used}]\n");
    commit(&repository);
    repository.write("gitopsctl.yaml", "# nothing\n\n\n\nplatform: x\n");
    let run = repository.run(&["lint", "--config-from", "HEAD"]).exits(1);
    run.prints("gitopsctl.yaml:3:23").prints("suppress: [{policy: waves, reason: never used}]");
}

#[test]
fn a_merge_request_does_not_switch_off_its_own_gate_by_comments_and_annotations() {
    let repository = committed();
    let gate = ["--config-from", "HEAD"];
    let key = "gitopsctl.io/ignore.images.tag-mutable";
    let base = "base/deployment.yaml";
    let dev = "overlays/dev/kustomization.yaml";
    let annotated = |lines: &str| format!("  name: web\n  annotations:\n    {key}:{lines}\n");
    let patch = |lines: &str| format!("patches:\n- target: {{kind: Deployment}}\n  patch: |-\n{lines}");
    let escaped = key.replace('/', "~1");
    let edits = [
        (base, ":latest", ":latest # gitopsctl:ignore images why".to_owned()),
        (base, "        image", "        # gitopsctl:ignore images why\n        image".to_owned()),
        (base, "apiVersion", "# gitopsctl:ignore-file images why\napiVersion".to_owned()),
        (base, "  name: web\n", annotated(" why")),
        // The value repeats a line that was there before.
        (base, "  name: web\n", annotated("\n      spec:").replace("spec:", "\"spec:\"")),
        (dev, "", format!("commonAnnotations: {{{key}: why}}\n")),
        (
            dev,
            "",
            patch(&format!(
                "    {{apiVersion: apps/v1, kind: Deployment, metadata: {{name: web, annotations: {{{key}: why}}}}}}\n"
            )),
        ),
        (dev, "", patch(&format!("    - {{op: add, path: /metadata/annotations, value: {{{key}: why}}}}\n"))),
        (dev, "", patch(&format!("    - op: add\n      path: /metadata/annotations/{escaped}\n      value: why\n"))),
    ];
    for (path, before, after) in edits {
        match before {
            "" => repository.write(path, &format!("{}{after}", repository.read(path))),
            before => repository.edit(path, before, &after),
        }
        let name = &after;
        let without = lint(&repository, &[]);
        assert!(found(&without).iter().any(|line| line.starts_with('~')), "{name}: {}", without.stdout);
        let run = lint(&repository, &gate).exits(1);
        assert!(!found(&run).iter().any(|line| line.starts_with('~')), "{name}: {}", run.stdout);
        assert!(
            !found(&run).iter().any(|line| line.starts_with("suppressions/unused")),
            "{name}: it is used once merged"
        );
        reset(&repository);
    }
}

#[test]
fn suppressions_of_the_target_branch_hold_and_do_not_multiply() {
    let repository = shop();
    repository.edit(
        "base/deployment.yaml",
        ":latest",
        ":latest # gitopsctl:ignore images/tag-mutable follows upstream",
    );
    commit(&repository);
    let gate = ["--config-from", "HEAD"];
    assert_eq!(found(&lint(&repository, &gate).exits(0)), [OFF]);
    repository.edit("base/deployment.yaml", "apiVersion", "# moved\napiVersion");
    repository.edit("base/deployment.yaml", "example.com/web", "example.com/shop/web");
    lint(&repository, &gate).exits(0);
    let second =
        "      - name: second\n        image: x:latest # gitopsctl:ignore images/tag-mutable follows upstream\n";
    repository.write("base/deployment.yaml", &format!("{}{second}", repository.read("base/deployment.yaml")));
    lint(&repository, &[]).exits(0);
    lint(&repository, &gate).exits(1);
    repository.write("base/other.yaml", &repository.read("base/deployment.yaml").replace("name: web", "name: other"));
    git(&repository, &["checkout", "--quiet", "base/deployment.yaml"]);
    repository.edit("base/kustomization.yaml", "deployment.yaml", "deployment.yaml, other.yaml");
    let run = lint(&repository, &gate).exits(1);
    assert!(found(&run).contains(&"images/tag-mutable base/other.yaml:15".to_owned()), "{:?}", found(&run));
}

#[test]
fn own_policies_and_waivers_are_those_of_the_target_branch() {
    let repository = shop();
    repository.run(&["policy", "new", "shop/team-missing"]).exits(0);
    repository.edit("policies/shop-team-missing.yaml", "severity: warning", "severity: error");
    commit(&repository);
    let team = "shop/team-missing base/deployment.yaml:3";
    let gate = ["--only", "shop", "--config-from", "HEAD"];
    assert_eq!(found(&lint(&repository, &gate).exits(1)), [team]);
    repository.edit("policies/shop-team-missing.yaml", "severity: error", "severity: info");
    assert_eq!(found(&lint(&repository, &gate).exits(1)), [team]);
    repository.remove("policies/shop-team-missing.yaml");
    repository.run(&["lint", "--only", "shop"]).exits(2);
    assert_eq!(found(&lint(&repository, &gate).exits(1)), [team]);
    let platform = Repository::rendered();
    commit(&platform);
    let waived = ["--only", "platform/cross-domain-database", "--config-from", "HEAD"];
    let before = found(&lint(&platform, &waived).exits(0));
    assert!(!before.is_empty() && before.iter().all(|line| line.starts_with('~')), "{before:?}");
    let service = "services/archive-service.yaml";
    let text = platform.read(service);
    let (start, _) = text.split_once("waivers:").unwrap_or_else(|| panic!("{text}"));
    platform.write(service, &format!("{start}initialTag: v1.0.0\n"));
    lint(&platform, &["--only", "platform/cross-domain-database"]).exits(1);
    commit(&platform);
    platform.write(service, &text);
    lint(&platform, &waived).exits(1);
}

#[test]
fn a_baseline_holds_what_was_there_and_nothing_more() {
    let repository = shop();
    let run = repository.run(&["lint", "--write-baseline", "b.json"]).exits(0).says("wrote 1 finding to b.json");
    assert!(run.stdout.is_empty());
    let run = lint(&repository, &["--baseline", "b.json"]).exits(0);
    assert_eq!(found(&run), [OFF]);
    assert_eq!(report(&run)["findings"][0]["suppressed"]["by"], "baseline");
    repository.edit("base/deployment.yaml", "apiVersion", "# above\napiVersion");
    lint(&repository, &["--baseline", "b.json"]).exits(0);
    repository.edit(
        "base/deployment.yaml",
        "      - name: web",
        "      - {name: two, image: 'y:latest', resources: {limits: {memory: 1Gi}}}\n      - name: web",
    );
    assert_eq!(
        found(&lint(&repository, &["--baseline", "b.json"]).exits(1)),
        ["images/tag-mutable base/deployment.yaml:14", "~images/tag-mutable base/deployment.yaml:16"]
    );
    // What the settings name is written anew as a whole, also where it is not there yet.
    repository.write("gitopsctl.yaml", "platform: x\npolicies: {baseline: b.json}\n");
    lint(&repository, &["--write-baseline", "b.json"]).exits(0).says("wrote 2 findings");
    lint(&repository, &[]).exits(0);
    lint(&repository, &["--write-baseline", "b.json"]).exits(0).says("wrote 2 findings");
    repository.remove("b.json");
    lint(&repository, &["--write-baseline", "b.json"]).exits(0).says("wrote 2 findings");
    gitopsctl(&repository.path().join("overlays"), &["lint", "dev"]).exits(0);
    for (text, why) in [
        ("{}", "its version is not 1"),
        ("[", "EOF"),
        ("{\"version\": 1}", "no list"),
        ("{\"version\": 1, \"findings\": [{}]}", "no fingerprint"),
    ] {
        repository.write("b.json", text);
        repository.run(&["lint"]).exits(3).says("cannot be used").says(why);
    }
    repository.run(&["lint", "--baseline", "gone.json"]).exits(3).says("`gone.json` cannot be read");
    repository.run(&["lint", "--write-baseline", "no/such/b.json"]).exits(4).says("cannot be written");
    repository.run(&["lint", "--write-baseline", "b.json", "--fix"]).exits(2);
}

#[test]
fn of_two_equal_findings_one_may_be_in_the_baseline() {
    let repository = Repository::empty();
    let plain = DEPLOYMENT.replace("name: web\nspec", "name: web\n  namespace: a\nspec");
    repository.write("all/one.yaml", &plain);
    lint(&repository, &["all", "--write-baseline", "b.json"]).exits(0).says("wrote 1 finding");
    repository.write("all/one.yaml", &format!("{plain}---\n{}", plain.replace("namespace: a", "namespace: b")));
    let run = lint(&repository, &["all", "--baseline", "b.json"]).exits(1);
    let (open, off): (Vec<_>, Vec<_>) = found(&run).into_iter().partition(|line| !line.starts_with('~'));
    assert_eq!((open.len(), off.len()), (1, 1), "{}", run.stdout);
}
