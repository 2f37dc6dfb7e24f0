//! What was found before, so that only what is new counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Finding;

/// Findings of before, by fingerprint, each with where it was found.
#[derive(Clone, Debug, Default)]
pub struct Known {
    by_fingerprint: BTreeMap<String, Vec<Option<BTreeSet<String>>>>,
    /// What was said by which policy: files outside of the repository have other paths, and so other fingerprints, on disk
    /// than in a revision.
    said: BTreeSet<(String, String)>,
}

impl Known {
    /// Takes one in, with the environments or overlays that it was found in; without them it is known everywhere.
    pub fn add(&mut self, fingerprint: &str, places: Option<Vec<String>>) {
        let places = places.map(|names| names.into_iter().collect());
        self.by_fingerprint.entry(fingerprint.to_owned()).or_default().push(places);
    }

    /// Takes in a finding of before.
    pub fn add_finding(&mut self, finding: &Finding) {
        self.add(&finding.fingerprint, Some(places(finding).to_vec()));
        self.said.insert((finding.rule.id.clone(), finding.message.clone()));
    }

    /// Whether there was such a finding anywhere.
    pub fn has(&self, finding: &Finding) -> bool {
        self.by_fingerprint.contains_key(&finding.fingerprint)
            || self.said.contains(&(finding.rule.id.clone(), finding.message.clone()))
    }

    /// Whether a finding is known, each for one finding. What is known of one environment is new in another: a mistake that
    /// reaches production is not the one that was in dev.
    pub fn take(&mut self, finding: &Finding) -> bool {
        let Some(known) = self.by_fingerprint.get_mut(&finding.fingerprint) else { return false };
        let here = places(finding);
        let is_it = |places: &Option<BTreeSet<String>>| {
            places.as_ref().is_none_or(|places| here.iter().all(|name| places.contains(name)))
        };
        known.iter().position(is_it).map(|at| known.swap_remove(at)).is_some()
    }
}

/// Where a finding is: its environments, or its overlays where those have no names.
pub fn places(finding: &Finding) -> &[String] {
    if finding.environments.is_empty() { &finding.overlays } else { &finding.environments }
}
