//! Ends that several scenarios share.

/// The main job as it should be.
pub(super) const DONE: &str = "
    T1 succeeded
    porter/T1 into main: open, 2 commits, a.txt by T1
    #1 label porter:done
    #1 reaction eyes, rocket
    #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
";

/// The agent found nothing to change.
pub(super) const NOTHING: &str = "
    T1 no_changes
    #1 end: @bob Claude Code looked at this and ended without changing anything; the status comment ha
    #1 label porter:done
    #1 reaction eyes, rocket
    #1 status: ✅ **Done:** Claude Code ended without changing anything.
";

/// Bob stopped his own task.
pub(super) const STOPPED: &str = "
    T1 stopped
    #1 end: @bob this was stopped by bob. To try again, comment `@porter retry`.
    #1 label porter:failed
    #1 reaction confused, eyes
    #1 status: 🛑 **Stopped** by bob.
";

/// The issue was closed under the task.
pub(super) const CLOSED: &str = "
    T1 stopped
    #1 end: @bob this was stopped because the issue was closed. To try again, comment `@porter retry`.
    #1 label porter:failed
    #1 reaction confused, eyes
    #1 status: 🛑 **Stopped** because the issue was closed.
";

/// The agent said that it failed.
pub(super) const AGENT_FAILED: &str = "
    T1 failed
    #1 end: @bob this did not work. Claude Code could not finish; the status comment has what it repor
    #1 label porter:failed
    #1 reaction confused, eyes
    #1 status: ❌ **Failed.** Claude Code could not finish; the status comment has what it reported.
";

/// The run met its deadline.
pub(super) const TIMED_OUT: &str = "
    T1 timed_out
    #1 end: @bob this took too long. Claude Code was not done by its deadline, and its machine was end
    #1 label porter:failed
    #1 reaction confused, eyes
    #1 status: ⌛ **Timed out.** Claude Code was not done by its deadline, and its machine was ended.
";

/// Two of bob's tasks stopped, the two behind them done.
pub(super) const FOUR: &str = "
    T1 stopped
    T2 stopped
    T3 succeeded
    T4 succeeded
    porter/T3 into main: open, 2 commits, a.txt by T3
    porter/T4 into main: open, 2 commits, a.txt by T4
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
    #4 label porter:done
    #4 reaction eyes, rocket
    #4 status: ✅ **Done:** Claude Code made pull request the pull request of T4.
";

/// A follow-up added its commit.
pub(super) const FOLLOWED: &str = "
    T1 succeeded
    T2 succeeded
    porter/T1 into main: open, 3 commits, a.txt by T2
    #1 label porter:done
    #1 reaction eyes, rocket
    #1 status: ✅ **Done:** Claude Code made pull request the pull request of T1.
    the pull request of T1 label porter:done
    the pull request of T1 reaction eyes, rocket
    the pull request of T1 status: ✅ **Done:** Claude Code added commit to pull request the pull request of T1.
";
