//! The code to work on: fetched into a git directory that the agent never sees, checked out with a second, disposable `.git`.

use std::fs;
use std::io;
use std::path::Path;

use porter::domain::secret::Secret;
use porter::protocol::wire::JobRepository;

use crate::git::Git;

/// How much history an agent gets to look at.
const DEPTH: &str = "--depth=50";

/// Fetches the base commit into `private` and checks it out at `tree`. Errors are for people.
pub(crate) async fn clone(
    repository: &JobRepository,
    session: &Secret,
    private: &Path,
    tree: &Path,
) -> Result<Git, String> {
    let (url, sha) = (repository.clone_url.as_str(), repository.base_sha.as_str());
    if ![40, 64].contains(&sha.len()) || !sha.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("the base commit that Porter named is not a commit id".to_owned());
    }
    let git = Git {
        dir: private.join("repository.git"),
        tree: tree.to_owned(),
        index: private.join("index"),
    };
    fs::create_dir_all(tree).map_err(disk)?;
    let format = if sha.len() == 64 {
        "--object-format=sha256"
    } else {
        "--object-format=sha1"
    };
    git.run(&[
        "init",
        "--quiet",
        "--template=",
        format,
        "--initial-branch=base",
    ])
    .await?;
    fetch(&git, url, session, repository).await?;
    let kind = git.run(&["cat-file", "-t", sha]).await;
    if !kind.is_ok_and(|kind| kind.trim_ascii() == b"commit") {
        return Err(format!(
            "{} could not be cloned: {sha} is no commit of it",
            repository.full_name
        ));
    }
    give_agent_its_own(&git, repository).await?;
    Ok(git)
}

/// By commit id first, which any current git host allows; an older one gets asked for the branch.
async fn fetch(
    git: &Git,
    url: &str,
    session: &Secret,
    repository: &JobRepository,
) -> Result<(), String> {
    let sha = repository.base_sha.as_str();
    let exact = [
        "fetch",
        "--quiet",
        "--no-tags",
        DEPTH,
        "--end-of-options",
        url,
        sha,
    ];
    let Err(first) = git.with_password(url, session, &exact).await else {
        return Ok(());
    };
    let branch = format!("+refs/heads/{}:refs/porter/base", repository.base_ref);
    let whole = [
        "fetch",
        "--quiet",
        "--no-tags",
        "--end-of-options",
        url,
        &branch,
    ];
    match git.with_password(url, session, &whole).await {
        Ok(_) => Ok(()),
        Err(_) => Err(format!(
            "{} could not be cloned: {first}",
            repository.full_name
        )),
    }
}

/// Makes the checkout with a `.git` of copies: the agent's git works in it, and nothing it writes there is ever read by us as
/// configuration.
async fn give_agent_its_own(private: &Git, repository: &JobRepository) -> Result<(), String> {
    let sha = repository.base_sha.as_str();
    let theirs = private.tree.join(".git");
    let git = Git {
        dir: theirs.clone(),
        tree: private.tree.clone(),
        index: theirs.join("index"),
    };
    let format = if sha.len() == 64 {
        "--object-format=sha256"
    } else {
        "--object-format=sha1"
    };
    git.run(&[
        "init",
        "--quiet",
        "--template=",
        format,
        "--initial-branch=base",
    ])
    .await?;
    copy(&private.dir.join("objects"), &theirs.join("objects")).map_err(disk)?;
    let shallow = private.dir.join("shallow");
    if shallow.exists() {
        fs::copy(shallow, theirs.join("shallow")).map_err(disk)?;
    }
    let remote = format!("refs/remotes/origin/{}", repository.base_ref);
    let local = format!("refs/heads/{}", repository.base_ref);
    for name in [remote.as_str(), local.as_str()] {
        git.run(&["update-ref", name, sha]).await?;
    }
    git.run(&["symbolic-ref", "HEAD", &local]).await?;
    git.run(&["config", "user.name", "Porter's agent"]).await?;
    git.run(&["config", "user.email", "agent@porter.invalid"])
        .await?;
    git.run(&["reset", "--quiet", "--hard", sha]).await?;
    Ok(())
}

/// Copies a directory of plain files; never links, so that a write to the copy stays in the copy.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn disk(error: io::Error) -> String {
    format!("the machine's disk could not be written: {error}")
}
