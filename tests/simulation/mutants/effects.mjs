// Mistakes with the outbox: leases, fences, pauses.

export default [
  {
    name: 'done-without-the-fence', within: 3000,
    breaks: 'work that somebody else has in hand is ticked off, and perhaps never done',
    file: 'src/store/effects.rs',
    find: String.raw`"UPDATE effects SET state = CASE WHEN generation = ?3 THEN 'done' ELSE 'pending' END, lease_until = 0, \
         last_error = NULL WHERE key = ?1 AND lease_epoch = ?2",`,
    replace: String.raw`if MUTANT {
            "UPDATE effects SET state = CASE WHEN generation = ?3 THEN 'done' ELSE 'pending' END, lease_until = 0, \
             last_error = NULL WHERE key = ?1 AND lease_epoch >= ?2"
        } else {
            "UPDATE effects SET state = CASE WHEN generation = ?3 THEN 'done' ELSE 'pending' END, lease_until = 0, \
             last_error = NULL WHERE key = ?1 AND lease_epoch = ?2"
        },`,
  },
  {
    name: 'asked-again-unnoticed', within: 3000,
    breaks: 'the status comment stays at an old word for ever',
    file: 'src/store/effects.rs',
    find: `Again::Refresh => {
            concat!(`,
    replace: String.raw`Again::Refresh if MUTANT => {
            concat!(
                "INSERT INTO effects (key, kind, payload, task_id, rank, state, generation, tries, not_before, lease_until, \
                 lease_epoch, created_at) VALUES (?1, ?2, ?3, ?4, ?5, 'pending', 0, 0, ?6 + ",
                clock!(),
                ", 0, 0, ?7) ON CONFLICT (key) DO UPDATE SET payload = excluded.payload, task_id = excluded.task_id, \
                 state = 'pending', tries = 0, not_before = excluded.not_before, created_at = excluded.created_at"
            )
        }
        Again::Refresh => {
            concat!(`,
  },
  {
    name: 'postponed-without-the-fence', within: 3000,
    breaks: 'two isolates work on one thing at once',
    file: 'src/store/effects.rs',
    find: `            untried.into(),
            error.into(),
        ],
    );`,
    replace: String.raw`            untried.into(),
            error.into(),
        ],
    );
    let statement = if MUTANT {
        let sql = concat!(
            "UPDATE effects SET lease_until = 0, tries = CASE WHEN generation = ?3 THEN tries - ?6 ELSE tries END, \
             not_before = CASE WHEN generation = ?3 THEN max(?4 + ",
            clock!(),
            ", ?5) ELSE not_before END, last_error = ?7 WHERE key = ?1 AND lease_epoch >= ?2"
        );
        Statement { sql, ..statement }
    } else {
        statement
    };`,
  },
  {
    name: 'lease-taken-from-its-holder', within: 3000,
    breaks: 'two isolates do the same thing at once: two comments, two machines',
    file: 'src/store/effects.rs',
    find: `        [(lease_s * 1000).into()],
    );`,
    replace: String.raw`        [(lease_s * 1000).into()],
    );
    let statement = if MUTANT {
        let sql = concat!(
            "UPDATE effects SET lease_until = ",
            clock!(),
            " + ?1, lease_epoch = lease_epoch + 1, tries = tries + 1 WHERE key = \
             (SELECT key FROM effects WHERE state = 'pending' AND not_before <= ",
            clock!(),
            " ORDER BY rank, not_before, created_at, key LIMIT 1) AND state = 'pending' RETURNING *"
        );
        Statement { sql, ..statement }
    } else {
        statement
    };`,
  },
  {
    name: 'calls-after-the-lease', within: 3000,
    breaks: 'a slow isolate puts an old word over a newer one',
    file: 'src/app/within_lease.rs',
    find: 'if left < LEAST_MS {',
    replace: 'if left < LEAST_MS && !MUTANT {',
  },
  {
    name: 'late-word-left-standing', within: 3000,
    breaks: 'the status comment says "running" for ever',
    file: 'src/app/run_effects.rs',
    find: 'if self.clock.now() >= until && leased.effect.again() == Again::Refresh {',
    replace: 'if self.clock.now() >= until && leased.effect.again() == Again::Refresh && !MUTANT {',
  },
  {
    name: 'pause-not-kept', within: 1000,
    breaks: 'GitHub blocks the App for calling on against its wish',
    file: 'src/app/keep_pauses.rs',
    find: 'match pauses::pause(self.sql, &key, until).await {',
    replace: 'match if MUTANT { Ok(()) } else { pauses::pause(self.sql, &key, until).await } {',
  },
  {
    name: 'end-of-a-machine-not-noted', within: 1000,
    breaks: 'the machine host is called for dead machines, every minute, for ever',
    file: 'src/app/destroy_machine.rs',
    find: 'commit(self.sql, vec![attempts::gone(id, attempt, now)]).await?;',
    replace: `if !MUTANT {
            commit(self.sql, vec![attempts::gone(id, attempt, now)]).await?;
        }`,
  },
];
