//! What a queued task waits for, in words.

use crate::domain::ids::TaskId;

/// What a queued task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waits {
    /// Nothing that is known: its turn comes at once, or after a pause.
    Turn,
    /// Other tasks of the same issue go first.
    Issue {
        /// The one that is live, or else goes next.
        behind: TaskId,
        /// How many go first.
        ahead: usize,
    },
    /// The places of the person who asked are taken.
    Person {
        /// Their live tasks.
        running: u32,
        /// How many they may have.
        limit: u32,
        /// Their queued tasks that go first.
        ahead: u32,
    },
}

/// Who reads a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Whoever asked for the task, and everybody else: the status comment.
    Asker,
    /// Somebody else, who wants to know.
    Other,
}

/// What a queued task waits for. `login` is the asker's, `url` Porter's own address.
#[must_use]
pub fn waiting(waits: &Waits, agent: &str, (reader, login): (Reader, &str), url: &str) -> Option<String> {
    match waits {
        Waits::Turn => None,
        Waits::Issue { behind, ahead } => {
            let link = format!("[`{behind}`]({url}/tasks/{behind})");
            Some(match ahead {
                0 | 1 => {
                    format!("⏳ **Queued.** {agent} starts when the task before it on this issue has ended: {link}.")
                }
                n => format!(
                    "⏳ **Queued.** {n} tasks on this issue go before {agent}, and now it is the turn of {link}."
                ),
            })
        }
        Waits::Person { running, limit, ahead } => {
            let who = match reader {
                Reader::Asker => "you have".to_owned(),
                Reader::Other => format!("{login} has"),
            };
            let tasks = if *running == 1 { "task" } else { "tasks" };
            let first = match ahead {
                0 => String::new(),
                1 => " One more queued task goes first.".to_owned(),
                n => format!(" {n} more queued tasks go first."),
            };
            Some(format!("⏳ **Queued:** {who} {running} {tasks} running, the limit here is {limit}.{first}"))
        }
    }
}
