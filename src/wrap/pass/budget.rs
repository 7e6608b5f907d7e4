//! The prompt's size: an estimate of tokens, and what is left out first when there are too many.

use super::blocks::{Block, Delimiter};

/// Tokens kept free for the notice about what was left out.
const NOTICE_ROOM: u64 = 160;
/// A block shorter than this after cutting says too little to stay.
const SHORTEST: u64 = 40;

/// The parts of a prompt that can be cut, in the order in which they are: what is cheapest for the agent to find out
/// by itself goes first, what only the prompt can say goes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The file tree.
    Tree,
    /// Lines found by code search.
    Hits,
    /// Files whose names fit the words.
    Related,
    /// The README's head.
    Readme,
    /// Diffs of a pull request's files, last file first.
    Patches,
    /// The list of a pull request's files.
    Changes,
    /// Comments, oldest first.
    Comments,
    /// `AGENTS.md`.
    Agents,
    /// Review conversations, oldest first.
    Threads,
    /// Questions and answers, oldest first.
    Clarifications,
    /// The repository's settings.
    Settings,
    /// Files that the texts name.
    Named,
    /// The body.
    Body,
    /// The words of who asked.
    Instructions,
    /// The title; short, and never cut.
    Title,
}

impl Part {
    const ORDER: [Self; 14] = [
        Self::Tree,
        Self::Hits,
        Self::Related,
        Self::Readme,
        Self::Patches,
        Self::Changes,
        Self::Comments,
        Self::Agents,
        Self::Threads,
        Self::Clarifications,
        Self::Settings,
        Self::Named,
        Self::Body,
        Self::Instructions,
    ];

    /// The part's name in the notice.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Tree => "file tree",
            Self::Hits => "code search results",
            Self::Related => "files that may matter",
            Self::Readme => "README",
            Self::Patches => "diff",
            Self::Changes => "list of changed files",
            Self::Comments => "comments",
            Self::Agents => "AGENTS.md",
            Self::Threads => "review conversations",
            Self::Clarifications => "earlier questions and answers",
            Self::Settings => "repository settings",
            Self::Named => "files named in the issue",
            Self::Body => "description",
            Self::Instructions => "instructions of the person who asked",
            Self::Title => "title",
        }
    }
}

/// What was left out of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// The part.
    pub part: Part,
    /// About how many tokens of it are missing.
    pub tokens: u64,
}

/// An estimate of a text's tokens that errs on the high side for prose: four letters, digits or spaces a token, two
/// marks or line ends a token, one token for any other character. Within a fifth of the models' own counts on English
/// and code, and far above none; a prompt that fits by it fits.
#[must_use]
pub fn tokens(text: &str) -> u64 {
    let quarters: u64 = text
        .chars()
        .map(|c| match c {
            ' ' => 1,
            _ if c.is_ascii_alphanumeric() => 1,
            _ if c.is_ascii() => 2,
            _ => 4,
        })
        .sum();
    quarters.div_ceil(4)
}

/// Cuts blocks until they and what stands around them fit; says what was cut, in the order of cutting.
pub(super) fn fit(blocks: &mut Vec<Block>, delimiter: &Delimiter, around: u64, max_tokens: u32) -> Vec<Cut> {
    let size = |block: &Block| tokens(&block.render(delimiter));
    let all: u64 = around + blocks.iter().map(size).sum::<u64>();
    let mut over = all.saturating_sub(u64::from(max_tokens));
    if over > 0 {
        over += NOTICE_ROOM;
    }
    let mut cuts = Vec::new();
    for part in Part::ORDER {
        let mut missing = 0;
        let from_the_end = part == Part::Patches;
        while over > 0 {
            let place = |block: &Block| block.part == part;
            let found = if from_the_end { blocks.iter().rposition(place) } else { blocks.iter().position(place) };
            let Some(at) = found else { break };
            let Some(block) = blocks.get_mut(at) else { break };
            let before = size(block);
            let shorter = shortened(block, before, before.saturating_sub(over), delimiter);
            let after = shorter.as_ref().map_or(0, size);
            match shorter {
                Some(shorter) => *block = shorter,
                None => drop(blocks.remove(at)),
            }
            missing += before - after;
            over = over.saturating_sub(before - after);
        }
        if missing > 0 {
            cuts.push(Cut { part, tokens: missing });
        }
    }
    cuts
}

/// The block cut to at most `target` tokens; none when too little would be left.
fn shortened(block: &Block, size: u64, target: u64, delimiter: &Delimiter) -> Option<Block> {
    let length = u64::try_from(block.text.as_str().len()).unwrap_or(u64::MAX);
    let mut bytes = length.saturating_mul(target) / size.max(1);
    while target >= SHORTEST && bytes >= SHORTEST * 4 {
        let text = block.text.cut_to(usize::try_from(bytes).unwrap_or(usize::MAX));
        let shorter = Block { text, ..block.clone() };
        if tokens(&shorter.render(delimiter)) <= target {
            return Some(shorter);
        }
        bytes = bytes * 9 / 10;
    }
    None
}

/// The sentence that tells the agent what it does not see.
pub(super) fn notice(cuts: &[Cut]) -> String {
    let parts: Vec<String> =
        cuts.iter().map(|cut| format!("{} (about {} tokens)", cut.part.words(), cut.tokens)).collect();
    format!(
        "To keep this prompt short, parts were left out: {}. Look them up yourself if you need them.",
        parts.join(", ")
    )
}
