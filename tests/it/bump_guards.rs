//! The guards of `gitopsctl bump`: each refuses with exit code 5, and gives way by its name and with a reason.

use std::path::Path;

use crate::bump::{clone, is_sound, target};
use crate::rollback::{Shop, git, json, overlay};
use crate::support::{Repository, gitopsctl};

/// Asserts that a bump is refused by a guard, leaves all as it was, and is made when that guard is overruled.
fn refuses(shop: &Shop, line: &str, guard: &str, says: &str) {
    let before = (shop.tip(), shop.repository.files());
    let code = format!("release/{guard}");
    let help = format!("to release it all the same: --overrule {guard} --reason TEXT");
    let run = shop.run(line).exits(5).says(&format!("error[{code}]")).says(says).says(&help);
    assert_eq!(run.stdout, "");
    let told = json(&shop.run(&format!("{line} --format json")).exits(5));
    assert_eq!((&told["error"]["code"], &told["commit"]), (&code.as_str().into(), &().into()));
    shop.run(&format!("{line} --dry-run")).exits(5);
    // By its name, and with a reason.
    let other = if guard == "freeze" { "downgrade" } else { "freeze" };
    shop.run(&format!("{line} --overrule {other} --reason x")).exits(5).says(&code);
    shop.run(&format!("{line} --overrule {guard}")).exits(2).says("--reason");
    let argument = format!("--overrule={guard}");
    let words: Vec<&str> = line.split(' ').chain([&*argument, "--reason= "]).collect();
    shop.repository.run(&words).exits(2).says("the reason is empty");
    assert!(before == (shop.tip(), shop.repository.files()), "something was written");
    let words: Vec<&str> = line.split(' ').chain([&*argument, "--reason=it must\nbe: now"]).collect();
    shop.repository.run(&words).exits(0).says(&format!("({guard}): overruled: "));
    let trailers = format!("\nGitopsctl-Overruled: {guard}\nGitopsctl-Reason: it must be: now");
    assert!(shop.message().ends_with(&trailers), "{}", shop.message());
    assert_eq!(shop.git(&["rev-parse", "HEAD^"]), before.0);
    is_sound(shop.repository.path());
}

#[test]
fn an_older_version_is_refused() {
    let shop = Shop::new();
    let says = "v1.2.0 is older than v1.2.1, which runs";
    refuses(&shop, "bump order-service v1.2.0 --env production", "downgrade", says);
    shop.bump("order-service", "v1.10.0");
    shop.run("bump order-service v1.9.0 --env production").exits(5).says("v1.9.0 is older than v1.10.0");
    shop.run("bump order-service v1.10.0-rc.1 --env production").exits(5).says("release/downgrade");
    // What is no semantic version has no order; and nothing is overruled where no guard refuses.
    shop.run("bump order-service main-3f2a1bc --env production --overrule downgrade --reason unneeded").exits(0);
    assert!(!shop.message().contains("Overruled") && !shop.message().contains("Reason"), "{}", shop.message());
    shop.bump("order-service", "v1.0.0");
}

#[test]
fn an_older_build_is_refused() {
    let shop = Shop::new();
    shop.run("bump order-service v1.3.0 --env production --build-number 10").exits(0);
    shop.bump("user-service", "v2.0.0");
    let says = "build 9 is older than build 10, which runs";
    refuses(&shop, "bump order-service v1.3.1 --env production --build-number 9", "older-source", says);
    // Then 9 is what runs.
    shop.run("bump order-service v1.3.2 --env production --build-number 9").exits(0);
    shop.run("bump order-service v1.3.3 --env production --build-number 10").exits(0);
    // A build of another service says nothing of this one.
    let run = shop.run("bump user-service v2.0.1 --env production --build-number 1").exits(0);
    run.says("user-service (older-source): not evaluated: nothing says what the running version was built from");
    // By the environment: what runs in dev does not count in production.
    shop.run("bump order-service v1.4.0 --env dev --build-number 50").exits(0);
    shop.run("bump order-service v1.3.4 --env production --build-number 11").exits(0);
}

#[test]
fn an_older_commit_of_the_source_is_refused_where_that_can_be_told() {
    let shop = Shop::new();
    let source = Repository::empty();
    let at = source.path();
    git(at, &["init", "--quiet", "--initial-branch=main"]);
    let commit = || {
        git(at, &["commit", "--quiet", "--allow-empty", "--message", "x"]);
        git(at, &["rev-parse", "HEAD"])
    };
    let (first, second, third) = (commit(), commit(), commit());
    git(at, &["checkout", "--quiet", "-b", "side", &first]);
    let side = commit();
    let path = at.to_string_lossy().into_owned();
    let bump = |tag: &str, sha: &str| format!("bump order-service {tag} --env production --source-sha {sha}");
    shop.run(&bump("v1.3.0", &second)).exits(0);
    let says = format!("the source {} comes before {}, which runs", &first[..10], &second[..10]);
    let line = format!("{} --source-repo {path}", bump("v1.3.1", &first));
    refuses(&shop, &line, "older-source", &says);
    // `first` runs now: a commit beside it is no older one, nor is what follows.
    shop.run(&format!("{} --source-repo {path}", bump("v1.3.2", &side[..12]))).exits(0);
    shop.run(&format!("{} --source-repo {path}", bump("v1.3.3", &third))).exits(0);
    // Without the source it cannot be told, and that is said.
    let run = shop.run(&bump("v1.3.4", &second)).exits(0);
    run.says("order-service (older-source): not evaluated: name the source's repository with --source-repo");
    let told = json(&shop.run(&format!("{} --format json", bump("v1.3.5", &first))).exits(0));
    let guards = told["guards"].as_array().cloned().unwrap_or_default();
    let ruling = guards.iter().find(|guard| guard["guard"] == "older-source").map(|guard| guard["ruling"].clone());
    assert_eq!(ruling, Some("not-evaluated".into()));
    // A commit that the clone does not have, and a folder that is no clone.
    let unknown = "f".repeat(40);
    shop.run(&format!("{} --source-repo {path}", bump("v1.3.6", &unknown))).exits(0).says("not evaluated");
    shop.run(&format!("{} --source-repo /nowhere", bump("v1.3.7", &third))).exits(0).says("not evaluated");
    // A shallow clone of it, as CI has: the parent that is cut off does not make one older.
    let (_folder, shallow) = clone(&format!("file://{path}"), &["--depth=1", "--branch=main"]);
    let line = format!("{} --source-repo {}", bump("v1.3.8", &second), shallow.display());
    shop.run(&line).exits(0).says("not evaluated");
}

#[test]
fn a_version_that_was_taken_back_is_refused() {
    let shop = Shop::released();
    shop.rollback("").exits(0).prints("v1.2.3 -> v1.2.2");
    let says = format!("a rollback took v1.2.3 back, in {}", &shop.tip()[..10]);
    refuses(&shop, "bump order-service v1.2.3 --env production", "rejected", &says);
    // Whoever said so once need not say it again.
    shop.bump("order-service", "v1.2.4");
    shop.rollback("").exits(0);
    // A newer one is not refused, nor another service or environment.
    shop.run("bump order-service v1.2.4 --env production").exits(5).says("release/rejected");
    shop.run("bump order-service v1.2.4 --env dev").exits(0);
    shop.bump("order-service", "v1.2.5");
}

#[test]
fn a_rollback_beyond_the_boundary_of_a_shallow_clone_is_said_to_be_unseen_and_found_by_a_push() {
    let shop = Shop::released();
    shop.rollback("").exits(0);
    for number in 0..3 {
        shop.write("notes.txt", &number.to_string());
        shop.commit("A note");
    }
    let (_server, url) = shop.serve();
    let (_folder, at) = clone(&url, &["--depth=1"]);
    let line = ["bump", "order-service", "v1.2.3", "--env=production"];
    let pushed = gitopsctl(&at, &[&line[..], &["--push"]].concat()).exits(5);
    pushed.says("error[release/rejected]");
    assert!(git(&at, &["rev-list", "--count", "HEAD"]) != "1", "it was deepened");
    let (_folder, at) = clone(&url, &["--depth=1"]);
    let run = gitopsctl(&at, &line).exits(0);
    run.says("order-service (rejected): not evaluated: the clone is shallow: an older rollback would not be seen");
    // Where nothing is checked out, the history is fetched as well.
    let nowhere = Repository::empty();
    let author = ["--author=Ann <ann@example.com>", "--repo", &url];
    nowhere.run(&[&line[..], &author].concat()).exits(5).says("error[release/rejected]");
}

fn platform(shop: &Shop, freezes: &str) {
    let head = "platform: shop\nregistry: r.io\nenvironments: {dev: {}, production: {}}\nrelease:\n  freezes:\n";
    shop.write("gitopsctl.yaml", &format!("{head}{freezes}"));
    shop.commit("Settings");
}

#[test]
fn nothing_is_released_in_a_freeze() {
    let shop = Shop::new();
    let window =
        |from: &str, to: &str, more: &str| format!("  - {{from: {from}, to: {to}, reason: peak season{more}}}\n");
    let (past, future) = ("2020-01-01T00:00:00Z", "2990-01-01T00:00:00Z");
    platform(&shop, &window(past, future, ", environments: [production]"));
    let says = "nothing is released until 2990-01-01T00:00:00Z: peak season";
    refuses(&shop, "bump order-service v1.2.2 --env production", "freeze", says);
    shop.run("bump order-service v1.2.2 --env dev").exits(0);
    // A folder of no environment may be production.
    platform(&shop, &(window(past, "2021-01-01T00:00:00Z", "") + &window("2980-01-01T00:00:00Z", future, "")));
    shop.bump("order-service", "v1.2.3");
    // Settings that cannot be read may hold a freeze.
    platform(&shop, &window("tomorrow", future, ""));
    let tip = shop.tip();
    shop.run("bump order-service v1.2.4 --env production").exits(3).says("gitopsctl.yaml:6");
    assert_eq!(shop.tip(), tip);
}

#[test]
fn what_is_not_in_the_build_is_refused() {
    let shop = Shop::new();
    // Another transformation has the last word, as an override of Argo CD has.
    let last = "- name: r.io/shop/order-service\n  newTag: pinned\n";
    shop.edit(&target(), "namespace:", &format!("{last}namespace:"));
    shop.commit("Pin it");
    let says = "would not have `r.io/shop/order-service` as v1.2.2";
    refuses(&shop, "bump order-service v1.2.2 --env production --image order-service", "verify", says);
    let run = shop.run("bump order-service v1.2.3 --env production --image order-service").exits(5);
    run.says("it has `r.io/shop/order-service:pinned` in Deployment order-service");
}

#[test]
fn a_new_error_of_ones_own_is_refused_and_those_of_others_are_no_obstacle() {
    let shop = Shop::new();
    // Errors that are there already, here and elsewhere; and a neighbour that does not even build.
    let broken = "resources: [../../base, nowhere.yaml]\n";
    shop.write(&overlay("user-service", "production"), broken);
    shop.edit(
        "apps/order-service/base/deployment.yaml",
        "        image:",
        "        ports: [{containerPort: 99999}]\n        image:",
    );
    shop.edit("fleet/base/cart.yaml", "        image:", "        ports: [{containerPort: 99999}]\n        image:");
    shop.commit("Errors of all kinds");
    shop.run("lint apps/order-service/overlays/production").exits(1).prints("99999");
    shop.bump("order-service", "v1.2.2");
    let says = "there is a new error in `apps/order-service/overlays/production`";
    let line = "bump order-service latest --env production";
    shop.run(line).exits(5).says("images/tag-mutable").says("kustomization.yaml:");
    refuses(&shop, line, "verify", says);
    // What does not build is no matter of opinion, but may be overruled as well.
    let tip = shop.tip();
    shop.edit("apps/order-service/base/kustomization.yaml", "deployment.yaml", "deployment.yaml, gone.yaml");
    shop.commit("Oops");
    let run = shop.run("bump order-service v1.2.4 --env production").exits(3).says("error[release/unbuilt]");
    run.says("gone.yaml").says("--overrule verify --reason TEXT");
    assert_eq!(shop.git(&["rev-parse", "HEAD^"]), tip);
    shop.run("bump order-service v1.2.4 --env production --overrule verify --reason x").exits(0);
}

#[test]
fn all_that_stands_against_it_is_told_at_once() {
    let shop = Shop::released();
    shop.rollback("").exits(0);
    platform(&shop, "  - {from: 2020-01-01T00:00:00Z, to: 2990-01-01T00:00:00Z, reason: peak season}\n");
    let both = "--overrule downgrade --overrule freeze --reason";
    let line = "bump order-service=v1.2.1 user-service=v1.0.0 --env production";
    let run = shop.run(line).exits(5).says("error[release/downgrade]").says(&format!("the same: {both} TEXT"));
    run.says("also: `user-service`: v1.0.0 is older").says("also: `order-service`: nothing is released until 2990");
    shop.run(&format!("{line} {both} now")).exits(0);
    let expected = "\nGitopsctl-Overruled: downgrade\nGitopsctl-Overruled: freeze\nGitopsctl-Reason: now";
    assert!(shop.message().ends_with(expected), "{}", shop.message());
}

#[test]
fn a_guard_speaks_of_what_a_path_names_as_well() {
    let shop = Shop::released();
    shop.rollback("").exits(0);
    let folder = Path::new(&target()).parent().map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    shop.run(&format!("bump order-service v1.2.3 --path {folder}")).exits(5).says("release/rejected");
    shop.run(&format!("bump order-service v1.2.1 --path {folder}")).exits(5).says("release/downgrade");
    shop.run(&format!("bump order-service v1.2.4 --path {folder} --build-number 7")).exits(0);
    shop.run(&format!("bump order-service v1.2.5 --path {folder} --build-number 6"))
        .exits(5)
        .says("release/older-source");
    shop.run("bump order-service v1.2.5 --env production --build-number 6").exits(5).says("release/older-source");
}
