//! Which Kustomize is reproduced. Everything that differs between the releases asks here.

/// A release of Kustomize.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Release {
    /// v5.8.1, the reference.
    #[default]
    V5_8_1,
    /// v5.8.2.
    V5_8_2,
}

impl Release {
    /// Every release, in order.
    pub const ALL: [Release; 2] = [Self::V5_8_1, Self::V5_8_2];

    /// `5.8.1`
    pub fn name(self) -> &'static str {
        match self {
            Self::V5_8_1 => "5.8.1",
            Self::V5_8_2 => "5.8.2",
        }
    }

    /// Whether a fact that came with a release (empty: always there) holds for this one.
    pub(super) fn has(self, since: &str) -> bool {
        since.is_empty() || self.name() >= since
    }

    /// Whether a field spec of the table belongs to this release: `both`, or its own name.
    pub(super) fn uses(self, versions: &str) -> bool {
        versions == "both" || versions == self.name()
    }

    /// `images` match digests of any algorithm, and a name that is no regular expression matches nothing.
    pub(super) fn any_digest(self) -> bool {
        self >= Self::V5_8_2
    }

    /// `labels` with `includeVolumeClaimTemplates`, and the configuration `volumeClaimTemplateLabels`.
    pub(super) fn labels_volume_claims(self) -> bool {
        self >= Self::V5_8_2
    }

    /// `..` within a segment of a directory path is refused.
    pub(super) fn refuses_dots(self) -> bool {
        self >= Self::V5_8_2
    }

    /// A generated Secret that merges onto one with `stringData` turns that into `data` first.
    pub(super) fn merges_string_data(self) -> bool {
        self >= Self::V5_8_2
    }

    /// `replacements` into a text that is JSON or YAML honour `delimiter` and `index`.
    pub(super) fn splits_in_structured_text(self) -> bool {
        self >= Self::V5_8_2
    }
}
