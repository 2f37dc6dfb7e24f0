//! The template files: the built-in ones, and a repository's own under `templates/`, which win file by file.
//!
//! A folder of the repository with an archetype.yaml is an archetype of its own: of the built-in folder of the same name it
//! has only what it extends.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::Diagnostics;
use crate::tree::{Entry, Tree, join};

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The folder of a repository's own templates.
const FOLDER: &str = "templates";
/// What a name begins with when the built-in file is meant although the repository has a folder of the same name.
pub(super) const BUILT_IN: &str = "builtin/";

/// One template.
#[derive(Clone, Debug)]
pub(super) struct Template {
    /// Its text.
    pub(super) text: Arc<str>,
    /// What to call it in messages.
    pub(super) place: String,
    /// Whether it is the repository's.
    is_own: bool,
}

/// All templates, by name: `<folder>/<path in it>`.
#[derive(Debug)]
pub struct Templates {
    files: BTreeMap<String, Template>,
}

impl Templates {
    /// The built-in templates and those of a repository.
    pub fn load(tree: &Tree, diagnostics: &mut Diagnostics) -> Self {
        let mut files = BTreeMap::new();
        let folders = tree.list(FOLDER).into_iter().filter(Entry::is_directory).map(|entry| entry.name);
        let own_folders: BTreeSet<String> = folders.collect();
        for (name, text) in TEMPLATES {
            let template =
                Template { text: (*text).into(), place: format!("built-in templates/{name}"), is_own: false };
            files.insert(format!("{BUILT_IN}{name}"), template.clone());
            files.insert((*name).to_owned(), template);
        }
        for folder in &own_folders {
            for path in tree.files(&join(FOLDER, folder)) {
                match tree.text(&path) {
                    Ok(Some(text)) => {
                        let name = path[FOLDER.len() + 1..].to_owned();
                        files.insert(name, Template { text, place: path, is_own: true });
                    }
                    Ok(None) => {}
                    Err(diagnostic) => diagnostics.push(*diagnostic),
                }
            }
        }
        Self { files }
    }

    /// Every template by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.files.iter().map(|(name, template)| (name.as_str(), template))
    }

    /// The template of a name.
    pub(super) fn get(&self, name: &str) -> Option<&Template> {
        self.files.get(name)
    }

    /// Whether a folder is an archetype of the repository's own.
    pub(super) fn is_own_archetype(&self, folder: &str) -> bool {
        self.get(&format!("{folder}/archetype.yaml")).is_some_and(|template| template.is_own)
    }

    /// The files below a folder that are rendered (their names do not begin with `_`): path in the folder → name.
    pub(super) fn below(&self, folder: &str) -> BTreeMap<String, String> {
        let prefix = format!("{folder}/");
        let rendered = |path: &str| !path.split('/').any(|part| part.starts_with('_'));
        let only_own = self.is_own_archetype(folder);
        self.files
            .range(prefix.clone()..)
            .map_while(|(name, template)| Some((name.strip_prefix(&prefix)?, name, template)))
            .filter(|(path, _, template)| rendered(path) && (template.is_own || !only_own))
            .map(|(path, name, _)| (path.to_owned(), name.clone()))
            .collect()
    }

    /// The folders that are archetypes: those with an archetype.yaml.
    pub fn archetypes(&self) -> Vec<&str> {
        let names = self.files.keys().filter(|name| !name.starts_with(BUILT_IN));
        names.filter_map(|name| name.strip_suffix("/archetype.yaml")).filter(|name| !name.contains('/')).collect()
    }
}
