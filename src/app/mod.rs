//! Use cases, one verb a file; the only place that combines the domain, the store and the clients.

pub mod config;

use std::cell::RefCell;

use crate::ports::{Clock, Crypto, Entropy, Http, Log, Sql};
use config::Config;

/// Everything a use case works with. Made once an invocation by the composition root.
pub struct App<'a> {
    /// What the instance is set to.
    pub config: &'a Config,
    /// The database.
    pub sql: &'a dyn Sql,
    /// Calls to other people's servers.
    pub http: &'a dyn Http,
    /// The time.
    pub clock: &'a dyn Clock,
    /// Random bytes.
    pub entropy: &'a dyn Entropy,
    /// Platform cryptography.
    pub crypto: &'a dyn Crypto,
    /// The log.
    pub log: &'a dyn Log,
    /// What this isolate remembers between invocations; losing it costs a call, never a fact.
    pub memory: &'a Memory,
}

/// What an isolate may remember: tokens not yet expired. Never the truth about anything.
#[derive(Default)]
pub struct Memory {
    _tokens: RefCell<Vec<()>>,
}

impl App<'_> {
    /// Carries out the effects that are due, within a bound of count and time. Safe to run twice at once.
    pub async fn drain(&self) {}

    /// The cron trigger's work: drain, deadlines, orphans, polls, expiry. Bounded, level-triggered, safe to run twice at once.
    pub async fn tick(&self) {}
}
