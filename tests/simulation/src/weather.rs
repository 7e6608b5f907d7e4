//! How bad the world is: drawn once a seed, so that some worlds have one plague and others all of them.

use crate::gate::{Call, Fate, Port};
use crate::random::Random;

/// Chances in a thousand calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// The database fails, before or after.
    pub database: u64,
    /// GitHub fails or refuses.
    pub github: u64,
    /// The machine host fails or refuses.
    pub host: u64,
    /// A server names a moment before which it wants no call.
    pub limits: u64,
    /// The isolate dies.
    pub death: u64,
    /// A call takes long.
    pub slow: u64,
    /// A delivery or an answer to a machine is lost, doubled, late.
    pub post: u64,
    /// Machines go wrong.
    pub machines: u64,
    /// The most an isolate's clock is off, in milliseconds.
    pub skew_ms: i64,
}

impl Weather {
    /// Nothing goes wrong.
    #[must_use]
    pub fn calm() -> Self {
        Self::default()
    }

    /// A seed's weather: each kind of trouble is absent, rare or common.
    #[must_use]
    pub fn drawn(random: &Random) -> Self {
        let rate = |often: u64| match random.below(4) {
            0 | 1 => 0,
            2 => often.div_ceil(8),
            _ => often,
        };
        let mut weather = Self {
            database: rate(60),
            github: rate(150),
            host: rate(300),
            limits: rate(30),
            death: rate(25),
            slow: rate(60),
            post: rate(250),
            machines: rate(400),
            skew_ms: 0,
        };
        // A limit is a moment: clocks that disagree would make the promise about it meaningless. Further off than a minute,
        // GitHub takes no signature of the App any more.
        if weather.limits == 0 {
            weather.skew_ms = random.pick(&[0, 0, 2_000, 50_000]).copied().unwrap_or(0);
        }
        weather
    }

    /// What becomes of a call; `None`: its caller dies before it is made.
    #[must_use]
    pub fn fate(&self, call: &Call, random: &Random) -> Option<Fate> {
        if random.chance(self.death) {
            return random.chance(500).then_some(Fate::CallerDies);
        }
        let lost = || if random.chance(500) { Fate::FailsBefore } else { Fate::FailsAfter };
        let limited = |from: i64, to: i64| Fate::Limited(u32::try_from(random.between(from, to)).unwrap_or(60));
        let fate = match call.port {
            Port::Read | Port::Write if random.chance(self.database) => lost(),
            Port::GitHub if random.chance(self.limits) => limited(20, 400),
            Port::Host if random.chance(self.limits) => limited(2, 60),
            Port::GitHub if random.chance(self.github) => match random.below(5) {
                0 => Fate::Refused(500),
                1 => Fate::Refused(502),
                2 => Fate::Refused(503),
                _ => lost(),
            },
            Port::Host if random.chance(self.host) => match random.below(7) {
                0 => Fate::Refused(500),
                1 => Fate::Refused(503),
                2 => Fate::Refused(408),
                3 => Fate::Refused(422),
                4 => Fate::WorksLate(random.between(100, 100_000)),
                _ => lost(),
            },
            Port::Read | Port::Write | Port::GitHub | Port::Host => Fate::Works,
        };
        Some(fate)
    }

    /// How long a call keeps its caller waiting, in milliseconds.
    #[must_use]
    pub fn delay_ms(&self, call: &Call, random: &Random) -> i64 {
        if random.chance(self.slow) { random.between(50, call.timeout_ms) } else { random.between(0, 30) }
    }
}
