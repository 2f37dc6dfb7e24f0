//! Labels, annotations, namespaces, and the order of keys.

use crate::kube::{is_label_value, is_subdomain};
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit};
use crate::yaml::data::{Content, Datum};

pub(super) const CHECKS: &[Named] = &[
    ("keys-unsorted", Check::Unit(keys_unsorted)),
    ("label-differs-from-name", Check::Unit(differs_from_name)),
    ("label-key-illegal", Check::Unit(key_illegal)),
    ("label-value-illegal", Check::Unit(value_illegal)),
    ("namespace-differs-from-destination", Check::Unit(namespace_differs)),
    ("namespace-missing", Check::Unit(namespace_missing)),
];

/// The mappings of labels in an object: its own, those of its pods, and what its selector wants.
fn labels<'a>(unit: &Unit<'a>) -> impl Iterator<Item = &'a Datum> {
    let object = unit.object;
    let template = object.pod.and_then(|pod| pod.labels());
    let selector = object.pod.and_then(|_| object.at(&["spec", "selector", "matchLabels"]));
    let own = object.at(&["metadata", "labels"]);
    // A Pod is its own template.
    let template = template.filter(|template| own.is_none_or(|own| !std::ptr::eq(own, *template)));
    [own, template, selector].into_iter().flatten()
}

/// Whether something fills in a part of a text before the API server reads it: Flux, envsubst, Helm, a plug-in.
fn is_template(text: &str) -> bool {
    ["${", "{{", "<path:", "$("].iter().any(|sign| text.contains(sign))
}

fn value_illegal<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for (key, value) in labels(unit).flat_map(Datum::pairs) {
        let text = value.text();
        if value.is_scalar() && !is_label_value(text) && !is_template(text) {
            let message = format!("`{}` is no legal value of the label `{}`", text.escape_debug(), key.text());
            report.at(unit.object, value).say(message);
        }
    }
}

/// `prefix/name`, where the prefix is a DNS name and may be left out.
fn is_key(text: &str) -> bool {
    let (prefix, name) = text.split_once('/').map_or((None, text), |(prefix, name)| (Some(prefix), name));
    !name.is_empty() && is_label_value(name) && prefix.is_none_or(is_subdomain)
}

fn key_illegal<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let annotations = unit.object.at(&["metadata", "annotations"]);
    let of_pods = unit.object.pod.and_then(|pod| pod.template.at(["metadata", "annotations"]));
    let of_pods = of_pods.filter(|of_pods| annotations.is_none_or(|own| !std::ptr::eq(own, *of_pods)));
    let annotations = annotations.into_iter().chain(of_pods);
    for (what, maps) in [("label", labels(unit).collect()), ("annotation", annotations.collect::<Vec<_>>())] {
        for (key, value) in maps.into_iter().flat_map(Datum::pairs) {
            // Annotations may have capitals before the slash: the API server compares them in small letters.
            let text = if what == "annotation" { key.text().to_lowercase() } else { key.text().to_owned() };
            if !is_key(&text) && !is_template(&text) {
                let message = format!("`{}` is no legal key of a {what}", key.text().escape_debug());
                report.at(unit.object, value).say(message);
            }
        }
    }
}

/// Params: `label`, whose value must be the name of the object.
fn differs_from_name<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let label = unit.params.text("label");
    let own = unit.object.at(&["metadata", "labels"]);
    match own.and_then(|labels| labels.get(label)).filter(|value| !value.is_null()) {
        Some(value) if value.text() == unit.object.name => {}
        Some(value) => {
            report.at(unit.object, value);
        }
        None => {
            report.lacks(unit.object, unit.node, &["metadata", "labels", label]);
        }
    }
}

fn own_namespace<'a>(unit: &Unit<'a>) -> Option<&'a Datum> {
    unit.object.at(&["metadata", "namespace"]).filter(|namespace| !namespace.text().is_empty() && !namespace.is_null())
}

/// An object that lands in whichever namespace is current: nothing says one, neither itself nor an Application.
fn namespace_missing<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    if !unit.object.namespace.is_empty() && own_namespace(unit).is_none() && unit.overlay().namespace.is_none() {
        report.missing(unit.object, unit.node, "metadata/namespace");
    }
}

/// An object that says another namespace than the destination of the Application that deploys it.
fn namespace_differs<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let (Some(own), Some(destination)) = (own_namespace(unit), &unit.overlay().namespace) else { return };
    if !unit.object.namespace.is_empty() && own.text() != destination && !destination.is_empty() {
        let message = format!(
            "{} says namespace `{}`, and its Application deploys to `{destination}`",
            unit.object.title(),
            own.text()
        );
        report.at(unit.object, own).say(message);
    }
}

/// Mappings whose keys are not in the order of their bytes: one finding each.
fn keys_unsorted<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    fn walk<'a>(node: &'a Datum, found: &mut Vec<&'a Datum>) {
        match &node.content {
            Content::Scalar(_) => {}
            Content::Sequence(items) => items.iter().for_each(|item| walk(item, found)),
            Content::Mapping(pairs) => {
                if !pairs.is_sorted_by(|(first, _), (second, _)| first.text() <= second.text()) {
                    found.push(node);
                }
                for (_, value) in pairs {
                    walk(value, found);
                }
            }
        }
    }
    let mut found = Vec::new();
    walk(unit.node, &mut found);
    for node in found {
        report.at(unit.object, node);
    }
}
