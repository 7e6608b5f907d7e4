// The whole town for an end-to-end test: stand-in GitHub and models, the machine host with the real runner, and the Worker on
// the real runtime, on ports and in directories of their own.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { program } from '../../scripts/build.mjs';
import { agents } from '../../scripts/setup.mjs';
import { freePort, startWorker } from './alone.mjs';

/** Values that must be seen nowhere but where they belong. */
export const canaries = {
  github: 'canary-github-0001',
  anthropic: 'canary-anthropic-0001',
  openai: 'canary-openai-0001',
  host: 'canary-host-token-0001',
  webhook: 'canary-webhook-secret-0001',
};
const encryption = `1:${Buffer.alloc(32, 7).toString('base64')}`;
export const repository = 'acme/demo';

/** A program of ours, ready. */
export async function start(t, name, args, env) {
  const child = spawn(program(name), args, { env: { PATH: process.env.PATH, HOME: process.env.HOME, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines = [];
  const ended = new Promise((done) => child.once('close', done));
  await new Promise((ready, failed) => {
    for (const input of [child.stdout, child.stderr]) {
      createInterface({ input }).on('line', (line) => {
        lines.push(line);
        if (line.startsWith('ready ')) ready();
      });
    }
    void ended.then((status) => failed(new Error(`${name} ended with ${status}:\n${lines.join('\n')}`)));
  });
  t.after(async () => {
    child.kill('SIGTERM');
    await ended;
  });
  return lines;
}

/** How Porter is let in to GitHub: by the bot account's token, or as an App of its own. */
const identity = {
  token: () => ({ GITHUB_TOKEN: canaries.github, GITHUB_USER: 'porter-bot' }),
  app: (key) => ({ GITHUB_APP_ID: '4242', GITHUB_APP_PRIVATE_KEY: readFileSync(key, 'utf8') }),
};

/** The Worker's settings by its peers' addresses; undefined ones are left out. `api` is GitHub's, when something is in between. */
export const workerSettings = ({ worker, machines, world, api = world, models }, settings) => Object.fromEntries(Object.entries({
  PUBLIC_APP_URL: worker, ENCRYPTION_KEYS: encryption, FLY_API_URL: machines, FLY_API_TOKEN: canaries.host,
  FLY_APP_NAME: 'porter-tests', WORKER_IMAGE: 'local', GITHUB_API_URL: `${api}/api/v3`, GITHUB_URL: world,
  GITHUB_WEBHOOK_SECRET: canaries.webhook, PORTER_OWNERS: 'acme',
  ANTHROPIC_BASE_URL: models, OPENAI_BASE_URL: models, ANTHROPIC_API_KEY: canaries.anthropic, OPENAI_API_KEY: canaries.openai,
  PORTER_START_TOKEN: 'start-token-for-tests', ...settings,
}).filter(([, value]) => value !== undefined));

/** Starts everything; `settings` are added to the Worker's own, and undefined ones taken from it. */
export async function town(t, settings = {}, as = 'token') {
  const [world, models, machines, worker] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const directory = mkdtempSync(join(tmpdir(), 'porter-town-'));
  const at = (port) => `http://127.0.0.1:${port}`;
  const worldLog = await start(t, 'porter-world', [
    '--port', String(world), '--model-port', String(models), '--git-dir', join(directory, 'git'),
    '--webhook-url', `${at(worker)}/api/webhooks/github`, '--seed-demo', ...(as === 'app' ? ['--app-key', join(directory, 'app.pem')] : []),
  ], { GITHUB_WEBHOOK_SECRET: canaries.webhook, WORLD_GITHUB_TOKEN: canaries.github, WORLD_MODEL_KEYS: `${canaries.anthropic},${canaries.openai}` });
  const hostLog = await start(t, 'porter-machines', [
    '--port', String(machines), '--state', join(directory, 'machines'), '--runner', program('porter-runner'), '--agents-dir', agents,
    '--app', 'porter-tests',
  ], { FLY_API_TOKEN: canaries.host });
  const porter = await startWorker(t, {
    port: worker,
    state: join(directory, 'state'),
    args: ['--cron-every', '5'],
    settings: workerSettings({ worker: at(worker), machines: at(machines), world: at(world), models: at(models) }, {
      ...identity[as](join(directory, 'app.pem')), ...settings,
    }),
  });
  t.after(() => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }));
  return new Town({ world: at(world), models: at(models), machines: at(machines), porter: porter.url, directory, logs: { world: worldLog, host: hostLog, porter: porter.log } });
}

/** The town, in the product's words. */
export class Town {
  constructor(parts) {
    Object.assign(this, parts);
  }

  /** A message to the stand-in's control. */
  async control(what, body) {
    const answer = await fetch(`${this.world}/_world/${what}`, body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${what}: ${await answer.text()}`);
    return answer.json();
  }

  async issue(title, body, author = 'alice') {
    const made = await this.control('issue', { repo: repository, author, title, body });
    return made.number ?? made.issue;
  }

  comment(issue, body, author = 'alice') {
    return this.control('comment', { repo: repository, author, issue, body });
  }

  /** An issue or pull request as people see it. */
  async see(number) {
    const { repositories } = await this.control('state');
    return repositories.find((one) => one.full_name === repository).issues.find((one) => one.number === number);
  }

  async pullRequests() {
    const { repositories } = await this.control('state');
    return repositories.find((one) => one.full_name === repository).issues.filter((one) => one.pull);
  }

  /** A GET of Porter's API. */
  async api(path) {
    const answer = await fetch(this.porter + path);
    return { status: answer.status, body: await answer.json() };
  }

  /** The only task of an issue, once it has ended; fails with everything that was logged when it does not. */
  async ended(issue, seconds = 90) {
    for (const until = Date.now() + seconds * 1000; Date.now() < until; await new Promise((wake) => setTimeout(wake, 300))) {
      const { body } = await this.api('/api/tasks');
      const tasks = body.tasks.filter((one) => one.issueNumber === issue);
      const last = tasks[0];
      if (last && !['queued', 'running'].includes(last.status)) return (await this.api(`/api/tasks/${last.id}`)).body;
    }
    const { porter, host, world } = this.logs;
    throw new Error(`no end within ${seconds} s\n--- worker\n${porter.slice(-40).join('\n')}\n--- machines\n${host.slice(-40).join('\n')}\n--- world\n${world.slice(-10).join('\n')}`);
  }
}
