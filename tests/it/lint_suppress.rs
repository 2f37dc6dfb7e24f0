//! What switches findings of `gitopsctl lint` off, and what is wrong with that.

use crate::lint_command::{IMAGE, commit, found, lint, report, shop};
use crate::support::{Repository, Run};

const ANNOTATION: &str = "gitopsctl.io/ignore.images.tag-mutable";
const OFF: &str = "~images/tag-mutable base/deployment.yaml:14";

fn by(run: &Run) -> Vec<(String, String)> {
    let report = report(run);
    let suppressed = report["findings"].as_array().into_iter().flatten().map(|finding| finding["suppressed"].clone());
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    suppressed.filter(|it| !it.is_null()).map(|it| (text(&it["by"]), text(&it["reason"]))).collect()
}

fn with_comment(comment: &str) -> Repository {
    let repository = shop();
    repository.edit("base/deployment.yaml", ":latest", &format!(":latest # {comment}"));
    repository
}

#[test]
fn a_comment_on_the_line_above_it_or_for_the_file() {
    let on_the_line = with_comment("gitopsctl:ignore images/tag-mutable follows upstream until=2999-12-31");
    let run = lint(&on_the_line, &[]).exits(0);
    assert_eq!(found(&run), [OFF]);
    assert_eq!(by(&run), [("comment".to_owned(), "follows upstream".to_owned())]);
    for words in ["images why", "kube-linter/latest-tag why", "images/tag-mutable: why"] {
        lint(&with_comment(&format!("gitopsctl:ignore {words}")), &[]).exits(0);
    }
    let above = shop();
    above.edit(
        "base/deployment.yaml",
        "        image",
        "        # gitopsctl:ignore images/tag-mutable why\n\n        # and why\n        image",
    );
    assert_eq!(found(&lint(&above, &[]).exits(0)), ["~images/tag-mutable base/deployment.yaml:17"]);
    let file = shop();
    file.edit("base/deployment.yaml", "apiVersion", "# gitopsctl:ignore-file images all of it\napiVersion");
    lint(&file, &[]).exits(0);
    let elsewhere = shop();
    elsewhere.edit("base/deployment.yaml", "apiVersion", "# gitopsctl:ignore images/tag-mutable why\napiVersion");
    let expected = ["images/tag-mutable base/deployment.yaml:15", "suppressions/unused base/deployment.yaml:1"];
    assert_eq!(found(&lint(&elsewhere, &[]).exits(1)), expected);
}

#[test]
fn a_comment_counts_at_any_link_of_the_chain() {
    let repository = shop();
    repository.edit(
        "base/deployment.yaml",
        ":latest",
        ":1.0.0 # gitopsctl:ignore images/tag-mutable the base knows why",
    );
    let images = "images: [{name: example.com/web, newTag: latest}]\n";
    let path = "overlays/dev/kustomization.yaml";
    repository.write(path, &format!("{}{images}", repository.read(path)));
    assert_eq!(found(&lint(&repository, &[]).exits(0)), ["~images/tag-mutable overlays/dev/kustomization.yaml:3"]);
    let patch = shop();
    let text = "patches:\n- patch: |-\n    apiVersion: apps/v1\n    kind: Deployment\n    metadata: {name: web}\n    spec:\n      template:\n        spec:\n          containers:\n          - name: web\n            # gitopsctl:ignore images/tag-mutable in dev alone\n            image: example.com/web:latest\n";
    patch.write(path, &format!("{}{text}", patch.read(path)));
    let run = lint(&patch, &[]).exits(1);
    assert_eq!(found(&run), [IMAGE, "~images/tag-mutable overlays/dev/kustomization.yaml:14"]);
    assert_eq!(report(&run)["findings"][0]["environments"], serde_json::json!(["production"]));
}

#[test]
fn a_comment_has_windows_line_ends_too_and_is_no_text_of_a_value() {
    let repository = with_comment("gitopsctl:ignore images/tag-mutable why");
    let text = repository.read("base/deployment.yaml").replace('\n', "\r\n");
    repository.write("base/deployment.yaml", &text);
    let run = lint(&repository, &[]).exits(0);
    assert_eq!(by(&run), [("comment".to_owned(), "why".to_owned())]);
    let script = shop();
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  run: |\n    # gitopsctl:ignore-file images not said by a person\n    echo 1 # gitopsctl:ignore images/tag-mutable nor this\n";
    script.write("base/deployment.yaml", &format!("{text}---\n{}", script.read("base/deployment.yaml")));
    assert_eq!(found(&lint(&script, &[]).exits(1)), ["images/tag-mutable base/deployment.yaml:22"]);
}

#[test]
fn an_annotation_of_the_object_by_base_patch_or_kustomization() {
    let repository = shop();
    repository.edit(
        "base/deployment.yaml",
        "  name: web\n",
        &format!("  name: web\n  annotations: {{{ANNOTATION}: why not}}\n"),
    );
    let run = lint(&repository, &[]).exits(0);
    assert_eq!(by(&run), [("annotation".to_owned(), "why not".to_owned())]);
    let dev = shop();
    let path = "overlays/dev/kustomization.yaml";
    dev.write(path, &format!("{}commonAnnotations: {{{ANNOTATION}: why}}\n", dev.read(path)));
    assert_eq!(found(&lint(&dev, &[]).exits(1)), [IMAGE, OFF], "only in dev");
    let alias = shop();
    alias.edit(
        "base/deployment.yaml",
        "  name: web\n",
        "  name: web\n  annotations: {gitopsctl.io/ignore.kube-linter.latest-tag: why}\n",
    );
    lint(&alias, &[]).exits(0);
}

#[test]
fn applications_and_files_that_nothing_names_take_comments_and_annotations() {
    let repository = shop();
    repository.edit("base/deployment.yaml", ":latest", ":1.0.0");
    let application = |name: &str, path: &str| {
        format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata:\n  name: {name}\nspec:\n  project: default\n  source:\n    repoURL: https://git.example.com/x.git\n    path: {path}\n    targetRevision: v1\n  destination: {{namespace: x, name: c}}\n---\n"
        )
    };
    repository.write(
        "argocd/apps.yaml",
        &[
            application("dev", "overlays/dev"),
            application("production", "overlays/production"),
            application("gone", "overlays/gone"),
        ]
        .concat(),
    );
    let only = ["--only", "argocd/path-missing,suppressions,kustomize/file-unused"];
    commit(&repository);
    crate::build::git(&repository, &["remote", "add", "origin", "https://git.example.com/x.git"]);
    assert_eq!(found(&lint(&repository, &only).exits(1)), ["argocd/path-missing argocd/apps.yaml:33"]);
    repository.edit(
        "argocd/apps.yaml",
        "overlays/gone",
        "overlays/gone # gitopsctl:ignore argocd/path-missing it comes",
    );
    assert_eq!(found(&lint(&repository, &only).exits(0)), ["~argocd/path-missing argocd/apps.yaml:33"]);
    repository.edit("argocd/apps.yaml", " # gitopsctl:ignore argocd/path-missing it comes", "");
    repository.edit(
        "argocd/apps.yaml",
        "name: gone",
        "name: gone\n  annotations: {gitopsctl.io/ignore.argocd.path-missing: it comes}",
    );
    assert_eq!(found(&lint(&repository, &only).exits(0)), ["~argocd/path-missing argocd/apps.yaml:34"]);
    repository.write("base/other.yaml", "# gitopsctl:ignore-file kustomize/file-unused for later\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n");
    let run = lint(&repository, &["--only", "kustomize/file-unused,suppressions"]).exits(0);
    assert_eq!(found(&run), ["~kustomize/file-unused base/other.yaml:1"]);
}

#[test]
fn settings_by_environment_overlay_and_object() {
    let repository = shop();
    let cases = [
        ("environments: [dev]", vec![IMAGE, OFF]),
        ("environments: [dev, production]", vec![OFF]),
        ("overlays: ['overlays/prod*']", vec![IMAGE, OFF]),
        ("objects: [Deployment/w*]", vec![OFF]),
        ("objects: [Deployment/other]", vec![IMAGE, "suppressions/unused gitopsctl.yaml:4"]),
        ("until: '2020-01-01'", vec![IMAGE, "suppressions/expired gitopsctl.yaml:4"]),
        ("until: '2999-01-01'", vec![OFF]),
    ];
    for (scope, expected) in cases {
        let text = format!(
            "platform: x\npolicies:\n  suppress:\n  - policy: images/tag-mutable\n    reason: r\n    {scope}\n"
        );
        repository.write("gitopsctl.yaml", &text);
        let run = lint(&repository, &[]);
        assert_eq!(found(&run), expected, "{scope}: {}", run.stdout);
    }
}

#[test]
fn a_waiver_of_a_service() {
    let repository = Repository::rendered();
    let path = "gitops/apps/order-service/base/deployment.yaml";
    let image =
        repository.read(path).lines().find(|line| line.contains("image: ")).unwrap_or_default().trim().to_owned();
    repository.edit(path, &image, "image: docker.io/somebody/order-service");
    let only = ["--only", "images/registry-not-allowed,platform/registry-path,suppressions"];
    let before = found(&lint(&repository, &only));
    assert!(before.iter().any(|line| !line.starts_with('~')), "{before:?}");
    let policy = before
        .iter()
        .find(|line| !line.starts_with('~'))
        .and_then(|line| line.split(' ').next())
        .unwrap_or_default()
        .to_owned();
    let service = "services/order-service.yaml";
    repository.write(
        service,
        &format!("{}waivers:\n- policy: {policy}\n  reason: moves next week\n", repository.read(service)),
    );
    let after = found(&lint(&repository, &only));
    assert!(after.iter().any(|line| line.starts_with(&format!("~{policy}"))), "{after:?}");
    assert!(!after.iter().any(|line| line.starts_with(&policy)), "{after:?}");
}

#[test]
fn what_is_wrong_with_a_suppression_is_a_finding() {
    let cases = [
        ("images/tag-mutable", "suppressions/without-reason"),
        ("images/tag-mutabl why", "suppressions/unknown-policy"),
        ("", "suppressions/unknown-policy"),
        ("images/tag-mutable why until=2020-01-01", "suppressions/expired"),
        ("images/tag-mutable why until=tomorrow", "suppressions/expired"),
        ("images/tag-mutable why until=", "suppressions/unused"),
        ("waves/ladder why", "suppressions/unused"),
    ];
    for (words, policy) in cases {
        let repository = with_comment(&format!("gitopsctl:ignore {words}"));
        let run = lint(&repository, &[]);
        let found = found(&run);
        if words.ends_with("until=") {
            assert_eq!(found, [OFF], "{words}: no day is for good");
            continue;
        }
        assert_eq!(found, [IMAGE.to_owned(), format!("{policy} base/deployment.yaml:14")], "{words}");
        run.exits(1);
    }
}
