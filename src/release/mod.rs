//! Releases as commits: which value of which file a release changes, whether it may, and the commit that does it.
//!
//! In: a tree, a service and a version, what was proved by a function that is handed in. Out: edited texts, messages,
//! commits. Knows no policies.

mod history;
mod pinned;
mod trailers;
mod version;

pub use history::{
    Change, Current, Ended, Kind, Limit, Place, Rejection, Rejections, Row, changes, current, rejections, rows,
};
pub use pinned::Release;
pub use trailers::{Said, Undo, parse_trailers, rejects, reverted, said, undo};
pub use version::Version;
