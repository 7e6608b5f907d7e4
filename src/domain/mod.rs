//! What Porter means: words, rules and decisions. No async, no I/O, no SQL, no one else's JSON.

pub mod agent;
pub mod cause;
pub mod command;
pub mod credential;
pub mod effect;
pub mod event;
pub mod ids;
pub mod job;
pub mod markdown;
pub mod outgoing;
pub mod question;
pub mod redact;
pub mod repository_config;
pub mod secret;
pub mod task;
pub mod time;
pub mod untrusted;
