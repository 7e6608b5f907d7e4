//! The machine host: what it knows, how it begins and ends, and the one lock everything goes through. What callers may ask is
//! in `requests`; the life of a running machine is in `supervise`.

mod requests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use crate::fault::{Fault, Faults};
use crate::machine::{ExitRequest, Machine, Source, State};
use crate::order::Plan;
use crate::pace::{Action, Pace};
use crate::problem::Problem;
use crate::records::Records;
use crate::settings::Settings;
use crate::supervise::{self, Command};

/// Everything the host knows and does.
pub(crate) struct Host {
    /// How it was started.
    pub(crate) settings: Settings,
    inner: Mutex<Inner>,
    /// Ticks whenever a machine changes its state.
    changed: watch::Sender<()>,
}

struct Inner {
    records: Records,
    faults: Faults,
    pace: Pace,
    /// The way to each living machine's supervisor.
    orders: HashMap<String, mpsc::UnboundedSender<Command>>,
    /// Set when the host is ending: nothing new is started.
    closing: bool,
}

impl Inner {
    fn enter(&mut self, id: &str, state: State, kind: &str, source: Source, exit: Option<ExitRequest>) {
        self.records.change(id, |machine| machine.enter(state, kind, source, exit));
    }

    fn command(&self, id: &str, command: Command) {
        if self.orders.get(id).is_none_or(|orders| orders.send(command).is_err()) {
            eprintln!("porter-machines: machine {id} has ended already; it could not be told: {command:?}");
        }
    }
}

impl Host {
    /// Opens the state directory. The error is a sentence.
    pub(crate) fn open(settings: Settings) -> Result<Self, String> {
        let records = Records::open(&settings.state)?;
        let inner =
            Inner { records, faults: Faults::default(), pace: Pace::default(), orders: HashMap::new(), closing: false };
        Ok(Self { settings, inner: Mutex::new(inner), changed: watch::Sender::new(()) })
    }

    /// Ends what an earlier host left running, finishes what it began, and boots what it had accepted.
    pub(crate) async fn recover(self: &Arc<Self>) {
        let known: Vec<Machine> = self.locked().records.all().cloned().collect();
        for machine in known.into_iter().filter(|machine| machine.state != State::Destroyed) {
            supervise::clear_leftovers(self, &machine).await;
            if matches!(machine.state, State::Launching | State::Starting) {
                self.enter(&machine.id, State::Launching, "launch", Source::Host, None);
                self.launch(&machine.id);
            }
        }
    }

    /// The machine with this id, destroyed or not.
    pub(crate) fn machine(&self, id: &str) -> Result<Machine, Problem> {
        let found = self.locked().records.get(id).cloned();
        found.ok_or_else(|| Problem::new(404, "machine not found"))
    }

    /// All machines, oldest first.
    pub(crate) fn machines(&self) -> Vec<Machine> {
        let mut all: Vec<Machine> = self.locked().records.all().cloned().collect();
        all.sort_by(|a, b| a.created_at.cmp(&b.created_at));
        all
    }

    /// Whether a request is within the limits, and the fault that waits for it.
    pub(crate) fn admit(&self, action: Action, subject: &str) -> Result<Option<Fault>, Problem> {
        let mut inner = self.locked();
        if self.settings.rate_limit && !inner.pace.admits(action, subject, Instant::now()) {
            return Err(Problem::new(429, "rate limit exceeded"));
        }
        match inner.faults.take(action) {
            Some(Fault::Before(status)) => Err(Problem::new(status, "switched on: nothing was done")),
            other => Ok(other),
        }
    }

    /// Puts these faults in place of those that wait.
    pub(crate) fn set_faults(&self, faults: Faults) {
        self.locked().faults = faults;
    }

    /// Stops all machines and returns when none is left.
    pub(crate) async fn end_all(self: &Arc<Self>) {
        let running: Vec<String> = {
            let mut inner = self.locked();
            inner.closing = true;
            inner.orders.keys().cloned().collect()
        };
        for id in &running {
            if let Err(problem) = self.stop(id, &serde_json::Map::new()) {
                eprintln!("porter-machines: machine {id}: {}", problem.text);
            }
        }
        let mut changes = self.changed.subscribe();
        let all_over = async {
            while !self.locked().orders.is_empty() {
                if changes.changed().await.is_err() {
                    break;
                }
            }
        };
        if tokio::time::timeout(Duration::from_secs(8), all_over).await.is_err() {
            let left: Vec<String> = self.locked().orders.keys().cloned().collect();
            for machine in left.iter().filter_map(|id| self.machine(id).ok()) {
                supervise::clear_leftovers(self, &machine).await;
            }
        }
    }

    /// Moves a machine to a state, on disk too, and tells those who wait.
    pub(crate) fn enter(&self, id: &str, state: State, kind: &str, source: Source, exit: Option<ExitRequest>) {
        self.locked().enter(id, state, kind, source, exit);
        self.announce();
    }

    /// Moves a machine to a state in which nothing runs: at that moment its supervisor takes no more orders.
    pub(crate) fn finish(&self, id: &str, state: State, kind: &str, source: Source, exit: Option<ExitRequest>) {
        {
            let mut inner = self.locked();
            inner.orders.remove(id);
            inner.enter(id, state, kind, source, exit);
        }
        self.announce();
    }

    /// How long a machine stays `created`.
    pub(crate) fn boot_delay(&self) -> Duration {
        self.locked().faults.boot_delay_ms.map_or(self.settings.boot_delay, Duration::from_millis)
    }

    /// A machine's own directory.
    pub(crate) fn directory(&self, id: &str) -> std::path::PathBuf {
        self.locked().records.directory(id)
    }

    fn launch(self: &Arc<Self>, id: &str) {
        let (sender, orders) = mpsc::unbounded_channel();
        self.locked().orders.insert(id.to_owned(), sender);
        tokio::spawn(supervise::live(Arc::clone(self), id.to_owned(), orders));
    }

    /// Looks at a machine that is not destroyed and acts on it before anyone else can.
    fn decide<T>(&self, id: &str, act: impl FnOnce(&mut Inner, &Machine) -> Result<T, Problem>) -> Result<T, Problem> {
        let mut inner = self.locked();
        let machine = inner.records.get(id).filter(|machine| machine.state != State::Destroyed).cloned();
        let done = act(&mut inner, &machine.ok_or_else(|| Problem::new(404, "machine not found"))?);
        drop(inner);
        self.announce();
        done
    }

    fn announce(&self) {
        self.changed.send_replace(());
    }

    fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The parts of a machine's configuration that are acted on; it was checked when the machine was made.
pub(crate) fn plan(machine: &Machine) -> Result<Plan, Problem> {
    Plan::read(&machine.config).map_err(|text| Problem::new(422, text))
}
