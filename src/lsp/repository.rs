//! A repository that is open in the editor: what lint found of it, and what is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lsp_types::{Diagnostic, Location, Uri};

use crate::kustomize::Place;
use crate::lsp::show;
use crate::lsp::text::{Units, path_of, point, uri_of};
use crate::pipeline::live::{Part, Side, Texts, Whole};
use crate::pipeline::uses::Use;
use crate::source::SourceMap;
use crate::tree::Tree;

/// A text that is open.
#[derive(Debug)]
pub(super) struct Document {
    /// As the editor spells it.
    pub(super) uri: Uri,
    pub(super) text: Arc<str>,
}

/// What is open, by its path without links.
#[derive(Debug, Default)]
pub(super) struct Documents {
    pub(super) open: BTreeMap<PathBuf, Document>,
    /// Folders as the editor spells them, and without links.
    pub(super) folders: Vec<(PathBuf, PathBuf)>,
}

impl Documents {
    /// The address of a path, as the editor knows it.
    pub(super) fn uri(&self, path: &Path) -> Option<Uri> {
        if let Some(document) = self.open.get(path) {
            return Some(document.uri.clone());
        }
        let spelled = self.folders.iter().find_map(|(spelled, real)| Some(spelled.join(path.strip_prefix(real).ok()?)));
        uri_of(spelled.as_deref().unwrap_or(path))
    }

    /// What is open below a folder.
    pub(super) fn below(&self, root: &Path) -> Texts {
        let below = self.open.range(root.to_owned()..).take_while(|(path, _)| path.starts_with(root));
        let text = |(path, document): (&PathBuf, &Document)| {
            let path = path.strip_prefix(root).ok()?.to_str()?.to_owned();
            // Builds know line feeds alone; so do places in them.
            Some((path, document.text.clone()))
        };
        below.filter_map(text).collect()
    }
}

/// A repository.
#[derive(Debug)]
pub(super) struct Repository {
    pub(super) root: PathBuf,
    pub(super) whole: Option<Whole>,
    pub(super) part: Option<Part>,
    /// Whether the whole is being linted.
    pub(super) runs: bool,
    /// When the whole is to be linted again.
    pub(super) due: Option<Instant>,
    /// Whether texts changed since what is shown was found.
    pub(super) is_stale: bool,
    /// How long the whole takes.
    pub(super) took: Duration,
    published: BTreeMap<PathBuf, Vec<Diagnostic>>,
}

/// After so long without a keystroke the whole is linted again, at most and at least.
const IDLE: (Duration, Duration) = (Duration::from_millis(150), Duration::from_secs(1));

impl Repository {
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            whole: None,
            part: None,
            runs: false,
            due: Some(Instant::now()),
            is_stale: false,
            took: Duration::ZERO,
            published: BTreeMap::new(),
        }
    }

    /// A text changed.
    pub(super) fn touch(&mut self) {
        self.is_stale = true;
        if self.whole.is_none() {
            self.due = Some(Instant::now());
        }
    }

    /// Takes in the whole as it was when it was started.
    pub(super) fn install(&mut self, whole: Whole) {
        (self.whole, self.part, self.is_stale) = (Some(whole), None, true);
    }

    /// Lints what the texts reach that are others than the whole had.
    pub(super) fn catch_up(&mut self, documents: &Documents) {
        let Some(whole) = &self.whole else { return };
        let texts = documents.below(&self.root);
        let changed = whole.changed(&texts);
        if changed.is_empty() {
            self.part = None;
        } else if changed.iter().any(|path| whole.concerns_all(path)) {
            // Only the whole says what becomes of it.
            self.due = Some(Instant::now());
        } else {
            self.part = Some(whole.part(self.part.as_ref(), &texts, &changed));
            // What the rest of the repository has to say of it is worked out once nobody types.
            self.due = Some(Instant::now() + (self.took * 4).clamp(IDLE.0, IDLE.1));
        }
    }

    /// What is to be published: the files whose diagnostics are others than before.
    pub(super) fn news(&mut self, documents: &Documents, units: Units) -> Vec<(Uri, Vec<Diagnostic>)> {
        let found = self.diagnostics(documents, units);
        let paths: BTreeSet<PathBuf> = found.keys().chain(self.published.keys()).cloned().collect();
        let mut news = Vec::new();
        for path in paths {
            let (old, new) = (self.published.get(&path), found.get(&path));
            if old != new
                && let Some(uri) = documents.uri(&path)
            {
                news.push((uri, new.cloned().unwrap_or_default()));
            }
        }
        self.published = found;
        news
    }

    fn diagnostics(&self, documents: &Documents, units: Units) -> BTreeMap<PathBuf, Vec<Diagnostic>> {
        let mut found: BTreeMap<PathBuf, Vec<Diagnostic>> = BTreeMap::new();
        let Some(whole) = &self.whole else { return found };
        let mut show = show::Show::new(self, documents, units);
        for (side, finding) in whole.shown(self.part.as_ref()) {
            if let Some(sources) = self.sources(side) {
                let (path, diagnostic) = show.diagnostic(finding, sources);
                found.entry(path).or_default().push(diagnostic);
            }
        }
        found
    }

    pub(super) fn sources(&self, side: Side) -> Option<&SourceMap> {
        match side {
            Side::Whole => self.whole.as_ref().map(|whole| &whole.gathered.sources),
            Side::Part => self.part.as_ref().map(|part| &part.gathered.sources),
        }
    }

    /// A path below the top.
    pub(super) fn below<'p>(&self, path: &'p Path) -> Option<&'p str> {
        path.strip_prefix(&self.root).ok()?.to_str()
    }

    /// The path on disk of one that people see.
    pub(super) fn full(&self, shown: &str) -> PathBuf {
        let own = self.root.join(shown);
        // What lies beside the repository is shown by its whole path.
        if Tree::directory(&self.root).has_file(shown) || !Tree::directory("/").has_file(shown) {
            own
        } else {
            Path::new("/").join(shown)
        }
    }

    /// The text of a file as the editor has it, else as it lies on disk.
    pub(super) fn text(documents: &Documents, path: &Path) -> Option<Arc<str>> {
        if let Some(document) = documents.open.get(path) {
            return Some(document.text.clone());
        }
        Tree::directory("/").text(path.to_str()?.trim_start_matches('/')).ok().flatten()
    }

    /// What a line of a file (from 1; none: any) has a part in.
    pub(super) fn uses(&self, path: &str, line: Option<usize>) -> Vec<Use<'_>> {
        let reached = self.part.as_ref().map(|part| &part.reached);
        let mut uses = self.part.as_ref().map(|part| part.gathered.uses(path, line, &|_| true)).unwrap_or_default();
        let is_left = |overlay: &str| reached.is_none_or(|reached| !reached.contains(overlay));
        uses.extend(self.whole.iter().flat_map(|whole| whole.gathered.uses(path, line, &is_left)));
        uses
    }

    /// A place as the editor opens it.
    pub(super) fn location(&self, documents: &Documents, units: Units, place: &Place) -> Option<Location> {
        let path = self.full(&place.file);
        let text = Self::text(documents, &path).unwrap_or_default();
        let range = point(units.of(&text, place.line, place.column));
        Some(Location { uri: documents.uri(&path)?, range })
    }
}

/// The path of an address, links resolved as far as there are files.
pub(super) fn real_path(uri: &Uri, real: fn(&Path) -> Option<PathBuf>) -> Option<PathBuf> {
    let path = path_of(uri)?;
    if let Some(real) = real(&path) {
        return Some(real);
    }
    // A new file: its folder may be there.
    let folder = path.parent().and_then(real);
    Some(folder.and_then(|folder| Some(folder.join(path.file_name()?))).unwrap_or(path))
}
