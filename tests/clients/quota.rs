//! What the clients ask the gate before a call and tell it after: nobody calls under a quota that is used up.

use porter::clients::fly::machines::FlyError;
use porter::clients::github::GithubError;
use porter::clients::quota::{Heard, Quota};
use porter::domain::ids::{InstallationId, MachineId};
use porter::domain::time::Timestamp;
use porter::ports::Method;
use serde_json::json;

use crate::script::{START, World, on, run};
use crate::{with_app, with_token};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START).plus_seconds(seconds)
}

#[test]
fn a_shut_gate_is_not_passed_not_even_for_a_token() {
    let installation = Quota::GithubInstallation(InstallationId(9));
    // No step: any call would panic.
    let world = World::new([]);
    for quota in [installation, Quota::GithubApp] {
        world.shut.set(Some(quota));
        let refused = run(with_app(&world).repository());
        assert!(matches!(refused, Err(GithubError::RateLimited { until }) if until == at(60)), "{refused:?}");
    }
    world.shut.set(Some(Quota::GithubToken));
    assert!(matches!(run(with_token(&world).repository()), Err(GithubError::RateLimited { .. })));
    assert!(matches!(run(world.github().user()), Err(GithubError::RateLimited { .. })));
    world.shut.set(Some(Quota::Machines));
    let machine = MachineId::parse("m1").unwrap();
    assert!(matches!(run(world.fly().get(&machine)), Err(FlyError::RateLimited { .. })));
    assert!(world.heard.borrow().is_empty());
}

#[test]
fn what_an_answer_means_for_the_next_call_is_told() {
    let reset = at(1800).seconds().to_string();
    let spent = ("x-ratelimit-remaining", "0");
    let reset = ("x-ratelimit-reset", reset.as_str());
    let search = ("x-ratelimit-resource", "code_search");
    for (status, headers, heard) in [
        (200, vec![("x-ratelimit-remaining", "1"), reset], Heard::Answer),
        (200, vec![spent, reset], Heard::Silence(at(1800))),
        (200, vec![spent, reset, search], Heard::Answer),
        (404, vec![spent, reset], Heard::Silence(at(1800))),
        (404, vec![], Heard::Answer),
        (403, vec![], Heard::Answer),
        (403, vec![("retry-after", "90")], Heard::Silence(at(90))),
        (403, vec![spent, reset], Heard::Silence(at(1800))),
        (429, vec![], Heard::Silence(at(60))),
        (502, vec![], Heard::Trouble),
    ] {
        let world =
            World::new([on(Method::Get, "/user").answers_with(status, &headers, json!({"id": 1, "login": "x"}))]);
        drop(run(world.github().user()));
        assert_eq!(*world.heard.borrow(), [(Quota::GithubToken, heard)], "{status} {headers:?}");
    }
    let world = World::new([on(Method::Get, "/user").breaks()]);
    drop(run(world.github().user()));
    assert_eq!(*world.heard.borrow(), [(Quota::GithubToken, Heard::Trouble)]);
}

#[test]
fn the_machine_hosts_limit_is_told_and_a_full_host_is_well() {
    let path = "/v1/apps/porter-app/machines/m1";
    for (status, headers, heard) in [
        (429, vec![("retry-after", "7")], Heard::Silence(at(7))),
        (429, vec![], Heard::Silence(at(2))),
        (503, vec![], Heard::Answer),
        (404, vec![], Heard::Answer),
        (500, vec![], Heard::Trouble),
    ] {
        let step =
            on(Method::Get, path).bearer(Some("fly-token")).answers_with(status, &headers, json!({"error": "no"}));
        let world = World::new([step]);
        drop(run(world.fly().get(&MachineId::parse("m1").unwrap())));
        assert_eq!(*world.heard.borrow(), [(Quota::Machines, heard)], "{status} {headers:?}");
    }
}

#[test]
fn the_keys_of_quotas_are_pinned() {
    let quotas = [Quota::Machines, Quota::GithubApp, Quota::GithubToken, Quota::GithubInstallation(InstallationId(7))];
    assert_eq!(quotas.map(Quota::key), ["machines", "github:app", "github:token", "github:installation:7"]);
}
