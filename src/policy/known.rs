//! What was found before, so that only what is new counts.

use std::collections::{BTreeMap, BTreeSet};

use crate::diag::Finding;

/// Findings of before, by fingerprint, each with the environments that it was found in.
#[derive(Clone, Debug, Default)]
pub struct Known(BTreeMap<String, Vec<Option<BTreeSet<String>>>>);

impl Known {
    /// Takes one in; without environments it is known in all.
    pub fn add(&mut self, fingerprint: &str, environments: Option<Vec<String>>) {
        let environments = environments.map(|names| names.into_iter().collect());
        self.0.entry(fingerprint.to_owned()).or_default().push(environments);
    }

    /// Whether a finding is known, each for one finding. What is known of one environment is new in another: a mistake that
    /// reaches production is not the one that was in dev.
    pub fn take(&mut self, finding: &Finding) -> bool {
        let Some(known) = self.0.get_mut(&finding.fingerprint) else { return false };
        let is_it = |environments: &Option<BTreeSet<String>>| {
            let names = environments.as_ref();
            names.is_none_or(|names| finding.environments.iter().all(|name| names.contains(name)))
        };
        known.iter().position(is_it).map(|at| known.swap_remove(at)).is_some()
    }
}
