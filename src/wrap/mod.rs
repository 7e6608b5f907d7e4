//! WRAP.

pub mod write;
