//! What a comparison comes to, as plain data for whoever shows it: origins become lines of files.

use std::collections::BTreeSet;

use crate::compare::{self, Difference};
use crate::diag::Finding;
use crate::kustomize::Setter;
use crate::pipeline::diff::{Diff, Unit, What};
use crate::pipeline::gather::Gathered;
use crate::source::Origin;
use crate::view::{Changes, changes as view};

impl Diff {
    /// What is shown of it; of a line that changed it is said that it did.
    pub fn shown(&self, changed: Option<&BTreeSet<String>>) -> Changes {
        Changes {
            overlays: self.units.iter().map(|unit| self.overlay(unit, changed)).collect(),
            new: self.new.iter().map(|one| finding(one, &self.after)).collect(),
            fixed: self.fixed.iter().map(|one| finding(one, &self.before)).collect(),
            compared: self.compared,
            ..Changes::default()
        }
    }

    fn overlay(&self, unit: &Unit, changed: Option<&BTreeSet<String>>) -> view::Overlay {
        let mut notes = Vec::new();
        if unit.was_unbuilt {
            notes.push("it did not build before".to_owned());
        }
        if unit.what == What::Removed && !unit.applications.is_empty() {
            notes.push("its Application is gone, or deploys something else: what it made is pruned".to_owned());
        }
        view::Overlay {
            what: match unit.what {
                What::Removed => view::What::Removed,
                What::Added => view::What::Added,
                What::Changed => view::What::Changed,
                What::Unbuilt => view::What::Unbuilt,
            },
            path: unit.path.clone(),
            applications: unit.applications.clone(),
            service: unit.service.clone(),
            environment: unit.environment.clone(),
            objects: unit.differences.iter().map(|difference| self.object(difference, changed)).collect(),
            notes,
        }
    }

    fn object(&self, difference: &Difference, changed: Option<&BTreeSet<String>>) -> view::Object {
        let thing = &difference.thing;
        let (what, side) = match difference.what {
            compare::What::Removed => (view::What::Removed, &self.before),
            compare::What::Added => (view::What::Added, &self.after),
            compare::What::Changed => (view::What::Changed, &self.after),
        };
        let group = if thing.group.is_empty() { String::new() } else { format!("{}/", thing.group) };
        view::Object {
            what,
            api_version: format!("{group}{}", thing.version),
            kind: thing.kind.clone(),
            namespace: thing.namespace.clone(),
            name: thing.name.clone(),
            was: difference.was.clone(),
            place: place(side, difference.origin).map(|(place, _)| place),
            fields: difference.fields.iter().map(|one| self.field(one, changed)).collect(),
            dangers: difference.dangers.iter().map(|danger| danger.message.clone()).collect(),
            text: difference.text.clone(),
        }
    }

    fn field(&self, field: &compare::Field, changed: Option<&BTreeSet<String>>) -> view::Field {
        let (old, new) = (place(&self.before, field.old_origin), place(&self.after, field.new_origin));
        let is_changed = |found: &Option<(view::Place, Option<&'static str>)>| {
            let file = found.as_ref().map(|(place, _)| place.file.as_str());
            file.is_some_and(|file| changed.is_none_or(|changed| changed.contains(file)))
        };
        // A value that shows again because what was set over it went has its cause in what went.
        let is_before = new.is_none() || !is_changed(&new) && is_changed(&old);
        let (cause, step) = if is_before { old } else { new }.unzip();
        let value = |value: &Option<compare::Value>| {
            value.as_ref().map(|value| view::Value {
                text: value.text.clone(),
                is_scalar: value.is_scalar,
                is_masked: value.is_masked,
            })
        };
        view::Field {
            path: field.path(),
            pointer: field.pointer(),
            what: match field.kind {
                compare::Kind::Added => view::What::Added,
                compare::Kind::Removed => view::What::Removed,
                compare::Kind::Changed => view::What::Changed,
                compare::Kind::Reordered => view::What::Reordered,
            },
            old: value(&field.old),
            new: value(&field.new),
            cause,
            step: step.flatten(),
            is_before,
            follows: field.follows,
        }
    }
}

/// The line to edit behind an origin, and how it reaches the object.
fn place(side: &Gathered, origin: Origin) -> Option<(view::Place, Option<&'static str>)> {
    let setter = side.setters(origin).into_iter().find(|setter| setter.place.is_some())?;
    let place = setter.place?;
    let place = view::Place { file: place.file, line: place.line, column: place.column };
    Some((place, setter.step.map(crate::kustomize::Step::name)))
}

fn finding(finding: &Finding, side: &Gathered) -> view::Finding {
    let place = finding.labels.first().map(|label| {
        let position = side.sources.position(label.span.file, label.span.start);
        let file = side.sources.file(label.span.file).path.to_string();
        view::Place { file, line: position.line, column: position.column }
    });
    view::Finding {
        id: finding.rule.id.clone(),
        severity: finding.severity.name(),
        message: finding.message.clone(),
        place,
        environments: finding.environments.clone(),
    }
}

impl Gathered {
    /// Those that set a value, the last one first.
    pub fn setters(&self, origin: Origin) -> Vec<Setter> {
        crate::kustomize::setters(origin, &self.origins, &self.sources)
    }

    /// Whether nothing was built or read.
    pub fn is_empty(&self) -> bool {
        self.overlays.is_empty()
    }
}
