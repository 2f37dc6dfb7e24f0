//! Diagnostics and findings as a compiler shows them: a code frame for each place, then notes and help. The only module
//! that names annotate-snippets.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diag::{Diagnostic, Label, Severity};
use crate::report::place::Places;
use crate::report::visible::{self, is_hidden};
use crate::source::{FileId, SourceMap};

/// What is shown in one piece.
pub(super) struct Frame<'a> {
    pub(super) severity: Severity,
    /// In place of the severity's name.
    pub(super) title: Option<&'a str>,
    pub(super) id: &'a str,
    pub(super) message: &'a str,
    /// The line to edit comes first.
    pub(super) labels: &'a [Label],
    /// What stands below: a name such as `help`, and text.
    pub(super) notes: Vec<(&'static str, String)>,
}

/// One diagnostic as text, coloured or not, without a line feed at the end.
pub fn human(diagnostic: &Diagnostic, sources: &SourceMap, colour: bool) -> String {
    let help = diagnostic.help.iter().map(|help| ("help", help.clone()));
    let frame = Frame {
        severity: diagnostic.severity,
        title: None,
        id: diagnostic.code.id,
        message: &diagnostic.message,
        labels: &diagnostic.labels,
        notes: help.chain([("more", more(diagnostic.code.id))]).collect(),
    };
    frame.render(&Places::new(sources), colour)
}

/// The command that tells more.
pub(super) fn more(id: &str) -> String {
    format!("gitopsctl explain {id}")
}

impl Frame<'_> {
    /// As text, coloured or not, without a line feed at the end. Nothing from a file steers the terminal.
    pub(super) fn render(&self, places: &Places, colour: bool) -> String {
        let message = visible::lines(self.message);
        let mut group = Group::with_title(self.level().primary_title(&*message).id(visible::line(self.id)));
        for (file, labels) in by_file(self.labels) {
            let source = places.sources.file(file);
            // A frame shows one line of a place; the rest of a long value says nothing more.
            let shown = |label: &&(usize, &Label)| {
                let range = label.1.span.range();
                let text = source.text.get(range.clone()).unwrap_or_default();
                range.start..range.start + text.find('\n').unwrap_or(text.len())
            };
            let ranges: Vec<_> = labels.iter().map(|label| shown(&label)).collect();
            // The renderer looks at every line of what it is given, so it is given no more than it shows.
            let (start, end) = lines_around(&source.text, &ranges);
            let annotations = labels.iter().zip(ranges).map(|((index, label), range)| {
                let kind = if *index == 0 { AnnotationKind::Primary } else { AnnotationKind::Context };
                kind.span(range.start - start..range.end - start).label(visible::line(&label.text))
            });
            let first_line = places.position(file, start).line;
            let path = visible::line(&source.path);
            let snippet = Snippet::source(&source.text[start..end]).line_start(first_line).path(path);
            group = group.element(snippet.annotations(annotations));
        }
        for (name, text) in &self.notes {
            let level = if *name == "help" { Level::HELP } else { Level::NOTE.with_name(*name) };
            group = group.element(level.message(visible::lines(text)));
        }
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let text = renderer.render(&[group]);
        let text = if self.labels.is_empty() { without_gutter(&text, message.split('\n').count()) } else { text };
        // Lines of a file get here as they are. The renderer shows most of what is hidden there, but not all.
        text.replace(|char| is_hidden(char) && !char.is_ascii_control(), "\u{fffd}")
    }

    fn level(&self) -> Level<'_> {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
            Severity::Info => Level::INFO,
        };
        match self.title {
            Some(name) => Level::INFO.with_name(name),
            None => level,
        }
    }
}

/// Without a code frame, the gutter that leads to it is an empty line below the title.
fn without_gutter(text: &str, title: usize) -> String {
    let is_gutter = |index: usize, line: &str| index == title && line.contains('|');
    let lines = text.split('\n').enumerate().filter(|(index, line)| !is_gutter(*index, line));
    lines.map(|(_, line)| line).collect::<Vec<_>>().join("\n")
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

/// The labels of each file, with their numbers; the file of the line to edit comes first.
fn by_file(labels: &[Label]) -> Vec<(FileId, Vec<(usize, &Label)>)> {
    let mut files: Vec<(FileId, Vec<_>)> = Vec::new();
    for (index, label) in labels.iter().enumerate() {
        match files.iter_mut().find(|(file, _)| *file == label.span.file) {
            Some((_, labels)) => labels.push((index, label)),
            None => files.push((label.span.file, vec![(index, label)])),
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

    #[test]
    fn without_a_place_there_is_no_gutter() {
        let sources = SourceMap::default();
        let diagnostic = Diagnostic::warning(&CODE, "one\ntwo | three").help("do it");
        let expected = "\
warning[load/unknown-key]: one
                           two | three
 = help: do it
 = more: gitopsctl explain load/unknown-key";
        assert_eq!(human(&diagnostic, &sources, false), expected);
        let coloured = human(&diagnostic, &sources, true);
        assert_eq!(coloured.lines().count(), 4, "{coloured:?}");
    }

    #[test]
    fn nothing_from_a_file_steers_the_terminal() {
        let evil = "\u{1b}]0;owned\u{7}\u{9b}31m\u{202e}\r\u{2028}";
        let mut sources = SourceMap::default();
        let text = format!("a: {evil}\r\nb: {evil}\nc: \u{9b}x yz\n");
        let file = sources.add(format!("dir/{evil}\n.yaml"), text.clone());
        let span = |part: &str| {
            let start = u32::try_from(text.rfind(part).unwrap_or(0)).unwrap_or(0);
            Span { file, start, end: start + u32::try_from(part.len()).unwrap_or(0) }
        };
        let diagnostic = Diagnostic::error(&CODE, format!("message {evil}"))
            .at(span("yz"), format!("label\n{evil}"))
            .at(span("b: "), evil)
            .help(format!("help {evil}"));
        let plain = human(&diagnostic, &sources, false);
        assert!(!plain.contains(|char| is_hidden(char) && char != '\n'), "{plain:?}");
        let lines: Vec<_> = plain.lines().collect();
        assert_eq!(lines[0], "error[load/unknown-key]: message ␛]0;owned␇\\u{9b}31m\\u{202e}␍\\u{2028}");
        assert_eq!(lines[1], " --> dir/␛]0;owned␇\\u{9b}31m\\u{202e}␍\\u{2028}␊.yaml:3:7");
        // The mark stands below what it marks.
        let [source, mark] = ["3 | c: ", "^^ label␊␛"].map(|part| lines.iter().position(|line| line.contains(part)));
        let column = |line: Option<usize>, part: &str| {
            let line = lines.get(line?)?;
            Some(line[..line.find(part)?].chars().count())
        };
        assert_eq!(column(source, "yz"), column(mark, "^^"), "{plain}");
        let coloured = human(&diagnostic, &sources, true);
        let bare = coloured.split('\u{1b}').map(|part| part.split_once('m').map_or(part, |(_, rest)| rest));
        assert!(!coloured.contains("\u{1b}]") && !coloured.contains('\u{9b}'), "{coloured:?}");
        assert_eq!(bare.collect::<String>().matches("owned").count(), plain.matches("owned").count());
    }
}
