//! Embeds the templates and the example platform: writes `embedded.rs`, two tables of paths and texts.

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
    println!("cargo::rerun-if-changed=templates");
    println!("cargo::rerun-if-changed=fixtures/platform/gitopsctl.yaml");
    println!("cargo::rerun-if-changed=fixtures/platform/services");
    fs::write(out.join("embedded.rs"), text)
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
