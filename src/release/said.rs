//! What commits say of releases in their messages, in the forms that `bump`, `promote`, `rollback` and `git revert` write.
//!
//! In: a message. Out: trailers, hashes, what was said of one service. Believes a message only as to the kind of a change;
//! which value changed is told by the file.

use crate::release::Version;

/// What stands before the names of trailers of this program.
const OWN: &str = "Gitopsctl-";

/// What the trailers of a commit say of one service in one environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The environment.
    pub environment: Option<String>,
    /// The version before.
    pub from: Option<String>,
    /// The version from then on.
    pub to: Option<String>,
    /// The environment that the version was copied from.
    pub promoted_from: Option<String>,
    /// Why a guard was overruled.
    pub reason: Option<String>,
}

/// The trailers of a message, from the first to the last. Git counts the last paragraph alone; a server that merges or
/// squashes puts paragraphs behind it, so each that is made of trailers only counts here. The subject never does.
pub fn parse_trailers(message: &str) -> Vec<(String, String)> {
    let lines: Vec<&str> = message.lines().map(str::trim_end).collect();
    let paragraphs = lines.split(|line| line.is_empty()).filter(|lines| !lines.is_empty());
    paragraphs.skip(1).filter_map(trailers_of).flatten().collect()
}

/// A paragraph's trailers; `None` when it holds anything else.
fn trailers_of(lines: &[&str]) -> Option<Vec<(String, String)>> {
    let mut found: Vec<(String, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            let (_, value) = found.last_mut()?;
            value.push(' ');
            value.push_str(line.trim());
            continue;
        }
        let (key, value) = line.split_once(':')?;
        let is_key = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_key || !(value.is_empty() || value.starts_with(' ')) {
            return None;
        }
        found.push((key.to_owned(), value.trim().to_owned()));
    }
    Some(found)
}

/// A trailer of this program, without what they all begin with. Git does not tell capitals from small letters here.
fn own_key(key: &str) -> Option<String> {
    let (start, rest) = key.split_at_checked(OWN.len())?;
    start.eq_ignore_ascii_case(OWN).then(|| rest.to_ascii_lowercase())
}

/// What trailers say of a service: those from its `Gitopsctl-Service` up to the next one. Where the environment is asked
/// for, a block that names another one does not count.
pub fn said(trailers: &[(String, String)], service: &str, environment: Option<&str>) -> Option<Said> {
    let mut blocks: Vec<Said> = Vec::new();
    let mut is_inside = false;
    for (key, value) in trailers {
        let Some(key) = own_key(key) else { continue };
        if key == "service" {
            is_inside = value == service;
            blocks.extend(is_inside.then(Said::default));
        }
        let Some(block) = blocks.last_mut().filter(|_| is_inside) else { continue };
        let field = match key.as_str() {
            "environment" => &mut block.environment,
            "from" => &mut block.from,
            "to" => &mut block.to,
            "promoted-from" => &mut block.promoted_from,
            "reason" => &mut block.reason,
            _ => continue,
        };
        field.get_or_insert_with(|| value.clone());
    }
    let fits = |block: &Said| environment.is_none_or(|name| block.environment.as_deref().is_none_or(|own| own == name));
    blocks.into_iter().find(fits)
}

/// The versions of a service that trailers reject: `Gitopsctl-Rejects: order-service v1.2.3`.
pub fn rejects(trailers: &[(String, String)], service: &str) -> Vec<Version> {
    let values = trailers.iter().filter(|(key, _)| own_key(key).as_deref() == Some("rejects"));
    let versions = values.filter_map(|(_, value)| {
        let (name, version) = value.split_once(' ')?;
        (name == service).then(|| Version::parse(version.trim()).ok()).flatten()
    });
    versions.collect()
}

/// The hashes, maybe short, of the commits that a message says it reverts, in the order of the message. Of a merge it is the
/// merge.
pub fn reverted(message: &str) -> Vec<String> {
    let lines = message.lines().filter_map(|line| line.strip_prefix("This reverts commit "));
    let hashes = lines.filter_map(|rest| {
        let end = rest.find(|char: char| !char.is_ascii_hexdigit()).unwrap_or(rest.len());
        let (hash, rest) = rest.split_at(end);
        let is_hash = (7..=64).contains(&hash.len()) && rest.starts_with(['.', ',', ' ']);
        is_hash.then(|| hash.to_ascii_lowercase())
    });
    hashes.collect()
}

/// Whether a subject says that a commit undoes another one, or brings one back; `None` when neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undo {
    /// `Revert "…"`.
    Revert,
    /// `Reapply "…"`, or before Git 2.43 `Revert "Revert "…""`.
    Reapply,
}

/// What a subject says in the forms of `git revert`.
pub fn undo(subject: &str) -> Option<Undo> {
    if subject.starts_with("Reapply \"") {
        return Some(Undo::Reapply);
    }
    let mut rest = subject;
    let mut count = 0;
    while let Some(inner) = rest.strip_prefix("Revert \"") {
        (rest, count) = (inner, count + 1);
    }
    // Several releases undone at once, as `rollback` writes it.
    if let ["Revert", _, "to", _] = rest.trim_end_matches('"').split(' ').collect::<Vec<_>>().as_slice() {
        count += 1;
    }
    // `Revert "Reapply "…""` takes away again what had come back.
    let is_undone = count % 2 == 1;
    (count > 0).then_some(if is_undone { Undo::Revert } else { Undo::Reapply })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "Update 2 services\n\nBoth of one: see the train\n\n\
        Gitopsctl-Service: user-service\nGitopsctl-Environment: production\nGitopsctl-From: v1\nGitopsctl-To: v2\n\
        Gitopsctl-Service: order-service\nGitopsctl-Environment: production\nGitopsctl-From: v3\nGitopsctl-To: v4\n\
        Gitopsctl-Reason: a long\n  one\n\nSee merge request shop/gitops!7\n";

    #[test]
    fn each_service_has_its_block_of_trailers() {
        let trailers = parse_trailers(MESSAGE);
        let order = said(&trailers, "order-service", Some("production")).unwrap_or_default();
        assert_eq!((order.from.as_deref(), order.to.as_deref()), (Some("v3"), Some("v4")));
        assert_eq!(order.reason.as_deref(), Some("a long one"));
        let user = said(&trailers, "user-service", None).unwrap_or_default();
        assert_eq!((user.to.as_deref(), user.reason), (Some("v2"), None));
        assert_eq!(said(&trailers, "order-service", Some("dev")), None);
        assert_eq!(said(&trailers, "order", None), None);
        assert_eq!(said(&parse_trailers("Gitopsctl-Service: order-service"), "order-service", None), None, "a subject");
    }

    #[test]
    fn rejected_versions_are_of_their_service() {
        let message = "Revert\n\ngitopsctl-rejects: order-service v1.2.3\nGitopsctl-Rejects: user-service v9\n\
                       Gitopsctl-Rejects: order-service a b\n";
        let found = rejects(&parse_trailers(message), "order-service");
        assert_eq!(found.iter().map(ToString::to_string).collect::<Vec<_>>(), ["v1.2.3"]);
    }

    #[test]
    fn reverts_are_read_in_all_forms_of_git() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        for (message, expected) in [
            (format!("Revert \"x\"\n\nThis reverts commit {hash}.\n"), vec![hash]),
            (format!("Revert \"x\"\n\nThis reverts commit {hash}, reversing\nchanges made to {hash}.\n"), vec![hash]),
            ("x\n\nThis reverts commit abc1234 (Update x, 2026-01-01).\n".to_owned(), vec!["abc1234"]),
            (format!("x\n\nThis reverts commit {hash}.\nThis reverts commit abcdef1.\n"), vec![hash, "abcdef1"]),
            ("x\n\n    This reverts commit abcdef1.\nThis reverts commit message.\n".to_owned(), vec![]),
        ] {
            assert_eq!(reverted(&message), expected, "{message}");
        }
        for (subject, expected) in [
            ("Revert \"Update x to v1\"", Some(Undo::Revert)),
            ("Reapply \"Update x to v1\"", Some(Undo::Reapply)),
            ("Revert \"Reapply \"Update x to v1\"\"", Some(Undo::Revert)),
            ("Revert \"Revert \"Update x to v1\"\"", Some(Undo::Reapply)),
            ("Update x to v1", None),
            ("Revert x", None),
            ("Revert order-service to v1", Some(Undo::Revert)),
            ("Revert \"Revert order-service to v1\"", Some(Undo::Reapply)),
        ] {
            assert_eq!(undo(subject), expected, "{subject}");
        }
    }
}
