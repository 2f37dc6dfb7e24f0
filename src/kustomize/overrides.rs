//! What is put into the kustomization of a root before it is built, as the `kustomize edit` commands would.
//!
//! In: values with the places that say them, and the decoded kustomization. Out: the kustomization, changed. Knows nothing
//! of who wants the overrides; Argo CD's Applications do.

use compact_str::CompactString;

use crate::kustomize::decode::{KUSTOMIZATION, Reader, Text};
use crate::kustomize::diags::{Failure, at, codes, failure};
use crate::kustomize::file::Kustomization;
use crate::kustomize::images;
use crate::kustomize::parts::{self, Image, Label, Replica};
use crate::kustomize::roots::Root;
use crate::kustomize::session::Session;
use crate::source::Origin;
use crate::tree::{glob, join, normal};
use crate::yaml::data::Datum;

/// Keeps what the kustomization has, as a part of an image.
const KEEP: &str = "*";

/// Values that win over those of a kustomization file. The default changes nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overrides {
    /// `edit set nameprefix`
    pub name_prefix: Option<Text>,
    /// `edit set namesuffix`
    pub name_suffix: Option<Text>,
    /// The arguments of `edit set image`: `name:tag`, `name@digest`, `name=newName:tag@digest`, each part `*` to keep it.
    pub images: Vec<Text>,
    /// `edit set replicas`: names and counts.
    pub replicas: Vec<(Text, Text)>,
    /// `edit add label`
    pub common_labels: Vec<(Text, Text)>,
    /// `--force` of `edit add label`: labels that are there already are replaced.
    pub force_common_labels: bool,
    /// `--without-selector`: an entry of `labels`, which leaves selectors alone.
    pub label_without_selector: bool,
    /// `--include-templates`, only together with [`Self::label_without_selector`].
    pub label_include_templates: bool,
    /// `edit add annotation`
    pub common_annotations: Vec<(Text, Text)>,
    /// `--force` of `edit add annotation`.
    pub force_common_annotations: bool,
    /// `edit set namespace`
    pub namespace: Option<Text>,
    /// Entries for the end of `patches`, as a kustomization spells them.
    pub patches: Vec<Datum>,
    /// `edit add component`: directories, or patterns of them.
    pub components: Vec<Text>,
    /// Whether components that are not there are passed over.
    pub ignore_missing_components: bool,
}

impl Overrides {
    /// Whether nothing is overridden.
    pub fn is_empty(&self) -> bool {
        self.name_prefix.is_none()
            && self.name_suffix.is_none()
            && self.images.is_empty()
            && self.replicas.is_empty()
            && self.common_labels.is_empty()
            && self.common_annotations.is_empty()
            && self.namespace.is_none()
            && self.patches.is_empty()
            && self.components.is_empty()
    }

    /// Puts the values in, in the order in which Argo CD runs the commands.
    pub(super) fn apply(
        &self,
        session: &Session<'_>,
        root: &Root<'_>,
        file: &mut Kustomization,
    ) -> Result<(), Failure> {
        let filled = |text: &Option<Text>| text.clone().filter(|text| !text.is_empty());
        file.name_prefix = filled(&self.name_prefix).or(file.name_prefix.take());
        file.name_suffix = filled(&self.name_suffix).or(file.name_suffix.take());
        if !self.images.is_empty() {
            set_images(&self.images, file)?;
        }
        if !self.replicas.is_empty() {
            set_replicas(&self.replicas, file)?;
        }
        if !self.common_labels.is_empty() {
            self.add_labels(file)?;
        }
        add(&self.common_annotations, self.force_common_annotations, "annotation", &mut file.common_annotations)?;
        file.namespace = filled(&self.namespace).or(file.namespace.take());
        let lenient = Reader { strict: false, ..KUSTOMIZATION };
        for patch in &self.patches {
            file.patches.push(parts::patch(lenient, patch)?);
        }
        for component in &self.components {
            self.add_component(session, root, component, file)?;
        }
        Ok(())
    }

    fn add_labels(&self, file: &mut Kustomization) -> Result<(), Failure> {
        if !self.label_without_selector {
            if let (true, Some((_, label))) = (self.label_include_templates, self.common_labels.first()) {
                let message = "labels for templates alone need `labelWithoutSelector`";
                return Err(refused(message, label.origin, "set `labelWithoutSelector: true` beside it"));
            }
            return add(&self.common_labels, self.force_common_labels, "label", &mut file.common_labels);
        }
        // The first entry of the same kind takes the labels in, whatever field specs of its own it has.
        let alike =
            |label: &&mut Label| !label.include_selectors && label.include_templates == self.label_include_templates;
        if let Some(entry) = file.labels.iter_mut().find(alike) {
            return add(&self.common_labels, self.force_common_labels, "label", &mut entry.pairs);
        }
        let mut entry = Label { include_templates: self.label_include_templates, ..Label::default() };
        add(&self.common_labels, self.force_common_labels, "label", &mut entry.pairs)?;
        file.labels.push(entry);
        Ok(())
    }

    fn add_component(
        &self,
        session: &Session<'_>,
        root: &Root<'_>,
        component: &Text,
        file: &mut Kustomization,
    ) -> Result<(), Failure> {
        let is_there = |path: &str| {
            let full = normal(root.directory, path).filter(|_| !path.starts_with('/'));
            full.is_some_and(|full| session.place(&full).is_some())
        };
        if self.ignore_missing_components && !is_there(component) {
            return Ok(());
        }
        let found =
            if is_there(component) { vec![component.to_string()] } else { matches(session, root.directory, component) };
        if found.is_empty() {
            root.include(session, component)
                .map_err(|failure| Box::new(at(*failure, component.origin, "added here")))?;
        }
        for path in found {
            if !file.components.iter().any(|known| **known == *path) {
                file.components.push(Text::new(path, component.origin));
            }
        }
        Ok(())
    }
}

fn refused(message: impl Into<String>, origin: Origin, label: &str) -> Failure {
    failure(&codes::OVERRIDE, message, origin, label)
}

/// Adds entries to a map, which stays sorted. What is there already is replaced if that is forced.
fn add(more: &[(Text, Text)], force: bool, what: &str, map: &mut Vec<(Text, Text)>) -> Result<(), Failure> {
    for (key, value) in more {
        if key.is_empty() {
            return Err(refused(format!("a {what} has no name"), key.origin, "this one"));
        }
        // The command line takes quotes around a value for its own.
        let bare = value.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(value);
        let value = Text::new(bare, value.origin);
        match map.iter_mut().find(|(known, _)| known.text == key.text) {
            Some((_, old)) if force => *old = value,
            Some((_, old)) => {
                let message = format!("the {what} `{}` is in the kustomization already", &**key);
                let failure = at(*refused(message, key.origin, "set again here"), old.origin, "set here");
                let field = if what == "label" { "forceCommonLabels" } else { "forceCommonAnnotations" };
                return Err(Box::new(failure.help(format!("set `{field}: true`, or take it away on one side"))));
            }
            None => map.push((key.clone(), value)),
        }
    }
    map.sort_by(|a, b| a.0.text.cmp(&b.0.text));
    Ok(())
}

/// `name:tag` and its like, decoded.
fn image(argument: &Text) -> Result<Image, Failure> {
    let (key, value) = argument.split_once('=').map_or(("", &**argument), |(key, value)| (key, value));
    let (name, tag, digest) = images::split(value);
    if name == &**argument {
        let message = format!("`{name}` says nothing of the image it names");
        let failure = refused(message, argument.origin, "no tag, digest or new name");
        return Err(Box::new(failure.help("write `name:tag`, `name@digest` or `name=newName:tag`")));
    }
    let text = |part: &str| (!part.is_empty()).then(|| Text::new(part, argument.origin));
    Ok(Image {
        origin: argument.origin,
        name: if key.is_empty() { name.into() } else { key.into() },
        new_name: if key.is_empty() { None } else { text(name) },
        tag_suffix: None,
        new_tag: text(tag),
        digest: text(digest),
    })
}

/// Entries of the same name are replaced, and all are sorted by name; the first of several in the file counts.
fn set_images(arguments: &[Text], file: &mut Kustomization) -> Result<(), Failure> {
    let is_kept = |part: &Option<Text>| part.as_ref().is_some_and(|part| &**part == KEEP);
    let mut all: Vec<Image> = Vec::new();
    for argument in arguments {
        let image = image(argument)?;
        all.retain(|known| known.name != image.name);
        all.push(image);
    }
    for old in std::mem::take(&mut file.images) {
        let Some(new) = all.iter_mut().find(|known| known.name == old.name) else {
            all.push(old);
            continue;
        };
        for (part, old) in
            [(&mut new.new_name, old.new_name), (&mut new.new_tag, old.new_tag), (&mut new.digest, old.digest)]
        {
            if is_kept(part) {
                *part = old;
                new.tag_suffix = None;
            }
        }
    }
    for image in &mut all {
        for part in [&mut image.new_name, &mut image.new_tag, &mut image.digest] {
            if is_kept(part) {
                *part = None;
                image.tag_suffix = None;
            }
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    file.images = all;
    Ok(())
}

fn set_replicas(counts: &[(Text, Text)], file: &mut Kustomization) -> Result<(), Failure> {
    let mut all: Vec<Replica> = Vec::new();
    for (name, text) in counts {
        let count: i64 = text.parse().map_err(|_| {
            let message = format!("the replicas of `{}` are `{}`", &**name, &**text);
            refused(message, text.origin, "a whole number is due here")
        })?;
        if name.contains('=') {
            return Err(refused(format!("`{}` is no name of a workload", &**name), name.origin, "this name"));
        }
        all.retain(|known| known.name != name.text);
        all.push(Replica { name: name.text.clone(), count, origin: text.origin });
    }
    for old in std::mem::take(&mut file.replicas) {
        if !all.iter().any(|known| known.name == old.name) {
            all.push(old);
        }
    }
    all.sort_by(|a, b| a.name.cmp(&b.name));
    file.replicas = all;
    Ok(())
}

/// The paths that a pattern means, from a directory; hidden ones only where the pattern itself is of such.
fn matches(session: &Session<'_>, directory: &str, pattern: &str) -> Vec<String> {
    let base = |path: &str| path.rsplit('/').next().unwrap_or_default().starts_with('.');
    let mut found: Vec<CompactString> = vec![CompactString::default()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        let mut next = Vec::new();
        for parent in &found {
            let child = |name: &str| CompactString::from(join(parent, name));
            if !part.contains(['*', '?', '[', '\\']) {
                next.push(child(part));
                continue;
            }
            let Some(full) = normal(directory, parent) else { continue };
            let mut names: Vec<_> = session.names(&full).keys().cloned().collect();
            names.sort();
            next.extend(names.iter().filter(|name| glob::fits(part, name)).map(|name| child(name)));
        }
        found = next;
    }
    let is_there = |path: &str| normal(directory, path).is_some_and(|full| session.place(&full).is_some());
    let found = found.into_iter().map(String::from).filter(|path| is_there(path));
    found.filter(|path| base(pattern) || !base(path)).collect()
}
