//! The codes of this stage, and how refusals are worded.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// The codes of this stage.
pub mod codes {
    crate::diag::codes! {
        KUSTOMIZATION = "release/kustomization", "The images of this kustomization cannot be read: it must be one YAML document with a mapping, its `images` a list of mappings, and each of them must have a name. A merge conflict's markers are no YAML either.";
        NO_ENTRY = "release/no-entry", "The kustomization has no entry of this name under `images`, so there is no version of it to change here. The name is that of the image in the manifests, before `newName` replaces it.";
        DUPLICATE_ENTRY = "release/duplicate-entry", "Two entries under `images` have the same name. Kustomize applies both, one after the other, so it is unclear which of them a release is to change. Keep one.";
        SHARED_VALUE = "release/shared-value", "The value stands in the file once and counts in several places: it is an alias (`*name`), it has an anchor (`&name`) that is used elsewhere, or a merge key (`<<`) brings it in. Changing it for one image would change the others with it. Write the value out.";
        UNSUPPORTED_STYLE = "release/unsupported-style", "The value is written in a way that is not replaced in place: as a block scalar (`|`, `>`), over several lines, as a list or mapping, or with a YAML tag of its own. Write it as a plain or quoted text on one line.";
        UNPROVEN_EDIT = "release/unproven-edit", "The file was edited in memory, read again by two parsers, and did not differ in exactly the intended values. Nothing was written. The entry is written in an unusual style: write it as a plain block mapping, or make this edit by hand.";
    }
}

/// A refusal at a place.
pub(super) fn refuse(
    code: &'static Code,
    message: impl Into<String>,
    span: Span,
    label: impl Into<String>,
) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(code, message).at(span, label))
}
