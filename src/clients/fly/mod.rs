//! The machine host: the Fly Machines API, or anything that speaks it.

pub mod machines;
mod refusal;
