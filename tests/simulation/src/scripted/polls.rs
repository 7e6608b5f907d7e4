//! A bot account's token and no webhook: what people write is found by polling.

use porter_world::world::Mode;

use super::Scenario;
use super::ends::{CLOSED, DONE, STOPPED};
use super::scene::{Scene, Step};
use crate::machine::Run;
use crate::people::Doing;

/// Porter with a bot account's token.
const fn token(name: &'static str, story: fn(&mut Scene<'_>) -> Step, ends: &'static [&'static str]) -> Scenario {
    Scenario { name, mode: Mode::Token, story, ends }
}

pub(super) const ALL: &[Scenario] = &[
    token("polled_main_job", polled_main_job, &[DONE]),
    token("polled_stop", polled_stop, &[STOPPED]),
    token("polled_closing", polled_closing, &[CLOSED]),
    token(
        "polled_stranger",
        polled_stranger,
        &["
            T1 refused
            #2 reply: @mallory Only people with write access to this repository can ask Porter for work. Ask a m
        "],
    ),
    token(
        "polled_merge",
        polled_merge,
        &["
            T1 succeeded
            T2 succeeded
            porter/T1 into main: merged, 2 commits, a.txt by T1
            porter/T2 into main: open, 3 commits, a.txt by T2
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
            #2 label porter:done
            #2 reaction eyes, rocket
            #2 status: ✅ **Done:** Claude Code made pull request the pull request of T2.
        "],
    ),
    token(
        "polled_issue",
        polled_issue,
        &["
            T1 no_changes
            #4 end: @alice Claude Code looked at this and ended without changing anything; the status comment 
            #4 label porter:done
            #4 reaction eyes, rocket
            #4 status: ✅ **Done:** Claude Code ended without changing anything.
        "],
    ),
];

fn polled_main_job(scene: &mut Scene<'_>) -> Step {
    scene.ask(1);
    scene.until_ended(1)
}

/// A task that runs for ever; crashes begin here.
fn running(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Hangs]);
    scene.ask(1);
    scene.until_state(1, "running")?;
    scene.crashes_from_here();
    Ok(())
}

fn polled_stop(scene: &mut Scene<'_>) -> Step {
    running(scene)?;
    scene.comment("bob", 1, "@porter stop");
    scene.until_ended(1)
}

fn polled_closing(scene: &mut Scene<'_>) -> Step {
    running(scene)?;
    scene.sim.carry_out(Doing::Close(1));
    scene.until_ended(1)
}

fn polled_stranger(scene: &mut Scene<'_>) -> Step {
    scene.comment("mallory", 2, "@porter claude do it");
    scene.until_ended(1)
}

fn polled_merge(scene: &mut Scene<'_>) -> Step {
    scene.ask(1);
    scene.until_ended(1)?;
    scene.crashes_from_here();
    scene.sim.world.merge("alice", scene.pull_of(1));
    scene.wait_s(90);
    scene.ask(2);
    scene.until_ended(2)
}

fn polled_issue(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(4, &[Run::Nothing]);
    scene.open_issue("alice", "@porter claude make it so");
    scene.until_ended(1)
}
