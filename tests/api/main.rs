//! The JSON API and its door, over Porter as a whole: every answer is held to the description it gives of itself.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that meets the unexpected is to stop"
)]

mod answers;
mod description;
mod door;
mod error_codes;
mod story;
mod tasks;

#[expect(dead_code, reason = "the scenarios use the rest of the stage")]
#[path = "../scenarios/stage/mod.rs"]
mod stage;
