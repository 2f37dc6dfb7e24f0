//! The arena of nodes that a YAML document becomes. Aliases stay references, so a bomb stays small.

use std::collections::HashSet;

use crate::source::{FileId, Span};
use crate::yaml::scalar::{self, Value};

/// A node in its document's arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) u32);

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// `'…'` or `"…"`.
    Quoted,
    /// `|` or `>`.
    Block,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A scalar after escapes and folding.
    Scalar {
        /// The text.
        text: Box<str>,
        /// How it is written.
        style: Style,
    },
    /// A sequence of nodes.
    Sequence(Vec<NodeId>),
    /// Keys and values in the order of the file. Duplicate keys have been reported and left out.
    Mapping(Vec<(NodeId, NodeId)>),
    /// `*name`: the node that carries the anchor, which never holds the alias itself.
    Alias(NodeId),
}

/// One node.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// From its first to its last byte, quotes included.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
    /// A tag as resolved, such as `tag:yaml.org,2002:str`.
    pub tag: Option<Box<str>>,
    /// Whether an anchor makes it usable elsewhere.
    pub anchored: bool,
}

/// One YAML document.
#[derive(Clone, Debug)]
pub struct Document {
    /// The file it stands in.
    pub file: FileId,
    pub(super) nodes: Vec<Node>,
    pub(super) root: NodeId,
}

/// No decoded document is larger than this many nodes, aliases followed: what stops an alias bomb.
pub(super) const MOST_NODES: usize = 2_000_000;

impl Document {
    /// The outermost node.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// A node as it stands, aliases not followed.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// A node, aliases followed.
    pub fn resolve(&self, id: NodeId) -> &Node {
        match &self.node(id).kind {
            Kind::Alias(target) => self.resolve(*target),
            _ => self.node(id),
        }
    }

    /// Where a node stands.
    pub fn span(&self, id: NodeId) -> Span {
        self.node(id).span
    }

    /// The text of a scalar, whatever its type.
    pub fn text(&self, id: NodeId) -> Option<&str> {
        match &self.resolve(id).kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The value of a scalar, typed as go-yaml types it.
    pub fn scalar(&self, id: NodeId) -> Option<Value> {
        let node = self.resolve(id);
        match &node.kind {
            Kind::Scalar { text, style } => Some(scalar::resolve(text, *style, node.tag.as_deref())),
            _ => None,
        }
    }

    /// The items of a sequence; none for anything else.
    pub fn items(&self, id: NodeId) -> &[NodeId] {
        match &self.resolve(id).kind {
            Kind::Sequence(items) => items,
            _ => &[],
        }
    }

    /// Keys and values of a mapping with merge keys (`<<`) expanded: explicit keys win, and the first of a list wins.
    pub fn entries(&self, id: NodeId) -> Vec<(NodeId, NodeId)> {
        let Kind::Mapping(pairs) = &self.resolve(id).kind else { return Vec::new() };
        let is_merge =
            |key: NodeId| matches!(&self.node(key).kind, Kind::Scalar { text, style: Style::Plain } if **text == *"<<");
        if !pairs.iter().any(|(key, _)| is_merge(*key)) {
            return pairs.clone();
        }
        let mut entries: Vec<_> = pairs.iter().copied().filter(|(key, _)| !is_merge(*key)).collect();
        let mut seen: HashSet<_> = entries.iter().filter_map(|(key, _)| self.text(*key)).collect();
        for (_, value) in pairs.iter().filter(|(key, _)| is_merge(*key)) {
            let sources = match self.items(*value) {
                [] => vec![*value],
                items => items.to_vec(),
            };
            for (key, value) in sources.into_iter().flat_map(|source| self.entries(source)) {
                if self.text(key).is_some_and(|text| seen.insert(text)) {
                    entries.push((key, value));
                }
            }
        }
        entries
    }

    /// The value of a key of a mapping.
    pub fn get(&self, id: NodeId, key: &str) -> Option<NodeId> {
        self.entries(id).into_iter().find(|(name, _)| self.text(*name) == Some(key)).map(|(_, value)| value)
    }

    /// The key node and the value node of a key.
    pub fn entry(&self, id: NodeId, key: &str) -> Option<(NodeId, NodeId)> {
        self.entries(id).into_iter().find(|(name, _)| self.text(*name) == Some(key))
    }

    /// Follows a path of keys and indices as far as it goes: the last node that exists, and how many steps led to it.
    pub fn deepest<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> (NodeId, usize) {
        self.deepest_from(self.root, path)
    }

    /// [`Document::deepest`] from another node than the root.
    pub fn deepest_from<'a>(&self, start: NodeId, path: impl IntoIterator<Item = &'a str>) -> (NodeId, usize) {
        let (mut at, mut steps) = (start, 0);
        for step in path {
            let next = match &self.resolve(at).kind {
                Kind::Sequence(items) => step.parse::<usize>().ok().and_then(|index| items.get(index).copied()),
                Kind::Mapping(_) => self.get(at, step),
                _ => None,
            };
            let Some(next) = next else { break };
            (at, steps) = (next, steps + 1);
        }
        (at, steps)
    }

    /// The document as JSON, or `None` when aliases make it larger than any real document.
    pub fn to_json(&self, id: NodeId) -> Option<serde_json::Value> {
        let mut left = MOST_NODES;
        self.json(id, &mut left)
    }

    fn json(&self, id: NodeId, left: &mut usize) -> Option<serde_json::Value> {
        *left = left.checked_sub(1)?;
        let node = self.resolve(id);
        Some(match &node.kind {
            Kind::Scalar { text, style } => scalar::resolve(text, *style, node.tag.as_deref()).into(),
            Kind::Sequence(items) => items.iter().map(|item| self.json(*item, left)).collect::<Option<_>>()?,
            Kind::Mapping(_) => {
                let entries = self.entries(id);
                let pairs = entries.into_iter().map(|(key, value)| {
                    let key = self.text(key).unwrap_or_default().to_owned();
                    Some((key, self.json(value, left)?))
                });
                serde_json::Value::Object(pairs.collect::<Option<_>>()?)
            }
            Kind::Alias(_) => return None, // `resolve` has followed it
        })
    }
}
