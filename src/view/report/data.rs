//! What the script shows when it is asked for: a block a row, so that only what is looked at is ever read, and three tables
//! that all blocks share.
//!
//! Most lines of manifests occur in many of them, so a line is a number. Lines that follow each other follow each other in
//! other manifests too, and are set by lines that follow each other: so each number is the difference to the one before,
//! which is mostly a single digit.

use std::fmt::{Display, Write as _};

use rustc_hash::FxHashMap;

use crate::view::html::json;
use crate::view::report::{Cell, Container, Object, Report, Resources, Row, Workload};

/// Texts by number, each once.
struct Table<'a> {
    numbers: FxHashMap<&'a str, usize>,
    texts: Vec<&'a str>,
}

impl<'a> Table<'a> {
    fn new() -> Self {
        Self { numbers: FxHashMap::default(), texts: Vec::new() }
    }

    fn number(&mut self, text: &'a str) -> usize {
        *self.numbers.entry(text).or_insert_with(|| {
            self.texts.push(text);
            self.texts.len() - 1
        })
    }

    fn block(&self, out: &mut String, id: &str) {
        open(out, id);
        list(out, self.texts.iter(), |out, text| json(out, text));
        out.push_str("</script>\n");
    }
}

fn open(out: &mut String, id: &str) {
    out.push_str("<script type=\"application/json\" id=\"");
    out.push_str(id);
    out.push_str("\">");
}

fn list<T>(out: &mut String, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    out.push('[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn texts<'t>(out: &mut String, items: impl IntoIterator<Item = &'t str>) {
    list(out, items.into_iter(), json);
}

fn number(out: &mut String, number: impl Display) {
    let _ = write!(out, "{number}");
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(0)
}

/// Numbers without brackets around them.
fn numbers(out: &mut String, [first, second, third]: [i64; 3]) {
    let _ = write!(out, "{first},{second},{third}");
}

/// Numbers that mostly follow each other, as differences.
fn differences(out: &mut String, items: impl Iterator<Item = usize>) {
    let mut before = 0;
    list(out, items.map(signed), |out, item| {
        number(out, item - before);
        before = item;
    });
}

/// All blocks.
pub(super) fn blocks(out: &mut String, report: &Report) {
    let (mut lines, mut files, mut steps) = (Table::new(), Table::new(), Table::new());
    for (at, row) in report.rows.iter().enumerate() {
        open(out, &format!("m{at}"));
        out.push_str("{\"o\":");
        let mut before = [0, 0];
        list(out, row.origins.iter(), |out, setters| {
            // The first that is named is told by what differs from the one before; those that it replaced are told whole.
            let mut from = std::mem::take(&mut before);
            list(out, setters.iter().enumerate(), |out, (at, setter)| {
                let here = [files.number(&setter.file), setter.line].map(signed);
                if at == 0 {
                    before = here;
                }
                let step = signed(steps.number(setter.step));
                numbers(out, [here[0] - from[0], here[1] - from[1], step]);
                from = [0, 0];
            });
        });
        out.push_str(",\"c\":");
        list(out, row.cells.iter(), |out, one| match one {
            Some(one) => cell(out, one, &mut lines),
            None => out.push_str("null"),
        });
        out.push_str("}</script>\n");
    }
    lines.block(out, "lines");
    files.block(out, "files");
    steps.block(out, "steps");
    index(out, report);
}

/// What the script needs to find its way: names, and which findings are whose.
fn index(out: &mut String, report: &Report) {
    open(out, "index");
    out.push_str("{\"environments\":");
    texts(out, report.environments.iter().map(String::as_str));
    out.push_str(",\"rows\":");
    let mut of_row: Vec<Vec<usize>> = vec![Vec::new(); report.rows.len()];
    for (at, finding) in report.findings.iter().enumerate() {
        finding.rows.iter().for_each(|row| of_row[*row].push(at));
    }
    list(out, report.rows.iter().zip(&of_row), |out, (row, findings): (&Row, &Vec<usize>)| {
        out.push('[');
        json(out, &row.name);
        out.push(',');
        json(out, &row.domain);
        out.push(',');
        list(out, findings.iter(), number);
        out.push(']');
    });
    out.push_str("}</script>\n");
}

fn cell<'a>(out: &mut String, cell: &'a Cell, lines: &mut Table<'a>) {
    out.push_str("{\"p\":");
    texts(out, cell.paths.iter().map(String::as_str));
    out.push_str(",\"a\":");
    texts(out, cell.applications.iter().map(String::as_str));
    out.push_str(",\"w\":");
    list(out, cell.workloads.iter(), workload);
    out.push_str(",\"s\":");
    list(out, cell.steps.iter(), |out, step| {
        out.push('[');
        json(out, step.phase);
        out.push(',');
        // As a text: a script's numbers are not exact beyond 53 bits.
        json(out, &step.wave.to_string());
        out.push(',');
        list(out, step.tasks.iter(), |out, (kind, name, is_hook)| {
            texts(out, [kind.as_str(), name.as_str()].into_iter().chain(is_hook.then_some("hook")));
        });
        out.push(']');
    });
    out.push_str(",\"h\":");
    list(out, cell.releases.iter(), |out, one| {
        texts(out, [&*one.since, &*one.version, one.how, &*one.by, &*one.commit, &*one.subject]);
    });
    out.push_str(",\"n\":");
    json(out, &cell.releases_note);
    out.push_str(",\"b\":");
    list(out, cell.objects.iter(), |out, one| object(out, one, lines));
    out.push('}');
}

fn workload(out: &mut String, workload: &Workload) {
    out.push('[');
    for text in [&workload.kind, &workload.name, &workload.replicas] {
        json(out, text);
        out.push(',');
    }
    list(out, workload.containers.iter(), |out, one: &Container| {
        let Resources { cpu, cpu_limit, memory, memory_limit } = &one.resources;
        let init = if one.is_init { "init" } else { "" };
        texts(out, [&*one.name, init, &*one.repository, &*one.version, cpu, cpu_limit, memory, memory_limit]);
    });
    out.push(']');
}

fn object<'a>(out: &mut String, object: &'a Object, lines: &mut Table<'a>) {
    out.push('[');
    json(out, &object.kind);
    out.push(',');
    json(out, &object.name);
    out.push(',');
    differences(out, object.lines.iter().map(|(text, _)| lines.number(text)));
    out.push(',');
    differences(out, object.lines.iter().map(|(_, origin)| *origin));
    out.push(']');
}
