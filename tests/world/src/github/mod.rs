//! A stateful GitHub: what it holds, and the one door every request goes through.

mod access;
mod apps;
mod branches;
mod caller;
mod comments;
mod compare;
mod contents;
mod deliveries;
mod diff;
mod git_data;
mod issues;
mod json;
mod labels;
mod limits;
mod merge;
mod oauth;
pub mod objects;
mod payloads;
mod people;
mod pulls;
mod pulls_json;
mod reactions;
pub mod record;
mod repositories;
mod reviews;
mod search;
mod state;
mod store;
mod transport;
mod users;
pub mod wire;

pub use caller::{Caller, Grant, Level, Permission};
pub use deliveries::{Delivery, DeliveryFault};
pub use limits::{RequestFault, Trouble};
pub use people::{Change, CommitSpec};
pub use state::{
    App, AppKey, Comment, Github, Hook, Installation, Issue, Label, Pull, Reaction, Repository, Review, ReviewComment,
    Role, Roots, Subject, User, UserKind,
};

use porter::domain::time::Timestamp;
use serde_json::Value;

pub(crate) use limits::LOST;
use limits::Reply;
use wire::{Answer, Call, Problem, Query, Request, Response};

impl Github {
    /// Answers a request to the API; its path is below the API's root, still percent-encoded. Same state, request and time:
    /// same answer. Every request is kept in the record.
    pub fn handle(&mut self, request: &Request, now: Timestamp) -> Response {
        let caller = self.caller(request, now);
        let key = caller.as_ref().map_or_else(|_| "refused".to_owned(), Caller::key);
        let mut reply = Reply::Arrives;
        let response = self.admit(request, &key, now).and_then(|admitted| {
            reply = admitted;
            self.answer(request, caller, now)
        });
        let mut response = response.unwrap_or_else(Problem::into_response);
        if reply == Reply::IsEmpty {
            response = Response::ok(&Value::Array(Vec::new()));
        }
        self.finish(request, &key, now, &mut response);
        if reply == Reply::IsLost {
            response = response.with(LOST, "1");
        }
        self.record.note(request, &key, now, response.status);
        response
    }

    /// What a request gets when nothing at the door keeps it out.
    fn answer(&mut self, request: &Request, caller: Result<Caller, Problem>, now: Timestamp) -> Answer {
        let caller = caller?;
        let json = if request.body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&request.body)
                .map_err(|error| Problem::new(400, format!("Problems parsing JSON: {error}")))?
        };
        let segments = request.segments();
        let call = Call { request, query: Query::parse(&request.query), json, now, caller };
        let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
        self.dispatch(&call, &parts)
    }

    fn dispatch(&mut self, call: &Call, parts: &[&str]) -> Answer {
        match parts {
            ["repos", owner, name, rest @ ..] => {
                let repo = self.find_repository(call, owner, name, rest)?;
                self.repository_route(call, repo, rest)
            }
            ["repositories", id, rest @ ..] => {
                let id = wire::id(id)?;
                self.visible(call, id)?;
                self.repository_route(call, id, rest)
            }
            ["search", ..] => self.search_route(call, parts),
            ["app", ..] | ["installation", ..] => self.app_route(call, parts),
            [] | ["user", ..] | ["users", ..] | ["rate_limit"] | ["meta"] => self.user_route(call, parts),
            [..] => Err(Problem::not_found()),
        }
    }

    fn repository_route(&mut self, call: &Call, repo: i64, rest: &[&str]) -> Answer {
        match rest {
            ["git", inner @ ..] => self.git_data_route(call, repo, inner),
            ["issues", inner @ ..] => self.issue_route(call, repo, inner),
            ["labels", inner @ ..] => self.label_route(call, repo, inner),
            ["pulls", inner @ ..] => self.pull_route(call, repo, inner),
            ["contents", ..] | ["readme"] | ["languages"] => self.contents_route(call, repo, rest),
            ["branches", ..] | ["commits", ..] => self.branch_route(call, repo, rest),
            ["compare", basehead] => self.compare_route(call, repo, basehead),
            _ => self.repository_own_route(call, repo, rest),
        }
    }
}
