//! The simulation: the real `app`, `store` and migrations in a world of models, with one seed that decides who goes on and
//! what goes wrong at every port call. Safety is looked at after every step, liveness once the world has healed.

pub mod database;
pub mod gate;
pub mod host;
pub mod instance;
pub mod invariants;
pub mod machine;
pub mod many;
pub mod network;
pub mod people;
pub mod play;
pub mod random;
pub mod scripted;
pub mod sim;
pub mod trace;
pub mod watch;
pub mod weather;

/// Worlds are made and thrown away by the thousand on every processor: half of a world's time is its memory's.
#[global_allocator]
static MEMORY: mimalloc::MiMalloc = mimalloc::MiMalloc;
