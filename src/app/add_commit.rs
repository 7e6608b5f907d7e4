//! Commits on branches that exist: finding ours, adding one more, carrying it over when the head has moved elsewhere.

use super::publish_result::Parcel;
use crate::clients::github::git::{Commit, Entry, RefOutcome, TreeChange};
use crate::clients::github::{GithubError, Repo};
use crate::domain::ids::{Branch, Sha, TaskId};

/// Says in a commit whose it is; what adoption looks for.
pub(super) const TASK_TRAILER: &str = "Porter-Task";

/// How many commits on top of ours are looked through for it.
const MOST_BUILT_UPON: u32 = 10;

/// The branch's head, if it is this task's commit: our trailer and, unless it sits on a moved head, our parent and tree.
pub(super) async fn adopt(repo: &Repo<'_>, parcel: &Parcel<'_>, branch: &Branch) -> Result<Option<Sha>, GithubError> {
    let Some(head) = repo.branch_ref(branch).await? else { return Ok(None) };
    let Some(commit) = repo.commit(&head).await? else { return Ok(None) };
    let exact = commit.parents.first() == Some(&parcel.job.base_sha) && commit.tree == *parcel.tree;
    Ok((exact && has_trailer(&commit, &parcel.task.id)).then_some(head))
}

fn has_trailer(commit: &Commit, task: &TaskId) -> bool {
    let trailer = format!("{}: {task}", TASK_TRAILER);
    commit.message.raw().lines().any(|line| line == trailer)
}

/// This task's commit at or below a head, pushed by an earlier try whose answer was lost: somebody may have built on it.
async fn own_commit(
    repo: &Repo<'_>,
    parcel: &Parcel<'_>,
    head: &Sha,
    head_commit: &Commit,
) -> Result<Option<Sha>, GithubError> {
    let (mut sha, mut commit) = (head.clone(), head_commit.clone());
    for _ in 0..MOST_BUILT_UPON {
        if has_trailer(&commit, &parcel.task.id) {
            return Ok(Some(sha));
        }
        let Some(parent) = commit.parents.first().filter(|parent| **parent != parcel.job.base_sha) else { break };
        let parent = parent.clone();
        let Some(next) = repo.commit(&parent).await? else { break };
        (sha, commit) = (parent, next);
    }
    Ok(None)
}

/// What became of one more commit on a branch.
pub(super) enum Added {
    /// It is its head.
    Commit(Sha),
    /// The branch moved in the same files.
    Overlap,
    /// The branch is gone.
    Gone,
}

/// Adds the commit to the pull request's branch; when its head moved elsewhere, on the new head.
pub(super) async fn add_commit(repo: &Repo<'_>, parcel: &Parcel<'_>) -> Result<Added, GithubError> {
    let (branch, base) = (&parcel.job.branch, &parcel.job.base_sha);
    let commit = repo.create_commit(parcel.tree, base, &parcel.message, None).await?;
    match repo.update_ref(branch, &commit).await? {
        RefOutcome::Set => return Ok(Added::Commit(commit)),
        RefOutcome::Missing => return Ok(Added::Gone),
        RefOutcome::Taken => {}
    }
    let Some(head) = repo.branch_ref(branch).await? else { return Ok(Added::Gone) };
    let Some(head_commit) = repo.commit(&head).await? else { return Ok(Added::Gone) };
    if let Some(own) = own_commit(repo, parcel, &head, &head_commit).await? {
        return Ok(Added::Commit(own));
    }
    let Some(comparison) = repo.compare(base, &head).await? else { return Ok(Added::Overlap) };
    let ours = &parcel.publication.paths;
    let overlaps = comparison.paths.iter().any(|path| ours.iter().any(|own| own == path.raw()));
    if overlaps || comparison.truncated || comparison.status != "ahead" {
        return Ok(Added::Overlap);
    }
    let tree = carry_over(repo, parcel, &head_commit.tree).await?;
    let commit = repo.create_commit(&tree, &head, &parcel.message, None).await?;
    match repo.update_ref(branch, &commit).await? {
        RefOutcome::Set => Ok(Added::Commit(commit)),
        RefOutcome::Missing => Ok(Added::Gone),
        RefOutcome::Taken => Ok(Added::Overlap),
    }
}

/// Our changed paths, as they are in our tree, on top of another tree.
async fn carry_over(repo: &Repo<'_>, parcel: &Parcel<'_>, onto: &Sha) -> Result<Sha, GithubError> {
    let tree = repo.tree(parcel.tree).await?;
    let change = |path: &String| {
        let entry = tree.entries.iter().find(|entry| entry.path.raw() == path);
        let to = entry.map_or(Entry::Deleted, |entry| Entry::Blob { mode: entry.mode.clone(), sha: entry.sha.clone() });
        TreeChange { path: path.clone(), to }
    };
    let changes: Vec<TreeChange> = parcel.publication.paths.iter().map(change).collect();
    if tree.truncated {
        return Err(GithubError::Conflict { message: "the tree is too large to carry over".to_owned() });
    }
    repo.create_tree(onto, &changes).await
}
