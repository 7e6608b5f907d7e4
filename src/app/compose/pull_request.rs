//! The pull request's body: what it closes, the agent's own words, warnings, and a receipt.

use super::{cost, span};
use crate::domain::ids::Attempt;
use crate::domain::job::{Job, Target};
use crate::domain::outgoing;
use crate::domain::task::{Place, Task};
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;
use crate::protocol::wire::Usage;
use crate::store::results::Publication;

/// The longest summary that is repeated.
const LONGEST_SUMMARY: usize = 20_000;

/// What a pull request's body shows.
pub struct Receipt<'a> {
    /// The task.
    pub task: &'a Task,
    /// Its job.
    pub job: &'a Job,
    /// What is published.
    pub publication: &'a Publication,
    /// What the models cost.
    pub usage: Option<Usage>,
    /// What kept the agent in, as the runner said.
    pub isolation: Option<String>,
    /// The time.
    pub now: Timestamp,
    /// Porter's own address.
    pub url: &'a str,
}

/// The body of the pull request.
#[must_use]
pub fn body(receipt: &Receipt<'_>) -> String {
    let mut parts = Vec::new();
    let summary = outgoing::comment_text(&receipt.publication.summary, LONGEST_SUMMARY);
    if !summary.trim().is_empty() {
        parts.push(summary);
    }
    parts.push(relation(receipt));
    parts.extend(warnings(receipt));
    parts.push(table(receipt));
    parts.join("\n\n")
}

fn relation(receipt: &Receipt<'_>) -> String {
    let number = receipt.task.request.issue;
    match (&receipt.task.request.origin.place, &receipt.job.target) {
        (Place::Issue, _) => format!("Closes #{number}"),
        (Place::PullRequest | Place::ReviewLine { .. }, Target::Stacked { on, .. }) => format!("Goes into #{on}."),
        (Place::PullRequest | Place::ReviewLine { .. }, Target::NewPullRequest { .. } | Target::FollowUp { .. }) => {
            format!("Asked for in #{number}.")
        }
    }
}

fn warnings(receipt: &Receipt<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    let protected = &receipt.publication.protected;
    if !protected.is_empty() {
        let list: Vec<String> = protected
            .iter()
            .map(|path| format!("> - {}", outgoing::code_span(&Untrusted::new(path.as_str()), 200)))
            .collect();
        warnings.push(format!(
            "> [!WARNING]\n> This changes files that steer agents, owners or Porter itself, so it is a draft. Look closely at:\n{}",
            list.join("\n")
        ));
    }
    if receipt.isolation.as_deref() == Some("off") {
        warnings.push(
            "> [!WARNING]\n> The agent ran on somebody's own computer **without a box** (`--unsafe-local`): it could read that \
             person's files and reach their network."
                .to_owned(),
        );
    }
    warnings
}

fn table(receipt: &Receipt<'_>) -> String {
    let Receipt { task, job, publication, usage, .. } = receipt;
    let model = usage
        .as_ref()
        .and_then(|usage| usage.model.clone())
        .or_else(|| task.request.flags.model.clone())
        .or_else(|| job.settings.model.clone());
    let model =
        model.map_or_else(|| "the agent's default".to_owned(), |m| outgoing::code_span(&Untrusted::new(m), 100));
    let took = task.started_at.map_or_else(|| "unknown".to_owned(), |at| span(receipt.now.since(at)));
    let launches = if task.attempt > Attempt(1) { format!(" (launch {})", task.attempt) } else { String::new() };
    let hash: String = job.prompt_sha256.chars().take(12).collect();
    let tests = if task.request.flags.no_tests { "\n| Tests | skipped (`--no-tests`) |" } else { "" };
    format!(
        "---\n<details><summary>Receipt</summary>\n\n| | |\n|---|---|\n| Agent | {agent} |\n| Model | {model} |\n\
         | Asked by | {asker} |\n| Took | {took}{launches} |\n| Models | {cost} |\n| Files | {files} |{tests}\n\
         | Prompt | `{hash}` |\n| Task | [`{id}`]({url}/tasks/{id}) |\n\n</details>",
        agent = job.agent.display_name(),
        asker = task.request.asker.login,
        cost = cost(usage.as_ref()),
        files = publication.files,
        id = task.id,
        url = receipt.url,
    )
}
