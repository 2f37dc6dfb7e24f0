//! `gitopsctl new` and `gitopsctl list`.

use crate::support::Repository;

#[test]
fn a_new_service_gets_free_ports_and_a_rendered_tree() {
    let repository = Repository::rendered();
    let run = repository.run(&[
        "new",
        "wishlist-service",
        "--domain",
        "product-content",
        "--description",
        "Keeps wishes: for later",
        "--database",
        "wishlist",
        "--migrations",
        "--calls",
        "catalog-service,pricing-service",
        "--publishes",
        "wishlist.changed",
        "--consumes",
        "order.paid",
        "--secret",
        "wishlist-mail:SMTP_PASSWORD=smtp-password",
        "--env",
        "MODE=on",
        "--autoscaling",
        "2-6",
        "--initial-tag",
        "1.10",
    ]);
    run.exits(0).says("Next: look at services/wishlist-service.yaml");
    let text = repository.read("services/wishlist-service.yaml");
    // 8017 and 9017 are the lowest pair that no service of the platform has.
    assert!(text.contains("ports: {http: 8017, grpc: 9017}\n"), "{text}");
    assert!(text.contains("initialTag: \"1.10\"\n"), "{text}");
    let overlay = repository.read("gitops/apps/wishlist-service/overlays/production/kustomization.yaml");
    assert!(overlay.contains("newTag: \"1.10\"\n"), "{overlay}");
    let called = repository.read("gitops/apps/catalog-service/base/networkpolicy.yaml");
    assert!(called.contains("app.kubernetes.io/name: wishlist-service"), "{called}");
    repository.run(&["render", "--check"]).exits(0);
    repository.run(&["list"]).exits(0).prints("wishlist-service      product-content");
}

#[test]
fn a_service_that_does_not_fit_is_not_written() {
    let repository = Repository::rendered();
    let before = repository.files();
    repository.run(&["new", "wish"]).exits(2).says("which domain?");
    repository.run(&["new", "Wish", "--domain", "identity"]).exits(2).says("is not a name for a service");
    repository.run(&["new", "order-service", "--domain", "identity"]).exits(2).says("already");
    repository.run(&["new", "wish", "--domain", "identty"]).exits(3).says("did you mean `identity`?");
    repository.run(&["new", "wish", "--domain", "identity", "--http", "8001"]).exits(3).says("load/duplicate-port");
    repository.run(&["new", "wish", "--domain", "identity", "--calls", "nobody"]).exits(3).says("unknown service");
    repository.run(&["new", "wish", "--domain", "identity", "--dry-run"]).exits(0).prints("+++ b/services/wish.yaml");
    assert_eq!(repository.files(), before);
}

#[test]
fn the_list_shows_tags_as_a_table_and_as_json() {
    let repository = Repository::rendered();
    let overlay = "gitops/apps/order-service/overlays/production/kustomization.yaml";
    repository.edit(overlay, "newTag: v1.9.0", "newTag: v9.9.9");
    let table = repository.run(&["list"]).exits(0).stdout;
    let header: Vec<_> = table.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(header, ["SERVICE", "DOMAIN", "OWNER", "WAVE", "HTTP", "GRPC", "DEV", "PRODUCTION"]);
    let row = table.lines().find(|line| line.starts_with("order-service")).unwrap_or_default();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells, ["order-service", "commerce-flow", "commerce", "2", "8001", "9001", "v1.9.0", "v9.9.9"]);
    let json = repository.run(&["list", "--format", "json"]).exits(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(json["version"], 1);
    let services = json["services"].as_array().cloned().unwrap_or_default();
    assert_eq!(services.len(), 21);
    let gateway = services.iter().find(|service| service["name"] == "gateway-service").cloned().unwrap_or_default();
    assert_eq!(
        (&gateway["wave"], &gateway["http"], &gateway["tags"]["dev"]),
        (&3.into(), &8000.into(), &"v1.5.1".into())
    );
}
