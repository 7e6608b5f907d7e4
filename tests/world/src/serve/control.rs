//! The control API for harness and demo: `GET|POST /_world/<what>`, JSON in and out. `GET /_world/help` lists it.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use super::{Served, Shared};
use crate::github::wire::Problem;
use crate::github::{DeliveryFault, Github, Level, RequestFault, Role, Trouble, UserKind};
use crate::model::Script;

const HELP: &str = "GET  state | record | received?bytes | model | deliveries
POST user {login,kind?}                        permission {repo,login,role|null}
POST repo {owner,name,private?,files:{path:text}}   rename {repo,name}     fork {repo,owner}
POST issue {repo,author,title,body?}           comment {repo,author,issue,body}    edit {repo,comment,body}
POST review {repo,author,pull,state,body}      line-comment {repo,author,pull,path,line,body}
POST close|reopen|merge {repo,who,number}      label {repo,who,issue,labels}
POST push {repo,who,branch,message,files:{path:text|null}}
POST token {login,scopes} | revoke {token}     install {account,permissions:{name:level},repositories?} | uninstall {id}
POST fault {method?,path?,times?,status|retry_after_s|primary|lost_reply}
POST delivery-fault {kind:drop|delay|duplicate|reorder,millis?}
POST script {name} or {name,plan,command,done,delay_ms?}   clock {advance_ms}   limit {an_hour}   reset {}
";

/// Reads the fields of a control message; what is missing is named.
pub(super) struct Fields(Value);

impl Fields {
    pub(super) fn text(&self, name: &str) -> Result<&str, String> {
        self.0.get(name).and_then(Value::as_str).ok_or_else(|| format!("\"{name}\" is missing"))
    }

    pub(super) fn or<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.0.get(name).and_then(Value::as_str).unwrap_or(default)
    }

    pub(super) fn number(&self, name: &str) -> Result<i64, String> {
        self.0.get(name).and_then(Value::as_i64).ok_or_else(|| format!("\"{name}\" is missing"))
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool) == Some(true)
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.0.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub(super) fn files(&self) -> Vec<(&str, Option<&str>)> {
        let files = self.0.get("files").and_then(Value::as_object).into_iter().flatten();
        files.map(|(path, text)| (path.as_str(), text.as_str())).collect()
    }

    pub(super) fn repo(&self, github: &Github) -> Result<i64, String> {
        let name = self.text("repo")?;
        github.repository_named(name).ok_or_else(|| format!("no repository {name}"))
    }

    pub(super) fn user(&self, github: &Github, field: &str) -> Result<i64, String> {
        let login = self.text(field)?;
        github.user_named(login).map(|user| user.id).ok_or_else(|| format!("no user {login}"))
    }
}

/// What a control message gives.
pub(super) type Done = Result<Value, String>;

/// A problem as GitHub words it.
pub(super) fn words(problem: Problem) -> String {
    String::from_utf8_lossy(&problem.into_response().body).into_owned()
}

/// Answers a control message: 200 with JSON, or 400 with `error`.
pub(crate) async fn handle(
    State(served): State<Shared>,
    Path(what): Path<String>,
    uri: axum::http::Uri,
    body: Bytes,
) -> Response {
    if what == "help" {
        return HELP.into_response();
    }
    let fields = Fields(serde_json::from_slice(&body).unwrap_or_default());
    let query = crate::github::wire::decode(uri.query().unwrap_or_default());
    let done = look(&served, &what, &query)
        .or_else(|| switch(&served, &what, &fields))
        .or_else(|| people(&served, &what, &fields));
    match done.unwrap_or_else(|| {
        let now = served.now();
        let acted = super::acts::act(&mut served.github(), now, &what, &fields);
        acted.unwrap_or_else(|| Err(format!("no such control: {what}; see GET /_world/help")))
    }) {
        Ok(value) => Json(value).into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, Json(json!({"error": error}))).into_response(),
    }
}

fn look(served: &Served, what: &str, query: &str) -> Option<Done> {
    Some(Ok(match what {
        "state" => super::pages::state(&served.github()),
        "record" => {
            let github = served.github();
            let asked: Vec<Value> = github.record.asked.iter().map(|one| json!(**one)).collect();
            let minted: Vec<Value> = github.record.minted.iter().map(|one| json!(**one)).collect();
            json!({"asked": asked, "minted": minted})
        }
        "received" => json!({
            "github": served.github().record.received(query),
            "models": served.model().asked.iter().filter(|one| String::from_utf8_lossy(&one.body).contains(query)).count(),
        }),
        "model" => json!({"asked": served.model().asked}),
        "deliveries" => {
            let github = served.github();
            let tried = github.deliveries.tried.iter().map(|one| {
                json!({"guid": one.delivery.guid, "event": one.delivery.event, "action": one.delivery.action, "status": one.status})
            });
            json!({"waiting": github.deliveries.waiting.len(), "tried": tried.collect::<Value>()})
        }
        _ => return None,
    }))
}

fn switch(served: &Served, what: &str, fields: &Fields) -> Option<Done> {
    Some(match what {
        "fault" => trouble(fields).map(|trouble| {
            let times = fields.number("times").ok().and_then(|times| times.try_into().ok()).unwrap_or(1);
            let fault = RequestFault {
                method: fields.or("method", "").into(),
                path: fields.or("path", "").into(),
                times,
                trouble,
            };
            served.github().limits.faults.push(fault);
            json!({})
        }),
        "delivery-fault" => delivery_fault(fields).map(|fault| {
            served.github().deliveries.faults.push_back(fault);
            json!({})
        }),
        "script" => script(fields).map(|script| {
            served.model().script = Some(script);
            json!({})
        }),
        "clock" => fields.number("advance_ms").map(|millis| {
            served.advance(millis);
            json!({"now": served.now().rfc3339()})
        }),
        "limit" => fields.number("an_hour").map(|limit| {
            served.github().limits.an_hour = limit;
            json!({})
        }),
        "reset" => Served::first_state(&served.settings).map_err(|error| error.to_string()).and_then(|first| {
            *served.github() = first;
            served.model().asked.clear();
            served.model().script = None;
            served.mirror.clear().map_err(|error| error.to_string())?;
            Ok(json!({}))
        }),
        _ => return None,
    })
}

fn trouble(fields: &Fields) -> Result<Trouble, String> {
    if fields.is("lost_reply") {
        return Ok(Trouble::LostReply);
    }
    if fields.is("primary") {
        return Ok(Trouble::PrimaryLimit);
    }
    if let Ok(seconds) = fields.number("retry_after_s") {
        return Ok(Trouble::SecondaryLimit { retry_after_s: seconds.try_into().unwrap_or(60) });
    }
    Ok(Trouble::Status(fields.number("status")?.try_into().unwrap_or(500)))
}

fn delivery_fault(fields: &Fields) -> Result<DeliveryFault, String> {
    Ok(match fields.text("kind")? {
        "drop" => DeliveryFault::Drop,
        "delay" => DeliveryFault::Delay { millis: fields.number("millis")? },
        "duplicate" => DeliveryFault::Duplicate,
        "reorder" => DeliveryFault::Reorder,
        other => return Err(format!("no such kind: {other}")),
    })
}

fn script(fields: &Fields) -> Result<Script, String> {
    let name = fields.text("name")?;
    let mut script = match (Script::named(name), Script::named("default")) {
        (Some(known), _) => known,
        (None, Some(base)) if fields.text("command").is_ok() => Script { name: name.to_owned(), ..base },
        (None, _) => return Err(format!("scripts: {:?}, or give a command", Script::NAMES)),
    };
    if let Ok(command) = fields.text("command") {
        script.command = Some(command.to_owned());
    }
    script.plan = fields.or("plan", &script.plan).to_owned();
    script.done = fields.or("done", &script.done).to_owned();
    if let Some(millis) = fields.number("delay_ms").ok().and_then(|millis| millis.try_into().ok()) {
        script.behaviour = crate::model::Behaviour::Slow(millis);
    }
    Ok(script)
}

/// Accounts, repositories, permissions, tokens, installations.
fn people(served: &Served, what: &str, fields: &Fields) -> Option<Done> {
    let now = served.now();
    let github = &mut *served.github();
    Some(match what {
        "user" => fields.text("login").map(|login| {
            let kind = match fields.or("kind", "User") {
                "Bot" => UserKind::Bot,
                "Organization" => UserKind::Organization,
                _ => UserKind::User,
            };
            json!({"id": github.add_user(login, kind)})
        }),
        "permission" => (|| {
            let (repo, user) = (fields.repo(github)?, fields.user(github, "login")?);
            let role = fields
                .text("role")
                .ok()
                .map(|word| Role::parse(word).ok_or_else(|| format!("no role {word}")))
                .transpose()?;
            github.set_role(repo, user, role);
            Ok(json!({}))
        })(),
        "repo" => (|| {
            let owner = fields.user(github, "owner")?;
            let files: Vec<(&str, &str)> =
                fields.files().into_iter().filter_map(|(path, text)| Some((path, text?))).collect();
            Ok(json!({"id": github.add_repository(now, owner, fields.text("name")?, fields.is("private"), &files)}))
        })(),
        "rename" => (|| {
            let repo = fields.repo(github)?;
            github.rename(repo, fields.text("name")?);
            Ok(json!({}))
        })(),
        "fork" => (|| {
            let (repo, owner) = (fields.repo(github)?, fields.user(github, "owner")?);
            Ok(json!({"id": github.fork(repo, owner)}))
        })(),
        "token" => (|| {
            let (user, scopes) = (fields.user(github, "login")?, fields.texts("scopes"));
            let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
            Ok(json!({"token": github.add_token(user, &scopes)}))
        })(),
        "revoke" => fields.text("token").map(|token| {
            github.revoke(token);
            json!({})
        }),
        "install" => install(github, now, fields),
        "uninstall" => fields.number("id").map(|id| {
            github.uninstall(now, id);
            json!({})
        }),
        _ => return None,
    })
}

fn install(github: &mut Github, now: porter::domain::time::Timestamp, fields: &Fields) -> Done {
    let account = fields.user(github, "account")?;
    let asked = fields.0.get("permissions").and_then(Value::as_object).into_iter().flatten();
    let permissions: Option<Vec<(&str, Level)>> =
        asked.map(|(name, level)| Some((name.as_str(), Level::parse(level.as_str()?)?))).collect();
    let permissions = permissions.ok_or("levels are read, write and admin")?;
    let names = fields.0.get("repositories").map(|_| fields.texts("repositories"));
    let list = names.map(|names| names.iter().filter_map(|name| github.repository_named(name)).collect::<Vec<_>>());
    Ok(json!({"id": github.install(now, account, list.as_deref(), &permissions)}))
}
