//! Fly's request limits: one a second and action with a burst of three, per app or machine; five and ten for reading one.

use std::collections::HashMap;
use std::time::Instant;

/// What a caller wants done; limits and faults are per action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// Make a machine.
    Create,
    /// Read one.
    Get,
    /// Read all.
    List,
    /// Start one.
    Start,
    /// Stop one.
    Stop,
    /// Send one a signal.
    Signal,
    /// Wait for a state.
    Wait,
    /// Destroy one.
    Delete,
    /// Read or change metadata.
    Metadata,
    /// Read events.
    Events,
    /// Read the app.
    App,
}

impl Action {
    /// By its word on the fault switch.
    pub(crate) fn named(word: &str) -> Option<Self> {
        Some(match word {
            "create" => Self::Create,
            "get" => Self::Get,
            "list" => Self::List,
            "start" => Self::Start,
            "stop" => Self::Stop,
            "signal" => Self::Signal,
            "wait" => Self::Wait,
            "delete" => Self::Delete,
            "metadata" => Self::Metadata,
            "events" => Self::Events,
            "app" => Self::App,
            _ => return None,
        })
    }

    /// Tokens a second, and the most that can be saved up.
    const fn limit(self) -> (f64, f64) {
        match self {
            Self::Get => (5.0, 10.0),
            Self::Create
            | Self::List
            | Self::Start
            | Self::Stop
            | Self::Signal
            | Self::Wait
            | Self::Delete
            | Self::Metadata
            | Self::Events
            | Self::App => (1.0, 3.0),
        }
    }
}

/// A token bucket per action and thing acted on.
#[derive(Default)]
pub(crate) struct Pace {
    buckets: HashMap<(Action, String), (f64, Instant)>,
}

impl Pace {
    /// Whether one more request is within the limit; takes a token if so.
    pub(crate) fn admits(&mut self, action: Action, subject: &str, now: Instant) -> bool {
        let (rate, burst) = action.limit();
        let bucket = self.buckets.entry((action, subject.to_owned())).or_insert((burst, now));
        let saved = (bucket.0 + now.saturating_duration_since(bucket.1).as_secs_f64() * rate).min(burst);
        let admitted = saved >= 1.0;
        *bucket = (if admitted { saved - 1.0 } else { saved }, now);
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn three_at_once_then_one_a_second_for_each_action_and_subject() {
        let (mut pace, start) = (Pace::default(), Instant::now());
        let mut create = |millis: u64| pace.admits(Action::Create, "app", start + Duration::from_millis(millis));
        assert_eq!([create(0), create(0), create(0), create(0)], [true, true, true, false]);
        assert_eq!([create(900), create(1000), create(1001)], [false, true, false]);
        assert!(pace.admits(Action::Stop, "app", start) && pace.admits(Action::Create, "other", start));
        let gets = (0..12).filter(|_| pace.admits(Action::Get, "m", start)).count();
        assert_eq!(gets, 10);
    }
}
