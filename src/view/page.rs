//! A change as a page that stands alone: no server, no file beside it, no script.

use crate::report::{counted, visible};
use crate::view::changes::{Changes, Finding, Object, Overlay, What, places};
use crate::view::lines;

const STYLE: &str = include_str!("page.css");

pub(super) fn render(changes: &Changes) -> String {
    let summary = super::human::summary(changes);
    let title = html(&summary);
    let mut body = format!("<h1>{title}</h1>\n");
    for note in &changes.notes {
        body += &format!("<p>{}</p>\n", html(note));
    }
    let groups = changes.groups();
    if !groups.is_empty() {
        body += "<nav><table><thead><tr><th scope=\"col\">what</th><th scope=\"col\">where</th>\
                 <th scope=\"col\">added</th><th scope=\"col\">changed</th><th scope=\"col\">removed</th></tr></thead>\n<tbody>\n";
        for (at, group) in groups.iter().enumerate() {
            body += &row(at, group);
        }
        body += "</tbody></table></nav>\n";
    }
    body += &findings("New findings", &changes.new);
    body += &findings("Findings that are gone", &changes.fixed);
    for (at, group) in groups.iter().enumerate() {
        body += &section(at, group);
    }
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    )
}

fn row(at: usize, group: &[&Overlay]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let count = |what: What| group.iter().flat_map(|one| &one.objects).filter(|object| object.what == what).count();
    let cells: String = [What::Added, What::Changed, What::Removed]
        .map(|what| format!("<td>{}</td>", if count(what) == 0 { String::new() } else { count(what).to_string() }))
        .concat();
    let (title, places) = (html(first.title()), html(&places(group)));
    format!("<tr><th scope=\"row\"><a href=\"#o{at}\">{title}</a></th><td>{places}</td>{cells}</tr>\n")
}

fn section(at: usize, group: &[&Overlay]) -> String {
    let Some(first) = group.first() else { return String::new() };
    let word = if first.what == What::Changed { "" } else { first.what.name() };
    let (title, places) = (html(first.title()), html(&places(group)));
    let mut out = format!("<section id=\"o{at}\">\n<h2>{title} <small>in {places} {word}</small></h2>\n");
    for note in &first.notes {
        out += &format!("<p class=\"danger\">{}</p>\n", html(note));
    }
    for one in &first.objects {
        out += &object(one);
    }
    out + "</section>\n"
}

fn object(object: &Object) -> String {
    let was = object.was.as_ref().map_or_else(String::new, |was| format!(" <small>was {}</small>", html(was)));
    let what = object.what.name();
    let place = object.place.as_ref().filter(|_| object.what != What::Changed);
    let place = place.map_or_else(String::new, |place| format!(" <small>{}</small>", html(&place.to_string())));
    let name = html(&format!("{}/{}", object.kind, object.name));
    let mut out = format!("<article>\n<h3 class=\"{what}\">{what} {name}{was}{place}</h3>\n");
    for danger in &object.dangers {
        out += &format!("<p class=\"danger\">{}</p>\n", html(danger));
    }
    let mut text = String::new();
    for field in object.fields.iter().filter(|field| !field.follows) {
        for (sign, line) in lines::of(field) {
            let class = match sign {
                '+' => "added",
                '-' => "removed",
                '~' => "changed",
                _ => "same",
            };
            text += &format!("<span class=\"{class}\">{sign} {}</span>\n", html(&line));
        }
        if let Some(cause) = &field.cause {
            let by = field.step.map_or_else(String::new, |step| format!(", by {step}"));
            let before = if field.is_before { ", before the change" } else { "" };
            text += &format!("<span class=\"cause\">    {}</span>\n", html(&format!("{cause}{by}{before}")));
        }
    }
    let follows = object.fields.iter().filter(|field| field.follows).count();
    if follows > 0 {
        let what = counted(follows, "reference");
        text += &format!("<span class=\"cause\">  {what} to a generated object: the name follows its content</span>\n");
    }
    if !text.is_empty() {
        out += &format!("<pre>{text}</pre>\n");
    }
    if let Some(whole) = &object.text {
        out += &format!("<details><summary>manifest</summary><pre>{}</pre></details>\n", block(whole));
    }
    out + "</article>\n"
}

fn findings(title: &str, findings: &[Finding]) -> String {
    if findings.is_empty() {
        return String::new();
    }
    let mut out = format!("<h2>{title}</h2>\n<ul>\n");
    for finding in findings {
        let place = finding
            .place
            .as_ref()
            .map_or_else(String::new, |place| format!(" <small>{}</small>", html(&place.to_string())));
        let (id, message) = (html(&finding.id), html(&finding.message));
        out += &format!("<li class=\"{0}\"><b>{0}</b> <code>{id}</code> {message}{place}</li>\n", finding.severity);
    }
    out + "</ul>\n"
}

/// Text on one line, as HTML.
fn html(text: &str) -> String {
    block(&visible::line(text))
}

/// Text on several lines, as HTML.
fn block(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in visible::lines(text).chars() {
        match char {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&#39;",
            char => out.push(char),
        }
    }
    out
}
