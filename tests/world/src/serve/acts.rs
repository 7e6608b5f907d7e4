//! What the harness has people do in a repository: write, review, close, merge, push.

use porter::domain::time::Timestamp;
use serde_json::json;

use super::control::{Done, Fields, words};
use crate::github::{Change, CommitSpec, Github};

/// Does what is asked in the repository the fields name; `None` when it is nothing known.
pub(super) fn act(github: &mut Github, now: Timestamp, what: &str, fields: &Fields) -> Option<Done> {
    let verb = match what {
        "issue" => issue,
        "comment" | "edit" => comment,
        "review" | "line-comment" => review,
        "close" | "reopen" | "merge" | "label" => settle,
        "push" => push,
        _ => return None,
    };
    Some(fields.repo(github).and_then(|repo| verb(github, now, repo, what, fields)))
}

fn issue(github: &mut Github, now: Timestamp, repo: i64, _what: &str, fields: &Fields) -> Done {
    let author = fields.user(github, "author")?;
    let body = fields.text("body").ok();
    let number = github.open_issue(now, repo, author, fields.text("title")?, body).map_err(words)?;
    let url = format!("{}/{}/issues/{number}", github.roots.web, fields.text("repo")?);
    Ok(json!({"number": number, "url": url}))
}

fn comment(github: &mut Github, now: Timestamp, repo: i64, what: &str, fields: &Fields) -> Done {
    let body = fields.text("body")?;
    if what == "comment" {
        let (author, issue) = (fields.user(github, "author")?, fields.number("issue")?);
        return Ok(json!({"id": github.add_comment(now, repo, author, issue, body).map_err(words)?}));
    }
    let comment = fields.number("comment")?;
    let found = github.repository(repo).map_err(words)?.comments.get(&comment);
    let author = found.map(|one| one.author).ok_or("no such comment")?;
    github.edit_comment_text(now, repo, author, comment, body).map_err(words)?;
    Ok(json!({}))
}

fn review(github: &mut Github, now: Timestamp, repo: i64, what: &str, fields: &Fields) -> Done {
    let (author, pull) = (fields.user(github, "author")?, fields.number("pull")?);
    let id = if what == "review" {
        github.add_review(now, repo, author, pull, fields.text("state")?, fields.or("body", ""))
    } else {
        let (path, line, body) = (fields.text("path")?, fields.number("line")?, fields.text("body")?);
        github.add_line_comment(now, repo, author, pull, path, line, body, None)
    };
    Ok(json!({"id": id.map_err(words)?}))
}

fn settle(github: &mut Github, now: Timestamp, repo: i64, what: &str, fields: &Fields) -> Done {
    let who = fields.user(github, "who")?;
    let done = match what {
        "label" => github.put_labels(now, repo, who, fields.number("issue")?, &fields.texts("labels")),
        "close" => github.set_issue_open(now, repo, who, fields.number("number")?, false, "completed"),
        "reopen" => github.set_issue_open(now, repo, who, fields.number("number")?, true, "reopened"),
        _ => {
            let sha = github.merge_pull(now, repo, who, fields.number("number")?).map_err(words)?;
            return Ok(json!({"sha": sha.to_string()}));
        }
    };
    done.map(|()| json!({})).map_err(words)
}

fn push(github: &mut Github, now: Timestamp, repo: i64, _what: &str, fields: &Fields) -> Done {
    let who = fields.user(github, "who")?;
    let files = fields.files();
    let changes: Vec<Change> =
        files.iter().map(|(path, text)| text.map_or(Change::Delete(path), |text| Change::Write(path, text))).collect();
    let spec = CommitSpec { branch: fields.text("branch")?, message: fields.text("message")?, changes: &changes };
    let sha = github.push_commit(now, repo, who, &spec).map_err(words)?;
    Ok(json!({"sha": sha.to_string()}))
}
