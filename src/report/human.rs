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
        let annotations = labels.into_iter().map(|index| {
            let label = &diagnostic.labels[index];
            let kind = if index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
            // A frame shows one line of a place; the rest of a long value says nothing more.
            let range = label.span.range();
            let text = source.text.get(range.clone()).unwrap_or_default();
            let length = text.find('\n').unwrap_or(text.len());
            kind.span(range.start..range.start + length).label(label.text.as_str())
        });
        group = group.element(Snippet::source(&*source.text).path(&*source.path).annotations(annotations));
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
