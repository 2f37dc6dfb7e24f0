//! `gitopsctl promote`.

use std::path::Path;

use clap::Args;

use crate::cli::Exit;
use crate::cli::bump::{Guards, message};
use crate::cli::complete::{environments, services};
use crate::cli::release::{EXIT_CODES, Ground, Landing, Proposed, told};
use crate::cli::terminal::{Failure, Terminal};
use crate::pipeline::release;
use crate::release::{
    Circumstances, Class, Folder, Plan, Refusal, Request, Scope, SourceCommit, Step, Target, Version, Wish, codes,
};
use crate::source::SourceMap;

/// Release in one environment what runs in another: tag and digest, by the same guards
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Promote {
    /// The services
    #[arg(value_name = "SERVICE", required = true, add = services())]
    services: Vec<String>,
    /// The environment whose versions are taken
    #[arg(long, value_name = "ENV", add = environments())]
    from: String,
    /// The environment that gets them
    #[arg(long, value_name = "ENV", add = environments())]
    to: String,
    /// The image that is meant, by its name in `images`, where the service has several
    #[arg(long = "image", value_name = "NAME")]
    images: Vec<String>,
    #[command(flatten)]
    guards: Guards,
    #[command(flatten)]
    landing: Landing,
}

impl Promote {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let overrule = match self.checked() {
            Ok(overrule) => overrule,
            Err(refusal) => return told(&refusal, None, self.landing.format, terminal),
        };
        let propose = |ground: &Ground<'_>, sources: &mut SourceMap| {
            let (wishes, source) = self.wishes(ground, sources)?;
            let request = Request {
                wishes,
                scope: Scope::Environment(Some(self.to.clone())),
                expect: None,
                source: source.clone(),
                overrule: overrule.clone(),
                now: jiff::Timestamp::now(),
                freezes: ground.settings.freezes.clone(),
            };
            let plan: Plan = release::plan(ground.place, ground.settings, ground.book, &request, ground.past, sources)?;
            let circumstances = Circumstances {
                source,
                promoted_from: Some(self.from.clone()),
                overruled: Vec::new(),
                reason: self.guards.reason(),
            };
            let message = message(&plan, circumstances);
            Ok(Proposed { plan, message })
        };
        self.landing.release(directory, &Scope::Environment(Some(self.to.clone())), None, &propose, terminal)
    }

    fn checked(&self) -> Result<Vec<crate::release::Guard>, Refusal> {
        let usage = |message: String| Err(Refusal::new(Class::Usage, &codes::USAGE, message));
        if self.from == self.to {
            return usage("--from and --to name the same environment".to_owned());
        }
        if self.services.len() > 1 && !self.images.is_empty() {
            return usage("--image is about one service".to_owned());
        }
        let mut known = std::collections::BTreeSet::new();
        if let Some(service) = self.services.iter().find(|service| !known.insert(*service)) {
            return usage(format!("`{}` is named twice", service.escape_debug()));
        }
        self.guards.overruled()
    }

    /// What runs in the one environment, as what is wished for in the other; and, for one service, what that was built from.
    fn wishes(&self, ground: &Ground<'_>, sources: &mut SourceMap) -> Result<(Vec<Wish>, SourceCommit), Refusal> {
        let scope = Scope::Environment(Some(self.from.clone()));
        let mut wishes: Vec<Wish> = Vec::new();
        let mut source = SourceCommit::default();
        for service in &self.services {
            let (place, settings, book) = (ground.place, ground.settings, ground.book);
            let found = release::targets(place, settings, book, service, &scope, &self.images, sources)?;
            let mut version: Option<(Version, &Target)> = None;
            for target in &found {
                let own = target.entry.as_ref().map(crate::release::Entry::version);
                let Some(own) = own.filter(|own| !own.is_empty()) else {
                    let message = format!("nothing says which version of `{service}` runs in `{}`", self.from);
                    return Err(Refusal::new(Class::Input, &codes::NO_ENTRY, message)
                        .help(format!("its tag must stand in {}", target.folder.file)));
                };
                match &version {
                    Some((known, other)) if *known != own => {
                        let message = format!("`{service}` runs in several versions in `{}`", self.from);
                        let (first, second) = (&other.folder.path, &target.folder.path);
                        return Err(Refusal::new(Class::Usage, &codes::AMBIGUOUS, message).help(format!(
                            "{known} in {first}, {own} in {second}: release one with `gitopsctl bump`"
                        )));
                    }
                    _ => version = Some((own, target)),
                }
            }
            let Some((version, target)) = version else { continue };
            if self.services.len() == 1 {
                source = built_from(ground, service, &version, target);
            }
            wishes.push(Wish { service: service.clone(), version, images: self.images.clone() });
        }
        Ok((wishes, source))
    }
}

/// What the version that runs was built from, as its commit says.
fn built_from(ground: &Ground<'_>, service: &str, version: &Version, target: &Target) -> SourceCommit {
    let folder: &Folder = &target.folder;
    let step = Step {
        service: service.to_owned(),
        environment: folder.environment_or_path().to_owned(),
        image: None,
        from: None,
        to: version.clone(),
    };
    let known = ground.past.known(&step, &folder.file, &target.image).unwrap_or_default();
    SourceCommit { sha: known.source, build: known.build, ..SourceCommit::default() }
}
