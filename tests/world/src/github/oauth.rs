//! Signing in on the web: the authorize page's redirect and the code's exchange, as far as Porter needs them.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use porter::domain::time::Timestamp;

use super::caller::Caller;
use super::state::Github;
use super::wire::{Query, Request, Response, encode};

impl Github {
    /// Answers a request to the web host (not the API): `/login/oauth/*`. Everything else is 404.
    /// `login` in the authorize address says who signs in; without it the first person does.
    pub fn handle_web(&mut self, request: &Request, now: Timestamp) -> Response {
        let response = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/login/oauth/authorize") => self.authorize(&Query::parse(&request.query)),
            ("POST", "/login/oauth/access_token") => self.exchange(request),
            _ => Response::json(404, &json!({"message": "Not Found"})),
        };
        self.record.note(request, "web", now, response.status);
        response
    }

    fn authorize(&mut self, query: &Query) -> Response {
        let known = self.app.as_ref().is_some_and(|app| query.get("client_id") == Some(&app.client_id));
        let person = match query.get("login") {
            Some(login) => self.user_named(login).map(|user| user.id),
            None => self.users.values().find(|user| user.kind == super::UserKind::User).map(|user| user.id),
        };
        let (true, Some(person), Some(back)) = (known, person, query.get("redirect_uri")) else {
            return Response::json(404, &json!({"message": "Not Found"}));
        };
        let code = format!("code-{}", self.new_id());
        self.codes.push_back((code.clone(), person));
        let joint = if back.contains('?') { '&' } else { '?' };
        let state = query.get("state").map(|state| format!("&state={}", encode(state))).unwrap_or_default();
        Response { status: 302, headers: Vec::new(), body: Vec::new() }
            .with("location", format!("{back}{joint}code={code}{state}"))
    }

    /// GitHub answers 200 with `error` in the body when a code is wrong.
    fn exchange(&mut self, request: &Request) -> Response {
        let text = String::from_utf8_lossy(&request.body).into_owned();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        let form = Query::parse(&text);
        let field = |name: &str| json.get(name).and_then(|value| value.as_str()).or_else(|| form.get(name));
        let app = self.app.as_ref();
        if !app.is_some_and(|app| {
            field("client_id") == Some(&app.client_id) && field("client_secret") == Some(&app.client_secret)
        }) {
            return Response::ok(&json!({"error": "incorrect_client_credentials"}));
        }
        let position = self.codes.iter().position(|(code, _)| field("code") == Some(code));
        let Some((_, user)) = position.and_then(|at| self.codes.remove(at)) else {
            return Response::ok(&json!({"error": "bad_verification_code"}));
        };
        let token = self.new_token("ghu", Caller::Person { user, scopes: Arc::new(BTreeSet::new()) }, None);
        Response::ok(&json!({"access_token": token, "token_type": "bearer", "scope": ""}))
    }
}
