//! An entry of `images` set to a version, byte for byte as a careful person would do it.

use crate::diag::{Diagnostic, closest};
use crate::release::change::{Want, change, value_place};
use crate::release::diags::{codes, refuse};
use crate::release::entries::{Entry, Located};
use crate::release::splice::Edits;
use crate::release::verify::{Intent, verify};
use crate::release::{Version, insert};
use crate::source::{FileId, Span};

/// What to do where `images` has no entry of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Refuse.
    Refuse,
    /// Put one in; the caller has checked that an image of that name is built.
    Insert,
}

/// A text that was edited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The whole text afterwards; equal to the one before where that said the same already.
    pub text: String,
    /// The entry before, with its place there.
    pub before: Option<Entry>,
    /// The entry afterwards, with its place there.
    pub after: Option<Entry>,
    /// The value that decides the version, in the text afterwards; without an entry an empty place.
    pub place: Span,
}

/// The order in which keys are put into an entry.
pub(super) const ORDER: [&str; 4] = ["name", "newName", "newTag", "digest"];

/// The text with the entry `name` set to a version. A tag alone takes a digest away, and a digest alone a tag, for Kustomize
/// renders both where both are there. Refused with the reason, at its place, where the text cannot be read, where a change
/// would have effect elsewhere too, or where two parsers do not confirm that the intended values alone changed.
pub fn set(
    text: &str,
    file: FileId,
    name: &str,
    version: &Version,
    missing: Missing,
) -> Result<Edited, Box<Diagnostic>> {
    let at = Located::read(text, file)?;
    let Some(item) = at.find(name)? else {
        if missing == Missing::Refuse {
            return Err(no_entry(&at, name));
        }
        at.check_list()?;
        let fields = fields(name, version);
        let texts = insert::entry(&at, &fields).into_iter().filter_map(|edits| edits.apply(text));
        let intent = Intent::Version { new_tag: version.tag.as_deref(), digest: version.digest.as_deref() };
        return proven(&at, None, name, intent, texts);
    };
    at.check_item(item)?;
    let before = at.entry(item)?;
    let joined;
    let (new_tag, digest) = match (&version.tag, &version.digest) {
        // The digest stays where it is written: within the tag.
        (Some(tag), Some(digest))
            if before.digest.is_none() && before.new_tag.as_ref().is_some_and(|old| old.contains('@')) =>
        {
            joined = format!("{tag}@{digest}");
            (Some(&*joined), None)
        }
        (tag, digest) => (tag.as_deref(), digest.as_deref()),
    };
    let wants = [Want::Keep, wanted(new_tag, before.new_tag.as_deref()), wanted(digest, before.digest.as_deref())];
    let mut edits = Edits::default();
    change(&at, item, wants, &ORDER, &mut edits)?;
    proven(&at, Some(before), name, Intent::Version { new_tag, digest }, edits.apply(text))
}

/// What is empty already may stay as it is written.
fn wanted<'a>(value: Option<&'a str>, before: Option<&str>) -> Want<'a> {
    match (value, before) {
        (Some(value), _) => Want::Text(value),
        (None, Some(_)) => Want::Gone,
        (None, None) => Want::Keep,
    }
}

/// Keys and values of a new entry.
fn fields<'a>(name: &'a str, version: &'a Version) -> Vec<(&'static str, &'a str)> {
    let tag = version.tag.as_deref().map(|tag| ("newTag", tag));
    let digest = version.digest.as_deref().map(|digest| ("digest", digest));
    [Some(("name", name)), tag, digest].into_iter().flatten().collect()
}

/// There is no entry of this name.
pub(super) fn no_entry(at: &Located<'_>, name: &str) -> Box<Diagnostic> {
    let names: Vec<String> = at.items.iter().filter_map(|item| at.entry(*item).ok()).map(|entry| entry.name).collect();
    let span = at.document.span(at.images.unwrap_or(at.document.root()));
    let place = Span { end: span.start, ..span };
    let label = if at.images.is_some() { "has no such entry" } else { "has no `images`" };
    let refusal = refuse(&codes::NO_ENTRY, format!("`images` has no entry `{name}`"), place, label);
    Box::new(refusal.near(closest(name, names.iter().map(String::as_str))))
}

/// The first text that is proven to differ in the intended values alone; a refusal where none is.
pub(super) fn proven(
    at: &Located<'_>,
    before: Option<Entry>,
    name: &str,
    intent: Intent<'_>,
    texts: impl IntoIterator<Item = String>,
) -> Result<Edited, Box<Diagnostic>> {
    let mut why = "the replacements would overlap".to_owned();
    for text in texts {
        match verify(at.text, &text, name, intent) {
            Ok(()) => {
                let new = Located::read(&text, at.document.file)?;
                let item = new.find(name)?;
                let after = item.map(|item| new.entry(item)).transpose()?;
                let place = item.map_or(new.place(&(0..0)), |item| value_place(&new, item));
                return Ok(Edited { text, before, after, place });
            }
            Err(reason) => why = reason,
        }
    }
    let span = before.map_or(at.document.span(at.images.unwrap_or(at.document.root())), |entry| entry.span);
    let message = format!("the edit of `{name}` is not proven to change its version alone");
    Err(Box::new(refuse(&codes::UNPROVEN_EDIT, message, span, why).help("write the entry as a plain block mapping")))
}
