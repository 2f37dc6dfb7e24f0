//! The annotations by which Argo CD orders, and which kinds it waits for.

use std::sync::LazyLock;

/// The wave of an object.
pub const WAVE: &str = "argocd.argoproj.io/sync-wave";
/// The types of hook that an object is.
pub const HOOK: &str = "argocd.argoproj.io/hook";
/// When a hook is deleted.
pub const HOOK_DELETE_POLICY: &str = "argocd.argoproj.io/hook-delete-policy";
/// Options of the sync of an object.
pub const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";

/// The types of hook that Argo CD knows. An object with none of them among its types is never applied.
pub const HOOK_TYPES: &[&str] = &["PreSync", "Sync", "PostSync", "SyncFail", "Skip", "PreDelete", "PostDelete"];
/// The policies for deleting hooks.
pub const DELETE_POLICIES: &[&str] = &["HookSucceeded", "HookFailed", "BeforeHookCreation"];

/// The annotations and labels of Argo CD's own, as its documentation and source have them.
pub const ANNOTATIONS: &[&str] = &[
    "argocd.argoproj.io/application-set-refresh",
    "argocd.argoproj.io/application-set-template-hash",
    "argocd.argoproj.io/auto-label-cluster-info",
    "argocd.argoproj.io/client-side-apply-migration-manager",
    "argocd.argoproj.io/compare-options",
    "argocd.argoproj.io/deletion-approved",
    "argocd.argoproj.io/drySource",
    "argocd.argoproj.io/hook",
    "argocd.argoproj.io/hook-delete-policy",
    "argocd.argoproj.io/hydrate",
    "argocd.argoproj.io/ignore-default-links",
    "argocd.argoproj.io/ignore-healthcheck",
    "argocd.argoproj.io/ignore-resource-updates",
    "argocd.argoproj.io/instance",
    "argocd.argoproj.io/installation-id",
    "argocd.argoproj.io/managed-by",
    "argocd.argoproj.io/manifest-generate-paths",
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/secret-type",
    "argocd.argoproj.io/skip-reconcile",
    "argocd.argoproj.io/sync-options",
    "argocd.argoproj.io/sync-wave",
    "argocd.argoproj.io/tracking-id",
];

/// Whether Argo CD judges the health of a kind without being told how, and so waits for it before the next wave.
pub fn has_health(group: &str, kind: &str) -> bool {
    static KINDS: LazyLock<Vec<(&'static str, &'static str)>> = LazyLock::new(|| {
        let lines = include_str!("data/health.tsv").lines().filter(|line| !line.starts_with('#'));
        lines.filter_map(|line| line.split_once('\t')).collect()
    });
    let fits = |pattern: &str, text: &str| match pattern.strip_prefix('*') {
        Some(end) => text.ends_with(end),
        None => pattern == text,
    };
    KINDS.iter().any(|(known_group, known)| fits(known_group, group) && fits(known, kind))
}
