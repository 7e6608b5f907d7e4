//! What the models were asked and used, counted where the answers pass.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use porter::protocol::wire::Usage;

use super::providers::Provider;

/// The run's count. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Meter(Arc<Mutex<Count>>);

#[derive(Default)]
struct Count {
    calls: i64,
    by_model: BTreeMap<String, Tokens>,
    failures_in_a_row: u32,
    /// Provider, status and words of the last failure that no success followed.
    last_failure: Option<(Provider, u16, String)>,
}

/// Tokens of one answer, or of many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Sent, without those read from a cache.
    pub(crate) input: i64,
    /// Received.
    pub(crate) output: i64,
    /// Read from the provider's cache.
    pub(crate) cache_read: i64,
}

impl Meter {
    /// A model call was answered well.
    pub(crate) fn call_answered(&self) {
        let mut count = self.count();
        count.calls += 1;
        count.failures_in_a_row = 0;
        count.last_failure = None;
    }

    /// A model call failed; gives how many did in a row.
    pub(crate) fn call_failed(&self, provider: Provider, status: u16, words: &str) -> u32 {
        let mut count = self.count();
        count.calls += 1;
        count.failures_in_a_row += 1;
        count.last_failure = Some((provider, status, words.to_owned()));
        count.failures_in_a_row
    }

    /// Adds what an answer used.
    pub(crate) fn add(&self, model: &str, tokens: Tokens) {
        let mut count = self.count();
        let sum = count.by_model.entry(model.to_owned()).or_default();
        sum.input += tokens.input;
        sum.output += tokens.output;
        sum.cache_read += tokens.cache_read;
    }

    /// The count so far; `None` while no model was called. What no answer told is unknown, not 0.
    pub(crate) fn usage(&self) -> Option<Usage> {
        let count = self.count();
        let known = !count.by_model.is_empty();
        let sum = |of: fn(&Tokens) -> i64| known.then(|| count.by_model.values().map(of).sum());
        let most = count.by_model.iter().max_by_key(|(_, tokens)| tokens.input + tokens.output);
        (count.calls > 0).then(|| Usage {
            calls: Some(count.calls),
            input_tokens: sum(|tokens| tokens.input),
            output_tokens: sum(|tokens| tokens.output),
            cache_read_tokens: sum(|tokens| tokens.cache_read),
            cost_micros: None,
            model: most.map(|(model, _)| model.clone()),
        })
    }

    /// What the provider's last failure means, in words for people; `None` when the last call went well.
    pub(crate) fn trouble(&self) -> Option<String> {
        let count = self.count();
        let (provider, status, words) = count.last_failure.as_ref()?;
        let (name, key) = (provider.title(), provider.key_name());
        Some(match status {
            401 | 403 => format!("{name} refused the key ({status}); check {key}"),
            404 => format!("{name} does not know the model that was asked for (404)"),
            402 => format!("{name} wants to be paid first (402); check the account's balance"),
            429 => format!("{name} is limiting the rate or the quota of this key (429)"),
            502 if words.contains("could not be reached") => words.clone(),
            500.. => format!("{name} is failing ({status})"),
            _ => format!("{name} refused the call ({status} {words})"),
        })
    }

    /// Whether the last call failed for the provider's sake: it was not reached, is failing, or limits the rate.
    pub(crate) fn is_outage(&self) -> bool {
        self.count().last_failure.as_ref().is_some_and(|(_, status, _)| *status == 429 || *status >= 500)
    }

    fn count(&self) -> MutexGuard<'_, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_is_never_zero() {
        let meter = Meter::default();
        assert_eq!(meter.usage(), None);
        meter.call_answered();
        let usage = meter.usage().unwrap();
        assert_eq!((usage.calls, usage.input_tokens, usage.cost_micros), (Some(1), None, None));
        meter.add("m", Tokens { input: 5, output: 2, cache_read: 0 });
        assert_eq!(meter.usage().unwrap().cache_read_tokens, Some(0));
    }

    #[test]
    fn a_refused_key_is_named_until_a_call_goes_well() {
        let meter = Meter::default();
        assert_eq!(meter.call_failed(Provider::Anthropic, 401, "Unauthorized"), 1);
        assert_eq!(meter.call_failed(Provider::Anthropic, 401, "Unauthorized"), 2);
        assert!(meter.trouble().unwrap().contains("ANTHROPIC_API_KEY"));
        meter.call_answered();
        assert_eq!(meter.trouble(), None);
    }

    #[test]
    fn an_outage_is_the_providers_and_over_with_the_next_answer() {
        let meter = Meter::default();
        assert!(!meter.is_outage());
        for (status, outage) in [(429, true), (500, true), (502, true), (529, true), (400, false), (401, false)] {
            meter.call_failed(Provider::Anthropic, status, "");
            assert_eq!(meter.is_outage(), outage, "{status}");
        }
        meter.call_failed(Provider::Anthropic, 503, "");
        meter.call_answered();
        assert!(!meter.is_outage());
    }
}
