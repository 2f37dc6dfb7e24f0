//! Releases as commits: which value of which file a release changes, whether it may, and the commit that does it.
//!
//! In: a tree, a service and a version, what was proved by functions that are handed in. Out: edited texts, verdicts of
//! guards, messages. Knows no policies.

mod bump;
mod change;
mod diags;
mod edit;
mod entries;
mod guard;
mod history;
mod insert;
mod message;
mod pinned;
mod refusal;
mod restore;
mod rollback;
mod said;
mod splice;
mod target;
mod undone;
mod verify;
mod version;

pub use bump::{Edit, Plan, Planned, Request, Unchanged, Wish, plan};
pub use diags::codes;
pub use edit::{Edited, Missing, set};
pub use entries::{Entry, entries};
pub use guard::{Freeze, Guard, Known, Past, Rejected, Ruling, Verdict, abbreviated};
pub use history::{
    Change, Current, Ended, Kind, Limit, Place, Rejection, Rejections, Row, changes, current, moment, rejections, rows,
};
pub use message::{Circumstances, SourceCommit, Step, line, message, short, subject, trailers};
pub use pinned::Release;
pub use refusal::{Class, Refusal};
pub use restore::restore;
pub use rollback::{At, Rollback, RolledBack, rollback};
pub use said::{Said, Undo, parse_trailers, rejects, reverted, said, undo};
pub use target::{Folder, Lookup, Scope, Target, own_entry};
pub use version::Version;

use crate::diag::Diagnostic;

/// What a release asks of whoever can build: release itself knows neither Kustomize nor policies.
pub trait Prover {
    /// The image references that a folder's build has now.
    fn images(&self, folder: &str) -> Result<Vec<String>, Box<Diagnostic>>;
    /// What the edits make of the folders of these steps; nothing where all is as it should be.
    fn prove(&self, planned: &Planned) -> Vec<Objection>;
    /// What awaits a rollback of an image.
    fn outlook(&self, target: &Target) -> Outlook;
}

/// What awaits a release once it is on its branch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outlook {
    /// What may undo it or hold it up, in sentences: who else writes the tag, a Rollout that pauses, migrations.
    pub warnings: Vec<String>,
    /// The Applications that deploy it, by name.
    pub applications: Vec<String>,
}

impl Outlook {
    /// Takes in what awaits another image.
    pub fn add(&mut self, other: Self) {
        let Self { warnings, applications } = other;
        for (own, more) in [(&mut self.warnings, warnings), (&mut self.applications, applications)] {
            for text in more {
                if !own.contains(&text) {
                    own.push(text);
                }
            }
        }
    }
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
    /// What kind of reason it is.
    pub fault: Fault,
}

/// Why an edit is not proved, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The folder does not build at all.
    Unbuilt,
    /// It builds, and the image is not there, or there is a new error.
    Unproven,
    /// The settings say that it need not build, so nothing can be proved.
    Excused,
}
