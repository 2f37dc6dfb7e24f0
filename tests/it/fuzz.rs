//! The corpus of the fuzz targets under fuzz/, replayed: what once went wrong, and inputs that reach far.

use std::fs;

use crate::support::project;

#[path = "../../fuzz/checks.rs"]
mod checks;

fn replay(target: &str, at_least: usize, check: fn(&[u8])) {
    let folder = project().join("fuzz/corpus").join(target);
    let files = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut count = 0;
    for file in files {
        let path = file.unwrap_or_else(|error| panic!("{error}")).path();
        check(&fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        count += 1;
    }
    assert!(count >= at_least, "only {count} inputs for {target}");
}

#[test]
fn everyday_and_general_readers_agree_on_the_corpus() {
    replay("parse", 50, checks::parse);
}

#[test]
fn what_is_printed_reads_back_on_the_corpus() {
    replay("emit", 50, checks::emit);
}

#[test]
fn trees_of_the_corpus_build_or_are_refused() {
    replay("build_tree", 25, checks::build_tree);
}
