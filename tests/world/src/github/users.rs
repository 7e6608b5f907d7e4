//! Accounts, the caller's own, and the rate limit.

use serde_json::json;

use super::caller::Caller;
use super::state::Github;
use super::wire::{Answer, Call, Problem, Response, merge_into, stamp};

impl Github {
    pub(crate) fn user_route(&mut self, call: &Call, parts: &[&str]) -> Answer {
        match (call.method(), parts) {
            ("GET", []) => Ok(Response::ok(&json!({"current_user_url": format!("{}/user", self.roots.api)}))),
            ("GET", ["meta"]) => Ok(Response::ok(&json!({"verifiable_password_authentication": false}))),
            ("GET", ["rate_limit"]) => Ok(Response::ok(&self.limits.json(&call.caller.key(), call.now))),
            ("GET", ["user"]) => self.own_account(call),
            ("GET", ["users", login]) => {
                let id = self.user_named(login).ok_or_else(Problem::not_found)?.id;
                Ok(Response::ok(&self.public_user(call, id)))
            }
            ("GET", ["user", id]) => {
                let id = super::wire::id(id)?;
                self.users.get(&id).ok_or_else(Problem::not_found)?;
                Ok(Response::ok(&self.public_user(call, id)))
            }
            _ => Err(Problem::not_found()),
        }
    }

    fn own_account(&self, call: &Call) -> Answer {
        match &call.caller {
            Caller::Person { user, scopes } => {
                let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
                Ok(Response::ok(&self.public_user(call, *user)).with("x-oauth-scopes", scopes.join(", ")))
            }
            Caller::Installation(_) | Caller::App => Err(Problem::not_for_integrations()),
            Caller::Anonymous => Err(Problem::new(401, "Requires authentication")),
        }
    }

    fn public_user(&self, call: &Call, id: i64) -> serde_json::Value {
        let mut user = self.user_json(id);
        merge_into(
            &mut user,
            json!({
                "name": self.login(id), "company": null, "blog": "", "location": null, "email": null, "hireable": null, "bio": null,
                "twitter_username": null, "public_repos": 0, "public_gists": 0, "followers": 0, "following": 0,
                "created_at": "2020-01-01T00:00:00Z", "updated_at": stamp(call.now),
            }),
        );
        user
    }
}
