//! `gitopsctl diff`: what a change does to the cluster.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::build::git;
use crate::support::{Repository, Run, files};

fn committed() -> Repository {
    let repository = Repository::rendered();
    start(&repository);
    repository
}

fn start(repository: &Repository) {
    git(repository, &["init", "--quiet", "--initial-branch=main"]);
    commit(repository, "first");
}

fn commit(repository: &Repository, message: &str) {
    git(repository, &["add", "--all"]);
    git(repository, &["commit", "--quiet", "--allow-empty", "--message", message]);
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

fn of(repository: &Repository, arguments: &[&str]) -> Value {
    let arguments: Vec<&str> = ["diff", "--format", "json"].into_iter().chain(arguments.iter().copied()).collect();
    json(&repository.run(&arguments).exits(0))
}

fn overlays(diff: &Value) -> BTreeSet<String> {
    let overlays = diff["overlays"].as_array().into_iter().flatten();
    overlays.filter_map(|overlay| overlay["overlay"].as_str().map(str::to_owned)).collect()
}

/// All fields of all objects: path, old and new, place.
fn fields(diff: &Value) -> BTreeSet<String> {
    let list = |value: &'_ Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut found = BTreeSet::new();
    for object in list(diff, "overlays").iter().flat_map(|overlay| list(overlay, "objects")) {
        for field in list(&object, "fields") {
            let text = |key: &str| field[key].as_str().unwrap_or("-").to_owned();
            let place = format!("{}:{}", field["location"]["file"].as_str().unwrap_or("-"), field["location"]["line"]);
            found.insert(format!(
                "{} {}: {} -> {} at {place}",
                object["object"]["kind"].as_str().unwrap_or_default(),
                text("path"),
                text("old"),
                text("new")
            ));
        }
    }
    found
}

/// The overlays whose builds differ between HEAD and the work tree: everything built twice.
fn built_twice(repository: &Repository) -> BTreeSet<String> {
    let before = repository.path().join("../before");
    let after = repository.path().join("../after");
    for (folder, more) in [(&before, Some("--rev=HEAD")), (&after, None)] {
        let _ = std::fs::remove_dir_all(folder);
        let path = folder.to_string_lossy().into_owned();
        let arguments: Vec<&str> = ["build", "--all", "--output-dir", &path].into_iter().chain(more).collect();
        repository.run(&arguments).exits(0);
    }
    let (before, after) = (files(&before), files(&after));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let differ = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
    differ.map(|name| name.trim_end_matches(".yaml").to_owned()).collect()
}

type Change = fn(&Repository);

#[test]
fn every_affected_overlay_is_named_and_no_other() {
    let repository = committed();
    let order = "gitops/apps/order-service";
    let changes: [(&str, Change); 7] = [
        ("a base", |repository| {
            repository.edit(
                "gitops/apps/order-service/base/deployment.yaml",
                "terminationGracePeriodSeconds: 60",
                "terminationGracePeriodSeconds: 70",
            );
        }),
        ("a tag", |repository| {
            let file = "gitops/apps/order-service/overlays/production/kustomization.yaml";
            repository.edit(file, "newTag: v1.9.0", "newTag: v1.9.1");
        }),
        ("a patch", |repository| {
            repository.edit(
                "gitops/apps/payment-service/overlays/production/patch-replicas.yaml",
                "minReplicas: ",
                "minReplicas: 1",
            );
        }),
        ("the infrastructure of all environments", |repository| {
            let file = "gitops/infrastructure/databases/postgresql.yaml";
            let text = repository.read(file).replace("instances: 1", "instances: 2");
            repository.write(file, &text);
        }),
        ("a comment alone", |repository| {
            let file = "gitops/apps/order-service/base/deployment.yaml";
            repository.write(file, &format!("{}# nothing\n", repository.read(file)));
        }),
        ("what is not deployed", |repository| repository.write("README.md", "more\n")),
        ("an Application", |repository| {
            let file = "gitops/argocd/production/order-service.yaml";
            repository.write(file, &repository.read(file).replace("prune: true", "prune: false"));
        }),
    ];
    for (name, change) in changes {
        change(&repository);
        let expected = built_twice(&repository);
        assert_eq!(overlays(&of(&repository, &["HEAD"])), expected, "{name}");
        if name == "a base" {
            let both = ["dev", "production"].map(|environment| format!("{order}/overlays/{environment}"));
            assert_eq!(expected, both.into_iter().collect());
        }
        git(&repository, &["checkout", "--quiet", "--force", "main"]);
        git(&repository, &["clean", "--quiet", "--force", "-d"]);
    }
}

#[test]
fn each_field_is_told_with_the_line_that_did_it() {
    let repository = committed();
    let kustomization = "gitops/apps/order-service/overlays/production/kustomization.yaml";
    repository.edit(kustomization, "newTag: v1.9.0", "newTag: v1.9.1");
    let line = repository.read(kustomization).lines().position(|line| line.contains("newTag: v")).unwrap_or(0) + 1;
    let diff = of(&repository, &[]);
    let image = "registry.example.com/commerce-flow/order-service";
    let expected = format!(
        "Deployment spec.template.spec.containers[order-service].image: {image}:v1.9.0 -> {image}:v1.9.1 at {kustomization}:{line}"
    );
    let found = fields(&diff);
    assert!(found.contains(&expected), "{found:#?}");
    assert_eq!(diff["summary"]["overlays"], 1);
    assert_eq!(diff["overlays"][0]["service"], "order-service");
    assert_eq!(diff["overlays"][0]["environment"], "production");
    assert_eq!(diff["overlays"][0]["applications"][0], "order-service-production");
    repository.run(&["diff"]).exits(0).prints("order-service in production").prints("1.9.0 -> ");
    repository.run(&["diff", "--exit-code"]).exits(1);
    repository.run(&["diff", "--env", "dev", "--exit-code"]).exits(0).prints("nothing changes");
    commit(&repository, "bump");
    repository.run(&["diff", "HEAD~1", "HEAD"]).exits(0).prints("v1.9.1");
    repository.run(&["diff", "HEAD", "HEAD~1"]).exits(0).prints("nothing changes");
    repository.run(&["diff", "gone"]).exits(2).says("no revision `gone`");
}

#[test]
fn a_probe_that_goes_is_a_removed_field_and_a_new_finding() {
    let repository = committed();
    let file = "gitops/apps/payment-service/base/deployment.yaml";
    let text = repository.read(file);
    let start = text.find("        readinessProbe:").unwrap_or_else(|| panic!("{text}"));
    let end =
        text[start + 1..].find("\n        lifecycle:").or_else(|| text[start + 1..].find("\n        livenessProbe:"));
    let rest = &text[start + 1..];
    let length = end.unwrap_or_else(|| {
        let next = rest.lines().skip(1).take_while(|line| line.starts_with("          "));
        rest.lines().next().map_or(0, str::len) + next.map(|line| line.len() + 1).sum::<usize>()
    });
    repository.write(file, &format!("{}{}", &text[..start], &text[start + 1 + length + 1..]));
    let diff = of(&repository, &[]);
    assert_eq!(overlays(&diff).len(), 2);
    assert!(fields(&diff).iter().any(|field| field.contains("readinessProbe: ")), "{diff:#}");
    let new: Vec<&str> =
        diff["findings"]["new"].as_array().into_iter().flatten().filter_map(|one| one["policy"].as_str()).collect();
    assert!(new.contains(&"probes/readiness-missing"), "{new:?}");
    commit(&repository, "removed");
    let back = of(&repository, &["HEAD", "HEAD~1"]);
    assert!(overlays(&back).is_empty(), "the merge base is the older one");
    repository
        .run(&["diff", "--format", "markdown", "HEAD~1"])
        .exits(0)
        .prints("| payment-service | dev, production |");
}

const SECRETS: &str = "secretGenerator:\n- name: keys\n  literals: [API=Sup3rS3cretValue]\nconfigMapGenerator:\n- name: settings\n  literals: [DB_PASSWORD=Pr0ductionPw, LEVEL=info, DSN=postgres://app:Qu1teSecret9@db/app]\nresources: [deployment.yaml]\n";
const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  selector: {matchLabels: {app: a}}\n  template:\n    metadata: {labels: {app: a}}\n    spec:\n      containers:\n      - name: app\n        image: app:1\n        env:\n        - {name: TOKEN, value: T0kenOfTheApp99}\n        - {name: LEVEL, value: info}\n        envFrom:\n        - configMapRef: {name: settings}\n        - secretRef: {name: keys}\n";

#[test]
fn what_is_secret_is_in_no_format() {
    let repository = Repository::empty();
    repository.write("overlays/prod/kustomization.yaml", SECRETS);
    repository.write("overlays/prod/deployment.yaml", DEPLOYMENT);
    start(&repository);
    let changed = |text: &str| {
        text.replace("S3cret", "0therS3cret")
            .replace("Pr0duction", "0therPr0duction")
            .replace("Qu1te", "0therQu1te")
            .replace("T0ken", "0therT0ken")
            .replace("info", "debug")
    };
    repository.write("overlays/prod/kustomization.yaml", &changed(SECRETS));
    repository.write("overlays/prod/deployment.yaml", &changed(DEPLOYMENT));
    let secrets = ["S3cret", "Pr0duction", "Qu1te", "T0ken", "U3VwM3"];
    for format in ["human", "markdown", "json", "html"] {
        let shown = repository.run(&["diff", "--format", format]).exits(0).prints("debug").stdout;
        for secret in secrets {
            assert!(!shown.contains(secret), "{format}: {secret}\n{shown}");
        }
    }
    // Generated objects stay themselves, and what follows their names is no news.
    let diff = of(&repository, &[]);
    assert_eq!((&diff["summary"]["added"], &diff["summary"]["removed"]), (&0.into(), &0.into()), "{diff:#}");
    let masked = diff["overlays"][0]["objects"].as_array().into_iter().flatten();
    let masked = masked.flat_map(|object| object["fields"].as_array().cloned().unwrap_or_default());
    let masked: Vec<Value> = masked.filter(|field| field["secret"] == true).collect();
    assert_eq!(masked.len(), 4, "{diff:#}");
    // Whole objects are masked too.
    repository.write("overlays/prod/kustomization.yaml", "resources: [deployment.yaml]\n");
    git(&repository, &["add", "--all"]);
    git(&repository, &["commit", "--quiet", "--message", "without"]);
    repository.write("overlays/prod/kustomization.yaml", SECRETS);
    for format in ["human", "markdown", "json", "html"] {
        let shown = repository.run(&["diff", "HEAD", "--format", format]).exits(0).stdout;
        assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{format}\n{shown}");
    }
}

#[test]
fn data_that_goes_and_fields_that_cannot_change_are_dangers() {
    let repository = Repository::empty();
    let set = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\nspec: {serviceName: db, selector: {matchLabels: {app: b}}}\n";
    repository.write("overlays/prod/kustomization.yaml", "resources: [deployment.yaml, db.yaml]\n");
    repository.write("overlays/prod/deployment.yaml", DEPLOYMENT);
    repository.write("overlays/prod/db.yaml", set);
    start(&repository);
    repository.write("overlays/prod/kustomization.yaml", "resources: [deployment.yaml]\n");
    repository.write("overlays/prod/deployment.yaml", &DEPLOYMENT.replace("app: a", "app: b"));
    let run = repository.run(&["diff"]).exits(0);
    run.prints("- StatefulSet/db")
        .prints("its data, or what depends on it")
        .prints("`spec.selector` cannot be changed");
}

#[test]
fn a_folder_that_does_not_build_is_told_and_fails() {
    let repository = Repository::empty();
    repository.write("overlays/prod/kustomization.yaml", "resources: [deployment.yaml]\n");
    repository.write("overlays/prod/deployment.yaml", DEPLOYMENT);
    start(&repository);
    repository.write("overlays/prod/kustomization.yaml", "resources: [deployments.yaml]\n");
    let run = repository.run(&["diff"]).exits(3).prints("prod (unbuilt)");
    run.says("deployments.yaml");
    commit(&repository, "broken");
    repository.write("overlays/prod/kustomization.yaml", "resources: [deployment.yaml]\n");
    repository.run(&["diff", "HEAD"]).exits(0).prints("it did not build before");
}

#[test]
fn a_comment_holds_what_a_host_takes() {
    let repository = Repository::empty();
    for at in 0..120 {
        let folder = format!("apps/s{at}/overlays/prod");
        repository.write(&format!("{folder}/kustomization.yaml"), "resources: [deployment.yaml]\n");
        repository.write(&format!("{folder}/deployment.yaml"), DEPLOYMENT);
    }
    start(&repository);
    for at in 0..120 {
        let file = format!("apps/s{at}/overlays/prod/deployment.yaml");
        let lines: String =
            (0..40).map(|line| format!("        - {{name: L{line}, value: \"`<b>|{line}\"}}\n")).collect();
        repository.write(&file, &DEPLOYMENT.replace("        envFrom:\n", &format!("{lines}        envFrom:\n")));
    }
    let shown = repository.run(&["diff", "--format", "markdown"]).exits(0).prints("Left out").stdout;
    assert!(shown.len() <= 65_536, "{}", shown.len());
    assert_eq!(shown.matches("<details>").count(), shown.matches("</details>").count());
    assert!(!repository.run(&["diff", "--format", "html"]).exits(0).stdout.contains("<b>|"));
}

#[test]
fn environments_are_compared_with_each_other() {
    let repository = committed();
    let run = repository.run(&["diff", "--between", "dev", "production", "order-service", "--format", "json"]).exits(0);
    let diff = json(&run);
    assert_eq!((diff["base"].as_str(), diff["head"].as_str()), (Some("dev"), Some("production")));
    assert_eq!(overlays(&diff).into_iter().collect::<Vec<_>>(), ["gitops/apps/order-service/overlays/production"]);
    assert!(
        fields(&diff).iter().any(|field| field.starts_with("HorizontalPodAutoscaler spec.minReplicas: 1 -> 6")),
        "{diff:#}"
    );
    assert!(!fields(&diff).iter().any(|field| field.contains("metadata.namespace")), "{diff:#}");
    repository.run(&["diff", "--between", "dev", "nowhere", "gone"]).exits(2).says("nothing is deployed");
}

#[test]
fn the_cluster_is_compared_with_git() {
    let repository = Repository::empty();
    repository.write("overlays/prod/kustomization.yaml", "namespace: shop\nresources: [deployment.yaml]\n");
    repository.write("overlays/prod/deployment.yaml", DEPLOYMENT);
    let live = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: app, namespace: shop, uid: x, resourceVersion: \"1\"}\n  spec:\n    progressDeadlineSeconds: 600\n    selector: {matchLabels: {app: a}}\n    template:\n      metadata: {labels: {app: a}}\n      spec:\n        containers:\n        - name: app\n          image: app:2\n          imagePullPolicy: IfNotPresent\n          env:\n          - {name: TOKEN, value: T0kenOfTheApp99}\n          - {name: LEVEL, value: info}\n          envFrom:\n          - configMapRef: {name: settings}\n          - secretRef: {name: keys}\n  status: {replicas: 1}\n";
    repository.write("live.yaml", live);
    let run = repository.run(&["diff", "--live", "live.yaml", "--format", "json"]).exits(0);
    let found = fields(&json(&run));
    let expected =
        "Deployment spec.template.spec.containers[app].image: app:2 -> app:1 at overlays/prod/deployment.yaml:11";
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [expected]);
    repository.write("live.yaml", &live.replace("app:2", "app:1"));
    repository.run(&["diff", "--live", "live.yaml", "--exit-code"]).exits(0).prints("nothing changes");
    repository.write("live.yaml", "a: [");
    repository.run(&["diff", "--live", "live.yaml"]).exits(3).says("live.yaml:1");
    repository.run(&["diff", "--live", "gone.yaml"]).exits(3).says("cannot be read");
}

#[test]
fn releases_of_kustomize_are_compared() {
    let repository = committed();
    let run = repository.run(&["diff", "--kustomize-version", "5.8.1..5.8.2"]).exits(0);
    run.prints("-         app.kubernetes.io/part-of: shop").prints("`spec.volumeClaimTemplates` cannot be changed");
    let same = repository.run(&["diff", "--kustomize-version", "5.8.2..5.8.2"]).exits(0);
    same.prints("nothing changes").prints("47 overlays");
    repository.run(&["diff", "--kustomize-version", "5.8.1..6"]).exits(2).says("known are 5.8.1, 5.8.2");
    repository.run(&["diff", "--kustomize-version", "5.8.1"]).exits(2).says("is not FROM..TO");
}
