//! The order as a graph for Graphviz.

use crate::argo::Step;
use crate::report::visible;
use crate::view::waves::forest::Forest;
use crate::view::waves::{Application, Waves, compact, words};

/// Small boxes beside each other.
const COLUMNS: usize = 3;

/// Letters of a label on an arrow before it breaks.
const LABEL: usize = 40;

const HEAD: &str = "  graph [compound=true, rankdir=TB, fontname=\"Helvetica,Arial,sans-serif\", fontsize=12, \
                    bgcolor=\"#ffffff\", labelloc=t, ranksep=0.6, nodesep=0.25]\n  \
                    node [shape=plain, fontname=\"Helvetica,Arial,sans-serif\", fontsize=11, fontcolor=\"#1f2328\"]\n  \
                    edge [fontname=\"Helvetica,Arial,sans-serif\", fontsize=10, color=\"#1a7f37\", fontcolor=\"#1f2328\"]\n";

pub(super) fn render(waves: &Waves) -> String {
    let forest = Forest::of(waves);
    let mut graph = Graph { forest, out: String::new(), depth: 1 };
    graph.out += &format!("digraph waves {{\n{HEAD}");
    graph.line(&format!("label=<<B><FONT POINT-SIZE=\"16\">{}</FONT></B>>", escaped(&waves.heading())));
    let roots = graph.forest.roots();
    if roots.is_empty() {
        graph.line("none [label=\"nothing that is synced changes\"]");
    }
    graph.beside(&roots);
    graph.out + "}\n"
}

struct Graph<'a> {
    forest: Forest<'a>,
    out: String,
    depth: usize,
}

/// A box that arrows lead to and from: by a node within it, where it is a cluster.
struct End {
    node: String,
    cluster: Option<String>,
}

impl Graph<'_> {
    fn line(&mut self, text: &str) {
        self.out += &format!("{:1$}{text}\n", "", self.depth * 2);
    }

    fn within<T>(&mut self, id: &str, label: &str, style: &str, inner: impl FnOnce(&mut Self) -> T) -> T {
        self.line(&format!("subgraph cluster_{id} {{"));
        self.depth += 1;
        self.line(&format!("graph [label=<{label}>, style=\"rounded,filled\", {style}]"));
        let made = inner(self);
        self.depth -= 1;
        self.line("}");
        made
    }

    /// Applications without an order among them, small where they are many; the first and last node of them.
    fn beside(&mut self, children: &[usize]) -> Option<(String, String)> {
        let mut small = Vec::new();
        let mut ends: Vec<(String, String)> = Vec::new();
        for at in children {
            if self.forest.is_small(*at, children.len()) {
                self.small(*at);
                small.push(*at);
                ends.push((format!("a{at}"), format!("a{at}")));
            } else {
                ends.extend(self.whole(*at));
            }
        }
        // A grid instead of a row: edges that nobody sees put what they lead to below, or to the right.
        for row in small.chunks(COLUMNS).filter(|row| row.len() > 1) {
            let row: Vec<String> = row.iter().map(|at| format!("a{at}")).collect();
            self.line(&format!("{{ rank=same; {} [style=invis] }}", row.join(" -> ")));
        }
        for (above, below) in small.iter().zip(small.iter().skip(COLUMNS)) {
            self.line(&format!("a{above} -> a{below} [style=invis]"));
        }
        // Arrows come and go in the middle.
        let last = ends.len().checked_sub(1)?;
        let start = if small.is_empty() { 0 } else { last.min(COLUMNS / 2) };
        let end = if small.is_empty() { last } else { last - last % COLUMNS + (last % COLUMNS).min(COLUMNS / 2) };
        Some((ends.get(start)?.0.clone(), ends.get(end)?.1.clone()))
    }

    fn small(&mut self, at: usize) {
        let Some(application) = self.forest.application(at) else { return };
        let mut text = String::new();
        for chip in compact::chips(self.forest.waves, application) {
            let colour = if chip.is_pruned { "#cf222e" } else { "#1f2328" };
            let arrow = match chip.gate {
                Some(true) => " ⇒ ",
                Some(false) => " ⇢ ",
                None => "",
            };
            text += &format!("<FONT COLOR=\"{colour}\">{}</FONT>{arrow}", escaped(&chip.text));
        }
        let heading = format!("<B>{}</B>", escaped(&words::title(application)));
        let rows = [heading, text].iter().filter(|row| !row.is_empty()).map(|row| cell(row)).collect::<String>();
        let colour = if application.is_deleted() { "#cf222e" } else { "#8c959f" };
        self.line(&format!("a{at} [label={}]", table(&rows, colour)));
    }

    fn whole(&mut self, at: usize) -> Option<(String, String)> {
        let application = self.forest.application(at)?;
        let (name, place) = (escaped(&words::title(application)), escaped(&application.place()));
        let label = format!("<B>{name}</B><BR/><FONT POINT-SIZE=\"10\" COLOR=\"#59636e\">{place}</FONT>");
        let colour = if application.is_deleted() { "#cf222e" } else { "#8c959f" };
        let style = format!("fillcolor=\"#f6f8fa\", color=\"{colour}\"");
        self.within(&format!("a{at}"), &label, &style, |graph| {
            let mut ends: Vec<(End, End)> = Vec::new();
            for (number, step) in application.steps.iter().enumerate() {
                ends.push(graph.step(at, application, number, step));
            }
            if application.steps.is_empty() {
                graph.line(&format!("a{at}s0 [label=\"nothing in the cluster changes\"]"));
                return Some((format!("a{at}s0"), format!("a{at}s0")));
            }
            for ((step, from), to) in application.steps.iter().zip(&ends).zip(ends.iter().skip(1)) {
                if !step.is_last {
                    graph.edge(application, step, &from.1, &to.0);
                }
            }
            Some((ends.first()?.0.node.clone(), ends.last()?.1.node.clone()))
        })
    }

    fn edge(&mut self, application: &Application, step: &Step, from: &End, to: &End) {
        let label: Vec<String> =
            words::broken(&words::arrow(application, step), LABEL).iter().map(|line| escaped(line)).collect();
        let label: String = label.iter().map(|line| format!("&#160;&#160;{line}<BR ALIGN=\"LEFT\"/>")).collect();
        let mut style = vec![format!("label=<{label}>")];
        style.push(if step.waits.is_empty() {
            "style=dashed, color=\"#6e7781\"".to_owned()
        } else {
            "penwidth=2".to_owned()
        });
        style.extend(from.cluster.iter().map(|cluster| format!("ltail={cluster}")));
        style.extend(to.cluster.iter().map(|cluster| format!("lhead={cluster}")));
        self.line(&format!("{} -> {} [{}]", from.node, to.node, style.join(", ")));
    }

    /// The first and the last end of a step.
    fn step(&mut self, at: usize, application: &Application, number: usize, step: &Step) -> (End, End) {
        let heading = escaped(&application.heading(step));
        let is_child = |task: &super::Task| self.forest.child(at, task).is_some();
        let groups = words::groups(self.forest.waves, application, step, is_child);
        let children: Vec<usize> = application.tasks_of(step).filter_map(|task| self.forest.child(at, task)).collect();
        let mut rows = String::new();
        for group in &groups {
            let sign = group.sign().map_or_else(String::new, |sign| format!("{sign} "));
            let remark = group.remark().map_or_else(String::new, |remark| format!(" ({remark})"));
            let text = escaped(&format!("{sign}{}{remark}", group.label()));
            let colour = if group.is_pruned() {
                "#cf222e"
            } else if group.first.task.hook {
                "#8250df"
            } else {
                "#1f2328"
            };
            rows += &cell(&format!("<FONT COLOR=\"{colour}\">{text}</FONT>"));
        }
        if let Some(unchanged) = words::unchanged(self.forest.waves, application, step) {
            rows += &cell(&format!("<FONT COLOR=\"#59636e\"><I>{}</I></FONT>", escaped(&unchanged)));
        }
        let id = format!("a{at}s{number}");
        let node = |node: &str| End { node: node.to_owned(), cluster: None };
        if children.is_empty() {
            let rows = format!("{}{rows}", cell(&format!("<B>{heading}</B>")));
            self.line(&format!("{id} [label={}]", table(&rows, "#8c959f")));
            return (node(&id), node(&id));
        }
        let style = "fillcolor=\"#ffffff\", color=\"#8c959f\"";
        let ends = self.within(&id, &format!("<B>{heading}</B>"), style, |graph| {
            if !rows.is_empty() {
                graph.line(&format!("{id} [label={}]", table(&rows, "#8c959f")));
            }
            graph.beside(&children)
        });
        let (first, last) = ends.unwrap_or((id.clone(), id.clone()));
        let cluster = || Some(format!("cluster_{id}"));
        (End { node: first, cluster: cluster() }, End { node: last, cluster: cluster() })
    }
}

fn cell(text: &str) -> String {
    format!("<TR><TD ALIGN=\"LEFT\">{text}</TD></TR>")
}

fn table(rows: &str, colour: &str) -> String {
    format!(
        "<<TABLE BORDER=\"1\" CELLBORDER=\"0\" CELLSPACING=\"0\" CELLPADDING=\"3\" STYLE=\"ROUNDED\" \
         BGCOLOR=\"#ffffff\" COLOR=\"{colour}\">{rows}</TABLE>>"
    )
}

/// A text within a label of HTML.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in visible::line(text).chars() {
        match char {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            // Graphviz takes an empty bracket pair within a name for a mark of its own in some versions.
            '[' => out += "&#91;",
            ']' => out += "&#93;",
            '\\' => out += "&#92;",
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_label() {
        let hostile = escaped("</TD>\"]; a -> b\n\\N & #");
        assert_eq!(hostile, "&lt;/TD&gt;&quot;&#93;; a -&gt; b␊&#92;N &amp; #");
    }
}
