//! What was masked in manifests must not show in the source lines beside a finding either.

use rustc_hash::{FxHashMap as HashMap, FxHashSet as HashSet};

use crate::compare::{MASK, masked_line};
use crate::pipeline::gather::Gathered;
use crate::yaml::data::{Content, Datum};

/// Values that nobody may read, and the lines that set them.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    values: HashSet<String>,
    /// Values by the bytes that they begin with: a line is read once, whatever many there are.
    by_start: HashMap<[u8; START], Vec<String>>,
    lines: HashSet<(String, usize)>,
}

/// What is shorter is looked for nowhere but in the line that sets it.
const SHORTEST: usize = 6;
const START: usize = 4;

impl Secrets {
    pub(super) fn all(many: Vec<Self>) -> Self {
        let mut all = Self::default();
        for one in many {
            all.values.extend(one.values);
            all.lines.extend(one.lines);
        }
        for value in &all.values {
            if let Some(start) = value.as_bytes().first_chunk::<START>() {
                all.by_start.entry(*start).or_default().push(value.clone());
            }
        }
        // A value that begins with another one goes first.
        all.by_start.values_mut().for_each(|values| values.sort_by_key(|value| std::cmp::Reverse(value.len())));
        all
    }

    /// Takes in what an object has and its masked copy has not.
    pub(super) fn collect(&mut self, root: &Datum, masked: &Datum, gathered: &Gathered) {
        match (&root.content, &masked.content) {
            (Content::Scalar(text), Content::Scalar(shown)) if text != shown => {
                self.value(text, shown);
                if let Some(decoded) = decoded(text).filter(|_| shown == MASK) {
                    self.value(&decoded, MASK);
                }
                for place in gathered.setters(root.origin).into_iter().filter_map(|setter| setter.place) {
                    self.lines.insert((place.file, place.line));
                }
            }
            (Content::Sequence(items), Content::Sequence(masked)) => {
                items.iter().zip(masked).for_each(|(one, masked)| self.collect(one, masked, gathered));
            }
            (Content::Mapping(pairs), Content::Mapping(masked)) => {
                pairs.iter().zip(masked).for_each(|((_, one), (_, masked))| self.collect(one, masked, gathered));
            }
            _ => {}
        }
    }

    fn value(&mut self, text: &str, shown: &str) {
        let is_whole = shown == MASK;
        let mut shown = shown.lines();
        for line in text.lines() {
            let shown = if is_whole { "" } else { shown.next().unwrap_or_default() };
            let start = line.bytes().zip(shown.bytes()).take_while(|(one, other)| one == other).count();
            let rest = line.get(start..).unwrap_or(line);
            let other = shown.get(start..).unwrap_or_default();
            let end = rest.bytes().rev().zip(other.bytes().rev()).take_while(|(one, other)| one == other).count();
            let hidden = rest.get(..rest.len() - end).unwrap_or(rest).trim();
            // A plain word is a name of something else too.
            let is_word = hidden.bytes().all(|byte| byte.is_ascii_lowercase() || matches!(byte, b'-' | b'.' | b'_'));
            if hidden.len() >= SHORTEST && !is_word {
                self.values.insert(hidden.to_owned());
            }
        }
    }

    /// A text without the values.
    pub(super) fn masked(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        while let Some(char) = text[at..].chars().next() {
            let start = text.as_bytes()[at..].first_chunk::<START>();
            let values = start.and_then(|start| self.by_start.get(start));
            match values.and_then(|values| values.iter().find(|value| text[at..].starts_with(&***value))) {
                Some(value) => {
                    out.push_str(MASK);
                    at += value.len();
                }
                None => {
                    out.push(char);
                    at += char.len_utf8();
                }
            }
        }
        out
    }

    /// A line of a file: of one that sets a secret only the key is left.
    pub(super) fn line(&self, file: &str, line: usize, text: &str) -> String {
        if self.lines.contains(&(file.to_owned(), line)) {
            let key = text.find(": ").map(|at| at + 2).or_else(|| text.find('=').map(|at| at + 1));
            let key = key.unwrap_or(text.len() - text.trim_start_matches([' ', '-']).len());
            return format!("{}{MASK}", &text[..key]);
        }
        self.masked(&masked_line(text))
    }
}

/// What a value of a Secret's `data` stands for.
fn decoded(text: &str) -> Option<String> {
    use base64::Engine as _;
    let compact: String = text.split_whitespace().collect();
    let bytes = base64::engine::general_purpose::STANDARD.decode(compact).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_wherever_they_stand() {
        let mut secrets = Secrets::default();
        secrets.value("hunter2hunter2", MASK);
        secrets.value("postgres://app:s3cret-é@db/app", "postgres://app:<secret>@db/app");
        secrets.value("postgres", MASK);
        secrets.lines.insert(("a.yaml".to_owned(), 3));
        let secrets = Secrets::all(vec![secrets]);
        assert_eq!(secrets.masked("é hunter2hunter2, s3cret-é: postgres"), "é <secret>, <secret>: postgres");
        assert_eq!(secrets.line("a.yaml", 3, "  pin: \"1234\""), "  pin: <secret>");
        assert_eq!(secrets.line("a.yaml", 3, "- 1234"), "- <secret>");
        assert_eq!(secrets.line("a.yaml", 4, "  pin: \"1234\""), "  pin: \"1234\"");
        assert_eq!(secrets.line("b.yaml", 1, "password: hunter3hunter3"), "password: <secret>");
    }
}
