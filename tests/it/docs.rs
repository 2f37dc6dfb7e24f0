//! The papers say what is so: the README's session is run, its commands are those of CI, its example is the real one.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Repository, project};

fn paper(name: &str) -> String {
    fs::read_to_string(project().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn the_readmes_session_says_what_it_shows() {
    let readme = paper("README.md");
    let session = readme.split("```console\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap_or_default();
    let commands: Vec<_> = session.lines().filter_map(|line| line.strip_prefix("$ ")).collect();
    assert!(commands.len() >= 3, "{session}");
    // Each command is shown before its output, as a terminal does.
    let script: String = commands.iter().map(|command| format!("echo '$ '{}\n{command}\n", quoted(command))).collect();
    let binaries = Path::new(env!("CARGO_BIN_EXE_gitopsctl")).parent().unwrap_or(Path::new("."));
    let path = format!("{}:{}", binaries.display(), std::env::var("PATH").unwrap_or_default());
    let folder = Repository::empty();
    let output = Command::new("sh")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .current_dir(folder.path())
        .env("PATH", path)
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(String::from_utf8_lossy(&output.stdout), session);
}

fn quoted(command: &str) -> String {
    format!("'{}'", command.replace('\'', r"'\''"))
}

#[test]
fn the_readmes_two_commands_are_there_and_ci_runs_the_tests_with_the_same() {
    let readme = paper("README.md");
    let commands: Vec<_> = readme.lines().filter_map(|line| line.strip_prefix("    cargo ")).collect();
    let [render, test] = commands[..] else { panic!("not two commands: {commands:?}") };
    assert!(render.starts_with("run --release") && render.ends_with("render"), "{render}");
    assert!(paper(".ci/run").contains(&format!("\ncargo {test}\n")), "{test}");
}

#[test]
fn the_readmes_example_is_the_platforms() {
    let example = paper("fixtures/platform/services/order-service.yaml");
    assert!(paper("README.md").contains(&format!("```yaml\n{example}```")), "{example}");
}

#[test]
fn the_readme_lists_every_command_and_every_dependency() {
    let readme = paper("README.md");
    let help = Repository::empty().run(&["--help"]).exits(0).stdout;
    let commands = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    for command in commands.lines().filter_map(|line| line.split_whitespace().next()) {
        assert!(readme.contains(&format!("`{command}")), "the README does not name `{command}`");
    }
    let manifest = paper("Cargo.toml");
    let section = manifest.split("\n[dependencies]\n").nth(1).and_then(|rest| rest.split("\n[").next());
    for dependency in section.unwrap_or_default().lines().filter_map(|line| line.split(" = ").next()) {
        assert!(readme.contains(dependency), "the README does not name {dependency}");
    }
}

#[test]
fn papers_name_no_home_and_no_registry_host() {
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"] {
        let text = paper(name);
        for word in ["/home/", "crates.io", "docs.rs", "github.com", "pypi.org"] {
            assert!(!text.contains(word), "{name} says {word}");
        }
    }
}

#[test]
fn the_compatibility_page_has_every_construct_that_releases_treat_otherwise() {
    use gitopsctl::kustomize::compat::{ALL, Effect};
    let page = paper("COMPATIBILITY.md");
    for construct in ALL {
        for difference in construct.differs {
            let refused = if difference.effect == Effect::Refused { ", and so refuses it" } else { "" };
            let row = format!("| {} | {} | {}{refused} |", construct.name, difference.releases(), difference.what);
            assert!(page.contains(&row), "COMPATIBILITY.md lacks {row}");
        }
    }
}

#[test]
fn the_compatibility_page_has_every_field_of_a_kustomization() {
    let page = paper("COMPATIBILITY.md");
    let table = page.split("## Fields of a kustomization").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows: Vec<&str> = table.unwrap_or_default().lines().filter(|line| line.starts_with("| `")).collect();
    assert!(gitopsctl::kustomize::FIELDS.len() > 30);
    for field in gitopsctl::kustomize::FIELDS {
        let row =
            rows.iter().find(|row| row.split('|').nth(1).is_some_and(|cell| cell.contains(&format!("`{field}`"))));
        let says = row.and_then(|row| row.split('|').nth(2)).unwrap_or_default().trim();
        assert!(says.starts_with("supported") || says.starts_with("refused"), "`{field}`: {says:?}");
    }
}
