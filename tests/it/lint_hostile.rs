//! `gitopsctl lint` on what an attacker or an accident puts into a repository: it ends soon, tells what it can, and
//! nothing that it prints steers a terminal.

use std::fmt::Write as _;
use std::fs;
use std::time::{Duration, Instant};

use crate::lint_command::{DEPLOYMENT, IMAGE, commit, found, lint, report, shop};
use crate::support::{Repository, Run};

/// More than a debug build on a busy machine takes.
const SOON: Duration = Duration::from_secs(20);

/// Runs, and asserts that it neither takes long nor dies.
fn soon(repository: &Repository, arguments: &[&str]) -> Run {
    let start = Instant::now();
    let run = lint(repository, arguments);
    assert!(start.elapsed() < SOON, "{:?}", start.elapsed());
    assert!(matches!(run.code, Some(0..=3)), "{run:?}");
    run
}

#[test]
fn nothing_steers_a_terminal() {
    let repository = shop();
    repository.write("base/service.yaml", "apiVersion: v1\nkind: Service\nmetadata:\n  name: \"a\\e]0;owned\\a\\u202e\\u009b31m\"\nspec: {selector: {app: web}, ports: [{port: 80, name: \"x\\e[31m\"}]}\n");
    repository.edit("base/kustomization.yaml", "deployment.yaml", "deployment.yaml, service.yaml");
    repository.write("policies/e.yaml", "apiVersion: gitopsctl.io/v1\nid: \"a\\e[31m\"\n");
    for format in ["human", "json", "sarif", "junit", "github", "gitlab", "markdown"] {
        let run = repository.run(&["lint", "--profile", "strict", "--format", format, "--color", "never"]);
        for text in [&run.stdout, &run.stderr] {
            let evil =
                text.find(|char: char| char.is_control() && !"\n\t".contains(char) || matches!(char, '\u{202e}'));
            assert_eq!(evil, None, "{format}: {text:?}");
        }
    }
}

#[test]
fn bombs_do_not_go_off() {
    let mut aliases =
        String::from("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\nx0: &x0 [a,a,a,a,a,a,a,a,a,a]\n");
    for at in 1..12 {
        let _ = writeln!(aliases, "x{at}: &x{at} [{}]", vec![format!("*x{}", at - 1); 10].join(","));
    }
    let deep = format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\nx: {}\n", "[".repeat(20_000));
    let json = format!("{{\"apiVersion\": \"v1\", \"kind\": \"ConfigMap\", \"x\": {}1", "[".repeat(20_000));
    for (name, text) in [("a.yaml", &aliases), ("a.yaml", &deep), ("a.json", &json)] {
        let repository = shop();
        repository.write(&format!("bomb/{name}"), text);
        soon(&repository, &["bomb"]).exits(3);
        soon(&repository, &[&format!("bomb/{name}")]).exits(3);
        soon(&repository, &[]).exits(1);
        repository.edit("base/kustomization.yaml", "deployment.yaml", &format!("deployment.yaml, ../bomb/{name}"));
        soon(&repository, &["base"]).exits(3);
    }
}

#[test]
fn giant_files_and_other_things_than_files_are_passed_over_or_told() {
    let repository = shop();
    repository.write("plain/deployment.yaml", DEPLOYMENT);
    repository.write("plain/large.yaml", &format!("{DEPLOYMENT}{}", "# nothing but words\n".repeat(1_700_000)));
    let run = soon(&repository, &["plain"]).exits(3);
    assert_eq!(found(&run), ["images/tag-mutable plain/deployment.yaml:14", "load/unreadable ?:null"]);
    fs::write(repository.path().join("plain/large.yaml"), b"apiVersion: \xff\n")
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found(&soon(&repository, &["plain"]).exits(3)).len(), 2);
    assert_eq!(found(&soon(&repository, &[]).exits(1)), [IMAGE]);
}

#[cfg(unix)]
#[test]
fn links_pipes_and_strange_names() {
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::fs::symlink;
    let repository = shop();
    let path = |name: &str| repository.path().join(name);
    let link = |to: &str, name: &str| symlink(to, path(name)).unwrap_or_else(|error| panic!("{error}"));
    link(".", "base/loop");
    link("b", "a");
    link("a", "b");
    link("/dev/zero", "base/zero.yaml");
    link("nowhere.yaml", "gone.yaml");
    let made = std::process::Command::new("mkfifo").arg(path("base/pipe.yaml")).status();
    assert!(made.is_ok_and(|status| status.success()));
    let strange = repository.path().join("base").join(std::ffi::OsStr::from_bytes(b"\xff.yaml"));
    fs::write(strange, "a: 1\n").unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(found(&soon(&repository, &[]).exits(1)), [IMAGE]);
    soon(&repository, &["base/pipe.yaml"]).exits(3);
    soon(&repository, &["base/zero.yaml"]).exits(3);
    repository.edit("base/kustomization.yaml", "deployment.yaml", "deployment.yaml, pipe.yaml");
    soon(&repository, &[]).exits(3);
    repository.edit("base/kustomization.yaml", "pipe.yaml", "loop");
    soon(&repository, &[]).exits(3);
    repository.edit("base/kustomization.yaml", "loop", "zero.yaml");
    soon(&repository, &[]).exits(3);
}

#[test]
fn sets_waves_and_patterns_without_measure() {
    let repository = shop();
    let mut set = String::from(
        "apiVersion: argoproj.io/v1alpha1\nkind: ApplicationSet\nmetadata: {name: x}\nspec:\n  goTemplate: true\n  generators:\n  - matrix:\n      generators:\n",
    );
    for key in ["a", "b"] {
        set += "      - list:\n          elements:\n";
        for at in 0..2000 {
            let _ = writeln!(set, "          - {{{key}: v{at}}}");
        }
    }
    set += "  template:\n    metadata: {name: 'x-{{.a}}-{{.b}}'}\n    spec:\n      project: default\n      source: {repoURL: https://git.example.com/x.git, path: overlays/dev, targetRevision: main}\n      destination: {namespace: x, name: c}\n";
    repository.write("argocd/set.yaml", &set);
    soon(&repository, &[]);
    repository.remove("argocd/set.yaml");
    for wave in ["99999999999999999999", "-9223372036854775808", "9223372036854775807", "1e5", "0x10", "+1", ""] {
        let text = DEPLOYMENT.replace(
            "  name: web\nspec",
            &format!("  name: web\n  annotations: {{argocd.argoproj.io/sync-wave: '{wave}'}}\nspec"),
        );
        repository.write("base/deployment.yaml", &text);
        soon(&repository, &["--only", "waves"]);
    }
    let stars = "*a".repeat(60);
    let name = "a".repeat(200);
    repository
        .write("base/deployment.yaml", &DEPLOYMENT.replace("  name: web\nspec", &format!("  name: {name}\nspec")));
    repository.write("gitopsctl.yaml", &format!("platform: x\npolicies:\n  suppress: [{{policy: images, reason: r, objects: ['Deployment/{stars}b'], overlays: ['{stars}b']}}]\n  external: ['Secret/{stars}b']\n"));
    soon(&repository, &[]).exits(1);
}

#[test]
fn expressions_and_patterns_of_policies_without_measure() {
    let repository = shop();
    repository.edit("base/deployment.yaml", "  name: web\n", &format!("  name: {}c\n", "a".repeat(60)));
    let head = "apiVersion: gitopsctl.io/v1\nkind: Policy\nid: shop/rule\ntitle: t\nrationale: r\nremediation: m\nmatch: {kinds: [Deployment]}\n";
    for pattern in ["^(a*)*$", "^(a|a)*$", r"^(a*)*\1b$", r"^(?=(a+)+$)b"] {
        repository.write(
            "policies/p.yaml",
            &format!(
                "{head}schema: {{properties: {{metadata: {{properties: {{name: {{pattern: '{pattern}'}}}}}}}}}}\n"
            ),
        );
        soon(&repository, &["--only", "shop"]);
    }
    let open = "(".repeat(50_000);
    let shut = ")".repeat(50_000);
    repository.write("policies/p.yaml", &format!("{head}cel: [{{expression: \"{open}true{shut}\"}}]\n"));
    soon(&repository, &["--only", "shop"]).exits(3);
    repository.write("policies/p.yaml", &format!("{head}schema: {}true{}\n", "{not: ".repeat(500), "}".repeat(500)));
    soon(&repository, &["--only", "shop"]);
    repository.write("policies/p.yaml", &format!("{head}schema: {{$ref: '#'}}\n"));
    soon(&repository, &["--only", "shop"]);
    repository.write("policies/p.yaml", &format!("{head}schema: {{$ref: 'file:///etc/passwd'}}\n"));
    soon(&repository, &["--only", "shop"]).exits(3);
    repository.write("policies/p.yaml", &format!("{head}schema: {{$ref: 'https://example.com/schema.json'}}\n"));
    soon(&repository, &["--only", "shop"]).exits(3);
}

#[test]
fn thousands_of_findings() {
    let repository = Repository::empty();
    let all: Vec<String> = (0..1500).map(|at| DEPLOYMENT.replace("web", &format!("web{at}"))).collect();
    repository.write("many/a.yaml", &all.join("---\n"));
    let run = soon(&repository, &["many", "--profile", "strict"]).exits(1);
    let summary = &report(&run)["summary"];
    let count = |key: &str| summary[key].as_u64().unwrap_or(0);
    assert!(count("errors") >= 1500 && count("errors") + count("warnings") + count("infos") > 15_000, "{summary}");
    let comment = DEPLOYMENT.replace(":latest", ":latest # gitopsctl:ignore images/tag-mutable why");
    let all: Vec<String> = (0..1500).map(|at| comment.replace("web", &format!("web{at}"))).collect();
    repository.write("many/a.yaml", &all.join("---\n"));
    commit(&repository);
    soon(&repository, &["many", "--only", "images/tag-mutable,suppressions", "--config-from", "HEAD"]).exits(0);
}

#[test]
fn strange_values_where_others_are_due() {
    let values =
        ["null", "1", "text", "[]", "{}", "[null]", "[[1]]", "{a: null}", "!!binary aGk=", "1e400", "-0", "'\\0'", "~"];
    let places = [
        "metadata: {name: web, annotations: @}",
        "metadata: {name: web, labels: @}",
        "metadata: {name: @}",
        "metadata: {name: web, namespace: @}",
        "metadata: @",
        "spec: @",
        "spec: {template: @}",
        "spec: {template: {spec: @}}",
        "spec: {template: {spec: {containers: @}}}",
        "spec: {template: {spec: {containers: [@]}}}",
        "spec: {template: {spec: {containers: [{name: a, image: @}]}}}",
        "spec: {template: {spec: {containers: [{name: a, image: a, env: @, ports: @, resources: @, livenessProbe: @, securityContext: @}]}}}",
        "spec: {template: {spec: {containers: [{name: a, env: [@], ports: [@], volumeMounts: [@], resources: {limits: @, requests: @}}]}}}",
        "spec: {template: {spec: {volumes: [@], initContainers: [@], securityContext: @, affinity: @}}}",
    ];
    let repository = Repository::empty();
    for kind in [
        "apps/v1 Deployment",
        "batch/v1 CronJob",
        "v1 Service",
        "argoproj.io/v1alpha1 Application",
        "argoproj.io/v1alpha1 Rollout",
        "dapr.io/v1alpha1 Component",
        "networking.k8s.io/v1 NetworkPolicy",
        "autoscaling/v2 HorizontalPodAutoscaler",
    ] {
        let (api_version, kind) = kind.split_once(' ').unwrap_or_default();
        let mut at = 0;
        for place in places {
            for value in values {
                at += 1;
                let text = format!(
                    "apiVersion: {api_version}\nkind: {kind}\n{}{}\n",
                    if place.starts_with("spec") { "metadata: {name: web}\n" } else { "" },
                    place.replace('@', value)
                );
                repository.write(&format!("odd/{kind}{at}.yaml"), &text);
            }
        }
    }
    soon(&repository, &["odd", "--profile", "strict"]);
    for entry in fs::read_dir(repository.path().join("odd")).unwrap_or_else(|error| panic!("{error}")).take(40) {
        let path = entry.unwrap_or_else(|error| panic!("{error}")).path();
        soon(&repository, &[&path.to_string_lossy(), "--profile", "strict"]);
    }
}
