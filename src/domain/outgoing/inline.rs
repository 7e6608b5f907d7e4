//! What stands within a line: mentions, references and addresses made harmless, tags shown, images turned into links.

use crate::domain::markdown::BacktickRuns;

/// Goes behind `@`, `#` and the like, so that GitHub reads no name or number there.
const BREAK: char = '\u{200b}';

/// A tag or address in angle brackets is looked at as a whole up to this many bytes, beyond that it is shown.
const LONGEST_TAG: usize = 600;

/// Text without markdown, as in a commit message: nothing is exempt.
pub(super) fn plain(text: &str) -> String {
    let mut ink = Ink::new(text.len(), false);
    ink.run(text);
    ink.out
}

/// The content of code, which GitHub leaves alone; only our own hidden marks are broken, since we search for them.
pub(super) fn code(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("<!--") {
        let (before, after) = rest.split_at(at);
        let after = after.strip_prefix("<!--").unwrap_or(after);
        out.push_str(before);
        out.push_str(if starts_with_word(after.trim_start(), "porter") { "<! --" } else { "<!--" });
        rest = after;
    }
    out + rest
}

/// What became of a line of markdown.
pub(super) struct Line {
    /// The line to print.
    pub(super) text: String,
    /// Whether it ends within an HTML comment.
    pub(super) in_comment: bool,
}

/// A line of markdown that is no code. `comment_closes_later`: whether `-->` occurs on a later line.
///
/// Code spans are those that open and close on the line; every other backtick is escaped, so that none pairs with one
/// of another line and the reading here is the reading there.
pub(super) fn markdown(line: &str, comment_closes_later: bool) -> Line {
    let mut ink = Ink::new(line.len(), true);
    let mut runs = BacktickRuns::of(line, 0, line.len());
    // In a table a pipe ends the cell even within code: then no span on the line is certain.
    let certain = !line.contains('|');
    let (mut at, mut text_from) = (0, 0);
    let last_close = line.rfind("-->");
    while let Some(byte) = line.as_bytes().get(at) {
        match byte {
            b'\\' => at += 1 + line.as_bytes().get(at + 1).map_or(0, |b| usize::from(b.is_ascii_punctuation())),
            b'`' => {
                ink.run(slice(line, text_from, at));
                let length = line.bytes().skip(at).take_while(|&b| b == b'`').count();
                let closing = runs.closing(at + length, length);
                let end = closing.unwrap_or(at + length);
                ink.backticks(slice(line, at, end), length, closing.is_some(), certain);
                (at, text_from) = (end, end);
            }
            b'<' if slice(line, at, line.len()).starts_with("<!--") => {
                let ahead = last_close.filter(|&close| close >= at + 4);
                let close =
                    ahead.and_then(|_| slice(line, at + 4, line.len()).find("-->")).map(|found| at + 4 + found + 3);
                if close.is_none() && !comment_closes_later {
                    at += 1;
                    continue;
                }
                ink.run(slice(line, text_from, at));
                let Some(close) = close else {
                    return Line { text: ink.out, in_comment: true };
                };
                ink.gap();
                (at, text_from) = (close, close);
            }
            _ => at += 1,
        }
    }
    ink.run(slice(line, text_from, line.len()));
    Line { text: ink.out, in_comment: false }
}

/// The longest run of a character.
pub(super) fn longest_run(text: &str, wanted: char) -> usize {
    let (mut longest, mut length) = (0, 0);
    for c in text.chars() {
        length = if c == wanted { length + 1 } else { 0 };
        longest = longest.max(length);
    }
    longest
}

fn slice(line: &str, from: usize, to: usize) -> &str {
    line.get(from.min(line.len())..to.min(line.len())).unwrap_or_default()
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// What is printed so far; each character is judged by what it would stand behind.
struct Ink {
    out: String,
    markdown: bool,
    /// Whether this may be code or not: then marks are broken rather than escaped, which is harmless in both.
    either: bool,
    /// Up to where `out` was searched for an address, and whether one was open there.
    searched: usize,
    in_address: bool,
}

impl Ink {
    fn new(length: usize, markdown: bool) -> Self {
        Self { out: String::with_capacity(length + 8), markdown, either: false, searched: 0, in_address: false }
    }

    /// Prints text outside code.
    fn run(&mut self, text: &str) {
        let mut rest = text;
        let behind_last_tag = text.len() - text.rfind('>').unwrap_or(0);
        while let Some(c) = rest.chars().next() {
            let after = rest.get(c.len_utf8()..).unwrap_or_default();
            let consumed = match c {
                'h' | 'H' => self.address(rest),
                '<' if self.markdown => self.angle(rest, rest.len() > behind_last_tag),
                '[' if self.markdown => self.bracket(after),
                '(' if self.markdown && self.out.ends_with(']') && !target_closes(after) => self.no_target(),
                '\\' if self.markdown && after.starts_with(['<', '&', '\\']) => self.escaped(after),
                _ => 0,
            };
            if consumed > 0 {
                rest = rest.get(consumed..).unwrap_or_default();
                continue;
            }
            self.character(c, after);
            rest = after;
        }
    }

    /// Prints one character, and a break behind it where GitHub would begin to read a name or number.
    fn character(&mut self, c: char, after: &str) {
        let behind_word = self.out.ends_with(|c: char| c.is_ascii_alphanumeric());
        let next_digit = after.starts_with(|c: char| c.is_ascii_digit());
        let breaks = match c {
            '@' => !behind_word && after.starts_with(|c: char| !c.is_whitespace()),
            '#' => next_digit,
            '-' => next_digit && ends_with_gh(&self.out),
            '[' => ["skip ci]", "ci skip]", "no ci]", "skip actions]", "actions skip]"]
                .iter()
                .any(|switch| starts_with_word(after, switch)),
            '*' => starts_with_word(after, "**NO_CI***"),
            '<' | '!' | '&' => {
                self.either
                    && after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?' | '[' | '#'))
            }
            _ => false,
        };
        match c {
            // Entities could spell what is broken here; those that only stand for markup's own characters stay.
            '&' if self.markdown && spells(after) => self.out.push_str("&amp;"),
            '-' if breaks => {
                self.out.push(BREAK);
                self.out.push(c);
            }
            _ => {
                self.out.push(c);
                if breaks {
                    self.out.push(BREAK);
                }
            }
        }
    }

    /// An escape whose second character must not begin anything.
    fn escaped(&mut self, after: &str) -> usize {
        self.out.push('\\');
        match after.chars().next() {
            Some('<') => self.out.push_str("&lt;"),
            Some(c) => self.out.push(c),
            None => {}
        }
        2
    }

    /// `[`: what stands before it must not make it an image.
    fn bracket(&mut self, after: &str) -> usize {
        let before = self.out.len();
        self.out.truncate(self.out.trim_end_matches('!').len());
        if self.out.len() < before && after.starts_with(']') {
            self.out.push_str("[image");
            return 1;
        }
        0
    }

    /// A link's target that goes on elsewhere: GitHub would read backticks within it as part of the target.
    fn no_target(&mut self) -> usize {
        self.out.push_str("\\(");
        1
    }

    /// `<`: an address in angle brackets is printed bare, an image as a link, any other tag is shown.
    fn angle(&mut self, rest: &str, closes: bool) -> usize {
        let inside = rest.get(1..).unwrap_or_default();
        let reach = if closes { LONGEST_TAG } else { 0 };
        let whole = inside.bytes().take(reach).position(|b| b == b'>').and_then(|end| inside.get(..end));
        if let Some(target) = whole.filter(|target| is_address(target) && !target.contains([' ', '\t', '<'])) {
            self.url(target);
            return target.len() + 2;
        }
        if let Some(tag) =
            whole.filter(|tag| starts_with_word(tag, "img") && tag.get(3..4).is_some_and(|c| c == " " || c == "/"))
        {
            self.image(tag);
            return tag.len() + 2;
        }
        if inside.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?')) {
            self.out.push_str("&lt;");
            return 1;
        }
        0
    }

    /// An `<img …>` as a link to its source.
    fn image(&mut self, tag: &str) {
        let source = attribute(tag, "src=").filter(|source| is_address(source));
        let source = source.filter(|source| {
            !source.contains(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '<' | '`' | '\\'))
        });
        match source {
            Some(source) => {
                self.out.truncate(self.out.trim_end_matches('!').len());
                self.out.push_str("[image](");
                self.url(source);
                self.out.push(')');
            }
            None => self.out.push_str("(image)"),
        }
    }

    /// An address that begins here, if one does.
    fn address(&mut self, rest: &str) -> usize {
        if !is_address(rest) {
            return 0;
        }
        let ends =
            |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | ')' | ']' | '|' | '\\' | '[' | '!');
        // Two addresses without a blank between them are two here, whatever they are elsewhere.
        let stops = |(at, c): &(usize, char)| {
            ends(*c) || (*at > 0 && matches!(c, 'h' | 'H') && is_address(slice(rest, *at, rest.len())))
        };
        let end = rest.char_indices().find(stops).map_or(rest.len(), |(at, _)| at);
        let url = slice(rest, 0, end);
        self.url(url);
        url.len()
    }

    /// Prints an address such that GitHub makes no reference or mention of it; it still leads to the same page.
    fn url(&mut self, url: &str) {
        let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
        let host_end = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at(host_end);
        let lower = host.to_ascii_lowercase();
        let on_github = matches!(lower.as_str(), "github.com" | "www.github.com");
        let refers = reference_in(path);
        let host = if on_github && refers.is_some() { "redirect.github.com" } else { host };
        self.out.push_str(scheme);
        self.out.push_str("://");
        let address = match refers.filter(|_| !on_github).and_then(|at| path.split_at_checked(at)) {
            // Another GitHub: a letter of the path as its code is the same page, and no reference.
            Some((before, after)) => {
                let first = after.bytes().next().unwrap_or(b'i');
                format!("{host}{before}%{first:02x}{}", after.get(1..).unwrap_or_default())
            }
            None => format!("{host}{path}"),
        };
        for (at, c) in address.char_indices() {
            let behind_word = self.out.ends_with(|c: char| c.is_ascii_alphanumeric());
            let after = address.get(at + c.len_utf8()..).unwrap_or_default();
            match c {
                '@' if !behind_word => self.out.push_str("%40"),
                // A fragment of digits is a reference wherever GitHub makes no link of the address.
                '0'..='9' if self.out.ends_with('#') => self.out.push_str(&format!("%{:02x}", u32::from(c))),
                '&' if self.markdown && spells(after) => self.out.push_str("&amp;"),
                _ => self.out.push(c),
            }
        }
    }

    /// Where something was taken out: nothing that stood apart may run together.
    fn gap(&mut self) {
        if self.out.ends_with('`') {
            self.out.push(' ');
        }
    }

    /// Keeps code apart from an address before it: GitHub reads an address up to the next blank, backticks and all.
    fn leave_address(&mut self) {
        // Three bytes of what was searched before, in case a mark was cut there.
        let from = self.out.floor_char_boundary(self.searched.saturating_sub(3));
        let added = slice(&self.out, from, self.out.len());
        let opens = |text: &str| text.contains("://") || text.to_ascii_lowercase().contains("www.");
        self.in_address = match added.rsplit_once(char::is_whitespace) {
            Some((_, token)) => opens(token),
            None => self.in_address || opens(added),
        };
        self.searched = self.out.len();
        if self.in_address {
            self.out.push(' ');
        }
    }

    /// A code span, or a run of backticks that opens none.
    fn backticks(&mut self, span: &str, length: usize, closed: bool, certain: bool) {
        self.leave_address();
        if !closed {
            span.chars().for_each(|c| self.out.extend(['\\', c]));
        } else if certain {
            self.out.push_str(&code(span));
        } else {
            let fence = slice(span, 0, length);
            let inner = slice(span, length, span.len() - length);
            let mut spoken = Ink { either: true, ..Ink::new(inner.len(), false) };
            spoken.run(&code(inner));
            let spoken = spoken.out;
            self.out.push_str(&format!("{fence}{spoken}{fence}"));
        }
    }
}

fn is_address(text: &str) -> bool {
    starts_with_word(text, "https://") || starts_with_word(text, "http://")
}

/// Where the word is in a path that makes it a reference: `/owner/name/issues/1`, and for `pull`, `discussions`, `commit`.
fn reference_in(path: &str) -> Option<usize> {
    let words = ["issues", "pull", "pulls", "discussions", "commit"];
    let mut at = 1;
    for (index, part) in path.strip_prefix('/')?.split('/').enumerate() {
        if index >= 2 && words.iter().any(|word| part.eq_ignore_ascii_case(word)) {
            return Some(at);
        }
        at += part.len() + 1;
    }
    None
}

/// Whether a link's target with its title, begun by `(`, surely ends within the text.
fn target_closes(after: &str) -> bool {
    let (mut quote, mut depth, mut before) = (None, 0_usize, ' ');
    for c in after.chars().take(LONGEST_TAG) {
        match (quote, c) {
            _ if before == '\\' => {}
            (Some(open), _) => quote = Some(open).filter(|_| c != open),
            (None, '"' | '\'') if before.is_whitespace() => quote = Some(c),
            (None, '<') => return false,
            (None, '(') => depth += 1,
            (None, ')') if depth == 0 => return true,
            (None, ')') => depth -= 1,
            (None, _) => {}
        }
        before = if before == '\\' { ' ' } else { c };
    }
    false
}

fn ends_with_gh(out: &str) -> bool {
    let mut last = out.chars().rev();
    let gh = last.next().is_some_and(|c| c.eq_ignore_ascii_case(&'h'))
        && last.next().is_some_and(|c| c.eq_ignore_ascii_case(&'g'));
    gh && last.next().is_none_or(|c| !c.is_ascii_alphanumeric())
}

/// Whether `&` begins an entity that could spell `@`, `#` or markup.
fn spells(after: &str) -> bool {
    let harmless = ["amp", "lt", "gt", "quot", "nbsp"];
    let end = after.bytes().take(33).position(|b| b == b';');
    let name = end.and_then(|end| after.get(..end)).unwrap_or_default();
    let is_name = (2..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'#');
    is_name && !harmless.contains(&name)
}

/// The value of an attribute, in quotes or bare.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let at = tag.to_ascii_lowercase().find(name)?;
    let value = tag.get(at + name.len()..)?;
    let quote = value.chars().next().filter(|&c| c == '"' || c == '\'');
    match quote {
        Some(quote) => value.get(1..)?.split(quote).next(),
        None => value.split([' ', '/']).next(),
    }
}
