//! `gitopsctl explain`.

use std::path::Path;

use clap::Args;

use crate::cli::policy::level;
use crate::cli::terminal::{Failure, Terminal};
use crate::cli::{Exit, policies, root_of};
use crate::diag::{Code, closest};
use crate::policy::{self, Case, Demand, Expect, Given, POLICY_FILES, Policy, Policybook};
use crate::source::FileId;
use crate::tree::Tree;
use crate::{argo, catalog, kustomize, release, render, tree, yaml};

/// Explain a diagnostic or a policy
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// Its code, such as load/unknown-key, the id of a policy or what another tool calls it; without one, all codes
    /// are listed
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
        policy::codes::ALL,
        release::codes::ALL,
    ];
    stages.into_iter().flatten().copied()
}

impl Explain {
    pub(super) fn run(self, directory: &Path, terminal: &mut Terminal) -> Result<Exit, Failure> {
        let home = Tree::directory(root_of(directory)?);
        let (book, _) = policies::book(&home)?;
        let Some(wanted) = self.code else {
            let list: String = codes().map(|code| format!("{}\n", code.id)).collect();
            terminal.print(&list)?;
            terminal.say("`gitopsctl policy list` has the policies");
            return Ok(Exit::Fine);
        };
        if let Some(code) = codes().find(|code| code.id == wanted) {
            terminal.print(&format!("{}\n\n{}\n", code.id, code.explanation))?;
            return Ok(Exit::Fine);
        }
        let found: Vec<&Policy> =
            book.policies.iter().filter(|policy| policy.id() == wanted || has_alias(policy, &wanted)).collect();
        if !found.is_empty() {
            let texts: Vec<String> = found.iter().map(|policy| explained(policy, example(policy, &home))).collect();
            terminal.print(&texts.join("\n----\n\n"))?;
            return Ok(Exit::Fine);
        }
        let failure = Failure::told(Exit::Usage, format!("there is no code or policy `{wanted}`"));
        Err(match near(&wanted, &book) {
            Some(near) => failure.with_help(format!("did you mean `{near}`?")),
            None => failure.with_help("`gitopsctl explain` lists all of them"),
        })
    }
}

fn has_alias(policy: &Policy, word: &str) -> bool {
    policy.rule.aliases.iter().any(|alias| alias == word)
}

fn near(wanted: &str, book: &Policybook) -> Option<String> {
    let code = closest(wanted, codes().map(|code| code.id));
    code.or_else(|| book.near(wanted)).map(str::to_owned)
}

/// The first failing test of a policy, which is its example.
fn example(policy: &Policy, home: &Tree) -> Option<Case> {
    let own;
    let text = if policy.is_own {
        own = home.text(&policy.path).ok()??;
        &*own
    } else {
        POLICY_FILES.iter().find(|(path, _)| *path == policy.path).map(|(_, text)| *text)?
    };
    let all = policy::policies(text, FileId::NONE, &policy.path, policy.is_own).ok()?;
    let at = all.iter().position(|other| other.id() == policy.id())?;
    let cases = policy::cases(text, FileId::NONE, &policy.path).ok()?.into_iter().nth(at)?;
    cases.into_iter().find(|case| case.expect == Expect::Fail)
}

/// Why, an example, what to do, how to switch it off.
fn explained(policy: &Policy, example: Option<Case>) -> String {
    let rule = &policy.rule;
    let mut text = format!("{}\n\n{}.\n\n{}\n\n{}\n", rule.id, rule.title, rule.rationale, rule.remediation);
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            text += &format!("\n{name}: {value}");
        }
    };
    line("severity", level(policy.severity).to_owned());
    line(
        "profiles",
        if policy.profiles.is_empty() { "none: enable it by name".to_owned() } else { policy.profiles.join(", ") },
    );
    let demand = policy.demand.map(|demand| match demand {
        Demand::Production => {
            "demanded of production where there is a catalog: on in recommended and strict, as an error"
        }
        Demand::Everywhere => "demanded where there is a catalog: on in recommended and strict, as an error",
    });
    line("platform", demand.unwrap_or_default().to_owned());
    line("also known as", rule.aliases.join(", "));
    line("is about", policy.matches.kinds.join(", "));
    line("but not", policy.matches.except.join(", "));
    line("judges each", policy.each.name().to_owned());
    text.push('\n');
    if !policy.params.is_empty() {
        text += "\nparams:\n";
        for param in &policy.params {
            text += &format!("  {}: {} (default {})\n", param.name, param.description, param.default);
        }
    }
    if let Some(case) = example {
        text += &format!("\nexample: {}\n\n", case.name);
        let shown = match &case.given {
            Given::Manifests(manifests) => manifests.clone(),
            Given::Files(files) => {
                files.iter().map(|(path, content)| format!("# {path}\n{content}")).collect::<Vec<_>>().join("\n")
            }
        };
        text.extend(shown.lines().map(|line| format!("    {line}\n")));
        if let Some(at) = &case.at {
            text += &format!("\n  found at {at}\n");
        }
    }
    if let Some(fix) = &policy.fix {
        text += &format!("\n`gitopsctl lint --fix` mends it: {:?} {}\n", fix.op, fix.value)
            .to_lowercase()
            .replace("none", "");
    }
    text += &format!(
        "\nto switch it off, with the reason:\n\
         \x20 at a line         # gitopsctl:ignore {id} REASON [until=YYYY-MM-DD]\n\
         \x20 for an object     metadata.annotations: {{gitopsctl.io/ignore.{dotted}: REASON}}\n\
         \x20 in gitopsctl.yaml policies.suppress: [{{policy: {id}, reason: REASON}}], or policies.disable: [{id}]\n",
        id = rule.id,
        dotted = rule.id.replace('/', "."),
    );
    text
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
