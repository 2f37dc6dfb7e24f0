//! The codes of this stage and the wording of its diagnostics.

pub(crate) mod formats;

use crate::diag::{Code, Diagnostic, closest};
use crate::source::Span;
use crate::yaml::{Document, NodeId, Value};

/// The codes of this stage.
pub mod codes {
    crate::diag::codes! {
        NO_PLATFORM = "load/no-platform", "The command needs gitopsctl.yaml, which describes the platform, in this directory or one above it. `gitopsctl init` writes one.";
        EMPTY_FILE = "load/empty-file", "A catalog file holds nothing but comments, or several YAML documents where one is expected.";
        TOO_LARGE = "load/too-large", "No description of a platform or a service is that large: something else lies under its name.";
        UNKNOWN_KEY = "load/unknown-key", "The key is not one that the format knows, so what it says would be lost. `gitopsctl schema platform` and `gitopsctl schema service` print all keys; editors complete them from the first line of the file.";
        MISSING_KEY = "load/missing-key", "A key that the format, or what the rest of the catalog asks for, cannot do without is not there. Add it; `gitopsctl schema` says what it means.";
        WRONG_TYPE = "load/wrong-type", "The value has another type than the format asks for. In YAML `1.10` is a number and `yes` may be a boolean: put a string in quotes.";
        INVALID_VALUE = "load/invalid-value", "The value has the right type and cannot be right all the same: a name that Kubernetes refuses, a quantity it cannot read, a number out of range, a word that is none of the choices.";
        NAME_MISMATCH = "load/name-mismatch", "A service is found by its file: services/<name>.yaml holds the service <name>. Rename the file or the service.";
        DUPLICATE_SERVICE = "load/duplicate-service", "Two files describe a service of the same name. Keep one.";
        DUPLICATE_PORT = "load/duplicate-port", "Two services, or the two ports of one, listen on the same port. Each port of the platform belongs to one service, so that local runs, dashboards and NetworkPolicies cannot be mistaken. `gitopsctl new` picks free ones.";
        DUPLICATE_DATABASE = "load/duplicate-database", "Two services name the same database. A service reaches its own database and no other's; share data by API or events.";
        DUPLICATE_NAMESPACE = "load/duplicate-namespace", "Two environments are the same namespace of the same cluster, so each would overwrite the other.";
        DUPLICATE_ENTRY = "load/duplicate-entry", "The same thing is listed twice, or an environment variable is set in two places, so that one of them is without effect.";
        UNKNOWN_DOMAIN = "load/unknown-domain", "The domain is none of those that gitopsctl.yaml declares under `domains`.";
        UNKNOWN_OWNER = "load/unknown-owner", "The team is none of those that gitopsctl.yaml declares under `owners`.";
        UNKNOWN_ENVIRONMENT = "load/unknown-environment", "The environment is none of those that gitopsctl.yaml declares under `environments`.";
        UNKNOWN_PROFILE = "load/unknown-profile", "The resource profile is none of those that gitopsctl.yaml declares under `profiles`.";
        UNKNOWN_SERVICE = "load/unknown-service", "No file under services/ describes a service of this name.";
        UNKNOWN_EVENT = "load/unknown-event", "No service publishes this event, so nothing would ever arrive.";
        NOT_DECLARED = "load/not-declared", "The service uses something that gitopsctl.yaml does not declare: Dapr, the database server, the search index, a secret store.";
        CONTRADICTION = "load/contradiction", "Two settings contradict each other, so one of them would be without effect or the result would be refused by the cluster.";
        WAVE_ORDER = "load/wave-order", "Databases come up before Dapr's components, those before services, those before gateways: each wave must be a larger number than the one before.";
        MISSING_PATH = "load/missing-path", "`extra` names a file or folder that is not there, or one that Kustomize will not load from where it would be listed: it reads files only from the folder of the kustomization and below; folders with a kustomization may lie anywhere in the repository.";
        SCHEMA_MISMATCH = "load/schema-mismatch", "The file fits the schema and yet cannot be read. This is a bug in gitopsctl: please report it with the file.";
    }
}

/// As many names a person reads in a line of help.
const FEW: usize = 12;

/// What is wrong with a value: `message` completes "`field`: …".
pub(super) struct WrongValue {
    message: String,
    help: Option<String>,
}

impl WrongValue {
    pub(super) fn new(message: String) -> Self {
        Self { message, help: None }
    }

    /// A text that breaks a format.
    pub(super) fn format(name: &str, text: &str) -> Self {
        let format = formats::FORMATS.iter().find(|format| format.name == name);
        let message = format!("`{text}` is not {}", format.map_or(name, |format| format.what));
        Self { message, help: format.and_then(|format| (format.repair)(text)) }
    }

    /// A text that is none of the choices.
    pub(super) fn choice(text: &str, options: &[&str]) -> Self {
        let help = closest(text, options.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        Self { message: format!("`{text}` is not one of {}", list(options)), help }
    }

    pub(super) fn into_diagnostic(self, code: &'static Code, what: &str, field: &str, span: Span) -> Diagnostic {
        let subject = if field.is_empty() { "the file".to_owned() } else { format!("`{field}`") };
        let diagnostic =
            Diagnostic::error(code, format!("{subject}: {}", self.message)).at(span, format!("this {what}"));
        match self.help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        }
    }
}

/// A value of the wrong type.
pub(super) fn wrong_type(expected: &[String], found: Option<&Value>, document: &Document, node: NodeId) -> WrongValue {
    let expected: Vec<_> = expected
        .iter()
        .map(|name| match name.as_str() {
            "object" => "a mapping",
            "array" => "a list",
            "integer" => "an integer",
            "boolean" => "`true` or `false`",
            "number" => "a number",
            _ => "a string",
        })
        .collect();
    let found_name = match found {
        Some(value) => value.type_name(),
        None if document.items(node).is_empty() && !document.entries(node).is_empty() => "a mapping",
        None => "a list",
    };
    let mut help = None;
    if let (Some(text), Some(Value::Bool(_) | Value::Int(_) | Value::Float(_))) = (document.text(node), found)
        && expected.contains(&"a string")
    {
        help = Some(format!("write \"{text}\""));
    }
    if let (Some(Value::String(text)), [single]) = (found, &expected[..])
        && (*single == "an integer" && text.parse::<i64>().is_ok()
            || *single == "`true` or `false`" && matches!(text.as_str(), "true" | "false"))
    {
        help = Some(format!("write {text} without quotes"));
    }
    WrongValue { message: format!("expected {}, found {found_name}", expected.join(" or ")), help }
}

pub(super) fn unknown_key(span: Span, key: &str, parent: &str, near: Option<&str>, known: &[String]) -> Diagnostic {
    let place = if parent.is_empty() { String::new() } else { format!(" in `{parent}`") };
    let diagnostic = Diagnostic::error(&codes::UNKNOWN_KEY, format!("unknown key `{key}`{place}"))
        .at(span, "not a key of this format");
    match near {
        Some(near) => diagnostic.near(Some(near)),
        None if known.is_empty() => diagnostic,
        None if known.len() > FEW => diagnostic.help("`gitopsctl schema platform` and `schema service` list the keys"),
        None => diagnostic.help(format!("the keys here are {}", list(known))),
    }
}

pub(super) fn missing_key(span: Span, key: &str, parent: &str) -> Diagnostic {
    let place = if parent.is_empty() { String::new() } else { format!(" in `{parent}`") };
    Diagnostic::error(&codes::MISSING_KEY, format!("missing key `{key}`{place}"))
        .at(span, "")
        .help(format!("add `{key}:`"))
}

/// Something that is named and not declared: `what` is the kind of thing.
pub(super) fn unknown<'a>(
    code: &'static Code,
    what: &str,
    span: Span,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Diagnostic {
    let known: Vec<_> = known.into_iter().collect();
    let diagnostic = Diagnostic::error(code, format!("unknown {what} `{name}`")).at(span, "not declared");
    match closest(name, known.iter().copied()) {
        Some(near) => diagnostic.near(Some(near)),
        None if known.is_empty() || known.len() > FEW => diagnostic,
        None => diagnostic.help(format!("declared are {}", list(&known))),
    }
}

/// Two things that may be there only once.
pub(super) fn duplicate(code: &'static Code, message: String, again: Span, first: Span) -> Diagnostic {
    Diagnostic::error(code, message).at(again, "used again").at(first, "first used here")
}

/// `a`, `b` and `c`.
fn list<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match &quoted[..] {
        [rest @ .., last] if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.join(""),
    }
}
