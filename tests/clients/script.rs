//! A way out that plays a script: it asserts every request to the byte and fails when a step is left over.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use porter::clients::fly::machines::Fly;
use porter::clients::github::{AppKey, Github, GithubSettings, TokenCache};
use porter::clients::quota::{Gate, Heard, Quota};
use porter::domain::secret::Secret;
use porter::domain::time::Timestamp;
use porter::ports::{Clock, Crypto, Fault, Http, HttpRequest, HttpResponse, Method};
use serde_json::Value;

pub(crate) const ROOT: &str = "https://api.test";
pub(crate) const START: i64 = 1_771_407_000_000;

/// One request that must come next, and its answer.
pub(crate) struct Step {
    method: Method,
    url: String,
    bearer: Option<String>,
    headers: Vec<(&'static str, String)>,
    body: Option<Value>,
    answer: Result<HttpResponse, Fault>,
}

pub(crate) fn on(method: Method, path: &str) -> Step {
    let url = if path.starts_with('/') { format!("{ROOT}{path}") } else { path.to_owned() };
    let answer = Ok(HttpResponse { status: 200, headers: Vec::new(), body: b"{}".to_vec() });
    Step { method, url, bearer: Some("own-token".to_owned()), headers: Vec::new(), body: None, answer }
}

impl Step {
    /// The credential it must come with; `None` for "not looked at".
    pub(crate) fn bearer(mut self, token: Option<&str>) -> Self {
        self.bearer = token.map(str::to_owned);
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// The JSON it must come with; without this call it must come without a body.
    pub(crate) fn sends(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    pub(crate) fn answers(self, status: u16, body: Value) -> Self {
        self.answers_bytes(status, &[], body.to_string().as_bytes())
    }

    pub(crate) fn answers_bytes(mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.answer = Ok(HttpResponse { status, headers, body: body.to_vec() });
        self
    }

    pub(crate) fn answers_with(self, status: u16, headers: &[(&str, &str)], body: Value) -> Self {
        self.answers_bytes(status, headers, body.to_string().as_bytes())
    }

    pub(crate) fn breaks(mut self) -> Self {
        self.answer = Err(Fault::transient("sending", "connection lost"));
        self
    }

    fn check(&self, request: &HttpRequest) {
        assert_eq!((request.method, request.url.as_str()), (self.method, self.url.as_str()));
        let header = |name: &str| {
            let mut all = request.headers.iter().filter(|(key, _)| *key == name);
            let first = all.next().map(|(_, value)| value.as_str());
            assert!(all.next().is_none(), "{name} twice");
            first
        };
        assert_eq!(header("user-agent"), Some("porter"));
        assert!(request.timeout_ms > 0 && request.timeout_ms <= 30_000);
        for (name, value) in &self.headers {
            assert_eq!(header(name), Some(value.as_str()), "{name}");
        }
        if let Some(token) = &self.bearer {
            assert_eq!(header("authorization"), Some(format!("Bearer {token}").as_str()));
        }
        let body = (!request.body.is_empty()).then(|| serde_json::from_slice::<Value>(&request.body).unwrap());
        assert_eq!(body, self.body, "body of {}", self.url);
        assert_eq!(header("content-type"), body.map(|_| "application/json"));
    }
}

/// Everything a client needs, scripted.
pub(crate) struct World {
    steps: RefCell<VecDeque<Step>>,
    pub(crate) sent: RefCell<Vec<HttpRequest>>,
    now: Cell<i64>,
    tokens: TokenCache,
    settings: GithubSettings,
    token: Secret,
    /// What the gate was told, and what it has shut.
    pub(crate) heard: RefCell<Vec<(Quota, Heard)>>,
    pub(crate) shut: Cell<Option<Quota>>,
}

impl World {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let app = AppKey { id: "4711".to_owned(), key: Secret::new("fake-pem") };
        let token = Some(Secret::new("own-token"));
        Self {
            steps: RefCell::new(steps.into_iter().collect()),
            sent: RefCell::default(),
            now: Cell::new(START),
            tokens: TokenCache::default(),
            settings: GithubSettings { api_root: ROOT.to_owned(), app: Some(app), token },
            token: Secret::new("fly-token"),
            heard: RefCell::default(),
            shut: Cell::new(None),
        }
    }

    pub(crate) fn then(&self, steps: impl IntoIterator<Item = Step>) {
        self.steps.borrow_mut().extend(steps);
    }

    pub(crate) fn wait_seconds(&self, seconds: i64) {
        self.now.set(self.now.get() + seconds * 1000);
    }

    pub(crate) fn github(&self) -> Github<'_> {
        Github { http: self, clock: self, crypto: self, tokens: &self.tokens, settings: &self.settings, gate: self }
    }

    pub(crate) fn fly(&self) -> Fly<'_> {
        Fly { http: self, gate: self, base_url: ROOT, app: "porter-app", token: &self.token }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let left: Vec<_> = self.steps.borrow().iter().map(|step| step.url.clone()).collect();
            assert!(left.is_empty(), "never asked: {left:?}");
        }
    }
}

#[async_trait(?Send)]
impl Http for World {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let step = self.steps.borrow_mut().pop_front();
        let step = step.unwrap_or_else(|| panic!("unexpected {} {}", request.method.word(), request.url));
        step.check(&request);
        self.sent.borrow_mut().push(request);
        step.answer
    }
}

#[async_trait(?Send)]
impl Gate for World {
    async fn closed_until(&self, quota: Quota) -> Result<Option<Timestamp>, Fault> {
        Ok(self.shut.get().filter(|shut| *shut == quota).map(|_| Gate::now(self).plus_seconds(60)))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.get())
    }

    async fn heard(&self, quota: Quota, heard: Heard) {
        self.heard.borrow_mut().push((quota, heard));
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now.get())
    }
}

#[async_trait(?Send)]
impl Crypto for World {
    async fn hmac_sha256_matches(&self, _: &Secret, _: &[u8], _: &[u8]) -> Result<bool, Fault> {
        panic!("no client checks signatures")
    }

    async fn sign_rs256(&self, pem: &Secret, message: &[u8]) -> Result<Vec<u8>, Fault> {
        assert_eq!(pem.expose(), "fake-pem");
        Ok([b"signed:", message].concat())
    }
}

/// Runs a future that never waits for anything but the script.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the script never waits"),
    }
}
