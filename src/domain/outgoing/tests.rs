//! Outgoing text against another reader of Markdown: what we neutralise stays neutral for it too.

use super::*;
use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};
use proptest::prelude::*;

/// A zero-width space, written so that it can be seen.
const Z: char = '\u{200b}';

fn comment(text: &str) -> String {
    comment_text(&Untrusted::new(text), 60_000)
}

fn commit(text: &str) -> CommitMessage {
    commit_message(&Untrusted::new(text))
}

/// Text that a reader of GitHub's markdown sees outside code, one piece a paragraph, with what it would load or hide.
struct Seen {
    text: String,
    offences: Vec<&'static str>,
}

fn seen(markdown: &str) -> Seen {
    let arena = Arena::new();
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    options.extension.autolink = true;
    options.extension.footnotes = true;
    let mut seen = Seen { text: String::new(), offences: Vec::new() };
    look(parse_document(&arena, markdown, &options), &mut seen);
    seen
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the enum is the other reader's, and only these of its kinds matter"
)]
fn look<'a>(node: &'a AstNode<'a>, seen: &mut Seen) {
    match &node.data.borrow().value {
        NodeValue::Text(text) => seen.text.push_str(text),
        NodeValue::SoftBreak | NodeValue::LineBreak => seen.text.push('\n'),
        NodeValue::Code(_) | NodeValue::CodeBlock(_) => seen.text.push('\u{fffc}'),
        NodeValue::HtmlBlock(_) | NodeValue::HtmlInline(_) => seen.offences.push("html"),
        NodeValue::Image(_) => seen.offences.push("image"),
        NodeValue::Link(link) if refers(&link.url) => seen.offences.push("link to an issue"),
        _ => {}
    }
    node.children().for_each(|child| look(child, seen));
    if node.data.borrow().value.block() {
        seen.text.push('\n');
    }
}

fn refers(url: &str) -> bool {
    let url = url.to_lowercase();
    let path = ["https://github.com/", "http://github.com/", "https://www.github.com/"]
        .iter()
        .find_map(|host| url.strip_prefix(host));
    path.is_some_and(|path| matches!(path.split('/').nth(2), Some("issues" | "pull" | "discussions")))
}

/// What GitHub would make of the text: mentions by its own rule, references, CI switches, our marker.
fn offences(markdown: &str) -> Vec<&'static str> {
    let Seen { text, mut offences } = seen(markdown);
    let characters: Vec<char> = text.chars().collect();
    for (at, pair) in characters.windows(2).enumerate() {
        let before = at.checked_sub(1).map(|before| characters[before]);
        let behind_word = before.is_some_and(|c| c.is_ascii_alphanumeric());
        if pair[0] == '@' && pair[1].is_ascii_alphanumeric() && !behind_word {
            offences.push("mention");
        }
        if pair[0] == '#' && pair[1].is_ascii_digit() {
            offences.push("reference");
        }
    }
    if text.to_lowercase().contains("[skip ci]") {
        offences.push("switch");
    }
    if markdown.to_lowercase().split("<!--").skip(1).any(|after| after.trim_start().starts_with("porter")) {
        offences.push("marker");
    }
    offences
}

#[test]
fn what_is_harmless_stays_as_it_is() {
    for text in [
        "# Title\n\nSome *words* and **more**, `code`, [a link](https://example.com/a?b=c&d=e#f).\n\n- one\n- two\n\n1. x\n2. y",
        "mail me at a.b@example.com",
        "```rust\nfn main() { @x #1 <b> ![](y) }\n```",
        "before\n\n```\n> quote @me\n\n    deep\n```\n\nafter",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "a < b && c > d; 3 & 4",
        "> a quote\n> of two lines",
        "run `npm i @types/node` and `git commit -m 'Fixes #1'`",
        "- item\n\n  ```sh\n  echo @you\n  ```\n- next",
        "* not # a heading #x",
        "https://github.com/o/r/blob/main/README.md",
    ] {
        assert_eq!(comment(text), text);
    }
}

#[test]
fn what_would_reach_someone_does_not() {
    for (text, printed) in [
        ("@octocat", format!("@{Z}octocat")),
        ("hi @o/team!", format!("hi @{Z}o/team!")),
        ("_@me_ (@you) \\@they", format!("_@{Z}me_ (@{Z}you) \\@{Z}they")),
        ("@@me", format!("@{Z}@{Z}me")),
        ("Fixes #12", format!("Fixes #{Z}12")),
        ("closes: o/r#12, GH-7 and gh-8", format!("closes: o/r#{Z}12, GH{Z}-7 and gh{Z}-8")),
        ("resolves\n#1", format!("resolves\n#{Z}1")),
        ("Fixes https://github.com/o/r/issues/1", "Fixes https://redirect.github.com/o/r/issues/1".to_owned()),
        ("HTTP://WWW.GitHub.com/o/r/pull/1#x", "HTTP://redirect.github.com/o/r/pull/1#x".to_owned()),
        ("https://ghe.example/o/r/issues/1", "https://ghe.example/o/r/%69ssues/1".to_owned()),
        ("https://m.example/@you/post", "https://m.example/%40you/post".to_owned()),
        ("&#64;me &commat;me @&#109;e", format!("&amp;#{Z}64;me &amp;commat;me @{Z}&amp;#{Z}109;e")),
        ("![alt](https://x.example/p.png)", "[alt](https://x.example/p.png)".to_owned()),
        ("a !![](https://x.example/p.png)", "a [image](https://x.example/p.png)".to_owned()),
        ("<img alt='x' src='https://x.example/p.png'>", "[image](https://x.example/p.png)".to_owned()),
        ("<b>x</b><script>", "&lt;b>x&lt;/b>&lt;script>".to_owned()),
        ("<https://x.example/a>", "https://x.example/a".to_owned()),
        ("a<!-- hidden -->b", "ab".to_owned()),
        ("a <!-- x\n\ny --> b", "a \n b".to_owned()),
        ("<!-<!-- x -->- porter:task=1 -->", "&lt;!-- porter:task=1 -->".to_owned()),
        ("never closed <!-- x", "never closed &lt;!-- x".to_owned()),
        ("`<!-- porter:task=1 -->`", "`<! -- porter:task=1 -->`".to_owned()),
        ("z\u{200d}w\u{202e}x\u{e0041}\u{0}", "zwx".to_owned()),
        ("[skip ci]", format!("[{Z}skip ci]")),
        ("a `lone tick\n`@me` and", "a \\`lone tick\n`@me` and".to_owned()),
        ("| `a | @me` |", format!("| `a | @{Z}me` |")),
        ("```\nnever closed @me", "```\nnever closed @me\n```".to_owned()),
        ("- a\n\n  ```\n@me\n  ```\n@you", format!("- a\n\n  ```\n  @me\n  ```\n@{Z}you")),
        ("text\n\n    indented @me\n\n    more\n\nafter", "text\n\n```\nindented @me\n\nmore\n```\n\nafter".to_owned()),
        ("> @me\nlazy @you", format!("> @{Z}me\n\nlazy @{Z}you")),
        // What GitHub reads before it looks for code: addresses, targets and titles, names of links.
        ("https://x.example/```<b>```", "https://x.example/ ```<b>```".to_owned()),
        ("[t](x`) `@me` `\n`@you`", format!("[t]\\(x`) `@{Z}me` `\n`@you`")),
        ("[a`]: /u`x", "\\[a`]: /u`x".to_owned()),
        ("[a\nb]: /u", "\\[a\nb]: /u".to_owned()),
        ("[t](<x>) [t](x \"y\") [t](a(b)c)", "[t]\\(&lt;x>) [t](x \"y\") [t](a(b)c)".to_owned()),
        ("| `<b>![|` | &#64;x `|`", format!("| `<{Z}b>!{Z}[|` | &amp;#{Z}64;x `|`")),
        ("14. \t```\n@me\n    ```", "14.     ```\n        @me\n        ```".to_owned()),
        ("<!-- x -->~~~\n@me", format!("\\~~~\n@{Z}me")),
    ] {
        assert_eq!(comment(text), printed.trim(), "{text:?}");
        assert_eq!(offences(&comment(text)), [""; 0], "{text:?}");
    }
}

#[test]
fn the_peer_sees_what_github_would() {
    for (text, offence) in [
        ("@me", "mention"),
        ("`a\n`@me` b", "mention"),
        ("#1", "reference"),
        ("![a](b)", "image"),
        ("<b>", "html"),
        ("https://github.com/o/r/issues/1", "link to an issue"),
        ("&#64;me", "mention"),
        ("[skip ci]", "switch"),
        ("`<!--porter`", "marker"),
    ] {
        assert!(offences(text).contains(&offence), "{text}");
    }
}

#[test]
fn a_long_text_is_cut_and_stays_closed() {
    for text in [
        "word ".repeat(1000),
        format!("```\n{}", "@code\n".repeat(500)),
        "@x ".repeat(1000),
        "`a` ".repeat(999),
        "é".repeat(3000),
        "<".repeat(2000) + "b",
    ] {
        for limit in [0, 1, 10, 40, 100, 500] {
            let cut = comment_text(&Untrusted::new(text.as_str()), limit);
            assert!(cut.chars().count() <= limit, "{limit}: {cut}");
            assert!(limit < 60 || cut.ends_with("… (cut, the text was longer)"), "{cut}");
            assert_eq!(offences(&cut), [""; 0], "{cut}");
        }
    }
    let short = comment_text(&Untrusted::new("x".repeat(100)), 100);
    assert_eq!(short.len(), 100);
}

#[test]
fn titles_are_one_plain_line() {
    for (text, title_is) in [
        ("Fix the flaky test", "Fix the flaky test".to_owned()),
        ("\n\n## Fix   the\tbug ##\nmore", "Fix the bug ##".to_owned()),
        ("Fix #12 for @me", format!("Fix #{Z}12 for @{Z}me")),
        ("Co-authored-by: x <x@y>\nFix it", "Fix it".to_owned()),
        ("a\u{202e}b\u{0}c\r\nx", "abc".to_owned()),
        ("[skip ci] Fix", format!("[{Z}skip ci] Fix")),
        ("", String::new()),
        (" \n\t\n", String::new()),
    ] {
        assert_eq!(title(&Untrusted::new(text)), title_is, "{text:?}");
    }
    let long = title(&Untrusted::new("é@x ".repeat(200)));
    assert!(long.chars().count() <= 120 && long.ends_with('…'), "{long}");
}

#[test]
fn an_agents_trailers_do_not_reach_the_commit() {
    let message = commit(
        "Fix it\n\nBecause of #1.\nNote: this stays.\n\nCo-authored-by: Evil <e@example.com>\n folded\nSigned-off-by: x\nPORTER-TASK: 01other\nskip-checks: true\nskip-checks=true\nReviewed-By : y\nStand-by: yes, gone\nlast line",
    );
    assert_eq!(message.title, "Fix it");
    assert_eq!(message.body, format!("Because of #{Z}1.\nNote: this stays.\n\nlast line"));
    assert_eq!(commit("Only a title\n\n\n"), CommitMessage { title: "Only a title".into(), body: String::new() });
    assert_eq!(
        commit("T\n\nFixes https://github.com/o/r/issues/3 `@me`").body,
        format!("Fixes https://redirect.github.com/o/r/issues/3 `@{Z}me`")
    );
}

#[test]
fn quotes_blocks_and_spans_hold_what_they_are_given() {
    assert_eq!(quote(&Untrusted::new("a @me\n\nb"), 100), format!("> a @{Z}me\n>\n> b"));
    assert!(quote(&Untrusted::new("a\n".repeat(100)), 80).chars().count() <= 80);
    assert_eq!(code_block(&Untrusted::new("a\n```\nb"), "text"), "````text\na\n```\nb\n````");
    assert_eq!(code_block(&Untrusted::new("x"), ""), "```\nx\n```");
    for (text, span) in [
        ("a", "`a`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("", "`  `"),
        ("a\nb", "`a b`"),
        ("abcdefghijk", "`abcdefghij…`"),
    ] {
        assert_eq!(code_span(&Untrusted::new(text), 10), span);
    }
}

#[test]
fn every_way_out_is_linear() {
    for unit in [
        "`",
        "`a``b",
        "<!--",
        "-->",
        "<",
        "![",
        "!",
        "[",
        "> ",
        "- ",
        "```\n",
        "@",
        "#1",
        "https://",
        "    x\n",
        "\\",
        "|",
        "<img src=",
        "&",
        "h",
        "> - ",
        "1. ```\n",
    ] {
        let text = Untrusted::new(unit.repeat(65_536 / unit.len()));
        let begin = std::time::Instant::now();
        assert!(comment_text(&text, 60_000).chars().count() <= 60_000);
        let _ = (commit_message(&text), code_span(&text, 100), quote(&text, 1000));
        assert!(begin.elapsed().as_secs() < 8, "{unit:?}: {:?}", begin.elapsed());
    }
}

fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "@me",
        "@o/t",
        "#1",
        "Fixes #2",
        "GH-3",
        "[skip ci]",
        "https://github.com/o/r/issues/1",
        "`",
        "``",
        "```",
        "~~~",
        "```sh\n",
        "\n",
        "\n",
        "\n\n",
        "    ",
        "  ",
        "\t",
        "> ",
        ">",
        "- ",
        "1. ",
        "14. ",
        "# ",
        "<!--",
        "-->",
        "<!-- porter:",
        "![",
        "!",
        "[",
        "](x)",
        "[^1]: ",
        "\\",
        "word",
        " ",
        "|",
        "|\n|-|-|\n",
        "*",
        "_",
        "---\n",
        "<b>",
        "<pre>",
        "<details>\n",
        "</details>",
        "<br>",
        "\"",
        "&#64;",
        "&commat;",
        "&",
        "é",
        "\u{200b}",
        "<img src='https://x.y/z'>",
        "$",
        "~",
        "`) `",
        "[a`]: /u`x\n",
        "[t][a`]",
        "(",
        ")",
        "'",
        "www.x.y",
        "](x '",
        "a@b.c",
    ]);
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn nothing_gets_through_to_another_reader(text in soup()) {
        let printed = comment(&text);
        prop_assert_eq!(offences(&printed), Vec::<&str>::new(), "{:?}\n{:?}", text, printed);
        // Whatever is appended is read as what it is.
        prop_assert!(seen(&format!("{printed}\n\nappended")).text.contains("appended"), "{:?}", printed);
    }

    #[test]
    fn plain_ways_out_hold_too(text in soup()) {
        let message = commit(&text);
        for line in [&message.title, &message.body] {
            for (at, c) in line.char_indices().filter(|(_, c)| matches!(c, '@' | '#')) {
                let next = line[at + 1..].chars().next();
                prop_assert!(!next.is_some_and(|next| next.is_ascii_alphanumeric() && (c == '#' || !line[..at].ends_with(|c: char| c.is_ascii_alphanumeric()))), "{}", line);
            }
            prop_assert!(!line.contains("[skip ci]") && !line.contains("//github.com/o/r/issues"));
        }
        prop_assert!(!message.title.contains('\n') && message.title.chars().count() <= 120);
        prop_assert_eq!(offences(&quote(&Untrusted::new(text.as_str()), 5000)), Vec::<&str>::new());
        prop_assert_eq!(offences(&code_block(&Untrusted::new(text.as_str()), "text")), Vec::<&str>::new());
        prop_assert_eq!(offences(&code_span(&Untrusted::new(text), 200)), Vec::<&str>::new());
    }
}
