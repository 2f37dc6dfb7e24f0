//! What other releases of Kustomize make something else of: one constant a construct, met where a build comes by it.
//!
//! Each was tried with the releases themselves; what they gave is under fixtures/compat, which a test holds these against.

use crate::source::{FileId, Origin, SourceMap};

/// A construct that some releases between [`OLDEST`] and [`NEWEST`] treat otherwise than v5.8.1 does.
#[derive(Debug, PartialEq, Eq)]
pub struct Construct {
    /// What it is.
    pub name: &'static str,
    /// Where and how releases differ.
    pub differs: &'static [Difference],
}

/// What becomes of a construct in some releases.
#[derive(Debug, PartialEq, Eq)]
pub struct Difference {
    /// The first release; [`OLDEST`] where all before `until` differ.
    pub from: &'static str,
    /// The first release that no longer differs; none where all later ones do.
    pub until: Option<&'static str>,
    /// What they do.
    pub effect: Effect,
    /// In words.
    pub what: &'static str,
}

/// How a build ends up otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// With other bytes.
    OtherBytes,
    /// With an error.
    Refused,
}

/// The oldest release that was tried.
pub const OLDEST: &str = "5.4.0";
/// The newest one.
pub const NEWEST: &str = "5.8.2";

impl Difference {
    /// Whether a release is among them.
    pub fn has(&self, release: &str) -> bool {
        release >= self.from && self.until.is_none_or(|until| release < until)
    }

    /// `before 5.7.0`, `from 5.8.2 on`, `5.8.0`
    pub fn releases(&self) -> String {
        match self.until {
            Some(until) if self.from == OLDEST => format!("before {until}"),
            Some(_) => self.from.to_owned(),
            None => format!("from {} on", self.from),
        }
    }
}

const fn before(until: &'static str, effect: Effect, what: &'static str) -> Difference {
    Difference { from: OLDEST, until: Some(until), effect, what }
}

const fn next(effect: Effect, what: &'static str) -> Difference {
    Difference { from: "5.8.2", until: None, effect, what }
}

macro_rules! constructs {
    ($($constant:ident, $name:literal: $($difference:expr),+;)+) => {
        $(pub(super) const $constant: &Construct = &Construct { name: $name, differs: &[$($difference),+] };)+

        /// Every construct.
        pub const ALL: &[&Construct] = &[$($constant),+];
    };
}

use Effect::{OtherBytes, Refused};

constructs! {
    LABEL_CONFIGURATION, "`labels` or `templateLabels` in a configuration":
        before("5.4.2", Refused, "knows no such field");
    ADMISSION_POLICY_NAME, "a binding that names a ValidatingAdmissionPolicy whose name changes":
        before("5.4.3", OtherBytes, "leaves the old name in the binding");
    LIST_WITHOUT_ITEMS, "a kind that ends in `List` and has no `items`":
        before("5.5.0", OtherBytes, "drops the object");
    TWO_NAMESPACES, "a `Namespace` beside one of another API group, in the legacy order":
        before("5.5.0", OtherBytes, "puts the other one first");
    REPLACEMENT_VALUE, "`sourceValue` of a replacement":
        before("5.7.0", Refused, "knows no such field");
    IMAGE_VOLUME, "an entry of `images` that meets an image volume":
        before("5.7.0", OtherBytes, "leaves the volume as it is");
    SEVERAL_DELETIONS, "several `$patch: delete` in one file":
        before("5.7.0", Refused, "takes one a file");
    REPLACEMENT_PATTERN, "a target of a replacement that selects by a pattern":
        before("5.8.0", OtherBytes, "compares names and kinds as they are written");
    REPLACEMENT_IN_TEXT, "a replacement into JSON or YAML within a text":
        before("5.8.0", Refused, "finds no such field");
    HELM_NAMESPACE, "a chart that takes the `namespace` of the kustomization":
        before("5.8.0", OtherBytes, "renders it for the namespace `default`, and moves its objects afterwards");
    INHERITED_NAMESPACE, "a directory without `namespace`, included by a kustomization that has one":
        Difference {
            from: "5.8.0",
            until: Some("5.8.1"),
            effect: OtherBytes,
            what: "moves what is below into the namespace before anything else of the including kustomization",
        };
    EMPTY_PATCH_FILE, "a patch file with nothing in it":
        before("5.8.1", Refused, "wants a patch there");
    MANAGED_BY, "the label `app.kubernetes.io/managed-by`":
        before("5.8.1", OtherBytes, "writes its own version"), next(OtherBytes, "writes its own version");
    ADMISSION_POLICY_NAMESPACE, "`namespace` and a ValidatingAdmissionPolicy or its binding":
        next(OtherBytes, "leaves it without a namespace");
    OTHER_DIGEST, "an entry of `images` and an image with another digest than sha256":
        next(OtherBytes, "sets the image");
    IMAGE_VOLUME_OF_CRONJOB, "an entry of `images` that could meet an image volume of a CronJob":
        next(OtherBytes, "sets the volume");
    VOLUME_CLAIM_LABELS, "labels that reach `volumeClaimTemplates`":
        next(OtherBytes, "leaves the templates alone unless `includeVolumeClaimTemplates` is set");
    DOTS_IN_A_NAME, "a path with `..` within one of its parts":
        next(Refused, "takes it for two paths run together");
    STRING_DATA, "a Secret generated onto one with `stringData`":
        next(OtherBytes, "turns `stringData` into `data` first");
    REPLACEMENT_PART_IN_TEXT, "`delimiter` of a replacement into JSON or YAML within a text":
        next(OtherBytes, "replaces the part alone");
}

impl Construct {
    /// Whether it is the one that shows only when the whole is built in the other way.
    pub fn is_inherited_namespace(&self) -> bool {
        self == INHERITED_NAMESPACE
    }
}

/// Where a construct was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// What.
    pub construct: &'static Construct,
    /// The place.
    pub origin: Origin,
}

impl Met {
    /// `path:line:column`, or the path alone.
    pub fn place(&self, sources: &SourceMap) -> Option<(String, usize, usize)> {
        let (file, offset): (FileId, u32) = self.origin.place()?;
        let position = sources.position(file, offset);
        Some((sources.file(file).path.to_string(), position.line, position.column))
    }
}
