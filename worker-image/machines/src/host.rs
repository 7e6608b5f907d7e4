//! The machine host: what may be done to a machine in which state, with Fly's words when it may not. The life of a running
//! machine is in `supervise`; this file only gives it orders.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{mpsc, watch};

use crate::fault::{Fault, Faults};
use crate::machine::{ExitRequest, Machine, Source, State, now, random_hex};
use crate::order::{Order, Plan};
use crate::pace::{Action, Pace};
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

/// Why a request was not carried out: status and text as Fly words them.
#[derive(Debug)]
pub(crate) struct Problem {
    /// The status code.
    pub(crate) status: u16,
    /// The `error` of the body.
    pub(crate) text: String,
}

impl Inner {
    fn enter(
        &mut self,
        id: &str,
        state: State,
        kind: &str,
        source: Source,
        exit: Option<ExitRequest>,
    ) {
        self.records
            .change(id, |machine| machine.enter(state, kind, source, exit));
    }

    fn command(&self, id: &str, command: Command) {
        if self
            .orders
            .get(id)
            .is_none_or(|orders| orders.send(command).is_err())
        {
            eprintln!(
                "porter-machines: machine {id} has ended already; it could not be told: {command:?}"
            );
        }
    }
}

impl Problem {
    /// A problem with its text.
    pub(crate) fn new(status: u16, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }

    fn precondition(doing: &str, machine: &Machine) -> Self {
        let state = machine.state.word();
        Self::new(
            412,
            format!("failed_precondition: unable to {doing} machine from current state: '{state}'"),
        )
    }
}

impl Host {
    /// Opens the state directory. The error is a sentence.
    pub(crate) fn open(settings: Settings) -> Result<Self, String> {
        let records = Records::open(&settings.state)?;
        let inner = Inner {
            records,
            faults: Faults::default(),
            pace: Pace::default(),
            orders: HashMap::new(),
            closing: false,
        };
        Ok(Self {
            settings,
            inner: Mutex::new(inner),
            changed: watch::Sender::new(()),
        })
    }

    /// Ends what an earlier host left running, finishes what it began, and boots what it had accepted.
    pub(crate) async fn recover(self: &Arc<Self>) {
        let known: Vec<Machine> = self.locked().records.all().cloned().collect();
        for machine in known
            .into_iter()
            .filter(|machine| machine.state != State::Destroyed)
        {
            supervise::clear_leftovers(self, &machine).await;
            if matches!(machine.state, State::Launching | State::Starting) {
                self.enter(&machine.id, State::Launching, "launch", Source::Host, None);
                self.launch(&machine.id);
            }
        }
    }

    /// Creates a machine and lets it boot.
    pub(crate) fn create(self: &Arc<Self>, order: Order) -> Result<Machine, Problem> {
        let id = random_hex(7);
        let name = order.name.unwrap_or_else(|| format!("machine-{id}"));
        let created_at = now().rfc3339();
        let mut machine = Machine {
            id: id.clone(),
            name,
            instance_id: random_hex(13),
            updated_at: created_at.clone(),
            created_at,
            state: State::Created,
            config: order.config,
            events: Vec::new(),
        };
        let state = if order.skip_launch {
            State::Created
        } else {
            State::Launching
        };
        machine.enter(state, "launch", Source::User, None);
        {
            let mut inner = self.locked();
            if inner.closing {
                return Err(Problem::new(503, "unavailable: the machine host is ending"));
            }
            let same =
                |other: &&Machine| other.name == machine.name && other.state != State::Destroyed;
            if let Some(other) = inner.records.all().find(same) {
                let text = format!(
                    "already_exists: unique machine name violation, machine ID {} already exists with name \"{}\"",
                    other.id, other.name
                );
                return Err(Problem::new(409, text));
            }
            inner
                .records
                .put(machine.clone())
                .map_err(|reason| Problem::new(500, format!("internal: {reason}")))?;
        }
        self.announce();
        if state == State::Launching {
            self.launch(&id);
        }
        Ok(machine)
    }

    /// Starts a machine that is stopped, or was made without being launched. Gives the state it had.
    pub(crate) fn start(self: &Arc<Self>, id: &str) -> Result<&'static str, Problem> {
        let before = self.decide(id, |inner, machine| match machine.state {
            State::Created | State::Stopped => {
                inner.enter(id, State::Starting, "start", Source::User, None);
                Ok(machine.state.word())
            }
            State::Launching
            | State::Starting
            | State::Started(_)
            | State::Stopping(_)
            | State::Destroying(_)
            | State::Destroyed => Err(Problem::precondition("start", machine)),
        })?;
        self.launch(id);
        Ok(before)
    }

    /// Asks a machine to stop; one that is not running is left as it is.
    pub(crate) fn stop(
        &self,
        id: &str,
        asked: &serde_json::Map<String, Value>,
    ) -> Result<(), Problem> {
        self.decide(id, |inner, machine| {
            let stop = plan(machine)?
                .stop
                .changed_by(asked)
                .map_err(|text| Problem::new(422, text))?;
            match machine.state {
                State::Started(process) => {
                    inner.enter(id, State::Stopping(process), "stop", Source::User, None);
                    inner.command(id, Command::Stop(stop));
                }
                State::Launching | State::Starting => inner.command(id, Command::Stop(stop)),
                State::Created
                | State::Stopping(_)
                | State::Stopped
                | State::Destroying(_)
                | State::Destroyed => {}
            }
            Ok(())
        })
    }

    /// Sends a signal to a running machine's main process.
    pub(crate) fn signal(&self, id: &str, signal: nix::sys::signal::Signal) -> Result<(), Problem> {
        self.decide(id, |_, machine| {
            let process = machine
                .state
                .process()
                .ok_or_else(|| Problem::precondition("signal", machine))?;
            process.signal(signal);
            Ok(())
        })
    }

    /// Destroys a machine: with `force` whatever it does, else only when it does not run.
    pub(crate) async fn destroy(&self, id: &str, force: bool) -> Result<(), Problem> {
        let idle = self.decide(id, |inner, machine| match machine.state {
            State::Created | State::Stopped => {
                inner.enter(id, State::Destroying(None), "destroy", Source::User, None);
                Ok(true)
            }
            _running if !force => Err(Problem::precondition("destroy", machine)),
            State::Started(process) | State::Stopping(process) => {
                inner.enter(
                    id,
                    State::Destroying(Some(process)),
                    "destroy",
                    Source::User,
                    None,
                );
                inner.command(id, Command::Destroy);
                Ok(false)
            }
            State::Launching | State::Starting => {
                inner.command(id, Command::Destroy);
                Ok(false)
            }
            State::Destroying(_) | State::Destroyed => Ok(false),
        })?;
        if idle {
            supervise::remove(self, id, Source::User).await;
        }
        Ok(())
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

    /// Waits until a machine is in a state, at most so long.
    pub(crate) async fn wait(
        &self,
        id: &str,
        word: &str,
        longest: Duration,
    ) -> Result<(), Problem> {
        let mut changes = self.changed.subscribe();
        let reached = async {
            while self.machine(id)?.state.word() != word {
                changes.changed().await.map_err(|_closed| {
                    Problem::new(503, "unavailable: the machine host is ending")
                })?;
            }
            Ok(())
        };
        let late = || {
            Problem::new(
                408,
                format!("deadline_exceeded: machine did not reach state {word} in time"),
            )
        };
        tokio::time::timeout(longest, reached)
            .await
            .unwrap_or_else(|_elapsed| Err(late()))
    }

    /// Sets (`Some`) or removes a machine's metadata value.
    pub(crate) fn set_metadata(
        &self,
        id: &str,
        key: &str,
        value: Option<Value>,
    ) -> Result<(), Problem> {
        self.decide(id, |inner, _| {
            inner
                .records
                .change(id, |machine| machine.set_metadata(key, value));
            Ok(())
        })
    }

    /// Whether a request is within the limits, and the fault that waits for it.
    pub(crate) fn admit(&self, action: Action, subject: &str) -> Result<Option<Fault>, Problem> {
        let mut inner = self.locked();
        if self.settings.rate_limit && !inner.pace.admits(action, subject, Instant::now()) {
            return Err(Problem::new(429, "rate limit exceeded"));
        }
        match inner.faults.take(action) {
            Some(Fault::Before(status)) => {
                Err(Problem::new(status, "switched on: nothing was done"))
            }
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
        if tokio::time::timeout(Duration::from_secs(8), all_over)
            .await
            .is_err()
        {
            let left: Vec<String> = self.locked().orders.keys().cloned().collect();
            for machine in left.iter().filter_map(|id| self.machine(id).ok()) {
                supervise::clear_leftovers(self, &machine).await;
            }
        }
    }

    /// Moves a machine to a state, on disk too, and tells those who wait.
    pub(crate) fn enter(
        &self,
        id: &str,
        state: State,
        kind: &str,
        source: Source,
        exit: Option<ExitRequest>,
    ) {
        self.locked().enter(id, state, kind, source, exit);
        self.announce();
    }

    /// Moves a machine to a state in which nothing runs: at that moment its supervisor takes no more orders.
    pub(crate) fn finish(
        &self,
        id: &str,
        state: State,
        kind: &str,
        source: Source,
        exit: Option<ExitRequest>,
    ) {
        {
            let mut inner = self.locked();
            inner.orders.remove(id);
            inner.enter(id, state, kind, source, exit);
        }
        self.announce();
    }

    /// How long a machine stays `created`.
    pub(crate) fn boot_delay(&self) -> Duration {
        self.locked()
            .faults
            .boot_delay_ms
            .map_or(self.settings.boot_delay, Duration::from_millis)
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
    fn decide<T>(
        &self,
        id: &str,
        act: impl FnOnce(&mut Inner, &Machine) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let mut inner = self.locked();
        let machine = inner
            .records
            .get(id)
            .filter(|machine| machine.state != State::Destroyed)
            .cloned();
        let done = act(
            &mut inner,
            &machine.ok_or_else(|| Problem::new(404, "machine not found"))?,
        );
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
