//! From a checked change set to a tree on GitHub: texts inline, a blob each for what is no text.

use crate::clients::github::git::{Entry, TreeChange};
use crate::clients::github::{GithubError, Repo};
use crate::domain::ids::Sha;
use crate::protocol::wire::{ChangeSet, ChangedFile, Encoding};

/// Makes the tree: texts inline in one call, a blob each for what is no text.
pub(super) async fn make_tree(repo: &Repo<'_>, base: &Sha, change_set: &ChangeSet) -> Result<Sha, GithubError> {
    let Some(base) = repo.commit(base).await? else { return Err(GithubError::NotFound) };
    let mut changes = Vec::with_capacity(change_set.files.len());
    for file in &change_set.files {
        let to = match file {
            ChangedFile::Deleted { .. } => Entry::Deleted,
            ChangedFile::Written { mode, encoding: Encoding::Utf8, content, .. } => {
                Entry::Text { mode: mode.clone(), content: content.clone() }
            }
            ChangedFile::Written { mode, encoding: Encoding::Base64, content, .. } => {
                Entry::Blob { mode: mode.clone(), sha: repo.create_blob(content).await? }
            }
        };
        changes.push(TreeChange { path: file.path().to_owned(), to });
    }
    repo.create_tree(&base.tree, &changes).await
}
