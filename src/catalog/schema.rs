//! Judges a document by a JSON Schema and says what is wrong at the line to edit. The published schemas of the catalog
//! are the checks: what an editor shows and what `render` refuses cannot differ.
//!
//! The only module that names the jsonschema crate.

use std::collections::HashSet;
use std::sync::LazyLock;

use jsonschema::error::{TypeKind, ValidationErrorKind as Wrong};
use jsonschema::{ValidationError, Validator};
use serde_json::Value;

use crate::catalog::diags;
use crate::catalog::diags::formats::FORMATS;
use crate::diag::{Diagnostic, Diagnostics, closest};
use crate::source::Span;
use crate::yaml::{Document, NodeId};

/// The JSON Schema of gitopsctl.yaml.
pub const PLATFORM_SCHEMA: &str = include_str!("schema/platform.schema.json");
/// The JSON Schema of services/<name>.yaml.
pub const SERVICE_SCHEMA: &str = include_str!("schema/service.schema.json");

pub(super) static PLATFORM: LazyLock<Schema> = LazyLock::new(|| Schema::embedded(PLATFORM_SCHEMA));
pub(super) static SERVICE: LazyLock<Schema> = LazyLock::new(|| Schema::embedded(SERVICE_SCHEMA));

/// A schema, ready to judge.
pub(super) struct Schema {
    document: Value,
    validator: Validator,
}

impl Schema {
    fn new(document: Value) -> Result<Self, String> {
        let mut options = jsonschema::options();
        options = options.should_validate_formats(true);
        for format in FORMATS {
            options = options.with_format(format.name, format.check);
        }
        let validator = options.build(&document).map_err(|error| error.to_string())?;
        Ok(Self { document, validator })
    }

    /// The embedded schemas are tested to be valid, so that this cannot fail at a user's.
    fn embedded(text: &str) -> Self {
        let document = serde_json::from_str(text).unwrap_or(Value::Bool(true));
        Self::new(document).unwrap_or_else(|_| Self { document: Value::Bool(true), validator: everything_is_valid() })
    }

    /// Reports every violation and returns the nodes that are not to be used.
    pub(super) fn judge(&self, document: &Document, at: NodeId, diagnostics: &mut Diagnostics) -> HashSet<NodeId> {
        let mut judge = Judge { schema: &self.document, document, at, refused: HashSet::new() };
        let Some(json) = document.to_json(at) else {
            diagnostics.push(
                Diagnostic::error(&crate::yaml::codes::TOO_LARGE, "aliases make the document larger than any real one")
                    .at(document.span(at), ""),
            );
            return HashSet::from([at]);
        };
        for error in self.validator.iter_errors(&json) {
            judge.report(&error, diagnostics);
        }
        judge.refused
    }
}

fn everything_is_valid() -> Validator {
    Validator::options().build(&Value::Bool(true)).unwrap_or_else(|error| unreachable!("`true` is a schema: {error}"))
}

/// Judges a node by another schema, reports what is wrong and returns the nodes that are not to be used. What is wrong
/// with the schema itself is the error.
pub fn judge(
    schema: &Value,
    document: &Document,
    at: NodeId,
    diagnostics: &mut Diagnostics,
) -> Result<HashSet<NodeId>, String> {
    Ok(Schema::new(schema.clone())?.judge(document, at, diagnostics))
}

struct Judge<'a> {
    schema: &'a Value,
    document: &'a Document,
    /// Where the judged part begins.
    at: NodeId,
    refused: HashSet<NodeId>,
}

impl Judge<'_> {
    fn report(&mut self, error: &ValidationError<'_>, diagnostics: &mut Diagnostics) {
        let steps = steps(error.instance_path().as_str());
        let (node, _) = self.document.deepest_from(self.at, steps.iter().map(String::as_str));
        let span = self.value_span(node, &steps);
        let field = field(&steps);
        match error.kind() {
            Wrong::AdditionalProperties { unexpected } => {
                let known = self.siblings(error.schema_path().as_str());
                for key in unexpected {
                    let Some((key_node, value_node)) = self.document.entry(node, key) else { continue };
                    self.refused.insert(value_node);
                    let near = closest(key, known.iter().map(String::as_str));
                    diagnostics.push(diags::unknown_key(self.document.span(key_node), key, &field, near, &known));
                }
            }
            Wrong::Required { property } => {
                let key = property.as_str().unwrap_or_default();
                diagnostics.push(diags::missing_key(self.first_key_span(node), key, &field));
            }
            Wrong::PropertyNames { error: inner } => {
                let key = inner.instance().as_str().unwrap_or_default().to_owned();
                let Some((key_node, value_node)) = self.document.entry(node, &key) else { return };
                self.refused.insert(value_node);
                let wrong = Self::wording(inner.kind(), &key);
                let mut steps = steps;
                steps.push(key);
                let kind = match inner.kind() {
                    Wrong::Enum { .. } => &diags::codes::UNKNOWN_KEY,
                    _ => &diags::codes::INVALID_VALUE,
                };
                diagnostics.push(wrong.into_diagnostic(
                    kind,
                    "key",
                    &self::field(&steps),
                    self.document.span(key_node),
                ));
            }
            kind => {
                self.refused.insert(node);
                let found = self.document.scalar(node);
                let text = self.document.text(node).unwrap_or_default();
                let code = match kind {
                    Wrong::Type { .. } => &diags::codes::WRONG_TYPE,
                    _ => &diags::codes::INVALID_VALUE,
                };
                let wrong = match kind {
                    Wrong::Type { kind } => diags::wrong_type(&type_names(kind), found.as_ref(), self.document, node),
                    kind => Self::wording(kind, text),
                };
                diagnostics.push(wrong.into_diagnostic(code, "value", &field, span));
            }
        }
    }

    /// What is wrong with a text or number, in words.
    fn wording(kind: &Wrong, text: &str) -> diags::WrongValue {
        match kind {
            Wrong::Format { format } => diags::WrongValue::format(format, text),
            Wrong::Enum { options } => {
                let options: Vec<_> = options.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
                diags::WrongValue::choice(text, &options)
            }
            Wrong::Minimum { limit } => diags::WrongValue::new(format!("`{text}` is less than {limit}")),
            Wrong::Maximum { limit } => diags::WrongValue::new(format!("`{text}` is more than {limit}")),
            Wrong::Pattern { pattern } => diags::WrongValue::new(format!("`{text}` does not match `{pattern}`")),
            Wrong::MinLength { .. } => diags::WrongValue::new("an empty text".to_owned()),
            Wrong::MinItems { limit } => diags::WrongValue::new(if *limit == 1 {
                "an empty list".to_owned()
            } else {
                format!("fewer than {limit} items")
            }),
            Wrong::MinProperties { limit } => diags::WrongValue::new(if *limit == 1 {
                "an empty mapping".to_owned()
            } else {
                format!("fewer than {limit} entries")
            }),
            other => diags::WrongValue::new(format!("breaks the rule `{}` of the schema", other.keyword())),
        }
    }

    /// Where a value stands; an absent one stands at its key.
    fn value_span(&self, node: NodeId, steps: &[String]) -> Span {
        let span = self.document.span(node);
        if span.start < span.end {
            return span;
        }
        let Some((last, above)) = steps.split_last() else { return span };
        let (parent, _) = self.document.deepest_from(self.at, above.iter().map(String::as_str));
        self.document.entry(parent, last).map_or(span, |(key, _)| self.document.span(key))
    }

    /// The line at which a mapping begins, as the place of what is missing in it.
    fn first_key_span(&self, node: NodeId) -> Span {
        self.document.entries(node).first().map_or(self.document.span(node), |(key, _)| self.document.span(*key))
    }

    /// The keys that a schema knows where it forbids others.
    fn siblings(&self, schema_path: &str) -> Vec<String> {
        let mut at = self.schema;
        let mut path = steps(schema_path);
        path.pop();
        for step in path {
            at = match (step.as_str(), at) {
                ("$ref", Value::Object(map)) => {
                    let target = map.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
                    target.and_then(|target| self.schema.pointer(target)).unwrap_or(at)
                }
                (_, Value::Array(items)) => step.parse().ok().and_then(|index: usize| items.get(index)).unwrap_or(at),
                _ => at.get(&step).unwrap_or(at),
            };
        }
        at["properties"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect()
    }
}

/// A JSON pointer as its steps.
fn steps(pointer: &str) -> Vec<String> {
    pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// A path as a person writes it: `environments.dev.replicas`, `calls[2]`.
fn field(steps: &[String]) -> String {
    let mut text = String::new();
    for step in steps {
        if step.parse::<usize>().is_ok() {
            text += &format!("[{step}]");
        } else {
            text += if text.is_empty() { "" } else { "." };
            text += step;
        }
    }
    text
}

fn type_names(kind: &TypeKind) -> Vec<String> {
    match kind {
        TypeKind::Single(kind) => vec![kind.to_string()],
        TypeKind::Multiple(kinds) => kinds.iter().map(|kind| kind.to_string()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_schemas_are_schemas_and_their_formats_are_known() {
        for text in [PLATFORM_SCHEMA, SERVICE_SCHEMA] {
            let document: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}"));
            assert!(jsonschema::meta::is_valid(&document));
            if let Err(error) = Schema::new(document.clone()) {
                panic!("{error}");
            }
            let mut formats = Vec::new();
            collect_formats(&document, &mut formats);
            for format in formats {
                assert!(FORMATS.iter().any(|known| known.name == format), "no check for the format {format}");
            }
        }
    }

    fn collect_formats(value: &Value, formats: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    match value.as_str() {
                        Some(name) if key == "format" => formats.push(name.to_owned()),
                        _ => collect_formats(value, formats),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| collect_formats(item, formats)),
            _ => {}
        }
    }
}
