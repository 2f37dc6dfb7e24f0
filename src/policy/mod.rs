//! What is built, judged: policies → findings, each at the line to edit.
//!
//! In: the objects of every overlay with their origins ([`Subject`]), policies from files ([`Policybook`]), what switches
//! findings off. Out: [`crate::diag::Finding`]s. Reads no files itself, and knows no format.
//!
//! A policy is one file under `policies/`. What it needs beyond JSON Schema is a check in `checks/`.

mod case;
mod checks;
mod definition;
mod diags;
mod embedded;
mod expressions;
mod facts;
mod fix;
mod judge;
mod known;
mod load;
mod lookup;
mod place;
mod report;
mod schema;
mod settings;
mod subject;
mod suppress;
mod units;
mod world;

use std::collections::BTreeSet;

use rayon::prelude::*;

use crate::catalog::Catalog;
use crate::diag::{By, Diagnostic, Finding, Suppressed};
use place::Places;
use suppress::Suppressions;

pub use case::{Case, Expect, Given, cases};
pub use definition::{Demand, Each, Expression, Fix, FixOp, Logic, Matches, Param, ParamKind, Params, Policy};
pub use diags::codes;
pub(crate) use embedded::POLICY_FILES;
pub use facts::{External, Facts, Hidden, Lies, Unused, fits};
pub use fix::{Edit, edit};
pub use judge::Active;
pub use known::{Known, places};
pub use load::{API_VERSION, is_id, policies, told};
pub use place::fingerprint_of;
pub use settings::{Flags, PROFILES, Policybook, built_in};
pub use subject::{Made, Object, Overlay, Parts, Pod, Subject};
pub use suppress::{ANNOTATION, MARK, mark};
pub use world::World;

/// The folder of a repository's own policies.
pub const POLICIES_FOLDER: &str = "policies";

/// The JSON Schema of policy files.
pub const POLICY_SCHEMA: &str = include_str!("policy.schema.json");

/// What to lint, and what counts.
pub struct Request<'a> {
    /// What is judged.
    pub subject: &'a Subject<'a>,
    /// All policies, also those that are off.
    pub book: &'a Policybook,
    /// By which policies.
    pub active: &'a [Active<'a>],
    /// Whose settings and waivers hold.
    pub settings: Option<&'a Catalog>,
    /// `YYYY-MM-DD`, for what holds until a day; empty: everything still holds.
    pub today: &'a str,
    /// Whether a comment or annotation at an offset of a file counts: its path, its text, the offset.
    pub trusts: &'a (dyn Fn(&str, &str, usize) -> bool + Sync),
    /// What was there before.
    pub baseline: Option<&'a Known>,
    /// Whether a repository is judged, so that what its settings mean must be there.
    pub is_repository: bool,
    /// For each overlay whether its findings are wanted; what belongs to none is wanted if all are, or if its file changed.
    pub wanted: Option<&'a [bool]>,
    /// The paths that changed, where only what they can affect is wanted.
    pub changed: Option<&'a BTreeSet<String>>,
    /// What was found before the change, and for each overlay whether what is new in it is wanted even where it did not
    /// change: what it refers to may have.
    pub old: Option<(&'a Known, &'a [bool])>,
}

/// Why what is in the baseline does not count.
const IN_BASELINE: &str = "it was there when the baseline was written";

/// Judges everything. What could not be judged is told beside the findings.
pub fn lint(request: &Request<'_>) -> (Vec<Finding>, Vec<Diagnostic>) {
    let &Request { subject, active, .. } = request;
    let sources = subject.sources;
    let (raws, faults) = judge::run(subject, active);
    let places = Places { subject, origins: subject.origins, sources };
    let suppressions = Suppressions::collect(subject, request.settings, sources, request.trusts);
    let place = |raw: &judge::Raw<'_>| {
        let active = &active[raw.active];
        let placed = places.finding(raw, active);
        let is_wanted = match request.wanted {
            None => true,
            Some(_) if placed.overlays.is_empty() => {
                placed.finding.labels.first().is_some_and(|label| is_changed(request, label.span))
            }
            Some(wanted) => {
                let is_new = |(old, targeted): (&Known, &[bool])| {
                    placed.overlays.iter().any(|at| targeted[*at]) && !old.has(&placed.finding)
                };
                placed.overlays.iter().any(|at| wanted[*at]) || request.old.is_some_and(is_new)
            }
        };
        let suppressed = suppressions.of(&placed, active, subject, request.today);
        is_wanted.then_some((placed, suppressed))
    };
    let mut placed: Vec<_> = raws.par_iter().filter_map(place).collect();
    let own = judge_suppressions(request, &suppressions);
    placed.extend(own.into_iter().map(|placed| (placed, None)));
    let mut findings = place::merged(placed, subject);
    if let Some(baseline) = request.baseline {
        let mut left = baseline.clone();
        for finding in findings.iter_mut().filter(|finding| finding.is_open()) {
            if left.take(finding) {
                finding.suppressed = Some(Suppressed { by: By::Baseline, reason: IN_BASELINE.to_owned() });
            }
        }
    }
    place::sort(&mut findings, sources);
    (findings, faults)
}

/// Whether a place lies in a file that changed.
fn is_changed(request: &Request<'_>, span: crate::source::Span) -> bool {
    let path = &*request.subject.sources.file(span.file).path;
    request.changed.is_some_and(|changed| changed.contains(path))
}

/// What is wrong with what switches findings off.
fn judge_suppressions(request: &Request<'_>, suppressions: &Suppressions) -> Vec<place::Placed> {
    let mut found = Vec::new();
    let of = |id: &str| request.active.iter().find(|active| active.policy.id() == id);
    let is_judged = |word: &str| request.active.iter().any(|active| active.policy.answers_to(word));
    if !request.active.iter().any(|active| active.policy.category() == "suppressions") {
        return found;
    }
    for suppression in &suppressions.all {
        let policy = &suppression.policy;
        let is_wanted = request.wanted.is_none() || suppression.span.is_some_and(|span| is_changed(request, span));
        if !is_wanted {
            continue;
        }
        let (id, message) = if !request.book.knows(policy) {
            ("suppressions/unknown-policy", format!("there is no policy `{policy}` to switch off"))
        } else if !suppression.has_reason() {
            ("suppressions/without-reason", format!("`{policy}` is switched off without a reason"))
        } else if !suppression.has_day() {
            ("suppressions/expired", format!("`{}` is no day: write `until=YYYY-MM-DD`", suppression.until))
        } else if suppression.is_expired(request.today) {
            ("suppressions/expired", format!("`{policy}` was switched off until {}", suppression.until))
        } else if !suppression.is_used() && is_judged(policy) && (request.is_repository || suppression.by != By::Config)
        {
            ("suppressions/unused", format!("nothing is found here that `{policy}` could mean"))
        } else {
            continue;
        };
        if let (Some(active), Some(span)) = (of(id), suppression.span) {
            found.push(place::about_suppression(active, message, span, request.subject.sources));
        }
    }
    found
}
