//! The first word after the mention: an agent, a control word, a slip of the keyboard, or the beginning of the instructions.

use super::ordinary_words::ORDINARY_WORDS;
use super::{Command, Problem};
use crate::domain::agent::Agent;
use crate::domain::untrusted::Untrusted;

/// What the first word is.
pub(super) enum FirstWord {
    /// Who is to work.
    Agent(Agent),
    /// One of our own words.
    Control(Command),
    /// A person's own words begin.
    Instructions,
}

const CONTROL: [(&str, Command); 5] = [
    ("stop", Command::Stop),
    ("retry", Command::Retry),
    ("status", Command::Status),
    ("doctor", Command::Doctor),
    ("help", Command::Help),
];

/// How many letters may be wrong in a word that we still recognise.
const SLIPS: usize = 2;

/// Reads the first word; a likely slip is a problem, never a guess.
pub(super) fn read(word: &str) -> Result<FirstWord, Problem> {
    if let Some(agent) = agent(word) {
        return Ok(FirstWord::Agent(agent));
    }
    let plain = plain(word);
    if let Some((_, control)) = CONTROL.into_iter().find(|(name, _)| *name == plain) {
        return Ok(FirstWord::Control(control));
    }
    match meant(&plain) {
        Some(meant) => Err(Problem::Typo { word: Untrusted::new(word), meant }),
        None => Ok(FirstWord::Instructions),
    }
}

/// The agent a word names, in any case, with or without a mark after it.
pub(super) fn agent(word: &str) -> Option<Agent> {
    Agent::parse(&plain(word))
}

/// The control word that a whole text is.
pub(super) fn control_word(text: &str) -> Option<&'static str> {
    let plain = plain(text);
    CONTROL.into_iter().map(|(name, _)| name).find(|name| *name == plain)
}

/// What a word that is none of ours was meant to be, if it is near one and not an ordinary English word.
fn meant(plain: &str) -> Option<&'static str> {
    let letters = !plain.is_empty() && plain.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if !letters || ORDINARY_WORDS.binary_search(&plain).is_ok() {
        return None;
    }
    let ours = Agent::ALL.into_iter().map(|agent| (agent.word(), agent.word()));
    let ours = ours.chain([("claude-code", "claude")]).chain(CONTROL.into_iter().map(|(name, _)| (name, name)));
    let near = ours.map(|(name, meant)| (distance(plain, name), meant)).filter(|&(steps, _)| steps <= SLIPS);
    near.min_by_key(|&(steps, _)| steps).map(|(_, meant)| meant)
}

/// A word in lower-case ASCII as far as it has one: full-width letters narrowed, marks at its end dropped.
pub(super) fn plain(word: &str) -> String {
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '‐' | '‑' | '−' => '-',
        other => other,
    };
    let narrowed: String = word.chars().take(64).map(narrow).map(|c| c.to_ascii_lowercase()).collect();
    narrowed.trim_end_matches(['.', ',', ':', ';', '!', '?', '…', '。', '、']).to_owned()
}

/// How many letters must be added, dropped or changed to make one word the other (Levenshtein), for short words.
pub(super) fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > SLIPS {
        return SLIPS + 1;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (y, cell) in b.bytes().zip(row.iter_mut().skip(1)) {
            let changed = diagonal + usize::from(x != y);
            diagonal = *cell;
            left = changed.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
    }
    row.last().copied().filter(|_| !b.is_empty()).unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (a, b, steps) in [
            ("stop", "stop", 0),
            ("stpo", "stop", 2),
            ("amp", "ampp", 1),
            ("claud", "claude", 1),
            ("", "ab", 2),
            ("ab", "", 2),
            ("abcd", "wxyz", 4),
        ] {
            assert_eq!(distance(a, b), steps, "{a} {b}");
        }
    }

    #[test]
    fn the_words_are_sorted_near_ours_and_none_of_ours() {
        assert!(ORDINARY_WORDS.is_sorted());
        let ours: Vec<_> = Agent::ALL.map(Agent::word).into_iter().chain(CONTROL.map(|(name, _)| name)).collect();
        for word in ORDINARY_WORDS {
            let near = ours.iter().map(|name| distance(word, name)).min();
            assert!(near.is_some_and(|steps| (1..=SLIPS).contains(&steps)), "{word} is never asked for");
        }
    }
}
