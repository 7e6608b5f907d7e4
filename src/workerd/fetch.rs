//! Calls to other people's servers over the platform's `fetch`.

use async_trait::async_trait;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestInit, RequestRedirect, Response};

use crate::ports::{Fault, Http, HttpRequest, HttpResponse};

use super::{global, words};

/// GitHub refuses a request without one, and the platform adds none.
pub(super) const USER_AGENT: &str = "porter";

/// The platform's `fetch`.
pub(super) struct Fetch;

#[async_trait(?Send)]
impl Http for Fetch {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        exchange(&request).await.map_err(|thrown| {
            // The address without its query: a query may hold a code or a state.
            let address = request.url.split('?').next().unwrap_or_default();
            Fault::transient("calling a server", format!("{} {address}: {}", request.method.word(), words(&thrown)))
        })
    }
}

async fn exchange(request: &HttpRequest) -> Result<HttpResponse, JsValue> {
    let headers = Headers::new()?;
    headers.set("user-agent", USER_AGENT)?;
    for (name, value) in &request.headers {
        headers.set(name, value)?;
    }
    let init = RequestInit::new();
    init.set_method(request.method.word());
    init.set_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(request.timeout_ms)));
    if !request.body.is_empty() {
        init.set_body(&Uint8Array::from(request.body.as_slice()));
    }
    let response: Response = JsFuture::from(global().fetch_with_str_and_init(&request.url, &init)).await?.dyn_into()?;
    let body = JsFuture::from(response.array_buffer()?).await?;
    Ok(HttpResponse {
        status: response.status(),
        headers: pairs(&response.headers())?,
        body: Uint8Array::new(&body).to_vec(),
    })
}

fn pairs(headers: &Headers) -> Result<Vec<(String, String)>, JsValue> {
    let mut pairs = Vec::new();
    for entry in headers.entries() {
        let entry: Array = entry?.dyn_into()?;
        pairs.extend(entry.get(0).as_string().zip(entry.get(1).as_string()));
    }
    Ok(pairs)
}
