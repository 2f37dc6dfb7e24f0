//! Shapes and texts of a picture, measured.

use crate::view::html;

/// What a dot before an object says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Waited,
    Open,
    Pruned,
}

/// A part of a picture, from its own corner on.
#[derive(Clone, Debug, Default)]
pub(super) struct Drawing {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) body: String,
}

impl Drawing {
    pub(super) fn rect(&mut self, at: (u32, u32), size: (u32, u32), class: &str) {
        let ((x, y), (width, height)) = (at, size);
        self.body +=
            &format!("<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n");
    }

    /// A line of text by its start on the base line.
    pub(super) fn text(&mut self, x: u32, y: u32, class: &str, text: &str) {
        self.body += &format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>\n", html::text(text));
    }

    /// A line of text in parts, one behind the other, each of a class.
    pub(super) fn spans(&mut self, x: u32, y: u32, parts: &[(&str, &str)]) {
        let parts: String = parts
            .iter()
            .map(|(class, text)| format!("<tspan class=\"{class}\">{}</tspan>", html::text(text)))
            .collect::<Vec<_>>()
            .join(" ");
        self.body += &format!("<text x=\"{x}\" y=\"{y}\">{parts}</text>\n");
    }

    /// A line of text around its middle.
    pub(super) fn centered(&mut self, x: u32, y: u32, class: &str, text: &str) {
        self.body += &format!(
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>\n",
            html::text(text)
        );
    }

    /// Another drawing, with its corner there.
    pub(super) fn place(&mut self, x: u32, y: u32, other: &Drawing) {
        self.body += &format!("<g transform=\"translate({x} {y})\">\n{}</g>\n", other.body);
    }

    /// A drawing that shows a text to whoever points at it.
    pub(super) fn told(&mut self, about: &str, other: &Drawing) {
        self.body += &format!("<g>\n<title>{}</title>\n{}</g>\n", html::text(about), other.body);
    }

    pub(super) fn dot(&mut self, x: u32, y: u32, tone: Tone) {
        self.body += &match tone {
            Tone::Waited => format!("<circle class=\"wait\" cx=\"{x}\" cy=\"{y}\" r=\"4\"/>\n"),
            Tone::Open => format!("<circle class=\"open\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"/>\n"),
            Tone::Pruned => format!("<path class=\"cross\" d=\"M{} {}l7 7m0 -7l-7 7\"/>\n", x - 3, y - 3),
        };
    }

    /// A straight arrow, to the right or down.
    pub(super) fn arrow(&mut self, from: (u32, u32), to: (u32, u32), is_solid: bool) {
        let ((x, y), (end_x, end_y)) = (from, to);
        let (line, tip) = if is_solid { ("solid", "tip") } else { ("dashed", "tip-dashed") };
        let (stop, head) = if y == end_y {
            ((end_x.saturating_sub(7), end_y), format!("M{end_x} {end_y}l-9 -5v10z"))
        } else {
            ((end_x, end_y.saturating_sub(7)), format!("M{end_x} {end_y}l-5 -9h10z"))
        };
        self.body += &format!("<path class=\"{line}\" d=\"M{x} {y}L{} {}\"/>\n", stop.0, stop.1);
        self.body += &format!("<path class=\"{tip}\" d=\"{head}\"/>\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_text_and_nothing_else() {
        assert_eq!(html::text("</text>\"'&\n\0]]>"), "&lt;/text&gt;&quot;&#39;&amp;␊␀]]&gt;");
    }
}
