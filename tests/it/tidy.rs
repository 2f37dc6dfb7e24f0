//! Keeps the shape of the source: who may import whom, one door a foreign crate, no printing and no panics in stages,
//! files that fit on a few screens.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Which modules a module may name, as ARCHITECTURE.md has it. `main` and `lib` stand above all.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("diag", &["source"]),
    ("program", &["diag", "source"]),
    ("git", &["program", "diag", "source"]),
    ("tree", &["git", "diag", "source"]),
    ("yaml", &["diag", "source"]),
    ("kube", &["yaml", "diag", "source"]),
    ("catalog", &["kube", "tree", "yaml", "git", "diag", "source"]),
    ("kustomize", &["kube", "tree", "yaml", "diag", "source"]),
    ("layout", &["catalog", "kube", "tree", "yaml", "git", "diag", "source"]),
    ("render", &["layout", "catalog", "kube", "tree", "yaml", "git", "diag", "source"]),
    ("argo", &["layout", "kustomize", "catalog", "kube", "tree", "yaml", "git", "diag", "source"]),
    ("policy", &["argo", "layout", "kustomize", "catalog", "kube", "tree", "yaml", "git", "diag", "source"]),
    ("compare", &["argo", "layout", "kustomize", "catalog", "kube", "tree", "yaml", "git", "diag", "source"]),
    ("release", &["layout", "catalog", "kube", "tree", "yaml", "git", "diag", "source"]),
    ("report", &["diag", "source"]),
    ("view", &["compare", "argo", "report", "diag", "source"]),
    (
        "pipeline",
        &[
            "view",
            "release",
            "compare",
            "policy",
            "argo",
            "kustomize",
            "report",
            "render",
            "layout",
            "catalog",
            "kube",
            "tree",
            "yaml",
            "git",
            "diag",
            "source",
        ],
    ),
    ("lsp", &["policy", "kustomize", "pipeline", "render", "catalog", "kube", "tree", "yaml", "diag", "source"]),
    (
        "cli",
        &[
            "lsp",
            "release",
            "view",
            "compare",
            "policy",
            "argo",
            "kustomize",
            "pipeline",
            "program",
            "report",
            "render",
            "layout",
            "catalog",
            "kube",
            "tree",
            "yaml",
            "git",
            "diag",
            "source",
        ],
    ),
];

/// The one place that may name a foreign crate.
const DOORS: &[(&str, &[&str])] = &[
    ("granit_parser", &["yaml/parse.rs", "yaml/load.rs"]),
    ("minijinja", &["render/engine.rs"]),
    ("git2", &["git/"]),
    ("jsonschema", &["catalog/schema.rs", "policy/schema.rs"]),
    ("annotate_snippets", &["report/human.rs"]),
    ("quick_junit", &["report/junit.rs"]),
    ("cel", &["policy/expressions.rs"]),
    ("lsp_server", &["lsp/"]),
    ("lsp_types", &["lsp/"]),
    ("clap", &["cli/"]),
    ("clap_complete", &["cli/completions.rs", "cli/complete.rs", "cli/mod.rs"]),
    ("clap_mangen", &["cli/man.rs"]),
    ("anstream", &["cli/terminal.rs"]),
    ("strsim", &["diag/mod.rs"]),
    ("similar", &["cli/render.rs", "view/lines.rs"]),
    ("sha2", &["render/engine.rs", "kustomize/finish.rs", "policy/place.rs"]),
    ("regex", &["kustomize/select.rs", "argo/template/patterns.rs"]),
    ("jiff", &["release/", "pipeline/release.rs", "cli/"]),
    ("tempfile", &["tree/"]),
    ("walkdir", &["tree/"]),
];

/// What stages must not do, and who may: the world is touched in `tree`, `git` and `cli` alone.
const FORBIDDEN: &[(&str, &[&str])] = &[
    ("println!", &[]),
    ("eprintln!", &[]),
    (".unwrap()", &[]),
    (".expect(", &[]),
    ("todo!", &[]),
    ("unimplemented!", &[]),
    ("process::exit", &[]),
    ("std::env::", &["main.rs", "program.rs"]), // what a program inherits
    ("std::fs", &["tree/", "git/", "cli/"]),
    ("std::process::Command", &["program.rs"]),
    ("process::{Command", &["program.rs"]),
    ("unsafe ", &[]),
    ("TODO", &[]),
];

/// Lines of a file that is to be read in one go; tests at its end do not count.
const LONGEST_FILE: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file: its path below src/, and its text without comments and tests.
fn sources() -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path: PathBuf = entry.unwrap_or_else(|error| panic!("{error}")).path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                let name = path.strip_prefix(root().join("src")).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                files.insert(name, text);
            }
        }
    }
    assert!(files.len() > 20, "src/ was not found");
    files
}

/// The code of a file: no comments, no unit tests.
fn code(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

fn module(path: &str) -> &str {
    path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// The modules that `crate::x` and `crate::{x, y}` name.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let group = rest.strip_prefix('{').and_then(|rest| rest.split('}').next());
        let names = group.map_or(vec![rest], |group| group.split(',').collect());
        for name in names {
            let end = |char: char| !char.is_ascii_alphanumeric() && char != '_';
            found.push(name.trim().split(end).next().unwrap_or_default().to_owned());
        }
    }
    found
}

fn is_at(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| if place.ends_with('/') { path.starts_with(place) } else { path == *place })
}

#[test]
fn modules_import_only_what_stands_before_them() {
    let mut wrong = Vec::new();
    for (path, text) in sources().iter().filter(|(path, _)| !matches!(path.as_str(), "lib.rs" | "main.rs")) {
        let own = module(path);
        let Some((_, allowed)) = MAY_IMPORT.iter().find(|(name, _)| *name == own) else {
            wrong.push(format!("{path}: the module {own} is not in the table"));
            continue;
        };
        for name in imports(&code(text)) {
            let is_module = MAY_IMPORT.iter().any(|(module, _)| *module == name);
            if is_module && name != own && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{path}: {own} must not import {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_foreign_crate_has_one_door() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let code = code(&text);
        for (name, doors) in DOORS.iter().filter(|(_, doors)| !is_at(&path, doors)) {
            if code.contains(&format!("{name}::")) {
                wrong.push(format!("{path}: only {} may name {name}", doors.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn stages_neither_print_nor_panic_nor_touch_the_world() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let code = code(&text);
        for (what, _) in FORBIDDEN.iter().filter(|(_, allowed)| !is_at(&path, allowed)) {
            if code.contains(what) {
                wrong.push(format!("{path}: {what}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let lines = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default().lines().count();
        if lines > LONGEST_FILE {
            wrong.push(format!("{path}: {lines} lines, more than {LONGEST_FILE}: split it by meaning"));
        }
        if !text.starts_with("//! ") {
            wrong.push(format!("{path}: no module documentation"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_dependency_says_why() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap_or_else(|error| panic!("{error}"));
    let section = manifest.split("\n[dependencies]\n").nth(1).unwrap_or_default();
    let section = section.split("\n[").next().unwrap_or_default();
    let dependencies: Vec<_> = section.lines().filter(|line| line.contains(" = ")).collect();
    assert!(dependencies.len() > 10);
    let silent: Vec<_> = dependencies.iter().filter(|line| !line.contains(" # ")).collect();
    assert!(silent.is_empty(), "without a reason: {silent:?}");
}
