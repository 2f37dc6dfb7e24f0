//! Which resources a selector means: anchored regular expressions on ids, Kubernetes' syntax on labels and annotations.

pub(super) use regex::Regex;

use crate::kube::{Gvk, is_label, is_label_value};
use crate::kustomize::diags::{Failure, codes, failure};
use crate::kustomize::parts::Selector;
use crate::kustomize::resource::{INTERNAL, Resource};
use crate::source::Origin;

/// A pattern that must match the whole text; an empty one fits all.
#[derive(Clone, Debug)]
enum Pattern {
    Any,
    Literal(String),
    Regex(Box<Regex>),
}

impl Pattern {
    fn new(pattern: &str, origin: Origin) -> Result<Self, Failure> {
        if pattern.is_empty() {
            return Ok(Self::Any);
        }
        if pattern.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/')) {
            return Ok(Self::Literal(pattern.to_owned()));
        }
        Ok(Self::Regex(Box::new(regex(&format!("^(?:{pattern})$"), origin)?)))
    }

    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Literal(literal) => literal == text,
            Self::Regex(regex) => regex.is_match(text),
        }
    }
}

/// A regular expression, or why it is none.
pub(super) fn regex(pattern: &str, origin: Origin) -> Result<Regex, Failure> {
    Regex::new(pattern).map_err(|error| {
        let reason = error.to_string();
        let reason = reason.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        failure(&codes::KUSTOMIZATION, format!("`{pattern}` is no regular expression"), origin, &reason)
    })
}

/// A selector, compiled.
#[derive(Clone, Debug)]
pub(super) struct Matcher {
    group: Pattern,
    version: Pattern,
    kind: Pattern,
    name: Pattern,
    namespace: Pattern,
    labels: Vec<Requirement>,
    annotations: Vec<Requirement>,
}

impl Matcher {
    pub(super) fn new(selector: &Selector) -> Result<Self, Failure> {
        let pattern = |text: &str| Pattern::new(text, selector.origin);
        Ok(Self {
            group: pattern(&selector.gvk.group)?,
            version: pattern(&selector.gvk.version)?,
            kind: pattern(&selector.gvk.kind)?,
            name: pattern(&selector.name)?,
            namespace: pattern(&selector.namespace)?,
            labels: requirements(&selector.labels, selector.origin)?,
            annotations: requirements(&selector.annotations, selector.origin)?,
        })
    }

    pub(super) fn fits_gvk(&self, gvk: &Gvk) -> bool {
        self.group.fits(&gvk.group) && self.version.fits(&gvk.version) && self.kind.fits(&gvk.kind)
    }

    pub(super) fn fits_name(&self, name: &str) -> bool {
        self.name.fits(name)
    }

    pub(super) fn fits_namespace(&self, namespace: &str) -> bool {
        self.namespace.fits(namespace)
    }

    /// Whether a patch's target means a resource: by its original or its present name and namespace.
    pub(super) fn fits_target(&self, resource: &Resource) -> bool {
        if !self.kind.fits(resource.kind()) || !self.fits_gvk(&resource.gvk()) {
            return false;
        }
        let (now, original) = (resource.id(), resource.original_id());
        (self.namespace.fits(&original.namespace) || self.namespace.fits(&now.namespace))
            && (self.name.fits(&original.name) || self.name.fits(&now.name))
            && self.fits_metadata(resource)
    }

    /// Whether labels and annotations fit.
    pub(super) fn fits_metadata(&self, resource: &Resource) -> bool {
        let fits = |requirements: &[Requirement], field: &str| {
            if requirements.is_empty() {
                return true;
            }
            let mut map = resource.meta_map(field);
            let notes = &resource.notes;
            let names =
                ["previousNames", "previousNamespaces", "previousKinds"].map(|name| format!("{INTERNAL}{name}"));
            if field == "annotations" && !notes.former.is_empty() {
                map.extend(names.iter().map(|name| (&**name, "")));
            }
            requirements.iter().all(|requirement| requirement.fits(&map))
        };
        fits(&self.labels, "labels") && fits(&self.annotations, "annotations")
    }

    /// Whether labels or annotations are asked for at all.
    pub(super) fn asks_for_metadata(&self) -> bool {
        !self.labels.is_empty() || !self.annotations.is_empty()
    }
}

#[derive(Clone, Debug)]
enum Wants {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

#[derive(Clone, Debug)]
struct Requirement {
    key: String,
    wants: Wants,
}

impl Requirement {
    fn fits(&self, map: &[(&str, &str)]) -> bool {
        let value = map.iter().find(|(key, _)| *key == self.key).map(|(_, value)| *value);
        let number = || value.and_then(|value| value.parse::<i64>().ok());
        match &self.wants {
            Wants::Exists => value.is_some(),
            Wants::Absent => value.is_none(),
            Wants::In(values) => value.is_some_and(|value| values.iter().any(|wanted| wanted == value)),
            Wants::NotIn(values) => value.is_none_or(|value| values.iter().all(|wanted| wanted != value)),
            Wants::Above(limit) => number().is_some_and(|number| number > *limit),
            Wants::Below(limit) => number().is_some_and(|number| number < *limit),
        }
    }
}

/// Parses `a=b,c in (d,e),!f`.
fn requirements(text: &str, origin: Origin) -> Result<Vec<Requirement>, Failure> {
    let wrong = |what: &str| failure(&codes::KUSTOMIZATION, format!("`{text}` is no label selector"), origin, what);
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, char) in text.char_indices() {
        match char {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    parts.into_iter().map(|part| requirement(part.trim()).map_err(wrong)).collect()
}

fn requirement(part: &str) -> Result<Requirement, &'static str> {
    let key = |text: &str| {
        let text = text.trim();
        let (prefix, name) = text.rsplit_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
        let prefix_fits = prefix.is_none_or(|prefix| prefix.split('.').all(is_label));
        let fits = !name.is_empty() && is_label_value(name) && prefix_fits;
        if fits { Ok(text.to_owned()) } else { Err("a key that no label can have") }
    };
    let value = |text: &str| {
        let text = text.trim();
        if is_label_value(text) { Ok(text.to_owned()) } else { Err("a value that no label can have") }
    };
    if let Some(name) = part.strip_prefix('!') {
        return Ok(Requirement { key: key(name)?, wants: Wants::Absent });
    }
    if let Some((name, text)) = part.split_once("!=") {
        return Ok(Requirement { key: key(name)?, wants: Wants::NotIn(vec![value(text)?]) });
    }
    if let Some((name, text)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Ok(Requirement { key: key(name)?, wants: Wants::In(vec![value(text)?]) });
    }
    if let Some(at) = part.find(['>', '<']) {
        let number = part[at + 1..].trim().parse().map_err(|_| "a number is due after `>` and `<`")?;
        let wants = if part[at..].starts_with('>') { Wants::Above(number) } else { Wants::Below(number) };
        return Ok(Requirement { key: key(&part[..at])?, wants });
    }
    if let Some((before, list)) = part.split_once('(') {
        let list = list.trim().strip_suffix(')').ok_or("a bracket that is not closed")?;
        let values = list.split(',').map(value).collect::<Result<Vec<_>, _>>()?;
        let mut words = before.split_whitespace();
        let (name, operator) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        return match (operator, words.next()) {
            ("in", None) => Ok(Requirement { key: key(name)?, wants: Wants::In(values) }),
            ("notin", None) => Ok(Requirement { key: key(name)?, wants: Wants::NotIn(values) }),
            _ => Err("`in` or `notin` is due before a list"),
        };
    }
    Ok(Requirement { key: key(part)?, wants: Wants::Exists })
}
