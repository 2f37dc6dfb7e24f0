//! Where what stands at a place of a file ends up: the built values that it sets, or set before something else did.

use std::collections::HashMap;

use crate::kustomize::{Setter, setters};
use crate::pipeline::gather::Gathered;
use crate::pipeline::plan::Objects;
use crate::source::{FileId, Origin, SourceMap};
use crate::yaml::data::{Content, Datum};

/// A built value that a place has a part in.
#[derive(Clone, Debug)]
pub struct Use<'g> {
    /// What it was built in.
    pub side: &'g Gathered,
    /// The overlay.
    pub overlay: &'g str,
    /// Its environment.
    pub environment: Option<&'g str>,
    /// The object.
    pub object: &'g Datum,
    /// The field, as `spec.template.spec.containers.[name=app].image`.
    pub field: String,
    /// The value as it is built.
    pub value: &'g Datum,
    /// Those that set it, the last one first.
    pub setters: Vec<Setter>,
    /// Which of them the place is; as many as there are where it has the key alone.
    pub at: usize,
    /// The column of the place, in characters from 1.
    pub column: usize,
}

/// An object as it was built, with its name before prefixes and hashes.
#[derive(Clone, Copy, Debug)]
pub struct Thing<'g> {
    /// The manifest.
    pub root: &'g Datum,
    /// The name that it had first.
    pub first_name: &'g str,
}

/// No value is set more often.
const LONGEST_CHAIN: usize = 32;

struct Search<'g, 's> {
    gathered: &'g Gathered,
    path: &'s str,
    line: Option<usize>,
    files: HashMap<FileId, bool>,
}

impl Gathered {
    /// The overlays that are made of a file, or deployed by what stands in it, as indices.
    fn made_of(&self, path: &str) -> Vec<usize> {
        let is_it = |at: &usize| {
            self.parts.get(*at).is_some_and(|parts| parts.contains(path))
                || self.overlays[*at].applications.iter().any(|at| self.files_of(*at).any(|file| file == path))
        };
        (0..self.overlays.len()).filter(is_it).collect()
    }

    /// The values that a line of a file (from 1; none: any) has a part in, in the overlays that are wanted.
    pub fn uses<'g>(&'g self, path: &str, line: Option<usize>, wanted: &dyn Fn(&str) -> bool) -> Vec<Use<'g>> {
        let mut search = Search { gathered: self, path, line, files: HashMap::new() };
        let mut found = Vec::new();
        for at in self.made_of(path) {
            let overlay = &self.overlays[at];
            if !wanted(&overlay.path) {
                continue;
            }
            for thing in self.things_of(at) {
                search.walk(thing.root, None, &mut Vec::new(), &mut |field, value, setters, at, column| {
                    found.push(Use {
                        side: self,
                        overlay: &overlay.path,
                        environment: overlay.environment.as_deref(),
                        object: thing.root,
                        field,
                        value,
                        setters,
                        at,
                        column,
                    });
                });
            }
        }
        found
    }

    /// The overlays that are made of a file: path and environment.
    pub fn users(&self, path: &str) -> Vec<(&str, Option<&str>)> {
        let of = |at: usize| (&*self.overlays[at].path, self.overlays[at].environment.as_deref());
        self.made_of(path).into_iter().map(of).collect()
    }

    /// The objects of the overlays that are made of a file, and then those of all others.
    pub fn things<'g>(&'g self, path: &str) -> impl Iterator<Item = Thing<'g>> {
        let near = self.made_of(path);
        let far: Vec<usize> = (0..self.overlays.len()).filter(|at| !near.contains(at)).collect();
        near.into_iter().chain(far).flat_map(|at| self.things_of(at))
    }

    fn things_of(&self, at: usize) -> Vec<Thing<'_>> {
        match self.made.get(at) {
            Some(Objects::Built(resources)) => resources
                .iter()
                .map(|resource| Thing { root: &resource.root, first_name: resource.first_name() })
                .collect(),
            Some(Objects::Read(objects)) => objects.iter().map(|root| Thing { root, first_name: "" }).collect(),
            None => Vec::new(),
        }
    }

    /// Those that set a value, the last one first, with their places.
    pub fn set_by(&self, origin: Origin) -> Vec<Setter> {
        setters(origin, &self.origins, &self.sources)
    }
}

type Visit<'v, 'g> = dyn FnMut(String, &'g Datum, Vec<Setter>, usize, usize) + 'v;

impl<'g> Search<'g, '_> {
    fn walk(&mut self, node: &'g Datum, key: Option<&'g Datum>, steps: &mut Vec<String>, visit: &mut Visit<'_, 'g>) {
        let by_value = if node.is_scalar() { self.has_part(node.origin) } else { None };
        let by_key = key.and_then(|key| self.has_part(key.origin));
        // A key and its value are one place, which begins where the key does.
        let start = by_key.as_ref().map(|(.., column)| *column);
        if let Some((setters, at, column)) = by_value {
            visit(steps.join("."), node, setters, at, start.map_or(column, |start| start.min(column)));
        } else if let Some((setters, at, column)) = by_key {
            if node.is_scalar() {
                let all = self.gathered.set_by(node.origin);
                let last = all.len();
                visit(steps.join("."), node, all, last, column);
            } else {
                visit(steps.join("."), node, setters, at, column);
            }
        }
        match &node.content {
            Content::Scalar(_) => {}
            Content::Mapping(pairs) => {
                for (key, value) in pairs {
                    steps.push(key.text().to_owned());
                    self.walk(value, Some(key), steps, visit);
                    steps.pop();
                }
            }
            Content::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    let name = item.text_of("name");
                    steps.push(if name.is_empty() { format!("[{at}]") } else { format!("[name={name}]") });
                    self.walk(item, None, steps, visit);
                    steps.pop();
                }
            }
        }
    }

    /// Whether the place is among those that set a value: all of them, which one it is, and its column.
    fn has_part(&mut self, origin: Origin) -> Option<(Vec<Setter>, usize, usize)> {
        if !self.is_near(origin) {
            return None;
        }
        let setters = self.gathered.set_by(origin);
        let is_it = |setter: &Setter| {
            setter
                .place
                .as_ref()
                .is_some_and(|place| place.file == self.path && self.line.is_none_or(|line| place.line == line))
        };
        let at = setters.iter().position(is_it)?;
        let column = setters[at].place.as_ref().map_or(1, |place| place.column);
        Some((setters, at, column))
    }

    /// Whether the file had a part in a value at all, at little cost: most values come from elsewhere.
    fn is_near(&mut self, mut origin: Origin) -> bool {
        let (origins, sources) = (&self.gathered.origins, &self.gathered.sources);
        for _ in 0..LONGEST_CHAIN {
            let Some(change) = origins.change(origin) else { return self.is_in_file(origin, sources) };
            let mut from = change.place;
            while let Some(change) = origins.change(from) {
                from = change.place;
            }
            if self.is_in_file(from, sources) {
                return true;
            }
            origin = change.replaced;
        }
        false
    }

    fn is_in_file(&mut self, origin: Origin, sources: &SourceMap) -> bool {
        let Some((file, _)) = origin.place().filter(|(file, _)| *file != FileId::NONE) else { return false };
        let path = self.path;
        *self.files.entry(file).or_insert_with(|| &*sources.file(file).path == path)
    }
}
