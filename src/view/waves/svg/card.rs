//! Cards of Applications: small ones, those with their waves, those with other Applications in their waves.

use crate::argo::{Phase, Step, Wait};
use crate::view::waves::forest::Forest;
use crate::view::waves::measure::{fitted, width, wrapped};
use crate::view::waves::svg::draw::{Drawing, Tone};
use crate::view::waves::words::{self, Group};
use crate::view::waves::{Application, Task, compact};

/// Space within a card, and between cards.
const PAD: u32 = 16;
/// The height of a line of objects.
const LINE: u32 = 20;
/// The height of a line of small text.
const SMALL: u32 = 15;
/// Where the waves of one Application leave room for an arrow.
const GAP: u32 = 58;
/// Names and what is said of a wave are at most so wide.
const WIDEST: u32 = 280;
/// The height of what stands above the objects of a wave.
const BAND: u32 = 28;

/// Applications without an order among them: small where they are many.
pub(super) fn beside(forest: &Forest<'_>, children: &[usize], most: u32) -> Drawing {
    let is_small = |at: usize| forest.is_small(at, children.len());
    let (small, whole): (Vec<usize>, Vec<usize>) = children.iter().partition(|at| is_small(**at));
    let mut drawings: Vec<Drawing> = Vec::new();
    drawings.extend(whole.iter().filter_map(|at| card(forest, *at, most)));
    let widest = |sizes: &[Drawing]| sizes.iter().map(|one| one.width).max().unwrap_or_default();
    let small: Vec<Drawing> = small.iter().filter_map(|at| small_card(forest, *at, 0)).collect();
    let wide = widest(&small);
    let small = children.iter().filter(|at| is_small(**at)).filter_map(|at| small_card(forest, *at, wide));
    drawings.extend(small);
    flow(&drawings, most)
}

/// Drawings beside each other, in rows.
fn flow(drawings: &[Drawing], most: u32) -> Drawing {
    let mut all = Drawing::default();
    let (mut x, mut y, mut high) = (0, 0, 0);
    for one in drawings {
        if x > 0 && x + one.width > most {
            (x, y, high) = (0, y + high + PAD, 0);
        }
        all.place(x, y, one);
        all.width = all.width.max(x + one.width);
        x += one.width + PAD;
        high = high.max(one.height);
        all.height = y + high;
    }
    all
}

/// The name, and on one line the waves in a few words each.
fn small_card(forest: &Forest<'_>, at: usize, least: u32) -> Option<Drawing> {
    let application = forest.application(at)?;
    let name = fitted(&words::title(application), 14, 2 * WIDEST);
    let mut inner = Drawing::default();
    let mut x = PAD;
    for chip in compact::chips(forest.waves, application) {
        let text = fitted(&chip.text, 11, WIDEST);
        let wide = width(&text, 11) + 14;
        let mut drawn = Drawing::default();
        drawn.rect((x, 38), (wide, 22), "step");
        drawn.text(x + 7, 53, if chip.is_pruned { "tiny red" } else { "tiny" }, &text);
        x += wide;
        if let Some(gate) = chip.gate {
            drawn.arrow((x + 2, 49), (x + 24, 49), gate);
            x += 26;
        }
        inner.told(&chip.about, &drawn);
    }
    if application.steps.is_empty() {
        let text = "nothing in the cluster changes";
        inner.text(x, 53, "tiny", text);
        x += width(text, 11);
    }
    let wide = least.max(x + PAD).max(width(&name, 15) + 2 * PAD);
    let mut card = Drawing { width: wide, height: 72, body: String::new() };
    card.rect((0, 0), (wide, 72), if application.is_deleted() { "card gone" } else { "card" });
    card.text(PAD, 24, if application.is_deleted() { "name red" } else { "name" }, &name);
    card.body += &inner.body;
    Some(card)
}

/// A card with all that there is to say.
fn card(forest: &Forest<'_>, at: usize, most: u32) -> Option<Drawing> {
    let application = forest.application(at)?;
    let inner = most.saturating_sub(2 * PAD);
    let steps: Vec<Drawing> = application.steps.iter().map(|step| across(forest, at, application, step)).collect();
    let gaps = GAP * u32::try_from(steps.len().saturating_sub(1)).unwrap_or(0);
    let is_row = !forest.has_children(at) && steps.iter().map(|step| step.width).sum::<u32>() + gaps <= inner;
    let body = if is_row { row(application, &steps) } else { column(forest, at, application, inner) };
    let name = fitted(&words::title(application), 14, inner);
    let place = fitted(&application.place(), 11, inner);
    let wide = body.width.max(width(&name, 15)).max(width(&place, 11)).max(240);
    let notes: Vec<String> = application.notes.iter().flat_map(|note| wrapped(note, 11, wide)).collect();
    let mut card = Drawing { width: wide + 2 * PAD, ..Drawing::default() };
    let mut y = 42;
    let mut top = Drawing::default();
    top.text(PAD, 24, if application.is_deleted() { "name red" } else { "name" }, &name);
    top.text(PAD, y, "tiny", &place);
    for note in &notes {
        y += SMALL;
        top.text(PAD, y, "tiny", note);
    }
    y += 14;
    top.place(PAD, y, &body);
    card.height = y + body.height + PAD;
    let class = if application.is_deleted() { "card gone" } else { "card" };
    card.rect((0, 0), (card.width, card.height), class);
    card.body += &top.body;
    Some(card)
}

/// Waves from left to right.
fn row(application: &Application, steps: &[Drawing]) -> Drawing {
    let mut all = Drawing::default();
    let mut x = 0;
    for (step, drawn) in application.steps.iter().zip(steps) {
        if x > 0 {
            x += GAP;
        }
        all.place(x, 0, drawn);
        x += drawn.width;
        all.height = all.height.max(drawn.height);
        if !step.is_last {
            all.arrow((x + 3, BAND / 2), (x + GAP - 3, BAND / 2), !step.waits.is_empty());
            if step.delay > 0 {
                let text = format!("{}{} s", if step.waits.is_empty() { "" } else { "≥ " }, step.delay);
                all.centered(x + GAP / 2, BAND + 2, "tiny", &text);
            }
        }
    }
    all.width = x;
    if steps.is_empty() {
        all.text(0, 14, "dim", "nothing in the cluster changes");
        (all.width, all.height) = (width("nothing in the cluster changes", 12), 20);
    }
    all
}

/// A wave of one Application among others from left to right: its objects, and below what it is waited for.
fn across(forest: &Forest<'_>, at: usize, application: &Application, step: &Step) -> Drawing {
    let lines = objects(forest, at, application, step);
    let heading = application.heading(step);
    let gate = match (step.is_last, words::waits(application, step)) {
        _ if step.phase == Phase::SyncFail => words::gate(application, step).unwrap_or_default(),
        (true, waits) if waits.is_empty() => String::new(),
        (true, waits) => format!("the sync ends when {waits}"),
        (false, waits) if waits.is_empty() => "nothing here is waited for".to_owned(),
        (false, waits) => format!("goes on when {waits}"),
    };
    let wide = (lines.width + 24).max(width(&heading, 13) + 24).max(if gate.is_empty() { 0 } else { 180 });
    let gate = if gate.is_empty() { Vec::new() } else { wrapped(&gate, 11, wide - 24) };
    let mut drawn = Drawing { width: wide, ..Drawing::default() };
    let below = u32::try_from(gate.len()).unwrap_or(0) * SMALL;
    drawn.height = BAND + 6 + lines.height + 8 + if below > 0 { below + 8 } else { 0 };
    drawn.rect((0, 0), (wide, drawn.height), "step");
    drawn.rect((1, 1), (wide - 2, BAND - 2), "band");
    drawn.text(12, 19, "head", &heading);
    drawn.place(12, BAND + 6, &lines);
    let mut y = BAND + 6 + lines.height + 8;
    for line in gate {
        y += SMALL;
        drawn.text(12, y - 3, "tiny", &line);
    }
    drawn
}

/// Waves from top to bottom, each with the cards of the Applications that it applies.
fn column(forest: &Forest<'_>, at: usize, application: &Application, most: u32) -> Drawing {
    let inner = most.saturating_sub(2 * PAD);
    let bands: Vec<(Drawing, Drawing)> = application
        .steps
        .iter()
        .map(|step| {
            let children: Vec<usize> = application.tasks_of(step).filter_map(|task| forest.child(at, task)).collect();
            (objects(forest, at, application, step), beside(forest, &children, inner))
        })
        .collect();
    let headings = application.steps.iter().map(|step| width(&application.heading(step), 13));
    let widths = bands.iter().flat_map(|(lines, cards)| [lines.width, cards.width]).chain(headings);
    let wide = widths.max().unwrap_or_default().max(420) + 2 * PAD;
    let mut all = Drawing { width: wide, ..Drawing::default() };
    let mut y = 0;
    for (step, (lines, cards)) in application.steps.iter().zip(&bands) {
        let space = |one: &Drawing| if one.height > 0 { one.height + 10 } else { 0 };
        let high = BAND + 10 + space(lines) + space(cards);
        all.rect((0, y), (wide, high), "step");
        all.rect((1, y + 1), (wide - 2, BAND - 2), "band");
        all.text(12, y + 19, "head", &application.heading(step));
        all.place(PAD, y + BAND + 10, lines);
        all.place(PAD, y + BAND + 10 + space(lines), cards);
        y += high;
        all.height = y;
        if step.is_last {
            y += PAD;
            continue;
        }
        let text = words::gate(application, step).unwrap_or_default();
        let text = wrapped(&text, 11, wide - 60);
        let high = (u32::try_from(text.len()).unwrap_or(0) * SMALL + 14).max(36);
        all.arrow((30, y + 3), (30, y + high - 3), !step.waits.is_empty());
        let mut line = y + (high - u32::try_from(text.len()).unwrap_or(0) * SMALL) / 2 + 11;
        for part in &text {
            all.text(46, line, "tiny", part);
            line += SMALL;
        }
        y += high;
    }
    all
}

/// The objects of a wave, one line a group, without the Applications that have cards.
fn objects(forest: &Forest<'_>, at: usize, application: &Application, step: &Step) -> Drawing {
    let is_child = |task: &Task| forest.child(at, task).is_some();
    let mut all = Drawing::default();
    for group in words::groups(forest.waves, application, step, is_child) {
        let is_waited = !step.waits.is_empty() && group.first.wait != Wait::Nothing;
        object(&mut all, &group, is_waited);
    }
    if let Some(unchanged) = words::unchanged(forest.waves, application, step) {
        all.text(16, all.height + 14, "tiny", &unchanged);
        all.width = all.width.max(16 + width(&unchanged, 11));
        all.height += LINE;
    }
    all
}

fn object(all: &mut Drawing, group: &Group<'_>, is_waited: bool) {
    let y = all.height;
    let mut drawn = Drawing::default();
    let tone = match (group.is_pruned(), is_waited) {
        (true, _) => Tone::Pruned,
        (_, true) => Tone::Waited,
        _ => Tone::Open,
    };
    drawn.dot(4, y + 10, tone);
    let sign = group.sign().filter(|_| !group.is_pruned()).map(String::from);
    let label = fitted(&group.label(), 12, WIDEST);
    let remark = group.remark().map(|remark| fitted(&remark, 11, WIDEST / 2));
    let mut parts = Vec::new();
    parts.extend(sign.as_deref().map(|sign| ("head new", sign)));
    parts.push((if group.is_pruned() { "red" } else { "plain" }, label.as_str()));
    let class = if group.first.task.hook { "tiny hook" } else { "tiny" };
    parts.extend(remark.as_deref().map(|remark| (class, remark)));
    drawn.spans(16, y + 14, &parts);
    let wide = 16 + parts.iter().map(|(_, text)| width(text, 12) + 6).sum::<u32>();
    all.told(&format!("{} {}", group.first.task.kind, group.names.join(", ")), &drawn);
    all.width = all.width.max(wide);
    all.height += LINE;
}
