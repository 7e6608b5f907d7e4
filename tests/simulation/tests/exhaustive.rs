//! Every scripted scenario, with a crash after every port call of it. `npm run simulate -- --exhaustive` also loses every call
//! and every answer.

use porter_simulation::gate::Fate;
use porter_simulation::scripted::{Failed, Thoroughness, all, exhaustive, replay};

#[test]
fn every_promise_holds_after_a_crash_at_any_call() {
    let summary = exhaustive(None, Thoroughness::Crashes, &mut |_| {});
    println!("{} scenarios, {} crashes in {:?}", summary.scenarios, summary.crashes, summary.took);
    // Here the promises are held to; whether the words at the end are the script's own as well, `--exhaustive` tells.
    let broken = summary.failures.iter().filter(|failed| failed.violation.invariant != "the end");
    let told: Vec<String> = broken.map(Failed::told).collect();
    assert!(told.is_empty(), "{}\n{} of {} crashes", told.join("\n"), told.len(), summary.crashes);
    assert!(summary.scenarios >= 44, "{} scenarios", summary.scenarios);
    // Scenarios in which nothing is called would prove nothing.
    assert!(summary.crashes > 10_000, "{} crashes", summary.crashes);
}

#[test]
fn every_scenario_makes_calls() {
    for scenario in all() {
        let calls = calls_of(&replay(scenario.name, u64::MAX, None));
        assert!(calls > 10, "{} makes {calls} calls", scenario.name);
    }
}

#[test]
fn the_same_crash_gives_the_same_story() {
    for (name, call, fate) in [
        ("the_main_job", 20, None),
        ("polled_stop", 170, Some(Fate::CallerDies)),
        ("the_main_job", 60, Some(Fate::FailsAfter)),
    ] {
        let [one, other] = [replay(name, call, fate), replay(name, call, fate)];
        assert!(one.len() > 100, "{name} has a story");
        assert_eq!(one, other, "{name} at {call}");
    }
}

/// How many calls a story makes.
fn calls_of(story: &[String]) -> usize {
    let ports = [" Read ", " Write ", " GitHub ", " Host "];
    story.iter().filter(|line| ports.iter().any(|port| line.contains(port))).count()
}
