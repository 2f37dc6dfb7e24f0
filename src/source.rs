//! Where things stand: file ids, byte spans, and the way from a byte offset to line and column.
//!
//! In: the texts that stages read. Out: places that a person can open. Knows no format and no message.

use std::ops::Range;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// A file in a [`SourceMap`], by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

impl FileId {
    /// No file: for texts that are read back at once.
    pub const NONE: FileId = FileId(u32::MAX >> 1);

    /// The number of the file, for ways that only carry numbers.
    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The file of a number that [`FileId::number`] gave.
    pub(crate) fn numbered(number: u32) -> Self {
        Self(number)
    }
}

/// A range of bytes in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// The byte after the last one; equal to `start` where there is nothing, such as an empty value.
    pub end: u32,
}

impl Span {
    /// The span as a range of byte offsets.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Who set a value: a place in a file that was read, or a step of a build that changed it.
///
/// Eight bytes on every node. A place needs no table at all, so that reading a file costs nothing for it; a step is an
/// index into the table of [`Origins`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    /// The file's number, or [`Origin::STEP`] and an index.
    source: u32,
    /// Byte offset in the file; 0 for a step.
    at: u32,
}

impl Origin {
    const STEP: u32 = 1 << 31;

    /// Nobody: a value that the engine itself makes up before a step claims it.
    pub const NONE: Origin = Origin { source: u32::MAX, at: 0 };

    /// A place in a file.
    pub fn at(file: FileId, offset: u32) -> Self {
        Self { source: file.0, at: offset }
    }

    /// The place, where this is one.
    pub fn place(self) -> Option<(FileId, u32)> {
        (self.source & Self::STEP == 0).then_some((FileId(self.source), self.at))
    }

    fn index(self) -> Option<usize> {
        (self.source & Self::STEP != 0 && self != Self::NONE).then_some((self.source & !Self::STEP) as usize)
    }
}

/// A change that a step of a build made to one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change<Step> {
    /// Which step.
    pub step: Step,
    /// The place that says what to set: in a patch, in a kustomization.
    pub place: Origin,
    /// Who had set the value before.
    pub replaced: Origin,
}

/// The changes of a build, shared by all its threads; entries are only ever added.
#[derive(Debug)]
pub struct Origins<Step> {
    changes: Mutex<Vec<Change<Step>>>,
}

impl<Step> Default for Origins<Step> {
    fn default() -> Self {
        Self { changes: Mutex::new(Vec::new()) }
    }
}

impl<Step: Copy> Origins<Step> {
    /// Notes a change; the origin of the value it made.
    pub fn note(&self, change: Change<Step>) -> Origin {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let index = u32::try_from(changes.len()).unwrap_or(Origin::STEP) & !Origin::STEP;
        changes.push(change);
        Origin { source: Origin::STEP | index, at: 0 }
    }

    /// The change behind an origin, where a step made it.
    pub fn change(&self, origin: Origin) -> Option<Change<Step>> {
        let index = origin.index()?;
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).get(index).copied()
    }
}

/// Line and column of a place, both counted from 1; columns count characters, as editors do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// One text that was read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Relative to the repository root, with `/`.
    pub path: Arc<str>,
    /// The whole text.
    pub text: Arc<str>,
    /// Where it stands, if it is a value within another file.
    within: Option<Within>,
    /// The offsets at which its lines begin, once they were asked for: to count them anew for each line of a file of
    /// thousands takes longer than all builds.
    starts: OnceLock<Vec<u32>>,
}

impl SourceFile {
    fn new(path: Arc<str>, text: Arc<str>, within: Option<Within>) -> Self {
        Self { path, text, within, starts: OnceLock::new() }
    }

    /// What [`position_in`] says.
    fn position(&self, offset: usize) -> Position {
        let starts = self.starts.get_or_init(|| {
            let feeds = self.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
            std::iter::once(0).chain(feeds).map(|at| u32::try_from(at).unwrap_or(u32::MAX)).collect()
        });
        let offset = self.text.floor_char_boundary(offset);
        let line = starts.partition_point(|start| *start as usize <= offset).max(1);
        let start = starts.get(line - 1).map_or(0, |start| *start as usize);
        Position { line, column: self.text.get(start..offset).unwrap_or_default().chars().count() + 1 }
    }
}

/// Where a text stands in the file that holds it as a value.
#[derive(Clone, Debug)]
struct Within {
    file: FileId,
    /// The offset in that file at which each line of the text begins; one alone where the lines are not the same.
    lines: Vec<u32>,
}

/// All texts that a run has read, so that a span can be shown with its line.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    /// The id of the first file: above 0 in a map that continues another.
    first: u32,
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// An empty map whose ids go on where those of this one end: for work on a thread of its own, whose files
    /// [`SourceMap::absorb`] takes in afterwards.
    #[must_use]
    pub fn continuing(&self) -> Self {
        Self { first: self.first + u32::try_from(self.files.len()).unwrap_or(u32::MAX), files: Vec::new() }
    }

    /// Takes in the files of a map that continued this one; says how its spans are to be moved.
    pub fn absorb(&mut self, other: SourceMap) -> Move {
        let next = self.continuing().first;
        self.files.extend(other.files);
        Move { from: other.first, by: next - other.first }
    }

    /// Takes a text in and gives it an id. The same path may occur twice, as two revisions of a file.
    pub fn add(&mut self, path: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let id = self.next();
        self.files.push(SourceFile::new(path.into(), text.into(), None));
        id
    }

    /// Takes in a text that is the value at an offset of a file. [`SourceMap::outermost`] leads back there.
    pub fn add_within(&mut self, file: FileId, offset: u32, text: &str) -> FileId {
        let id = self.next();
        let (outer, outer_offset) = self.outermost(file, offset);
        let holder = self.file(outer);
        let path = holder.path.clone();
        let lines = lines_within(&holder.text, outer_offset, text);
        self.files.push(SourceFile::new(path, text.into(), Some(Within { file: outer, lines })));
        id
    }

    /// The place in a file of its own that a place in a text within it has.
    pub fn outermost(&self, file: FileId, offset: u32) -> (FileId, u32) {
        let source = self.file(file);
        let Some(within) = &source.within else { return (file, offset) };
        let before = source.text.get(..offset as usize).unwrap_or(&source.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count();
        let column = before.len() - before.rfind('\n').map_or(0, |at| at + 1);
        match (within.lines.len(), within.lines.get(line)) {
            (2.., Some(start)) => (within.file, start + u32::try_from(column).unwrap_or(0)),
            _ => (within.file, within.lines.first().copied().unwrap_or(0)),
        }
    }

    /// Whether the text at a place of a file was read as one of its own, such as a patch within a kustomization.
    pub fn is_within(&self, file: FileId, offset: u32) -> bool {
        self.files.iter().any(|inner| {
            let lines = inner.within.as_ref().filter(|within| within.file == file).map(|within| &within.lines[..]);
            let last = inner.text.lines().last().map_or(0, str::len);
            matches!(lines, Some([first, .., end]) if (*first..=*end + u32::try_from(last).unwrap_or(0)).contains(&offset))
        })
    }

    /// The id that the next file will get.
    pub(crate) fn next(&self) -> FileId {
        FileId(self.continuing().first)
    }

    /// The file of an id that this map gave.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[(id.0 - self.first) as usize]
    }

    /// Every file with its text, in the order in which they were read; texts within others are part of those.
    pub fn all(&self) -> impl Iterator<Item = (FileId, &str)> {
        let files = self.files.iter().zip(self.first..).filter(|(file, _)| file.within.is_none());
        files.map(|(file, id)| (FileId(id), &*file.text))
    }

    /// Line and column of a byte offset.
    pub fn position(&self, file: FileId, offset: u32) -> Position {
        let (file, offset) = self.outermost(file, offset);
        self.file(file).position(offset as usize)
    }

    /// The text that a span covers.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file).text.get(span.range()).unwrap_or_default()
    }
}

/// The offsets in a file at which the lines of a value begin. Only a literal text (`|`) has the same lines as its value.
fn lines_within(holder: &str, offset: u32, text: &str) -> Vec<u32> {
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let start = offset as usize;
    let rest = holder.get(start..).unwrap_or_default();
    let body = if rest.starts_with('|') {
        rest.find('\n').map(|header| start + header + 1)
    } else {
        // Readers take the first character of a literal text for its place.
        let line = holder[..start.min(holder.len())].rfind('\n').map_or(0, |at| at + 1);
        let before = holder[..line].trim_end().rsplit('\n').next().unwrap_or_default();
        let header = before.split(" #").next().unwrap_or_default().trim_end().trim_end_matches(['-', '+']);
        let header = header.trim_end_matches(|char: char| char.is_ascii_digit());
        (header.ends_with('|') && holder[line..start.min(holder.len())].trim().is_empty()).then_some(line)
    };
    let Some(body) = body else { return vec![offset] };
    let blank = |line: &str| line.trim().is_empty();
    let mut at = body;
    let (mut indent, mut left, mut starts) = (None, text.lines().count().max(1), Vec::new());
    for line in holder[body..].split_inclusive('\n') {
        let here = at;
        at += line.len();
        // Some readers cut empty lines off the value before they read it.
        if indent.is_none() && blank(line) && !text.starts_with('\n') {
            continue;
        }
        if !blank(line) && indent.is_none() {
            indent = Some(line.len() - line.trim_start().len());
        }
        starts.push(number(here + indent.unwrap_or(0).min(line.trim_end_matches(['\n', '\r']).len())));
        left -= 1;
        if left == 0 {
            break;
        }
    }
    starts
}

/// How spans move when a map is absorbed by the one it continued.
#[derive(Clone, Copy, Debug)]
pub struct Move {
    from: u32,
    by: u32,
}

impl Move {
    /// The span in the map that took the files in. Spans of files that were there before stay.
    pub fn apply(self, span: Span) -> Span {
        if span.file.0 < self.from { span } else { Span { file: FileId(span.file.0 + self.by), ..span } }
    }
}

/// Line and column of a byte offset in a text.
pub fn position_in(text: &str, offset: usize) -> Position {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Position {
        line: before.bytes().filter(|byte| *byte == b'\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_of_continued_maps_find_their_files() {
        let mut sources = SourceMap::default();
        let first = sources.add("first", "1");
        let (mut left, mut right) = (sources.continuing(), sources.continuing());
        let spans = [left.add("left", "2"), right.add("right", "3")].map(|file| Span { file, start: 0, end: 1 });
        let (moved_left, moved_right) = (sources.absorb(left), sources.absorb(right));
        assert_eq!(sources.text(moved_left.apply(spans[0])), "2");
        assert_eq!(sources.text(moved_right.apply(spans[1])), "3");
        assert_eq!(sources.text(moved_right.apply(Span { file: first, start: 0, end: 1 })), "1");
    }

    #[test]
    fn a_text_within_a_file_has_its_places_there() {
        let mut sources = SourceMap::default();
        let file = sources.add("k.yaml", "patches:\n- patch: |\n\n    - op: add\n      path: /é\n- patch: '[{}]'\n");
        let literal = sources.add_within(file, 18, "- op: add\n  path: /é\n");
        assert_eq!(sources.position(literal, 12), Position { line: 5, column: 7 });
        let quote = sources.file(file).text.find('\'').and_then(|at| u32::try_from(at).ok()).unwrap_or(0);
        let quoted = sources.add_within(file, quote, "[{}]");
        assert_eq!(sources.position(quoted, 2), Position { line: 6, column: 10 });
        assert_eq!(sources.all().count(), 1);
    }

    #[test]
    fn positions_are_those_that_counting_gives() {
        for text in ["", "a", "a: é\r\n日本: x\n\n", "\n\n", "no end: 🚀"] {
            let mut sources = SourceMap::default();
            let file = sources.add("f", text);
            for offset in 0..text.len() + 2 {
                let found = sources.position(file, u32::try_from(offset).unwrap_or(0));
                assert_eq!(found, position_in(text, offset), "{text:?} at {offset}");
            }
        }
    }

    #[test]
    fn columns_count_characters_and_lines_start_at_one() {
        let text = "a: é\nbé: x\n";
        assert_eq!(position_in(text, 0), Position { line: 1, column: 1 });
        assert_eq!(position_in(text, text.find('x').unwrap_or(0)), Position { line: 2, column: 5 });
        assert_eq!(position_in(text, 999), Position { line: 3, column: 1 });
    }
}
