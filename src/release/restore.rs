//! An entry of `images` as an older text has it: what a release changed, undone by value.

use crate::diag::Diagnostic;
use crate::release::change::{Want, change, check, take_line_out, take_out};
use crate::release::edit::{Edited, Missing, no_entry, proven, set};
use crate::release::entries::{Entry, KEYS, Located, Pair};
use crate::release::insert::{self, dash};
use crate::release::splice::{Edits, before_on_line, is_blank, line_break, line_end, line_start, whole_lines};
use crate::release::verify::Intent;
use crate::source::FileId;
use crate::yaml::{Kind, NodeId};

/// The text with the entry `name` as another text, an older one, has it: `newName`, `newTag` and `digest` as they are written
/// there. An entry that the other has not goes, and one that is missing here comes back. Where nothing but the entry
/// differs, the result is the other text, byte for byte. Refused as by [`set`]; also where neither has the entry.
pub fn restore(
    text: &str,
    file: FileId,
    name: &str,
    other: &str,
    other_file: FileId,
) -> Result<Edited, Box<Diagnostic>> {
    let (at, old) = (Located::read(text, file)?, Located::read(other, other_file)?);
    let (item, old_item) = (at.find(name)?, old.find(name)?);
    let before = item.map(|item| at.entry(item)).transpose()?;
    if let Some(item) = item {
        at.check_item(item)?;
    }
    if let Some(item) = old_item {
        old.check_item(item)?;
    }
    let mut edits = Edits::default();
    let mut ways = Vec::new();
    match (item, old_item) {
        (None, None) => return Err(no_entry(&at, name)),
        (Some(item), Some(old_item)) => {
            let made = replayed(name, before.as_ref(), other);
            let is_as_made = made.as_ref().is_some_and(|made| has_entry_of(&at, item, made, name));
            ways.extend(whole(&at, item, &old, old_item).filter(|whole| is_as_made || whole == other));
            ways.extend(made.filter(|made| made == text).map(|_| other.to_owned()));
            values(&at, item, &old, old_item, &mut edits)?;
        }
        (Some(item), None) => {
            let made = replayed(name, before.as_ref(), other).filter(|made| made == text);
            ways.extend(made.map(|_| other.to_owned()));
            let takes_list =
                at.items.len() == 1 && !old.pairs(old.document.root()).iter().any(|pair| pair.name == "images");
            take_away(&at, item, takes_list, &old, &mut edits);
        }
        (None, Some(old_item)) => {
            at.check_list()?;
            let entry = old.entry(old_item)?;
            put_back(&at, &old, old_item, &mut edits);
            ways.extend(edits.apply(text));
            let fields = fields(&entry);
            ways.extend(insert::entry(&at, &fields).into_iter().filter_map(|edits| edits.apply(text)));
            return proven(&at, before, name, Intent::AsIn(other), ways);
        }
    }
    ways.extend(edits.apply(text));
    proven(&at, before, name, Intent::AsIn(other), ways)
}

/// What setting its entry to the version that the text has makes of the other text.
fn replayed(name: &str, before: Option<&Entry>, other: &str) -> Option<String> {
    let version = before?.version();
    set(other, FileId::NONE, name, &version, Missing::Insert).ok().map(|edited| edited.text)
}

/// Whether an entry is written as it is in another text.
fn has_entry_of(at: &Located<'_>, item: NodeId, text: &str, name: &str) -> bool {
    let written = || {
        let other = Located::read(text, FileId::NONE).ok()?;
        let item = other.find(name).ok()??;
        text.get(lines(&other, item)?).map(str::to_owned)
    };
    let own = lines(at, item).and_then(|lines| at.text.get(lines));
    own.is_some() && own == written().as_deref()
}

/// The text with all lines of the entry, or all between its braces, as they are in the other.
fn whole(at: &Located<'_>, item: NodeId, old: &Located<'_>, old_item: NodeId) -> Option<String> {
    let (new_range, old_range) = (lines(at, item)?, lines(old, old_item)?);
    let mut edits = Edits::default();
    edits.replace(new_range, old.text.get(old_range)?);
    edits.apply(at.text)
}

/// From the dash of an entry to the end of its last line; from brace to brace.
fn lines(at: &Located<'_>, item: NodeId) -> Option<std::ops::Range<usize>> {
    let range = at.range(item);
    if at.is_flow(item) {
        return Some(range);
    }
    let start = dash(at.text, range.start)?;
    let end = at.pairs(item).iter().map(|pair| pair.value.end).max().unwrap_or(range.end);
    Some(start..line_end(at.text, end))
}

/// Value by value, as each is written in the other.
fn values(
    at: &Located<'_>,
    item: NodeId,
    old: &Located<'_>,
    old_item: NodeId,
    edits: &mut Edits,
) -> Result<(), Box<Diagnostic>> {
    let pairs = old.pairs(old_item);
    let order: Vec<&str> = pairs.iter().map(|pair| &*pair.name).collect();
    let mut wants = [Want::Gone; 3];
    for (want, key) in wants.iter_mut().zip(KEYS) {
        let Some(pair) = pairs.iter().find(|pair| pair.name == key) else { continue };
        check(old, pair)?;
        *want = Want::Raw { value: &old.text[pair.value.clone()], pair: written(old, old_item, pair) };
    }
    change(at, item, wants, &order, edits)
}

/// A pair as it is written, with the comment behind it where it has its line to itself.
fn written<'a>(old: &Located<'a>, item: NodeId, pair: &Pair) -> &'a str {
    let end = pair.value.end.max(pair.key.end);
    &old.text[pair.key.start..if old.is_flow(item) { end } else { line_end(old.text, end) }]
}

/// Takes an entry out of its list, or the list with it.
fn take_away(at: &Located<'_>, item: NodeId, takes_list: bool, old: &Located<'_>, edits: &mut Edits) {
    let (Some(images), root) = (at.images, at.document.root()) else { return };
    let roots = at.pairs(root);
    let key = roots.iter().position(|pair| pair.name == "images");
    if let Some(index) = key.filter(|_| takes_list) {
        let members: Vec<_> = roots.iter().map(|pair| pair.key.start..pair.value.end.max(pair.key.end)).collect();
        if at.is_flow(root) {
            take_out(at.text, &members, index, edits);
        } else {
            take_line_out(at.text, &members, index, edits);
        }
        return;
    }
    let Some(index) = at.items.iter().position(|other| *other == item) else { return };
    if at.is_flow(images) {
        let members: Vec<_> = at.items.iter().map(|item| at.range(*item)).collect();
        take_out(at.text, &members, index, edits);
        return;
    }
    let Some(lines) = lines(at, item) else { return };
    let Some(dash) = dash(at.text, lines.start + 1) else { return };
    if let Some(key) = key.and_then(|key| roots.get(key)).filter(|_| at.items.len() == 1) {
        // An empty list is written as the other has it.
        let of_old = old.pairs(old.document.root()).into_iter().find(|pair| pair.name == "images");
        let value = of_old.map_or("[]", |pair| &old.text[pair.value]);
        let colon = key.key.end + at.text[key.key.end..].find(':').map_or(0, |colon| colon + 1);
        if !value.is_empty() {
            edits.insert(colon, format!(" {value}"));
        }
    }
    if is_blank(before_on_line(at.text, dash)) {
        edits.remove(whole_lines(at.text, dash, lines.end));
    }
}

/// Puts the lines of an entry back, behind the sibling that it followed.
fn put_back(at: &Located<'_>, old: &Located<'_>, old_item: NodeId, edits: &mut Edits) {
    let (Some(images), Some(old_images)) = (at.images, old.images) else { return };
    let is_block =
        |at: &Located<'_>, list| !at.is_flow(list) && matches!(at.document.node(list).kind, Kind::Sequence(_));
    if !is_block(at, images) || !is_block(old, old_images) {
        return;
    }
    let name = |located: &Located<'_>, item: NodeId| located.entry(item).ok().map(|entry| entry.name);
    let earlier = old.items.iter().take_while(|item| **item != old_item);
    let earlier: Vec<_> = earlier.filter_map(|item| name(old, *item)).collect();
    let follows = |item: &&NodeId| name(at, **item).is_some_and(|name| earlier.contains(&name));
    let previous = at.items.iter().rev().find(follows);
    let (Some(first), Some(lines_back)) = (at.items.first(), lines(old, old_item)) else { return };
    let Some(neighbour) = lines(at, *previous.unwrap_or(first)) else { return };
    let block_start = |located: &Located<'_>, start: usize| dash(located.text, start + 1);
    let (Some(dash_here), Some(dash_there)) = (block_start(at, neighbour.start), block_start(old, lines_back.start))
    else {
        return;
    };
    let (margin, margin_there) = (before_on_line(at.text, dash_here), before_on_line(old.text, dash_there));
    let back = &old.text[dash_there..line_end(old.text, lines_back.end)];
    if margin != margin_there {
        return;
    }
    let feed = line_break(at.text, neighbour.start);
    let back = back.replace("\r\n", "\n").replace('\n', feed);
    match previous {
        Some(_) => edits.insert(line_end(at.text, neighbour.end), format!("{feed}{margin}{back}")),
        None => edits.insert(line_start(at.text, dash_here), format!("{margin}{back}{feed}")),
    }
}

/// Keys and values of an entry.
fn fields(entry: &Entry) -> Vec<(&'static str, &str)> {
    let values = [Some(&entry.name), entry.new_name.as_ref(), entry.new_tag.as_ref(), entry.digest.as_ref()];
    let keys = ["name", "newName", "newTag", "digest"];
    keys.into_iter().zip(values).filter_map(|(key, value)| Some((key, value?.as_str()))).collect()
}
