//! A change as a page that stands alone: no server, no file beside it, no script.

use crate::view::changes::{Changes, Finding, Object, Overlay, What, count, places};
use crate::view::html::{block, text as html};
use crate::view::lines::{self, Line};

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
    let cells: String = [What::Added, What::Changed, What::Removed]
        .map(|what| match count(group, what) {
            0 => "<td></td>".to_owned(),
            count => format!("<td>{count}</td>"),
        })
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
    for line in lines::of(object) {
        let (class, line) = match line {
            Line::Value('+', line) => ("added", format!("+ {line}")),
            Line::Value('-', line) => ("removed", format!("- {line}")),
            Line::Value('~', line) => ("changed", format!("~ {line}")),
            Line::Value(sign, line) => ("same", format!("{sign} {line}")),
            Line::Cause(line) => ("cause", format!("    {line}")),
            Line::Aside(line) => ("cause", format!("  {line}")),
        };
        text += &format!("<span class=\"{class}\">{}</span>\n", html(&line));
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
