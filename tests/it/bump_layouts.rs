//! `gitopsctl bump` in repositories of every layout: which file and which entry it finds.

use crate::rollback::{FLEET, Shop, deployment, json};
use crate::support::Run;

fn fleet(shop: &Shop, tag: &str) -> Run {
    shop.run(&format!("bump cart {tag} --env production"))
}

/// The lines that the last commit took away and brought, by file.
fn changed(shop: &Shop) -> Vec<String> {
    let diff = shop.git(&["diff", "--unified=0", "--no-color", "HEAD^", "HEAD"]);
    let is_meant = |line: &&str| line.starts_with(['+', '-']) && !line.starts_with("---");
    diff.lines().filter(is_meant).map(|line| line.trim_start_matches("+++ b/").to_owned()).collect()
}

#[test]
fn one_overlay_of_many_services() {
    let shop = Shop::new();
    fleet(&shop, "v2").exits(0).prints(&format!("cart in production: v1 -> v2, {FLEET}"));
    assert_eq!(changed(&shop), [FLEET, "-  newTag: v1", "+  newTag: v2"]);
    // The other one has kept its own.
    assert!(shop.read(FLEET).ends_with("- name: stock\n  newTag: v1\n"));
    // The overlay is not all of it the service's: an image that nobody calls so is not taken for it.
    shop.run("bump basket v2 --env production").exits(2).says("there is no service `basket`");
}

#[test]
fn a_path_and_an_image_in_a_repository_without_settings() {
    let shop = Shop::new();
    let text = "kind: Kustomization\nresources:\n- ../base\nimages:\n    - name: registry.example.com:5000/team/web\n      newTag: \"1.10\" # CI\n    - name: sidecar\n      digest: sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a\n";
    shop.write("any/where/kustomization.yml", text);
    shop.write("any/base/kustomization.yaml", "resources: [web.yaml, helper.yaml]\n");
    shop.write(
        "any/base/web.yaml",
        &deployment("registry.example.com:5000/team/web")
            .replace("name: registry.example.com:5000/team/web}", "name: web}")
            .replace("app: registry.example.com:5000/team/web", "app: web"),
    );
    shop.write("any/base/helper.yaml", &deployment("sidecar"));
    shop.commit("Anywhere");
    let image = "registry.example.com:5000/team/web";
    for path in ["any/where", "./any/where/", "any/where/kustomization.yml", "any/../any/where"] {
        let run = shop.run(&format!("bump {image} 1.20 --path {path} --dry-run")).exits(0);
        run.prints(&format!("{image} in any/where: 1.10 -> 1.20, any/where/kustomization.yml"))
            .prints("+      newTag: \"1.20\" # CI");
    }
    shop.run(&format!("bump {image} 1.20 --path any/where")).exits(0);
    assert_eq!(shop.read("any/where/kustomization.yml"), text.replace("1.10", "1.20"));
    assert!(shop.message().contains("Gitopsctl-Environment: any/where\n"), "{}", shop.message());
    // A digest gives way to a tag, and an entry that is not there comes to be for an image that is built.
    shop.run("bump sidecar v2 --path any/where").exits(0);
    assert_eq!(changed(&shop).len(), 3, "{:?}", changed(&shop));
    shop.run("bump nobody v2 --path any/where")
        .exits(2)
        .says("has no image `nobody`")
        .says("it has: registry.example.com:5000/team/web, sidecar");
    shop.run("bump sidecra v2 --path any/where").exits(2).says("did you mean `sidecar`?");
    shop.run(&format!("bump {image} 1.30 --path any/base")).exits(0);
    assert!(
        shop.read("any/base/kustomization.yaml").contains("newTag: \"1.30\""),
        "{}",
        shop.read("any/base/kustomization.yaml")
    );
    shop.run(&format!("bump {image} v2 --path nowhere")).exits(2).says("there is no kustomization in `nowhere`");
}

#[test]
fn a_service_of_several_images() {
    let shop = Shop::new();
    let path = "apps/order-service/overlays/production/kustomization.yaml";
    let containers =
        "        image: example.com/order/api:v0\n      - name: worker\n        image: example.com/order/worker:v0\n";
    shop.edit("apps/order-service/base/deployment.yaml", "        image: order-service\n", containers);
    let entries = "- name: example.com/order/api\n  newTag: v1\n- name: example.com/order/worker\n  newTag: v1\n";
    shop.edit(path, "- name: order-service\n  newName: r.io/shop/order-service\n  newTag: v1.2.1\n", entries);
    let tip = shop.commit("Two images");
    let run = shop.run("bump order-service v2 --env production").exits(2).says("error[release/ambiguous]");
    run.says("name it with --image: example.com/order/api, example.com/order/worker");
    assert_eq!(shop.tip(), tip);
    shop.run("bump order-service v2 --env production --image example.com/order/api")
        .exits(0)
        .prints("order-service (example.com/order/api) in production: v1 -> v2");
    assert!(shop.message().contains(
        "Gitopsctl-Service: order-service\nGitopsctl-Environment: production\nGitopsctl-Image: example.com/order/api\n"
    ));
    assert_eq!(changed(&shop), [path, "-  newTag: v1", "+  newTag: v2"]);
    shop.run("bump order-service v3 --env production --image example.com/order/api --image example.com/order/worker")
        .exits(0);
    assert!(shop.message().starts_with("Update order-service to v3\n"), "{}", shop.message());
    assert_eq!(shop.read(path).matches("newTag: v3").count(), 2);
    shop.run("bump order-service v4 --env production --image api").exits(2).says("has no image `api`");
    // A guard is asked for each image.
    shop.run("bump order-service v4.0.0 --env production --image example.com/order/api --build-number 5").exits(0);
    shop.run("bump order-service v4.0.1 --env production --image example.com/order/worker --build-number 4").exits(0);
    shop.run("bump order-service v4.0.1 --env production --image example.com/order/api --build-number 4").exits(5);
}

#[test]
fn an_image_whose_name_is_not_the_services() {
    let shop = Shop::new();
    let path = "apps/order-service/overlays/production/kustomization.yaml";
    // The only entry, then the only image: the folder is all the service's.
    shop.edit(
        "apps/order-service/base/deployment.yaml",
        "        image: order-service\n",
        "        image: ghcr.io/team/orders:v0\n",
    );
    shop.edit(path, "- name: order-service\n  newName: r.io/shop/order-service\n", "- name: ghcr.io/team/orders\n");
    shop.commit("Another name");
    let told = json(&shop.run("bump order-service v1.2.2 --env production --format json").exits(0));
    assert_eq!(told["released"][0]["image"], "ghcr.io/team/orders");
    assert_eq!(changed(&shop), [path, "-  newTag: v1.2.1", "+  newTag: v1.2.2"]);
    shop.edit(path, "images:\n- name: ghcr.io/team/orders\n  newTag: v1.2.2\n", "");
    shop.commit("No entry");
    shop.run("bump order-service v1.2.3 --env production").exits(0).prints("v0 -> v1.2.3");
    assert_eq!(changed(&shop), [path, "+images:", "+- name: ghcr.io/team/orders", "+  newTag: v1.2.3"]);
}

#[test]
fn clusters_within_an_environment() {
    let shop = Shop::new();
    let settings = "platform: shop\nregistry: r.io\nlayout: {patterns: [\"{environment}/{cluster}/{service}\"]}\n";
    shop.write("gitopsctl.yaml", settings);
    shop.git(&["rm", "-r", "--quiet", "apps/order-service/overlays"]);
    let text = "resources: [../../../apps/order-service/base]\nimages:\n- name: order-service\n  newTag: v1\n";
    let folders = ["production/eu/order-service", "production/us/order-service", "staging/eu/order-service"];
    for folder in folders {
        shop.write(&format!("{folder}/kustomization.yaml"), text);
    }
    shop.commit("By cluster");
    shop.run("bump order-service v2").exits(2).says("name one with --env: production, staging");
    // All clusters of the environment, in one commit.
    let run = shop.run("bump order-service v2 --env production").exits(0);
    run.prints("v1 -> v2, production/eu/order-service/kustomization.yaml").prints("production/us/");
    assert_eq!(changed(&shop).len(), 6);
    assert!(shop.message().starts_with("Update order-service to v2\n"), "{}", shop.message());
    assert!(shop.read("staging/eu/order-service/kustomization.yaml").contains("v1"));
    // One cluster by its folder.
    shop.run("bump order-service v3 --path production/eu/order-service")
        .exits(0)
        .prints("order-service in production: v2 -> v3");
    let run = shop
        .run("bump order-service v3 --env production")
        .exits(0)
        .prints("order-service has v3 in production already");
    run.prints("v2 -> v3, production/us/order-service");
}

#[test]
fn services_of_the_catalog_and_of_none() {
    let repository = crate::support::Repository::rendered();
    let at = repository.path();
    crate::rollback::git(at, &["init", "--quiet", "--initial-branch=main"]);
    for (key, value) in [("user.name", "Ann"), ("user.email", "ann@example.com")] {
        crate::rollback::git(at, &["config", key, value]);
    }
    let shop = Shop { repository };
    shop.write(
        "tools/web/overlays/production/kustomization.yaml",
        "resources: [deployment.yaml]\nimages: [{name: web, newTag: v1}]\n",
    );
    shop.write("tools/web/overlays/production/deployment.yaml", &deployment("web"));
    shop.commit("The platform");
    shop.run("bump order-service v7.0.0").exits(0).prints("order-service in production: ");
    shop.run("bump order-service v7.0.0 --env dev").exits(0).prints("order-service in dev: ");
    assert_eq!(changed(&shop).len(), 3);
    // Of no catalog, beside it.
    shop.run("bump web v2").exits(0).prints("web in production: v1 -> v2");
    assert_eq!(
        changed(&shop),
        [
            "tools/web/overlays/production/kustomization.yaml",
            "-images: [{name: web, newTag: v1}]",
            "+images: [{name: web, newTag: v2}]"
        ]
    );
    shop.run("bump oder-service v7.0.1").exits(2).says("did you mean `order-service`?");
    shop.run("render --check").exits(0);
}
