//! The clock, the random bytes and the log of the isolate.

use crate::domain::time::Timestamp;
use crate::ports::{Clock, Entropy, Level, Log};

use super::global;

/// The isolate's own clock, entropy and console.
pub(super) struct Isolate;

impl Clock for Isolate {
    fn now(&self) -> Timestamp {
        #[expect(clippy::cast_possible_truncation, reason = "milliseconds since 1970 are whole and far below 2^53")]
        Timestamp::from_millis(js_sys::Date::now() as i64)
    }
}

/// The most that one call of `getRandomValues` gives.
const MOST_RANDOM_BYTES: usize = 65_536;

impl Entropy for Isolate {
    fn fill(&self, buffer: &mut [u8]) {
        for part in buffer.chunks_mut(MOST_RANDOM_BYTES) {
            let filled = global().crypto().and_then(|crypto| crypto.get_random_values_with_u8_array(part).map(drop));
            // Going on with guessable tokens would be worse than ending this request: the entry answers 500.
            assert!(filled.is_ok(), "the platform gave no random bytes");
        }
    }
}

impl Log for Isolate {
    fn line(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let mut line = serde_json::Map::new();
        let level = match level {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        };
        line.insert("level".to_owned(), level.into());
        line.insert("message".to_owned(), message.into());
        for (name, value) in fields {
            line.insert((*name).to_owned(), (*value).into());
        }
        // All levels by the same call: locally the others are decorated with colours and blank lines.
        worker::console_log!("{}", serde_json::Value::Object(line));
    }
}
