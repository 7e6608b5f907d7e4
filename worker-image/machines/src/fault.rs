//! Faults that tests switch on under `/_machines/faults` (only with `--faults`): what a real provider does on a bad day.

use std::collections::VecDeque;

use serde_json::Value;

use crate::pace::Action;

/// A bad day's behaviour, for the next so many requests of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Answer this status and do nothing.
    Before(u16),
    /// Do it, then answer this status.
    After(u16),
    /// Answer an empty list though there are machines.
    EmptyList,
}

/// The faults that wait for their requests.
#[derive(Default)]
pub(crate) struct Faults {
    waiting: VecDeque<(Action, Fault)>,
    /// A boot delay in place of the one set at the start.
    pub(crate) boot_delay_ms: Option<u64>,
}

impl Faults {
    /// Reads `{"rules":[{"action","fault":"before|after|empty_list|too_many_requests","times":1,"status":503}],
    /// "boot_delay_ms":N}` and puts it in place of what was there. The error is the text of the 422.
    pub(crate) fn read(body: &Value) -> Result<Self, String> {
        let mut faults = Self { boot_delay_ms: body.get("boot_delay_ms").and_then(Value::as_u64), ..Self::default() };
        for rule in body.get("rules").and_then(Value::as_array).into_iter().flatten() {
            let word = |field: &str| rule.get(field).and_then(Value::as_str).unwrap_or_default();
            let action = Action::named(word("action")).ok_or_else(|| format!("unknown action in {rule}"))?;
            let status = rule.get("status").and_then(Value::as_u64).and_then(|status| u16::try_from(status).ok());
            let fault = match word("fault") {
                "before" => Fault::Before(status.unwrap_or(503)),
                "after" => Fault::After(status.unwrap_or(504)),
                "too_many_requests" => Fault::Before(429),
                "empty_list" => Fault::EmptyList,
                other => return Err(format!("unknown fault {other}")),
            };
            let times = rule.get("times").and_then(Value::as_u64).unwrap_or(1).min(10_000);
            faults.waiting.extend((0..times).map(|_| (action, fault)));
        }
        Ok(faults)
    }

    /// The fault for this request, used up by it.
    pub(crate) fn take(&mut self, action: Action) -> Option<Fault> {
        let place = self.waiting.iter().position(|(waiting, _)| *waiting == action)?;
        self.waiting.remove(place).map(|(_, fault)| fault)
    }
}
