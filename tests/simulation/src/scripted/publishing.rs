//! What GitHub does while a result is published, and what becomes of a pull request.

use super::ends::DONE;
use super::scene::{Scene, Step};
use super::{Scenario, app};
use crate::gate::{Fate, Port};

pub(super) const ALL: &[Scenario] = &[
    app("github_is_down_for_the_tree", github_is_down_for_the_tree, &[DONE]),
    app("the_answer_of_the_branch_is_lost", the_answer_of_the_branch_is_lost, &[DONE]),
    app("the_answer_of_the_pull_request_is_lost", the_answer_of_the_pull_request_is_lost, &[DONE]),
    app("github_wants_a_pause_at_the_commit", github_wants_a_pause_at_the_commit, &[DONE]),
    app("github_wants_a_pause_at_a_comment", github_wants_a_pause_at_a_comment, &[DONE]),
    app("github_wants_a_pause_at_the_launch", github_wants_a_pause_at_the_launch, &[DONE]),
    app("main_moves_while_it_runs", main_moves_while_it_runs, &[DONE]),
    app(
        "the_pull_request_is_merged",
        the_pull_request_is_merged,
        &["
            T1 succeeded
            porter/T1 into main: merged, 2 commits, a.txt by T1
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 reply: @bob ✅ **Done:** Claude Code made pull request the pull request of T1.
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
        "],
    ),
    app(
        "the_pull_request_is_closed",
        the_pull_request_is_closed,
        &["
            T1 succeeded
            T2 succeeded
            porter/T1 into main: closed, 2 commits, a.txt by T1
            porter/T2 into main: open, 2 commits, a.txt by T2
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T2.
        "],
    ),
];

fn troubled(scene: &mut Scene<'_>, needle: &'static str, fate: Fate, times: u32) -> Step {
    scene.ask(1);
    scene.until_state(1, "running")?;
    scene.crashes_from_here();
    scene.directions().trouble(Port::GitHub, needle, fate, times);
    scene.until_ended(1)
}

fn github_is_down_for_the_tree(scene: &mut Scene<'_>) -> Step {
    troubled(scene, "POST /repos/acme/demo/git/trees", Fate::Refused(503), 2)
}

fn the_answer_of_the_branch_is_lost(scene: &mut Scene<'_>) -> Step {
    troubled(scene, "POST /repos/acme/demo/git/refs", Fate::FailsAfter, 1)
}

fn the_answer_of_the_pull_request_is_lost(scene: &mut Scene<'_>) -> Step {
    troubled(scene, "POST /repos/acme/demo/pulls", Fate::FailsAfter, 2)
}

fn github_wants_a_pause_at_the_commit(scene: &mut Scene<'_>) -> Step {
    troubled(scene, "POST /repos/acme/demo/git/commits", Fate::Limited(20), 1)
}

fn github_wants_a_pause_at_a_comment(scene: &mut Scene<'_>) -> Step {
    scene.directions().trouble(Port::GitHub, "/comments", Fate::Limited(20), 1);
    scene.ask(1);
    scene.until_ended(1)
}

fn github_wants_a_pause_at_the_launch(scene: &mut Scene<'_>) -> Step {
    scene.ask(1);
    scene.until_state(1, "queued")?;
    scene.directions().trouble(Port::GitHub, "GET /repos/acme/demo/git", Fate::Limited(20), 1);
    scene.until_ended(1)
}

fn main_moves_while_it_runs(scene: &mut Scene<'_>) -> Step {
    scene.ask(1);
    scene.until_state(1, "running")?;
    scene.crashes_from_here();
    scene.push("alice", "main", "b.txt", "b\n");
    scene.until_ended(1)
}

fn the_pull_request_is_merged(scene: &mut Scene<'_>) -> Step {
    scene.ask(1);
    scene.until_ended(1)?;
    scene.crashes_from_here();
    scene.sim.world.merge("alice", scene.pull_of(1));
    scene.wait_s(5);
    scene.comment("bob", 1, "@porter status");
    scene.until_said(1, "@bob", 1)
}

fn the_pull_request_is_closed(scene: &mut Scene<'_>) -> Step {
    scene.ask(1);
    scene.until_ended(1)?;
    scene.crashes_from_here();
    scene.sim.world.close("alice", scene.pull_of(1));
    scene.wait_s(5);
    scene.ask(1);
    scene.until_ended(2)
}
