//! What a change does to what is deployed already: objects whose removal loses data, fields that cannot be changed. Nothing
//! is found where it is not known what was there before.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use crate::argo;
use crate::kube::immutable_fields;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Whole};
use crate::policy::subject::{Object, Subject};
use crate::yaml::data::Datum;
use crate::yaml::json;

pub(super) const CHECKS: &[Named] =
    &[("stateful-removed", Check::Whole(stateful_removed)), ("immutable-changed", Check::Whole(immutable_changed))];

/// An object by overlay, kind, namespace and name.
type Key<'a> = (&'a str, &'a str, &'a str, &'a str, &'a str);

fn key<'a>(subject: &'a Subject<'a>, object: &'a Object<'a>) -> Key<'a> {
    let overlay = &subject.overlays[object.overlay].path;
    (overlay, object.group, object.kind, &object.namespace, object.name)
}

/// An object that keeps data, or on which others depend, is no longer there. Params: `kinds`, as `group/Kind`.
fn stateful_removed<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    let Some(before) = subject.before else { return };
    let now: HashSet<Key<'_>> = subject.objects.iter().map(|object| key(subject, object)).collect();
    let kinds = whole.params.list("kinds");
    let is_meant = |object: &&Object<'_>| {
        kinds.iter().any(|kind| kind.rsplit_once('/').is_some_and(|(group, kind)| object.is(group, kind)))
    };
    for object in before.objects.iter().filter(is_meant).filter(|object| !now.contains(&key(before, object))) {
        let path = &before.overlays[object.overlay].path;
        // What keeps Argo CD from deleting it.
        let options = object.annotation(argo::SYNC_OPTIONS).map_or("", Datum::text);
        if options.split(',').any(|option| matches!(option.trim(), "Prune=false" | "Delete=false")) {
            continue;
        }
        let message = format!("{} is no longer in `{path}`: Argo CD deletes it where it prunes", object.title());
        let overlay = subject.overlays.iter().position(|overlay| overlay.path == *path);
        let file = subject.kustomizations.iter().find(|file| file.directory == *path);
        let overlays: Vec<usize> = overlay.into_iter().collect();
        let help = "keep it with the annotation `argocd.argoproj.io/sync-options: Prune=false` until its data is safe";
        match file {
            Some(file) => report.at(file, file.root).say(message).help(help),
            None => report.elsewhere(crate::source::Origin::NONE, &overlays).say(message).help(help),
        };
    }
}

/// Whether Argo CD makes the object anew rather than changing it.
fn is_replaced(object: &Object<'_>) -> bool {
    let options = object.annotation(argo::SYNC_OPTIONS).map_or("", Datum::text);
    let replaces = |option: &str| matches!(option.trim(), "Replace=true" | "Force=true" | "Force=true,Replace=true");
    object.annotation(argo::HOOK).is_some() || options.split(',').any(replaces)
}

/// A field that cannot be changed has another value than before.
fn immutable_changed<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    let Some(before) = subject.before else { return };
    let old: HashMap<Key<'_>, &Object<'_>> =
        before.objects.iter().map(|object| (key(before, object), object)).collect();
    let text = |node: Option<&Datum>| node.and_then(|node| json::compact(node).ok());
    for object in &subject.objects {
        let fields = immutable_fields(object.group, object.kind);
        if fields.is_empty() {
            continue;
        }
        let Some(was) = old.get(&key(subject, object)).filter(|_| !is_replaced(object)) else { continue };
        for path in fields {
            let (new, old) = (object.at(path), was.at(path));
            // An absent field is filled in by the server, with what is there.
            if new.is_none() || old.is_none() || text(new) == text(old) {
                continue;
            }
            let Some(node) = new else { continue };
            let message = format!("`{}` of {} cannot be changed once it is there", path.join("."), object.title());
            report.at(object, node).say(message);
        }
        let is_fixed = |object: &Object<'_>| object.root.get("immutable").and_then(Datum::flag) == Some(true);
        if matches!(object.kind, "ConfigMap" | "Secret") && is_fixed(was) {
            for field in ["data", "stringData", "binaryData"] {
                let (new, old) = (object.root.get(field), was.root.get(field));
                if let Some(node) = new.filter(|_| text(new) != text(old)) {
                    let message = format!("{} is immutable, and its data changes", object.title());
                    report.at(object, node).say(message);
                }
            }
        }
    }
}
