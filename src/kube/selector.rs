//! Label selectors. Source: Kubernetes' `apimachinery/pkg/labels`.

use crate::yaml::data::Datum;

/// A selector as an object says it.
#[derive(Clone, Copy, Debug)]
pub enum Selector<'a> {
    /// Key and value, all of which must be there: of a Service, or of a ReplicationController.
    Plain(&'a Datum),
    /// `matchLabels` and `matchExpressions`.
    Full(&'a Datum),
}

impl<'a> Selector<'a> {
    /// Whether it names nothing, which selects all or none, as the field has it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Plain(map) => map.pairs().is_empty(),
            Self::Full(selector) => {
                selector.get("matchLabels").is_none_or(Datum::is_empty)
                    && selector.get("matchExpressions").is_none_or(Datum::is_empty)
            }
        }
    }

    /// The labels that must have one certain value.
    pub fn pairs(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let map: &'a [(Datum, Datum)] = match self {
            Self::Plain(map) => map.pairs(),
            Self::Full(selector) => selector.get("matchLabels").map_or(&[][..], Datum::pairs),
        };
        map.iter().map(|(key, value)| (key.text(), value.text()))
    }

    /// Whether labels, a mapping, are selected; no labels at all are `None`.
    pub fn matches(&self, labels: Option<&Datum>) -> bool {
        let value = |key: &str| labels.and_then(|labels| labels.get(key)).map(Datum::text);
        if !self.pairs().all(|(key, wanted)| value(key) == Some(wanted)) {
            return false;
        }
        let Self::Full(selector) = self else { return true };
        let expressions = selector.get("matchExpressions").map_or(&[][..], Datum::items);
        expressions.iter().all(|expression| {
            let found = value(expression.text_of("key"));
            let values = expression.get("values").map_or(&[][..], Datum::items);
            let is_listed = |found: &str| values.iter().any(|value| value.text() == found);
            match expression.text_of("operator") {
                "In" => found.is_some_and(is_listed),
                "NotIn" => !found.is_some_and(is_listed),
                "Exists" => found.is_some(),
                "DoesNotExist" => found.is_none(),
                _ => false,
            }
        })
    }
}
