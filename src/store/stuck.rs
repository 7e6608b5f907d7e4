//! Open tasks that would never end by themselves: nothing drives them, or nobody can read them.

use super::row::Columns;
use super::rows;
use super::tasks::{read, readable, task_columns};
use crate::domain::task::Task;
use crate::ports::{Fault, Sql, Statement};

/// Tasks that nothing drives any more: the effect that would take them out of their state is settled or was never there, and
/// no machine is known that might.
pub async fn undriven(sql: &dyn Sql) -> Result<Vec<Task>, Fault> {
    let statement = Statement::new(
        concat!(
            "SELECT ",
            task_columns!(),
            " FROM tasks AS t WHERE finished_at IS NULL AND state IN ('accepted', 'launching', 'publishing') \
             AND coalesce((SELECT e.state FROM effects AS e WHERE e.key = CASE t.state \
              WHEN 'accepted' THEN 'authorise:' || t.id \
              WHEN 'launching' THEN 'launch:' || t.id || ':' || t.attempt \
              ELSE 'publish:' || t.id || ':' || t.attempt END), \
              CASE t.state WHEN 'publishing' THEN 'pending' ELSE 'missing' END) <> 'pending' \
             AND NOT (t.state = 'launching' AND EXISTS (SELECT 1 FROM attempts AS a WHERE a.task_id = t.id \
              AND a.attempt = t.attempt AND a.machine_id IS NOT NULL)) LIMIT 50"
        ),
        [],
    );
    Ok(readable(&rows(sql, statement).await?))
}

/// Open tasks whose rows contradict themselves, by id, with what is wrong.
pub async fn unreadable(sql: &dyn Sql) -> Result<Vec<(String, Fault)>, Fault> {
    let statement = Statement::new(
        concat!("SELECT ", task_columns!(), " FROM tasks WHERE finished_at IS NULL ORDER BY created_at LIMIT 500"),
        [],
    );
    let wrong = |row: &Columns| read(row).err().map(|fault| (row.text("id").unwrap_or_default(), fault));
    Ok(rows(sql, statement).await?.iter().filter_map(wrong).collect())
}
