//! What Git and a server said, told apart: which refusals another attempt may overcome, and what the others are.
//!
//! Git has one exit status for nearly all of them, so that its words decide, in the C locale. Those of servers are kept to
//! their own lines: a hook may say anything.

use std::fmt;

use crate::git::url::scrubbed;

/// The longest text of a server that is passed on, in characters: some send whole pages.
const LONGEST: usize = 400;

/// What kept Git from fetching or pushing. None but a broken connection goes away by trying again soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Trouble {
    /// What was named as the remote is neither a name nor a URL that Git may be told.
    Address,
    /// The repository has no remote of that name.
    NoRemote,
    /// What was named as the branch cannot be one.
    Name,
    /// Git cannot be started.
    NoGit,
    /// Git is too old for an option.
    TooOld,
    /// A hook of the server declined.
    Hook,
    /// The user's own pre-push hook declined.
    OwnHook,
    /// The server protects the branch.
    Protected,
    /// The server refused for another reason.
    Refused,
    /// The server does not let this user in, or nobody said who that is.
    Credentials,
    /// The server's ssh key is not known, or is another one than before.
    HostKey,
    /// The server cannot be reached.
    Unreachable,
    /// The server hung up, or said that it has too much to do.
    Broken,
    /// The server itself failed: its disk, its hooks' environment.
    Server,
    /// There is no such repository, or this user may not know of it.
    NoRepository,
    /// The remote has no such branch.
    NoBranch,
    /// The server takes no commits from a shallow clone.
    Shallow,
    /// The server knows no push options, which ask for a merge request.
    NoPushOptions,
    /// The local repository cannot be written.
    ReadOnly,
    /// The repository, here or there, belongs to another user, and Git does not read it then.
    NotYours,
    /// The local disk is full.
    DiskFull,
    /// The time allowed ran out.
    Deadline,
    /// Anything else.
    Other,
}

impl Trouble {
    /// All there are, in the order above.
    pub const ALL: &[Self] = &[
        Self::Address,
        Self::NoRemote,
        Self::Name,
        Self::NoGit,
        Self::TooOld,
        Self::Hook,
        Self::OwnHook,
        Self::Protected,
        Self::Refused,
        Self::Credentials,
        Self::HostKey,
        Self::Unreachable,
        Self::Broken,
        Self::Server,
        Self::NoRepository,
        Self::NoBranch,
        Self::Shallow,
        Self::NoPushOptions,
        Self::ReadOnly,
        Self::NotYours,
        Self::DiskFull,
        Self::Deadline,
        Self::Other,
    ];
}

/// Why a fetch or a push came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RemoteError {
    /// What it was.
    pub trouble: Trouble,
    /// The remote: its URL, without credentials.
    pub remote: String,
    /// The branch, where it was about one.
    pub branch: String,
    /// What Git and the server said: on one line, short, without secrets and control characters; may be empty.
    pub words: String,
}

impl RemoteError {
    pub(super) fn new(trouble: Trouble, remote: &str, branch: &str, words: &str) -> Self {
        Self { trouble, remote: remote.to_owned(), branch: branch.to_owned(), words: words.to_owned() }
    }
}

impl fmt::Display for RemoteError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { remote, branch, words, .. } = self;
        match self.trouble {
            Trouble::Address => write!(out, "`{remote}` cannot be used as a remote"),
            Trouble::NoRemote => write!(out, "the repository has no remote `{remote}`"),
            Trouble::Name => write!(out, "`{branch}` cannot be the name of a branch"),
            Trouble::NoGit => write!(out, "`git` cannot be started"),
            Trouble::TooOld => write!(out, "the installed `git` is too old"),
            Trouble::Hook => write!(out, "a hook of `{remote}` declined the push to `{branch}`"),
            Trouble::OwnHook => write!(out, "the repository's own pre-push hook declined the push to `{branch}`"),
            Trouble::Protected => write!(out, "`{remote}` protects `{branch}` from this push"),
            Trouble::Refused => write!(out, "`{remote}` refused the push to `{branch}`"),
            Trouble::Credentials => write!(out, "`{remote}` does not accept the credentials, or got none"),
            Trouble::HostKey => write!(out, "the host key of `{remote}` is not trusted"),
            Trouble::Unreachable => write!(out, "`{remote}` cannot be reached"),
            Trouble::Broken => write!(out, "the connection to `{remote}` broke"),
            Trouble::Server => write!(out, "`{remote}` failed on its own side"),
            Trouble::NoRepository => write!(out, "`{remote}` is no repository, or not one this user may see"),
            Trouble::NoBranch => write!(out, "`{remote}` has no branch `{branch}`"),
            Trouble::Shallow => write!(out, "`{remote}` takes no push from a shallow clone"),
            Trouble::NoPushOptions => {
                write!(out, "`{remote}` takes no push options, by which a merge request is asked for")
            }
            Trouble::ReadOnly => write!(out, "Git cannot write into the local repository"),
            Trouble::NotYours => write!(out, "Git does not read what belongs to another user"),
            Trouble::DiskFull => write!(out, "the disk of the local repository is full"),
            Trouble::Deadline => write!(out, "the time allowed ran out while Git talked to `{remote}`"),
            Trouble::Other => write!(out, "Git failed with `{remote}`"),
        }?;
        if words.is_empty() { Ok(()) } else { write!(out, ": {words}") }
    }
}

/// What Git said on stderr, in two voices.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Git, ssh, the user's helpers.
    own: Vec<String>,
    /// The server.
    pub(super) server: Vec<String>,
}

/// Signs in lower case, and what each tells. Of several, the first in this order counts.
type Signs = &'static [(Trouble, &'static [&'static str])];

const OWN: Signs = &[
    (
        Trouble::HostKey,
        &["host key verification failed", "remote host identification has changed", "no matching host key"],
    ),
    (Trouble::NotYours, &["dubious ownership"]),
    (Trouble::NoPushOptions, &["does not support push options"]),
    (Trouble::NoBranch, &["couldn't find remote ref", "could not find remote ref", "couldn't find remote branch"]),
    (
        Trouble::Broken,
        &[
            "connection closed by",
            "connection reset",
            "kex_exchange_identification",
            "empty reply from server",
            "requested url returned error: 429",
            "requested url returned error: 502",
            "requested url returned error: 503",
            "requested url returned error: 504",
        ],
    ),
    (
        Trouble::Unreachable,
        &[
            "could not resolve",
            "name or service not known",
            "connection refused",
            "couldn't connect",
            "failed to connect",
            "unable to connect",
            "connection timed out",
            "operation timed out",
            "timed out after",
            "no route to host",
            "network is unreachable",
            "unable to look up",
            "ssl certificate problem",
            "certificate verif",
            "ssl_connect",
            "gnutls_handshake",
            "requested url returned error: 5",
            "operation too slow",
        ],
    ),
    (
        Trouble::Credentials,
        &[
            "authentication failed",
            "could not read username",
            "could not read password",
            "terminal prompts disabled",
            "permission denied (publickey",
            "permission denied (password",
            "permission denied (keyboard",
            "permission denied, please try again",
            "too many authentication failures",
            "requested url returned error: 401",
            "requested url returned error: 403",
            "access denied or",
            "http basic: access denied",
            "unable to get password from user",
        ],
    ),
    (
        Trouble::NoRepository,
        &[
            "repository not found",
            "does not appear to be a git repository",
            "requested url returned error: 404",
            "no such remote",
            "is this a git repository?",
        ],
    ),
    (Trouble::Shallow, &["shallow update not allowed"]),
    (Trouble::DiskFull, &["no space left on device", "disk quota exceeded"]),
    (
        Trouble::ReadOnly,
        &[
            "insufficient permission for adding",
            "read-only file system",
            ".lock': permission denied",
            "fetch_head': permission denied",
            "unable to create temporary file: permission denied",
            "unable to write new index file",
            "unable to create directory for",
            "couldn't write '",
        ],
    ),
    (Trouble::TooOld, &["unknown option", "unknown switch", "unrecognized argument"]),
];

const SERVER: Signs = &[
    (
        Trouble::NoRepository,
        &["repository not found", "project you were looking for could not be found", "repository not exported"],
    ),
    (
        Trouble::Credentials,
        &[
            "http basic: access denied",
            "invalid username or",
            "support for password authentication was removed",
            "you are not allowed to push code to this project",
            "you are not allowed to download code",
            "write access to repository not granted",
            "permission to ",
            "deploy key",
        ],
    ),
    (Trouble::Broken, &["rate limit", "too many connections", "too many concurrent"]),
];

/// What says nothing by itself: the server, or the way to it, just stopped.
const SILENCE: &[&str] = &["hung up", "early eof", "unexpected disconnect", "rpc failed", "broken pipe"];

/// What says even less.
const NOTHING: &[&str] = &["could not read from remote"];

/// A hook or rule of a forge that stands for a protected branch.
const PROTECTED: &[&str] = &[
    "protected branch",
    "protected ref",
    "gh006",
    "gh013",
    "repository rule violations",
    "not allowed to push code to protected",
    "branch is protected",
    "through pull requests",
    "permission denied to update branch",
    "tf402455",
];

/// Reasons of a reference's refusal that are somebody else's push at the same time.
const RACES: &[&str] = &[
    "fetch first",
    "non-fast-forward",
    "stale info",
    "cannot lock ref",
    "failed to update ref",
    "incorrect old value provided",
    "reference already exists",
    "remote ref updated since checkout",
];

/// What the server's Git says where the same reasons are no race, and never go away.
const NO_RACE: &[&str] = &[
    "permission denied",
    "read-only file system",
    "no space left",
    "quota exceeded",
    "couldn't write",
    "couldn't close",
    "unable to write",
    "unable to create directory",
];

/// `release` and `release/1.2` cannot both be branches.
const NAMED_ALIKE: &[&str] = &["; cannot create '"];

/// How a push went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is there.
    Landed,
    /// Somebody else was faster; the reason in Git's words.
    Race(String),
    /// It is not, and will not be.
    Not(Trouble),
}

impl Said {
    /// Reads stderr; nothing secret and nothing that steers a terminal gets in.
    pub(super) fn read(stderr: &[u8], secrets: &[String]) -> Self {
        let mut said = Self::default();
        let text = scrubbed(&String::from_utf8_lossy(stderr), secrets);
        for line in text.split(['\n', '\r']) {
            let (voice, line) = match line.strip_prefix("remote:") {
                Some(line) => (&mut said.server, line),
                None => (&mut said.own, line),
            };
            let line = plain(line);
            if line.contains(char::is_alphanumeric) {
                voice.push(line);
            }
        }
        said
    }

    /// What a failed fetch, or a push that came to no reference, died of.
    pub(super) fn trouble(&self) -> Trouble {
        let first = |voice: &[String], signs: Signs| {
            let shown = |(_, signs): &&(Trouble, &[&str])| any(voice, signs);
            signs.iter().find(shown).map(|(trouble, _)| *trouble)
        };
        let daemon = || any(&self.own, &["remote error: access denied"]).then_some(Trouble::NoRepository);
        // Over https a missing repository is `repository '…' not found`.
        let missing =
            self.own.iter().any(|line| line.starts_with("fatal: repository '") && line.ends_with("not found"));
        let missing = missing.then_some(Trouble::NoRepository);
        let silence = || any(&self.own, SILENCE).then_some(Trouble::Broken);
        let nothing = || any(&self.own, NOTHING).then_some(Trouble::Unreachable);
        daemon()
            .or(missing)
            .or_else(|| first(&self.own, OWN))
            .or_else(|| first(&self.server, SERVER))
            .or_else(silence)
            .or_else(nothing)
            .unwrap_or(Trouble::Other)
    }

    /// How a push went, by what `push --porcelain` printed.
    pub(super) fn verdict(&self, stdout: &str, refspec: &str, success: bool) -> Verdict {
        let results: Vec<_> = results(stdout, refspec).collect();
        let refused = results.iter().find(|(flag, _)| *flag == "!").map(|(_, result)| *result);
        let Some(refused) = refused else {
            // Done at the server, whatever became of the reference that keeps track of it here.
            if success || !results.is_empty() {
                return Verdict::Landed;
            }
            let ends_with_nothing = self.own.iter().any(|line| line.starts_with("error: failed to push some refs"));
            return Verdict::Not(match self.trouble() {
                Trouble::Other if ends_with_nothing => Trouble::OwnHook,
                trouble => trouble,
            });
        };
        let reason = refused.to_ascii_lowercase();
        let is = |signs: &[&str]| signs.iter().any(|sign| reason.contains(sign));
        let lasts = [NO_RACE, NAMED_ALIKE].iter().any(|signs| is(signs) || any(&self.server, signs));
        if is(RACES) && !lasts {
            return Verdict::Race(inner(refused).to_owned());
        }
        Verdict::Not(if is(PROTECTED) || any(&self.server, PROTECTED) {
            Trouble::Protected
        } else if is(&["hook declined"]) {
            Trouble::Hook
        } else if is(&["shallow update not allowed"]) {
            Trouble::Shallow
        } else if is(NAMED_ALIKE) || any(&self.server, NAMED_ALIKE) {
            Trouble::Refused
        } else if is(&["[remote failure]", "unpack", "internal", "failed to update ref", "lock ref", "migrate"]) {
            Trouble::Server
        } else {
            Trouble::Refused
        })
    }

    /// What is worth passing on, on one line: the server's words, and Git's where they add something.
    pub(super) fn words(&self, reason: &str) -> String {
        let noise =
            ["hint:", "error: failed to push", "Please make sure you", "and the repository exists", "warning:", "To "];
        let mut own: Vec<_> = self
            .own
            .iter()
            .map(String::as_str)
            .filter(|line| !noise.iter().any(|noise| line.starts_with(noise)))
            .collect();
        let telling = own.iter().any(|line| !is_silence(line)) || !self.server.is_empty();
        own.retain(|line| !telling || !is_silence(line));
        let own = own.iter().map(|line| line.trim_start_matches("fatal: ").trim_start_matches("error: "));
        let mut lines: Vec<&str> = Vec::new();
        for line in Some(reason)
            .filter(|reason| !reason.is_empty())
            .into_iter()
            .chain(self.server.iter().map(String::as_str))
            .chain(own)
        {
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
        cut(&lines.join("; "))
    }
}

fn is_silence(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    SILENCE.iter().chain(NOTHING).any(|sign| line.contains(sign))
}

/// What became of each reference, as a flag and `[rejected] (<reason>)` or the like. What a hook of the user printed stands
/// between them.
fn results<'a>(stdout: &'a str, refspec: &str) -> impl Iterator<Item = (&'a str, &'a str)> {
    stdout.lines().filter_map(move |line| {
        let (flag, rest) = line.split_once('\t')?;
        let result = rest.strip_prefix(refspec)?.strip_prefix('\t')?;
        [" ", "*", "=", "!", "+", "-"].contains(&flag).then_some((flag, result))
    })
}

/// `[remote rejected] (hook declined)` → `hook declined`.
fn inner(result: &str) -> &str {
    let reason = result.split_once("] (").map_or(result, |(_, reason)| reason);
    reason.strip_suffix(')').unwrap_or(reason)
}

/// Why a reference was refused, as it is told to a person; empty when none was.
pub(super) fn reason(stdout: &str, refspec: &str, secrets: &[String]) -> String {
    let refused = results(stdout, refspec).find(|(flag, _)| *flag == "!");
    refused.map_or_else(String::new, |(_, result)| plain(&scrubbed(inner(result), secrets)))
}

fn any(lines: &[String], signs: &[&str]) -> bool {
    lines.iter().any(|line| {
        let line = line.to_ascii_lowercase();
        signs.iter().any(|sign| line.contains(sign))
    })
}

/// A line without what works on a terminal instead of being shown: escape sequences, control characters, marks that turn
/// the direction of text.
pub(super) fn plain(line: &str) -> String {
    let mut out = String::new();
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        match char {
            // Colours and the like: `ESC [ … letter`.
            '\u{1b}' => {
                if chars.clone().next() == Some('[') {
                    chars.by_ref().skip(1).find(|char| matches!(char, '@'..='~'));
                }
            }
            '\t' => out.push(' '),
            '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {}
            _ if char.is_control() => {}
            _ => out.push(char),
        }
    }
    cut(out.trim())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or(text)),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEC: &str = "1f:refs/heads/main";

    fn line(flag: &str, result: &str) -> String {
        format!("To https://h/a\n{flag}\t{SPEC}\t{result}\nDone\n")
    }

    /// What Git 2.39 and 2.47 and the forges print.
    #[test]
    fn fetches_fail_for_reasons_of_their_own() {
        let cases = [
            ("fatal: couldn't find remote ref refs/heads/nope", Trouble::NoBranch),
            (
                "ssh: Could not resolve hostname h: Name or service not known\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.",
                Trouble::Unreachable,
            ),
            ("fatal: unable to access 'http://h/x/': Could not resolve host: h", Trouble::Unreachable),
            (
                "fatal: unable to access 'http://h/x/': Failed to connect to h port 1 after 0 ms: Couldn't connect to server",
                Trouble::Unreachable,
            ),
            (
                "fatal: unable to connect to 127.0.0.1:\n127.0.0.1[0: 127.0.0.1]: errno=Connection refused\n",
                Trouble::Unreachable,
            ),
            ("fatal: unable to access 'https://h/x/': The requested URL returned error: 502", Trouble::Broken),
            ("fatal: unable to access 'https://h/x/': The requested URL returned error: 500", Trouble::Unreachable),
            (
                "error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output",
                Trouble::Broken,
            ),
            ("fatal: the remote end hung up unexpectedly", Trouble::Broken),
            ("Connection closed by 10.0.0.1 port 22\nfatal: Could not read from remote repository.", Trouble::Broken),
            (
                "fatal: unable to access 'https://h/x/': SSL certificate problem: unable to get local issuer certificate",
                Trouble::Unreachable,
            ),
            ("Host key verification failed.\nfatal: Could not read from remote repository.", Trouble::HostKey),
            (
                "git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.",
                Trouble::Credentials,
            ),
            ("fatal: could not read Username for 'https://h': terminal prompts disabled", Trouble::Credentials),
            (
                "remote: HTTP Basic: Access denied. The provided password or token is incorrect\nfatal: Authentication failed for 'https://h/x/'",
                Trouble::Credentials,
            ),
            (
                "remote: Permission to a/b.git denied to me.\nfatal: unable to access 'https://h/a/b.git/': The requested URL returned error: 403",
                Trouble::Credentials,
            ),
            (
                "remote: GitLab: You are not allowed to push code to this project.\nfatal: Could not read from remote repository.",
                Trouble::Credentials,
            ),
            ("remote: Repository not found.\nfatal: repository 'https://h/a/b.git/' not found", Trouble::NoRepository),
            ("ERROR: Repository not found.\nfatal: Could not read from remote repository.", Trouble::NoRepository),
            (
                "remote: ========================\nremote: \nremote: ERROR: The project you were looking for could not be found or you don't have permission to view it.\nremote: \nfatal: Could not read from remote repository.",
                Trouble::NoRepository,
            ),
            (
                "fatal: '/x.git' does not appear to be a git repository\nfatal: Could not read from remote repository.",
                Trouble::NoRepository,
            ),
            ("fatal: remote error: access denied or repository not exported: /x.git", Trouble::NoRepository),
            (
                "fatal: the receiving end does not support push options\nfatal: the remote end hung up unexpectedly",
                Trouble::NoPushOptions,
            ),
            (
                "error: insufficient permission for adding an object to repository database objects\nfatal: failed to write object",
                Trouble::ReadOnly,
            ),
            (
                "error: cannot lock ref 'refs/gitopsctl/x': unable to create directory for .git/refs/gitopsctl/x",
                Trouble::ReadOnly,
            ),
            (
                "fatal: detected dubious ownership in repository at '/a'\nTo add an exception for this directory, call:\n\n\tgit config --global --add safe.directory /a\nfatal: Could not read from remote repository.",
                Trouble::NotYours,
            ),
            ("fatal: write error: No space left on device", Trouble::DiskFull),
            ("error: unknown option `no-write-fetch-head'\nusage: git fetch", Trouble::TooOld),
            ("fatal: protocol error: bad pack header", Trouble::Other),
            ("", Trouble::Other),
        ];
        for (stderr, trouble) in cases {
            assert_eq!(Said::read(stderr.as_bytes(), &[]).trouble(), trouble, "{stderr}");
        }
    }

    #[test]
    fn only_a_race_is_worth_another_push() {
        let not = Verdict::Not;
        let race = |reason: &str| Verdict::Race(reason.to_owned());
        let cases = [
            (" ", "1e..1f", "", Verdict::Landed),
            ("*", "[new branch]", "remote: hello", Verdict::Landed),
            ("=", "[up to date]", "", Verdict::Landed),
            ("!", "[rejected] (fetch first)", "hint: Updates were rejected", race("fetch first")),
            ("!", "[rejected] (non-fast-forward)", "", race("non-fast-forward")),
            ("!", "[rejected] (stale info)", "", race("stale info")),
            ("!", "[remote rejected] (incorrect old value provided)", "", race("incorrect old value provided")),
            ("!", "[remote rejected] (reference already exists)", "", race("reference already exists")),
            (
                "!",
                "[remote rejected] (cannot lock ref 'refs/heads/main': is at 1e but expected 1d)",
                "",
                race("cannot lock ref 'refs/heads/main': is at 1e but expected 1d"),
            ),
            (
                "!",
                "[remote rejected] (failed to update ref)",
                "remote: error: cannot lock ref 'refs/heads/main': Unable to create '/a/refs/heads/main.lock': File exists.",
                race("failed to update ref"),
            ),
            (
                "!",
                "[remote rejected] (failed to update ref)",
                "remote: error: cannot lock ref 'refs/heads/main': Unable to create '/a/refs/heads/main.lock': Permission denied",
                not(Trouble::Server),
            ),
            (
                "!",
                "[remote rejected] (failed to update ref)",
                "remote: error: cannot lock ref 'refs/heads/a/b': 'refs/heads/a' exists; cannot create 'refs/heads/a/b'",
                not(Trouble::Refused),
            ),
            (
                "!",
                "[remote rejected] (failed to update ref)",
                "remote: error: cannot update ref 'refs/heads/m': couldn't write '/a/refs/heads/m.lock'",
                not(Trouble::Server),
            ),
            ("!", "[remote rejected] (pre-receive hook declined)", "remote: fetch first", not(Trouble::Hook)),
            (
                "!",
                "[remote rejected] (hook declined)",
                "remote: error: hook declined to update refs/heads/main",
                not(Trouble::Hook),
            ),
            (
                "!",
                "[remote rejected] (pre-receive hook declined)",
                "remote: GitLab: You are not allowed to push code to protected branches on this project.",
                not(Trouble::Protected),
            ),
            (
                "!",
                "[remote rejected] (protected branch hook declined)",
                "remote: error: GH006: Protected branch update failed",
                not(Trouble::Protected),
            ),
            (
                "!",
                "[remote rejected] (push declined due to repository rule violations)",
                "remote: error: GH013: Repository rule violations found",
                not(Trouble::Protected),
            ),
            (
                "!",
                "[remote rejected] (pre-receive hook declined)",
                "remote: Forgejo: Not allowed to push to protected branch main",
                not(Trouble::Protected),
            ),
            (
                "!",
                "[remote rejected] (pre-receive hook declined)",
                "remote: Branch refs/heads/main can only be modified through pull requests.",
                not(Trouble::Protected),
            ),
            (
                "!",
                "[remote rejected] (pre-receive hook declined)",
                "remote: Permission denied to update branch main.",
                not(Trouble::Protected),
            ),
            (
                "!",
                "[remote rejected] (TF402455: Pushes to this branch are not permitted; you must use a pull request)",
                "",
                not(Trouble::Protected),
            ),
            ("!", "[remote rejected] (shallow update not allowed)", "", not(Trouble::Shallow)),
            ("!", "[remote rejected] (branch is currently checked out)", "", not(Trouble::Refused)),
            (
                "!",
                "[remote rejected] (unpacker error)",
                "remote: fatal: write error: No space left on device",
                not(Trouble::Server),
            ),
            (
                "!",
                "[remote failure] (remote failed to report status)",
                "fatal: the remote end hung up unexpectedly",
                not(Trouble::Server),
            ),
        ];
        for (flag, result, stderr, verdict) in cases {
            let said = Said::read(stderr.as_bytes(), &[]);
            let success = verdict == Verdict::Landed;
            assert_eq!(said.verdict(&line(flag, result), SPEC, success), verdict, "{result} {stderr}");
        }
        let died = Said::read(b"error: failed to push some refs to 'https://h/a'", &[]);
        assert_eq!(died.verdict("", SPEC, false), Verdict::Not(Trouble::OwnHook));
        // The user's hook may print whatever it likes.
        assert_eq!(died.verdict("!\tx:y\t[rejected] (fetch first)\n", SPEC, false), Verdict::Not(Trouble::OwnHook));
        // The reference that keeps track of the branch could not be locked, the server's could.
        assert_eq!(Said::default().verdict(&line(" ", "1e..1f"), SPEC, false), Verdict::Landed);
    }

    #[test]
    fn words_are_short_harmless_and_without_secrets() {
        let stderr = "remote: \u{1b}[31mno\u{1b}[0m\u{7}, s3cret\u{202e}!        \nremote: ===\nremote: \u{1b}[31m\nhint: pull\nerror: failed to push some refs to 'https://a:b@h/a'\nfatal: 'https://a:b@h/a'";
        let said = Said::read(stderr.as_bytes(), &["s3cret".to_owned()]);
        assert_eq!(said.words("hook declined"), "hook declined; no, ***!; 'https://h/a'");
        let long = format!("remote: {}", "ä".repeat(9000));
        assert_eq!(Said::read(long.as_bytes(), &[]).words("").chars().count(), LONGEST + 1);
        let silent = Said::read(
            b"fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights",
            &[],
        );
        assert_eq!(silent.words(""), "Could not read from remote repository.");
    }

    #[test]
    fn every_trouble_has_words_of_its_own() {
        let all = Trouble::ALL;
        let texts: std::collections::BTreeSet<_> =
            all.iter().map(|trouble| RemoteError::new(*trouble, "https://h/a", "main", "why").to_string()).collect();
        assert_eq!(texts.len(), all.len());
        assert_eq!(all.last().map(|last| *last as usize + 1), Some(all.len()));
        assert!(texts.iter().all(|text| text.ends_with(": why")), "{texts:?}");
    }
}
