//! The template files: the built-in ones, and a repository's own `templates/<folder>/`, which win folder by folder.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::Diagnostics;
use crate::tree::{Tree, join};

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
}

/// All templates, by name: `<folder>/<path in it>`.
#[derive(Debug)]
pub struct Templates {
    files: BTreeMap<String, Template>,
    own_folders: BTreeSet<String>,
}

impl Templates {
    /// The built-in templates and those of a repository.
    pub fn load(tree: &Tree, diagnostics: &mut Diagnostics) -> Self {
        let mut files = BTreeMap::new();
        let own_folders: BTreeSet<String> =
            tree.list(FOLDER).into_iter().filter(|entry| entry.is_directory).map(|entry| entry.name).collect();
        for (name, text) in TEMPLATES {
            let folder = name.split('/').next().unwrap_or_default();
            let template = Template { text: (*text).into(), place: format!("built-in templates/{name}") };
            files.insert(format!("{BUILT_IN}{name}"), template.clone());
            if !own_folders.contains(folder) {
                files.insert((*name).to_owned(), template);
            }
        }
        for folder in &own_folders {
            for path in tree.files(&join(FOLDER, folder)) {
                match tree.text(&path) {
                    Ok(Some(text)) => {
                        let name = path[FOLDER.len() + 1..].to_owned();
                        files.insert(name, Template { text, place: path });
                    }
                    Ok(None) => {}
                    Err(diagnostic) => diagnostics.push(*diagnostic),
                }
            }
        }
        Self { files, own_folders }
    }

    /// Every template by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Template)> {
        self.files.iter().map(|(name, template)| (name.as_str(), template))
    }

    /// The template of a name.
    pub(super) fn get(&self, name: &str) -> Option<&Template> {
        self.files.get(name)
    }

    /// Whether the repository has a folder of its own of this name.
    pub(super) fn is_own(&self, folder: &str) -> bool {
        self.own_folders.contains(folder)
    }

    /// The files below a folder that are rendered (their names do not begin with `_`): path in the folder → name.
    pub(super) fn below(&self, folder: &str) -> BTreeMap<String, String> {
        let prefix = format!("{folder}/");
        let rendered = |path: &str| !path.split('/').any(|part| part.starts_with('_'));
        self.files
            .range(prefix.clone()..)
            .map_while(|(name, _)| Some((name.strip_prefix(&prefix)?, name)))
            .filter(|(path, _)| rendered(path))
            .map(|(path, name)| (path.to_owned(), name.clone()))
            .collect()
    }

    /// The folders that are archetypes: those with an archetype.yaml.
    pub fn archetypes(&self) -> Vec<&str> {
        let names = self.files.keys().filter(|name| !name.starts_with(BUILT_IN));
        names.filter_map(|name| name.strip_suffix("/archetype.yaml")).filter(|name| !name.contains('/')).collect()
    }
}
