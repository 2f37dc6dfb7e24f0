//! What is shown where no script runs: each service with its workloads, releases and manifests. The reader of a page that
//! runs scripts never builds any of it.

use crate::view::html::{push, text};
use crate::view::report::matrix::range;
use crate::view::report::{Cell, Report, Row, Setter};

/// Lines of manifests that a page may hold twice, once as text; above that a command is named that prints them.
const MOST_LINES: usize = 100_000;

pub(super) fn render(out: &mut String, report: &Report) {
    let cells = report.rows.iter().flat_map(|row| row.cells.iter().flatten());
    let lines: usize = cells.flat_map(|cell| &cell.objects).map(|object| object.lines.len()).sum();
    out.push_str("<noscript>\n");
    for row in &report.rows {
        out.push_str(&format!("<section class=\"view\" id=\"{}\"><h2>", text(&format!("s/{}", row.name))));
        push(out, &row.name);
        out.push_str("</h2>\n");
        for (environment, cell) in report.environments.iter().zip(&row.cells) {
            if let Some(one) = cell {
                cell_of(out, row, environment, one, lines <= MOST_LINES);
            }
        }
        out.push_str("</section>\n");
    }
    out.push_str("</noscript>\n");
}

fn cell_of(out: &mut String, row: &Row, environment: &str, cell: &Cell, has_manifests: bool) {
    out.push_str("<h3>");
    push(out, environment);
    out.push_str(" <small>");
    push(out, &cell.paths.join(", "));
    out.push_str("</small></h3>\n<ul>");
    for workload in &cell.workloads {
        for one in &workload.containers {
            let resources = &one.resources;
            let parts = [
                format!("{}/{} × {}", workload.kind, workload.name, workload.replicas),
                format!("{} {}:{}", one.name, one.repository, one.version),
                format!("CPU {}", range(&resources.cpu, &resources.cpu_limit)),
                format!("memory {}", range(&resources.memory, &resources.memory_limit)),
            ];
            out.push_str("<li>");
            push(out, &parts.join(" · "));
            out.push_str("</li>");
        }
    }
    out.push_str("</ul>\n");
    if !cell.releases.is_empty() {
        out.push_str("<h4>Releases</h4><ul>");
        for one in &cell.releases {
            let parts = [&*one.since, &*one.version, one.how, &*one.by, &*one.commit, &*one.subject];
            out.push_str("<li>");
            push(out, &parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" · "));
            out.push_str("</li>");
        }
        out.push_str("</ul>\n");
    }
    if !has_manifests {
        out.push_str("<p>The manifests: <code>");
        push(out, &cell.paths.iter().map(|path| format!("gitopsctl blame {path}")).collect::<Vec<_>>().join("; "));
        out.push_str("</code></p>\n");
        return;
    }
    for object in &cell.objects {
        out.push_str("<details><summary>");
        push(out, &format!("{}/{}", object.kind, object.name));
        out.push_str("</summary><pre>");
        let mut before = None;
        for (line, origin) in &object.lines {
            push(out, line);
            if let Some(setter) = row.origins.get(*origin).and_then(|chain| chain.first()) {
                // The file is named once for the lines that come from it.
                let own = Some((&setter.file, setter.step));
                let shown = if own == before { format!(":{}", setter.line) } else { setter.to_string() };
                before = own;
                out.push_str("  <s># ");
                push(out, &shown);
                out.push_str("</s>");
            }
            out.push('\n');
        }
        out.push_str("</pre></details>\n");
    }
}

impl std::fmt::Display for Setter {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&*self.file, self.step) {
            ("", step) => out.write_str(step),
            (file, "") => write!(out, "{file}:{}", self.line),
            (file, step) => write!(out, "{file}:{} ({step})", self.line),
        }
    }
}
