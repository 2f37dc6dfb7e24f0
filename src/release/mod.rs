//! Releases as commits: which value of which file a release changes, whether it may, and the commit that does it.
//!
//! In: a tree, a service and a version, what was proved by a function that is handed in. Out: edited texts, messages,
//! commits. Knows no policies.

mod version;

pub use version::Version;
