//! Templates of ApplicationSets: Go's text/template with the functions of sprig that are in use, and the older form with
//! nothing but `{{name}}`.
//!
//! In: a text and parameters. Out: a text, or why there is none. What is not known here is told apart from what fails in
//! Argo CD too.

mod collections;
mod eval;
mod functions;
mod parse;
mod patterns;
mod texts;

use crate::argo::value::{Params, Value};

pub(super) use collections::merge;
pub(super) use patterns::matches;
pub(super) use texts::normalized;

/// Why a template gives no text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// A function or an action that is not known here.
    Unknown(String),
    /// A key that is not there, where the options make that an error.
    MissingKey(String),
    /// What Go refuses too.
    Fails(String),
}

impl Wrong {
    /// Lower case, no full stop.
    pub(super) fn message(&self) -> &str {
        match self {
            Self::Unknown(text) | Self::MissingKey(text) | Self::Fails(text) => text,
        }
    }
}

/// What comes of a step.
pub(super) type Outcome<T> = Result<T, Wrong>;

/// An error of a template.
fn fails<T>(message: impl Into<String>) -> Outcome<T> {
    Err(Wrong::Fails(message.into()))
}

/// What a step must not exceed, in bytes or elements, so that no template fills the memory.
const MOST: usize = 1 << 20;

/// How templates are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mode {
    /// Whether they are Go's.
    pub(super) go: bool,
    /// Whether a missing key is an error.
    pub(super) strict: bool,
}

/// Renders a text.
pub(super) fn render(text: &str, params: &Params, mode: Mode) -> Outcome<String> {
    if !text.contains("{{") {
        return Ok(text.to_owned());
    }
    if !mode.go {
        return replaced(text, params);
    }
    let nodes = parse::parse(text)?;
    eval::run(&nodes, &Value::Map(params.clone()), mode.strict)
}

/// The older form: a tag that names no text stays as it is.
fn replaced(text: &str, params: &Params) -> Outcome<String> {
    let has_tag = |line: &str| line.find("{{").is_some_and(|at| line[at..].contains("}}"));
    if !text.lines().any(has_tag) {
        return Ok(text.to_owned());
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("{{") {
        out.push_str(&rest[..at]);
        let Some(length) = rest[at + 2..].find("}}") else { return fails("a `{{` has no `}}`") };
        let tag = &rest[at + 2..at + 2 + length];
        match params.get(tag.trim()) {
            Some(Value::Text(value)) if !tag.trim().is_empty() => out.push_str(value),
            _ => out += &format!("{{{{{tag}}}}}"),
        }
        rest = &rest[at + 4 + length..];
    }
    Ok(out + rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;
    use crate::yaml::load;

    /// Cases with what Go and sprig made of them: template, then text or `ERROR`, both as JSON.
    const CASES: &str = include_str!("../../../fixtures/go-templates/cases.tsv");
    const PARAMS: &str = include_str!("../../../fixtures/go-templates/params.json");

    fn params() -> Params {
        let document = load::first_document(PARAMS, 0, FileId::NONE).ok().flatten();
        match document.as_ref().map(Value::of) {
            Some(Value::Map(map)) => map,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn templates_render_as_in_go() {
        let params = params();
        let (mut wrong, mut count) = (String::new(), 0);
        for line in CASES.lines() {
            let text =
                |text: &str| serde_json::from_str::<String>(text).unwrap_or_else(|error| panic!("{line}: {error}"));
            let Some((mode, rest)) = line.split_once('\t') else { panic!("{line}") };
            let Some((template, wanted)) = rest.split_once('\t') else { panic!("{line}") };
            let (template, wanted) = (text(template), text(wanted));
            let got = match render(&template, &params, Mode { go: true, strict: mode == "error" }) {
                Ok(text) => text,
                Err(Wrong::Unknown(what)) => format!("UNKNOWN {what}"),
                Err(_) => "ERROR".to_owned(),
            };
            if got != wanted {
                wrong += &format!("{template:?}\n  wanted {wanted:?}\n  got    {got:?}\n");
            }
            count += 1;
        }
        assert!(wrong.is_empty(), "{wrong}");
        assert!(count > 200, "only {count} cases");
    }

    #[test]
    fn the_older_form_replaces_names_alone() {
        let params = Params::from([("path.basename".to_owned(), Value::text("shop")), ("n".to_owned(), Value::Int(1))]);
        let mode = Mode::default();
        for (text, wanted) in [
            ("{{path.basename}}-{{ path.basename }}", "shop-shop"),
            ("{{unknown}} {{n}} {{}}", "{{unknown}} {{n}} {{}}"),
            ("no {{ tag", "no {{ tag"),
        ] {
            assert_eq!(render(text, &params, mode).as_deref(), Ok(wanted));
        }
        assert!(render("{{path.basename}} {{ x", &params, mode).is_err());
    }

    #[test]
    fn what_is_not_known_is_told_apart() {
        let mode = Mode { go: true, strict: true };
        for text in ["{{ genCA \"x\" 1 }}", "{{ template \"x\" . }}"] {
            assert!(matches!(render(text, &Params::new(), mode), Err(Wrong::Unknown(_))), "{text}");
        }
        assert!(matches!(render("{{ .a.b }}", &Params::new(), mode), Err(Wrong::MissingKey(_))));
    }
}
