//! What a text gives away: names that promise a secret, values that are none, passwords in URLs, and the tokens of
//! providers, which say by their first letters what they are.
//!
//! Every rule here is a trade: a demonstration's `password: changeme` is a true finding, `SECRET_NAME: web-tls` is none.

use base64::Engine;

/// Words at the end of a name that make its value a secret.
const SECRET_WORDS: &[&str] =
    &["password", "passwd", "passphrase", "secret", "token", "apikey", "pwd", "credentials", "bearer"];

/// Words before `key` that make it a secret.
const KEYS: &[&str] = &[
    "api",
    "secret",
    "access",
    "private",
    "encryption",
    "signing",
    "auth",
    "master",
    "account",
    "storage",
    "shared",
    "hmac",
    "ssh",
];

/// Words behind a name that change nothing about it.
const TAILS: &[&str] =
    &["prod", "production", "staging", "dev", "test", "base64", "b64", "value", "default", "base", "content"];

/// The words of a name: `dbPassword`, `DB_PASSWORD` and `db.password` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut is_open = false;
    let mut was_lower = false;
    for char in name.chars() {
        if !char.is_ascii_alphanumeric() {
            is_open = false;
            continue;
        }
        if !is_open || (was_lower && char.is_ascii_uppercase()) {
            words.push(String::new());
        }
        is_open = true;
        was_lower = char.is_ascii_lowercase() || char.is_ascii_digit();
        if let Some(word) = words.last_mut() {
            word.push(char.to_ascii_lowercase());
        }
    }
    words
}

/// The last word of a name, in small letters.
pub fn last_word(name: &str) -> String {
    words(name).pop().unwrap_or_default()
}

/// Whether a name promises a secret: its last words say what the value is, so that `TOKEN_URL` is none.
pub fn names_secret(name: &str) -> bool {
    let words = words(name);
    let mut words = &words[..];
    while let [rest @ .., last] = words {
        let is_tail = TAILS.contains(&last.as_str()) || last.bytes().all(|byte| byte.is_ascii_digit());
        if rest.is_empty() || !is_tail {
            break;
        }
        words = rest;
    }
    match words {
        [.., before, last] if last == "key" => KEYS.contains(&before.as_str()),
        [.., last] => last == "pass" || SECRET_WORDS.iter().any(|word| last.ends_with(word)),
        [] => false,
    }
}

/// Signs that something fills the value in later, or fetches it.
const TEMPLATES: &[&str] = &["${", "{{", "<path:", "$(", "<%", "%(", "@@", "__SECRET"];

/// Where references to stores of secrets begin.
const REFERENCES: &[&str] = &[
    "vault:",
    "ref+",
    "op://",
    "secretref",
    "arn:aws:",
    "file:",
    "sm://",
    "gcpsm://",
    "awssm://",
    "k8s:",
    "env:",
    "keyvault",
    "secret:",
    "ENC[",
    "projects/",
];

/// Whether a value stands for one that something else puts in: empty, a template, a reference, a blank to fill in.
pub fn is_placeholder(value: &str) -> bool {
    let value = value.trim().trim_matches(['"', '\'']);
    let lower = value.to_ascii_lowercase();
    let first = value.chars().next();
    let is_variable =
        value.strip_prefix('$').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
            && !value.starts_with("$apr1$");
    value.is_empty()
        || is_variable
        || TEMPLATES.iter().any(|sign| value.contains(sign))
        || REFERENCES.iter().any(|start| value.starts_with(start))
        || value.starts_with('<') && value.ends_with('>')
        || value.starts_with('%') && value.ends_with('%') && value.len() > 2
        || value.chars().all(|char| Some(char) == first)
        || ["replace", "placeholder", "redacted", "your-", "your_", "<your", "insert-", "to-be-"]
            .iter()
            .any(|word| lower.contains(word))
        || [
            "true",
            "false",
            "yes",
            "no",
            "none",
            "null",
            "nil",
            "undefined",
            "todo",
            "tbd",
            "n/a",
            "on",
            "off",
            "disabled",
            "enabled",
        ]
        .contains(&lower.as_str())
        || lower.trim_matches('x').is_empty()
        || lower.chars().all(|char| char == '*' || char == '.')
}

/// Whether something has encrypted a value, or a file: SOPS, age, PGP, Ansible, git-crypt.
pub fn is_encrypted(value: &[u8]) -> bool {
    const SIGNS: [&[u8]; 7] = [
        b"ENC[AES256_GCM",
        b"-----BEGIN AGE ENCRYPTED FILE",
        b"age-encryption.org/",
        b"-----BEGIN PGP MESSAGE",
        b"$ANSIBLE_VAULT;",
        b"\0GITCRYPT\0",
        b"-----BEGIN ENCRYPTED PRIVATE KEY",
    ];
    SIGNS.iter().any(|sign| value.windows(sign.len()).any(|window| window == *sign))
}

/// Whether the value of a name that promises a secret is one: not a path, a URL without a password, a number of a few
/// digits, or the name of an object.
pub fn is_secret_value(value: &str) -> bool {
    let value = value.trim();
    let is_number = value.len() <= 5 && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let is_duration = value.len() <= 6
        && value.ends_with(['s', 'm', 'h', 'd'])
        && value.starts_with(|char: char| char.is_ascii_digit())
        && value[..value.len() - 1].bytes().all(|byte| byte.is_ascii_digit());
    let is_path = value.starts_with(['/', '.', '~']) && value.contains('/') && !value.contains(['=', '+']);
    let is_url = value.contains("://") && passwords(value).is_empty();
    let names_object = crate::kube::is_subdomain(value)
        && [
            "secret",
            "secrets",
            "tls",
            "cert",
            "certs",
            "credentials",
            "creds",
            "token",
            "password",
            "key",
            "keys",
            "auth",
        ]
        .iter()
        .any(|end| value.strip_suffix(end).is_some_and(|rest| rest.ends_with(['-', '.'])));
    let is_other = is_number || is_duration || is_path || is_url || names_object;
    !(is_other || is_placeholder(value) || is_encrypted(value.as_bytes()))
}

/// The passwords in a text's URLs, such as `postgres://user:password@host`, by where they are, and those of connection
/// strings, such as `Server=db;User Id=sa;Password=…`. Comments and examples in them do not count.
pub fn passwords(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = text[from..].find("://") {
        let start = from + at + 3;
        from = start;
        let rest = &text[start..];
        let end = rest
            .find(|char: char| char.is_whitespace() || matches!(char, '/' | '"' | '\'' | '<' | '>' | '`' | ',' | '|'))
            .unwrap_or(rest.len());
        let Some((user, _)) = rest[..end].rsplit_once('@') else { continue };
        let Some((name, password)) = user.split_once(':') else { continue };
        let is_word = |text: &str| !text.contains(['{', '}', '(', ')', '[', ']', '\\', '*']);
        if is_word(name) && is_word(password) && !is_blank(password) && !is_in_comment(text, start) {
            let at = start + name.len() + 1;
            found.push(at..at + password.len());
        }
    }
    found.extend(connection_passwords(text));
    found
}

/// What stands for a password in the explanation of a URL.
fn is_blank(password: &str) -> bool {
    is_placeholder(password) || ["password", "pass", "pw", "passwd", "<password>", "secret"].contains(&password)
}

/// `key=value` pairs of which one is a password and another names a server.
fn connection_passwords(text: &str) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        if !line.contains(';') && !line.contains(" dbname=") {
            continue;
        }
        let lower = line.to_ascii_lowercase();
        let is_connection = ["server=", "data source=", "host=", "accountname=", "endpoint=", "addr="]
            .iter()
            .any(|word| lower.contains(word));
        for word in ["password=", "pwd=", "accountkey=", "sharedaccesskey="] {
            let Some(at) = lower.find(word).filter(|_| is_connection) else { continue };
            let value = &line[at + word.len()..];
            let end = value.find([';', '"', '\'', '\n']).unwrap_or(value.len());
            let end = if line.contains(';') { end } else { value.find(char::is_whitespace).unwrap_or(end).min(end) };
            if !is_placeholder(&value[..end]) && !is_in_comment(text, start + at) {
                let from = start + at + word.len();
                found.push(from..from + end);
            }
        }
    }
    found
}

/// Whether the line of a place is a comment up to there.
pub fn is_in_comment(text: &str, at: usize) -> bool {
    let line = text[..at].rfind('\n').map_or(0, |line| line + 1);
    let start = text[line..at].trim_start();
    ["#", "//", ";", "-- ", "*", "<!--"].iter().any(|sign| start.starts_with(sign)) || text[line..at].contains(" # ")
}

/// How a provider's tokens look.
struct Token {
    what: &'static str,
    prefix: &'static str,
    /// Letters behind the prefix, at least and at most.
    length: (usize, usize),
    letters: Letters,
}

#[derive(Clone, Copy, PartialEq)]
enum Letters {
    /// `A-Z0-9`
    Capital,
    /// `0-9a-f`
    Hex,
    /// `A-Za-z0-9`
    Alphanumeric,
    /// `A-Za-z0-9_-`
    Word,
    /// `A-Za-z0-9_.-`
    Dotted,
    /// What URLs have in a path.
    Path,
}

impl Letters {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Capital => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Hex => byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'),
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Word => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Self::Dotted => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Self::Path => byte.is_ascii_alphanumeric() || byte == b'/',
        }
    }
}

const fn token(what: &'static str, prefix: &'static str, length: (usize, usize), letters: Letters) -> Token {
    Token { what, prefix, length, letters }
}

/// Sources: the providers' pages on the formats of their tokens.
const TOKENS: &[Token] = &[
    token("an AWS access key", "AKIA", (16, 16), Letters::Capital),
    token("an AWS access key", "ASIA", (16, 16), Letters::Capital),
    token("a GitHub token", "ghp_", (36, 255), Letters::Alphanumeric),
    token("a GitHub token", "gho_", (36, 255), Letters::Alphanumeric),
    token("a GitHub token", "ghu_", (36, 255), Letters::Alphanumeric),
    token("a GitHub token", "ghs_", (36, 255), Letters::Alphanumeric),
    token("a GitHub token", "ghr_", (36, 255), Letters::Alphanumeric),
    token("a GitHub token", "github_pat_", (70, 255), Letters::Word),
    token("a GitLab token", "glpat-", (20, 64), Letters::Dotted),
    token("a GitLab token", "gldt-", (20, 64), Letters::Word),
    token("a GitLab token", "glrt-", (20, 64), Letters::Dotted),
    token("a GitLab token", "glptt-", (40, 40), Letters::Hex),
    token("a Slack token", "xoxb-", (24, 255), Letters::Word),
    token("a Slack token", "xoxp-", (24, 255), Letters::Word),
    token("a Slack token", "xoxa-", (24, 255), Letters::Word),
    token("a Slack token", "xapp-", (24, 255), Letters::Word),
    token("a Slack webhook", "hooks.slack.com/services/", (36, 90), Letters::Path),
    token("a Stripe key", "sk_live_", (20, 255), Letters::Alphanumeric),
    token("a Stripe key", "rk_live_", (20, 255), Letters::Alphanumeric),
    token("a Stripe key", "sk_test_", (20, 255), Letters::Alphanumeric),
    token("a Stripe webhook secret", "whsec_", (32, 64), Letters::Alphanumeric),
    token("a Google API key", "AIza", (35, 35), Letters::Word),
    token("a Google client secret", "GOCSPX-", (28, 28), Letters::Word),
    token("a Google access token", "ya29.", (60, 500), Letters::Word),
    token("an npm token", "npm_", (36, 36), Letters::Alphanumeric),
    token("a PyPI token", "pypi-AgE", (80, 500), Letters::Word),
    token("a Docker Hub token", "dckr_pat_", (27, 27), Letters::Word),
    token("a Hugging Face token", "hf_", (34, 34), Letters::Alphanumeric),
    token("an Anthropic key", "sk-ant-", (80, 200), Letters::Word),
    token("an OpenAI key", "sk-proj-", (40, 250), Letters::Word),
    token("a SendGrid key", "SG.", (66, 66), Letters::Dotted),
    token("a DigitalOcean token", "dop_v1_", (64, 64), Letters::Hex),
    token("a Shopify token", "shpat_", (32, 32), Letters::Hex),
    token("a Vault token", "hvs.", (24, 200), Letters::Word),
    token("a Grafana token", "glsa_", (40, 41), Letters::Word),
    token("an age key", "AGE-SECRET-KEY-1", (58, 58), Letters::Capital),
    token("a Doppler token", "dp.pt.", (40, 44), Letters::Alphanumeric),
];

/// The first credential that a text holds, as its own format gives it away: what it is, and where it starts.
pub fn credential(text: &str) -> Option<(&'static str, usize)> {
    let is_glued = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'-');
    for token in TOKENS {
        for (at, _) in text.match_indices(token.prefix) {
            let bytes = text.as_bytes();
            let start = at + token.prefix.len();
            let length = bytes[start..].iter().take_while(|byte| token.letters.has(**byte)).count();
            let is_whole = at == 0 || token.letters == Letters::Path || !is_glued(bytes[at - 1]);
            let ends = bytes.get(start + length).is_none_or(|byte| !is_glued(*byte) && *byte != b'=');
            let is_length = length >= token.length.0 && length <= token.length.1;
            if is_whole && ends && is_length && is_random(&text[start..start + length]) {
                return Some((token.what, at));
            }
        }
    }
    web_token(text).map(|at| ("a signed web token", at))
}

/// Whether letters are as good as random: examples repeat themselves, count up, or say that they are examples.
fn is_random(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let is_example = ["example", "xxxx", "0000", "123456789", "abcdefg", "placeholder", "changeme", "your"]
        .iter()
        .any(|word| lower.contains(word));
    !is_example && entropy(text) >= 3.0
}

/// Bits for each letter.
#[allow(clippy::cast_precision_loss)] // texts are far shorter than 2^52
pub fn entropy(text: &str) -> f64 {
    let mut counts = [0_usize; 256];
    text.bytes().for_each(|byte| counts[usize::from(byte)] += 1);
    let length = text.len() as f64;
    let shares = counts.iter().filter(|count| **count > 0).map(|count| *count as f64 / length);
    shares.map(|share| -share * share.log2()).sum()
}

/// `header.claims.signature`, where the header is JSON that names an algorithm.
fn web_token(text: &str) -> Option<usize> {
    let is_letter = |byte: &u8| Letters::Word.has(*byte);
    text.match_indices("eyJ").map(|(at, _)| at).find(|at| {
        let end = text.as_bytes()[*at..].iter().take_while(|byte| is_letter(byte) || **byte == b'.').count();
        let parts: Vec<&str> = text[*at..*at + end].split('.').collect();
        let [header, claims, signature, ..] = parts[..] else { return false };
        let header = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap_or_default();
        let header = String::from_utf8_lossy(&header);
        header.contains("\"alg\"") && claims.starts_with("eyJ") && signature.len() >= 20 && entropy(signature) >= 3.0
    })
}

/// Where a private key begins that nothing has encrypted, with enough behind it to be one.
pub fn private_key(text: &str) -> Option<usize> {
    text.match_indices("-----BEGIN ").map(|(at, _)| at).find(|at| {
        let rest = &text[at + "-----BEGIN ".len()..];
        let Some((label, body)) = rest.split_once("-----") else { return false };
        let is_key = label == "PRIVATE KEY" || label == "PGP PRIVATE KEY BLOCK" || label.ends_with(" PRIVATE KEY");
        let body = body.split("-----").next().unwrap_or_default();
        let is_letter = |char: &char| char.is_ascii_alphanumeric() || matches!(char, '+' | '/' | '=');
        let letters: String = body.replace("\\n", "").chars().filter(is_letter).collect();
        let is_closed = body.contains("Proc-Type: 4,ENCRYPTED") || label.starts_with("ENCRYPTED");
        is_key && !is_closed && label.len() < 40 && letters.len() >= 40 && entropy(&letters) >= 3.5
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_of_a_name_say_what_it_is() {
        for name in [
            "DB_PASSWORD",
            "dbPassword",
            "PGPASSWORD",
            "API_KEY",
            "jwt.secret",
            "GITHUB_TOKEN",
            "DB_PASS",
            "SECRET_KEY_BASE",
        ] {
            assert!(names_secret(name), "{name}");
        }
        for name in
            ["TOKEN_URL", "SECRET_NAME", "PASSWORD_FILE", "MAX_TOKENS", "KEY", "CACHE_KEY", "COMPASS", "BYPASS", ""]
        {
            assert!(!names_secret(name), "{name}");
        }
    }

    #[test]
    fn placeholders_are_no_secrets() {
        for value in [
            "",
            "${DB_PASSWORD}",
            "$(PW)",
            "<path:a/b#c>",
            "{{ .Values.pw }}",
            "$dex.github.secret",
            "REPLACE_ME",
            "****",
            "true",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["changeme", "admin", "hunter2", "$2a$10$abc"] {
            assert!(!is_placeholder(value), "{value}");
        }
        for value in ["/run/secrets/pw", "https://example.com/token", "3600", "24h", "web-tls"] {
            assert!(!is_secret_value(value), "{value}");
        }
    }

    #[test]
    fn passwords_of_urls_are_found() {
        let found = |text: &'static str| passwords(text).into_iter().map(|at| &text[at]).collect::<Vec<_>>();
        assert_eq!(found("postgres://web:hunter2@db:5432/web?sslmode=disable"), ["hunter2"]);
        assert_eq!(found("redis://:hunter2@cache"), ["hunter2"]);
        assert_eq!(found("Server=db;User Id=sa;Password=S3cure!;"), ["S3cure!"]);
        assert_eq!(found("host=db user=web password=hunter2 dbname=web"), ["hunter2"]);
        for text in [
            "postgres://web:$(PW)@db",
            "http://a:80/x@y",
            "https://user@host",
            "# x://u:hunter2@h",
            "oci://a/b:1@sha256:c",
            "u:p@h",
        ] {
            assert!(found(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn tokens_say_what_they_are() {
        let body = "9fK2mQz7XcV4bN8wLpR3tY6sHdJ1gA5eUoZi";
        assert_eq!(credential(&format!("a: ghp_{body}")), Some(("a GitHub token", 3)));
        assert_eq!(credential(&format!("ghp_{}", "x".repeat(36))), None);
        assert_eq!(credential("AKIAIOSFODNN7EXAMPLE"), None);
        assert_eq!(credential("AKIAQ3ZK7TVM4XWLP2RD").map(|found| found.0), Some("an AWS access key"));
        assert_eq!(credential("zzAKIAQ3ZK7TVM4XWLP2RD"), None);
        assert_eq!(private_key("-----BEGIN RSA PRIVATE KEY-----\n...\n-----END RSA PRIVATE KEY-----"), None);
    }
}
