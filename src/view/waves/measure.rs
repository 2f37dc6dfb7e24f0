//! How wide a text is at most: a picture does not know with which font it will be shown.

/// The width of a text in pixels, generously: as wide as the widest of the usual fonts without serifs would set it.
pub(super) fn width(text: &str, size: u32) -> u32 {
    let hundredths: u32 = text.chars().map(of).sum();
    hundredths.saturating_mul(size) / 100 + 1
}

/// The width of a character, in hundredths of the size.
fn of(char: char) -> u32 {
    match char {
        'i' | 'j' | 'l' | '\'' => 30,
        'f' | 't' | 'r' | 'I' | ' ' | '.' | ',' | ':' | ';' | '|' | '!' | '-' | '/' | '(' | ')' | '[' | ']' => 42,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 102,
        'a'..='z' | '0'..='9' | '"' | '_' | '*' => 65,
        'A'..='Z' | '+' | '=' | '<' | '>' | '~' | '#' | '&' => 86,
        char if char.is_ascii() => 86,
        '×' | '·' => 86,
        // Marks that stand above or below the letter before.
        '\u{300}'..='\u{36f}' => 0,
        '\u{80}'..='\u{24f}' => 90,
        // Everything else may be as wide as it is high, or a picture.
        _ => 130,
    }
}

/// A text that fits into a width: its middle gives way.
pub(super) fn fitted(text: &str, size: u32, most: u32) -> String {
    if width(text, size) <= most {
        return text.to_owned();
    }
    let chars: Vec<char> = text.chars().collect();
    let mut kept = chars.len();
    while kept > 1 {
        kept -= 1;
        let (head, tail) = (kept.div_ceil(2), kept / 2);
        let short: String =
            chars.iter().take(head).chain(&['…']).chain(chars.iter().skip(chars.len() - tail)).collect();
        if width(&short, size) <= most {
            return short;
        }
    }
    "…".to_owned()
}

/// A text as lines that fit into a width, broken at spaces.
pub(super) fn wrapped(text: &str, size: u32, most: u32) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        let word = fitted(word, size, most);
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}"), size) <= most => *line = format!("{line} {word}"),
            _ => lines.push(word),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_and_wrapped_fits() {
        let long = "a-service-with-a-name-that-nobody-can-read-without-glasses";
        let short = fitted(long, 12, 120);
        assert!(width(&short, 12) <= 120 && short.starts_with("a-ser") && short.ends_with("sses"), "{short}");
        assert_eq!(fitted("short", 12, 120), "short");
        assert_eq!(fitted("日本語", 12, 10), "…");
        let lines = wrapped(&format!("one two three {long} four"), 12, 120);
        assert!(lines.len() >= 3 && lines.iter().all(|line| width(line, 12) <= 120), "{lines:?}");
        assert_eq!(wrapped("", 12, 100), [""]);
    }
}
