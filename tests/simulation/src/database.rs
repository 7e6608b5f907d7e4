//! `ports::Sql` over SQLite in memory with the migrations the Worker gets; one connection serves a thread's worlds in turn.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use porter::domain::time::Timestamp;
use porter::ports::{Fault, Row, Sql, SqlError, Statement, Value};
use porter_world::MIGRATIONS;
use rusqlite::functions::FunctionFlags;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql};

use crate::gate::{Call, Fate, Gate, Port};
use crate::watch::{Watch, Wrote};

/// A database that can be emptied and used again, so that no world pays for the migrations.
pub struct Database {
    connection: RefCell<Connection>,
    /// What SQLite's own clock shows, in milliseconds: the world's time.
    clock: Arc<AtomicI64>,
    tables: Vec<String>,
}

impl Database {
    /// An empty database with every migration.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn migrated() -> rusqlite::Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.set_prepared_statement_cache_capacity(512);
        connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF")?;
        for migration in MIGRATIONS {
            connection.execute_batch(migration)?;
        }
        let clock = Arc::new(AtomicI64::new(0));
        let shown = Arc::clone(&clock);
        connection.create_scalar_function("unixepoch", -1, FunctionFlags::SQLITE_UTF8, move |_| {
            #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century are far below 2^53")]
            Ok(shown.load(Ordering::Relaxed) as f64 / 1000.0)
        })?;
        let mut names = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
        let tables = names.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?;
        drop(names);
        Ok(Self { connection: RefCell::new(connection), clock, tables })
    }

    /// Empties every table.
    ///
    /// # Errors
    /// SQLite's own.
    pub fn empty(&self) -> rusqlite::Result<()> {
        let mut connection = self.connection.borrow_mut();
        let transaction = connection.transaction()?;
        for table in &self.tables {
            transaction.prepare_cached(&format!("DELETE FROM \"{table}\""))?.execute([])?;
        }
        transaction.commit()
    }

    /// Sets SQLite's clock.
    pub fn set_clock(&self, now: Timestamp) {
        self.clock.store(now.millis(), Ordering::Relaxed);
    }

    /// A question of the simulation's own; a broken one gives no rows and says so on the console.
    pub fn ask(&self, sql: &'static str) -> Vec<Row> {
        run(&self.connection.borrow(), &Statement { sql, params: Vec::new() }).unwrap_or_else(|error| {
            eprintln!("the simulation asks nonsense: {sql}: {error}");
            Vec::new()
        })
    }

    /// How many rows have ever been changed through this connection.
    pub fn changes(&self) -> u64 {
        self.connection.borrow().total_changes()
    }

    fn write(&self, statements: &[Statement]) -> Result<Vec<Vec<Row>>, SqlError> {
        let mut connection = self.connection.borrow_mut();
        let transaction = connection.transaction().map_err(classify)?;
        let results: Result<Vec<_>, SqlError> =
            statements.iter().map(|statement| run(&transaction, statement)).collect();
        let results = results?;
        transaction.commit().map_err(classify)?;
        Ok(results)
    }
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            // D1 binds every number as a float: what would break there is to break here.
            #[expect(clippy::cast_precision_loss, reason = "the product keeps numbers below 2^53")]
            Value::Int(number) => ToSqlOutput::Borrowed(ValueRef::Real(*number as f64)),
            Value::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        })
    }
}

fn run(connection: &Connection, statement: &Statement) -> Result<Vec<Row>, SqlError> {
    let mut prepared = connection.prepare_cached(statement.sql).map_err(classify)?;
    let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let bound = statement.params.iter().map(Bound);
    let rows = prepared.query_map(rusqlite::params_from_iter(bound), |row| {
        names
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let value = match row.get_ref(index)? {
                    ValueRef::Null | ValueRef::Blob(_) => Value::Null,
                    ValueRef::Integer(number) => Value::Int(number),
                    #[expect(clippy::cast_possible_truncation, reason = "as serde-wasm-bindgen reads whole floats")]
                    ValueRef::Real(number) => Value::Int(number as i64),
                    ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                };
                Ok((name.clone(), value))
            })
            .collect::<rusqlite::Result<Row>>()
    });
    rows.map_err(classify)?.collect::<rusqlite::Result<Vec<Row>>>().map_err(classify)
}

fn classify(error: rusqlite::Error) -> SqlError {
    if let rusqlite::Error::SqliteFailure(code, Some(message)) = &error
        && code.code == ErrorCode::ConstraintViolation
        && message.contains("UNIQUE")
    {
        return SqlError::Conflict(error.to_string());
    }
    SqlError::Fault(Fault::permanent("asking SQLite", error.to_string()))
}

/// The database as one invocation reaches it: through the gate, watched.
pub struct Reached {
    pub(crate) database: Rc<Database>,
    pub(crate) gate: Rc<Gate>,
    pub(crate) watch: Rc<RefCell<Watch>>,
}

impl Reached {
    async fn call(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, SqlError> {
        let first = statements.first().map_or("", |statement| statement.sql);
        let port = if first.starts_with("SELECT") { Port::Read } else { Port::Write };
        let what: String = first.chars().take(60).collect();
        let fate = self.gate.pass(Call { port, what, timeout_ms: 30_000 }).await;
        let lost = || SqlError::Fault(Fault::transient("asking the database", "the connection broke"));
        if matches!(fate, Fate::FailsBefore | Fate::Refused(_) | Fate::Limited(_)) {
            return Err(lost());
        }
        let before = self.database.changes();
        let result = self.database.write(&statements);
        if port == Port::Write && result.is_ok() {
            let wrote = Wrote {
                invocation: self.gate.invocation(),
                statements: &statements,
                changed: self.database.changes() - before,
            };
            self.watch.borrow_mut().wrote(&wrote, &self.database);
        }
        match fate {
            Fate::CallerDies => {
                self.gate.death().await;
                result
            }
            Fate::FailsAfter | Fate::WorksLate(_) => Err(lost()),
            Fate::Works | Fate::FailsBefore | Fate::Refused(_) | Fate::Limited(_) => result,
        }
    }
}

#[async_trait(?Send)]
impl Sql for Reached {
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        Ok(self.call(vec![statement]).await?.into_iter().next().unwrap_or_default())
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, SqlError> {
        self.call(statements).await
    }
}
