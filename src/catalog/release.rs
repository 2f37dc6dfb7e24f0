//! What gitopsctl.yaml says of releases: where they go, by which way, and when none is made.

use serde::Deserialize;

use crate::yaml::Spanned;

/// How releases are written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Release {
    /// Where a bump goes unless told otherwise.
    pub environment: Option<Spanned<String>>,
    /// Windows in which bumps are refused.
    pub freezes: Vec<Freeze>,
}

/// A window in which bumps are refused.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Freeze {
    /// First moment, RFC 3339.
    pub from: Option<Spanned<String>>,
    /// The moment after the last one, RFC 3339.
    pub to: Option<Spanned<String>>,
    /// Why.
    pub reason: String,
    /// Where; empty: everywhere.
    pub environments: Vec<Spanned<String>>,
}

/// How releases reach an environment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// On the branch that Argo CD follows.
    #[default]
    Push,
    /// By a merge request to it.
    MergeRequest,
}
