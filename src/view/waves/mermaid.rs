//! The order as a flowchart of Mermaid's.

use crate::argo::Step;
use crate::report::visible;
use crate::view::waves::forest::Forest;
use crate::view::waves::{Application, Waves, compact, words};

/// Small boxes beside each other.
const COLUMNS: usize = 4;

/// Letters of a label on an arrow before it breaks.
const LABEL: usize = 34;

pub(super) fn render(waves: &Waves) -> String {
    let forest = Forest::of(waves);
    let mut chart = Chart { forest, out: String::new(), depth: 1, deleted: Vec::new() };
    let title = serde_json::Value::from(visible::line(&waves.heading()).into_owned());
    chart.out += &format!("---\ntitle: {title}\nconfig:\n  flowchart:\n    wrappingWidth: 420\n---\nflowchart TB\n");
    let roots = chart.forest.roots();
    if roots.is_empty() {
        chart.line("none[\"nothing that is synced changes\"]");
    }
    chart.beside(&roots);
    chart.line("classDef prune fill:#ffebe9,stroke:#cf222e,color:#82071e");
    chart.line("classDef hook stroke:#8250df,stroke-width:2px");
    chart.line("classDef gone stroke:#cf222e,stroke-dasharray:4");
    let deleted = chart.deleted.join(",");
    if !deleted.is_empty() {
        chart.line(&format!("class {deleted} gone"));
    }
    chart.out
}

struct Chart<'a> {
    forest: Forest<'a>,
    out: String,
    depth: usize,
    deleted: Vec<String>,
}

impl Chart<'_> {
    fn line(&mut self, text: &str) {
        self.out += &format!("{:1$}{text}\n", "", self.depth * 2);
    }

    fn within(&mut self, id: &str, label: &str, inner: impl FnOnce(&mut Self)) {
        self.line(&format!("subgraph {id}[\"{label}\"]"));
        self.depth += 1;
        inner(self);
        self.depth -= 1;
        self.line("end");
    }

    /// Applications without an order among them: small where they are many.
    fn beside(&mut self, children: &[usize]) {
        let mut small = Vec::new();
        for at in children {
            if self.forest.is_small(*at, children.len()) {
                self.small(*at);
                small.push(*at);
            } else {
                self.whole(*at);
            }
        }
        // A grid instead of a row: links that nobody sees put what they lead to below.
        for (above, below) in small.iter().zip(small.iter().skip(COLUMNS)) {
            self.line(&format!("a{above} ~~~ a{below}"));
        }
    }

    fn small(&mut self, at: usize) {
        let Some(application) = self.forest.application(at) else { return };
        let chips = compact::chips(self.forest.waves, application);
        let mut text = String::new();
        for chip in &chips {
            let arrow = match chip.gate {
                Some(true) => " ⇒<br/>",
                Some(false) => " ⇢<br/>",
                None => "",
            };
            text += &format!("{}{arrow}", escaped(&chip.text));
        }
        self.line(&format!("a{at}[\"<b>{}</b><br/>{text}\"]", escaped(&words::title(application))));
        self.mark(at, application);
    }

    fn mark(&mut self, at: usize, application: &Application) {
        if application.is_deleted() {
            self.deleted.push(format!("a{at}"));
        }
    }

    fn whole(&mut self, at: usize) {
        let Some(application) = self.forest.application(at) else { return };
        self.mark(at, application);
        // Mermaid leaves room for one line above what a box holds.
        let label = format!("<b>{}</b>", escaped(&words::title(application)));
        self.within(&format!("a{at}"), &label, |chart| {
            let is_parent = chart.forest.has_children(at);
            chart.line(if is_parent { "direction TB" } else { "direction LR" });
            for (number, step) in application.steps.iter().enumerate() {
                chart.step(at, application, number, step);
            }
            for (number, step) in application.steps.iter().enumerate().filter(|(_, step)| !step.is_last) {
                let next = chart.entry(at, application, number + 1);
                let arrow = if step.waits.is_empty() { "-.->" } else { "==>" };
                let label = lines(&words::arrow(application, step));
                let label = if label.is_empty() { label } else { format!("|\"{label}\"|") };
                chart.line(&format!("a{at}s{number} {arrow}{label} {next}"));
            }
            if application.steps.is_empty() {
                chart.line(&format!("a{at}s0[\"nothing in the cluster changes\"]"));
            }
        });
    }

    /// Where the arrow to a step leads: what it prunes comes first.
    fn entry(&self, at: usize, application: &Application, number: usize) -> String {
        let step = application.steps.get(number);
        let is_mixed = step.is_some_and(|step| {
            let groups = words::groups(self.forest.waves, application, step, |_| false);
            groups.iter().any(words::Group::is_pruned) && !groups.iter().all(words::Group::is_pruned)
        });
        if is_mixed { format!("a{at}s{number}p") } else { format!("a{at}s{number}") }
    }

    fn step(&mut self, at: usize, application: &Application, number: usize, step: &Step) {
        let heading = escaped(&application.heading(step));
        let is_child = |task: &super::Task| self.forest.child(at, task).is_some();
        let groups = words::groups(self.forest.waves, application, step, is_child);
        let children: Vec<usize> = application.tasks_of(step).filter_map(|task| self.forest.child(at, task)).collect();
        let (pruned, applied): (Vec<_>, Vec<_>) = groups.iter().partition(|group| group.is_pruned());
        let line = |group: &words::Group<'_>| {
            let sign = group.sign().map_or_else(String::new, |sign| format!("{sign} "));
            let remark = group.remark().map_or_else(String::new, |remark| format!(" ({remark})"));
            format!("<br/>{}", escaped(&format!("{sign}{}{remark}", group.label())))
        };
        let mut applied_text: String = applied.iter().map(|group| line(group)).collect();
        if let Some(unchanged) = words::unchanged(self.forest.waves, application, step) {
            applied_text += &format!("<br/><i>{}</i>", escaped(&unchanged));
        }
        let pruned_text: String = pruned.iter().map(|group| line(group)).collect();
        let is_hooks = !applied.is_empty() && applied.iter().all(|group| group.first.task.hook);
        let class = if is_hooks { ":::hook" } else { "" };
        let id = format!("a{at}s{number}");
        if children.is_empty() {
            if !pruned.is_empty() && applied_text.is_empty() {
                self.line(&format!("{id}[\"<b>{heading}</b>{pruned_text}\"]:::prune"));
                return;
            }
            if !pruned.is_empty() {
                self.line(&format!("{id}p[\"<b>{heading}: pruned first</b>{pruned_text}\"]:::prune"));
                self.line(&format!("{id}p --> {id}"));
            }
            self.line(&format!("{id}[\"<b>{heading}</b>{applied_text}\"]{class}"));
            return;
        }
        self.within(&id, &format!("<b>{heading}</b>"), |chart| {
            chart.line("direction TB");
            if !applied_text.is_empty() {
                let text = applied_text.trim_start_matches("<br/>");
                chart.line(&format!("{id}o[\"{text}\"]{class}"));
            }
            if !pruned.is_empty() {
                chart.line(&format!("{id}p[\"<b>pruned first</b>{pruned_text}\"]:::prune"));
            }
            chart.beside(&children);
        });
    }
}

/// A text in lines of a label.
fn lines(text: &str) -> String {
    words::broken(text, LABEL).iter().map(|line| escaped(line)).collect::<Vec<_>>().join("<br/>")
}

/// A text within the quotes of a label: what Mermaid, Markdown or HTML would take for theirs is written as a number.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in visible::line(text).chars() {
        if char.is_alphanumeric() || matches!(char, ' ' | '-' | '.' | '/' | ':' | ',' | '(' | ')' | '×' | '⇒' | '⇢')
        {
            out.push(char);
        } else {
            out += &format!("#{};", u32::from(char));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_label() {
        assert_eq!(escaped("a-b.c/d: é"), "a-b.c/d: é");
        let hostile = escaped("\"]; end\n`<b>#lt;&amp;%%{init}%%");
        assert!(!hostile.contains(['"', ']', '<', '`', '&', '%', '{', '\n']), "{hostile}");
        assert_eq!(escaped("#;\""), "#35;#59;#34;");
        assert_eq!(escaped("a\nb"), "a#9226;b");
    }
}
