//! Porter as the pages see it: the real static files with their real headers, and canned answers that a test can change.

import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ASSETS = fileURLToPath(new URL('../../assets/', import.meta.url));
/** @type {Record<string, string>} */
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };

/** The time all canned tasks are told from. */
const NOW = Date.now();
/** @param {number} seconds */
export const before = (seconds) => new Date(NOW - seconds * 1000).toISOString();

/** @param {object} [more] */
export function task(more = {}) {
  return {
    id: 'aaaaaaaaaaaaaaaaaaaa',
    status: 'queued',
    repoOwner: 'acme',
    repoName: 'rocket',
    issueNumber: 12,
    issueTitle: 'Flaky test in the launch sequence',
    issueBody: 'The test `ignites_in_order` fails about one time in ten.',
    agent: 'claude',
    priority: 1,
    progress: 0,
    phase: null,
    createdBy: 'ada',
    branch: null,
    prUrl: null,
    prNumber: null,
    createdAt: before(30),
    startedAt: null,
    completedAt: null,
    errorMessage: null,
    retryOf: null,
    usage: null,
    promptHash: null,
    readiness: null,
    ...more,
  };
}

/** Everything a test can set, and what the pages asked for. */
export class StandIn {
  /** @type {ReturnType<typeof task>[]} */
  tasks = [];
  /** @type {Record<string, {id: number, event: string, data: object}[]>} */
  events = {};
  /** @type {object | null} */
  local = null;
  check = { ok: true, checks: [{ name: 'Database', ok: true, detail: 'Migrated.', remedy: null }] };
  checkStatus = 200;
  /** @type {{status: number, body: object} | null} an answer in place of every other under /api/tasks */
  trouble = null;
  /** @type {string | null} the cursor of the second page; the first then holds all but the last task */
  cursor = null;
  /** @type {{method: string, path: string, headers: import('node:http').IncomingHttpHeaders, body: string}[]} */
  asked = [];
  /** How many streams end by themselves right after what they have to say. */
  breaking = 0;

  async start() {
    const rules = await readFile(join(ASSETS, '_headers'), 'utf8');
    const lines = rules.split('\n').filter((line) => line.startsWith('  '));
    this.headers = lines.map((line) => /** @type {[string, string]} */ ([line.slice(0, line.indexOf(':')).trim(), line.slice(line.indexOf(':') + 1).trim()]));
    this.server = createServer((request, response) => void this.#answer(request, response));
    await new Promise((done) => this.server?.listen(0, '127.0.0.1', () => done(null)));
    const address = /** @type {import('node:net').AddressInfo} */ (this.server.address());
    this.url = `http://127.0.0.1:${address.port}`;
    return this;
  }

  async stop() {
    this.server?.closeAllConnections();
    await new Promise((done) => this.server?.close(done));
  }

  /** @param {string} method @param {string} path */
  requests(method, path) {
    return this.asked.filter((asked) => asked.method === method && asked.path === path);
  }

  /** @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
  async #answer(request, response) {
    const url = new URL(request.url ?? '/', this.url);
    let body = '';
    for await (const chunk of request) body += chunk;
    this.asked.push({ method: request.method ?? '', path: url.pathname, headers: request.headers, body });
    if (url.pathname.startsWith('/api/')) return this.#api(request, url, response);
    for (const [name, value] of this.headers ?? []) response.setHeader(name, value);
    const path = normalize(url.pathname);
    const file = extname(path) ? path : '/index.html';
    try {
      const bytes = await readFile(join(ASSETS, file));
      response.writeHead(200, { 'content-type': TYPES[extname(file)] ?? 'text/plain' }).end(bytes);
    } catch {
      response.writeHead(404).end();
    }
  }

  /** @param {import('node:http').IncomingMessage} request @param {URL} url @param {import('node:http').ServerResponse} response */
  #api(request, url, response) {
    /** @param {number} status @param {object} body */
    const json = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    const missing = () => json(404, { error: { code: 'not_found', message: 'There is nothing here.', request_id: 'req-404' } });
    const [, , room, id, verb] = url.pathname.split('/');
    if (url.pathname === '/api/local') return this.local ? json(200, this.local) : missing();
    if (url.pathname === '/api/local/comment') return json(201, { id: 1 });
    if (url.pathname === '/api/startup/check') return json(this.checkStatus, this.check);
    if (room !== 'tasks') return missing();
    if (this.trouble) return json(this.trouble.status, this.trouble.body);
    if (!id) return json(200, this.#page(url.searchParams));
    const found = this.tasks.find((task) => task.id === id);
    if (!found) return missing();
    if (verb === 'status') return json(200, found);
    if (verb === 'events') return this.#stream(id, request, response);
    if (verb === 'stop' && request.method === 'POST') {
      Object.assign(found, { status: 'stopped', completedAt: before(0), errorMessage: 'Stopped by ada.' });
      return json(202, {});
    }
    if (verb === 'retry' && request.method === 'POST') {
      this.tasks.unshift(task({ ...found, id: 'rrrrrrrrrrrrrrrrrrrr', status: 'queued', retryOf: id, errorMessage: null }));
      return json(202, { task_id: 'rrrrrrrrrrrrrrrrrrrr' });
    }
    return missing();
  }

  /** @param {URLSearchParams} query */
  #page(query) {
    const status = query.get('status');
    const wanted = this.tasks.filter((task) => !status || task.status === status);
    if (!this.cursor) return { tasks: wanted, next: null };
    return query.get('cursor') === this.cursor
      ? { tasks: wanted.slice(-1), next: null }
      : { tasks: wanted.slice(0, -1), next: this.cursor };
  }

  /** @param {string} id @param {import('node:http').IncomingMessage} request @param {import('node:http').ServerResponse} response */
  #stream(id, request, response) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write('retry: 100\n\n');
    let sent = Number(request.headers['last-event-id'] ?? 0);
    const send = () => {
      for (const event of (this.events[id] ?? []).filter((event) => event.id > sent)) {
        response.write(`id: ${event.id}\nevent: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`);
        sent = event.id;
      }
    };
    send();
    if (this.breaking > 0) {
      this.breaking -= 1;
      response.end();
      return;
    }
    const timer = setInterval(send, 50);
    response.on('close', () => clearInterval(timer));
  }
}
