//! The pull request of a branch of our own: made once, found again however far an earlier try came, whatever others did since.

use super::add_commit::root;
use super::follow_changes::state_of;
use super::publish_result::Parcel;
use crate::clients::github::git::RefOutcome;
use crate::clients::github::issues::IssueState;
use crate::clients::github::pulls::{NewPull, Opened, Pull};
use crate::clients::github::{GithubError, Repo};
use crate::domain::ids::{Branch, TaskId};
use crate::domain::outgoing;
use crate::domain::task::{Published, PullRequestRef};
use crate::domain::untrusted::Untrusted;
use crate::ports::Fault;
use crate::store::pull_requests::PullState;

/// How many pull requests of a branch are looked at; a branch of ours has one.
const MOST_PULLS: usize = 3;

/// Where a result ended up.
pub(super) struct Landed {
    pub(super) pull_request: PullRequestRef,
    pub(super) how: Published,
    pub(super) branch: Branch,
    /// Where it stands when it is recorded: people may have been quicker.
    pub(super) state: PullState,
}

/// A new branch from the base with one commit, and a pull request for it. What an earlier try made is found first.
pub(super) async fn open_new(
    repo: &Repo<'_>,
    parcel: &Parcel<'_>,
    branch: &Branch,
    into: &Branch,
    how: Published,
) -> Result<Landed, GithubError> {
    let pull = match made_before(repo, parcel, branch).await? {
        Some(pull) => pull,
        None => {
            push(repo, parcel, branch).await?;
            open_or_find(repo, parcel, branch, into).await?
        }
    };
    let how = match pull.base.branch() {
        Ok(base) if base != *into => Published::Beside { why: moved_into(&base, into) },
        Ok(_) | Err(_) => how,
    };
    Ok(Landed {
        state: state_of(&pull),
        pull_request: PullRequestRef { number: pull.number, url: pull.html_url },
        how,
        branch: branch.clone(),
    })
}

/// A pull request from this branch with this task's commit at its root, even if somebody has merged or closed it since.
async fn made_before(repo: &Repo<'_>, parcel: &Parcel<'_>, branch: &Branch) -> Result<Option<Pull>, GithubError> {
    for pull in repo.pulls_of_head(branch).await?.into_iter().take(MOST_PULLS) {
        if root(repo, parcel, &pull.head.sha).await?.is_some() {
            return Ok(Some(pull));
        }
    }
    Ok(None)
}

/// Makes the branch with the commit, unless it is there with this task's commit at its root.
async fn push(repo: &Repo<'_>, parcel: &Parcel<'_>, branch: &Branch) -> Result<(), GithubError> {
    let mut head = repo.branch_ref(branch).await?;
    if head.is_none() {
        let commit = repo.create_commit(parcel.tree, &parcel.job.base_sha, &parcel.message, None).await?;
        if repo.create_ref(branch, &commit).await? == RefOutcome::Set {
            return Ok(());
        }
        head = repo.branch_ref(branch).await?;
    }
    let ours = match head {
        Some(head) => root(repo, parcel, &head).await?,
        None => None,
    };
    let message = || format!("the branch {branch} exists and is not this task's");
    ours.map(|_| ()).ok_or_else(|| GithubError::Conflict { message: message() })
}

/// Opens the pull request, or finds the one that is open; into the default branch when the other one is gone.
async fn open_or_find(
    repo: &Repo<'_>,
    parcel: &Parcel<'_>,
    branch: &Branch,
    into: &Branch,
) -> Result<Pull, GithubError> {
    let draft = !parcel.publication.protected.is_empty();
    let new = |base| NewPull { title: &parcel.title, body: &parcel.body, head: branch, base, draft };
    let opened = match repo.open_pull(&new(into)).await {
        Err(error @ GithubError::Unprocessable { .. }) => {
            let default = repo.repository().await?.default_branch();
            match default {
                Ok(default) if default != *into && repo.branch_ref(into).await?.is_none() => {
                    repo.open_pull(&new(&default)).await?
                }
                Ok(_) | Err(_) => return Err(error),
            }
        }
        opened => opened?,
    };
    match opened {
        Opened::Pull(pull) => Ok(*pull),
        Opened::Exists => open_pull_of(repo, branch).await,
    }
}

/// Why a pull request does not go where it was to go.
fn moved_into(base: &Branch, gone: &Branch) -> String {
    let span = |branch: &Branch| outgoing::code_span(&Untrusted::new(branch.as_str()), 200);
    format!("The branch {} is gone, so it goes into {}.", span(gone), span(base))
}

/// The same, beside a pull request that cannot take the commit.
pub(super) async fn beside(
    repo: &Repo<'_>,
    parcel: &Parcel<'_>,
    into: &Branch,
    why: String,
) -> Result<Landed, GithubError> {
    let branch = own_branch(&parcel.task.id).map_err(|error| GithubError::Conflict { message: error.to_string() })?;
    open_new(repo, parcel, &branch, into, Published::Beside { why }).await
}

/// The branch of a task that gets a pull request of its own.
pub(super) fn own_branch(task: &TaskId) -> Result<Branch, crate::domain::ids::BadId> {
    Branch::parse(&format!("porter/{task}"))
}

async fn open_pull_of(repo: &Repo<'_>, branch: &Branch) -> Result<Pull, GithubError> {
    let pulls = repo.pulls_of_head(branch).await?;
    // GitHub's lists lag behind its refusals.
    let missing = || Fault::transient("finding the pull request", "it is said to exist and is not listed");
    Ok(pulls.into_iter().find(|pull| pull.state == IssueState::Open).ok_or_else(missing)?)
}
