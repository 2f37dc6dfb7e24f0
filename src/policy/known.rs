//! What was found before, so that only what is new counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Finding;

/// Findings of before, by fingerprint, each with where it was found.
#[derive(Clone, Debug, Default)]
pub struct Known(BTreeMap<String, Vec<Option<BTreeSet<String>>>>);

impl Known {
    /// Takes one in, with the environments or overlays that it was found in; without them it is known everywhere.
    pub fn add(&mut self, fingerprint: &str, places: Option<Vec<String>>) {
        let places = places.map(|names| names.into_iter().collect());
        self.0.entry(fingerprint.to_owned()).or_default().push(places);
    }

    /// Whether there was a finding of a fingerprint anywhere.
    pub fn has(&self, fingerprint: &str) -> bool {
        self.0.contains_key(fingerprint)
    }

    /// Whether a finding is known, each for one finding. What is known of one environment is new in another: a mistake that
    /// reaches production is not the one that was in dev.
    pub fn take(&mut self, finding: &Finding) -> bool {
        let Some(known) = self.0.get_mut(&finding.fingerprint) else { return false };
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
