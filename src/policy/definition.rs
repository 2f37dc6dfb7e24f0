//! A policy as its file says it: what it is about, what must hold, why, and what to do.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::diag::{Rule, Severity};
use crate::source::Origin;

/// A policy.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What it says of itself.
    pub rule: Arc<Rule>,
    /// How bad it is unless the settings say otherwise.
    pub severity: Severity,
    /// The profiles that turn it on.
    pub profiles: Vec<String>,
    /// Where the platform demands it: there it is on in `recommended` and an error, whatever it is elsewhere.
    pub demand: Option<Demand>,
    /// What it is about.
    pub matches: Matches,
    /// Which part of that is judged.
    pub each: Each,
    /// What can be tuned.
    pub params: Vec<Param>,
    /// What a finding says, with `{kind}`, `{name}`, `{container}` and `{value}`; else the title.
    pub message: Option<String>,
    /// What must hold.
    pub logic: Logic,
    /// How to mend it.
    pub fix: Option<Fix>,
    /// The file.
    pub path: String,
    /// Where it begins there.
    pub origin: Origin,
    /// Whether a repository brought it.
    pub is_own: bool,
}

impl Policy {
    /// `category/name`
    pub fn id(&self) -> &str {
        &self.rule.id
    }

    /// What comes before the name.
    pub fn category(&self) -> &str {
        self.rule.id.split('/').next().unwrap_or_default()
    }

    /// Whether a word means it: its id, an alias, or its category.
    pub fn answers_to(&self, word: &str) -> bool {
        self.rule.id == word || self.category() == word || self.rule.aliases.iter().any(|alias| alias == word)
    }

    /// The values that its parameters have unless they are tuned.
    pub fn defaults(&self) -> Params {
        Params(self.params.iter().map(|param| (param.name.clone(), param.default.clone())).collect())
    }
}

/// Where a platform demands what a policy says. Only a repository with a catalog has one, and only the environments that
/// the catalog names are part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// In production.
    Production,
    /// In every environment.
    Everywhere,
}

impl Demand {
    /// As a policy file spells it.
    pub const NAMES: &[(&str, Demand)] = &[("production", Self::Production), ("everywhere", Self::Everywhere)];
}

/// Which objects a policy is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// Kinds, `group/Kind`s, `workload`, or `*`; empty: whatever the unit occurs in.
    pub kinds: Vec<String>,
    /// Kinds that are not meant.
    pub except: Vec<String>,
    /// Environments; empty: all.
    pub environments: Vec<String>,
}

impl Matches {
    /// Whether a kind is meant.
    pub fn has(&self, group: &str, kind: &str) -> bool {
        let is = |pattern: &String| match pattern.as_str() {
            "*" => true,
            "workload" => crate::kube::is_workload(group, kind),
            pattern => match pattern.rsplit_once('/') {
                Some((wanted, name)) => wanted == group && name == kind,
                None => pattern == kind,
            },
        };
        (self.kinds.is_empty() || self.kinds.iter().any(is)) && !self.except.iter().any(is)
    }
}

/// Which part of what a policy is about is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Each {
    /// An object.
    Object,
    /// A pod's spec.
    Pod,
    /// A container of `containers`.
    Container,
    /// A container of `initContainers`.
    InitContainer,
    /// A container of any list.
    EveryContainer,
    /// A port of a container.
    Port,
    /// An Argo CD Application, generated ones too.
    Application,
    /// A kustomization file.
    Kustomization,
    /// An entry of a kustomization's `images`.
    ImageEntry,
    /// An entry of a kustomization's `patches`.
    Patch,
    /// All that is judged, at once.
    Repository,
}

impl Each {
    /// As a policy file spells it.
    pub const NAMES: &[(&str, Each)] = &[
        ("object", Self::Object),
        ("pod", Self::Pod),
        ("container", Self::Container),
        ("initContainer", Self::InitContainer),
        ("everyContainer", Self::EveryContainer),
        ("port", Self::Port),
        ("application", Self::Application),
        ("kustomization", Self::Kustomization),
        ("imageEntry", Self::ImageEntry),
        ("patch", Self::Patch),
        ("repository", Self::Repository),
    ];

    /// As a policy file spells it.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, each)| *each == self).map_or("", |(name, _)| name)
    }
}

/// What can be tuned about a policy.
#[derive(Clone, Debug, PartialEq)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: ParamKind,
    /// Unless tuned.
    pub default: Value,
    /// What it does.
    pub description: String,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// A whole number.
    Integer,
    /// A text.
    Text,
    /// Yes or no.
    Flag,
    /// A list of texts.
    List,
    /// An amount such as `128Mi`.
    Quantity,
    /// Anything.
    Any,
}

impl ParamKind {
    /// As a policy file spells it.
    pub const NAMES: &[(&str, ParamKind)] = &[
        ("integer", Self::Integer),
        ("string", Self::Text),
        ("boolean", Self::Flag),
        ("list", Self::List),
        ("quantity", Self::Quantity),
        ("any", Self::Any),
    ];

    /// Whether a value is of this type.
    pub fn takes(self, value: &Value) -> bool {
        match self {
            Self::Integer => value.is_i64() || value.is_u64(),
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::List => value.as_array().is_some_and(|items| items.iter().all(Value::is_string)),
            Self::Quantity => match value {
                Value::String(text) => crate::kube::quantity(text).is_some(),
                value => value.is_number(),
            },
            Self::Any => true,
        }
    }
}

/// The values of a policy's parameters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(pub Map<String, Value>);

impl Params {
    /// Any value; null where there is no such parameter.
    pub fn value(&self, name: &str) -> &Value {
        debug_assert!(
            self.0.contains_key(name),
            "a check asks for the parameter {name}, which its policy does not have"
        );
        self.0.get(name).unwrap_or(&Value::Null)
    }

    /// A whole number; 0 where it is none.
    pub fn integer(&self, name: &str) -> i64 {
        self.value(name).as_i64().unwrap_or(0)
    }

    /// A text; empty where it is none.
    pub fn text(&self, name: &str) -> &str {
        self.value(name).as_str().unwrap_or_default()
    }

    /// Yes or no.
    pub fn flag(&self, name: &str) -> bool {
        self.value(name).as_bool().unwrap_or(false)
    }

    /// A list of texts.
    pub fn list(&self, name: &str) -> Vec<&str> {
        self.value(name).as_array().map_or(Vec::new(), |items| items.iter().filter_map(Value::as_str).collect())
    }

    /// Whether a list has a text.
    pub fn has(&self, name: &str, text: &str) -> bool {
        self.value(name).as_array().is_some_and(|items| items.iter().any(|item| item.as_str() == Some(text)))
    }

    /// An amount, in thousandths.
    pub fn quantity(&self, name: &str) -> Option<crate::kube::Quantity> {
        match self.value(name) {
            Value::String(text) => crate::kube::quantity(text),
            Value::Number(number) => crate::kube::quantity(&number.to_string()),
            _ => None,
        }
    }
}

/// What must hold.
#[derive(Clone, Debug)]
pub enum Logic {
    /// The unit is valid against a JSON Schema, draft 2020-12.
    Schema(Value),
    /// Expressions in the Common Expression Language are true.
    Cel(Vec<Expression>),
    /// A built-in check finds nothing.
    Check(String),
}

/// One expression that must be true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The expression.
    pub text: String,
    /// What a finding says.
    pub message: Option<String>,
    /// Where in the unit it is, as a JSON pointer.
    pub at: String,
    /// Where the expression stands, for its errors.
    pub origin: Origin,
}

/// An edit that mends a finding, at the source of the place it points to.
#[derive(Clone, Debug, PartialEq)]
pub struct Fix {
    /// What to do.
    pub op: FixOp,
    /// A JSON pointer from the unit; empty: the field of the finding itself.
    pub path: String,
    /// The value to set.
    pub value: Value,
}

/// What a fix does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FixOp {
    /// Adds a field that is not there.
    Add,
    /// Sets another value.
    Replace,
    /// Takes the field away.
    Remove,
}
