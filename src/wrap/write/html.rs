//! HTML inside Markdown, read as a browser reads it, to know which text a person sees and which stays hidden.
//!
//! Where GitHub's renderer and a browser could disagree about what follows, the rest of the document counts as hidden:
//! leaving out too much is an inconvenience, a place to hide words is a hole.

use super::prose::Prose;

/// What to do with a tag that is no HTML element and has no attribute, as `<String>` in `Vec<String>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UnknownTag {
    /// GitHub shows nothing in its place (rendered Markdown).
    Hidden,
    /// GitHub shows it as written (titles).
    Shown,
}

/// How far hiding reaches at this point of the document.
#[derive(Debug, PartialEq, Eq)]
enum Sight {
    Seen,
    /// Inside an element that is not shown, with this many open elements of its name.
    Inside {
        name: String,
        open: usize,
    },
    /// Nothing below is shown, or nobody can tell.
    Lost,
}

/// Follows the HTML of one document.
pub(super) struct Html {
    sight: Sight,
    unknown: UnknownTag,
}

impl Html {
    pub(super) fn new(unknown: UnknownTag) -> Self {
        Self { sight: Sight::Seen, unknown }
    }

    /// Whether text at this point is seen.
    pub(super) fn shows(&self) -> bool {
        self.sight == Sight::Seen
    }

    /// Reads a stretch of HTML and adds what is seen of it. A construct left open at its end is not closed by what
    /// follows in any way that can be relied on, so everything after an open comment or quote is lost.
    pub(super) fn read(&mut self, html: &str, prose: &mut Prose) {
        let mut rest = html;
        while !rest.is_empty() && self.sight != Sight::Lost {
            let Some(at) = rest.find('<') else {
                self.text(rest, prose);
                return;
            };
            let (text, markup) = rest.split_at(at);
            self.text(text, prose);
            rest = self.construct(markup, prose);
        }
    }

    fn text(&self, text: &str, prose: &mut Prose) {
        if self.shows() {
            prose.text(text);
        }
    }

    /// Reads the construct that begins with the `<` in front, and gives what follows it.
    fn construct<'a>(&mut self, markup: &'a str, prose: &mut Prose) -> &'a str {
        if let Sight::Inside { name, .. } = &self.sight
            && RAW_TEXT.contains(&name.as_str())
            && !closes(markup, name)
        {
            return self.lose();
        }
        if let Some(comment) = markup.strip_prefix("<!--") {
            return after_comment(comment).unwrap_or_else(|| self.lose());
        }
        if let Some(section) = markup.strip_prefix("<![CDATA[") {
            // Comments to a browser, text to others: only a harmless one can be stepped over.
            return match section.split_once("]]>") {
                Some((inner, after)) if !inner.contains(['<', '>']) => after,
                Some(_) | None => self.lose(),
            };
        }
        if markup.starts_with("<!") || markup.starts_with("<?") {
            return markup.split_once('>').map_or_else(|| self.lose(), |(_, after)| after);
        }
        let named = markup.get(1..).unwrap_or("");
        if !named.strip_prefix('/').unwrap_or(named).starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.text("<", prose);
            return named;
        }
        match Tag::read(named) {
            Some(tag) => {
                let (raw, after) = markup.split_at(markup.len() - tag.after.len());
                self.tag(&tag, raw, prose);
                if tag.is_raw_text() && !tag.closing { self.raw_text(&tag, after) } else { after }
            }
            None => self.lose(),
        }
    }

    fn tag(&mut self, tag: &Tag<'_>, raw: &str, prose: &mut Prose) {
        if let Sight::Inside { name, open } = &mut self.sight {
            if *name == tag.name {
                *open = if tag.closing { *open - 1 } else { *open + 1 };
                if *open == 0 {
                    self.sight = Sight::Seen;
                }
            }
            return;
        }
        match tag.name.as_str() {
            "br" => prose.placed("\n"),
            "img" => prose.image(tag.value("src").unwrap_or("")),
            _ if self.unknown == UnknownTag::Shown && tag.attributes.is_empty() && !tag.is_html() => prose.placed(raw),
            _ if tag.hides() => self.sight = Sight::Inside { name: tag.name.clone(), open: 1 },
            _ => {}
        }
    }

    /// Steps over the content of an element that holds no markup for a browser but may for GitHub's filter.
    fn raw_text<'a>(&mut self, tag: &Tag<'_>, after: &'a str) -> &'a str {
        match after.find('<') {
            Some(at) => {
                let end = after.get(at..).unwrap_or("");
                if closes(end, &tag.name) { end } else { self.lose() }
            }
            None => "",
        }
    }

    fn lose<'a>(&mut self) -> &'a str {
        self.sight = Sight::Lost;
        ""
    }
}

/// Whether markup begins with the closing tag of this name.
fn closes(markup: &str, name: &str) -> bool {
    markup.strip_prefix("</").and_then(|end| end.get(..name.len())).is_some_and(|end| end.eq_ignore_ascii_case(name))
}

/// What follows a comment's end; none when it never ends. `<!-->` and `<!--->` are whole comments.
fn after_comment(comment: &str) -> Option<&str> {
    if let Some(after) = comment.strip_prefix('>').or_else(|| comment.strip_prefix("->")) {
        return Some(after);
    }
    let mut from = 0;
    while let Some(at) = comment.get(from..)?.find("--") {
        let end = comment.get(from + at + 2..)?;
        if let Some(after) = end.strip_prefix('>').or_else(|| end.strip_prefix("!>")) {
            return Some(after);
        }
        from += at + 1;
    }
    None
}

/// A tag with its attributes.
struct Tag<'a> {
    closing: bool,
    name: String,
    attributes: Vec<(String, String)>,
    after: &'a str,
}

impl<'a> Tag<'a> {
    /// Reads a tag from behind its `<`, by HTML's tokeniser; none when it does not end.
    fn read(markup: &'a str) -> Option<Self> {
        let (closing, markup) = markup.strip_prefix('/').map_or((false, markup), |markup| (true, markup));
        let name_end = markup.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))?;
        let (name, mut rest) = markup.split_at(name_end);
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
            if let Some(after) = rest.strip_prefix('>') {
                return Some(Self { closing, name: name.to_ascii_lowercase(), attributes, after });
            }
            // A leading `=` is part of the name; a quote in a name is an ordinary character.
            let first = rest.chars().next()?.len_utf8();
            let tail = rest.get(first..)?;
            let end = tail.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '='))?;
            let (key, after_key) = rest.split_at(first + end);
            let (value, after_value) = Self::value_of(after_key)?;
            attributes.push((key.to_ascii_lowercase(), value.to_ascii_lowercase()));
            rest = after_value;
        }
    }

    /// The value behind an attribute's name (empty without `=`), and what follows it.
    fn value_of(after_key: &str) -> Option<(&str, &str)> {
        let Some(value) = after_key.trim_ascii_start().strip_prefix('=') else { return Some(("", after_key)) };
        let value = value.trim_ascii_start();
        match value.chars().next()? {
            quote @ ('"' | '\'') => value.get(1..)?.split_once(quote),
            _ => Some(value.split_at(value.find(|c: char| c.is_ascii_whitespace() || c == '>')?)),
        }
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    fn is_html(&self) -> bool {
        ELEMENTS.contains(&self.name.as_str()) || self.hides_always() || self.is_raw_text() || self.is_void()
    }

    fn is_raw_text(&self) -> bool {
        RAW_TEXT.contains(&self.name.as_str())
    }

    fn is_void(&self) -> bool {
        VOID.contains(&self.name.as_str())
    }

    fn hides_always(&self) -> bool {
        NEVER_SHOWN.contains(&self.name.as_str())
    }

    /// Whether this tag opens an element whose content is not shown.
    fn hides(&self) -> bool {
        if self.closing || self.is_void() {
            return false;
        }
        self.hides_always() || self.is_raw_text() || self.attributes.iter().any(|(key, value)| hides(key, value))
    }
}

/// Whether an attribute keeps its element from being seen.
fn hides(key: &str, value: &str) -> bool {
    let squeezed: String = value.chars().filter(|c| !c.is_whitespace()).collect();
    match key {
        "hidden" => true,
        "aria-hidden" => squeezed == "true",
        "class" => value.split_ascii_whitespace().any(|class| HIDING_CLASSES.contains(&class)),
        "style" => HIDING_STYLES.iter().any(|style| squeezed.contains(style)),
        "width" | "height" => squeezed == "0",
        _ => false,
    }
}

const RAW_TEXT: &[&str] =
    &["script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript", "plaintext"];
const NEVER_SHOWN: &[&str] = &[
    "template", "head", "object", "svg", "math", "canvas", "audio", "video", "select", "datalist", "dialog", "map",
    "applet", "frameset", "meter", "progress",
];
const VOID: &[&str] =
    &["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr"];
const HIDING_CLASSES: &[&str] = &["hidden", "sr-only", "visually-hidden", "d-none", "show-on-focus"];
const HIDING_STYLES: &[&str] = &[
    "display:none",
    "visibility:hidden",
    "visibility:collapse",
    "opacity:0",
    "font-size:0",
    "font-size:1px",
    "color:transparent",
    "color:#fff",
    "color:white",
    "text-indent:-",
    "left:-",
    "top:-",
    "clip:",
    "clip-path:",
    "max-height:0",
    "max-width:0",
    "height:0",
    "width:0",
    "content-visibility:hidden",
    "transform:scale(0",
];
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "address",
    "article",
    "aside",
    "b",
    "bdi",
    "bdo",
    "big",
    "blockquote",
    "body",
    "button",
    "caption",
    "center",
    "cite",
    "code",
    "colgroup",
    "data",
    "dd",
    "del",
    "details",
    "dfn",
    "dir",
    "div",
    "dl",
    "dt",
    "em",
    "fieldset",
    "figcaption",
    "figure",
    "font",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hgroup",
    "html",
    "i",
    "ins",
    "kbd",
    "label",
    "legend",
    "li",
    "main",
    "mark",
    "menu",
    "nav",
    "ol",
    "optgroup",
    "option",
    "output",
    "p",
    "picture",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "search",
    "section",
    "small",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
];
