//! Findings as the editor shows them.

use std::collections::HashMap;
use std::path::PathBuf;

use lsp_types::{
    Diagnostic, DiagnosticRelatedInformation, DiagnosticSeverity, Location, NumberOrString, Position, Range,
};

use crate::catalog::PLATFORM_FILE;
use crate::diag::{Finding, Severity};
use crate::lsp::repository::{Documents, Repository};
use crate::lsp::text::{Moved, Units, point};
use crate::source::{SourceMap, Span};

/// Shows findings of one moment.
pub(super) struct Show<'a> {
    repository: &'a Repository,
    documents: &'a Documents,
    units: Units,
    /// Where the lines of a text that was read are now; `None`: where they were.
    moved: HashMap<(PathBuf, usize), Option<Moved>>,
}

/// More places than these are no help.
const MOST_RELATED: usize = 8;

impl<'a> Show<'a> {
    pub(super) fn new(repository: &'a Repository, documents: &'a Documents, units: Units) -> Self {
        Self { repository, documents, units, moved: HashMap::new() }
    }

    /// The file of a finding, and the finding as a diagnostic.
    pub(super) fn diagnostic(&mut self, finding: &Finding, sources: &SourceMap) -> (PathBuf, Diagnostic) {
        let mut labels = finding.labels.iter();
        let (path, range) = match labels.next() {
            Some(label) => self.place(label.span, sources),
            // What no file is to blame for stands where the settings do.
            None => (self.repository.root.join(PLATFORM_FILE), point(Position::default())),
        };
        let related = labels.take(MOST_RELATED).filter_map(|label| {
            let (path, range) = self.place(label.span, sources);
            let message = if label.text.is_empty() { "this too".to_owned() } else { label.text.clone() };
            Some(DiagnosticRelatedInformation {
                location: Location { uri: self.documents.uri(&path)?, range },
                message,
            })
        });
        let related: Vec<_> = related.collect();
        let mut message = finding.message.clone();
        if !finding.environments.is_empty() {
            message.push_str(&format!(" ({})", finding.environments.join(", ")));
        }
        if let Some(help) = finding.help.as_ref().filter(|help| !help.is_empty()) {
            message.push_str(&format!("\nhelp: {help}"));
        }
        let diagnostic = Diagnostic {
            range,
            severity: Some(match finding.severity {
                Severity::Error => DiagnosticSeverity::ERROR,
                Severity::Warning => DiagnosticSeverity::WARNING,
                Severity::Info => DiagnosticSeverity::INFORMATION,
            }),
            code: Some(NumberOrString::String(finding.rule.id.clone())),
            source: Some("gitopsctl".to_owned()),
            message,
            related_information: (!related.is_empty()).then_some(related),
            ..Diagnostic::default()
        };
        (path, diagnostic)
    }

    /// A span as the editor counts, in the text that it has now.
    pub(super) fn place(&mut self, span: Span, sources: &SourceMap) -> (PathBuf, Range) {
        let (file, start) = sources.outermost(span.file, span.start);
        let source = sources.file(file);
        let end = if file == span.file { span.end as usize } else { start as usize };
        let start = start as usize;
        // An empty span is shown as the word that it stands before.
        let line = source.text.get(start..).unwrap_or_default().split(['\n', '\r']).next().unwrap_or_default();
        let word = line.find([' ', ':']).filter(|at| *at > 0).unwrap_or(line.len());
        let end = if end > start { end.min(start + line.len()) } else { start + word };
        let mut range =
            Range { start: self.units.position(&source.text, start), end: self.units.position(&source.text, end) };
        let path = self.repository.full(&source.path);
        let key = (path.clone(), source.text.as_ptr() as usize);
        let documents = self.documents;
        let moved = self.moved.entry(key).or_insert_with(|| {
            let now = &documents.open.get(&path)?.text;
            let is_same = **now == *source.text || now.contains('\r') && now.replace("\r\n", "\n") == *source.text;
            (!is_same).then(|| Moved::between(&source.text, now))
        });
        if let Some(moved) = moved {
            range.start.line = moved.line(range.start.line);
            range.end.line = range.start.line;
        }
        (path, range)
    }
}
