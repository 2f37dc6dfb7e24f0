//! `gitopsctl rollback`: which release it takes back, what it writes, what it says, and what stops it.

use serde_json::Value;

use crate::support::{Repository, Run};

/// A repository of services with a base and overlays for `dev` and `production`, and `fleet`, one overlay of several.
pub(crate) struct Shop {
    pub(crate) repository: Repository,
}

pub(crate) const SERVICES: [&str; 2] = ["order-service", "user-service"];
pub(crate) const FLEET: &str = "fleet/overlays/production/kustomization.yaml";

pub(crate) fn overlay(service: &str, environment: &str) -> String {
    format!("apps/{service}/overlays/{environment}/kustomization.yaml")
}

pub(crate) fn deployment(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  selector: {{matchLabels: {{app: \
         {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    spec:\n      containers:\n      - name: \
         app\n        image: {name}\n"
    )
}

impl Shop {
    pub(crate) fn new() -> Self {
        let shop = Self { repository: Repository::empty() };
        for service in SERVICES {
            shop.service(service, "");
        }
        shop.write("fleet/base/kustomization.yaml", "resources: [cart.yaml, stock.yaml]\n");
        shop.write("fleet/base/cart.yaml", &deployment("cart"));
        shop.write("fleet/base/stock.yaml", &deployment("stock"));
        let images = "images:\n- name: cart\n  newTag: v1\n- name: stock\n  newTag: v1\n";
        shop.write(FLEET, &format!("resources: [../../base]\n{images}"));
        shop.git(&["init", "--quiet", "--initial-branch", "main"]);
        shop.git(&["config", "user.name", "Ann"]);
        shop.git(&["config", "user.email", "ann@example.com"]);
        shop.commit("The shop");
        shop
    }

    /// Writes a service with `more` beside its Deployment.
    pub(crate) fn service(&self, service: &str, more: &str) {
        let base = format!("apps/{service}/base");
        let others = if more.is_empty() { "" } else { ", more.yaml" };
        self.write(&format!("{base}/kustomization.yaml"), &format!("resources: [deployment.yaml{others}]\n"));
        self.write(&format!("{base}/deployment.yaml"), &deployment(service));
        if !more.is_empty() {
            self.write(&format!("{base}/more.yaml"), more);
        }
        for environment in ["dev", "production"] {
            let images = format!("images:\n- name: {service}\n  newName: r.io/shop/{service}\n  newTag: v1.2.1\n");
            let text = format!("resources: [../../base]\n# CI owns the tag.\n{images}namespace: {environment}\n");
            self.write(&overlay(service, environment), &text);
        }
    }

    pub(crate) fn write(&self, path: &str, text: &str) {
        self.repository.write(path, text);
    }

    pub(crate) fn edit(&self, path: &str, before: &str, after: &str) {
        self.repository.edit(path, before, after);
    }

    pub(crate) fn read(&self, path: &str) -> String {
        self.repository.read(path)
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        git(self.repository.path(), arguments)
    }

    /// Commits all that is in the work tree; its hash.
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "--message", message]);
        self.tip()
    }

    pub(crate) fn tip(&self) -> String {
        self.git(&["rev-parse", "HEAD"])
    }

    pub(crate) fn message(&self) -> String {
        self.git(&["log", "-1", "--format=%B"])
    }

    pub(crate) fn run(&self, line: &str) -> Run {
        self.repository.run(&line.split(' ').collect::<Vec<_>>())
    }

    /// Releases in production; the commit of it.
    pub(crate) fn bump(&self, service: &str, tag: &str) -> String {
        self.run(&format!("bump {service} {tag} --env production")).exits(0);
        self.tip()
    }

    pub(crate) fn rollback(&self, line: &str) -> Run {
        self.run(&format!("rollback order-service --env production{line}"))
    }

    /// The tag of order-service in production, in the commit and in the work tree.
    pub(crate) fn tag(&self) -> String {
        let path = overlay("order-service", "production");
        let text = self.read(&path);
        assert_eq!(text.trim_end(), self.git(&["show", &format!("HEAD:{path}")]), "the work tree follows");
        let tag = text.lines().find_map(|line| line.trim().strip_prefix("newTag: ").map(str::to_owned));
        tag.unwrap_or_default()
    }

    /// A shop in which order-service went from v1.2.1 to v1.2.2 to v1.2.3, and others in between.
    pub(crate) fn released() -> Self {
        let shop = Self::new();
        shop.bump("order-service", "v1.2.2");
        shop.bump("user-service", "v2.0.0");
        shop.bump("order-service", "v1.2.3");
        shop.bump("user-service", "v2.0.1");
        shop
    }

    /// A bare clone beside it, as a server has it; its URL.
    pub(crate) fn serve(&self) -> (Repository, String) {
        let server = Repository::empty();
        let at = server.path().join("shop.git");
        self.git(&["clone", "--quiet", "--bare", ".", &at.to_string_lossy()]);
        let url = format!("file://{}", at.display());
        (server, url)
    }
}

pub(crate) fn git(folder: &std::path::Path, arguments: &[&str]) -> String {
    let output = std::process::Command::new("git")
        .args(["-c", "user.name=Ann", "-c", "user.email=ann@example.com"])
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("git: {error}"));
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

pub(crate) fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", run.stdout, run.stderr))
}

#[test]
fn each_rollback_goes_one_version_back_and_keeps_what_neighbours_did() {
    let shop = Shop::released();
    let path = overlay("order-service", "production");
    shop.edit(&path, "resources:", "# of the shop\nresources:");
    shop.edit(&path, "namespace: production", "namespace: live\nnamePrefix: x-");
    shop.commit("Another namespace");
    let before = shop.read(&path);
    let run = shop.rollback("").exits(0);
    assert!(
        run.stdout.starts_with(&format!("order-service in production: v1.2.3 -> v1.2.2, {path}\n")),
        "{}",
        run.stdout
    );
    run.prints("is on `main`").says("next: `git push`");
    assert_eq!(shop.read(&path), before.replace("v1.2.3", "v1.2.2"));
    assert_eq!(shop.tag(), "v1.2.2");
    let run = shop.rollback("").exits(0).says("passed over: ").says("Revert \"Update order-service to v1.2.3\"");
    assert!(!run.stderr.contains("user-service"), "{}", run.stderr);
    assert_eq!(shop.tag(), "v1.2.1");
    let tip = shop.tip();
    let run = shop.rollback("").exits(3).says("release/nothing-to-roll-back");
    run.says("`order-service` had no version before v1.2.1 in production (apps/order-service/overlays/production)")
        .says("it had v1.2.2, v1.2.3 too: name one with --to");
    assert_eq!((shop.tip(), shop.git(&["status", "--porcelain"])), (tip, String::new()));
}

#[test]
fn the_message_is_that_of_git_with_what_is_rejected() {
    let shop = Shop::new();
    shop.bump("order-service", "v1.2.2");
    let bump = shop.bump("order-service", "v1.2.3");
    shop.repository.run(&["rollback", "order-service", "--env=production", "--reason", "it fails"]).exits(0);
    let expected = format!(
        "Revert \"Update order-service to v1.2.3\"\n\nThis reverts commit {bump}.\n\nGitopsctl-Service: \
         order-service\nGitopsctl-Environment: production\nGitopsctl-From: v1.2.3\nGitopsctl-To: v1.2.2\n\
         Gitopsctl-Rejects: order-service v1.2.3\nGitopsctl-Reason: it fails"
    );
    assert_eq!(shop.message(), expected);
    assert_eq!(shop.git(&["log", "-1", "--format=%an %cn"]), "Ann Ann");
    let changed = shop.git(&["show", "--format=", "--numstat"]);
    assert_eq!(changed, format!("1\t1\t{}", overlay("order-service", "production")));
}

#[test]
fn several_versions_are_taken_back_at_once() {
    let shop = Shop::released();
    let [first, second] = ["HEAD~3", "HEAD~1"].map(|name| shop.git(&["rev-parse", name]));
    shop.rollback(" -n 2").exits(0).prints("v1.2.3 -> v1.2.1");
    let message = shop.message();
    let expected = format!(
        "Revert order-service to v1.2.1\n\nThis reverts commit {second}.\n\nThis reverts commit {first}.\n\n\
         Gitopsctl-Service"
    );
    assert!(message.starts_with(&expected), "{message}");
    for version in ["v1.2.3", "v1.2.2"] {
        assert!(
            message.contains(&format!("Gitopsctl-Rejects: order-service {version}\n")) || message.ends_with(version)
        );
    }
    assert_eq!(shop.tag(), "v1.2.1");
    let shop = Shop::released();
    let run = shop.rollback(" -n 3").exits(3);
    run.says("`order-service` has no 3 versions before v1.2.3").says("but 2").says("they are: v1.2.2, v1.2.1");
    shop.rollback(" -n 0").exits(2);
}

#[test]
fn any_version_that_ran_is_gone_back_to() {
    let shop = Shop::released();
    shop.rollback(" --to v1.2.1").exits(0);
    assert_eq!(shop.tag(), "v1.2.1");
    shop.rollback(" --to v1.2.1").exits(0).prints("order-service has v1.2.1 in production already");
    // Both were taken back, and come back on purpose.
    shop.rollback(" --to v1.2.3").exits(0);
    assert_eq!(shop.tag(), "v1.2.3");
    shop.rollback("").exits(0);
    assert_eq!(shop.tag(), "v1.2.1", "what came back by one commit goes by one");
    shop.rollback(" --to v1.2.2").exits(0);
    assert_eq!(shop.tag(), "v1.2.2");
    shop.rollback(" --to v1.2.2@x").exits(2).says("release/bad-version");
    let run = shop.rollback(" --to v7").exits(3).says("`order-service` never had v7 in production");
    run.says("it had: v1.2.1, v1.2.3");
}

#[test]
fn the_return_is_called_so() {
    let shop = Shop::released();
    shop.rollback("").exits(0);
    let revert = shop.tip();
    shop.rollback(" --to v1.2.3").exits(0);
    let message = shop.message();
    let expected = format!("Reapply \"Update order-service to v1.2.3\"\n\nThis reverts commit {revert}.\n\n");
    assert!(message.starts_with(&expected), "{message}");
    assert!(!message.contains("Rejects"), "{message}");
    // The return is a release, and is taken back as one.
    shop.rollback("").exits(0);
    assert!(shop.message().starts_with("Revert \"Reapply \"Update order-service to v1.2.3\"\"\n"));
    assert_eq!(shop.tag(), "v1.2.2");
    // Over two rollbacks: the return of what the older one took away.
    shop.rollback("").exits(0);
    shop.rollback(" --to v1.2.3").exits(0);
    assert!(
        shop.message().starts_with("Reapply \"Reapply \"Update order-service to v1.2.3\"\"\n"),
        "{}",
        shop.message()
    );
    assert_eq!(shop.message().matches("This reverts commit ").count(), 2);
    let history = shop.run("history order-service --env production --format json").exits(0);
    assert_eq!(json(&history)["entries"][0]["kind"], "reapply");
}

#[test]
fn one_service_of_a_commit_of_many_goes_back() {
    let shop = Shop::new();
    shop.run("bump order-service=v1.2.2 user-service=v2.0.0 --env production").exits(0);
    let train = shop.tip();
    shop.rollback("").exits(0);
    assert_eq!(shop.tag(), "v1.2.1");
    assert!(shop.read(&overlay("user-service", "production")).contains("v2.0.0"));
    assert!(shop.message().starts_with(&format!("Revert \"Update 2 services\"\n\nThis reverts commit {train}.\n")));
    assert!(!shop.message().contains("user-service"), "{}", shop.message());
    // The other one's bump is no rollback's doing, and may follow.
    shop.run("rollback user-service --env production").exits(0).prints("v2.0.0 -> v1.2.1");
    // Two in one file: the neighbour on the next lines stays.
    shop.run("bump cart v2 --path fleet/overlays/production").exits(0);
    shop.run("bump stock v2 --path fleet/overlays/production").exits(0);
    shop.run("rollback cart --path fleet/overlays/production").exits(0).prints("cart in production: v2 -> v1");
    assert!(shop.read(FLEET).ends_with("- name: cart\n  newTag: v1\n- name: stock\n  newTag: v2\n"));
}

#[test]
fn what_somebody_did_by_hand_goes_back_as_well() {
    let shop = Shop::released();
    let path = overlay("order-service", "production");
    shop.edit(&path, "newTag: v1.2.3", "newTag: hotfix");
    let by_hand = shop.commit("fix: pin it");
    shop.rollback("").exits(0).prints("hotfix -> v1.2.3");
    assert!(shop.message().starts_with(&format!("Revert \"fix: pin it\"\n\nThis reverts commit {by_hand}.\n")));
    assert!(shop.message().contains("Gitopsctl-Rejects: order-service hotfix"));
    // Undone by hand, it is undone: what is next is the version before.
    shop.bump("order-service", "v1.2.4");
    shop.edit(&path, "newTag: v1.2.4", "newTag: v1.2.3");
    shop.commit("Back");
    shop.rollback("").exits(0).prints("v1.2.3 -> v1.2.2");
    // So with git's own revert.
    let bump = shop.bump("order-service", "v1.2.5");
    shop.git(&["revert", "--no-edit", &bump]);
    shop.rollback("").exits(0).prints("v1.2.2 -> v1.2.1");
}

#[test]
fn a_version_that_was_taken_back_is_not_released_again_by_chance() {
    let shop = Shop::released();
    shop.rollback("").exits(0);
    let taken = shop.git(&["log", "-1", "--format=%h", "--abbrev=10"]);
    shop.bump("user-service", "v2.0.2");
    let run = shop.run("bump order-service v1.2.3 --env production").exits(5).says("error[release/rejected]");
    run.says(&format!("a rollback took v1.2.3 back, in {taken}")).says("--overrule rejected --reason TEXT");
    let run = shop.run("bump order-service v1.2.3 --env production --format json").exits(5);
    assert_eq!(json(&run)["error"]["code"], "release/rejected");
    shop.run("bump user-service v1.2.3 --env production --overrule downgrade --reason x").exits(0);
    shop.run("bump order-service v1.2.3 --env dev").exits(0);
    shop.run("bump order-service v1.2.3 --env production --overrule rejected").exits(2);
    shop.run("bump order-service v1.2.3 --env production --overrule rejected --reason fixed").exits(0);
    assert!(shop.message().contains("Gitopsctl-Overruled: rejected\nGitopsctl-Reason: fixed"));
    shop.bump("order-service", "v1.2.4");
    // Whoever overruled it has taken the rejection away.
    shop.run("bump order-service v1.2.3 --env production --overrule downgrade --reason x").exits(0);
}

#[test]
fn a_dry_run_shows_all_and_writes_nothing() {
    let shop = Shop::released();
    shop.rollback("").exits(0);
    let before = (shop.tip(), shop.repository.files());
    let run = shop.rollback(" --dry-run").exits(0).prints("order-service in production: v1.2.2 -> v1.2.1");
    let passed: Vec<&str> = run.stderr.lines().filter(|line| line.starts_with("passed over: ")).collect();
    assert_eq!(passed.len(), 2, "{passed:?}");
    assert!(passed[0].ends_with("Revert \"Update order-service to v1.2.3\"") && passed[1].ends_with("to v1.2.3"));
    let run =
        run.prints("-  newTag: v1.2.2\n+  newTag: v1.2.1\n").prints("\nRevert \"Update order-service to v1.2.2\"\n");
    assert!(!run.stderr.contains("next:"), "{}", run.stderr);
    let run = shop.rollback(" --dry-run --format json").exits(0);
    let told = json(&run);
    assert_eq!((&told["released"][0]["from"], &told["released"][0]["to"]), (&"v1.2.2".into(), &"v1.2.1".into()));
    assert_eq!((&told["commit"], &told["dryRun"], &told["pushed"]), (&Value::Null, &true.into(), &false.into()));
    assert_eq!(before, (shop.tip(), shop.repository.files()));
}

#[test]
fn what_runs_is_compared_where_that_is_asked_for() {
    let shop = Shop::released();
    let run = shop.rollback(" --expect v1.2.2").exits(5).says("release/unexpected");
    run.says("`order-service` has v1.2.3 in production, and not v1.2.2");
    let history = json(&shop.run("history order-service --env production --format json").exits(0));
    let now = history["entries"][0]["to"].as_str().unwrap_or_default().to_owned();
    shop.rollback(&format!(" --expect {now}")).exits(0);
    shop.rollback(&format!(" --expect {now}")).exits(5);
    assert_eq!(shop.tag(), "v1.2.2");
}
