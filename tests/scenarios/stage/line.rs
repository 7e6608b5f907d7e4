//! The line to everybody outside: one call of a scenario, chosen by its number, goes wrong on it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use async_trait::async_trait;
use porter::ports::{Fault, Http, HttpRequest, HttpResponse, Method};

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
    meanwhile: RefCell<Option<Meanwhile>>,
}

/// What happens just before the next call of a method to an address that ends like this.
struct Meanwhile {
    method: Method,
    path_end: String,
    act: Box<dyn FnOnce()>,
}

impl Counter {
    /// Breaks this call, counted from 0.
    pub(crate) fn break_at(&self, number: usize, how: Break) {
        self.break_at.set(Some((number, how)));
    }

    /// Breaks nothing from here on.
    pub(crate) fn mend(&self) {
        self.break_at.set(None);
    }

    /// Lets something happen just before the next call of this method to an address that ends like this.
    pub(crate) fn meanwhile(&self, method: Method, path_end: &str, act: impl FnOnce() + 'static) {
        let meanwhile = Meanwhile { method, path_end: path_end.to_owned(), act: Box::new(act) };
        self.meanwhile.replace(Some(meanwhile));
    }

    fn let_happen(&self, request: &HttpRequest) {
        let fits = |it: &mut Meanwhile| it.method == request.method && request.url.ends_with(&it.path_end);
        let meanwhile = self.meanwhile.borrow_mut().take_if(fits);
        if let Some(meanwhile) = meanwhile {
            (meanwhile.act)();
        }
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
        self.counter.let_happen(&request);
        match self.counter.next() {
            Some(Break::Before) => Err(broken()),
            Some(Break::After) => self.server.send(request).await.and(Err(broken())),
            None => self.server.send(request).await,
        }
    }
}
