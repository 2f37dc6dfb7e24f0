//! Text → [`Datum`]s, as Kustomize reads manifests: documents split at `---` lines, tags resolved as go-yaml v3 does,
//! aliases copied out, merge keys expanded.

use std::collections::HashMap;

use compact_str::CompactString;
use granit_parser::{Event, Parser, ScalarStyle};

use crate::source::{FileId, Origin, Span};
use crate::yaml::data::{Content, Datum, Quoting, Tag};
use crate::yaml::{everyday, scalar};

/// Why a text is no manifest, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    /// The place.
    pub span: Span,
    /// What is wrong there; lower case, no full stop.
    pub message: String,
    /// Whether the text is no YAML at all, rather than YAML that cannot be used.
    pub malformed: bool,
}

/// A document, expanded: what stops an alias bomb. No manifest of the
/// public repositories of the corpus comes near it.
const MOST_NODES: usize = 600_000;

/// All documents of a file together.
const MOST_NODES_OF_A_FILE: usize = 2 * MOST_NODES;

/// Containers within containers: what go-yaml takes, and far beyond any manifest.
const DEEPEST: usize = 250;

/// The documents of a manifest file. Of each piece between two `---` lines only the first document counts.
pub fn documents(text: &str, file: FileId) -> Result<Vec<Datum>, LoadError> {
    let mut documents = Vec::new();
    let mut nodes = 0;
    for (start, end) in pieces(text, file)? {
        if let Some(document) = first_document(&text[start..end], start, file)? {
            // Counting takes time, and a small file cannot hold too many.
            nodes += if text.len() < MOST_NODES_OF_A_FILE { 0 } else { document.count() };
            if nodes > MOST_NODES_OF_A_FILE {
                let span = Span { file, start: offset(start), end: offset(start) };
                let message = "the documents of the file are together larger than any real ones".to_owned();
                return Err(LoadError { span, message, malformed: false });
            }
            documents.push(document);
        }
    }
    Ok(documents)
}

/// The first document of a text, whatever follows it.
pub fn first_document(text: &str, base: usize, file: FileId) -> Result<Option<Datum>, LoadError> {
    if let Some(document) = everyday::document(text, base, file, MOST_NODES) {
        return Ok(Some(document));
    }
    general_document(text, base, file)
}

/// [`first_document`] by way of the general parser alone, for tests that hold the other reader against it.
pub fn general_document(text: &str, base: usize, file: FileId) -> Result<Option<Datum>, LoadError> {
    let options = granit_parser::options! {
        emit_comments: false,
        block_scalar_eof_without_line_feed: true,
    };
    let mut builder = Builder { text, base, file, stack: Vec::new(), anchors: HashMap::new(), nodes: 0 };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| {
            let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
            LoadError { span: builder.span(at, at), message: error.info().clone(), malformed: true }
        })?;
        if let Some(document) = builder.event(event, span)? {
            return Ok(Some(document));
        }
    }
    Ok(None)
}

/// Where the pieces of a text start and end. A separator is a line that starts with `---` and has a line before it.
fn pieces(text: &str, file: FileId) -> Result<Vec<(usize, usize)>, LoadError> {
    let mut pieces = Vec::new();
    let (mut start, mut from) = (0, 0);
    while let Some(at) = text[from..].find("\n---").map(|at| from + at) {
        let Some(end) = text[at + 4..].find('\n').map(|end| at + 4 + end) else { break };
        let rest = text[at + 4..end].trim();
        if !rest.is_empty() && !rest.starts_with('#') {
            let span = Span { file, start: offset(at + 1), end: offset(end) };
            let message = "a document separator with text behind it".to_owned();
            return Err(LoadError { span, message, malformed: false });
        }
        pieces.push((start, at + 1));
        start = end + 1;
        from = start;
    }
    pieces.push((start, text.len()));
    Ok(pieces)
}

/// What follows the first line that separates documents.
pub fn after_first_separator(text: &str) -> Option<&str> {
    let at = if text.starts_with("---") { 0 } else { text.find("\n---")? + 1 };
    text[at..].split_once('\n').map(|(_, rest)| rest)
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

enum Frame {
    Sequence { node: Datum, anchor: usize },
    Mapping { node: Datum, anchor: usize, key: Option<Datum>, flow: bool },
}

struct Builder<'a> {
    text: &'a str,
    base: usize,
    file: FileId,
    stack: Vec<Frame>,
    anchors: HashMap<usize, Datum>,
    nodes: usize,
}

impl Builder<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        Span { file: self.file, start: offset(self.base + start), end: offset(self.base + end.max(start)) }
    }

    fn refuse(&self, at: usize, message: &str) -> LoadError {
        LoadError { span: self.span(at, at), message: message.to_owned(), malformed: false }
    }

    fn event(&mut self, event: Event<'_>, at: granit_parser::Span) -> Result<Option<Datum>, LoadError> {
        let range = at.byte_range().unwrap_or(0..0);
        let origin = Origin::at(self.file, offset(self.base + range.start));
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                // The parser gives an absent value as `~` with an empty span.
                let absent = range.is_empty() && style == ScalarStyle::Plain;
                let text = if absent { "" } else { &*text };
                let quoting = quoting(style);
                let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()));
                let mut node = self.scalar(text, quoting, tag.as_deref(), origin, range.start)?;
                // Between braces nothing is written back as quotes with nothing in them.
                if absent && matches!(self.stack.last(), Some(Frame::Mapping { flow: true, .. })) {
                    node.quoting = Quoting::Single;
                }
                if anchor != 0 {
                    self.anchors.insert(anchor, node.clone());
                }
                self.place(node, range.start)
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor) else {
                    return Err(self.refuse(range.start, "the alias stands inside the node that it refers to"));
                };
                let node = node.clone();
                self.nodes += node.count();
                if self.nodes > MOST_NODES {
                    return Err(self.refuse(range.start, "aliases make the document larger than any real one"));
                }
                self.place(node, range.start)
            }
            Event::SequenceStart(_, anchor, _) => {
                let mut node = Datum::sequence(origin);
                if self.text[range.start..].starts_with('[') {
                    node.quoting = Quoting::Flow;
                }
                self.open(Frame::Sequence { node, anchor }, range.start)
            }
            Event::MappingStart(_, anchor, _) => {
                let flow = self.text[range.start..].starts_with('{');
                let mut node = Datum::mapping(origin);
                if flow {
                    node.quoting = Quoting::Flow;
                }
                self.open(Frame::Mapping { node, anchor, key: None, flow }, range.start)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.stack.pop() {
                Some(Frame::Sequence { node, anchor }) => self.close(node, anchor, range.start),
                Some(Frame::Mapping { node, anchor, .. }) => {
                    let node = self.merged(node, range.start)?;
                    self.close(node, anchor, range.start)
                }
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    fn open(&mut self, frame: Frame, at: usize) -> Result<Option<Datum>, LoadError> {
        if self.stack.len() >= DEEPEST {
            return Err(self.refuse(at, "the document is nested deeper than any real one"));
        }
        self.stack.push(frame);
        Ok(None)
    }

    fn close(&mut self, node: Datum, anchor: usize, at: usize) -> Result<Option<Datum>, LoadError> {
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        self.place(node, at)
    }

    /// Puts a finished node into the container around it; without one it is the document.
    fn place(&mut self, node: Datum, at: usize) -> Result<Option<Datum>, LoadError> {
        self.nodes += 1;
        if self.nodes > MOST_NODES {
            return Err(self.refuse(at, "the document is larger than any real one"));
        }
        match self.stack.last_mut() {
            None => return Ok(Some(node)),
            Some(Frame::Sequence { node: around, .. }) => {
                if let Content::Sequence(items) = &mut around.content {
                    items.push(node);
                }
            }
            Some(Frame::Mapping { node: around, key, .. }) => match key.take() {
                None => *key = Some(node),
                Some(key) => around.push(key, node),
            },
        }
        Ok(None)
    }

    fn scalar(
        &self,
        text: &str,
        quoting: Quoting,
        tag: Option<&str>,
        origin: Origin,
        at: usize,
    ) -> Result<Datum, LoadError> {
        let written = tag.map(|tag| tag.strip_prefix("tag:yaml.org,2002:").or(tag.strip_prefix("!!")).unwrap_or("!"));
        let tag = match written {
            None if quoting != Quoting::Plain => Tag::Str,
            None => scalar::tag(text),
            Some("str") => Tag::Str,
            Some("int") => Tag::Int,
            Some("float") => Tag::Float,
            Some("bool") => Tag::Bool,
            Some("null") => Tag::Null,
            Some("timestamp") => Tag::Timestamp,
            Some("binary") => Tag::Binary,
            Some("merge") => Tag::Merge,
            Some(_) => Tag::Other,
        };
        // A tag that is written out decides, whatever the quotes say.
        let is_plain = written.is_some_and(|tag| matches!(tag, "int" | "float" | "bool" | "null" | "timestamp"));
        if quoting == Quoting::Double && self.text[at..].starts_with('"') && lone_surrogate(&self.text[at..]) {
            return Err(self.refuse(at, "an escaped surrogate, which is no character: write `\\U0001F600`"));
        }
        let quoting = if is_plain { Quoting::Plain } else { quoting };
        Ok(Datum { content: Content::Scalar(CompactString::new(text)), origin, tag, quoting, shared: 0 })
    }

    /// Expands `<<`: own keys win over those that come in, and earlier maps of a list over later ones.
    fn merged(&self, mut node: Datum, at: usize) -> Result<Datum, LoadError> {
        let is_merge = |key: &Datum| key.tag == Tag::Merge && key.text() == "<<";
        let Content::Mapping(pairs) = &mut node.content else { return Ok(node) };
        if !pairs.iter().any(|(key, _)| is_merge(key)) {
            return Ok(node);
        }
        let (merges, own): (Vec<_>, Vec<_>) = std::mem::take(pairs).into_iter().partition(|(key, _)| is_merge(key));
        if merges.len() > 1 {
            return Err(self.refuse(at, "a mapping with two merge keys (`<<`)"));
        }
        *pairs = own;
        let sources = merges.into_iter().flat_map(|(_, value)| match value.content {
            Content::Sequence(items) => items,
            _ => vec![value],
        });
        for source in sources {
            let Content::Mapping(incoming) = source.content else {
                return Err(self.refuse(at, "a merge key (`<<`) whose value is no mapping"));
            };
            for (key, value) in incoming {
                if !pairs.iter().any(|(name, _)| name.text() == key.text()) {
                    pairs.push((key, value));
                }
            }
        }
        Ok(node)
    }
}

fn quoting(style: ScalarStyle) -> Quoting {
    match style {
        ScalarStyle::Plain => Quoting::Plain,
        ScalarStyle::SingleQuoted => Quoting::Single,
        ScalarStyle::DoubleQuoted => Quoting::Double,
        ScalarStyle::Literal => Quoting::Literal,
        ScalarStyle::Folded => Quoting::Folded,
    }
}

/// Whether a double quoted scalar holds `\uD800` to `\uDFFF`, which go-yaml refuses.
fn lone_surrogate(quoted: &str) -> bool {
    let bytes = quoted.as_bytes();
    let mut at = 1;
    while at < bytes.len() && bytes[at] != b'"' {
        if bytes[at] == b'\\' {
            if bytes.get(at + 1) == Some(&b'u')
                && matches!(bytes.get(at + 2), Some(b'd' | b'D'))
                && matches!(bytes.get(at + 3), Some(b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F'))
            {
                return true;
            }
            at += 1;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the texts are in the everyday subset; all of those must read as the general parser reads them.
    fn compared<'a>(texts: impl IntoIterator<Item = &'a str>) -> usize {
        let file = FileId::NONE;
        let mut everyday = 0;
        for text in texts {
            let Some(fast) = everyday::document(text, 7, file, MOST_NODES) else { continue };
            everyday += 1;
            match general_document(text, 7, file) {
                Ok(Some(general)) if general == fast => {}
                other => {
                    let (fast, other) = (format!("{fast:?}"), format!("{other:?}"));
                    let same = fast.chars().rev().zip(other.chars().rev()).take_while(|(a, b)| a == b).count();
                    let end =
                        |text: &str| text.chars().rev().skip(same.saturating_sub(40)).take(400).collect::<String>();
                    let end = |text: &str| end(text).chars().rev().collect::<String>();
                    panic!("{text}\nread as    …{}\nrather than …{}", end(&fast), end(&other));
                }
            }
        }
        everyday
    }

    fn manifests(folder: &std::path::Path, texts: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                manifests(&path, texts);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                texts.extend(std::fs::read_to_string(path).ok());
            }
        }
    }

    /// Numbers that look random and are the same each time.
    struct Dice(u64);

    impl Dice {
        fn roll(&mut self, sides: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % sides as u64).unwrap_or(0)
        }
    }

    #[test]
    fn the_everyday_subset_reads_as_the_general_parser_reads_it() {
        let mut texts = Vec::new();
        manifests(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"), &mut texts);
        let pieces: Vec<&str> = texts
            .iter()
            .flat_map(|text| {
                pieces(text, FileId::NONE).unwrap_or_default().into_iter().map(|(from, to)| &text[from..to])
            })
            .collect();
        let everyday = compared(pieces.iter().copied());
        assert!(everyday * 2 > pieces.len(), "only {everyday} of {} texts are everyday", pieces.len());

        let parts = [
            " ", "  ", "\n", "-", "- ", ": ", ":", "#", " #", "\"", "'", "|", "|-", "|+", ">", "{}", "[]", "a", "b: 1",
            "\t", "~", "null", "---", "...", "&x", "*x", "!t", "?", "? ", "<<", ",", "é", "\u{2028}", "%", "@", "1.0",
            "\\",
        ];
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
        let small: Vec<&str> = pieces.into_iter().filter(|piece| !piece.is_empty() && piece.len() < 2000).collect();
        let rounds = std::env::var("GITOPSCTL_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(30_000);
        let mut everyday = 0;
        for _ in 0..rounds {
            let mut text = small[dice.roll(small.len())].to_owned();
            for _ in 0..=dice.roll(3) {
                let mut at = dice.roll(text.len() + 1);
                while !text.is_char_boundary(at) {
                    at -= 1;
                }
                if dice.roll(3) == 0 {
                    let mut end = (at + 1 + dice.roll(6)).min(text.len());
                    while !text.is_char_boundary(end) {
                        end += 1;
                    }
                    text.replace_range(at..end, "");
                } else {
                    text.insert_str(at, parts[dice.roll(parts.len())]);
                }
            }
            everyday += compared([&*text]);
        }
        assert!(everyday * 5 > rounds, "only {everyday} of {rounds} changed texts are everyday");
    }
}
