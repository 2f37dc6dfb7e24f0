//! Bad catalog input, a folder a kind under fixtures/errors: `in/` and what `gitopsctl render --dry-run` says of it.
//! `GITOPSCTL_BLESS=1 cargo test errors` writes what is said anew: read it before you commit it.

use std::fs;
use std::path::Path;

use similar::TextDiff;

use crate::support::{Repository, gitopsctl, project};

/// The exit code and what is said. How many files would be written is no part of it: templates may change that.
fn outcome(folder: &Path) -> String {
    let run = gitopsctl(folder, &["render", "--dry-run", "--color", "never"]);
    let is_count = |line: &&str| line.contains(" to write, ") && line.ends_with(" unchanged");
    let lines: Vec<_> = run.stderr.lines().filter(|line| !is_count(line)).collect();
    let code = run.code.map_or("none".to_owned(), |code| code.to_string());
    format!("exit: {code}\n{}\n", lines.join("\n").trim_end())
}

#[test]
fn every_kind_of_bad_input_is_told_at_its_line() {
    let folder = project().join("fixtures/errors");
    let bless = std::env::var_os("GITOPSCTL_BLESS").is_some();
    let (mut cases, mut wrong) = (0, String::new());
    for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{error}")) {
        let case = entry.unwrap_or_else(|error| panic!("{error}")).path();
        let (input, expected) = (case.join("in"), case.join("expected.txt"));
        assert!(input.is_dir(), "{} has no in/", case.display());
        let said = outcome(&input);
        if bless {
            fs::write(&expected, &said).unwrap_or_else(|error| panic!("{error}"));
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_else(|error| panic!("{}: {error}", expected.display()));
        if wanted != said {
            let diff = TextDiff::from_lines(&wanted, &said).unified_diff().to_string();
            wrong += &format!("{}:\n{diff}\n", case.display());
        }
        cases += 1;
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(cases >= 100, "only {cases} cases in {}", folder.display());
}

#[test]
fn every_code_that_render_can_give_has_a_case() {
    let mut said = String::new();
    for entry in fs::read_dir(project().join("fixtures/errors")).unwrap_or_else(|error| panic!("{error}")) {
        let path = entry.unwrap_or_else(|error| panic!("{error}")).path().join("expected.txt");
        said += &fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
    // These are no code of `render`, or need a state that a folder in Git cannot hold, or an older release; they have
    // tests of their own.
    let elsewhere = [
        "argo/application",
        "argo/generator",
        "argo/not-evaluated",
        "argo/revision",
        "argo/source-file",
        "load/manifest",
        "load/unreadable",
        "load/not-utf8",
        "load/schema-mismatch",
        "load/too-large",
        "render/finalizer",
        "render/older-templates",
    ];
    let codes = Repository::empty().run(&["explain"]).exits(0).stdout;
    let missing: Vec<_> = codes
        .lines()
        .filter(|code| !["build/", "policy/", "release/"].iter().any(|stage| code.starts_with(stage)))
        .filter(|code| !elsewhere.contains(code) && !said.contains(&format!("[{code}]")))
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn a_file_that_is_not_text_is_told() {
    let repository = Repository::example();
    fs::write(repository.path().join("services/order-service.yaml"), b"name: order-service\ndomain: \xff\n")
        .unwrap_or_else(|error| panic!("{error}"));
    let run = repository.run(&["render"]).exits(3);
    run.says("error[load/not-utf8]: `services/order-service.yaml` is not UTF-8 text: see line 2");
    assert!(repository.has("gitops/apps/payment-service/base/deployment.yaml"));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let repository = Repository::example();
    let path = repository.path().join("services/pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap_or_else(|error| panic!("{error}"));
    assert!(made.success());
    let run = repository.run(&["render"]).exits(3);
    run.says("error[load/unreadable]: `services/pipe.yaml` cannot be read: it is not a regular file");
}

#[test]
fn hostile_files_are_told_within_a_moment() {
    let repository = Repository::example();
    repository.write("services/deep.yaml", &"[".repeat(100_000));
    repository.write("services/deeper.yaml", &"- ".repeat(100_000));
    repository.write("services/large.yaml", &"# nothing but words\n".repeat(300_000));
    repository.write("services/nul.yaml", "name: \0\n");
    repository.write("services/keys.yaml", "? {a: b}\n: c\n\"a/b~c\": 1\n1: 2\n~: 3\n");
    let start = std::time::Instant::now();
    let run = repository.run(&["render"]).exits(3).says("services/deep.yaml").says("services/deeper.yaml");
    let run = run.says("error[load/too-large]: the file is larger than 4 MiB");
    run.says("services/nul.yaml").says("services/keys.yaml").says("unknown key `a/b~c`");
    assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
}
