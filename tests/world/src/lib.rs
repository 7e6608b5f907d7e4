//! The world Porter is tested in: one stateful GitHub and one scripted model provider, in-process or behind HTTP.
//!
//! [`github::Github`] is the heart: a synchronous, deterministic state that answers requests ([`github::Github::handle`]) and
//! notes what people do. [`world::World`] puts that into the product's words for scenarios, and [`ports`] fills Porter's ports.
#![recursion_limit = "256"]

pub mod github;
pub mod keys;
pub mod model;
pub mod ports;
pub mod serve;
pub mod world;
