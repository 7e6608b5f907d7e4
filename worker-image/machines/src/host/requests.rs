//! What may be asked of a machine in which state. Each request looks and acts at one moment, so that two callers, or a
//! caller and the machine's own end, never pass each other by.

use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Map, Value};

use super::{Host, plan};
use crate::machine::{Machine, Source, State, now, random_hex};
use crate::order::Order;
use crate::problem::Problem;
use crate::supervise::{self, Command};

impl Host {
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
        let state = if order.skip_launch { State::Created } else { State::Launching };
        machine.enter(state, "launch", Source::User, None);
        {
            let mut inner = self.locked();
            if inner.closing {
                return Err(Problem::new(503, "unavailable: the machine host is ending"));
            }
            let same = |other: &&Machine| other.name == machine.name && other.state != State::Destroyed;
            if let Some(other) = inner.records.all().find(same) {
                let text = format!(
                    "already_exists: unique machine name violation, machine ID {} already exists with name \"{}\"",
                    other.id, other.name
                );
                return Err(Problem::new(409, text));
            }
            inner.records.put(machine.clone()).map_err(|reason| Problem::new(500, format!("internal: {reason}")))?;
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
    pub(crate) fn stop(&self, id: &str, asked: &Map<String, Value>) -> Result<(), Problem> {
        self.decide(id, |inner, machine| {
            let stop = plan(machine)?.stop.changed_by(asked).map_err(|text| Problem::new(422, text))?;
            match machine.state {
                State::Started(process) => {
                    inner.enter(id, State::Stopping(process), "stop", Source::User, None);
                    inner.command(id, Command::Stop(stop));
                }
                State::Launching | State::Starting => inner.command(id, Command::Stop(stop)),
                State::Created | State::Stopping(_) | State::Stopped | State::Destroying(_) | State::Destroyed => {}
            }
            Ok(())
        })
    }

    /// Sends a signal to a running machine's main process.
    pub(crate) fn signal(&self, id: &str, signal: Signal) -> Result<(), Problem> {
        self.decide(id, |_, machine| {
            let process = machine.state.process().ok_or_else(|| Problem::precondition("signal", machine))?;
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
                inner.enter(id, State::Destroying(Some(process)), "destroy", Source::User, None);
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

    /// Waits until a machine is in a state, at most so long.
    pub(crate) async fn wait(&self, id: &str, word: &str, longest: Duration) -> Result<(), Problem> {
        let mut changes = self.changed.subscribe();
        let reached = async {
            while self.machine(id)?.state.word() != word {
                changes
                    .changed()
                    .await
                    .map_err(|_closed| Problem::new(503, "unavailable: the machine host is ending"))?;
            }
            Ok(())
        };
        let late = || Problem::new(408, format!("deadline_exceeded: machine did not reach state {word} in time"));
        tokio::time::timeout(longest, reached).await.unwrap_or_else(|_elapsed| Err(late()))
    }

    /// Sets (`Some`) or removes a machine's metadata value.
    pub(crate) fn set_metadata(&self, id: &str, key: &str, value: Option<Value>) -> Result<(), Problem> {
        self.decide(id, |inner, _| {
            inner.records.change(id, |machine| machine.set_metadata(key, value));
            Ok(())
        })
    }
}
