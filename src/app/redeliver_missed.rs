//! Deliveries that did not arrive: found in GitHub's list, written down, and asked for again until they have. GitHub keeps
//! its list for three days and repeats nothing by itself.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::App;
use crate::clients::github::GithubError;
use crate::clients::github::deliveries::{Attempts, DeliveryAttempt};
use crate::domain::time::Timestamp;
use crate::ports::{Fault, Level, Statement};
use crate::store::{commit, facts, missed_deliveries};

/// How often the list is looked at.
const PACE_S: i64 = 300;
/// Pages of a hundred that one tick reads.
const MOST_PAGES: u32 = 5;
/// How long one tick may take for it.
const TIME_S: i64 = 20;
/// Deliveries that one tick asks for.
const MOST_ASKED: u32 = 30;
/// An attempt may be listed a while after its time: what is this close to the watermark is read again.
const OVERLAP_S: i64 = 300;
/// How long a delivery that was asked for is given to come; it doubles.
const FIRST_PAUSE_S: i64 = 300;
/// The longest pause between two askings.
const LONGEST_PAUSE_S: i64 = 6 * 3600;
/// How long GitHub lists a delivery.
const LISTED_S: i64 = 3 * 86_400;
/// From which age on a delivery that does not arrive is an alert.
const ALERT_AGE_S: i64 = 86_400;
/// How often the alert is repeated.
const ALERT_PACE_S: i64 = 3600;

/// How far GitHub's list has been read. A fact.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Reading {
    /// Everything tried before has arrived or is written down; `None` before the first reading.
    read_to: Option<Timestamp>,
    /// A reading that was not finished within its bounds.
    under_way: Option<UnderWay>,
}

/// The list is read from its newest end; only when the watermark is reached may the watermark move.
#[derive(Debug, Serialize, Deserialize)]
struct UnderWay {
    /// The next page.
    cursor: String,
    /// The newest attempt when the reading began.
    newest: Timestamp,
}

/// Whether a part of the work has reached its end or its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    Finished,
    MoreToDo,
}

impl App<'_> {
    /// Finds deliveries that did not arrive and asks GitHub for them, a bounded part of them a tick.
    ///
    /// # Errors
    /// The database's or GitHub's trouble; the next turn goes on where this one stopped.
    pub async fn redeliver_missed(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        let until = now.plus_seconds(TIME_S);
        if self.config.github.app.is_none()
            || !facts::take_turn(self.sql, facts::DELIVERIES_TURN, now.plus_seconds(-PACE_S), now).await?
        {
            return Ok(());
        }
        let read = self.read_deliveries(until).await;
        // What is written down is asked for even while the list cannot be read.
        let asked = self.ask_for_missed(until).await;
        self.mind_the_age().await?;
        if [read?, asked?].contains(&Progress::MoreToDo) {
            facts::return_turn(self.sql, facts::DELIVERIES_TURN).await?;
        }
        Ok(())
    }

    /// Reads the list down to the watermark and writes down what did not arrive.
    async fn read_deliveries(&self, until: Timestamp) -> Result<Progress, Fault> {
        let fact = facts::load(self.sql, facts::DELIVERIES_READ).await?;
        let mut reading: Reading = fact.and_then(|fact| serde_json::from_str(&fact.value).ok()).unwrap_or_default();
        let floor = reading.read_to.map(|read_to| read_to.plus_seconds(-OVERLAP_S));
        for _ in 0..MOST_PAGES {
            if self.clock.now() >= until {
                return Ok(Progress::MoreToDo);
            }
            let under_way = reading.under_way.take();
            let page = match self.github().deliveries(under_way.as_ref().map(|it| it.cursor.as_str())).await {
                Ok(page) => page,
                Err(error) => return self.reading_failed(reading, under_way, error).await,
            };
            let newest = under_way.map(|it| it.newest).or_else(|| page.items.first().map(|item| item.delivered_at));
            let Some(newest) = newest else { return Ok(Progress::Finished) };
            self.write_down(&page).await?;
            let reached = page.items.iter().any(|item| floor.is_some_and(|floor| item.delivered_at < floor));
            match page.next.filter(|_| !reached) {
                Some(cursor) => reading.under_way = Some(UnderWay { cursor, newest }),
                None => reading.read_to = reading.read_to.max(Some(newest)),
            }
            self.keep_reading(&reading).await?;
            if reading.under_way.is_none() {
                return Ok(Progress::Finished);
            }
        }
        Ok(Progress::MoreToDo)
    }

    /// A cursor that GitHub no longer takes is dropped: the next turn begins at the newest end again.
    async fn reading_failed(
        &self,
        reading: Reading,
        under_way: Option<UnderWay>,
        error: GithubError,
    ) -> Result<Progress, Fault> {
        let refused = matches!(error, GithubError::NotFound | GithubError::Unprocessable { .. });
        if refused && under_way.is_some() {
            self.keep_reading(&reading).await?;
        }
        Err(error.into_fault("listing the deliveries"))
    }

    async fn keep_reading(&self, reading: &Reading) -> Result<(), Fault> {
        let value = serde_json::to_string(reading).unwrap_or_default();
        facts::note(self.sql, facts::DELIVERIES_READ, &value, self.clock.now()).await
    }

    /// Writes down which deliveries of a page did not arrive, and which did when they were asked for.
    async fn write_down(&self, page: &Attempts) -> Result<(), Fault> {
        let used = || page.items.iter().filter(|item| item.is_used());
        let took: BTreeSet<&str> = used().filter(|item| item.arrived()).map(|item| item.guid.as_str()).collect();
        let note = |item: &DeliveryAttempt| {
            let DeliveryAttempt { guid, id, event, delivered_at, .. } = item;
            match (item.arrived(), item.redelivery) {
                (true, true) => Some(missed_deliveries::arrived(guid, *id, event, *delivered_at)),
                (true, false) => None,
                (false, _) if took.contains(guid.as_str()) => None,
                (false, _) => Some(missed_deliveries::missed(guid, *id, event, *delivered_at)),
            }
        };
        let mut statements: Vec<Statement> = used().filter_map(note).collect();
        if !statements.is_empty() {
            statements.push(missed_deliveries::settle_known(self.clock.now()));
            commit(self.sql, statements).await?;
        }
        Ok(())
    }

    /// Asks for what is due, oldest first. Each is given some minutes, and more each time, to come.
    async fn ask_for_missed(&self, until: Timestamp) -> Result<Progress, Fault> {
        commit(self.sql, vec![missed_deliveries::settle_known(self.clock.now())]).await?;
        let due = missed_deliveries::due(self.sql, MOST_ASKED, self.clock.now()).await?;
        let many = due.len() >= MOST_ASKED as usize;
        for one in due {
            let now = self.clock.now();
            if now >= until {
                return Ok(Progress::MoreToDo);
            }
            let pause = FIRST_PAUSE_S.saturating_mul(1 << one.asked.min(10)).min(LONGEST_PAUSE_S);
            if !missed_deliveries::take(self.sql, &one, now.plus_seconds(pause)).await? {
                continue;
            }
            let fields = [("delivery", one.id.as_str()), ("event", one.event.as_str())];
            match self.github().redeliver(one.attempt).await {
                Ok(()) => self.log.line(Level::Info, "GitHub is asked for a delivery that did not arrive", &fields),
                Err(error @ (GithubError::RateLimited { .. } | GithubError::Fault(_) | GithubError::Unauthorized)) => {
                    return Err(error.into_fault("asking for a delivery again"));
                }
                Err(error) => {
                    let fault = error.into_fault("asking for a delivery again");
                    self.log_fault(Level::Warning, "GitHub does not repeat a delivery", &fault, &fields);
                }
            }
        }
        Ok(if many { Progress::MoreToDo } else { Progress::Finished })
    }

    /// Raises an alert for what is about to be lost, and gives up on what GitHub no longer lists.
    async fn mind_the_age(&self) -> Result<(), Fault> {
        let now = self.clock.now();
        for lost in missed_deliveries::give_up(self.sql, now.plus_seconds(-LISTED_S), now).await? {
            let fields = [("delivery", lost.id.as_str()), ("event", lost.event.as_str())];
            self.log.line(Level::Error, "A delivery never arrived, and GitHub no longer lists it", &fields);
        }
        let Some(oldest) = missed_deliveries::oldest(self.sql).await? else { return Ok(()) };
        let is_old = now.since(oldest) > ALERT_AGE_S * 1000;
        if is_old && facts::take_turn(self.sql, facts::DELIVERIES_ALERT, now.plus_seconds(-ALERT_PACE_S), now).await? {
            let message = "Deliveries have not arrived for more than a day; GitHub forgets them after three";
            self.log.line(Level::Error, message, &[("oldest", &oldest.rfc3339())]);
        }
        Ok(())
    }
}
