//! `images`: other names, tags and digests for images.

use std::cell::Cell;

use crate::diag::Diagnostic;
use crate::kustomize::compat;
use crate::kustomize::diags::{Failure, at, codes, failure};
use crate::kustomize::fields::{FieldSpec, Made, visit};
use crate::kustomize::layer::Run;
use crate::kustomize::origin::Step;
use crate::kustomize::parts::Image;
use crate::kustomize::select::{Regex, regex};
use crate::kustomize::set::Set;
use crate::source::Change;
use crate::yaml::data::{Content, Datum, Tag};

/// Sets an image wherever it is used.
pub(super) fn set(run: &Run<'_>, image: &Image, specs: &[FieldSpec], set: &mut Set) -> Result<(), Failure> {
    let setter = Setter::new(run, image)?;
    if let Some(setter) = &setter {
        set_all(run, setter, specs, set)?;
    }
    run.session.tries(image.origin, setter.is_some_and(|setter| setter.found.get()), || {
        let diagnostic = Diagnostic::info(&codes::IMAGE_UNMATCHED, format!("no image is called `{}`", &*image.name));
        at(diagnostic, image.origin, "changes nothing")
    });
    Ok(())
}

fn set_all(run: &Run<'_>, setter: &Setter<'_>, specs: &[FieldSpec], set: &mut Set) -> Result<(), Failure> {
    let image = setter.image;
    for at in 0..set.resources().len() {
        if set.resources()[at].kind() == "CustomResourceDefinition" {
            continue;
        }
        let resource = set.change_body(at);
        setter.containers(&mut resource.root)?;
        if run.session.options.compat && resource.kind() == "CronJob" {
            setter.look_at_volumes(&resource.root);
        }
        for spec in specs {
            let is_volume = spec.path.contains("volumes");
            visit(resource, spec, Made::Nothing, image.origin, &mut |node| {
                let before = node.origin;
                setter.apply(node)?;
                if is_volume && node.origin != before {
                    run.session.meets(compat::IMAGE_VOLUME, image.origin);
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

struct Setter<'a> {
    run: &'a Run<'a>,
    image: &'a Image,
    pattern: Pattern,
    /// Whether an image was met that it means.
    found: Cell<bool>,
}

enum Pattern {
    /// A name without signs that mean something in a regular expression.
    Literal,
    Regex(Box<Regex>),
}

impl<'a> Setter<'a> {
    /// `None` where the name matches nothing.
    fn new(run: &'a Run<'a>, image: &'a Image) -> Result<Option<Self>, Failure> {
        let is_literal =
            image.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b':'));
        let any_digest = run.session.options.release.any_digest();
        let digest =
            if any_digest { r"(@[A-Za-z0-9_.+-]+:[a-zA-Z0-9_.{}=-]*)?" } else { r"(@sha256:[a-zA-Z0-9_.{}-]*)?" };
        let pattern = if is_literal && !any_digest {
            Pattern::Literal
        } else {
            let text = format!(r"^{}(:[a-zA-Z0-9_.{{}}-]*)?{digest}$", image.name);
            match regex(&text, image.origin) {
                Ok(regex) => Pattern::Regex(Box::new(regex)),
                Err(_) if any_digest => return Ok(None),
                Err(failure) => return Err(failure),
            }
        };
        Ok(Some(Self { run, image, pattern, found: Cell::new(false) }))
    }

    /// `image` of every element of a list called `containers` or `initContainers`, wherever it stands.
    fn containers(&self, node: &mut Datum) -> Result<(), Failure> {
        match &mut node.content {
            Content::Scalar(_) => Ok(()),
            Content::Sequence(items) => items.iter_mut().try_for_each(|item| self.containers(item)),
            Content::Mapping(pairs) => pairs.iter_mut().try_for_each(|(key, value)| {
                self.containers(value)?;
                if !matches!(key.text(), "containers" | "initContainers") {
                    return Ok(());
                }
                let Content::Sequence(items) = &mut value.content else { return Ok(()) };
                items.iter_mut().try_for_each(|container| {
                    if container.is_null() {
                        return Ok(());
                    }
                    if !container.is_mapping() {
                        let message = "an element of a list of containers is no mapping";
                        return Err(failure(&codes::TRANSFORMER, message, container.origin, "a container is due here"));
                    }
                    container.get_mut("image").map_or(Ok(()), |field| self.apply(field))
                })
            }),
        }
    }

    fn apply(&self, node: &mut Datum) -> Result<(), Failure> {
        if node.is_null() {
            return Ok(());
        }
        let Content::Scalar(text) = &node.content else {
            let message = "an image is no text";
            return Err(failure(&codes::TRANSFORMER, message, node.origin, "a text is due here"));
        };
        if !self.matches(text) {
            if self.run.session.options.compat && self.matches_with_digest(text) {
                self.run.session.meets(compat::OTHER_DIGEST, self.image.origin);
            }
            return Ok(());
        }
        self.found.set(true);
        let (name, tag, digest) = split(text);
        let image = self.image;
        let of = |text: &Option<crate::kustomize::decode::Text>| text.as_ref().map(|text| text.text.to_string());
        let (tag, digest) = match (of(&image.new_tag), of(&image.digest), of(&image.tag_suffix)) {
            (Some(tag), digest, _) => (tag, digest.unwrap_or_default()),
            (None, Some(digest), _) => (String::new(), digest),
            (None, None, Some(suffix)) => (format!("{tag}{suffix}"), String::new()),
            (None, None, None) => (tag.to_owned(), digest.to_owned()),
        };
        let mut text = of(&image.new_name).unwrap_or_else(|| name.to_owned());
        if !tag.is_empty() {
            text = format!("{text}:{tag}");
        }
        if !digest.is_empty() {
            text = format!("{text}@{digest}");
        }
        if text == node.text() {
            node.tag = Tag::Empty;
            return Ok(());
        }
        let entries = [&image.new_tag, &image.digest, &image.tag_suffix, &image.new_name];
        let place = entries.into_iter().flatten().next().map_or(image.origin, |text| text.origin);
        let change = Change { step: Step::Images, place, replaced: node.origin };
        node.set_scalar(Datum { tag: Tag::Empty, ..Datum::open(text, self.run.session.origins.note(change)) });
        Ok(())
    }

    /// Whether the image would be meant if its digest, of any algorithm, were not there.
    fn matches_with_digest(&self, text: &str) -> bool {
        text.rsplit_once('@').is_some_and(|(image, digest)| digest.contains(':') && self.matches(image))
    }

    /// Notes image volumes that a later release would set.
    fn look_at_volumes(&self, root: &Datum) {
        let volumes = root.at(["spec", "jobTemplate", "spec", "template", "spec", "volumes"]);
        let references =
            volumes.map_or(&[][..], Datum::items).iter().filter_map(|volume| volume.at(["image", "reference"]));
        if references.into_iter().any(|reference| self.matches(reference.text())) {
            self.run.session.meets(compat::IMAGE_VOLUME_OF_CRONJOB, self.image.origin);
        }
    }

    fn matches(&self, text: &str) -> bool {
        match &self.pattern {
            Pattern::Regex(regex) => regex.is_match(text),
            Pattern::Literal => {
                let Some(rest) = text.strip_prefix(&*self.image.name) else { return false };
                let part =
                    |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.{}-".contains(&byte));
                let (tag, digest) = match rest.split_once("@sha256:") {
                    Some((tag, digest)) => (tag, digest),
                    None => (rest, ""),
                };
                part(digest) && (tag.is_empty() || tag.strip_prefix(':').is_some_and(part))
            }
        }
    }
}

/// Name, tag and digest of an image reference; a `:` before the first `/` belongs to the registry.
pub(super) fn split(image: &str) -> (&str, &str, &str) {
    let start = image.find('/').unwrap_or(0);
    let colon = image[start..].find(':').map(|at| start + at);
    let at_sign = image[start..].find('@').map(|at| start + at);
    match (colon, at_sign) {
        (None, None) => (image, "", ""),
        (Some(colon), Some(at)) if colon < at => (&image[..colon], &image[colon + 1..at], &image[at + 1..]),
        (_, Some(at)) => (&image[..at], "", &image[at + 1..]),
        (Some(colon), None) => (&image[..colon], &image[colon + 1..], ""),
    }
}
