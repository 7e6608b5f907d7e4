//! The agent's only way to a model: a loopback proxy that swaps the task's stand-in key for the real one, lets through
//! only model calls to fixed addresses, and counts what they use.

pub(crate) mod meter;
pub(crate) mod providers;
mod stream;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::serve::ListenerExt as _;
use futures_util::{StreamExt as _, TryStreamExt as _};
use porter::domain::secret::Secret;
use tokio::net::{TcpListener, UnixListener};

use crate::interrupt::{Interrupt, Raiser};
use meter::Meter;
use providers::Provider;

/// After this many failed calls in a row the agent is not going to recover; some never stop trying.
const FAILURES_IN_A_ROW: u32 = 12;
/// Request headers that belong to one connection, or that the gateway sets itself.
const NOT_PASSED_UP: [HeaderName; 9] = [
    header::HOST,
    header::CONNECTION,
    header::AUTHORIZATION,
    header::COOKIE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::PROXY_AUTHORIZATION,
    // Usage is read from the answer as it passes, so it must not be packed.
    header::ACCEPT_ENCODING,
];
/// Answer headers that belong to one connection or could leave state behind.
const NOT_PASSED_DOWN: [HeaderName; 4] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::SET_COOKIE, header::UPGRADE];

/// Where model calls go and with which key; built once from the job.
pub(crate) struct Gateway {
    http: reqwest::Client,
    keys: BTreeMap<Provider, Secret>,
    upstreams: BTreeMap<Provider, String>,
    stand_in: Secret,
    meter: Meter,
    raiser: Raiser,
}

impl Gateway {
    /// Takes keys by environment name and upstreams by provider's word, as the job has them. `stand_in` is all the agent gets.
    pub(crate) fn new(
        keys: &BTreeMap<String, String>,
        upstreams: &BTreeMap<String, String>,
        stand_in: Secret,
        meter: Meter,
        raiser: Raiser,
    ) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(15))
            .build()?;
        let named = |provider: Provider| {
            let key = keys.get(provider.key_name()).filter(|key| !key.is_empty());
            key.map(|key| (provider, Secret::new(key.as_str())))
        };
        let address = |provider: Provider| {
            let given = upstreams.get(provider.word()).map_or(provider.default_upstream(), String::as_str);
            (provider, given.trim_end_matches('/').to_owned())
        };
        Ok(Self {
            http,
            keys: Provider::ALL.into_iter().filter_map(named).collect(),
            upstreams: Provider::ALL.into_iter().map(address).collect(),
            stand_in,
            meter,
            raiser,
        })
    }

    /// Serves on a free port of this computer's loopback until dropped; gives the address agents are told.
    pub(crate) async fn serve_loopback(self) -> io::Result<(String, tokio::task::JoinHandle<io::Result<()>>)> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = format!("http://{}", listener.local_addr()?);
        // Small pieces of a stream go out at once; should that not work, they are only a little late.
        let listener = listener.tap_io(|stream| stream.set_nodelay(true).unwrap_or(()));
        Ok((address, tokio::spawn(async move { axum::serve(listener, self.router()).await })))
    }

    /// Serves on a socket in the file system: the way into the box.
    pub(crate) fn serve_socket(self, path: &Path) -> io::Result<tokio::task::JoinHandle<io::Result<()>>> {
        let listener = bind(path)?;
        Ok(tokio::spawn(async move { axum::serve(listener, self.router()).await }))
    }

    fn router(self) -> axum::Router {
        axum::Router::new().fallback(handle).with_state(Arc::new(self))
    }
}

/// Binds a socket however long its path is: the kernel takes 107 bytes, so the directory goes by its descriptor.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::Error::other("the socket has no directory"));
    };
    let directory = std::fs::File::open(directory)?;
    UnixListener::bind(Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name))
}

async fn handle(State(gateway): State<Arc<Gateway>>, request: Request) -> Response {
    let path = request.uri().path();
    let Some((provider, path)) = Provider::ALL.into_iter().find_map(|provider| {
        let rest = path.strip_prefix('/')?.strip_prefix(provider.word())?;
        rest.starts_with('/').then_some((provider, rest.to_owned()))
    }) else {
        return refuse(Provider::Anthropic, StatusCode::NOT_FOUND, "Porter's gateway has no such provider");
    };
    if !provider.carries(request.headers(), gateway.stand_in.expose()) {
        return refuse(provider, StatusCode::UNAUTHORIZED, "this is not the key of this task");
    }
    if !provider.allows(request.method(), &path) {
        return refuse(provider, StatusCode::FORBIDDEN, "Porter's gateway passes on model calls only");
    }
    let (Some(key), Some(upstream)) = (gateway.keys.get(&provider), gateway.upstreams.get(&provider)) else {
        return refuse(provider, StatusCode::UNAUTHORIZED, "Porter has no key for this provider");
    };
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{upstream}{path}{query}");
    forward(&gateway, provider, key, &target, request).await
}

/// Passes a call on and its answer back, both as they come.
async fn forward(gateway: &Gateway, provider: Provider, key: &Secret, target: &str, request: Request) -> Response {
    let counted = provider.is_model_call(request.method(), target);
    let (parts, body) = request.into_parts();
    let mut headers = HeaderMap::new();
    for (name, value) in &parts.headers {
        if !NOT_PASSED_UP.contains(name) && !Provider::is_key_header(name) {
            headers.append(name, value.clone());
        }
    }
    match provider.key_header(key.expose()) {
        Ok((name, value)) => headers.insert(name, value),
        Err(_) => {
            let words = format!("{} holds characters that no key has", provider.key_name());
            return refuse(provider, StatusCode::UNAUTHORIZED, &words);
        }
    };
    let call = gateway.http.request(parts.method, target).headers(headers);
    let sent = call.body(reqwest::Body::wrap_stream(body.into_data_stream())).send().await;
    let answer = match sent {
        Ok(answer) => answer,
        Err(error) => {
            let words = format!("{} could not be reached: {}", provider.title(), error.without_url());
            note_failure(gateway, provider, 502, &words);
            return refuse(provider, StatusCode::BAD_GATEWAY, &words);
        }
    };
    relay(gateway, provider, counted, answer)
}

fn relay(gateway: &Gateway, provider: Provider, counted: bool, answer: reqwest::Response) -> Response {
    let status = answer.status();
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    for (name, value) in answer.headers() {
        if !NOT_PASSED_DOWN.contains(name) {
            response.headers_mut().append(name, value.clone());
        }
    }
    if counted && status.is_success() {
        gateway.meter.call_answered();
        let mut reader = stream::UsageReader::new(provider, gateway.meter.clone());
        let body = answer.bytes_stream().inspect_ok(move |chunk| reader.take(chunk));
        *response.body_mut() = Body::from_stream(body);
    } else {
        if counted {
            note_failure(gateway, provider, status.as_u16(), status.canonical_reason().unwrap_or_default());
        }
        *response.body_mut() = Body::from_stream(answer.bytes_stream().boxed());
    }
    response
}

/// Remembers a failed call, and ends the run when the provider is not going to come back.
fn note_failure(gateway: &Gateway, provider: Provider, status: u16, words: &str) {
    let in_a_row = gateway.meter.call_failed(provider, status, words);
    if in_a_row >= FAILURES_IN_A_ROW {
        let reason = gateway.meter.trouble().unwrap_or_default();
        gateway.raiser.raise(Interrupt::GaveUp(format!("{reason}, {in_a_row} times in a row")));
    }
}

/// An answer of the gateway's own, in the provider's shape, so that the agent shows its words.
fn refuse(provider: Provider, status: StatusCode, words: &str) -> Response {
    let mut response = Response::new(Body::from(provider.error_body(words).to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::Interrupts;
    use axum::body::Bytes;
    use tokio::sync::mpsc;

    /// A provider that answers with whatever is sent to it from the test, piece by piece, and gives the headers it saw.
    async fn provider() -> (String, mpsc::Sender<Bytes>, mpsc::Receiver<HeaderMap>) {
        let (pieces, coming) = mpsc::channel::<Bytes>(1);
        let (saw, seen) = mpsc::channel(1);
        let coming = Arc::new(tokio::sync::Mutex::new(Some(coming)));
        let answer = move |headers: HeaderMap| {
            let (coming, saw) = (coming.clone(), saw.clone());
            async move {
                saw.send(headers).await.unwrap();
                let coming = coming.lock().await.take().unwrap();
                let pieces = tokio_stream::wrappers::ReceiverStream::new(coming);
                Body::from_stream(pieces.map(Ok::<_, io::Error>))
            }
        };
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = axum::Router::new().fallback(answer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        (address, pieces, seen)
    }

    #[tokio::test]
    async fn pieces_pass_as_they_come_under_the_real_key_only() {
        let (upstream, pieces, mut seen) = provider().await;
        let (raiser, _interrupts) = Interrupts::new();
        let meter = Meter::default();
        let keys = BTreeMap::from([("ANTHROPIC_API_KEY".to_owned(), "canary-real-key".to_owned())]);
        let upstreams = BTreeMap::from([("anthropic".to_owned(), upstream)]);
        let stand_in = Secret::new("stand-in");
        let gateway = Gateway::new(&keys, &upstreams, stand_in, meter.clone(), raiser).unwrap();
        let (address, _serving) = gateway.serve_loopback().await.unwrap();
        let http = reqwest::Client::new();
        let call = |path: &str, key: &str| {
            let request = http.post(format!("{address}{path}")).header("x-api-key", key);
            request.header("cookie", "a=b").header("anthropic-version", "2023-06-01").body("{}")
        };
        for (path, key, status) in [
            ("/anthropic/v1/messages", "guess", 401),
            ("/anthropic/v1/messages", "canary-real-key", 401),
            ("/anthropic/v1/files", "stand-in", 403),
            ("/openai/v1/responses", "stand-in", 401),
            ("/v1/messages", "stand-in", 404),
        ] {
            assert_eq!(call(path, key).send().await.unwrap().status().as_u16(), status, "{path} {key}");
        }
        let mut answer = call("/anthropic/v1/messages?beta=true", "stand-in").send().await.unwrap();
        let headers = seen.recv().await.unwrap();
        assert_eq!(headers.get("x-api-key").unwrap(), "canary-real-key");
        assert_eq!(headers.get("anthropic-version").unwrap(), "2023-06-01");
        assert!(headers.get("cookie").is_none());
        // Each piece is there before the next one is sent: nothing waits for more.
        let usage = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":9}}\n\n";
        for piece in ["data: on", "e\n\n", usage] {
            pieces.send(Bytes::from(piece)).await.unwrap();
            assert_eq!(answer.chunk().await.unwrap().unwrap(), piece);
        }
        drop(pieces);
        assert_eq!(answer.chunk().await.unwrap(), None);
        assert_eq!(meter.usage().unwrap().output_tokens, Some(9));
    }
}
