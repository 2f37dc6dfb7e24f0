//! Policies written as JSON Schema, draft 2020-12, with keywords for quantities and image references.
//!
//! A second door to jsonschema beside the catalog's: that one judges files by published schemas and words each violation,
//! this one judges units of built objects and asks where alone.

use jsonschema::error::ValidationErrorKind as Wrong;
use jsonschema::paths::Location;
use jsonschema::{Keyword, ValidationError, Validator};
use serde_json::{Map, Value};

use crate::kube::{Image, Quantity, quantity};
use crate::policy::definition::Params;

/// A compiled schema.
#[derive(Debug)]
pub(super) struct Schema(Validator);

/// A place in a unit that a schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Violation {
    /// Keys and indices from the unit.
    pub(super) steps: Vec<String>,
    /// Whether the last step is what is missing.
    pub(super) is_missing: bool,
}

impl Schema {
    /// Compiles a schema; each `{$param: name}` stands for the param's value.
    pub(super) fn new(schema: &Value, params: &Params) -> Result<Self, String> {
        let mut schema = schema.clone();
        substitute(&mut schema, params);
        let options = jsonschema::draft202012::options()
            .with_keyword("quantityMinimum", bound::<false>)
            .with_keyword("quantityMaximum", bound::<true>)
            .with_keyword("imageTag", image_tag);
        options.build(&schema).map(Self).map_err(|error| error.to_string())
    }

    /// What of a unit it does not allow.
    pub(super) fn violations(&self, unit: &Value) -> Vec<Violation> {
        if self.0.is_valid(unit) {
            return Vec::new();
        }
        let violation = |error: ValidationError<'_>| {
            let mut steps = steps(error.instance_path().as_str());
            let is_missing = match error.kind() {
                Wrong::Required { property } => {
                    steps.push(property.as_str().unwrap_or_default().to_owned());
                    true
                }
                _ => false,
            };
            Violation { steps, is_missing }
        };
        let mut violations: Vec<Violation> = Vec::new();
        for error in self.0.iter_errors(unit) {
            let violation = violation(error);
            if !violations.contains(&violation) {
                violations.push(violation);
            }
        }
        violations
    }
}

/// The steps of a JSON pointer.
pub(super) fn steps(pointer: &str) -> Vec<String> {
    let parts = pointer.split('/').skip(1);
    parts.map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
}

fn substitute(value: &mut Value, params: &Params) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(name)) = map.get("$param") {
                *value = params.value(name).clone();
                return;
            }
            map.values_mut().for_each(|value| substitute(value, params));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| substitute(value, params)),
        _ => {}
    }
}

/// An amount as a manifest writes it: a text, or a number.
fn amount(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => quantity(text),
        Value::Number(number) => quantity(&number.to_string()),
        _ => None,
    }
}

/// `quantityMinimum`, `quantityMaximum`: what is no amount passes, since other rules judge that.
struct Bound {
    limit: Quantity,
    is_maximum: bool,
}

impl<'i> Keyword<'i> for Bound {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom("the amount is out of bounds")) }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        amount(instance).is_none_or(|amount| if self.is_maximum { amount <= self.limit } else { amount >= self.limit })
    }
}

type Made<'a> = Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>>;

fn bound<'a, const IS_MAXIMUM: bool>(_: &'a Map<String, Value>, value: &'a Value, _: Location) -> Made<'a> {
    match amount(value) {
        Some(limit) => Ok(Box::new(Bound { limit, is_maximum: IS_MAXIMUM })),
        None => Err(ValidationError::custom("must be a quantity such as 128Mi")),
    }
}

/// `imageTag`: what a reference must have.
enum ImageTag {
    /// A tag or a digest.
    Present,
    /// A tag that is not `latest`, or a digest.
    Fixed,
    /// A digest.
    Digest,
    /// A semantic version, or a digest.
    Semver,
}

impl<'i> Keyword<'i> for ImageTag {
    fn validate(&self, instance: &'i Value) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) {
            Ok(())
        } else {
            Err(ValidationError::custom("the image has not the tag that is due"))
        }
    }

    fn is_valid(&self, instance: &'i Value) -> bool {
        let Some(text) = instance.as_str() else { return true };
        // Flux fills these in after the build.
        if text.contains("${") {
            return true;
        }
        let image = Image::of(text);
        if image.digest.is_some() {
            return true;
        }
        let tag = image.tag.filter(|tag| !tag.is_empty());
        match self {
            Self::Present => tag.is_some(),
            Self::Fixed => tag.is_some_and(|tag| tag != "latest"),
            Self::Digest => false,
            Self::Semver => tag.is_some_and(is_semver),
        }
    }
}

/// `1.2.3`, `v1.2.3`, with anything that semver allows behind.
pub(super) fn is_semver(tag: &str) -> bool {
    let version = tag.strip_prefix('v').unwrap_or(tag);
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<_> = core.split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|number| {
            !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
                && (number.len() == 1 || !number.starts_with('0'))
        })
}

fn image_tag<'a>(_: &'a Map<String, Value>, value: &'a Value, _: Location) -> Made<'a> {
    Ok(Box::new(match value.as_str() {
        Some("present") => ImageTag::Present,
        Some("fixed") => ImageTag::Fixed,
        Some("digest") => ImageTag::Digest,
        Some("semver") => ImageTag::Semver,
        _ => return Err(ValidationError::custom("must be present, fixed, digest or semver")),
    }))
}
