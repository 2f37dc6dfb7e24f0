//! What of a live object is to be held against what Git says: the cluster fills in defaults, status and names of managers,
//! and none of it is drift.

use crate::kube::quantity;
use crate::kube::schema::{Schema, built_in};
use crate::yaml::data::{Content, Datum};
use crate::yaml::json;

/// A live object with the fields alone that the desired one has too. Elements of lists are matched by the keys that the API
/// server merges them by.
pub fn as_desired(live: &Datum, desired: &Datum) -> Datum {
    shaped(live, desired, built_in(desired.text_of("apiVersion"), desired.text_of("kind")))
}

fn shaped(live: &Datum, desired: &Datum, schema: Option<Schema<'_>>) -> Datum {
    let mut shape = live.clone();
    match (&live.content, &desired.content) {
        (Content::Mapping(pairs), Content::Mapping(_)) => {
            let kept = pairs.iter().filter_map(|(key, value)| {
                let wanted = desired.get(key.text())?;
                Some((key.clone(), shaped(value, wanted, schema.and_then(|schema| schema.field(key.text())))))
            });
            shape.content = Content::Mapping(kept.collect());
        }
        (Content::Sequence(items), Content::Sequence(wanted)) => {
            let keys = schema.and_then(Schema::merge_keys).filter(|keys| !keys.is_empty());
            let elements = schema.and_then(Schema::elements);
            let kept: Vec<Datum> = match keys {
                // In the order of what is desired: the server keeps another where others wrote too.
                Some(keys) => wanted
                    .iter()
                    .filter_map(|wanted| {
                        let is_it = |item: &&Datum| keys.iter().all(|key| matches(item, wanted, key));
                        items.iter().find(is_it).map(|item| shaped(item, wanted, elements))
                    })
                    .collect(),
                None => items
                    .iter()
                    .enumerate()
                    .map(|(at, item)| {
                        wanted.get(at).map_or_else(|| item.clone(), |wanted| shaped(item, wanted, elements))
                    })
                    .collect(),
            };
            shape.content = Content::Sequence(kept);
        }
        (Content::Scalar(is), Content::Scalar(wanted)) => {
            // The server writes quantities in its own way, and an empty text for a null.
            let is_same = is != wanted && quantity(is).is_some() && quantity(is) == quantity(wanted);
            if is_same || desired.is_null() || json::compact(live).ok() == json::compact(desired).ok() {
                shape.content = desired.content.clone();
                shape.tag = desired.tag;
                shape.quoting = desired.quoting;
            }
        }
        _ => {}
    }
    shape
}

/// Whether two elements have the same value of a key; a protocol that is not said is TCP.
fn matches(live: &Datum, desired: &Datum, key: &str) -> bool {
    let value = |node: &Datum| match node.text_of(key) {
        "" if key == "protocol" => "TCP".to_owned(),
        text => text.to_owned(),
    };
    value(live) == value(desired)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;
    use crate::yaml::load;

    #[test]
    fn defaults_and_status_are_no_drift() {
        let read =
            |text: &str| load::first_document(text, 0, FileId::NONE).ok().flatten().unwrap_or_else(|| panic!("{text}"));
        let desired = read(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}\nspec:\n  replicas: 2\n  template:\n    spec:\n      containers:\n      - name: a\n        image: a:1\n        resources: {limits: {cpu: 1000m}}\n        ports: [{containerPort: 80}]\n",
        );
        let live = read(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, uid: x, generation: 3}\nspec:\n  replicas: 3\n  revisionHistoryLimit: 10\n  template:\n    spec:\n      containers:\n      - {name: sidecar, image: s:1}\n      - name: a\n        image: a:1\n        imagePullPolicy: Always\n        resources: {limits: {cpu: \"1\"}}\n        ports: [{containerPort: 80, protocol: TCP}]\nstatus: {replicas: 3}\n",
        );
        let text = json::compact(&as_desired(&live, &desired)).unwrap_or_default();
        let expected = json::compact(&desired).unwrap_or_default().replace("\"replicas\":2", "\"replicas\":3");
        assert_eq!(text, expected);
    }
}
