//! Text from files made harmless to show: what would steer a terminal, or turn the direction of text, is shown instead.
//!
//! A manifest may hold anything: `"\e]0;…"` is a valid YAML scalar, and messages quote it.

use std::borrow::Cow;

/// Whether a character works on what shows it instead of being shown: control characters, marks that turn the direction
/// of text, and what XML cannot carry. Line feeds and tabs are among them.
pub(super) fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// All on one line, hidden characters shown.
pub fn line(text: &str) -> Cow<'_, str> {
    shown(text, is_hidden)
}

/// Hidden characters shown, line feeds and tabs kept.
pub fn lines(text: &str) -> Cow<'_, str> {
    shown(text, |char| is_hidden(char) && !matches!(char, '\n' | '\t'))
}

fn shown(text: &str, hidden: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match char {
            _ if !hidden(char) => out.push(char),
            // The pictures of these characters stand in the same order.
            '\0'..='\u{1f}' => out.extend(char::from_u32(0x2400 + u32::from(char))),
            '\u{7f}' => out.push('\u{2421}'),
            _ => out.push_str(&format!("\\u{{{:x}}}", u32::from(char))),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_shown() {
        let cases = [
            ("plain é 日本 🚀", "plain é 日本 🚀", "plain é 日本 🚀"),
            ("\u{1b}[31mred", "␛[31mred", "␛[31mred"),
            ("\u{9b}31mred\u{7f}", "\\u{9b}31mred␡", "\\u{9b}31mred␡"),
            ("a\nb\tc\r\n", "a␊b␉c␍␊", "a\nb\tc␍\n"),
            ("\u{202e}txt\u{2066}\u{2028}", "\\u{202e}txt\\u{2066}\\u{2028}", "\\u{202e}txt\\u{2066}\\u{2028}"),
            ("\0\u{ffff}", "␀\\u{ffff}", "␀\\u{ffff}"),
        ];
        for (text, on_one_line, on_lines) in cases {
            assert_eq!(line(text), on_one_line);
            assert_eq!(lines(text), on_lines);
        }
    }
}
