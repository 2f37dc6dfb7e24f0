//! The example platform as it is rendered lies under fixtures/platform, so that a change of a template shows in review.
//! `GITOPSCTL_BLESS=1 cargo test golden` writes it anew.

use std::collections::BTreeSet;
use std::fs;

use crate::support::{Repository, files, project};

#[test]
fn the_example_platform_renders_as_committed() {
    let repository = Repository::rendered();
    let golden = project().join("fixtures/platform");
    let rendered = repository.files();
    if std::env::var_os("GITOPSCTL_BLESS").is_some() {
        let _ = fs::remove_dir_all(golden.join("gitops")); // it may not be there yet
        for (path, text) in &rendered {
            let path = golden.join(path);
            fs::create_dir_all(path.parent().unwrap_or(&golden)).unwrap_or_else(|error| panic!("{error}"));
            fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        }
    }
    let expected = files(&golden);
    assert!(expected.len() > 400, "the golden tree is not there");
    let names: BTreeSet<_> = expected.keys().chain(rendered.keys()).collect();
    let different: Vec<_> = names.into_iter().filter(|name| expected.get(*name) != rendered.get(*name)).collect();
    assert!(different.is_empty(), "these differ from fixtures/platform: {different:#?}");
}

#[test]
fn every_service_has_what_it_needs_in_every_environment() {
    let repository = Repository::rendered();
    let services = files(&project().join("fixtures/platform/services"));
    assert_eq!(services.len(), 21);
    for name in services.keys().filter_map(|name| name.strip_suffix(".yaml")) {
        for file in ["deployment", "service", "configmap", "serviceaccount", "networkpolicy", "kustomization"] {
            assert!(repository.has(&format!("gitops/apps/{name}/base/{file}.yaml")), "{name}: {file}");
        }
        for environment in ["dev", "production"] {
            let overlay = format!("gitops/apps/{name}/overlays/{environment}");
            let kustomization = repository.read(&format!("{overlay}/kustomization.yaml"));
            assert!(kustomization.contains("newName: registry.example.com/"), "{kustomization}");
            assert!(kustomization.contains("newTag: v"), "{kustomization}");
            assert!(repository.has(&format!("{overlay}/patch-replicas.yaml")));
            let application = repository.read(&format!("gitops/argocd/{environment}/{name}.yaml"));
            assert!(application.contains(&format!("path: {overlay}\n")), "{application}");
        }
    }
}

#[test]
fn waves_rise_from_databases_to_the_gateway() {
    let repository = Repository::rendered();
    for (path, wave) in [
        ("gitops/infrastructure/databases/postgresql.yaml", 0),
        ("gitops/infrastructure/dapr/dapr-components.yaml", 1),
        ("gitops/apps/order-service/base/deployment.yaml", 2),
        ("gitops/apps/gateway-service/base/deployment.yaml", 3),
        ("gitops/argocd/production/infrastructure.yaml", 0),
        ("gitops/argocd/production/order-service.yaml", 2),
        ("gitops/argocd/production/gateway-service.yaml", 3),
    ] {
        let text = repository.read(path);
        assert!(text.contains(&format!("argocd.argoproj.io/sync-wave: \"{wave}\"")), "{path}:\n{text}");
    }
}
