//! What `lint` found as workflow commands, from which GitHub Actions makes annotations. What is suppressed is left out.

use crate::diag::{Finding, Outcome, Severity};
use crate::report::place::Places;
use crate::report::{Options, visible, words};
use crate::source::SourceMap;

pub(super) fn render(outcome: &Outcome, sources: &SourceMap, options: Options) -> String {
    let places = Places::new(sources);
    let open = outcome.findings.iter().filter(|finding| finding.is_open());
    open.map(|finding| command(finding, &places, options)).collect()
}

/// `::error file=…,line=…,col=…,title=…::message`
fn command(finding: &Finding, places: &Places, options: Options) -> String {
    let command = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "notice",
    };
    let place = places.primary(finding).map(|place| {
        let position = place.start;
        format!("file={},line={},col={},", property(place.file), position.line, position.column)
    });
    let text = format!("{}{}", finding.message, words::details(finding, options.verbose));
    format!("::{command} {}title={}::{}\n", place.unwrap_or_default(), property(&finding.rule.id), data(&text))
}

/// The text after the second `::`; the runner takes three characters back.
fn data(text: &str) -> String {
    visible::lines(text).replace('%', "%25").replace('\n', "%0A")
}

/// A value before it, where two more would end it. A title or a path has one line.
fn property(text: &str) -> String {
    visible::line(text).replace('%', "%25").replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn each_open_finding_is_a_command() {
        let (outcome, sources) = sample::every_kind();
        let expected = "\
::error file=gitops/apps/order-service/overlays/production/kustomization.yaml,line=3,col=13,title=images/tag-mutable\
::container `order-service` uses the tag `latest`%0Arelease a version: `gitopsctl bump order-service v1.2.3`\
%0Ain production
::warning file=services/日本.yaml,line=1,col=12,title=images/tag-mutable\
::container `日本` uses the tag `latest`%0Ain a/overlays/x, a/overlays/y
::notice title=platform/no-owner::nobody owns `inventory`
";
        assert_eq!(render(&outcome, &sources, Options::default()), expected);
        assert_eq!(render(&outcome, &sources, Options { verbose: true, ..Options::default() }), expected);
    }

    #[test]
    fn nothing_found_is_nothing_to_annotate() {
        assert_eq!(render(&Outcome::default(), &SourceMap::default(), Options::default()), "");
    }

    #[test]
    fn data_and_properties_are_escaped_as_the_runner_reads_them() {
        assert_eq!(data("100% a:b,c\nd\re"), "100%25 a:b,c%0Ad␍e");
        assert_eq!(property("100% a:b,c\nd"), "100%25 a%3Ab%2Cc␊d");
    }

    #[test]
    fn nothing_from_a_file_forges_a_command() {
        let (outcome, sources) = sample::hostile();
        let text = render(&outcome, &sources, Options::default());
        assert_eq!(text.lines().count(), 2, "{text}");
        for line in text.lines() {
            assert!(!line.contains(visible::is_hidden), "{line:?}");
            let (properties, _) = line["::error ".len()..].split_once("::").unwrap_or_default();
            assert!(properties.split(',').all(|pair| pair.matches('=').count() >= 1), "{properties}");
        }
    }
}
