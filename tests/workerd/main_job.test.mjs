// The main job for real: real agent programs, real git, the real runner in its box, the Worker on the real runtime.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';

import { soon } from '../processes.mjs';
import { canaries, town } from './town.mjs';

const agents = [
  { name: 'claude', command: '@porter claude fix the flaky test' },
  { name: 'opencode', command: '@porter opencode fix the flaky test' },
  { name: 'codex', command: '@porter codex --model=gpt-5.1 fix the flaky test' },
];

test('real agents turn comments into pull requests, and a second command adds a commit', { timeout: 400_000 }, async (t) => {
  const here = await town(t);
  const made = [];
  for (const { name, command } of agents) {
    await t.test(`${name} makes a pull request`, async () => {
      const issue = await here.issue(`The test is flaky (${name})`, 'It fails every now and then. See the test in this repository.');
      await here.comment(issue, command);
      const task = await here.ended(issue);
      assert.equal(task.status, 'success', `${task.errorMessage}\n${here.logs.porter.slice(-30).join('\n')}`);
      assert.equal(task.agent, name);
      const pull = await here.see(task.prNumber);
      assert.ok(pull.pull.diff.includes('+'), pull.pull.diff);
      assert.ok(await soon(async () => (await here.see(issue)).labels.join() === 'porter:done'), 'the label does not follow');
      const seen = await here.see(issue);
      const ours = seen.comments.filter((one) => one.author === 'porter-bot');
      assert.equal(ours.length, 1);
      assert.match(ours[0].body, new RegExp(`made pull request #${task.prNumber}`));
      made.push({ task, pull, issue });
    });
  }

  await t.test('a second command on the pull request adds a commit to it', async () => {
    const { task, pull } = made[0];
    await here.comment(task.prNumber, '@porter claude add another test');
    const second = await here.ended(task.prNumber);
    assert.equal(second.status, 'success', `${second.errorMessage}\n${here.logs.porter.slice(-30).join('\n')}`);
    assert.equal(second.prNumber, task.prNumber);
    assert.equal(second.branch, task.branch);
    const after = await here.see(task.prNumber);
    assert.notEqual(after.pull.diff, pull.pull.diff);
    assert.equal((await here.pullRequests()).length, made.length);
  });

  await t.test('no key and no token is seen where it does not belong', async () => {
    const { repositories } = await here.control('state');
    const texts = {
      'what GitHub shows': JSON.stringify(repositories),
      'the log of the Worker': here.logs.porter.join('\n'),
      'the log of the machine host': here.logs.host.join('\n'),
      'the list of tasks': JSON.stringify((await here.api('/api/tasks')).body),
    };
    for (const { task } of made) {
      const events = await fetch(`${here.porter}/api/tasks/${task.id}/events`, { signal: AbortSignal.timeout(2500) }).then(firstBytes, () => '');
      assert.ok(events.includes('event: state'), events);
      texts[`the story of ${task.id}`] = events;
      texts[`the task ${task.id}`] = JSON.stringify(task);
    }
    const host = await fetch(`${here.machines}/v1/apps/porter-tests/machines?include_deleted=true`, { headers: { authorization: `Bearer ${canaries.host}` } });
    const record = await host.text();
    assert.ok(record.includes(made[0].task.id), 'the host has a record of the machine');
    assert.equal(record.includes('fix the flaky test'), false, 'the prompt in the record of the machine host');
    texts['the record of the machine host'] = record;
    for (const file of filesBelow(join(here.directory, 'machines'))) texts[file] = readFileSync(file, 'latin1');
    for (const file of filesBelow(join(here.directory, 'state'))) texts[file] = readFileSync(file, 'latin1');
    for (const [where, text] of Object.entries(texts)) {
      for (const [name, value] of Object.entries(canaries)) assert.equal(text.includes(value), false, `${name} in ${where}`);
    }
  });
});

/** Every file below a directory. */
function filesBelow(directory) {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** What a stream says within two seconds. */
async function firstBytes(answer) {
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  try {
    for (const until = Date.now() + 2000; Date.now() < until;) {
      const { value, done } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
  } catch { /* the time is up */ }
  return text;
}
