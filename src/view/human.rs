//! A change for people at a terminal.

use crate::report::{counted, visible};
use crate::view::changes::{Changes, Finding, Object, Overlay, What, places};
use crate::view::lines::{self, Line};

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const DIM: &str = "\u{1b}[2m";
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

struct Page {
    out: String,
    is_coloured: bool,
}

impl Page {
    fn line(&mut self, colour: &str, indent: usize, text: &str) {
        let text = visible::line(text);
        let (on, off) = if self.is_coloured && !colour.is_empty() { (colour, PLAIN) } else { ("", "") };
        self.out += &format!("{:indent$}{on}{text}{off}\n", "");
    }
}

fn colour(sign: char) -> &'static str {
    match sign {
        '+' => GREEN,
        '-' | '!' => RED,
        '~' => YELLOW,
        _ => "",
    }
}

pub(super) fn render(changes: &Changes, is_coloured: bool) -> String {
    let mut page = Page { out: String::new(), is_coloured };
    for group in changes.groups() {
        overlay(&mut page, &group);
    }
    findings(&mut page, "new findings", '+', &changes.new);
    findings(&mut page, "findings that are gone", '-', &changes.fixed);
    for note in &changes.notes {
        page.line("", 0, note);
    }
    page.line(BOLD, 0, &summary(changes));
    page.out
}

/// The last line.
pub(super) fn summary(changes: &Changes) -> String {
    let overlays = counted(changes.overlays.len(), "overlay");
    let verb = if changes.overlays.len() == 1 { "changes" } else { "change" };
    let total = if changes.is_empty() {
        format!("nothing changes in the cluster ({} compared)", counted(changes.compared, "overlay"))
    } else {
        format!("{overlays} {verb}; {}", changes.total())
    };
    format!("{total}, {} -> {}", changes.base, changes.head)
}

fn overlay(page: &mut Page, group: &[&Overlay]) {
    let Some(first) = group.first() else { return };
    let word = match first.what {
        What::Changed | What::Reordered => String::new(),
        what => format!(" ({})", what.name()),
    };
    let environment = places(group);
    let title = if first.service.is_some() { format!("{} in {environment}", first.title()) } else { environment };
    page.line(BOLD, 0, &format!("{title}{word}"));
    for note in &first.notes {
        page.line(YELLOW, 2, note);
    }
    for one in &first.objects {
        object(page, one);
    }
    page.out.push('\n');
}

fn object(page: &mut Page, object: &Object) {
    let sign = object.what.sign();
    let was = object.was.as_ref().map_or_else(String::new, |was| format!(" (was {was})"));
    let place = object.place.as_ref().filter(|_| object.what != What::Changed);
    let place = place.map_or_else(String::new, |place| format!("  {place}"));
    page.line(colour(sign), 2, &format!("{sign} {}/{}{was}{place}", object.kind, object.name));
    for danger in &object.dangers {
        page.line(RED, 6, &format!("! {danger}"));
    }
    for line in lines::of(object) {
        match line {
            Line::Value(sign, text) => page.line(colour(sign), 4, &format!("{sign} {text}")),
            Line::Cause(text) => page.line(DIM, 8, &text),
            Line::Aside(text) => page.line(DIM, 4, &format!("~ {text}")),
        }
    }
}

fn findings(page: &mut Page, title: &str, sign: char, findings: &[Finding]) {
    if findings.is_empty() {
        return;
    }
    page.line(BOLD, 0, title);
    for finding in findings {
        let place = finding.place.as_ref().map_or_else(String::new, |place| format!("  {place}"));
        let text = format!("{sign} {}[{}]: {}{place}", finding.severity, finding.id, finding.message);
        page.line(colour(sign), 2, &text);
    }
    page.out.push('\n');
}
