//! Runs the tests that policy files carry. A test is a repository in memory, or objects, judged by that one policy in the
//! way in which `lint` judges everything.

use crate::diag::{Diagnostic, Finding, Severity};
use crate::kustomize::Options;
use crate::pipeline::gather::{self, Gathered, Place, Target};
use crate::pipeline::lint::{self, Rules};
use crate::policy::{self, Case, Expect, Flags, Given, Policy, Policybook};
use crate::source::SourceMap;
use crate::tree::Tree;

/// What came of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The policy.
    pub policy: String,
    /// The test.
    pub name: String,
    /// Why it failed; `None` where it passed.
    pub fault: Option<String>,
}

/// Runs the tests of a policy. One without a failing and a passing case has a fault of its own.
pub fn run(policy: &Policy, cases: &[Case]) -> Vec<Verdict> {
    let verdict =
        |name: &str, fault: Option<String>| Verdict { policy: policy.id().to_owned(), name: name.to_owned(), fault };
    let mut verdicts: Vec<_> = cases.iter().map(|case| verdict(&case.name, fault(policy, case).err())).collect();
    for (expect, name) in [(Expect::Fail, "fails"), (Expect::Pass, "passes")] {
        if !cases.iter().any(|case| case.expect == expect) {
            verdicts.push(verdict("(all)", Some(format!("the policy has no test that {name}"))));
        }
    }
    verdicts
}

/// The findings of a policy about what a test gives.
fn fault(policy: &Policy, case: &Case) -> Result<(), String> {
    let (findings, sources) = found(policy, case)?;
    match case.expect {
        Expect::Pass => match findings.first() {
            None => Ok(()),
            Some(finding) => Err(format!("it finds `{}` at {}", finding.message, place(finding, &sources))),
        },
        Expect::Fail => {
            if findings.is_empty() {
                return Err("it finds nothing".to_owned());
            }
            let at = case.at.as_deref().ok_or("a failing test must say `at`, a pointer or file:line")?;
            let is_there = |finding: &&Finding| {
                finding.field == at || place(finding, &sources).rsplit_once(':').is_some_and(|(line, _)| line == at)
            };
            let Some(finding) = findings.iter().find(is_there) else {
                let places: Vec<_> = findings
                    .iter()
                    .map(|finding| format!("{} ({})", finding.field, place(finding, &sources)))
                    .collect();
                return Err(format!("it finds nothing at {at}, but at {}", places.join(", ")));
            };
            if let Some(wanted) = case.message.as_ref().filter(|wanted| !finding.message.contains(*wanted)) {
                return Err(format!("it says `{}`, and not `{wanted}`", finding.message));
            }
            if let Some(wanted) = case.severity.filter(|wanted| *wanted != finding.severity) {
                return Err(format!("it is {:?} and not {wanted:?}", finding.severity));
            }
            match case.count {
                Some(count) if count != findings.len() => {
                    Err(format!("it finds {} things, not {count}", findings.len()))
                }
                _ => Ok(()),
            }
        }
    }
}

fn place(finding: &Finding, sources: &SourceMap) -> String {
    finding.labels.first().map_or_else(String::new, |label| {
        let at = sources.position(label.span.file, label.span.start);
        format!("{}:{}:{}", sources.file(label.span.file).path, at.line, at.column)
    })
}

fn found(policy: &Policy, case: &Case) -> Result<(Vec<Finding>, SourceMap), String> {
    let mut gathered = gathered(case, &case.given);
    let before = case.before.as_ref().map(|given| self::gathered(case, given));
    let mut policy = policy.clone();
    for param in &mut policy.params {
        if let Some(value) = case.params.get(&param.name) {
            param.default = value.clone();
        }
    }
    if let Some(name) = case.params.keys().find(|name| !policy.params.iter().any(|param| param.name == **name)) {
        return Err(format!("there is no param `{name}`"));
    }
    let id = policy.id().to_owned();
    let book = Policybook { policies: vec![policy] };
    let flags = Flags { only: vec![id.clone()], ..Flags::default() };
    let none = policy::Known::default();
    let rules = Rules {
        book: &book,
        flags: &flags,
        today: "2026-06-15",
        trusts: &|_, _, _| true,
        baseline: Some(&none),
        before: before.as_ref(),
        changed: None,
        old: None,
        least: Severity::Info,
    };
    let outcome = lint::judge(&mut gathered, &rules);
    let errors: Vec<&Diagnostic> = gathered
        .diagnostics
        .iter()
        .filter(|item| item.severity == Severity::Error && item.code.id != "policy/setting")
        .collect();
    if let Some(error) = errors.first() {
        return Err(format!("what the test gives cannot be used: {}", error.message));
    }
    let findings = outcome.findings.into_iter().filter(|finding| finding.rule.id == id && finding.is_open());
    Ok((findings.collect(), gathered.sources))
}

fn gathered(case: &Case, given: &Given) -> Gathered {
    let (tree, target) = match given {
        Given::Manifests(text) => {
            let path = case.environment.as_ref().map_or("manifests".to_owned(), |name| format!("overlays/{name}"));
            (Tree::memory([]), Target::Text(path, text.clone()))
        }
        Given::Files(files) => (Tree::memory(files.clone()), Target::Directory(String::new())),
    };
    let place =
        Place { tree: &tree, repository: "", home: &tree, options: Options::default(), origin: None, settings: None };
    gather::gather(&place, &target, SourceMap::default(), None, &|_| ())
}
