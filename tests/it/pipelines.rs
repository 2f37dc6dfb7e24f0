//! The pipelines under integrations/ from end to end: a release, an alarm, and what is on the server afterwards.

use crate::integrations::{BASH, SHELLS, TOKEN, action, component, gitlab, real, rollbacks};
use crate::rollback::{Shop, git};

#[test]
fn a_release_and_its_rollback_arrive_on_the_server() {
    let shop = Shop::new();
    let (server, url) = shop.serve();
    let bare = server.path().join("shop.git");
    let last = |format: &str| git(&bare, &["log", "-1", &format!("--format={format}"), "main"]);
    let runner = real();
    let mut tags = ["v1.2.2", "v1.2.3", "v1.2.4"].into_iter();
    for shell in SHELLS {
        let tag = tags.next().unwrap_or_default();
        let inputs =
            [("service", "order-service"), ("repository", &*url), ("environment", "production"), ("image", "x")];
        let job = component("bump", &inputs, &gitlab(tag));
        runner.run(shell, &job, &[]).exits(0).prints(&format!("-> {tag}, "));
        assert_eq!(last("%s %an %cn"), format!("Update order-service to {tag} A. Person gitopsctl"));
        // The same pipeline once more is fine.
        runner.run(shell, &job, &[]).exits(0).prints(&format!("order-service has {tag} in production already"));
    }
    assert!(
        last("%B")
            .contains("Gitopsctl-Build-Number: 1234\nArgocd-reference-commit-author: A. Person <a@example.com>\n")
    );
    let inputs = [
        ("service", "order-service"),
        ("repository", &*url),
        ("environment", "production"),
        ("token", TOKEN),
        ("tag", "v1.2.4"),
    ];
    let job = action("bump", &inputs, &[("github.actor", "person"), ("github.actor_id", "7")]);
    let more = [
        ("GITHUB_SHA", "0123456789012345678901234567890123456789"),
        ("GITHUB_SERVER_URL", "https://github.example.com"),
        ("GITHUB_REPOSITORY", "shop/order-service"),
        ("GITHUB_RUN_NUMBER", "1235"),
    ];
    runner.run(BASH, &job, &more).exits(0);
    assert_eq!(last("%s"), "Update order-service to v1.2.4");
    for (shell, at) in [(SHELLS[0], 0), (BASH, 1)] {
        let bump = last("%H");
        let alarm = &rollbacks(&url, "order-service", "production", &bump)[at];
        // GitHub's bot has a name and a mail address by its context, which is none here.
        let who = [("GIT_AUTHOR_NAME", "bot"), ("GIT_AUTHOR_EMAIL", "bot@example.com")];
        runner.run(shell, alarm, &who).exits(0).prints("order-service in production: v1.2.4 -> v1.2.3");
        assert!(
            last("%B")
                .starts_with(&format!("Revert \"Update order-service to v1.2.4\"\n\nThis reverts commit {bump}.\n"))
        );
        let again = &rollbacks(&url, "order-service", "production", &last("%H"))[at];
        runner.run(shell, again, &who).exits(0).prints("the last change was one already");
        let late = runner.run(BASH, &job, &more).exits(5);
        late.says("error[release/rejected]");
        let author = ["--author", "A <a@example.com>"];
        let line = [
            "bump",
            "order-service",
            "v1.2.4",
            "--env",
            "production",
            "--repo",
            &url,
            "--overrule",
            "rejected",
            "--reason",
            "x",
        ];
        shop.repository.run(&[&line[..], &author].concat()).exits(0);
    }
    // A person asks for it without a revision.
    let person = &rollbacks(&url, "order-service", "production", "")[0];
    runner.run(SHELLS[1], person, &[]).exits(0).prints("v1.2.4 -> v1.2.3");
    runner.run(SHELLS[1], person, &[]).exits(0).prints("v1.2.3 -> v1.2.2");
    assert_eq!(last("%an"), "A. Person");
}
