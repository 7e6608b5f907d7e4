//! Git's smart HTTP by the real `git http-backend`: fetching for whoever may read, no pushing.

use std::process::Stdio;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use super::{Served, Shared};

pub(crate) async fn info_refs(
    State(served): State<Shared>,
    Path((owner, name)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    match uri.query() {
        Some("service=git-upload-pack") => {
            serve(&served, &owner, &name, "info/refs", &method, &uri, &headers, Bytes::new()).await
        }
        Some("service=git-receive-pack") => refuse_push(&served, &owner, &name, &method, &uri, &headers),
        Some(_) | None => turned_away(403, "Please upgrade your git client."),
    }
}

pub(crate) async fn upload_pack(
    State(served): State<Shared>,
    Path((owner, name)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    serve(&served, &owner, &name, "git-upload-pack", &method, &uri, &headers, body).await
}

pub(crate) async fn receive_pack(
    State(served): State<Shared>,
    Path((owner, name)): Path<(String, String)>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    refuse_push(&served, &owner, &name, &method, &uri, &headers)
}

/// Nobody pushes here over git: branches change through the API alone, and who tried stands in the record.
fn refuse_push(served: &Served, owner: &str, name: &str, method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
    let request = super::request(method, uri, "", headers, Bytes::new());
    let full = format!("{owner}/{}", name.trim_end_matches(".git"));
    let seen = served.github().may_fetch(&request, &full, served.now());
    match seen {
        Err((status, words)) => turned_away(status, words),
        Ok(_) if request.header("authorization").is_none() => turned_away(401, "Authentication required."),
        Ok(_) => turned_away(403, "Write access to repository not granted."),
    }
}

fn turned_away(status: u16, words: &str) -> Response {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
    let mut response = (code, [("content-type", "text/plain")], format!("{words}\n")).into_response();
    if code == StatusCode::UNAUTHORIZED {
        response
            .headers_mut()
            .insert("www-authenticate", axum::http::HeaderValue::from_static("Basic realm=\"GitHub\""));
    }
    response
}

#[expect(clippy::too_many_arguments, reason = "one argument for each part of a request")]
async fn serve(
    served: &Arc<Served>,
    owner: &str,
    name: &str,
    operation: &str,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: Bytes,
) -> Response {
    let request = super::request(method, uri, "", headers, Bytes::new());
    let full = format!("{owner}/{}", name.trim_end_matches(".git"));
    let folder = {
        // Written under the lock, so that an older state never overwrites a newer one.
        let mut github = served.github();
        match github.may_fetch(&request, &full, served.now()) {
            Err((status, words)) => return turned_away(status, words),
            Ok(id) => github.repositories.get(&id).map_or_else(
                || Err(std::io::Error::other("no repository")),
                |repository| served.mirror.sync(repository),
            ),
        }
    };
    let answered = match folder {
        Ok(folder) => {
            backend(served, &format!("/{folder}/{operation}"), &request, uri.query().unwrap_or_default(), body).await
        }
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(|error| turned_away(500, &error.to_string()))
}

/// Runs the backend as CGI: the body to its input, its output streamed back after the headers.
async fn backend(
    served: &Served,
    path: &str,
    request: &crate::github::wire::Request,
    query: &str,
    body: Bytes,
) -> std::io::Result<Response> {
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", served.settings.git_dir.canonicalize()?)
        .env("GIT_HTTP_EXPORT_ALL", "1");
    command
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_LENGTH", body.len().to_string());
    for (variable, header) in [
        ("CONTENT_TYPE", "content-type"),
        ("HTTP_CONTENT_ENCODING", "content-encoding"),
        ("GIT_PROTOCOL", "git-protocol"),
    ] {
        if let Some(value) = request.header(header) {
            command.env(variable, value);
        }
    }
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let (Some(mut stdin), Some(stdout)) = (stdin, stdout) else {
        return Err(std::io::Error::other("git has no pipes"));
    };
    tokio::spawn(async move { stdin.write_all(&body).await });
    let mut output = BufReader::new(stdout);
    let mut response = Response::new(Body::empty());
    loop {
        let mut line = String::new();
        output.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        if name.eq_ignore_ascii_case("status") {
            let code = value.split(' ').next().and_then(|code| code.parse().ok());
            *response.status_mut() = code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(name), Ok(value)) = (name.parse::<axum::http::HeaderName>(), value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    // The child lives as long as its output is being read, and is killed when the client goes.
    let stream = futures_util::stream::unfold((output, child), |(mut output, child)| async move {
        let chunk = output.fill_buf().await.map(Bytes::copy_from_slice);
        if let Ok(chunk) = &chunk {
            output.consume(chunk.len());
        }
        let ended = chunk.as_ref().is_ok_and(Bytes::is_empty);
        (!ended).then_some((chunk, (output, child)))
    });
    *response.body_mut() = Body::from_stream(stream);
    Ok(response)
}
