//! Who may clone over git's own protocol, in the words git shows to people.

use porter::domain::time::Timestamp;
use serde_json::Value;

use super::caller::{Caller, Level, Permission};
use super::state::Github;
use super::wire::{Call, Query, Request};

/// Why git is turned away: a status and a line of text.
pub(crate) type TurnedAway = (u16, &'static str);

impl Github {
    /// The repository someone may fetch from. Reading takes `contents: read`; a public one needs no credential at all.
    pub(crate) fn may_fetch(&mut self, request: &Request, full_name: &str, now: Timestamp) -> Result<i64, TurnedAway> {
        let caller = self.caller(request, now);
        let key = caller.as_ref().map_or_else(|_| "refused".to_owned(), |caller| format!("git {}", caller.key()));
        let result = caller.ok().ok_or((401, "Invalid username or token.")).and_then(|caller| {
            let anonymous = caller == Caller::Anonymous;
            let call = Call { request, query: Query::parse(""), json: Value::Null, now, caller };
            let hidden = if anonymous { (401, "Authentication required.") } else { (404, "Repository not found.") };
            let renamed = || self.renamed.get(&full_name.to_ascii_lowercase()).copied();
            let repo = self.repository_named(full_name).or_else(renamed).ok_or(hidden)?;
            self.visible(&call, repo).ok().ok_or(hidden)?;
            let allowed = self.need(&call, repo, &[Permission::Contents], Level::Read).is_ok();
            if allowed { Ok(repo) } else { Err((403, "Write access to repository not granted.")) }
        });
        let status = result.as_ref().err().map_or(200, |(status, _)| *status);
        self.record.note(request, &key, now, status);
        result
    }
}
