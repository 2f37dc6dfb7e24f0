//! Kustomizations: what Kustomize silently ignores, what is in the wrong place, what an overlay takes away.

use std::collections::BTreeSet;

use crate::diag::closest;
use crate::kube::Image;
use crate::policy::checks::{Check, Named};
use crate::policy::report::{Report, Unit, Whole};
use crate::policy::subject::{Object, Subject};
use crate::source::Origin;
use crate::yaml::data::{Content, Datum};

pub(super) const CHECKS: &[Named] = &[
    ("build-note", Check::Whole(build_note)),
    ("image-entry-unmatched", Check::Whole(image_unmatched)),
    ("file-unused", Check::Whole(file_unused)),
    ("path-with-dots", Check::Unit(path_with_dots)),
    ("selector-labels", Check::Unit(selector_labels)),
    ("remote-unpinned", Check::Unit(remote_unpinned)),
    ("patch-target-broad", Check::Unit(patch_target_broad)),
];

/// The kustomization and the node in it that a note of the build is about.
fn noted<'a>(subject: &'a Subject<'a>, origin: Origin) -> Option<(&'a Object<'a>, &'a Datum)> {
    fn search(node: &Datum, origin: Origin) -> Option<&Datum> {
        if node.origin == origin && node.is_mapping() {
            return Some(node);
        }
        match &node.content {
            Content::Scalar(_) => None,
            Content::Sequence(items) => items.iter().find_map(|item| search(item, origin)),
            Content::Mapping(pairs) => pairs.iter().find_map(|(_, value)| search(value, origin)),
        }
    }
    let (file, _) = origin.place()?;
    let is_there = |object: &&Object<'_>| object.root.origin.place().is_some_and(|(own, _)| own == file);
    let object = subject.kustomizations.iter().find(is_there)?;
    let children = object.root.pairs().iter().map(|(_, value)| value);
    let node = children.into_iter().find_map(|value| search(value, origin))?;
    Some((object, node))
}

/// Something that the build notes, by its code. Params: `code`.
fn build_note<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    for note in subject.notes.iter().filter(|note| note.code.id == whole.params.text("code")) {
        let Some(label) = note.labels.first() else { continue };
        let origin = Origin::at(label.span.file, label.span.start);
        let found = match noted(subject, origin) {
            Some((object, node)) => report.at(object, node),
            None => report.elsewhere(origin, &[]),
        };
        found.say(&note.message);
        if let Some(help) = note.help.first() {
            found.help(help);
        }
    }
}

/// An entry of `images` that no container uses. The images that there are say what was meant.
fn image_unmatched<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    let subject = whole.subject;
    for note in subject.notes.iter().filter(|note| note.code.id == "build/image-unmatched") {
        let Some(label) = note.labels.first() else { continue };
        let origin = Origin::at(label.span.file, label.span.start);
        let Some((object, entry)) = noted(subject, origin) else {
            report.elsewhere(origin, &[]).say(&note.message);
            continue;
        };
        let Some(name) = entry.get("name") else { continue };
        let found = report.at(object, name);
        found.say(format!("no container has an image called `{}`, so this entry changes nothing", name.text()));
        let built = object.reach.iter().flat_map(|overlay| subject.objects_of(*overlay));
        let pods = built.filter_map(|object| object.pod);
        let images: BTreeSet<&str> = pods
            .flat_map(|pod| pod.every_container().collect::<Vec<_>>())
            .map(|container| Image::of(container.text_of("image")).repository)
            .filter(|image| !image.is_empty())
            .collect();
        let last = |image: &str| image.rsplit('/').next().unwrap_or_default().to_owned();
        let near = closest(name.text(), images.iter().copied())
            .or_else(|| images.iter().copied().find(|image| last(image) == last(name.text())));
        match near {
            Some(near) => found.help(format!("did you mean `{near}`? `name` is the image as the base has it")),
            None => found.help("`name` is the image as the base has it, without its tag"),
        };
    }
}

/// A manifest beside a kustomization that nothing names.
fn file_unused<'a>(whole: &Whole<'a>, report: &mut Report<'a>) {
    for unused in whole.subject.unused {
        let overlays = whole.subject.files.get(&unused.kustomization).map_or(&[][..], Vec::as_slice);
        let message = format!("`{}` is named by no kustomization, so nobody deploys it", unused.path);
        let help = format!("list it in {}, or remove it", unused.kustomization);
        report.elsewhere(unused.origin, overlays).say(message).help(help);
    }
}

/// The paths that a kustomization names, each with its node.
fn paths(root: &Datum) -> impl Iterator<Item = &Datum> {
    let lists =
        ["resources", "bases", "components", "crds", "configurations", "generators", "transformers", "validators"];
    let lists = lists.into_iter().filter_map(|field| root.get(field)).flat_map(Datum::items);
    let patches = ["patches", "patchesJson6902", "replacements"].into_iter().filter_map(|field| root.get(field));
    let patches = patches.flat_map(Datum::items).filter_map(|patch| patch.get("path"));
    lists.chain(patches).filter(|path| path.is_scalar() && !path.text().contains('\n'))
}

/// `a..b` within a part of a path: two entries of a list that were run together.
fn path_with_dots<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for path in paths(unit.node) {
        let is_odd = |part: &str| part.contains("..") && part != "..";
        if !path.text().contains("://") && path.text().split('/').any(is_odd) {
            report.at(unit.object, path);
        }
    }
}

/// Labels that get into selectors, which cannot be changed once the workload is there. Params: `keys`, patterns of keys that
/// change from release to release; empty: every key.
fn selector_labels<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let keys = unit.params.list("keys");
    let is_meant = |key: &str| keys.is_empty() || keys.iter().any(|pattern| crate::policy::facts::fits(pattern, key));
    let common = unit.node.get("commonLabels").map_or(&[][..], Datum::pairs).iter();
    let entries = unit.node.get("labels").map_or(&[][..], Datum::items).iter();
    let selecting = entries.filter(|entry| entry.get("includeSelectors").and_then(Datum::flag) == Some(true));
    let labels = selecting.filter_map(|entry| entry.get("pairs")).flat_map(Datum::pairs);
    for (key, value) in common.chain(labels).filter(|(key, _)| is_meant(key.text())) {
        report.at(unit.object, value).say(format!("the label `{}` becomes part of selectors", key.text()));
    }
}

/// A base in another repository without a fixed version, or a chart without one.
fn remote_unpinned<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    for path in paths(unit.node) {
        let text = path.text();
        let is_remote =
            text.contains("://") || text.starts_with("git@") || text.contains("?ref=") || text.contains(".git//");
        let reference =
            text.split(['?', '&']).find_map(|part| part.strip_prefix("ref=").or(part.strip_prefix("version=")));
        let is_moving = |name: &str| matches!(name, "main" | "master" | "HEAD" | "develop" | "latest");
        let is_raw =
            text.starts_with("http") && (text.ends_with(".yaml") || text.ends_with(".yml")) && reference.is_none();
        let moving_part = text.split('/').any(|part| matches!(part, "main" | "master" | "HEAD" | "latest"));
        if is_remote && if is_raw { moving_part } else { reference.is_none_or(is_moving) } {
            report.at(unit.object, path).say(format!("`{text}` is another thing when its branch moves"));
        }
    }
    for chart in unit.node.get("helmCharts").map_or(&[][..], Datum::items) {
        if !chart.text_of("repo").is_empty() && chart.text_of("version").is_empty() {
            let message = format!("the chart `{}` has no version, so the newest one is taken", chart.text_of("name"));
            report.missing(unit.object, chart, "version").say(message);
        }
    }
}

/// A patch whose target says neither name nor label and meets objects of several kinds.
fn patch_target_broad<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(target) = unit.node.get("target").filter(|target| target.is_mapping()) else { return };
    let says = |field: &str| !target.text_of(field).is_empty() && !matches!(target.text_of(field), "*" | ".*");
    if !["kind", "name", "labelSelector", "annotationSelector"].into_iter().any(says) {
        report.at(unit.object, target);
    }
}
