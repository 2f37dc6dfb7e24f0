//! Turns what checks found into findings: nodes into lines, the same thing in several overlays into one finding.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::diag::{About, Finding, Label, Suppressed};
use crate::kustomize::{Origins, Step};
use crate::policy::judge::{Active, Raw};
use crate::policy::report::{Found, step};
use crate::policy::subject::{Object, Subject};
use crate::source::{FileId, Origin, SourceMap, Span};
use crate::yaml::data::{Content, Datum};

/// What is needed to find places.
#[derive(Clone, Copy)]
pub(super) struct Places<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) origins: &'a Origins,
    pub(super) sources: &'a SourceMap,
}

/// A finding in one overlay, or in several that share its file.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    pub(super) finding: Finding,
    /// Every place that had a part in the value, the line to edit first.
    pub(super) chain: Vec<Span>,
    /// The overlays, as indices.
    pub(super) overlays: Vec<usize>,
}

/// No value is set more often.
const LONGEST_CHAIN: usize = 32;

/// One that set a value: a place, and the step that put it there.
struct Link {
    place: Option<(FileId, u32)>,
    step: Option<Step>,
}

impl Places<'_> {
    /// Those that set a value, the last one first.
    fn chain(&self, mut origin: Origin) -> Vec<Link> {
        let mut links = Vec::new();
        while links.len() < LONGEST_CHAIN {
            let Some(change) = self.origins.change(origin) else {
                links.push(Link { place: origin.place(), step: None });
                break;
            };
            let mut from = change.place;
            while let Some(change) = self.origins.change(from) {
                from = change.place;
            }
            links.push(Link { place: from.place(), step: Some(change.step) });
            origin = change.replaced;
        }
        links.retain(|link| link.place.is_some());
        links
    }

    fn span(&self, (file, start): (FileId, u32)) -> Span {
        let (file, start) = self.sources.outermost(file, start);
        let text = &self.sources.file(file).text;
        let rest = text.get(start as usize..).unwrap_or_default();
        let length = token(rest.lines().next().unwrap_or_default());
        Span { file, start, end: start + u32::try_from(length).unwrap_or(0) }
    }

    /// A finding with its places.
    pub(super) fn finding(&self, raw: &Raw<'_>, active: &Active<'_>) -> Placed {
        let found = &raw.found;
        let origin = Self::taken_away(found).unwrap_or(found.origin);
        let was_taken = origin != found.origin;
        let links = self.chain(origin);
        let mut chain: Vec<Span> = links.iter().filter_map(|link| link.place).map(|place| self.span(place)).collect();
        let mut labels: Vec<Label> = Vec::new();
        for (at, link) in links.iter().enumerate() {
            let Some(place) = link.place else { continue };
            let text = match (at, link.step) {
                (0, _) if was_taken => "taken away here".to_owned(),
                (0, None) => String::new(),
                (0, Some(step)) => format!("set here, by {}", step.name()),
                (_, None) => "the manifest".to_owned(),
                (_, Some(step)) => format!("before that, by {}", step.name()),
            };
            let span = self.span(place);
            if !labels.iter().any(|label| label.span == span) {
                labels.push(Label { span, text });
            }
        }
        if was_taken && let Some(place) = self.chain(found.origin).first().and_then(|link| link.place) {
            let span = self.span(place);
            chain.push(span);
            labels.push(Label { span, text: "from here".to_owned() });
        }
        for (origin, text) in &found.related {
            if let Some(place) = self.chain(*origin).first().and_then(|link| link.place) {
                labels.push(Label { span: self.span(place), text: text.clone() });
            }
        }
        let overlays = match found.object {
            Some(object) => object.reach.clone(),
            None => found.overlays.clone(),
        };
        let rule = active.policy.rule.clone();
        let file = labels.first().map_or("", |label| &*self.sources.file(label.span.file).path);
        let finding = Finding {
            severity: active.severity_of(self.subject, found.object),
            message: self.message(found, active),
            help: Some(found.help.clone().unwrap_or_else(|| as_help(&rule.remediation))),
            object: found.object.map(about),
            container: found.container.clone(),
            field: pointer(&found.steps),
            fingerprint: fingerprint(&rule.id, found, file),
            rule,
            labels,
            overlays: Vec::new(),
            environments: Vec::new(),
            suppressed: None,
        };
        Placed { finding, chain, overlays }
    }

    /// Who took away what is missing, where a patch did.
    fn taken_away(found: &Found<'_>) -> Option<Origin> {
        let object = found.object.filter(|object| found.there < found.steps.len() && !object.removed.is_empty())?;
        let steps = stable_steps(object.root, &found.steps);
        let is_it =
            |taken: &[compact_str::CompactString]| taken.iter().zip(&steps).all(|(taken, step)| *taken == **step);
        object.removed.iter().rev().find(|removed| is_it(&removed.steps)).map(|removed| removed.origin)
    }

    fn message(&self, found: &Found<'_>, active: &Active<'_>) -> String {
        if let Some(message) = &found.message {
            return message.clone();
        }
        let Some(template) = &active.policy.message else {
            let title = &active.policy.rule.title;
            let subject = found.object.map(|object| format!("{}: ", object.title())).unwrap_or_default();
            return format!("{subject}not so: {title}");
        };
        let mut message = template.clone();
        let mut put = |name: &str, value: &str| message = message.replace(&format!("{{{name}}}"), value);
        if let Some(object) = found.object {
            put("kind", object.kind);
            put("name", object.name);
            put("namespace", &object.namespace);
            let overlay = self.subject.overlays.get(object.overlay);
            put("environment", overlay.and_then(|overlay| overlay.environment.as_deref()).unwrap_or_default());
        }
        put("container", found.container.as_deref().unwrap_or_default());
        put("value", &found.value);
        for (name, value) in &active.params.0 {
            let text = match value {
                serde_json::Value::String(text) => text.clone(),
                serde_json::Value::Array(items) => {
                    items.iter().map(|item| item.as_str().unwrap_or_default()).collect::<Vec<_>>().join(", ")
                }
                other => other.to_string(),
            };
            put(name, &text);
        }
        message
    }
}

fn about(object: &Object<'_>) -> About {
    let api_version = if object.group.is_empty() {
        object.version.to_owned()
    } else {
        format!("{}/{}", object.group, object.version)
    };
    let name = if object.directory.is_empty() { object.name } else { &object.directory };
    About { api_version, kind: object.kind.to_owned(), namespace: object.namespace.clone(), name: name.to_owned() }
}

/// A sentence as help: no capital letter, no full stop.
fn as_help(sentence: &str) -> String {
    let text = sentence.trim_end_matches('.');
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() || second == ' ' => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

/// How long the token at the start of a line is: a quoted text, or what stands before a colon or a comment.
fn token(line: &str) -> usize {
    let quote = line.chars().next().filter(|first| matches!(first, '"' | '\''));
    if let Some(quote) = quote {
        return line[1..].find(quote).map_or(line.len(), |at| at + 2);
    }
    let end = [line.find(": "), line.find(" #"), line.strip_suffix(':').map(str::len)];
    let end = end.into_iter().flatten().min().unwrap_or(line.len());
    line[..end].trim_end().len()
}

/// A JSON pointer.
pub(super) fn pointer(steps: &[String]) -> String {
    steps.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect()
}

/// Steps in which an element of a list goes by its name, so that they stay when the list changes.
pub(super) fn stable_steps(root: &Datum, steps: &[String]) -> Vec<String> {
    let mut node = Some(root);
    let stable = |part: &String| {
        let here = node;
        node = here.and_then(|here| step(here, part));
        match (here.map(|here| &here.content), node) {
            (Some(Content::Sequence(_)), Some(item)) => {
                let names = ["name", "containerPort", "mountPath", "port", "key"].into_iter();
                let name = names.map(|field| item.text_of(field)).find(|name| !name.is_empty());
                name.map_or_else(|| part.clone(), str::to_owned)
            }
            _ => part.clone(),
        }
    };
    steps.iter().map(stable).collect()
}

fn fingerprint(policy: &str, found: &Found<'_>, file: &str) -> String {
    let Some(object) = found.object else {
        return fingerprint_of(&[policy, file, found.message.as_deref().unwrap_or_default()]);
    };
    let steps = stable_steps(object.root, &found.steps);
    let parts = [policy, file, object.group, object.kind, &object.stable_name];
    fingerprint_of(&parts.into_iter().chain(steps.iter().map(String::as_str)).collect::<Vec<_>>())
}

/// What stays the same while its parts do.
pub fn fingerprint_of(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    hasher.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A finding about what switches findings off.
pub(super) fn about_suppression(active: &Active<'_>, message: String, span: Span, sources: &SourceMap) -> Placed {
    let rule = active.policy.rule.clone();
    let fingerprint = fingerprint_of(&[&rule.id, &sources.file(span.file).path, &message]);
    let finding = Finding {
        severity: active.severity,
        message,
        help: None,
        object: None,
        container: None,
        field: String::new(),
        fingerprint,
        rule,
        labels: vec![Label { span, text: String::new() }],
        overlays: Vec::new(),
        environments: Vec::new(),
        suppressed: None,
    };
    Placed { finding, chain: vec![span], overlays: Vec::new() }
}

/// One finding for all overlays in which it shows: same policy, place, object and suppression.
pub(super) fn merged(placed: Vec<(Placed, Option<Suppressed>)>, subject: &Subject<'_>) -> Vec<Finding> {
    let mut groups: BTreeMap<_, (Finding, Vec<usize>)> = BTreeMap::new();
    for (placed, suppressed) in placed {
        let finding = placed.finding;
        let place = finding.labels.first().map(|label| label.span);
        let object = finding.object.as_ref().map(|about| (about.api_version.clone(), about.kind.clone()));
        let key = (
            place.is_none(),
            place,
            finding.rule.id.clone(),
            finding.fingerprint.clone(),
            object,
            suppressed.as_ref().map(|suppressed| suppressed.reason.clone()),
        );
        let (kept, overlays) = groups.entry(key).or_insert_with(|| (finding.clone(), Vec::new()));
        kept.severity = kept.severity.max(finding.severity);
        kept.suppressed = suppressed;
        overlays.extend(placed.overlays);
    }
    let finished = |(mut finding, mut overlays): (Finding, Vec<usize>)| {
        overlays.sort_unstable();
        overlays.dedup();
        finding.overlays = overlays.iter().map(|at| subject.overlays[*at].path.clone()).collect();
        finding.overlays.sort();
        finding.environments = subject.environments(&overlays);
        finding
    };
    groups.into_values().map(finished).collect()
}

/// The order in which findings are shown: the worst first within a file, files by name.
pub(super) fn sort(findings: &mut [Finding], sources: &SourceMap) {
    let key = |finding: &Finding| {
        let label = finding.labels.first().map(|label| label.span);
        let place = label.map(|span| (sources.file(span.file).path.clone(), span.start));
        (place.is_none(), place, std::cmp::Reverse(finding.severity), finding.rule.id.clone())
    };
    findings.sort_by_cached_key(key);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_ends_before_colon_and_comment() {
        let tokens = ["image: a:b", "a:b # c", "\"x: y\" # z", "'a'", "spec:", ""].map(|line| &line[..token(line)]);
        assert_eq!(tokens, ["image", "a:b", "\"x: y\"", "'a'", "spec", ""]);
    }
}
