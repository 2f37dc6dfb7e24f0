//! Releases as commits: which value of which file a release changes, whether it may, and the commit that does it.
//!
//! In: a tree, a service and a version, what was proved by functions that are handed in. Out: edited texts, verdicts of
//! guards, messages. Knows no policies.

mod bump;
mod guard;
mod message;
mod refusal;
mod target;
mod version;

pub use bump::{Edit, Plan, Planned, Request, Unchanged, Wish, plan};
pub use guard::{Freeze, Guard, Known, Past, Rejected, Ruling, Verdict};
pub use message::{Circumstances, SourceCommit, Step, line, message, short, subject, trailers};
pub use refusal::{Class, Refusal};
pub use target::{Folder, Lookup, Scope, Target};
pub use version::Version;

use crate::diag::Diagnostic;

/// What a release asks of whoever can build: release itself knows neither Kustomize nor policies.
pub trait Prover {
    /// The image references that a folder's build has now.
    fn images(&self, folder: &str) -> Result<Vec<String>, Box<Diagnostic>>;
    /// What the edits make of the folders of these steps; nothing where all is as it should be.
    fn prove(&self, planned: &Planned) -> Vec<Objection>;
}

/// Why an edit is not proved.
#[derive(Clone, Debug)]
pub struct Objection {
    /// The service that it is about.
    pub service: String,
    /// What is wrong, in one line.
    pub message: String,
    /// What shows it, for a person to read; may be empty.
    pub details: String,
    /// Whether the folder does not build at all.
    pub is_unbuilt: bool,
}
