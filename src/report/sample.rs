//! Outcomes that the tests of all formats share.

use std::sync::Arc;

use crate::diag::{About, By, Excused, Finding, Label, Outcome, Rule, Severity, Suppressed};
use crate::source::{FileId, SourceMap, Span};

/// What is used against each format at once: HTML, Markdown, XML, workflow commands, terminal sequences.
pub(super) const EVIL: &str = "<img src=x onerror=alert(1)> | `a|b` ``c ]]> & \"q\" 'p' %0A::error::x, %25 [l](http://h) \
    **b** \\ @team <!-- -->\u{1b}[31m\u{1b}]0;t\u{7}\u{9b}1m\u{202e}\u{ffff}\r\n::error::forged\n| row |\n\n# title";

/// A span of the first place where a text stands.
pub(super) fn span(sources: &SourceMap, file: FileId, part: &str) -> Span {
    let start = sources.file(file).text.find(part).unwrap_or_else(|| panic!("{part:?} is not there"));
    let number = |at: usize| u32::try_from(at).unwrap_or(0);
    Span { file, start: number(start), end: number(start + part.len()) }
}

pub(super) fn rule(id: &str, aliases: &[&str]) -> Arc<Rule> {
    Arc::new(Rule {
        id: id.to_owned(),
        title: "containers keep to it".to_owned(),
        rationale: "It matters.".to_owned(),
        remediation: "Set `it`.".to_owned(),
        aliases: aliases.iter().map(|&alias| alias.to_owned()).collect(),
    })
}

/// A finding with nothing but a message.
pub(super) fn finding(rule: &Arc<Rule>, severity: Severity, message: &str) -> Finding {
    Finding {
        rule: Arc::clone(rule),
        severity,
        message: message.to_owned(),
        help: None,
        object: None,
        container: None,
        field: String::new(),
        labels: Vec::new(),
        overlays: Vec::new(),
        environments: Vec::new(),
        suppressed: None,
        fingerprint: format!("f-{}", message.len()),
    }
}

pub(super) fn object(namespace: &str, name: &str) -> About {
    let [api_version, kind, namespace, name] = ["apps/v1", "Deployment", namespace, name].map(str::to_owned);
    About { api_version, kind, namespace, name }
}

/// Every severity, with places and without, suppressed and not.
pub(super) fn every_kind() -> (Outcome, SourceMap) {
    let mut sources = SourceMap::default();
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: order-service\nspec:\n  template:\n    spec:\n      \
        containers:\n      - name: order-service\n        image: registry.example/order-service\n";
    let overlay = sources.add(
        "gitops/apps/order-service/overlays/production/kustomization.yaml",
        "images:\n  - name: registry.example/order-service\n    newTag: latest\n",
    );
    let base = sources.add("gitops/apps/order-service/base/deployment.yaml", deployment);
    let wide = sources.add("services/日本.yaml", "name: 日本 # ééé\n");
    let label = |file, part: &str, text: &str| Label { span: span(&sources, file, part), text: text.to_owned() };
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let images = rule("images/tag-mutable", &["kube-linter/latest-tag", "polaris/tagNotSpecified"]);
    let probes = rule("probes/liveness-missing", &[]);
    let findings = vec![
        Finding {
            help: Some("release a version: `gitopsctl bump order-service v1.2.3`".to_owned()),
            object: Some(object("production", "order-service")),
            container: Some("order-service".to_owned()),
            field: "/spec/template/spec/containers/0/image".to_owned(),
            labels: vec![
                label(overlay, "latest", "this value reaches the cluster"),
                label(base, "registry.example/order-service", "the image"),
            ],
            overlays: owned(&["gitops/apps/order-service/overlays/production"]),
            environments: owned(&["production"]),
            ..finding(&images, Severity::Error, "container `order-service` uses the tag `latest`")
        },
        Finding {
            object: Some(object("", "日本")),
            labels: vec![label(wide, "ééé", "")],
            overlays: owned(&["a/overlays/x", "a/overlays/y"]),
            ..finding(&images, Severity::Warning, "container `日本` uses the tag `latest`")
        },
        finding(&rule("platform/no-owner", &[]), Severity::Info, "nobody owns `inventory`"),
        Finding {
            labels: vec![label(base, "containers:", "in here")],
            suppressed: Some(Suppressed { by: By::Annotation, reason: "batch job".to_owned() }),
            ..finding(&probes, Severity::Warning, "container `a` has no liveness probe")
        },
        Finding {
            suppressed: Some(Suppressed { by: By::Baseline, reason: String::new() }),
            ..finding(&probes, Severity::Error, "container `b` has no liveness probe")
        },
    ];
    let excused = Excused { overlay: "legacy/overlays/old".to_owned(), reason: "is switched off in May".to_owned() };
    (Outcome { findings, objects: 126, overlays: 42, excused: vec![excused] }, sources)
}

/// Everything that a file can bring along is hostile.
pub(super) fn hostile() -> (Outcome, SourceMap) {
    let mut sources = SourceMap::default();
    let file = sources.add(format!("dir/{EVIL}: a%b,c.yaml"), format!("a: {EVIL}\nb: x\n"));
    let [first, second] = ["a: ", "b: x"].map(|part| span(&sources, file, part));
    let evil = || EVIL.to_owned();
    let open = Finding {
        help: Some(evil()),
        object: Some(object(EVIL, EVIL)),
        container: Some(evil()),
        labels: vec![Label { span: first, text: evil() }, Label { span: second, text: evil() }],
        overlays: vec![evil()],
        environments: vec![evil()],
        fingerprint: evil(),
        ..finding(&rule(EVIL, &[EVIL]), Severity::Error, EVIL)
    };
    let closed = Finding { suppressed: Some(Suppressed { by: By::Comment, reason: evil() }), ..open.clone() };
    let bare = Finding { labels: Vec::new(), environments: Vec::new(), ..open.clone() };
    let excused = vec![Excused { overlay: evil(), reason: evil() }];
    (Outcome { findings: vec![open, closed, bare], objects: 1, overlays: 1, excused }, sources)
}

/// Many findings in one long file.
pub(super) fn many(count: usize) -> (Outcome, SourceMap) {
    let mut sources = SourceMap::default();
    let text: String = (0..count).map(|number| format!("key{number}: value\n")).collect();
    let file = sources.add("all.yaml", text.clone());
    let rule = rule("resources/limits-missing", &[]);
    let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
    let findings = starts.take(count).enumerate().map(|(number, start)| {
        let start = u32::try_from(start).unwrap_or(0);
        let severity = [Severity::Info, Severity::Warning, Severity::Error][number % 3];
        let labels = vec![Label { span: Span { file, start, end: start + 3 }, text: String::new() }];
        let message = format!("container `{number}` has no limits");
        Finding { labels, fingerprint: "same".to_owned(), ..finding(&rule, severity, &message) }
    });
    (Outcome { findings: findings.collect(), objects: count, overlays: 1, excused: Vec::new() }, sources)
}
