//! The promises, each a named function with what it means for a user. Numbers are those of the failure model: S safety, X
//! security, L liveness. Safety and security are looked at after every step under any faults; liveness once the world has
//! healed. S13 (triage), X5 (sealed rows), L7 (key rotation) and the budget of S11 join with the features they speak of.

pub mod effects;
pub mod github;
pub mod liveness;
pub mod machines;
pub mod secrets;
pub mod tasks;

/// What was seen instead of what was promised.
pub type Broken = String;

/// Every invariant that is looked at, with its sentence for the report.
pub const ALL: [(&str, &str); 24] = [
    ("S1", "a command makes one task, and a task has one end that never changes"),
    ("S2", "a task goes only along the legal steps, one at a time"),
    ("S3", "a launch has one machine and one claim, a task no more launches than allowed"),
    ("S4", "nothing is handed to a machine whose launch is closed"),
    ("S5", "nothing happens outside that was not committed before, and nothing is committed without its effects"),
    ("S6", "a task has at most one pull request, one status comment, one final comment, on its own branch"),
    ("S7", "no machine for somebody who may not write, for a bot, or for an edited text"),
    ("S8", "what was asked and the prompt made of it never change"),
    ("S9", "a webhook is told 2xx only after its command is in the database"),
    ("S10", "no call to a host before the moment it named"),
    ("S11", "nobody has more tasks running than allowed, no issue more than one"),
    ("S12", "only machines of closed launches are destroyed"),
    ("S14", "only the newest holder of a lease settles an effect"),
    ("X1", "no secret in a comment, a log line, an answer, a row"),
    ("X2", "no GitHub credential on a machine"),
    ("X3", "a callback with a wrong token changes nothing"),
    ("X4", "an answer to one task's machine tells nothing of another task"),
    ("X6", "no stranger's text in an address, a branch or a label"),
    ("L1", "every task ends"),
    ("L2", "every end is told on its issue"),
    ("L3", "no machine and no effect is left over"),
    ("L4", "every command GitHub knows of is taken in"),
    ("L8", "when all is done, nothing more happens"),
    ("L9", "finished work is published"),
];
