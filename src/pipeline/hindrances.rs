//! What a rollback may run into: who else writes the tag, what holds up a sync, what a database keeps.

use crate::kube::Image;
use crate::release::Target;
use crate::tree::Tree;
use crate::yaml::data::Datum;

/// Where Renovate looks for its settings.
const RENOVATE: [&str; 8] = [
    "renovate.json",
    "renovate.json5",
    ".github/renovate.json",
    ".github/renovate.json5",
    ".gitlab/renovate.json",
    ".gitlab/renovate.json5",
    ".renovaterc",
    ".renovaterc.json",
];

/// Annotations of Argo CD Image Updater begin so.
const IMAGE_UPDATER: &str = "argocd-image-updater.argoproj.io/image-list";

/// What stands in files: other tools that write the tag. `declaring` are texts that speak of the folder.
pub(super) fn updaters(home: &Tree, target: &Target, declaring: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    let service = &target.service;
    if declaring.iter().any(|text| text.contains(IMAGE_UPDATER) || text.contains("kind: ImageUpdater")) {
        found.push(format!("Argo CD Image Updater writes the tag of `{service}` too: it may undo this; pause it"));
    }
    let text = home.text(&target.folder.file).ok().flatten().unwrap_or_default();
    if text.contains("$imagepolicy") {
        found.push(format!("Flux writes tags in {} too: it may undo this; suspend it", target.folder.file));
    }
    for path in RENOVATE {
        let Some(text) = home.text(path).ok().flatten() else { continue };
        // The preset that comes with gitopsctl leaves these tags alone.
        if !text.contains("gitopsctl") {
            found.push(format!("Renovate ({path}) may raise the tag of `{service}` again: have it leave that alone"));
        }
    }
    found
}

/// What stands in the build: what a sync waits for, and what it cannot take back.
pub(super) fn waiting(objects: &[&Datum], target: &Target) -> Vec<String> {
    let mut found = Vec::new();
    let name = target.entry.as_ref().and_then(|entry| entry.new_name.as_ref()).unwrap_or(&target.image);
    for object in objects {
        let (kind, named) = (object.text_of("kind"), object.at(["metadata", "name"]).map_or("", Datum::text));
        if kind == "Rollout" && pauses(object) {
            found.push(format!(
                "the Rollout `{named}` has a pause without end: while it is paused, or a sync runs, this waits; \
                 `argocd app terminate-op` and `kubectl argo rollouts abort {named}` end that"
            ));
        }
        let hook = |key: &str| object.at(["metadata", "annotations", key]).map_or("", Datum::text);
        let is_before =
            hook("argocd.argoproj.io/hook").contains("PreSync") || hook("helm.sh/hook").contains("pre-upgrade");
        if kind == "Job" && is_before && uses(object, name) {
            found.push(format!(
                "the Job `{named}` migrates the database of `{}`: what the newer version changed there stays; \
                 make sure that the older one can work with it",
                target.service
            ));
        }
    }
    found
}

fn pauses(rollout: &Datum) -> bool {
    let steps = rollout.at(["spec", "strategy", "canary", "steps"]).map_or(&[][..], Datum::items);
    let is_endless = |pause: &Datum| pause.get("duration").is_none();
    steps.iter().filter_map(|step| step.get("pause")).any(is_endless)
        || rollout.at(["spec", "strategy", "blueGreen", "autoPromotionEnabled"]).is_some_and(|on| on.text() == "false")
}

fn uses(job: &Datum, name: &str) -> bool {
    let containers = job.at(["spec", "template", "spec", "containers"]).map_or(&[][..], Datum::items);
    containers.iter().any(|container| Image::of(container.text_of("image")).repository == name)
}
