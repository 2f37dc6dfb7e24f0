//! What `lint` does: judges what was gathered, and mends it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::diag::{Diagnostic, Finding, Outcome, Rule, Severity};
use crate::pipeline::gather::Gathered;
use crate::policy::{self, Flags, Policybook};
use crate::source::FileId;
use crate::tree::{Change, Tree};

/// How to judge.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// All policies.
    pub book: &'a Policybook,
    /// What the command line says about them.
    pub flags: &'a Flags,
    /// `YYYY-MM-DD`; empty: everything still holds.
    pub today: &'a str,
    /// Whether a comment or annotation counts, by the path and the text of its file and its offset there.
    pub trusts: &'a (dyn Fn(&str, &str, usize) -> bool + Sync),
    /// What was there before.
    pub baseline: Option<&'a policy::Known>,
    /// What was there before the change, where that is known.
    pub before: Option<&'a Gathered>,
    /// The paths that changed, where only what they can affect is wanted.
    pub changed: Option<&'a BTreeSet<String>>,
    /// What was found before the change: what is new elsewhere is an effect of it too.
    pub old: Option<&'a policy::Known>,
    /// The severity below which nothing is looked for.
    pub least: Severity,
}

/// Judges what was gathered. What does not build is among the findings, under the code of the build.
pub fn judge(gathered: &mut Gathered, rules: &Rules<'_>) -> Outcome {
    let mut diagnostics = std::mem::take(&mut gathered.diagnostics);
    let settings = gathered.settings();
    let policies = settings.map(|catalog| &catalog.platform.policies);
    let mut active = rules.book.active(policies, rules.flags, &mut diagnostics);
    active.retain(|active| active.worst() >= rules.least);
    let before = rules.before.map(|before| before.subject(None));
    let subject = gathered.subject(before.as_ref());
    let wanted: Vec<bool> = gathered.wanted_overlays(rules.changed);
    let targeted = gathered.wanted_overlays(None);
    let all = wanted.iter().all(|wanted| *wanted);
    let is_all_meant = gathered.wanted.iter().all(|wanted| *wanted);
    let changed = rules.changed.filter(|_| is_all_meant).map(|changed| gathered.wanted_files(changed));
    let request = policy::Request {
        subject: &subject,
        book: rules.book,
        active: &active,
        settings,
        today: rules.today,
        trusts: rules.trusts,
        baseline: rules.baseline,
        is_repository: gathered.is_repository,
        wanted: (!all).then_some(&wanted[..]),
        changed: changed.as_ref(),
        old: rules.old.map(|old| (old, &targeted[..])),
    };
    let (mut findings, faults) = policy::lint(&request);
    for fault in faults {
        diagnostics.push(fault);
    }
    let judged = |at: &usize| wanted.get(*at).copied().unwrap_or(false);
    let objects = (0..gathered.overlays.len()).filter(judged).map(|at| subject.objects_of(at).len()).sum();
    let overlays = (0..gathered.overlays.len()).filter(judged).count();
    drop(subject);
    let errors = diagnostics.sorted().into_iter().filter(|item| item.severity == Severity::Error).map(as_finding);
    // What several Applications stumble over is one mistake.
    let mut told = BTreeSet::new();
    let is_new = |finding: &Finding| {
        told.insert((finding.fingerprint.clone(), finding.labels.iter().map(|label| label.span).collect::<Vec<_>>()))
    };
    findings.splice(0..0, errors.filter(is_new).collect::<Vec<_>>());
    gathered.diagnostics = diagnostics;
    Outcome { findings, objects, overlays, excused: gathered.excused.clone() }
}

/// A diagnostic of another stage in the shape of a finding, so that every format shows it.
pub fn as_finding(diagnostic: &Diagnostic) -> Finding {
    let rule = Rule {
        id: diagnostic.code.id.to_owned(),
        title: diagnostic
            .code
            .explanation
            .split_inclusive(". ")
            .next()
            .unwrap_or_default()
            .trim_end_matches(['.', ' '])
            .to_owned(),
        rationale: diagnostic.code.explanation.to_owned(),
        remediation: diagnostic.help.join("; "),
        aliases: Vec::new(),
    };
    Finding {
        rule: Arc::new(rule),
        severity: diagnostic.severity,
        message: diagnostic.message.clone(),
        help: (!diagnostic.help.is_empty()).then(|| diagnostic.help.join("; ")),
        object: None,
        container: None,
        field: String::new(),
        labels: diagnostic.labels.clone(),
        overlays: Vec::new(),
        environments: Vec::new(),
        suppressed: None,
        fingerprint: policy::fingerprint_of(&[diagnostic.code.id, &diagnostic.message]),
    }
}

/// What mending findings comes to.
#[derive(Debug, Default)]
pub struct Fixes {
    /// The files that change.
    pub changes: Vec<Change>,
    /// How many findings that mends.
    pub mended: usize,
    /// What a person must do, in words.
    pub left: Vec<String>,
}

/// The edits that mend what policies know how to mend. Files that are rendered are left to their templates.
pub fn fixes(home: &Tree, book: &Policybook, gathered: &Gathered, outcome: &Outcome) -> Fixes {
    let mut fixes = Fixes::default();
    let mut edits: BTreeMap<FileId, Vec<policy::Edit>> = BTreeMap::new();
    for finding in outcome.findings.iter().filter(|finding| finding.is_open()) {
        let Some(fix) = book.get(&finding.rule.id).and_then(|policy| policy.fix.as_ref()) else { continue };
        let Some(label) = finding.labels.first() else { continue };
        let source = gathered.sources.file(label.span.file);
        let edit = if source.text.starts_with(crate::render::RENDERED) {
            Err("the file is rendered: change the catalog or the template".to_owned())
        } else {
            policy::edit(&source.text, label.span.start as usize, &finding.field, fix)
        };
        match edit {
            Ok(edit) => {
                let others = edits.entry(label.span.file).or_default();
                // Two findings of one place need one edit. Two edits that touch need a second run, which sees the first.
                let is_apart = |other: &policy::Edit| other.end < edit.start || other.start > edit.end;
                if others.contains(&edit) {
                    fixes.mended += 1;
                } else if others.iter().all(is_apart) {
                    others.push(edit);
                    fixes.mended += 1;
                } else {
                    let why = "another fix changes the same place: run again";
                    fixes.left.push(format!("{}: {}: {why}", source.path, finding.rule.id));
                }
            }
            Err(why) => fixes.left.push(format!("{}: {}: {why}", source.path, finding.rule.id)),
        }
    }
    for (file, mut edits) in edits {
        let source = gathered.sources.file(file);
        let path = &*source.path;
        // Another file may have that path in the repository.
        let Some(before) = home.text(path).ok().flatten().filter(|text| *text == source.text) else {
            fixes.left.push(format!("{path}: it lies outside of the repository"));
            continue;
        };
        edits.sort_by_key(|edit| std::cmp::Reverse((edit.start, edit.end)));
        let mut after = before.to_string();
        for edit in &edits {
            after.replace_range(edit.start..edit.end, &edit.text);
        }
        fixes.changes.push(Change { path: path.to_owned(), before: Some(before), after: Some(after.into()) });
    }
    fixes
}
