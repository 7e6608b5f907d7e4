//! The read-only git gateway: a machine clones through Porter, so no machine ever holds a GitHub token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::error::Problem;
use super::{Answer, Forward, Reply, Request};
use crate::app::App;
use crate::clients::github::Need;
use crate::ports::Method;

/// One text for every refusal, so that it tells nothing of a token.
const REFUSED: &str = "Porter: this token may not do that here (one open attempt, one repository, read only)\n";

const PASS_UP: &[&str] = &["git-protocol", "content-type", "content-encoding", "accept", "accept-encoding"];
const PASS_DOWN: &[&str] = &["content-type", "content-encoding", "cache-control"];

/// Hands a clone's request on to the git host. The address is built from the task, never from the request.
pub(super) async fn forward(app: &App<'_>, request: &Request, rest: &str) -> Result<Answer, Problem> {
    let Some(password) = password(request) else {
        let body = b"Porter: this address needs a session token\n".to_vec();
        let answer = Answer::typed(401, "text/plain; charset=utf-8", body);
        return Ok(answer.with("www-authenticate", "Basic realm=\"porter\""));
    };
    let Some(session) = app.session(&password).await? else { return Ok(refused()) };
    if session.row.closed_at.is_some() {
        return Ok(refused());
    }
    let repo = &session.task.request.repo;
    let operation = match (request.method.as_str(), rest.strip_prefix(&format!("{repo}.git/")), request.query.as_str())
    {
        ("GET", Some("info/refs"), "service=git-upload-pack") => "info/refs?service=git-upload-pack",
        ("POST", Some("git-upload-pack"), "") => "git-upload-pack",
        _ => return Ok(refused()),
    };
    let token = app.repo_of(&session.task).token(Need::ReadContents).await;
    let token = token.map_err(|error| error.into_fault("getting a token to read the repository"))?;
    let basic = STANDARD.encode(format!("x-access-token:{}", token.expose()));
    let forward = Forward {
        method: if request.method == "GET" { Method::Get } else { Method::Post },
        url: format!("{}/{repo}.git/{operation}", app.config.github_url),
        operation: operation.to_owned(),
        add: vec![("authorization", format!("Basic {basic}")), ("user-agent", "git/porter".to_owned())],
        pass_up: PASS_UP,
        pass_down: PASS_DOWN,
    };
    Ok(Answer { reply: Reply::Forward(forward), drain: false })
}

/// Git shows a plain-text body as "remote: …". Never 401: git would throw its credential away and ask for another.
fn refused() -> Answer {
    Answer::typed(403, "text/plain; charset=utf-8", REFUSED.as_bytes().to_vec())
}

/// The password of Basic authentication; the user does not matter.
fn password(request: &Request) -> Option<String> {
    let header = request.header("authorization");
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (_, password) = decoded.split_once(':')?;
    Some(password.to_owned())
}
