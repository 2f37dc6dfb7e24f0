//! What switches findings off: comments in source files, annotations, settings, waivers, the baseline. Each says why, and
//! each that switches nothing off is a finding itself.
//!
//! ```yaml
//! image: example.com/tool:latest # gitopsctl:ignore images/tag-mutable follows upstream on purpose until=2027-01-31
//! ```

use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::FxHashMap as HashMap;

use crate::catalog::Catalog;
use crate::diag::{By, Diagnostics, Suppressed};
use crate::policy::facts::fits;
use crate::policy::judge::Active;
use crate::policy::place::Placed;
use crate::policy::subject::{Object, Subject};
use crate::source::{FileId, Origin, SourceMap, Span};
use crate::yaml::{self, Kind};

/// What a comment begins with.
pub const MARK: &str = "gitopsctl:ignore";
/// What an annotation begins with; the policy follows, with `.` for `/`.
pub const ANNOTATION: &str = "gitopsctl.io/ignore.";

/// Something that switches findings off.
#[derive(Debug)]
pub(super) struct Suppression {
    /// Id, alias or category.
    pub(super) policy: String,
    pub(super) reason: String,
    /// Last day; empty: for good.
    pub(super) until: String,
    pub(super) by: By,
    /// Where it stands.
    pub(super) span: Option<Span>,
    scope: Scope,
    used: AtomicBool,
    /// Whether it counts.
    is_trusted: bool,
}

/// What a suppression is about.
#[derive(Debug)]
enum Scope {
    /// A line of a file, counted in bytes from start to end.
    Line { file: FileId, start: u32, end: u32 },
    /// A whole file.
    File(FileId),
    /// An object, in an overlay where it is part of one.
    Object { overlay: Option<usize>, kind: String, namespace: String, name: String },
    /// Environments, overlays, objects; empty lists mean all.
    Settings { environments: Vec<String>, overlays: Vec<String>, objects: Vec<String> },
    /// The overlays of a service.
    Service(String),
}

impl Suppression {
    fn new(policy: &str, reason: &str, until: &str, by: By, span: Option<Span>, scope: Scope) -> Self {
        Self {
            policy: policy.to_owned(),
            reason: reason.to_owned(),
            until: until.to_owned(),
            by,
            span,
            scope,
            used: AtomicBool::new(false),
            is_trusted: true,
        }
    }

    /// Whether its last day is one, where it has one.
    pub(super) fn has_day(&self) -> bool {
        let is_digit = |(at, byte): (usize, u8)| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
        self.until.is_empty() || self.until.len() == 10 && self.until.bytes().enumerate().all(is_digit)
    }

    /// Whether its last day is over, or none at all. Days are compared as texts, `YYYY-MM-DD`.
    pub(super) fn is_expired(&self, today: &str) -> bool {
        !self.has_day() || !self.until.is_empty() && !today.is_empty() && self.until.as_str() < today
    }

    pub(super) fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether it says what it is to say.
    pub(super) fn has_reason(&self) -> bool {
        !self.reason.trim().is_empty()
    }
}

/// All that switches findings off.
#[derive(Debug, Default)]
pub(super) struct Suppressions {
    pub(super) all: Vec<Suppression>,
    /// The first of several that are the same file.
    same: HashMap<FileId, FileId>,
    /// By file, for those of comments.
    by_file: HashMap<FileId, Vec<usize>>,
    by_object: HashMap<(Option<usize>, String, String, String), Vec<usize>>,
    others: Vec<usize>,
}

impl Suppressions {
    /// Collects those of comments, annotations, settings and waivers; `trusts` says which of the first two count.
    pub(super) fn collect(
        subject: &Subject<'_>,
        settings: Option<&Catalog>,
        sources: &SourceMap,
        trusts: &dyn Fn(&str, &str, usize) -> bool,
    ) -> Self {
        let mut all = Vec::new();
        // What was read twice is one file.
        let mut twins: HashMap<(&str, &str), FileId> = HashMap::default();
        let mut same: HashMap<FileId, FileId> = HashMap::default();
        for (file, text) in sources.all().filter(|(_, text)| text.contains(MARK)) {
            let twin = *twins.entry((&sources.file(file).path, text)).or_insert(file);
            same.insert(file, twin);
            if twin == file {
                comments(file, text, sources, &mut all);
            }
        }
        let objects = subject.objects.iter().chain(&subject.kustomizations);
        for object in objects.chain(&subject.applications).chain(&subject.loose) {
            annotations(object, subject, &mut all);
        }
        for suppression in &mut all {
            suppression.is_trusted = suppression.span.map_or_else(
                || trusts("", "", 0),
                |span| trusts(&sources.file(span.file).path, &sources.file(span.file).text, span.start as usize),
            );
        }
        if let Some(catalog) = settings {
            from_settings(catalog, &mut all);
        }
        let mut suppressions = Self { all, same, ..Self::default() };
        for (at, suppression) in suppressions.all.iter().enumerate() {
            match &suppression.scope {
                Scope::Line { file, .. } | Scope::File(file) => {
                    suppressions.by_file.entry(*file).or_default().push(at);
                }
                Scope::Object { overlay, kind, namespace, name } => {
                    let key = (*overlay, kind.clone(), namespace.clone(), name.clone());
                    suppressions.by_object.entry(key).or_default().push(at);
                }
                _ => suppressions.others.push(at),
            }
        }
        suppressions
    }

    /// What switches a finding off, if anything: of several the first with a reason that is not over.
    pub(super) fn of(
        &self,
        placed: &Placed,
        active: &Active<'_>,
        subject: &Subject<'_>,
        today: &str,
    ) -> Option<Suppressed> {
        let finding = &placed.finding;
        let mut candidates: Vec<usize> = Vec::new();
        for span in &placed.chain {
            let file = self.same.get(&span.file).unwrap_or(&span.file);
            let here = self.by_file.get(file).map_or(&[][..], Vec::as_slice);
            candidates.extend(here.iter().filter(|at| match &self.all[**at].scope {
                Scope::Line { start, end, .. } => (*start..*end).contains(&span.start),
                _ => true,
            }));
        }
        if let Some(about) = &finding.object {
            let overlay = placed.overlays.first().copied();
            let key = (overlay, about.kind.clone(), about.namespace.clone(), about.name.clone());
            candidates.extend(self.by_object.get(&key).into_iter().flatten());
        }
        candidates.extend(self.others.iter().filter(|at| self.all[**at].is_about(placed, subject)));
        let mut found: Option<&Suppression> = None;
        for at in candidates {
            let suppression = &self.all[at];
            if !active.policy.answers_to(&suppression.policy) || !suppression.has_reason() {
                continue;
            }
            suppression.used.store(true, Ordering::Relaxed);
            if found.is_none() && suppression.is_trusted && !suppression.is_expired(today) {
                found = Some(suppression);
            }
        }
        found.map(|suppression| Suppressed { by: suppression.by, reason: suppression.reason.clone() })
    }
}

impl Suppression {
    fn is_about(&self, placed: &Placed, subject: &Subject<'_>) -> bool {
        let overlays = || placed.overlays.iter().map(|at| &subject.overlays[*at]);
        match &self.scope {
            Scope::Service(name) => overlays().any(|overlay| overlay.service.as_ref() == Some(name)),
            Scope::Settings { environments, overlays: paths, objects } => {
                let in_environment = |overlay: &crate::policy::subject::Overlay| {
                    environments.is_empty()
                        || overlay.environment.as_ref().is_some_and(|name| environments.contains(name))
                };
                let in_path = |overlay: &crate::policy::subject::Overlay| {
                    paths.is_empty() || paths.iter().any(|pattern| fits(pattern, &overlay.path))
                };
                let of_object = objects.is_empty()
                    || placed.finding.object.as_ref().is_some_and(|about| {
                        let name = format!("{}/{}", about.kind, about.name);
                        objects.iter().any(|pattern| fits(pattern, &name))
                    });
                let anywhere = environments.is_empty() && paths.is_empty() && placed.overlays.is_empty();
                of_object && (anywhere || overlays().any(|overlay| in_environment(overlay) && in_path(overlay)))
            }
            _ => false,
        }
    }
}

/// `policy reason… [until=YYYY-MM-DD]`
fn parsed(text: &str) -> (String, String, String) {
    let mut words = text.split_whitespace();
    let policy = words.next().unwrap_or_default().trim_end_matches(':').to_owned();
    let (mut reason, mut until) = (Vec::new(), String::new());
    for word in words {
        match word.strip_prefix("until=") {
            Some(day) => day.clone_into(&mut until),
            None => reason.push(word),
        }
    }
    (policy, reason.join(" "), until)
}

/// What says in another revision that a comment or annotation was there: the comment and the key that it is about, or the
/// line of the annotation.
pub fn mark(text: &str, at: usize) -> String {
    let start = text[..at].rfind('\n').map_or(0, |at| at + 1);
    let end = text[at..].find('\n').map_or(text.len(), |end| at + end);
    let line = text[start..end].trim();
    let Some((before, comment)) = line.split_once(MARK) else { return line.to_owned() };
    let own = before.trim_end_matches(['#', ' ', '\t']);
    let about = if own.is_empty() {
        let (start, end) = next_line(text, end);
        &text[start..end]
    } else {
        own
    };
    let key = about.split(": ").next().unwrap_or_default().trim().trim_end_matches(':');
    format!("{key} #{}", comment.trim())
}

/// The texts of values that hold the mark of a comment: what stands there is none.
fn values_with_marks(text: &str) -> Vec<std::ops::Range<usize>> {
    let documents = yaml::parse(text, FileId::NONE, &mut Diagnostics::default());
    let mut found = Vec::new();
    for document in &documents {
        let mut open = vec![document.root()];
        while let Some(node) = open.pop() {
            match &document.node(node).kind {
                Kind::Sequence(items) => open.extend(items),
                Kind::Mapping(pairs) => open.extend(pairs.iter().flat_map(|(key, value)| [*key, *value])),
                _ => {
                    let range = document.span(node).range();
                    found.extend(text.get(range.clone()).filter(|value| value.contains(MARK)).map(|_| range));
                }
            }
        }
    }
    found
}

/// Comments of a file: one behind a value is about its line, one on a line of its own about the next line that is none.
fn comments(file: FileId, text: &str, sources: &SourceMap, all: &mut Vec<Suppression>) {
    let values = values_with_marks(text);
    for (at, _) in text.match_indices(MARK) {
        let is_value = values.iter().any(|value| value.contains(&at));
        // A patch within a kustomization is a text that has comments of its own.
        if is_value && !sources.is_within(file, u32::try_from(at).unwrap_or(u32::MAX)) {
            continue;
        }
        let line_start = text[..at].rfind('\n').map_or(0, |at| at + 1);
        let line_end = text[at..].find('\n').map_or(text.len(), |end| at + end);
        let before = &text[line_start..at];
        let Some(hash) = before.rfind('#').filter(|hash| before[hash + 1..].trim().is_empty()) else { continue };
        let rest = &text[at + MARK.len()..line_end];
        let (is_file, rest) = match rest.strip_prefix("-file") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
            continue;
        }
        let (policy, reason, until) = parsed(rest);
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let scope = if is_file {
            Scope::File(file)
        } else if before[..hash].trim().is_empty() {
            let (start, end) = next_line(text, line_end);
            Scope::Line { file, start: number(start), end: number(end) }
        } else {
            Scope::Line { file, start: number(line_start), end: number(line_end) }
        };
        let span = Span { file, start: number(line_start + hash), end: number(line_end) };
        all.push(Suppression::new(&policy, &reason, &until, By::Comment, Some(span), scope));
    }
}

/// The next line that is neither empty nor a comment.
fn next_line(text: &str, from: usize) -> (usize, usize) {
    let mut start = from;
    for line in text[from..].split_inclusive('\n') {
        let body = line.trim();
        if !body.is_empty() && !body.starts_with('#') {
            return (start, start + line.len());
        }
        start += line.len();
    }
    (text.len(), text.len())
}

/// `gitopsctl.io/ignore.probes.liveness-missing: reason [until=YYYY-MM-DD]`
fn annotations(object: &Object<'_>, subject: &Subject<'_>, all: &mut Vec<Suppression>) {
    let Some(annotations) = object.at(&["metadata", "annotations"]) else { return };
    for (key, value) in annotations.pairs() {
        let Some(policy) = key.text().strip_prefix(ANNOTATION) else { continue };
        let (first, rest, until) = parsed(value.text());
        let reason = if rest.is_empty() { first } else { format!("{first} {rest}") };
        let reason = if reason.starts_with("until=") { String::new() } else { reason };
        let reach = object.reach.iter().copied().map(Some);
        for overlay in reach.chain(object.reach.is_empty().then_some(None)) {
            let scope = Scope::Object {
                overlay,
                kind: object.kind.to_owned(),
                namespace: object.namespace.clone(),
                name: if object.directory.is_empty() { object.name.to_owned() } else { object.directory.clone() },
            };
            // The key says what is switched off; a value on a line of its own could be any text.
            let span = span_of(key.origin, subject).or_else(|| span_of(value.origin, subject));
            all.push(Suppression::new(&policy.replacen('.', "/", 1), &reason, &until, By::Annotation, span, scope));
        }
    }
}

/// The place of a value in a file of its own; of one that a build set, the place that says so.
fn span_of(mut origin: Origin, subject: &Subject<'_>) -> Option<Span> {
    while let Some(change) = subject.origins.change(origin) {
        origin = change.place;
    }
    let (file, start) = origin.place().map(|(file, start)| subject.sources.outermost(file, start))?;
    Some(Span { file, start, end: start })
}

fn from_settings(catalog: &Catalog, all: &mut Vec<Suppression>) {
    for suppression in &catalog.platform.policies.suppress {
        let Some(policy) = &suppression.policy else { continue };
        let scope = Scope::Settings {
            environments: suppression.environments.iter().map(|name| name.value.clone()).collect(),
            overlays: suppression.overlays.clone(),
            objects: suppression.objects.clone(),
        };
        let until = suppression.until.as_deref().unwrap_or_default();
        all.push(Suppression::new(policy, &suppression.reason, until, By::Config, Some(policy.span), scope));
    }
    for entry in &catalog.services {
        for waiver in &entry.service.waivers {
            let Some(policy) = &waiver.policy else { continue };
            let until = waiver.until.as_deref().unwrap_or_default();
            let scope = Scope::Service(entry.name.clone());
            all.push(Suppression::new(policy, &waiver.reason, until, By::Config, Some(policy.span), scope));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, String, String, String)> {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml", text);
        let mut all = Vec::new();
        comments(file, text, &sources, &mut all);
        let line = |scope: &Scope| match scope {
            Scope::Line { start, end, .. } => text[*start as usize..*end as usize].trim().to_owned(),
            _ => "file".to_owned(),
        };
        all.iter().map(|s| (s.policy.clone(), s.reason.clone(), s.until.clone(), line(&s.scope))).collect()
    }

    #[test]
    fn comments_are_about_their_line_or_the_next_one() {
        let text = "a: 1 # gitopsctl:ignore a/b for a while until=2027-01-01\n# gitopsctl:ignore c/d why\n\n# more\nb: 2\n# gitopsctl:ignore-file e/f all of it\n";
        let of = |policy: &str, reason: &str, until: &str, line: &str| {
            (policy.to_owned(), reason.to_owned(), until.to_owned(), line.to_owned())
        };
        let expected = [
            of("a/b", "for a while", "2027-01-01", "a: 1 # gitopsctl:ignore a/b for a while until=2027-01-01"),
            of("c/d", "why", "", "b: 2"),
            of("e/f", "all of it", "", "file"),
        ];
        assert_eq!(found(text), expected);
        assert!(found("text: gitopsctl:ignore a/b is no comment\n# gitopsctl:ignored a/b\n").is_empty());
        assert!(
            found("a: |\n  x\n  # gitopsctl:ignore a/b no comment\nb: 'c # gitopsctl:ignore a/b no comment'\n")
                .is_empty()
        );
    }
}
