//! What operators and the platform do: deploys, rotated keys, a cron trigger that stays away or fires twice.

use super::ends::{DONE, NOTHING, TIMED_OUT};
use super::scene::{Scene, Step};
use super::{Scenario, app};
use crate::gate::{Fate, Port};
use crate::host::Exit;
use crate::instance::ENCRYPTION_KEYS;
use crate::machine::Run;
use crate::people::Doing;

pub(super) const ALL: &[Scenario] = &[
    app("a_deploy_while_it_runs", a_deploy_while_it_runs, &[DONE]),
    app(
        "new_keys_while_it_runs",
        new_keys_while_it_runs,
        &["
            T1 no_changes
            T2 succeeded
            porter/T2 into main: open, 2 commits, a.txt by T2
            #1 end: @bob Claude Code looked at this and ended without changing anything; the status comment ha
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code ended without changing anything.
            #2 label porter:done
            #2 reaction eyes, rocket
            #2 status: ✅ **Done:** Claude Code made pull request the pull request of T2.
        "],
    ),
    app("no_cron_for_an_hour", no_cron_for_an_hour, &[TIMED_OUT]),
    app("two_ticks_at_once", two_ticks_at_once, &[DONE]),
    app("two_ticks_find_a_lost_machine", two_ticks_find_a_lost_machine, &[NOTHING]),
];

fn a_deploy_while_it_runs(scene: &mut Scene<'_>) -> Step {
    scene.ask(1);
    scene.until_state(1, "launching")?;
    scene.sim.carry_out(Doing::Deploy);
    scene.until_state(1, "running")?;
    scene.sim.carry_out(Doing::Deploy);
    scene.until_state(1, "publishing")?;
    scene.sim.carry_out(Doing::Deploy);
    scene.until_ended(1)
}

/// A machine that was made under the old key claims, reports and hands over under the new one.
fn new_keys_while_it_runs(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Nothing]);
    scene.ask(1);
    scene.until_state(1, "launching")?;
    scene.crashes_from_here();
    let both = format!("{ENCRYPTION_KEYS},2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=");
    scene.sim.deploy_with(&[("ENCRYPTION_KEYS", &both)]);
    scene.until_ended(1)?;
    scene.ask(2);
    scene.until_ended(2)
}

fn no_cron_for_an_hour(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Ends(1, Exit::Killed), Run::Nothing]);
    scene.ask(1);
    scene.until_state(1, "running")?;
    scene.crashes_from_here();
    scene.sim.carry_out(Doing::CronStops(3_600));
    scene.until_ended(1)
}

fn two_ticks_at_once(scene: &mut Scene<'_>) -> Step {
    // The request that takes the command in carries nothing out: the ticks find everything.
    scene.directions().trouble(Port::Write, "UPDATE effects SET lease", Fate::FailsBefore, 1);
    scene.ask(1);
    scene.until("the command is taken in", |scene| !scene.sim.is_busy() && !scene.state(1).is_empty())?;
    scene.sim.tick_twice();
    scene.until_ended(1)
}

fn two_ticks_find_a_lost_machine(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Ends(1, Exit::OutOfMemory), Run::Nothing]);
    scene.ask(1);
    scene.until_state(1, "running")?;
    scene.sim.carry_out(Doing::CronStops(100));
    scene.wait_s(100);
    scene.crashes_from_here();
    scene.sim.tick_twice();
    scene.until_ended(1)
}
