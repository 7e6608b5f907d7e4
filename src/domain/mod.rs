//! What Porter means: words, rules and decisions. No async, no I/O, no SQL, no one else's JSON.

pub mod agent;
pub mod command;
pub mod ids;
pub mod markdown;
pub mod outgoing;
pub mod redact;
pub mod secret;
pub mod time;
pub mod untrusted;
