//! Policies of a repository's own, and the commands about policies.

use serde_json::Value;

use crate::lint_command::{IMAGE, found, lint, report, shop};
use crate::support::Repository;

/// A policy file: what every policy has, and the rest.
fn policy(id: &str, rest: &str) -> String {
    format!(
        "apiVersion: gitopsctl.io/v1\nkind: Policy\nid: {id}\ntitle: A title\nseverity: error\nprofiles: [recommended]\nrationale: Because.\nremediation: Do it.\nmatch: {{kinds: [Deployment]}}\n{rest}"
    )
}

fn with(rest: &str) -> Repository {
    let repository = shop();
    repository.write("policies/shop.yaml", &policy("shop/rule", rest));
    repository
}

const ONLY: [&str; 2] = ["--only", "shop"];

#[test]
fn a_schema_judges_each_unit() {
    let repository = with(
        "schema: {properties: {metadata: {required: [labels]}}}\nmessage: '{kind} `{name}` in {environment} has no labels'\n",
    );
    let run = lint(&repository, &ONLY).exits(1);
    assert_eq!(found(&run)[0], "shop/rule base/deployment.yaml:3");
    assert!(run.stdout.contains("Deployment `web` in dev has no labels"), "{}", run.stdout);
    assert_eq!(report(&run)["findings"][0]["field"], "/metadata/labels");
    let tag = with(
        "each: container\nschema: {properties: {image: {imageTag: fixed}, resources: {properties: {limits: {properties: {memory: {quantityMinimum: {$param: least}}}}}}}}\nparams: {least: {type: quantity, default: 32Mi}}\n",
    );
    assert_eq!(found(&lint(&tag, &ONLY).exits(1)), ["shop/rule base/deployment.yaml:14"]);
    tag.write("gitopsctl.yaml", "platform: x\npolicies: {params: {shop/rule: {least: 1Gi}}}\n");
    let both = ["shop/rule base/deployment.yaml:14", "shop/rule base/deployment.yaml:15"];
    assert_eq!(found(&lint(&tag, &ONLY).exits(1)), both);
    tag.write("gitopsctl.yaml", "platform: x\npolicies: {params: {shop/rule: {least: much}}}\n");
    lint(&tag, &ONLY).exits(3);
}

#[test]
fn cel_sees_object_unit_params_environment_and_objects() {
    let cases = [
        ("object.metadata.name == 'other'", 1),
        ("object.kind == unit.kind", 0),
        ("environment != 'production'", 1),
        ("params.most >= 1", 0),
        ("objects.Deployment.size() < params.most", 1),
        ("objects.Deployment.exists(other, other.metadata.name == object.metadata.name)", 0),
        ("!has(object.metadata.labels) || object.metadata.labels.team != ''", 0),
        ("type(object.metadata.name) == string && [1, 2].map(n, n * 2).all(n, n > 1)", 0),
        ("unit.spec.template.spec.containers.all(c, c.image.endsWith('latest'))", 0),
    ];
    for (expression, count) in cases {
        let text = format!(
            "params: {{most: {{type: integer, default: 1}}}}\ncel:\n- {{expression: \"{expression}\", at: /metadata/name, message: no}}\n"
        );
        let repository = with(&text);
        let run = lint(&repository, &ONLY);
        assert_eq!(found(&run).len(), count, "{expression}: {}", run.stdout);
        if count == 1 {
            assert_eq!(found(&run), ["shop/rule base/deployment.yaml:4"], "{expression}");
        }
    }
}

#[test]
fn what_is_wrong_with_a_policy_is_told_in_its_file() {
    let cases = [
        ("cel:\n- expression: \"object.(\"\n", 11, "cannot be compiled"),
        ("cel:\n- expression: nothing.there\n", 11, "there is no variable `nothing`"),
        ("cel:\n- expression: object.nothing.there == 1\n", 11, "cannot be evaluated of Deployment `web`"),
        ("cel:\n- expression: object.metadata.name\n", 11, "its value is no boolean"),
        ("cel: []\n", 10, "no list of expressions"),
        ("schema: {type: 5}\n", 1, "cannot be used"),
        ("schema: {properties: {a: {pattern: '['}}}\n", 1, "cannot be used"),
        ("schema: {a: {$param: gone}}\n", 10, "there is no param `gone`"),
        ("schema: {}\ncel: [{expression: 'true'}]\n", 1, "has one of `schema`, `cel` and `check`"),
        ("check: prvileged\n", 10, "there is no check `prvileged`"),
        ("schema: {}\nremidiation: x\n", 11, "did you mean `remediation`?"),
        ("schema: {}\neach: contaner\n", 11, "did you mean `container`?"),
        ("schema: {}\nparams: {a: {type: integer, default: x}}\n", 11, "not of the param's type"),
    ];
    for (rest, line, words) in cases {
        let repository = with(rest);
        let run = repository.run(&["lint"]).exits(3).prints(words);
        let run = run.prints(&format!("policies/shop.yaml:{line}:"));
        assert_eq!(run.stdout.matches(words).count(), 1, "once, not for each object: {}", run.stdout);
        let places = found(&lint(&repository, &[]).exits(3));
        assert!(places.iter().any(|place| place.ends_with(&format!("policies/shop.yaml:{line}"))), "{places:?}");
        assert!(places.contains(&IMAGE.to_owned()), "the others are judged: {places:?}");
    }
}

#[test]
fn an_id_is_there_once_and_none_that_is_built_in() {
    let repository = with("schema: {}\n");
    repository.write("policies/again.yaml", &policy("shop/rule", "schema: {}\n"));
    repository.run(&["lint"]).exits(3).prints("the policy `shop/rule` is there twice");
    repository.write("policies/again.yaml", &policy("images/tag-mutable", "schema: {}\n"));
    repository.run(&["lint"]).exits(3).prints("the policy `images/tag-mutable` is built in");
    repository.write("policies/again.yaml", &policy("Shop/Rule", "schema: {}\n"));
    repository.run(&["lint"]).exits(3).prints("`Shop/Rule` is no policy id");
    repository.write("policies/again.yaml", "apiVersion: gitopsctl.io/v1\nkind: [\n");
    repository.run(&["lint"]).exits(3).prints("`policies/again.yaml` cannot be read");
    repository.run(&["lint", "--only", "shop/other"]).exits(3).says("policies/again.yaml");
}

#[test]
fn policies_of_other_tools_are_left_alone() {
    let repository = shop();
    repository.write(
        "policies/kyverno.yaml",
        "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {name: require-labels}\nspec:\n  rules: []\n",
    );
    repository.write("policies/rego.rego", "package x\n");
    assert_eq!(found(&lint(&repository, &[]).exits(1)), [IMAGE]);
    repository.run(&["policy", "test"]).exits(0);
}

#[test]
fn own_policies_are_tuned_and_suppressed_as_those_built_in() {
    let repository = with("schema: {properties: {metadata: {required: [labels]}}}\naliases: [ours/labels]\n");
    lint(&repository, &["--only", "ours/labels"]).exits(1);
    lint(&repository, &["--disable", "shop,images"]).exits(0);
    lint(&repository, &["--severity", "shop/rule=info", "--disable", "images"]).exits(0);
    repository.edit("base/deployment.yaml", "metadata:", "metadata: # gitopsctl:ignore shop/rule why");
    lint(&repository, &["--disable", "images"]).exits(0);
    repository.write("policies/shop.yaml", &policy("shop/rule", "schema: {}\n").replace("[recommended]", "[ours]"));
    assert_eq!(found(&lint(&repository, &["--only", "suppressions"])), [""; 0]);
    repository.run(&["lint", "--profile", "ours"]).exits(0);
}

#[test]
fn new_writes_a_policy_that_passes_its_tests() {
    let repository = shop();
    let run = repository.run(&["policy", "new", "shop/team-missing", "--dry-run"]).exits(0);
    assert!(run.stdout.contains("id: shop/team-missing") && !repository.has("policies"));
    repository.run(&["policy", "new", "shop/team-missing"]).exits(0).says("policies/shop-team-missing.yaml");
    repository.run(&["policy", "test", "policies/shop-team-missing.yaml"]).exits(0).prints("2 passed, 0 failed");
    repository.run(&["policy", "test", "policies"]).exits(0);
    let run = lint(&repository, &ONLY).exits(0);
    assert_eq!(found(&run), ["shop/team-missing base/deployment.yaml:3"]);
    repository.run(&["policy", "new", "shop/team-missing"]).exits(2).says("is there already");
    repository.run(&["policy", "new", "images/tag-mutable"]).exits(2).says("is there already");
    repository.run(&["policy", "new", "../x"]).exits(2).says("is no policy id");
    repository.run(&["policy", "new", "Shop/X"]).exits(2);
}

#[test]
fn tests_of_policies_fail_with_a_reason() {
    let pass = "- {name: good, expect: pass, object: {apiVersion: apps/v1, kind: Deployment, metadata: {name: a, labels: {a: b}}}}\n";
    let fail = "- {name: bad, expect: fail, at: /metadata/labels, object: {apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}}\n";
    let schema = "schema: {properties: {metadata: {required: [labels]}}}\ntests:\n";
    let cases = [
        (format!("{schema}{pass}{fail}"), 0, "2 passed, 0 failed"),
        (format!("{schema}{pass}"), 1, "has no test that fails"),
        (format!("{schema}{fail}"), 1, "has no test that passes"),
        (
            format!("{schema}{pass}{}", fail.replace("/metadata/labels", "/metadata")),
            1,
            "it finds nothing at /metadata",
        ),
        (format!("{schema}{fail}{}", pass.replace("labels", "annotations")), 1, "it finds `"),
        (format!("{schema}{pass}{}", fail.replace("expect: fail", "expect: fial")), 3, "did you mean `fail`?"),
        (format!("{schema}{pass}{}", fail.replace("object:", "objekt:")), 3, "has no field `objekt`"),
    ];
    for (rest, code, words) in cases {
        let repository = with(&rest);
        let run = repository.run(&["policy", "test", "policies/shop.yaml"]).exits(code);
        assert!(run.stdout.contains(words) || run.stderr.contains(words), "{rest}: {run:?}");
    }
    shop().run(&["policy", "test", "nothing.yaml"]).exits(3);
}

#[test]
fn policies_are_listed_and_explained() {
    let repository = with("schema: {}\naliases: [ours/rule]\n");
    repository.write(
        "gitopsctl.yaml",
        "platform: x\npolicies: {disable: [images/tag-mutable], severity: {shop/rule: info}}\n",
    );
    let run = repository.run(&["policy", "list", "--format", "json"]).exits(0);
    let list: Value = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(list["version"], 1);
    let policies = list["policies"].as_array().cloned().unwrap_or_default();
    let of = |id: &str| policies.iter().find(|policy| policy["id"] == id).cloned().unwrap_or_default();
    let tag = of("images/tag-mutable");
    assert_eq!((&tag["enabled"], &tag["category"]), (&false.into(), &"images".into()));
    assert!(tag["title"].is_string() && tag["aliases"].is_array() && tag["severity"] == "error");
    let own = of("shop/rule");
    assert_eq!((&own["enabled"], &own["severity"], &own["own"]), (&true.into(), &"info".into(), &true.into()));
    let on = repository.run(&["policy", "list", "--enabled", "--profile", "none"]).exits(0);
    assert!(on.stdout.is_empty(), "{}", on.stdout);
    repository.run(&["policy", "list", "--profile", "strickt"]).exits(2);
    repository.run(&["explain", "images/tag-mutable"]).exits(0).prints("to switch it off").prints("example:");
    repository.run(&["explain", "kube-linter/latest-tag"]).exits(0).prints("images/tag-mutable");
    repository.run(&["explain", "ours/rule"]).exits(0).prints("Because.");
    repository.run(&["explain", "images/tag-mutabel"]).exits(2).says("did you mean `images/tag-mutable`?");
    repository.run(&["policy", "list"]).exits(0).prints("shop/rule ");
}
