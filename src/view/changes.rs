//! What a change does to the cluster, as it is shown: overlays, their objects, their fields, each with the line that did it.

use std::collections::BTreeSet;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// From the top of the repository.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}", self.file, self.line)
    }
}

/// What becomes of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// It goes.
    Removed,
    /// It comes.
    Added,
    /// It becomes another.
    Changed,
    /// The elements of a list change places.
    Reordered,
    /// It does not build.
    Unbuilt,
}

impl What {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Reordered => "reordered",
            Self::Unbuilt => "unbuilt",
        }
    }

    /// In one character, as diffs have it.
    pub fn sign(self) -> char {
        match self {
            Self::Removed => '-',
            Self::Added => '+',
            Self::Changed | Self::Reordered => '~',
            Self::Unbuilt => '!',
        }
    }
}

/// A value as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its text, or its YAML.
    pub text: String,
    /// Whether it is a scalar.
    pub is_scalar: bool,
    /// Whether something of it is masked.
    pub is_masked: bool,
}

/// A field that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The way to it, as people write it.
    pub path: String,
    /// JSON pointer to it, on the side that has it.
    pub pointer: String,
    /// What becomes of it.
    pub what: What,
    /// Before.
    pub old: Option<Value>,
    /// After.
    pub new: Option<Value>,
    /// The line that did it.
    pub cause: Option<Place>,
    /// How that line reaches the object: the step of the build.
    pub step: Option<&'static str>,
    /// Whether that line stands in the state before: it is the one that went.
    pub is_before: bool,
    /// Whether it only follows the name of a generated object.
    pub follows: bool,
}

/// An object that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// What becomes of it.
    pub what: What,
    /// `apps/v1`.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Empty where it says none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its name before, where that is another.
    pub was: Option<String>,
    /// The line that makes it, or made it.
    pub place: Option<Place>,
    /// Its fields that are not the same.
    pub fields: Vec<Field>,
    /// What may go wrong, in sentences.
    pub dangers: Vec<String>,
    /// All of it, where it comes or goes.
    pub text: Option<String>,
}

/// What one Application, or one overlay, deploys, where that is not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    /// What becomes of it.
    pub what: What,
    /// Its folder.
    pub path: String,
    /// The Applications that deploy it.
    pub applications: Vec<String>,
    /// The service that it is of.
    pub service: Option<String>,
    /// Its environment.
    pub environment: Option<String>,
    /// What is not the same.
    pub objects: Vec<Object>,
    /// What else there is to say of it, in sentences.
    pub notes: Vec<String>,
}

impl Overlay {
    /// What it is called after.
    pub fn title(&self) -> &str {
        self.service.as_deref().unwrap_or(&self.path)
    }
}

/// Something that `lint` finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Of the policy.
    pub id: String,
    /// `error`, `warning` or `info`.
    pub severity: &'static str,
    /// In a sentence.
    pub message: String,
    /// The line to edit.
    pub place: Option<Place>,
    /// Where it is found.
    pub environments: Vec<String>,
}

/// What a change does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// What is compared, in words: a commit, an environment, a release.
    pub base: String,
    /// With what.
    pub head: String,
    /// What is not the same, by environment.
    pub overlays: Vec<Overlay>,
    /// Findings that come with the change.
    pub new: Vec<Finding>,
    /// Findings that go with it.
    pub fixed: Vec<Finding>,
    /// How many overlays were compared.
    pub compared: usize,
    /// What else there is to say.
    pub notes: Vec<String>,
}

impl Changes {
    /// Whether nothing is another.
    pub fn is_empty(&self) -> bool {
        self.overlays.is_empty()
    }

    /// How many objects come, change and go.
    pub fn counts(&self) -> [(What, usize); 3] {
        let objects = || self.overlays.iter().flat_map(|overlay| &overlay.objects);
        [What::Added, What::Changed, What::Removed]
            .map(|what| (what, objects().filter(|object| object.what == what).count()))
    }

    /// `2 added, 1 changed`, or that nothing is.
    pub fn total(&self) -> String {
        let parts = self.counts().into_iter().filter(|(_, count)| *count > 0);
        let parts: Vec<String> = parts.map(|(what, count)| format!("{count} {}", what.name())).collect();
        if parts.is_empty() { "no objects change".to_owned() } else { format!("objects: {}", parts.join(", ")) }
    }

    /// Overlays to which the same happens are told together: those of one service in several environments.
    pub fn groups(&self) -> Vec<Vec<&Overlay>> {
        let mut groups: Vec<Vec<&Overlay>> = Vec::new();
        for overlay in &self.overlays {
            let known = groups.iter_mut().find(|group| group.first().is_some_and(|first| is_alike(first, overlay)));
            match known {
                Some(group) => group.push(overlay),
                None => groups.push(vec![overlay]),
            }
        }
        groups
    }
}

/// Whether the same happens in two overlays of a service: namespaces aside, and where each line stands.
fn is_alike(one: &Overlay, other: &Overlay) -> bool {
    let same = |(one, other): (&Object, &Object)| {
        let (namespaces, places) = (String::new(), None::<Place>);
        let plain = |object: &Object| Object {
            namespace: namespaces.clone(),
            place: places.clone(),
            text: None,
            ..object.clone()
        };
        // Whole texts name the namespace.
        let texts = |object: &Object| {
            let namespace = format!("  namespace: {}", object.namespace);
            object.text.as_ref().map(|text| text.replace(&namespace, ""))
        };
        plain(one) == plain(other) && texts(one) == texts(other)
    };
    one.service.is_some()
        && one.service == other.service
        && one.what == other.what
        && one.notes == other.notes
        && one.objects.len() == other.objects.len()
        && one.objects.iter().zip(&other.objects).all(same)
}

/// How many objects of a group come, go or become others.
pub(super) fn count(group: &[&Overlay], what: What) -> usize {
    group.iter().flat_map(|overlay| &overlay.objects).filter(|object| object.what == what).count()
}

/// Where a group is: its environments, else its folders.
pub(super) fn places(group: &[&Overlay]) -> String {
    let mut seen = BTreeSet::new();
    let names = group.iter().map(|overlay| overlay.environment.as_deref().unwrap_or(&overlay.path));
    names.filter(|name| seen.insert(*name)).collect::<Vec<_>>().join(", ")
}
