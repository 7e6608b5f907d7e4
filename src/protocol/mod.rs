//! What the runner and Porter say to each other, and the rules a change set is held to. Shared by both programs.

pub mod change_set;
pub mod wire;
