// A panic in one request, in the work after an answer, in a stream or in the cron trigger's work leaves everybody else unharmed.
// The panics are Rust's own, in the Worker as it is built: tests/workerd/panicky.js says how.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { test } from 'node:test';

import { tick } from '../../scripts/cron.mjs';
import { migrate } from '../../scripts/migrate.mjs';
import { root } from '../../scripts/places.mjs';
import { runtimeOptions } from '../../scripts/runtime.mjs';
import { freePort, stateDirectory } from './alone.mjs';
import { canaries, workerSettings } from './town.mjs';
import { signed, within } from './village.mjs';

/** A GitHub that takes its time, knows no file and is of no help otherwise. */
async function slowGithub(t, ms) {
  const server = createServer(({ url }, response) => setTimeout(() => response.writeHead(url.includes('/contents/') ? 404 : 503).end('{}'), ms));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.close(); server.closeAllConnections(); });
  return `http://127.0.0.1:${server.address().port}`;
}

/** The Worker under a database that can throw. */
async function panicky(t) {
  const [port, github] = [await freePort(), await slowGithub(t, 1500)];
  const url = `http://127.0.0.1:${port}`;
  process.env.PORTER_WORKERD = (await import('workerd')).default.default;
  process.env.MINIFLARE_WORKERD_PATH = join(root, 'scripts', 'workerd-guarded.sh');
  const environment = workerSettings({ worker: url, machines: github, world: github, models: github }, { GITHUB_TOKEN: canaries.github, GITHUB_USER: 'porter-bot' });
  const options = await runtimeOptions({ port, state: stateDirectory(t), environment });
  const log = [];
  options.handleStructuredLogs = ({ message }) => log.push(message);
  const { manifest } = options.workers.find(({ config }) => config.name === 'porter').config;
  manifest.modules['panicky.js'] = { type: 'esm', contents: readFileSync(join(import.meta.dirname, 'panicky.js'), 'utf8') };
  manifest.mainModule = 'panicky.js';
  const { Miniflare } = await import('miniflare');
  const runtime = new Miniflare(options);
  t.after(() => runtime.dispose());
  await runtime.ready;
  await migrate(await runtime.getD1Database('DB', 'porter'));
  return { url, log, fault: (text) => fetch(`${url}/api/_fault${text ? `?text=${encodeURIComponent(text)}` : ''}`).then((answer) => answer.json()) };
}

/** A delivery as GitHub makes it: a comment with a command, or an opened issue without one. */
function delivery(number, event = 'issue_comment') {
  const user = { login: 'alice', id: 11, type: 'User' };
  const at = new Date().toISOString();
  const body = JSON.stringify({
    action: event === 'issues' ? 'opened' : 'created', sender: user,
    repository: { id: 7, full_name: 'acme/demo', owner: { login: 'acme', id: 1, type: 'Organization' }, private: false, default_branch: 'main' },
    issue: { number, title: 'Something is to be done', body: '', state: 'open', user, labels: [], created_at: at, updated_at: at, html_url: 'http://127.0.0.1/i' },
    comment: { id: number, body: '@porter claude do it', user, created_at: at, updated_at: at, html_url: 'http://127.0.0.1/c' },
  });
  const headers = { 'content-type': 'application/json', 'x-github-event': event, 'x-github-delivery': `${event}-${number}`, 'x-hub-signature-256': signed(body) };
  return { method: 'POST', body, headers };
}

/** An open stream of a task's events, and what it has said so far. */
async function listen(here, task) {
  const answer = await fetch(`${here.url}/api/tasks/${task}/events`);
  const stream = { text: '', ended: false };
  const decoder = new TextDecoder();
  void (async () => {
    try {
      for await (const part of answer.body) stream.text += decoder.decode(part, { stream: true });
    } catch { /* cut off */ }
    stream.ended = true;
  })();
  assert.ok(await within(5, () => stream.text.includes('event: state'), 50));
  return stream;
}

test('a panic is its own request\'s, and nobody else\'s', { timeout: 120_000 }, async (t) => {
  const here = await panicky(t);
  const send = (number, event) => fetch(`${here.url}/api/webhooks/github`, delivery(number, event));
  const made = await send(1);
  assert.equal(made.status, 202);
  const { task_id } = await made.json();
  const stream = await listen(here, task_id);
  const { instance } = await here.fault();

  /** The panics in the log since, each with what it ended. */
  let seen = here.log.length;
  const panics = async (doing) => {
    const ended = () => here.log.slice(seen).filter((line) => line.includes('"error":"a panic"'));
    assert.ok(await within(5, () => ended().length > 0, 50), `no panic in the log:\n${here.log.slice(seen).join('\n')}`);
    const lines = here.log.slice(seen);
    seen = here.log.length;
    assert.ok(lines.some((line) => /panicked at .*worker-[\d.]+\/src\/d1\/mod\.rs/.test(line)), lines.join('\n'));
    assert.deepEqual(lines.filter((line) => line.includes('"error":"a panic"')).map((line) => JSON.parse(line).doing), [doing]);
    return lines;
  };

  /** A request that waits for GitHub inside the Worker, which must know the repository's wish before it answers. */
  const slow = async () => {
    const began = Date.now();
    const answer = await send(100, 'issues');
    return [answer.status, Date.now() - began >= 1400];
  };
  const asEver = [200, true];

  const unharmed = async () => {
    assert.equal((await fetch(`${here.url}/api/tasks`)).status, 200, 'the next request');
    assert.equal(stream.ended, false, 'the open stream');
    assert.equal((await here.fault()).instance, instance, 'WebAssembly goes on in the same instance');
  };

  await t.test('in a request', async () => {
    const waiting = slow();
    await here.fault('FROM tasks WHERE (created_at, id)');
    const answer = await fetch(`${here.url}/api/tasks`);
    assert.equal(answer.status, 500);
    const { error } = await answer.json();
    assert.equal(error.code, 'internal');
    const lines = await panics('answering a request');
    assert.ok(lines.some((line) => line.includes(error.request_id)), 'the answer\'s id is in the log');
    assert.deepEqual(await waiting, asEver, 'a slow request that was under way');
    await unharmed();
  });

  await t.test('in a delivery, which is then taken in when it comes again', async () => {
    const waiting = slow();
    await here.fault('INSERT INTO tasks');
    const answer = await send(2);
    assert.equal(answer.status, 500);
    assert.equal((await answer.json()).error.code, 'internal');
    await panics('answering a request');
    assert.equal((await send(2)).status, 202);
    assert.deepEqual(await waiting, asEver);
    await unharmed();
  });

  await t.test('in the work after an answer', async () => {
    const waiting = slow();
    await here.fault('UPDATE effects SET lease_until');
    assert.equal((await send(3)).status, 202);
    await panics('draining the outbox');
    assert.deepEqual(await waiting, asEver);
    await unharmed();
  });

  await t.test('in the cron trigger\'s work, which the next tick does', async () => {
    const waiting = slow();
    const ticked = () => fetch(`${here.url}/metrics`).then((answer) => answer.text()).then((text) => text.includes('porter_seconds_since_tick'));
    // A statement that only the trigger's work makes: what earlier deliveries left may still be under way.
    await here.fault('DELETE FROM log_batches');
    assert.equal((await tick(here.url)).status, 200);
    await panics('the cron trigger\'s work');
    assert.equal(await ticked(), false);
    assert.deepEqual(await waiting, asEver);
    assert.equal((await tick(here.url)).status, 200);
    assert.equal(await ticked(), true);
    await unharmed();
  });

  await t.test('in another stream, which ends', async () => {
    const other = await listen(here, task_id);
    const waiting = slow();
    await here.fault('FROM task_events');
    assert.ok(await within(10, () => other.ended || stream.ended, 50));
    assert.notEqual(other.ended, stream.ended);
    assert.ok(here.log.slice(seen).some((line) => line.includes('panicked at')), 'it was a panic that ended it');
    const survivor = other.ended ? stream : other;
    assert.deepEqual(await waiting, asEver);
    assert.equal((await fetch(`${here.url}/api/tasks`)).status, 200);
    assert.equal((await here.fault()).instance, instance);
    // What happens later still arrives.
    const headers = { 'content-type': 'application/json', origin: here.url, 'x-porter-start-token': 'start-token-for-tests' };
    const stopped = await fetch(`${here.url}/api/tasks/${task_id}/stop`, { method: 'POST', headers, body: '{}' });
    assert.equal(stopped.status, 202);
    assert.ok(await within(8, () => survivor.text.includes('"kind":"stopped"'), 50), survivor.text);
  });
});
