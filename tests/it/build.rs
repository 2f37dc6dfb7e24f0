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
