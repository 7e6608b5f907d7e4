//! Commits on branches that exist: finding ours, adding one more, carrying it over when the head has moved elsewhere.

use super::publish_result::Parcel;
use crate::clients::github::git::{Commit, Entry, RefOutcome, TreeChange};
use crate::clients::github::{GithubError, Repo};
use crate::domain::ids::{Sha, TaskId};
use crate::ports::Fault;

/// Says in a commit whose it is; what adoption looks for.
pub(super) const TASK_TRAILER: &str = "Porter-Task";

/// How many commits are looked through for ours: what a person or a bot pushes on top within minutes.
const MOST_BUILT_UPON: usize = 20;

/// How often a head that moves under our hands is followed before it is left alone for a while.
const MOST_MOVES: u32 = 3;

/// This task's commit on its own branch, at or below `head`: our trailer, our parent and our tree.
pub(super) async fn root(repo: &Repo<'_>, parcel: &Parcel<'_>, head: &Sha) -> Result<Option<Sha>, GithubError> {
    let is_ours = |commit: &Commit| {
        let exact = commit.parents.first() == Some(&parcel.job.base_sha) && commit.tree == *parcel.tree;
        exact && has_trailer(commit, &parcel.task.id)
    };
    find(repo, &parcel.job.base_sha, head, &is_ours).await
}

/// This task's commit on somebody's branch, at or below `head`: it may sit on a moved head, so our trailer is all there is.
pub(super) async fn pushed(repo: &Repo<'_>, parcel: &Parcel<'_>, head: &Sha) -> Result<Option<Sha>, GithubError> {
    find(repo, &parcel.job.base_sha, head, &|commit| has_trailer(commit, &parcel.task.id)).await
}

fn has_trailer(commit: &Commit, task: &TaskId) -> bool {
    let trailer = format!("{}: {task}", TASK_TRAILER);
    commit.message.raw().lines().any(|line| line == trailer)
}

/// The nearest commit of that kind between a head and the base, through merges too: somebody may have built on ours.
async fn find(
    repo: &Repo<'_>,
    base: &Sha,
    head: &Sha,
    is_ours: &dyn Fn(&Commit) -> bool,
) -> Result<Option<Sha>, GithubError> {
    let mut seen = vec![head.clone()];
    let mut next = 0;
    while let Some(sha) = seen.get(next).filter(|_| next < MOST_BUILT_UPON).cloned() {
        next += 1;
        let Some(commit) = repo.commit(&sha).await? else { continue };
        if is_ours(&commit) {
            return Ok(Some(sha));
        }
        for parent in commit.parents {
            if parent != *base && !seen.contains(&parent) {
                seen.push(parent);
            }
        }
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

/// Adds the commit to the pull request's branch, or finds it there; when its head moved elsewhere, on the new head.
pub(super) async fn add_commit(repo: &Repo<'_>, parcel: &Parcel<'_>) -> Result<Added, GithubError> {
    let (branch, base) = (&parcel.job.branch, &parcel.job.base_sha);
    for _ in 0..MOST_MOVES {
        let Some(head) = repo.branch_ref(branch).await? else { return Ok(Added::Gone) };
        let tree = if head == *base {
            parcel.tree.clone()
        } else {
            if let Some(ours) = pushed(repo, parcel, &head).await? {
                return Ok(Added::Commit(ours));
            }
            match onto(repo, parcel, &head).await? {
                Some(tree) => tree,
                None => return Ok(Added::Overlap),
            }
        };
        let commit = repo.create_commit(&tree, &head, &parcel.message, None).await?;
        match repo.update_ref(branch, &commit).await? {
            RefOutcome::Set => return Ok(Added::Commit(commit)),
            RefOutcome::Missing => return Ok(Added::Gone),
            RefOutcome::Taken => {}
        }
    }
    Err(Fault::transient("moving the branch", "its head keeps moving").into())
}

/// Our changes on top of a head that has moved; `None` when it moved in the same files.
async fn onto(repo: &Repo<'_>, parcel: &Parcel<'_>, head: &Sha) -> Result<Option<Sha>, GithubError> {
    let Some(commit) = repo.commit(head).await? else { return Ok(None) };
    let Some(comparison) = repo.compare(&parcel.job.base_sha, head).await? else { return Ok(None) };
    let ours = &parcel.publication.paths;
    let overlaps = comparison.paths.iter().any(|path| ours.iter().any(|own| own == path.raw()));
    if overlaps || comparison.truncated || comparison.status != "ahead" {
        return Ok(None);
    }
    carry_over(repo, parcel, &commit.tree).await.map(Some)
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
