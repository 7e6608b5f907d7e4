//! Cloudflare: the platform's side of every port, and the two events that start everything. Built for wasm32 only; the one
//! place that says `use worker`. `entry.js` hands the events over.

mod body;
mod crypto;
mod d1;
mod entry;
mod events;
mod fetch;
mod forward;
mod runtime;

use wasm_bindgen::{JsCast, JsValue};

/// The global object, which has `fetch`, `crypto` and the timers.
fn global() -> web_sys::WorkerGlobalScope {
    js_sys::global().unchecked_into()
}

/// A thrown JavaScript value in words: its name and message when it is an error.
fn words(thrown: &JsValue) -> String {
    match thrown.dyn_ref::<js_sys::Error>() {
        Some(error) => format!("{}: {}", String::from(error.name()), String::from(error.message())),
        None => thrown.as_string().unwrap_or_else(|| "a value that is no error was thrown".to_owned()),
    }
}
