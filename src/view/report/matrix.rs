//! The table of services and environments: version, replicas, resources of a pod, findings.
//!
//! The style lays its rows out as grids of their own, so that a browser draws only those that are to be seen: a search among
//! 1,000 services takes a tenth of the time. Roles keep it a table for whoever hears it.

use crate::view::html::{push, text};
use crate::view::report::{Cell, Report, Resources, Row};

/// The columns of an environment: class, title, what the title means.
const COLUMNS: [(&str, &str, &str); 5] = [
    ("v", "Version", "Tag of the service's image"),
    ("r", "Replicas", "How many pods, or how few and how many"),
    ("c", "CPU", "Requests and limits of a pod"),
    ("m", "Memory", "Requests and limits of a pod"),
    ("f", "Findings", "What lint found"),
];

const SEVERITIES: [&str; 3] = ["error", "warning", "info"];

pub(super) fn render(out: &mut String, report: &Report) {
    let columns = report.columns().count();
    out.push_str(&format!(
        "<table id=\"matrix\" role=\"table\" aria-label=\"Services and environments\" style=\"--n:{columns}\">\n\
         <thead role=\"rowgroup\"><tr role=\"row\" class=\"envs\"><td role=\"cell\" class=\"name\"></td>"
    ));
    for (at, environment) in report.columns() {
        let name = if environment.is_empty() { "deployed" } else { environment };
        out.push_str(&format!(
            "<th role=\"columnheader\" aria-colspan=\"5\" colspan=\"5\" scope=\"colgroup\" class=\"e{at} env\">{}</th>",
            text(name)
        ));
    }
    out.push_str("</tr>\n<tr role=\"row\"><th role=\"columnheader\" scope=\"col\" class=\"name\">Service</th>");
    for (at, _) in report.columns() {
        for (class, title, meaning) in COLUMNS {
            out.push_str(&format!(
                "<th role=\"columnheader\" scope=\"col\" class=\"e{at} {class}\" title=\"{meaning}\">{title}</th>"
            ));
        }
    }
    out.push_str("</tr></thead>\n");
    let counts = counts(report);
    let services = report.rows.iter().take_while(|row| row.is_service).count();
    for (rows, title) in [(0..services, ""), (services..report.rows.len(), "Shared")] {
        if rows.is_empty() {
            continue;
        }
        out.push_str("<tbody role=\"rowgroup\">\n");
        if !title.is_empty() && services > 0 {
            let width = 1 + 5 * columns;
            out.push_str(&format!(
                "<tr role=\"row\" class=\"group\"><th role=\"rowheader\" colspan=\"{width}\" scope=\"rowgroup\">{title}</th></tr>\n"
            ));
        }
        for at in rows {
            row(out, report, at, &counts);
        }
        out.push_str("</tbody>\n");
    }
    out.push_str("</table>\n");
}

/// For each row and environment how many findings count, by severity.
fn counts(report: &Report) -> Vec<Vec<[usize; 3]>> {
    let mut counts = vec![vec![[0; 3]; report.environments.len()]; report.rows.len()];
    for finding in report.findings.iter().filter(|finding| finding.suppressed.is_empty()) {
        let Some(severity) = SEVERITIES.iter().position(|known| *known == finding.severity) else { continue };
        let is_there = |name: &String| finding.environments.is_empty() || finding.environments.contains(name);
        for row in &finding.rows {
            let Some(row) = counts.get_mut(*row) else { continue };
            let columns = row.iter_mut().zip(&report.environments).filter(|(_, name)| is_there(name));
            columns.for_each(|(count, _)| count[severity] += 1);
        }
    }
    counts
}

fn row(out: &mut String, report: &Report, at: usize, counts: &[Vec<[usize; 3]>]) {
    let Some(row) = report.rows.get(at) else { return };
    let differs = if row.is_service && differs(row) { " data-differs" } else { "" };
    out.push_str(&format!(
        "<tr role=\"row\" data-row=\"{at}\"{differs}><th role=\"rowheader\" scope=\"row\" class=\"name\"><a href=\"#{}\">",
        row.anchor()
    ));
    push(out, &row.name);
    out.push_str("</a>");
    if !row.domain.is_empty() {
        out.push_str(" <small>");
        push(out, &row.domain);
        out.push_str("</small>");
    }
    out.push_str("</th>");
    let is_shown = |column: usize| row.cells.get(column).is_some_and(Option::is_some);
    let elsewhere = row.cells.iter().flatten().map(|cell| cell.objects.len()).sum::<usize>();
    if !report.columns().any(|(column, _)| is_shown(column)) {
        let width = 5 * report.columns().count();
        out.push_str(&format!(
            "<td role=\"cell\" class=\"v rest\" colspan=\"{width}\"><span class=\"dim\">{elsewhere} objects</span></td></tr>
"
        ));
        return;
    }
    for (column, _) in report.columns() {
        match row.cells.get(column).and_then(Option::as_ref) {
            Some(one) => cell(out, report, (at, column), one, counts[at][column]),
            None => out.push_str(&format!(
                "<td role=\"cell\" class=\"e{column} v none\" colspan=\"5\"><span class=\"sr\">not deployed</span></td>"
            )),
        }
    }
    out.push_str("</tr>\n");
}

/// Whether its version is not the same everywhere.
fn differs(row: &Row) -> bool {
    let mut versions = row.cells.iter().flatten().map(version);
    let first = versions.next();
    versions.any(|version| Some(version) != first)
}

fn version(cell: &Cell) -> &str {
    let container = cell.workloads.first().and_then(|workload| workload.containers.first());
    container.map_or("", |container| &container.version)
}

fn cell(out: &mut String, report: &Report, (row, column): (usize, usize), cell: &Cell, counts: [usize; 3]) {
    let environment = report.environments.get(column).map_or("", String::as_str);
    // What is shared has no version of its own.
    let workload = cell.workloads.first().filter(|_| report.rows.get(row).is_some_and(|row| row.is_service));
    let td = |out: &mut String, class: &str, content: &str| {
        out.push_str(&format!("<td role=\"cell\" class=\"e{column} {class}\">"));
        push(out, content);
        out.push_str("</td>");
    };
    out.push_str(&format!("<td role=\"cell\" class=\"e{column} v\" data-e=\""));
    push(out, environment);
    out.push_str("\">");
    if workload.is_none() {
        out.push_str(&format!("<span class=\"dim\">{} objects</span>", cell.objects.len()));
    } else {
        push(out, version(cell));
    }
    out.push_str("</td>");
    td(out, "r", workload.map_or("", |workload| &workload.replicas));
    let none = Resources::default();
    let total = workload.map_or(&none, |workload| &workload.total);
    td(out, "c", &range(&total.cpu, &total.cpu_limit));
    td(out, "m", &range(&total.memory, &total.memory_limit));
    out.push_str(&format!("<td role=\"cell\" class=\"e{column} f\">"));
    for (severity, count) in SEVERITIES.into_iter().zip(counts).filter(|(_, count)| *count > 0) {
        out.push_str(&format!("<b class=\"{severity}\">{count}<span class=\"sr\"> {severity}</span></b> "));
    }
    out.push_str("</td>");
}

/// `100m / 500m`, requests and limits.
pub(super) fn range(request: &str, limit: &str) -> String {
    match (request, limit) {
        ("", "") => String::new(),
        ("", limit) => format!("– / {limit}"),
        (request, "") => format!("{request} / –"),
        (request, limit) if request == limit => request.to_owned(),
        (request, limit) => format!("{request} / {limit}"),
    }
}
