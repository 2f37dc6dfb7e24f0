//! Which folders and images a release is about.

use std::collections::BTreeSet;

use crate::diag::closest;
use crate::kube::{Image, KUSTOMIZATIONS, is_label};
use crate::layout;
use crate::release::diags::codes;
use crate::release::entries::{Entry, entries};
use crate::release::{Class, Prover, Refusal};
use crate::source::SourceMap;
use crate::tree::{Tree, join, normal};

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// The repository, from the folder of its settings on.
    pub home: &'a Tree,
    /// The folder that rendered services lie in, where there is a catalog.
    pub rendered: Option<&'a str>,
    /// The services of the catalog.
    pub services: &'a [String],
    /// The environments of the settings.
    pub environments: &'a [String],
    /// The patterns of the settings.
    pub patterns: &'a [String],
    /// Where a release goes unless told otherwise.
    pub default_environment: Option<&'a str>,
}

/// Which folders are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The overlays of an environment; that of the settings where none is named.
    Environment(Option<String>),
    /// One folder, relative to the top of the lookup.
    Path(String),
}

/// A folder with a kustomization.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Folder {
    /// Its path in the tree.
    pub path: String,
    /// The path of its kustomization.
    pub file: String,
    /// Its environment, where that is known.
    pub environment: Option<String>,
    /// Whether all of it belongs to the service.
    pub is_own: bool,
}

impl Folder {
    /// What a trailer calls it.
    pub fn environment_or_path(&self) -> &str {
        self.environment.as_deref().unwrap_or(&self.path)
    }
}

/// An image of a service in a folder.
#[derive(Clone, Debug)]
pub struct Target {
    /// The service.
    pub service: String,
    /// The folder.
    pub folder: Folder,
    /// The `name` of its entry in `images`.
    pub image: String,
    /// The entry, where there is one.
    pub entry: Option<Entry>,
}

fn usage(code: &'static crate::diag::Code, message: impl Into<String>) -> Refusal {
    Refusal::new(Class::Usage, code, message)
}

impl Lookup<'_> {
    /// The kustomization of a folder.
    fn file(&self, folder: &str) -> Option<String> {
        KUSTOMIZATIONS.into_iter().map(|name| join(folder, name)).find(|file| self.home.has_file(file))
    }

    /// The folders that a release of a service is about.
    pub fn folders(&self, service: &str, scope: &Scope) -> Result<Vec<Folder>, Refusal> {
        match scope {
            Scope::Path(path) => self.named(path).map(|folder| vec![folder]),
            Scope::Environment(environment) => {
                self.folders_by(service, |found| self.of_environment(service, environment.as_deref(), found))
            }
        }
    }

    /// The overlays of a service in all environments.
    pub fn all_folders(&self, service: &str) -> Result<Vec<Folder>, Refusal> {
        self.folders_by(service, Ok)
    }

    fn folders_by(
        &self,
        service: &str,
        choose: impl FnOnce(Vec<Folder>) -> Result<Vec<Folder>, Refusal>,
    ) -> Result<Vec<Folder>, Refusal> {
        if !is_label(service) {
            let message = format!("`{}` is no name of a service", service.escape_debug());
            return Err(usage(&codes::NO_SERVICE, message)
                .help("lower-case letters, digits and `-`, at most 63; an image is named with --path"));
        }
        choose(self.candidates(service)?)
    }

    fn named(&self, path: &str) -> Result<Folder, Refusal> {
        let outside = || usage(&codes::NO_OVERLAY, format!("`{path}` lies outside of the repository"));
        let folder = normal("", path).ok_or_else(outside)?;
        // The file may be named instead of its folder.
        let folder = match folder.rsplit_once('/') {
            Some((folder, name)) if KUSTOMIZATIONS.contains(&name) => folder.to_owned(),
            None if KUSTOMIZATIONS.contains(&&*folder) => String::new(),
            _ => folder,
        };
        let Some(file) = self.file(&folder) else {
            return Err(usage(&codes::NO_OVERLAY, format!("there is no kustomization in `{path}`")));
        };
        let (_, environment) = layout::owner(&folder, self.patterns);
        Ok(Folder { path: folder, file, environment, is_own: false })
    }

    fn of_environment(
        &self,
        service: &str,
        environment: Option<&str>,
        found: Vec<Folder>,
    ) -> Result<Vec<Folder>, Refusal> {
        let known: BTreeSet<&str> = found.iter().filter_map(|folder| folder.environment.as_deref()).collect();
        let wanted = match environment.or(self.default_environment) {
            Some(name) => Some(name),
            None if known.len() <= 1 => known.iter().next().copied(),
            None => {
                let names = known.iter().copied().collect::<Vec<_>>().join(", ");
                let message = format!("which environment of `{service}` is meant?");
                return Err(usage(&codes::AMBIGUOUS, message)
                    .help(format!("name one with --env: {names}"))
                    .help("or set `release.environment` in gitopsctl.yaml"));
            }
        };
        let Some(wanted) = wanted else {
            return match found.as_slice() {
                [_] => Ok(found),
                several => {
                    let paths: Vec<_> = several.iter().map(|folder| folder.path.as_str()).collect();
                    let message = format!("which overlay of `{service}` is meant?");
                    Err(usage(&codes::AMBIGUOUS, message).help(format!("name one with --path: {}", paths.join(", "))))
                }
            };
        };
        let folders: Vec<Folder> =
            found.iter().filter(|folder| folder.environment.as_deref() == Some(wanted)).cloned().collect();
        if !folders.is_empty() {
            return Ok(folders);
        }
        let choices: BTreeSet<&str> =
            known.iter().copied().chain(self.environments.iter().map(String::as_str)).collect();
        let refusal = if self.environments.iter().any(|name| name == wanted) {
            usage(&codes::NO_OVERLAY, format!("`{service}` has no overlay for `{wanted}`"))
        } else {
            usage(&codes::NO_ENVIRONMENT, format!("`{service}` has no environment `{wanted}`"))
        };
        let names = known.iter().copied().collect::<Vec<_>>().join(", ");
        Err(refusal.near(closest(wanted, choices)).help(format!("it is deployed to: {names}")))
    }

    /// All overlays of a service.
    fn candidates(&self, service: &str) -> Result<Vec<Folder>, Refusal> {
        if let Some(found) = self.rendered(service)? {
            return Ok(found);
        }
        let folder = |path: &String| {
            let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
            KUSTOMIZATIONS.contains(&name).then(|| (folder.to_owned(), path.clone()))
        };
        let all: Vec<(String, String)> = self.home.files("").iter().filter_map(folder).collect();
        let owned: Vec<(Option<String>, Folder)> = all
            .into_iter()
            .map(|(path, file)| {
                let (owner, environment) = layout::owner(&path, self.patterns);
                (owner, Folder { path, file, environment, is_own: true })
            })
            .collect();
        let own: Vec<Folder> = owned
            .iter()
            .filter(|(owner, folder)| owner.as_deref() == Some(service) && folder.environment.is_some())
            .map(|(_, folder)| folder.clone())
            .collect();
        if !own.is_empty() {
            return Ok(own);
        }
        // Several services in one overlay: its entries say whose it is too.
        let holds = |(_, folder): &&(Option<String>, Folder)| {
            let text = self.home.text(&folder.file).ok().flatten().filter(|text| text.contains(service));
            text.is_some_and(|text| {
                let entries = entries(&text, crate::source::FileId::NONE).unwrap_or_default();
                entries.iter().any(|entry| is_of(entry, service))
            })
        };
        let shared: Vec<Folder> =
            owned.iter().filter(holds).map(|(_, folder)| Folder { is_own: false, ..folder.clone() }).collect();
        let overlays: Vec<Folder> = shared.iter().filter(|folder| folder.environment.is_some()).cloned().collect();
        match (overlays.is_empty(), shared.is_empty()) {
            (false, _) => Ok(overlays),
            (true, false) => Ok(shared),
            (true, true) => {
                let owners = owned.iter().filter(|(_, folder)| folder.environment.is_some());
                let names: BTreeSet<&str> = owners
                    .filter_map(|(owner, _)| owner.as_deref())
                    .chain(self.services.iter().map(String::as_str))
                    .collect();
                let refusal = usage(&codes::NO_SERVICE, format!("there is no service `{service}`"));
                Err(refusal
                    .near(closest(service, names))
                    .help("an image in any folder is released with `gitopsctl bump IMAGE TAG --path FOLDER`"))
            }
        }
    }

    /// The overlays of a service of the catalog; `None` where it is not in there.
    fn rendered(&self, service: &str) -> Result<Option<Vec<Folder>>, Refusal> {
        let Some(rendered) = self.rendered.filter(|_| self.services.iter().any(|name| name == service)) else {
            return Ok(None);
        };
        let overlays = format!("{rendered}/apps/{service}/overlays");
        let environments = self.home.list(&overlays).into_iter().filter(crate::tree::Entry::is_directory);
        let found: Vec<Folder> = environments
            .filter_map(|entry| {
                let path = join(&overlays, &entry.name);
                Some(Folder { file: self.file(&path)?, path, environment: Some(entry.name), is_own: true })
            })
            .collect();
        if found.is_empty() {
            let message = format!("`{service}` is not rendered: there is no overlay in `{overlays}`");
            return Err(
                usage(&codes::NO_OVERLAY, message).help(format!("run `gitopsctl render {service}`, and commit"))
            );
        }
        Ok(Some(found))
    }

    /// The images in a folder that a release of a service is about: those that are named, else the one that is its own.
    pub fn targets(
        &self,
        service: &str,
        folder: &Folder,
        images: &[String],
        is_image: bool,
        prover: &dyn Prover,
        sources: &mut SourceMap,
    ) -> Result<Vec<Target>, Refusal> {
        let text = self.home.text(&folder.file).map_err(Refusal::input)?.unwrap_or_default();
        let file = sources.add(&*folder.file, text.clone());
        let entries = entries(&text, file).map_err(Refusal::input)?;
        let target = |image: &str, entry: Option<&Entry>| Target {
            service: service.to_owned(),
            folder: folder.clone(),
            image: image.to_owned(),
            entry: entry.cloned(),
        };
        let own = [service.to_owned()];
        let named = if is_image && images.is_empty() { &own[..] } else { images };
        if named.is_empty() {
            let image = match own_entry(&entries, service) {
                Some(entry) => return Ok(vec![target(&entry.name, Some(entry))]),
                None => own_image(service, folder, &entries, prover)?,
            };
            return Ok(vec![target(&image, entries.iter().find(|entry| entry.name == image))]);
        }
        let mut built: Option<Vec<String>> = None;
        named
            .iter()
            .map(|name| {
                if let Some(entry) = entries.iter().find(|entry| entry.name == *name) {
                    return Ok(target(name, Some(entry)));
                }
                let built = match &mut built {
                    Some(built) => built,
                    none => none.insert(prover.images(&folder.path).map_err(Refusal::input)?),
                };
                let repositories: BTreeSet<&str> = built.iter().map(|image| Image::of(image).repository).collect();
                if repositories.contains(name.as_str()) {
                    return Ok(target(name, None));
                }
                let message = format!("`{}` has no image `{}`", folder.path, name.escape_debug());
                let names = entries.iter().map(|entry| entry.name.as_str()).chain(repositories.iter().copied());
                let names: BTreeSet<&str> = names.collect();
                let choices = names.iter().copied().collect::<Vec<_>>().join(", ");
                let refusal = usage(&codes::NO_IMAGE, message).near(closest(name, names));
                Err(if choices.is_empty() { refusal } else { refusal.help(format!("it has: {choices}")) })
            })
            .collect()
    }
}

/// The image that is a service's where no entry says so: the built one that ends in its name, else the only entry, else
/// the only image, of a folder that is all the service's.
fn own_image(service: &str, folder: &Folder, entries: &[Entry], prover: &dyn Prover) -> Result<String, Refusal> {
    let built = prover.images(&folder.path).map_err(Refusal::input)?;
    let repositories: BTreeSet<&str> = built.iter().map(|image| Image::of(image).repository).collect();
    let own: Vec<&str> = repositories.iter().copied().filter(|repository| last(repository) == service).collect();
    match (own.as_slice(), entries) {
        ([image], _) => return Ok((*image).to_owned()),
        ([], [entry]) if folder.is_own => return Ok(entry.name.clone()),
        ([], []) if folder.is_own && repositories.len() == 1 => return Ok(repositories.iter().copied().collect()),
        _ => {}
    }
    let names: BTreeSet<&str> =
        entries.iter().map(|entry| entry.name.as_str()).chain(repositories.iter().copied()).collect();
    if names.is_empty() {
        let message = format!("`{}` has no image that `{service}` could be", folder.path);
        return Err(usage(&codes::NO_IMAGE, message));
    }
    let message = format!("which image of `{}` is `{service}`?", folder.path);
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    Err(usage(&codes::AMBIGUOUS, message).help(format!("name it with --image: {names}")))
}

/// The entry that is a service's: that of its name, else the only one that ends in it.
pub fn own_entry<'e>(entries: &'e [Entry], service: &str) -> Option<&'e Entry> {
    if let Some(entry) = entries.iter().find(|entry| entry.name == service) {
        return Some(entry);
    }
    let of: Vec<&Entry> = entries.iter().filter(|entry| is_of(entry, service)).collect();
    if let [entry] = of.as_slice() { Some(entry) } else { None }
}

/// Whether an entry says that its image is the service's.
fn is_of(entry: &Entry, service: &str) -> bool {
    last(&entry.name) == service || entry.new_name.as_deref().is_some_and(|name| last(name) == service)
}

fn last(repository: &str) -> &str {
    repository.rsplit('/').next().unwrap_or(repository)
}
