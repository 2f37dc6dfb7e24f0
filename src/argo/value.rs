//! Parameters of generators: values as Go has them after it decoded JSON, where every number is a float.

use std::collections::BTreeMap;

use crate::source::Origin;
use crate::yaml::data::{Content, Datum, Quoting, Tag};
use crate::yaml::json;
use crate::yaml::print::{Printed, float_g, typed};

/// A value of a template.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Null, or what is not there.
    Null,
    Bool(bool),
    /// Only what templates count.
    Int(i64),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(Params),
}

/// The keys of a map, sorted, as Go prints and walks them.
pub(super) type Params = BTreeMap<String, Value>;

impl Value {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Data of a file. What cannot be typed is taken as text.
    pub(super) fn of(node: &Datum) -> Self {
        match &node.content {
            Content::Sequence(items) => Self::List(items.iter().map(Self::of).collect()),
            Content::Mapping(pairs) => {
                Self::Map(pairs.iter().map(|(key, value)| (key.text().to_owned(), Self::of(value))).collect())
            }
            Content::Scalar(text) => match typed(node) {
                Ok(Printed::Null) => Self::Null,
                Ok(Printed::Bool(value)) => Self::Bool(value),
                #[allow(clippy::cast_precision_loss)] // so does Go
                Ok(Printed::Int(value)) => Self::Float(value as f64),
                Ok(Printed::Float(value)) => Self::Float(value),
                Ok(Printed::Text(text)) => Self::Text(text.to_string()),
                Err(_) => Self::Text(text.to_string()),
            },
        }
    }

    /// As data at one place.
    pub(super) fn datum(&self, origin: Origin) -> Datum {
        let plain = |text: String, tag: Tag| Datum { tag, ..Datum::open(text, origin) };
        match self {
            Self::Null => Datum::null(origin),
            Self::Bool(value) => plain(value.to_string(), Tag::Bool),
            Self::Int(value) => plain(value.to_string(), Tag::Int),
            Self::Float(value) if value.fract() == 0.0 && value.abs() < 1e15 => plain(format!("{value}"), Tag::Int),
            Self::Float(value) => plain(format!("{value}"), Tag::Float),
            Self::Text(text) => string(text, origin),
            Self::List(items) => {
                let items = items.iter().map(|item| item.datum(origin)).collect();
                Datum { content: Content::Sequence(items), ..Datum::sequence(origin) }
            }
            Self::Map(map) => {
                let pairs = map.iter().map(|(key, value)| (Datum::open(key, origin), value.datum(origin))).collect();
                Datum { content: Content::Mapping(pairs), ..Datum::mapping(origin) }
            }
        }
    }

    /// Compact JSON, keys sorted.
    pub(super) fn json(&self) -> String {
        json::compact(&self.datum(Origin::NONE)).unwrap_or_default()
    }

    /// As Go's `%v` prints it within a text.
    pub(super) fn printed(&self) -> String {
        match self {
            Self::Null => "<nil>".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Int(value) => value.to_string(),
            Self::Float(value) => float_g(*value),
            Self::Text(text) => text.clone(),
            Self::List(items) => format!("[{}]", items.iter().map(Self::printed).collect::<Vec<_>>().join(" ")),
            Self::Map(map) => {
                let pairs: Vec<_> = map.iter().map(|(key, value)| format!("{key}:{}", value.printed())).collect();
                format!("map[{}]", pairs.join(" "))
            }
        }
    }

    /// What `if` makes of it: false for zero, nothing and what is empty.
    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(map) => !map.is_empty(),
        }
    }

    /// Go's word for what it is.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Null => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float64",
            Self::Text(_) => "string",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
        }
    }
}

/// A string that stays one, whatever it looks like.
pub(super) fn string(text: &str, origin: Origin) -> Datum {
    Datum { quoting: Quoting::Double, ..Datum::string(text, origin) }
}

/// Maps within maps become keys with dots, elements of lists keys with numbers; what is empty vanishes.
pub(super) fn flattened(params: &Params) -> BTreeMap<String, String> {
    fn enter(prefix: &str, value: &Value, out: &mut BTreeMap<String, String>) {
        match value {
            Value::Map(map) => {
                for (key, value) in map {
                    enter(&format!("{prefix}.{key}"), value, out);
                }
            }
            Value::List(items) => {
                for (at, item) in items.iter().enumerate() {
                    enter(&format!("{prefix}.{at}"), item, out);
                }
            }
            value => drop(out.insert(prefix.to_owned(), value.printed())),
        }
    }
    let mut out = BTreeMap::new();
    for (key, value) in params {
        enter(key, value, &mut out);
    }
    out
}
