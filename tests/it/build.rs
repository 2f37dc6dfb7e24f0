//! `gitopsctl build` and `blame` against what the real Kustomize made of small trees, a folder a feature under
//! fixtures/kustomize: `in/`, `expected.yaml` (recorded from Kustomize v5.8.1) and `origins.txt`. What it refuses is under
//! fixtures/build-errors. `GITOPSCTL_BLESS=1 cargo test build` writes `origins.txt` and `expected.txt` anew, and never
//! `expected.yaml`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use similar::TextDiff;

use crate::support::{Repository, gitopsctl, project};

pub(crate) fn cases(folder: &str, at_least: usize) -> Vec<PathBuf> {
    let entries = fs::read_dir(project().join(folder)).unwrap_or_else(|error| panic!("{folder}: {error}"));
    let mut cases: Vec<_> = entries.map(|entry| entry.unwrap_or_else(|error| panic!("{error}")).path()).collect();
    cases.sort();
    assert!(cases.len() >= at_least, "only {} cases in {folder}", cases.len());
    cases
}

/// The directory to build: `overlay` where there is one.
pub(crate) fn root(case: &Path) -> &'static str {
    if case.join("in/overlay").is_dir() { "overlay" } else { "." }
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Compares with a file, or writes it where that is asked for.
pub(crate) fn same(path: &Path, text: &str, wrong: &mut String) {
    if std::env::var_os("GITOPSCTL_BLESS").is_some() {
        fs::write(path, text).unwrap_or_else(|error| panic!("{error}"));
    }
    let wanted = read(path);
    if wanted != text {
        let diff = TextDiff::from_lines(&*wanted, text).unified_diff().to_string();
        *wrong += &format!("{}:\n{diff}\n", path.display());
    }
}

#[test]
fn builds_are_those_of_kustomize_byte_for_byte() {
    let mut wrong = String::new();
    for case in cases("fixtures/kustomize", 24) {
        let run = gitopsctl(&case.join("in"), &["build", root(&case)]);
        let wanted = read(&case.join("expected.yaml"));
        if run.code != Some(0) || run.stdout != wanted {
            let diff = TextDiff::from_lines(&wanted, &run.stdout).unified_diff().to_string();
            wrong += &format!("{}: {:?}\n{diff}\n{}\n", case.display(), run.code, run.stderr);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_line_knows_who_set_it() {
    let mut wrong = String::new();
    for case in cases("fixtures/kustomize", 24) {
        let run = gitopsctl(&case.join("in"), &["blame", root(&case)]).exits(0);
        same(&case.join("origins.txt"), &run.stdout, &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_kustomize_refuses_is_refused_at_its_line() {
    let mut wrong = String::new();
    for case in cases("fixtures/build-errors", 30) {
        let run = gitopsctl(&case.join("in"), &["build", root(&case), "--color", "never"]).exits(3);
        assert!(run.stdout.is_empty(), "{}: {}", case.display(), run.stdout);
        same(&case.join("expected.txt"), &run.stderr, &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_line_of_the_platform_has_an_origin_that_says_it() {
    let platform = project().join("fixtures/platform");
    let mut lines = 0;
    for entry in fs::read_dir(platform.join("gitops/apps")).unwrap_or_else(|error| panic!("{error}")) {
        let service = entry.unwrap_or_else(|error| panic!("{error}")).file_name();
        let directory = format!("gitops/apps/{}/overlays/production", service.to_string_lossy());
        let run = gitopsctl(&platform, &["blame", &directory, "--format", "json"]).exits(0);
        let report: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}"));
        for object in report["objects"].as_array().into_iter().flatten() {
            for line in object["lines"].as_array().into_iter().flatten() {
                check_line(&platform, line);
                lines += 1;
            }
        }
    }
    assert!(lines > 5_000, "only {lines} lines");
}

/// The origin of a line exists; where no step explains the value, the text there has it.
fn check_line(platform: &Path, line: &Value) {
    let text = line["text"].as_str().unwrap_or_default();
    let by = &line["setBy"][0];
    let location = &by["location"];
    let file = location["file"].as_str().unwrap_or_else(|| panic!("`{text}` has no origin: {line}"));
    // The place may be named from the root of the repository around the fixture.
    let file = file.strip_prefix("fixtures/platform/").unwrap_or(file);
    let source = read(&platform.join(file));
    let number = usize::try_from(location["line"].as_u64().unwrap_or(0)).unwrap_or(0);
    let there = source.lines().nth(number.wrapping_sub(1)).unwrap_or_else(|| panic!("{file} has no line {number}"));
    if !by["step"].is_null() {
        return;
    }
    let key = text.trim_start_matches([' ', '-']).split(':').next().unwrap_or_default().trim_matches('"');
    let continues = source.lines().skip(number - 1).take(400).any(|line| line.trim() == text.trim());
    assert!(there.contains(key) || continues, "`{text}` is said to stand at {file}:{number}: `{there}`");
}

#[test]
fn a_field_that_is_absent_points_at_the_nearest_thing() {
    let platform = project().join("fixtures/platform");
    let directory = "gitops/apps/order-service/overlays/production";
    let run = gitopsctl(&platform, &["blame", directory, "Deployment", "--field", "spec.absent"]).exits(3);
    run.says("has no field `spec.absent`").says("the nearest thing that is there");
    let run =
        gitopsctl(&platform, &["blame", directory, "Deployment/order-service", "--field", "spec.revisionHistoryLimit"]);
    run.exits(0).prints("revisionHistoryLimit: 3").prints("base/deployment.yaml:14");
    gitopsctl(&platform, &["blame", directory, "Deployment/nobody"]).exits(2).says("builds no `Deployment/nobody`");
}

#[test]
fn output_goes_to_a_file_or_a_directory() {
    let repository = Repository::example();
    repository.run(&["render"]).exits(0);
    let directory = "gitops/apps/order-service/overlays/production";
    let text = repository.run(&["build", directory]).exits(0).stdout;
    repository.run(&["build", directory, "-o", "all.yaml"]).exits(0);
    assert_eq!(read(&repository.path().join("all.yaml")), text);
    fs::create_dir(repository.path().join("out")).unwrap_or_else(|error| panic!("{error}"));
    repository.run(&["build", directory, "-o", "out"]).exits(0);
    let deployment = read(&repository.path().join("out/apps_v1_deployment_order-service.yaml"));
    assert!(text.contains(&deployment));
}

#[test]
fn all_roots_are_built_as_if_each_were_built_alone() {
    let repository = Repository::example();
    repository.run(&["render"]).exits(0);
    repository.run(&["build", "--all", "--output-dir", "out"]).exits(0).says("47 roots built, 0 failed");
    let stream = repository.run(&["build", "--all", "gitops/apps/order-service"]).exits(0).stdout;
    let mut alone = Vec::new();
    for environment in ["dev", "production"] {
        let directory = format!("gitops/apps/order-service/overlays/{environment}");
        let text = repository.run(&["build", &directory]).exits(0).stdout;
        assert_eq!(read(&repository.path().join(format!("out/{directory}.yaml"))), text);
        alone.push(text);
    }
    assert_eq!(stream, alone.join("---\n"));
    // One that fails holds back no other.
    let broken = repository.path().join("gitops/apps/order-service/overlays/dev/kustomization.yaml");
    fs::write(broken, "resource: []\n").unwrap_or_else(|error| panic!("{error}"));
    let run = repository.run(&["build", "--all", "--output-dir", "out"]).exits(3);
    run.says("46 roots built, 1 failed").says("unknown field `resource`");
    repository.run(&["build", "--all", "services"]).exits(3).says("no kustomization in or below `services`");
}

#[cfg(unix)]
#[test]
fn hostile_trees_are_refused_and_not_waited_for() {
    let repository = Repository::empty();
    let write = |path: &str, text: &str| {
        let path = repository.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(&path)).unwrap_or_else(|error| panic!("{error}"));
        fs::write(path, text).unwrap_or_else(|error| panic!("{error}"));
    };
    let mut bomb =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let row = vec![format!("*a{}", level - 1); 10].join(", ");
        bomb += &format!("a{level}: &a{level} [{row}]\n");
    }
    let name = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n";
    let deep = format!("{name}data: {}\n", "[".repeat(100_000));
    for (case, text) in [("bomb", &*bomb), ("deep", &deep), ("nul", "kind: \0\n"), ("loop", "kind: &a [*a]\n")] {
        write(&format!("{case}/kustomization.yaml"), "resources: [r.yaml]\n");
        write(&format!("{case}/r.yaml"), text);
        let run = repository.run(&["build", case]).exits(3);
        assert!(run.stderr.contains("error[build/"), "{case}: {}", run.stderr);
    }
    write("link/kustomization.yaml", "resources: [r.yaml]\n");
    write("secret.yaml", name);
    let target = repository.path().join("secret.yaml");
    std::os::unix::fs::symlink(target, repository.path().join("link/r.yaml")).unwrap_or_else(|error| panic!("{error}"));
    repository.run(&["build", "link"]).exits(3).says("lies outside of the directory of its kustomization");
    write("pipe/kustomization.yaml", "resources: [r.yaml]\n");
    let made = std::process::Command::new("mkfifo").arg(repository.path().join("pipe/r.yaml")).status();
    assert!(made.is_ok_and(|status| status.success()));
    repository.run(&["build", "pipe"]).exits(3).says("it is not a regular file");
}

pub(crate) fn git(repository: &Repository, arguments: &[&str]) {
    let settings = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"];
    let status =
        std::process::Command::new("git").args(settings).args(arguments).current_dir(repository.path()).output();
    assert!(status.as_ref().is_ok_and(|output| output.status.success()), "git {arguments:?}: {status:?}");
}

const MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  key: old\n";

#[test]
fn a_revision_is_built_from_the_object_store() {
    let repository = Repository::empty();
    repository.write("base/kustomization.yaml", "resources: [a.yaml]\n");
    repository.write("base/a.yaml", MAP);
    repository.write("overlays/dev/kustomization.yaml", "resources: [../../link]\nnamePrefix: dev-\n");
    repository.write("overlays/lfs/kustomization.yaml", "configMapGenerator: [{name: a, files: [large.bin]}]\n");
    let pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n";
    repository.write("overlays/lfs/large.bin", pointer);
    let linked = std::process::Command::new("ln").args(["-s", "base", "link"]).current_dir(repository.path()).status();
    assert!(linked.is_ok_and(|status| status.success()));
    git(&repository, &["init", "--quiet"]);
    git(&repository, &["add", "--all"]);
    git(&repository, &["commit", "--quiet", "--message", "first"]);
    let before = repository.run(&["build", "overlays/dev"]).exits(0).stdout;
    // What is on disk plays no part, not even the directory.
    repository.edit("base/a.yaml", "old", "new");
    repository.remove("overlays/dev/kustomization.yaml");
    fs::remove_dir(repository.path().join("overlays/dev")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(repository.run(&["build", "overlays/dev", "--rev", "main"]).exits(0).stdout, before);
    assert_eq!(repository.run(&["build", "overlays/dev", "--rev", "HEAD"]).exits(0).stdout, before);
    let all = repository.run(&["build", "--all", "--rev", "HEAD", "."]).exits(3);
    assert_eq!(all.stdout, before);
    assert!(all.stderr.contains("Git LFS pointer"), "{}", all.stderr);
    let blame = repository.run(&["blame", "overlays/dev", "--rev", "HEAD", "--field", "data.key"]).exits(0);
    assert!(blame.stdout.contains("# base/a.yaml:6"), "{}", blame.stdout);
    // A link below a link has the parent of where it leads, and circles end.
    repository.write("real/deep/a.yaml", MAP);
    repository.write("real/a.yaml", &MAP.replace("old", "right"));
    repository.write("links/a.yaml", &MAP.replace("old", "wrong"));
    repository.write("links/kustomization.yaml", "resources: [r.yaml]\n");
    repository.write("circles/kustomization.yaml", "resources: [d/a26]\n");
    let script = "ln -s ../real/deep links/dl; ln -s dl/../a.yaml links/r.yaml; mkdir circles/d; cd circles/d; ln -s . a0; \
        n=0; while [ $n -lt 26 ]; do m=$((n + 1)); ln -s a$n/a$n a$m; n=$m; done";
    let linked = std::process::Command::new("sh").args(["-ec", script]).current_dir(repository.path()).status();
    assert!(linked.is_ok_and(|status| status.success()));
    git(&repository, &["add", "--all"]);
    git(&repository, &["commit", "--quiet", "--message", "links"]);
    let flags = ["--rev", "HEAD", "--load-restrictor", "LoadRestrictionsNone"];
    assert!(repository.run(&[&["build", "links"][..], &flags].concat()).exits(0).stdout.contains("key: right"));
    repository.run(&["build", "circles", "--rev", "HEAD"]).exits(3).says("d/a26");
    repository.run(&["build", "overlays/dev", "--rev", "nothing"]).exits(2).says("no revision `nothing`");
    repository.run(&["build", "overlays/other", "--rev", "HEAD"]).exits(3).says("has no directory `overlays/other`");
    repository.run(&["build", "../..", "--rev", "HEAD"]).exits(2).says("outside of the repository");
}

#[test]
fn charts_are_rendered_by_the_users_helm_when_asked_to() {
    let repository = Repository::empty();
    // It prints how it was called, as a manifest.
    let helm = "#!/bin/sh\nif [ \"$1\" = version ]; then echo v3.18.6; exit; fi\nwhile [ $# -gt 0 ]; do\n\
        if [ \"$1\" = -f ]; then values=$(cat \"$2\"); fi\nif [ \"$1\" = --namespace ]; then namespace=$2; fi\nshift\ndone\n\
        echo \"pulled something\"\necho ---\necho \"{apiVersion: v1, kind: ConfigMap, metadata: {name: web, namespace: $namespace}, data: {values: '$values'}}\"\n";
    repository.write("helm", helm);
    let made = std::process::Command::new("chmod").arg("+x").arg(repository.path().join("helm")).status();
    assert!(made.is_ok_and(|status| status.success()));
    repository.write("base/charts/web/Chart.yaml", "name: web\n");
    repository.write("base/charts/web/values.yaml", "replicas: 1\nport: 80\nextra: {a: 1, b: [1, 2]}\n");
    let inline = "helmCharts:\n- name: web\n  valuesInline: {replicas: 3, extra: {a: null, b: [on]}}\n";
    repository.write("base/kustomization.yaml", inline);
    repository.write("overlay/kustomization.yaml", "resources: [../base]\nnamespace: shop\nnamePrefix: p-\n");
    let program = repository.path().join("helm");
    let flags = ["--enable-helm", "--helm-command", program.to_str().unwrap_or_default()];
    let run = repository.run(&[&["build", "overlay"][..], &flags].concat()).exits(0);
    assert!(run.stdout.contains("namespace: shop") && run.stdout.contains("name: p-web"), "{}", run.stdout);
    assert!(run.stdout.contains(r#"{"extra":{"b":[true]},"port":80,"replicas":3}"#), "{}", run.stdout);
    repository.run(&["build", "overlay"]).exits(3).says("--enable-helm");
    repository.write("base/kustomization.yaml", "helmCharts: [{name: web, releaseName: --post-renderer=/bin/sh}]\n");
    repository.run(&[&["build", "overlay"][..], &flags].concat()).exits(3).says("is no name");
    repository
        .write("other/kustomization.yaml", "helmGlobals: {chartHome: ../base/charts}\nhelmCharts: [{name: web}]\n");
    repository.run(&[&["build", "other"][..], &flags].concat()).exits(3).says("lies outside of the directory");
    repository.write("base/kustomization.yaml", "helmCharts: [{name: other, repo: 'https://charts.example.com'}]\n");
    repository.run(&[&["build", "overlay"][..], &flags].concat()).exits(3).says("helm pull");
    repository.run(&["build", "overlay", "--enable-helm", "--helm-command", "/no/helm"]).exits(3).says("helm pull");
    repository.write("base/kustomization.yaml", inline);
    let absent = repository.run(&["build", "overlay", "--enable-helm", "--helm-command", "/no/helm"]).exits(3);
    absent.says("`/no/helm` cannot be started");
}

#[test]
fn the_release_of_kustomize_is_a_setting() {
    let repository = Repository::empty();
    repository.write("gitopsctl.yaml", "platform: shop\nkustomizeVersion: 5.8.2\n");
    repository.write("a/kustomization.yaml", "resources: [a.yaml]\nbuildMetadata: [managedByLabel]\n");
    repository.write("a/a.yaml", MAP);
    assert!(repository.run(&["build", "a"]).exits(0).stdout.contains("kustomize-v5.8.2"));
    let flag = repository.run(&["build", "a", "--kustomize-version", "5.8.1"]).exits(0);
    assert!(flag.stdout.contains("kustomize-v5.8.1"), "{}", flag.stdout);
    repository.write("gitopsctl.yaml", "platform: shop\nkustomizeVersion: 4.5\n");
    let run =
        repository.run(&["build", "a"]).exits(3).says("gitopsctl.yaml:2:19: `kustomizeVersion: 4.5` is not known");
    assert!(run.stdout.is_empty());
}

#[test]
fn what_kustomize_passes_over_is_noted() {
    use gitopsctl::kustomize::{Options, Session, build};
    let kustomization = "resources: [a.yaml]\nresources: [a.yaml]\nimages: [{name: nginx, newTag: '1'}]\n\
        patches: [{target: {kind: Service}, patch: '- {op: remove, path: /x}'}]\n\
        replacements: [{sourceValue: x, targets: [{select: {kind: Service}, fieldPaths: [a]}]}]\ncommonLabels: {a: b}\n";
    let files = [("kustomization.yaml", kustomization), ("a.yaml", MAP)];
    let tree = gitopsctl::tree::Tree::memory(files.map(|(path, text)| (path.to_owned(), text.to_owned())));
    let session = Session::new(&tree, "", gitopsctl::source::SourceMap::default(), Options::default());
    assert!(build(&session, "").is_ok());
    let told: Vec<String> = session.finish().diagnostics.iter().map(|diagnostic| diagnostic.message.clone()).collect();
    for part in
        ["no image is called `nginx`", "a target of a replacement", "selects no resource", "occurs twice", "deprecated"]
    {
        assert!(told.iter().any(|message| message.contains(part)), "{part}: {told:#?}");
    }
}

#[test]
fn a_revision_with_holes_is_no_smaller_revision() {
    let repository = Repository::empty();
    for overlay in ["a", "b"] {
        repository.write(&format!("overlays/{overlay}/kustomization.yaml"), "resources: [m.yaml]\n");
        repository.write(&format!("overlays/{overlay}/m.yaml"), &MAP.replace("old", overlay));
    }
    git(&repository, &["init", "--quiet"]);
    git(&repository, &["add", "--all"]);
    git(&repository, &["commit", "--quiet", "--message", "first"]);
    let hash = std::process::Command::new("git")
        .args(["rev-parse", "HEAD:overlays/b"])
        .current_dir(repository.path())
        .output();
    let hash = hash.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    repository.remove(&format!(".git/objects/{}/{}", &hash[..2], &hash[2..]));
    repository.run(&["build", "--all", "--rev", "HEAD", "."]).exits(4).says("the revision cannot be read");
    repository.run(&["build", "overlays/b", "--rev", "HEAD"]).exits(4).says("the revision cannot be read");
    repository.run(&["waves", "--live-rev", "HEAD"]).exits(4).says("the revision cannot be read");
    repository.run(&["build", "overlays/a", "--rev", "HEAD"]).exits(0).prints("key: a");
}
