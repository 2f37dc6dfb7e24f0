//! What a shell offers behind a command: the services, environments and policies of the repository that it stands in.

use std::collections::BTreeSet;
use std::path::Path;

use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};

use crate::cli::{policies, root_of};
use crate::layout;
use crate::tree::Tree;

/// The repository around the directory of the shell.
fn home() -> Option<Tree> {
    root_of(Path::new(".")).ok().map(Tree::directory)
}

fn candidates(names: impl IntoIterator<Item = String>) -> Vec<CompletionCandidate> {
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// The services of the catalog; where there is none, those that the folders name.
pub(super) fn services() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some(home) = home() else { return Vec::new() };
        let known = crate::catalog::service_names(&home);
        if !known.is_empty() {
            return candidates(known);
        }
        let owners = folders(&home).into_iter().filter_map(|folder| layout::owner(&folder, &[]).0);
        candidates(owners.collect::<BTreeSet<_>>())
    })
}

/// The environments that folders name.
pub(super) fn environments() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let Some(home) = home() else { return Vec::new() };
        let names = folders(&home).into_iter().filter_map(|folder| layout::owner(&folder, &[]).1);
        candidates(names.collect::<BTreeSet<_>>())
    })
}

/// All policies, built in or the repository's own, each with what it is about.
pub(super) fn policies() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let home = home().unwrap_or_else(|| Tree::memory([]));
        let Ok((book, _)) = policies::book(&home) else { return Vec::new() };
        let shown = |policy: &crate::policy::Policy| {
            CompletionCandidate::new(policy.rule.id.clone()).help(Some(policy.rule.title.clone().into()))
        };
        book.policies.iter().map(shown).collect()
    })
}

/// The folders with kustomizations.
fn folders(home: &Tree) -> Vec<String> {
    let folder = |path: &String| {
        let (folder, name) = path.rsplit_once('/')?;
        crate::kube::KUSTOMIZATIONS.contains(&name).then(|| folder.to_owned())
    };
    home.files("").iter().filter_map(folder).collect()
}
