//! Patterns of Argo CD that are not those of paths: the globs of projects and directories, and Git's pathspecs.

/// Whether a glob of a project or a directory source means a text. `*` and `?` stop at the separators, `**` does not;
/// `[a-z]`, `[!a-z]`, `{a,b}` and `\` are known. Without separators `*` means everything. A malformed one means nothing.
pub(super) fn fits(pattern: &str, text: &str, separators: &[char]) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    if pattern.len() > LONGEST {
        return false;
    }
    parse(&pattern, &mut 0, false).is_some_and(|tokens| leads_through(&tokens, &text, separators))
}

/// No pattern that a person writes is longer.
const LONGEST: usize = 1000;

#[derive(Debug)]
enum Token {
    Any,
    Super,
    Single,
    Char(char),
    Class(bool, Vec<(char, char)>),
    OneOf(Vec<Vec<Token>>),
}

/// The tokens up to the end, or within braces up to `,` or `}`.
fn parse(pattern: &[char], at: &mut usize, nested: bool) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    while let Some(char) = pattern.get(*at).copied() {
        *at += 1;
        tokens.push(match char {
            ',' | '}' if nested => {
                *at -= 1;
                return Some(tokens);
            }
            '*' if pattern.get(*at) == Some(&'*') => {
                while pattern.get(*at) == Some(&'*') {
                    *at += 1;
                }
                Token::Super
            }
            '*' => Token::Any,
            '?' => Token::Single,
            '\\' => {
                *at += 1;
                Token::Char(*pattern.get(*at - 1)?)
            }
            '[' => class(pattern, at)?,
            '{' => {
                let mut choices = Vec::new();
                loop {
                    choices.push(parse(pattern, at, true)?);
                    *at += 1;
                    match pattern.get(*at - 1)? {
                        ',' => {}
                        _ => break Token::OneOf(choices),
                    }
                }
            }
            char => Token::Char(char),
        });
    }
    (!nested).then_some(tokens)
}

/// `[abc]`, `[a-c]` and either with `!`: a list of signs or one range, not both.
fn class(pattern: &[char], at: &mut usize) -> Option<Token> {
    let negated = pattern.get(*at) == Some(&'!');
    *at += usize::from(negated);
    let length = pattern.get(*at..)?.iter().position(|char| *char == ']')?;
    let signs = &pattern[*at..*at + length];
    *at += length + 1;
    match signs {
        [low, '-', high] if low <= high => Some(Token::Class(negated, vec![(*low, *high)])),
        [] | [_, '-', _] => None,
        signs => Some(Token::Class(negated, signs.iter().map(|char| (*char, *char)).collect())),
    }
}

/// The places of a text that can be reached from others over tokens. Every place is looked at once a token, so that no
/// pattern takes longer than its length times that of the text.
fn reached(tokens: &[Token], mut from: Vec<bool>, text: &[char], separators: &[char]) -> Vec<bool> {
    for token in tokens {
        let mut next = vec![false; from.len()];
        let mut one = |fits: &dyn Fn(char) -> bool| {
            for (at, char) in text.iter().enumerate() {
                next[at + 1] = from[at] && fits(*char);
            }
        };
        match token {
            Token::Char(wanted) => one(&|char| char == *wanted),
            Token::Single => one(&|char| !separators.contains(&char)),
            Token::Class(negated, ranges) => {
                one(&|char| *negated != ranges.iter().any(|(low, high)| (*low..=*high).contains(&char)));
            }
            Token::Any | Token::Super => {
                let stops = matches!(token, Token::Any);
                for at in 0..next.len() {
                    let goes_on = at > 0 && next[at - 1] && !(stops && separators.contains(&text[at - 1]));
                    next[at] = from[at] || goes_on;
                }
            }
            Token::OneOf(choices) => {
                for choice in choices {
                    let places = reached(choice, from.clone(), text, separators);
                    next.iter_mut().zip(places).for_each(|(known, place)| *known |= place);
                }
            }
        }
        from = next;
    }
    from
}

/// Whether tokens lead from the start of a text to its end.
fn leads_through(tokens: &[Token], text: &[char], separators: &[char]) -> bool {
    let mut from = vec![false; text.len() + 1];
    from[0] = true;
    reached(tokens, from, text, separators).last() == Some(&true)
}

/// Whether a pathspec of `git ls-files` means a file: the file itself, a directory above it, or a pattern whose `*`
/// crosses `/`.
pub(super) fn is_in_pathspec(spec: &str, path: &str) -> bool {
    let spec = spec.strip_prefix("./").unwrap_or(spec);
    let directory = spec.trim_end_matches('/');
    if directory.is_empty() || directory == "." {
        return !spec.starts_with('/');
    }
    let is_below = path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'));
    if path == spec || is_below {
        return true;
    }
    let (spec, path): (Vec<char>, Vec<char>) = (spec.chars().collect(), path.chars().collect());
    spec.len() <= LONGEST && pathspec(&spec).is_some_and(|tokens| leads_through(&tokens, &path, &[]))
}

/// The tokens of Git's wildmatch where `/` is a sign like any other; `None` where the pattern is malformed.
fn pathspec(pattern: &[char]) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(char) = pattern.get(at) {
        at += 1;
        tokens.push(match char {
            '*' => Token::Super,
            '?' => Token::Single,
            '\\' => {
                at += 1;
                Token::Char(*pattern.get(at - 1)?)
            }
            '[' => {
                let negated = matches!(pattern.get(at), Some('!' | '^'));
                at += usize::from(negated);
                // A `]` that comes first is a sign of the class.
                let length = 1 + pattern.get(at + 1..)?.iter().position(|char| *char == ']')?;
                let signs = &pattern[at..at + length];
                at += length + 1;
                let mut ranges = Vec::new();
                let mut rest = signs;
                while let [first, more @ ..] = rest {
                    (ranges, rest) = match more {
                        ['-', high, after @ ..] => ([ranges, vec![(*first, *high)]].concat(), after),
                        _ => ([ranges, vec![(*first, *first)]].concat(), more),
                    };
                }
                Token::Class(negated, ranges)
            }
            char => Token::Char(*char),
        });
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_of_projects() {
        for (pattern, text, separators, wanted) in [
            ("*", "https://a/b", &[][..], true),
            ("https://github.com/*", "https://github.com/a", &['/'], true),
            ("https://github.com/*", "https://github.com/a/b", &['/'], false),
            ("https://github.com/**", "https://github.com/a/b", &['/'], true),
            ("*", "", &['/'], true),
            ("team-*", "team-a", &[], true),
            ("team-?", "team-ab", &[], false),
            ("{dev,staging}-*", "staging-shop", &[], true),
            ("{dev,staging}-*", "prod-shop", &[], false),
            ("[a-c]x", "bx", &[], true),
            ("[!a-c]x", "bx", &[], false),
            ("[abc]x", "cx", &[], true),
            ("{*.yaml,*.yml}", "sub/a.yml", &[], true),
            ("{a", "a", &[], false),
            ("[", "[", &[], false),
            ("a,b", "a,b", &[], true),
            ("**/x", "a/b/x", &['/'], true),
            ("*/x", "a/b/x", &['/'], false),
            ("{a,{b,c}d}*", "cd-e", &[], true),
        ] {
            assert_eq!(fits(pattern, text, separators), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn hostile_patterns_take_no_time() {
        let text = "a".repeat(5000);
        assert!(!fits(&"*a".repeat(400).replace("*a*a", "{*a,**a}"), &format!("{text}b"), &[]));
        assert!(!is_in_pathspec(&format!("{}c", "*a".repeat(400)), &text));
        assert!(!fits(&"{".repeat(100_000), &text, &[]));
    }

    #[test]
    fn pathspecs_of_git() {
        for (spec, path, wanted) in [
            ("apps/*/config.json", "apps/a/config.json", true),
            ("apps/*/config.json", "apps/a/b/config.json", true),
            ("apps/**/config.json", "apps/a/b/config.json", true),
            ("apps/**/config.json", "apps/config.json", false),
            ("apps", "apps/a/b", true),
            ("apps/", "apps/a", true),
            ("apps", "apps2/a", false),
            ("*.yaml", "a/b.yaml", true),
            ("a[0-9].yaml", "a1.yaml", true),
            ("a[!0-9].yaml", "a1.yaml", false),
            ("a?c", "a/c", true),
            ("./a.yaml", "a.yaml", true),
        ] {
            assert_eq!(is_in_pathspec(spec, path), wanted, "{spec} {path}");
        }
    }
}
