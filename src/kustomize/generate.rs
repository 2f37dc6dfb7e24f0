//! `configMapGenerator` and `secretGenerator`.

use std::sync::Arc;

use base64::Engine as _;
use compact_str::CompactString;

use crate::kustomize::compat;
use crate::kustomize::decode::Text;
use crate::kustomize::diags::{Failure, codes, failure};
use crate::kustomize::file::Kustomization;
use crate::kustomize::layer::Run;
use crate::kustomize::metadata;
use crate::kustomize::order::described;
use crate::kustomize::origin::Step;
use crate::kustomize::parts::{GeneratorArgs, GeneratorOptions};
use crate::kustomize::resource::{Behavior, Resource};
use crate::kustomize::roots::Root;
use crate::kustomize::set::Set;
use crate::source::{Change, Origin};
use crate::yaml::data::{Content, Datum, Quoting, Tag};

/// Generates what a kustomization asks for, ConfigMaps first.
pub(super) fn run(run: &Run<'_>, root: &Root<'_>, file: &Kustomization, set: &mut Set) -> Result<(), Failure> {
    for args in file.config_maps.iter().chain(&file.secrets) {
        let args = GeneratorArgs { options: united(&args.options, &file.generator_options), ..args.clone() };
        let mut resource = generated(run, root, &args)?;
        let kind = if args.is_secret { "SecretGenerator" } else { "ConfigMapGenerator" };
        if let Some(by) = run.configured(root, file, kind) {
            metadata::generated(&mut resource, &by);
        }
        absorb(run, resource, args.origin, set)?;
    }
    Ok(())
}

/// Options of the whole kustomization under those of one generator.
fn united(own: &GeneratorOptions, global: &GeneratorOptions) -> GeneratorOptions {
    let both = |own: &[(Text, Text)], global: &[(Text, Text)]| {
        let mut all = own.to_vec();
        all.extend(global.iter().filter(|(key, _)| !own.iter().any(|(known, _)| known.text == key.text)).cloned());
        all
    };
    GeneratorOptions {
        labels: both(&own.labels, &global.labels),
        annotations: both(&own.annotations, &global.annotations),
        disable_hash: own.disable_hash || global.disable_hash,
        immutable: own.immutable || global.immutable,
    }
}

/// One key and its value.
struct Pair {
    key: CompactString,
    value: Vec<u8>,
    origin: Origin,
}

/// A generated ConfigMap or Secret.
pub(super) fn generated(run: &Run<'_>, root: &Root<'_>, args: &GeneratorArgs) -> Result<Resource, Failure> {
    let kind = if args.is_secret { "Secret" } else { "ConfigMap" };
    let note =
        |place: Origin| run.session.origins.note(Change { step: Step::Generator, place, replaced: Origin::NONE });
    let Some(name) = &args.name else {
        return Err(failure(&codes::GENERATOR, format!("a generated {kind} has no name"), args.origin, "this entry"));
    };
    let origin = note(args.origin);
    let mut object = Datum::mapping(origin);
    let field = |object: &mut Datum, key: &str, value: Datum| object.push(Datum::open(key, origin), value);
    field(&mut object, "apiVersion", Datum::string("v1", origin));
    field(&mut object, "kind", Datum::string(kind, origin));
    let mut meta = Datum::mapping(origin);
    meta.push(Datum::open("name", origin), Datum::string(&**name, note(name.origin)));
    if let Some(namespace) = &args.namespace {
        meta.push(Datum::open("namespace", origin), Datum::string(&**namespace, note(namespace.origin)));
    }
    for (name, entries) in [("labels", &args.options.labels), ("annotations", &args.options.annotations)] {
        if entries.is_empty() {
            continue;
        }
        let mut map = Datum::mapping(origin);
        for (key, value) in entries {
            map.push(Datum::open(&**key, note(key.origin)), Datum::string(&**value, note(value.origin)));
        }
        meta.push(Datum::open(name, origin), map);
    }
    field(&mut object, "metadata", meta);
    if args.is_secret {
        let (kind, place) = args.secret_type.as_ref().map_or(("Opaque", args.origin), |kind| (&**kind, kind.origin));
        field(&mut object, "type", Datum::string(kind, note(place)));
        field(&mut object, "data", Datum::mapping(origin));
    }
    let mut pairs = pairs(run, root, args)?;
    pairs.sort_by(|a, b| a.key.cmp(&b.key));
    for pair in pairs {
        let (field, text) = match String::from_utf8(pair.value) {
            Ok(text) if !args.is_secret => ("data", text),
            Ok(text) => ("data", encoded(text.as_bytes())),
            Err(error) => (if args.is_secret { "data" } else { "binaryData" }, encoded(error.as_bytes())),
        };
        if text.contains('\n') && text.starts_with('\t') {
            let message = format!("the value of `{}` starts with a tab and has several lines", pair.key);
            return Err(failure(&codes::GENERATOR, message, pair.origin, "Kustomize cannot read it back"));
        }
        let origin = note(pair.origin);
        if let Some(map) = object.child_mapping(field, origin) {
            map.push(Datum::open(&pair.key, origin), value(text, origin));
        }
    }
    if args.options.immutable {
        let immutable = Datum { tag: Tag::Bool, ..Datum::open("true", origin) };
        object.push(Datum::open("immutable", origin), immutable);
    }
    let mut resource = Resource::new(object, run.session.options.release);
    resource.notes.needs_hash = !args.options.disable_hash;
    resource.notes.generated = true;
    resource.behavior = match &*args.behavior {
        "merge" => Behavior::Merge,
        "replace" => Behavior::Replace,
        _ => Behavior::Create,
    };
    Ok(resource)
}

/// A value as Kustomize stores it: a literal block where it has lines.
fn value(text: String, origin: Origin) -> Datum {
    let quoting = if text.contains('\n') { Quoting::Literal } else { Quoting::Plain };
    Datum { content: Content::Scalar(CompactString::from(text)), origin, tag: Tag::Str, quoting, shared: 0 }
}

/// Base64 in lines of 70 letters, where it is longer than one.
fn encoded(bytes: &[u8]) -> String {
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    if text.len() < 70 {
        return text;
    }
    let mut lines = String::with_capacity(text.len() + text.len() / 70 + 1);
    for line in text.as_bytes().chunks(70) {
        lines.extend(line.iter().map(|byte| char::from(*byte)));
        lines.push('\n');
    }
    lines
}

fn pairs(run: &Run<'_>, root: &Root<'_>, args: &GeneratorArgs) -> Result<Vec<Pair>, Failure> {
    let mut pairs: Vec<Pair> = Vec::new();
    let wrong = |text: &Text, what: &str| {
        failure(&codes::GENERATOR, format!("`{}` {what}", &**text), text.origin, "this source")
    };
    let mut add = |pair: Pair, text: &Text| {
        if let Some(known) = pairs.iter().find(|known| known.key == pair.key) {
            let failure = wrong(text, &format!("gives the key `{}` again", pair.key));
            return Err(Box::new(crate::kustomize::diags::at(*failure, known.origin, "given first here")));
        }
        pairs.push(pair);
        Ok(())
    };
    for source in &args.envs {
        let (bytes, file) = run.session.bytes(&root.file(run.session, source)?)?;
        for pair in env_lines(&bytes, source, file)? {
            add(pair, source)?;
        }
    }
    for source in &args.literals {
        let (key, value) = source
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| wrong(source, "is not KEY=VALUE"))?;
        let quotes = value.len() >= 2
            && (value.starts_with('"') && value.ends_with('"') || value.starts_with('\'') && value.ends_with('\''));
        let value = if quotes { &value[1..value.len() - 1] } else { value };
        add(Pair { key: key.into(), value: value.into(), origin: source.origin }, source)?;
    }
    for source in &args.files {
        let (key, path) = match source.split_once('=') {
            None => (source.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default(), &**source),
            Some((_, path)) if path.contains('=') => return Err(wrong(source, "has more than one `=`")),
            Some(("", _)) => return Err(wrong(source, "has no key before the `=`")),
            Some((_, "")) => return Err(wrong(source, "has no path behind the `=`")),
            Some((key, path)) => (key, path),
        };
        let path = Text { text: path.into(), origin: source.origin };
        let (bytes, file) = run.session.bytes(&root.file(run.session, &path)?)?;
        let origin = file.map_or(source.origin, |file| Origin::at(file, 0));
        add(Pair { key: key.into(), value: bytes, origin }, source)?;
    }
    Ok(pairs)
}

/// A line longer than Go's scanner takes ends the file without a word.
const LONGEST_LINE: usize = 64 * 1024;

fn env_lines(bytes: &[u8], source: &Text, file: Option<crate::source::FileId>) -> Result<Vec<Pair>, Failure> {
    let mut pairs = Vec::new();
    let mut offset = 0;
    for (number, line) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        if line.len() > LONGEST_LINE {
            break;
        }
        let start = offset;
        offset += line.len();
        let Ok(text) = std::str::from_utf8(line) else {
            let message = format!("line {} of `{}` is not UTF-8 text", number + 1, &**source);
            return Err(failure(&codes::GENERATOR, message, source.origin, "this source"));
        };
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let text = if number == 0 { text.trim_start_matches('\u{feff}') } else { text };
        let text = text.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        if key.is_empty() {
            continue;
        }
        let at = u32::try_from(start).unwrap_or(u32::MAX);
        let origin = file.map_or(source.origin, |file| Origin::at(file, at));
        pairs.push(Pair { key: key.into(), value: value.into(), origin });
    }
    Ok(pairs)
}

/// Adds a generated resource: a new one, or into the one that it merges with or replaces.
pub(super) fn absorb(run: &Run<'_>, mut new: Resource, origin: Origin, set: &mut Set) -> Result<(), Failure> {
    let id = new.id();
    let found = set.ever(&id);
    match (&found[..], new.behavior) {
        ([], Behavior::Create) => return set.append(Arc::new(new)),
        ([], _) => {
            let message = format!("{} is to be merged or replaced, and is not there", described(&id));
            return Err(failure(&codes::GENERATOR, message, origin, "this generator"));
        }
        ([_], Behavior::Create) => {
            let message = format!("{} is there already", described(&id));
            let failure = failure(&codes::GENERATOR, message, origin, "generated again");
            return Err(Box::new(failure.help("set `behavior: merge` or `behavior: replace`")));
        }
        ([_], _) => {}
        _ => {
            let message = format!("several resources are or were called {}", described(&id));
            return Err(failure(&codes::GENERATOR, message, origin, "this generator"));
        }
    }
    let at = found[0];
    let old = set.resources()[at].clone();
    for field in ["labels", "annotations"] {
        let mut entries = new.meta_entries(field);
        let own: Vec<CompactString> = entries.iter().map(|(key, ..)| key.clone()).collect();
        entries.extend(old.meta_entries(field).into_iter().filter(|(key, ..)| !own.contains(key)));
        new.set_meta_map(field, entries);
    }
    let needs_hash = old.notes.needs_hash && new.notes.needs_hash;
    new.notes = old.notes.clone();
    new.notes.needs_hash = needs_hash;
    new.variables = old.variables.clone();
    let keep = |key: &str| old.root.get("metadata").and_then(|meta| meta.get(key)).cloned();
    let (name, namespace) = (keep("name"), keep("namespace"));
    if let Some(meta) = new.root.child_mapping("metadata", origin) {
        meta.remove("namespace");
        if let Some(name) = name {
            meta.remove("name");
            meta.push(Datum::open("name", name.origin), name);
        }
        if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty() && !namespace.text().is_empty()) {
            meta.push(Datum::open("namespace", namespace.origin), namespace);
        }
    }
    if new.behavior == Behavior::Merge {
        let converted = run.session.options.release.merges_string_data() && new.kind() == "Secret";
        if new.kind() == "Secret" && old.root.get("stringData").is_some() {
            run.session.meets(compat::STRING_DATA, origin);
        }
        let mut base = old.root.clone();
        if converted {
            string_data_to_data(&mut base);
        }
        for field in ["data", "binaryData"] {
            merge_data(&mut new.root, &base, field, origin);
        }
        metadata::keep(&old, &mut new);
    }
    new.behavior = old.behavior;
    set.change()[at] = Arc::new(new);
    Ok(())
}

/// `stringData` becomes `data`, over what is there.
fn string_data_to_data(root: &mut Datum) {
    let Some(strings) = root.remove("stringData") else { return };
    let origin = strings.origin;
    if let Some(data) = root.child_mapping("data", origin) {
        for (key, text) in strings.pairs() {
            data.remove(key.text());
            let text = encoded(text.text().as_bytes());
            data.push(key.clone(), value(text, key.origin));
        }
    }
}

/// The entries of both, the new ones over the old.
fn merge_data(new: &mut Datum, old: &Datum, field: &str, origin: Origin) {
    let mut entries: Vec<(Datum, Datum)> = new.remove(field).map(|map| map.pairs().to_vec()).unwrap_or_default();
    for (key, text) in old.get(field).map_or(&[][..], Datum::pairs) {
        if !entries.iter().any(|(known, _)| known.text() == key.text()) {
            let key = Datum::open(key.text(), key.origin);
            entries.push((key, value(text.text().to_owned(), text.origin)));
        }
    }
    if entries.is_empty() {
        return;
    }
    let mut map = Datum::mapping(origin);
    for (key, value) in entries {
        map.push(key, value);
    }
    new.push(Datum::open(field, origin), map);
}
