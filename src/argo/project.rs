//! AppProjects, and what each permits.

use crate::argo::application::{Application, Destination, Source, text, texts};
use crate::argo::{glob, repository, template};
use crate::kustomize::Text;
use crate::source::Origin;
use crate::tree;
use crate::yaml::data::Datum;

/// An entry of `destinations`; what is absent is empty, and fits only what is empty.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Where it starts.
    pub origin: Origin,
    /// Pattern of the API server's URL.
    pub server: Text,
    /// Pattern of the cluster's name.
    pub name: Text,
    /// Pattern of the namespace.
    pub namespace: Text,
}

/// An entry of a list of kinds.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// Where it starts.
    pub origin: Origin,
    /// Pattern of the group.
    pub group: Text,
    /// Pattern of the kind.
    pub kind: Text,
    /// Pattern of the name, in lists for the cluster; empty fits all.
    pub name: Text,
}

/// An AppProject.
#[derive(Clone, Debug, PartialEq)]
pub struct AppProject {
    /// Its name.
    pub name: Text,
    /// Where it starts.
    pub origin: Origin,
    /// Patterns of repositories; those after `!` deny.
    pub source_repos: Vec<Text>,
    /// Where it may deploy to.
    pub destinations: Vec<Target>,
    /// Kinds of the cluster that it may deploy; without one, none.
    pub cluster_allowed: Vec<Resource>,
    /// Kinds of the cluster that it must not deploy.
    pub cluster_denied: Vec<Resource>,
    /// Kinds of namespaces that it may deploy; where the field is absent, all.
    pub namespace_allowed: Option<Vec<Resource>>,
    /// Kinds of namespaces that it must not deploy.
    pub namespace_denied: Vec<Resource>,
    /// Patterns of the namespaces in which its Applications may lie, beside that of Argo CD.
    pub source_namespaces: Vec<Text>,
    /// The whole object.
    pub datum: Datum,
}

fn denies(pattern: &str) -> bool {
    pattern.starts_with('!')
}

/// After `!` a pattern fits what it does not mean.
fn fits(pattern: &str, text: &str, separators: &[char]) -> bool {
    match pattern.strip_prefix('!') {
        Some(denied) => !glob::fits(denied, text, separators),
        None => pattern == "*" || glob::fits(pattern, text, separators),
    }
}

impl AppProject {
    /// An object of kind AppProject.
    pub fn read(node: &Datum) -> Self {
        let nothing = Datum::null(node.origin);
        let meta = node.get("metadata").unwrap_or(&nothing);
        let spec = node.get("spec").unwrap_or(&nothing);
        let entries = |key: &str| spec.get(key).map_or(&[][..], Datum::items);
        let part = |entry: &Datum, key: &str| text(entry, key).unwrap_or_else(|| Text::new("", entry.origin));
        let resources = |key: &str| -> Vec<Resource> {
            let resource = |entry: &Datum| Resource {
                origin: entry.origin,
                group: part(entry, "group"),
                kind: part(entry, "kind"),
                name: part(entry, "name"),
            };
            entries(key).iter().map(resource).collect()
        };
        let target = |entry: &Datum| Target {
            origin: entry.origin,
            server: part(entry, "server"),
            name: part(entry, "name"),
            namespace: part(entry, "namespace"),
        };
        let has_allowed = spec.get("namespaceResourceWhitelist").is_some_and(|list| !list.is_null());
        Self {
            name: text(meta, "name").unwrap_or_else(|| Text::new("", meta.origin)),
            origin: node.origin,
            source_repos: texts(spec, "sourceRepos"),
            destinations: entries("destinations").iter().map(target).collect(),
            cluster_allowed: resources("clusterResourceWhitelist"),
            cluster_denied: resources("clusterResourceBlacklist"),
            namespace_allowed: has_allowed.then(|| resources("namespaceResourceWhitelist")),
            namespace_denied: resources("namespaceResourceBlacklist"),
            source_namespaces: texts(spec, "sourceNamespaces"),
            datum: node.clone(),
        }
    }

    /// Whether a repository may be deployed from: one pattern allows it, and none denies it.
    pub fn permits_repo(&self, url: &str) -> bool {
        let url = repository::normalized(url);
        let mut allowed = false;
        for pattern in &self.source_repos {
            let pattern = match pattern.strip_prefix('!') {
                Some(denied) => format!("!{}", repository::normalized(denied)),
                None => repository::normalized(pattern),
            };
            if fits(&pattern, &url, &['/']) {
                allowed = true;
            } else if denies(&pattern) {
                return false;
            }
        }
        allowed
    }

    /// Whether every source of an Application may be deployed from; the first that may not.
    pub fn refused_source<'a>(&self, application: &'a Application) -> Option<&'a Source> {
        application.sources.iter().find(|source| !self.permits_repo(&source.repo_url))
    }

    /// Whether a place may be deployed to. Of a destination that says the name of a cluster or its URL, only the patterns
    /// of that kind can fit; a caller who knows both fills both in.
    pub fn permits_destination(&self, destination: &Destination) -> bool {
        let part = |text: &Option<Text>| text.as_ref().map(|text| text.to_string()).unwrap_or_default();
        let (server, name) = (part(&destination.server), part(&destination.name));
        self.permits_place(&server, &name, &part(&destination.namespace))
    }

    /// [`Self::permits_destination`] of plain texts.
    pub fn permits_place(&self, server: &str, name: &str, namespace: &str) -> bool {
        let mut allowed = false;
        for target in &self.destinations {
            let by_name = !name.is_empty() && fits(&target.name, name, &[]);
            let by_server = !server.is_empty() && fits(&target.server, server, &[]);
            let by_namespace = fits(&target.namespace, namespace, &[]);
            if (by_server || by_name) && by_namespace {
                allowed = true;
            } else if !by_name && denies(&target.name)
                || !by_server && denies(&target.server) && by_namespace
                || !by_namespace && denies(&target.namespace) && by_server
            {
                return false;
            }
        }
        allowed
    }

    /// Whether objects of a kind may be deployed.
    pub fn permits_kind(&self, group: &str, kind: &str, name: &str, namespaced: bool) -> bool {
        let is_in = |list: &[Resource], by_name: bool| {
            list.iter().any(|entry| {
                tree::glob::fits(&entry.kind, kind)
                    && tree::glob::fits(&entry.group, group)
                    && (!by_name || entry.name.is_empty() || tree::glob::fits(&entry.name, name))
            })
        };
        if namespaced {
            let allowed = self.namespace_allowed.as_ref().is_none_or(|list| is_in(list, false));
            return allowed && !is_in(&self.namespace_denied, false);
        }
        is_in(&self.cluster_allowed, true) && !is_in(&self.cluster_denied, true)
    }

    /// Whether Applications may lie in a namespace other than Argo CD's own: by a glob, or by a regular expression between
    /// slashes.
    pub fn permits_namespace(&self, namespace: &str) -> bool {
        self.source_namespaces.iter().any(|pattern| {
            let regex = pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
            regex.is_some_and(|regex| template::matches(regex, namespace)) || glob::fits(pattern, namespace, &[])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::FileId;
    use crate::yaml::load;

    fn project(spec: &str) -> AppProject {
        let text = format!("kind: AppProject\nmetadata: {{name: p}}\nspec:\n{spec}");
        let document = load::first_document(&text, 0, FileId::NONE).ok().flatten();
        AppProject::read(&document.unwrap_or_else(|| panic!("{text}")))
    }

    #[test]
    fn repositories_are_allowed_and_denied() {
        let all = project("  sourceRepos: ['*']\n");
        assert!(all.permits_repo("https://github.com/a/b") && all.permits_repo("git@host:a.git"));
        let some = project("  sourceRepos: ['https://github.com/acme/*', '!https://github.com/acme/secret.git']\n");
        assert!(some.permits_repo("https://GitHub.com/acme/shop.git"));
        assert!(!some.permits_repo("https://github.com/acme/secret"));
        // A pattern that denies allows everything else.
        assert!(some.permits_repo("https://github.com/acme/a/b"));
        assert!(!project("  sourceRepos: ['https://github.com/acme/*']\n").permits_repo("https://github.com/acme/a/b"));
        assert!(project("  sourceRepos: ['!https://a/b']\n").permits_repo("https://a/c"));
        assert!(!project("  sourceRepos: []\n").permits_repo("https://a/c"));
    }

    #[test]
    fn destinations_are_allowed_and_denied() {
        let spec =
            "  destinations:\n  - {server: '*', namespace: 'team-*'}\n  - {server: '*', namespace: '!team-secret'}\n";
        let some = project(spec);
        assert!(some.permits_place("https://kubernetes.default.svc", "", "team-a"));
        assert!(!some.permits_place("https://kubernetes.default.svc", "", "team-secret"));
        // A pattern that denies allows everything else.
        assert!(some.permits_place("https://kubernetes.default.svc", "", "other"));
        let by_name = project("  destinations:\n  - {name: 'prod-*', namespace: '*'}\n");
        assert!(by_name.permits_place("", "prod-eu", "x") && !by_name.permits_place("https://x", "", "x"));
    }

    #[test]
    fn namespaces_of_applications_are_globs_or_regular_expressions() {
        let some = project("  sourceNamespaces: ['team-*', '/^shop-(a|b)$/']\n");
        assert!(some.permits_namespace("team-x") && some.permits_namespace("shop-b"));
        assert!(!some.permits_namespace("shop-c") && !project("  {}\n").permits_namespace("x"));
    }

    #[test]
    fn kinds_are_allowed_and_denied() {
        let plain = project("  destinations: []\n");
        assert!(plain.permits_kind("apps", "Deployment", "a", true));
        assert!(!plain.permits_kind("", "Namespace", "a", false));
        let spec = "  clusterResourceWhitelist:\n  - {group: '', kind: Namespace, name: 'team-*'}\n  namespaceResourceWhitelist: []\n";
        let some = project(spec);
        assert!(some.permits_kind("", "Namespace", "team-a", false) && !some.permits_kind("", "Namespace", "x", false));
        assert!(!some.permits_kind("apps", "Deployment", "a", true));
        let spec = "  clusterResourceWhitelist:\n  - {group: '*', kind: '*'}\n  namespaceResourceBlacklist:\n  - {group: '', kind: ResourceQuota}\n";
        let some = project(spec);
        assert!(some.permits_kind("rbac.authorization.k8s.io", "ClusterRole", "a", false));
        assert!(!some.permits_kind("", "ResourceQuota", "a", true) && some.permits_kind("", "Secret", "a", true));
    }
}
