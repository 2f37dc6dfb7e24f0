//! `gitopsctl lint` as its users call it: targets, options, settings, formats, exit codes.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::build::git;
use crate::support::{Repository, Run, gitopsctl};

/// A base with an image of no fixed version, and two overlays over it.
pub(crate) fn shop() -> Repository {
    let repository = Repository::empty();
    shop_in(&repository, "");
    repository
}

/// The same below a folder, which is empty or ends in `/`.
pub(crate) fn shop_in(repository: &Repository, folder: &str) {
    repository.write(&format!("{folder}base/kustomization.yaml"), "resources: [deployment.yaml]\n");
    repository.write(&format!("{folder}base/deployment.yaml"), DEPLOYMENT);
    for environment in ["dev", "production"] {
        let text = format!("resources: [../../base]\nnamespace: {environment}\n");
        repository.write(&format!("{folder}overlays/{environment}/kustomization.yaml"), &text);
    }
}

pub(crate) const DEPLOYMENT: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - name: web
        image: example.com/web:latest
        resources: {limits: {memory: 64Mi}}
";

/// The image of no fixed version, the only error of [`shop`].
pub(crate) const IMAGE: &str = "images/tag-mutable base/deployment.yaml:14";

pub(crate) fn commit(repository: &Repository) {
    if !repository.has(".git") {
        git(repository, &["init", "--quiet"]);
    }
    git(repository, &["add", "--all"]);
    git(repository, &["commit", "--quiet", "--allow-empty", "--message", "more"]);
}

/// What `--format json` printed.
pub(crate) fn report(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", run.stdout, run.stderr))
}

/// `policy file:line` of each finding that counts, and `~policy file:line` of each that is suppressed, sorted.
pub(crate) fn found(run: &Run) -> Vec<String> {
    let report = report(run);
    let line = |finding: &Value| {
        let mark = if finding["suppressed"].is_null() { "" } else { "~" };
        let (file, line) = (&finding["location"]["file"], &finding["location"]["line"]);
        format!("{mark}{} {}:{line}", finding["policy"].as_str().unwrap_or("?"), file.as_str().unwrap_or("?"))
    };
    let mut found: Vec<String> = report["findings"].as_array().into_iter().flatten().map(line).collect();
    found.sort();
    found
}

/// Lints with JSON and the arguments.
pub(crate) fn lint(repository: &Repository, arguments: &[&str]) -> Run {
    repository.run(&[&["lint", "--format", "json"], arguments].concat())
}

fn piped(directory: &Path, arguments: &[&str], input: &str) -> Run {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gitopsctl"))
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{error}"));
    child.stdin.take().map(|mut stdin| stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap_or_else(|error| panic!("{error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

#[test]
fn one_finding_for_all_environments_in_the_promised_shape() {
    let repository = shop();
    let run = lint(&repository, &[]).exits(1);
    let report = report(&run);
    assert_eq!(report["version"], 1);
    let finding = &report["findings"][0];
    let keys: Vec<&String> = finding.as_object().map(|map| map.keys().collect()).unwrap_or_default();
    let promised = [
        "policy",
        "aliases",
        "severity",
        "message",
        "help",
        "object",
        "container",
        "field",
        "location",
        "related",
        "overlays",
        "environments",
        "suppressed",
        "fingerprint",
    ];
    for key in promised {
        assert!(keys.iter().any(|known| *known == key), "no {key} in {finding}");
    }
    assert_eq!(finding["policy"], "images/tag-mutable");
    assert!(finding["aliases"].as_array().is_some_and(|all| all.contains(&"kube-linter/latest-tag".into())));
    assert_eq!((&finding["severity"], &finding["container"]), (&"error".into(), &"web".into()));
    let object = &finding["object"];
    assert_eq!(
        (&object["apiVersion"], &object["kind"], &object["name"]),
        (&"apps/v1".into(), &"Deployment".into(), &"web".into())
    );
    assert_eq!(finding["field"], "/spec/template/spec/containers/0/image");
    assert_eq!(finding["location"], serde_json::json!({"file": "base/deployment.yaml", "line": 14, "column": 16}));
    assert_eq!(finding["environments"], serde_json::json!(["dev", "production"]));
    assert_eq!(finding["overlays"], serde_json::json!(["overlays/dev", "overlays/production"]));
    assert_eq!(finding["suppressed"], Value::Null);
    let summary = &report["summary"];
    let expected = serde_json::json!({
        "errors": 1, "warnings": 0, "infos": 0, "suppressed": 0, "objects": 2, "overlays": 2, "excused": [],
    });
    assert_eq!(*summary, expected);
}

#[test]
fn fingerprints_survive_lines_above_and_renamed_environments() {
    let repository = shop();
    let fingerprint = |run: &Run| report(run)["findings"][0]["fingerprint"].clone();
    let before = fingerprint(&lint(&repository, &[]).exits(1));
    repository.edit("base/deployment.yaml", "apiVersion", "# one\n# two\n\napiVersion");
    repository.edit(
        "base/deployment.yaml",
        "      - name: web\n",
        "      - {name: first, image: \"x:1.0.0\", resources: {limits: {memory: 1Gi}}}\n      - name: web\n",
    );
    repository.edit("overlays/dev/kustomization.yaml", "namespace: dev", "namespace: test");
    let after = lint(&repository, &[]).exits(1);
    assert_eq!(found(&after), ["images/tag-mutable base/deployment.yaml:18"]);
    assert_eq!(before, fingerprint(&after));
}

#[test]
fn nothing_to_check_is_no_pass() {
    let repository = shop();
    repository.write("empty/readme.md", "nothing");
    repository.run(&["lint", "empty"]).exits(3).prints("there is nothing to check in `empty`");
    repository.run(&["lint", "empty/readme.md"]).exits(3).prints("is no object");
    repository.run(&["lint", "gone"]).exits(3).says("cannot enter the directory `gone`");
    let report = report(&lint(&repository, &["empty"]).exits(3));
    assert_eq!(report["findings"][0]["policy"], "policy/nothing-to-check");
    let settings = Repository::empty();
    let text = "platform: x\npolicies:\n  suppress: [{policy: images, reason: never used}]\n";
    settings.write("gitopsctl.yaml", text);
    settings.run(&["lint"]).exits(3).prints("nothing to check");
    settings.run(&["lint", "--since", "HEAD"]).exits(2).says("is in no Git repository");
    commit(&settings);
    settings.run(&["lint", "--since", "HEAD"]).exits(3);
    assert_eq!(piped(repository.path(), &["lint", "-"], "").code, Some(3));
}

#[test]
fn what_does_not_build_is_no_pass_unless_the_settings_excuse_it() {
    let repository = shop();
    repository.edit("base/deployment.yaml", ":latest", ":1.0.0");
    repository.write("overlays/broken/kustomization.yaml", "resources: [nothing.yaml]\n");
    let run = lint(&repository, &[]).exits(3);
    assert_eq!(found(&run), ["build/path overlays/broken/kustomization.yaml:1"]);
    assert_eq!(report(&run)["summary"]["overlays"], 2, "the others are judged");
    lint(&repository, &["overlays/dev"]).exits(0);
    repository.write(
        "gitopsctl.yaml",
        "platform: x\npolicies:\n  excuse: [{overlay: overlays/brok*, reason: remote base}]\n",
    );
    let run = lint(&repository, &[]).exits(0);
    let excused = serde_json::json!([{"overlay": "overlays/broken", "reason": "remote base"}]);
    assert_eq!(report(&run)["summary"]["excused"], excused);
    repository.run(&["lint"]).exits(0).prints("1 overlay excused: overlays/broken (remote base)");
    repository.edit("base/deployment.yaml", ":1.0.0", ":latest");
    lint(&repository, &[]).exits(1);
}

#[test]
fn exit_codes_follow_fail_on() {
    let repository = shop();
    for (severity, codes) in [("error", [1, 1, 1]), ("warning", [0, 1, 1]), ("info", [0, 0, 1])] {
        for (fail_on, code) in ["error", "warning", "info"].into_iter().zip(codes) {
            let set = format!("images/tag-mutable={severity}");
            lint(&repository, &["--severity", &set, "--fail-on", fail_on]).exits(code);
        }
    }
    repository.run(&["lint", "--fail-on", "never"]).exits(2);
}

#[test]
fn only_takes_ids_aliases_and_categories_of_policies_that_are_off_too() {
    let repository = shop();
    let id = lint(&repository, &["--only", "probes/liveness-missing"]).exits(0);
    assert_eq!(found(&id), ["probes/liveness-missing base/deployment.yaml:13"]);
    let alias = lint(&repository, &["--only", "kube-linter/latest-tag"]).exits(1);
    assert_eq!(found(&alias), [IMAGE]);
    let several = lint(&repository, &["--only", "probes,images/tag-mutable", "--disable", "probes/readiness-missing"]);
    assert_eq!(found(&several.exits(1)), [IMAGE, "probes/liveness-missing base/deployment.yaml:13"]);
    assert!(found(&lint(&repository, &["--only", "waves"]).exits(0)).is_empty());
    repository.run(&["lint", "--only", "security/prvileged"]).exits(2).says("did you mean `security/privileged`?");
    repository.run(&["lint", "--only", "liveness-missing"]).exits(2).says("did you mean `probes/liveness-missing`?");
    repository.run(&["lint", "--disable", "no/such-thing-at-all"]).exits(2).says("there is no policy");
    repository.run(&["lint", "--enable", ""]).exits(2);
    repository.run(&["lint", "--severity", "images=fatal"]).exits(2).says("`fatal` is no severity");
    repository.run(&["lint", "--severity", "images"]).exits(2);
    repository.run(&["lint", "--severity", "imagse=info"]).exits(2).says("did you mean `images`?");
    repository.run(&["lint", "--profile", "strickt"]).exits(2).says("strict");
}

#[test]
fn flags_come_after_the_settings() {
    let repository = shop();
    repository.write(
        "gitopsctl.yaml",
        "platform: x\npolicies:\n  profile: none\n  enable: [images/tag-mutable, probes]\n  disable: [probes/readiness-missing]\n  severity: {images: warning}\n",
    );
    let both = ["images/tag-mutable base/deployment.yaml:14", "probes/liveness-missing base/deployment.yaml:13"];
    assert_eq!(found(&lint(&repository, &[]).exits(0)), both);
    let flags = ["--disable", "probes", "--severity", "kube-linter/latest-tag=error"];
    assert_eq!(found(&lint(&repository, &flags).exits(1)), [IMAGE]);
    let strict = found(&lint(&repository, &["--profile", "strict"]));
    assert!(strict.len() > both.len() && !strict.iter().any(|line| line.starts_with("probes/readiness")), "{strict:?}");
    let flags = ["--enable", "probes/readiness-missing", "--disable", "images"];
    let expected =
        ["probes/liveness-missing base/deployment.yaml:13", "probes/readiness-missing base/deployment.yaml:13"];
    assert_eq!(found(&lint(&repository, &flags).exits(0)), expected);
}

#[test]
fn params_and_external_objects_are_set_in_the_settings() {
    let repository = shop();
    repository.edit("base/deployment.yaml", ":latest", ":1.0.0");
    repository.edit("base/deployment.yaml", "{memory: 64Mi}}", "{memory: 64Mi, cpu: '900'}}");
    let only = ["--only", "resources/cpu-implausible"];
    assert_eq!(found(&lint(&repository, &only)).len(), 1);
    repository
        .write("gitopsctl.yaml", "platform: x\npolicies:\n  params: {resources/cpu-implausible: {maximum: '1000'}}\n");
    assert!(found(&lint(&repository, &only).exits(0)).is_empty());
    repository.edit("base/deployment.yaml", "image:", "envFrom: [{secretRef: {name: theirs}}]\n        image:");
    let only = ["--only", "references"];
    assert_eq!(found(&lint(&repository, &only)).len(), 1);
    repository.write("gitopsctl.yaml", "platform: x\npolicies:\n  external: [Secret/the*]\n");
    assert!(found(&lint(&repository, &only).exits(0)).is_empty());
}

#[test]
fn settings_that_name_nothing_are_told_at_their_line() {
    let repository = shop();
    let cases = [
        ("profile: recomended", "policy/setting gitopsctl.yaml:3", "did you mean `recommended`?"),
        ("enable: [foo/bar]", "policy/setting gitopsctl.yaml:3", "there is no policy `foo/bar`"),
        ("disable: [images/tag-mutabel]", "policy/setting gitopsctl.yaml:3", "did you mean `images/tag-mutable`?"),
        ("severity: {images: fatal}", "load/invalid-value gitopsctl.yaml:3", "`fatal` is not one of"),
        ("params: {resources/cpu-implausible: {foo: 1}}", "policy/setting gitopsctl.yaml:3", "has no param `foo`"),
        ("params: {nope/x: {}}", "policy/setting gitopsctl.yaml:3", "there is no policy `nope/x`"),
        ("external: ['*']", "load/invalid-value gitopsctl.yaml:3", "is not `Kind/name`"),
        ("suppress: [{reason: x}]", "load/missing-key gitopsctl.yaml:3", "missing key `policy`"),
        ("suppress: [{policy: images}]", "load/missing-key gitopsctl.yaml:3", "missing key `reason`"),
        ("suppress: [{policy: images, reason: x, until: soon}]", "load/invalid-value gitopsctl.yaml:3", "not a day"),
        ("excuse: [{overlay: overlays/dev}]", "load/missing-key gitopsctl.yaml:3", "missing key `reason`"),
        ("supress: []", "load/unknown-key gitopsctl.yaml:3", "did you mean `suppress`?"),
    ];
    for (setting, finding, words) in cases {
        repository.write("gitopsctl.yaml", &format!("platform: x\npolicies:\n  {setting}\n"));
        let run = lint(&repository, &[]).exits(3);
        assert!(found(&run).contains(&finding.to_owned()), "{setting}: {:?}", found(&run));
        repository.run(&["lint"]).exits(3).prints(words);
    }
    repository.write("gitopsctl.yaml", "platform: x\npolicies:\n  baseline: gone.json\n");
    repository.run(&["lint"]).exits(3).says("there is no baseline `gone.json`");
}

#[test]
fn a_target_is_a_repository_an_overlay_a_base_a_file_or_standard_input() {
    let repository = shop();
    let paths = |run: &Run| report(run)["findings"][0]["overlays"].clone();
    let overlay = lint(&repository, &["overlays/production"]).exits(1);
    assert_eq!(
        (found(&overlay), paths(&overlay)),
        (vec![IMAGE.to_owned()], serde_json::json!(["overlays/production"]))
    );
    for target in ["base", "base/kustomization.yaml"] {
        let base = lint(&repository, &[target]).exits(1);
        assert_eq!((found(&base), paths(&base)), (vec![IMAGE.to_owned()], serde_json::json!(["base"])));
    }
    let file = lint(&repository, &["base/deployment.yaml"]).exits(1);
    assert_eq!((found(&file), paths(&file)), (vec![IMAGE.to_owned()], serde_json::json!(["base/deployment.yaml"])));
    repository.write("plain/deep/web.yaml", DEPLOYMENT);
    repository.write("plain/values.yaml", "just: values\n");
    let plain = lint(&repository, &["plain"]).exits(1);
    assert_eq!(found(&plain), ["images/tag-mutable plain/deep/web.yaml:14"]);
    let absolute = repository.path().join("overlays/dev");
    assert_eq!(found(&lint(&repository, &[&absolute.to_string_lossy()]).exits(1)), [IMAGE]);
    let run = piped(repository.path(), &["lint", "-", "--format", "json"], DEPLOYMENT).exits(1);
    assert_eq!(found(&run), ["images/tag-mutable -:14"]);
    piped(repository.path(), &["lint", "-", "--fix"], DEPLOYMENT).exits(2).says("`-` is read once");
    piped(repository.path(), &["lint", "-"], "just: values\n").exits(3);
    commit(&repository);
    let inside = gitopsctl(&repository.path().join("overlays"), &["lint", "dev", "--format", "json"]).exits(1);
    assert_eq!(found(&inside), [IMAGE], "paths start at the top of the repository");
}

#[test]
fn a_file_does_not_make_the_settings_of_the_rest_unused() {
    let repository = Repository::rendered();
    let overlay = "gitops/apps/order-service/overlays/production";
    let built = repository.run(&["build", overlay]).exits(0).stdout;
    let run = piped(repository.path(), &["lint", "-", "--format", "json"], &built);
    assert!(!found(&run).iter().any(|line| line.starts_with("suppressions/")), "{:?}", found(&run));
    let file = lint(&repository, &["gitops/apps/order-service/base/deployment.yaml"]);
    assert!(!found(&file).iter().any(|line| line.starts_with("suppressions/")), "{:?}", found(&file));
}

#[test]
fn the_example_platform_is_clean_and_uses_its_waiver() {
    let repository = Repository::rendered();
    let run = lint(&repository, &[]).exits(0);
    let report = report(&run);
    let summary = &report["summary"];
    assert_eq!((&summary["errors"], &summary["warnings"]), (&0.into(), &0.into()), "{:?}", found(&run));
    let waived = &report["findings"][0]["suppressed"];
    assert_eq!(waived["by"], "config");
    repository.run(&["lint", "--verbose"]).exits(0).prints("platform/cross-domain-database");
}

#[test]
fn settings_hold_below_the_top_of_git_too_and_in_revisions() {
    let repository = Repository::empty();
    shop_in(&repository, "deploy/");
    repository.write("deploy/gitopsctl.yaml", "platform: x\npolicies: {severity: {images/tag-mutable: warning}}\n");
    repository.write("readme.md", "a repository of more than manifests");
    commit(&repository);
    let deploy = repository.path().join("deploy");
    let overlays = deploy.join("overlays");
    for (directory, arguments) in [
        (&deploy, &["lint"][..]),
        (&overlays, &["lint", "dev"]),
        (&deploy, &["lint", "--rev", "HEAD"]),
        (&overlays, &["lint", "--rev", "HEAD"]),
        (&overlays, &["lint", "dev", "--rev", "HEAD"]),
        (&repository.path().to_owned(), &["lint", "deploy", "--rev", "HEAD"]),
        (&repository.path().to_owned(), &["lint", "-C", "deploy"]),
    ] {
        let run = gitopsctl(directory, &[arguments, &["--format", "json"]].concat()).exits(0);
        assert_eq!(found(&run), [IMAGE], "{arguments:?}");
    }
    let new = gitopsctl(&deploy, &["lint", "--new-only", "--since", "HEAD", "--format", "json"]).exits(0);
    assert!(found(&new).is_empty());
    let new = gitopsctl(&deploy, &["lint", "--new-only", "--fail-on", "warning"]).exits(0);
    new.prints("no findings");
}

#[test]
fn a_bare_repository_is_linted_by_revision() {
    let repository = shop();
    commit(&repository);
    let bare = Repository::empty();
    let source = repository.path().to_string_lossy().into_owned();
    git(&bare, &["clone", "--quiet", "--bare", &source, "shop.git"]);
    let inside = bare.path().join("shop.git");
    let run = gitopsctl(&inside, &["lint", "--rev", "HEAD", "--format", "json"]).exits(1);
    assert_eq!(found(&run), [IMAGE]);
    let run =
        gitopsctl(&inside, &["lint", "overlays/dev", "--rev", "HEAD", "--config-from", "HEAD", "--format", "json"]);
    assert_eq!(found(&run.exits(1)), [IMAGE]);
    gitopsctl(&inside, &["lint", "--rev", "nothing"]).exits(2).says("no revision `nothing`");
    gitopsctl(&inside, &["lint", "--rev", "HEAD", "--fix"]).exits(2);
    gitopsctl(&inside, &["lint", "gone", "--rev", "HEAD"]).exits(3);
}

#[test]
fn several_formats_go_to_several_files() {
    let repository = shop();
    let formats = ["sarif", "junit", "gitlab", "github", "markdown", "json"];
    let named: Vec<String> = formats.iter().map(|name| format!("--format={name}=out.{name}")).collect();
    let arguments: Vec<&str> = std::iter::once("lint").chain(named.iter().map(String::as_str)).collect();
    let run = repository.run(&[&arguments[..], &["--format", "human"]].concat()).exits(1);
    run.prints("error[images/tag-mutable]").prints("in dev, production");
    let json = |path: &str| -> Value {
        serde_json::from_str(&repository.read(path)).unwrap_or_else(|error| panic!("{error}"))
    };
    let result = &json("out.sarif")["runs"][0]["results"][0];
    assert_eq!(result["ruleId"], "images/tag-mutable");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&"base/deployment.yaml".into(), &14.into())
    );
    assert_eq!(json("out.gitlab")[0]["location"]["path"], "base/deployment.yaml");
    assert_eq!(json("out.json")["findings"][0]["fingerprint"], json("out.gitlab")[0]["fingerprint"]);
    assert!(
        repository.read("out.junit").contains("<testsuite") && repository.read("out.github").starts_with("::error ")
    );
    assert!(repository.read("out.markdown").contains("images/tag-mutable"));
    repository.edit("base/deployment.yaml", ":latest", ":1.0.0");
    repository.run(&arguments).exits(0);
    assert_eq!(json("out.sarif")["runs"][0]["results"], serde_json::json!([]), "clean is an empty list");
    repository.run(&["lint", "--format", "jsn"]).exits(2).says("did you mean `json`?");
    repository
        .run(&["lint", "--format", "json", "--format", "sarif"])
        .exits(2)
        .says("would both go to standard output");
    repository
        .run(&["lint", "--format", "json=no/such/folder.json"])
        .exits(4)
        .says("`no/such/folder.json` cannot be written");
}
