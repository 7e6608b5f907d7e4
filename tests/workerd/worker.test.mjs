// `npm run worker` keeps its contract: an outside harness attaches to it, kills it at any moment and starts it again.

import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

import { root } from '../../scripts/places.mjs';
import { processes, soon } from '../processes.mjs';
import { freePort, startWorker, stateDirectory } from './alone.mjs';

const cron = '/cdn-cgi/handler/scheduled?cron=*+*+*+*+*';

/** The process that supervises the runtime of this state directory. */
const supervisor = (state) => processes().find(({ args }) => args.includes(state) && args.some((arg) => arg.endsWith('worker.mjs')) && !args[0].includes('sh'));

const silent = (url) => soon(() => fetch(url).then(() => false, () => true));

test('it says where it is ready, answers there, and fires cron when asked', async (t) => {
  const port = await freePort();
  const worker = await startWorker(t, { port, state: stateDirectory(t) });
  assert.equal(worker.log.at(-1), `ready http://127.0.0.1:${port}`);
  const answer = await fetch(`${worker.url}/api/no-such-thing`);
  assert.equal(answer.status, 404);
  const fired = await fetch(worker.url + cron);
  assert.deepEqual([fired.status, await fired.text()], [200, 'ok']);
});

test('killed outright, with npm or without, it takes everything along and starts again on the same state', async (t) => {
  const [port, state] = [await freePort(), stateDirectory(t)];
  for (const signal of ['the group', 'npm alone', 'the supervisor alone']) {
    const worker = await startWorker(t, { port, state });
    assert.equal(worker.log.at(-1), `ready http://127.0.0.1:${port}`, `before ${signal}: ${worker.log.join('\n')}`);
    assert.equal((await fetch(worker.url + cron)).status, 200);
    if (signal === 'the group') process.kill(-worker.child.pid, 'SIGKILL');
    else if (signal === 'npm alone') process.kill(worker.child.pid, 'SIGKILL');
    else process.kill(supervisor(state).pid, 'SIGKILL');
    assert.ok(await silent(worker.url), `still answering after killing ${signal}`);
  }
});

test('SIGTERM ends it with all its children', async (t) => {
  const [port, state] = [await freePort(), stateDirectory(t)];
  const worker = await startWorker(t, { port, state });
  const { pid } = supervisor(state);
  const family = [pid, ...processes().filter(({ parent }) => parent === pid).map((child) => child.pid)];
  assert.ok(family.length > 1);
  process.kill(worker.child.pid, 'SIGTERM');
  await worker.ended;
  assert.ok(await silent(worker.url));
  assert.ok(await soon(() => !processes().some((one) => family.includes(one.pid))), 'a child is left');
});

test('a taken port is said, with status 1', async (t) => {
  const port = await freePort();
  await startWorker(t, { port, state: stateDirectory(t) });
  const second = await startWorker(t, { port, state: stateDirectory(t) });
  assert.equal(await second.ended, 1);
  assert.match(second.log.join('\n'), new RegExp(`Port ${port} is taken`));
});

test('a .dev.vars lying about is not read', async (t) => {
  const file = join(root, '.dev.vars');
  if (existsSync(file)) return t.skip('there is one of your own');
  writeFileSync(file, 'GITHUB_TOKEN=from-a-file\n');
  t.after(() => rmSync(file, { force: true }));
  const elsewhere = mkdtempSync(join(tmpdir(), 'porter-cwd-'));
  t.after(() => rmSync(elsewhere, { recursive: true }));
  const { runtimeOptions } = await import('../../scripts/runtime.mjs');
  const options = await runtimeOptions({ port: 1, state: elsewhere, environment: { MENTION: '@from-the-environment' } });
  const text = JSON.stringify(options.workers.map(({ config }) => config));
  assert.ok(text.includes('@from-the-environment'));
  assert.equal(text.includes('from-a-file'), false);
});
