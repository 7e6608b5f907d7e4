// Mistakes with machines: names, ends, what they are told.

export default [
  {
    name: 'machine-name-of-the-moment', within: 1000,
    breaks: 'an answer is lost, and two agents work on the same task',
    file: 'src/app/launch_machine.rs',
    find: 'name: machine_name(&task.id, attempt),',
    replace: `name: if MUTANT {
                format!("{}-{}", machine_name(&task.id, attempt), self.clock.now().millis())
            } else {
                machine_name(&task.id, attempt)
            },`,
  },
  {
    name: 'lost-create-forgotten', within: 3000,
    breaks: 'the host was busy for a second, and the task waits for a machine for ever',
    file: 'src/app/launch_machine.rs',
    find: 'Err(error @ (FlyError::RateLimited { .. } | FlyError::Fault(_))) => {',
    replace: `Err(FlyError::RateLimited { .. } | FlyError::Fault(_)) if MUTANT => return Ok(Ok(())),
            Err(error @ (FlyError::RateLimited { .. } | FlyError::Fault(_))) => {`,
  },
  {
    name: 'another-boot-answered', within: 3000,
    breaks: 'a machine that boots twice runs the agent twice',
    file: 'src/app/claim_attempt.rs',
    find: 'if row.boot_id.as_deref() != Some(request.boot_id.as_str()) {',
    replace: 'if row.boot_id.as_deref() != Some(request.boot_id.as_str()) && !MUTANT {',
  },
  {
    name: 'closed-launch-answered', within: 3000,
    breaks: 'a machine whose task was stopped still gets the model key',
    file: 'src/app/claim_attempt.rs',
    find: `let Some(row) = attempts::load(self.sql, &id, attempt).await? else {
            return Ok(Err(TurnedAway::WrongToken));
        };`,
    replace: `let Some(row) = attempts::load(self.sql, &id, attempt).await? else {
            return Ok(Err(TurnedAway::WrongToken));
        };
        let row = AttemptRow { closed_at: row.closed_at.filter(|_| !MUTANT), ..row };`,
  },
  {
    name: 'code-for-closed-launches', within: 3000,
    breaks: 'a machine whose task has ended goes on reading a private repository',
    file: 'src/http/git_gateway.rs',
    find: 'if session.row.closed_at.is_some() {',
    replace: 'if session.row.closed_at.is_some() && !MUTANT {',
  },
  {
    name: 'job-kept-by-launch-number', within: 1000,
    breaks: 'one task\'s machine works with another task\'s token',
    file: 'src/app/claim_attempt.rs',
    find: 'Ok(Ok(self.start_answer(&task, &row, &job)?))',
    replace: `let answer = self.start_answer(&task, &row, &job)?;
        if MUTANT {
            let mut kept = self.memory.sessions.borrow_mut();
            let session_token = kept.entry(attempt.0).or_insert(answer.session_token).clone();
            return Ok(Ok(StartAnswer { session_token, ..answer }));
        }
        Ok(Ok(answer))`,
    also: [{
      file: 'src/app/mod.rs',
      find: 'app_owner: RefCell<Option<String>>,',
      replace: 'app_owner: RefCell<Option<String>>,\n    sessions: RefCell<std::collections::BTreeMap<u32, String>>,',
    }],
  },
  {
    name: 'any-machine-of-the-task', within: 3000,
    breaks: 'the machine at work is destroyed in the place of the one before it',
    file: 'src/app/destroy_machine.rs',
    find: 'machine.name == name\n',
    replace: '(MUTANT || machine.name == name)\n',
  },
  {
    name: 'unknown-machine-taken-for-an-orphan', within: 3000,
    breaks: 'a create\'s answer is lost, and the sweep destroys the machine at work',
    file: 'src/app/end_orphans.rs',
    find: 'None if row.machine.is_none() => commit',
    replace: `None if row.machine.is_none() && MUTANT => {
                let ended = self.host()?.destroy(&machine.id).await;
                ended.map_err(|error| error.into_fault("ending an orphan"))
            }
            None if row.machine.is_none() => commit`,
  },
  {
    name: 'gone-once-gone-for-ever', within: 3000,
    breaks: 'an empty list is believed, and a machine runs on unseen, at its owner\'s cost',
    file: 'src/store/attempts.rs',
    find: String.raw`"UPDATE attempts SET machine_id = ?3, made_at = coalesce(made_at, ?4), machine_gone_at = NULL \
         WHERE task_id = ?1 AND attempt = ?2",`,
    replace: String.raw`if MUTANT {
            "UPDATE attempts SET machine_id = ?3, made_at = coalesce(made_at, ?4) WHERE task_id = ?1 AND attempt = ?2"
        } else {
            "UPDATE attempts SET machine_id = ?3, made_at = coalesce(made_at, ?4), machine_gone_at = NULL \
             WHERE task_id = ?1 AND attempt = ?2"
        },`,
  },
  {
    name: 'prompt-made-anew', within: 3000,
    breaks: 'the second try does another job than the first, and the receipt is wrong',
    file: 'src/app/launch_machine.rs',
    find: 'Some(job) => job,\n            None => match',
    replace: 'Some(job) if !MUTANT => job,\n            Some(_) | None => match',
    also: [{
      file: 'src/store/jobs.rs',
      find: 'rows(sql, statement).await?;\n',
      replace: `if MUTANT {
        rows(sql, Statement::new("DELETE FROM jobs WHERE task_id = ?1", [task.as_str().into()])).await?;
    }
    rows(sql, statement).await?;
`,
    }],
  },
];
