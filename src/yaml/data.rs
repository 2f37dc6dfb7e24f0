//! The tree that a build works on: a document as data, with raw text, tag and style of every scalar, and its origin.
//!
//! Kustomize keeps go-yaml's nodes through the whole build and types them only at the end, so the text, the tag and the
//! quotes that a person wrote decide what merges and replacements make of a value.

use compact_str::CompactString;

use crate::source::Origin;

/// A tag as go-yaml v3 resolves it when it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Tag {
    /// None yet: made by a transformer, typed by its text when it is printed.
    #[default]
    Empty,
    /// `!!null`
    Null,
    /// `!!bool`
    Bool,
    /// `!!str`
    Str,
    /// `!!int`
    Int,
    /// `!!float`
    Float,
    /// `!!timestamp`
    Timestamp,
    /// `!!binary`
    Binary,
    /// `!!merge`, of a plain `<<`
    Merge,
    /// `!!map`
    Map,
    /// `!!seq`
    Seq,
    /// Any other: a local one, which means nothing to Kustomize.
    Other,
}

/// How a scalar was written; it survives a merge, and then decides the type of the value that came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Quoting {
    /// Without quotes.
    #[default]
    Plain,
    /// `'…'`
    Single,
    /// `"…"`
    Double,
    /// `|`
    Literal,
    /// `>`
    Folded,
    /// Of a collection: between braces or brackets.
    Flow,
}

impl Quoting {
    /// Whether it makes a string of any scalar.
    pub fn is_quoted(self) -> bool {
        !matches!(self, Self::Plain | Self::Flow)
    }
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A text, after escapes and folding.
    Scalar(CompactString),
    /// Items.
    Sequence(Vec<Datum>),
    /// Keys and values, in order; keys may repeat, as in the file.
    Mapping(Vec<(Datum, Datum)>),
}

/// A node of a document as data.
#[derive(Clone, Debug, PartialEq)]
pub struct Datum {
    /// What it holds.
    pub content: Content,
    /// Who set it.
    pub origin: Origin,
    /// Its type as far as it is known.
    pub tag: Tag,
    /// How it was written.
    pub quoting: Quoting,
    /// Above 0: what is set here is set in every place of the resource with the same number. Kustomize puts one node
    /// into several places when it sets labels and annotations, and so changes them all when it changes one later.
    pub shared: u32,
}

impl Datum {
    /// A text whose type is open until it is printed.
    pub fn open(text: impl AsRef<str>, origin: Origin) -> Self {
        Self {
            content: Content::Scalar(CompactString::new(text)),
            origin,
            tag: Tag::Empty,
            quoting: Quoting::Plain,
            shared: 0,
        }
    }

    /// A text that is a string, whatever it looks like.
    pub fn string(text: impl AsRef<str>, origin: Origin) -> Self {
        Self { tag: Tag::Str, ..Self::open(text, origin) }
    }

    /// An explicit null.
    pub fn null(origin: Origin) -> Self {
        Self { tag: Tag::Null, ..Self::open("null", origin) }
    }

    /// An empty mapping.
    pub fn mapping(origin: Origin) -> Self {
        Self { content: Content::Mapping(Vec::new()), origin, tag: Tag::Map, quoting: Quoting::Plain, shared: 0 }
    }

    /// An empty sequence.
    pub fn sequence(origin: Origin) -> Self {
        Self { content: Content::Sequence(Vec::new()), origin, tag: Tag::Seq, quoting: Quoting::Plain, shared: 0 }
    }

    /// The raw text of a scalar; a collection has none, and go-yaml then reads an empty one.
    pub fn text(&self) -> &str {
        match &self.content {
            Content::Scalar(text) => text,
            _ => "",
        }
    }

    /// The text where this is a scalar.
    pub fn as_text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a scalar.
    pub fn is_scalar(&self) -> bool {
        matches!(self.content, Content::Scalar(_))
    }

    /// Whether it is a mapping.
    pub fn is_mapping(&self) -> bool {
        matches!(self.content, Content::Mapping(_))
    }

    /// Whether it is a sequence.
    pub fn is_sequence(&self) -> bool {
        matches!(self.content, Content::Sequence(_))
    }

    /// Whether it is a null.
    pub fn is_null(&self) -> bool {
        self.tag == Tag::Null
    }

    /// Whether it is null, `{}` or `[]`.
    pub fn is_empty(&self) -> bool {
        match &self.content {
            _ if self.is_null() => true,
            Content::Scalar(_) => false,
            Content::Sequence(items) => items.is_empty(),
            Content::Mapping(pairs) => pairs.is_empty(),
        }
    }

    /// Whether Kustomize takes it for a string: tagged so, or not tagged yet.
    pub fn is_string(&self) -> bool {
        self.is_scalar() && matches!(self.tag, Tag::Str | Tag::Empty)
    }

    /// The pairs of a mapping; none of anything else.
    pub fn pairs(&self) -> &[(Datum, Datum)] {
        match &self.content {
            Content::Mapping(pairs) => pairs,
            _ => &[],
        }
    }

    /// The items of a sequence; none of anything else.
    pub fn items(&self) -> &[Datum] {
        match &self.content {
            Content::Sequence(items) => items,
            _ => &[],
        }
    }

    /// The pairs of a mapping, to change.
    pub fn pairs_mut(&mut self) -> Option<&mut Vec<(Datum, Datum)>> {
        match &mut self.content {
            Content::Mapping(pairs) => Some(pairs),
            _ => None,
        }
    }

    /// The items of a sequence, to change.
    pub fn items_mut(&mut self) -> Option<&mut Vec<Datum>> {
        match &mut self.content {
            Content::Sequence(items) => Some(items),
            _ => None,
        }
    }

    /// The value of the first pair with this key.
    pub fn get(&self, key: &str) -> Option<&Datum> {
        self.pairs().iter().find(|(name, _)| name.text() == key).map(|(_, value)| value)
    }

    /// The value of the first pair with this key, to change.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Datum> {
        self.pairs_mut()?.iter_mut().find(|(name, _)| name.text() == key).map(|(_, value)| value)
    }

    /// The value at a path of keys.
    pub fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Datum> {
        path.into_iter().try_fold(self, |node, key| node.get(key))
    }

    /// The text of the value of a key; empty where there is none, or where it is no scalar or null.
    pub fn text_of(&self, key: &str) -> &str {
        self.get(key).filter(|value| !value.is_empty()).map_or("", Datum::text)
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &str) -> Option<Datum> {
        let pairs = self.pairs_mut()?;
        let at = pairs.iter().position(|(name, _)| name.text() == key)?;
        Some(pairs.remove(at).1)
    }

    /// Appends a pair.
    pub fn push(&mut self, key: Datum, value: Datum) {
        if let Content::Mapping(pairs) = &mut self.content {
            pairs.push((key, value));
        }
    }

    /// Sets a field as Kustomize's `SetField` does: a value that is there keeps its place and its quotes, a null takes
    /// the field away. Does nothing on what is no mapping; the caller has checked.
    pub fn set(&mut self, key: &str, mut value: Datum) {
        if value.is_null() {
            self.remove(key);
            return;
        }
        quote_if_ambiguous(&mut value);
        if let Some(old) = self.get_mut(key) {
            value.quoting = old.quoting;
            value.shared = old.shared;
            *old = value;
            return;
        }
        let key = Datum::open(key, value.origin);
        self.push(key, value);
    }

    /// Sets this scalar as Kustomize does with an unnamed `SetField`: the old quotes stay.
    pub fn set_scalar(&mut self, mut value: Datum) {
        if value.is_null() {
            return;
        }
        value.quoting = self.quoting;
        value.shared = self.shared;
        *self = value;
    }

    /// Sets every place that shares its node with one that was set.
    pub fn share(&mut self, set: &Datum) {
        if self.shared == set.shared {
            *self = set.clone();
            return;
        }
        match &mut self.content {
            Content::Scalar(_) => {}
            Content::Sequence(items) => items.iter_mut().for_each(|item| item.share(set)),
            Content::Mapping(pairs) => pairs.iter_mut().for_each(|(_, value)| value.share(set)),
        }
    }

    /// The mapping at a key, made where it is absent. `None` where something else stands there.
    pub fn child_mapping(&mut self, key: &str, origin: Origin) -> Option<&mut Datum> {
        if self.get(key).is_none_or(Datum::is_null) {
            self.remove(key);
            self.push(Datum::open(key, origin), Datum::mapping(origin));
        }
        self.get_mut(key).filter(|value| value.is_mapping())
    }

    /// How many nodes there are, this one included.
    pub fn count(&self) -> usize {
        match &self.content {
            Content::Scalar(_) => 1,
            Content::Sequence(items) => 1 + items.iter().map(Datum::count).sum::<usize>(),
            Content::Mapping(pairs) => 1 + pairs.iter().map(|(key, value)| key.count() + value.count()).sum::<usize>(),
        }
    }
}

/// A plain string that YAML 1.1 reads as something else gets quotes, as Kustomize does when it sets a field.
fn quote_if_ambiguous(value: &mut Datum) {
    if value.tag == Tag::Str && value.quoting == Quoting::Plain && !super::print::reads_as_string(value.text()) {
        value.quoting = Quoting::Double;
    }
}
