//! How GitHub's deliveries arrive: twice, in another order, late, when nothing can be kept.

use porter_world::github::DeliveryFault;

use super::directions::Boot;
use super::ends::{AGENT_FAILED, NOTHING};
use super::scene::{Scene, Step};
use super::{Scenario, app};
use crate::gate::{Fate, Port};
use crate::machine::Run;

pub(super) const ALL: &[Scenario] = &[
    app("a_delivery_comes_twice", a_delivery_comes_twice, &[NOTHING]),
    app(
        "a_stop_overtakes_its_command",
        a_stop_overtakes_its_command,
        &["
            T1 no_changes
            #1 end: @bob Claude Code looked at this and ended without changing anything; the status comment ha
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 reply: @bob there is nothing running on this issue.
            #1 status: ✅ **Done:** Claude Code ended without changing anything.
        "],
    ),
    app("brought_again_after_trouble", brought_again_after_trouble, &[AGENT_FAILED]),
    app(
        "a_stop_is_brought_again",
        a_stop_is_brought_again,
        &["
            T1 stopped
            T2 succeeded
            porter/T2 into main: open, 2 commits, a.txt by T2
            #1 end: @bob this was stopped by bob. To try again, comment `@porter retry`.
            #1 label porter:done
            #1 reaction confused, eyes
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T2.
            #1 status: 🛑 **Stopped** by bob.
        "],
    ),
];

fn a_delivery_comes_twice(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Nothing]);
    scene.deliveries(&[DeliveryFault::Duplicate]);
    scene.ask(1);
    scene.until_ended(1)
}

fn a_stop_overtakes_its_command(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Nothing]);
    scene.deliveries(&[DeliveryFault::Delay { millis: 300_000 }]);
    scene.ask(1);
    scene.comment("bob", 1, "@porter stop");
    scene.until_said(1, "nothing running", 1)?;
    scene.until_ended(1)
}

fn brought_again_after_trouble(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Fails]);
    scene.directions().trouble(Port::Write, "INTO deliveries", Fate::FailsBefore, 1);
    scene.ask(1);
    scene.until_ended(1)
}

/// A stop that was answered with trouble and had been kept: brought again, it stops nothing that began since.
fn a_stop_is_brought_again(scene: &mut Scene<'_>) -> Step {
    scene.directions().runs(1, &[Run::Hangs]);
    scene.ask(1);
    scene.until_state(1, "running")?;
    scene.crashes_from_here();
    scene.directions().trouble(Port::Write, "INTO deliveries", Fate::FailsAfter, 1);
    scene.comment("bob", 1, "@porter stop");
    scene.until_ended(1)?;
    // Slow enough to be there still when the stop is carried out again.
    scene.directions().boots(1, &[Boot::After(50_000)]);
    scene.directions().runs(1, &[Run::Changes]);
    scene.ask(1);
    scene.until_ended(2)
}
