//! Hands a request on to another server and its answer back as the platform's own streams: not one byte of a body enters
//! WebAssembly, which would cost a hundred times more.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, Request, RequestInit, RequestRedirect, Response, ResponseInit};

use crate::http::Forward;
use crate::ports::{Level, Log, Method};

use super::fetch::USER_AGENT;
use super::runtime::Isolate;
use super::{global, words};

/// git sends a body up to this size whole, with its length; such a one is kept so that a redirect can repeat it.
const REPEATABLE: u32 = 1 << 20;

/// Enough for a renamed repository on a renamed account; more is a loop.
const MOST_REDIRECTS: u32 = 3;

/// Sends the request where `forward` says and answers with what comes back. A refusal is plain text, which git shows.
pub(super) async fn forward(request: &Request, forward: &Forward) -> Response {
    match relay(request, forward).await {
        Ok(Relayed::Answer(response)) => response,
        Ok(Relayed::Refused(status)) => {
            Isolate.line(Level::Warning, "The server behind the gateway refused", &[("status", &status.to_string())]);
            // Never its 401 or 403: git would take its own credential for the bad one and drop it.
            if status == 404 { plain(404, "Not found.\n") } else { plain(502, "The git host refused the request.\n") }
        }
        Err(thrown) => {
            Isolate.line(
                Level::Warning,
                "The server behind the gateway could not be reached",
                &[("error", &words(&thrown))],
            );
            plain(502, "The git host could not be reached.\n")
        }
    }
}

enum Relayed {
    /// The answer, its body still streaming.
    Answer(Response),
    /// The status of an answer that is not passed on.
    Refused(u16),
}

async fn relay(request: &Request, forward: &Forward) -> Result<Relayed, JsValue> {
    let init = outgoing(request, forward)?;
    let body = Outgoing::of(request, forward.method).await?;
    let mut url = forward.url.clone();
    for _ in 0..=MOST_REDIRECTS {
        init.set_body(&body.value);
        let response: Response = JsFuture::from(global().fetch_with_str_and_init(&url, &init)).await?.dyn_into()?;
        match (response.status(), response.headers().get("location")?) {
            (200, _) => return incoming(&response, forward.pass_down).map(Relayed::Answer),
            (status @ (301 | 302 | 307 | 308), Some(to)) if body.repeatable => match forward.follow(&url, &to) {
                Some(next) => url = next,
                None => return Ok(Relayed::Refused(status)),
            },
            (status, _) => return Ok(Relayed::Refused(status)),
        }
    }
    Ok(Relayed::Refused(310))
}

/// Never the incoming headers wholesale: `Authorization`, cookies and the platform's own would travel along.
fn outgoing(request: &Request, forward: &Forward) -> Result<RequestInit, JsValue> {
    let headers = Headers::new()?;
    headers.set("user-agent", &format!("git/{USER_AGENT}"))?;
    copy(&request.headers(), &headers, forward.pass_up)?;
    for (name, value) in &forward.add {
        headers.set(name, value)?;
    }
    let init = RequestInit::new();
    init.set_method(forward.method.word());
    init.set_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    Ok(init)
}

fn incoming(upstream: &Response, pass: &[&str]) -> Result<Response, JsValue> {
    let headers = Headers::new()?;
    copy(&upstream.headers(), &headers, pass)?;
    let init = ResponseInit::new();
    init.set_headers(&headers);
    Response::new_with_opt_readable_stream_and_init(upstream.body().as_ref(), &init)
}

fn copy(from: &Headers, to: &Headers, names: &[&str]) -> Result<(), JsValue> {
    for name in names {
        if let Some(value) = from.get(name)? {
            to.set(name, &value)?;
        }
    }
    Ok(())
}

/// A body on its way out.
struct Outgoing {
    value: JsValue,
    repeatable: bool,
}

impl Outgoing {
    async fn of(request: &Request, method: Method) -> Result<Self, JsValue> {
        if method == Method::Get {
            return Ok(Self { value: JsValue::UNDEFINED, repeatable: true });
        }
        let length = request.headers().get("content-length")?.and_then(|text| text.parse::<u32>().ok());
        if length.is_some_and(|length| length <= REPEATABLE) {
            return Ok(Self { value: JsFuture::from(request.array_buffer()?).await?, repeatable: true });
        }
        Ok(Self { value: request.body().map_or(JsValue::UNDEFINED, JsValue::from), repeatable: false })
    }
}

fn plain(status: u16, text: &str) -> Response {
    super::entry::own(status, "text/plain; charset=utf-8", text.as_bytes())
}
