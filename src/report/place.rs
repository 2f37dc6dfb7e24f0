//! Where a label points, as formats write it: file, line and column.

use std::cell::RefCell;

use rustc_hash::FxHashMap;

use crate::diag::{Finding, Label};
use crate::source::{FileId, Position, SourceMap, Span};

/// A span as a person reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    /// The path of the file.
    pub(super) file: &'a str,
    /// Its first character.
    pub(super) start: Position,
    /// The one after its last.
    pub(super) end: Position,
}

/// Finds places. Remembers where the lines of a file start: many findings may point into one long stream of manifests.
pub(super) struct Places<'a> {
    /// The files.
    pub(super) sources: &'a SourceMap,
    starts: RefCell<FxHashMap<FileId, Vec<usize>>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(sources: &'a SourceMap) -> Self {
        Self { sources, starts: RefCell::default() }
    }

    pub(super) fn of(&self, span: Span) -> Place<'a> {
        let Span { file, start, end } = span;
        Place {
            file: &self.sources.file(file).path,
            start: self.position(file, start as usize),
            end: self.position(file, end as usize),
        }
    }

    /// The line to edit.
    pub(super) fn primary(&self, finding: &Finding) -> Option<Place<'a>> {
        finding.labels.first().map(|label| self.of(label.span))
    }

    /// The further places.
    pub(super) fn related<'f>(&self, finding: &'f Finding) -> impl Iterator<Item = (&'f Label, Place<'a>)> {
        finding.labels.iter().skip(1).map(|label| (label, self.of(label.span)))
    }

    /// What [`SourceMap::position`] says, without reading the file from its start each time.
    pub(super) fn position(&self, file: FileId, offset: usize) -> Position {
        let text = &*self.sources.file(file).text;
        let mut starts = self.starts.borrow_mut();
        let starts = starts.entry(file).or_insert_with(|| {
            let feeds = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(feeds.map(|(at, _)| at + 1)).collect()
        });
        let offset = text.floor_char_boundary(offset);
        let line = starts.partition_point(|start| *start <= offset);
        Position { line, column: text[starts[line - 1]..offset].chars().count() + 1 }
    }
}

/// A path for what has no place, in formats whose readers refuse a whole report for one finding without a path.
pub(super) fn stand_in(finding: &Finding) -> &str {
    let overlay = finding.overlays.iter().find(|overlay| !matches!(overlay.as_str(), "" | "."));
    overlay.map_or("gitopsctl.yaml", |overlay| overlay.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_of_the_source_map() {
        for text in ["", "a", "a: é\r\n日本: x\n\n", "\n\n", "no end: 🚀"] {
            let mut sources = SourceMap::default();
            let file = sources.add("f", text);
            let places = Places::new(&sources);
            for offset in 0..text.len() + 2 {
                let expected = sources.position(file, u32::try_from(offset).unwrap_or(0));
                assert_eq!(places.position(file, offset), expected, "{text:?} at {offset}");
            }
        }
    }
}
