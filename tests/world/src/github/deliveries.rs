//! Webhook deliveries: what is due, what was sent and how it was answered, and faults on the way.

use std::collections::VecDeque;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use porter::domain::time::Timestamp;
use serde_json::{Value, json};
use sha2::Sha256;

use super::state::Github;
use super::wire::{Answer, Call, Problem, Response, id, stamp};

/// One webhook delivery: what is posted, byte for byte.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// GitHub's number; a redelivery has its own.
    pub id: i64,
    /// `X-GitHub-Delivery`; a redelivery has its original's.
    pub guid: String,
    /// `X-GitHub-Event`.
    pub event: String,
    /// The payload's `action`, if it has one.
    pub action: Option<String>,
    /// The repository's number, if it has one.
    pub repository: Option<i64>,
    /// The installation's number, in App mode.
    pub installation: Option<i64>,
    /// The raw body.
    pub body: Arc<[u8]>,
    /// Header names in lower case, with their values; the signature is among them.
    pub headers: Vec<(String, String)>,
    /// Not before this moment.
    pub due: Timestamp,
    /// Whether it is a redelivery.
    pub redelivery: bool,
}

/// What happens to a delivery on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryFault {
    /// It fails to connect: in the log as failed, so it can be redelivered.
    Drop,
    /// It arrives this much later.
    Delay {
        /// Milliseconds.
        millis: i64,
    },
    /// It arrives twice, with the same guid.
    Duplicate,
    /// It overtakes whatever waits.
    Reorder,
}

/// A delivery that was tried, and its answer's status (0 when nobody answered).
#[derive(Debug, Clone)]
pub struct Tried {
    /// The delivery.
    pub delivery: Delivery,
    /// When.
    pub at: Timestamp,
    /// The receiver's status.
    pub status: u16,
}

/// Deliveries: waiting, tried, and the faults of the next ones.
#[derive(Debug, Clone, Default)]
pub struct Deliveries {
    /// What waits to be sent, in order.
    pub waiting: VecDeque<Delivery>,
    /// What was sent, oldest first.
    pub tried: Vec<Arc<Tried>>,
    /// For the next deliveries, one each.
    pub faults: VecDeque<DeliveryFault>,
}

impl Deliveries {
    fn enqueue(&mut self, mut delivery: Delivery, now: Timestamp) {
        match self.faults.pop_front() {
            None => self.waiting.push_back(delivery),
            Some(DeliveryFault::Drop) => self.tried.push(Arc::new(Tried { delivery, at: now, status: 0 })),
            Some(DeliveryFault::Delay { millis }) => {
                delivery.due = delivery.due.plus_millis(millis);
                self.waiting.push_back(delivery);
            }
            Some(DeliveryFault::Duplicate) => {
                self.waiting.push_back(delivery.clone());
                self.waiting.push_back(delivery);
            }
            Some(DeliveryFault::Reorder) => self.waiting.push_front(delivery),
        }
    }

    /// Takes the next delivery that is due. Tell the outcome with [`Deliveries::answered`].
    pub fn next(&mut self, now: Timestamp) -> Option<Delivery> {
        let place = self.waiting.iter().position(|delivery| delivery.due <= now)?;
        self.waiting.remove(place)
    }

    /// Notes how a delivery was answered; 0 when nobody answered.
    pub fn answered(&mut self, delivery: Delivery, now: Timestamp, status: u16) {
        self.tried.push(Arc::new(Tried { delivery, at: now, status }));
    }
}

impl Github {
    /// Signs a payload and queues it.
    pub(crate) fn enqueue(
        &mut self,
        now: Timestamp,
        event: &str,
        repository: Option<i64>,
        installation: Option<i64>,
        payload: &Value,
        secret: &str,
    ) {
        let id = self.new_id();
        let guid = format!("{id:08x}-0000-4000-8000-{id:012x}");
        let body = payload.to_string().into_bytes();
        let target = if installation.is_some() { "integration" } else { "repository" };
        let headers = [
            ("content-type", "application/json".to_owned()),
            ("user-agent", "GitHub-Hookshot/porter-world".to_owned()),
            ("x-github-event", event.to_owned()),
            ("x-github-delivery", guid.clone()),
            ("x-github-hook-id", "1".to_owned()),
            ("x-github-hook-installation-target-type", target.to_owned()),
            ("x-hub-signature-256", sign(secret, &body)),
        ];
        let delivery = Delivery {
            id,
            guid,
            event: event.to_owned(),
            action: payload.get("action").and_then(Value::as_str).map(str::to_owned),
            repository,
            installation,
            body: Arc::from(body),
            headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
            due: now,
            redelivery: false,
        };
        self.deliveries.enqueue(delivery, now);
    }

    /// `/app/hook/deliveries…`.
    pub(crate) fn delivery_route(&mut self, call: &Call, rest: &[&str]) -> Answer {
        match (call.method(), rest) {
            ("GET", []) => {
                // Newest first, with a cursor in the Link header instead of page numbers.
                let before = call.query.get("cursor").map(id).transpose()?.unwrap_or(i64::MAX);
                let count = call.query.number("per_page").unwrap_or(30).clamp(1, 100);
                let older = || self.deliveries.tried.iter().rev().filter(|tried| tried.delivery.id < before);
                let list: Vec<Value> = older().take(count).map(|tried| tried_json(tried)).collect();
                let next = older().nth(count).and(older().nth(count - 1)).map(|last| last.delivery.id);
                let response = Response::ok(&Value::Array(list));
                Ok(match next {
                    None => response,
                    Some(last) => response.with(
                        "link",
                        format!("<{{root}}/app/hook/deliveries?per_page={count}&cursor={last}>; rel=\"next\""),
                    ),
                })
            }
            ("GET", [number]) => {
                let tried = self.tried(id(number)?)?;
                let payload: Value = serde_json::from_slice(&tried.delivery.body).unwrap_or_default();
                let mut value = tried_json(&tried);
                let headers: Value = super::wire::object(
                    tried.delivery.headers.iter().map(|(name, value)| (name.clone(), json!(value))),
                );
                super::wire::merge_into(
                    &mut value,
                    json!({
                        "request": {"headers": headers, "payload": payload}, "response": {"headers": {}, "payload": ""},
                    }),
                );
                Ok(Response::ok(&value))
            }
            ("POST", [number, "attempts"]) => {
                let mut delivery = self.tried(id(number)?)?.delivery.clone();
                (delivery.id, delivery.redelivery, delivery.due) = (self.new_id(), true, call.now);
                self.deliveries.enqueue(delivery, call.now);
                Ok(Response::json(202, &json!({})))
            }
            _ => Err(Problem::not_found()),
        }
    }

    fn tried(&self, number: i64) -> Result<Arc<Tried>, Problem> {
        self.deliveries.tried.iter().find(|tried| tried.delivery.id == number).cloned().ok_or_else(Problem::not_found)
    }
}

fn tried_json(tried: &Tried) -> Value {
    let one = &tried.delivery;
    let status = match tried.status {
        0 => "failed to connect to host".to_owned(),
        200..=299 => "OK".to_owned(),
        other => format!("Invalid HTTP Response: {other}"),
    };
    json!({
        "id": one.id, "guid": one.guid, "delivered_at": stamp(tried.at), "redelivery": one.redelivery, "duration": 0.01, "status": status,
        "status_code": tried.status, "event": one.event, "action": one.action, "installation_id": one.installation,
        "repository_id": one.repository, "throttled_at": null,
    })
}

/// `X-Hub-Signature-256` of a body.
#[must_use]
pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let mac =
        Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mac| mac.chain_update(body).finalize().into_bytes());
    mac.map_or_else(|_| String::new(), |mac| format!("sha256={}", hex::encode(mac)))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_signature_is_githubs_documented_one() {
        let signature = super::sign("It's a Secret to Everybody", b"Hello, World!");
        assert_eq!(signature, "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17");
    }
}
