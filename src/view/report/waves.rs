//! The waves of an environment, drawn as a row of boxes: phases, the waves in them, the kinds in those.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::counted;
use crate::view::html::{push, text};
use crate::view::report::{Cell, Report, Step};

const PHASES: [&str; 4] = ["PreSync", "Sync", "PostSync", "SyncFail"];

/// What all the syncs of an environment do in a wave.
#[derive(Default)]
struct Wave<'a> {
    rows: BTreeSet<usize>,
    /// How many objects of each kind, and how many of them are hooks, in the order of the first sync that has them.
    kinds: Vec<(&'a str, usize, usize)>,
}

pub(super) fn render(out: &mut String, report: &Report) {
    for (column, environment) in report.environments.iter().enumerate() {
        let of_column =
            report.rows.iter().enumerate().filter_map(|(at, row)| Some((at, row.cells.get(column)?.as_ref()?)));
        let cells: Vec<(usize, &Cell)> = of_column.filter(|(_, cell)| !cell.steps.is_empty()).collect();
        if cells.is_empty() {
            continue;
        }
        let name = if environment.is_empty() { "All environments" } else { environment };
        out.push_str(&format!("<section class=\"e{column} plan\"><h3>{}</h3>\n", text(name)));
        // Services go the same way; what they share goes its own.
        let is_service = |(at, _): &&(usize, &Cell)| report.rows.get(*at).is_some_and(|row| row.is_service);
        let services: Vec<(usize, &Cell)> = cells.iter().filter(is_service).copied().collect();
        for (row, cell) in cells.iter().filter(|cell| !is_service(cell)) {
            let name = report.rows.get(*row).map_or("", |row| &row.name);
            drawing(out, name, &[(*row, *cell)]);
        }
        if !services.is_empty() {
            drawing(out, &format!("each of {}", counted(services.len(), "service")), &services);
        }
        out.push_str("</section>\n");
    }
}

fn drawing(out: &mut String, name: &str, cells: &[(usize, &Cell)]) {
    out.push_str("<div class=\"drawing\"><p>");
    push(out, name);
    out.push_str("</p>\n");
    phases(out, &waves(cells), cells.len());
    out.push_str("</div>\n");
}

fn waves<'a>(cells: &[(usize, &'a Cell)]) -> BTreeMap<(usize, i64), Wave<'a>> {
    let mut waves: BTreeMap<(usize, i64), Wave<'a>> = BTreeMap::new();
    for (row, cell) in cells {
        for Step { phase, wave, tasks } in &cell.steps {
            let phase = PHASES.iter().position(|known| known == phase).unwrap_or(PHASES.len());
            let known = waves.entry((phase, *wave)).or_default();
            known.rows.insert(*row);
            for (kind, _, is_hook) in tasks {
                let at = known.kinds.iter().position(|(name, ..)| name == kind).unwrap_or_else(|| {
                    known.kinds.push((kind, 0, 0));
                    known.kinds.len() - 1
                });
                known.kinds[at].1 += 1;
                known.kinds[at].2 += usize::from(*is_hook);
            }
        }
    }
    waves
}

fn phases(out: &mut String, waves: &BTreeMap<(usize, i64), Wave<'_>>, syncs: usize) {
    out.push_str("<ol class=\"phases\">\n");
    for (phase, name) in PHASES.iter().enumerate() {
        let mut of_phase = waves.range((phase, i64::MIN)..=(phase, i64::MAX)).peekable();
        if of_phase.peek().is_none() {
            continue;
        }
        out.push_str(&format!("<li><h4>{name}</h4><ol class=\"waves\">\n"));
        for ((_, number), wave) in of_phase {
            out.push_str(&format!("<li><h5>wave {number}"));
            if wave.rows.len() < syncs {
                out.push_str(&format!(" <small>{} of {syncs}</small>", wave.rows.len()));
            }
            out.push_str("</h5><ul>");
            for (kind, count, hooks) in &wave.kinds {
                out.push_str("<li>");
                push(out, kind);
                if *count > 1 {
                    out.push_str(&format!(" <small>×{count}</small>"));
                }
                if *hooks > 0 {
                    out.push_str(" <small>hook</small>");
                }
                out.push_str("</li>");
            }
            out.push_str("</ul></li>\n");
        }
        out.push_str("</ol></li>\n");
    }
    out.push_str("</ol>\n");
}
