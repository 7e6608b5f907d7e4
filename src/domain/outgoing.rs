//! The one way a stranger's or an agent's text goes into a comment, a pull request, a title or a commit message.
//!
//! Nobody is notified, nothing is closed or referred to, nothing is loaded from elsewhere and nothing is hidden by such a text.
//! `@` and `#1` get a zero-width space behind them, as dependency bots do; only code is exempt, where GitHub reads neither.

mod blocks;
mod inline;
mod invisible;

use super::untrusted::Untrusted;

pub use invisible::visible;

/// The most characters of a title.
const LONGEST_TITLE: usize = 120;

/// A commit message without its trailers; the caller appends `Porter-Task:` and `Co-authored-by:` after a blank line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitMessage {
    /// The first line, at most 120 characters; empty when the text has none.
    pub title: String,
    /// What follows, without blank lines around it; often empty.
    pub body: String,
}

/// Markdown for a comment or a pull request's body, of at most `limit` characters; a cut is noted at the end.
///
/// The markdown stays, code as it is. HTML is shown instead of used, images become links, hidden comments and invisible
/// characters go, and open code is closed, so that whatever is appended is read as what it is.
#[must_use]
pub fn comment_text(text: &Untrusted, limit: usize) -> String {
    let clean = visible(text.raw());
    let whole = blocks::neutral(&clean);
    if whole.chars().count() <= limit {
        return whole;
    }
    // The source is cut, not the result: a cut can open what was closed. Each round comes nearer to the limit.
    let note = "\n\n… (cut, the text was longer)";
    let room = limit.saturating_sub(note.chars().count());
    let mut keep = room;
    while keep > 0 {
        let shorter = blocks::neutral(&first_characters(&clean, keep));
        let length = shorter.chars().count();
        if length <= room {
            return format!("{shorter}{note}");
        }
        keep = (keep * room / length).min(keep - 1);
    }
    first_characters(note.trim_start(), limit)
}

/// One line for a title: the first that says something, at most 120 characters; empty when there is none.
#[must_use]
pub fn title(text: &Untrusted) -> String {
    commit_message(text).title
}

/// An agent's commit message: its own trailers removed, mentions, references and CI switches made harmless.
#[must_use]
pub fn commit_message(text: &Untrusted) -> CommitMessage {
    let clean = visible(text.raw());
    let mut lines = without_trailers(&clean).into_iter().skip_while(|line| bare(line).is_empty());
    let title = bare(lines.next().unwrap_or_default()).split_whitespace().collect::<Vec<_>>().join(" ");
    let mut title = inline::plain(&title);
    if title.chars().count() > LONGEST_TITLE {
        title = first_characters(&title, LONGEST_TITLE - 1).trim_end().to_owned() + "…";
    }
    let body = lines.map(str::trim_end).collect::<Vec<_>>().join("\n");
    CommitMessage { title, body: inline::plain(body.trim_matches('\n')) }
}

/// A quotation of at most `limit` characters, each line behind `>`.
#[must_use]
pub fn quote(text: &Untrusted, limit: usize) -> String {
    let mut inner = limit;
    loop {
        let quoted = blocks::quoted(&comment_text(text, inner));
        let length = quoted.chars().count();
        if length <= limit || inner == 0 {
            return quoted;
        }
        inner = inner.saturating_sub(length - limit);
    }
}

/// Fenced code; the fence is longer than any inside. `language` is ours, as `text`.
#[must_use]
pub fn code_block(text: &Untrusted, language: &'static str) -> String {
    blocks::fenced(&visible(text.raw()), language)
}

/// A word or line as inline code of at most `limit` characters of content.
#[must_use]
pub fn code_span(text: &Untrusted, limit: usize) -> String {
    let line = visible(text.raw()).split_whitespace().collect::<Vec<_>>().join(" ");
    let cut = line.chars().count() > limit;
    let mut shown = inline::code(&first_characters(&line, limit));
    if cut {
        shown.push('…');
    }
    let fence = "`".repeat(inline::longest_run(&shown, '`') + 1);
    let pad = if shown.starts_with('`') || shown.ends_with('`') || shown.is_empty() { " " } else { "" };
    format!("{fence}{pad}{shown}{pad}{fence}")
}

fn first_characters(text: &str, count: usize) -> String {
    text.chars().take(count).collect()
}

/// A line without heading marks and blanks around it.
fn bare(line: &str) -> &str {
    line.trim().trim_start_matches('#').trim()
}

/// The lines of a message that are no trailers; a trailer's folded lines go with it.
fn without_trailers(text: &str) -> Vec<&str> {
    let mut in_trailer = false;
    let keep = |line: &&str| {
        let folded = in_trailer && line.starts_with([' ', '\t']) && !line.trim().is_empty();
        in_trailer = folded || is_trailer(line);
        !in_trailer
    };
    text.split('\n').filter(keep).collect()
}

/// Whether a line is a trailer that git, GitHub or Porter gives a meaning to.
fn is_trailer(line: &str) -> bool {
    let Some((key, _)) = line.trim_start().split_once([':', '=']) else {
        return false;
    };
    let key = key.trim_end().to_ascii_lowercase();
    let known = ["change-id", "on-behalf-of", "skip-checks", "request-checks"].contains(&key.as_str());
    known || key.starts_with("porter-") || (key.ends_with("-by") && !key.contains(' '))
}

#[cfg(test)]
mod tests;
