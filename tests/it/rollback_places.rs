//! Rollbacks wherever they are asked for: clones of every kind, work trees in every state, servers; and what they warn of.

use std::path::Path;

use crate::rollback::{FLEET, Shop, deployment, git, json, overlay};
use crate::support::{Repository, gitopsctl};

/// Clones a server's repository; where to.
fn clone(url: &str, arguments: &[&str]) -> (Repository, std::path::PathBuf) {
    let folder = Repository::empty();
    let to = folder.path().join("clone");
    git(folder.path(), &[&["clone", "--quiet"], arguments, &[url, &to.to_string_lossy()]].concat());
    for (key, value) in [("user.name", "Bob"), ("user.email", "bob@example.com")] {
        git(&to, &["config", key, value]);
    }
    (folder, to)
}

fn tag_at(folder: &Path, revision: &str) -> String {
    git(folder, &["show", &format!("{revision}:{}", overlay("order-service", "production"))])
}

const ROLLBACK: [&str; 3] = ["rollback", "order-service", "--env=production"];

#[test]
fn a_shallow_clone_is_deepened_where_it_may_be() {
    let shop = Shop::released();
    let (_server, url) = shop.serve();
    // Where the clone reaches far enough, it needs no more.
    let (_deeper, deeper) = clone(&url, &["--depth", "3"]);
    gitopsctl(&deeper, &ROLLBACK).exits(0).prints("v1.2.3 -> v1.2.2");
    let (_folder, shallow) = clone(&url, &["--depth", "1"]);
    let run = gitopsctl(&shallow, &ROLLBACK).exits(4).says("error[release/shallow]");
    run.says("`git fetch --unshallow`");
    assert_eq!(git(&shallow, &["rev-list", "--count", "HEAD"]), "1", "nothing was done");
    gitopsctl(&shallow, &[&ROLLBACK[..], &["--push"]].concat()).exits(0).prints("v1.2.3 -> v1.2.2").prints(&url);
    assert!(tag_at(&shallow, "origin/main").contains("v1.2.2") && tag_at(&shallow, "HEAD").contains("v1.2.2"));
    assert_eq!(git(&shallow, &["status", "--porcelain"]), "");
    assert_eq!(git(&shallow, &["rev-parse", "origin/main"]), git(&shallow, &["ls-remote", "origin", "main"])[..40]);
}

#[test]
fn without_a_checkout_the_servers_branch_is_rolled_back() {
    let shop = Shop::released();
    let (server, url) = shop.serve();
    let nowhere = Repository::empty();
    let by = ["--author=Ann <ann@example.com>"];
    let line = [&ROLLBACK[..], &["--push", "--repo", &url, "--format=json"], &by].concat();
    let told = json(&gitopsctl(nowhere.path(), &line).exits(0));
    let bare = server.path().join("shop.git");
    assert_eq!(told["commit"], git(&bare, &["rev-parse", "main"]).as_str());
    assert_eq!((&told["pushed"], &told["branch"]), (&true.into(), &"main".into()));
    assert!(nowhere.files().is_empty());
    // In the bare repository itself.
    git(&bare, &["config", "user.name", "Bob"]);
    git(&bare, &["config", "user.email", "bob@example.com"]);
    gitopsctl(&bare, &ROLLBACK).exits(0).prints("v1.2.2 -> v1.2.1");
    assert!(tag_at(&bare, "main").contains("v1.2.1"));
}

#[test]
fn a_race_is_rolled_back_at_the_new_tip_and_no_newer_release_with_it() {
    let shop = Shop::released();
    let (_server, url) = shop.serve();
    let (_one, early) = clone(&url, &[]);
    let (_two, late) = clone(&url, &[]);
    gitopsctl(&early, &["bump", "user-service", "v2.0.9", "--env=production", "--push"]).exits(0);
    // The clone does not know of that: the push is refused, and all is worked out again.
    let run = gitopsctl(&late, &[&ROLLBACK[..], &["--push"]].concat()).exits(0);
    run.prints("v1.2.3 -> v1.2.2").prints("after 2 attempts");
    let log = git(&late, &["log", "--format=%s", "-2", "origin/main"]);
    assert_eq!(log, "Revert \"Update order-service to v1.2.3\"\nUpdate user-service to v2.0.9");
    // Somebody released meanwhile: what is rolled back must be what was meant.
    git(&early, &["pull", "--quiet"]);
    gitopsctl(&early, &["bump", "order-service", "v1.2.4", "--env=production", "--push"]).exits(0);
    let line = [&ROLLBACK[..], &["--push", "--expect=v1.2.2"]].concat();
    gitopsctl(&late, &line).exits(5).says("`order-service` has v1.2.4 in production, and not v1.2.2");
}

#[test]
fn what_a_work_tree_is_in_the_middle_of_is_refused_by_name() {
    let shop = Shop::released();
    let path = overlay("order-service", "production");
    let tip = shop.tip();
    // A file of its own that is changed is no obstacle, and stays.
    shop.write("notes.txt", "mine\n");
    shop.edit(&path, "# CI owns", "# We own");
    shop.rollback("")
        .exits(4)
        .says("error[release/dirty]")
        .says(&format!("`{path}` has changes that are not committed"));
    shop.git(&["add", &path]);
    shop.rollback("").exits(4).says("has staged changes");
    shop.git(&["checkout", "--quiet", "HEAD", "--", &path]);
    shop.git(&["checkout", "--quiet", "-b", "side", "HEAD~1"]);
    shop.edit(FLEET, "newTag: v1", "newTag: v8");
    shop.git(&["commit", "--quiet", "--all", "--message", "side"]);
    shop.git(&["checkout", "--quiet", "main"]);
    shop.git(&["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    shop.rollback("").exits(4).says("error[release/in-progress]").says("a merge is in progress").says("--abort");
    shop.git(&["merge", "--abort"]);
    assert_eq!(shop.tip(), tip);
    shop.rollback("").exits(0);
    assert_eq!(shop.git(&["status", "--porcelain"]), "?? notes.txt");
    // A detached HEAD has no branch that would hold the commit.
    shop.git(&["checkout", "--quiet", "--detach"]);
    shop.rollback("").exits(4).says("error[release/detached]").says("--branch");
    shop.rollback(" --branch main").exits(0).prints("is on `main`");
    assert!(tag_at(shop.repository.path(), "main").contains("v1.2.1"));
    assert!(tag_at(shop.repository.path(), "HEAD").contains("v1.2.2"), "HEAD stays where it was");
    assert_eq!(shop.git(&["status", "--porcelain"]), "?? notes.txt");
}

#[test]
fn where_there_is_no_commit_nothing_runs() {
    let nothing = Repository::empty();
    nothing.run(&ROLLBACK).exits(2).says("error[release/git]");
    git(nothing.path(), &["init", "--quiet", "--initial-branch", "main"]);
    nothing.run(&ROLLBACK).exits(4).says("error[release/unborn]").says("the branch `main` has no commit");
    nothing.run(&["history", "order-service"]).exits(4).says("error[release/unborn]");
    let shop = Shop::released();
    shop.run("rollback order-servise --env production").exits(2).says("did you mean `order-service`?");
    shop.run("rollback order-service --env prod").exits(2).says("it is deployed to: dev, production");
    shop.run("rollback order-service").exits(2).says("name one with --env: dev, production");
    shop.run("rollback order-service --env dev").exits(3).says("had no version before v1.2.1 in dev");
}

#[test]
fn all_clusters_of_an_environment_go_back_together() {
    let shop = Shop::new();
    let clusters = ["production/eu/order-service", "production/us/order-service"];
    shop.write(
        "gitopsctl.yaml",
        "platform: shop\nregistry: r.io\nlayout: {patterns: [\"{environment}/{cluster}/{service}\"]}\n",
    );
    shop.git(&["rm", "-r", "--quiet", "apps/order-service/overlays"]);
    for cluster in clusters {
        let image = "images:\n- name: order-service\n  newTag: v1\n";
        shop.write(
            &format!("{cluster}/kustomization.yaml"),
            &format!("resources: [../../../apps/order-service/base]\n{image}"),
        );
    }
    shop.commit("By cluster");
    shop.bump("order-service", "v2");
    let bump = shop.tip();
    let run = shop.rollback("").exits(0);
    assert_eq!(run.stdout.matches("order-service in production: v2 -> v1, ").count(), 2, "{}", run.stdout);
    let message = shop.message();
    assert!(message.starts_with(&format!("Revert \"Update order-service to v2\"\n\nThis reverts commit {bump}.\n\nG")));
    assert_eq!(message.matches("Gitopsctl-Rejects").count(), 1, "{message}");
    // A cluster that came later has no version before: it is named, and the other one may go alone.
    shop.bump("order-service", "v3");
    shop.write(
        "production/asia/order-service/kustomization.yaml",
        &shop.read(&format!("{}/kustomization.yaml", clusters[0])),
    );
    shop.commit("One more cluster");
    shop.rollback("").exits(3).says("had no version before v3 in production (production/asia/order-service)");
    shop.run("rollback order-service --path production/eu/order-service").exits(0).prints("v3 -> v1");
}

#[test]
fn images_of_a_service_go_back_by_name() {
    let shop = Shop::new();
    let path = overlay("order-service", "production");
    shop.edit(&path, "namespace:", "- name: worker\n  newTag: w1\nnamespace:");
    shop.edit(
        "apps/order-service/base/deployment.yaml",
        "        image: order-service\n",
        "        image: order-service\n      - name: worker\n        image: worker\n",
    );
    shop.commit("A worker");
    shop.run("bump order-service w2 --env production --image worker").exits(0);
    shop.bump("order-service", "v1.2.2");
    shop.rollback(" --image worker").exits(0).prints("order-service (worker) in production: w2 -> w1");
    assert!(shop.message().contains("Gitopsctl-Image: worker\n"), "{}", shop.message());
    assert_eq!(shop.tag(), "v1.2.2");
    // What came with its entry goes with it: that leaves an image of no version, and is warned of.
    let run = shop.rollback(" --image worker --image order-service --dry-run").exits(0).prints("v1.2.2 -> v1.2.1");
    run.says("order-service (verify): warning: the build of").says("would have `worker`, without a version");
    shop.rollback(" --image wroker").exits(2).says("did you mean `worker`?");
    shop.rollback("").exits(0).prints("v1.2.2 -> v1.2.1");
}

#[test]
fn errors_and_freezes_warn_and_do_not_block() {
    let shop = Shop::new();
    let freeze = "platform: shop\nregistry: r.io\nenvironments: {dev: {}, production: {}}\nrelease:\n  freezes:\n  - {from: 2020-01-01T00:00:00Z, to: 2990-01-01T00:00:00Z, reason: no hurry}\n";
    // What is gone back to has an error of its own: a tag that moves.
    let path = overlay("order-service", "production");
    shop.edit(&path, "v1.2.1", "latest");
    shop.commit("Follow the latest");
    shop.bump("order-service", "v1.2.2");
    shop.write("gitopsctl.yaml", freeze);
    shop.commit("No releases");
    shop.run("bump order-service v1.2.3 --env production").exits(5).says("release/freeze");
    let run = shop.rollback("").exits(0).prints("v1.2.2 -> latest");
    run.says("order-service (freeze): warning: nothing is released until 2990")
        .says("order-service (verify): warning: there is a new error");
    assert!(!shop.message().contains("Overruled"), "nobody overruled anything: {}", shop.message());
}

#[test]
fn what_does_not_build_is_gone_back_to_on_purpose_only() {
    let shop = Shop::released();
    shop.edit("apps/order-service/base/kustomization.yaml", "deployment.yaml", "deployment.yaml, gone.yaml");
    shop.commit("Oops");
    let tip = shop.tip();
    let run = shop.rollback("").exits(3).says("error[release/unbuilt]").says("gone.yaml");
    run.says("to go back all the same: --overrule verify --reason TEXT");
    assert_eq!(shop.tip(), tip);
    shop.rollback(" --overrule verify").exits(2);
    shop.rollback(" --overrule freeze --reason x").exits(2);
    shop.rollback(" --overrule verify --reason x").exits(0).prints("v1.2.3 -> v1.2.2").says("does not build");
    assert!(shop.message().ends_with("Gitopsctl-Overruled: verify\nGitopsctl-Reason: x"), "{}", shop.message());
}

const MIGRATION: &str = "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations: \
{argocd.argoproj.io/hook: PreSync}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n      - \
name: app\n        image: order-service\n";

const ROLLOUT: &str = "---\napiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: canary}\nspec:\n  \
strategy: {canary: {steps: [{setWeight: 5}, {pause: {}}]}}\n";

#[test]
fn what_undoes_or_holds_up_a_rollback_is_warned_of() {
    let shop = Shop::new();
    let warned = |shop: &Shop| {
        let told = json(&shop.rollback(" --dry-run --format json").exits(0));
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        told["warnings"].as_array().into_iter().flatten().map(text).collect::<Vec<_>>()
    };
    shop.bump("order-service", "v1.2.2");
    assert!(warned(&shop).is_empty());
    shop.service("order-service", &format!("{MIGRATION}{ROLLOUT}"));
    let path = overlay("order-service", "production");
    shop.edit(&path, "newTag: v1.2.1", "newTag: v1.2.2 # {\"$imagepolicy\": \"flux-system:order:tag\"}");
    shop.write("renovate.json", "{}\n");
    let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: orders\n  annotations: \
                       {argocd-image-updater.argoproj.io/image-list: a=r.io/shop/order-service}\nspec:\n  project: default\n  \
                       source: {repoURL: 'https://x/y.git', path: apps/order-service/overlays/production}\n  destination: \
                       {name: in-cluster, namespace: production}\n";
    shop.write("argocd/orders.yaml", application);
    shop.commit("All that may be in the way");
    let found = warned(&shop);
    let expected = [
        "Argo CD Image Updater",
        "Flux writes tags",
        "Renovate (renovate.json)",
        "the Job `migrate`",
        "the Rollout `canary`",
    ];
    for words in expected {
        assert!(found.iter().any(|warning| warning.contains(words)), "no {words} in {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    // What the bump brought beside the image is not taken back, and is named.
    shop.edit("apps/order-service/base/more.yaml", "setWeight: 5", "setWeight: 9");
    shop.edit("apps/user-service/base/deployment.yaml", "app", "web");
    shop.edit(&path, "v1.2.2", "v1.2.9");
    let both = shop.commit("Update order-service to v1.2.9");
    let expected = format!(
        "{} changed other files of `order-service` as well, and those stay as they are: apps/order-service/base/more.yaml",
        &both[..10]
    );
    assert!(warned(&shop).contains(&expected), "{:#?}", warned(&shop));
    shop.rollback("").exits(0);
    // Told to a person as well, with what is left to do.
    let run = shop.rollback("").exits(0).says("warning: the Job `migrate` migrates the database of `order-service`");
    run.says("next: `git push`").says("next: `argocd app wait orders --sync --health --operation`");
    // The preset that leaves these tags alone is none, nor is a Job of another image.
    shop.write("renovate.json", "{\"extends\": [\"local>shop/gitopsctl\"]}\n");
    shop.write(
        "apps/order-service/base/more.yaml",
        &(MIGRATION.replace("image: order-service", "image: flyway") + "---\n" + &deployment("x")),
    );
    shop.bump("order-service", "v1.2.3");
    assert_eq!(
        warned(&shop).iter().filter(|warning| warning.contains("Renovate") || warning.contains("Job")).count(),
        2
    );
    shop.commit("Less of it");
    assert!(!warned(&shop).iter().any(|warning| warning.contains("Renovate") || warning.contains("Job")));
}
