//! `ports::Sql` over SQLite in memory, with the migrations the Worker gets.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use porter::ports::{Clock as _, Fault, Row, Sql, SqlError, Statement, Value};
pub(crate) use porter_world::MIGRATIONS;
use porter_world::ports::ManualClock;
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, ToSql};

use super::line::{Break, Counter};

/// A database of its own.
pub(crate) struct Sqlite {
    connection: RefCell<Connection>,
    /// How the next writes go wrong, the last one first.
    trouble: RefCell<Vec<SqlTrouble>>,
    /// Every question and transaction.
    pub(crate) calls: Counter,
    /// The clock that SQLite is set to before every question, and what it shows; the computer's own until [`Sqlite::on`].
    clock: Option<Rc<ManualClock>>,
    shown: Arc<AtomicI64>,
}

/// How a write goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SqlTrouble {
    /// Nothing was written.
    Refused,
    /// It was written, and nobody was told.
    LostReply,
}

impl Sqlite {
    pub(crate) fn migrated() -> Self {
        let connection = Connection::open_in_memory().expect("SQLite opens");
        connection.pragma_update(None, "foreign_keys", true).expect("SQLite has foreign keys");
        for migration in MIGRATIONS {
            connection.execute_batch(migration).expect("the migration applies");
        }
        Self::over(connection)
    }

    /// A database that is already there.
    pub(crate) fn over(connection: Connection) -> Self {
        let shown = Arc::new(AtomicI64::new(0));
        Self {
            connection: RefCell::new(connection),
            trouble: RefCell::default(),
            calls: Counter::default(),
            clock: None,
            shown,
        }
    }

    /// The same database by this clock: `unixepoch` shows what the clock shows.
    pub(crate) fn on(mut self, clock: &Rc<ManualClock>) -> Self {
        self.clock = Some(Rc::clone(clock));
        let shown = Arc::clone(&self.shown);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are far below 2^53")]
        let seconds = move |_: &Context<'_>| Ok(shown.load(Ordering::Relaxed) as f64 / 1000.0);
        let connection = self.connection.borrow();
        connection.create_scalar_function("unixepoch", 1, FunctionFlags::SQLITE_UTF8, seconds).expect("a function");
        drop(connection);
        self
    }

    fn set_clock(&self) {
        if let Some(clock) = &self.clock {
            self.shown.store(clock.now().millis(), Ordering::Relaxed);
        }
    }

    /// Makes the next transactions go wrong, one after the other.
    pub(crate) fn trouble(&self, next: &[SqlTrouble]) {
        self.trouble.borrow_mut().extend(next.iter().rev());
    }

    /// Every row of every table, as text.
    pub(crate) fn dump(&self) -> String {
        let connection = self.connection.borrow();
        let mut names = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
            .expect("SQLite knows its tables");
        let names: Vec<String> =
            names.query_map([], |row| row.get(0)).expect("a list").collect::<Result<_, _>>().expect("names");
        let mut text = String::new();
        for name in names {
            let mut rows = connection.prepare(&format!("SELECT * FROM \"{name}\"")).expect("a table can be read");
            let columns = rows.column_count();
            let mut rows = rows.query([]).expect("a table can be read");
            while let Some(row) = rows.next().expect("a row can be read") {
                let values: Vec<String> =
                    (0..columns).map(|at| format!("{:?}", row.get_ref(at).expect("a column"))).collect();
                text.push_str(&format!("{name}: {}\n", values.join("|")));
            }
        }
        text
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
    assert!(statement.params.len() <= 100, "D1 takes 100 parameters: {}", statement.sql);
    let mut prepared = connection.prepare_cached(statement.sql).map_err(classify)?;
    let names: Vec<String> = prepared.column_names().map(str::to_owned).collect();
    let bound: Vec<Bound<'_>> = statement.params.iter().map(Bound).collect();
    let rows = prepared.query_map(rusqlite::params_from_iter(bound), |row| {
        names
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let value = match row.get_ref(index)? {
                    ValueRef::Null => Value::Null,
                    ValueRef::Integer(number) => Value::Int(number),
                    #[expect(clippy::cast_possible_truncation, reason = "as serde-wasm-bindgen reads whole floats")]
                    ValueRef::Real(number) => Value::Int(number as i64),
                    ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                    ValueRef::Blob(_) => Value::Null,
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

fn broken() -> SqlError {
    SqlError::Fault(Fault::transient("asking SQLite", "trouble on the stage"))
}

#[async_trait(?Send)]
impl Sql for Sqlite {
    async fn query(&self, statement: Statement) -> Result<Vec<Row>, SqlError> {
        self.set_clock();
        match self.calls.next() {
            Some(Break::Before) => Err(broken()),
            Some(Break::After) => run(&self.connection.borrow(), &statement).and(Err(broken())),
            None => run(&self.connection.borrow(), &statement),
        }
    }

    async fn batch(&self, statements: Vec<Statement>) -> Result<Vec<Vec<Row>>, SqlError> {
        self.set_clock();
        let chosen = self.calls.next().map(|how| match how {
            Break::Before => SqlTrouble::Refused,
            Break::After => SqlTrouble::LostReply,
        });
        let trouble = self.trouble.borrow_mut().pop().or(chosen);
        if trouble == Some(SqlTrouble::Refused) {
            return Err(broken());
        }
        let mut connection = self.connection.borrow_mut();
        let transaction = connection.transaction().map_err(classify)?;
        let results: Result<Vec<_>, SqlError> =
            statements.iter().map(|statement| run(&transaction, statement)).collect();
        let results = results?;
        transaction.commit().map_err(classify)?;
        if trouble == Some(SqlTrouble::LostReply) { Err(broken()) } else { Ok(results) }
    }
}
