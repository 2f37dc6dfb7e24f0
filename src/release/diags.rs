//! The codes of this stage, and how refusals are worded.

use crate::diag::{Code, Diagnostic};
use crate::source::Span;

/// The codes of this stage.
pub mod codes {
    crate::diag::codes! {
        KUSTOMIZATION = "release/kustomization", "The images of this kustomization cannot be read: it must be one YAML document with a mapping, its `images` a list of mappings, and each of them must have a name. A merge conflict's markers are no YAML either.";
        NO_ENTRY = "release/no-entry", "The kustomization has no entry of this name under `images`, so there is no version of it to change here. The name is that of the image in the manifests, before `newName` replaces it.";
        DUPLICATE_ENTRY = "release/duplicate-entry", "Two entries under `images` have the same name. Kustomize applies both, one after the other, so it is unclear which of them a release is to change. Keep one.";
        SHARED_VALUE = "release/shared-value", "The value stands in the file once and counts in several places: it is an alias (`*name`), it has an anchor (`&name`) that is used elsewhere, or a merge key (`<<`) brings it in. Changing it for one image would change the others with it. Write the value out.";
        UNSUPPORTED_STYLE = "release/unsupported-style", "The value is written in a way that is not replaced in place: as a block scalar (`|`, `>`), over several lines, as a list or mapping, or with a YAML tag of its own. Write it as a plain or quoted text on one line.";
        NO_SERVICE = "release/no-service", "No overlay of the repository belongs to a service of this name: none of the catalog, none whose folder says so, and no entry of `images` ends in it. Name the service as its folder has it, or the folder with --path and the image as its kustomization has it.";
        NO_ENVIRONMENT = "release/no-environment", "The service has no overlay for an environment of this name. The choices are in the message.";
        NO_OVERLAY = "release/no-overlay", "There is no kustomization where one is needed: the service is not rendered for this environment, or the folder that was named holds none.";
        NO_IMAGE = "release/no-image", "The folder's build has no image of this name, and its kustomization no entry for it, so a tag would change nothing. Kustomize says nothing of that; a release must not.";
        AMBIGUOUS = "release/ambiguous", "Several environments, folders or images could be meant. Nothing is released by guess: name one. `release.environment` in gitopsctl.yaml says where releases go unless told otherwise.";
        BAD_VERSION = "release/bad-version", "A tag has letters, digits, `_`, `.` and `-`, at most 128, the first of them a letter, a digit or `_`; a digest is `sha256:` and 64 hexadecimal digits. `v1.2.3@sha256:…` has both.";
        UNEXPECTED = "release/unexpected", "What runs is not what --expect says, so somebody else released meanwhile. Nothing was changed.";
        DOWNGRADE = "release/downgrade", "By semantic versioning the version is older than the one that runs. A pipeline that was started late, or twice, must not take a newer release back. `gitopsctl rollback` takes a release back on purpose.";
        OLDER_SOURCE = "release/older-source", "The version was built from a commit that comes before the one that runs, or by an older build. Two pipelines of one service overtook each other; the newer one counts.";
        REJECTED = "release/rejected", "A rollback took this version back, so it is not released again by a pipeline that is started again. A newer version is not refused.";
        FREEZE = "release/freeze", "The settings have a window in which nothing is released (`release.freezes` in gitopsctl.yaml). A rollback is never refused for that.";
        VERIFY = "release/verify", "The edit was built and judged in memory before anything was written, and it does not hold: the built image is not the new one (an Application's override may hide it, or no image has that name), or there is a new error in what is released.";
        UNBUILT = "release/unbuilt", "The overlay does not build, so nothing can be said of what would be deployed. Nothing was changed.";
        DIRTY = "release/dirty", "The file has changes that are not committed, or that are staged. A release would mix them into its commit or lose them. Commit them, or put them aside.";
        DETACHED = "release/detached", "HEAD is detached, as CI leaves it, so no branch would hold the commit. Name the branch with --branch.";
        UNBORN = "release/unborn", "The branch has no commit yet, so there is nothing that runs.";
        IN_PROGRESS = "release/in-progress", "A merge, rebase, cherry-pick or revert is in progress in this work tree. Finish or abort it first.";
        BRANCH = "release/branch", "The branch is not there, or its name is none that Git takes.";
        MOVED = "release/moved", "Another process moved the branch again and again while this one was at work, so it gave up. Nothing was changed by this one. Run it again.";
        NO_IDENTITY = "release/no-identity", "A commit needs an author and a committer, and nobody is made up from the host's name. Set `user.name` and `user.email`, GIT_AUTHOR_NAME and its like, or --author.";
        SIGNING = "release/signing", "The commit is to be signed (`commit.gpgsign`), and Git could not sign it. Nothing was changed.";
        LOCKED = "release/locked", "A lock file of Git is there: another Git process is at work, or one was killed and left it. Nothing was changed.";
        NOT_WRITTEN = "release/not-written", "The disk or the repository refused: it is full, read-only or belongs to somebody else. HEAD is as it was.";
        GIT = "release/git", "Git could not do what was asked of it, in its own words. Nothing was changed.";
        RACE = "release/race", "Others pushed first at every attempt. Nothing of this release is on the server. Run it again, or raise --attempts or --deadline.";
        HOOK = "release/hook-refused", "A hook of the server refused the push. What it said is in the message. Nothing was released.";
        PROTECTED = "release/protected", "The server protects the branch: this user may not push to it. Allow it, or release by merge request (`--merge-request`). The protection is never gone around.";
        CREDENTIALS = "release/credentials", "The server did not accept the credentials, or there were none: check the token and its scope, the ssh key, or the credential helper. Nobody is asked for a password.";
        HOST_KEY = "release/host-key", "The server's ssh host key is not known, or not the known one. Add it to known_hosts; it is never accepted without a check.";
        UNREACHABLE = "release/unreachable", "The server does not answer: its name, its port, a proxy, the network. Nothing was released.";
        NO_REMOTE = "release/no-remote", "There is no such remote or repository, or this user may not see it.";
        SHALLOW = "release/shallow", "The clone is shallow, and what is needed lies beyond its boundary. Fetch more: `git fetch --unshallow`, or clone with a greater depth.";
        NOTHING_TO_ROLL_BACK = "release/nothing-to-roll-back", "The history of the branch has no earlier version of this image, so there is nothing to go back to.";
        DEADLINE = "release/deadline", "The time that --deadline gives was over before the release was on the server.";
        USAGE = "release/usage", "The arguments do not fit together. `--help` shows them.";
        UNPROVEN_EDIT = "release/unproven-edit", "The file was edited in memory, read again by two parsers, and did not differ in exactly the intended values. Nothing was written. The entry is written in an unusual style: write it as a plain block mapping, or make this edit by hand.";
    }
}

/// A refusal at a place.
pub(super) fn refuse(
    code: &'static Code,
    message: impl Into<String>,
    span: Span,
    label: impl Into<String>,
) -> Box<Diagnostic> {
    Box::new(Diagnostic::error(code, message).at(span, label))
}
