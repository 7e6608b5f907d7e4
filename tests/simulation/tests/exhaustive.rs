//! Every scripted scenario, with a crash after every port call of it. `npm run simulate -- --exhaustive` also loses every call
//! and every answer.

use std::collections::BTreeMap;

use porter_simulation::gate::Fate;
use porter_simulation::scripted::{Failed, Thoroughness, all, exhaustive, replay};

#[test]
fn every_scenario_ends_as_promised_after_a_crash_at_any_call() {
    let summary = exhaustive(None, Thoroughness::Crashes, &mut |_| {});
    println!("{} scenarios, {} crashes in {:?}", summary.scenarios, summary.crashes, summary.took);
    let told: Vec<String> = summary.failures.iter().map(Failed::told).collect();
    assert!(told.is_empty(), "{}\n{} of {} crashes", told.join("\n"), told.len(), summary.crashes);
    assert!(summary.scenarios >= 44, "{} scenarios", summary.scenarios);
    // Scenarios in which nothing is called would prove nothing.
    assert!(summary.crashes > 10_000, "{} crashes", summary.crashes);
}

#[test]
fn every_scenario_makes_calls_or_has_an_end_of_its_own() {
    let mut known: BTreeMap<(Vec<String>, &[&str]), &str> = BTreeMap::new();
    for scenario in all() {
        let calls = calls_of(&replay(scenario.name, u64::MAX, None));
        assert!(calls.len() > 10, "{} makes {} calls", scenario.name, calls.len());
        if let Some(other) = known.insert((calls, scenario.ends), scenario.name) {
            panic!("{} and {other} are the same", scenario.name);
        }
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

/// What a story calls and how that goes, without the numbers that differ from call to call.
fn calls_of(story: &[String]) -> Vec<String> {
    let ports = [" Read ", " Write ", " GitHub ", " Host "];
    let calls =
        story.iter().filter_map(|line| ports.iter().find_map(|port| line.find(port).and_then(|at| line.get(at..))));
    calls.map(|call| call.split('?').next().unwrap_or_default().replace(|c: char| c.is_ascii_digit(), "")).collect()
}
