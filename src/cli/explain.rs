//! `gitopsctl explain`.

use clap::Args;

use crate::cli::Exit;
use crate::cli::terminal::{Failure, Terminal};
use crate::diag::{Code, closest};
use crate::{argo, catalog, kustomize, render, tree, yaml};

/// Explain a diagnostic
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Its code, such as load/unknown-key; without one, all codes are listed
    code: Option<String>,
}

/// Every code of every stage.
pub(super) fn codes() -> impl Iterator<Item = &'static Code> {
    let stages = [
        tree::codes::ALL,
        yaml::codes::ALL,
        catalog::codes::ALL,
        render::codes::ALL,
        kustomize::codes::ALL,
        argo::codes::ALL,
    ];
    stages.into_iter().flatten().copied()
}

impl Explain {
    pub(super) fn run(self, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let Some(wanted) = self.code else {
            let list: String = codes().map(|code| format!("{}\n", code.id)).collect();
            terminal.print(&list)?;
            return Ok(Exit::Fine);
        };
        if let Some(code) = codes().find(|code| code.id == wanted) {
            terminal.print(&format!("{}\n\n{}\n", code.id, code.explanation))?;
            return Ok(Exit::Fine);
        }
        let failure = Failure::told(Exit::Usage, format!("there is no code `{wanted}`"));
        Err(match closest(&wanted, codes().map(|code| code.id)) {
            Some(near) => failure.with_help(format!("did you mean `{near}`?")),
            None => failure.with_help("`gitopsctl explain` lists all codes"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_are_unique_and_explained() {
        let mut seen = HashSet::new();
        for code in codes() {
            assert!(seen.insert(code.id), "{} occurs twice", code.id);
            assert!(code.explanation.len() > 40 && code.explanation.ends_with('.'), "{}", code.id);
        }
    }
}
