//! GitHub's times in JSON: RFC 3339 in UTC.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::domain::time::Timestamp;

/// For `#[serde(with = "moment")]` on a field that is always there.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    Timestamp::parse(&text).ok_or_else(|| D::Error::custom("not a time like 2026-02-18T09:30:00Z"))
}

/// For a field that may be missing or null.
pub(super) fn maybe<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| Timestamp::parse(&text).ok_or_else(|| D::Error::custom("not a time like 2026-02-18T09:30:00Z")))
        .transpose()
}
