//! Tree + directory → what `kustomize build` makes of it, each value with its origin.
//!
//! In: a tree and the directory of a kustomization in it. Out: a [`Build`], whose text equals what Kustomize prints byte
//! for byte. Knows no catalog, no layout and no policy, so that it can be held against the real program on any tree.
//!
//! The steps of a kustomization stand in order in `layer`; what happens once, at the root, in `finish`.

mod blame;
pub mod compat;
mod config;
mod decode;
mod diags;
mod fields;
mod file;
mod finish;
mod generate;
mod helm;
mod images;
mod json_patch;
mod layer;
mod manifest;
mod merge;
mod merge_lists;
mod metadata;
mod names;
mod order;
mod origin;
mod overrides;
mod parts;
mod patches;
mod paths;
mod plugins;
mod references;
mod release;
mod replacements;
mod resource;
mod roots;
mod select;
mod session;
mod set;
mod transform;
mod variables;

use std::sync::Arc;

use rayon::prelude::*;

use crate::diag::Diagnostic;
use crate::yaml::print;

pub use blame::{Place, Setter, blame, narrowed, setters};
pub use decode::Text;
pub use diags::codes;
pub use file::FIELDS;
pub use helm::{Argument, Command, Helm, Runner};
pub use origin::{Origins, Removed, Step};
pub use overrides::Overrides;
pub use release::Release;
pub use resource::{Id, Resource};
pub use session::{Caches, Finished, KustomizationFile, Options, Session};

/// A directory, built.
#[derive(Debug)]
pub struct Build {
    /// The resources in the order in which they are printed.
    pub resources: Vec<Arc<Resource>>,
}

/// Builds a directory of the session's tree. Failures come with the chain of files that led to them.
pub fn build(session: &Session<'_>, directory: &str) -> Result<Build, Box<Diagnostic>> {
    let resources = finish::build(session, directory, None)?;
    Ok(Build { resources })
}

/// Builds a directory as if its kustomization had been edited first. The files that the origins of the overrides name
/// must be among the session's sources.
pub fn build_with(session: &Session<'_>, directory: &str, overrides: &Overrides) -> Result<Build, Box<Diagnostic>> {
    let resources = finish::build(session, directory, Some(overrides))?;
    Ok(Build { resources })
}

impl Build {
    /// The text of each resource.
    pub fn texts(&self) -> Result<Vec<String>, Box<Diagnostic>> {
        let text = |resource: &Arc<Resource>| {
            print::document(&resource.root).map_err(|error| {
                let message = format!("{} cannot be printed: {}", resource.title(), error.message);
                diags::failure(&codes::OUTPUT, message, error.origin, "this value")
            })
        };
        if self.resources.len() < references::FEW {
            return self.resources.iter().map(text).collect();
        }
        self.resources.par_iter().map(text).collect()
    }

    /// The name of each resource's file in an output directory, as Kustomize chooses it.
    pub fn file_names(&self) -> Vec<String> {
        let namespaces = self.resources.iter().map(|resource| resource.effective_namespace());
        let namespaces: std::collections::HashSet<_> = namespaces.filter(|name| *name != resource::CLUSTER).collect();
        let name = |resource: &Arc<Resource>| {
            let id = resource.id();
            let version = resource.api_version().replace('/', "_");
            let name = format!("{version}_{}_{}.yaml", id.gvk.kind, id.name).to_lowercase();
            let several = namespaces.len() > 1 && !resource.is_cluster_scoped();
            if several { format!("{}_{name}", id.namespace.to_lowercase()) } else { name }
        };
        self.resources.iter().map(name).collect()
    }

    /// What `kustomize build` prints.
    pub fn text(&self) -> Result<String, Box<Diagnostic>> {
        Ok(self.texts()?.join("---\n"))
    }
}
