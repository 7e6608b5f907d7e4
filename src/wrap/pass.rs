//! Pass: the prompt. The seed's three sections around blocks of strangers' text that cannot be closed from inside.
//!
//! Unlike the seed's, the agent neither pushes nor opens a pull request: Porter does, from what it finds changed.

mod blocks;
mod budget;
mod sections;
mod template;

pub use budget::{Cut, Part, tokens};
pub use template::BadTemplate;

use sha2::{Digest, Sha256};

use super::material::Material;
use super::refine::Bundle;
use super::write::{Field, write};
use blocks::Delimiter;
use template::Filling;

/// Something odd that did not keep the prompt from being made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// The repository's template cannot be used; the next one was.
    #[error("{file} was not used: {why}")]
    Template {
        /// Which template, in words.
        file: &'static str,
        /// What is wrong with it.
        why: BadTemplate,
    },
}

/// A prompt with what was done to make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The prompt's text.
    pub prompt: String,
    /// What was left out to fit.
    pub cuts: Vec<Cut>,
    /// What was odd.
    pub warnings: Vec<Warning>,
}

/// Builds the prompt within `max_tokens`, as [`tokens`] counts them.
#[must_use]
pub fn pass(material: &Material, bundle: &Bundle, max_tokens: u32) -> Passed {
    let mut warnings = Vec::new();
    let template = choose_template(material, max_tokens, &mut warnings);
    let delimiter = Delimiter::of(&material.task.id);
    let mut blocks = sections::blocks(bundle);
    let around = compose(material, bundle, &delimiter, &[], &[], &template);
    let cuts = budget::fit(&mut blocks, &delimiter, tokens(&around), max_tokens);
    let prompt = compose(material, bundle, &delimiter, &blocks, &cuts, &template);
    Passed { prompt, cuts, warnings }
}

/// The repository's template for the agent, else its general one, else Porter's. One that is wrong is skipped.
fn choose_template(material: &Material, max_tokens: u32, warnings: &mut Vec<Warning>) -> String {
    let repository = &material.repository;
    let own = [
        ("the agent's template (.porter/prompt.<agent>.md)", &repository.agent_template),
        ("the repository's template (.porter/prompt.md)", &repository.template),
    ];
    for (file, text) in own.into_iter().filter_map(|(file, text)| text.as_ref().map(|text| (file, text))) {
        let text = write(Field::Template, text).as_str().to_owned();
        match template::check(&text, max_tokens) {
            Ok(()) => return text,
            Err(why) => warnings.push(Warning::Template { file, why }),
        }
    }
    template::DEFAULT.to_owned()
}

fn compose(
    material: &Material,
    bundle: &Bundle,
    delimiter: &Delimiter,
    blocks: &[blocks::Block],
    cuts: &[Cut],
    template: &str,
) -> String {
    let filling = Filling {
        issue: sections::issue(material, bundle, delimiter, blocks),
        context: sections::context(bundle, delimiter, blocks),
        instructions: sections::instructions(material, bundle, delimiter, blocks),
        task: &material.task,
    };
    let mut prompt = sections::preamble(delimiter);
    prompt.push_str("\n\n");
    if !cuts.is_empty() {
        prompt.push_str(&budget::notice(cuts));
        prompt.push_str("\n\n");
    }
    prompt.push_str(template::fill(template, &filling).trim());
    prompt.push('\n');
    prompt
}

/// The SHA-256 of a prompt in hexadecimal.
#[must_use]
pub fn sha256(prompt: &str) -> String {
    hex::encode(Sha256::digest(prompt.as_bytes()))
}
