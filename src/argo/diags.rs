//! The codes of this stage, and how places become labels.

use crate::diag::{Code, Diagnostic};
use crate::source::{FileId, Origin, Span};

/// The codes of this stage.
pub mod codes {
    crate::diag::codes! {
        MANIFEST = "load/manifest", "A file of manifests must hold Kubernetes objects: YAML or JSON documents, each with apiVersion, kind and a name.";
        NOT_EVALUATED = "argo/not-evaluated", "A part of an ApplicationSet cannot be worked out from the files of this repository alone: its generator asks a cluster, a forge, a plug-in or another repository, or its template calls a function that is not known here. The Applications it generates are not judged. Clusters can be declared in the settings.";
        GENERATOR = "argo/generator", "A generator or template of an ApplicationSet fails as Argo CD's controller would have it fail: a value of the wrong type, a key that is missing, a template that cannot be parsed. Argo CD then generates nothing from it.";
        APPLICATION = "argo/application", "An Application lacks what Argo CD needs to render it, or says two things that exclude each other, such as `kustomize` and `directory` of one source.";
        SOURCE_FILE = "argo/source-file", "A file `.argocd-source.yaml` or `.argocd-source-<application>.yaml` beside the manifests is merged onto the source of the Application. This one is not YAML with a mapping, so Argo CD cannot render the Application.";
        REVISION = "argo/revision", "An Application puts the revision that is deployed into what it builds, and which one that will be is not known before. What is judged has a stand-in.";
    }
}

/// A diagnostic with the place of an origin, where it has one in a file.
pub(super) fn at(diagnostic: Diagnostic, origin: Origin, label: &str) -> Diagnostic {
    match origin.place() {
        Some((file, start)) if file != FileId::NONE => diagnostic.at(Span { file, start, end: start }, label),
        _ => diagnostic,
    }
}

/// An error at a place.
pub(super) fn failure(code: &'static Code, message: impl Into<String>, origin: Origin, label: &str) -> Box<Diagnostic> {
    Box::new(at(Diagnostic::error(code, message), origin, label))
}
