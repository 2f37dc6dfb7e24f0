//! The codes of a build, and how its failures are worded.

use crate::diag::{Code, Diagnostic};
use crate::source::{Origin, Span};
use crate::yaml::load::LoadError;

/// The codes of this stage.
pub mod codes {
    crate::diag::codes! {
        KUSTOMIZATION = "build/kustomization", "The kustomization file is not one that Kustomize takes: an unknown field, a value of the wrong type, a kind or version it does not know, or nothing in it at all. Kustomize refuses it, and so Argo CD would.";
        PATH = "build/path", "A path that a kustomization names leads to nothing that can be read: no such file, no kustomization in the directory, or a place that Kustomize does not let it read. Files must lie in or below the directory of the kustomization that names them; directories may lie anywhere, by a relative path.";
        CYCLE = "build/cycle", "A kustomization includes a directory that includes it, or that lies around it, so that the build would never end.";
        REMOTE = "build/remote", "A resource lies in another repository or on a web server. A build here reads no network: vendor what you need into the repository, so that a merge request shows when it changes.";
        PLUGIN = "build/plugin", "A generator or transformer needs another program: a container, an executable or Helm. It is not run. Commit its output, or for Helm charts within the repository give `--enable-helm`.";
        RESOURCE = "build/resource", "A manifest is not one that Kustomize takes: no YAML, no kind, no name.";
        DUPLICATE_ID = "build/duplicate-id", "Two resources have the same group, version, kind, namespace and name. Kustomize refuses the second one. Where both come from one base that is included twice, include it once, or give each a prefix or namespace.";
        PATCH = "build/patch", "A patch cannot be read or applied: it is neither a strategic merge patch nor a JSON patch, or what it changes has another shape.";
        PATCH_TARGET = "build/patch-target", "A patch without `target` must have exactly one resource of its apiVersion, kind, name and namespace; a missing namespace means `default`. Correct the id, or give the patch a `target`.";
        TRANSFORMER = "build/transformer", "A transformer meets a field of a shape it cannot change, or what it is told does not make sense.";
        GENERATOR = "build/generator", "A ConfigMap or Secret cannot be generated: a source that is not there, a key twice, or a behaviour that does not fit what there is.";
        REPLACEMENT = "build/replacement", "A replacement cannot be made: its source is missing or not the only one, or a selected target has no such field. Set `options.create`, or narrow the selection.";
        VARIABLE = "build/variable", "A var has no value, or more than one resource could give it.";
        REFERENCE = "build/reference", "A name could refer to several resources with different new names, so Kustomize refuses to choose.";
        OUTPUT = "build/output", "A value cannot be printed: a key that is no string or occurs twice, a number without JSON form, or a text that its type does not allow.";
        DEPRECATED = "build/deprecated", "Kustomize still understands the field and has announced its end. `kustomize edit fix` shows the replacement; the build stays the same.";
        IMAGE_UNMATCHED = "build/image-unmatched", "An entry of `images` names an image that no container has, and Kustomize says nothing about it: what is deployed is not what the entry says. Usually a name was changed on one side only.";
        PATCH_UNMATCHED = "build/patch-unmatched", "The target of a patch matches no resource, and Kustomize says nothing about it. Usually a name was changed on one side only.";
        REPLACEMENT_UNMATCHED = "build/replacement-unmatched", "A target of a replacement selects no resource, and Kustomize says nothing about it. Usually a name was changed on one side only.";
        OVERRIDE = "build/override", "A value that an Argo CD Application sets over its kustomization is one that `kustomize edit` refuses: an image without tag, digest or new name, a label that is there already and is not forced, a component that does not exist. The Application would not be rendered.";
        DUPLICATE_KEY = "build/duplicate-key", "A kustomization file has a field twice. Kustomize takes the last one and says nothing.";
    }
}

/// Why a build, or a step of it, ended.
pub(super) type Failure = Box<Diagnostic>;

/// A failure at a place.
pub(super) fn failure(code: &'static Code, message: impl Into<String>, origin: Origin, label: &str) -> Failure {
    Box::new(at(Diagnostic::error(code, message), origin, label))
}

/// Adds the place of an origin to a diagnostic, where it has one in a file.
pub(super) fn at(diagnostic: Diagnostic, origin: Origin, label: &str) -> Diagnostic {
    match origin.place() {
        Some((file, start)) => diagnostic.at(Span { file, start, end: start }, label),
        None => diagnostic,
    }
}

/// A text that could not be read.
pub(super) fn unreadable(code: &'static Code, error: &LoadError, path: &str) -> Failure {
    let kind = if error.malformed { "is not valid YAML" } else { "cannot be used" };
    Box::new(Diagnostic::error(code, format!("`{path}` {kind}")).at(error.span, error.message.clone()))
}
