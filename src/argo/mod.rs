//! What Argo CD does with what was built: in which order it applies and prunes.
//!
//! In: objects, built or read. Out: the tasks of a sync, in the engine's order. Knows no policy.

mod manifests;
mod order;

pub use manifests::{codes, manifests};
pub use order::{Action, Phase, Sync, Task, tasks};

/// What is found of Argo CD's own objects.
#[derive(Clone, Debug, Default)]
pub struct Found {}
