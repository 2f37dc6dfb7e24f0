//! Replacing byte ranges of a text, and where its lines start and end.

use std::ops::Range;

/// Replacements that are made at once; ranges are of the text before.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, String)>);

impl Edits {
    pub(super) fn replace(&mut self, range: Range<usize>, text: impl Into<String>) {
        self.0.push((range, text.into()));
    }

    pub(super) fn insert(&mut self, at: usize, text: impl Into<String>) {
        self.replace(at..at, text);
    }

    pub(super) fn remove(&mut self, range: Range<usize>) {
        self.replace(range, "");
    }

    /// The text afterwards; `None` where two replacements overlap. What is removed may: two lines at a file's end share
    /// the line break between them.
    pub(super) fn apply(mut self, text: &str) -> Option<String> {
        // Stable: what is inserted at one place stays in its order, and comes before what is removed from there on.
        self.0.sort_by_key(|(range, _)| (range.start, range.end));
        let (mut out, mut at, mut only_removed) = (String::with_capacity(text.len() + 128), 0, true);
        for (range, with) in self.0 {
            let overlaps = range.start < at;
            if overlaps && !(only_removed && with.is_empty()) {
                return None;
            }
            if !overlaps {
                out.push_str(text.get(at..range.start)?);
                only_removed = true;
            }
            only_removed &= with.is_empty();
            out.push_str(&with);
            at = at.max(range.end);
        }
        out.push_str(text.get(at..)?);
        Some(out)
    }
}

/// The first byte of the line around a byte.
pub(super) fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |feed| feed + 1)
}

/// Where the line around a byte ends, its line break not counted.
pub(super) fn line_end(text: &str, at: usize) -> usize {
    match text[at..].find('\n') {
        Some(feed) if feed > 0 && text.as_bytes()[at + feed - 1] == b'\r' => at + feed - 1,
        Some(feed) => at + feed,
        None => text.len(),
    }
}

/// The first byte of the line after the one around a byte; the text's length where there is none.
pub(super) fn next_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |feed| at + feed + 1)
}

/// What a line is broken with: the line around a byte, else the first line of the text.
pub(super) fn line_break(text: &str, at: usize) -> &'static str {
    let breaks = |end: usize| match &text.as_bytes()[end..] {
        [b'\r', b'\n', ..] => Some("\r\n"),
        [b'\n', ..] => Some("\n"),
        _ => None,
    };
    breaks(line_end(text, at)).or_else(|| breaks(line_end(text, 0))).unwrap_or("\n")
}

/// What stands before a byte on its line.
pub(super) fn before_on_line(text: &str, at: usize) -> &str {
    &text[line_start(text, at)..at]
}

/// Whether there is nothing but blanks.
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t'))
}

/// The bytes of whole lines from one that holds `start` to one that holds `end`. At the end of a text without a last line
/// break, the break before the lines goes with them.
pub(super) fn whole_lines(text: &str, start: usize, end: usize) -> Range<usize> {
    let (first, content, next) = (line_start(text, start), line_end(text, end), next_line(text, end));
    if next > content || first == 0 {
        return first..next;
    }
    line_end(text, line_start(text, first - 1))..next
}
