//! Reactions on issues and comments.

use serde_json::Value;

use super::caller::{Level, Permission};
use super::state::{Github, Reaction, Subject};
use super::wire::{Answer, Call, Problem, Response};

/// GitHub's eight.
pub(crate) const CONTENTS: [&str; 8] = ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

impl Github {
    /// `…/reactions…` below an issue or a comment.
    pub(crate) fn reaction_route(&mut self, call: &Call, repo: i64, subject: Subject, rest: &[&str]) -> Answer {
        let level = if call.method() == "GET" { Level::Read } else { Level::Write };
        match subject {
            Subject::Issue(number) => self.need_issue(call, repo, number, level)?,
            Subject::Comment(id) => {
                let number = self.repository(repo)?.comments.get(&id).ok_or_else(Problem::not_found)?.issue;
                self.need_issue(call, repo, number, level)?;
            }
            Subject::ReviewComment(_) => self.need(call, repo, &[Permission::PullRequests], level)?,
        }
        match (call.method(), rest) {
            ("GET", []) => {
                let wanted = call.query.get("content");
                let fits =
                    |one: &&Reaction| one.subject == subject && wanted.is_none_or(|content| one.content == content);
                let list: Vec<Value> =
                    self.repository(repo)?.reactions.values().filter(fits).map(|one| self.reaction_json(one)).collect();
                Ok(call.page(&list))
            }
            ("POST", []) => self.react(call, repo, subject),
            ("DELETE", [id]) => {
                let id = super::wire::id(id)?;
                let actor = self.actor(call)?;
                let reactions = &mut self.repository_mut(repo)?.reactions;
                let own = reactions.get(&id).is_some_and(|one| one.subject == subject && one.author == actor);
                if !own {
                    return Err(Problem::not_found());
                }
                reactions.remove(&id);
                Ok(Response::no_content())
            }
            _ => Err(Problem::not_found()),
        }
    }

    /// A second, equal reaction is the first one, answered with 200.
    fn react(&mut self, call: &Call, repo: i64, subject: Subject) -> Answer {
        let (actor, content) = (self.actor(call)?, call.required("content")?);
        if !CONTENTS.contains(&content) {
            return Err(Problem::invalid_field("Reaction", "content", "invalid"));
        }
        let same = |one: &&Reaction| one.subject == subject && one.author == actor && one.content == content;
        if let Some(known) = self.repository(repo)?.reactions.values().find(same) {
            return Ok(Response::ok(&self.reaction_json(known)));
        }
        let reaction =
            Reaction { id: self.new_id(), subject, author: actor, content: content.into(), created: call.now };
        let answer = self.reaction_json(&reaction);
        self.repository_mut(repo)?.reactions.insert(reaction.id, reaction);
        Ok(Response::created(&answer))
    }
}
