//! What `gitopsctl bump` is asked for in words, and what its commit says: message, author, signature.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::bump::{BUMP, target, went_on};
use crate::rollback::{FLEET, Shop, git, json, overlay};
use crate::support::{Repository, Run, gitopsctl, gitopsctl_with};

const DIGEST: &str = "sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a";
const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

fn message(shop: &Shop) -> String {
    shop.git(&["log", "-1", "--format=%B"])
}

#[test]
fn the_message_says_what_runs_from_where() {
    let shop = Shop::new();
    let source = [
        format!("--source-sha={}", SHA.to_ascii_uppercase()),
        "--source-author=Ann Arbor <ann@example.com>".to_owned(),
        "--source-subject=Fix the cart\nGitopsctl-Rejects: order-service v1.2.2".to_owned(),
        "--source-date=2026-01-02T03:04:05Z".to_owned(),
        "--source-url=https://me:s3cret@git.example.com/shop/order.git".to_owned(),
        "--build-number=1234".to_owned(),
    ];
    let line: Vec<&str> = BUMP.into_iter().chain(source.iter().map(String::as_str)).collect();
    shop.repository.run(&line).exits(0).says("older-source): not evaluated: nothing says what the running version");
    let expected = format!(
        "Update order-service to v1.2.2\n\nGitopsctl-Service: order-service\nGitopsctl-Environment: production\n\
         Gitopsctl-From: v1.2.1\nGitopsctl-To: v1.2.2\nGitopsctl-Build-Number: 1234\n\
         Argocd-reference-commit-author: Ann Arbor <ann@example.com>\nArgocd-reference-commit-sha: {SHA}\n\
         Argocd-reference-commit-subject: Fix the cart Gitopsctl-Rejects: order-service v1.2.2\n\
         Argocd-reference-commit-date: 2026-01-02T03:04:05Z\n\
         Argocd-reference-commit-repourl: https://git.example.com/shop/order.git"
    );
    assert_eq!(message(&shop), expected);
    // Git reads all of them as trailers, and no others.
    let trailers = shop.git(&["log", "-1", "--format=%(trailers:only,unfold)"]);
    assert_eq!(trailers, expected.split_once("\n\n").map(|parts| parts.1).unwrap_or_default());
    assert_eq!(shop.git(&["log", "-1", "--format=%gs", "--walk-reflogs"]), "gitopsctl: Update order-service to v1.2.2");
    for (flag, says) in [
        ("--source-sha=0123", "`0123` is no hash of a commit: 5 to 40 hexadecimal digits"),
        ("--source-sha=main", "is no hash of a commit"),
        ("--build-number=x", "invalid value 'x'"),
    ] {
        shop.repository.run(&["bump", "order-service", "v1.2.3", "--env=production", flag]).exits(2).says(says);
    }
}

#[test]
fn several_services_are_one_commit() {
    let shop = Shop::new();
    let old = shop.tip();
    let run = shop.run("bump order-service=v1.3.0 user-service=v2.0.0@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a cart=v2 stock=v3 --env production");
    run.exits(0).prints("cart in production: v1 -> v2, fleet/").prints("stock in production: v1 -> v3, fleet/");
    assert_eq!(shop.git(&["rev-parse", "HEAD^@"]), old);
    let files = [overlay("order-service", "production"), overlay("user-service", "production"), FLEET.to_owned()];
    assert_eq!(shop.git(&["diff-tree", "-r", "--name-only", "HEAD^", "HEAD"]), files.join("\n"));
    assert_eq!(shop.git(&["diff", "--numstat", "HEAD^", "HEAD", "--", FLEET]), format!("2\t2\t{FLEET}"));
    let expected = "Update 4 services\n\n- order-service in production: v1.2.1 -> v1.3.0\n- user-service in production: v1.2.1 -> \
         v2.0.0\n- cart in production: v1 -> v2\n- stock in production: v1 -> v3\n\n";
    let text = message(&shop);
    assert!(text.starts_with(expected), "{text}");
    assert_eq!(text.matches("\nGitopsctl-Service: ").count(), 4);
    assert!(text.contains(&format!("Gitopsctl-From: v1.2.1\nGitopsctl-To: v2.0.0@{DIGEST}\n")), "{text}");
    assert_eq!(shop.git(&["status", "--porcelain"]), "");
    // One that has its version already is said, and no part of the commit.
    let run = shop.run("bump order-service v1.3.0 user-service=v2.1.0 --env production").exits(0);
    run.prints("order-service has v1.3.0 in production already").prints("v2.0.0@sha256");
    assert!(message(&shop).starts_with("Update user-service to v2.1.0\n\nGitopsctl-Service: user-service\n"));
    assert!(!shop.read(&overlay("user-service", "production")).contains("digest"), "a digest that is another's");
    // One that cannot be is none of them.
    let tip = shop.tip();
    shop.run("bump order-service v1.4.0 nobody=v1 --env production").exits(2).says("no service `nobody`");
    shop.run("bump order-service=v1.4.0 user-service=v1.0.0 --env production").exits(5).says("release/downgrade");
    assert_eq!((shop.tip(), shop.git(&["status", "--porcelain"])), (tip, String::new()));
}

#[test]
fn the_same_version_is_no_commit() {
    let shop = Shop::new();
    let before = shop.repository.files();
    let run = shop.run("bump order-service v1.2.1 --env production").exits(0);
    assert_eq!(run.stdout, "order-service has v1.2.1 in production already\n");
    let told = json(&shop.run("bump order-service v1.2.1 --env production --format json").exits(0));
    assert_eq!((&told["commit"], &told["error"], &told["released"]), (&().into(), &().into(), &serde_json::json!([])));
    assert_eq!(told["unchanged"][0]["version"], "v1.2.1");
    assert_eq!(shop.repository.files(), before);
    // A digest makes it another version, and the same tag without it again another.
    shop.run(&format!("bump order-service v1.2.1@{DIGEST} --env production")).exits(0);
    shop.run(&format!("bump order-service v1.2.1@{DIGEST} --env production")).exits(0).prints("already");
    shop.run("bump order-service v1.2.1 --env production").exits(0).prints("-> v1.2.1,");
    assert_eq!(String::from_utf8_lossy(&before[&target()]), shop.read(&target()));
}

#[test]
fn who_says_what_runs_is_held_to_it() {
    let shop = Shop::new();
    let tip = shop.tip();
    let run = shop.run("bump order-service v1.2.2 --env production --expect v1.2.0").exits(5);
    run.says("error[release/unexpected]").says("`order-service` has v1.2.1 in production, and not v1.2.0");
    assert_eq!(shop.tip(), tip);
    shop.run("bump order-service v1.2.2 --env production --expect v1.2.1").exits(0);
    // A pipeline that is started again is done already.
    shop.run("bump order-service v1.2.2 --env production --expect v1.2.1").exits(0).prints("already");
    // What the caller says of the tag is held against the tag.
    shop.run(&format!("bump order-service v1.2.3@{DIGEST} --env production --expect v1.2.2")).exits(0);
    shop.run("bump order-service v1.2.4 --env production --expect v1.2.3@sha256:1").exits(2).says("is no digest");
    shop.run("bump order-service v1.2.4 --env production --expect v1.2.3").exits(0);
}

#[test]
fn wrong_words_are_told_with_what_is_meant() {
    let shop = Shop::new();
    let before = shop.repository.files();
    let long = format!("bump order-service {} --env production", "x".repeat(129));
    let cases = [
        ("bump order-service", 2, "which version of `order-service`?"),
        ("bump order-service v1.2.2 user-service --env production", 2, "`user-service` is not SERVICE=TAG"),
        ("bump order-service=v1 order-service=v2 --env production", 2, "`order-service` is named twice"),
        ("bump =v1 --env production", 2, "the name of a service is empty"),
        ("bump order-service= --env production", 2, "the tag is empty"),
        ("bump order-service v1:2 --env production", 2, "error[release/bad-version]"),
        ("bump order-service=-v1 --env production", 2, "error[release/bad-version]"),
        ("bump order-service .v1 --env production", 2, "the first a letter, a digit or `_`"),
        ("bump order-service v1@sha256:abc --env production", 2, "64 hexadecimal digits"),
        (&long, 2, "at most 128"),
        ("bump Order_Service v1.2.2 --env production", 2, "`Order_Service` is no name of a service"),
        ("bump ../x v1.2.2 --env production", 2, "is no name of a service"),
        ("bump order-servise v1.2.2 --env production", 2, "did you mean `order-service`?"),
        ("bump order-service v1.2.2 --env prodution", 2, "did you mean `production`?"),
        ("bump order-service v1.2.2 --env x", 2, "it is deployed to: dev, production"),
        ("bump order-service v1.2.2", 2, "name one with --env: dev, production"),
        ("bump order-service v1.2.2 --env production --image ordr-service", 2, "did you mean `order-service`?"),
        ("bump order-service=v2 user-service=v2 --image x --env production", 2, "--image is about one service"),
        ("bump order-service v1.2.2 --env production --overrule downgrade", 2, "--reason"),
        ("bump order-service v1.2.2 --env production --overrule downgrad --reason x", 2, "did you mean `downgrade`?"),
        ("bump order-service v1.2.2 --env production --branch -x", 2, ""),
        ("bump order-service v1.2.2 --env production --branch a..b", 2, "`a..b` is no name of a branch"),
        ("bump order-service v1.2.2 --env production --author Ann", 2, "`Name <mail>` is one"),
        ("bump order-service v1.2.2 --env production --path apps", 2, "cannot be used with"),
        ("bump order-service v1.2.2 --path apps", 2, "there is no kustomization in `apps`"),
        ("bump order-service v1.2.2 --env production --branch nowhere", 4, "`nowhere` has no commit"),
        ("bump order-service v1.2.2 --env production --push", 4, "the repository has no remote to push to"),
    ];
    for (line, code, says) in cases {
        let run = shop.run(line).exits(code).says(says);
        assert_eq!((run.stdout.as_str(), shop.repository.files() == before), ("", true), "{line}: {}", run.stderr);
    }
    let told = json(&shop.run("bump order-servise v1 --env production --format json").exits(2));
    assert_eq!((&told["error"]["code"], &told["commit"]), (&"release/no-service".into(), &().into()));
}

fn nobody() -> Shop {
    let shop = Shop::new();
    for key in ["user.name", "user.email"] {
        shop.git(&["config", "--unset", key]);
    }
    shop
}

const NO_CONFIG: [(&str, &str); 3] = [("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1"), ("EMAIL", "")];

fn as_who(shop: &Shop, variables: &[(&str, &str)], flags: &[&str]) -> Run {
    let tag = format!("v2.0.{}", shop.git(&["rev-list", "--count", "HEAD"]));
    let line = [&["bump", "order-service", &tag, "--env=production"], flags].concat();
    gitopsctl_with(shop.repository.path(), &line, &[&NO_CONFIG[..], variables].concat())
}

#[test]
fn who_commits_is_said_by_flags_environment_or_configuration_and_never_guessed() {
    let shop = nobody();
    let tip = shop.tip();
    let run = as_who(&shop, &[], &[]).exits(4).says("error[release/no-identity]").says("Git knows no author");
    run.says("git config user.name").says("GIT_COMMITTER_EMAIL").says("--author");
    assert_eq!((shop.tip(), shop.git(&["status", "--porcelain"])), (tip, String::new()));
    let author = [("GIT_AUTHOR_NAME", "Ann"), ("GIT_AUTHOR_EMAIL", "ann@example.com")];
    as_who(&shop, &author, &[]).exits(4).says("Git knows no committer");
    let committer = [("GIT_COMMITTER_NAME", "Bot"), ("GIT_COMMITTER_EMAIL", "bot@example.com")];
    let who = || shop.git(&["log", "-1", "--format=%an <%ae> %cn <%ce>"]);
    let date = [("GIT_AUTHOR_DATE", "2026-01-02T03:04:05+02:00")];
    as_who(&shop, &[author, committer].concat(), &[]).exits(0);
    assert_eq!(who(), "Ann <ann@example.com> Bot <bot@example.com>");
    as_who(&shop, &[&committer[..], &date].concat(), &["--author=Zoë Öz <zoe@example.com>"]).exits(0);
    assert_eq!(who(), "Zoë Öz <zoe@example.com> Bot <bot@example.com>");
    assert_eq!(shop.git(&["log", "-1", "--format=%aI"]), "2026-01-02T03:04:05+02:00");
    // Who is named as the author commits as well, where nobody else is known.
    as_who(&shop, &[], &["--author=Cat <cat@example.com>"]).exits(0);
    assert_eq!(who(), "Cat <cat@example.com> Cat <cat@example.com>");
    shop.git(&["config", "user.name", "Dan"]);
    shop.git(&["config", "user.email", "dan@example.com"]);
    as_who(&shop, &[], &[]).exits(0);
    assert_eq!(who(), "Dan <dan@example.com> Dan <dan@example.com>");
}

/// A program in place of the one that signs; it leaves word that it was called.
fn fake(folder: &Path, script: &str) -> String {
    let path = folder.join("signer");
    fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap_or_else(|error| panic!("{error}"));
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap_or_else(|error| panic!("{error}"));
    path.to_string_lossy().into_owned()
}

/// Git asks for a signature of standard input, on standard output, and to be told on descriptor 2 that it was created.
const OPENPGP: &str = "echo \"$*\" >> \"$0.called\"\ncat >> \"$0.signed\"\necho '[GNUPG:] SIG_CREATED x' >&2\necho '-----BEGIN PGP SIGNATURE-----'\necho\necho none\necho '-----END PGP SIGNATURE-----'\n";

#[test]
fn a_commit_is_signed_as_the_configuration_says() {
    let shop = Shop::new();
    let folder = Repository::empty();
    let signer = fake(folder.path(), OPENPGP);
    shop.git(&["config", "commit.gpgsign", "true"]);
    shop.git(&["config", "user.signingkey", "ABCD1234"]);
    shop.git(&["config", "gpg.program", &signer]);
    let old = shop.tip();
    shop.bump("order-service", "v1.2.2");
    went_on(shop.repository.path(), "main", &old, &target(), ["  newTag: v1.2.1", "  newTag: v1.2.2"]);
    assert!(folder.read("signer.called").contains("-bsau ABCD1234"), "{}", folder.read("signer.called"));
    assert!(folder.read("signer.signed").contains("Update order-service to v1.2.2"));
    let raw = shop.git(&["cat-file", "commit", "HEAD"]);
    assert!(raw.contains("gpgsig -----BEGIN PGP SIGNATURE-----\n \n none\n"), "{raw}");
    // A signer that fails: nothing unsigned takes its place.
    fake(folder.path(), "echo 'gpg: signing failed: No secret key' >&2\nexit 2\n");
    let before = (shop.tip(), shop.git(&["status", "--porcelain"]));
    let run = shop.run("bump order-service v1.2.3 --env production").exits(4).says("error[release/signing]");
    // Git tells what the signer said since 2.40.
    run.says("gpg failed to sign the data").says("shows the key and the program");
    assert_eq!((shop.tip(), shop.git(&["status", "--porcelain"])), before);
    shop.git(&["config", "gpg.program", "/nowhere/gpg"]);
    shop.run("bump order-service v1.2.3 --env production").exits(4).says("error[release/signing]");
    shop.git(&["config", "commit.gpgsign", "false"]);
    shop.bump("order-service", "v1.2.3");
}

#[test]
fn a_commit_signed_by_ssh_is_verified_by_git() {
    let shop = Shop::new();
    let folder = Repository::empty();
    let key = folder.path().join("key");
    let key = key.to_string_lossy().into_owned();
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", &key]).status();
    shop.git(&["config", "commit.gpgsign", "true"]);
    shop.git(&["config", "gpg.format", "ssh"]);
    shop.git(&["config", "user.signingkey", &key]);
    let is_there = made.is_ok_and(|status| status.success());
    if is_there {
        folder.write("allowed", &format!("ann@example.com {}", folder.read("key.pub")));
        let allowed = folder.path().join("allowed");
        shop.git(&["config", "gpg.ssh.allowedSignersFile", &allowed.to_string_lossy()]);
    } else {
        // `ssh-keygen -Y sign -n git -f KEY FILE` leaves FILE.sig.
        folder.write("key", "key");
        let script = "for last; do :; done\necho '-----BEGIN SSH SIGNATURE-----' > \"$last.sig\"\necho '-----END SSH SIGNATURE-----' >> \"$last.sig\"\n";
        shop.git(&["config", "gpg.ssh.program", &fake(folder.path(), script)]);
    }
    let (_server, url) = shop.serve();
    shop.git(&["remote", "add", "origin", &url]);
    let old = shop.tip();
    shop.run("bump order-service v1.2.2 --env production --push").exits(0);
    went_on(shop.repository.path(), "main", &old, &target(), ["  newTag: v1.2.1", "  newTag: v1.2.2"]);
    assert!(shop.git(&["cat-file", "commit", "HEAD"]).contains("gpgsig -----BEGIN SSH SIGNATURE-----"));
    if is_there {
        git(shop.repository.path(), &["verify-commit", "HEAD"]);
    }
    shop.git(&["config", "user.signingkey", "/nowhere/key"]);
    let run = gitopsctl(shop.repository.path(), &["bump", "order-service", "v1.2.3", "--env=production"]).exits(4);
    run.says("error[release/signing]").says("/nowhere/key");
}
