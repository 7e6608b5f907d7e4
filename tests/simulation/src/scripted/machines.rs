//! How machines run, end and fail, and what the machine host does.

use super::directions::Boot;
use super::ends::{AGENT_FAILED, DONE, NOTHING, STOPPED, TIMED_OUT};
use super::scene::{Scene, Step};
use super::{Scenario, app};
use crate::gate::{Fate, Port};
use crate::host::Exit;
use crate::machine::Run;

pub(super) const ALL: &[Scenario] = &[
    app("the_main_job", the_main_job, &[DONE]),
    app("nothing_to_change", nothing_to_change, &[NOTHING]),
    app("the_agent_fails", the_agent_fails, &[AGENT_FAILED]),
    app(
        "a_refused_change_set",
        a_refused_change_set,
        &["
            T1 failed
            #1 end: @bob this did not work. The changes break 1 of the rules for what Porter publishes; the st
            #1 label porter:failed
            #1 reaction confused, eyes
            #1 status: ❌ **Failed.** The changes break 1 of the rules for what Porter publishes; the status comme
        "],
    ),
    app("an_agent_that_tells_its_keys", an_agent_that_tells_its_keys, &[DONE]),
    app("memory_runs_out_once", memory_runs_out_once, &[DONE]),
    app(
        "a_program_that_always_ends",
        a_program_that_always_ends,
        &["
            T1 failed
            #1 end: @bob this did not work. The machine was lost: its program ended with exit code 101 and wit
            #1 label porter:failed
            #1 reaction confused, eyes
            #1 status: ❌ **Failed.** The machine was lost: its program ended with exit code 101 and without a wor
        "],
    ),
    app("killed_before_its_first_word", killed_before_its_first_word, &[NOTHING]),
    app("hanging_until_the_deadline", hanging_until_the_deadline, &[TIMED_OUT]),
    app("a_second_boot_is_turned_away", a_second_boot_is_turned_away, &[DONE]),
    app("a_boot_after_the_launch_is_lost", a_boot_after_the_launch_is_lost, &[DONE]),
    app("a_machine_that_never_boots", a_machine_that_never_boots, &[DONE]),
    app(
        "no_machine_ever_boots",
        no_machine_ever_boots,
        &["
            T1 timed_out
            #1 end: @bob this took too long. No machine came up in time. To try again, comment `@porter retry`
            #1 label porter:failed
            #1 reaction confused, eyes
            #1 status: ⌛ **Timed out.** No machine came up in time.
        "],
    ),
    app("a_machine_made_late", a_machine_made_late, &[DONE]),
    app("no_room_for_a_machine_yet", no_room_for_a_machine_yet, &[DONE]),
    app("a_lost_answer_and_empty_lists", a_lost_answer_and_empty_lists, &[DONE]),
    app("back_from_the_dead", back_from_the_dead, &[STOPPED]),
    app("a_machine_that_will_not_go", a_machine_that_will_not_go, &[DONE]),
    app("the_host_wants_a_pause", the_host_wants_a_pause, &[DONE]),
];

fn ran(scene: &mut Scene<'_>, runs: &[Run]) -> Step {
    scene.directions().runs(1, runs);
    scene.ask(1);
    scene.until_ended(1)
}

fn booted(scene: &mut Scene<'_>, boots: &[Boot]) -> Step {
    scene.directions().boots(1, boots);
    scene.ask(1);
    scene.until_state(1, "launching")?;
    scene.crashes_from_here();
    scene.until_ended(1)
}

fn hosted(scene: &mut Scene<'_>, needle: &'static str, fate: Fate, times: u32) -> Step {
    scene.directions().trouble(Port::Host, needle, fate, times);
    scene.ask(1);
    scene.until_ended(1)
}

fn the_main_job(scene: &mut Scene<'_>) -> Step {
    ran(scene, &[Run::Changes])
}

fn nothing_to_change(scene: &mut Scene<'_>) -> Step {
    ran(scene, &[Run::Nothing])
}

fn the_agent_fails(scene: &mut Scene<'_>) -> Step {
    ran(scene, &[Run::Fails])
}

fn a_refused_change_set(scene: &mut Scene<'_>) -> Step {
    ran(scene, &[Run::BreaksRule])
}

fn an_agent_that_tells_its_keys(scene: &mut Scene<'_>) -> Step {
    ran(scene, &[Run::Obeys])
}

fn memory_runs_out_once(scene: &mut Scene<'_>) -> Step {
    ran(scene, &[Run::Ends(1, Exit::OutOfMemory), Run::Changes])
}

fn a_program_that_always_ends(scene: &mut Scene<'_>) -> Step {
    ran(scene, &[Run::Ends(1, Exit::Code(101))])
}

fn killed_before_its_first_word(scene: &mut Scene<'_>) -> Step {
    ran(scene, &[Run::Ends(0, Exit::Killed), Run::Nothing])
}

fn hanging_until_the_deadline(scene: &mut Scene<'_>) -> Step {
    ran(scene, &[Run::Hangs])
}

fn a_second_boot_is_turned_away(scene: &mut Scene<'_>) -> Step {
    ran(scene, &[Run::Reboots, Run::Changes])
}

/// Its machine comes up when its launch has been given up; it must get nothing.
fn a_boot_after_the_launch_is_lost(scene: &mut Scene<'_>) -> Step {
    scene.directions().trouble(Port::Host, "DELETE", Fate::Refused(500), 3);
    booted(scene, &[Boot::After(125_000), Boot::After(1_000)])
}

fn a_machine_that_never_boots(scene: &mut Scene<'_>) -> Step {
    booted(scene, &[Boot::Never, Boot::After(1_000)])
}

fn no_machine_ever_boots(scene: &mut Scene<'_>) -> Step {
    booted(scene, &[Boot::Never])
}

fn a_machine_made_late(scene: &mut Scene<'_>) -> Step {
    hosted(scene, "POST", Fate::WorksLate(5_000), 1)
}

fn no_room_for_a_machine_yet(scene: &mut Scene<'_>) -> Step {
    hosted(scene, "POST", Fate::Refused(422), 2)
}

fn a_lost_answer_and_empty_lists(scene: &mut Scene<'_>) -> Step {
    scene.sim.host.lie_until(scene.sim.now().plus_seconds(90));
    hosted(scene, "POST", Fate::FailsAfter, 1)
}

fn back_from_the_dead(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Ends(1, Exit::Killed), Run::Hangs]);
    scene.ask(1);
    scene.until("the second launch", |scene| scene.task(1).is_some_and(|(_, task)| task.attempt > 1))?;
    scene.until_state(1, "running")?;
    scene.crashes_from_here();
    scene.resurrect();
    scene.wait_s(5);
    scene.comment("bob", 1, "@porter stop");
    scene.until_ended(1)
}

fn a_machine_that_will_not_go(scene: &mut Scene<'_>) -> Step {
    hosted(scene, "DELETE", Fate::Refused(503), 3)
}

fn the_host_wants_a_pause(scene: &mut Scene<'_>) -> Step {
    hosted(scene, "POST", Fate::Limited(7), 1)
}
