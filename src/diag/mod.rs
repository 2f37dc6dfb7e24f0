//! What a stage has to say to a person: diagnostics with a code, a place and help, and the sink that collects them.
//!
//! A stage pushes facts; the wording stands in that stage's own `diags` module. Nothing here prints.

mod finding;

use crate::source::{Move, Span};

pub use finding::{About, By, Excused, Finding, Outcome, Rule, Suppressed};

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Probably not what was meant; the result stands.
    Warning,
    /// The result, or the part of it that is named, does not stand.
    Error,
}

impl Severity {
    /// As the formats spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The stable identity of a kind of diagnostic, and what `gitopsctl explain` says of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `stage/what-is-wrong`.
    pub id: &'static str,
    /// Why it is reported and what to do, in whole sentences.
    pub explanation: &'static str,
}

/// Declares the codes of a stage as constants, and `ALL`, the table of them.
macro_rules! codes {
    ($($name:ident = $id:literal, $explanation:literal;)*) => {
        $(#[doc = $explanation] pub const $name: $crate::diag::Code = $crate::diag::Code { id: $id, explanation: $explanation };)*
        /// Every code of this stage.
        pub const ALL: &[&$crate::diag::Code] = &[$(&$name),*];
    };
}
pub(crate) use codes;

/// A place and what is to be seen there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// A few words beside it; may be empty.
    pub text: String,
}

/// One thing that a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// What kind of thing it is.
    pub code: &'static Code,
    /// How bad it is.
    pub severity: Severity,
    /// Lower case, no full stop, names the thing.
    pub message: String,
    /// The line to edit comes first; further places follow. Empty where no file is to blame.
    pub labels: Vec<Label>,
    /// What to do, in the imperative.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error that names no place yet.
    pub fn error(code: &'static Code, message: impl Into<String>) -> Self {
        Self { code, severity: Severity::Error, message: message.into(), labels: Vec::new(), help: Vec::new() }
    }

    /// A warning that names no place yet.
    pub fn warning(code: &'static Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// A remark that names no place yet.
    pub fn info(code: &'static Code, message: impl Into<String>) -> Self {
        Self { severity: Severity::Info, ..Self::error(code, message) }
    }

    /// Adds a place; the first one is the line to edit.
    #[must_use]
    pub fn at(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Adds advice.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds `did you mean …` where a near name is known.
    #[must_use]
    pub fn near(self, candidate: Option<&str>) -> Self {
        match candidate {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }
}

/// Collects diagnostics.
#[derive(Debug, Default)]
pub struct Diagnostics {
    items: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Takes one in.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        self.items.push(diagnostic);
    }

    /// Takes in all of another sink.
    pub fn append(&mut self, other: Diagnostics) {
        self.items.extend(other.items);
    }

    /// Whether any is an error.
    pub fn has_errors(&self) -> bool {
        self.items.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    /// What there is, with its spans moved.
    pub fn moved(mut self, by: Move) -> Vec<Diagnostic> {
        for label in self.items.iter_mut().flat_map(|item| &mut item.labels) {
            label.span = by.apply(label.span);
        }
        self.items
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Those there are, in the order of files and lines; those without a place come last.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut items: Vec<_> = self.items.iter().collect();
        items.sort_by_key(|item| {
            let place = item.labels.first().map(|label| label.span);
            (place.is_none(), place, item.code.id)
        });
        items
    }

    /// Those there are, in the order in which they came.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.items.iter()
    }
}

/// The candidate that looks most like a word that was not found, if one looks like it at all.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    candidates
        .into_iter()
        .filter(|candidate| *candidate != word)
        .map(|candidate| (similarity(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score > 0.7)
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(a.1)))
        .map(|(_, candidate)| candidate)
}

/// Whether a word is another one with a slip of one or two letters: nearer than [`closest`], where being wrong costs more
/// than a hint.
pub fn is_slip(word: &str, meant: &str) -> bool {
    let letters = word.len().min(meant.len());
    letters >= 5 && word != meant && strsim::damerau_levenshtein(word, meant) <= if letters >= 9 { 2 } else { 1 }
}

/// 0 to 1. Typing slips change a few letters; forgetting a part of a name (`order` for `order-service`) changes many,
/// so a name that holds the whole word counts as near too.
fn similarity(word: &str, candidate: &str) -> f64 {
    let part = word.len() >= 4 && (candidate.starts_with(word) || candidate.ends_with(word));
    strsim::normalized_damerau_levenshtein(word, candidate).max(if part { 0.75 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_slips_and_parts_but_not_strangers() {
        let names = ["order-service", "payment-service", "readiness"];
        assert_eq!(closest("oder-service", names), Some("order-service"));
        assert_eq!(closest("payment", names), Some("payment-service"));
        assert_eq!(closest("Readiness", names), Some("readiness"));
        assert_eq!(closest("zebra", names), None);
    }
}
