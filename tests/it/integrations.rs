//! The pipelines under integrations/: each file parses, and its script lines run as CI would run them, in the shells that
//! runners have, with a `gitopsctl` first on the PATH that writes down how it is called.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use regex::Regex;
use serde_json::{Value, json};

use crate::lint_command::{commit, shop};
use crate::support::{Repository, Run, files, gitopsctl, project};

/// The commands that the real program has, of those that the pipelines call. What they pass to these is given to its parser
/// as well ([`is_accepted`]). The list cannot fall behind: a command that `--help` names must be in it.
const WRITTEN: &[&str] = &["bump", "rollback", "history", "lint", "render"];

/// All that the pipelines call.
const CALLED: &[&str] = &["bump", "rollback", "history", "lint", "render"];

/// Stands for gitopsctl: writes its arguments down, each ended by NUL and each call by a newline; answers as a file beside
/// it says, and ends with the code that another says.
const STUB: &str = r#"#!/bin/sh
here=$(dirname "$0")
{ printf '%s\0' "$@"; printf '\n'; } >> "$here/calls"
case "$1" in -C) command=$3 ;; *) command=$1 ;; esac
if [ "$command" = bump ] && [ -n "${ASKS_FOR:-}" ]; then
  printf 'protocol=https\nhost=%s\n\n' "$ASKS_FOR" | git credential fill > "$here/credential" 2> /dev/null
fi
if [ -f "$here/$command.out" ]; then cat "$here/$command.out"; fi
if [ -f "$here/$command.exit" ]; then exit "$(cat "$here/$command.exit")"; fi
"#;

pub(crate) const TOKEN: &str = "t0ken-of-nobody";

fn file(path: &str) -> String {
    fs::read_to_string(project().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML text.
fn documents(name: &str, text: &str) -> Vec<Value> {
    let mut sources = gitopsctl::source::SourceMap::default();
    let id = sources.add(name, text);
    let documents = gitopsctl::yaml::load::documents(text, id).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    let json = |document| gitopsctl::yaml::json::value(document).unwrap_or_else(|error| panic!("{name}: {error:?}"));
    documents.iter().map(json).collect()
}

fn document(name: &str, text: &str) -> Value {
    let mut all = documents(name, text);
    assert_eq!(all.len(), 1, "{name}");
    all.remove(0)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

fn pairs(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().unwrap_or_else(|| panic!("no mapping: {value}")).iter()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}")).iter()
}

/// A job as CI has it when everything is put in: its script, and the variables that its shell sees.
pub(crate) struct Job {
    script: String,
    variables: BTreeMap<String, String>,
}

/// What GitLab sets for the pipeline of a Git tag.
pub(crate) fn gitlab(tag: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("CI_COMMIT_TAG", tag),
        ("CI_COMMIT_SHA", "0123456789012345678901234567890123456789"),
        ("CI_COMMIT_TITLE", "--fix \"quotes\" and $(touch x)"),
        ("CI_COMMIT_AUTHOR", "A. Person <a@example.com>"),
        ("CI_PROJECT_URL", "https://git.example.com/shop/order-service"),
        ("CI_PROJECT_DIR", "/builds/shop/order-service"),
        ("CI_PIPELINE_IID", "1234"),
        ("CI_SERVER_HOST", "git.example.com"),
        ("GITLAB_USER_NAME", "A. Person"),
        ("GITLAB_USER_EMAIL", "a@example.com"),
        ("GITOPS_TOKEN", TOKEN),
    ];
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A component of integrations/gitlab with its inputs put in. Each must be declared and match its pattern; each that has no
/// default must be given.
pub(crate) fn component(name: &str, inputs: &[(&str, &str)], predefined: &BTreeMap<String, String>) -> Job {
    let path = format!("integrations/gitlab/templates/{name}.yml");
    let source = file(&path);
    let (head, body) = source.split_once("\n---\n").unwrap_or_else(|| panic!("{path} has no header"));
    let head = document(&path, head);
    let declared = &head["spec"]["inputs"];
    for (name, _) in inputs {
        assert!(declared[*name].is_object(), "{path} has no input {name}");
    }
    let mut body = body.to_owned();
    for (name, input) in pairs(declared) {
        let default = input.get("default").map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
        let given = inputs.iter().find(|(given, _)| given == name).map(|(_, value)| (*value).to_owned());
        let value = given.or(default).unwrap_or_else(|| panic!("{path}: the input {name} is not given"));
        if let Some(pattern) = input.get("regex") {
            let pattern = Regex::new(text(pattern)).unwrap_or_else(|error| panic!("{path}: {name}: {error}"));
            assert!(pattern.is_match(&value), "{path}: {name}: {value:?} does not match {pattern}");
        }
        body = body.replace(&format!("$[[ inputs.{name} ]]"), &value);
    }
    assert!(!body.contains("$[["), "{path}: an input that is not declared: {body}");
    let body = document(&path, &body);
    let (_, job) = pairs(&body).next().unwrap_or_else(|| panic!("{path} has no job"));
    let lines: Vec<_> = items(&job["script"]).map(text).collect();
    let mut variables = predefined.clone();
    let reference = Regex::new(r"\$(\w+)").unwrap_or_else(|error| panic!("{error}"));
    for (name, value) in pairs(&job["variables"]) {
        // The server puts predefined variables into those of the job, once.
        let value = reference.replace_all(text(value), |found: &regex::Captures| {
            predefined.get(&found[1]).unwrap_or_else(|| panic!("{path}: no variable {}", &found[1])).clone()
        });
        variables.entry(name.clone()).or_insert_with(|| value.into_owned());
    }
    Job { script: lines.join("\n"), variables }
}

/// An action of integrations/github with its inputs and the runner's context put in.
pub(crate) fn action(name: &str, inputs: &[(&str, &str)], context: &[(&str, &str)]) -> Job {
    let path = format!("integrations/github/{name}/action.yml");
    let action = document(&path, &file(&path));
    assert_eq!(action["runs"]["using"], "composite", "{path}");
    for (name, _) in inputs {
        assert!(action["inputs"][*name].is_object(), "{path} has no input {name}");
    }
    let expression = Regex::new(r"\$\{\{ ([\w.-]+) \}\}").unwrap_or_else(|error| panic!("{error}"));
    let of_context = |text: &str| {
        let value = |found: &regex::Captures| {
            let found = context.iter().find(|(name, _)| *name == &found[1]);
            found.map_or_else(String::new, |(_, value)| (*value).to_owned())
        };
        expression.replace_all(text, value).into_owned()
    };
    let input = |name: &str| {
        let given = inputs.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
        let declared = &action["inputs"][name];
        assert!(given.is_some() || declared["required"] != true, "{path}: the input {name} is not given");
        given.unwrap_or_else(|| of_context(declared["default"].as_str().unwrap_or_default()))
    };
    let steps: Vec<_> = items(&action["runs"]["steps"]).collect();
    let [step] = steps[..] else { panic!("{path}: not one step") };
    assert_eq!(step["shell"], "bash", "{path}");
    let variable = |value: &Value| {
        let value = text(value);
        let name = value.strip_prefix("${{ inputs.").and_then(|rest| rest.strip_suffix(" }}"));
        name.map_or_else(|| of_context(value), input)
    };
    let variables = pairs(&step["env"]).map(|(name, value)| (name.clone(), variable(value))).collect();
    Job { script: text(&step["run"]).to_owned(), variables }
}

/// A place to run scripts in: `work`, where they start, and `bin` with what stands for programs.
pub(crate) struct Runner {
    folder: Repository,
}

impl Runner {
    fn new() -> Self {
        let runner = Self { folder: Repository::empty() };
        for folder in ["work", "home"] {
            fs::create_dir(runner.folder.path().join(folder)).unwrap_or_else(|error| panic!("{error}"));
        }
        runner.program("gitopsctl", STUB);
        runner
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, script: &str) {
        let path = format!("bin/{name}");
        self.folder.write(&path, script);
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.path(&path), mode).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Runs a job in a folder, by a shell with its options, gitopsctl being what lies in `bin`.
    pub(crate) fn run_in(&self, folder: &Path, shell: &[&str], job: &Job, more: &[(&str, &str)]) -> Run {
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", self.path("bin").display());
        let output = Command::new(shell[0])
            .args(&shell[1..])
            .args(["-c", &job.script])
            .current_dir(folder)
            .env_clear()
            .envs([("PATH", path.as_str()), ("GIT_CONFIG_NOSYSTEM", "1")])
            .env("HOME", self.path("home"))
            .env("TMPDIR", self.folder.path())
            .envs(&job.variables)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", shell[0]));
        Run {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    pub(crate) fn run(&self, shell: &[&str], job: &Job, more: &[(&str, &str)]) -> Run {
        self.run_in(&self.path("work"), shell, job, more)
    }

    /// How gitopsctl was called since the last time.
    fn calls(&self) -> Vec<Vec<String>> {
        let path = self.path("bin/calls");
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(path);
        let arguments = |call: &str| call.split_terminator('\0').map(str::to_owned).collect();
        text.split_terminator("\0\n").map(arguments).collect()
    }

    fn one_call(&self) -> Vec<String> {
        let mut calls = self.calls();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }
}

/// The shells that runners have: GitLab takes bash where the image has it, else sh; GitHub's actions name bash.
pub(crate) const SHELLS: [&[&str]; 2] = [&["bash", "-euo", "pipefail"], &["sh", "-eu"]];
pub(crate) const BASH: &[&str] = &["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"];

const REPOSITORY: &str = "https://git.example.com/shop/gitops.git";
const INPUTS: [(&str, &str); 3] =
    [("service", "order-service"), ("repository", REPOSITORY), ("image", "registry.example.com/tools/gitopsctl:1.0.0")];

/// Tags that a shell must not get hold of.
const HOSTILE: [&str; 7] =
    ["v1;touch x", "$(touch x)", "`touch x`", "v1 v2", "--no-commit", "*", "v1\" --overrule downgrade \""];

/// The real program takes what a pipeline passes to it: no complaint about the arguments themselves.
fn is_accepted(directory: &Path, call: &[String]) {
    if !WRITTEN.contains(&call[0].as_str()) {
        return;
    }
    // The parser is asked, not a server.
    let local: Vec<_> =
        call.iter().map(|argument| argument.replace(REPOSITORY, "file:///nowhere/gitops.git")).collect();
    let mut arguments: Vec<&str> = local.iter().map(String::as_str).collect();
    if matches!(arguments[0], "bump" | "rollback") {
        arguments.insert(1, "--dry-run");
    }
    let run = gitopsctl(directory, &arguments);
    assert!(!run.stderr.contains("Usage: "), "{arguments:?}: {}", run.stderr);
}

#[test]
fn what_pipelines_pass_is_held_against_every_command_there_is() {
    let help = Repository::empty().run(&["--help"]).exits(0).stdout;
    let has = |command: &str| help.lines().any(|line| line.trim_start().starts_with(&format!("{command} ")));
    let there: Vec<_> = CALLED.iter().filter(|command| has(command)).collect();
    assert_eq!(there, WRITTEN.iter().collect::<Vec<_>>(), "the program has other commands than WRITTEN says");
}

#[test]
fn every_file_parses_and_no_script_holds_an_expression() {
    let mut seen = Vec::new();
    for (name, bytes) in files(&project().join("integrations")) {
        let path = format!("integrations/{name}");
        let source = String::from_utf8_lossy(&bytes).into_owned();
        if name.ends_with(".json") {
            serde_json::from_str::<Value>(&source).unwrap_or_else(|error| panic!("{path}: {error}"));
        } else {
            let mut scripts = Vec::new();
            for document in documents(&path, &source) {
                collect(&document, &mut scripts);
            }
            for script in scripts {
                assert!(!script.contains("${{") && !script.contains("$[["), "{path}: {script}");
            }
        }
        seen.push(name);
    }
    let expected = [
        "argocd/notifications-cm.yaml",
        "github/bump/action.yml",
        "github/lint/action.yml",
        "github/rollback/action.yml",
        "github/workflows/lint.yml",
        "github/workflows/release.yml",
        "github/workflows/rollback.yml",
        "gitlab/templates/bump.yml",
        "gitlab/templates/lint.yml",
        "gitlab/templates/rollback.yml",
        "pre-commit/.pre-commit-config.yaml",
        "renovate/default.json",
    ];
    assert_eq!(seen, expected, "a file that no test knows");
}

/// The scripts of a job or a step, wherever they stand.
fn collect(value: &Value, scripts: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value) {
                    ("run", Value::String(script)) => scripts.push(script.clone()),
                    ("script" | "before_script" | "after_script", Value::Array(lines)) => {
                        scripts.extend(lines.iter().filter_map(|line| line.as_str().map(str::to_owned)));
                    }
                    _ => collect(value, scripts),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, scripts)),
        _ => (),
    }
}

#[test]
fn the_gitlab_component_bumps_with_all_that_ci_knows() {
    let runner = Runner::new();
    let job = component("bump", &INPUTS, &gitlab("v1.9.1"));
    for shell in SHELLS {
        runner.run(shell, &job, &[]).exits(0);
        let call = runner.one_call();
        let expected = [
            "bump",
            "--push",
            "--repo=https://git.example.com/shop/gitops.git",
            "--source-sha=0123456789012345678901234567890123456789",
            "--source-url=https://git.example.com/shop/order-service",
            "--source-author=A. Person <a@example.com>",
            "--source-subject=--fix \"quotes\" and $(touch x)",
            "--build-number=1234",
            "--",
            "order-service",
            "v1.9.1",
        ];
        assert_eq!(call, expected);
        is_accepted(runner.folder.path(), &call);
    }
    let more = [("environment", "dev"), ("branch", "main"), ("source", "fetch"), ("tag", "sha-$CI_PIPELINE_IID")];
    let job = component("bump", &[&INPUTS[..], &more].concat(), &gitlab(""));
    runner.run(SHELLS[1], &job, &[]).exits(0);
    let call = runner.one_call();
    assert_eq!(call[3..6], ["--env=dev", "--branch=main", "--source-repo=/builds/shop/order-service"]);
    assert_eq!(call.last().map(String::as_str), Some("sha-1234"));
    is_accepted(runner.folder.path(), &call);
    // Nothing to release is no release of nothing.
    let job = component("bump", &INPUTS, &gitlab(""));
    runner.run(SHELLS[0], &job, &[]).exits(2).says("there is no tag to release");
    assert!(runner.calls().is_empty());
}

#[test]
fn the_github_action_bumps_with_all_that_the_checkout_knows() {
    let runner = Runner::new();
    let inputs = [("service", "order-service"), ("repository", REPOSITORY), ("token", TOKEN)];
    let context = [("github.actor", "person"), ("github.actor_id", "7")];
    let job = action("bump", &inputs, &context);
    assert_eq!(job.variables["GIT_AUTHOR_EMAIL"], "7+person@users.noreply.github.com");
    let source = shop();
    commit(&source);
    let sha = git(source.path(), &["rev-parse", "HEAD"]);
    let tag = [
        ("GITHUB_REF_TYPE", "tag"),
        ("GITHUB_REF_NAME", "v1.9.1"),
        ("GITHUB_SHA", &sha),
        ("GITHUB_SERVER_URL", "https://github.example.com"),
        ("GITHUB_REPOSITORY", "shop/order-service"),
        ("GITHUB_RUN_NUMBER", "12"),
    ];
    runner.run_in(source.path(), BASH, &job, &tag).exits(0);
    let call = runner.one_call();
    let expected = [
        "bump",
        "--push",
        "--repo=https://git.example.com/shop/gitops.git",
        "--source-author=a <a@example.com>",
        "--source-subject=more",
        "--source-repo=.",
        &format!("--source-sha={sha}"),
        "--source-url=https://github.example.com/shop/order-service",
        "--build-number=12",
        "--",
        "order-service",
        "v1.9.1",
    ];
    assert_eq!(call, expected);
    is_accepted(source.path(), &call);
    // Without a checkout, and for a branch.
    runner.run(BASH, &job, &tag).exits(0);
    assert_eq!(runner.one_call()[3], format!("--source-sha={sha}"));
    runner.run(BASH, &job, &[("GITHUB_REF_TYPE", "branch"), ("GITHUB_REF_NAME", "main")]).exits(2);
    assert!(runner.calls().is_empty());
}

#[test]
fn a_tag_is_one_argument_whatever_it_holds() {
    let runner = Runner::new();
    for tag in HOSTILE {
        let job = component("bump", &INPUTS, &gitlab(tag));
        for shell in SHELLS {
            runner.run(shell, &job, &[]).exits(0);
            let call = runner.one_call();
            assert_eq!(call[call.len() - 3..], ["--", "order-service", tag]);
        }
        let inputs = [("service", "order-service"), ("repository", REPOSITORY), ("token", TOKEN), ("tag", tag)];
        let job = action("bump", &inputs, &[]);
        let more =
            [("GITHUB_SHA", ""), ("GITHUB_SERVER_URL", ""), ("GITHUB_REPOSITORY", ""), ("GITHUB_RUN_NUMBER", "")];
        runner.run(BASH, &job, &more).exits(0);
        let call = runner.one_call();
        assert_eq!(call[call.len() - 3..], ["--", "order-service", tag]);
        let left = files(&runner.path("work"));
        assert!(left.is_empty(), "{tag:?} was run: {:?}", left.keys());
    }
}

#[test]
fn a_pipeline_ends_as_gitopsctl_does() {
    let runner = Runner::new();
    let gitlab = component("bump", &INPUTS, &gitlab("v1.9.1"));
    let inputs = [("service", "order-service"), ("repository", REPOSITORY), ("token", TOKEN), ("tag", "v1.9.1")];
    let github = action("bump", &inputs, &[]);
    for code in [0, 2, 3, 4, 5, 101] {
        runner.folder.write("bin/bump.exit", &code.to_string());
        for (shell, job) in [(SHELLS[0], &gitlab), (SHELLS[1], &gitlab), (BASH, &github)] {
            runner.run(shell, job, &[]).exits(code);
        }
    }
}

#[test]
fn the_token_goes_to_git_alone_and_for_its_host_alone() {
    let inputs = [("service", "order-service"), ("repository", REPOSITORY), ("token", TOKEN), ("tag", "v1.9.1")];
    let (gitlab, github) = (component("bump", &INPUTS, &gitlab("v1.9.1")), action("bump", &inputs, &[]));
    for (shell, job, user) in
        [(SHELLS[0], &gitlab, "gitopsctl"), (SHELLS[1], &gitlab, "gitopsctl"), (BASH, &github, "x-access-token")]
    {
        let runner = Runner::new();
        // Settings that the runner has made in the same way stay.
        let settings = [("GIT_CONFIG_COUNT", "1"), ("GIT_CONFIG_KEY_0", "a.b"), ("GIT_CONFIG_VALUE_0", "c")];
        let of = |host| [&settings[..], &[("ASKS_FOR", host)]].concat();
        let run = runner.run(shell, job, &of("git.example.com")).exits(0);
        let said = runner.folder.read("bin/credential");
        assert!(said.contains(&format!("username={user}\npassword={TOKEN}\n")), "{said}");
        assert!(!format!("{run:?}{:?}", runner.calls()).contains(TOKEN));
        runner.run(shell, job, &of("elsewhere.example.com")).exits(0);
        assert!(!runner.folder.read("bin/credential").contains(TOKEN));
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let settings = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"];
    let output = Command::new("git").args(settings).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("git: {error}"));
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A GitOps repository with a bump of order-service, and the commit of the bump.
fn released() -> (Repository, String) {
    let repository = Repository::empty();
    repository.write("gitops/apps/order-service/overlays/production/kustomization.yaml", "v1.9.0\n");
    commit(&repository);
    repository.write("gitops/apps/order-service/overlays/production/kustomization.yaml", "v1.9.1\n");
    commit(&repository);
    let bump = git(repository.path(), &["rev-parse", "HEAD"]);
    (repository, bump)
}

/// What `gitopsctl history --format json` says when this was the last change.
fn history(kind: &str, commit: &str) -> String {
    json!({"version": 1, "entries": [{"kind": kind, "commit": commit, "from": "v1.9.0", "to": "v1.9.1"}]}).to_string()
}

/// The rollback of either forge, as an alarm starts it, or a person with an empty revision.
pub(crate) fn rollbacks(repository: &str, service: &str, environment: &str, revision: &str) -> [Job; 2] {
    let mut predefined = gitlab("");
    predefined.insert("CI_PROJECT_URL".to_owned(), "https://git.example.com/shop/gitops".to_owned());
    let mut gitlab = component("rollback", &[("image", "x"), ("repository", repository)], &predefined);
    let variables = [("GITOPS_SERVICE", service), ("GITOPS_ENVIRONMENT", environment), ("GITOPS_REVISION", revision)];
    // A person leaves out what is empty.
    let given = variables.iter().filter(|(_, value)| !value.is_empty());
    gitlab.variables.extend(given.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let inputs = [
        ("repository", repository),
        ("service", service),
        ("environment", environment),
        ("revision", revision),
        ("token", TOKEN),
    ];
    [gitlab, action("rollback", &inputs, &[])]
}

#[test]
fn an_alarm_about_the_last_bump_rolls_it_back() {
    let (repository, bump) = released();
    // Other services' releases, and this one's in another environment, are no reason to leave it.
    repository.write("gitops/apps/payment-service/overlays/production/kustomization.yaml", "v3\n");
    repository.write("gitops/apps/order-service/overlays/dev/kustomization.yaml", "v2\n");
    commit(&repository);
    let deployed = git(repository.path(), &["rev-parse", "HEAD"]);
    let url = repository.path().display().to_string();
    for revision in [bump.as_str(), &deployed] {
        for (job, shells) in rollbacks(&url, "order-service", "production", revision).iter().zip([&SHELLS[..], &[BASH]])
        {
            for shell in shells {
                let runner = Runner::new();
                runner.folder.write("bin/history.out", &history("bump", &bump));
                runner.run(shell, job, &[]).exits(0);
                let calls = runner.calls();
                let asked = ["history", "order-service", "--env=production", "--format=json"];
                let done = ["rollback", "--push", "--env=production", "--expect=v1.9.1", "--", "order-service"];
                assert_eq!(calls, [&asked[..], &done[..]]);
                for call in &calls {
                    is_accepted(repository.path(), call);
                }
                // A guard's refusal is the job's.
                runner.folder.write("bin/rollback.exit", "5");
                runner.run(shell, job, &[]).exits(5);
                runner.folder.write("bin/history.exit", "4");
                runner.run(shell, job, &[]).exits(4);
            }
        }
    }
    for job in rollbacks(&url, "order-service", "production", "") {
        let runner = Runner::new();
        runner.run(BASH, &job, &[]).exits(0);
        assert_eq!(runner.one_call(), ["rollback", "--push", "--env=production", "--", "order-service"]);
    }
}

#[test]
fn an_alarm_about_anything_else_rolls_nothing_back() {
    let (repository, bump) = released();
    let before = git(repository.path(), &["rev-parse", "HEAD~1"]);
    let url = repository.path().display().to_string();
    let check = |revision: &str, kind: &str, last: &str, why: &str| {
        for job in rollbacks(&url, "order-service", "production", revision) {
            let runner = Runner::new();
            runner.folder.write("bin/history.out", &history(kind, last));
            runner.run(BASH, &job, &[]).exits(0).prints(why);
            assert_eq!(runner.one_call()[0], "history");
        }
    };
    check(&before, "bump", &bump, "it was bumped again after what failed");
    check(&"9".repeat(40), "bump", &bump, "it was bumped again after what failed");
    check(&bump, "rollback", &bump, "the last change was one already");
    repository.write("gitops/apps/order-service/base/deployment.yaml", "memory: 1Mi\n");
    commit(&repository);
    let edited = git(repository.path(), &["rev-parse", "HEAD"]);
    check(&edited, "bump", &bump, "its files were changed after the bump");
    let long_ago = "2020-01-01T00:00:00Z";
    let old = Command::new("git")
        .args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "commit",
            "--quiet",
            "--allow-empty",
            "-m",
            "old",
        ])
        .envs([("GIT_COMMITTER_DATE", long_ago), ("GIT_AUTHOR_DATE", long_ago)])
        .current_dir(repository.path())
        .status();
    assert!(old.is_ok_and(|status| status.success()));
    let old = git(repository.path(), &["rev-parse", "HEAD"]);
    check(&old, "bump", &old, "minutes ago, more than 60");
}

#[test]
fn a_rollback_takes_names_and_commits_alone() {
    let wrong = ["Order", "-x", "x-", "a b", "a;touch x", "$(touch x)", "../x", "a\nb", "--all", &"a".repeat(64)];
    let commit = "0".repeat(40);
    for word in wrong {
        let cases = [(word, "production", commit.as_str()), ("order-service", word, &commit), ("a", "b", word)];
        for (service, environment, revision) in cases {
            for job in rollbacks("/nowhere", service, environment, revision) {
                let runner = Runner::new();
                for shell in SHELLS {
                    runner.run(shell, &job, &[]).exits(2).says("is no");
                    assert!(runner.calls().is_empty());
                }
            }
        }
    }
    let [gitlab, github] = rollbacks("/nowhere", "a", "b", "");
    let body = |script: &str| script[script.find("# Names are").unwrap_or_default()..].trim().to_owned();
    assert_eq!(body(&gitlab.script), body(&github.script), "both forges check the same");
    assert!(body(&gitlab.script).lines().count() > 20);
}

/// A runner whose gitopsctl is the real one.
pub(crate) fn real() -> Runner {
    let runner = Runner::new();
    runner.program("gitopsctl", &format!("#!/bin/sh\nexec '{}' \"$@\"\n", env!("CARGO_BIN_EXE_gitopsctl")));
    runner
}

#[test]
fn the_gates_stop_what_a_change_brings_and_nothing_else() {
    let runner = real();
    let repository = shop();
    commit(&repository);
    let base = git(repository.path(), &["rev-parse", "HEAD"]);
    let mut gitlab = component("lint", &[("image", "x")], &BTreeMap::new());
    gitlab.variables.insert("CI_MERGE_REQUEST_DIFF_BASE_SHA".to_owned(), base.clone());
    let github = action("lint", &[("sarif", "lint.sarif")], &[("github.event.pull_request.base.sha", &base)]);
    let jobs = [(SHELLS[0], &gitlab), (SHELLS[1], &gitlab), (BASH, &github)];
    let findings = || serde_json::from_str::<Value>(&repository.read("gl-code-quality-report.json"));
    for (shell, job) in jobs {
        runner.run_in(repository.path(), shell, job, &[]).exits(0);
    }
    assert!(findings().is_ok_and(|report| report == json!([])), "what was there before counts");
    // Without a base to compare with, all of it counts.
    let whole = action("lint", &[], &[]);
    runner.run_in(repository.path(), BASH, &whole, &[]).exits(1).prints("images/tag-mutable");
    // A new error, and settings that would hide it.
    repository.edit("base/deployment.yaml", "memory: 64Mi", "memory: 64MB");
    repository.write("gitopsctl.yaml", "platform: x\npolicies:\n  profile: none\n");
    commit(&repository);
    for (shell, job) in jobs {
        let run = runner.run_in(repository.path(), shell, job, &[]).exits(1).prints("base/deployment.yaml");
        assert!(!run.stdout.contains("images/tag-mutable"), "{}", run.stdout);
    }
    let report = findings().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(report.as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(report[0]["location"]["path"], "base/deployment.yaml", "{report}");
    assert!(repository.read("lint.sarif").contains("64MB"));
}

#[test]
fn the_hooks_of_pre_commit_run_what_is_installed() {
    let hooks = document(".pre-commit-hooks.yaml", &file(".pre-commit-hooks.yaml"));
    let command = |id: &str| {
        let hook = items(&hooks).find(|hook| hook["id"] == id).unwrap_or_else(|| panic!("no hook {id}"));
        assert_eq!((&hook["language"], &hook["pass_filenames"]), (&json!("system"), &json!(false)));
        let pattern = Regex::new(text(&hook["files"])).unwrap_or_else(|error| panic!("{error}"));
        assert!(
            pattern.is_match("gitops/apps/order-service/base/kustomization.yaml") && !pattern.is_match("README.md")
        );
        let more = hook["args"].as_array().into_iter().flatten().map(text);
        let words: Vec<String> = text(&hook["entry"]).split(' ').chain(more).map(str::to_owned).collect();
        assert_eq!(words[0], "gitopsctl");
        words[1..].to_vec()
    };
    let run = |repository: &Repository, id: &str| {
        let arguments = command(id);
        repository.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let repository = shop();
    commit(&repository);
    run(&repository, "gitopsctl-lint").exits(0);
    repository.edit("base/deployment.yaml", "memory: 64Mi", "memory: 64MB");
    run(&repository, "gitopsctl-lint").exits(1);
    let platform = Repository::rendered();
    run(&platform, "gitopsctl-render-check").exits(0);
    platform.edit("services/order-service.yaml", "v1.9.0", "v1.9.0\nenv: {A: b}");
    run(&platform, "gitopsctl-render-check").exits(1);
    let example = file("integrations/pre-commit/.pre-commit-config.yaml");
    let example = document("the example", &example);
    let used: Vec<_> = items(&example["repos"][0]["hooks"]).map(|hook| &hook["id"]).collect();
    assert_eq!(used, items(&hooks).map(|hook| &hook["id"]).collect::<Vec<_>>());
}

#[test]
fn the_notification_asks_for_what_the_jobs_read() {
    let path = "integrations/argocd/notifications-cm.yaml";
    let map = document(path, &file(path));
    let data = |key: &str| document(key, text(&map["data"][key]));
    // Subscription → trigger → template → service, by name.
    let subscription = &data("subscriptions")[0];
    let trigger = &data(&format!("trigger.{}", text(&subscription["triggers"][0])))[0];
    assert_eq!(trigger["oncePer"], "app.status.operationState?.syncResult?.revision");
    assert!(text(&trigger["when"]).starts_with("app.status.operationState != nil and"));
    let template = data(&format!("template.{}", text(&trigger["send"][0])));
    assert!(template["webhook"][text(&subscription["recipients"][0])].is_object());
    // The labels that select are those that are rendered.
    let application = document("application", &file("fixtures/platform/gitops/argocd/production/order-service.yaml"));
    for word in text(&subscription["selector"]).split(',') {
        let (label, value) = word.split_once('=').unwrap_or_default();
        assert_eq!(application["metadata"]["labels"][label], value, "{label}");
    }
    let mut bodies = BTreeMap::new();
    for (name, webhook) in pairs(&template["webhook"]) {
        let service = data(&format!("service.webhook.{name}"));
        assert!(text(&service["url"]).starts_with("https://"));
        // Tokens stand in headers, by reference, and nowhere else.
        let headers: Vec<_> = items(&service["headers"]).map(|header| text(&header["value"])).collect();
        assert!(headers.iter().any(|value| value.ends_with(&format!("${name}-token"))), "{headers:?}");
        assert!(!webhook.to_string().contains("token"));
        let body = filled(text(&webhook["body"]), &application);
        bodies.insert(
            name.as_str(),
            serde_json::from_str::<Value>(&body).unwrap_or_else(|error| panic!("{body}: {error}")),
        );
    }
    let gitlab = &bodies["rollback-gitlab"];
    assert_eq!(gitlab["ref"], "main");
    let variables =
        items(&gitlab["variables"]).map(|pair| (text(&pair["key"]).to_owned(), text(&pair["value"]).to_owned()));
    let variables: BTreeMap<_, _> = variables.collect();
    let expected =
        [("GITOPS_ENVIRONMENT", "production"), ("GITOPS_REVISION", REVISION), ("GITOPS_SERVICE", "order-service")];
    assert_eq!(variables.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<Vec<_>>(), expected);
    let component = file("integrations/gitlab/templates/rollback.yml");
    assert!(expected.iter().all(|(name, _)| component.contains(&format!("\"${name}\""))));
    let workflow = document("workflow", &file("integrations/github/workflows/rollback.yml"));
    let github = &bodies["rollback-github"];
    assert_eq!(workflow["on"]["repository_dispatch"]["types"], json!([github["event_type"]]));
    let with = &workflow["jobs"]["rollback"]["steps"][0]["with"];
    for (key, value) in pairs(&github["client_payload"]) {
        assert!(text(&with[key]).contains(&format!("github.event.client_payload.{key} ")), "{key}");
        assert!(expected.iter().any(|(_, expected)| value == expected), "{key}: {value}");
    }
}

const REVISION: &str = "0123456789012345678901234567890123456789";

/// A body as Argo CD's notifications make it: each action of these templates is a field of the Application, by path or by
/// `index` and a label, as JSON.
fn filled(body: &str, application: &Value) -> String {
    let mut application = application.clone();
    application["status"] = json!({"operationState": {"syncResult": {"revision": REVISION}}});
    let action = Regex::new(r#"\{\{ (index )?\.app((?:\.\w+)+)(?: "([^"]+)")? \| toJson \}\}"#);
    let action = action.unwrap_or_else(|error| panic!("{error}"));
    let filled = action.replace_all(body, |found: &regex::Captures| {
        let pointer = found[2].replace('.', "/");
        let mut value = application.pointer(&pointer).unwrap_or_else(|| panic!("no {pointer}"));
        if let Some(key) = found.get(3) {
            value = &value[key.as_str()];
        }
        assert!(value.is_string(), "{pointer}");
        value.to_string()
    });
    filled.into_owned()
}

#[test]
fn workflows_pin_what_they_use_and_give_what_actions_need() {
    for (name, bytes) in files(&project().join("integrations/github/workflows")) {
        let workflow = document(&name, &String::from_utf8_lossy(&bytes));
        assert_eq!(workflow["permissions"], json!({}), "{name}");
        for (_, job) in pairs(&workflow["jobs"]) {
            for step in items(&job["steps"]) {
                let (used, commit) = text(&step["uses"]).split_once('@').unwrap_or_default();
                assert!(commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}: {used}");
                let Some(own) = used.split_once("/integrations/").map(|(_, own)| own) else { continue };
                let path = format!("integrations/{own}/action.yml");
                let inputs = document(&path, &file(&path))["inputs"].clone();
                let given = step["with"].as_object().cloned().unwrap_or_default();
                for key in given.keys() {
                    assert!(inputs[key].is_object(), "{name}: {path} has no input {key}");
                }
                for (key, _) in pairs(&inputs).filter(|(_, input)| input["required"] == true) {
                    assert!(given.contains_key(key), "{name}: {path} needs {key}");
                }
            }
        }
    }
}

#[test]
fn renovate_leaves_the_platforms_images_alone_and_no_others() {
    let preset: Value =
        serde_json::from_str(&file("integrations/renovate/default.json").replace("{{arg0}}", "registry.example.com"))
            .unwrap_or_else(|error| panic!("{error}"));
    let rules: Vec<_> = items(&preset["packageRules"]).collect();
    let [rule] = rules[..] else { panic!("not one rule") };
    assert_eq!(rule["enabled"], false);
    assert!(items(&rule["matchManagers"]).any(|manager| manager == "kustomize"));
    let patterns: Vec<_> = items(&rule["matchPackageNames"]).map(text).collect();
    let [pattern] = patterns[..] else { panic!("not one pattern") };
    let is_left = |image: &str| pattern.strip_suffix("**").is_some_and(|prefix| image.starts_with(prefix));
    let mut images = 0;
    for (path, bytes) in files(&project().join("fixtures/platform/gitops/apps")) {
        if path.ends_with("kustomization.yaml") {
            let kustomization = document(&path, &String::from_utf8_lossy(&bytes));
            for image in kustomization["images"].as_array().into_iter().flatten() {
                // Renovate calls an image by its new name.
                let name = image["newName"].as_str().unwrap_or(text(&image["name"]));
                assert!(is_left(name), "{path}: {name}");
                images += 1;
            }
        }
    }
    assert!(images >= 21, "{images}");
    for image in
        ["docker.io/library/postgres", "ghcr.io/cloudnative-pg/postgresql", "registry.example.com.evil.example/x"]
    {
        assert!(!is_left(image), "{image}");
    }
}

#[test]
fn the_lines_of_the_readme_run() {
    let readme = file("README.md");
    let section = readme.split("\n## In your pipeline\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    let mut script = String::new();
    for line in section.unwrap_or_default().lines().filter_map(|line| line.strip_prefix("    ")) {
        writeln!(script, "{line}").unwrap_or_else(|error| panic!("{error}"));
    }
    let runner = Runner::new();
    let argocd = "#!/bin/sh\necho \"$@\" >> \"$(dirname \"$0\")/argocd.calls\"\n\
                  echo '{\"status\": {\"summary\": {\"images\": [\"registry.example.com/commerce-flow/order-service:v1.9.1\"]}}}'\n";
    runner.program("argocd", argocd);
    let job = Job { script, variables: BTreeMap::new() };
    for shell in SHELLS {
        runner.run(shell, &job, &[]).exits(0);
        let call = runner.one_call();
        assert_eq!(call[..3], ["bump", "order-service", "v1.9.1"]);
        is_accepted(runner.folder.path(), &call);
    }
    let asked = runner.folder.read("bin/argocd.calls");
    assert!(asked.contains("app wait order-service-production --sync --health --operation --timeout 600\n"), "{asked}");
    // Another version is not this release.
    runner.program("argocd", &argocd.replace("v1.9.1", "v1.9.0"));
    runner.run(SHELLS[0], &job, &[]).exits(1);
}
