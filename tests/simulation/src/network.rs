//! `ports::Http` of one invocation: GitHub and the machine host behind the gate, watched.

use std::cell::RefCell;
use std::rc::Rc;

use async_trait::async_trait;
use porter::domain::time::Timestamp;
use porter::ports::{Clock as _, Fault, Http, HttpRequest, HttpResponse};
use porter_world::ports::{InProcess, ManualClock};
use serde_json::json;

use crate::gate::{Call, Fate, Gate, Port};
use crate::host::{HOST_URL, Host};
use crate::watch::{Called, Watch};

/// Work that a server does after its caller has given up.
pub(crate) type Late = Rc<RefCell<Vec<(Timestamp, HttpRequest)>>>;

/// The way out.
pub struct Network {
    pub(crate) github: InProcess,
    pub(crate) host: Rc<Host>,
    pub(crate) clock: Rc<ManualClock>,
    pub(crate) gate: Rc<Gate>,
    pub(crate) watch: Rc<RefCell<Watch>>,
    pub(crate) late: Late,
}

#[async_trait(?Send)]
impl Http for Network {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let port = if request.url.starts_with(HOST_URL) { Port::Host } else { Port::GitHub };
        let path = request.url.split_once("://").map_or("", |(_, rest)| rest);
        let path: String = path.split_once('/').map_or("", |(_, path)| path).chars().take(90).collect();
        let what = format!("{} /{path}", request.method.word());
        let timeout_ms = i64::from(request.timeout_ms);
        let fate = self.gate.pass(Call { port, what, timeout_ms }).await;
        let broken = || Fault::transient("waiting for an answer", "the connection broke");
        let refused = match fate {
            Fate::FailsBefore => return Err(broken()),
            Fate::WorksLate(millis) => {
                let at = self.clock.now().plus_millis(millis);
                self.late.borrow_mut().push((at, request));
                return Err(broken());
            }
            Fate::Refused(status) => Some(refusal(status)),
            Fate::Limited(seconds) => Some(limited(port, seconds)),
            Fate::Works | Fate::FailsAfter | Fate::CallerDies => None,
        };
        let response = match (refused, port) {
            (Some(response), _) => response,
            (None, Port::Host) => self.host.answer(&request, self.clock.now()),
            (None, Port::Read | Port::Write | Port::GitHub) => self.github.send(request.clone()).await?,
        };
        let called =
            Called { invocation: self.gate.invocation(), at: self.clock.now(), request: &request, response: &response };
        self.watch.borrow_mut().called(&called, &self.host);
        match fate {
            Fate::CallerDies => {
                self.gate.death().await;
                Err(broken())
            }
            Fate::FailsAfter => Err(broken()),
            Fate::Works | Fate::FailsBefore | Fate::WorksLate(_) | Fate::Refused(_) | Fate::Limited(_) => Ok(response),
        }
    }
}

fn refusal(status: u16) -> HttpResponse {
    let words = match status {
        422 => "insufficient capacity: could not reserve resource for your machine",
        _ => "trouble in the simulated world",
    };
    let body = json!({"error": words, "message": words}).to_string().into_bytes();
    HttpResponse { status, headers: vec![("content-type".into(), "application/json".into())], body }
}

/// As GitHub's secondary limit, and as the machine host's.
fn limited(port: Port, seconds: u32) -> HttpResponse {
    let (status, words) = match port {
        Port::Host => (429, "rate limit exceeded"),
        Port::Read | Port::Write | Port::GitHub => (403, "You have exceeded a secondary rate limit."),
    };
    let headers = vec![("retry-after".to_owned(), seconds.to_string())];
    let body = json!({"error": words, "message": words}).to_string().into_bytes();
    HttpResponse { status, headers, body }
}
