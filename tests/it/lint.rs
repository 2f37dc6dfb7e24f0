//! Small repositories and what `lint` says of them, a folder a defect under fixtures/lint: `in/`, and `expected.txt` with a
//! line a finding. Those called `clean-…` are of shapes that need no settings, and nothing is found in them. A file `args`
//! holds flags, and `before/` the repository before a change. `GITOPSCTL_BLESS=1 cargo test lint` writes `expected.txt` anew: read it before you commit it.

use std::fmt::Write as _;
use std::path::Path;

use gitopsctl::diag::{Finding, Outcome};
use gitopsctl::kustomize::Options;
use gitopsctl::pipeline::gather::{self, Gathered, Place, Target};
use gitopsctl::pipeline::lint::{self, Rules};
use gitopsctl::policy::{self, Flags, Policybook};
use gitopsctl::source::SourceMap;
use gitopsctl::tree::Tree;
use rayon::prelude::*;

use crate::build::{cases, git, read, same};
use crate::support::{Repository, files, project};

/// The day on which everything is judged.
const TODAY: &str = "2026-06-15";

/// The flags of a case: words as on the command line.
fn flags(case: &Path) -> Flags {
    let path = case.join("args");
    let text = if path.exists() { read(&path) } else { String::new() };
    let mut flags = Flags::default();
    let words: Vec<&str> = text.split_whitespace().collect();
    for pair in words.chunks(2) {
        match pair {
            ["--profile", name] => flags.profile = Some((*name).to_owned()),
            ["--only", word] => flags.only.push((*word).to_owned()),
            ["--enable", word] => flags.enable.push((*word).to_owned()),
            ["--disable", word] => flags.disable.push((*word).to_owned()),
            other => panic!("{}: {other:?}", path.display()),
        }
    }
    flags
}

/// A repository, read and built.
fn built(folder: &Path) -> Gathered {
    let tree = Tree::directory(folder);
    let place =
        Place { tree: &tree, repository: "", home: &tree, options: Options::default(), origin: None, settings: None };
    gather::gather(&place, &Target::Directory(String::new()), SourceMap::default(), None, &|_| ())
}

/// What `lint` says of the repository of a case.
fn judged(case: &Path, book: &Policybook) -> (Gathered, Outcome) {
    let mut gathered = built(&case.join("in"));
    let before = case.join("before");
    let before = before.is_dir().then(|| built(&before));
    let flags = flags(case);
    let rules = Rules {
        book,
        flags: &flags,
        today: TODAY,
        trusts: &|_, _, _| true,
        baseline: None,
        changed: None,
        old: None,
        least: gitopsctl::diag::Severity::Info,
        before: before.as_ref(),
    };
    let outcome = lint::judge(&mut gathered, &rules);
    (gathered, outcome)
}

/// Where the finding is, as file, line and column.
fn place(gathered: &Gathered, finding: &Finding) -> Option<(String, usize, usize)> {
    let span = finding.labels.first()?.span;
    let at = gathered.sources.position(span.file, span.start);
    Some((gathered.sources.file(span.file).path.to_string(), at.line, at.column))
}

/// A line a finding. What is switched off is no part of it.
fn listed(gathered: &Gathered, outcome: &Outcome) -> String {
    let mut text = String::new();
    for finding in outcome.findings.iter().filter(|finding| finding.is_open()) {
        let (severity, id, message) = (finding.severity.name(), &finding.rule.id, &finding.message);
        let place = place(gathered, finding);
        let place = place.map_or("-".to_owned(), |(file, line, column)| format!("{file}:{line}:{column}"));
        let environments = finding.environments.join(", ");
        writeln!(text, "{severity} {id} {place} {message} [{environments}]").unwrap_or_else(|error| panic!("{error}"));
    }
    text
}

/// The place of every finding is in the repository, and every place has a line to be shown.
fn check_places(case: &Path, gathered: &Gathered, outcome: &Outcome) {
    for finding in &outcome.findings {
        let name = format!("{}: {}", case.display(), finding.rule.id);
        let (file, line, column) = place(gathered, finding).unwrap_or_else(|| panic!("{name} is nowhere"));
        let text = read(&case.join("in").join(&file));
        let shown = text.lines().nth(line - 1).unwrap_or_else(|| panic!("{name}: {file} has no line {line}"));
        assert!(shown.len() >= column, "{name}: {file}:{line} has no column {column}");
    }
}

#[test]
fn every_defect_is_found_at_its_line_and_nothing_else_is() {
    let book = policy::built_in().unwrap_or_else(|fault| panic!("{}", fault.message));
    let cases = cases("fixtures/lint", 180);
    let judged: Vec<_> = cases.par_iter().map(|case| (case, judged(case, &book))).collect();
    let (mut wrong, mut broken) = (String::new(), 0);
    for (case, (gathered, outcome)) in &judged {
        let text = listed(gathered, outcome);
        check_places(case, gathered, outcome);
        assert!(outcome.objects > 0, "{}: nothing was judged", case.display());
        same(&case.join("expected.txt"), &text, &mut wrong);
        let is_clean = case.file_name().is_some_and(|name| name.to_string_lossy().starts_with("clean-"));
        if is_clean != text.is_empty() {
            wrong += &format!("{}: {}\n", case.display(), if is_clean { "not clean" } else { "nothing is found" });
        }
        broken += usize::from(!is_clean);
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(broken >= 150, "only {broken} broken repositories");
}

#[test]
fn a_change_of_an_application_is_seen_by_since() {
    let repository = Repository::empty();
    for (path, text) in files(&project().join("fixtures/lint/clean-applicationset-directories/in")) {
        repository.write(&path, &String::from_utf8_lossy(&text));
    }
    for (path, text) in files(&project().join("fixtures/lint/project-forbids-destination/in/argocd")) {
        repository.write(&format!("argocd/{path}"), &String::from_utf8_lossy(&text));
    }
    repository.remove("argocd/services.yaml");
    repository.edit("argocd/project.yaml", "namespace: prod}", "namespace: production}");
    for arguments in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "first"]] {
        git(&repository, arguments);
    }
    let judged = || repository.run(&["lint", "--since", "HEAD"]);
    judged().exits(0).says("the changes affect no overlay");
    let application = "argocd/order-service-production.yaml";
    // The path is that of no overlay, so there is none that the finding could be about.
    repository.edit(application, "overlays/production", "overlays/prodcution");
    judged().exits(1).prints("argocd/order-service-production.yaml:11:11");
    repository.edit(application, "overlays/prodcution", "overlays/production");
    repository.edit(application, "project: shop", "project: shpo");
    judged().exits(1).prints("did you mean `shop`?");
    repository.edit(application, "project: shpo", "project: shop");
    // What a project permits is a matter of its Applications.
    repository.edit("argocd/project.yaml", "namespace: dev}", "namespace: test}");
    judged().exits(1).prints("argocd/order-service-dev.yaml:12:3");
}

/// An application of two environments, in a first commit.
fn in_two_environments() -> Repository {
    let repository = Repository::empty();
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}}\n    spec:\n      containers:\n      - name: web\n        image: web:v1.0.0\n        ports: [{name: http, containerPort: 80}]\n        resources: {limits: {memory: 64Mi}}\n        readinessProbe: {httpGet: {path: /, port: http}}\n";
    repository.write("base/deployment.yaml", deployment);
    repository.write("base/kustomization.yaml", "resources: [deployment.yaml]\n");
    repository.write(
        "wrong/kustomization.yaml",
        "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches:\n- target: {kind: Deployment}\n  patch: |-\n    - op: replace\n      path: /spec/template/spec/containers/0/readinessProbe/httpGet/port\n      value: htp\n",
    );
    repository.write("overlays/dev/kustomization.yaml", "resources: [../../base]\ncomponents: [../../wrong]\n");
    repository.write("overlays/production/kustomization.yaml", "resources: [../../base]\n");
    repository
}

fn committed(repository: &Repository) {
    for arguments in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "one"]] {
        git(repository, arguments);
    }
}

#[test]
fn what_reaches_another_environment_is_new() {
    let repository = in_two_environments();
    committed(&repository);
    repository.run(&["lint", "--write-baseline", "known.json"]).exits(0);
    repository.run(&["lint", "--baseline", "known.json"]).exits(0);
    repository.run(&["lint", "--since", "HEAD", "--new-only"]).exits(0);
    repository.edit("overlays/production/kustomization.yaml", "base]", "base]\ncomponents: [../../wrong]");
    repository.run(&["lint", "--baseline", "known.json"]).exits(1).prints("wrong/kustomization.yaml:8:14");
    repository.run(&["lint", "--since", "HEAD", "--new-only"]).exits(1).prints("wrong/kustomization.yaml:8:14");
}

#[test]
fn a_catalog_that_is_not_rendered_is_no_pass() {
    let repository = Repository::empty();
    repository.run(&["init"]).exits(0);
    repository.run(&["lint"]).exits(3).prints("there is nothing to check");
}

#[test]
fn own_policies_are_those_of_the_revision_of_the_settings() {
    let repository = in_two_environments();
    repository.edit("overlays/dev/kustomization.yaml", "\ncomponents: [../../wrong]", "");
    repository.run(&["policy", "new", "team/label-missing"]).exits(0);
    repository.edit("policies/team-label-missing.yaml", "severity: warning", "severity: error");
    committed(&repository);
    repository.run(&["lint"]).exits(1);
    repository.remove("policies/team-label-missing.yaml");
    repository.run(&["lint"]).exits(0);
    repository.run(&["lint", "--config-from", "HEAD"]).exits(1).prints("team/label-missing");
}

#[test]
fn what_argo_cd_would_read_and_cannot_be_read_here_is_no_pass() {
    let repository = Repository::empty();
    for (path, text) in files(&project().join("fixtures/lint/clean-app-of-apps/in")) {
        repository.write(&path, &String::from_utf8_lossy(&text));
    }
    repository.run(&["lint"]).exits(0);
    let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: lost, namespace: argocd\n";
    repository.write("elsewhere/lost.yaml", application);
    repository.run(&["lint"]).exits(3).prints("elsewhere/lost.yaml:3:11");
    // What another program makes YAML of is none.
    repository.write("elsewhere/lost.yaml", &format!("{{{{ if .x }}}}\n{application}"));
    repository.run(&["lint"]).exits(0);
}

#[test]
fn templates_of_charts_are_no_broken_manifests() {
    let repository = Repository::empty();
    repository.write("charts/web/Chart.yaml", "apiVersion: v2\nname: web\nversion: 1.0.0\n");
    let template = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  {{- if .Values.name }}\n  name: web\n  {{- end }}\n";
    repository.write("charts/web/templates/configmap.yaml", template);
    repository.run(&["lint"]).exits(3).prints("there is nothing to check");
    repository.write("namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: web}\n");
    repository.run(&["lint"]).exits(0);
}

#[test]
fn a_copied_comment_is_not_that_of_the_revision_of_the_settings() {
    let repository = in_two_environments();
    let comment = "        # gitopsctl:ignore probes/readiness-port-unknown set at runtime\n";
    let kustomization = "wrong/kustomization.yaml";
    repository.edit(kustomization, "  patch: |-\n", "  path: patch.yaml\n");
    let patch = |name: &str| {
        format!(
            "- op: replace\n  path: /spec/template/spec/containers/{name}/readinessProbe/httpGet/port\n{comment}  value: htp\n"
        )
    };
    repository.write("wrong/patch.yaml", &patch("0"));
    let container = "      - name: two\n        image: two:v1.0.0\n        resources: {limits: {memory: 64Mi}}\n        readinessProbe: {httpGet: {path: /, port: 81}}\n";
    let deployment = repository.read("base/deployment.yaml");
    repository.write("base/deployment.yaml", &format!("{deployment}{container}"));
    let text = repository.read(kustomization);
    let text = text.split("    - op:").next().unwrap_or_default().to_owned();
    repository.write(kustomization, &text);
    committed(&repository);
    repository.run(&["lint", "--config-from", "HEAD"]).exits(0);
    repository.write("wrong/patch.yaml", &(patch("0") + &patch("1")));
    repository.run(&["lint"]).exits(0);
    repository.run(&["lint", "--config-from", "HEAD"]).exits(1).prints("container `two`");
}

#[test]
fn what_a_change_breaks_elsewhere_is_seen_by_since() {
    let repository = in_two_environments();
    for folder in ["overlays/dev", "overlays/production", "wrong"] {
        repository.remove(&format!("{folder}/kustomization.yaml"));
    }
    repository.edit(
        "base/deployment.yaml",
        "        readiness",
        "        envFrom: [{configMapRef: {name: shared}}]\n        readiness",
    );
    repository
        .write("common/configmap.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shared}\ndata: {a: b}\n");
    repository.write("common/kustomization.yaml", "resources: [configmap.yaml]\n");
    committed(&repository);
    repository.run(&["lint", "--since", "HEAD"]).exits(0);
    repository.edit("common/configmap.yaml", "shared", "sharde");
    repository.run(&["lint"]).exits(1);
    repository.run(&["lint", "--since", "HEAD"]).exits(1).prints("ConfigMap `shared`");
}

#[test]
fn a_revision_without_settings_has_those_of_nobody() {
    let repository = in_two_environments();
    committed(&repository);
    repository.write("gitopsctl.yaml", "platform: shop\npolicies:\n  profile: none\n");
    repository.run(&["lint"]).exits(0);
    repository.run(&["lint", "--config-from", "HEAD"]).exits(1).prints("readiness-port-unknown");
    // Nor may a change excuse what it breaks.
    let excuse = "platform: shop\npolicies:\n  excuse: [{overlay: overlays/dev, reason: none}]\n";
    repository.write("gitopsctl.yaml", excuse);
    repository.write("overlays/dev/kustomization.yaml", "resources: [../../bsae]\n");
    repository.run(&["lint"]).exits(0);
    repository.run(&["lint", "--config-from", "HEAD"]).exits(3).prints("bsae");
}
