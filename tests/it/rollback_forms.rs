//! Rollbacks beside the real `git revert`: the tree and the message that it makes, and bytes in every style of writing.

use crate::rollback::{Shop, git, json, overlay};
use crate::support::Repository;

/// What the real Git makes of a revert at the commit before the tip: the tree, and the message.
fn reverted(shop: &Shop, arguments: &[&str]) -> (String, String) {
    let other = Repository::empty();
    let (from, to) = (shop.repository.path().to_string_lossy(), other.path().join("clone"));
    git(other.path(), &["clone", "--quiet", &from, &to.to_string_lossy()]);
    git(&to, &["reset", "--quiet", "--hard", "HEAD~1"]);
    git(&to, &[&["revert", "--no-edit"], arguments].concat());
    (git(&to, &["rev-parse", "HEAD^{tree}"]), git(&to, &["log", "-1", "--format=%B"]))
}

/// Asserts that the commit at the tip is what Git makes of this revert, with trailers behind.
fn is_as_git_does_it(shop: &Shop, arguments: &[&str]) {
    let (tree, message) = reverted(shop, arguments);
    assert_eq!(shop.git(&["rev-parse", "HEAD^{tree}"]), tree);
    let own = shop.message();
    assert!(own.starts_with(&format!("{message}\n\nGitopsctl-Service: order-service\n")), "{own}\n---\n{message}");
}

#[test]
fn an_untouched_bump_is_reverted_as_git_does_it() {
    let shop = Shop::released();
    let bump = shop.git(&["rev-parse", "HEAD~1"]);
    shop.rollback("").exits(0);
    is_as_git_does_it(&shop, &[&bump]);
    // By a person, in two lines, with a digest and a registry.
    let path = overlay("order-service", "production");
    let digest = format!("sha256:{}", "0a".repeat(32));
    shop.edit(&path, "r.io/shop/order-service\n  newTag: v1.2.2", &format!("eu.io/order\n  digest: {digest}"));
    let by_hand = shop.commit("Take it from\nthe other registry\n\nSince the first one is down.");
    shop.rollback("").exits(0);
    is_as_git_does_it(&shop, &[&by_hand]);
    // A digest alone is rejected as well.
    let again = format!("bump order-service {digest} --env production");
    shop.run(&again).exits(5).says("release/rejected");
}

#[test]
fn a_merged_bump_is_reverted_with_its_merge() {
    let shop = Shop::new();
    shop.git(&["checkout", "--quiet", "-b", "release"]);
    shop.bump("order-service", "v1.2.2");
    shop.git(&["checkout", "--quiet", "main"]);
    let main = shop.bump("user-service", "v2.0.0");
    shop.git(&["merge", "--quiet", "--no-ff", "--message", "Merge branch 'release' into 'main'", "release"]);
    let merge = shop.tip();
    shop.bump("user-service", "v2.0.1");
    shop.rollback("").exits(0).prints("v1.2.2 -> v1.2.1");
    is_as_git_does_it(&shop, &["-m", "1", &merge]);
    let form = format!(
        "Revert \"Merge branch 'release' into 'main'\"\n\nThis reverts commit {merge}, reversing\nchanges made to {main}.\n"
    );
    assert!(shop.message().starts_with(&form), "{}", shop.message());
    shop.run("bump order-service v1.2.2 --env production").exits(5).says("release/rejected");
}

#[test]
fn an_entry_that_came_with_the_bump_goes_with_it() {
    let shop = Shop::new();
    let path = overlay("order-service", "production");
    shop.write(&path, "resources: [../../base]\nnamespace: production # live\n");
    shop.commit("No tag yet");
    let before = shop.read(&path);
    let bump = shop.bump("order-service", "v1.2.2");
    assert!(shop.read(&path).contains("newTag: v1.2.2"));
    shop.rollback("").exits(0).prints("order-service in production: v1.2.2 -> what the manifests have");
    assert_eq!(shop.read(&path), before);
    is_as_git_does_it(&shop, &[&bump]);
    assert!(shop.message().contains("Gitopsctl-From: v1.2.2\nGitopsctl-Rejects: order-service v1.2.2"));
    let told = json(&shop.run("history order-service --env production --format json").exits(0));
    assert_eq!(
        (&told["entries"][0]["kind"], &told["entries"][0]["to"]),
        (&"rollback".into(), &serde_json::Value::Null)
    );
}

#[test]
fn tag_digest_and_name_come_back_together() {
    let shop = Shop::new();
    let path = overlay("order-service", "production");
    let digest = format!("sha256:{}", "0a".repeat(32));
    shop.edit(&path, "newTag: v1.2.1", &format!("newTag: \"v1.2.1\" # first\n  digest: {digest}"));
    shop.commit("Pinned");
    let before = shop.read(&path);
    shop.edit(&path, "r.io/shop/order-service", "eu.io/order");
    shop.edit(&path, &format!("newTag: \"v1.2.1\" # first\n  digest: {digest}"), "newTag: v1.2.2");
    let moved = shop.commit("Another registry");
    let run = shop.rollback("").exits(0).prints(&format!("v1.2.2 -> v1.2.1@{digest}"));
    assert!(!run.stderr.contains("verify"), "the build has it: {}", run.stderr);
    assert_eq!(shop.read(&path), before);
    is_as_git_does_it(&shop, &[&moved]);
}

/// Numbers that are the same at every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or_default() % most
    }

    fn one<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// A kustomization in some style, whose images hold `order-service` somewhere, or do not.
fn styled(dice: &mut Dice) -> String {
    let digest = "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
    let tag = dice.one(&["v1", "'v1'", "\"1.10\"", "\"v1\"   # CI", "v1 # a: b, - c"]);
    let pinned = format!("{tag}\nPAD  digest: {digest}").replace("PAD", "PAD");
    let value = if dice.below(4) == 0 && !tag.contains('#') { pinned } else { tag.to_owned() };
    let pad = dice.one(&["", "  ", "    "]);
    let entry = |name: &str, value: &str, first: &str| match first {
        "tag" => format!("PAD- newTag: {value}\nPAD  name: {name}\n"),
        "new" => format!("PAD- name: {name}\nPAD  newName: r.io/{name}\nPAD  newTag: {value}\n"),
        "flow" => {
            let value = value.split(['#', '\n']).next().unwrap_or_default().trim_end();
            format!("PAD- {{name: {name}, newTag: {value}}}\n")
        }
        "split" => format!("PAD-\nPAD  name: {name} # of the shop\n\nPAD  newTag: {value}\n"),
        _ => format!("PAD- name: {name}\nPAD  newTag: {value}\n"),
    };
    let style = ["tag", "new", "flow", "split", "plain"][dice.below(5)];
    let mut entries = vec![entry("zeta", "v7", "plain"), entry("order-service", &value, style)];
    match dice.below(4) {
        0 => entries.reverse(),
        1 => {
            entries.remove(0);
        }
        2 => entries.push(entry("alpha", "v8", "new")),
        _ => {}
    }
    if dice.below(6) == 0 {
        entries.retain(|entry| !entry.contains("order-service"));
    }
    let images = if entries.is_empty() {
        String::new()
    } else {
        format!(
            "images:{}\n{}",
            dice.one(&["", " # CI owns them", "\n# of CI"]),
            entries.join(dice.one(&["", "\n", "PAD# next\n"]))
        )
    };
    let images = images.replace("PAD", pad);
    let resources =
        dice.one(&["resources:\n- ../../base\n", "resources: [../../base]\n", "resources:\n  - ../../base\n\n"]);
    let more = dice.one(&["", "namespace: production\n", "# end\n", "\n\nnamePrefix: x-\n"]);
    let text = if dice.below(2) == 0 { resources.to_owned() + &images + more } else { images + resources + more };
    let text = if dice.below(4) == 0 { text.trim_end().to_owned() } else { text };
    let text = if dice.below(5) == 0 { text.replace('\n', "\r\n") } else { text };
    if dice.below(8) == 0 { format!("\u{feff}{text}") } else { text }
}

#[test]
fn a_bump_and_a_rollback_leave_the_bytes_as_they_were() {
    let shop = Shop::new();
    shop.git(&["config", "core.autocrlf", "false"]);
    let path = overlay("order-service", "production");
    let mut dice = Dice(7);
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 40 {
        let text = styled(&mut dice);
        if !seen.insert(text.clone()) {
            continue;
        }
        shop.write(&path, &text);
        shop.commit("Another style");
        let to = dice.one(&[
            "v2.0.1",
            "1.20",
            "v2.0.1@sha256:1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b1b",
        ]);
        let bump = shop.run(&format!("bump order-service {to} --env production --overrule rejected --reason again"));
        assert_eq!(bump.code, Some(0), "{text:?}: {}", bump.stderr);
        assert_ne!(shop.read(&path), text);
        let back = shop.rollback("");
        assert_eq!(back.code, Some(0), "{text:?}: {}", back.stderr);
        assert_eq!(shop.read(&path), text, "{text}");
    }
    let with = |what: &str| seen.iter().filter(|text| text.contains(what)).count();
    assert!(with("{name: order") > 0 && with("digest") > 0 && with("\r\n") > 0 && with("\u{feff}") > 0);
    assert!(seen.iter().any(|text| !text.contains("order-service")));
}
