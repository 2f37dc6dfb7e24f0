//! What `lint` found as JUnit XML: a suite a category of policies, a test a finding. The only module that names
//! quick-junit.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite, XmlString};

use crate::diag::{Finding, Outcome};
use crate::report::place::Places;
use crate::report::words::Distinct;
use crate::report::{Options, visible, words};
use crate::source::SourceMap;

pub(super) fn render(outcome: &Outcome, sources: &SourceMap, options: Options) -> String {
    let places = Places::new(sources);
    let mut names = Distinct::default();
    let mut suites: Vec<TestSuite> = Vec::new();
    for finding in &outcome.findings {
        let case = case(finding, &places, &mut names, options);
        let category = one_line(finding.rule.id.split('/').next().unwrap_or_default());
        match suites.iter_mut().find(|suite| suite.name == category) {
            Some(suite) => suite.add_test_case(case),
            None => suites.push_mut(TestSuite::new(category)).add_test_case(case),
        };
    }
    if suites.is_empty() {
        // A report without a test is an error to many readers.
        let mut case = TestCase::new(format!("no findings {}", words::judged(outcome)), TestCaseStatus::success());
        case.set_classname("gitopsctl/lint");
        suites.push_mut(TestSuite::new("gitopsctl")).add_test_case(case);
    }
    let mut report = Report::new("gitopsctl lint");
    report.add_test_suites(suites);
    report.to_string().unwrap_or_default() // writing to memory does not fail
}

fn case(finding: &Finding, places: &Places, names: &mut Distinct, options: Options) -> TestCase {
    let severity = finding.severity.name();
    let place = places.primary(finding);
    let at = place.map(|place| format!("\n{}:{}:{}", place.file, place.start.line, place.start.column));
    let text = format!("{}{}{}", finding.message, at.unwrap_or_default(), words::details(finding, options.verbose));
    let text = XmlString::new(visible::lines(&text));
    let failed = finding.is_open() && finding.severity >= options.fail_on;
    let mut status = match words::suppression(finding) {
        Some(_) => TestCaseStatus::skipped(),
        None if failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        None => TestCaseStatus::success(),
    };
    match words::suppression(finding) {
        Some(why) => {
            status.set_message(one_line(&why));
        }
        None if failed => {
            status.set_message(one_line(&finding.message)).set_type(severity).set_description(text.clone());
        }
        None => {}
    }
    let object = finding.object.as_ref().map(|object| {
        let namespace = if object.namespace.is_empty() { String::new() } else { format!("{}/", object.namespace) };
        format!("{namespace}{}/{}: ", object.kind, object.name)
    });
    let name = format!("{}{}", object.unwrap_or_default(), finding.message);
    // Readers keep one of the tests that have the same class and name.
    let id = &finding.rule.id;
    let distinct = names.name(&format!("{id} {name}"));
    let mut case = TestCase::new(one_line(distinct.strip_prefix(&format!("{id} ")).unwrap_or(&distinct)), status);
    case.set_classname(one_line(id));
    if let Some(place) = place {
        let line = place.start.line.to_string();
        case.extra.extend([("file", place.file), ("line", &line)].map(|(name, value)| (name.into(), one_line(value))));
    }
    if finding.is_open() && !failed {
        case.set_system_out(XmlString::new(format!("{severity}: {}", text.as_str())));
    }
    case
}

/// For an attribute. The XML crate would take out what XML cannot hold; here it is shown.
fn one_line(text: &str) -> XmlString {
    XmlString::new(visible::line(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Severity;
    use crate::report::sample;

    #[test]
    fn findings_are_tests_in_suites_of_their_category() {
        let (outcome, sources) = sample::every_kind();
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="gitopsctl lint" tests="5" skipped="2" failures="1" errors="0">
    <testsuite name="images" tests="2" skipped="0" errors="0" failures="1">
        <testcase name="production/Deployment/order-service: container `order-service` uses the tag `latest`" classname="images/tag-mutable" file="gitops/apps/order-service/overlays/production/kustomization.yaml" line="3">
            <failure message="container `order-service` uses the tag `latest`" type="error">container `order-service` uses the tag `latest`
gitops/apps/order-service/overlays/production/kustomization.yaml:3:13
release a version: `gitopsctl bump order-service v1.2.3`
in production</failure>
        </testcase>
        <testcase name="Deployment/日本: container `日本` uses the tag `latest`" classname="images/tag-mutable" file="services/日本.yaml" line="1">
            <system-out>warning: container `日本` uses the tag `latest`
services/日本.yaml:1:12
in a/overlays/x, a/overlays/y</system-out>
        </testcase>
    </testsuite>
    <testsuite name="platform" tests="1" skipped="0" errors="0" failures="0">
        <testcase name="nobody owns `inventory`" classname="platform/no-owner">
            <system-out>info: nobody owns `inventory`</system-out>
        </testcase>
    </testsuite>
    <testsuite name="probes" tests="2" skipped="2" errors="0" failures="0">
        <testcase name="container `a` has no liveness probe" classname="probes/liveness-missing" file="gitops/apps/order-service/base/deployment.yaml" line="8">
            <skipped message="annotation: batch job"/>
        </testcase>
        <testcase name="container `b` has no liveness probe" classname="probes/liveness-missing">
            <skipped message="baseline"/>
        </testcase>
    </testsuite>
</testsuites>
"#;
        assert_eq!(render(&outcome, &sources, Options::default()), expected);
    }

    #[test]
    fn what_fails_is_the_callers_choice() {
        let (outcome, sources) = sample::every_kind();
        for (fail_on, failures) in [(Severity::Error, 1), (Severity::Warning, 2), (Severity::Info, 3)] {
            let text = render(&outcome, &sources, Options { fail_on, ..Options::default() });
            assert_eq!(text.matches("<failure").count(), failures);
            assert!(text.contains(&format!("skipped=\"2\" failures=\"{failures}\" errors=\"0\"")), "{text}");
        }
    }

    #[test]
    fn nothing_found_is_a_test_that_passes() {
        let outcome = Outcome { objects: 126, overlays: 42, ..Outcome::default() };
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="gitopsctl lint" tests="1" skipped="0" failures="0" errors="0">
    <testsuite name="gitopsctl" tests="1" skipped="0" errors="0" failures="0">
        <testcase name="no findings in 42 overlays (126 objects)" classname="gitopsctl/lint"/>
    </testsuite>
</testsuites>
"#;
        assert_eq!(render(&outcome, &SourceMap::default(), Options::default()), expected);
    }

    #[test]
    fn hostile_texts_stay_within_their_element() {
        let (outcome, sources) = sample::hostile();
        let text = render(&outcome, &sources, Options::default());
        assert!(!text.contains(|char| visible::is_hidden(char) && char != '\n'), "{text:?}");
        assert!(!text.contains("<img") && !text.contains("]]>"), "{text}");
        let report = Report::deserialize_from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let cases: Vec<_> = report.test_suites.iter().flat_map(|suite| &suite.test_cases).collect();
        assert_eq!(cases.len(), 3);
        let evil = visible::line(sample::EVIL);
        let name = format!("{evil}/Deployment/{evil}: {evil}");
        let expected = [name.clone(), format!("{name}-2"), format!("{name}-3")];
        assert_eq!(cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_great_many_are_all_there() {
        let (outcome, sources) = sample::many(3_000);
        let text = render(&outcome, &sources, Options::default());
        assert_eq!(text.matches("<testcase ").count(), 3_000);
        assert_eq!(text.matches("<failure ").count(), 1_000);
    }
}
