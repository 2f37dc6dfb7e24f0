//! What an Application does to the build of what it deploys, a folder a case under fixtures/argocd-overrides: `in/` with
//! the overlay, `application.yaml`, and `expected.yaml`, recorded from Kustomize v5.8.1 after the `kustomize edit`
//! commands that Argo CD runs; `refused` where one of them or the build refuses.

use std::path::Path;

use similar::TextDiff;

use gitopsctl::argo::{self, Overridden};
use gitopsctl::diag::{Diagnostic, Diagnostics};
use gitopsctl::kustomize::{self, Finished, Options, Session};
use gitopsctl::source::SourceMap;
use gitopsctl::tree::Tree;

use crate::build::{cases, read};

/// The build of a case as Argo CD would come to it, with what the session leaves behind.
fn built(case: &Path) -> (Result<kustomize::Build, Box<Diagnostic>>, Finished) {
    let mut sources = SourceMap::default();
    let text = read(&case.join("application.yaml"));
    let file = sources.add("application.yaml", &*text);
    let documents = argo::manifests(&text, file, "application.yaml").unwrap_or_else(|error| panic!("{error:?}"));
    let tree = Tree::directory(case.join("in"));
    let context = argo::Context { tree: &tree, repository: "", clusters: &[], own_repos: &[] };
    let found = argo::read(&documents.iter().collect::<Vec<_>>(), &context);
    let [application] = &found.applications[..] else { panic!("{}: {found:?}", case.display()) };
    assert!(application.check().is_ok());
    let source = &application.sources[0];
    let directory = source.directory_path().unwrap_or_default();
    let revision = Some("0123456789abcdef0123456789abcdef01234567");
    let place = Overridden { directory: &directory, revision, own_namespace: Some("argocd") };
    let effective = argo::effective_source(application, source, &tree, &place, &mut sources);
    let effective = effective.unwrap_or_else(|error| panic!("{}: {error:?}", case.display()));
    assert_eq!(effective.target_revision, source.target_revision);
    let mut diagnostics = Diagnostics::default();
    let overrides = argo::overrides(application, &effective, &place, &mut diagnostics);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    let session = Session::new(&tree, "", sources, Options::default());
    let build = kustomize::build_with(&session, &directory, &overrides);
    (build, session.finish())
}

#[test]
fn overridden_builds_are_those_of_kustomize_byte_for_byte() {
    let mut wrong = String::new();
    for case in cases("fixtures/argocd-overrides", 35) {
        let (build, finished) = built(&case);
        let wanted = read(&case.join("expected.yaml"));
        let got = match build.and_then(|build| build.text()) {
            Ok(text) => text,
            Err(failure) => {
                let label = failure.labels.first().unwrap_or_else(|| panic!("{failure:?}"));
                let file = &finished.sources.file(label.span.file).path;
                if wanted == "refused\n" {
                    assert_eq!(&**file, "application.yaml", "{failure:?}");
                    continue;
                }
                format!("{}: {}", file, failure.message)
            }
        };
        if got != wanted {
            let diff = TextDiff::from_lines(&wanted, &got).unified_diff().to_string();
            wrong += &format!("{}:\n{diff}\n", case.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// `file:line` of the first that set each line that holds a text.
fn setters(case: &str, text: &str) -> Vec<String> {
    let (build, finished) = built(&crate::support::project().join("fixtures/argocd-overrides").join(case));
    let build = build.unwrap_or_else(|error| panic!("{error:?}"));
    let mut places = Vec::new();
    for resource in &build.resources {
        let lines = kustomize::blame(&resource.root, &finished.origins, &finished.sources);
        for (line, setters) in lines.unwrap_or_else(|error| panic!("{error:?}")) {
            if line.contains(text) {
                let place = setters.first().and_then(|setter| setter.place.as_ref());
                places.push(place.map_or_else(String::new, |place| format!("{}:{}", place.file, place.line)));
            }
        }
    }
    places
}

#[test]
fn overridden_values_are_blamed_on_the_application_or_its_source_file() {
    assert_eq!(setters("image-new-entry", "shop:2.0.0"), ["application.yaml:14"]);
    assert_eq!(setters("image-wins-over-the-overlay", "nginx:1.27"), ["application.yaml:15"]);
    assert_eq!(setters("replicas", "replicas: 5"), ["application.yaml:15"]);
    assert_eq!(setters("namespace", "namespace: shop-eu"), ["application.yaml:13"; 2]);
    assert_eq!(setters("labels-without-selector", "team: checkout"), ["application.yaml:14"; 2]);
    assert_eq!(setters("patches", "minReadySeconds: 9"), ["application.yaml:18"]);
    assert_eq!(setters("source-file", "shop:3.0.0"), ["overlay/.argocd-source.yaml:4"]);
    assert_eq!(
        setters("source-file-of-an-application", "namespace: second"),
        ["overlay/.argocd-source-shop.yaml:2"; 2]
    );
}
