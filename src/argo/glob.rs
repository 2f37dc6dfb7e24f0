//! Patterns of Argo CD that are not those of paths: the globs of projects and directories, and Git's pathspecs.

/// Whether a glob of a project or a directory source means a text. `*` and `?` stop at the separators, `**` does not;
/// `[a-z]`, `[!a-z]`, `{a,b}` and `\` are known. Without separators `*` means everything. A malformed one means nothing.
pub(super) fn fits(pattern: &str, text: &str, separators: &[char]) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let text: Vec<char> = text.chars().collect();
    parse(&pattern, &mut 0, false).is_some_and(|tokens| {
        let tokens: Vec<&Token> = tokens.iter().collect();
        go(&tokens, &text, separators)
    })
}

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

fn go(tokens: &[&Token], text: &[char], separators: &[char]) -> bool {
    let Some((first, rest)) = tokens.split_first() else { return text.is_empty() };
    let one =
        |fits: &dyn Fn(char) -> bool| text.first().is_some_and(|char| fits(*char)) && go(rest, &text[1..], separators);
    match first {
        Token::Char(wanted) => one(&|char| char == *wanted),
        Token::Single => one(&|char| !separators.contains(&char)),
        Token::Class(negated, ranges) => {
            one(&|char| *negated != ranges.iter().any(|(low, high)| (*low..=*high).contains(&char)))
        }
        Token::Any | Token::Super => {
            let stops = matches!(first, Token::Any);
            for skipped in 0..=text.len() {
                if go(rest, &text[skipped..], separators) {
                    return true;
                }
                if stops && text.get(skipped).is_some_and(|char| separators.contains(char)) {
                    return false;
                }
            }
            false
        }
        Token::OneOf(choices) => choices.iter().any(|choice| {
            let all: Vec<&Token> = choice.iter().chain(rest.iter().copied()).collect();
            go(&all, text, separators)
        }),
    }
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
    wild(&spec, &path)
}

/// Git's wildmatch where `/` is a sign like any other.
fn wild(pattern: &[char], text: &[char]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return text.is_empty() };
    match first {
        '*' => (0..=text.len()).any(|skipped| wild(rest, &text[skipped..])),
        '?' => !text.is_empty() && wild(rest, &text[1..]),
        '\\' => !rest.is_empty() && text.first() == rest.first() && wild(&rest[1..], &text[1..]),
        '[' => {
            let negated = matches!(rest.first(), Some('!' | '^'));
            let start = usize::from(negated);
            // A `]` that comes first is a sign of the class.
            let Some(length) = rest.iter().skip(start + 1).position(|char| *char == ']') else { return false };
            let end = start + 1 + length;
            let Some(char) = text.first() else { return false };
            let signs = &rest[start..end];
            let mut is_in = false;
            let mut at = 0;
            while at < signs.len() {
                if signs.get(at + 1) == Some(&'-') && at + 2 < signs.len() {
                    is_in |= (signs[at]..=signs[at + 2]).contains(char);
                    at += 3;
                } else {
                    is_in |= signs[at] == *char;
                    at += 1;
                }
            }
            is_in != negated && wild(&rest[end + 1..], &text[1..])
        }
        char => text.first() == Some(char) && wild(rest, &text[1..]),
    }
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
        ] {
            assert_eq!(fits(pattern, text, separators), wanted, "{pattern} {text}");
        }
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
