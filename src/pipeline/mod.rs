//! The order of the stages: load → render → compare → write. The only place that knows it.

mod affected;
pub mod baseline;
mod deployed;
pub mod diff;
pub mod drift;
pub mod gather;
mod hindrances;
pub mod land;
pub mod lint;
pub mod live;
pub mod past;
mod plan;
mod proof;
mod refused;
pub mod release;
pub mod report;
mod request;
mod settings;
mod shown;
mod touched;
pub mod trial;
pub mod uses;
pub mod waves;

use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use crate::catalog::{self, Catalog, PLATFORM_FILE};
use crate::diag::{Diagnostic, Diagnostics};
use crate::render::{self, Owner, Planned, TEMPLATE_VERSION, Templates, codes};
use crate::source::SourceMap;
use crate::tree::{self, Change, Tree, WriteError};

/// A repository, and what was found out about it so far.
#[derive(Debug)]
pub struct Workspace {
    /// The repository's files.
    pub tree: Tree,
    /// Every text that was read.
    pub sources: SourceMap,
    /// Everything there is to say.
    pub diagnostics: Diagnostics,
    /// The version of the built-in templates; a field so that tests can be newer than this release.
    pub template_version: u32,
}

/// What to render.
#[derive(Clone, Debug, Default)]
pub struct RenderOptions {
    /// Only these services and what they share; empty: all.
    pub services: Vec<String>,
    /// Whether leftovers of what is no longer in the catalog go.
    pub prune: bool,
    /// Whether nothing is going to be written.
    pub check: bool,
}

/// What rendering would change.
#[derive(Debug, Default)]
pub struct Rendering {
    /// What becomes of each unit.
    pub plan: Vec<Planned>,
    /// Services beyond the requested ones whose files would change too.
    pub others: Vec<String>,
}

impl Rendering {
    /// Every change.
    pub fn changes(&self) -> impl Iterator<Item = &Change> {
        self.plan.iter().flat_map(|unit| &unit.changes)
    }
}

impl Workspace {
    /// A repository on disk.
    pub fn open(root: &Path) -> Self {
        Self::of(Tree::directory(root))
    }

    /// Any tree.
    pub fn of(tree: Tree) -> Self {
        Self {
            tree,
            sources: SourceMap::default(),
            diagnostics: Diagnostics::default(),
            template_version: TEMPLATE_VERSION,
        }
    }

    /// The catalog of the repository.
    pub fn catalog(&mut self) -> Option<Catalog> {
        catalog::load(&self.tree, &mut self.sources, &mut self.diagnostics)
    }

    /// Renders the catalog and compares with what is there. Nothing is written.
    pub fn render(&mut self, catalog: &Catalog, options: &RenderOptions) -> Rendering {
        if catalog.broken || !self.versions_fit(catalog, options) {
            return Rendering::default();
        }
        let templates = Templates::load(&self.tree, &mut self.diagnostics);
        let units =
            render::render(catalog, &templates, &self.tree, options.prune, &mut self.sources, &mut self.diagnostics);
        let (sources, diagnostics) = (&mut self.sources, &mut self.diagnostics);
        let mut plan = render::plan(units, catalog, &self.tree, options.prune, sources, diagnostics);
        let mut others = Vec::new();
        if !options.services.is_empty() {
            plan.retain(|unit| match &unit.owner {
                Owner::Service(name) if !options.services.contains(name) => {
                    others.extend((!unit.changes.is_empty()).then(|| name.clone()));
                    false
                }
                _ => true,
            });
        } else if let Some(change) = self.note_version(catalog) {
            plan.push(Planned { owner: Owner::Platform, changes: vec![change], unchanged: 0 });
        }
        Rendering { plan, others }
    }

    /// Writes the changes, unit by unit; a unit that cannot be written is left as it was.
    pub fn write(&self, plan: &[Planned]) -> Vec<(Owner, WriteError)> {
        let Some(root) = self.tree.root() else { return Vec::new() };
        let failure = |unit: &Planned| Some((unit.owner.clone(), tree::write(root, &unit.changes).err()?));
        plan.par_iter().filter_map(failure).collect()
    }

    /// Whether these templates may render the tree: not where newer ones did, and not a part of it where older ones did.
    fn versions_fit(&mut self, catalog: &Catalog, options: &RenderOptions) -> bool {
        let Some(noted) = &catalog.platform.template_version else { return true };
        let own = self.template_version;
        let told = |code, message: String| Diagnostic::error(code, message).at(noted.span, "the version in use");
        let versions = format!("version {} of the templates, and this gitopsctl has {own}", noted.value);
        if noted.value > own {
            let message = format!("the tree was rendered with {versions}");
            self.diagnostics.push(told(&codes::NEWER_TEMPLATES, message).help("update gitopsctl"));
            return false;
        }
        if noted.value < own && !options.services.is_empty() {
            let message = format!("the rest of the tree was rendered with {versions}");
            let help = "render everything once: `gitopsctl render`";
            self.diagnostics.push(told(&codes::OLDER_TEMPLATES, message).help(help));
            return false;
        }
        if noted.value < own && options.check {
            let message = format!("the tree was rendered with {versions}: what differs need not be an edit");
            let help = "run `gitopsctl render`, and commit what changes";
            let diagnostic = Diagnostic::warning(&codes::OLDER_TEMPLATES, message).at(noted.span, "the version in use");
            self.diagnostics.push(diagnostic.help(help));
        }
        true
    }

    /// The edit that notes the version of the templates in gitopsctl.yaml, where an older one is noted.
    fn note_version(&self, catalog: &Catalog) -> Option<Change> {
        let noted = catalog.platform.template_version.as_ref().filter(|noted| noted.value < self.template_version)?;
        let before: Arc<str> = self.sources.file(noted.span.file).text.clone();
        let mut after = before.to_string();
        after.replace_range(noted.span.range(), &self.template_version.to_string());
        Some(Change { path: PLATFORM_FILE.to_owned(), before: Some(before), after: Some(after.into()) })
    }
}
