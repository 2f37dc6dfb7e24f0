//! What `lint` found, for people: a code frame a finding, then one line that sums up.

use std::collections::HashSet;

use crate::diag::{Finding, Outcome};
use crate::report::human::{Frame, more};
use crate::report::place::Places;
use crate::report::{Options, visible, words};
use crate::source::SourceMap;

pub(super) fn render(outcome: &Outcome, sources: &SourceMap, options: Options) -> String {
    let places = Places::new(sources);
    let mut told = HashSet::new();
    let mut out = String::new();
    for finding in outcome.findings.iter().filter(|finding| finding.is_open() || options.verbose) {
        let first = told.insert(&finding.rule.id);
        let title = format!("suppressed {}", finding.severity.name());
        let frame = Frame {
            severity: finding.severity,
            title: (!finding.is_open()).then_some(&title),
            id: &finding.rule.id,
            message: &finding.message,
            labels: &finding.labels,
            notes: notes(finding, first, options.verbose),
        };
        out += &frame.render(&places, options.colour);
        out += "\n\n";
    }
    out + &visible::line(&summary(outcome, options.verbose)) + "\n"
}

/// What stands below the code frame. A policy's explanation is pointed to once.
fn notes(finding: &Finding, first: bool, verbose: bool) -> Vec<(&'static str, String)> {
    let mut notes: Vec<_> = words::shows_in(finding, verbose).map(|place| ("note", place)).into_iter().collect();
    notes.extend(words::suppression(finding).map(|why| ("note", format!("suppressed by {why}"))));
    notes.extend(finding.help.clone().map(|help| ("help", help)));
    notes.extend(first.then(|| ("more", more(&finding.rule.id))));
    notes
}

/// `3 errors, 2 warnings in 42 overlays (126 objects); 1 suppressed; 1 overlay excused: PATH (reason)`
fn summary(outcome: &Outcome, verbose: bool) -> String {
    let mut parts = vec![format!("{} {}", words::totals(outcome), words::judged(outcome))];
    parts.extend(Some(outcome.suppressed()).filter(|count| *count > 0).map(|count| format!("{count} suppressed")));
    parts.extend(words::excused(outcome, verbose));
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn findings_read_like_a_compilers() {
        let (outcome, sources) = sample::every_kind();
        let expected = "\
error[images/tag-mutable]: container `order-service` uses the tag `latest`
  --> gitops/apps/order-service/overlays/production/kustomization.yaml:3:13
   |
 3 |     newTag: latest
   |             ^^^^^^ this value reaches the cluster
   |
  ::: gitops/apps/order-service/base/deployment.yaml:10:16
   |
10 |         image: registry.example/order-service
   |                ------------------------------ the image
   |
   = note: in production
   = help: release a version: `gitopsctl bump order-service v1.2.3`
   = more: gitopsctl explain images/tag-mutable

warning[images/tag-mutable]: container `日本` uses the tag `latest`
 --> services/日本.yaml:1:12
  |
1 | name: 日本 # ééé
  |              ^^^
  |
  = note: in a/overlays/x, a/overlays/y

info[platform/no-owner]: nobody owns `inventory`
 = more: gitopsctl explain platform/no-owner

3 findings
";
        let text = render(&outcome, &sources, Options::default());
        let expected = expected.replace(
            "3 findings",
            "1 error, 1 warning, 1 info in 42 overlays (126 objects); 2 suppressed; \
             1 overlay excused: legacy/overlays/old (is switched off in May)",
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn suppressed_ones_show_where_asked() {
        let (outcome, sources) = sample::every_kind();
        let text = render(&outcome, &sources, Options { verbose: true, ..Options::default() });
        assert!(text.contains("suppressed warning[probes/liveness-missing]: container `a` has no liveness probe\n"));
        assert!(text.contains("  = note: suppressed by annotation: batch job\n"), "{text}");
        assert!(text.contains(" = note: suppressed by baseline\n"), "{text}");
        assert_eq!(text.matches("gitopsctl explain probes/liveness-missing").count(), 1);
    }

    #[test]
    fn nothing_found_is_one_line() {
        let cases = [((42, 126), "no findings in 42 overlays (126 objects)\n"), ((0, 1), "no findings in 1 object\n")];
        for ((overlays, objects), expected) in cases {
            let outcome = Outcome { objects, overlays, ..Outcome::default() };
            assert_eq!(render(&outcome, &SourceMap::default(), Options::default()), expected);
        }
    }

    #[test]
    fn nothing_from_a_file_steers_the_terminal() {
        let (outcome, sources) = sample::hostile();
        let options = Options { verbose: true, ..Options::default() };
        let text = render(&outcome, &sources, options);
        assert!(!text.contains(|char| visible::is_hidden(char) && char != '\n'), "{text:?}");
    }

    #[test]
    fn colours_are_the_callers_choice() {
        let (outcome, sources) = sample::every_kind();
        assert!(!render(&outcome, &sources, Options::default()).contains('\u{1b}'));
        assert!(render(&outcome, &sources, Options { colour: true, ..Options::default() }).contains('\u{1b}'));
    }
}
