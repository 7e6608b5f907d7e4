//! A repository itself: its data, who may do what in it, where the App is installed.

use serde_json::json;

use super::caller::{Caller, Level, Permission};
use super::state::{Github, Role};
use super::wire::{Answer, Call, Problem, Response, merge_into};

impl Github {
    pub(crate) fn repository_own_route(&mut self, call: &Call, repo: i64, rest: &[&str]) -> Answer {
        match (call.method(), rest) {
            ("GET", []) => {
                self.need(call, repo, &[Permission::Metadata], Level::Read)?;
                Ok(Response::ok(&self.full_repo_json(call, self.repository(repo)?)))
            }
            ("GET", ["installation"]) => self.repository_installation(call, repo),
            ("GET", ["collaborators", login, "permission"]) => self.permission(call, repo, login),
            ("GET", ["collaborators", login]) => {
                self.need(call, repo, &[Permission::Metadata], Level::Read)?;
                self.need_role(call, repo, Role::Write)?;
                let user = self.user_named(login).ok_or_else(Problem::not_found)?.id;
                let repository = self.repository(repo)?;
                let there = repository.owner == user || repository.collaborators.contains_key(&user);
                if there { Ok(Response::no_content()) } else { Err(Problem::not_found()) }
            }
            _ => Err(Problem::not_found()),
        }
    }

    /// What someone may do. A person must be able to push to ask about others.
    fn permission(&self, call: &Call, repo: i64, login: &str) -> Answer {
        self.need(call, repo, &[Permission::Metadata], Level::Read)?;
        let repository = self.repository(repo)?;
        match &call.caller {
            Caller::Anonymous => return Err(Problem::new(401, "Requires authentication")),
            Caller::Person { user, .. } if self.role(repository, *user) < Some(Role::Write) => {
                return Err(Problem::new(403, "Must have push access to view collaborator permission."));
            }
            Caller::Person { .. } | Caller::Installation(_) | Caller::App => {}
        }
        let id = self.user_named(login).ok_or_else(|| Problem::new(404, format!("{login} is not a user")))?.id;
        let role = self.role(repository, id);
        let mut user = self.user_json(id);
        merge_into(
            &mut user,
            json!({"permissions": super::json::permissions(role), "role_name": role.map_or("none", Role::word)}),
        );
        Ok(Response::ok(&json!({
            "permission": role.map_or("none", Role::permission), "role_name": role.map_or("none", Role::word), "user": user,
        })))
    }

    fn repository_installation(&self, call: &Call, repo: i64) -> Answer {
        if call.caller != Caller::App {
            return Err(Problem::new(401, "A JSON web token could not be decoded"));
        }
        let repository = self.repository(repo)?;
        let found = self.installations.values().find(|installation| {
            installation.account == repository.owner
                && installation.repositories.as_ref().is_none_or(|set| set.contains(&repo))
        });
        let installation = found.ok_or_else(Problem::not_found)?;
        Ok(Response::ok(&self.installation_json(installation)))
    }
}
