//! `buildMetadata`: annotations that say where a resource came from and what transformed it.

use std::sync::Arc;

use crate::kustomize::resource::Resource;
use crate::kustomize::set::Set;
use crate::source::Origin;

/// Where a resource came from.
pub(super) const ORIGIN: &str = "config.kubernetes.io/origin";
/// What transformed it.
pub(super) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// A plugin and the file that configures it.
#[derive(Clone, Debug)]
pub(super) struct Configured {
    file: String,
    api_version: String,
    kind: String,
    name: String,
    namespace: String,
}

impl Configured {
    /// A field of a kustomization.
    pub(super) fn field(file: &str, kind: &str) -> Self {
        let none = String::new();
        Self {
            file: file.to_owned(),
            api_version: "builtin".to_owned(),
            kind: kind.to_owned(),
            name: none.clone(),
            namespace: none,
        }
    }

    /// A resource that configures a plugin, if it knows where it came from.
    pub(super) fn plugin(plugin: &Resource) -> Option<Self> {
        let file = of(plugin)?.strip_prefix("path: ")?.trim_end().to_owned();
        Some(Self {
            file,
            api_version: plugin.api_version().to_owned(),
            kind: plugin.kind().to_owned(),
            name: plugin.name().to_owned(),
            namespace: plugin.namespace().to_owned(),
        })
    }

    fn text(&self) -> String {
        let mut text = format!(
            "configuredIn: {}\nconfiguredBy:\n  apiVersion: {}\n  kind: {}\n",
            self.file, self.api_version, self.kind
        );
        for (key, value) in [("name", &self.name), ("namespace", &self.namespace)] {
            if !value.is_empty() {
                text += &format!("  {key}: {value}\n");
            }
        }
        text
    }

    fn item(&self) -> String {
        let text = self.text();
        text.lines().enumerate().map(|(at, line)| format!("{}{line}\n", if at == 0 { "- " } else { "  " })).collect()
    }
}

/// What the annotation of its origin says.
pub(super) fn of(resource: &Resource) -> Option<&str> {
    let annotations = resource.root.at(["metadata", "annotations"])?;
    annotations.get(ORIGIN).map(crate::yaml::data::Datum::text)
}

fn annotate(resource: &mut Resource, key: &str, value: &str) {
    let origin = resource.root.at(["metadata"]).map_or(Origin::NONE, |meta| meta.origin);
    let mut entries = resource.meta_entries("annotations");
    entries.retain(|(known, ..)| known != key);
    entries.push((key.into(), value.into(), origin));
    resource.set_meta_map("annotations", entries);
}

/// A resource from a file.
pub(super) fn from_file(resource: &Arc<Resource>, path: &str) -> Arc<Resource> {
    let mut resource = resource.clone();
    annotate(Arc::make_mut(&mut resource), ORIGIN, &format!("path: {path}\n"));
    resource
}

/// A generated resource, unless it knows its origin.
pub(super) fn generated(resource: &mut Resource, by: &Configured) {
    if of(resource).is_none() {
        annotate(resource, ORIGIN, &by.text());
    }
}

/// The origin of one resource for another, that takes its place.
pub(super) fn keep(old: &Resource, new: &mut Resource) {
    if let Some(text) = of(old) {
        annotate(new, ORIGIN, text);
    }
}

/// Every resource that is there when a transformer has run, changed or not.
pub(super) fn transformed(set: &mut Set, by: &Configured) {
    for at in 0..set.resources().len() {
        let resource = set.change_body(at);
        if of(resource).is_none() {
            annotate(resource, ORIGIN, &by.text());
            continue;
        }
        let before = resource.root.at(["metadata", "annotations"]).and_then(|map| map.get(TRANSFORMATIONS));
        let text = before.map_or("", |text| text.text()).to_owned() + &by.item();
        annotate(resource, TRANSFORMATIONS, &text);
    }
}
