//! What stands within a line: mentions, references and addresses made harmless, tags shown, images turned into links.

/// Goes behind `@`, `#` and the like, so that GitHub reads no name or number there.
const BREAK: char = '\u{200b}';

/// Text without markdown, as in a commit message: nothing is exempt.
pub(super) fn plain(text: &str) -> String {
    let mut ink = Ink { out: String::with_capacity(text.len()), markdown: false };
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
    let mut ink = Ink { out: String::with_capacity(line.len() + 8), markdown: true };
    let runs = backtick_runs(line);
    // In a table a pipe ends the cell even within code: then no span on the line is certain.
    let certain = !line.contains('|');
    let (mut at, mut text_from, mut next_run) = (0, 0, 0);
    while let Some(byte) = line.as_bytes().get(at) {
        match byte {
            b'\\' => at += 1 + line.as_bytes().get(at + 1).map_or(0, |b| usize::from(b.is_ascii_punctuation())),
            b'`' => {
                ink.run(slice(line, text_from, at));
                let length = line.bytes().skip(at).take_while(|&b| b == b'`').count();
                while runs.get(next_run).is_some_and(|run| run.0 < at + length) {
                    next_run += 1;
                }
                let closing = runs.iter().skip(next_run).find(|run| run.1 == length);
                let end = closing.map_or(at + length, |run| run.0 + run.1);
                ink.backticks(slice(line, at, end), length, closing.is_some(), certain);
                (at, text_from) = (end, end);
            }
            b'<' if slice(line, at, line.len()).starts_with("<!--") => {
                let close = slice(line, at + 4, line.len()).find("-->").map(|found| at + 4 + found + 3);
                if close.is_none() && !comment_closes_later {
                    at += 1;
                    continue;
                }
                ink.run(slice(line, text_from, at));
                let Some(close) = close else { return Line { text: ink.out, in_comment: true } };
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

/// Start and length of each run of backticks.
fn backtick_runs(line: &str) -> Vec<(usize, usize)> {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (at, _) in line.bytes().enumerate().filter(|&(_, b)| b == b'`') {
        match runs.last_mut() {
            Some((start, length)) if *start + *length == at => *length += 1,
            _ => runs.push((at, 1)),
        }
    }
    runs
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
}

/// What is printed so far; each character is judged by what it would stand behind.
struct Ink {
    out: String,
    markdown: bool,
}

impl Ink {
    /// Prints text outside code.
    fn run(&mut self, text: &str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let after = rest.get(c.len_utf8()..).unwrap_or_default();
            let consumed = match c {
                'h' | 'H' => self.address(rest),
                '<' if self.markdown => self.angle(rest),
                '[' if self.markdown => self.bracket(after),
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

    /// `<`: an address in angle brackets is printed bare, an image as a link, any other tag is shown.
    fn angle(&mut self, rest: &str) -> usize {
        let inside = rest.get(1..).unwrap_or_default();
        let whole = inside.find('>').and_then(|end| inside.get(..end));
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
        let ends = |c: char| {
            c.is_whitespace() || matches!(c, '<' | '>' | '"' | '`' | ')' | ']' | '|' | '\\' | '[' | '!' | '&')
        };
        let url = rest.get(..rest.find(ends).unwrap_or(rest.len())).unwrap_or_default();
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
        for c in address.chars() {
            let behind_word = self.out.ends_with(|c: char| c.is_ascii_alphanumeric());
            match c {
                '@' if !behind_word => self.out.push_str("%40"),
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

    /// A code span, or a run of backticks that opens none.
    fn backticks(&mut self, span: &str, length: usize, closed: bool, certain: bool) {
        if !closed {
            span.chars().for_each(|c| self.out.extend(['\\', c]));
        } else if certain {
            self.out.push_str(&code(span));
        } else {
            let fence = slice(span, 0, length);
            let inner = slice(span, length, span.len() - length);
            let spoken = plain(&code(inner));
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

fn ends_with_gh(out: &str) -> bool {
    let mut last = out.chars().rev();
    let gh = last.next().is_some_and(|c| c.eq_ignore_ascii_case(&'h'))
        && last.next().is_some_and(|c| c.eq_ignore_ascii_case(&'g'));
    gh && last.next().is_none_or(|c| !c.is_ascii_alphanumeric())
}

/// Whether `&` begins an entity that could spell `@`, `#` or markup.
fn spells(after: &str) -> bool {
    let harmless = ["amp;", "lt;", "gt;", "quot;", "nbsp;"];
    let begins = after.starts_with(|c: char| c == '#' || c.is_ascii_alphabetic());
    begins && !harmless.iter().any(|entity| after.starts_with(entity))
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
