//! What Porter means: words, rules and decisions. No async, no I/O, no SQL, no one else's JSON.

pub mod agent;
pub mod ids;
pub mod repository_config;
pub mod secret;
pub mod time;
pub mod untrusted;
