//! `replacements`: a value from one field into others.

use crate::diag::Diagnostic;
use crate::kustomize::compat;
use crate::kustomize::decode::{REPLACEMENTS, Reader, Text};
use crate::kustomize::diags::{Failure, at, codes, failure};
use crate::kustomize::file::ReplacementEntry;
use crate::kustomize::layer::Run;
use crate::kustomize::origin::Step;
use crate::kustomize::parts::{FieldOptions, Replacement, Selector, Source, Target, no_selector, selector};
use crate::kustomize::paths::{self, Created};
use crate::kustomize::resource::{CLUSTER, Id, Resource};
use crate::kustomize::roots::Root;
use crate::kustomize::select::Matcher;
use crate::kustomize::set::Set;
use crate::source::{Change, Origin};
use crate::yaml::data::{Content, Datum};

/// The fields of an entry of `replacements`.
pub(super) const FIELDS: &[&str] = &["source", "targets", "sourceValue", "path"];

/// Decodes an entry that is written out.
pub(super) fn decode(reader: Reader, node: &Datum) -> Result<Replacement, Failure> {
    let mut replacement = Replacement { origin: node.origin, source: None, source_value: None, targets: None };
    for (field, value) in reader.object(node, "`replacements`", FIELDS)? {
        match field {
            "source" => replacement.source = Some(source(reader, value)?),
            "sourceValue" => replacement.source_value = reader.text(value, field)?,
            "targets" => replacement.targets = Some(reader.list(value, field, |item| target(reader, item))?),
            _ => {}
        }
    }
    Ok(replacement)
}

const SOURCE: &[&str] = &["group", "version", "kind", "name", "namespace", "fieldPath", "options"];

fn source(reader: Reader, node: &Datum) -> Result<Source, Failure> {
    let mut select = no_selector(node.origin);
    let (mut field_path, mut options) = (None, FieldOptions::default());
    for (field, value) in reader.object(node, "`source`", SOURCE)? {
        if field == "options" {
            options = field_options(reader, value)?;
            continue;
        }
        let Some(text) = reader.text(value, field)? else { continue };
        match field {
            "group" => select.gvk.group = text.text,
            "version" => select.gvk.version = text.text,
            "kind" => select.gvk.kind = text.text,
            "name" => select.name = text.text,
            "namespace" => select.namespace = text.text,
            _ => field_path = Some(text).filter(|text| !text.is_empty()),
        }
    }
    Ok(Source { select, field_path, options })
}

fn target(reader: Reader, node: &Datum) -> Result<Target, Failure> {
    let mut target = Target {
        origin: node.origin,
        select: None,
        reject: Vec::new(),
        field_paths: Vec::new(),
        options: FieldOptions::default(),
    };
    for (field, value) in reader.object(node, "`targets`", &["select", "reject", "fieldPaths", "options"])? {
        match field {
            "select" => target.select = Some(selector(reader, value)?),
            "reject" => target.reject = reader.list(value, field, |item| selector(reader, item))?,
            "fieldPaths" => target.field_paths = reader.texts(value, field)?,
            _ => target.options = field_options(reader, value)?,
        }
    }
    Ok(target)
}

fn field_options(reader: Reader, node: &Datum) -> Result<FieldOptions, Failure> {
    let mut options = FieldOptions::default();
    for (field, value) in reader.object(node, "`options`", &["delimiter", "index", "encoding", "create"])? {
        match field {
            "delimiter" => options.delimiter = reader.text(value, field)?.map(|text| text.text).unwrap_or_default(),
            "index" => options.index = reader.int(value, field)?,
            "create" => options.create = reader.flag(value, field)?,
            _ => drop(reader.text(value, field)?),
        }
    }
    Ok(options)
}

/// Makes every replacement, in order; each sees what those before it did.
pub(super) fn run(run: &Run<'_>, root: &Root<'_>, entries: &[ReplacementEntry], set: &mut Set) -> Result<(), Failure> {
    let mut all = Vec::new();
    for entry in entries {
        match entry {
            ReplacementEntry::Inline(replacement) => all.push((**replacement).clone()),
            ReplacementEntry::File(path) => {
                let (document, _) = run.session.document(&root.file(run.session, path)?)?;
                let chained = |failure: Failure| Box::new(at(*failure, path.origin, "named here"));
                if document.is_sequence() {
                    all.extend(
                        REPLACEMENTS
                            .list(&document, "replacements", |item| decode(REPLACEMENTS, item))
                            .map_err(chained)?,
                    );
                } else {
                    all.push(decode(REPLACEMENTS, &document).map_err(chained)?);
                }
            }
        }
    }
    all.iter().try_for_each(|replacement| make(run, replacement, set))
}

fn wrong(origin: Origin, message: impl Into<String>) -> Failure {
    failure(&codes::REPLACEMENT, message, origin, "this replacement")
}

fn make(run: &Run<'_>, replacement: &Replacement, set: &mut Set) -> Result<(), Failure> {
    let Some(targets) = &replacement.targets else {
        return Err(wrong(replacement.origin, "a replacement has no `targets`"));
    };
    let value = match (&replacement.source, &replacement.source_value) {
        (None, None) => return Err(wrong(replacement.origin, "a replacement has no `source`")),
        (Some(_), Some(text)) => return Err(wrong(text.origin, "a replacement has both `source` and `sourceValue`")),
        (None, Some(text)) => {
            run.session.meets(compat::REPLACEMENT_VALUE, text.origin);
            Datum::open(&**text, text.origin)
        }
        (Some(source), None) => value_of(source, set)?,
    };
    targets.iter().try_for_each(|target| apply(run, target, &value, set))
}

/// The effective namespace of a selector or id part.
fn effective(namespace: &str) -> &str {
    if namespace.is_empty() { "default" } else { namespace }
}

fn value_of(source: &Source, set: &Set) -> Result<Datum, Failure> {
    let select = &source.select;
    let fits = |id: &Id| {
        id.gvk.is_selected(&select.gvk)
            && (select.name.is_empty() || select.name == id.name)
            && (select.namespace.is_empty() || id.namespace != CLUSTER && id.namespace == effective(&select.namespace))
    };
    let mut found = set.resources().iter().filter(|resource| resource.ids().iter().any(fits));
    let described = [&select.gvk.kind, &select.name].map(ToString::to_string).join(" ");
    let Some(resource) = found.next() else {
        return Err(wrong(select.origin, format!("the source of a replacement (`{described}`) is no resource")));
    };
    if let Some(second) = found.next() {
        let failure =
            wrong(select.origin, format!("the source of a replacement (`{described}`) could be several resources"));
        let diagnostic = at(*failure, resource.root.origin, "this one");
        return Err(Box::new(at(diagnostic, second.root.origin, "or this one")));
    }
    let path = source.field_path.as_ref().map_or("metadata.name", |path| &**path);
    let origin = source.field_path.as_ref().map_or(select.origin, |path| path.origin);
    let parts = paths::split(path);
    let value = paths::lookup(&resource.root, &parts).map_err(|why| wrong(origin, why))?;
    let Some(value) = value.filter(|value| !value.is_empty()) else {
        let failure = wrong(origin, format!("{} has no field `{path}`", resource.title()));
        return Err(Box::new(at(*failure, resource.root.origin, "the resource")));
    };
    let mut value = value.clone();
    if source.options.delimiter.is_empty() {
        return Ok(value);
    }
    let Content::Scalar(text) = &value.content else {
        return Err(wrong(origin, "`delimiter` splits texts, and the field is none"));
    };
    let index = usize::try_from(source.options.index).ok();
    let Some(part) = index.and_then(|index| text.split(&*source.options.delimiter).nth(index)) else {
        return Err(wrong(origin, format!("`{text}` has no part {}", source.options.index)));
    };
    value.content = Content::Scalar(part.into());
    Ok(value)
}

struct Chosen {
    select: Matcher,
    reject: Vec<(Selector, Matcher)>,
}

impl Chosen {
    /// Whether a resource is selected, and not rejected.
    fn fits(&self, resource: &Resource) -> bool {
        let rejected =
            |(_, matcher): &(Selector, Matcher)| matcher.asks_for_metadata() && matcher.fits_metadata(resource);
        if !self.select.fits_metadata(resource) || self.reject.iter().any(rejected) {
            return false;
        }
        // The present id counts with its namespace as it is written.
        let mut ids = resource.ids();
        ids[0].namespace = resource.namespace().into();
        let fits = |matcher: &Matcher, id: &Id| {
            matcher.fits_gvk(&id.gvk) && matcher.fits_name(&id.name) && matcher.fits_namespace(&id.namespace)
        };
        let rejected = |(selector, matcher): &(Selector, Matcher)| {
            let is_empty = selector.gvk == crate::kube::Gvk::default()
                && selector.name.is_empty()
                && selector.namespace.is_empty();
            !is_empty && ids.iter().any(|id| fits(matcher, id))
        };
        !self.reject.iter().any(rejected) && ids.iter().any(|id| fits(&self.select, id))
    }
}

/// Whether an id of a resource is, letter for letter, what a selector says.
fn says(select: &Selector, resource: &Resource) -> bool {
    let same = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
    resource.ids().iter().any(|id| {
        same(&select.name, &id.name)
            && same(&select.gvk.kind, &id.gvk.kind)
            && same(&select.gvk.group, &id.gvk.group)
            && same(&select.gvk.version, &id.gvk.version)
            && (same(&select.namespace, &id.namespace) || select.namespace == resource.namespace())
    })
}

/// Notes a pattern that selects or rejects a resource.
fn note_patterns(run: &Run<'_>, resource: &Resource, fits: bool, select: &Selector, chosen: &Chosen) {
    let mut patterns: Vec<&Selector> = Vec::new();
    if fits {
        patterns.push(select);
    } else if (Chosen { select: chosen.select.clone(), reject: Vec::new() }).fits(resource) {
        let rejects =
            |(_, matcher): &&(Selector, Matcher)| Chosen { select: matcher.clone(), reject: Vec::new() }.fits(resource);
        patterns.extend(chosen.reject.iter().filter(rejects).map(|(selector, _)| selector));
    }
    for selector in patterns.into_iter().filter(|selector| !says(selector, resource)) {
        run.session.meets(compat::REPLACEMENT_PATTERN, selector.origin);
    }
}

fn apply(run: &Run<'_>, target: &Target, value: &Datum, set: &mut Set) -> Result<(), Failure> {
    let Some(select) = &target.select else {
        return Err(wrong(target.origin, "a target of a replacement has no `select`"));
    };
    let reject = target.reject.iter().map(|reject| Ok((reject.clone(), Matcher::new(reject)?)));
    let chosen = Chosen { select: Matcher::new(select)?, reject: reject.collect::<Result<_, Failure>>()? };
    let default = [Text { text: "metadata.name".into(), origin: target.origin }];
    let field_paths = if target.field_paths.is_empty() { &default[..] } else { &target.field_paths };
    let mut found = false;
    for place in 0..set.resources().len() {
        let fits = chosen.fits(&set.resources()[place]);
        if run.session.options.compat {
            note_patterns(run, &set.resources()[place], fits, select, &chosen);
        }
        if !fits {
            continue;
        }
        found = true;
        let resource = std::sync::Arc::make_mut(&mut set.change()[place]);
        for path in field_paths {
            write(run, resource, path, value, &target.options).map_err(|why| {
                let message = format!("{}: `{}`: {why}", resource.title(), &**path);
                let diagnostic = failure(&codes::REPLACEMENT, message, path.origin, "this field");
                at(*diagnostic, resource.root.origin, "the resource")
            })?;
        }
    }
    run.session.tries(select.origin, found, || {
        let message = format!("a target of a replacement selects no resource: {}", select.described());
        let diagnostic = Diagnostic::info(&codes::REPLACEMENT_UNMATCHED, message);
        at(diagnostic, select.origin, "selects nothing")
    });
    Ok(())
}

fn write(
    run: &Run<'_>,
    resource: &mut Resource,
    path: &Text,
    value: &Datum,
    options: &FieldOptions,
) -> Result<(), String> {
    let parts = paths::split(path);
    let create = options.create.then_some(match value.content {
        Content::Scalar(_) => Created::Scalar,
        Content::Sequence(_) => Created::Sequence,
        Content::Mapping(_) => Created::Mapping,
    });
    let set = |node: &mut Datum| -> Result<(), String> {
        let change = Change { step: Step::Replacements, place: value.origin, replaced: node.origin };
        let origin = run.session.origins.note(change);
        put(node, value, options, origin)
    };
    let splits = run.session.options.release.splits_in_structured_text();
    let within = |node: &mut Datum| -> Result<(), String> {
        let plain = FieldOptions::default();
        put(node, value, if splits { options } else { &plain }, Origin::NONE)
    };
    if paths::in_structured_text(&mut resource.root, &parts, create, &within).is_ok() {
        run.session.meets(compat::REPLACEMENT_IN_TEXT, path.origin);
        if !options.delimiter.is_empty() {
            run.session.meets(compat::REPLACEMENT_PART_IN_TEXT, path.origin);
        }
        return Ok(());
    }
    let places = paths::find(&mut resource.root, &parts, create)?;
    if places.is_empty() {
        return Err("there is no such field".to_owned());
    }
    for place in &places {
        let Some(node) = paths::at_place(&mut resource.root, place) else { continue };
        set(node)?;
        if node.shared > 0 {
            let value = node.clone();
            resource.root.share(&value);
        }
    }
    Ok(())
}

/// Puts a value into a field: of a scalar only the text changes.
fn put(node: &mut Datum, value: &Datum, options: &FieldOptions, origin: Origin) -> Result<(), String> {
    let mut text = value.text().to_owned();
    if !options.delimiter.is_empty() {
        if !node.is_scalar() {
            return Err("`delimiter` splits texts, and the field is none".to_owned());
        }
        let mut parts: Vec<&str> = node.text().split(&*options.delimiter).collect();
        match usize::try_from(options.index) {
            Err(_) => parts.insert(0, &text),
            Ok(index) if index >= parts.len() => parts.push(&text),
            Ok(index) => parts[index] = &text,
        }
        text = parts.join(&options.delimiter);
    }
    if node.is_scalar() {
        node.content = Content::Scalar(text.into());
        node.origin = origin;
    } else {
        *node = Datum { origin, shared: node.shared, ..value.clone() };
    }
    Ok(())
}
