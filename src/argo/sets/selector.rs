//! Label selectors on parameters, whose values may be any text.

use std::collections::BTreeMap;

use crate::yaml::data::Datum;

/// Whether a selector means these labels; an error where it is none.
pub(super) fn fits(selector: &Datum, labels: &BTreeMap<String, String>) -> Result<bool, String> {
    let mut all = true;
    for (key, value) in selector.get("matchLabels").map_or(&[][..], Datum::pairs) {
        all &= labels.get(key.text()).is_some_and(|label| label == value.text());
    }
    for expression in selector.get("matchExpressions").map_or(&[][..], Datum::items) {
        let label = labels.get(expression.text_of("key"));
        let values = expression.get("values").map_or(&[][..], Datum::items);
        let has = || label.is_some_and(|label| values.iter().any(|value| value.text() == label));
        let operator = expression.text_of("operator");
        if matches!(operator, "In" | "NotIn") == values.is_empty() {
            return Err(format!("the selector's operator `{operator}` does not fit its number of values"));
        }
        all &= match operator {
            "In" => has(),
            "NotIn" => !has(),
            "Exists" => label.is_some(),
            "DoesNotExist" => label.is_none(),
            other => return Err(format!("`{other}` is no operator of a selector")),
        };
    }
    Ok(all)
}
