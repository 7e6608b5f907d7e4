//! Why a run ends before its work is done, and how everything that waits learns of it.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::Instant;

/// What cut a run short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Interrupt {
    /// Porter said stop, with its reason.
    Stopped(String),
    /// Porter says that the attempt is closed; it wants to hear no more.
    Closed,
    /// The run's time is over.
    Deadline,
    /// The machine is being shut down.
    Terminated,
    /// The gateway gave up on the model provider; the reason is for people.
    GaveUp(String),
}

/// Raises the interrupt of a run. The first one counts, but the machine's end overrides any.
#[derive(Clone)]
pub(crate) struct Raiser(watch::Sender<Option<Interrupt>>);

impl Raiser {
    /// Interrupts the run, unless it is interrupted already.
    pub(crate) fn raise(&self, interrupt: Interrupt) {
        self.0.send_if_modified(|current| {
            let counts = current.is_none() || interrupt == Interrupt::Terminated;
            if counts {
                *current = Some(interrupt);
            }
            counts
        });
    }
}

/// The side that waits.
#[derive(Clone)]
pub(crate) struct Interrupts(watch::Receiver<Option<Interrupt>>);

impl Interrupts {
    /// A fresh pair, not interrupted.
    pub(crate) fn new() -> (Raiser, Self) {
        let (sender, receiver) = watch::channel(None);
        (Raiser(sender), Self(receiver))
    }

    /// Comes back when the run is interrupted, at once if it already is.
    pub(crate) async fn raised(&mut self) -> Interrupt {
        match self
            .0
            .wait_for(Option::is_some)
            .await
            .map(|seen| seen.clone())
        {
            Ok(Some(interrupt)) => interrupt,
            // Every raiser is gone, so nothing can interrupt any more.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Comes back when the machine is to end; what else was raised does not matter.
    pub(crate) async fn terminated(&mut self) {
        let ending = |seen: &Option<Interrupt>| *seen == Some(Interrupt::Terminated);
        if self.0.wait_for(ending).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Does `work` unless the run is interrupted first; then `work` is dropped where it stands.
    pub(crate) async fn guard<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Interrupt> {
        tokio::select! {
            interrupt = self.raised() => Err(interrupt),
            done = work => Ok(done),
        }
    }
}

/// Interrupts the run when its time is over.
pub(crate) async fn watch_deadline(raiser: Raiser, deadline: Instant) {
    tokio::time::sleep_until(deadline).await;
    raiser.raise(Interrupt::Deadline);
}

/// Interrupts the run when the host asks this process to end.
pub(crate) async fn watch_signals(raiser: Raiser) {
    let (term, int) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    );
    let (Ok(mut term), Ok(mut int)) = (term, int) else {
        return tokio::time::sleep(Duration::MAX).await;
    };
    tokio::select! { _ = term.recv() => {}, _ = int.recv() => {} }
    raiser.raise(Interrupt::Terminated);
}
