//! `gitopsctl waves` to look at: what each wave waits for, the sync of a change alone, and diagrams of both. The real
//! Mermaid and Graphviz read the diagrams in `tests/view/waves`, where they are at hand.

use serde_json::Value;

use crate::build::git;
use crate::support::{Repository, Run, project};

const FORMATS: [&str; 3] = ["mermaid", "dot", "svg"];

fn parsed(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

fn application<'a>(answer: &'a Value, name: &str) -> &'a Value {
    let all = answer["applications"].as_array().unwrap_or_else(|| panic!("{answer}"));
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("no {name}"))
}

/// `PreSync 0 -> Sync 1: Job a completed; 2 s` of each gate.
fn gates(application: &Value) -> Vec<String> {
    let at = |step: &Value| match step {
        Value::Null => "end".to_owned(),
        step => format!("{} {}", step["phase"].as_str().unwrap_or_default(), step["wave"]),
    };
    let waited = |one: &Value| format!("{} {} {}", one["kind"], one["name"], one["until"]).replace('"', "");
    let gates = application["gates"].as_array().cloned().unwrap_or_default();
    let line = |gate: &Value| {
        let waits: Vec<String> = gate["waits"].as_array().into_iter().flatten().map(waited).collect();
        format!("{} -> {}: {}; {} s", at(&gate["after"]), at(&gate["before"]), waits.join(", "), gate["delaySeconds"])
    };
    gates.iter().map(line).collect()
}

fn committed(repository: &Repository) {
    for arguments in [&["init", "--quiet"][..], &["add", "--all"], &["commit", "--quiet", "--message", "first"]] {
        git(repository, arguments);
    }
}

#[test]
fn what_a_wave_waits_for_is_said() {
    let repository = Repository::rendered();
    let answer = parsed(&repository.run(&["waves", "--format", "json"]).exits(0));
    let order = application(&answer, "order-service-production");
    assert_eq!(order["parent"], "applications-production");
    assert_eq!(
        gates(order),
        [
            "PreSync -1 -> PreSync 0: ; 2 s",
            "PreSync 0 -> Sync 1: Job order-service-migrate completed; 2 s",
            "Sync 1 -> Sync 2: ; 2 s",
            "Sync 2 -> end: ; 0 s",
        ]
    );
    // Applications are waited for where argocd-cm-patch.yaml is in the repository.
    let parent = gates(application(&answer, "applications-production"));
    assert_eq!(parent[0], "Sync 0 -> Sync 2: Application infrastructure-production healthy; 2 s");
    repository.remove("gitops/argocd/argocd-cm-patch.yaml");
    let answer = parsed(&repository.run(&["waves", "--format", "json"]).exits(0));
    let parent = application(&answer, "applications-production");
    assert_eq!(gates(parent)[0], "Sync 0 -> Sync 2: ; 2 s");
    assert!(parent["notes"].to_string().contains("no health check for Applications"), "{}", parent["notes"]);
    let human = repository.run(&["waves", "gitops/apps/order-service/overlays/production"]).exits(0);
    let human = human.prints("  -> waits until Job order-service-migrate has completed; at least 2 s\n");
    human.prints("  -> 2 s pass, and nothing is waited for\n");
}

#[test]
fn an_environment_is_shown_alone() {
    let repository = Repository::rendered();
    let answer = parsed(&repository.run(&["waves", "--env", "production", "--format", "json"]).exits(0));
    let all = answer["applications"].as_array().cloned().unwrap_or_default();
    assert_eq!(all.len(), 23);
    assert!(all.iter().all(|one| one["environment"] == "production"));
    repository.run(&["waves", "--env", "staging"]).exits(2).says("there are: dev, production");
    repository.run(&["waves", "--all"]).exits(2).says("--live-rev");
}

#[test]
fn a_change_shows_its_own_sync_with_what_it_prunes_and_deletes() {
    let repository = Repository::rendered();
    committed(&repository);
    repository.run(&["waves", "--live-rev", "HEAD"]).exits(0).prints("nothing that is synced changes\n");
    // Nothing but the gateway names this service.
    repository.remove("services/search-service.yaml");
    repository.edit("services/gateway-service.yaml", "- search-service\n", "");
    repository.run(&["render", "--prune"]).exits(0);
    let run = repository.run(&["waves", "--live-rev", "HEAD"]).exits(0);
    assert_eq!(run.stderr, "");
    let run =
        run.prints("search-service-production (gitops/apps/search-service/overlays/production): deleted, with all");
    let run = run.prints("Sync wave 3\n  change NetworkPolicy gateway-service\n  7 unchanged, applied again\n");
    let run = run.prints("prune StatefulSet elasticsearch (stays until confirmed)");
    // The highest wave goes first, and nothing that the change leaves alone is shown.
    let (_, deleted) = run.stdout.split_once("search-service-production (").unwrap_or_default();
    assert!(deleted.find("Delete wave 2") < deleted.find("Delete wave 1"), "{deleted}");
    assert!(!run.stdout.contains("auth-service"), "{}", run.stdout);
    let all = repository.run(&["waves", "--live-rev", "HEAD", "--all"]).exits(0);
    all.prints("auth-service-production");

    let answer = parsed(&repository.run(&["waves", "--live-rev", "HEAD", "--format", "json"]).exits(0));
    assert_eq!(answer["base"], "HEAD");
    // The parent applies what is not in sync alone, so nothing is waited for but the deletion, which comes last.
    assert_eq!(gates(application(&answer, "applications-production")), ["Sync 4 -> end: ; 0 s"]);
    let deleted = application(&answer, "search-service-production");
    assert_eq!((&deleted["state"], &deleted["parent"]), (&"deleted".into(), &"applications-production".into()));
    let tasks = deleted["tasks"].as_array().cloned().unwrap_or_default();
    assert!(tasks.iter().all(|task| task["action"] == "prune" && task["phase"] == "Delete" && task["hook"] == false));
    let gateway = application(&answer, "gateway-service-production");
    let changes: Vec<&Value> = gateway["tasks"].as_array().into_iter().flatten().map(|task| &task["change"]).collect();
    assert_eq!(changes.iter().filter(|change| **change == "changed").count(), 1, "{changes:?}");
    assert_eq!(changes.iter().filter(|change| **change == "unchanged").count(), 7, "{changes:?}");
    for format in FORMATS {
        let run = repository.run(&["waves", "--live-rev", "HEAD", "--format", format]).exits(0);
        assert!(run.stdout.contains("deleted, with all that it deployed"), "{format}: {}", run.stdout);
        assert!(!run.stdout.contains("auth-service"), "{format}");
    }
}

#[test]
fn hooks_run_at_each_sync_and_make_none() {
    let repository = Repository::empty();
    let job = |image: &str| {
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata:\n  name: migrate\n  annotations: {{argocd.argoproj.io/hook: \
             PreSync}}\nspec: {{template: {{spec: {{containers: [{{name: a, image: {image}}}]}}}}}}\n---\n"
        )
    };
    let map = |value: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\ndata: {{a: {value}}}\n");
    let other = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n";
    repository.write("overlays/dev/kustomization.yaml", "resources: [all.yaml]\n");
    repository.write("overlays/dev/all.yaml", &[&job("a"), &*map("one"), other].concat());
    committed(&repository);
    let told = |repository: &Repository| repository.run(&["waves", "overlays/dev", "--live-rev", "HEAD"]).exits(0);
    repository.write("overlays/dev/all.yaml", &[&job("a"), &*map("two"), other].concat());
    let run = told(&repository).prints("PreSync wave 0\n  Job migrate (hook)\n");
    run.prints("Sync wave 0\n  change ConfigMap a\n  1 unchanged, applied again\n");
    repository.write("overlays/dev/all.yaml", &[&job("b"), &*map("one"), other].concat());
    told(&repository).prints("note: only hooks change: that alone does not make Argo CD sync");
}

#[test]
fn an_application_without_finalizer_leaves_what_it_deployed() {
    let repository = Repository::rendered();
    let path = "gitops/argocd/production/search-service.yaml";
    repository.edit(path, "  - resources-finalizer.argocd.argoproj.io\n", "  - other.example.com/finalizer\n");
    committed(&repository);
    repository.remove(path);
    repository.edit("gitops/argocd/production/kustomization.yaml", "- search-service.yaml\n", "");
    let run = repository.run(&["waves", "--live-rev", "HEAD", "--env", "production"]).exits(0);
    run.prints("overlays/production): deleted; what it deployed stays in the cluster\n");
}

#[test]
fn a_picture_is_the_same_each_time_and_the_papers_has_not_aged() {
    let repository = Repository::rendered();
    let arguments = ["waves", "--env", "production", "--format", "svg", "-o", "waves.svg"];
    let drawn = || {
        assert_eq!(repository.run(&arguments).exits(0).stdout, "");
        repository.read("waves.svg")
    };
    let picture = drawn();
    assert_eq!(picture, drawn());
    let kept = project().join("docs/waves.svg");
    if std::env::var_os("GITOPSCTL_BLESS").is_some() {
        std::fs::write(&kept, &picture).unwrap_or_else(|error| panic!("{error}"));
    }
    let kept = std::fs::read_to_string(&kept).unwrap_or_else(|error| panic!("{error}"));
    assert!(kept == picture, "docs/waves.svg is not what the platform gives: GITOPSCTL_BLESS=1 cargo test waves_view");
    let readme = std::fs::read_to_string(project().join("README.md")).unwrap_or_else(|error| panic!("{error}"));
    assert!(readme.contains("waves --env production --format svg -o docs/waves.svg"));
}

/// The texts of a picture: where each starts, how high its letters are, what it says.
fn texts(picture: &str) -> Vec<(i64, i64, i64, String)> {
    let number = |line: &str, name: &str| -> Option<i64> {
        line.split_once(&format!(" {name}=\""))?.1.split('"').next()?.parse().ok()
    };
    let (mut at, mut found) = (vec![(0, 0)], Vec::new());
    for line in picture.lines() {
        let here = at.last().copied().unwrap_or_default();
        if let Some((_, rest)) = line.split_once("translate(") {
            let (x, y) = rest.split_once(')').and_then(|(pair, _)| pair.split_once(' ')).unwrap_or_default();
            at.push((here.0 + x.parse::<i64>().unwrap_or(0), here.1 + y.parse::<i64>().unwrap_or(0)));
        } else if line == "<g>" {
            at.push(here);
        } else if line.starts_with("</g>") {
            at.pop();
        } else if line.starts_with("<text") && !line.contains("text-anchor") {
            let (Some(x), Some(y)) = (number(line, "x"), number(line, "y")) else { panic!("{line}") };
            let size = if line.contains("\"title\"") { 20 } else { 11 };
            let text: String =
                line.split('>').skip(1).filter_map(|part| part.split('<').next()).collect::<Vec<_>>().concat();
            found.push((here.0 + x, here.1 + y, size, text));
        }
    }
    found
}

#[test]
fn no_text_of_a_picture_lies_over_another_or_beyond_its_edge() {
    let repository = Repository::rendered();
    for arguments in [&["--env", "production"][..], &[], &["gitops/infrastructure/overlays/production"]] {
        let picture = repository.run(&[&["waves", "--format", "svg"], arguments].concat()).exits(0).stdout;
        let edge = picture.split_once("viewBox=\"0 0 ").and_then(|(_, rest)| rest.split(' ').next()?.parse().ok());
        let edge: i64 = edge.unwrap_or_else(|| panic!("{picture}"));
        let texts = texts(&picture);
        assert!(texts.len() > 20, "{arguments:?}");
        // As wide as a usual font sets it.
        let end =
            |text: &(i64, i64, i64, String)| text.0 + i64::try_from(text.3.len()).unwrap_or(0) * text.2 * 55 / 100;
        for (at, one) in texts.iter().enumerate() {
            assert!(end(one) <= edge, "{one:?} beyond {edge}");
            let near = texts[at + 1..].iter().filter(|other| (other.1 - one.1).abs() < one.2.min(other.2));
            for other in near {
                assert!(end(one) <= other.0 || end(other) <= one.0, "{one:?} and {other:?}");
            }
        }
    }
}

#[test]
fn names_of_any_kind_stay_within_their_labels() {
    let repository = Repository::empty();
    let text = concat!(
        "apiVersion: v1\nkind: \"Config\\\"]; end\\n`<b>&amp;#lt;\"\n",
        "metadata: {name: \"a\\\"]|}>;--> %%{init}%% </TD> \\\\N \\u202e ]]> & </text>\"}\n---\n",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: \"<script>alert(1)</script>\", ",
        "annotations: {argocd.argoproj.io/hook: PreSync}}\n",
    );
    repository.write("all.yaml", text);
    for format in FORMATS {
        let out = repository.run(&["waves", "all.yaml", "--format", format]).exits(0).stdout;
        assert!(!out.contains("<script") && !out.contains("</TD> ") && !out.contains('\u{202e}'), "{format}: {out}");
        assert!(!out.contains("& ") && !out.contains("<b>&"), "{format}: {out}");
        assert!(format != "mermaid" || !out.contains("%%") && !out.contains("]; end"), "{out}");
    }
    let human = repository.run(&["waves", "all.yaml"]).exits(0).stdout;
    assert!(!human.contains('\u{202e}') && human.contains("Config\"]; end␊"), "{human}");
    assert!(human.contains("\\u{202e}"), "{human}");
}
