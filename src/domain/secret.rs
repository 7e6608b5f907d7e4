//! Values that must never be seen: keys, tokens, signing secrets.

/// A secret text. It has no `Debug`, `Display`, `Serialize` or `PartialEq`, so it cannot be printed or compared by accident.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret in.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The value, for the one place that sends or checks it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}
