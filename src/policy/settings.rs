//! Which policies are on, how bad their findings are, and with which params: the profile, the settings of the repository,
//! the flags of the command line, in this order.

use std::collections::BTreeMap;

use rayon::prelude::*;
use serde_json::Value;

use crate::catalog::Policies;
use crate::diag::{Diagnostic, Diagnostics, Severity, closest};
use crate::policy::definition::Policy;
use crate::policy::diags::codes;
use crate::policy::judge::Active;
use crate::source::Span;

/// The profiles, with what each is for.
pub const PROFILES: &[(&str, &str)] = &[
    ("recommended", "what fails at sync or at runtime, what Kustomize silently ignores, and the platform's own rules"),
    ("strict", "all that is worth a look"),
    ("kube-linter", "what kube-linter turns on"),
    ("kube-score", "what kube-score turns on"),
    ("polaris", "what Polaris turns on"),
    ("none", "nothing but what is enabled by name"),
];

/// The profiles in which the platform's own rules count.
const DEMANDING: [&str; 2] = ["recommended", "strict"];

/// What the command line says.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// Another profile than that of the settings.
    pub profile: Option<String>,
    /// Only these, whether they are on or not: ids, aliases or categories.
    pub only: Vec<String>,
    /// On beside the others.
    pub enable: Vec<String>,
    /// Off.
    pub disable: Vec<String>,
    /// Severities that differ.
    pub severity: Vec<(String, Severity)>,
}

/// Policies from files: those built in and those of a repository.
#[derive(Debug, Default)]
pub struct Policybook {
    /// All, by id.
    pub policies: Vec<Policy>,
}

impl Policybook {
    /// The profiles that there are, those of the repository's own policies among them.
    pub fn profiles(&self) -> Vec<&str> {
        let known = PROFILES.iter().map(|(name, _)| *name);
        let mut all: Vec<&str> = known.collect();
        for name in self.policies.iter().flat_map(|policy| &policy.profiles) {
            if !all.contains(&name.as_str()) {
                all.push(name);
            }
        }
        all
    }

    /// Whether there is a profile of that name.
    pub fn has_profile(&self, name: &str) -> bool {
        self.profiles().contains(&name)
    }

    /// Whether a word means any policy.
    pub fn knows(&self, word: &str) -> bool {
        self.policies.iter().any(|policy| policy.answers_to(word))
    }

    /// The policy of an id, or the only one of an alias.
    pub fn get(&self, word: &str) -> Option<&Policy> {
        self.policies.iter().find(|policy| policy.id() == word).or_else(|| {
            let mut found = self.policies.iter().filter(|policy| policy.rule.aliases.iter().any(|alias| alias == word));
            found.next().filter(|_| found.next().is_none())
        })
    }

    /// The word that looks most like one that means nothing.
    pub fn near(&self, word: &str) -> Option<&str> {
        let aliases = self.policies.iter().flat_map(|policy| policy.rule.aliases.iter().map(String::as_str));
        let ids = self.policies.iter().flat_map(|policy| [policy.id(), policy.category()]);
        // People leave out the category more often than they misspell it.
        let by_name = self.policies.iter().find(|policy| policy.id().rsplit('/').next() == Some(word));
        by_name.map(Policy::id).or_else(|| closest(word, ids.chain(aliases)))
    }

    /// What does not exist among the words of the command line, with what is near.
    pub fn unknown(&self, flags: &Flags) -> Option<(String, Option<&str>)> {
        let severities = flags.severity.iter().map(|(word, _)| word);
        let mut words = flags.only.iter().chain(&flags.enable).chain(&flags.disable).chain(severities);
        words.find(|word| !self.knows(word)).map(|word| (word.clone(), self.near(word)))
    }

    /// The policies that are on. What the settings name in vain is reported.
    pub fn active(&self, settings: Option<&Policies>, flags: &Flags, diagnostics: &mut Diagnostics) -> Vec<Active<'_>> {
        let params = settings.map_or_else(BTreeMap::new, |settings| self.params(settings, diagnostics));
        let profile = self.profile(settings, flags, diagnostics);
        let words = |list: &[crate::yaml::Spanned<String>], diagnostics: &mut Diagnostics| -> Vec<String> {
            list.iter()
                .filter(|word| self.is_known(word, word.span, diagnostics))
                .map(|word| word.value.clone())
                .collect()
        };
        let (mut enabled, mut disabled, mut severities) = (Vec::new(), Vec::new(), Vec::new());
        if let Some(settings) = settings {
            enabled = words(&settings.enable, diagnostics);
            disabled = words(&settings.disable, diagnostics);
            for (word, level) in &settings.severity {
                if self.is_known(word, word.span, diagnostics) {
                    let level = super::load::SEVERITIES.iter().find(|(name, _)| name == level);
                    severities.extend(level.map(|(_, level)| (word.value.clone(), *level)));
                }
            }
        }
        severities.extend(flags.severity.iter().cloned());
        let names = |words: &[String], policy: &Policy| words.iter().any(|word| policy.answers_to(word));
        let is_everywhere = |policy: &Policy| {
            let named = [&enabled, &flags.enable, &flags.only];
            policy.profiles.contains(&profile) || named.into_iter().any(|words| names(words, policy))
        };
        let is_demanded = |policy: &Policy| policy.demand.is_some() && DEMANDING.contains(&&*profile);
        let is_on = |policy: &&Policy| {
            if !flags.only.is_empty() {
                return names(&flags.only, policy) && !names(&flags.disable, policy);
            }
            // The command line comes after the settings; of two in one place what is named more exactly wins, an id over a
            // category.
            let said = |enabled: &[String], disabled: &[String]| {
                let by_id = |words: &[String]| words.iter().any(|word| word == policy.id());
                if by_id(enabled) != by_id(disabled) {
                    return Some(by_id(enabled));
                }
                names(disabled, policy).then_some(false).or(names(enabled, policy).then_some(true))
            };
            said(&flags.enable, &flags.disable)
                .or_else(|| said(&enabled, &disabled))
                .unwrap_or_else(|| is_everywhere(policy) || is_demanded(policy))
        };
        let active = self.policies.iter().filter(is_on).map(|policy| {
            // A category first, then an alias, then the id: what is more exact wins.
            let mut fitting: Vec<_> = severities.iter().filter(|(word, _)| policy.answers_to(word)).collect();
            fitting.sort_by_key(|(word, _)| (word == policy.id(), word != policy.category()));
            let severity = fitting.last().map_or(policy.severity, |(_, level)| *level);
            let mut values = policy.defaults();
            for (name, value) in params.get(policy.id()).into_iter().flatten() {
                values.0.insert(name.clone(), value.clone());
            }
            Active {
                policy,
                severity,
                params: values,
                is_everywhere: is_everywhere(policy),
                is_raised: fitting.is_empty(),
            }
        });
        active.collect()
    }

    fn is_known(&self, word: &str, span: Span, diagnostics: &mut Diagnostics) -> bool {
        let is_known = self.knows(word);
        if !is_known {
            let diagnostic = Diagnostic::error(&codes::SETTING, format!("there is no policy `{word}`"));
            diagnostics.push(diagnostic.at(span, "names nothing").near(self.near(word)));
        }
        is_known
    }

    fn profile(&self, settings: Option<&Policies>, flags: &Flags, diagnostics: &mut Diagnostics) -> String {
        if let Some(profile) = &flags.profile {
            return profile.clone();
        }
        let Some(set) = settings.and_then(|settings| settings.profile.as_ref()) else {
            return PROFILES[0].0.to_owned();
        };
        if !self.has_profile(set) {
            let known = self.profiles();
            let diagnostic = Diagnostic::error(&codes::SETTING, format!("there is no profile `{}`", set.value));
            diagnostics.push(diagnostic.at(set.span, "names nothing").near(closest(set, known)));
        }
        set.value.clone()
    }

    /// The params that the settings change, checked against the policies.
    fn params(&self, settings: &Policies, diagnostics: &mut Diagnostics) -> BTreeMap<String, Vec<(String, Value)>> {
        let mut all: BTreeMap<String, Vec<(String, Value)>> = BTreeMap::new();
        for (id, values) in &settings.params {
            let wrong = |message: String| Diagnostic::error(&codes::SETTING, message).at(id.span, "set here");
            let Some(policy) = self.get(id) else {
                let diagnostic = wrong(format!("there is no policy `{}` whose params could be set", id.value));
                diagnostics.push(diagnostic.near(self.near(id)));
                continue;
            };
            for (name, value) in values {
                let Some(param) = policy.params.iter().find(|param| param.name == *name) else {
                    let known = policy.params.iter().map(|param| param.name.as_str());
                    let diagnostic = wrong(format!("the policy `{}` has no param `{name}`", policy.id()));
                    diagnostics.push(diagnostic.near(closest(name, known)));
                    continue;
                };
                if !param.kind.takes(value) {
                    diagnostics.push(wrong(format!("the param `{name}` of `{}` is of another type", policy.id())));
                    continue;
                }
                all.entry(policy.id().to_owned()).or_default().push((name.clone(), value.clone()));
            }
        }
        all
    }
}

/// The built-in policies, and those of the `policies/` folder of a repository.
pub fn built_in() -> Result<Policybook, Box<Diagnostic>> {
    let mut book = Policybook::default();
    let load = |(path, text): &(&str, &str)| super::load::policies(text, crate::source::FileId::NONE, path, false);
    for policies in super::embedded::POLICIES.par_iter().map(load).collect::<Vec<_>>() {
        book.policies.extend(policies?);
    }
    book.policies.sort_by(|a, b| a.id().cmp(b.id()));
    Ok(book)
}
