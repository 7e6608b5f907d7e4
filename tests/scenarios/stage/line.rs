//! The line to everybody outside: one call of a scenario, chosen by its number, goes wrong on it.

use std::cell::Cell;
use std::rc::Rc;

use async_trait::async_trait;
use porter::ports::{Fault, Http, HttpRequest, HttpResponse};

/// How a call goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// It never arrives.
    Before,
    /// The work is done and the answer lost.
    After,
}

/// Counts calls and breaks one of them.
#[derive(Default)]
pub(crate) struct Counter {
    calls: Cell<usize>,
    break_at: Cell<Option<(usize, Break)>>,
}

impl Counter {
    /// Breaks this call, counted from 0.
    pub(crate) fn break_at(&self, number: usize, how: Break) {
        self.break_at.set(Some((number, how)));
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> usize {
        self.calls.get()
    }

    /// Counts a call; how it goes wrong, if it does.
    pub(crate) fn next(&self) -> Option<Break> {
        let number = self.calls.get();
        self.calls.set(number + 1);
        self.break_at.get().filter(|(at, _)| *at == number).map(|(_, how)| how)
    }
}

/// A server behind the line.
pub(crate) struct Line {
    pub(crate) counter: Rc<Counter>,
    pub(crate) server: Rc<dyn Http>,
}

#[async_trait(?Send)]
impl Http for Line {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
        let broken = || Fault::transient("waiting for an answer", "the line broke");
        match self.counter.next() {
            Some(Break::Before) => Err(broken()),
            Some(Break::After) => self.server.send(request).await.and(Err(broken())),
            None => self.server.send(request).await,
        }
    }
}
