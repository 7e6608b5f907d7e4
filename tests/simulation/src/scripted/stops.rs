//! Stopping, running again, and what ends a task from outside.

use porter_world::github::Role;

use super::directions::Boot;
use super::ends::{AGENT_FAILED, CLOSED, STOPPED, TIMED_OUT};
use super::scene::{Scene, Step};
use super::{Scenario, app};
use crate::gate::{Fate, Port};
use crate::machine::Run;
use crate::people::Doing;

pub(super) const ALL: &[Scenario] = &[
    app(
        "stop_while_running",
        stop_while_running,
        &["
            T1 stopped
            #1 end: @bob this was stopped by alice. To try again, comment `@porter retry`.
            #1 label porter:failed
            #1 reaction confused, eyes
            #1 status: 🛑 **Stopped** by alice.
        "],
    ),
    app("stop_before_the_machine_boots", stop_before_the_machine_boots, &[STOPPED]),
    app(
        "stop_with_one_waiting",
        stop_with_one_waiting,
        &["
            T1 stopped
            T2 stopped
            #1 end: @alice this was stopped by bob. To try again, comment `@porter retry`.
            #1 end: @bob this was stopped by bob. To try again, comment `@porter retry`.
            #1 label porter:failed
            #1 reaction confused, eyes
            #1 reaction confused, eyes
            #1 status: 🛑 **Stopped** by bob.
            #1 status: 🛑 **Stopped** by bob.
        "],
    ),
    app(
        "stop_with_nothing_running",
        stop_with_nothing_running,
        &["
            #1 reply: @bob there is nothing running on this issue.
        "],
    ),
    app(
        "stop_when_it_is_too_late",
        stop_when_it_is_too_late,
        &[
            "
            T1 succeeded
            porter/T1 into main: open, 2 commits, a.txt by T1
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 reply: @bob too late to stop: the result is already being published.
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
        ",
            // A stop that is heard when all is over says so.
            "
            T1 succeeded
            porter/T1 into main: open, 2 commits, a.txt by T1
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 reply: @bob there is nothing running on this issue.
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
        ",
        ],
    ),
    app(
        "stop_at_the_page",
        stop_at_the_page,
        &[
            "
            T1 stopped
            #1 end: @bob this was stopped from the dashboard. To try again, comment `@porter retry`.
            #1 label porter:failed
            #1 reaction confused, eyes
            #1 status: 🛑 **Stopped** from the dashboard.
        ",
            // Nobody repeats a click that was lost.
            TIMED_OUT,
        ],
    ),
    app("closing_the_issue_stops", closing_the_issue_stops, &[CLOSED]),
    app("closing_the_issue_before_the_launch", closing_the_issue_before_the_launch, &[CLOSED]),
    app(
        "removing_the_app_stops",
        removing_the_app_stops,
        &["
            T1 stopped
            #1 label porter:running
            #1 reaction eyes
            #1 status: 🛠️ **Claude Code is working**
        "],
    ),
    app(
        "the_right_is_lost_before_the_launch",
        the_right_is_lost_before_the_launch,
        &["
            T1 succeeded
            T2 refused
            porter/T1 into main: open, 2 commits, a.txt by T1
            #1 end: @bob this could not be started. Only people with write access to this repository can ask P
            #1 label porter:failed
            #1 reaction confused, eyes
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
            #1 status: ❌ **Not started.** Only people with write access to this repository can ask Porter for wor
        "],
    ),
    app(
        "retry_after_a_failure",
        retry_after_a_failure,
        &["
            T1 failed
            T2 succeeded, T1 again
            porter/T2 into main: open, 2 commits, a.txt by T2
            #1 end: @bob this did not work. Claude Code could not finish; the status comment has what it repor
            #1 label porter:done
            #1 reaction confused, eyes
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T2.
            #1 status: ❌ **Failed.** Claude Code could not finish; the status comment has what it reported.
        "],
    ),
    app(
        "retry_at_the_page",
        retry_at_the_page,
        &[
            "
            T1 failed
            T2 no_changes, T1 again
            #1 end: @bob Claude Code looked at this and ended without changing anything; the status comment ha
            #1 end: @bob this did not work. Claude Code could not finish; the status comment has what it repor
            #1 label porter:done
            #1 reaction confused, eyes, rocket
            #1 status: ✅ **Done:** Claude Code ended without changing anything.
            #1 status: ❌ **Failed.** Claude Code could not finish; the status comment has what it reported.
        ",
            // Nobody repeats a click that was lost.
            AGENT_FAILED,
        ],
    ),
    app(
        "retry_while_it_runs",
        retry_while_it_runs,
        &["
            T1 stopped
            #1 end: @bob this was stopped by bob. To try again, comment `@porter retry`.
            #1 label porter:failed
            #1 reaction confused, eyes
            #1 reply: @bob the task on this issue has not ended yet. Comment `@porter stop` first, or wait for i
            #1 status: 🛑 **Stopped** by bob.
        "],
    ),
    app(
        "retry_without_a_task",
        retry_without_a_task,
        &["
            #3 reply: @bob there is no task on this issue to run again. Comment `@porter` to start one.
        "],
    ),
];

/// Bob's task on issue 1 runs for ever; crashes begin here.
fn running(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Hangs]);
    scene.ask(1);
    scene.until_state(1, "running")?;
    scene.until("the first report", |scene| {
        scene.sim.world.comments(1).iter().any(|(_, text)| text.contains("working"))
    })?;
    scene.crashes_from_here();
    Ok(())
}

fn stop_while_running(scene: &mut Scene<'_>) -> Step {
    running(scene)?;
    scene.comment("alice", 1, "@porter stop");
    scene.until_ended(1)
}

fn stop_before_the_machine_boots(scene: &mut Scene<'_>) -> Step {
    scene.directions().boots(1, &[Boot::After(20_000)]);
    // Late is late: a stop that is lost and brought again finds it running.
    scene.directions().runs(1, &[Run::Hangs]);
    scene.ask(1);
    scene.until_state(1, "launching")?;
    scene.crashes_from_here();
    scene.comment("bob", 1, "@porter stop");
    scene.until_ended(1)
}

fn stop_with_one_waiting(scene: &mut Scene<'_>) -> Step {
    running(scene)?;
    scene.comment("alice", 1, "@porter codex do another thing");
    scene.until_state(2, "queued")?;
    scene.comment("bob", 1, "@porter stop");
    scene.until_ended(2)
}

fn stop_with_nothing_running(scene: &mut Scene<'_>) -> Step {
    scene.comment("bob", 1, "@porter stop");
    scene.until_said(1, "nothing running", 1)
}

fn stop_when_it_is_too_late(scene: &mut Scene<'_>) -> Step {
    scene.directions().trouble(Port::GitHub, "/pulls", Fate::Refused(502), 2);
    scene.ask(1);
    scene.until_state(1, "publishing")?;
    scene.crashes_from_here();
    scene.comment("bob", 1, "@porter stop");
    scene.until_ended(1)
}

fn stop_at_the_page(scene: &mut Scene<'_>) -> Step {
    running(scene)?;
    scene.at_the_page(1, "stop");
    scene.until_ended(1)
}

fn closing_the_issue_stops(scene: &mut Scene<'_>) -> Step {
    running(scene)?;
    scene.sim.carry_out(Doing::Close(1));
    scene.until_ended(1)
}

fn closing_the_issue_before_the_launch(scene: &mut Scene<'_>) -> Step {
    // A closing that is lost and brought again finds it running.
    scene.directions().runs(1, &[Run::Hangs]);
    scene.ask(1);
    scene.until_state(1, "queued")?;
    scene.sim.carry_out(Doing::Close(1));
    scene.until_ended(1)
}

fn removing_the_app_stops(scene: &mut Scene<'_>) -> Step {
    running(scene)?;
    scene.sim.carry_out(Doing::Uninstall);
    scene.until_ended(1)
}

/// Bob's task waits for alice's; meanwhile he loses the right, and no machine is made for him.
fn the_right_is_lost_before_the_launch(scene: &mut Scene<'_>) -> Step {
    scene.directions().boots(1, &[Boot::After(20_000)]);
    scene.comment("alice", 1, "@porter claude fix it");
    scene.until_state(1, "launching")?;
    scene.ask(1);
    scene.until_state(2, "queued")?;
    scene.crashes_from_here();
    scene.role("bob", Role::Read);
    scene.until_ended(2)
}

fn retry_after_a_failure(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Fails]);
    scene.ask(1);
    scene.until_ended(1)?;
    scene.directions().runs(1, &[Run::Changes]);
    scene.crashes_from_here();
    scene.comment("alice", 1, "@porter retry");
    scene.until_ended(2)
}

fn retry_at_the_page(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Fails]);
    scene.ask(1);
    scene.until_ended(1)?;
    scene.directions().runs(1, &[Run::Nothing]);
    scene.crashes_from_here();
    scene.at_the_page(1, "retry");
    scene.wait_s(60);
    scene.until_ended(1)
}

fn retry_while_it_runs(scene: &mut Scene<'_>) -> Step {
    running(scene)?;
    scene.comment("bob", 1, "@porter retry");
    scene.until_said(1, "not ended yet", 1)?;
    scene.comment("bob", 1, "@porter stop");
    scene.until_ended(1)
}

fn retry_without_a_task(scene: &mut Scene<'_>) -> Step {
    scene.comment("bob", 3, "@porter retry");
    scene.until_said(3, "no task", 1)
}
