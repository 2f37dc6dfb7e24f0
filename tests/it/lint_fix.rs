//! `gitopsctl lint --fix` and `--diff`: what changes in the source, and what stays.

use crate::lint_command::{DEPLOYMENT, found, lint, shop};
use crate::support::Repository;

const FIX: [&str; 3] =
    ["--only", "security/seccomp-missing,kubernetes/success-threshold,images/pull-policy-stale", "--fix"];

const MANIFEST: &str = "\
# top
apiVersion: apps/v1
kind: Deployment
metadata: {name: web} # named
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web   # the first
        image: \"example.com/web:latest\"
        imagePullPolicy: IfNotPresent # to be mended
        livenessProbe:
          successThreshold: 3 # goes
          tcpSocket: {port: 80}
        securityContext:
          privileged: false
      # between
      - {name: two, image: 'x:1.0.0', securityContext: {privileged: false}}
      - name: three
        image: x:1.0.0
        securityContext: {}
# the end
";

const MENDED: &str = "\
# top
apiVersion: apps/v1
kind: Deployment
metadata: {name: web} # named
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web   # the first
        image: \"example.com/web:latest\"
        imagePullPolicy: Always # to be mended
        livenessProbe:
          tcpSocket: {port: 80}
        securityContext:
          privileged: false
          seccompProfile:
            type: RuntimeDefault
      # between
      - {name: two, image: 'x:1.0.0', securityContext: {privileged: false, seccompProfile: {type: RuntimeDefault}}}
      - name: three
        image: x:1.0.0
        securityContext: {seccompProfile: {type: RuntimeDefault}}
# the end
";

#[test]
fn comments_stay_and_a_second_run_has_nothing_to_do() {
    let repository = Repository::empty();
    repository.write("a.yaml", MANIFEST);
    let diff = repository.run(&["lint", "a.yaml", FIX[0], FIX[1], "--diff"]);
    diff.prints("-        imagePullPolicy: IfNotPresent # to be mended")
        .prints("+        imagePullPolicy: Always # to be mended");
    let both = repository.run(&[&["lint", "a.yaml", "--diff"], &FIX[..]].concat());
    assert!(both.stdout.contains("+          seccompProfile:"), "{}", both.stdout);
    assert_eq!(repository.read("a.yaml"), MANIFEST, "--diff changes nothing");
    let run = lint(&repository, &[&["a.yaml"], &FIX[..]].concat()).exits(0).says("mended 5 findings in 1 file");
    assert_eq!(repository.read("a.yaml"), MENDED);
    assert!(found(&run).is_empty(), "what was mended is not found any more: {:?}", found(&run));
    lint(&repository, &[&["a.yaml"], &FIX[..]].concat()).exits(0).says("mended 0 findings in 0 files");
    assert_eq!(repository.read("a.yaml"), MENDED);
}

#[test]
fn line_ends_stay() {
    let repository = Repository::empty();
    repository.write("a.yaml", &MANIFEST.replace('\n', "\r\n"));
    lint(&repository, &[&["a.yaml"], &FIX[..]].concat()).exits(0);
    assert_eq!(repository.read("a.yaml"), MENDED.replace('\n', "\r\n"));
    repository.write("a.yaml", MANIFEST.trim_end_matches("# the end\n").trim_end());
    lint(&repository, &[&["a.yaml"], &FIX[..]].concat()).exits(0);
    assert_eq!(repository.read("a.yaml").trim_end(), MENDED.trim_end_matches("# the end\n").trim_end());
}

#[test]
fn the_exit_code_is_that_of_what_is_left() {
    let repository = shop();
    repository.edit("base/deployment.yaml", "        image", "        imagePullPolicy: IfNotPresent\n        image");
    let arguments = ["--only", "images/pull-policy-stale", "--fail-on", "info"];
    lint(&repository, &arguments).exits(1);
    lint(&repository, &[&arguments[..], &["--diff"]].concat());
    lint(&repository, &[&arguments[..], &["--fix"]].concat()).exits(0);
    repository.edit("base/deployment.yaml", "Always", "IfNotPresent");
    lint(&repository, &["--only", "images", "--fix"]).exits(1);
}

#[test]
fn a_base_is_mended_once_for_all_its_overlays_and_a_patch_where_it_says_it() {
    let repository = shop();
    repository.edit("base/deployment.yaml", "        image", "        imagePullPolicy: IfNotPresent\n        image");
    repository.write("overlays/dev/patch.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        imagePullPolicy: IfNotPresent\n");
    repository.write("overlays/dev/kustomization.yaml", "resources: [../../base]\npatches: [{path: patch.yaml}]\n");
    lint(&repository, &["--only", "images/pull-policy-stale", "--fix"]).exits(0).says("mended 2 findings in 2 files");
    assert!(repository.read("base/deployment.yaml").contains("imagePullPolicy: Always"));
    assert!(repository.read("overlays/dev/patch.yaml").contains("imagePullPolicy: Always"));
}

#[test]
fn what_a_person_must_do_is_said_and_left() {
    let inline = shop();
    inline.write("overlays/dev/kustomization.yaml", "resources: [../../base]\npatches:\n- target: {kind: Deployment}\n  patch: |-\n    - op: add\n      path: /spec/template/spec/containers/0/imagePullPolicy\n      value: IfNotPresent\n");
    let before = inline.files();
    lint(&inline, &["--only", "images/pull-policy-stale", "--fix"])
        .says("overlays/dev/kustomization.yaml: images/pull-policy-stale:");
    assert_eq!(inline.files(), before);
    let rendered = Repository::rendered();
    let path = "gitops/apps/order-service/base/deployment.yaml";
    rendered.edit(path, "        image: ", "        imagePullPolicy: Never\n        image: ");
    let before = rendered.files();
    lint(&rendered, &["--only", "images/pull-policy-never", "--fix"])
        .says("the file is rendered: change the catalog or the template");
    assert_eq!(rendered.files(), before);
}

#[test]
fn nothing_outside_of_the_repository_is_written() {
    let around = Repository::empty();
    around.write(
        "outside/deployment.yaml",
        &DEPLOYMENT.replace("        image", "        imagePullPolicy: IfNotPresent\n        image"),
    );
    around.write("outside/kustomization.yaml", "resources: [deployment.yaml]\n");
    around.write("shop/gitopsctl.yaml", "platform: x\n");
    around.write("shop/overlays/dev/kustomization.yaml", "resources: [../../../outside]\n");
    let before = around.files();
    let shop = around.path().join("shop");
    let only = ["lint", "--only", "images/pull-policy-stale", "--fix"];
    crate::support::gitopsctl(&shop, &only).says("it lies outside of the repository");
    assert_eq!(around.files(), before);
    // Where the repository has a file of that path itself, it is another file.
    let inner = around.path().strip_prefix("/").unwrap_or(around.path()).join("outside/deployment.yaml");
    around.write(&format!("shop/{}", inner.display()), "another: file\n");
    let before = around.files();
    crate::support::gitopsctl(&shop, &only).says("it lies outside of the repository");
    assert_eq!(around.files(), before);
}

#[cfg(unix)]
#[test]
fn a_link_is_not_written_through_and_nothing_is_half_written() {
    let repository = shop();
    let outside = Repository::empty();
    let manifest = DEPLOYMENT.replace("        image", "        imagePullPolicy: IfNotPresent\n        image");
    outside.write("real.yaml", &manifest);
    repository.write("base/deployment.yaml", &manifest);
    repository.edit("base/kustomization.yaml", "deployment.yaml", "deployment.yaml, linked.yaml");
    outside.edit("real.yaml", "name: web\nspec", "name: linked\nspec");
    std::os::unix::fs::symlink(outside.path().join("real.yaml"), repository.path().join("base/linked.yaml"))
        .unwrap_or_else(|error| panic!("{error}"));
    let before = (repository.files(), outside.files());
    let run = lint(&repository, &["--only", "images/pull-policy-stale", "--fix"]);
    assert!(matches!(run.code, Some(3 | 4)), "{run:?}");
    assert_eq!((repository.files(), outside.files()), before);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_leaves_all_as_it_was() {
    use std::os::unix::fs::PermissionsExt as _;
    let repository = shop();
    for path in ["base/deployment.yaml", "locked/overlays/dev/deployment.yaml"] {
        repository
            .write(path, &DEPLOYMENT.replace("        image", "        imagePullPolicy: IfNotPresent\n        image"));
    }
    repository.write("locked/overlays/dev/kustomization.yaml", "resources: [deployment.yaml]\n");
    let locked = repository.path().join("locked/overlays/dev");
    let set = |mode| std::fs::set_permissions(&locked, std::fs::Permissions::from_mode(mode));
    set(0o555).unwrap_or_else(|error| panic!("{error}"));
    let is_refused = std::fs::write(locked.join("probe"), "").is_err();
    let before = repository.files();
    let run = lint(&repository, &["--only", "images/pull-policy-stale", "--fix"]);
    set(0o755).unwrap_or_else(|error| panic!("{error}"));
    // Whoever may do everything is refused nothing.
    if is_refused {
        run.exits(4).says("cannot write");
        assert_eq!(repository.files(), before);
    }
}
