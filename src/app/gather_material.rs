//! Fetching what WRAP works on. What is missing is left out; only what may pass is a fault.

use std::collections::BTreeMap;

use super::App;
use crate::clients::github::contents::{EntryKind, FileBytes};
use crate::clients::github::{AccountKind, GithubError, Repo, Subject as On};
use crate::domain::agent::Agent;
use crate::domain::ids::{Branch, IssueNumber, Sha};
use crate::domain::repository_config::RepositoryConfig;
use crate::domain::task::{Place, Task};
use crate::domain::untrusted::Untrusted;
use crate::ports::{Fault, FaultKind};
use crate::wrap::material::{
    Access, Comment, DiffFile, Material, RepositoryMaterial, ReviewThread, SearchHit, Subject, TaskMaterial, Tests,
    TreeEntry,
};
use crate::wrap::refine::search_words;

/// The most bytes read of one file.
const FILE_CAP: usize = 128 * 1024;
/// Pages of a hundred that are read of a conversation.
const PAGES: u32 = 3;
/// The most people whose permission is asked for.
const MOST_PEOPLE: usize = 8;
/// The most files taken from code search.
const MOST_HITS: u32 = 20;

/// What is settled before the material is fetched.
pub(super) struct Ground<'a> {
    /// The task.
    pub(super) task: &'a Task,
    /// Who works.
    pub(super) agent: Agent,
    /// The repository's configuration.
    pub(super) config: RepositoryConfig,
    /// The commit it was read at.
    pub(super) config_at: Option<Sha>,
    /// Where the work starts.
    pub(super) base_ref: Branch,
    /// The same as a commit.
    pub(super) base_sha: Sha,
    /// Where it goes.
    pub(super) branch: Branch,
}

/// A file's bytes as text.
pub(super) fn text(file: FileBytes) -> Untrusted {
    Untrusted::new(String::from_utf8_lossy(&file.bytes).into_owned())
}

/// Nothing there, or nothing to be had, is fine; what may pass is a fault.
fn or_none<T>(result: Result<Option<T>, GithubError>, doing: &'static str) -> Result<Option<T>, Fault> {
    match result {
        Ok(value) => Ok(value),
        Err(error) => {
            let fault = error.into_fault(doing);
            if matches!(fault.kind, FaultKind::Transient { .. }) { Err(fault) } else { Ok(None) }
        }
    }
}

impl App<'_> {
    /// Everything a prompt is made from.
    pub(super) async fn gather(&self, repo: &Repo<'_>, ground: Ground<'_>) -> Result<Material, Fault> {
        let task = ground.task;
        let number = task.request.issue;
        let mut people = People::default();
        let on = super::subject(task);
        let subject = match on {
            On::Issue(_) => Subject::Issue,
            On::Pull(_) => Subject::PullRequest {
                diff: diff(repo, number).await?,
                threads: threads(repo, number, &mut people).await?,
            },
        };
        let mut comments = conversation(repo, on, &mut people).await?;
        if matches!(on, On::Pull(_)) {
            comments.extend(reviews(repo, number, &mut people).await?);
        }
        let repository = repository(repo, &ground).await?;
        let request = &task.request;
        Ok(Material {
            task: TaskMaterial {
                id: task.id.clone(),
                branch: ground.branch,
                base: ground.base_ref,
                repository: request.repo.clone(),
                number,
                subject,
                title: request.origin.title.clone(),
                body: request.origin.body.clone(),
                author: Untrusted::default(),
                labels: request.origin.labels.clone(),
                instructions: instructions(task),
                asked_by: Untrusted::new(request.asker.login.as_str()),
                triggered_at: request.origin.written_at,
                agent: ground.agent,
                tests: if request.flags.no_tests { Tests::Skip } else { Tests::Run },
            },
            repository,
            comments,
            clarifications: Vec::new(),
        })
    }
}

/// The words of the command, with the place in the diff they were written at.
fn instructions(task: &Task) -> Untrusted {
    let origin = &task.request.origin;
    match &origin.place {
        Place::Issue | Place::PullRequest => origin.instructions.clone(),
        Place::ReviewLine { path, line, hunk } => {
            let line = line.map(|line| format!(", line {line}")).unwrap_or_default();
            Untrusted::new(format!(
                "{}\n\nThis was written on `{}`{line}:\n\n```diff\n{}\n```",
                origin.instructions.raw(),
                path.raw(),
                hunk.raw()
            ))
        }
    }
}

async fn repository(repo: &Repo<'_>, ground: &Ground<'_>) -> Result<RepositoryMaterial, Fault> {
    let base = ground.base_sha.as_str();
    let doing = "reading the repository";
    let own = ground.config_at.as_ref().map_or(base, Sha::as_str);
    let template = ground.config.template.clone().unwrap_or_else(|| ".porter/prompt.md".to_owned());
    let agent_template = format!(".porter/prompt.{}.md", ground.agent.word());
    let tree = or_none(repo.tree(&ground.base_sha).await.map(Some), doing)?;
    let languages = or_none(repo.languages().await.map(Some), doing)?.unwrap_or_default();
    let words = search_words(&ground.task.request.origin.title);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Ok(RepositoryMaterial {
        agents_md: or_none(repo.file("AGENTS.md", own, FILE_CAP).await, doing)?.map(text),
        readme: or_none(repo.readme(base, FILE_CAP).await, doing)?.map(text),
        config: ground.config.clone(),
        template: or_none(repo.file(&template, own, FILE_CAP).await, doing)?.map(text),
        agent_template: or_none(repo.file(&agent_template, own, FILE_CAP).await, doing)?.map(text),
        languages: languages.into_iter().map(|(name, bytes)| (Untrusted::new(name), bytes)).collect(),
        tree_truncated: tree.as_ref().is_some_and(|tree| tree.truncated),
        tree: tree
            .into_iter()
            .flat_map(|tree| tree.entries)
            .filter(|entry| entry.kind == EntryKind::Blob)
            .map(|entry| TreeEntry { path: entry.path, size: entry.size.unwrap_or(0) })
            .collect(),
        hits: hits(repo, &words).await,
    })
}

/// What code search finds. It has a small limit of its own and not every credential may use it: nothing is fine.
async fn hits(repo: &Repo<'_>, words: &[&str]) -> Vec<SearchHit> {
    if words.is_empty() {
        return Vec::new();
    }
    let found = repo.search_code(words, MOST_HITS).await;
    let hit =
        |hit: crate::clients::github::contents::CodeHit| SearchHit { path: hit.path, fragment: Untrusted::default() };
    found.map(|list| list.items.into_iter().map(hit).collect()).unwrap_or_default()
}

async fn diff(repo: &Repo<'_>, number: IssueNumber) -> Result<Vec<DiffFile>, Fault> {
    let files = or_none(repo.pull_files(number, PAGES).await.map(Some), "reading the pull request's files")?;
    let file = |file: crate::clients::github::pulls::PullFile| DiffFile {
        path: file.filename,
        additions: file.additions,
        deletions: file.deletions,
        patch: file.patch,
    };
    Ok(files.map(|list| list.items.into_iter().map(file).collect()).unwrap_or_default())
}

async fn conversation(repo: &Repo<'_>, on: On, people: &mut People) -> Result<Vec<Comment>, Fault> {
    let list = or_none(repo.comments(on, None, PAGES).await.map(Some), "reading the comments")?;
    let mut comments = Vec::new();
    for comment in list.into_iter().flat_map(|list| list.items) {
        if comment.user.kind != AccountKind::User || comment.body.raw().contains(super::accept_command::OWN_MARKER) {
            continue;
        }
        comments.push(Comment {
            access: people.access(repo, &comment.user.login).await?,
            author: Untrusted::new(comment.user.login),
            created_at: comment.created_at,
            updated_at: comment.updated_at,
            body: comment.body,
        });
    }
    Ok(comments)
}

async fn reviews(repo: &Repo<'_>, number: IssueNumber, people: &mut People) -> Result<Vec<Comment>, Fault> {
    let list = or_none(repo.reviews(number, PAGES).await.map(Some), "reading the reviews")?;
    let mut comments = Vec::new();
    for review in list.into_iter().flat_map(|list| list.items) {
        let Some(at) = review.submitted_at else { continue };
        if review.user.kind != AccountKind::User || review.body.raw().trim().is_empty() {
            continue;
        }
        comments.push(Comment {
            access: people.access(repo, &review.user.login).await?,
            author: Untrusted::new(review.user.login),
            created_at: at,
            updated_at: at,
            body: review.body,
        });
    }
    Ok(comments)
}

/// Conversations on lines, by the comment each began with.
async fn threads(repo: &Repo<'_>, number: IssueNumber, people: &mut People) -> Result<Vec<ReviewThread>, Fault> {
    let list = or_none(repo.review_comments(number, PAGES).await.map(Some), "reading the review comments")?;
    let mut threads: BTreeMap<i64, ReviewThread> = BTreeMap::new();
    for comment in list.into_iter().flat_map(|list| list.items) {
        if comment.user.kind != AccountKind::User {
            continue;
        }
        let access = people.access(repo, &comment.user.login).await?;
        let said = Comment {
            author: Untrusted::new(comment.user.login),
            access,
            created_at: comment.created_at,
            updated_at: comment.updated_at,
            body: comment.body,
        };
        let thread = threads.entry(comment.in_reply_to_id.unwrap_or(comment.id)).or_insert_with(|| ReviewThread {
            path: comment.path,
            line: comment.line,
            comments: Vec::new(),
        });
        thread.comments.push(said);
    }
    Ok(threads.into_values().collect())
}

/// Who may write, asked once a person. Whoever is not asked for may not.
#[derive(Default)]
struct People(BTreeMap<String, Access>);

impl People {
    async fn access(&mut self, repo: &Repo<'_>, login: &str) -> Result<Access, Fault> {
        if let Some(known) = self.0.get(login) {
            return Ok(*known);
        }
        if self.0.len() >= MOST_PEOPLE {
            return Ok(Access::Less);
        }
        let permission = or_none(repo.permission(login).await.map(Some), "reading a person's permission")?;
        let may = permission.is_some_and(|permission| permission.may_command());
        let access = if may { Access::Write } else { Access::Less };
        self.0.insert(login.to_owned(), access);
        Ok(access)
    }
}
