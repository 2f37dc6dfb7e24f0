//! Patterns of paths as Go's `path.Match` has them: `*` and `?` stop at `/`, `[a-z]` is a class, `\` escapes.

/// Whether a pattern means the whole path; a malformed one means nothing.
pub fn fits(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<char>, Vec<char>) = (pattern.chars().collect(), path.chars().collect());
    is_valid(&pattern) && go(&pattern, &path)
}

/// What one sign of a pattern is.
enum Token {
    Any,
    One(fn(char) -> bool),
    Char(char),
    Class(bool, Vec<(char, char)>),
}

/// The first token and how many signs it takes; `None` where it is malformed.
fn token(pattern: &[char]) -> Option<(Token, usize)> {
    match *pattern.first()? {
        '*' => Some((Token::Any, 1)),
        '?' => Some((Token::One(|char| char != '/'), 1)),
        '\\' => Some((Token::Char(*pattern.get(1)?), 2)),
        '[' => class(pattern),
        char => Some((Token::Char(char), 1)),
    }
}

fn class(pattern: &[char]) -> Option<(Token, usize)> {
    let mut at = 1;
    let negated = pattern.get(at) == Some(&'^');
    at += usize::from(negated);
    let sign = |at: &mut usize| {
        let char = *pattern.get(*at)?;
        if matches!(char, '-' | ']') {
            return None;
        }
        *at += 1;
        if char != '\\' {
            return Some(char);
        }
        *at += 1;
        pattern.get(*at - 1).copied()
    };
    let mut ranges = Vec::new();
    loop {
        if pattern.get(at) == Some(&']') && !ranges.is_empty() {
            return Some((Token::Class(negated, ranges), at + 1));
        }
        let low = sign(&mut at)?;
        let high = if pattern.get(at) == Some(&'-') {
            at += 1;
            sign(&mut at)?
        } else {
            low
        };
        ranges.push((low, high));
    }
}

fn is_valid(mut pattern: &[char]) -> bool {
    while !pattern.is_empty() {
        let Some((_, length)) = token(pattern) else { return false };
        pattern = &pattern[length..];
    }
    true
}

/// Goes along; a `*` that was met last is where to go on when what follows does not fit.
fn go(pattern: &[char], path: &[char]) -> bool {
    let (mut at, mut from, mut back) = (0, 0, None);
    loop {
        if at == pattern.len() && from == path.len() {
            return true;
        }
        let step = token(&pattern[at..]).and_then(|(token, length)| {
            let char = path.get(from).copied();
            let fits = match token {
                Token::Any => {
                    back = Some((at + 1, from));
                    return Some((at + 1, from));
                }
                Token::One(is) => char.is_some_and(is),
                Token::Char(wanted) => char == Some(wanted),
                Token::Class(negated, ranges) => {
                    char.is_some_and(|char| negated != ranges.iter().any(|(low, high)| (*low..=*high).contains(&char)))
                }
            };
            fits.then_some((at + length, from + 1))
        });
        match (step, back) {
            (Some(next), _) => (at, from) = next,
            (None, Some((after, start))) if path.get(start).is_some_and(|char| *char != '/') => {
                back = Some((after, start + 1));
                (at, from) = (after, start + 1);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_go() {
        // The cases of Go's own test, and a few of paths.
        for (pattern, path, wanted) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxexxx/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[]a]", "]", false),
            ("[", "a", false),
            ("[^", "a", false),
            ("a[", "a", false),
            ("*x", "xxx", true),
            ("apps/*", "apps/a", true),
            ("apps/*", "apps/a/b", false),
            ("apps/**", "apps/a/b", false),
            ("apps/*/overlays/*", "apps/a/overlays/dev", true),
        ] {
            assert_eq!(fits(pattern, path), wanted, "{pattern} {path}");
        }
    }
}
