//! A change for a comment of a merge request: a table that sums up, then a folded body for each service. Nothing from a file
//! is taken for Markdown or HTML.

use crate::report::markdown::{self, escaped};
use crate::report::{counted, visible};
use crate::view::changes::{Changes, Finding, Object, Overlay, What, count, places};
use crate::view::html::text as html;
use crate::view::lines::{self, Line};

/// What GitHub takes in one comment, in characters; counted in bytes, which are no fewer.
const LIMIT: usize = 65_536;

/// Room for what tells how much is left out.
const REST: usize = 400;

pub(super) fn render(changes: &Changes) -> String {
    let groups = changes.groups();
    let mut out = format!("### {}\n\n", escaped(&super::human::summary(changes)));
    let mut left = 0;
    if !groups.is_empty() {
        out += "| what | where | added | changed | removed | |\n| --- | --- | --: | --: | --: | --- |\n";
    }
    for group in &groups {
        let row = row(group);
        // The table may take half of the room.
        if out.len() + row.len() > LIMIT / 2 {
            left += 1;
        } else {
            out += &row;
        }
    }
    if left > 0 {
        out += &format!("\nAnd {} more: `gitopsctl diff` shows all.\n", counted(left, "row"));
    }
    out.push('\n');
    for (title, list) in [("New findings", &changes.new), ("Findings that are gone", &changes.fixed)] {
        out += &findings(title, list, LIMIT * 5 / 8 - out.len().min(LIMIT * 5 / 8));
    }
    for note in &changes.notes {
        out += &format!("{}\n\n", escaped(note));
    }
    let mut hidden = 0;
    for group in &groups {
        let whole = body(group, true);
        let body = if out.len() + whole.len() > LIMIT - REST { body(group, false) } else { whole };
        if out.len() + body.len() > LIMIT - REST {
            hidden += 1;
        } else {
            out += &body;
        }
    }
    if hidden > 0 {
        let what = counted(hidden, "service");
        out += &format!("\nLeft out, as a comment holds no more: {what}. `gitopsctl diff` shows all.\n");
    }
    out
}

/// The cells of a group.
fn row(group: &[&Overlay]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let dangers = first.objects.iter().map(|object| object.dangers.len()).sum::<usize>();
    let mut notes: Vec<String> = Vec::new();
    match first.what {
        What::Added => notes.push("new".to_owned()),
        What::Removed => notes.push("**no longer deployed**".to_owned()),
        What::Unbuilt => notes.push("**does not build**".to_owned()),
        What::Changed | What::Reordered => {}
    }
    if dangers > 0 {
        notes.push(format!("⚠ {}", counted(dangers, "danger")));
    }
    let cells = [What::Added, What::Changed, What::Removed].map(|what| match count(group, what) {
        0 => String::new(),
        count => count.to_string(),
    });
    let (title, places) = (escaped(first.title()), escaped(&places(group)));
    format!("| {title} | {places} | {} | {} |\n", cells.join(" | "), notes.join(", "))
}

/// What a group changes, folded; without the texts of whole objects where there is no room.
fn body(group: &[&Overlay], is_whole: bool) -> String {
    let Some(first) = group.first() else { return String::new() };
    let title = format!("<b>{}</b> in {}", html(first.title()), html(&places(group)));
    let mut out = format!("<details><summary>{title}</summary>\n\n");
    for note in &first.notes {
        out += &format!("{}\n\n", escaped(note));
    }
    for object in &first.objects {
        out += &text_of(object, is_whole);
    }
    out += "</details>\n";
    out
}

fn text_of(object: &Object, is_whole: bool) -> String {
    let was = object.was.as_ref().map_or_else(String::new, |was| format!(", was {}", code(was)));
    let place = object.place.as_ref().filter(|_| object.what != What::Changed);
    let place = place.map_or_else(String::new, |place| format!(" ({})", code(&place.to_string())));
    let name = code(&format!("{}/{}", object.kind, object.name));
    let mut out = format!("{} {name}{was}{place}\n\n", object.what.name());
    for danger in &object.dangers {
        out += &format!("⚠ {}\n\n", escaped(danger));
    }
    let mut text = String::new();
    for line in lines::of(object) {
        // GitHub colours lines by their first character.
        let line = match line {
            Line::Value('~', line) => format!("! {line}"),
            Line::Value(sign, line) => format!("{sign} {line}"),
            Line::Cause(line) => format!("#   {line}"),
            Line::Aside(line) => format!("# {line}"),
        };
        text += &format!("{}\n", visible::line(&line));
    }
    if let Some(whole) = object.text.as_ref().filter(|_| is_whole && object.what == What::Added) {
        text.extend(whole.lines().map(|line| format!("+ {}\n", visible::line(line))));
    }
    if !text.is_empty() {
        let fence = fence(&text);
        out += &format!("{fence}diff\n{text}{fence}\n\n");
    }
    out
}

fn findings(title: &str, findings: &[Finding], room: usize) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut out = format!("**{title}**\n\n");
    let mut left = 0;
    for finding in findings {
        let place = finding.place.as_ref().map_or_else(String::new, |place| format!(" {}", code(&place.to_string())));
        let line = format!("- {} {}: {}{place}\n", finding.severity, code(&finding.id), escaped(&finding.message));
        if out.len() + line.len() > room.max(REST) {
            left += 1;
        } else {
            out += &line;
        }
    }
    if left > 0 {
        out += &format!("- and {left} more\n");
    }
    out.push('\n');
    out
}

/// A fence that no line of a text can close.
fn fence(text: &str) -> String {
    let longest = text.split(|char| char != '`').map(str::len).max().unwrap_or(0);
    "`".repeat(3.max(longest + 1))
}

/// A code span.
fn code(text: &str) -> String {
    markdown::code(&visible::line(text))
}
