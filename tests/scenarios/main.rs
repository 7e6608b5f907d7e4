//! Scenarios: Porter as a whole, in-process, in the product's own words. A comment is written, the world settles, and what
//! people would see is looked at.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a scenario that asks for the impossible must stop at once"
)]

mod callbacks;
mod catching_up;
mod change_sets;
mod every_fault;
mod follow_up;
mod hand_over;
mod installations;
mod intake;
mod interrupted;
mod lost_launches;
mod machine_host;
mod main_job;
mod missed_deliveries;
mod opened_issues;
mod orphans;
mod pauses;
mod permission_lost;
mod pinned_prompt;
mod poison;
mod polling;
mod publishing;
mod queue;
mod replies;
mod scopes;
mod stage;
mod task_life;
mod who_may_ask;
mod wires;
mod words_kept;
