//! `gitopsctl build --compat` against what ten releases of Kustomize made of small trees, a folder a construct under
//! fixtures/compat: `in/`, `versions.txt` (recorded from the releases: those that differ from v5.8.1, and how) and
//! `expected.txt`. `GITOPSCTL_BLESS=1 cargo test compat` writes `expected.txt` anew, and never `versions.txt`.

use std::fmt::Write as _;

use crate::build::{cases, read, root, same};
use crate::support::{Repository, gitopsctl};

/// The releases that were tried, without the reference.
const RELEASES: [&str; 10] = ["5.4.0", "5.4.1", "5.4.2", "5.4.3", "5.5.0", "5.6.0", "5.7.0", "5.7.1", "5.8.0", "5.8.2"];

/// What the lines of the list say of a release.
fn claimed(list: &str, release: &str) -> Option<&'static str> {
    let claims = list.split("Kustomize ").skip(1);
    let mut found: Vec<_> = claims
        .filter(|claim| {
            let claim = claim.split(" refuses it").next().unwrap_or_default();
            let mut words = claim.split_whitespace();
            match (words.next(), words.next()) {
                (Some("before"), Some(until)) => release < until,
                (Some("from"), Some(from)) => release >= from,
                (Some(only), _) => release == only,
                _ => false,
            }
        })
        .map(|claim| if claim.contains("refuses it") { "refused" } else { "other bytes" })
        .collect();
    found.sort_unstable();
    found.last().copied()
}

#[test]
fn what_is_listed_is_what_the_releases_do() {
    let mut wrong = String::new();
    for case in cases("fixtures/compat", 20) {
        let run = gitopsctl(&case.join("in"), &["build", root(&case), "--compat"]).exits(0);
        same(&case.join("expected.txt"), &run.stdout, &mut wrong);
        let recorded = read(&case.join("versions.txt"));
        let mut said = String::new();
        if recorded.contains("accepted") {
            // The reference refuses it, and so does every release before.
            assert!(run.stdout.contains("Kustomize before 5.8.2 refuses it"), "{}", run.stdout);
            said += "5.8.2 accepted\n";
        } else {
            for release in RELEASES {
                if let Some(how) = claimed(&run.stdout, release) {
                    let _ = writeln!(said, "{release} {how}");
                }
            }
        }
        if said != recorded {
            let _ = writeln!(wrong, "{}: said\n{said}recorded\n{recorded}{}", case.display(), run.stdout);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn a_whole_repository_is_listed_at_once() {
    let repository = Repository::empty();
    let configuration = "resources: [a.yaml]\nbuildMetadata: [managedByLabel]\n";
    for environment in ["dev", "production"] {
        let folder = format!("apps/web/overlays/{environment}");
        repository.write(&format!("{folder}/kustomization.yaml"), configuration);
        repository.write(&format!("{folder}/a.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n");
    }
    let run = gitopsctl(repository.path(), &["build", "--all", "--compat", "."]).exits(0);
    assert_eq!(run.stdout.matches("managed-by").count(), 1, "{}", run.stdout);
    assert!(run.stderr.contains("1 construct that"), "{}", run.stderr);
}
