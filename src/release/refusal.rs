//! Why nothing was released.

use crate::diag::{Code, Diagnostic};

/// What kind of reason it is: each kind has its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The arguments are wrong, or do not say which service or environment.
    Usage,
    /// What is in the repository does not load or build.
    Input,
    /// The disk, Git or the network refused.
    Environment,
    /// A guard refused.
    Guard,
}

/// Why nothing was released.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What kind of reason it is.
    pub class: Class,
    /// The reason.
    pub diagnostic: Box<Diagnostic>,
    /// What shows it, for a person to read; may be empty.
    pub details: String,
}

impl Refusal {
    /// A reason that names no place.
    pub fn new(class: Class, code: &'static Code, message: impl Into<String>) -> Self {
        Self { class, diagnostic: Box::new(Diagnostic::error(code, message)), details: String::new() }
    }

    /// What is wrong with what was read.
    pub fn input(diagnostic: Box<Diagnostic>) -> Self {
        Self { class: Class::Input, diagnostic, details: String::new() }
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.diagnostic.help.push(text.into());
        self
    }

    /// Adds `did you mean …` where a near name is known.
    #[must_use]
    pub fn near(mut self, candidate: Option<&str>) -> Self {
        if let Some(name) = candidate {
            self.diagnostic.help.push(format!("did you mean `{name}`?"));
        }
        self
    }
}
