//! `vars`: `$(NAME)` in the fields that may hold one.

use std::collections::HashSet;

use compact_str::CompactString;

use crate::kustomize::diags::{Failure, at, codes, failure};
use crate::kustomize::fields::{Made, visit};
use crate::kustomize::layer::{Accumulated, Run};
use crate::kustomize::origin::Step;
use crate::kustomize::parts::Variable;
use crate::kustomize::paths;
use crate::kustomize::resource::{CLUSTER, Id};
use crate::source::{Change, Origin};
use crate::yaml::data::{Content, Datum, Quoting, Tag};
use crate::yaml::print::{Printed, float_g, typed};

/// Finds the resource of each var; it keeps it through all renaming above.
pub(super) fn bind(variables: &[Variable], all: &mut Accumulated) -> Result<(), Failure> {
    for variable in variables {
        let fits = |id: &Id| {
            id.gvk == variable.gvk
                && id.name == variable.object
                && (variable.namespace.is_empty() && id.namespace != CLUSTER
                    || variable.namespace.is_empty()
                    || id.namespace == variable.namespace)
        };
        let places: Vec<usize> =
            (0..all.set.resources().len()).filter(|place| all.set.resources()[*place].ids().iter().any(fits)).collect();
        match places[..] {
            [] => {}
            [place] => all.set.change_body(place).variables.push(variable.name.text.clone()),
            [first, second, ..] => {
                let message = format!("the var `{}` could take its value from several resources", &*variable.name);
                let diagnostic = failure(&codes::VARIABLE, message, variable.name.origin, "this var");
                let resources = all.set.resources();
                let diagnostic = at(*diagnostic, resources[first].root.origin, "this one");
                return Err(Box::new(at(diagnostic, resources[second].root.origin, "or this one")));
            }
        }
    }
    merge(&mut all.variables, variables.to_vec())
}

/// Vars of several kustomizations together; no name may be there twice.
pub(super) fn merge(own: &mut Vec<Variable>, more: Vec<Variable>) -> Result<(), Failure> {
    for variable in more {
        if let Some(known) = own.iter().find(|known| known.name.text == variable.name.text) {
            let message = format!("the var `{}` is there twice", &*variable.name);
            let diagnostic = failure(&codes::VARIABLE, message, variable.name.origin, "defined again");
            return Err(Box::new(at(*diagnostic, known.name.origin, "first defined here")));
        }
        own.push(variable);
    }
    Ok(())
}

/// What a var stands for.
struct Value {
    name: CompactString,
    content: CompactString,
    tag: Tag,
    origin: Origin,
}

/// Puts the values in.
pub(super) fn resolve(run: &Run<'_>, all: &mut Accumulated) -> Result<(), Failure> {
    if all.variables.is_empty() {
        return Ok(());
    }
    let mut values = Vec::new();
    for variable in &all.variables {
        values.extend(value(variable, all)?);
    }
    let config = all.config.clone();
    let mut used = HashSet::new();
    for place in 0..all.set.resources().len() {
        let resource = all.set.change_body(place);
        for spec in &config.var_references {
            visit(resource, spec, Made::Nothing, Origin::NONE, &mut |node| {
                let mut put = |node: &mut Datum| replace(run, node, &values, &mut used);
                if node.is_scalar() {
                    if node.is_string() {
                        put(node);
                    }
                    return Ok(());
                }
                match &mut node.content {
                    Content::Scalar(_) => {}
                    Content::Mapping(pairs) => {
                        for (key, value) in pairs {
                            if !key.is_string() {
                                let message = "a key is no string, so no var can stand in its mapping";
                                return Err(failure(&codes::VARIABLE, message, key.origin, "this key"));
                            }
                            if value.is_string() {
                                put(value);
                            }
                        }
                    }
                    Content::Sequence(items) => {
                        for item in items {
                            if !item.is_string() {
                                let message = "a list in which vars may stand has an element that is no string";
                                return Err(failure(&codes::VARIABLE, message, item.origin, "this element"));
                            }
                            put(item);
                        }
                    }
                }
                Ok(())
            })?;
        }
    }
    Ok(())
}

/// The value of a var; `None` for one that cannot be put into a text.
fn value(variable: &Variable, all: &Accumulated) -> Result<Option<Value>, Failure> {
    let name = &variable.name;
    let resource = all.set.resources().iter().find(|resource| resource.variables.contains(&name.text));
    let Some(resource) = resource else {
        let message = format!(
            "the var `{}` names {} `{}`, and there is no such resource",
            &**name, variable.gvk.kind, variable.object
        );
        return Err(failure(&codes::VARIABLE, message, name.origin, "this var"));
    };
    let missing = || {
        let message =
            format!("{} has no field `{}`, which the var `{}` needs", resource.title(), variable.field_path, &**name);
        let diagnostic = failure(&codes::VARIABLE, message, name.origin, "this var");
        Box::new(at(*diagnostic, resource.root.origin, "the resource"))
    };
    let path = bracketed(&variable.field_path);
    let node = paths::lookup(&resource.root, &path).map_err(|_| missing())?.ok_or_else(missing)?;
    if !node.is_scalar() {
        return Ok(None);
    }
    let (content, tag) = match (node.tag, typed(node)) {
        (Tag::Int, Ok(Printed::Int(value))) => (CompactString::from(value.to_string()), Tag::Int),
        (Tag::Float, Ok(Printed::Float(value))) => (CompactString::from(float_g(value)), Tag::Float),
        (Tag::Bool, Ok(Printed::Bool(value))) => (CompactString::from(value.to_string()), Tag::Bool),
        _ => (node.text().into(), Tag::Str),
    };
    Ok(Some(Value { name: name.text.clone(), content, tag, origin: node.origin }))
}

/// `a[0].b` → `a`, `0`, `b`.
fn bracketed(path: &str) -> Vec<String> {
    let mut parts = Vec::new();
    for part in paths::split(path) {
        match part.split_once('[').filter(|(name, _)| !name.is_empty() && part.ends_with(']')) {
            Some((name, index)) => {
                parts.push(name.to_owned());
                parts.extend(index.trim_end_matches(']').split("][").map(str::to_owned));
            }
            None => parts.push(part),
        }
    }
    parts
}

fn replace(run: &Run<'_>, node: &mut Datum, values: &[Value], used: &mut HashSet<CompactString>) {
    let text = node.text().to_owned();
    if !text.contains('$') {
        // Even an unchanged text is written back without its quotes.
        node.tag = Tag::Str;
        node.quoting = Quoting::Plain;
        return;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = &*text;
    let mut from = None;
    let (mut tag, mut whole) = (Tag::Str, None);
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        if after.is_empty() {
            out.push('$');
            rest = "";
        } else if let Some(next) = after.strip_prefix('$') {
            out.push('$');
            rest = next;
        } else if let Some((name, next)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match values.iter().find(|value| value.name == name) {
                Some(value) => {
                    used.insert(value.name.clone());
                    from = Some(value.origin);
                    if text.len() == name.len() + 3 {
                        tag = value.tag;
                        whole = Some(value.content.clone());
                    }
                    out.push_str(&value.content);
                }
                None => {
                    out.push_str("$(");
                    out.push_str(name);
                    out.push(')');
                }
            }
            rest = next;
        } else {
            out.push('$');
            let length = after.chars().next().map_or(0, char::len_utf8);
            out.push_str(&after[..length]);
            rest = &after[length..];
        }
    }
    out.push_str(rest);
    let origin = match from {
        Some(place) => run.session.origins.note(Change { step: Step::Variables, place, replaced: node.origin }),
        None => node.origin,
    };
    let content = Content::Scalar(whole.unwrap_or_else(|| out.into()));
    *node = Datum { content, origin, tag, quoting: Quoting::Plain, shared: node.shared };
}
