//! One pass over Markdown that keeps what a person sees on GitHub: code byte for byte, prose without its hidden parts.
//!
//! The parser says where things are; everything not named here is copied from the source, so that formatting stays.

use std::collections::BTreeSet;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::html::{Html, UnknownTag};
use super::prose::Prose;
use super::{SECTIONS, badges};

/// Cleans once. What decoding uncovers is for the next pass.
pub(super) fn pass(source: &str, unknown: UnknownTag) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let events: Vec<_> = Parser::new_ext(source, options).into_offset_iter().collect();
    let mut walk = Walk {
        source,
        cursor: 0,
        prose: Prose::default(),
        html: Html::new(unknown),
        links: Vec::new(),
        block: None,
        footnotes: referenced(&events),
    };
    for (event, range) in events {
        walk.event(event, range);
    }
    walk.gap(source.len());
    walk.prose.finish()
}

/// The footnotes that the text itself refers to; GitHub shows no others.
fn referenced(events: &[(Event<'_>, Range<usize>)]) -> BTreeSet<String> {
    let mut definitions = 0_usize;
    let mut labels = BTreeSet::new();
    for (event, _) in events {
        if let Event::Start(Tag::FootnoteDefinition(_)) = event {
            definitions += 1;
        } else if let Event::End(TagEnd::FootnoteDefinition) = event {
            definitions = definitions.saturating_sub(1);
        } else if let Event::FootnoteReference(label) = event
            && definitions == 0
        {
            labels.insert(label.to_string());
        }
    }
    labels
}

/// A link whose text is being read.
struct Link {
    /// Where its text begins in the output; none until something of it was read.
    mark: usize,
    /// Its address, when it can be shown.
    address: Option<String>,
    /// Where the text ends in the source so far.
    text_end: usize,
    /// Whether anything but images was seen in it.
    has_words: bool,
}

struct Walk<'a> {
    source: &'a str,
    /// Up to where the source has been dealt with.
    cursor: usize,
    prose: Prose,
    html: Html,
    links: Vec<Link>,
    /// The HTML block being gathered, without the marks of the quotes and lists around it.
    block: Option<String>,
    footnotes: BTreeSet<String>,
}

impl<'a> Walk<'a> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the parser's enum: what is not named is copied as it stands")]
    fn event(&mut self, event: Event<'a>, range: Range<usize>) {
        match event {
            Event::End(TagEnd::Link) => return self.end_link(&range),
            Event::End(TagEnd::HtmlBlock) => return self.end_block(&range),
            _ => {}
        }
        if range.start < self.cursor {
            return;
        }
        match event {
            Event::Start(Tag::CodeBlock(kind)) => self.code_block(&kind, &range),
            Event::Start(Tag::HtmlBlock) => {
                self.gap(range.start);
                self.block = Some(String::new());
            }
            Event::Start(Tag::Link { link_type, dest_url, .. }) => self.start_link(link_type, &dest_url, &range),
            Event::Start(Tag::Image { dest_url, .. }) => {
                self.gap(range.start);
                if self.html.shows() {
                    self.prose.image(&dest_url);
                }
                self.done(range.end);
            }
            Event::Start(Tag::FootnoteDefinition(label)) => self.footnote(&label, &range),
            Event::Start(Tag::Heading { .. }) => self.heading(&range),
            Event::Start(Tag::Paragraph) if badges::is_status(self.slice(&range)) => {
                self.gap(range.start);
                self.done(range.end);
            }
            Event::Html(line) | Event::Text(line) if self.block.is_some() => {
                self.block.get_or_insert_default().push_str(&line);
                self.done(range.end);
            }
            // The event's own text, not the source: a tag over two lines of a quote has quote marks in the source.
            Event::Html(html) | Event::InlineHtml(html) => {
                self.gap(range.start);
                self.html.read(&html, &mut self.prose);
                self.done(range.end);
            }
            Event::Text(_) => self.words(&range, Prose::text),
            Event::Code(_) | Event::FootnoteReference(_) => self.words(&range, Prose::code),
            _ => {}
        }
    }

    fn words(&mut self, range: &Range<usize>, add: fn(&mut Prose, &str)) {
        self.gap(range.start);
        if self.html.shows() {
            let words = self.slice(range);
            add(&mut self.prose, words);
            for link in &mut self.links {
                link.has_words = true;
            }
        }
        self.done(range.end);
    }

    fn slice(&self, range: &Range<usize>) -> &'a str {
        self.source.get(range.clone()).unwrap_or("")
    }

    /// Copies the marks between the last dealt-with place and `to`.
    fn gap(&mut self, to: usize) {
        if let Some(gap) = self.source.get(self.cursor..to) {
            if self.html.shows() {
                self.prose.structure(gap);
            }
            self.done(to);
        }
    }

    fn done(&mut self, to: usize) {
        self.cursor = self.cursor.max(to);
        if let Some(link) = self.links.last_mut() {
            link.text_end = self.cursor;
        }
    }

    fn end_block(&mut self, range: &Range<usize>) {
        if let Some(html) = self.block.take() {
            self.html.read(&html, &mut self.prose);
            self.done(range.end);
        }
    }

    /// Code is kept; of its info string, which GitHub does not show, only the language.
    fn code_block(&mut self, kind: &CodeBlockKind<'_>, range: &Range<usize>) {
        self.gap(range.start);
        let code = self.slice(range);
        self.done(range.end);
        if !self.html.shows() {
            return;
        }
        let CodeBlockKind::Fenced(info) = kind else { return self.prose.code(code) };
        let (opening, content) = code.split_once('\n').unwrap_or((code, ""));
        let fence_end = opening.find(|c| c != '`' && c != '~').unwrap_or(opening.len());
        let fence = opening.get(..fence_end).unwrap_or("");
        let language = language(info);
        self.prose.code(fence);
        self.prose.code(language);
        if code.contains('\n') {
            self.prose.code("\n");
        }
        match language.to_ascii_lowercase().as_str() {
            // These are drawn, not shown: their comments are as hidden as HTML's.
            "mermaid" => self.lines(content, |line| !line.trim_start_matches([' ', '>', '\t']).starts_with("%%")),
            "math" | "latex" | "tex" => self.lines(content, |line| !line.contains("phantom") && !line.contains('%')),
            _ => self.prose.code(content),
        }
    }

    fn lines(&mut self, content: &str, keep: impl Fn(&str) -> bool) {
        for line in content.split_inclusive('\n').filter(|line| keep(line)) {
            self.prose.code(line);
        }
    }

    fn start_link(&mut self, kind: LinkType, address: &str, range: &Range<usize>) {
        self.gap(range.start);
        if let LinkType::Autolink | LinkType::Email = kind {
            let shown = self.slice(range);
            if self.html.shows() {
                self.prose.text(shown);
            }
            return self.done(range.end);
        }
        let mark = self.prose.mark();
        if self.html.shows() {
            self.prose.placed("[");
        }
        // The text begins behind the bracket.
        self.cursor = range.start + 1;
        self.links.push(Link { mark, address: shown_address(address), text_end: range.start + 1, has_words: false });
    }

    fn end_link(&mut self, range: &Range<usize>) {
        let Some(link) = self.links.pop() else { return };
        if self.html.shows() {
            if !link.has_words {
                // A link without words is a badge or a place to hide an address.
                self.prose.rewind(link.mark);
            } else if let Some(address) = link.address {
                self.prose.placed(&format!("]({address})"));
            } else {
                self.prose.placed("]");
            }
        }
        self.done(range.end.max(link.text_end));
    }

    fn footnote(&mut self, label: &str, range: &Range<usize>) {
        self.gap(range.start);
        if !self.footnotes.contains(label) {
            return self.done(range.end);
        }
        let opening = format!("[^{label}]:");
        if self.html.shows() && self.slice(range).starts_with(&opening) {
            self.prose.placed(&opening);
        }
        self.done(range.start + opening.len());
    }

    /// A heading that could pass for one of the prompt's own is marked as quoted.
    fn heading(&mut self, range: &Range<usize>) {
        let text = self.slice(range);
        let plain: String = text
            .chars()
            .filter(|c| c.is_alphanumeric() || c.is_whitespace())
            .collect::<String>()
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        let Some(section) = SECTIONS.iter().find(|section| section.eq_ignore_ascii_case(&plain)) else { return };
        self.gap(range.start);
        if self.html.shows() {
            let end = if text.ends_with('\n') { "\n" } else { "" };
            self.prose.placed(&format!("#### Quoted: {section}{end}"));
        }
        self.done(range.end);
    }
}

/// The first word of an info string, when it can be a language.
fn language(info: &str) -> &str {
    let first = info.split([' ', '\t', ',', '{']).next().unwrap_or("");
    let fits = first.len() <= 20
        && first.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'#' | b'-' | b'_' | b'.'));
    if fits { first } else { "" }
}

/// A link's address as it may stand in the prompt: of the web or of the repository, and in one piece.
fn shown_address(address: &str) -> Option<String> {
    let (scheme, _) = address.split_once(':').unwrap_or(("", address));
    let of_the_web = ["http", "https", "mailto"].iter().any(|known| known.eq_ignore_ascii_case(scheme));
    let relative = !address.split(['/', '?', '#']).next().unwrap_or("").contains(':');
    let whole = !address.is_empty()
        && address.len() <= 300
        && address.chars().all(|c| !c.is_whitespace() && !matches!(c, '<' | '>' | '\\' | '`' | '"' | '[' | ']'));
    (whole && (of_the_web || relative)).then(|| address.replace('(', "%28").replace(')', "%29"))
}
