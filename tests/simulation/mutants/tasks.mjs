// Mistakes with tasks and their events.

export default [
  {
    name: 'no-compare-and-swap', within: 1000,
    breaks: 'of two things that happen at once, one is forgotten half-way',
    file: 'src/store/tasks.rs',
    find: '"INSERT INTO task_events (task_id, version, at, kind, data) VALUES (?1, ?2, ?3, ?4, ?5)",',
    replace: `if MUTANT {
            "INSERT OR IGNORE INTO task_events (task_id, version, at, kind, data) VALUES (?1, ?2, ?3, ?4, ?5)"
        } else {
            "INSERT INTO task_events (task_id, version, at, kind, data) VALUES (?1, ?2, ?3, ?4, ?5)"
        },`,
  },
  {
    name: 'command-not-unique', within: 3000,
    breaks: 'one comment, two runs, two bills',
    file: 'src/store/intake.rs',
    find: '"INSERT INTO commands (repo_id, text_kind, text_id, task_id, accepted_at) VALUES (?1, ?2, ?3, ?4, ?5)",',
    replace: `if MUTANT {
            "INSERT OR IGNORE INTO commands (repo_id, text_kind, text_id, task_id, accepted_at) VALUES (?1, ?2, ?3, ?4, ?5)"
        } else {
            "INSERT INTO commands (repo_id, text_kind, text_id, task_id, accepted_at) VALUES (?1, ?2, ?3, ?4, ?5)"
        },`,
  },
  {
    name: 'retry-not-tied-to-its-comment', within: 3000,
    breaks: 'one "retry", two runs',
    file: 'src/app/stop_task.rs',
    find: `statements.push(tasks::tie(&new, old.request.repo_id, text));`,
    replace: `if !MUTANT {
                statements.push(tasks::tie(&new, old.request.repo_id, text));
            }`,
  },
  {
    name: 'end-is-not-the-end', within: 3000,
    breaks: 'a task that has succeeded is said to be stopped',
    file: 'src/domain/event.rs',
    find: 'if self.state.is_final() {\n            return',
    replace: 'if self.state.is_final() && !MUTANT {\n            return',
  },
  {
    name: 'stop-while-publishing', within: 3000,
    breaks: 'the issue says stopped, and there is a pull request',
    file: 'src/domain/event.rs',
    find: '| Event::Stopped { .. } if publishing => {',
    replace: '| Event::Stopped { .. } if publishing && !MUTANT => {',
  },
  {
    name: 'authorised-again', within: 3000,
    breaks: 'a task starts from the queue again while it is at work',
    file: 'src/domain/event.rs',
    find: 'Event::Authorised => (accepted, State::Queued { not_before: now }),',
    replace: 'Event::Authorised => (accepted || MUTANT, State::Queued { not_before: now }),',
  },
  {
    name: 'effects-after-their-event', within: 1000,
    breaks: 'a task waits for a machine that nobody was asked for',
    file: 'src/store/tasks.rs',
    find: 'statements.extend(also);',
    replace: `statements.extend(also);
    if MUTANT {
        let (later, first) = statements.into_iter().partition(|statement| statement.sql.contains("INTO effects"));
        let written = commit(sql, first).await?;
        if written == Written::Yes {
            commit(sql, later).await?;
        }
        return Ok(written);
    }`,
  },
  {
    name: 'closed-without-an-end', within: 1000,
    breaks: 'the machine of a stopped task goes on, at its owner\'s cost',
    file: 'src/domain/event.rs',
    find: 'if let Some(attempt) = closed {',
    replace: 'if let Some(attempt) = closed.filter(|_| !MUTANT) {',
  },
  {
    name: 'queue-not-left', within: 3000,
    breaks: 'places are never given back, and at last everything waits for ever',
    file: 'src/store/tasks.rs',
    find: 'statements.push(Statement::new("DELETE FROM live_tasks WHERE task_id = ?1", [task.id.as_str().into()]));',
    replace: `if !MUTANT {
            statements.push(Statement::new("DELETE FROM live_tasks WHERE task_id = ?1", [task.id.as_str().into()]));
        }`,
  },
  {
    name: 'places-not-insisted-on', within: 3000,
    breaks: 'two agents at once on one issue',
    file: 'src/store/live_tasks.rs',
    find: '"INSERT INTO live_tasks (task_id, repo_id, issue_number, asker_id, seat) VALUES (?1, ?2, ?3, ?4, ?5)",',
    replace: `if MUTANT {
                "INSERT OR IGNORE INTO live_tasks (task_id, repo_id, issue_number, asker_id, seat) VALUES (?1, ?2, ?3, ?4, ?5)"
            } else {
                "INSERT INTO live_tasks (task_id, repo_id, issue_number, asker_id, seat) VALUES (?1, ?2, ?3, ?4, ?5)"
            },`,
  },
  {
    name: 'one-seat-too-many', within: 3000,
    breaks: 'more runs at once, and more cost, than the limit allows',
    file: 'src/app/admit_tasks.rs',
    find: '(1..=self.config.max_running_per_user)',
    replace: '(1..=self.config.max_running_per_user + u32::from(MUTANT))',
  },
  {
    name: 'deadline-not-looked-at', within: 3000,
    breaks: 'an agent that hangs hangs for ever',
    file: 'src/app/end_overdue.rs',
    find: 'if is_over(row, *deadline, now) {',
    replace: 'if is_over(row, *deadline, now) && !MUTANT {',
  },
  {
    name: 'claim-waited-for-for-ever', within: 3000,
    breaks: 'a machine that never comes up leaves the task running for ever',
    file: 'src/app/end_overdue.rs',
    find: 'if now > made_at.plus_seconds(i64::from(self.config.launch_timeout_s)) {',
    replace: 'if now > made_at.plus_seconds(i64::from(self.config.launch_timeout_s)) && !MUTANT {',
  },
  {
    name: 'retries-without-end', within: 3000,
    breaks: 'a task that kills its machine is run again and again',
    file: 'src/app/lose_launch.rs',
    find: 'if attempt.0 <= self.config.max_retries {',
    replace: 'if attempt.0 <= self.config.max_retries || MUTANT {',
  },
];
