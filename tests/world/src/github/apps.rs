//! The App: itself, its installations and the tokens it asks for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::caller::{Caller, Grant, Level, Token};
use super::json::node_id;
use super::record::Minted;
use super::state::{Github, Installation};
use super::wire::{Answer, Call, Problem, Response, merge_into, stamp};

/// Seconds an installation token lives.
const TOKEN_LIFE_S: i64 = 3600;
/// The events an App of ours subscribes to.
const EVENTS: [&str; 5] =
    ["issue_comment", "issues", "pull_request", "pull_request_review", "pull_request_review_comment"];

impl Github {
    pub(crate) fn app_route(&mut self, call: &Call, parts: &[&str]) -> Answer {
        if let (Caller::Installation(grant), ["installation", rest @ ..]) = (&call.caller, parts) {
            return self.own_installation(call, &Arc::clone(grant), rest);
        }
        if call.caller != Caller::App {
            return Err(Problem::new(401, "A JSON web token could not be decoded"));
        }
        match (call.method(), parts) {
            ("GET", ["app"]) => self.own_app(call),
            ("GET", ["app", "installations"]) => {
                let all: Vec<Value> = self.installations.values().map(|one| self.installation_json(one)).collect();
                Ok(call.page(&all))
            }
            ("GET", ["app", "installations", id]) => Ok(Response::ok(&self.installation_json(self.installation(id)?))),
            ("POST", ["app", "installations", id, "access_tokens"]) => self.mint(call, id),
            (_, ["app", "hook", "deliveries", rest @ ..]) => self.delivery_route(call, rest),
            _ => Err(Problem::not_found()),
        }
    }

    fn installation(&self, id: &str) -> Result<&Installation, Problem> {
        let id = super::wire::id(id)?;
        self.installations.get(&id).ok_or_else(Problem::not_found)
    }

    fn own_app(&self, call: &Call) -> Answer {
        let app = self.app.as_ref().ok_or_else(Problem::not_found)?;
        Ok(Response::ok(&json!({
            "id": app.id, "slug": app.slug, "node_id": node_id("Integration", app.id), "client_id": app.client_id,
            "owner": self.user_json(app.owner), "name": app.slug, "description": null, "external_url": "https://example.com",
            "html_url": format!("{}/apps/{}", self.roots.web, app.slug), "created_at": "2020-01-01T00:00:00Z",
            "updated_at": stamp(call.now), "permissions": words(&app.permissions), "events": EVENTS,
            "installations_count": self.installations.len(),
        })))
    }

    pub(crate) fn installation_json(&self, one: &Installation) -> Value {
        let app = self.app.as_ref();
        json!({
            "id": one.id, "account": self.user_json(one.account), "target_id": one.account, "app_id": app.map_or(0, |app| app.id),
            "app_slug": app.map_or("", |app| app.slug.as_str()),
            "target_type": self.users.get(&one.account).map_or("User", |user| user.kind.word()),
            "repository_selection": if one.repositories.is_some() { "selected" } else { "all" },
            "access_tokens_url": format!("{}/app/installations/{}/access_tokens", self.roots.api, one.id),
            "repositories_url": format!("{}/installation/repositories", self.roots.api),
            "html_url": format!("{}/settings/installations/{}", self.roots.web, one.id),
            "permissions": words(&one.permissions), "events": EVENTS, "single_file_name": null,
            "has_multiple_single_files": false, "single_file_paths": [], "created_at": stamp(one.created),
            "updated_at": stamp(one.created), "suspended_by": null, "suspended_at": one.suspended.map(stamp),
        })
    }

    /// Makes an installation token, narrowed as asked; asking for more than was granted is refused.
    fn mint(&mut self, call: &Call, id: &str) -> Answer {
        let installation = self.installation(id)?.clone();
        if installation.suspended.is_some() {
            return Err(Problem::new(403, "This installation has been suspended"));
        }
        let repositories = self.asked_repositories(call, &installation)?;
        let asked = asked_permissions(call)?;
        for (name, level) in asked.iter().flatten() {
            if installation.permissions.get(name).is_none_or(|granted| granted < level) {
                return Err(Problem::new(422, "The permissions requested are not granted to this installation."));
            }
        }
        let mut permissions = asked.clone().unwrap_or_else(|| installation.permissions.clone());
        permissions.insert("metadata".into(), Level::Read);
        let grant = Grant {
            installation: installation.id,
            repositories: repositories.clone(),
            permissions: permissions.clone(),
        };
        let token =
            self.new_token("ghs", Caller::Installation(Arc::new(grant)), Some(call.now.plus_seconds(TOKEN_LIFE_S)));
        let names = repositories.as_ref().map(|set| {
            set.iter().filter_map(|id| self.repository(*id).ok()).map(|repo| self.full_name(repo)).collect::<Vec<_>>()
        });
        self.record.minted.push(Arc::new(Minted {
            at: call.now,
            installation: installation.id,
            repositories: names,
            permissions: asked
                .map(|asked| asked.into_iter().map(|(name, level)| (name, level.word().to_owned())).collect()),
        }));
        let selection = if repositories.is_some() || installation.repositories.is_some() { "selected" } else { "all" };
        let mut answer = json!({
            "token": token, "expires_at": stamp(call.now.plus_seconds(TOKEN_LIFE_S)), "permissions": words(&permissions),
            "repository_selection": selection,
        });
        if let Some(set) = repositories {
            let list: Value =
                set.iter().filter_map(|id| self.repository(*id).ok()).map(|repo| self.repo_json(repo)).collect();
            merge_into(&mut answer, json!({"repositories": list}));
        }
        Ok(Response::created(&answer))
    }

    /// The repositories a token is to be narrowed to, by id or name; each must be the installation's.
    fn asked_repositories(&self, call: &Call, installation: &Installation) -> Result<Option<BTreeSet<i64>>, Problem> {
        let ids = call.json.get("repository_ids").and_then(Value::as_array);
        let names = call.texts("repositories");
        if ids.is_none() && names.is_none() {
            return Ok(None);
        }
        let mut set: BTreeSet<i64> = ids.into_iter().flatten().filter_map(Value::as_i64).collect();
        for name in names.into_iter().flatten() {
            let full = format!("{}/{name}", self.login(installation.account));
            set.insert(self.repository_named(&full).unwrap_or(-1));
        }
        let reachable = |id: &i64| {
            let owned = self.repository(*id).is_ok_and(|repo| repo.owner == installation.account);
            owned && installation.repositories.as_ref().is_none_or(|all| all.contains(id))
        };
        if set.iter().all(reachable) {
            return Ok(Some(set));
        }
        Err(Problem::new(
            422,
            "There is at least one repository that does not exist or is not accessible to the parent installation.",
        ))
    }

    /// Makes a token that nothing else in this world has been given.
    pub(crate) fn new_token(
        &mut self,
        kind: &str,
        caller: Caller,
        expires: Option<porter::domain::time::Timestamp>,
    ) -> String {
        // Not GitHub's own form: these must never look like a real credential to a scanner.
        let token = format!("world-{kind}-{:06}", self.new_id());
        self.tokens.insert(token.clone(), Token { caller, expires });
        token
    }

    fn own_installation(&mut self, call: &Call, grant: &Grant, rest: &[&str]) -> Answer {
        match (call.method(), rest) {
            ("GET", ["repositories"]) => {
                let seen = self.repositories.values().filter(|repo| self.in_scope(grant, repo));
                let list: Vec<Value> = seen.map(|repo| self.repo_json(repo)).collect();
                Ok(Response::ok(&json!({"total_count": list.len(), "repositories": list})))
            }
            ("DELETE", ["token"]) => {
                self.tokens.retain(|_, token| token.caller != call.caller);
                Ok(Response::no_content())
            }
            _ => Err(Problem::not_found()),
        }
    }
}

fn asked_permissions(call: &Call) -> Result<Option<BTreeMap<String, Level>>, Problem> {
    let Some(asked) = call.json.get("permissions").and_then(Value::as_object) else {
        return Ok(None);
    };
    let read = |(name, level): (&String, &Value)| Some((name.clone(), Level::parse(level.as_str()?)?));
    let all: Option<BTreeMap<String, Level>> = asked.iter().map(read).collect();
    all.map(Some).ok_or_else(|| Problem::new(422, "Invalid request.\n\nInvalid permission level."))
}

fn words(permissions: &BTreeMap<String, Level>) -> Value {
    permissions
        .iter()
        .map(|(name, level)| (name.clone(), json!(level.word())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
