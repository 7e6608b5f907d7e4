//! What Porter answers when a command is not understood, and its help: always with the right form.

use super::{Flag, Problem};
use crate::domain::agent::Agent;
use crate::domain::outgoing::code_span;

/// The most characters of a person's own word that an answer repeats.
const LONGEST_ECHO: usize = 60;

impl Problem {
    /// Markdown for the person who wrote it: what was not understood, the right form, and that nothing was started.
    #[must_use]
    pub fn reply(&self, mention: &str) -> String {
        let words = match self {
            Self::TwoCommands => format!(
                "This comment has two lines that begin with `{mention}`, and I take one command a comment. Please post each as a comment of its own."
            ),
            Self::Typo { word, meant } => format!(
                "I do not know {word}. Did you mean `{mention} {meant}`? If it begins your instructions, name the agent first: `{mention} {agent} …`.",
                word = code_span(word, LONGEST_ECHO),
                agent = Agent::Opencode.word(),
            ),
            Self::RetryWithChanges => format!(
                "`{mention} retry` runs the last task again just as it was. For another agent or other flags, write the command anew: `{mention} [agent] [--flag=value …] [instructions]`."
            ),
            Self::AgentAndControl { agent, control } => format!(
                "`{control}` stands alone: `{mention} {control}`. To give it to {name} as an instruction, use more words: `{mention} {agent} …`.",
                name = agent.display_name(),
                agent = agent.word(),
            ),
            Self::UnknownFlag { word, meant } => {
                let word = code_span(word, LONGEST_ECHO);
                let hint = match meant {
                    Some(flag) => format!("Did you mean `{}`?", flag.form()),
                    None => format!("The flags are {}.", list_of_flags()),
                };
                format!("I do not know the flag {word}. {hint} If it belongs to your instructions, put `--` before them: `{mention} -- …`.")
            }
            Self::NeedsValue { flag, next } => {
                let guess = next.as_ref().map(|next| format!(" (you wrote {} after a space)", code_span(next, LONGEST_ECHO)));
                format!("`--{}` takes its value after `=`, without a space: `{}`{}.", flag.name(), flag.form(), guess.unwrap_or_default())
            }
            Self::TakesNoValue(flag) => format!("`--{}` takes no value: write `{}` alone.", flag.name(), flag.form()),
            Self::BadValue { flag, value } => format!(
                "{} is not a value for `--{}`. Write `{}`: {}.",
                code_span(value, LONGEST_ECHO),
                flag.name(),
                flag.form(),
                rule(*flag)
            ),
            Self::Twice(flag) => format!("`--{}` stands twice. Write it once: `{}`.", flag.name(), flag.form()),
            Self::SameBranches => "`--branch` is where the work goes and `--base` is where it starts: they must differ. Leave `--branch` out for a new branch.".to_owned(),
        };
        format!("{words}\n\nNothing was started. `{mention} help` shows everything I understand.")
    }
}

/// What a flag's value must be, in words.
const fn rule(flag: Flag) -> &'static str {
    match flag {
        Flag::Priority => "one of `low`, `normal` and `high`",
        Flag::Model => "the agent's own name for the model, up to 100 letters, digits and `. _ : / @ + [ ] -`",
        Flag::Branch | Flag::Base => "a plain branch name such as `feature/login`, without `refs/heads/`",
        Flag::NoTests => "it takes no value",
        Flag::Budget => "dollars from `0.01` to `1000`, such as `--budget=2.50`",
    }
}

fn list_of_flags() -> String {
    Flag::ALL.map(|flag| format!("`{}`", flag.form())).join(", ")
}

/// The answer to `help`, as markdown.
#[must_use]
pub fn help_text(mention: &str) -> String {
    let agents = Agent::ALL.map(|agent| format!("`{}`", agent.word())).join(", ");
    let flags = Flag::ALL.map(|flag| format!("- `{}`: {}", flag.form(), purpose(flag))).join("\n");
    format!(
        "Write `{mention} [agent] [--flag=value …] [instructions]` at the start of a line, and I open a pull request.\n\n\
         - `{mention}`: work on this issue; on a pull request of mine, on its review\n\
         - `{mention} claude fix the flaky test`: with an agent and your own words\n\
         - `{mention} stop`, `{mention} retry`, `{mention} status`, `{mention} doctor`, `{mention} help`\n\n\
         Agents: {agents}; without one, `{default}`.\n\n\
         Flags, before the instructions:\n\n{flags}\n\n\
         One command a comment; everything after it is its instructions. A control word as the first word always means the command; \
         to begin instructions with one, name the agent first: `{mention} {default} stop using globals`. \
         Edits do not count: post a new comment. Code, quotes and mentions in the middle of a line are just talk.",
        default = Agent::Opencode.word(),
    )
}

/// What a flag is for, in words.
const fn purpose(flag: Flag) -> &'static str {
    match flag {
        Flag::Priority => "who goes first when not all can run at once",
        Flag::Model => "the model, by the agent's own name for it",
        Flag::Branch => "the branch to publish to, instead of a new one of mine",
        Flag::Base => "the branch to start from, instead of the default one",
        Flag::NoTests => "do not ask the agent to run the tests",
        Flag::Budget => "the most the models may cost, from 0.01 to 1000 dollars",
    }
}
