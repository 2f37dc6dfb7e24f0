//! The functions of templates that make texts.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::argo::template::functions::{count, text, wrong_arguments};
use crate::argo::template::{MOST, Outcome, Wrong, fails};
use crate::argo::value::Value;
use crate::source::{FileId, Origin};
use crate::yaml::{json, load, print};

pub(super) const KNOWN: &[&str] = &[
    "lower",
    "upper",
    "title",
    "untitle",
    "trim",
    "trimAll",
    "trimall",
    "trimPrefix",
    "trimSuffix",
    "nospace",
    "repeat",
    "substr",
    "trunc",
    "contains",
    "hasPrefix",
    "hasSuffix",
    "quote",
    "squote",
    "cat",
    "indent",
    "nindent",
    "replace",
    "b64enc",
    "b64dec",
    "join",
    "split",
    "splitList",
    "splitn",
    "sortAlpha",
    "toStrings",
    "toJson",
    "mustToJson",
    "toPrettyJson",
    "mustToPrettyJson",
    "toRawJson",
    "fromJson",
    "mustFromJson",
    "toYaml",
    "fromYaml",
    "fromYamlArray",
    "normalize",
    "slugify",
    "abbrev",
    "initials",
    "base",
    "dir",
    "ext",
    "clean",
    "camelcase",
    "kebabcase",
    "snakecase",
];

/// Calls a function.
pub(super) fn call(name: &str, all: &[Value]) -> Outcome<Value> {
    let truth = |is: bool| Ok(Value::Bool(is));
    let words = |words: Vec<String>| Ok(Value::List(words.into_iter().map(Value::Text).collect()));
    let made = match (name, all) {
        ("contains", [part, whole]) => return truth(text(whole)?.contains(text(part)?)),
        ("hasPrefix", [part, whole]) => return truth(text(whole)?.starts_with(text(part)?)),
        ("hasSuffix", [part, whole]) => return truth(text(whole)?.ends_with(text(part)?)),
        ("splitList", [by, whole]) => return words(parts(text(whole)?, text(by)?)),
        ("split", [by, whole]) => return Ok(numbered(parts(text(whole)?, text(by)?))),
        ("splitn", [by, most, whole]) => {
            let most = usize::try_from(count(most)?).unwrap_or(usize::MAX);
            let parts = text(whole)?.splitn(most, text(by)?).map(str::to_owned).collect();
            return Ok(numbered(parts));
        }
        ("sortAlpha", [list]) => {
            let mut sorted = strings(list);
            sorted.sort();
            return words(sorted);
        }
        ("toStrings", [list]) => return words(strings(list)),
        ("fromJson" | "mustFromJson", [value]) => {
            return match serde_json::from_str::<serde_json::Value>(text(value)?) {
                Ok(_) => parsed(text(value)?),
                Err(_) if name == "fromJson" => Ok(Value::Null),
                Err(error) => fails(error.to_string()),
            };
        }
        ("fromYaml" | "fromYamlArray", [value]) => return parsed(text(value)?),
        ("lower", [value]) => text(value)?.to_lowercase(),
        ("upper", [value]) => text(value)?.to_uppercase(),
        ("title", [value]) => capitals(text(value)?, |char| char.to_uppercase().collect()),
        ("untitle", [value]) => capitals(text(value)?, |char| char.to_lowercase().collect()),
        ("trim", [value]) => text(value)?.trim().to_owned(),
        ("trimAll" | "trimall", [signs, value]) => {
            let signs = text(signs)?;
            text(value)?.trim_matches(|char| signs.contains(char)).to_owned()
        }
        ("trimPrefix", [part, value]) => {
            let value = text(value)?;
            value.strip_prefix(text(part)?).unwrap_or(value).to_owned()
        }
        ("trimSuffix", [part, value]) => {
            let value = text(value)?;
            value.strip_suffix(text(part)?).unwrap_or(value).to_owned()
        }
        ("nospace", [value]) => text(value)?.chars().filter(|char| !char.is_whitespace()).collect(),
        ("repeat", [times, value]) => {
            let Ok(times) = usize::try_from(count(times)?) else { return fails("negative Repeat count") };
            let value = text(value)?;
            if times.saturating_mul(value.len()) > MOST {
                return Err(Wrong::Unknown("a text is longer than what is worked out here".to_owned()));
            }
            value.repeat(times)
        }
        ("substr", [from, to, value]) => substr(count(from)?, count(to)?, text(value)?)?,
        ("trunc", [length, value]) => trunc(count(length)?, text(value)?),
        ("abbrev", [length, value]) => abbreviated(count(length)?, text(value)?),
        ("initials", [value]) => text(value)?.split_whitespace().filter_map(|word| word.chars().next()).collect(),
        ("quote" | "squote", _) => {
            let quoted = |value: &Value| match (name, value) {
                ("squote", value) => format!("'{}'", value.printed()),
                (_, Value::Text(text)) => go_quoted(text),
                (_, value) => format!("\"{}\"", value.printed()),
            };
            all.iter().filter(|value| **value != Value::Null).map(quoted).collect::<Vec<_>>().join(" ")
        }
        ("cat", _) => {
            let words = all.iter().filter(|value| **value != Value::Null).map(Value::printed);
            words.collect::<Vec<_>>().join(" ")
        }
        ("indent", [width, value]) => indented(count(width)?, text(value)?),
        ("nindent", [width, value]) => format!("\n{}", indented(count(width)?, text(value)?)),
        ("replace", [old, new, value]) => text(value)?.replace(text(old)?, text(new)?),
        ("b64enc", [value]) => STANDARD.encode(text(value)?),
        ("b64dec", [value]) => match STANDARD.decode(text(value)?).map(String::from_utf8) {
            Ok(Ok(decoded)) => decoded,
            Ok(Err(_)) => return fails("what was encoded is no text"),
            Err(error) => error.to_string(),
        },
        ("join", [by, list]) => strings(list).join(text(by)?),
        ("toJson" | "mustToJson", [value]) => value.json(),
        ("toRawJson", [value]) => value.json().replace("\\u003c", "<").replace("\\u003e", ">").replace("\\u0026", "&"),
        ("toPrettyJson" | "mustToPrettyJson", [value]) => {
            json::indented(&value.datum(Origin::NONE)).unwrap_or_default()
        }
        ("toYaml", [value]) => {
            let printed = print::document(&value.datum(Origin::NONE)).unwrap_or_default();
            printed.strip_suffix('\n').unwrap_or(&printed).to_owned()
        }
        ("normalize", [value]) => normalized(text(value)?),
        ("slugify", [rest @ .., value]) => slug(rest, text(value)?)?,
        ("base", [value]) => base(text(value)?),
        ("dir", [value]) => dir(text(value)?),
        ("ext", [value]) => {
            let name = base(text(value)?);
            name.rfind('.').map_or(String::new(), |at| name[at..].to_owned())
        }
        ("clean", [value]) => clean(text(value)?),
        ("camelcase" | "kebabcase" | "snakecase", [_]) => {
            return Err(Wrong::Unknown(format!("the function `{name}` is not known here")));
        }
        _ => return wrong_arguments(name),
    };
    Ok(Value::Text(made))
}

/// Lower case, with nothing but letters, digits, `-` and `.`, of 253 signs at most.
pub(in crate::argo) fn normalized(name: &str) -> String {
    let is_plain = |char: char| matches!(char, 'a'..='z' | '0'..='9' | '-' | '.');
    let name: String =
        name.to_lowercase().chars().map(|char| if is_plain(char) { char } else { '-' }).take(253).collect();
    name.trim_matches(['-', '.']).to_owned()
}

/// Words of a name, joined by `-`; too long a name is cut between words, unless the arguments say otherwise.
fn slug(options: &[Value], name: &str) -> Outcome<String> {
    let most = options.first().map_or(Ok(50), count)?;
    let most = usize::try_from(most).unwrap_or(0);
    let at_words = match options.get(1) {
        None => true,
        Some(Value::Bool(value)) => *value,
        Some(_) => return wrong_arguments("slugify"),
    };
    let words: Vec<_> = normalized(name).split(['-', '.']).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    let slug = words.join("-");
    if most == 0 || slug.len() <= most {
        return Ok(slug);
    }
    let cut = if at_words { slug[..=most].rfind('-').unwrap_or(most) } else { most };
    Ok(slug[..cut].trim_matches('-').to_owned())
}

fn parts(text: &str, by: &str) -> Vec<String> {
    if by.is_empty() {
        return text.chars().map(String::from).collect();
    }
    text.split(by).map(str::to_owned).collect()
}

/// `_0`, `_1` and so on.
fn numbered(parts: Vec<String>) -> Value {
    Value::Map(parts.into_iter().enumerate().map(|(at, part)| (format!("_{at}"), Value::Text(part))).collect())
}

/// The elements of a list as texts, without nulls; what is no list is its only element.
fn strings(list: &Value) -> Vec<String> {
    match list {
        Value::Null => Vec::new(),
        Value::List(items) => items.iter().filter(|item| **item != Value::Null).map(Value::printed).collect(),
        other => vec![other.printed()],
    }
}

fn parsed(text: &str) -> Outcome<Value> {
    match load::first_document(text, 0, FileId::NONE) {
        Ok(document) => Ok(document.as_ref().map_or(Value::Null, Value::of)),
        Err(error) => fails(error.message),
    }
}

fn capitals(text: &str, to: fn(char) -> String) -> String {
    let mut starts = true;
    let mut out = String::new();
    for char in text.chars() {
        if starts && char.is_alphabetic() {
            out += &to(char);
        } else {
            out.push(char);
        }
        starts = char.is_whitespace();
    }
    out
}

/// Counts bytes, as Go does; an end below 0 or behind the text is its end.
fn substr(from: i64, to: i64, text: &str) -> Outcome<String> {
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let end = if to < 0 || to > length { length } else { to };
    let (from, end) = if from < 0 { (0, end) } else { (from, end) };
    let range = usize::try_from(from).unwrap_or(0)..usize::try_from(end).unwrap_or(0);
    text.get(range).map_or_else(|| fails("slice bounds out of range"), |part| Ok(part.to_owned()))
}

/// So many bytes from the start, or from the end where the number is below 0.
fn trunc(length: i64, text: &str) -> String {
    let wanted = usize::try_from(length.unsigned_abs()).unwrap_or(usize::MAX);
    if text.len() <= wanted {
        return text.to_owned();
    }
    let bytes = if length < 0 { &text.as_bytes()[text.len() - wanted..] } else { &text.as_bytes()[..wanted] };
    String::from_utf8_lossy(bytes).into_owned()
}

fn abbreviated(length: i64, text: &str) -> String {
    let length = usize::try_from(length).unwrap_or(0);
    let signs: Vec<char> = text.chars().collect();
    if length < 4 || signs.len() <= length {
        return text.to_owned();
    }
    signs[..length - 3].iter().collect::<String>() + "..."
}

fn indented(width: i64, text: &str) -> String {
    let blanks = " ".repeat(usize::try_from(width).unwrap_or(0).min(1000));
    blanks.clone() + &text.replace('\n', &format!("\n{blanks}"))
}

fn base(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    match trimmed.rsplit('/').next() {
        _ if path.is_empty() => ".".to_owned(),
        _ if trimmed.is_empty() => "/".to_owned(),
        Some(name) => name.to_owned(),
        None => ".".to_owned(),
    }
}

fn dir(path: &str) -> String {
    clean(path.rfind('/').map_or("", |at| &path[..=at]))
}

fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => ".".to_owned(),
        (false, path) => path,
    }
}

fn go_quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            char if char.is_control() => out += &format!("\\x{:02x}", u32::from(char)),
            char => out.push(char),
        }
    }
    out + "\""
}

/// Go's `Sprintf`, its verbs `s v d q t f g x c` and `%`, with width, precision, `-`, `0` and `+`.
pub(super) fn printf(format: &str, values: &[Value]) -> Outcome<String> {
    let mut out = String::new();
    let mut values = values.iter();
    let mut chars = format.chars().peekable();
    while let Some(char) = chars.next() {
        if char != '%' {
            out.push(char);
            continue;
        }
        let (mut flags, mut width, mut precision) = (String::new(), String::new(), None::<String>);
        while let Some(char) = chars.next_if(|char| "-+0 #".contains(*char)) {
            flags.push(char);
        }
        while let Some(char) = chars.next_if(char::is_ascii_digit) {
            width.push(char);
        }
        if chars.next_if_eq(&'.').is_some() {
            let digits = precision.get_or_insert_default();
            while let Some(char) = chars.next_if(char::is_ascii_digit) {
                digits.push(char);
            }
        }
        let Some(verb) = chars.next() else {
            out.push_str("%!(NOVERB)");
            break;
        };
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(value) = values.next() else {
            out += &format!("%!{verb}(MISSING)");
            continue;
        };
        let precision = precision.map(|digits| digits.parse::<usize>().unwrap_or(0));
        let text = verbed(verb, value, &flags, precision)?;
        out += &padded(&text, &flags, width.parse().unwrap_or(0), matches!(value, Value::Int(_) | Value::Float(_)));
    }
    let rest: Vec<_> = values.map(|value| format!("{}={}", go_type(value), value.printed())).collect();
    if !rest.is_empty() {
        out += &format!("%!(EXTRA {})", rest.join(", "));
    }
    Ok(out)
}

fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "<nil>",
        Value::List(_) => "[]interface {}",
        Value::Map(_) => "map[string]interface {}",
        other => other.kind(),
    }
}

fn verbed(verb: char, value: &Value, flags: &str, precision: Option<usize>) -> Outcome<String> {
    let sign = |text: String| if flags.contains('+') && !text.starts_with('-') { format!("+{text}") } else { text };
    let cut = |text: &str| text.chars().take(precision.unwrap_or(usize::MAX)).collect::<String>();
    Ok(match (verb, value) {
        ('v', Value::Int(_) | Value::Float(_)) => sign(value.printed()),
        ('s' | 'v', Value::Text(text)) => cut(text),
        ('s', Value::List(items)) if items.iter().all(|item| matches!(item, Value::Text(_))) => value.printed(),
        ('v', value) => value.printed(),
        ('q', Value::Text(text)) => go_quoted(text),
        ('d', Value::Int(value)) => sign(value.to_string()),
        ('t', Value::Bool(value)) => value.to_string(),
        ('f' | 'F', Value::Float(value)) => sign(format!("{value:.*}", precision.unwrap_or(6))),
        ('g', Value::Float(_)) if precision.is_none() => value.printed(),
        ('x', Value::Int(value)) if *value >= 0 => format!("{value:x}"),
        ('x', Value::Text(text)) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        ('c', Value::Int(value)) => {
            u32::try_from(*value).ok().and_then(char::from_u32).map_or_else(|| "\u{fffd}".to_owned(), String::from)
        }
        ('s' | 'd' | 'q' | 't' | 'f' | 'x', Value::Null) => format!("%!{verb}(<nil>)"),
        ('s' | 'd' | 't' | 'f', Value::Text(_) | Value::Bool(_) | Value::Int(_) | Value::Float(_)) => {
            format!("%!{verb}({}={})", go_type(value), value.printed())
        }
        _ => return Err(Wrong::Unknown(format!("`%{verb}` of a {} is not known here", value.kind()))),
    })
}

fn padded(text: &str, flags: &str, width: usize, is_number: bool) -> String {
    let missing = width.min(1000).saturating_sub(text.chars().count());
    if flags.contains('-') {
        return format!("{text}{}", " ".repeat(missing));
    }
    if flags.contains('0') && is_number {
        let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
        return format!("{sign}{}{digits}", "0".repeat(missing));
    }
    format!("{}{text}", " ".repeat(missing))
}
