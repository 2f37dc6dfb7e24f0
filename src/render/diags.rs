//! The codes of this stage and the wording of its diagnostics.

use crate::diag::{Diagnostic, closest};
use crate::source::Span;

/// The codes of this stage.
pub mod codes {
    crate::diag::codes! {
        UNKNOWN_ARCHETYPE = "render/unknown-archetype", "A service, or the `extends` of an archetype, names an archetype that is neither built in nor a folder with an archetype.yaml under templates/.";
        ARCHETYPE = "render/archetype", "An archetype's own declaration does not work: it extends itself in a circle, its schema for `params` is no JSON Schema, or a service gives parameters to an archetype that takes none.";
        TEMPLATE = "render/template", "A template failed. The first place is the expression in the template, then the template that included it, and last the catalog value that the expression speaks of. Templates see exactly what CONTRIBUTING.md lists; anything else is undefined, and undefined is an error.";
        MISPLACED = "render/misplaced", "A template lies directly in templates/infrastructure/base, from where no overlay could read what it makes: Kustomize takes an overlay that reads a folder around it for a cycle. Each folder there is a base of its own.";
        NOT_YAML = "render/not-yaml", "A template rendered a file that is not YAML, so nothing was written. A value that needs quotes is the usual cause: use the filters `scalar` and `quote`.";
        NO_TAG = "render/no-tag", "The overlay is rendered for the first time, and the service says no `initialTag`, so nobody can tell which image is to run. Set it once; after that the tag in the overlay is CI's.";
        IN_THE_WAY = "render/in-the-way", "A file that is to be rendered is there already and was not rendered by gitopsctl, as its first line would say. It is left alone. Move what it holds to extra/ or patches/, or delete it.";
        KEPT_FILE = "render/kept-file", "The repository has a file of its own where gitopsctl would render one; its own is left alone.";
        ORPHAN = "render/orphan", "A rendered file belongs to a service, environment or domain that is no longer in the catalog. It stays until `gitopsctl render --prune` removes it, because removing an Application may make Argo CD delete what it deployed.";
        FINALIZER = "render/finalizer", "The Application that is removed has the finalizer resources-finalizer.argocd.argoproj.io: when it goes, Argo CD deletes everything that it deployed. To keep what runs, take the finalizer off the Application in the cluster first.";
        HELD = "render/held", "A service's catalog file does not load, and the file would be rendered without something that may be that service's: a rule that lets it in, its database, its place in a list. So it stays as it is until the catalog file is right.";
        NEWER_TEMPLATES = "render/newer-templates", "The tree was rendered by a newer gitopsctl, whose templates this one does not have; rendering would take back what they do. Update gitopsctl.";
        OLDER_TEMPLATES = "render/older-templates", "The tree was rendered with an older version of the built-in templates, so differences need not be edits. `gitopsctl render` without arguments renders everything with the new ones and notes their version in gitopsctl.yaml.";
    }
}

/// `known` are the archetypes that there are.
pub(super) fn unknown_archetype(place: Span, name: &str, known: &[&str]) -> Diagnostic {
    let message = format!("unknown archetype `{name}`");
    let diagnostic = Diagnostic::error(&codes::UNKNOWN_ARCHETYPE, message).at(place, "no such archetype");
    match closest(name, known.iter().copied()) {
        Some(near) => diagnostic.near(Some(near)),
        None => {
            diagnostic.help(format!("there are {}; templates/{name}/archetype.yaml would add one", known.join(", ")))
        }
    }
}

pub(super) fn archetype_cycle(place: Option<Span>, name: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error(&codes::ARCHETYPE, format!("the archetype `{name}` extends itself in a circle"));
    match place {
        Some(place) => diagnostic.at(place, ""),
        None => diagnostic,
    }
}

pub(super) fn no_params(place: Span, archetype: &str) -> Diagnostic {
    Diagnostic::error(&codes::ARCHETYPE, format!("the archetype `{archetype}` takes no params"))
        .at(place, "")
        .help(format!("declare them under `params:` in templates/{archetype}/archetype.yaml"))
}

pub(super) fn bad_params_schema(place: Span, archetype: &str, error: &str) -> Diagnostic {
    let message = format!("`params` of the archetype `{archetype}` is not a JSON Schema: {error}");
    Diagnostic::error(&codes::ARCHETYPE, message).at(place, "judged by it")
}

pub(super) fn undecodable(place: Span, error: &str) -> Diagnostic {
    Diagnostic::error(&codes::ARCHETYPE, format!("the archetype cannot be read: {error}")).at(place, "")
}

/// `places` lead from the failing expression outwards; `value` is the catalog value behind it.
pub(super) fn template_failed(
    what: &str,
    detail: &str,
    expression: &str,
    places: &[Span],
    value: Option<(Span, String)>,
) -> Diagnostic {
    let is_short = !expression.is_empty() && !expression.contains('\n') && expression.len() < 80;
    let message = if is_short { format!("{what} at `{expression}`: {detail}") } else { format!("{what}: {detail}") };
    let mut diagnostic = Diagnostic::error(&codes::TEMPLATE, message);
    for (index, place) in places.iter().enumerate() {
        diagnostic = diagnostic.at(*place, if index == 0 { "fails here" } else { "reached from here" });
    }
    match value {
        Some((place, path)) => diagnostic.at(place, format!("`{path}` comes from here")),
        None => diagnostic,
    }
}

pub(super) fn misplaced(template: &str) -> Diagnostic {
    Diagnostic::error(&codes::MISPLACED, format!("the template {template} lies beside the bases, not in one"))
        .help("move it into a folder, such as infrastructure/base/databases")
}

pub(super) fn not_yaml(place: Span, path: &str, template: &str, detail: &str) -> Diagnostic {
    Diagnostic::error(&codes::NOT_YAML, format!("{path} would not be YAML"))
        .at(place, detail.to_owned())
        .help(format!("mend the template {template}"))
}

pub(super) fn no_tag(place: Span, service: &str, environment: &str) -> Diagnostic {
    Diagnostic::error(&codes::NO_TAG, format!("no image tag is known for `{service}` in {environment}"))
        .at(place, "")
        .help("add `initialTag:`, used once, when the overlay is first rendered")
}

pub(super) fn in_the_way(place: Span, path: &str) -> Diagnostic {
    Diagnostic::error(&codes::IN_THE_WAY, format!("{path} was not rendered by gitopsctl and is in the way"))
        .at(place, "no `# Generated by gitopsctl` in the first line")
        .help("move what it holds to extra/ or patches/, or delete it, then render again")
}

pub(super) fn kept_file(path: &str) -> Diagnostic {
    Diagnostic::warning(&codes::KEPT_FILE, format!("{path} is the repository's own and stays as it is"))
}

pub(super) fn held(path: &str, service: &str) -> Diagnostic {
    Diagnostic::warning(
        &codes::HELD,
        format!("{path} may be about `{service}`, whose catalog file does not load, and stays as it is"),
    )
}

pub(super) fn orphans(subject: &str, count: usize) -> Diagnostic {
    let files = if count == 1 { "1 rendered file is".to_owned() } else { format!("{count} rendered files are") };
    Diagnostic::warning(&codes::ORPHAN, format!("{subject} left the catalog, and {files} still here"))
        .help("remove with `gitopsctl render --prune`")
}

pub(super) fn finalizer(path: &str) -> Diagnostic {
    let message = format!("removing {path} makes Argo CD delete everything that this Application deployed");
    Diagnostic::warning(&codes::FINALIZER, message)
}
