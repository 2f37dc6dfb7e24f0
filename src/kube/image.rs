//! Image references. Source: the grammar of `distribution/reference`.

/// An image reference in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Image<'a> {
    /// Registry, path and name: what stands before tag and digest.
    pub repository: &'a str,
    /// The tag; `None` where there is none, which means `latest` without a digest.
    pub tag: Option<&'a str>,
    /// The digest with its algorithm.
    pub digest: Option<&'a str>,
}

impl<'a> Image<'a> {
    /// Takes a reference apart. The port of a registry is no tag.
    pub fn of(reference: &'a str) -> Self {
        let (name, digest) = match reference.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (reference, None),
        };
        let last = name.rfind('/').map_or(0, |at| at + 1);
        match name[last..].find(':') {
            Some(colon) => {
                let (repository, tag) = name.split_at(last + colon);
                Self { repository, tag: Some(&tag[1..]), digest }
            }
            None => Self { repository: name, tag: None, digest },
        }
    }

    /// The registry's host, with its port; `None` where the reference names none, which means Docker Hub.
    pub fn registry(&self) -> Option<&'a str> {
        let (host, _) = self.repository.split_once('/')?;
        (host.contains(['.', ':']) || host == "localhost").then_some(host)
    }
}

/// A tag: `[A-Za-z0-9_][A-Za-z0-9._-]{0,127}`.
pub fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    text.len() <= 128
        && text.bytes().next().is_some_and(word)
        && text.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

/// A digest: `sha256:` and 64 hexadecimal digits.
pub fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:")
        .is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')))
}

/// A registry with an optional port and path: what may stand before `:tag`.
pub fn is_repository(text: &str) -> bool {
    let mut parts = text.split('/');
    let host = parts.next().unwrap_or_default();
    let (name, port) = host.split_once(':').unwrap_or((host, "1"));
    let component = |part: &str| {
        part.starts_with(|first: char| first.is_ascii_alphanumeric())
            && part.ends_with(|last: char| last.is_ascii_alphanumeric())
            && part
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-'))
    };
    component(&name.to_ascii_lowercase())
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && parts.all(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_follow_the_grammar() {
        assert!(
            is_tag("v1.2.3")
                && is_tag("_x")
                && !is_tag("")
                && !is_tag(".a")
                && !is_tag("a b")
                && !is_tag(&"a".repeat(129))
        );
        assert!(
            is_repository("registry.example.com")
                && is_repository("localhost:5000/shop/a_b")
                && !is_repository("a//b")
                && !is_repository("https://a")
        );
        assert!(is_digest(&format!("sha256:{}", "0a".repeat(32))) && !is_digest("sha256:0"));
    }
}
