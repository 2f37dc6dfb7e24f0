//! `extra` of a kustomization: what people put beside it, and what the catalog names.

use serde::Serialize;

use crate::catalog::Extra;
use crate::render::kept::Found;
use crate::yaml::Spanned;

/// `extra` of a kustomization: paths relative to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(in crate::render) struct ExtraFacts {
    pub(in crate::render) resources: Vec<String>,
    pub(in crate::render) patches: Vec<String>,
    pub(in crate::render) components: Vec<String>,
}

impl ExtraFacts {
    /// What a catalog entry names, relative to the folder of a kustomization, after what was found beside it.
    pub(in crate::render) fn of(folder: &str, found: Found, named: &Extra) -> Self {
        let relative = |paths: &[Spanned<String>], before: Vec<String>| {
            let mut all = before;
            for path in paths.iter().map(|path| relative(folder, path)) {
                if !all.contains(&path) {
                    all.push(path);
                }
            }
            all
        };
        Self {
            resources: relative(&named.resources, found.resources),
            patches: relative(&named.patches, found.patches),
            components: relative(&named.components, Vec::new()),
        }
    }
}

/// A path from the root of the repository as seen from a folder.
pub(super) fn relative(folder: &str, path: &str) -> String {
    let (from, to): (Vec<_>, Vec<_>) = (folder.split('/').collect(), path.split('/').collect());
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = vec![".."; from.len() - shared];
    [&up[..], &to[shared..]].concat().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_seen_from_the_folder() {
        assert_eq!(relative("gitops/apps/a/base", "gitops/apps/a/base/extra/x.yaml"), "extra/x.yaml");
        assert_eq!(relative("gitops/apps/a/base", "components/mesh"), "../../../../components/mesh");
    }
}
