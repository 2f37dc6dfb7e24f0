//! The `images` of a kustomization: what they say, and where every key and value stands.

use std::collections::HashMap;
use std::ops::Range;

use crate::diag::{Diagnostic, Diagnostics};
use crate::release::Version;
use crate::release::diags::{codes, refuse};
use crate::source::{FileId, Span};
use crate::yaml::{self, Document, Kind, NodeId, Style};

/// The keys of an entry that say what an image is released as.
pub(super) const KEYS: [&str; 3] = ["newName", "newTag", "digest"];

/// An entry of `images` as the file says it: decoded texts; what is null or empty is `None`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The image's name in the manifests.
    pub name: String,
    /// The name that replaces it.
    pub new_name: Option<String>,
    /// The tag that replaces its own; may hold a digest too (`v1@sha256:…`).
    pub new_tag: Option<String>,
    /// The digest that replaces its own.
    pub digest: Option<String>,
    /// The whole entry, without the dash of its list.
    pub span: Span,
}

impl Entry {
    /// Tag and digest as Kustomize renders them: a digest within the tag counts, one of its own wins.
    pub fn version(&self) -> Version {
        let (tag, within) = match self.new_tag.as_deref().map(|tag| (tag, tag.split_once('@'))) {
            Some((_, Some((tag, digest)))) => (Some(tag).filter(|tag| !tag.is_empty()), Some(digest)),
            Some((tag, None)) => (Some(tag), None),
            None => (None, None),
        };
        let digest = self.digest.as_deref().or(within);
        Version { tag: tag.map(str::to_owned), digest: digest.map(str::to_owned) }
    }
}

/// All entries of `images`, in the file's order; none where the file has no `images`. Aliases and merge keys are followed.
/// An error where the text is not YAML, has several documents or a key twice, or where `images` is no list of mappings
/// with names.
pub fn entries(text: &str, file: FileId) -> Result<Vec<Entry>, Box<Diagnostic>> {
    let located = Located::read(text, file)?;
    located.items.iter().map(|item| located.entry(*item)).collect()
}

/// A key and its value, as bytes of the text.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) key: Range<usize>,
    /// Without an anchor or tag before it; empty, and behind the colon, where there is no value.
    pub(super) value: Range<usize>,
    pub(super) node: NodeId,
}

/// A kustomization that was read, with the places of its images.
#[derive(Debug)]
pub(super) struct Located<'a> {
    pub(super) text: &'a str,
    pub(super) document: Document,
    /// The value of `images`.
    pub(super) images: Option<NodeId>,
    /// The items of that list.
    pub(super) items: Vec<NodeId>,
    /// Nodes with an anchor that is used, and an alias that uses each.
    used: HashMap<NodeId, Span>,
}

impl<'a> Located<'a> {
    pub(super) fn read(text: &'a str, file: FileId) -> Result<Self, Box<Diagnostic>> {
        let span = |start: usize, end: usize| {
            let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            Span { file, start: offset(start), end: offset(end) }
        };
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            if ["<<<<<<< ", ">>>>>>> "].iter().any(|marker| line.starts_with(marker)) {
                let message = "the file holds the markers of a merge conflict";
                let refusal = refuse(&codes::KUSTOMIZATION, message, span(at, at + 7), "a marker");
                return Err(Box::new(refusal.help("resolve the merge conflict")));
            }
            at += line.len();
        }
        let mut diagnostics = Diagnostics::default();
        let mut documents = yaml::parse(text, file, &mut diagnostics);
        if let Some(wrong) = diagnostics.iter().next() {
            return Err(Box::new(wrong.clone()));
        }
        // A `---` at the end starts a document of nothing.
        documents.retain(|document| {
            let root = document.node(document.root());
            !matches!(&root.kind, Kind::Scalar { text, style: Style::Plain } if text.is_empty())
        });
        if let Some(second) = documents.get(1) {
            let message = "the file holds several documents, a kustomization is one";
            return Err(refuse(&codes::KUSTOMIZATION, message, second.span(second.root()), "the second one"));
        }
        let Some(document) = documents.pop() else {
            return Err(refuse(&codes::KUSTOMIZATION, "the kustomization is empty", span(0, 0), "no mapping"));
        };
        let root = document.node(document.root());
        let Kind::Mapping(pairs) = &root.kind else {
            return Err(refuse(&codes::KUSTOMIZATION, "the kustomization is no mapping", root.span, "no mapping"));
        };
        let is_images = |key: NodeId| document.text(key) == Some("images");
        let images = pairs.iter().find(|(key, _)| is_images(*key)).map(|(_, value)| *value);
        let items = match images.map(|images| document.resolve(images)) {
            Some(list) => match &list.kind {
                Kind::Sequence(items) => items.clone(),
                Kind::Scalar { .. } if images.and_then(|images| document.scalar(images)) == Some(yaml::Value::Null) => {
                    Vec::new()
                }
                _ => return Err(refuse(&codes::KUSTOMIZATION, "`images` is no list", list.span, "must be a list")),
            },
            None => Vec::new(),
        };
        let used = aliases(&document);
        Ok(Self { text, document, images, items, used })
    }

    /// What an item of the list says.
    pub(super) fn entry(&self, item: NodeId) -> Result<Entry, Box<Diagnostic>> {
        let node = self.document.resolve(item);
        let span = self.document.span(item);
        if !matches!(node.kind, Kind::Mapping(_)) {
            return Err(refuse(&codes::KUSTOMIZATION, "an entry of `images` is no mapping", span, "must be a mapping"));
        }
        let text = |key: &str| {
            let value = self.document.get(item, key)?;
            let is_null = self.document.scalar(value) == Some(yaml::Value::Null);
            self.document.text(value).filter(|text| !is_null && !text.is_empty()).map(str::to_owned)
        };
        let Some(name) = text("name") else {
            return Err(refuse(&codes::KUSTOMIZATION, "an entry of `images` has no name", span, "needs `name`"));
        };
        Ok(Entry { name, new_name: text("newName"), new_tag: text("newTag"), digest: text("digest"), span })
    }

    /// The item of a name.
    pub(super) fn find(&self, name: &str) -> Result<Option<NodeId>, Box<Diagnostic>> {
        let mut found = None;
        for item in &self.items {
            if self.entry(*item)?.name != name {
                continue;
            }
            if let Some(first) = found {
                let message = format!("`images` has two entries of the name `{name}`");
                let (again, first) = (self.document.span(*item), self.document.span(first));
                let refusal = refuse(&codes::DUPLICATE_ENTRY, message, again, "occurs again");
                return Err(Box::new(refusal.at(first, "first here").help("keep one of them")));
            }
            found = Some(*item);
        }
        Ok(found)
    }

    /// Whether the list may be changed: it counts in this place alone.
    pub(super) fn check_list(&self) -> Result<(), Box<Diagnostic>> {
        self.images.map_or(Ok(()), |images| self.own(images, "`images`"))
    }

    /// Whether an item may be changed: it counts in this place alone, and all its keys stand in it.
    pub(super) fn check_item(&self, item: NodeId) -> Result<(), Box<Diagnostic>> {
        self.check_list()?;
        self.own(item, "the entry")?;
        let merge = self.pairs(item).into_iter().find(|pair| pair.name == "<<" && pair.key.len() == 2);
        merge.map_or(Ok(()), |pair| {
            let span = self.place(&pair.key);
            let message = "the entry takes keys from elsewhere, by a merge key";
            Err(Box::new(refuse(&codes::SHARED_VALUE, message, span, "a merge key").help("write the keys out")))
        })
    }

    /// Refuses an alias, and what has aliases elsewhere.
    pub(super) fn own(&self, id: NodeId, what: &str) -> Result<(), Box<Diagnostic>> {
        let node = self.document.node(id);
        if let Kind::Alias(target) = node.kind {
            let refusal = refuse(&codes::SHARED_VALUE, format!("{what} is an alias"), node.span, "an alias");
            let refusal = refusal.at(self.document.span(target), "what it stands for");
            return Err(Box::new(refusal.help("write the value out in place of the alias")));
        }
        self.used.get(&id).map_or(Ok(()), |alias| {
            let message =
                format!("{what} has an anchor that is used elsewhere, so a change here would change it there");
            let refusal = refuse(&codes::SHARED_VALUE, message, node.span, "has an anchor").at(*alias, "used here");
            Err(Box::new(refusal.help("write the value out in place of the alias")))
        })
    }

    /// Keys and values of a mapping that is written out; none of anything else.
    pub(super) fn pairs(&self, mapping: NodeId) -> Vec<Pair> {
        let Kind::Mapping(pairs) = &self.document.node(mapping).kind else { return Vec::new() };
        let pair = |(key, node): &(NodeId, NodeId)| {
            let name = self.document.text(*key).unwrap_or_default().to_owned();
            let key = self.document.span(*key).range();
            let mut value = self.range(*node);
            if value.is_empty() {
                let blanks = self.text[key.end..].find(|char| char != ' ').unwrap_or(0);
                let colon = key.end + blanks;
                let at = if self.text[colon..].starts_with(':') { colon + 1 } else { key.end };
                value = at..at;
            }
            Pair { name, key, value, node: *node }
        };
        pairs.iter().map(pair).collect()
    }

    /// The bytes of a node, without the line breaks that end a block scalar.
    pub(super) fn range(&self, id: NodeId) -> Range<usize> {
        let range = self.document.span(id).range();
        let written = self.text.get(range.clone()).unwrap_or_default().trim_end().len();
        range.start..range.start + written
    }

    /// Whether a collection is written between braces or brackets. A block list may start where its first item does.
    pub(super) fn is_flow(&self, id: NodeId) -> bool {
        let node = self.document.node(id);
        let bracket = if matches!(node.kind, Kind::Sequence(_)) { '[' } else { '{' };
        self.text[node.span.range().start..].starts_with(bracket)
    }

    pub(super) fn place(&self, range: &Range<usize>) -> Span {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span { file: self.document.file, start: offset(range.start), end: offset(range.end) }
    }
}

/// Every node that an alias stands for.
fn aliases(document: &Document) -> HashMap<NodeId, Span> {
    let (mut open, mut used) = (vec![document.root()], HashMap::new());
    while let Some(id) = open.pop() {
        match &document.node(id).kind {
            Kind::Scalar { .. } => {}
            Kind::Sequence(items) => open.extend(items),
            Kind::Mapping(pairs) => open.extend(pairs.iter().flat_map(|(key, value)| [*key, *value])),
            Kind::Alias(target) => {
                used.entry(*target).or_insert_with(|| document.span(id));
            }
        }
    }
    used
}
