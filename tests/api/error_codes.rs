//! The words for programs: every failure and every rule has one, and the description lists exactly these.

use std::collections::BTreeSet;

use porter::domain::task::{Failure, Refusal, Stage as Part, State, StoppedBy};
use porter::domain::untrusted::Untrusted;
use porter::http::error_code::error_code;
use porter::protocol::change_set::Rule;
use porter_world::world::Mode;
use serde_json::{Value, json};

use crate::description::described;
use crate::stage::Stage;
use crate::stage::machine::file;

fn listed(pointer: &str) -> BTreeSet<String> {
    let whole = described();
    let list = whole.pointer(pointer).and_then(Value::as_array).expect("a list").clone();
    list.iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
}

/// One of each; a new failure does not compile until it stands here.
fn failures() -> Vec<Failure> {
    let said = || Untrusted::new("no");
    let all = vec![
        Failure::Agent { said: said() },
        Failure::ChangeSet { broken: Vec::new() },
        Failure::TooLarge,
        Failure::MachineLost { how: String::new() },
        Failure::OutOfMemory,
        Failure::MachineEnded { code: 1 },
        Failure::NoRoom,
        Failure::ProviderOutage { said: said() },
        Failure::Waited { said: said() },
        Failure::Host { said: said() },
        Failure::Publish { said: said() },
        Failure::ResultLost,
        Failure::Inside { doing: String::new() },
    ];
    for failure in &all {
        match failure {
            Failure::Agent { .. }
            | Failure::ChangeSet { .. }
            | Failure::TooLarge
            | Failure::MachineLost { .. }
            | Failure::OutOfMemory
            | Failure::MachineEnded { .. }
            | Failure::NoRoom
            | Failure::ProviderOutage { .. }
            | Failure::Waited { .. }
            | Failure::Host { .. }
            | Failure::Publish { .. }
            | Failure::ResultLost
            | Failure::Inside { .. } => {}
        }
    }
    all
}

/// One of each, held to the type in the same way.
fn refusals() -> Vec<Refusal> {
    let all = vec![
        Refusal::NoWriteAccess,
        Refusal::RepositoryNotServed,
        Refusal::NotSetUp { names: Vec::new() },
        Refusal::Fork,
        Refusal::NoSuchBase { base: String::new() },
        Refusal::Unworkable { why: String::new() },
    ];
    for refusal in &all {
        match refusal {
            Refusal::NoWriteAccess
            | Refusal::RepositoryNotServed
            | Refusal::NotSetUp { .. }
            | Refusal::Fork
            | Refusal::NoSuchBase { .. }
            | Refusal::Unworkable { .. } => {}
        }
    }
    all
}

#[test]
fn every_way_to_fail_has_a_code_of_its_own_and_the_description_lists_them() {
    let failed = failures().into_iter().map(|failure| State::Failed { failure });
    let refused = refusals().into_iter().map(|refusal| State::Refused { refusal });
    let late = [Part::Launch, Part::Run].into_iter().map(|at| State::TimedOut { at });
    let states: Vec<State> = failed.chain(refused).chain(late).collect();
    let codes: BTreeSet<String> = states.iter().filter_map(error_code).map(str::to_owned).collect();
    assert_eq!(codes.len(), states.len(), "a code each");
    assert_eq!(codes, listed("/components/schemas/Task/properties/errorCode/anyOf/0/enum"));
    assert_eq!(error_code(&State::Stopped { by: StoppedBy::Api }), None);
}

#[test]
fn every_rule_of_a_change_set_is_listed() {
    let rules = [
        Rule::BaseSha,
        Rule::Empty,
        Rule::MaxFiles,
        Rule::MaxBinaryFiles,
        Rule::MaxBytes,
        Rule::Duplicate,
        Rule::CaseClash,
        Rule::DirectoryClash,
        Rule::DeletesNothing,
        Rule::Deleted,
        Rule::Path,
        Rule::GitDirectory,
        Rule::Mode,
        Rule::Encoding,
        Rule::Link,
        Rule::Workflow,
        Rule::Secret,
    ];
    let source = include_str!("../../src/protocol/change_set.rs");
    let body = source.split("pub enum Rule {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("the enum");
    assert_eq!(body.lines().filter(|line| line.ends_with(',')).count(), rules.len(), "every rule stands above");
    let words: BTreeSet<String> = rules.iter().filter_map(|rule| json!(rule).as_str().map(str::to_owned)).collect();
    let list = "/components/schemas/ChangeSetRefused/properties/error/properties/details/items/properties/rule/enum";
    assert_eq!(words, listed(list));
}

#[test]
fn a_refused_change_set_is_told_by_word_and_sentence() {
    let stage = Stage::new(Mode::QuickApp);
    let task = stage.ask("bob", stage.issue(), "@porter claude fix it");
    let seen = stage.boot().hand_over(&json!([file(".git/config", "x")]));
    let detail = &seen.json()["error"]["details"][0];
    assert_eq!((&detail["path"], &detail["rule"]), (&json!(".git/config"), &json!("git_directory")));
    assert_eq!(detail["message"], Rule::GitDirectory.sentence());
    assert_eq!(stage.task(&task)["errorCode"], "change_set_refused");
    stage.tick_after(60);
}
