//! The guards: what stands against a release, and may be overruled by name and with a reason.

use std::cmp::Ordering;

use jiff::Timestamp;

use crate::release::{Step, Version};

/// A guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Guard {
    /// The version is older than the one that runs, by semantic versioning.
    Downgrade,
    /// It was built from an older commit, or by an older build.
    OlderSource,
    /// A rollback took it back.
    Rejected,
    /// The settings have a window in which nothing is released.
    Freeze,
    /// The build does not show it, or shows new errors.
    Verify,
}

impl Guard {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Downgrade, Self::OlderSource, Self::Rejected, Self::Freeze, Self::Verify];

    /// What it is called on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Downgrade => "downgrade",
            Self::OlderSource => "older-source",
            Self::Rejected => "rejected",
            Self::Freeze => "freeze",
            Self::Verify => "verify",
        }
    }
}

/// What a guard came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// Nothing stands against it.
    Passed,
    /// It cannot be told, and why.
    NotEvaluated(String),
    /// It may not be, and why.
    Refused(String),
    /// It may not be, and why, but the caller said to do it.
    Overruled(String),
    /// It stands against it, and why, but a rollback goes all the same.
    Warned(String),
}

/// A guard, and what it came to for one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// The guard.
    pub guard: Guard,
    /// The service.
    pub service: String,
    /// What it came to.
    pub ruling: Ruling,
    /// What shows it, for a person to read; may be empty.
    pub details: String,
    /// Whether it refuses since the folder does not build at all.
    pub is_unbuilt: bool,
}

/// A window in which nothing is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// Its first moment.
    pub from: Timestamp,
    /// The moment after its last one.
    pub to: Timestamp,
    /// Why.
    pub reason: String,
    /// Where; empty: everywhere.
    pub environments: Vec<String>,
}

/// What is known of the release that runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// The commit that it was built from.
    pub source: Option<String>,
    /// The number of its build.
    pub build: Option<u64>,
}

/// Whether a rollback took a version back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    /// None did.
    No,
    /// This commit did.
    By(String),
    /// The history does not reach far enough to tell.
    Unknown,
}

/// What the history says, asked when a guard needs it.
pub trait Past {
    /// What is known of the release that runs; `Err` where the history does not reach far enough.
    fn known(&self, step: &Step, file: &str, image: &str) -> Result<Known, String>;
    /// Whether a rollback took the version back, and nobody brought it back on purpose since.
    fn rejected(&self, step: &Step, file: &str, image: &str) -> Result<Rejected, String>;
    /// Whether one commit of the source comes before another; `None` where that cannot be told.
    fn is_older(&self, commit: &str, than: &str) -> Option<bool>;
    /// Asks for more of the history of a shallow clone, each turn for more; whether there is more now.
    fn deepen(&self, turn: usize) -> bool;
}

/// Whether the version is older than what runs.
pub(super) fn downgrade(step: &Step) -> Ruling {
    match step.from.as_ref().map(|from| (from, step.to.semver_order(from))) {
        Some((from, Some(Ordering::Less))) => Ruling::Refused(format!("{} is older than {from}, which runs", step.to)),
        _ => Ruling::Passed,
    }
}

/// Whether a window is open.
pub(super) fn freeze(environment: Option<&str>, freezes: &[Freeze], now: Timestamp) -> Ruling {
    let is_here = |freeze: &&Freeze| {
        let names = &freeze.environments;
        names.is_empty() || environment.is_none_or(|own| names.iter().any(|name| name == own))
    };
    let open = freezes.iter().filter(is_here).find(|freeze| freeze.from <= now && now < freeze.to);
    open.map_or(Ruling::Passed, |freeze| {
        Ruling::Refused(format!("nothing is released until {}: {}", freeze.to, freeze.reason))
    })
}

/// Whether what runs was built from a later commit, or by a later build.
pub(super) fn older_source(
    (source, build): (Option<&str>, Option<u64>),
    known: Result<Known, String>,
    past: &dyn Past,
) -> Ruling {
    let known = match known {
        Ok(known) => known,
        Err(why) => return Ruling::NotEvaluated(why),
    };
    if let (Some(own), Some(other)) = (build, known.build) {
        return match own.cmp(&other) {
            Ordering::Less => Ruling::Refused(format!("build {own} is older than build {other}, which runs")),
            _ => Ruling::Passed,
        };
    }
    match (source, &known.source) {
        (Some(own), Some(other)) if is_same(own, other) => Ruling::Passed,
        (Some(own), Some(other)) => match past.is_older(own, other) {
            Some(true) => {
                let (own, other) = (abbreviated(own), abbreviated(other));
                Ruling::Refused(format!("the source {own} comes before {other}, which runs"))
            }
            Some(false) => Ruling::Passed,
            None => Ruling::NotEvaluated("name the source's repository with --source-repo".to_owned()),
        },
        (None | Some(_), None) => {
            Ruling::NotEvaluated("nothing says what the running version was built from".to_owned())
        }
        (None, Some(_)) => Ruling::NotEvaluated("the running version says its source, not its build".to_owned()),
    }
}

fn is_same(own: &str, other: &str) -> bool {
    let length = own.len().min(other.len());
    length >= 7 && own.get(..length) == other.get(..length)
}

/// The beginning of a hash.
pub fn abbreviated(hash: &str) -> &str {
    hash.get(..10).unwrap_or(hash)
}

/// Whether a version was taken back.
pub(super) fn rejected(version: &Version, found: Result<Rejected, String>) -> Ruling {
    match found {
        Ok(Rejected::No) => Ruling::Passed,
        Ok(Rejected::By(commit)) => {
            Ruling::Refused(format!("a rollback took {version} back, in {}", abbreviated(&commit)))
        }
        Ok(Rejected::Unknown) => {
            Ruling::NotEvaluated("the clone is shallow: an older rollback would not be seen".to_owned())
        }
        Err(why) => Ruling::NotEvaluated(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn freezes_hold_from_their_first_moment_to_their_last_and_where_they_are_meant() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap_or_else(|error| panic!("{error}"));
        let freeze = |environments: &[&str]| Freeze {
            from: at("2026-12-18T00:00:00Z"),
            to: at("2026-12-28T00:00:00+01:00"),
            reason: "peak season".to_owned(),
            environments: environments.iter().map(|name| (*name).to_owned()).collect(),
        };
        let refuses = |environments: &[&str], environment: Option<&str>, now: &str| {
            matches!(self::freeze(environment, &[freeze(environments)], at(now)), Ruling::Refused(_))
        };
        assert!(refuses(&[], Some("dev"), "2026-12-18T00:00:00Z"));
        assert!(refuses(&["production"], Some("production"), "2026-12-27T22:59:59Z"));
        assert!(!refuses(&["production"], Some("production"), "2026-12-27T23:00:00Z"));
        assert!(!refuses(&["production"], Some("dev"), "2026-12-20T00:00:00Z"));
        assert!(refuses(&["production"], None, "2026-12-20T00:00:00Z"), "a folder of no environment may be production");
    }
}
