//! Diagnostics as a compiler shows them: a code frame for each place, then help. The only module that names
//! annotate-snippets.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diag::{Diagnostic, Severity};
use crate::source::{FileId, SourceMap};

/// One diagnostic as text, coloured or not, without a line feed at the end.
pub fn human(diagnostic: &Diagnostic, sources: &SourceMap, colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let mut group = Group::with_title(level.primary_title(&diagnostic.message).id(diagnostic.code.id));
    for (file, labels) in by_file(diagnostic) {
        let source = sources.file(file);
        // A frame shows one line of a place; the rest of a long value says nothing more.
        let shown = |index: &usize| {
            let range = diagnostic.labels[*index].span.range();
            let text = source.text.get(range.clone()).unwrap_or_default();
            range.start..range.start + text.find('\n').unwrap_or(text.len())
        };
        let ranges: Vec<_> = labels.iter().map(shown).collect();
        // The renderer looks at every line of what it is given, so it is given no more than it shows.
        let (start, end) = lines_around(&source.text, &ranges);
        let annotations = labels.iter().zip(ranges).map(|(index, range)| {
            let kind = if *index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            kind.span(range.start - start..range.end - start).label(diagnostic.labels[*index].text.as_str())
        });
        let first_line = 1 + source.text[..start].bytes().filter(|byte| *byte == b'\n').count();
        let snippet = Snippet::source(&source.text[start..end]).line_start(first_line).path(&*source.path);
        group = group.element(snippet.annotations(annotations));
    }
    for help in &diagnostic.help {
        group = group.element(Level::HELP.message(help));
    }
    let more = format!("gitopsctl explain {}", diagnostic.code.id);
    group = group.element(Level::NOTE.with_name("more").message(&more));
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let text = renderer.render(&[group]);
    if !diagnostic.labels.is_empty() {
        return text;
    }
    // Without a code frame, the gutter that leads to it is an empty line.
    let is_gutter = |line: &&str| line.contains('|') && !line.chars().any(|char| char == '=' || char == '`');
    let gutter = text.lines().skip(1).find(is_gutter).map(|line| format!("\n{line}"));
    gutter.map_or(text.clone(), |gutter| text.replacen(&gutter, "", 1))
}

/// Where the first line of some ranges starts and the last one ends.
fn lines_around(text: &str, ranges: &[std::ops::Range<usize>]) -> (usize, usize) {
    let first = ranges.iter().map(|range| range.start).min().unwrap_or(0).min(text.len());
    let last = ranges.iter().map(|range| range.end).max().unwrap_or(0).clamp(first, text.len());
    let bytes = text.as_bytes();
    let start = bytes[..first].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let end = bytes[last..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| last + at + 1);
    (start, end)
}

/// The labels of each file, by their numbers; the file of the line to edit comes first.
fn by_file(diagnostic: &Diagnostic) -> Vec<(FileId, Vec<usize>)> {
    let mut files: Vec<(FileId, Vec<usize>)> = Vec::new();
    for (index, label) in diagnostic.labels.iter().enumerate() {
        match files.iter_mut().find(|(file, _)| *file == label.span.file) {
            Some((_, labels)) => labels.push(index),
            None => files.push((label.span.file, vec![index])),
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diag::Code;
    use crate::source::Span;

    const CODE: Code = Code { id: "load/unknown-key", explanation: "" };

    #[test]
    fn a_diagnostic_reads_like_a_compilers() {
        let mut sources = SourceMap::default();
        let file = sources.add("services/a.yaml", "name: a\nport: 1\n");
        let diagnostic = Diagnostic::error(&CODE, "unknown key `port`")
            .at(Span { file, start: 8, end: 12 }, "not a key of this format")
            .near(Some("ports"));
        let expected = "\
error[load/unknown-key]: unknown key `port`
 --> services/a.yaml:2:1
  |
2 | port: 1
  | ^^^^ not a key of this format
  |
  = help: did you mean `ports`?
  = more: gitopsctl explain load/unknown-key";
        assert_eq!(human(&diagnostic, &sources, false), expected);
    }
}
