//! What all builds of a run share: the tree, every file read and parsed once, and the table of origins.

use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap as HashMap;

use crate::diag::{Diagnostic, Diagnostics};
use crate::kube::KUSTOMIZATIONS;
use crate::kustomize::compat::{Construct, Met};
use crate::kustomize::decode::Text;
use crate::kustomize::diags::{Failure, codes, unreadable};
use crate::kustomize::file::Kustomization;
use crate::kustomize::helm::Helm;
use crate::kustomize::layer::Accumulated;
use crate::kustomize::manifest;
use crate::kustomize::origin::Origins;
use crate::kustomize::release::Release;
use crate::kustomize::resource::Resource;
use crate::source::{FileId, Origin, SourceMap};
use crate::tree::{Kind, LFS_POINTER, ReadError, Tree, join};
use crate::yaml::data::Datum;
use crate::yaml::load;

/// How to build.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Which Kustomize to reproduce.
    pub release: Release,
    /// Whether files may lie anywhere, not only below the kustomization that names them.
    pub unrestricted: bool,
    /// Whether many roots are built, so that it pays to keep what they share.
    pub shared: bool,
    /// Whether every object gets the label `app.kubernetes.io/managed-by`.
    pub managed_by: bool,
    /// Whether to note what other releases make something else of.
    pub compat: bool,
    /// Whether to remember which files and directories each directory names.
    pub graph: bool,
    /// Whether directories without a `namespace` take that of what includes them, as v5.8.0 has it.
    pub inherits_namespace: bool,
}

/// A file that was read.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) file: FileId,
    pub(super) text: Arc<str>,
    /// The bytes, where they are others than those of the text: line feeds alone end its lines.
    raw: Option<Vec<u8>>,
}

/// A path with all links resolved, and what stands there.
type Place = (Arc<str>, Kind);

type Cached<T> = Mutex<HashMap<String, Arc<Result<T, Failure>>>>;

/// The shared state of builds.
#[derive(Debug)]
pub struct Session<'a> {
    pub(super) tree: &'a Tree,
    pub(super) options: Options,
    /// How charts are rendered, where that is allowed.
    pub(super) helm: Option<Helm<'a>>,
    /// Cut off the paths that people see.
    base: String,
    sources: Mutex<SourceMap>,
    /// Who set what.
    pub origins: Origins,
    texts: Cached<Loaded>,
    manifests: Cached<Vec<Arc<Resource>>>,
    /// What stands at the paths that were asked for, links resolved.
    places: Mutex<HashMap<String, Option<Place>>>,
    /// The names in the directories of kustomizations.
    listings: Mutex<HashMap<String, Arc<HashMap<String, Kind>>>>,
    bases: Mutex<HashMap<(String, usize), Arc<Accumulated>>>,
    kustomizations: Mutex<HashMap<String, Result<Arc<Kustomization>, Failure>>>,
    diagnostics: Mutex<Diagnostics>,
    met: Mutex<Vec<Met>>,
    uses: Mutex<Uses>,
    /// Entries of kustomizations, with what to say of those that fit nothing.
    tried: Mutex<HashMap<Origin, Option<Diagnostic>>>,
}

/// The files and directories that each directory names; whether it is a directory stands beside its path.
type Uses = HashMap<String, Vec<(Arc<str>, bool)>>;

/// A kustomization that builds read.
#[derive(Clone, Debug)]
pub struct KustomizationFile {
    /// Its directory in the tree.
    pub directory: String,
    /// The name of the file.
    pub name: &'static str,
    /// The file as it is written.
    pub document: Arc<Datum>,
    /// The files that it names, as paths in the tree, links resolved.
    pub files: Vec<Arc<str>>,
    /// The directories that it includes, likewise.
    pub directories: Vec<Arc<str>>,
    /// The names of the files beside it.
    pub beside: Vec<String>,
}

/// What the builds of a session leave behind.
#[derive(Debug)]
pub struct Finished {
    /// The texts that were read.
    pub sources: SourceMap,
    /// What there is to say beside failures.
    pub diagnostics: Diagnostics,
    /// Who set what.
    pub origins: Origins,
    /// What other releases make something else of, where that was asked for.
    pub met: Vec<Met>,
    /// The kustomizations that were read, by directory.
    pub kustomizations: Vec<KustomizationFile>,
    /// What was kept meanwhile. A program that is about to end need not spend the time to take it apart.
    pub caches: Caches,
}

/// Files as they were read and parsed.
#[derive(Debug)]
pub struct Caches {
    _texts: Cached<Loaded>,
    _manifests: Cached<Vec<Arc<Resource>>>,
    _bases: Mutex<HashMap<(String, usize), Arc<Accumulated>>>,
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Session<'a> {
    /// Builds from a tree. Paths are shown without `base` before them. Texts are added to `sources`, which
    /// [`Session::finish`] gives back.
    pub fn new(tree: &'a Tree, base: &str, sources: SourceMap, options: Options) -> Self {
        Self {
            tree,
            options,
            helm: None,
            base: if base.is_empty() { String::new() } else { format!("{base}/") },
            sources: Mutex::new(sources),
            origins: Origins::default(),
            texts: Mutex::default(),
            manifests: Mutex::default(),
            places: Mutex::default(),
            listings: Mutex::default(),
            bases: Mutex::default(),
            kustomizations: Mutex::default(),
            diagnostics: Mutex::default(),
            met: Mutex::default(),
            uses: Mutex::default(),
            tried: Mutex::default(),
        }
    }

    /// Lets charts be rendered.
    #[must_use]
    pub fn with_helm(self, helm: Option<Helm<'a>>) -> Self {
        Self { helm, ..self }
    }

    /// What the builds leave behind.
    pub fn finish(self) -> Finished {
        let mut uses = self.uses.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut listings = self.listings.into_inner().unwrap_or_else(PoisonError::into_inner);
        let files = self.kustomizations.into_inner().unwrap_or_else(PoisonError::into_inner);
        let files = files.into_iter().filter_map(|(directory, file)| Some((directory, file.ok()?)));
        let mut kustomizations: Vec<_> = files
            .map(|(directory, file)| {
                let mut uses = uses.remove(&directory).unwrap_or_default();
                uses.sort();
                uses.dedup();
                let of = |kind: bool| {
                    let paths = uses.iter().filter(|(_, is_directory)| *is_directory == kind);
                    paths.map(|(path, _)| path.clone()).collect()
                };
                let (files, directories) = (of(false), of(true));
                let beside = listings.remove(&directory);
                let beside = beside.iter().flat_map(|names| names.iter()).filter(|(_, kind)| **kind == Kind::File);
                let beside = beside.map(|(name, _)| name.clone()).collect();
                let (name, document) = (file.name, file.document.clone());
                KustomizationFile { directory, name, document, files, directories, beside }
            })
            .collect();
        kustomizations.sort_by(|a, b| a.directory.cmp(&b.directory));
        let mut diagnostics = self.diagnostics.into_inner().unwrap_or_else(PoisonError::into_inner);
        let tried = self.tried.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut vain: Vec<_> = tried.into_values().flatten().collect();
        vain.sort_by_key(|diagnostic| diagnostic.labels.first().map(|label| label.span));
        for diagnostic in vain {
            diagnostics.push(diagnostic);
        }
        Finished {
            kustomizations,
            sources: self.sources.into_inner().unwrap_or_else(PoisonError::into_inner),
            diagnostics,
            origins: self.origins,
            met: self.met.into_inner().unwrap_or_else(PoisonError::into_inner),
            caches: Caches { _texts: self.texts, _manifests: self.manifests, _bases: self.bases },
        }
    }

    /// Notes that the kustomization of a directory names a file or a directory.
    pub(super) fn uses(&self, directory: &str, path: &Arc<str>, is_directory: bool) {
        if self.options.graph {
            let mut uses = locked(&self.uses);
            uses.entry(directory.to_owned()).or_default().push((path.clone(), is_directory));
        }
    }

    /// Something that does not stop the build.
    pub(super) fn warn(&self, diagnostic: Diagnostic) {
        locked(&self.diagnostics).push(diagnostic);
    }

    /// An entry of a kustomization was tried on what there is. Where it never fits anything, in no overlay that includes it,
    /// its diagnostic is kept.
    pub(super) fn tries(&self, entry: Origin, fits: bool, diagnostic: impl FnOnce() -> Diagnostic) {
        let mut tried = locked(&self.tried);
        if fits {
            tried.insert(entry, None);
        } else {
            tried.entry(entry).or_insert_with(|| Some(diagnostic()));
        }
    }

    /// Comes by something that other releases treat otherwise.
    pub(super) fn meets(&self, construct: &'static Construct, origin: Origin) {
        if self.options.compat {
            let met = Met { construct, origin };
            let mut all = locked(&self.met);
            if !all.contains(&met) {
                all.push(met);
            }
        }
    }

    /// A path as people see it.
    pub(super) fn shown<'p>(&self, path: &'p str) -> &'p str {
        path.strip_prefix(&*self.base).unwrap_or(path)
    }

    /// A text that stands in no file of the tree.
    pub(super) fn add_text(&self, path: &str, text: &str) -> FileId {
        locked(&self.sources).add(path, text)
    }

    /// A text within a kustomization, such as a patch.
    pub(super) fn add_within(&self, text: &Text) -> FileId {
        let mut sources = locked(&self.sources);
        match text.origin.place() {
            Some((file, offset)) => sources.add_within(file, offset, text),
            None => sources.add("", &**text),
        }
    }

    /// The path of a file in the source map.
    pub(super) fn path_of(&self, file: FileId) -> Arc<str> {
        locked(&self.sources).file(file).path.clone()
    }

    /// The comment behind a key, on its line, where it holds an object.
    pub(super) fn comment_behind(&self, key: &Datum) -> Option<String> {
        let (file, start) = key.origin.place()?;
        let sources = locked(&self.sources);
        let text = sources.file(file).text.get(start as usize..)?;
        let line = text.lines().next()?;
        let (_, comment) = line.split_once(": # ").or_else(|| line.split_once(" # "))?;
        let comment = comment.trim();
        comment.starts_with('{').then(|| comment.to_owned())
    }

    /// The text of a file by its path in the tree; line feeds alone end its lines.
    pub(super) fn text(&self, path: &str) -> Arc<Result<Loaded, Failure>> {
        if let Some(known) = locked(&self.texts).get(path) {
            return known.clone();
        }
        let loaded = Arc::new(self.read(path));
        locked(&self.texts).entry(path.to_owned()).or_insert(loaded).clone()
    }

    fn read(&self, path: &str) -> Result<Loaded, Failure> {
        let shown = self.shown(path);
        let refuse =
            |why: String| Box::new(Diagnostic::error(&codes::PATH, format!("`{shown}` cannot be read: {why}")));
        let bytes = match self.place(path) {
            None => return Err(refuse("no such file".to_owned())),
            Some((_, Kind::Directory)) => return Err(refuse("it is a directory".to_owned())),
            Some((real, Kind::File)) => match self.tree.read_file(&real) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => return Err(refuse("no such file".to_owned())),
                Err(error) => return Err(refuse(error.to_string())),
            },
            Some(_) => return Err(refuse(ReadError::NotAFile.to_string())),
        };
        let text = String::from_utf8(bytes).map_err(|error| {
            let line =
                error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            refuse(format!("it is not UTF-8 text, see line {}", line + 1))
        })?;
        let (text, raw): (Arc<str>, _) = if text.contains('\r') {
            (text.replace("\r\n", "\n").into(), Some(text.into_bytes()))
        } else {
            (text.into(), None)
        };
        let file = locked(&self.sources).add(shown, text.clone());
        Ok(Loaded { file, text, raw })
    }

    /// What is wrong with a file that starts as JSON and is none.
    pub(super) fn json_fault(&self, path: &str) -> Result<(), String> {
        match &*self.text(path) {
            Ok(loaded) if loaded.text.trim_start().starts_with('{') => {
                let parsed = serde_json::from_str::<serde::de::IgnoredAny>(&loaded.text);
                parsed.map(drop).map_err(|error| error.to_string())
            }
            _ => Ok(()),
        }
    }

    /// The bytes of a file, whatever they are, and the file where it is text.
    pub(super) fn bytes(&self, path: &str) -> Result<(Vec<u8>, Option<FileId>), Failure> {
        let shown = self.shown(path);
        let refuse =
            |why: String| Box::new(Diagnostic::error(&codes::PATH, format!("`{shown}` cannot be read: {why}")));
        if let Ok(loaded) = &*self.text(path) {
            let bytes = loaded.raw.clone().unwrap_or_else(|| loaded.text.as_bytes().to_vec());
            return Ok((bytes, Some(loaded.file)));
        }
        match self.tree.read(path) {
            Ok(Some(bytes)) => Ok((bytes, None)),
            Ok(None) => Err(refuse("no such file".to_owned())),
            Err(error) => Err(refuse(error.to_string())),
        }
    }

    /// The text of a file that may or may not be part of a build, read once for both.
    pub fn text_of(&self, path: &str) -> Option<Arc<str>> {
        self.text(path).as_ref().as_ref().ok().map(|loaded| loaded.text.clone())
    }

    /// The id of a file, read once.
    pub fn file_of(&self, path: &str) -> Option<FileId> {
        self.text(path).as_ref().as_ref().ok().map(|loaded| loaded.file)
    }

    /// The texts that were read so far, to add others to.
    pub fn sources(&self) -> std::sync::MutexGuard<'_, SourceMap> {
        locked(&self.sources)
    }

    /// The resources of a manifest file.
    pub(super) fn manifest(&self, path: &str) -> Arc<Result<Vec<Arc<Resource>>, Failure>> {
        if let Some(known) = locked(&self.manifests).get(path) {
            return known.clone();
        }
        let resources = Arc::new(match &*self.text(path) {
            Ok(loaded) => manifest::resources(&loaded.text, loaded.file, self.shown(path), self.options.release)
                .map(|resources| resources.into_iter().map(Arc::new).collect())
                .map_err(|failure| {
                    let help = "the file is a Git LFS pointer: `git lfs pull` brings its content";
                    if loaded.text.starts_with(LFS_POINTER) { Box::new(failure.help(help)) } else { failure }
                }),
            Err(failure) => Err(failure.clone()),
        });
        locked(&self.manifests).entry(path.to_owned()).or_insert(resources).clone()
    }

    /// The first document of a file, as kustomization files and configurations are read.
    pub(super) fn document(&self, path: &str) -> Result<(Datum, FileId), Failure> {
        let loaded = self.text(path);
        let loaded = loaded.as_ref().as_ref().map_err(Clone::clone)?;
        let document = load::first_document(&loaded.text, 0, loaded.file)
            .map_err(|error| unreadable(&codes::KUSTOMIZATION, &error, self.shown(path)))?;
        let origin = Origin::at(loaded.file, 0);
        Ok((document.unwrap_or_else(|| Datum::null(origin)), loaded.file))
    }

    /// What a directory has come to under a schema, if another root has built it already.
    pub(super) fn base(&self, directory: &str, schema: usize) -> Option<Arc<Accumulated>> {
        locked(&self.bases).get(&(directory.to_owned(), schema)).cloned()
    }

    /// Keeps what a directory has come to under a schema.
    pub(super) fn keep_base(&self, directory: &str, schema: usize, base: &Accumulated) {
        locked(&self.bases).insert((directory.to_owned(), schema), Arc::new(base.clone()));
    }

    /// The kustomization of a directory, read once.
    pub(super) fn kustomization(
        &self,
        directory: &str,
        read: impl FnOnce() -> Result<Kustomization, Failure>,
    ) -> Result<Arc<Kustomization>, Failure> {
        if let Some(known) = locked(&self.kustomizations).get(directory) {
            return known.clone();
        }
        let file = read().map(Arc::new);
        locked(&self.kustomizations).entry(directory.to_owned()).or_insert(file).clone()
    }

    /// The names in a directory, read once: most of them are asked for.
    pub(super) fn names(&self, directory: &str) -> Arc<HashMap<String, Kind>> {
        if let Some(known) = locked(&self.listings).get(directory) {
            return known.clone();
        }
        let names: HashMap<_, _> =
            self.tree.list(directory).into_iter().map(|entry| (entry.name, entry.kind)).collect();
        // A directory that may be entered and not listed has names all the same.
        if names.is_empty() && !self.tree.is_listable(directory) {
            let known = KUSTOMIZATIONS.into_iter().filter(|name| self.tree.has_file(&join(directory, name)));
            return Arc::new(known.map(|name| (name.to_owned(), Kind::File)).collect());
        }
        locked(&self.listings).entry(directory.to_owned()).or_insert(Arc::new(names)).clone()
    }

    /// What stands at a path: the path with all links resolved, and its kind. `None` where there is nothing. Each part of
    /// a path is looked at once.
    pub(super) fn place(&self, path: &str) -> Option<Place> {
        if path.is_empty() {
            return Some(("".into(), Kind::Directory));
        }
        if let Some(known) = locked(&self.places).get(path) {
            return known.clone();
        }
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let place = self.directory(parent).and_then(|parent| self.look(&parent, name));
        locked(&self.places).insert(path.to_owned(), place.clone());
        place
    }

    fn look(&self, directory: &str, name: &str) -> Option<Place> {
        let path = join(directory, name);
        let listed = locked(&self.listings).get(directory).cloned();
        match listed.map(|names| names.get(name).copied()) {
            Some(Some(Kind::Link)) | None => self.tree.real(&path).map(|(real, kind)| (real.into(), kind)),
            Some(kind) => kind.map(|kind| (path.into(), kind)),
        }
    }

    /// A directory with all links resolved; `None` where there is none.
    pub(super) fn directory(&self, path: &str) -> Option<Arc<str>> {
        self.place(path).filter(|(_, kind)| *kind == Kind::Directory).map(|(real, _)| real)
    }
}
