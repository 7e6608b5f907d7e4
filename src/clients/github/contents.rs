//! Files, trees, branches and differences, as they are in the repository; and code search.

use serde::Deserialize;

use super::call::{Ask, has_next, read};
use super::comments::Listed;
use super::error::GithubError;
use super::{Need, Repo, found};
use crate::clients::address::Address;
use crate::domain::ids::{Branch, Sha};
use crate::domain::untrusted::Untrusted;
use crate::ports::{HttpResponse, Method};

/// A file's bytes, perhaps only its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileBytes {
    /// At most as many as were asked for.
    pub bytes: Vec<u8>,
    /// Whether there was more.
    pub cut: bool,
}

/// What a recursive tree lists.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Tree {
    /// The tree's own name.
    pub sha: Sha,
    /// Every entry at any depth.
    #[serde(rename = "tree")]
    pub entries: Vec<TreeEntry>,
    /// Whether GitHub left entries out (over 100,000 or 7 MB).
    #[serde(default)]
    pub truncated: bool,
}

/// An entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TreeEntry {
    /// From the root, with `/`.
    pub path: Untrusted,
    /// As git writes it: `100644`, `100755`, `120000`, `040000`, `160000`.
    pub mode: String,
    /// File, directory or submodule.
    #[serde(rename = "type")]
    pub kind: EntryKind,
    /// The object's name.
    pub sha: Sha,
    /// Bytes, for files.
    pub size: Option<u64>,
}

/// What an entry of a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A file or a link.
    Blob,
    /// A directory.
    Tree,
    /// A submodule.
    Commit,
}

/// A branch's newest commit and its tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The commit.
    pub commit: Sha,
    /// Its tree.
    pub tree: Sha,
}

/// What differs from a commit to another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// Every changed path; of a rename both.
    pub paths: Vec<Untrusted>,
    /// Whether GitHub lists no more than it has (300 files): then nothing can be concluded from a path's absence.
    pub truncated: bool,
    /// Where the head stands: `ahead`, `behind`, `identical`, `diverged`.
    pub status: String,
}

/// A place code search found.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CodeHit {
    /// The file.
    pub path: Untrusted,
}

/// GitHub lists no more changed files than this in a comparison.
const MOST_COMPARED_FILES: usize = 300;

impl Repo<'_> {
    /// A file at a branch, tag or commit, at most `cap` bytes of it; `None` when no file is there (or the path is no path).
    /// `GET /repos/{o}/{r}/contents/{path}`
    pub async fn file(&self, path: &str, at: &str, cap: usize) -> Result<Option<FileBytes>, GithubError> {
        self.read_file(self.address(&["contents", path]).with("ref", at), cap).await
    }

    /// A file on the default branch, whatever that is called. `GET /repos/{o}/{r}/contents/{path}`
    pub async fn default_file(&self, path: &str, cap: usize) -> Result<Option<FileBytes>, GithubError> {
        self.read_file(self.address(&["contents", path]), cap).await
    }

    async fn read_file(&self, address: Address, cap: usize) -> Result<Option<FileBytes>, GithubError> {
        let ask = Ask::new("reading a file", Method::Get, address).raw();
        let response = found(self.send(Need::ReadContents, ask).await)?;
        Ok(response.filter(|response| !is_listing(response)).map(|response| cut(response.body, cap)))
    }

    /// The README at a branch, tag or commit, whatever it is called. `GET /repos/{o}/{r}/readme`
    pub async fn readme(&self, at: &str, cap: usize) -> Result<Option<FileBytes>, GithubError> {
        let address = self.address(&["readme"]).with("ref", at);
        let ask = Ask::new("reading the README", Method::Get, address).raw();
        let response = found(self.send(Need::ReadContents, ask).await)?;
        Ok(response.map(|response| cut(response.body, cap)))
    }

    /// All entries below a commit or tree. `GET /repos/{o}/{r}/git/trees/{sha}?recursive=1`
    pub async fn tree(&self, at: &Sha) -> Result<Tree, GithubError> {
        let address = self.address(&["git", "trees", at.as_str()]).with("recursive", "1");
        self.fetch(Need::ReadContents, Ask::new("reading the tree", Method::Get, address)).await
    }

    /// The newest commit of a branch; `None` when there is no such branch. `GET /repos/{o}/{r}/branches/{branch}`
    pub async fn branch(&self, branch: &Branch) -> Result<Option<Head>, GithubError> {
        #[derive(Deserialize)]
        struct Answer {
            name: String,
            commit: Commit,
        }
        #[derive(Deserialize)]
        struct Commit {
            sha: Sha,
            commit: Inner,
        }
        #[derive(Deserialize)]
        struct Inner {
            tree: Named,
        }
        #[derive(Deserialize)]
        struct Named {
            sha: Sha,
        }
        let ask = self.get("reading the branch", &["branches", branch.as_str()]);
        let answer: Option<Answer> = found(self.fetch(Need::ReadContents, ask).await)?;
        // A renamed branch redirects to its new name, which is another branch than the one asked for.
        let answer = answer.filter(|answer| answer.name == branch.as_str());
        Ok(answer.map(|Answer { commit, .. }| Head { commit: commit.sha, tree: commit.commit.tree.sha }))
    }

    /// The paths that differ between two commits. `GET /repos/{o}/{r}/compare/{base}...{head}`; `None` when one is unknown
    pub async fn compare(&self, base: &Sha, head: &Sha) -> Result<Option<Comparison>, GithubError> {
        #[derive(Deserialize)]
        struct Answer {
            status: String,
            #[serde(default)]
            files: Vec<Changed>,
        }
        #[derive(Deserialize)]
        struct Changed {
            filename: Untrusted,
            previous_filename: Option<Untrusted>,
        }
        // The files come with the first page only, whatever the paging of commits: one call sees all GitHub shows.
        let address = self.address(&["compare", &format!("{base}...{head}")]).with("per_page", "1");
        let ask = Ask::new("comparing commits", Method::Get, address);
        let Some(answer) = found(self.fetch::<Answer>(Need::ReadContents, ask).await)? else {
            return Ok(None);
        };
        let truncated = answer.files.len() >= MOST_COMPARED_FILES;
        let paths = answer.files.into_iter().flat_map(|file| [Some(file.filename), file.previous_filename]).flatten();
        Ok(Some(Comparison { paths: paths.collect(), truncated, status: answer.status }))
    }

    /// Files of this repository whose text has these words, at most `most` (<= 100). Words with search syntax are searched
    /// as words. `GET /search/code`, which has its own small rate limit and wants a login
    pub async fn search_code(&self, words: &[&str], most: u32) -> Result<Listed<CodeHit>, GithubError> {
        #[derive(Deserialize)]
        struct Answer {
            items: Vec<CodeHit>,
        }
        let mut terms: Vec<String> = words.iter().filter_map(|word| term(word)).collect();
        if terms.is_empty() {
            return Ok(Listed { items: Vec::new(), more: false });
        }
        terms.push(format!("repo:{}", self.name));
        let query = terms.join(" ");
        let address = Address::new(&self.github.settings.api_root, &["search", "code"])
            .with("q", &query)
            .with("per_page", &most.to_string());
        let doing = "searching the code";
        let response = self.send(Need::ReadContents, Ask::new(doing, Method::Get, address)).await?;
        Ok(Listed { items: read::<Answer>(doing, &response)?.items, more: has_next(&response) })
    }
}

/// A word in quotes, without anything that means something to the search; `None` if nothing is left.
fn term(word: &str) -> Option<String> {
    let plain: String = word.chars().filter(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')).collect();
    if plain.is_empty() { None } else { Some(format!("\"{plain}\"")) }
}

/// Whether the answer describes a directory instead of being a file: only the raw media type names itself.
fn is_listing(response: &HttpResponse) -> bool {
    response.header("content-type").is_some_and(|kind| kind.starts_with("application/json"))
}

fn cut(mut bytes: Vec<u8>, cap: usize) -> FileBytes {
    let cut = bytes.len() > cap;
    bytes.truncate(cap);
    FileBytes { bytes, cut }
}
