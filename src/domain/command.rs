//! What a comment asks of Porter: the command grammar (protocol, "GitHub -> Porter"), pure and in time linear in the text.

mod first_word;
mod flags;
mod mention;
mod ordinary_words;
mod reply;

pub use flags::{Flag, Flags, Priority, model_name};
pub use mention::may_mention;
pub use reply::help_text;

use super::agent::Agent;
use super::markdown;
use super::untrusted::Untrusted;
use first_word::FirstWord;

/// What a text means to Porter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// No line begins with the mention: talk, to which nobody answers.
    NotForUs,
    /// A command.
    Command(Command),
    /// Meant for Porter, but not understood: answered, and nothing is started.
    Problem(Problem),
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Have an agent work.
    Run(Run),
    /// End the running task of this issue.
    Stop,
    /// Run the last task of this issue again.
    Retry,
    /// Say how the task of this issue is doing.
    Status,
    /// Check the set-up.
    Doctor,
    /// Say what can be written.
    Help,
}

/// The work asked for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Run {
    /// The agent named; `None` for the default one.
    pub agent: Option<Agent>,
    /// The flags before the instructions.
    pub flags: Flags,
    /// The person's own words, trimmed and otherwise as written; empty for "this issue".
    pub instructions: Untrusted,
}

/// Why a text that addresses Porter is not a command. [`Problem::reply`] says it to the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// A second line begins with the mention.
    TwoCommands,
    /// The first word looks like one of ours.
    Typo {
        /// As written.
        word: Untrusted,
        /// What was probably meant: an agent or a control word.
        meant: &'static str,
    },
    /// `retry` repeats the same agent and flags; it was given others.
    RetryWithChanges,
    /// An agent followed by nothing but a control word.
    AgentAndControl {
        /// The agent named.
        agent: Agent,
        /// The control word after it.
        control: &'static str,
    },
    /// No flag has this name.
    UnknownFlag {
        /// As written.
        word: Untrusted,
        /// The flag with the nearest name, if one is near.
        meant: Option<Flag>,
    },
    /// The flag stands without `=value`.
    NeedsValue {
        /// Which flag.
        flag: Flag,
        /// The word after it, probably the value.
        next: Option<Untrusted>,
    },
    /// The flag was given a value and takes none.
    TakesNoValue(Flag),
    /// The flag's value breaks its rule.
    BadValue {
        /// Which flag.
        flag: Flag,
        /// As written.
        value: Untrusted,
    },
    /// The flag stands twice.
    Twice(Flag),
    /// `--branch` and `--base` name the same branch.
    SameBranches,
}

/// Reads a comment. `mention` is the instance's own, as `@porter`.
///
/// Pinned here, where the protocol leaves room: `@porter:` and `@porter,` are the mention; bullets, headings, emphasis and four
/// columns of indentation before it make it talk; a line below a quote is the person's own; flags stand before the
/// instructions, with the agent before or after them, and `--` ends them; a control word needs no more words and
/// ignores them, so that no control word ever starts an agent.
#[must_use]
pub fn parse(text: &str, mention: &str) -> Parsed {
    let addressed = |start: &usize| mention::strip(text.get(*start..)?, mention);
    let starts = markdown::spoken_line_starts(text);
    let mut mentions = starts.iter().filter_map(addressed);
    let Some(words) = mentions.next() else {
        return Parsed::NotForUs;
    };
    if mentions.next().is_some() {
        return Parsed::Problem(Problem::TwoCommands);
    }
    match read(words) {
        Ok(command) => Parsed::Command(command),
        Err(problem) => Parsed::Problem(problem),
    }
}

/// Reads what follows the mention.
fn read(words: &str) -> Result<Command, Problem> {
    let (mut rest, mut agent, mut flags) = (words, None, flags::Builder::default());
    while let Some((word, after)) = next_word(rest) {
        if word == "--" {
            rest = after;
            break;
        }
        if word == "--help" && agent.is_none() {
            return Ok(Command::Help);
        }
        if flags.take(word, after)? {
            rest = after;
            continue;
        }
        if agent.is_some() {
            break;
        }
        match first_word::read(word)? {
            FirstWord::Agent(named) => agent = Some(named),
            FirstWord::Control(Command::Retry) => return retry(after, !flags.is_empty()),
            FirstWord::Control(control) => return Ok(control),
            FirstWord::Instructions => break,
        }
        rest = after;
    }
    let instructions = rest.trim();
    if let Some(agent) = agent
        && let Some(control) = first_word::control_word(instructions)
    {
        return Err(Problem::AgentAndControl { agent, control });
    }
    Ok(Command::Run(Run { agent, flags: flags.finish()?, instructions: Untrusted::new(instructions) }))
}

/// A retry runs the same task again; `retry with codex` or `retry --model=…` would not do what it says.
fn retry(after: &str, flagged: bool) -> Result<Command, Problem> {
    let next: Vec<&str> = after.split_whitespace().take(2).collect();
    let changes = next.iter().any(|word| first_word::agent(word).is_some() || flags::names_a_flag(word));
    if flagged || changes { Err(Problem::RetryWithChanges) } else { Ok(Command::Retry) }
}

/// The next word and everything after it.
fn next_word(rest: &str) -> Option<(&str, &str)> {
    let rest = rest.trim_start();
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    (end > 0).then(|| rest.split_at(end))
}
