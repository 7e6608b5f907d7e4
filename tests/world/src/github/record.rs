//! Everything that was asked of the stand-in and every token it made, for assertions.

use std::collections::BTreeMap;
use std::sync::Arc;

use porter::domain::time::Timestamp;
use serde::Serialize;

use super::wire::Request;

/// One request and how it was answered.
#[derive(Debug, Clone, Serialize)]
pub struct Asked {
    /// When.
    pub at: Timestamp,
    /// `GET`, `POST`, ….
    pub method: String,
    /// The path below the API's root.
    pub path: String,
    /// The query without its question mark.
    pub query: String,
    /// Who asked, with the scope: `anonymous`, `app`, `user 4`, `installation 3 {7} contents:read`, `refused`.
    pub caller: String,
    /// The answer's status.
    pub status: u16,
    /// Headers but for the credential, in lower case.
    #[serde(skip)]
    pub headers: Vec<(String, String)>,
    /// The body.
    #[serde(skip)]
    pub body: Vec<u8>,
}

/// One installation token.
#[derive(Debug, Clone, Serialize)]
pub struct Minted {
    /// When.
    pub at: Timestamp,
    /// For which installation.
    pub installation: i64,
    /// Full names of the repositories it was narrowed to; `None`: all of the installation.
    pub repositories: Option<Vec<String>>,
    /// Permissions that were asked for, in GitHub's words; `None`: all of the installation.
    pub permissions: Option<BTreeMap<String, String>>,
}

/// The record.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Every request, oldest first.
    pub asked: Vec<Arc<Asked>>,
    /// Every installation token, oldest first.
    pub minted: Vec<Arc<Minted>>,
}

impl Record {
    pub(crate) fn note(&mut self, request: &Request, caller: &str, at: Timestamp, status: u16) {
        let headers = request.headers.iter().filter(|(name, _)| name != "authorization").cloned().collect();
        self.asked.push(Arc::new(Asked {
            at,
            method: request.method.clone(),
            path: request.path.clone(),
            query: request.query.clone(),
            caller: caller.to_owned(),
            status,
            headers,
            body: request.body.clone(),
        }));
    }

    /// Where these bytes were received: paths, queries, headers (but for the credential) and bodies.
    #[must_use]
    pub fn received(&self, needle: &str) -> Vec<String> {
        let in_body = |body: &[u8]| body.windows(needle.len().max(1)).any(|window| window == needle.as_bytes());
        let holds = |asked: &&Arc<Asked>| {
            asked.path.contains(needle)
                || asked.query.contains(needle)
                || asked.headers.iter().any(|(_, value)| value.contains(needle))
                || in_body(&asked.body)
        };
        self.asked.iter().filter(holds).map(|asked| format!("{} {}", asked.method, asked.path)).collect()
    }

    /// How many requests with this method and an answer below 400 had a path ending like this.
    #[must_use]
    pub fn count(&self, method: &str, path_end: &str) -> usize {
        self.asked
            .iter()
            .filter(|asked| asked.method == method && asked.status < 400 && asked.path.ends_with(path_end))
            .count()
    }
}
