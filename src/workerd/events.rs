//! A task's story as a stream of server-sent events: looks again and again, stays alive with comments, ends itself after a minute.

use std::rc::Rc;
use std::time::Duration;

use futures_util::stream::{Stream, unfold};
use worker::Delay;

use crate::domain::ids::TaskId;
use crate::domain::time::Timestamp;
use crate::http::events::next;
use crate::ports::{Clock, Level};

use super::entry::Platform;
use super::runtime::Isolate;

/// After this the reader comes again with its last position. The free plan allows 50 calls an invocation; a look is two.
const LASTS_MS: i64 = 60_000;
/// A comment keeps proxies from closing a quiet stream, and shows when the reader has gone.
const ALIVE_MS: i64 = 15_000;
/// How often to look: closely at first, when most happens and a person watches.
const CLOSE_LOOKS: u32 = 10;

struct Reader {
    platform: Rc<Platform>,
    task: TaskId,
    after: i64,
    began: Timestamp,
    last_sent: Timestamp,
    looks: u32,
}

/// The stream, from after a position on.
pub(super) fn stream(
    platform: Rc<Platform>,
    task: TaskId,
    after: i64,
) -> impl Stream<Item = Result<Vec<u8>, worker::Error>> {
    let now = Isolate.now();
    unfold(Reader { platform, task, after, began: now, last_sent: now, looks: 0 }, |mut reader| async {
        let text = reader.next().await?;
        Some((Ok(text.into_bytes()), reader))
    })
}

impl Reader {
    /// What to send next; `None` at the end of the minute.
    async fn next(&mut self) -> Option<String> {
        loop {
            let now = Isolate.now();
            if now.since(self.began) >= LASTS_MS {
                return None;
            }
            if self.looks > 0 {
                let pause = if self.looks <= CLOSE_LOOKS { 1_000 } else { 4_000 };
                let due = ALIVE_MS.saturating_sub(now.since(self.last_sent)).max(0);
                Delay::from(Duration::from_millis(pause.min(due.unsigned_abs()))).await;
            }
            self.looks += 1;
            let text = self.look().await?;
            if !text.is_empty() || self.looks == 1 {
                self.last_sent = Isolate.now();
                return Some(if self.looks == 1 { format!("retry: 1000\n\n{text}") } else { text });
            }
            if Isolate.now().since(self.last_sent) >= ALIVE_MS {
                self.last_sent = Isolate.now();
                return Some(": alive\n\n".to_owned());
            }
        }
    }

    /// What is new; `None` when the database does not answer, so that the reader comes again.
    async fn look(&mut self) -> Option<String> {
        let app = self.platform.app();
        match next(&app, &self.task, self.after).await {
            Ok(events) => {
                self.after = events.last().map_or(self.after, |event| event.id);
                Some(events.iter().map(crate::http::events::ServerSent::text).collect())
            }
            Err(fault) => {
                app.log_fault(Level::Warning, "A stream of events ends early", &fault, &[]);
                None
            }
        }
    }
}
