//! Whose turn it is: one task an issue, so many a person, the urgent first.

use super::ends::FOUR;
use super::scene::{Scene, Step};
use super::{Scenario, app};
use crate::machine::Run;

pub(super) const ALL: &[Scenario] = &[
    app(
        "a_second_command_waits_behind",
        a_second_command_waits_behind,
        &["
            T1 succeeded
            T2 succeeded
            porter/T1 into main: open, 2 commits, a.txt by T1
            porter/T2 into main: open, 2 commits, a.txt by T2
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
            #1 status: ✅ **Done:** Codex made pull request the pull request of T2.
        "],
    ),
    app(
        "two_people_two_issues",
        two_people_two_issues,
        &["
            T1 succeeded
            T2 succeeded
            porter/T1 into main: open, 2 commits, a.txt by T1
            porter/T2 into main: open, 2 commits, a.txt by T2
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
            #2 label porter:done
            #2 reaction eyes, rocket
            #2 status: ✅ **Done:** Claude Code made pull request the pull request of T2.
        "],
    ),
    app(
        "no_more_than_a_persons_limit",
        no_more_than_a_persons_limit,
        &["
            T1 stopped
            T2 stopped
            T3 succeeded
            porter/T3 into main: open, 2 commits, a.txt by T3
            #1 end: @bob this was stopped by alice. To try again, comment `@porter retry`.
            #1 label porter:failed
            #1 reaction confused, eyes
            #1 status: 🛑 **Stopped** by alice.
            #2 end: @bob this was stopped by alice. To try again, comment `@porter retry`.
            #2 label porter:failed
            #2 reaction confused, eyes
            #2 status: 🛑 **Stopped** by alice.
            #3 label porter:done
            #3 reaction eyes, rocket
            #3 status: ✅ **Done:** Claude Code made pull request the pull request of T3.
        "],
    ),
    app("the_urgent_go_first", the_urgent_go_first, &[FOUR]),
    app("the_oldest_go_first", the_oldest_go_first, &[FOUR]),
];

fn a_second_command_waits_behind(scene: &mut Scene<'_>) -> Step {
    scene.ask(1);
    scene.until_state(1, "launching")?;
    scene.crashes_from_here();
    scene.comment("alice", 1, "@porter codex do more");
    scene.until_ended(2)
}

fn two_people_two_issues(scene: &mut Scene<'_>) -> Step {
    scene.comment("alice", 1, "@porter claude fix it");
    scene.ask(2);
    scene.until_ended(2)
}

/// Bob may have two at work; the third waits for one of them.
fn no_more_than_a_persons_limit(scene: &mut Scene<'_>) -> Step {
    busy(scene)?;
    scene.ask(3);
    scene.until_state(3, "queued")?;
    scene.comment("alice", 1, "@porter stop");
    scene.until("the third begins", |scene| scene.state(3) != "queued")?;
    scene.comment("alice", 2, "@porter stop");
    scene.until_ended(3)
}

fn the_urgent_go_first(scene: &mut Scene<'_>) -> Step {
    let fourth = scene.open_issue("alice", "It is slow.");
    busy(scene)?;
    scene.comment("bob", 3, "@porter claude --priority=low fix it");
    scene.until_state(3, "queued")?;
    scene.comment("bob", fourth, "@porter claude --priority=high fix it");
    scene.until_state(4, "queued")?;
    in_turn(scene, 4, 3)
}

fn the_oldest_go_first(scene: &mut Scene<'_>) -> Step {
    let fourth = scene.open_issue("alice", "It is slow.");
    busy(scene)?;
    scene.ask(3);
    scene.until_state(3, "queued")?;
    scene.ask(fourth);
    scene.until_state(4, "queued")?;
    in_turn(scene, 3, 4)
}

/// Bob's two places are taken by tasks that run for ever; crashes begin here.
fn busy(scene: &mut Scene<'_>) -> Step {
    for issue in [1, 2] {
        scene.directions().runs(issue, &[Run::Hangs]);
        scene.ask(issue);
    }
    scene.until_state(1, "running")?;
    scene.until_state(2, "running")?;
    scene.crashes_from_here();
    Ok(())
}

/// One place becomes free: this one goes first, the other waits for it.
fn in_turn(scene: &mut Scene<'_>, first: usize, then: usize) -> Step {
    scene.comment("alice", 1, "@porter stop");
    scene.until("one of the two begins", |scene| scene.state(first) != "queued" || scene.state(then) != "queued")?;
    let late = scene.state(then);
    if late != "queued" {
        return Err(format!("T{then} is {late} before T{first}"));
    }
    scene.until_state(first, "succeeded")?;
    scene.comment("alice", 2, "@porter stop");
    scene.until_ended(4)
}
