//! The tables: migrations on empty and on populated databases, the words stored in them, and the indexes the hot paths use.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that meets the unexpected is to stop")]

#[expect(dead_code, reason = "only the database's side of it is used")]
#[path = "scenarios/stage/line.rs"]
mod line;
#[path = "migrations/plans.rs"]
mod plans;
#[expect(dead_code, reason = "the scenarios use the rest of it")]
#[path = "scenarios/stage/sqlite.rs"]
mod sqlite;
#[path = "migrations/words.rs"]
mod words;

use std::collections::BTreeSet;

use rusqlite::Connection;
use sqlite::MIGRATIONS;

/// Rows for every table a migration makes: applied after it, and still there after every later one.
const ROWS: [&str; MIGRATIONS.len()] = [
    include_str!("migrations/0001_rows.sql"),
    include_str!("migrations/0002_rows.sql"),
    include_str!("migrations/0003_rows.sql"),
    include_str!("migrations/0004_rows.sql"),
];

fn open() -> Connection {
    let connection = Connection::open_in_memory().expect("SQLite opens");
    connection.pragma_update(None, "foreign_keys", true).expect("SQLite has foreign keys");
    connection
}

/// A database that has grown as a real one does: each version's rows written before the next migration.
fn grown() -> Connection {
    let connection = open();
    for (migration, rows) in MIGRATIONS.iter().zip(ROWS) {
        connection.execute_batch(migration).expect("applies to data");
        connection.execute_batch(rows).expect("the rows fit");
    }
    connection
}

fn texts(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).expect("a good query");
    let rows = statement.query_map([], |row| row.get::<_, String>(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("texts")
}

fn tables(connection: &Connection) -> Vec<String> {
    texts(connection, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
}

fn count(connection: &Connection, table: &str) -> i64 {
    connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).expect("a count")
}

fn is_sound(connection: &Connection) {
    assert_eq!(texts(connection, "PRAGMA integrity_check"), ["ok"]);
    let mut broken = connection.prepare("PRAGMA foreign_key_check").expect("a pragma");
    assert!(broken.query([]).expect("rows").next().expect("a row or none").is_none(), "a foreign key points nowhere");
}

#[test]
fn the_tests_know_every_migration() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    for (index, name) in names.iter().enumerate() {
        let number = format!("{:04}_", index + 1);
        assert!(name.starts_with(&number) && name.ends_with(".sql"), "{name} is not number {number}");
        let text = std::fs::read_to_string(folder.join(name)).expect("a migration");
        assert_eq!(MIGRATIONS.get(index), Some(&text.as_str()), "the stage does not apply {name}");
    }
    assert_eq!(names.len(), MIGRATIONS.len());
}

#[test]
fn migrations_apply_to_an_empty_database() {
    let connection = open();
    for migration in MIGRATIONS {
        connection.execute_batch(migration).expect("applies");
        is_sound(&connection);
    }
    assert!(tables(&connection).iter().all(|table| count(&connection, table) == 0), "migrations bring no rows");
}

#[test]
fn migrations_keep_the_rows_of_the_version_before() {
    let connection = open();
    for (migration, rows) in MIGRATIONS.iter().zip(ROWS) {
        let before: Vec<(String, i64)> =
            tables(&connection).into_iter().map(|table| (table.clone(), count(&connection, &table))).collect();
        connection.execute_batch(migration).expect("applies to data");
        is_sound(&connection);
        for (table, rows) in before {
            assert_eq!(count(&connection, &table), rows, "{table} lost rows");
        }
        connection.execute_batch(rows).expect("the rows fit");
        for table in tables(&connection) {
            assert!(count(&connection, &table) > 0, "no row of the tests is in {table}");
        }
        is_sound(&connection);
    }
}

#[test]
fn every_table_is_strict() {
    let connection = open();
    for migration in MIGRATIONS {
        connection.execute_batch(migration).expect("applies");
    }
    let strict: BTreeSet<String> =
        texts(&connection, "SELECT name FROM pragma_table_list WHERE strict = 1").into_iter().collect();
    for table in tables(&connection) {
        assert!(strict.contains(&table), "{table} is not STRICT");
    }
}
