//! The cleaned text while it grows: prose is decoded as it arrives, code goes in byte for byte.

use super::badges;
use super::entities;

/// Commands that take room in a formula but draw nothing.
const PHANTOMS: [&str; 3] = ["\\phantom{", "\\hphantom{", "\\vphantom{"];

/// The text so far.
#[derive(Default)]
pub(super) struct Prose {
    out: String,
    /// Where the last code or placed text ends; trimming and decoding never reach before it.
    floor: usize,
    /// Open braces of a formula's phantom, whose content is left out.
    phantom: usize,
}

impl Prose {
    /// Words from the text: decoded, without phantoms.
    pub(super) fn text(&mut self, text: &str) {
        for piece in text.split_inclusive(['{', '}', '\n']) {
            if self.phantom > 0 {
                self.phantom = match piece.chars().next_back() {
                    Some('{') => self.phantom + 1,
                    Some('}') => self.phantom - 1,
                    Some(_) | None => self.phantom,
                };
                continue;
            }
            let (line, ends) = piece.strip_suffix('\n').map_or((piece, false), |line| (line, true));
            entities::decode_into(&mut self.out, self.floor, line);
            if ends {
                self.end_line();
            }
            if let Some(command) = PHANTOMS.iter().find(|command| self.since_floor().ends_with(**command)) {
                self.out.truncate(self.out.len() - command.len());
                self.phantom = 1;
            }
        }
    }

    /// Markup between words: list markers, quote marks, emphasis. A line of it that holds anything else (a link's
    /// definition, which GitHub never shows) is left out.
    pub(super) fn structure(&mut self, gap: &str) {
        for line in gap.split_inclusive('\n') {
            let (marks, ends) = line.strip_suffix('\n').map_or((line, false), |marks| (marks, true));
            if is_structure(marks) {
                self.out.push_str(marks);
            }
            if ends {
                self.phantom = 0;
                self.end_line();
            }
        }
    }

    /// Code, byte for byte.
    pub(super) fn code(&mut self, code: &str) {
        self.phantom = 0;
        self.placed(code);
    }

    /// Words of our own, or words that are already clean.
    pub(super) fn placed(&mut self, text: &str) {
        if self.phantom == 0 {
            self.out.push_str(text);
            self.floor = self.out.len();
        }
    }

    /// An image: its address when it is a file of the repository, never its words; nothing for a badge.
    pub(super) fn image(&mut self, address: &str) {
        if badges::is_badge(address) {
            return;
        }
        let is_path = !address.is_empty()
            && address.len() <= 200
            && address.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'.' | b'-' | b'_'))
            && !address.starts_with("//");
        if is_path {
            self.placed(&format!("[image: {address}]"));
        } else {
            self.placed("[image]");
        }
    }

    /// Where the text ends now.
    pub(super) fn mark(&self) -> usize {
        self.out.len()
    }

    /// Takes back everything since a mark.
    pub(super) fn rewind(&mut self, mark: usize) {
        self.out.truncate(mark);
        self.floor = self.floor.min(mark);
    }

    /// The whole text.
    pub(super) fn finish(self) -> String {
        self.out
    }

    fn since_floor(&self) -> &str {
        self.out.get(self.floor..).unwrap_or("")
    }

    /// Ends a line: no spaces before the end, and never two empty lines in a row.
    fn end_line(&mut self) {
        let kept = self.since_floor().trim_end_matches([' ', '\t']).len();
        self.out.truncate(self.floor + kept);
        if !self.since_floor().ends_with("\n\n") {
            self.out.push('\n');
        }
    }
}

/// Whether a line holds nothing but marks of Markdown's structure.
fn is_structure(marks: &str) -> bool {
    let task_box = marks.replace("[x]", "[ ]").replace("[X]", "[ ]");
    !marks.contains("]:")
        && task_box.chars().all(|c| {
            c.is_whitespace()
                || c.is_ascii_digit()
                || matches!(c, '>' | '-' | '+' | '*' | '#' | '.' | ')' | '|' | ':' | '=' | '_' | '~' | '\\' | '[' | ']')
        })
}
