//! Write: the only way a stranger's text becomes prompt text. What a person sees on GitHub goes in; what is hidden
//! there stays out; nothing can close the block it stands in or pass for one of the prompt's own sections.

mod badges;
mod characters;
mod entities;
mod html;
mod markdown;
mod prose;

pub use characters::shows_nothing;

use crate::domain::untrusted::Untrusted;
use html::UnknownTag;

/// The headings of the prompt. A stranger's heading of the same words is marked as quoted.
pub const SECTIONS: [&str; 5] = ["Issue", "Pull Request", "Clarifications", "Repository Context", "Instructions"];

/// How the prompt's delimiters begin; taken out of every text, code included.
pub const DELIMITER: &str = "porter-text";

/// How often a text is cleaned before what keeps changing is flattened. Each pass decodes one layer of disguise.
const PASSES: usize = 6;

/// Text that has been through [`write`]; the only form in which a stranger's words reach a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clean(String);

impl Clean {
    /// The clean text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Text put together from clean pieces and words of ours only.
    #[must_use]
    pub(super) fn composed(text: String) -> Self {
        Self(text)
    }

    /// The text cut to at most `bytes`, at the end of a line, with a note of how much was cut.
    #[must_use]
    pub fn cut_to(&self, bytes: usize) -> Self {
        if self.0.len() <= bytes { self.clone() } else { Self(cut(&self.0, bytes)) }
    }
}

/// How a text was meant to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    /// Rendered Markdown.
    Markdown,
    /// One line, as titles and names are shown.
    Line,
    /// Shown as it is, as diffs and search results are.
    Code,
}

/// A stranger's text by the place it comes from; the place decides how it is read and how long it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// An issue's or pull request's title.
    Title,
    /// An issue's or pull request's body.
    Body,
    /// What the person who asked wrote behind the mention.
    Instructions,
    /// A comment, a review or an answer to the agent's question.
    Comment,
    /// A label, a login, a language, a branch.
    Name,
    /// `AGENTS.md`.
    Agents,
    /// The head of the README.
    Readme,
    /// A file's part of a diff.
    Patch,
    /// A line or two found by code search.
    Fragment,
    /// The repository's own prompt template.
    Template,
}

impl Field {
    /// Every field, for tests that try a text everywhere.
    pub const ALL: [Self; 10] = [
        Self::Title,
        Self::Body,
        Self::Instructions,
        Self::Comment,
        Self::Name,
        Self::Agents,
        Self::Readme,
        Self::Patch,
        Self::Fragment,
        Self::Template,
    ];

    /// The most bytes kept, the note about the cut included.
    #[must_use]
    pub const fn limit(self) -> usize {
        match self {
            Self::Title => 300,
            Self::Body => 32 * 1024,
            Self::Instructions | Self::Comment => 8 * 1024,
            Self::Name => 120,
            Self::Agents => 24 * 1024,
            Self::Readme => 6 * 1024,
            Self::Patch => 4 * 1024,
            Self::Fragment => 600,
            Self::Template => 16 * 1024,
        }
    }

    const fn dialect(self) -> Dialect {
        match self {
            Self::Title | Self::Name => Dialect::Line,
            Self::Body | Self::Instructions | Self::Comment | Self::Agents | Self::Readme => Dialect::Markdown,
            Self::Patch | Self::Fragment | Self::Template => Dialect::Code,
        }
    }
}

/// Cleans a stranger's text for its place in the prompt. Writing what was written changes nothing.
#[must_use]
pub fn write(field: Field, text: &Untrusted) -> Clean {
    let limit = field.limit();
    let raw = head(text.raw(), (limit * 8).max(64 * 1024));
    let mut clean = settled(field.dialect(), raw);
    // A cut can undo what cleaning did (it may end inside code), so the rest is cleaned again until it fits.
    for share in [8, 7, 6, 4] {
        if clean.len() <= limit {
            return Clean(clean);
        }
        clean = settled(field.dialect(), &cut(&clean, limit * share / 8));
    }
    Clean(flat(&cut(&clean, limit / 8)))
}

/// A path as a name of a file: none when it holds anything but what is seen, or is no plain relative path.
#[must_use]
pub fn write_path(path: &Untrusted) -> Option<Clean> {
    let path = path.raw();
    let plain = !path.is_empty()
        && path.len() <= 240
        && !path.starts_with('/')
        && path.chars().all(|c| !shows_nothing(c) && !matches!(c, '\n' | '\t' | '<' | '>' | '`' | '&' | '"' | '\\'))
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    plain.then(|| Clean(path.to_owned()))
}

/// Whether a text carries the hidden marker of Porter's own comments.
#[must_use]
pub fn carries_marker(text: &Untrusted) -> bool {
    text.raw().contains("<!-- porter:task=")
}

/// Cleans until nothing changes; a text that never settles is a disguise and loses everything markup is made of.
fn settled(dialect: Dialect, text: &str) -> String {
    let mut text = cleaned(dialect, text);
    for _ in 0..PASSES {
        let again = cleaned(dialect, &text);
        if again == text {
            return text;
        }
        text = again;
    }
    flat(&text)
}

fn cleaned(dialect: Dialect, text: &str) -> String {
    let text = without_delimiters(&characters::visible(text));
    match dialect {
        Dialect::Code => text.trim_matches('\n').to_owned(),
        Dialect::Markdown => {
            let from = text.len() - text.trim_start().len();
            let line = text.get(..from).and_then(|blank| blank.rfind('\n')).map_or(0, |at| at + 1);
            markdown::pass(text.get(line..).unwrap_or("").trim_end(), UnknownTag::Hidden).trim_end().to_owned()
        }
        Dialect::Line => {
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            markdown::pass(&line, UnknownTag::Shown).split_whitespace().collect::<Vec<_>>().join(" ")
        }
    }
}

/// Breaks whatever could be one of the prompt's delimiters.
fn without_delimiters(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, _) in lower.match_indices(DELIMITER) {
        let before = text.get(from..at).unwrap_or("");
        let opener = before.strip_suffix("</").or_else(|| before.strip_suffix('<'));
        out.push_str(opener.unwrap_or(before));
        if opener.is_some() {
            out.push('‹');
        }
        from = at;
    }
    out.push_str(text.get(from..).unwrap_or(""));
    out
}

/// Letters, digits and the punctuation of sentences: what no renderer reads as markup.
fn flat(text: &str) -> String {
    let plain: String = characters::visible(text)
        .chars()
        .map(|c| if c.is_alphanumeric() || matches!(c, ' ' | ',' | '?' | '\'' | '/') { c } else { ' ' })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first `limit` bytes, without a comment or tag that the cut would leave open.
fn head(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let head = text.get(..text.floor_char_boundary(limit)).unwrap_or("");
    let open = |opening: &str, closing: &str| match (head.rfind(opening), head.rfind(closing)) {
        (Some(opened), Some(closed)) if closed > opened => None,
        (opened, _) => opened,
    };
    let end = [open("<!--", "-->"), open("<", ">")].into_iter().flatten().min().unwrap_or(head.len());
    head.get(..end).unwrap_or("")
}

/// Cuts to `limit` bytes at the end of a line where there is one, closes an open code fence and says what was cut.
fn cut(text: &str, limit: usize) -> String {
    const NOTE_ROOM: usize = 60;
    let head = text.get(..text.floor_char_boundary(limit.saturating_sub(NOTE_ROOM))).unwrap_or("");
    let head = match head.rfind('\n') {
        Some(line_end) if line_end > head.len() / 2 => head.get(..line_end).unwrap_or(head),
        Some(_) | None => head,
    };
    let fence = open_fence(head).map_or_else(String::new, |fence| format!("\n{fence}"));
    let space = if text.contains('\n') { "\n" } else { " " };
    format!("{head}{fence}{space}(cut: {} more bytes)", text.len() - head.len())
}

/// The fence that is still open at the end of a text, as a closing line.
fn open_fence(text: &str) -> Option<String> {
    let mut open: Option<&str> = None;
    for line in text.lines() {
        let line = line.trim_start_matches([' ', '>', '\t']);
        let length = line.find(|c| c != '`').filter(|&n| n > 0).unwrap_or_else(|| {
            if line.starts_with('`') { line.len() } else { line.find(|c| c != '~').unwrap_or(line.len()) }
        });
        let (fence, info) = line.split_at(length);
        match open {
            Some(opened)
                if fence.len() >= opened.len() && fence.get(..1) == opened.get(..1) && info.trim().is_empty() =>
            {
                open = None;
            }
            None if fence.len() >= 3 && !(fence.starts_with('`') && info.contains('`')) => open = Some(fence),
            Some(_) | None => {}
        }
    }
    open.map(str::to_owned)
}
