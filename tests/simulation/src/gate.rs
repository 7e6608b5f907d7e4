//! The gate that every port call passes: an invocation stops there until the scheduler lets it go on, and learns there what
//! becomes of its call.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::task::Poll;

/// Which port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// The database, a question.
    Read,
    /// The database, a change.
    Write,
    /// GitHub.
    GitHub,
    /// The machine host.
    Host,
}

/// A call that waits at the gate.
#[derive(Debug, Clone)]
pub struct Call {
    /// Through which port.
    pub port: Port,
    /// What is asked, for the trace: a method and path, the beginning of a statement.
    pub what: String,
    /// After how many milliseconds the caller gives up.
    pub timeout_ms: i64,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is done and answered.
    Works,
    /// It never arrives.
    FailsBefore,
    /// It is done, and the answer is lost.
    FailsAfter,
    /// The answer is lost at once; the work is done this many milliseconds later.
    WorksLate(i64),
    /// The server says no, or not now.
    Refused(u16),
    /// The server names a moment, so many seconds from now, before which it wants no call.
    Limited(u32),
    /// It is done, and the caller dies before the answer reaches it.
    CallerDies,
}

/// Where invocations wait. One a world.
#[derive(Default)]
pub struct Gate {
    waiting: RefCell<Option<Call>>,
    fate: Cell<Option<Fate>>,
    invocation: Cell<u64>,
    calls: Cell<u64>,
}

impl Gate {
    /// Waits for the scheduler; what it decided.
    pub async fn pass(&self, call: Call) -> Fate {
        let mut asked = Some(call);
        poll_fn(|_| match asked.take() {
            Some(call) => {
                self.waiting.replace(Some(call));
                Poll::Pending
            }
            None => Poll::Ready(()),
        })
        .await;
        self.calls.set(self.calls.get() + 1);
        self.fate.take().unwrap_or(Fate::Works)
    }

    /// Never comes back: whoever waits here is dead.
    pub fn death(&self) -> impl Future<Output = ()> {
        std::future::pending()
    }

    /// The call at which the invocation just polled has stopped.
    pub(crate) fn take_waiting(&self) -> Option<Call> {
        self.waiting.borrow_mut().take()
    }

    /// Lets an invocation pass with this fate: to be called right before it is polled.
    pub(crate) fn open(&self, invocation: u64, fate: Option<Fate>) {
        self.invocation.set(invocation);
        self.fate.set(fate);
    }

    /// Who is being carried out.
    #[must_use]
    pub fn invocation(&self) -> u64 {
        self.invocation.get()
    }

    /// How many calls have passed.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.get()
    }
}
