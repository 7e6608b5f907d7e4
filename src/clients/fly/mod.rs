//! The machine host: the Fly Machines API, or anything that speaks it.

mod machine;
pub mod machines;
mod refusal;
