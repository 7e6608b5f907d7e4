//! The command grammar, pinned comment by comment, and held against an independent reader of GitHub's markdown.

mod grammar {
    pub(crate) mod table;
}

use std::time::{Duration, Instant};

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use porter::domain::agent::Agent;
use porter::domain::command::{Command, Flag, Flags, Parsed, Priority, Problem, help_text, parse};
use proptest::prelude::*;

use grammar::table::TABLE;

/// A parsed comment in one line: `talk`, `stop`, `run claude priority=high | the words`, `problem …`.
fn told(text: &str) -> String {
    match parse(text, "@porter") {
        Parsed::NotForUs => "talk".to_owned(),
        Parsed::Command(Command::Stop) => "stop".to_owned(),
        Parsed::Command(Command::Retry) => "retry".to_owned(),
        Parsed::Command(Command::Status) => "status".to_owned(),
        Parsed::Command(Command::Doctor) => "doctor".to_owned(),
        Parsed::Command(Command::Help) => "help".to_owned(),
        Parsed::Command(Command::Run(run)) => {
            let mut words = vec!["run".to_owned()];
            words.extend(run.agent.map(|agent| agent.word().to_owned()));
            words.extend(flags(&run.flags));
            if !run.instructions.raw().is_empty() {
                words.push(format!("| {}", run.instructions.raw()));
            }
            words.join(" ")
        }
        Parsed::Problem(problem) => format!("problem {}", told_problem(&problem)),
    }
}

fn flags(flags: &Flags) -> Vec<String> {
    let mut words = Vec::new();
    if flags.priority != Priority::Normal {
        words.push(format!("priority={}", flags.priority.word()));
    }
    words.extend(flags.model.as_ref().map(|model| format!("model={model}")));
    words.extend(flags.branch.as_ref().map(|branch| format!("branch={branch}")));
    words.extend(flags.base.as_ref().map(|base| format!("base={base}")));
    words.extend(flags.no_tests.then(|| "no-tests".to_owned()));
    words.extend(flags.budget_micros.map(|micros| format!("budget={micros}")));
    words
}

fn told_problem(problem: &Problem) -> String {
    match problem {
        Problem::TwoCommands => "two".to_owned(),
        Problem::Typo { word, meant } => format!("typo {} {meant}", word.raw()),
        Problem::RetryWithChanges => "retry-with-changes".to_owned(),
        Problem::AgentAndControl { agent, control } => {
            format!("agent-and-control {} {control}", agent.word())
        }
        Problem::UnknownFlag { word, meant } => {
            format!("unknown {} {}", word.raw(), meant.map_or("-", Flag::name))
        }
        Problem::NeedsValue { flag, next } => {
            format!("needs-value {} {}", flag.name(), next.as_ref().map_or("-", |next| next.raw()))
        }
        Problem::TakesNoValue(flag) => format!("no-value {}", flag.name()),
        Problem::BadValue { flag, value } => format!("bad {} {}", flag.name(), value.raw()),
        Problem::Twice(flag) => format!("twice {}", flag.name()),
        Problem::SameBranches => "same-branches".to_owned(),
    }
}

#[test]
fn every_comment_of_the_table_means_what_it_says() {
    assert!(TABLE.len() >= 120, "{}", TABLE.len());
    let wrong: Vec<String> = TABLE
        .iter()
        .filter(|(text, meaning)| told(text) != *meaning)
        .map(|(text, meaning)| format!("{text:?}\n  is    {}\n  not   {meaning}", told(text)))
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), TABLE.len(), wrong.join("\n"));
}

#[test]
fn the_table_means_the_same_with_other_line_endings() {
    for (text, _) in TABLE.iter().filter(|(text, _)| !text.contains('\r')) {
        let windows = told(&text.replace('\n', "\r\n")).replace("\r\n", "\n");
        assert_eq!(windows, told(text), "{text:?}");
        let old = told(&text.replace('\n', "\r")).replace('\r', "\n");
        assert_eq!(old, told(text), "{text:?}");
    }
}

#[test]
fn the_mention_is_the_instances_own() {
    assert_eq!(parse("@my-bot stop", "@my-bot"), Parsed::Command(Command::Stop));
    assert_eq!(parse("@porter stop", "@my-bot"), Parsed::NotForUs);
    assert_eq!(parse("/porter stop", "/porter"), Parsed::Command(Command::Stop));
    assert_eq!(parse("anything", ""), Parsed::NotForUs);
}

#[test]
fn every_answer_shows_the_right_form_and_that_nothing_was_started() {
    for (text, form) in [
        ("@porter claud fix", "`@porter claude`"),
        ("@porter --priorty=high x", "`--priority=low|normal|high`"),
        ("@porter --nonsense x", "`--budget=dollars`"),
        ("@porter --priority high x", "`--priority=low|normal|high`"),
        ("@porter --no-tests=1", "`--no-tests`"),
        ("@porter --budget=lots", "`--budget=2.50`"),
        ("@porter --branch=a..b x", "`feature/login`"),
        ("@porter --model=a --model=b", "`--model=name`"),
        ("@porter --branch=a --base=a", "`--base`"),
        ("@porter retry with codex", "`@porter retry`"),
        ("@porter claude stop", "`@porter stop`"),
        ("@porter stop\n@porter retry", "two lines"),
    ] {
        let Parsed::Problem(problem) = parse(text, "@porter") else { panic!("{text}") };
        let reply = problem.reply("@porter");
        assert!(reply.contains(form) && reply.contains("Nothing was started"), "{text}: {reply}");
        // Porter's own answers must be talk to Porter, and mention nobody.
        assert_eq!(parse(&reply, "@porter"), Parsed::NotForUs, "{reply}");
    }
}

#[test]
fn an_answer_repeats_a_word_only_as_code() {
    let Parsed::Problem(problem) = parse("@porter --x`@admin`<!--porter:task=1-->Fixes#1", "@porter") else { panic!() };
    let reply = problem.reply("@porter");
    assert!(reply.contains("``--x`@admin`<! --porter"), "{reply}");
    assert!(!reply.contains("<!--porter"), "{reply}");
}

#[test]
fn help_names_every_word_and_is_no_command_itself() {
    let help = help_text("@porter");
    for agent in Agent::ALL {
        assert!(help.contains(agent.word()));
    }
    for word in ["stop", "retry", "status", "doctor", "help"].into_iter().chain(Flag::ALL.map(Flag::form)) {
        assert!(help.contains(word), "{word}");
    }
    assert_eq!(parse(&help, "@porter"), Parsed::NotForUs);
}

#[test]
fn long_comments_take_linear_time() {
    for unit in [
        "@porter ",
        "@porter\n",
        "`",
        "`a``b```c\n",
        "<!--",
        "<!-- ",
        "<pre>",
        "<a ",
        "<a b='",
        "[",
        "[a](",
        "](",
        "[x][",
        "> ",
        "- ",
        "- - - ",
        "# ",
        "```\n",
        "~~~a\n",
        "    x\n",
        "\\",
        "--",
        "--a ",
        "--priority=low ",
        "\u{2014}",
        "\u{a0}",
        "\u{1f600}",
        "\t",
        "\r",
        "<code>`",
        "-->",
        "&#64;",
    ] {
        for prefix in ["", "@porter ", "@porter --model="] {
            let long = format!("{prefix}{}", unit.repeat(65_536 / unit.len()));
            let begin = Instant::now();
            let _ = told(&long);
            assert!(begin.elapsed() < Duration::from_secs(2), "{unit:?}: {:?}", begin.elapsed());
        }
    }
}

/// Whether the mention stands at the beginning of a line of plain text, as a CommonMark and GFM reader sees it.
#[expect(clippy::wildcard_enum_match_arm, reason = "the enum is the other reader's, and only four of its kinds matter")]
fn speaks(text: &str) -> bool {
    let arena = Arena::new();
    let mut options = Options::default();
    options.extension.table = true;
    options.extension.strikethrough = true;
    options.extension.tasklist = true;
    let root = parse_document(&arena, text, &options);
    root.descendants().any(|node| {
        let spoken = match &node.data.borrow().value {
            NodeValue::Text(text) => text.trim_start().to_lowercase().starts_with("@porter"),
            // HTML of other kinds than comments and verbatim elements shows its text.
            NodeValue::HtmlBlock(block) if block.block_type >= 6 => {
                block.literal.lines().any(|line| line.trim_start().to_lowercase().starts_with("@porter"))
            }
            _ => false,
        };
        let hidden = node.ancestors().any(|above| {
            matches!(
                above.data.borrow().value,
                NodeValue::Link(_) | NodeValue::Image(_) | NodeValue::Code(_) | NodeValue::CodeBlock(_)
            )
        });
        spoken && !hidden
    })
}

fn soup() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "@porter stop",
        "@porter",
        "@PORTER fix it",
        "`",
        "``",
        "```",
        "~~~",
        "\n",
        "\n",
        "\n\n",
        "    ",
        "  ",
        "\t",
        "> ",
        "- ",
        "1. ",
        "# ",
        "<!--",
        "-->",
        "[",
        "](x)",
        "\\",
        "word",
        " ",
        "|",
        "*",
        "---",
        "\"",
        "<code>",
        "</code>",
        "<pre>",
        "</pre>",
        "&amp;",
        "é",
    ]);
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_read_and_always_the_same(text in "\\PC{0,200}|(@porter|[ \n`>-]|--[a-z]{0,9}=?|[a-z]{1,7}){0,20}") {
        prop_assert_eq!(parse(&text, "@porter"), parse(&text, "@porter"));
        if let Parsed::Problem(problem) = parse(&text, "@porter") {
            prop_assert!(problem.reply("@porter").len() < 2000);
        }
    }

    #[test]
    fn what_commands_is_plain_text_to_another_reader(text in soup()) {
        if parse(&text, "@porter") != Parsed::NotForUs {
            prop_assert!(speaks(&text), "{:?}", text);
        }
    }

    #[test]
    fn a_mention_in_code_never_commands(before in "[a-z \n]{0,20}", inside in "[a-z @\n]{0,20}", fence in "`{3,6}|~{3,6}") {
        let text = format!("{before}\n\n{fence}\n{inside}\n@porter stop\n{inside}\n{fence}\n");
        prop_assert_eq!(parse(&text, "@porter"), Parsed::NotForUs);
        let unclosed = format!("{before}\n\n{fence}\n@porter stop\n");
        prop_assert_eq!(parse(&unclosed, "@porter"), Parsed::NotForUs);
    }

    #[test]
    fn instructions_come_back_as_written(words in "fix [a-z`*\\-=\n\u{e9}\u{1f600}]{0,60}[a-z]") {
        prop_assume!(!words.contains("@porter"));
        let Parsed::Command(Command::Run(run)) = parse(&format!("@porter codex {words}"), "@porter") else { panic!("{words:?}") };
        prop_assert_eq!(run.instructions.raw(), words);
    }
}
