//! Nodes → typed values by serde, each of which may keep its place as [`Spanned`].
//!
//! Shapes and types are the business of a schema that has judged the document before; this decodes what is left of it.
//! Nodes that the schema refused are handed in as `refused` and treated as absent, so that the rest can still be
//! checked in the same run.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use serde::de::value::{BorrowedStrDeserializer, U32Deserializer};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use crate::source::{FileId, Span};
use crate::yaml::node::{Document, Kind, MOST_NODES, NodeId};
use crate::yaml::scalar::Value;

/// A value and where it is written. Equal, and of the same hash, as the value alone.
#[derive(Clone, Copy, Debug)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it is written.
    pub span: Span,
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: Eq> Eq for Spanned<T> {}

impl<T: Hash> Hash for Spanned<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value.hash(state);
    }
}

impl Borrow<str> for Spanned<String> {
    fn borrow(&self) -> &str {
        &self.value
    }
}

/// Decodes a node; `refused` nodes count as absent. The error is for the developer: a schema should have caught it.
pub fn decode<'de, T: Deserialize<'de>>(
    document: &'de Document,
    id: NodeId,
    refused: &'de HashSet<NodeId>,
) -> Result<T, DecodeError> {
    let context = Context { document, refused, left: std::cell::Cell::new(MOST_NODES) };
    T::deserialize(Cursor { context: &context, id })
}

/// Why a value does not decode.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DecodeError(String);

impl de::Error for DecodeError {
    fn custom<M: fmt::Display>(message: M) -> Self {
        Self(message.to_string())
    }
}

struct Context<'de> {
    document: &'de Document,
    refused: &'de HashSet<NodeId>,
    left: std::cell::Cell<usize>,
}

#[derive(Clone, Copy)]
struct Cursor<'c, 'de> {
    context: &'c Context<'de>,
    id: NodeId,
}

impl<'de> Cursor<'_, 'de> {
    fn at(self, id: NodeId) -> Self {
        Self { id, ..self }
    }

    fn accepted(self, id: &NodeId) -> bool {
        !self.context.refused.contains(id)
    }

    /// The text of a scalar of any type; serde's strings take them all, since the schema has judged the type.
    fn text(self) -> Result<&'de str, DecodeError> {
        self.context
            .document
            .text(self.id)
            .ok_or_else(|| DecodeError("a collection where a scalar was expected".to_owned()))
    }

    fn spend(self) -> Result<(), DecodeError> {
        let left = self.context.left.get().checked_sub(1).ok_or_else(|| DecodeError("too many nodes".to_owned()))?;
        self.context.left.set(left);
        Ok(())
    }
}

/// The name by which [`Spanned`] asks for its place.
const SPANNED: &str = "$gitopsctl::Spanned";
const SPANNED_FIELDS: &[&str] = &["file", "start", "end", "value"];

impl<'de> Deserializer<'de> for Cursor<'_, 'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        self.spend()?;
        let document = self.context.document;
        match &document.resolve(self.id).kind {
            Kind::Sequence(items) => {
                let items = items.iter().filter(|item| self.accepted(item)).copied().collect();
                visitor.visit_seq(Items { cursor: self, items, next: 0 })
            }
            Kind::Mapping(_) => {
                let entries = document.entries(self.id);
                let entries =
                    entries.into_iter().filter(|(key, value)| self.accepted(key) && self.accepted(value)).collect();
                visitor.visit_map(Entries { cursor: self, entries, next: 0 })
            }
            _ => match document.scalar(self.id) {
                Some(Value::Bool(value)) => visitor.visit_bool(value),
                Some(Value::Int(value)) => match i64::try_from(value) {
                    Ok(value) => visitor.visit_i64(value),
                    Err(_) => visitor.visit_u64(u64::try_from(value).unwrap_or(u64::MAX)),
                },
                // `08001` and `1e3` are floats to YAML, and whole numbers to JSON and to whoever wrote them.
                #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
                Some(Value::Float(value)) if value.fract() == 0.0 && value.abs() < 1e15 => {
                    visitor.visit_i64(value as i64)
                }
                Some(Value::Float(value)) => visitor.visit_f64(value),
                Some(Value::String(value)) => visitor.visit_string(value),
                Some(Value::Null) | None => visitor.visit_unit(),
            },
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(self.text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        match self.context.document.scalar(self.id) {
            Some(Value::Null) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        visitor.visit_enum(IntoDeserializer::<DecodeError>::into_deserializer(self.text()?))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        match name {
            SPANNED => visitor.visit_map(Placed { cursor: self, field: 0 }),
            _ => self.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct
        map identifier ignored_any
    }
}

struct Items<'c, 'de> {
    cursor: Cursor<'c, 'de>,
    items: Vec<NodeId>,
    next: usize,
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        let Some(id) = self.items.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize(self.cursor.at(*id)).map(Some)
    }
}

struct Entries<'c, 'de> {
    cursor: Cursor<'c, 'de>,
    entries: Vec<(NodeId, NodeId)>,
    next: usize,
}

impl<'de> MapAccess<'de> for Entries<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        let Some((key, _)) = self.entries.get(self.next) else { return Ok(None) };
        seed.deserialize(Key(self.cursor.at(*key))).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        let (_, value) = self.entries[self.next];
        self.next += 1;
        seed.deserialize(self.cursor.at(value))
    }
}

/// A key is its text, whatever type the text would have as a value.
struct Key<'c, 'de>(Cursor<'c, 'de>);

impl<'de> Deserializer<'de> for Key<'_, 'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, DecodeError> {
        visitor.visit_borrowed_str(self.0.text()?)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, DecodeError> {
        self.0.deserialize_struct(name, fields, visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// Gives a [`Spanned`] its four fields.
struct Placed<'c, 'de> {
    cursor: Cursor<'c, 'de>,
    field: usize,
}

impl<'de> MapAccess<'de> for Placed<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, DecodeError> {
        let Some(name) = SPANNED_FIELDS.get(self.field) else { return Ok(None) };
        seed.deserialize(BorrowedStrDeserializer::<DecodeError>::new(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, DecodeError> {
        let span = self.cursor.context.document.span(self.cursor.id);
        let number = match self.field {
            0 => span.file.number(),
            1 => span.start,
            2 => span.end,
            _ => return seed.deserialize(self.cursor),
        };
        self.field += 1;
        seed.deserialize(U32Deserializer::<DecodeError>::new(number))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Visit<T> {
            type Value = Spanned<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value with its place")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Spanned<T>, A::Error> {
                let mut number = || -> Result<u32, A::Error> {
                    map.next_key::<&str>()?;
                    map.next_value()
                };
                let span = Span { file: FileId::numbered(number()?), start: number()?, end: number()? };
                map.next_key::<&str>()?;
                Ok(Spanned { value: map.next_value()?, span })
            }
        }

        deserializer.deserialize_struct(SPANNED, SPANNED_FIELDS, Visit(PhantomData))
    }
}

impl<T: serde::Serialize> serde::Serialize for Spanned<T> {
    /// As the value alone: places are for people, not for templates.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use indexmap::IndexMap;

    use super::*;
    use crate::diag::Diagnostics;
    use crate::source::SourceMap;

    #[derive(serde::Deserialize)]
    struct Service {
        name: Spanned<String>,
        #[serde(default)]
        ports: IndexMap<Spanned<String>, Spanned<u16>>,
        #[serde(default)]
        tag: Option<String>,
    }

    #[test]
    fn values_and_keys_keep_their_places_and_refused_nodes_are_absent() {
        let mut sources = SourceMap::default();
        let text = "name: shop\nports: {http: 80, grpc: 90}\ntag: 1.10\n";
        let file = sources.add("a.yaml", text);
        let documents = crate::yaml::parse(text, file, &mut Diagnostics::default());
        let document = &documents[0];
        let refused = HashSet::from([document.deepest(["ports", "grpc"]).0]);
        let service: Service = decode(document, document.root(), &refused).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(sources.text(service.name.span), "shop");
        assert_eq!(service.tag.as_deref(), Some("1.10"));
        let ports: Vec<_> = service.ports.iter().map(|(key, port)| (sources.text(key.span), port.value)).collect();
        assert_eq!(ports, [("http", 80)]);
    }
}
