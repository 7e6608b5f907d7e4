//! A simulated world: GitHub, the machine host, machines, people, the cron trigger and attackers around the real Porter, and
//! the scheduler that decides, from one seed, who goes on and what goes wrong.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use porter::app::config::Config;
use porter::app::{App, Memory, Pauses};
use porter::domain::time::Timestamp;
use porter::http::{Answer, Reply, Request, handle};
use porter::ports::{Clock, Level, Log};
use porter_world::github::Delivery;
use porter_world::ports::{ManualClock, QuickCrypto, SeededEntropy};
use porter_world::world::{Mode, World};

use crate::database::{Database, Reached};
use crate::gate::{Call, Fate, Gate};
use crate::host::{HOST_URL, Host};
use crate::instance;
use crate::invariants::secrets::Secrets;
use crate::machine::Machine;
use crate::network::{Late, Network};
use crate::random::Random;
use crate::trace::Trace;
use crate::watch::{Violation, Watch};
use crate::weather::Weather;

/// What may happen next, at its moment.
pub(crate) enum Happening {
    /// The cron trigger fires.
    Tick,
    /// A delivery arrives.
    Deliver(Box<Delivery>),
    /// A machine's program begins.
    Boot(String),
    /// A machine's program acts.
    Act(String),
    /// Something that people, attackers or the platform do.
    Event(crate::people::Doing),
}

/// Who waits for an answer.
pub(crate) enum Caller {
    /// Nobody: the cron trigger.
    Nobody,
    /// GitHub.
    GitHub(Box<Delivery>),
    /// A machine.
    Machine(String),
    /// Somebody without a right to it; the database's changes before.
    Attacker(u64),
    /// Somebody at the page.
    Page,
    /// The git program of a launch's machine.
    Clone((String, i64)),
}

struct Invocation {
    id: u64,
    what: String,
    caller: Option<Caller>,
    future: Pin<Box<dyn Future<Output = ()>>>,
    waiting: Option<Call>,
    ready_at: Timestamp,
    /// The platform ends it then.
    dies_at: Timestamp,
    failed_by_database: bool,
}

/// When a crash is planned: at this call of the world, with this fate; `None`: before it.
#[derive(Debug, Clone, Copy)]
pub struct Planned {
    /// The call's number, from 0.
    pub call: u64,
    /// What becomes of it.
    pub fate: Option<Fate>,
}

/// A simulated world.
pub struct Sim {
    /// Every choice.
    pub random: Random,
    /// GitHub and the time.
    pub world: World,
    /// The machine host.
    pub host: Rc<Host>,
    /// The database.
    pub database: Rc<Database>,
    /// What is seen.
    pub watch: Rc<RefCell<Watch>>,
    /// What goes wrong.
    pub weather: Weather,
    /// A crash at a chosen call.
    pub planned: Option<Planned>,
    /// Whether Porter can speak on GitHub: its App has not been removed.
    pub can_speak: bool,
    pub(crate) trace: Trace,
    pub(crate) machines: BTreeMap<String, Machine>,
    pub(crate) polls: bool,
    gate: Rc<Gate>,
    late: Late,
    config: Rc<Config>,
    entropy: Rc<SeededEntropy>,
    isolates: Vec<(Rc<Memory>, i64)>,
    invocations: Vec<Invocation>,
    happenings: BinaryHeap<Reverse<(Timestamp, u64)>>,
    what: BTreeMap<u64, Happening>,
    replies: Rc<RefCell<Vec<(u64, Reply)>>>,
    next_id: u64,
    /// Whether the cron trigger fires.
    pub(crate) cron_until: Option<Timestamp>,
}

impl Sim {
    /// A calm world from a seed, over an emptied database.
    #[must_use]
    pub fn new(seed: u64, database: &Rc<Database>, template: &World, secrets: Secrets, trace: Trace) -> Self {
        let mode = template.mode();
        let kept = template.github.borrow().clone();
        let world = World::from_kept(kept, template.clock.now(), template.repo, mode);
        let polls = mode == Mode::Token;
        let watch = Watch {
            repo: world.repo,
            rights: ["alice", "bob"].map(|login| (world.user(login), None)).into(),
            secrets,
            most_launches: instance::MOST_RETRIES + 1,
            most_live: instance::MOST_LIVE,
            ..Watch::default()
        };
        let mut sim = Self {
            random: Random::new(seed),
            config: Rc::new(instance::config(&world, polls)),
            host: Rc::default(),
            database: Rc::clone(database),
            watch: Rc::new(RefCell::new(watch)),
            weather: Weather::calm(),
            planned: None,
            can_speak: true,
            trace,
            machines: BTreeMap::new(),
            polls,
            gate: Rc::default(),
            late: Late::default(),
            entropy: Rc::new(SeededEntropy::new(seed)),
            isolates: Vec::new(),
            invocations: Vec::new(),
            happenings: BinaryHeap::new(),
            what: BTreeMap::new(),
            replies: Rc::default(),
            next_id: 1,
            cron_until: None,
            world,
        };
        sim.database.set_clock(sim.now());
        sim.new_isolates();
        sim.later(sim.random.between(1, 60_000), Happening::Tick);
        sim
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.world.clock.now()
    }

    /// The first broken promise.
    #[must_use]
    pub fn violation(&self) -> Option<Violation> {
        self.watch.borrow().violation.clone()
    }

    /// How many port calls have passed.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.gate.calls()
    }

    /// Isolates that know nothing: after a deploy, or a death.
    pub(crate) fn new_isolates(&mut self) {
        let skew = self.weather.skew_ms;
        self.isolates = (0..2).map(|_| (Rc::default(), self.random.between(-skew, skew))).collect();
    }

    /// Something happens so many milliseconds from now.
    pub(crate) fn later(&mut self, millis: i64, happening: Happening) {
        let id = self.next_id;
        self.next_id += 1;
        self.happenings.push(Reverse((self.now().plus_millis(millis), id)));
        self.what.insert(id, happening);
    }

    /// Sends a request to Porter.
    pub(crate) fn send(&mut self, caller: Caller, what: &str, request: Request) {
        self.begin(caller, what, Some(request));
    }

    fn begin(&mut self, caller: Caller, what: &str, request: Option<Request>) {
        let id = self.next_id;
        self.next_id += 1;
        let isolate = usize::try_from(self.random.below(self.isolates.len() as u64)).unwrap_or(0);
        let Some((memory, skew)) = self.isolates.get(isolate) else { return };
        let ports = Ports {
            config: Rc::clone(&self.config),
            sql: Reached {
                database: Rc::clone(&self.database),
                gate: Rc::clone(&self.gate),
                watch: Rc::clone(&self.watch),
            },
            http: Network {
                github: self.world.http(),
                host: Rc::clone(&self.host),
                clock: Rc::clone(&self.world.clock),
                gate: Rc::clone(&self.gate),
                watch: Rc::clone(&self.watch),
                late: Rc::clone(&self.late),
            },
            clock: Skewed { clock: Rc::clone(&self.world.clock), skew_ms: *skew },
            entropy: Rc::clone(&self.entropy),
            log: Watched { watch: Rc::clone(&self.watch), trace: self.trace.clone() },
            memory: Rc::clone(memory),
        };
        let lifetime_s = if request.is_some() { 60 } else { 900 };
        let replies = Rc::clone(&self.replies);
        let future = Box::pin(async move { ports.run(id, request, &replies).await });
        self.trace.line(self.now(), || format!("#{id} begins: {what}"));
        self.watch.borrow_mut().begins(id, self.now());
        self.invocations.push(Invocation {
            id,
            what: what.to_owned(),
            caller: Some(caller),
            future,
            waiting: None,
            ready_at: self.now(),
            dies_at: self.now().plus_seconds(lifetime_s),
            failed_by_database: false,
        });
    }

    /// One step of the world: somebody goes on by one call, or the next thing happens. `false`: nothing is left to happen
    /// before `until`.
    pub fn step(&mut self, until: Timestamp) -> bool {
        self.gather();
        let ready: Vec<usize> = (0..self.invocations.len())
            .filter(|at| self.invocations.get(*at).is_some_and(|one| one.ready_at <= self.now()))
            .collect();
        let due = self.happenings.peek().is_some_and(|Reverse((at, _))| *at <= self.now());
        if due && (ready.is_empty() || self.random.chance(200)) {
            if let Some(Reverse((_, id))) = self.happenings.pop()
                && let Some(happening) = self.what.remove(&id)
            {
                self.happen(happening);
            }
            return true;
        }
        if let Some(at) = self.random.pick(&ready) {
            self.go_on(*at);
            return true;
        }
        let waiting = self.invocations.iter().map(|one| one.ready_at).min();
        let next = self.happenings.peek().map(|Reverse((at, _))| *at);
        let Some(moment) = waiting.into_iter().chain(next).min().filter(|moment| *moment <= until) else {
            return false;
        };
        self.world.clock.set(moment);
        self.database.set_clock(moment);
        true
    }

    /// Sends a request and serves nobody else until it has been carried out, while everything works.
    pub(crate) fn send_alone(&mut self, caller: Caller, what: &str, request: Request) {
        let weather = std::mem::take(&mut self.weather);
        let planned = self.planned.take();
        self.begin(caller, what, Some(request));
        let id = self.next_id - 1;
        while let Some(at) = self.invocations.iter().position(|one| one.id == id) {
            self.go_on(at);
        }
        self.weather = weather;
        self.planned = planned;
    }

    /// Lets an invocation go on to its next call.
    fn go_on(&mut self, at: usize) {
        let now = self.now();
        let Some(one) = self.invocations.get_mut(at) else { return };
        let id = one.id;
        let mut fate = Some(Fate::Works);
        if let Some(call) = &one.waiting {
            let number = self.gate.calls();
            fate = match self.planned.filter(|planned| planned.call == number) {
                Some(planned) => planned.fate,
                None if now > one.dies_at => None,
                None => self.weather.fate(call, &self.random),
            };
            let database = matches!(call.port, crate::gate::Port::Read | crate::gate::Port::Write);
            one.failed_by_database |= database && fate != Some(Fate::Works);
            self.trace.line(now, || format!("#{id} {:?} {}: {}", call.port, call.what, described(fate)));
        }
        if self.planned.is_some_and(|planned| planned.call == self.gate.calls()) && one.waiting.is_some() {
            self.planned = None;
        }
        let Some(fate) = fate else {
            return self.dies(at);
        };
        self.gate.open(id, Some(fate));
        let polled = one.future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        one.waiting = self.gate.take_waiting();
        if let Some(call) = &one.waiting {
            let delay = self.weather.delay_ms(call, &self.random);
            one.ready_at = now.plus_millis(delay);
        }
        let dead = fate == Fate::CallerDies && polled.is_pending();
        let in_order = !one.failed_by_database;
        self.answer(id);
        match polled {
            Poll::Ready(()) => {
                self.watch.borrow_mut().ends(id, in_order);
                self.trace.line(now, || format!("#{id} ends"));
                self.remove(at);
            }
            Poll::Pending if dead => self.dies(at),
            Poll::Pending => {}
        }
    }

    fn remove(&mut self, at: usize) {
        let one = self.invocations.swap_remove(at);
        // Whoever still waits gets no answer.
        if let Some(caller) = one.caller {
            self.unanswered(caller);
        }
    }

    /// An isolate dies, and what it remembered with it; everything else that it was doing dies too, now and then.
    fn dies(&mut self, at: usize) {
        if let Some(one) = self.invocations.get(at) {
            self.trace.line(self.now(), || format!("#{} dies: {}", one.id, one.what));
            self.watch.borrow_mut().ends(one.id, false);
        }
        self.remove(at);
        self.new_isolates();
        while self.random.chance(300) && !self.invocations.is_empty() {
            let other = usize::try_from(self.random.below(self.invocations.len() as u64)).unwrap_or(0);
            if let Some(one) = self.invocations.get(other) {
                self.trace.line(self.now(), || format!("#{} dies with it: {}", one.id, one.what));
                self.watch.borrow_mut().ends(one.id, false);
            }
            self.remove(other);
        }
    }

    /// Hands an invocation's answer to whoever waits for it.
    fn answer(&mut self, id: u64) {
        let Some(at) = self.replies.borrow().iter().position(|(of, _)| *of == id) else { return };
        let (_, reply) = self.replies.borrow_mut().swap_remove(at);
        let caller = self.invocations.iter_mut().find(|one| one.id == id).and_then(|one| one.caller.take());
        if let Some(caller) = caller {
            self.answered(id, caller, &reply);
        }
    }

    /// Takes up what the last step has set going: new machines, new deliveries, work done late.
    fn gather(&mut self) {
        for id in self.host.take_fresh() {
            self.machine_made(id);
        }
        let now = self.now();
        let due: Vec<_> = self.late.borrow_mut().extract_if(.., |(at, _)| *at <= now).collect();
        for (_, request) in due {
            if request.url.starts_with(HOST_URL) {
                self.trace.line(now, || "a call is carried out late".to_owned());
                let response = self.host.answer(&request, now);
                drop(response);
            }
        }
        self.take_deliveries();
    }

    /// Lets the world run for so many milliseconds.
    pub fn run_for(&mut self, millis: i64) {
        let until = self.now().plus_millis(millis);
        while self.violation().is_none() && self.step(until) {}
        if self.now() < until {
            self.world.clock.set(until);
            self.database.set_clock(until);
        }
    }

    /// Whether anybody is being served.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.invocations.is_empty()
    }

    /// Whether anything but the cron trigger is still to happen, here or at the host.
    #[must_use]
    pub(crate) fn awaits(&self) -> bool {
        self.is_busy()
            || !self.late.borrow().is_empty()
            || self.what.values().any(|happening| !matches!(happening, Happening::Tick))
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Tick => self.tick(),
            Happening::Deliver(delivery) => {
                let request = instance::webhook(&delivery);
                let what = format!("delivery {} {}", delivery.event, delivery.guid);
                self.send(Caller::GitHub(delivery), &what, request);
            }
            Happening::Boot(id) => self.boot(&id),
            Happening::Act(id) => self.machine_acts(&id),
            Happening::Event(doing) => self.carry_out(doing),
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        if self.cron_until.is_none_or(|until| now >= until) {
            self.begin(Caller::Nobody, "cron", None);
            if self.random.chance(self.weather.post) {
                self.begin(Caller::Nobody, "cron, twice", None);
            }
        }
        self.later(60_000, Happening::Tick);
    }
}

fn described(fate: Option<Fate>) -> String {
    fate.map_or_else(|| "dies before it".to_owned(), |fate| format!("{fate:?}"))
}

/// Everything an invocation holds.
struct Ports {
    config: Rc<Config>,
    sql: Reached,
    http: Network,
    clock: Skewed,
    entropy: Rc<SeededEntropy>,
    log: Watched,
    memory: Rc<Memory>,
}

impl Ports {
    async fn run(&self, id: u64, request: Option<Request>, replies: &RefCell<Vec<(u64, Reply)>>) {
        let app = App {
            config: &self.config,
            sql: &self.sql,
            http: &self.http,
            clock: &self.clock,
            entropy: &*self.entropy,
            crypto: &QuickCrypto,
            log: &self.log,
            memory: &self.memory,
            pauses: &Pauses::default(),
        };
        let Some(request) = request else { return app.tick().await };
        let Answer { reply, drain } = handle(&app, request).await;
        replies.borrow_mut().push((id, reply));
        if drain {
            app.drain().await;
        }
    }
}

/// An isolate's clock.
struct Skewed {
    clock: Rc<ManualClock>,
    skew_ms: i64,
}

impl Clock for Skewed {
    fn now(&self) -> Timestamp {
        self.clock.now().plus_millis(self.skew_ms)
    }
}

/// The log, watched.
struct Watched {
    watch: Rc<RefCell<Watch>>,
    trace: Trace,
}

impl Log for Watched {
    fn line(&self, level: Level, message: &str, fields: &[(&str, &str)]) {
        let line = format!("{message} {fields:?}");
        let secret = self.watch.borrow().secrets.in_log(&line);
        // A line may be written while the watch looks; it never is, and losing one check is no harm.
        if let Ok(mut watch) = self.watch.try_borrow_mut() {
            watch.hold("X1", secret);
        }
        self.trace.log(|| format!("    log {level:?}: {line}"));
    }
}
