//! Embeds the templates, the example platform and the policies: writes `embedded.rs` and `policies.rs`, tables of paths and
//! texts.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(io::Error::other)?);
    let mut text = String::new();
    let templates = files(&root.join("templates"))?;
    table(&mut text, "TEMPLATES", "The built-in templates.", &root.join("templates"), &templates)?;
    let example = root.join("fixtures/platform");
    let mut catalog = files(&example.join("services"))?;
    catalog.push(example.join("gitopsctl.yaml"));
    table(&mut text, "EXAMPLE", "The catalog of the example platform.", &example, &catalog)?;
    println!("cargo::rerun-if-changed=policies");
    println!("cargo::rerun-if-changed=templates");
    println!("cargo::rerun-if-changed=fixtures/platform/gitopsctl.yaml");
    println!("cargo::rerun-if-changed=fixtures/platform/services");
    fs::write(out.join("embedded.rs"), text)?;
    let policies = files(&root.join("policies"))?;
    let heads: Vec<_> = policies.iter().map(|file| head(file)).collect::<io::Result<_>>()?;
    let mut text = String::new();
    texts(
        &mut text,
        "POLICIES",
        "The built-in policies, without their tests.",
        &root.join("policies"),
        &policies,
        &heads,
    );
    table(&mut text, "POLICY_FILES", "The built-in policies, whole.", &root.join("policies"), &policies)?;
    fs::write(out.join("policies.rs"), text)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.append(&mut files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

fn table(text: &mut String, name: &str, doc: &str, root: &Path, files: &[PathBuf]) -> io::Result<()> {
    let _ = writeln!(text, "/// {doc}\npub(crate) static {name}: &[(&str, &str)] = &[");
    for file in files {
        let path = file.strip_prefix(root).map_err(io::Error::other)?;
        let path = path.to_string_lossy().replace('\\', "/");
        let _ = writeln!(text, "    ({path:?}, include_str!({:?})),", file.display().to_string());
    }
    text.push_str("];\n");
    Ok(())
}

/// A policy file up to its tests, which come last: a run of `lint` need not read those.
fn head(file: &Path) -> io::Result<String> {
    let text = fs::read_to_string(file)?;
    let documents = text.split("\n---\n").map(|document| document.split("\ntests:\n").next().unwrap_or_default());
    Ok(documents.collect::<Vec<_>>().join("\n---\n"))
}

fn texts(out: &mut String, name: &str, doc: &str, root: &Path, files: &[PathBuf], texts: &[String]) {
    let _ = writeln!(out, "/// {doc}\npub(crate) static {name}: &[(&str, &str)] = &[");
    for (file, text) in files.iter().zip(texts) {
        let path = file.strip_prefix(root).unwrap_or(file).to_string_lossy().replace('\\', "/");
        let _ = writeln!(out, "    ({path:?}, {text:?}),");
    }
    out.push_str("];\n");
}
