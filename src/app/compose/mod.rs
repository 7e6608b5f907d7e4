//! The words Porter writes on GitHub, as pure functions: status and end of a task, pull request, answers.

pub mod answers;
pub mod pull_request;
pub mod status;
pub mod waiting;

use crate::protocol::wire::Usage;

/// Micro-dollars as dollars: two digits, or four below ten cents.
#[must_use]
pub fn dollars(micros: i64) -> String {
    let digits: i64 = if micros.abs() < 100_000 { 4 } else { 2 };
    let unit = if digits == 4 { 100 } else { 10_000 };
    let rounded = (micros + unit / 2).div_euclid(unit);
    let scale = if digits == 4 { 10_000 } else { 100 };
    let width = if digits == 4 { 4 } else { 2 };
    format!("${}.{:0width$}", rounded.div_euclid(scale), rounded.rem_euclid(scale))
}

/// A span of milliseconds as people say it.
#[must_use]
pub fn span(millis: i64) -> String {
    let seconds = millis.max(0) / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// What the models cost, in words; unknown stays unknown.
#[must_use]
pub fn cost(usage: Option<&Usage>) -> String {
    let Some(usage) = usage else { return "not reported".to_owned() };
    let tokens = match (usage.input_tokens, usage.output_tokens) {
        (Some(input), Some(output)) => {
            let cached = usage.cache_read_tokens.map(|n| format!(" ({n} cached)")).unwrap_or_default();
            format!("{input} tokens in{cached}, {output} out")
        }
        (Some(_) | None, _) => "tokens not reported".to_owned(),
    };
    let cost = usage.cost_micros.map_or_else(|| "cost unknown".to_owned(), dollars);
    format!("{tokens} · {cost}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_and_time_read_like_people_write_them() {
        for (micros, text) in
            [(0, "$0.0000"), (1_234, "$0.0012"), (99_999, "$0.1000"), (100_000, "$0.10"), (1_239_999, "$1.24")]
        {
            assert_eq!(dollars(micros), text);
        }
        for (millis, text) in [(-5, "0 s"), (59_999, "59 s"), (61_000, "1 min 1 s"), (7_260_000, "2 h 1 min")] {
            assert_eq!(span(millis), text);
        }
    }

    #[test]
    fn unknown_cost_is_never_zero() {
        assert_eq!(cost(None), "not reported");
        assert_eq!(cost(Some(&Usage::default())), "tokens not reported · cost unknown");
    }
}
