//! The lines of a text as blocks, printed so that GitHub must read them as they were read here: code is fenced and closed.

use super::inline;
use crate::domain::markdown::{indentation, list_marker, opens_fence, past_markers};

/// Deeper quotations are shown as text.
const DEEPEST_QUOTE: usize = 8;

/// Markdown made harmless; see [`super::comment_text`].
pub(super) fn neutral(clean: &str) -> String {
    print(&clean.split('\n').collect::<Vec<_>>(), 0).join("\n").trim_matches('\n').to_owned()
}

/// Each line behind `>`.
pub(super) fn quoted(text: &str) -> String {
    text.split('\n').map(|line| format!("> {line}").trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Fenced code around a text; the fence is longer than any run of backticks inside.
pub(super) fn fenced(text: &str, language: &str) -> String {
    let fence = "`".repeat(inline::longest_run(text, '`').max(2) + 1);
    format!("{fence}{language}\n{}\n{fence}", inline::code(text.trim_matches('\n')))
}

fn print(lines: &[&str], depth: usize) -> Vec<String> {
    let last_close = lines.iter().rposition(|line| line.contains("-->"));
    let mut printer = Printer { out: Vec::new(), fence: None, in_comment: false, in_list: false };
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        let rest = lines.get(at..).unwrap_or_default();
        let quote = if printer.speaks() && depth < DEEPEST_QUOTE { leading(rest, is_quote) } else { 0 };
        let code = if printer.speaks() && printer.code_may_begin() { leading_code(rest) } else { 0 };
        if quote > 0 {
            printer.quotation(rest.get(..quote).unwrap_or_default(), depth);
        } else if code > 0 {
            printer.indented_code(rest.get(..code).unwrap_or_default());
        } else {
            printer.line(line, last_close.is_some_and(|close| close > at));
        }
        at += quote.max(code).max(1);
    }
    printer.finish()
}

struct Printer {
    out: Vec<String>,
    fence: Option<Fence>,
    in_comment: bool,
    /// Whether a list may still be open, so that indentation is not certainly code.
    in_list: bool,
}

/// Open fenced code: its marks and their column.
struct Fence {
    mark: char,
    length: usize,
    column: usize,
}

impl Printer {
    /// Whether the next line is read as markdown.
    const fn speaks(&self) -> bool {
        self.fence.is_none() && !self.in_comment
    }

    fn after_blank(&self) -> bool {
        self.out.last().is_none_or(String::is_empty)
    }

    fn code_may_begin(&self) -> bool {
        !self.in_list && self.after_blank()
    }

    /// A blank line, unless there is one.
    fn part(&mut self) {
        if !self.after_blank() {
            self.out.push(String::new());
        }
    }

    fn line(&mut self, line: &str, comment_closes_later: bool) {
        if self.fence.is_some() {
            self.code_line(line);
            return;
        }
        let mut line = line;
        if self.in_comment {
            let Some((_, after)) = line.split_once("-->") else {
                return;
            };
            (line, self.in_comment) = (after, false);
        }
        if line.trim().is_empty() {
            self.out.push(String::new());
        } else if !self.opening(line) {
            self.text_line(line, comment_closes_later);
        }
    }

    /// Prints a line that opens fenced code; `false` if it does not.
    fn opening(&mut self, line: &str) -> bool {
        let (column, rest) = past_markers(line);
        let Some((mark, length)) = opens_fence(rest) else {
            return false;
        };
        let indent = indentation(line).0;
        let in_list = column > indent;
        // In these places GitHub could go on with the paragraph above instead.
        if in_list || column >= 4 {
            self.part();
        }
        self.in_list |= in_list;
        let markers = line.get(..line.len() - rest.len()).unwrap_or_default();
        let info = rest.trim_start_matches(mark).split_whitespace().next().unwrap_or_default();
        let info: String =
            info.chars().filter(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '_' | '.')).take(40).collect();
        let before = if in_list { expanded(markers) } else { " ".repeat(column) };
        self.out.push(format!("{before}{}{info}", mark.to_string().repeat(length)));
        self.fence = Some(Fence { mark, length, column });
        true
    }

    /// A line of code, never less indented than its fence, so that the fence is not left before it is closed.
    fn code_line(&mut self, line: &str) {
        let Some(fence) = &self.fence else { return };
        let (indent, rest) = indentation(line);
        let after = rest.trim_start_matches(fence.mark);
        let closes = rest.len() - after.len() >= fence.length && after.trim().is_empty();
        if closes {
            self.close();
        } else if rest.is_empty() {
            self.out.push(String::new());
        } else if fence.column == 0 {
            self.out.push(inline::code(line));
        } else {
            let text = format!("{}{}", " ".repeat(indent.max(fence.column)), inline::code(rest));
            self.out.push(text);
        }
    }

    fn close(&mut self) {
        if let Some(fence) = self.fence.take() {
            let marks = fence.mark.to_string().repeat(fence.length);
            self.out.push(format!("{}{marks}", " ".repeat(fence.column)));
            if fence.column >= 4 {
                self.part();
            }
        }
    }

    fn text_line(&mut self, line: &str, comment_closes_later: bool) {
        let (indent, rest) = indentation(line);
        if list_marker(rest).is_some() {
            self.in_list = true;
        } else if indent == 0 && self.after_blank() {
            self.in_list = false;
        }
        let printed = inline::markdown(rest, comment_closes_later);
        self.in_comment = printed.in_comment;
        let text = format!("{}{}", " ".repeat(indent), printed.text);
        // What was taken out may have uncovered marks of code or quotation.
        let uncovered = past_markers_and_quotes(&text);
        let text = match text.split_at_checked(text.len() - uncovered.len()) {
            Some((before, marks)) if opens_fence(marks).is_some() || may_define(marks) => {
                format!("{before}\\{marks}")
            }
            _ => text,
        };
        if !(printed.in_comment && text.trim().is_empty()) {
            self.out.push(text.trim_end_matches('\t').to_owned());
        }
    }

    fn quotation(&mut self, lines: &[&str], depth: usize) {
        let inner: Vec<&str> = lines.iter().map(|line| unquoted(line)).collect();
        let indent = lines.first().map_or(0, |line| indentation(line).0);
        for line in print(&inner, depth + 1) {
            self.out.push(format!("{}> {line}", " ".repeat(indent)).trim_end().to_owned());
        }
        // The next line must not go on with the quotation's last paragraph.
        self.out.push(String::new());
    }

    fn indented_code(&mut self, lines: &[&str]) {
        let dedented = |line: &&str| {
            let (indent, rest) = indentation(line);
            format!("{}{rest}", " ".repeat(indent.saturating_sub(4)))
        };
        let text: Vec<String> = lines.iter().map(dedented).collect();
        self.out.extend(fenced(&text.join("\n"), "").split('\n').map(str::to_owned));
    }

    fn finish(mut self) -> Vec<String> {
        self.close();
        self.out
    }
}

fn leading(lines: &[&str], is: impl Fn(&str) -> bool) -> usize {
    lines.iter().take_while(|line| is(line)).count()
}

fn is_quote(line: &str) -> bool {
    let (indent, rest) = indentation(line);
    indent < 4 && rest.starts_with('>')
}

fn unquoted(line: &str) -> &str {
    let inner = indentation(line).1.strip_prefix('>').unwrap_or_default();
    inner.strip_prefix(' ').unwrap_or(inner)
}

/// How many lines of indented code begin here, blank ones between them included.
fn leading_code(lines: &[&str]) -> usize {
    let is_code = |line: &&str| indentation(line).0 >= 4 && !line.trim().is_empty();
    if !lines.first().is_some_and(is_code) {
        return 0;
    }
    let block = lines.iter().take_while(|line| is_code(line) || line.trim().is_empty());
    block.enumerate().filter(|(_, line)| is_code(line)).last().map_or(0, |(index, _)| index + 1)
}

/// Whether a line may begin the definition of a link whose name or target holds backticks that are read as code here.
fn may_define(marks: &str) -> bool {
    marks.starts_with('[') && (!marks.contains(']') || (marks.contains("]:") && marks.contains('`')))
}

fn past_markers_and_quotes(line: &str) -> &str {
    let mut rest = line;
    loop {
        rest = past_markers(rest).1;
        match rest.strip_prefix('>') {
            Some(after) => rest = after,
            None => return rest,
        }
    }
}

/// Tabs as spaces, so that a column means the same everywhere.
fn expanded(markers: &str) -> String {
    let mut out = String::new();
    for c in markers.chars() {
        match c {
            '\t' => out.push_str(&" ".repeat(4 - out.len() % 4)),
            _ => out.push(c),
        }
    }
    out
}
