//! `gitopsctl promote`: what runs in one environment, released in another.

use crate::rollback::{Shop, json, overlay};

const DIGEST: &str = "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";

/// A shop whose `dev` is a version ahead.
fn ahead() -> Shop {
    let shop = Shop::new();
    let sources = "--build-number 7 --source-sha 0123456789abcdef0123456789abcdef01234567";
    shop.run(&format!("bump order-service v1.3.0@{DIGEST} --env dev {sources}")).exits(0);
    shop.run("bump user-service v2.0.0 --env dev").exits(0);
    shop
}

#[test]
fn tag_and_digest_are_copied_with_where_they_came_from() {
    let shop = ahead();
    let run = shop.run("promote order-service --from dev --to production").exits(0);
    run.prints(&format!("order-service in production: v1.2.1 -> v1.3.0@{DIGEST}, "));
    let text = shop.read(&overlay("order-service", "production"));
    assert!(text.contains(&format!("  newTag: v1.3.0\n  digest: {DIGEST}\n")), "{text}");
    let expected = format!(
        "Update order-service to v1.3.0\n\nGitopsctl-Service: order-service\nGitopsctl-Environment: production\n\
         Gitopsctl-From: v1.2.1\nGitopsctl-To: v1.3.0@{DIGEST}\nGitopsctl-Promoted-From: dev\nGitopsctl-Build-Number: 7\n\
         Argocd-reference-commit-sha: 0123456789abcdef0123456789abcdef01234567"
    );
    assert_eq!(shop.message(), expected);
    let tip = shop.tip();
    let again = shop.run("promote order-service --from dev --to production").exits(0);
    again.prints(&format!("order-service has v1.3.0@{DIGEST} in production already"));
    assert_eq!(shop.tip(), tip);
    // What was carried over holds against an older build.
    let late = "bump order-service v1.3.1 --env production --build-number 6";
    shop.run(late).exits(5).says("release/older-source").says("build 6 is older than build 7");
}

#[test]
fn several_services_are_one_commit() {
    let shop = ahead();
    let before = shop.tip();
    shop.run("promote order-service user-service --from dev --to production").exits(0);
    assert_eq!(shop.git(&["rev-parse", "HEAD~1"]), before);
    assert!(shop.message().starts_with("Update 2 services\n\n- order-service in production: v1.2.1 -> v1.3.0\n- user"));
    for service in ["order-service", "user-service"] {
        let told = json(&shop.run(&format!("history {service} --env production --format json")).exits(0));
        let last = &told["entries"][0];
        assert_eq!((&last["kind"], &last["promotedFrom"]), (&"promotion".into(), &"dev".into()));
    }
    // A rollback of one leaves the other.
    shop.rollback("").exits(0).prints("-> v1.2.1");
    assert!(shop.read(&overlay("user-service", "production")).contains("v2.0.0"));
    let run = shop.run("promote order-service user-service --from dev --to production").exits(5);
    run.says("error[release/rejected]");
}

#[test]
fn guards_hold_for_promotions() {
    let shop = ahead();
    shop.bump("user-service", "v3.0.0");
    let tip = shop.tip();
    let run = shop.run("promote order-service user-service --from dev --to production").exits(5);
    run.says("error[release/downgrade]").says("v2.0.0 is older than v3.0.0");
    assert_eq!(shop.tip(), tip, "all or nothing");
    let line = "promote user-service --from dev --to production --overrule downgrade --reason";
    shop.repository.run(&[&line.split(' ').collect::<Vec<_>>()[..], &["v3 is bad"]].concat()).exits(0);
    assert!(
        shop.message()
            .ends_with("Gitopsctl-Promoted-From: dev\nGitopsctl-Overruled: downgrade\nGitopsctl-Reason: v3 is bad")
    );
    let run = shop.run("promote order-service --from dev --to production --dry-run").exits(0);
    run.prints("+  newTag: v1.3.0\n").prints("Gitopsctl-Promoted-From: dev");
    assert!(shop.read(&overlay("order-service", "production")).contains("v1.2.1"));
}

#[test]
fn what_is_unclear_is_asked_for() {
    let shop = ahead();
    let line = |words: &str| shop.run(&format!("promote {words}"));
    line("order-service --from dev --to dev").exits(2).says("--from and --to name the same environment");
    line("order-service order-service --from dev --to production").exits(2).says("`order-service` is named twice");
    line("order-service --from devv --to production").exits(2).says("did you mean `dev`?");
    line("order-service --from dev --to prodction").exits(2).says("did you mean `production`?");
    line("order-servise --from dev --to production").exits(2).says("did you mean `order-service`?");
    shop.write(&overlay("order-service", "dev"), "resources: [../../base]\n");
    shop.commit("No tag");
    line("order-service --from dev --to production")
        .exits(3)
        .says("nothing says which version of `order-service` runs in `dev`");
    // Two clusters that disagree.
    shop.write(
        "gitopsctl.yaml",
        "platform: shop\nregistry: r.io\nlayout: {patterns: [\"{environment}/{cluster}/{service}\"]}\n",
    );
    shop.git(&["rm", "-r", "--quiet", "apps/order-service/overlays"]);
    for (folder, tag) in [("dev/a", "v1"), ("dev/b", "v2"), ("production/a", "v0"), ("production/b", "v0")] {
        let text =
            format!("resources: [../../../apps/order-service/base]\nimages:\n- name: order-service\n  newTag: {tag}\n");
        shop.write(&format!("{folder}/order-service/kustomization.yaml"), &text);
    }
    shop.commit("By cluster");
    let run = line("order-service --from dev --to production").exits(2).says("error[release/ambiguous]");
    run.says("`order-service` runs in several versions in `dev`")
        .says("v1 in dev/a/order-service, v2 in dev/b/order-service");
    shop.edit("dev/a/order-service/kustomization.yaml", "v1", "v2");
    shop.commit("Agreed");
    let run = line("order-service --from dev --to production").exits(0);
    assert_eq!(run.stdout.matches("v0 -> v2").count(), 2, "{}", run.stdout);
}
