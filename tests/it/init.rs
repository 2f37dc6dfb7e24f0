//! `gitopsctl init`, and the small commands that need no repository.

use crate::support::{Repository, gitopsctl, gitopsctl_with, project};

#[test]
fn nothing_is_overwritten() {
    let repository = Repository::example();
    let before = repository.files();
    repository.run(&["init", "--example"]).exits(2).says("`.gitopsctl/platform.schema.json` is there already");
    assert_eq!(repository.files(), before);
}

#[test]
fn an_empty_platform_takes_a_first_service() {
    let repository = Repository::empty();
    repository.run(&["init", "--empty"]).exits(0);
    repository.run(&["list"]).exits(0).says("no services yet");
    repository.run(&["render"]).exits(0);
    repository.run(&["new", "first", "--domain", "core"]).exits(0).says("services/first.yaml");
    repository.run(&["render", "--check"]).exits(0);
    repository.run(&["list"]).exits(0).prints("first");
}

#[test]
fn a_repository_with_kustomizations_is_described_and_otherwise_left_alone() {
    let repository = Repository::empty();
    for path in ["apps/a/base", "apps/a/overlays/dev", "apps/a/overlays/production", "apps/b/overlays/dev"] {
        repository.write(&format!("{path}/kustomization.yaml"), "resources: []\n");
    }
    repository.run(&["init"]).exits(0).says("found 4 kustomizations, 3 of them overlays of 2 environments");
    let text = repository.read("gitopsctl.yaml");
    assert!(text.contains("- \"apps/{service}/overlays/{environment}\"\n"), "{text}");
    assert!(text.contains("  dev: {}\n  production: {}\n"), "{text}");
    assert!(text.starts_with("# yaml-language-server: $schema="), "{text}");
    assert_eq!(repository.files().len(), 5);
    repository.run(&["list"]).exits(0);
}

#[test]
fn a_directory_of_other_things_needs_a_choice() {
    let repository = Repository::empty();
    repository.write("main.go", "package main\n");
    repository.run(&["init"]).exits(2).says("--example");
    repository.run(&["init", "--dry-run", "--empty"]).exits(0).prints("+++ b/gitopsctl.yaml");
    assert_eq!(repository.files().len(), 1);
}

#[test]
fn the_repository_that_git_knows_is_taken_and_a_secret_in_its_url_is_not() {
    let repository = Repository::empty();
    let git = |arguments: &[&str]| {
        let status = std::process::Command::new("git").args(arguments).current_dir(repository.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "git {arguments:?}");
    };
    git(&["init", "--quiet", "--initial-branch", "trunk"]);
    git(&["remote", "add", "origin", "https://me:token@git.example.com/own/gitops.git"]);
    repository.run(&["init"]).exits(0);
    let text = repository.read("gitopsctl.yaml");
    assert!(text.contains("url: https://git.example.com/own/gitops.git\n  revision: trunk\n"), "{text}");
    // A try-out below it is not what Argo CD will read, nor is a path on this machine.
    repository.run(&["init", "below", "--example"]).exits(0);
    assert!(repository.read("below/gitopsctl.yaml").contains("url: https://git.example.com/shop/gitops.git\n"));
    git(&["remote", "set-url", "origin", "/srv/git/own"]);
    repository.run(&["init", "--dry-run", "--empty", "."]).exits(2);
    repository.remove("gitopsctl.yaml");
    std::fs::remove_dir_all(repository.path().join(".gitopsctl")).unwrap_or_else(|error| panic!("{error}"));
    repository.run(&["init", "--dry-run", "--empty"]).exits(0).prints("git.example.com/shop/gitops.git");
}

#[test]
fn the_directory_is_made_and_commands_work_from_anywhere_below() {
    let repository = Repository::empty();
    repository.run(&["init", "a/b"]).exits(0);
    let below = repository.path().join("a/b/services");
    gitopsctl(&below, &["render"]).exits(0);
    repository.run(&["-C", "a/b", "render", "--check"]).exits(0);
    repository.run(&["-C", "gone", "render"]).exits(2).says("cannot enter the directory `gone`");
    repository.run(&["render"]).exits(3).says("error[load/no-platform]");
}

#[test]
fn schemas_are_printed_as_committed_and_every_code_is_explained() {
    let repository = Repository::empty();
    for name in ["platform", "service"] {
        let printed = repository.run(&["schema", name]).exits(0).stdout;
        let schema: serde_json::Value = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        let committed = project().join(format!("fixtures/platform/.gitopsctl/{name}.schema.json"));
        assert_eq!(std::fs::read_to_string(committed).unwrap_or_else(|error| panic!("{error}")), printed);
    }
    let codes = repository.run(&["explain"]).exits(0).stdout;
    assert!(codes.lines().count() > 30);
    for code in codes.lines() {
        repository.run(&["explain", code]).exits(0).prints(code);
    }
    repository.run(&["explain", "load/unknown-kee"]).exits(2).says("did you mean `load/unknown-key`?");
}

#[test]
fn completions_and_manual_pages_come_from_the_program() {
    let repository = Repository::empty();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        repository.run(&["completions", shell]).exits(0).prints("GITOPSCTL_COMPLETE");
    }
    // What the script asks at each key.
    let platform = Repository::rendered();
    let ask = |words: &[&str]| {
        let index = (words.len() - 1).to_string();
        let words: Vec<&str> = ["--"].into_iter().chain(words.iter().copied()).collect();
        gitopsctl_with(
            platform.path(),
            &words,
            &[("GITOPSCTL_COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", &index), ("_CLAP_IFS", "\n")],
        )
        .stdout
    };
    gitopsctl_with(platform.path(), &["render", "--check", "gone"], &[("COMPLETE", "1")]).exits(2);
    gitopsctl_with(platform.path(), &["render", "--check"], &[("GITOPSCTL_COMPLETE", "nu")]).exits(2).says("nu");
    assert!(ask(&["gitopsctl", "bu"]).contains("bump"));
    assert!(ask(&["gitopsctl", "bump", "order"]).contains("order-service"));
    assert!(ask(&["gitopsctl", "bump", "--env", ""]).contains("production"));
    assert!(ask(&["gitopsctl", "lint", "--only", "probes/readiness-m"]).contains("probes/readiness-missing"));
    repository.run(&["man"]).exits(0).prints(".TH gitopsctl 1");
    repository.run(&["man", "pages"]).exits(0);
    assert!(repository.read("pages/gitopsctl-render.1").contains("\\-\\-prune"));
}
