//! The house's rules that a compiler does not know: who imports whom, where SQL stands, who may look at strangers' bytes and
//! at secrets, how files begin, how long they are and what they are called.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that meets the unexpected is to stop")]

#[path = "architecture/source.rs"]
mod source;

use std::collections::BTreeSet;

use source::{Source, sources};

/// What each layer may import besides itself. Nothing on the left of the arrow imports from its right, and what stands
/// between two arrows does not know each other, but that `crypto` is handed its randomness through `ports`.
const ARROW: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("wrap", &["domain"]),
    ("protocol", &["domain"]),
    ("ports", &["domain"]),
    ("crypto", &["domain", "ports"]),
    ("store", &["domain", "wrap", "protocol", "ports", "crypto"]),
    ("clients", &["domain", "wrap", "protocol", "ports", "crypto"]),
    ("app", &["domain", "wrap", "protocol", "ports", "crypto", "store", "clients"]),
    ("http", &["domain", "wrap", "protocol", "ports", "crypto", "store", "clients", "app"]),
    ("workerd", &["domain", "wrap", "protocol", "ports", "crypto", "store", "clients", "app", "http"]),
];

/// Who may read a stranger's bare text (`Untrusted::raw`), and what for.
const READS_STRANGERS: &[(&str, &str)] = &[
    ("src/wrap/write.rs", "cleans it: the one way into a prompt"),
    ("src/domain/outgoing.rs", "escapes it: the one way into a comment"),
    ("src/app/authorise.rs", "parses the issue's body: was it opened with a command?"),
    ("src/app/gather_material.rs", "wraps a review line into Untrusted again; looks for our own marker"),
    ("src/app/prepare_job.rs", "parses the repository's configuration"),
    ("src/app/receive_delivery.rs", "parses commands and the repository's configuration; compares labels"),
    ("src/app/accept_command.rs", "parses commands"),
    ("src/app/judge_result.rs", "compares paths of the base tree"),
    ("src/app/hear_polled.rs", "looks for the mention"),
    ("src/app/say.rs", "compares a comment of ours with what it is to say"),
    ("src/app/add_commit.rs", "compares paths and our own trailer"),
    ("src/app/show_state.rs", "compares label names"),
    ("src/http/task_json.rs", "JSON: the API gives texts as they are, pages show them as text"),
    ("src/store/tasks.rs", "words for the list's filter, bound as a parameter"),
    ("src/clients/github/contents.rs", "another method of that name: a request's media type"),
    ("src/clients/github/repository.rs", "validates a branch name"),
    ("src/clients/github/pulls.rs", "validates and compares branch names"),
    ("src/clients/github/issues.rs", "compares label names"),
    ("src/clients/github/comments.rs", "looks for our own marker"),
    ("src/domain/untrusted.rs", "defines it"),
];

/// Who may take a secret's value (`Secret::expose`), and what for.
const EXPOSES_SECRETS: &[(&str, &str)] = &[
    ("src/domain/secret.rs", "defines it"),
    ("src/domain/redact.rs", "looks for it, to take it out"),
    ("src/crypto/keyring.rs", "reads the keys"),
    ("src/crypto/seal.rs", "seals it"),
    ("src/workerd/crypto.rs", "hands it to the platform's cryptography"),
    ("src/clients/fly/machines.rs", "the Authorization header to the machine host"),
    ("src/clients/github/call.rs", "the Authorization header to GitHub"),
    ("src/clients/github/mod.rs", "the Authorization header to GitHub, once renewed"),
    ("src/app/launch_machine.rs", "the claim goes to the machine it is for"),
    ("src/app/claim_attempt.rs", "the claimed machine gets its session and its model key"),
    ("src/http/git_gateway.rs", "the Authorization header to the git host"),
    ("src/http/operations.rs", "the start-up token for the page on this computer"),
    ("src/http/access.rs", "compares the start-up token"),
];

/// Files that may be longer than [`MOST_LINES`] before their tests, and why they are one file.
const LONG: &[(&str, &str)] = &[
    ("src/domain/task.rs", "every state and every reason a task can end with: one list, mostly words"),
    ("src/protocol/wire.rs", "the whole contract with the runner, to be read as one page"),
    ("src/wrap/write/html.rs", "one tokeniser"),
    ("src/domain/outgoing/inline.rs", "one tokeniser"),
    ("tests/world/src/github/git_data.rs", "one part of GitHub's API"),
    ("tests/world/src/github/people.rs", "one part of GitHub's API"),
    ("tests/world/src/github/state.rs", "one part of GitHub's API"),
    ("tests/world/src/github/wire.rs", "one part of GitHub's API"),
    ("tests/world/src/world.rs", "the words scenarios are written in"),
];

const MOST_LINES: usize = 300;

/// Every Rust file that is built, the tests' own aside.
fn built() -> Vec<Source> {
    sources(&["src", "worker-image/runner/src", "worker-image/machines/src", "tests/world/src"])
}

fn fail_with(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn nothing_imports_against_the_arrow() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for source in sources(&["src"]) {
        if source.path == "src/lib.rs" {
            continue;
        }
        let layer = source.layer().to_owned();
        let Some((_, allowed)) = ARROW.iter().find(|(name, _)| *name == layer) else {
            wrong.push(format!("{}: the arrow does not know {layer}", source.path));
            continue;
        };
        seen.insert(layer.clone());
        for used in source.layers_used() {
            let is_layer = ARROW.iter().any(|(name, _)| *name == used);
            if is_layer && used != layer && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} imports {used}", source.path));
            }
        }
    }
    fail_with("against the arrow", &wrong);
    assert_eq!(seen.len(), ARROW.len(), "a layer of the arrow is gone: {seen:?}");
}

#[test]
fn the_platform_is_named_in_workerd_only() {
    let platform = ["worker", "web_sys", "js_sys", "wasm_bindgen", "wasm_bindgen_futures"];
    let mut wrong = Vec::new();
    for source in sources(&["src"]).iter().filter(|source| source.layer() != "workerd") {
        for name in platform {
            let named =
                |(at, _): (usize, &str)| !source.code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            if source.code.match_indices(&format!("{name}::")).any(named) {
                wrong.push(format!("{} names {name}", source.path));
            }
        }
    }
    fail_with("outside src/workerd", &wrong);
}

#[test]
fn sql_stands_in_the_store_only() {
    let is_sql = |text: &str| {
        let has = |word: &str| text.contains(word);
        has("SELECT ") || has("INSERT ") || has("DELETE FROM ") || (has("UPDATE ") && has(" SET ")) || has("PRAGMA ")
    };
    let mut wrong = Vec::new();
    let mut in_store = 0;
    for source in sources(&["src"]) {
        let found: Vec<&String> = source.literals.iter().filter(|text| is_sql(text)).collect();
        if source.layer() == "store" {
            in_store += found.len();
            continue;
        }
        wrong.extend(found.iter().map(|text| format!("{}: {text}", source.path)));
        let makes = ["Statement::new(", "Statement {"].iter().any(|words| source.product_code().contains(words));
        if makes && source.path != "src/ports.rs" {
            wrong.push(format!("{} makes a statement of its own", source.path));
        }
    }
    fail_with("SQL outside src/store", &wrong);
    assert!(in_store > 50, "the test finds SQL where there is much of it");
}

/// Holds the files whose product code has `call` to a list, both ways.
fn only_listed(call: &str, list: &[(&str, &str)], defined_in: &str) {
    let calls: BTreeSet<String> = sources(&["src"])
        .into_iter()
        .filter(|source| source.path == defined_in || source.product_code().contains(call))
        .map(|source| source.path)
        .collect();
    let listed: BTreeSet<String> = list.iter().map(|(path, _)| (*path).to_owned()).collect();
    let new: Vec<String> = calls.difference(&listed).cloned().collect();
    let gone: Vec<String> = listed.difference(&calls).cloned().collect();
    fail_with(&format!("new callers of {call}: find another way, or list them with a reason"), &new);
    fail_with(&format!("listed, but no longer callers of {call}"), &gone);
}

#[test]
fn strangers_texts_are_read_by_a_known_few() {
    only_listed(".raw()", READS_STRANGERS, "src/domain/untrusted.rs");
}

#[test]
fn secrets_are_exposed_by_a_known_few() {
    only_listed(".expose()", EXPOSES_SECRETS, "src/domain/secret.rs");
}

#[test]
fn every_file_says_what_it_owns() {
    let mut all = built();
    all.extend(sources(&["tests", "worker-image"]));
    let wrong: Vec<String> =
        all.into_iter().filter(|source| !source.text.starts_with("//! ")).map(|source| source.path).collect();
    fail_with("no //! at the top", &wrong);
}

#[test]
fn files_stay_short() {
    let too_long = |source: &Source| source.product_lines() > MOST_LINES;
    let long: BTreeSet<String> = built().into_iter().filter(too_long).map(|source| source.path).collect();
    let excused: BTreeSet<String> = LONG.iter().map(|(path, _)| (*path).to_owned()).collect();
    let new: Vec<String> = long.difference(&excused).cloned().collect();
    let gone: Vec<String> = excused.difference(&long).cloned().collect();
    fail_with("longer than 300 lines before the tests: split them", &new);
    fail_with("excused, but short", &gone);
}

#[test]
fn no_file_is_named_after_nothing() {
    let nothing = ["utils", "util", "helpers", "helper", "common", "manager", "service", "types", "models", "misc"];
    let wrong: Vec<String> = sources(&["src", "worker-image", "tests"])
        .into_iter()
        .filter(|source| source.path.split(['/', '.']).any(|part| nothing.contains(&part)))
        .map(|source| source.path)
        .collect();
    fail_with("a name that says nothing", &wrong);
}
