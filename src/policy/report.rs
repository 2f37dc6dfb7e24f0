//! What checks say, and the units they judge: nodes of objects, never lines. `place.rs` turns nodes into lines.

use crate::policy::definition::Params;
use crate::policy::subject::{Object, Overlay, Pod, Subject};
use crate::source::Origin;
use crate::yaml::data::{Content, Datum};

/// One thing to judge.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unit<'a> {
    /// All that is judged, for what a unit refers to.
    pub(super) subject: &'a Subject<'a>,
    /// The object, or the kustomization, that it is part of.
    pub(super) object: &'a Object<'a>,
    /// The unit: the object's root, a pod's spec, a container, a port, an entry.
    pub(super) node: &'a Datum,
    /// The container, where the unit is one or a part of one.
    pub(super) container: Option<&'a Datum>,
    /// The parameters of the policy.
    pub(super) params: &'a Params,
}

impl<'a> Unit<'a> {
    /// The overlay of the object.
    pub(super) fn overlay(&self) -> &'a Overlay {
        &self.subject.overlays[self.object.overlay]
    }

    /// The pod template of the object.
    pub(super) fn pod(&self) -> Option<Pod<'a>> {
        self.object.pod
    }

    /// The name of the container; empty where the unit is not about one.
    pub(super) fn container_name(&self) -> &'a str {
        self.container.map_or("", |container| container.text_of("name"))
    }
}

/// Everything at once, for checks of what only shows between objects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Whole<'a> {
    /// All that is judged.
    pub(super) subject: &'a Subject<'a>,
    /// The parameters of the policy.
    pub(super) params: &'a Params,
}

/// Something that a check found.
#[derive(Clone, Debug)]
pub(super) struct Found<'a> {
    /// The object; `None` where it is about a file or the repository.
    pub(super) object: Option<&'a Object<'a>>,
    /// Steps from the object's root: keys, and indices of lists.
    pub(super) steps: Vec<String>,
    /// Who set the node that it is about, or the nearest parent of what is not there.
    pub(super) origin: Origin,
    /// How many of the steps lead to something that is there.
    pub(super) there: usize,
    /// The container, where it is about one.
    pub(super) container: Option<String>,
    /// What to say; the policy's message where the check says nothing.
    pub(super) message: Option<String>,
    /// What to do.
    pub(super) help: Option<String>,
    /// Further places.
    pub(super) related: Vec<(Origin, String)>,
    /// Overlays, where no object says them.
    pub(super) overlays: Vec<usize>,
    /// The text of the node, for messages.
    pub(super) value: String,
}

impl Found<'_> {
    /// What to say: lower case, no full stop.
    pub(super) fn say(&mut self, message: impl Into<String>) -> &mut Self {
        self.message = Some(message.into());
        self
    }

    /// What to do, in the imperative.
    pub(super) fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    /// The line to edit is another than the one that set the node last.
    pub(super) fn edit(&mut self, node: &Datum) -> &mut Self {
        self.origin = node.origin;
        self
    }

    /// A further place.
    pub(super) fn related(&mut self, node: &Datum, text: impl Into<String>) -> &mut Self {
        self.related.push((node.origin, text.into()));
        self
    }

    /// The container that it is about.
    pub(super) fn of_container(&mut self, container: &Datum) -> &mut Self {
        self.container = Some(container.text_of("name").to_owned());
        self
    }
}

/// Takes in what checks find.
#[derive(Debug, Default)]
pub(super) struct Report<'a> {
    found: Vec<Found<'a>>,
    container: Option<&'a Datum>,
}

impl<'a> Report<'a> {
    /// A report whose findings are about a container, where there is one.
    pub(super) fn about(container: Option<&'a Datum>) -> Self {
        Self { found: Vec::new(), container }
    }

    pub(super) fn into_found(self) -> Vec<Found<'a>> {
        self.found
    }

    /// Something is wrong with a node of an object.
    pub(super) fn at(&mut self, object: &'a Object<'a>, node: &'a Datum) -> &mut Found<'a> {
        self.push(object, node, &[])
    }

    /// Something is not there: a path of fields below a node, such as `resources/limits`.
    pub(super) fn missing(&mut self, object: &'a Object<'a>, parent: &'a Datum, path: &str) -> &mut Found<'a> {
        let steps: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        self.lacks(object, parent, &steps)
    }

    /// [`Report::missing`] for fields whose names may hold a slash.
    pub(super) fn lacks(&mut self, object: &'a Object<'a>, parent: &'a Datum, steps: &[&str]) -> &mut Found<'a> {
        let mut node = parent;
        let mut rest: Vec<&str> = steps.to_vec();
        while let Some(next) = rest.first().and_then(|part| step(node, part)) {
            node = next;
            rest.remove(0);
        }
        self.push(object, node, &rest)
    }

    /// Something is wrong with a place that belongs to no object.
    pub(super) fn elsewhere(&mut self, origin: Origin, overlays: &[usize]) -> &mut Found<'a> {
        let found = Found {
            object: None,
            steps: Vec::new(),
            origin,
            there: 0,
            container: None,
            message: None,
            help: None,
            related: Vec::new(),
            overlays: overlays.to_vec(),
            value: String::new(),
        };
        self.add(found)
    }

    fn push(&mut self, object: &'a Object<'a>, node: &'a Datum, rest: &[&str]) -> &mut Found<'a> {
        let (mut steps, origin) = path_to(object.root, node).unwrap_or_else(|| (Vec::new(), object.root.origin));
        let there = steps.len();
        steps.extend(rest.iter().map(|part| (*part).to_owned()));
        let container = self.container.map(|container| container.text_of("name").to_owned());
        let found = Found {
            object: Some(object),
            steps,
            origin,
            there,
            container,
            message: None,
            help: None,
            related: Vec::new(),
            overlays: Vec::new(),
            value: node.text().to_owned(),
        };
        self.add(found)
    }

    fn add(&mut self, found: Found<'a>) -> &mut Found<'a> {
        let at = self.found.len();
        self.found.push(found);
        &mut self.found[at]
    }
}

/// The child of a node: by key, or by index in a list.
pub(super) fn step<'a>(node: &'a Datum, part: &str) -> Option<&'a Datum> {
    match &node.content {
        Content::Mapping(_) => node.get(part),
        Content::Sequence(items) => items.get(part.parse::<usize>().ok()?),
        Content::Scalar(_) => None,
    }
}

/// The steps from a root to a node of its tree, found by identity, and who set it: of a mapping or list its key says
/// where it is, since its value begins on a later line.
fn path_to(root: &Datum, node: &Datum) -> Option<(Vec<String>, Origin)> {
    fn search(from: &Datum, node: &Datum, steps: &mut Vec<String>) -> Option<Origin> {
        if std::ptr::eq(from, node) {
            return Some(from.origin);
        }
        match &from.content {
            Content::Scalar(_) => None,
            Content::Sequence(items) => items.iter().enumerate().find_map(|(at, item)| {
                steps.push(at.to_string());
                let found = search(item, node, steps);
                if found.is_none() {
                    steps.pop();
                }
                found
            }),
            Content::Mapping(pairs) => pairs.iter().find_map(|(key, value)| {
                steps.push(key.text().to_owned());
                let found = search(value, node, steps);
                match found {
                    None => drop(steps.pop()),
                    Some(_) if std::ptr::eq(value, node) && !value.is_scalar() => return Some(place_of(key, value)),
                    Some(_) => {}
                }
                found
            }),
        }
    }
    let mut steps = Vec::new();
    let origin = search(root, node, &mut steps)?;
    Some((steps, origin))
}

/// Where a mapping or list is to be shown: at its key, unless a step put the value there.
fn place_of(key: &Datum, value: &Datum) -> Origin {
    if key.origin.place().is_some() && value.origin.place().is_some() { key.origin } else { value.origin }
}
