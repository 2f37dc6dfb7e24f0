//! Where the paths of a kustomization lead, and what of it may be read.

use std::sync::Arc;

use crate::diag::{Diagnostic, closest};
use crate::kustomize::compat;
use crate::kustomize::decode::Text;
use crate::kustomize::diags::{Failure, at, codes};
use crate::kustomize::session::Session;
use crate::tree::{Kind, normal};

/// The directory of a kustomization, with those that led to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Root<'a> {
    /// The path in the tree, links resolved.
    pub(super) directory: &'a str,
    /// The path from the build's root as the `resources` and `components` on the way spell it; empty for the root.
    pub(super) trail: &'a str,
    pub(super) parent: Option<&'a Root<'a>>,
    /// The `namespace` of the nearest kustomization that includes this one and has any.
    pub(super) namespace: &'a str,
}

fn refuse(path: &Text, message: String, label: &str) -> Failure {
    Box::new(at(Diagnostic::error(&codes::PATH, message), path.origin, label))
}

/// Whether a path is a directory or lies below it.
fn is_within(path: &str, directory: &str) -> bool {
    directory.is_empty() || path == directory || path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}

impl Root<'_> {
    /// A path that this kustomization names, as the build's root would spell it.
    pub(super) fn spelled(&self, path: &str) -> String {
        let mut parts: Vec<&str> = Vec::new();
        for part in self.trail.split('/').chain(path.split('/')) {
            match part {
                "" | "." => {}
                ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        parts.join("/")
    }

    /// The path of a file that the kustomization names, links resolved.
    pub(super) fn file(&self, session: &Session<'_>, path: &Text) -> Result<Arc<str>, Failure> {
        let missing = || refuse(path, format!("no file `{}`", &**path), "no such file");
        if path.is_empty() {
            return Err(refuse(path, "a path is empty".to_owned(), "a file is due here"));
        }
        let full = normal(self.directory, path).ok_or_else(missing)?;
        let (real, kind) = session.place(&full).ok_or_else(missing)?;
        if kind == Kind::Directory {
            return Err(refuse(path, format!("`{}` is a directory", &**path), "a file is due here"));
        }
        if !session.options.unrestricted && !is_within(&real, self.directory) {
            let message = format!("`{}` lies outside of the directory of its kustomization", &**path);
            let failure = refuse(path, message, "not to be read from here");
            let help =
                "move the file, or include its directory as a base; `--load-restrictor LoadRestrictionsNone` allows it";
            return Err(Box::new(failure.help(help)));
        }
        session.uses(self.directory, &real, false);
        Ok(real)
    }

    /// Whether this kustomization, or one that led to it, lies in a directory or below it.
    pub(super) fn is_below(&self, directory: &str) -> bool {
        is_within(self.directory, directory) || self.parent.is_some_and(|parent| parent.is_below(directory))
    }

    /// Whether anything stands at a path, readable or not.
    pub(super) fn has(&self, session: &Session<'_>, path: &str) -> bool {
        let full = normal(self.directory, path).filter(|_| !path.is_empty());
        full.is_some_and(|full| session.place(&full).is_some_and(|(_, kind)| kind != Kind::Directory))
    }

    /// The path of a directory that the kustomization includes, links resolved.
    pub(super) fn include(&self, session: &Session<'_>, path: &Text) -> Result<Arc<str>, Failure> {
        if path.is_empty() {
            return Err(refuse(path, "a path is empty".to_owned(), "a directory is due here"));
        }
        if path.starts_with('/') {
            let message = format!("the directory `{}` is absolute", &**path);
            return Err(refuse(path, message, "must be relative to this file"));
        }
        let dots = |part: &str| part.contains("..") && part != "..";
        if path.split('/').any(dots) {
            session.meets(compat::DOTS_IN_A_NAME, path.origin);
        }
        if session.options.release.refuses_dots() && path.split('/').any(dots) {
            let message = format!("`{}` has `..` within a part of the path", &**path);
            return Err(refuse(path, message, "are these two entries of the list?"));
        }
        let missing = || {
            if is_remote(path) {
                let message = format!("`{}` lies in another repository", &**path);
                let diagnostic = at(Diagnostic::error(&codes::REMOTE, message), path.origin, "not read from here");
                return Box::new(diagnostic.help("vendor it: commit a copy, and name its path here"));
            }
            let failure = refuse(path, format!("no file or directory `{}`", &**path), "leads to nothing");
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            let folder = normal(self.directory, folder).unwrap_or_default();
            let names: Vec<_> = session.tree.list(&folder).into_iter().map(|entry| entry.name).collect();
            Box::new(failure.near(closest(name, names.iter().map(String::as_str))))
        };
        let full = normal(self.directory, path).ok_or_else(missing)?;
        let real = session.directory(&full).ok_or_else(missing)?;
        let mut around = Some(self);
        while let Some(root) = around {
            if is_within(root.directory, &real) {
                let message = format!("`{}` includes itself by way of `{}`", session.shown(root.directory), &**path);
                let diagnostic = Diagnostic::error(&codes::CYCLE, message);
                return Err(Box::new(at(diagnostic, path.origin, "leads back to a directory that includes this one")));
            }
            around = root.parent;
        }
        session.uses(self.directory, &real, true);
        Ok(real)
    }
}

/// Whether a path names a place on the network.
pub(super) fn is_remote(path: &str) -> bool {
    path.contains("://")
        || path.starts_with("git@")
        || path.starts_with("git::")
        || path.contains("?ref=")
        || path.contains(".git//")
        || path.ends_with(".git")
        || path
            .split('/')
            .next()
            .is_some_and(|host| host.contains('.') && !host.starts_with('.') && host.contains(".com"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_cleaned() {
        assert_eq!(normal("a/b", "../c/./d.yaml").as_deref(), Some("a/c/d.yaml"));
        assert_eq!(normal("a", "../../b"), None);
        assert_eq!(normal("a", "/x/y").as_deref(), Some("x/y"));
        assert!(is_within("a/b", "a") && is_within("a", "a") && !is_within("ab", "a") && is_within("a", ""));
    }
}
