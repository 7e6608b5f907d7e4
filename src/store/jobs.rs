//! Jobs: what a task is to do, written once.

use super::{first, json, rows};
use crate::domain::agent::Agent;
use crate::domain::ids::{Branch, Sha, TaskId};
use crate::domain::job::Job;
use crate::ports::{Fault, Sql, Statement};

/// Keeps a job unless the task has one, and gives the one that counts.
pub async fn keep(sql: &dyn Sql, task: &TaskId, job: &Job) -> Result<Job, Fault> {
    let statement = Statement::new(
        "INSERT INTO jobs (task_id, base_ref, base_sha, branch, target, prompt, prompt_sha256, assessment, settings, \
         created_at, agent) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (task_id) DO NOTHING",
        [
            task.as_str().into(),
            job.base_ref.as_str().into(),
            job.base_sha.as_str().into(),
            job.branch.as_str().into(),
            json(&job.target),
            job.prompt.as_str().into(),
            job.prompt_sha256.as_str().into(),
            json(&job.assessment),
            json(&job.settings),
            job.created_at.into(),
            job.agent.word().into(),
        ],
    );
    rows(sql, statement).await?;
    load(sql, task).await?.ok_or_else(|| Fault::transient("keeping a job", "it is not there"))
}

/// Loads a task's job.
pub async fn load(sql: &dyn Sql, task: &TaskId) -> Result<Option<Job>, Fault> {
    let statement = Statement::new("SELECT * FROM jobs WHERE task_id = ?1", [task.as_str().into()]);
    let Some(row) = first(sql, statement).await? else { return Ok(None) };
    Ok(Some(Job {
        agent: row.parsed("agent", |word| Agent::parse(word).ok_or("not an agent"))?,
        base_ref: row.parsed("base_ref", Branch::parse)?,
        base_sha: row.parsed("base_sha", Sha::parse)?,
        branch: row.parsed("branch", Branch::parse)?,
        target: row.json("target")?,
        prompt: row.text("prompt")?,
        prompt_sha256: row.text("prompt_sha256")?,
        assessment: row.json("assessment")?,
        settings: row.json("settings")?,
        created_at: row.time("created_at")?,
    }))
}
