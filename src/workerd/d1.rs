//! The database port over D1. The one place that tells a taken key from a lost connection.

use std::fmt;

use async_trait::async_trait;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use wasm_bindgen::JsValue;
use worker::{D1Database, D1PreparedStatement, D1Result};

use crate::ports::{Fault, Row, Sql, SqlError, Statement, Value};

/// The D1 database of the binding `DB`.
pub(super) struct Database(pub(super) D1Database);

#[async_trait(?Send)]
impl Sql for Database {
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        // Not `all()`: it reports errors in another shape; both give the rows.
        let result = self.prepare(&statement)?.run().await.map_err(|error| classify(&error))?;
        rows(&result)
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, SqlError> {
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let prepared = statements.iter().map(|statement| self.prepare(statement)).collect::<Result<Vec<_>, _>>()?;
        let results = self.0.batch(prepared).await.map_err(|error| classify(&error))?;
        results.iter().map(rows).collect()
    }
}

impl Database {
    fn prepare(&self, statement: &Statement) -> Result<D1PreparedStatement, SqlError> {
        let values: Vec<JsValue> = statement.params.iter().map(bound).collect();
        self.0.prepare(statement.sql).bind(&values).map_err(|error| classify(&error))
    }
}

/// D1 takes numbers as doubles only; whole ones survive up to 2^53.
fn bound(value: &Value) -> JsValue {
    match value {
        Value::Null => JsValue::NULL,
        #[expect(clippy::cast_precision_loss, reason = "numbers beyond 2^53 are not used (ports::Value)")]
        Value::Int(number) => JsValue::from_f64(*number as f64),
        Value::Text(text) => JsValue::from_str(text),
    }
}

fn rows(result: &D1Result) -> Result<Vec<Row>, SqlError> {
    let read: Vec<ReadRow> = result.results().map_err(|error| classify(&error))?;
    Ok(read.into_iter().map(|row| row.0).collect())
}

/// Tells a key that is taken from a trouble, and a trouble that may pass from one that will not.
fn classify(error: &worker::Error) -> SqlError {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the enum is the worker crate's and grows; all others print alike"
    )]
    let text = match error {
        // Its `Display` is a dump with a stack; the cause is the database's own sentence.
        worker::Error::D1(error) => error.cause(),
        worker::Error::UnknownJsError { message, .. } => message.clone(),
        other => other.to_string(),
    };
    if text.contains("UNIQUE constraint failed") {
        return SqlError::Conflict(text);
    }
    let permanent =
        ["SQLITE_", "D1_TYPE_ERROR", "invalid type", "invalid value"].iter().any(|mark| text.contains(mark))
            && !["SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_INTERRUPT"].iter().any(|mark| text.contains(mark));
    SqlError::Fault(if permanent {
        Fault::permanent("using the database", text)
    } else {
        Fault::transient("using the database", text)
    })
}

/// A row as D1 gives it: an object of columns.
struct ReadRow(Row);

impl<'de> Deserialize<'de> for ReadRow {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Columns)
    }
}

struct Columns;

impl<'de> Visitor<'de> for Columns {
    type Value = ReadRow;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ReadRow, A::Error> {
        let mut row = Row::new();
        while let Some((name, Cell(value))) = map.next_entry::<String, Cell>()? {
            row.push((name, value));
        }
        Ok(ReadRow(row))
    }
}

/// A column's value.
struct Cell(Value);

impl<'de> Deserialize<'de> for Cell {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CellVisitor)
    }
}

struct CellVisitor;

impl Visitor<'_> for CellVisitor {
    type Value = Cell;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("NULL, a whole number or a text")
    }

    fn visit_unit<E>(self) -> Result<Cell, E> {
        Ok(Cell(Value::Null))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Cell, E> {
        Ok(Cell(Value::Int(number)))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Cell, E> {
        if number.fract() != 0.0 || number.abs() > 9_007_199_254_740_991.0 {
            return Err(E::invalid_value(serde::de::Unexpected::Float(number), &self));
        }
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and within 2^53 above")]
        Ok(Cell(Value::Int(number as i64)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cell, E> {
        Ok(Cell(Value::Text(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Cell, E> {
        Ok(Cell(Value::Text(text)))
    }
}
