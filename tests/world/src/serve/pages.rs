//! Pages where a person sees what happened: repositories, issues, pull requests with their diffs. No script, no cookie.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse as _, Response};
use pulldown_cmark::{Event, Options, Parser, html};
use serde_json::{Value, json};

use super::Shared;
use crate::github::{Github, Issue, Repository, Subject};

const STYLE: &str = include_str!("page.css");

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Markdown to HTML; HTML that people wrote is dropped, so hidden markers stay hidden and scripts stay text.
fn markdown(text: &str) -> String {
    let options = Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH;
    let kept = Parser::new_ext(text, options).filter(|event| !matches!(event, Event::Html(_) | Event::InlineHtml(_)));
    let mut out = String::new();
    html::push_html(&mut out, kept);
    out.replace("href=\"javascript:", "href=\"#")
}

fn page(title: &str, body: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{}</title><style>{STYLE}</style>\
         <header><a href=\"/\">GitHub, the stand-in</a><span>everything here is made up and stays on this computer</span></header>\
         <main>{body}</main></html>",
        escape(title)
    ))
}

fn missing() -> Response {
    (StatusCode::NOT_FOUND, page("Not found", "<h1>Not found</h1>")).into_response()
}

/// The repositories.
pub(crate) async fn front(State(served): State<Shared>) -> Html<String> {
    let github = served.github();
    let rows: String = github
        .repositories
        .values()
        .map(|repo| {
            let name = escape(&github.full_name(repo));
            format!("<li><a href=\"/{name}\">{name}</a></li>")
        })
        .collect();
    page("Repositories", &format!("<h1>Repositories</h1><ul>{rows}</ul>"))
}

/// A repository's issues, pull requests and branches.
pub(crate) async fn repository(State(served): State<Shared>, Path((owner, name)): Path<(String, String)>) -> Response {
    let github = served.github();
    let Some(repo) = github.repository_named(&format!("{owner}/{name}")).and_then(|id| github.repositories.get(&id))
    else {
        return missing();
    };
    let full = escape(&github.full_name(repo));
    let list = |pulls: bool| -> String {
        let some = repo.issues.values().rev().filter(|issue| issue.pull.is_some() == pulls);
        some.map(|issue| {
            format!(
                "<li>{} <a href=\"{}\">{}</a> #{} {}</li>",
                state_badge(issue),
                address(&github, repo, issue),
                escape(&issue.title),
                issue.number,
                badges(repo, issue)
            )
        })
        .collect()
    };
    let branches: String = repo
        .git
        .refs
        .iter()
        .map(|(name, oid)| {
            format!(
                "<li><code>{}</code> {}</li>",
                escape(name.trim_start_matches("refs/heads/")),
                &oid.to_string().get(..7).unwrap_or_default()
            )
        })
        .collect();
    let body = format!(
        "<h1>{full}</h1><h2>Issues</h2><ul>{}</ul><h2>Pull requests</h2><ul>{}</ul><h2>Branches</h2><ul>{branches}</ul>\
         <p><code>git clone {}/{full}.git</code></p>",
        list(false),
        list(true),
        github.roots.web
    );
    page(&full, &body).into_response()
}

fn address(github: &Github, repo: &Repository, issue: &Issue) -> String {
    let kind = if issue.pull.is_some() { "pull" } else { "issues" };
    format!("/{}/{kind}/{}", escape(&github.full_name(repo)), issue.number)
}

fn state_badge(issue: &Issue) -> &'static str {
    match (&issue.pull, issue.open) {
        (Some(pull), _) if pull.merged.is_some() => "<b class=\"merged\">merged</b>",
        (Some(pull), true) if pull.draft => "<b class=\"draft\">draft</b>",
        (_, true) => "<b class=\"open\">open</b>",
        (_, false) => "<b class=\"closed\">closed</b>",
    }
}

fn badges(repo: &Repository, issue: &Issue) -> String {
    let labels = issue.labels.iter().filter_map(|key| repo.labels.get(key));
    labels.map(|label| format!("<span class=\"label\">{}</span>", escape(&label.name))).collect()
}

fn reactions(repo: &Repository, subject: Subject) -> String {
    let glyph = |content: &str| match content {
        "eyes" => "👀",
        "rocket" => "🚀",
        "confused" => "😕",
        "heart" => "❤️",
        "hooray" => "🎉",
        "laugh" => "😄",
        "-1" => "👎",
        _ => "👍",
    };
    let own = repo.reactions.values().filter(|one| one.subject == subject);
    let shown: String =
        own.map(|one| format!("<span title=\"{}\">{}</span> ", escape(&one.content), glyph(&one.content))).collect();
    if shown.is_empty() { shown } else { format!("<p class=\"reactions\">{shown}</p>") }
}

/// An issue or pull request with everything said about it, its diff, and a form to say more.
pub(crate) async fn issue(
    State(served): State<Shared>,
    Path((owner, name, number)): Path<(String, String, i64)>,
) -> Response {
    let github = served.github();
    let Some(repo) = github.repository_named(&format!("{owner}/{name}")).and_then(|id| github.repositories.get(&id))
    else {
        return missing();
    };
    let Some(issue) = repo.issues.get(&number) else {
        return missing();
    };
    let said = |id: &str, author: i64, when: String, text: &str, below: String| {
        format!(
            "<article id=\"{id}\"><p class=\"by\"><b>{}</b> {}</p>{}{below}</article>",
            escape(github.login(author)),
            when.replace('T', " ").trim_end_matches('Z'),
            markdown(text)
        )
    };
    let first = said(
        "first",
        issue.author,
        crate::github::wire::stamp(issue.created),
        issue.body.as_deref().unwrap_or_default(),
        reactions(repo, Subject::Issue(number)),
    );
    let comments: String = repo
        .comments
        .values()
        .filter(|one| one.issue == number)
        .map(|one| {
            said(
                &format!("issuecomment-{}", one.id),
                one.author,
                crate::github::wire::stamp(one.created),
                &one.body,
                reactions(repo, Subject::Comment(one.id)),
            )
        })
        .collect();
    let people: String = github
        .users
        .values()
        .filter(|user| user.kind == crate::github::UserKind::User)
        .map(|user| {
            let role = github.role(repo, user.id).map_or("none", crate::github::Role::word);
            format!("<option value=\"{0}\">{0} ({role})</option>", escape(&user.login))
        })
        .collect();
    let here = address(&github, repo, issue);
    let body = format!(
        "<p><a href=\"/{0}\">{0}</a></p><h1>{1} <small>#{number}</small></h1><p>{2} {3}{4}</p>{first}{5}{comments}\
         <form method=\"post\" action=\"{here}/comments\"><label>Comment as <select name=\"author\">{people}</select></label>\
         <textarea name=\"body\" rows=\"4\" aria-label=\"Comment\" required placeholder=\"@porter fix the flaky test\"></textarea><button>Comment</button></form>",
        escape(&github.full_name(repo)),
        escape(&issue.title),
        state_badge(issue),
        badges(repo, issue),
        branches(issue),
        diff(&github, repo, issue),
    );
    page(&issue.title, &body).into_response()
}

fn branches(issue: &Issue) -> String {
    let line = |pull: &crate::github::Pull| {
        format!(" <code>{}</code> into <code>{}</code>", escape(&pull.head), escape(&pull.base))
    };
    issue.pull.as_ref().map(line).unwrap_or_default()
}

fn diff(github: &Github, repo: &Repository, issue: &Issue) -> String {
    let text = issue.pull.as_ref().and_then(|_| github.pull_diff(repo.id, issue.number).ok());
    let colour = |line: &str| match line.as_bytes() {
        [b'+', ..] => "add",
        [b'-', ..] => "del",
        [b'@', ..] => "hunk",
        [b'd', b'i', b'f', b'f', ..] => "file",
        [..] => "",
    };
    let lines = |text: String| -> String {
        text.lines().map(|line| format!("<span class=\"{}\">{}</span>\n", colour(line), escape(line))).collect()
    };
    text.map(|text| format!("<h2>Files changed</h2><pre class=\"diff\">{}</pre>", lines(text))).unwrap_or_default()
}

/// A plain avatar: a coloured square.
pub(crate) async fn avatar(Path(name): Path<String>) -> Response {
    let hue = name.bytes().map(u32::from).sum::<u32>() * 37 % 360;
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"40\"><rect width=\"40\" height=\"40\" fill=\"hsl({hue} 60% 50%)\"/></svg>"
    );
    ([("content-type", "image/svg+xml")], svg).into_response()
}

/// Everything people would see, as JSON for the harness.
pub(crate) fn state(github: &Github) -> Value {
    let repos = github.repositories.values().map(|repo| {
        let said = |number: i64| -> Value {
            let own = repo.comments.values().filter(|one| one.issue == number);
            own.map(|one| json!({"id": one.id, "author": github.login(one.author), "body": one.body, "reactions": reacted(github, repo, Subject::Comment(one.id))})).collect()
        };
        let issues: Value = repo.issues.values().map(|issue| {
            let labels: Vec<&str> = issue.labels.iter().filter_map(|key| repo.labels.get(key)).map(|label| label.name.as_str()).collect();
            let pull = issue.pull.as_ref().map(|pull| json!({
                "head": pull.head, "head_sha": pull.head_sha.to_string(), "base": pull.base, "draft": pull.draft, "merged": pull.merged.is_some(),
                "requested_reviewers": pull.requested_reviewers.iter().map(|id| github.login(*id)).collect::<Vec<_>>(),
                "commits": github.pull_commits(repo.id, pull).map_or(0, |list| list.len()),
                "diff": github.pull_diff(repo.id, issue.number).unwrap_or_default(),
            }));
            json!({
                "number": issue.number, "title": issue.title, "body": issue.body, "author": github.login(issue.author), "open": issue.open,
                "labels": labels, "comments": said(issue.number), "reactions": reacted(github, repo, Subject::Issue(issue.number)), "pull": pull,
            })
        }).collect();
        let refs: Value = repo.git.refs.iter().map(|(name, oid)| (name.clone(), json!(oid.to_string()))).collect::<serde_json::Map<_, _>>().into();
        json!({"id": repo.id, "full_name": github.full_name(repo), "private": repo.private, "default_branch": repo.default_branch, "issues": issues, "refs": refs})
    });
    json!({"repositories": repos.collect::<Value>()})
}

fn reacted(github: &Github, repo: &Repository, subject: Subject) -> Value {
    let own = repo.reactions.values().filter(|one| one.subject == subject);
    own.map(|one| json!({"author": github.login(one.author), "content": one.content})).collect()
}
