//! The flags before the instructions, each with its form and its rule.

use serde::{Deserialize, Serialize};

use super::Problem;
use super::first_word::{distance, plain};
use crate::domain::ids::Branch;
use crate::domain::untrusted::Untrusted;

/// Which task goes first when not all can run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// After the others.
    Low,
    /// As everyone.
    #[default]
    Normal,
    /// Before the others.
    High,
}

impl Priority {
    /// The number in the database and the JSON API: 0, 1, 2.
    #[must_use]
    pub const fn number(self) -> i64 {
        match self {
            Self::Low => 0,
            Self::Normal => 1,
            Self::High => 2,
        }
    }

    /// Reads the number; `None` for any other.
    #[must_use]
    pub const fn from_number(number: i64) -> Option<Self> {
        match number {
            0 => Some(Self::Low),
            1 => Some(Self::Normal),
            2 => Some(Self::High),
            _ => None,
        }
    }

    /// The word in comments.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    /// Reads the word in any case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Low, Self::Normal, Self::High].into_iter().find(|priority| priority.word().eq_ignore_ascii_case(word))
    }
}

/// What the flags of a command ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flags {
    /// `--priority=`.
    pub priority: Priority,
    /// `--model=`: 1 to 100 of `A-Za-z0-9` and `._:/@+[]-`, beginning with a letter or digit, so that it is no option in an argv.
    pub model: Option<String>,
    /// `--branch=`: where the work is published.
    pub branch: Option<Branch>,
    /// `--base=`: where it starts and what the pull request goes into.
    pub base: Option<Branch>,
    /// `--no-tests`: the agent is not asked to run tests.
    pub no_tests: bool,
    /// `--budget=` in micro-dollars: 0.01 to 1000 dollars.
    pub budget_micros: Option<i64>,
}

/// A flag by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flag {
    /// `--priority=low|normal|high`.
    Priority,
    /// `--model=name`.
    Model,
    /// `--branch=name`.
    Branch,
    /// `--base=name`.
    Base,
    /// `--no-tests`.
    NoTests,
    /// `--budget=dollars`.
    Budget,
}

impl Flag {
    /// Every flag, in the order they are listed to people.
    pub const ALL: [Self; 6] = [Self::Priority, Self::Model, Self::Branch, Self::Base, Self::NoTests, Self::Budget];

    /// The name after the dashes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Priority => "priority",
            Self::Model => "model",
            Self::Branch => "branch",
            Self::Base => "base",
            Self::NoTests => "no-tests",
            Self::Budget => "budget",
        }
    }

    /// The right form, as shown to people.
    #[must_use]
    pub const fn form(self) -> &'static str {
        match self {
            Self::Priority => "--priority=low|normal|high",
            Self::Model => "--model=name",
            Self::Branch => "--branch=name",
            Self::Base => "--base=name",
            Self::NoTests => "--no-tests",
            Self::Budget => "--budget=dollars",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }

    fn near(name: &str) -> Option<Self> {
        let near = Self::ALL.into_iter().map(|flag| (distance(name, flag.name()), flag));
        near.filter(|&(steps, _)| steps <= 2).min_by_key(|&(steps, _)| steps).map(|(_, flag)| flag)
    }
}

/// Flags as they are read, so that one given twice is noticed.
#[derive(Default)]
pub(super) struct Builder {
    flags: Flags,
    seen: Vec<Flag>,
}

impl Builder {
    /// Reads a word that may be a flag: `false` when it is none. `after` is the text after it.
    pub(super) fn take(&mut self, word: &str, after: &str) -> Result<bool, Problem> {
        let Some(written) = Written::read(word) else {
            return Ok(false);
        };
        let Some(flag) = Flag::named(&written.name).filter(|_| written.dashes == Dashes::Two) else {
            let meant = Flag::near(&written.name);
            let is_one = written.dashes == Dashes::Two || meant.is_some();
            return if is_one { Err(Problem::UnknownFlag { word: Untrusted::new(word), meant }) } else { Ok(false) };
        };
        if self.seen.contains(&flag) {
            return Err(Problem::Twice(flag));
        }
        self.seen.push(flag);
        match (flag, written.value) {
            (Flag::NoTests, None) => self.flags.no_tests = true,
            (Flag::NoTests, Some(_)) => return Err(Problem::TakesNoValue(flag)),
            (_, None) => {
                let next = after.split_whitespace().next().map(Untrusted::new);
                return Err(Problem::NeedsValue { flag, next });
            }
            (_, Some(value)) => {
                let bad = || Problem::BadValue { flag, value: Untrusted::new(value) };
                self.set(flag, unquoted(value)).ok_or_else(bad)?;
            }
        }
        Ok(true)
    }

    /// Sets a flag's value; `None` when the value breaks the flag's rule.
    fn set(&mut self, flag: Flag, value: &str) -> Option<()> {
        match flag {
            Flag::Priority => self.flags.priority = Priority::parse(value)?,
            Flag::Model => self.flags.model = Some(model_name(value)?),
            Flag::Branch => self.flags.branch = Some(branch(value)?),
            Flag::Base => self.flags.base = Some(branch(value)?),
            Flag::NoTests => return None,
            Flag::Budget => self.flags.budget_micros = Some(dollars(value)?),
        }
        Some(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seen.is_empty()
    }

    pub(super) fn finish(self) -> Result<Flags, Problem> {
        let same = self.flags.branch.is_some() && self.flags.branch == self.flags.base;
        if same { Err(Problem::SameBranches) } else { Ok(self.flags) }
    }
}

/// Whether a word is a flag we know, in whatever dashes.
pub(super) fn names_a_flag(word: &str) -> bool {
    Written::read(word).is_some_and(|written| Flag::named(&written.name).is_some())
}

/// A word that has the shape of a flag.
struct Written<'t> {
    dashes: Dashes,
    name: String,
    value: Option<&'t str>,
}

#[derive(PartialEq, Eq)]
enum Dashes {
    One,
    /// Two, or what keyboards and full-width input make of them.
    Two,
}

impl<'t> Written<'t> {
    /// Reads `--name` and `--name=value`; `None` unless a letter follows the dashes.
    fn read(word: &'t str) -> Option<Self> {
        let rest = word.trim_start_matches(is_dash);
        let lead = word.get(..word.len() - rest.len())?;
        let (name, value) = match rest.split_once(['=', '＝', '﹦']) {
            Some((name, value)) => (name, Some(value)),
            None => (rest, None),
        };
        let name = plain(name);
        let dashes = match lead.chars().count() {
            0 => return None,
            1 if matches!(lead, "-" | "－" | "‐" | "‑" | "﹣") => Dashes::One,
            _ => Dashes::Two,
        };
        // An autocorrected dash is also a dash of prose: it makes a flag only before a name that is (nearly) ours.
        let sure = lead == "--" || Flag::near(&name).is_some();
        (sure && name.starts_with(|c: char| c.is_ascii_lowercase())).then_some(Self { dashes, name, value })
    }
}

const fn is_dash(c: char) -> bool {
    matches!(c, '-' | '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '﹘' | '﹣' | '－')
}

/// The text inside a pair of quotes, or the text itself.
fn unquoted(value: &str) -> &str {
    let pairs = [('"', '"'), ('\'', '\''), ('“', '”'), ('‘', '’'), ('`', '`')];
    let inside = pairs.iter().find_map(|&(open, close)| value.strip_prefix(open)?.strip_suffix(close));
    inside.unwrap_or(value)
}

/// Reads a model's name; `None` when it breaks the rule of [`Flags::model`].
#[must_use]
pub fn model_name(value: &str) -> Option<String> {
    let allowed =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'/' | b'@' | b'+' | b'[' | b']' | b'-');
    let begins = value.starts_with(|c: char| c.is_ascii_alphanumeric());
    (begins && value.len() <= 100 && value.bytes().all(allowed)).then(|| value.to_owned())
}

/// A branch by git's rules, without what GitHub refuses or a person did not mean: `HEAD`, a commit's name, a full ref.
fn branch(value: &str) -> Option<Branch> {
    let commit = value.len() == 40 && value.bytes().all(|b| b.is_ascii_hexdigit());
    let full = value.starts_with("refs/");
    Branch::parse(value).ok().filter(|_| !commit && !full && !value.eq_ignore_ascii_case("HEAD"))
}

/// Dollars as micro-dollars, exactly: digits and up to six decimals, 0.01 to 1000.
fn dollars(value: &str) -> Option<i64> {
    let number = value.strip_prefix('$').or_else(|| value.strip_suffix('$')).unwrap_or(value);
    let (whole, decimals) = number.split_once('.').map_or((number, None), |(whole, decimals)| (whole, Some(decimals)));
    let digits = |text: &str, longest: usize| {
        !text.is_empty() && text.len() <= longest && text.bytes().all(|b| b.is_ascii_digit())
    };
    if !digits(whole, 9) || !decimals.is_none_or(|text| digits(text, 6)) {
        return None;
    }
    let micros: i64 = format!("{whole}{:0<6}", decimals.unwrap_or_default()).parse().ok()?;
    (10_000..=1_000_000_000).contains(&micros).then_some(micros)
}
