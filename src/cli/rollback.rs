//! `gitopsctl rollback`.

use std::path::Path;

use clap::Args;

use crate::cli::Exit;
use crate::cli::complete::services;
use crate::cli::release::{EXIT_CODES, Ground, Landing, Proposed, Where, told};
use crate::cli::terminal::{Failure, Terminal};
use crate::pipeline::release;
use crate::release::{At, Class, Guard, Refusal, Rollback, Scope, Version, codes};
use crate::source::SourceMap;

/// Take the last release of a service back: one commit in the form of `git revert`
///
/// Finds the last release by what the image's value was on the branch, whatever other services did since, and puts the old
/// tag, digest and name back into the file as it is now. A second rollback goes one version further back. The version that
/// is taken back is not released again by a pipeline that is started again; `rollback --to` brings it back on purpose.
#[derive(Debug, Args)]
#[command(name = "rollback", after_help = EXIT_CODES)]
pub(super) struct RollbackCommand {
    /// The service; with --path the image
    #[arg(value_name = "SERVICE", add = services())]
    service: String,
    /// How many releases to take back
    #[arg(short = 'n', long, value_name = "N", default_value_t = 1, conflicts_with = "to", value_parser = at_least_one)]
    releases: usize,
    /// Go back to this version, which must have run there
    #[arg(long, value_name = "TAG")]
    to: Option<String>,
    #[command(flatten)]
    at: Where,
    /// The image that is meant, by its name in `images`, where the service has several
    #[arg(long = "image", value_name = "NAME")]
    images: Vec<String>,
    /// The version that must run until then, or nothing is done
    #[arg(long, value_name = "TAG")]
    expect: Option<String>,
    /// `verify`: go back even to what does not build
    #[arg(long, value_name = "GUARD", requires = "reason", value_parser = ["verify"])]
    overrule: Vec<String>,
    /// Why; it goes into the commit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    landing: Landing,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "must be a number from 1 on".to_owned())
}

impl RollbackCommand {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let request = match self.request() {
            Ok(request) => request,
            Err(refusal) => return told(&refusal, None, self.landing.format, terminal),
        };
        let scope = request.scope.clone();
        let propose = |ground: &Ground<'_>, sources: &mut SourceMap| {
            let freezes = ground.settings.freezes.clone();
            let request = Rollback { scope: ground.scope.clone(), freezes, ..request.clone() };
            let (store, commit) = ground
                .at
                .ok_or_else(|| Refusal::new(Class::Environment, &codes::GIT, "there is no history to go back in"))?;
            let at = At { store, commit, root: ground.place.repository };
            let (place, settings) = (ground.place, ground.settings);
            let back = release::rollback(place, settings, ground.book, &request, at, ground.past, sources)?;
            Ok(Proposed { plan: back.plan, message: back.message })
        };
        self.landing.release(directory, &scope, None, &propose, terminal)
    }

    fn request(&self) -> Result<Rollback, Refusal> {
        let version =
            |text: &String| Version::parse(text).map_err(|why| Refusal::new(Class::Usage, &codes::BAD_VERSION, why));
        let scope: Scope = self.at.scope();
        Ok(Rollback {
            service: self.service.clone(),
            scope,
            images: self.images.clone(),
            releases: self.releases,
            to: self.to.as_ref().map(version).transpose()?,
            expect: self.expect.as_ref().map(version).transpose()?,
            reason: self.reason.clone(),
            is_unproven_fine: self.overrule.iter().any(|name| name == Guard::Verify.name()),
            now: jiff::Timestamp::now(),
            freezes: Vec::new(),
        })
    }
}
