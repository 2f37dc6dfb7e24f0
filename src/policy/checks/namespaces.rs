//! Namespaces that objects are put into.

use std::collections::BTreeSet;

use crate::diag::closest;
use crate::policy::checks::references::is_slip;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Whole};

pub(super) const CHECKS: &[Named] = &[("namespace-undeclared", Check::Whole(undeclared))];

/// A namespace that objects name and nothing makes, where the repository makes others. Told once for each overlay. Params:
/// `sure`: whether to tell of names that look like a slip, or of the others.
fn undeclared<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    for (at, overlay) in subject.overlays.iter().enumerate() {
        let mut told: BTreeSet<&str> = BTreeSet::new();
        for object in subject.objects_of(at) {
            let Some(node) = object.at(&["metadata", "namespace"]).filter(|node| !node.is_null()) else { continue };
            let namespace = node.text();
            let is_known = matches!(namespace, "" | "default" | "argocd" | "kube-system" | "kube-public")
                || overlay.namespace.as_deref() == Some(namespace)
                || subject.external.has("Namespace", "", namespace);
            if is_known || object.namespace.is_empty() || !told.insert(namespace) {
                continue;
            }
            if subject.find(object, "Namespace", "", namespace).is_some() {
                continue;
            }
            let names: BTreeSet<&str> = subject.of_kind(object, "Namespace").map(|made| made.name).collect();
            let near = closest(namespace, names.iter().copied());
            if names.is_empty() || is_slip(namespace, near) != whole.params.flag("sure") {
                continue;
            }
            let message = format!("{} is put into the namespace `{namespace}`, which nothing makes", object.title());
            let found = report.at(object, node).say(message);
            if let Some(near) = near {
                found.help(format!("did you mean `{near}`?"));
            }
        }
    }
}
