//! The settings of `lint` in gitopsctl.yaml: which policies hold, and what does not count.

use indexmap::IndexMap;
use serde::Deserialize;

use crate::catalog::platform::Map;
use crate::yaml::Spanned;

/// Settings of `lint`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Policies {
    /// Set of policies.
    pub profile: Option<Spanned<String>>,
    /// Policies that are on beside those of the profile.
    pub enable: Vec<Spanned<String>>,
    /// Policies that are off.
    pub disable: Vec<Spanned<String>>,
    /// Severities that differ.
    pub severity: Map<String>,
    /// Params that differ, by policy.
    pub params: Map<IndexMap<String, serde_json::Value>>,
    /// Objects that someone else makes: `Kind/name` or `Kind/namespace/name`, with `*` for anything.
    pub external: Vec<Spanned<String>>,
    /// Findings that do not count.
    pub suppress: Vec<Suppression>,
    /// Overlays that are not judged.
    pub excuse: Vec<Excuse>,
    /// The baseline file, from the root of the repository.
    pub baseline: Option<Spanned<String>>,
}

/// Findings that do not count.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Suppression {
    /// Id, alias or category.
    pub policy: Option<Spanned<String>>,
    /// Why.
    pub reason: String,
    /// Last day, `YYYY-MM-DD`.
    pub until: Option<String>,
    /// Where; empty: everywhere.
    pub environments: Vec<Spanned<String>>,
    /// Paths of overlays, with `*` for anything; empty: all.
    pub overlays: Vec<String>,
    /// Objects, `Kind/name` with `*` for anything; empty: all.
    pub objects: Vec<String>,
}

/// An overlay that is not judged.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Excuse {
    /// Its path, with `*` for anything.
    pub overlay: Option<Spanned<String>>,
    /// Why.
    pub reason: String,
}
