//! The value of one entry of `images` in one file after another.
//!
//! In: texts of kustomizations that follow each other. Out: what each pins an image to. Most differ in the tag of another
//! service alone, which shows without reading the YAML: 20,000 commits of one file with 21 services take a fraction of the
//! time so.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use crate::diag::Diagnostics;
use crate::git::BlobId;
use crate::release::Version;
use crate::source::FileId;
use crate::yaml::{self, NodeId, Value};

/// What an entry of `images` replaces an image by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Release {
    /// Registry and path in place of the entry's name; `None` where it stays.
    pub new_name: Option<String>,
    /// Tag and digest; neither where the manifests' own stay.
    pub version: Version,
}

impl fmt::Display for Release {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.new_name {
            Some(name) if self.version.is_empty() => out.write_str(name),
            _ => self.version.fmt(out),
        }
    }
}

/// What a file says of an entry: its value where there is one; nothing at all where the file cannot be read.
pub(super) type Reading = Option<Option<Release>>;

/// Reads one entry in many files.
pub(super) struct Reader<'a> {
    image: &'a str,
    known: HashMap<BlobId, Reading>,
    last: Option<Seen>,
}

/// A text that was read.
struct Seen {
    text: String,
    value: Reading,
    /// The lines of the entry; `None` where other lines of the file may count for it.
    own: Option<Range<usize>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(image: &'a str) -> Self {
        Self { image, known: HashMap::new(), last: None }
    }

    /// The reading of a file, which is fetched only where it is not known yet.
    pub(super) fn read<E>(&mut self, blob: BlobId, fetch: impl FnOnce() -> Result<Vec<u8>, E>) -> Result<Reading, E> {
        if let Some(known) = self.known.get(&blob) {
            return Ok(known.clone());
        }
        let seen = match String::from_utf8(fetch()?) {
            Ok(text) => self.see(text),
            Err(_) => Seen { text: String::new(), value: None, own: None },
        };
        let value = seen.value.clone();
        self.last = Some(seen);
        self.known.insert(blob, value.clone());
        Ok(value)
    }

    fn see(&self, text: String) -> Seen {
        if let Some(last) = &self.last
            && let Some(own) = last.own.clone()
            && differs_elsewhere(&last.text, &text, &own)
        {
            return Seen { text, value: last.value.clone(), own: Some(own) };
        }
        let Ok(found) = entry_of(&text, self.image) else { return Seen { text, value: None, own: None } };
        let (value, bytes) = found.map_or((None, 0..0), |(value, bytes)| (Some(value), bytes));
        // Anchors and aliases make lines of other places count.
        let line = |at: usize| text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count();
        let own =
            (!text.contains('&')).then(|| if bytes.is_empty() { 0..0 } else { line(bytes.start)..line(bytes.end) + 1 });
        Seen { text, value: Some(value), own }
    }
}

/// Whether two texts differ in nothing but tags and digests outside of some lines.
fn differs_elsewhere(one: &str, other: &str, own: &Range<usize>) -> bool {
    let (mut left, mut right) = (one.split('\n'), other.split('\n'));
    let mut number = 0;
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(left), Some(right)) => {
                let is_elsewhere = !own.contains(&number) && pinning(left).is_some() && pinning(left) == pinning(right);
                if left != right && !is_elsewhere {
                    return false;
                }
            }
            _ => return false,
        }
        number += 1;
    }
}

/// The indentation and key of a line that is `newTag` or `digest` with a value that can end nowhere but in that line, so that
/// one such line in place of another leaves the rest of the file as it was.
fn pinning(line: &str) -> Option<(&str, &str)> {
    let (key, rest) = line.split_once(": ")?;
    let indent = key.find(|char| char != ' ')?;
    let (indent, key) = key.split_at(indent);
    let value = rest.split(" #").next().unwrap_or_default().trim();
    let quote = value.chars().next().filter(|char| matches!(char, '"' | '\''));
    let inner = quote.map_or(Some(value), |quote| value.strip_prefix(quote)?.strip_suffix(quote))?;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    // The colon of `sha256:…` is no mapping's: no blank follows it.
    let is_plain = inner.starts_with(|char: char| char.is_ascii_alphanumeric())
        && inner.bytes().all(|byte| is_word(byte) || matches!(byte, b':' | b'@'))
        && !inner.ends_with(':');
    (matches!(key, "newTag" | "digest") && is_plain).then_some((indent, key))
}

/// The text is no kustomization: not YAML, or of another shape.
struct Unreadable;

/// An entry's value and its bytes; of several entries of one name the last counts, as for Kustomize.
fn entry_of(text: &str, image: &str) -> Result<Option<(Release, Range<usize>)>, Unreadable> {
    let mut diagnostics = Diagnostics::default();
    let documents = yaml::parse(text, FileId::NONE, &mut diagnostics);
    if diagnostics.iter().any(|diagnostic| *diagnostic.code == yaml::codes::SYNTAX) {
        return Err(Unreadable);
    }
    let Some(document) = documents.first() else { return Ok(None) };
    let Some(images) = document.get(document.root(), "images") else { return Ok(None) };
    let value = |item: NodeId, key: &str| {
        let value = document.get(item, key).filter(|value| document.scalar(*value) != Some(Value::Null))?;
        document.text(value).filter(|text| !text.is_empty())
    };
    let named = |item: &&NodeId| value(**item, "name") == Some(image);
    let items = document.items(images);
    Ok(items.iter().rfind(named).map(|item| (release(*item, value), document.span(*item).range())))
}

fn release<'d>(item: NodeId, value: impl Fn(NodeId, &str) -> Option<&'d str>) -> Release {
    // `newTag: v1@sha256:…` works with Kustomize, and a digest of its own wins.
    let (tag, within) = match value(item, "newTag") {
        Some(tag) => tag.split_once('@').map_or((Some(tag), None), |(tag, digest)| (Some(tag), Some(digest))),
        None => (None, None),
    };
    let digest = value(item, "digest").or(within);
    let tag = tag.filter(|tag| !tag.is_empty()).map(str::to_owned);
    Release {
        new_name: value(item, "newName").map(str::to_owned),
        version: Version { tag, digest: digest.map(str::to_owned) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "images:\n- name: a\n  newTag: v1\n- name: b\n  newName: r.io/b\n  newTag: 1.10 # CI\n";

    fn value(text: &str) -> Option<String> {
        Reader::new("b").see(text.to_owned()).value.flatten().map(|value| value.to_string())
    }

    #[test]
    fn an_entry_is_read_as_kustomize_reads_it() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, expected) in [
            (FILE.to_owned(), Some("1.10".to_owned())),
            (format!("images: [{{name: b, newTag: 'v1@{digest}'}}]"), Some(format!("v1@{digest}"))),
            (format!("images:\n- {{name: b, digest: '{digest}'}}\n"), Some(format!("@{digest}"))),
            ("images:\n- {name: b, newTag: v1}\n- {name: b, newTag: v2}\n".to_owned(), Some("v2".to_owned())),
            ("images:\n- {name: b, newTag: ~, newName: r.io/b}\n".to_owned(), Some("r.io/b".to_owned())),
            ("x: &x v3\nimages:\r\n- name: b\r\n  newTag: *x\r\n".to_owned(), Some("v3".to_owned())),
            ("images:\n- name: a\n".to_owned(), None),
            ("images: none\n".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(value(&text), expected, "{text}");
        }
        assert_eq!(Reader::new("b").see("images:\n<<<<<<< HEAD\n- a: [\n".to_owned()).value, None);
    }

    #[test]
    fn only_tags_of_others_are_passed_over() {
        let mut reader = Reader::new("b");
        reader.last = Some(reader.see(FILE.to_owned()));
        let own = reader.last.as_ref().and_then(|last| last.own.clone()).unwrap_or_default();
        let elsewhere = |text: &str| differs_elsewhere(FILE, text, &own);
        assert!(elsewhere(&FILE.replace("v1", "v2")) && elsewhere(&FILE.replace("v1", "\"2\" # x")));
        for (from, to) in [
            ("1.10", "1.11"),
            ("- name: a", "- name: b"),
            ("v1", "\"v2"),
            ("v1", "|"),
            ("v1", "&x v1"),
            ("v1", "v2 v3"),
            ("newTag: v1", "digest: v1"),
            ("  newTag: v1", "    newTag: v1"),
            ("images:", "image:"),
            ("CI", "ci"),
            ("v1\n", "v1\n\n"),
            ("v1", "a:"),
        ] {
            assert!(!elsewhere(&FILE.replacen(from, to, 1)), "{from} -> {to}");
        }
        // Whatever way it is read, the value is the same.
        for text in [FILE.replace("v1", "v9"), FILE.replace("1.10", "1.11"), "x: &y\n".to_owned() + FILE] {
            assert_eq!(reader.see(text.clone()).value, Reader::new("b").see(text).value);
        }
    }
}
