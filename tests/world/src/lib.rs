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

/// Every migration of the Worker's database, in order, for databases made in tests. `tests/migrations.rs` holds it to the folder.
pub const MIGRATIONS: [&str; 4] = [
    include_str!("../../../migrations/0001_main_job.sql"),
    include_str!("../../../migrations/0002_pauses.sql"),
    include_str!("../../../migrations/0003_upkeep.sql"),
    include_str!("../../../migrations/0004_comments_in_doubt.sql"),
];
