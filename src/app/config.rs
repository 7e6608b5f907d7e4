//! What the instance is set to: every variable, its default and its unit, read in this one place.

/// The instance's settings.
pub struct Config {}

impl Config {
    /// Reads the settings by name through `lookup` (environment variables and secrets alike). Never fails: what is missing
    /// or a placeholder is named by the start-up check, and whatever needs it is refused with its name.
    #[must_use]
    pub fn read(_lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        Self {}
    }
}
