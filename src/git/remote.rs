//! What goes over the network, by the user's own `git`: ssh keys, credential helpers, proxies and hooks are as they were set
//! up. Nothing is ever forced, and no secret gets into arguments or messages.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::git::answer::{RemoteError, Said, Trouble, Verdict, plain, reason};
use crate::git::pause::random;
use crate::git::url::{Address, Login, address, is_branch_name, is_remote_name, scrubbed, secrets};
use crate::program::{self, Ended, ProgramError, Run};

/// Hands Git the user and password of a URL, out of the environment: a command line is there for everybody to read.
const HELPER: &str = concat!(
    "!f() { test \"$1\" = get || return 0; printf 'username=%s\\npassword=%s\\n' ",
    "\"$GITOPSCTL_REMOTE_USER\" \"$GITOPSCTL_REMOTE_PASSWORD\"; }; f"
);

/// Variables for the URLs of a remote that hold a login: one to fetch from, one to push to, and some more.
const HIDDEN: [&str; 4] =
    ["GITOPSCTL_REMOTE_URL_0", "GITOPSCTL_REMOTE_URL_1", "GITOPSCTL_REMOTE_URL_2", "GITOPSCTL_REMOTE_URL_3"];

/// What of the settings is asked for, once.
const ASKED: &str = r"^(remote\..*\.(url|pushurl)|branch\..*\.remote|core\.sshcommand|ssh\.variant)$";

/// Variables by which whoever called, such as a hook of Git, names another repository.
const FOREIGN: &[&str] =
    &["GIT_DIR", "GIT_WORK_TREE", "GIT_COMMON_DIR", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_NAMESPACE"];

/// How long a reference of this program may stand, in seconds, before it is one that a killed run left: longer than any
/// fetch takes.
const OLDEST: u64 = 24 * 60 * 60;

/// The most lines of a server that are passed on.
const MOST_MESSAGES: usize = 40;

/// A repository, and another one to fetch from and push to.
pub struct Remote {
    repository: Repository,
    /// As Git is told it: a name, or a URL without credentials.
    name: String,
    /// As a person is told it.
    url: String,
    login: Option<Login>,
    /// URLs of the settings that hold the login, without and with it.
    hidden: Vec<(String, String)>,
    /// What no message may hold.
    secrets: Vec<String>,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Remote").field("name", &self.name).field("url", &self.url).finish_non_exhaustive()
    }
}

/// A local repository as Git is told of it, and what was read of its settings.
struct Repository {
    /// `-C DIR` or `--git-dir=DIR`.
    place: Vec<OsString>,
    settings: Vec<(String, String)>,
}

/// How much history a fetch brings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// What is missing; a shallow clone stays shallow.
    #[default]
    AsItIs,
    /// This many commits. Heeded by a repository that is empty or shallow; a whole one is not cut.
    Depth(u32),
    /// This many commits more than there are; a whole repository has no more.
    Deeper(u32),
    /// All of it.
    Whole,
}

/// How to fetch.
#[derive(Clone, Copy, Debug, Default)]
pub struct Fetch<'a> {
    /// How much history it brings.
    pub history: Reach,
    /// Which objects are left out (`blob:none`). Heeded by an empty repository alone: Git would turn another one into a
    /// partial clone.
    pub filter: Option<&'a str>,
    /// When it must have ended.
    pub deadline: Option<Instant>,
}

/// How a push went that nothing stands against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The commit is at the tip of the branch.
    Landed {
        /// What the server said, line by line: where to open a merge request, for instance.
        messages: Vec<String>,
    },
    /// Somebody else was faster: fetch, begin at the new tip, push again.
    Race {
        /// In Git's words.
        reason: String,
    },
}

impl Pushed {
    /// The first URL in what the server said: of the merge request, or where one may be opened.
    pub fn link(&self) -> Option<&str> {
        let Self::Landed { messages } = self else { return None };
        let mut words = messages.iter().flat_map(|line| line.split_whitespace());
        words.find(|word| word.starts_with("https://") || word.starts_with("http://"))
    }
}

impl Remote {
    /// A remote of the repository around a directory (in its work tree, or the Git directory itself): its name there, or a
    /// URL. Nothing is reached yet.
    pub fn of(directory: &Path, name_or_url: &str) -> Result<Self, RemoteError> {
        let repository = Repository::around(directory)?;
        if !is_remote_name(name_or_url) {
            return Self::at(repository, name_or_url);
        }
        let known = |kind: &str| repository.all(&format!("remote.{name_or_url}.{kind}"));
        let urls: Vec<_> = known("pushurl").chain(known("url")).collect();
        let Some(shown) = urls.first() else {
            return Err(RemoteError::new(Trouble::NoRemote, name_or_url, "", ""));
        };
        let secrets: Vec<_> = urls.iter().flat_map(|url| secrets(url)).collect();
        let url = plain(&scrubbed(shown, &secrets));
        // Git hands a URL of the settings as it is to the program that speaks with the server, for everybody to read.
        let known: Vec<_> = urls.iter().filter_map(|url| Some((address(url).ok()?, url.clone()))).collect();
        let login = known.iter().find_map(|(known, _)| known.login.clone());
        let is_hidden = |(known, _): &(Address, String)| known.login.is_some() && known.login == login;
        let hidden = known.into_iter().filter(is_hidden).map(|(known, url)| (known.url, url)).collect();
        Ok(Self { name: name_or_url.to_owned(), url, login, hidden, secrets, repository })
    }

    /// A new bare repository in an empty directory, to work on a remote without a checkout.
    pub fn temporary(directory: &Path, url: &str) -> Result<Self, RemoteError> {
        let directory = directory.as_os_str().to_owned();
        // No templates: what hooks they hold are for clones that stay.
        let arguments: [OsString; 6] =
            ["init".into(), "--quiet".into(), "--bare".into(), "--template=".into(), "--".into(), directory.clone()];
        let ended = start(&arguments, &[], None).map_err(|error| not_started("", &error))?;
        if !ended.is_success() {
            return Err(Said::read(&ended.stderr, &secrets(url)).error(Trouble::ReadOnly, &shown(url), ""));
        }
        Self::at(Repository::around(Path::new(&directory))?, url)
    }

    fn at(repository: Repository, url: &str) -> Result<Self, RemoteError> {
        let wrong = |why| RemoteError::new(Trouble::Address, &shown(url), "", why);
        let known = address(url).map_err(wrong)?;
        let secrets = secrets(url);
        Ok(Self {
            name: known.url.clone(),
            url: known.url,
            login: known.login,
            hidden: Vec::new(),
            secrets,
            repository,
        })
    }

    /// The remote that a branch is pushed to where nobody says: its own, else `origin`, else the only one there is.
    pub fn default_for(directory: &Path, branch: &str) -> Option<String> {
        let repository = Repository::around(directory).ok()?;
        let remotes =
            repository.settings.iter().filter_map(|(key, _)| key.strip_prefix("remote.")?.strip_suffix(".url"));
        let mut remotes: Vec<_> = remotes.map(str::to_owned).collect();
        remotes.sort();
        remotes.dedup();
        // A branch that follows a local one has the remote `.`.
        let own = repository.all(&format!("branch.{branch}.remote")).last().filter(|name| remotes.contains(name));
        let origin = || remotes.iter().find(|name| *name == "origin").cloned();
        let only = || remotes.first().filter(|_| remotes.len() == 1).cloned();
        own.or_else(origin).or_else(only)
    }

    /// Where it is, without credentials.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Fetches a branch; the full hash of the commit at its tip. References that keep track of the remote move as with any
    /// fetch; HEAD, FETCH_HEAD, tags and branches stay.
    pub fn fetch(&self, branch: &str, options: &Fetch<'_>) -> Result<String, RemoteError> {
        self.check(branch, options.deadline)?;
        // A reference of its own, because the repository may keep track of other branches only, and others fetch as well.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let own = format!("refs/gitopsctl/{now}-{}-{:016x}", std::process::id(), random());
        let mut arguments: Vec<OsString> = Vec::new();
        // No background process that slows what follows, locks files or outlives a temporary repository.
        for setting in ["gc.auto=0", "maintenance.auto=false", "fetch.writeCommitGraph=false"] {
            arguments.extend(["-c".into(), setting.into()]);
        }
        let fixed = ["fetch", "--quiet", "--no-tags", "--no-prune", "--no-recurse-submodules", "--no-write-fetch-head"];
        arguments.extend(fixed.map(OsString::from));
        arguments.extend(self.history(options).map(OsString::from));
        if let Some(filter) = options.filter.filter(|_| self.is_empty()) {
            arguments.push(format!("--filter={filter}").into());
        }
        arguments.extend(["--end-of-options".into(), self.name.clone().into()]);
        arguments.push(format!("+refs/heads/{branch}:{own}").into());
        let ended = self.git(&arguments, branch, options.deadline)?;
        // Where another process held the lock of a reference that keeps track, Git fails, but all is here.
        let listed = self.ask(&["for-each-ref", "--format=%(refname) %(objectname)", "refs/gitopsctl"]);
        let listed = listed.unwrap_or_default();
        let mut tip = None;
        for (name, hash) in listed.lines().filter_map(|line| line.split_once(' ')) {
            if name == own {
                tip = Some(hash.to_owned()).filter(|tip| is_hash(tip));
            }
            if name == own || is_left(name, now) {
                self.ask(&["update-ref", "-d", name]);
            }
        }
        tip.ok_or_else(|| self.failed(&ended, branch))
    }

    /// The branch that the server calls its own (its HEAD); `None` where it says none.
    pub fn default_branch(&self, deadline: Option<Instant>) -> Result<Option<String>, RemoteError> {
        let arguments = ["ls-remote", "--symref", "--end-of-options", &self.name, "HEAD"].map(OsString::from);
        let ended = self.git(&arguments, "", deadline)?;
        if !ended.is_success() {
            return Err(self.failed(&ended, ""));
        }
        let printed = String::from_utf8_lossy(&ended.stdout);
        let named = printed.lines().find_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD"));
        Ok(named.filter(|name| is_branch_name(name)).map(str::to_owned))
    }

    /// Makes a commit the tip of a branch, if it follows the one that is there; a missing branch comes to be. Hooks run.
    /// `options` are push options, by which some servers open a merge request.
    pub fn push(
        &self,
        commit: &str,
        branch: &str,
        options: &[String],
        deadline: Option<Instant>,
    ) -> Result<Pushed, RemoteError> {
        self.check(branch, deadline)?;
        if !is_hash(commit) {
            return Err(RemoteError::new(
                Trouble::Other,
                &self.url,
                branch,
                "what is to be pushed is no full hash of a commit",
            ));
        }
        let fixed = ["push", "--porcelain", "--no-progress", "--no-follow-tags", "--recurse-submodules=no"];
        let mut arguments: Vec<OsString> = fixed.map(OsString::from).to_vec();
        arguments.extend(options.iter().map(|option| format!("--push-option={option}").into()));
        arguments.extend(["--end-of-options".into(), self.name.clone().into()]);
        let refspec = format!("{commit}:refs/heads/{branch}");
        arguments.push(refspec.clone().into());
        let ended = self.git(&arguments, branch, deadline)?;
        let said = Said::read(&ended.stderr, &self.secrets);
        let printed = String::from_utf8_lossy(&ended.stdout);
        match said.verdict(&printed, &refspec, ended.is_success()) {
            Verdict::Landed => {
                let mut messages = said.server;
                messages.truncate(MOST_MESSAGES);
                Ok(Pushed::Landed { messages })
            }
            Verdict::Race(reason) => Ok(Pushed::Race { reason: plain(&scrubbed(&reason, &self.secrets)) }),
            Verdict::Not(_) if ended.status.is_none() => Err(self.failed(&ended, branch)),
            Verdict::Not(trouble) => {
                let words = said.words(&reason(&printed, &refspec, &self.secrets));
                Err(RemoteError::new(trouble, &self.url, branch, &words))
            }
        }
    }

    fn check(&self, branch: &str, deadline: Option<Instant>) -> Result<(), RemoteError> {
        if !is_branch_name(branch) {
            return Err(RemoteError::new(Trouble::Name, &self.url, &plain(branch), ""));
        }
        if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(RemoteError::new(Trouble::Deadline, &self.url, branch, ""));
        }
        Ok(())
    }

    fn failed(&self, ended: &Ended, branch: &str) -> RemoteError {
        let said = Said::read(&ended.stderr, &self.secrets);
        let trouble = if ended.status.is_none() { Trouble::Deadline } else { said.trouble() };
        said.error(trouble, &self.url, branch)
    }

    fn history(&self, options: &Fetch<'_>) -> Option<String> {
        let is_shallow =
            || self.ask(&["rev-parse", "--is-shallow-repository"]).is_some_and(|says| says.trim() == "true");
        match options.history {
            Reach::AsItIs => None,
            Reach::Depth(depth) => (is_shallow() || self.is_empty()).then(|| format!("--depth={}", depth.max(1))),
            Reach::Deeper(more) => is_shallow().then(|| format!("--deepen={more}")),
            Reach::Whole => is_shallow().then(|| "--unshallow".to_owned()),
        }
    }

    fn is_empty(&self) -> bool {
        self.ask(&["for-each-ref", "--count=1"]).is_some_and(|says| says.is_empty())
    }

    /// What a Git command without a network prints, if it does.
    fn ask(&self, arguments: &[&str]) -> Option<String> {
        self.repository
            .ask(arguments)
            .ok()
            .filter(Ended::is_success)
            .and_then(|ended| String::from_utf8(ended.stdout).ok())
    }

    /// Runs Git with the network.
    fn git(&self, arguments: &[OsString], branch: &str, deadline: Option<Instant>) -> Result<Ended, RemoteError> {
        let start = |hides: bool| {
            let (settings, variables) = self.settings(hides);
            let all: Vec<OsString> = self.repository.place.iter().chain(&settings).chain(arguments).cloned().collect();
            start(&all, &variables, deadline)
                .map_err(|error| RemoteError { branch: branch.to_owned(), ..not_started(&self.url, &error) })
        };
        let ended = start(true)?;
        // Git before 2.31 takes no settings out of the environment.
        let is_old = !ended.is_success() && String::from_utf8_lossy(&ended.stderr).contains("--config-env");
        if is_old && !self.hidden.is_empty() { start(false) } else { Ok(ended) }
    }

    /// What Git is told of the login beside the command, and by which variables. Where it `hides`, URLs of the settings that
    /// hold the login are replaced by what they are without.
    fn settings(&self, hides: bool) -> (Vec<OsString>, Vec<(&'static str, Option<OsString>)>) {
        let mut all: Vec<OsString> = Vec::new();
        let mut variables: Vec<(&'static str, Option<OsString>)> = Vec::new();
        let login = self.login.as_ref().filter(|_| hides || self.hidden.is_empty());
        if let Some(Login { server, user, password }) = login {
            variables.push(("GITOPSCTL_REMOTE_USER", Some(user.into())));
            if let Some(password) = password {
                // The empty one forgets the user's own helpers, for this server alone.
                for helper in ["", HELPER] {
                    all.extend(["-c".into(), format!("credential.{server}.helper={helper}").into()]);
                }
                variables.push(("GITOPSCTL_REMOTE_PASSWORD", Some(password.into())));
            } else {
                // Who to be, but not by which password: as in the URL, this is for helpers and `GIT_ASKPASS`. By a variable,
                // because it may be a token.
                all.push(format!("--config-env=credential.{server}.username=GITOPSCTL_REMOTE_USER").into());
            }
            for ((clean, whole), name) in self.hidden.iter().zip(HIDDEN) {
                all.push(format!("--config-env=url.{clean}.insteadOf={name}").into());
                variables.push((name, Some(whole.into())));
            }
        }
        // Nobody could answer ssh. What the user has set up stays.
        let chosen = ["core.sshcommand", "ssh.variant"].iter().any(|key| self.repository.all(key).next().is_some());
        if !chosen && !program::inherits("GIT_SSH_COMMAND") && !program::inherits("GIT_SSH") {
            variables.push(("GIT_SSH_COMMAND", Some("ssh -oBatchMode=yes".into())));
        }
        (all, variables)
    }
}

impl Repository {
    fn around(directory: &Path) -> Result<Self, RemoteError> {
        // Git may be told not to take a directory for a bare repository unless it is named as one.
        let is_git_directory = directory.join("HEAD").is_file()
            && (directory.join("objects").is_dir() || directory.join("commondir").is_file());
        let place = if is_git_directory {
            let mut option = OsString::from("--git-dir=");
            option.push(directory);
            vec![option]
        } else {
            vec!["-C".into(), directory.into()]
        };
        let mut repository = Self { place, settings: Vec::new() };
        let ended =
            repository.ask(&["config", "--null", "--get-regexp", ASKED]).map_err(|error| not_started("", &error))?;
        // It fails with 1 where there is none of them.
        if !ended.is_success() && ended.status.and_then(|status| status.code()) != Some(1) {
            let said = Said::read(&ended.stderr, &[]);
            return Err(said.error(said.trouble(), &directory.to_string_lossy(), ""));
        }
        let text = String::from_utf8_lossy(&ended.stdout);
        let entries = text.split('\0').filter_map(|entry| entry.split_once('\n'));
        repository.settings = entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        Ok(repository)
    }

    /// The values of a setting, in Git's order.
    fn all<'a>(&'a self, key: &str) -> impl Iterator<Item = String> + use<'a> {
        let key = key.to_owned();
        self.settings.iter().filter(move |(known, _)| *known == key).map(|(_, value)| value.clone())
    }

    fn ask(&self, arguments: &[&str]) -> Result<Ended, ProgramError> {
        let all: Vec<OsString> = self.place.iter().cloned().chain(arguments.iter().map(OsString::from)).collect();
        start(&all, &[], None)
    }
}

impl Said {
    fn error(&self, trouble: Trouble, remote: &str, branch: &str) -> RemoteError {
        // The message of these says all of it.
        let words = if trouble == Trouble::NoBranch { String::new() } else { self.words("") };
        RemoteError::new(trouble, remote, branch, &words)
    }
}

/// Starts Git so that its words can be read by a program, and nobody is asked.
fn start(
    arguments: &[OsString],
    variables: &[(&str, Option<OsString>)],
    deadline: Option<Instant>,
) -> Result<Ended, ProgramError> {
    let fixed = [("LC_ALL", "C"), ("GIT_TERMINAL_PROMPT", "0")].map(|(name, value)| (name, Some(value.into())));
    let foreign = FOREIGN.iter().map(|name| (*name, None));
    let variables: Vec<_> = fixed.into_iter().chain(foreign).chain(variables.iter().cloned()).collect();
    program::run(&Run { program: "git", arguments, variables: &variables, directory: None, input: None, deadline })
}

fn not_started(remote: &str, error: &ProgramError) -> RemoteError {
    RemoteError::new(Trouble::NoGit, remote, "", &error.to_string())
}

/// Whether a reference is what a run left that was killed.
fn is_left(name: &str, now: u64) -> bool {
    let since = name.strip_prefix("refs/gitopsctl/").and_then(|rest| rest.split('-').next()?.parse::<u64>().ok());
    since.is_some_and(|since| since + OLDEST < now)
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What may be shown of a text that should have been a URL: nothing before its last `@`, where a password may be.
fn shown(url: &str) -> String {
    let text = plain(url);
    match (address(url), text.rsplit_once('@')) {
        (Ok(known), _) => known.url,
        (Err(_), Some((_, rest))) => format!("…@{rest}"),
        (Err(_), None) => text,
    }
}
