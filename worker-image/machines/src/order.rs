//! What a caller may ask for, checked field by field as Fly checks it: a wrong type is 422 with the field's name.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Map, Value, json};

/// A checked request to create a machine.
pub(crate) struct Order {
    /// The name asked for, if any.
    pub(crate) name: Option<String>,
    /// Whether the machine is only made, not started.
    pub(crate) skip_launch: bool,
    /// The configuration as it is kept and shown.
    pub(crate) config: Value,
}

/// The parts of a configuration that this host acts on.
pub(crate) struct Plan {
    /// The machine's environment.
    pub(crate) env: BTreeMap<String, String>,
    /// Whether it goes when it ends.
    pub(crate) auto_destroy: bool,
    /// Whether and how often it is started again.
    pub(crate) restarts: Restarts,
    /// How it is stopped unless the stop says otherwise.
    pub(crate) stop: Stop,
}

/// Fly's restart policies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restarts {
    /// Never.
    No,
    /// When it ended with another code than 0, at most so many times. Fly's default, with ten.
    OnFailure(u32),
    /// Whenever it ended by itself.
    Always,
}

/// How a machine is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stop {
    /// The signal its main process gets.
    pub(crate) signal: Signal,
    /// How long it has before everything in it is killed.
    pub(crate) grace: Duration,
}

type Checked<T> = Result<T, String>;

impl Order {
    /// Checks the body of a create. The error is the text of the 422.
    pub(crate) fn read(body: &Value) -> Checked<Self> {
        let body = body.as_object().ok_or("invalid_argument: the body must be an object")?;
        let name = text(body, "name")?.filter(|name| !name.is_empty());
        if let Some(name) = &name
            && !(name.len() <= 63 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'))
        {
            return Err("invalid_argument: name may hold lower-case letters, digits and dashes, at most 63".into());
        }
        let config = body.get("config").ok_or("invalid_argument: config is required")?;
        Plan::read(config)?;
        Ok(Self { name, skip_launch: flag(body, "skip_launch")?, config: config.clone() })
    }
}

impl Plan {
    /// Checks a configuration. The error is the text of the 422.
    pub(crate) fn read(config: &Value) -> Checked<Self> {
        let config = config.as_object().ok_or("invalid_argument: config must be an object")?;
        text(config, "image")?.filter(|image| !image.is_empty()).ok_or("invalid_argument: config.image is required")?;
        texts(config, "metadata")?;
        guest(config)?;
        let env = texts(config, "env")?;
        if let Some(name) = env.iter().find(|(name, value)| !is_variable(name) || value.contains('\0')) {
            return Err(format!("invalid_argument: config.env.{} cannot be an environment variable", name.0));
        }
        let stop = object(config, "stop_config")?;
        Ok(Self {
            env,
            auto_destroy: flag(config, "auto_destroy")?,
            restarts: restarts(object(config, "restart")?)?,
            stop: stop.map_or(Ok(Stop::usual()), |stop| Stop::usual().changed_by(stop))?,
        })
    }
}

impl Stop {
    const fn usual() -> Self {
        Self { signal: Signal::SIGTERM, grace: Duration::from_secs(5) }
    }

    /// Takes `signal` and `timeout` where they are given (a stop's body, or `stop_config`).
    pub(crate) fn changed_by(self, asked: &Map<String, Value>) -> Checked<Self> {
        let signal = text(asked, "signal")?.filter(|word| !word.is_empty());
        let signal = signal.map_or(Ok(self.signal), |word| signal_named(&word))?;
        let grace = asked.get("timeout").filter(|value| !value.is_null()).map_or(Ok(self.grace), duration)?;
        Ok(Self { signal, grace: grace.min(Duration::from_secs(300)) })
    }
}

/// A signal by Fly's name for it.
pub(crate) fn signal_named(word: &str) -> Checked<Signal> {
    let full = if word.starts_with("SIG") { word.to_owned() } else { format!("SIG{word}") };
    full.parse().map_err(|_unknown: nix::Error| format!("invalid_argument: unknown signal {word}"))
}

/// Go's durations: `"10s"`, `"1m30s"`, or a number of nanoseconds.
fn duration(value: &Value) -> Checked<Duration> {
    let wrong = || format!("invalid_argument: timeout {value} is not a duration");
    if let Some(nanos) = value.as_u64() {
        return Ok(Duration::from_nanos(nanos));
    }
    let mut rest = value.as_str().filter(|text| !text.is_empty()).ok_or_else(wrong)?;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let number: u32 = number.parse().map_err(|_not_a_number: std::num::ParseIntError| wrong())?;
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, next) = tail.split_at(letters);
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return Err(wrong()),
        };
        total = total.saturating_add(unit.saturating_mul(number));
        rest = next;
    }
    Ok(total)
}

fn restarts(restart: Option<&Map<String, Value>>) -> Checked<Restarts> {
    const USUAL: u32 = 10;
    let Some(restart) = restart else {
        return Ok(Restarts::OnFailure(USUAL));
    };
    let retries = match restart.get("max_retries") {
        None | Some(Value::Null) => USUAL,
        Some(number) => number
            .as_u64()
            .and_then(|number| u32::try_from(number).ok())
            .ok_or("invalid_argument: config.restart.max_retries must be a whole number")?,
    };
    match text(restart, "policy")?.as_deref() {
        None | Some("" | "on-failure") => Ok(Restarts::OnFailure(retries)),
        Some("no") => Ok(Restarts::No),
        Some("always") => Ok(Restarts::Always),
        Some(other) => Err(format!("invalid_argument: config.restart.policy {other} is not no, on-failure or always")),
    }
}

fn guest(config: &Map<String, Value>) -> Checked<()> {
    let Some(guest) = object(config, "guest")? else {
        return Ok(());
    };
    let kind = text(guest, "cpu_kind")?;
    if !matches!(kind.as_deref(), None | Some("shared" | "performance")) {
        return Err("invalid_argument: config.guest.cpu_kind must be shared or performance".into());
    }
    for (field, step) in [("cpus", 1), ("memory_mb", 256)] {
        let value = guest.get(field).filter(|value| !value.is_null());
        if value.is_some_and(|value| value.as_u64().is_none_or(|number| number == 0 || number % step != 0)) {
            return Err(format!("invalid_argument: config.guest.{field} must be a multiple of {step}"));
        }
    }
    Ok(())
}

fn text(body: &Map<String, Value>, field: &str) -> Checked<Option<String>> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("invalid_argument: {field} must be a string")),
    }
}

fn flag(body: &Map<String, Value>, field: &str) -> Checked<bool> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(format!("invalid_argument: {field} must be true or false")),
    }
}

fn object<'a>(body: &'a Map<String, Value>, field: &str) -> Checked<Option<&'a Map<String, Value>>> {
    match body.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(format!("invalid_argument: config.{field} must be an object")),
    }
}

fn texts(config: &Map<String, Value>, field: &str) -> Checked<BTreeMap<String, String>> {
    let pairs = object(config, field)?.into_iter().flatten();
    pairs
        .map(|(key, value)| match value.as_str() {
            Some(value) => Ok((key.clone(), value.to_owned())),
            None => Err(format!("invalid_argument: config.{field}.{key} must be a string")),
        })
        .collect()
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.contains(['=', '\0'])
}

/// The body a machine's metadata value comes in.
pub(crate) fn metadata_value(body: &Value) -> Checked<Value> {
    match body.get("value") {
        Some(Value::String(value)) => Ok(json!(value)),
        _ => Err("invalid_argument: value must be a string".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_order_is_refused_by_name() {
        let table = [
            (json!([]), "object"),
            (json!({}), "config is required"),
            (json!({"config": {}}), "config.image is required"),
            (json!({"config": {"image": 7}}), "image must be a string"),
            (json!({"name": "Ä", "config": {"image": "i"}}), "name may hold"),
            (json!({"name": 1, "config": {"image": "i"}}), "name must be"),
            (json!({"config": {"image": "i", "env": {"A": 1}}}), "config.env.A must be a string"),
            (json!({"config": {"image": "i", "env": {"A=B": "1"}}}), "cannot be an environment variable"),
            (json!({"config": {"image": "i", "env": []}}), "config.env must be an object"),
            (json!({"config": {"image": "i", "metadata": {"a": null}}}), "config.metadata.a"),
            (json!({"config": {"image": "i", "auto_destroy": "yes"}}), "auto_destroy"),
            (json!({"config": {"image": "i", "restart": {"policy": "never"}}}), "never is not no"),
            (json!({"config": {"image": "i", "guest": {"memory_mb": 300}}}), "multiple of 256"),
            (json!({"config": {"image": "i", "guest": {"cpu_kind": "quantum"}}}), "cpu_kind"),
            (json!({"config": {"image": "i", "stop_config": {"timeout": "soon"}}}), "not a duration"),
            (json!({"config": {"image": "i", "stop_config": {"signal": "SIGWHAT"}}}), "unknown signal"),
        ];
        for (body, expected) in table {
            let error = Order::read(&body).err().unwrap_or_default();
            assert!(error.contains(expected), "{body}: {error}");
        }
    }

    #[test]
    fn durations_are_gos() {
        let of = |value: Value| duration(&value).ok();
        assert_eq!(of(json!("1m30s")), Some(Duration::from_secs(90)));
        assert_eq!(of(json!("250ms")), Some(Duration::from_millis(250)));
        assert_eq!(of(json!(5_000_000_000_u64)), Some(Duration::from_secs(5)));
        assert_eq!(of(json!("5")), None);
        assert_eq!(of(json!("s")), None);
    }

    #[test]
    fn an_unset_restart_policy_starts_again_as_flys_does() {
        let plan = |config: Value| Plan::read(&config).unwrap().restarts;
        assert_eq!(plan(json!({"image": "i"})), Restarts::OnFailure(10));
        assert_eq!(plan(json!({"image": "i", "restart": {"policy": "no"}})), Restarts::No);
    }
}
