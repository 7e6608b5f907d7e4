//! Who is let in before accounts exist: this computer, and for changes only the page that `npm start` opened on it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Request;
use super::error::Problem;
use super::route::{Guard, Route};
use crate::app::App;
use crate::domain::secret::Secret;

/// The header that carries the start-up token.
const START_TOKEN: &str = "x-porter-start-token";

/// Lets a request in or says why not. Signatures and machine tokens are checked by their handlers, over the body.
pub(super) fn admit(app: &App<'_>, request: &Request, route: &Route) -> Result<(), Problem> {
    let public = app.config.public_app_url.as_deref();
    match route.guard() {
        Guard::Anyone | Guard::GitHub | Guard::Machine => Ok(()),
        Guard::Loopback => local(request, public.is_some_and(is_loopback_url)),
        Guard::LoopbackUnset => local(request, public.is_none_or(is_loopback_url)),
        Guard::LoopbackChange => {
            local(request, public.is_some_and(is_loopback_url))?;
            change(app, request)
        }
    }
}

fn local(request: &Request, public_is_local: bool) -> Result<(), Problem> {
    if public_is_local && is_loopback(host_of(&request.header("host"))) { Ok(()) } else { Err(Problem::NotLetIn) }
}

/// A change needs the page's own origin, a JSON body (which no plain form can send) and the start-up token.
fn change(app: &App<'_>, request: &Request) -> Result<(), Problem> {
    let host = request.header("host");
    let origin = request.header("origin");
    if origin != format!("http://{host}") && origin != format!("https://{host}") {
        return Err(Problem::Forbidden("The request must come from Porter's own page (Origin)."));
    }
    if !is_json(&request.header("content-type")) {
        return Err(Problem::Unsupported);
    }
    let Some(expected) = &app.config.start_token else {
        return Err(Problem::Forbidden("Changes need the start-up token: start Porter with npm start."));
    };
    if same(expected, &request.header(START_TOKEN)) {
        Ok(())
    } else {
        Err(Problem::Forbidden("The start-up token is missing or wrong: reload the page that npm start shows."))
    }
}

/// Whether a media type is JSON, parameters aside.
fn is_json(content_type: &str) -> bool {
    content_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// Compares in constant time, by the MACs of both.
fn same(expected: &Secret, presented: &str) -> bool {
    let mac = |text: &str| Hmac::<Sha256>::new_from_slice(b"porter/start-token").ok().map(|mac| mac.chain_update(text));
    let (Some(expected), Some(presented)) = (mac(expected.expose()), mac(presented)) else { return false };
    presented.verify_slice(&expected.finalize().into_bytes()).is_ok()
}

/// Whether an address is on this computer.
fn is_loopback_url(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    is_loopback(host_of(rest.split('/').next().unwrap_or_default()))
}

/// The host without its port.
fn host_of(authority: &str) -> &str {
    if let Some((inside, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return inside;
    }
    authority.split(':').next().unwrap_or_default()
}

fn is_loopback(host: &str) -> bool {
    let four: Vec<Result<u8, _>> = host.split('.').map(str::parse::<u8>).collect();
    let is_127 = four.len() == 4 && four.first() == Some(&Ok(127)) && four.iter().all(Result::is_ok);
    is_127 || host.eq_ignore_ascii_case("localhost") || host == "::1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_computer_counts_as_this_computer() {
        for good in ["http://127.0.0.1:8787", "http://localhost", "http://[::1]:1/x", "https://LOCALHOST:2"] {
            assert!(is_loopback_url(good), "{good}");
        }
        for bad in [
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "https://porter.example",
            "http://0.0.0.0",
            "http://128.0.0.1",
            "http://user@evil.example",
            "",
        ] {
            assert!(!is_loopback_url(bad), "{bad}");
        }
    }

    #[test]
    fn a_prefix_of_the_token_is_not_the_token() {
        let token = Secret::new("start-token-for-tests");
        assert!(same(&token, "start-token-for-tests"));
        for wrong in ["", "start-token", "start-token-for-tests-", "START-TOKEN-FOR-TESTS"] {
            assert!(!same(&token, wrong), "{wrong}");
        }
    }
}
