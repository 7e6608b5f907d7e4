//! Where a comment speaks and where it only shows: finds the lines that begin as plain text, outside code, quotes, HTML and links.
//!
//! It follows GitHub's rendering (GFM, CommonMark 0.31) as far as that question needs, in time linear in the text.

mod inline;

pub(super) use inline::BacktickRuns;

/// The byte offsets at which lines begin to speak: the first visible character of each line that is neither in fenced,
/// indented or inline code, nor quoted, nor in an HTML comment, verbatim element or tag, nor in a link.
#[must_use]
pub fn spoken_line_starts(text: &str) -> Vec<usize> {
    let mut scan = Scan {
        text,
        hidden_until: 0,
        mute_until: 0,
        paragraph: None,
        starts: Vec::new(),
        search: inline::Search::default(),
    };
    let mut fence: Option<Fence> = None;
    for (start, line) in lines(text) {
        let shape = Shape::of(line);
        match fence.map(|open| open.meets(line, shape.indent)) {
            Some(InFence::Inside) => continue,
            Some(InFence::Closes) => {
                fence = None;
                continue;
            }
            Some(InFence::Outlived) | None => fence = None,
        }
        if !matches!(shape.kind, Kind::Plain) {
            scan.end_paragraph();
        }
        if start < scan.hidden_until {
            scan.rest_of_hidden_line(start + line.len());
        } else {
            match shape.kind {
                Kind::Blank | Kind::Quote => {}
                Kind::Fence(opened) => fence = Some(opened),
                Kind::Block | Kind::Plain => scan.take(start, line, &shape),
            }
        }
    }
    scan.end_paragraph();
    scan.starts
}

/// One pass over a text, paragraph by paragraph.
struct Scan<'t> {
    text: &'t str,
    /// Lines that begin before this offset are in a block of HTML, and are not read at all.
    hidden_until: usize,
    /// Lines that begin before this offset are read, but do not speak: an element of an earlier paragraph is still open.
    mute_until: usize,
    paragraph: Option<Paragraph>,
    starts: Vec<usize>,
    search: inline::Search,
}

/// Lines whose inline marks can pair with one another.
struct Paragraph {
    start: usize,
    end: usize,
    /// Where its lines begin to speak, unless an inline mark hides them.
    candidates: Vec<usize>,
}

impl Scan<'_> {
    /// Adds a line to the paragraph it belongs to.
    fn take(&mut self, start: usize, line: &str, shape: &Shape) {
        // Four columns after a blank line are code; within a paragraph they are its text, yet nobody speaks from there.
        let deep = shape.indent >= 4;
        if deep && self.paragraph.is_none() {
            return;
        }
        let end = start + line.len();
        let visible = line.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let paragraph = self.paragraph.get_or_insert(Paragraph { start, end, candidates: Vec::new() });
        paragraph.end = end;
        if !deep && matches!(shape.kind, Kind::Plain) && !visible.is_empty() {
            paragraph.candidates.push(end - visible.len());
        }
    }

    /// What follows on the line where something hidden ends: not the line's beginning, but it may hide more.
    fn rest_of_hidden_line(&mut self, end: usize) {
        if self.hidden_until < end {
            self.paragraph = Some(Paragraph { start: self.hidden_until, end, candidates: Vec::new() });
        }
    }

    fn end_paragraph(&mut self) {
        let Some(paragraph) = self.paragraph.take() else {
            return;
        };
        let mute_until = self.mute_until;
        let hidden = inline::hidden(self.text, paragraph.start, paragraph.end, &mut self.search);
        self.hidden_until = self.hidden_until.max(hidden.block_end);
        self.mute_until = mute_until.max(hidden.ranges.last().map_or(0, |range| range.end));
        let mut ranges = hidden.ranges.iter().peekable();
        for at in paragraph.candidates {
            while ranges.next_if(|range| range.end <= at).is_some() {}
            if at >= mute_until && ranges.peek().is_none_or(|range| at < range.start) {
                self.starts.push(at);
            }
        }
    }
}

/// What a line is at first sight.
struct Shape {
    /// Columns of blank before it; a tab goes to the next multiple of four.
    indent: usize,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Blank,
    /// Begins with `>`.
    Quote,
    /// Opens fenced code, perhaps after list markers.
    Fence(Fence),
    /// A heading, list item, rule or block of HTML: begins a paragraph of its own and does not begin with a word.
    Block,
    /// Text.
    Plain,
}

impl Shape {
    fn of(line: &str) -> Self {
        let (indent, rest) = indentation(line);
        if rest.is_empty() {
            return Self { indent, kind: Kind::Blank };
        }
        if indent < 4 && rest.starts_with('>') {
            return Self { indent, kind: Kind::Quote };
        }
        let text = rest;
        let (column, rest) = past_markers(line);
        let in_list = rest.len() < text.len();
        if let Some((mark, length)) = opens_fence(rest).filter(|_| indent < 4) {
            return Self { indent, kind: Kind::Fence(Fence { mark, length, column, in_list }) };
        }
        let heading = rest.trim_start_matches('#');
        let is_heading = heading.len() < rest.len() && heading.chars().next().is_none_or(char::is_whitespace);
        let is_rule = !rest.contains(|c: char| !matches!(c, '-' | '*' | '_' | '=' | ' ' | '\t'));
        let is_html = indent < 4 && inline::begins_html_block(rest);
        let kind = if in_list || is_heading || is_rule || is_html { Kind::Block } else { Kind::Plain };
        Self { indent, kind }
    }
}

/// Open fenced code.
#[derive(Clone, Copy)]
struct Fence {
    mark: char,
    length: usize,
    /// The column of its opening marks.
    column: usize,
    /// Whether it opened on the line of a list marker, and so ends with the item.
    in_list: bool,
}

enum InFence {
    Inside,
    Closes,
    /// The list item that held the fence is over, and the fence with it.
    Outlived,
}

impl Fence {
    fn meets(&self, line: &str, indent: usize) -> InFence {
        let (_, rest) = indentation(line);
        let after = rest.trim_start_matches(self.mark);
        if rest.len() - after.len() >= self.length && after.trim().is_empty() && indent <= self.column + 3 {
            InFence::Closes
        } else if self.in_list && indent < self.column && !rest.is_empty() {
            InFence::Outlived
        } else {
            InFence::Inside
        }
    }
}

/// The mark and length of a fence that a line's text opens; backtick fences have no backtick after them.
pub(super) fn opens_fence(rest: &str) -> Option<(char, usize)> {
    let mark = rest.chars().next().filter(|&c| c == '`' || c == '~')?;
    let after = rest.trim_start_matches(mark);
    let length = rest.len() - after.len();
    (length >= 3 && (mark == '~' || !after.contains('`'))).then_some((mark, length))
}

/// The length of a list marker with a blank or nothing after it.
pub(super) fn list_marker(rest: &str) -> Option<usize> {
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let mark = rest.as_bytes().get(digits)?;
    let bullet = digits == 0 && matches!(mark, b'-' | b'*' | b'+');
    let number = (1..=9).contains(&digits) && matches!(mark, b'.' | b')');
    let blank = rest.as_bytes().get(digits + 1).is_none_or(|b| matches!(b, b' ' | b'\t'));
    ((bullet || number) && blank).then_some(digits + 1)
}

/// A line's indentation in columns, and what comes after it.
pub(super) fn indentation(line: &str) -> (usize, &str) {
    indentation_from(0, line)
}

/// The column reached by the blanks that begin a text at `column`, and what comes after them.
pub(super) fn indentation_from(mut column: usize, text: &str) -> (usize, &str) {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b' ' => column += 1,
            b'\t' => column += 4 - column % 4,
            _ => return (column, text.get(at..).unwrap_or_default()),
        }
    }
    (column, "")
}

/// A line's column and text after its list markers.
pub(super) fn past_markers(line: &str) -> (usize, &str) {
    let (mut column, mut rest) = indentation(line);
    while let Some(marker) = list_marker(rest) {
        (column, rest) = indentation_from(column + marker, rest.get(marker..).unwrap_or_default());
    }
    (column, rest)
}

/// Each line without its ending (`\n`, `\r\n` or `\r`), with the offset it begins at.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = text.get(start..)?;
        let line = rest.split(['\n', '\r']).next().unwrap_or_default();
        let ending = rest.get(line.len()..).unwrap_or_default();
        let length = if ending.starts_with("\r\n") { 2 } else { 1 };
        next = (!ending.is_empty()).then_some(start + line.len() + length);
        Some((start, line))
    })
}
