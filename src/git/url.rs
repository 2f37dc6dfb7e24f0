//! Which remotes and branches may be named to Git: nothing that it could take for an option or a program to start. And the
//! credentials of a URL, which are taken out before anybody sees it.

/// A URL as it may be shown and handed to Git, and what was taken out of it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// Without credentials.
    pub(super) url: String,
    /// The user's name and password, decoded.
    pub(super) login: Option<Login>,
}

/// Who to be for a server. Not to be shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Login {
    /// Scheme, host and port of the server that they are for.
    pub(super) server: String,
    /// The user's name; some services put the token here.
    pub(super) user: String,
    /// The password or token, where there is one.
    pub(super) password: Option<String>,
}

/// Schemes that Git itself speaks. `ext` and every other helper may run anything.
const SCHEMES: &[&str] = &["https", "http", "ssh", "git", "file", "git+ssh", "ssh+git"];

/// Whether Git takes a name for that of a branch, which no option could be mistaken for: the rules of `git
/// check-ref-format --branch`.
pub fn is_branch_name(name: &str) -> bool {
    let bad = |char: char| char.is_ascii_control() || " ~^:?*[\\".contains(char);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    !name.starts_with('-')
        && !matches!(name, "@" | "HEAD")
        && !name.ends_with('.')
        && !name.contains("..")
        && !name.contains("@{")
        && !name.contains(bad)
        && name.split('/').all(part)
}

/// Whether it is the name of a remote rather than a URL: one word of a path's characters.
pub(super) fn is_remote_name(name: &str) -> bool {
    let plain = |char: char| char.is_alphanumeric() || "._-+/".contains(char);
    is_branch_name(name) && name.chars().all(plain) && name != "."
}

/// Takes a URL apart, or says why it is none that Git may be told. The reason quotes nothing of it.
pub(super) fn address(text: &str) -> Result<Address, &'static str> {
    if text.starts_with('-') {
        return Err("it begins like an option");
    }
    if text.contains(|char: char| char.is_control() || char.is_whitespace()) {
        return Err("it holds a space or a control character");
    }
    if let Some((scheme, rest)) = text.split_once("://") {
        if !SCHEMES.contains(&scheme) {
            return Err("Git reaches it by https, http, ssh, git and file alone");
        }
        return with_scheme(scheme, rest);
    }
    if text.contains("::") {
        return Err("it would start a helper program");
    }
    // `user@host:path`, as ssh has it.
    let (host, path) = text.split_once(':').ok_or("it is neither a URL nor the name of a remote")?;
    let name = host.rsplit_once('@').map_or(host, |(_, name)| name);
    if host.contains('/') || name.is_empty() || name.starts_with('-') || path.is_empty() || path.starts_with('-') {
        return Err("it is neither a URL nor the name of a remote");
    }
    if path.contains('@') && !host.contains('@') {
        return Err("it has a password in it, which ssh does not take");
    }
    Ok(Address { url: text.to_owned(), login: None })
}

fn with_scheme(scheme: &str, rest: &str) -> Result<Address, &'static str> {
    if scheme == "file" {
        let is_path = rest.starts_with('/');
        return is_path
            .then(|| Address { url: format!("file://{rest}"), login: None })
            .ok_or("a file's URL has three slashes");
    }
    let (authority, path) = rest.split_once('/').ok_or("it has no path")?;
    let (info, host) = authority.rsplit_once('@').map_or((None, authority), |(info, host)| (Some(info), host));
    if host.is_empty() || host.starts_with('-') || path.is_empty() || !is_host(host) {
        return Err("its host is none");
    }
    let (user, password) = info.map_or((None, None), |info| match info.split_once(':') {
        Some((user, password)) => (Some(user), Some(password)),
        None => (Some(info), None),
    });
    if !scheme.starts_with("http") {
        return match (user, password) {
            (_, Some(_)) => Err("it has a password in it, which only https takes"),
            (Some(user), None) if user.is_empty() || user.starts_with('-') => Err("its user is none"),
            _ => Ok(Address { url: format!("{scheme}://{rest}"), login: None }),
        };
    }
    let login = match user {
        Some(user) => {
            let password = password.map(decoded).transpose()?;
            Some(Login { server: format!("{scheme}://{host}"), user: decoded(user)?, password })
        }
        None => None,
    };
    Ok(Address { url: format!("{scheme}://{host}/{path}"), login })
}

/// A name or an address, with a port or without.
fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, port)) => (address, port.strip_prefix(':')),
        None => host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port))),
    };
    let known = |char: char| char.is_alphanumeric() || ".-_:".contains(char);
    name.chars().all(known) && port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `%40` → `@`. What Git's helpers could not be told, because their answers are lines, is refused.
fn decoded(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "its user or password is not encoded as in a URL";
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (hex, rest) = part.split_at_checked(2).ok_or(WRONG)?;
        bytes.push(u8::from_str_radix(hex, 16).map_err(|_| WRONG)?);
        bytes.extend(rest.bytes());
    }
    let text = String::from_utf8(bytes).map_err(|_| WRONG)?;
    (!text.contains(char::is_control)).then_some(text).ok_or(WRONG)
}

/// What must not be shown of the user and password in a URL, as it stands there and decoded.
pub(super) fn secrets(url: &str) -> Vec<String> {
    let Some((_, rest)) = url.split_once("://") else { return Vec::new() };
    let authority = rest.split('/').next().unwrap_or_default();
    let Some((info, _)) = authority.rsplit_once('@') else { return Vec::new() };
    // `git@host` is no secret, a token as the only word is.
    let secret = match info.split_once(':') {
        Some((user, "")) => user,
        Some((_, password)) => password,
        None if url.starts_with("http") => info,
        None => return Vec::new(),
    };
    let mut found = vec![secret.to_owned()];
    found.extend(decoded(secret).ok().filter(|plain| plain != secret));
    // What is as short stands in words too, and protects nothing.
    found.retain(|secret| secret.len() > 2);
    found
}

/// Takes the known secrets out of a text, and the user and password of every URL in it.
pub(super) fn scrubbed(text: &str, secrets: &[String]) -> String {
    let mut text = text.to_owned();
    for secret in secrets {
        text = text.replace(secret.as_str(), "***");
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("://") {
        let end = after.find(|char: char| char.is_whitespace() || "/'\"`<>()".contains(char)).unwrap_or(after.len());
        let (authority, tail) = after.split_at(end);
        // The name that ssh logs in by is no secret, and says who was refused.
        let keeps = before.ends_with("ssh") && !authority.rsplit_once('@').is_some_and(|(info, _)| info.contains(':'));
        let host = authority.rsplit_once('@').filter(|_| !keeps).map_or(authority, |(_, host)| host);
        out.push_str(before);
        out.push_str("://");
        out.push_str(host);
        rest = tail;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_are_named_as_git_has_it() {
        let good = ["main", "release/1.2", "a-b", "feature/ä", "a.b", "x@y", "user/@", "refs", "+a", "a'b", "@a"];
        let bad = [
            "",
            "-b",
            "--upload-pack=x",
            "a..b",
            "a b",
            "a~b",
            "a^",
            "a:b",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "a.lock",
            "a.lock/b",
            ".a",
            "a/.b",
            "a/",
            "/a",
            "a//b",
            "a.",
            "a@{b",
            "@",
            "HEAD",
            "a\nb",
            "a\u{7f}",
        ];
        for name in good {
            assert!(is_branch_name(name), "{name}");
        }
        for name in bad {
            assert!(!is_branch_name(name), "{name}");
        }
    }

    #[test]
    fn urls_of_every_kind_are_taken_apart() {
        let plain = [
            "https://git.example.com/a/b.git",
            "http://127.0.0.1:8080/a",
            "ssh://git@git.example.com:2222/a/b.git",
            "ssh://git.example.com/~me/b",
            "git://git.example.com/a",
            "file:///srv/a.git",
            "https://[::1]:8443/a",
            "git@git.example.com:a/b.git",
            "git.example.com:a",
        ];
        for url in plain {
            assert!(matches!(address(url), Ok(Address { url: shown, login: None }) if shown == url), "{url}");
        }
        let login = |user: &str, password: Option<&str>| {
            Some(Login {
                server: "https://h:8".to_owned(),
                user: user.to_owned(),
                password: password.map(str::to_owned),
            })
        };
        let with_login = [
            ("https://me:s%40%2Fé@h:8/a?b", "https://h:8/a?b", login("me", Some("s@/é"))),
            ("https://tok@h:8/a", "https://h:8/a", login("tok", None)),
            ("https://tok:@h:8/a", "https://h:8/a", login("tok", Some(""))),
            ("https://me:a@b@h:8/a", "https://h:8/a", login("me", Some("a@b"))),
        ];
        for (text, url, login) in with_login {
            assert!(address(text).is_ok_and(|found| found == Address { url: url.to_owned(), login }), "{text}");
        }
    }

    #[test]
    fn what_git_could_run_is_refused_and_not_repeated() {
        let cases = [
            "--upload-pack=touch /tmp/x",
            "-oProxyCommand=x",
            "ext::sh -c x",
            "ext::x",
            "fd::17",
            "persistent-https::x",
            "ftp://h/a",
            "javascript://h/a",
            "ssh://-oProxyCommand=secret/a",
            "ssh://-x@h/a",
            "ssh://me:secret@h/a",
            "me:secret@h:a",
            "me:secret@h/a",
            "git@-h:a",
            "-x@h:a",
            "h:-a",
            "h:",
            "https://h",
            "https:///a",
            "https://me:sec/ret@h/a",
            "https://me:secr%zz@h/a",
            "https://me:secr%0aet@h/a",
            "https://h/a\nb",
            "https://h/a b",
            "file://h/a",
            "/srv/a.git",
            "",
        ];
        for text in cases {
            let reason = address(text).err();
            assert!(reason.is_some_and(|reason| !reason.contains("sec")), "{text}");
            assert!(!is_remote_name(text) || text.starts_with('/'), "{text}");
        }
        for name in ["origin", "up-stream", "a/b", "my.remote"] {
            assert!(is_remote_name(name), "{name}");
        }
        for name in [".", "..", "-a", "a b", "a:b", "/a"] {
            assert!(!is_remote_name(name), "{name}");
        }
    }

    #[test]
    fn secrets_are_known_and_taken_out() {
        let url = "https://me:s%40fe-s@h/a";
        assert_eq!(secrets(url), ["s%40fe-s", "s@fe-s"]);
        assert_eq!(secrets("https://ghp_x@h/a"), ["ghp_x"]);
        assert_eq!(secrets("https://ghp_x:@h/a"), ["ghp_x"]);
        for url in ["ssh://git@h/a", "git@h:a", "https://h/a@b", "https://me:a@h/a"] {
            assert!(secrets(url).is_empty(), "{url}");
        }
        let said = "fatal: 'https://me:s%40fe-s@h/a' and s@fe-s, https://x:y@other:8/z@w, ssh://git@h/a, ssh://a:b@h/a, http://";
        let shown = "fatal: 'https://h/a' and ***, https://other:8/z@w, ssh://git@h/a, ssh://h/a, http://";
        assert_eq!(scrubbed(said, &secrets(url)), shown);
    }
}
