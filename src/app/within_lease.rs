//! Calls out while a lease lasts, and none after it: the next holder must not meet the last one at GitHub.

use async_trait::async_trait;

use super::App;
use crate::domain::time::Timestamp;
use crate::ports::{Clock, Fault, Http, HttpRequest, HttpResponse};

/// With less time than this left no call is begun: it could not end well.
const LEAST_MS: i64 = 500;

/// The way out, cut off at the end of a lease.
pub(super) struct WithinLease<'a> {
    http: &'a dyn Http,
    clock: &'a dyn Clock,
    /// By `clock`, counted from before the lease was asked for: never later than the lease's own end.
    until: Timestamp,
}

impl App<'_> {
    /// The way out until the end of a lease.
    pub(super) fn calls_until(&self, until: Timestamp) -> WithinLease<'_> {
        WithinLease { http: self.http, clock: self.clock, until }
    }

    /// The same use cases over another way out.
    pub(super) fn through<'b>(&'b self, http: &'b dyn Http) -> App<'b> {
        App { http, ..*self }
    }
}

#[async_trait(?Send)]
impl Http for WithinLease<'_> {
    async fn send(&self, mut request: HttpRequest) -> Result<HttpResponse, Fault> {
        let left = self.until.since(self.clock.now());
        if left < LEAST_MS {
            return Err(Fault::transient("calling a server", "the time for this work is over"));
        }
        request.timeout_ms = request.timeout_ms.min(u32::try_from(left).unwrap_or(u32::MAX));
        self.http.send(request).await
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use futures_util::FutureExt as _;

    use super::*;
    use crate::ports::Method;

    /// A server that notes how long it may take.
    #[derive(Default)]
    struct Server {
        timeouts: RefCell<Vec<u32>>,
        now: Cell<i64>,
    }

    #[async_trait(?Send)]
    impl Http for Server {
        async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Fault> {
            self.timeouts.borrow_mut().push(request.timeout_ms);
            Ok(HttpResponse { status: 200, headers: Vec::new(), body: Vec::new() })
        }
    }

    impl Clock for Server {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.now.get())
        }
    }

    #[test]
    fn no_call_outlasts_the_lease_or_begins_after_it() {
        let server = Server::default();
        let until = Timestamp::from_millis(45_000);
        let http = WithinLease { http: &server, clock: &server, until };
        let call = |at: i64| {
            server.now.set(at);
            let url = "https://api.test".to_owned();
            let request = HttpRequest { method: Method::Get, url, headers: vec![], body: vec![], timeout_ms: 20_000 };
            http.send(request).now_or_never().unwrap().is_ok()
        };
        assert_eq!([0, 30_000, 44_000, 44_600, 45_000, 90_000].map(call), [true, true, true, false, false, false]);
        assert_eq!(*server.timeouts.borrow(), [20_000, 15_000, 1_000]);
    }
}
