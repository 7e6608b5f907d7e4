//! What a person can do on the pages: post a comment as a chosen user.

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::Shared;

/// The comment form.
#[derive(Deserialize)]
pub(crate) struct Posted {
    author: String,
    body: String,
}

/// Posts the comment and goes back to the page it was written on.
pub(crate) async fn comment(
    State(served): State<Shared>,
    Path((owner, name, number)): Path<(String, String, i64)>,
    Form(posted): Form<Posted>,
) -> Response {
    let now = served.now();
    let mut github = served.github();
    let repo = github.repository_named(&format!("{owner}/{name}"));
    let author = github.user_named(&posted.author).map(|user| user.id);
    let (Some(repo), Some(author), false) = (repo, author, posted.body.trim().is_empty()) else {
        return (StatusCode::BAD_REQUEST, "Nothing to post, or nobody to post it.").into_response();
    };
    // Browsers send CRLF; GitHub keeps it too, and Porter must cope with it.
    match github.add_comment(now, repo, author, number, &posted.body) {
        Ok(id) => Redirect::to(&format!("/{owner}/{name}/issues/{number}#issuecomment-{id}")).into_response(),
        Err(_missing) => (StatusCode::NOT_FOUND, "There is no such issue.").into_response(),
    }
}
