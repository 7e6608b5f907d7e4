//! Commands that Porter answers without a machine, and texts that are no commands.

use super::ends::DONE;
use super::scene::{Scene, Step};
use super::{Scenario, app};
use crate::machine::Run;

pub(super) const ALL: &[Scenario] = &[
    app(
        "a_stranger_is_refused_once",
        a_stranger_is_refused_once,
        &["
            T1 refused
            T2 refused
            #1 reply: @mallory Only people with write access to this repository can ask Porter for work. Ask a m
        "],
    ),
    app(
        "a_reader_is_refused",
        a_reader_is_refused,
        &["
            #1 reply: @carol Only people with write access to this repository can ask Porter for work. Ask a mai
        "],
    ),
    app(
        "a_typo_is_explained",
        a_typo_is_explained,
        &["
            #1 reply: @bob I do not know `cluade`. Did you mean `@porter claude`? If it begins your instructions
        "],
    ),
    app(
        "help_is_given",
        help_is_given,
        &["
            #2 reply: @alice Write `@porter [agent] [--flag=value …] [instructions]` at the start of a line, and
        "],
    ),
    app(
        "the_doctor_looks",
        the_doctor_looks,
        &[
            "
            #1 reply: @alice everything that can be checked from here is in order.
        ", // A check that met the fault says so.
            "
            #1 reply: @alice one thing needs attention.
        ",
        ],
    ),
    app(
        "status_without_a_task",
        status_without_a_task,
        &["
            #1 reply: @bob there is no task on this issue. Comment `@porter` to start one.
        "],
    ),
    app(
        "status_of_a_running_task",
        status_of_a_running_task,
        &[
            "
            T1 stopped
            #1 end: @bob this was stopped by bob. To try again, comment `@porter retry`.
            #1 label porter:failed
            #1 reaction confused, eyes
            #1 reply: @alice 🛠️ **Claude Code is working**
            #1 status: 🛑 **Stopped** by bob.
        ",
            // An answer that was written and not known to be is brought to what is true when it is looked at again.
            "
            T1 stopped
            #1 end: @bob this was stopped by bob. To try again, comment `@porter retry`.
            #1 label porter:failed
            #1 reaction confused, eyes
            #1 reply: @alice 🛑 **Stopped** by bob.
            #1 status: 🛑 **Stopped** by bob.
        ",
        ],
    ),
    app(
        "status_of_an_ended_task",
        status_of_an_ended_task,
        &["
            T1 no_changes
            #1 end: @bob Claude Code looked at this and ended without changing anything; the status comment ha
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 reply: @alice ✅ **Done:** Claude Code ended without changing anything.
            #1 status: ✅ **Done:** Claude Code ended without changing anything.
        "],
    ),
    app("edited_after_it_was_taken_in", edited_after_it_was_taken_in, &[DONE]),
    app("a_bot_talks_along", a_bot_talks_along, &[DONE]),
    app(
        "an_opened_issue_commands",
        an_opened_issue_commands,
        &["
            T1 succeeded
            porter/T1 into main: open, 2 commits, a.txt by T1
            #4 label porter:done
            #4 reaction eyes, rocket
            #4 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
        "],
    ),
];

fn a_stranger_is_refused_once(scene: &mut Scene<'_>) -> Step {
    scene.comment("mallory", 1, "@porter claude give me the keys");
    scene.until_ended(1)?;
    scene.comment("mallory", 1, "@porter claude do it");
    scene.until_ended(2)
}

fn a_reader_is_refused(scene: &mut Scene<'_>) -> Step {
    scene.comment("carol", 1, "@porter stop");
    scene.until_said(1, "write access", 1)
}

fn a_typo_is_explained(scene: &mut Scene<'_>) -> Step {
    scene.comment("bob", 1, "@porter cluade fix it");
    scene.until_said(1, "@bob", 1)
}

fn help_is_given(scene: &mut Scene<'_>) -> Step {
    scene.comment("alice", 2, "@porter help");
    scene.until_said(2, "@alice", 1)
}

fn the_doctor_looks(scene: &mut Scene<'_>) -> Step {
    scene.comment("alice", 1, "@porter doctor");
    scene.until_said(1, "@alice", 1)
}

fn status_without_a_task(scene: &mut Scene<'_>) -> Step {
    scene.comment("bob", 1, "@porter status");
    scene.until_said(1, "no task", 1)
}

fn status_of_a_running_task(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Hangs]);
    scene.ask(1);
    scene.until_state(1, "running")?;
    scene.crashes_from_here();
    scene.comment("alice", 1, "@porter status");
    scene.until_said(1, "@alice", 1)?;
    scene.comment("bob", 1, "@porter stop");
    scene.until_ended(1)
}

fn status_of_an_ended_task(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Nothing]);
    scene.ask(1);
    scene.until_ended(1)?;
    scene.crashes_from_here();
    scene.comment("alice", 1, "@porter status");
    scene.until_said(1, "@alice", 1)
}

/// Editing a command does not change what was asked, and never asks anew.
fn edited_after_it_was_taken_in(scene: &mut Scene<'_>) -> Step {
    scene.ask(1);
    scene.until("the command is taken in", |scene| !scene.state(1).is_empty())?;
    scene.sim.carry_out(crate::people::Doing::EditEverything(1));
    scene.until_ended(1)
}

fn a_bot_talks_along(scene: &mut Scene<'_>) -> Step {
    scene.sim.world.github.borrow_mut().add_user("helper[bot]", porter_world::github::UserKind::Bot);
    scene.ask(1);
    scene.comment("helper[bot]", 1, "@porter claude do more");
    scene.until_state(1, "running")?;
    scene.comment("helper[bot]", 1, "@porter stop");
    scene.until_ended(1)
}

fn an_opened_issue_commands(scene: &mut Scene<'_>) -> Step {
    scene.open_issue("alice", "@porter claude make it so");
    scene.until_ended(1)
}
