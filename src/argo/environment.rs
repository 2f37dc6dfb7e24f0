//! `${ARGOCD_APP_NAME}` and the other variables that Argo CD puts into images, labels and annotations.

use crate::argo::application::{Application, Source};

/// What stands for a revision that nobody knows yet.
const UNKNOWN_REVISION: &str = "0000000000000000000000000000000000000000";

/// The variables of one source of an Application.
#[derive(Clone, Debug)]
pub struct Environment {
    name: String,
    namespace: String,
    project: String,
    revision: Option<String>,
    repo_url: String,
    path: String,
    target_revision: String,
}

impl Environment {
    /// Of a source. The name of an Application outside of Argo CD's own namespace has that namespace before it, where
    /// Argo CD's own is told.
    pub fn new(
        application: &Application,
        source: &Source,
        revision: Option<&str>,
        own_namespace: Option<&str>,
    ) -> Self {
        let text =
            |text: &Option<crate::kustomize::Text>| text.as_ref().map(|text| text.to_string()).unwrap_or_default();
        Self {
            name: instance_name(application, own_namespace),
            namespace: text(&application.destination.namespace),
            project: application.project.to_string(),
            revision: revision.map(str::to_owned),
            repo_url: source.repo_url.to_string(),
            path: text(&source.path),
            target_revision: text(&source.target_revision),
        }
    }

    fn value(&self, name: &str) -> &str {
        let revision = self.revision.as_deref().unwrap_or(UNKNOWN_REVISION);
        match name {
            // A doubled sign stands for one.
            "$" => "$",
            "ARGOCD_APP_NAME" => &self.name,
            "ARGOCD_APP_NAMESPACE" => &self.namespace,
            "ARGOCD_APP_PROJECT_NAME" => &self.project,
            "ARGOCD_APP_REVISION" => revision,
            "ARGOCD_APP_REVISION_SHORT" => revision.get(..7).unwrap_or(revision),
            "ARGOCD_APP_REVISION_SHORT_8" => revision.get(..8).unwrap_or(revision),
            "ARGOCD_APP_SOURCE_REPO_URL" => &self.repo_url,
            "ARGOCD_APP_SOURCE_PATH" => &self.path,
            "ARGOCD_APP_SOURCE_TARGET_REVISION" => &self.target_revision,
            _ => "",
        }
    }

    /// Whether a text has the revision in it, and the revision is not known.
    pub fn lacks_revision(&self, text: &str) -> bool {
        self.revision.is_none() && text.contains("ARGOCD_APP_REVISION")
    }

    /// A text with `$name` and `${name}` replaced; variables that do not exist are empty, as in Go's `os.Expand`.
    pub fn expand(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let (name, length) = variable(rest);
            if length == 0 {
                // Nothing that could be a name follows.
                out.push('$');
            }
            out.push_str(name.map_or("", |name| self.value(name)));
            rest = &rest[length..];
        }
        out + rest
    }
}

/// The name after a `$`, and how many bytes it takes, braces included. No name in braces that are not closed or empty:
/// those signs are lost.
fn variable(text: &str) -> (Option<&str>, usize) {
    let is_special = |char: char| matches!(char, '*' | '#' | '$' | '@' | '!' | '?' | '-' | '0'..='9');
    let is_word = |char: char| char == '_' || char.is_ascii_alphanumeric();
    let Some(first) = text.chars().next() else { return (None, 0) };
    if first == '{' {
        let mut inner = text[1..].chars();
        if let (Some(char), Some('}')) = (inner.next(), inner.next())
            && is_special(char)
        {
            return (Some(&text[1..2]), 3);
        }
        return match text.find('}') {
            Some(1) => (None, 2),
            Some(end) => (Some(&text[1..end]), end + 1),
            None => (None, 1),
        };
    }
    if is_special(first) {
        return (Some(&text[..1]), 1);
    }
    let end = text.find(|char| !is_word(char)).unwrap_or(text.len());
    if end == 0 { (None, 0) } else { (Some(&text[..end]), end) }
}

/// The name by which Argo CD knows an Application.
pub(super) fn instance_name(application: &Application, own_namespace: Option<&str>) -> String {
    match (&application.namespace, own_namespace) {
        (Some(namespace), Some(own)) if &**namespace != own => format!("{}_{}", &**namespace, &*application.name),
        _ => application.name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_expand_as_in_go() {
        let environment = Environment {
            name: "shop".to_owned(),
            namespace: "team".to_owned(),
            project: "default".to_owned(),
            revision: Some("0123456789abcdef".to_owned()),
            repo_url: "https://x".to_owned(),
            path: "apps/shop".to_owned(),
            target_revision: "main".to_owned(),
        };
        for (text, wanted) in [
            ("a:${ARGOCD_APP_NAME}", "a:shop"),
            ("$ARGOCD_APP_NAME-x", "shop-x"),
            ("$ARGOCD_APP_NAMEx", ""),
            ("${ARGOCD_APP_REVISION_SHORT}|${ARGOCD_APP_REVISION_SHORT_8}", "0123456|01234567"),
            ("$$ARGOCD_APP_NAME", "$ARGOCD_APP_NAME"),
            ("100$", "100$"),
            ("a$ b", "a$ b"),
            ("a${}b", "ab"),
            ("a${b", "ab"),
            ("${NOBODY}x", "x"),
            ("$1x", "x"),
            ("${ARGOCD_APP_SOURCE_PATH}@${ARGOCD_APP_SOURCE_TARGET_REVISION}", "apps/shop@main"),
        ] {
            assert_eq!(environment.expand(text), wanted, "{text}");
        }
    }
}
