//! Templates + context → text. The only module that names minijinja.
//!
//! A failure points at the expression in the template and, where the expression names one, at the catalog value behind
//! it.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use sha2::{Digest as _, Sha256};

use crate::diag::Diagnostic;
use crate::render::diags;
use crate::render::templates::Templates;
use crate::source::{SourceMap, Span};
use crate::yaml::{self, Document};

pub(super) use minijinja::context;
pub(super) use minijinja::value::Value;

/// How many steps one template may take: what stops an endless loop.
const FUEL: u64 = 50_000_000;

/// A value as templates see it.
pub(super) fn value(value: impl serde::Serialize) -> Value {
    Value::from(Serde(value))
}

/// The templates, compiled.
pub(super) struct Engine<'a> {
    environment: Environment<'a>,
    templates: &'a Templates,
    /// Templates that do not compile, with why.
    broken: Vec<(String, Error)>,
}

/// The catalog files whose values a context holds: the name under which a template sees them, and the file.
pub(super) type Origins<'a> = [(&'a str, &'a Document)];

impl<'a> Engine<'a> {
    pub(super) fn new(templates: &'a Templates) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        if let Ok(syntax) = syntax() {
            environment.set_syntax(syntax);
        }
        environment.set_debug(true);
        environment.set_fuel(Some(FUEL));
        environment.add_filter("scalar", |value: Value| scalar(&value));
        environment.add_filter("quote", |value: Value| quote(&value));
        environment.add_filter("yaml", |value: Value, indent: Option<usize>| block(&value, indent));
        environment.add_filter("sha256", |value: Value| sha256(&value));
        let mut broken = Vec::new();
        for (name, template) in templates.iter().filter(|(name, _)| !name.ends_with("/archetype.yaml")) {
            if let Err(error) = environment.add_template(name, &template.text) {
                broken.push((name.to_owned(), error));
            }
        }
        Self { environment, templates, broken }
    }

    /// Renders a template. On failure the diagnostic points into `sources`, which takes in the template.
    pub(super) fn render(
        &self,
        name: &str,
        context: Value,
        origins: &Origins<'_>,
        sources: &mut SourceMap,
    ) -> Result<String, Box<Diagnostic>> {
        if let Some((_, error)) = self.broken.iter().find(|(broken, _)| broken == name) {
            return Err(Box::new(self.diagnostic(name, error, origins, sources)));
        }
        let rendered = self.environment.get_template(name).and_then(|template| template.render(context));
        rendered.map_err(|error| Box::new(self.diagnostic(name, &error, origins, sources)))
    }

    fn diagnostic(&self, name: &str, error: &Error, origins: &Origins<'_>, sources: &mut SourceMap) -> Diagnostic {
        let chain = chain(error);
        // The innermost error that knows its place is the cause; those around it are the way there.
        let cause = chain.iter().rev().find(|error| error.name().is_some()).copied().unwrap_or(error);
        let mut places = Vec::new();
        for error in chain.iter().rev() {
            places.extend(self.place(error, name, sources));
        }
        places.dedup();
        // Of a filter that fails, only its name is known: the whole tag says what it was given.
        let mut expression = places.first().map(|span| sources.text(*span).to_owned()).unwrap_or_default();
        if let (false, Some(place)) = (expression.contains('.'), places.first_mut())
            && let Some(whole) = tag_around(&sources.file(place.file).text, *place)
        {
            *place = whole;
            sources.text(whole).clone_into(&mut expression);
        }
        let value = catalog_value(&expression, origins);
        let detail = cause.detail().map_or_else(|| cause.kind().to_string(), str::to_owned);
        let what = match cause.kind() {
            ErrorKind::SyntaxError => "the template does not parse",
            _ => "the template fails",
        };
        diags::template_failed(what, &detail, &expression, &places, value)
    }

    /// Where in which template an error stands.
    fn place(&self, error: &Error, fallback: &str, sources: &mut SourceMap) -> Option<Span> {
        let template = self.templates.get(error.name().unwrap_or(fallback))?;
        let file = sources.add(template.place.as_str(), template.text.clone());
        let line_start = |line: usize| template.text.split_inclusive('\n').take(line).map(str::len).sum::<usize>();
        let range = match (error.range(), error.line()) {
            (Some(range), _) => range,
            (None, Some(line)) => line_start(line.saturating_sub(1))..line_start(line).saturating_sub(1),
            (None, None) => 0..0,
        };
        let offset = |at: usize| u32::try_from(at.min(template.text.len())).unwrap_or(u32::MAX);
        Some(Span { file, start: offset(range.start), end: offset(range.end) })
    }
}

/// A tag alone on its line leaves no empty line behind.
fn syntax() -> Result<SyntaxConfig, Error> {
    SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()
}

/// An error and those that caused it, as far as they are the engine's own.
fn chain(error: &Error) -> Vec<&Error> {
    let mut chain = vec![error];
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        chain.extend(cause.downcast_ref::<Error>());
        next = cause.source();
    }
    chain
}

/// What stands between the braces around a place in a template.
fn tag_around(text: &str, place: Span) -> Option<Span> {
    let (before, after) = (text.get(..place.start as usize)?, text.get(place.end as usize..)?);
    let opens = before.rfind("{{").max(before.rfind("{%"))? + 2;
    let closes = [after.find("}}"), after.find("%}")].into_iter().flatten().min()? + place.end as usize;
    let inside = text.get(opens..closes)?.trim_matches(['-', '+']).trim();
    let start = opens + text.get(opens..closes)?.find(inside)?;
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Some(Span { file: place.file, start: offset(start), end: offset(start + inside.len()) })
}

/// The catalog value that an expression such as `service.ports.grpc + 1` speaks of: the place of the value, or of the
/// nearest thing around it that is there; and the path.
fn catalog_value(expression: &str, origins: &Origins<'_>) -> Option<(Span, String)> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '.');
    for path in expression.split(|char| !is_part(char)) {
        let mut steps = path.split('.');
        let root = steps.next().filter(|_| path.contains('.')).unwrap_or_default();
        if let Some((_, document)) = origins.iter().find(|(name, _)| *name == root) {
            let (node, _) = document.deepest(steps);
            let span = document.span(node);
            // The whole file would say nothing: its first key stands for it.
            let span = match document.entries(node).first() {
                Some((key, _)) if node == document.root() => document.span(*key),
                _ => span,
            };
            return Some((span, path.to_owned()));
        }
    }
    None
}

/// What is undefined is an error in a filter as anywhere else.
fn json(value: &Value) -> Result<serde_json::Value, Error> {
    if value.is_undefined() {
        return Err(Error::new(ErrorKind::UndefinedError, "the value is undefined"));
    }
    serde_json::to_value(value).map_err(|error| Error::new(ErrorKind::BadSerialization, error.to_string()))
}

fn text(value: &Value) -> Result<String, Error> {
    match json(value)? {
        serde_json::Value::String(text) => Ok(text),
        other @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_)) => Ok(other.to_string()),
        other => Err(Error::new(ErrorKind::InvalidOperation, format!("expected a scalar, found {other}"))),
    }
}

/// A scalar, quoted exactly when plain YAML would not read it as the same string. Numbers and booleans stay what they
/// are.
fn scalar(value: &Value) -> Result<String, Error> {
    match json(value)? {
        serde_json::Value::String(text) => Ok(yaml::scalar(&text)),
        _ => text(value),
    }
}

/// A scalar in double quotes.
fn quote(value: &Value) -> Result<String, Error> {
    Ok(yaml::double_quoted(&text(value)?))
}

/// Any value as block YAML.
fn block(value: &Value, indent: Option<usize>) -> Result<String, Error> {
    Ok(yaml::block(&json(value)?, indent.unwrap_or(0)))
}

/// The SHA-256 of a string, or of any other value as compact JSON.
fn sha256(value: &Value) -> Result<String, Error> {
    let text = match json(value)? {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    Ok(Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect())
}
