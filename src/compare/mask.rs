//! Which values nobody may read in a diff: data of Secrets, what is named like a secret and is one, passwords in URLs, tokens
//! and keys by their own form.

use std::borrow::Cow;

use crate::kube::leak::{credential, is_secret_value, names_secret, passwords, private_key};
use crate::yaml::data::{Content, Datum};

/// What stands for a value that is not shown.
pub const MASK: &str = "<secret>";

/// The annotation in which `kubectl apply` keeps the whole object, secrets and all.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Where a value stands, as far as that tells whether it is secret; the default is that of an object's root.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Context<'a> {
    /// Whether all of it is.
    is_secret: bool,
    /// The name of it: its key, or the `name` beside its `value`.
    name: &'a str,
}

impl<'a> Context<'a> {
    /// That of the value of a key of a mapping.
    pub(super) fn below(self, mapping: &'a Datum, key: &'a str, is_data_of_secret: bool) -> Self {
        let is_value = key == "value" && mapping.get("name").is_some();
        let name = if is_value { mapping.text_of("name") } else { key };
        Self { is_secret: self.is_secret || is_data_of_secret || key == LAST_APPLIED, name }
    }

    /// That of an element of a list.
    pub(super) fn element(self) -> Self {
        Self { is_secret: self.is_secret, name: "" }
    }
}

/// Whether the fields below a key of an object's root are what a Secret keeps.
pub(super) fn is_data(kind: &str, key: &str) -> bool {
    kind == "Secret" && matches!(key, "data" | "stringData")
}

/// A text as it may be shown.
pub(super) fn shown<'t>(text: &'t str, context: Context<'_>) -> Cow<'t, str> {
    if context.is_secret || names_secret(context.name) && is_secret_value(text) {
        return Cow::Borrowed(MASK);
    }
    if private_key(text).is_some() {
        return Cow::Borrowed(MASK);
    }
    let mut shown = Cow::Borrowed(text);
    let mut hidden = passwords(text);
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if let Some((start, end)) = assigned(line) {
            hidden.push(at + start..at + end);
        } else if let Some((_, start)) = credential(line) {
            let end = line[start..].find(|char: char| char.is_whitespace() || "\"',;".contains(char));
            hidden.push(at + start..at + start + end.unwrap_or(line[start..].trim_end().len()));
        }
        at += line.len();
    }
    hidden.sort_by_key(|range| std::cmp::Reverse((range.start, range.end)));
    let mut before = usize::MAX;
    for range in hidden {
        if range.end <= before {
            before = range.start;
            shown.to_mut().replace_range(range, MASK);
        }
    }
    shown
}

/// Where the value stands of a line such as `db.password=…` or `  password: "…"` that assigns a secret.
fn assigned(line: &str) -> Option<(usize, usize)> {
    let at = line.find(['=', ':'])?;
    let name = line[..at].trim().trim_matches(['"', '\'']).trim_start_matches("--");
    let name = name.rsplit(char::is_whitespace).next().unwrap_or_default();
    let value = line[at + 1..].trim().trim_end_matches(',').trim_matches(['"', '\'']);
    if value.is_empty() || !names_secret(name) || !is_secret_value(value) {
        return None;
    }
    let start = at + 1 + line[at + 1..].find(value)?;
    Some((start, start + value.len()))
}

/// A copy of an object in which what is secret is masked.
pub fn masked_object(root: &Datum) -> Datum {
    masked(root, Context::default(), root.text_of("kind"), true).0
}

/// A line of a file as it may be shown, wherever it stands.
pub fn masked_line(line: &str) -> Cow<'_, str> {
    shown(line, Context::default())
}

/// A copy in which what is secret is masked; whether anything was.
pub(super) fn masked(node: &Datum, context: Context<'_>, kind: &str, is_root: bool) -> (Datum, bool) {
    let mut copy = node.clone();
    let mut is_masked = false;
    match &node.content {
        Content::Scalar(text) => {
            let shown = shown(text, context);
            if shown != text.as_str() {
                is_masked = true;
                copy = Datum { origin: node.origin, ..Datum::string(shown, node.origin) };
            }
        }
        Content::Sequence(items) => {
            let masked = items.iter().map(|item| {
                let (item, was) = masked(item, context.element(), kind, false);
                is_masked |= was;
                item
            });
            copy.content = Content::Sequence(masked.collect());
        }
        Content::Mapping(pairs) => {
            let masked = pairs.iter().map(|(key, value)| {
                let is_data = is_root && is_data(kind, key.text());
                let (value, was) = masked(value, context.below(node, key.text(), is_data), kind, false);
                is_masked |= was;
                (key.clone(), value)
            });
            copy.content = Content::Mapping(masked.collect());
        }
    }
    (copy, is_masked)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str, name: &str) -> String {
        shown(value, Context { is_secret: false, name }).into_owned()
    }

    #[test]
    fn secrets_are_masked_and_nothing_else() {
        assert_eq!(text("hunter2hunter2", "DB_PASSWORD"), MASK);
        assert_eq!(text("hunter2hunter2", "DB_HOST"), "hunter2hunter2");
        assert_eq!(text("https://example.com/token", "TOKEN_URL"), "https://example.com/token");
        assert_eq!(text("postgres://app:hunter2x@db:5432/app", "DSN"), "postgres://app:<secret>@db:5432/app");
        assert_eq!(text("a=1\ndb.password=hunter2x\nb=2\n", "app.properties"), "a=1\ndb.password=<secret>\nb=2\n");
        assert_eq!(text("user: app\npassword: \"hunter2x\"\n", "app.yaml"), "user: app\npassword: \"<secret>\"\n");
        assert_eq!(text("--password=hunter2x", ""), "--password=<secret>");
        assert_eq!(shown("x", Context { is_secret: true, name: "" }), MASK);
    }
}
