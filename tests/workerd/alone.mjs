// Starts `npm run worker` for a test and ends it with the test.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { root } from '../../scripts/places.mjs';

/** A port that nobody has. */
export function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** A state directory that goes with the test; below the system's own place for such, or another. */
export function stateDirectory(t, below = tmpdir()) {
  const directory = mkdtempSync(join(below, 'porter-worker-'));
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return directory;
}

/**
 * The Worker, answering. `settings` are its environment variables.
 * @returns {Promise<{url: string, child: import('node:child_process').ChildProcess, log: string[], ended: Promise<number | null>}>}
 */
export async function startWorker(t, { port, state, settings = {}, args = ['--no-cron'], cwd = root }) {
  const child = spawn('npm', ['run', '-s', '--prefix', root, 'worker', '--', '--port', String(port), '--state', state, ...args], {
    cwd, env: { PATH: process.env.PATH, HOME: process.env.HOME, ...settings }, stdio: ['ignore', 'pipe', 'pipe'], detached: true,
  });
  const log = [];
  const ended = new Promise((done) => child.once('close', done));
  t.after(async () => {
    try { process.kill(-child.pid, 'SIGKILL'); } catch { /* gone already */ }
    await ended;
  });
  await new Promise((ready) => {
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        log.push(line);
        if (line.startsWith('ready ')) ready();
      });
    }
    void ended.then(ready);
  });
  return { url: `http://127.0.0.1:${port}`, child, log, ended };
}
