//! What Argo CD does with what was built: in which order it applies and prunes.
//!
//! In: objects, built or read. Out: the tasks of a sync, in the engine's order. Knows no policy.

mod manifests;
mod order;
mod waves;

pub use manifests::{codes, manifests};
pub use order::{Action, Phase, Sync, Task, tasks};
pub use waves::{ANNOTATIONS, DELETE_POLICIES, HOOK, HOOK_DELETE_POLICY, HOOK_TYPES, SYNC_OPTIONS, WAVE, has_health};

/// The wave that a text stands for; `None` where Argo CD does not read it as a number, and takes 0.
pub fn wave(text: &str) -> Option<i64> {
    order::atoi(text)
}

/// What is found of Argo CD's own objects.
#[derive(Clone, Debug, Default)]
pub struct Found {}
