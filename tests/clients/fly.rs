//! The machine host's API: exact requests, adoption of a taken name, and what each refusal means.

use std::collections::BTreeMap;

use porter::clients::fly::machines::{CreateMachine, Created, FlyError, Guest, MachineState};
use porter::domain::ids::MachineId;
use porter::domain::time::Timestamp;
use porter::ports::{FaultKind, Method};
use serde_json::{Value, json};

use crate::script::{START, Step, World, on, run};

const MACHINES: &str = "/v1/apps/porter-app/machines";

fn fly(method: Method, path: &str) -> Step {
    on(method, &format!("{MACHINES}{path}")).bearer(Some("fly-token"))
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn wanted() -> CreateMachine {
    CreateMachine {
        name: "porter-t-1".to_owned(),
        image: "image".to_owned(),
        env: pairs(&[("TASK_ID", "t")]),
        metadata: pairs(&[("porter_task", "t")]),
        guest: Guest::DEFAULT,
    }
}

fn body() -> Value {
    json!({"name": "porter-t-1", "config": {
        "image": "image", "env": {"TASK_ID": "t"}, "metadata": {"porter_task": "t"},
        "auto_destroy": true, "restart": {"policy": "no"},
        "guest": {"cpu_kind": "shared", "cpus": 2, "memory_mb": 2048}}})
}

fn create(status: u16, answer: Value) -> Result<Created, FlyError> {
    let world = World::new([fly(Method::Post, "").sends(body()).answers(status, answer)]);
    run(world.fly().create(&wanted()))
}

fn id(text: &str) -> MachineId {
    MachineId::parse(text).unwrap()
}

#[test]
fn a_machine_is_created_to_run_once() {
    let answer =
        json!({"id": "m1", "name": "porter-t-1", "state": "created", "config": {"metadata": {"porter_task": "t"}}});
    let Created::Machine(machine) = create(200, answer).unwrap() else { panic!("no machine") };
    assert_eq!((machine.id, machine.state, machine.exit), (id("m1"), MachineState::Created, None));
    assert_eq!(machine.metadata, pairs(&[("porter_task", "t")]));
}

#[test]
fn a_taken_name_names_the_machine_that_has_it() {
    let taken = "already_exists: unique machine name violation, machine ID 4d89e1 already exists with name porter-t-1";
    for (status, answer, expected) in [
        (409, json!({"error": taken}), Some("4d89e1")),
        (422, json!({"error": taken, "status": "unknown"}), Some("4d89e1")),
        (422, json!({"error": "unique machine name violation"}), None),
        (409, json!({"error": "taken", "status": "name_taken"}), None),
        (409, json!({"error": "unique machine name violation, machine ID ../../apps"}), None),
    ] {
        let existing = expected.map(id);
        assert_eq!(create(status, answer).unwrap(), Created::Conflict { existing });
    }
}

#[test]
fn refusals_are_told_apart() {
    let kind = |status, answer: Value| match create(status, answer).unwrap_err() {
        FlyError::Capacity { .. } => "capacity",
        FlyError::RateLimited { .. } => "limited",
        FlyError::Unauthorized => "unauthorized",
        FlyError::NotFound => "not found",
        FlyError::Rejected { .. } => "rejected",
        FlyError::Fault(fault) if fault.kind == FaultKind::Permanent => "permanent",
        FlyError::Fault(_) => "transient",
    };
    let full = json!({"error": "insufficient resources available to fulfill request"});
    for (status, answer, expected) in [
        (422, json!({"error": "no", "status": "insufficient_capacity"}), "capacity"),
        (412, full.clone(), "capacity"),
        (409, full.clone(), "capacity"),
        (503, full, "capacity"),
        (409, json!({"error": "could not reserve resource for machine: insufficient memory"}), "capacity"),
        (409, json!({"error": "lease is held"}), "transient"),
        (412, json!({"error": "volume in use"}), "rejected"),
        (422, json!({"error": "invalid config.image"}), "rejected"),
        (400, json!({"error": "unique machine name violation"}), "rejected"),
        (429, json!({}), "limited"),
        (401, json!({}), "unauthorized"),
        (403, json!({}), "unauthorized"),
        (404, json!({}), "not found"),
        (408, json!({}), "transient"),
        (500, json!("text"), "transient"),
        (302, json!({}), "permanent"),
        (200, json!({"id": "../x"}), "permanent"),
    ] {
        assert_eq!(kind(status, answer.clone()), expected, "{status} {answer}");
    }
}

#[test]
fn a_rate_limit_waits_as_long_as_told() {
    for (headers, seconds) in [(&[("retry-after", "7")][..], 7), (&[][..], 2)] {
        let world = World::new([fly(Method::Get, "/m1").answers_with(429, headers, json!({}))]);
        let error = run(world.fly().get(&id("m1"))).unwrap_err();
        let not_before = Some(Timestamp::from_millis(START).plus_seconds(seconds));
        assert_eq!(error.into_fault("testing").kind, FaultKind::Transient { not_before });
    }
}

#[test]
fn the_last_exit_is_read_from_the_events() {
    let exit = |at: i64, event: Value| json!({"type": "exit", "status": "stopped", "timestamp": at, "request": event});
    let first = exit(1, json!({"exit_event": {"exit_code": 1, "oom_killed": false, "signal": -1}}));
    let last = exit(
        2,
        json!({"MonitorEvent": {"exit_event": {"exit_code": 137, "oom_killed": true, "signal": 9}}, "exit_event": {"exit_code": 0}}),
    );
    let start = json!({"type": "start", "timestamp": 3, "request": null});
    for (events, expected) in [
        (json!([last, first, start]), Some((Some(137), true, Some(9)))),
        (json!([first]), Some((Some(1), false, None))),
        (json!([start]), None),
        (json!(null), None),
    ] {
        let answer = json!({"id": "m1", "state": "sleeping", "config": null, "events": events});
        let world = World::new([fly(Method::Get, "/m1").answers(200, answer)]);
        let machine = run(world.fly().get(&id("m1"))).unwrap();
        assert_eq!(machine.state, MachineState::Unknown("sleeping".to_owned()));
        assert_eq!(machine.exit.map(|exit| (exit.code, exit.oom_killed, exit.signal)), expected);
    }
}

#[test]
fn a_list_holds_only_what_was_asked_for() {
    let machine =
        |name: &str, instance: &str| json!({"id": name, "config": {"metadata": {"porter_instance": instance}}});
    let answer = json!([machine("m1", "a&b"), machine("m2", "other"), {"id": "m3"}]);
    let world = World::new([fly(Method::Get, "?metadata.porter_instance=a%26b").answers(200, answer)]);
    let machines = run(world.fly().list("porter_instance", "a&b")).unwrap();
    assert_eq!(machines.into_iter().map(|machine| machine.id).collect::<Vec<_>>(), [id("m1")]);
}

#[test]
fn stopping_and_destroying() {
    let world = World::new([
        fly(Method::Post, "/m1/stop").sends(json!({"signal": "SIGTERM", "timeout": "10s"})),
        fly(Method::Delete, "/m1?force=true"),
        fly(Method::Delete, "/m1?force=true").answers(404, json!({"error": "machine not found"})),
        fly(Method::Delete, "/m1?force=true").answers(500, json!({})),
    ]);
    run(world.fly().stop(&id("m1"), 10)).unwrap();
    run(world.fly().destroy(&id("m1"))).unwrap();
    run(world.fly().destroy(&id("m1"))).unwrap();
    assert!(run(world.fly().destroy(&id("m1"))).is_err());
}
