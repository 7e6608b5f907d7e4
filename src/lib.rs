//! Porter: a GitHub comment becomes a pull request.
//!
//! The crate map, and the arrow every import follows (nothing on the left imports from the right):
//!
//! ```text
//! domain <- wrap, protocol, ports, crypto <- store, clients <- app <- http <- workerd
//! ```
//!
//! `domain` says what Porter means, `wrap` turns an issue into a prompt, `protocol` holds what the runner and Porter say to
//! each other, `ports` is the narrow waist to the outside, `store` has all SQL, `clients` speak other people's APIs, `app`
//! combines them into use cases, `http` is the door, and `workerd` (wasm32 only) plugs all of it into Cloudflare.

pub mod app;
pub mod clients;
pub mod crypto;
pub mod domain;
pub mod http;
pub mod ports;
pub mod protocol;
pub mod store;
#[cfg(target_arch = "wasm32")]
mod workerd;
pub mod wrap;
