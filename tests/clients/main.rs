//! The clients against a scripted way out: exact requests, answers of every kind, and what becomes of them.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that meets the unexpected is to stop"
)]

mod address;
mod credentials;
mod fly;
mod publishing;
mod quota;
mod reading;
mod refusals;
mod script;
mod speaking;
mod webhook;

use porter::clients::github::Repo;
use porter::domain::credential::Credential;
use porter::domain::ids::{InstallationId, RepoId, RepoName, Sha};
use script::World;

const APP: Credential = Credential::App { installation: InstallationId(9) };

/// The repository `o/r`, number 7, with the bot account's token.
fn with_token(world: &World) -> Repo<'_> {
    world.github().at(Credential::Token, RepoId(7), name("o/r"))
}

/// The repository `o/r`, number 7, through the App.
fn with_app(world: &World) -> Repo<'_> {
    world.github().at(APP, RepoId(7), name("o/r"))
}

fn name(text: &str) -> RepoName {
    RepoName::parse(text).unwrap()
}

fn sha(digit: char) -> Sha {
    Sha::parse(&digit.to_string().repeat(40)).unwrap()
}
