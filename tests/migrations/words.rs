//! The words in the database are a promise to rows already written: each is pinned to its enum, and old rows read back.

use std::collections::BTreeSet;

use futures_util::FutureExt as _;
use porter::domain::agent::Agent;
use porter::domain::cause::Cause;
use porter::domain::credential::Credential;
use porter::domain::effect::Effect;
use porter::domain::event::Event;
use porter::domain::ids::{Attempt, Branch, InstallationId, IssueNumber, MachineId, RepoId, RepoName, TaskId, UserId};
use porter::domain::question::{Ask, Question};
use porter::domain::task::{Failure, Person, Published, PullRequestRef, Refusal, Stage, StoppedBy, TextKey, TextKind};
use porter::domain::time::Timestamp;
use porter::domain::untrusted::Untrusted;
use porter::ports::{Fault, Sql, Statement, Value};
use porter::store::pull_requests::PullState;
use porter::store::{attempts, effects, intake, jobs, missed_deliveries, pauses, pull_requests, read, results, tasks};

use super::sqlite::Sqlite;

const AT: Timestamp = Timestamp::from_millis(1_771_407_200_000);
const RAN: &str = "01khr1bge0r5e052fc5m592szc";
const RUNS: &str = "01khr1bge0r5e052fc5m592szd";

fn id(text: &str) -> TaskId {
    TaskId::parse(text).expect("an id")
}

/// Waits for what never waits.
fn now<T>(work: impl Future<Output = Result<T, Fault>>) -> T {
    work.now_or_never().expect("SQLite does not wait").expect("it works")
}

/// What a lease of a free effect with a good row takes into hand.
fn taken(taken: Option<effects::Taken>) -> effects::Leased {
    match taken {
        Some(effects::Taken::Effect(leased)) => *leased,
        other => panic!("{other:?}"),
    }
}

/// A database with the rows of every version.
fn populated() -> Sqlite {
    Sqlite::over(super::grown())
}

fn ask(sql: &Sqlite, text: String) -> Vec<Vec<(String, Value)>> {
    let statement = Statement { sql: text.leak(), params: Vec::new() };
    sql.query(statement).now_or_never().expect("SQLite does not wait").expect("a good statement")
}

fn word(sql: &Sqlite, text: &str) -> String {
    match ask(sql, text.to_owned()).first().and_then(|row| row.first()) {
        Some((_, Value::Text(word))) => word.clone(),
        other => panic!("{text}: {other:?}"),
    }
}

/// The words a column's CHECK lets in.
fn checked(sql: &Sqlite, table: &str, column: &str) -> BTreeSet<String> {
    let made = word(sql, &format!("SELECT sql FROM sqlite_master WHERE name = '{table}'"));
    let after = made.split(&format!("CHECK ({column} IN (")).nth(1).unwrap_or_else(|| panic!("{table}.{column}"));
    let list = after.split(')').next().unwrap_or_default();
    list.split(", ").map(|word| word.trim_matches('\'').to_owned()).collect()
}

fn set<const N: usize>(words: [&str; N]) -> BTreeSet<String> {
    words.map(str::to_owned).into()
}

#[test]
fn the_kinds_of_text_are_pinned() {
    let kinds = [TextKind::IssueComment, TextKind::ReviewComment, TextKind::Review, TextKind::Issue];
    let words = kinds.map(|kind| match kind {
        TextKind::IssueComment => ("issue_comment", kind),
        TextKind::ReviewComment => ("review_comment", kind),
        TextKind::Review => ("review", kind),
        TextKind::Issue => ("issue", kind),
    });
    for (word, kind) in words {
        assert_eq!((kind.word(), serde_json::to_value(kind).unwrap()), (word, word.into()));
    }
    assert_eq!(checked(&populated(), "commands", "text_kind"), set(words.map(|(word, _)| word)));
}

#[test]
fn the_agents_words_are_pinned() {
    assert_eq!(Agent::ALL.map(Agent::word), ["opencode", "claude", "amp", "codex", "gemini"]);
    for agent in Agent::ALL {
        assert_eq!(
            (Agent::parse(agent.word()), serde_json::to_value(agent).unwrap()),
            (Some(agent), agent.word().into())
        );
    }
}

#[test]
fn the_states_of_effects_installations_and_pull_requests_are_what_is_written() {
    let sql = populated();
    let state = |key: &str| word(&sql, &format!("SELECT state FROM effects WHERE key = '{key}'"));
    let run = |statement| now(async { porter::store::commit(&sql, vec![statement]).await });
    let effect = |task: &str| Effect::Authorise { task: id(task) };
    let mut written = BTreeSet::new();
    for task in [RAN, RUNS] {
        run(effects::ask(&effect(task), AT, AT));
        written.insert(state(&effect(task).key()));
        let leased = taken(now(effects::lease_key(&sql, &effect(task).key(), 60)));
        if task == RAN {
            run(effects::done(&leased))
        } else {
            now(async { effects::bury(&sql, &leased, "no").await.map(|()| porter::store::Written::Yes) })
        };
        written.insert(state(&effect(task).key()));
    }
    assert_eq!(written, checked(&sql, "effects", "state"));

    let mut written = BTreeSet::new();
    for state in ["active", "suspended", "deleted"] {
        run(intake::installation(InstallationId(1), "acme", 101, state, AT));
        written.insert(word(&sql, "SELECT state FROM installations WHERE id = 1"));
    }
    assert_eq!(written, checked(&sql, "installations", "state"));

    let (repo, number, branch) = (RepoId(501), IssueNumber(8), Branch::parse("porter/x").expect("a branch"));
    let mut written = BTreeSet::new();
    run(pull_requests::opened(repo, number, &id(RAN), &branch, "https://github.com/acme/demo/pull/8"));
    written.insert(now(pull_requests::load(&sql, repo, number)).expect("there").state.word().to_owned());
    for state in [PullState::Closed, PullState::Merged] {
        run(pull_requests::stands(repo, number, state));
        written.insert(now(pull_requests::load(&sql, repo, number)).expect("there").state.word().to_owned());
    }
    assert_eq!(written, checked(&sql, "pull_requests", "state"));
}

/// One of each, with its word; a new variant does not compile until it has one.
fn events() -> Vec<(Event, &'static str)> {
    let (attempt, refusal) = (Attempt(1), Refusal::Fork);
    let pull_request = PullRequestRef { number: IssueNumber(2), url: "u".into() };
    let all = vec![
        Event::Accepted,
        Event::Authorised,
        Event::Denied { refusal: refusal.clone() },
        Event::Admitted { attempt },
        Event::Claimed { attempt, deadline: AT },
        Event::Received { attempt },
        Event::Published { attempt, pull_request, how: Published::Opened },
        Event::NothingChanged { attempt, why: Untrusted::new("w") },
        Event::AttemptLost { attempt, cause: Cause::Capacity, how: "h".into(), not_before: AT },
        Event::Failed { attempt, failure: Failure::TooLarge },
        Event::LaunchRefused { attempt, refusal },
        Event::TimedOut { attempt, at: Stage::Run },
        Event::Stopped { by: StoppedBy::Api },
        Event::GaveUp { doing: "d".into() },
    ];
    let word = |event: &Event| match event {
        Event::Accepted => "accepted",
        Event::Authorised => "authorised",
        Event::Denied { .. } => "denied",
        Event::Admitted { .. } => "admitted",
        Event::Claimed { .. } => "claimed",
        Event::Received { .. } => "received",
        Event::Published { .. } => "published",
        Event::NothingChanged { .. } => "nothing_changed",
        Event::AttemptLost { .. } => "attempt_lost",
        Event::Failed { .. } => "failed",
        Event::LaunchRefused { .. } => "launch_refused",
        Event::TimedOut { .. } => "timed_out",
        Event::Stopped { .. } => "stopped",
        Event::GaveUp { .. } => "gave_up",
    };
    all.into_iter().map(|event| (event.clone(), word(&event))).collect()
}

#[test]
fn the_kinds_of_events_are_pinned() {
    let events = events();
    for (event, word) in &events {
        assert_eq!(event.kind(), *word);
        let json = serde_json::to_value(event).unwrap();
        assert_eq!(json["event"], *word);
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), *event);
    }
    assert_eq!(events.iter().map(|(_, word)| word).collect::<BTreeSet<_>>().len(), 14);
}

#[test]
fn whoever_stops_is_pinned() {
    let by = |by: &StoppedBy| match by {
        StoppedBy::Person { .. } => "person",
        StoppedBy::Api => "api",
        StoppedBy::IssueClosed => "issue_closed",
        StoppedBy::Uninstalled => "uninstalled",
        StoppedBy::PermissionLost => "permission_lost",
    };
    let person = StoppedBy::Person { login: "bob".into() };
    let all = [person, StoppedBy::Api, StoppedBy::IssueClosed, StoppedBy::Uninstalled, StoppedBy::PermissionLost];
    for one in all {
        assert_eq!(serde_json::to_value(&one).unwrap()["by"], by(&one));
    }
}

#[test]
fn missed_deliveries_read_back() {
    let sql = populated();
    let due = now(missed_deliveries::due(&sql, 10, Timestamp::from_millis(1_771_407_300_000)));
    // GitHub's numbers may pass what a float holds.
    assert_eq!(
        due.iter().map(|it| (it.id.as_str(), it.attempt, it.asked)).collect::<Vec<_>>(),
        [("d-1", (1 << 53) + 1, 1)]
    );
    assert!(now(missed_deliveries::take(&sql, &due[0], AT)));
    assert!(!now(missed_deliveries::take(&sql, &due[0], AT)), "one asks at a time");
}

#[test]
fn the_kinds_of_effects_are_pinned() {
    let (task, attempt) = (id(RAN), Attempt(1));
    let question = Question {
        repo_id: RepoId(501),
        repo: RepoName::parse("acme/demo").unwrap(),
        issue: IssueNumber(1),
        on_pull_request: false,
        text: TextKey { kind: TextKind::IssueComment, id: 9 },
        asker: Person { id: UserId(102), login: "bob".into() },
        credential: Credential::Token,
        ask: Ask::Help,
    };
    let all = [
        Effect::Authorise { task: task.clone() },
        Effect::Answer { question },
        Effect::Launch { task: task.clone(), attempt },
        Effect::Destroy { task: task.clone(), attempt },
        Effect::Publish { task: task.clone(), attempt },
        Effect::ShowStatus { task: task.clone() },
        Effect::TellEnd { task: task.clone() },
        Effect::ShowLabel { repo: RepoId(501), issue: IssueNumber(1), task: task.clone() },
        Effect::React { task },
    ];
    let expected = |effect: &Effect| match effect {
        Effect::Authorise { .. } => ("authorise", format!("authorise:{RAN}"), 0),
        Effect::Answer { .. } => ("answer", "answer:501:issue_comment:9".to_owned(), 1),
        Effect::Launch { .. } => ("launch", format!("launch:{RAN}:1"), 0),
        Effect::Destroy { .. } => ("destroy", format!("destroy:{RAN}:1"), 0),
        Effect::Publish { .. } => ("publish", format!("publish:{RAN}:1"), 0),
        Effect::ShowStatus { .. } => ("show_status", format!("status:{RAN}"), 1),
        Effect::TellEnd { .. } => ("tell_end", format!("end:{RAN}"), 1),
        Effect::ShowLabel { .. } => ("show_label", "label:501:1".to_owned(), 2),
        Effect::React { .. } => ("react", format!("react:{RAN}"), 2),
    };
    for effect in &all {
        assert_eq!((effect.kind(), effect.key(), effect.rank().number()), expected(effect));
        let json = serde_json::to_value(effect).unwrap();
        assert_eq!(json["kind"], effect.kind());
        assert_eq!(serde_json::from_value::<Effect>(json).unwrap(), *effect);
    }
    assert_eq!(all.iter().map(Effect::kind).collect::<BTreeSet<_>>().len(), 9);
}

#[test]
fn every_state_is_written_under_its_code() {
    // The list's filter translates codes into statuses in SQL; domain/task.rs pins the codes themselves.
    let sql = populated();
    let table = [
        ("accepted", "queued"),
        ("queued", "queued"),
        ("launching", "running"),
        ("running", "running"),
        ("publishing", "running"),
        ("succeeded", "success"),
        ("no_changes", "success"),
        ("failed", "failed"),
        ("refused", "failed"),
        ("timed_out", "timed_out"),
        ("stopped", "stopped"),
    ];
    for (code, status) in table {
        ask(&sql, format!("UPDATE tasks SET state = '{code}' WHERE id = '{RAN}'"));
        for shown in ["queued", "running", "success", "failed", "timed_out", "stopped"] {
            let filter = read::Filter { status: Some(shown.to_owned()), limit: 10, ..read::Filter::default() };
            let found = now(read::tasks(&sql, &filter)).iter().any(|task| task.id.as_str() == RAN);
            assert_eq!(found, shown == status, "{code} is shown as {shown}");
        }
    }
}

#[test]
fn old_rows_read_back() {
    let sql = populated();
    let task = now(tasks::load(&sql, &id(RAN))).expect("a task");
    assert_eq!(task.state.words().code, "succeeded");
    assert_eq!(now(tasks::load(&sql, &id(RUNS))).expect("a task").request.retry_of, Some(id(RAN)));
    let attempt = now(attempts::newest(&sql, &id(RAN))).expect("an attempt");
    assert_eq!(
        (attempt.machine.clone(), attempt.usage.as_ref().and_then(|it| it.cost_micros)),
        (MachineId::parse("m1").ok(), Some(5000))
    );
    assert_eq!(now(jobs::load(&sql, &id(RAN))).expect("a job").agent, Agent::Claude);
    let result = now(results::load(&sql, &id(RAN), Attempt(1))).expect("a result");
    assert_eq!((result.answer.map(|it| it.status), result.publication.map(|it| it.files)), (Some(200), Some(1)));
    assert_eq!(now(read::history(&sql, &id(RUNS), 0)).len(), 2);
    assert_eq!(now(read::log(&sql, &id(RAN), (Attempt(0), 0))).len(), 1);
    assert!(taken(now(effects::lease_next(&sql, 60))).key.starts_with("status:"));
    let known = now(pauses::load(&sql));
    assert_eq!(known.pauses, [("github:installation:7001".to_owned(), Timestamp::from_millis(1_771_407_200_000))]);
    let waiting = now(attempts::newest(&sql, &id(RUNS))).expect("an attempt");
    assert_eq!((waiting.made_at, waiting.no_room_since), (None, Some(Timestamp::from_millis(1_771_407_102_000))));
    assert!(attempt.made_at.is_some(), "a machine from before the column was there since its launch");
}
