//! The parts of a paragraph that show rather than speak: code spans, comments, tags, verbatim elements, links.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;

/// Elements whose content is shown and not said. The first four run to the end of the text when nothing closes them.
const VERBATIM: [&str; 11] =
    ["pre", "script", "style", "textarea", "code", "samp", "kbd", "tt", "blockquote", "q", "a"];
const TO_THE_END: usize = 4;

/// What earlier searches found out, so that no two of them walk the same way in vain.
#[derive(Default)]
pub(super) struct Search {
    /// Needles that do not occur after the offset they were last looked for.
    missing: Vec<&'static str>,
}

impl Search {
    /// The end of the first `needle` (lower case) at or after `from`, in any case.
    fn end_of(&mut self, text: &str, from: usize, needle: &'static str) -> Option<usize> {
        if self.missing.contains(&needle) {
            return None;
        }
        let bytes = text.as_bytes().get(from..)?;
        let found = bytes.windows(needle.len()).position(|window| window.eq_ignore_ascii_case(needle.as_bytes()));
        if found.is_none() {
            self.missing.push(needle);
        }
        found.map(|at| from + at + needle.len())
    }
}

/// What a paragraph hides.
pub(super) struct Hidden {
    /// In order and apart from each other; the last may reach beyond the paragraph.
    pub(super) ranges: Vec<Range<usize>>,
    /// Where a block of HTML ends that goes on beyond the paragraph and is read as nothing else; 0 for none.
    pub(super) block_end: usize,
}

/// What `text[start..end]` hides.
pub(super) fn hidden(text: &str, start: usize, end: usize, search: &mut Search) -> Hidden {
    let runs = BacktickRuns::of(text, start, end);
    let mut walk = Walk { text, end, runs, brackets: Vec::new(), no_close: false, block_end: 0 };
    let mut ranges: Vec<Range<usize>> = Vec::new();
    let mut at = start;
    while at < end {
        let (range, next) = walk.step(at, search);
        if let Some(range) = range {
            // A link holds what it began before: those ranges are swallowed by it.
            while ranges.last().is_some_and(|last| last.start >= range.start) {
                ranges.pop();
            }
            ranges.push(range);
        }
        at = next;
    }
    Hidden { ranges, block_end: walk.block_end }
}

/// Whether a line's text begins HTML that is no paragraph and ends at its own mark (CommonMark 4.6, kinds 1 to 5).
pub(super) fn begins_html_block(rest: &str) -> bool {
    let verbatim = |tag: &&str| tag_name(rest).is_some_and(|name| tag.eq_ignore_ascii_case(name));
    rest.starts_with("<!") || rest.starts_with("<?") || VERBATIM.iter().take(TO_THE_END).any(verbatim)
}

/// The name of the opening tag that a text begins with.
fn tag_name(rest: &str) -> Option<&str> {
    let after = rest.strip_prefix('<')?;
    let length = after.bytes().take_while(u8::is_ascii_alphanumeric).count();
    let boundary = after.as_bytes().get(length).is_none_or(|b| matches!(b, b'>' | b' ' | b'\t' | b'\n' | b'\r'));
    after.get(..length).filter(|name| boundary && !name.is_empty())
}

struct Walk<'t> {
    text: &'t str,
    end: usize,
    runs: BacktickRuns,
    /// Open square brackets.
    brackets: Vec<usize>,
    /// Whether a search for a tag's or link's end has already failed in this paragraph.
    no_close: bool,
    block_end: usize,
}

impl Walk<'_> {
    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied().filter(|_| at < self.end)
    }

    /// What begins at `at`: a hidden range or none, and where to go on.
    fn step(&mut self, at: usize, search: &mut Search) -> (Option<Range<usize>>, usize) {
        let found = match self.byte(at) {
            Some(b'\\') if self.byte(at + 1).is_some_and(|b| b.is_ascii_punctuation()) => {
                return (None, at + 2);
            }
            Some(b'`') => return self.code_span(at),
            Some(b'<') => self.angle(at, search),
            Some(b'[') => {
                self.brackets.push(at);
                None
            }
            Some(b']') => self.link(at),
            _ => None,
        };
        let next = found.as_ref().map_or(at + 1, |range| range.end.max(at + 1));
        (found, next)
    }

    fn code_span(&mut self, at: usize) -> (Option<Range<usize>>, usize) {
        let length = (at..self.end).take_while(|&i| self.byte(i) == Some(b'`')).count();
        let inside = at + length;
        self.runs.closing(inside, length).map_or((None, inside), |end| (Some(at..end), end))
    }

    fn angle(&mut self, at: usize, search: &mut Search) -> Option<Range<usize>> {
        let rest = self.text.get(at..)?;
        let is_block = self.begins_its_line(at);
        if rest.starts_with("<!--") {
            let close = search.end_of(self.text, at + 4, "-->").or_else(|| is_block.then_some(self.text.len()))?;
            return Some(self.until(at, close, is_block));
        }
        let verbatim = tag_name(rest).and_then(|name| VERBATIM.iter().position(|tag| tag.eq_ignore_ascii_case(name)));
        if let Some(index) = verbatim {
            let to_the_end = index < TO_THE_END;
            let close = search.end_of(self.text, at, CLOSING.get(index).copied().unwrap_or_default());
            if let Some(close) = close.or_else(|| to_the_end.then_some(self.text.len())) {
                return Some(self.until(at, close, is_block && to_the_end));
            }
        }
        self.tag(at)
    }

    /// A hidden range, which may be a block that goes on beyond the paragraph.
    fn until(&mut self, at: usize, close: usize, is_block: bool) -> Range<usize> {
        if is_block && close > self.end {
            self.block_end = close;
        }
        at..close
    }

    /// A tag with its attributes, up to `>` outside an attribute's quotes.
    fn tag(&mut self, at: usize) -> Option<Range<usize>> {
        if self.no_close
            || !self.byte(at + 1).is_some_and(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'?' | b'!'))
        {
            return None;
        }
        let (mut quote, mut before) = (None, b' ');
        for i in at + 1..self.end {
            let byte = self.byte(i)?;
            match (quote, byte) {
                (Some(open), _) if open == byte => quote = None,
                (None, b'"' | b'\'') if before == b'=' => quote = Some(byte),
                (None, b'>') => return Some(at..i + 1),
                _ => {}
            }
            before = byte;
        }
        self.no_close = true;
        None
    }

    /// A link whose text ends at the `]` here: `[…](…)` or `[…][…]`.
    fn link(&mut self, at: usize) -> Option<Range<usize>> {
        let open = self.brackets.pop()?;
        let close = match self.byte(at + 1)? {
            b'(' => b')',
            b'[' => b']',
            _ => return None,
        };
        if self.no_close {
            return None;
        }
        let end = (at + 2..self.end).find(|&i| self.byte(i) == Some(close));
        self.no_close = end.is_none();
        end.map(|end| open..end + 1)
    }

    fn begins_its_line(&self, at: usize) -> bool {
        let before = self.text.get(..at).unwrap_or_default();
        before.trim_end_matches([' ', '\t']).chars().next_back().is_none_or(|c| matches!(c, '\n' | '\r'))
    }
}

const CLOSING: [&str; 11] = [
    "</pre>",
    "</script>",
    "</style>",
    "</textarea>",
    "</code>",
    "</samp>",
    "</kbd>",
    "</tt>",
    "</blockquote>",
    "</q>",
    "</a>",
];

/// The runs of backticks in a stretch of text, asked for from left to right.
pub(in crate::domain) struct BacktickRuns {
    /// Where the runs of each length begin, those already passed removed when next asked for.
    starts: HashMap<usize, VecDeque<usize>>,
}

impl BacktickRuns {
    /// The runs of `text[start..end]`.
    pub(in crate::domain) fn of(text: &str, start: usize, end: usize) -> Self {
        let mut starts: HashMap<usize, VecDeque<usize>> = HashMap::new();
        let bytes = text.as_bytes().get(start..end).unwrap_or_default();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let length = bytes.iter().skip(at).take_while(|&&b| b == b'`').count();
            if *byte == b'`' {
                starts.entry(length).or_default().push_back(start + at);
            }
            at += length.max(1);
        }
        Self { starts }
    }

    /// The end of the run that closes a code span whose content begins at `inside`, after as many backticks.
    pub(in crate::domain) fn closing(&mut self, inside: usize, length: usize) -> Option<usize> {
        let later = self.starts.get_mut(&length)?;
        while later.front().is_some_and(|&run| run < inside) {
            later.pop_front();
        }
        later.front().map(|run| run + length)
    }
}
