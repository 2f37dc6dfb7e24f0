//! `gitopsctl render`: what it keeps, what it refuses, and what one mistake may not do to others.

use std::collections::BTreeMap;

use gitopsctl::pipeline::{RenderOptions, Workspace};

use crate::support::Repository;

const OVERLAY: &str = "gitops/apps/order-service/overlays/production/kustomization.yaml";
const FLAGS: &str = "gitops/infrastructure/overlays/production/feature-flags.yaml";

#[test]
fn rendering_again_changes_no_byte() {
    let repository = Repository::rendered();
    let before = repository.files();
    repository.run(&["render"]).exits(0).says("0 files written");
    assert_eq!(repository.files(), before);
    repository.run(&["render", "--check"]).exits(0);
}

#[test]
fn a_hand_edit_is_found_and_shown() {
    let repository = Repository::rendered();
    repository.edit("gitops/apps/order-service/base/service.yaml", "type: ClusterIP", "type: NodePort");
    let before = repository.files();
    repository.run(&["render", "--check"]).exits(1).prints("-  type: NodePort\n+  type: ClusterIP\n");
    repository.run(&["render", "--dry-run"]).exits(0).prints("--- a/gitops/apps/order-service/base/service.yaml");
    assert_eq!(repository.files(), before);
    repository.run(&["render"]).exits(0).says("1 file written");
    repository.run(&["render", "--check"]).exits(0);
}

#[test]
fn what_ci_and_people_own_stays_and_takes_effect() {
    let repository = Repository::rendered();
    repository.edit(OVERLAY, "newTag: v1.9.0", "newTag: 'v9.9.9'\n  digest: sha256:00\n- name: sidecar\n  newTag: v1");
    repository.edit(FLAGS, "order_cutover_percentage: \"0\"", "order_cutover_percentage: '25'");
    repository.write("gitops/apps/order-service/base/extra/monitor.yaml", "kind: ConfigMap\n");
    repository.write("gitops/apps/order-service/overlays/production/patches/more-memory.yaml", "kind: Deployment\n");
    repository.write("gitops/infrastructure/dapr/extra/tracing.yaml", "kind: Configuration\n");
    repository.write("gitops/argocd/production/extra/tools.yaml", "kind: Application\n");
    repository.write("templates/service/archetype.yaml", "extends: service\n");
    repository.write("templates/service/base/serviceaccount.yaml", "kind: ServiceAccount\nname: {{ service.name }}\n");
    repository.edit("services/order-service.yaml", "{http: 8001, grpc: 9001}", "{http: 8101, grpc: 9101}");
    repository.run(&["render"]).exits(0);
    let overlay = repository.read(OVERLAY);
    assert!(overlay.contains("  newTag: 'v9.9.9'\n  digest: sha256:00\n- name: sidecar\n  newTag: v1\n"), "{overlay}");
    assert!(overlay.contains("- path: patches/more-memory.yaml\n"), "{overlay}");
    assert!(repository.read(FLAGS).contains("order_cutover_percentage: '25'\n"));
    let base = "gitops/apps/order-service/base";
    assert!(repository.read(&format!("{base}/kustomization.yaml")).contains("- extra/monitor.yaml\n"));
    assert!(repository.read("gitops/infrastructure/dapr/kustomization.yaml").contains("- extra/tracing.yaml\n"));
    assert!(repository.read("gitops/argocd/production/kustomization.yaml").contains("- extra/tools.yaml\n"));
    assert!(repository.read(&format!("{base}/serviceaccount.yaml")).ends_with("name: order-service\n"));
    assert!(repository.read(&format!("{base}/deployment.yaml")).contains("containerPort: 8101\n"));
    assert!(repository.read("gitops/apps/payment-service/base/deployment.yaml").contains("containerPort: 8003\n"));
    let before = repository.files();
    repository.run(&["render"]).exits(0).says("0 files written");
    assert_eq!(repository.files(), before);
}

#[test]
fn an_unquoted_number_as_tag_becomes_the_string_that_was_meant() {
    let repository = Repository::rendered();
    repository.edit(OVERLAY, "newTag: v1.9.0", "newTag: 1.10");
    repository.run(&["render"]).exits(0);
    assert!(repository.read(OVERLAY).contains("newTag: \"1.10\"\n"));
}

#[test]
fn a_tag_amid_conflict_markers_is_not_lost() {
    let repository = Repository::rendered();
    repository.edit(OVERLAY, "  newTag: v1.9.0", "<<<<<<< HEAD\n  newTag: v2\n=======\n  newTag: v3\n>>>>>>> x");
    let before = repository.read(OVERLAY);
    repository.edit("services/order-service.yaml", "{http: 8001,", "{http: 8101,");
    repository.edit("services/payment-service.yaml", "http: 8003", "http: 8103");
    repository.run(&["render"]).exits(3).says(&format!("--> {OVERLAY}:"));
    assert_eq!(repository.read(OVERLAY), before);
    // The service is left as a whole, and no other is held back.
    assert!(repository.read("gitops/apps/order-service/base/deployment.yaml").contains("containerPort: 8001\n"));
    assert!(repository.read("gitops/apps/payment-service/base/deployment.yaml").contains("containerPort: 8103\n"));
}

#[test]
fn one_broken_service_holds_back_no_other() {
    let repository = Repository::example();
    repository.edit("services/order-service.yaml", "domain: commerce-flow", "domain: commerce-flo");
    repository.run(&["render"]).exits(3).says("did you mean `commerce-flow`?").says("20 services: ");
    assert!(!repository.has("gitops/apps/order-service"));
    assert!(repository.has("gitops/apps/payment-service/base/deployment.yaml"));
    assert!(repository.has("gitops/argocd/production/gateway-service.yaml"));
}

/// Whatever is wrong with a service's file, what was rendered of it and for it stays.
fn breaks_without_harm(before: &str, after: &str) {
    let repository = Repository::rendered();
    let rendered = repository.files();
    repository.edit("services/order-service.yaml", before, after);
    repository.run(&["render"]).exits(3);
    repository.run(&["render", "--prune"]).exits(3);
    let now = repository.files();
    let is_output = |path: &&String| path.starts_with("gitops/") || path.as_str() == "CODEOWNERS";
    for path in rendered.keys().filter(is_output) {
        let text =
            |files: &BTreeMap<String, Vec<u8>>| files.get(path).map(|text| String::from_utf8_lossy(text).into_owned());
        assert_eq!(text(&now), text(&rendered), "{path}");
    }
}

#[test]
fn a_service_that_breaks_keeps_what_was_rendered() {
    breaks_without_harm("domain: commerce-flow", "domain: [");
    breaks_without_harm("domain: commerce-flow", "domain: 5");
    breaks_without_harm("store: {database: order}", "store: {database: Order}");
    breaks_without_harm("name: order-service", "name: \"\"");
    breaks_without_harm("calls: [customer-service]", "calls: [custmer-service]");
}

#[test]
fn a_service_that_left_is_reported_and_goes_only_when_asked() {
    let repository = Repository::rendered();
    repository.remove("services/loyalty-service.yaml");
    repository.edit("services/gateway-service.yaml", "- loyalty-service\n", "");
    repository.edit("services/analytics-service.yaml", "- loyalty.changed\n", "");
    repository.edit("services/promotion-service.yaml", "consumes: [loyalty.changed]\n", "");
    let application = "gitops/argocd/production/loyalty-service.yaml";
    let parent = "gitops/argocd/production/kustomization.yaml";
    let run = repository.run(&["render"]);
    let run = run.exits(0).says("warning[render/orphan]: `loyalty-service` left the catalog").says("--prune");
    assert!(!run.stderr.contains("error"), "{}", run.stderr);
    assert!(repository.has(application));
    assert!(repository.read(parent).contains("- loyalty-service.yaml\n"), "its parent would delete it");
    let run = repository.run(&["render", "--prune"]).exits(0);
    run.says("warning[render/finalizer]").says(application);
    assert!(!repository.has(application) && !repository.has("gitops/apps/loyalty-service"));
    assert!(!repository.read(parent).contains("loyalty"));
    repository.run(&["render", "--check"]).exits(0);
}

#[test]
fn what_a_template_made_at_the_root_goes_with_the_template_when_asked() {
    let repository = Repository::example();
    repository.write("templates/repository/NOTES", "{{ platform.name }}\n");
    repository.run(&["render"]).exits(0);
    assert!(repository.read("NOTES").ends_with("\nshop\n"));
    repository.remove("templates/repository/NOTES");
    repository.run(&["render"]).exits(0).says("warning[render/orphan]: what made NOTES left the catalog");
    repository.run(&["render", "--prune"]).exits(0);
    assert!(!repository.has("NOTES") && repository.has("CODEOWNERS"));
}

#[test]
fn an_environment_that_is_switched_off_goes_only_when_asked() {
    let repository = Repository::rendered();
    repository.edit("services/order-service.yaml", "dev: {autoscaling: {min: 1, max: 3}}", "dev: {enabled: false}");
    repository.run(&["render"]).exits(0).says("`order-service` in dev left the catalog");
    assert!(repository.has("gitops/argocd/dev/order-service.yaml"));
    repository.run(&["render", "--prune"]).exits(0);
    assert!(!repository.has("gitops/argocd/dev/order-service.yaml"));
    assert!(!repository.has("gitops/apps/order-service/overlays/dev"));
    assert!(repository.has("gitops/apps/order-service/overlays/production"));
}

#[test]
fn a_part_that_a_service_no_longer_has_goes() {
    let repository = Repository::rendered();
    let text = repository.read("services/search-service.yaml");
    repository.write("services/search-service.yaml", &text.replace("autoscaling: {min: 2, max: 10, cpu: 60}\n", ""));
    repository.run(&["render"]).exits(0).says("1 removed");
    assert!(!repository.has("gitops/apps/search-service/base/hpa.yaml"));
    assert!(repository.read("gitops/apps/search-service/base/deployment.yaml").contains("replicas: 1\n"));
    repository.run(&["render", "--check"]).exits(0);
}

#[test]
fn a_file_that_was_not_rendered_is_not_overwritten() {
    let repository = Repository::example();
    let path = "gitops/apps/order-service/base/service.yaml";
    repository.write(path, "kind: Service\n");
    repository.write("CODEOWNERS", "* @me\n");
    let run = repository.run(&["render"]).exits(3).says("error[render/in-the-way]").says(&format!("--> {path}:1:1"));
    run.says("warning[render/kept-file]: CODEOWNERS");
    assert_eq!(repository.read(path), "kind: Service\n");
    assert_eq!(repository.read("CODEOWNERS"), "* @me\n");
    assert!(!repository.has("gitops/apps/order-service/base/deployment.yaml"));
    assert!(repository.has("gitops/apps/payment-service/base/deployment.yaml"));
}

#[cfg(unix)]
#[test]
fn a_link_does_not_lead_out_of_the_repository() {
    let (repository, outside) = (Repository::example(), Repository::empty());
    repository.write("gitops/apps/x", "");
    std::os::unix::fs::symlink(outside.path(), repository.path().join("gitops/apps/order-service"))
        .unwrap_or_else(|error| panic!("{error}"));
    repository.run(&["render"]).exits(4).says("`gitops/apps/order-service` is a symbolic link");
    assert!(outside.files().is_empty());
    assert!(repository.has("gitops/apps/payment-service/base/deployment.yaml"));
}

#[test]
fn one_service_is_rendered_alone_and_others_are_named() {
    let repository = Repository::rendered();
    repository.edit("services/order-service.yaml", "{http: 8001, grpc: 9001}", "{http: 8101, grpc: 9101}");
    let run = repository.run(&["render", "order-service"]).exits(0);
    run.says("3 other services would change too (checkout-service, gateway-service, returns-service)");
    assert!(repository.read("gitops/apps/order-service/base/deployment.yaml").contains("containerPort: 8101\n"));
    repository.run(&["render", "--check"]).exits(1).says("21 services: ");
    repository.run(&["render", "--check", "order-service"]).exits(0).says("1 service: ");
    repository.run(&["render", "oder-service"]).exits(2).says("did you mean `order-service`?");
}

#[test]
fn an_older_tree_is_told_from_an_edited_one_and_noted_when_rendered() {
    let repository = Repository::rendered();
    let newer = |check: bool, services: &[&str]| {
        let mut workspace = Workspace::open(repository.path());
        workspace.template_version = 2;
        let catalog = workspace.catalog().unwrap_or_else(|| panic!("{:?}", workspace.diagnostics));
        let services = services.iter().map(|name| (*name).to_owned()).collect();
        let rendering = workspace.render(&catalog, &RenderOptions { services, prune: false, check });
        (workspace, rendering)
    };
    let codes = |workspace: &Workspace| workspace.diagnostics.iter().map(|d| d.code.id).collect::<Vec<_>>();
    let (workspace, _) = newer(true, &[]);
    assert_eq!(codes(&workspace), ["render/older-templates"]);
    let (workspace, rendering) = newer(false, &["order-service"]);
    assert!(workspace.diagnostics.has_errors() && rendering.changes().next().is_none());
    let (workspace, rendering) = newer(false, &[]);
    assert!(workspace.diagnostics.is_empty() && workspace.write(&rendering.plan).is_empty());
    assert!(repository.read("gitopsctl.yaml").contains("templateVersion: 2\n"));
    repository.run(&["render"]).exits(3).says("error[render/newer-templates]");
}

#[test]
fn a_template_error_names_template_line_expression_and_catalog_value() {
    let repository = Repository::example();
    repository.write("templates/service/archetype.yaml", "extends: service\n");
    repository.write("templates/service/base/service.yaml", "kind: Service\nport: {{ service.ports.http.tls }}\n");
    let run = repository.run(&["render"]).exits(3).says("error[render/template]");
    let run = run.says("--> templates/service/base/service.yaml:2:10").says("service.ports.http.tls");
    run.says("::: services/analytics-service.yaml:6:15").says("`service.ports.http.tls` comes from here");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let repository = Repository::example();
    let script = format!("{} render --dry-run 2>&1 >&3 3>&- | cat; :", env!("CARGO_BIN_EXE_gitopsctl"));
    let output = std::process::Command::new("sh")
        .args(["-c", &format!("{{ {script}; }} 3>&1 | head -c 1 >/dev/null")])
        .current_dir(repository.path())
        .output()
        .unwrap_or_else(|error| panic!("{error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("panicked") && !said.contains("Broken pipe"), "{said}");
}
