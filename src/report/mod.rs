//! Diagnostics and findings → text, for people and for machines.
//!
//! In: what stages have to say, and the files they point into. Out: text; printing it is the caller's. Knows no stage.
//! One file a format of `lint`, and one line in the table below.

mod findings;
mod github;
mod gitlab;
mod human;
mod json;
mod junit;
pub mod markdown;
mod output;
mod place;
#[cfg(test)]
mod sample;
mod sarif;
pub mod visible;
mod words;

use crate::diag::{Outcome, Severity};
use crate::source::SourceMap;

pub use human::human;
pub use output::{Output, clash};
pub use words::counted;

/// Declares the formats, `FORMATS`, and what each of them says of itself.
macro_rules! formats {
    ($($variant:ident = $name:literal, $about:literal, $render:path;)*) => {
        /// A form of what `lint` found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Format {
            $(#[doc = $about] $variant,)*
        }

        /// Every format of `lint`, in the order in which help lists them.
        pub const FORMATS: &[Format] = &[$(Format::$variant),*];

        impl Format {
            /// As `--format` takes it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What it is for, in a few words.
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$variant => $about,)*
                }
            }
        }

        /// What `lint` found, as text that ends with a line feed; empty where a format has nothing to say.
        pub fn render(format: Format, outcome: &Outcome, sources: &SourceMap, options: Options) -> String {
            match format {
                $(Format::$variant => $render(outcome, sources, options),)*
            }
        }
    };
}

formats! {
    Human = "human", "For people", findings::render;
    Json = "json", "One object, for tools", json::render;
    Sarif = "sarif", "SARIF 2.1.0, for code scanning", sarif::render;
    Junit = "junit", "JUnit XML, for test reports", junit::render;
    Github = "github", "Workflow commands, for annotations of GitHub Actions", github::render;
    Gitlab = "gitlab", "Code Quality report of GitLab", gitlab::render;
    Markdown = "markdown", "For a comment of a pull request", markdown::render;
}

/// What a caller may choose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Colours in the human form.
    pub colour: bool,
    /// Also what is suppressed, and lists to their end.
    pub verbose: bool,
    /// What fails a test in the JUnit form: this severity and worse.
    pub fail_on: Severity,
}

impl Default for Options {
    fn default() -> Self {
        Self { colour: false, verbose: false, fail_on: Severity::Error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With `GITOPSCTL_SAMPLES=DIR` the texts are written there, to be held against a schema or shown to a reader.
    #[test]
    fn every_format_takes_every_sample_and_ends_its_last_line() {
        let samples = [
            ("none", (Outcome::default(), SourceMap::default())),
            ("every-kind", sample::every_kind()),
            ("hostile", sample::hostile()),
            ("many", sample::many(300)),
        ];
        for (name, (outcome, sources)) in samples {
            for (format, verbose) in FORMATS.iter().flat_map(|format| [(*format, false), (*format, true)]) {
                let text = render(format, &outcome, &sources, Options { verbose, ..Options::default() });
                assert!(text.ends_with('\n') || format == Format::Github && outcome.findings.is_empty(), "{text}");
                assert_eq!(text.trim_end().len(), text.len().saturating_sub(1), "one line feed at the end: {text:?}");
                if let Ok(folder) = std::env::var("GITOPSCTL_SAMPLES") {
                    let path = format!("{folder}/{name}-{verbose}.{}", format.name());
                    std::fs::write(&path, text).unwrap_or_else(|error| panic!("{path}: {error}"));
                }
            }
        }
    }
}
