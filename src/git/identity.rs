//! Who writes a commit: from flags, the environment and Git's configuration, as git reads them, and never guessed from the
//! name of the host.

use std::ffi::OsString;
use std::thread::JoinHandle;

use crate::git::command::{Git, printed};
use crate::git::error::GitError;
use crate::git::store::Store;

/// A person or a machine, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub name: String,
    /// Its mail address.
    pub mail: String,
    /// Seconds since 1970 and the offset from UTC, as Git writes them: `1700000000 +0200`.
    pub date: String,
}

/// Both identities of a commit, and whether the configuration wants it signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identities {
    /// Who made the change.
    pub author: Identity,
    /// Who wrote the commit.
    pub committer: Identity,
    /// `commit.gpgSign`.
    pub signs: bool,
}

impl std::fmt::Display for Identity {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} <{}> {}", self.name, self.mail, self.date)
    }
}

impl Identity {
    /// `Name <mail> 1700000000 +0200`.
    fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.split_once(" <")?;
        let (mail, date) = rest.split_once("> ")?;
        Some(Self { name: name.to_owned(), mail: mail.to_owned(), date: date.trim().to_owned() })
    }

    /// As variables for git, `role` being `AUTHOR` or `COMMITTER`.
    pub(super) fn variables(&self, role: Role) -> [(&'static str, OsString); 3] {
        let [name, mail, date] = role.names();
        [(name, (&self.name).into()), (mail, (&self.mail).into()), (date, format!("@{}", self.date).into())]
    }
}

/// Of which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Author,
    Committer,
}

impl Role {
    fn names(self) -> [&'static str; 3] {
        match self {
            Self::Author => ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_AUTHOR_DATE"],
            Self::Committer => ["GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL", "GIT_COMMITTER_DATE"],
        }
    }

    /// Asks git, which heeds `GIT_…`, `EMAIL`, `author.*`, `committer.*`, `user.*`; and dates in all their forms.
    fn ask(self, git: &Git, given: Option<(&str, &str)>) -> Result<Identity, GitError> {
        let (variable, role) = match self {
            Self::Author => ("GIT_AUTHOR_IDENT", "author"),
            Self::Committer => ("GIT_COMMITTER_IDENT", "committer"),
        };
        let [name, mail, _] = self.names();
        let added = given.map_or_else(Vec::new, |given| vec![(name, given.0.into()), (mail, given.1.into())]);
        let ended = git.run(&["-c", "user.useConfigOnly=true", "var", variable], b"", &added)?;
        let is_unknown = ["auto-detection is disabled", "empty ident name", "tell me who you are"];
        if ended.code != Some(0) && is_unknown.iter().any(|text| ended.stderr.contains(text)) {
            return Err(GitError::NoIdentity { role });
        }
        let line = String::from_utf8_lossy(&printed(ended, "var", "")?).into_owned();
        Identity::parse(&line).ok_or(GitError::NoIdentity { role })
    }
}

/// `Name <mail>`.
fn given(text: &str) -> Result<(&str, &str), GitError> {
    let bad = || GitError::BadIdentity(text.to_owned());
    let (name, rest) = text.split_once('<').ok_or_else(bad)?;
    let (name, mail) = (name.trim(), rest.trim_end().strip_suffix('>').ok_or_else(bad)?.trim());
    let is_clean =
        |part: &str| !part.is_empty() && !part.contains(|char: char| char.is_control() || "<>".contains(char));
    if is_clean(name) && is_clean(mail) { Ok((name, mail)) } else { Err(bad()) }
}

/// A question that git is answering meanwhile.
#[derive(Debug)]
pub struct Asked(JoinHandle<Result<Identities, GitError>>);

impl Asked {
    /// The answer.
    pub fn answer(self) -> Result<Identities, GitError> {
        // A thread that panicked would be a fault of this program; who commits is unknown then.
        self.0.join().unwrap_or(Err(GitError::NoIdentity { role: "committer" }))
    }
}

impl Store {
    /// Author and committer of a commit made now. `author` and `committer` are what flags name, as `Name <mail>`; an author
    /// that is named so commits as well where git knows no committer.
    pub fn identities(&self, author: Option<&str>, committer: Option<&str>) -> Result<Identities, GitError> {
        who(&self.home.git, author, committer)
    }

    /// [`Store::identities`], asked while the caller does something else.
    pub fn ask_identities(&self, author: Option<&str>, committer: Option<&str>) -> Asked {
        let git = self.home.git.clone();
        let (author, committer) = (author.map(str::to_owned), committer.map(str::to_owned));
        Asked(std::thread::spawn(move || who(&git, author.as_deref(), committer.as_deref())))
    }
}

fn who(git: &Git, author: Option<&str>, committer: Option<&str>) -> Result<Identities, GitError> {
    let author = author.map(given).transpose()?;
    let committer = committer.map(given).transpose()?;
    // Three questions at once: each is a process that takes longer to start than to answer.
    let (of_author, of_committer, signs) = std::thread::scope(|scope| {
        let of_author = scope.spawn(|| Role::Author.ask(git, author));
        let of_committer = scope.spawn(|| match (Role::Committer.ask(git, committer), author) {
            (Err(GitError::NoIdentity { .. }), Some(author)) => Role::Committer.ask(git, Some(author)),
            (answer, _) => answer,
        });
        let signs = signs(git);
        (of_author.join(), of_committer.join(), signs)
    });
    let author = of_author.unwrap_or(Err(GitError::NoIdentity { role: "author" }))?;
    let committer = of_committer.unwrap_or(Err(GitError::NoIdentity { role: "committer" }))?;
    Ok(Identities { author, committer, signs: signs? })
}

/// Whether `commit.gpgSign` holds.
fn signs(git: &Git) -> Result<bool, GitError> {
    let ended = git.read(&["config", "--type=bool", "--get", "commit.gpgsign"], b"")?;
    match ended.code {
        Some(1) => Ok(false), // not set
        _ => Ok(printed(ended, "config", "")?.starts_with(b"true")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_of_flags_are_a_name_and_a_mail_address() {
        assert_eq!(given("Ada L. <ada@example.com>").ok(), Some(("Ada L.", "ada@example.com")));
        for text in ["", "ada", "<ada@example.com>", "Ada <>", "Ada <a> <b>", "A\nB <c>", "Ada <a>\nparent x"] {
            assert!(matches!(given(text), Err(GitError::BadIdentity(_))), "{text:?}");
        }
    }
}
