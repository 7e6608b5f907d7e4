//! What holds for machines and what they are told.

use std::collections::{BTreeMap, BTreeSet};

use porter::http::Reply;
use porter::ports::Method;

use super::Broken;
use crate::host::{Host, Life};
use crate::watch::{Called, TaskSeen, Watch};

/// What machines were told so far.
#[derive(Default)]
pub struct Told {
    /// Boots that were given the job, by task and launch.
    claims: BTreeMap<(String, i64), BTreeSet<String>>,
    /// The prompt that a task's machines were given.
    prompts: BTreeMap<String, String>,
}

/// S3. The agent never runs twice at once on the same task, at double cost and into the same branch: one machine a name.
pub fn one_machine_a_launch(host: &Host) -> Result<(), Broken> {
    let mut names = BTreeSet::new();
    let mut twice = Ok(());
    host.each(|made| {
        let launch = (made.metadata("porter_task").to_owned(), made.metadata("porter_attempt").to_owned());
        if made.life != Life::Destroyed && !names.insert(launch.clone()) {
            twice = Err(format!("two machines for launch {} of task {}", launch.1, launch.0));
        }
    });
    twice
}

/// S3. A lost machine is replaced so many times and no more, and never while the one before may still be at work.
pub fn launches_are_counted(watch: &Watch) -> Result<(), Broken> {
    for (id, task) in &watch.tasks {
        if task.attempt > watch.most_launches {
            return Err(format!("task {id} has had {} launches", task.attempt));
        }
        let open: Vec<i64> = watch
            .launches
            .iter()
            .filter(|((of, _), launch)| of == id && launch.closed_at.is_none())
            .map(|((_, attempt), _)| *attempt)
            .collect();
        if open.len() > 1 {
            return Err(format!("launches {open:?} of task {id} are open at once"));
        }
        let places = usize::from(task.is_live());
        if open.len() != places {
            return Err(format!("task {id} is {} and its open launches are {open:?}", task.state));
        }
    }
    Ok(())
}

/// S12. Nobody's work is pulled from under them: only the machine of a launch that is over is destroyed, and only our own.
pub fn only_closed_launches_are_destroyed(watch: &Watch, called: &Called<'_>, host: &Host) -> Result<(), Broken> {
    if called.request.method != Method::Delete {
        return Ok(());
    }
    let id =
        called.path().split("/machines/").nth(1).and_then(|rest| rest.split(['?', '/']).next()).unwrap_or_default();
    let Some(made) = host.machine(id) else { return Ok(()) };
    let key = (made.metadata("porter_task").to_owned(), made.metadata("porter_attempt").parse().unwrap_or(0));
    match watch.launches.get(&key) {
        Some(launch) if launch.closed_at.is_some() => Ok(()),
        Some(_) => Err(format!("machine {id} is destroyed while launch {} of task {} is open", key.1, key.0)),
        None => Err(format!("machine {id} is destroyed and is not ours")),
    }
}

impl Watch {
    /// A machine was answered. `boot` is the boot id of a claim.
    pub(crate) fn told_machine(&mut self, invocation: u64, launch: &(String, i64), boot: Option<&str>, reply: &Reply) {
        if let Reply::Full { status: 200, body, .. } = reply {
            let decided = answered_when_decided(self.tasks.get(&launch.0), body);
            self.hold("S9", decided);
        }
        let closed_before = self.closed_before(invocation, launch);
        let (status, body) = match reply {
            Reply::Full { status, body, .. } => (*status, body.as_slice()),
            Reply::Forward(_) => (200, [].as_slice()),
            Reply::Events { .. } => return,
        };
        let forwarded = matches!(reply, Reply::Forward(_));
        if let (Some(boot), 200) = (boot, status) {
            let claimed = self.machines.one_claim_a_launch(launch, boot);
            self.hold("S3", claimed);
            let none = nothing_for_closed_launches(closed_before, launch);
            self.hold("S4", none);
            let no_token = self.secrets.no_github_credential(body);
            self.hold("X2", no_token);
            let same = self.machines.one_prompt_a_task(&launch.0, body);
            self.hold("S8", same);
        } else {
            let secret = self.secrets.in_answer(body);
            self.hold("X1", secret);
        }
        if forwarded {
            let none = nothing_for_closed_launches(closed_before, launch);
            self.hold("S4", none);
        }
        let others = self.names_another_task(launch, body);
        self.hold("X4", others);
    }

    /// Whether a launch had been closed before an invocation began.
    fn closed_before(&self, invocation: u64, launch: &(String, i64)) -> bool {
        let Some(began) = self.began.get(&invocation) else { return false };
        self.closed_at_write.get(launch).is_some_and(|write| *write <= began.writes)
    }

    /// X4. What one task's machine is told is about that task alone.
    fn names_another_task(&self, launch: &(String, i64), body: &[u8]) -> Result<(), Broken> {
        let text = String::from_utf8_lossy(body);
        // A follow-up names the task it follows; what nobody else may have is the beginning of its tokens.
        match self.tasks.keys().find(|id| **id != launch.0 && text.contains(&format!("{id}.1."))) {
            Some(other) => Err(format!("the machine of task {} was given a token of task {other}", launch.0)),
            None => Ok(()),
        }
    }
}

/// S9. The machine holds the only copy of the work until it is told that it may go: then the end is in the database.
fn answered_when_decided(task: Option<&TaskSeen>, body: &[u8]) -> Result<(), Broken> {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    let Some(status) = answer.get("status").and_then(serde_json::Value::as_str) else { return Ok(()) };
    let state = task.map_or("unknown", |task| task.state.as_str());
    let decided = match status {
        "success" => matches!(state, "succeeded" | "no_changes"),
        // A launch that failed for a cause that another can cure is decided, and its task goes on.
        _ => state != "publishing" && state != "running",
    };
    if decided { Ok(()) } else { Err(format!("a machine was told {status} while its task is {state}")) }
}

/// S4. A machine that boots late, or again, after its task has ended gets nothing: no key, no code, no job.
fn nothing_for_closed_launches(closed_before: bool, launch: &(String, i64)) -> Result<(), Broken> {
    if closed_before {
        Err(format!("a machine of the closed launch {} of task {} was served", launch.1, launch.0))
    } else {
        Ok(())
    }
}

impl Told {
    /// S3. Of two machines that come up for one launch, one gets the job.
    fn one_claim_a_launch(&mut self, launch: &(String, i64), boot: &str) -> Result<(), Broken> {
        let claims = self.claims.entry(launch.clone()).or_default();
        claims.insert(boot.to_owned());
        if claims.len() > 1 { Err(format!("two boots hold launch {} of task {}", launch.1, launch.0)) } else { Ok(()) }
    }

    /// S8. A second launch does the same job as the first.
    fn one_prompt_a_task(&mut self, task: &str, body: &[u8]) -> Result<(), Broken> {
        let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        let prompt = answer.get("prompt").and_then(serde_json::Value::as_str).unwrap_or_default();
        let known = self.prompts.entry(task.to_owned()).or_insert_with(|| prompt.to_owned());
        if known == prompt { Ok(()) } else { Err(format!("task {task} was given another prompt")) }
    }
}
