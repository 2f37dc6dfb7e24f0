//! What an image is released as: a tag, a digest, or both.

use std::cmp::Ordering;
use std::fmt;

use crate::kube::{is_digest, is_tag};

/// A tag, a digest, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Version {
    /// Such as `v1.2.3`.
    pub tag: Option<String>,
    /// `sha256:` and 64 hexadecimal digits.
    pub digest: Option<String>,
}

impl Version {
    /// Reads `v1.2.3`, `v1.2.3@sha256:…`, `@sha256:…` or `sha256:…`, by the grammar of OCI; what is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (tag, digest) = match text.split_once('@') {
            Some((tag, digest)) => (tag, Some(digest)),
            None if text.starts_with("sha256:") => ("", Some(text)),
            None => (text, None),
        };
        if digest.is_some_and(|digest| !is_digest(digest)) {
            return Err(format!("`{}` is no digest: `sha256:` and 64 hexadecimal digits", digest.unwrap_or_default()));
        }
        if tag.is_empty() && digest.is_none() {
            return Err("the tag is empty".to_owned());
        }
        if !tag.is_empty() && !is_tag(tag) {
            let rule = "letters, digits, `_`, `.` and `-`, at most 128, the first a letter, a digit or `_`";
            return Err(format!("`{}` is no tag: {rule}", tag.escape_debug()));
        }
        Ok(Self { tag: Some(tag).filter(|tag| !tag.is_empty()).map(str::to_owned), digest: digest.map(str::to_owned) })
    }

    /// Whether neither is there.
    pub fn is_empty(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// Whether two name the same release, as far as both say: where one has a tag alone, its digest is not known.
    pub fn is_same_release(&self, other: &Self) -> bool {
        let agree = |own: &Option<String>, other: &Option<String>| Some(own.as_ref()? == other.as_ref()?);
        match (agree(&self.tag, &other.tag), agree(&self.digest, &other.digest)) {
            (None, None) => false,
            (tag, digest) => tag.unwrap_or(true) && digest.unwrap_or(true),
        }
    }

    /// How two versions follow each other by semantic versioning; `None` where either is none of that.
    pub fn semver_order(&self, other: &Self) -> Option<Ordering> {
        let (own, other) = (self.tag.as_deref()?, other.tag.as_deref()?);
        Some(Semver::parse(own)?.cmp(&Semver::parse(other)?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.tag.as_deref().unwrap_or_default())?;
        match &self.digest {
            Some(digest) => write!(out, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// `v1.2.3-rc.1+build` as it is ordered: the parts of a pre-release come before the release, and build metadata does not
/// count (a tag has `_` in place of `+`, which it may not hold). Source: semver.org, version 2.0.0, paragraphs 9 to 11.
#[derive(Debug, PartialEq, Eq)]
struct Semver<'a> {
    core: [u64; 3],
    pre: Vec<&'a str>,
}

impl<'a> Semver<'a> {
    fn parse(tag: &'a str) -> Option<Self> {
        let text = tag.strip_prefix(['v', 'V']).unwrap_or(tag);
        let text = text.split_once(['+', '_']).map_or(text, |(text, _)| text);
        let (core, pre) = text.split_once('-').map_or((text, ""), |(core, pre)| (core, pre));
        let mut numbers = core.split('.').map(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| part.parse().ok()).flatten()
        });
        let core = [numbers.next()??, numbers.next()??, numbers.next()??];
        let pre: Vec<&str> = if pre.is_empty() { Vec::new() } else { pre.split('.').collect() };
        (numbers.next().is_none()).then_some(Self { core, pre })
    }
}

impl Ord for Semver<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_core = self.core.cmp(&other.core);
        by_core.then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                let pairs = self.pre.iter().zip(&other.pre).map(|(own, other)| identifiers(own, other));
                pairs.fold(Ordering::Equal, Ordering::then).then(self.pre.len().cmp(&other.pre.len()))
            }
        })
    }
}

impl PartialOrd for Semver<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Two identifiers of pre-releases: numbers by value and before words, words by their letters.
fn identifiers(own: &str, other: &str) -> Ordering {
    match (own.parse::<u64>(), other.parse::<u64>()) {
        (Ok(own), Ok(other)) => own.cmp(&other),
        (Ok(_), Err(_)) => Ordering::Less,
        (Err(_), Ok(_)) => Ordering::Greater,
        (Err(_), Err(_)) => own.cmp(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"))
    }

    #[test]
    fn tags_and_digests_follow_the_grammar() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        let both = version(&format!("v1.2.3@{digest}"));
        assert_eq!((both.tag.as_deref(), both.digest.as_deref()), (Some("v1.2.3"), Some(digest.as_str())));
        assert_eq!(both.to_string(), format!("v1.2.3@{digest}"));
        assert_eq!(version(&digest), version(&format!("@{digest}")));
        for wrong in ["", "a b", "-x", ".x", "v1\n", "v1@sha256:0", "@", "v1@md5:0", "a:b", &"a".repeat(129)] {
            assert!(Version::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_same_release_is_told_by_what_both_say() {
        let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
        let (tag, both) = (version("v1"), version(&format!("v1@{}", digest("a"))));
        assert!(tag.is_same_release(&both) && both.is_same_release(&version(&digest("a"))));
        assert!(!tag.is_same_release(&version("v2")) && !tag.is_same_release(&version(&digest("a"))));
        assert!(!both.is_same_release(&version(&format!("v1@{}", digest("b")))), "built again");
    }

    #[test]
    fn versions_are_ordered_as_semantic_versioning_says() {
        let ladder = [
            "1.0.0-alpha",
            "v1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "v1.0.0-beta.11",
            "1.0.0-rc.1",
            "v1.0.0",
            "1.9.0",
            "v1.10.0",
            "2.0.0",
        ];
        for pair in ladder.windows(2) {
            assert_eq!(version(pair[0]).semver_order(&version(pair[1])), Some(Ordering::Less), "{pair:?}");
        }
        assert_eq!(version("1.0.0_linux").semver_order(&version("v1.0.0")), Some(Ordering::Equal));
        for other in ["main-3f2a1bc", "1.2", "latest", "20260101", "1.2.3.4", "v1.2.x"] {
            assert_eq!(version(other).semver_order(&version("v1.0.0")), None, "{other}");
        }
    }
}
