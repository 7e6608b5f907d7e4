//! What GitHub tried to deliver to the App, and asking it to try again: GitHub never does so by itself.

use serde::Deserialize;

use super::call::{Ask, read};
use super::error::GithubError;
use super::events::Kind;
use super::{Github, moment};
use crate::clients::address::Address;
use crate::domain::time::Timestamp;
use crate::ports::{HttpResponse, Method};

/// One attempt to deliver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeliveryAttempt {
    /// The attempt's number; redelivering names it.
    pub id: i64,
    /// The delivery's id (`X-GitHub-Delivery`), the same for every attempt.
    pub guid: String,
    /// When it was tried.
    #[serde(with = "moment")]
    pub delivered_at: Timestamp,
    /// What we answered; 0, or a number of GitHub's own, when we did not.
    pub status_code: u16,
    /// As `issue_comment`.
    pub event: String,
    /// As `created`; `None` for events without actions.
    pub action: Option<String>,
    /// Whether somebody asked for it, after an earlier attempt.
    #[serde(default)]
    pub redelivery: bool,
}

impl DeliveryAttempt {
    /// Whether we took it.
    #[must_use]
    pub const fn arrived(&self) -> bool {
        self.status_code >= 200 && self.status_code < 300
    }

    /// Whether it is of an event Porter uses.
    #[must_use]
    pub fn is_used(&self) -> bool {
        Kind::of(&self.event, self.action.as_deref().unwrap_or_default()).is_some()
    }
}

/// A page of attempts, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempts {
    /// The attempts.
    pub items: Vec<DeliveryAttempt>,
    /// Where the next page starts, if there is one.
    pub next: Option<String>,
}

impl Github<'_> {
    /// Attempts of the last three days, a hundred from a cursor on. `GET /app/hook/deliveries`, under the App's signature
    pub async fn deliveries(&self, cursor: Option<&str>) -> Result<Attempts, GithubError> {
        let doing = "listing the deliveries";
        let parts = ["app", "hook", "deliveries"];
        let mut address = Address::new(&self.settings.api_root, &parts).with("per_page", "100");
        if let Some(cursor) = cursor {
            address = address.with("cursor", cursor);
        }
        let response = self.send_as_app(Ask::new(doing, Method::Get, address)).await?;
        Ok(Attempts { items: read(doing, &response)?, next: next_cursor(&response) })
    }

    /// Asks for a delivery again. `POST /app/hook/deliveries/{id}/attempts`
    pub async fn redeliver(&self, id: i64) -> Result<(), GithubError> {
        let id = id.to_string();
        let parts = ["app", "hook", "deliveries", &id, "attempts"];
        let address = Address::new(&self.settings.api_root, &parts);
        let ask = Ask::new("asking for a delivery again", Method::Post, address);
        self.send_as_app(ask).await.map(|_| ())
    }
}

fn next_cursor(response: &HttpResponse) -> Option<String> {
    let link = response.header("link")?;
    let next = link.split(',').find(|part| part.contains("rel=\"next\""))?;
    let (_, cursor) = next.split_once("cursor=")?;
    let cursor = cursor.split(['&', '>']).next()?;
    Some(cursor.to_owned())
}
