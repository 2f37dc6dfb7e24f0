//! How Argo CD takes a path: by Kustomize, by Helm, or as a directory of plain manifests, and which files those are.

use crate::argo::application::{Directory, Source};
use crate::argo::diags::{codes, failure};
use crate::argo::glob;
use crate::diag::Diagnostic;
use crate::kube::KUSTOMIZATIONS;
use crate::tree::{Kind, Tree, join};

/// A file with this text anywhere is no manifest.
const SKIP_MARK: &str = "+argocd:skip-file-rendering";

/// By what a source is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceType {
    /// `kustomize build`
    Kustomize,
    /// `helm template`
    Helm,
    /// Plain manifests.
    Directory,
    /// A plug-in.
    Plugin,
}

impl SourceType {
    /// The field of a source that stands for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kustomize => "kustomize",
            Self::Helm => "helm",
            Self::Directory => "directory",
            Self::Plugin => "plugin",
        }
    }
}

/// By what a source is rendered whose manifests lie in a directory of the tree: its own fields say so, or the files in
/// that directory. An error where two fields do. Plug-ins that detect what is theirs are not known here.
pub fn source_type(source: &Source, tree: &Tree, directory: &str) -> Result<SourceType, Box<Diagnostic>> {
    let fields = [
        (source.kustomize.is_some(), SourceType::Kustomize),
        (source.helm, SourceType::Helm),
        (source.directory.is_some(), SourceType::Directory),
        (source.plugin, SourceType::Plugin),
    ];
    let mut explicit = fields.into_iter().filter(|(is_set, _)| *is_set).map(|(_, field)| field);
    match (explicit.next(), explicit.next()) {
        (Some(first), Some(second)) => {
            let message = format!("a source has both `{}` and `{}`", first.name(), second.name());
            let failure = failure(&codes::APPLICATION, message, source.origin, "this source");
            return Err(Box::new(failure.help("keep the one that fits the directory")));
        }
        (Some(only), None) => return Ok(only),
        _ if source.chart.is_some() => return Ok(SourceType::Helm),
        _ => {}
    }
    // Of both in one directory the last in the order of names counts: the kustomization, unless a name such as
    // `my-Chart.yaml` comes after it.
    let mut found = SourceType::Directory;
    for entry in tree.list(directory) {
        let is_file = match entry.kind {
            Kind::File => true,
            Kind::Directory => false,
            _ => tree.real(&join(directory, &entry.name)).is_none_or(|(_, kind)| kind == Kind::File),
        };
        if is_file && entry.name.ends_with("Chart.yaml") {
            found = SourceType::Helm;
        }
        if is_file && KUSTOMIZATIONS.contains(&&*entry.name) {
            found = SourceType::Kustomize;
        }
    }
    Ok(found)
}

/// The manifest files of a directory, in the order in which Argo CD reads them; their paths in the tree. Without settings
/// those at its top with a name of YAML, JSON or Jsonnet; Jsonnet is among them, and is for the caller to pass over.
/// Files that say that they are none, by a mark in a comment, are left out.
pub fn files(tree: &Tree, directory: &str, settings: Option<&Directory>) -> Vec<String> {
    let mut found = Vec::new();
    walk(tree, directory, "", settings, &mut found);
    found
}

fn walk(tree: &Tree, top: &str, below: &str, settings: Option<&Directory>, found: &mut Vec<String>) {
    let recurse = settings.is_some_and(|settings| settings.recurse);
    let extensions = [".yaml", ".yml", ".json", ".jsonnet"];
    for entry in tree.list(&joined(top, below)) {
        let relative = join(below, &entry.name);
        let path = joined(top, &relative);
        if entry.is_directory() {
            if recurse && entry.name != ".git" {
                walk(tree, top, &relative, settings, found);
            }
            continue;
        }
        let any = settings.is_some_and(|settings| settings.any_extension);
        if !any && !extensions.iter().any(|extension| entry.name.ends_with(extension)) {
            continue;
        }
        if !tree.has_file(&path) {
            continue;
        }
        let fits = |pattern: &str| glob::fits(pattern, &relative, &[]);
        let excluded = settings.and_then(|settings| settings.exclude.as_ref()).is_some_and(|exclude| fits(exclude));
        let included = settings.and_then(|settings| settings.include.as_ref()).is_none_or(|include| fits(include));
        if excluded || !included {
            continue;
        }
        let is_marked = matches!(tree.text(&path), Ok(Some(text)) if text.contains(SKIP_MARK));
        if !is_marked {
            found.push(path);
        }
    }
}

fn joined(top: &str, below: &str) -> String {
    if below.is_empty() { top.to_owned() } else { join(top, below) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kustomize::Text;
    use crate::source::Origin;
    use crate::yaml::data::Datum;

    fn tree() -> Tree {
        let files = [
            ("d/b.yaml", ""),
            ("d/a.yml", ""),
            ("d/c.json", ""),
            ("d/readme.md", ""),
            ("d/e.jsonnet", ""),
            ("d/off.yaml", "# +argocd:skip-file-rendering\n"),
            ("d/sub/x.yaml", ""),
            ("d/sub/y.txt", ""),
            ("k/kustomization.yaml", ""),
            ("k/Chart.yaml", ""),
            ("h/Chart.yaml", ""),
            ("h/sub/kustomization.yaml", ""),
        ];
        Tree::memory(files.map(|(path, text)| (path.to_owned(), text.to_owned())))
    }

    fn settings(recurse: bool, include: &str, exclude: &str) -> Directory {
        let text = |text: &str| (!text.is_empty()).then(|| Text::new(text, Origin::NONE));
        Directory {
            origin: Origin::NONE,
            recurse,
            include: text(include),
            exclude: text(exclude),
            jsonnet: false,
            any_extension: false,
        }
    }

    #[test]
    fn directories_list_their_manifests() {
        let tree = tree();
        let list = |settings: Option<&Directory>| files(&tree, "d", settings).join(" ");
        assert_eq!(list(None), "d/a.yml d/b.yaml d/c.json d/e.jsonnet");
        assert_eq!(list(Some(&settings(true, "", ""))), "d/a.yml d/b.yaml d/c.json d/e.jsonnet d/sub/x.yaml");
        // Patterns are of the path from the directory, and `*` crosses `/`.
        assert_eq!(list(Some(&settings(true, "*.yaml", ""))), "d/b.yaml d/sub/x.yaml");
        assert_eq!(list(Some(&settings(true, "", "{sub/*,*.json*}"))), "d/a.yml d/b.yaml");
        assert_eq!(list(Some(&settings(false, "{a.yml,c.json}", "c.*"))), "d/a.yml");
    }

    #[test]
    fn fields_win_over_files() {
        let tree = tree();
        let source = |text: &str| {
            let node = crate::yaml::load::first_document(text, 0, crate::source::FileId::NONE).ok().flatten();
            Source::read(&node.unwrap_or_else(|| Datum::mapping(Origin::NONE)))
        };
        let kind = |text: &str, directory: &str| source_type(&source(text), &tree, directory).ok();
        assert_eq!(kind("path: k", "k"), Some(SourceType::Kustomize));
        assert_eq!(kind("path: h", "h"), Some(SourceType::Helm));
        assert_eq!(kind("path: d", "d"), Some(SourceType::Directory));
        assert_eq!(kind("{path: k, directory: {recurse: true}}", "k"), Some(SourceType::Directory));
        assert_eq!(kind("{path: k, helm: {}}", "k"), Some(SourceType::Helm));
        assert_eq!(kind("{path: k, plugin: {name: x}}", "k"), Some(SourceType::Plugin));
        assert_eq!(kind("{chart: x}", ""), Some(SourceType::Helm));
        assert_eq!(kind("{path: k, helm: {}, kustomize: {}}", "k"), None);
    }
}
