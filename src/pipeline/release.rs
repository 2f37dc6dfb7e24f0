//! A release worked out on the files of a commit, or of a directory: settings, targets, guards and proof, in this order.

use crate::catalog::{self, Catalog, Freeze as Window, PLATFORM_FILE};
use crate::diag::Diagnostics;
use crate::pipeline::gather::Place;
use crate::pipeline::proof::Proving;
use crate::policy::Policybook;
use crate::release::{
    self, At, Class, Folder, Freeze, Lookup, Past, Plan, Refusal, Request, Rollback, RolledBack, Scope, Target, codes,
};
use crate::render::OUTPUT;
use crate::source::SourceMap;

/// What a release asks of the settings.
#[derive(Debug, Default)]
pub struct Settings {
    /// The platform, where there is one.
    catalog: Option<Catalog>,
    services: Vec<String>,
    environments: Vec<String>,
    patterns: Vec<String>,
    /// The windows in which nothing is released.
    pub freezes: Vec<Freeze>,
}

impl Settings {
    /// Reads gitopsctl.yaml of a place. What is wrong with it refuses a release: a freeze might be among what is not read.
    pub fn load(place: &Place<'_>, sources: &mut SourceMap) -> Result<Self, Refusal> {
        if !place.home.has_file(PLATFORM_FILE) {
            return Ok(Self::default());
        }
        let mut diagnostics = Diagnostics::default();
        let catalog = catalog::load_some(place.home, &[], sources, &mut diagnostics);
        let is_error = |item: &&crate::diag::Diagnostic| item.severity == crate::diag::Severity::Error;
        if let Some(fault) = diagnostics.sorted().into_iter().find(is_error) {
            return Err(Refusal::input(Box::new(fault.clone())));
        }
        let Some(catalog) = catalog else { return Ok(Self::default()) };
        let platform = &catalog.platform;
        Ok(Self {
            services: catalog::service_names(place.home),
            environments: platform.environments.keys().map(|name| name.value.clone()).collect(),
            patterns: platform.layout.patterns.iter().map(|pattern| pattern.value.clone()).collect(),
            freezes: platform.release.freezes.iter().map(freeze).collect::<Result<_, _>>()?,
            catalog: Some(catalog),
        })
    }

    /// Where to look for services.
    pub fn lookup<'a>(&'a self, place: &Place<'a>) -> Lookup<'a> {
        let platform = self.catalog.as_ref().map(|catalog| &catalog.platform);
        Lookup {
            home: place.home,
            rendered: platform.map(|_| OUTPUT),
            services: &self.services,
            environments: &self.environments,
            patterns: &self.patterns,
            default_environment: platform
                .and_then(|platform| platform.release.environment.as_ref())
                .map(|name| name.value.as_str()),
        }
    }

    /// The branch that Argo CD follows, where the settings say it.
    pub fn followed(&self) -> Option<&str> {
        self.catalog.as_ref()?.platform.repository.as_ref().map(|repository| repository.revision.as_str())
    }

    /// Whether releases of an environment are merge requests.
    pub fn is_by_merge_request(&self, environment: &str) -> bool {
        let environments = self.catalog.as_ref().map(|catalog| &catalog.platform.environments);
        environments
            .and_then(|environments| environments.get(environment))
            .is_some_and(catalog::Environment::is_by_merge_request)
    }
}

fn freeze(window: &Window) -> Result<Freeze, Refusal> {
    let moment = |text: Option<&crate::yaml::Spanned<String>>| {
        text.and_then(|text| text.value.parse().ok()).ok_or_else(|| {
            Refusal::new(Class::Input, &codes::FREEZE, "a freeze of the settings has no moment that can be read")
        })
    };
    Ok(Freeze {
        from: moment(window.from.as_ref())?,
        to: moment(window.to.as_ref())?,
        reason: window.reason.clone(),
        environments: window.environments.iter().map(|name| name.value.clone()).collect(),
    })
}

/// Works out a release, and proves it.
pub fn plan(
    place: &Place<'_>,
    settings: &Settings,
    book: &Policybook,
    request: &Request,
    past: &dyn Past,
    sources: &mut SourceMap,
) -> Result<Plan, Refusal> {
    let services: Vec<String> = request.wishes.iter().map(|wish| wish.service.clone()).collect();
    let today = request.now.strftime("%Y-%m-%d").to_string();
    let proving = Proving::new(*place, &services, book, &today);
    release::plan(request, &settings.lookup(place), past, &proving, sources)
}

/// Works out a rollback.
pub fn rollback(
    place: &Place<'_>,
    settings: &Settings,
    book: &Policybook,
    request: &Rollback,
    at: At<'_>,
    past: &dyn Past,
    sources: &mut SourceMap,
) -> Result<RolledBack, Refusal> {
    let services = [request.service.clone()];
    let today = request.now.strftime("%Y-%m-%d").to_string();
    let proving = Proving::new(*place, &services, book, &today);
    release::rollback(request, &settings.lookup(place), at, past, &proving, sources)
}

/// The images that a release of a service is about; of all environments where the scope names none.
pub fn targets(
    place: &Place<'_>,
    settings: &Settings,
    book: &Policybook,
    service: &str,
    scope: &Scope,
    images: &[String],
    sources: &mut SourceMap,
) -> Result<Vec<Target>, Refusal> {
    let services = [service.to_owned()];
    let proving = Proving::new(*place, &services, book, "");
    let lookup = settings.lookup(place);
    let folders: Vec<Folder> = match scope {
        Scope::Environment(None) => lookup.all_folders(service)?,
        scope => lookup.folders(service, scope)?,
    };
    let is_image = matches!(scope, Scope::Path(_));
    let mut targets = Vec::new();
    for folder in folders {
        targets.extend(lookup.targets(service, &folder, images, is_image, &proving, sources)?);
    }
    Ok(targets)
}
