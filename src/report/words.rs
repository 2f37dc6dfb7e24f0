//! What several formats say in the same words.

use std::collections::HashMap;

use crate::diag::{Finding, Outcome, Severity};

/// Overlays and the like that are named before the rest is counted.
const NAMED: usize = 3;

/// `1 file`, `2 files`.
pub fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// `3 errors, 2 warnings`, without what there is none of; `no findings`.
pub(super) fn totals(outcome: &Outcome) -> String {
    let severities = [Severity::Error, Severity::Warning, Severity::Info];
    let counts = severities.map(|severity| (outcome.count(severity), severity.name()));
    let parts: Vec<_> = counts.into_iter().filter(|(count, _)| *count > 0).collect();
    match parts.as_slice() {
        [] => "no findings".to_owned(),
        parts => parts.iter().map(|(count, name)| counted(*count, name)).collect::<Vec<_>>().join(", "),
    }
}

/// `in 42 overlays (126 objects)`; for plain manifests `in 126 objects`.
pub(super) fn judged(outcome: &Outcome) -> String {
    let objects = counted(outcome.objects, "object");
    match outcome.overlays {
        0 => format!("in {objects}"),
        overlays => format!("in {} ({objects})", counted(overlays, "overlay")),
    }
}

/// `in production, staging`; where nothing names an environment, the overlays.
pub(super) fn shows_in(finding: &Finding, all: bool) -> Option<String> {
    if !finding.environments.is_empty() {
        return Some(format!("in {}", finding.environments.join(", ")));
    }
    let named = if all { usize::MAX } else { NAMED };
    (!finding.overlays.is_empty()).then(|| format!("in {}", listed(&finding.overlays, named, "overlay")))
}

/// `a, b, c and 2 more overlays`.
pub(super) fn listed(items: &[String], named: usize, thing: &str) -> String {
    // Counting a single one takes as much room as naming it.
    if items.len() <= named.saturating_add(1) {
        return items.join(", ");
    }
    format!("{} and {}", items[..named].join(", "), counted(items.len() - named, &format!("more {thing}")))
}

/// Overlays that are not judged: `1 overlay excused: PATH (reason)`.
pub(super) fn excused(outcome: &Outcome, all: bool) -> Option<String> {
    let reasons: Vec<_> = outcome.excused.iter().map(|one| format!("{} ({})", one.overlay, one.reason)).collect();
    let named = if all { usize::MAX } else { NAMED };
    let list = || format!("{} excused: {}", counted(reasons.len(), "overlay"), listed(&reasons, named, "overlay"));
    (!reasons.is_empty()).then(list)
}

/// The help and where a finding shows, a line each.
pub(super) fn details(finding: &Finding, all: bool) -> String {
    [finding.help.clone(), shows_in(finding, all)].into_iter().flatten().map(|line| format!("\n{line}")).collect()
}

/// `comment: reason`.
pub(super) fn suppression(finding: &Finding) -> Option<String> {
    let suppressed = finding.suppressed.as_ref()?;
    let reason = suppressed.reason.trim();
    let by = suppressed.by.name();
    Some(if reason.is_empty() { by.to_owned() } else { format!("{by}: {reason}") })
}

/// Tells apart what would otherwise have the same name, for readers that keep only one of each.
#[derive(Default)]
pub(super) struct Distinct {
    seen: HashMap<String, usize>,
}

impl Distinct {
    /// The name itself for the first that has it, then with a number.
    pub(super) fn name(&mut self, name: &str) -> String {
        let mut candidate = name.to_owned();
        while self.seen.contains_key(&candidate) {
            let count = self.seen.entry(name.to_owned()).or_default();
            *count += 1;
            candidate = format!("{name}-{count}");
        }
        self.seen.insert(candidate.clone(), 1);
        candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn long_lists_are_counted_after_three() {
        let items: Vec<_> = (1..=6).map(|number| format!("o{number}")).collect();
        assert_eq!(listed(&items[..1], NAMED, "overlay"), "o1");
        assert_eq!(listed(&items[..4], NAMED, "overlay"), "o1, o2, o3, o4");
        assert_eq!(listed(&items, NAMED, "overlay"), "o1, o2, o3 and 3 more overlays");
        assert_eq!(listed(&items, usize::MAX, "overlay"), "o1, o2, o3, o4, o5, o6");
    }

    #[test]
    fn environments_come_before_overlays() {
        let (outcome, _) = sample::every_kind();
        let shown: Vec<_> = outcome.findings.iter().map(|finding| shows_in(finding, false)).collect();
        assert_eq!(shown[0].as_deref(), Some("in production"));
        assert_eq!(shown[1].as_deref(), Some("in a/overlays/x, a/overlays/y"));
        assert_eq!(shown[2], None);
    }

    #[test]
    fn names_are_distinct_whatever_they_are() {
        let mut distinct = Distinct::default();
        let names = ["a", "a", "a-2", "a", "b", "a-2"].map(|name| distinct.name(name));
        let unique: std::collections::HashSet<_> = names.iter().collect();
        assert_eq!(unique.len(), names.len(), "{names:?}");
        assert_eq!(names[..2], ["a", "a-2"]);
    }
}
