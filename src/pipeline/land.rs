//! Brings a release to its branch: works it out at the tip, commits it, moves the branch or pushes; where somebody else was
//! faster all of it again at the new tip, guards and proof included. Nothing is merged and nothing is forced.

use std::time::{Duration, Instant};

use crate::git::{
    Fetch, Head, Identities, Landed as Moved, LandedFile, Landing, Outcome, Pushed, Reach, Remote, RemoteError, Sign,
    Store, TargetState, Trouble, pause, random,
};
pub use crate::pipeline::refused::{of_git, of_remote};
use crate::pipeline::request;
use crate::release::{Class, Refusal, codes};

/// What a release comes to at one commit.
#[derive(Debug)]
pub struct Proposal<T> {
    /// The files that it changes, by their paths from the top: the text at the commit, and the text to be.
    pub files: Vec<(String, String, String)>,
    /// The message of the commit.
    pub message: String,
    /// A name for a branch of its own, where it goes by merge request.
    pub name: String,
    /// Whether it goes by merge request, whatever the caller says.
    pub by_merge_request: bool,
    /// What is to be told about it.
    pub report: T,
}

/// Where a release goes.
#[derive(Debug)]
pub struct Goal<'a> {
    /// The local repository.
    pub store: &'a Store,
    /// Where to push; `None`: the commit stays here.
    pub remote: Option<&'a Remote>,
    /// The name of that remote in the repository; `None` where it is but a URL.
    pub remote_name: Option<&'a str>,
    /// The branch, in short.
    pub branch: &'a str,
    /// Whether it goes by merge request.
    pub merge_request: bool,
    /// The author, where that is not the user.
    pub author: Option<&'a str>,
    /// How often to try.
    pub attempts: u32,
    /// When it must be over.
    pub deadline: Option<Instant>,
    /// Whether nothing is written.
    pub dry_run: bool,
}

/// What was done.
#[derive(Debug)]
pub struct Landed<T> {
    /// The proposal's report.
    pub report: T,
    /// The message of the commit.
    pub message: String,
    /// The commit; `None` where there was nothing to do, or nothing was written.
    pub commit: Option<String>,
    /// The branch that it is on, in short.
    pub branch: String,
    /// Whether that branch is one of its own, to be merged by a merge request.
    pub is_request: bool,
    /// How often it was tried.
    pub attempts: u32,
    /// Whether it is on the server.
    pub is_pushed: bool,
    /// Where the merge request is, or may be opened.
    pub link: Option<String>,
    /// What else there is to say.
    pub notes: Vec<String>,
}

/// How the work is gone about.
struct Work<'a> {
    goal: &'a Goal<'a>,
    head: Head,
    notes: Vec<String>,
    /// How many pushes in a row broke.
    breaks: u32,
    /// Whether the server was asked where the branch is.
    has_asked: bool,
    /// Why the last push did not count.
    reason: String,
}

/// Brings a release to its branch. `propose` works it out at a commit; it is asked again wherever the branch moves.
pub fn land<T>(
    goal: &Goal<'_>,
    propose: &mut dyn FnMut(&str) -> Result<Proposal<T>, Refusal>,
) -> Result<Landed<T>, Refusal> {
    let mut notes = Vec::new();
    if !goal.dry_run {
        for found in goal.store.recover().map_err(|error| of_git(&error))? {
            let commit = crate::release::abbreviated(&found.commit);
            notes.push(match found.outcome {
                Outcome::Finished(left) if left.is_empty() => {
                    format!("a run that was killed had committed {commit}: the work tree follows it now")
                }
                Outcome::Finished(left) => {
                    let files: Vec<_> = left.into_iter().map(|file| file.path).collect();
                    format!("a run that was killed had committed {commit}; left as they are: {}", files.join(", "))
                }
                Outcome::Undone => "a run that was killed had committed nothing".to_owned(),
            });
        }
    }
    let head = goal.store.head().map_err(|error| of_git(&error))?;
    let mut work = Work { goal, head, notes, breaks: 0, has_asked: false, reason: String::new() };
    if goal.remote.is_none() && work.shows_branch() {
        work.check_progress()?;
    }
    let mut attempt = 0;
    loop {
        let (base, tip) = work.base()?;
        // Git looks who commits while the release is worked out.
        let who = (!goal.dry_run).then(|| goal.store.ask_identities(goal.author, None));
        let found = propose(&base);
        if found.as_ref().map_or(true, |proposal| proposal.files.is_empty()) && !work.has_asked && goal.remote.is_some()
        {
            // By what the clone knows there is nothing to do, or it may not be done; the server may know better.
            work.has_asked = true;
            continue;
        }
        work.has_asked = true;
        attempt += 1;
        let proposal = found?;
        let Some(who) = who.filter(|_| !proposal.files.is_empty()) else {
            return Ok(work.landed(proposal, None, attempt, None));
        };
        let by_request = goal.remote.is_some() && (goal.merge_request || proposal.by_merge_request);
        let follows = !by_request && work.follows(tip.as_deref(), &base);
        if follows {
            work.check(&proposal.files)?;
        }
        let by = who.answer().map_err(|error| of_git(&error))?;
        let files: Vec<(String, Vec<u8>)> =
            proposal.files.iter().map(|(path, _, after)| (path.clone(), after.clone().into_bytes())).collect();
        let commit = goal
            .store
            .write_commit(&base, &files, &proposal.message, &by, Sign::Config)
            .map_err(|error| of_git(&error))?;
        if let Some(remote) = goal.remote {
            if let Push::Arrived(arrived) = work.push(remote, commit, &base, &proposal, by_request)? {
                if follows {
                    work.bring_home(tip.as_deref(), &arrived.commit, &proposal, &by);
                } else if !by_request && work.shows_branch() {
                    work.notes.push(format!("your `{}` is another than the server's: `git pull`", goal.branch));
                }
                return Ok(work.landed(proposal, None, attempt, Some(arrived)));
            }
        } else if work.move_branch(tip.as_deref(), &commit, &proposal, &by)? {
            if proposal.by_merge_request {
                work.notes.push(
                    "its environment is released by merge request: not by a push, but --merge-request".to_owned(),
                );
            }
            return Ok(work.landed(proposal, Some(commit), attempt, None));
        }
        work.rest(attempt)?;
    }
}

/// How often in a row a connection may break before that is the answer: a server that many talk to at once hangs up now and then.
const BREAKS: u32 = 8;

/// How a push went.
enum Push {
    /// The server has the commit.
    Arrived(Arrived),
    /// Somebody else was faster, or the connection broke before.
    Missed,
}

/// What is on the server.
struct Arrived {
    commit: String,
    branch: String,
    is_request: bool,
    /// Where a merge request may be opened.
    link: Option<String>,
}

impl Work<'_> {
    fn reference(&self) -> String {
        format!("refs/heads/{}", self.goal.branch)
    }

    /// Whether the branch is the one that is checked out.
    fn shows_branch(&self) -> bool {
        self.head.branch.as_deref() == Some(self.goal.branch)
    }

    /// Whether the local branch goes along with a commit on this base.
    fn follows(&self, tip: Option<&str>, base: &str) -> bool {
        tip == Some(base) && (self.goal.remote.is_none() || self.shows_branch())
    }

    /// The commit to begin at, and the one that the local branch is at.
    fn base(&mut self) -> Result<(String, Option<String>), Refusal> {
        let store = self.goal.store;
        let commit_of = |name: &str| store.commit_of(name).map_err(|error| of_git(&error));
        let tip = commit_of(&self.reference())?;
        let Some(remote) = self.goal.remote else {
            let start = match (&tip, self.head.branch.is_none()) {
                (Some(tip), _) => Some(tip.clone()),
                (None, true) => self.head.commit.clone(),
                (None, false) => None,
            };
            let message = format!("the branch `{}` has no commit", self.goal.branch);
            let missing = || Refusal::new(Class::Environment, &codes::UNBORN, message);
            return start.map(|start| (start, tip)).ok_or_else(missing);
        };
        // A fresh clone knows the tip; only if somebody was faster it has to be asked for.
        if let Some(name) = self.goal.remote_name.filter(|_| !self.has_asked && !self.goal.dry_run) {
            let known = commit_of(&format!("refs/remotes/{name}/{}", self.goal.branch))?;
            if let Some(known) = known.filter(|known| self.head.commit.as_ref() == Some(known)) {
                return Ok((known, tip));
            }
        }
        self.has_asked = true;
        let history = if self.goal.remote_name.is_none() { Reach::Depth(1) } else { Reach::AsItIs };
        let fetch = self.fetch(history);
        let mut ask = || remote.fetch(self.goal.branch, &fetch);
        let base = patiently(self.goal.deadline, &mut ask).map_err(|error| of_remote(&error))?;
        Ok((base, tip))
    }

    /// Refuses files that somebody has changed and not committed.
    fn check(&self, files: &[(String, String, String)]) -> Result<(), Refusal> {
        if !self.shows_branch() {
            return Ok(());
        }
        let paths: Vec<&str> = files.iter().map(|(path, ..)| path.as_str()).collect();
        let states = self.goal.store.target_states(&paths).map_err(|error| of_git(&error))?;
        for (path, state) in paths.into_iter().zip(states) {
            let what = match state {
                TargetState::Clean | TargetState::Absent => continue,
                TargetState::Staged => "has staged changes",
                TargetState::Dirty => "has changes that are not committed",
                TargetState::Untracked => "is not known to Git",
                TargetState::Conflict => "is in conflict",
                TargetState::Link => "is, or lies behind, a symbolic link",
            };
            return Err(Refusal::new(Class::Environment, &codes::DIRTY, format!("`{path}` {what}"))
                .help("commit them, or put them aside: `git stash`"));
        }
        Ok(())
    }

    /// Refuses to move a branch while something is going on in its work tree.
    fn check_progress(&self) -> Result<(), Refusal> {
        let Some(what) = self.goal.store.in_progress() else { return Ok(()) };
        let end = if what == "bisect" { "reset" } else { "--abort" };
        let message = format!("a {what} is in progress");
        Err(Refusal::new(Class::Environment, &codes::IN_PROGRESS, message)
            .help(format!("finish it, or `git {what} {end}`")))
    }

    /// Pushes, unless somebody else was faster.
    fn push<T>(
        &mut self,
        remote: &Remote,
        commit: String,
        base: &str,
        proposal: &Proposal<T>,
        by_request: bool,
    ) -> Result<Push, Refusal> {
        let branch = if by_request { request::branch(&proposal.name, base) } else { self.goal.branch.to_owned() };
        let mut arrived = Arrived { commit, branch, is_request: by_request, link: None };
        let mut pushed = self.send(remote, &arrived, proposal);
        if by_request && matches!(pushed, Ok(Pushed::Race { .. })) {
            // It is there from an earlier run, which made the same of the same; or something else is.
            let there = remote.fetch(&arrived.branch, &self.fetch(Reach::AsItIs)).ok();
            if let Some(there) = there.filter(|there| self.goal.store.is_same_change(there, &arrived.commit)) {
                self.notes.push(format!("`{}` has been pushed before", arrived.branch));
                arrived.commit = there;
                return Ok(Push::Arrived(arrived));
            }
            arrived.branch = format!("{}-{}", arrived.branch, crate::release::abbreviated(&arrived.commit));
            pushed = self.send(remote, &arrived, proposal);
        }
        match pushed {
            Ok(pushed @ Pushed::Landed { .. }) => {
                arrived.link = pushed.link().map(str::to_owned);
                if by_request && arrived.link.is_none() {
                    let (from, to) = (&arrived.branch, self.goal.branch);
                    self.notes.push(format!("open a merge request from `{from}` to `{to}`"));
                }
                Ok(Push::Arrived(arrived))
            }
            Ok(Pushed::Race { reason }) => {
                self.reason = reason;
                self.breaks = 0;
                Ok(Push::Missed)
            }
            Err(error) if matches!(error.trouble, Trouble::Broken | Trouble::Server | Trouble::Other) => {
                self.unclear(remote, arrived, base, &error)
            }
            Err(error) => Err(of_remote(&error)),
        }
    }

    fn send<T>(&self, remote: &Remote, what: &Arrived, proposal: &Proposal<T>) -> Result<Pushed, RemoteError> {
        let deadline = self.goal.deadline;
        if !what.is_request {
            return remote.push(&what.commit, &what.branch, &[], deadline);
        }
        let subject = proposal.message.lines().next().unwrap_or_default();
        let options = request::options(self.goal.branch, subject);
        match remote.push(&what.commit, &what.branch, &options, deadline) {
            // The branch is pushed all the same; whoever opens the request says the rest.
            Err(error) if error.trouble == Trouble::NoPushOptions => {
                remote.push(&what.commit, &what.branch, &[], deadline)
            }
            pushed => pushed,
        }
    }

    fn fetch(&self, history: Reach) -> Fetch<'static> {
        Fetch { history, filter: None, deadline: self.goal.deadline }
    }

    /// What a push came to whose end nobody has seen: the server may have done the work before the connection broke.
    fn unclear(&mut self, remote: &Remote, sent: Arrived, base: &str, error: &RemoteError) -> Result<Push, Refusal> {
        // All that came since the base, also where the clone is shallow.
        let mut ask = || remote.fetch(&sent.branch, &self.fetch(Reach::AsItIs));
        let arrived = match patiently(self.goal.deadline, &mut ask) {
            Ok(tip) => self.goal.store.came_with(base, &tip, &sent.commit),
            // A branch of its own that is not there.
            Err(error) if error.trouble == Trouble::NoBranch => Some(false),
            Err(_) => None,
        };
        match arrived {
            Some(true) => Ok(Push::Arrived(sent)),
            Some(false) if error.trouble == Trouble::Broken && self.breaks < BREAKS => {
                self.breaks += 1;
                self.reason.clone_from(&error.words);
                Ok(Push::Missed)
            }
            Some(false) => Err(of_remote(error)),
            None => Err(of_remote(error).help("whether the commit arrived is not known: look at `gitopsctl history`")),
        }
    }

    /// Moves the local branch, index and work tree; `false` where somebody else was faster.
    fn move_branch<T>(
        &mut self,
        tip: Option<&str>,
        commit: &str,
        proposal: &Proposal<T>,
        by: &Identities,
    ) -> Result<bool, Refusal> {
        let subject = proposal.message.lines().next().unwrap_or_default();
        let reflog = format!("gitopsctl: {subject}");
        let branch = self.reference();
        let files = self.files(proposal)?;
        let landing =
            Landing { branch: &branch, old: tip, new: commit, files, reflog: &reflog, by: Some(&by.committer) };
        match self.goal.store.land(&landing).map_err(|error| of_git(&error))? {
            Moved::Moved => Ok(false),
            Moved::Done(left) => {
                for file in left {
                    self.notes.push(format!("`{}` in the work tree was left as it is: {}", file.path, file.why));
                }
                Ok(true)
            }
        }
    }

    /// Lets the local branch follow what is on the server. What hinders it is a note: the release is out.
    fn bring_home<T>(&mut self, tip: Option<&str>, commit: &str, proposal: &Proposal<T>, by: &Identities) {
        let moved = self.check_progress().and_then(|()| self.move_branch(tip, commit, proposal, by));
        match moved {
            Ok(true) => {}
            Ok(false) => self.notes.push(format!("your `{}` moved meanwhile: `git pull`", self.goal.branch)),
            Err(refusal) => {
                let why = &refusal.diagnostic.message;
                self.notes.push(format!("your `{}` did not follow: {why}; `git pull`", self.goal.branch));
            }
        }
    }

    /// What becomes of the files of the work tree, whose line endings may be others than those of the commit.
    fn files<T>(&self, proposal: &Proposal<T>) -> Result<Vec<LandedFile>, Refusal> {
        let Some(top) = self.goal.store.top().filter(|_| self.shows_branch()) else { return Ok(Vec::new()) };
        proposal
            .files
            .iter()
            .map(|(path, before, after)| {
                let tree = crate::tree::Tree::directory(top);
                let shown = tree.read(path).map_err(|error| {
                    Refusal::new(Class::Environment, &codes::DIRTY, format!("`{path}` cannot be read: {error}"))
                })?;
                let Some(shown) = shown else {
                    return Ok(LandedFile { path: path.clone(), before: None, after: None });
                };
                let becomes = if shown == before.as_bytes() {
                    Some(after.clone())
                } else if shown == carriage(before).as_bytes() {
                    Some(carriage(after))
                } else {
                    None
                };
                let Some(becomes) = becomes else {
                    let message =
                        format!("`{path}` is shown by a filter of Git as something else than it is committed");
                    return Err(Refusal::new(Class::Environment, &codes::DIRTY, message));
                };
                Ok(LandedFile { path: path.clone(), before: Some(shown), after: Some(becomes.into_bytes()) })
            })
            .collect()
    }

    /// Waits before the next attempt, each process for another time.
    fn rest(&self, attempt: u32) -> Result<(), Refusal> {
        let gave_up = |why: String| {
            let (class, code) = match self.goal.remote {
                Some(_) => (Class::Environment, &codes::RACE),
                None => (Class::Environment, &codes::MOVED),
            };
            Refusal::new(class, code, why).help("run it again: nothing was released")
        };
        if attempt >= self.goal.attempts {
            let last = if self.reason.is_empty() { String::new() } else { format!("; the last push: {}", self.reason) };
            return Err(gave_up(format!("others were faster {attempt} times{last}")));
        }
        // Nobody waits for a network where the race is one for a file.
        let wait = pause(attempt, random()) / if self.goal.remote.is_some() { 1 } else { 25 };
        if let Some(deadline) = self.goal.deadline
            && Instant::now() + wait >= deadline
        {
            let message = format!("the time is over, after {attempt} attempts in which others were faster");
            return Err(
                Refusal::new(Class::Environment, &codes::DEADLINE, message).help("run it again: nothing was released")
            );
        }
        std::thread::sleep(wait.max(Duration::from_millis(1)));
        Ok(())
    }

    fn landed<T>(
        self,
        proposal: Proposal<T>,
        commit: Option<String>,
        attempts: u32,
        arrived: Option<Arrived>,
    ) -> Landed<T> {
        let here =
            Arrived { commit: String::new(), branch: self.goal.branch.to_owned(), is_request: false, link: None };
        let is_pushed = arrived.is_some();
        let arrived = arrived.unwrap_or(here);
        Landed {
            report: proposal.report,
            message: proposal.message,
            commit: commit.or_else(|| is_pushed.then_some(arrived.commit)),
            branch: arrived.branch,
            is_request: arrived.is_request,
            attempts,
            is_pushed,
            link: arrived.link,
            notes: self.notes,
        }
    }
}

/// Asks a server, again where the connection breaks.
pub fn patiently<T>(
    deadline: Option<Instant>,
    ask: &mut dyn FnMut() -> Result<T, RemoteError>,
) -> Result<T, RemoteError> {
    let mut breaks = 0;
    loop {
        let error = match ask() {
            Err(error) if error.trouble == Trouble::Broken && breaks < BREAKS => error,
            answer => return answer,
        };
        breaks += 1;
        let wait = pause(breaks, random());
        if deadline.is_some_and(|deadline| Instant::now() + wait >= deadline) {
            return Err(error);
        }
        std::thread::sleep(wait);
    }
}

fn carriage(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}
