//! Releases as commits: which value of which file a release changes, whether it may, and the commit that does it.
//!
//! In: a tree, a service and a version, what was proved by a function that is handed in. Out: edited texts, messages,
//! commits. Knows no policies.

mod change;
mod diags;
mod edit;
mod entries;
mod insert;
mod restore;
mod splice;
mod verify;
mod version;

pub use diags::codes;
pub use edit::{Edited, Missing, set};
pub use entries::{Entry, entries};
pub use restore::restore;
pub use version::Version;
