//! A task's story as server-sent events: in order, and resumed anywhere without a gap.

use porter::domain::ids::TaskId;
use porter::http::events::{ServerSent, next};
use porter::http::{Body, Headers, Reply, Request, handle};
use porter_world::world::Mode;
use serde_json::Value;

use crate::description::hold_value;
use crate::stage::Stage;

fn after(stage: &Stage, task: &TaskId, position: i64) -> Vec<ServerSent> {
    stage.with(async |app| next(app, task, position).await).expect("a story")
}

/// A task that ran, reported and was stopped, with its whole story.
fn told() -> (Stage, TaskId, Vec<ServerSent>) {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.world.issue("alice", "Greet the world", "It says hello only.");
    stage.deliver_all();
    let seen = stage.comment("bob", issue, "@porter claude please greet the world");
    let id = TaskId::parse(seen.json()["task_id"].as_str().expect("a task")).expect("an id");
    let mut machine = stage.boot();
    for (phase, lines) in
        [("cloning", &["one"][..]), ("working", &["two", "three\nin two lines", "four"]), ("collecting", &["five"])]
    {
        stage.world.clock.advance_ms(1_000);
        assert_eq!(machine.report(phase, lines).status, 200);
    }
    stage.world.clock.advance_ms(1_000);
    assert_eq!(stage.change("POST", &format!("/api/tasks/{id}/stop"), "{}").status, 202);
    stage.tick_after(60);
    let story = after(&stage, &id, 0);
    (stage, id, story)
}

fn data(event: &ServerSent) -> Value {
    serde_json::from_str(&event.data).expect("JSON")
}

#[test]
fn a_story_is_told_in_order() {
    let (_stage, _, story) = told();
    for event in &story {
        hold_value(if event.event == "state" { "StateEvent" } else { "LogLine" }, &data(event));
        assert!(event.text().ends_with("\n\n") && event.text().matches('\n').count() == 4, "{:?}", event.text());
    }
    let words: Vec<String> = story
        .iter()
        .map(|event| {
            data(event)[if event.event == "state" { "kind" } else { "text" }].as_str().unwrap_or_default().to_owned()
        })
        .collect();
    assert_eq!(
        words,
        [
            "accepted",
            "authorised",
            "admitted",
            "claimed",
            "one",
            "two",
            "three\nin two lines",
            "four",
            "five",
            "stopped"
        ]
    );
    assert!(story.windows(2).all(|pair| pair[0].id < pair[1].id), "positions only grow, and none comes twice");
    assert!(story.iter().all(|event| event.id < 1 << 53), "a browser can hold them");
}

#[test]
fn a_story_is_resumed_anywhere_without_a_gap() {
    let (stage, id, story) = told();
    for (index, event) in story.iter().enumerate() {
        let rest = after(&stage, &id, event.id);
        assert_eq!(rest, story[index + 1..], "after {event:?}");
    }
    let last = story.last().expect("an end").id;
    assert!(after(&stage, &id, last).is_empty());
    assert_eq!(after(&stage, &id, -5), story, "a position that makes no sense is the beginning");
    assert!(after(&stage, &id, i64::MAX).is_empty());
    let other = TaskId::parse(crate::description::NOBODY).expect("an id");
    assert!(after(&stage, &other, 0).is_empty(), "nobody else's");
}

/// The headers of a reader that comes again.
struct Reader(String);

impl Headers for Reader {
    fn get(&self, name: &str) -> Option<String> {
        match name {
            "host" => Some("127.0.0.1:8787".to_owned()),
            "last-event-id" => Some(self.0.clone()),
            _ => None,
        }
    }
}

/// The stream that a request opens: whose, and after which position.
fn opened(stage: &Stage, path: &str, last_event_id: &str) -> Option<(TaskId, i64)> {
    let request = Request {
        method: "GET".to_owned(),
        path: path.to_owned(),
        query: String::new(),
        headers: Box::new(Reader(last_event_id.to_owned())),
        body: Body::Read(Vec::new()),
    };
    match stage.with(async |app| handle(app, request).await).reply {
        Reply::Events { task, after } => Some((task, after)),
        Reply::Full { .. } | Reply::Forward(_) => None,
    }
}

#[test]
fn the_stream_begins_after_the_last_event_id() {
    let (stage, id, story) = told();
    let path = format!("/api/tasks/{id}/events");
    for (header, expected) in [("", 0), ("7", 7), ("x", 0), ("99999999999999999999999", 0)] {
        assert_eq!(opened(&stage, &path, header), Some((id.clone(), expected)), "{header:?}");
    }
    let head = stage.request("HEAD", &path, &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0), "HEAD opens no stream");
    assert!(head.headers.contains(&("content-type", "text/event-stream; charset=utf-8".to_owned())));
    assert_eq!(story.len(), 10);
}
