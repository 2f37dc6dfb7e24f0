//! What `lint` finds: one thing that a policy says about what was built, with the line to edit.

use std::sync::Arc;

use crate::diag::{Label, Severity};

/// An object that a finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct About {
    /// `apps/v1`
    pub api_version: String,
    /// `Deployment`
    pub kind: String,
    /// As it is after the build, the Application's where the object says none; empty for kinds without one.
    pub namespace: String,
    /// As it is after the build.
    pub name: String,
}

/// What switched a finding off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// A comment in a source file.
    Comment,
    /// An annotation of the object.
    Annotation,
    /// The settings, or a waiver of a service.
    Config,
    /// The baseline file.
    Baseline,
}

impl By {
    /// As the formats spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Comment => "comment",
            Self::Annotation => "annotation",
            Self::Config => "config",
            Self::Baseline => "baseline",
        }
    }
}

/// That and why a finding does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// What switched it off.
    pub by: By,
    /// Why, in the words of who did.
    pub reason: String,
}

/// What a policy says of itself, shared by all its findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `category/name`
    pub id: String,
    /// What holds where it is kept, a sentence without full stop.
    pub title: String,
    /// Why it matters, in whole sentences.
    pub rationale: String,
    /// What to do, in whole sentences.
    pub remediation: String,
    /// What other tools call it: `peer/its-own-id`.
    pub aliases: Vec<String>,
}

/// One thing found, in every overlay in which it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The policy.
    pub rule: Arc<Rule>,
    /// How bad it is.
    pub severity: Severity,
    /// Lower case, no full stop, names the thing.
    pub message: String,
    /// What to do, in the imperative.
    pub help: Option<String>,
    /// The object; `None` where it is about a file or the repository.
    pub object: Option<About>,
    /// The container, where it is about one.
    pub container: Option<String>,
    /// JSON pointer into the built object; for an absent field where it belongs.
    pub field: String,
    /// The line to edit comes first; empty where no file is to blame.
    pub labels: Vec<Label>,
    /// The overlays in which it shows, sorted.
    pub overlays: Vec<String>,
    /// Their environments, in the order of promotion.
    pub environments: Vec<String>,
    /// Why it does not count, if so.
    pub suppressed: Option<Suppressed>,
    /// Stays the same when lines above it come and go.
    pub fingerprint: String,
}

impl Finding {
    /// Whether it counts.
    pub fn is_open(&self) -> bool {
        self.suppressed.is_none()
    }
}

/// An overlay that is not judged, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excused {
    /// Its path.
    pub overlay: String,
    /// In the words of the settings.
    pub reason: String,
}

/// What a run of `lint` came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// All findings, suppressed ones among them, in the order of files and lines.
    pub findings: Vec<Finding>,
    /// Objects that were judged.
    pub objects: usize,
    /// Overlays that were judged.
    pub overlays: usize,
    /// Overlays that were not, by the settings.
    pub excused: Vec<Excused>,
}

impl Outcome {
    /// How many findings of a severity count.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.is_open() && finding.severity == severity).count()
    }

    /// How many findings are switched off.
    pub fn suppressed(&self) -> usize {
        self.findings.iter().filter(|finding| !finding.is_open()).count()
    }
}
