//! Porter's callbacks, as the protocol's "Runner <-> Porter" section describes them: what is sent again, and when it ends.

use std::time::Duration;

use porter::domain::secret::Secret;
use porter::protocol::wire::{
    CompleteAnswer, EventsAnswer, EventsRequest, StartAnswer, StartRequest,
};
use reqwest::{Client, Response, StatusCode};
use tokio::time::Instant;

use crate::entropy;

/// How long a machine tries to claim before it gives up: beyond Porter's own limit for a launch.
const CLAIM_FOR: Duration = Duration::from_secs(600);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(20);

/// Porter's end of the line.
#[derive(Clone)]
pub(crate) struct Callbacks {
    http: Client,
    base: String,
}

/// What `start` came to.
pub(crate) enum Claimed {
    /// The job is ours.
    Job(Box<StartAnswer>),
    /// Another machine has it, or it is over (`409`, `410`).
    NotOurs,
    /// It could not be claimed; the reason is for the machine's log.
    Failed(String),
}

/// What a report came to.
pub(crate) enum Reported {
    /// Porter answered.
    Answered(EventsAnswer),
    /// The attempt is closed, or Porter does not know this session.
    Closed,
    /// Nothing was heard; the same report is to be sent again.
    Unheard,
}

/// What `complete` came to.
pub(crate) enum Delivered {
    /// Porter published, or has nothing to publish.
    Answered,
    /// Porter refused for good; status and body for the machine's log.
    Refused(u16, String),
    /// No answer before the tokens ended.
    Unheard,
}

impl Callbacks {
    /// `base` is `CALLBACK_URL` without a trailing slash.
    pub(crate) fn new(base: String) -> Result<Self, reqwest::Error> {
        let http = Client::builder()
            .user_agent(concat!("porter-runner/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(10))
            .build()?;
        Ok(Self { http, base })
    }

    /// Claims the task; repeats with the same boot id while the answer may have been lost.
    pub(crate) async fn start(&self, claim: &Secret, request: &StartRequest) -> Claimed {
        let body = match serde_json::to_vec(request) {
            Ok(body) => body,
            Err(error) => return Claimed::Failed(error.to_string()),
        };
        let until = Instant::now() + CLAIM_FOR;
        let Some(response) = self
            .insist("start", claim, &body, Duration::from_secs(30), until)
            .await
        else {
            return Claimed::Failed("Porter did not answer".to_owned());
        };
        match response.status() {
            StatusCode::OK => match read_json(response).await {
                Ok(job) => Claimed::Job(Box::new(job)),
                Err(error) => {
                    Claimed::Failed(format!("Porter's answer could not be read: {error}"))
                }
            },
            StatusCode::CONFLICT | StatusCode::GONE => Claimed::NotOurs,
            status => Claimed::Failed(format!("Porter answered {status}")),
        }
    }

    /// Sends one report, once.
    pub(crate) async fn events(&self, session: &Secret, request: &EventsRequest) -> Reported {
        let Ok(body) = serde_json::to_vec(request) else {
            return Reported::Unheard;
        };
        match self
            .post("events", session, body, Duration::from_secs(20))
            .await
        {
            Ok(response) => match response.status() {
                StatusCode::OK => match read_json(response).await {
                    Ok(answer) => Reported::Answered(answer),
                    Err(_) => Reported::Unheard,
                },
                StatusCode::GONE | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                    Reported::Closed
                }
                // A report that Porter cannot take (say, too large) must not stand in the way of the next.
                status if status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS => {
                    Reported::Answered(EventsAnswer::Continue(true))
                }
                _ => Reported::Unheard,
            },
            Err(_) => Reported::Unheard,
        }
    }

    /// Hands over the result: the same bytes until Porter answers or `until` has passed.
    pub(crate) async fn complete(
        &self,
        session: &Secret,
        body: &[u8],
        until: Instant,
    ) -> Delivered {
        let patience = Duration::from_secs(120);
        let Some(response) = self
            .insist("complete", session, body, patience, until)
            .await
        else {
            return Delivered::Unheard;
        };
        let status = response.status();
        if status == StatusCode::OK {
            return match read_json(response).await {
                Ok(CompleteAnswer { .. }) => Delivered::Answered,
                Err(error) => Delivered::Refused(status.as_u16(), error),
            };
        }
        Delivered::Refused(status.as_u16(), response.text().await.unwrap_or_default())
    }

    /// Posts until an answer other than `429` and `5xx` is there; `None` when `until` passes first.
    async fn insist(
        &self,
        name: &str,
        token: &Secret,
        body: &[u8],
        patience: Duration,
        until: Instant,
    ) -> Option<Response> {
        let mut pause = Duration::from_millis(500);
        loop {
            let mut wait = pause.mul_f64(entropy::jitter());
            match self.post(name, token, body.to_vec(), patience).await {
                Ok(response) if !again(response.status()) => return Some(response),
                Ok(response) => wait = wait.max(retry_after(&response)),
                Err(error) => eprintln!("porter-runner: {name}: {}", error.without_url()),
            }
            if Instant::now() + wait >= until {
                return None;
            }
            tokio::time::sleep(wait).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn post(
        &self,
        name: &str,
        token: &Secret,
        body: Vec<u8>,
        patience: Duration,
    ) -> Result<Response, reqwest::Error> {
        let request = self.http.post(format!("{}/{name}", self.base));
        let request = request.bearer_auth(token.expose()).timeout(patience);
        request
            .header("content-type", "application/json")
            .body(body)
            .send()
            .await
    }
}

/// Whether a status only says "later".
fn again(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error()
}

/// The pause Porter asks for, at most a minute; none when it asks for nothing.
fn retry_after(response: &Response) -> Duration {
    let header = response.headers().get("retry-after");
    let seconds = header.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    Duration::from_secs(seconds.unwrap_or(0).min(60))
}

async fn read_json<T: serde::de::DeserializeOwned>(response: Response) -> Result<T, String> {
    let body = response
        .bytes()
        .await
        .map_err(|error| error.without_url().to_string())?;
    serde_json::from_slice(&body).map_err(|error| error.to_string())
}
