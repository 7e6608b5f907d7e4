//! Replies and the headers every one of them carries.

use serde::Serialize;

use super::Reply;

/// What goes back.
pub struct Answer {
    /// The answer itself.
    pub reply: Reply,
    /// Whether committed effects wait, so that the platform should drain the outbox after answering.
    pub drain: bool,
}

/// On every answer of the Worker; the assets get theirs from `assets/_headers`.
pub const SAFE_HEADERS: [(&str, &str); 5] = [
    ("cache-control", "no-store"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-resource-policy", "same-origin"),
];

impl Answer {
    /// A body of this type under the headers every answer carries.
    #[must_use]
    pub(super) fn typed(status: u16, content_type: &str, body: Vec<u8>) -> Self {
        let mut headers: Vec<(&'static str, String)> = vec![("content-type", content_type.to_owned())];
        headers.extend(SAFE_HEADERS.map(|(name, value)| (name, value.to_owned())));
        Self { reply: Reply::Full { status, headers, body }, drain: false }
    }

    /// A JSON body.
    #[must_use]
    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        Self::typed(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
    }

    /// No body.
    #[must_use]
    pub(super) fn empty(status: u16) -> Self {
        Self::typed(status, "text/plain; charset=utf-8", Vec::new())
    }

    /// The same, and the outbox is drained afterwards.
    #[must_use]
    pub(super) fn and_drain(mut self) -> Self {
        self.drain = true;
        self
    }

    /// The same with one more header.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Reply::Full { headers, .. } = &mut self.reply {
            headers.push((name, value.into()));
        }
        self
    }
}
