//! Commands on pull requests: Porter's own, other people's, from forks; and what happens to them meanwhile.

use porter_world::github::Change;

use super::ends::FOLLOWED;
use super::scene::{Scene, Step};
use super::{Scenario, app};

pub(super) const ALL: &[Scenario] = &[
    app("a_follow_up_adds_a_commit", a_follow_up_adds_a_commit, &[FOLLOWED]),
    app(
        "somebody_pushes_another_file",
        somebody_pushes_another_file,
        &["
            T1 succeeded
            T2 succeeded
            porter/T1 into main: open, 4 commits, a.txt by T2
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
            the pull request of T1 label porter:done
            the pull request of T1 reaction eyes, rocket
            the pull request of T1 status: ✅ **Done:** Claude Code added commit to pull request the pull request of T1.
        "],
    ),
    app(
        "somebody_pushes_the_same_file",
        somebody_pushes_the_same_file,
        &["
            T1 succeeded
            T2 succeeded
            porter/T1 into main: open, 3 commits, a.txt alice's
            porter/T2 into porter/T1: open, 3 commits, a.txt by T2
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
            the pull request of T1 label porter:done
            the pull request of T1 reaction eyes, rocket
            the pull request of T1 status: ✅ **Done:** Claude Code made pull request the pull request of T2. The pull request changed
        "],
    ),
    app(
        "merged_under_a_follow_up",
        merged_under_a_follow_up,
        &["
            T1 succeeded
            T2 succeeded
            porter/T1 into main: merged, 2 commits, a.txt by T1
            porter/T2 into main: open, 3 commits, a.txt by T2
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
            the pull request of T1 label porter:done
            the pull request of T1 reaction eyes, rocket
            the pull request of T1 status: ✅ **Done:** Claude Code made pull request the pull request of T2. The pull request is no l
        "],
    ),
    app(
        "closed_under_a_follow_up",
        closed_under_a_follow_up,
        &["
            T1 succeeded
            T2 succeeded
            porter/T1 into main: closed, 2 commits, a.txt by T1
            porter/T2 into main: open, 3 commits, a.txt by T2
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
            the pull request of T1 label porter:done
            the pull request of T1 reaction eyes, rocket
            the pull request of T1 status: ✅ **Done:** Claude Code made pull request the pull request of T2. The pull request is no l
        "],
    ),
    app(
        "the_branch_is_deleted_under_a_follow_up",
        the_branch_is_deleted_under_a_follow_up,
        &["
            T1 succeeded
            T2 succeeded
            porter/T1 into main: closed, 0 commits, a.txt 
            porter/T2 into main: open, 3 commits, a.txt by T2
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
            the pull request of T1 label porter:done
            the pull request of T1 reaction eyes, rocket
            the pull request of T1 status: ✅ **Done:** Claude Code made pull request the pull request of T2. The pull request is no l
        "],
    ),
    app(
        "a_review_asks",
        a_review_asks,
        &["
            T1 succeeded
            T2 succeeded
            porter/T1 into main: open, 3 commits, a.txt by T2
            #1 label porter:done
            #1 reaction eyes, rocket
            #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
            the pull request of T1 label porter:done
            the pull request of T1 status: ✅ **Done:** Claude Code added commit to pull request the pull request of T1.
        "],
    ),
    app("a_line_asks", a_line_asks, &[FOLLOWED]),
    app(
        "stacked_on_somebody_elses",
        stacked_on_somebody_elses,
        &["
            T1 succeeded
            porter/T1 into topic: open, 3 commits, a.txt by T1
            topic into main: open, 2 commits, a.txt 
            #4 label porter:done
            #4 reaction eyes, rocket
            #4 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
        "],
    ),
    app(
        "a_fork_is_refused",
        a_fork_is_refused,
        &["
            T1 refused
            topic into main: open, 0 commits, a.txt 
            #4 end: @bob this could not be started. This pull request comes from a fork, and Porter does not r
            #4 label porter:failed
            #4 reaction confused, eyes
            #4 status: ❌ **Not started.** This pull request comes from a fork, and Porter does not run on code fr
        "],
    ),
];

/// A pull request of Porter's own.
fn own_pull(scene: &mut Scene<'_>) -> Result<i64, String> {
    scene.ask(1);
    scene.until_ended(1)?;
    Ok(scene.pull_of(1))
}

/// A follow-up on it has its machine; crashes begin here.
fn following(scene: &mut Scene<'_>) -> Result<i64, String> {
    let pull = own_pull(scene)?;
    scene.ask(pull);
    scene.until_state(2, "running")?;
    scene.crashes_from_here();
    Ok(pull)
}

fn a_follow_up_adds_a_commit(scene: &mut Scene<'_>) -> Step {
    let pull = own_pull(scene)?;
    scene.crashes_from_here();
    scene.ask(pull);
    scene.until_ended(2)
}

fn somebody_pushes_another_file(scene: &mut Scene<'_>) -> Step {
    following(scene)?;
    let branch = scene.branch(1);
    scene.push("alice", &branch, "b.txt", "b\n");
    scene.until_ended(2)
}

fn somebody_pushes_the_same_file(scene: &mut Scene<'_>) -> Step {
    following(scene)?;
    let branch = scene.branch(1);
    scene.push("alice", &branch, "a.txt", "alice's\n");
    scene.until_ended(2)
}

fn merged_under_a_follow_up(scene: &mut Scene<'_>) -> Step {
    let pull = following(scene)?;
    scene.sim.world.merge("alice", pull);
    scene.until_ended(2)
}

fn closed_under_a_follow_up(scene: &mut Scene<'_>) -> Step {
    let pull = following(scene)?;
    scene.sim.world.close("alice", pull);
    scene.until_ended(2)
}

fn the_branch_is_deleted_under_a_follow_up(scene: &mut Scene<'_>) -> Step {
    following(scene)?;
    let branch = scene.branch(1);
    scene.sim.world.delete_branch("alice", &branch);
    scene.until_ended(2)
}

fn a_review_asks(scene: &mut Scene<'_>) -> Step {
    let pull = own_pull(scene)?;
    scene.crashes_from_here();
    scene.review("alice", pull, "@porter claude make it shorter");
    scene.until_ended(2)
}

fn a_line_asks(scene: &mut Scene<'_>) -> Step {
    let pull = own_pull(scene)?;
    scene.crashes_from_here();
    scene.line_comment("bob", pull, "@porter claude make it longer");
    scene.until_ended(2)
}

fn stacked_on_somebody_elses(scene: &mut Scene<'_>) -> Step {
    scene.sim.world.push_commit("alice", "topic", "Work", &[Change::Write("t.txt", "t\n")]);
    let pull = scene.sim.world.open_pull("alice", None, "topic", "A topic");
    scene.ask(pull);
    scene.until_ended(1)
}

fn a_fork_is_refused(scene: &mut Scene<'_>) -> Step {
    let pull = scene.pull_from_a_fork();
    scene.ask(pull);
    scene.until_ended(1)
}
