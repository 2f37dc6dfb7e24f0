//! Whose settings hold: those of the repository, or of another revision.

use crate::catalog::{self, Catalog, PLATFORM_FILE};
use crate::diag::{Diagnostic, Diagnostics};
use crate::pipeline::gather::{Gathered, Place};
use crate::pipeline::plan::Objects;
use crate::policy::{self, External};
use crate::source::SourceMap;
use crate::tree::Tree;

/// Whose settings hold.
#[derive(Debug, Default)]
pub(super) enum Settings {
    /// Those of the repository.
    #[default]
    Own,
    /// Those of another revision, which need not have any.
    Of(Option<Box<Catalog>>),
}

impl Gathered {
    /// Reads the catalog, and the one whose settings hold where that is another.
    pub(super) fn load_settings(&mut self, place: &Place<'_>) {
        let load = |tree: &Tree, sources: &mut SourceMap, diagnostics: &mut Diagnostics| {
            tree.has_file(PLATFORM_FILE).then(|| catalog::load(tree, sources, diagnostics)).flatten()
        };
        self.catalog = load(place.home, &mut self.sources, &mut self.diagnostics);
        let Some(settings) = place.settings else { return };
        let mut others = Diagnostics::default();
        self.settings = Settings::Of(load(settings, &mut self.sources, &mut others).map(Box::new));
        // What is wrong in both is said once, where it can be mended.
        let is_new = |other: &&Diagnostic| !self.diagnostics.iter().any(|known| known.message == other.message);
        let new: Vec<Diagnostic> = others.iter().filter(is_new).cloned().collect();
        for diagnostic in new {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Reads of the catalog what some services need: the platform and their files. What is wrong with it is told elsewhere.
    pub(super) fn load_settings_of(&mut self, place: &Place<'_>, services: &[String]) {
        let mut untold = Diagnostics::default();
        self.catalog = catalog::load_some(place.home, services, &mut self.sources, &mut untold);
    }

    /// The catalog, where the repository has one. One that was taken away counts where its settings do.
    pub fn catalog(&self) -> Option<&Catalog> {
        self.catalog.as_ref().or_else(|| self.settings())
    }

    /// Whether there is anything to look at, wanted or not.
    pub fn has_objects(&self) -> bool {
        self.made.iter().any(|objects| match objects {
            Objects::Built(objects) => !objects.is_empty(),
            Objects::Read(objects) => !objects.is_empty(),
        })
    }

    /// The catalog whose settings hold.
    pub fn settings(&self) -> Option<&Catalog> {
        match &self.settings {
            Settings::Own => self.catalog.as_ref(),
            Settings::Of(catalog) => catalog.as_deref(),
        }
    }

    /// Why an overlay need not build, where it need not.
    pub(super) fn excuse(&self, path: &str) -> Option<String> {
        let excuses = self.settings().into_iter().flat_map(|catalog| &catalog.platform.policies.excuse);
        let found = excuses
            .into_iter()
            .find(|excuse| excuse.overlay.as_ref().is_some_and(|pattern| policy::fits(pattern, path)));
        found.map(|excuse| excuse.reason.clone())
    }

    /// What someone else makes: by the settings, and by the services' files.
    pub(super) fn external(&self) -> External {
        let declared = self.settings().into_iter().flat_map(|catalog| &catalog.platform.policies.external);
        let declared = declared.map(|pattern| pattern.value.clone());
        let services = self.catalog().into_iter().flat_map(|catalog| &catalog.services);
        let secrets = services.flat_map(|entry| &entry.service.secrets);
        let secrets = secrets.filter(|secret| secret.external).filter_map(|secret| secret.name.as_ref());
        External { patterns: declared.chain(secrets.map(|name| format!("Secret/{}", name.value))).collect() }
    }
}
