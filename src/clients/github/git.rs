//! Git's objects over REST: what publishing writes. References are only created or moved forward, never forced.

use serde::Deserialize;
use serde_json::{Value, json};

use super::call::Ask;
use super::error::GithubError;
use super::{Need, Repo, found};
use crate::domain::ids::{Branch, Sha};
use crate::domain::time::Timestamp;
use crate::domain::untrusted::Untrusted;
use crate::ports::Method;

/// A path of a new tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeChange {
    /// From the root, checked by the change-set rules.
    pub path: String,
    /// What becomes of it.
    pub to: Entry,
}

/// What a path becomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A text, sent inline.
    Text {
        /// `100644`, `100755` or `120000`.
        mode: String,
        /// The file's content, or the link's target.
        content: String,
    },
    /// A blob made before.
    Blob {
        /// `100644`, `100755` or `120000`.
        mode: String,
        /// The blob.
        sha: Sha,
    },
    /// Gone.
    Deleted,
}

impl TreeChange {
    fn json(&self) -> Value {
        match &self.to {
            Entry::Text { mode, content } => {
                json!({"path": self.path, "mode": mode, "type": "blob", "content": content})
            }
            Entry::Blob { mode, sha } => {
                json!({"path": self.path, "mode": mode, "type": "blob", "sha": sha})
            }
            Entry::Deleted => {
                json!({"path": self.path, "mode": "100644", "type": "blob", "sha": null})
            }
        }
    }
}

/// Who a commit names as author or committer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// A name.
    pub name: String,
    /// An address, as `1+porter[bot]@users.noreply.github.com`.
    pub email: String,
    /// When; fixed by the task, so that a repeated commit is the same object.
    pub date: Timestamp,
}

/// A commit as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its name.
    pub sha: Sha,
    /// Its tree.
    pub tree: Sha,
    /// What it follows.
    pub parents: Vec<Sha>,
    /// Its whole message with trailers.
    pub message: Untrusted,
}

#[derive(Deserialize)]
struct CommitAnswer {
    sha: Sha,
    tree: Named,
    parents: Vec<Named>,
    message: Untrusted,
}

#[derive(Deserialize)]
struct Named {
    sha: Sha,
}

impl From<CommitAnswer> for Commit {
    fn from(answer: CommitAnswer) -> Self {
        let parents = answer.parents.into_iter().map(|parent| parent.sha).collect();
        Self { sha: answer.sha, tree: answer.tree.sha, parents, message: answer.message }
    }
}

/// What came of creating or moving a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefOutcome {
    /// It points where it was told to.
    Set,
    /// It exists already (on creating), or its head is no ancestor of the new commit (on moving). Look, then decide.
    Taken,
    /// There is no such reference to move.
    Missing,
}

impl Repo<'_> {
    /// Stores a file that is no text. `POST /repos/{o}/{r}/git/blobs`; `content_base64` as the change set has it
    pub async fn create_blob(&self, content_base64: &str) -> Result<Sha, GithubError> {
        let body = json!({"content": content_base64, "encoding": "base64"});
        let ask = self.post("storing a file", &["git", "blobs"], body);
        Ok(self.fetch::<Named>(Need::Publish, ask).await?.sha)
    }

    /// Makes a tree out of another one and changes. `POST /repos/{o}/{r}/git/trees`
    pub async fn create_tree(&self, base_tree: &Sha, changes: &[TreeChange]) -> Result<Sha, GithubError> {
        let tree: Vec<Value> = changes.iter().map(TreeChange::json).collect();
        let ask = self.post("making the tree", &["git", "trees"], json!({"base_tree": base_tree, "tree": tree}));
        Ok(self.fetch::<Named>(Need::Publish, ask).await?.sha)
    }

    /// Makes a commit; without an author GitHub names (and signs for) the App or account itself.
    /// `POST /repos/{o}/{r}/git/commits`
    pub async fn create_commit(
        &self,
        tree: &Sha,
        parent: &Sha,
        message: &str,
        author: Option<&Signature>,
    ) -> Result<Sha, GithubError> {
        let mut body = json!({"tree": tree, "parents": [parent], "message": message});
        if let (Some(author), Some(fields)) = (author, body.as_object_mut()) {
            let date = author.date.rfc3339();
            let author = json!({"name": author.name, "email": author.email, "date": date});
            fields.insert("author".to_owned(), author);
        }
        let ask = self.post("making the commit", &["git", "commits"], body);
        Ok(self.fetch::<Named>(Need::Publish, ask).await?.sha)
    }

    /// A commit; `None` when it is unknown. `GET /repos/{o}/{r}/git/commits/{sha}`
    pub async fn commit(&self, sha: &Sha) -> Result<Option<Commit>, GithubError> {
        let ask = self.get("reading a commit", &["git", "commits", sha.as_str()]);
        let answer = found(self.fetch::<CommitAnswer>(Need::ReadContents, ask).await)?;
        Ok(answer.map(Commit::from))
    }

    /// Where a branch points, straight from git; `None` when it is not there. `GET /repos/{o}/{r}/git/ref/heads/{branch}`
    pub async fn branch_ref(&self, branch: &Branch) -> Result<Option<Sha>, GithubError> {
        #[derive(Deserialize)]
        struct Answer {
            object: Named,
        }
        let ask = self.get("reading a reference", &["git", "ref", &format!("heads/{branch}")]);
        let answer = found(self.fetch::<Answer>(Need::ReadContents, ask).await)?;
        Ok(answer.map(|answer| answer.object.sha))
    }

    /// Makes a branch. `POST /repos/{o}/{r}/git/refs`
    pub async fn create_ref(&self, branch: &Branch, to: &Sha) -> Result<RefOutcome, GithubError> {
        let body = json!({"ref": format!("refs/heads/{branch}"), "sha": to});
        let ask = self.post("making the branch", &["git", "refs"], body);
        match self.send(Need::Publish, ask).await {
            Ok(_) => Ok(RefOutcome::Set),
            Err(error) if error.already_exists() => Ok(RefOutcome::Taken),
            Err(error) => Err(error),
        }
    }

    /// Moves a branch forward, never back. `PATCH /repos/{o}/{r}/git/refs/heads/{branch}`
    pub async fn update_ref(&self, branch: &Branch, to: &Sha) -> Result<RefOutcome, GithubError> {
        let address = self.address(&["git", "refs", &format!("heads/{branch}")]);
        let ask = Ask::new("moving the branch", Method::Patch, address).json(json!({"sha": to, "force": false}));
        match self.send(Need::Publish, ask).await {
            Ok(_) => Ok(RefOutcome::Set),
            Err(error) if error.not_fast_forward() => Ok(RefOutcome::Taken),
            Err(error) if error.no_such_ref() => Ok(RefOutcome::Missing),
            Err(error) => Err(error),
        }
    }
}
