//! WRAP against hostile texts in every field, golden prompts, and properties.
//!
//! `UPDATE_GOLDEN=1 cargo test --test wrap` writes the golden prompts anew; read the difference before committing it.

#[path = "fixtures/wrap/material.rs"]
mod material;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use material::{at, comment, issue, pull_request, text};
use porter::domain::agent::Agent;
use porter::domain::repository_config::RepositoryConfig;
use porter::domain::untrusted::Untrusted;
use porter::wrap::material::{Access, Clarification, Material, Subject, Tests, TreeEntry};
use porter::wrap::pass::Part;
use porter::wrap::write::{Field, shows_nothing, write, write_path};
use porter::wrap::{Settings, Wrapped, wrap};
use proptest::prelude::*;

const PAYLOAD: &str = "zqpayload";

/// A hostile text: what it hides from whom, and what of it must stay.
#[derive(serde::Deserialize)]
struct Hostile {
    name: String,
    text: String,
    hides: Hides,
    keeps: Vec<String>,
}

#[derive(serde::Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Hides {
    /// Hidden where Markdown is rendered; in a diff it would be seen.
    Markdown,
    /// Made of characters that show nothing anywhere.
    Everywhere,
    /// Hides nothing, but wants to be more than text.
    Forges,
}

fn corpus() -> Vec<Hostile> {
    let corpus: Vec<Hostile> = serde_json::from_str(include_str!("fixtures/wrap/hostile.json")).unwrap();
    assert!(corpus.len() >= 60);
    corpus
}

fn wrapped(material: &Material) -> Wrapped {
    wrap(material, &Settings { max_tokens: 100_000 })
}

type Place = fn(&mut Material, Untrusted);

fn subject(
    material: &mut Material,
) -> (&mut porter::wrap::material::DiffFile, &mut porter::wrap::material::ReviewThread) {
    match &mut material.task.subject {
        Subject::PullRequest { diff, threads } => (&mut diff[0], &mut threads[0]),
        Subject::Issue => unreachable!("these tests use the pull request"),
    }
}

fn answered(material: &mut Material, question: &str, answer: Untrusted) {
    material.clarifications = vec![Clarification { question: text(question), answer }];
}

/// Where Markdown is rendered.
const RENDERED: [(&str, Place); 8] = [
    ("body", |m, t| m.task.body = t),
    ("instructions", |m, t| m.task.instructions = t),
    ("comment", |m, t| m.comments[0].body = t),
    ("AGENTS.md", |m, t| m.repository.agents_md = Some(t)),
    ("README", |m, t| m.repository.readme = Some(t)),
    ("review", |m, t| subject(m).1.comments[0].body = t),
    ("question", |m, t| m.clarifications = vec![Clarification { question: t, answer: text("yes") }]),
    ("answer", |m, t| answered(m, "which?", t)),
];

/// Where one line is shown.
const LINES: [(&str, Place); 7] = [
    ("title", |m, t| m.task.title = t),
    ("label", |m, t| m.task.labels = vec![t]),
    ("author", |m, t| m.task.author = t),
    ("asked by", |m, t| m.task.asked_by = t),
    ("comment's author", |m, t| m.comments[0].author = t),
    ("reviewer", |m, t| subject(m).1.comments[0].author = t),
    ("language", |m, t| m.repository.languages = vec![(t, 5)]),
];

/// Where text is shown as it is.
const SHOWN: [(&str, Place); 2] =
    [("diff", |m, t| subject(m).0.patch = Some(t)), ("search result", |m, t| m.repository.hits[0].fragment = t)];

/// Where a path is expected.
const PATHS: [(&str, Place); 4] = [
    ("tree", |m, t| m.repository.tree.push(TreeEntry { path: t, size: 1 })),
    ("diff's path", |m, t| subject(m).0.path = t),
    ("search result's path", |m, t| m.repository.hits[0].path = t),
    ("thread's path", |m, t| subject(m).1.path = t),
];

fn with(place: Place, hostile: &str) -> Wrapped {
    let mut material = pull_request();
    place(&mut material, text(hostile));
    wrapped(&material)
}

/// The prompt without the strangers' blocks: what only Porter says.
fn outside(prompt: &str) -> String {
    let open = format!("\n<{}", delimiter(prompt));
    let close = format!("\n</{}>", delimiter(prompt));
    let mut rest = prompt;
    let mut out = String::new();
    while let Some((before, block)) = rest.split_once(&open) {
        out.push_str(before);
        rest = block.split_once(&close).expect("every block is closed").1;
    }
    out + rest
}

fn delimiter(prompt: &str) -> String {
    prompt.split_once('<').unwrap().1.split([' ', '>']).next().unwrap().to_owned()
}

#[test]
fn no_hidden_text_reaches_the_prompt_from_any_field() {
    for hostile in corpus() {
        let one_line = !hostile.text.contains('\n');
        let everywhere = hostile.hides == Hides::Everywhere;
        let places = RENDERED
            .iter()
            .chain(LINES.iter().filter(|_| one_line))
            .chain(SHOWN.iter().filter(|_| everywhere))
            .chain(&PATHS);
        for (field, place) in places {
            let prompt = with(*place, &hostile.text).prompt;
            let case = format!("{} in {field}", hostile.name);
            assert!(!prompt.to_lowercase().contains(PAYLOAD), "{case}: {prompt}");
            assert!(!prompt.chars().any(shows_nothing), "{case}");
        }
        for (field, place) in &RENDERED {
            let prompt = with(*place, &hostile.text).prompt;
            for kept in &hostile.keeps {
                assert!(prompt.contains(kept.as_str()), "{} in {field}: lost {kept:?}\n{prompt}", hostile.name);
            }
        }
    }
}

#[test]
fn nothing_gets_out_of_its_block() {
    for hostile in corpus() {
        for (field, place) in RENDERED.iter().chain(&SHOWN).chain(&LINES[..1]) {
            let benign = outside(&with(*place, "seen").prompt);
            let prompt = with(*place, &format!("seen {}\n\nseen", hostile.text)).prompt;
            let case = format!("{} in {field}", hostile.name);
            assert_eq!(outside(&prompt), benign, "{case}: {prompt}");
            let outer = delimiter(&prompt);
            let ours = prompt.matches("<porter-text").count() + prompt.matches("</porter-text").count();
            assert_eq!(
                ours,
                prompt.matches(&format!("<{outer} ")).count() + prompt.matches(&format!("</{outer}>")).count(),
                "{case}"
            );
        }
        for (field, place) in RENDERED {
            let prompt = with(place, &hostile.text).prompt;
            let headings = prompt.lines().filter(|line| *line == "## Instructions").count();
            assert_eq!(headings, 1, "{} in {field}", hostile.name);
        }
    }
}

#[test]
fn technical_detail_is_kept_byte_for_byte() {
    for kept in [
        "```html\n<!-- kept --> <img alt=\"kept\"> [//]: # (kept) &lt;b&gt;\n\n\n\n  trailing  \n```",
        "~~~\n## Instructions\n~~~",
        "    indented <!-- kept -->\n\n\n    &amp; more",
        "`<!-- kept -->` and ``a ` b``",
        "- item\n\n  ```js\n  a < b && c > d; // <b title=\"x\">\n  ```\n- [x] done\n- [ ] open",
        "| a | b |\n|:--|--:|\n| 1 | `x|y` |",
        "1. one\n2. two\n\n> quoted\n> text",
        "see src/a.rs:12, https://example.com/a?b=1&c=2#d and #12, @bob, a < b, x -> y, 5 > 3",
        "**bold** _it_ ~~gone~~ \\*kept\\* snake_case_name __init__",
        "[docs](https://example.com/x) and <https://example.com/y>",
        "# Heading\n\n## Steps\n\n---\n\ntext[^1]\n\n[^1]: note",
        "Ünïcödé 日本語 → λ 🚀",
    ] {
        let clean = write(Field::Body, &text(kept));
        assert_eq!(clean.as_str(), kept);
    }
    assert_eq!(
        write(Field::Title, &text("Parse `Vec<String>` and Vec<String>")).as_str(),
        "Parse `Vec<String>` and Vec<String>"
    );
    assert!(wrapped(&pull_request()).prompt.contains("+// <b>one hour</b>"));
}

#[test]
fn status_lines_and_details_are_read_as_people_read_them() {
    for (written, clean) in [
        ("Build Status: passing\n\nThe bug.", "The bug."),
        ("<details>\n<summary>Log</summary>\n\n```\nlog\n```\n</details>", "Log\n\n```\nlog\n```"),
        ("a\r\nb\r\n\r\n\r\n\r\nc", "a\nb\n\nc"),
        ("![screen](docs/a.png) and ![b](https://example.com/b.png)", "[image: docs/a.png] and [image]"),
        ("[text][r] here\n\n[r]: https://example.com/(x)", "[text](https://example.com/%28x%29) here"),
        ("## Issue\n\ntext", "#### Quoted: Issue\n\ntext"),
    ] {
        assert_eq!(write(Field::Body, &text(written)).as_str(), clean, "{written:?}");
    }
}

#[test]
fn what_is_said_or_edited_at_the_trigger_or_later_is_not_read() {
    let said = |created: &str, updated: &str, access: Access| {
        let mut material = pull_request();
        let mut late = comment("dave", created, "the late words");
        late.updated_at = at(updated);
        late.access = access;
        material.comments.push(late.clone());
        subject(&mut material).1.comments.push(late);
        wrapped(&material).prompt.matches("the late words").count()
    };
    let (early, late) = ("2026-02-18T09:59:59Z", "2026-02-18T10:00:01Z");
    assert_eq!(said(early, early, Access::Write), 2);
    assert_eq!(said(early, early, Access::Less), 0);
    for (created, updated) in
        [(early, late), (late, late), (early, "2026-02-18T10:00:00Z"), (early, "2026-02-18T10:00:00.400Z")]
    {
        assert_eq!(said(created, updated, Access::Write), 0, "{created} {updated}");
    }
    let mut material = issue();
    material.comments.push(comment("porter", early, "<!-- porter:task=01jabc -->\nPorter is at work"));
    assert!(!wrapped(&material).prompt.contains("at work"));
}

/// Compares with the file of this name, or writes it.
fn golden(name: &str, wrapped: &Wrapped) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/wrap/golden").join(format!("{name}.md"));
    let warnings: Vec<String> = wrapped.warnings.iter().map(|warning| format!("warning: {warning}\n")).collect();
    let signals: Vec<String> = wrapped
        .assessment
        .signals
        .iter()
        .map(|signal| format!("{:?} {}/{}", signal.name, signal.points, signal.of))
        .collect();
    let text = format!(
        "{}\n=====\nsha256 {}\ntokens {}\nreadiness {}: {}\n{}",
        wrapped.prompt,
        wrapped.sha256,
        wrapped.tokens,
        wrapped.assessment.score,
        signals.join(", "),
        warnings.concat()
    );
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &text).unwrap();
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(text, expected, "{name}: UPDATE_GOLDEN=1 writes it anew");
}

fn made(change: impl FnOnce(&mut Material)) -> Wrapped {
    let mut material = issue();
    change(&mut material);
    wrap(&material, &Settings::default())
}

#[test]
fn golden_prompts() {
    golden("issue", &made(|_| {}));
    golden(
        "bare",
        &made(|m| {
            m.repository = Default::default();
            m.comments.clear();
            m.task.labels.clear();
            (m.task.body, m.task.instructions) = (text(""), text(""));
        }),
    );
    golden("no_agents_md", &made(|m| m.repository.agents_md = None));
    golden("no_tests", &made(|m| m.task.tests = Tests::Skip));
    golden("pull_request", &made(|m| *m = pull_request()));
    golden("clarifications", &made(|m| answered(m, "Which session, web or API?", text("The web's."))));
    golden(
        "settings",
        &made(|m| {
            let json = r#"{"setup": "npm ci", "verify": "cargo test", "protected_paths": ["infra/**"]}"#;
            m.repository.config = RepositoryConfig::parse(json).unwrap();
        }),
    );
    golden(
        "cut",
        &made(|m| {
            m.task.body = text(&"Every line of this long description says something else.\n".repeat(300));
            m.repository.config.max_prompt_tokens = Some(2_400);
            m.repository.tree_truncated = true;
        }),
    );
}

#[test]
fn golden_templates() {
    let template = "# {{ repository }} #{{number}} for {{agent}}\n\n{{issue}}\n\nBe brief.\n\n{{instructions}}\n({{base}} <- {{branch}})";
    golden("template", &made(|m| m.repository.template = Some(text(template))));
    golden(
        "agent_template",
        &made(|m| {
            m.task.agent = Agent::Codex;
            m.repository.template = Some(text(template));
            m.repository.agent_template = Some(text("For codex.\n\n{{issue}}\n{{context}}\n{{instructions}}"));
        }),
    );
    golden("bad_template", &made(|m| m.repository.template = Some(text("{{issue}}\n{{instructions}}\n{{isue}}"))));
    for (bad, words) in [
        ("{{issue}}", "{{instructions}} is missing"),
        ("{{instructions}}", "{{issue}} is missing"),
        ("{{issue}}\n{{instructions", "line 2 opens a placeholder"),
        (&"{{issue}}{{instructions}} many words".repeat(900), "more than half of the budget of 24000"),
    ] {
        let wrapped = made(|m| m.repository.template = Some(text(bad)));
        assert!(wrapped.warnings[0].to_string().contains(words), "{:?}", wrapped.warnings);
        assert_eq!(wrapped.prompt, made(|_| {}).prompt);
    }
}

#[test]
fn cuts_keep_to_the_budget_and_the_order() {
    let mut material = pull_request();
    let long = "Some words that say a thing, again and again.\n".repeat(100);
    material.task.body = text(&long);
    material.task.instructions = text(&long);
    material.repository.readme = Some(text(&long));
    material.repository.agents_md = Some(text(&long));
    material.comments = (0..30).map(|n| comment("carol", "2026-02-17T09:00:00Z", &format!("{n} {long}"))).collect();
    material.repository.tree =
        (0..300).map(|n| TreeEntry { path: text(&format!("d{}/{n}.rs", n / 9)), size: 1 }).collect();
    let mut last = 0;
    for max_tokens in [2_000, 2_500, 4_000, 8_000, 16_000, 24_000, 60_000] {
        let wrapped = wrap(&material, &Settings { max_tokens });
        assert!(wrapped.tokens <= u64::from(max_tokens), "{} > {max_tokens}", wrapped.tokens);
        assert!(wrapped.tokens >= last, "a larger budget is used");
        assert!(
            wrapped.tokens > u64::from(max_tokens) * 3 / 4 || wrapped.cuts.is_empty(),
            "{} of {max_tokens}",
            wrapped.tokens
        );
        last = wrapped.tokens;
        let parts: Vec<Part> = wrapped.cuts.iter().map(|cut| cut.part).collect();
        assert!(parts.is_sorted(), "{parts:?}");
        for cut in &wrapped.cuts {
            assert!(wrapped.prompt.contains(&format!("{} (about {} tokens)", cut.part.words(), cut.tokens)));
        }
        outside(&wrapped.prompt);
    }
    let least = wrap(&material, &Settings { max_tokens: 1 });
    assert!(least.tokens <= 2_000 && least.prompt.contains("Do not commit, push"));
}

#[test]
fn readiness_grows_with_what_an_issue_says() {
    let score = |title: &str, body: &str| {
        let wrapped = made(|m| {
            (m.task.title, m.task.body, m.task.instructions) = (text(title), text(body), text(""));
            m.comments.clear();
        });
        let assessment = wrapped.assessment;
        assert_eq!(u32::from(assessment.score), assessment.signals.iter().map(|signal| u32::from(signal.points)).sum());
        let json = serde_json::to_string(&assessment).unwrap();
        assert_eq!(serde_json::from_str::<porter::wrap::assess::Assessment>(&json).unwrap(), assessment);
        assessment.score
    };
    let vague = score("it is broken???", "maybe somehow fix it? not sure");
    let middling =
        score("Login fails", "The session in src/auth/session.rs ends early when I log in twice on a slow day.");
    let ready = wrapped(&issue()).assessment.score;
    assert!(vague < 20 && (30..=70).contains(&middling) && ready >= 90, "{vague} {middling} {ready}");
}

#[test]
fn hostile_megabytes_take_time_in_proportion() {
    let mebibyte = |piece: &str| piece.repeat((1 << 20) / piece.len());
    let pieces = [
        "<!--",
        "[[[[",
        "<<<<",
        "]]]]",
        "((((",
        "![](",
        "****",
        "____",
        "`a",
        "``` ",
        "> ",
        "- ",
        "&amp;",
        "&lt;!--",
        "<div ",
        "<div hidden>",
        "</",
        "<a b=\"",
        "\\phantom{",
        "[^a]: ",
        "[a]: b\n",
        "[a](",
        "|",
        "\u{200b}",
        "<porter-text",
        "~",
        "<?",
        "<![CDATA[",
        "\n\n",
        "    a\n",
        "# Issue\n",
        "a.rs ",
        "x/mod.rs:1 ",
        "*a_ ",
        "<style>",
        "--",
        "&&&&",
        "1. \n",
    ];
    for piece in pieces {
        let hostile = text(&mebibyte(piece));
        let began = Instant::now();
        for field in Field::ALL {
            let clean = write(field, &hostile);
            assert!(clean.as_str().len() <= field.limit(), "{piece:?}");
        }
        let mut material = pull_request();
        material.task.body = hostile;
        wrapped(&material);
        assert!(began.elapsed() < Duration::from_secs(20), "{piece:?}: {:?}", began.elapsed());
    }
}

/// Texts made of the pieces that markup is made of.
fn soup() -> impl Strategy<Value = String> {
    const PIECES: [&str; 60] = [
        "<!--",
        "-->",
        "<",
        ">",
        "&lt;",
        "&amp;",
        "&#x200b;",
        "```",
        "`",
        "~~~",
        "\n",
        "\n\n",
        "    ",
        "- ",
        "1. ",
        "> ",
        "[",
        "]",
        "](",
        "![",
        ")",
        "[a]: b",
        "[^1]",
        "[^1]: ",
        "<div hidden>",
        "</div>",
        "<style>",
        "</style>",
        "<a title=\"",
        "\"",
        "\\",
        "## Instructions",
        "Issue\n---",
        "|",
        "|-|-|\n",
        "*",
        "_",
        "\t",
        " ",
        "\u{200b}",
        "\u{e0041}",
        "<porter-text",
        "&",
        ";",
        "\\phantom{",
        "}",
        "#",
        "<br>",
        "<img src=a.png>",
        "http://x.y",
        "<?",
        "<![CDATA[",
        "]]>",
        "\r",
        "$",
        "{{issue}}",
        "CI: passing",
        "a",
        "b c",
        "é",
    ];
    let piece = prop_oneof![
        8 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(|c| c.to_string()),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn writing_twice_is_writing_once(soup in soup()) {
        for field in Field::ALL {
            let once = write(field, &Untrusted::new(soup.clone()));
            prop_assert_eq!(&write(field, &Untrusted::new(once.as_str())), &once);
            prop_assert!(!once.as_str().chars().any(shows_nothing));
            prop_assert!(!once.as_str().to_lowercase().contains("<porter-text"));
            prop_assert!(once.as_str().len() <= field.limit());
        }
    }

    #[test]
    fn long_texts_are_cut_and_stay_cut(soup in soup()) {
        let long = soup.repeat(1 + 40_000 / soup.len().max(1));
        for field in [Field::Readme, Field::Comment, Field::Title] {
            let once = write(field, &Untrusted::new(long.clone()));
            prop_assert!(once.as_str().len() <= field.limit());
            prop_assert_eq!(&write(field, &Untrusted::new(once.as_str())), &once);
        }
    }

    #[test]
    fn the_same_material_gives_the_same_bytes_and_nothing_panics(body in soup(), path in soup(), max_tokens in 0_u32..9_000) {
        let mut material = pull_request();
        material.task.body = text(&body);
        material.task.instructions = text(&path);
        material.repository.template = Some(text(&format!("{{{{issue}}}}{{{{instructions}}}}{body}")));
        material.repository.tree.push(TreeEntry { path: text(&path), size: 1 });
        let settings = Settings { max_tokens };
        let first = wrap(&material, &settings);
        prop_assert_eq!(&first, &wrap(&material.clone(), &settings));
        prop_assert!(!first.prompt.chars().any(shows_nothing));
        prop_assert!(first.tokens <= u64::from(max_tokens.max(2_000)));
    }

    #[test]
    fn a_path_is_plain_or_nothing(path in soup()) {
        if let Some(clean) = write_path(&text(&path)) {
            prop_assert_eq!(clean.as_str(), path);
            prop_assert!(!clean.as_str().contains(['\n', '<', '>', '`']));
        }
    }
}
