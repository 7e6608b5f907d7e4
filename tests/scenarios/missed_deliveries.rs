//! Deliveries that did not arrive: the Worker was down, GitHub repeats nothing, and every command still comes in, once.

use porter::ports::{Clock as _, Level, Value};
use porter_world::github::Trouble;
use porter_world::world::Mode;

use crate::stage::Stage;
use crate::stage::sqlite::SqlTrouble;

/// Somebody comments while nobody answers.
fn comment_unheard(stage: &Stage, author: &str, issue: i64, text: &str) {
    let delivery = stage.world.comment(author, issue, text);
    stage.world.answered(delivery, 0);
}

/// A tick, and GitHub brings what it was asked for.
fn tick(stage: &Stage, seconds: i64) {
    stage.tick_after(seconds);
    stage.deliver_all();
}

fn tasks(stage: &Stage) -> usize {
    stage.rows("SELECT id FROM tasks").len()
}

fn end_all(stage: &Stage) {
    for row in stage.rows("SELECT id FROM tasks WHERE finished_at IS NULL") {
        if let Some((_, Value::Text(id))) = row.first() {
            stage.end(id);
        }
    }
}

/// How often GitHub was asked for the list, and for deliveries.
fn asked(stage: &Stage) -> (usize, usize) {
    let github = stage.world.github.borrow();
    (github.record.count("GET", "/app/hook/deliveries"), github.record.count("POST", "/attempts"))
}

#[test]
fn six_hours_of_commands_come_in_afterwards_each_once() {
    let stage = Stage::new(Mode::QuickApp);
    let issues: Vec<i64> = (0..12).map(|_| stage.issue()).collect();
    stage.tick_after(60);
    for (number, issue) in issues.iter().enumerate() {
        stage.world.clock.advance_ms(30 * 60_000);
        comment_unheard(&stage, if number % 2 == 0 { "bob" } else { "alice" }, *issue, "@porter claude fix it");
        comment_unheard(&stage, "carol", *issue, "is anybody there?");
    }
    assert_eq!(tasks(&stage), 0);
    for _ in 0..3 {
        tick(&stage, 60);
    }
    assert_eq!(tasks(&stage), 12);
    let made = stage.rows("SELECT issue_number FROM tasks ORDER BY rowid");
    let made: Vec<i64> =
        made.iter().filter_map(|row| if let (_, Value::Int(n)) = row[0] { Some(n) } else { None }).collect();
    assert_eq!(made, issues, "in the order they were written");
    let (_, before) = asked(&stage);
    for _ in 0..20 {
        tick(&stage, 60);
    }
    assert_eq!(tasks(&stage), 12);
    assert_eq!(asked(&stage).1, before, "what has arrived is not asked for again, also what was no command");
    assert_eq!(before, 24);
    end_all(&stage);
}

#[test]
fn the_list_is_looked_at_every_five_minutes_at_most() {
    let stage = Stage::new(Mode::QuickApp);
    stage.issue();
    for _ in 0..31 {
        stage.tick_after(60);
    }
    assert!((6..=7).contains(&asked(&stage).0), "{:?}", asked(&stage));
    let stage = Stage::new(Mode::Token);
    stage.issue();
    stage.tick_after(600);
    assert_eq!(asked(&stage), (0, 0), "without an App there is no list");
}

#[test]
fn a_delivery_that_keeps_failing_is_asked_for_less_and_less_and_then_given_up() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.tick_after(60);
    comment_unheard(&stage, "bob", issue, "@porter claude fix it");
    let mut when = Vec::new();
    let mut minute = 0;
    for step in std::iter::repeat_n(5, 12).chain(std::iter::repeat_n(60, 95)) {
        let before = asked(&stage).1;
        stage.tick_after(step * 60);
        if asked(&stage).1 > before {
            when.push(minute);
        }
        minute += step;
        // GitHub forgets after three days, and until then nobody answers.
        for delivery in stage.world.take_deliveries() {
            stage.world.answered(delivery, 503);
        }
        let now = stage.world.clock.now();
        stage.world.github.borrow_mut().deliveries.tried.retain(|one| now.since(one.at) < 3 * 86_400_000);
    }
    assert_eq!(&when[..4], [0, 5, 15, 35], "the pause doubles");
    assert!(when.len() < 25, "{when:?}");
    assert!(when.iter().all(|minute| *minute < 3 * 24 * 60), "{when:?}");
    let errors: Vec<String> =
        stage.log.lines().into_iter().filter(|line| line.0 == Level::Error).map(|line| line.1).collect();
    let alerts = errors.iter().filter(|text| text.contains("more than a day")).count();
    assert!((40..=49).contains(&alerts), "once an hour from the second day on: {alerts}");
    assert_eq!(errors.iter().filter(|text| text.contains("never arrived")).count(), 1);
    assert!(stage.rows("SELECT id FROM missed_deliveries WHERE settled_at IS NULL").is_empty());
}

#[test]
fn the_doctor_names_what_does_not_arrive() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.tick_after(60);
    comment_unheard(&stage, "bob", issue, "@porter claude fix it");
    stage.tick_after(600);
    for delivery in stage.world.take_deliveries() {
        stage.world.answered(delivery, 0);
    }
    stage.comment("bob", issue, "@porter doctor");
    assert!(!stage.replies(issue).concat().contains("have not arrived"), "{:?}", stage.replies(issue));
    stage.tick_after(26 * 3600);
    stage.comment("bob", issue, "@porter doctor");
    assert!(stage.replies(issue).concat().contains("have not arrived for 26 h"), "{:?}", stage.replies(issue));
    stage.deliver_all();
    end_all(&stage);
}

#[test]
fn what_was_taken_in_without_github_hearing_of_it_is_not_asked_for() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.tick_after(60);
    let delivery = stage.world.comment("bob", issue, "@porter claude fix it");
    assert_eq!(stage.deliver(&delivery).status, 202);
    stage.world.answered(delivery, 0);
    for _ in 0..3 {
        tick(&stage, 300);
    }
    assert_eq!((tasks(&stage), asked(&stage).1), (1, 0));
    end_all(&stage);
}

#[test]
fn a_delivery_answered_with_503_comes_again() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.tick_after(60);
    stage.sql.trouble(&[SqlTrouble::Refused]);
    assert_eq!(stage.comment("bob", issue, "@porter claude fix it").status, 503);
    for _ in 0..6 {
        tick(&stage, 60);
    }
    assert_eq!(tasks(&stage), 1);
    end_all(&stage);
}

#[test]
fn a_long_list_is_read_over_several_ticks_and_loses_nothing() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.tick_after(60);
    stage.world.clock.advance_ms(3_600_000);
    comment_unheard(&stage, "bob", issue, "@porter claude fix it");
    // More than a tick reads, all of it newer.
    for _ in 0..520 {
        stage.world.clock.advance_ms(1000);
        comment_unheard(&stage, "carol", issue, "talk");
    }
    stage.github_trouble("GET", "/app/hook/deliveries", 1, Trouble::Status(502));
    for _ in 0..40 {
        tick(&stage, 60);
    }
    assert_eq!(tasks(&stage), 1);
    assert!(stage.rows("SELECT id FROM missed_deliveries WHERE settled_at IS NULL").is_empty());
    assert_eq!(asked(&stage).1, 521, "each once");
    end_all(&stage);
}

#[test]
fn a_used_up_limit_ends_the_turn_and_not_the_work() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.tick_after(60);
    for _ in 0..3 {
        comment_unheard(&stage, "bob", issue, "@porter claude fix it");
    }
    stage.github_trouble("POST", "/attempts", 1, Trouble::SecondaryLimit { retry_after_s: 60 });
    tick(&stage, 300);
    assert_eq!(tasks(&stage), 0);
    tick(&stage, 300);
    tick(&stage, 300);
    assert_eq!(tasks(&stage), 3);
    end_all(&stage);
}

#[test]
fn events_that_nobody_uses_are_left_alone() {
    let stage = Stage::new(Mode::QuickApp);
    let issue = stage.issue();
    stage.tick_after(60);
    stage.world.label("alice", issue, &["bug"]);
    for delivery in stage.world.take_deliveries() {
        stage.world.answered(delivery, 500);
    }
    tick(&stage, 300);
    assert_eq!(asked(&stage).1, 0);
    assert!(stage.rows("SELECT id FROM missed_deliveries").is_empty());
}
