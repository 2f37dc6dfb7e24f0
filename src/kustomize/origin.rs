//! The steps of a build, as the origins of values name them.

use crate::source;

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

/// The changes of a build.
pub type Origins = source::Origins<Step>;
