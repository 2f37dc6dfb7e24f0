//! What is told of a value: where it is set and set again, where it ends up, as what.

use std::collections::BTreeMap;

use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind};

use crate::kustomize::Setter;
use crate::lsp::asked::Asked;
use crate::pipeline::uses::Use;

/// More lines than these nobody reads.
const MOST_LINES: usize = 12;

/// No longer a value is shown.
const LONGEST_VALUE: usize = 200;

/// What a place of a file does to what is built; `None` where it does nothing.
pub(super) fn hover(asked: &Asked<'_>) -> Option<Hover> {
    let uses = at_place(asked, Some(asked.line));
    let first = uses.first()?;
    let mut reaches: Vec<&str> = Vec::new();
    for one in &uses {
        let name = one.environment.unwrap_or(one.overlay);
        if !reaches.contains(&name) {
            reaches.push(name);
        }
    }
    let mut out = String::new();
    let over = uses.iter().filter_map(|one| one.at.checked_sub(1).and_then(|at| one.setters.get(at)));
    let mut winners: Vec<&Setter> = Vec::new();
    for setter in over {
        if !winners.contains(&setter) {
            winners.push(setter);
        }
    }
    let is_collection = !first.value.is_scalar();
    out.push_str(if is_collection { "stands here" } else { "set here" });
    for winner in winners.iter().take(4).filter(|_| !is_collection) {
        out.push_str(&format!("; overridden by {}", link(asked, winner)));
    }
    out.push_str(&format!("; reaches {}\n", reaches.join(", ")));
    // One line for all overlays that have the same of it.
    let mut lines: BTreeMap<(usize, String), Vec<&str>> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for one in &uses {
        let line = described(asked, one, is_collection);
        let at = order.iter().position(|known| *known == line).unwrap_or_else(|| {
            order.push(line.clone());
            order.len() - 1
        });
        let names = lines.entry((at, line)).or_default();
        let name = one.environment.unwrap_or(one.overlay);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let all = lines.len();
    for ((_, line), names) in lines.into_iter().take(MOST_LINES) {
        out.push_str(&format!("\n- {}: {line}", names.join(", ")));
    }
    if all > MOST_LINES {
        out.push_str(&format!("\n- and {} more", all - MOST_LINES));
    }
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value: out });
    Some(Hover { contents, range: None })
}

/// The uses of the place on the line that is nearest to the cursor.
pub(super) fn at_place<'a>(asked: &'a Asked<'_>, line: Option<usize>) -> Vec<Use<'a>> {
    let mut uses = asked.repository.uses(asked.below, line);
    let columns = uses.iter().map(|one| one.column);
    let before = columns.clone().filter(|column| *column <= asked.column).max();
    let nearest = before.or_else(|| columns.min());
    uses.retain(|one| Some(one.column) == nearest);
    uses
}

fn described(asked: &Asked<'_>, one: &Use<'_>, is_collection: bool) -> String {
    let name = one.object.get("metadata").map_or("", |meta| meta.text_of("name"));
    let mut out = format!("{} {}", one.object.text_of("kind"), code(name));
    if !one.field.is_empty() {
        out.push_str(&format!(" {}", code(&one.field)));
    }
    if is_collection {
        return out;
    }
    let is_secret = one.object.text_of("kind") == "Secret"
        && (one.field.starts_with("data.") || one.field.starts_with("stringData."));
    let value = if is_secret { "(a secret)".to_owned() } else { code(&shortened(one.value.text())) };
    out.push_str(&format!(" = {value}"));
    let others: Vec<String> = one
        .setters
        .iter()
        .enumerate()
        .filter(|(at, setter)| *at != one.at && setter.place.is_some())
        .map(|(at, setter)| {
            let what = if at < one.at { "set by" } else { "over" };
            format!("{what} {}", link(asked, setter))
        })
        .collect();
    if !others.is_empty() {
        out.push_str(&format!(", {}", others.join(", ")));
    }
    out
}

fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let short: String = line.chars().take(LONGEST_VALUE).collect();
    if short.len() < text.trim_end().len() { format!("{short}…") } else { short }
}

/// Text that Markdown leaves as it is.
fn code(text: &str) -> String {
    if text.contains('`') {
        format!("`` {text} ``")
    } else if text.is_empty() {
        "`\"\"`".to_owned()
    } else {
        format!("`{text}`")
    }
}

fn link(asked: &Asked<'_>, setter: &Setter) -> String {
    let Some(place) = &setter.place else { return "the build".to_owned() };
    let shown = format!("{}:{}", place.file, place.line);
    let uri = asked.documents.uri(&asked.repository.full(&place.file));
    let step = setter.step.map(|step| format!(" ({})", step.name())).unwrap_or_default();
    match uri {
        Some(uri) => format!("[{shown}]({}#L{}){step}", uri.as_str(), place.line),
        None => format!("{shown}{step}"),
    }
}
