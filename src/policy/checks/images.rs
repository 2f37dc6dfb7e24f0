//! Image references.

use crate::kube::{Image, is_digest, is_repository, is_tag};
use crate::policy::checks::{Check, Named};
use crate::policy::facts::fits;
use crate::policy::report::{Report, Unit};
use crate::yaml::data::Datum;

pub(super) const CHECKS: &[Named] =
    &[("image-reference", Check::Unit(reference)), ("image-registry", Check::Unit(registry))];

/// Where an image comes from that names no registry.
const DOCKER_HUB: &str = "docker.io";

/// The image of a container, unless something fills it in after the build: OpenShift where it is blank, Flux a variable.
fn image(container: &Datum) -> Option<&Datum> {
    let is_there = |image: &&Datum| !image.is_null() && !image.text().trim().is_empty() && !image.text().contains("${");
    container.get("image").filter(is_there)
}

/// A reference that no container runtime can read.
fn reference<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let Some(node) = image(unit.node) else { return };
    let image = Image::of(node.text());
    let why = if !is_repository(image.repository) {
        "name"
    } else if image.tag.is_some_and(|tag| !is_tag(tag)) {
        "tag"
    } else if image.digest.is_some_and(|digest| !is_digest(digest)) {
        "digest"
    } else {
        return;
    };
    let message = format!("the image `{}` of container `{}` has no valid {why}", node.text(), unit.container_name());
    report.at(unit.object, node).say(message);
}

/// An image from elsewhere. Params: `registries`, hosts or hosts with a path, with `*` for anything; empty: all are allowed.
fn registry<'a>(unit: &Unit<'a>, report: &mut Report<'a>) {
    let allowed = unit.params.list("registries");
    let Some(node) = image(unit.node).filter(|_| !allowed.is_empty()) else { return };
    let image = Image::of(node.text());
    let full = match image.registry() {
        Some(_) => image.repository.to_owned(),
        None => format!("{DOCKER_HUB}/{}", image.repository),
    };
    let is_from = |registry: &&str| {
        let registry = registry.trim_end_matches('/');
        fits(&format!("{registry}/*"), &full) || fits(registry, &full)
    };
    if !allowed.iter().any(is_from) {
        let host = image.registry().unwrap_or(DOCKER_HUB);
        let message =
            format!("container `{}` takes `{}` from {host}, which is not allowed", unit.container_name(), node.text());
        report.at(unit.object, node).say(message);
    }
}
