//! Places as the editor counts them: lines from 0, columns in the units that both sides agreed on; and its addresses.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use lsp_types::{Position, Range, Uri};

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Units {
    Bytes,
    Utf16,
}

impl Units {
    fn count(self, text: &str) -> usize {
        match self {
            Self::Bytes => text.len(),
            Self::Utf16 => text.encode_utf16().count(),
        }
    }

    /// The place of a byte offset.
    pub(super) fn position(self, text: &str, offset: usize) -> Position {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.bytes().filter(|byte| *byte == b'\n').count();
        Position { line: small(line), character: small(self.count(&before[start..])) }
    }

    /// The place of a line and a column in characters, both from 1.
    pub(super) fn of(self, text: &str, line: usize, column: usize) -> Position {
        let content = text.split('\n').nth(line.saturating_sub(1)).unwrap_or_default();
        let before = content.char_indices().nth(column.saturating_sub(1)).map_or(content, |(at, _)| &content[..at]);
        Position { line: small(line.saturating_sub(1)), character: small(self.count(before)) }
    }

    /// The byte offset of a place; the nearest where there is no such place.
    pub(super) fn offset(self, text: &str, position: Position) -> usize {
        let mut start = 0;
        for _ in 0..position.line {
            match text[start..].find('\n') {
                Some(at) => start += at + 1,
                None => return text.len(),
            }
        }
        let line = text[start..].split('\n').next().unwrap_or_default();
        let line = line.strip_suffix('\r').unwrap_or(line);
        let mut left = position.character as usize;
        for (at, char) in line.char_indices() {
            let size = match self {
                Self::Bytes => char.len_utf8(),
                Self::Utf16 => char.len_utf16(),
            };
            if left < size {
                return start + at;
            }
            left -= size;
        }
        start + line.len()
    }
}

pub(super) fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// A place without extent.
pub(super) fn point(position: Position) -> Range {
    Range { start: position, end: position }
}

/// Where the lines of a text are in a later one: what was changed in between stands between what both begin and end with.
pub(super) struct Moved {
    same: usize,
    last: usize,
    by: isize,
    most: usize,
}

impl Moved {
    pub(super) fn between(then: &str, now: &str) -> Self {
        let (old, new): (Vec<&str>, Vec<&str>) = (then.lines().collect(), now.lines().collect());
        let same = old.iter().zip(&new).take_while(|(one, other)| one == other).count();
        let rest = old.len().min(new.len()) - same;
        let end = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(one, other)| one == other).count();
        let by = new.len().cast_signed() - old.len().cast_signed();
        Self { same, last: old.len() - end, by, most: new.len().saturating_sub(1) }
    }

    /// The line, from 0.
    pub(super) fn line(&self, line: u32) -> u32 {
        let at = line as usize;
        if at < self.same {
            return line;
        }
        let moved = if at >= self.last { at.saturating_add_signed(self.by) } else { at };
        small(moved.min(self.most))
    }
}

/// The path of a `file:` address; `None` for any other.
pub(super) fn path_of(uri: &Uri) -> Option<PathBuf> {
    let rest = uri.as_str().strip_prefix("file://")?;
    // A host would be another machine.
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    let path = path.split(['?', '#']).next().filter(|path| path.starts_with('/'))?;
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        bytes.push(digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())?);
        rest = &rest[2..];
    }
    let path = String::from_utf8(bytes).ok().filter(|path| !path.contains('\0'))?;
    let path = Path::new(&path);
    let is_plain = !path.components().any(|part| part == std::path::Component::ParentDir);
    is_plain.then(|| path.components().collect())
}

/// The address of a path.
pub(super) fn uri_of(path: &Path) -> Option<Uri> {
    let mut text = "file://".to_owned();
    for byte in path.to_str()?.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    Uri::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_what_was_agreed_on_and_lines_may_end_in_two() {
        let text = "a: é𝄞x\r\nb: 1\r\n";
        let x = text.find('x').unwrap_or(0);
        assert_eq!(Units::Utf16.position(text, x), Position { line: 0, character: 6 });
        assert_eq!(Units::Bytes.position(text, x), Position { line: 0, character: 9 });
        for units in [Units::Utf16, Units::Bytes] {
            for (at, _) in text.char_indices().filter(|(_, char)| *char != '\n' && *char != '\r') {
                assert_eq!(units.offset(text, units.position(text, at)), at);
            }
            assert_eq!(units.offset(text, Position { line: 0, character: 99 }), x + 1);
            assert_eq!(units.offset(text, Position { line: 99, character: 0 }), text.len());
        }
        // Within a character: its start.
        assert_eq!(Units::Utf16.offset(text, Position { line: 0, character: 5 }), "a: é".len());
        assert_eq!(Units::Utf16.of(text, 1, 6), Position { line: 0, character: 6 });
    }

    #[test]
    fn lines_move_with_what_is_typed_above_them() {
        let moved = Moved::between("a\nb\nc\nd\n", "a\nb\nx\ny\nc\nd\n");
        assert_eq!([0, 1, 2, 3].map(|line| moved.line(line)), [0, 1, 4, 5]);
        let moved = Moved::between("a\na\na\n", "a\na\n");
        assert_eq!([0, 1, 2].map(|line| moved.line(line)), [0, 1, 1]);
        assert_eq!(Moved::between("a\n", "").line(7), 0);
    }

    #[test]
    fn addresses_are_paths_and_back() {
        let path = Path::new("/a b/é/100%#?/x.yaml");
        let uri = uri_of(path).unwrap_or_else(|| panic!("no address"));
        assert_eq!(uri.as_str(), "file:///a%20b/%C3%A9/100%25%23%3F/x.yaml");
        assert_eq!(path_of(&uri).as_deref(), Some(path));
        for wrong in ["untitled:x", "file://host/x", "file:relative", "file:///a/%FF", "file:///a/../b", "file:///%00"]
        {
            let uri = Uri::from_str(wrong).unwrap_or_else(|_| panic!("{wrong}"));
            assert_eq!(path_of(&uri), None, "{wrong}");
        }
    }
}
