//! Temporary repositories and runs of the program in them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

pub(crate) fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Asserts the exit code and hands the run on.
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that stderr holds a text.
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "no {text:?} in:\n{}", self.stderr);
        self
    }

    /// Asserts that stdout holds a text.
    pub(crate) fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "no {text:?} in:\n{}", self.stdout);
        self
    }
}

/// Runs the program in a directory, without a terminal and without the caller's settings.
pub(crate) fn gitopsctl(directory: &Path, arguments: &[&str]) -> Run {
    gitopsctl_with(directory, arguments, &[])
}

/// The same, with variables set in its environment.
pub(crate) fn gitopsctl_with(directory: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_gitopsctl"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("CLICOLOR_FORCE")
        .env_remove("NO_COLOR")
        .env("GIT_CEILING_DIRECTORIES", directory.parent().unwrap_or(directory))
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    Run {
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A repository in a temporary directory.
pub(crate) struct Repository {
    folder: TempDir,
}

impl Repository {
    pub(crate) fn empty() -> Self {
        Self { folder: tempfile::tempdir().unwrap_or_else(|error| panic!("{error}")) }
    }

    /// The example platform, not rendered yet.
    pub(crate) fn example() -> Self {
        let repository = Self::empty();
        repository.run(&["init"]).exits(0);
        repository
    }

    /// The example platform, rendered.
    pub(crate) fn rendered() -> Self {
        let repository = Self::example();
        repository.run(&["render"]).exits(0);
        repository
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        gitopsctl(self.path(), arguments)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.path().join(path).exists()
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        let full = self.path().join(path);
        let folder = full.parent().unwrap_or(self.path()).to_owned();
        fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{path}: {error}"));
        fs::write(full, text).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    pub(crate) fn remove(&self, path: &str) {
        fs::remove_file(self.path().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    }

    /// Replaces a text that must occur.
    pub(crate) fn edit(&self, path: &str, before: &str, after: &str) {
        let text = self.read(path);
        assert!(text.contains(before), "{path} holds no {before:?}:\n{text}");
        self.write(path, &text.replacen(before, after, 1));
    }

    /// Every file by path.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(self.path())
    }
}

/// Every file below a folder by relative path.
pub(crate) fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
            let path = entry.unwrap_or_else(|error| panic!("{error}")).path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                found.insert(name, fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
            }
        }
    }
    found
}
