// The town without agents: stand-in GitHub, instant machines, the Worker on the real runtime, and a server between Porter and
// each of them. The Worker can be killed and started again on the same state.

import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { globSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

import { tick } from '../../scripts/cron.mjs';
import { processes } from '../processes.mjs';
import { freePort, startWorker, stateDirectory } from './alone.mjs';
import { between } from './between.mjs';
import { instantHost } from './instant.mjs';
import { canaries, start, workerSettings } from './town.mjs';

export const pause = (ms) => new Promise((wake) => setTimeout(wake, ms));

/** Whether `check` comes true within so many seconds. */
export async function within(seconds, check, every = 200) {
  for (const until = Date.now() + seconds * 1000; Date.now() < until; await pause(every)) if (await check()) return true;
  return false;
}

/** Takes webhooks in without passing them on: what GitHub would deliver, to be sent by the test as it likes. */
async function mailbox(t) {
  const letters = [];
  const server = createServer(async (request, response) => {
    letters.push({ headers: request.headers, body: Buffer.concat(await request.toArray()).toString() });
    response.writeHead(202).end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => { server.close(); server.closeAllConnections(); });
  return { url: `http://127.0.0.1:${server.address().port}`, letters };
}

/**
 * Starts everything but the Worker. `by: 'mail'` keeps GitHub's deliveries for the test to send; else GitHub sends them.
 * `direct` leaves out the servers between. `below` is where the state lies.
 */
export async function village(t, { settings = {}, by = 'webhook', direct = false, seed, below } = {}) {
  const directory = stateDirectory(t, below);
  const [worldPort, port] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const mail = by === 'mail' ? await mailbox(t) : null;
  const world = `http://127.0.0.1:${worldPort}`;
  await start(t, 'porter-world', [
    '--port', String(worldPort), '--git-dir', join(directory, 'git'), '--webhook-url', mail?.url ?? `${url}/api/webhooks/github`,
  ], { GITHUB_WEBHOOK_SECRET: canaries.webhook, WORLD_GITHUB_TOKEN: canaries.github });
  const host = await instantHost(t, { token: canaries.host, seed });
  const [github, fly] = direct ? [null, null] : [await between(t, world), await between(t, host.url)];
  const here = new Village({ t, port, porter: url, world, host, github, fly, directory, state: join(directory, 'state'), mail });
  here.settings = workerSettings({ worker: url, machines: fly?.url ?? host.url, world, api: github?.url ?? world, models: world }, {
    GITHUB_TOKEN: canaries.github, GITHUB_USER: 'porter-bot', ...settings,
  });
  await here.control('limit', { an_hour: 1_000_000_000 });
  return here;
}

/** The village, in the product's words. */
class Village {
  constructor(parts) {
    Object.assign(this, parts);
  }

  /** Starts the Worker on the village's state, again if need be. Cron fires only by `tick`. */
  async open() {
    this.worker = await startWorker(this.t, { port: this.port, state: this.state, settings: this.settings });
    if (!this.worker.log.at(-1)?.startsWith('ready ')) throw new Error(`the Worker did not start:\n${this.worker.log.join('\n')}`);
  }

  /** Ends the Worker as a power cut does. */
  async kill() {
    process.kill(-this.worker.child.pid, 'SIGKILL');
    await this.worker.ended;
    await within(5, () => fetch(this.porter).then(() => false, () => true), 20);
  }

  tick() {
    return tick(this.porter);
  }

  /** Ticks until `check` comes true, or so many seconds have passed. */
  ticking(seconds, check, every = 500) {
    return within(seconds, async () => {
      await this.tick();
      return check();
    }, every);
  }

  /** A message to the stand-in's control. */
  async control(what, body) {
    const answer = await fetch(`${this.world}/_world/${what}`, body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${what}: ${await answer.text()}`);
    return answer.json();
  }

  /** A repository of a person's own, with an issue: so nobody waits for anybody. */
  async place(name, files = {}) {
    const [repo, author] = [`acme/${name}`, `the-${name}`];
    await this.control('user', { login: author });
    await this.control('repo', { owner: 'acme', name, files: { 'README.md': '# Ground\n', ...files } });
    for (const login of [author, 'porter-bot']) await this.control('permission', { repo, login, role: 'write' });
    const { number } = await this.control('issue', { repo, author, title: 'Something is to be done', body: 'See the README.' });
    return { name, repo, author, issue: number };
  }

  comment({ repo, issue, author }, body = '@porter claude do it') {
    return this.control('comment', { repo, author, issue, body });
  }

  /** The letters that GitHub has for Porter about comments, once there are so many. */
  async letters(count) {
    const comments = () => this.mail.letters.filter(({ headers }) => headers['x-github-event'] === 'issue_comment');
    if (!await within(10, () => comments().length >= count, 20)) throw new Error(`${comments().length} letters of ${count}`);
    return comments();
  }

  /** Whether a call concerns a repository: by its path, by a machine's environment, or by a machine's id. */
  concerns(repo, { path, body }) {
    const machine = this.host.machines.get(path.match(/\/machines\/(\w+)/)?.[1]);
    return path.includes(`/repos/${repo}/`) || body.includes(`"${repo}"`) || machine?.config.env.REPO_FULL_NAME === repo;
  }

  /** All tasks, as the API lists them. */
  async tasks() {
    const all = [];
    for (let cursor = ''; ;) {
      const answer = await fetch(`${this.porter}/api/tasks?limit=100${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
      const { tasks, next } = await answer.json();
      all.push(...tasks);
      if (!next) return all;
      cursor = next;
    }
  }

  /** How many effects stand in each state, from the metrics. */
  async effects() {
    const text = await fetch(`${this.porter}/metrics`).then((answer) => answer.text());
    return Object.fromEntries([...text.matchAll(/^porter_effects\{state="(\w+)"\} (\d+)$/gm)].map(([, state, count]) => [state, Number(count)]));
  }

  /** What people see, by repository. */
  async seen() {
    const { repositories } = await this.control('state');
    return new Map(repositories.map((one) => [one.full_name, one]));
  }

  /** Sends a letter to Porter as GitHub would. Gives the status and the body. */
  async deliver({ headers, body }, { id = headers['x-github-delivery'], signature = headers['x-hub-signature-256'] } = {}) {
    const answer = await fetch(`${this.porter}/api/webhooks/github`, {
      method: 'POST', body,
      headers: { 'content-type': 'application/json', 'x-github-event': headers['x-github-event'], 'x-github-delivery': id, 'x-hub-signature-256': signature },
    });
    const text = await answer.text();
    return { status: answer.status, body: text && JSON.parse(text) };
  }

  /** The database's file, to be looked at only. Numbers come as BigInt. */
  rows(sql, ...values) {
    const [file] = globSync(join(this.state, '**', '*.sqlite')).filter((name) => !name.includes('metadata'));
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      return statement.all(...values);
    } finally {
      database.close();
    }
  }

  /** The resident memory of the runtime, in MiB. */
  memory() {
    const all = processes();
    const family = new Set([this.worker.child.pid]);
    for (let size = 0; size !== family.size;) {
      size = family.size;
      for (const { pid, parent } of all) if (family.has(parent)) family.add(pid);
    }
    const runtime = all.filter(({ pid, args }) => family.has(pid) && args[0].endsWith('workerd'));
    const kib = runtime.map(({ pid }) => Number(readFileSync(`/proc/${pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+)/m)[1]));
    return Math.round(kib.reduce((sum, one) => sum + one, 0) / 1024);
  }
}

/** The signature of a body by the webhook's secret. */
export const signed = (body) => `sha256=${createHmac('sha256', canaries.webhook).update(body).digest('hex')}`;

/** A status comment of Porter's, not the comment on an end. */
export const isStatus = ({ author, body }) => author === 'porter-bot' && /<!-- porter:task=\w+ -->/.test(body);
