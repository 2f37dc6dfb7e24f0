//! Text → [`Document`]s. The only place that names the parser crate.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

use crate::diag::{Diagnostic, Diagnostics};
use crate::source::{FileId, Span};
use crate::yaml::node::{Document, Kind, Node, NodeId, Style};

/// The codes of this stage.
pub mod codes {
    crate::diag::codes! {
        SYNTAX = "yaml/syntax", "The file is not YAML from this place on, so nothing of it can be used. Unbalanced quotes or brackets and a wrong indentation are the usual causes; a merge conflict's markers (`<<<<<<<`) are another.";
        DUPLICATE_KEY = "yaml/duplicate-key", "A mapping holds the same key twice. Parsers differ in which of the two they take, and Kustomize refuses the file. Keep one.";
        COMPLEX_KEY = "yaml/complex-key", "A key of a mapping is a list or a mapping itself. JSON, which all of this becomes, has texts as keys only.";
        ALIAS_CYCLE = "yaml/alias-cycle", "An alias (`*name`) stands inside the node that its anchor (`&name`) marks, so the value would hold itself without end.";
        TOO_LARGE = "yaml/too-large", "Aliases make the document larger than any real one, as an attack on parsers does. Write the values out, or use fewer aliases.";
    }
}

/// Reads all documents of a text. What is wrong is reported; a syntax error ends the reading, and the documents before it
/// are returned. A byte order mark is skipped.
pub fn parse(text: &str, file: FileId, diagnostics: &mut Diagnostics) -> Vec<Document> {
    // libyaml, which Kustomize's parser is, adds no line feed to a block scalar that the file's end cuts off.
    let options = granit_parser::options! {
        emit_comments: false,
        block_scalar_eof_without_line_feed: true,
    };
    let mut builder =
        Builder { text, file, documents: Vec::new(), nodes: Vec::new(), open: Vec::new(), anchors: HashMap::new() };
    for event in Parser::new_from_str_with_options(text, options) {
        match event {
            Ok((event, span)) => builder.event(event, span, diagnostics),
            Err(error) => {
                let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
                let conflict = text.lines().any(|line| line.starts_with("<<<<<<< "));
                let diagnostic = Diagnostic::error(&codes::SYNTAX, "the file is not valid YAML");
                let diagnostic = diagnostic.at(builder.span(at, at), error.info());
                diagnostics.push(if conflict {
                    diagnostic.help("resolve the merge conflict: the file holds its markers")
                } else {
                    diagnostic
                });
                break;
            }
        }
    }
    builder.documents
}

/// A collection that is not closed yet.
struct Open {
    id: NodeId,
    children: Vec<NodeId>,
}

struct Builder<'a> {
    text: &'a str,
    file: FileId,
    documents: Vec<Document>,
    nodes: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, NodeId>,
}

impl Builder<'_> {
    fn span(&self, start: usize, end: usize) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { file: self.file, start: offset(start), end: offset(end.max(start)) }
    }

    fn event(&mut self, event: Event<'_>, at: granit_parser::Span, diagnostics: &mut Diagnostics) {
        let range = at.byte_range().unwrap_or(0..0);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                // The parser gives an absent value as `~` with an empty span.
                let text = if range.is_empty() && style == ScalarStyle::Plain { "".into() } else { text };
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
                    ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                };
                let id = self.push(range, Kind::Scalar { text: text.into(), style }, anchor, tag.as_deref());
                self.place(id);
            }
            Event::Alias(anchor) => {
                let span = self.span(range.start, range.end);
                let target = self.anchors.get(&anchor).copied();
                let id = match target {
                    Some(target) if self.open.iter().any(|open| open.id == target) => {
                        diagnostics.push(
                            Diagnostic::error(
                                &codes::ALIAS_CYCLE,
                                "the alias stands inside the node that it refers to",
                            )
                            .at(span, "refers to a node around it"),
                        );
                        self.push(range, Kind::Scalar { text: "".into(), style: Style::Plain }, 0, None)
                    }
                    Some(target) => self.push(range, Kind::Alias(target), 0, None),
                    None => self.push(range, Kind::Scalar { text: "".into(), style: Style::Plain }, 0, None),
                };
                self.place(id);
            }
            Event::SequenceStart(_, anchor, tag) => {
                let id = self.push(range, Kind::Sequence(Vec::new()), anchor, tag.as_deref());
                self.open.push(Open { id, children: Vec::new() });
            }
            Event::MappingStart(_, anchor, tag) => {
                let id = self.push(range, Kind::Mapping(Vec::new()), anchor, tag.as_deref());
                self.open.push(Open { id, children: Vec::new() });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(range.end, diagnostics),
            Event::DocumentStart(..) => {
                self.nodes = Vec::new();
                self.anchors.clear();
            }
            _ => {}
        }
    }

    fn push(
        &mut self,
        range: std::ops::Range<usize>,
        kind: Kind,
        anchor: usize,
        tag: Option<&granit_parser::Tag>,
    ) -> NodeId {
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        let span = self.span(range.start, range.end);
        let tag = tag.map(|tag| format!("{}{}", tag.handle(), tag.suffix()).into());
        self.nodes.push(Node { span, kind, tag, anchored: anchor != 0 });
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        id
    }

    fn place(&mut self, id: NodeId) {
        match self.open.last_mut() {
            Some(open) => open.children.push(id),
            None => self.documents.push(Document { file: self.file, nodes: std::mem::take(&mut self.nodes), root: id }),
        }
    }

    /// Ends the innermost collection. A block collection has no last character of its own: it ends with its last child.
    fn close(&mut self, end: usize, diagnostics: &mut Diagnostics) {
        let Some(Open { id, children }) = self.open.pop() else { return };
        let index = id.0 as usize;
        let start = self.nodes[index].span.start as usize;
        let first = self.text.as_bytes().get(start);
        let is_flow = matches!(first, Some(b'{' | b'['));
        let last = children.last().map_or(start, |child| self.nodes[child.0 as usize].span.end as usize);
        self.nodes[index].span = self.span(start, if is_flow { end } else { last });
        self.nodes[index].kind = match self.nodes[index].kind {
            Kind::Mapping(_) => Kind::Mapping(self.pairs(&children, diagnostics)),
            _ => Kind::Sequence(children),
        };
        self.place(id);
    }

    /// The children of a mapping as pairs; a key that occurs again is reported and left out.
    fn pairs(&self, children: &[NodeId], diagnostics: &mut Diagnostics) -> Vec<(NodeId, NodeId)> {
        let mut seen: HashMap<&str, Span> = HashMap::with_capacity(children.len() / 2);
        let mut pairs = Vec::with_capacity(children.len() / 2);
        for pair in children.chunks_exact(2) {
            let key = &self.nodes[pair[0].0 as usize];
            if let Kind::Scalar { text, .. } = &key.kind {
                if let Some(first) = seen.get(&**text).filter(|_| **text != *"<<") {
                    diagnostics.push(
                        Diagnostic::error(&codes::DUPLICATE_KEY, format!("the key `{text}` occurs twice"))
                            .at(key.span, "occurs again")
                            .at(*first, "first here"),
                    );
                    continue;
                }
                seen.insert(text, key.span);
            }
            if matches!(key.kind, Kind::Sequence(_) | Kind::Mapping(_)) {
                let message = "a key is a list or a mapping";
                diagnostics.push(Diagnostic::error(&codes::COMPLEX_KEY, message).at(key.span, "must be a text"));
                continue;
            }
            pairs.push((pair[0], pair[1]));
        }
        pairs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceMap;

    fn parsed(text: &str) -> (SourceMap, Vec<Document>, Vec<String>) {
        let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
        let file = sources.add("a.yaml", text);
        let documents = parse(text, file, &mut diagnostics);
        let messages = diagnostics.iter().map(|d| format!("{}@{}", d.code.id, d.labels[0].span.start)).collect();
        (sources, documents, messages)
    }

    fn json(text: &str) -> String {
        let (_, documents, messages) = parsed(text);
        assert!(messages.is_empty(), "{messages:?}");
        documents
            .iter()
            .map(|d| d.to_json(d.root()).map_or("too large".to_owned(), |json| json.to_string()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn values_are_those_of_kustomizes_parser() {
        assert_eq!(json("a: 1\nb: [x, {c: }]\n---\n- \u{1F600}\n"), r#"{"a":1,"b":["x",{"c":null}]} ["😀"]"#);
        assert_eq!(json("a: |\n  b"), r#"{"a":"b"}"#);
        assert_eq!(json("\u{feff}a: 'b'\r\nc: d\r\n"), r#"{"a":"b","c":"d"}"#);
        assert_eq!(json("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\n"), r#"{"x":{"a":1,"b":2},"y":{"b":3,"a":1}}"#);
    }

    #[test]
    fn spans_cover_what_is_written() {
        let (sources, documents, _) = parsed("a:\n  b: \"x y\" # z\nc: [1, 2]\nd: &k v\n");
        let document = &documents[0];
        let text = |path: &[&str]| sources.text(document.span(document.deepest(path.iter().copied()).0)).to_owned();
        assert_eq!(text(&["a", "b"]), "\"x y\"");
        assert_eq!(text(&["a"]), "b: \"x y\"");
        assert_eq!(text(&["c"]), "[1, 2]");
        assert_eq!(text(&["c", "1"]), "2");
        assert_eq!(text(&["d"]), "v");
    }

    #[test]
    fn bad_documents_are_reported_at_their_place() {
        assert_eq!(parsed("a: 1\na: 2\n").2, ["yaml/duplicate-key@5"]);
        assert_eq!(parsed("a: [1\n").2.len(), 1);
        assert_eq!(parsed("a: &x\n  b: *x\n").2, ["yaml/alias-cycle@11"]);
        assert_eq!(parsed("a: *gone\n").2.len(), 1);
    }

    #[test]
    fn an_alias_bomb_stays_small_and_is_told() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..9 {
            let row = vec![format!("*a{}", level - 1); 10].join(", ");
            text += &format!("a{level}: &a{level} [{row}]\n");
        }
        let (_, documents, messages) = parsed(&text);
        assert!(messages.is_empty());
        assert_eq!(documents[0].to_json(documents[0].root()), None);
    }
}
