//! Typed readers of a row's columns: the one place that knows how values arrive.

use serde::de::DeserializeOwned;

use crate::domain::time::Timestamp;
use crate::ports::{Fault, Row, Value};

/// A row, read by column name.
pub(super) struct Columns(Row);

impl Columns {
    pub(super) const fn new(row: Row) -> Self {
        Self(row)
    }

    fn value(&self, name: &'static str) -> Result<&Value, Fault> {
        self.0
            .iter()
            .find(|(column, _)| column == name)
            .map(|(_, value)| value)
            .ok_or_else(|| Fault::permanent("reading a row", format!("no column {name}")))
    }

    /// A text that is there.
    pub(super) fn text(&self, name: &'static str) -> Result<String, Fault> {
        self.maybe_text(name)?.ok_or_else(|| Fault::permanent("reading a row", format!("{name} is empty")))
    }

    /// A text or nothing.
    pub(super) fn maybe_text(&self, name: &'static str) -> Result<Option<String>, Fault> {
        match self.value(name)? {
            Value::Null => Ok(None),
            Value::Text(text) => Ok(Some(text.clone())),
            Value::Int(_) => Err(Fault::permanent("reading a row", format!("{name} is not a text"))),
        }
    }

    /// A number that is there.
    pub(super) fn int(&self, name: &'static str) -> Result<i64, Fault> {
        self.maybe_int(name)?.ok_or_else(|| Fault::permanent("reading a row", format!("{name} is empty")))
    }

    /// A number or nothing.
    pub(super) fn maybe_int(&self, name: &'static str) -> Result<Option<i64>, Fault> {
        match self.value(name)? {
            Value::Null => Ok(None),
            Value::Int(number) => Ok(Some(*number)),
            Value::Text(_) => Err(Fault::permanent("reading a row", format!("{name} is not a number"))),
        }
    }

    /// A number that fits a smaller type.
    pub(super) fn small(&self, name: &'static str) -> Result<u32, Fault> {
        u32::try_from(self.int(name)?).or(Err(Fault::permanent("reading a row", format!("{name} is out of range"))))
    }

    /// A point in time.
    pub(super) fn time(&self, name: &'static str) -> Result<Timestamp, Fault> {
        self.int(name).map(Timestamp::from_millis)
    }

    /// A point in time or nothing.
    pub(super) fn maybe_time(&self, name: &'static str) -> Result<Option<Timestamp>, Fault> {
        Ok(self.maybe_int(name)?.map(Timestamp::from_millis))
    }

    /// A JSON column as our own type. A row that contradicts itself is a fault, never a default.
    pub(super) fn json<T: DeserializeOwned>(&self, name: &'static str) -> Result<T, Fault> {
        serde_json::from_str(&self.text(name)?).map_err(|error| contradiction(name, &error))
    }

    /// A JSON column as our own type, or nothing.
    pub(super) fn maybe_json<T: DeserializeOwned>(&self, name: &'static str) -> Result<Option<T>, Fault> {
        let Some(text) = self.maybe_text(name)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|error| contradiction(name, &error))
    }

    /// A text column through its type's own reader.
    pub(super) fn parsed<T, E: std::fmt::Display>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Result<T, Fault> {
        read(&self.text(name)?).map_err(|error| contradiction(name, &error))
    }
}

fn contradiction(name: &'static str, error: &dyn std::fmt::Display) -> Fault {
    Fault::permanent("reading a row", format!("{name}: {error}"))
}
