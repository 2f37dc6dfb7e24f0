//! URLs of repositories, as Argo CD compares them.

/// A URL in the form in which two of them are compared: lower case, without `.git`, and `git@host:path` as
/// `git@host/path`; empty where it is none. Note that the ssh form and the https form of one repository stay different.
pub fn normalized(url: &str) -> String {
    let url = url.trim().to_lowercase();
    let mut url = if is_ssh(&url) && !url.starts_with("ssh://") { url.replacen(':', "/", 1) } else { url };
    if url.ends_with(".git") {
        url.truncate(url.len() - ".git".len());
    }
    if url.contains(|char: char| char.is_ascii_control()) {
        return String::new();
    }
    url.strip_prefix("ssh://").map_or(url.clone(), str::to_owned)
}

/// `user@host:path`, with or without a scheme.
fn is_ssh(url: &str) -> bool {
    let rest = url.strip_prefix("ssh://").unwrap_or(url);
    rest.split_once('@')
        .is_some_and(|(user, place)| !user.contains(['/', ':']) && !place.is_empty() && !place.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_one_repository_are_one() {
        let one = "github.com/argoproj/test";
        for url in ["https://GitHub.com/argoproj/test.git", " https://github.com/argoproj/test"] {
            assert_eq!(normalized(url), format!("https://{one}"));
        }
        for url in [
            "git@github.com:argoproj/test",
            "ssh://git@github.com/argoproj/test.git",
            "git@GITHUB.com:argoproj/test.git",
        ] {
            assert_eq!(normalized(url), format!("git@{one}"));
        }
        assert_eq!(normalized("ssh://git@host:2222/a/b.git"), "git@host:2222/a/b");
        assert_eq!(normalized("https://user:secret@host/a.git"), "https://user:secret@host/a");
        assert_eq!(normalized(""), "");
    }
}
