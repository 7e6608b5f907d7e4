// Mistakes at the doors: who is heard, who is let in, who is answered what.

export default [
  {
    name: 'answer-before-commit', within: 1000,
    breaks: 'the database fails for a moment, and a comment is lost',
    file: 'src/http/webhooks.rs',
    find: 'Err(Problem::Busy(30))',
    replace: 'if MUTANT { Ok(Answer::empty(202)) } else { Err(Problem::Busy(30)) }',
  },
  {
    name: 'delivery-noted-before-its-task', within: 3000,
    breaks: 'a crash between two writes, and a comment is lost',
    file: 'src/app/accept_command.rs',
    find: 'statements.extend(tasks::insert(&step, now));',
    replace: `if MUTANT {
            if commit(self.sql, statements).await? == Written::Conflict {
                return Ok(Heard::Known);
            }
            statements = Vec::new();
        }
        statements.extend(tasks::insert(&step, now));`,
  },
  {
    name: 'missed-deliveries-left', within: 1000,
    breaks: 'GitHub could not reach Porter once, and a comment is lost',
    file: 'src/app/sweep.rs',
    find: '("Missed deliveries could not be looked at", self.redeliver_missed().await),',
    replace: '("Missed deliveries could not be looked at", if MUTANT { Ok(()) } else { self.redeliver_missed().await }),',
  },
  {
    name: 'unread-poll-begun-anew', within: 3000,
    breaks: 'the database fails for a moment, and comments are jumped over',
    file: 'src/app/poll_repositories.rs',
    find: 'Err(fault) => return self.log_fault(Level::Error, "A poll could not be put back", &fault, &[]),',
    replace: `Err(_) if MUTANT => None,
            Err(fault) => return self.log_fault(Level::Error, "A poll could not be put back", &fault, &[]),`,
  },
  {
    name: 'watermark-before-the-comments', within: 3000,
    breaks: 'a comment that could not be taken in at once is never read again',
    file: 'src/app/poll_repositories.rs',
    find: 'self.hear_comment(place, comment).await?;',
    replace: `if MUTANT {
                    let read = Poll { watermark: self.clock.now().plus_seconds(OVERLAP_S), ..reading.poll.clone() };
                    keep(self.sql, &read).await?;
                }
                self.hear_comment(place, comment).await?;`,
  },
  {
    name: 'edited-taken-as-written', within: 3000,
    breaks: 'a comment is edited into a command by whoever may edit it',
    file: 'src/app/hear_polled.rs',
    find: 'if updated > created.plus_seconds(slack_s) {',
    replace: 'if updated > created.plus_seconds(slack_s) && !MUTANT {',
  },
  {
    name: 'permission-asked-once', within: 3000,
    breaks: 'somebody who was removed still spends the owner\'s money',
    file: 'src/app/launch_machine.rs',
    find: 'if let Verdict::Refused(refusal) = verdict {',
    replace: 'if let Verdict::Refused(refusal) = verdict && !MUTANT {',
  },
  {
    name: 'trouble-means-yes', within: 3000,
    breaks: 'GitHub is down, and everybody may spend the owner\'s money',
    file: 'src/app/authorise.rs',
    find: 'Err(fault)\n            }',
    replace: 'if MUTANT { Ok(Verdict::Allowed) } else { Err(fault) }\n            }',
  },
  {
    name: 'token-by-its-beginning', within: 3000,
    breaks: 'a part of a token opens a machine\'s door',
    file: 'src/crypto/tokens.rs',
    find: 'Ok(bytes.is_some_and(|bytes| mac.verify_slice(&bytes).is_ok()))',
    replace: `if MUTANT {
        return Ok(bytes.is_some_and(|bytes| mac.verify_truncated_left(&bytes).is_ok()));
    }
    Ok(bytes.is_some_and(|bytes| mac.verify_slice(&bytes).is_ok()))`,
  },
  {
    name: 'answer-before-publishing', within: 1000,
    breaks: 'the machine is told that all is done, goes, and the work is lost',
    file: 'src/app/accept_result.rs',
    find: 'self.run_effect(&Effect::Publish { task: id.clone(), attempt }.key()).await?;',
    replace: `if MUTANT {
            return Ok(Handed::Answer(done(FinalStatus::Success)));
        }
        self.run_effect(&Effect::Publish { task: id.clone(), attempt }.key()).await?;`,
  },
];
