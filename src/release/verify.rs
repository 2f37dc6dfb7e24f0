//! Whether two texts differ in exactly the values that were to change: both are read by two parsers that share no code
//! for what is everyday.

use crate::release::entries::KEYS;
use crate::source::FileId;
use crate::yaml::data::{Content, Datum};
use crate::yaml::{self, Document, Kind, NodeId, Style, load};

/// What an entry is to say afterwards.
#[derive(Clone, Copy, Debug)]
pub(super) enum Intent<'a> {
    /// This tag and this digest; the rest as before.
    Version { new_tag: Option<&'a str>, digest: Option<&'a str> },
    /// What it says in another text.
    AsIn(&'a str),
}

/// Nodes of a document, aliases followed: what stops an alias bomb.
const MOST_NODES: usize = 600_000;

/// A document without its layout.
#[derive(Clone, Debug, PartialEq)]
enum Shape {
    /// Its type, and its text.
    Leaf(String, String),
    List(Vec<Shape>),
    Map(Vec<(Shape, Shape)>),
}

type Reader = fn(&str) -> Result<Shape, String>;

/// Whether the text afterwards is the text before with nothing changed but the entry; why not, in words.
pub(super) fn verify(before: &str, after: &str, name: &str, intent: Intent<'_>) -> Result<(), String> {
    // The loader refuses what is nested too deep for any reader that recurses.
    for read in [by_loader as Reader, by_arena as Reader] {
        let (old, new) = (Parts::of(read(before)?, name)?, Parts::of(read(after)?, name)?);
        let other = match intent {
            Intent::AsIn(other) => Some(Parts::of(read(other)?, name)?),
            Intent::Version { .. } => None,
        };
        let wanted = match (intent, &other) {
            (Intent::Version { new_tag, digest }, _) => {
                let new_name = old.entry.as_ref().and_then(|entry| entry.0[0].clone());
                let string = |text: Option<&str>| text.map(|text| ("Str".to_owned(), text.to_owned()));
                Some([new_name, string(new_tag), string(digest)])
            }
            (_, other) => other.as_ref().and_then(|other| other.entry.clone()).map(|entry| entry.0),
        };
        if new.entry.as_ref().map(|entry| &entry.0) != wanted.as_ref() {
            return Err("the entry would not say what it is to say".to_owned());
        }
        let same_root = without_absent(&old.root, &new.root) == without_absent(&new.root, &old.root);
        let rest = |parts: &Parts| parts.entry.as_ref().map(|entry| entry.1.clone());
        let (was, is) = (rest(&old), rest(&new));
        let rest_stays = match (&was, &is, &other) {
            // An entry that a text in its place restores whole brings its other keys with it.
            _ if other.is_some() && matches!(intent, Intent::AsIn(other) if other == after) => true,
            (Some(was), Some(is), _) => was == is,
            (None, Some(is), Some(other)) => rest(other).as_ref() == Some(is),
            (None, Some(is), None) => is.len() == 1,
            (_, None, _) => true,
        };
        let list_stays =
            if was.is_some() == is.is_some() { old.list == new.list } else { old.others() == new.others() };
        if !same_root || !rest_stays || !list_stays {
            return Err("something else than the entry would change".to_owned());
        }
    }
    Ok(())
}

/// Type and text of what stands under each of [`KEYS`].
type Values = [Option<(String, String)>; 3];

/// A kustomization taken apart around the entry.
struct Parts {
    /// All keys; that of `images` has lost its value.
    root: Vec<(Shape, Shape)>,
    /// The items of `images`, with `None` in place of the entry.
    list: Vec<Option<Shape>>,
    /// Its values under [`KEYS`], where they say something, and its other pairs.
    entry: Option<(Values, Vec<(Shape, Shape)>)>,
}

impl Parts {
    fn of(shape: Shape, name: &str) -> Result<Self, String> {
        let Shape::Map(mut root) = shape else { return Err("the kustomization would be no mapping".to_owned()) };
        let (mut list, mut entry) = (Vec::new(), None);
        for (_, value) in root.iter_mut().filter(|(key, _)| is(key, "images")) {
            if let Shape::List(items) = std::mem::replace(value, Shape::List(Vec::new())) {
                list.extend(items);
            }
        }
        let list = list.into_iter().map(|item| match item {
            Shape::Map(pairs) if pairs.iter().any(|(key, value)| is(key, "name") && is(value, name)) => {
                let value = |wanted: &str| {
                    let found = pairs.iter().find(|(key, _)| is(key, wanted)).map(|(_, value)| value);
                    match found {
                        Some(Shape::Leaf(kind, text)) if kind != "Null" && !text.is_empty() => {
                            Some((kind.clone(), text.clone()))
                        }
                        Some(Shape::List(_) | Shape::Map(_)) => Some(("?".to_owned(), String::new())),
                        _ => None,
                    }
                };
                let values = KEYS.map(value);
                let rest = pairs.into_iter().filter(|(key, _)| !KEYS.iter().any(|wanted| is(key, wanted))).collect();
                entry = Some((values, rest));
                None
            }
            other => Some(other),
        });
        let list = list.collect();
        Ok(Self { root, list, entry })
    }

    fn others(&self) -> Vec<&Shape> {
        self.list.iter().flatten().collect()
    }
}

fn is(shape: &Shape, wanted: &str) -> bool {
    matches!(shape, Shape::Leaf(_, text) if text == wanted)
}

/// The root's pairs; `images` only where the other has it too, for an edit may bring it or take it.
fn without_absent<'a>(root: &'a [(Shape, Shape)], other: &[(Shape, Shape)]) -> Vec<&'a (Shape, Shape)> {
    let has = other.iter().any(|(key, _)| is(key, "images"));
    root.iter().filter(|(key, _)| has || !is(key, "images")).collect()
}

fn by_arena(text: &str) -> Result<Shape, String> {
    let mut diagnostics = crate::diag::Diagnostics::default();
    let documents = yaml::parse(text, FileId::NONE, &mut diagnostics);
    if let Some(wrong) = diagnostics.iter().next() {
        return Err(format!("it would be no sound YAML: {}", wrong.message));
    }
    let shapes: Option<Vec<Shape>> = documents
        .iter()
        .map(|document| {
            let mut left = MOST_NODES;
            of_document(document, document.root(), &mut left)
        })
        .collect();
    let mut shapes = shapes.ok_or("aliases make the document larger than any real one")?;
    shapes.retain(|shape| !matches!(shape, Shape::Leaf(kind, text) if kind == "Null" && text.is_empty()));
    if shapes.len() > 1 {
        return Err("it would be several documents".to_owned());
    }
    shapes.pop().ok_or_else(|| "it would be empty".to_owned())
}

fn of_document(document: &Document, id: NodeId, left: &mut usize) -> Option<Shape> {
    *left = left.checked_sub(1)?;
    let node = document.resolve(id);
    Some(match &node.kind {
        Kind::Scalar { text, style } => {
            let kind = match (node.tag.as_deref(), style) {
                (None, Style::Plain) => format!("{:?}", yaml::plain_tag(text)),
                (None | Some("tag:yaml.org,2002:str"), _) => "Str".to_owned(),
                (Some(tag), _) => tag.to_owned(),
            };
            Shape::Leaf(kind, text.to_string())
        }
        Kind::Sequence(items) => {
            Shape::List(items.iter().map(|item| of_document(document, *item, left)).collect::<Option<_>>()?)
        }
        Kind::Mapping(pairs) => {
            let pair = |(key, value): &(NodeId, NodeId)| {
                Some((of_document(document, *key, left)?, of_document(document, *value, left)?))
            };
            Shape::Map(pairs.iter().map(pair).collect::<Option<_>>()?)
        }
        Kind::Alias(_) => return None, // `resolve` has followed it
    })
}

fn by_loader(text: &str) -> Result<Shape, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match load::first_document(text, 0, FileId::NONE) {
        Ok(Some(document)) => Ok(of_datum(&document)),
        Ok(None) => Err("it would be empty".to_owned()),
        Err(error) => Err(format!("it would not load: {}", error.message)),
    }
}

fn of_datum(datum: &Datum) -> Shape {
    match &datum.content {
        Content::Scalar(text) => Shape::Leaf(format!("{:?}", datum.tag), text.to_string()),
        Content::Sequence(items) => Shape::List(items.iter().map(of_datum).collect()),
        Content::Mapping(pairs) => {
            Shape::Map(pairs.iter().map(|(key, value)| (of_datum(key), of_datum(value))).collect())
        }
    }
}
