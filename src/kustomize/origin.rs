//! The steps of a build, as the origins of values name them.

use compact_str::CompactString;

use crate::source::{self, Origin};

/// A step that sets values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// A strategic merge patch.
    Patch,
    /// A JSON 6902 patch.
    JsonPatch,
    /// `namespace`
    Namespace,
    /// `namePrefix`
    NamePrefix,
    /// `nameSuffix`
    NameSuffix,
    /// `labels` or `commonLabels`
    Labels,
    /// `commonAnnotations`
    Annotations,
    /// `images`
    Images,
    /// `replicas`
    Replicas,
    /// `replacements`
    Replacements,
    /// `vars`
    Variables,
    /// `configMapGenerator` or `secretGenerator`
    Generator,
    /// The hash at the end of a generated name.
    NameHash,
    /// A name that follows the resource it names.
    NameReference,
    /// `buildMetadata`
    BuildMetadata,
}

impl Step {
    /// What a person calls it: the field of the kustomization.
    pub fn name(self) -> &'static str {
        match self {
            Self::Patch => "strategic merge patch",
            Self::JsonPatch => "JSON patch",
            Self::Namespace => "namespace",
            Self::NamePrefix => "namePrefix",
            Self::NameSuffix => "nameSuffix",
            Self::Labels => "labels",
            Self::Annotations => "commonAnnotations",
            Self::Images => "images",
            Self::Replicas => "replicas",
            Self::Replacements => "replacements",
            Self::Variables => "vars",
            Self::Generator => "generator",
            Self::NameHash => "name hash",
            Self::NameReference => "name reference",
            Self::BuildMetadata => "buildMetadata",
        }
    }
}

/// A field or list element that a patch took away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// From the object's root: keys, and for elements of lists their names.
    pub steps: Vec<CompactString>,
    /// The place in the patch.
    pub origin: Origin,
}

/// The changes of a build.
pub type Origins = source::Origins<Step>;
