//! Moving branches, and what follows: pull requests that move along, merges, issues that close.

use porter::domain::time::Timestamp;

use super::objects::{Commit, Object, Oid};
use super::state::Github;
use super::wire::Problem;

/// Words that close an issue when the pull request that holds them is merged into the default branch.
const CLOSING: [&str; 9] = ["close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved"];

impl Github {
    /// Sets or removes a ref. Open pull requests whose head it is move with it.
    pub(crate) fn set_ref(
        &mut self,
        now: Timestamp,
        repo: i64,
        actor: i64,
        name: &str,
        to: Option<Oid>,
    ) -> Result<(), Problem> {
        let repository = self.repository_mut(repo)?;
        repository.pushed = now;
        let old = match to {
            Some(oid) => repository.git.refs.insert(name.to_owned(), oid),
            None => repository.git.refs.remove(name),
        };
        let Some(branch) = name.strip_prefix("refs/heads/") else {
            return Ok(());
        };
        self.emit_push(now, repo, actor, name, old, to);
        let holders: Vec<i64> = self.repositories.keys().copied().collect();
        for holder in holders {
            self.move_pulls(now, holder, actor, (repo, branch), old, to)?;
        }
        Ok(())
    }

    fn move_pulls(
        &mut self,
        now: Timestamp,
        holder: i64,
        actor: i64,
        head: (i64, &str),
        old: Option<Oid>,
        to: Option<Oid>,
    ) -> Result<(), Problem> {
        let repository = self.repository(holder)?;
        let own = |pull: &super::Pull| pull.head_repo == head.0 && pull.head == head.1;
        let numbers: Vec<i64> = repository
            .issues
            .values()
            .filter(|issue| issue.open && issue.pull.as_ref().is_some_and(own))
            .map(|issue| issue.number)
            .collect();
        for number in numbers {
            match to {
                Some(oid) => {
                    self.share_objects(head.0, holder)?;
                    let issue = self.issue_mut(holder, number)?;
                    issue.updated = now;
                    if let Some(pull) = &mut issue.pull {
                        pull.head_sha = oid;
                    }
                    self.emit_synchronize(now, holder, actor, number, old, oid);
                }
                None => self.set_issue_open(now, holder, actor, number, false, "completed")?,
            }
        }
        Ok(())
    }

    /// A fork's objects are seen from the repository it came from.
    pub(crate) fn share_objects(&mut self, from: i64, into: i64) -> Result<(), Problem> {
        if from != into {
            let objects = self.repository(from)?.git.objects.clone();
            self.repository_mut(into)?.git.objects.extend(objects);
        }
        Ok(())
    }

    /// Merges with a merge commit; closes the issues it says it closes.
    pub(crate) fn merge_pull(&mut self, now: Timestamp, repo: i64, actor: i64, number: i64) -> Result<Oid, Problem> {
        let issue = self.issue(repo, number)?.clone();
        let refused = || Problem::new(405, "Pull Request is not mergeable");
        let pull =
            issue.pull.clone().filter(|pull| issue.open && pull.merged.is_none() && !pull.draft).ok_or_else(refused)?;
        let own = self.signature(actor, now);
        let git = &mut self.repository_mut(repo)?.git;
        let base = git.branch(&pull.base).ok_or_else(refused)?;
        let tree = git.merged(base, pull.head_sha).ok_or_else(refused)?;
        let message = format!("Merge pull request #{number} from {}\n\n{}", pull.head, issue.title);
        let commit = Commit { tree, parents: vec![base, pull.head_sha], author: own.clone(), committer: own, message };
        let sha = git.put(Object::Commit(commit));
        self.set_ref(now, repo, actor, &format!("refs/heads/{}", pull.base), Some(sha))?;
        if let Some(pull) = &mut self.issue_mut(repo, number)?.pull {
            (pull.merged, pull.base_sha) = (Some((now, actor, sha)), base);
        }
        self.set_issue_open(now, repo, actor, number, false, "completed")?;
        if pull.base == self.repository(repo)?.default_branch {
            for closed in closed_by(issue.body.as_deref().unwrap_or_default()) {
                if self.issue(repo, closed).is_ok_and(|issue| issue.open && issue.pull.is_none()) {
                    self.set_issue_open(now, repo, actor, closed, false, "completed")?;
                }
            }
        }
        Ok(sha)
    }

    /// Merges one branch into another, as "Update branch" does; `None` when they clash.
    pub(crate) fn merge_branch(
        &mut self,
        now: Timestamp,
        repo: i64,
        actor: i64,
        (into, from): (&str, &str),
    ) -> Option<Oid> {
        let own = self.signature(actor, now);
        let git = &mut self.repository_mut(repo).ok()?.git;
        let (onto, other) = (git.branch(into)?, git.branch(from)?);
        let tree = git.merged(onto, other)?;
        let message = format!("Merge branch '{from}' into {into}");
        let commit = Commit { tree, parents: vec![onto, other], author: own.clone(), committer: own, message };
        let sha = git.put(Object::Commit(commit));
        self.set_ref(now, repo, actor, &format!("refs/heads/{into}"), Some(sha)).ok()?;
        Some(sha)
    }
}

/// The issues a text closes: `Closes #12`.
fn closed_by(text: &str) -> Vec<i64> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let pairs = words.iter().zip(words.iter().skip(1));
    let closing = pairs.filter(|(verb, _)| CLOSING.contains(&verb.trim_end_matches(':').to_lowercase().as_str()));
    closing
        .filter_map(|(_, number)| {
            number.strip_prefix('#')?.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::closed_by;

    #[test]
    fn closing_words_need_a_number() {
        assert_eq!(closed_by("Closes #12, and fixes: #3. Not #4, not fix 5"), [12, 3]);
    }
}
