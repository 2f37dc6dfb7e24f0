//! The policies of a run: those built in, and those of the repository.

use crate::cli::Exit;
use crate::cli::terminal::Failure;
use crate::diag::{Diagnostic, Diagnostics};
use crate::policy::{self, Policybook, codes};
use crate::source::SourceMap;
use crate::tree::Tree;

/// What is wrong with policy files, and those files.
pub(super) type Faults = (SourceMap, Diagnostics);

/// All policies. A file of the repository counts where it says `apiVersion: gitopsctl.io/v1`, since other tools keep their
/// policies in a folder of that name too.
pub(super) fn book(home: &Tree) -> Result<(Policybook, Faults), Failure> {
    let mut book = policy::built_in().map_err(|fault| Failure::told(Exit::Input, fault.message.clone()))?;
    let (mut sources, mut diagnostics) = (SourceMap::default(), Diagnostics::default());
    for (path, text) in own_files(home) {
        let file = sources.add(&*path, &*text);
        match policy::policies(&text, file, &path, true) {
            Ok(policies) => {
                for policy in policies {
                    let known = book.policies.iter().find(|known| known.id() == policy.id());
                    match known {
                        Some(known) if known.is_own => {
                            let message = format!("the policy `{}` is there twice", policy.id());
                            diagnostics.push(policy::told(Diagnostic::error(&codes::POLICY, message), &policy));
                        }
                        Some(_) => {
                            let message = format!("the policy `{}` is built in", policy.id());
                            let told = policy::told(Diagnostic::error(&codes::POLICY, message), &policy);
                            diagnostics
                                .push(told.help("give it an id of its own, and `disable` the one that is built in"));
                        }
                        None => book.policies.push(policy),
                    }
                }
            }
            Err(failure) => diagnostics.push(*failure),
        }
    }
    book.policies.sort_by(|a, b| a.id().cmp(b.id()));
    Ok((book, (sources, diagnostics)))
}

/// The policy files of a repository.
pub(super) fn own_files(home: &Tree) -> Vec<(String, String)> {
    let files = home
        .files(policy::POLICIES_FOLDER)
        .into_iter()
        .filter(|path| path.ends_with(".yaml") || path.ends_with(".yml"));
    let texts = files.filter_map(|path| {
        let text = home.text(&path).ok().flatten()?;
        text.contains(policy::API_VERSION).then(|| (path, text.to_string()))
    });
    texts.collect()
}
