//! ApplicationSets evaluated offline, a folder a case under fixtures/applicationsets: `in/` is the repository with the set
//! in `set.yaml`, `clusters.txt` the declared clusters where there are any, and `expected.txt` what the set comes to.
//! `GITOPSCTL_BLESS=1 cargo test applicationsets` writes what it comes to anew: read it before you commit it.

use std::path::Path;

use gitopsctl::argo::{self, Cluster, Context, normalized_url};
use gitopsctl::source::SourceMap;
use gitopsctl::tree::Tree;
use gitopsctl::yaml::print;

use crate::build::{cases, read, same};

/// `name server label=value,label=value` a line.
fn clusters(case: &Path) -> Vec<Cluster> {
    let text = std::fs::read_to_string(case.join("clusters.txt")).unwrap_or_default();
    let cluster = |line: &str| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (name, server, labels) = (word(), word(), word());
        let labels = labels.split(',').filter_map(|label| label.split_once('='));
        let labels = labels.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Cluster { name, server, labels, annotations: Vec::new() }
    };
    text.lines().map(cluster).collect()
}

fn outcome(case: &Path) -> String {
    let text = read(&case.join("in/set.yaml"));
    let mut sources = SourceMap::default();
    let file = sources.add("set.yaml", &*text);
    let documents = argo::manifests(&text, file, "set.yaml").unwrap_or_else(|error| panic!("{error:?}"));
    // The tree lies below a folder, so that paths are seen to be those of the repository.
    let tree = Tree::directory(case);
    let own = [normalized_url("https://Example.com/gitops")];
    let clusters = clusters(case);
    let context = Context { tree: &tree, repository: "in", clusters: &clusters, own_repos: &own };
    let found = argo::read(&documents.iter().collect::<Vec<_>>(), &context);
    let line = |origin: gitopsctl::source::Origin| {
        let (file, at) = origin.place().unwrap_or_else(|| panic!("{}: an origin without a place", case.display()));
        sources.position(file, at).line
    };
    let mut said = String::new();
    for generated in &found.sets[0].generated {
        let count = generated.count.map_or("not known".to_owned(), |count| count.to_string());
        said += &format!("# line {}: {} {count}\n", line(generated.origin), generated.generator);
    }
    for diagnostic in found.diagnostics.iter() {
        let places = diagnostic.labels.iter().map(|label| sources.position(label.span.file, label.span.start).line);
        let places: Vec<_> = places.map(|line| line.to_string()).collect();
        let severity = format!("{:?}", diagnostic.severity).to_lowercase();
        let (code, message) = (diagnostic.code.id, &diagnostic.message);
        said += &format!("# {severity}[{code}] at {}: {message}\n", places.join(", "));
    }
    for application in &found.applications {
        assert_eq!(application.generated_by.as_deref(), Some("set"));
        let source = &application.sources[0];
        let path = source.path.as_ref().map_or(0, |path| line(path.origin));
        said += &format!("--- # path of line {path}\n");
        said += &print::document(&application.datum).unwrap_or_else(|error| panic!("{error:?}"));
    }
    said
}

#[test]
fn sets_generate_what_argo_cd_would() {
    let mut wrong = String::new();
    for case in cases("fixtures/applicationsets", 30) {
        same(&case.join("expected.txt"), &outcome(&case), &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong}");
}
