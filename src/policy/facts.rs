//! What is known of a repository beside its objects.

use crate::source::Origin;

/// What was found out about the repository beside its objects.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// What became of the sources of Applications, as indices of Application and source.
    pub sources: Vec<(usize, usize, Lies)>,
    /// Overrides of Applications that win over an `images` entry of the overlay.
    pub hidden: Vec<Hidden>,
    /// Kustomizations that no other one includes and no Application reaches, where there are Applications.
    pub unreached: Vec<(String, Origin)>,
    /// Whether something in the repository gives Argo CD a health check for Applications.
    pub has_application_health: bool,
}

/// Where the path of a source leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lies {
    /// To another repository, or to a chart.
    Elsewhere,
    /// To nothing in this repository.
    Nowhere,
    /// To a directory without manifests.
    Empty,
    /// To a chart, or to what a plug-in reads: what it becomes is not known here.
    Unrendered,
    /// To what is deployed.
    Here,
}

/// An override of an Application that wins over an `images` entry of the overlay.
#[derive(Clone, Debug)]
pub struct Hidden {
    /// The Application, as an index.
    pub application: usize,
    /// The image.
    pub image: String,
    /// The override.
    pub by: Origin,
    /// The overlay.
    pub overlay: String,
}

/// A file that no kustomization names.
#[derive(Clone, Debug)]
pub struct Unused {
    /// As people see it.
    pub path: String,
    /// Its first byte.
    pub origin: Origin,
    /// The kustomization beside it.
    pub kustomization: String,
}

/// What someone else makes, as the settings say it: `Kind/namespace/name`, each with `*` for anything.
#[derive(Clone, Debug, Default)]
pub struct External {
    /// Patterns.
    pub patterns: Vec<String>,
}

impl External {
    /// Whether an object is declared.
    pub fn has(&self, kind: &str, namespace: &str, name: &str) -> bool {
        self.patterns.iter().any(|pattern| {
            let parts: Vec<&str> = pattern.split('/').collect();
            match parts[..] {
                [kind_pattern, name_pattern] => fits(kind_pattern, kind) && fits(name_pattern, name),
                [kind_pattern, namespace_pattern, name_pattern] => {
                    fits(kind_pattern, kind) && fits(namespace_pattern, namespace) && fits(name_pattern, name)
                }
                _ => false,
            }
        })
    }
}

/// Whether a text fits a pattern in which `*` stands for anything.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == text };
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = text.strip_prefix(start).and_then(|text| text.strip_suffix(end)) else { return false };
    // Whatever lies between stars may as well lie as far to the left as it can.
    for part in middle.split('*') {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_with_stars_anywhere() {
        assert!(fits("*", "") && fits("a*", "abc") && fits("*c", "abc") && fits("a*c", "abc") && fits("abc", "abc"));
        assert!(!fits("a*d", "abc") && !fits("", "a") && !fits("ab", "abc"));
        assert!(fits("a*b*c", "axbxc") && fits("*b*b*", "bb") && !fits("*b*b*", "b") && !fits("ab*bc", "abc"));
        assert!(!fits(&"*a".repeat(50), &format!("{}b", "a".repeat(200))));
    }
}
