//! What must not go out, is not let out: issued secrets by value in every usual encoding, and foreign ones by their look.

mod forms;
mod patterns;

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::Range;

use super::secret::Secret;

/// The length of the pieces that are looked for: a stretch of a secret this long gives too much away.
const PIECE: usize = 12;

/// Secrets shorter than this are words of everyday text, and are not looked for.
const SHORTEST: usize = 6;

/// What stands in place of what was taken out.
pub const REDACTED: &str = "[redacted]";

/// What kind of secret a text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One of those the redactor was made with, or twelve characters of one, in whatever encoding.
    Issued,
    /// Something that looks like a secret of this kind, as `a GitHub token`.
    LooksLike(&'static str),
}

/// Finds and removes secrets. Make one with every secret that the text's author could have seen.
pub struct Redactor {
    /// Every piece of every form of every secret.
    pieces: HashSet<[u8; PIECE]>,
    /// A bit for the first two bytes of each piece or short secret: most of a text is passed by after one look.
    begins: Vec<u64>,
    /// Secrets shorter than a piece, whole.
    short: Vec<Vec<u8>>,
}

impl Redactor {
    /// A redactor for these secrets. Blanks in them do not count, nor does a prefix that all keys of a provider share.
    #[must_use]
    pub fn new(secrets: &[&Secret]) -> Self {
        let mut redactor = Self { pieces: HashSet::new(), begins: vec![0; 1024], short: Vec::new() };
        for secret in secrets {
            for form in forms::of(secret.expose()) {
                redactor.learn(&form);
            }
        }
        redactor
    }

    fn learn(&mut self, form: &forms::Form) {
        let text = form.text.as_slice();
        if text.len() < PIECE {
            if text.len() >= SHORTEST {
                self.note_beginning(text);
                self.short.push(text.to_vec());
            }
            return;
        }
        for (at, piece) in text.windows(PIECE).enumerate() {
            if at + PIECE > form.public
                && let Ok(piece) = <[u8; PIECE]>::try_from(piece)
            {
                self.note_beginning(&piece);
                self.pieces.insert(piece);
            }
        }
    }

    fn note_beginning(&mut self, text: &[u8]) {
        let (word, bit) = beginning(text);
        if let Some(word) = self.begins.get_mut(word) {
            *word |= bit;
        }
    }

    /// The text without secrets. Borrowed when there was none.
    #[must_use]
    pub fn redact<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut found = self.issued(text.as_bytes());
        found.extend(patterns::find(text.as_bytes()).map(|(range, _)| range));
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        found.sort_unstable_by_key(|range| range.start);
        let (mut out, mut from) = (String::with_capacity(text.len()), 0);
        for range in found {
            // An encoding can begin or end within a character of the text around it.
            let (start, end) = (text.floor_char_boundary(range.start), text.ceil_char_boundary(range.end));
            if start >= from {
                out.push_str(text.get(from..start).unwrap_or_default());
                out.push_str(REDACTED);
            }
            from = from.max(end);
        }
        out.push_str(text.get(from..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// The first secret in a file's content, of any kind; issued ones before those that only look like one.
    #[must_use]
    pub fn finds(&self, content: &[u8]) -> Option<Kind> {
        if !self.issued(content).is_empty() {
            return Some(Kind::Issued);
        }
        patterns::find(content).next().map(|(_, kind)| Kind::LooksLike(kind))
    }

    /// Where pieces of issued secrets stand, joined where they overlap; blanks between their characters do not hide them.
    fn issued(&self, content: &[u8]) -> Vec<Range<usize>> {
        let mut found: Vec<Range<usize>> = Vec::new();
        if self.pieces.is_empty() && self.short.is_empty() {
            return found;
        }
        let (places, dense): (Vec<usize>, Vec<u8>) =
            content.iter().copied().enumerate().filter(|(_, byte)| !byte.is_ascii_whitespace()).unzip();
        for (at, &start) in places.iter().enumerate() {
            let Some(length) = self.begins_with(dense.get(at..).unwrap_or_default()) else {
                continue;
            };
            let end = places.get(at + length - 1).map_or(content.len(), |last| last + 1);
            match found.last_mut() {
                Some(last) if start <= last.end => last.end = last.end.max(end),
                _ => found.push(start..end),
            }
        }
        found
    }

    /// The length of the piece or short secret that the bytes begin with.
    fn begins_with(&self, dense: &[u8]) -> Option<usize> {
        let (word, bit) = beginning(dense);
        if self.begins.get(word).is_none_or(|known| known & bit == 0) {
            return None;
        }
        let piece = dense.first_chunk::<PIECE>().filter(|piece| self.pieces.contains(*piece));
        let short = || self.short.iter().find(|short| dense.starts_with(short)).map(Vec::len);
        piece.map(|_| PIECE).or_else(short)
    }
}

/// The place of a text's first two bytes in a table of 65,536 bits.
fn beginning(text: &[u8]) -> (usize, u64) {
    let byte = |at: usize| text.get(at).copied().map_or(0, usize::from);
    let index = byte(0) << 8 | byte(1);
    (index / 64, 1 << (index % 64))
}

#[cfg(test)]
mod tests;
