//! WRAP: Write, Refine, Assess, Pass. Pure functions over fetched material, one file a stage (seed 002).

pub mod assess;
pub mod material;
pub mod pass;
pub mod refine;
pub mod write;

use assess::Assessment;
use material::Material;
use pass::{Cut, Warning};

/// The prompt's budget where neither the instance nor the repository says another, in tokens.
pub const DEFAULT_MAX_TOKENS: u32 = 24_000;
/// The least budget: below it there is no room for the rules.
pub const LEAST_MAX_TOKENS: u32 = 2_000;

/// What the instance decides about prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The budget in tokens; the repository's own may be smaller or larger and wins. At least [`LEAST_MAX_TOKENS`].
    pub max_tokens: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self { max_tokens: DEFAULT_MAX_TOKENS }
    }
}

/// A prompt, ready for an agent, with what is stored about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The prompt.
    pub prompt: String,
    /// The prompt's SHA-256 in hexadecimal.
    pub sha256: String,
    /// The prompt's size in tokens, as [`pass::tokens`] estimates it.
    pub tokens: u64,
    /// What was left out to fit the budget.
    pub cuts: Vec<Cut>,
    /// How ready the issue looks; never a reason not to run.
    pub assessment: Assessment,
    /// What was odd, as a template that cannot be used.
    pub warnings: Vec<Warning>,
}

/// Turns material into a prompt. The same material and settings give the same bytes.
#[must_use]
pub fn wrap(material: &Material, settings: &Settings) -> Wrapped {
    let max_tokens = material.repository.config.max_prompt_tokens.unwrap_or(settings.max_tokens).max(LEAST_MAX_TOKENS);
    let bundle = refine::refine(material);
    let assessment = assess::assess(&bundle);
    let passed = pass::pass(material, &bundle, max_tokens);
    Wrapped {
        sha256: pass::sha256(&passed.prompt),
        tokens: pass::tokens(&passed.prompt),
        prompt: passed.prompt,
        cuts: passed.cuts,
        assessment,
        warnings: passed.warnings,
    }
}
