//! Text made safe for a page: as HTML or XML, as data in a script block, as a part of a URL.

use crate::report::visible;

/// Text on one line, as HTML.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push(&mut out, text);
    out
}

/// A sentence, as HTML: what stands between backticks is code.
pub(super) fn prose(sentence: &str) -> String {
    let mut out = String::with_capacity(sentence.len() + 26);
    let parts: Vec<&str> = sentence.split('`').collect();
    for (at, part) in parts.iter().enumerate() {
        // A backtick without another one is a backtick.
        let is_code = at % 2 == 1 && at + 1 < parts.len();
        let (before, after) = if is_code { ("<code>", "</code>") } else { ("", "") };
        out.push_str(before);
        if at % 2 == 1 && !is_code {
            out.push('`');
        }
        push(&mut out, part);
        out.push_str(after);
    }
    out
}

/// Text on several lines, as HTML.
pub(super) fn block(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    escape(&mut out, &visible::lines(text));
    out
}

/// Appends text on one line, as HTML.
pub(super) fn push(out: &mut String, text: &str) {
    escape(out, &visible::line(text));
}

fn escape(out: &mut String, visible: &str) {
    for char in visible.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            char => out.push(char),
        }
    }
}

/// A text as JSON in a script block: nothing in it can end the block, or begin a comment.
pub(super) fn json(out: &mut String, text: &str) {
    out.push('"');
    for char in visible::line(text).chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            char => out.push(char),
        }
    }
    out.push('"');
}

/// A part of a URL, as `encodeURIComponent` writes it.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_its_place() {
        let hostile = "</script><!--\"'&\\\u{202e}\n\u{1b}é";
        let mut data = String::new();
        json(&mut data, hostile);
        assert!(!data[1..data.len() - 1].contains(['<', '>', '&', '\n', '\u{202e}', '\u{1b}']), "{data}");
        let back: String = serde_json::from_str(&data).unwrap_or_default();
        assert_eq!(back, "</script><!--\"'&\\\\u{202e}␊␛é");
        assert_eq!(text(hostile), "&lt;/script&gt;&lt;!--&quot;&#39;&amp;\\\\u{202e}␊␛é");
        assert_eq!(prose("`<a>` is `b"), "<code>&lt;a&gt;</code> is `b");
        assert_eq!(encoded("a b/é"), "a%20b%2F%C3%A9");
    }
}
