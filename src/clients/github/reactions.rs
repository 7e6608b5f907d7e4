//! Reactions on the command: eyes, then rocket or confused.

use serde::Deserialize;
use serde_json::json;

use super::call::Ask;
use super::error::GithubError;
use super::{Need, Repo, Subject, found};
use crate::ports::Method;

/// What Porter says without words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reaction {
    /// Seen.
    Eyes,
    /// Done.
    Rocket,
    /// Did not work.
    Confused,
}

impl Reaction {
    const fn word(self) -> &'static str {
        match self {
            Self::Eyes => "eyes",
            Self::Rocket => "rocket",
            Self::Confused => "confused",
        }
    }
}

/// What is reacted to. A submitted review cannot be reacted to over REST.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReactionTarget {
    /// The text that opened an issue or pull request.
    Opening(Subject),
    /// A comment under it.
    Comment {
        /// Under what.
        on: Subject,
        /// Which.
        id: i64,
    },
    /// A comment on a line of a pull request.
    ReviewComment {
        /// Which.
        id: i64,
    },
}

impl ReactionTarget {
    fn parts(self) -> (&'static [&'static str], String, Need) {
        match self {
            Self::Opening(on) => (&["issues"], on.number().to_string(), on.write()),
            Self::Comment { on, id } => (&["issues", "comments"], id.to_string(), on.write()),
            Self::ReviewComment { id } => (&["pulls", "comments"], id.to_string(), Need::WritePull),
        }
    }
}

#[derive(Deserialize)]
struct Made {
    id: i64,
}

impl Repo<'_> {
    /// Reacts, and gives the reaction's id; the same again is the same reaction. `POST …/reactions`
    pub async fn react(&self, to: ReactionTarget, reaction: Reaction) -> Result<i64, GithubError> {
        let (start, id, need) = to.parts();
        let parts = [start, &[id.as_str(), "reactions"]].concat();
        let ask = self.post("reacting", &parts, json!({"content": reaction.word()}));
        Ok(self.fetch::<Made>(need, ask).await?.id)
    }

    /// Takes a reaction back; one that is gone is fine. `DELETE …/reactions/{id}`
    pub async fn unreact(&self, to: ReactionTarget, reaction_id: i64) -> Result<(), GithubError> {
        let (start, id, need) = to.parts();
        let reaction_id = reaction_id.to_string();
        let parts = [start, &[id.as_str(), "reactions", &reaction_id]].concat();
        let ask = Ask::new("taking a reaction back", Method::Delete, self.address(&parts));
        found(self.send(need, ask).await).map(|_| ())
    }
}
