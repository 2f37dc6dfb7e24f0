//! The order as a picture that stands alone: cards of Applications, in them the waves, between them what is waited for.
//!
//! The waves of one Application go from left to right; those of an Application of Applications from top to bottom, each
//! with the cards of what it applies. Everything is measured before it is drawn, so nothing lies over anything else.

mod card;
mod draw;

use crate::view::html;
use crate::view::waves::Waves;
use crate::view::waves::forest::Forest;
use crate::view::waves::measure::width;
use draw::{Drawing, Tone};

const STYLE: &str = include_str!("style.css");

/// Space around what is drawn.
const MARGIN: u32 = 24;

/// The width that cards beside each other fill.
const PAGE: u32 = 1440;

pub(super) fn render(waves: &Waves) -> String {
    let forest = Forest::of(waves);
    let roots = forest.roots();
    let mut page = Drawing::default();
    let heading = waves.heading();
    page.text(MARGIN, 40, "title", &heading);
    let about = if waves.base.is_some() {
        "What Argo CD applies and prunes for this change, in its order, and what it waits for before it goes on"
    } else {
        "What Argo CD applies, in its order, and what it waits for before it goes on"
    };
    page.text(MARGIN, 62, "dim", about);
    let mut most = (width(&heading, 22)).max(width(about, 12));
    let mut bottom = 84;
    if roots.is_empty() {
        page.text(MARGIN, bottom + 16, "name", "Nothing that is synced changes.");
        bottom += 28;
    } else {
        let body = card::beside(&forest, &roots, PAGE);
        page.place(MARGIN, bottom, &body);
        most = most.max(body.width);
        bottom += body.height;
    }
    let legend = legend(waves.base.is_some());
    page.place(MARGIN, bottom + 20, &legend);
    most = most.max(legend.width);
    let (wide, high) = (most + 2 * MARGIN, bottom + 20 + legend.height + MARGIN);
    let (heading, about) = (html::text(&heading), html::text(about));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{wide}\" height=\"{high}\" viewBox=\"0 0 {wide} {high}\" \
         role=\"img\">\n<title>{heading}</title>\n<desc>{about}</desc>\n<style>\n{STYLE}</style>\n\
         <rect class=\"page\" width=\"{wide}\" height=\"{high}\"/>\n{}</svg>\n",
        page.body
    )
}

/// What the signs mean, on lines that are not wider than a page.
fn legend(is_change: bool) -> Drawing {
    type Sign = fn(&mut Drawing, u32, u32);
    let mut entries: Vec<(Sign, &str)> = vec![
        (|it, x, y| it.dot(x + 8, y, Tone::Waited), "waited for"),
        (|it, x, y| it.dot(x + 8, y, Tone::Open), "not waited for: no health check, or nothing follows"),
        (|it, x, y| it.dot(x + 8, y, Tone::Pruned), "pruned"),
        (|it, x, y| it.arrow((x, y), (x + 26, y), true), "goes on when that is done, after 2 s at least"),
        (|it, x, y| it.arrow((x, y), (x + 26, y), false), "goes on after 2 s, whatever became of it"),
    ];
    if is_change {
        entries.push((|it, x, y| it.text(x + 4, y + 4, "head new", "+ ~"), "added, changed"));
    }
    let mut legend = Drawing::default();
    let (mut x, mut y) = (0, 8);
    for (sign, text) in entries {
        let wide = 36 + width(text, 11) + 20;
        if x > 0 && x + wide > PAGE {
            (x, y) = (0, y + 22);
        }
        sign(&mut legend, x, y);
        legend.text(x + 34, y + 4, "tiny", text);
        x += wide;
        legend.width = legend.width.max(x);
    }
    legend.height = y + 10;
    legend
}
