//! Sends the deliveries that are due, as GitHub does: each on its own, ten seconds for an answer, no retry.

use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use crate::github::Delivery;

/// How often the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// GitHub's patience.
const PATIENCE: Duration = Duration::from_secs(10);

/// Delivers for ever.
pub(crate) async fn deliver(served: Shared) {
    let Some(url) = served.settings.webhook_url.clone() else {
        return;
    };
    let client = reqwest::Client::new();
    loop {
        let due = served.github().deliveries.next(served.now());
        match due {
            Some(delivery) => {
                tokio::spawn(send(Arc::clone(&served), client.clone(), url.clone(), delivery));
            }
            None => tokio::time::sleep(LOOK_EVERY).await,
        }
    }
}

async fn send(served: Shared, client: reqwest::Client, url: String, delivery: Delivery) {
    let mut request = client.post(url).timeout(PATIENCE).body(delivery.body.to_vec());
    for (name, value) in &delivery.headers {
        request = request.header(name, value);
    }
    let status = request.send().await.map_or(0, |answer| answer.status().as_u16());
    let now = served.now();
    served.github().deliveries.answered(delivery, now, status);
}
