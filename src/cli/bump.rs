//! `gitopsctl bump`.

use std::path::Path;

use clap::Args;

use crate::cli::Exit;
use crate::cli::complete::services;
use crate::cli::release::{EXIT_CODES, Ground, Landing, Proposed, Where, told};
use crate::cli::terminal::{Failure, Terminal};
use crate::pipeline::release;
use crate::release::{
    Circumstances, Class, Guard, Plan, Refusal, Request, Ruling, SourceCommit, Step, Version, Wish, codes,
};
use crate::source::SourceMap;

/// Release versions of services: one commit that changes their tags, and pushes it
///
/// Edits the tag in the overlay's kustomization, byte for byte nothing else, builds the overlay in memory with what its
/// Application puts over it, and commits only if the new image is really in it and lint finds no new error. With --push it
/// is on the server when the command ends, whoever else pushed meanwhile.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub(super) struct Bump {
    /// SERVICE TAG, or SERVICE=TAG for several; a tag is v1.2.3, v1.2.3@sha256:… or sha256:…
    #[arg(value_name = "SERVICE TAG | SERVICE=TAG", required = true, add = services())]
    words: Vec<String>,
    #[command(flatten)]
    at: Where,
    /// The image that is meant, by its name in `images`, where the service has several; more than once for more
    #[arg(long = "image", value_name = "NAME")]
    images: Vec<String>,
    /// Only edit the file in the work tree
    #[arg(long, conflicts_with_all = ["push", "repo", "merge_request", "branch"])]
    no_commit: bool,
    /// The version that must run until then, or nothing is done
    #[arg(long, value_name = "TAG")]
    expect: Option<String>,
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    guards: Guards,
    #[command(flatten)]
    landing: Landing,
}

/// Where the version comes from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Source")]
pub(super) struct Source {
    /// The commit that was built; Argo CD shows it
    #[arg(long, value_name = "SHA")]
    source_sha: Option<String>,
    /// A clone of the source, to tell which of two commits came first
    #[arg(long, value_name = "DIR")]
    pub(super) source_repo: Option<std::path::PathBuf>,
    /// The URL of the source
    #[arg(long, value_name = "URL")]
    source_url: Option<String>,
    /// Who wrote the commit, `Name <mail>`
    #[arg(long, value_name = "AUTHOR")]
    source_author: Option<String>,
    /// The first line of the commit
    #[arg(long, value_name = "TEXT")]
    source_subject: Option<String>,
    /// When the commit was made, ISO 8601
    #[arg(long, value_name = "DATE")]
    source_date: Option<String>,
    /// The number of the build, which counts up
    #[arg(long, value_name = "N")]
    build_number: Option<u64>,
}

impl Source {
    pub(super) fn commit(&self) -> Result<SourceCommit, Refusal> {
        let usage = |message: String| Refusal::new(Class::Usage, &codes::USAGE, message);
        if let Some(sha) = &self.source_sha
            && (!(5..=40).contains(&sha.len()) || !sha.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            return Err(usage(format!("`{}` is no hash of a commit: 5 to 40 hexadecimal digits", sha.escape_debug())));
        }
        Ok(SourceCommit {
            sha: self.source_sha.as_ref().map(|sha| sha.to_ascii_lowercase()),
            author: self.source_author.clone(),
            subject: self.source_subject.clone(),
            date: self.source_date.clone(),
            url: self.source_url.as_deref().map(crate::git::without_credentials),
            build: self.build_number,
        })
    }
}

/// What does not count.
#[derive(Debug, Args)]
#[command(next_help_heading = "Guards")]
pub(super) struct Guards {
    /// A guard that does not count: downgrade, older-source, rejected, freeze, verify
    #[arg(long, value_name = "GUARD", requires = "reason")]
    overrule: Vec<String>,
    /// Why; it goes into the commit
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Guards {
    pub(super) fn overruled(&self) -> Result<Vec<Guard>, Refusal> {
        let guard = |name: &String| {
            Guard::ALL.into_iter().find(|guard| guard.name() == name).ok_or_else(|| {
                let message = format!("there is no guard `{}`", name.escape_debug());
                let names: Vec<_> = Guard::ALL.into_iter().map(Guard::name).collect();
                Refusal::new(Class::Usage, &codes::USAGE, message)
                    .near(crate::diag::closest(name, Guard::ALL.into_iter().map(Guard::name)))
                    .help(format!("use {}", names.join(", ")))
            })
        };
        if self.reason.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
            return Err(Refusal::new(Class::Usage, &codes::USAGE, "the reason is empty"));
        }
        self.overrule.iter().map(guard).collect()
    }

    pub(super) fn reason(&self) -> Option<String> {
        self.reason.clone().filter(|_| !self.overrule.is_empty())
    }
}

impl Bump {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let (request, circumstances) = match self.request() {
            Ok(request) => request,
            Err(refusal) => return told(&refusal, None, self.landing.format, terminal),
        };
        let source_repo = self.source.source_repo.as_ref().map(|path| directory.join(path));
        let scope = request.scope.clone();
        let propose = |ground: &Ground<'_>, sources: &mut SourceMap| {
            let freezes = ground.settings.freezes.clone();
            let request = Request { scope: ground.scope.clone(), freezes, ..request.clone() };
            let plan = release::plan(ground.place, ground.settings, ground.book, &request, ground.past, sources)?;
            let message = message(&plan, circumstances.clone());
            Ok(Proposed { plan, message })
        };
        if self.no_commit {
            return self.landing.edit(directory, &scope, &propose, terminal);
        }
        self.landing.release(directory, &scope, source_repo.as_deref(), &propose, terminal)
    }

    fn request(&self) -> Result<(Request, Circumstances), Refusal> {
        let wishes = wishes(&self.words, &self.images)?;
        let source = self.source.commit()?;
        let overrule = self.guards.overruled()?;
        let expect = self.expect.as_deref().map(version).transpose()?;
        let circumstances = Circumstances {
            source: source.clone(),
            promoted_from: None,
            overruled: Vec::new(),
            reason: self.guards.reason(),
        };
        let request = Request {
            wishes,
            scope: self.at.scope(),
            expect,
            source,
            overrule,
            now: jiff::Timestamp::now(),
            freezes: Vec::new(),
        };
        Ok((request, circumstances))
    }
}

fn version(text: &str) -> Result<Version, Refusal> {
    Version::parse(text).map_err(|why| Refusal::new(Class::Usage, &codes::BAD_VERSION, why))
}

/// The message of a plan's commit, with the guards that it overrules.
pub(super) fn message(plan: &Plan, circumstances: Circumstances) -> String {
    let steps: Vec<Step> = plan.planned.steps.iter().map(|(step, _)| step.clone()).collect();
    let is_overruled = |guard: &&Guard| {
        plan.verdicts.iter().any(|verdict| verdict.guard == **guard && matches!(verdict.ruling, Ruling::Overruled(_)))
    };
    let overruled: Vec<_> = Guard::ALL.iter().filter(is_overruled).map(|guard| guard.name()).collect();
    let reason = circumstances.reason.filter(|_| !overruled.is_empty());
    crate::release::message(&steps, &Circumstances { overruled, reason, ..circumstances })
}

/// `SERVICE TAG`, `SERVICE=TAG …`, or the one followed by the other.
fn wishes(words: &[String], images: &[String]) -> Result<Vec<Wish>, Refusal> {
    let usage = |message: String| {
        Refusal::new(Class::Usage, &codes::USAGE, message)
            .help("gitopsctl bump order-service v1.2.3")
            .help("gitopsctl bump order-service=v1.2.3 payment-service=v2.0.0")
    };
    let mut pairs: Vec<(&str, &str)> = Vec::new();
    let mut rest = words;
    if let [service, others @ ..] = words
        && !service.contains('=')
    {
        let [tag, others @ ..] = others else {
            return Err(usage(format!("which version of `{}`?", service.escape_debug())));
        };
        if tag.contains('=') {
            return Err(usage(format!("which version of `{}`?", service.escape_debug())));
        }
        pairs.push((service, tag));
        rest = others;
    }
    for word in rest {
        let Some(pair) = word.split_once('=') else {
            return Err(usage(format!("`{}` is not SERVICE=TAG", word.escape_debug())));
        };
        pairs.push(pair);
    }
    if !images.is_empty() && pairs.len() > 1 {
        return Err(usage("--image is about one service".to_owned()));
    }
    let mut wishes: Vec<Wish> = Vec::new();
    for (service, tag) in pairs {
        if service.is_empty() {
            return Err(usage("the name of a service is empty".to_owned()));
        }
        if wishes.iter().any(|wish| wish.service == service) {
            return Err(usage(format!("`{}` is named twice", service.escape_debug())));
        }
        wishes.push(Wish { service: service.to_owned(), version: version(tag)?, images: images.to_vec() });
    }
    Ok(wishes)
}
