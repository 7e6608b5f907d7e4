//! Identifiers that cannot be mixed up, each with the only way to make one from outside text.

use serde::{Deserialize, Serialize};

/// Why a piece of text is not the identifier it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must {rule}")]
pub struct BadId {
    /// Which identifier, in words for a person.
    pub what: &'static str,
    /// The rule it breaks.
    pub rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;

            fn try_from(text: String) -> Result<Self, BadId> {
                Self::parse(&text)
            }
        }
    };
}

text_id! {
    /// A task: 20 to 26 characters of `a-z0-9`, so that it can stand in branch and machine names.
    TaskId
}

impl TaskId {
    const ALPHABET: &'static [u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

    /// Makes an id from a time and ten random bytes; later ids sort after earlier ones.
    #[must_use]
    pub fn new(now: super::time::Timestamp, random: [u8; 10]) -> Self {
        let mut bits = u128::from(u64::try_from(now.millis()).unwrap_or(0) & 0xffff_ffff_ffff);
        for byte in random {
            bits = (bits << 8) | u128::from(byte);
        }
        let text = (0..26)
            .rev()
            .filter_map(|place| {
                let index = usize::try_from((bits >> (place * 5)) & 31).unwrap_or(0);
                Self::ALPHABET.get(index).map(|&b| char::from(b))
            })
            .collect();
        Self(text)
    }

    /// Reads an id; refuses everything but 20 to 26 characters of `a-z0-9`.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let fits =
            (20..=26).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadId { what: "a task id", rule: "be 20 to 26 characters of a-z and 0-9" })
        }
    }
}

text_id! {
    /// A repository's full name, `owner/name`, as GitHub writes it.
    RepoName
}

impl RepoName {
    /// Reads `owner/name`; both of letters, digits, `-`, `_` and `.`, neither `.` nor `..`.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let bad = BadId { what: "a repository", rule: "be owner/name" };
        let Some((owner, name)) = text.split_once('/') else { return Err(bad) };
        let good = |part: &str, longest: usize| {
            !part.is_empty()
                && part.len() <= longest
                && part != "."
                && part != ".."
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        };
        if good(owner, 64) && good(name, 100) { Ok(Self(text.to_owned())) } else { Err(bad) }
    }

    /// The part before the slash.
    #[must_use]
    pub fn owner(&self) -> &str {
        self.0.split_once('/').map_or("", |(owner, _)| owner)
    }

    /// The part after the slash.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }

    /// Whether two names mean the same repository; GitHub ignores case.
    #[must_use]
    pub fn same(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

text_id! {
    /// A git object's name: 40 lower-case hexadecimal characters.
    Sha
}

impl Sha {
    /// Reads a SHA-1 object name.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let fits = text.len() == 40 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadId { what: "a commit", rule: "be 40 hexadecimal characters" })
        }
    }
}

text_id! {
    /// A branch name, without `refs/heads/`.
    Branch
}

impl Branch {
    /// Reads a branch name by git's rules (`git check-ref-format`), kept to printable ASCII and 200 bytes.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let bad = BadId { what: "a branch", rule: "be a plain git branch name such as feature/login" };
        let parts_fit = text
            .split('/')
            .all(|part| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.') && !part.ends_with(".lock"));
        let bytes_fit =
            text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'~' | b'^' | b':' | b'?' | b'*' | b'[' | b'\\'));
        let fits = !text.is_empty()
            && text.len() <= 200
            && parts_fit
            && bytes_fit
            && !text.starts_with('-')
            && !text.contains("..")
            && !text.contains("@{")
            && text != "@";
        if fits { Ok(Self(text.to_owned())) } else { Err(bad) }
    }
}

text_id! {
    /// A machine, as its host names it.
    MachineId
}

impl MachineId {
    /// Reads a machine id; it becomes a part of addresses, so letters, digits, `-` and `_` only.
    pub fn parse(text: &str) -> Result<Self, BadId> {
        let fits = !text.is_empty()
            && text.len() <= 64
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadId { what: "a machine id", rule: "be letters, digits, - and _" })
        }
    }
}

macro_rules! number_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number_id! {
    /// GitHub's number of a repository; survives renames.
    RepoId
}
number_id! {
    /// GitHub's number of a user; survives renames.
    UserId
}
number_id! {
    /// GitHub's number of an App installation.
    InstallationId
}
number_id! {
    /// An issue's or pull request's number within its repository.
    IssueNumber
}

/// Which launch of a task: 1 for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Attempt(pub u32);

impl std::fmt::Display for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::time::Timestamp;

    #[test]
    fn a_new_task_id_reads_back_and_sorts_by_time() {
        let early = TaskId::new(Timestamp::from_millis(1_000), [255; 10]);
        let late = TaskId::new(Timestamp::from_millis(2_000), [0; 10]);
        assert_eq!(TaskId::parse(early.as_str()).as_ref(), Ok(&early));
        assert!(early < late);
    }

    #[test]
    fn branches_follow_gits_rules() {
        for good in ["main", "feature/login", "porter/abc", "a.b"] {
            assert!(Branch::parse(good).is_ok(), "{good}");
        }
        for bad in
            ["", "-x", "a..b", "a b", "a/", "/a", ".a", "a.lock", "a~1", "a^", "a:b", "@{u}", "@", "a\\b", "ä", "a/.b"]
        {
            assert!(Branch::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn repository_names_cannot_climb() {
        assert!(RepoName::parse("o/r").is_ok());
        for bad in ["o", "o/", "/r", "o/..", "../r", "o/r/x", "o/r?x", "o/r#", "o r/x"] {
            assert!(RepoName::parse(bad).is_err(), "{bad}");
        }
    }
}
