//! One call to GitHub: headers, redirects, size and the reading of the answer.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Github;
use super::error::{GithubError, used_up_until};
use crate::clients::address::{Address, same_origin};
use crate::clients::quota::{Heard, Quota};
use crate::domain::secret::Secret;
use crate::ports::{Fault, HttpRequest, HttpResponse, Method};

/// The API version Porter is written against.
const API_VERSION: &str = "2022-11-28";
/// How long to wait for an answer.
const TIMEOUT_MS: u32 = 20_000;
/// The largest answer that is looked at; a full recursive tree stays below (GitHub cuts it at 7 MB).
const LARGEST_ANSWER: usize = 16 * 1024 * 1024;
/// A renamed and transferred repository redirects twice.
const MOST_REDIRECTS: u8 = 3;

/// A call before it is sent.
pub(super) struct Ask {
    pub(super) doing: &'static str,
    method: Method,
    address: Address,
    body: Option<Value>,
    accept: &'static str,
    etag: Option<String>,
}

impl Ask {
    pub(super) fn new(doing: &'static str, method: Method, address: Address) -> Self {
        Self { doing, method, address, body: None, accept: "application/vnd.github+json", etag: None }
    }

    /// Sends JSON along.
    pub(super) fn json(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// Asks for a file's bytes instead of its description.
    pub(super) fn raw(mut self) -> Self {
        self.accept = "application/vnd.github.raw+json";
        self
    }

    /// Asks only for what changed since the answer with this tag.
    pub(super) fn unless(mut self, etag: Option<&str>) -> Self {
        self.etag = etag.map(str::to_owned);
        self
    }

    /// The request under a credential; `NotFound` when a stranger's text made the address impossible.
    pub(super) fn request(self, bearer: &Secret) -> Result<HttpRequest, GithubError> {
        let url = self.address.finish().ok_or(GithubError::NotFound)?;
        let mut headers = vec![
            ("accept", self.accept.to_owned()),
            ("authorization", format!("Bearer {}", bearer.expose())),
            ("user-agent", "porter".to_owned()),
            ("x-github-api-version", API_VERSION.to_owned()),
        ];
        if let Some(etag) = self.etag {
            headers.push(("if-none-match", etag));
        }
        let body = self.body.map(|body| body.to_string().into_bytes());
        if body.is_some() {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let body = body.unwrap_or_default();
        Ok(HttpRequest { method: self.method, url, headers, body, timeout_ms: TIMEOUT_MS })
    }
}

impl Github<'_> {
    /// Whether a call may be made under this quota now.
    pub(super) async fn pass(&self, quota: Quota) -> Result<(), GithubError> {
        match self.gate.closed_until(quota).await? {
            Some(until) => Err(GithubError::RateLimited { until }),
            None => Ok(()),
        }
    }

    /// Sends, follows redirects within the origin with the same method and body, and turns refusals into errors.
    pub(super) async fn send(
        &self,
        doing: &'static str,
        quota: Quota,
        mut request: HttpRequest,
    ) -> Result<HttpResponse, GithubError> {
        for _ in 0..=MOST_REDIRECTS {
            self.pass(quota).await?;
            let response = self.exchange(doing, quota, request.clone()).await?;
            if response.body.len() > LARGEST_ANSWER {
                return Err(Fault::permanent(doing, "GitHub's answer is too large").into());
            }
            match response.status {
                200..=299 | 304 => return Ok(response),
                301 | 307 | 308 => {
                    let location = response.header("location").unwrap_or_default();
                    request.url = same_origin(&request.url, location)
                        .ok_or_else(|| Fault::permanent(doing, "GitHub redirected to another origin"))?;
                }
                status => return Err(Fault::permanent(doing, format!("unexpected status {status}")).into()),
            }
        }
        Err(Fault::permanent(doing, "GitHub redirected too often").into())
    }

    /// One request and its answer; what it means for the next call is told to the gate.
    async fn exchange(
        &self,
        doing: &'static str,
        quota: Quota,
        request: HttpRequest,
    ) -> Result<HttpResponse, GithubError> {
        let answer = match self.http.send(request).await {
            Ok(response) if response.status < 400 => Ok(response),
            Ok(response) => Err((GithubError::read(&response, doing, self.gate.now()), response)),
            Err(fault) => {
                self.gate.heard(quota, Heard::Trouble).await;
                return Err(fault.into());
            }
        };
        let response = answer.as_ref().unwrap_or_else(|(_, response)| response);
        let heard = match (&answer, used_up_until(response, self.gate.now())) {
            (Err((GithubError::RateLimited { until }, _)), _) => Heard::Silence(*until),
            (_, Some(until)) => Heard::Silence(until),
            (Err((GithubError::Fault(_), _)), None) => Heard::Trouble,
            (_, None) => Heard::Answer,
        };
        self.gate.heard(quota, heard).await;
        answer.map_err(|(error, _)| error)
    }
}

/// Reads an answer's JSON. What is no JSON at all may be an overloaded proxy's page; a wrong shape stays wrong.
pub(super) fn read<T: DeserializeOwned>(doing: &'static str, response: &HttpResponse) -> Result<T, GithubError> {
    serde_json::from_slice(&response.body).map_err(|error| {
        let detail = format!("GitHub's answer is not as expected: {error}");
        if error.is_data() { Fault::permanent(doing, detail).into() } else { Fault::transient(doing, detail).into() }
    })
}

/// Whether a `Link` header names a next page.
pub(super) fn has_next(response: &HttpResponse) -> bool {
    response.header("link").is_some_and(|link| link.contains("rel=\"next\""))
}
