//! Porter's ports for scenarios and the simulation: routed HTTP, a clock that is set, seeded randomness, real cryptography.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use async_trait::async_trait;
use porter::domain::secret::Secret;
use porter::domain::time::Timestamp;
use porter::ports::{Clock, Crypto, Entropy, Fault, Http, HttpRequest, HttpResponse, Level, Log};
use ring::hmac;

use crate::github::Github;
use crate::github::wire::{Request, Response};
use crate::keys;

/// A root and who answers below it.
type Host = (String, Rc<dyn Http>);

/// Routes requests by address: GitHub's API and web host to the stand-in, other roots to whoever is plugged in.
#[derive(Clone)]
pub struct InProcess {
    github: Rc<RefCell<Github>>,
    clock: Rc<ManualClock>,
    hosts: Rc<RefCell<Vec<Host>>>,
}

impl InProcess {
    /// A network with GitHub in it.
    #[must_use]
    pub fn new(github: Rc<RefCell<Github>>, clock: Rc<ManualClock>) -> Self {
        Self { github, clock, hosts: Rc::default() }
    }

    /// Sends every address below a root (`https://api.machines.dev`) to this server. The latest wins.
    pub fn plug(&self, root: &str, server: Rc<dyn Http>) {
        self.hosts.borrow_mut().insert(0, (root.to_owned(), server));
    }
}

/// The part of an address below a root: `/path?query`.
fn below<'a>(url: &'a str, root: &str) -> Option<&'a str> {
    url.strip_prefix(root).filter(|rest| rest.is_empty() || rest.starts_with(['/', '?']))
}

#[async_trait(?Send)]
impl Http for InProcess {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let plugged = self
            .hosts
            .borrow()
            .iter()
            .find(|(root, _)| below(&request.url, root).is_some())
            .map(|(_, host)| Rc::clone(host));
        if let Some(host) = plugged {
            return host.send(request).await;
        }
        let mut github = self.github.borrow_mut();
        let roots = github.roots.clone();
        let now = self.clock.now();
        let convert = |address: &str| {
            let (path, query) = address.split_once('?').unwrap_or((address, ""));
            let headers = request.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            Request {
                method: request.method.word().into(),
                path: path.into(),
                query: query.into(),
                headers,
                body: request.body.clone(),
            }
        };
        let response = match (below(&request.url, &roots.api), below(&request.url, &roots.web)) {
            (Some(address), _) => github.handle(&convert(address), now),
            (None, Some(address)) => github.handle_web(&convert(address), now),
            (None, None) => {
                return Err(Fault::transient("reaching a host", format!("nothing at {}", request.url)));
            }
        };
        if response.header(crate::github::LOST).is_some() {
            return Err(Fault::transient("waiting for an answer", "the connection broke"));
        }
        let Response { status, headers, body } = response;
        Ok(HttpResponse { status, headers, body })
    }
}

/// A clock that stands until it is moved.
pub struct ManualClock(Cell<Timestamp>);

impl ManualClock {
    /// A clock at this moment.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Cell::new(now))
    }

    /// Moves the clock on.
    pub fn advance_ms(&self, millis: i64) {
        self.0.set(self.0.get().plus_millis(millis));
    }

    /// Sets the clock.
    pub fn set(&self, now: Timestamp) {
        self.0.set(now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.0.get()
    }
}

/// Bytes that follow from a seed (SplitMix64, Steele et al. 2014): the same seed, the same bytes.
pub struct SeededEntropy(Cell<u64>);

impl SeededEntropy {
    /// A source with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Cell::new(seed))
    }

    /// The next number.
    pub fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            for (to, from) in chunk.iter_mut().zip(self.next().to_le_bytes()) {
                *to = from;
            }
        }
    }
}

/// Real cryptography, by ring.
pub struct RingCrypto;

#[async_trait(?Send)]
impl Crypto for RingCrypto {
    async fn hmac_sha256_matches(&self, key: &Secret, message: &[u8], mac: &[u8]) -> Result<bool, Fault> {
        Ok(hmac_matches(key, message, mac))
    }

    async fn sign_rs256(&self, pem: &Secret, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let fault = |error: String| Fault::permanent("signing with the App's key", error);
        let pair = keys::read_private(pem.expose()).map_err(|error| fault(error.to_string()))?;
        let mut signature = vec![0; pair.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        pair.sign(&ring::signature::RSA_PKCS1_SHA256, &random, message, &mut signature)
            .map_err(|error| fault(error.to_string()))?;
        Ok(signature)
    }
}

/// Real HMAC, and HMAC in RSA's place: a thousand times quicker, for simulations with [`crate::github::AppKey::Quick`].
pub struct QuickCrypto;

#[async_trait(?Send)]
impl Crypto for QuickCrypto {
    async fn hmac_sha256_matches(&self, key: &Secret, message: &[u8], mac: &[u8]) -> Result<bool, Fault> {
        Ok(hmac_matches(key, message, mac))
    }

    async fn sign_rs256(&self, pem: &Secret, message: &[u8]) -> Result<Vec<u8>, Fault> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, pem.expose().as_bytes());
        Ok(hmac::sign(&key, message).as_ref().to_vec())
    }
}

fn hmac_matches(key: &Secret, message: &[u8], mac: &[u8]) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes());
    hmac::verify(&key, message, mac).is_ok()
}

/// A log line as it was written: level, sentence, fields.
pub type Line = (Level, String, Vec<(String, String)>);

/// A log that keeps every line.
#[derive(Default)]
pub struct CollectedLog(RefCell<Vec<Line>>);

impl CollectedLog {
    /// Every line so far.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.0.borrow().clone()
    }

    /// Whether these bytes stand anywhere in the log.
    #[must_use]
    pub fn contains(&self, needle: &str) -> bool {
        let lines = self.0.borrow();
        lines.iter().any(|(_, message, fields)| {
            message.contains(needle) || fields.iter().any(|(_, value)| value.contains(needle))
        })
    }
}

impl Log for CollectedLog {
    fn line(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.0.borrow_mut().push((level, message.to_owned(), fields));
    }
}
