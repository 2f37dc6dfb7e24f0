//! When which version of an image ran, from Git alone: the changes of one entry's value along first parents, whatever else
//! was changed in the same file or by the same commit.
//!
//! In: a history, a place. Out: changes from the newest on, each with who made it and what kind it is; the versions that
//! are rejected. The value alone decides whether there was a change; messages tell the kinds apart.

use std::ops::ControlFlow;

use crate::git::{CommitInfo, End, Found, GitError, History, Touch};
use crate::release::Version;
use crate::release::pinned::{Reader, Reading, Release};
use crate::release::said::{self, Said, Undo};

/// The names of a kustomization, by which a commit may rename it.
const NAMES: &[&str] = &["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Commits of a merged branch that are looked at for the one whose change the merge carried, and merges within merges: real
/// branches of releases are shorter than either.
const MOST_MERGED: usize = 1000;
const DEEPEST_MERGE: usize = 8;

/// Where a version of an image is written.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The service, as trailers name it.
    pub service: &'a str,
    /// The environment, as trailers name it; `None` where it has no name.
    pub environment: Option<&'a str>,
    /// The folder of the kustomization, from the top of the repository; empty for the top.
    pub folder: &'a str,
    /// The `name` of the entry in `images`.
    pub image: &'a str,
}

/// What a change was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A release.
    Bump,
    /// What runs in another environment was copied.
    Promotion,
    /// A release was undone.
    Rollback,
    /// A rollback was undone.
    Reapply,
    /// Nothing tells: by hand, or by another tool.
    ByHand,
}

impl Kind {
    /// As tables and JSON show it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bump => "bump",
            Self::Promotion => "promotion",
            Self::Rollback => "rollback",
            Self::Reapply => "reapply",
            Self::ByHand => "by-hand",
        }
    }
}

/// A commit that changed the version of an image.
#[derive(Clone, Debug)]
pub struct Change {
    /// The commit on the branch itself.
    pub commit: CommitInfo,
    /// Where that is a merge: the commit that it brought in and that made the change.
    pub merged: Option<CommitInfo>,
    /// The value before; `None` where there was no entry.
    pub from: Option<Release>,
    /// The value from then on; `None` where the entry was taken out.
    pub to: Option<Release>,
    /// The file that holds the value before, for its text.
    pub before: Option<Found>,
    /// The file that holds the value from then on.
    pub after: Option<Found>,
    /// What it was.
    pub kind: Kind,
    /// What its trailers say of the service.
    pub said: Option<Said>,
    /// The versions of the service that it rejects.
    pub rejects: Vec<Version>,
    /// The commits that its message says it reverts.
    pub reverts: Vec<String>,
}

impl Change {
    /// The commit whose author made the change and whose message tells of it.
    pub fn made_by(&self) -> &CommitInfo {
        self.merged.as_ref().unwrap_or(&self.commit)
    }
}

/// How a walk through changes ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Why.
    pub end: End,
    /// The value at the oldest commit that was looked at, where the end left open since when.
    pub oldest: Option<Release>,
    /// Commits at which the file was no readable kustomization, from the newest on. They count as if they had changed
    /// nothing: the next one that is readable has the change.
    pub unreadable: Vec<String>,
}

/// The changes of a version from a commit on, over at most `most` commits, from the newest; until `visit` breaks off.
pub fn changes(
    history: &History<'_>,
    place: Place<'_>,
    from: &str,
    most: usize,
    visit: &mut dyn FnMut(Change) -> ControlFlow<()>,
) -> Result<Ended, GitError> {
    let mut values = Values { history, reader: Reader::new(place.image) };
    let mut unreadable = Vec::new();
    let mut failure = None;
    // What stood in the file when the walk ended, and the touch that made a readable file of an unreadable one.
    let mut oldest = values.at(history.find(from, (place.folder, NAMES))?)?;
    let mut repaired: Option<(Touch, Option<Release>)> = None;
    let mut step = |touch: Touch| -> Result<ControlFlow<()>, GitError> {
        let (after, before) = (values.at(touch.after)?, values.at(touch.before)?);
        oldest = before.clone();
        if after.is_none() {
            unreadable.push(touch.commit.clone());
        }
        let (touch, to, from) = match (after, before, repaired.take()) {
            (Some(to), Some(from), _) => (touch, to, from),
            (Some(to), None, _) => {
                repaired = Some((touch, to));
                return Ok(ControlFlow::Continue(()));
            }
            (None, Some(from), Some((repair, to))) => (Touch { before: touch.before, ..repair }, to, from),
            (None, _, open) => {
                repaired = open;
                return Ok(ControlFlow::Continue(()));
            }
        };
        if from == to {
            return Ok(ControlFlow::Continue(()));
        }
        Ok(visit(change(&mut values, place, &touch, from, to)?))
    };
    let end = history.touches(from, (place.folder, NAMES), most, &mut |touch| {
        step(touch).unwrap_or_else(|error| {
            failure = Some(error);
            ControlFlow::Break(())
        })
    })?;
    if let Some(error) = failure {
        return Err(error);
    }
    Ok(Ended { end, oldest: oldest.flatten(), unreadable })
}

/// The values of an entry in files that follow each other.
struct Values<'a> {
    history: &'a History<'a>,
    reader: Reader<'a>,
}

impl Values<'_> {
    fn at(&mut self, found: Option<Found>) -> Result<Reading, GitError> {
        let Some(found) = found else { return Ok(Some(None)) };
        self.reader.read(found.blob, || self.history.blob(found.blob))
    }
}

fn change(
    values: &mut Values<'_>,
    place: Place<'_>,
    touch: &Touch,
    from: Option<Release>,
    to: Option<Release>,
) -> Result<Change, GitError> {
    let commit = values.history.info(&touch.commit)?;
    let merged = merged(values, place, touch, to.as_ref(), DEEPEST_MERGE)?;
    let merged = merged.map(|hash| values.history.info(&hash)).transpose()?;
    // A merge's own message may be the release's, as where a server squashes or a revert is of a merge.
    let infos = [merged.as_ref(), Some(&commit)];
    let told = infos.into_iter().flatten().map(|info| Told::by(info, place, to.as_ref()));
    let told = told.reduce(|inner, outer| if inner.kind == Kind::ByHand { outer } else { inner });
    let Told { kind, said, rejects, reverts } = told.unwrap_or_default();
    Ok(Change { commit, merged, from, to, before: touch.before, after: touch.after, kind, said, rejects, reverts })
}

/// What a message tells of a change.
struct Told {
    kind: Kind,
    said: Option<Said>,
    rejects: Vec<Version>,
    reverts: Vec<String>,
}

impl Default for Told {
    fn default() -> Self {
        Self { kind: Kind::ByHand, said: None, rejects: Vec::new(), reverts: Vec::new() }
    }
}

impl Told {
    fn by(info: &CommitInfo, place: Place<'_>, to: Option<&Release>) -> Self {
        let message = format!("{}\n\n{}", info.subject, info.body);
        let trailers = said::parse_trailers(&message);
        let said = said::said(&trailers, place.service, place.environment);
        let rejects = said::rejects(&trailers, place.service);
        let reverts = said::reverted(&message);
        let undo = said::undo(&info.subject);
        let kind = match undo {
            Some(Undo::Reapply) => Kind::Reapply,
            Some(Undo::Revert) => Kind::Rollback,
            None if !rejects.is_empty() || !reverts.is_empty() => Kind::Rollback,
            None if said.as_ref().is_some_and(|said| said.promoted_from.is_some()) => Kind::Promotion,
            None if said.is_some() || is_update(&info.subject, place.service, to) => Kind::Bump,
            None => Kind::ByHand,
        };
        Self { kind, said, rejects, reverts }
    }
}

/// Whether a subject is `Update order-service to v1.2.3`, maybe with a server's ` (#12)` behind, and tells of this change.
fn is_update(subject: &str, service: &str, to: Option<&Release>) -> bool {
    let rest = subject.strip_prefix("Update ").and_then(|rest| rest.strip_prefix(service));
    let version = rest.and_then(|rest| rest.strip_prefix(" to ")?.split(' ').next());
    version.and_then(|version| Version::parse(version).ok()).is_some_and(|said| {
        to.is_some_and(|to| to.version == said || (said.digest.is_none() && to.version.tag == said.tag))
    })
}

/// Of the commits that a merge brought in, the youngest that gave the entry the value it has at the merge; `None` where no
/// commit did, as after a conflict that was solved otherwise, and where it cannot be told.
fn merged(
    values: &mut Values<'_>,
    place: Place<'_>,
    touch: &Touch,
    to: Option<&Release>,
    depth: usize,
) -> Result<Option<String>, GitError> {
    let history = values.history;
    let wanted = Some(to.cloned());
    for parent in touch.parents.iter().skip(1).filter(|_| depth > 0) {
        // A clone that lacks the merged branch has nothing to tell of it.
        let Ok(found) = history.find(parent, (place.folder, NAMES)) else { continue };
        if values.at(found)? != wanted {
            continue;
        }
        let mut maker = None;
        let mut failure = None;
        let mut step = |touch: Touch| -> Result<ControlFlow<()>, GitError> {
            if values.at(touch.before)? == wanted {
                return Ok(ControlFlow::Continue(()));
            }
            maker = Some(touch);
            Ok(ControlFlow::Break(()))
        };
        history.touches(parent, (place.folder, NAMES), MOST_MERGED, &mut |touch| {
            step(touch).unwrap_or_else(|error| {
                failure = Some(error);
                ControlFlow::Break(())
            })
        })?;
        if let Some(error) = failure {
            return Err(error);
        }
        if let Some(maker) = maker {
            // The maker of a merge of merges is the innermost one.
            let inner = merged(values, place, &maker, to, depth - 1)?;
            return Ok(Some(inner.unwrap_or(maker.commit)));
        }
    }
    Ok(None)
}

/// What runs at a commit.
#[derive(Clone, Debug)]
pub struct Current {
    /// The value; `None` where there is no entry.
    pub value: Option<Release>,
    /// The change that brought it; `None` where the history does not reach back to it.
    pub since: Option<Change>,
    /// How the look for that change ended.
    pub ended: Ended,
}

/// The value at a commit, and since when.
pub fn current(history: &History<'_>, place: Place<'_>, from: &str, most: usize) -> Result<Current, GitError> {
    let mut since = None;
    let ended = changes(history, place, from, most, &mut |change| {
        since = Some(change);
        ControlFlow::Break(())
    })?;
    let value = since.as_ref().map_or_else(|| ended.oldest.clone(), |change| change.to.clone());
    Ok(Current { value, since, ended })
}

/// A version that a rollback rejected and that nobody brought back.
#[derive(Clone, Debug)]
pub struct Rejection {
    /// The version.
    pub version: Version,
    /// The commit that rejects it.
    pub commit: CommitInfo,
}

/// The versions that rollbacks rejected, and how far that was looked for.
#[derive(Clone, Debug)]
pub struct Rejections {
    /// From the youngest on.
    pub rejected: Vec<Rejection>,
    /// Why the look ended: after [`End::Root`] there are no more; after [`End::is_cut`] a deeper clone could tell of more;
    /// [`End::Stopped`] and [`End::Limit`] say that a limit was reached.
    pub end: End,
}

impl Rejections {
    /// The rejection that holds for a version.
    pub fn of(&self, version: &Version) -> Option<&Rejection> {
        self.rejected.iter().find(|rejection| rejection.version.is_same_release(version))
    }
}

/// How far to look for rejections.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Changes of the version.
    pub changes: usize,
    /// Commits, of whatever.
    pub commits: usize,
}

/// The versions that rollbacks up to a commit rejected. A rejection holds until a later commit sets the version again, which
/// is on purpose then: `bump` refuses to do it without being overruled.
pub fn rejections(history: &History<'_>, place: Place<'_>, from: &str, limit: Limit) -> Result<Rejections, GitError> {
    let mut rejected: Vec<Rejection> = Vec::new();
    let mut returned: Vec<Version> = Vec::new();
    let mut left = limit.changes;
    let ended = changes(history, place, from, limit.commits, &mut |change| {
        for version in change.rejects {
            let known = returned.iter().chain(rejected.iter().map(|rejection| &rejection.version));
            if !known.into_iter().any(|known| known.is_same_release(&version)) {
                rejected.push(Rejection { version, commit: change.commit.clone() });
            }
        }
        returned.extend(change.to.map(|to| to.version));
        left = left.saturating_sub(1);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(Rejections { rejected, end: ended.end })
}

/// A version and the time for which it ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The version; `None` where the entry was taken out.
    pub version: Option<Release>,
    /// When it came to the branch, in seconds since 1970; `None` where the history does not reach back to it.
    pub since: Option<i64>,
    /// When the next one came; `None` where it runs still.
    pub until: Option<i64>,
    /// The version before.
    pub previous: Option<Release>,
    /// How it came; `None` where that is not known.
    pub kind: Option<Kind>,
    /// Who made the change: name and mail address.
    pub author: Option<(String, String)>,
    /// The full hash of the commit on the branch.
    pub commit: Option<String>,
    /// The subject of the commit that made the change.
    pub subject: Option<String>,
    /// The environment that it was promoted from.
    pub promoted_from: Option<String>,
}

/// Changes, from the newest on, as lines of a table. Where the walk ended before the first change, a last line has the
/// version that ran already.
pub fn rows(changes: &[Change], ended: &Ended) -> Vec<Row> {
    let mut until = None;
    let mut rows = Vec::new();
    for change in changes {
        let (since, made) = (change.commit.committer.seconds, change.made_by());
        rows.push(Row {
            version: change.to.clone(),
            since: Some(since),
            until: until.replace(since),
            previous: change.from.clone(),
            kind: Some(change.kind),
            author: Some((made.author.name.clone(), made.author.mail.clone())),
            commit: Some(change.commit.hash.clone()),
            subject: Some(made.subject.clone()),
            promoted_from: change.said.as_ref().and_then(|said| said.promoted_from.clone()),
        });
    }
    let is_open = ended.end.is_cut() || matches!(ended.end, End::Limit(_));
    if let Some(oldest) = ended.oldest.clone().filter(|_| is_open) {
        rows.push(Row {
            version: Some(oldest),
            since: None,
            until,
            previous: None,
            kind: None,
            author: None,
            commit: None,
            subject: None,
            promoted_from: None,
        });
    }
    rows
}

/// A moment as tables show it, in UTC: `2026-01-31 12:00`.
pub fn moment(seconds: i64) -> Option<String> {
    let moment = jiff::Timestamp::from_second(seconds).ok()?;
    Some(moment.strftime("%Y-%m-%d %H:%M").to_string())
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    type Fallible<T = ()> = Result<T, Box<dyn std::error::Error>>;

    const PLACE: Place<'_> =
        Place { service: "order-service", environment: Some("production"), folder: "overlays", image: "shop/order" };

    /// A repository that the real Git writes, one minute a commit.
    struct Repository {
        folder: tempfile::TempDir,
        minute: u32,
    }

    impl Repository {
        fn new() -> Fallible<Self> {
            let repository = Self { folder: tempfile::tempdir()?, minute: 0 };
            repository.git(&["init", "--quiet", "--initial-branch", "main"])?;
            std::fs::create_dir(repository.path().join("overlays"))?;
            Ok(repository)
        }

        fn path(&self) -> &Path {
            self.folder.path()
        }

        fn git(&self, arguments: &[&str]) -> Fallible<String> {
            let mut command = Command::new("git");
            command.current_dir(self.path()).args(arguments).env("GIT_CONFIG_GLOBAL", "/dev/null");
            command.env("GIT_CONFIG_SYSTEM", "/dev/null").env("GIT_EDITOR", "true");
            let date = format!("2026-01-01T00:{:02}:00Z", self.minute);
            for who in ["AUTHOR", "COMMITTER"] {
                command.env(format!("GIT_{who}_NAME"), "Ann").env(format!("GIT_{who}_EMAIL"), "ann@example.com");
                command.env(format!("GIT_{who}_DATE"), &date);
            }
            let ended = command.output()?;
            assert!(ended.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&ended.stderr));
            Ok(String::from_utf8(ended.stdout)?.trim_end().to_owned())
        }

        /// Commits what is in the work tree.
        fn commit(&mut self, message: &str) -> Fallible<String> {
            self.minute += 1;
            self.git(&["add", "--all"])?;
            self.git(&["commit", "--quiet", "--allow-empty", "-m", message])?;
            self.git(&["rev-parse", "HEAD"])
        }

        fn write(&self, name: &str, text: &str) -> Fallible {
            Ok(std::fs::write(self.path().join("overlays").join(name), text)?)
        }

        /// Commits a tag of the service, and one of its neighbour in the same file.
        fn set(&mut self, own: &str, other: &str, message: &str) -> Fallible<String> {
            self.write("kustomization.yaml", &file(own, other))?;
            self.commit(message)
        }

        fn changes(&self) -> Fallible<(Vec<Change>, Ended)> {
            let history = History::open(self.path())?;
            let mut found = Vec::new();
            let ended = changes(&history, PLACE, &history.resolve("main")?, usize::MAX, &mut |change| {
                found.push(change);
                ControlFlow::Continue(())
            })?;
            Ok((found, ended))
        }

        fn rejections(&self, changes: usize) -> Fallible<Rejections> {
            let history = History::open(self.path())?;
            Ok(rejections(&history, PLACE, &history.resolve("main")?, Limit { changes, commits: usize::MAX })?)
        }
    }

    /// The two entries stand apart, so that Git can revert a change of one after one of the other.
    fn file(own: &str, other: &str) -> String {
        format!(
            "images:\n- name: shop/order\n  newTag: {own}\n- name: x\n  newName: y\n- name: shop/user\n  newTag: {other}\n"
        )
    }

    fn bump(from: &str, to: &str, more: &str) -> String {
        format!(
            "Update order-service to {to}\n\nGitopsctl-Service: order-service\nGitopsctl-Environment: production\n\
             Gitopsctl-From: {from}\nGitopsctl-To: {to}\n{more}"
        )
    }

    fn text(release: Option<&Release>) -> String {
        release.map_or_else(|| "-".to_owned(), ToString::to_string)
    }

    /// `v1 v2 bump`, from the newest on.
    fn told(changes: &[Change]) -> Vec<String> {
        let line = |change: &Change| {
            format!("{} {} {}", text(change.from.as_ref()), text(change.to.as_ref()), change.kind.name())
        };
        changes.iter().map(line).collect()
    }

    #[test]
    fn kinds_are_told_apart_and_neighbours_passed_over() -> Fallible {
        let mut repository = Repository::new()?;
        repository.set("v1", "u1", "The platform")?;
        let second = repository.set("v2", "u1", &bump("v1", "v2", ""))?;
        repository.set("v2", "u2", "Update user-service to u2\n\nGitopsctl-Service: user-service")?;
        repository.minute += 1;
        repository.git(&["revert", "--no-edit", &second])?;
        let revert = repository.git(&["rev-parse", "HEAD"])?;
        repository.minute += 1;
        repository.git(&["revert", "--no-edit", &revert])?;
        repository.set("v3", "u2", &bump("v2", "v3", "Gitopsctl-Promoted-From: dev"))?;
        repository.set("v4", "u2", "fix: pin")?;
        repository.set("v5", "u2", "Update order-service to v5 (#12)")?;
        repository.set("v6", "u2", "Update order-service to v7")?;
        repository.set(
            "v7",
            "u3",
            "Update 2 services\n\nGitopsctl-Service: user-service\nGitopsctl-Service: order-service",
        )?;
        repository.set("v8", "u4", "Update user-service to u4\n\nGitopsctl-Service: user-service")?;
        repository.set("v7", "u4", "Undo it\n\nGitopsctl-Rejects: order-service v8")?;
        repository.set("v8", "u4", "Reapply \"Undo it\"")?;
        repository.git(&["rm", "--quiet", "overlays/kustomization.yaml"])?;
        repository.commit("Away with it")?;
        let (changes, ended) = repository.changes()?;
        let expected = [
            "v8 - by-hand",
            "v7 v8 reapply",
            "v8 v7 rollback",
            "v7 v8 by-hand",
            "v6 v7 bump",
            "v5 v6 by-hand",
            "v4 v5 bump",
            "v3 v4 by-hand",
            "v2 v3 promotion",
            "v1 v2 reapply",
            "v2 v1 rollback",
            "v1 v2 bump",
            "- v1 by-hand",
        ];
        assert_eq!(told(&changes), expected);
        assert_eq!((ended.end, ended.unreadable), (End::Root, vec![]));
        assert_eq!(changes[10].reverts, std::slice::from_ref(&second));
        assert_eq!(changes[11].commit.hash, second);
        let history = History::open(repository.path())?;
        let before = history.blob(changes[11].before.ok_or("no file before")?.blob)?;
        assert_eq!(String::from_utf8(before)?, file("v1", "u1"), "what a rollback takes its text from");
        Ok(())
    }

    #[test]
    fn a_merge_is_told_by_the_commit_that_it_brought() -> Fallible {
        let mut repository = Repository::new()?;
        repository.set("v1", "u1", "The platform")?;
        repository.git(&["checkout", "--quiet", "-b", "side"])?;
        let made = repository.set("v2", "u1", &bump("v1", "v2", ""))?;
        std::fs::write(repository.path().join("README"), "x")?;
        repository.commit("Something else")?;
        repository.git(&["checkout", "--quiet", "main"])?;
        repository.set("v1", "u2", "Update user-service to u2")?;
        repository.minute += 1;
        repository.git(&["merge", "--quiet", "--no-ff", "-m", "Merge branch 'side'", "side"])?;
        let merge = repository.git(&["rev-parse", "HEAD"])?;
        repository.minute += 1;
        repository.git(&["revert", "--no-edit", "-m", "1", &merge])?;
        let (changes, _) = repository.changes()?;
        assert_eq!(told(&changes), ["v2 v1 rollback", "v1 v2 bump", "- v1 by-hand"]);
        assert_eq!(changes[1].commit.hash, merge);
        assert_eq!(changes[1].made_by().hash, made);
        assert_eq!(changes[1].said.as_ref().and_then(|said| said.from.as_deref()), Some("v1"));
        assert_eq!(changes[0].reverts, std::slice::from_ref(&merge));
        assert!(changes[0].merged.is_none());
        Ok(())
    }

    #[test]
    fn renamed_reformatted_and_broken_files_are_followed() -> Fallible {
        let mut repository = Repository::new()?;
        repository.set("v1", "u1", "The platform")?;
        repository.set("v2", "u1", &bump("v1", "v2", ""))?;
        repository.git(&["mv", "overlays/kustomization.yaml", "overlays/Kustomization"])?;
        repository.commit("Another name")?;
        repository.write("Kustomization", "images: [{newTag: 'v2', name: \"shop/order\"}] # short\n")?;
        repository.commit("Another style")?;
        repository.write("Kustomization", "<<<<<<< HEAD\nimages: [\n")?;
        let broken = repository.commit("Oops")?;
        repository.write("Kustomization", "<<<<<<< HEAD\nimages: [[\n")?;
        let again = repository.commit("Oops again")?;
        repository.write("Kustomization", "images: [{newTag: v3, name: shop/order, newName: r.io/order}]\n")?;
        let mended = repository.commit("Mended")?;
        let (changes, ended) = repository.changes()?;
        assert_eq!(told(&changes), ["v2 v3 by-hand", "v1 v2 bump", "- v1 by-hand"]);
        assert_eq!(changes[0].commit.hash, mended);
        assert_eq!(changes[0].to.as_ref().and_then(|to| to.new_name.as_deref()), Some("r.io/order"));
        assert_eq!(ended.unreadable, [again, broken]);
        Ok(())
    }

    #[test]
    fn what_runs_is_known_with_its_time() -> Fallible {
        let mut repository = Repository::new()?;
        repository.set("v1", "u1", "The platform")?;
        let second = repository.set("v2", "u1", &bump("v1", "v2", ""))?;
        repository.set("v2", "u2", "Another one")?;
        let history = History::open(repository.path())?;
        let tip = history.resolve("main")?;
        let now = current(&history, PLACE, &tip, usize::MAX)?;
        assert_eq!(text(now.value.as_ref()), "v2");
        assert_eq!(now.since.map(|change| change.commit.hash), Some(second));
        let near = current(&history, PLACE, &tip, 1)?;
        assert_eq!(
            (text(near.value.as_ref()), near.since.is_none(), near.ended.end),
            ("v2".to_owned(), true, End::Limit(tip.clone()))
        );
        let none = current(&history, Place { image: "shop/none", ..PLACE }, &tip, usize::MAX)?;
        assert!(none.value.is_none() && none.since.is_none());

        let (changes, ended) = repository.changes()?;
        let rows = rows(&changes, &ended);
        let times: Vec<_> = rows.iter().map(|row| (text(row.version.as_ref()), row.since, row.until)).collect();
        let start = 1_767_225_600;
        assert_eq!(
            times,
            [("v2".to_owned(), Some(start + 120), None), ("v1".to_owned(), Some(start + 60), Some(start + 120))]
        );
        assert_eq!(rows[0].author, Some(("Ann".to_owned(), "ann@example.com".to_owned())));
        Ok(())
    }

    #[test]
    fn a_shallow_clone_says_that_there_may_be_more() -> Fallible {
        let mut repository = Repository::new()?;
        repository.set("v1", "u1", "The platform")?;
        repository.set("v2", "u1", &bump("v1", "v2", ""))?;
        let boundary = repository.set("v2", "u2", "Another one")?;
        repository.set("v3", "u2", &bump("v2", "v3", ""))?;
        let url = format!("file://{}", repository.path().display());
        repository.git(&["clone", "--quiet", "--depth", "2", &url, "clone"])?;
        let history = History::open(&repository.path().join("clone"))?;
        let mut found = Vec::new();
        let ended = changes(&history, PLACE, &history.resolve("HEAD")?, usize::MAX, &mut |change| {
            found.push(change);
            ControlFlow::Continue(())
        })?;
        assert_eq!((told(&found), &ended.end), (vec!["v2 v3 bump".to_owned()], &End::Shallow(boundary)));
        let rows = rows(&found, &ended);
        let last = rows.last().ok_or("no rows")?;
        assert_eq!((text(last.version.as_ref()), last.since, last.until), ("v2".to_owned(), None, rows[0].since));
        let limit = Limit { changes: 100, commits: usize::MAX };
        assert!(rejections(&history, PLACE, &history.resolve("HEAD")?, limit)?.end.is_cut());
        Ok(())
    }

    #[test]
    fn a_rejection_holds_until_the_version_returns() -> Fallible {
        let mut repository = Repository::new()?;
        repository.set("v1", "u1", "The platform")?;
        repository.set("v2", "u1", &bump("v1", "v2", ""))?;
        repository.set("v1", "u1", "Revert \"Update order-service to v2\"\n\nGitopsctl-Rejects: order-service v2")?;
        let version = |text: &str| Version::parse(text).unwrap_or_default();
        let rejected = |repository: &Repository, text: &str| -> Fallible<bool> {
            Ok(repository.rejections(100)?.of(&version(text)).is_some())
        };
        assert!(rejected(&repository, "v2")? && !rejected(&repository, "v1")?);
        assert_eq!(repository.rejections(100)?.end, End::Root);
        repository.set("v3", "u1", &bump("v1", "v3", ""))?;
        repository.set(
            "v1",
            "u1",
            "Back\n\nGitopsctl-Rejects: user-service u1\nGitopsctl-Rejects: order-service v3",
        )?;
        assert!(rejected(&repository, "v2")? && rejected(&repository, "v3")? && !rejected(&repository, "u1")?);
        let near = repository.rejections(1)?;
        assert!(near.of(&version("v3")).is_some() && near.of(&version("v2")).is_none());
        assert_eq!(near.end, End::Stopped);
        // Whoever sets it again means it.
        repository.set("v2", "u1", &bump("v1", "v2", "Gitopsctl-Reason: fixed"))?;
        repository.set("v4", "u1", &bump("v2", "v4", ""))?;
        assert!(!rejected(&repository, "v2")? && rejected(&repository, "v3")?);
        repository.set("v2", "u1", "Back\n\nGitopsctl-Rejects: order-service v4")?;
        repository.set("v1", "u1", "Back\n\nGitopsctl-Rejects: order-service v2")?;
        assert!(rejected(&repository, "v2")? && rejected(&repository, "v4")?, "rejected once more");
        Ok(())
    }
}
