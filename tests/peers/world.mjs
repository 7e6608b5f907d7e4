// Starts the served world on free ports, with a receiver for its webhooks. Ended with `stop()`.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = process.env.PORTER_WORLD_BIN ?? fileURLToPath(new URL('../../target/debug/porter-world', import.meta.url));
export const SECRET = 'webhook-secret-for-tests';
export const TOKEN = 'canary-github-0001';

/** A port nobody listens on at the moment. */
export function freePort() {
  return new Promise((done) => {
    const probe = createTcp().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}

/** Waits until `look` gives something other than undefined or false. */
export async function until(look, words, patienceMs = 20_000) {
  const end = Date.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (seen) return seen;
    if (Date.now() > end) throw new Error(`never seen: ${words}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A world with the demo; with `app` a GitHub App, else a bot account's token. */
export async function start({ app = false } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'porter-world-'));
  const received = [];
  const receiver = createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      received.push({ headers: request.headers, text: Buffer.concat(chunks).toString() });
      response.writeHead(202).end();
    });
  });
  await new Promise((done) => receiver.listen(0, '127.0.0.1', done));
  const [port, modelPort] = [await freePort(), await freePort()];
  const key = join(folder, 'app.pem');
  const words = ['--port', port, '--model-port', modelPort, '--git-dir', join(folder, 'git'), '--seed-demo'];
  words.push('--webhook-url', `http://127.0.0.1:${receiver.address().port}/`, ...(app ? ['--app-key', key] : []));
  const child = spawn(PROGRAM, words.map(String), {
    env: { ...process.env, GITHUB_WEBHOOK_SECRET: SECRET },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await new Promise((done, fail) => {
    child.stdout.on('data', (text) => String(text).includes('ready') && done());
    child.on('exit', (code) => fail(new Error(`the world ended with ${code}`)));
  });
  const web = `http://127.0.0.1:${port}`;
  return {
    web,
    api: `${web}/api/v3`,
    models: `http://127.0.0.1:${modelPort}`,
    received,
    privateKey: app ? readFileSync(key, 'utf8') : null,
    /** A control message; see GET /_world/help. */
    async control(what, body) {
      const answer = await fetch(`${web}/_world/${what}`, body && { method: 'POST', body: JSON.stringify(body) });
      const value = await answer.json();
      if (!answer.ok) throw new Error(`${what}: ${value.error}`);
      return value;
    },
    async stop() {
      receiver.close();
      receiver.closeAllConnections();
      const ended = new Promise((done) => child.once('exit', done));
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
