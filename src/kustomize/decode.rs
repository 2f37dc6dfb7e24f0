//! [`Datum`] → typed fields, by the rules of Go's JSON decoder over YAML 1.1, which reads kustomization files.

use compact_str::CompactString;

use crate::diag::{Code, Diagnostic, closest};
use crate::kustomize::diags::{Failure, at, codes};
use crate::source::Origin;
use crate::yaml::data::{Datum, Tag};
use crate::yaml::print::{self, Printed, float_text};

/// A text and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    /// The text.
    pub text: CompactString,
    /// Who set it.
    pub origin: Origin,
}

impl Text {
    /// A text at a place.
    pub fn new(text: impl AsRef<str>, origin: Origin) -> Self {
        Self { text: CompactString::new(text), origin }
    }
}

impl std::ops::Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

/// How a file is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    /// Whether scalars mean what YAML 1.1 says (`on` is a boolean), as in kustomization files.
    pub(super) yaml_1_1: bool,
    /// Whether an unknown field is an error.
    pub(super) strict: bool,
    /// Whether other scalars become texts where a text is due.
    pub(super) coerce: bool,
    /// What failures are filed under.
    pub(super) code: &'static Code,
}

/// Kustomization files.
pub(super) const KUSTOMIZATION: Reader =
    Reader { yaml_1_1: true, strict: true, coerce: false, code: &codes::KUSTOMIZATION };
/// Files of field specs.
pub(super) const CONFIGURATION: Reader = Reader { coerce: true, ..KUSTOMIZATION };
/// Files of replacements.
pub(super) const REPLACEMENTS: Reader = Reader { strict: false, ..CONFIGURATION };
/// Configuration of built-in plugins, which is a resource.
pub(super) const PLUGIN: Reader = Reader { yaml_1_1: false, ..REPLACEMENTS };

/// The value of a scalar of a YAML 1.1 file.
pub(super) fn typed_1_1(node: &Datum) -> Result<Printed<'_>, Failure> {
    let boolean = |text: &str| match text {
        "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => Some(true),
        "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => Some(false),
        _ => None,
    };
    let is_open = !node.quoting.is_quoted() && matches!(node.tag, Tag::Str | Tag::Empty);
    if let Some(value) = boolean(node.text()).filter(|_| is_open) {
        return Ok(Printed::Bool(value));
    }
    if node.tag == Tag::Timestamp {
        return Ok(Printed::Text(node.text().into()));
    }
    print::typed(node).map_err(|error| {
        let diagnostic = Diagnostic::error(&codes::KUSTOMIZATION, error.message);
        Box::new(at(diagnostic, error.origin, "this value"))
    })
}

impl Reader {
    fn typed(self, node: &Datum) -> Result<Printed<'_>, Failure> {
        if self.yaml_1_1 {
            return typed_1_1(node);
        }
        print::typed(node)
            .map_err(|error| Box::new(at(Diagnostic::error(self.code, error.message), error.origin, "this value")))
    }

    fn wrong(self, node: &Datum, field: &str, wanted: &str) -> Failure {
        let is = match self.typed(node) {
            _ if node.is_mapping() => "a mapping",
            _ if node.is_sequence() => "a list",
            Ok(Printed::Bool(_)) => "a boolean",
            Ok(Printed::Int(_) | Printed::Float(_)) => "a number",
            _ => "a string",
        };
        let diagnostic = Diagnostic::error(self.code, format!("`{field}` must be {wanted}, and is {is}"));
        let diagnostic = at(diagnostic, node.origin, is);
        let is_text = wanted == "a string" && node.is_scalar();
        Box::new(if is_text { diagnostic.help(format!("put it in quotes: \"{}\"", node.text())) } else { diagnostic })
    }

    /// A string; `None` for null.
    pub(super) fn text(self, node: &Datum, field: &str) -> Result<Option<Text>, Failure> {
        if !node.is_scalar() {
            return Err(self.wrong(node, field, "a string"));
        }
        let text = match self.typed(node)? {
            Printed::Text(text) => CompactString::from(text),
            Printed::Null => return Ok(None),
            Printed::Bool(value) if self.coerce => CompactString::from(if value { "true" } else { "false" }),
            Printed::Int(value) if self.coerce => CompactString::from(value.to_string()),
            Printed::Float(value) if self.coerce => CompactString::from(float_text(value)),
            _ => return Err(self.wrong(node, field, "a string")),
        };
        Ok(Some(Text { text, origin: node.origin }))
    }

    /// Strings; a null among them is an empty one.
    pub(super) fn texts(self, node: &Datum, field: &str) -> Result<Vec<Text>, Failure> {
        let empty = |origin| Text { text: CompactString::default(), origin };
        self.list(node, field, |item| Ok(self.text(item, field)?.unwrap_or_else(|| empty(item.origin))))
    }

    /// The items of a list; none for null.
    pub(super) fn list<T>(
        self,
        node: &Datum,
        field: &str,
        item: impl Fn(&Datum) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        if node.is_null() {
            return Ok(Vec::new());
        }
        if !node.is_sequence() {
            return Err(self.wrong(node, field, "a list"));
        }
        node.items().iter().map(item).collect()
    }

    /// A boolean.
    pub(super) fn flag(self, node: &Datum, field: &str) -> Result<bool, Failure> {
        match self.typed(node)? {
            Printed::Bool(value) if node.is_scalar() => Ok(value),
            Printed::Null => Ok(false),
            _ => Err(self.wrong(node, field, "a boolean")),
        }
    }

    /// A whole number of 64 bits.
    pub(super) fn int(self, node: &Datum, field: &str) -> Result<i64, Failure> {
        let wrong = || self.wrong(node, field, "a whole number");
        if !node.is_scalar() {
            return Err(wrong());
        }
        match self.typed(node)? {
            Printed::Int(value) => i64::try_from(value).map_err(|_| wrong()),
            #[allow(clippy::cast_possible_truncation)] // it is whole and small
            Printed::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => Ok(value as i64),
            Printed::Null => Ok(0),
            _ => Err(wrong()),
        }
    }

    /// A map of strings, sorted by key; keys of other types become texts, and of equal keys the last wins.
    pub(super) fn map(self, node: &Datum, field: &str) -> Result<Vec<(Text, Text)>, Failure> {
        if node.is_null() {
            return Ok(Vec::new());
        }
        if !node.is_mapping() {
            return Err(self.wrong(node, field, "a mapping"));
        }
        let mut map: Vec<(Text, Text)> = Vec::new();
        for (key, value) in node.pairs() {
            let key = self.key(key, field)?;
            let name = format!("{field}.{}", &*key);
            let empty = Text { text: CompactString::default(), origin: value.origin };
            let value = self.text(value, &name)?.unwrap_or(empty);
            map.retain(|(old, _)| *old.text != *key.text);
            map.push((key, value));
        }
        map.sort_by(|a, b| a.0.text.cmp(&b.0.text));
        Ok(map)
    }

    fn key(self, key: &Datum, field: &str) -> Result<Text, Failure> {
        let lenient = Reader { coerce: true, ..self };
        let empty = || Text { text: "null".into(), origin: key.origin };
        Ok(lenient.text(key, field)?.unwrap_or_else(empty))
    }

    /// The fields of an object, in the order of the file, each under its name as `known` spells it. Null values are left
    /// out; of a field that occurs twice the last counts.
    pub(super) fn object<'a>(
        self,
        node: &'a Datum,
        what: &str,
        known: &[&'static str],
    ) -> Result<Vec<(&'static str, &'a Datum)>, Failure> {
        let mut fields: Vec<(&'static str, &'a Datum)> = Vec::new();
        if node.is_null() {
            return Ok(fields);
        }
        if !node.is_mapping() {
            return Err(self.wrong(node, what, "a mapping"));
        }
        for (key, value) in node.pairs() {
            let name = self.key(key, what)?;
            let field = known.iter().find(|field| **field == &*name);
            let Some(field) = field.or_else(|| known.iter().find(|field| field.eq_ignore_ascii_case(&name))) else {
                if !self.strict {
                    continue;
                }
                let message = format!("unknown field `{}` in {what}", &*name);
                let diagnostic = at(Diagnostic::error(self.code, message), key.origin, "no such field");
                return Err(Box::new(diagnostic.near(closest(&name, known.iter().copied()))));
            };
            fields.retain(|(old, _)| old != field);
            if !value.is_null() {
                fields.push((field, value));
            }
        }
        Ok(fields)
    }
}
