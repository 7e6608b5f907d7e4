// A bad day at full load, on the real runtime: 500 deliveries at once with repeats and forgeries among them, a machine host that
// fails and loses answers, cron running. Everything accepted comes to one end that people see, and memory stays flat.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';

import { fireCron } from '../../scripts/cron.mjs';
import { dice } from './instant.mjs';
import { isStatus, village, within } from './village.mjs';

/** Where the database lies: in memory where that can be had. This computer's disk is not what is measured. */
const below = existsSync('/dev/shm') ? '/dev/shm' : undefined;

/** Seconds as people read them. */
const seconds = (ms) => `${(ms / 1000).toFixed(1)} s`;

/** People who may write in a repository. Gives their logins. */
async function crowd(here, repo, count) {
  const logins = Array.from({ length: count }, (_, index) => `person-${index}`);
  await here.control('repo', { owner: 'acme', name: repo.split('/')[1], files: { 'README.md': '# Ground\n' } });
  for (const login of logins) await here.control('user', { login });
  for (const login of [...logins, 'porter-bot']) await here.control('permission', { repo, login, role: 'write' });
  return logins;
}

/** One comment each on issues of their own: the deliveries that GitHub has for them. */
async function commands(here, repo, people, count) {
  const before = here.mail.letters.filter(isComment).length;
  for (let index = 0; index < count; index += 1) {
    const author = people[index % people.length];
    const { number } = await here.control('issue', { repo, author, title: `Wish ${index}`, body: 'See the README.' });
    await here.control('comment', { repo, author, issue: number, body: '@porter claude do it' });
  }
  return (await here.letters(before + count)).slice(before);
}

const isComment = ({ headers }) => headers['x-github-event'] === 'issue_comment';
const issueOf = ({ body }) => JSON.parse(body).issue.number;

/** Everything at once: each letter, every tenth twice, and forged ones. Gives what the answers took, in milliseconds, sorted. */
async function flood(here, letters, forged) {
  const took = [];
  const send = async (letter, options) => {
    const began = Date.now();
    const { status, body } = await here.deliver(letter, options);
    took.push(Date.now() - began);
    return { status, task: body?.task_id };
  };
  const repeated = letters.filter((_, index) => index % 10 === 0);
  const [first, again, bad] = await Promise.all([
    Promise.all(letters.map((letter) => send(letter))),
    Promise.all(repeated.map((letter) => send(letter))),
    Promise.all(forged.map((letter) => send(letter, { signature: `sha256=${'0'.repeat(64)}` }))),
  ]);
  assert.deepEqual([...new Set(bad.map(({ status }) => status))], [401]);
  const accepted = [...first, ...again].filter(({ status }) => status === 202);
  assert.deepEqual([...first, ...again].filter(({ status }) => status !== 202 && status !== 200), []);
  assert.equal(new Set(accepted.map(({ task }) => task)).size, letters.length);
  assert.equal(accepted.length, letters.length);
  return took.sort((one, other) => one - other);
}

/** Each issue has one task with one final state, one status comment that says so, one pull request; and nobody else's has any. */
async function assertEnds(here, repo, letters, statuses) {
  const wanted = new Set(letters.map(issueOf));
  const tasks = (await here.tasks()).filter(({ issueNumber }) => wanted.has(issueNumber));
  assert.equal(tasks.length, wanted.size);
  const odd = tasks.filter(({ status }) => !statuses.includes(status));
  assert.deepEqual(odd.map(({ issueNumber, status, state, errorMessage }) => ({ issueNumber, status, state, errorMessage })), []);
  const finals = here.rows(`SELECT task_id, count(*) AS n FROM task_events WHERE kind IN
    ('published', 'nothing_changed', 'failed', 'launch_refused', 'timed_out', 'stopped', 'gave_up', 'denied') GROUP BY task_id HAVING n <> 1`);
  assert.deepEqual(finals, []);
  const { issues } = (await here.seen()).get(repo);
  const pulls = issues.filter(({ pull }) => pull);
  for (const { issueNumber, status, prNumber } of tasks) {
    const { comments, labels } = issues.find(({ number }) => number === issueNumber);
    const ours = comments.filter(({ author }) => author === 'porter-bot');
    const success = status === 'success';
    assert.deepEqual(ours.map(isStatus), success ? [true] : [true, false], `#${issueNumber}: ${JSON.stringify(ours)}`);
    assert.deepEqual(labels, [success ? 'porter:done' : 'porter:failed'], `#${issueNumber}`);
    if (success) assert.ok(ours[0].body.includes(`made pull request #${prNumber}`), ours[0].body);
    const own = pulls.filter(({ body }) => body.includes(`Closes #${issueNumber}\n`));
    assert.deepEqual(own.map(({ number }) => number), success ? [prNumber] : [], `#${issueNumber}`);
  }
}

/** Each task's job was given to one machine. A second one that came up late was turned away. */
function assertClaimedOnce(here, count) {
  const tasks = here.host.claimed().map(({ config }) => config.metadata.porter_task);
  assert.deepEqual([tasks.length, new Set(tasks).size], [count, count]);
}

/** Samples the runtime's memory until it is told to stop. Gives the highest, in MiB. */
function watchMemory(here) {
  let peak = 0;
  const timer = setInterval(() => { peak = Math.max(peak, here.memory()); }, 500).unref();
  return () => {
    clearInterval(timer);
    return Math.max(peak, here.memory());
  };
}

/** Sends everything and waits until nothing is left to do. Gives the figures. */
async function wave(here, letters, forged, patience_s) {
  const stop = watchMemory(here);
  const effectsBefore = (await here.effects()).done ?? 0;
  const began = Date.now();
  const took = await flood(here, letters, forged);
  const answered = Date.now() - began;
  const ended = await within(patience_s, async () => {
    // A machine that worked though its host never confirmed it is looked for until none can come up any more: minutes.
    const { n } = here.rows(`SELECT (SELECT count(*) FROM tasks WHERE finished_at IS NULL)
      + (SELECT count(*) FROM effects WHERE state = 'pending' AND kind <> 'destroy') AS n`)[0];
    return n === 0n && here.host.alive().length === 0;
  }, 500);
  const all = Date.now() - began;
  const left = here.rows('SELECT state, count(*) AS n FROM tasks GROUP BY state').map(({ state, n }) => `${state} ${n}`).join(', ');
  assert.ok(ended, `after ${seconds(all)}: ${left}; ${JSON.stringify(await here.effects())}; ${here.host.alive().length} machines\n${here.worker.log.slice(-20).join('\n')}`);
  const done = (await here.effects()).done - effectsBefore;
  return { answered, all, took, peak: stop(), after: here.memory(), effects: done };
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const told = (name, { answered, all, took, peak, after, effects }) => `${name}: all answered in ${seconds(answered)} (half within ${seconds(at(took, 0.5))}, `
  + `99 % within ${seconds(at(took, 0.99))}), all ended in ${seconds(all)}; ${effects} effects; memory ${peak} MiB at its peak, ${after} MiB after`;

test('500 deliveries at once, twice, on a bad day of the machine host', { timeout: 900_000 }, async (t) => {
  const here = await village(t, { by: 'mail', direct: true, seed: 7, below });
  await here.open();
  const repo = 'acme/busy';
  const people = await crowd(here, repo, 100);
  const [count, forgeries] = [500, 25];
  const letters = await commands(here, repo, people, 2 * (count + forgeries));
  here.host.trouble = { errors: 0.2, lost: 0.05 };
  t.diagnostic(`before: ${here.memory()} MiB`);
  const cron = fireCron(here.porter, 5000, (line) => t.diagnostic(line));
  t.after(() => clearInterval(cron));
  const figures = [];
  for (const round of [0, 1]) {
    const own = letters.slice(round * (count + forgeries), (round + 1) * (count + forgeries));
    const [good, forged] = [own.slice(0, count), own.slice(count)];
    figures.push(await wave(here, good, forged, 400));
    t.diagnostic(told(`wave ${round + 1}`, figures[round]));
    await assertEnds(here, repo, good, ['success']);
    assert.equal((await here.tasks()).length, (round + 1) * count, 'no forgery made a task');
  }
  const { calls, errors, lost } = here.host.met;
  t.diagnostic(`the machine host was asked ${calls} times, failed ${errors} and lost ${lost} answers; ${here.host.machines.size} machines`);
  assert.ok(errors > 0.15 * calls && lost > 0.02 * calls);
  assertClaimedOnce(here, 2 * count);
  assert.ok(figures[1].after <= 1.25 * figures[0].after, 'memory is flat');
});

test('GitHub on a bad day, too', { timeout: 240_000 }, async (t) => {
  const here = await village(t, { by: 'mail', seed: 8, below });
  await here.open();
  const repo = 'acme/busy';
  const people = await crowd(here, repo, 10);
  const letters = await commands(here, repo, people, 22);
  here.host.trouble = { errors: 0.1, lost: 0.05 };
  const roll = dice(9);
  const rules = [{ fate: 'refuse', share: 0.03 }, { fate: 'lose', share: 0.02 }].map(({ fate, share }) => here.github.rule({ fits: () => roll() < share, fate, times: Infinity }));
  const cron = fireCron(here.porter, 3000, (line) => t.diagnostic(line));
  t.after(() => clearInterval(cron));
  const figures = await wave(here, letters.slice(0, 20), letters.slice(20), 180);
  t.diagnostic(told('20 commands', figures));
  t.diagnostic(`GitHub was asked ${here.github.calls.length} times, refused ${rules[0].hits.length} and lost ${rules[1].hits.length} answers`);
  assert.ok(rules.every(({ hits }) => hits.length >= 8));
  await assertEnds(here, repo, letters.slice(0, 20), ['success']);
  assertClaimedOnce(here, 20);
});
